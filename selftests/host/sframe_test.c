// SPDX-License-Identifier: GPL-2.0
/* The clear front of a sealed payload, against the vectors of RFC 9605. */
#include "sframe.h"
#include "header_vectors.h"
#include "sframe_vectors.h"
#include "tap.h"

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))

static void headers_as_in_rfc_9605(void)
{
	const struct header_vector *v;
	u8 buf[E2EE_SFRAME_HEADER_MAX];
	u64 kid, ctr;

	EXPECT_EQ(COUNT(header_vectors), 289);
	for (v = header_vectors; v < header_vectors + 289; v++) {
		EXPECT_EQ(e2ee_sframe_encode(buf, v->kid, v->ctr), v->len);
		EXPECT(!memcmp(buf, v->bytes, v->len));
		EXPECT_EQ(e2ee_sframe_decode(v->bytes, v->len, &kid, &ctr),
			  v->len);
		EXPECT(kid == v->kid);
		EXPECT(ctr == v->ctr);
	}
}

/* Heap copies end where the bytes end, so that ASan sees one read too many. */
static int decode(const u8 *bytes, size_t len)
{
	u8 *copy = malloc(len + 16);
	u64 kid, ctr;
	int ret;

	if (!copy)
		abort();
	if (len)
		memcpy(copy + 16, bytes, len);
	ret = e2ee_sframe_decode(copy + 16, len, &kid, &ctr);
	free(copy);
	return ret;
}

static void truncated_headers_are_refused(void)
{
	const struct header_vector *v;
	u8 len;

	for (v = header_vectors; v < header_vectors + 289; v++)
		for (len = 0; len < v->len; len++)
			EXPECT_EQ(decode(v->bytes, len), -EBADMSG);
}

static void what_follows_the_header_does_not_matter(void)
{
	static const u8 bytes[] = { 0x99, 1, 0x23, 0x45, 0x67, 0xff, 0xff };

	EXPECT_EQ(decode(bytes, sizeof(bytes)), 5);
}

static void longer_than_needed_is_refused(void)
{
	/* 1-byte values that the config byte could hold; leading zeros */
	static const struct {
		u8 len;
		u8 bytes[18];
	} bad[] = {
		{ 2, "\x08\x00" }, { 2, "\x08\x07" },
		{ 2, "\x80\x00" }, { 2, "\x80\x07" },
		{ 3, "\x09\x00\xff" }, { 3, "\x90\x00\xff" },
		{ 3, "\x88\x08\x07" }, { 3, "\x88\x07\x08" },
		{ 9, "\x0f\x00\xff\xff\xff\xff\xff\xff\xff" },
		{ 17, "\xff\x00\xff\xff\xff\xff\xff\xff\xff"
		      "\xff\xff\xff\xff\xff\xff\xff\xff" },
		{ 17, "\xff\xff\xff\xff\xff\xff\xff\xff\xff"
		      "\x00\xff\xff\xff\xff\xff\xff\xff" },
	};
	unsigned int i;

	for (i = 0; i < COUNT(bad); i++)
		EXPECT_EQ(decode(bad[i].bytes, bad[i].len), -EBADMSG);
	EXPECT_EQ(decode((const u8 *)"\x08\x08", 2), 2);
	EXPECT_EQ(decode((const u8 *)"\x80\x08", 2), 2);
}

/* Every config byte over every short content: one spelling for each value. */
static void values_have_one_spelling(void)
{
	unsigned long long seed = 9605;
	u8 bytes[E2EE_SFRAME_HEADER_MAX], again[E2EE_SFRAME_HEADER_MAX];
	unsigned int i, accepted = 0;
	unsigned long loops;
	u64 kid, ctr;
	int len;

	for (loops = 0; loops < 500000; loops++) {
		bytes[0] = (u8)loops;
		for (i = 1; i < sizeof(bytes); i++)
			bytes[i] = (u8)(tap_random(&seed) >> 32 &
					tap_random(&seed) >> 32);
		len = e2ee_sframe_decode(bytes, sizeof(bytes), &kid, &ctr);
		if (len < 0)
			continue;
		accepted++;
		EXPECT_EQ(e2ee_sframe_encode(again, kid, ctr), len);
		EXPECT(!memcmp(bytes, again, (size_t)len));
	}
	EXPECT(accepted > 100000);
	EXPECT(accepted < 500000);
}

static void descriptor_says_sealed(void)
{
	unsigned int i;
	u8 byte;

	EXPECT(!e2ee_sframe_is_sealed(NULL, 0));
	for (i = 0; i < 256; i++) {
		byte = (u8)i;
		EXPECT_EQ(e2ee_sframe_is_sealed(&byte, 1),
			  i == 0x20 || i == 0x60 || i == 0xa0 || i == 0xe0);
	}
}

static void front_is_descriptor_and_header(void)
{
	u8 buf[1 + E2EE_SFRAME_HEADER_MAX + 16];
	const struct header_vector *v;
	struct e2ee_sealed out, in;
	u32 len;

	EXPECT_EQ(E2EE_SFRAME_TAG_LEN, 16);
	EXPECT_EQ(1 + E2EE_SFRAME_HEADER_MAX, 18);
	for (v = header_vectors; v < header_vectors + 289; v++) {
		memset(buf, 0x55, sizeof(buf));
		len = e2ee_sframe_front(buf, v->kid, v->ctr, &out);
		EXPECT_EQ(len, 1 + v->len);
		EXPECT_EQ(len, e2ee_sframe_front_len(v->kid, v->ctr));
		EXPECT_EQ(buf[0], 0xe0);
		EXPECT(!memcmp(buf + 1, v->bytes, v->len));
		EXPECT_EQ(buf[len], 0x55);
		EXPECT_EQ(out.aad, 1);
		EXPECT_EQ(out.aad_len, v->len);
		EXPECT_EQ(out.body, len);
		EXPECT(out.kid == v->kid && out.ctr == v->ctr);

		EXPECT_EQ(e2ee_sframe_parse(buf, len + 16, &in), 0);
		EXPECT(in.kid == out.kid && in.ctr == out.ctr);
		EXPECT_EQ(in.aad, out.aad);
		EXPECT_EQ(in.aad_len, out.aad_len);
		EXPECT_EQ(in.body, out.body);
	}
}

static void parse_wants_room_for_the_tag(void)
{
	u8 buf[2 + 16] = { 0xe0, 0x12 };
	struct e2ee_sealed sealed;
	size_t len;

	EXPECT_EQ(e2ee_sframe_parse(buf, sizeof(buf), &sealed), 0);
	for (len = 0; len < sizeof(buf); len++)
		EXPECT_EQ(e2ee_sframe_parse(buf, len, &sealed), -EBADMSG);
}

static void parse_refuses_other_descriptors(void)
{
	u8 buf[64] = { 0xe0, 0x12 };
	struct e2ee_sealed sealed;

	EXPECT_EQ(e2ee_sframe_parse(buf, sizeof(buf), &sealed), 0);
	buf[0] = 0xc0;	/* T not set */
	EXPECT_EQ(e2ee_sframe_parse(buf, sizeof(buf), &sealed), -EBADMSG);
	buf[0] = 0xe1;	/* reserved bit */
	EXPECT_EQ(e2ee_sframe_parse(buf, sizeof(buf), &sealed), -EBADMSG);
	buf[0] = 0xe0;
	buf[1] = 0x08;	/* CTR not minimal */
	EXPECT_EQ(e2ee_sframe_parse(buf, sizeof(buf), &sealed), -EBADMSG);
}

static void nonces_as_in_rfc_9605(void)
{
	const struct sframe_vector *v;
	u8 nonce[E2EE_SFRAME_NONCE_LEN];
	struct e2ee_sealed sealed;
	u8 buf[64];

	EXPECT_EQ(COUNT(sframe_vectors), 2);
	for (v = sframe_vectors; v < sframe_vectors + 2; v++) {
		e2ee_sframe_nonce(nonce, v->salt, v->ctr);
		EXPECT(!memcmp(nonce, v->nonce, sizeof(nonce)));

		/* the vector's object behind our descriptor */
		buf[0] = 0xe0;
		memcpy(buf + 1, v->ct, v->ct_len);
		EXPECT_EQ(e2ee_sframe_parse(buf, 1U + v->ct_len, &sealed), 0);
		EXPECT(sealed.kid == v->kid && sealed.ctr == v->ctr);
		EXPECT_EQ(1U + v->ct_len - sealed.body, v->pt_len + 16);
		EXPECT(!memcmp(buf + sealed.aad, v->aad, sealed.aad_len));
	}
}

static void nonce_takes_all_of_the_ctr(void)
{
	static const u8 salt[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	static const u8 want[12] = { 1, 2, 3, 4, 5 ^ 0x80, 6 ^ 0x91, 7 ^ 0xa2,
				     8 ^ 0xb3, 9 ^ 0xc4, 10 ^ 0xd5, 11 ^ 0xe6,
				     12 ^ 0xf7 };
	u8 nonce[12];

	e2ee_sframe_nonce(nonce, salt, 0);
	EXPECT(!memcmp(nonce, salt, 12));
	e2ee_sframe_nonce(nonce, salt, 0x8091a2b3c4d5e6f7ULL);
	EXPECT(!memcmp(nonce, want, 12));
}

int main(void)
{
	tap_start();
	TAP_RUN(headers_as_in_rfc_9605);
	TAP_RUN(truncated_headers_are_refused);
	TAP_RUN(what_follows_the_header_does_not_matter);
	TAP_RUN(longer_than_needed_is_refused);
	TAP_RUN(values_have_one_spelling);
	TAP_RUN(descriptor_says_sealed);
	TAP_RUN(front_is_descriptor_and_header);
	TAP_RUN(parse_wants_room_for_the_tag);
	TAP_RUN(parse_refuses_other_descriptors);
	TAP_RUN(nonces_as_in_rfc_9605);
	TAP_RUN(nonce_takes_all_of_the_ctr);
	return tap_end();
}
