// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of replay windows: a window is made by a packet, and charged to the
 * memory cgroup of whoever made the session, not of whoever sends. At its limit
 * each key still gets one; packets that need another are dropped; the rest goes on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/scene.h"
#include "lib/tun.h"
#include "lib/user.h"

#define SSRC	0x3317d0
#define KEYS	80
#define SOCKETS	60
#define HALF	(SOCKETS / 2)
#define ROOT	"/sys/fs/cgroup"

FIXTURE(window)
{
	struct scene scene;
	int tun;
	char maker[64];			/* cgroup of the session's maker */
	char sender[64];
	struct sframe_key keys[KEYS];
	int fds[SOCKETS];
	struct addr addrs[SOCKETS];
};

/* windows come from different caches; packets in a softirq or a process */
FIXTURE_VARIANT(window)
{
	bool container;
	bool tun;
	uint32_t size;			/* of a window, packets */
};

FIXTURE_VARIANT_ADD(window, host) { .size = E2EE_WINDOW_DEFAULT };
FIXTURE_VARIANT_ADD(window, process)
{
	.size = E2EE_WINDOW_DEFAULT, .tun = true,
};

FIXTURE_VARIANT_ADD(window, container) { .size = 65536, .container = true };

static int group_write(const char *group, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	return file_write(path, value);
}

static int group_enter(const char *group)
{
	return group_write(group, "cgroup.procs", "0");
}

static int group_limit(const char *group, long bytes)
{
	char value[32];

	snprintf(value, sizeof(value), "%ld", bytes);
	return group_write(group, "memory.max", value);
}

static long group_bytes(const char *group)
{
	long bytes = LONG_MIN;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.current", group);
	file = fopen(path, "re");
	if (!file)
		return bytes;
	if (fscanf(file, "%ld", &bytes) != 1)
		bytes = LONG_MIN;
	fclose(file);
	return bytes;
}

static int groups_make(FIXTURE_DATA(window) *self)
{
	int err = group_write(ROOT, "cgroup.subtree_control", "+memory");

	snprintf(self->maker, sizeof(self->maker), ROOT "/e2ee-maker-%d",
		 getpid());
	snprintf(self->sender, sizeof(self->sender), ROOT "/e2ee-sender-%d",
		 getpid());
	if (!err && (mkdir(self->maker, 0755) || mkdir(self->sender, 0755)))
		err = -errno;
	return err;
}

static int open_sockets(FIXTURE_DATA(window) *self)
{
	struct addr *addr;
	int err = 0;

	for (unsigned int i = 0; i < SOCKETS && !err; i++) {
		addr = &self->addrs[i];
		addr_parse(addr, SOCK_V4, self->tun < 0 ? "127.0.0.1" :
			   TUN_LOCAL, 0);
		self->fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bind(self->fds[i], (void *)&addr->ss, addr->len) ||
		    getsockname(self->fds[i], (void *)&addr->ss, &addr->len))
			return -errno;
		err = ctl_attach(&self->scene.ctl, self->scene.session,
				 self->fds[i], NULL);
	}
	return err;
}

static void close_sockets(FIXTURE_DATA(window) *self)
{
	for (unsigned int i = 0; i < SOCKETS; i++)
		close(self->fds[i]);
}

FIXTURE_SETUP(window)
{
	const struct ctl_session options = { .window = variant->size };

	ASSERT_TRUE(objects_all_gone());
	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, groups_make(self));
	if (variant->container)
		ASSERT_EQ(0, user_namespace());
	ASSERT_EQ(0, group_enter(self->maker));
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, &options));
	/* all else is charged elsewhere */
	ASSERT_EQ(0, group_enter(ROOT));
	for (unsigned int i = 0; i < KEYS; i++) {
		sframe_key_random(&self->keys[i], 5, i);
		ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX,
				       &self->keys[i], NULL));
	}
	self->tun = -1;
	if (variant->tun) {
		self->tun = tun_open();
		ASSERT_LE(0, self->tun);
	}
	ASSERT_EQ(0, open_sockets(self));
	/* connected it would send to one only */
	close(self->scene.peer);
	self->scene.peer = sock_udp(SOCK_V4, 0, NULL);
	ASSERT_LE(0, self->scene.peer);
}

FIXTURE_TEARDOWN(window)
{
	EXPECT_EQ(0, group_enter(ROOT));
	close_sockets(self);
	close(self->tun);
	scene_close(&self->scene);
	EXPECT_EQ(0, rmdir(self->maker));
	EXPECT_EQ(0, rmdir(self->sender));
}

static int bring(FIXTURE_DATA(window) *self, const void *wire, size_t len,
		 unsigned int to)
{
	if (self->tun < 0)
		return sock_send(self->scene.peer, wire, len,
				 &self->addrs[to]);
	return tun_write(self->tun, 4000, addr_port(&self->addrs[to]), wire,
			 len);
}

/* One packet of each key, @ctr, to a socket; how many arrive, or -errno */
static int all_keys(FIXTURE_DATA(window) *self, unsigned int to, uint64_t ctr)
{
	uint8_t clear[100], wire[200], marker[64];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = clear,
		.len = sizeof(clear),
	};
	size_t len = stun_build(marker);
	int n, arrived = 0;

	rtp_fill(clear, sizeof(clear), 1);
	for (unsigned int i = 0; i < KEYS; i++) {
		n = bring(self, wire, rtp_seal(wire, &rtp, &self->keys[i], ctr),
			  to);
		if (n < 0)
			return n;
	}
	n = bring(self, marker, len, to);
	if (n < 0)
		return n;
	for (;; arrived++) {
		n = sock_recv(self->fds[to], wire, sizeof(wire));
		if (n < 0)
			return n;
		if ((size_t)n == len)
			return arrived;
	}
}

/* The same to many; how many arrive, or -errno */
static int all_pairs(FIXTURE_DATA(window) *self, unsigned int first,
		     unsigned int end, uint64_t ctr)
{
	int n, arrived = 0;

	for (unsigned int i = first; i < end; i++) {
		n = all_keys(self, i, ctr);
		if (n < 0)
			return n;
		arrived += n;
	}
	return arrived;
}

TEST_F(window, charged)
{
	const long bits = variant->size / 8;
	const long slack = 512 << 10;	/* what CPUs charge in advance */
	long before, sender, rise;
	uint64_t stats[CTL_STATS];
	int arrived, more;

	before = group_bytes(self->maker);
	ASSERT_LE(0, before);
	sender = group_bytes(self->sender);
	ASSERT_LE(0, sender);
	ASSERT_EQ(0, group_enter(self->sender));
	arrived = all_pairs(self, 0, HALF, 0);
	ASSERT_EQ(0, group_enter(ROOT));
	ASSERT_EQ(KEYS * HALF, arrived);
	rise = group_bytes(self->maker) - before;
	TH_LOG("%ld bytes a window", rise / arrived);
	EXPECT_LE(arrived * bits, rise);
	EXPECT_GE(arrived * (2 * bits + 512) + slack, rise);
	EXPECT_GT(rise / 2, group_bytes(self->sender) - sender);

	/* room for a quarter of that */
	ASSERT_EQ(0, group_limit(self->maker, before + rise + rise / 4));
	more = all_pairs(self, HALF, SOCKETS, 0);
	EXPECT_LE(arrived / 8, more);
	EXPECT_GE(rise / 4 + slack, more * bits);
	EXPECT_GT(arrived, more);
	ASSERT_EQ(0, ctl_session_stats(&self->scene.ctl, self->scene.session,
				       stats));
	EXPECT_EQ(arrived + more, stats[E2EE_A_STAT_RX_OK]);
	EXPECT_EQ(arrived - more, stats[E2EE_A_STAT_RX_BUSY]);
	/* who has a window goes on */
	EXPECT_EQ(arrived, all_pairs(self, 0, HALF, 1));
	/* what others had is free again */
	close_sockets(self);
	ASSERT_TRUE(objects_come_to("window", 0));
	EXPECT_GE(before + rise / 2, group_bytes(self->maker));
	ASSERT_EQ(0, open_sockets(self));
	EXPECT_EQ(arrived, all_pairs(self, HALF, SOCKETS, 2));
}

TEST_F(window, first_of_a_key)
{
	const long slack = 512 << 10;	/* what CPUs charged in advance */
	const long limit = group_bytes(self->maker);
	int more;

	ASSERT_EQ(0, group_limit(self->maker, limit));
	EXPECT_EQ(KEYS, all_keys(self, 0, 0));
	/* beyond the limit there is no room for wide windows */
	EXPECT_GT(limit + slack, group_bytes(self->maker));
	more = all_pairs(self, 1, SOCKETS, 0);
	ASSERT_LE(0, more);
	EXPECT_GE(slack, more * (long)variant->size / 8);
	EXPECT_EQ(KEYS, all_keys(self, 0, 1));
}

TEST_HARNESS_MAIN
