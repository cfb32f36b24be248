// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: any bytes as SFrame payload, and any KID and CTR as a header,
 * against RFC 9605, section 4.3, read once more.
 */
#include "sframe.h"
#include "must.h"
#include "reading.h"

#define HEADER_MAX	17

static void check_decode(const u8 *data, size_t len)
{
	u64 got_kid, got_ctr;
	uint64_t kid, ctr;
	size_t size = reading_sframe(data, len, &kid, &ctr);
	int got = e2ee_sframe_decode(data, len, &got_kid, &got_ctr);

	if (!size) {
		MUST(got < 0);
		return;
	}
	MUST(got == (int)size && got_kid == kid && got_ctr == ctr);
}

static void check_parse(const u8 *data, size_t len)
{
	bool claims = len && (data[0] & 0x3f) == 0x20;
	struct e2ee_sealed sealed;
	uint64_t kid, ctr;
	size_t size = len ? reading_sframe(data + 1, len - 1, &kid, &ctr) : 0;
	int err = e2ee_sframe_parse(data, len, &sealed);

	MUST(e2ee_sframe_is_sealed(data, len) == claims);
	if (!claims || !size || len < 1 + size + E2EE_SFRAME_TAG_LEN) {
		MUST(err);
		return;
	}
	MUST(!err && sealed.kid == kid && sealed.ctr == ctr);
	MUST(sealed.aad == 1 && sealed.aad_len == size);
	MUST(sealed.body == 1 + size);
}

static void check_encode(u64 kid, u64 ctr)
{
	u8 *exact, front[1 + HEADER_MAX];
	struct e2ee_sealed sealed;
	uint64_t got_kid, got_ctr;
	u32 len;

	len = e2ee_sframe_front_len(kid, ctr);
	MUST(len <= (1 + E2EE_SFRAME_HEADER_MAX) && len <= sizeof(front));
	/* not a byte more than it says: ASan watches */
	exact = malloc(len);
	MUST(exact);
	MUST(e2ee_sframe_front(exact, kid, ctr, &sealed) == len);
	MUST(exact[0] == 0xe0);
	MUST(reading_sframe(exact + 1, len - 1, &got_kid, &got_ctr) == len - 1);
	MUST(got_kid == kid && got_ctr == ctr);
	MUST(sealed.kid == kid && sealed.ctr == ctr && sealed.body == len);
	free(exact);
	MUST(e2ee_sframe_encode(front, kid, ctr) == len - 1);
}

/* Section 4.4.1: the salt, with the CTR in its last eight bytes added */
static void check_nonce(const u8 *salt, u64 ctr)
{
	u8 nonce[E2EE_SFRAME_NONCE_LEN];

	e2ee_sframe_nonce(nonce, salt, ctr);
	for (int i = E2EE_SFRAME_NONCE_LEN - 1; i >= 0; i--) {
		MUST(nonce[i] == (salt[i] ^ (u8)ctr));
		ctr = i > 3 ? ctr >> 8 : 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	u64 numbers[2];

	check_decode(data, len);
	check_parse(data, len);
	if (len < sizeof(numbers) + E2EE_SFRAME_NONCE_LEN)
		return 0;
	memcpy(numbers, data, sizeof(numbers));
	check_encode(numbers[0], numbers[1]);
	/* short ones, too */
	check_encode(numbers[0] >> (data[2] & 63), numbers[1] >> (data[1] & 63));
	check_nonce(data + sizeof(numbers), numbers[1]);
	return 0;
}
