/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sessions of a network namespace.
 */
#ifndef E2EE_SESSION_H
#define E2EE_SESSION_H

#include <linux/list.h>
#include <linux/percpu-refcount.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/e2ee.h>

struct e2ee_driver;
struct e2ee_net;
struct e2ee_stats;
struct mem_cgroup;

/**
 * struct e2ee_session - one conference as this host sees it
 * @node: in struct e2ee_net.sessions
 * @enet: its namespace
 * @ref: held by the list, by every socket bound to it and by every send that is
 *	under way; counted per CPU until the session is deleted, since every packet
 *	sent takes it
 * @rcu: frees it a grace period after the last reference
 * @id: given by us, from 1
 * @name: unique in the namespace
 * @policy: enum e2ee_policy; BLOCKED once deleted; read without a lock
 * @flags: enum e2ee_session_flag; read without a lock
 * @window: replay window of keys added from now on, packets
 * @epoch: epoch whose keys send; read without a lock, so that the switch
 *	happens for every SSRC at once, between two packets
 * @rtx_pt: bitmap of the payload types that are RTX; read without a lock,
 *	a word at a time: a packet sees the old or the new list of its half
 * @crypto: name of the driver of keys added from now on; "" is the best one
 * @driver: that one; NULL once the session is deleted; under struct e2ee_net.lock
 * @stats: counters
 * @keys: struct e2ee_key.node, under struct e2ee_net.lock
 * @num_keys: entries of @keys
 * @num_rx_bound: receiving keys bound to one SSRC; spares a lookup if 0
 * @claim_lock: protects @claims and the streams table; softirq safe
 * @claims: unclaimed claim keys, struct e2ee_key.claim, lowest KID first
 * @num_sockets: sockets bound to it, under struct e2ee_net.sockets_lock
 * @num_guards: guards that name it, under struct e2ee_net.lock
 * @event_lock: protects the token bucket; softirq safe
 * @event_tokens: events that may be sent now
 * @event_stamp: jiffies of the last refill
 * @event_lost: events not sent since the last one that was
 * @auth_stamp: jiffies at which the present burst of wrong tags began
 * @auth_count: wrong tags in the present burst
 * @memcg: of whoever made it, charged with the windows that packets make; holds
 *	a reference
 */
struct e2ee_session {
	/* what packets look at, in one cache line */
	struct e2ee_net *enet;
	u32 id;
	u32 policy;
	u32 flags;
	u32 epoch;
	unsigned long rtx_pt[BITS_TO_LONGS(128)];
	struct e2ee_stats __percpu *stats;
	struct percpu_ref ref;

	struct list_head claims;
	u32 num_rx_bound;
	u32 window;
	struct list_head node;
	struct rcu_head rcu;
	char name[E2EE_SESSION_NAME_MAX + 1];
	char crypto[E2EE_CRYPTO_NAME_MAX + 1];
	struct e2ee_driver *driver;

	struct list_head keys;
	u32 num_keys;
	spinlock_t claim_lock;	/* claims, streams */

	u32 num_sockets;
	u32 num_guards;

	spinlock_t event_lock;	/* the token bucket */
	u32 event_tokens;
	unsigned long event_stamp;
	u32 event_lost;
	unsigned long auth_stamp;
	u32 auth_count;
	struct mem_cgroup *memcg;
};

/* process context */
struct e2ee_session *e2ee_session_alloc(struct e2ee_net *enet);

/* process context, under struct e2ee_net.lock */
struct e2ee_session *e2ee_session_by_id(struct e2ee_net *enet, u32 id);
struct e2ee_session *e2ee_session_by_name(struct e2ee_net *enet,
					  const char *name);

/* any context */
struct e2ee_session *e2ee_session_get(struct e2ee_session *session);
bool e2ee_session_tryget(struct e2ee_session *session);
void e2ee_session_put(struct e2ee_session *session);

#endif /* E2EE_SESSION_H */
