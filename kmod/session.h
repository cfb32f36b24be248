/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sessions, and the root of all that one network namespace holds.
 */
#ifndef E2EE_SESSION_H
#define E2EE_SESSION_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/e2ee.h>
#include <net/net_namespace.h>
#include "later.h"
#include "netfilter.h"
#include "refusal.h"

struct e2ee_driver;
struct e2ee_stats;
struct mem_cgroup;

/**
 * struct e2ee_net - one network namespace
 * @net: the namespace; outlives this
 * @lock: serialises all changes by request: sessions, keys, guards; it is the
 *	outermost lock of the module, and nobody waits while having it for
 *	anything that the owner of the namespace can put off
 * @sessions: struct e2ee_session.node; changed under @lock, read under RCU
 * @guards: struct e2ee_guard.node; changed under @lock, read under RCU
 * @key_ids: keys by identity; changed under @lock
 * @key_rtxs: receiving keys by RTX SSRC; changed under @lock
 * @key_kids: keys by KID alone; changed under @lock
 * @key_digests: keys by digest of their secret; changed under @lock
 * @streams: sending keys by epoch and SSRC; changed under
 *	struct e2ee_session.claim_lock
 * @sockets_lock: protects @sockets, session socket counts and the binding of
 *	sockets to sessions; softirq safe, nests in lock_sock()
 * @sockets: struct e2ee_socket.node
 * @watch: looks whether sockets still have their hooks
 * @watch_delay: till it looks again, jiffies; under @sockets_lock
 * @windows_lock: protects the lists of replay windows; softirq safe
 * @key_serial: order of installation of the newest key, counting those that
 *	were refused in the end; 0: there never was a key
 * @driver: the driver that was last looked for; under @lock
 * @hold: private to hold.c
 * @out: looks at packets that leave, while there are sessions or sockets
 * @in: looks at packets that arrive, while there are guards
 * @later: packets of sockets that are not attached yet
 * @grace_next: jiffies from which a request may wait for packets; under @lock
 * @seq: bumped with every change of a list that dumps walk; atomic, as sockets
 *	are closed without @lock, and none may be lost
 * @next_session: next session id to try
 * @next_guard: next guard id to try
 * @num_sessions: entries of @sessions
 * @num_guards: entries of @guards
 * @num_keys: keys of all sessions
 * @num_sockets: entries of @sockets
 */
struct e2ee_net {
	struct net *net;
	struct mutex lock;	/* outermost; serialises requests */
	struct list_head sessions;
	struct list_head guards;
	struct rhashtable key_ids;
	struct rhashtable key_rtxs;
	struct rhltable key_kids;
	struct rhltable key_digests;
	struct rhashtable streams;
	spinlock_t sockets_lock;	/* sockets, their binding */
	struct list_head sockets;
	struct delayed_work watch;
	unsigned long watch_delay;
	spinlock_t windows_lock;	/* lists of windows */
	u64 key_serial;
	struct e2ee_driver *driver;
	struct e2ee_hold_net *hold;
	struct e2ee_hooks out;
	struct e2ee_hooks in;
	struct e2ee_later later;
	unsigned long grace_next;
	atomic_t seq;
	u32 next_session;
	u32 next_guard;
	u32 num_sessions;
	u32 num_guards;
	u32 num_keys;
	u32 num_sockets;
};

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

/* which members of struct e2ee_session_param a request gives */
enum e2ee_session_given {
	E2EE_SESSION_HAS_POLICY = 1U << 0,
	E2EE_SESSION_HAS_WINDOW = 1U << 1,
	E2EE_SESSION_HAS_RTX_PT = 1U << 2,
	E2EE_SESSION_HAS_CRYPTO = 1U << 3,
	E2EE_SESSION_HAS_FLAGS = 1U << 4,
	E2EE_SESSION_HAS_EPOCH = 1U << 5,
};

/**
 * struct e2ee_session_param - a request to make or change a session
 * @given: enum e2ee_session_given; the rest keeps its value or default
 * @force: switch the epoch though a stream would lack a key
 */
struct e2ee_session_param {
	u32 given;
	char name[E2EE_SESSION_NAME_MAX + 1];
	u32 policy;
	u32 window;
	unsigned long rtx_pt[BITS_TO_LONGS(128)];
	char crypto[E2EE_CRYPTO_NAME_MAX + 1];
	u32 flags;
	u32 epoch;
	bool force;
};

extern unsigned int e2ee_net_id;

/* between requests of a namespace that wait for packets */
#define E2EE_GRACE_PAUSE	(msecs_to_jiffies(10) + 1)

/* process context, under struct e2ee_net.lock, may sleep */
struct e2ee_session *e2ee_session_new(struct e2ee_net *enet,
				      const struct e2ee_session_param *param,
				      struct e2ee_refusal *why);
int e2ee_session_set(struct e2ee_session *session,
		     const struct e2ee_session_param *param,
		     struct e2ee_refusal *why);
int e2ee_session_del(struct e2ee_session *session, struct e2ee_refusal *why);
int e2ee_grace_check(struct e2ee_net *enet, struct e2ee_refusal *why);
void e2ee_grace_done(struct e2ee_net *enet);
struct e2ee_session *e2ee_session_by_id(struct e2ee_net *enet, u32 id);
struct e2ee_session *e2ee_session_by_name(struct e2ee_net *enet,
					  const char *name);

/* any context */
struct e2ee_net *e2ee_net(const struct net *net);
struct e2ee_session *e2ee_session_get(struct e2ee_session *session);
bool e2ee_session_tryget(struct e2ee_session *session);
void e2ee_session_put(struct e2ee_session *session);

/* init and exit */
int e2ee_session_init(void);
void e2ee_session_exit(void);

#endif /* E2EE_SESSION_H */
