// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/net_tstamp.h>

#include "caught.h"
#include "rtp.h"

int caught_device(enum sock_kind kind, struct addr *to)
{
	addr_parse(to, kind, kind == SOCK_V6 ? "2001:db8::2" : "192.0.2.2",
		   9999);
	return run("ip link add d0 type dummy && "
		   "ip addr add 192.0.2.1/24 dev d0 && "
		   "ip addr add 2001:db8::1/64 dev d0 nodad && "
		   "ip link set d0 up && "
		   "tc qdisc add dev d0 root fq horizon 1000s");
}

int caught_fill(int fd, const struct addr *to)
{
	uint64_t later = ((uint64_t)now_ms() + 900000) * 1000000;
	char control[CMSG_SPACE(sizeof(later))] = { 0 };
	uint8_t packet[64];
	struct iovec iov = { packet, stun_build(packet) };
	struct msghdr msg = {
		.msg_name = (void *)&to->ss, .msg_namelen = to->len,
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};

	cmsg_put(&msg, SOL_SOCKET, SCM_TXTIME, &later, sizeof(later));
	for (int i = 0; i < 1000; i++)
		if (sendmsg(fd, &msg, MSG_DONTWAIT) < 0)
			return errno == EAGAIN ? 0 : -errno;
	return -E2BIG;
}

int caught_socket(enum sock_kind kind, uint16_t port, const struct addr *to)
{
	struct sock_txtime txtime = { .clockid = CLOCK_MONOTONIC };
	int fd, err, size = 1;
	struct addr any;

	fd = socket(sock_family(kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	addr_parse(&any, kind, kind == SOCK_V6 ? "::" : "0.0.0.0", port);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime));
	if (bind(fd, (void *)&any.ss, any.len))
		return -errno;
	err = caught_fill(fd, to);
	return err ?: fd;
}

bool thread_comes_to(pid_t tid, char state)
{
	const char wanted[] = { ')', ' ', state, ' ', '\0' };
	int64_t end = now_ms() + SOCK_WAIT;
	char path[64], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	while (!found && now_ms() < end) {
		file = fopen(path, "r");
		if (!file)
			break;
		found = fgets(line, sizeof(line), file) &&
			strstr(line, wanted);
		fclose(file);
		if (!found)
			poll(NULL, 0, 1);
	}
	return found;
}

static void *send_caught(void *arg)
{
	struct caught *caught = arg;

	caught->tid = (pid_t)syscall(SYS_gettid);
	caught->ret = sendto(caught->fd, caught->packet,
			     sizeof(caught->packet), caught->flags,
			     (void *)&caught->to.ss, caught->to.len);
	caught->err = errno;
	return NULL;
}

bool caught_start(struct caught *caught, int fd, const struct addr *to,
		  int flags, uint32_t ssrc)
{
	int64_t end = now_ms() + SOCK_WAIT;

	memset(caught, 0, sizeof(*caught));
	caught->fd = fd;
	caught->flags = flags;
	caught->to = *to;
	rtp_plain(caught->packet, sizeof(caught->packet), ssrc, 1);
	if (pthread_create(&caught->thread, NULL, send_caught, caught))
		return false;
	while (!caught->tid) {
		if (now_ms() > end)
			return false;
		poll(NULL, 0, 1);
	}
	return thread_comes_to(caught->tid, 'S');
}

int caught_release(struct caught *caught)
{
	int err = run("tc qdisc del dev d0 root");

	pthread_join(caught->thread, NULL);
	return err;
}

static void nothing(int signal)
{
}

void caught_interrupt(struct caught *caught)
{
	const struct sigaction action = { .sa_handler = nothing };

	sigaction(SIGUSR1, &action, NULL);
	pthread_kill(caught->thread, SIGUSR1);
	pthread_join(caught->thread, NULL);
}
