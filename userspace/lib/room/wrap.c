// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A secret of 32 bytes for one receiver, by HPKE or by RSA-OAEP.
 */
#include <errno.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "crypto.h"
#include "hpke.h"
#include "keypool.h"

#define RSA_LEN		(E2EE_RSA_BITS / 8)	/* bytes of the modulus */

struct e2ee_wrap_key {
	uint32_t suite;
	EVP_PKEY *key;
};

static int x25519_new(EVP_PKEY **key, uint8_t *public, size_t *len)
{
	*len = E2EE_HPKE_SECRET_LEN;
	*key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	if (*key && EVP_PKEY_get_raw_public_key(*key, public, len) == 1)
		return 0;
	return -EIO;
}

static int x25519_seal(const uint8_t *public, const struct e2ee_bytes *info,
		       const struct e2ee_bytes *aad, const uint8_t *raw,
		       struct e2ee_wrapped *wrapped)
{
	const struct e2ee_bytes plain = { raw, E2EE_RAW_LEN };
	EVP_PKEY *ephemeral = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	uint8_t shared[E2EE_HPKE_SECRET_LEN];
	struct e2ee_hpke hpke;
	int ret = -EIO;

	if (ephemeral)
		ret = e2ee_hpke_encap(ephemeral, public, wrapped->enc, shared);
	EVP_PKEY_free(ephemeral);
	if (!ret)
		ret = e2ee_hpke_schedule(shared, info, &hpke);
	if (!ret)
		ret = e2ee_hpke_seal(&hpke, aad, &plain, wrapped->ct);
	wrapped->enc_len = E2EE_HPKE_SECRET_LEN;
	wrapped->ct_len = E2EE_RAW_LEN + E2EE_HPKE_TAG_LEN;
	OPENSSL_cleanse(shared, sizeof(shared));
	OPENSSL_cleanse(&hpke, sizeof(hpke));
	return ret;
}

static int x25519_open(EVP_PKEY *key, const struct e2ee_bytes *info,
		       const struct e2ee_bytes *aad,
		       const struct e2ee_bytes *enc,
		       const struct e2ee_bytes *ct, uint8_t *raw)
{
	uint8_t shared[E2EE_HPKE_SECRET_LEN];
	struct e2ee_hpke hpke;
	int ret;

	if (enc->len != E2EE_HPKE_SECRET_LEN ||
	    ct->len != E2EE_RAW_LEN + E2EE_HPKE_TAG_LEN)
		return -EBADMSG;
	ret = e2ee_hpke_decap(key, enc->data, shared);
	if (!ret)
		ret = e2ee_hpke_schedule(shared, info, &hpke);
	if (!ret)
		ret = e2ee_hpke_open(&hpke, aad, ct, raw);
	OPENSSL_cleanse(shared, sizeof(shared));
	OPENSSL_cleanse(&hpke, sizeof(hpke));
	return ret == -EINVAL ? -EBADMSG : ret;
}

static int rsa_modulus(const EVP_PKEY *key, uint8_t *public, size_t *len)
{
	BIGNUM *n = NULL;
	int ret = -EIO;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) &&
	    BN_bn2binpad(n, public, RSA_LEN) == RSA_LEN)
		ret = 0;
	*len = RSA_LEN;
	BN_free(n);
	return ret;
}

static int rsa_new(EVP_PKEY **key, uint8_t *public, size_t *len)
{
	*key = EVP_RSA_gen(E2EE_RSA_BITS);
	return *key ? rsa_modulus(*key, public, len) : -EIO;
}

/* The public form is the modulus; the exponent is 65537 */
static EVP_PKEY *rsa_public(const uint8_t *public)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn(public, RSA_LEN, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (build && n && ctx &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_ulong(build, OSSL_PKEY_PARAM_RSA_E, RSA_F4))
		params = OSSL_PARAM_BLD_to_param(build);
	if (params && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	OSSL_PARAM_BLD_free(build);
	return key;
}

/* What HPKE binds by info and aad, OAEP binds by its label */
static int rsa_label(const struct e2ee_bytes *info,
		     const struct e2ee_bytes *aad, uint8_t *label)
{
	const uint8_t info_len[2] = { (uint8_t)(info->len >> 8),
				      (uint8_t)info->len };
	const uint8_t aad_len[2] = { (uint8_t)(aad->len >> 8),
				     (uint8_t)aad->len };
	const struct e2ee_bytes parts[] = {
		{ "e2ee/1 wrap rsa", strlen("e2ee/1 wrap rsa") },
		{ info_len, 2 }, *info, { aad_len, 2 }, *aad,
	};

	if (info->len > UINT16_MAX || aad->len > UINT16_MAX)
		return -EINVAL;
	return e2ee_sha256(label, parts, 5);
}

/* For one operation, which @init begins; NULL: OpenSSL failed */
static EVP_PKEY_CTX *rsa_ctx(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *ctx),
			     const struct e2ee_bytes *info,
			     const struct e2ee_bytes *aad)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t hash[E2EE_HASH_LEN];
	uint8_t *label = NULL;

	if (ctx && !rsa_label(info, aad, hash))
		label = OPENSSL_memdup(hash, sizeof(hash));
	if (label && init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, sizeof(hash)) == 1)
		return ctx;			/* and the label is its own */
	OPENSSL_free(label);
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static int rsa_seal(const uint8_t *public, const struct e2ee_bytes *info,
		    const struct e2ee_bytes *aad, const uint8_t *raw,
		    struct e2ee_wrapped *wrapped)
{
	EVP_PKEY *key = rsa_public(public);
	EVP_PKEY_CTX *ctx = NULL;
	int ret = -EIO;

	wrapped->enc_len = 0;
	wrapped->ct_len = RSA_LEN;
	if (key)
		ctx = rsa_ctx(key, EVP_PKEY_encrypt_init, info, aad);
	if (ctx && EVP_PKEY_encrypt(ctx, wrapped->ct, &wrapped->ct_len, raw,
				    E2EE_RAW_LEN) == 1)
		ret = 0;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ret;
}

static int rsa_open(EVP_PKEY *key, const struct e2ee_bytes *info,
		    const struct e2ee_bytes *aad, const struct e2ee_bytes *enc,
		    const struct e2ee_bytes *ct, uint8_t *raw)
{
	uint8_t plain[RSA_LEN];
	size_t len = sizeof(plain);
	EVP_PKEY_CTX *ctx;
	int ret = -EBADMSG;

	if (enc->len || ct->len != RSA_LEN)
		return -EBADMSG;
	ctx = rsa_ctx(key, EVP_PKEY_decrypt_init, info, aad);
	if (!ctx)
		return -EIO;
	if (EVP_PKEY_decrypt(ctx, plain, &len, ct->data, ct->len) == 1 &&
	    len == E2EE_RAW_LEN) {
		memcpy(raw, plain, E2EE_RAW_LEN);
		ret = 0;
	}
	OPENSSL_cleanse(plain, sizeof(plain));
	EVP_PKEY_CTX_free(ctx);
	return ret;
}

struct suite {
	int (*generate)(EVP_PKEY **key, uint8_t *public, size_t *len);
	int (*seal)(const uint8_t *public, const struct e2ee_bytes *info,
		    const struct e2ee_bytes *aad, const uint8_t *raw,
		    struct e2ee_wrapped *wrapped);
	int (*open)(EVP_PKEY *key, const struct e2ee_bytes *info,
		    const struct e2ee_bytes *aad, const struct e2ee_bytes *enc,
		    const struct e2ee_bytes *ct, uint8_t *raw);
	size_t public_len;
};

static const struct suite suites[E2EE_WRAP_SUITES] = {
	[E2EE_WRAP_X25519] = { x25519_new, x25519_seal, x25519_open,
			       E2EE_HPKE_SECRET_LEN },
	[E2EE_WRAP_RSA] = { rsa_new, rsa_seal, rsa_open, RSA_LEN },
};

static const struct suite *suite_get(uint32_t suite)
{
	if (suite >= E2EE_WRAP_SUITES || !suites[suite].generate)
		return NULL;
	return &suites[suite];
}

/* All 3072 bits, and odd, or it is no modulus of this suite */
static int public_check(uint32_t suite, const uint8_t *public)
{
	if (suite == E2EE_WRAP_RSA &&
	    (!(public[0] & 0x80) || !(public[RSA_LEN - 1] & 1)))
		return -EINVAL;
	return 0;
}

int e2ee_wrap_key_new(uint32_t suite, struct e2ee_wrap_key **key,
		      uint8_t *public, size_t *public_len)
{
	const struct suite *s = suite_get(suite);
	struct e2ee_wrap_key *new;
	int ret;

	*key = NULL;
	if (!s)
		return -EOPNOTSUPP;
	new = OPENSSL_zalloc(sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->suite = suite;
	ret = s->generate(&new->key, public, public_len);
	if (ret)
		e2ee_wrap_key_free(new);
	else
		*key = new;
	return ret;
}

int e2ee_wrap_key_take(struct e2ee_keypool *keypool, struct e2ee_wrap_key **key,
		       uint8_t *public, size_t *public_len)
{
	struct e2ee_wrap_key *new = OPENSSL_zalloc(sizeof(*new));
	int ret = -EIO;

	*key = NULL;
	if (!new)
		return -ENOMEM;
	new->suite = E2EE_WRAP_RSA;
	new->key = e2ee_keypool_take(keypool);
	if (new->key)
		ret = rsa_modulus(new->key, public, public_len);
	if (ret)
		e2ee_wrap_key_free(new);
	else
		*key = new;
	return ret;
}

/* OpenSSL wipes what it frees of a private key */
void e2ee_wrap_key_free(struct e2ee_wrap_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->key);
	OPENSSL_free(key);
}

int e2ee_wrap_seal(uint32_t suite, const uint8_t *public, size_t public_len,
		   const struct e2ee_bytes *info, const struct e2ee_bytes *aad,
		   const uint8_t *raw, struct e2ee_wrapped *wrapped)
{
	const struct suite *s = suite_get(suite);
	int ret;

	if (!s)
		return -EOPNOTSUPP;
	if (public_len != s->public_len || public_check(suite, public))
		return -EINVAL;
	ret = s->seal(public, info, aad, raw, wrapped);
	if (ret)
		OPENSSL_cleanse(wrapped, sizeof(*wrapped));
	return ret;
}

int e2ee_wrap_open(const struct e2ee_wrap_key *key,
		   const struct e2ee_bytes *info, const struct e2ee_bytes *aad,
		   const struct e2ee_bytes *enc, const struct e2ee_bytes *ct,
		   uint8_t *raw)
{
	int ret = suites[key->suite].open(key->key, info, aad, enc, ct, raw);

	if (ret)
		OPENSSL_cleanse(raw, E2EE_RAW_LEN);
	return ret;
}
