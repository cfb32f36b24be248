/* SPDX-License-Identifier: GPL-2.0 */
#ifndef E2EE_TEST_VECTORS_H
#define E2EE_TEST_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "sframe.h"

struct vector {
	struct sframe_key key;
	uint64_t ctr;
	uint8_t plain[64];
	size_t plain_len;
	uint8_t sealed[128];	/* with metadata, so its tag is not ours */
	size_t sealed_len;
};

/* RFC 9605, appendix C.3, of this cipher suite. 0 or -errno. */
int vector_read(struct vector *vector, unsigned int suite);

#endif /* E2EE_TEST_VECTORS_H */
