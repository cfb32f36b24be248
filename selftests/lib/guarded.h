/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A session with a guard over a range of ports, and a peer that sends to these
 * ports and receives from them.
 *
 *	engine, ports 7000 to 7099, guarded <---- lo, d0 ----> peer, plain
 */
#ifndef E2EE_TEST_GUARDED_H
#define E2EE_TEST_GUARDED_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl.h"
#include "harness.h"
#include "rtp.h"
#include "scene.h"
#include "sframe.h"
#include "sock.h"

#define SSRC		0x600d600d
#define FIRST		7000
#define LAST		7099

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

static inline int add_key(FIXTURE_DATA(guard) *self, uint32_t dir,
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
static inline const char *changes(FIXTURE_DATA(guard) *self)
{
	uint64_t now[CTL_STATS];
	const char *text;

	if (ctl_session_stats(&self->ctl, self->session, now))
		return "no counters";
	text = stats_changes(self->before, now);
	memcpy(self->before, now, sizeof(now));
	return text;
}

static inline uint64_t counted(FIXTURE_DATA(guard) *self, enum e2ee_stat stat)
{
	uint64_t now[CTL_STATS] = { 0 };

	ctl_session_stats(&self->ctl, self->session, now);
	return now[stat];
}

/* Wait until it is @wanted. */
static inline bool comes_to(FIXTURE_DATA(guard) *self, enum e2ee_stat stat,
			    uint64_t wanted)
{
	int64_t end = now_ms() + SOCK_WAIT;

	while (counted(self, stat) != wanted)
		if (now_ms() > end)
			return false;
	return true;
}

/* Is it attached to the guard's session? Waits for that, if it must be. */
static inline bool is_attached(FIXTURE_DATA(guard) *self, int fd, bool wait)
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
static inline int send_media(int fd, unsigned int first, unsigned int num,
			     bool gso, const struct addr *to)
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
static inline const char *expect_sealed(FIXTURE_DATA(guard) *self,
					unsigned int first, unsigned int num)
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
static inline int inject_media(FIXTURE_DATA(guard) *self, unsigned int first,
			       unsigned int num, bool gso,
			       const struct addr *to)
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

static inline const char *expect_media(int fd, unsigned int first,
				       unsigned int num)
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

#endif /* E2EE_TEST_GUARDED_H */
