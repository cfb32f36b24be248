/* SPDX-License-Identifier: GPL-2.0 */
/*
 * AES-GCM by the kernel crypto API: the best synchronous implementation, or
 * the driver that a session names, which may be asynchronous.
 */
#ifndef E2EE_AEAD_H
#define E2EE_AEAD_H

#include <linux/types.h>

struct crypto_aead;

#define E2EE_AEAD_NONCE_LEN	12
#define E2EE_AEAD_TAG_LEN	16

/**
 * struct e2ee_aead - transforms that hold one key
 * @fast: uses SIMD registers; only where crypto_simd_usable(); may be NULL
 * @slow: usable everywhere
 * @async: @slow may answer later
 * @req_size: what either adds to a request, bytes
 */
struct e2ee_aead {
	struct crypto_aead *fast;
	struct crypto_aead *slow;
	bool async;
	unsigned int req_size;
};

/* process context, sleeps */
int e2ee_aead_init(struct e2ee_aead *aead, const u8 *key, unsigned int key_len,
		   const char *driver);
void e2ee_aead_destroy(struct e2ee_aead *aead);
const char *e2ee_aead_driver(const struct e2ee_aead *aead, bool fallback);
int e2ee_aead_crypt_wait(struct e2ee_aead *aead, u8 *buf, unsigned int aad_len,
			 unsigned int len, bool seal, const u8 *nonce);

/* process context */
int e2ee_aead_init_ready(struct e2ee_aead *aead, const u8 *key,
			 unsigned int key_len, const char *driver);

/* init and exit */
int e2ee_aead_setup(void);
void e2ee_aead_cleanup(void);

/* any context but hard interrupt */
void e2ee_aead_prefetch(const struct e2ee_aead *aead);
int e2ee_aead_crypt(struct e2ee_aead *aead, u8 *buf, unsigned int aad_len,
		    unsigned int len, bool seal, const u8 *nonce);

#endif /* E2EE_AEAD_H */
