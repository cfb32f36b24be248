/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of a room: deterministic CBOR (RFC 8949, section 4.2.1) and an
 * Ed25519 signature behind it. What they say and who may send them is not
 * known here.
 */
#ifndef E2EE_LIB_MESSAGE_H
#define E2EE_LIB_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <e2ee/room.h>

#include "crypto.h"

#define E2EE_ID_LEN		16	/* session id, call id */
#define E2EE_NONCE_LEN		24	/* liveness nonce */
#define E2EE_MEMBERS_MAX	256
#define E2EE_POLL_MAX		64

#define E2EE_KP_MAX		4096	/* message sizes, bytes, with signature */
#define E2EE_EPOCH_MAX		(512 * 1024)
#define E2EE_MESSAGE_MAX	1024	/* the others */

/* Key 0 of a body */
enum e2ee_message_type {
	E2EE_MSG_KP = 1,
	E2EE_MSG_EPOCH,
	E2EE_MSG_ACK,
	E2EE_MSG_HB,
	E2EE_MSG_HANDOVER,
	E2EE_MSG_LEAVE,
	E2EE_MSG_REQ,
	E2EE_MSG_SAS_COMMIT,
	E2EE_MSG_SAS_REVEAL,
	E2EE_MSG_PROBE,
	E2EE_MSG_TYPES,
};

/* Key 33 of a REQ */
enum e2ee_req_what {
	E2EE_REQ_JOIN = 1,
	E2EE_REQ_RESYNC,
	E2EE_REQ_REKEY,
	E2EE_REQ_KICK,
	E2EE_REQ_LOCK,
	E2EE_REQ_HANDOVER,
	E2EE_REQ_POLICY,
};

enum e2ee_ack_result {
	E2EE_ACK_OK,
	E2EE_ACK_NO_WRAP,
	E2EE_ACK_REFUSED,
};

#define E2EE_EPOCH_LOCKED	1	/* flags, key 16 */
#define E2EE_EPOCH_LAST		2

/**
 * struct e2ee_entry - a device: what a KP says of it, and a roster repeats
 * @leaf: in a roster
 * @dev: its name
 * @session: 16 bytes
 * @ik: 32 bytes
 * @nonce: 24 bytes
 * @kp_hash: 32 bytes; of a KP: NULL, it is the message's hash
 * @keys: public keys by wrap suite; len 0: none
 * @media: suites, bit 1 << suite
 *
 * Pointers lead into a message, which must outlive it.
 */
struct e2ee_entry {
	uint8_t leaf;
	char dev[E2EE_NAME_MAX + 1];
	const uint8_t *session;
	const uint8_t *ik;
	const uint8_t *nonce;
	const uint8_t *kp_hash;
	struct e2ee_bytes keys[E2EE_WRAP_SUITES];
	uint32_t media;
};

/** struct e2ee_wrap - raw, wrapped to one leaf */
struct e2ee_wrap {
	uint8_t leaf;
	uint8_t suite;
	struct e2ee_bytes enc;
	struct e2ee_bytes ct;
};

struct e2ee_msg_kp {
	struct e2ee_entry entry;	/* dev and session as in the message */
	uint64_t seq;
};

/**
 * struct e2ee_msg_epoch
 * @prev: T of the one before, 32 bytes
 * @policy: as on the wire: 0 off, 1 optional, 2 required
 * @roster: by leaf
 * @wraps: by leaf
 * @banned: iks, ascending
 * @lost: iks, ascending
 */
struct e2ee_msg_epoch {
	uint16_t term;
	uint32_t seq;
	const uint8_t *prev;
	uint8_t owner;			/* leaf */
	uint8_t policy;
	uint8_t flags;
	uint8_t media;			/* suite */
	struct e2ee_entry *roster;
	size_t roster_count;
	struct e2ee_wrap *wraps;
	size_t wrap_count;
	const uint8_t **banned;
	size_t banned_count;
	const uint8_t **lost;
	size_t lost_count;
};

/** struct e2ee_msg_ack - @mac: with E2EE_ACK_OK only; @whom: "" if not given */
struct e2ee_msg_ack {
	const uint8_t *t;
	uint64_t counter;
	uint8_t result;
	const uint8_t *mac;
	char whom[E2EE_NAME_MAX + 1];
};

struct e2ee_msg_hb {
	const uint8_t *t;
	uint64_t n;
	const uint8_t *prev;
	bool switched;
	uint8_t poll[E2EE_POLL_MAX];	/* leaves */
	size_t poll_count;
};

struct e2ee_msg_handover {
	const uint8_t *t;
	uint64_t counter;
	const uint8_t *to;		/* ik */
	const uint8_t *to_call;
	bool leaving;
};

struct e2ee_msg_leave {
	const uint8_t *t;
	uint64_t counter;
};

/** struct e2ee_msg_req - members that @what does not have are NULL or 0 */
struct e2ee_msg_req {
	uint64_t counter;
	uint8_t what;
	const uint8_t *t;		/* all but join */
	const uint8_t *kp_hash;		/* join */
	const uint8_t *hb_hash;		/* join */
	const uint8_t *ik;		/* kick, handover */
	bool lock;			/* lock */
	uint8_t policy;			/* policy: as in struct e2ee_msg_epoch */
};

struct e2ee_msg_sas {
	const uint8_t *t;
	uint64_t counter;
	const uint8_t *commitment;	/* commit */
	const uint8_t *nonce;		/* reveal: 32 bytes */
	const uint8_t *commitments;	/* reveal: hash of all */
};

struct e2ee_msg_probe {
	const uint8_t *id;
};

/**
 * struct e2ee_message - a message
 * @refs: references
 * @raw: as received or sent, body and signature; NULL in a draft
 * @len: of @raw
 * @hash: SHA-256 of @raw: T, KP hash, HB hash
 * @type: which member of the union
 * @dev: sender
 * @session: the sender's, 16 bytes
 * @call: 16 bytes; NULL in KP and PROBE
 */
struct e2ee_message {
	unsigned int refs;
	uint8_t *raw;
	size_t len;
	uint8_t hash[E2EE_HASH_LEN];
	enum e2ee_message_type type;
	char dev[E2EE_NAME_MAX + 1];
	const uint8_t *session;
	const uint8_t *call;
	union {
		struct e2ee_msg_kp kp;
		struct e2ee_msg_epoch epoch;
		struct e2ee_msg_ack ack;
		struct e2ee_msg_hb hb;
		struct e2ee_msg_handover handover;
		struct e2ee_msg_leave leave;
		struct e2ee_msg_req req;
		struct e2ee_msg_sas sas;
		struct e2ee_msg_probe probe;
	};
};

/**
 * e2ee_message_decode() - read a message; its signature is not looked at
 * @raw: body and signature; copied
 * @len: of it
 * @msg: out, with one reference
 * @reason: out, a static text, where it is refused
 *
 * Refused are all but the one deterministic encoding of a known type with its
 * fields in their bounds and, where order is prescribed, in order.
 *
 * Return: 0, -EBADMSG, -EMSGSIZE (beyond the type's cap), -ENOMEM, -EIO.
 */
int e2ee_message_decode(const uint8_t *raw, size_t len,
			struct e2ee_message **msg, const char **reason);

/**
 * e2ee_message_seal() - encode and sign
 * @draft: type, dev, session, call and its union member; the rest is not read
 * @room: name
 * @seed: Ed25519 private key of @draft's device
 * @msg: out, with one reference; its pointers lead into itself
 *
 * Return: 0, -EINVAL (decode would refuse it), -EMSGSIZE, -ENOMEM, -EIO.
 */
int e2ee_message_seal(const struct e2ee_message *draft, const char *room,
		      const uint8_t *seed, struct e2ee_message **msg);

/* 0, or -EBADMSG if @ik did not sign this for @room */
int e2ee_message_verify(const struct e2ee_message *msg, const char *room,
			const uint8_t *ik);

/* SHA-256 of the roster array as it stands in an EPOCH (for "info") */
int e2ee_message_roster_hash(const struct e2ee_entry *roster, size_t count,
			     uint8_t *hash);

/*
 * Whoever keeps a message holds a reference to it; whoever is only given one may
 * use it until the call returns.
 */
struct e2ee_message *e2ee_message_get(struct e2ee_message *msg);
void e2ee_message_put(struct e2ee_message *msg);	/* NULL is fine */

/**
 * e2ee_message_keep() - let a place that holds a reference hold another message
 * @place: where the reference is kept; NULL in it means that there is none
 * @msg: the message to keep from now on; NULL: none
 *
 * The new reference is taken before the old one is given back, so @msg may be
 * the message that only @place kept alive.
 */
void e2ee_message_keep(struct e2ee_message **place, struct e2ee_message *msg);

/* "KP", "EPOCH", … "SAS-COMMIT", …: as it is signed */
const char *e2ee_message_type_name(enum e2ee_message_type type);

#endif /* E2EE_LIB_MESSAGE_H */
