/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The primitives of the key exchange, by OpenSSL. One file of the library
 * implements this header; a simulation may link another one.
 *
 * Functions return 0, or -EIO where OpenSSL fails, or what they say; outputs
 * are wiped then.
 */
#ifndef E2EE_LIB_CRYPTO_H
#define E2EE_LIB_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#define E2EE_HASH_LEN		32	/* SHA-256 */
#define E2EE_SIGNATURE_LEN	64	/* Ed25519 */
#define E2EE_IK_LEN		32	/* Ed25519 public key */
#define E2EE_SEED_LEN		32	/* Ed25519 private key (RFC 8032, 5.1.5) */
#define E2EE_RAW_LEN		32	/* what an EPOCH wraps */

/* Wrap suites (keys of the map "keys"), and the sizes of what they make */
#define E2EE_WRAP_X25519	1	/* HPKE, RFC 9180 base mode */
#define E2EE_WRAP_RSA		2	/* RSA-OAEP-3072, SHA-256 */
#define E2EE_WRAP_XWING		3	/* reserved */
#define E2EE_WRAP_SUITES	4	/* array size, index 0 unused */
#define E2EE_WRAP_PUBLIC_MAX	1216
#define E2EE_WRAP_ENC_MAX	1120
#define E2EE_WRAP_CT_MAX	384

/** struct e2ee_bytes - a part of an input; parts are taken one behind another */
struct e2ee_bytes {
	const void *data;
	size_t len;
};

int e2ee_random(void *out, size_t len);
int e2ee_sha256(uint8_t *out, const struct e2ee_bytes *parts, size_t count);
int e2ee_sha512(uint8_t *out, const struct e2ee_bytes *parts, size_t count);
/* HMAC-SHA-256 */
int e2ee_hmac(uint8_t *out, const uint8_t *key, size_t key_len,
	      const struct e2ee_bytes *parts, size_t count);
/* HKDF-SHA-256, RFC 5869; @out of extract: 32 bytes */
int e2ee_hkdf_extract(uint8_t *out, const uint8_t *salt, size_t salt_len,
		      const uint8_t *ikm, size_t ikm_len);
/*
 * OpenSSL's generators are memory: the copy of a machine has the same, and would
 * go on with the same numbers. This begins them anew, from the kernel's.
 */
int e2ee_random_renew(void);

/* @prk: 32 bytes; @len: at most 255 * 32 */
int e2ee_hkdf_expand(uint8_t *out, size_t len, const uint8_t *prk,
		     const struct e2ee_bytes *info, size_t count);

/* Ed25519 (RFC 8032). verify: -EBADMSG if the signature is not good. */
int e2ee_sign_public(const uint8_t *seed, uint8_t *ik);
int e2ee_sign(uint8_t *signature, const uint8_t *seed,
	      const struct e2ee_bytes *parts, size_t count);
int e2ee_sign_verify(const uint8_t *signature, const uint8_t *ik,
		     const struct e2ee_bytes *parts, size_t count);

/* Wrapping: a private key lives in memory only, and is wiped by free. */
struct e2ee_wrap_key;

/* -EOPNOTSUPP: suite not known. @public: E2EE_WRAP_PUBLIC_MAX bytes of room */
int e2ee_wrap_key_new(uint32_t suite, struct e2ee_wrap_key **key,
		      uint8_t *public, size_t *public_len);
/* The same for RSA, with a key that was made ahead */
struct e2ee_keypool;
int e2ee_wrap_key_take(struct e2ee_keypool *keypool, struct e2ee_wrap_key **key,
		       uint8_t *public, size_t *public_len);
void e2ee_wrap_key_free(struct e2ee_wrap_key *key);

/**
 * struct e2ee_wrapped - a secret of 32 bytes, wrapped to one receiver
 * @enc: encapsulated key; none for RSA
 * @ct: ciphertext
 */
struct e2ee_wrapped {
	uint8_t enc[E2EE_WRAP_ENC_MAX];
	size_t enc_len;
	uint8_t ct[E2EE_WRAP_CT_MAX];
	size_t ct_len;
};

/* -EINVAL: public key of another length, or one that gives an all-zero secret */
int e2ee_wrap_seal(uint32_t suite, const uint8_t *public, size_t public_len,
		   const struct e2ee_bytes *info, const struct e2ee_bytes *aad,
		   const uint8_t *raw, struct e2ee_wrapped *wrapped);
/* -EBADMSG: does not open */
int e2ee_wrap_open(const struct e2ee_wrap_key *key,
		   const struct e2ee_bytes *info, const struct e2ee_bytes *aad,
		   const struct e2ee_bytes *enc, const struct e2ee_bytes *ct,
		   uint8_t *raw);

#endif /* E2EE_LIB_CRYPTO_H */
