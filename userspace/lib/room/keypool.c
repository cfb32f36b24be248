// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A pool of keys, and the thread that fills it. The thread makes a key while nobody
 * holds the lock, and touches nothing else of the library.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/crypto.h>
#include <openssl/rsa.h>

#include "keypool.h"

#define READY_MAX	2		/* a room renews twice in a row at most */

/**
 * struct e2ee_keypool
 * @lock: protects @ready, @count, @forgotten and @failed
 * @moved: one of them changed, or @over did
 * @ready: keys, oldest first
 * @forgotten: how often all were
 * @failed: the last one could not be made
 * @over: the thread is to end, also in the midst of a key
 */
struct e2ee_keypool {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	EVP_PKEY *ready[READY_MAX];
	unsigned int count;
	unsigned int forgotten;
	bool failed;
	atomic_bool over;
};

/* Asked for each number that is tried: 0 ends it */
static int keypool_goes_on(EVP_PKEY_CTX *ctx)
{
	struct e2ee_keypool *keypool = EVP_PKEY_CTX_get_app_data(ctx);

	return !atomic_load(&keypool->over);
}

static EVP_PKEY *keypool_make(struct e2ee_keypool *keypool)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_keygen_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, E2EE_RSA_BITS) == 1) {
		EVP_PKEY_CTX_set_app_data(ctx, keypool);
		EVP_PKEY_CTX_set_cb(ctx, keypool_goes_on);
		if (EVP_PKEY_keygen(ctx, &key) != 1)
			key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* After a failure it waits to be asked, and tries once more */
static bool keypool_rests(const struct e2ee_keypool *keypool)
{
	return !atomic_load(&keypool->over) &&
	       (keypool->count == READY_MAX || keypool->failed);
}

static void *keypool_run(void *arg)
{
	struct e2ee_keypool *keypool = arg;

	pthread_mutex_lock(&keypool->lock);
	while (!atomic_load(&keypool->over)) {
		unsigned int forgotten = keypool->forgotten;
		EVP_PKEY *key;

		if (keypool_rests(keypool)) {
			pthread_cond_wait(&keypool->moved, &keypool->lock);
			continue;
		}
		pthread_mutex_unlock(&keypool->lock);
		key = keypool_make(keypool);
		pthread_mutex_lock(&keypool->lock);
		if (forgotten != keypool->forgotten) {
			EVP_PKEY_free(key);
			continue;
		}
		keypool->failed = !key;
		if (key)
			keypool->ready[keypool->count++] = key;
		pthread_cond_broadcast(&keypool->moved);
	}
	pthread_mutex_unlock(&keypool->lock);
	/* What OpenSSL keeps for a thread goes with it */
	OPENSSL_thread_stop();
	return NULL;
}

/* Signals are the caller's */
static int keypool_start(struct e2ee_keypool *keypool)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&keypool->thread, NULL, keypool_run, keypool);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -ret;
}

int e2ee_keypool_new(struct e2ee_keypool **keypool)
{
	struct e2ee_keypool *new = OPENSSL_zalloc(sizeof(*new));
	int ret;

	*keypool = NULL;
	if (!new)
		return -ENOMEM;
	pthread_mutex_init(&new->lock, NULL);
	pthread_cond_init(&new->moved, NULL);
	ret = keypool_start(new);
	if (!ret) {
		*keypool = new;
		return 0;
	}
	pthread_cond_destroy(&new->moved);
	pthread_mutex_destroy(&new->lock);
	OPENSSL_free(new);
	return ret;
}

void e2ee_keypool_free(struct e2ee_keypool *keypool)
{
	if (!keypool)
		return;
	pthread_mutex_lock(&keypool->lock);
	atomic_store(&keypool->over, true);
	pthread_cond_broadcast(&keypool->moved);
	pthread_mutex_unlock(&keypool->lock);
	pthread_join(keypool->thread, NULL);
	while (keypool->count)
		EVP_PKEY_free(keypool->ready[--keypool->count]);
	pthread_cond_destroy(&keypool->moved);
	pthread_mutex_destroy(&keypool->lock);
	OPENSSL_free(keypool);
}

void e2ee_keypool_forget(struct e2ee_keypool *keypool)
{
	pthread_mutex_lock(&keypool->lock);
	keypool->forgotten++;
	while (keypool->count)
		EVP_PKEY_free(keypool->ready[--keypool->count]);
	pthread_cond_broadcast(&keypool->moved);
	pthread_mutex_unlock(&keypool->lock);
}

EVP_PKEY *e2ee_keypool_take(struct e2ee_keypool *keypool)
{
	EVP_PKEY *key = NULL;

	pthread_mutex_lock(&keypool->lock);
	keypool->failed = false;
	pthread_cond_broadcast(&keypool->moved);
	while (!keypool->count && !keypool->failed)
		pthread_cond_wait(&keypool->moved, &keypool->lock);
	if (keypool->count) {
		key = keypool->ready[0];
		for (unsigned int i = 1; i < keypool->count; i++)
			keypool->ready[i - 1] = keypool->ready[i];
		keypool->count--;
		pthread_cond_broadcast(&keypool->moved);
	}
	pthread_mutex_unlock(&keypool->lock);
	return key;
}
