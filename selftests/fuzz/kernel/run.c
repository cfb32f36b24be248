// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "run.h"
#include "sock.h"

#define SECONDS		10
#define PATIENCE	300000	/* ms beyond them, while goals are left */

static struct {
	const struct run *run;
	int64_t time;		/* ms */
	uint64_t count;		/* of each worker; 0: no end */
	/* what processes share */
	struct shared {
		struct run_worker workers[RUN_WORKERS];
		uint64_t met[RUN_GOALS];
		bool stop;
	} *shared;
} now;

static uint64_t done_by_all(void)
{
	uint64_t done = 0;

	for (unsigned int i = 0; i < RUN_WORKERS; i++)
		done += __atomic_load_n(&now.shared->workers[i].done,
					__ATOMIC_RELAXED);
	return done;
}

/* Is there nothing left to meet, or was there time for it? */
static bool is_enough(void)
{
	if (done_by_all() >= RUN_ENOUGH)
		return true;
	for (unsigned int i = 0; i < RUN_GOALS; i++)
		if (now.run->goal(i) &&
		    !__atomic_load_n(&now.shared->met[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

bool run_over(const struct run_worker *worker)
{
	if (__atomic_load_n(&now.shared->stop, __ATOMIC_RELAXED))
		return true;
	if (now.count)
		return worker->done >= now.count || now_ms() > worker->end;
	/* some seconds may be too few for it, in kernels that look closely */
	return now_ms() > worker->end &&
	       (is_enough() || now_ms() > worker->end + PATIENCE);
}

void run_ready(struct run_worker *worker)
{
	worker->end = now_ms() + now.time;
}

void run_met(unsigned int goal, uint64_t times)
{
	if (goal >= RUN_GOALS)
		abort();
	__atomic_fetch_add(&now.shared->met[goal], times, __ATOMIC_RELAXED);
}

void run_wrong(struct run_worker *worker, const char *format, ...)
{
	va_list args;

	__atomic_store_n(&now.shared->stop, true, __ATOMIC_RELAXED);
	if (worker->wrong[0])
		return;
	va_start(args, format);
	vsnprintf(worker->wrong, sizeof(worker->wrong), format, args);
	va_end(args);
}

static void *work(void *arg)
{
	now.run->work(arg);
	return NULL;
}

static void run_threads(unsigned int num)
{
	pthread_t threads[RUN_WORKERS];
	unsigned int i;

	for (i = 0; i < num; i++)
		if (pthread_create(&threads[i], NULL, work, &now.shared->workers[i]))
			abort();
	for (i = 0; i < num; i++)
		pthread_join(threads[i], NULL);
}

static void run_processes(unsigned int num)
{
	pid_t pids[RUN_WORKERS];
	unsigned int i;
	int status;

	for (i = 0; i < num; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		work(&now.shared->workers[i]);
		_exit(0);
	}
	for (i = 0; i < num; i++)
		if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || status)
			run_wrong(&now.shared->workers[i], "died with status %#x",
				  pids[i] < 0 ? -1 : status);
}

/* How often each goal was met; how many were not, though there was time */
static unsigned int check_goals(const struct run *run, uint64_t done)
{
	unsigned int missing = 0;
	uint64_t met;

	printf("# met:");
	for (unsigned int i = 0; i < RUN_GOALS; i++) {
		if (!run->goal(i))
			continue;
		met = now.shared->met[i];
		printf(" %s %llu,", run->goal(i), (unsigned long long)met);
		missing += !met;
	}
	printf(" in %llu\n", (unsigned long long)done);
	for (unsigned int i = 0; i < RUN_GOALS; i++)
		if (run->goal(i) && !now.shared->met[i])
			printf("# never met: %s\n", run->goal(i));
	return done < RUN_ENOUGH ? 0 : missing;
}

static int report(const struct run *run, unsigned int num, int64_t began)
{
	const struct run_worker *worker;
	unsigned int failed = 0, i;
	uint64_t done = done_by_all();

	for (i = 0; i < num; i++) {
		worker = &now.shared->workers[i];
		failed += !!worker->wrong[0];
		if (worker->wrong[0])
			printf("# worker %u, batch %llu: %s\n", i,
			       (unsigned long long)worker->batch,
			       worker->wrong);
		if (worker->note[0])
			printf("# worker %u: %s\n", i, worker->note);
	}
	failed += check_goals(run, done);
	printf("TAP version 13\n1..1\n%sok 1 - %s: %llu in %lld s\n",
	       failed || !done ? "not " : "", run->name,
	       (unsigned long long)done,
	       (long long)(now_ms() - began) / 1000);
	return failed || !done;
}

int run_main(const struct run *run, int argc, char **argv)
{
	unsigned int num = run->workers, i;
	long long seconds = SECONDS;
	int64_t began = now_ms();
	int option, err;
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		abort();
	seed >>= 32;
	now.run = run;
	/* sockets of any kind are written to, shut ones as well */
	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt(argc, argv, "t:n:s:j:")) != -1) {
		switch (option) {
		case 't':
			seconds = atoll(optarg);
			break;
		case 'n':
			now.count = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'j':
			num = (unsigned int)atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	if (!num || num > RUN_WORKERS)
		return 2;
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	now.shared = mmap(NULL, sizeof(*now.shared), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (now.shared == MAP_FAILED)
		abort();
	now.time = seconds * 1000;
	for (i = 0; i < num; i++) {
		now.shared->workers[i].nth = i;
		now.shared->workers[i].seed = seed;
	}
	err = run->begin ? run->begin(num) : 0;
	if (err)
		run_wrong(now.shared->workers, "setting up: %s", strerror(-err));
	else if (run->threads)
		run_threads(num);
	else
		run_processes(num);
	if (!err && run->end)
		run->end(now.shared->workers);
	return report(run, num, began);
}
