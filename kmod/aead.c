// SPDX-License-Identifier: GPL-2.0
/*
 * AES-GCM by the kernel crypto API.
 *
 * gcm(aes) as the API would choose it answers late on older kernels: where
 * another context holds the SIMD registers, the request goes to cryptd. So
 * each key has up to two synchronous transforms instead, and every packet
 * picks the one that may be used where it stands.
 */
#include <linux/percpu.h>
#include <linux/prefetch.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <crypto/aead.h>
#include <crypto/internal/aead.h>
#include <crypto/internal/simd.h>
#include <asm/simd.h>
#include "aead.h"
#include "compat/compat.h"

#define E2EE_AEAD_PUBLIC	"gcm(aes)"
#define E2EE_AEAD_INTERNAL	"__gcm(aes)"	/* E2EE_COMPAT_INTERNAL_SIMD */

/* room for a request of any synchronous driver seen (404 bytes), with spare */
#define E2EE_AEAD_SCRATCH	1024

#define E2EE_AEAD_PREFETCH	640	/* x86 VAES: bytes of a key in use */

/**
 * struct e2ee_aead_op - a request with all it points to, in one allocation
 * @sg: source and destination
 * @iv: the nonce
 * @req: the request; the driver's context follows
 */
struct e2ee_aead_op {
	struct scatterlist sg;
	u8 iv[E2EE_AEAD_NONCE_LEN];
	struct aead_request req CRYPTO_MINALIGN_ATTR;
};

/*
 * Two requests a CPU for synchronous transforms: [0] for tasks, which softirqs
 * may interrupt, [1] where bottom halves are off. The memory is kmalloc()ed, as
 * drivers put parts of it into scatterlists.
 */
static DEFINE_PER_CPU(struct e2ee_aead_op *, e2ee_aead_scratch[2]);

/*
 * A session may name a driver that is something other than AES-GCM and has a
 * nonce of the same size. An internal driver of AES-GCM goes by another name
 * than a public one.
 */
static bool e2ee_aead_is_gcm(struct crypto_aead *tfm, u32 type)
{
	const char *name = type & CRYPTO_ALG_INTERNAL ? E2EE_AEAD_INTERNAL :
							E2EE_AEAD_PUBLIC;

	return crypto_aead_ivsize(tfm) == E2EE_AEAD_NONCE_LEN &&
	       !strcmp(crypto_tfm_alg_name(crypto_aead_tfm(tfm)), name);
}

static struct crypto_aead *e2ee_aead_tfm_new(const char *alg, u32 type,
					     u32 mask, const u8 *key,
					     unsigned int key_len)
{
	struct crypto_aead *tfm;
	int err;

	if (mask & CRYPTO_ALG_TESTED)
		mask |= CRYPTO_NOLOAD;
	tfm = crypto_alloc_aead(alg, type, mask);
	if (IS_ERR(tfm))
		return tfm;
	err = -EINVAL;
	if (!e2ee_aead_is_gcm(tfm, type))
		goto free;
	err = crypto_aead_setkey(tfm, key, key_len);
	if (err)
		goto free;
	err = crypto_aead_setauthsize(tfm, E2EE_AEAD_TAG_LEN);
	if (err)
		goto free;
	return tfm;

free:
	crypto_free_aead(tfm);
	return ERR_PTR(err);
}

/*
 * Only a kernel that has no internal driver may do without one. After any other
 * error the key is refused, because it would work, but slowly and by code whose
 * timing tells of the key, and nobody would notice.
 */
static int e2ee_aead_fast_new(struct e2ee_aead *aead, const u8 *key,
			      unsigned int key_len, u32 ready)
{
	struct crypto_aead *tfm;

	if (!E2EE_COMPAT_INTERNAL_SIMD)
		return 0;	/* plain gcm(aes) is synchronous and fast */
	tfm = e2ee_aead_tfm_new(E2EE_AEAD_INTERNAL, CRYPTO_ALG_INTERNAL | ready,
				CRYPTO_ALG_INTERNAL | CRYPTO_ALG_ASYNC | ready,
				key, key_len);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm) == -ENOENT ? 0 : PTR_ERR(tfm);
	aead->fast = tfm;
	aead->req_size = max(aead->req_size, crypto_aead_reqsize(tfm));
	return 0;
}

static int e2ee_aead_make(struct e2ee_aead *aead, const u8 *key,
			  unsigned int key_len, const char *driver, u32 ready)
{
	struct crypto_aead *tfm;
	int err = 0;
	u32 mask;

	memset(aead, 0, sizeof(*aead));
	mask = *driver ? 0 : CRYPTO_ALG_ASYNC;
	tfm = e2ee_aead_tfm_new(*driver ? driver : E2EE_AEAD_PUBLIC, ready,
				mask | ready, key, key_len);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	aead->slow = tfm;
	aead->req_size = crypto_aead_reqsize(tfm);
	aead->async = crypto_aead_alg(tfm)->base.cra_flags & CRYPTO_ALG_ASYNC;
	if (!*driver)
		err = e2ee_aead_fast_new(aead, key, key_len, ready);
	if (err)
		e2ee_aead_destroy(aead);
	return err;
}

/**
 * e2ee_aead_init() - make the transforms of one key
 * @aead: to be filled
 * @key: AES key; the caller wipes it
 * @key_len: 16 or 32 bytes
 * @driver: a driver of gcm(aes), which may be asynchronous; "": the best
 *	synchronous ones
 *
 * Context: process, sleeps (may load crypto modules, and wait for self-tests).
 * Return: 0, -ENOENT where the kernel has no such driver, -EINVAL where it is
 * not AES-GCM with a nonce of 12 and a tag of 16 bytes, -ENOMEM.
 */
int e2ee_aead_init(struct e2ee_aead *aead, const u8 *key, unsigned int key_len,
		   const char *driver)
{
	return e2ee_aead_make(aead, key, key_len, driver, 0);
}

/**
 * e2ee_aead_init_ready() - make the transforms of one key, if it takes no waiting
 * @aead: to be filled
 * @key: AES key; the caller wipes it
 * @key_len: 16 or 32 bytes
 * @driver: as for e2ee_aead_init()
 *
 * The crypto API neither loads nor builds an algorithm that is asked for as one
 * that has passed its self-test.
 *
 * Context: process.
 * Return: as e2ee_aead_init(); -ENOENT also where the driver is not built yet.
 */
int e2ee_aead_init_ready(struct e2ee_aead *aead, const u8 *key,
			 unsigned int key_len, const char *driver)
{
	return e2ee_aead_make(aead, key, key_len, driver, CRYPTO_ALG_TESTED);
}

/**
 * e2ee_aead_destroy() - free the transforms and the key in them
 * @aead: no request is out
 *
 * Context: process, sleeps.
 */
void e2ee_aead_destroy(struct e2ee_aead *aead)
{
	if (aead->fast)
		crypto_free_aead(aead->fast);
	if (aead->slow)
		crypto_free_aead(aead->slow);
	memset(aead, 0, sizeof(*aead));
}

/**
 * e2ee_aead_driver() - what computes, for people
 * @aead: initialized
 * @fallback: the driver for where SIMD may not be used
 *
 * Return: name of a crypto driver as in /proc/crypto; valid as long as @aead;
 * NULL for a @fallback that is not needed.
 */
const char *e2ee_aead_driver(const struct e2ee_aead *aead, bool fallback)
{
	struct crypto_aead *tfm = aead->slow;

	if (aead->fast && !fallback)
		tfm = aead->fast;
	else if (!aead->fast && fallback)
		return NULL;
	return crypto_tfm_alg_driver_name(crypto_aead_tfm(tfm));
}

/* what is the same for all packets */
static void e2ee_aead_op_init(struct e2ee_aead_op *op)
{
	sg_init_table(&op->sg, 1);
	aead_request_set_callback(&op->req, 0, NULL, NULL);
}

static struct e2ee_aead_op *e2ee_aead_op_new(const struct e2ee_aead *aead,
					     gfp_t gfp)
{
	struct e2ee_aead_op *op;

	op = kmalloc(sizeof(*op) + aead->req_size, gfp);
	if (op)
		e2ee_aead_op_init(op);
	return op;
}

static void e2ee_aead_op_set(struct e2ee_aead_op *op, struct crypto_aead *tfm,
			     u8 *buf, unsigned int aad_len, unsigned int len,
			     bool seal, const u8 *nonce)
{
	unsigned int crypt_len = seal ? len : len + E2EE_AEAD_TAG_LEN;

	memcpy(op->iv, nonce, E2EE_AEAD_NONCE_LEN);
	sg_set_buf(&op->sg, buf, aad_len + len + E2EE_AEAD_TAG_LEN);
	aead_request_set_tfm(&op->req, tfm);
	aead_request_set_ad(&op->req, aad_len);
	aead_request_set_crypt(&op->req, &op->sg, &op->sg, crypt_len, op->iv);
}

static int e2ee_aead_op_run(struct e2ee_aead_op *op, bool seal)
{
	return seal ? crypto_aead_encrypt(&op->req) :
		      crypto_aead_decrypt(&op->req);
}

/*
 * The CPU is ours till the end, and so is one of its requests. Where SIMD may
 * be unusable in softirqs, keep them from finding our own SIMD section open.
 */
static void e2ee_aead_begin(void)
{
	if (E2EE_COMPAT_INTERNAL_SIMD || IS_ENABLED(CONFIG_PREEMPT_RT))
		local_bh_disable();
	else
		preempt_disable();
}

static void e2ee_aead_end(void)
{
	if (E2EE_COMPAT_INTERNAL_SIMD || IS_ENABLED(CONFIG_PREEMPT_RT))
		local_bh_enable();
	else
		preempt_enable();
}

/* not on PREEMPT_RT, where this does not keep others from the CPU */
static bool e2ee_aead_fits(const struct e2ee_aead *aead)
{
	return !IS_ENABLED(CONFIG_PREEMPT_RT) &&
	       sizeof(struct e2ee_aead_op) + aead->req_size <=
	       E2EE_AEAD_SCRATCH;
}

/**
 * e2ee_aead_crypt() - encrypt, or verify and decrypt, in place, synchronously
 * @aead: not asynchronous
 * @buf: additional data, text, and the tag or room for it; linear, not on a stack,
 *	not vmalloc()ed
 * @aad_len: additional data, bytes
 * @len: text without its tag, bytes
 * @seal: encrypt
 * @nonce: E2EE_AEAD_NONCE_LEN bytes; to encrypt, never used before with this key
 *
 * Context: any but hard interrupt; does not sleep.
 * Return: 0; -EBADMSG where the tag is wrong; -ENOMEM or the driver's error. @buf
 * is garbage unless 0.
 */
int e2ee_aead_crypt(struct e2ee_aead *aead, u8 *buf, unsigned int aad_len,
		    unsigned int len, bool seal, const u8 *nonce)
{
	struct e2ee_aead_op *op, *own = NULL;
	struct crypto_aead *tfm;
	int err;

	if (unlikely(!e2ee_aead_fits(aead))) {
		own = e2ee_aead_op_new(aead, GFP_ATOMIC);
		if (!own)
			return -ENOMEM;
	}
	e2ee_aead_begin();
	tfm = aead->fast && crypto_simd_usable() ? aead->fast : aead->slow;
	op = own ?: __this_cpu_read(e2ee_aead_scratch[!!in_softirq()]);
	e2ee_aead_op_set(op, tfm, buf, aad_len, len, seal, nonce);
	err = e2ee_aead_op_run(op, seal);
	e2ee_aead_end();
	if (unlikely(own))
		kfree_sensitive(own);
	return err;
}

/**
 * e2ee_aead_crypt_wait() - encrypt, or verify and decrypt, with any driver
 * @aead: may be asynchronous
 * @buf: as for e2ee_aead_crypt()
 * @aad_len: additional data, bytes
 * @len: text without its tag, bytes
 * @seal: encrypt
 * @nonce: as for e2ee_aead_crypt()
 *
 * Context: process, sleeps until the answer is there.
 * Return: as e2ee_aead_crypt().
 */
int e2ee_aead_crypt_wait(struct e2ee_aead *aead, u8 *buf, unsigned int aad_len,
			 unsigned int len, bool seal, const u8 *nonce)
{
	struct e2ee_aead_op *op;
	DECLARE_CRYPTO_WAIT(wait);
	int err;

	op = e2ee_aead_op_new(aead, GFP_KERNEL);
	if (!op)
		return -ENOMEM;
	e2ee_aead_op_set(op, aead->slow, buf, aad_len, len, seal, nonce);
	aead_request_set_callback(&op->req, CRYPTO_TFM_REQ_MAY_SLEEP |
				  CRYPTO_TFM_REQ_MAY_BACKLOG,
				  crypto_req_done, &wait);
	err = crypto_wait_req(e2ee_aead_op_run(op, seal), &wait);
	kfree_sensitive(op);
	return err;
}

/**
 * e2ee_aead_prefetch() - a packet needs this key in a moment
 * @aead: initialized
 *
 * With many keys in use a key is not in the CPU's caches, and its round keys
 * and hash powers fill ten lines, which are better fetched all at once.
 */
void e2ee_aead_prefetch(const struct e2ee_aead *aead)
{
	struct crypto_aead *tfm = aead->fast ?: aead->slow;
	const char *at = crypto_aead_ctx(tfm);
	const char *end = at + E2EE_AEAD_PREFETCH;

	prefetch(tfm);
	for (; at < end; at += L1_CACHE_BYTES)
		prefetch(at);
}

/**
 * e2ee_aead_setup() - make the requests of all CPUs
 *
 * Return: 0 or -ENOMEM.
 */
int e2ee_aead_setup(void)
{
	struct e2ee_aead_op *op;
	int cpu, i;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < 2; i++) {
			op = kmalloc_node(E2EE_AEAD_SCRATCH, GFP_KERNEL,
					  cpu_to_node(cpu));
			if (!op) {
				e2ee_aead_cleanup();
				return -ENOMEM;
			}
			e2ee_aead_op_init(op);
			per_cpu(e2ee_aead_scratch[i], cpu) = op;
		}
	}
	return 0;
}

/**
 * e2ee_aead_cleanup() - free the requests of all CPUs; no key is left
 */
void e2ee_aead_cleanup(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < 2; i++) {
			kfree_sensitive(per_cpu(e2ee_aead_scratch[i], cpu));
			per_cpu(e2ee_aead_scratch[i], cpu) = NULL;
		}
	}
}
