/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a datagram on a media port is, and where its RTP payload lies.
 */
#ifndef E2EE_RTP_H
#define E2EE_RTP_H

#include "pure.h"

/**
 * enum e2ee_rtp_kind - what a datagram is (RFC 7983, RFC 5761)
 * @E2EE_RTP_EMPTY: no bytes at all, or TURN ChannelData with none inside
 * @E2EE_RTP_STUN: STUN (RFC 8489): magic cookie, exact length, whole attributes
 *	that hold nothing of the kinds below which does not pass
 * @E2EE_RTP_DTLS: DTLS (RFC 6347, RFC 9147): records sum up to the datagram
 * @E2EE_RTP_DTLS_SRTP: DTLS with a hello that carries use_srtp (RFC 5764, 4.1),
 *	or STUN with that in an attribute
 * @E2EE_RTP_ZRTP: ZRTP (RFC 6189, section 5): cookie, exact length
 * @E2EE_RTP_RTCP: RTCP, each packet as its type wants it (e2ee_rtcp_is_whole())
 * @E2EE_RTP_BARE: RTP that parses and has no payload (probe, keep-alive)
 * @E2EE_RTP_MEDIA: RTP that parses and has a payload
 * @E2EE_RTP_DISGUISED: anything else: RTP that does not parse or has bad
 *	padding, RTP with payload types 64 to 95, STUN whose DATA is none
 *	of the above kinds or is media, an unknown first byte
 *
 * TURN ChannelData (RFC 8656, section 12.4) is of the kind of what it carries.
 */
enum e2ee_rtp_kind {
	E2EE_RTP_EMPTY,
	E2EE_RTP_STUN,
	E2EE_RTP_DTLS,
	E2EE_RTP_DTLS_SRTP,
	E2EE_RTP_ZRTP,
	E2EE_RTP_RTCP,
	E2EE_RTP_BARE,
	E2EE_RTP_MEDIA,
	E2EE_RTP_DISGUISED,
};

/**
 * struct e2ee_rtp - an RTP packet in a datagram (RFC 3550, section 5.1)
 * @start: offset of the RTP header: 0, or 4 inside TURN ChannelData
 * @payload: offset of the payload, behind CSRCs and header extension
 * @payload_len: length of the payload without padding, bytes
 * @pad_len: RTP padding with its count byte, 0 to 255 bytes
 * @tail_len: bytes behind the RTP packet: padding of TURN ChannelData, 0 to 3
 * @ssrc: synchronization source
 * @seq: sequence number
 * @pt: payload type, 0 to 127
 *
 * All offsets count from the start of the datagram, whose length is
 * @payload + @payload_len + @pad_len + @tail_len.
 */
struct e2ee_rtp {
	u32 start;
	u32 payload;
	u32 payload_len;
	u32 pad_len;
	u32 tail_len;
	u32 ssrc;
	u16 seq;
	u8 pt;
};

enum e2ee_rtp_kind e2ee_rtp_parse(const u8 *data, size_t len,
				  struct e2ee_rtp *rtp);
void e2ee_rtp_mend(u8 *data, const struct e2ee_rtp *rtp, int delta);

#endif /* E2EE_RTP_H */
