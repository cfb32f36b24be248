// SPDX-License-Identifier: GPL-2.0
/*
 * Fragments of IPv6 for this host, while the namespace has guards.
 */

/**
 * DOC: fragments
 *
 * The stack puts the fragments of IPv4 together before LOCAL_IN, those of IPv6 behind
 * it. So a datagram in fragments would be judged by its first one, which may come
 * before the socket that gets the datagram is bound, and which does not show all of
 * the payload. Therefore we put the fragments together at LOCAL_IN, with the queues
 * that conntrack has for this, and under a user of their own: forwarded fragments and
 * those of other users are not touched.
 */
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <net/ipv6.h>
#include "fragment.h"
#include "compat/compat.h"

static bool e2ee_fragment_is_one(const struct sk_buff *skb)
{
	unsigned int offset = 0;

	return ipv6_find_hdr(skb, &offset, NEXTHDR_FRAGMENT, NULL, NULL) >= 0;
}

/**
 * e2ee_fragment_gather() - put the fragments of a datagram together
 * @skb: a packet of IPv6 at LOCAL_IN
 * @state: where netfilter gave it to us
 *
 * A fragment that cannot belong to any datagram is dropped.
 *
 * Context: softirq, or process with bottom halves off.
 * Return: NF_ACCEPT: the packet is whole; NF_STOLEN: it waits for other fragments;
 * NF_DROP.
 */
unsigned int e2ee_fragment_gather(struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	/* where the stack goes on to read headers, from the network header on */
	int headers = skb_network_header_len(skb);
	int err;

	if (!e2ee_fragment_is_one(skb))
		return NF_ACCEPT;
	err = e2ee_compat_frag6_gather(state->net, skb);
	if (err == -EINPROGRESS)
		return NF_STOLEN;
	/* 0, too, for some fragments that it does not take */
	if (err || e2ee_fragment_is_one(skb))
		return NF_DROP;
	skb_set_transport_header(skb, skb_network_offset(skb) + headers);
	return NF_ACCEPT;
}
