/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Errors of an attached socket, as its application would have seen them.
 */
#ifndef E2EE_ERRQUEUE_H
#define E2EE_ERRQUEUE_H

struct sock;

/* process context, under lock_sock() */
void e2ee_errqueue_hook(struct sock *sk);

/* process context */
void e2ee_errqueue_lower(struct sock *sk);

#endif /* E2EE_ERRQUEUE_H */
