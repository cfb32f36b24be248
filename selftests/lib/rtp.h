/* SPDX-License-Identifier: GPL-2.0 */
/* Packets of all kinds that meet on a media port. */
#ifndef E2EE_TEST_RTP_H
#define E2EE_TEST_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sframe.h"

#define RTP_HEADER	12
#define RTP_ROOM	65536	/* bytes that any packet fits into */

enum rtp_extension {
	RTP_EXT_NONE,
	RTP_EXT_ONE_BYTE,	/* RFC 8285, profile 0xbede */
	RTP_EXT_TWO_BYTE,	/* RFC 8285, profile 0x1000 */
	RTP_EXT_EMPTY,		/* no elements */
};

struct rtp {
	uint8_t pt;
	bool marker;
	uint16_t seq;
	uint32_t ts;
	uint32_t ssrc;
	unsigned int csrcs;	/* 0 to 15 */
	enum rtp_extension ext;
	unsigned int padding;	/* 0 to 255, count byte included */
	bool osn;		/* RTX: two bytes of the payload stay clear */
	const void *payload;
	size_t len;
};

/* The packet in clear. Returns its length. */
size_t rtp_build(uint8_t *out, const struct rtp *rtp);

/* What must be on the wire for it: descriptor, SFrame, padding put back. */
size_t rtp_seal(uint8_t *out, const struct rtp *rtp,
		const struct sframe_key *key, uint64_t ctr);

/*
 * Open a packet without CSRCs, extension or padding as it was on the wire.
 * Returns the length of the clear packet in @out, or -EBADMSG.
 */
int rtp_open(uint8_t *out, const uint8_t *packet, size_t len,
	     const struct sframe_key *key, uint64_t *ctr);

uint32_t rtp_ssrc(const uint8_t *packet);
uint16_t rtp_seq(const uint8_t *packet);

/* @len bytes that depend on @seed, the first one no SFrame descriptor */
void rtp_fill(uint8_t *out, size_t len, unsigned int seed);

/* A clear RTP packet of @len bytes in all, numbered and filled by @seq. */
void rtp_plain(uint8_t *out, size_t len, uint32_t ssrc, uint16_t seq);

/* What is not RTP. Each returns its length. */
size_t rtcp_build(uint8_t *out, uint32_t ssrc);		/* compound SR, SDES */
size_t rtcp_reduced_build(uint8_t *out, uint32_t ssrc);	/* RFC 5506, PLI */
size_t stun_build(uint8_t *out);			/* binding request */
size_t stun_data_build(uint8_t *out, const void *data, size_t len);
/* A binding request with one attribute */
size_t stun_attribute_build(uint8_t *out, unsigned int type, const void *data,
			    size_t len);
size_t dtls_build(uint8_t *out);			/* application data */
size_t dtls_hello_build(uint8_t *out, bool use_srtp);	/* ClientHello */
size_t zrtp_build(uint8_t *out);			/* HelloACK */
/* @pad: bring it to a multiple of four, as TURN over TCP does */
size_t channel_build(uint8_t *out, const void *data, size_t len, bool pad);

#endif /* E2EE_TEST_RTP_H */
