// SPDX-License-Identifier: GPL-2.0
/*
 * The hooks must be invisible but for the differences that the design permits:
 * how data comes and goes, one datagram after the other. Bursts are in
 * transparency_burst_test.c, sockets and threads that share something in
 * transparency_group_test.c, errors in transparency_error_test.c, options in
 * transparency_option_test.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>

#include "lib/harness.h"
#include "lib/observe.h"
#include "lib/rtp.h"

TRANSPARENCY_FIXTURE

OBSERVE(datagrams)
{
	static const size_t sizes[] = { 13, 60, 172, 1200, 1472, 9000, 60000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		note(r, "sent", left_sends(e, sizes[i]));
		right_notes(e, r, "received");
	}
}

OBSERVE(connected)
{
	uint8_t packet[500];

	note(r, "connect", ends_connect(e));
	for (int i = 0; i < 3; i++) {
		next_packet(e, packet, sizeof(packet));
		note_call(r, "send", send(e->left, packet, 500, 0));
		right_notes(e, r, "received");
		note_call(r, "write", write(e->left, packet, 300));
		right_notes(e, r, "received");
	}
	/* and back */
	note_call(r, "answer", send(e->right, packet, 500, 0));
	note(r, "answered", sock_recv(e->left, packet, sizeof(packet)));
	note_bytes(r, "answer", packet, sizeof(packet));
}

OBSERVE(not_rtp)
{
	uint8_t packet[128], got[128];
	size_t len = stun_build(packet);

	for (int i = 0; i < 3; i++) {
		note(r, "sent",
		     sock_send(e->left, packet, len, &e->right_addr));
		note(r, "received", sock_recv(e->right, got, sizeof(got)));
		note_bytes(r, "bytes", got, len);
	}
}

OBSERVE(zero_length)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t byte;

	note(r, "sent", sock_send(e->left, "", 0, &e->right_addr));
	note(r, "poll", sock_poll(e->right, POLLIN, SOCK_WAIT));
	note_call(r, "received", recvfrom(e->right, &byte, 1, MSG_DONTWAIT,
					  (void *)&from, &len));
	note(r, "from", len);
	note_call(r, "no more", recv(e->right, &byte, 1, MSG_DONTWAIT));
	note_call(r, "connect", ends_connect(e));
	note_call(r, "send", send(e->left, NULL, 0, 0));
	note_call(r, "read", read(e->right, &byte, 1));
}

OBSERVE(scattered)
{
	uint8_t packet[400], got[400];
	struct iovec iov[40];
	struct msghdr msg = {
		.msg_name = &e->right_addr.ss,
		.msg_namelen = e->right_addr.len,
		.msg_iov = iov,
		.msg_iovlen = 40,
	};
	int i;

	next_packet(e, packet, sizeof(packet));
	for (i = 0; i < 40; i++)
		iov[i] = (struct iovec){ packet + i / 2 * 20,
					 i % 2 ? 20 : 0 };
	note_call(r, "sendmsg", sendmsg(e->left, &msg, 0));
	for (i = 0; i < 40; i++)
		iov[i] = (struct iovec){ got + i * 10, 10 };
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	msg.msg_name = NULL;
	note_call(r, "recvmsg", recvmsg(e->right, &msg, 0));
	note(r, "flags", msg.msg_flags);
	note_bytes(r, "bytes", got, sizeof(got));
}

OBSERVE(source_address)
{
	struct addr from = { .len = sizeof(from.ss) };
	uint8_t got[100];

	left_sends(e, 100);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	note_call(r, "recvfrom", recvfrom(e->right, got, sizeof(got), 0,
					  (void *)&from.ss, &from.len));
	note(r, "address length", from.len);
	note(r, "is the left one", addr_equal(&from, &e->left_addr));
}

OBSERVE(peek)
{
	uint8_t got[2000];

	left_sends(e, 1000);
	left_sends(e, 200);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	for (int i = 0; i < 2; i++) {
		note_call(r, "peeked", recv(e->right, got, 2000, MSG_PEEK));
		note_bytes(r, "peeked", got, 1000);
		note_call(r, "peeked part", recv(e->right, got, 30, MSG_PEEK));
		note_bytes(r, "peeked part", got, 30);
	}
	right_notes(e, r, "received");
	note_call(r, "peeked next", recv(e->right, got, 2000, MSG_PEEK));
	right_notes(e, r, "received");
	note_call(r, "no more", recv(e->right, got, 1,
				     MSG_PEEK | MSG_DONTWAIT));
}

OBSERVE(truncated)
{
	uint8_t got[100];
	struct iovec iov = { got, sizeof(got) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (int i = 0; i < 3; i++)
		left_sends(e, 700);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	note_call(r, "real length", recv(e->right, got, 10,
					 MSG_TRUNC | MSG_PEEK));
	note_call(r, "cut", recv(e->right, got, 100, 0));
	note_bytes(r, "cut", got, 100);
	note_call(r, "real length", recv(e->right, got, 100, MSG_TRUNC));
	note_call(r, "recvmsg", recvmsg(e->right, &msg, 0));
	note(r, "flags", msg.msg_flags);
}

OBSERVE(peek_off)
{
	int off = 0;
	socklen_t len = sizeof(off);
	uint8_t got[200];

	note_call(r, "set", setsockopt(e->right, SOL_SOCKET, SO_PEEK_OFF, &off,
				       sizeof(off)));
	left_sends(e, 100);
	left_sends(e, 100);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	for (int i = 0; i < 5; i++) {
		note_call(r, "peeked", recv(e->right, got, 40,
					    MSG_PEEK | MSG_DONTWAIT));
		note_bytes(r, "peeked", got, 40);
		getsockopt(e->right, SOL_SOCKET, SO_PEEK_OFF, &off, &len);
		note(r, "offset", off);
	}
	right_notes(e, r, "received");
	getsockopt(e->right, SOL_SOCKET, SO_PEEK_OFF, &off, &len);
	note(r, "offset", off);
}

OBSERVE(queue_lengths)
{
	int value = -1;

	note_call(r, "FIONREAD", ioctl(e->right, FIONREAD, &value));
	note(r, "empty", value);
	left_sends(e, 333);
	left_sends(e, 444);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	ioctl(e->right, FIONREAD, &value);
	note(r, "first", value);
	right_notes(e, r, "received");
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	ioctl(e->right, FIONREAD, &value);
	note(r, "second", value);
	right_notes(e, r, "received");
	ioctl(e->right, FIONREAD, &value);
	note(r, "none", value);
	note_call(r, "SIOCOUTQ", ioctl(e->left, SIOCOUTQ, &value));
	note(r, "not sent yet", value);
}

OBSERVE(readiness)
{
	uint8_t got[200];
	int value = 0;

	note(r, "before", sock_poll(e->right, POLLIN | POLLOUT, 0));
	left_sends(e, 100);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	note(r, "one waits", sock_poll(e->right, POLLIN | POLLOUT | POLLPRI |
				       POLLRDHUP, 0));
	recv(e->right, got, sizeof(got), 0);
	note(r, "after", sock_poll(e->right, POLLIN | POLLOUT, 0));
	note(r, "left", sock_poll(e->left, POLLIN | POLLOUT, 0));
	note_call(r, "nothing", recv(e->right, got, 1, MSG_DONTWAIT));
	note_call(r, "O_NONBLOCK", fcntl(e->right, F_SETFL, O_NONBLOCK));
	note_call(r, "nothing", recv(e->right, got, 1, 0));
	fcntl(e->right, F_SETFL, 0);
	note_call(r, "timeout", setsockopt(e->right, SOL_SOCKET, SO_RCVTIMEO,
					   &(struct timeval){ 0, 20000 },
					   sizeof(struct timeval)));
	note_call(r, "nothing", recv(e->right, got, 1, 0));
	note_call(r, "nothing", recv(e->right, got, 1, MSG_WAITALL));
	ioctl(e->right, FIONREAD, &value);
	note(r, "waits", value);
}

OBSERVE(edge_triggered)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	uint8_t got[200];
	int i;

	note_call(r, "add", epoll_ctl(ep, EPOLL_CTL_ADD, e->right, &event));
	note_call(r, "quiet", epoll_wait(ep, &event, 1, 0));
	for (i = 0; i < 4; i++) {
		left_sends(e, 100);
		note_call(r, "edge", epoll_wait(ep, &event, 1, SOCK_WAIT));
		note(r, "events", event.events);
		note_call(r, "no second", epoll_wait(ep, &event, 1, 0));
	}
	for (i = 0; i < 4; i++)
		note_call(r, "read", recv(e->right, got, 200, MSG_DONTWAIT));
	note_call(r, "empty", recv(e->right, got, 200, MSG_DONTWAIT));
	note_call(r, "quiet", epoll_wait(ep, &event, 1, 0));
	close(ep);
}

static void note_timestamp(struct record *r, int fd)
{
	char data[256], control[512];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const struct scm_timestamping *stamp;
	const struct sock_extended_err *err;

	sock_poll(fd, 0, SOCK_WAIT);
	note_call(r, "looped bytes", recvmsg(fd, &msg, MSG_ERRQUEUE));
	note(r, "looped flags", msg.msg_flags);
	stamp = cmsg_find(&msg, SOL_SOCKET, SCM_TIMESTAMPING);
	note(r, "stamp", stamp && stamp->ts[0].tv_sec);
	err = cmsg_find(&msg, SOL_IP, IP_RECVERR);
	if (!err)
		err = cmsg_find(&msg, SOL_IPV6, IPV6_RECVERR);
	note(r, "entry", !!err);
	if (!err)
		return;
	note(r, "errno", err->ee_errno);
	note(r, "origin", err->ee_origin);
	note(r, "kind", err->ee_info);
	note(r, "id", err->ee_data);
}

static void observe_timestamps(struct ends *e, struct record *r, int flags)
{
	int i;

	flags |= SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
		 SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_OPT_ID;
	note_call(r, "set", setsockopt(e->left, SOL_SOCKET, SO_TIMESTAMPING,
				       &flags, sizeof(flags)));
	ends_connect(e);
	for (i = 0; i < 3; i++) {
		left_sends(e, 100);
		note_timestamp(r, e->left);	/* scheduled */
		note_timestamp(r, e->left);	/* sent */
		right_notes(e, r, "received");
	}
	note(r, "no more", sock_poll(e->left, POLLERR, 0));
}

OBSERVE(timestamps_of_sent)
{
	observe_timestamps(e, r, SOF_TIMESTAMPING_OPT_TSONLY);
}

/* The packet that comes back with the stamp is the one that left. */
OBSERVE(timestamps_with_the_packet,
	{ PERMIT_CHANGE, "looped bytes", 18, 0 })
{
	observe_timestamps(e, r, SOF_TIMESTAMPING_OPT_CMSG);
}

OBSERVE(timestamps_of_received)
{
	int flags = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
	char data[256], control[512];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	const struct scm_timestamping *stamp;
	int on = 1;

	note_call(r, "set", setsockopt(e->right, SOL_SOCKET, SO_TIMESTAMPING,
				       &flags, sizeof(flags)));
	note_call(r, "set", setsockopt(e->right, SOL_SOCKET, SO_TIMESTAMPNS,
				       &on, sizeof(on)));
	for (int i = 0; i < 3; i++) {
		left_sends(e, 100);
		sock_poll(e->right, POLLIN, SOCK_WAIT);
		msg.msg_controllen = sizeof(control);
		note_call(r, "recvmsg", recvmsg(e->right, &msg, 0));
		stamp = cmsg_find(&msg, SOL_SOCKET, SCM_TIMESTAMPING);
		note(r, "stamp", stamp && stamp->ts[0].tv_sec);
		note(r, "other stamp",
		     !!cmsg_find(&msg, SOL_SOCKET, SCM_TIMESTAMPNS));
	}
}

static const int v4_options[] = {
	IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVORIGDSTADDR,
};

static const int v6_options[] = {
	IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS,
	IPV6_RECVORIGDSTADDR,
};

OBSERVE(ancillary_data)
{
	char data[256], control[512];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	unsigned int i;
	int on = 1;

	for (i = 0; i < ARRAY_SIZE(v4_options); i++)
		note_call(r, "set", setsockopt(e->right, SOL_IP, v4_options[i],
					       &on, sizeof(on)));
	for (i = 0; i < ARRAY_SIZE(v6_options); i++)
		note_call(r, "set", setsockopt(e->right, SOL_IPV6,
					       v6_options[i], &on, sizeof(on)));
	left_sends(e, 100);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	note_call(r, "recvmsg", recvmsg(e->right, &msg, 0));
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		note(r, "level", cmsg->cmsg_level);
		note(r, "type", cmsg->cmsg_type);
		note_bytes(r, "data", CMSG_DATA(cmsg),
			   cmsg->cmsg_len - CMSG_LEN(0));
	}
}

/* The sender chooses TTL, TOS and source with the call. */
OBSERVE(ancillary_data_of_sender)
{
	char control[256] = { 0 }, data[256];
	struct addr from = { .len = sizeof(from.ss) };
	struct addr wanted;
	uint8_t packet[100];
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr msg = {
		.msg_name = &e->right_addr.ss,
		.msg_namelen = e->right_addr.len,
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	struct in_pktinfo info = { 0 };
	int ttl = 7, tos = 0x10, on = 1, any, fd;

	/* a socket that has not chosen its address yet */
	fd = socket(sock_family(e->kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	note(r, "attach", ends_attach(e, fd, 0));
	next_packet(e, packet, sizeof(packet));
	any = e->kind == SOCK_V6 ? SOL_IPV6 : SOL_IP;
	setsockopt(e->right, any, any == SOL_IP ? IP_RECVTTL :
		   IPV6_RECVHOPLIMIT, &on, sizeof(on));
	setsockopt(e->right, any, any == SOL_IP ? IP_RECVTOS :
		   IPV6_RECVTCLASS, &on, sizeof(on));
	cmsg_put(&msg, any, any == SOL_IP ? IP_TTL : IPV6_HOPLIMIT, &ttl,
		 sizeof(ttl));
	cmsg_put(&msg, any, any == SOL_IP ? IP_TOS : IPV6_TCLASS, &tos,
		 sizeof(tos));
	inet_pton(AF_INET, "127.0.0.5", &info.ipi_spec_dst);
	if (e->kind == SOCK_V4)
		cmsg_put(&msg, SOL_IP, IP_PKTINFO, &info, sizeof(info));
	note_call(r, "sendmsg", sendmsg(fd, &msg, 0));
	iov.iov_base = data;
	msg.msg_name = &from.ss;
	msg.msg_namelen = from.len;
	msg.msg_controllen = sizeof(control);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	note_call(r, "recvmsg", recvmsg(e->right, &msg, MSG_DONTWAIT));
	note_bytes(r, "control", control, msg.msg_controllen);
	addr_parse(&wanted, SOCK_V4, "127.0.0.5", addr_port(&from));
	note(r, "source", addr_equal(&from, &wanted));
	/* what makes no sense is refused */
	msg.msg_name = &e->right_addr.ss;
	msg.msg_controllen = 0;
	ttl = 1000;
	cmsg_put(&msg, any, any == SOL_IP ? IP_TTL : IPV6_HOPLIMIT, &ttl,
		 sizeof(ttl));
	note_call(r, "sendmsg", sendmsg(fd, &msg, 0));
	msg.msg_controllen = sizeof(struct cmsghdr) + 1;
	CMSG_FIRSTHDR(&msg)->cmsg_len = 1000;
	note_call(r, "sendmsg", sendmsg(fd, &msg, 0));
	close(fd);
}

/* Read all of @sent that were not dropped; how many came. */
static int drain(int fd, int sent, int size)
{
	int64_t end = now_ms() + SOCK_WAIT;
	static uint8_t got[70000];
	int fit = 0;

	while (fit + (int)sock_drops(fd) < sent && now_ms() < end)
		while (sock_recv_now(fd, got, sizeof(got)) == size)
			fit++;
	return fit;
}

/* How much fits into a receive buffer, and that it is given back. */
OBSERVE(receive_buffer,
	{ PERMIT_PERCENT, "fit", 15, 0 })
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t len = sizeof(memory);
	int size = 40000, i, fit;

	note_call(r, "set", setsockopt(e->right, SOL_SOCKET, SO_RCVBUF, &size,
				       sizeof(size)));
	for (i = 0; i < 400; i++)
		left_sends(e, 200);
	fit = drain(e->right, 400, 200);
	note(r, "fit", fit);
	note(r, "fewer than sent", fit < 400);
	note_call(r, "SO_MEMINFO", getsockopt(e->right, SOL_SOCKET, SO_MEMINFO,
					      memory, &len));
	note(r, "receive memory", memory[SK_MEMINFO_RMEM_ALLOC]);
	note(r, "send memory", memory[SK_MEMINFO_WMEM_ALLOC]);
	note(r, "lost and found", fit + (int)memory[SK_MEMINFO_DROPS]);
	/* works on */
	left_sends(e, 200);
	right_notes(e, r, "received");
}

OBSERVE(receive_buffer_of_large,
	{ PERMIT_PERCENT, "fit", 15, 0 })
{
	int size = 200000, i, fit;

	setsockopt(e->right, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (i = 0; i < 100; i++)
		left_sends(e, 9000);
	fit = drain(e->right, 100, 9000);
	note(r, "fit", fit);
	note(r, "fewer than sent", fit < 100);
}

/* A socket filter sees what the application would, and may cut it. */
OBSERVE(filtered)
{
	struct sock_filter program[] = {
		/* RTP sequence number, behind the UDP header */
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 8 + 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 8 + 50),
		/* first byte of the payload */
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8 + 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog fprog = { ARRAY_SIZE(program), program };
	uint8_t got[200];

	note_call(r, "set", setsockopt(e->right, SOL_SOCKET, SO_ATTACH_FILTER,
				       &fprog, sizeof(fprog)));
	for (int i = 0; i < 4; i++)
		left_sends(e, 100);
	right_notes(e, r, "whole");
	right_notes(e, r, "cut");
	right_notes(e, r, "third, as its second is dropped");
	note(r, "no more", sock_recv_now(e->right, got, sizeof(got)));
}

OBSERVE(shut_down)
{
	uint8_t got[200];

	ends_connect(e);
	left_sends(e, 100);
	note_call(r, "shutdown", shutdown(e->left, SHUT_WR));
	signal(SIGPIPE, SIG_IGN);
	note(r, "send", left_sends(e, 100));
	right_notes(e, r, "received");
	note_call(r, "answer", send(e->right, "", 0, 0));
	note_call(r, "answered", recv(e->left, got, 1, MSG_DONTWAIT));
	note_call(r, "shutdown", shutdown(e->right, SHUT_RD));
	note(r, "poll", sock_poll(e->right, POLLIN | POLLRDHUP | POLLHUP, 0));
	note_call(r, "recv", recv(e->right, got, sizeof(got), MSG_DONTWAIT));
	note_call(r, "shutdown", shutdown(e->right, SHUT_RDWR));
	note(r, "poll", sock_poll(e->right, POLLIN | POLLRDHUP | POLLHUP, 0));
}

/* A connection dissolved: the socket is free for others again. */
OBSERVE(disconnected)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct addr peer = { .len = sizeof(peer.ss) };
	uint8_t packet[100];

	ends_connect(e);
	left_sends(e, 100);
	right_notes(e, r, "received");
	note_call(r, "AF_UNSPEC", connect(e->left, &none, sizeof(none)));
	note_call(r, "peer", getpeername(e->left, (void *)&peer.ss, &peer.len));
	next_packet(e, packet, sizeof(packet));
	note_call(r, "send", send(e->left, packet, sizeof(packet), 0));
	note(r, "send to", left_sends(e, 100));
	right_notes(e, r, "received");
	note_call(r, "again", sock_connect(e->left, &e->right_addr));
	note_call(r, "send", send(e->left, packet, sizeof(packet), 0));
	right_notes(e, r, "received");
}

/* The counters of the namespace: /proc/net/snmp and snmp6 */
static void note_snmp(struct record *r, const char *path, const char *prefix)
{
	char line[1024], last[1024] = "", name[64];
	FILE *file = fopen(path, "r");
	long long value;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, prefix, strlen(prefix)))
			continue;
		if (sscanf(line, "%63s %lld", name, &value) == 2 &&
		    prefix[strlen(prefix) - 1] != ':')
			note(r, name, value);
		else if (last[0])
			note_bytes(r, prefix, line, strlen(line));
		strcpy(last, line);
	}
	if (file)
		fclose(file);
}

OBSERVE(counters_of_the_stack)
{
	uint8_t got[2];

	for (int i = 0; i < 10; i++) {
		left_sends(e, 200);
		right_notes(e, r, "received");
	}
	/* read into nowhere: counted as an error of the receiver */
	left_sends(e, 100);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	note_call(r, "fault", recv(e->right, (void *)8, 100, 0));
	note_call(r, "then", recv(e->right, got, sizeof(got), MSG_DONTWAIT));
	note_snmp(r, "/proc/net/snmp", "Udp:");
	note_snmp(r, "/proc/net/snmp6", "Udp6");
}

/* A tap sees the wire, on the way out and on the way in. */
TEST_F(transparency, tap_sees_the_wire)
{
	static struct frame frame;
	int tap, frames = 0;
	uint8_t got[300], clear[200];
	struct ends ends;

	ASSERT_EQ(0, ends_open(&ends, variant->kind, true));
	tap = tap_open("lo");
	ASSERT_LE(0, tap);
	ASSERT_EQ(200, left_sends(&ends, 200));
	ASSERT_EQ(200, sock_recv(ends.right, got, sizeof(got)));
	ends.seq = 0;
	next_packet(&ends, clear, 200);
	EXPECT_EQ(0, memcmp(got, clear, 200));
	while (!tap_next(tap, &frame)) {
		EXPECT_EQ(frames == 0, frame.outgoing);
		EXPECT_EQ(218, frame.len);
		EXPECT_EQ(0, memcmp(frame.payload, clear, RTP_HEADER));
		EXPECT_EQ(0xe0, frame.payload[RTP_HEADER]);
		EXPECT_EQ(NULL, memmem(frame.payload + RTP_HEADER, 206,
				       clear + RTP_HEADER, 4));
		frames++;
	}
	EXPECT_EQ(2, frames);
	close(tap);
	ends_close(&ends);
}

TEST_HARNESS_MAIN
