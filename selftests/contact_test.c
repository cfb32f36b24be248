// SPDX-License-Identifier: GPL-2.0
/*
 * First contact through a network that does not mean well, or has rules of its
 * own: packets that are not what they seem, address translation, and others
 * that use the same port.
 *
 *	engine, ports 7000 to 7099, guarded <---- tun0 ----> the test writes IP
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <linux/membarrier.h>
#include <linux/net_tstamp.h>

#include "lib/caught.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/queue.h"
#include "lib/scene.h"
#include "lib/tun.h"

#define SSRC		0xc0c07ac7
#define FIRST		7000
#define LAST		7099
#define REMOTE_PORT	4000
#define LOCAL6		"2001:db8:9::1"
#define REMOTE6		"2001:db8:9::2"
#define BROADCAST	"203.0.113.255"

FIXTURE(contact)
{
	struct ctl ctl;
	uint32_t session;
	struct sframe_key tx;
	struct sframe_key rx;
	int tun;
	const char *local;
	const char *remote;
	const char *group;
};

FIXTURE_VARIANT(contact)
{
	enum sock_kind kind;
};

FIXTURE_VARIANT_ADD(contact, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(contact, v6) { .kind = SOCK_V6 };

static int add_key(FIXTURE_DATA(contact) *self, uint32_t dir,
		   const struct sframe_key *key)
{
	struct ctl_key request = {
		.dir = dir, .kid = key->kid, .secret = key->secret,
		.salt = key->salt,
	};

	return ctl_key_new(&self->ctl, self->session, &request);
}

FIXTURE_SETUP(contact)
{
	bool v6 = variant->kind == SOCK_V6;

	ASSERT_TRUE(objects_all_gone());
	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, sock_netns());
	ASSERT_EQ(0, ctl_open(&self->ctl));
	ASSERT_EQ(0, ctl_session_new(&self->ctl, "guarded", NULL,
				     &self->session));
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	ASSERT_EQ(0, add_key(self, E2EE_DIR_TX, &self->tx));
	ASSERT_EQ(0, add_key(self, E2EE_DIR_RX, &self->rx));
	self->tun = tun_open();
	ASSERT_LE(0, self->tun);
	ASSERT_EQ(0, run("ip addr add 203.0.113.1/24 dev tun0 && "
			 "ip addr add " LOCAL6 "/64 dev tun0 nodad"));
	/* an IPv6 address is there for packets a moment later */
	ASSERT_EQ(0, run("until ip -6 route show table local | "
			 "grep -q '^local " LOCAL6 " '; do sleep 0.01; done"));
	self->local = v6 ? LOCAL6 : TUN_LOCAL;
	self->remote = v6 ? REMOTE6 : TUN_REMOTE;
	self->group = v6 ? "ff05::77" : "239.1.1.1";
}

FIXTURE_TEARDOWN(contact)
{
	close(self->tun);
	ctl_close(&self->ctl);
}

/* Tests choose what is there before it. */
static int guard_on(FIXTURE_DATA(contact) *self)
{
	struct ctl_guard guard = { .first = FIRST, .last = LAST };
	uint32_t id;

	return ctl_guard_new(&self->ctl, self->session, &guard, &id);
}

static uint64_t counted(FIXTURE_DATA(contact) *self, enum e2ee_stat stat)
{
	uint64_t now[CTL_STATS] = { 0 };

	ctl_session_stats(&self->ctl, self->session, now);
	return now[stat];
}

static bool comes_to(FIXTURE_DATA(contact) *self, enum e2ee_stat stat,
		     uint64_t wanted)
{
	int64_t end = now_ms() + SOCK_WAIT;

	while (counted(self, stat) != wanted)
		if (now_ms() > end)
			return false;
	return true;
}

static bool is_attached(FIXTURE_DATA(contact) *self, int fd)
{
	uint32_t session = 0;

	return !ctl_socket_get(&self->ctl, fd, NULL, &session) &&
	       session == self->session;
}

/* A socket that shares its port with others; -errno */
static int shared(enum sock_kind kind, const char *address, uint16_t port,
		  int option, const char *device)
{
	int fd = socket(sock_family(kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct addr addr;
	int on = 1;

	addr_parse(&addr, kind, address, port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on));
	if (device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
				 (socklen_t)strlen(device)))
		return -errno;
	return bind(fd, (void *)&addr.ss, addr.len) ? -errno : fd;
}

static const char *any_of(enum sock_kind kind)
{
	return kind == SOCK_V6 ? "::" : "0.0.0.0";
}

static int join(int fd, enum sock_kind kind, const char *group)
{
	struct group_req request = { .gr_interface = if_nametoindex("tun0") };
	struct addr addr;

	addr_parse(&addr, kind, group, 0);
	memcpy(&request.gr_group, &addr.ss, sizeof(addr.ss));
	return setsockopt(fd, kind == SOCK_V6 ? SOL_IPV6 : SOL_IP,
			  MCAST_JOIN_GROUP, &request, sizeof(request));
}

static uint32_t sum(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)bytes[i] << (i & 1 ? 0 : 8);
	return sum;
}

static uint16_t folded(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~(sum + (sum >> 16)));
}

/* An IP header of @next, and @len bytes behind it, onto the wire. */
static int write_ip(FIXTURE_DATA(contact) *self, enum sock_kind kind,
		    const char *to, uint8_t next, const void *data, size_t len)
{
	uint8_t packet[2000];
	struct iphdr *ip = (void *)packet;
	struct ip6_hdr *ip6 = (void *)packet;
	size_t header = kind == SOCK_V6 ? sizeof(*ip6) : sizeof(*ip);

	memset(packet, 0, header);
	if (kind == SOCK_V6) {
		ip6->ip6_flow = htonl(6u << 28);
		ip6->ip6_plen = htons((uint16_t)len);
		ip6->ip6_nxt = next;
		ip6->ip6_hlim = 64;
		inet_pton(AF_INET6, self->remote, &ip6->ip6_src);
		inet_pton(AF_INET6, to, &ip6->ip6_dst);
	} else {
		ip->version = 4;
		ip->ihl = 5;
		ip->ttl = 64;
		ip->protocol = next;
		ip->tot_len = htons((uint16_t)(header + len));
		inet_pton(AF_INET, self->remote, &ip->saddr);
		inet_pton(AF_INET, to, &ip->daddr);
		ip->check = folded(sum(0, ip, header));
	}
	memcpy(packet + header, data, len);
	return write(self->tun, packet, header + len) < 0 ? -errno : 0;
}

/*
 * A UDP datagram of these @len bytes, whose header says @claimed bytes, itself
 * included. Returns its length.
 */
static size_t build_udp(FIXTURE_DATA(contact) *self, enum sock_kind kind,
			uint8_t *out, const char *to, uint16_t port,
			const void *payload, size_t len, size_t claimed)
{
	struct udphdr udp = {
		.source = htons(REMOTE_PORT), .dest = htons(port),
		.len = htons((uint16_t)claimed),
	};
	size_t summed = claimed ?: sizeof(udp) + len;
	struct in6_addr from6, to6;
	uint32_t total = IPPROTO_UDP;

	memcpy(out, &udp, sizeof(udp));
	memcpy(out + sizeof(udp), payload, len);
	if (kind == SOCK_V6) {
		inet_pton(AF_INET6, self->remote, &from6);
		inet_pton(AF_INET6, to, &to6);
		total = sum(total, &from6, sizeof(from6));
		total = sum(total, &to6, sizeof(to6)) + (uint32_t)summed;
		udp.check = folded(sum(total, out, summed)) ?: 0xffff;
		memcpy(out, &udp, sizeof(udp));
	}
	return sizeof(udp) + len;
}

static int write_udp(FIXTURE_DATA(contact) *self, enum sock_kind kind,
		     const char *to, uint16_t port, const void *payload,
		     size_t len)
{
	uint8_t udp[1500];

	len = build_udp(self, kind, udp, to, port, payload, len,
			sizeof(struct udphdr) + len);
	return write_ip(self, kind, to, IPPROTO_UDP, udp, len);
}

static size_t seal(FIXTURE_DATA(contact) *self, uint8_t *wire, uint16_t seq)
{
	uint8_t clear[200];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .seq = seq, .ts = seq,
		.payload = clear + RTP_HEADER, .len = 188,
	};

	rtp_plain(clear, sizeof(clear), SSRC, seq);
	return rtp_seal(wire, &rtp, &self->rx, seq);
}

static int write_media(FIXTURE_DATA(contact) *self, enum sock_kind kind,
		       const char *to, uint16_t port, uint16_t seq)
{
	uint8_t wire[300];
	size_t len = seal(self, wire, seq);

	return write_udp(self, kind, to, port, wire, len);
}

/* "" or what is not */
static const char *expect_media(int fd, uint16_t seq)
{
	uint8_t got[1000], wanted[200];
	int n = sock_recv(fd, got, sizeof(got));

	rtp_plain(wanted, sizeof(wanted), SSRC, seq);
	if (n < 0)
		return "packet lost";
	return n == 200 && !memcmp(got, wanted, 200) ? "" : "not opened";
}

static const char *expect_sealed(FIXTURE_DATA(contact) *self, int fd,
				 uint16_t seq)
{
	uint8_t got[1000], opened[1000], wanted[200];
	int n = sock_recv(fd, got, sizeof(got));

	rtp_plain(wanted, sizeof(wanted), SSRC, seq);
	if (n < 0)
		return "packet lost";
	if (n == 200)
		return "in clear";
	n = rtp_open(opened, got, (size_t)n, &self->tx, NULL);
	return n == 200 && !memcmp(opened, wanted, 200) ? "" : "not sealed";
}

/* Callbacks of RCU that wait now have been called. */
static void rcu_passes(void)
{
	for (int i = 0; i < 10; i++)
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/*
 * The stack has chosen one of two sockets already when the other is attached
 * first, which takes a while: a sender holds its lock. The chosen one is closed
 * meanwhile.
 */
TEST_F(contact, chosen_socket_is_closed)
{
	struct sock_txtime txtime = { .clockid = CLOCK_MONOTONIC };
	int chosen, locked, small = 1;
	struct addr remote, behind;
	struct caught caught;

	ASSERT_EQ(0, caught_device(variant->kind, &behind));
	addr_parse(&remote, variant->kind, self->remote, REMOTE_PORT);
	chosen = shared(variant->kind, self->local, FIRST, SO_REUSEPORT, NULL);
	ASSERT_LE(0, chosen);
	ASSERT_EQ(0, sock_connect(chosen, &remote));
	locked = shared(variant->kind, any_of(variant->kind), FIRST,
			SO_REUSEPORT, NULL);
	ASSERT_LE(0, locked);
	setsockopt(locked, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(locked, SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime));
	ASSERT_EQ(0, caught_fill(locked, &behind));
	ASSERT_TRUE(caught_start(&caught, locked, &behind, MSG_MORE, SSRC));

	ASSERT_EQ(0, guard_on(self));
	ASSERT_EQ(0, write_media(self, variant->kind, self->local, FIRST, 1));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_GUARD_HELD));
	close(chosen);
	rcu_passes();
	caught_interrupt(&caught);
	EXPECT_TRUE(objects_come_to("hold", 0));
	/* KASAN would have spoken; and all goes on */
	ASSERT_EQ(0, run("tc qdisc del dev d0 root"));
	ASSERT_EQ(0, write_media(self, variant->kind, self->local, FIRST, 2));
	EXPECT_STREQ("", expect_media(locked, 2));
	EXPECT_TRUE(is_attached(self, locked));
	close(locked);
}

/* UDP cuts what lies behind a datagram off: it is no padding of the RTP in it. */
TEST_F(contact, bytes_behind_a_datagram)
{
	uint8_t payload[188], rtp[300], udp[400], got[300];
	struct rtp packet = {
		.pt = 96, .ssrc = SSRC, .padding = 1,
		.payload = payload, .len = sizeof(payload),
	};
	size_t len, all;
	int fd;

	fd = shared(variant->kind, self->local, FIRST, SO_REUSEADDR, NULL);
	ASSERT_EQ(0, guard_on(self));
	rtp_fill(payload, sizeof(payload), 1);
	len = rtp_build(rtp, &packet);
	ASSERT_EQ(201, len);
	/* with them it would be an RTP packet that is all padding */
	memset(rtp + len, 0, 20);
	all = len + 20;
	rtp[all - 1] = (uint8_t)(all - RTP_HEADER);
	all = build_udp(self, variant->kind, udp, self->local, FIRST, rtp, all,
			sizeof(struct udphdr) + len);
	ASSERT_EQ(0, write_ip(self, variant->kind, self->local, IPPROTO_UDP,
			      udp, all));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_GUARD_HELD));
	EXPECT_TRUE(objects_come_to("hold", 0));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_RX_CLEAR_DROPPED));
	EXPECT_TRUE(is_attached(self, fd));
	EXPECT_EQ(-EAGAIN, sock_recv_now(fd, got, sizeof(got)));
	close(fd);
}

/* A UDP header that claims less than itself is none; the stack drops it. */
TEST_F(contact, datagram_shorter_than_its_header)
{
	uint8_t rtp[200], udp[300], got[300];
	size_t all;
	int fd;

	fd = shared(variant->kind, self->local, FIRST, SO_REUSEADDR, NULL);
	ASSERT_EQ(0, guard_on(self));
	rtp_plain(rtp, sizeof(rtp), SSRC, 1);
	all = build_udp(self, variant->kind, udp, self->local, FIRST, rtp,
			sizeof(rtp), 7);
	ASSERT_EQ(0, write_ip(self, variant->kind, self->local, IPPROTO_UDP,
			      udp, all));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_GUARD_HELD));
	EXPECT_FALSE(is_attached(self, fd));
	EXPECT_EQ(-EAGAIN, sock_recv_now(fd, got, sizeof(got)));
	close(fd);
}

/* What begins with @next in two fragments, the first one its first @cut bytes */
static int write_fragments(FIXTURE_DATA(contact) *self, uint8_t next,
			   const uint8_t *data, size_t len, size_t cut,
			   bool last_first)
{
	uint8_t part[1500];
	struct ip6_frag frag = { .ip6f_nxt = next };
	static uint32_t ident = 1;
	int i, err = 0;

	frag.ip6f_ident = htonl(ident++);
	for (i = 0; i < 2 && !err; i++) {
		bool last = i ^ last_first;
		size_t size = last ? len - cut : cut;

		frag.ip6f_offlg = last ? htons((uint16_t)cut) :
					 IP6F_MORE_FRAG;
		memcpy(part, &frag, sizeof(frag));
		memcpy(part + sizeof(frag), data + (last ? cut : 0), size);
		err = write_ip(self, SOCK_V6, self->local, IPPROTO_FRAGMENT,
			       part, sizeof(frag) + size);
	}
	return err;
}

/* IPv6 puts fragments together behind the hooks: the first one tells the port */
TEST_F(contact, fragments)
{
	static const struct {
		size_t cut;
		bool last_first;
		bool no_length;
	} cases[] = {
		{ 8, false, false }, { 8, true, false }, { 64, false, false },
		{ 8, false, true }, { 64, true, true },
	};
	uint8_t clear[200], wire[300], udp[400], got[300];
	uint16_t port = FIRST;
	size_t len;
	int fd;

	if (variant->kind != SOCK_V6)
		return;	/* there they come whole */
	ASSERT_EQ(0, guard_on(self));
	rtp_plain(clear, sizeof(clear), SSRC, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++, port++) {
		fd = shared(SOCK_V6, self->local, port, SO_REUSEADDR, NULL);
		len = build_udp(self, SOCK_V6, udp, self->local, port, clear,
				sizeof(clear), cases[i].no_length ? 0 : 208);
		ASSERT_EQ(0, write_fragments(self, IPPROTO_UDP, udp, len,
					     cases[i].cut,
					     cases[i].last_first));
		EXPECT_EQ(2 * i + 1, counted(self, E2EE_A_STAT_GUARD_HELD));
		EXPECT_TRUE(objects_come_to("hold", 0));
		EXPECT_EQ(i + 1, counted(self, E2EE_A_STAT_RX_CLEAR_DROPPED));
		EXPECT_TRUE(is_attached(self, fd));
		EXPECT_EQ(-EAGAIN, sock_recv_now(fd, got, sizeof(got)));
		close(fd);
		/* and what is sealed arrives */
		fd = shared(SOCK_V6, self->local, port, SO_REUSEADDR, NULL);
		len = seal(self, wire, (uint16_t)i);
		len = build_udp(self, SOCK_V6, udp, self->local, port, wire,
				len, sizeof(struct udphdr) + len);
		ASSERT_EQ(0, write_fragments(self, IPPROTO_UDP, udp, len,
					     cases[i].cut,
					     cases[i].last_first));
		EXPECT_STREQ("", expect_media(fd, (uint16_t)i));
		close(fd);
	}
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_GUARD_DROP));
}

/* The first one has but a header that says that there is one more. */
TEST_F(contact, fragments_that_hide_the_port)
{
	uint8_t clear[200], packet[400] = {
		IPPROTO_DSTOPTS, 0, 1, 4, 0, 0, 0, 0,
		IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0,
	};
	size_t len;
	int fd;

	if (variant->kind != SOCK_V6)
		return;
	rtp_plain(clear, sizeof(clear), SSRC, 1);
	len = 16 + build_udp(self, SOCK_V6, packet + 16, self->local, FIRST,
			     clear, sizeof(clear), 208);
	fd = shared(SOCK_V6, self->local, FIRST, SO_REUSEADDR, NULL);
	ASSERT_EQ(0, guard_on(self));
	for (int last_first = 0; last_first < 2; last_first++) {
		ASSERT_EQ(0, write_fragments(self, IPPROTO_DSTOPTS, packet, len,
					     8, last_first));
		EXPECT_EQ(-EAGAIN, sock_recv_now(fd, clear, sizeof(clear)));
	}
	/* whole it is welcome */
	ASSERT_EQ(0, write_ip(self, SOCK_V6, self->local, IPPROTO_DSTOPTS,
			      packet, len));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_GUARD_HELD));
	EXPECT_TRUE(objects_come_to("hold", 0));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_RX_CLEAR_DROPPED));
	EXPECT_EQ(-EAGAIN, sock_recv_now(fd, clear, sizeof(clear)));
	close(fd);
}

/* Sockets that cannot be attached, and do not get the engine's packets */
struct stranger {
	const char *bound4;
	const char *bound6;
	const char *device;
	uint16_t peer_port;
};

static const struct stranger strangers[] = {
	{ .bound4 = "127.0.0.1", .bound6 = "::1" },
	{ .bound4 = "0.0.0.0", .bound6 = "::", .device = "lo" },
	{ .bound4 = "0.0.0.0", .bound6 = "::", .peer_port = REMOTE_PORT + 1 },
};

static int stranger_open(FIXTURE_DATA(contact) *self, enum sock_kind kind,
			 const struct stranger *stranger, uint16_t port)
{
	struct addr peer;
	int fd, on = 1;

	fd = shared(kind, kind == SOCK_V6 ? stranger->bound6 :
		    stranger->bound4, port, SO_REUSEADDR, stranger->device);
	addr_parse(&peer, kind, self->remote, stranger->peer_port);
	if (fd < 0 || (stranger->peer_port && sock_connect(fd, &peer)) ||
	    setsockopt(fd, SOL_UDP, UDP_CORK, &on, sizeof(on)))
		return -EIO;
	return fd;
}

static void among_strangers(struct __test_metadata *_metadata,
			    FIXTURE_DATA(contact) *self, enum sock_kind kind,
			    const char *to, bool multicast)
{
	uint16_t port = FIRST, seq = 0;
	int engine, stranger;

	for (unsigned int i = 0; i < ARRAY_SIZE(strangers); i++, port++) {
		engine = shared(kind, to, port, multicast ? SO_REUSEADDR :
				SO_REUSEPORT, NULL);
		ASSERT_LE(0, engine);
		ASSERT_EQ(0, multicast ? join(engine, kind, to) : 0);
		/* the later, the earlier is it found */
		stranger = stranger_open(self, kind, &strangers[i], port);
		ASSERT_LE(0, stranger);
		for (int n = 0; n < 3; n++, seq++) {
			ASSERT_EQ(0, write_media(self, kind, to, port, seq));
			ASSERT_EQ(0, counted(self, E2EE_A_STAT_GUARD_DROP)) {
				TH_LOG("stranger %u", i);
			}
			ASSERT_STREQ("", expect_media(engine, seq)) {
				TH_LOG("stranger %u", i);
			}
		}
		EXPECT_EQ(0, counted(self, E2EE_A_STAT_GUARD_DROP));
		EXPECT_EQ(-ENOENT, ctl_socket_get(&self->ctl, stranger, NULL,
						  NULL));
		close(stranger);
		close(engine);
	}
}

TEST_F(contact, strangers_on_a_shared_port)
{
	ASSERT_EQ(0, guard_on(self));
	among_strangers(_metadata, self, variant->kind, self->local, false);
}

TEST_F(contact, strangers_on_the_port_of_a_multicast)
{
	ASSERT_EQ(0, guard_on(self));
	among_strangers(_metadata, self, variant->kind, self->group, true);
}

/* To IP it is for all, though the link brought it as if for one. */
TEST_F(contact, broadcast)
{
	int fds[3], i;

	if (variant->kind != SOCK_V4)
		return;
	ASSERT_EQ(0, guard_on(self));
	for (i = 0; i < 3; i++) {
		fds[i] = shared(SOCK_V4, "0.0.0.0", FIRST, SO_BROADCAST, NULL);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, write_media(self, SOCK_V4, BROADCAST, FIRST, 1));
	for (i = 0; i < 3; i++) {
		EXPECT_STREQ("", expect_media(fds[i], 1));
		EXPECT_TRUE(is_attached(self, fds[i]));
	}
	EXPECT_EQ(3, counted(self, E2EE_A_STAT_RX_OK));
	/* not before: what a closed socket received, the others would not */
	for (i = 0; i < 3; i++)
		close(fds[i]);
}

/*
 * An engine whose peer is behind an address that is translated on its way out:
 * all packets take that way, and rules on it see none in clear.
 */
TEST_F(contact, address_translation)
{
	bool v6 = variant->kind == SOCK_V6;
	struct addr peer_addr, engine_addr, to;
	uint8_t packet[200];
	int engine, peer;

	ASSERT_EQ(0, run("nft -f - <<'EOF'\n"
			 "table inet t {\n"
			 " counter clear { }\n"
			 " chain seen {\n"
			 "  type filter hook output priority -150;\n"
			 "  udp length 208 counter name clear\n"
			 " }\n"
			 " chain nat {\n"
			 "  type nat hook output priority -100;\n"
			 "  udp dport 8888 dnat %s to %s:9000\n"
			 " }\n"
			 "}\n"
			 "EOF", v6 ? "ip6" : "ip",
			 v6 ? "[" LOCAL6 "]" : TUN_LOCAL));
	ASSERT_EQ(0, guard_on(self));
	addr_parse(&peer_addr, variant->kind, self->local, 9000);
	addr_parse(&engine_addr, variant->kind, self->local, FIRST);
	addr_parse(&to, variant->kind, self->remote, 8888);
	peer = shared(variant->kind, self->local, 9000, SO_REUSEADDR, NULL);
	/* hears this address and port only */
	ASSERT_EQ(0, sock_connect(peer, &engine_addr));
	engine = shared(variant->kind, self->local, FIRST, SO_REUSEADDR, NULL);
	for (uint16_t seq = 0; seq < 5; seq++) {
		rtp_plain(packet, sizeof(packet), SSRC, seq);
		ASSERT_EQ(200, sock_send(engine, packet, sizeof(packet), &to));
		ASSERT_STREQ("", expect_sealed(self, peer, seq)) {
			TH_LOG("packet %u", seq);
		}
	}
	EXPECT_EQ(5, counted(self, E2EE_A_STAT_TX_OK));
	EXPECT_EQ(0, run("nft list counter inet t clear | "
			 "grep -q 'packets 0 '"));
	close(engine);
	close(peer);
}

/* Under a VRF what a socket sends passes LOCAL_OUT twice, vrf0 first. */
static int vrf_on(const char *local)
{
	return run("ip link add vrf0 type vrf table 100 && "
		   "ip link set vrf0 up && ip link set tun0 master vrf0 && "
		   "ip addr replace " LOCAL6 "/64 dev tun0 nodad && "
		   "until ip route show table 100 | grep -q '^local %s ' || "
		   "ip -6 route show table 100 | grep -q '^local %s '; "
		   "do sleep 0.01; done", local, local);
}

/* The first pass is the one that counts: no rule sees the packet in clear. */
TEST_F(contact, virtual_routing_domain)
{
	const char *kernel = getenv("E2EE_KERNEL");
	uint8_t packet[200];
	struct addr to;
	int engine;

	/* of the lab's kernels, user-mode Linux alone has no VRF */
	if (kernel && !strcmp(kernel, "uml"))
		return;
	ASSERT_EQ(0, vrf_on(self->local));
	ASSERT_EQ(0, run("nft -f - <<'EOF'\n"
			 "table inet t {\n"
			 " counter clear { }\n"
			 " counter sealed { }\n"
			 " chain seen {\n"
			 "  type filter hook output priority -150;\n"
			 "  udp length 208 counter name clear\n"
			 "  udp length > 208 oifname vrf0 counter name sealed\n"
			 " }\n"
			 "}\n"
			 "EOF"));
	ASSERT_EQ(0, guard_on(self));
	addr_parse(&to, variant->kind, self->remote, REMOTE_PORT);
	engine = shared(variant->kind, self->local, FIRST, SO_REUSEADDR,
			"vrf0");
	ASSERT_LE(0, engine);
	for (uint16_t seq = 0; seq < 3; seq++) {
		rtp_plain(packet, sizeof(packet), SSRC, seq);
		ASSERT_EQ(200, sock_send(engine, packet, sizeof(packet), &to));
		ASSERT_TRUE(comes_to(self, E2EE_A_STAT_TX_OK, seq + 1));
	}
	EXPECT_EQ(3, counted(self, E2EE_A_STAT_TX_OK));
	EXPECT_EQ(0, run("nft list counter inet t clear | "
			 "grep -q 'packets 0 '"));
	EXPECT_EQ(0, run("nft list counter inet t sealed | "
			 "grep -q 'packets 3 '"));
	close(engine);
}

/*
 * What a socket sends through a tunnel leaves in a datagram of the tunnel's own,
 * which the kernel still charges to that socket, and which may look like RTP: that
 * of VXLAN with a group policy begins with 0x88. It is none of the socket's.
 */
TEST_F(contact, packets_in_a_tunnel)
{
	static struct frame frame;
	uint8_t packet[200];
	struct addr to;
	int engine, tap, one = 1, outer = 0;

	ASSERT_EQ(0, caught_device(SOCK_V4, &to));
	ASSERT_EQ(0, run("tc qdisc del dev d0 root && "
			 "ip link add vx0 type vxlan id 7 gbp dev d0 "
			 "local 192.0.2.1 remote 192.0.2.2 dstport 4789 && "
			 "ip addr add 10.9.9.1/24 dev vx0 && "
			 "ip addr add 2001:db8:a::1/64 dev vx0 nodad && "
			 "ip link set vx0 up && "
			 "ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev vx0 && "
			 "ip neigh add 2001:db8:a::2 lladdr 02:00:00:00:00:02 dev vx0"));
	tap = tap_open("d0");
	ASSERT_LE(0, tap);
	ASSERT_EQ(0, guard_on(self));
	engine = shared(variant->kind, any_of(variant->kind), FIRST,
			SO_REUSEADDR, NULL);
	ASSERT_EQ(0, setsockopt(engine, SOL_SOCKET, SO_MARK, &one,
				sizeof(one)));
	addr_parse(&to, variant->kind, variant->kind == SOCK_V6 ?
		   "2001:db8:a::2" : "10.9.9.2", REMOTE_PORT);
	for (uint16_t seq = 0; seq < 5; seq++) {
		rtp_plain(packet, sizeof(packet), SSRC, seq);
		ASSERT_EQ(200, sock_send(engine, packet, sizeof(packet), &to));
		ASSERT_TRUE(comes_to(self, E2EE_A_STAT_TX_OK, seq + 1));
	}
	while (!tap_next(tap, &frame))
		outer += frame.dest == 4789 && frame.len > 200 &&
			 frame.payload[0] == 0x88;
	EXPECT_EQ(5, outer);
	EXPECT_EQ(5, counted(self, E2EE_A_STAT_TX_OK));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_TX_MALFORMED));
	close(engine);
	close(tap);
}

/* How many UDP packets with @len bytes left since the last call */
static unsigned int left(FIXTURE_DATA(contact) *self, size_t len)
{
	uint8_t packet[2000];
	unsigned int count = 0;
	size_t headers;
	ssize_t n;

	while ((n = read(self->tun, packet, sizeof(packet))) > 0) {
		headers = packet[0] >> 4 == 4 ? sizeof(struct iphdr) :
						sizeof(struct ip6_hdr);
		headers += sizeof(struct udphdr);
		count += (size_t)n == headers + len;
	}
	return count;
}

/* The next UDP packet on the wire; its length, or 0 */
static size_t next_on_wire(FIXTURE_DATA(contact) *self, uint8_t packet[2000])
{
	ssize_t n;

	while ((n = read(self->tun, packet, 2000)) > 0)
		if (packet[packet[0] >> 4 == 4 ? 9 : 6] == IPPROTO_UDP)
			return (size_t)n;
	return 0;
}

/* tun0 sums nothing up, so that the checksum is complete on the wire. */
static bool checksum_is_right(const uint8_t *packet, size_t len)
{
	bool v4 = packet[0] >> 4 == 4;
	size_t headers = v4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	uint32_t all = sum(IPPROTO_UDP + (uint32_t)(len - headers),
			   packet + (v4 ? 12 : 8), v4 ? 8 : 32);

	if (v4 && folded(sum(0, packet, headers)))
		return false;
	return !folded(sum(all, packet + headers, len - headers));
}

/* Alone and in bursts, what leaves has the lengths and checksums of what it is. */
TEST_F(contact, checksum_on_the_wire)
{
	uint8_t packet[2000], burst[600];
	int engine, segment = 200, n;
	struct addr to;
	size_t len;

	engine = shared(variant->kind, self->local, FIRST, SO_REUSEADDR, NULL);
	ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, engine, NULL));
	addr_parse(&to, variant->kind, self->remote, REMOTE_PORT);
	for (size_t size = 200; size < 204; size++) {
		rtp_plain(packet, size, SSRC, 1);
		ASSERT_EQ((int)size, sock_send(engine, packet, size, &to));
		len = next_on_wire(self, packet);
		ASSERT_LT(size, len);
		EXPECT_TRUE(checksum_is_right(packet, len)) {
			TH_LOG("%zu bytes", size);
		}
	}
	for (int i = 0; i < 3; i++)
		rtp_plain(burst + 200 * i, 200, SSRC, (uint16_t)i);
	ASSERT_EQ(0, setsockopt(engine, SOL_UDP, UDP_SEGMENT, &segment,
				sizeof(segment)));
	n = sock_send(engine, burst, sizeof(burst), &to);
	/* older kernels want a device that computes checksums */
	ASSERT_TRUE(n == (int)sizeof(burst) || n == -EIO);
	for (int i = 0; n > 0 && i < 3; i++) {
		len = next_on_wire(self, packet);
		ASSERT_LT(200, len);
		EXPECT_TRUE(checksum_is_right(packet, len)) {
			TH_LOG("packet %d of a burst", i);
		}
	}
	close(engine);
}

/* What only the seal made too large for the path is cut like what was before. */
TEST_F(contact, fragments_on_the_wire)
{
	uint8_t packet[2000];
	struct addr to;
	int engine;
	ssize_t n;

	if (variant->kind != SOCK_V4)	/* IPv6 knows no such mark */
		return;
	engine = shared(variant->kind, self->local, FIRST, SO_REUSEADDR, NULL);
	ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, engine, NULL));
	addr_parse(&to, variant->kind, self->remote, REMOTE_PORT);
	rtp_plain(packet, 1500 - 28, SSRC, 1);
	ASSERT_EQ(1500 - 28, sock_send(engine, packet, 1500 - 28, &to));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_TX_FRAG));
	for (int i = 0; i < 2; i++) {
		while ((n = read(self->tun, packet, sizeof(packet))) > 0 &&
		       (packet[0] >> 4 != 4 || packet[9] != IPPROTO_UDP))
			;
		ASSERT_LT(0, n);
		EXPECT_EQ(0, packet[6] & 0x40) {
			TH_LOG("fragment %d", i);
		}
	}
	close(engine);
}

/*
 * A packet that waits in a queue of netfilter while its socket is attached was sent
 * before, and stays as it is. What is sent later is sealed before the queue sees it.
 */
TEST_F(contact, kept_in_a_queue)
{
	int engine, queue;
	uint32_t number;
	uint8_t packet[200];
	struct addr to;

	ASSERT_EQ(0, run("nft 'table inet t { chain out { "
			 "type filter hook output priority 0; "
			 "udp sport 5555 queue num 0; }; }'"));
	queue = queue_open();
	ASSERT_LE(0, queue);
	ASSERT_EQ(0, guard_on(self));
	/* not in its range */
	engine = shared(variant->kind, self->local, 5555, SO_REUSEADDR, NULL);
	addr_parse(&to, variant->kind, self->remote, REMOTE_PORT);
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	ASSERT_EQ(200, sock_send(engine, packet, sizeof(packet), &to));
	ASSERT_EQ(0, queue_next(queue, &number));
	ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, engine, NULL));
	ASSERT_EQ(0, queue_accept(queue, number));
	EXPECT_EQ(1, left(self, sizeof(packet)));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_TX_OK));
	ASSERT_EQ(200, sock_send(engine, packet, sizeof(packet), &to));
	ASSERT_EQ(0, queue_next(queue, &number));
	ASSERT_EQ(0, queue_accept(queue, number));
	EXPECT_EQ(0, left(self, sizeof(packet)));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_TX_OK));
	close(queue);
	close(engine);
}

static long connections(void)
{
	FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "r");
	long count = -1;

	if (file) {
		if (fscanf(file, "%ld", &count) != 1)
			count = -1;
		fclose(file);
	}
	return count;
}

/* A packet that was held is tracked like any that was not. */
TEST_F(contact, connection_tracking)
{
	int fd;

	ASSERT_EQ(0, run("nft -f - <<'EOF'\n"
			 "table inet t {\n"
			 " chain in {\n"
			 "  type filter hook input priority 0;\n"
			 "  ct state new accept\n"
			 " }\n"
			 "}\n"
			 "EOF"));
	ASSERT_EQ(0, guard_on(self));
	fd = shared(variant->kind, self->local, FIRST, SO_REUSEADDR, NULL);
	ASSERT_EQ(0, connections());
	ASSERT_EQ(0, write_media(self, variant->kind, self->local, FIRST, 1));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_GUARD_HELD));
	EXPECT_STREQ("", expect_media(fd, 1));
	EXPECT_EQ(1, connections());
	close(fd);
}

/* A multicast that stays on its host, the first packet of its socket */
TEST_F(contact, hop_limit_of_zero)
{
	bool v6 = variant->kind == SOCK_V6;
	int level = v6 ? SOL_IPV6 : SOL_IP;
	int zero = 0, engine, peer, index = (int)if_nametoindex("tun0");
	struct ip_mreqn interface = { .imr_ifindex = index };
	uint8_t packet[200];
	struct addr to;

	ASSERT_EQ(0, guard_on(self));
	addr_parse(&to, variant->kind, self->group, 9000);
	peer = shared(variant->kind, any_of(variant->kind), 9000, SO_REUSEADDR,
		      NULL);
	ASSERT_EQ(0, join(peer, variant->kind, self->group));
	engine = shared(variant->kind, self->local, FIRST, SO_REUSEADDR, NULL);
	ASSERT_EQ(0, v6 ? setsockopt(engine, level, IPV6_MULTICAST_IF, &index,
				     sizeof(index)) :
			  setsockopt(engine, level, IP_MULTICAST_IF,
				     &interface, sizeof(interface)));
	ASSERT_EQ(0, setsockopt(engine, level, v6 ? IPV6_MULTICAST_HOPS :
				IP_MULTICAST_TTL, &zero, sizeof(zero)));
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	ASSERT_EQ(200, sock_send(engine, packet, sizeof(packet), &to));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_TX_OK));
	EXPECT_STREQ("", expect_sealed(self, peer, 1));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_TX_FAILED));
	close(engine);
	close(peer);
}

TEST_HARNESS_MAIN
