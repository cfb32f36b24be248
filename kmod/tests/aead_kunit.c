// SPDX-License-Identifier: GPL-2.0
/*
 * AES-GCM against the vectors of RFC 9605, by each transform that a key may
 * have, in each context that a packet may come in, and late.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include "../aead.h"
#include "sframe_vectors.h"

#define BUF_LEN		256

struct job {
	struct e2ee_aead *aead;
	u8 *buf;
	const u8 *nonce;
	unsigned int aad_len;
	unsigned int len;
	bool seal;
	bool in_softirq;
	int err;
	struct tasklet_struct tasklet;
	struct completion done;
};

static void job_run(struct job *job)
{
	job->err = e2ee_aead_crypt(job->aead, job->buf, job->aad_len, job->len,
				   job->seal, job->nonce);
}

static void job_tasklet(struct tasklet_struct *tasklet)
{
	struct job *job = container_of(tasklet, struct job, tasklet);

	job->in_softirq = in_serving_softirq();
	job_run(job);
	complete(&job->done);
}

/* The three contexts of the data path */
static void run_process(struct kunit *test, struct job *job)
{
	job_run(job);
}

static void run_bh_disabled(struct kunit *test, struct job *job)
{
	local_bh_disable();
	job_run(job);
	local_bh_enable();
}

static void run_softirq(struct kunit *test, struct job *job)
{
	init_completion(&job->done);
	tasklet_setup(&job->tasklet, job_tasklet);
	tasklet_schedule(&job->tasklet);
	wait_for_completion(&job->done);
	tasklet_kill(&job->tasklet);
	KUNIT_EXPECT_TRUE(test, job->in_softirq);
}

typedef void (*run_t)(struct kunit *test, struct job *job);

static void vector_seals(struct kunit *test, struct e2ee_aead *aead,
			 const struct sframe_vector *v, u8 *buf, run_t run)
{
	/* the vector's object begins with the header, as its AAD does */
	unsigned int header = v->ct_len - v->pt_len - E2EE_AEAD_TAG_LEN;
	struct job job = {
		.aead = aead, .buf = buf, .nonce = v->nonce, .seal = true,
		.aad_len = v->aad_len, .len = v->pt_len,
	};

	KUNIT_ASSERT_MEMEQ(test, v->aad, v->ct, header);
	memset(buf, 0x55, BUF_LEN);
	memcpy(buf, v->aad, v->aad_len);
	memcpy(buf + v->aad_len, v->pt, v->pt_len);
	run(test, &job);
	KUNIT_EXPECT_EQ(test, 0, job.err);
	KUNIT_EXPECT_MEMEQ(test, buf, v->aad, v->aad_len);
	KUNIT_EXPECT_MEMEQ(test, buf + v->aad_len, v->ct + header,
			   v->ct_len - header);
	KUNIT_EXPECT_EQ(test, buf[v->aad_len + v->ct_len - header], 0x55);
}

static void vector_opens(struct kunit *test, struct e2ee_aead *aead,
			 const struct sframe_vector *v, u8 *buf, run_t run)
{
	unsigned int header = v->ct_len - v->pt_len - E2EE_AEAD_TAG_LEN;
	unsigned int total = v->aad_len + v->ct_len - header;
	struct job job = {
		.aead = aead, .buf = buf, .nonce = v->nonce,
		.aad_len = v->aad_len, .len = v->pt_len,
	};
	unsigned int i;

	/* whole, then with each byte changed: AAD, ciphertext and tag */
	for (i = 0; i <= total; i++) {
		memcpy(buf, v->aad, v->aad_len);
		memcpy(buf + v->aad_len, v->ct + header, v->ct_len - header);
		if (i < total)
			buf[i] ^= 1 << i % 8;
		run(test, &job);
		KUNIT_EXPECT_EQ(test, i < total ? -EBADMSG : 0, job.err);
	}
	KUNIT_EXPECT_MEMEQ(test, buf + v->aad_len, v->pt, v->pt_len);
}

static void vector_in_context(struct kunit *test, run_t run)
{
	const struct sframe_vector *v;
	struct e2ee_aead aead, only;
	u8 *buf;
	size_t i;

	buf = kunit_kmalloc(test, BUF_LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < ARRAY_SIZE(sframe_vectors); i++) {
		v = &sframe_vectors[i];
		KUNIT_ASSERT_EQ(test, 0, e2ee_aead_init(&aead, v->key,
							v->key_len, ""));
		KUNIT_EXPECT_FALSE(test, aead.async);
		vector_seals(test, &aead, v, buf, run);
		vector_opens(test, &aead, v, buf, run);

		/* the transform for where SIMD is not usable */
		only = (struct e2ee_aead){ .slow = aead.slow };
		vector_seals(test, &only, v, buf, run);
		vector_opens(test, &only, v, buf, run);
		e2ee_aead_destroy(&aead);
	}
}

static void in_process(struct kunit *test)
{
	vector_in_context(test, run_process);
}

static void with_bottom_halves_off(struct kunit *test)
{
	vector_in_context(test, run_bh_disabled);
}

static void in_softirq_without_simd(struct kunit *test)
{
	vector_in_context(test, run_softirq);
}

/* Every length that ends a block differently, and the longest datagram */
static void opens_what_it_seals(struct kunit *test)
{
	static const unsigned int lens[] = { 0, 1, 15, 16, 17, 31, 160, 255,
					     256, 1200, 1472, 65507 };
	const struct sframe_vector *v = &sframe_vectors[1];
	struct e2ee_aead aead;
	struct job job = { .aead = &aead, .nonce = v->nonce, .aad_len = 17 };
	size_t i, j;

	KUNIT_ASSERT_EQ(test, 0, e2ee_aead_init(&aead, v->key, v->key_len,
						""));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		job.len = lens[i];
		job.buf = kunit_kmalloc(test, 17 + lens[i] + E2EE_AEAD_TAG_LEN,
					GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, job.buf);
		for (j = 0; j < 17 + lens[i]; j++)
			job.buf[j] = j;
		job.seal = true;
		job_run(&job);
		KUNIT_EXPECT_EQ(test, 0, job.err);
		job.seal = false;
		job_run(&job);
		KUNIT_EXPECT_EQ(test, 0, job.err);
		for (j = 0; j < 17 + lens[i] && job.buf[j] == (u8)j; j++)
			;
		KUNIT_EXPECT_EQ(test, 17 + lens[i], j);
		kunit_kfree(test, job.buf);
	}
	e2ee_aead_destroy(&aead);
}

static void refuses_what_is_no_aes_gcm(struct kunit *test)
{
	static const u8 key[32];
	struct e2ee_aead aead;

	KUNIT_EXPECT_EQ(test, -EINVAL, e2ee_aead_init(&aead, key, 15, ""));
	KUNIT_EXPECT_EQ(test, -EINVAL, e2ee_aead_init(&aead, key, 0, ""));
	KUNIT_EXPECT_EQ(test, -ENOENT,
			e2ee_aead_init(&aead, key, 32, "no-such-driver"));
	KUNIT_EXPECT_NE(test, 0, e2ee_aead_init(&aead, key, 32, "cbc(aes)"));
	/* an AEAD of another shape: a nonce of 8 bytes */
	KUNIT_EXPECT_EQ(test, -EINVAL, e2ee_aead_init(&aead, key, 20,
						      "rfc4106(gcm(aes))"));
}

/* What could be built of parts is not, where that would take waiting. */
static void what_is_not_ready_is_not_built(struct kunit *test)
{
	static const char name[] = "rfc4543(gcm(aes))";
	static const u8 key[36];
	struct e2ee_aead aead;

	KUNIT_EXPECT_EQ(test, -ENOENT,
			e2ee_aead_init_ready(&aead, key, sizeof(key), name));
	/* no AES-GCM, but there now */
	KUNIT_EXPECT_EQ(test, -EINVAL,
			e2ee_aead_init(&aead, key, sizeof(key), name));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			e2ee_aead_init_ready(&aead, key, sizeof(key), name));
}

static void named_driver_is_the_one_in_use(struct kunit *test)
{
	const struct sframe_vector *v = &sframe_vectors[0];
	struct e2ee_aead best, named;
	struct crypto_aead *fast;
	const char *driver;
	u8 *buf;

	buf = kunit_kmalloc(test, BUF_LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, 0, e2ee_aead_init(&best, v->key, v->key_len,
						""));
	kunit_info(test, "driver %s", e2ee_aead_driver(&best, false));
	/* @fast, if there is one, is no driver to be named: internal */
	fast = best.fast;
	best.fast = NULL;
	driver = e2ee_aead_driver(&best, false);
	best.fast = fast;
	KUNIT_EXPECT_EQ(test, 0, e2ee_aead_init(&named, v->key, v->key_len,
						driver));
	KUNIT_EXPECT_STREQ(test, driver, e2ee_aead_driver(&named, false));
	KUNIT_EXPECT_NULL(test, e2ee_aead_driver(&named, true));
	vector_seals(test, &named, v, buf, run_process);
	e2ee_aead_destroy(&named);
	e2ee_aead_destroy(&best);
}

static void run_late(struct kunit *test, struct job *job)
{
	job->err = e2ee_aead_crypt_wait(job->aead, job->buf, job->aad_len,
					job->len, job->seal, job->nonce);
}

static void asynchronous_driver(struct kunit *test)
{
	const struct sframe_vector *v = &sframe_vectors[1];
	struct e2ee_aead best, aead;
	char name[128];
	u8 *buf;
	int err;

	buf = kunit_kmalloc(test, BUF_LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, 0, e2ee_aead_init(&best, v->key, v->key_len,
						""));
	snprintf(name, sizeof(name), "cryptd(%s)",
		 e2ee_aead_driver(&best, false));
	err = e2ee_aead_init(&aead, v->key, v->key_len, name);
	e2ee_aead_destroy(&best);
	if (err == -ENOENT)
		kunit_skip(test, "no cryptd in this kernel");
	KUNIT_ASSERT_EQ(test, 0, err);
	KUNIT_EXPECT_TRUE(test, aead.async);
	vector_seals(test, &aead, v, buf, run_late);
	vector_opens(test, &aead, v, buf, run_late);
	e2ee_aead_destroy(&aead);
}

static int aead_suite_init(struct kunit_suite *suite)
{
	return e2ee_aead_setup();
}

static void aead_suite_exit(struct kunit_suite *suite)
{
	e2ee_aead_cleanup();
}

static struct kunit_case aead_cases[] = {
	KUNIT_CASE(in_process),
	KUNIT_CASE(with_bottom_halves_off),
	KUNIT_CASE(in_softirq_without_simd),
	KUNIT_CASE(opens_what_it_seals),
	KUNIT_CASE_SLOW(refuses_what_is_no_aes_gcm),
	KUNIT_CASE(what_is_not_ready_is_not_built),
	KUNIT_CASE(named_driver_is_the_one_in_use),
	KUNIT_CASE(asynchronous_driver),
	{ }
};

static struct kunit_suite aead_suite = {
	.name = "e2ee_aead",
	.suite_init = aead_suite_init,
	.suite_exit = aead_suite_exit,
	.test_cases = aead_cases,
};

kunit_test_suite(aead_suite);

MODULE_DESCRIPTION("KUnit suites of e2ee");
MODULE_LICENSE("GPL");
