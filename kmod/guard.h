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

struct cgroup;
struct e2ee_net;
struct e2ee_refusal;
struct e2ee_session;
struct sock;

/**
 * struct e2ee_guard - a rule
 * @node: in struct e2ee_net.guards
 * @rcu: frees it a grace period after it left the list
 * @session: where its sockets go; holds a reference
 * @id: given by us, from 1
 * @port_first: first local port, host order
 * @port_last: last local port, host order
 * @addr_len: 0 (any address), 4 or 16
 * @addr: local address, network order
 * @has_uid: @uid narrows
 * @uid: owner of the socket
 * @cgroup: narrows to this cgroup2 and those below it; NULL: any
 * @cgroup_path: as it was given
 * @sockets: how many it attached
 */
struct e2ee_guard {
	struct list_head node;
	struct rcu_head rcu;
	struct e2ee_session *session;
	u32 id;
	u16 port_first;
	u16 port_last;
	u32 addr_len;
	u8 addr[16];
	bool has_uid;
	kuid_t uid;
	struct cgroup *cgroup;
	char *cgroup_path;
	atomic_t sockets;
};

/**
 * struct e2ee_guard_param - a request for a guard
 * @port_first: first local port, host order
 * @port_last: last local port, host order
 * @addr_len: 0 (any address), 4 or 16
 * @addr: local address, network order
 * @has_uid: @uid narrows
 * @uid: in the requester's user namespace, already mapped
 * @cgroup: path, or NULL
 */
struct e2ee_guard_param {
	u16 port_first;
	u16 port_last;
	u32 addr_len;
	u8 addr[16];
	bool has_uid;
	kuid_t uid;
	const char *cgroup;
};

/* process context, under struct e2ee_net.lock, may sleep */
struct e2ee_guard *e2ee_guard_new(struct e2ee_session *session,
				  const struct e2ee_guard_param *param,
				  struct e2ee_refusal *why);
void e2ee_guard_del(struct e2ee_guard *guard);
bool e2ee_guard_covers(struct e2ee_net *enet, struct sock *sk);

/* any context, under rcu_read_lock(); by id under struct e2ee_net.lock, too */
struct e2ee_guard *e2ee_guard_by_id(struct e2ee_net *enet, u32 id);
struct e2ee_guard *e2ee_guard_of(struct e2ee_net *enet, struct sock *sk,
				 u16 port);
bool e2ee_guard_has_port(struct e2ee_net *enet, u16 port);

/* exit */
void e2ee_guard_net_exit(struct e2ee_net *enet);

#endif /* E2EE_GUARD_H */
