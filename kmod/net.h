/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one network namespace holds.
 */
#ifndef E2EE_NET_H
#define E2EE_NET_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include "later.h"
#include "netfilter.h"
#include "refusal.h"

struct e2ee_driver;
struct e2ee_hold_net;

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

extern unsigned int e2ee_net_id;

/* between requests of a namespace that wait for packets */
#define E2EE_GRACE_PAUSE	(msecs_to_jiffies(10) + 1)

/* any context */
struct e2ee_net *e2ee_net(const struct net *net);

/* process context, under struct e2ee_net.lock */
int e2ee_grace_check(struct e2ee_net *enet, struct e2ee_refusal *why);
void e2ee_grace_done(struct e2ee_net *enet);

#endif /* E2EE_NET_H */
