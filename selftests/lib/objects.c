// SPDX-License-Identifier: GPL-2.0
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "objects.h"
#include "sock.h"

#define AUDIT	"/sys/kernel/debug/e2ee/objects"

/* Of all kinds if @name is NULL */
static long count(const char *name)
{
	FILE *file = fopen(AUDIT, "re");
	long long created, destroyed;
	long alive = -1;
	char kind[32];

	if (!file)
		return -1;
	while (fscanf(file, "%31s %lld %lld", kind, &created, &destroyed) == 3)
		if (!name || !strcmp(kind, name))
			alive = (alive < 0 ? 0 : alive) +
				(long)(created - destroyed);
	fclose(file);
	return alive;
}

static bool count_comes_to(const char *name, long wanted)
{
	int64_t end = now_ms() + 2 * SOCK_WAIT;

	while (count(name) != wanted) {
		if (now_ms() > end)
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

long objects_alive(const char *name)
{
	return count(name);
}

bool objects_come_to(const char *name, long wanted)
{
	return count_comes_to(name, wanted);
}

bool objects_all_gone(void)
{
	return count_comes_to(NULL, 0);
}
