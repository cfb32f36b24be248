// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The primitives of the key exchange for a simulation: they bind what the real
 * ones bind and open what the real ones open, but withstand nobody. Random
 * numbers follow from the seed of the world.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>


#include "cheap_crypto.h"
#include "crypto.h"
#include "sframe.h"

static uint64_t random_state;

void cheap_seed(uint64_t seed)
{
	random_state = seed;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

struct cheap_hash {
	uint64_t words[4];
	uint64_t len;
};

static void hash_bytes(struct cheap_hash *hash, const void *data, size_t len)
{
	const uint8_t *at = data;

	hash->len = mix(hash->len + len + 1);
	while (len) {
		size_t part = len < 8 ? len : 8;
		uint64_t word = 0;

		memcpy(&word, at, part);
		hash->words[0] = mix(hash->words[0] ^ word);
		hash->words[1] = mix(hash->words[1] + word) ^ hash->words[0];
		at += part;
		len -= part;
	}
}

static void hash_parts(struct cheap_hash *hash, const struct e2ee_bytes *parts,
		       size_t count)
{
	/* like the real ones: parts are one input, wherever it is cut */
	uint8_t buf[8];
	size_t used = 0, total = 0;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = parts[i].data;

		total += parts[i].len;
		for (size_t n = 0; n < parts[i].len; n++) {
			buf[used++] = at[n];
			if (used == sizeof(buf)) {
				hash_bytes(hash, buf, used);
				used = 0;
			}
		}
	}
	hash_bytes(hash, buf, used);
	hash->len ^= mix(total);
}

static void hash_out(const struct cheap_hash *hash, uint8_t *out, size_t len)
{
	uint64_t seed = mix(hash->words[0] ^ mix(hash->words[1] + hash->len));
	uint64_t other = mix(hash->words[1] ^ mix(hash->words[0] - hash->len));

	for (uint64_t i = 0; len; i++) {
		uint64_t word = mix(seed + i) ^ mix(other ^ ~i);
		size_t part = len < 8 ? len : 8;

		memcpy(out, &word, part);
		out += part;
		len -= part;
	}
}

static void hash_keyed(uint8_t *out, size_t len, const char *what,
		       const void *key, size_t key_len,
		       const struct e2ee_bytes *parts, size_t count)
{
	struct cheap_hash hash = { { 1, 2, 3, 4 }, 0 };

	hash_bytes(&hash, what, strlen(what));
	hash_bytes(&hash, key, key_len);
	hash_parts(&hash, parts, count);
	hash_out(&hash, out, len);
}

int e2ee_random(void *out, size_t len)
{
	uint8_t *at = out;

	while (len--) {
		random_state += UINT64_C(0x9e3779b97f4a7c15);
		*at++ = (uint8_t)mix(random_state);
	}
	return 0;
}

/* All of them follow from the seed of the run */
int e2ee_random_renew(void)
{
	return 0;
}

int e2ee_sha256(uint8_t *out, const struct e2ee_bytes *parts, size_t count)
{
	hash_keyed(out, 32, "sha256", NULL, 0, parts, count);
	return 0;
}

int e2ee_sha512(uint8_t *out, const struct e2ee_bytes *parts, size_t count)
{
	hash_keyed(out, 64, "sha512", NULL, 0, parts, count);
	return 0;
}

int e2ee_hmac(uint8_t *out, const uint8_t *key, size_t key_len,
	      const struct e2ee_bytes *parts, size_t count)
{
	hash_keyed(out, 32, "hmac", key, key_len, parts, count);
	return 0;
}

int e2ee_hkdf_extract(uint8_t *out, const uint8_t *salt, size_t salt_len,
		      const uint8_t *ikm, size_t ikm_len)
{
	struct e2ee_bytes part = { ikm, ikm_len };

	hash_keyed(out, 32, "extract", salt, salt_len, &part, 1);
	return 0;
}

int e2ee_hkdf_expand(uint8_t *out, size_t len, const uint8_t *prk,
		     const struct e2ee_bytes *info, size_t count)
{
	hash_keyed(out, len, "expand", prk, 32, info, count);
	return 0;
}

int e2ee_sign_public(const uint8_t *seed, uint8_t *ik)
{
	hash_keyed(ik, 32, "public", seed, 32, NULL, 0);
	return 0;
}

static void signature_of(const uint8_t *ik, const struct e2ee_bytes *parts,
			 size_t count, uint8_t *signature)
{
	hash_keyed(signature, E2EE_SIGNATURE_LEN, "sign", ik, 32, parts, count);
}

int e2ee_sign(uint8_t *signature, const uint8_t *seed,
	      const struct e2ee_bytes *parts, size_t count)
{
	uint8_t ik[32];

	e2ee_sign_public(seed, ik);
	signature_of(ik, parts, count, signature);
	return 0;
}

int e2ee_sign_verify(const uint8_t *signature, const uint8_t *ik,
		     const struct e2ee_bytes *parts, size_t count)
{
	uint8_t good[E2EE_SIGNATURE_LEN];

	signature_of(ik, parts, count, good);
	return memcmp(good, signature, sizeof(good)) ? -EBADMSG : 0;
}

/* wrapping: the public key is a hash of the private one */

struct e2ee_wrap_key {
	uint8_t private[32];
	uint8_t public[32];
};

int e2ee_wrap_key_new(uint32_t suite, struct e2ee_wrap_key **key,
		      uint8_t *public, size_t *public_len)
{
	if (suite != E2EE_WRAP_X25519)
		return -EOPNOTSUPP;
	*key = malloc(sizeof(**key));
	if (!*key)
		return -ENOMEM;
	e2ee_random((*key)->private, 32);
	hash_keyed((*key)->public, 32, "wrap", (*key)->private, 32, NULL, 0);
	memcpy(public, (*key)->public, 32);
	*public_len = 32;
	return 0;
}

int e2ee_wrap_key_take(struct e2ee_keypool *keypool, struct e2ee_wrap_key **key,
		       uint8_t *public, size_t *public_len)
{
	(void)keypool;		/* keys cost nothing here */
	return e2ee_wrap_key_new(E2EE_WRAP_RSA, key, public, public_len);
}

void e2ee_wrap_key_free(struct e2ee_wrap_key *key)
{
	free(key);
}

static void wrap_pad(const uint8_t *public, const uint8_t *enc,
		     const struct e2ee_bytes *info,
		     const struct e2ee_bytes *aad, uint8_t *pad)
{
	struct e2ee_bytes parts[] = { { enc, 32 }, *info, *aad };

	hash_keyed(pad, 48, "pad", public, 32, parts, 3);
}

int e2ee_wrap_seal(uint32_t suite, const uint8_t *public, size_t public_len,
		   const struct e2ee_bytes *info, const struct e2ee_bytes *aad,
		   const uint8_t *raw, struct e2ee_wrapped *wrapped)
{
	uint8_t pad[48];

	if (suite != E2EE_WRAP_X25519 || public_len != 32)
		return -EINVAL;
	e2ee_random(wrapped->enc, 32);
	wrapped->enc_len = 32;
	wrapped->ct_len = 48;
	wrap_pad(public, wrapped->enc, info, aad, pad);
	for (unsigned int i = 0; i < 32; i++)
		pad[i] ^= raw[i];
	memcpy(wrapped->ct, pad, 48);
	return 0;
}

int e2ee_wrap_open(const struct e2ee_wrap_key *key,
		   const struct e2ee_bytes *info, const struct e2ee_bytes *aad,
		   const struct e2ee_bytes *enc, const struct e2ee_bytes *ct,
		   uint8_t *raw)
{
	const uint8_t *sealed = ct->data;
	uint8_t pad[48];

	if (enc->len != 32 || ct->len != 48)
		return -EBADMSG;
	wrap_pad(key->public, enc->data, info, aad, pad);
	if (memcmp(pad + 32, sealed + 32, 16))
		return -EBADMSG;
	for (unsigned int i = 0; i < 32; i++)
		raw[i] = sealed[i] ^ pad[i];
	return 0;
}

/* of sframe.c */

size_t e2ee_sframe_key_len(uint32_t suite)
{
	return suite == 4 ? 16 : suite == 5 ? 32 : 0;
}

size_t e2ee_sframe_hash_len(uint32_t suite)
{
	return suite == 4 ? 32 : 64;
}

int e2ee_sframe_derive_all(uint32_t suite, const void *base_key, size_t len,
			   struct e2ee_sframe_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct e2ee_bytes part = { &keys[i].kid, sizeof(keys[i].kid) };

		hash_keyed(keys[i].key, e2ee_sframe_key_len(suite), "key",
			   base_key, len, &part, 1);
		hash_keyed(keys[i].salt, 12, "salt", base_key, len, &part, 1);
	}
	return 0;
}
