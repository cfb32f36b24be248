// SPDX-License-Identifier: GPL-2.0
/*
 * AES-GCM that remembers each (key, nonce) it seals with, in front of the best
 * driver that the kernel has: "e2ee-nonces(DRIVER)". When this module is loaded
 * before e2ee.ko, everything that any test seals goes through it. A kernel before
 * 6.16 hides its fast driver behind "__gcm(aes)"; there the module registers
 * "__e2ee-nonces(__DRIVER)" in front of that one as well.
 *
 * The files in debugfs e2ee_nonces are "pairs" (pairs seen), "repeats" (must be
 * 0), "full" (pairs not remembered for want of room), "drivers" (for each of the
 * drivers behind: its name, how often it sealed, and how often it opened), and
 * "clear" (a write forgets all pairs). The module repeats a nonce while it loads,
 * so that "repeats" is not 0 before the first "clear"; otherwise loading fails.
 *
 * Where a session names a driver, the name decides who seals: "gcm(aes)",
 * "pcrypt(gcm(aes))", "pcrypt(e2ee-nonces(DRIVER))" and e2ee-late pass through
 * this module, "pcrypt(generic-gcm-aesni)" and the like do not.
 *
 * e2ee.ko promises not to repeat a nonce for as long as it is loaded: when it is
 * unloaded, this module forgets all but the counts.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <crypto/internal/aead.h>

#define NONCE_LEN	12
#define TAG_LEN		16
#define SLOTS		BIT(22)	/* of 8 bytes, filled up to 3/4 */

struct nonces_tfm {
	struct crypto_aead *inner;
	u64 key;			/* its digest */
	bool vector;			/* the key is of the kernel's self-test */
};

/**
 * struct nonces_cipher - a driver of ours, in front of the best there was
 * @alg: our driver; with the flag CRYPTO_ALG_INTERNAL it is of "__gcm(aes)"
 * @keeper: keeps the driver behind @alg in the kernel, and knows its name, by
 *	which it is found: a look-up by algorithm would find @alg. NULL: there is
 *	no such driver
 * @seals: packets that the driver behind sealed, without the kernel's self-tests
 * @opens: packets that it opened or refused, without those tests
 */
struct nonces_cipher {
	struct aead_alg alg;
	struct crypto_aead *keeper;
	atomic_t seals;
	atomic_t opens;
};

static struct nonces_cipher *nonces_cipher(struct crypto_aead *aead)
{
	return container_of(crypto_aead_alg(aead), struct nonces_cipher, alg);
}

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
	struct crypto_aead *aead = crypto_aead_reqtfm(req);
	struct nonces_tfm *tfm = crypto_aead_ctx(aead);

	if (!tfm->vector) {
		nonces_note(tfm->key, req->iv);
		atomic_inc(&nonces_cipher(aead)->seals);
	}
	return crypto_aead_encrypt(nonces_inner(req));
}

static int nonces_decrypt(struct aead_request *req)
{
	struct crypto_aead *aead = crypto_aead_reqtfm(req);
	struct nonces_tfm *tfm = crypto_aead_ctx(aead);

	if (!tfm->vector)
		atomic_inc(&nonces_cipher(aead)->opens);
	return crypto_aead_decrypt(nonces_inner(req));
}

static int nonces_setkey(struct crypto_aead *aead, const u8 *key,
			 unsigned int len)
{
	struct nonces_tfm *tfm = crypto_aead_ctx(aead);

	/*
	 * A new pcrypt(e2ee-nonces(DRIVER)) is tried with the same vectors over and
	 * over; it seals in threads of its own, but has its key from the tester.
	 */
	tfm->vector = current->flags & PF_KTHREAD &&
		      !strcmp(current->comm, "cryptomgr_test");
	tfm->key = siphash(key, len, &nonces_siphash);
	return crypto_aead_setkey(tfm->inner, key, len);
}

static int nonces_setauthsize(struct crypto_aead *aead, unsigned int size)
{
	struct nonces_tfm *tfm = crypto_aead_ctx(aead);

	return crypto_aead_setauthsize(tfm->inner, size);
}

static bool nonces_hidden(const struct nonces_cipher *cipher)
{
	return cipher->alg.base.cra_flags & CRYPTO_ALG_INTERNAL;
}

/* Of the same kind as ours */
static struct crypto_aead *nonces_alloc(const struct nonces_cipher *cipher,
					const char *name)
{
	u32 type = nonces_hidden(cipher) ? CRYPTO_ALG_INTERNAL : 0;

	return crypto_alloc_aead(name, type, type | CRYPTO_ALG_ASYNC);
}

static const char *nonces_behind(const struct nonces_cipher *cipher)
{
	return crypto_tfm_alg_driver_name(crypto_aead_tfm(cipher->keeper));
}

static int nonces_init_tfm(struct crypto_aead *aead)
{
	struct nonces_tfm *tfm = crypto_aead_ctx(aead);
	struct nonces_cipher *cipher = nonces_cipher(aead);

	tfm->inner = nonces_alloc(cipher, nonces_behind(cipher));
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

#define NONCES_CIPHER(name, flags) {					\
	.alg = {							\
		.setkey = nonces_setkey,				\
		.setauthsize = nonces_setauthsize,			\
		.encrypt = nonces_encrypt,				\
		.decrypt = nonces_decrypt,				\
		.init = nonces_init_tfm,				\
		.exit = nonces_exit_tfm,				\
		.ivsize = NONCE_LEN,					\
		.maxauthsize = TAG_LEN,					\
		.chunksize = 16,					\
		.base = {						\
			.cra_name = name,				\
			.cra_priority = 100000,				\
			.cra_flags = flags,				\
			.cra_blocksize = 1,				\
			.cra_ctxsize = sizeof(struct nonces_tfm),	\
			.cra_module = THIS_MODULE,			\
		},							\
	},								\
}

static struct nonces_cipher nonces_ciphers[] = {
	NONCES_CIPHER("gcm(aes)", 0),
	NONCES_CIPHER("__gcm(aes)", CRYPTO_ALG_INTERNAL),
};

/* Whoever asks which driver computes learns the name of the one behind */
static int nonces_name(struct nonces_cipher *cipher)
{
	char *name = cipher->alg.base.cra_driver_name;
	int len;

	len = snprintf(name, CRYPTO_MAX_ALG_NAME, "%se2ee-nonces(%s)",
		       nonces_hidden(cipher) ? "__" : "", nonces_behind(cipher));
	return len < CRYPTO_MAX_ALG_NAME ? 0 : -ENAMETOOLONG;
}

static int nonces_register(struct nonces_cipher *cipher)
{
	struct crypto_aead *keeper;
	int err;

	keeper = nonces_alloc(cipher, cipher->alg.base.cra_name);
	if (IS_ERR(keeper))
		return PTR_ERR(keeper);
	cipher->keeper = keeper;
	err = nonces_name(cipher) ?: crypto_register_aead(&cipher->alg);
	if (err) {
		cipher->keeper = NULL;
		crypto_free_aead(keeper);
	}
	return err;
}

static void nonces_unregister(struct nonces_cipher *cipher)
{
	if (!cipher->keeper)
		return;
	crypto_unregister_aead(&cipher->alg);
	crypto_free_aead(cipher->keeper);
	cipher->keeper = NULL;
}

static int nonces_seal(struct crypto_aead *tfm, u8 *data, u8 *iv)
{
	struct aead_request *req = aead_request_alloc(tfm, GFP_KERNEL);
	struct scatterlist sg;
	int err;

	if (!req)
		return -ENOMEM;
	sg_init_one(&sg, data, TAG_LEN);
	aead_request_set_callback(req, 0, NULL, NULL);
	aead_request_set_ad(req, 0);
	aead_request_set_crypt(req, &sg, &sg, 0, iv);
	/* what is hidden is for those who have the registers of SIMD */
	local_bh_disable();
	err = crypto_aead_encrypt(req);
	local_bh_enable();
	aead_request_free(req);
	return err;
}

/* Is what others come by ours, and does a nonce that comes twice show? */
static int nonces_try(const struct nonces_cipher *cipher)
{
	int before = atomic_read(&nonces_repeats), err;
	struct {
		u8 data[TAG_LEN];
		u8 key[16];
		u8 iv[NONCE_LEN];
	} *mem;
	struct crypto_aead *tfm;

	tfm = nonces_alloc(cipher, cipher->alg.base.cra_name);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	err = -ENOMEM;
	if (!mem)
		goto free_tfm;
	get_random_bytes(mem->key, sizeof(mem->key));
	err = crypto_aead_setkey(tfm, mem->key, sizeof(mem->key)) ?:
	      nonces_seal(tfm, mem->data, mem->iv);
	mem->iv[0] ^= 1;
	if (!err)
		err = nonces_seal(tfm, mem->data, mem->iv);
	if (!err && atomic_read(&nonces_repeats) != before)
		err = -EINVAL;
	if (!err)
		err = nonces_seal(tfm, mem->data, mem->iv);
	if (!err && atomic_read(&nonces_repeats) != before + 1)
		err = -EINVAL;
	kfree(mem);
free_tfm:
	crypto_free_aead(tfm);
	return err;
}

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

static int nonces_drivers_show(struct seq_file *seq, void *data)
{
	struct nonces_cipher *cipher = nonces_ciphers;

	for (; cipher < nonces_ciphers + ARRAY_SIZE(nonces_ciphers); cipher++)
		if (cipher->keeper)
			seq_printf(seq, "%s %d %d\n", nonces_behind(cipher),
				   atomic_read(&cipher->seals),
				   atomic_read(&cipher->opens));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(nonces_drivers);

static int __init nonces_begin(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(nonces_ciphers); i++) {
		err = nonces_register(&nonces_ciphers[i]);
		/* the newest kernels hide none */
		if (err == -ENOENT && nonces_hidden(&nonces_ciphers[i]))
			continue;
		if (!err)
			err = nonces_try(&nonces_ciphers[i]);
		if (err)
			return err;
	}
	return 0;
}

static void nonces_end(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nonces_ciphers); i++)
		nonces_unregister(&nonces_ciphers[i]);
}

static int __init nonces_init(void)
{
	int err;

	get_random_bytes(&nonces_siphash, sizeof(nonces_siphash));
	nonces_slots = vcalloc(SLOTS, sizeof(*nonces_slots));
	if (!nonces_slots)
		return -ENOMEM;
	err = register_module_notifier(&nonces_notifier);
	if (err)
		goto free_slots;
	err = nonces_begin();
	if (err)
		goto unregister;
	nonces_dir = debugfs_create_dir("e2ee_nonces", NULL);
	debugfs_create_atomic_t("pairs", 0400, nonces_dir, &nonces_pairs);
	debugfs_create_atomic_t("repeats", 0400, nonces_dir, &nonces_repeats);
	debugfs_create_atomic_t("full", 0400, nonces_dir, &nonces_full);
	debugfs_create_file("drivers", 0400, nonces_dir, NULL,
			    &nonces_drivers_fops);
	debugfs_create_file("clear", 0200, nonces_dir, NULL,
			    &nonces_clear_fops);
	return 0;

unregister:
	nonces_end();
	unregister_module_notifier(&nonces_notifier);
free_slots:
	vfree(nonces_slots);
	return err;
}

static void __exit nonces_exit(void)
{
	debugfs_remove(nonces_dir);
	nonces_end();
	unregister_module_notifier(&nonces_notifier);
	vfree(nonces_slots);
}

module_init(nonces_init);
module_exit(nonces_exit);

MODULE_DESCRIPTION("AES-GCM that finds a (key, nonce) that is used twice");
/* where they are modules; as e2ee.ko has it */
MODULE_SOFTDEP("pre: aesni_intel ghash_clmulni_intel gcm ctr");
MODULE_LICENSE("GPL");
