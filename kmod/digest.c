// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of every AEAD key that ever sent.
 *
 * A nonce must not return though sessions, namespaces and daemons come and go.
 * What is kept of a key is a keyed 64-bit digest, a digest of its salt, its
 * KID, and the next CTR: nothing that would help who reads the memory.
 */
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include "digest.h"
#include "key.h"
#include "session.h"

/**
 * struct e2ee_digest - what is remembered of one AEAD key
 * @node: in e2ee_digests
 * @digest: of the AEAD key
 * @salt: digest of the salt
 * @kid: KID it sends under
 * @next_ctr: lowest CTR that a later installation may start with
 * @live: installed now; its counter is ahead of @next_ctr
 * @sent: it has been installed before; once it has sent it is never forgotten
 */
struct e2ee_digest {
	struct rhash_head node;
	u64 digest;
	u64 salt;
	u64 kid;
	u64 next_ctr;
	bool live;
	bool sent;
};

static const struct rhashtable_params e2ee_digest_params = {
	.key_len = sizeof_field(struct e2ee_digest, digest),
	.key_offset = offsetof(struct e2ee_digest, digest),
	.head_offset = offsetof(struct e2ee_digest, node),
};

static struct rhashtable e2ee_digests;
static DEFINE_MUTEX(e2ee_digest_lock);	/* protects the table and its entries */
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
 * e2ee_digest_count() - AEAD keys remembered, at most E2EE_DIGESTS_MAX
 */
u32 e2ee_digest_count(void)
{
	return atomic_read(&e2ee_digests.nelems);
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

static struct e2ee_digest *e2ee_digest_new(u64 digest,
					   const struct e2ee_key_param *param,
					   struct e2ee_refusal *why)
{
	struct e2ee_digest *kept;
	int err;

	if (e2ee_digest_count() >= E2EE_DIGESTS_MAX) {
		e2ee_refuse(why, E2EE_A_KEY_SECRET, -ENOSPC,
			    "memory of sending keys is full: unload the module");
		return ERR_PTR(-ENOSPC);
	}
	kept = kmem_cache_zalloc(e2ee_digest_cache, GFP_KERNEL_ACCOUNT);
	if (!kept)
		return ERR_PTR(-ENOMEM);
	kept->digest = digest;
	kept->salt = e2ee_digest_of(param->salt, E2EE_SALT_LEN);
	kept->kid = param->kid;
	err = rhashtable_insert_fast(&e2ee_digests, &kept->node,
				     e2ee_digest_params);
	if (err) {
		kmem_cache_free(e2ee_digest_cache, kept);
		return ERR_PTR(err);
	}
	return kept;
}

/**
 * e2ee_digest_use() - ask to send with an AEAD key
 * @digest: e2ee_digest_of() the AEAD key
 * @param: KID, salt and, if given, the start counter
 * @ctr: the CTR to start with
 * @why: told where it is refused
 *
 * Context: process, sleeps.
 * Return: the memory of that key, to be given back by e2ee_digest_release();
 * an error pointer: -EEXIST it sends already, -EKEYREJECTED a nonce could
 * return, -ENOSPC the memory is full, -ENOMEM.
 */
struct e2ee_digest *e2ee_digest_use(u64 digest,
				    const struct e2ee_key_param *param,
				    u64 *ctr, struct e2ee_refusal *why)
{
	struct e2ee_digest *kept;
	int err;

	mutex_lock(&e2ee_digest_lock);
	kept = rhashtable_lookup_fast(&e2ee_digests, &digest,
				      e2ee_digest_params);
	if (kept) {
		err = e2ee_digest_check(kept, param, why);
		if (err)
			kept = ERR_PTR(err);
	} else {
		kept = e2ee_digest_new(digest, param, why);
	}
	if (!IS_ERR(kept)) {
		kept->live = true;
		*ctr = param->given & E2EE_KEY_HAS_CTR ? param->ctr : 0;
		kept->next_ctr = *ctr;
	}
	mutex_unlock(&e2ee_digest_lock);
	return kept;
}

/**
 * e2ee_digest_release() - the key does not send any more
 * @kept: from e2ee_digest_use()
 * @next_ctr: its next CTR, which a later installation may start with
 *
 * A key that never sent is forgotten, so that a refused request for many keys
 * leaves nothing behind.
 *
 * Context: process, sleeps.
 */
void e2ee_digest_release(struct e2ee_digest *kept, u64 next_ctr)
{
	mutex_lock(&e2ee_digest_lock);
	if (next_ctr != kept->next_ctr)
		kept->sent = true;
	kept->next_ctr = next_ctr;
	kept->live = false;
	if (!kept->sent) {
		rhashtable_remove_fast(&e2ee_digests, &kept->node,
				       e2ee_digest_params);
		/* a reader of the table holds the lock: none is left */
		kmem_cache_free(e2ee_digest_cache, kept);
	}
	mutex_unlock(&e2ee_digest_lock);
}

static void e2ee_digest_free(void *ptr, void *arg)
{
	kmem_cache_free(e2ee_digest_cache, ptr);
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
	rhashtable_free_and_destroy(&e2ee_digests, e2ee_digest_free, NULL);
	kmem_cache_destroy(e2ee_digest_cache);
	memzero_explicit(&e2ee_digest_key, sizeof(e2ee_digest_key));
}
