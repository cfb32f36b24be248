// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is left of a call in memory once it was left: nothing secret. All that a
 * core dump would hold is searched, byte by byte, for every secret of the call.
 *
 * Linked with --wrap, so that secrets are seen where they are made.
 */
#include <stddef.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "../tap.h"
#include "hpke.h"
#include "memory.h"
#include "sframe.h"
#include "world.h"

#define LEN		32

enum kind {
	RAW, EPOCH_SECRET, BASE_KEY, MEDIA_KEY, DH_KEY, AUTHENTICATOR, KINDS
};

static const char *const kind_names[KINDS] = {
	"raw secrets of EPOCHs", "epoch secrets", "base keys", "media keys",
	"private keys of key packages", "authenticators of verifications",
};

/*
 * Secrets whose bytes cannot be searched for: those on the stack are overwritten
 * by chance, and nonces of a verification are public in the end. For them it is
 * noted where they are, and taken off the list when that place is wiped.
 */
#define PLACES_MAX	64

enum place_kind { DH_SECRET, SAS_NONCE, PLACE_KINDS };

static struct place {
	const uint8_t *at;
	enum place_kind kind;
} places[PLACES_MAX];
static size_t place_count;
static unsigned int noted[PLACE_KINDS], reused[PLACE_KINDS];
static unsigned int agreed[2], agreed_left[2];	/* by receivers, by senders */

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

static void place_forget(size_t i)
{
	places[i] = places[--place_count];
}

/* A place that holds a secret again was not wiped in between */
static void place_note(enum place_kind kind, const uint8_t *at)
{
	if (!listening)
		return;
	for (size_t i = 0; i < place_count; i++) {
		if (places[i].at >= at + LEN || at >= places[i].at + LEN)
			continue;
		reused[places[i].kind]++;
		place_forget(i--);
	}
	if (place_count == PLACES_MAX)
		abort();
	places[place_count++] = (struct place){ at, kind };
	noted[kind]++;
}

static unsigned int places_left(enum place_kind kind)
{
	unsigned int count = reused[kind];

	for (size_t i = 0; i < place_count; i++)
		count += places[i].kind == kind;
	return count;
}

void __real_OPENSSL_cleanse(void *at, size_t len);
void __wrap_OPENSSL_cleanse(void *at, size_t len);
void __wrap_OPENSSL_cleanse(void *at, size_t len)
{
	const uint8_t *from = at;

	__real_OPENSSL_cleanse(at, len);
	for (size_t i = place_count; i-- > 0; )
		if (places[i].at >= from && places[i].at + LEN <= from + len)
			place_forget(i);
}

int __real_EVP_PKEY_derive(EVP_PKEY_CTX *ctx, unsigned char *key, size_t *len);
int __wrap_EVP_PKEY_derive(EVP_PKEY_CTX *ctx, unsigned char *key, size_t *len);
int __wrap_EVP_PKEY_derive(EVP_PKEY_CTX *ctx, unsigned char *key, size_t *len)
{
	place_note(DH_SECRET, key);
	return __real_EVP_PKEY_derive(ctx, key, len);
}

/*
 * Both sides of a key agreement wipe its secret before they return: later, others
 * would have wiped the same place of the stack by chance.
 */
static void agreement_ends(bool sender)
{
	agreed[sender]++;
	agreed_left[sender] += places_left(DH_SECRET);
	reused[DH_SECRET] = 0;
	for (size_t i = place_count; i-- > 0; )
		if (places[i].kind == DH_SECRET)
			place_forget(i);
}

int __real_e2ee_hpke_encap(EVP_PKEY *ephemeral, const uint8_t *public,
			   uint8_t *enc, uint8_t *shared);
int __wrap_e2ee_hpke_encap(EVP_PKEY *ephemeral, const uint8_t *public,
			   uint8_t *enc, uint8_t *shared);
int __wrap_e2ee_hpke_encap(EVP_PKEY *ephemeral, const uint8_t *public,
			   uint8_t *enc, uint8_t *shared)
{
	int err = __real_e2ee_hpke_encap(ephemeral, public, enc, shared);

	agreement_ends(true);
	return err;
}

int __real_e2ee_hpke_decap(EVP_PKEY *private, const uint8_t *enc,
			   uint8_t *shared);
int __wrap_e2ee_hpke_decap(EVP_PKEY *private, const uint8_t *enc,
			   uint8_t *shared);
int __wrap_e2ee_hpke_decap(EVP_PKEY *private, const uint8_t *enc,
			   uint8_t *shared)
{
	int err = __real_e2ee_hpke_decap(private, enc, shared);

	agreement_ends(false);
	return err;
}

int __real_e2ee_sas_commit(const struct e2ee_sas_context *context,
			   const char *dev, const uint8_t *nonce,
			   uint8_t *commitment);
int __wrap_e2ee_sas_commit(const struct e2ee_sas_context *context,
			   const char *dev, const uint8_t *nonce,
			   uint8_t *commitment);
int __wrap_e2ee_sas_commit(const struct e2ee_sas_context *context,
			   const char *dev, const uint8_t *nonce,
			   uint8_t *commitment)
{
	const ptrdiff_t apart = (ptrdiff_t)offsetof(struct e2ee_sas_share,
						    commitment) -
				(ptrdiff_t)offsetof(struct e2ee_sas_share,
						    nonce);

	/* one's own is beside its commitment; those of others are in messages */
	if (commitment - nonce == apart)
		place_note(SAS_NONCE, nonce);
	return __real_e2ee_sas_commit(context, dev, nonce, commitment);
}

int __real_e2ee_schedule_authenticator(const uint8_t *secret, const uint8_t *t,
				       uint8_t *authenticator);
int __wrap_e2ee_schedule_authenticator(const uint8_t *secret, const uint8_t *t,
				       uint8_t *authenticator);
int __wrap_e2ee_schedule_authenticator(const uint8_t *secret, const uint8_t *t,
				       uint8_t *authenticator)
{
	int err = __real_e2ee_schedule_authenticator(secret, t, authenticator);

	remember(AUTHENTICATOR, authenticator);
	return err;
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
	for (unsigned int i = 0; i < 2; i++)
		ok(agreed[i] && noted[DH_SECRET] == agreed[0] + agreed[1] &&
		   !agreed_left[i],
		   "of %u secrets of key agreements, %u were not wiped by the %s",
		   agreed[i], agreed_left[i], i ? "sender" : "receiver");
	ok(noted[SAS_NONCE] && !places_left(SAS_NONCE),
	   "of %u nonces of verifications, %u were not wiped",
	   noted[SAS_NONCE], places_left(SAS_NONCE));
	world_close(&world);
	return tap_end();
}
