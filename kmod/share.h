/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shares: how much of what is scarce one container or user of the host has.
 */
#ifndef E2EE_SHARE_H
#define E2EE_SHARE_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct e2ee_share;
struct user_namespace;

/**
 * struct e2ee_share_owner - who has a share of what is scarce
 * @user: user who made the user namespace
 * @inum: number of that namespace where root of the host made it; else 0
 */
struct e2ee_share_owner {
	kuid_t user;
	unsigned int inum;
};

/**
 * enum e2ee_share_kind - what is counted
 * @E2EE_SHARE_DIGESTS: AEAD keys remembered
 * @E2EE_SHARE_KEYS: keys in memory, whose transforms no memory cgroup pays for
 * @E2EE_SHARE_FREED: those of the keys that are about to be freed
 * @E2EE_SHARE_NUM: how many kinds there are
 */
enum e2ee_share_kind {
	E2EE_SHARE_DIGESTS,
	E2EE_SHARE_KEYS,
	E2EE_SHARE_FREED,
	E2EE_SHARE_NUM,
};

/* any context but hard interrupt */
int e2ee_share_take(const struct user_namespace *user_ns,
		    enum e2ee_share_kind kind, u32 max,
		    struct e2ee_share **share);
void e2ee_share_add(struct e2ee_share *share, enum e2ee_share_kind kind);
void e2ee_share_put(struct e2ee_share *share, enum e2ee_share_kind kind);
u32 e2ee_share_count(const struct user_namespace *user_ns,
		     enum e2ee_share_kind kind);
bool e2ee_share_owner(const struct user_namespace *user_ns,
		      struct e2ee_share_owner *owner);
bool e2ee_share_is_host(const struct user_namespace *user_ns);

#endif /* E2EE_SHARE_H */
