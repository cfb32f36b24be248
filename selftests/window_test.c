// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of replay windows: a window is made by a packet, in nobody's name, so
 * a namespace has only so much for them; more of it in the host's user namespace
 * than in a container's. Each key brings that of its first window along.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC	0x3317d0
#define SIZE	65536		/* of a window, packets: 8 KiB */
#define KEYS	40
#define SOCKETS	60
#define PAIRS	(KEYS * SOCKETS)
#define LIMIT	(16 << 20)	/* bytes, in a user namespace of one's own */

FIXTURE(window)
{
	struct scene scene;
	struct sframe_key keys[KEYS];
	int fds[SOCKETS];
	struct addr addrs[SOCKETS];
};

FIXTURE_VARIANT(window)
{
	bool container;
};

FIXTURE_VARIANT_ADD(window, host) { .container = false };
FIXTURE_VARIANT_ADD(window, container) { .container = true };

static int user_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWUSER))
		return -errno;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0 0 1", 5) != 5)
		return -errno;
	close(fd);
	return 0;
}

static int open_sockets(FIXTURE_DATA(window) *self)
{
	int err = 0;

	for (unsigned int i = 0; i < SOCKETS && !err; i++) {
		self->fds[i] = sock_udp(SOCK_V4, 0, &self->addrs[i]);
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
	const struct ctl_session options = { .window = SIZE };

	ASSERT_TRUE(objects_all_gone());
	if (variant->container)
		ASSERT_EQ(0, user_namespace());
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, &options));
	for (unsigned int i = 0; i < KEYS; i++) {
		sframe_key_random(&self->keys[i], 5, i);
		ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX,
				       &self->keys[i], NULL));
	}
	ASSERT_EQ(0, open_sockets(self));
	/* connected it would send to one only */
	close(self->scene.peer);
	self->scene.peer = sock_udp(SOCK_V4, 0, NULL);
	ASSERT_LE(0, self->scene.peer);
}

FIXTURE_TEARDOWN(window)
{
	close_sockets(self);
	scene_close(&self->scene);
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
	for (unsigned int i = 0; i < KEYS; i++)
		sock_send(self->scene.peer, wire,
			  rtp_seal(wire, &rtp, &self->keys[i], ctr),
			  &self->addrs[to]);
	sock_send(self->scene.peer, marker, len, &self->addrs[to]);
	for (;; arrived++) {
		n = sock_recv(self->fds[to], wire, sizeof(wire));
		if (n < 0)
			return n;
		if ((size_t)n == len)
			return arrived;
	}
}

TEST_F(window, limited)
{
	uint64_t stats[CTL_STATS];
	int arrived = 0, n;

	ASSERT_EQ(0, sock_pin());
	for (unsigned int i = 0; i < SOCKETS; i++) {
		n = all_keys(self, i, 0);
		ASSERT_LE(0, n);
		arrived += n;
	}
	ASSERT_EQ(0, ctl_session_stats(&self->scene.ctl, self->scene.session,
				       stats));
	EXPECT_EQ(arrived, stats[E2EE_A_STAT_RX_OK]);
	EXPECT_EQ(PAIRS - arrived, stats[E2EE_A_STAT_RX_BUSY]);
	if (!variant->container) {
		EXPECT_EQ(PAIRS, arrived);
		return;
	}
	/* the first of each key was there already */
	EXPECT_GE(KEYS + LIMIT / (SIZE / 8), arrived);
	EXPECT_LE(KEYS + LIMIT / (SIZE / 8 + 256), arrived);
	/* who has a window goes on */
	EXPECT_EQ(KEYS, all_keys(self, 0, 1));
	/* what others had is free again */
	close_sockets(self);
	ASSERT_TRUE(objects_come_to("window", 0));
	ASSERT_EQ(0, open_sockets(self));
	EXPECT_EQ(KEYS, all_keys(self, SOCKETS - 1, 2));
}

TEST_HARNESS_MAIN
