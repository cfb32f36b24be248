// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether the machine slept, or is a copy of what it was: the kernel's counters
 * may then repeat, and nobody may send on with the keys of before.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "e2eed.h"

#define SLEPT_MS	5000
#define UEVENT_KERNEL	1		/* multicast group of the kernel itself */

/* CLOCK_BOOTTIME counts on while the machine sleeps */
static int64_t boot_ahead(void)
{
	struct timespec boot;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000 -
	       (int64_t)loop_now();
}

/* Lines with a NUL at their ends; the driver vmgenid adds its own */
static bool uevent_is_copy(const char *text, size_t len)
{
	static const char word[] = "\0NEW_VMGENID=1";

	return memmem(text, len, word, sizeof(word)) != NULL;
}

static void uevents_ready(void *arg, uint32_t events)
{
	struct wake *wake = arg;
	struct sockaddr_nl from = { .nl_pid = UINT32_MAX };
	socklen_t size = sizeof(from);
	char text[4096];
	ssize_t len;

	(void)events;
	len = recvfrom(wake->uevents.fd, text, sizeof(text), MSG_DONTWAIT,
		       (struct sockaddr *)&from, &size);
	if (len > 0 && size == sizeof(from) && !from.nl_pid &&
	    uevent_is_copy(text, (size_t)len))
		wake->copied = true;
}

/* Not to be had everywhere: then a copy is not noticed, as documented. */
static int uevents_open(void)
{
	struct sockaddr_nl local = {
		.nl_family = AF_NETLINK,
		.nl_groups = UEVENT_KERNEL,
	};
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return -1;
	if (!bind(fd, (struct sockaddr *)&local, sizeof(local)))
		return fd;
	close(fd);
	return -1;
}

void wake_open(struct wake *wake, struct loop *loop)
{
	wake->ahead = boot_ahead();
	wake->copied = false;
	wake->uevents = (struct loop_source){ uevents_ready, wake, -1, 0 };
	(void)loop_watch(loop, &wake->uevents, uevents_open(), EPOLLIN);
}

void wake_close(struct wake *wake, struct loop *loop)
{
	int fd = wake->uevents.fd;

	loop_watch(loop, &wake->uevents, -1, 0);
	if (fd >= 0)
		close(fd);
}

const char *wake_check(struct wake *wake)
{
	int64_t ahead = boot_ahead();
	bool slept = ahead - wake->ahead > SLEPT_MS;

	wake->ahead = ahead;
	if (wake->copied) {
		wake->copied = false;
		return "this machine is a copy of what it was";
	}
	return slept ? "this machine slept" : NULL;
}
