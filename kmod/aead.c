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
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <crypto/aead.h>
#include <crypto/internal/simd.h>
#include <asm/simd.h>
#include "aead.h"
#include "compat/compat.h"

/* room for a request of any synchronous driver seen (404 bytes), with spare */
#define E2EE_AEAD_SCRATCH	1024

/**
 * struct e2ee_aead_op - a request with all it points to, in one allocation
 * @sg: source and destination
 * @iv: the nonce
 * @done: whom to tell; NULL: the caller waits
 * @arg: for @done
 * @req: the request; the driver's context follows
 */
struct e2ee_aead_op {
	struct scatterlist sg;
	u8 iv[E2EE_AEAD_NONCE_LEN];
	e2ee_aead_done_t done;
	void *arg;
	struct aead_request req CRYPTO_MINALIGN_ATTR;
};

/*
 * One request a CPU for synchronous transforms, used with bottom halves off.
 * The memory is kmalloc()ed, as drivers put parts of it into scatterlists.
 */
static DEFINE_PER_CPU(struct e2ee_aead_op *, e2ee_aead_scratch);

static struct crypto_aead *e2ee_aead_tfm_new(const char *alg, u32 type,
					     u32 mask, const u8 *key,
					     unsigned int key_len)
{
	struct crypto_aead *tfm;
	int err;

	tfm = crypto_alloc_aead(alg, type, mask);
	if (IS_ERR(tfm))
		return tfm;
	err = -EINVAL;
	if (crypto_aead_ivsize(tfm) != E2EE_AEAD_NONCE_LEN)
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

static void e2ee_aead_fast_new(struct e2ee_aead *aead, const u8 *key,
			       unsigned int key_len)
{
	struct crypto_aead *tfm;

	if (!E2EE_COMPAT_INTERNAL_SIMD)
		return;		/* plain gcm(aes) is synchronous and fast */
	tfm = e2ee_aead_tfm_new("__gcm(aes)", CRYPTO_ALG_INTERNAL,
				CRYPTO_ALG_INTERNAL | CRYPTO_ALG_ASYNC,
				key, key_len);
	if (!IS_ERR(tfm))
		aead->fast = tfm;
}

/**
 * e2ee_aead_init() - make the transforms of one key
 * @aead: to be filled
 * @key: AES key; the caller wipes it
 * @key_len: 16 or 32 bytes
 * @driver: a driver of gcm(aes), which may be asynchronous; "": the best
 *	synchronous ones
 *
 * Context: process, sleeps (may load crypto modules).
 * Return: 0, -ENOENT where the kernel has no such driver, -EINVAL where it is
 * not AES-GCM with a nonce of 12 and a tag of 16 bytes, -ENOMEM.
 */
int e2ee_aead_init(struct e2ee_aead *aead, const u8 *key, unsigned int key_len,
		   const char *driver)
{
	struct crypto_aead *tfm;
	u32 mask;

	memset(aead, 0, sizeof(*aead));
	mask = *driver ? 0 : CRYPTO_ALG_ASYNC;
	tfm = e2ee_aead_tfm_new(*driver ? driver : "gcm(aes)", 0, mask,
				key, key_len);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	aead->slow = tfm;
	aead->async = crypto_aead_alg(tfm)->base.cra_flags & CRYPTO_ALG_ASYNC;
	if (!*driver)
		e2ee_aead_fast_new(aead, key, key_len);
	return 0;
}

/**
 * e2ee_aead_probe() - could keys be made for this driver?
 * @driver: as for e2ee_aead_init()
 *
 * Context: process, sleeps.
 * Return: 0 or the error that e2ee_aead_init() would return.
 */
int e2ee_aead_probe(const char *driver)
{
	static const u8 zero[32];
	struct e2ee_aead aead;
	int err;

	err = e2ee_aead_init(&aead, zero, sizeof(zero), driver);
	if (!err)
		e2ee_aead_destroy(&aead);
	return err;
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

static struct e2ee_aead_op *e2ee_aead_op_new(struct crypto_aead *tfm,
					     gfp_t gfp)
{
	struct e2ee_aead_op *op;

	op = kmalloc(sizeof(*op) + crypto_aead_reqsize(tfm), gfp);
	if (op)
		op->done = NULL;
	return op;
}

static void e2ee_aead_op_set(struct e2ee_aead_op *op, struct crypto_aead *tfm,
			     u8 *buf, unsigned int aad_len, unsigned int len,
			     bool seal, const u8 *nonce)
{
	unsigned int crypt_len = seal ? len : len + E2EE_AEAD_TAG_LEN;

	memcpy(op->iv, nonce, E2EE_AEAD_NONCE_LEN);
	sg_init_one(&op->sg, buf, aad_len + len + E2EE_AEAD_TAG_LEN);
	aead_request_set_tfm(&op->req, tfm);
	aead_request_set_ad(&op->req, aad_len);
	aead_request_set_crypt(&op->req, &op->sg, &op->sg, crypt_len, op->iv);
}

static int e2ee_aead_op_run(struct e2ee_aead_op *op, bool seal)
{
	return seal ? crypto_aead_encrypt(&op->req) :
		      crypto_aead_decrypt(&op->req);
}

static int e2ee_aead_sync(struct e2ee_aead *aead, u8 *buf,
			  unsigned int aad_len, unsigned int len, bool seal,
			  const u8 *nonce)
{
	struct e2ee_aead_op *op, *own = NULL;
	struct crypto_aead *tfm;
	int err;

	/* also keeps softirqs from finding our own SIMD section open */
	local_bh_disable();
	tfm = aead->fast && crypto_simd_usable() ? aead->fast : aead->slow;
	op = __this_cpu_read(e2ee_aead_scratch);
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || !op ||
	    sizeof(*op) + crypto_aead_reqsize(tfm) > E2EE_AEAD_SCRATCH) {
		own = e2ee_aead_op_new(tfm, GFP_ATOMIC);
		op = own;
	}
	err = -ENOMEM;
	if (op) {
		e2ee_aead_op_set(op, tfm, buf, aad_len, len, seal, nonce);
		aead_request_set_callback(&op->req, 0, NULL, NULL);
		err = e2ee_aead_op_run(op, seal);
	}
	local_bh_enable();
	kfree_sensitive(own);
	return err;
}

/**
 * e2ee_aead_seal() - encrypt in place, synchronously
 * @aead: not asynchronous
 * @buf: additional data, plaintext, and room for the tag; linear, not on a
 *	stack, not vmalloc()ed
 * @aad_len: additional data, bytes
 * @len: plaintext, bytes
 * @nonce: E2EE_AEAD_NONCE_LEN bytes, never used before with this key
 *
 * Context: any but hard interrupt; does not sleep.
 * Return: 0, -ENOMEM or the driver's error; @buf is garbage then.
 */
int e2ee_aead_seal(struct e2ee_aead *aead, u8 *buf, unsigned int aad_len,
		   unsigned int len, const u8 *nonce)
{
	return e2ee_aead_sync(aead, buf, aad_len, len, true, nonce);
}

/**
 * e2ee_aead_seal_wait() - encrypt in place with any driver
 * @aead: may be asynchronous
 * @buf: as for e2ee_aead_seal()
 * @aad_len: additional data, bytes
 * @len: plaintext, bytes
 * @nonce: E2EE_AEAD_NONCE_LEN bytes, never used before with this key
 *
 * Context: process, sleeps until the answer is there.
 * Return: as e2ee_aead_seal().
 */
int e2ee_aead_seal_wait(struct e2ee_aead *aead, u8 *buf, unsigned int aad_len,
			unsigned int len, const u8 *nonce)
{
	struct e2ee_aead_op *op;
	DECLARE_CRYPTO_WAIT(wait);
	int err;

	op = e2ee_aead_op_new(aead->slow, GFP_KERNEL);
	if (!op)
		return -ENOMEM;
	e2ee_aead_op_set(op, aead->slow, buf, aad_len, len, true, nonce);
	aead_request_set_callback(&op->req, CRYPTO_TFM_REQ_MAY_SLEEP |
				  CRYPTO_TFM_REQ_MAY_BACKLOG,
				  crypto_req_done, &wait);
	err = crypto_wait_req(e2ee_aead_op_run(op, true), &wait);
	kfree_sensitive(op);
	return err;
}

static void e2ee_aead_op_done(E2EE_COMPAT_CRYPTO_ARG arg, int err)
{
	struct e2ee_aead_op *op = e2ee_compat_crypto_data(arg);
	e2ee_aead_done_t done = op->done;
	void *done_arg = op->arg;

	if (err == -EINPROGRESS)
		return;		/* left the backlog; the answer comes later */
	kfree_sensitive(op);
	done(done_arg, err);
}

static int e2ee_aead_open_async(struct e2ee_aead *aead, u8 *buf,
				unsigned int aad_len, unsigned int len,
				const u8 *nonce, e2ee_aead_done_t done,
				void *arg)
{
	struct e2ee_aead_op *op;
	int err;

	op = e2ee_aead_op_new(aead->slow, GFP_ATOMIC);
	if (!op)
		return -ENOMEM;
	op->done = done;
	op->arg = arg;
	e2ee_aead_op_set(op, aead->slow, buf, aad_len, len, false, nonce);
	aead_request_set_callback(&op->req, CRYPTO_TFM_REQ_MAY_BACKLOG,
				  e2ee_aead_op_done, op);
	err = e2ee_aead_op_run(op, false);
	if (err == -EINPROGRESS || err == -EBUSY)
		return -EINPROGRESS;	/* -EBUSY: in the backlog */
	kfree_sensitive(op);
	return err;
}

/**
 * e2ee_aead_open() - verify and decrypt in place
 * @aead: may be asynchronous
 * @buf: additional data, ciphertext, tag; linear, not on a stack
 * @aad_len: additional data, bytes
 * @len: ciphertext without the tag, bytes
 * @nonce: E2EE_AEAD_NONCE_LEN bytes
 * @done: called once if and only if -EINPROGRESS is returned
 * @arg: for @done
 *
 * Context: any but hard interrupt; does not sleep.
 * Return: 0; -EBADMSG where the tag is wrong; -EINPROGRESS: the answer goes to
 * @done, and @buf and the key must stay till then; -ENOMEM or the driver's
 * error. @buf is garbage unless 0.
 */
int e2ee_aead_open(struct e2ee_aead *aead, u8 *buf, unsigned int aad_len,
		   unsigned int len, const u8 *nonce,
		   e2ee_aead_done_t done, void *arg)
{
	if (aead->async)
		return e2ee_aead_open_async(aead, buf, aad_len, len, nonce,
					    done, arg);
	return e2ee_aead_sync(aead, buf, aad_len, len, false, nonce);
}

/**
 * e2ee_aead_setup() - make the requests of all CPUs
 *
 * Return: 0 or -ENOMEM.
 */
int e2ee_aead_setup(void)
{
	struct e2ee_aead_op *op;
	int cpu;

	for_each_possible_cpu(cpu) {
		op = kmalloc_node(E2EE_AEAD_SCRATCH, GFP_KERNEL,
				  cpu_to_node(cpu));
		if (!op) {
			e2ee_aead_cleanup();
			return -ENOMEM;
		}
		per_cpu(e2ee_aead_scratch, cpu) = op;
	}
	return 0;
}

/**
 * e2ee_aead_cleanup() - free the requests of all CPUs; no key is left
 */
void e2ee_aead_cleanup(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		kfree_sensitive(per_cpu(e2ee_aead_scratch, cpu));
		per_cpu(e2ee_aead_scratch, cpu) = NULL;
	}
}
