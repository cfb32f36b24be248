// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Key derivations against published vectors: those of selftests/vectors, and
 * for the suites that came after the RFC the rows below.
 */
#include <errno.h>
#include <string.h>

#include <e2ee/sframe.h>

#include "tap.h"
#include "vectors.h"

static void derive_one(const char *file, struct json_object *vector)
{
	uint8_t base[BYTES_MAX], want_key[BYTES_MAX], want_salt[BYTES_MAX];
	uint8_t key[E2EE_SFRAME_KEY_MAX], salt[E2EE_SFRAME_SALT_LEN];
	uint32_t suite = (uint32_t)number(vector, "cipher_suite");
	size_t base_len, key_len;

	base_len = bytes(vector, "base_key", base);
	key_len = bytes(vector, "sframe_key", want_key);
	bytes(vector, "sframe_salt", want_salt);
	ok(e2ee_sframe_key_len(suite) == key_len, "%s: suite %u: key length",
	   file, suite);
	ok(!e2ee_sframe_derive(suite, base, base_len, number(vector, "kid"),
			       key, salt) &&
		   !memcmp(key, want_key, key_len) &&
		   !memcmp(salt, want_salt, sizeof(salt)),
	   "%s: suite %u: key and salt", file, suite);
}

/* Lists of vectors that hold a base key, under any name */
static void derive_file(const char *file, unsigned int expected)
{
	struct json_object *root = vectors(file);
	unsigned int count = 0;

	if (!root)
		return;
	json_object_object_foreach(root, name, list) {
		size_t i;

		(void)name;
		if (!json_object_is_type(list, json_type_array))
			continue;
		for (i = 0; i < json_object_array_length(list); i++) {
			struct json_object *vector;

			vector = json_object_array_get_idx(list, i);
			if (!*text(vector, "sframe_key"))
				continue;
			derive_one(file, vector);
			count++;
		}
	}
	ok(count == expected, "%s: %u vectors, as many as it should have", file,
	   count);
	json_object_put(root);
}

/*
 * AES-256-CTR-HMAC-SHA512 suites: github.com/sframe-wg/sframe, test vectors of
 * September 2025, with the base key 00 01 .. 0f and KID 0x123.
 */
static const struct {
	uint32_t suite;
	const char *key;
	const char *salt;
} later_suites[] = {
	{ 6,
	  "3c343886ec1c79278836863e00fe934c8894460cfa367ebdc4856b0a"
	  "9268a4f4fb99437876819394ef90b10ee12602d023f7128ee50f2314"
	  "c2cc3cff4c56616d2fe03ad2a254cc2ed29b2a4d3f2534c0dda9e7c3"
	  "91ad1917ea07aa221dd4b224",
	  "e082f7ce012ad30c87c49e3f" },
	{ 7,
	  "7271d6c6cbccd2e2343d480ebea65718a7bb379eefcf3f8d107c1e2a"
	  "76e755293a497fd9e4e8291b965161987ef4ef24983eabb06cb0a392"
	  "defaab18654780a39c106ffa4a47d4183a6e593cd0c1bcab2b9c6dcf"
	  "049215845bfb7580c4dea80e",
	  "46b4367993a314910d4d9f3d" },
	{ 8,
	  "afe92c81e0df8c00fab619e0559fe5aeefce1ef77789d4c728af1b1c"
	  "1f2e3552c405d274415a5291ec075c2d9954c450fbd36682a4e97849"
	  "4808b703ce78b409f9fec29b91e6e703a75c4131377c80c9d51b8906"
	  "088092452e2593eb142eea2d",
	  "f6de647bac1263524cfb6533" },
};

static void derive_later(void)
{
	uint8_t key[E2EE_SFRAME_KEY_MAX], salt[E2EE_SFRAME_SALT_LEN];
	uint8_t want_key[BYTES_MAX], want_salt[BYTES_MAX], base[16];
	size_t i, len;

	unhex("000102030405060708090a0b0c0d0e0f", base);
	for (i = 0; i < sizeof(later_suites) / sizeof(later_suites[0]); i++) {
		uint32_t suite = later_suites[i].suite;

		len = unhex(later_suites[i].key, want_key);
		unhex(later_suites[i].salt, want_salt);
		ok(e2ee_sframe_key_len(suite) == len, "suite %u: key length",
		   suite);
		ok(!e2ee_sframe_derive(suite, base, sizeof(base), 0x123, key,
				       salt) &&
			   !memcmp(key, want_key, len) &&
			   !memcmp(salt, want_salt, sizeof(salt)),
		   "suite %u: key and salt", suite);
	}
}

static void ssrc_suite(struct json_object *vector, uint32_t suite)
{
	uint8_t base[BYTES_MAX], want[BYTES_MAX], key[E2EE_SFRAME_HASH_MAX];
	uint32_t ssrc = (uint32_t)number(vector, "ssrc");
	size_t base_len, len;

	base_len = bytes(vector, "base_key", base);
	len = bytes(vector, "ssrc_key", want);
	ok(e2ee_sframe_hash_len(suite) == len, "suite %u: hash length", suite);
	ok(!e2ee_sframe_ssrc_key(suite, base, base_len, ssrc, key) &&
		   !memcmp(key, want, len),
	   "suite %u, ssrc %u: key of the stream", suite, ssrc);
	bytes(vector, "ssrc_key_ratchet_1", want);
	ok(!e2ee_sframe_ratchet(suite, key, len, key) &&
		   !memcmp(key, want, len),
	   "suite %u, ssrc %u: first ratchet", suite, ssrc);
	bytes(vector, "ssrc_key_ratchet_2", want);
	ok(!e2ee_sframe_ratchet(suite, key, len, key) &&
		   !memcmp(key, want, len),
	   "suite %u, ssrc %u: second ratchet", suite, ssrc);
}

static void ssrc_file(void)
{
	struct json_object *root, *list, *suites;
	size_t i, j;

	root = vectors("sframe-per-ssrc.json");
	if (!root)
		return;
	list = json_object_object_get(root, "vectors");
	ok(json_object_array_length(list) == 4, "four vectors per SSRC");
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *vector = json_object_array_get_idx(list, i);

		suites = json_object_object_get(vector, "cipher_suites");
		for (j = 0; j < json_object_array_length(suites); j++)
			ssrc_suite(vector, (uint32_t)json_object_get_int(
				json_object_array_get_idx(suites, j)));
	}
	json_object_put(root);
}

static void refusals(void)
{
	const uint8_t base[16] = { 1 };
	uint8_t key[E2EE_SFRAME_KEY_MAX], salt[E2EE_SFRAME_SALT_LEN];

	ok(e2ee_sframe_derive(0, base, 16, 0, key, salt) == -EINVAL,
	   "suite 0 is refused");
	ok(e2ee_sframe_derive(9, base, 16, 0, key, salt) == -EINVAL,
	   "suite 9 is refused");
	ok(e2ee_sframe_derive(5, base, 15, 0, key, salt) == -EINVAL,
	   "a base key of 15 bytes is refused");
	ok(e2ee_sframe_ratchet(5, base, 15, key) == -EINVAL,
	   "ratchet of 15 bytes is refused");
	ok(e2ee_sframe_ssrc_key(0xf000, base, 16, 1, key) == -EINVAL,
	   "an unknown suite per SSRC is refused");
	ok(!e2ee_sframe_key_len(0) && !e2ee_sframe_hash_len(~0U),
	   "an unknown suite has no lengths");
}

int main(void)
{
	derive_file("sframe-rfc9605.json", 5);
	derive_later();
	ssrc_file();
	refusals();
	return tap_end();
}
