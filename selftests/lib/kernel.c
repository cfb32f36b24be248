// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "kernel.h"

bool kernel_before(unsigned int major, unsigned int minor)
{
	unsigned int is_major, is_minor;
	struct utsname system;

	if (uname(&system) ||
	    sscanf(system.release, "%u.%u", &is_major, &is_minor) != 2)
		return false;
	return is_major < major || (is_major == major && is_minor < minor);
}

bool kernel_is_uml(void)
{
	const char *kernel = getenv("E2EE_KERNEL");

	return kernel && !strcmp(kernel, "uml");
}
