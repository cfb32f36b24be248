/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Received packets for sockets that a guard covers and that are not attached yet.
 */
#ifndef E2EE_FIRST_H
#define E2EE_FIRST_H

#include <linux/types.h>

struct e2ee_datagram;
struct e2ee_session;

/**
 * enum e2ee_first - what becomes of such a packet
 * @E2EE_FIRST_PASSES: it goes on: it is no media, or the policy lets it pass
 * @E2EE_FIRST_DROPPED: it is to be dropped, and has been counted
 * @E2EE_FIRST_AUTHENTIC: it has to wait until the socket is attached
 * @E2EE_FIRST_LATER: not decided yet: the cipher of its key may sleep
 */
enum e2ee_first {
	E2EE_FIRST_PASSES,
	E2EE_FIRST_DROPPED,
	E2EE_FIRST_AUTHENTIC,
	E2EE_FIRST_LATER,
};

/* any context but hard interrupt, under rcu_read_lock() */
enum e2ee_first e2ee_first_judge(struct e2ee_session *session,
				 const struct e2ee_datagram *datagram,
				 bool sleeps, bool count);

#endif /* E2EE_FIRST_H */
