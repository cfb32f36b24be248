/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults under the data path: a socket that is attached, and a TUN device as
 * the wire, over which the tests of faults send and receive.
 *
 *	fd, attached, TUN_LOCAL <---- tun ----> this program: the wire
 */
#ifndef E2EE_TEST_FAULT_PATH_H
#define E2EE_TEST_FAULT_PATH_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "fault.h"
#include "file.h"
#include "harness.h"
#include "module.h"
#include "objects.h"
#include "rtp.h"
#include "sframe.h"
#include "sock.h"
#include "tun.h"

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

static inline int bound(uint16_t port)
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

static inline int key_new(FIXTURE_DATA(path) *self, uint32_t dir,
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

static inline uint64_t stat_of(FIXTURE_DATA(path) *self, unsigned int stat)
{
	uint64_t now[CTL_STATS];

	if (ctl_session_stats(&self->ctl, self->session, now))
		abort();
	return now[stat];
}

static inline void drain_tap(FIXTURE_DATA(path) *self)
{
	static struct frame frame;

	while (!tap_next(self->tap, &frame))
		;
}

/* All that is on the wire is sealed, by us, and with a CTR of its own. */
static inline const char *look(FIXTURE_DATA(path) *self, unsigned int *num)
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

struct burst {
	size_t len;
	uint16_t segment;	/* 0: one packet */
	unsigned int packets;
};

static inline int send_burst(FIXTURE_DATA(path) *self,
			     const struct burst *burst)
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

static inline size_t seal(uint8_t *wire, const struct sframe_key *key,
			  uint64_t ctr, uint8_t pt)
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

static inline bool is_plain(const uint8_t *got, int n, uint64_t ctr, uint8_t pt)
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
static inline void settle_requests(void)
{
	if (!objects_come_to("late", 0))
		abort();
}

#endif /* E2EE_TEST_FAULT_PATH_H */
