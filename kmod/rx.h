/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Receiving: from encap_rcv to the socket's queue, opened.
 */
#ifndef E2EE_RX_H
#define E2EE_RX_H

struct e2ee_socket;
struct sk_buff;
struct sock;
struct work_struct;

/* softirq, under rcu_read_lock() */
int e2ee_rx_encap(struct sock *sk, struct sk_buff *skb);

/* process context */
void e2ee_rx_work(struct work_struct *work);
void e2ee_rx_purge_clear(struct e2ee_socket *socket);

/* init and exit */
int e2ee_rx_init(void);
void e2ee_rx_exit(void);

#endif /* E2EE_RX_H */
