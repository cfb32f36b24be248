// SPDX-License-Identifier: GPL-2.0
/* Installing keys, and switching between them while packets flow. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

static void installs(uint32_t dir, unsigned int num, const char *name)
{
	struct side side;
	uint64_t start;

	place_side(&side, PLACE_FAR, dir, place_kid(num), 0);
	start = bench_ns();
	place_keys(&side, 0, side.kid, num);
	bench_fact(name, num * 1e9 / (double)(bench_ns() - start));
	place_del_side(&side);
}

struct switcher {
	struct side side;
	atomic_bool stop;
	unsigned int switches;
	unsigned int refused;
};

static void *switch_epochs(void *arg)
{
	struct switcher *switcher = arg;

	bench_pin(1);
	while (!atomic_load(&switcher->stop)) {
		if (e2ee_session_use_epoch(switcher->side.ctx,
					   &switcher->side.session,
					   switcher->switches & 1 ? 0 : 1,
					   false))
			switcher->refused++;
		else
			switcher->switches++;
	}
	return NULL;
}

/* packets of the sender that were not sealed and sent */
static uint64_t unsealed(struct side *side)
{
	struct e2ee_session session = side->session;
	uint64_t sum = 0;
	unsigned int i;

	if (e2ee_session_get(side->ctx, &session))
		bench_die("%s", e2ee_strerror(side->ctx));
	for (i = 0; i < E2EE_STAT_SLOTS; i++)
		if (session.stats.has >> i & 1 && i != E2EE_A_STAT_TX_OK)
			sum += session.stats.value[i];
	return sum;
}

static void switches(void)
{
	unsigned int packets = bench_plan.quick ? 50000 : 200000;
	struct switcher switcher = {};
	uint64_t kid = place_kid(2);
	struct job_result result;
	struct side receiver;
	struct pairs pairs;
	pthread_t thread;
	int job = job_open();

	place_pairs(&pairs, 1, PLACE_NEAR, PLACE_NEAR);
	place_side(&switcher.side, PLACE_NEAR, E2EE_DIR_TX, kid, 1);
	place_keys(&switcher.side, 1, kid + 1, 1);
	place_attach(&switcher.side, pairs.tx);
	place_side(&receiver, PLACE_NEAR, E2EE_DIR_RX, kid, 2);
	place_attach(&receiver, pairs.rx);
	if (pthread_create(&thread, NULL, switch_epochs, &switcher))
		bench_die("no thread");
	/* dies if one is lost */
	job_run(job, &result,
		"udp tx=%d rx=%d ssrc=%u size=160 packets=%u", pairs.tx,
		pairs.rx, (uint32_t)kid, packets);
	atomic_store(&switcher.stop, true);
	pthread_join(thread, NULL);
	bench_fact("switches", switcher.switches);
	bench_fact("switches_refused", switcher.refused);
	bench_fact("switches_packets", (double)result.packets);
	bench_fact("switches_unsealed", (double)unsealed(&switcher.side));
	bench_fact("switches_per_s",
		   switcher.switches * 1e9 / (double)result.ns);
	bench_fact("switches_ns", (double)result.ns / (double)result.packets);
}

void part_control(void)
{
	unsigned int num = bench_plan.quick ? 10000 : 20000;

	bench_say("installing %u keys", num);
	/* the first grows the tables */
	installs(E2EE_DIR_RX, num, "key_installs_rx_per_s");
	installs(E2EE_DIR_RX, num, "key_installs_rx_per_s");
	installs(E2EE_DIR_TX, num, "key_installs_per_s");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	bench_say("switching epochs under load");
	switches();
}
