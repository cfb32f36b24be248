// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Did the machine sleep, or is it a copy? Linked with --wrap: the clocks and what
 * the kernel tells of devices are the test's.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "e2eed.h"
#include "tap.h"

static struct timespec boot, monotonic;
static uint32_t sender;			/* of what is read; 0: the kernel */

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	*now = clock == CLOCK_BOOTTIME ? boot : monotonic;
	return 0;
}

int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
	int pair[2];

	(void)protocol;
	if (domain != AF_NETLINK ||
	    socketpair(AF_UNIX, SOCK_DGRAM | (type & SOCK_NONBLOCK), 0, pair))
		return -1;
	/* The other end is the one after it */
	return pair[0];
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_nl local;

	(void)fd;
	memcpy(&local, address, sizeof(local));
	return len == sizeof(local) && local.nl_groups == 1 ? 0 : -1;
}

ssize_t __real_recvfrom(int fd, void *data, size_t size, int flags,
			struct sockaddr *from, socklen_t *len);
ssize_t __wrap_recvfrom(int fd, void *data, size_t size, int flags,
			struct sockaddr *from, socklen_t *len);
ssize_t __wrap_recvfrom(int fd, void *data, size_t size, int flags,
			struct sockaddr *from, socklen_t *len)
{
	struct sockaddr_nl kernel = {
		.nl_family = AF_NETLINK, .nl_pid = sender,
	};

	memcpy(from, &kernel, sizeof(kernel));
	*len = sizeof(kernel);
	return __real_recvfrom(fd, data, size, flags, NULL, NULL);
}

/* Time passes: awake, and asleep */
static void pass(long awake_ms, long asleep_ms)
{
	long ms = monotonic.tv_sec * 1000 + monotonic.tv_nsec / 1000000 +
		  awake_ms;

	monotonic.tv_sec = ms / 1000;
	monotonic.tv_nsec = ms % 1000 * 1000000;
	ms = boot.tv_sec * 1000 + boot.tv_nsec / 1000000 + awake_ms +
	     asleep_ms;
	boot.tv_sec = ms / 1000;
	boot.tv_nsec = ms % 1000 * 1000000;
}

static bool says(struct wake *wake, const char *word)
{
	const char *why = wake_check(wake);

	return word ? why && strstr(why, word) : !why;
}

static void test_sleep(struct wake *wake)
{
	ok(says(wake, NULL), "nothing happened");
	pass(3600000, 0);
	ok(says(wake, NULL), "an hour passes");
	pass(100, 4900);
	ok(says(wake, NULL), "asleep for 4.9 s: too short to count");
	pass(100, 5100);
	ok(says(wake, "slept"), "asleep for 5.1 s");
	ok(says(wake, NULL), "said once");
	pass(0, 7L * 24 * 3600 * 1000);
	ok(says(wake, "slept"), "asleep for a week");
	pass(0, -60000);
	ok(says(wake, NULL), "a clock that goes back is no sleep");
	pass(0, 6000);
	ok(says(wake, "slept"), "nor does it hide the next one");
}

static void event(struct wake *wake, const char *text, size_t len, uint32_t from)
{
	sender = from;
	if (write(wake->uevents.fd + 1, text, len) != (ssize_t)len)
		printf("# not written: %s\n", strerror(errno));
	wake->uevents.ready(wake->uevents.arg, 1);
}

#define EVENT(text)	text, sizeof(text)

static void test_copy(struct wake *wake)
{
	event(wake, EVENT("change@/devices/x\0ACTION=change\0NEW_VMGENID=1"), 77);
	ok(says(wake, NULL), "whoever is not the kernel is not believed");
	event(wake, EVENT("change@/devices/x\0ACTION=change\0SEQNUM=4"), 0);
	ok(says(wake, NULL), "another event");
	event(wake, EVENT("change@/devices/x\0ACTION=change\0NEW_VMGENID=1"), 0);
	ok(says(wake, "copy"), "a new VM generation");
	ok(says(wake, NULL), "said once, too");
	event(wake, EVENT("x\0NEW_VMGENID=12"), 0);
	ok(says(wake, NULL), "another value is another event");
	event(wake, EVENT("x\0OTHER_NEW_VMGENID=1"), 0);
	ok(says(wake, NULL), "and so is another name");
}

int main(void)
{
	struct loop loop = { .done = false };
	struct wake wake;

	pass(1000, 5000);
	if (loop_open(&loop))
		return 1;
	wake_open(&wake, &loop);
	ok(wake.uevents.fd >= 0, "events of the kernel are heard");
	test_sleep(&wake);
	test_copy(&wake);
	close(wake.uevents.fd + 1);
	wake_close(&wake, &loop);
	loop_close(&loop);
	return tap_end();
}
