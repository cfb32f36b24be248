// SPDX-License-Identifier: GPL-2.0
/*
 * Guards: an engine that knows nothing of us opens its sockets as it likes,
 * and not one packet of media leaves or arrives in clear. What guards hold is in
 * guard_hold_test.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/bpf.h>

#include "lib/caught.h"
#include "lib/file.h"
#include "lib/guarded.h"
#include "lib/kinds.h"
#include "lib/objects.h"

#define STAT_WAIT	10000	/* ms: the kernel sums statistics up each 2 s */

#ifndef UDP_ENCAP_ESPINUDP
#define UDP_ENCAP_ESPINUDP	2
#endif

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
	EXPECT_TRUE(is_attached(self, fd, true));
	EXPECT_EQ(100, counted(self, E2EE_A_STAT_TX_OK));
	/* they are sealed where they are */
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_GUARD_HELD));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_GUARD_DROP));
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
	for (i = 0; i < 40; i++)
		EXPECT_TRUE(is_attached(self, fds[i], true));
	EXPECT_EQ(40, ctl_guard_sockets(&self->ctl, self->guard));
	for (i = 0; i < 40; i++)
		close(fds[i]);
}

/* An engine that closes its socket behind its only packet. */
TEST_F(guard, sent_and_closed)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		/* the port of the one before is free at once */
		int fd = sock_udp(variant->kind, FIRST, NULL);

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
	EXPECT_TRUE(is_attached(self, fd, true));
	close(fd);
}

/* Nor does a socket get out of the range by losing its port half-way. */
TEST_F(guard, port_is_lost_meanwhile)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	int fd, on = 1, off = 0;

	/* by IPv4 it leaves from port 0, which is in no range */
	if (variant->kind != SOCK_V6)
		return;
	ASSERT_EQ(0, sysctl("net/ipv4/ip_local_port_range", "7001 7098"));
	fd = socket(sock_family(variant->kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, sock_connect(fd, &self->peer_addr));
	ASSERT_EQ(0, setsockopt(fd, SOL_UDP, UDP_CORK, &on, sizeof(on)));
	ASSERT_EQ(0, send_media(fd, 0, 1, false, NULL));
	connect(fd, &nowhere, sizeof(nowhere));
	setsockopt(fd, SOL_UDP, UDP_CORK, &off, sizeof(off));
	EXPECT_STREQ("", expect_sealed(self, 0, 1));
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

/*
 * A socket that cannot be attached sends nothing in clear all the same: its guard seals
 * what it sends, and drops what it receives.
 */
TEST_F(guard, attaching_fails)
{
	int encap = UDP_ENCAP_ESPINUDP;
	struct ctl_event event;
	struct addr addrs[2];
	int fds[2], i;

	fds[0] = sock_udp(variant->kind, FIRST, &addrs[0]);
	ASSERT_EQ(0, sock_connect(fds[0], &self->peer_addr));
	ASSERT_EQ(0, into_sockmap(fds[0]));
	fds[1] = sock_udp(variant->kind, FIRST + 1, &addrs[1]);
	ASSERT_EQ(0, setsockopt(fds[1], SOL_UDP, UDP_ENCAP, &encap,
				sizeof(encap)));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, send_media(fds[i], 0, 1, false,
					&self->peer_addr));
		EXPECT_STREQ("", expect_sealed(self, 0, 1));
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
	ASSERT_EQ(0, send_media(fds[0], 1, 9, false, NULL));
	EXPECT_STREQ("", expect_sealed(self, 1, 9));
	ASSERT_EQ(0, inject_media(self, 0, 1, false, &addrs[0]));
	ASSERT_EQ(0, inject_media(self, 1, 1, false, &addrs[1]));
	EXPECT_TRUE(comes_to(self, E2EE_A_STAT_GUARD_DROP, 2));
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

TEST_HARNESS_MAIN
