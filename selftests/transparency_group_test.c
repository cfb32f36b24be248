// SPDX-License-Identifier: GPL-2.0
/*
 * Transparency where there are several of something: sockets that share a port
 * or a multicast group, threads and processes that share a socket.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/filter.h>

#include "lib/harness.h"
#include "lib/observe.h"
#include "lib/rtp.h"

TRANSPARENCY_FIXTURE

/* By a program that looks at the packet, so that both runs agree. */
OBSERVE(reuseport)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 3),	/* sequence number */
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 3),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog fprog = { ARRAY_SIZE(program), program };
	int fds[4], on = 1, i;
	uint8_t got[200];
	struct addr addr;

	addr_loopback(&addr, e->kind, 6000);
	for (i = 0; i < 4; i++) {
		fds[i] = socket(sock_family(e->kind),
				SOCK_DGRAM | SOCK_CLOEXEC, 0);
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
		note_call(r, "bind", bind(fds[i], (void *)&addr.ss, addr.len));
		note(r, "attach", ends_attach(e, fds[i], 1));
	}
	note_call(r, "program", setsockopt(fds[0], SOL_SOCKET,
					   SO_ATTACH_REUSEPORT_CBPF, &fprog,
					   sizeof(fprog)));
	for (i = 0; i < 40; i++) {
		next_packet(e, got, 100);
		note(r, "sent", sock_send(e->left, got, 100, &addr));
		note(r, "received", sock_recv(fds[i % 4], got, sizeof(got)));
		note(r, "number", rtp_seq(got));
	}
	for (i = 0; i < 4; i++) {
		note(r, "no more", sock_recv_now(fds[i], got, sizeof(got)));
		close(fds[i]);
	}
}

/* By hash: all arrive, and one sender's all at the same socket. */
OBSERVE(reuseport_by_hash)
{
	int fds[4], left[16], on = 1, i, n, total = 0, strays = 0;
	int64_t end = now_ms() + SOCK_WAIT;
	uint8_t got[200];
	struct addr addr;
	int owner[16];

	addr_loopback(&addr, e->kind, 6000);
	for (i = 0; i < 4; i++) {
		fds[i] = socket(sock_family(e->kind),
				SOCK_DGRAM | SOCK_CLOEXEC, 0);
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
		note_call(r, "bind", bind(fds[i], (void *)&addr.ss, addr.len));
		note(r, "attach", ends_attach(e, fds[i], 1));
	}
	for (i = 0; i < 16; i++) {
		owner[i] = -1;
		left[i] = sock_udp(e->kind, (uint16_t)(7000 + i), NULL);
		note(r, "attach", ends_attach(e, left[i], 0));
		for (n = 0; n < 8; n++) {
			rtp_plain(got, 100, (uint32_t)i, (uint16_t)n);
			note(r, "sent", sock_send(left[i], got, 100, &addr));
		}
	}
	while (total < 16 * 8 && now_ms() < end) {
		for (i = 0; i < 4; i++) {
			int *from;

			if (sock_recv_now(fds[i], got, sizeof(got)) != 100)
				continue;
			from = &owner[rtp_ssrc(got) % 16];
			total++;
			strays += *from != -1 && *from != i;
			*from = i;
		}
	}
	for (i = 0; i < 4; i++)
		close(fds[i]);
	note(r, "received", total);
	note(r, "strays", strays);
	for (i = 0; i < 16; i++)
		close(left[i]);
}

/* Two receivers, and the sender's own choice whether it hears itself. */
OBSERVE(multicast)
{
	const char *group = e->kind == SOCK_V6 ? "ff02::1234" : "239.1.2.3";
	struct group_req request = { 0 };
	struct addr to, any;
	int fds[2], on = 1, i, index, level;
	uint8_t got[300];

	note(r, "dummy", run("ip link add d0 type dummy && "
			     "ip addr add 192.0.2.1/24 dev d0 && "
			     "ip link set d0 up"));
	level = e->kind == SOCK_V6 ? SOL_IPV6 : SOL_IP;
	index = (int)if_nametoindex("d0");
	addr_parse(&to, e->kind, group, 6000);
	addr_parse(&any, e->kind, e->kind == SOCK_V6 ? "::" : "0.0.0.0", 6000);
	request.gr_interface = (uint32_t)index;
	for (i = 0; i < 2; i++) {
		struct addr plain;

		fds[i] = socket(sock_family(e->kind),
				SOCK_DGRAM | SOCK_CLOEXEC, 0);
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		note_call(r, "bind", bind(fds[i], (void *)&any.ss, any.len));
		addr_parse(&plain, e->kind == SOCK_V6 ? SOCK_V6 : SOCK_V4,
			   group, 6000);
		memcpy(&request.gr_group, &plain.ss, sizeof(plain.ss));
		note_call(r, "join", setsockopt(fds[i], level, MCAST_JOIN_GROUP,
						&request, sizeof(request)));
		note(r, "attach", ends_attach(e, fds[i], 1));
	}
	close(e->left);
	e->left = socket(sock_family(e->kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	note(r, "attach", ends_attach(e, e->left, 0));
	if (e->kind == SOCK_V6) {
		note_call(r, "interface",
			  setsockopt(e->left, level, IPV6_MULTICAST_IF, &index,
				     sizeof(index)));
	} else {
		struct ip_mreqn mreq = { .imr_ifindex = index };

		note_call(r, "interface",
			  setsockopt(e->left, level, IP_MULTICAST_IF, &mreq,
				     sizeof(mreq)));
	}
	e->right_addr = to;
	for (int n = 0; n < 3; n++) {
		note(r, "sent", left_sends(e, 200));
		for (i = 0; i < 2; i++) {
			note(r, "received", sock_recv(fds[i], got, 300));
			note_bytes(r, "received", got, 200);
		}
	}
	on = 0;
	note_call(r, "loop off",
		  setsockopt(e->left, level, e->kind == SOCK_V6 ?
			     IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, &on,
			     sizeof(on)));
	note(r, "sent", left_sends(e, 200));
	settle(e);
	for (i = 0; i < 2; i++) {
		note(r, "nothing", sock_recv_now(fds[i], got, sizeof(got)));
		close(fds[i]);
	}
}

struct sender {
	pthread_t thread;
	struct ends *ends;
	uint32_t ssrc;
	int failed;
};

#define EACH	300

static void *send_many(void *arg)
{
	struct sender *sender = arg;
	uint8_t packet[200];

	for (unsigned int i = 0; i < EACH; i++) {
		rtp_plain(packet, sizeof(packet), sender->ssrc, (uint16_t)i);
		sender->failed += sock_send(sender->ends->left, packet,
					    sizeof(packet),
					    &sender->ends->right_addr) != 200;
	}
	return NULL;
}

/* Threads share a socket: nothing is lost, each one's order is kept. */
OBSERVE(threads)
{
	struct sender senders[4] = { 0 };
	uint16_t next[4] = { 0 };
	int big = 8 << 20, i, disorder = 0, total = 0;
	uint8_t got[300];
	cpu_set_t cpus;

	setsockopt(e->right, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	memset(&cpus, 0xff, sizeof(cpus));
	sched_setaffinity(0, sizeof(cpus), &cpus);
	for (i = 0; i < 4; i++) {
		senders[i].ends = e;
		senders[i].ssrc = (uint32_t)i;
		pthread_create(&senders[i].thread, NULL, send_many,
			       &senders[i]);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(senders[i].thread, NULL);
		note(r, "failed", senders[i].failed);
	}
	for (; total < 4 * EACH; total++) {
		uint32_t from;

		if (sock_recv(e->right, got, sizeof(got)) != 200)
			break;
		from = rtp_ssrc(got) % 4;
		disorder += rtp_seq(got) != next[from];
		next[from] = rtp_seq(got) + 1;
	}
	note(r, "received", total);
	note(r, "out of order", disorder);
}

/* A child and a stranger that was handed the socket use it as we do. */
OBSERVE(shared_sockets)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	int pair[2], pid, status;
	char byte;

	pid = fork();
	if (!pid)
		_exit(left_sends(e, 100) == 100 ? 17 : 1);
	waitpid(pid, &status, 0);
	note(r, "child", WEXITSTATUS(status));
	right_notes(e, r, "received");

	socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
	pid = fork();
	if (!pid) {
		close(e->left);
		iov.iov_base = &byte;
		msg.msg_controllen = sizeof(control);
		if (recvmsg(pair[1], &msg, 0) != 1)
			_exit(1);
		memcpy(&e->left, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
		_exit(left_sends(e, 100) == 100 ? 18 : 1);
	}
	cmsg_put(&msg, SOL_SOCKET, SCM_RIGHTS, &e->left, sizeof(int));
	note_call(r, "pass", sendmsg(pair[0], &msg, 0));
	/* the stranger alone has it now */
	close(e->left);
	waitpid(pid, &status, 0);
	note(r, "stranger", WEXITSTATUS(status));
	right_notes(e, r, "received");
	e->left = sock_udp(e->kind, 4000, NULL);
	note(r, "port is free again", e->left >= 0);
	close(pair[0]);
	close(pair[1]);
}

TEST_HARNESS_MAIN
