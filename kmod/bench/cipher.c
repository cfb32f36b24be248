// SPDX-License-Identifier: GPL-2.0
/*
 * AES-GCM by the crypto API alone: the least that sealing and opening cost.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <crypto/aead.h>
#include "bench.h"

#define E2EE_BENCH_AAD		4	/* SFrame header of a KID and CTR in use */
#define E2EE_BENCH_KEY_LEN	32
#define E2EE_BENCH_TAG_LEN	16
#define E2EE_BENCH_NONCE_LEN	12
#define E2EE_BENCH_SIZE_MAX	65536

static struct crypto_aead *e2ee_bench_tfm(const char *driver)
{
	/* the kernel's own name of what hides behind a wrapper */
	u32 type = strncmp(driver, "__", 2) ? 0 : CRYPTO_ALG_INTERNAL;
	u8 key[E2EE_BENCH_KEY_LEN];
	struct crypto_aead *tfm;
	int err;

	tfm = crypto_alloc_aead(driver, type, type | CRYPTO_ALG_ASYNC);
	if (IS_ERR(tfm))
		return tfm;
	get_random_bytes(key, sizeof(key));
	err = crypto_aead_setkey(tfm, key, sizeof(key));
	if (!err)
		err = crypto_aead_setauthsize(tfm, E2EE_BENCH_TAG_LEN);
	if (!err)
		return tfm;
	crypto_free_aead(tfm);
	return ERR_PTR(err);
}

/**
 * struct e2ee_bench_aead - a packet to seal and open
 * @tfm: with a key
 * @req: request
 * @size: plaintext, bytes
 * @num: packets sealed
 * @buf: additional data, packet, tag; then the nonce: drivers may map it, so
 *	not on a stack
 */
struct e2ee_bench_aead {
	struct crypto_aead *tfm;
	struct aead_request *req;
	u32 size;
	u32 num;
	u8 *buf;
};

/**
 * e2ee_bench_aead_free() - free what e2ee_bench_aead_new() made
 * @aead: may be NULL
 */
void e2ee_bench_aead_free(struct e2ee_bench_aead *aead)
{
	if (!aead)
		return;
	kfree(aead->buf);
	aead_request_free(aead->req);
	crypto_free_aead(aead->tfm);
	kfree(aead);
}

/**
 * e2ee_bench_aead_new() - prepare a packet to seal and open
 * @driver: crypto driver
 * @size: plaintext, bytes
 *
 * Context: process, sleeps.
 * Return: the packet, or an error pointer: -EINVAL, -ENOENT: no such
 * synchronous driver; -ENOMEM.
 */
struct e2ee_bench_aead *e2ee_bench_aead_new(const char *driver, u32 size)
{
	struct e2ee_bench_aead *aead;
	struct crypto_aead *tfm;

	if (size > E2EE_BENCH_SIZE_MAX)
		return ERR_PTR(-EINVAL);
	tfm = e2ee_bench_tfm(driver);
	if (IS_ERR(tfm))
		return ERR_CAST(tfm);
	aead = kzalloc(sizeof(*aead), GFP_KERNEL);
	if (!aead) {
		crypto_free_aead(tfm);
		return ERR_PTR(-ENOMEM);
	}
	aead->tfm = tfm;
	aead->size = size;
	aead->req = aead_request_alloc(tfm, GFP_KERNEL);
	aead->buf = kzalloc(E2EE_BENCH_AAD + size + E2EE_BENCH_TAG_LEN +
			    E2EE_BENCH_NONCE_LEN, GFP_KERNEL);
	if (aead->req && aead->buf)
		return aead;
	e2ee_bench_aead_free(aead);
	return ERR_PTR(-ENOMEM);
}

/* as little as the interface allows */
static void e2ee_bench_aead_set(struct e2ee_bench_aead *aead,
				struct scatterlist *sg, u32 crypt_len)
{
	u32 len = E2EE_BENCH_AAD + aead->size + E2EE_BENCH_TAG_LEN;

	sg_init_one(sg, aead->buf, len);
	aead_request_set_tfm(aead->req, aead->tfm);
	aead_request_set_callback(aead->req, 0, NULL, NULL);
	aead_request_set_ad(aead->req, E2EE_BENCH_AAD);
	aead_request_set_crypt(aead->req, sg, sg, crypt_len, aead->buf + len);
}

/**
 * e2ee_bench_aead_seal() - seal the packet
 * @aead: prepared, or opened
 *
 * Return: 0 or the driver's error.
 */
int e2ee_bench_aead_seal(struct e2ee_bench_aead *aead)
{
	struct scatterlist sg;

	memcpy(aead->buf + E2EE_BENCH_AAD + aead->size + E2EE_BENCH_TAG_LEN,
	       &aead->num, sizeof(aead->num));
	aead->num++;
	e2ee_bench_aead_set(aead, &sg, aead->size);
	return crypto_aead_encrypt(aead->req);
}

/**
 * e2ee_bench_aead_open() - open the packet
 * @aead: sealed
 *
 * Return: 0 or the driver's error.
 */
int e2ee_bench_aead_open(struct e2ee_bench_aead *aead)
{
	struct scatterlist sg;

	e2ee_bench_aead_set(aead, &sg, aead->size + E2EE_BENCH_TAG_LEN);
	return crypto_aead_decrypt(aead->req);
}

static int e2ee_bench_cipher_loop(struct e2ee_bench_job *job,
				  struct e2ee_bench_aead *aead)
{
	u64 start_cycles, start;
	int err = 0;
	u32 i;

	start = ktime_get_ns();
	start_cycles = e2ee_bench_cycles();
	for (i = 0; i < job->packets && !err; i++) {
		err = e2ee_bench_aead_seal(aead);
		if (!err)
			err = e2ee_bench_aead_open(aead);
	}
	job->cycles = e2ee_bench_cycles() - start_cycles;
	job->ns = ktime_get_ns() - start;
	return err;
}

/**
 * e2ee_bench_cipher() - job "aead": seal and open with the crypto API
 * @bench: with the job
 *
 * Context: process, sleeps.
 * Return: 0, what e2ee_bench_aead_new() refuses, the driver's error.
 */
int e2ee_bench_cipher(struct e2ee_bench *bench)
{
	struct e2ee_bench_job *job = &bench->job;
	struct e2ee_bench_aead *aead;
	int err;

	aead = e2ee_bench_aead_new(job->driver, job->size);
	if (IS_ERR(aead))
		return PTR_ERR(aead);
	err = e2ee_bench_cipher_loop(job, aead);
	e2ee_bench_aead_free(aead);
	return err;
}

/**
 * e2ee_bench_tfms_free() - let go of the transforms
 * @bench: that may hold some
 */
void e2ee_bench_tfms_free(struct e2ee_bench *bench)
{
	while (bench->tfms_num)
		crypto_free_aead(bench->tfms[--bench->tfms_num]);
	kvfree(bench->tfms);
	bench->tfms = NULL;
}

/**
 * e2ee_bench_tfms() - job "tfms": hold keyed transforms, to see their memory
 * @bench: with the job; its packets are their number, 0 frees all
 *
 * Context: process, sleeps.
 * Return: 0, -ENOENT: no such synchronous driver; -ENOMEM.
 */
int e2ee_bench_tfms(struct e2ee_bench *bench)
{
	struct e2ee_bench_job *job = &bench->job;
	struct crypto_aead *tfm;
	u64 start;

	e2ee_bench_tfms_free(bench);
	if (!job->packets)
		return 0;
	bench->tfms = kvcalloc(job->packets, sizeof(tfm), GFP_KERNEL);
	if (!bench->tfms)
		return -ENOMEM;
	start = ktime_get_ns();
	while (bench->tfms_num < job->packets) {
		tfm = e2ee_bench_tfm(job->driver);
		if (IS_ERR(tfm)) {
			e2ee_bench_tfms_free(bench);
			return PTR_ERR(tfm);
		}
		bench->tfms[bench->tfms_num++] = tfm;
		cond_resched();
	}
	job->ns = ktime_get_ns() - start;
	return 0;
}
