/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Holds: packets of a socket that wait until they can go through its hooks.
 */
#ifndef E2EE_HOLD_H
#define E2EE_HOLD_H

struct e2ee_guard;
struct e2ee_net;
struct nf_hook_state;
struct sk_buff;
struct sock;

/* goes on with a packet received by @sk, in process context; takes it */
typedef void (*e2ee_hold_receive_t)(struct sock *sk, struct sk_buff *skb,
				    const struct nf_hook_state *state);

/* any context but hard interrupt, under rcu_read_lock() */
unsigned int e2ee_hold_packet(struct sock *sk, const struct e2ee_guard *guard,
			      struct sk_buff *skb,
			      const struct nf_hook_state *state,
			      e2ee_hold_receive_t receive);
void e2ee_hold_socket(struct sock *sk, const struct e2ee_guard *guard);
bool e2ee_hold_any(const struct e2ee_net *enet);

/* init and exit */
int e2ee_hold_net_init(struct e2ee_net *enet);
void e2ee_hold_net_exit(struct e2ee_net *enet);
int e2ee_hold_init(void);
void e2ee_hold_exit(void);

#endif /* E2EE_HOLD_H */
