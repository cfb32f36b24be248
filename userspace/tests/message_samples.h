/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One message of every type and shape, at its smallest and its greatest.
 * message_bytes_test.py says the same in its own words.
 */
#ifndef TESTS_MESSAGE_SAMPLES_H
#define TESTS_MESSAGE_SAMPLES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define SAMPLE_ROOM	"sample.room"
#define SAMPLE_SEED	9000	/* pattern of the private key */
#define SAMPLE_LONG \
	"abcdefghijklmnopqrstuvwxyz.ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789"

/* Bytes that are the number, big-endian, and then count up; never freed */
static inline const uint8_t *pattern(unsigned int number, size_t len)
{
	static uint8_t *pool;
	static size_t left;
	uint8_t *bytes;
	size_t i;

	if (left < len) {
		left = 1 << 20;
		pool = malloc(left);
		if (!pool)
			abort();
	}
	bytes = pool;
	pool += len;
	left -= len;
	bytes[0] = (uint8_t)(number >> 8);
	for (i = 1; i < len; i++)
		bytes[i] = (uint8_t)(number + i - 1);
	return bytes;
}

static inline struct e2ee_bytes some(unsigned int number, size_t len)
{
	struct e2ee_bytes bytes = { .len = len };

	if (len)
		bytes.data = pattern(number, len);
	return bytes;
}

static inline void sample_head(struct e2ee_message *msg,
			       enum e2ee_message_type type, bool big)
{
	memset(msg, 0, sizeof(*msg));
	msg->type = type;
	strcpy(msg->dev, big ? SAMPLE_LONG : "a");
	msg->session = pattern(1, E2EE_ID_LEN);
	if (type != E2EE_MSG_KP && type != E2EE_MSG_PROBE)
		msg->call = pattern(2, E2EE_ID_LEN);
}

static inline void sample_kp(struct e2ee_message *msg, bool big)
{
	struct e2ee_entry *entry = &msg->kp.entry;

	sample_head(msg, E2EE_MSG_KP, big);
	entry->ik = pattern(3, E2EE_IK_LEN);
	entry->nonce = pattern(4, E2EE_NONCE_LEN);
	entry->keys[1] = some(5, big ? 1216 : 32);
	entry->media = 1U << 5;
	if (!big)
		return;
	entry->keys[2] = some(6, 1216);
	entry->keys[3] = some(7, 1216);
	entry->media |= 1U << 4;
	msg->kp.seq = UINT64_MAX;
}

static inline void sample_entry(struct e2ee_entry *entry, unsigned int i,
				bool big)
{
	entry->leaf = (uint8_t)i;
	if (big)
		snprintf(entry->dev, sizeof(entry->dev), "%03u%s", i,
			 &SAMPLE_LONG[3]);
	else
		strcpy(entry->dev, "a");
	entry->session = pattern(1000 + i, E2EE_ID_LEN);
	entry->ik = pattern(2000 + i, E2EE_IK_LEN);
	entry->nonce = pattern(3000 + i, E2EE_NONCE_LEN);
	entry->kp_hash = pattern(4000 + i, E2EE_HASH_LEN);
	entry->keys[1] = some(5000 + i, 32);
	entry->media = big ? 1U << 4 | 1U << 5 : 1U << 4;
	if (big)
		entry->keys[2] = some(6000 + i, 384);
}

static inline const uint8_t **sample_iks(unsigned int number, size_t count)
{
	const uint8_t **iks = calloc(count + 1, sizeof(*iks));
	unsigned int i;

	if (!iks)
		abort();
	for (i = 0; i < count; i++)
		iks[i] = pattern(number + i * 256, E2EE_IK_LEN);
	return iks;
}

/* Lists of drafts are the caller's */
static inline void sample_free(struct e2ee_message *msg)
{
	if (msg->type != E2EE_MSG_EPOCH)
		return;
	free(msg->epoch.roster);
	free(msg->epoch.wraps);
	free(msg->epoch.banned);
	free(msg->epoch.lost);
}

static inline void sample_epoch(struct e2ee_message *msg, bool big)
{
	struct e2ee_msg_epoch *epoch = &msg->epoch;
	size_t count = big ? 256 : 1, bans = big ? 256 : 0;
	unsigned int i;

	sample_head(msg, E2EE_MSG_EPOCH, big);
	epoch->term = big ? UINT16_MAX : 1;
	epoch->seq = big ? UINT32_MAX : 1;
	epoch->prev = pattern(8, E2EE_HASH_LEN);
	epoch->owner = big ? 255 : 0;
	epoch->policy = big ? 2 : 0;
	epoch->flags = big ? 3 : 0;
	epoch->media = big ? 5 : 4;
	epoch->roster = calloc(count, sizeof(*epoch->roster));
	epoch->wraps = calloc(count, sizeof(*epoch->wraps));
	if (!epoch->roster || !epoch->wraps)
		abort();
	epoch->roster_count = count;
	epoch->wrap_count = count;
	for (i = 0; i < count; i++) {
		sample_entry(&epoch->roster[i], i, big);
		epoch->wraps[i].leaf = (uint8_t)i;
		epoch->wraps[i].suite = big ? 2 : 1;
		epoch->wraps[i].enc = some(7000 + i, big ? 0 : 32);
		epoch->wraps[i].ct = some(8000 + i, big ? 384 : 48);
	}
	epoch->banned = sample_iks(9, bans);
	epoch->banned_count = bans;
	epoch->lost = sample_iks(10, bans);
	epoch->lost_count = bans;
}

static inline void sample_ack(struct e2ee_message *msg, uint8_t result,
			      bool big)
{
	sample_head(msg, E2EE_MSG_ACK, big);
	msg->ack.t = pattern(11, E2EE_HASH_LEN);
	msg->ack.counter = big ? UINT64_MAX : 0;
	msg->ack.result = result;
	if (result == E2EE_ACK_OK)
		msg->ack.mac = pattern(12, E2EE_HASH_LEN);
	if (big)
		strcpy(msg->ack.whom, SAMPLE_LONG);
}

static inline void sample_hb(struct e2ee_message *msg, bool big)
{
	unsigned int i;

	sample_head(msg, E2EE_MSG_HB, big);
	msg->hb.t = pattern(11, E2EE_HASH_LEN);
	msg->hb.n = big ? UINT64_MAX : 0;
	msg->hb.prev = pattern(13, E2EE_HASH_LEN);
	msg->hb.switched = big;
	for (i = 0; big && i < E2EE_POLL_MAX; i++)
		msg->hb.poll[msg->hb.poll_count++] = (uint8_t)(192 + i);
}

static inline void sample_handover(struct e2ee_message *msg, bool big)
{
	sample_head(msg, E2EE_MSG_HANDOVER, big);
	msg->handover.t = pattern(11, E2EE_HASH_LEN);
	msg->handover.counter = big ? UINT64_MAX : 0;
	msg->handover.to = pattern(14, E2EE_IK_LEN);
	msg->handover.to_call = pattern(15, E2EE_ID_LEN);
	msg->handover.leaving = big;
}

static inline void sample_leave(struct e2ee_message *msg, bool big)
{
	sample_head(msg, E2EE_MSG_LEAVE, big);
	msg->leave.t = pattern(11, E2EE_HASH_LEN);
	msg->leave.counter = big ? UINT64_MAX : 0;
}

static inline void sample_req(struct e2ee_message *msg, uint8_t what, bool big)
{
	struct e2ee_msg_req *req = &msg->req;

	sample_head(msg, E2EE_MSG_REQ, big);
	req->what = what;
	req->counter = big ? UINT64_MAX : 0;
	if (what != E2EE_REQ_JOIN) {
		req->t = pattern(11, E2EE_HASH_LEN);
	} else {
		req->kp_hash = pattern(16, E2EE_HASH_LEN);
		req->hb_hash = pattern(17, E2EE_HASH_LEN);
	}
	if (what == E2EE_REQ_KICK || what == E2EE_REQ_HANDOVER)
		req->ik = pattern(14, E2EE_IK_LEN);
	req->lock = what == E2EE_REQ_LOCK && big;
	req->policy = what == E2EE_REQ_POLICY && big ? 2 : 0;
}

static inline void sample_sas(struct e2ee_message *msg, bool reveal, bool big)
{
	sample_head(msg, reveal ? E2EE_MSG_SAS_REVEAL : E2EE_MSG_SAS_COMMIT,
		    big);
	msg->sas.t = pattern(11, E2EE_HASH_LEN);
	msg->sas.counter = big ? UINT64_MAX : 0;
	if (!reveal) {
		msg->sas.commitment = pattern(18, E2EE_HASH_LEN);
		return;
	}
	msg->sas.nonce = pattern(19, 32);
	msg->sas.commitments = pattern(20, E2EE_HASH_LEN);
}

static inline void sample_probe(struct e2ee_message *msg, bool big)
{
	sample_head(msg, E2EE_MSG_PROBE, big);
	msg->probe.id = pattern(21, E2EE_ID_LEN);
}

/* Samples 0, 2, … are the small ones, 1, 3, … the big ones */
#define SAMPLES		36

/* Sample @i, and what it is called. Free with sample_free(). */
static inline const char *sample(size_t i, struct e2ee_message *msg)
{
	static const char *const names[SAMPLES / 2] = {
		"KP", "EPOCH", "ACK ok", "ACK no-wrap", "ACK refused", "HB",
		"HANDOVER", "LEAVE", "REQ join", "REQ resync", "REQ rekey",
		"REQ kick", "REQ lock", "REQ handover", "REQ policy",
		"SAS-COMMIT", "SAS-REVEAL", "PROBE",
	};
	static char name[32];
	bool big = i % 2;

	i /= 2;
	if (i == 0)
		sample_kp(msg, big);
	else if (i == 1)
		sample_epoch(msg, big);
	else if (i < 5)
		sample_ack(msg, (uint8_t)(i - 2), big);
	else if (i == 5)
		sample_hb(msg, big);
	else if (i == 6)
		sample_handover(msg, big);
	else if (i == 7)
		sample_leave(msg, big);
	else if (i < 15)
		sample_req(msg, (uint8_t)(i - 7), big);
	else if (i < 17)
		sample_sas(msg, i == 16, big);
	else
		sample_probe(msg, big);
	snprintf(name, sizeof(name), "%s %s", names[i], big ? "big" : "small");
	return name;
}

#endif /* TESTS_MESSAGE_SAMPLES_H */
