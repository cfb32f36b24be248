// SPDX-License-Identifier: GPL-2.0
/*
 * STUN and TURN told apart from what only looks like them, and what they carry:
 * each attribute and each channel may hide media.
 */
#include "rtp_parse.h"

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

int main(void)
{
	tap_start();
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
	return tap_end();
}
