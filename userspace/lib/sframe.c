// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Key derivations of SFrame (RFC 9605), by OpenSSL's HKDF and HMAC.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "internal.h"
#include "sframe.h"

#define LABEL_MAX	40

struct suite {
	const char *digest;
	size_t hash_len;		/* Nh */
	size_t key_len;			/* Nk */
};

/* RFC 9605, section 4.5, and IANA's "SFrame Cipher Suites" for 6 to 8 */
static const struct suite suites[] = {
	[1] = { "SHA256", 32, 48 },
	[2] = { "SHA256", 32, 48 },
	[3] = { "SHA256", 32, 48 },
	[4] = { "SHA256", 32, 16 },
	[5] = { "SHA512", 64, 32 },
	[6] = { "SHA512", 64, 96 },
	[7] = { "SHA512", 64, 96 },
	[8] = { "SHA512", 64, 96 },
};

static const struct suite *suite_get(uint32_t suite)
{
	if (!suite || suite >= ARRAY_SIZE(suites))
		return NULL;
	return &suites[suite];
}

size_t e2ee_sframe_key_len(uint32_t suite)
{
	const struct suite *s = suite_get(suite);

	return s ? s->key_len : 0;
}

size_t e2ee_sframe_hash_len(uint32_t suite)
{
	const struct suite *s = suite_get(suite);

	return s ? s->hash_len : 0;
}

struct bytes {
	const void *data;
	size_t len;
};

/* HKDF, of one suite: what OpenSSL looks up by name is looked up once */
struct hkdf {
	const struct suite *suite;
	EVP_KDF_CTX *ctx;
	bool used;
};

static struct hkdf hkdf_new(const struct suite *suite)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	struct hkdf hkdf = { .suite = suite };

	if (kdf)
		hkdf.ctx = EVP_KDF_CTX_new(kdf);
	EVP_KDF_free(kdf);
	return hkdf;
}

static void hkdf_free(struct hkdf *hkdf)
{
	EVP_KDF_CTX_free(hkdf->ctx);
}

/* One step: EXTRACT takes salt, EXPAND takes info, in "extra" */
static int hkdf_step(struct hkdf *hkdf, int mode, struct bytes key,
		     struct bytes extra, uint8_t *out, size_t out_len)
{
	const char *name = mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY ?
			   OSSL_KDF_PARAM_SALT : OSSL_KDF_PARAM_INFO;
	char *digest = (char *)hkdf->suite->digest;
	OSSL_PARAM params[5], *p = params;

	*p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	if (!hkdf->used)
		*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
							digest, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
						 (void *)key.data, key.len);
	if (extra.len)
		*p++ = OSSL_PARAM_construct_octet_string(name,
			(void *)extra.data, extra.len);
	*p = OSSL_PARAM_construct_end();
	hkdf->used = true;
	if (hkdf->ctx && EVP_KDF_derive(hkdf->ctx, out, out_len, params) > 0)
		return 0;
	OPENSSL_cleanse(out, out_len);
	return -EIO;
}

static int extract(struct hkdf *hkdf, struct bytes salt, struct bytes key,
		   uint8_t *secret)
{
	return hkdf_step(hkdf, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, key, salt,
			 secret, hkdf->suite->hash_len);
}

static int expand(struct hkdf *hkdf, const uint8_t *secret,
		  struct bytes label, uint8_t *out, size_t len)
{
	return hkdf_step(hkdf, EVP_KDF_HKDF_MODE_EXPAND_ONLY,
			 (struct bytes){ secret, hkdf->suite->hash_len }, label,
			 out, len);
}

static uint8_t *put_be(uint8_t *to, uint64_t value, unsigned int bytes)
{
	while (bytes--)
		*to++ = (uint8_t)(value >> (8 * bytes));
	return to;
}

/* Expand under one secret many times: HMAC with a key that is set once */
static EVP_MAC_CTX *expander_new(const struct suite *suite,
				 const uint8_t *secret)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
						 (char *)suite->digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (ctx && EVP_MAC_init(ctx, secret, suite->hash_len, params))
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

/* RFC 5869, section 2.3; no key for EVP_MAC_init() is the one of before */
static int expander_run(EVP_MAC_CTX *ctx, struct bytes info, uint8_t *out,
			size_t len)
{
	uint8_t block[E2EE_SFRAME_HASH_MAX], number = 0;
	size_t done = 0, size = 0;
	bool good = true;

	while (good && done < len) {
		size_t before = size;

		number++;
		good = EVP_MAC_init(ctx, NULL, 0, NULL) &&
		       EVP_MAC_update(ctx, block, before) &&
		       EVP_MAC_update(ctx, info.data, info.len) &&
		       EVP_MAC_update(ctx, &number, 1) &&
		       EVP_MAC_final(ctx, block, &size, sizeof(block));
		if (!good)
			break;
		memcpy(out + done, block, len - done < size ? len - done : size);
		done += size;
	}
	OPENSSL_cleanse(block, sizeof(block));
	if (!good)
		OPENSSL_cleanse(out, len);
	return good ? 0 : -EIO;
}

static int expand_label(EVP_MAC_CTX *ctx, const char *text, uint64_t kid,
			uint32_t suite, uint8_t *out, size_t len)
{
	uint8_t label[LABEL_MAX], *end = label + strlen(text);

	memcpy(label, text, strlen(text));
	end = put_be(end, kid, 8);
	end = put_be(end, suite, 2);
	return expander_run(ctx, (struct bytes){ label, (size_t)(end - label) },
			    out, len);
}

static int derive_one(EVP_MAC_CTX *ctx, uint32_t suite,
		      struct e2ee_sframe_key *key)
{
	size_t len = suite_get(suite)->key_len;
	int ret;

	ret = expand_label(ctx, "SFrame 1.0 Secret key ", key->kid, suite,
			   key->key, len);
	if (!ret)
		ret = expand_label(ctx, "SFrame 1.0 Secret salt ", key->kid,
				   suite, key->salt, E2EE_SFRAME_SALT_LEN);
	if (ret)
		OPENSSL_cleanse(key->key, len);
	return ret;
}

int e2ee_sframe_derive_all(uint32_t suite, const void *base_key, size_t len,
			   struct e2ee_sframe_key *keys, size_t count)
{
	const struct suite *s = suite_get(suite);
	uint8_t secret[E2EE_SFRAME_HASH_MAX];
	EVP_MAC_CTX *ctx = NULL;
	struct hkdf hkdf;
	int ret;

	if (!s || len < E2EE_BASE_KEY_MIN)
		return -EINVAL;
	hkdf = hkdf_new(s);
	ret = extract(&hkdf, (struct bytes){ NULL, 0 },
		      (struct bytes){ base_key, len }, secret);
	hkdf_free(&hkdf);
	if (!ret) {
		ctx = expander_new(s, secret);
		ret = ctx ? 0 : -EIO;
	}
	for (size_t i = 0; i < count && !ret; i++)
		ret = derive_one(ctx, suite, &keys[i]);
	EVP_MAC_CTX_free(ctx);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ret;
}

int e2ee_sframe_derive(uint32_t suite, const void *base_key, size_t len,
		       uint64_t kid, uint8_t *key, uint8_t *salt)
{
	struct e2ee_sframe_key one = { .kid = kid, .key = key, .salt = salt };

	return e2ee_sframe_derive_all(suite, base_key, len, &one, 1);
}

/* Both other derivations: one label, as many bytes as the hash has */
static int derive_next(uint32_t suite, struct bytes base_key,
		       struct bytes salt, const char *label, uint8_t *out)
{
	const struct suite *s = suite_get(suite);
	uint8_t secret[E2EE_SFRAME_HASH_MAX];
	struct hkdf hkdf;
	int ret;

	if (!s || base_key.len < E2EE_BASE_KEY_MIN)
		return -EINVAL;
	hkdf = hkdf_new(s);
	ret = extract(&hkdf, salt, base_key, secret);
	if (!ret)
		ret = expand(&hkdf, secret,
			     (struct bytes){ label, strlen(label) }, out,
			     s->hash_len);
	hkdf_free(&hkdf);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ret;
}

int e2ee_sframe_ssrc_key(uint32_t suite, const void *base_key, size_t len,
			 uint32_t ssrc, uint8_t *out)
{
	uint8_t salt[4];

	put_be(salt, ssrc, sizeof(salt));
	return derive_next(suite, (struct bytes){ base_key, len },
			   (struct bytes){ salt, sizeof(salt) },
			   "SFrame 1.0 RTP Stream", out);
}

int e2ee_sframe_ratchet(uint32_t suite, const void *base_key, size_t len,
			uint8_t *out)
{
	return derive_next(suite, (struct bytes){ base_key, len },
			   (struct bytes){ NULL, 0 }, "SFrame 1.0 Ratchet",
			   out);
}
