/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tombs: sending keys that were deleted a moment ago, while guards exist. What
 * they sealed is still on its way out.
 */
#ifndef E2EE_TOMB_H
#define E2EE_TOMB_H

#include <linux/types.h>

struct e2ee_net;

/* process context, may sleep */
void e2ee_tomb_add(struct e2ee_net *enet, u32 session, u64 kid);

/* any context but hard interrupt */
bool e2ee_tomb_find(struct e2ee_net *enet, u32 session, u64 kid);

/* init and exit */
void e2ee_tomb_net_init(struct e2ee_net *enet);
void e2ee_tomb_net_exit(struct e2ee_net *enet);

#endif /* E2EE_TOMB_H */
