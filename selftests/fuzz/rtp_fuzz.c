// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: any datagram through the parser, and the payload it finds through
 * SFrame's. What must hold for every input aborts if it does not.
 */
#include "rtp.h"
#include "sframe.h"
#include "must.h"
#include "reading.h"

#define GROWTH	37	/* bytes: no multiple of anything */

/* The same as somebody else reads there? */
static void check_reading(const u8 *data, size_t len, enum e2ee_rtp_kind kind,
			  const struct e2ee_rtp *rtp)
{
	struct reading reading;
	enum reading_kind want = reading_of(data, len, &reading);

	MUST((kind == E2EE_RTP_MEDIA) == (want == READING_MEDIA));
	MUST((kind == E2EE_RTP_DISGUISED) == (want == READING_BROKEN));
	if (kind != E2EE_RTP_MEDIA)
		return;
	MUST(rtp->payload == reading.payload &&
	     rtp->payload_len == reading.len &&
	     rtp->pad_len + rtp->tail_len == reading.behind);
	MUST(rtp->ssrc == reading.ssrc && rtp->pt == reading.pt);
	MUST(!rtp->start == !reading.channel);
}

static void check_sealed(const u8 *payload, size_t len)
{
	u8 front[1 + E2EE_SFRAME_HEADER_MAX];
	struct e2ee_sealed sealed, again;

	if (e2ee_sframe_parse(payload, len, &sealed))
		return;
	MUST(e2ee_sframe_is_sealed(payload, len));
	MUST(sealed.aad + sealed.aad_len == sealed.body);
	MUST(sealed.body + E2EE_SFRAME_TAG_LEN <= len);
	/* one spelling: what is written again is what was read */
	MUST(e2ee_sframe_front(front, sealed.kid, sealed.ctr, &again) ==
	     sealed.body);
	MUST(!memcmp(front + 1, payload + 1, sealed.aad_len));
}

/* A payload that grows, as when it is sealed, leaves all else as it was. */
static void check_mend(const u8 *data, size_t len, const struct e2ee_rtp *rtp)
{
	size_t behind = rtp->pad_len + rtp->tail_len, front = len - behind;
	struct e2ee_rtp again;
	u8 *grown;

	if (len + GROWTH > 65535)
		return;
	grown = malloc(len + GROWTH);
	MUST(grown);
	memcpy(grown, data, front);
	memset(grown + front, 0x55, GROWTH);
	if (behind)
		memcpy(grown + front + GROWTH, data + front, behind);
	e2ee_rtp_mend(grown, rtp, GROWTH);
	MUST(e2ee_rtp_parse(grown, len + GROWTH, &again) == E2EE_RTP_MEDIA);
	MUST(again.payload_len == rtp->payload_len + GROWTH);
	again.payload_len = rtp->payload_len;
	MUST(!memcmp(&again, rtp, sizeof(again)));
	/* and back again */
	e2ee_rtp_mend(grown, rtp, -GROWTH);
	MUST(!memcmp(grown, data, front));
	free(grown);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	enum e2ee_rtp_kind kind;
	struct e2ee_rtp rtp;

	if (len > 65535)
		return 0;
	kind = e2ee_rtp_parse(data, len, &rtp);
	MUST(kind <= E2EE_RTP_DISGUISED);
	check_reading(data, len, kind, &rtp);
	if (kind == E2EE_RTP_MEDIA || kind == E2EE_RTP_BARE) {
		MUST(rtp.start == 0 || rtp.start == 4);
		MUST(rtp.payload >= rtp.start + 12);
		MUST((size_t)rtp.payload + rtp.payload_len + rtp.pad_len +
		     rtp.tail_len == len);
		MUST(!rtp.payload_len == (kind == E2EE_RTP_BARE));
		MUST(rtp.pt < 64 || (rtp.pt > 95 && rtp.pt < 128));
		check_sealed(data + rtp.payload, rtp.payload_len);
		if (kind == E2EE_RTP_MEDIA)
			check_mend(data, len, &rtp);
	} else {
		MUST(!rtp.payload && !rtp.payload_len && !rtp.start);
	}
	check_sealed(data, len);
	return 0;
}
