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

#include "../tap.h"
#include "forge.h"
#include "memory.h"

#define HALF		192		/* bytes of a prime */
#define ROUNDS		40

/* Of this process, all threads: the machine may be busy with others */
static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The only thread but this one sleeps: all that it may make ahead is made */
static bool forge_sleeps(void)
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
static void forge_fills(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	unsigned int asleep = 0;

	while (asleep < 30) {
		asleep = forge_sleeps() ? asleep + 1 : 0;
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

static void test_take(void)
{
	struct e2ee_forge *forge;
	EVP_PKEY *keys[4];
	double before, spent;

	if (!ok(!e2ee_forge_new(&forge), "a forge"))
		return;
	keys[0] = e2ee_forge_take(forge);
	ok(keys[0] && EVP_PKEY_get_bits(keys[0]) == E2EE_RSA_BITS &&
	   EVP_PKEY_is_a(keys[0], "RSA"), "the first is waited for: %d bits",
	   keys[0] ? EVP_PKEY_get_bits(keys[0]) : 0);
	forge_fills();
	before = cpu_ms();
	keys[1] = e2ee_forge_take(forge);
	keys[2] = e2ee_forge_take(forge);
	spent = cpu_ms() - before;
	/* The thread works on the next one meanwhile, for a moment */
	ok(keys[1] && keys[2] && spent < 50,
	   "two more are there at once: %.1f ms", spent);
	keys[3] = e2ee_forge_take(forge);
	ok(keys[3] != NULL, "who takes them too fast waits");
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int k = 0; k < i; k++)
			if (EVP_PKEY_eq(keys[i], keys[k]) == 1)
				ok(false, "keys %u and %u are one", i, k);
	for (unsigned int i = 0; i < 4; i++)
		EVP_PKEY_free(keys[i]);
	e2ee_forge_free(forge);
}

/* A copy of the machine has the same ones */
static void test_forget(void)
{
	struct e2ee_forge *forge;
	EVP_PKEY *key;
	double before;

	if (e2ee_forge_new(&forge))
		abort();
	forge_fills();
	e2ee_forge_forget(forge);
	before = cpu_ms();
	key = e2ee_forge_take(forge);
	ok(key && cpu_ms() - before > 20,
	   "forgotten: none of before is there, the next takes %.0f ms",
	   cpu_ms() - before);
	EVP_PKEY_free(key);
	e2ee_forge_forget(forge);
	e2ee_forge_free(forge);
}

/* Ended at all moments of making one */
static void test_end(void)
{
	double most = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const struct timespec moment = { .tv_nsec = 5000000 * (int)i };
		struct e2ee_forge *forge;
		double before;

		if (e2ee_forge_new(&forge))
			abort();
		nanosleep(&moment, NULL);
		before = cpu_ms();
		e2ee_forge_free(forge);
		before = cpu_ms() - before;
		most = before > most ? before : most;
	}
	ok(most < 100, "its end waits for no key: %.1f ms at most", most);
	e2ee_forge_free(NULL);
}

static void test_wipe(void)
{
	unsigned int found[MEMORY_KINDS];
	struct e2ee_forge *forge;
	EVP_PKEY *keys[3];

	if (e2ee_forge_new(&forge))
		abort();
	for (unsigned int i = 0; i < 3; i++) {
		keys[i] = e2ee_forge_take(forge);
		remember(keys[i]);
	}
	memory_search(found);
	ok(found[0] && found[1] && found[2],
	   "the search finds keys that are in use: %u, %u, %u pieces", found[0],
	   found[1], found[2]);
	for (unsigned int i = 0; i < 3; i++)
		EVP_PKEY_free(keys[i]);
	e2ee_forge_free(forge);
	memory_search(found);
	ok(!found[0] && !found[1] && !found[2],
	   "nothing stays of them: %u, %u, %u pieces of %zu", found[0], found[1],
	   found[2], memory_pieces());
}

int main(void)
{
	test_take();
	test_forget();
	test_end();
	test_wipe();
	return tap_end();
}
