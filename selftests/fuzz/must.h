/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For fuzzers: what has to hold for every input.
 */
#ifndef FUZZ_MUST_H
#define FUZZ_MUST_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define MUST(condition) do {						\
	if (!(condition))						\
		abort();						\
} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif /* FUZZ_MUST_H */
