/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is a socket, or the task that sends, in the cgroup of a guard?
 */
#ifndef E2EE_CGROUP_H
#define E2EE_CGROUP_H

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct e2ee_refusal;
struct sock;

#define E2EE_CGROUP_KNOWN	8	/* a power of two */

/**
 * struct e2ee_cgroup - a path in the cgroup2 hierarchy
 * @path: from the root of the hierarchy, which is "" itself; NULL: any cgroup matches
 * @len: of @path, bytes
 * @level: how deep it lies, the root being 0
 * @lock: protects @scratch; softirq safe
 * @scratch: where the path of another cgroup is written
 * @known: cgroups of this level that packets came from, by id: twice the id, and 1
 *	more if the path is theirs
 */
struct e2ee_cgroup {
	char *path;
	u32 len;
	u32 level;
	spinlock_t lock;	/* scratch */
	char *scratch;
	atomic64_t known[E2EE_CGROUP_KNOWN];
};

/* process context */
int e2ee_cgroup_init(struct e2ee_cgroup *cgroup, const char *given,
		     struct e2ee_refusal *why);
void e2ee_cgroup_free(struct e2ee_cgroup *cgroup);
const char *e2ee_cgroup_shown(struct e2ee_cgroup *cgroup);
bool e2ee_cgroup_waits(const char *shown);
bool e2ee_cgroup_is_same(const struct e2ee_cgroup *a,
			 const struct e2ee_cgroup *b);

/* any context but hard interrupt, under rcu_read_lock() */
bool e2ee_cgroup_match(struct e2ee_cgroup *cgroup, struct sock *sk, bool task);

#endif /* E2EE_CGROUP_H */
