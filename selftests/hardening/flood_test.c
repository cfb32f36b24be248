// SPDX-License-Identifier: GPL-2.0
/*
 * Floods of what cannot be opened, at all the rate that the machine gives, from
 * where media come from that go on: none of it is lost, the module takes no
 * memory for what it drops, events stay few, and the kernel's log quiet.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/figures.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC		0xf100d000
#define BATCH		64
#define PAYLOAD		600
#define GENUINE		50	/* packets in between */
#define GROWTH		(4 << 10)	/* kB of slab that may come and go */
#define LOG_LINES	2	/* though the module is to say nothing */
#define EVENTS_BURST	16	/* a session, at once */
#define EVENTS_RATE	16	/* and a second */

enum flood_kind { JUNK, UNKNOWN_KID, WRONG_TAG, SHORT_SFRAME };

FIXTURE(flood)
{
	struct scene scene;
	struct ctl events;
	struct sframe_key rx;
	pthread_t thread;
	atomic_bool stop;
	atomic_ullong sent;
};

FIXTURE_VARIANT(flood)
{
	enum flood_kind kind;
	unsigned int stat;	/* that counts it */
};

FIXTURE_VARIANT_ADD(flood, junk) {
	.kind = JUNK, .stat = E2EE_A_STAT_RX_MALFORMED,
};

FIXTURE_VARIANT_ADD(flood, unknown_kid) {
	.kind = UNKNOWN_KID, .stat = E2EE_A_STAT_RX_NO_KEY,
};

FIXTURE_VARIANT_ADD(flood, wrong_tag) {
	.kind = WRONG_TAG, .stat = E2EE_A_STAT_RX_AUTH_FAIL,
};

FIXTURE_VARIANT_ADD(flood, no_room_for_a_tag) {
	.kind = SHORT_SFRAME, .stat = E2EE_A_STAT_RX_MALFORMED,
};

static size_t seal(uint8_t *out, const struct sframe_key *key, uint64_t ctr)
{
	static _Thread_local uint8_t payload[PAYLOAD];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .seq = (uint16_t)ctr,
		.payload = payload, .len = sizeof(payload),
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	return rtp_seal(out, &rtp, key, ctr);
}

static size_t bad(uint8_t *out, const struct sframe_key *rx,
		  enum flood_kind kind)
{
	struct sframe_key other = *rx;
	size_t len;

	switch (kind) {
	case JUNK:
		memset(out, 0xff, PAYLOAD);
		return PAYLOAD;
	case UNKNOWN_KID:
		other.kid++;
		return seal(out, &other, 1 << 20);
	case WRONG_TAG:
		len = seal(out, rx, 1 << 20);
		out[len - 1] ^= 1;
		return len;
	case SHORT_SFRAME:
		seal(out, rx, 1 << 20);
		return RTP_HEADER + 8;
	}
	return 0;
}

struct flood {
	FIXTURE_DATA(flood) *self;
	enum flood_kind kind;
};

static void *flood_on(void *arg)
{
	struct flood *flood = arg;
	FIXTURE_DATA(flood) *self = flood->self;
	struct mmsghdr messages[BATCH] = { 0 };
	uint8_t packet[2 * PAYLOAD];
	struct iovec iov = { packet, bad(packet, &self->rx, flood->kind) };
	int n;

	for (int i = 0; i < BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &iov;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (!self->stop) {
		n = sendmmsg(self->scene.peer, messages, BATCH, 0);
		if (n > 0)
			self->sent += (unsigned int)n;
	}
	return NULL;
}

FIXTURE_SETUP(flood)
{
	/* the queue before us, of all namespaces, must not be what overflows */
	sysctl("net/core/netdev_max_backlog", "20000");
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	sframe_key_random(&self->rx, 5, 301);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &self->rx, NULL));
	ASSERT_EQ(0, ctl_events_open(&self->events));
}

FIXTURE_TEARDOWN(flood)
{
	ctl_close(&self->events);
	scene_close(&self->scene);
}

static long long slab(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	long long kb = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Slab: %lld", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

/* The kernel's log from now on */
static int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 || lseek(fd, 0, SEEK_END) < 0 ? -errno : fd;
}

static unsigned int log_lines(int fd)
{
	unsigned int lines = 0;
	char line[1024];
	ssize_t len;

	/* EPIPE: some were overwritten before they were read */
	while ((len = read(fd, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[len > 0 ? len : 0] = '\0';
		fprintf(stderr, "# log: %s", line);
		lines++;
	}
	close(fd);
	return lines;
}

/* Events that came, of keys that are missing; -ENOBUFS: too many */
static int events_count(struct ctl *ctl)
{
	int events = 0, err;

	while (!(err = ctl_event_wait(ctl, E2EE_EVENT_KEY_MISSING, 0, NULL)))
		events++;
	return err == -ETIMEDOUT ? events : err;
}

/* Packets that the kernel dropped before anybody's socket saw them */
static unsigned int backlog_drops(void)
{
	FILE *file = fopen("/proc/net/softnet_stat", "re");
	unsigned int drops, sum = 0;

	while (file && fscanf(file, "%*x %x%*[^\n]", &drops) == 1)
		sum += drops;
	if (file)
		fclose(file);
	return sum;
}

/* Media in the middle of it: how many packets were lost */
static unsigned int media(FIXTURE_DATA(flood) *self)
{
	uint8_t wire[2 * PAYLOAD], got[2 * PAYLOAD];
	unsigned int lost = 0;
	size_t len;

	for (uint64_t ctr = 0; ctr < GENUINE; ctr++) {
		len = seal(wire, &self->rx, ctr);
		sock_send(self->scene.peer, wire, len, NULL);
		/* one that comes after it was given up is not this one */
		if (!sock_poll(self->scene.fd, POLLIN, 1000) ||
		    sock_recv_now(self->scene.fd, got, sizeof(got)) !=
		    RTP_HEADER + PAYLOAD || rtp_seq(got) != (uint16_t)ctr)
			lost++;
	}
	return lost;
}

TEST_F(flood, media_goes_on)
{
	struct flood flood = { self, variant->kind };
	unsigned int rounds = 0, lost = 0, drops = backlog_drops();
	int log = log_open(), events;
	long seconds;
	int64_t begin = now_ms(), end;
	uint64_t stats[CTL_STATS], counted;
	long long before;

	/* those of a test before go with their sockets */
	ASSERT_TRUE(objects_come_to("window", 0));
	ASSERT_LE(0, log);
	EXPECT_EQ(0, media(self));
	before = slab();
	end = now_ms() + short_or_long(1, 60) * 1000;
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, flood_on, &flood));
	do {
		/* its CTRs begin anew with a new socket and key only */
		struct ctl_key id = {
			.dir = E2EE_DIR_RX, .mode = E2EE_SSRC_ANY,
			.kid = self->rx.kid,
		};

		ASSERT_EQ(0, ctl_key_del(&self->scene.ctl,
					 self->scene.session, &id));
		ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &self->rx,
				       NULL));
		lost += media(self);
		rounds++;
	} while (now_ms() < end);
	self->stop = true;
	pthread_join(self->thread, NULL);

	seconds = (now_ms() - begin) / 1000 + 1;
	EXPECT_GE(backlog_drops() - drops, lost);
	ASSERT_EQ(0, ctl_session_stats(&self->scene.ctl, self->scene.session,
				       stats));
	/* while its key was away, a wrong tag was an unknown KID */
	counted = stats[E2EE_A_STAT_RX_MALFORMED] +
		  stats[E2EE_A_STAT_RX_NO_KEY] +
		  stats[E2EE_A_STAT_RX_AUTH_FAIL];
	EXPECT_GE(self->sent, counted);
	EXPECT_LE(self->sent, counted + backlog_drops() - drops);
	EXPECT_LT(counted / 2, stats[variant->stat]);
	/* that of the last key; those of the others go a little after them */
	EXPECT_TRUE(objects_come_to("window", 1));
	EXPECT_GT(before + GROWTH, slab());
	/* others may have something to say */
	EXPECT_GE(LOG_LINES, log_lines(log));
	events = events_count(&self->events);
	EXPECT_LE(0, events);
	EXPECT_GE(EVENTS_BURST + EVENTS_RATE * seconds, events);
	TH_LOG("%llu packets of a flood in %ld s, %u genuine, %u lost, %d events",
	       (unsigned long long)self->sent, seconds, rounds * GENUINE, lost,
	       events);
	figure_add("flood", "flood_packets", (double)self->sent);
	figure_add("flood", "flood_media_lost", lost);
}

TEST_HARNESS_MAIN
