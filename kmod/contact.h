/* SPDX-License-Identifier: GPL-2.0 */
/*
 * First contact: where packets of sockets in the range of a guard are met.
 */
#ifndef E2EE_CONTACT_H
#define E2EE_CONTACT_H

struct e2ee_net;
struct e2ee_refusal;

/* process context, under struct e2ee_net.lock */
int e2ee_contact_start(struct e2ee_net *enet, struct e2ee_refusal *why);
void e2ee_contact_stop(struct e2ee_net *enet);

/* init and exit */
void e2ee_contact_net_init(struct e2ee_net *enet);
void e2ee_contact_net_exit(struct e2ee_net *enet);
int e2ee_contact_init(void);
void e2ee_contact_exit(void);

#endif /* E2EE_CONTACT_H */
