// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The tables of the messages: keys, types and bounds, as in the protocol.
 */
#include "message_form.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define BIT(key)	(1ULL << (key))

#define LISTED(_key, _name, _kind, _type, _at, _count, _min, _max) {	\
	.key = (_key),							\
	.kind = E2EE_FIELD_##_kind,					\
	.at = offsetof(struct _type, _at),				\
	.count_at = offsetof(struct _type, _count),			\
	.min = (_min),							\
	.max = (_max),							\
	.missing = "field " #_key " (" _name ") is missing",		\
	.extra = "field " #_key " (" _name ") does not belong here",	\
	.wrong = "field " #_key " (" _name ") is of the wrong type",	\
	.range = "field " #_key " (" _name ") is out of bounds",	\
}

#define FIELD(_key, _name, _kind, _type, _at, _min, _max) \
	LISTED(_key, _name, _kind, _type, _at, _at, _min, _max)

/* One of a message; one of its own, of a fixed size */
#define IN_MSG(_key, _name, _kind, _at, _min, _max) \
	FIELD(_key, _name, _kind, e2ee_message, _at, _min, _max)
#define FIXED(_key, _name, _at, _len) \
	IN_MSG(_key, _name, FIXED, _at, _len, _len)
#define FLAG(_key, _name, _at) \
	IN_MSG(_key, _name, BOOL, _at, 0, 1)
#define LIST(_key, _name, _kind, _at, _min, _max) \
	LISTED(_key, _name, _kind, e2ee_message, epoch._at, \
	       epoch._at##_count, _min, _max)

#define TYPE		IN_MSG(0, "type", TYPE, type, 1, E2EE_MSG_TYPES - 1)
#define DEV		IN_MSG(1, "dev", NAME, dev, 1, E2EE_NAME_MAX)
#define SESSION		FIXED(2, "session id", session, E2EE_ID_LEN)
#define CALL		FIXED(3, "call id", call, E2EE_ID_LEN)
#define T(_at)		FIXED(4, "T", _at, E2EE_HASH_LEN)
#define COUNTER(_at)	IN_MSG(5, "counter", U64, _at, 0, UINT64_MAX)
#define HEAD		TYPE, DEV, SESSION, CALL

#define KEYS(_type, _at) \
	FIELD(9, "keys", KEYS, _type, _at, 1, E2EE_WRAP_SUITES - 1)
#define MEDIA(_type, _at) \
	FIELD(10, "media suites", MEDIA, _type, _at, 1, 2)

static const struct e2ee_field kp[] = {
	TYPE, DEV, SESSION,
	FIXED(6, "ik", kp.entry.ik, E2EE_IK_LEN),
	IN_MSG(7, "seq", U64, kp.seq, 0, UINT64_MAX),
	FIXED(8, "nonce", kp.entry.nonce, E2EE_NONCE_LEN),
	KEYS(e2ee_message, kp.entry.keys),
	MEDIA(e2ee_message, kp.entry.media),
};

static const struct e2ee_field epoch[] = {
	HEAD,
	IN_MSG(11, "term", U16, epoch.term, 0, UINT16_MAX),
	IN_MSG(12, "seq", U32, epoch.seq, 0, UINT32_MAX),
	FIXED(13, "prev", epoch.prev, E2EE_HASH_LEN),
	IN_MSG(14, "owner", U8, epoch.owner, 0, UINT8_MAX),
	IN_MSG(15, "policy", U8, epoch.policy, 0, 2),
	IN_MSG(16, "flags", U8, epoch.flags, 0, 3),
	IN_MSG(17, "media suite", U8, epoch.media, 4, 5),
	LIST(18, "roster", ROSTER, roster, 1, E2EE_MEMBERS_MAX),
	LISTED(19, "wraps", WRAPS, e2ee_message, epoch.wraps, epoch.wrap_count,
	       1, E2EE_MEMBERS_MAX),
	LIST(20, "banned", IKS, banned, 0, E2EE_MEMBERS_MAX),
	LIST(21, "lost", IKS, lost, 0, E2EE_MEMBERS_MAX),
};

static const struct e2ee_field ack[] = {
	HEAD, T(ack.t), COUNTER(ack.counter),
	IN_MSG(23, "result", U8, ack.result, 0, E2EE_ACK_REFUSED),
	FIXED(24, "MAC", ack.mac, E2EE_HASH_LEN),
	IN_MSG(25, "whom", NAME, ack.whom, 1, E2EE_NAME_MAX),
};

static const struct e2ee_field hb[] = {
	HEAD, T(hb.t),
	IN_MSG(26, "n", U64, hb.n, 0, UINT64_MAX),
	FIXED(27, "previous heartbeat", hb.prev, E2EE_HASH_LEN),
	FLAG(28, "switch", hb.switched),
	LISTED(29, "poll", POLL, e2ee_message, hb.poll, hb.poll_count, 0,
	       E2EE_POLL_MAX),
};

static const struct e2ee_field handover[] = {
	HEAD, T(handover.t), COUNTER(handover.counter),
	FIXED(30, "to", handover.to, E2EE_IK_LEN),
	FIXED(31, "its call id", handover.to_call, E2EE_ID_LEN),
	FLAG(32, "leaving", handover.leaving),
};

static const struct e2ee_field leave[] = {
	HEAD, T(leave.t), COUNTER(leave.counter),
};

static const struct e2ee_field req[] = {
	HEAD, T(req.t), COUNTER(req.counter),
	IN_MSG(15, "policy", U8, req.policy, 0, 2),
	FIXED(22, "KP hash", req.kp_hash, E2EE_HASH_LEN),
	FIXED(30, "whom", req.ik, E2EE_IK_LEN),
	IN_MSG(33, "what", U8, req.what, E2EE_REQ_JOIN, E2EE_REQ_POLICY),
	FIXED(34, "HB hash", req.hb_hash, E2EE_HASH_LEN),
	FLAG(35, "lock", req.lock),
};

static const struct e2ee_field sas_commit[] = {
	HEAD, T(sas.t), COUNTER(sas.counter),
	FIXED(36, "commitment", sas.commitment, E2EE_HASH_LEN),
};

static const struct e2ee_field sas_reveal[] = {
	HEAD, T(sas.t), COUNTER(sas.counter),
	FIXED(37, "n", sas.nonce, 32),
	FIXED(38, "commitments", sas.commitments, E2EE_HASH_LEN),
};

static const struct e2ee_field probe[] = {
	TYPE, DEV, SESSION,
	FIXED(39, "probe id", probe.id, E2EE_ID_LEN),
};

static const struct e2ee_field entry[] = {
	FIELD(0, "leaf", U8, e2ee_entry, leaf, 0, UINT8_MAX),
	FIELD(1, "dev", NAME, e2ee_entry, dev, 1, E2EE_NAME_MAX),
	FIELD(2, "session id", FIXED, e2ee_entry, session, E2EE_ID_LEN,
	      E2EE_ID_LEN),
	FIELD(6, "ik", FIXED, e2ee_entry, ik, E2EE_IK_LEN, E2EE_IK_LEN),
	FIELD(8, "nonce", FIXED, e2ee_entry, nonce, E2EE_NONCE_LEN,
	      E2EE_NONCE_LEN),
	KEYS(e2ee_entry, keys),
	MEDIA(e2ee_entry, media),
	FIELD(22, "KP hash", FIXED, e2ee_entry, kp_hash, E2EE_HASH_LEN,
	      E2EE_HASH_LEN),
};

static const struct e2ee_field wrap[] = {
	FIELD(0, "leaf", U8, e2ee_wrap, leaf, 0, UINT8_MAX),
	FIELD(1, "wrap suite", U8, e2ee_wrap, suite, 1, E2EE_WRAP_SUITES - 1),
	FIELD(2, "enc", BYTES, e2ee_wrap, enc, 0, E2EE_WRAP_ENC_MAX),
	FIELD(3, "ct", BYTES, e2ee_wrap, ct, 48, E2EE_WRAP_CT_MAX),
};

#define FORM(_fields)	{ .fields = (_fields), .count = COUNT(_fields) }

const struct e2ee_form e2ee_form_entry = FORM(entry);
const struct e2ee_form e2ee_form_wrap = FORM(wrap);

static const struct e2ee_form forms[] = {
	[E2EE_MSG_KP] = FORM(kp),
	[E2EE_MSG_EPOCH] = FORM(epoch),
	[E2EE_MSG_ACK] = FORM(ack),
	[E2EE_MSG_HB] = FORM(hb),
	[E2EE_MSG_HANDOVER] = FORM(handover),
	[E2EE_MSG_LEAVE] = FORM(leave),
	[E2EE_MSG_REQ] = FORM(req),
	[E2EE_MSG_SAS_COMMIT] = FORM(sas_commit),
	[E2EE_MSG_SAS_REVEAL] = FORM(sas_reveal),
	[E2EE_MSG_PROBE] = FORM(probe),
};

/* Which fields a REQ has beside its head, counter and "what" */
static const uint64_t req_fields[] = {
	[E2EE_REQ_JOIN] = BIT(22) | BIT(34),
	[E2EE_REQ_RESYNC] = BIT(4),
	[E2EE_REQ_REKEY] = BIT(4),
	[E2EE_REQ_KICK] = BIT(4) | BIT(30),
	[E2EE_REQ_LOCK] = BIT(4) | BIT(35),
	[E2EE_REQ_HANDOVER] = BIT(4) | BIT(30),
	[E2EE_REQ_POLICY] = BIT(4) | BIT(15),
};

#define REQ_ANY		(BIT(4) | BIT(15) | BIT(22) | BIT(30) | BIT(34) | \
			 BIT(35))

static const char *const names[] = {
	[E2EE_MSG_KP] = "KP",
	[E2EE_MSG_EPOCH] = "EPOCH",
	[E2EE_MSG_ACK] = "ACK",
	[E2EE_MSG_HB] = "HB",
	[E2EE_MSG_HANDOVER] = "HANDOVER",
	[E2EE_MSG_LEAVE] = "LEAVE",
	[E2EE_MSG_REQ] = "REQ",
	[E2EE_MSG_SAS_COMMIT] = "SAS-COMMIT",
	[E2EE_MSG_SAS_REVEAL] = "SAS-REVEAL",
	[E2EE_MSG_PROBE] = "PROBE",
};

const char *e2ee_message_type_name(enum e2ee_message_type type)
{
	if (type < E2EE_MSG_KP || type >= E2EE_MSG_TYPES)
		return "?";
	return names[type];
}

const struct e2ee_form *e2ee_form_of(uint64_t type)
{
	if (type < E2EE_MSG_KP || type >= E2EE_MSG_TYPES)
		return NULL;
	return &forms[type];
}

size_t e2ee_form_cap(enum e2ee_message_type type)
{
	if (type == E2EE_MSG_EPOCH)
		return E2EE_EPOCH_MAX;
	return type == E2EE_MSG_KP ? E2EE_KP_MAX : E2EE_MESSAGE_MAX;
}

uint64_t e2ee_form_keys(const struct e2ee_form *form)
{
	uint64_t keys = 0;
	size_t i;

	for (i = 0; i < form->count; i++)
		keys |= BIT(form->fields[i].key);
	return keys;
}

uint64_t e2ee_form_present(const struct e2ee_message *msg)
{
	uint64_t keys = e2ee_form_keys(&forms[msg->type]);

	if (msg->type == E2EE_MSG_ACK) {
		if (msg->ack.result != E2EE_ACK_OK)
			keys &= ~BIT(24);
		if (!*msg->ack.whom)
			keys &= ~BIT(25);
	} else if (msg->type == E2EE_MSG_REQ) {
		keys &= ~REQ_ANY;
		if (msg->req.what < COUNT(req_fields))
			keys |= req_fields[msg->req.what];
	}
	return keys;
}
