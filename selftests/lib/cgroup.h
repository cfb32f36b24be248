/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cgroups of the cgroup2 hierarchy.
 */
#ifndef E2EE_TEST_CGROUP_H
#define E2EE_TEST_CGROUP_H

#include "file.h"

#define CGROUPS	"/sys/fs/cgroup"

/* The calling process, and sockets that it makes from now on */
static inline int enter_cgroup(const char *path)
{
	char file[128];

	snprintf(file, sizeof(file), "/sys/fs/cgroup%s/cgroup.procs", path);
	return file_write(file, "0");
}

#endif /* E2EE_TEST_CGROUP_H */
