// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>

#include "file.h"
#include "sock.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

#ifndef SO_MEMINFO
#define SO_MEMINFO	55
#endif

#define IPV6_HEADER	40
#define UDP_HEADER	8

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int run(const char *format, ...)
{
	char line[512];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	status = system(line);
	return status == -1 ? -errno : status;
}

int sysctl(const char *name, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	return file_write(path, value);
}

static int interface_up(const char *name)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		err = -errno;
	close(fd);
	return err;
}

int sock_netns(void)
{
	int err;

	if (unshare(CLONE_NEWNET))
		return -errno;
	err = interface_up("lo");
	if (err)
		return err;
	err = sysctl("net/ipv4/icmp_ratelimit", "0");
	if (err)
		return err;
	err = sysctl("net/ipv6/icmp/ratelimit", "0");
	if (err)
		return err;
	/* addresses are good at once */
	return sysctl("net/ipv6/conf/default/accept_dad", "0");
}

int sock_pin(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

void addr_parse(struct addr *addr, enum sock_kind kind, const char *text,
		uint16_t port)
{
	struct sockaddr_in6 *in6 = (void *)&addr->ss;
	struct sockaddr_in *in = (void *)&addr->ss;
	char mapped[64];

	memset(addr, 0, sizeof(*addr));
	if (kind == SOCK_V4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		addr->len = sizeof(*in);
		inet_pton(AF_INET, text, &in->sin_addr);
		return;
	}
	snprintf(mapped, sizeof(mapped), "%s%s",
		 kind == SOCK_MAPPED ? "::ffff:" : "", text);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	addr->len = sizeof(*in6);
	inet_pton(AF_INET6, mapped, &in6->sin6_addr);
}

void addr_loopback(struct addr *addr, enum sock_kind kind, uint16_t port)
{
	addr_parse(addr, kind, kind == SOCK_V6 ? "::1" : "127.0.0.1", port);
}

uint16_t addr_port(const struct addr *addr)
{
	/* the same place in both families */
	return ntohs(((const struct sockaddr_in *)&addr->ss)->sin_port);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	const struct sockaddr_in6 *a6 = (const void *)&a->ss;
	const struct sockaddr_in6 *b6 = (const void *)&b->ss;
	const struct sockaddr_in *a4 = (const void *)&a->ss;
	const struct sockaddr_in *b4 = (const void *)&b->ss;

	if (a->ss.ss_family != b->ss.ss_family || addr_port(a) != addr_port(b))
		return false;
	if (a->ss.ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
}

int sock_family(enum sock_kind kind)
{
	return kind == SOCK_V4 ? AF_INET : AF_INET6;
}

int sock_udp(enum sock_kind kind, uint16_t port, struct addr *bound)
{
	struct addr addr;
	int fd;

	fd = socket(sock_family(kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	addr_loopback(&addr, kind, port);
	if (bind(fd, (void *)&addr.ss, addr.len)) {
		close(fd);
		return -1;
	}
	if (bound) {
		bound->len = sizeof(bound->ss);
		getsockname(fd, (void *)&bound->ss, &bound->len);
	}
	return fd;
}

int sock_connect(int fd, const struct addr *to)
{
	return connect(fd, (const void *)&to->ss, to->len) ? -errno : 0;
}

int sock_send(int fd, const void *data, size_t len, const struct addr *to)
{
	ssize_t n = sendto(fd, data, len, 0, to ? (const void *)&to->ss : NULL,
			   to ? to->len : 0);

	return n < 0 ? -errno : (int)n;
}

int sock_recv_now(int fd, void *buf, size_t room)
{
	ssize_t n = recv(fd, buf, room, MSG_DONTWAIT);

	return n < 0 ? -errno : (int)n;
}

int sock_poll(int fd, short events, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&pfd, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n > 0 ? pfd.revents : 0;
}

int sock_recv(int fd, void *buf, size_t room)
{
	if (!sock_poll(fd, POLLIN, SOCK_WAIT))
		return -ETIMEDOUT;
	return sock_recv_now(fd, buf, room);
}

uint32_t sock_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len);
	return info[SK_MEMINFO_DROPS];
}

void cmsg_put(struct msghdr *msg, int level, int type, const void *data,
	      size_t len)
{
	struct cmsghdr *cmsg;

	cmsg = (void *)((char *)msg->msg_control + msg->msg_controllen);
	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

const void *cmsg_find(struct msghdr *msg, int level, int type)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg))
		if (cmsg->cmsg_level == level && cmsg->cmsg_type == type)
			return CMSG_DATA(cmsg);
	return NULL;
}

int sock_send_gso(int fd, const void *data, size_t len, uint16_t segment,
		  const struct addr *to)
{
	char control[CMSG_SPACE(sizeof(segment))] = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = {
		.msg_name = to ? (void *)&to->ss : NULL,
		.msg_namelen = to ? to->len : 0,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
	};
	ssize_t n;

	cmsg_put(&msg, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	n = sendmsg(fd, &msg, 0);
	return n < 0 ? -errno : (int)n;
}

int tap_open(const char *interface)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(interface),
	};
	int big = 8 << 20;
	int fd;

	/* from the network header on; no protocol: hears nothing until bound */
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	if (bind(fd, (void *)&ll, sizeof(ll))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Offset of the UDP header in an IP packet, 0 if there is none. */
static size_t find_udp(const uint8_t *ip, size_t len)
{
	size_t at = 0;

	if (len >= 20 && ip[0] >> 4 == 4 && ip[9] == IPPROTO_UDP &&
	    !(ip[6] & 0x1f) && !ip[7])
		at = 4 * (ip[0] & 15U);
	else if (len >= IPV6_HEADER && ip[0] >> 4 == 6 && ip[6] == IPPROTO_UDP)
		at = IPV6_HEADER;
	else if (len >= IPV6_HEADER + 8 && ip[0] >> 4 == 6 &&
		 ip[6] == IPPROTO_FRAGMENT && ip[40] == IPPROTO_UDP &&
		 !ip[42] && !(ip[43] & 0xf8))
		at = IPV6_HEADER + 8;
	return at + UDP_HEADER <= len ? at : 0;
}

int tap_next(int fd, struct frame *frame)
{
	static uint8_t ip[IPV6_HEADER + 65536 + 64];
	struct sockaddr_ll from;
	socklen_t from_len;
	ssize_t n;
	size_t at;

	do {
		from_len = sizeof(from);
		n = recvfrom(fd, ip, sizeof(ip), MSG_DONTWAIT, (void *)&from,
			     &from_len);
		if (n < 0)
			return -errno;
		at = find_udp(ip, (size_t)n);
	} while (!at);
	frame->outgoing = from.sll_pkttype == PACKET_OUTGOING;
	frame->source = (uint16_t)(ip[at] << 8 | ip[at + 1]);
	frame->dest = (uint16_t)(ip[at + 2] << 8 | ip[at + 3]);
	frame->len = (size_t)n - at - UDP_HEADER;
	memcpy(frame->payload, ip + at + UDP_HEADER, frame->len);
	return 0;
}
