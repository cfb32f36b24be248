/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SFrame (RFC 9605) once more, from the text of the RFC and with OpenSSL:
 * what the module puts on the wire is held against this.
 */
#ifndef E2EE_TEST_SFRAME_H
#define E2EE_TEST_SFRAME_H

#include <stddef.h>
#include <stdint.h>

#define SFRAME_TAG	16
#define SFRAME_HEADER	17	/* at most */
#define SFRAME_GROWTH	(SFRAME_HEADER + SFRAME_TAG)

struct sframe_key {
	uint16_t suite;		/* 4: AES-128-GCM, 5: AES-256-GCM */
	uint64_t kid;
	uint8_t secret[32];
	uint8_t salt[12];
};

/* A key like no other of this run of the program; @suite 0 stands for 5. */
void sframe_key_random(struct sframe_key *key, uint16_t suite, uint64_t kid);

/* Section 4.3. Returns the length of the header. */
size_t sframe_header(uint8_t *out, uint64_t kid, uint64_t ctr);

/* Section 4.4.3, no metadata: header, ciphertext, tag. Returns their length. */
size_t sframe_seal(const struct sframe_key *key, uint64_t ctr,
		   const void *plain, size_t len, uint8_t *out);

/*
 * Section 4.4.4. @plain has room for @len bytes. Returns the length of the
 * plaintext; -EBADMSG where it does not parse, has another KID or a wrong tag.
 * @ctr may be NULL.
 */
int sframe_open(const struct sframe_key *key, const uint8_t *sealed,
		size_t len, uint8_t *plain, uint64_t *ctr);

#endif /* E2EE_TEST_SFRAME_H */
