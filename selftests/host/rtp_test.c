// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams told apart: each kind, and beside it the twin that only looks
 * like it. All bytes are parsed from heap copies that end where they end, so
 * that ASan sees one read too many.
 */
#include "rtp.h"
#include "rtp_samples.h"
#include "tap.h"

#define MUTATIONS	200000

static const struct e2ee_rtp nothing;
static struct e2ee_rtp rtp;	/* of the last parse() */

/* What must hold for any input whatever */
static void check(enum e2ee_rtp_kind kind, const u8 *data, size_t len)
{
	EXPECT(kind <= E2EE_RTP_DISGUISED);
	if (kind != E2EE_RTP_MEDIA && kind != E2EE_RTP_BARE) {
		EXPECT(!memcmp(&rtp, &nothing, sizeof(rtp)));
		return;
	}
	EXPECT(rtp.start == 0 || rtp.start == 4);
	EXPECT(rtp.start || !rtp.tail_len);
	EXPECT(rtp.payload >= rtp.start + 12);
	EXPECT_EQ(rtp.payload + rtp.payload_len + rtp.pad_len + rtp.tail_len,
		  len);
	EXPECT_EQ(rtp.payload_len != 0, kind == E2EE_RTP_MEDIA);
	EXPECT(rtp.pad_len <= 255);
	EXPECT_EQ(rtp.pad_len != 0, !!(data[rtp.start] & 0x20));
	EXPECT(rtp.tail_len <= 3);
	EXPECT(rtp.pt < 64 || (rtp.pt > 95 && rtp.pt < 128));
}

static enum e2ee_rtp_kind parse_bytes(const u8 *data, size_t len)
{
	u8 *copy = malloc(len + 16);
	enum e2ee_rtp_kind kind;

	if (!copy)
		abort();
	if (len)
		memcpy(copy + 16, data, len);
	memset(&rtp, 0xa5, sizeof(rtp));
	kind = e2ee_rtp_parse(copy + 16, len, &rtp);
	check(kind, copy + 16, len);
	free(copy);
	return kind;
}

static enum e2ee_rtp_kind parse(const struct packet *packet)
{
	return parse_bytes(packet->data, packet->len);
}

static enum e2ee_rtp_kind in_channel(const struct packet *content, size_t pad)
{
	struct packet packet = { 0 };

	put_channel(&packet, 0x4000, content, pad);
	return parse(&packet);
}

static enum e2ee_rtp_kind in_indication(const struct packet *content)
{
	struct packet packet = { 0 };

	put_indication(&packet, content);
	return parse(&packet);
}

/* No shorter and no longer packet than this one may be taken for its kind. */
static void expect_exact(const struct packet *packet)
{
	struct packet copy = *packet;
	size_t len;

	for (len = 1; len < packet->len; len++)
		EXPECT_EQ(parse_bytes(packet->data, len), E2EE_RTP_DISGUISED);
	for (len = 1; len < 40; len++) {
		put_zero(&copy, 1);
		EXPECT_EQ(parse(&copy), E2EE_RTP_DISGUISED);
	}
}

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

static void stun(void)
{
	struct packet packet = { 0 }, twin;
	size_t i;

	put_stun(&packet);
	EXPECT_EQ(parse(&packet), E2EE_RTP_STUN);
	expect_exact(&packet);

	/* first two bytes but the method, length and cookie all matter */
	for (i = 2; i < 8; i++) {
		twin = packet;
		twin.data[i] ^= 4;
		EXPECT_EQ(parse(&twin), E2EE_RTP_DISGUISED);
	}
	twin = packet;
	twin.data[1] = 0;		/* method 0 is nobody's */
	EXPECT_EQ(parse(&twin), E2EE_RTP_DISGUISED);
	twin = packet;
	twin.data[23] = 0x60;		/* an attribute longer than the rest */
	EXPECT_EQ(parse(&twin), E2EE_RTP_DISGUISED);
	twin = packet;
	twin.data[packet.len - 5] = 5;	/* the last one, by one byte */
	EXPECT_EQ(parse(&twin), E2EE_RTP_DISGUISED);
}

static void stun_without_attributes(void)
{
	struct packet packet = { 0 };

	put_be(&packet, 0x00110000, 4);	/* binding indication, RFC 8445 */
	put_be(&packet, 0x2112a442, 4);
	put_zero(&packet, 12);
	EXPECT_EQ(parse(&packet), E2EE_RTP_STUN);
	expect_exact(&packet);
}

static void stun_lengths_are_multiples_of_four(void)
{
	struct packet packet = { 0 };

	put_be(&packet, 0x00010000, 4);
	put_be(&packet, 0x2112a442, 4);
	put_zero(&packet, 12);
	/* attributes of type 0 without content */
	for (; packet.len < 40; put_zero(&packet, 1)) {
		packet.data[3] = (u8)(packet.len - 20);
		EXPECT_EQ(parse(&packet), packet.len % 4 ?
			  E2EE_RTP_DISGUISED : E2EE_RTP_STUN);
	}
}

static void indications_are_looked_into(void)
{
	struct packet content = { 0 };

	EXPECT_EQ(in_indication(&content), E2EE_RTP_STUN);
	put_rtp(&content, 0x80, 96);
	EXPECT_EQ(in_indication(&content), E2EE_RTP_STUN);	/* bare */
	put_zero(&content, 1);
	EXPECT_EQ(in_indication(&content), E2EE_RTP_DISGUISED);
	content.data[0] = 0xf0;
	EXPECT_EQ(in_indication(&content), E2EE_RTP_DISGUISED);

	memset(&content, 0, sizeof(content));
	put_rtcp(&content, 1, 201, 7);
	EXPECT_EQ(in_indication(&content), E2EE_RTP_STUN);
	memset(&content, 0, sizeof(content));
	put_zrtp(&content, 5);
	EXPECT_EQ(in_indication(&content), E2EE_RTP_STUN);
	memset(&content, 0, sizeof(content));
	put_stun(&content);
	EXPECT_EQ(in_indication(&content), E2EE_RTP_STUN);
	memset(&content, 0, sizeof(content));
	put_hello_record(&content, HELLO_CLIENT, false);
	EXPECT_EQ(in_indication(&content), E2EE_RTP_STUN);
	memset(&content, 0, sizeof(content));
	put_hello_record(&content, HELLO_CLIENT, true);
	EXPECT_EQ(in_indication(&content), E2EE_RTP_DTLS_SRTP);
}

static void every_data_attribute_is_looked_into(void)
{
	struct packet packet = { 0 }, content = { 0 }, media = { 0 };

	put_rtp(&media, 0x80, 96);
	put_zero(&media, 1);
	put_stun(&content);
	put_indication(&packet, &content);
	put_attribute(&packet, 0x0013, media.data, media.len);
	put_stun_len(&packet, 0);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
	/* and not of indications only: this is a request */
	packet.data[1] = 1;
	EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
}

static enum e2ee_rtp_kind in_request(u16 type, const struct packet *content)
{
	struct packet packet = { 0 };

	put_request(&packet, type, content);
	return parse(&packet);
}

/* Browsers put a handshake into attribute 0xc070: DTLS, or nothing, or lies */
static void dtls_in_stun(void)
{
	struct packet content = { 0 }, request = { 0 };
	u8 type;

	EXPECT_EQ(in_request(0xc070, &content), E2EE_RTP_STUN);
	put_rtp(&content, 0x80, 96);
	EXPECT_EQ(in_request(0xc070, &content), E2EE_RTP_DISGUISED);
	put_zero(&content, 40);
	EXPECT_EQ(in_request(0xc070, &content), E2EE_RTP_DISGUISED);
	for (type = HELLO_CLIENT; type <= HELLO_SERVER; type++) {
		memset(&content, 0, sizeof(content));
		memset(&request, 0, sizeof(request));
		put_hello_record(&content, type, false);
		EXPECT_EQ(in_request(0xc070, &content), E2EE_RTP_STUN);
		put_hello_record(&content, type, true);
		EXPECT_EQ(in_request(0xc070, &content), E2EE_RTP_DTLS_SRTP);
		/* the same by way of a relay */
		put_request(&request, 0xc070, &content);
		EXPECT_EQ(in_indication(&request), E2EE_RTP_DTLS_SRTP);
		EXPECT_EQ(in_channel(&request, 0), E2EE_RTP_DTLS_SRTP);
		/* and with a byte behind that is of no record */
		put_zero(&content, 1);
		EXPECT_EQ(in_request(0xc070, &content), E2EE_RTP_DISGUISED);
	}
}

/* A piece of a hello counts in an attribute as it does alone. */
static void piece_of_a_hello_in_stun(void)
{
	struct packet body = { 0 }, message = { 0 }, content = { 0 };
	size_t cut;

	put_hello(&body, HELLO_CLIENT, true, true);
	cut = body.len - 4;
	put_handshake(&message, HELLO_CLIENT, &body, 0, cut);
	put_record(&content, 22, 0, &message);
	EXPECT_EQ(in_request(0xc070, &content), E2EE_RTP_DTLS_SRTP);
}

/*
 * What other attributes hold is theirs, were it RTP to the last byte, but a hello
 * with use_srtp is one in each of them, beside whatever else.
 */
static void other_attributes(void)
{
	struct packet media = { 0 }, hello = { 0 }, packet = { 0 };
	unsigned int type;

	put_rtp(&media, 0x80, 96);
	put_zero(&media, 20);
	put_hello_record(&hello, HELLO_CLIENT, true);
	for (type = 0; type < 65536; type++) {
		EXPECT_EQ(in_request((u16)type, &media),
			  type == 0x0013 || type == 0xc070 ?
			  E2EE_RTP_DISGUISED : E2EE_RTP_STUN);
		EXPECT_EQ(in_request((u16)type, &hello), E2EE_RTP_DTLS_SRTP);
	}
	put_request(&packet, 0xc070, &hello);
	put_attribute(&packet, 0x0006, "a:b", 3);
	put_stun_len(&packet, 0);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS_SRTP);
	put_attribute(&packet, 0x0013, media.data, media.len);
	put_stun_len(&packet, 0);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
}

static void indication_in_indication_is_disguised(void)
{
	struct packet inner = { 0 }, outer = { 0 }, empty = { 0 };

	put_indication(&inner, &empty);
	EXPECT_EQ(parse(&inner), E2EE_RTP_STUN);
	EXPECT_EQ(in_indication(&inner), E2EE_RTP_DISGUISED);
	EXPECT_EQ(in_channel(&inner, 0), E2EE_RTP_STUN);
	put_indication(&outer, &inner);
	EXPECT_EQ(in_channel(&outer, 0), E2EE_RTP_DISGUISED);
}

static void channel_fields(void)
{
	struct packet content = { 0 };
	size_t pad;

	put_rtp(&content, 0xb1, 100);
	put_be(&content, 0xbede0001, 4);
	put_zero(&content, 4);
	put_zero(&content, 50);
	put_be(&content, 3, 3);
	for (pad = 0; pad <= 3; pad++) {
		EXPECT_EQ(in_channel(&content, pad), E2EE_RTP_MEDIA);
		EXPECT_EQ(rtp.start, 4);
		EXPECT_EQ(rtp.payload, 4 + 12 + 4 + 8);
		EXPECT_EQ(rtp.payload_len, 50);
		EXPECT_EQ(rtp.pad_len, 3);
		EXPECT_EQ(rtp.tail_len, pad);
		EXPECT_EQ(rtp.ssrc, 0xcafebabe);
	}
	EXPECT_EQ(in_channel(&content, 4), E2EE_RTP_DISGUISED);
}

static void channel_numbers(void)
{
	struct packet content = { 0 };
	unsigned int channel;

	put_rtp(&content, 0x80, 100);
	put_zero(&content, 50);
	for (channel = 0x3ff0; channel < 0x5010; channel++) {
		struct packet packet = { 0 };

		put_channel(&packet, (u16)channel, &content, 0);
		EXPECT_EQ(parse(&packet) == E2EE_RTP_MEDIA,
			  channel >= 0x4000 && channel <= 0x4fff);
	}
}

static void channel_is_of_the_kind_inside(void)
{
	struct packet content = { 0 };

	EXPECT_EQ(in_channel(&content, 0), E2EE_RTP_EMPTY);
	EXPECT_EQ(in_channel(&content, 3), E2EE_RTP_EMPTY);
	EXPECT_EQ(in_channel(&content, 4), E2EE_RTP_DISGUISED);
	put_rtp(&content, 0x80, 96);
	EXPECT_EQ(in_channel(&content, 0), E2EE_RTP_BARE);
	EXPECT_EQ(rtp.start, 4);
	EXPECT_EQ(rtp.payload, 16);
	content.data[1] = 64;
	EXPECT_EQ(in_channel(&content, 0), E2EE_RTP_DISGUISED);

	memset(&content, 0, sizeof(content));
	put_rtcp(&content, 1, 201, 7);
	EXPECT_EQ(in_channel(&content, 0), E2EE_RTP_RTCP);
	memset(&content, 0, sizeof(content));
	put_stun(&content);
	EXPECT_EQ(in_channel(&content, 0), E2EE_RTP_STUN);
	memset(&content, 0, sizeof(content));
	put_zrtp(&content, 3);
	EXPECT_EQ(in_channel(&content, 2), E2EE_RTP_ZRTP);
	memset(&content, 0, sizeof(content));
	put_hello_record(&content, HELLO_CLIENT, false);
	EXPECT_EQ(in_channel(&content, 1), E2EE_RTP_DTLS);
	memset(&content, 0, sizeof(content));
	put_hello_record(&content, HELLO_CLIENT, true);
	EXPECT_EQ(in_channel(&content, 1), E2EE_RTP_DTLS_SRTP);
}

static void channel_in_anything_is_disguised(void)
{
	struct packet content = { 0 }, channel = { 0 };

	put_rtcp(&content, 1, 201, 7);
	put_channel(&channel, 0x4001, &content, 0);
	EXPECT_EQ(parse(&channel), E2EE_RTP_RTCP);
	EXPECT_EQ(in_channel(&channel, 0), E2EE_RTP_DISGUISED);
	EXPECT_EQ(in_indication(&channel), E2EE_RTP_DISGUISED);
}

static void channel_longer_than_the_datagram(void)
{
	struct packet content = { 0 }, packet = { 0 };
	size_t len;

	put_rtp(&content, 0x80, 96);
	put_zero(&content, 30);
	put_channel(&packet, 0x4000, &content, 0);
	for (len = 1; len < packet.len; len++)
		EXPECT_EQ(parse_bytes(packet.data, len), E2EE_RTP_DISGUISED);
}

static void mend_changes_the_channel_only(void)
{
	struct packet content = { 0 }, packet = { 0 }, old;

	put_rtp(&content, 0x80, 96);
	put_zero(&content, 0xf5 - 12);
	put_channel(&packet, 0x4000, &content, 2);
	old = packet;
	EXPECT_EQ(parse(&packet), E2EE_RTP_MEDIA);
	e2ee_rtp_mend(packet.data, &rtp, 20);
	EXPECT_EQ(e2ee_get_be16(packet.data + 2), 0x109);
	EXPECT_EQ(e2ee_get_be16(packet.data), 0x4000);
	e2ee_rtp_mend(packet.data, &rtp, -20);
	EXPECT(!memcmp(&packet, &old, sizeof(old)));

	old = content;
	EXPECT_EQ(parse(&content), E2EE_RTP_MEDIA);
	e2ee_rtp_mend(content.data, &rtp, 20);
	EXPECT(!memcmp(&content, &old, sizeof(old)));
}

static void zrtp(void)
{
	struct packet packet = { 0 }, twin;
	size_t i;

	put_zrtp(&packet, 29);
	EXPECT_EQ(parse(&packet), E2EE_RTP_ZRTP);
	expect_exact(&packet);
	/* version, cookie, preamble, length */
	for (i = 0; i < 16; i++) {
		if ((i > 0 && i < 4) || (i > 7 && i < 12))
			continue;
		twin = packet;
		twin.data[i] ^= 1;
		EXPECT_EQ(parse(&twin), E2EE_RTP_DISGUISED);
	}

	memset(&packet, 0, sizeof(packet));
	put_zrtp(&packet, 3);
	EXPECT_EQ(parse(&packet), E2EE_RTP_ZRTP);
	/* too short for the type of its message */
	packet.data[15] = 2;
	packet.len -= 4;
	EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
}

static void dtls_records(void)
{
	struct packet packet = { 0 }, content = { 0 };
	unsigned int type, version;

	put_zero(&content, 60);
	put_record(&packet, 23, 1, &content);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
	expect_exact(&packet);
	for (type = 16; type < 32; type++) {
		packet.data[0] = (u8)type;
		EXPECT_EQ(parse(&packet) == E2EE_RTP_DTLS,
			  type >= 20 && type <= 26 && type != 25);
	}
	/* a record may be empty */
	memset(&packet, 0, sizeof(packet));
	memset(&content, 0, sizeof(content));
	put_record(&packet, 23, 1, &content);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
	for (version = 0; version < 65536; version++) {
		packet.data[1] = (u8)(version >> 8);
		packet.data[2] = (u8)version;
		EXPECT_EQ(parse(&packet) == E2EE_RTP_DTLS, version == 0xfeff ||
			  version == 0xfefd || version == 0xfefc);
	}
}

static void dtls_records_in_a_row(void)
{
	struct packet packet = { 0 }, content = { 0 }, media = { 0 };

	put_be(&content, 1, 1);
	put_record(&packet, 20, 0, &content);
	put_zero(&content, 47);
	put_record(&packet, 22, 1, &content);
	put_unified(&packet, 0x0f, 30);
	put_record(&packet, 26, 2, &content);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
	put_rtp(&media, 0x80, 96);
	put(&packet, media.data, media.len);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
}

static void dtls_record_of_no_legal_length(void)
{
	size_t len = 13 + 16384 + 2048;
	u8 *data = calloc(1, len + 1);

	if (!data)
		abort();
	memcpy(data, "\x17\xfe\xfd", 3);
	data[11] = 0x48;
	EXPECT_EQ(parse_bytes(data, len), E2EE_RTP_DTLS);
	data[12] = 1;
	EXPECT_EQ(parse_bytes(data, len + 1), E2EE_RTP_DISGUISED);
	free(data);
}

static void dtls_unified_headers(void)
{
	unsigned int flags;

	for (flags = 0; flags < 32; flags++) {
		struct packet packet = { 0 };

		put_unified(&packet, (u8)flags, 40);
		/* with a length and without a connection ID */
		if ((flags & 0x14) != 0x04) {
			EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
			/* though the bytes there would do as one */
			memset(&packet, 0, sizeof(packet));
			put_unified(&packet, (u8)(flags | 0x04), 40);
			packet.data[0] = (u8)(0x20 | flags);
			EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
			continue;
		}
		EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
		expect_exact(&packet);

		memset(&packet, 0, sizeof(packet));
		put_unified(&packet, (u8)flags, 16);
		EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
		memset(&packet, 0, sizeof(packet));
		put_unified(&packet, (u8)flags, 15);
		EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
	}
}

static void hellos(void)
{
	unsigned int srtp, type;

	for (type = 0; type < 4; type++) {
		for (srtp = 0; srtp < 2; srtp++) {
			struct packet packet = { 0 };
			bool hello = type == HELLO_CLIENT ||
				     type == HELLO_SERVER;

			put_hello_record(&packet, (u8)type, srtp);
			EXPECT_EQ(parse(&packet), hello && srtp ?
				  E2EE_RTP_DTLS_SRTP : E2EE_RTP_DTLS);
			expect_exact(&packet);
			/* the same bytes, encrypted for all we know */
			packet.data[4] = 1;
			EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
			packet.data[4] = 0;
			packet.data[0] = 23;
			EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
		}
	}
}

static void hello_behind_another_message(void)
{
	struct packet body = { 0 }, content = { 0 }, packet = { 0 };
	struct packet first = { 0 };

	put_zero(&first, 20);
	put_handshake(&content, 3, &first, 0, first.len);
	put_hello(&body, HELLO_SERVER, true, true);
	put_handshake(&content, HELLO_SERVER, &body, 0, body.len);
	put_record(&packet, 21, 0, &first);
	put_record(&packet, 22, 0, &content);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS_SRTP);
}

static void hello_without_extensions(void)
{
	struct packet body = { 0 }, content = { 0 }, packet = { 0 };

	put_hello(&body, HELLO_CLIENT, false, false);
	put_handshake(&content, HELLO_CLIENT, &body, 0, body.len);
	put_record(&packet, 22, 0, &content);
	EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
}

/*
 * What looks like use_srtp elsewhere in a hello that parses is none: here in
 * the session id.
 */
static void use_srtp_elsewhere_is_none(void)
{
	static const u8 srtp[] = { 0, 14, 0, 5, 0, 2, 0, 7, 0 };
	struct packet hello = { 0 }, body = { 0 }, content = { 0 };
	struct packet packet = { 0 };
	u8 type;

	for (type = HELLO_CLIENT; type <= HELLO_SERVER; type++) {
		memset(&hello, 0, sizeof(hello));
		memset(&body, 0, sizeof(body));
		memset(&content, 0, sizeof(content));
		memset(&packet, 0, sizeof(packet));
		put_hello(&hello, type, true, false);
		/* another session id than the two bytes there */
		put(&body, hello.data, 34);
		put_be(&body, sizeof(srtp), 1);
		put(&body, srtp, sizeof(srtp));
		put(&body, hello.data + 37, hello.len - 37);
		put_handshake(&content, type, &body, 0, body.len);
		put_record(&packet, 22, 0, &content);
		EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);

		/* but in one that does not parse, who knows */
		packet.data[13 + 12 + 34] = 200;
		EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS_SRTP);
	}
}

/* Cut everywhere: a piece that holds the whole extension is enough. */
static void hellos_in_pieces(void)
{
	struct packet body = { 0 };
	size_t cut, place;
	bool seen;

	put_hello(&body, HELLO_CLIENT, true, true);
	for (place = 0; memcmp(body.data + place, "\0\016\0\007", 4); place++)
		;
	for (cut = 1; cut < body.len; cut++) {
		struct packet content = { 0 }, first = { 0 }, second = { 0 };

		put_handshake(&content, HELLO_CLIENT, &body, 0, cut);
		put_record(&first, 22, 0, &content);
		memset(&content, 0, sizeof(content));
		put_handshake(&content, HELLO_CLIENT, &body, cut,
			      body.len - cut);
		put_record(&second, 22, 0, &content);

		seen = parse(&first) == E2EE_RTP_DTLS_SRTP;
		EXPECT_EQ(seen, cut >= place + 8);
		seen |= parse(&second) == E2EE_RTP_DTLS_SRTP;
		EXPECT_EQ(seen, cut <= place || cut >= place + 8);
	}

	memset(&body, 0, sizeof(body));
	put_hello(&body, HELLO_CLIENT, true, false);
	for (cut = 1; cut < body.len; cut++) {
		struct packet content = { 0 }, packet = { 0 };

		put_handshake(&content, HELLO_CLIENT, &body, 0, cut);
		put_record(&packet, 22, 0, &content);
		EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
	}
}

/* Messages that say they are whole and end anywhere */
static void hellos_that_end_early(void)
{
	struct packet body = { 0 };
	size_t len, place;
	u8 type;

	for (type = HELLO_CLIENT; type <= HELLO_SERVER; type++) {
		memset(&body, 0, sizeof(body));
		put_hello(&body, type, true, true);
		for (place = 0; memcmp(body.data + place, "\0\016\0\007", 4);
		     place++)
			;
		for (len = body.len - 1; len; len--) {
			struct packet content = { 0 }, packet = { 0 };

			body.len = len;
			put_handshake(&content, type, &body, 0, len);
			put_record(&packet, 22, 0, &content);
			EXPECT_EQ(parse(&packet) == E2EE_RTP_DTLS_SRTP,
				  len >= place + 8);
		}
	}
}

static void use_srtp_in_pieces(void)
{
	static const struct {
		bool srtp;
		u8 bytes[9];
	} tests[] = {
		/* type, length, length of profiles, profile */
		{ true, "\0\x0e\0\5\0\2\0\1" },	/* one, no MKI */
		{ true, "\0\x0e\1\4\0\2\0\1" },	/* MKI of 255 bytes */
		{ true, "\0\x0e\0\x43\0\x40\0\1" },	/* 32 profiles */
		{ true, "\0\x0e\0\5\0\2\0\xff" },
		{ false, "\0\x0e\0\4\0\2\0\1" },
		{ false, "\0\x0e\1\5\0\2\0\1" },
		{ false, "\0\x0e\0\x45\0\x42\0\1" },
		{ false, "\0\x0e\0\6\0\3\0\1" },	/* half a profile */
		{ false, "\0\x0e\0\3\0\0\0\1" },	/* none */
		{ false, "\0\x0e\0\5\0\2\1\1" },
		{ false, "\0\x0e\0\5\0\2\0\0" },
		{ false, "\1\x0e\0\5\0\2\0\1" },
		{ false, "\0\x0f\0\5\0\2\0\1" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		struct packet body = { 0 }, content = { 0 }, packet = { 0 };

		put_be(&body, ~0ULL, 7);
		put(&body, tests[i].bytes, 8);
		put_handshake(&content, HELLO_CLIENT, &body, 5, 10);
		put_record(&packet, 22, 0, &content);
		EXPECT_EQ(parse(&packet), tests[i].srtp ?
			  E2EE_RTP_DTLS_SRTP : E2EE_RTP_DTLS);
	}
}

/* The pattern is rare enough: random key shares must not look like it. */
static void random_pieces_are_no_srtp(void)
{
	unsigned long long seed = 5764;
	struct packet body = { 0 };
	unsigned int loops;
	size_t i;

	put_zero(&body, 1200);
	for (loops = 0; loops < 5000; loops++) {
		struct packet content = { 0 }, packet = { 0 };

		for (i = 0; i < body.len; i++)
			body.data[i] = (u8)(tap_random(&seed) >> 40);
		put_handshake(&content, HELLO_CLIENT, &body, 100, 1100);
		put_record(&packet, 22, 0, &content);
		EXPECT_EQ(parse(&packet), E2EE_RTP_DTLS);
	}
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

static void run_rtp(void)
{
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
}

static void run_turn(void)
{
	TAP_RUN(stun);
	TAP_RUN(stun_without_attributes);
	TAP_RUN(stun_lengths_are_multiples_of_four);
	TAP_RUN(indications_are_looked_into);
	TAP_RUN(every_data_attribute_is_looked_into);
	TAP_RUN(dtls_in_stun);
	TAP_RUN(piece_of_a_hello_in_stun);
	TAP_RUN(other_attributes);
	TAP_RUN(indication_in_indication_is_disguised);
	TAP_RUN(channel_fields);
	TAP_RUN(channel_numbers);
	TAP_RUN(channel_is_of_the_kind_inside);
	TAP_RUN(channel_in_anything_is_disguised);
	TAP_RUN(channel_longer_than_the_datagram);
	TAP_RUN(mend_changes_the_channel_only);
}

static void run_handshakes(void)
{
	TAP_RUN(zrtp);
	TAP_RUN(dtls_records);
	TAP_RUN(dtls_records_in_a_row);
	TAP_RUN(dtls_record_of_no_legal_length);
	TAP_RUN(dtls_unified_headers);
	TAP_RUN(hellos);
	TAP_RUN(hello_behind_another_message);
	TAP_RUN(hello_without_extensions);
	TAP_RUN(use_srtp_elsewhere_is_none);
	TAP_RUN(hellos_in_pieces);
	TAP_RUN(hellos_that_end_early);
	TAP_RUN(use_srtp_in_pieces);
	TAP_RUN(random_pieces_are_no_srtp);
}

int main(void)
{
	tap_start();
	run_rtp();
	run_turn();
	run_handshakes();
	TAP_RUN(truncated_everywhere);
	TAP_RUN(mutated_at_random);
	TAP_RUN(random_bytes);
	return tap_end();
}
