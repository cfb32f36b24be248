/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bursts: one packet of the stack for many datagrams.
 */
#ifndef E2EE_BURST_H
#define E2EE_BURST_H

#include "policy.h"

struct e2ee_outgoing;

/* process context, under rcu_read_lock() */
enum e2ee_finding e2ee_burst_leave(struct e2ee_outgoing *out,
				   unsigned int *verdict);

/* init and exit */
int e2ee_burst_init(void);
void e2ee_burst_exit(void);

#endif /* E2EE_BURST_H */
