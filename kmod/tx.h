/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sending: from sendmsg() to the socket's own protocol, sealed.
 */
#ifndef E2EE_TX_H
#define E2EE_TX_H

#include <linux/types.h>

struct e2ee_session;
struct e2ee_socket;
struct msghdr;
struct sock;

/* process context, sleeps */
int e2ee_tx_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);
int e2ee_tx_sendmsg_now(struct e2ee_socket *socket,
			struct e2ee_session *session, struct msghdr *msg,
			size_t len);

#endif /* E2EE_TX_H */
