/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Errors of an attached socket, as its application would have seen them.
 */
#ifndef E2EE_ERRQUEUE_H
#define E2EE_ERRQUEUE_H

#include <linux/types.h>

struct sk_buff;
struct sock;

/* process context, under lock_sock() */
void e2ee_errqueue_hook(struct sock *sk);

/* any context but hard interrupt */
void e2ee_errqueue_too_big(const struct sk_buff *refused, bool ipv4, u32 mtu);

/* init */
void e2ee_errqueue_learn(const struct sock *sk);

#endif /* E2EE_ERRQUEUE_H */
