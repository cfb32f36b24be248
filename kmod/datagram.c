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

/* IPv4 is put together before we see it, IPv6 afterwards */
static bool e2ee_datagram_is_fragment(const struct sk_buff *skb)
{
	unsigned int offset = 0;

	return !e2ee_datagram_is_ipv4(skb) &&
	       ipv6_find_hdr(skb, &offset, NEXTHDR_FRAGMENT, NULL, NULL) >= 0;
}

/*
 * What is behind the datagram, UDP cuts off; what claims to be longer than the
 * packet, unless it is a fragment, or shorter than its header, it drops. IPv6
 * knows datagrams that do not tell: all of the packet.
 */
static u32 e2ee_datagram_size(const struct sk_buff *skb,
			      const struct udphdr *uh, u32 room, bool *part)
{
	u32 size = ntohs(uh->len);
	bool told = size || e2ee_datagram_is_ipv4(skb);

	if (told && size <= room)
		return size;
	*part = e2ee_datagram_is_fragment(skb);
	return *part || !told ? room : 0;
}

/**
 * e2ee_datagram_read() - is this a UDP packet that has a payload?
 * @skb: data is the network header
 * @datagram: to be filled
 *
 * Of a datagram in fragments it is the first one, if it has the UDP header.
 *
 * Context: any but hard interrupt.
 */
bool e2ee_datagram_read(struct sk_buff *skb, struct e2ee_datagram *datagram)
{
	struct udphdr buf, *uh;
	bool part = false;
	int offset;
	u32 size;

	if (!e2ee_datagram_udp_offset(skb, &offset))
		return false;
	uh = skb_header_pointer(skb, offset, sizeof(buf), &buf);
	if (!uh)
		return false;
	size = e2ee_datagram_size(skb, uh, skb->len - offset, &part);
	if (size < sizeof(*uh) || (size == sizeof(*uh) && !part))
		return false;
	datagram->skb = skb;
	datagram->udp = offset;
	datagram->payload = offset + sizeof(*uh);
	datagram->len = size - sizeof(*uh);
	datagram->part = part;
	datagram->segment = datagram->len;
	if (skb_is_gso(skb) && skb_shinfo(skb)->gso_size)
		datagram->segment = min_t(u32, skb_shinfo(skb)->gso_size,
					  datagram->len);
	datagram->source = uh->source;
	datagram->dest = uh->dest;
	return true;
}

/**
 * e2ee_datagram_is_hidden() - does the first fragment leave open what it is of?
 * @skb: data is the network header
 *
 * Headers that go on in the next fragment hide which port it is for. RFC 8200,
 * section 4.5, wants it dropped; the stack misses some of them.
 *
 * Context: any but hard interrupt.
 */
bool e2ee_datagram_is_hidden(const struct sk_buff *skb)
{
	__be16 frag;
	u8 proto;

	if (e2ee_datagram_is_ipv4(skb))
		return false;
	proto = ipv6_hdr(skb)->nexthdr;
	return ipv6_skip_exthdr(skb, skb_network_offset(skb) +
				sizeof(struct ipv6hdr), &proto, &frag) < 0 &&
	       e2ee_datagram_is_fragment(skb);
}

/* does a socket that sends or gets this have to be attached? */
static bool e2ee_datagram_is_media(const u8 *payload, u32 len)
{
	struct e2ee_rtp rtp;

	switch (e2ee_rtp_parse(payload, len, &rtp)) {
	case E2EE_RTP_MEDIA:
	case E2EE_RTP_DTLS_SRTP:
		return true;
	case E2EE_RTP_DISGUISED:
		/* what only resembles RTP, not what is another protocol */
		return *payload < 4 || (*payload >= 64 && *payload < 80) ||
		       (*payload >= 128 && *payload < 192);
	default:
		return false;
	}
}

/**
 * e2ee_datagram_has_media() - does a socket that gets this have to be attached?
 * @datagram: from e2ee_datagram_read()
 *
 * Looks at each segment. What cannot be looked at counts as media.
 *
 * Context: any but hard interrupt.
 */
bool e2ee_datagram_has_media(const struct e2ee_datagram *datagram)
{
	u32 at, len, end = datagram->payload + datagram->len;
	bool found = true;
	const u8 *payload;
	u8 *buf = NULL;

	if (datagram->part)
		return true;
	if (skb_is_nonlinear(datagram->skb)) {
		buf = kmalloc(datagram->segment, GFP_ATOMIC | __GFP_NOWARN);
		if (!buf)
			return true;
	}
	for (at = datagram->payload; at < end; at += len) {
		len = min(datagram->segment, end - at);
		payload = skb_header_pointer(datagram->skb, at, len, buf);
		if (!payload || e2ee_datagram_is_media(payload, len))
			goto out;
	}
	found = false;
out:
	kfree(buf);
	return found;
}
