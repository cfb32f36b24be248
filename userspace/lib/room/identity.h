/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a room needs of an identity, and is not for others.
 */
#ifndef E2EE_LIB_IDENTITY_H
#define E2EE_LIB_IDENTITY_H

#include <e2ee/identity.h>

#include "crypto.h"

/* An identity without a file: for tests and simulations */
int e2ee_identity_memory(const uint8_t *seed, struct e2ee_identity **identity);

const uint8_t *e2ee_identity_seed(const struct e2ee_identity *identity);
const uint8_t *e2ee_identity_ik(const struct e2ee_identity *identity);
/*
 * The next number of a key package: stored and synced before it returns. @error
 * as in e2ee/identity.h
 */
int e2ee_identity_next_seq(struct e2ee_identity *identity, uint64_t *seq,
			   char *error);

/* NULL: the store is in memory only */
const char *e2ee_trust_path(const struct e2ee_trust *trust);

#endif /* E2EE_LIB_IDENTITY_H */
