// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libFuzzer: any bytes as a message of a room. One that is taken has to be well
 * formed in every part, and to be what the encoder makes of it.
 */
#include <string.h>

#include "message.h"
#include "must.h"

static bool inside(const struct e2ee_message *msg, const void *data, size_t len)
{
	const uint8_t *at = data;

	return at >= msg->raw && len <= msg->len &&
	       at + len <= msg->raw + msg->len - E2EE_SIGNATURE_LEN;
}

static void check_entry(const struct e2ee_message *msg,
			const struct e2ee_entry *entry)
{
	unsigned int suite, count = 0;

	MUST(e2ee_name_valid(entry->dev));
	MUST(inside(msg, entry->session, E2EE_ID_LEN));
	MUST(inside(msg, entry->ik, E2EE_IK_LEN));
	MUST(inside(msg, entry->nonce, E2EE_NONCE_LEN));
	MUST(entry->media && !(entry->media & ~(1U << 4 | 1U << 5)));
	MUST(!entry->keys[0].len);
	for (suite = 1; suite < E2EE_WRAP_SUITES; suite++) {
		const struct e2ee_bytes *key = &entry->keys[suite];

		if (!key->len)
			continue;
		MUST(key->len >= 32 && key->len <= E2EE_WRAP_PUBLIC_MAX);
		MUST(inside(msg, key->data, key->len));
		count++;
	}
	MUST(count);
}

static void check_iks(const struct e2ee_message *msg, const uint8_t **iks,
		      size_t count)
{
	size_t i;

	MUST(count <= E2EE_MEMBERS_MAX);
	for (i = 0; i < count; i++) {
		MUST(inside(msg, iks[i], E2EE_IK_LEN));
		MUST(!i || memcmp(iks[i - 1], iks[i], E2EE_IK_LEN) < 0);
	}
}

static void check_epoch(const struct e2ee_message *msg)
{
	const struct e2ee_msg_epoch *epoch = &msg->epoch;
	size_t i;

	MUST(epoch->roster_count && epoch->roster_count <= E2EE_MEMBERS_MAX);
	MUST(epoch->wrap_count == epoch->roster_count);
	MUST(inside(msg, epoch->prev, E2EE_HASH_LEN));
	MUST(epoch->policy <= 2 && epoch->flags <= 3);
	MUST(epoch->media == 4 || epoch->media == 5);
	for (i = 0; i < epoch->roster_count; i++) {
		const struct e2ee_wrap *wrap = &epoch->wraps[i];

		check_entry(msg, &epoch->roster[i]);
		MUST(inside(msg, epoch->roster[i].kp_hash, E2EE_HASH_LEN));
		MUST(!i || epoch->roster[i - 1].leaf < epoch->roster[i].leaf);
		MUST(wrap->leaf == epoch->roster[i].leaf);
		MUST(wrap->suite >= 1 && wrap->suite < E2EE_WRAP_SUITES);
		MUST(wrap->enc.len <= E2EE_WRAP_ENC_MAX);
		MUST(wrap->ct.len >= 48 && wrap->ct.len <= E2EE_WRAP_CT_MAX);
		MUST(inside(msg, wrap->ct.data, wrap->ct.len));
	}
	check_iks(msg, epoch->banned, epoch->banned_count);
	check_iks(msg, epoch->lost, epoch->lost_count);
}

static void check_again(const struct e2ee_message *msg)
{
	static const uint8_t seed[E2EE_SEED_LEN];
	static uint8_t ik[E2EE_IK_LEN];
	struct e2ee_message *again;
	static bool known;

	if (!known)
		known = !e2ee_sign_public(seed, ik);
	MUST(!e2ee_message_seal(msg, "room", seed, &again));
	MUST(again->len == msg->len);
	MUST(!memcmp(again->raw, msg->raw, msg->len - E2EE_SIGNATURE_LEN));
	MUST(!e2ee_message_verify(again, "room", ik));
	e2ee_message_put(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct e2ee_message *msg = NULL;
	const char *reason = NULL;
	int ret;

	ret = e2ee_message_decode(data, len, &msg, &reason);
	if (ret) {
		MUST(!msg && reason && *reason);
		return 0;
	}
	MUST(len == msg->len && !memcmp(msg->raw, data, len));
	MUST(msg->type >= E2EE_MSG_KP && msg->type < E2EE_MSG_TYPES);
	MUST(e2ee_name_valid(msg->dev));
	MUST(inside(msg, msg->session, E2EE_ID_LEN));
	MUST(!msg->call == (msg->type == E2EE_MSG_KP ||
			    msg->type == E2EE_MSG_PROBE));
	if (msg->type == E2EE_MSG_KP)
		check_entry(msg, &msg->kp.entry);
	else if (msg->type == E2EE_MSG_EPOCH)
		check_epoch(msg);
	check_again(msg);
	e2ee_message_put(msg);
	return 0;
}
