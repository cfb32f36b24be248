// SPDX-License-Identifier: GPL-2.0
/*
 * What a guard covers: ports, addresses, users and cgroups, of the socket or of the task
 * that sends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/cgroup.h"
#include "lib/guarded.h"

#define MEDIA	"/e2ee-rule/media"

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
		/* it is the packet that counts, not what its socket is bound to */
		EXPECT_TRUE(triggers(self, SOCK_V6, "::", 8002, 0));
		return;
	}
	guard.addr = &second;
	guard.addr_len = sizeof(second);
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_FALSE(triggers(self, variant->kind, "127.0.0.1", 8000, 0));
	EXPECT_TRUE(triggers(self, variant->kind, "127.0.0.2", 8001, 0));
	EXPECT_FALSE(triggers(self, variant->kind, "127.0.0.3", 8002, 0));
	/* it is the packet that counts, not what its socket is bound to */
	EXPECT_FALSE(triggers(self, variant->kind, "0.0.0.0", 8003, 0));
	EXPECT_EQ(1, ctl_guard_sockets(&self->ctl, id));
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

/* An engine that sends one packet from a socket, and goes; 1: sealed, 0: in clear */
static int sends_once(FIXTURE_DATA(guard) *self, int fd, uid_t uid,
		      const char *cgroup)
{
	uint8_t got[400];
	pid_t pid = fork();
	int status, n;

	if (!pid) {
		if ((cgroup && enter_cgroup(cgroup)) || (uid && setuid(uid)) ||
		    send_media(fd, 0, 1, false, &self->peer_addr))
			_exit(1);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return -1;
	n = sock_recv(self->peer, got, sizeof(got));
	return n < 0 ? n : n > 200;
}

static void make_cgroups(void)
{
	mkdir(CGROUPS "/e2ee-rule", 0755);
	mkdir(CGROUPS MEDIA, 0755);
	mkdir(CGROUPS MEDIA "/call", 0755);
	mkdir(CGROUPS "/e2ee-rule/other", 0755);
	mkdir(CGROUPS MEDIA "2", 0755);
}

static int remove_cgroups(void)
{
	rmdir(CGROUPS MEDIA "2");
	rmdir(CGROUPS "/e2ee-rule/other");
	rmdir(CGROUPS MEDIA "/call");
	rmdir(CGROUPS MEDIA);
	return rmdir(CGROUPS "/e2ee-rule");
}

TEST_F(guard, narrowed_by_cgroup)
{
	const char *lo = variant->kind == SOCK_V6 ? "::1" : "127.0.0.1";
	struct ctl_guard guard = {
		.first = 8000, .last = 8010, .cgroup = MEDIA,
	};
	uint32_t id;

	make_cgroups();
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8000, 0));
	ASSERT_EQ(0, enter_cgroup("/e2ee-rule/other"));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8001, 0));
	ASSERT_EQ(0, enter_cgroup(MEDIA "2"));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8004, 0));
	ASSERT_EQ(0, enter_cgroup(MEDIA));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 8002, 0));
	ASSERT_EQ(0, enter_cgroup(MEDIA "/call"));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 8003, 0));
	EXPECT_EQ(2, ctl_guard_sockets(&self->ctl, id));
	ASSERT_EQ(0, enter_cgroup(""));
	/* the guard does not hold the cgroup */
	EXPECT_EQ(0, remove_cgroups());
}

/* The cgroup alone, and all of the hierarchy. */
TEST_F(guard, cgroup_without_ports)
{
	const char *lo = variant->kind == SOCK_V6 ? "::1" : "127.0.0.1";
	struct ctl_guard guard = { .cgroup = MEDIA };
	/* not the peer, which is on this host, too */
	struct ctl_guard all = { .first = 2003, .cgroup = "/" };
	uint32_t id;

	make_cgroups();
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 2000, 0));
	ASSERT_EQ(0, enter_cgroup(MEDIA));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 2001, 0));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 61000, 0));
	ASSERT_EQ(0, enter_cgroup(""));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 2002, 0));
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &all, &id));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 2003, 0));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 2004, 0));
	EXPECT_EQ(0, remove_cgroups());
}

/* More cgroups than a guard remembers, again and again. */
TEST_F(guard, many_cgroups)
{
	struct ctl_guard guard = { .first = 8000, .cgroup = MEDIA };
	char path[64], file[128];
	uint32_t id;
	int fd;

	if (variant->connected || variant->gso)
		return;
	make_cgroups();
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	for (int i = 0; i < 24; i++) {
		snprintf(file, sizeof(file), CGROUPS "/e2ee-rule/n%d", i);
		mkdir(file, 0755);
	}
	for (int i = 0; i < 48; i++) {
		fd = sock_udp(variant->kind, 8000, NULL);
		ASSERT_LE(0, fd);
		snprintf(path, sizeof(path), "/e2ee-rule/n%d", i % 24);
		EXPECT_EQ(0, sends_once(self, fd, 0, path)) {
			TH_LOG("%d: %s", i, path);
		}
		EXPECT_EQ(1, sends_once(self, fd, 0, MEDIA)) {
			TH_LOG("%d: %s", i, MEDIA);
		}
		close(fd);
	}
	for (int i = 0; i < 24; i++) {
		snprintf(file, sizeof(file), CGROUPS "/e2ee-rule/n%d", i);
		EXPECT_EQ(0, rmdir(file));
	}
	EXPECT_EQ(0, remove_cgroups());
}

/* Does the guard, whose cgroup is shown as @path, wait for it? -1: not shown so */
static int is_waiting(FIXTURE_DATA(guard) *self, uint32_t id, const char *path)
{
	char shown[CTL_PATH];
	bool waiting;

	if (ctl_guard_cgroup(&self->ctl, id, shown, &waiting))
		return -1;
	return strcmp(shown, path) ? -1 : waiting;
}

/*
 * A service that is restarted: its cgroup is removed and made again, and there was none
 * when the guard was made.
 */
TEST_F(guard, cgroup_of_a_service)
{
	struct ctl_guard guard = { .cgroup = "/e2ee-rule/service" };
	int rounds = 100, clear = 0, lost = 0, fd, n;
	const char *long_run = getenv("E2EE_LONG");
	uint32_t id;

	if (variant->connected || variant->gso)
		return;
	if (long_run && *long_run)
		rounds = 1000;
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	mkdir(CGROUPS "/e2ee-rule", 0755);
	EXPECT_EQ(1, is_waiting(self, id, guard.cgroup));
	for (int i = 0; i < rounds; i++) {
		ASSERT_EQ(0, mkdir(CGROUPS "/e2ee-rule/service", 0755));
		EXPECT_EQ(0, is_waiting(self, id, guard.cgroup));
		/* every second socket is made by whoever starts the service */
		if (i % 2)
			ASSERT_EQ(0, enter_cgroup("/e2ee-rule/service"));
		fd = sock_udp(variant->kind, 8000, NULL);
		ASSERT_LE(0, fd);
		n = sends_once(self, fd, 0, "/e2ee-rule/service");
		clear += !n;
		lost += n < 0;
		close(fd);
		ASSERT_EQ(0, enter_cgroup(""));
		ASSERT_EQ(0, rmdir(CGROUPS "/e2ee-rule/service"));
		EXPECT_EQ(1, is_waiting(self, id, guard.cgroup));
	}
	EXPECT_EQ(0, clear);
	EXPECT_EQ(0, lost);
	EXPECT_EQ(0, rmdir(CGROUPS "/e2ee-rule"));
}

/* A socket that was made in the cgroup is the service's wherever its sender is. */
TEST_F(guard, socket_of_a_cgroup)
{
	struct ctl_guard guard = { .cgroup = MEDIA };
	uint32_t id;
	int fd;

	make_cgroups();
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	ASSERT_EQ(0, enter_cgroup(MEDIA));
	fd = sock_udp(variant->kind, 8000, NULL);
	ASSERT_EQ(0, enter_cgroup(""));
	/* the socket outlives its cgroup */
	EXPECT_EQ(0, remove_cgroups());
	EXPECT_EQ(1, sends_once(self, fd, 0, NULL));
	close(fd);
}

/* What a process whose cgroup namespace has @root for its root is shown; 0 or an error */
static int shown_in(FIXTURE_DATA(guard) *self, uint32_t id, const char *root,
		    const char *path)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(enter_cgroup(root) || unshare(CLONE_NEWCGROUP) ||
		      is_waiting(self, id, path));
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* The path of a container's cgroup is shorter in the container than outside. */
TEST_F(guard, cgroup_namespace)
{
	const char *lo = variant->kind == SOCK_V6 ? "::1" : "127.0.0.1";
	struct ctl_guard guard = {
		.first = 8000, .last = 8010, .cgroup = "/call",
	};
	uint32_t id;
	int status;
	pid_t pid;

	make_cgroups();
	pid = fork();
	if (!pid) {
		_exit(enter_cgroup(MEDIA) || unshare(CLONE_NEWCGROUP) ||
		      ctl_guard_new(&self->ctl, self->session, &guard, &id));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	id = self->guard + 1;
	EXPECT_EQ(0, is_waiting(self, id, MEDIA "/call"));
	EXPECT_EQ(0, shown_in(self, id, MEDIA, "/call"));
	EXPECT_EQ(0, shown_in(self, id, MEDIA "/call", "/"));
	/* another one, whose path only begins with the same letters */
	EXPECT_EQ(0, shown_in(self, id, MEDIA "2", "/.."));
	ASSERT_EQ(0, enter_cgroup(MEDIA "2"));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8000, 0));
	ASSERT_EQ(0, enter_cgroup(MEDIA));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8001, 0));
	ASSERT_EQ(0, enter_cgroup(MEDIA "/call"));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 8002, 0));
	ASSERT_EQ(0, enter_cgroup(""));
	EXPECT_EQ(0, remove_cgroups());
}

TEST_F(guard, paths_that_are_none)
{
	static const char *const paths[] = {
		"", "call", "/call/", "//", "/a//b", "/.", "/..", "/a/../b",
	};
	struct ctl_guard guard = { .first = 8000 };
	uint32_t id;

	for (unsigned int i = 0; i < ARRAY_SIZE(paths); i++) {
		guard.cgroup = paths[i];
		EXPECT_EQ(-EINVAL, ctl_guard_new(&self->ctl, self->session,
						 &guard, &id)) {
			TH_LOG("\"%s\"", paths[i]);
		}
	}
	guard.cgroup = "/...";
	EXPECT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_EQ(-EEXIST, ctl_guard_new(&self->ctl, self->session, &guard,
					 &id));
	guard.cgroup = "/.. .";
	EXPECT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
}

/* As long as a path may be, from the root of the hierarchy on. */
TEST_F(guard, longest_path)
{
	char path[CTL_PATH + 1];
	struct ctl_guard guard = { .cgroup = path };
	uint32_t id;
	int status;
	pid_t pid;

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[CTL_PATH - 1] = '\0';
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_EQ(1, is_waiting(self, id, path));
	make_cgroups();
	pid = fork();
	if (!pid)
		_exit(enter_cgroup(MEDIA) || unshare(CLONE_NEWCGROUP) ||
		      ctl_guard_new(&self->ctl, self->session, &guard, &id) !=
		      -ENAMETOOLONG);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, remove_cgroups());
}

TEST_F(guard, needs_ports_user_or_cgroup)
{
	struct in_addr addr = { htonl(INADDR_LOOPBACK) };
	struct ctl_guard guard = { 0 };
	const uint32_t uid = 1234;
	uint32_t id;

	EXPECT_EQ(-EINVAL, ctl_guard_new(&self->ctl, self->session, &guard,
					 &id));
	guard.addr = &addr;
	guard.addr_len = sizeof(addr);
	EXPECT_EQ(-EINVAL, ctl_guard_new(&self->ctl, self->session, &guard,
					 &id));
	guard.uid = &uid;
	EXPECT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
}

/* The engine makes its socket, and drops its privileges afterwards. */
TEST_F(guard, user_of_the_sender)
{
	const uint32_t uid = 1234;
	struct ctl_guard guard = { .uid = &uid };
	uint32_t id;
	int fd;

	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	fd = sock_udp(variant->kind, 8000, NULL);
	EXPECT_EQ(0, sends_once(self, fd, 0, NULL));
	EXPECT_EQ(0, sends_once(self, fd, 1235, NULL));
	EXPECT_EQ(1, sends_once(self, fd, 1234, NULL));
	/* attached by then */
	EXPECT_EQ(1, sends_once(self, fd, 0, NULL));
	close(fd);
}

/* It is the effective user who sends, and not the real one. */
TEST_F(guard, effective_user_of_the_sender)
{
	const uint32_t uid = 1234;
	struct ctl_guard guard = { .uid = &uid };
	static const struct {
		uid_t real;
		uid_t effective;
		int sealed;
	} users[] = { { 1234, 0, 0 }, { 0, 1234, 1 } };
	uint8_t got[400];
	uint32_t id;
	int fd, status;
	pid_t pid;

	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	fd = sock_udp(variant->kind, 8000, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(users); i++) {
		pid = fork();
		if (!pid)
			_exit(setresuid(users[i].real, users[i].effective, 0) ||
			      send_media(fd, i, 1, false, &self->peer_addr));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
		EXPECT_EQ(users[i].sealed,
			  sock_recv(self->peer, got, sizeof(got)) > 200);
	}
	close(fd);
}

/* Whoever sends to a socket is not its user: their task counts for their own sockets. */
TEST_F(guard, user_of_a_stranger)
{
	static const struct e2ee_port_range here[] = { { 8000, 8000 } };
	const uint32_t uid = 1234;
	struct ctl_guard guard = {
		.uid = &uid, .except = here, .num_except = ARRAY_SIZE(here),
	};
	uint8_t got[400];
	struct addr addr;
	uint32_t id;
	int fd, status;
	pid_t pid;

	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	fd = sock_udp(variant->kind, 8000, &addr);
	pid = fork();
	if (!pid)
		_exit(setuid(1234) ||
		      inject_media(self, 0, 1, false, &addr));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	/* nobody opened it, and nobody attached the socket */
	EXPECT_LT(200, sock_recv(fd, got, sizeof(got)));
	EXPECT_FALSE(is_attached(self, fd, false));
	EXPECT_STREQ("", changes(self));
	close(fd);
}

/* Where a packet is to leave from, beside it in a control message */
struct source {
	int level;
	int type;
	size_t len;
	union {
		struct in_pktinfo in;
		struct in6_pktinfo in6;
	} info;
};

static struct source source_of(const struct addr *addr)
{
	const struct sockaddr_in6 *in6 = (const void *)&addr->ss;
	const struct sockaddr_in *in = (const void *)&addr->ss;
	struct source source = {
		.level = SOL_IPV6, .type = IPV6_PKTINFO,
		.len = sizeof(source.info.in6),
	};

	if (addr->ss.ss_family == AF_INET6) {
		source.info.in6.ipi6_addr = in6->sin6_addr;
		return source;
	}
	source.level = SOL_IP;
	source.type = IP_PKTINFO;
	source.len = sizeof(source.info.in);
	source.info.in.ipi_spec_dst = in->sin_addr;
	return source;
}

/* 1: sealed, 0: in clear, or an error */
static int sends_from(FIXTURE_DATA(guard) *self, int fd,
		      const struct addr *from)
{
	struct source source = source_of(from);
	uint8_t packet[200], got[400];
	struct iovec iov = { packet, sizeof(packet) };
	char control[256] = { 0 };
	struct msghdr msg = {
		.msg_name = &self->peer_addr.ss,
		.msg_namelen = self->peer_addr.len,
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	int n;

	rtp_plain(packet, sizeof(packet), SSRC, 1);
	cmsg_put(&msg, source.level, source.type, &source.info, source.len);
	if (sendmsg(fd, &msg, 0) != sizeof(packet))
		return -errno;
	n = sock_recv(self->peer, got, sizeof(got));
	return n < 0 ? n : n > 200;
}

#define FIRST_OF(kind)	((kind) == SOCK_V6 ? "::1" : "127.0.0.1")
#define SECOND_OF(kind)	((kind) == SOCK_V6 ? "2001:db8::1" : "127.0.0.2")
#define ANY_OF(kind)	((kind) == SOCK_V6 ? "::" : "0.0.0.0")

/* A host has two addresses, and the second one is guarded. */
static int guard_second(FIXTURE_DATA(guard) *self, enum sock_kind kind,
			uint32_t *id)
{
	struct ctl_guard guard = { .first = 8000, .last = 8009 };
	struct in6_addr in6;

	if (run("ip -6 addr add 2001:db8::1/128 dev lo nodad"))
		return -EIO;
	/* IPv4 that is mapped is IPv4 */
	inet_pton(AF_INET6, kind == SOCK_V6 ? "2001:db8::1" :
		  "::ffff:127.0.0.2", &in6);
	guard.addr = kind == SOCK_V4 ? &in6.s6_addr[12] : in6.s6_addr;
	guard.addr_len = kind == SOCK_V4 ? 4 : 16;
	return ctl_guard_new(&self->ctl, self->session, &guard, id);
}

static int bound_to(enum sock_kind kind, const char *address, uint16_t port)
{
	int fd = socket(sock_family(kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct addr addr;

	addr_parse(&addr, kind, address, port);
	/* "::ffff:0.0.0.0" sends no IPv6, and takes no source by IPV6_PKTINFO */
	if (kind == SOCK_MAPPED)
		addr_parse(&addr, SOCK_V6, "::", port);
	return bind(fd, (void *)&addr.ss, addr.len) ? -errno : fd;
}

TEST_F(guard, address_a_packet_leaves_from)
{
	struct addr first, second;
	uint32_t id;
	int fd;

	addr_parse(&first, variant->kind, FIRST_OF(variant->kind), 0);
	addr_parse(&second, variant->kind, SECOND_OF(variant->kind), 0);
	ASSERT_EQ(0, guard_second(self, variant->kind, &id));
	fd = bound_to(variant->kind, ANY_OF(variant->kind), 8000);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, sends_from(self, fd, &first));
	EXPECT_FALSE(is_attached(self, fd, false));
	EXPECT_EQ(1, sends_from(self, fd, &second));
	EXPECT_TRUE(is_attached(self, fd, true));
	/* an attached socket is attached, whatever it sends */
	EXPECT_EQ(1, sends_from(self, fd, &first));
	close(fd);
}

TEST_F(guard, address_a_packet_comes_to)
{
	struct addr first, second;
	uint8_t got[400];
	uint32_t id;
	int fd;

	ASSERT_EQ(0, guard_second(self, variant->kind, &id));
	fd = bound_to(variant->kind, ANY_OF(variant->kind), 8000);
	ASSERT_LE(0, fd);
	addr_parse(&first, variant->kind, FIRST_OF(variant->kind), 8000);
	addr_parse(&second, variant->kind, SECOND_OF(variant->kind), 8000);
	ASSERT_EQ(0, inject_media(self, 0, 1, false, &first));
	EXPECT_LT(200, sock_recv(fd, got, sizeof(got)));
	EXPECT_FALSE(is_attached(self, fd, false));
	ASSERT_EQ(0, inject_media(self, 1, 2, false, &second));
	EXPECT_STREQ("", expect_media(fd, 1, 2));
	EXPECT_TRUE(is_attached(self, fd, true));
	close(fd);
}

/* A multicast leaves from an address of the host, and comes to that of the group. */
TEST_F(guard, address_of_a_multicast)
{
	struct ip_mreqn one = { 0 };
	struct in_addr second, group;
	struct ctl_guard guard = {
		.first = 8000, .addr = &second, .addr_len = sizeof(second),
	};
	struct ctl_guard listener = {
		.first = 8001, .addr = &group, .addr_len = sizeof(group),
	};
	struct addr to;
	uint32_t id;
	int fd, on = 1, ear, n;
	uint8_t got[400];

	if (variant->kind != SOCK_V4)
		return;
	ASSERT_EQ(0, run("ip link add d0 type dummy && ip link set d0 up && ip addr add 10.9.0.1/24 dev d0 && ip addr add 10.9.0.2/24 dev d0"));
	inet_pton(AF_INET, "10.9.0.2", &second);
	inet_pton(AF_INET, "239.9.9.9", &group);
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &listener, &id));
	one.imr_multiaddr = group;
	one.imr_ifindex = (int)if_nametoindex("d0");
	ear = bound_to(SOCK_V4, "239.9.9.9", 9001);
	ASSERT_EQ(0, setsockopt(ear, SOL_IP, IP_ADD_MEMBERSHIP, &one,
				sizeof(one)));
	addr_parse(&to, SOCK_V4, "239.9.9.9", 9001);
	fd = bound_to(SOCK_V4, "0.0.0.0", 8000);
	for (int i = 1; i <= 2; i++) {
		one.imr_address.s_addr = htonl(0x0a090000 + (uint32_t)i);
		ASSERT_EQ(0, setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &one,
					sizeof(one)));
		ASSERT_EQ(0, send_media(fd, 0, 1, false, &to));
		n = sock_recv(ear, got, sizeof(got));
		EXPECT_EQ(i == 2, n > 200);
		EXPECT_LT(0, n);
	}
	close(fd);
	close(ear);
	/* receiving: the peer sends by the same link */
	fd = bound_to(SOCK_V4, "0.0.0.0", 8001);
	ASSERT_EQ(0, setsockopt(fd, SOL_IP, IP_ADD_MEMBERSHIP, &one,
				sizeof(one)));
	close(self->peer);
	self->peer = bound_to(SOCK_V4, "0.0.0.0", 9000);
	one.imr_address.s_addr = htonl(0x0a090001);
	ASSERT_EQ(0, setsockopt(self->peer, SOL_IP, IP_MULTICAST_IF, &one,
				sizeof(one)));
	ASSERT_EQ(0, setsockopt(self->peer, SOL_IP, IP_MULTICAST_LOOP, &on,
				sizeof(on)));
	addr_parse(&to, SOCK_V4, "10.9.0.1", 8001);
	ASSERT_EQ(0, inject_media(self, 0, 1, false, &to));
	EXPECT_LT(200, sock_recv(fd, got, sizeof(got)));
	EXPECT_FALSE(is_attached(self, fd, false));
	addr_parse(&to, SOCK_V4, "239.9.9.9", 8001);
	ASSERT_EQ(0, inject_media(self, 1, 2, false, &to));
	EXPECT_STREQ("", expect_media(fd, 1, 2));
	EXPECT_TRUE(is_attached(self, fd, true));
	close(fd);
}

/* What goes to the ports of other protocols, or comes from them, is theirs. */
TEST_F(guard, excepted_peers)
{
	static const uint16_t usual[] = {
		1, 53, 123, 1023, 1812, 1813, 1900, 3702, 5060, 5061, 5353,
		5355, 5683, 5684,
	};
	uint8_t packet[200], got[400];
	struct addr addr, peer_addr;
	int fd, peer;

	rtp_plain(packet, sizeof(packet), SSRC, 1);
	fd = sock_udp(variant->kind, FIRST, &addr);
	for (unsigned int i = 0; i < ARRAY_SIZE(usual); i++) {
		peer = sock_udp(variant->kind, usual[i], &peer_addr);
		ASSERT_LE(0, peer);
		ASSERT_EQ(200, sock_send(fd, packet, 200, &peer_addr));
		EXPECT_EQ(200, sock_recv(peer, got, sizeof(got))) {
			TH_LOG("to port %u", usual[i]);
		}
		ASSERT_EQ(200, sock_send(peer, packet, 200, &addr));
		EXPECT_EQ(200, sock_recv(fd, got, sizeof(got))) {
			TH_LOG("from port %u", usual[i]);
		}
		close(peer);
	}
	EXPECT_FALSE(is_attached(self, fd, false));
	EXPECT_STREQ("", changes(self));
	close(fd);
}

TEST_F(guard, excepted_peers_of_its_own)
{
	static const struct e2ee_port_range mine[] = {
		{ 2000, 2002 }, { 9000, 9000 },
	};
	const char *lo = variant->kind == SOCK_V6 ? "::1" : "127.0.0.1";
	struct ctl_guard guard = {
		.first = 8000, .except = mine, .num_except = ARRAY_SIZE(mine),
	};
	struct ctl_guard none = { .first = 8001, .except = mine };
	uint8_t packet[200], got[400];
	struct addr peer_addr;
	uint32_t id;
	int fd, peer;

	/* the peer of the fixture is at port 9000 */
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	EXPECT_FALSE(triggers(self, variant->kind, lo, 8000, 0));
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &none, &id));
	EXPECT_TRUE(triggers(self, variant->kind, lo, 8001, 0));
	/* and 53 is a port like any other */
	peer = sock_udp(variant->kind, 53, &peer_addr);
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	for (uint16_t port = 8000; port <= 8001; port++) {
		fd = sock_udp(variant->kind, port, NULL);
		ASSERT_EQ(200, sock_send(fd, packet, 200, &peer_addr));
		EXPECT_LT(200, sock_recv(peer, got, sizeof(got)));
		close(fd);
	}
	close(peer);
}

TEST_HARNESS_MAIN
