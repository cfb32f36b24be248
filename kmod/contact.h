/* SPDX-License-Identifier: GPL-2.0 */
/*
 * First contact: where packets of sockets in the range of a guard are met.
 */
#ifndef E2EE_CONTACT_H
#define E2EE_CONTACT_H

struct e2ee_net;

/* process context, under struct e2ee_net.lock, sleeps */
int e2ee_contact_start(struct e2ee_net *enet);
void e2ee_contact_stop(struct e2ee_net *enet);

#endif /* E2EE_CONTACT_H */
