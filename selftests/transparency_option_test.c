// SPDX-License-Identifier: GPL-2.0
/*
 * Transparency of socket options: what can be set, what is refused because a
 * hooked socket cannot do it, and what the options of the kernel's own hooks
 * do to each other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <linux/bpf.h>
#include <linux/errqueue.h>

#include "lib/harness.h"
#include "lib/observe.h"

#ifndef UDP_GRO
#define UDP_GRO			104
#endif
#ifndef UDP_ENCAP_ESPINUDP
#define UDP_ENCAP_ESPINUDP	2
#endif
#ifndef UDP_NO_CHECK6_TX
#define UDP_NO_CHECK6_TX	101
#define UDP_NO_CHECK6_RX	102
#endif
#ifndef IPV6_ADDRFORM
#define IPV6_ADDRFORM		1
#endif

#define GROWTH		18	/* descriptor, short SFrame header, tag */

TRANSPARENCY_FIXTURE

static int get(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) ? -errno : value;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno :
								      0;
}

struct option {
	const char *name;
	int level;
	int option;
	int value;	/* to set; -1: read only */
};

static const struct option options[] = {
	{ "SO_TYPE", SOL_SOCKET, SO_TYPE, -1 },
	{ "SO_PROTOCOL", SOL_SOCKET, SO_PROTOCOL, -1 },
	{ "SO_DOMAIN", SOL_SOCKET, SO_DOMAIN, -1 },
	{ "SO_ERROR", SOL_SOCKET, SO_ERROR, -1 },
	{ "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN, -1 },
	{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, 100000 },
	{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, 100000 },
	{ "SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, 5 },
	{ "SO_MARK", SOL_SOCKET, SO_MARK, 7 },
	{ "SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, 1 },
	{ "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1 },
	{ "SO_NO_CHECK", SOL_SOCKET, SO_NO_CHECK, 1 },
	{ "SO_RXQ_OVFL", SOL_SOCKET, SO_RXQ_OVFL, 1 },
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ "IP_TOS", SOL_IP, IP_TOS, 0x20 },
	{ "IP_TTL", SOL_IP, IP_TTL, 9 },
	{ "IP_MTU_DISCOVER", SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE },
	{ "IP_FREEBIND", SOL_IP, IP_FREEBIND, 1 },
	{ "IP_MULTICAST_TTL", SOL_IP, IP_MULTICAST_TTL, 3 },
	{ "IP_MULTICAST_LOOP", SOL_IP, IP_MULTICAST_LOOP, 0 },
	{ "IPV6_TCLASS", SOL_IPV6, IPV6_TCLASS, 0x20 },
	{ "IPV6_UNICAST_HOPS", SOL_IPV6, IPV6_UNICAST_HOPS, 9 },
	{ "IPV6_MTU_DISCOVER", SOL_IPV6, IPV6_MTU_DISCOVER, 3 },
	{ "IPV6_MULTICAST_LOOP", SOL_IPV6, IPV6_MULTICAST_LOOP, 0 },
	{ "IPV6_V6ONLY", SOL_IPV6, IPV6_V6ONLY, -1 },
	{ "UDP_CORK", SOL_UDP, UDP_CORK, -1 },
	{ "UDP_ENCAP", SOL_UDP, UDP_ENCAP, -1 },
	{ "UDP_NO_CHECK6_TX", SOL_UDP, UDP_NO_CHECK6_TX, 1 },
	{ "UDP_NO_CHECK6_RX", SOL_UDP, UDP_NO_CHECK6_RX, 1 },
	{ "UDP_SEGMENT", SOL_UDP, UDP_SEGMENT, 700 },
	{ "UDP_GRO", SOL_UDP, UDP_GRO, 1 },
	{ "unknown of UDP", SOL_UDP, 999, 1 },
	{ "unknown level", 12345, 1, 1 },
};

/* Each option reads, sets and reads back as on a plain socket. */
OBSERVE(options)
{
	const struct option *option;

	for (option = options; option < options + ARRAY_SIZE(options);
	     option++) {
		note(r, option->name, get(e->right, option->level,
					  option->option));
		if (option->value < 0)
			continue;
		note(r, option->name, set(e->right, option->level,
					  option->option, option->value));
		note(r, option->name, get(e->right, option->level,
					  option->option));
	}
	left_sends(e, 100);
	right_notes(e, r, "works on");
}

/* With bad pointers and lengths. */
OBSERVE(options_misused)
{
	int value = 1;
	socklen_t len = 1;

	note_call(r, "set short", setsockopt(e->left, SOL_UDP, UDP_SEGMENT,
					     &value, 1));
	note_call(r, "set nowhere", setsockopt(e->left, SOL_UDP, UDP_SEGMENT,
					       (void *)8, 4));
	note_call(r, "get short", getsockopt(e->left, SOL_UDP, UDP_SEGMENT,
					     &value, &len));
	note(r, "length", len);
	len = sizeof(value);
	note_call(r, "get nowhere", getsockopt(e->left, SOL_UDP, UDP_SEGMENT,
					       (void *)8, &len));
	len = (socklen_t)-1;
	note_call(r, "negative length", getsockopt(e->left, SOL_UDP,
						   UDP_SEGMENT, &value, &len));
	ends_connect(e);
	len = 1;
	value = 0;
	note_call(r, "short MTU", getsockopt(e->left, SOL_IP, IP_MTU, &value,
					     &len));
	note(r, "length", len);
}

static void observe_mtu(struct ends *e, struct record *r)
{
	note(r, "not connected", get(e->left, SOL_IP, IP_MTU));
	ends_connect(e);
	if (e->kind != SOCK_V6)
		note(r, "MTU", get(e->left, SOL_IP, IP_MTU));
	if (e->kind != SOCK_V4)
		note(r, "MTU of IPv6", get(e->left, SOL_IPV6, IPV6_MTU));
	note(r, "mtu", run("ip link set lo mtu 1500"));
	if (e->kind != SOCK_V6)
		note(r, "MTU", get(e->left, SOL_IP, IP_MTU));
	if (e->kind != SOCK_V4)
		note(r, "MTU of IPv6", get(e->left, SOL_IPV6, IPV6_MTU));
}

OBSERVE(mtu,
	{ PERMIT_CHANGE, "MTU", -E2EE_OVERHEAD_MAX, 0 },
	{ PERMIT_CHANGE, "MTU of IPv6", -E2EE_OVERHEAD_MAX, 0 })
{
	observe_mtu(e, r);
}

#ifndef IPV6_PATHMTU
#define IPV6_PATHMTU		61
#endif

struct path_mtu {		/* struct ip6_mtuinfo */
	struct sockaddr_in6 addr;
	uint32_t mtu;
};

OBSERVE(path_mtu,
	{ PERMIT_CHANGE, "path MTU", -E2EE_OVERHEAD_MAX, 0 })
{
	struct path_mtu path = { 0 };
	socklen_t len = sizeof(path);

	note(r, "mtu", run("ip link set lo mtu 1500"));
	note_call(r, "not connected", getsockopt(e->left, SOL_IPV6,
						 IPV6_PATHMTU, &path, &len));
	ends_connect(e);
	len = sizeof(path);
	note_call(r, "get", getsockopt(e->left, SOL_IPV6, IPV6_PATHMTU, &path,
				       &len));
	note(r, "length", len);
	note(r, "path MTU", path.mtu);
	len = sizeof(path) - 1;
	note_call(r, "short", getsockopt(e->left, SOL_IPV6, IPV6_PATHMTU,
					 &path, &len));
	len = sizeof(path) + 8;
	note_call(r, "nowhere", getsockopt(e->left, SOL_IPV6, IPV6_PATHMTU,
					   (void *)8, &len));
}

/* ee_info of the next entry that the stack itself queued, or -1 */
static long long refused_mtu(int fd)
{
	char control[512];
	uint8_t data[2000];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const struct sock_extended_err *err;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return -1;
	err = cmsg_find(&msg, SOL_IP, IP_RECVERR);
	if (!err)
		err = cmsg_find(&msg, SOL_IPV6, IPV6_RECVERR);
	if (!err || err->ee_origin != SO_EE_ORIGIN_LOCAL ||
	    err->ee_errno != EMSGSIZE)
		return -1;
	return err->ee_info;
}

/*
 * All that tells an application how much it may send agrees, and is true: so
 * much leaves in one piece. Each refusal is lowered once.
 */
TEST_F(transparency, mtu_of_refusals)
{
	bool v6 = variant->kind == SOCK_V6;
	int headers = v6 ? 48 : 28, level = v6 ? SOL_IPV6 : SOL_IP;
	struct path_mtu path = { 0 };
	socklen_t len = sizeof(path);
	struct ends ends;
	int mtu;

	ASSERT_EQ(0, ends_open(&ends, variant->kind, true));
	ASSERT_EQ(0, run("ip link set lo mtu 1400"));
	ASSERT_EQ(0, ends_connect(&ends));
	ASSERT_EQ(0, set(ends.left, level, v6 ? IPV6_MTU_DISCOVER :
			 IP_MTU_DISCOVER, IP_PMTUDISC_DO));
	if (variant->kind != SOCK_V4)
		ASSERT_EQ(0, set(ends.left, SOL_IPV6, IPV6_RECVERR, 1));
	if (!v6)
		ASSERT_EQ(0, set(ends.left, SOL_IP, IP_RECVERR, 1));
	mtu = get(ends.left, level, v6 ? IPV6_MTU : IP_MTU);
	EXPECT_EQ(1400 - E2EE_OVERHEAD_MAX, mtu);
	if (v6) {
		ASSERT_EQ(0, getsockopt(ends.left, SOL_IPV6, IPV6_PATHMTU,
					&path, &len));
		EXPECT_EQ(mtu, path.mtu);
	}
	/* what would have fitted without us, what would not, what UDP cannot */
	EXPECT_EQ(-EMSGSIZE, left_sends(&ends, (size_t)(1400 - headers)));
	EXPECT_EQ(-EMSGSIZE, left_sends(&ends, 1400));
	EXPECT_EQ(-EMSGSIZE, left_sends(&ends, 65535));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(mtu, refused_mtu(ends.left)) {
			TH_LOG("refusal %d", i);
		}
	}
	EXPECT_EQ(-1, refused_mtu(ends.left));
	EXPECT_EQ(mtu - headers, left_sends(&ends, (size_t)(mtu - headers)));
	ends_close(&ends);
}

/* One datagram made by several calls is sealed as one. */
OBSERVE(corking)
{
	uint8_t packet[100];

	next_packet(e, packet, sizeof(packet));
	ends_connect(e);
	note_call(r, "MSG_MORE", send(e->left, packet, 60, MSG_MORE));
	note(r, "nothing", sock_recv_now(e->right, packet, 1));
	note_call(r, "the rest", send(e->left, packet + 60, 40, 0));
	right_notes(e, r, "received");
	note(r, "UDP_CORK", set(e->left, SOL_UDP, UDP_CORK, 1));
	note(r, "corked", get(e->left, SOL_UDP, UDP_CORK));
	next_packet(e, packet, sizeof(packet));
	note_call(r, "first", send(e->left, packet, 10, 0));
	note_call(r, "second", send(e->left, packet + 10, 90, 0));
	note(r, "nothing", sock_recv_now(e->right, packet, 1));
	note(r, "uncork", set(e->left, SOL_UDP, UDP_CORK, 0));
	right_notes(e, r, "received");
}

/* the length that a completion of MSG_ZEROCOPY tells, or -errno */
static void zerocopy_notes(struct ends *e, struct record *r)
{
	const struct sock_extended_err *err;
	char control[200];
	struct msghdr msg = {
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	note_call(r, "completion", recvmsg(e->left, &msg, MSG_ERRQUEUE));
	err = cmsg_find(&msg, SOL_IP, IP_RECVERR);
	if (!err)
		err = cmsg_find(&msg, SOL_IPV6, IPV6_RECVERR);
	note(r, "origin", err ? err->ee_origin : -1);
	note(r, "first", err ? (int)err->ee_info : -1);
	note(r, "last", err ? (int)err->ee_data : -1);
	note(r, "copied", err ? err->ee_code : -1);
}

OBSERVE(zerocopy)
{
	uint8_t packet[1000];

	next_packet(e, packet, sizeof(packet));
	ends_connect(e);
	/* without the option the flag means nothing */
	note_call(r, "flag alone", send(e->left, packet, 1000, MSG_ZEROCOPY));
	right_notes(e, r, "flag alone");
	note(r, "SO_ZEROCOPY", set(e->left, SOL_SOCKET, SO_ZEROCOPY, 1));
	note_call(r, "without the flag", send(e->left, packet, 1000, 0));
	right_notes(e, r, "without the flag");
	note_call(r, "MSG_ZEROCOPY", send(e->left, packet, 1000,
					  MSG_ZEROCOPY));
	right_notes(e, r, "MSG_ZEROCOPY");
	zerocopy_notes(e, r);
}

/* Would take our place on the receiving side. */
OBSERVE(encapsulation,
	{ PERMIT_VALUES, "UDP_ENCAP", 0, -EOPNOTSUPP },
	{ PERMIT_VALUES, "UDP_ENCAP off", 0, -EOPNOTSUPP })
{
	note(r, "UDP_ENCAP", set(e->left, SOL_UDP, UDP_ENCAP,
				 UDP_ENCAP_ESPINUDP));
	note(r, "UDP_ENCAP off", set(e->left, SOL_UDP, UDP_ENCAP, 0));
	note(r, "unknown", !!set(e->left, SOL_UDP, UDP_ENCAP, 77));
	note(r, "sent", left_sends(e, 100));
	right_notes(e, r, "received");
}

/* Would take our place on the sending side. */
OBSERVE(address_form,
	{ PERMIT_VALUES, "IPV6_ADDRFORM", 0, -EOPNOTSUPP },
	{ PERMIT_VALUES, "family", AF_INET, AF_INET6 },
	/* one that makes no sense is refused by the kernel for another reason */
	{ PERMIT_VALUES, "IPV6_ADDRFORM", -EADDRNOTAVAIL, -EOPNOTSUPP },
	{ PERMIT_VALUES, "IPV6_ADDRFORM", -ENOPROTOOPT, -EOPNOTSUPP })
{
	ends_connect(e);
	note(r, "IPV6_ADDRFORM", set(e->left, SOL_IPV6, IPV6_ADDRFORM,
				     AF_INET));
	note(r, "family", get(e->left, SOL_SOCKET, SO_DOMAIN));
	note_call(r, "sent", send(e->left, "", 0, 0));
}

/* Datagrams without checksum are sealed and opened like others. */
OBSERVE(without_checksum)
{
	int on = 1;

	note(r, "none", set(e->left, SOL_SOCKET, SO_NO_CHECK, on));
	note(r, "none sent", set(e->left, SOL_UDP, UDP_NO_CHECK6_TX, on));
	note(r, "none wanted", set(e->right, SOL_UDP, UDP_NO_CHECK6_RX, on));
	for (int i = 0; i < 3; i++) {
		left_sends(e, 500);
		right_notes(e, r, "received");
	}
}

OBSERVE(bound_to_a_device)
{
	note_call(r, "lo", setsockopt(e->left, SOL_SOCKET, SO_BINDTODEVICE,
				      "lo", 3));
	note_call(r, "lo", setsockopt(e->right, SOL_SOCKET, SO_BINDTODEVICE,
				      "lo", 3));
	left_sends(e, 100);
	right_notes(e, r, "received");
}

static int new_map(uint32_t type)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = 4, .value_size = 8, .max_entries = 2,
	};

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int put_map(int map, int fd)
{
	uint64_t value = (uint64_t)fd;
	uint32_t key = 0;
	union bpf_attr attr = {
		.map_fd = (uint32_t)map,
		.key = (uintptr_t)&key, .value = (uintptr_t)&value,
	};

	return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) ?
	       -errno : 0;
}

/* A sockmap replaces the same functions: whoever comes second is refused. */
TEST_F(transparency, sockmap)
{
	struct ends ends;
	int map, fd;

	ASSERT_EQ(0, ends_open(&ends, variant->kind, true));
	ASSERT_EQ(0, ends_connect(&ends));
	map = new_map(BPF_MAP_TYPE_SOCKMAP);
	ASSERT_LE(0, map);
	EXPECT_GT(0, put_map(map, ends.left));
	EXPECT_EQ(100, left_sends(&ends, 100));

	fd = sock_udp(variant->kind, 0, NULL);
	ASSERT_EQ(0, sock_connect(fd, &ends.right_addr));
	ASSERT_EQ(0, put_map(map, fd));
	EXPECT_EQ(-EBUSY, ends_attach(&ends, fd, 0));
	close(map);
	close(fd);
	ends_close(&ends);
}

static int reuseport_socket(enum sock_kind kind)
{
	int fd = socket(sock_family(kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct addr any;
	int on = 1;

	addr_loopback(&any, kind, 0);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    bind(fd, (void *)&any.ss, any.len)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* So does BPF's map of a group of SO_REUSEPORT, as to the socket's user data. */
TEST_F(transparency, reuseport_sockarray)
{
	struct ends ends;
	int map, first, second;

	ASSERT_EQ(0, ends_open(&ends, variant->kind, true));
	map = new_map(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	ASSERT_LE(0, map);
	first = reuseport_socket(variant->kind);
	second = reuseport_socket(variant->kind);
	ASSERT_LE(0, first);
	ASSERT_LE(0, second);
	ASSERT_EQ(0, ends_attach(&ends, first, 0));
	EXPECT_EQ(-EBUSY, put_map(map, first));
	ASSERT_EQ(0, put_map(map, second));
	EXPECT_EQ(-EBUSY, ends_attach(&ends, second, 0));
	close(map);
	close(first);
	close(second);
	ends_close(&ends);
}

/* So does what has an encapsulation already. */
TEST_F(transparency, occupied_sockets)
{
	struct ends ends;
	int fd;

	ASSERT_EQ(0, ends_open(&ends, variant->kind, true));
	fd = sock_udp(variant->kind, 0, NULL);
	ASSERT_EQ(0, set(fd, SOL_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP));
	EXPECT_EQ(-EBUSY, ends_attach(&ends, fd, 0));
	close(fd);

	fd = socket(sock_family(variant->kind), SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT_EQ(-EOPNOTSUPP, ends_attach(&ends, fd, 0));
	close(fd);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	EXPECT_EQ(-EOPNOTSUPP, ends_attach(&ends, fd, 0));
	close(fd);
	EXPECT_EQ(-EBADF, ends_attach(&ends, fd, 0));
	EXPECT_EQ(-ENOTSOCK, ends_attach(&ends, 1, 0));
	ends_close(&ends);
}

/* A datagram that is half made when its socket is attached leaves sealed. */
TEST_F(transparency, half_a_datagram)
{
	uint8_t packet[100], got[200];
	struct ends ends;
	uint64_t id;

	ASSERT_EQ(0, ends_open(&ends, variant->kind, true));
	ASSERT_EQ(0, ends_connect(&ends));
	next_packet(&ends, packet, 100);
	ASSERT_EQ(0, ctl_socket_get(&ends.ctl, ends.left, &id, NULL));
	for (int attached = 1; attached >= 0; attached--) {
		if (!attached)
			ASSERT_EQ(0, ctl_detach(&ends.ctl, id, true));
		ASSERT_EQ(60, send(ends.left, packet, 60, MSG_MORE));
		if (!attached)
			ASSERT_EQ(0, ends_attach(&ends, ends.left, 0));
		ASSERT_EQ(40, send(ends.left, packet + 60, 40, 0));
		/* the right end is attached, so it hears only what is sealed */
		ASSERT_EQ(100, sock_recv(ends.right, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(packet, got, 100));
	}
	ends_close(&ends);
}

/* A datagram that is half made keeps its port, though its socket loses it. */
TEST_F(transparency, half_a_datagram_of_a_lost_port)
{
	struct addr nowhere = { .len = sizeof(nowhere.ss) };
	uint8_t packet[100], got[200];
	struct ends ends;
	int fd;

	ASSERT_EQ(0, ends_open(&ends, variant->kind, true));
	fd = socket(sock_family(variant->kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, sock_connect(fd, &ends.right_addr));
	ASSERT_EQ(0, ends_attach(&ends, fd, 0));
	next_packet(&ends, packet, 100);
	ASSERT_EQ(0, set(fd, SOL_UDP, UDP_CORK, 1));
	ASSERT_EQ(100, send(fd, packet, 100, 0));
	nowhere.ss.ss_family = AF_UNSPEC;
	connect(fd, (void *)&nowhere.ss, nowhere.len);
	set(fd, SOL_UDP, UDP_CORK, 0);
	/* the right end is attached, so it hears only what is sealed */
	EXPECT_EQ(100, sock_recv(ends.right, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(packet, got, 100));
	close(fd);
	ends_close(&ends);
}

/* A sender that wants no fragments of IPv6 gets none for the seal's sake. */
TEST_F(transparency, no_fragments_wanted)
{
	struct ends ends;

	if (variant->kind != SOCK_V6)
		return;
	ASSERT_EQ(0, ends_open(&ends, variant->kind, true));
	ASSERT_EQ(0, run("ip link set lo mtu 1400"));
	ASSERT_EQ(0, ends_connect(&ends));
	ASSERT_EQ(0, set(ends.left, SOL_IPV6, IPV6_DONTFRAG, 1));
	EXPECT_EQ(-EMSGSIZE, left_sends(&ends, 1400 - 48));
	EXPECT_EQ(1400 - 48 - E2EE_OVERHEAD_MAX,
		  left_sends(&ends, 1400 - 48 - E2EE_OVERHEAD_MAX));
	ASSERT_EQ(0, set(ends.left, SOL_IPV6, IPV6_DONTFRAG, 0));
	EXPECT_EQ(1400 - 48, left_sends(&ends, 1400 - 48));
	ends_close(&ends);
}

/* Once detached, a socket is as good as plain: MTU, corking, bytes. */
TEST_F(transparency, detached)
{
	uint8_t packet[100] = { 0 }, got[200];
	uint64_t id;
	struct ends ends;
	int mtu;

	ASSERT_EQ(0, ends_open(&ends, variant->kind, true));
	ASSERT_EQ(0, ends_connect(&ends));
	ASSERT_EQ(0, run("ip link set lo mtu 1500"));
	mtu = get(ends.left, variant->kind == SOCK_V6 ? SOL_IPV6 : SOL_IP,
		  variant->kind == SOCK_V6 ? IPV6_MTU : IP_MTU);
	EXPECT_EQ(1500 - E2EE_OVERHEAD_MAX, mtu);
	for (int i = 0; i < 2; i++) {
		int fd = i ? ends.right : ends.left;

		ASSERT_EQ(0, ctl_socket_get(&ends.ctl, fd, &id, NULL));
		EXPECT_EQ(-EPERM, ctl_detach(&ends.ctl, id, false));
		ASSERT_EQ(0, ctl_detach(&ends.ctl, id, true));
		EXPECT_EQ(-ENOENT, ctl_detach(&ends.ctl, id, true));
	}
	mtu = get(ends.left, variant->kind == SOCK_V6 ? SOL_IPV6 : SOL_IP,
		  variant->kind == SOCK_V6 ? IPV6_MTU : IP_MTU);
	EXPECT_EQ(1500, mtu);
	next_packet(&ends, packet, 100);
	ASSERT_EQ(100, sock_send(ends.left, packet, 100, NULL));
	ASSERT_EQ(100, sock_recv(ends.right, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(packet, got, 100));
	EXPECT_EQ(60, send(ends.left, packet, 60, MSG_MORE));
	EXPECT_EQ(40, send(ends.left, packet + 60, 40, 0));
	ASSERT_EQ(100, sock_recv(ends.right, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(packet, got, 100));
	ends_close(&ends);
}

TEST_HARNESS_MAIN
