/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hooks: what puts our functions into a socket.
 */
#ifndef E2EE_HOOK_H
#define E2EE_HOOK_H

#include <linux/jiffies.h>
#include <linux/types.h>

struct e2ee_net;
struct e2ee_refusal;
struct e2ee_session;
struct sock;

#define E2EE_ENCAP_TYPE	200	/* private: none of UDP_ENCAP_* */

#define E2EE_SOCKET_WAIT	(5 * HZ)	/* a hold, for a socket's lock */
#define E2EE_SOCKET_WATCH	(60 * HZ)	/* between looks at all hooks */

/* process context, sleeps for a grace period at most */
void e2ee_socket_settle(struct sock *sk, struct e2ee_session *session);

/* process context, under struct e2ee_net.lock; purging sleeps */
bool e2ee_socket_settles(const struct sock *sk,
			 const struct e2ee_session *session);
int e2ee_socket_attach(struct sock *sk, struct e2ee_session *session,
		       u32 guard, struct e2ee_refusal *why);
void e2ee_socket_purge(struct e2ee_session *session);

/* any context */
bool e2ee_socket_knows_ipv6(void);

/* init and exit */
void e2ee_hook_net_init(struct e2ee_net *enet);
void e2ee_hook_net_exit(struct e2ee_net *enet);
int e2ee_hook_init(void);
void e2ee_hook_exit(void);

#endif /* E2EE_HOOK_H */
