// SPDX-License-Identifier: GPL-2.0
/*
 * The replay window: its edges, and against a model that remembers every CTR
 * it ever accepted.
 */
#include "replay.h"
#include "tap.h"

#define HIGHEST		(U64_MAX - 1)	/* the last CTR that may be accepted */
#define MODEL_MAX	1048576

static struct e2ee_replay *window_new(u32 size, u64 floor, u64 next)
{
	size_t bytes = e2ee_replay_bytes(size);
	struct e2ee_replay *window = malloc(bytes);

	if (!window)
		abort();
	/* whatever was there before must not matter */
	memset(window, 0xff, bytes);
	e2ee_replay_init(window, size, floor, next);
	return window;
}

/* Ask twice: a check must not change the answer. */
static bool accept(struct e2ee_replay *window, u64 ctr)
{
	bool first = e2ee_replay_check(window, ctr);
	bool second = e2ee_replay_check(window, ctr);
	/* either way must say the same: half of them may take the short one */
	bool accepted = (ctr & 1 && e2ee_replay_accept_next(window, ctr)) ||
			e2ee_replay_accept(window, ctr);

	EXPECT_EQ(first, accepted);
	EXPECT_EQ(second, accepted);
	EXPECT(!e2ee_replay_check(window, ctr));
	return accepted;
}

static void memory_is_struct_and_bits(void)
{
	EXPECT_EQ(e2ee_replay_bytes(64), sizeof(struct e2ee_replay) + 8);
	EXPECT_EQ(e2ee_replay_bytes(4096), sizeof(struct e2ee_replay) + 512);
	EXPECT_EQ(e2ee_replay_bytes(65536), sizeof(struct e2ee_replay) + 8192);
}

static void each_ctr_once_in_order(void)
{
	struct e2ee_replay *window = window_new(64, 0, 0);
	u64 ctr;

	for (ctr = 0; ctr < 1000; ctr++) {
		EXPECT(accept(window, ctr));
		EXPECT(!accept(window, ctr));
		EXPECT_EQ(window->next, ctr + 1);
	}
	free(window);
}

static void reaches_back_exactly_its_size(void)
{
	static const u32 sizes[] = { 64, 128, 4096, 65536 };
	struct e2ee_replay *window;
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		window = window_new(sizes[i], 0, 0);
		EXPECT(accept(window, 1000000));
		EXPECT(!accept(window, 1000001 - sizes[i] - 1));
		EXPECT(accept(window, 1000001 - sizes[i]));
		EXPECT(!accept(window, 1000001 - sizes[i]));
		EXPECT(accept(window, 999999));
		/* one step: what was the last is now too old */
		EXPECT(accept(window, 1000001));
		EXPECT(!accept(window, 1000001 - sizes[i]));
		EXPECT(accept(window, 1000002 - sizes[i]));
		free(window);
	}
}

static void starts_at_zero(void)
{
	struct e2ee_replay *window = window_new(64, 0, 0);

	EXPECT(accept(window, 63));
	EXPECT(accept(window, 0));
	EXPECT(!accept(window, 0));
	EXPECT(!accept(window, 63));
	EXPECT(accept(window, 64));
	EXPECT(!accept(window, 0));
	EXPECT(accept(window, 1));
	free(window);
}

static void jumps_clear_what_they_pass(void)
{
	u64 jump, ctr, start = 64 * 1000;
	struct e2ee_replay *window;

	for (jump = 1; jump < 300; jump++) {
		window = window_new(128, 0, 0);
		for (ctr = 0; ctr <= start; ctr++)
			e2ee_replay_accept(window, ctr);
		EXPECT(accept(window, start + jump));
		for (ctr = start + jump - 127; ctr < start + jump; ctr++)
			EXPECT_EQ(accept(window, ctr), ctr > start);
		free(window);
	}
}

static void last_ctr_is_never_accepted(void)
{
	struct e2ee_replay *window = window_new(64, 0, 0);

	EXPECT(!accept(window, U64_MAX));
	EXPECT_EQ(window->next, 0);
	EXPECT(accept(window, HIGHEST));
	EXPECT_EQ(window->next, U64_MAX);
	EXPECT(!accept(window, HIGHEST));
	EXPECT(!accept(window, U64_MAX));
	EXPECT(accept(window, HIGHEST - 63));
	EXPECT(!accept(window, HIGHEST - 64));
	EXPECT(!accept(window, 0));
	free(window);
}

static void late_window_starts_where_the_key_stands(void)
{
	struct e2ee_replay *window = window_new(64, 0, 1000);

	EXPECT(!accept(window, 0));
	EXPECT(!accept(window, 1000 - 65));
	EXPECT(accept(window, 1000 - 64));
	EXPECT(accept(window, 999));
	EXPECT(accept(window, 1000));
	EXPECT(!accept(window, 1000 - 64));
	free(window);

	window = window_new(64, 0, 10);
	EXPECT(accept(window, 0));
	EXPECT(accept(window, 9));
	free(window);

	window = window_new(64, 0, U64_MAX);
	EXPECT(!accept(window, U64_MAX));
	EXPECT(accept(window, HIGHEST));
	free(window);
}

static void nothing_below_the_floor(void)
{
	static const u32 sizes[] = { 64, 128, 4096 };
	struct e2ee_replay *window;
	u64 floor, ctr, size;
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size = sizes[i];
		/* where the key stands: below, inside the window, and above it */
		for (floor = 10000 - size - 2; floor <= 10002; floor++) {
			window = window_new(sizes[i], floor, 10000);
			EXPECT_EQ(window->next, floor > 10000 ? floor : 10000);
			for (ctr = 10000 - size - 2; ctr <= 10002; ctr++)
				EXPECT_EQ(e2ee_replay_check(window, ctr),
					  ctr >= floor && ctr >= 10000 - size);
			free(window);
		}
	}
	/* far behind, and at the end of the counter's range */
	window = window_new(64, 5, 100000);
	EXPECT(accept(window, 100000 - 64));
	free(window);
	window = window_new(64, 1ULL << 63, 0);
	EXPECT(!accept(window, 0));
	EXPECT(!accept(window, (1ULL << 63) - 1));
	EXPECT(accept(window, (1ULL << 63) + 70));
	EXPECT(accept(window, (1ULL << 63) + 7));
	EXPECT(!accept(window, (1ULL << 63) + 6));
	free(window);
	window = window_new(64, U64_MAX, 0);
	EXPECT(!accept(window, HIGHEST));
	EXPECT(!accept(window, U64_MAX));
	free(window);
}

struct model {
	bool seen[MODEL_MAX];
	u64 base;	/* CTR of the first entry */
	u64 next;
	u32 size;
};

static bool model_accept(struct model *model, u64 ctr)
{
	if (ctr < model->next && model->next - ctr > model->size)
		return false;
	if (model->seen[ctr - model->base])
		return false;
	model->seen[ctr - model->base] = true;
	if (ctr >= model->next)
		model->next = ctr + 1;
	return true;
}

/* A sender that mostly counts, a network that delays, loses and repeats. */
static u64 next_ctr(unsigned long long *state, u64 next, u32 size)
{
	u64 random = tap_random(state), back;

	switch (random % 16) {
	case 0 ... 7:
		return next;
	case 8 ... 11:
		back = (random >> 8) % 8 + 1;
		return back > next ? 0 : next - back;
	case 12:
		return next + (random >> 8) % 3;
	case 13:
		back = (random >> 8) % (2 * size);
		return back > next ? 0 : next - back;
	case 14:
		/* around the far edge */
		back = size - 2 + (random >> 8) % 5;
		return back > next ? 0 : next - back;
	default:
		return random >> 60 ? next : next + (random >> 8) % (3 * size);
	}
}

static void compare(u32 size, u64 base, unsigned long long seed)
{
	struct model *model = calloc(1, sizeof(*model));
	struct e2ee_replay *window = window_new(size, 0, base);
	unsigned long steps;
	u64 ctr;

	if (!model)
		abort();
	model->base = base > MODEL_MAX / 4 ? base - MODEL_MAX / 4 : 0;
	model->next = base;
	model->size = size;

	for (steps = 0; steps < 100000; steps++) {
		ctr = next_ctr(&seed, model->next, size);
		if (ctr == U64_MAX || ctr - model->base >= MODEL_MAX)
			break;
		EXPECT_EQ(accept(window, ctr), model_accept(model, ctr));
		EXPECT_EQ(window->next, model->next);
	}
	EXPECT(steps > 1000);
	free(window);
	free(model);
}

static void agrees_with_model(void)
{
	static const u32 sizes[] = { 64, 128, 256, 1024, 4096 };
	static const u64 bases[] = { 0, 50, 70000, (1ULL << 32) - 5000,
				     U64_MAX - 100000 };
	unsigned long long seed;
	unsigned int i, j;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (j = 0; j < sizeof(bases) / sizeof(*bases); j++)
			for (seed = 1; seed <= 5; seed++)
				compare(sizes[i], bases[j], seed);
}

int main(void)
{
	tap_start();
	TAP_RUN(memory_is_struct_and_bits);
	TAP_RUN(each_ctr_once_in_order);
	TAP_RUN(reaches_back_exactly_its_size);
	TAP_RUN(starts_at_zero);
	TAP_RUN(jumps_clear_what_they_pass);
	TAP_RUN(last_ctr_is_never_accepted);
	TAP_RUN(late_window_starts_where_the_key_stands);
	TAP_RUN(nothing_below_the_floor);
	TAP_RUN(agrees_with_model);
	return tap_end();
}
