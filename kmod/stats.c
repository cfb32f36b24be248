// SPDX-License-Identifier: GPL-2.0
/*
 * Counters, per CPU, and the audit of objects.
 */
#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include "stats.h"

/**
 * struct e2ee_object_audit - how often a kind of object came and went
 * @name: as the audit prints it
 * @created: how many came
 * @destroyed: how many went
 */
struct e2ee_object_audit {
	const char *name;
	atomic64_t created;
	atomic64_t destroyed;
};

static struct e2ee_object_audit audits[E2EE_OBJECT_NUM] = {
	[E2EE_OBJECT_SESSION]	= { .name = "session" },
	[E2EE_OBJECT_KEY]	= { .name = "key" },
	[E2EE_OBJECT_SOCKET]	= { .name = "socket" },
	[E2EE_OBJECT_GUARD]	= { .name = "guard" },
	[E2EE_OBJECT_WINDOW]	= { .name = "window" },
	[E2EE_OBJECT_HOLD]	= { .name = "hold" },
	[E2EE_OBJECT_LATE]	= { .name = "late" },
};

static struct dentry *debugfs_dir;

/**
 * e2ee_stats_add() - count packets
 * @stats: of a session or a socket
 * @stat: verdict or note
 * @packets: how many
 *
 * Context: any, hard interrupts too: a sender in process context may be
 * interrupted by a receiver of the same CPU, hence the _irqsave, which costs
 * nothing on 64-bit machines.
 */
void e2ee_stats_add(struct e2ee_stats __percpu *stats, enum e2ee_stat stat,
		    unsigned int packets)
{
	struct e2ee_stats *here = get_cpu_ptr(stats);
	unsigned long flags;

	flags = u64_stats_update_begin_irqsave(&here->syncp);
	u64_stats_add(&here->count[stat], packets);
	u64_stats_update_end_irqrestore(&here->syncp, flags);
	put_cpu_ptr(stats);
}

/**
 * e2ee_object_created() - note in the audit that an object came
 * @object: its kind
 *
 * Context: any.
 */
void e2ee_object_created(enum e2ee_object object)
{
	atomic64_inc(&audits[object].created);
}

/**
 * e2ee_object_destroyed() - note in the audit that an object went
 * @object: its kind
 *
 * Context: any.
 */
void e2ee_object_destroyed(enum e2ee_object object)
{
	atomic64_inc(&audits[object].destroyed);
}

/**
 * e2ee_stats_alloc() - a set of counters, all zero
 * @gfp: how to allocate them
 *
 * Context: process.
 * Return: free it with free_percpu(); NULL without memory.
 */
struct e2ee_stats __percpu *e2ee_stats_alloc(gfp_t gfp)
{
	struct e2ee_stats __percpu *stats;
	int cpu;

	stats = alloc_percpu_gfp(struct e2ee_stats, gfp);
	if (!stats)
		return NULL;
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(stats, cpu)->syncp);
	return stats;
}

/**
 * e2ee_stats_sum() - add up what the CPUs counted
 * @stats: the counters; they may go on counting
 * @sum: the answer, indexed by enum e2ee_stat
 *
 * Each value is one that the counter had; values of different counters need
 * not be of the same moment.
 *
 * Context: process.
 */
void e2ee_stats_sum(const struct e2ee_stats __percpu *stats,
		    u64 sum[E2EE_STATS_NUM])
{
	const struct e2ee_stats *share;
	u64 count[E2EE_STATS_NUM];
	unsigned int start;
	int cpu, i;

	for (i = 0; i < E2EE_STATS_NUM; i++)
		sum[i] = 0;
	for_each_possible_cpu(cpu) {
		share = per_cpu_ptr(stats, cpu);
		do {
			start = u64_stats_fetch_begin(&share->syncp);
			for (i = 0; i < E2EE_STATS_NUM; i++)
				count[i] = u64_stats_read(&share->count[i]);
		} while (u64_stats_fetch_retry(&share->syncp, start));
		for (i = 0; i < E2EE_STATS_NUM; i++)
			sum[i] += count[i];
	}
}

static int e2ee_object_show(struct seq_file *seq, void *unused)
{
	struct e2ee_object_audit *audit;

	for (audit = audits; audit < audits + E2EE_OBJECT_NUM; audit++)
		seq_printf(seq, "%s %lld %lld\n", audit->name,
			   atomic64_read(&audit->created),
			   atomic64_read(&audit->destroyed));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(e2ee_object);

/**
 * e2ee_stats_init() - publish the audit of objects in debugfs, if there is one
 *
 * Return: 0; a kernel without debugfs does without.
 */
int e2ee_stats_init(void)
{
	debugfs_dir = debugfs_create_dir("e2ee", NULL);
	debugfs_create_file("objects", 0400, debugfs_dir, NULL,
			    &e2ee_object_fops);
	return 0;
}

/**
 * e2ee_stats_exit() - close the audit: all that came must have gone
 *
 * Context: module exit, after everything else and after rcu_barrier().
 */
void e2ee_stats_exit(void)
{
	struct e2ee_object_audit *audit;
	s64 created, destroyed;

	debugfs_remove_recursive(debugfs_dir);
	for (audit = audits; audit < audits + E2EE_OBJECT_NUM; audit++) {
		created = atomic64_read(&audit->created);
		destroyed = atomic64_read(&audit->destroyed);
		WARN(created != destroyed,
		     "e2ee: %s: %lld created, %lld destroyed\n", audit->name,
		     created, destroyed);
	}
}
