// SPDX-License-Identifier: GPL-2.0
/* Memory, by what the kernel has left. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define SESSIONS	1000
#define SOCKETS		1000

static double memory_free(void)
{
	uint64_t kb = 0;
	char line[128];
	FILE *file;

	usleep(300000);		/* what is freed after a grace period */
	file = fopen("/proc/meminfo", "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemFree: %" SCNu64, &kb) == 1)
			break;
	if (!file || !kb)
		bench_die("/proc/meminfo cannot be read");
	fclose(file);
	return (double)kb * 1024;
}

static double keys(uint32_t dir, unsigned int num)
{
	struct side side;
	double before;

	place_side(&side, PLACE_NEAR, dir, place_kid(num), 0);
	before = memory_free();
	place_keys(&side, 0, side.kid, num);
	before -= memory_free();
	return before / num;
}

/* what the crypto API takes for the same keys */
static double transforms(unsigned int num)
{
	struct job_result result;
	int job = job_open();
	double before = memory_free();

	job_run(job, &result, "tfms driver=%s packets=%u", place_driver(), num);
	before -= memory_free();
	close(job);
	return before / num;
}

static void objects(void)
{
	static struct side sides[SESSIONS];
	struct pairs pairs;
	double before;
	int i;

	place_pairs(&pairs, SOCKETS, PLACE_NEAR, PLACE_NEAR);
	before = memory_free();
	for (i = 0; i < SESSIONS; i++)
		place_side(&sides[i], PLACE_NEAR, E2EE_DIR_TX, 0, 0);
	bench_fact("bytes_per_session", (before - memory_free()) / SESSIONS);
	before = memory_free();
	for (i = 0; i < SOCKETS; i++)
		place_attach(&sides[i], pairs.tx + i);
	bench_fact("bytes_per_socket", (before - memory_free()) / SOCKETS);
}

void part_memory(void)
{
	unsigned int num = 10000;
	double tfm, tx, rx;

	bench_say("memory");
	tfm = transforms(num);
	tx = keys(E2EE_DIR_TX, num);
	rx = keys(E2EE_DIR_RX, num);
	bench_fact("bytes_per_transform", tfm);
	bench_fact("bytes_per_tx_key", tx - tfm);
	bench_fact("bytes_per_rx_key", rx - tfm);
	objects();
}
