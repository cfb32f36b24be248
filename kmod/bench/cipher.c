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

/* one packet, as little as the interface allows */
static int e2ee_bench_seal_open(struct crypto_aead *tfm,
				struct aead_request *req, u8 *buf, u32 size,
				u8 *nonce)
{
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, buf, E2EE_BENCH_AAD + size + E2EE_BENCH_TAG_LEN);
	aead_request_set_tfm(req, tfm);
	aead_request_set_callback(req, 0, NULL, NULL);
	aead_request_set_ad(req, E2EE_BENCH_AAD);
	aead_request_set_crypt(req, &sg, &sg, size, nonce);
	err = crypto_aead_encrypt(req);
	if (err)
		return err;
	sg_init_one(&sg, buf, E2EE_BENCH_AAD + size + E2EE_BENCH_TAG_LEN);
	aead_request_set_tfm(req, tfm);
	aead_request_set_callback(req, 0, NULL, NULL);
	aead_request_set_ad(req, E2EE_BENCH_AAD);
	aead_request_set_crypt(req, &sg, &sg, size + E2EE_BENCH_TAG_LEN,
			       nonce);
	return crypto_aead_decrypt(req);
}

static int e2ee_bench_cipher_loop(struct e2ee_bench_job *job,
				  struct crypto_aead *tfm,
				  struct aead_request *req, u8 *buf)
{
	u8 *nonce = buf + E2EE_BENCH_AAD + job->size + E2EE_BENCH_TAG_LEN;
	u64 start_cycles, start;
	int err = 0;
	u32 i;

	start = ktime_get_ns();
	start_cycles = e2ee_bench_cycles();
	for (i = 0; i < job->packets && !err; i++) {
		memcpy(nonce, &i, sizeof(i));
		err = e2ee_bench_seal_open(tfm, req, buf, job->size, nonce);
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
 * Return: 0, -EINVAL, -ENOENT: no such synchronous driver; -ENOMEM.
 */
int e2ee_bench_cipher(struct e2ee_bench *bench)
{
	struct e2ee_bench_job *job = &bench->job;
	struct aead_request *req;
	struct crypto_aead *tfm;
	int err = -ENOMEM;
	u8 *buf;

	if (job->size > E2EE_BENCH_SIZE_MAX)
		return -EINVAL;
	tfm = e2ee_bench_tfm(job->driver);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	req = aead_request_alloc(tfm, GFP_KERNEL);
	/* the nonce lies behind: drivers may map it, so not on a stack */
	buf = kzalloc(E2EE_BENCH_AAD + job->size + E2EE_BENCH_TAG_LEN +
		      E2EE_BENCH_NONCE_LEN, GFP_KERNEL);
	if (req && buf)
		err = e2ee_bench_cipher_loop(job, tfm, req, buf);
	kfree(buf);
	aead_request_free(req);
	crypto_free_aead(tfm);
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
