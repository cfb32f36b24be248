// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink messages from several threads at once, about the same few sessions,
 * keys, sockets and guards, while packets pass those sockets and sockets come
 * and go. No answer is malformed or shows a key; in the end all can be deleted,
 * and nothing is left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "commands.h"
#include "messages.h"
#include "netlink.h"
#include "objects.h"
#include "rtp.h"
#include "run.h"
#include "sock.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK	270
#endif
#define TOGETHER	8	/* messages in one send, at most */
#define ASKED		4096	/* messages whose command is remembered */

static struct pool pool;
static pthread_barrier_t ready, over;

struct control {
	struct run_worker *worker;
	struct dice dice;
	struct nl nl;
	uint64_t refused;
	uint64_t accepted;
	struct asked {
		uint32_t seq;
		uint8_t cmd;
	} asked[ASKED];		/* by the last bits of seq */
};

/* Of each command two goals: that it is accepted, that it is refused */
static const char *goal(unsigned int nth)
{
	static __thread char text[64];
	unsigned int cmd = 1 + nth / 2;

	if (cmd > E2EE_CMD_INFO_GET)
		return NULL;
	snprintf(text, sizeof(text), "%s-%s", command_name((uint8_t)cmd),
		 nth % 2 ? "refused" : "accepted");
	return text;
}

static void note_asked(struct control *c, uint32_t seq, const uint8_t *message)
{
	const struct genlmsghdr *genl = (const void *)(message + NLMSG_HDRLEN);

	c->asked[seq % ASKED] = (struct asked){ seq, genl->cmd };
}

/* The kernel's answer to a message of ours, or to what it took for one */
static void note_answer(struct control *c, uint32_t seq, bool refused)
{
	const struct asked *asked = &c->asked[seq % ASKED];

	if (refused)
		c->refused++;
	else
		c->accepted++;
	if (asked->seq == seq && asked->cmd >= 1 &&
	    asked->cmd <= E2EE_CMD_INFO_GET)
		run_met(2U * (asked->cmd - 1U) + refused, 1);
}

static bool open_control(struct control *c)
{
	int one = 1, err;

	err = nl_open(&c->nl);
	/* the kernel must not send back what we sent, keys and all */
	if (!err && setsockopt(c->nl.fd, SOL_NETLINK, NETLINK_CAP_ACK, &one,
			       sizeof(one)))
		err = -errno;
	if (err)
		run_wrong(c->worker, "netlink: %s", strerror(-err));
	return !err;
}

static void note_answers(struct control *c, const void *data, size_t len)
{
	const struct nlmsghdr *n = data;
	size_t left = len;

	for (; NLMSG_OK(n, left); n = NLMSG_NEXT(n, left)) {
		if (n->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
			continue;
		/* a dump that ended well says so, and is not acknowledged */
		if (n->nlmsg_type == NLMSG_ERROR || n->nlmsg_type == NLMSG_DONE)
			note_answer(c, n->nlmsg_seq, *(const int *)NLMSG_DATA(n));
	}
}

/* All that the kernel has to say now, also after some that found no room */
static bool hear(struct control *c)
{
	static __thread uint8_t said[128 << 10];
	ssize_t n;

	for (;;) {
		n = recv(c->nl.fd, said, sizeof(said), MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS)
			continue;
		if (n <= 0)
			return true;
		if (!message_harvest(&c->dice, &pool, c->nl.family, said,
				     (size_t)n)) {
			run_wrong(c->worker, "an answer that does not parse");
			return false;
		}
		if (memmem(said, (size_t)n, MESSAGE_SECRET,
			   sizeof(MESSAGE_SECRET) - 1)) {
			run_wrong(c->worker, "an answer with a key");
			return false;
		}
		note_answers(c, said, (size_t)n);
	}
}

static bool talk(struct control *c)
{
	static __thread uint8_t data[TOGETHER * MESSAGE_ROOM];
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	unsigned int num = 1 + dice_below(&c->dice, TOGETHER), i;
	size_t len = 0;

	for (i = 0; i < num; i++) {
		size_t at = len;

		len += message_forge(&c->dice, &pool, c->nl.family,
				     ++c->nl.seq, data + len);
		note_asked(c, c->nl.seq, data + at);
	}
	/* a broken length may make it one that the socket does not take */
	if (sendto(c->nl.fd, data, len, 0, (void *)&kernel,
		   sizeof(kernel)) >= 0)
		c->worker->done += num;
	return hear(c);
}

/* In the place of whatever is there; @fd itself is closed */
static int pool_place(unsigned int slot, int fd)
{
	int placed = dup3(fd, (int)(MESSAGE_FDS + slot), O_CLOEXEC);

	close(fd);
	return placed < 0 ? -errno : 0;
}

static int one_of_pool(struct control *c)
{
	return (int)(MESSAGE_FDS + dice_below(&c->dice, MESSAGE_POOL));
}

/* Another socket in a place of the pool, or one that is none of ours */
static void renew(struct control *c)
{
	unsigned int slot = dice_below(&c->dice, MESSAGE_POOL);
	uint16_t port = pool.ports[slot];
	struct addr addr;
	int fd;

	switch (dice_below(&c->dice, 16)) {
	case 0:
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		break;
	case 1:
		fd = dup(one_of_pool(c));
		break;
	default:
		fd = sock_udp(dice_below(&c->dice, 3), 0, &addr);
		if (fd >= 0)
			port = addr_port(&addr);
	}
	if (fd >= 0 && !pool_place(slot, fd))
		pool.ports[slot] = port;
}

/* Sends from one socket of the pool to another */
static void traffic(struct control *c)
{
	int fd = one_of_pool(c);
	uint16_t port = pool.ports[dice_below(&c->dice, MESSAGE_POOL)];
	uint8_t packet[256], got[RTP_ROOM];
	struct sockaddr_storage ss;
	socklen_t ss_len = sizeof(ss);
	struct addr to;
	size_t len;

	if (getsockname(fd, (void *)&ss, &ss_len))
		return;
	addr_loopback(&to, ss.ss_family == AF_INET ? SOCK_V4 :
		      dice_one_in(&c->dice, 2) ? SOCK_V6 : SOCK_MAPPED, port);
	for (unsigned int i = 0; i < 8; i++) {
		len = 40 + dice_below(&c->dice, 200);
		rtp_plain(packet, len, dice_below(&c->dice, 4), (uint16_t)i);
		sendto(fd, packet, len, MSG_DONTWAIT, (void *)&to.ss, to.len);
	}
	while (sock_recv_now(fd, got, sizeof(got)) >= 0)
		;
}

/* Under their sockets */
static void delete_some(struct control *c)
{
	for (unsigned int id = 0; id < MESSAGE_POOL; id++)
		nl_do(&c->nl, nl_session(&c->nl, E2EE_CMD_SESSION_DEL,
					 pool.sessions[id], NULL));
}

static void delete_guard(void *arg, const struct nlmsghdr *n)
{
	uint32_t id = nl_get_u32(nl_find(n, E2EE_A_GUARD, E2EE_A_GUARD_ID));
	struct nl_msg *msg;
	struct nl nl;
	size_t nest;

	if (nl_open(&nl))	/* the other one is busy with the dump */
		return;
	msg = nl_begin(&nl, E2EE_CMD_GUARD_DEL);
	nest = nl_nest(msg, E2EE_A_GUARD);
	nl_u32(msg, E2EE_A_GUARD_ID, id);
	nl_nest_end(msg, nest);
	nl_do(&nl, msg);
	nl_close(&nl);
	(void)arg;
}

static void delete_session(void *arg, const struct nlmsghdr *n)
{
	uint32_t id = nl_get_u32(nl_find(n, E2EE_A_SESSION,
					 E2EE_A_SESSION_ID));
	struct nl nl;

	(void)arg;
	if (nl_open(&nl))
		return;
	nl_do(&nl, nl_session(&nl, E2EE_CMD_SESSION_DEL, id, NULL));
	nl_close(&nl);
}

static void dump(struct control *c, uint8_t cmd,
		 void (*each)(void *arg, const struct nlmsghdr *n))
{
	struct nl_msg *msg = nl_begin(&c->nl, cmd);

	nl_dump(&c->nl, msg, each, c, NULL);
	free(msg);
}

/* Guards and sessions do not pile up */
static void clean(struct control *c)
{
	dump(c, E2EE_CMD_GUARD_GET, delete_guard);
	dump(c, E2EE_CMD_SESSION_GET, delete_session);
}

/* Nothing is left that a command made, or that it did not undo when refused */
static void check_empty(struct control *c)
{
	static const char * const kinds[] = { "key", "session", "guard",
		"socket" };
	static const uint8_t gets[] = {
		E2EE_CMD_GUARD_GET, E2EE_CMD_KEY_GET, E2EE_CMD_SESSION_GET,
	};
	unsigned int i;
	int n;

	for (i = 0; i < MESSAGE_POOL; i++)
		close((int)(MESSAGE_FDS + i));
	for (i = 0; i < sizeof(gets); i++) {
		n = nl_count(&c->nl, nl_begin(&c->nl, gets[i]));
		if (n)
			run_wrong(c->worker, "%s: %d are left",
				  command_name(gets[i]), n);
	}
	for (i = 0; i < 4; i++)
		if (objects_alive(kinds[i]) > 0 && !objects_come_to(kinds[i], 0))
			run_wrong(c->worker, "objects: %ld of %s are left",
				  objects_alive(kinds[i]), kinds[i]);
}

static void work(struct run_worker *worker)
{
	struct control c = { .worker = worker };

	dice_seed(&c.dice, worker->seed, worker->nth);
	if (open_control(&c))
		run_ready(worker);
	if (worker->nth == 1)
		nl_listen(&c.nl);
	pthread_barrier_wait(&ready);
	for (; !worker->wrong[0] && !run_over(worker); worker->batch++) {
		if (dice_one_in(&c.dice, 16))
			renew(&c);
		if (dice_one_in(&c.dice, 8))
			traffic(&c);
		if (dice_one_in(&c.dice, 512))
			clean(&c);
		else if (dice_one_in(&c.dice, 64))
			delete_some(&c);
		if (!talk(&c))
			break;
	}
	pthread_barrier_wait(&over);
	snprintf(worker->note, sizeof(worker->note),
		 "%llu accepted, %llu refused",
		 (unsigned long long)c.accepted,
		 (unsigned long long)c.refused);
	if (!worker->nth) {
		clean(&c);
		check_empty(&c);
	}
	nl_close(&c.nl);
}

static int begin(unsigned int workers)
{
	struct addr addr;
	int err, fd;

	err = sock_netns();
	for (unsigned int i = 0; i < MESSAGE_POOL && !err; i++) {
		fd = sock_udp(i % 3, 0, &addr);
		err = fd < 0 ? -errno : pool_place(i, fd);
		pool.ports[i] = addr_port(&addr);
	}
	if (err)
		return err;
	pthread_barrier_init(&ready, NULL, workers);
	pthread_barrier_init(&over, NULL, workers);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct run run = {
		.name = "netlink", .workers = 4, .threads = true,
		.begin = begin, .work = work, .goal = goal,
	};

	return run_main(&run, argc, argv);
}
