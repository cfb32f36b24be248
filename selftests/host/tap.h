/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unit tests that print TAP. A test is a function; each EXPECT that fails in
 * it says where and with which values, and makes it "not ok".
 */
#ifndef E2EE_TAP_H
#define E2EE_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned int tap_count, tap_failures;
static bool tap_bad;

/* Each use prints at most 10 lines: a loop can fail a million times. */
#define TAP_COMPLAIN(...) do {						\
	static unsigned int said;					\
									\
	tap_bad = true;							\
	if (said++ < 10) {						\
		printf("# %s:%d: ", __FILE__, __LINE__);		\
		printf(__VA_ARGS__);					\
		printf("\n");						\
	}								\
} while (0)

#define EXPECT(condition) do {						\
	if (!(condition))						\
		TAP_COMPLAIN("expected %s", #condition);		\
} while (0)

#define EXPECT_EQ(left, right) do {					\
	long long tap_left = (long long)(left);				\
	long long tap_right = (long long)(right);			\
									\
	if (tap_left != tap_right)					\
		TAP_COMPLAIN("%s is %lld, expected %s, %lld", #left,	\
			     tap_left, #right, tap_right);		\
} while (0)

#define TAP_RUN(function) do {						\
	tap_bad = false;						\
	function();							\
	tap_failures += tap_bad;					\
	printf("%s %u - %s\n", tap_bad ? "not ok" : "ok", ++tap_count,	\
	       #function);						\
	fflush(stdout);							\
} while (0)

static inline void tap_start(void)
{
	printf("TAP version 13\n");
}

static inline int tap_end(void)
{
	printf("1..%u\n", tap_count);
	return tap_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The same numbers in every run (xorshift64*, Vigna 2014). */
static inline unsigned long long tap_random(unsigned long long *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

#endif /* E2EE_TAP_H */
