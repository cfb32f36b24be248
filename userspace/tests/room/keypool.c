// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * RSA keys made ahead: who takes one does not wait, who ends does not either,
 * and nothing of a key stays.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rsa.h>

#include "../tap.h"
#include "keypool.h"
#include "memory.h"

#define HALF		192		/* bytes of a prime */
#define ROUNDS		40
#define TRIES		2

/* CPU time that a key takes, at least */
static double key_ms;

/* Of this process, all threads: the machine may be busy with others */
static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void measure_key(void)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		double spent = -cpu_ms();
		EVP_PKEY *key = EVP_RSA_gen(E2EE_RSA_BITS);

		spent += cpu_ms();
		EVP_PKEY_free(key);
		key_ms = i && key_ms < spent ? key_ms : spent;
	}
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* The only thread but this one sleeps: all that it may make ahead is made */
static bool keypool_sleeps(void)
{
	struct dirent *entry;
	bool sleeps = true;
	DIR *tasks = opendir("/proc/self/task");

	while (tasks && (entry = readdir(tasks))) {
		char path[300], text[512] = "", *state;
		FILE *file;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/stat",
			 entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		state = fgets(text, sizeof(text), file) ? strrchr(text, ')') :
							  NULL;
		sleeps = state && state[2] == 'S';
		fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return sleeps;
}

/* Asked some times in a row: it sleeps for a lock now and then, too */
static void keypool_fills(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	unsigned int asleep = 0;

	while (asleep < 30) {
		asleep = keypool_sleeps() ? asleep + 1 : 0;
		nanosleep(&moment, NULL);
	}
}

static void remember(EVP_PKEY *key)
{
	static const char *const parts[] = {
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_D,
	};
	uint8_t bytes[2 * HALF];

	for (unsigned int i = 0; i < 3; i++) {
		BIGNUM *number = NULL;
		int len = i == 2 ? 2 * HALF : HALF;

		/* as OpenSSL has it: least significant first */
		if (EVP_PKEY_get_bn_param(key, parts[i], &number) != 1 ||
		    BN_bn2lebinpad(number, bytes, len) != len)
			abort();
		memory_remember(i, bytes, (size_t)len);
		BN_clear_free(number);
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
}

/* Two that are there: what taking them costs; the other thread goes on */
static double take_two(struct e2ee_keypool *keypool, EVP_PKEY *keys[2])
{
	double spent;

	keypool_fills();
	spent = -cpu_ms();
	keys[0] = e2ee_keypool_take(keypool);
	keys[1] = e2ee_keypool_take(keypool);
	return spent + cpu_ms();
}

static void test_take(void)
{
	EVP_PKEY *keys[2 + 2 * TRIES] = { NULL };
	struct e2ee_keypool *keypool;
	double spent, least = 0;
	unsigned int num = 1;

	if (!ok(!e2ee_keypool_new(&keypool), "a keypool"))
		return;
	keys[0] = e2ee_keypool_take(keypool);
	ok(keys[0] && EVP_PKEY_get_bits(keys[0]) == E2EE_RSA_BITS &&
	   EVP_PKEY_is_a(keys[0], "RSA"), "the first is waited for: %d bits",
	   keys[0] ? EVP_PKEY_get_bits(keys[0]) : 0);
	for (unsigned int i = 0; i < TRIES; i++, num += 2) {
		spent = take_two(keypool, keys + num);
		least = i && least < spent ? least : spent;
	}
	ok(least < key_ms / 4,
	   "two more are there at once: %.1f ms, making one takes %.0f ms",
	   least, key_ms);
	keys[num] = e2ee_keypool_take(keypool);
	ok(keys[num++] != NULL, "who takes them too fast waits");
	for (unsigned int i = 0; i < num; i++)
		for (unsigned int k = 0; k < i; k++)
			if (!keys[i] || EVP_PKEY_eq(keys[i], keys[k]) == 1)
				ok(false, "keys %u and %u are one", i, k);
	while (num--)
		EVP_PKEY_free(keys[num]);
	e2ee_keypool_free(keypool);
}

/* A copy of the machine has the same ones */
static void test_forget(void)
{
	struct e2ee_keypool *keypool;
	EVP_PKEY *key;
	double spent;

	if (e2ee_keypool_new(&keypool))
		abort();
	keypool_fills();
	e2ee_keypool_forget(keypool);
	spent = -cpu_ms();
	key = e2ee_keypool_take(keypool);
	spent += cpu_ms();
	ok(key && spent > key_ms / 10,
	   "forgotten: none of before is there, the next takes %.0f ms", spent);
	EVP_PKEY_free(key);
	e2ee_keypool_forget(keypool);
	e2ee_keypool_free(keypool);
}

/* Ended at all moments of making one */
static void test_end(void)
{
	double spent[ROUNDS];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const struct timespec moment = { .tv_nsec = 5000000 * (int)i };
		struct e2ee_keypool *keypool;

		if (e2ee_keypool_new(&keypool))
			abort();
		nanosleep(&moment, NULL);
		spent[i] = -cpu_ms();
		e2ee_keypool_free(keypool);
		spent[i] += cpu_ms();
	}
	qsort(spent, ROUNDS, sizeof(spent[0]), compare);
	ok(spent[ROUNDS / 2] < key_ms / 4,
	   "its end waits for no key: %.1f ms in the median, %.1f at most",
	   spent[ROUNDS / 2], spent[ROUNDS - 1]);
	e2ee_keypool_free(NULL);
}

static void test_wipe(void)
{
	unsigned int found[MEMORY_KINDS];
	struct e2ee_keypool *keypool;
	EVP_PKEY *keys[3];

	if (e2ee_keypool_new(&keypool))
		abort();
	for (unsigned int i = 0; i < 3; i++) {
		keys[i] = e2ee_keypool_take(keypool);
		remember(keys[i]);
	}
	memory_search(found);
	ok(found[0] && found[1] && found[2],
	   "the search finds keys that are in use: %u, %u, %u pieces", found[0],
	   found[1], found[2]);
	for (unsigned int i = 0; i < 3; i++)
		EVP_PKEY_free(keys[i]);
	e2ee_keypool_free(keypool);
	memory_search(found);
	ok(!found[0] && !found[1] && !found[2],
	   "nothing stays of them: %u, %u, %u pieces of %zu", found[0], found[1],
	   found[2], memory_pieces());
}

int main(void)
{
	measure_key();
	test_take();
	test_forget();
	test_end();
	test_wipe();
	return tap_end();
}
