/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guards: rules that attach sockets by themselves, on the first RTP packet.
 */
#ifndef E2EE_GUARD_H
#define E2EE_GUARD_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/e2ee.h>
#include "cgroup.h"

struct e2ee_net;
struct e2ee_refusal;
struct e2ee_session;
struct sock;

/**
 * struct e2ee_guard_rule - which packets a guard covers; all that is given must match
 * @port_first: first local port, host order; 0: any port
 * @port_last: last local port, host order
 * @addr_len: 0 (any address), 4 or 16
 * @addr: local address of the packet, network order
 * @has_uid: @uid narrows
 * @uid: owner of the socket, or effective uid of the task that sends
 * @num_except: of @except
 * @except: remote ports that are never media
 */
struct e2ee_guard_rule {
	u16 port_first;
	u16 port_last;
	u32 addr_len;
	u8 addr[16];
	bool has_uid;
	kuid_t uid;
	u32 num_except;
	struct e2ee_port_range except[E2EE_EXCEPT_PEER_MAX];
};

/**
 * struct e2ee_guard - a rule
 * @node: in struct e2ee_net.guards
 * @rcu: frees it a grace period after it left the list
 * @session: where its sockets go; holds a reference
 * @id: given by us, from 1, rising
 * @rule: what it covers
 * @cgroup: narrows to this cgroup2 and those below it
 * @sockets: how many it attached
 */
struct e2ee_guard {
	struct list_head node;
	struct rcu_head rcu;
	struct e2ee_session *session;
	u32 id;
	struct e2ee_guard_rule rule;
	struct e2ee_cgroup cgroup;
	atomic_t sockets;
};

/**
 * struct e2ee_guard_param - a request for a guard
 * @rule: what it covers; the uid is mapped already
 * @cgroup: path as the cgroup namespace of the requester sees it, or NULL
 */
struct e2ee_guard_param {
	struct e2ee_guard_rule rule;
	const char *cgroup;
};

/**
 * struct e2ee_guard_query - a packet for which a guard is looked for
 * @sk: its socket
 * @sends: the task sends it, if we are called by a task
 * @port: local, host order
 * @peer: remote port, host order
 * @addr_len: of @addr, 4 or 16 bytes; 0: not known, and any will do
 * @addr: local address of the packet, network order
 * @exempt: guards up to this id leave the socket alone
 */
struct e2ee_guard_query {
	struct sock *sk;
	bool sends;
	u16 port;
	u16 peer;
	u32 addr_len;
	const void *addr;
	u32 exempt;
};

/* process context, under struct e2ee_net.lock, may sleep */
struct e2ee_guard *e2ee_guard_new(struct e2ee_session *session,
				  const struct e2ee_guard_param *param,
				  struct e2ee_refusal *why);
void e2ee_guard_del(struct e2ee_guard *guard);
void e2ee_guard_rule_init(struct e2ee_guard_rule *rule);
bool e2ee_guard_covers(struct e2ee_net *enet, struct sock *sk);

/* any context, under rcu_read_lock(); by id under struct e2ee_net.lock, too */
struct e2ee_guard *e2ee_guard_by_id(struct e2ee_net *enet, u32 id);
struct e2ee_guard *e2ee_guard_of(struct e2ee_net *enet,
				 const struct e2ee_guard_query *query);
bool e2ee_guard_has_port(struct e2ee_net *enet, u16 port);

/* exit */
void e2ee_guard_net_exit(struct e2ee_net *enet);

#endif /* E2EE_GUARD_H */
