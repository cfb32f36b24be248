// SPDX-License-Identifier: GPL-2.0
/*
 * Streams: which key seals for an SSRC in an epoch, with which CTR, and
 * whether another epoch could go on.
 */
#include <linux/jhash.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include "hash.h"
#include "key.h"
#include "memory.h"
#include "net.h"
#include "session.h"
#include "stream.h"

#define E2EE_RECENT_SLOTS	64

/**
 * struct e2ee_recent - SSRCs that sent lately with a key for any
 * @slots: by hash of the SSRC
 * @slots.ssrc: who
 * @slots.sent: jiffies of its last packet, 0 for never
 * @crowded: jiffies of the last packet that pushed a recent SSRC out
 *
 * Written without a lock: a torn slot names an SSRC that did not send, which
 * at worst refuses a switch of epoch that could be forced.
 */
struct e2ee_recent {
	struct {
		u32 ssrc;
		unsigned long sent;
	} slots[E2EE_RECENT_SLOTS];
	unsigned long crowded;
};

static u32 e2ee_stream_hash(const void *data, u32 len, u32 seed)
{
	const struct e2ee_stream_id *id = data;

	return e2ee_hash((u64)id->ssrc << 32 | id->any,
			 (u64)id->session << 32 | id->epoch, seed);
}

/* no memcmp(), as in e2ee_key_id_cmp() */
static int e2ee_stream_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct e2ee_stream_id *a = arg->key;
	const struct e2ee_stream_id *b = &((const struct e2ee_key *)obj)->stream;

	return a->ssrc != b->ssrc || a->session != b->session ||
	       a->epoch != b->epoch || a->any != b->any;
}

static const struct rhashtable_params e2ee_stream_params = {
	.key_len = sizeof_field(struct e2ee_key, stream),
	.key_offset = offsetof(struct e2ee_key, stream),
	.head_offset = offsetof(struct e2ee_key, by_stream),
	.hashfn = e2ee_stream_hash,
	.obj_cmpfn = e2ee_stream_cmp,
	.automatic_shrinking = true,
};

static struct e2ee_key *e2ee_stream_find(struct e2ee_session *session,
					 u32 epoch, u32 ssrc, bool any)
{
	struct e2ee_stream_id id = {
		.session = session->id,
		.epoch = epoch,
		.ssrc = any ? 0 : ssrc,
		.any = any,
	};
	struct e2ee_key *key;

	key = rhashtable_lookup(&session->enet->streams, &id,
				e2ee_stream_params);
	return key && e2ee_key_live(key) ? key : NULL;
}

static int e2ee_stream_insert(struct e2ee_key *key, u32 ssrc, bool any)
{
	key->stream.session = key->session->id;
	key->stream.epoch = key->epoch;
	key->stream.ssrc = ssrc;
	key->stream.any = any;
	return rhashtable_lookup_insert_fast(&key->enet->streams,
					     &key->by_stream,
					     e2ee_stream_params);
}

/* unclaimed keys stand in the order in which they are taken: by KID */
static void e2ee_stream_offer(struct e2ee_key *key)
{
	struct e2ee_key *other;

	list_for_each_entry(other, &key->session->claims, claim)
		if (other->id.kid > key->id.kid)
			break;
	list_add_tail(&key->claim, &other->claim);
}

/**
 * e2ee_stream_start() - give a key its place among those that send
 * @key: a new sending key; it sends once it has E2EE_KEY_LIVE
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: 0; -EEXIST: its SSRC has a key in this epoch; -ENOMEM.
 */
int e2ee_stream_start(struct e2ee_key *key, struct e2ee_refusal *why)
{
	struct e2ee_session *session = key->session;
	int err = 0;

	spin_lock_bh(&session->claim_lock);
	if (key->id.mode == E2EE_SSRC_CLAIM)
		e2ee_stream_offer(key);
	else
		err = e2ee_stream_insert(key, key->id.ssrc,
					 key->id.mode == E2EE_SSRC_ANY);
	spin_unlock_bh(&session->claim_lock);
	if (err == -EEXIST)
		e2ee_refuse(why, E2EE_A_KEY_SSRC, err,
			    "SSRC already has a sending key in this epoch");
	return err;
}

/**
 * e2ee_stream_stop() - packets do not find this key any more
 * @key: from e2ee_stream_start()
 *
 * Context: process, under struct e2ee_net.lock.
 */
void e2ee_stream_stop(struct e2ee_key *key)
{
	struct e2ee_session *session = key->session;

	spin_lock_bh(&session->claim_lock);
	if (!list_empty(&key->claim))
		list_del_init(&key->claim);
	else
		rhashtable_remove_fast(&key->enet->streams, &key->by_stream,
				       e2ee_stream_params);
	spin_unlock_bh(&session->claim_lock);
}

/*
 * The first claim of the epoch. It is not taken but lent for this packet where the SSRC
 * cannot get a place among the streams: its own key has that place already and waits
 * for the rest of its request, or there is no memory. Without any key, a packet might
 * leave in clear.
 */
static struct e2ee_key *e2ee_stream_claim(struct e2ee_session *session,
					  u32 epoch, u32 ssrc)
{
	struct e2ee_key *key, *found;

	spin_lock_bh(&session->claim_lock);
	found = e2ee_stream_find(session, epoch, ssrc, false);
	if (found)		/* another CPU was first */
		goto out;
	list_for_each_entry(key, &session->claims, claim) {
		if (key->epoch != epoch || !e2ee_key_live(key))
			continue;
		if (!e2ee_stream_insert(key, ssrc, false))
			list_del_init(&key->claim);
		found = key;
		break;
	}
out:
	spin_unlock_bh(&session->claim_lock);
	return found;
}

/**
 * e2ee_stream_key() - the key that seals for an SSRC
 * @session: who sends
 * @epoch: its current epoch, read once for this packet
 * @ssrc: of the packet
 *
 * Its own key; else the claim with the lowest KID, which is its own from then
 * on (or see e2ee_stream_claim()); else the key for any.
 *
 * Context: process or softirq, under rcu_read_lock().
 * Return: the key, valid in this RCU section, or NULL.
 */
struct e2ee_key *e2ee_stream_key(struct e2ee_session *session, u32 epoch,
				 u32 ssrc)
{
	struct e2ee_key *key;

	key = e2ee_stream_find(session, epoch, ssrc, false);
	if (key)
		return key;
	if (!list_empty(&session->claims)) {
		key = e2ee_stream_claim(session, epoch, ssrc);
		if (key)
			return key;
	}
	return e2ee_stream_find(session, epoch, 0, true);
}

/**
 * e2ee_recent_new() - for a key that many SSRCs send with
 *
 * Return: to be kfree()d; NULL without memory.
 */
struct e2ee_recent *e2ee_recent_new(void)
{
	struct e2ee_recent *recent;

	recent = kzalloc(sizeof(*recent), E2EE_GFP_REQUEST);
	if (recent)	/* jiffies start below zero: not "a moment ago" */
		recent->crowded = jiffies - E2EE_RECENT_TIME;
	return recent;
}

static void e2ee_recent_note(struct e2ee_recent *recent, u32 ssrc)
{
	u32 slot = jhash_1word(ssrc, 0) % E2EE_RECENT_SLOTS;
	unsigned long now = jiffies ?: 1;
	unsigned long sent = READ_ONCE(recent->slots[slot].sent);

	if (READ_ONCE(recent->slots[slot].ssrc) != ssrc) {
		if (sent && time_before(now, sent + E2EE_RECENT_TIME))
			WRITE_ONCE(recent->crowded, now);
		WRITE_ONCE(recent->slots[slot].ssrc, ssrc);
	}
	if (sent != now)
		WRITE_ONCE(recent->slots[slot].sent, now);
}

/**
 * e2ee_stream_next_ctr() - take a CTR, for one packet, for ever
 * @key: from e2ee_stream_key()
 * @ssrc: of the packet
 * @ctr: the CTR
 *
 * Context: as e2ee_stream_key().
 * Return: 0; -EKEYEXPIRED at the limit or past the lifetime; -ENOKEY where
 * the key was deleted meanwhile.
 */
int e2ee_stream_next_ctr(struct e2ee_key *key, u32 ssrc, u64 *ctr)
{
	u64 next = atomic64_read(&key->ctr);

	if (e2ee_key_past(key))
		goto expired;
	do {
		if (next == E2EE_CTR_DEAD)
			return -ENOKEY;
		if (next >= READ_ONCE(key->limit))
			goto expired;
	} while (!atomic64_try_cmpxchg(&key->ctr, (s64 *)&next, next + 1));

	if (next >= READ_ONCE(key->soft_limit) &&
	    !test_and_set_bit(E2EE_KEY_EXPIRING_SENT, &key->flags))
		e2ee_key_event(key, ssrc, E2EE_EVENT_KEY_EXPIRING);
	if (time_before(READ_ONCE(key->sent), jiffies))
		WRITE_ONCE(key->sent, jiffies);
	if (key->recent)
		e2ee_recent_note(key->recent, ssrc);
	*ctr = next;
	return 0;

expired:
	e2ee_key_note_expired(key, ssrc);
	return -EKEYEXPIRED;
}

/* streams of a key for any that sent lately and have no key in the epoch */
static u32 e2ee_recent_lacking(struct e2ee_session *session,
			       const struct e2ee_key *key, u32 epoch)
{
	const struct e2ee_recent *recent = key->recent;
	unsigned long sent;
	u32 i, lacking = 0;

	if (time_before(jiffies, READ_ONCE(recent->crowded) + E2EE_RECENT_TIME))
		return U32_MAX;	/* more than can be told one by one */
	for (i = 0; i < E2EE_RECENT_SLOTS; i++) {
		sent = READ_ONCE(recent->slots[i].sent);
		if (sent && time_before(jiffies, sent + E2EE_RECENT_TIME) &&
		    !e2ee_stream_find(session, epoch,
					READ_ONCE(recent->slots[i].ssrc),
					false))
			lacking++;
	}
	return lacking;
}

static u64 e2ee_stream_lacking(struct e2ee_session *session, u32 epoch)
{
	struct e2ee_key *key;
	u64 lacking = 0;

	list_for_each_entry(key, &session->keys, node) {
		if (key->id.dir != E2EE_DIR_TX || key->epoch != session->epoch)
			continue;
		if (key->recent)
			lacking += e2ee_recent_lacking(session, key, epoch);
		else if (time_before(jiffies, READ_ONCE(key->sent) +
				     E2EE_RECENT_TIME) &&
			 !e2ee_stream_find(session, epoch, key->stream.ssrc,
					     false))
			lacking++;
	}
	return lacking;
}

/**
 * e2ee_stream_epoch_check() - may the session go on with the keys of an epoch?
 * @session: who sends
 * @epoch: the epoch to come
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: 0; -ENOKEY where an SSRC that sent in the last 2 seconds would lack
 * a key.
 */
int e2ee_stream_epoch_check(struct e2ee_session *session, u32 epoch,
			    struct e2ee_refusal *why)
{
	struct e2ee_key *key;
	u64 lacking, claims = 0;
	bool any;

	lockdep_assert_held(&session->enet->lock);
	if (epoch == session->epoch)
		return 0;
	rcu_read_lock();
	any = e2ee_stream_find(session, epoch, 0, true);
	lacking = any ? 0 : e2ee_stream_lacking(session, epoch);
	rcu_read_unlock();
	spin_lock_bh(&session->claim_lock);
	list_for_each_entry(key, &session->claims, claim)
		claims += key->epoch == epoch;
	spin_unlock_bh(&session->claim_lock);
	if (lacking > claims)
		return e2ee_refuse(why, E2EE_A_SESSION_EPOCH, -ENOKEY,
				   "an SSRC that sent in the last 2 seconds has no key in that epoch");
	return 0;
}

int e2ee_stream_net_init(struct e2ee_net *enet)
{
	return rhashtable_init(&enet->streams, &e2ee_stream_params);
}

void e2ee_stream_net_exit(struct e2ee_net *enet)
{
	rhashtable_destroy(&enet->streams);
}
