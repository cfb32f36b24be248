/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the raw secret of an EPOCH to the keys of its streams.
 */
#ifndef E2EE_LIB_SCHEDULE_H
#define E2EE_LIB_SCHEDULE_H

#include <e2ee/e2ee.h>

#include "crypto.h"
#include "message.h"

#define E2EE_STREAMS_MAX	32	/* a leaf and epoch */

/* stream << 14 | leaf << 6 | (term & 3) << 4 | (seq & 15) */
uint64_t e2ee_schedule_kid(unsigned int stream, uint8_t leaf, uint16_t term,
			   uint32_t seq);

/* Inputs of the wraps. @owner: leaf. @info and @aad: out, with their lengths */
#define E2EE_WRAP_INFO_MAX	128
#define E2EE_WRAP_AAD_LEN	56
int e2ee_schedule_info(const uint8_t *call, uint16_t term, uint32_t seq,
		       const uint8_t *prev, const struct e2ee_entry *roster,
		       size_t count, uint8_t owner, uint8_t *info, size_t *len);
void e2ee_schedule_aad(const uint8_t *kp_hash, const uint8_t *nonce,
		       uint8_t *aad);

/* All outputs 32 bytes */
int e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw, uint8_t *secret);
int e2ee_schedule_authenticator(const uint8_t *secret, const uint8_t *t,
				uint8_t *authenticator);
int e2ee_schedule_mac(const uint8_t *secret, const uint8_t *t, const char *dev,
		      uint8_t *mac);

/**
 * e2ee_schedule_keys() - keys and salts of streams of one sender, for the kernel
 * @secret: epoch_secret
 * @leaf: whose
 * @dev: its name
 * @session: its session id
 * @suite: media suite, 4 or 5
 * @keys: in: kid, from e2ee_schedule_kid(); out: suite, secret, secret_len, salt
 *	and their bits in has
 * @count: at most 32
 */
int e2ee_schedule_keys(const uint8_t *secret, uint8_t leaf, const char *dev,
		       const uint8_t *session, uint32_t suite,
		       struct e2ee_key *keys, size_t count);

#endif /* E2EE_LIB_SCHEDULE_H */
