// SPDX-License-Identifier: GPL-2.0
/* The clear front of sealed payloads, against the vectors of RFC 9605. */
#include <kunit/test.h>
#include "../wire/sframe.h"
#include "header_vectors.h"
#include "sframe_vectors.h"

static void headers_as_in_rfc_9605(struct kunit *test)
{
	const struct header_vector *v;
	u8 buf[E2EE_SFRAME_HEADER_MAX];
	u64 kid, ctr;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(header_vectors); i++) {
		v = &header_vectors[i];
		KUNIT_ASSERT_EQ(test, v->len,
				e2ee_sframe_encode(buf, v->kid, v->ctr));
		KUNIT_EXPECT_MEMEQ(test, buf, v->bytes, v->len);
		KUNIT_EXPECT_EQ(test, (int)v->len,
				e2ee_sframe_decode(v->bytes, v->len, &kid,
						   &ctr));
		KUNIT_EXPECT_EQ(test, v->kid, kid);
		KUNIT_EXPECT_EQ(test, v->ctr, ctr);
	}
}

static void truncated_headers_are_refused(struct kunit *test)
{
	const struct header_vector *v;
	u64 kid, ctr;
	u8 *exact;
	size_t i;
	u8 len;

	for (i = 0; i < ARRAY_SIZE(header_vectors); i++) {
		v = &header_vectors[i];
		for (len = 0; len < v->len; len++) {
			/* ends where the bytes end, for KASAN */
			exact = kunit_kzalloc(test, len ?: 1, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, exact);
			memcpy(exact, v->bytes, len);
			KUNIT_EXPECT_EQ(test, -EBADMSG,
					e2ee_sframe_decode(exact, len, &kid,
							   &ctr));
			kunit_kfree(test, exact);
		}
	}
}

static void longer_than_needed_is_refused(struct kunit *test)
{
	static const struct {
		u8 len;
		u8 bytes[10];
	} bad[] = {
		{ 2, "\x08\x00" }, { 2, "\x08\x07" },
		{ 2, "\x80\x00" }, { 2, "\x80\x07" },
		{ 3, "\x09\x00\xff" }, { 3, "\x90\x00\xff" },
		{ 3, "\x88\x08\x07" }, { 3, "\x88\x07\x08" },
		{ 9, "\x0f\x00\xff\xff\xff\xff\xff\xff\xff" },
	};
	u64 kid, ctr;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				e2ee_sframe_decode(bad[i].bytes, bad[i].len,
						   &kid, &ctr));
}

static void front_parses_to_itself(struct kunit *test)
{
	u8 buf[1 + E2EE_SFRAME_HEADER_MAX + 16] = { 0 };
	const struct header_vector *v;
	struct e2ee_sealed out, in;
	u32 len;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(header_vectors); i++) {
		v = &header_vectors[i];
		len = e2ee_sframe_front(buf, v->kid, v->ctr, &out);
		KUNIT_ASSERT_EQ(test, len, 1U + v->len);
		KUNIT_EXPECT_EQ(test, len,
				e2ee_sframe_front_len(v->kid, v->ctr));
		KUNIT_EXPECT_EQ(test, buf[0], 0xe0);
		KUNIT_EXPECT_MEMEQ(test, buf + 1, v->bytes, v->len);
		KUNIT_EXPECT_EQ(test, 0,
				e2ee_sframe_parse(buf, len + 16, &in));
		KUNIT_EXPECT_MEMEQ(test, &in, &out, sizeof(in));
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				e2ee_sframe_parse(buf, len + 15, &in));
	}
}

static void descriptor_says_sealed(struct kunit *test)
{
	unsigned int i;
	u8 byte;

	KUNIT_EXPECT_FALSE(test, e2ee_sframe_is_sealed(&byte, 0));
	for (i = 0; i < 256; i++) {
		byte = i;
		KUNIT_EXPECT_EQ(test, e2ee_sframe_is_sealed(&byte, 1),
				i == 0x20 || i == 0x60 || i == 0xa0 ||
				i == 0xe0);
	}
}

static void nonces_as_in_rfc_9605(struct kunit *test)
{
	const struct sframe_vector *v;
	u8 nonce[E2EE_SFRAME_NONCE_LEN];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sframe_vectors); i++) {
		v = &sframe_vectors[i];
		e2ee_sframe_nonce(nonce, v->salt, v->ctr);
		KUNIT_EXPECT_MEMEQ(test, nonce, v->nonce, sizeof(nonce));
	}
}

static struct kunit_case sframe_cases[] = {
	KUNIT_CASE(headers_as_in_rfc_9605),
	KUNIT_CASE(truncated_headers_are_refused),
	KUNIT_CASE(longer_than_needed_is_refused),
	KUNIT_CASE(front_parses_to_itself),
	KUNIT_CASE(descriptor_says_sealed),
	KUNIT_CASE(nonces_as_in_rfc_9605),
	{ }
};

static struct kunit_suite sframe_suite = {
	.name = "e2ee_sframe",
	.test_cases = sframe_cases,
};

kunit_test_suite(sframe_suite);
