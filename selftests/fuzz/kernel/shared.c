// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "ctl.h"
#include "dice.h"
#include "rtp.h"
#include "shared.h"
#include "sock.h"

#define TOGETHER	32	/* packets of one system call */
#define LENGTHS		900	/* bytes of a payload, at most */
#define ROOM		1200
#define RING		(1U << 20)	/* packets that are remembered */
#define BACK		64	/* so far back are those that come twice */
#define KID_ENGINE	1
#define KID_OTHERS	2

/*
 * Each packet has a number. It says what kind it is of and all of its bytes, and is
 * the CTR where a worker seals.
 */
enum kind { ENGINE, SEALED, TWICE, FLIPPED, CLEAR, OTHER, KINDS };

static struct {
	int engine;
	int peer;
	struct addr to;
	struct sframe_key keys[3];	/* by KID */
	uint64_t before[2][CTL_STATS];
	struct counts {
		uint64_t next;			/* number */
		uint64_t sent[KINDS];
		uint64_t delivered[KINDS];
		uint64_t elsewhere;	/* not to the worker that sent it */
		/* packets that may be delivered: number, sender, whether it was */
		uint64_t may[RING];
	} *all;
} pair;

static const char * const goals[SHARED_GOALS] = {
	[SHARED_ENGINE] = "shared-engine", [SHARED_SEALED] = "shared-sealed",
	[SHARED_TWICE] = "shared-twice", [SHARED_FLIPPED] = "shared-flipped",
	[SHARED_CLEAR] = "shared-clear", [SHARED_OTHER] = "shared-other",
	[SHARED_BOTH] = "shared-by-both",
};

const char *shared_goal(unsigned int nth)
{
	return goals[nth];
}

static void add(uint64_t *to, uint64_t what)
{
	__atomic_fetch_add(to, what, __ATOMIC_SEQ_CST);
}

static uint64_t entry(uint64_t number, unsigned int worker, bool delivered)
{
	return number << 4 | worker << 1 | delivered;
}

static uint64_t *entry_of(uint64_t number)
{
	return &pair.all->may[number % RING];
}

static bool is_noted(uint64_t number)
{
	return __atomic_load_n(entry_of(number), __ATOMIC_SEQ_CST) >> 4 ==
	       number;
}

static enum kind kind_of(uint64_t number)
{
	static const enum kind kinds[] = {
		ENGINE, ENGINE, ENGINE, SEALED, SEALED, SEALED, SEALED, TWICE,
		TWICE, FLIPPED, CLEAR, OTHER,
	};
	struct dice dice;

	dice_seed(&dice, number, 1);
	return kinds[dice_below(&dice, sizeof(kinds) / sizeof(kinds[0]))];
}

/* As an engine sends it, and as it must be delivered. The number comes first. */
static size_t plain(uint64_t number, uint8_t *out)
{
	uint8_t payload[LENGTHS + sizeof(number)];
	struct rtp rtp = { .pt = 96, .ssrc = 7, .payload = payload };
	struct dice dice;

	if (kind_of(number) == OTHER) {
		size_t len = stun_build(out);

		memcpy(out + 8, &number, sizeof(number));
		return len;
	}
	dice_seed(&dice, number, 2);
	rtp.seq = (uint16_t)number;
	rtp.len = sizeof(number) + dice_below(&dice, LENGTHS);
	dice_bytes(&dice, payload, rtp.len);
	/* not what looks like an SFrame descriptor */
	payload[0] = 0x90;
	memcpy(payload + 1, &number, sizeof(number) - 1);
	return rtp_build(out, &rtp);
}

static size_t sealed(uint64_t number, uint8_t *out)
{
	uint8_t clear[ROOM];
	size_t len = plain(number, clear);
	struct rtp rtp = {
		.pt = 96, .ssrc = 7, .seq = (uint16_t)number,
		.payload = clear + RTP_HEADER, .len = len - RTP_HEADER,
	};

	return rtp_seal(out, &rtp, &pair.keys[KID_OTHERS], number);
}

static uint64_t number_in(const uint8_t *packet, size_t len)
{
	uint64_t number = 0;

	if (len >= RTP_HEADER + sizeof(number) && packet[0] >> 6 == 2)
		memcpy(&number, packet + RTP_HEADER + 1, sizeof(number) - 1);
	else if (len >= 8 + sizeof(number))
		memcpy(&number, packet + 8, sizeof(number));
	return number;
}

/* One that was sealed lately, by whomever; 0: none */
static uint64_t recent(struct dice *dice, uint64_t number)
{
	for (unsigned int tries = 0; tries < 8; tries++) {
		uint64_t other = number - 1 - dice_below(dice, BACK);

		if (other < number && kind_of(other) == SEALED &&
		    is_noted(other))
			return other;
	}
	return 0;
}

/* Returns its length, 0 if there is nothing to send */
static size_t make(struct run_worker *worker, struct dice *dice,
		   uint64_t number, uint8_t *out)
{
	enum kind kind = kind_of(number);
	uint64_t other;
	size_t len;

	if (kind == ENGINE || kind == SEALED || kind == OTHER)
		__atomic_store_n(entry_of(number),
				 entry(number, worker->nth, false),
				 __ATOMIC_SEQ_CST);
	switch (kind) {
	case ENGINE:
	case CLEAR:
	case OTHER:
		return plain(number, out);
	case TWICE:
		other = recent(dice, number);
		return other ? sealed(other, out) : 0;
	case FLIPPED:
		len = sealed(number, out);
		out[len - 1 - dice_below(dice, SFRAME_TAG)] ^=
			(uint8_t)(1 << dice_below(dice, 8));
		return len;
	default:
		return sealed(number, out);
	}
}

static bool put(struct run_worker *worker, int fd, struct mmsghdr *msgs,
		unsigned int num)
{
	int n;

	for (unsigned int done = 0; done < num; done += (unsigned int)n) {
		n = sendmmsg(fd, msgs + done, num - done, 0);
		if (n <= 0) {
			run_wrong(worker, "shared: sending: %s",
				  strerror(errno));
			return false;
		}
	}
	return true;
}

/* Those of the engine on its socket, all others on one of the worker's own */
static bool send_some(struct run_worker *worker, struct dice *dice, int fd)
{
	static uint8_t wires[TOGETHER][ROOM];
	struct mmsghdr msgs[2][TOGETHER];
	struct iovec iovs[TOGETHER];
	unsigned int num[2] = { 0, 0 }, side, i;
	uint64_t number;
	enum kind kind;
	size_t len;

	memset(msgs, 0, sizeof(msgs));
	for (i = 0; i < TOGETHER; i++) {
		number = __atomic_fetch_add(&pair.all->next, 1,
					    __ATOMIC_SEQ_CST);
		kind = kind_of(number);
		len = make(worker, dice, number, wires[i]);
		if (!len)
			continue;
		iovs[i] = (struct iovec){ wires[i], len };
		side = kind == ENGINE;
		msgs[side][num[side]++].msg_hdr = (struct msghdr){
			.msg_name = (void *)&pair.to.ss,
			.msg_namelen = pair.to.len,
			.msg_iov = &iovs[i], .msg_iovlen = 1,
		};
		add(&pair.all->sent[kind], 1);
	}
	worker->done += num[0] + num[1];
	return put(worker, pair.engine, msgs[1], num[1]) &&
	       put(worker, fd, msgs[0], num[0]);
}

static bool check_one(struct run_worker *worker, const uint8_t *got,
		      size_t len)
{
	uint64_t number = number_in(got, len), noted;
	uint8_t want[ROOM];

	noted = __atomic_load_n(entry_of(number), __ATOMIC_SEQ_CST);
	if (noted >> 4 != number || plain(number, want) != len ||
	    memcmp(want, got, len)) {
		run_wrong(worker, "shared: delivered %zu bytes that nobody sent, number %llu",
			  len, (unsigned long long)number);
		return false;
	}
	if (noted & 1 ||
	    !__atomic_compare_exchange_n(entry_of(number), &noted, noted | 1,
					 false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST)) {
		run_wrong(worker, "shared: packet %llu was delivered twice",
			  (unsigned long long)number);
		return false;
	}
	add(&pair.all->delivered[kind_of(number)], 1);
	add(&pair.all->elsewhere, (noted >> 1 & 7) != worker->nth);
	return true;
}

/* All that waits, whoever sent it */
static bool take_all(struct run_worker *worker)
{
	static uint8_t got[TOGETHER][ROOM];
	struct mmsghdr msgs[TOGETHER];
	struct iovec iovs[TOGETHER];
	int n, i;

	do {
		memset(msgs, 0, sizeof(msgs));
		for (i = 0; i < TOGETHER; i++) {
			iovs[i] = (struct iovec){ got[i], ROOM };
			msgs[i].msg_hdr.msg_iov = &iovs[i];
			msgs[i].msg_hdr.msg_iovlen = 1;
		}
		n = recvmmsg(pair.peer, msgs, TOGETHER, MSG_DONTWAIT, NULL);
		for (i = 0; i < n; i++)
			if (!check_one(worker, got[i], msgs[i].msg_len))
				return false;
	} while (n > 0);
	return true;
}

void shared_work(struct run_worker *worker)
{
	int fd = sock_udp(SOCK_V4, 0, NULL);
	struct dice dice;

	dice_seed(&dice, worker->seed, 100 + worker->nth);
	if (fd < 0)
		run_wrong(worker, "shared: no socket");
	run_ready(worker);
	for (; !run_over(worker); worker->batch++)
		if (!send_some(worker, &dice, fd) || !take_all(worker))
			break;
}

/* What the sockets counted since they were attached */
static int verdicts(struct ctl *ctl, uint64_t by[2][CTL_STATS])
{
	const int fds[2] = { pair.engine, pair.peer };
	int err = 0;

	for (unsigned int i = 0; i < 2 && !err; i++) {
		err = ctl_socket_stats(ctl, fds[i], by[i]);
		for (unsigned int stat = 0; stat < CTL_STATS && !err; stat++)
			by[i][stat] -= pair.before[i][stat];
	}
	return err;
}

static uint64_t sum(const uint64_t *numbers, unsigned int first,
		    unsigned int last)
{
	uint64_t all = 0;

	for (unsigned int i = first; i <= last; i++)
		all += numbers[i];
	return all;
}

/* Those that are still on their way get there */
static int settle(uint64_t by[2][CTL_STATS])
{
	uint64_t sent = sum(pair.all->sent, 0, KINDS - 1);
	int64_t end = now_ms() + SOCK_WAIT;
	struct ctl ctl;
	int err;

	err = ctl_open(&ctl);
	while (!err) {
		err = verdicts(&ctl, by);
		if (err || now_ms() > end ||
		    sum(by[1], E2EE_A_STAT_RX_OK, E2EE_A_STAT_RX_BLOCKED) >=
		    sent)
			break;
		poll(NULL, 0, 1);
	}
	ctl_close(&ctl);
	return err;
}

static void check_equal(struct run_worker *worker, const char *what,
			uint64_t got, uint64_t want)
{
	if (got != want)
		run_wrong(worker, "shared: %s: %llu, not %llu", what,
			  (unsigned long long)got, (unsigned long long)want);
}

static void check_sums(struct run_worker *worker,
		       uint64_t (*by)[CTL_STATS])
{
	const uint64_t *sent = pair.all->sent, *came = pair.all->delivered;
	const uint64_t *tx = by[0], *rx = by[1];
	uint64_t good = sent[ENGINE] + sent[SEALED];
	uint64_t bad = sent[TWICE] + sent[FLIPPED];

	check_equal(worker, "sealed for the engine", tx[E2EE_A_STAT_TX_OK],
		    sent[ENGINE]);
	check_equal(worker, "its verdicts",
		    sum(tx, E2EE_A_STAT_TX_OK, E2EE_A_STAT_RX_BLOCKED),
		    sent[ENGINE]);
	check_equal(worker, "the peer's verdicts",
		    sum(rx, E2EE_A_STAT_TX_OK, E2EE_A_STAT_RX_BLOCKED),
		    sum(sent, 0, KINDS - 1));
	check_equal(worker, "passed", rx[E2EE_A_STAT_RX_OTHER], sent[OTHER]);
	check_equal(worker, "in clear, refused",
		    rx[E2EE_A_STAT_RX_CLEAR_DROPPED], sent[CLEAR]);
	check_equal(worker, "with a tag",
		    rx[E2EE_A_STAT_RX_OK] + rx[E2EE_A_STAT_RX_REPLAY] +
		    rx[E2EE_A_STAT_RX_AUTH_FAIL], good + bad);
	check_equal(worker, "opened", rx[E2EE_A_STAT_RX_OK],
		    came[ENGINE] + came[SEALED]);
	check_equal(worker, "other packets delivered", came[OTHER],
		    sent[OTHER]);
	if (rx[E2EE_A_STAT_RX_AUTH_FAIL] > sent[FLIPPED] ||
	    rx[E2EE_A_STAT_RX_REPLAY] > bad + good / 2)
		run_wrong(worker, "shared: %llu replayed, %llu with a wrong tag, of %llu good and %llu bad ones",
			  (unsigned long long)rx[E2EE_A_STAT_RX_REPLAY],
			  (unsigned long long)rx[E2EE_A_STAT_RX_AUTH_FAIL],
			  (unsigned long long)good, (unsigned long long)bad);
	/* refused, whatever their kind was counted under */
	if (!rx[E2EE_A_STAT_RX_REPLAY] && sent[TWICE])
		run_wrong(worker, "shared: nothing was replayed");
}

void shared_end(struct run_worker *worker, unsigned int goals_from)
{
	const struct counts *all = pair.all;
	uint64_t by[2][CTL_STATS];
	int err;

	err = settle(by);
	if (err)
		run_wrong(worker, "shared: counters: %s", strerror(-err));
	/* of the first worker's wrongs those before stand */
	if (err || !take_all(worker))
		return;
	check_sums(worker, by);
	run_met(goals_from + SHARED_ENGINE, all->delivered[ENGINE]);
	run_met(goals_from + SHARED_SEALED, all->delivered[SEALED]);
	run_met(goals_from + SHARED_TWICE, all->sent[TWICE]);
	run_met(goals_from + SHARED_FLIPPED, by[1][E2EE_A_STAT_RX_AUTH_FAIL]);
	run_met(goals_from + SHARED_CLEAR, all->sent[CLEAR]);
	run_met(goals_from + SHARED_OTHER, all->delivered[OTHER]);
	run_met(goals_from + SHARED_BOTH, all->elsewhere);
}

static int give_key(struct ctl *ctl, uint32_t session, uint32_t dir,
		    const struct sframe_key *key)
{
	struct ctl_key request = {
		.dir = dir, .kid = key->kid, .suite = key->suite,
		.mode = dir == E2EE_DIR_TX ? E2EE_SSRC_ANY : 0,
		.secret = key->secret, .salt = key->salt,
	};

	return ctl_key_new(ctl, session, &request);
}

static int open_pair(struct ctl *ctl)
{
	uint32_t sender = 0, receiver = 0;
	int room = 64 << 20, err;

	for (unsigned int kid = KID_ENGINE; kid <= KID_OTHERS; kid++)
		sframe_key_random(&pair.keys[kid], 5, kid);
	pair.engine = sock_udp(SOCK_V4, 0, NULL);
	pair.peer = sock_udp(SOCK_V4, 0, &pair.to);
	if (pair.engine < 0 || pair.peer < 0 ||
	    setsockopt(pair.peer, SOL_SOCKET, SO_RCVBUFFORCE, &room,
		       sizeof(room)))
		return -EIO;
	err = ctl_session_new(ctl, "shared-tx", NULL, &sender);
	if (!err)
		err = ctl_session_new(ctl, "shared-rx", NULL, &receiver);
	if (!err)
		err = give_key(ctl, sender, E2EE_DIR_TX,
			       &pair.keys[KID_ENGINE]);
	for (unsigned int kid = KID_ENGINE; kid <= KID_OTHERS && !err; kid++)
		err = give_key(ctl, receiver, E2EE_DIR_RX, &pair.keys[kid]);
	if (!err)
		err = ctl_attach(ctl, sender, pair.engine, NULL);
	if (!err)
		err = ctl_attach(ctl, receiver, pair.peer, NULL);
	if (!err)
		err = ctl_socket_stats(ctl, pair.engine, pair.before[0]);
	if (!err)
		err = ctl_socket_stats(ctl, pair.peer, pair.before[1]);
	return err;
}

int shared_begin(void)
{
	struct ctl ctl;
	int err;

	pair.all = mmap(NULL, sizeof(*pair.all), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pair.all == MAP_FAILED)
		return -errno;
	pair.all->next = 1;
	err = ctl_open(&ctl);
	if (err)
		return err;
	err = open_pair(&ctl);
	ctl_close(&ctl);
	return err;
}
