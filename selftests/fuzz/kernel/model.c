// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "model.h"
#include "reading.h"

/* KIDs of all lengths; two are bound to SSRCs, one of them not only */
static const struct {
	uint64_t kid;
	uint16_t suite;
	uint32_t mode;
	uint32_t ssrc;
	bool expired;
	uint32_t rtx_ssrc;	/* 0: none */
} rings[MODEL_KEYS] = {
	{ 0, 5, E2EE_SSRC_ANY, 0, false },
	{ 7, 4, E2EE_SSRC_ANY, 0, false },
	{ 8, 5, E2EE_SSRC_ANY, 0, false },
	{ UINT64_MAX, 5, E2EE_SSRC_ANY, 0, false },
	{ 0x1234, 4, E2EE_SSRC_ANY, 0, false },
	{ 0x1234, 5, E2EE_SSRC_NUMBER, MODEL_SSRC_A, false },
	{ 0x99, 5, E2EE_SSRC_NUMBER, MODEL_SSRC_A, false, MODEL_SSRC_RTX },
	{ 0x99, 4, E2EE_SSRC_NUMBER, MODEL_SSRC_B, false },
	{ 0xabcdef, 5, E2EE_SSRC_ANY, 0, true },
};

void model_keys(struct target *target, struct dice *dice)
{
	struct model_key *key;

	for (unsigned int i = 0; i < MODEL_KEYS; i++) {
		key = &target->keys[i];
		memset(key, 0, sizeof(*key));
		key->key.kid = rings[i].kid;
		key->key.suite = rings[i].suite;
		dice_bytes(dice, key->key.secret, sizeof(key->key.secret));
		dice_bytes(dice, key->key.salt, sizeof(key->key.salt));
		key->mode = rings[i].mode;
		key->ssrc = rings[i].ssrc;
		key->rtx_ssrc = rings[i].rtx_ssrc;
		key->expired = rings[i].expired;
	}
}

static bool window_allows(const struct model_key *key, uint64_t ctr)
{
	if (ctr == UINT64_MAX)
		return false;
	if (ctr >= key->next)
		return true;
	return key->next - ctr <= MODEL_WINDOW && !key->seen[ctr % MODEL_WINDOW];
}

static void window_take(struct model_key *key, uint64_t ctr)
{
	if (ctr >= key->next && ctr - key->next >= MODEL_WINDOW)
		memset(key->seen, 0, sizeof(key->seen));
	else
		for (; key->next <= ctr; key->next++)
			key->seen[key->next % MODEL_WINDOW] = false;
	if (ctr >= key->next)
		key->next = ctr + 1;
	key->seen[ctr % MODEL_WINDOW] = true;
}

static void end(struct fate *fate, unsigned int stat)
{
	fate->stat = stat;
	fate->delivered = stat == E2EE_A_STAT_RX_OK ||
			  stat == E2EE_A_STAT_RX_OTHER ||
			  stat == E2EE_A_STAT_RX_CLEAR ||
			  stat == E2EE_A_STAT_RX_OFF;
}

static void pass(struct fate *fate, const uint8_t *wire, size_t len,
		 unsigned int stat)
{
	memcpy(fate->bytes, wire, len);
	fate->len = len;
	end(fate, stat);
}

/* A row of the table that optional lets through */
static void broken(const struct target *target, struct fate *fate,
		   const uint8_t *wire, size_t len, unsigned int stat)
{
	if (target->policy == E2EE_POLICY_BLOCKED)
		end(fate, E2EE_A_STAT_RX_BLOCKED);
	else if (target->policy == E2EE_POLICY_OPTIONAL)
		pass(fate, wire, len, E2EE_A_STAT_RX_CLEAR);
	else
		end(fate, stat);
}

struct sealed_packet {
	const uint8_t *wire;
	size_t len;
	size_t payload;		/* descriptor */
	size_t payload_len;
	size_t behind;		/* padding */
	uint32_t ssrc;
	bool channel;
	bool rtx;
	uint64_t kid;
	uint64_t ctr;
};

static bool open_with(const struct model_key *key,
		      const struct sealed_packet *p, struct fate *fate)
{
	uint8_t *out = fate->bytes;
	size_t size;
	int n;

	n = sframe_open(&key->key, p->wire + p->payload + 1,
			p->payload_len - 1, out + p->payload, NULL);
	if (n < 0)
		return false;
	memcpy(out, p->wire, p->payload);
	memcpy(out + p->payload + n, p->wire + p->len - p->behind, p->behind);
	fate->len = p->payload + (size_t)n + p->behind;
	if (p->channel) {
		size = (size_t)(out[2] << 8 | out[3]) - (p->len - fate->len);
		out[2] = (uint8_t)(size >> 8);
		out[3] = (uint8_t)size;
	}
	return true;
}

static void finish(struct model_key *key, const struct sealed_packet *p,
		   struct fate *fate)
{
	if (!window_allows(key, p->ctr)) {
		end(fate, E2EE_A_STAT_RX_REPLAY);
	} else if (!open_with(key, p, fate)) {
		end(fate, E2EE_A_STAT_RX_AUTH_FAIL);
	} else {
		window_take(key, p->ctr);
		end(fate, E2EE_A_STAT_RX_OK);
	}
}

static void judge_sealed(struct target *target, const struct sealed_packet *p,
			 struct fate *fate)
{
	struct model_key *any = NULL, *own = NULL, *rtx = NULL, *key;
	bool known = false;

	for (unsigned int i = 0; i < MODEL_KEYS; i++) {
		key = &target->keys[i];
		if (key->key.kid != p->kid)
			continue;
		known = true;
		if (key->mode == E2EE_SSRC_ANY)
			any = key;
		else if (key->ssrc == p->ssrc)
			own = key;
		else if (p->rtx && key->rtx_ssrc &&
			 key->rtx_ssrc == p->ssrc)
			rtx = key;
	}
	key = rtx ? rtx : own ? own : any;
	if (target->policy == E2EE_POLICY_BLOCKED)
		end(fate, E2EE_A_STAT_RX_BLOCKED);
	else if (!known)
		end(fate, E2EE_A_STAT_RX_NO_KEY);
	else if (!key)
		end(fate, E2EE_A_STAT_RX_SSRC);
	else if (key->expired)
		end(fate, E2EE_A_STAT_RX_KEY_EXPIRED);
	else
		finish(key, p, fate);
}

static void judge_media(struct target *target, const uint8_t *wire, size_t len,
			const struct reading *rtp, struct fate *fate)
{
	bool rtx = rtp->pt == MODEL_RTX_PT;
	struct sealed_packet p = {
		.wire = wire, .len = len,
		.payload = rtp->payload + (rtx ? 2 : 0),
		.payload_len = rtp->len - (rtx ? 2 : 0),
		.behind = rtp->behind, .ssrc = rtp->ssrc,
		.channel = rtp->channel, .rtx = rtx,
	};
	size_t front;

	if (rtx && rtp->len < 2) {
		broken(target, fate, wire, len, E2EE_A_STAT_RX_MALFORMED);
		return;
	}
	if (!p.payload_len) {
		pass(fate, wire, len, E2EE_A_STAT_RX_OTHER);
		return;
	}
	/* T is set, and no reserved bit */
	if ((wire[p.payload] & 0x3f) != 0x20) {
		broken(target, fate, wire, len, E2EE_A_STAT_RX_CLEAR_DROPPED);
		return;
	}
	front = reading_sframe(wire + p.payload + 1, p.payload_len - 1, &p.kid,
			       &p.ctr);
	if (!front || p.payload_len < 1 + front + SFRAME_TAG) {
		broken(target, fate, wire, len, E2EE_A_STAT_RX_MALFORMED);
		return;
	}
	judge_sealed(target, &p, fate);
}

void model_judge(struct target *target, const uint8_t *wire, size_t len,
		 struct fate *fate)
{
	struct reading rtp;

	if (target->policy == E2EE_POLICY_OFF) {
		pass(fate, wire, len, E2EE_A_STAT_RX_OFF);
		return;
	}
	switch (reading_of(wire, len, &rtp)) {
	case READING_OTHER:
		pass(fate, wire, len, E2EE_A_STAT_RX_OTHER);
		return;
	case READING_MEDIA:
		judge_media(target, wire, len, &rtp, fate);
		return;
	case READING_BROKEN:
		broken(target, fate, wire, len, E2EE_A_STAT_RX_MALFORMED);
	}
}
