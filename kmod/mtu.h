/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How large a packet may leave without being fragmented.
 */
#ifndef E2EE_MTU_H
#define E2EE_MTU_H

#include <linux/types.h>

struct msghdr;
struct sock;

/* process context */
u32 e2ee_mtu_of(struct sock *sk, const struct msghdr *msg, bool ipv4);

#endif /* E2EE_MTU_H */
