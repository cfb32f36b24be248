/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where packets of a namespace meet us.
 */
#ifndef E2EE_CONTACT_H
#define E2EE_CONTACT_H

struct e2ee_net;

/* init and exit */
void e2ee_contact_net_init(struct e2ee_net *enet);
void e2ee_contact_net_exit(struct e2ee_net *enet);

#endif /* E2EE_CONTACT_H */
