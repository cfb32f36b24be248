/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The arithmetic of a verification: commitments, nonces, and the code that
 * people compare.
 */
#ifndef E2EE_LIB_SAS_H
#define E2EE_LIB_SAS_H

#include <e2ee/room.h>

#include "crypto.h"

#define E2EE_SAS_NONCE_LEN	32
#define E2EE_SAS_CODE_LEN	8	/* "B" */

/**
 * struct e2ee_sas_context - what a verification belongs to
 * @call: call id, 16 bytes
 * @epoch: term << 16 | (seq & 0xffff)
 * @t: hash of the EPOCH, 32 bytes
 */
struct e2ee_sas_context {
	const uint8_t *call;
	uint32_t epoch;
	const uint8_t *t;
};

/** struct e2ee_sas_share - one device's part; in arrays, in the order of leaves */
struct e2ee_sas_share {
	const char *dev;
	uint8_t commitment[E2EE_HASH_LEN];
	uint8_t nonce[E2EE_SAS_NONCE_LEN];
};

/* c of one device */
int e2ee_sas_commit(const struct e2ee_sas_context *context, const char *dev,
		    const uint8_t *nonce, uint8_t *commitment);
/* Key 38 of a SAS-REVEAL */
int e2ee_sas_commitments(const struct e2ee_sas_share *shares, size_t count,
			 uint8_t *hash);
/* B, 8 bytes; @authenticator: 32 bytes, of the epoch */
int e2ee_sas_code(const struct e2ee_sas_context *context,
		  const struct e2ee_sas_share *shares, size_t count,
		  const uint8_t *authenticator, uint8_t *code);
/* What people see of B */
void e2ee_sas_show(const uint8_t *code, uint8_t *emoji, uint16_t *numbers);

#endif /* E2EE_LIB_SAS_H */
