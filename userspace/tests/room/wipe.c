// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is left of a call in memory once it was left: nothing secret. All that a
 * core dump would hold is searched, byte by byte, for every secret of the call.
 *
 * Linked with --wrap, so that secrets are seen where they are made.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "../tap.h"
#include "memory.h"
#include "sframe.h"
#include "world.h"

#define LEN		32

enum kind { RAW, EPOCH_SECRET, BASE_KEY, MEDIA_KEY, DH_KEY, KINDS };

static const char *const kind_names[KINDS] = {
	"raw secrets of EPOCHs", "epoch secrets", "base keys", "media keys",
	"private keys of key packages",
};

static unsigned int known[KINDS], found[MEMORY_KINDS];
static bool listening;
static struct world world;

static void remember(enum kind kind, const uint8_t *secret)
{
	if (!listening)
		return;
	memory_remember(kind, secret, LEN);
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
	bytes = memory_search(found);
	ok(found[EPOCH_SECRET] && found[MEDIA_KEY],
	   "during the call the search finds what is in use: %u pieces of %zu in %zu bytes",
	   found_total(), memory_pieces(), bytes);
	ok(!found[RAW], "raw secrets are gone even then: %u found", found[RAW]);
	for (unsigned int i = 0; i < 2; i++)
		e2ee_room_leave(world.nodes[i].room, world.now);
	world_run(&world, 5 * SECOND);
	listening = false;
	ok(world.nodes[0].out_at && world.nodes[1].out_at, "both have left");
	world_wipe(&world);
	bytes = memory_search(found);
	for (unsigned int kind = 0; kind < KINDS; kind++)
		ok(known[kind] && !found[kind], "after leaving: %s: %u pieces of %u found",
		   kind_names[kind], found[kind], known[kind]);
	world_close(&world);
	return tap_end();
}
