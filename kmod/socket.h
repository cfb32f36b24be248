/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sockets that are or were attached, and their bindings to sessions.
 */
#ifndef E2EE_SOCKET_H
#define E2EE_SOCKET_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <net/sock.h>
#include <linux/e2ee.h>
#include "later.h"

struct e2ee_net;
struct e2ee_refusal;
struct e2ee_session;
struct e2ee_stats;

/**
 * struct e2ee_socket - hooks of one socket; lives until the socket is gone
 * @prot: what sk->sk_prot points to: a copy of @orig with our functions
 * @orig: the socket's own protocol; IPV6_ADDRFORM may change it
 * @sk: the socket; valid until our destructor ran
 * @sk_destruct: the socket's own destructor
 * @enet: its namespace, which the socket keeps alive
 * @session: what it is bound to; NULL: detached, hooks pass through.
 *	Holds a reference. Changed under struct e2ee_net.sockets_lock, read
 *	under RCU
 * @id: given by us, never used twice
 * @guard: id of the guard that attached it, or 0; read without a lock
 * @node: in struct e2ee_net.sockets until the socket is closed; by rising
 *	@hooked
 * @hooked: jiffies at which it got its hooks
 * @stats: counters
 * @windows: struct e2ee_window.in_socket, under struct e2ee_net.windows_lock
 * @rx_later: packets received that wait for a cipher
 * @tx_later: packets sent that wait for a cipher
 * @rx_bypass: the packet that @rx_later has the stack deliver just now
 * @rx_worker: the task that does; others only compare the two
 */
struct e2ee_socket {
	/* what packets look at, in one cache line, and then destroy in @prot */
	struct proto *orig;
	struct e2ee_session __rcu *session;
	struct e2ee_stats __percpu *stats;
	struct sock *sk;
	struct e2ee_net *enet;
	u64 id;
	struct proto prot;

	void (*sk_destruct)(struct sock *sk);
	u32 guard;
	struct list_head node;
	unsigned long hooked;
	struct list_head windows;

	struct e2ee_later rx_later;
	struct e2ee_later tx_later;
	struct sk_buff *rx_bypass;
	struct task_struct *rx_worker;
};

void e2ee_socket_destroy(struct sock *sk);

/**
 * e2ee_socket_of() - our part of a socket
 * @sk: any UDP socket
 *
 * Return: NULL where it was never attached.
 */
static inline struct e2ee_socket *e2ee_socket_of(const struct sock *sk)
{
	struct proto *prot = READ_ONCE(sk->sk_prot);

	if (prot->destroy != e2ee_socket_destroy)
		return NULL;
	return container_of(prot, struct e2ee_socket, prot);
}

/* any context */
bool e2ee_socket_is_kernels(const struct sock *sk);
u32 e2ee_socket_session(const struct e2ee_socket *socket);

/* any context but hard interrupt */
struct e2ee_socket *e2ee_socket_find(const struct sock *sk);
struct e2ee_session *e2ee_socket_session_get(struct e2ee_socket *socket);
void e2ee_socket_event(struct e2ee_socket *socket, struct e2ee_session *session,
		       u32 type);

/* process context; the socket comes with a reference (sock_put()) */
struct sock *e2ee_socket_by_id(struct e2ee_net *enet, u64 id);
struct e2ee_socket *e2ee_socket_next(struct e2ee_net *enet,
				     struct e2ee_socket *prev, u64 above,
				     u32 session);

/* process context, under struct e2ee_net.lock */
int e2ee_socket_detach(struct e2ee_socket *socket, bool force,
		       struct e2ee_refusal *why);

/* process context, under the lock of the socket, for hook.c */
bool e2ee_socket_is_ours(const struct sock *sk);
struct e2ee_socket *e2ee_socket_new(struct sock *sk,
				    const struct e2ee_session *payer);
void e2ee_socket_insert(struct e2ee_socket *socket);
void e2ee_socket_free(struct e2ee_socket *socket);
int e2ee_socket_bind_check(struct e2ee_socket *socket,
			   struct e2ee_session *session,
			   struct e2ee_refusal *why);
void e2ee_socket_bind(struct e2ee_socket *socket, struct e2ee_session *session,
		      u32 guard);

/* init */
void e2ee_socket_net_init(struct e2ee_net *enet);

#endif /* E2EE_SOCKET_H */
