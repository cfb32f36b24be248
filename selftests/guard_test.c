// SPDX-License-Identifier: GPL-2.0
/*
 * Guards: an engine that knows nothing of us opens its sockets as it likes,
 * and not one packet of media leaves or arrives in clear.
 *
 *	engine, ports 7000 to 7099, guarded <---- lo, d0 ----> peer, plain
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/bpf.h>

#include "lib/caught.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/kinds.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC		0x600d600d
#define FIRST		7000
#define LAST		7099
#define HOLD		64	/* packets that a guard keeps for a socket */
#define FOREIGN_KID	6	/* no key of the fixture has it */
#define STAT_WAIT	10000	/* ms: the kernel sums statistics up each 2 s */

#ifndef UDP_ENCAP_ESPINUDP
#define UDP_ENCAP_ESPINUDP	2
#endif

FIXTURE(guard)
{
	struct ctl ctl;
	struct ctl events;
	uint32_t session;
	uint32_t guard;
	struct sframe_key tx;
	struct sframe_key rx;
	int peer;
	struct addr peer_addr;
	uint64_t before[CTL_STATS];
};

FIXTURE_VARIANT(guard)
{
	enum sock_kind kind;
	bool connected;
	bool gso;
};

FIXTURE_VARIANT_ADD(guard, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(guard, v4_connected) { .kind = SOCK_V4, .connected = true };
FIXTURE_VARIANT_ADD(guard, v4_gso) { .kind = SOCK_V4, .gso = true };
FIXTURE_VARIANT_ADD(guard, v6) { .kind = SOCK_V6 };
FIXTURE_VARIANT_ADD(guard, v6_connected_gso) {
	.kind = SOCK_V6, .connected = true, .gso = true,
};
FIXTURE_VARIANT_ADD(guard, mapped) { .kind = SOCK_MAPPED };
FIXTURE_VARIANT_ADD(guard, mapped_gso) { .kind = SOCK_MAPPED, .gso = true };

static int add_key(FIXTURE_DATA(guard) *self, uint32_t dir,
		   const struct sframe_key *key)
{
	struct ctl_key request = {
		.dir = dir, .kid = key->kid, .secret = key->secret,
		.salt = key->salt,
	};

	return ctl_key_new(&self->ctl, self->session, &request);
}

FIXTURE_SETUP(guard)
{
	struct ctl_guard guard = { .first = FIRST, .last = LAST };
	int big = 32 << 20;

	ASSERT_EQ(0, sock_netns());
	ASSERT_EQ(0, ctl_open(&self->ctl));
	ASSERT_EQ(0, ctl_events_open(&self->events));
	ASSERT_EQ(0, ctl_session_new(&self->ctl, "guarded", NULL,
				     &self->session));
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	ASSERT_EQ(0, add_key(self, E2EE_DIR_TX, &self->tx));
	ASSERT_EQ(0, add_key(self, E2EE_DIR_RX, &self->rx));
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard,
				   &self->guard));
	self->peer = sock_udp(variant->kind, 9000, &self->peer_addr);
	ASSERT_LE(0, self->peer);
	/* what is lost, is lost by the module */
	ASSERT_EQ(0, setsockopt(self->peer, SOL_SOCKET, SO_RCVBUFFORCE, &big,
				sizeof(big)));
}

FIXTURE_TEARDOWN(guard)
{
	close(self->peer);
	ctl_close(&self->events);
	ctl_close(&self->ctl);
}

/* Of the session: what a guard holds belongs to no socket yet. */
static const char *changes(FIXTURE_DATA(guard) *self)
{
	uint64_t now[CTL_STATS];
	const char *text;

	if (ctl_session_stats(&self->ctl, self->session, now))
		return "no counters";
	text = stats_changes(self->before, now);
	memcpy(self->before, now, sizeof(now));
	return text;
}

static uint64_t counted(FIXTURE_DATA(guard) *self, enum e2ee_stat stat)
{
	uint64_t now[CTL_STATS] = { 0 };

	ctl_session_stats(&self->ctl, self->session, now);
	return now[stat];
}

/* Wait until it is @wanted. */
static bool comes_to(FIXTURE_DATA(guard) *self, enum e2ee_stat stat,
		     uint64_t wanted)
{
	int64_t end = now_ms() + SOCK_WAIT;

	while (counted(self, stat) != wanted)
		if (now_ms() > end)
			return false;
	return true;
}

/* Is it attached to the guard's session? Waits for that, if it must be. */
static bool is_attached(FIXTURE_DATA(guard) *self, int fd, bool wait)
{
	int64_t end = now_ms() + (wait ? SOCK_WAIT : 0);
	uint32_t session = 0;

	do {
		if (!ctl_socket_get(&self->ctl, fd, NULL, &session) &&
		    session == self->session)
			return true;
	} while (now_ms() < end);
	return false;
}

/* Send media numbered from @first on; 0, or what a call returned instead. */
static int send_media(int fd, unsigned int first, unsigned int num, bool gso,
		      const struct addr *to)
{
	static uint8_t packets[64 * 200];
	unsigned int i;
	int n;

	sock_pin();
	if (gso) {
		for (i = 0; i < num; i++)
			rtp_plain(packets + i * 200, 200, SSRC,
				  (uint16_t)(first + i));
		n = sock_send_gso(fd, packets, num * 200, 200, to);
		return n == (int)num * 200 ? 0 : n;
	}
	for (i = 0; i < num; i++) {
		rtp_plain(packets, 200, SSRC, (uint16_t)(first + i));
		n = sock_send(fd, packets, 200, to);
		if (n != 200)
			return n;
	}
	return 0;
}

/* The peer must get them sealed, in order, none in clear. "" or what is not. */
static const char *expect_sealed(FIXTURE_DATA(guard) *self, unsigned int first,
				 unsigned int num)
{
	uint8_t got[1000], opened[1000], wanted[200];
	int n;

	for (; num; num--, first++) {
		n = sock_recv(self->peer, got, sizeof(got));
		if (n < 0)
			return "packet lost";
		if (n == 200)
			return "in clear";
		n = rtp_open(opened, got, (size_t)n, &self->tx, NULL);
		if (n != 200)
			return "not sealed";
		rtp_plain(wanted, 200, SSRC, (uint16_t)first);
		if (memcmp(opened, wanted, 200))
			return "out of order";
	}
	return "";
}

/* The peer sends sealed media. */
static int inject_media(FIXTURE_DATA(guard) *self, unsigned int first,
			unsigned int num, bool gso, const struct addr *to)
{
	static uint8_t wire[64 * 300];
	uint8_t clear[200];
	size_t len = 0, size = 0;
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = clear + RTP_HEADER,
		.len = 188,
	};

	for (; num; num--, first++) {
		rtp_plain(clear, 200, SSRC, (uint16_t)first);
		rtp.seq = (uint16_t)first;
		rtp.ts = first;
		/* CTRs of one length, so that bursts are of one size */
		size = rtp_seal(wire + len, &rtp, &self->rx, 256 + first);
		if (gso)
			len += size;
		else if (sock_send(self->peer, wire, size, to) != (int)size)
			return -EIO;
	}
	if (!gso)
		return 0;
	return sock_send_gso(self->peer, wire, len, (uint16_t)size, to) ==
	       (int)len ? 0 : -EIO;
}

static const char *expect_media(int fd, unsigned int first, unsigned int num)
{
	uint8_t got[1000], wanted[200];
	int n;

	for (; num; num--, first++) {
		n = sock_recv(fd, got, sizeof(got));
		if (n < 0)
			return "packet lost";
		rtp_plain(wanted, 200, SSRC, (uint16_t)first);
		if (n != 200 || memcmp(got, wanted, 200))
			return "not opened, or out of order";
	}
	return "";
}

TEST_F(guard, first_packets_sent)
{
	int fd = sock_udp(variant->kind, FIRST, NULL), value = -1;
	const struct addr *to = &self->peer_addr;
	socklen_t len = sizeof(value);

	ASSERT_LE(0, fd);
	if (variant->connected) {
		ASSERT_EQ(0, sock_connect(fd, to));
		to = NULL;
	}
	for (unsigned int i = 0; i < 5; i++) {
		ASSERT_EQ(0, send_media(fd, i * 20, 20, variant->gso, to));
		EXPECT_STREQ("", expect_sealed(self, i * 20, 20));
	}
	EXPECT_TRUE(is_attached(self, fd, false));
	EXPECT_EQ(100, counted(self, E2EE_A_STAT_TX_OK));
	EXPECT_LE(1, counted(self, E2EE_A_STAT_GUARD_HELD));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_GUARD_DROP));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_TX_LEAK));
	EXPECT_EQ(1, ctl_guard_sockets(&self->ctl, self->guard));
	EXPECT_EQ(0, ctl_event_wait(&self->events, E2EE_EVENT_ATTACHED,
				    SOCK_WAIT, NULL));
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len);
	EXPECT_EQ(0, value);
	close(fd);
}

TEST_F(guard, first_packets_received)
{
	struct addr addr;
	int fd = sock_udp(variant->kind, LAST, &addr);

	ASSERT_LE(0, fd);
	if (variant->connected) {
		ASSERT_EQ(0, sock_connect(fd, &self->peer_addr));
	}
	for (unsigned int i = 0; i < 5; i++) {
		ASSERT_EQ(0, inject_media(self, i * 20, 20, variant->gso,
					  &addr));
		EXPECT_STREQ("", expect_media(fd, i * 20, 20));
	}
	EXPECT_TRUE(is_attached(self, fd, false));
	EXPECT_EQ(100, counted(self, E2EE_A_STAT_RX_OK));
	EXPECT_LE(1, counted(self, E2EE_A_STAT_GUARD_HELD));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_GUARD_DROP));
	EXPECT_EQ(1, ctl_guard_sockets(&self->ctl, self->guard));
	close(fd);
}

/* Many sockets at once, each with its own first packets. */
TEST_F(guard, many_sockets)
{
	uint16_t next[40] = { 0 };
	uint8_t got[1000], opened[1000];
	int fds[40], i, n, total = 0;

	sock_pin();
	for (i = 0; i < 40; i++) {
		fds[i] = sock_udp(variant->kind, (uint16_t)(FIRST + i), NULL);
		ASSERT_LE(0, fds[i]);
	}
	for (n = 0; n < 5; n++) {
		for (i = 0; i < 40; i++) {
			rtp_plain(got, 100, (uint32_t)i, (uint16_t)n);
			ASSERT_EQ(100, sock_send(fds[i], got, 100,
						 &self->peer_addr));
		}
	}
	for (; total < 200; total++) {
		n = sock_recv(self->peer, got, sizeof(got));
		ASSERT_LT(100, n) {
			TH_LOG("after %d: %s", total, changes(self));
		}
		ASSERT_EQ(100, rtp_open(opened, got, (size_t)n, &self->tx,
					NULL));
		EXPECT_EQ(next[rtp_ssrc(opened)], rtp_seq(opened));
		next[rtp_ssrc(opened)]++;
	}
	EXPECT_EQ(40, ctl_guard_sockets(&self->ctl, self->guard));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_TX_LEAK));
	for (i = 0; i < 40; i++)
		close(fds[i]);
}

/* An engine that closes its socket behind its only packet. */
TEST_F(guard, sent_and_closed)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		int fd = sock_udp(variant->kind, FIRST, NULL);
		int64_t end = now_ms() + SOCK_WAIT;

		/* the one before is kept open until its packet has left */
		while (fd < 0 && now_ms() < end)
			fd = sock_udp(variant->kind, FIRST, NULL);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, send_media(fd, i, 1, false, &self->peer_addr));
		close(fd);
		EXPECT_STREQ("", expect_sealed(self, i, 1));
	}
}

/* A port that the kernel chose lies in the range all the same. */
TEST_F(guard, not_bound)
{
	int fd = socket(sock_family(variant->kind), SOCK_DGRAM | SOCK_CLOEXEC,
			0);

	ASSERT_EQ(0, sysctl("net/ipv4/ip_local_port_range", "7001 7098"));
	ASSERT_EQ(0, send_media(fd, 0, 10, variant->gso, &self->peer_addr));
	EXPECT_STREQ("", expect_sealed(self, 0, 10));
	EXPECT_TRUE(is_attached(self, fd, false));
	close(fd);
}

TEST_F(guard, what_is_not_media_does_not_trigger)
{
	int fd = sock_udp(variant->kind, FIRST, NULL);
	uint8_t packet[1024], got[1024];
	const struct kind *kind;
	struct addr addr;
	size_t len;

	addr_loopback(&addr, variant->kind, FIRST);
	for (kind = kinds_other; kind->name; kind++) {
		len = kind->build(packet);
		EXPECT_EQ((int)len, sock_send(fd, packet, len,
					      &self->peer_addr));
		EXPECT_EQ((int)len, sock_recv(self->peer, got, sizeof(got))) {
			TH_LOG("%s sent", kind->name);
		}
		EXPECT_EQ(0, memcmp(got, packet, len));
		EXPECT_EQ((int)len, sock_send(self->peer, packet, len, &addr));
		EXPECT_EQ((int)len, sock_recv(fd, got, sizeof(got))) {
			TH_LOG("%s received", kind->name);
		}
		EXPECT_EQ(0, memcmp(got, packet, len));
		EXPECT_FALSE(is_attached(self, fd, false)) {
			TH_LOG("%s", kind->name);
		}
	}
	EXPECT_STREQ("", changes(self));
	/* nor does it stand in the way of media */
	ASSERT_EQ(0, send_media(fd, 0, 3, false, &self->peer_addr));
	EXPECT_STREQ("", expect_sealed(self, 0, 3));
	len = stun_build(packet);
	ASSERT_EQ((int)len, sock_send(fd, packet, len, &self->peer_addr));
	EXPECT_EQ((int)len, sock_recv(self->peer, got, sizeof(got)));
	close(fd);
}

static size_t use_srtp(uint8_t *out)
{
	return dtls_hello_build(out, true);
}

static size_t use_srtp_in_stun(uint8_t *out)
{
	uint8_t inner[256];

	return stun_attribute_build(out, 0xc070, inner, use_srtp(inner));
}

static size_t rtp_as_rtcp(uint8_t *out)
{
	rtp_plain(out, 72, SSRC, 72 / 4 - 1);
	out[1] = 200;
	return 72;
}

/* What may hide media, or begins SRTP: triggers, and stays here. */
TEST_F(guard, what_may_hide_media_triggers)
{
	size_t (*const hidden[])(uint8_t *out) = {
		use_srtp, use_srtp_in_stun, rtp_as_rtcp,
	};
	uint8_t packet[1024], got[1024];
	size_t len;
	int fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(hidden); i++) {
		fd = sock_udp(variant->kind, FIRST, NULL);
		ASSERT_LE(0, fd);
		len = hidden[i](packet);
		sock_send(fd, packet, len, &self->peer_addr);
		EXPECT_TRUE(is_attached(self, fd, true)) {
			TH_LOG("kind %u", i);
		}
		len = stun_build(packet);
		ASSERT_EQ((int)len, sock_send(fd, packet, len,
					      &self->peer_addr));
		EXPECT_EQ((int)len, sock_recv(self->peer, got, sizeof(got))) {
			TH_LOG("kind %u", i);
		}
		EXPECT_EQ(0, memcmp(got, packet, len));
		close(fd);
	}
	EXPECT_TRUE(comes_to(self, E2EE_A_STAT_TX_SRTP, 2));
	EXPECT_TRUE(comes_to(self, E2EE_A_STAT_TX_MALFORMED, 1));
}

/* Clear media that strangers send: triggers, but is not delivered. */
TEST_F(guard, clear_media_received)
{
	struct addr addr;
	int fd = sock_udp(variant->kind, FIRST, &addr);
	uint8_t got[300];

	ASSERT_EQ(0, send_media(self->peer, 0, 10, variant->gso, &addr));
	EXPECT_TRUE(comes_to(self, E2EE_A_STAT_RX_CLEAR_DROPPED, 10));
	EXPECT_TRUE(is_attached(self, fd, false));
	EXPECT_EQ(-EAGAIN, sock_recv_now(fd, got, sizeof(got)));
	close(fd);
}

/* Ports, addresses and owners outside of the rule are left alone. */
static bool triggers(FIXTURE_DATA(guard) *self, enum sock_kind kind,
		     const char *address, uint16_t port, uid_t uid)
{
	struct addr addr;
	bool attached;
	uint8_t got[400];
	int fd, n;

	fd = socket(sock_family(kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (uid && fchown(fd, uid, uid))
		return false;
	addr_parse(&addr, kind, address, port);
	if (bind(fd, (void *)&addr.ss, addr.len) ||
	    send_media(fd, 0, 1, false, &self->peer_addr)) {
		close(fd);
		return false;
	}
	n = sock_recv(self->peer, got, sizeof(got));
	/* 200 bytes: as it was sent */
	attached = n > 200 && is_attached(self, fd, true);
	close(fd);
	return attached;
}

TEST_F(guard, range_of_ports)
{
	const char *any = variant->kind == SOCK_V6 ? "::" : "0.0.0.0";
	const char *lo = variant->kind == SOCK_V6 ? "::1" : "127.0.0.1";

	EXPECT_FALSE(triggers(self, variant->kind, lo, FIRST - 1, 0));
	EXPECT_TRUE(triggers(self, variant->kind, lo, FIRST, 0));
	EXPECT_TRUE(triggers(self, variant->kind, any, FIRST + 50, 0));
	EXPECT_TRUE(triggers(self, variant->kind, lo, LAST, 0));
	EXPECT_FALSE(triggers(self, variant->kind, lo, LAST + 1, 0));
}

TEST_F(guard, range_of_one_port)
{
	const char *lo = variant->kind == SOCK_V6 ? "::1" : "127.0.0.1";
	struct ctl_guard guard = { .first = 8000 };
	uint32_t id;

	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 7999, 0));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 8000, 0));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8001, 0));
	EXPECT_EQ(1, ctl_guard_sockets(&self->ctl, id));
	/* without the rule all is as it was */
	ASSERT_EQ(0, ctl_guard_del(&self->ctl, id));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8000, 0));
}

TEST_F(guard, narrowed_by_address)
{
	struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
	struct in_addr second = { htonl(INADDR_LOOPBACK + 1) };
	struct ctl_guard guard = { .first = 8000, .last = 8010 };
	uint32_t id;

	if (variant->kind == SOCK_V6) {
		guard.addr = &loopback;
		guard.addr_len = sizeof(loopback);
		ASSERT_EQ(0, run("ip -6 addr add 2001:db8::1/128 dev lo nodad"));
		ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard,
					   &id));
		EXPECT_TRUE(triggers(self, SOCK_V6, "::1", 8000, 0));
		EXPECT_FALSE(triggers(self, SOCK_V6, "2001:db8::1", 8001, 0));
		EXPECT_TRUE(triggers(self, SOCK_V6, "::", 8002, 0));
		return;
	}
	guard.addr = &second;
	guard.addr_len = sizeof(second);
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_FALSE(triggers(self, variant->kind, "127.0.0.1", 8000, 0));
	EXPECT_TRUE(triggers(self, variant->kind, "127.0.0.2", 8001, 0));
	EXPECT_FALSE(triggers(self, variant->kind, "127.0.0.3", 8002, 0));
	EXPECT_TRUE(triggers(self, variant->kind, "0.0.0.0", 8003, 0));
	EXPECT_EQ(2, ctl_guard_sockets(&self->ctl, id));
}

TEST_F(guard, narrowed_by_owner)
{
	const char *lo = variant->kind == SOCK_V6 ? "::1" : "127.0.0.1";
	const uint32_t uid = 1234;
	struct ctl_guard guard = {
		.first = 8000, .last = 8010, .uid = &uid,
	};
	uint32_t id;

	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8000, 0));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 8001, 1234));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8002, 1235));
	EXPECT_EQ(1, ctl_guard_sockets(&self->ctl, id));
}

static int enter_cgroup(const char *path)
{
	char file[128];

	snprintf(file, sizeof(file), "/sys/fs/cgroup%s/cgroup.procs", path);
	return file_write(file, "0");
}

TEST_F(guard, narrowed_by_cgroup)
{
	const char *lo = variant->kind == SOCK_V6 ? "::1" : "127.0.0.1";
	struct ctl_guard guard = {
		.first = 8000, .last = 8010, .cgroup = "/e2ee-guard/media",
	};
	uint32_t id;

	mkdir("/sys/fs/cgroup/e2ee-guard", 0755);
	mkdir("/sys/fs/cgroup/e2ee-guard/media", 0755);
	mkdir("/sys/fs/cgroup/e2ee-guard/media/call", 0755);
	mkdir("/sys/fs/cgroup/e2ee-guard/other", 0755);
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8000, 0));
	ASSERT_EQ(0, enter_cgroup("/e2ee-guard/other"));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8001, 0));
	ASSERT_EQ(0, enter_cgroup("/e2ee-guard/media"));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 8002, 0));
	ASSERT_EQ(0, enter_cgroup("/e2ee-guard/media/call"));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 8003, 0));
	EXPECT_EQ(2, ctl_guard_sockets(&self->ctl, id));
	ASSERT_EQ(0, enter_cgroup(""));
	guard.cgroup = "/e2ee-guard/missing";
	EXPECT_EQ(-ENOENT, ctl_guard_new(&self->ctl, self->session, &guard,
					 &id));
	/* the guard goes first: it holds the cgroup */
	EXPECT_EQ(0, ctl_guard_del(&self->ctl, id));
	rmdir("/sys/fs/cgroup/e2ee-guard/media/call");
	rmdir("/sys/fs/cgroup/e2ee-guard/media");
	rmdir("/sys/fs/cgroup/e2ee-guard/other");
	rmdir("/sys/fs/cgroup/e2ee-guard");
}

static int into_sockmap(int fd)
{
	union bpf_attr create = {
		.map_type = BPF_MAP_TYPE_SOCKMAP,
		.key_size = 4, .value_size = 8, .max_entries = 1,
	};
	uint64_t value = (uint64_t)fd;
	uint32_t key = 0;
	union bpf_attr update = {
		.key = (uintptr_t)&key, .value = (uintptr_t)&value,
	};

	update.map_fd = (uint32_t)syscall(SYS_bpf, BPF_MAP_CREATE, &create,
					  sizeof(create));
	return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &update,
		       sizeof(update)) ? -errno : 0;
}

/* Does the event tell the socket's address and inode? */
static bool is_named(const struct ctl_event *event, int fd, enum sock_kind kind,
		     uint16_t port)
{
	const void *wanted;
	struct addr addr;
	struct stat stat;

	addr_loopback(&addr, kind, port);
	wanted = &((struct sockaddr_in *)&addr.ss)->sin_addr;
	if (kind != SOCK_V4)
		wanted = &((struct sockaddr_in6 *)&addr.ss)->sin6_addr;
	return !fstat(fd, &stat) && event->inode == stat.st_ino &&
	       event->port == port && !event->socket &&
	       event->local_len == (kind == SOCK_V4 ? 4 : 16) &&
	       !memcmp(event->local, wanted, event->local_len);
}

/* What cannot be attached does not send in clear instead. */
TEST_F(guard, attaching_fails)
{
	int encap = UDP_ENCAP_ESPINUDP;
	struct ctl_event event;
	int fds[2], i;
	uint8_t got[300];

	fds[0] = sock_udp(variant->kind, FIRST, NULL);
	ASSERT_EQ(0, sock_connect(fds[0], &self->peer_addr));
	ASSERT_EQ(0, into_sockmap(fds[0]));
	fds[1] = sock_udp(variant->kind, FIRST + 1, NULL);
	ASSERT_EQ(0, setsockopt(fds[1], SOL_UDP, UDP_ENCAP, &encap,
				sizeof(encap)));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, send_media(fds[i], 0, 1, false,
					&self->peer_addr));
		ASSERT_EQ(0, ctl_event_wait(&self->events,
					    E2EE_EVENT_ATTACH_FAILED,
					    SOCK_WAIT, &event));
		EXPECT_EQ(self->session, event.session);
		EXPECT_EQ(EBUSY, event.error);
		/* which one: it has no id to name it by */
		EXPECT_TRUE(is_named(&event, fds[i], variant->kind,
				     (uint16_t)(FIRST + i)));
		EXPECT_FALSE(is_attached(self, fds[i], false));
	}
	/* each goes on to be lost, and to be counted */
	ASSERT_EQ(0, send_media(fds[0], 1, 9, false, NULL));
	EXPECT_TRUE(comes_to(self, E2EE_A_STAT_GUARD_DROP, 11));
	EXPECT_EQ(-EAGAIN, sock_recv_now(self->peer, got, sizeof(got)));
	close(fds[0]);
	close(fds[1]);
}

/*
 * A socket that waits to be attached, while a sender has its lock, when its guard
 * and then the session go: it is refused, and left as it was.
 */
TEST_F(guard, refused_socket_is_left_alone)
{
	int encap = UDP_ENCAP_ESPINUDP, fd;
	struct ctl_event event;
	struct caught caught;
	struct addr to, addr;

	ASSERT_TRUE(objects_come_to("socket", 0));
	ASSERT_EQ(0, caught_device(variant->kind, &to));
	fd = caught_socket(variant->kind, FIRST, &to);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(caught_start(&caught, fd, &to, MSG_MORE, SSRC));
	addr_loopback(&addr, variant->kind, FIRST);
	ASSERT_EQ(0, inject_media(self, 0, 1, false, &addr));
	ASSERT_EQ(1, counted(self, E2EE_A_STAT_GUARD_HELD));
	ASSERT_EQ(0, ctl_guard_del(&self->ctl, self->guard));
	ASSERT_EQ(0, ctl_session_del(&self->ctl, self->session));
	caught_interrupt(&caught);
	ASSERT_EQ(0, ctl_event_wait(&self->events, E2EE_EVENT_ATTACH_FAILED,
				    SOCK_WAIT, &event));
	EXPECT_EQ(ENOENT, event.error);
	EXPECT_EQ(0, objects_alive("socket"));
	/* others may have it */
	EXPECT_EQ(0, setsockopt(fd, SOL_UDP, UDP_ENCAP, &encap,
				sizeof(encap)));
	close(fd);
	ASSERT_EQ(0, run("tc qdisc del dev d0 root"));
}

/* Without keys: attached, so nothing leaves at all. */
TEST_F(guard, no_key)
{
	struct ctl_key id = { .dir = E2EE_DIR_TX, .kid = self->tx.kid };
	int fd = sock_udp(variant->kind, FIRST, NULL);
	uint8_t got[300];

	ASSERT_EQ(0, ctl_key_del(&self->ctl, self->session, &id));
	ASSERT_EQ(0, send_media(fd, 0, 10, variant->gso, &self->peer_addr));
	EXPECT_TRUE(is_attached(self, fd, true));
	/* the next one comes through the hooks, behind all that was held */
	ASSERT_EQ(0, send_media(fd, 10, 1, false, &self->peer_addr));
	EXPECT_EQ(11, counted(self, E2EE_A_STAT_TX_NO_KEY));
	EXPECT_EQ(-EAGAIN, sock_recv_now(self->peer, got, sizeof(got)));
	close(fd);
}

/* Peek through the queue until this many datagrams are in it. */
static bool wait_queued(int fd, int num)
{
	int64_t end = now_ms() + SOCK_WAIT;
	uint8_t got[300];
	int offset = 0;

	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset));
	while (num && now_ms() < end)
		num -= recv(fd, got, sizeof(got), MSG_PEEK | MSG_DONTWAIT) > 0;
	offset = -1;
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset));
	return !num;
}

/* Under required what waits to be read is media of before, in clear. */
TEST_F(guard, clear_media_in_the_queue)
{
	uint8_t packet[128], got[300];
	struct addr addr;
	int fd, policy, n;
	size_t len;

	for (policy = E2EE_POLICY_REQUIRED; policy <= E2EE_POLICY_OPTIONAL;
	     policy++) {
		fd = sock_udp(variant->kind, 0, &addr);
		ASSERT_EQ(0, send_media(self->peer, 0, 5, false, &addr));
		len = stun_build(packet);
		ASSERT_EQ((int)len, sock_send(self->peer, packet, len, &addr));
		ASSERT_EQ(0, send_media(self->peer, 5, 5, false, &addr));
		ASSERT_TRUE(wait_queued(fd, 11));
		ASSERT_EQ(0, ctl_session_policy(&self->ctl, self->session,
						(uint32_t)policy));
		ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, fd, NULL));
		if (policy == E2EE_POLICY_REQUIRED) {
			EXPECT_EQ((int)len, sock_recv(fd, got, sizeof(got)));
			EXPECT_EQ(-EAGAIN, sock_recv_now(fd, got, 300));
		} else {
			for (n = 0; n < 11; n++) {
				EXPECT_EQ(n == 5 ? (int)len : 200,
					  sock_recv(fd, got, 300));
			}
		}
		close(fd);
	}
}

TEST_F(guard, what_it_protects_stays)
{
	int fd = sock_udp(variant->kind, FIRST, NULL);
	uint64_t id;

	ASSERT_EQ(0, send_media(fd, 0, 1, false, &self->peer_addr));
	ASSERT_TRUE(is_attached(self, fd, true));
	EXPECT_STREQ("", expect_sealed(self, 0, 1));
	ASSERT_EQ(0, ctl_socket_get(&self->ctl, fd, &id, NULL));
	EXPECT_EQ(-EBUSY, ctl_detach(&self->ctl, id, true));
	EXPECT_EQ(-EBUSY, ctl_session_del(&self->ctl, self->session));
	ASSERT_EQ(0, send_media(fd, 1, 1, false, &self->peer_addr));
	EXPECT_STREQ("", expect_sealed(self, 1, 1));

	/* the rule goes, what it attached stays attached */
	EXPECT_EQ(0, ctl_guard_del(&self->ctl, self->guard));
	EXPECT_EQ(-ENOENT, ctl_guard_del(&self->ctl, self->guard));
	ASSERT_EQ(0, send_media(fd, 2, 1, false, &self->peer_addr));
	EXPECT_STREQ("", expect_sealed(self, 2, 1));
	EXPECT_EQ(0, ctl_session_del(&self->ctl, self->session));
	close(fd);
}

/*
 * One packet for many: each receiver is attached, each opens its copy. None is
 * closed before all have theirs: what a closed socket has received, no socket
 * that begins with a key afterwards takes any more.
 */
TEST_F(guard, multicast)
{
	const char *group = variant->kind == SOCK_V6 ? "ff02::77" : "239.1.1.1";
	int level = variant->kind == SOCK_V6 ? SOL_IPV6 : SOL_IP;
	struct group_req request = { 0 };
	struct ip_mreqn interface = { 0 };
	uint64_t stats[CTL_STATS], nothing[CTL_STATS] = { 0 };
	struct addr to, any, plain;
	int fds[3], i, on = 1, index;

	ASSERT_EQ(0, run("ip link add d0 type dummy && "
			 "ip addr add 192.0.2.1/24 dev d0 && "
			 "ip link set d0 up"));
	index = (int)if_nametoindex("d0");
	interface.imr_ifindex = index;
	request.gr_interface = (uint32_t)index;
	addr_parse(&to, variant->kind, group, FIRST + 4);
	addr_parse(&plain, variant->kind == SOCK_V6 ? SOCK_V6 : SOCK_V4,
		   group, 0);
	memcpy(&request.gr_group, &plain.ss, sizeof(plain.ss));
	addr_parse(&any, variant->kind,
		   variant->kind == SOCK_V6 ? "::" : "0.0.0.0", FIRST + 4);
	for (i = 0; i < 3; i++) {
		fds[i] = socket(sock_family(variant->kind),
				SOCK_DGRAM | SOCK_CLOEXEC, 0);
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		ASSERT_EQ(0, bind(fds[i], (void *)&any.ss, any.len));
		ASSERT_EQ(0, setsockopt(fds[i], level, MCAST_JOIN_GROUP,
					&request, sizeof(request)));
	}
	close(self->peer);
	self->peer = socket(sock_family(variant->kind),
			    SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (variant->kind == SOCK_V6) {
		ASSERT_EQ(0, setsockopt(self->peer, level, IPV6_MULTICAST_IF,
					&index, sizeof(index)));
	} else {
		ASSERT_EQ(0, setsockopt(self->peer, level, IP_MULTICAST_IF,
					&interface, sizeof(interface)));
	}
	ASSERT_EQ(0, inject_media(self, 0, 10, variant->gso, &to));
	for (i = 0; i < 3; i++) {
		EXPECT_STREQ("", expect_media(fds[i], 0, 10)) {
			TH_LOG("receiver %d: %s", i, changes(self));
		}
		EXPECT_TRUE(is_attached(self, fds[i], false));
	}
	/* nothing else became of any packet, nor was one lost in a queue */
	ctl_session_stats(&self->ctl, self->session, stats);
	EXPECT_EQ(30, stats[E2EE_A_STAT_RX_OK]);
	stats[E2EE_A_STAT_RX_OK] = 0;
	stats[E2EE_A_STAT_GUARD_HELD] = 0;
	EXPECT_STREQ("", stats_changes(nothing, stats));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, sock_drops(fds[i]));
		close(fds[i]);
	}
}

TEST_F(guard, group_of_reuseport)
{
	struct addr addr;
	int fds[4], i, on = 1, total = 0;
	int64_t end = now_ms() + SOCK_WAIT;
	uint8_t got[300];

	addr_loopback(&addr, variant->kind, FIRST + 5);
	for (i = 0; i < 4; i++) {
		fds[i] = socket(sock_family(variant->kind),
				SOCK_DGRAM | SOCK_CLOEXEC, 0);
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
		ASSERT_EQ(0, bind(fds[i], (void *)&addr.ss, addr.len));
	}
	ASSERT_EQ(0, inject_media(self, 0, 40, variant->gso, &addr));
	while (total < 40 && now_ms() < end)
		for (i = 0; i < 4; i++)
			while (sock_recv_now(fds[i], got, 300) == 200)
				total++;
	EXPECT_EQ(40, total);
	EXPECT_EQ(40, counted(self, E2EE_A_STAT_RX_OK));
	for (i = 0; i < 4; i++) {
		/* the stack may choose any of them for the next packet */
		EXPECT_TRUE(is_attached(self, fds[i], false)) {
			TH_LOG("member %d", i);
		}
		close(fds[i]);
	}
}

/*
 * Bytes of the kernel's own memory that the cgroup has been charged with, as its
 * statistics have it: they may be some seconds old
 */
static long kernel_memory(const char *group)
{
	long bytes, sum = 0;
	char line[128];
	FILE *file;

	snprintf(line, sizeof(line), "%s/memory.stat", group);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "slab_unreclaimable %ld", &bytes) == 1 ||
		    sscanf(line, "percpu %ld", &bytes) == 1)
			sum += bytes;
	if (file)
		fclose(file);
	return sum;
}

/*
 * What a guard attaches is charged to the memory cgroup of whoever made the
 * session, not to that of the socket's owner, who knows nothing of it. A socket
 * takes 1 KiB and counters for each CPU.
 */
TEST_F(guard, hooks_are_charged_to_the_session)
{
	struct ctl_guard guard = { .first = 8100, .last = 8199 };
	int fds[100], num = ARRAY_SIZE(fds), i;
	long before, least = num * 1024L;
	uint32_t session, id;
	char group[64];
	int64_t end;

	ASSERT_EQ(0, file_write("/sys/fs/cgroup/cgroup.subtree_control",
				"+memory"));
	snprintf(group, sizeof(group), "/sys/fs/cgroup/e2ee-hooks-%d",
		 getpid());
	ASSERT_EQ(0, mkdir(group, 0755));
	ASSERT_EQ(0, enter_cgroup(strrchr(group, '/')));
	ASSERT_EQ(0, ctl_session_new(&self->ctl, "charged", NULL, &session));
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, session, &guard, &id));
	ASSERT_EQ(0, enter_cgroup(""));
	before = kernel_memory(group);
	for (i = 0; i < num; i++) {
		fds[i] = sock_udp(variant->kind, (uint16_t)(8100 + i), NULL);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, send_media(fds[i], 0, 1, false,
					&self->peer_addr));
	}
	EXPECT_TRUE(objects_come_to("hold", 0));
	ASSERT_EQ(num, ctl_guard_sockets(&self->ctl, id));
	end = now_ms() + STAT_WAIT;
	while (kernel_memory(group) < before + least && now_ms() < end)
		poll(NULL, 0, 100);
	EXPECT_LE(before + least, kernel_memory(group)) {
		TH_LOG("%ld bytes, before %ld", kernel_memory(group), before);
	}
	for (i = 0; i < num; i++)
		close(fds[i]);
	ASSERT_EQ(0, ctl_guard_del(&self->ctl, id));
	ASSERT_EQ(0, ctl_session_del(&self->ctl, session));
	rmdir(group);
}

/* TTL, TOS and source of a held packet are the sender's choice. */
TEST_F(guard, held_packets_keep_their_marks)
{
	int level = variant->kind == SOCK_V6 ? SOL_IPV6 : SOL_IP;
	int fd = sock_udp(variant->kind, FIRST, NULL);
	int ttl = 9, tos = 0x28, on = 1;
	uint8_t packet[100], got[300];
	char control[256] = { 0 };
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr msg = {
		.msg_name = &self->peer_addr.ss,
		.msg_namelen = self->peer_addr.len,
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	const uint8_t *got_ttl, *got_tos;

	if (variant->kind == SOCK_V6) {
		setsockopt(self->peer, level, IPV6_RECVHOPLIMIT, &on, 4);
		setsockopt(self->peer, level, IPV6_RECVTCLASS, &on, 4);
		cmsg_put(&msg, level, IPV6_HOPLIMIT, &ttl, sizeof(ttl));
		cmsg_put(&msg, level, IPV6_TCLASS, &tos, sizeof(tos));
	} else {
		setsockopt(self->peer, level, IP_RECVTTL, &on, 4);
		setsockopt(self->peer, level, IP_RECVTOS, &on, 4);
		cmsg_put(&msg, level, IP_TTL, &ttl, sizeof(ttl));
		cmsg_put(&msg, level, IP_TOS, &tos, sizeof(tos));
	}
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	ASSERT_EQ(100, sendmsg(fd, &msg, 0));
	ASSERT_NE(0, sock_poll(self->peer, POLLIN, SOCK_WAIT));
	iov = (struct iovec){ got, sizeof(got) };
	msg.msg_name = NULL;
	msg.msg_controllen = sizeof(control);
	ASSERT_LT(100, recvmsg(self->peer, &msg, 0));
	got_ttl = cmsg_find(&msg, level, variant->kind == SOCK_V6 ?
			    IPV6_HOPLIMIT : IP_TTL);
	got_tos = cmsg_find(&msg, level, variant->kind == SOCK_V6 ?
			    IPV6_TCLASS : IP_TOS);
	ASSERT_NE(NULL, got_ttl);
	ASSERT_NE(NULL, got_tos);
	EXPECT_EQ(9, *got_ttl);
	EXPECT_EQ(0x28, *got_tos);
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_GUARD_HELD));
	close(fd);
}

TEST_F(guard, caught_sender_leaks_nothing)
{
	static struct frame frame;
	struct caught caught;
	struct addr to;
	int fd, tap;

	ASSERT_EQ(0, caught_device(variant->kind, &to));
	/* outside the guard's range: attached by command */
	fd = caught_socket(variant->kind, 5555, &to);
	ASSERT_LE(0, fd);
	tap = tap_open("d0");
	ASSERT_LE(0, tap);
	ASSERT_TRUE(caught_start(&caught, fd, &to, 0, SSRC));
	ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, fd, NULL));
	ASSERT_EQ(0, caught_release(&caught));
	EXPECT_EQ(1000, caught.ret) {
		TH_LOG("the sender sees %s", strerror(caught.err));
	}
	EXPECT_STREQ("tx_leak+1", changes(self));
	while (!tap_next(tap, &frame)) {
		EXPECT_NE(1000, frame.len) {
			TH_LOG("clear media on the wire");
		}
	}
	/* and the next one is sealed */
	ASSERT_EQ(1000, sock_send(fd, caught.packet, 1000, &to));
	ASSERT_EQ(0, tap_next(tap, &frame));
	EXPECT_EQ(1000, rtp_open(frame.payload, frame.payload, frame.len,
				 &self->tx, NULL));
	close(tap);
	close(fd);
}

/* A sender caught inside a socket that then is attached by a packet it gets. */
static int catch_and_attach(FIXTURE_DATA(guard) *self, enum sock_kind kind,
			    struct caught *caught)
{
	struct addr to, addr;
	int fd;

	if (caught_device(kind, &to))
		return -EIO;
	fd = caught_socket(kind, FIRST, &to);
	if (fd < 0 || !caught_start(caught, fd, &to, 0, SSRC))
		return -EIO;
	addr_loopback(&addr, kind, FIRST);
	if (inject_media(self, 0, 1, false, &addr) ||
	    *expect_media(fd, 0, 1) || !is_attached(self, fd, true))
		return -EIO;
	return fd;
}

/* A guard's own: sealed like those before and after it. */
TEST_F(guard, caught_sender_of_a_guarded_socket)
{
	static struct frame frame;
	struct caught caught;
	int fd, tap, sealed = 0;

	fd = catch_and_attach(self, variant->kind, &caught);
	ASSERT_LE(0, fd);
	EXPECT_STREQ("rx_ok+1 guard_held+1", changes(self));
	/* its bytes, not read yet, may look as if a key had sealed them: one
	 * that is not ours
	 */
	caught.packet[12] = 0xe0;
	caught.packet[13] = FOREIGN_KID << 4 | 1;
	tap = tap_open("d0");
	ASSERT_LE(0, tap);
	ASSERT_EQ(0, caught_release(&caught));
	EXPECT_EQ(1000, caught.ret);
	EXPECT_TRUE(comes_to(self, E2EE_A_STAT_TX_OK, 1));
	EXPECT_STREQ("tx_ok+1 guard_held+1", changes(self));
	while (!tap_next(tap, &frame)) {
		if (frame.len < 1000)
			continue;	/* STUN that waited */
		EXPECT_EQ(1000, rtp_open(frame.payload, frame.payload,
					 frame.len, &self->tx, NULL));
		EXPECT_EQ(0, memcmp(frame.payload, caught.packet, 1000));
		sealed++;
	}
	EXPECT_EQ(1, sealed);
	close(tap);
	close(fd);
}

/* Where its guard is gone, another one sees to it that it does not leave. */
TEST_F(guard, caught_sender_of_a_deleted_guard)
{
	struct ctl_guard other = { .first = LAST + 1 };
	static struct frame frame;
	struct caught caught;
	uint32_t id;
	int fd, tap;

	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &other, &id));
	fd = catch_and_attach(self, variant->kind, &caught);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ctl_guard_del(&self->ctl, self->guard));
	EXPECT_STREQ("rx_ok+1 guard_held+1", changes(self));
	tap = tap_open("d0");
	ASSERT_LE(0, tap);
	ASSERT_EQ(0, caught_release(&caught));
	EXPECT_EQ(1000, caught.ret);
	EXPECT_STREQ("tx_leak+1", changes(self));
	while (!tap_next(tap, &frame))
		EXPECT_GT(1000, frame.len);
	close(tap);
	close(fd);
}

/*
 * More than a guard holds: they must all come before it has attached. Nothing
 * else runs on this CPU, where its work waits for its turn, while a thread that
 * is a real-time one does not sleep; unless it takes as long as the kernel
 * bears, for which there are more tries.
 */
#define TRIES	10

static int real_time(bool on)
{
	const struct sched_param param = { .sched_priority = on };

	sock_pin();
	return sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &param);
}

TEST_F(guard, sends_more_than_it_holds)
{
	unsigned int extra = 36, tries = 0;
	uint64_t held, dropped;
	int fd, err;

	do {
		fd = sock_udp(variant->kind, (uint16_t)(FIRST + tries), NULL);
		held = counted(self, E2EE_A_STAT_GUARD_HELD);
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP);
		ASSERT_EQ(0, real_time(true));
		err = send_media(fd, 0, HOLD + extra, false, &self->peer_addr);
		ASSERT_EQ(0, real_time(false));
		ASSERT_EQ(0, err);
		held = counted(self, E2EE_A_STAT_GUARD_HELD) - held;
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP) - dropped;
		EXPECT_STREQ("", expect_sealed(self, 0, dropped ? HOLD :
					       HOLD + extra));
		if (!dropped)
			close(fd);
	} while (!dropped && ++tries < TRIES);
	EXPECT_EQ(HOLD, held);
	EXPECT_EQ(extra, dropped);
	ASSERT_EQ(0, send_media(fd, 500, 5, false, &self->peer_addr));
	EXPECT_STREQ("", expect_sealed(self, 500, 5));
	close(fd);
}

TEST_F(guard, receives_more_than_it_holds)
{
	unsigned int extra = 36, tries = 0;
	uint64_t held, dropped;
	struct addr addr;
	int fd, err;

	do {
		fd = sock_udp(variant->kind, (uint16_t)(FIRST + tries), &addr);
		held = counted(self, E2EE_A_STAT_GUARD_HELD);
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP);
		ASSERT_EQ(0, real_time(true));
		err = inject_media(self, tries * 100, HOLD + extra, false,
				   &addr);
		ASSERT_EQ(0, real_time(false));
		ASSERT_EQ(0, err);
		held = counted(self, E2EE_A_STAT_GUARD_HELD) - held;
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP) - dropped;
		EXPECT_STREQ("", expect_media(fd, tries * 100, dropped ? HOLD :
					      HOLD + extra));
		if (!dropped)
			close(fd);
	} while (!dropped && ++tries < TRIES);
	EXPECT_EQ(HOLD, held);
	EXPECT_EQ(extra, dropped);
	ASSERT_EQ(0, inject_media(self, 5000, 5, false, &addr));
	EXPECT_STREQ("", expect_media(fd, 5000, 5));
	close(fd);
}

/* What waits is charged to nobody: it is no more than would be otherwise. */
TEST_F(guard, holds_no_more_than_a_buffer)
{
	int fd, err = 0, size = 10000, tries = 0;
	uint8_t packet[1000], got[1200];
	uint64_t held, dropped;

	do {
		fd = sock_udp(variant->kind, (uint16_t)(FIRST + tries), NULL);
		/* the kernel doubles it; a packet takes 1,000 to 3,000 of it */
		ASSERT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size,
					sizeof(size)));
		held = counted(self, E2EE_A_STAT_GUARD_HELD);
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP);
		ASSERT_EQ(0, real_time(true));
		for (uint16_t seq = 0; seq < HOLD && !err; seq++) {
			rtp_plain(packet, sizeof(packet), SSRC, seq);
			err = sock_send(fd, packet, sizeof(packet),
					&self->peer_addr) != sizeof(packet);
		}
		ASSERT_EQ(0, real_time(false));
		ASSERT_EQ(0, err);
		EXPECT_TRUE(objects_come_to("hold", 0));
		held = counted(self, E2EE_A_STAT_GUARD_HELD) - held;
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP) - dropped;
		while (sock_recv_now(self->peer, got, sizeof(got)) > 0)
			;
		close(fd);
	} while (!dropped && ++tries < TRIES);
	EXPECT_EQ(HOLD, held + dropped);
	EXPECT_LE(5, held);
	EXPECT_GE(22, held);
}

/*
 * A held packet that finds no room in its socket's buffer is lost, as with a
 * send() that does not wait: nothing but its hold could make some.
 */
TEST_F(guard, held_packet_finds_no_room)
{
	int fd, err, filled, small = 1, large = 20000, tries = 0;
	uint64_t failed = 0;
	struct addr to;

	ASSERT_EQ(0, caught_device(variant->kind, &to));
	do {
		fd = caught_socket(variant->kind, (uint16_t)(FIRST + tries),
				   &to);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large,
					sizeof(large)));
		ASSERT_EQ(0, real_time(true));
		err = send_media(fd, 0, 1, false, &to);
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		filled = caught_fill(fd, &to);
		ASSERT_EQ(0, real_time(false));
		ASSERT_EQ(0, err);
		ASSERT_EQ(0, filled);
		EXPECT_TRUE(objects_come_to("hold", 0)) {
			TH_LOG("waits for room");
		}
		failed = counted(self, E2EE_A_STAT_TX_FAILED);
		close(fd);
	} while (!failed && ++tries < TRIES);
	EXPECT_EQ(1, failed);
	EXPECT_EQ(tries, counted(self, E2EE_A_STAT_TX_OK));
	ASSERT_EQ(0, run("tc qdisc del dev d0 root"));
}

struct racer {
	pthread_t thread;
	int fd;
	uint32_t ssrc;
	const struct addr *to;
	volatile bool *attached;
	volatile bool *stop;
	int failed;
};

#define SENT_AFTER	0x0af7e401	/* RTP timestamp of a later packet */

static void *race(void *arg)
{
	struct racer *racer = arg;
	uint8_t packet[200];

	for (uint16_t seq = 0; !*racer->stop; seq++) {
		rtp_plain(packet, sizeof(packet), racer->ssrc, seq);
		if (*racer->attached)
			memcpy(packet + 4, &(uint32_t){ htonl(SENT_AFTER) }, 4);
		racer->failed += sock_send(racer->fd, packet, sizeof(packet),
					   racer->to) != 200;
	}
	return NULL;
}

/* Attached in the middle of traffic: what is sent from then on is sealed. */
TEST_F(guard, attached_under_traffic)
{
	volatile bool attached, stop;
	struct racer racers[2] = { 0 };
	uint8_t got[1000], opened[1000];
	unsigned int late = 0, clear = 0;
	int round, i, fd, n;

	for (round = 0; round < 20; round++) {
		fd = sock_udp(variant->kind, (uint16_t)(5600 + round), NULL);
		ASSERT_LE(0, fd);
		attached = false;
		stop = false;
		for (i = 0; i < 2; i++) {
			racers[i] = (struct racer){
				.fd = fd, .ssrc = (uint32_t)i,
				.to = &self->peer_addr,
				.attached = &attached, .stop = &stop,
			};
			pthread_create(&racers[i].thread, NULL, race,
				       &racers[i]);
		}
		/* some in clear first */
		ASSERT_EQ(200, sock_recv(self->peer, got, sizeof(got)));
		ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, fd, NULL));
		attached = true;
		/* and some that were surely sent afterwards */
		for (late = 0; late < 20; ) {
			n = sock_recv(self->peer, got, sizeof(got));
			ASSERT_LT(0, n);
			if (memcmp(got + 4, &(uint32_t){ htonl(SENT_AFTER) },
				   4)) {
				clear += n == 200;
				continue;
			}
			late++;
			ASSERT_EQ(200, rtp_open(opened, got, (size_t)n,
						&self->tx, NULL)) {
				TH_LOG("in clear, after attach returned");
			}
		}
		stop = true;
		for (i = 0; i < 2; i++) {
			pthread_join(racers[i].thread, NULL);
			EXPECT_EQ(0, racers[i].failed);
		}
		while (sock_recv_now(self->peer, got, sizeof(got)) > 0)
			;
		close(fd);
	}
	TH_LOG("%u in clear before, %llu leaks stopped", clear,
	       (unsigned long long)counted(self, E2EE_A_STAT_TX_LEAK));
}

TEST_HARNESS_MAIN
