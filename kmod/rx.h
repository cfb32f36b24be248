/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Receiving: packets of an attached socket, before they are queued.
 */
#ifndef E2EE_RX_H
#define E2EE_RX_H

struct e2ee_late;
struct e2ee_later;
struct sk_buff;
struct sock;

/* softirq, or process context with bottom halves off */
int e2ee_rx_encap(struct sock *sk, struct sk_buff *skb);
void e2ee_rx_late(struct e2ee_later *later, struct e2ee_late *late);

#endif /* E2EE_RX_H */
