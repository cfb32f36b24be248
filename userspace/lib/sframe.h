/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys of SFrame, many at once. Nothing here is exported.
 */
#ifndef E2EE_LIB_SFRAME_H
#define E2EE_LIB_SFRAME_H

#include <e2ee/sframe.h>

/** struct e2ee_sframe_key - @kid: in; @key, @salt: where the outputs go */
struct e2ee_sframe_key {
	uint64_t kid;
	uint8_t *key;
	uint8_t *salt;
};

/* As e2ee_sframe_derive(), for several KIDs of one base key; all or an error */
int e2ee_sframe_derive_all(uint32_t suite, const void *base_key, size_t len,
			   struct e2ee_sframe_key *keys, size_t count);

#endif /* E2EE_LIB_SFRAME_H */
