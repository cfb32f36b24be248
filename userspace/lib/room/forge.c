// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One thread and a small store. The thread makes a key while nobody holds the
 * lock, and touches nothing else of the library.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/crypto.h>
#include <openssl/rsa.h>

#include "forge.h"

#define READY_MAX	2		/* a room renews twice in a row at most */

/**
 * struct e2ee_forge
 * @lock: protects @ready, @count, @forgotten and @failed
 * @moved: one of them changed, or @over did
 * @ready: keys, oldest first
 * @forgotten: how often all were
 * @failed: the last one could not be made
 * @over: the thread is to end, also in the midst of a key
 */
struct e2ee_forge {
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
static int forge_goes_on(EVP_PKEY_CTX *ctx)
{
	struct e2ee_forge *forge = EVP_PKEY_CTX_get_app_data(ctx);

	return !atomic_load(&forge->over);
}

static EVP_PKEY *forge_make(struct e2ee_forge *forge)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_keygen_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, E2EE_RSA_BITS) == 1) {
		EVP_PKEY_CTX_set_app_data(ctx, forge);
		EVP_PKEY_CTX_set_cb(ctx, forge_goes_on);
		if (EVP_PKEY_keygen(ctx, &key) != 1)
			key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* After a failure it waits to be asked, and tries once more */
static bool forge_rests(const struct e2ee_forge *forge)
{
	return !atomic_load(&forge->over) &&
	       (forge->count == READY_MAX || forge->failed);
}

static void *forge_run(void *arg)
{
	struct e2ee_forge *forge = arg;

	pthread_mutex_lock(&forge->lock);
	while (!atomic_load(&forge->over)) {
		unsigned int forgotten = forge->forgotten;
		EVP_PKEY *key;

		if (forge_rests(forge)) {
			pthread_cond_wait(&forge->moved, &forge->lock);
			continue;
		}
		pthread_mutex_unlock(&forge->lock);
		key = forge_make(forge);
		pthread_mutex_lock(&forge->lock);
		if (forgotten != forge->forgotten) {
			EVP_PKEY_free(key);
			continue;
		}
		forge->failed = !key;
		if (key)
			forge->ready[forge->count++] = key;
		pthread_cond_broadcast(&forge->moved);
	}
	pthread_mutex_unlock(&forge->lock);
	/* What OpenSSL keeps for a thread goes with it */
	OPENSSL_thread_stop();
	return NULL;
}

/* Signals are the caller's */
static int forge_start(struct e2ee_forge *forge)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&forge->thread, NULL, forge_run, forge);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -ret;
}

int e2ee_forge_new(struct e2ee_forge **forge)
{
	struct e2ee_forge *new = OPENSSL_zalloc(sizeof(*new));
	int ret;

	*forge = NULL;
	if (!new)
		return -ENOMEM;
	pthread_mutex_init(&new->lock, NULL);
	pthread_cond_init(&new->moved, NULL);
	ret = forge_start(new);
	if (!ret) {
		*forge = new;
		return 0;
	}
	pthread_cond_destroy(&new->moved);
	pthread_mutex_destroy(&new->lock);
	OPENSSL_free(new);
	return ret;
}

void e2ee_forge_free(struct e2ee_forge *forge)
{
	if (!forge)
		return;
	pthread_mutex_lock(&forge->lock);
	atomic_store(&forge->over, true);
	pthread_cond_broadcast(&forge->moved);
	pthread_mutex_unlock(&forge->lock);
	pthread_join(forge->thread, NULL);
	while (forge->count)
		EVP_PKEY_free(forge->ready[--forge->count]);
	pthread_cond_destroy(&forge->moved);
	pthread_mutex_destroy(&forge->lock);
	OPENSSL_free(forge);
}

void e2ee_forge_forget(struct e2ee_forge *forge)
{
	pthread_mutex_lock(&forge->lock);
	forge->forgotten++;
	while (forge->count)
		EVP_PKEY_free(forge->ready[--forge->count]);
	pthread_cond_broadcast(&forge->moved);
	pthread_mutex_unlock(&forge->lock);
}

EVP_PKEY *e2ee_forge_take(struct e2ee_forge *forge)
{
	EVP_PKEY *key = NULL;

	pthread_mutex_lock(&forge->lock);
	forge->failed = false;
	pthread_cond_broadcast(&forge->moved);
	while (!forge->count && !forge->failed)
		pthread_cond_wait(&forge->moved, &forge->lock);
	if (forge->count) {
		key = forge->ready[0];
		for (unsigned int i = 1; i < forge->count; i++)
			forge->ready[i - 1] = forge->ready[i];
		forge->count--;
		pthread_cond_broadcast(&forge->moved);
	}
	pthread_mutex_unlock(&forge->lock);
	return key;
}
