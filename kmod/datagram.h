/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UDP packets as they pass through the stack, before or after the sockets.
 */
#ifndef E2EE_DATAGRAM_H
#define E2EE_DATAGRAM_H

#include <linux/ip.h>
#include <linux/skbuff.h>
#include <linux/types.h>

/**
 * struct e2ee_datagram - a UDP packet at a netfilter hook
 * @skb: the packet; data is the network header
 * @udp: offset of the UDP header
 * @payload: offset of the payload
 * @len: payload, bytes; of all segments
 * @segment: payload of one segment, bytes; @len where it is but one
 * @part: there is more of it, in fragments that are still to come together
 * @source: UDP source port
 * @dest: UDP destination port
 */
struct e2ee_datagram {
	struct sk_buff *skb;
	u32 udp;
	u32 payload;
	u32 len;
	u32 segment;
	bool part;
	__be16 source;
	__be16 dest;
};

/**
 * e2ee_datagram_is_ipv4() - is this a packet of IPv4, and not of IPv6?
 * @skb: a packet at a netfilter hook
 *
 * This looks at the header of the packet. Under a VRF, the stack has not written
 * down the protocol yet when the packet passes LOCAL_OUT for the first time.
 */
static inline bool e2ee_datagram_is_ipv4(const struct sk_buff *skb)
{
	return ip_hdr(skb)->version == 4;
}

/* any context but hard interrupt */
bool e2ee_datagram_udp_offset(const struct sk_buff *skb, int *offset);
bool e2ee_datagram_read(struct sk_buff *skb, struct e2ee_datagram *datagram);
bool e2ee_datagram_is_hidden(const struct sk_buff *skb);
bool e2ee_datagram_has_media(const struct e2ee_datagram *datagram);

#endif /* E2EE_DATAGRAM_H */
