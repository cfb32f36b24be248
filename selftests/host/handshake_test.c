// SPDX-License-Identifier: GPL-2.0
/*
 * DTLS and ZRTP told apart from what only looks like them, and handshakes that
 * offer SRTP from those that do not.
 */
#include "rtp_parse.h"

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

int main(void)
{
	tap_start();
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
	return tap_end();
}
