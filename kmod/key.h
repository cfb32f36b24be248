/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys: one AEAD key with salt, KID, direction, SSRC and epoch.
 */
#ifndef E2EE_KEY_H
#define E2EE_KEY_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/workqueue.h>
#include <linux/e2ee.h>
#include "aead.h"

struct e2ee_digest;
struct e2ee_floor;
struct e2ee_history;
struct e2ee_net;
struct e2ee_recent;
struct e2ee_refusal;
struct e2ee_session;
struct e2ee_share;

/* hash table keys: no holes, so that all bytes count */
struct e2ee_key_id {
	u64 kid;
	u32 session;
	u32 ssrc;	/* 0 unless mode is E2EE_SSRC_NUMBER */
	u32 dir;
	u32 mode;
};

struct e2ee_kid_id {
	u64 kid;
	u32 session;
	u32 dir;
};

struct e2ee_stream_id {
	u32 session;
	u32 epoch;
	u32 ssrc;	/* 0 for any */
	u32 any;
};

struct e2ee_digest_id {
	u64 digest;
	u64 session;
};

/**
 * struct e2ee_key - a key
 * @by_id: in struct e2ee_net.key_ids
 * @by_kid: in struct e2ee_net.key_kids
 * @by_rtx: in struct e2ee_net.key_rtxs, if it has an RTX SSRC
 * @by_digest: in struct e2ee_net.key_digests
 * @by_stream: in struct e2ee_net.streams (tx, unless an unclaimed claim)
 * @id: identity; never changes
 * @kid_id: key of @by_kid
 * @rtx_id: key of @by_rtx: @id with the RTX SSRC; its mode is 0 while there is
 *	none, and it never changes once it is set
 * @digest_id: key of @by_digest
 * @stream: key of @by_stream; its SSRC is set once when a claim is taken
 * @serial: order of installation in the namespace; dumps resume by it
 * @node: in struct e2ee_session.keys, by rising @serial
 * @claim: in struct e2ee_session.claims while unclaimed
 * @enet: its namespace
 * @session: its session; valid while the key is in its tables
 * @ref: held by the tables and by asynchronous requests
 * @rwork: frees it in process context a grace period after the last reference
 * @suite: enum e2ee_suite
 * @epoch: generation it sends in; rx keys have it for people only
 * @salt: RFC 9605, section 4.4.3
 * @aead: transforms
 * @ctr: tx: next CTR, or E2EE_CTR_DEAD; rx: lowest CTR that it accepts
 * @soft_limit: CTR at which the event key-expiring is sent
 * @limit: first CTR not to use
 * @expires: boot time in seconds after which it is not used; 0: never
 * @ctr_first: tx: @ctr when it was installed
 * @flags: enum e2ee_key_flag, atomic bits
 * @sent: jiffies of the last packet sealed
 * @history: rx: its replay windows, shared with all keys of the session that have its
 *	secret
 * @recent: SSRCs that sent lately with a key for any; else NULL
 * @kept: what the module remembers of it till unload (tx); else NULL
 * @share: whom it is charged to; NULL: the host itself
 * @floor: what the module remembers of it for receiving (rx); else NULL
 */
struct e2ee_key {
	/* what packets look at, in as few cache lines as it takes */
	struct rhash_head by_id;
	struct e2ee_key_id id;
	struct rhash_head by_stream;
	struct e2ee_stream_id stream;
	unsigned long flags;

	struct e2ee_aead aead;
	u8 salt[E2EE_SALT_LEN];
	atomic64_t ctr;
	u64 limit;
	time64_t expires;

	struct e2ee_history *history;
	u64 soft_limit;
	unsigned long sent;
	struct e2ee_recent *recent;
	struct e2ee_net *enet;
	struct e2ee_session *session;
	refcount_t ref;

	struct rhlist_head by_kid;
	struct rhlist_head by_digest;
	struct rhash_head by_rtx;
	struct e2ee_key_id rtx_id;
	struct e2ee_kid_id kid_id;
	struct e2ee_digest_id digest_id;
	u64 serial;
	struct list_head node;
	struct list_head claim;
	struct rcu_work rwork;
	u32 suite;
	u32 epoch;
	u64 ctr_first;
	struct e2ee_digest *kept;
	struct e2ee_share *share;
	struct e2ee_floor *floor;
};

#define E2EE_CTR_DEAD	U64_MAX		/* deleted; no limit lies above it */

enum e2ee_key_flag {
	E2EE_KEY_EXPIRING_SENT,	/* event sent */
	E2EE_KEY_EXPIRED_SENT,
	E2EE_KEY_CLOSED,	/* rx: deleted; set under windows_lock */
	E2EE_KEY_OPENED,	/* rx: has authenticated; set under a window's lock */
	E2EE_KEY_FILLS,		/* tx: the memory of sending keys is nearly full */
	E2EE_KEY_LIVE,		/* all keys of its request are in */
};

/* which members of struct e2ee_key_param a request gives */
enum e2ee_key_given {
	E2EE_KEY_HAS_EPOCH = 1U << 0,
	E2EE_KEY_HAS_CTR = 1U << 1,
	E2EE_KEY_HAS_SOFT_LIMIT = 1U << 2,
	E2EE_KEY_HAS_LIMIT = 1U << 3,
	E2EE_KEY_HAS_EXPIRES = 1U << 4,
	E2EE_KEY_HAS_RTX_SSRC = 1U << 5,
};

/**
 * struct e2ee_key_param - a request for a key
 * @given: enum e2ee_key_given
 * @dir: enum e2ee_dir
 * @kid: KID
 * @ssrc: SSRC, where @mode is E2EE_SSRC_NUMBER
 * @rtx_ssrc: SSRC of the stream's retransmissions (rx)
 * @mode: enum e2ee_ssrc_mode
 * @suite: enum e2ee_suite
 * @epoch: generation
 * @secret: AEAD key; points into the request, which the caller wipes
 * @secret_len: bytes of @secret
 * @salt: E2EE_SALT_LEN bytes, likewise
 * @ctr: start counter
 * @soft_limit: CTR at which the event key-expiring is sent (tx)
 * @limit: first CTR not to use (tx)
 * @expires: seconds from now, 0 = never
 */
struct e2ee_key_param {
	u32 given;
	u32 dir;
	u64 kid;
	u32 ssrc;
	u32 rtx_ssrc;
	u32 mode;
	u32 suite;
	u32 epoch;
	const u8 *secret;
	u32 secret_len;
	const u8 *salt;
	u64 ctr;
	u64 soft_limit;
	u64 limit;
	u32 expires;
};

/* process context, under struct e2ee_net.lock */
struct e2ee_key *e2ee_key_find(struct e2ee_session *session,
			       const struct e2ee_key_param *param);
struct e2ee_key *e2ee_key_twin(const struct e2ee_key *key);
int e2ee_key_insert(struct e2ee_key *key, const struct e2ee_key_param *param,
		    struct e2ee_refusal *why);
int e2ee_key_rtx_bind(struct e2ee_key *key, u32 ssrc, struct e2ee_refusal *why);
void e2ee_key_remove(struct e2ee_key *key);

/* process context */
int e2ee_key_net_init(struct e2ee_net *enet);
void e2ee_key_net_exit(struct e2ee_net *enet);
void e2ee_key_flush(void);

/* softirq or process context, under rcu_read_lock() */
struct e2ee_key *e2ee_key_for_rx(struct e2ee_session *session, u64 kid,
				 u32 ssrc, bool rtx, int *err);
void e2ee_key_event(struct e2ee_key *key, u32 ssrc, u32 type);
void e2ee_key_note_expired(struct e2ee_key *key, u32 ssrc);
bool e2ee_key_expired(const struct e2ee_key *key);
u64 e2ee_key_packets(const struct e2ee_key *key);
u64 e2ee_key_next_ctr(const struct e2ee_key *key);
u32 e2ee_key_seconds_left(const struct e2ee_key *key);
bool e2ee_key_get(struct e2ee_key *key);
void e2ee_key_put(struct e2ee_key *key);

/* init and exit */
int e2ee_key_init(void);
void e2ee_key_exit(void);

/**
 * e2ee_key_live() - does it send or receive yet?
 * @key: a key
 *
 * A key that waits for the rest of its request is as if it were not there.
 */
static inline bool e2ee_key_live(const struct e2ee_key *key)
{
	return test_bit(E2EE_KEY_LIVE, &key->flags);
}

/**
 * e2ee_key_past() - is it past its lifetime?
 * @key: a key
 */
static inline bool e2ee_key_past(const struct e2ee_key *key)
{
	time64_t expires = READ_ONCE(key->expires);

	return expires && ktime_get_boottime_seconds() >= expires;
}

#endif /* E2EE_KEY_H */
