// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Random bytes, hashes, HKDF and signatures, by OpenSSL.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "crypto.h"

#define PARTS_MAX	8		/* of the info of HKDF */

static int finish(bool good, void *out, size_t len)
{
	if (good)
		return 0;
	OPENSSL_cleanse(out, len);
	return -EIO;
}

int e2ee_random(void *out, size_t len)
{
	bool good = len <= INT_MAX && RAND_priv_bytes(out, (int)len) == 1;

	return finish(good, out, len);
}

int e2ee_random_renew(void)
{
	/* of the first one, which all others follow */
	return RAND_poll() == 1 ? 0 : -EIO;
}

static int digest(const EVP_MD *type, uint8_t *out, size_t len,
		  const struct e2ee_bytes *parts, size_t count)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t i;
	bool good;

	good = ctx && EVP_DigestInit_ex(ctx, type, NULL);
	for (i = 0; good && i < count; i++)
		good = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len);
	good = good && EVP_DigestFinal_ex(ctx, out, NULL);
	EVP_MD_CTX_free(ctx);
	return finish(good, out, len);
}

int e2ee_sha256(uint8_t *out, const struct e2ee_bytes *parts, size_t count)
{
	return digest(EVP_sha256(), out, E2EE_HASH_LEN, parts, count);
}

int e2ee_sha512(uint8_t *out, const struct e2ee_bytes *parts, size_t count)
{
	return digest(EVP_sha512(), out, 2 * E2EE_HASH_LEN, parts, count);
}

static bool hmac_init(EVP_MAC_CTX *ctx, const uint8_t *key, size_t len)
{
	/* OpenSSL takes no key for "as before"; zeros are the empty one */
	static const uint8_t empty[E2EE_HASH_LEN];
	const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 6),
		OSSL_PARAM_END,
	};

	if (!len)
		return EVP_MAC_init(ctx, empty, sizeof(empty), params);
	return EVP_MAC_init(ctx, key, len, params);
}

int e2ee_hmac(uint8_t *out, const uint8_t *key, size_t key_len,
	      const struct e2ee_bytes *parts, size_t count)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = NULL;
	size_t i, len;
	bool good;

	if (mac)
		ctx = EVP_MAC_CTX_new(mac);
	good = ctx && hmac_init(ctx, key, key_len);
	for (i = 0; good && i < count; i++)
		good = EVP_MAC_update(ctx, parts[i].data, parts[i].len);
	good = good && EVP_MAC_final(ctx, out, &len, E2EE_HASH_LEN);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return finish(good, out, E2EE_HASH_LEN);
}

/* RFC 5869, section 2.2 */
int e2ee_hkdf_extract(uint8_t *out, const uint8_t *salt, size_t salt_len,
		      const uint8_t *ikm, size_t ikm_len)
{
	const struct e2ee_bytes part = { ikm, ikm_len };

	return e2ee_hmac(out, salt, salt_len, &part, 1);
}

/* RFC 5869, section 2.3: T(n) = HMAC(PRK, T(n - 1) | info | n) */
int e2ee_hkdf_expand(uint8_t *out, size_t len, const uint8_t *prk,
		     const struct e2ee_bytes *info, size_t count)
{
	struct e2ee_bytes parts[PARTS_MAX + 2];
	uint8_t block[E2EE_HASH_LEN], number = 0;
	size_t done = 0, n;
	int ret = 0;

	if (count > PARTS_MAX || len > 255 * E2EE_HASH_LEN)
		return -EINVAL;
	memcpy(parts + 1, info, count * sizeof(*info));
	parts[0] = (struct e2ee_bytes){ block, 0 };
	parts[count + 1] = (struct e2ee_bytes){ &number, 1 };
	while (!ret && done < len) {
		number++;
		ret = e2ee_hmac(block, prk, E2EE_HASH_LEN, parts, count + 2);
		parts[0].len = sizeof(block);
		n = len - done < sizeof(block) ? len - done : sizeof(block);
		memcpy(out + done, block, n);
		done += n;
	}
	OPENSSL_cleanse(block, sizeof(block));
	if (ret)
		OPENSSL_cleanse(out, len);
	return ret;
}

int e2ee_sign_public(const uint8_t *seed, uint8_t *ik)
{
	size_t len = E2EE_IK_LEN;
	EVP_PKEY *key;
	bool good;

	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
					   E2EE_SEED_LEN);
	good = key && EVP_PKEY_get_raw_public_key(key, ik, &len);
	EVP_PKEY_free(key);
	return finish(good, ik, E2EE_IK_LEN);
}

/* Ed25519 reads its input twice, so it has to be in one piece */
static uint8_t *join(const struct e2ee_bytes *parts, size_t count, size_t *len)
{
	uint8_t *data, *at;
	size_t i;

	*len = 0;
	for (i = 0; i < count; i++)
		*len += parts[i].len;
	data = OPENSSL_malloc(*len + 1);
	for (at = data, i = 0; data && i < count; i++) {
		if (parts[i].len)
			memcpy(at, parts[i].data, parts[i].len);
		at += parts[i].len;
	}
	return data;
}

int e2ee_sign(uint8_t *signature, const uint8_t *seed,
	      const struct e2ee_bytes *parts, size_t count)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len, out_len = E2EE_SIGNATURE_LEN;
	uint8_t *data = join(parts, count, &len);
	EVP_PKEY *key;
	bool good;

	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
					   E2EE_SEED_LEN);
	good = ctx && data && key &&
	       EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestSign(ctx, signature, &out_len, data, len) == 1;
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(data);
	return finish(good, signature, E2EE_SIGNATURE_LEN);
}

int e2ee_sign_verify(const uint8_t *signature, const uint8_t *ik,
		     const struct e2ee_bytes *parts, size_t count)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int good = 0, ret = -EIO;
	size_t len;
	uint8_t *data = join(parts, count, &len);
	EVP_PKEY *key;

	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, ik,
					  E2EE_IK_LEN);
	if (ctx && data && key &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1) {
		good = EVP_DigestVerify(ctx, signature, E2EE_SIGNATURE_LEN,
					data, len);
		ret = good == 1 ? 0 : -EBADMSG;
	}
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(data);
	return ret;
}
