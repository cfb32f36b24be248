// SPDX-License-Identifier: GPL-2.0
/*
 * Transparency of errors: ICMP, the error queue, what a call refuses.
 *
 * ICMP quotes the wire, so the quotation of a sealed packet is sealed: its RTP
 * header is what was sent, and what follows is longer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <linux/errqueue.h>

#include "lib/harness.h"
#include "lib/observe.h"

#ifndef MSG_PROBE
#define MSG_PROBE	0x10
#endif

#define GROWTH		18	/* descriptor, short SFrame header, tag */
#define MTU_LOWERED	E2EE_OVERHEAD_MAX

TRANSPARENCY_FIXTURE

/* An IPv4 error on an AF_INET6 socket is still asked for by its own option. */
static void want_errors(struct ends *e, struct record *r)
{
	int on = 1;

	if (e->kind != SOCK_V6)
		note_call(r, "IP_RECVERR",
			  setsockopt(e->left, SOL_IP, IP_RECVERR, &on,
				     sizeof(on)));
	if (e->kind != SOCK_V4)
		note_call(r, "IPV6_RECVERR",
			  setsockopt(e->left, SOL_IPV6, IPV6_RECVERR, &on,
				     sizeof(on)));
}

static void note_offender(struct record *r, const struct sock_extended_err *err)
{
	const struct sockaddr_in6 *in6 = (const void *)SO_EE_OFFENDER(err);
	const struct sockaddr_in *in = (const void *)SO_EE_OFFENDER(err);

	note(r, "offender family", in->sin_family);
	if (in->sin_family == AF_INET) {
		note(r, "offender", ntohl(in->sin_addr.s_addr));
		note(r, "offender port", in->sin_port);
	} else if (in->sin_family == AF_INET6) {
		note_bytes(r, "offender", &in6->sin6_addr, 16);
		note(r, "offender port", in6->sin6_port);
	}
}

/* One entry of the error queue, or that there is none. */
static void note_error(struct ends *e, struct record *r, const char *info,
		       size_t whole)
{
	uint8_t data[2000] = { 0 };
	char control[512];
	struct addr to = { 0 };
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_name = &to.ss, .msg_namelen = sizeof(to.ss),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const struct sock_extended_err *err;
	ssize_t n;

	n = recvmsg(e->left, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);
	note_call(r, "quoted bytes", n);
	if (n < 0)
		return;
	note(r, "flags", msg.msg_flags);
	to.len = msg.msg_namelen;
	note(r, "name length", to.len);
	note(r, "name is the target", addr_equal(&to, &e->right_addr));
	/* @whole: how much of it is not sealed */
	note_bytes(r, "quoted", data, whole);
	err = cmsg_find(&msg, SOL_IP, IP_RECVERR);
	note(r, "of IPv4", !!err);
	if (!err)
		err = cmsg_find(&msg, SOL_IPV6, IPV6_RECVERR);
	note(r, "entry", !!err);
	if (!err)
		return;
	note(r, "errno", err->ee_errno);
	note(r, "origin", err->ee_origin);
	note(r, "type", err->ee_type);
	note(r, "code", err->ee_code);
	note(r, info, err->ee_info);
	note(r, "data", err->ee_data);
	note_offender(r, err);
}

static void note_pending(struct ends *e, struct record *r)
{
	int value = 0;
	socklen_t len = sizeof(value);

	getsockopt(e->left, SOL_SOCKET, SO_ERROR, &value, &len);
	note(r, "SO_ERROR", value);
}

/* The right side is gone; ICMP says so before send() returns, or soon after. */
static void send_into_nowhere(struct ends *e, struct record *r, size_t len)
{
	note(r, "sent", left_sends(e, len));
	note(r, "poll", sock_poll(e->left, POLLIN, SOCK_WAIT));
}

static void close_right(struct ends *e)
{
	close(e->right);
	e->right = -1;
}

OBSERVE(refused_connected)
{
	uint8_t got[10];

	ends_connect(e);
	close_right(e);
	send_into_nowhere(e, r, 100);
	/* it takes the error in place of sending */
	note(r, "send", left_sends(e, 100));
	note(r, "poll", sock_poll(e->left, POLLIN, 0));
	note_call(r, "recv", recv(e->left, got, sizeof(got), MSG_DONTWAIT));
	note_pending(e, r);
	send_into_nowhere(e, r, 100);
	note_pending(e, r);
	note_pending(e, r);
	note(r, "poll", sock_poll(e->left, POLLIN | POLLOUT, 0));
}

/* Nobody told: an unconnected socket without RECVERR hears nothing. */
OBSERVE(refused_unconnected)
{
	uint8_t got[10];

	close_right(e);
	for (int i = 0; i < 3; i++)
		note(r, "sent", left_sends(e, 100));
	settle(e);
	note(r, "poll", sock_poll(e->left, POLLIN, 0));
	note_pending(e, r);
	note_call(r, "recv", recv(e->left, got, sizeof(got), MSG_DONTWAIT));
}

OBSERVE(error_queue_connected,
	{ PERMIT_CHANGE, "quoted bytes", GROWTH, 0 })
{
	want_errors(e, r);
	ends_connect(e);
	close_right(e);
	send_into_nowhere(e, r, 100);
	note_error(e, r, "info", RTP_HEADER);
	note_error(e, r, "info", RTP_HEADER);
	note_pending(e, r);
	note(r, "poll", sock_poll(e->left, POLLIN, 0));
}

OBSERVE(error_queue_unconnected,
	{ PERMIT_CHANGE, "quoted bytes", GROWTH, 0 })
{
	want_errors(e, r);
	close_right(e);
	for (int i = 0; i < 3; i++) {
		send_into_nowhere(e, r, 150);
		note_error(e, r, "info", RTP_HEADER);
	}
	note_error(e, r, "info", RTP_HEADER);
	note_pending(e, r);
}

/* What is not sealed is quoted as it is. */
OBSERVE(error_queue_of_others)
{
	uint8_t packet[128];
	size_t len = stun_build(packet);

	want_errors(e, r);
	close_right(e);
	note(r, "sent", sock_send(e->left, packet, len, &e->right_addr));
	note(r, "poll", sock_poll(e->left, POLLIN, SOCK_WAIT));
	note_error(e, r, "info", len);
	note_pending(e, r);
}

/* A quotation cut short by ICMP's own limits. */
OBSERVE(error_queue_of_large,
	{ PERMIT_CHANGE, "quoted bytes", GROWTH, 0 })
{
	want_errors(e, r);
	close_right(e);
	send_into_nowhere(e, r, 1500);
	note_error(e, r, "info", RTP_HEADER);
	note_pending(e, r);
}

OBSERVE(error_queue_is_polled_for,
	{ PERMIT_CHANGE, "quoted bytes", GROWTH, 0 })
{
	uint8_t got[100];

	want_errors(e, r);
	ends_connect(e);
	close_right(e);
	send_into_nowhere(e, r, 100);
	note(r, "poll", sock_poll(e->left, POLLIN | POLLOUT | POLLPRI, 0));
	note_call(r, "recv", recv(e->left, got, sizeof(got), MSG_DONTWAIT));
	note_call(r, "recv", recv(e->left, got, sizeof(got), MSG_DONTWAIT));
	note_error(e, r, "info", RTP_HEADER);
	note(r, "poll", sock_poll(e->left, POLLIN | POLLOUT | POLLPRI, 0));
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *byte = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)byte[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* An ICMP message about a packet from left to right, as a router sends it. */
static void forge_icmp(struct ends *e, unsigned int type, unsigned int code,
		       uint32_t info)
{
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		struct udphdr udp;
		uint8_t rtp[RTP_HEADER];
	} __attribute__((packed)) message = {
		.icmp = { .type = (uint8_t)type, .code = (uint8_t)code },
		.ip = {
			.version = 4, .ihl = 5, .ttl = 60,
			.protocol = IPPROTO_UDP, .tot_len = htons(140),
			.saddr = htonl(INADDR_LOOPBACK),
			.daddr = htonl(INADDR_LOOPBACK),
		},
		.udp = {
			.source = htons(addr_port(&e->left_addr)),
			.dest = htons(addr_port(&e->right_addr)),
			.len = htons(120),
		},
	};
	struct addr to;
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	rtp_plain(message.rtp, RTP_HEADER, 1, 1);
	message.ip.check = checksum(&message.ip, sizeof(message.ip));
	if (type == ICMP_PARAMETERPROB)
		info <<= 24;
	message.icmp.un.gateway = htonl(info);
	message.icmp.checksum = checksum(&message, sizeof(message));
	addr_loopback(&to, SOCK_V4, 0);
	sendto(fd, &message, sizeof(message), 0, (void *)&to.ss, to.len);
	close(fd);
}

static void forge_icmp6(struct ends *e, unsigned int type, unsigned int code,
			uint32_t info)
{
	struct {
		struct icmp6_hdr icmp;
		uint8_t ip[40];
		struct udphdr udp;
		uint8_t rtp[RTP_HEADER];
	} __attribute__((packed)) message = {
		.icmp = {
			.icmp6_type = (uint8_t)type,
			.icmp6_code = (uint8_t)code,
		},
		.ip = { 0x60, 0, 0, 0, 0, 120, IPPROTO_UDP, 60 },
		.udp = {
			.source = htons(addr_port(&e->left_addr)),
			.dest = htons(addr_port(&e->right_addr)),
			.len = htons(120),
		},
	};
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	struct addr to;

	rtp_plain(message.rtp, RTP_HEADER, 1, 1);
	message.ip[23] = 1;	/* ::1 to ::1 */
	message.ip[39] = 1;
	message.icmp.icmp6_mtu = htonl(info);
	addr_loopback(&to, SOCK_V6, 0);
	sendto(fd, &message, sizeof(message), 0, (void *)&to.ss, to.len);
	close(fd);
}

struct icmp_case {
	unsigned int type;
	unsigned int code;
	uint32_t info;
};

static const struct icmp_case icmp_cases[] = {
	{ ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0 },
	{ ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0 },
	{ ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0 },
	{ ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0 },
	{ ICMP_DEST_UNREACH, ICMP_SR_FAILED, 0 },
	{ ICMP_DEST_UNREACH, ICMP_HOST_ANO, 0 },
	{ ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, 0 },
	{ ICMP_SOURCE_QUENCH, 0, 0 },
	{ ICMP_TIME_EXCEEDED, 0, 0 },
	{ ICMP_TIME_EXCEEDED, 1, 0 },
	{ ICMP_PARAMETERPROB, 0, 21 },
};

static const struct icmp_case icmp6_cases[] = {
	{ ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, 0 },
	{ ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN, 0 },
	{ ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_BEYONDSCOPE, 0 },
	{ ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, 0 },
	{ ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, 0 },
	{ ICMP6_DST_UNREACH, 5, 0 },
	{ ICMP6_DST_UNREACH, 6, 0 },
	{ ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT, 0 },
	{ ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_REASSEMBLY, 0 },
	{ ICMP6_PARAM_PROB, ICMP6_PARAMPROB_HEADER, 41 },
	{ ICMP6_PARAM_PROB, ICMP6_PARAMPROB_NEXTHEADER, 42 },
};

static void forge(struct ends *e, unsigned int i)
{
	const struct icmp_case *icmp = e->kind == SOCK_V6 ? &icmp6_cases[i] :
							    &icmp_cases[i];

	(e->kind == SOCK_V6 ? forge_icmp6 : forge_icmp)(e, icmp->type,
							icmp->code, icmp->info);
	settle(e);
}

/* Each kind of ICMP error, for a socket that asked for details... */
OBSERVE(every_icmp_error)
{
	want_errors(e, r);
	ends_connect(e);
	for (unsigned int i = 0; i < ARRAY_SIZE(icmp_cases); i++) {
		forge(e, i);
		note_error(e, r, "info", RTP_HEADER);
		note_pending(e, r);
		note(r, "send", left_sends(e, 100));
		right_notes(e, r, "received");
	}
}

/* ... for a connected one that did not, which hears of some errors only... */
OBSERVE(every_icmp_error_connected)
{
	ends_connect(e);
	for (unsigned int i = 0; i < ARRAY_SIZE(icmp_cases); i++) {
		forge(e, i);
		note_pending(e, r);
		note(r, "send", left_sends(e, 100));
		right_notes(e, r, "received");
	}
}

/* ... and for an unconnected one. */
OBSERVE(every_icmp_error_unconnected)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(icmp_cases); i++) {
		forge(e, i);
		note_pending(e, r);
		note(r, "send", left_sends(e, 100));
		right_notes(e, r, "received");
	}
}

static void packet_too_big(struct ends *e, uint32_t mtu)
{
	if (e->kind == SOCK_V6)
		forge_icmp6(e, ICMP6_PACKET_TOO_BIG, 0, mtu);
	else
		forge_icmp(e, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
	settle(e);
}

static int mtu_of(struct ends *e)
{
	socklen_t len = sizeof(int);
	int mtu = 0;

	if (getsockopt(e->left, e->kind == SOCK_V6 ? SOL_IPV6 : SOL_IP,
		       e->kind == SOCK_V6 ? IPV6_MTU : IP_MTU, &mtu, &len))
		return -errno;
	return mtu;
}

static void forbid_fragments(struct ends *e, struct record *r)
{
	int value = e->kind == SOCK_V6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;

	note_call(r, "discover",
		  setsockopt(e->left, e->kind == SOCK_V6 ? SOL_IPV6 : SOL_IP,
			     e->kind == SOCK_V6 ? IPV6_MTU_DISCOVER :
			     IP_MTU_DISCOVER, &value, sizeof(value)));
}

/* A router tells of a narrow path: the MTU that is told is lowered. */
OBSERVE(packet_too_big_is_lowered,
	{ PERMIT_CHANGE, "MTU", -MTU_LOWERED, 0 },
	{ PERMIT_CHANGE, "info", -MTU_LOWERED, 0 })
{
	want_errors(e, r);
	forbid_fragments(e, r);
	ends_connect(e);
	note(r, "MTU", mtu_of(e));
	packet_too_big(e, 1400);
	note_error(e, r, "info", RTP_HEADER);
	note(r, "MTU", mtu_of(e));
	note_pending(e, r);
}

/*
 * An application that believes the MTU it is told can send that much, whole,
 * and is refused where it sends what no longer fits. What the local refusal
 * tells it must agree.
 */
OBSERVE(mtu_can_be_relied_on,
	{ PERMIT_CHANGE, "MTU", -MTU_LOWERED, 0 },
	{ PERMIT_CHANGE, "MTU of the refusal", -MTU_LOWERED, 0 },
	{ PERMIT_CHANGE, "what fits", -MTU_LOWERED, 0 },
	{ PERMIT_CHANGE, "received", -MTU_LOWERED, 0 },
	{ PERMIT_CHANGE, "quoted bytes", GROWTH, 0 })
{
	int headers = e->kind == SOCK_V6 ? 48 : 28;
	uint8_t got[2000];
	int mtu;

	want_errors(e, r);
	forbid_fragments(e, r);
	note(r, "mtu", run("ip link set lo mtu 1400"));
	ends_connect(e);
	mtu = mtu_of(e);
	note(r, "MTU", mtu);
	note(r, "what fits", left_sends(e, (size_t)(mtu - headers)));
	note(r, "received", sock_recv(e->right, got, sizeof(got)));
	/* too large in either case */
	note(r, "too large", left_sends(e, 1400));
	note_error(e, r, "MTU of the refusal", 0);
	note_pending(e, r);
	note(r, "nothing", sock_recv_now(e->right, got, sizeof(got)));
}

/* Longer than UDP carries: refused, and told of in the queue. */
OBSERVE(too_long,
	{ PERMIT_CHANGE, "MTU of the refusal", -MTU_LOWERED, 0 })
{
	static const size_t sizes[] = { 65508, 65528, 65535, 65536, 70000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		if (sizes[i] != 65508 || e->kind != SOCK_V6)
			note(r, "sent", left_sends(e, sizes[i]));
	want_errors(e, r);
	for (unsigned int i = 1; i < ARRAY_SIZE(sizes); i++) {
		note(r, "sent", left_sends(e, sizes[i]));
		note_error(e, r, "MTU of the refusal", 0);
	}
	note_pending(e, r);
}

OBSERVE(bad_memory)
{
	uint8_t packet[100];
	struct iovec iov[2] = { { packet, 50 }, { (void *)8, 50 } };
	struct msghdr msg = {
		.msg_name = &e->right_addr.ss,
		.msg_namelen = e->right_addr.len,
		.msg_iov = iov, .msg_iovlen = 2,
	};

	next_packet(e, packet, sizeof(packet));
	note(r, "all", sock_send(e->left, (void *)8, 100, &e->right_addr));
	note_call(r, "half", sendmsg(e->left, &msg, 0));
	note(r, "burst", sock_send_gso(e->left, (void *)8, 1000, 100,
				       &e->right_addr));
	note_call(r, "recv", recv(e->right, packet, 1, MSG_DONTWAIT));
	left_sends(e, 100);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	note_call(r, "recv", recv(e->right, (void *)8, 100, MSG_DONTWAIT));
	note_call(r, "recv", recv(e->right, packet, 1, MSG_DONTWAIT));
	left_sends(e, 100);
	right_notes(e, r, "works on");
}

/* Nonsense in the target address. */
OBSERVE(bad_targets)
{
	uint8_t packet[100];
	struct addr to;
	int on = 1;

	next_packet(e, packet, sizeof(packet));
	note_call(r, "none", send(e->left, packet, 100, 0));
	to = e->right_addr;
	to.len = 3;
	note(r, "short", sock_send(e->left, packet, 100, &to));
	to = e->right_addr;
	to.ss.ss_family = 77;
	note(r, "family", sock_send(e->left, packet, 100, &to));
	to.ss.ss_family = AF_UNSPEC;
	note(r, "no family", sock_send(e->left, packet, 100, &to));
	addr_loopback(&to, e->kind, 0);
	note(r, "port 0", sock_send(e->left, packet, 100, &to));
	addr_parse(&to, e->kind, e->kind == SOCK_V6 ? "2001:db8::1" :
		   "192.0.2.1", 5000);
	note(r, "no route", sock_send(e->left, packet, 100, &to));
	addr_loopback(&to, e->kind == SOCK_V4 ? SOCK_V6 : SOCK_V4, 5000);
	note(r, "other family", sock_send(e->left, packet, 100, &to));
	if (e->kind != SOCK_V6) {
		addr_parse(&to, e->kind, "255.255.255.255", 5000);
		note(r, "broadcast", sock_send(e->left, packet, 100, &to));
		setsockopt(e->left, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
		note(r, "broadcast", sock_send(e->left, packet, 100, &to));
	}
	note_call(r, "MSG_OOB", sendto(e->left, packet, 100, MSG_OOB,
				       (void *)&e->right_addr.ss,
				       e->right_addr.len));
	note_call(r, "MSG_PROBE", sendto(e->left, packet, 100, MSG_PROBE,
					 (void *)&e->right_addr.ss,
					 e->right_addr.len));
	note_call(r, "MSG_CONFIRM", sendto(e->left, packet, 100, MSG_CONFIRM,
					   (void *)&e->right_addr.ss,
					   e->right_addr.len));
	right_notes(e, r, "received");
}

/* An error that waits is told to the next call, and nothing is sent then. */
OBSERVE(waiting_error_first)
{
	ends_connect(e);
	forge(e, e->kind == SOCK_V6 ? 4 : 3);	/* port unreachable */
	note(r, "first", left_sends(e, 100));
	note(r, "second", left_sends(e, 100));
	right_notes(e, r, "received");
}

TEST_HARNESS_MAIN
