/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers that a seed brings back. */
#ifndef E2EE_FUZZ_DICE_H
#define E2EE_FUZZ_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

/* The @nth of the streams that belong to @seed */
void dice_seed(struct dice *dice, uint64_t seed, uint64_t nth);
uint64_t dice_u64(struct dice *dice);
uint32_t dice_u32(struct dice *dice);
/* 0 to @bound - 1; 0 if @bound is 0 */
uint32_t dice_below(struct dice *dice, uint32_t bound);
bool dice_one_in(struct dice *dice, uint32_t chances);
void dice_bytes(struct dice *dice, void *out, size_t len);
/* Numbers of all magnitudes, and those beside powers of two */
uint64_t dice_odd_number(struct dice *dice);

#endif /* E2EE_FUZZ_DICE_H */
