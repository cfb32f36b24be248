/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sending: packets of an attached socket, where the stack sends them.
 */
#ifndef E2EE_TX_H
#define E2EE_TX_H

struct e2ee_late;
struct e2ee_later;
struct e2ee_session;
struct e2ee_socket;
struct nf_hook_state;
struct sk_buff;

/* process context, under rcu_read_lock() */
unsigned int e2ee_tx_packet(struct e2ee_socket *socket,
			    struct e2ee_session *session, struct sk_buff *skb,
			    const struct nf_hook_state *state);
unsigned int e2ee_tx_unseen(struct e2ee_socket *socket,
			    struct e2ee_session *session, struct sk_buff *skb);
void e2ee_tx_late(struct e2ee_later *later, struct e2ee_late *late);

#endif /* E2EE_TX_H */
