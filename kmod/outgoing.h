/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A packet of the stack on its way out: its headers, and what becomes of it.
 */
#ifndef E2EE_OUTGOING_H
#define E2EE_OUTGOING_H

#include <linux/skbuff.h>
#include "packet.h"
#include "policy.h"

struct nf_hook_state;

/**
 * struct e2ee_outgoing - a packet of the stack on its way out
 * @skb: the packet; data is the network header
 * @state: where netfilter gave it to us
 * @packet: what UDP carries in it, or in the segment that is at hand
 * @policy: of the session, read once
 * @front: headers up to the one of UDP, bytes
 * @ipv4: else IPv6
 * @pseudo: the checksum of UDP has the sum over the pseudo header alone, and the
 *	rest is done behind us
 */
struct e2ee_outgoing {
	struct sk_buff *skb;
	const struct nf_hook_state *state;
	struct e2ee_packet packet;
	u32 policy;
	u32 front;
	bool ipv4;
	bool pseudo;
};

/* process context, under rcu_read_lock() */
const struct e2ee_rule *e2ee_outgoing_rule(const struct e2ee_outgoing *out,
					   enum e2ee_finding found);
void e2ee_outgoing_count(const struct e2ee_outgoing *out,
			 const struct e2ee_rule *rule,
			 const struct e2ee_packet_name *name);
unsigned int e2ee_outgoing_refuse(struct e2ee_outgoing *out,
				  const struct e2ee_rule *rule);
unsigned int e2ee_outgoing_all(struct e2ee_outgoing *out,
			       const struct e2ee_rule *rule);
void e2ee_outgoing_partial(struct sk_buff *skb);
void e2ee_outgoing_defer_checksum(struct e2ee_outgoing *out);
void e2ee_outgoing_lengths(const struct e2ee_outgoing *out,
			   struct sk_buff *skb);
bool e2ee_outgoing_may_leave(struct e2ee_outgoing *out, u32 len);
enum e2ee_finding e2ee_outgoing_seal(struct e2ee_outgoing *out);

#endif /* E2EE_OUTGOING_H */
