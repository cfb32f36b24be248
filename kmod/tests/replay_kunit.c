// SPDX-License-Identifier: GPL-2.0
/* The edges of the replay window; the host's tests have the long model runs. */
#include <kunit/test.h>
#include "../wire/replay.h"

static struct e2ee_replay *window_new(struct kunit *test, u32 size, u64 floor,
				      u64 next)
{
	size_t bytes = e2ee_replay_bytes(size);
	struct e2ee_replay *window = kunit_kmalloc(test, bytes, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, window);
	/* whatever was there before must not matter */
	memset(window, 0xff, bytes);
	e2ee_replay_init(window, size, floor, next);
	return window;
}

static void accepts_once(struct kunit *test)
{
	struct e2ee_replay *window = window_new(test, 64, 0, 0);
	u64 ctr;

	for (ctr = 0; ctr < 500; ctr++) {
		KUNIT_EXPECT_TRUE(test, e2ee_replay_check(window, ctr));
		KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, ctr));
		KUNIT_EXPECT_FALSE(test, e2ee_replay_check(window, ctr));
		KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, ctr));
		KUNIT_EXPECT_EQ(test, window->next, ctr + 1);
	}
}

static void reaches_back_exactly_its_size(struct kunit *test)
{
	static const u32 sizes[] = { 64, 128, 4096, 65536 };
	struct e2ee_replay *window;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		window = window_new(test, sizes[i], 0, 0);
		KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, 999999));
		KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, 1000000 -
							    sizes[i] - 1));
		KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, 1000000 -
							   sizes[i]));
		KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, 1000000 -
							    sizes[i]));
		KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, 1000000));
		KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, 1000000 -
							    sizes[i]));
	}
}

static void jumps_clear_what_they_pass(struct kunit *test)
{
	struct e2ee_replay *window;
	u64 jump, ctr;

	for (jump = 1; jump < 300; jump++) {
		window = window_new(test, 128, 0, 0);
		for (ctr = 0; ctr <= 6400; ctr++)
			e2ee_replay_accept(window, ctr);
		KUNIT_EXPECT_TRUE(test,
				  e2ee_replay_accept(window, 6400 + jump));
		for (ctr = 6400 + jump - 127; ctr < 6400 + jump; ctr++)
			KUNIT_EXPECT_EQ(test, e2ee_replay_accept(window, ctr),
					ctr > 6400);
		kunit_kfree(test, window);
	}
}

static void last_ctr_is_never_accepted(struct kunit *test)
{
	struct e2ee_replay *window = window_new(test, 64, 0, 0);

	KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, U64_MAX));
	KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, U64_MAX - 1));
	KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, U64_MAX - 1));
	KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, U64_MAX));
	KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, U64_MAX - 64));
	KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, U64_MAX - 65));
	KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, 0));
}

static void late_window_starts_where_the_key_stands(struct kunit *test)
{
	struct e2ee_replay *window = window_new(test, 64, 0, 1000);

	KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, 0));
	KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, 1000 - 65));
	KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, 1000 - 64));
	KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, 999));
	KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, 1000));

	window = window_new(test, 64, 0, 10);
	KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, 0));
}

static void nothing_below_the_floor(struct kunit *test)
{
	struct e2ee_replay *window = window_new(test, 64, 990, 1000);
	u64 ctr;

	for (ctr = 900; ctr < 1010; ctr++)
		KUNIT_EXPECT_EQ(test, e2ee_replay_accept(window, ctr),
				ctr >= 990);

	window = window_new(test, 64, 1000, 0);
	KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, 999));
	KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, 1063));
	KUNIT_EXPECT_FALSE(test, e2ee_replay_accept(window, 999));
	KUNIT_EXPECT_TRUE(test, e2ee_replay_accept(window, 1000));
}

static struct kunit_case replay_cases[] = {
	KUNIT_CASE(accepts_once),
	KUNIT_CASE(reaches_back_exactly_its_size),
	KUNIT_CASE(jumps_clear_what_they_pass),
	KUNIT_CASE(last_ctr_is_never_accepted),
	KUNIT_CASE(late_window_starts_where_the_key_stands),
	KUNIT_CASE(nothing_below_the_floor),
	{ }
};

static struct kunit_suite replay_suite = {
	.name = "e2ee_replay",
	.test_cases = replay_cases,
};

kunit_test_suite(replay_suite);
