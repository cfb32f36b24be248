// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is left of a call in memory once it was left: nothing secret. All that a
 * core dump would hold is searched, byte by byte, for every secret of the call.
 *
 * Linked with --wrap, so that secrets are seen where they are made. The copies
 * for comparison are kept under a mask: they must not be found themselves. Pieces of 8 bytes count.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "../tap.h"
#include "sframe.h"
#include "world.h"

#define SECRETS_MAX	16384
#define LEN		32
#define FRAGMENT	8		/* what freeing overwrites is not all of it */
#define MASK		0x5a

enum kind { RAW, EPOCH_SECRET, BASE_KEY, MEDIA_KEY, DH_KEY, KINDS };

static const char *const kind_names[KINDS] = {
	"raw secrets of EPOCHs", "epoch secrets", "base keys", "media keys",
	"private keys of key packages",
};

static struct {
	enum kind kind;
	uint8_t masked[FRAGMENT];
} secrets[SECRETS_MAX];
static size_t secret_count;
static unsigned int known[KINDS], found[KINDS];
static uint8_t first[65536];		/* some secret begins like this */
static bool listening;
static struct world world;

static void remember(enum kind kind, const uint8_t *secret)
{
	if (!listening)
		return;
	for (unsigned int part = 0; part < LEN; part += FRAGMENT) {
		if (secret_count == SECRETS_MAX)
			abort();
		secrets[secret_count].kind = kind;
		for (unsigned int i = 0; i < FRAGMENT; i++)
			secrets[secret_count].masked[i] =
				secret[part + i] ^ MASK;
		secret_count++;
	}
	known[kind]++;
}

int __real_e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw,
				uint8_t *secret);
int __wrap_e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw,
				uint8_t *secret);
int __wrap_e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw,
				uint8_t *secret)
{
	int err = __real_e2ee_schedule_secret(t, raw, secret);

	remember(RAW, raw);
	remember(EPOCH_SECRET, secret);
	return err;
}

int __real_e2ee_sframe_derive_all(uint32_t suite, const void *base_key,
				  size_t len,
				  struct e2ee_sframe_key *keys,
				  size_t count);
int __wrap_e2ee_sframe_derive_all(uint32_t suite, const void *base_key,
				  size_t len,
				  struct e2ee_sframe_key *keys,
				  size_t count);
int __wrap_e2ee_sframe_derive_all(uint32_t suite, const void *base_key,
				  size_t len,
				  struct e2ee_sframe_key *keys,
				  size_t count)
{
	int err = __real_e2ee_sframe_derive_all(suite, base_key, len, keys,
						count);

	remember(BASE_KEY, base_key);
	for (size_t i = 0; i < count; i++)
		remember(MEDIA_KEY, keys[i].key);
	return err;
}

int __real_e2ee_wrap_key_new(uint32_t suite, struct e2ee_wrap_key **key,
			     uint8_t *public, size_t *public_len);
int __wrap_e2ee_wrap_key_new(uint32_t suite, struct e2ee_wrap_key **key,
			     uint8_t *public, size_t *public_len);
int __wrap_e2ee_wrap_key_new(uint32_t suite, struct e2ee_wrap_key **key,
			     uint8_t *public, size_t *public_len)
{
	/* of wrap.c, who does not show it to others */
	struct mirror {
		uint32_t suite;
		EVP_PKEY *key;
	};
	int err = __real_e2ee_wrap_key_new(suite, key, public, public_len);
	uint8_t private[LEN];
	size_t len = LEN;

	if (!err && EVP_PKEY_get_raw_private_key(((struct mirror *)*key)->key,
						 private, &len) == 1)
		remember(DH_KEY, private);
	OPENSSL_cleanse(private, sizeof(private));
	return err;
}

static void search_range(const uint8_t *from, const uint8_t *to)
{
	for (; from + FRAGMENT <= to; from++) {
		uint16_t begin = (uint16_t)(from[0] << 8 | from[1]);

		if (!first[begin])
			continue;
		for (size_t s = 0; s < secret_count; s++) {
			unsigned int i = 0;

			while (i < FRAGMENT && (from[i] ^ MASK) ==
					       secrets[s].masked[i])
				i++;
			if (i < FRAGMENT)
				continue;
			if (found[secrets[s].kind]++ || listening)
				continue;
			printf("# a piece of the %s at %p\n",
			       kind_names[secrets[s].kind], (const void *)from);
		}
	}
}

/* Every page of this process that can be written */
static size_t search(void)
{
	uintptr_t ranges[512][2];
	size_t count = 0, bytes = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");

	memset(found, 0, sizeof(found));
	memset(first, 0, sizeof(first));
	for (size_t s = 0; s < secret_count; s++)
		first[(secrets[s].masked[0] ^ MASK) << 8 |
		      (secrets[s].masked[1] ^ MASK)] = 1;
	while (maps && count < 512 && fgets(line, sizeof(line), maps)) {
		char mode[8];

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s",
			   &ranges[count][0], &ranges[count][1], mode) == 3 &&
		    mode[0] == 'r' && mode[1] == 'w')
			count++;
	}
	if (maps)
		fclose(maps);
	for (size_t i = 0; i < count; i++) {
		search_range((const uint8_t *)ranges[i][0],
			     (const uint8_t *)ranges[i][1]);
		bytes += ranges[i][1] - ranges[i][0];
	}
	return bytes;
}

static unsigned int found_total(void)
{
	unsigned int total = 0;

	for (unsigned int kind = 0; kind < KINDS; kind++)
		total += found[kind];
	return total;
}

static void call(void)
{
	struct node *nodes = world.nodes;

	node_start(world_add(&world, "alice"));
	node_start(world_add(&world, "bob"));
	ok(world_until(&world, 20 * SECOND, world_is_one, NULL), "a call of two");
	e2ee_room_verify(nodes[0].room, world.now);
	world_run(&world, 5 * SECOND);
	for (unsigned int i = 0; i < 5; i++) {
		e2ee_room_rekey(nodes[0].room, world.now);
		e2ee_room_rekey(nodes[1].room, world.now);
		world_run(&world, 15 * SECOND);
	}
	/* a key package of another time: 10 minutes */
	world_run(&world, 11 * MINUTE);
}

int main(void)
{
	size_t bytes;

	listening = true;
	world_open(&world, 3);
	call();
	bytes = search();
	ok(found[EPOCH_SECRET] && found[MEDIA_KEY],
	   "during the call the search finds what is in use: %u pieces of %zu in %zu bytes",
	   found_total(), secret_count, bytes);
	ok(!found[RAW], "raw secrets are gone even then: %u found", found[RAW]);
	for (unsigned int i = 0; i < 2; i++)
		e2ee_room_leave(world.nodes[i].room, world.now);
	world_run(&world, 5 * SECOND);
	listening = false;
	ok(world.nodes[0].out_at && world.nodes[1].out_at, "both have left");
	world_wipe(&world);
	bytes = search();
	for (unsigned int kind = 0; kind < KINDS; kind++)
		ok(known[kind] && !found[kind], "after leaving: %s: %u pieces of %u found",
		   kind_names[kind], found[kind], known[kind]);
	world_close(&world);
	return tap_end();
}
