// SPDX-License-Identifier: GPL-2.0
/*
 * Keys of a session, and how a packet finds its own.
 *
 * DOC: tables and lifetime
 *
 * A key is in up to five hash tables of its namespace: by identity (rx packets
 * find it there), by its RTX SSRC (retransmissions do), by KID alone (guards),
 * by digest (the same secret must not serve both directions), and, for sending,
 * by epoch and SSRC. The tables
 * hold one reference. Packets look a key up under RCU and take none, unless
 * their request is asynchronous. The last reference frees it through a work
 * item, a grace period later: transforms are freed in process context.
 *
 * Deleting a sending key first sets its counter to E2EE_CTR_DEAD, so that what
 * the module remembers of the counter is exact though senders still run. For the
 * same reason the windows of a receiving key are closed before it is deleted.
 */
#include <linux/ktime.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include "digest.h"
#include "driver.h"
#include "event.h"
#include "floor.h"
#include "hash.h"
#include "key.h"
#include "memory.h"
#include "session.h"
#include "share.h"
#include "stats.h"
#include "stream.h"
#include "tomb.h"
#include "window.h"

static struct workqueue_struct *e2ee_key_wq;

static u32 e2ee_key_id_hash(const void *data, u32 len, u32 seed)
{
	const struct e2ee_key_id *id = data;
	u64 where = (u64)(id->session ^ id->dir << 30) << 32 | id->ssrc;

	return e2ee_hash(id->kid, where, seed);
}

/* Once a packet, where memcmp() of a length known at run time only is a call. */
static int e2ee_key_id_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct e2ee_key_id *a = arg->key;
	const struct e2ee_key_id *b = &((const struct e2ee_key *)obj)->id;

	return a->kid != b->kid || a->session != b->session ||
	       a->ssrc != b->ssrc || a->dir != b->dir || a->mode != b->mode;
}

static const struct rhashtable_params e2ee_key_id_params = {
	.key_len = sizeof_field(struct e2ee_key, id),
	.key_offset = offsetof(struct e2ee_key, id),
	.head_offset = offsetof(struct e2ee_key, by_id),
	.hashfn = e2ee_key_id_hash,
	.obj_cmpfn = e2ee_key_id_cmp,
	.automatic_shrinking = true,
};

static const struct rhashtable_params e2ee_key_rtx_params = {
	.key_len = sizeof_field(struct e2ee_key, rtx_id),
	.key_offset = offsetof(struct e2ee_key, rtx_id),
	.head_offset = offsetof(struct e2ee_key, by_rtx),
	.hashfn = e2ee_key_id_hash,
	.automatic_shrinking = true,
};

static const struct rhashtable_params e2ee_key_kid_params = {
	.key_len = sizeof_field(struct e2ee_key, kid_id),
	.key_offset = offsetof(struct e2ee_key, kid_id),
	.head_offset = offsetof(struct e2ee_key, by_kid),
	.automatic_shrinking = true,
};

static const struct rhashtable_params e2ee_key_digest_params = {
	.key_len = sizeof_field(struct e2ee_key, digest_id),
	.key_offset = offsetof(struct e2ee_key, digest_id),
	.head_offset = offsetof(struct e2ee_key, by_digest),
	.automatic_shrinking = true,
};

static struct e2ee_key *e2ee_key_if_live(struct e2ee_key *key)
{
	return key && e2ee_key_live(key) ? key : NULL;
}

static struct e2ee_key *e2ee_key_by_id(struct e2ee_net *enet,
				       const struct e2ee_key_id *id)
{
	return e2ee_key_if_live(rhashtable_lookup(&enet->key_ids, id,
						  e2ee_key_id_params));
}

static struct e2ee_key *e2ee_key_by_rtx(struct e2ee_net *enet,
					const struct e2ee_key_id *id)
{
	return e2ee_key_if_live(rhashtable_lookup(&enet->key_rtxs, id,
						  e2ee_key_rtx_params));
}

static void e2ee_key_free_work(struct work_struct *work)
{
	struct e2ee_key *key = container_of(to_rcu_work(work), struct e2ee_key,
					    rwork);

	e2ee_history_put(key->history);
	e2ee_aead_destroy(&key->aead);
	/* in this order: its place is free before it is not awaited any more */
	e2ee_share_put(key->share, E2EE_SHARE_KEYS);
	e2ee_share_put(key->share, E2EE_SHARE_FREED);
	kfree(key->recent);
	kfree_sensitive(key);
	e2ee_object_destroyed(E2EE_OBJECT_KEY);
}

/**
 * e2ee_key_get() - take a reference on a key found under RCU
 * @key: a key
 *
 * Return: false where it is already going away.
 */
bool e2ee_key_get(struct e2ee_key *key)
{
	return refcount_inc_not_zero(&key->ref);
}

/**
 * e2ee_key_put() - drop a reference
 * @key: a key
 *
 * Context: any but hard interrupt.
 */
void e2ee_key_put(struct e2ee_key *key)
{
	if (!refcount_dec_and_test(&key->ref))
		return;
	INIT_RCU_WORK(&key->rwork, e2ee_key_free_work);
	queue_rcu_work(e2ee_key_wq, &key->rwork);
}

/**
 * e2ee_key_event() - tell of a key and the packet that made it known
 * @key: a key found under RCU
 * @ssrc: of the packet
 * @type: enum e2ee_event
 */
void e2ee_key_event(struct e2ee_key *key, u32 ssrc, u32 type)
{
	struct e2ee_event_msg msg = {
		.type = type,
		.given = E2EE_EVENT_HAS_DIR | E2EE_EVENT_HAS_KID |
			 E2EE_EVENT_HAS_SSRC | E2EE_EVENT_HAS_EPOCH,
		.dir = key->id.dir,
		.kid = key->id.kid,
		.ssrc = ssrc,
		.epoch = key->epoch,
	};

	e2ee_event_send(key->enet, key->session, &msg);
}

/**
 * e2ee_key_note_expired() - tell, once, that a key is not used any more
 * @key: at its limit or past its lifetime
 * @ssrc: of the packet that found out
 *
 * Context: as e2ee_stream_key().
 */
void e2ee_key_note_expired(struct e2ee_key *key, u32 ssrc)
{
	if (!test_and_set_bit(E2EE_KEY_EXPIRED_SENT, &key->flags))
		e2ee_key_event(key, ssrc, E2EE_EVENT_KEY_EXPIRED);
}

/**
 * e2ee_key_expired() - past its lifetime, or, to send, at its limit?
 * @key: a key
 */
bool e2ee_key_expired(const struct e2ee_key *key)
{
	if (e2ee_key_past(key))
		return true;
	return key->id.dir == E2EE_DIR_TX &&
	       (u64)atomic64_read(&key->ctr) != E2EE_CTR_DEAD &&
	       (u64)atomic64_read(&key->ctr) >= READ_ONCE(key->limit);
}

/**
 * e2ee_key_seconds_left() - lifetime left, seconds; 0: it does not end
 * @key: a key
 *
 * An expired key has 1 second left for the reader; e2ee_key_expired() tells.
 */
u32 e2ee_key_seconds_left(const struct e2ee_key *key)
{
	time64_t expires = READ_ONCE(key->expires);

	if (!expires)
		return 0;
	return max_t(time64_t, expires - ktime_get_boottime_seconds(), 1);
}

/**
 * e2ee_key_packets() - packets sealed or authenticated with a key
 * @key: a key that was not deleted
 */
u64 e2ee_key_packets(const struct e2ee_key *key)
{
	if (key->id.dir == E2EE_DIR_TX)
		return atomic64_read(&key->ctr) - key->ctr_first;
	return e2ee_window_packets(key);
}

/**
 * e2ee_key_next_ctr() - next CTR to seal with; highest authenticated CTR + 1
 * @key: a key that was not deleted
 *
 * Context: process, under struct e2ee_net.lock.
 */
u64 e2ee_key_next_ctr(const struct e2ee_key *key)
{
	u64 next;

	if (key->id.dir == E2EE_DIR_TX)
		return atomic64_read(&key->ctr);
	rcu_read_lock();
	next = e2ee_window_next(key);
	rcu_read_unlock();
	return next;
}

/* receiving */

static struct rhlist_head *e2ee_key_list(struct e2ee_session *session,
					 u32 dir, u64 kid)
{
	struct e2ee_kid_id id = {
		.kid = kid,
		.session = session->id,
		.dir = dir,
	};

	return rhltable_lookup(&session->enet->key_kids, &id,
			       e2ee_key_kid_params);
}

/* Does a key that receives have this KID, whatever SSRC it is for? */
static bool e2ee_key_receives(struct e2ee_session *session, u64 kid)
{
	struct rhlist_head *pos, *list;
	struct e2ee_key *key;

	list = e2ee_key_list(session, E2EE_DIR_RX, kid);
	rhl_for_each_entry_rcu(key, pos, list, by_kid)
		if (e2ee_key_live(key))
			return true;
	return false;
}

/**
 * e2ee_key_for_rx() - the key that opens a packet
 * @session: the session that receives it
 * @kid: from the SFrame header
 * @ssrc: from the RTP header
 * @rtx: its payload type says that it is a retransmission
 * @err: set where there is no key: -ENOKEY, the KID is unknown; -EXDEV, its keys
 *	are bound to other SSRCs
 *
 * A retransmission comes under an SSRC of its own or, in an RTP session of its
 * own, under that of the stream (RFC 4588, section 5.3). A key bound to a
 * stream opens it under these two SSRCs only, since whoever carries the packet
 * chooses both the payload type and the SSRC.
 *
 * Context: softirq or process, under rcu_read_lock().
 * Return: the key, valid in this RCU section, or NULL.
 */
struct e2ee_key *e2ee_key_for_rx(struct e2ee_session *session, u64 kid,
				 u32 ssrc, bool rtx, int *err)
{
	struct e2ee_key_id id = {
		.kid = kid,
		.session = session->id,
		.ssrc = ssrc,
		.dir = E2EE_DIR_RX,
		.mode = E2EE_SSRC_NUMBER,
	};
	bool bound = READ_ONCE(session->num_rx_bound);
	struct e2ee_key *key = NULL;

	if (bound && rtx)
		key = e2ee_key_by_rtx(session->enet, &id);
	if (bound && !key)
		key = e2ee_key_by_id(session->enet, &id);
	if (key)
		return key;
	id.ssrc = 0;
	id.mode = E2EE_SSRC_ANY;
	key = e2ee_key_by_id(session->enet, &id);
	if (!key)
		*err = bound && e2ee_key_receives(session, kid) ?
		       -EXDEV : -ENOKEY;
	return key;
}

/**
 * e2ee_key_sends() - does a sending key have this KID, or did until lately?
 * @session: who sends
 * @kid: from a packet on its way out
 *
 * Context: softirq or process, under rcu_read_lock().
 */
bool e2ee_key_sends(struct e2ee_session *session, u64 kid)
{
	return e2ee_key_list(session, E2EE_DIR_TX, kid) ||
	       e2ee_tomb_find(session->enet, session->id, kid);
}

/* requests: installing and deleting */

static u32 e2ee_key_secret_len(u32 suite)
{
	switch (suite) {
	case E2EE_SUITE_AES_128_GCM_SHA256_128:
		return 16;
	case E2EE_SUITE_AES_256_GCM_SHA512_128:
		return 32;
	}
	return 0;
}

static int e2ee_key_limits_check(const struct e2ee_key *key,
				 struct e2ee_refusal *why)
{
	if (!key->limit || key->limit == E2EE_CTR_DEAD)
		return e2ee_refuse(why, E2EE_A_KEY_LIMIT, -ERANGE,
				   "limit must lie between 1 and 2^64 - 2");
	if (key->soft_limit > key->limit)
		return e2ee_refuse(why, E2EE_A_KEY_SOFT_LIMIT, -ERANGE,
				   "soft limit lies above the limit");
	return 0;
}

/* An RTX SSRC widens a binding, so there has to be one. */
static int e2ee_key_rtx_check(const struct e2ee_key_param *param,
			      struct e2ee_refusal *why)
{
	if (!(param->given & E2EE_KEY_HAS_RTX_SSRC))
		return 0;
	if (param->dir == E2EE_DIR_TX)
		return e2ee_refuse(why, E2EE_A_KEY_RTX_SSRC, -EINVAL,
				   "only a receiving key has an RTX SSRC");
	if (param->mode != E2EE_SSRC_NUMBER)
		return e2ee_refuse(why, E2EE_A_KEY_RTX_SSRC, -EINVAL,
				   "only a key bound to an SSRC has an RTX SSRC");
	return 0;
}

static int e2ee_key_rx_check(const struct e2ee_key_param *param,
			     struct e2ee_refusal *why)
{
	if (param->mode == E2EE_SSRC_CLAIM)
		return e2ee_refuse(why, E2EE_A_KEY_SSRC_MODE, -EINVAL,
				   "only a sending key can be for claim");
	if (param->given & E2EE_KEY_HAS_SOFT_LIMIT)
		return e2ee_refuse(why, E2EE_A_KEY_SOFT_LIMIT, -EINVAL,
				   "only a sending key has limits");
	if (param->given & E2EE_KEY_HAS_LIMIT)
		return e2ee_refuse(why, E2EE_A_KEY_LIMIT, -EINVAL,
				   "only a sending key has limits");
	return 0;
}

static int e2ee_key_check(struct e2ee_session *session,
			  const struct e2ee_key_param *param,
			  struct e2ee_refusal *why)
{
	u32 len = e2ee_key_secret_len(param->suite);

	if (!len)
		return e2ee_refuse(why, E2EE_A_KEY_SUITE, -EOPNOTSUPP,
				   "cipher suite is not supported");
	if (param->secret_len != len)
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -EINVAL,
				   "AEAD key has the wrong length for its suite");
	if (session->num_keys >= E2EE_KEYS_PER_SESSION)
		return e2ee_refuse(why, 0, -ENOSPC, "session is full of keys");
	if (session->enet->num_keys >= E2EE_KEYS_PER_NET)
		return e2ee_refuse(why, 0, -ENOSPC,
				   "namespace is full of keys");
	return e2ee_key_rtx_check(param, why) ?:
	       (param->dir == E2EE_DIR_RX ? e2ee_key_rx_check(param, why) : 0);
}

/* The newest key of the session with the same secret, valid under its lock, or NULL */
static struct e2ee_key *e2ee_key_twin(const struct e2ee_key *key)
{
	struct rhlist_head *list;

	lockdep_assert_held(&key->enet->lock);
	rcu_read_lock();
	list = rhltable_lookup(&key->enet->key_digests, &key->digest_id,
			       e2ee_key_digest_params);
	rcu_read_unlock();
	return list ? container_of(list, struct e2ee_key, by_digest) : NULL;
}

/*
 * Could a packet that one of these keys opens be opened by the other, too? They have
 * the same secret. The KID is authenticated with the packet, and the salt is part of
 * the nonce.
 */
static bool e2ee_key_opens_same(const struct e2ee_key *a,
				const struct e2ee_key *b)
{
	return a->id.kid == b->id.kid && !memcmp(a->salt, b->salt,
						 E2EE_SALT_LEN);
}

/*
 * With the same secret for both directions, a reflected packet would be accepted. A
 * secret that receives under two KIDs or salts would need replay windows for each of
 * them, and no honest sender has such keys: RFC 9605 derives secret and salt from the
 * KID. So all keys of a session with one secret agree in these points, and the newest
 * of them speaks for all.
 */
static int e2ee_key_twin_check(const struct e2ee_key *key,
			       struct e2ee_refusal *why)
{
	const struct e2ee_key *twin = e2ee_key_twin(key);

	if (!twin)
		return 0;
	if (twin->id.dir != key->id.dir)
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -EKEYREJECTED,
				   "AEAD key already serves the other direction");
	if (key->id.dir == E2EE_DIR_RX && !e2ee_key_opens_same(twin, key))
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -EKEYREJECTED,
				   "AEAD key receives with another KID or salt");
	return 0;
}

static void e2ee_key_fill(struct e2ee_key *key, struct e2ee_session *session,
			  const struct e2ee_key_param *param)
{
	refcount_set(&key->ref, 1);
	INIT_LIST_HEAD(&key->claim);
	key->session = session;
	key->enet = session->enet;
	key->id.kid = param->kid;
	key->id.session = session->id;
	key->id.ssrc = param->mode == E2EE_SSRC_NUMBER ? param->ssrc : 0;
	key->id.dir = param->dir;
	key->id.mode = param->mode;
	key->kid_id.kid = param->kid;
	key->kid_id.session = session->id;
	key->kid_id.dir = param->dir;
	key->digest_id.digest = e2ee_digest_of(param->secret,
					       param->secret_len);
	key->digest_id.session = session->id;
	key->suite = param->suite;
	key->epoch = param->given & E2EE_KEY_HAS_EPOCH ? param->epoch :
							 session->epoch;
	memcpy(key->salt, param->salt, E2EE_SALT_LEN);
	key->limit = param->given & E2EE_KEY_HAS_LIMIT ?
		     param->limit : E2EE_LIMIT_DEFAULT;
	key->soft_limit = param->given & E2EE_KEY_HAS_SOFT_LIMIT ?
			  param->soft_limit :
			  min_t(u64, key->limit, E2EE_SOFT_LIMIT_DEFAULT);
	if (param->given & E2EE_KEY_HAS_EXPIRES && param->expires)
		key->expires = ktime_get_boottime_seconds() + param->expires;
}

/* the crypto API's memory for a key, kilobytes perhaps, is charged to nobody */
static int e2ee_key_charge(struct e2ee_key *key, struct e2ee_refusal *why)
{
	const struct user_namespace *user_ns = key->enet->net->user_ns;
	/* asked first: if one of them is freed meanwhile, there is room for us */
	u32 freed = e2ee_share_count(user_ns, E2EE_SHARE_FREED);
	int err;

	err = e2ee_share_take(user_ns, E2EE_SHARE_KEYS, E2EE_KEYS_PER_SHARE,
			      &key->share);
	if (err != -EDQUOT)
		return err;
	if (freed)
		return e2ee_refuse(why, 0, -EAGAIN,
				   "keys that were deleted are being freed: ask again");
	return e2ee_refuse(why, 0, err,
			   "this user namespace has as many keys as it may have");
}

static struct e2ee_key *e2ee_key_alloc(struct e2ee_session *session,
				       const struct e2ee_key_param *param,
				       struct e2ee_refusal *why)
{
	struct e2ee_key *key;
	int err;

	key = kzalloc(sizeof(*key), E2EE_GFP_REQUEST);
	if (!key)
		return ERR_PTR(-ENOMEM);
	e2ee_key_fill(key, session, param);
	err = e2ee_key_limits_check(key, why) ?:
	      e2ee_key_twin_check(key, why) ?:
	      e2ee_key_charge(key, why);
	if (err)
		goto free_key;
	err = -ENOMEM;
	if (param->dir == E2EE_DIR_TX && param->mode == E2EE_SSRC_ANY) {
		key->recent = e2ee_recent_new();
		if (!key->recent)
			goto free_key;
	}
	key->sent = jiffies - E2EE_RECENT_TIME;
	err = e2ee_driver_key(session->driver, &key->aead, param->secret,
			      param->secret_len, why);
	if (err)
		goto free_recent;
	e2ee_object_created(E2EE_OBJECT_KEY);
	return key;

free_recent:
	kfree(key->recent);
free_key:
	e2ee_share_put(key->share, E2EE_SHARE_KEYS);
	kfree_sensitive(key);
	return ERR_PTR(err);
}

/* From now on the key opens retransmissions that come under @ssrc. */
static int e2ee_key_rtx_bind(struct e2ee_key *key, u32 ssrc,
			     struct e2ee_refusal *why)
{
	int err;

	key->rtx_id = key->id;
	key->rtx_id.ssrc = ssrc;
	err = rhashtable_lookup_insert_fast(&key->enet->key_rtxs, &key->by_rtx,
					    e2ee_key_rtx_params);
	if (!err)
		return 0;
	key->rtx_id.mode = 0;
	if (err == -EEXIST)
		e2ee_refuse(why, E2EE_A_KEY_RTX_SSRC, err,
			    "another key of this KID has this RTX SSRC");
	return err;
}

static int e2ee_key_insert(struct e2ee_key *key,
			   const struct e2ee_key_param *param,
			   struct e2ee_refusal *why)
{
	struct e2ee_net *enet = key->enet;
	int err;

	err = rhltable_insert(&enet->key_kids, &key->by_kid,
			      e2ee_key_kid_params);
	if (err)
		return err;
	err = rhltable_insert(&enet->key_digests, &key->by_digest,
			      e2ee_key_digest_params);
	if (err)
		goto remove_kid;
	err = rhashtable_lookup_insert_fast(&enet->key_ids, &key->by_id,
					    e2ee_key_id_params);
	if (err == -EEXIST)
		e2ee_refuse(why, E2EE_A_KEY_KID, err,
			    "key with this direction, KID and SSRC exists");
	if (err)
		goto remove_digest;
	if (param->given & E2EE_KEY_HAS_RTX_SSRC) {
		err = e2ee_key_rtx_bind(key, param->rtx_ssrc, why);
		if (err)
			goto remove_id;
	}
	return 0;

remove_id:
	rhashtable_remove_fast(&enet->key_ids, &key->by_id,
			       e2ee_key_id_params);
remove_digest:
	rhltable_remove(&enet->key_digests, &key->by_digest,
			e2ee_key_digest_params);
remove_kid:
	rhltable_remove(&enet->key_kids, &key->by_kid, e2ee_key_kid_params);
	return err;
}

static void e2ee_key_remove(struct e2ee_key *key)
{
	struct e2ee_net *enet = key->enet;

	if (key->rtx_id.mode)
		rhashtable_remove_fast(&enet->key_rtxs, &key->by_rtx,
				       e2ee_key_rtx_params);
	rhashtable_remove_fast(&enet->key_ids, &key->by_id,
			       e2ee_key_id_params);
	rhltable_remove(&enet->key_digests, &key->by_digest,
			e2ee_key_digest_params);
	rhltable_remove(&enet->key_kids, &key->by_kid, e2ee_key_kid_params);
}

/* what must be true before a key receives: nothing comes a second time */
static int e2ee_key_recall(struct e2ee_key *key, u64 ctr)
{
	struct e2ee_key *twin = e2ee_key_twin(key);
	u64 next;

	key->floor = e2ee_floor_get(key->digest_id.digest,
				    key->enet->net->user_ns, &next);
	if (!key->floor)
		return -ENOMEM;
	ctr = max(ctr, next);
	atomic64_set(&key->ctr, ctr);
	/* the windows of the other key know what came before */
	key->history = twin ? e2ee_history_get(twin->history) :
			      e2ee_history_new(key->enet, key->session->window,
					       ctr);
	if (key->history)
		return 0;
	e2ee_floor_put(key->floor, 0);
	return -ENOMEM;
}

/* what must be true before a key sends: its secret is remembered */
static int e2ee_key_remember(struct e2ee_key *key,
			     const struct e2ee_key_param *param,
			     struct e2ee_refusal *why)
{
	u64 ctr = param->given & E2EE_KEY_HAS_CTR ? param->ctr : 0;

	if (key->id.dir == E2EE_DIR_RX)
		return e2ee_key_recall(key, ctr);
	if (ctr >= key->limit)
		return e2ee_refuse(why, E2EE_A_KEY_CTR, -ERANGE,
				   "start counter lies at or above the limit");
	key->kept = e2ee_digest_use(key->digest_id.digest, param,
				    key->enet->net->user_ns, why);
	if (IS_ERR(key->kept))
		return PTR_ERR(key->kept);
	key->ctr_first = ctr;
	atomic64_set(&key->ctr, ctr);
	return 0;
}

/* From here on no packet is sealed or delivered with the key. */
static void e2ee_key_stop(struct e2ee_key *key)
{
	if (key->id.dir == E2EE_DIR_TX)
		e2ee_digest_release(key->kept, key->ctr_first,
				    atomic64_xchg(&key->ctr, E2EE_CTR_DEAD));
	else
		e2ee_floor_put(key->floor, e2ee_window_close(key));
}

/* Is the memory of sending keys filled by just this key so far that it is told? */
static bool e2ee_key_fills(const struct e2ee_key *key)
{
	u32 count, max;

	count = e2ee_digest_count(key->enet->net->user_ns, &max);
	return count == max / 10 * 9;
}

static void e2ee_key_tell_filling(struct e2ee_net *enet)
{
	struct e2ee_event_msg msg = {
		.type = E2EE_EVENT_DIGEST_FILLING,
		.given = E2EE_EVENT_HAS_COUNT,
	};
	u32 max;

	msg.count = e2ee_digest_count(enet->net->user_ns, &max);
	e2ee_event_send(enet, NULL, &msg);
}

/*
 * A key that the tables do not hold any more is freed in a moment, when no packet is at
 * it: whoever is told meanwhile that there are too many keys may ask again.
 */
static void e2ee_key_drop(struct e2ee_key *key)
{
	e2ee_share_add(key->share, E2EE_SHARE_FREED);
	e2ee_key_put(key);
}

/**
 * e2ee_key_new() - install a key
 * @session: where
 * @param: all members but those that @given leaves out
 * @why: told where it is refused
 *
 * The key neither sends nor receives before e2ee_key_begin().
 *
 * Context: process, under struct e2ee_net.lock, sleeps.
 * Return: 0 or a negative errno; nothing changed then.
 */
int e2ee_key_new(struct e2ee_session *session,
		 const struct e2ee_key_param *param, struct e2ee_refusal *why)
{
	struct e2ee_key *key;
	int err;

	lockdep_assert_held(&session->enet->lock);
	err = e2ee_key_check(session, param, why);
	if (err)
		return err;
	key = e2ee_key_alloc(session, param, why);
	if (IS_ERR(key))
		return PTR_ERR(key);
	/* even if it is refused now: the namespace waits for what frees it */
	key->serial = ++session->enet->key_serial;
	err = e2ee_key_remember(key, param, why);
	if (err)
		goto drop;
	err = e2ee_key_insert(key, param, why);
	if (err)
		goto forget;
	if (key->id.dir == E2EE_DIR_TX) {
		err = e2ee_stream_start(key, why);
		if (err)
			goto remove;
		if (e2ee_key_fills(key))
			set_bit(E2EE_KEY_FILLS, &key->flags);
	} else if (key->id.mode == E2EE_SSRC_NUMBER) {
		WRITE_ONCE(session->num_rx_bound, session->num_rx_bound + 1);
	}
	list_add_tail(&key->node, &session->keys);
	session->num_keys++;
	session->enet->num_keys++;
	atomic_inc(&session->enet->seq);
	return 0;

remove:
	e2ee_key_remove(key);
forget:
	e2ee_key_stop(key);
drop:
	e2ee_key_drop(key);
	return err;
}

/**
 * e2ee_key_begin() - let the keys of a request act, now that all of them are in
 * @session: where
 * @serial: struct e2ee_net.key_serial before the first of them
 *
 * Had a key sent before another key of its request was refused, the request could not
 * be repeated: the key would be remembered, and a second installation without a start
 * counter be refused. Had a key received, the repeated request would install it above
 * what it received, and packets that come late would be lost.
 *
 * The oldest key begins first. A packet takes a claim under the lock that is held here,
 * so it has the choice of all claims of the request, or of none.
 *
 * Context: process, under struct e2ee_net.lock.
 */
void e2ee_key_begin(struct e2ee_session *session, u64 serial)
{
	struct e2ee_key *key;
	bool fills = false;

	lockdep_assert_held(&session->enet->lock);
	list_for_each_entry_reverse(key, &session->keys, node)
		if (key->serial <= serial)
			break;
	spin_lock_bh(&session->claim_lock);
	list_for_each_entry_continue(key, &session->keys, node) {
		set_bit(E2EE_KEY_LIVE, &key->flags);
		fills |= test_bit(E2EE_KEY_FILLS, &key->flags);
	}
	spin_unlock_bh(&session->claim_lock);
	if (fills)
		e2ee_key_tell_filling(session->enet);
}

static void e2ee_key_unlink(struct e2ee_key *key)
{
	struct e2ee_session *session = key->session;

	if (key->id.dir == E2EE_DIR_TX) {
		e2ee_stream_stop(key);
		if (session->enet->num_guards)
			e2ee_tomb_add(key->enet, key->id.session, key->id.kid);
	} else if (key->id.mode == E2EE_SSRC_NUMBER) {
		WRITE_ONCE(session->num_rx_bound, session->num_rx_bound - 1);
	}
	e2ee_key_stop(key);
	e2ee_key_remove(key);
	list_del(&key->node);
	session->num_keys--;
	session->enet->num_keys--;
	atomic_inc(&session->enet->seq);
	e2ee_key_drop(key);
}

/**
 * e2ee_key_find() - a key by its identity
 * @session: where
 * @param: direction, KID, SSRC mode and SSRC
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: the key, valid while the lock is held, or NULL.
 */
struct e2ee_key *e2ee_key_find(struct e2ee_session *session,
			       const struct e2ee_key_param *param)
{
	struct e2ee_key_id id = {
		.kid = param->kid,
		.session = session->id,
		.ssrc = param->mode == E2EE_SSRC_NUMBER ? param->ssrc : 0,
		.dir = param->dir,
		.mode = param->mode,
	};
	struct e2ee_key *key;

	lockdep_assert_held(&session->enet->lock);
	rcu_read_lock();
	key = e2ee_key_by_id(session->enet, &id);
	rcu_read_unlock();
	return key;
}

/* The RTX SSRC of a key that is there: set once, and after that only said again */
static int e2ee_key_rtx_set(struct e2ee_key *key,
			    const struct e2ee_key_param *param,
			    struct e2ee_refusal *why)
{
	if (!(param->given & E2EE_KEY_HAS_RTX_SSRC))
		return 0;
	if (!key->rtx_id.mode)
		return e2ee_key_rtx_bind(key, param->rtx_ssrc, why);
	if (key->rtx_id.ssrc == param->rtx_ssrc)
		return 0;
	return e2ee_refuse(why, E2EE_A_KEY_RTX_SSRC, -EEXIST,
			   "key has another RTX SSRC already");
}

/**
 * e2ee_key_set() - change limits and lifetime of a key, or add its RTX SSRC
 * @session: the session that has the key
 * @param: identity, and what @given names
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock, may sleep.
 * Return: 0, -ENOENT, -EINVAL, -ERANGE, -EEXIST, -ENOMEM; nothing changed then.
 */
int e2ee_key_set(struct e2ee_session *session,
		 const struct e2ee_key_param *param, struct e2ee_refusal *why)
{
	struct e2ee_key *key = e2ee_key_find(session, param);
	struct e2ee_key want;
	int err;

	if (!key)
		return e2ee_refuse(why, E2EE_A_KEY_KID, -ENOENT,
				   "no such key");
	err = e2ee_key_rtx_check(param, why);
	if (!err && key->id.dir == E2EE_DIR_RX)
		err = e2ee_key_rx_check(param, why);
	if (err)
		return err;
	want.limit = param->given & E2EE_KEY_HAS_LIMIT ? param->limit :
							 key->limit;
	want.soft_limit = param->given & E2EE_KEY_HAS_SOFT_LIMIT ?
			  param->soft_limit : key->soft_limit;
	err = e2ee_key_limits_check(&want, why) ?:
	      e2ee_key_rtx_set(key, param, why);
	if (err)
		return err;
	WRITE_ONCE(key->limit, want.limit);
	WRITE_ONCE(key->soft_limit, want.soft_limit);
	if (param->given & E2EE_KEY_HAS_EXPIRES)
		WRITE_ONCE(key->expires, param->expires ?
			   ktime_get_boottime_seconds() + param->expires : 0);
	/* what lies ahead again may be told again */
	if ((u64)atomic64_read(&key->ctr) < want.soft_limit)
		clear_bit(E2EE_KEY_EXPIRING_SENT, &key->flags);
	if (!e2ee_key_expired(key))
		clear_bit(E2EE_KEY_EXPIRED_SENT, &key->flags);
	return 0;
}

/**
 * e2ee_key_del() - delete a key
 * @session: where
 * @param: identity
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock, sleeps.
 * Return: 0 or -ENOENT.
 */
int e2ee_key_del(struct e2ee_session *session,
		 const struct e2ee_key_param *param, struct e2ee_refusal *why)
{
	struct e2ee_key *key = e2ee_key_find(session, param);

	if (!key)
		return e2ee_refuse(why, E2EE_A_KEY_KID, -ENOENT,
				   "no such key");
	e2ee_key_unlink(key);
	return 0;
}

/**
 * e2ee_key_undo() - delete the keys of a request that is refused
 * @session: where
 * @serial: struct e2ee_net.key_serial before the first of them; 0: delete all keys
 *
 * Context: process, under struct e2ee_net.lock, sleeps.
 */
void e2ee_key_undo(struct e2ee_session *session, u64 serial)
{
	struct e2ee_key *key, *next;

	/* the newest stand first in the chains of those that share a KID */
	list_for_each_entry_safe_reverse(key, next, &session->keys, node) {
		if (key->serial <= serial)
			break;
		e2ee_key_unlink(key);
		cond_resched();
	}
}

/**
 * e2ee_key_del_all() - delete the keys of a session
 * @session: going away
 *
 * Context: process, under struct e2ee_net.lock, sleeps.
 */
void e2ee_key_del_all(struct e2ee_session *session)
{
	e2ee_key_undo(session, 0);
}

int e2ee_key_net_init(struct e2ee_net *enet)
{
	int err;

	e2ee_tomb_net_init(enet);
	err = rhashtable_init(&enet->key_ids, &e2ee_key_id_params);
	if (err)
		return err;
	err = rhashtable_init(&enet->key_rtxs, &e2ee_key_rtx_params);
	if (err)
		goto destroy_ids;
	err = rhltable_init(&enet->key_kids, &e2ee_key_kid_params);
	if (err)
		goto destroy_rtxs;
	err = rhltable_init(&enet->key_digests, &e2ee_key_digest_params);
	if (err)
		goto destroy_kids;
	err = e2ee_stream_net_init(enet);
	if (err)
		goto destroy_digests;
	return 0;

destroy_digests:
	rhltable_destroy(&enet->key_digests);
destroy_kids:
	rhltable_destroy(&enet->key_kids);
destroy_rtxs:
	rhashtable_destroy(&enet->key_rtxs);
destroy_ids:
	rhashtable_destroy(&enet->key_ids);
	return err;
}

/**
 * e2ee_key_flush() - wait until all keys that were deleted are freed
 *
 * What frees a key looks into its namespace.
 *
 * Context: process, sleeps.
 */
void e2ee_key_flush(void)
{
	rcu_barrier();
	flush_workqueue(e2ee_key_wq);
}

/* all sessions are gone, and all keys with them: e2ee_key_flush() */
void e2ee_key_net_exit(struct e2ee_net *enet)
{
	e2ee_tomb_net_exit(enet);
	e2ee_stream_net_exit(enet);
	rhltable_destroy(&enet->key_digests);
	rhltable_destroy(&enet->key_kids);
	rhashtable_destroy(&enet->key_rtxs);
	rhashtable_destroy(&enet->key_ids);
}

int e2ee_key_init(void)
{
	e2ee_key_wq = alloc_workqueue("e2ee_key", WQ_UNBOUND, 0);
	return e2ee_key_wq ? 0 : -ENOMEM;
}

/* the last keys are freed by work items that RCU callbacks queue */
void e2ee_key_exit(void)
{
	rcu_barrier();
	destroy_workqueue(e2ee_key_wq);
}
