/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SFrame (RFC 9605) in the RTP form of draft-ietf-avtcore-rtp-sframe-02:
 *
 *	descriptor (1 byte) | SFrame header (1..17) | ciphertext | tag (16)
 */
#ifndef E2EE_SFRAME_H
#define E2EE_SFRAME_H

#include "pure.h"

#define E2EE_SFRAME_DESCRIPTOR	0xe0	/* S, E and T set: one object, whole */
#define E2EE_SFRAME_HEADER_MAX	17	/* RFC 9605, section 4.3 */
#define E2EE_SFRAME_NONCE_LEN	12	/* RFC 9605, section 4.5: Nn */
#define E2EE_SFRAME_TAG_LEN	16	/* RFC 9605, section 4.5: Nt */

/**
 * struct e2ee_sealed - what the clear front of a sealed payload says
 * @kid: key identifier
 * @ctr: counter
 * @aad: offset of the additional authenticated data in the payload
 * @aad_len: its length, bytes
 * @body: offset of the ciphertext in the payload
 */
struct e2ee_sealed {
	u64 kid;
	u64 ctr;
	u32 aad;
	u32 aad_len;
	u32 body;
};

/* draft-ietf-avtcore-rtp-sframe-02, one SFrame object a packet */
bool e2ee_sframe_is_sealed(const u8 *payload, size_t len);
u32 e2ee_sframe_front_len(u64 kid, u64 ctr);
u32 e2ee_sframe_front(u8 *buf, u64 kid, u64 ctr, struct e2ee_sealed *sealed);
int e2ee_sframe_parse(const u8 *payload, size_t len,
		      struct e2ee_sealed *sealed);
void e2ee_sframe_nonce(u8 nonce[E2EE_SFRAME_NONCE_LEN],
		       const u8 salt[E2EE_SFRAME_NONCE_LEN], u64 ctr);

/* RFC 9605, section 4.3: the bare header, without the RTP descriptor */
u32 e2ee_sframe_encode(u8 *buf, u64 kid, u64 ctr);
int e2ee_sframe_decode(const u8 *data, size_t len, u64 *kid, u64 *ctr);

#endif /* E2EE_SFRAME_H */
