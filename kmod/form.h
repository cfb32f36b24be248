/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Forms of sealed payloads on the wire. There is one: SFrame.
 */
#ifndef E2EE_FORM_H
#define E2EE_FORM_H

#include "sframe.h"

/**
 * struct e2ee_form - a form of sealed payloads on the wire
 * @name: for people
 * @tag_len: bytes behind the ciphertext
 * @front_max: the most that @front writes, bytes
 * @is_sealed: does this payload claim to be of this form?
 * @front_len: bytes that stand before the ciphertext for this KID and CTR
 * @front: write them; fills what it wrote into sealed; returns front_len
 * @parse: read them; 0, or -EBADMSG where they do not parse, are not minimal,
 *	or leave no room for the tag
 * @nonce: the AEAD's nonce of this CTR
 *
 * Another form costs one file with such a table.
 */
struct e2ee_form {
	const char *name;
	u32 tag_len;
	u32 front_max;
	bool (*is_sealed)(const u8 *payload, size_t len);
	u32 (*front_len)(u64 kid, u64 ctr);
	u32 (*front)(u8 *buf, u64 kid, u64 ctr, struct e2ee_sealed *sealed);
	int (*parse)(const u8 *payload, size_t len, struct e2ee_sealed *sealed);
	void (*nonce)(u8 nonce[E2EE_SFRAME_NONCE_LEN],
		      const u8 salt[E2EE_SFRAME_NONCE_LEN], u64 ctr);
};

/* It stands here so that compilers see through it: direct calls, not by pointer */
static const struct e2ee_form e2ee_sframe = {
	.name		= "sframe",
	.tag_len	= E2EE_SFRAME_TAG_LEN,
	.front_max	= 1 + E2EE_SFRAME_HEADER_MAX,
	.is_sealed	= e2ee_sframe_is_sealed,
	.front_len	= e2ee_sframe_front_len,
	.front		= e2ee_sframe_front,
	.parse		= e2ee_sframe_parse,
	.nonce		= e2ee_sframe_nonce,
};

#endif /* E2EE_FORM_H */
