/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which sockets hear a packet that goes to many.
 */
#ifndef E2EE_AUDIENCE_H
#define E2EE_AUDIENCE_H

#include <linux/types.h>

struct e2ee_datagram;
struct sock;

/* any context but hard interrupt, under rcu_read_lock() */
bool e2ee_audience_hears(const struct sock *sk,
			 const struct e2ee_datagram *datagram);
bool e2ee_audience_is_group(const struct sock *sk, const struct sock *found);

#endif /* E2EE_AUDIENCE_H */
