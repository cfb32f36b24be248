// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>

#include "module.h"
#include "sock.h"

const char *module_file(const char *name)
{
	const char *results = getenv("E2EE_RESULTS");
	const char *build = getenv("E2EE_BUILD");
	const char *kernel = getenv("E2EE_KERNEL");
	static char path[512];

	if (getenv("E2EE_KO") && !strcmp(name, "e2ee"))
		return getenv("E2EE_KO");
	snprintf(path, sizeof(path), "%s/%s.ko", results ? results : "", name);
	if (!access(path, R_OK))
		return path;
	snprintf(path, sizeof(path), "%s/kmod/%s/%s.ko", build ? build : "",
		 kernel ? kernel : "", name);
	return access(path, R_OK) ? NULL : path;
}

int module_load(const char *name)
{
	const char *file = module_file(name);
	char sys[128];
	int fd, err;

	snprintf(sys, sizeof(sys), "/sys/module/%s", name);
	if (!access(sys, F_OK))
		return 0;
	fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return -ENOENT;
	err = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return err;
}

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

int module_unload_soon(const char *name)
{
	int64_t end = now_ms() + SOCK_WAIT;
	int err;

	while ((err = module_unload(name)) == -EWOULDBLOCK && now_ms() < end)
		poll(NULL, 0, 10);
	return err;
}
