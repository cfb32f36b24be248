// SPDX-License-Identifier: GPL-2.0
/*
 * A packet of the stack on its way out: its headers, and what becomes of it.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include "errqueue.h"
#include "outgoing.h"
#include "seal.h"
#include "session.h"
#include "verdict.h"
#include "compat/compat.h"

static u32 e2ee_outgoing_transport(const struct e2ee_outgoing *out)
{
	return out->front - sizeof(struct udphdr);
}

/**
 * e2ee_outgoing_rule() - what becomes of what was found
 * @out: the packet
 * @found: what it is
 */
const struct e2ee_rule *e2ee_outgoing_rule(const struct e2ee_outgoing *out,
					   enum e2ee_finding found)
{
	return &e2ee_policy_tx[found][out->policy];
}

/**
 * e2ee_outgoing_count() - count a datagram
 * @out: the packet
 * @rule: what becomes of the datagram
 * @name: what is known of it
 */
void e2ee_outgoing_count(const struct e2ee_outgoing *out,
			 const struct e2ee_rule *rule,
			 const struct e2ee_packet_name *name)
{
	e2ee_verdict(out->packet.socket, out->packet.session, rule->verdict,
		     name);
}

/**
 * e2ee_outgoing_refuse() - drop a packet
 * @out: the packet
 * @rule: why
 *
 * Return: a verdict of netfilter, by which the sender sees success, unless it is
 * to be told.
 */
unsigned int __cold e2ee_outgoing_refuse(struct e2ee_outgoing *out,
					 const struct e2ee_rule *rule)
{
	if (rule->told || READ_ONCE(out->packet.session->flags) &
	    E2EE_SESSION_F_TX_ERRORS)
		return NF_DROP_ERR(rule->err);
	kfree_skb(out->skb);
	return NF_STOLEN;
}

/**
 * e2ee_outgoing_all() - the same for all datagrams of a packet
 * @out: the packet
 * @rule: what becomes of them
 *
 * Return: a verdict of netfilter.
 */
unsigned int e2ee_outgoing_all(struct e2ee_outgoing *out,
			       const struct e2ee_rule *rule)
{
	u32 num = skb_is_gso(out->skb) ? skb_shinfo(out->skb)->gso_segs : 1;

	while (num--)
		e2ee_outgoing_count(out, rule, &out->packet.name);
	return rule->err ? e2ee_outgoing_refuse(out, rule) : NF_ACCEPT;
}

/**
 * e2ee_outgoing_partial() - the device or the stack is to complete a checksum
 * @skb: a datagram, whose checksum has the sum over the pseudo header alone
 */
void e2ee_outgoing_partial(struct sk_buff *skb)
{
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct udphdr, check);
}

/*
 * The sum over the pseudo header, as it is in the checksum of a datagram: behind a
 * routing header of IPv6 it is over another address than the one in the packet.
 */
static __sum16 e2ee_outgoing_pseudo(const struct e2ee_outgoing *out)
{
	struct sk_buff *skb = out->skb;
	u32 at = e2ee_outgoing_transport(out);

	return csum_fold(skb_checksum(skb, at, skb->len - at, 0));
}

/**
 * e2ee_outgoing_defer_checksum() - let the device or the stack make the checksum
 * @out: the packet, before it is sealed, in one piece
 */
void e2ee_outgoing_defer_checksum(struct e2ee_outgoing *out)
{
	struct udphdr *uh = udp_hdr(out->skb);

	if (out->pseudo || !uh->check)
		return;
	uh->check = e2ee_outgoing_pseudo(out);
	out->pseudo = true;
	e2ee_outgoing_partial(out->skb);
}

/**
 * e2ee_outgoing_lengths() - mend lengths and checksums
 * @out: the packet as it came
 * @skb: what became of it, or of a part of it, and is longer now
 */
void e2ee_outgoing_lengths(const struct e2ee_outgoing *out, struct sk_buff *skb)
{
	u32 len = skb->len - e2ee_outgoing_transport(out);
	struct udphdr *uh = udp_hdr(skb);

	if (out->pseudo)
		uh->check = csum16_add(csum16_sub(uh->check, uh->len),
				       htons(len));
	uh->len = htons(len);
	if (out->ipv4) {
		ip_hdr(skb)->tot_len = htons(skb->len);
		ip_send_check(ip_hdr(skb));
	} else {
		ipv6_hdr(skb)->payload_len =
			htons(skb->len - sizeof(struct ipv6hdr));
	}
}

/*
 * The stack chose whether to fragment the packet by its length before it was
 * sealed. False: it may not be fragmented, and does not fit.
 */
static noinline bool e2ee_outgoing_too_wide(struct e2ee_outgoing *out, u32 mtu)
{
	struct sk_buff *skb = out->skb;
	struct iphdr *iph = ip_hdr(skb);

	if (out->ipv4 ? !skb->ignore_df && iph->frag_off & htons(IP_DF) :
			!skb->ignore_df || e2ee_compat_dontfrag6(skb->sk)) {
		e2ee_errqueue_too_big(skb, out->ipv4, mtu);
		return false;
	}
	if (out->ipv4)
		iph->frag_off &= htons(~IP_DF);
	e2ee_note(out->packet.socket, out->packet.session, E2EE_A_STAT_TX_FRAG);
	return true;
}

/**
 * e2ee_outgoing_may_leave() - does a sealed datagram fit its path?
 * @out: the packet
 * @len: of the datagram, from its network header on, bytes
 *
 * Return: false where it neither fits nor may be fragmented; its sender was told.
 */
bool e2ee_outgoing_may_leave(struct e2ee_outgoing *out, u32 len)
{
	u32 mtu = out->ipv4 ? ip_skb_dst_mtu(out->skb->sk, out->skb) :
			     ip6_skb_dst_mtu(out->skb);

	return likely(len <= mtu) || e2ee_outgoing_too_wide(out, mtu);
}

/**
 * e2ee_outgoing_seal() - seal the datagram at hand
 * @out: the packet
 *
 * Return: as e2ee_seal().
 */
enum e2ee_finding e2ee_outgoing_seal(struct e2ee_outgoing *out)
{
	enum e2ee_finding found = e2ee_seal(&out->packet);

	/* it may be blocked by now, and have lost its keys by that */
	if (unlikely(found == E2EE_FOUND_NO_KEY))
		out->policy = READ_ONCE(out->packet.session->policy);
	return found;
}
