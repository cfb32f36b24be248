// SPDX-License-Identifier: GPL-2.0
/*
 * What a packet costs, from send to receipt: plain, sent sealed, opened, both;
 * what AES-GCM alone costs, in the kernel and in an application. All in each
 * round, one after the other, so that what disturbs the machine disturbs all.
 */
#include <stdlib.h>

#include "bench.h"

static const unsigned int sizes[] = { 20, 160, 1200 };

#define SIZES	(sizeof(sizes) / sizeof(sizes[0]))
#define BURST	52	/* of 1,200 bytes: 64 KB, sealed too */
#define COUNTED	(8 * BURST)	/* packets of a round that is counted */
#define WARM_UP	8		/* rounds before those */

static const char *const net_names[] = { "lo", "veth" };

/* a plain pair; one with both ends attached; one with either */
struct road {
	struct pairs plain;
	struct pairs both;
	struct pairs tx;
	struct pairs rx;
	uint64_t kid;		/* of both */
	uint64_t kid_half;	/* of tx and rx */
};

static void attach(struct pairs *tx, struct pairs *rx, enum place_net net,
		   uint64_t kid)
{
	struct side side;

	place_side(&side, PLACE_NEAR, E2EE_DIR_TX, kid, 1);
	place_attach(&side, tx->tx);
	place_side(&side, net, E2EE_DIR_RX, kid, 1);
	place_attach(&side, rx->rx);
}

static void road_open(struct road *road, enum place_net net)
{
	place_pairs(&road->plain, 1, PLACE_NEAR, net);
	place_pairs(&road->both, 1, PLACE_NEAR, net);
	place_pairs(&road->tx, 1, PLACE_NEAR, net);
	place_pairs(&road->rx, 1, PLACE_NEAR, net);
	road->kid = place_kid(1);
	road->kid_half = place_kid(1);
	attach(&road->both, &road->both, net, road->kid);
	attach(&road->tx, &road->rx, net, road->kid_half);
}

static void packets_cost(int job, const char *kind, const char *net,
			 unsigned int size, unsigned int round,
			 const struct pairs *pairs, uint64_t ssrc,
			 const char *more)
{
	struct job_result result;
	char name[64];

	job_run(job, &result,
		"udp tx=%d rx=%d ssrc=%u size=%u packets=%u %s", pairs->tx,
		pairs->rx, (uint32_t)ssrc, size, bench_plan.packets, more);
	snprintf(name, sizeof(name), "%s_%s_%u", kind, net, size);
	bench_cost(name, round, (double)result.ns / (double)result.packets,
		   (double)result.cycles / (double)result.packets);
}

static void road_round(int job, const struct road *road, const char *net,
		       unsigned int size, unsigned int round)
{
	char aside[128];

	packets_cost(job, "plain", net, size, round, &road->plain, 1, "");
	packets_cost(job, "both", net, size, round, &road->both, road->kid, "");
	packets_cost(job, "tx", net, size, round, &road->tx, road->kid_half,
		     "keep=1");
	packets_cost(job, "rx", net, size, round, &road->rx, road->kid_half,
		     "replay=1");
	snprintf(aside, sizeof(aside), "driver=%s", place_driver());
	packets_cost(job, "aside", net, size, round, &road->plain, 1, aside);
}

static void aead_round(int job, unsigned int size, unsigned int round)
{
	struct job_result result;
	char name[64];

	job_run(job, &result, "aead driver=%s size=%u packets=%u",
		place_driver(), size, bench_plan.packets);
	snprintf(name, sizeof(name), "aead_%u", size);
	bench_cost(name, round, (double)result.ns / (double)result.packets,
		   (double)result.cycles / (double)result.packets);
}

static void user_round(const char *who, unsigned int size, unsigned int round,
		       void (*measure)(unsigned int, unsigned int,
				       struct user_cost *))
{
	double rate = bench_cycles_per_ns();
	struct user_cost cost;
	char name[64];

	measure(size, bench_plan.packets, &cost);
	snprintf(name, sizeof(name), "%s_seal_%u", who, size);
	bench_cost(name, round, cost.seal / rate, cost.seal);
	snprintf(name, sizeof(name), "%s_open_%u", who, size);
	bench_cost(name, round, cost.open / rate, cost.open);
	snprintf(name, sizeof(name), "%s_%u", who, size);
	bench_cost(name, round, (cost.seal + cost.open) / rate,
		   cost.seal + cost.open);
}

void part_cost(void)
{
	struct road roads[2];
	unsigned int round, i;
	int job = job_open(), net;

	bench_say("cost of a packet: plain, sealed, opened; %u rounds of %u",
		  bench_plan.rounds, bench_plan.packets);
	for (net = 0; net < 2; net++)
		road_open(&roads[net], net);
	for (round = 0; round < bench_plan.rounds; round++) {
		for (i = 0; i < SIZES; i++) {
			road_round(job, &roads[PLACE_NEAR],
				   net_names[PLACE_NEAR], sizes[i], round);
			aead_round(job, sizes[i], round);
			user_round("openssl", sizes[i], round, openssl_cost);
			user_round("libsrtp", sizes[i], round, srtp_cost);
			road_round(job, &roads[PLACE_FAR],
				   net_names[PLACE_FAR], sizes[i], round);
		}
	}
}

/* one round of a burst, named as @name */
static void burst_round(int job, const char *name, unsigned int round,
			const struct pairs *pairs, uint64_t ssrc,
			unsigned int burst)
{
	struct job_result result;

	job_run(job, &result,
		"udp tx=%d rx=%d ssrc=%u size=1200 packets=%d burst=%u",
		pairs->tx, pairs->rx, (uint32_t)ssrc, 4 * BURST, burst);
	bench_cost(name, round, (double)result.ns / (double)result.packets,
		   (double)result.cycles / (double)result.packets);
}

void part_bursts(void)
{
	struct road road;
	unsigned int round;
	int job = job_open();

	bench_say("bursts of %u packets", BURST);
	road_open(&road, PLACE_NEAR);
	for (round = 0; round < bench_plan.rounds; round++) {
		burst_round(job, "single_plain", round, &road.plain, 1, 1);
		burst_round(job, "single_both", round, &road.both, road.kid, 1);
		burst_round(job, "burst_plain", round, &road.plain, 1, BURST);
		burst_round(job, "burst_both", round, &road.both, road.kid,
			    BURST);
	}
}

/* the same work in each round: packets of @size, in sends of @burst */
static void count_round(int job, const struct road *road, unsigned int size,
			unsigned int burst, int round)
{
	const struct {
		const char *name;
		const struct pairs *pairs;
		uint64_t ssrc;
		bool sealed;
	} kinds[] = {
		{ "plain", &road->plain, 1, false },
		{ "tx", &road->tx, road->kid_half, true },
		{ "both", &road->both, road->kid, false },
	};
	struct job_result result;
	char name[64];
	unsigned int i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		job_run(job, &result,
			"udp tx=%d rx=%d ssrc=%u size=%u packets=%d burst=%u sealed=%d",
			kinds[i].pairs->tx, kinds[i].pairs->rx,
			(uint32_t)kinds[i].ssrc, size, COUNTED, burst,
			kinds[i].sealed);
		if (round < 0)
			continue;
		snprintf(name, sizeof(name), "%s_%s_%u",
			 burst > 1 ? "burst" : "single", kinds[i].name, size);
		bench_cost(name, (unsigned int)round,
			   (double)result.ns / (double)result.packets,
			   (double)result.cycles / (double)result.packets);
	}
}

/*
 * Plain; sealed by the sender and opened by nobody; both. Where the CPU's counter
 * counts instructions, two rounds differ only by what the kernel does besides,
 * such as a tick of its clock. The first rounds are not written down: it takes
 * some until the kernel's caches of memory are as they stay.
 */
void part_count(void)
{
	struct road road;
	int job = job_open(), round;
	unsigned int i;

	bench_say("%u rounds of %u packets", bench_plan.rounds, COUNTED);
	road_open(&road, PLACE_NEAR);
	for (round = -WARM_UP; round < (int)bench_plan.rounds; round++) {
		for (i = 0; i < SIZES; i++) {
			count_round(job, &road, sizes[i], 1, round);
			count_round(job, &road, sizes[i], BURST, round);
		}
	}
}

/* cycles inside our hooks, of single packets, sending and receiving */
void part_hooks(void)
{
	static const char *const names[] = { "hooks_20", "hooks_160",
					     "hooks_1200" };
	struct job_result result;
	struct road road;
	int job = job_open();
	unsigned int i;

	bench_say("time inside the hooks, of %u packets", bench_plan.samples);
	road_open(&road, PLACE_NEAR);
	for (i = 0; i < SIZES; i++) {
		job_run(job, &result,
			"udp tx=%d rx=%d ssrc=%u size=%u packets=%u samples=2",
			road.both.tx, road.both.rx, (uint32_t)road.kid,
			sizes[i], bench_plan.samples);
		job_samples(job, names[i]);
	}
}

/* a packet each 100 us, sent at its time: plain and sealed in turns */
void part_latency(void)
{
	unsigned int packets = bench_plan.latency / 10, done;
	struct job_result result;
	struct road road;
	int job = job_open();

	bench_say("latency at 10,000 packets a second");
	road_open(&road, PLACE_NEAR);
	for (done = 0; done < bench_plan.latency; done += packets) {
		job_run(job, &result,
			"udp tx=%d rx=%d ssrc=1 size=160 packets=%u gap=100000 samples=1",
			road.plain.tx, road.plain.rx, packets);
		job_samples(job, "latency_plain");
		job_run(job, &result,
			"udp tx=%d rx=%d ssrc=%u size=160 packets=%u gap=100000 samples=1",
			road.both.tx, road.both.rx, (uint32_t)road.kid,
			packets);
		job_samples(job, "latency_both");
	}
}

static int rising(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* the middle one of every second number, from @first on */
static double middle(const uint32_t *numbers, unsigned int num,
		     unsigned int first)
{
	uint32_t *half = calloc(num / 2 + 1, sizeof(*half));
	unsigned int i, count = 0;
	double value;

	if (!half)
		bench_die("no memory");
	for (i = first; i < num; i += 2)
		half[count++] = numbers[i];
	qsort(half, count, sizeof(*half), rising);
	value = half[count / 2] / bench_cycles_per_ns();
	free(half);
	return value;
}

/* beside AES-GCM alone at the same time, for comparing on a busy machine */
static void profile_hooks(int job, const struct road *road, unsigned int size)
{
	unsigned int round, num, way;
	uint32_t ratio[2][100];
	struct job_result aead;
	uint32_t *numbers;
	double ns[2];

	for (round = 0; round < 50; round++) {
		struct job_result result;

		job_run(job, &result,
			"udp tx=%d rx=%d ssrc=%u size=%u packets=1000 samples=2",
			road->both.tx, road->both.rx, (uint32_t)road->kid,
			size);
		num = job_numbers(job, &numbers);
		job_run(job, &aead, "aead driver=%s size=%u packets=1000",
			place_driver(), size);
		for (way = 0; way < 2; way++) {
			ns[way] = middle(numbers, num, way);
			ratio[0][2 * round + way] = (uint32_t)(ns[way] * 1e6 /
							       (double)aead.ns);
		}
		ratio[1][2 * round] = (uint32_t)(ns[0] + ns[1]);
		free(numbers);
	}
	printf("in the hooks, times AES-GCM: sending %.2f, receiving %.2f; both %.0f ns\n",
	       middle(ratio[0], 100, 0) * bench_cycles_per_ns() / 500,
	       middle(ratio[0], 100, 1) * bench_cycles_per_ns() / 500,
	       middle(ratio[1], 100, 0) * bench_cycles_per_ns());
}

void part_profile(unsigned int size, unsigned int seconds)
{
	struct job_result result;
	struct road road;
	int job = job_open();
	uint64_t end;

	road_open(&road, PLACE_NEAR);
	profile_hooks(job, &road, size);
	end = bench_ns() + seconds * UINT64_C(1000000000);
	while (bench_ns() < end) {
		job_run(job, &result,
			"udp tx=%d rx=%d ssrc=%u size=%u packets=100000",
			road.both.tx, road.both.rx, (uint32_t)road.kid, size);
		bench_say("%.1f ns a packet",
			  (double)result.ns / (double)result.packets);
	}
}
