// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of every AEAD key that ever sent.
 *
 * A nonce must not return though sessions, namespaces and daemons come and go.
 * What is kept of a key is a keyed 64-bit digest, a digest of its salt, its
 * KID, and the next CTR: nothing that would help who reads the memory.
 */

/**
 * DOC: room
 *
 * What is remembered is never forgotten, so the memory may become full. A share
 * (share.c) may take only so much of it, and half of it is the host's own.
 */

/**
 * DOC: the lock of the digests
 *
 * All users of the host install keys under e2ee_digest_lock. Whatever may sleep,
 * above all an allocation on behalf of one of them, is done before the lock is
 * taken. It is a spinlock, so whoever holds it keeps the CPU.
 */
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "digest.h"
#include "key.h"
#include "memory.h"
#include "net.h"
#include "share.h"

/**
 * struct e2ee_digest - what is remembered of one AEAD key
 * @node: in e2ee_digests
 * @digest: of the AEAD key
 * @salt: digest of the salt
 * @kid: KID it sends under
 * @next_ctr: lowest CTR that an installation may start with
 * @share: whom it is charged to; NULL: the host itself
 * @live: installed now; its counter is ahead of @next_ctr
 * @sent: it has been installed before; once it has sent it is never forgotten
 */
struct e2ee_digest {
	struct rhash_head node;
	u64 digest;
	u64 salt;
	u64 kid;
	u64 next_ctr;
	struct e2ee_share *share;
	bool live;
	bool sent;
};

static const struct rhashtable_params e2ee_digest_params = {
	.key_len = sizeof_field(struct e2ee_digest, digest),
	.key_offset = offsetof(struct e2ee_digest, digest),
	.head_offset = offsetof(struct e2ee_digest, node),
};

static struct rhashtable e2ee_digests;
/* protects the table and its entries, and the sum of the shares */
static DEFINE_SPINLOCK(e2ee_digest_lock);
static u32 e2ee_digest_shared;	/* entries that are charged to a share */
static siphash_key_t e2ee_digest_key;
static struct kmem_cache *e2ee_digest_cache;

/**
 * e2ee_digest_of() - keyed digest of secret bytes
 * @secret: AEAD key or salt
 * @len: bytes
 *
 * The key of the digest is made at load and never leaves, so that a digest
 * tells nothing outside this kernel.
 */
u64 e2ee_digest_of(const u8 *secret, u32 len)
{
	return siphash(secret, len, &e2ee_digest_key);
}

/**
 * e2ee_digest_count() - AEAD keys remembered, as far as they concern a caller
 * @user_ns: owner of the caller's network namespace
 * @max: how many there may be
 *
 * Context: any but hard interrupt.
 * Return: of the host: all; of others: those of their share.
 */
u32 e2ee_digest_count(const struct user_namespace *user_ns, u32 *max)
{
	if (e2ee_share_is_host(user_ns)) {
		*max = E2EE_DIGESTS_MAX;
		return atomic_read(&e2ee_digests.nelems);
	}
	*max = E2EE_DIGESTS_PER_SHARE;
	return e2ee_share_count(user_ns, E2EE_SHARE_DIGESTS);
}

/* is there room for one more? */
static int e2ee_digest_room(const struct e2ee_digest *fresh,
			    struct e2ee_refusal *why)
{
	lockdep_assert_held(&e2ee_digest_lock);
	if (atomic_read(&e2ee_digests.nelems) >= E2EE_DIGESTS_MAX)
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -ENOSPC,
				   "memory of sending keys is full: unload the module");
	if (fresh->share && e2ee_digest_shared >= E2EE_DIGESTS_MAX / 2)
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -ENOSPC,
				   "memory of sending keys is full but for the host's own");
	return 0;
}

static int e2ee_digest_check(const struct e2ee_digest *kept,
			     const struct e2ee_key_param *param,
			     struct e2ee_refusal *why)
{
	if (kept->live)
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -EEXIST,
				   "AEAD key is in use for sending");
	if (kept->kid != param->kid ||
	    kept->salt != e2ee_digest_of(param->salt, E2EE_SALT_LEN))
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -EKEYREJECTED,
				   "AEAD key was used with another KID or salt");
	if (!(param->given & E2EE_KEY_HAS_CTR))
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -EKEYREJECTED,
				   "AEAD key was used before: a start counter is needed");
	if (param->ctr < kept->next_ctr)
		return e2ee_refuse(why, E2EE_A_KEY_CTR, -EKEYREJECTED,
				   "start counter lies below the last one used");
	return 0;
}

/* @kept was never in the table, or is not in it any more. */
static void e2ee_digest_free(struct e2ee_digest *kept)
{
	e2ee_share_put(kept->share, E2EE_SHARE_DIGESTS);
	kmem_cache_free(e2ee_digest_cache, kept);
}

static struct e2ee_digest *e2ee_digest_new(u64 digest,
					   const struct e2ee_key_param *param,
					   const struct user_namespace *user_ns,
					   struct e2ee_refusal *why)
{
	struct e2ee_digest *kept;
	int err;

	kept = kmem_cache_zalloc(e2ee_digest_cache, E2EE_GFP_REQUEST);
	if (!kept)
		return ERR_PTR(-ENOMEM);
	err = e2ee_share_take(user_ns, E2EE_SHARE_DIGESTS,
			      E2EE_DIGESTS_PER_SHARE, &kept->share);
	if (err == -EDQUOT)
		e2ee_refuse(why, E2EE_A_KEY_SECRET, err,
			    "share of this user namespace of the memory of sending keys is full");
	if (err) {
		kmem_cache_free(e2ee_digest_cache, kept);
		return ERR_PTR(err);
	}
	kept->digest = digest;
	kept->salt = e2ee_digest_of(param->salt, E2EE_SALT_LEN);
	kept->kid = param->kid;
	return kept;
}

/* Return NULL where nothing is remembered of this key. */
static struct e2ee_digest *e2ee_digest_find(u64 digest,
					    const struct e2ee_key_param *param,
					    struct e2ee_refusal *why)
{
	struct e2ee_digest *kept;
	int err = 0;

	lockdep_assert_held(&e2ee_digest_lock);
	kept = rhashtable_lookup_fast(&e2ee_digests, &digest,
				      e2ee_digest_params);
	if (kept)
		err = e2ee_digest_check(kept, param, why);
	return err ? ERR_PTR(err) : kept;
}

static int e2ee_digest_insert(struct e2ee_digest *fresh,
			      struct e2ee_refusal *why)
{
	int err;

	err = e2ee_digest_room(fresh, why);
	if (!err)
		err = rhashtable_insert_fast(&e2ee_digests, &fresh->node,
					     e2ee_digest_params);
	if (!err && fresh->share)
		e2ee_digest_shared++;
	return err;
}

/* As e2ee_digest_use(). @fresh is remembered where nothing is so far. */
static struct e2ee_digest *e2ee_digest_take(u64 digest,
					    const struct e2ee_key_param *param,
					    struct e2ee_digest *fresh,
					    struct e2ee_refusal *why)
{
	struct e2ee_digest *kept;
	int err;

	spin_lock_bh(&e2ee_digest_lock);
	kept = e2ee_digest_find(digest, param, why);
	if (!kept && fresh) {
		err = e2ee_digest_insert(fresh, why);
		kept = err ? ERR_PTR(err) : fresh;
	}
	if (!IS_ERR_OR_NULL(kept))
		kept->live = true;
	spin_unlock_bh(&e2ee_digest_lock);
	return kept;
}

/**
 * e2ee_digest_use() - ask to send with an AEAD key
 * @digest: e2ee_digest_of() the AEAD key
 * @param: KID, salt and, if given, the start counter
 * @user_ns: owner of the network namespace that sends
 * @why: told where it is refused
 *
 * Context: process.
 * Return: the memory of that key, to be given back by e2ee_digest_release();
 * an error pointer: -EEXIST it sends already, -EKEYREJECTED a nonce could
 * return, -ENOSPC the memory is full, -EDQUOT the share of @user_ns is, -ENOMEM.
 */
struct e2ee_digest *e2ee_digest_use(u64 digest,
				    const struct e2ee_key_param *param,
				    const struct user_namespace *user_ns,
				    struct e2ee_refusal *why)
{
	struct e2ee_digest *kept, *fresh;

	kept = e2ee_digest_take(digest, param, NULL, why);
	if (kept)
		return kept;
	fresh = e2ee_digest_new(digest, param, user_ns, why);
	if (IS_ERR(fresh))
		return fresh;
	/* by now another namespace may have installed the same key */
	kept = e2ee_digest_take(digest, param, fresh, why);
	if (kept != fresh)
		e2ee_digest_free(fresh);
	return kept;
}

/**
 * e2ee_digest_release() - the key does not send any more
 * @kept: from e2ee_digest_use()
 * @first: the CTR it was installed with
 * @next: its next CTR, which a later installation may start with
 *
 * Where it has not sent, nothing but its having been here has happened: it may
 * start again where it could before, or is forgotten if it never sent. So a
 * refused request, for one key or many, leaves nothing behind.
 *
 * Context: any but hard interrupt.
 */
void e2ee_digest_release(struct e2ee_digest *kept, u64 first, u64 next)
{
	bool forget;

	spin_lock_bh(&e2ee_digest_lock);
	if (next != first) {
		kept->sent = true;
		kept->next_ctr = next;
	}
	kept->live = false;
	forget = !kept->sent;
	if (forget) {
		rhashtable_remove_fast(&e2ee_digests, &kept->node,
				       e2ee_digest_params);
		e2ee_digest_shared -= !!kept->share;
	}
	spin_unlock_bh(&e2ee_digest_lock);
	/* a reader of the table holds the lock: none is left */
	if (forget)
		e2ee_digest_free(kept);
}

static void e2ee_digest_forget(void *ptr, void *arg)
{
	e2ee_digest_free(ptr);
}

int e2ee_digest_init(void)
{
	int err;

	get_random_bytes(&e2ee_digest_key, sizeof(e2ee_digest_key));
	e2ee_digest_cache = KMEM_CACHE(e2ee_digest, 0);
	if (!e2ee_digest_cache)
		return -ENOMEM;
	err = rhashtable_init(&e2ee_digests, &e2ee_digest_params);
	if (err)
		kmem_cache_destroy(e2ee_digest_cache);
	return err;
}

void e2ee_digest_exit(void)
{
	rhashtable_free_and_destroy(&e2ee_digests, e2ee_digest_forget, NULL);
	e2ee_digest_shared = 0;
	kmem_cache_destroy(e2ee_digest_cache);
	memzero_explicit(&e2ee_digest_key, sizeof(e2ee_digest_key));
}
