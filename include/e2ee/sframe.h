/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Key derivations of SFrame: those of RFC 9605, and that for each SSRC of
 * draft-ietf-avtcore-rtp-sframe-02. The functions need no handle. They return 0,
 * -EINVAL for an unknown suite or a bad length, or -EIO if OpenSSL fails. After an
 * error, the outputs are wiped.
 */
#ifndef _E2EE_SFRAME_H
#define _E2EE_SFRAME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define E2EE_SFRAME_KEY_MAX	96	/* longest key of a registered suite */
#define E2EE_SFRAME_HASH_MAX	64	/* SHA-512 */
#define E2EE_SFRAME_SALT_LEN	12
#define E2EE_BASE_KEY_MIN	16

/* Length of a suite's key (Nk) and hash (Nh) in bytes; 0 if the suite is unknown */
size_t e2ee_sframe_key_len(uint32_t suite);
size_t e2ee_sframe_hash_len(uint32_t suite);

/**
 * e2ee_sframe_derive() - key and salt (RFC 9605, section 4.4.2)
 * @suite: IANA number, 1 to 8; the module takes 4 and 5
 * @base_key: secret, at least 16 bytes
 * @len: length of @base_key in bytes
 * @kid: key id
 * @key: out, e2ee_sframe_key_len(suite) bytes
 * @salt: out, 12 bytes
 */
int e2ee_sframe_derive(uint32_t suite, const void *base_key, size_t len,
		       uint64_t kid, uint8_t *key, uint8_t *salt);

/**
 * e2ee_sframe_ssrc_key() - key of one stream, to use in place of base_key
 * (draft-ietf-avtcore-rtp-sframe-02, section 7)
 * @out: e2ee_sframe_hash_len(suite) bytes
 */
int e2ee_sframe_ssrc_key(uint32_t suite, const void *base_key, size_t len,
			 uint32_t ssrc, uint8_t *out);

/**
 * e2ee_sframe_ratchet() - next base key (RFC 9605, section 5.1)
 * @out: e2ee_sframe_hash_len(suite) bytes; may be the same memory as @base_key
 */
int e2ee_sframe_ratchet(uint32_t suite, const void *base_key, size_t len,
			uint8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* _E2EE_SFRAME_H */
