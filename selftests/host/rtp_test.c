// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams told apart: RTP, and beside each kind the twin that only looks like
 * it; then all kinds, cut, altered and invented. TURN and STUN are in
 * turn_test.c, DTLS and ZRTP in handshake_test.c.
 */
#include "rtp_parse.h"

#define MUTATIONS	200000

static void nothing_at_all_is_empty(void)
{
	EXPECT_EQ(parse_bytes(NULL, 0), E2EE_RTP_EMPTY);
}

static void unknown_first_bytes_are_disguised(void)
{
	struct packet packet = { 0 };
	unsigned int first;

	put_rtp(&packet, 0x80, 96);
	put_zero(&packet, 100);
	for (first = 0; first < 256; first++) {
		packet.data[0] = (u8)first;
		if (first >= 128 && first <= 191)
			continue;
		EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
		EXPECT_EQ(parse_bytes(packet.data, 1), E2EE_RTP_DISGUISED);
	}
}

static void media_fields(void)
{
	struct packet packet = { 0 };

	put_rtp(&packet, 0x80, 0x80 | 111);
	put(&packet, "payload", 7);
	EXPECT_EQ(parse(&packet), E2EE_RTP_MEDIA);
	EXPECT_EQ(rtp.start, 0);
	EXPECT_EQ(rtp.payload, 12);
	EXPECT_EQ(rtp.payload_len, 7);
	EXPECT_EQ(rtp.pad_len, 0);
	EXPECT_EQ(rtp.ssrc, 0xcafebabe);
	EXPECT_EQ(rtp.seq, 0x1234);
	EXPECT_EQ(rtp.pt, 111);
}

static void payload_types(void)
{
	struct packet packet = { 0 };
	unsigned int second, pt;

	put_rtp(&packet, 0x80, 0);
	put_zero(&packet, 20);
	for (second = 0; second < 256; second++) {
		packet.data[1] = (u8)second;
		pt = second & 127;
		if (pt >= 64 && pt <= 95) {
			EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
		} else {
			EXPECT_EQ(parse(&packet), E2EE_RTP_MEDIA);
			EXPECT_EQ(rtp.pt, pt);
		}
	}
}

static void csrcs(void)
{
	unsigned int count;

	for (count = 0; count < 16; count++) {
		struct packet packet = { 0 };

		put_rtp(&packet, (u8)(0x80 | count), 96);
		EXPECT_EQ(parse(&packet), E2EE_RTP_BARE);
		put_zero(&packet, 3);
		EXPECT_EQ(parse(&packet), E2EE_RTP_MEDIA);
		EXPECT_EQ(rtp.payload, 12 + 4 * count);
		EXPECT_EQ(rtp.payload_len, 3);
		/* one word short */
		if (count)
			EXPECT_EQ(parse_bytes(packet.data, 8 + 4 * count),
				  E2EE_RTP_DISGUISED);
	}
}

static void header_extensions(void)
{
	/* one-byte, two-byte with and without appbits, somebody's own */
	static const u16 profiles[] = { 0xbede, 0x1000, 0x100f, 0x0000, 0xabac,
					0xffff };
	u16 words, i;
	size_t len;

	for (i = 0; i < sizeof(profiles) / sizeof(*profiles); i++) {
		for (words = 0; words < 70; words++) {
			struct packet packet = { 0 };

			put_rtp(&packet, 0x92, 96);
			put_be(&packet, profiles[i], 2);
			put_be(&packet, words, 2);
			put_zero(&packet, 4U * words);
			len = packet.len;
			EXPECT_EQ(parse(&packet), E2EE_RTP_BARE);
			put_zero(&packet, 9);
			EXPECT_EQ(parse(&packet), E2EE_RTP_MEDIA);
			EXPECT_EQ(rtp.payload, 12 + 8 + 4 + 4 * words);
			EXPECT_EQ(rtp.payload_len, 9);
			EXPECT_EQ(parse_bytes(packet.data, len - 1),
				  E2EE_RTP_DISGUISED);
		}
	}
}

static void longest_extension(void)
{
	size_t len = 16 + 4UL * 65535 + 1;
	u8 *data = calloc(1, len);

	if (!data)
		abort();
	data[0] = 0x90;
	data[1] = 96;
	data[14] = 0xff;
	data[15] = 0xff;
	EXPECT_EQ(parse_bytes(data, 65535), E2EE_RTP_DISGUISED);
	/* no datagram is as long, but a length must not wrap either */
	EXPECT_EQ(parse_bytes(data, len), E2EE_RTP_MEDIA);
	EXPECT_EQ(rtp.payload_len, 1);
	free(data);
}

static void padding(void)
{
	unsigned int content, pad;

	for (content = 0; content < 3; content++) {
		for (pad = 0; pad < 256; pad++) {
			struct packet packet = { 0 };

			put_rtp(&packet, 0xa0, 96);
			put_zero(&packet, content);
			if (pad)
				put_zero(&packet, pad - 1);
			put_be(&packet, pad, 1);
			if (!pad) {
				/* the count counts itself */
				EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
				continue;
			}
			EXPECT_EQ(parse(&packet), content ? E2EE_RTP_MEDIA :
							    E2EE_RTP_BARE);
			EXPECT_EQ(rtp.payload_len, content);
			EXPECT_EQ(rtp.pad_len, pad);
			/* padding that reaches into the header */
			packet.data[packet.len - 1] = (u8)(pad + content + 1);
			if (pad + content + 1 < 256)
				EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
		}
	}
}

static void padding_without_a_byte(void)
{
	struct packet packet = { 0 };

	put_rtp(&packet, 0xa0, 96);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
}

static void short_rtp_is_disguised(void)
{
	struct packet packet = { 0 };
	size_t len;

	put_rtp(&packet, 0x80, 96);
	EXPECT_EQ(parse(&packet), E2EE_RTP_BARE);
	for (len = 1; len < 12; len++)
		EXPECT_EQ(parse_bytes(packet.data, len), E2EE_RTP_DISGUISED);
}

/* One of everything, to be cut and mutated */
static size_t samples(struct packet *out)
{
	struct packet media = { 0 }, stun = { 0 }, hello = { 0 };
	struct packet indication = { 0 };
	size_t n = 0;

	put_rtp(&media, 0xb2, 96);
	put_be(&media, 0xbede0002, 4);
	put_zero(&media, 8);
	put_zero(&media, 60);
	put_be(&media, 4, 4);
	out[n++] = media;
	put_channel(&out[n++], 0x4abc, &media, 2);
	put_stun(&stun);
	out[n++] = stun;
	put_channel(&out[n++], 0x4000, &stun, 0);
	put_hello_record(&hello, HELLO_CLIENT, true);
	put_hello_record(&hello, HELLO_SERVER, true);
	put_unified(&hello, 0x0c, 20);
	out[n++] = hello;
	put_indication(&indication, &hello);
	out[n++] = indication;
	put_request(&out[n++], 0xc070, &hello);
	put_channel(&out[n++], 0x4000, &indication, 0);
	put_rtp(&out[n], 0xa0, 96);	/* a probe: padding only */
	put_be(&out[n++], 4, 4);
	put_unified(&out[n++], 0x0c, 40);
	put_rtcp(&out[n], 0, 200, 6);
	put_rtcp(&out[n], 1, 202, 2);
	put_rtcp(&out[n++], 1, 206, 2);
	put_zrtp(&out[n++], 10);
	return n;
}

#define SAMPLES_MAX	16

static void truncated_everywhere(void)
{
	struct packet *all = calloc(SAMPLES_MAX, sizeof(*all));
	size_t i, n, len;

	if (!all)
		abort();
	n = samples(all);
	for (i = 0; i < n; i++) {
		EXPECT(parse(&all[i]) != E2EE_RTP_DISGUISED);
		for (len = 0; len < all[i].len; len++)
			parse_bytes(all[i].data, len);
	}
	free(all);
}

static void mutated_at_random(void)
{
	struct packet *all = calloc(SAMPLES_MAX, sizeof(*all));
	unsigned int seen[E2EE_RTP_DISGUISED + 1] = { 0 };
	unsigned long long seed = 3550, random;
	unsigned int loops, hits, kind;
	struct packet packet;
	size_t n;

	if (!all)
		abort();
	n = samples(all);
	for (loops = 0; loops < MUTATIONS; loops++) {
		packet = all[loops % n];
		random = tap_random(&seed);
		for (hits = random & 3; hits + 1; hits--) {
			random = tap_random(&seed);
			packet.data[(random >> 8) % (random & 0x80 ? 40 :
				    packet.len)] = (u8)(random >> 40);
		}
		if (random >> 62 == 0)
			packet.len = (random >> 32) % packet.len;
		seen[parse(&packet)]++;
	}
	/* the loop is worth something only if it finds every kind */
	for (kind = E2EE_RTP_STUN; kind <= E2EE_RTP_DISGUISED; kind++)
		EXPECT(seen[kind] > 100);
	free(all);
}

static void random_bytes(void)
{
	unsigned long long seed = 7983, random;
	u8 data[256];
	unsigned int loops;
	size_t i;

	for (loops = 0; loops < MUTATIONS; loops++) {
		random = tap_random(&seed);
		for (i = 0; i < sizeof(data); i += sizeof(random)) {
			random = tap_random(&seed);
			memcpy(data + i, &random, sizeof(random));
		}
		data[0] = (u8)loops;
		parse_bytes(data, (random >> 16) % sizeof(data));
	}
}

int main(void)
{
	tap_start();
	TAP_RUN(nothing_at_all_is_empty);
	TAP_RUN(unknown_first_bytes_are_disguised);
	TAP_RUN(media_fields);
	TAP_RUN(payload_types);
	TAP_RUN(csrcs);
	TAP_RUN(header_extensions);
	TAP_RUN(longest_extension);
	TAP_RUN(padding);
	TAP_RUN(padding_without_a_byte);
	TAP_RUN(short_rtp_is_disguised);
	TAP_RUN(truncated_everywhere);
	TAP_RUN(mutated_at_random);
	TAP_RUN(random_bytes);
	return tap_end();
}
