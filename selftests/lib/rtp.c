// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "rtp.h"

#define DESCRIPTOR	0xe0
#define OSN		2

static void put16(uint8_t **pos, unsigned int value)
{
	*(*pos)++ = (uint8_t)(value >> 8);
	*(*pos)++ = (uint8_t)value;
}

static void put32(uint8_t **pos, uint32_t value)
{
	put16(pos, value >> 16);
	put16(pos, value & 0xffff);
}

static void put(uint8_t **pos, const void *data, size_t len)
{
	if (len)
		memcpy(*pos, data, len);
	*pos += len;
}

static void put_extension(uint8_t **pos, enum rtp_extension ext)
{
	static const uint8_t one[] = { 0x10, 0xaa, 0x21, 0xbb, 0xcc, 0, 0, 0 };
	static const uint8_t two[] = { 1, 1, 0xaa, 2, 0, 3, 5, 1, 2, 3, 4, 5 };

	switch (ext) {
	case RTP_EXT_NONE:
		break;
	case RTP_EXT_ONE_BYTE:
		put16(pos, 0xbede);
		put16(pos, sizeof(one) / 4);
		put(pos, one, sizeof(one));
		break;
	case RTP_EXT_TWO_BYTE:
		put16(pos, 0x1000);
		put16(pos, sizeof(two) / 4);
		put(pos, two, sizeof(two));
		break;
	case RTP_EXT_EMPTY:
		put16(pos, 0xbede);
		put16(pos, 0);
		break;
	}
}

/* RFC 3550, section 5.1, up to the payload */
static uint8_t *put_header(uint8_t *out, const struct rtp *rtp)
{
	uint8_t *pos = out;
	unsigned int i;

	*pos++ = (uint8_t)(0x80 | (rtp->padding ? 0x20 : 0) |
			   (rtp->ext ? 0x10 : 0) | rtp->csrcs);
	*pos++ = (uint8_t)((rtp->marker ? 0x80 : 0) | rtp->pt);
	put16(&pos, rtp->seq);
	put32(&pos, rtp->ts);
	put32(&pos, rtp->ssrc);
	for (i = 0; i < rtp->csrcs; i++)
		put32(&pos, 0xc5000000 | i);
	put_extension(&pos, rtp->ext);
	return pos;
}

static uint8_t *put_padding(uint8_t *pos, const struct rtp *rtp)
{
	if (!rtp->padding)
		return pos;
	memset(pos, 0, rtp->padding);
	pos[rtp->padding - 1] = (uint8_t)rtp->padding;
	return pos + rtp->padding;
}

size_t rtp_build(uint8_t *out, const struct rtp *rtp)
{
	uint8_t *pos = put_header(out, rtp);

	put(&pos, rtp->payload, rtp->len);
	return (size_t)(put_padding(pos, rtp) - out);
}

size_t rtp_seal(uint8_t *out, const struct rtp *rtp,
		const struct sframe_key *key, uint64_t ctr)
{
	size_t clear = rtp->osn ? OSN : 0;
	uint8_t *pos = put_header(out, rtp);

	put(&pos, rtp->payload, clear);
	*pos++ = DESCRIPTOR;
	pos += sframe_seal(key, ctr, (const uint8_t *)rtp->payload + clear,
			   rtp->len - clear, pos);
	return (size_t)(put_padding(pos, rtp) - out);
}

int rtp_open(uint8_t *out, const uint8_t *packet, size_t len,
	     const struct sframe_key *key, uint64_t *ctr)
{
	int n;

	if (len < RTP_HEADER + 2 || packet[0] != 0x80 ||
	    packet[RTP_HEADER] != DESCRIPTOR)
		return -EBADMSG;
	memmove(out, packet, RTP_HEADER);
	n = sframe_open(key, packet + RTP_HEADER + 1, len - RTP_HEADER - 1,
			out + RTP_HEADER, ctr);
	return n < 0 ? n : n + RTP_HEADER;
}

uint32_t rtp_ssrc(const uint8_t *packet)
{
	return (uint32_t)packet[8] << 24 | (uint32_t)packet[9] << 16 |
	       (uint32_t)packet[10] << 8 | packet[11];
}

uint16_t rtp_seq(const uint8_t *packet)
{
	return (uint16_t)(packet[2] << 8 | packet[3]);
}

void rtp_fill(uint8_t *out, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 7 + i / 251 + seed);
	if (len)
		out[0] &= 0x1f;
}

void rtp_plain(uint8_t *out, size_t len, uint32_t ssrc, uint16_t seq)
{
	struct rtp rtp = { .pt = 96, .ssrc = ssrc, .seq = seq, .ts = seq };

	rtp_fill(put_header(out, &rtp), len - RTP_HEADER, seq);
}

size_t rtcp_build(uint8_t *out, uint32_t ssrc)
{
	uint8_t *pos = out;

	put16(&pos, 0x80c8);		/* SR, no reports */
	put16(&pos, 6);
	put32(&pos, ssrc);
	memset(pos, 0x11, 20);
	pos += 20;
	put16(&pos, 0x81ca);		/* SDES, one chunk */
	put16(&pos, 3);
	put32(&pos, ssrc);
	put(&pos, "\x01\x04me@x\0\0", 8);
	return (size_t)(pos - out);
}

size_t rtcp_reduced_build(uint8_t *out, uint32_t ssrc)
{
	uint8_t *pos = out;

	put16(&pos, 0x81ce);		/* PSFB, FMT 1: PLI */
	put16(&pos, 2);
	put32(&pos, 1);
	put32(&pos, ssrc);
	return (size_t)(pos - out);
}

static void put_stun(uint8_t **pos, unsigned int type, size_t len)
{
	put16(pos, type);
	put16(pos, (unsigned int)len);
	put32(pos, 0x2112a442);
	put(pos, "transaction!", 12);
}

size_t stun_build(uint8_t *out)
{
	uint8_t *pos = out;

	put_stun(&pos, 0x0001, 12);	/* binding request */
	put16(&pos, 0x0006);		/* USERNAME */
	put16(&pos, 5);
	put(&pos, "ab:cd\0\0\0", 8);
	return (size_t)(pos - out);
}

static size_t stun_with(uint8_t *out, unsigned int method, unsigned int type,
			const void *data, size_t len)
{
	size_t padded = (len + 3) & ~(size_t)3;
	uint8_t *pos = out;

	put_stun(&pos, method, 4 + padded);
	put16(&pos, type);
	put16(&pos, (unsigned int)len);
	put(&pos, data, len);
	memset(pos, 0, padded - len);
	return (size_t)(pos - out) + padded - len;
}

size_t stun_data_build(uint8_t *out, const void *data, size_t len)
{
	return stun_with(out, 0x0017, 0x0013, data, len);
}

size_t stun_attribute_build(uint8_t *out, unsigned int type, const void *data,
			    size_t len)
{
	return stun_with(out, 0x0001, type, data, len);
}

static void put_record(uint8_t **pos, unsigned int type, size_t len)
{
	*(*pos)++ = (uint8_t)type;
	put16(pos, 0xfefd);		/* DTLS 1.2 */
	put16(pos, type == 22 ? 0 : 1);	/* epoch */
	put16(pos, 0);
	put32(pos, 7);			/* sequence number */
	put16(pos, (unsigned int)len);
}

size_t dtls_build(uint8_t *out)
{
	uint8_t *pos = out;

	for (int i = 0; i < 2; i++) {
		put_record(&pos, 23, 40);
		rtp_fill(pos, 40, 3);
		pos += 40;
	}
	return (size_t)(pos - out);
}

size_t dtls_hello_build(uint8_t *out, bool use_srtp)
{
	static const uint8_t groups[] = { 0, 10, 0, 4, 0, 2, 0, 29 };
	static const uint8_t srtp[] = { 0, 14, 0, 5, 0, 2, 0, 7, 0 };
	size_t ext = sizeof(groups) + (use_srtp ? sizeof(srtp) : 0);
	size_t hello = 2 + 32 + 1 + 1 + 2 + 2 + 1 + 1 + 2 + ext;
	uint8_t *pos = out;

	put_record(&pos, 22, 12 + hello);
	*pos++ = 1;			/* ClientHello */
	*pos++ = 0;
	put16(&pos, (unsigned int)hello);
	put16(&pos, 0);			/* message sequence */
	*pos++ = 0;			/* fragment: all of it */
	put16(&pos, 0);
	*pos++ = 0;
	put16(&pos, (unsigned int)hello);

	put16(&pos, 0xfefd);
	memset(pos, 0x42, 32);		/* random */
	pos += 32;
	*pos++ = 0;			/* session id */
	*pos++ = 0;			/* cookie */
	put16(&pos, 2);			/* cipher suites */
	put16(&pos, 0xc02b);
	*pos++ = 1;			/* compression */
	*pos++ = 0;
	put16(&pos, (unsigned int)ext);
	put(&pos, groups, sizeof(groups));
	if (use_srtp)
		put(&pos, srtp, sizeof(srtp));
	return (size_t)(pos - out);
}

size_t zrtp_build(uint8_t *out)
{
	uint8_t *pos = out;

	put32(&pos, 0x10000001);
	put32(&pos, 0x5a525450);	/* cookie */
	put32(&pos, 0x1234);		/* SSRC */
	put16(&pos, 0x505a);		/* preamble */
	put16(&pos, 3);			/* words of the message */
	put(&pos, "HelloACK", 8);
	put32(&pos, 0xdeadbeef);	/* CRC */
	return (size_t)(pos - out);
}

size_t channel_build(uint8_t *out, const void *data, size_t len, bool pad)
{
	size_t padding = pad ? -len & 3 : 0;
	uint8_t *pos = out;

	memmove(out + 4, data, len);
	put16(&pos, 0x4001);
	put16(&pos, (unsigned int)len);
	memset(pos + len, 0, padding);
	return 4 + len + padding;
}
