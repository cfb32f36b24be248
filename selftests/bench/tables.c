// SPDX-License-Identifier: GPL-2.0
/*
 * Many keys, many sessions. They are there, and one stream sends; or, "cold",
 * packets take them all by turns, so that each finds its key out of the CPU's
 * caches. What there is of one has namespaces of its own. Receivers are behind
 * veth, as a namespace holds at most 100,000 keys.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define SESSIONS	1000

struct table {
	unsigned int num;	/* keys */
	char name[32];
	char cold[32];
	uint64_t kid;
	struct pairs pairs;
};

static void cost(int job, const char *name, unsigned int round,
		 const struct pairs *pairs, unsigned int first,
		 unsigned int num, uint64_t ssrc, unsigned int ssrcs)
{
	struct job_result result;

	job_run(job, &result,
		"udp tx=%u rx=%u pairs=%u ssrc=%u ssrcs=%u size=1200 packets=%u",
		(unsigned int)pairs->tx + first,
		(unsigned int)pairs->rx + first, num, (uint32_t)ssrc, ssrcs,
		bench_plan.packets);
	bench_cost(name, round, (double)result.ns / (double)result.packets,
		   (double)result.cycles / (double)result.packets);
}

/* where a round goes on in a table of @num, taking @step at a time */
static unsigned int turn(unsigned int round, unsigned int num,
			 unsigned int step)
{
	return num <= step ? 0 : round % (num / step) * step;
}

static void table_open(struct table *table, unsigned int num)
{
	enum place_net near = num > 1 ? PLACE_NEAR : PLACE_FEW;
	enum place_net far = num > 1 ? PLACE_FAR : PLACE_FEW_FAR;
	struct side side;

	table->num = num;
	snprintf(table->name, sizeof(table->name), "keys_%u", num);
	snprintf(table->cold, sizeof(table->cold), "keys_cold_%u", num);
	table->kid = place_kid(num);
	place_pairs(&table->pairs, 1, near, far);
	place_side(&side, near, E2EE_DIR_TX, table->kid, num);
	place_attach(&side, table->pairs.tx);
	place_side(&side, far, E2EE_DIR_RX, table->kid, num);
	place_attach(&side, table->pairs.rx);
}

static void table_round(int job, const struct table *table, unsigned int round)
{
	unsigned int step = bench_plan.packets, first;

	first = turn(round, table->num, step);
	cost(job, table->name, round, &table->pairs, 0, 1,
	     table->kid + table->num / 2, 1);
	cost(job, table->cold, round, &table->pairs, 0, 1, table->kid + first,
	     table->num < step ? table->num : step);
}

static void keys(int job, struct pairs *plain, struct table *one)
{
	const unsigned int nums[] = { 100, 10000, bench_plan.many_keys };
	unsigned int count = bench_plan.quick ? 2 : 3, round, i;
	struct table tables[3];

	bench_say("1 to %u keys", nums[count - 1]);
	for (i = 0; i < count; i++)
		table_open(&tables[i], nums[i]);
	for (round = 0; round < bench_plan.rounds; round++) {
		cost(job, "keys_plain", round, plain, 0, 1, 1, 1);
		table_round(job, one, round);
		for (i = 0; i < count; i++)
			table_round(job, &tables[i], round);
	}
}

/* each with a socket and a key at either end */
static void sessions_open(struct pairs *pairs, uint64_t kid, unsigned int num)
{
	struct side side;
	unsigned int i;

	place_pairs(pairs, num, PLACE_NEAR, PLACE_FAR);
	for (i = 0; i < num; i++) {
		place_side(&side, PLACE_NEAR, E2EE_DIR_TX, kid + i, 1);
		place_attach(&side, pairs->tx + (int)i);
		place_side(&side, PLACE_FAR, E2EE_DIR_RX, kid + i, 1);
		place_attach(&side, pairs->rx + (int)i);
	}
}

static void sessions(int job, struct pairs *plain, struct table *one)
{
	unsigned int step = bench_plan.packets, round, first;
	struct pairs plain_many, many;
	uint64_t kid = place_kid(SESSIONS);

	bench_say("%u sessions", SESSIONS);
	place_pairs(&plain_many, SESSIONS, PLACE_NEAR, PLACE_FAR);
	sessions_open(&many, kid, SESSIONS);
	for (round = 0; round < bench_plan.rounds; round++) {
		first = turn(round, SESSIONS, step);
		cost(job, "sessions_plain", round, plain, 0, 1, 1, 1);
		cost(job, "sessions_1", round, &one->pairs, 0, 1, one->kid, 1);
		cost(job, "sessions_1000", round, &many, SESSIONS / 2, 1,
		     kid + SESSIONS / 2, 1);
		cost(job, "sessions_cold_plain", round, &plain_many, first,
		     step, 1, step);
		cost(job, "sessions_cold_1000", round, &many, first, step,
		     kid + first, step);
	}
}

void part_tables(void)
{
	struct pairs plain;
	struct table one;
	int job = job_open();

	place_pairs(&plain, 1, PLACE_FEW, PLACE_FEW_FAR);
	table_open(&one, 1);
	keys(job, &plain, &one);
	sessions(job, &plain, &one);
}
