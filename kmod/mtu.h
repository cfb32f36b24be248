/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How large a packet may leave without being fragmented.
 */
#ifndef E2EE_MTU_H
#define E2EE_MTU_H

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/e2ee.h>

struct msghdr;
struct sock;

#define E2EE_MTU_KNOWN	(HZ / 10)	/* no longer is an answer believed */

/**
 * struct e2ee_mtu - what the last path of a socket carries
 * @dest: hash of where it leads; 0: to where the socket is connected
 * @mtu: bytes; 0: not known
 * @until: jiffies at which it is asked for anew
 *
 * Written without a lock: who mixes up two answers miscounts a fragment.
 */
struct e2ee_mtu {
	u32 dest;
	u32 mtu;
	unsigned long until;
};

/* process context */
u32 e2ee_mtu_of(struct e2ee_mtu *known, struct sock *sk,
		const struct msghdr *msg, bool ipv4);

/**
 * e2ee_mtu_lower() - the MTU to tell an application, which leaves room for us
 * @mtu: of the path, bytes
 */
static inline u32 e2ee_mtu_lower(u32 mtu)
{
	return mtu - min_t(u32, mtu, E2EE_OVERHEAD_MAX);
}

#endif /* E2EE_MTU_H */
