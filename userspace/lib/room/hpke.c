// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * HPKE (RFC 9180) on OpenSSL's X25519 and AES-GCM. OpenSSL 3.2 has HPKE itself,
 * but 3.0 is in use.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>

#include "hpke.h"

#define BYTES(text)	{ text, sizeof(text) - 1 }

/* "suite_id" of KEM 0x0020, and of it with KDF 0x0001 and AEAD 0x0002 */
static const struct e2ee_bytes kem_suite = BYTES("KEM\x00\x20");
static const struct e2ee_bytes hpke_suite =
	BYTES("HPKE\x00\x20\x00\x01\x00\x02");

static const struct e2ee_bytes version = BYTES("HPKE-v1");

/* LabeledExtract of section 4 */
static int extract(uint8_t *out, const struct e2ee_bytes *suite,
		   const uint8_t *salt, size_t salt_len, const char *label,
		   const struct e2ee_bytes *ikm)
{
	const struct e2ee_bytes parts[] = {
		version, *suite, { label, strlen(label) }, *ikm,
	};

	return e2ee_hmac(out, salt, salt_len, parts, 4);
}

/* LabeledExpand */
static int expand(uint8_t *out, size_t len, const struct e2ee_bytes *suite,
		  const uint8_t *prk, const char *label,
		  const struct e2ee_bytes *info)
{
	const uint8_t length[2] = { (uint8_t)(len >> 8), (uint8_t)len };
	const struct e2ee_bytes parts[] = {
		{ length, sizeof(length) },
		version, *suite, { label, strlen(label) }, *info,
	};

	return e2ee_hkdf_expand(out, len, prk, parts, 5);
}

/* OpenSSL refuses an all-zero secret itself; not every engine of it need to */
static int agree(EVP_PKEY *private, const uint8_t *public, uint8_t *dh)
{
	static const uint8_t zeros[E2EE_HPKE_SECRET_LEN];
	size_t len = E2EE_HPKE_SECRET_LEN;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *peer;
	int ret = -EIO;

	peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public, len);
	if (peer)
		ctx = EVP_PKEY_CTX_new(private, NULL);
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer(ctx, peer) != 1)
		goto out;
	ret = -EINVAL;
	if (EVP_PKEY_derive(ctx, dh, &len) == 1 && len == sizeof(zeros) &&
	    CRYPTO_memcmp(dh, zeros, sizeof(zeros)) != 0)
		ret = 0;
out:
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	return ret;
}

/* ExtractAndExpand; kem_context is enc and the receiver's public key */
static int shared_secret(const uint8_t *dh, const uint8_t *enc,
			 const uint8_t *receiver, uint8_t *shared)
{
	const struct e2ee_bytes ikm = { dh, E2EE_HPKE_SECRET_LEN };
	uint8_t context[2 * E2EE_HPKE_SECRET_LEN], prk[E2EE_HASH_LEN];
	const struct e2ee_bytes info = { context, sizeof(context) };
	int ret;

	memcpy(context, enc, E2EE_HPKE_SECRET_LEN);
	memcpy(context + E2EE_HPKE_SECRET_LEN, receiver, E2EE_HPKE_SECRET_LEN);
	ret = extract(prk, &kem_suite, NULL, 0, "eae_prk", &ikm);
	if (!ret)
		ret = expand(shared, E2EE_HPKE_SECRET_LEN, &kem_suite, prk,
			     "shared_secret", &info);
	OPENSSL_cleanse(prk, sizeof(prk));
	return ret;
}

int e2ee_hpke_encap(EVP_PKEY *ephemeral, const uint8_t *public, uint8_t *enc,
		    uint8_t *shared)
{
	uint8_t dh[E2EE_HPKE_SECRET_LEN];
	size_t len = E2EE_HPKE_SECRET_LEN;
	int ret;

	if (EVP_PKEY_get_raw_public_key(ephemeral, enc, &len) != 1)
		return -EIO;
	ret = agree(ephemeral, public, dh);
	if (!ret)
		ret = shared_secret(dh, enc, public, shared);
	OPENSSL_cleanse(dh, sizeof(dh));
	return ret;
}

int e2ee_hpke_decap(EVP_PKEY *private, const uint8_t *enc, uint8_t *shared)
{
	uint8_t dh[E2EE_HPKE_SECRET_LEN], public[E2EE_HPKE_SECRET_LEN];
	size_t len = sizeof(public);
	int ret;

	if (EVP_PKEY_get_raw_public_key(private, public, &len) != 1)
		return -EIO;
	ret = agree(private, enc, dh);
	if (!ret)
		ret = shared_secret(dh, enc, public, shared);
	OPENSSL_cleanse(dh, sizeof(dh));
	return ret;
}

int e2ee_hpke_schedule(const uint8_t *shared, const struct e2ee_bytes *info,
		       struct e2ee_hpke *hpke)
{
	uint8_t context[1 + 2 * E2EE_HASH_LEN] = { 0 };	/* mode_base */
	uint8_t secret[E2EE_HASH_LEN];
	const struct e2ee_bytes all = { context, sizeof(context) };
	const struct e2ee_bytes psk = { NULL, 0 };
	int ret;

	ret = extract(context + 1, &hpke_suite, NULL, 0, "psk_id_hash", &psk);
	if (!ret)
		ret = extract(context + 1 + E2EE_HASH_LEN, &hpke_suite, NULL, 0,
			      "info_hash", info);
	if (!ret)
		ret = extract(secret, &hpke_suite, shared, E2EE_HPKE_SECRET_LEN,
			      "secret", &psk);
	if (!ret)
		ret = expand(hpke->key, sizeof(hpke->key), &hpke_suite, secret,
			     "key", &all);
	if (!ret)
		ret = expand(hpke->nonce, sizeof(hpke->nonce), &hpke_suite,
			     secret, "base_nonce", &all);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (ret)
		OPENSSL_cleanse(hpke, sizeof(*hpke));
	return ret;
}

/* Its nonce has 12 bytes if nothing else is said */
static EVP_CIPHER_CTX *cipher_new(const struct e2ee_hpke *hpke, int encrypt,
				  const struct e2ee_bytes *aad)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len;

	if (ctx && EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), hpke->key,
				      hpke->nonce, encrypt, NULL) &&
	    EVP_CipherUpdate(ctx, NULL, &len, aad->data, (int)aad->len))
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

int e2ee_hpke_seal(const struct e2ee_hpke *hpke, const struct e2ee_bytes *aad,
		   const struct e2ee_bytes *plain, uint8_t *ct)
{
	EVP_CIPHER_CTX *ctx = cipher_new(hpke, 1, aad);
	int len = 0;
	bool good;

	good = ctx &&
	       EVP_CipherUpdate(ctx, ct, &len, plain->data, (int)plain->len) &&
	       EVP_CipherFinal_ex(ctx, ct + len, &len) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG,
				   E2EE_HPKE_TAG_LEN, ct + plain->len);
	EVP_CIPHER_CTX_free(ctx);
	if (good)
		return 0;
	OPENSSL_cleanse(ct, plain->len + E2EE_HPKE_TAG_LEN);
	return -EIO;
}

int e2ee_hpke_open(const struct e2ee_hpke *hpke, const struct e2ee_bytes *aad,
		   const struct e2ee_bytes *ct, uint8_t *plain)
{
	const uint8_t *data = ct->data;
	EVP_CIPHER_CTX *ctx;
	int len, ret = -EIO;
	size_t plain_len;

	if (ct->len < E2EE_HPKE_TAG_LEN)
		return -EBADMSG;
	plain_len = ct->len - E2EE_HPKE_TAG_LEN;
	ctx = cipher_new(hpke, 0, aad);
	if (ctx && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG,
				       E2EE_HPKE_TAG_LEN,
				       (void *)(data + plain_len)) &&
	    EVP_CipherUpdate(ctx, plain, &len, data, (int)plain_len))
		ret = EVP_CipherFinal_ex(ctx, plain + len, &len) ? 0 : -EBADMSG;
	EVP_CIPHER_CTX_free(ctx);
	if (ret)
		OPENSSL_cleanse(plain, plain_len);
	return ret;
}
