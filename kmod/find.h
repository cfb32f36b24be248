/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finding the socket that a request names.
 */
#ifndef E2EE_FIND_H
#define E2EE_FIND_H

#include <linux/types.h>

struct e2ee_refusal;
struct net;
struct sock;

/* process context; the socket comes with a reference (sock_put()) */
struct sock *e2ee_socket_by_fd(struct net *net, u32 fd,
			       struct e2ee_refusal *why);
struct sock *e2ee_socket_by_addr(struct net *net, const u8 *addr,
				 unsigned int addr_len, u16 port,
				 struct e2ee_refusal *why);

#endif /* E2EE_FIND_H */
