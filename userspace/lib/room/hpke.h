/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * HPKE (RFC 9180), base mode, one message: DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM. The steps are apart, for the RFC's test vectors.
 *
 * Functions return 0 or -EIO, or what they say.
 */
#ifndef E2EE_LIB_HPKE_H
#define E2EE_LIB_HPKE_H

#include <openssl/evp.h>

#include "crypto.h"

#define E2EE_HPKE_SECRET_LEN	32	/* Nsecret, Nenc, Npk, Nsk, Nh, Nk */
#define E2EE_HPKE_NONCE_LEN	12	/* Nn */
#define E2EE_HPKE_TAG_LEN	16	/* Nt */

/** struct e2ee_hpke - what the key schedule gives: for one message only */
struct e2ee_hpke {
	uint8_t key[E2EE_HPKE_SECRET_LEN];
	uint8_t nonce[E2EE_HPKE_NONCE_LEN];
};

/*
 * 4.1: a shared secret from a key pair of one's own and the other's public key.
 * -EINVAL: an all-zero Diffie-Hellman secret.
 */
int e2ee_hpke_encap(EVP_PKEY *ephemeral, const uint8_t *public, uint8_t *enc,
		    uint8_t *shared);
int e2ee_hpke_decap(EVP_PKEY *private, const uint8_t *enc, uint8_t *shared);

/* 5.1 */
int e2ee_hpke_schedule(const uint8_t *shared, const struct e2ee_bytes *info,
		       struct e2ee_hpke *hpke);

/* 5.2, the first message. @ct: E2EE_HPKE_TAG_LEN longer than @plain */
int e2ee_hpke_seal(const struct e2ee_hpke *hpke, const struct e2ee_bytes *aad,
		   const struct e2ee_bytes *plain, uint8_t *ct);
/* -EBADMSG: does not open */
int e2ee_hpke_open(const struct e2ee_hpke *hpke, const struct e2ee_bytes *aad,
		   const struct e2ee_bytes *ct, uint8_t *plain);

#endif /* E2EE_LIB_HPKE_H */
