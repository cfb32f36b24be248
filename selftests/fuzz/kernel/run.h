/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzzers have in common: options, an end, one line of TAP.
 *
 *	fuzz_NAME [-t SECONDS] [-n COUNT] [-s SEED] [-j WORKERS]
 *
 * It takes longer than SECONDS while one of its goals is not met, but for no more
 * than RUN_ENOUGH executions: then it fails.
 *
 * Each worker has a stream of dice of its own: the same seed, worker and number
 * of the batch are the same input again.
 */
#ifndef E2EE_FUZZ_RUN_H
#define E2EE_FUZZ_RUN_H

#include <stdbool.h>
#include <stdint.h>

#define RUN_WORKERS	8
#define RUN_GOALS	64
#define RUN_ENOUGH	20000	/* executions, in which each goal is met */

struct run_worker {
	unsigned int nth;
	uint64_t seed;
	uint64_t done;		/* executions; the worker counts them */
	uint64_t batch;		/* where it is */
	int64_t end;		/* ms; 0: not ready yet */
	char wrong[2048];	/* what did not hold, "" if all did */
	char note[256];		/* what else there is to say of it */
};

struct run {
	const char *name;	/* "packets" */
	unsigned int workers;	/* if not given */
	bool threads;		/* of one process; else a process each */
	/* what all share; may be NULL. 0 or -errno */
	int (*begin)(unsigned int workers);
	/* does executions until run_over() */
	void (*work)(struct run_worker *worker);
	/* after the last worker; what is wrong is said of the first. May be NULL */
	void (*end)(struct run_worker *worker);
	/*
	 * What a run must come by, each by its number; NULL: that one is not to
	 * be had here. A fuzzer that does not get where it should finds nothing,
	 * and says that all is well.
	 */
	const char *(*goal)(unsigned int nth);
};

/* The whole program. Returns its exit status. */
int run_main(const struct run *run, int argc, char **argv);
/* All is set up: time runs from now on. */
void run_ready(struct run_worker *worker);
/* Is it time to end? Asked between batches. */
bool run_over(const struct run_worker *worker);
/* A goal was met @times more */
void run_met(unsigned int goal, uint64_t times);
/* Say what is wrong, the first time; the run ends. */
void run_wrong(struct run_worker *worker, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* E2EE_FUZZ_RUN_H */
