/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters, per CPU, of a session and of each of its sockets; and the audit
 * of objects created and destroyed.
 */
#ifndef E2EE_STATS_H
#define E2EE_STATS_H

#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/types.h>
#include <linux/u64_stats_sync.h>
#include <linux/e2ee.h>

/* counters are indexed by enum e2ee_stat; UNSPEC and PAD stay zero */
#define E2EE_STATS_NUM	__E2EE_A_STAT_MAX

/**
 * struct e2ee_stats - one CPU's share
 * @count: packets, indexed by enum e2ee_stat
 * @syncp: lets a 32-bit reader see whole 64-bit values
 */
struct e2ee_stats {
	u64_stats_t count[E2EE_STATS_NUM];
	struct u64_stats_sync syncp;
};

/* kinds of objects whose creations must equal their destructions at unload */
enum e2ee_object {
	E2EE_OBJECT_SESSION,
	E2EE_OBJECT_KEY,
	E2EE_OBJECT_SOCKET,
	E2EE_OBJECT_GUARD,
	E2EE_OBJECT_WINDOW,
	E2EE_OBJECT_HOLD,
	E2EE_OBJECT_LATE,
	E2EE_OBJECT_NUM,
};

/* any context */
void e2ee_stats_add(struct e2ee_stats __percpu *stats, enum e2ee_stat stat,
		    unsigned int packets);
void e2ee_object_created(enum e2ee_object object);
void e2ee_object_destroyed(enum e2ee_object object);

/* process context */
struct e2ee_stats __percpu *e2ee_stats_alloc(gfp_t gfp);
void e2ee_stats_sum(const struct e2ee_stats __percpu *stats,
		    u64 sum[E2EE_STATS_NUM]);
int e2ee_stats_init(void);	/* debugfs e2ee/objects: "name created destroyed" a line */
void e2ee_stats_exit(void);

static inline void e2ee_stats_one(struct e2ee_stats *here, enum e2ee_stat stat)
{
	u64_stats_t *count = &here->count[stat];
	unsigned long flags;

	flags = u64_stats_update_begin_irqsave(&here->syncp);
	u64_stats_set(count, u64_stats_read(count) + 1);
	u64_stats_update_end_irqrestore(&here->syncp, flags);
}

/**
 * e2ee_stats_verdict() - count a packet at both its owners
 * @session: counters
 * @socket: counters; may be NULL
 * @stat: verdict
 *
 * No atomic operation, as no counter of a CPU is written from two contexts:
 *
 * Context: verdicts of sending: process; of receiving: bottom halves off.
 */
static inline void e2ee_stats_verdict(struct e2ee_stats __percpu *session,
				      struct e2ee_stats __percpu *socket,
				      enum e2ee_stat stat)
{
	int cpu = get_cpu();

	e2ee_stats_one(per_cpu_ptr(session, cpu), stat);
	if (likely(socket))
		e2ee_stats_one(per_cpu_ptr(socket, cpu), stat);
	put_cpu();
}

#endif /* E2EE_STATS_H */
