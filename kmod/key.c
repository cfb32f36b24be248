// SPDX-License-Identifier: GPL-2.0
/* Keys of a session, and how a packet finds its own. */

/**
 * DOC: tables and lifetime
 *
 * A key is in up to five hash tables of its namespace: by identity (rx packets
 * find it there), by its RTX SSRC (retransmissions do), by KID alone (guards),
 * by digest (keys with the same secret find each other), and, for sending, by
 * epoch and SSRC (stream.c). The tables hold one reference. Packets look a key up
 * under RCU and take no reference, unless their request is asynchronous. Whoever
 * drops the last reference has the key freed by a work item, a grace period later:
 * transforms are freed in process context.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include "event.h"
#include "hash.h"
#include "key.h"
#include "net.h"
#include "session.h"
#include "share.h"
#include "stats.h"
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

/* requests */

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

/**
 * e2ee_key_twin() - a key of the same session with the same secret
 * @key: a key, in the tables or not yet
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: the newest one in the tables, valid while the lock is held, or NULL.
 */
struct e2ee_key *e2ee_key_twin(const struct e2ee_key *key)
{
	struct rhlist_head *list;

	lockdep_assert_held(&key->enet->lock);
	rcu_read_lock();
	list = rhltable_lookup(&key->enet->key_digests, &key->digest_id,
			       e2ee_key_digest_params);
	rcu_read_unlock();
	return list ? container_of(list, struct e2ee_key, by_digest) : NULL;
}

/**
 * e2ee_key_rtx_bind() - let a key open retransmissions under another SSRC, too
 * @key: a key bound to an SSRC, which has no RTX SSRC yet
 * @ssrc: RTX SSRC
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock, may sleep.
 * Return: 0, -EEXIST or -ENOMEM; nothing changed then.
 */
int e2ee_key_rtx_bind(struct e2ee_key *key, u32 ssrc, struct e2ee_refusal *why)
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

/**
 * e2ee_key_insert() - put a key into the tables
 * @key: a new key, which is not live yet
 * @param: its RTX SSRC, if @given says so
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock, may sleep.
 * Return: 0, -EEXIST or -ENOMEM; it is in no table then.
 */
int e2ee_key_insert(struct e2ee_key *key, const struct e2ee_key_param *param,
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

/**
 * e2ee_key_remove() - take a key out of the tables
 * @key: from e2ee_key_insert(); packets that found it may go on with it
 *
 * Context: process, under struct e2ee_net.lock.
 */
void e2ee_key_remove(struct e2ee_key *key)
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

int e2ee_key_net_init(struct e2ee_net *enet)
{
	int err;

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
	return 0;

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
