/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hooks on one UDP socket, and its binding to a session.
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

#define E2EE_ENCAP_TYPE	200	/* private: none of UDP_ENCAP_* */

#define E2EE_SOCKET_WAIT	(5 * HZ)	/* a hold, for a socket's lock */
#define E2EE_SOCKET_WATCH	(60 * HZ)	/* between looks at all hooks */

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

/* process context, sleeps for a grace period at most */
void e2ee_socket_settle(struct sock *sk, struct e2ee_session *session);

/* process context, under struct e2ee_net.lock; purging sleeps */
bool e2ee_socket_settles(const struct sock *sk,
			 const struct e2ee_session *session);
int e2ee_socket_attach(struct sock *sk, struct e2ee_session *session,
		       u32 guard, struct e2ee_refusal *why);
void e2ee_socket_purge(struct e2ee_session *session);
int e2ee_socket_detach(struct e2ee_socket *socket, bool force,
		       struct e2ee_refusal *why);

bool e2ee_socket_knows_ipv6(void);

/* any context but hard interrupt */
struct e2ee_socket *e2ee_socket_find(const struct sock *sk);
struct e2ee_session *e2ee_socket_session_get(struct e2ee_socket *socket);

/* find.c: process context; the socket comes with a reference (sock_put()) */
struct sock *e2ee_socket_by_fd(struct net *net, u32 fd,
			       struct e2ee_refusal *why);
struct sock *e2ee_socket_by_id(struct e2ee_net *enet, u64 id);
struct sock *e2ee_socket_by_addr(struct net *net, const u8 *addr,
				 unsigned int addr_len, u16 port,
				 struct e2ee_refusal *why);
struct e2ee_socket *e2ee_socket_next(struct e2ee_net *enet,
				     struct e2ee_socket *prev, u64 above,
				     u32 session);
u32 e2ee_socket_session(const struct e2ee_socket *socket);

/* any context */
bool e2ee_socket_is_kernels(const struct sock *sk);

/* init and exit */
void e2ee_socket_net_init(struct e2ee_net *enet);
void e2ee_socket_net_exit(struct e2ee_net *enet);
int e2ee_socket_init(void);
void e2ee_socket_exit(void);

#endif /* E2EE_SOCKET_H */
