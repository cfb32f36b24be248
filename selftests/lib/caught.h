/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A sender that is caught inside the kernel: it sleeps for want of send buffer,
 * which packets use that wait in d0's queue for a distant time. With MSG_MORE
 * it sleeps with the lock of its socket held.
 */
#ifndef E2EE_TEST_CAUGHT_H
#define E2EE_TEST_CAUGHT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sock.h"

#define CAUGHT_LEN	1000	/* of its packet */

struct caught {
	pthread_t thread;
	int fd;
	int flags;
	struct addr to;
	uint8_t packet[CAUGHT_LEN];
	volatile pid_t tid;
	ssize_t ret;
	int err;
};

/* d0, and an address behind it; 0 or what the shell says */
int caught_device(enum sock_kind kind, struct addr *to);

/*
 * A socket bound to @port whose buffer is full with STUN, which no guard minds;
 * -errno
 */
int caught_socket(enum sock_kind kind, uint16_t port, const struct addr *to);
/* Until its buffer is full; 0 or -errno */
int caught_fill(int fd, const struct addr *to);

/* Start it, with a packet of @ssrc, and wait until it sleeps in send(). */
bool caught_start(struct caught *caught, int fd, const struct addr *to,
		  int flags, uint32_t ssrc);

/* Its packet goes on, and all that wait in d0. 0 or what the shell says */
int caught_release(struct caught *caught);
/* Its packet does not: a signal ends the call, and nothing is left of it. */
void caught_interrupt(struct caught *caught);

/* Wait until a thread is in @state, as in /proc/PID/stat: 'S', 'D'. */
bool thread_comes_to(pid_t tid, char state);

#endif /* E2EE_TEST_CAUGHT_H */
