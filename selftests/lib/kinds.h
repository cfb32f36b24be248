/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What may come by on a media port, and for each its disguised twins: packets
 * that look like it at first sight and could smuggle media past the module.
 */
#ifndef E2EE_TEST_KINDS_H
#define E2EE_TEST_KINDS_H

#include <stddef.h>
#include <stdint.h>

struct kind {
	const char *name;
	size_t (*build)(uint8_t *out);	/* returns the length */
};

/* Passes as it is, both ways. Ends with a nameless entry, as does the next. */
extern const struct kind kinds_other[];

/* Neither sent nor delivered where encryption is required. */
extern const struct kind kinds_disguised[];

#endif /* E2EE_TEST_KINDS_H */
