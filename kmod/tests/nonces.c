// SPDX-License-Identifier: GPL-2.0
/*
 * "e2ee-nonces-gcm": AES-GCM that remembers each (key, nonce) it seals with. Loaded
 * before e2ee.ko it is the best driver, so that all that any test seals goes
 * through it. debugfs e2ee_nonces: "pairs" (seen), "repeats" (must be 0),
 * "full" (not remembered for want of room), "clear" (write: forget all).
 *
 * e2ee.ko promises not to repeat one for as long as it is loaded: when it goes,
 * all is forgotten but the counts.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <crypto/internal/aead.h>

#define NONCE_LEN	12
#define SLOTS		BIT(22)	/* of 8 bytes, filled up to 3/4 */

struct nonces_tfm {
	struct crypto_aead *inner;
	u64 key;			/* its digest */
};

static struct dentry *nonces_dir;
static siphash_key_t nonces_siphash;
static u64 *nonces_slots;		/* digests of pairs; 0: free */
static u32 nonces_used;
static DEFINE_SPINLOCK(nonces_lock);	/* nonces_slots, nonces_used */
static atomic_t nonces_pairs, nonces_repeats, nonces_full;

static void nonces_note(u64 key, const u8 *iv)
{
	struct {
		u64 key;
		u8 iv[NONCE_LEN];
	} __packed pair = { .key = key };
	unsigned long flags;
	u64 digest;
	u32 slot;

	memcpy(pair.iv, iv, NONCE_LEN);
	digest = siphash(&pair, sizeof(pair), &nonces_siphash) ?: 1;
	atomic_inc(&nonces_pairs);
	spin_lock_irqsave(&nonces_lock, flags);
	for (slot = digest % SLOTS;; slot = (slot + 1) % SLOTS) {
		if (nonces_slots[slot] == digest) {
			atomic_inc(&nonces_repeats);
			break;
		}
		if (nonces_slots[slot])
			continue;
		if (nonces_used < SLOTS / 4 * 3) {
			nonces_slots[slot] = digest;
			nonces_used++;
		} else {
			atomic_inc(&nonces_full);
		}
		break;
	}
	spin_unlock_irqrestore(&nonces_lock, flags);
}

static void nonces_forget(void)
{
	unsigned long flags;

	spin_lock_irqsave(&nonces_lock, flags);
	memset(nonces_slots, 0, SLOTS * sizeof(*nonces_slots));
	nonces_used = 0;
	spin_unlock_irqrestore(&nonces_lock, flags);
}

static struct aead_request *nonces_inner(struct aead_request *req)
{
	struct nonces_tfm *tfm = crypto_aead_ctx(crypto_aead_reqtfm(req));
	struct aead_request *inner = aead_request_ctx(req);

	aead_request_set_tfm(inner, tfm->inner);
	aead_request_set_callback(inner, aead_request_flags(req), NULL, NULL);
	aead_request_set_ad(inner, req->assoclen);
	aead_request_set_crypt(inner, req->src, req->dst, req->cryptlen,
			       req->iv);
	return inner;
}

static int nonces_encrypt(struct aead_request *req)
{
	struct nonces_tfm *tfm = crypto_aead_ctx(crypto_aead_reqtfm(req));

	nonces_note(tfm->key, req->iv);
	return crypto_aead_encrypt(nonces_inner(req));
}

static int nonces_decrypt(struct aead_request *req)
{
	return crypto_aead_decrypt(nonces_inner(req));
}

static int nonces_setkey(struct crypto_aead *aead, const u8 *key,
			 unsigned int len)
{
	struct nonces_tfm *tfm = crypto_aead_ctx(aead);

	tfm->key = siphash(key, len, &nonces_siphash);
	return crypto_aead_setkey(tfm->inner, key, len);
}

static int nonces_setauthsize(struct crypto_aead *aead, unsigned int size)
{
	struct nonces_tfm *tfm = crypto_aead_ctx(aead);

	return crypto_aead_setauthsize(tfm->inner, size);
}

/* the one below: that of the same name would be ourselves */
static const char *nonces_below;

static int nonces_init_tfm(struct crypto_aead *aead)
{
	struct nonces_tfm *tfm = crypto_aead_ctx(aead);

	tfm->inner = crypto_alloc_aead(nonces_below, 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(tfm->inner))
		return PTR_ERR(tfm->inner);
	crypto_aead_set_reqsize(aead, sizeof(struct aead_request) +
				crypto_aead_reqsize(tfm->inner));
	return 0;
}

static void nonces_exit_tfm(struct crypto_aead *aead)
{
	struct nonces_tfm *tfm = crypto_aead_ctx(aead);

	crypto_free_aead(tfm->inner);
}

static struct aead_alg nonces_alg = {
	.setkey = nonces_setkey,
	.setauthsize = nonces_setauthsize,
	.encrypt = nonces_encrypt,
	.decrypt = nonces_decrypt,
	.init = nonces_init_tfm,
	.exit = nonces_exit_tfm,
	.ivsize = NONCE_LEN,
	.maxauthsize = 16,
	.chunksize = 16,
	.base = {
		.cra_name = "gcm(aes)",
		.cra_driver_name = "e2ee-nonces-gcm",
		.cra_priority = 100000,
		.cra_blocksize = 1,
		.cra_ctxsize = sizeof(struct nonces_tfm),
		.cra_module = THIS_MODULE,
	},
};

static int nonces_notify(struct notifier_block *nb, unsigned long state,
			 void *data)
{
	struct module *module = data;

	if (state == MODULE_STATE_COMING && !strcmp(module->name, "e2ee"))
		nonces_forget();
	return NOTIFY_DONE;
}

static struct notifier_block nonces_notifier = {
	.notifier_call = nonces_notify,
};

static int nonces_clear(void *data, u64 value)
{
	nonces_forget();
	atomic_set(&nonces_pairs, 0);
	atomic_set(&nonces_repeats, 0);
	atomic_set(&nonces_full, 0);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(nonces_clear_fops, NULL, nonces_clear, "%llu\n");

static struct crypto_aead *nonces_keeper;	/* keeps the one below there */

static int __init nonces_init(void)
{
	int err = -ENOMEM;

	get_random_bytes(&nonces_siphash, sizeof(nonces_siphash));
	nonces_keeper = crypto_alloc_aead("gcm(aes)", 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(nonces_keeper))
		return PTR_ERR(nonces_keeper);
	nonces_below = crypto_tfm_alg_driver_name(crypto_aead_tfm(nonces_keeper));
	nonces_slots = vcalloc(SLOTS, sizeof(*nonces_slots));
	if (!nonces_slots)
		goto free_keeper;
	err = register_module_notifier(&nonces_notifier);
	if (err)
		goto free_slots;
	err = crypto_register_aead(&nonces_alg);
	if (err)
		goto unregister;
	nonces_dir = debugfs_create_dir("e2ee_nonces", NULL);
	debugfs_create_atomic_t("pairs", 0400, nonces_dir, &nonces_pairs);
	debugfs_create_atomic_t("repeats", 0400, nonces_dir, &nonces_repeats);
	debugfs_create_atomic_t("full", 0400, nonces_dir, &nonces_full);
	debugfs_create_file("clear", 0200, nonces_dir, NULL,
			    &nonces_clear_fops);
	return 0;

unregister:
	unregister_module_notifier(&nonces_notifier);
free_slots:
	vfree(nonces_slots);
free_keeper:
	crypto_free_aead(nonces_keeper);
	return err;
}

static void __exit nonces_exit(void)
{
	debugfs_remove(nonces_dir);
	crypto_unregister_aead(&nonces_alg);
	unregister_module_notifier(&nonces_notifier);
	vfree(nonces_slots);
	crypto_free_aead(nonces_keeper);
}

module_init(nonces_init);
module_exit(nonces_exit);

MODULE_DESCRIPTION("AES-GCM that finds a (key, nonce) that is used twice");
MODULE_LICENSE("GPL");
