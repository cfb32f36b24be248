// SPDX-License-Identifier: GPL-2.0
/*
 * UDP packets as they pass through the stack: is there media in them?
 */
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include "datagram.h"
#include "wire/rtp.h"

/**
 * e2ee_datagram_udp_offset() - where is the UDP header?
 * @skb: data is the network header
 * @offset: the answer, bytes from data on
 *
 * Context: any.
 * Return: false where there is none.
 */
bool e2ee_datagram_udp_offset(const struct sk_buff *skb, int *offset)
{
	__be16 frag;
	u8 proto;

	*offset = skb_network_offset(skb);
	if (e2ee_datagram_is_ipv4(skb)) {
		proto = ip_hdr(skb)->protocol;
		*offset += ip_hdrlen(skb);
	} else {
		proto = ipv6_hdr(skb)->nexthdr;
		*offset = ipv6_skip_exthdr(skb, *offset + sizeof(struct ipv6hdr),
					   &proto, &frag);
	}
	return proto == IPPROTO_UDP && *offset >= 0;
}

/*
 * What is behind the datagram, UDP cuts off; what claims to be longer than the
 * packet, or shorter than its header, it drops. IPv6 knows datagrams that do not
 * tell: all of the packet.
 */
static u32 e2ee_datagram_size(const struct sk_buff *skb,
			      const struct udphdr *uh, u32 room)
{
	u32 size = ntohs(uh->len);

	if (!size && !e2ee_datagram_is_ipv4(skb))
		return room;
	return size <= room ? size : 0;
}

/**
 * e2ee_datagram_read() - is this a UDP packet that has a payload?
 * @skb: data is the network header
 * @datagram: to be filled
 *
 * Context: any but hard interrupt.
 */
bool e2ee_datagram_read(struct sk_buff *skb, struct e2ee_datagram *datagram)
{
	struct udphdr buf, *uh;
	int offset;
	u32 size;

	if (!e2ee_datagram_udp_offset(skb, &offset))
		return false;
	uh = skb_header_pointer(skb, offset, sizeof(buf), &buf);
	if (!uh)
		return false;
	size = e2ee_datagram_size(skb, uh, skb->len - offset);
	if (size <= sizeof(*uh))
		return false;
	datagram->skb = skb;
	datagram->udp = offset;
	datagram->payload = offset + sizeof(*uh);
	datagram->len = size - sizeof(*uh);
	datagram->segment = datagram->len;
	if (skb_is_gso(skb) && skb_shinfo(skb)->gso_size)
		datagram->segment = min_t(u32, skb_shinfo(skb)->gso_size,
					  datagram->len);
	datagram->source = uh->source;
	datagram->dest = uh->dest;
	return true;
}

/* most datagrams are told from media by their first byte */
static bool e2ee_datagram_may_be_media(u8 first)
{
	return first < 4 || (first >= 20 && first < 80) ||
	       (first >= 128 && first < 192);
}

static enum e2ee_rtp_kind e2ee_datagram_one(const u8 *payload, u32 len)
{
	enum e2ee_rtp_kind kind;
	struct e2ee_rtp rtp;

	kind = e2ee_rtp_parse(payload, len, &rtp);
	return kind == E2EE_RTP_UNSEALABLE ? E2EE_RTP_MEDIA : kind;
}

/**
 * e2ee_datagram_kind() - is there media in it?
 * @datagram: from e2ee_datagram_read()
 *
 * Looks at each segment. What cannot be looked at counts as media.
 *
 * Context: any but hard interrupt.
 * Return: E2EE_RTP_MEDIA, also where the media cannot be sealed;
 * E2EE_RTP_DTLS_SRTP: none, but a hello that offers SRTP; else E2EE_RTP_EMPTY.
 */
enum e2ee_rtp_kind e2ee_datagram_kind(const struct e2ee_datagram *datagram)
{
	u32 at, len, end = datagram->payload + datagram->len;
	enum e2ee_rtp_kind kind = E2EE_RTP_EMPTY, one;
	const u8 *payload;
	u8 first, *buf = NULL;

	for (at = datagram->payload; at < end; at += len) {
		len = min(datagram->segment, end - at);
		payload = skb_header_pointer(datagram->skb, at, 1, &first);
		if (payload && !e2ee_datagram_may_be_media(*payload))
			continue;
		if (!buf && skb_is_nonlinear(datagram->skb))
			buf = kmalloc(datagram->segment,
				      GFP_ATOMIC | __GFP_NOWARN);
		payload = skb_header_pointer(datagram->skb, at, len, buf);
		one = payload ? e2ee_datagram_one(payload, len) :
				E2EE_RTP_MEDIA;
		if (one == E2EE_RTP_MEDIA || one == E2EE_RTP_DTLS_SRTP)
			kind = one;
		if (kind == E2EE_RTP_MEDIA)
			break;
	}
	kfree(buf);
	return kind;
}
