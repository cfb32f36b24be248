// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out while a guard holds packets, one allocation after the other: a
 * held packet leaves sealed or not at all, a packet that came in is opened or
 * lost, and no hold stays.
 */
#define _GNU_SOURCE

#include "lib/fault_path.h"
#include "lib/figures.h"

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
	/* whatever becomes of it, its hold ends, and so does its cipher */
	if (!objects_come_to("hold", 0))
		return "still held";
	settle_requests();
	if (!nth)
		*hit = fault_any_end();
	close(fd);
	drain_tap(self);
	wrong = look(self, &left);
	if (*wrong)
		return wrong;
	if (!fault_fits(*err))
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
	figure_add("fault_guard", "fault_points", points);
	EXPECT_EQ(0, ctl_guard_del(&self->ctl, id));
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
	if (!*wrong && !fault_fits(err))
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
	figure_add("fault_guard", "fault_points", points);
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

TEST_HARNESS_MAIN
