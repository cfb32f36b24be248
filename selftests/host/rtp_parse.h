/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Datagrams parsed from heap copies that end where they end, so that ASan sees
 * one read too many, and what must hold for any of them.
 */
#ifndef E2EE_RTP_PARSE_H
#define E2EE_RTP_PARSE_H

#include <stdlib.h>
#include <string.h>
#include "rtp.h"
#include "rtp_samples.h"
#include "tap.h"

static const struct e2ee_rtp nothing;
static struct e2ee_rtp rtp;	/* of the last parse() */

/* What must hold for any input whatever */
static inline void check(enum e2ee_rtp_kind kind, const u8 *data, size_t len)
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

static inline enum e2ee_rtp_kind parse_bytes(const u8 *data, size_t len)
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

static inline enum e2ee_rtp_kind parse(const struct packet *packet)
{
	return parse_bytes(packet->data, packet->len);
}

/* No shorter and no longer packet than this one may be taken for its kind. */
static inline void expect_exact(const struct packet *packet)
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

#endif /* E2EE_RTP_PARSE_H */
