// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out under each policy, one allocation after the other: the row "no
 * memory" of the two tables, in each of their columns.
 *
 * How many allocations a packet takes changes a little, as the kernel keeps
 * some of what it needs in stock: so there are several rounds, none of which
 * ends with the first packet that takes fewer.
 */
#define _GNU_SOURCE
#include <netinet/in.h>

#include "lib/fault_path.h"
#include "lib/scene.h"

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

/* then the sender is not told what happens to a packet that waits for its cipher */
static bool answers_late;

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
	tally->judged++;
	return "";
}

static const char *judge_column(FIXTURE_DATA(path) *self,
				const struct column *column,
				const struct burst *burst, unsigned int nth,
				int err, struct tally *tally)
{
	const char *counted = changes(self);
	char sent[32], refused[32];
	bool fails;

	snprintf(sent, sizeof(sent), "%s+%u", column->sent, burst->packets);
	snprintf(refused, sizeof(refused), "tx_failed+%u", burst->packets);
	/* a fault before us: there was no packet */
	if (!*counted)
		return err == -EFAULT || err == -ENOMEM || err == -ENOBUFS ?
		       judge_wire(self, column, burst, true, tally) :
		       "not counted";
	fails = !strcmp(counted, refused);
	/* only what is to be sealed takes memory of ours */
	if (fails && !seals(column))
		return "tx_failed";
	if (!fails && strcmp(counted, sent))
		return counted;
	/* the stack may fail behind us, where the packet goes on */
	if (fails ? err != -ENOBUFS && !(answers_late && err == (int)burst->len) :
		    err != (column->refused ?: (int)burst->len) &&
		    (column->policy == E2EE_POLICY_BLOCKED ||
		     (err != -ENOBUFS && err != -ENOMEM)))
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
		settle_requests();
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
	settle_requests();
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
	static const struct burst bursts_of_both[] = {
		{ BIG, 0, 1 }, { BURST * SEGMENT, SEGMENT, BURST },
	};
	const struct column *column;
	static struct tally tally;
	unsigned int i;
	int on = 1;

	answers_late = variant->crypto;
	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, run("ip link set tun0 mtu 65000"));
	/* the kernel tells of lost packets only those who ask for it */
	setsockopt(self->fd, SOL_IP, IP_RECVERR, &on, sizeof(on));
	setsockopt(self->fd, SOL_IPV6, IPV6_RECVERR, &on, sizeof(on));
	for (column = columns; column < columns + ARRAY_SIZE(columns);
	     column++) {
		ASSERT_EQ(0, come_to(self, column));
		for (i = 0; i < ARRAY_SIZE(bursts_of_both); i++) {
			sweep_rounds(self, column, &bursts_of_both[i], &tally,
				     _metadata);
			EXPECT_LT(0, tally.judged);
			/* a single packet mostly has room for its seal */
			if (seals(column) && bursts_of_both[i].segment) {
				EXPECT_NE(0, failed(&tally, 1));
				EXPECT_TRUE(tally.told);
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
	if (!fault_fits(err))
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

TEST_HARNESS_MAIN
