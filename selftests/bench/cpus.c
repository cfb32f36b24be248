// SPDX-License-Identifier: GPL-2.0
/*
 * Two flows that receive, on two CPUs: alone, then both at once. Sealed packets
 * are made before, so that only receiving is measured, with what it takes to
 * bring a packet there.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "bench.h"

#define CPUS	2

/* what each thread does in a step of a round */
struct step {
	const char *name;
	unsigned int cpus;	/* bit mask */
	bool sealed;
};

static const struct step steps[] = {
	{ "alone", 1, true },
	{ "alone", 2, true },
	{ "together", 3, true },
	{ "plain_alone", 1, false },
	{ "plain_alone", 2, false },
	{ "plain_together", 3, false },
};

#define STEPS	(sizeof(steps) / sizeof(steps[0]))

struct flow {
	pthread_t thread;
	int cpu;
	int job;
	struct pairs plain;
	struct pairs tx;
	struct pairs rx;
	uint64_t kid;
	double ns[STEPS];
	double cycles[STEPS];
};

static struct flow flows[CPUS];
static pthread_barrier_t barrier;

static void flow_open(struct flow *flow, int cpu)
{
	struct side side;

	flow->cpu = cpu;
	flow->kid = place_kid(1);
	flow->job = job_open();
	place_pairs(&flow->plain, 1, PLACE_NEAR, PLACE_NEAR);
	place_pairs(&flow->tx, 1, PLACE_NEAR, PLACE_NEAR);
	place_pairs(&flow->rx, 1, PLACE_NEAR, PLACE_NEAR);
	place_side(&side, PLACE_NEAR, E2EE_DIR_TX, flow->kid, 1);
	place_attach(&side, flow->tx.tx);
	place_side(&side, PLACE_NEAR, E2EE_DIR_RX, flow->kid, 1);
	place_attach(&side, flow->rx.rx);
}

static void flow_step(struct flow *flow, unsigned int i)
{
	const struct step *step = &steps[i];
	const struct pairs *pairs = step->sealed ? &flow->rx : &flow->plain;
	struct job_result result;

	if (step->cpus >> flow->cpu & 1) {
		if (step->sealed)
			job_run(flow->job, &result,
				"udp tx=%d rx=%d ssrc=%u size=1200 packets=%u keep=1",
				flow->tx.tx, flow->tx.rx, (uint32_t)flow->kid,
				bench_plan.packets);
		job_run(flow->job, &result,
			"udp tx=%d rx=%d ssrc=1 size=1200 packets=%u replay=%d together=%u",
			pairs->tx, pairs->rx, bench_plan.packets,
			step->sealed, step->cpus == 3 ? 2 : 1);
		flow->ns[i] = (double)result.ns / (double)result.packets;
		flow->cycles[i] = (double)result.cycles /
				  (double)result.packets;
	}
	pthread_barrier_wait(&barrier);
}

static void *flow_run(void *arg)
{
	struct flow *flow = arg;
	unsigned int round, i;
	char name[64];

	bench_pin(flow->cpu);
	for (round = 0; round < bench_plan.rounds; round++) {
		for (i = 0; i < STEPS; i++)
			flow_step(flow, i);
		for (i = 0; i < STEPS; i++) {
			if (!(steps[i].cpus >> flow->cpu & 1))
				continue;
			snprintf(name, sizeof(name), "cpu%d_%s", flow->cpu,
				 steps[i].name);
			flockfile(bench_out);
			bench_cost(name, round, flow->ns[i], flow->cycles[i]);
			funlockfile(bench_out);
		}
	}
	return NULL;
}

void part_cpus(void)
{
	int cpu;

	if (sysconf(_SC_NPROCESSORS_ONLN) < CPUS) {
		bench_say("there is but one CPU");
		return;
	}
	bench_say("receiving on one CPU and on two");
	pthread_barrier_init(&barrier, NULL, CPUS);
	for (cpu = 0; cpu < CPUS; cpu++)
		flow_open(&flows[cpu], cpu);
	for (cpu = 0; cpu < CPUS; cpu++)
		if (pthread_create(&flows[cpu].thread, NULL, flow_run,
				   &flows[cpu]))
			bench_die("no thread");
	for (cpu = 0; cpu < CPUS; cpu++)
		pthread_join(flows[cpu].thread, NULL);
}
