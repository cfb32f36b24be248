// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out under the data path, one allocation after the other: what is
 * sent leaves sealed or not at all, no CTR twice; what is received is opened or
 * lost, and a packet that was lost for want of memory may come again.
 *
 *	fd, attached, TUN_LOCAL <---- tun ----> this program: the wire
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>

#include "lib/ctl.h"
#include "lib/fault.h"
#include "lib/figures.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/objects.h"
#include "lib/rtp.h"
#include "lib/sframe.h"
#include "lib/sock.h"
#include "lib/tun.h"

#define SSRC		0xfa17fa17
#define PORT		5000
#define GUARDED		5100
#define REMOTE		6000
#define RTX_PT		97
#define CTRS		65536
#define BIG		4000	/* more than the module keeps buffers for */
#define SEGMENT		1000
#define BURST		3
#define POINTS_MAX	2000

FIXTURE(path)
{
	struct ctl ctl;
	struct ctl events;	/* somebody listens: events are made */
	uint32_t session;
	int tun;
	int tap;		/* others see the same packets */
	int fd;
	struct sframe_key tx;
	struct sframe_key rx;
	bool used[CTRS];
	uint16_t seq;
	uint64_t stats[CTL_STATS];
};

FIXTURE_VARIANT(path)
{
	const char *crypto;
};

FIXTURE_VARIANT_ADD(path, usual) { .crypto = NULL };
FIXTURE_VARIANT_ADD(path, async) { .crypto = "e2ee-late" };

static int bound(uint16_t port)
{
	struct addr local, remote;
	int fd;

	addr_parse(&local, SOCK_V4, TUN_LOCAL, port);
	addr_parse(&remote, SOCK_V4, TUN_REMOTE, REMOTE);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (void *)&local.ss, local.len) ||
	    connect(fd, (void *)&remote.ss, remote.len))
		return -errno;
	return fd;
}

static int key_new(FIXTURE_DATA(path) *self, uint32_t dir,
		   const struct sframe_key *key)
{
	struct ctl_key request = {
		.dir = dir, .kid = key->kid, .suite = key->suite,
		.secret = key->secret, .salt = key->salt,
		.mode = E2EE_SSRC_ANY,
	};

	return ctl_key_new(&self->ctl, self->session, &request);
}

FIXTURE_SETUP(path)
{
	static const uint8_t rtx_pt = RTX_PT;
	const struct ctl_session options = {
		.crypto = variant->crypto, .rtx_pt = &rtx_pt, .rtx_pts = 1,
	};

	ASSERT_EQ(0, fault_open()) {
		TH_LOG("this kernel injects no faults");
	}
	if (variant->crypto) {
		ASSERT_EQ(0, module_load("e2ee_late"));
	}
	ASSERT_TRUE(objects_all_gone());
	ASSERT_EQ(0, sock_netns());
	self->tun = tun_open();
	ASSERT_LE(0, self->tun);
	self->tap = tap_open("tun0");
	ASSERT_LE(0, self->tap);
	ASSERT_EQ(0, ctl_open(&self->ctl));
	ASSERT_EQ(0, ctl_events_open(&self->events));
	ASSERT_EQ(0, ctl_session_new(&self->ctl, "path", &options,
				     &self->session));
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	ASSERT_EQ(0, key_new(self, E2EE_DIR_TX, &self->tx));
	ASSERT_EQ(0, key_new(self, E2EE_DIR_RX, &self->rx));
	self->fd = bound(PORT);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, self->fd, NULL));
}

FIXTURE_TEARDOWN(path)
{
	close(self->fd);
	close(self->tap);
	close(self->tun);
	ctl_close(&self->events);
	ctl_close(&self->ctl);
	EXPECT_TRUE(objects_come_to("socket", 0));
	if (variant->crypto) {
		/* keys of the namespace, which is left with this process */
		sock_netns();
		EXPECT_EQ(0, module_unload_soon("e2ee_late"));
	}
}

/* Verdicts since the last call, in the order of enum e2ee_stat */
static uint64_t verdicts(FIXTURE_DATA(path) *self, unsigned int first,
			 unsigned int last)
{
	uint64_t now[CTL_STATS], sum = 0;

	if (ctl_session_stats(&self->ctl, self->session, now))
		abort();
	for (unsigned int i = first; i <= last; i++)
		sum += now[i] - self->stats[i];
	memcpy(self->stats, now, sizeof(now));
	return sum;
}

static uint64_t verdicts_tx(FIXTURE_DATA(path) *self)
{
	return verdicts(self, E2EE_A_STAT_TX_OK, E2EE_A_STAT_TX_BLOCKED);
}

static void drain_tap(FIXTURE_DATA(path) *self)
{
	static struct frame frame;

	while (!tap_next(self->tap, &frame))
		;
}

/* All that is on the wire is sealed, by us, and with a CTR of its own. */
static const char *look(FIXTURE_DATA(path) *self, unsigned int *num)
{
	uint8_t wire[RTP_ROOM], opened[RTP_ROOM], wanted[RTP_ROOM];
	uint64_t ctr;
	int n, len;

	for (*num = 0;; ++*num) {
		n = tun_read(self->tun, wire, sizeof(wire));
		if (n == -EAGAIN)
			return "";
		if (n < 0)
			return strerror(-n);
		len = rtp_open(opened, wire, (size_t)n, &self->tx, &ctr);
		if (len < 0)
			return "not sealed";
		rtp_plain(wanted, (size_t)len, SSRC, rtp_seq(opened));
		if (memcmp(wanted, opened, (size_t)len))
			return "other bytes than were sent";
		if (ctr >= CTRS || self->used[ctr])
			return "a CTR twice";
		self->used[ctr] = true;
	}
}

static bool fitting(int err)
{
	return err >= 0 || err == -ENOMEM || err == -ENOBUFS ||
	       err == -EFAULT || err == -EIO || err == -EAGAIN;
}

struct burst {
	size_t len;
	uint16_t segment;	/* 0: one packet */
	unsigned int packets;
};

static int send_burst(FIXTURE_DATA(path) *self, const struct burst *burst)
{
	uint8_t data[RTP_ROOM];
	size_t at, len;

	for (at = 0; at < burst->len; at += len) {
		len = burst->segment ? burst->segment : burst->len;
		if (len > burst->len - at)
			len = burst->len - at;
		rtp_plain(data + at, len, SSRC, self->seq++);
	}
	if (burst->segment)
		return sock_send_gso(self->fd, data, burst->len,
				     burst->segment, NULL);
	return sock_send(self->fd, data, burst->len, NULL);
}

/* "" or what is wrong with a send that returned @err */
static const char *judge_send(FIXTURE_DATA(path) *self,
			      const struct burst *burst, int err)
{
	uint64_t counted = verdicts_tx(self);
	unsigned int left;
	const char *wrong;

	drain_tap(self);
	wrong = look(self, &left);
	if (*wrong)
		return wrong;
	if (!fitting(err))
		return strerror(-err);
	/* the kernel may fail before us: with these it may be either */
	if (counted != burst->packets &&
	    !(counted == 0 && (err == -EFAULT || err == -ENOMEM)))
		return "verdicts are not as many as packets";
	/* fragments and segments are made below us, out of memory, too */
	if (left > burst->packets)
		return "more on the wire than was sent";
	return "";
}

/* Points that failed */
static unsigned int sweep_send(FIXTURE_DATA(path) *self,
			       const struct burst *burst,
			       struct __test_metadata *_metadata)
{
	unsigned int nth, points = 0;
	const char *wrong;
	bool hit = true;
	int err;

	verdicts_tx(self);
	for (nth = 1; hit && nth < POINTS_MAX; nth++) {
		fault_begin(nth);
		err = send_burst(self, burst);
		hit = fault_end();
		wrong = judge_send(self, burst, err);
		EXPECT_STREQ("", wrong) {
			TH_LOG("%zu bytes, allocation %u, returned %d",
			       burst->len, nth, err);
		}
		points += hit;
	}
	EXPECT_EQ((int)burst->len, err);
	EXPECT_LT(nth, POINTS_MAX);
	TH_LOG("%zu bytes in %u: %u points", burst->len, burst->packets,
	       points);
	figure_add("fault_path", "fault_points", points);
	return points;
}

static const struct burst bursts[] = {
	{ 200, 0, 1 },
	{ BIG, 0, 1 },
	{ BURST * SEGMENT, SEGMENT, BURST },
	{ BURST * SEGMENT - 300, SEGMENT, BURST },
};

TEST_F(path, sending)
{
	/* fragments are not put together again here */
	ASSERT_EQ(0, run("ip link set tun0 mtu 65000"));
	for (unsigned int i = 0; i < ARRAY_SIZE(bursts); i++)
		EXPECT_LT(2, sweep_send(self, &bursts[i], _metadata));
}

/* receiving */

static size_t seal(uint8_t *wire, const struct sframe_key *key, uint64_t ctr,
		   uint8_t pt)
{
	uint8_t payload[400];
	struct rtp rtp = {
		.pt = pt, .ssrc = SSRC, .seq = (uint16_t)ctr,
		.payload = payload, .len = sizeof(payload),
		.osn = pt == RTX_PT,
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	return rtp_seal(wire, &rtp, key, ctr);
}

static bool is_plain(const uint8_t *got, int n, uint64_t ctr, uint8_t pt)
{
	uint8_t payload[400], wanted[500];
	struct rtp rtp = {
		.pt = pt, .ssrc = SSRC, .seq = (uint16_t)ctr,
		.payload = payload, .len = sizeof(payload),
		.osn = pt == RTX_PT,
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	return (size_t)n == rtp_build(wanted, &rtp) &&
	       !memcmp(got, wanted, (size_t)n);
}

/* An asynchronous answer comes from a work item */
static void settle_requests(void)
{
	if (!objects_come_to("request", 0))
		abort();
}

static uint64_t stat_of(FIXTURE_DATA(path) *self, unsigned int stat)
{
	uint64_t now[CTL_STATS];

	if (ctl_session_stats(&self->ctl, self->session, now))
		abort();
	return now[stat];
}

/* A packet under a fault, and then, if it was lost, again without */
static const char *receive(FIXTURE_DATA(path) *self, uint64_t ctr, uint8_t pt,
			   unsigned int nth, bool *hit)
{
	uint64_t was = stat_of(self, E2EE_A_STAT_RX_OK);
	uint8_t wire[600], got[600];
	size_t len = seal(wire, &self->rx, ctr, pt);
	int n, err;

	fault_begin(nth);
	err = tun_write(self->tun, REMOTE, PORT, wire, len);
	*hit = fault_end();
	if (!fitting(err))
		return strerror(-err);
	settle_requests();
	drain_tap(self);
	n = sock_recv_now(self->fd, got, sizeof(got));
	if (n >= 0 && !is_plain(got, n, ctr, pt))
		return "delivered, but not as it was sealed";
	if (n >= 0 && stat_of(self, E2EE_A_STAT_RX_OK) != was + 1)
		return "delivered, but not counted";
	if (!*hit)
		return n < 0 ? "lost without a fault" : "";
	if (stat_of(self, E2EE_A_STAT_RX_OK) != was)
		return "";
	/* not authenticated: it must not have moved the window */
	if (tun_write(self->tun, REMOTE, PORT, wire, len))
		return "cannot be sent again";
	settle_requests();
	n = sock_recv(self->fd, got, sizeof(got));
	return n >= 0 && is_plain(got, n, ctr, pt) ? "" : "not taken again";
}

/* each with a socket of its own, as its first packet makes a window */
static unsigned int sweep_receive(FIXTURE_DATA(path) *self, uint8_t pt,
				  uint64_t ctr,
				  struct __test_metadata *_metadata)
{
	unsigned int nth, points = 0;
	const char *wrong;
	bool hit = true;

	for (nth = 1; hit && nth < POINTS_MAX; nth++) {
		close(self->fd);
		self->fd = bound(PORT);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, self->fd,
					NULL));
		wrong = receive(self, ctr + nth, pt, nth, &hit);
		EXPECT_STREQ("", wrong) {
			TH_LOG("payload type %u, allocation %u", pt, nth);
		}
		points += hit;
	}
	TH_LOG("payload type %u: %u points", pt, points);
	figure_add("fault_path", "fault_points", points);
	return points;
}

TEST_F(path, receiving)
{
	/* the packet, its copy for the tap, the window */
	EXPECT_LT(2, sweep_receive(self, 96, 100, _metadata));
	EXPECT_LT(2, sweep_receive(self, RTX_PT, 1000, _metadata));
}

/* Somebody is to be told of a missing key, and nobody can be. */
TEST_F(path, telling)
{
	struct sframe_key stranger;
	uint8_t wire[600];
	unsigned int nth;
	bool hit = true;
	size_t len;
	int err;

	sframe_key_random(&stranger, 5, 999);
	len = seal(wire, &stranger, 1, 96);
	for (nth = 1; hit && nth < POINTS_MAX; nth++) {
		fault_begin(nth);
		err = tun_write(self->tun, REMOTE, PORT, wire, len);
		hit = fault_end();
		EXPECT_TRUE(fitting(err));
		EXPECT_EQ(-EAGAIN, sock_recv_now(self->fd, wire + len, 1));
		drain_tap(self);
	}
	EXPECT_LE(2, nth);
	figure_add("fault_path", "fault_points", nth - 2);
}

/* held packets */

/* One packet of a new socket in a guard's range, until all is settled */
static const char *held(FIXTURE_DATA(path) *self, int *err, unsigned int nth,
			size_t bytes, bool *hit)
{
	uint8_t packet[200];
	const char *wrong;
	unsigned int left;
	int fd = bound(GUARDED);

	if (fd < 0)
		return strerror(-fd);
	rtp_plain(packet, sizeof(packet), SSRC, self->seq++);
	if (nth)
		fault_begin(nth);
	else
		fault_any_begin(bytes);
	*err = sock_send(fd, packet, sizeof(packet), NULL);
	if (nth)
		*hit = fault_end();
	/* whatever becomes of it, its hold ends */
	if (!objects_come_to("hold", 0))
		return "still held";
	if (!nth)
		*hit = fault_any_end();
	close(fd);
	drain_tap(self);
	wrong = look(self, &left);
	if (*wrong)
		return wrong;
	if (!fitting(*err))
		return strerror(-*err);
	if (!*hit && left != 1)
		return "lost without a fault";
	return "";
}

TEST_F(path, holding)
{
	const struct ctl_guard guard = { .first = GUARDED };
	size_t step = (size_t)short_or_long(1024, 64), bytes;
	unsigned int nth, points = 0;
	const char *wrong;
	bool hit = true;
	uint32_t id;
	int err;

	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	for (nth = 1; hit && nth < POINTS_MAX; nth++) {
		wrong = held(self, &err, nth, 0, &hit);
		EXPECT_STREQ("", wrong) {
			TH_LOG("allocation %u of the sender, returned %d", nth,
			       err);
		}
		points += hit;
	}
	/* what the work does that attaches and sends: nobody's thread */
	for (bytes = 0, hit = true; hit && bytes < 1 << 20; bytes += step) {
		wrong = held(self, &err, 0, bytes, &hit);
		EXPECT_STREQ("", wrong) {
			TH_LOG("allocation behind %zu bytes, returned %d",
			       bytes, err);
		}
		points += hit;
	}
	TH_LOG("%u points, the last behind %zu bytes", points, bytes);
	EXPECT_LT(4, points);
	figure_add("fault_path", "fault_points", points);
	EXPECT_EQ(0, ctl_guard_del(&self->ctl, id));
}

TEST_HARNESS_MAIN
