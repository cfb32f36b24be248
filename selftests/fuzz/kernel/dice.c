// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "dice.h"

/* SplitMix64: any state is a good one, and streams are told by their start */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

void dice_seed(struct dice *dice, uint64_t seed, uint64_t nth)
{
	dice->state = mix(seed + 1) ^ mix(mix(nth + 1));
}

uint64_t dice_u64(struct dice *dice)
{
	dice->state += 0x9e3779b97f4a7c15;
	return mix(dice->state);
}

uint32_t dice_u32(struct dice *dice)
{
	return (uint32_t)(dice_u64(dice) >> 32);
}

uint32_t dice_below(struct dice *dice, uint32_t bound)
{
	return (uint32_t)((uint64_t)dice_u32(dice) * bound >> 32);
}

bool dice_one_in(struct dice *dice, uint32_t chances)
{
	return !dice_below(dice, chances);
}

void dice_bytes(struct dice *dice, void *out, size_t len)
{
	uint8_t *to = out;
	uint64_t word;
	size_t n;

	for (; len; to += n, len -= n) {
		word = dice_u64(dice);
		n = len < sizeof(word) ? len : sizeof(word);
		memcpy(to, &word, n);
	}
}

uint64_t dice_odd_number(struct dice *dice)
{
	uint64_t value = 1ULL << dice_below(dice, 64);

	switch (dice_below(dice, 6)) {
	case 0:
		return value;
	case 1:
		return value - 1;
	case 2:
		return value + 1;
	case 3:
		return -value;
	case 4:
		return dice_below(dice, 4);
	default:
		return dice_u64(dice) & (value * 2 - 1);
	}
}
