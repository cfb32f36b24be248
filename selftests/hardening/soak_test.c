// SPDX-License-Identifier: GPL-2.0
/*
 * A conference that goes on and on: 50 streams, half of them audio and half
 * video, over a network that loses, delays and reorders; streams join and
 * leave, keys change. What was sent is what was received and what the network
 * says it dropped, to the packet; memory stays flat. E2EE_SECONDS says for how
 * long.
 *
 *	senders, attached: namespace A, veth, netem ----> B: receivers, attached
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>

#include "lib/ctl.h"
#include "lib/figures.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/rtp.h"
#include "lib/sframe.h"
#include "lib/sock.h"

#define STREAMS		50
#define PORT		20000
#define ADDR_A		"198.51.100.1"
#define ADDR_B		"198.51.100.2"
#define MAC_B		"02:00:00:00:00:0b"
#define AUDIO		160
#define VIDEO		1200
#define REKEY		2000	/* packets */
#define JOIN		700
#define GROWTH		(16 << 10)	/* kB of slab that may come and go */

struct end {
	int netns;
	struct ctl ctl;
	uint32_t session;
};

struct stream {
	int tx;
	int rx;
	uint16_t seq;
};

FIXTURE(soak)
{
	struct end a;
	struct end b;
	struct stream streams[STREAMS];
	unsigned long long sent;
	unsigned long long received;
	unsigned long long wrong;
	uint32_t epoch;
};

static int enter(const struct end *end)
{
	return setns(end->netns, CLONE_NEWNET) ? -errno : 0;
}

static int end_open(struct end *end, const char *name)
{
	int err = sock_netns();

	if (err)
		return err;
	end->netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (end->netns < 0)
		return -errno;
	err = ctl_open(&end->ctl);
	return err ?: ctl_session_new(&end->ctl, name, NULL, &end->session);
}

/* What the network drops is of the streams alone: nobody asks for neighbours */
static int wire(FIXTURE_DATA(soak) *self)
{
	if (enter(&self->b) || sysctl("net/ipv6/conf/default/disable_ipv6",
				      "1") ||
	    enter(&self->a) || sysctl("net/ipv6/conf/default/disable_ipv6",
				      "1") ||
	    run("ip link add va type veth peer name vb address " MAC_B
		" netns /proc/%d/fd/%d", getpid(), self->b.netns) ||
	    run("ip addr add " ADDR_A "/24 dev va && ip link set va up && "
		"ip neigh replace " ADDR_B " lladdr " MAC_B " dev va") ||
	    enter(&self->b) ||
	    run("ip addr add " ADDR_B "/24 dev vb && ip link set vb up") ||
	    enter(&self->a) ||
	    run("tc qdisc add dev va root netem loss 2%% delay 4ms 3ms "
		"reorder 20%% limit 100000"))
		return -EIO;
	return 0;
}

/* The number that follows @word in what @command prints; -1 */
static long long number(const char *command, const char *word)
{
	char text[8192] = "";
	FILE *pipe = popen(command, "r");
	const char *at;
	size_t len;

	if (!pipe)
		return -1;
	len = fread(text, 1, sizeof(text) - 1, pipe);
	text[len] = '\0';
	pclose(pipe);
	at = strstr(text, word);
	return at ? atoll(at + strlen(word)) : -1;
}

static unsigned long long dropped(FIXTURE_DATA(soak) *self)
{
	long long drops;

	if (enter(&self->a))
		abort();
	drops = number("tc -s -j qdisc show dev va", "\"drops\":");
	if (drops < 0)
		abort();
	return (unsigned long long)drops;
}

static long long slab(void)
{
	return number("cat /proc/meminfo", "Slab:");
}

static int bound(const char *addr, uint16_t port, const char *to)
{
	struct addr local, remote;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	addr_parse(&local, SOCK_V4, addr, port);
	addr_parse(&remote, SOCK_V4, to, port);
	if (fd < 0 || bind(fd, (void *)&local.ss, local.len) ||
	    connect(fd, (void *)&remote.ss, remote.len))
		return -errno;
	return fd;
}

static int join(FIXTURE_DATA(soak) *self, unsigned int i)
{
	uint16_t port = (uint16_t)(PORT + i);
	struct stream *stream = &self->streams[i];
	int err = enter(&self->a);

	stream->tx = bound(ADDR_A, port, ADDR_B);
	err = err ?: ctl_attach(&self->a.ctl, self->a.session, stream->tx,
				NULL);
	err = err ?: enter(&self->b);
	stream->rx = bound(ADDR_B, port, ADDR_A);
	return err ?: ctl_attach(&self->b.ctl, self->b.session, stream->rx,
				 NULL);
}

static void leave(FIXTURE_DATA(soak) *self, unsigned int i)
{
	close(self->streams[i].tx);
	close(self->streams[i].rx);
}

/* To receive with first, then to send with; the last one goes when unused. */
static int rekey(FIXTURE_DATA(soak) *self)
{
	uint32_t epoch = ++self->epoch;
	struct sframe_key secret;
	struct ctl_key key = {
		.kid = epoch, .mode = E2EE_SSRC_ANY, .dir = E2EE_DIR_RX,
		.secret = secret.secret, .salt = secret.salt,
	};
	int err;

	sframe_key_random(&secret, 5, epoch);
	err = ctl_key_new(&self->b.ctl, self->b.session, &key);
	key.dir = E2EE_DIR_TX;
	key.epoch = epoch;
	err = err ?: ctl_key_new(&self->a.ctl, self->a.session, &key);
	err = err ?: ctl_session_epoch(&self->a.ctl, self->a.session, epoch,
				       false);
	if (err || epoch < 2)
		return err;
	key.kid--;
	err = ctl_key_del(&self->a.ctl, self->a.session, &key);
	if (err || epoch < 3)
		return err;
	/* nothing sealed with the one before is on its way any more */
	key.dir = E2EE_DIR_RX;
	key.kid--;
	return ctl_key_del(&self->b.ctl, self->b.session, &key);
}

static size_t size_of(unsigned int stream)
{
	return stream % 2 ? VIDEO : AUDIO;
}

static int send_one(FIXTURE_DATA(soak) *self, unsigned int i)
{
	struct stream *stream = &self->streams[i];
	uint8_t packet[VIDEO];

	rtp_plain(packet, size_of(i), PORT + i, stream->seq++);
	self->sent++;
	return sock_send(stream->tx, packet, size_of(i), NULL);
}

static void drain(FIXTURE_DATA(soak) *self, int timeout_ms)
{
	struct pollfd fds[STREAMS];
	uint8_t got[2 * VIDEO], wanted[VIDEO];
	unsigned int i;
	int n;

	for (i = 0; i < STREAMS; i++)
		fds[i] = (struct pollfd){ self->streams[i].rx, POLLIN, 0 };
	poll(fds, STREAMS, timeout_ms);
	for (i = 0; i < STREAMS; i++) {
		if (!fds[i].revents)
			continue;
		while ((n = sock_recv_now(fds[i].fd, got, sizeof(got))) >= 0) {
			rtp_plain(wanted, size_of(i), PORT + i, rtp_seq(got));
			self->wrong += (size_t)n != size_of(i) ||
				       memcmp(got, wanted, (size_t)n);
			self->received++;
		}
	}
}

/* Nothing is on its way any more: what is missing? */
static long long settle(FIXTURE_DATA(soak) *self)
{
	int64_t end = now_ms() + SOCK_WAIT;
	long long missing;

	do {
		drain(self, 20);
		missing = (long long)(self->sent - self->received -
				      dropped(self));
	} while (missing && now_ms() < end);
	return missing;
}

FIXTURE_SETUP(soak)
{
	unsigned int i;

	ASSERT_EQ(0, end_open(&self->a, "senders"));
	ASSERT_EQ(0, end_open(&self->b, "receivers"));
	ASSERT_EQ(0, wire(self));
	for (i = 0; i < STREAMS; i++)
		ASSERT_EQ(0, join(self, i));
	ASSERT_EQ(0, rekey(self));
}

FIXTURE_TEARDOWN(soak)
{
	for (unsigned int i = 0; i < STREAMS; i++)
		leave(self, i);
	ctl_close(&self->a.ctl);
	ctl_close(&self->b.ctl);
	close(self->a.netns);
	close(self->b.netns);
}

TEST_F_TIMEOUT(soak, conference, 7200)
{
	long seconds = seconds_or(short_or_long(5, 3600));
	int64_t end = now_ms() + seconds * 1000;
	long long missing = 0, before = 0;
	unsigned int turn = 0, joins = 0;
	uint64_t stats[CTL_STATS];

	while (now_ms() < end && !missing) {
		ASSERT_LT(0, send_one(self, turn % STREAMS)) {
			TH_LOG("packet %llu", self->sent);
		}
		turn++;
		if (turn % 16 == 0)
			drain(self, 0);
		if (turn % REKEY == 0) {
			ASSERT_EQ(0, rekey(self));
		}
		if (turn % JOIN == 0) {
			missing = settle(self);
			leave(self, turn / JOIN % STREAMS);
			ASSERT_EQ(0, join(self, turn / JOIN % STREAMS));
			joins++;
		}
		if (turn == 2 * REKEY)	/* all caches are as they will be */
			before = slab();
	}
	missing += settle(self);
	EXPECT_EQ(0, missing);
	EXPECT_EQ(0, self->wrong);
	/* it did lose some */
	EXPECT_LT(0, dropped(self));
	EXPECT_EQ(self->sent, self->received + dropped(self) + missing);
	ASSERT_EQ(0, ctl_session_stats(&self->b.ctl, self->b.session, stats));
	EXPECT_EQ(self->received, stats[E2EE_A_STAT_RX_OK]);
	ASSERT_EQ(0, ctl_session_stats(&self->a.ctl, self->a.session, stats));
	EXPECT_EQ(self->sent, stats[E2EE_A_STAT_TX_OK]);
	if (before) {
		EXPECT_GT(before + GROWTH, slab());
	}
	TH_LOG("%llu sent, %llu received, %llu dropped by the network, %u keys, %u joins",
	       self->sent, self->received, dropped(self), self->epoch, joins);
	figure_add("soak", "soak_packets", (double)self->sent);
	figure_add("soak", "soak_unexplained_loss", (double)missing);
}

TEST_HARNESS_MAIN
