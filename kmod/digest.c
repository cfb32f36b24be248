// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of every AEAD key that ever sent.
 *
 * A nonce must not return though sessions, namespaces and daemons come and go.
 * What is kept of a key is a keyed 64-bit digest, a digest of its salt, its
 * KID, and the next CTR: nothing that would help who reads the memory.
 *
 * DOC: shares
 *
 * Root of a user namespace, a container say, may install keys in the network
 * namespaces that it owns, and what is remembered is never forgotten. So that no
 * container can fill the memory for all, it is charged, with all namespaces
 * below it, to the one that was made in the host's own: to that namespace where
 * root of the host made it, else to the user who did, as he may make as many as
 * he likes. And half of the memory is the host's own.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include "digest.h"
#include "key.h"
#include "session.h"

/**
 * struct e2ee_digest_share - what one container or user has of the memory
 * @node: in e2ee_digest_shares
 * @owner: user who made the user namespace
 * @inum: number of that namespace where root of the host made it; else 0
 * @count: AEAD keys remembered; the share goes with the last one
 */
struct e2ee_digest_share {
	struct list_head node;
	kuid_t owner;
	unsigned int inum;
	u32 count;
};

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
	struct e2ee_digest_share *share;
	bool live;
	bool sent;
};

static const struct rhashtable_params e2ee_digest_params = {
	.key_len = sizeof_field(struct e2ee_digest, digest),
	.key_offset = offsetof(struct e2ee_digest, digest),
	.head_offset = offsetof(struct e2ee_digest, node),
};

static struct rhashtable e2ee_digests;
/* protects the table and its entries, the shares and their sum */
static DEFINE_MUTEX(e2ee_digest_lock);
static LIST_HEAD(e2ee_digest_shares);
static u32 e2ee_digest_shared;
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

/* the user namespace that was made in the host's own; NULL: that one itself */
static const struct user_namespace *
e2ee_digest_top(const struct user_namespace *ns)
{
	if (ns == &init_user_ns)
		return NULL;
	while (ns->parent != &init_user_ns)
		ns = ns->parent;
	return ns;
}

static struct e2ee_digest_share *
e2ee_digest_share_find(const struct user_namespace *top)
{
	unsigned int inum = uid_eq(top->owner, GLOBAL_ROOT_UID) ?
			    top->ns.inum : 0;
	struct e2ee_digest_share *share;

	lockdep_assert_held(&e2ee_digest_lock);
	list_for_each_entry(share, &e2ee_digest_shares, node)
		if (uid_eq(share->owner, top->owner) && share->inum == inum)
			return share;
	return NULL;
}

/* a new one is in the list while it has a count only */
static struct e2ee_digest_share *
e2ee_digest_share_get(const struct user_namespace *top)
{
	struct e2ee_digest_share *share = e2ee_digest_share_find(top);

	if (!share) {
		share = kzalloc(sizeof(*share), GFP_KERNEL_ACCOUNT);
		if (!share)
			return NULL;
		share->owner = top->owner;
		if (uid_eq(top->owner, GLOBAL_ROOT_UID))
			share->inum = top->ns.inum;
		list_add(&share->node, &e2ee_digest_shares);
	}
	share->count++;
	e2ee_digest_shared++;
	return share;
}

static void e2ee_digest_share_put(struct e2ee_digest_share *share)
{
	if (!share)
		return;
	e2ee_digest_shared--;
	if (--share->count)
		return;
	list_del(&share->node);
	kfree(share);
}

/**
 * e2ee_digest_count() - AEAD keys remembered, as far as they concern a caller
 * @user_ns: owner of the caller's network namespace
 * @max: how many there may be
 *
 * Context: process, sleeps.
 * Return: of the host: all; of others: those of their share.
 */
u32 e2ee_digest_count(const struct user_namespace *user_ns, u32 *max)
{
	const struct user_namespace *top = e2ee_digest_top(user_ns);
	struct e2ee_digest_share *share;
	u32 count;

	*max = E2EE_DIGESTS_MAX;
	if (!top)
		return atomic_read(&e2ee_digests.nelems);
	*max = E2EE_DIGESTS_PER_SHARE;
	mutex_lock(&e2ee_digest_lock);
	share = e2ee_digest_share_find(top);
	count = share ? share->count : 0;
	mutex_unlock(&e2ee_digest_lock);
	return count;
}

/* is there room for one more? */
static int e2ee_digest_room(const struct user_namespace *top,
			    struct e2ee_refusal *why)
{
	struct e2ee_digest_share *share;

	if (atomic_read(&e2ee_digests.nelems) >= E2EE_DIGESTS_MAX)
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -ENOSPC,
				   "memory of sending keys is full: unload the module");
	if (!top)
		return 0;
	share = e2ee_digest_share_find(top);
	if (share && share->count >= E2EE_DIGESTS_PER_SHARE)
		return e2ee_refuse(why, E2EE_A_KEY_SECRET, -EDQUOT,
				   "share of this user namespace of the memory of sending keys is full");
	if (e2ee_digest_shared >= E2EE_DIGESTS_MAX / 2)
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

static struct e2ee_digest *e2ee_digest_new(u64 digest,
					   const struct e2ee_key_param *param,
					   const struct user_namespace *top,
					   struct e2ee_refusal *why)
{
	struct e2ee_digest *kept;
	int err;

	err = e2ee_digest_room(top, why);
	if (err)
		return ERR_PTR(err);
	err = -ENOMEM;
	kept = kmem_cache_zalloc(e2ee_digest_cache, GFP_KERNEL_ACCOUNT);
	if (!kept)
		return ERR_PTR(err);
	if (top) {
		kept->share = e2ee_digest_share_get(top);
		if (!kept->share)
			goto free;
	}
	kept->digest = digest;
	kept->salt = e2ee_digest_of(param->salt, E2EE_SALT_LEN);
	kept->kid = param->kid;
	err = rhashtable_insert_fast(&e2ee_digests, &kept->node,
				     e2ee_digest_params);
	if (err)
		goto put;
	return kept;

put:
	e2ee_digest_share_put(kept->share);
free:
	kmem_cache_free(e2ee_digest_cache, kept);
	return ERR_PTR(err);
}

/**
 * e2ee_digest_use() - ask to send with an AEAD key
 * @digest: e2ee_digest_of() the AEAD key
 * @param: KID, salt and, if given, the start counter
 * @user_ns: owner of the network namespace that sends
 * @why: told where it is refused
 *
 * Context: process, sleeps.
 * Return: the memory of that key, to be given back by e2ee_digest_release();
 * an error pointer: -EEXIST it sends already, -EKEYREJECTED a nonce could
 * return, -ENOSPC the memory is full, -EDQUOT the share of @user_ns is, -ENOMEM.
 */
struct e2ee_digest *e2ee_digest_use(u64 digest,
				    const struct e2ee_key_param *param,
				    const struct user_namespace *user_ns,
				    struct e2ee_refusal *why)
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
		kept = e2ee_digest_new(digest, param, e2ee_digest_top(user_ns),
				       why);
	}
	if (!IS_ERR(kept))
		kept->live = true;
	mutex_unlock(&e2ee_digest_lock);
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
 * Context: process, sleeps.
 */
void e2ee_digest_release(struct e2ee_digest *kept, u64 first, u64 next)
{
	mutex_lock(&e2ee_digest_lock);
	if (next != first) {
		kept->sent = true;
		kept->next_ctr = next;
	}
	kept->live = false;
	if (!kept->sent) {
		rhashtable_remove_fast(&e2ee_digests, &kept->node,
				       e2ee_digest_params);
		e2ee_digest_share_put(kept->share);
		/* a reader of the table holds the lock: none is left */
		kmem_cache_free(e2ee_digest_cache, kept);
	}
	mutex_unlock(&e2ee_digest_lock);
}

static void e2ee_digest_free(void *ptr, void *arg)
{
	struct e2ee_digest *kept = ptr;

	e2ee_digest_share_put(kept->share);
	kmem_cache_free(e2ee_digest_cache, kept);
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
