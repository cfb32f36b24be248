// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark, inside the kernel that is measured. e2ee.ko and e2ee_bench.ko
 * are loaded, the namespaces bench0 and bench1 are there:
 *
 *	bench [-t] [-q] RESULTS	-q: less of all; -t: whole programs instead
 *	bench -c ROUNDS RESULTS	only single packets and bursts, to compare builds
 *	bench -n ROUNDS RESULTS	the same to be counted, not timed: see count
 *	bench -p SIZE SECONDS	nothing but sealing and opening, to be profiled
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

FILE *bench_out;
struct bench_plan bench_plan = {
	.rounds = 200,
	.packets = 256,
	.samples = 20000,
	.latency = 30000,
	.many_keys = 65536,
};

static const struct bench_plan plan_quick = {
	.rounds = 40,
	.packets = 256,
	.samples = 5000,
	.latency = 5000,
	.many_keys = 10000,
	.quick = true,
};

void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "bench: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

void bench_say(const char *format, ...)
{
	static uint64_t start;
	va_list args;

	if (!start)
		start = bench_ns();
	va_start(args, format);
	printf("%4.0f s  ", (double)(bench_ns() - start) / 1e9);
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	va_end(args);
}

uint64_t bench_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t bench_cycles(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return bench_ns();
#endif
}

double bench_cycles_per_ns(void)
{
	static double rate;
	uint64_t ns, cycles;

	if (rate == 0) {
		ns = bench_ns();
		cycles = bench_cycles();
		while (bench_ns() < ns + 200000000)
			;
		rate = (double)(bench_cycles() - cycles) /
		       (double)(bench_ns() - ns);
	}
	return rate;
}

void bench_cost(const char *name, unsigned int round, double ns, double cycles)
{
	fprintf(bench_out, "cost %s %u %.1f %.1f\n", name, round, ns, cycles);
}

void bench_fact(const char *name, double value)
{
	fprintf(bench_out, "fact %s %.3f\n", name, value);
}

void bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die("CPU %d: %s", cpu, strerror(errno));
}

static void words(void)
{
	fprintf(bench_out, "word openssl %s\n", openssl_version());
	fprintf(bench_out, "word libsrtp %s\n", srtp_version());
	fprintf(bench_out, "word driver %s\n", place_driver());
	bench_fact("cycles_per_ns", bench_cycles_per_ns());
}

static void profile(char **argv)
{
	bench_pin(0);
	place_open();
	part_profile((unsigned int)atoi(argv[0]), (unsigned int)atoi(argv[1]));
	exit(0);
}

/* The parts that need nothing but a number of rounds and where results go */
static void compare(char **argv, bool count)
{
	bench_plan.rounds = (unsigned int)atoi(argv[0]);
	bench_out = fopen(argv[1], "w");
	if (!bench_out)
		bench_die("%s: %s", argv[1], strerror(errno));
	mlockall(MCL_CURRENT | MCL_FUTURE);
	bench_pin(0);
	place_open();
	if (count) {
		fprintf(bench_out, "word driver %s\n", place_driver());
		part_count();
	} else {
		part_cost();
		part_bursts();
	}
	exit(fclose(bench_out) ? 1 : 0);
}

static void measure(void)
{
	words();
	part_cost();
	part_bursts();
	part_hooks();
	part_latency();
	part_cpus();
	part_tables();
	part_control();
	part_memory();
	bench_say("done");
}

int main(int argc, char **argv)
{
	bool traffic = false;
	int i = 1;

	if (argc == 4 && !strcmp(argv[1], "-p"))
		profile(argv + 2);
	if (argc == 4 && (!strcmp(argv[1], "-c") || !strcmp(argv[1], "-n")))
		compare(argv + 2, !strcmp(argv[1], "-n"));
	if (i < argc && !strcmp(argv[i], "-t")) {
		traffic = true;
		i++;
	}
	if (i < argc && !strcmp(argv[i], "-q")) {
		bench_plan = plan_quick;
		i++;
	}
	if (i != argc - 1)
		bench_die("usage: bench [-t] [-q] RESULTS");
	bench_out = fopen(argv[i], "w");
	if (!bench_out)
		bench_die("%s: %s", argv[i], strerror(errno));
	mlockall(MCL_CURRENT | MCL_FUTURE);
	bench_pin(0);
	place_open();
	if (traffic)
		part_traffic(bench_plan.quick ? 0.4 : 2);
	else
		measure();
	return fclose(bench_out) ? 1 : 0;
}
