/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Media that arrives for sockets that a guard covers.
 */
#ifndef E2EE_ARRIVAL_H
#define E2EE_ARRIVAL_H

struct nf_hook_state;
struct sk_buff;

/* a hook of netfilter at LOCAL_IN */
unsigned int e2ee_arrival(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state);

#endif /* E2EE_ARRIVAL_H */
