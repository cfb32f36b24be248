/* SPDX-License-Identifier: GPL-2.0 */
/* Datagrams of every kind, made of small pieces. */
#ifndef E2EE_RTP_SAMPLES_H
#define E2EE_RTP_SAMPLES_H

#include <stdlib.h>
#include <string.h>
#include "rtp.h"

struct packet {
	size_t len;
	u8 data[2048];
};

static inline void put(struct packet *packet, const void *data, size_t len)
{
	if (len > sizeof(packet->data) - packet->len)
		abort();
	if (len)
		memcpy(packet->data + packet->len, data, len);
	packet->len += len;
}

static inline void put_be(struct packet *packet, u64 value, unsigned int bytes)
{
	u8 byte;

	while (bytes--) {
		byte = (u8)(value >> 8 * bytes);
		put(packet, &byte, 1);
	}
}

static inline void put_zero(struct packet *packet, size_t len)
{
	while (len--)
		put_be(packet, 0, 1);
}

/* Write the length of what follows @begin into the @bytes bytes before it. */
static inline void put_len(struct packet *packet, size_t begin,
			   unsigned int bytes)
{
	size_t size = packet->len - begin;
	unsigned int i;

	for (i = 1; i <= bytes; i++, size >>= 8)
		packet->data[begin - i] = (u8)size;
}

/* first: version, P, X, CC; then sequence 0x1234 and SSRC 0xcafebabe */
static inline void put_rtp(struct packet *packet, u8 first, u8 second)
{
	unsigned int i;

	put_be(packet, first, 1);
	put_be(packet, second, 1);
	put_be(packet, 0x1234, 2);
	put_be(packet, 0x01020304, 4);
	put_be(packet, 0xcafebabe, 4);
	for (i = 0; i < (first & 15); i++)
		put_be(packet, 0x40 + i, 4);
}

/* RTCP: the count of its first byte, its type, and @words of zeros */
static inline void put_rtcp(struct packet *packet, u8 count, u8 type, u16 words)
{
	put_be(packet, 0x80 | count, 1);
	put_be(packet, type, 1);
	put_be(packet, words, 2);
	put_zero(packet, 4U * words);
}

/* RFC 5769, section 2.1: sample request */
static inline void put_stun(struct packet *packet)
{
	static const u8 request[] =
		"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6"
		"\x86\xfa\x87\xdf\xae\x80\x22\x00\x10\x53\x54\x55\x4e\x20\x74"
		"\x65\x73\x74\x20\x63\x6c\x69\x65\x6e\x74\x00\x24\x00\x04\x6e"
		"\x00\x01\xff\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36"
		"\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20"
		"\x20\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e"
		"\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\x80\x28\x00\x04\xe5"
		"\x7a\x3b\xcf";

	put(packet, request, sizeof(request) - 1);
}

/* An attribute of STUN, padded to a multiple of 4 */
static inline void put_attribute(struct packet *packet, u16 type,
				 const void *data, size_t len)
{
	put_be(packet, type, 2);
	put_be(packet, len, 2);
	put(packet, data, len);
	put_zero(packet, -len & 3);
}

/* The length of the STUN message that begins at @begin and ends with @packet */
static inline void put_stun_len(struct packet *packet, size_t begin)
{
	size_t size = packet->len - begin - 20;

	packet->data[begin + 2] = (u8)(size >> 8);
	packet->data[begin + 3] = (u8)size;
}

/* A binding request with one attribute */
static inline void put_request(struct packet *packet, u16 type,
			       const struct packet *content)
{
	size_t begin = packet->len;

	put_be(packet, 0x00010000, 4);
	put_be(packet, 0x2112a442, 4);
	put_zero(packet, 12);
	put_attribute(packet, type, content->data, content->len);
	put_stun_len(packet, begin);
}

/* A TURN Send indication (RFC 8656, section 11.1) around @content */
static inline void put_indication(struct packet *packet,
				  const struct packet *content)
{
	static const u8 peer[] = { 0, 1, 0xca, 0xfe, 1, 2, 3, 4 };
	size_t begin = packet->len;

	put_be(packet, 0x00160000, 4);
	put_be(packet, 0x2112a442, 4);
	put_zero(packet, 12);
	put_attribute(packet, 0x0012, peer, sizeof(peer));
	put_attribute(packet, 0x0013, content->data, content->len);
	put_stun_len(packet, begin);
}

/* TURN ChannelData (RFC 8656, section 12.4) with @pad bytes behind */
static inline void put_channel(struct packet *packet, u16 channel,
			       const struct packet *content, size_t pad)
{
	put_be(packet, channel, 2);
	put_be(packet, content->len, 2);
	put(packet, content->data, content->len);
	put_zero(packet, pad);
}

/* A DTLS record (RFC 6347, section 4.1) around @content */
static inline void put_record(struct packet *packet, u8 type, u16 epoch,
			      const struct packet *content)
{
	put_be(packet, type, 1);
	put_be(packet, 0xfefd, 2);
	put_be(packet, epoch, 2);
	put_be(packet, 7, 6);
	put_be(packet, content->len, 2);
	put(packet, content->data, content->len);
}

/* A DTLS 1.3 record with a unified header (RFC 9147, section 4) */
static inline void put_unified(struct packet *packet, u8 flags, u16 len)
{
	put_be(packet, 0x20 | flags, 1);
	put_zero(packet, flags & 0x08 ? 2 : 1);
	if (flags & 0x04)
		put_be(packet, len, 2);
	put_zero(packet, len);
}

#define HELLO_CLIENT	1
#define HELLO_SERVER	2

/*
 * The body of a hello, with use_srtp among its extensions or not. With
 * @extensions false it ends before them, as old peers' do.
 */
static inline void put_hello(struct packet *packet, u8 type, bool extensions,
			     bool srtp)
{
	size_t begin;

	put_be(packet, 0xfefd, 2);
	put_zero(packet, 32);			/* random */
	put_be(packet, 0x02aaaa, 3);		/* session id */
	if (type == HELLO_CLIENT) {
		put_be(packet, 0x03bbbbbb, 4);	/* cookie */
		put_be(packet, 0x0004c02bc02f, 6);
		put_be(packet, 0x0100, 2);	/* compression */
	} else {
		put_be(packet, 0xc02b00, 3);
	}
	if (!extensions)
		return;

	put_zero(packet, 2);
	begin = packet->len;
	put_be(packet, 0x000a00040002001dULL, 8);	/* groups */
	if (srtp)
		put_be(packet, 0x000e0007, 4);
	if (srtp)
		put_be(packet, 0x00040007000100ULL, 7);	/* no MKI */
	put_be(packet, 0x00170000, 4);		/* extended master secret */
	put_len(packet, begin, 2);
}

/* Bytes @offset .. @offset + @len of a handshake message (RFC 6347, 4.2.2) */
static inline void put_handshake(struct packet *packet, u8 type,
				 const struct packet *body, size_t offset,
				 size_t len)
{
	put_be(packet, type, 1);
	put_be(packet, body->len, 3);
	put_be(packet, 0, 2);
	put_be(packet, offset, 3);
	put_be(packet, len, 3);
	put(packet, body->data + offset, len);
}

/* A whole hello in a record of epoch 0 */
static inline void put_hello_record(struct packet *packet, u8 type, bool srtp)
{
	struct packet body = { 0 }, message = { 0 };

	put_hello(&body, type, true, srtp);
	put_handshake(&message, type, &body, 0, body.len);
	put_record(packet, 22, 0, &message);
}

/* ZRTP Hello (RFC 6189, section 5) of @words words */
static inline void put_zrtp(struct packet *packet, u16 words)
{
	put_be(packet, 0x10001234, 4);
	put_be(packet, 0x5a525450, 4);
	put_be(packet, 0xcafebabe, 4);
	put_be(packet, 0x505a, 2);
	put_be(packet, words, 2);
	put(packet, "Hello   ", 8);
	put_zero(packet, 4U * words - 12);
	put_be(packet, 0xdeadbeef, 4);		/* CRC, not checked */
}

#endif /* E2EE_RTP_SAMPLES_H */
