// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages of a room: there and back, cut, bent and forged. What is refused
 * and why is in message_refusal_test.py.
 */
#include <errno.h>

#include "message_samples.h"
#include "tap.h"

static const uint8_t *seed;
static uint8_t ik[E2EE_IK_LEN];

static struct e2ee_message *sealed(const struct e2ee_message *draft)
{
	struct e2ee_message *msg;

	return e2ee_message_seal(draft, SAMPLE_ROOM, seed, &msg) ? NULL : msg;
}

static bool same_bytes(const struct e2ee_bytes *a, const struct e2ee_bytes *b)
{
	return a->len == b->len &&
	       (!a->len || !memcmp(a->data, b->data, a->len));
}

static bool same_entry(const struct e2ee_entry *a, const struct e2ee_entry *b)
{
	unsigned int i;

	for (i = 0; i < E2EE_WRAP_SUITES; i++)
		if (!same_bytes(&a->keys[i], &b->keys[i]))
			return false;
	return a->leaf == b->leaf && !strcmp(a->dev, b->dev) &&
	       !memcmp(a->session, b->session, E2EE_ID_LEN) &&
	       !memcmp(a->ik, b->ik, E2EE_IK_LEN) &&
	       !memcmp(a->nonce, b->nonce, E2EE_NONCE_LEN) &&
	       a->media == b->media;
}

static bool same_iks(const uint8_t **a, const uint8_t **b, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (memcmp(a[i], b[i], E2EE_IK_LEN))
			return false;
	return true;
}

static bool same_epoch(const struct e2ee_msg_epoch *a,
		       const struct e2ee_msg_epoch *b)
{
	size_t i;

	if (a->term != b->term || a->seq != b->seq || a->owner != b->owner ||
	    a->policy != b->policy || a->flags != b->flags ||
	    a->media != b->media || memcmp(a->prev, b->prev, E2EE_HASH_LEN) ||
	    a->roster_count != b->roster_count ||
	    a->wrap_count != b->wrap_count ||
	    a->banned_count != b->banned_count ||
	    a->lost_count != b->lost_count)
		return false;
	for (i = 0; i < a->roster_count; i++)
		if (!same_entry(&a->roster[i], &b->roster[i]) ||
		    memcmp(a->roster[i].kp_hash, b->roster[i].kp_hash,
			   E2EE_HASH_LEN) ||
		    a->wraps[i].leaf != b->wraps[i].leaf ||
		    a->wraps[i].suite != b->wraps[i].suite ||
		    !same_bytes(&a->wraps[i].enc, &b->wraps[i].enc) ||
		    !same_bytes(&a->wraps[i].ct, &b->wraps[i].ct))
			return false;
	return same_iks(a->banned, b->banned, a->banned_count) &&
	       same_iks(a->lost, b->lost, a->lost_count);
}

static bool same_fixed(const uint8_t *a, const uint8_t *b, size_t len)
{
	return a && b ? !memcmp(a, b, len) : a == b;
}

static bool same_req(const struct e2ee_msg_req *a,
		     const struct e2ee_msg_req *b)
{
	return a->counter == b->counter && a->what == b->what &&
	       same_fixed(a->t, b->t, E2EE_HASH_LEN) &&
	       same_fixed(a->kp_hash, b->kp_hash, E2EE_HASH_LEN) &&
	       same_fixed(a->hb_hash, b->hb_hash, E2EE_HASH_LEN) &&
	       same_fixed(a->ik, b->ik, E2EE_IK_LEN) && a->lock == b->lock &&
	       a->policy == b->policy;
}

static bool same_hb(const struct e2ee_msg_hb *a, const struct e2ee_msg_hb *b)
{
	return same_fixed(a->t, b->t, E2EE_HASH_LEN) && a->n == b->n &&
	       same_fixed(a->prev, b->prev, E2EE_HASH_LEN) &&
	       a->switched == b->switched && a->poll_count == b->poll_count &&
	       !memcmp(a->poll, b->poll, a->poll_count);
}

static bool same_handover(const struct e2ee_msg_handover *a,
			  const struct e2ee_msg_handover *b)
{
	return same_fixed(a->t, b->t, E2EE_HASH_LEN) &&
	       a->counter == b->counter &&
	       same_fixed(a->to, b->to, E2EE_IK_LEN) &&
	       same_fixed(a->to_call, b->to_call, E2EE_ID_LEN) &&
	       a->leaving == b->leaving;
}

static bool same_sas(const struct e2ee_msg_sas *a,
		     const struct e2ee_msg_sas *b)
{
	return same_fixed(a->t, b->t, E2EE_HASH_LEN) &&
	       a->counter == b->counter &&
	       same_fixed(a->commitment, b->commitment, E2EE_HASH_LEN) &&
	       same_fixed(a->nonce, b->nonce, 32) &&
	       same_fixed(a->commitments, b->commitments, E2EE_HASH_LEN);
}

/* Does a message say what its draft did? */
static bool same(const struct e2ee_message *a, const struct e2ee_message *b)
{
	if (a->type != b->type || strcmp(a->dev, b->dev) ||
	    memcmp(a->session, b->session, E2EE_ID_LEN) ||
	    !same_fixed(a->call, b->call, E2EE_ID_LEN))
		return false;
	switch (a->type) {
	case E2EE_MSG_KP:
		return a->kp.seq == b->kp.seq &&
		       same_entry(&a->kp.entry, &b->kp.entry);
	case E2EE_MSG_EPOCH:
		return same_epoch(&a->epoch, &b->epoch);
	case E2EE_MSG_ACK:
		return same_fixed(a->ack.t, b->ack.t, E2EE_HASH_LEN) &&
		       a->ack.counter == b->ack.counter &&
		       a->ack.result == b->ack.result &&
		       same_fixed(a->ack.mac, b->ack.mac, E2EE_HASH_LEN) &&
		       !strcmp(a->ack.whom, b->ack.whom);
	case E2EE_MSG_HB:
		return same_hb(&a->hb, &b->hb);
	case E2EE_MSG_HANDOVER:
		return same_handover(&a->handover, &b->handover);
	case E2EE_MSG_LEAVE:
		return same_fixed(a->leave.t, b->leave.t, E2EE_HASH_LEN) &&
		       a->leave.counter == b->leave.counter;
	case E2EE_MSG_REQ:
		return same_req(&a->req, &b->req);
	case E2EE_MSG_SAS_COMMIT:
	case E2EE_MSG_SAS_REVEAL:
		return same_sas(&a->sas, &b->sas);
	case E2EE_MSG_PROBE:
		return same_fixed(a->probe.id, b->probe.id, E2EE_ID_LEN);
	default:
		return false;
	}
}

/* Every prefix, each in memory of its own size */
static bool cuts_refused(const struct e2ee_message *msg)
{
	size_t len, step = msg->len > 8192 ? 997 : 1;

	for (len = 0; len < msg->len; len += step) {
		const char *reason = NULL;
		struct e2ee_message *cut;
		uint8_t *exact = malloc(len ? len : 1);
		int ret;

		if (!exact)
			abort();
		memcpy(exact, msg->raw, len);
		ret = e2ee_message_decode(exact, len, &cut, &reason);
		free(exact);
		if (ret != -EBADMSG || !reason)
			return false;
	}
	return true;
}

static void round_trip(const char *name, const struct e2ee_message *draft)
{
	struct e2ee_message *msg = sealed(draft), *again = NULL;
	const char *reason = NULL;
	struct e2ee_entry *entry;

	if (!ok(msg, "%s: sealed", name))
		return;
	if (draft->type == E2EE_MSG_KP) {
		entry = &((struct e2ee_message *)draft)->kp.entry;
		strcpy(entry->dev, draft->dev);
		entry->session = draft->session;
	}
	ok(!e2ee_message_decode(msg->raw, msg->len, &again, &reason),
	   "%s: read again%s%s", name, reason ? ": " : "",
	   reason ? reason : "");
	ok(again && same(draft, msg) && same(draft, again) &&
	   !memcmp(msg->hash, again->hash, E2EE_HASH_LEN),
	   "%s: says the same, %zu bytes", name, msg->len);
	ok(!e2ee_message_verify(again, SAMPLE_ROOM, ik), "%s: verifies", name);
	ok(e2ee_message_verify(again, "other.room", ik) == -EBADMSG,
	   "%s: does not in another room", name);
	ok(cuts_refused(msg), "%s: refused when cut short anywhere", name);
	e2ee_message_put(again);
	e2ee_message_put(msg);
}

/* A signature of one type must not be good for another */
static void type_signed(void)
{
	struct e2ee_message draft, *msg;

	sample_leave(&draft, false);
	msg = sealed(&draft);
	msg->type = E2EE_MSG_HB;
	ok(e2ee_message_verify(msg, SAMPLE_ROOM, ik) == -EBADMSG,
	   "a signature holds for its type only");
	msg->type = E2EE_MSG_LEAVE;
	strcpy(msg->dev, "b");
	ok(e2ee_message_verify(msg, SAMPLE_ROOM, ik) == -EBADMSG,
	   "and for its device only");
	e2ee_message_put(msg);
}

static void bits_flipped(void)
{
	struct e2ee_message draft, *msg, *bent;
	size_t bit, read = 0, verified = 0;
	const char *reason;

	sample_kp(&draft, false);
	msg = sealed(&draft);
	for (bit = 0; bit < 8 * msg->len; bit++) {
		msg->raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!e2ee_message_decode(msg->raw, msg->len, &bent, &reason)) {
			read++;
			verified += !e2ee_message_verify(bent, SAMPLE_ROOM, ik);
			e2ee_message_put(bent);
		}
		msg->raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ok(!verified && read > 8 * 64,
	   "a KP with any of %zu bits flipped: %zu are readable, none verifies",
	   8 * msg->len, read);
	ok(!e2ee_message_verify(msg, SAMPLE_ROOM, ik), "unbent it does");
	e2ee_message_put(msg);
}

static int seal_error(const struct e2ee_message *draft)
{
	struct e2ee_message *msg;
	int ret = e2ee_message_seal(draft, SAMPLE_ROOM, seed, &msg);

	if (!ret)
		e2ee_message_put(msg);
	return ret;
}

static void drafts_refused(void)
{
	struct e2ee_message draft;

	sample_hb(&draft, false);
	draft.session = NULL;
	ok(seal_error(&draft) == -EINVAL, "draft without session id");
	sample_hb(&draft, true);
	draft.hb.poll[1] = draft.hb.poll[0];
	ok(seal_error(&draft) == -EINVAL, "draft that polls a leaf twice");
	draft.hb.poll_count = E2EE_POLL_MAX + 1;
	ok(seal_error(&draft) == -EINVAL, "draft that polls too many");
	sample_hb(&draft, false);
	strcpy(draft.dev, "a b");
	ok(seal_error(&draft) == -EINVAL, "draft of a device with a space");
	*draft.dev = '\0';
	ok(seal_error(&draft) == -EINVAL, "draft of a device without a name");
	memset(draft.dev, 'a', sizeof(draft.dev));
	ok(seal_error(&draft) == -EINVAL, "draft whose name has no end");
	sample_hb(&draft, false);
	draft.type = E2EE_MSG_TYPES;
	ok(seal_error(&draft) == -EINVAL, "draft of a type unknown");
	sample_req(&draft, E2EE_REQ_POLICY + 1, false);
	ok(seal_error(&draft) == -EINVAL, "REQ for something unknown");
	sample_kp(&draft, false);
	draft.kp.entry.media = 1U << 3 | 1U << 5;
	ok(seal_error(&draft) == -EINVAL, "KP with a media suite unknown");
	sample_kp(&draft, true);
	draft.kp.entry.keys[1] = some(5, 1500);
	ok(seal_error(&draft) == -EMSGSIZE, "KP too long");
}

static void epochs_refused(void)
{
	struct e2ee_message draft;
	struct e2ee_entry *roster;
	size_t i;

	sample_epoch(&draft, true);
	roster = draft.epoch.roster;
	draft.epoch.roster = NULL;
	ok(seal_error(&draft) == -EINVAL, "EPOCH without a roster");
	draft.epoch.roster = roster;
	draft.epoch.wrap_count--;
	ok(seal_error(&draft) == -EINVAL, "EPOCH that lacks a wrap");
	draft.epoch.wrap_count++;
	for (i = 0; i < draft.epoch.roster_count; i++)
		roster[i].keys[3] = some(5, 1216);
	ok(seal_error(&draft) == -EMSGSIZE, "EPOCH too long");
	sample_free(&draft);
}

static void references(void)
{
	struct e2ee_message draft, *msg;

	sample_probe(&draft, false);
	msg = sealed(&draft);
	ok(e2ee_message_get(msg) == msg && msg->refs == 2, "a second reference");
	e2ee_message_put(msg);
	ok(msg->refs == 1 && msg->type == E2EE_MSG_PROBE,
	   "the message outlives it");
	e2ee_message_put(msg);
	e2ee_message_put(NULL);
}

/* The roster's hash is that of its bytes in the message */
static void roster_hash(void)
{
	struct e2ee_message draft, *msg;
	uint8_t hash[E2EE_HASH_LEN], want[E2EE_HASH_LEN];
	struct e2ee_bytes bytes;
	const uint8_t *end;

	sample_epoch(&draft, false);
	msg = sealed(&draft);
	sample_free(&draft);
	/* From behind key 18 to the KP hash that ends the only entry */
	end = msg->epoch.roster[0].kp_hash + E2EE_HASH_LEN;
	for (bytes.data = msg->epoch.prev; ; bytes.data =
	     (const uint8_t *)bytes.data + 1)
		if (!memcmp(bytes.data, "\x12\x81\xa8\x00", 4))
			break;
	bytes.data = (const uint8_t *)bytes.data + 1;
	bytes.len = (size_t)(end - (const uint8_t *)bytes.data);
	ok(!e2ee_sha256(want, &bytes, 1) &&
	   !e2ee_message_roster_hash(msg->epoch.roster, 1, hash) &&
	   !memcmp(hash, want, sizeof(hash)), "hash of a roster");
	e2ee_message_put(msg);
}

int main(void)
{
	struct e2ee_message draft;
	size_t i;

	seed = pattern(SAMPLE_SEED, E2EE_SEED_LEN);
	if (e2ee_sign_public(seed, ik))
		abort();
	for (i = 0; i < SAMPLES; i++) {
		const char *name = sample(i, &draft);

		round_trip(name, &draft);
		sample_free(&draft);
	}
	type_signed();
	bits_flipped();
	drafts_refused();
	epochs_refused();
	references();
	roster_hash();
	return tap_end();
}
