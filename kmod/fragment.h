/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fragments of IPv6 for this host, while the namespace has guards.
 */
#ifndef E2EE_FRAGMENT_H
#define E2EE_FRAGMENT_H

struct nf_hook_state;
struct sk_buff;

/* softirq, or process context with bottom halves off */
unsigned int e2ee_fragment_gather(struct sk_buff *skb,
				  const struct nf_hook_state *state);

#endif /* E2EE_FRAGMENT_H */
