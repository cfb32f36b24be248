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

static struct {
	const struct run *run;
	int64_t time;		/* ms */
	uint64_t count;		/* of each worker; 0: no end */
	struct run_worker *workers;
	bool *stop;
} now;

bool run_over(const struct run_worker *worker)
{
	return __atomic_load_n(now.stop, __ATOMIC_RELAXED) ||
	       (now.count && worker->done >= now.count) ||
	       now_ms() > worker->end;
}

void run_ready(struct run_worker *worker)
{
	worker->end = now_ms() + now.time;
}

void run_wrong(struct run_worker *worker, const char *format, ...)
{
	va_list args;

	__atomic_store_n(now.stop, true, __ATOMIC_RELAXED);
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
		if (pthread_create(&threads[i], NULL, work, &now.workers[i]))
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
		work(&now.workers[i]);
		_exit(0);
	}
	for (i = 0; i < num; i++)
		if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || status)
			run_wrong(&now.workers[i], "died with status %#x",
				  pids[i] < 0 ? -1 : status);
}

static int report(const struct run *run, unsigned int num, int64_t began)
{
	const struct run_worker *worker;
	unsigned int failed = 0, i;
	uint64_t done = 0;

	for (i = 0; i < num; i++) {
		worker = &now.workers[i];
		done += worker->done;
		failed += !!worker->wrong[0];
		if (worker->wrong[0])
			printf("# worker %u, batch %llu: %s\n", i,
			       (unsigned long long)worker->batch,
			       worker->wrong);
		if (worker->note[0])
			printf("# worker %u: %s\n", i, worker->note);
	}
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
	now.workers = mmap(NULL, RUN_WORKERS * sizeof(*now.workers) + 1,
			   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	if (now.workers == MAP_FAILED)
		abort();
	now.stop = (bool *)(now.workers + RUN_WORKERS);
	now.time = seconds * 1000;
	for (i = 0; i < num; i++) {
		now.workers[i].nth = i;
		now.workers[i].seed = seed;
	}
	err = run->begin ? run->begin(num) : 0;
	if (err)
		run_wrong(now.workers, "setting up: %s", strerror(-err));
	else if (run->threads)
		run_threads(num);
	else
		run_processes(num);
	return report(run, num, began);
}
