// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out under the data path, one allocation after the other: what is
 * sent leaves sealed or not at all, no CTR twice; what is received is opened or
 * lost, and a packet that was lost for want of memory may come again. Media that
 * waited in clear are not read, errors of the path are told or lost, and the
 * module loads whole or not at all.
 *
 *	fd, attached, TUN_LOCAL <---- tun ----> this program: the wire
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/syscall.h>

#include "lib/ctl.h"
#include "lib/fault.h"
#include "lib/figures.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/objects.h"
#include "lib/rtp.h"
#include "lib/scene.h"
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
#define LATE		"/sys/kernel/debug/e2ee_late/"
#define OVERHEAD	34	/* by which the MTU is lowered */

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
	const char *mode;	/* enum late_mode of kmod/tests/late.c */
};

FIXTURE_VARIANT_ADD(path, usual) { .crypto = NULL };
/* answers from a work item; the other one by way of the backlog */
FIXTURE_VARIANT_ADD(path, async) { .crypto = "e2ee-late", .mode = "1\n" };
FIXTURE_VARIANT_ADD(path, backlog) { .crypto = "e2ee-late", .mode = "5\n" };

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
		ASSERT_EQ(0, file_write(LATE "mode", variant->mode));
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

/* How much one of them has risen since then */
static uint64_t risen(FIXTURE_DATA(path) *self, unsigned int stat)
{
	uint64_t now[CTL_STATS];

	if (ctl_session_stats(&self->ctl, self->session, now))
		abort();
	return now[stat] - self->stats[stat];
}

static uint64_t verdicts_tx(FIXTURE_DATA(path) *self)
{
	return verdicts(self, E2EE_A_STAT_TX_OK, E2EE_A_STAT_TX_BLOCKED);
}

static uint64_t verdicts_rx(FIXTURE_DATA(path) *self)
{
	return verdicts(self, E2EE_A_STAT_RX_OK, E2EE_A_STAT_RX_BLOCKED);
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

/* Packets that have left, as a send that returned @err says */
static uint64_t told(const struct burst *burst, int err)
{
	if (err < 0)
		return 0;
	return burst->segment ? ((unsigned int)err + burst->segment - 1) /
				burst->segment : 1;
}

/* "" or what is wrong with a send that returned @err */
static const char *judge_send(FIXTURE_DATA(path) *self,
			      const struct burst *burst, int err)
{
	uint64_t sealed = risen(self, E2EE_A_STAT_TX_OK);
	uint64_t failed = risen(self, E2EE_A_STAT_TX_FAILED);
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
	if (counted && (sealed != told(burst, err) ||
			sealed + failed != burst->packets))
		return "counted otherwise than the sender was told";
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
	uint64_t busy;
	int n, err;

	verdicts_rx(self);
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
	/* none where the stack lost it before us */
	busy = risen(self, E2EE_A_STAT_RX_BUSY);
	if (verdicts_rx(self) != busy)
		return "lost, but not counted as rx_busy";
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

/* The number in a file of the driver's */
static unsigned int late(const char *name)
{
	char path[128];
	unsigned int value;
	FILE *file;

	snprintf(path, sizeof(path), LATE "%s", name);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%u", &value) != 1)
		abort();
	fclose(file);
	return value;
}

/* Where nothing fails, all comes through, however the cipher answers. */
TEST_F(path, answering)
{
	unsigned int i, left, sent = 0, later = 0, backlogged = 0;
	uint8_t wire[600], got[600];
	uint64_t ctr;
	int n;

	if (variant->crypto) {
		later = late("later");
		backlogged = late("backlogged");
	}
	ASSERT_EQ(0, run("ip link set tun0 mtu 65000"));
	for (i = 0; i < ARRAY_SIZE(bursts); i++) {
		EXPECT_EQ((int)bursts[i].len, send_burst(self, &bursts[i]));
		EXPECT_STREQ("", look(self, &left));
		EXPECT_EQ(bursts[i].packets, left);
		sent += bursts[i].packets;
	}
	EXPECT_EQ(sent, stat_of(self, E2EE_A_STAT_TX_OK));
	for (ctr = 0; ctr < 20; ctr++)
		ASSERT_EQ(0, tun_write(self->tun, REMOTE, PORT, wire,
				       seal(wire, &self->rx, ctr, 96)));
	for (ctr = 0; ctr < 20; ctr++) {
		n = sock_recv(self->fd, got, sizeof(got));
		ASSERT_LT(0, n);
		EXPECT_TRUE(is_plain(got, n, ctr, 96));
	}
	EXPECT_EQ(20, stat_of(self, E2EE_A_STAT_RX_OK));
	settle_requests();
	if (!variant->crypto)
		return;
	EXPECT_EQ(sent + 20, late("later") - later);
	EXPECT_EQ(variant->mode[0] == '5' ? sent + 20 : 0,
		  late("backlogged") - backlogged);
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

/*
 * The row of the two tables, "no memory", in each of their columns.
 *
 * How many allocations a packet takes changes a little, as the kernel keeps
 * some of what it needs in stock: so there are several rounds, none of which
 * ends with the first packet that takes fewer.
 */

#define ROUNDS		4
#define ROUNDS_MAX	40
#define MISSES		5

struct column {
	const char *name;
	uint32_t policy;
	uint32_t flags;
	const char *sent;	/* verdict where memory suffices */
	int refused;		/* what its sender is told; 0: the length */
	const char *received;
};

/* Blocked, which is for good, comes last. */
static const struct column columns[] = {
	{ "required", E2EE_POLICY_REQUIRED, 0, "tx_ok", 0, "rx_ok+1" },
	{ "optional", E2EE_POLICY_OPTIONAL, 0, "tx_ok", 0, "rx_ok+1" },
	{ "off", E2EE_POLICY_OFF, 0, "tx_off", 0, "rx_off+1" },
	{ "blocked", E2EE_POLICY_BLOCKED, 0, "tx_blocked", 0,
	  "rx_blocked+1" },
	{ "blocked, with errors", E2EE_POLICY_BLOCKED, E2EE_SESSION_F_TX_ERRORS,
	  "tx_blocked", -EPERM, "rx_blocked+1" },
};

static bool seals(const struct column *column)
{
	return column->policy == E2EE_POLICY_REQUIRED ||
	       column->policy == E2EE_POLICY_OPTIONAL;
}

static int come_to(FIXTURE_DATA(path) *self, const struct column *column)
{
	const struct ctl_session options = { .flags = column->flags };
	int err = 0;

	if (column->policy != E2EE_POLICY_BLOCKED)
		return ctl_session_policy(&self->ctl, self->session,
					  column->policy);
	if (column->flags) {
		err = ctl_session_new(&self->ctl, "told", &options,
				      &self->session);
		if (!err)
			err = ctl_attach(&self->ctl, self->session, self->fd,
					 NULL);
	}
	return err ?: ctl_session_del(&self->ctl, self->session);
}

/* The verdicts of our socket since the last call, as "tx_ok+3" */
static const char *changes(FIXTURE_DATA(path) *self)
{
	uint64_t now[CTL_STATS];
	const char *text;

	if (ctl_socket_stats(&self->ctl, self->fd, now))
		abort();
	text = stats_changes(self->stats, now);
	memcpy(self->stats, now, sizeof(now));
	return text;
}

/* Packets on the wire that are as the program sent them; -1: others are, too */
static int look_clear(FIXTURE_DATA(path) *self)
{
	uint8_t wire[RTP_ROOM], wanted[RTP_ROOM];
	int n, num = 0;

	for (;; num++) {
		n = tun_read(self->tun, wire, sizeof(wire));
		if (n == -EAGAIN)
			return num;
		if (n < RTP_HEADER)
			return -1;
		rtp_plain(wanted, (size_t)n, SSRC, rtp_seq(wire));
		if (memcmp(wire, wanted, (size_t)n))
			return -1;
	}
}

struct tally {
	unsigned int points;
	bool failed[POINTS_MAX];	/* by allocation: tx_failed, rx_busy */
	bool told;		/* the first of these returned ENOBUFS */
	unsigned int judged;	/* the column's own verdict */
	unsigned int lost;	/* packets that the first of these lost */
};

/* Which allocation was the @num-th that failed a packet? 0: there is none */
static unsigned int failed(const struct tally *tally, unsigned int num)
{
	unsigned int nth;

	for (nth = 1; nth < POINTS_MAX; nth++)
		if (tally->failed[nth] && !--num)
			return nth;
	return 0;
}

static void tally_failure(struct tally *tally, unsigned int nth, int err)
{
	tally->failed[nth] = true;
	if (failed(tally, 1) == nth)
		tally->told = err == -ENOBUFS;
}

/* "" or what is wrong on the wire with a send that is counted well */
static const char *judge_wire(FIXTURE_DATA(path) *self,
			      const struct column *column,
			      const struct burst *burst, bool fails,
			      struct tally *tally)
{
	unsigned int left = 0;
	const char *wrong = "";
	int clear;

	drain_tap(self);
	if (seals(column)) {
		wrong = look(self, &left);
	} else {
		clear = look_clear(self);
		if (clear < 0)
			wrong = "not as it was sent";
		left = (unsigned int)clear;
	}
	if (*wrong)
		return wrong;
	if (fails)
		return left ? "something on the wire" : "";
	if (column->policy == E2EE_POLICY_BLOCKED) {
		tally->judged++;
		return left ? "something on the wire" : "";
	}
	if (left > burst->packets)
		return "more on the wire than was sent";
	if (!tally->judged++)
		tally->lost = burst->packets - left;
	return "";
}

static const char *judge_column(FIXTURE_DATA(path) *self,
				const struct column *column,
				const struct burst *burst, unsigned int nth,
				int err, struct tally *tally)
{
	const char *counted = changes(self);
	unsigned int gone, lost, left;
	char sent[32], refused[32];
	const char *wrong;
	bool fails;

	snprintf(sent, sizeof(sent), "%s+%u", column->sent, burst->packets);
	snprintf(refused, sizeof(refused), "tx_failed+%u", burst->packets);
	/* a fault before us: there was no packet */
	if (!*counted)
		return err == -EFAULT || err == -ENOMEM ? "" : "not counted";
	/* CTRs that grow by a byte make two groups, of which one may have left */
	if (seals(column) && sscanf(counted, "tx_ok+%u tx_failed+%u", &gone,
				    &lost) == 2) {
		drain_tap(self);
		wrong = look(self, &left);
		if (*wrong)
			return wrong;
		return gone + lost == burst->packets && left <= gone &&
		       err == (int)(gone * burst->segment) ? "" : counted;
	}
	fails = !strcmp(counted, refused);
	if (fails && column->policy == E2EE_POLICY_BLOCKED)
		return "tx_failed";
	if (!fails && strcmp(counted, sent))
		return counted;
	if (fails ? err != -ENOBUFS && err != -ENOMEM :
		    err != (column->refused ?: (int)burst->len))
		return "the sender was told otherwise";
	if (fails)
		tally_failure(tally, nth, err);
	return judge_wire(self, column, burst, fails, tally);
}

static void sweep_column(FIXTURE_DATA(path) *self, const struct column *column,
			 const struct burst *burst, struct tally *tally,
			 struct __test_metadata *_metadata)
{
	unsigned int nth, misses;
	const char *wrong;
	bool hit;
	int err;

	for (nth = 1, misses = 0; misses < MISSES && nth < POINTS_MAX; nth++) {
		fault_begin(nth);
		err = send_burst(self, burst);
		hit = fault_end();
		wrong = judge_column(self, column, burst, nth, err, tally);
		EXPECT_STREQ("", wrong) {
			TH_LOG("%s: %zu bytes, allocation %u, returned %d",
			       column->name, burst->len, nth, err);
		}
		if (!hit) {
			EXPECT_EQ(column->refused ?: (int)burst->len, err);
		}
		tally->points += hit;
		misses += !hit;
	}
}

static void sweep_rounds(FIXTURE_DATA(path) *self, const struct column *column,
			 const struct burst *burst, struct tally *tally,
			 struct __test_metadata *_metadata)
{
	unsigned int round;

	/* from now on all buffers of a burst are at hand */
	send_burst(self, burst);
	judge_wire(self, column, burst, false, tally);
	changes(self);
	memset(tally, 0, sizeof(*tally));
	for (round = 0; round < ROUNDS; round++)
		sweep_column(self, column, burst, tally, _metadata);
	TH_LOG("%s: %zu bytes in %u: %u points, the first that fail: %u %u %u",
	       column->name, burst->len, burst->packets, tally->points,
	       failed(tally, 1), failed(tally, 2), failed(tally, 3));
}

TEST_F(path, sending_by_policy)
{
	/* ours alone: the copy; or all packets, and what UDP gets of them */
	static const struct {
		struct burst burst;
		unsigned int ours;
	} ways[] = {
		{ { BIG, 0, 1 }, 1 },
		{ { BURST * SEGMENT, SEGMENT, BURST }, 3 },
	};
	static struct tally tally, required[ARRAY_SIZE(ways)];
	const struct column *column;
	unsigned int i, ours;

	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, run("ip link set tun0 mtu 65000"));
	for (column = columns; column < columns + ARRAY_SIZE(columns);
	     column++) {
		ASSERT_EQ(0, come_to(self, column));
		for (i = 0; i < ARRAY_SIZE(ways); i++) {
			sweep_rounds(self, column, &ways[i].burst, &tally,
				     _metadata);
			EXPECT_LT(0, tally.judged);
			if (column->policy == E2EE_POLICY_REQUIRED)
				required[i] = tally;
			if (seals(column)) {
				EXPECT_NE(0, failed(&tally, ways[i].ours));
				EXPECT_TRUE(tally.told);
			}
			/* ours, which come before UDP's, do no harm */
			if (column->policy == E2EE_POLICY_OFF) {
				ours = failed(&required[i], ways[i].ours);
				EXPECT_LT(ours, failed(&tally, 1));
				EXPECT_EQ(0, tally.lost);
			}
		}
	}
}

/* So large that it comes in fragments, which we need in one piece */
static size_t seal_pieces(uint8_t *wire, uint8_t *clear, size_t *clear_len,
			 const struct sframe_key *key, uint64_t ctr)
{
	static uint8_t payload[2 * TUN_PIECE];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .seq = (uint16_t)ctr,
		.payload = payload, .len = sizeof(payload),
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	*clear_len = rtp_build(clear, &rtp);
	return rtp_seal(wire, &rtp, key, ctr);
}

static const char *receive_column(FIXTURE_DATA(path) *self,
				  const struct column *column, uint64_t ctr,
				  unsigned int nth, bool *hit,
				  struct tally *tally)
{
	static uint8_t wire[RTP_ROOM], clear[RTP_ROOM], got[RTP_ROOM];
	const uint8_t *wanted = seals(column) ? clear : wire;
	size_t clear_len, len;
	const char *counted;
	bool delivered;
	int n, err;

	len = seal_pieces(wire, clear, &clear_len, &self->rx, ctr);
	fault_begin(nth);
	err = tun_write_pieces(self->tun, REMOTE, PORT, wire, len);
	*hit = fault_end();
	settle_requests();
	drain_tap(self);
	if (!fitting(err))
		return strerror(-err);
	counted = changes(self);
	n = sock_recv_now(self->fd, got, sizeof(got));
	/* a fault before us: there was no packet */
	if (!*counted)
		return *hit && n == -EAGAIN ? "" : "not counted";
	delivered = strcmp(counted, "rx_busy+1") &&
		    column->policy != E2EE_POLICY_BLOCKED;
	if (!delivered && n != -EAGAIN)
		return "delivered";
	if (!strcmp(counted, "rx_busy+1")) {
		tally->failed[nth] = true;
		return *hit && seals(column) ? "" : counted;
	}
	if (strcmp(counted, column->received))
		return counted;
	tally->judged += *hit;
	if (!delivered)
		return "";
	len = seals(column) ? clear_len : len;
	return n == (int)len && !memcmp(got, wanted, len) ? "" :
	       "lost, or other bytes";
}

static void receive_round(FIXTURE_DATA(path) *self, const struct column *column,
			  uint64_t *ctr, struct tally *tally,
			  struct __test_metadata *_metadata)
{
	unsigned int nth, misses;
	const char *wrong;
	bool hit;

	for (nth = 1, misses = 0; misses < MISSES && nth < POINTS_MAX; nth++) {
		wrong = receive_column(self, column, ++*ctr, nth, &hit, tally);
		EXPECT_STREQ("", wrong) {
			TH_LOG("%s: allocation %u", column->name, nth);
		}
		tally->points += hit;
		misses += !hit;
	}
}

TEST_F(path, receiving_by_policy)
{
	const struct column *column;
	static struct tally tally;
	unsigned int round;
	uint64_t ctr = 1;

	ASSERT_EQ(0, sock_pin());
	for (column = columns; column < columns + ARRAY_SIZE(columns);
	     column++) {
		if (column->flags)	/* of senders */
			continue;
		ASSERT_EQ(0, come_to(self, column));
		changes(self);
		memset(&tally, 0, sizeof(tally));
		/* one of these any policy but off comes by, if not each time */
		for (round = 0; round < ROUNDS ||
		     (round < ROUNDS_MAX && seals(column) &&
		      !failed(&tally, 1)); round++)
			receive_round(self, column, &ctr, &tally, _metadata);
		TH_LOG("%s: %u points, the first that fail: %u %u",
		       column->name, tally.points, failed(&tally, 1),
		       failed(&tally, 2));
		if (seals(column)) {
			EXPECT_NE(0, failed(&tally, 1));
		}
		EXPECT_LT(0, tally.judged);
	}
}

/*
 * A packet for a new socket in a guard's range, sealed with @ctr or, as 0, in
 * clear. What is lost under a fault comes when it is sent again.
 */
static const char *held_in(FIXTURE_DATA(path) *self, uint64_t ctr,
			   unsigned int nth, size_t bytes, bool *hit)
{
	uint8_t wire[600], got[600];
	int fd = bound(GUARDED), n, err;
	const char *wrong = "";
	size_t len;

	if (fd < 0)
		return strerror(-fd);
	len = ctr ? seal(wire, &self->rx, ctr, 96) : 200;
	if (!ctr)
		rtp_plain(wire, len, SSRC, self->seq++);
	if (nth)
		fault_begin(nth);
	else
		fault_any_begin(bytes);
	err = tun_write(self->tun, REMOTE, GUARDED, wire, len);
	if (nth)
		*hit = fault_end();
	if (!objects_come_to("hold", 0))
		wrong = "still held";
	settle_requests();
	if (!nth)
		*hit = fault_any_end();
	n = sock_recv_now(fd, got, sizeof(got));
	if (!*wrong && !fitting(err))
		wrong = strerror(-err);
	if (n >= 0 && (!ctr || !is_plain(got, n, ctr, 96)))
		wrong = ctr ? "delivered, but not as it was sealed" :
			      "delivered in clear";
	if (!*wrong && ctr && n < 0 && !*hit)
		wrong = "lost without a fault";
	if (!*wrong && ctr && n < 0) {
		err = tun_write(self->tun, REMOTE, GUARDED, wire, len);
		n = err ? err : sock_recv(fd, got, sizeof(got));
		if (n < 0 || !is_plain(got, n, ctr, 96))
			wrong = "not taken again";
	}
	close(fd);
	drain_tap(self);
	return wrong;
}

/* @ctr of the first; 0: in clear. Points that failed */
static unsigned int sweep_held_in(FIXTURE_DATA(path) *self, uint64_t ctr,
				  struct __test_metadata *_metadata)
{
	size_t step = (size_t)short_or_long(1024, 64), bytes;
	unsigned int nth, points = 0;
	const char *wrong;
	bool hit = true;

	for (nth = 1; hit && nth < POINTS_MAX; nth++) {
		wrong = held_in(self, ctr ? ctr++ : 0, nth, 0, &hit);
		EXPECT_STREQ("", wrong) {
			TH_LOG("allocation %u of the receiver", nth);
		}
		points += hit;
	}
	for (bytes = 0, hit = true; hit && bytes < 1 << 20; bytes += step) {
		wrong = held_in(self, ctr ? ctr++ : 0, 0, bytes, &hit);
		EXPECT_STREQ("", wrong) {
			TH_LOG("allocation behind %zu bytes", bytes);
		}
		points += hit;
	}
	TH_LOG("%u points, the last behind %zu bytes", points, bytes);
	figure_add("fault_path", "fault_points", points);
	return points;
}

TEST_F(path, holding_received)
{
	const struct ctl_guard guard = { .first = GUARDED };
	uint64_t dropped;
	uint32_t id;

	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	/* the packet, the hold, what is held, and what attaches it */
	EXPECT_LT(4, sweep_held_in(self, 5000, _metadata));
	dropped = stat_of(self, E2EE_A_STAT_RX_CLEAR_DROPPED);
	EXPECT_LT(4, sweep_held_in(self, 0, _metadata));
	EXPECT_LT(dropped, stat_of(self, E2EE_A_STAT_RX_CLEAR_DROPPED));
	EXPECT_EQ(0, ctl_guard_del(&self->ctl, id));
}

/* what waits to be read in clear when encryption comes to be required */

#define MEDIA	3	/* in the queue, each followed by STUN */

/* What of it is there: 16 for each packet of media, 1 for each other */
static unsigned int queued(int fd)
{
	uint8_t got[600];
	unsigned int sum = 0;
	int n;

	while ((n = sock_recv_now(fd, got, sizeof(got))) >= 0)
		sum += n && got[0] >> 6 == 2 ? 16 : 1;
	return sum;
}

static int fill_queue(FIXTURE_DATA(path) *self, uint16_t port)
{
	uint8_t packet[200];
	int err = 0;

	for (int i = 0; i < MEDIA && !err; i++) {
		rtp_plain(packet, sizeof(packet), SSRC, self->seq++);
		err = tun_write(self->tun, REMOTE, port, packet,
				sizeof(packet));
		if (!err)
			err = tun_write(self->tun, REMOTE, port, packet,
					stun_build(packet));
	}
	settle_requests();
	drain_tap(self);
	return err;
}

/* A socket with a queue is attached, or the policy of its session changes. */
static const char *purge(FIXTURE_DATA(path) *self, bool attach,
			 unsigned int nth, bool *hit)
{
	uint32_t session, of = 0;
	unsigned int left;
	uint64_t socket;
	struct ctl ctl;	/* of this try: what a fault leaves in it */
	int fd = bound(GUARDED), err;
	const struct ctl_session options = { .policy = E2EE_POLICY_OPTIONAL };

	if (fd < 0 || ctl_open(&ctl))
		return "no socket";
	if (ctl_session_new(&self->ctl, "purge", attach ? NULL : &options,
			    &session) ||
	    (!attach && ctl_attach(&self->ctl, session, fd, NULL)) ||
	    fill_queue(self, GUARDED))
		return "no queue";
	fault_begin(nth);
	err = attach ? ctl_attach(&ctl, session, fd, NULL) :
		       ctl_session_policy(&ctl, session, E2EE_POLICY_REQUIRED);
	*hit = fault_end();
	if (ctl_socket_get(&self->ctl, fd, &socket, &of))
		of = 0;
	left = queued(fd);
	close(fd);
	ctl_close(&ctl);
	if (ctl_session_del(&self->ctl, session))
		return "session is not deleted";
	if (!fitting(err))
		return strerror(-err);
	if (!err && of != session)
		return "succeeded, but is not attached";
	if (!err && left >= 16)
		return "clear media can be read";
	/* STUN that cannot be looked at goes, too */
	if (!err && left != MEDIA && !(*hit && left == MEDIA - 1))
		return "what is not media was lost";
	if (attach && of != session && left != MEDIA * 17)
		return "not attached, but packets are lost";
	if (err && left != MEDIA * 17 && left > MEDIA)
		return "half of it can be read";
	return "";
}

TEST_F(path, purging)
{
	unsigned int nth, points;
	const char *wrong;
	bool hit;

	for (int attach = 0; attach < 2; attach++) {
		points = 0;
		for (nth = 1, hit = true; hit && nth < POINTS_MAX; nth++) {
			wrong = purge(self, attach, nth, &hit);
			EXPECT_STREQ("", wrong) {
				TH_LOG("%s, allocation %u", attach ? "attach" :
				       "policy", nth);
			}
			points += hit;
		}
		TH_LOG("%s: %u points", attach ? "attach" : "policy", points);
		/* a copy of each packet, and the request */
		EXPECT_LT(2 * MEDIA, points);
		figure_add("fault_path", "fault_points", points);
	}
}

/* errors of the path */

static uint16_t sum(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~(sum + (sum >> 16)));
}

/* "Fragmentation needed" for a packet of the socket */
static int too_big(FIXTURE_DATA(path) *self, uint16_t mtu)
{
	struct {
		struct iphdr ip;
		struct icmphdr icmp;
		struct iphdr inner;
		struct udphdr udp;
		uint8_t payload[20];
	} packet = {
		.ip = {
			.version = 4, .ihl = 5, .ttl = 64,
			.protocol = IPPROTO_ICMP,
			.tot_len = htons(sizeof(packet)),
		},
		.icmp = {
			.type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED,
			.un.frag.mtu = htons(mtu),
		},
		.inner = {
			.version = 4, .ihl = 5, .ttl = 64,
			.protocol = IPPROTO_UDP, .tot_len = htons(1500),
			.frag_off = htons(IP_DF),
		},
		.udp = {
			.source = htons(PORT), .dest = htons(REMOTE),
			.len = htons(1480),
		},
		.payload = { 0x80, 96 },
	};

	inet_pton(AF_INET, TUN_REMOTE, &packet.ip.saddr);
	inet_pton(AF_INET, TUN_LOCAL, &packet.ip.daddr);
	packet.inner.saddr = packet.ip.daddr;
	packet.inner.daddr = packet.ip.saddr;
	packet.inner.check = sum(&packet.inner, sizeof(packet.inner));
	packet.ip.check = sum(&packet.ip, sizeof(packet.ip));
	packet.icmp.checksum = sum(&packet.icmp, sizeof(packet) -
				   sizeof(packet.ip));
	return write(self->tun, &packet, sizeof(packet)) < 0 ? -errno : 0;
}

/* ee_info of the next error in the queue, or -errno */
static int next_error(int fd)
{
	char control[512], payload[600];
	struct iovec iov = { .iov_base = payload, .iov_len = sizeof(payload) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const struct sock_extended_err *ee;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return -errno;
	ee = cmsg_find(&msg, SOL_IP, IP_RECVERR);
	if (!ee || ee->ee_errno != EMSGSIZE ||
	    ee->ee_origin != SO_EE_ORIGIN_ICMP)
		return -EBADMSG;
	return (int)ee->ee_info;
}

/* An error is told, with an MTU less what is added, or lost; and just once. */
TEST_F(path, erring)
{
	unsigned int nth, points = 0, lost = 0;
	int one = 1, err, info, so_error;
	socklen_t len = sizeof(so_error);
	const uint16_t mtu = 1300;
	bool hit = true;

	ASSERT_EQ(0, setsockopt(self->fd, SOL_IP, IP_RECVERR, &one,
				sizeof(one)));
	for (nth = 1; hit && nth < POINTS_MAX; nth++) {
		fault_begin(nth);
		err = too_big(self, mtu);
		hit = fault_end();
		EXPECT_TRUE(fitting(err));
		drain_tap(self);
		info = next_error(self->fd);
		EXPECT_TRUE(info == mtu - OVERHEAD ||
			    (hit && info == -EAGAIN)) {
			TH_LOG("allocation %u: %d", nth, info);
		}
		EXPECT_EQ(-EAGAIN, next_error(self->fd));
		/* an error that came, in whatever way, is not left over */
		ASSERT_EQ(0, getsockopt(self->fd, SOL_SOCKET, SO_ERROR,
					&so_error, &len));
		EXPECT_TRUE(!so_error || so_error == EMSGSIZE);
		points += hit;
		lost += info == -EAGAIN;
	}
	TH_LOG("%u points, at %u of them the error was lost", points, lost);
	/* the packet, and the entry that it becomes */
	EXPECT_LE(2, points);
	EXPECT_LE(2, lost);
	figure_add("fault_path", "fault_points", points);
}

/* loading */

static int load(int file)
{
	return syscall(SYS_finit_module, file, "", 0) ? -errno : 0;
}

/* The part of the module that said in the log why it does not load; "" */
static const char *who_failed(int log)
{
	static char name[32];
	char record[1024], *at;
	ssize_t n;

	name[0] = '\0';
	while ((n = read(log, record, sizeof(record) - 1)) > 0) {
		record[n] = '\0';
		at = strstr(record, ";e2ee: ");
		if (at)
			sscanf(at, ";e2ee: %31[a-z]", name);
	}
	return name;
}

/* It loaded, though something failed: all that it is for works. */
static const char *whole(void)
{
	static const enum sock_kind kinds[] = { SOCK_V4, SOCK_V6 };
	const char *wrong = "";
	uint32_t session;
	struct ctl ctl;
	int fd;

	if (ctl_open(&ctl))
		return "no control";
	if (ctl_session_new(&ctl, "whole", NULL, &session))
		wrong = "no session";
	for (size_t i = 0; !*wrong && i < ARRAY_SIZE(kinds); i++) {
		fd = sock_udp(kinds[i], 0, NULL);
		if (ctl_attach(&ctl, session, fd, NULL))
			wrong = kinds[i] == SOCK_V4 ? "IPv4 is not attached" :
						      "IPv6 is not attached";
		close(fd);
	}
	if (!*wrong && ctl_session_del(&ctl, session))
		wrong = "session stays";
	ctl_close(&ctl);
	return wrong;
}

/*
 * From the last allocation of loading to the one that comes before the module's
 * own: those before are the kernel's loader's.
 */
TEST(loading)
{
	const unsigned int many = 1000000, step = short_or_long(5, 1);
	int file, log, err, named = 0, points = 0;
	const char *wrong, *who = "";
	unsigned int nth;
	bool hit;

	ASSERT_EQ(0, fault_open());
	ASSERT_EQ(0, module_load("e2ee"));
	ASSERT_EQ(0, module_unload_soon("e2ee"));
	ASSERT_EQ(0, sock_netns());
	file = open(module_file("e2ee"), O_RDONLY | O_CLOEXEC);
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, file);
	ASSERT_LE(0, log);
	/* how many there are, when all that is kept for later is there */
	for (int i = 0; i < 2; i++) {
		fault_begin(many);
		ASSERT_EQ(0, load(file));
		nth = many - fault_left();
		ASSERT_EQ(0, module_unload_soon("e2ee"));
	}
	for (; nth > step; nth -= step) {
		lseek(log, 0, SEEK_END);
		fault_begin(nth);
		err = load(file);
		hit = fault_end();
		who = err ? who_failed(log) : "";
		/* "no more sockets", says the kernel where it has no memory */
		EXPECT_TRUE(fitting(err) || err == -ENFILE) {
			TH_LOG("allocation %u: %s", nth, strerror(-err));
		}
		points += hit;
		named += *who != '\0';
		if (err && !*who)
			break;		/* the loader's own */
		wrong = err ? "" : whole();
		EXPECT_STREQ("", wrong) {
			TH_LOG("loaded without allocation %u", nth);
		}
		/* not even half of it is there */
		ASSERT_EQ(err ? -ENOENT : 0, module_unload_soon("e2ee"));
	}
	TH_LOG("%d points, of which %d kept it from loading", points, named);
	/* caches, workqueues, sockets, what is registered */
	EXPECT_LT(short_or_long(6, 30), named);
	close(file);
	close(log);
	EXPECT_EQ(0, module_load("e2ee"));
	EXPECT_STREQ("", whole());
	figure_add("fault_path", "fault_points", points);
}

TEST_HARNESS_MAIN
