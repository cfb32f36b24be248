// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "file.h"
#include "user.h"

#define NOBODY	65534

int user_become(void)
{
	char map[32];
	int err;

	/* without PR_SET_DUMPABLE his files in /proc are root's */
	if (setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) ||
	    prctl(PR_SET_DUMPABLE, 1) ||
	    unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -errno;
	snprintf(map, sizeof(map), "0 %d 1", NOBODY);
	err = file_write("/proc/self/setgroups", "deny");
	if (!err)
		err = file_write("/proc/self/uid_map", map);
	if (!err)
		err = file_write("/proc/self/gid_map", map);
	return err;
}

int user_namespace(void)
{
	int err;

	if (unshare(CLONE_NEWUSER))
		return -errno;
	err = file_write("/proc/self/uid_map", "0 0 1");
	if (!err)
		err = file_write("/proc/self/setgroups", "deny");
	if (!err)
		err = file_write("/proc/self/gid_map", "0 0 1");
	return err;
}

int user_child(int (*run)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(run(arg));
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

int user_wrong(const char *what, int64_t value)
{
	printf("# %s: %lld\n", what, (long long)value);
	fflush(stdout);
	return 1;
}
