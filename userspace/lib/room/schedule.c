// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The key schedule of an EPOCH. Labels and the order of inputs are the
 * protocol; integers are big-endian.
 */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "schedule.h"
#include "sframe.h"

#define TEXT(text)	{ text, sizeof(text) - 1 }

static uint8_t *put(uint8_t *to, const void *data, size_t len)
{
	memcpy(to, data, len);
	return to + len;
}

static uint8_t *put_be(uint8_t *to, uint32_t value, unsigned int bytes)
{
	while (bytes--)
		*to++ = (uint8_t)(value >> (8 * bytes));
	return to;
}

uint64_t e2ee_schedule_kid(unsigned int stream, uint8_t leaf, uint16_t term,
			   uint32_t seq)
{
	return (uint64_t)stream << 14 | (uint64_t)leaf << 6 |
	       (term & 3U) << 4 | (seq & 15);
}

int e2ee_schedule_info(const uint8_t *call, uint16_t term, uint32_t seq,
		       const uint8_t *prev, const struct e2ee_entry *roster,
		       size_t count, uint8_t owner, uint8_t *info, size_t *len)
{
	static const char label[] = "e2ee/1 wrap";
	uint8_t *at = info;
	int ret;

	at = put(at, label, sizeof(label) - 1);
	at = put(at, call, E2EE_ID_LEN);
	at = put_be(at, term, 2);
	at = put_be(at, seq, 4);
	at = put(at, prev, E2EE_HASH_LEN);
	ret = e2ee_message_roster_hash(roster, count, at);
	if (ret)
		return ret;
	at = put_be(at + E2EE_HASH_LEN, owner, 2);
	*len = (size_t)(at - info);
	return 0;
}

void e2ee_schedule_aad(const uint8_t *kp_hash, const uint8_t *nonce,
		       uint8_t *aad)
{
	put(put(aad, kp_hash, E2EE_HASH_LEN), nonce, E2EE_NONCE_LEN);
}

int e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw, uint8_t *secret)
{
	return e2ee_hkdf_extract(secret, t, E2EE_HASH_LEN, raw, E2EE_RAW_LEN);
}

int e2ee_schedule_authenticator(const uint8_t *secret, const uint8_t *t,
				uint8_t *authenticator)
{
	const struct e2ee_bytes info[] = {
		TEXT("e2ee/1 authenticator"),
		{ t, E2EE_HASH_LEN },
	};

	return e2ee_hkdf_expand(authenticator, E2EE_HASH_LEN, secret, info, 2);
}

int e2ee_schedule_mac(const uint8_t *secret, const uint8_t *t, const char *dev,
		      uint8_t *mac)
{
	const struct e2ee_bytes label = TEXT("e2ee/1 confirm");
	const uint8_t dev_len[2] = { 0, (uint8_t)strlen(dev) };
	const struct e2ee_bytes parts[] = {
		{ t, E2EE_HASH_LEN },
		{ dev_len, sizeof(dev_len) },
		{ dev, strlen(dev) },
	};
	uint8_t key[E2EE_HASH_LEN];
	int ret;

	ret = e2ee_hkdf_expand(key, sizeof(key), secret, &label, 1);
	if (!ret)
		ret = e2ee_hmac(mac, key, sizeof(key), parts, 3);
	OPENSSL_cleanse(key, sizeof(key));
	return ret;
}

/* One sender's; it has as many bytes as the suite's hash */
static int base_key(const uint8_t *secret, uint8_t leaf, const char *dev,
		    const uint8_t *session, uint8_t *key, size_t len)
{
	const uint8_t number[2] = { 0, leaf };
	const uint8_t dev_len[2] = { 0, (uint8_t)strlen(dev) };
	const struct e2ee_bytes info[] = {
		TEXT("e2ee/1 sframe base key"),
		{ number, sizeof(number) },
		{ dev_len, sizeof(dev_len) },
		{ dev, strlen(dev) },
		{ session, E2EE_ID_LEN },
	};

	return e2ee_hkdf_expand(key, len, secret, info, 5);
}

static void key_fill(struct e2ee_key *key, uint32_t suite)
{
	key->suite = suite;
	key->secret_len = (uint32_t)e2ee_sframe_key_len(suite);
	key->has |= E2EE_HAS(E2EE_A_KEY_KID) | E2EE_HAS(E2EE_A_KEY_SUITE) |
		    E2EE_HAS(E2EE_A_KEY_SECRET) | E2EE_HAS(E2EE_A_KEY_SALT);
}

int e2ee_schedule_keys(const uint8_t *secret, uint8_t leaf, const char *dev,
		       const uint8_t *session, uint32_t suite,
		       struct e2ee_key *keys, size_t count)
{
	size_t len = e2ee_sframe_hash_len(suite);
	struct e2ee_sframe_key parts[E2EE_STREAMS_MAX];
	uint8_t base[E2EE_SFRAME_HASH_MAX];
	int ret;

	if ((suite != E2EE_SUITE_AES_128_GCM_SHA256_128 &&
	     suite != E2EE_SUITE_AES_256_GCM_SHA512_128) ||
	    count > E2EE_STREAMS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		parts[i] = (struct e2ee_sframe_key){
			keys[i].kid, keys[i].secret, keys[i].salt,
		};
	ret = base_key(secret, leaf, dev, session, base, len);
	if (!ret)
		ret = e2ee_sframe_derive_all(suite, base, len, parts, count);
	OPENSSL_cleanse(base, sizeof(base));
	for (size_t i = 0; i < count && !ret; i++)
		key_fill(&keys[i], suite);
	return ret;
}
