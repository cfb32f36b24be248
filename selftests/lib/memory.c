// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "memory.h"

#define CACHES	"/sys/kernel/slab"

static void shrink_caches(void)
{
	DIR *dir = opendir(CACHES);
	const struct dirent *cache;
	char path[512];

	file_write("/proc/sys/vm/drop_caches", "3");
	while (dir && (cache = readdir(dir))) {
		snprintf(path, sizeof(path), CACHES "/%s/shrink",
			 cache->d_name);
		file_write(path, "1");
	}
	if (dir)
		closedir(dir);
}

/* Bytes of all objects of all caches, and of the pages that those lie on */
static bool objects_of_caches(long long *objects, long long *pages)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	unsigned long long active, size, each, slabs;
	char line[512], name[64];

	*objects = *pages = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %llu %*u %llu %*u %llu : tunables %*u %*u %*u : slabdata %*u %llu",
			   name, &active, &size, &each, &slabs) != 5)
			continue;
		*pages += (long long)(slabs * each * (size_t)getpagesize());
		/* the debug kernel's own, one for each of the others */
		if (strcmp(name, "kmemleak_object"))
			*objects += (long long)(active * size);
	}
	if (file)
		fclose(file);
	return *pages;
}

long long memory_at_rest(void)
{
	long long kb, objects, pages, sum = -1;
	char line[128];
	FILE *file;

	shrink_caches();
	if (!objects_of_caches(&objects, &pages))
		return -1;
	file = fopen("/proc/meminfo", "re");
	/* what is too large for a cache has pages of its own, which are counted, too */
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Slab: %lld", &kb) == 1)
			sum = 1024 * kb - pages + objects;
	if (file)
		fclose(file);
	return sum;
}
