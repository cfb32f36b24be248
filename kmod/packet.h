/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A packet on its way out or in, as all parts of the module see it.
 */
#ifndef E2EE_PACKET_H
#define E2EE_PACKET_H

#include <linux/types.h>
#include "policy.h"
#include "wire/rtp.h"
#include "session.h"
#include "wire/sframe.h"

struct e2ee_key;
struct e2ee_socket;
struct e2ee_window;
struct sk_buff;

/**
 * struct e2ee_packet_name - what names a packet, for its verdict
 * @kid: from its SFrame header, else 0
 * @ctr: from its SFrame header, else 0
 * @ssrc: from its RTP header, else 0
 * @len: datagram as it came to us, bytes
 */
struct e2ee_packet_name {
	u64 kid;
	u64 ctr;
	u32 ssrc;
	u32 len;
};

/**
 * struct e2ee_packet - a packet on its way out or in
 * @session: whose policy and keys decide; looked up once for the packet
 * @socket: where it leaves or came in; NULL: a guard seals for a socket that is
 *	not attached yet
 * @skb: received: the packet of the stack; data is the UDP header
 * @data: what UDP carries, in one piece that is ours alone once it is sealed or
 *	opened
 * @len: of @data, bytes
 * @head: sent: room before @data, bytes
 * @before: received: headers right before @data, which move with its RTP header,
 *	bytes
 * @max: sent: the most that UDP carries, bytes
 * @sleeps: an asynchronous cipher may be waited for
 * @rtx: it is a retransmission (RFC 4588). A request may change the list of payload
 *	types at any moment, so the list is read once
 * @epoch: the session's epoch that was current when a key was looked for
 * @rtp: where its payload is
 * @sealed: received: what the SFrame header says
 * @key: received: what opens it
 * @window: received: of @key at @socket; NULL: none yet
 * @name: for the verdict
 */
struct e2ee_packet {
	struct e2ee_session *session;
	struct e2ee_socket *socket;
	struct sk_buff *skb;
	u8 *data;
	u32 len;
	u32 head;
	u32 before;
	u32 max;
	bool sleeps;
	bool rtx;
	u32 epoch;
	struct e2ee_rtp rtp;
	struct e2ee_sealed sealed;
	struct e2ee_key *key;
	struct e2ee_window *window;
	struct e2ee_packet_name name;
};

/* A retransmission keeps its original sequence number clear: RFC 4588, section 4 */
static inline enum e2ee_finding
e2ee_packet_skip_osn(struct e2ee_packet *packet)
{
	struct e2ee_rtp *rtp = &packet->rtp;

	if (rtp->payload_len < 2)
		return E2EE_FOUND_MALFORMED;
	rtp->payload += 2;
	rtp->payload_len -= 2;
	/* the original had no payload */
	return rtp->payload_len ? E2EE_FOUND_MEDIA : E2EE_FOUND_OTHER;
}

/**
 * e2ee_packet_look() - what is it?
 * @packet: its session, @data and @len are set
 *
 * Context: any, under rcu_read_lock().
 * Return: E2EE_FOUND_MEDIA where it is media, and @rtp says where its payload is;
 * else what its row of the tables is called.
 */
static inline enum e2ee_finding
e2ee_packet_look(struct e2ee_packet *packet)
{
	switch (e2ee_rtp_parse(packet->data, packet->len, &packet->rtp)) {
	case E2EE_RTP_EMPTY:
	case E2EE_RTP_STUN:
	case E2EE_RTP_DTLS:
	case E2EE_RTP_ZRTP:
	case E2EE_RTP_RTCP:
	case E2EE_RTP_BARE:
		return E2EE_FOUND_OTHER;
	case E2EE_RTP_DTLS_SRTP:
		return E2EE_FOUND_SRTP;
	case E2EE_RTP_DISGUISED:
		return E2EE_FOUND_MALFORMED;
	case E2EE_RTP_MEDIA:
		break;
	}
	packet->name.ssrc = packet->rtp.ssrc;
	packet->rtx = test_bit(packet->rtp.pt, packet->session->rtx_pt);
	return packet->rtx ? e2ee_packet_skip_osn(packet) : E2EE_FOUND_MEDIA;
}

#endif /* E2EE_PACKET_H */
