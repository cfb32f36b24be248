// SPDX-License-Identifier: GPL-2.0
/* What requests do to the keys of a session: install, change and delete them. */

/**
 * DOC: requests for keys
 *
 * Deleting a sending key first sets its counter to E2EE_CTR_DEAD, so that what
 * the module remembers of the counter is exact though senders still run. For the
 * same reason the windows of a receiving key are closed before it is deleted.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include "digest.h"
#include "driver.h"
#include "event.h"
#include "floor.h"
#include "key.h"
#include "keyring.h"
#include "memory.h"
#include "net.h"
#include "session.h"
#include "share.h"
#include "stats.h"
#include "stream.h"
#include "window.h"

static u32 e2ee_keyring_secret_len(u32 suite)
{
	switch (suite) {
	case E2EE_SUITE_AES_128_GCM_SHA256_128:
		return 16;
	case E2EE_SUITE_AES_256_GCM_SHA512_128:
		return 32;
	}
	return 0;
}

static int e2ee_keyring_limits_check(const struct e2ee_key *key,
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
static int e2ee_keyring_rtx_check(const struct e2ee_key_param *param,
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

static int e2ee_keyring_rx_check(const struct e2ee_key_param *param,
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

static int e2ee_keyring_check(struct e2ee_session *session,
			      const struct e2ee_key_param *param,
			  struct e2ee_refusal *why)
{
	u32 len = e2ee_keyring_secret_len(param->suite);

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
	return e2ee_keyring_rtx_check(param, why) ?:
	       (param->dir == E2EE_DIR_RX ?
		e2ee_keyring_rx_check(param, why) : 0);
}

/*
 * Could a packet that one of these keys opens be opened by the other, too? They have
 * the same secret. The KID is authenticated with the packet, and the salt is part of
 * the nonce.
 */
static bool e2ee_keyring_opens_same(const struct e2ee_key *a,
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
static int e2ee_keyring_twin_check(const struct e2ee_key *key,
				   struct e2ee_refusal *why)
{
	const struct e2ee_key *twin = e2ee_key_twin(key);

	if (!twin)
		return 0;
	if (twin->id.dir != key->id.dir)
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -EKEYREJECTED,
				   "AEAD key already serves the other direction");
	if (key->id.dir == E2EE_DIR_RX && !e2ee_keyring_opens_same(twin, key))
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -EKEYREJECTED,
				   "AEAD key receives with another KID or salt");
	return 0;
}

static void e2ee_keyring_fill(struct e2ee_key *key,
			      struct e2ee_session *session,
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
static int e2ee_keyring_charge(struct e2ee_key *key, struct e2ee_refusal *why)
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

static struct e2ee_key *e2ee_keyring_alloc(struct e2ee_session *session,
					   const struct e2ee_key_param *param,
				       struct e2ee_refusal *why)
{
	struct e2ee_key *key;
	int err;

	key = kzalloc(sizeof(*key), E2EE_GFP_REQUEST);
	if (!key)
		return ERR_PTR(-ENOMEM);
	e2ee_keyring_fill(key, session, param);
	err = e2ee_keyring_limits_check(key, why) ?:
	      e2ee_keyring_twin_check(key, why) ?:
	      e2ee_keyring_charge(key, why);
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

/* what must be true before a key receives: nothing comes a second time */
static int e2ee_keyring_recall(struct e2ee_key *key, u64 ctr)
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
static int e2ee_keyring_remember(struct e2ee_key *key,
				 const struct e2ee_key_param *param,
			     struct e2ee_refusal *why)
{
	u64 ctr = param->given & E2EE_KEY_HAS_CTR ? param->ctr : 0;

	if (key->id.dir == E2EE_DIR_RX)
		return e2ee_keyring_recall(key, ctr);
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
static void e2ee_keyring_stop(struct e2ee_key *key)
{
	if (key->id.dir == E2EE_DIR_TX)
		e2ee_digest_release(key->kept, key->ctr_first,
				    atomic64_xchg(&key->ctr, E2EE_CTR_DEAD));
	else
		e2ee_floor_put(key->floor, e2ee_window_close(key));
}

/* Is the memory of sending keys filled by just this key so far that it is told? */
static bool e2ee_keyring_fills(const struct e2ee_key *key)
{
	u32 count, max;

	count = e2ee_digest_count(key->enet->net->user_ns, &max);
	return count == max / 10 * 9;
}

static void e2ee_keyring_tell_filling(struct e2ee_net *enet)
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
static void e2ee_keyring_drop(struct e2ee_key *key)
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
	err = e2ee_keyring_check(session, param, why);
	if (err)
		return err;
	key = e2ee_keyring_alloc(session, param, why);
	if (IS_ERR(key))
		return PTR_ERR(key);
	/* even if it is refused now: the namespace waits for what frees it */
	key->serial = ++session->enet->key_serial;
	err = e2ee_keyring_remember(key, param, why);
	if (err)
		goto drop;
	err = e2ee_key_insert(key, param, why);
	if (err)
		goto forget;
	if (key->id.dir == E2EE_DIR_TX) {
		err = e2ee_stream_start(key, why);
		if (err)
			goto remove;
		if (e2ee_keyring_fills(key))
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
	e2ee_keyring_stop(key);
drop:
	e2ee_keyring_drop(key);
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
		e2ee_keyring_tell_filling(session->enet);
}

static void e2ee_keyring_unlink(struct e2ee_key *key)
{
	struct e2ee_session *session = key->session;

	if (key->id.dir == E2EE_DIR_TX)
		e2ee_stream_stop(key);
	else if (key->id.mode == E2EE_SSRC_NUMBER)
		WRITE_ONCE(session->num_rx_bound, session->num_rx_bound - 1);
	e2ee_keyring_stop(key);
	e2ee_key_remove(key);
	list_del(&key->node);
	session->num_keys--;
	session->enet->num_keys--;
	atomic_inc(&session->enet->seq);
	e2ee_keyring_drop(key);
}

/* The RTX SSRC of a key that is there: set once, and after that only said again */
static int e2ee_keyring_rtx_set(struct e2ee_key *key,
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
	err = e2ee_keyring_rtx_check(param, why);
	if (!err && key->id.dir == E2EE_DIR_RX)
		err = e2ee_keyring_rx_check(param, why);
	if (err)
		return err;
	want.limit = param->given & E2EE_KEY_HAS_LIMIT ? param->limit :
							 key->limit;
	want.soft_limit = param->given & E2EE_KEY_HAS_SOFT_LIMIT ?
			  param->soft_limit : key->soft_limit;
	err = e2ee_keyring_limits_check(&want, why) ?:
	      e2ee_keyring_rtx_set(key, param, why);
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
	e2ee_keyring_unlink(key);
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
		e2ee_keyring_unlink(key);
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

int e2ee_keyring_net_init(struct e2ee_net *enet)
{
	int err;

	err = e2ee_key_net_init(enet);
	if (err)
		return err;
	err = e2ee_stream_net_init(enet);
	if (err)
		e2ee_key_net_exit(enet);
	return err;
}

/* all sessions are gone, and all keys with them: e2ee_key_flush() */
void e2ee_keyring_net_exit(struct e2ee_net *enet)
{
	e2ee_stream_net_exit(enet);
	e2ee_key_net_exit(enet);
}
