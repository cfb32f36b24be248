// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "waits.h"

int waits_prepare(void)
{
	volatile char stack[65536];

	for (size_t at = 0; at < sizeof(stack); at += 4096)
		stack[at] = 0;
	return mlockall(MCL_CURRENT) ? -errno : 0;
}

long waits_count(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? -errno : usage.ru_nvcsw;
}
