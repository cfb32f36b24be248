// SPDX-License-Identifier: GPL-2.0
/*
 * One datagram of each kind with a disguised twin, under KASAN and whole,
 * truncated and mutated. The host's tests take each kind apart.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include "../wire/rtp.h"

struct sample {
	const char *name;
	enum e2ee_rtp_kind kind;
	u16 len;
	const u8 *bytes;
};

#define SAMPLE(_name, _kind, ...) {					\
	.name = _name,							\
	.kind = E2EE_RTP_ ## _kind,					\
	.len = sizeof((const u8[]){ __VA_ARGS__ }),			\
	.bytes = (const u8[]){ __VA_ARGS__ },				\
}

/* RTP headers have sequence number 0x1234 and SSRC 0xcafebabe */
static const struct sample samples[] = {
	SAMPLE("media", MEDIA,
	       0x80, 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe, 'x'),
	SAMPLE("media with marker", MEDIA,
	       0x80, 0x80 | 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba,
	       0xbe, 'x'),
	SAMPLE("CSRC, extension and padding", MEDIA,
	       0xb1, 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe, 1,
	       2, 3, 4, 0xbe, 0xde, 0, 1, 0x10, 0, 0, 0, 'x', 0, 2),
	SAMPLE("bare", BARE,
	       0x80, 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe),
	SAMPLE("probe", BARE,
	       0xa0, 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe, 0, 2),
	SAMPLE("RTP with type 64", DISGUISED,
	       0x80, 64, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe, 'x'),
	SAMPLE("padding beyond payload", DISGUISED,
	       0xa0, 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe, 3, 3),
	SAMPLE("padding of zero", DISGUISED,
	       0xa0, 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe, 0),
	SAMPLE("RTCP", RTCP,
	       0x80, 201, 0, 1, 0xca, 0xfe, 0xba, 0xbe, 0x81, 202, 0, 2, 0xca,
	       0xfe, 0xba, 0xbe, 1, 1, 'a', 0),
	SAMPLE("RTCP of all types", RTCP,
	       0x81, 200, 0, 12, 0xca, 0xfe, 0xba, 0xbe, 1, 2, 3, 4, 5, 6, 7,
	       8, 0, 0, 1, 0, 0, 0, 0, 9, 0, 0, 9, 0, 0xca, 0xfe, 0xba, 0xbf,
	       0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5,
	       0x81, 203, 0, 2, 0xca, 0xfe, 0xba, 0xbe, 3, 'b', 'y', 'e',
	       0x80, 204, 0, 2, 0xca, 0xfe, 0xba, 0xbe, 'g', 'o', 'o', 'g',
	       0x80, 207, 0, 2, 0xca, 0xfe, 0xba, 0xbe, 1, 0, 0, 0,
	       0x81, 206, 0, 2, 0xca, 0xfe, 0xba, 0xbe, 0xca, 0xfe, 0xba, 0xbf,
	       0x80, 209, 0, 0,
	       0xa1, 205, 0, 4, 0xca, 0xfe, 0xba, 0xbe, 0xca, 0xfe, 0xba, 0xbf,
	       0, 1, 0, 0, 0, 0, 0, 4),
	SAMPLE("SR with something behind", DISGUISED,
	       0x80, 200, 0, 7, 0xca, 0xfe, 0xba, 0xbe, 1, 2, 3, 4, 5, 6, 7,
	       8, 0, 0, 1, 0, 0, 0, 0, 9, 0, 0, 9, 0, 1, 2, 3, 4),
	SAMPLE("RTP in the form of feedback", DISGUISED,
	       0x80, 205, 0, 3, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe, 1, 2, 3, 4),
	SAMPLE("RTCP with a tail", DISGUISED,
	       0x80, 201, 0, 1, 0xca, 0xfe, 0xba, 0xbe, 0x81),
	SAMPLE("STUN", STUN,
	       0, 0x01, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8,
	       9, 10, 11, 12, 0x80, 0x22, 0, 3, 1, 2, 3, 0),
	SAMPLE("STUN, attribute too long", DISGUISED,
	       0, 0x01, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8,
	       9, 10, 11, 12, 0x80, 0x22, 0, 5, 1, 2, 3, 4),
	SAMPLE("indication with RTCP", STUN,
	       0, 0x16, 0, 12, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7,
	       8, 9, 10, 11, 12, 0, 0x13, 0, 8, 0x80, 201, 0, 1, 0xca, 0xfe,
	       0xba, 0xbe),
	SAMPLE("indication with media", DISGUISED,
	       0, 0x16, 0, 20, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7,
	       8, 9, 10, 11, 12, 0, 0x13, 0, 13, 0x80, 96, 0x12, 0x34, 1, 2,
	       3, 4, 0xca, 0xfe, 0xba, 0xbe, 'x', 0, 0, 0),
	SAMPLE("DTLS", DTLS,
	       21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0),
	SAMPLE("DTLS, record too long", DISGUISED,
	       21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 1, 0),
	SAMPLE("DTLS 1.3", DTLS,
	       0x2e, 0, 1, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6,
	       7, 8),
	SAMPLE("use_srtp", DTLS_SRTP,
	       22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 65, 1, 0, 0, 53, 0,
	       0, 0, 0, 0, 0, 0, 53, 0xfe, 0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 1,
	       2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6,
	       7, 8, 0, 0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 9, 0, 14, 0, 5, 0, 2,
	       0, 7, 0),
	SAMPLE("use_srtp in STUN", DTLS_SRTP,
	       0, 0x01, 0, 84, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8,
	       9, 10, 11, 12, 0xc0, 0x70, 0, 78,
	       22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 65, 1, 0, 0, 53, 0,
	       0, 0, 0, 0, 0, 0, 53, 0xfe, 0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 1,
	       2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6,
	       7, 8, 0, 0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 9, 0, 14, 0, 5, 0, 2,
	       0, 7, 0, 0, 0),
	SAMPLE("media where DTLS is in STUN", DISGUISED,
	       0, 0x01, 0, 20, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8,
	       9, 10, 11, 12, 0xc0, 0x70, 0, 13, 0x80, 96, 0x12, 0x34, 1, 2,
	       3, 4, 0xca, 0xfe, 0xba, 0xbe, 'x', 0, 0, 0),
	SAMPLE("ZRTP", ZRTP,
	       0x10, 0, 0, 1, 'Z', 'R', 'T', 'P', 0xca, 0xfe, 0xba, 0xbe,
	       0x50, 0x5a, 0, 3, 'H', 'e', 'l', 'l', 'o', ' ', ' ', ' ', 'c',
	       'r', 'c', '.'),
	SAMPLE("ZRTP with a tail", DISGUISED,
	       0x10, 0, 0, 1, 'Z', 'R', 'T', 'P', 0xca, 0xfe, 0xba, 0xbe,
	       0x50, 0x5a, 0, 3, 'H', 'e', 'l', 'l', 'o', ' ', ' ', ' ', 'c',
	       'r', 'c', '.', 0),
	SAMPLE("ChannelData", MEDIA,
	       0x40, 1, 0, 13, 0x80, 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe,
	       0xba, 0xbe, 'x', 0, 0, 0),
	SAMPLE("ChannelData with nothing", EMPTY,
	       0x40, 1, 0, 0),
	SAMPLE("ChannelData cut", DISGUISED,
	       0x40, 1, 0, 14, 0x80, 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe,
	       0xba, 0xbe, 'x'),
	SAMPLE("unknown", DISGUISED,
	       0xc0, 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe, 'x'),
};

/* Parse a copy that ends where the bytes end, for KASAN. */
static enum e2ee_rtp_kind parse(struct kunit *test, const u8 *bytes,
				size_t len, struct e2ee_rtp *rtp)
{
	enum e2ee_rtp_kind kind;
	u8 *exact;

	exact = kmalloc(len ?: 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, exact);
	if (len)
		memcpy(exact, bytes, len);
	kind = e2ee_rtp_parse(exact, len, rtp);
	kfree(exact);
	if (kind == E2EE_RTP_MEDIA || kind == E2EE_RTP_BARE)
		KUNIT_EXPECT_EQ(test, len, (size_t)rtp->payload +
				rtp->payload_len + rtp->pad_len +
				rtp->tail_len);
	return kind;
}

static void kinds(struct kunit *test)
{
	struct e2ee_rtp rtp;
	size_t i;

	KUNIT_EXPECT_EQ(test, (int)E2EE_RTP_EMPTY,
			(int)parse(test, NULL, 0, &rtp));
	for (i = 0; i < ARRAY_SIZE(samples); i++)
		KUNIT_EXPECT_EQ_MSG(test, (int)samples[i].kind,
				    (int)parse(test, samples[i].bytes,
					       samples[i].len, &rtp),
				    "%s", samples[i].name);
}

static void layout(struct kunit *test)
{
	static const u8 bytes[] = {
		0x40, 1, 0, 28,
		0xb1, 0x80 | 96, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe,
		1, 2, 3, 4,
		0xbe, 0xde, 0, 1, 0x10, 0, 0, 0, 'a', 'b', 0, 2, 0,
	};
	struct e2ee_rtp rtp;

	KUNIT_ASSERT_EQ(test, (int)parse(test, bytes, sizeof(bytes), &rtp),
			(int)E2EE_RTP_MEDIA);
	KUNIT_EXPECT_EQ(test, rtp.start, 4);
	KUNIT_EXPECT_EQ(test, rtp.payload, 4 + 12 + 4 + 8);
	KUNIT_EXPECT_EQ(test, rtp.payload_len, 2);
	KUNIT_EXPECT_EQ(test, rtp.pad_len, 2);
	KUNIT_EXPECT_EQ(test, rtp.tail_len, 1);
	KUNIT_EXPECT_EQ(test, rtp.ssrc, 0xcafebabe);
	KUNIT_EXPECT_EQ(test, rtp.seq, 0x1234);
	KUNIT_EXPECT_EQ(test, rtp.pt, 96);
}

static void mend(struct kunit *test)
{
	struct e2ee_rtp rtp = { .start = 4 };
	u8 bytes[] = { 0x40, 0x01, 0x00, 0xf0 };

	e2ee_rtp_mend(bytes, &rtp, 0x20);
	KUNIT_EXPECT_MEMEQ(test, bytes, "\x40\x01\x01\x10", 4);
	e2ee_rtp_mend(bytes, &rtp, -0x20);
	KUNIT_EXPECT_MEMEQ(test, bytes, "\x40\x01\x00\xf0", 4);
	rtp.start = 0;
	e2ee_rtp_mend(bytes, &rtp, 0x20);
	KUNIT_EXPECT_MEMEQ(test, bytes, "\x40\x01\x00\xf0", 4);
}

static void truncated(struct kunit *test)
{
	struct e2ee_rtp rtp;
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(samples); i++)
		for (len = 0; len < samples[i].len; len++)
			parse(test, samples[i].bytes, len, &rtp);
}

static void mutated(struct kunit *test)
{
	const struct sample *sample;
	struct rnd_state random;
	struct e2ee_rtp rtp;
	unsigned int loops;
	u8 bytes[256];

	prandom_seed_state(&random, 3550);
	for (loops = 0; loops < 5000; loops++) {
		sample = &samples[loops % ARRAY_SIZE(samples)];
		memcpy(bytes, sample->bytes, sample->len);
		bytes[prandom_u32_state(&random) % sample->len] =
			prandom_u32_state(&random);
		bytes[prandom_u32_state(&random) % sample->len] ^=
			1 << prandom_u32_state(&random) % 8;
		parse(test, bytes, sample->len, &rtp);
	}
}

static struct kunit_case rtp_cases[] = {
	KUNIT_CASE(kinds),
	KUNIT_CASE(layout),
	KUNIT_CASE(mend),
	KUNIT_CASE(truncated),
	KUNIT_CASE_SLOW(mutated),
	{ }
};

static struct kunit_suite rtp_suite = {
	.name = "e2ee_rtp",
	.test_cases = rtp_cases,
};

kunit_test_suite(rtp_suite);
