// SPDX-License-Identifier: GPL-2.0
/*
 * Floods of what cannot be opened, at all the rate that the machine gives, into one
 * session; meanwhile media flow to that one and to another, at the pace of a real
 * stream: none of it is lost, the module takes no memory for what it drops, events
 * stay few, and the kernel's log quiet.
 *
 *	attacker: namespace, veth ---> socket of session "flooded" <---.
 *	                               socket of session "other" <---- veth, peer:
 *	                                                       namespace, the media
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/ctl.h"
#include "lib/figures.h"
#include "lib/harness.h"
#include "lib/memory.h"
#include "lib/netlink.h"
#include "lib/objects.h"
#include "lib/rtp.h"
#include "lib/sframe.h"
#include "lib/sock.h"

#define SSRC		0xf100d000
#define PORT		7000
#define BATCH		64
#define JUNK_LEN	600
#define AUDIO		160	/* bytes, each 20 ms */
#define VIDEO		1200
#define BURST		4	/* packets of a picture */
#define PICTURE		5	/* a picture in so many times 20 ms */
#define TICK		20	/* ms */
#define GROWTH		(256 << 10)	/* bytes that may come and go */
#define LOG_LINES	2	/* others may have something to say */
#define EVENTS_BURST	16	/* a session, at once */
#define EVENTS_RATE	16	/* and a second */

enum flood_kind { JUNK, UNKNOWN_KID, WRONG_TAG, SHORT_SFRAME };

/* One session, and the media that come to it */
struct flow {
	const char *name;
	uint32_t session;
	int fd;
	int peer;
	struct sframe_key key;
	uint64_t sent;		/* the CTR of the next one, too */
	uint64_t got;
	uint64_t wrong;
};

enum { FLOODED, OTHER, FLOWS };

FIXTURE(flood)
{
	struct ctl ctl;
	struct nl events;
	struct flow flows[FLOWS];
	int attacker;
	pthread_t thread;
	atomic_bool stop;
	atomic_ullong sent;
};

FIXTURE_VARIANT(flood)
{
	enum flood_kind kind;
	unsigned int stat;	/* that counts it */
	uint32_t event;		/* that tells of it; 0: none does */
	unsigned int burst;	/* of these events, at most; and a second */
	unsigned int rate;
};

FIXTURE_VARIANT_ADD(flood, junk) {
	.kind = JUNK, .stat = E2EE_A_STAT_RX_MALFORMED,
};

FIXTURE_VARIANT_ADD(flood, unknown_kid) {
	.kind = UNKNOWN_KID, .stat = E2EE_A_STAT_RX_NO_KEY,
	.event = E2EE_EVENT_KEY_MISSING,
	.burst = EVENTS_BURST, .rate = EVENTS_RATE,
};

/* A burst of wrong tags is told of once a second */
FIXTURE_VARIANT_ADD(flood, wrong_tag) {
	.kind = WRONG_TAG, .stat = E2EE_A_STAT_RX_AUTH_FAIL,
	.event = E2EE_EVENT_AUTH_BURST, .burst = 1, .rate = 1,
};

FIXTURE_VARIANT_ADD(flood, no_room_for_a_tag) {
	.kind = SHORT_SFRAME, .stat = E2EE_A_STAT_RX_MALFORMED,
};

static size_t seal(uint8_t *out, const struct sframe_key *key, uint64_t ctr,
		   size_t len)
{
	uint8_t payload[VIDEO];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .seq = (uint16_t)ctr, .ts = (uint16_t)ctr,
		.payload = payload, .len = len - RTP_HEADER,
	};

	rtp_fill(payload, rtp.len, (uint16_t)ctr);
	return rtp_seal(out, &rtp, key, ctr);
}

static size_t bad(uint8_t *out, const struct sframe_key *key,
		  enum flood_kind kind)
{
	struct sframe_key other = *key;
	size_t len;

	switch (kind) {
	case JUNK:
		memset(out, 0xff, JUNK_LEN);
		return JUNK_LEN;
	case UNKNOWN_KID:
		other.kid++;
		return seal(out, &other, 1 << 20, JUNK_LEN);
	case WRONG_TAG:
		len = seal(out, key, 1 << 20, JUNK_LEN);
		out[len - 1] ^= 1;
		return len;
	case SHORT_SFRAME:
		seal(out, key, 1 << 20, JUNK_LEN);
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
	uint8_t packet[2 * VIDEO];
	struct iovec iov = {
		packet, bad(packet, &self->flows[FLOODED].key, flood->kind)
	};
	int n;

	for (int i = 0; i < BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &iov;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (!self->stop) {
		n = sendmmsg(self->attacker, messages, BATCH, 0);
		if (n > 0)
			self->sent += (unsigned int)n;
	}
	return NULL;
}

static int enter(int netns)
{
	return setns(netns, CLONE_NEWNET) ? -errno : 0;
}

static int namespace_new(void)
{
	int err = sock_netns();

	return err ?: open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* A namespace beside @here, at the other end of a veth; leaves us in it */
static int neighbour(int here, unsigned int net)
{
	int there = namespace_new();

	if (there < 0 || enter(here) ||
	    run("ip link add v%u type veth peer name eth0 netns /proc/%d/fd/%d && "
		"ip addr add 10.71.%u.1/24 dev v%u && ip link set v%u up", net,
		getpid(), there, net, net, net) || enter(there) ||
	    run("ip addr add 10.71.%u.2/24 dev eth0 && ip link set eth0 up",
		net))
		return -EIO;
	return there;
}

static int connected(unsigned int net, uint16_t port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[32];
	struct addr to;

	snprintf(text, sizeof(text), "10.71.%u.1", net);
	addr_parse(&to, SOCK_V4, text, port);
	return fd < 0 || sock_connect(fd, &to) ? -errno : fd;
}

static int flow_open(FIXTURE_DATA(flood) *self, struct flow *flow,
		     const char *name, uint16_t port)
{
	struct ctl_key request = {
		.dir = E2EE_DIR_RX, .kid = 301, .mode = E2EE_SSRC_ANY,
		.secret = flow->key.secret, .salt = flow->key.salt,
	};
	struct addr any;
	int err;

	flow->name = name;
	sframe_key_random(&flow->key, 5, request.kid);
	addr_parse(&any, SOCK_V4, "0.0.0.0", port);
	flow->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (flow->fd < 0 || bind(flow->fd, (void *)&any.ss, any.len))
		return -errno;
	err = ctl_session_new(&self->ctl, name, NULL, &flow->session);
	err = err ?: ctl_attach(&self->ctl, flow->session, flow->fd, NULL);
	return err ?: ctl_key_new(&self->ctl, flow->session, &request);
}

FIXTURE_SETUP(flood)
{
	int here, media, attack, i;

	/* the queue before us, of all namespaces, must not be what overflows */
	sysctl("net/core/netdev_max_backlog", "20000");
	ASSERT_TRUE(objects_all_gone());
	here = namespace_new();
	ASSERT_LE(0, here);
	ASSERT_EQ(0, ctl_open(&self->ctl));
	ASSERT_EQ(0, flow_open(self, &self->flows[FLOODED], "flooded", PORT));
	ASSERT_EQ(0, flow_open(self, &self->flows[OTHER], "other", PORT + 1));
	ASSERT_EQ(0, nl_open(&self->events));
	ASSERT_EQ(0, nl_listen(&self->events));
	media = neighbour(here, 1);
	ASSERT_LE(0, media);
	for (i = 0; i < FLOWS; i++) {
		self->flows[i].peer = connected(1, (uint16_t)(PORT + i));
		ASSERT_LE(0, self->flows[i].peer);
	}
	attack = neighbour(here, 2);
	ASSERT_LE(0, attack);
	self->attacker = connected(2, PORT);
	ASSERT_LE(0, self->attacker);
	ASSERT_EQ(0, enter(here));
	close(here);
	close(media);
	close(attack);
}

FIXTURE_TEARDOWN(flood)
{
	for (int i = 0; i < FLOWS; i++) {
		close(self->flows[i].fd);
		close(self->flows[i].peer);
	}
	close(self->attacker);
	nl_close(&self->events);
	ctl_close(&self->ctl);
}

/* The kernel's log from now on */
static int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 || lseek(fd, 0, SEEK_END) < 0 ? -errno : fd;
}

/* How many lines; @ours: those that name the module */
static unsigned int log_lines(int fd, unsigned int *ours)
{
	unsigned int lines = 0;
	char line[1024];
	ssize_t len;

	*ours = 0;
	/* EPIPE: some were overwritten before they were read */
	while ((len = read(fd, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[len > 0 ? len : 0] = '\0';
		fprintf(stderr, "# log: %s", line);
		*ours += !!strstr(line, "e2ee");
		lines++;
	}
	close(fd);
	return lines;
}

struct told {
	unsigned int all;	/* events of any type */
	unsigned int wanted;	/* of the variant's */
	unsigned long long lost;	/* that were not sent, as they say */
};

/* 0, or -ENOBUFS: more events than a listener can take */
static int events_read(struct nl *nl, uint32_t type, struct told *told)
{
	char buf[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	int err;

	while (!(err = nl_event(nl, 0, buf, sizeof(buf)))) {
		told->all++;
		told->wanted += nl_get_u32(nl_find(buf, E2EE_A_EVENT,
						   E2EE_A_EVENT_TYPE)) == type;
		told->lost += nl_get_u32(nl_find(buf, E2EE_A_EVENT,
						 E2EE_A_EVENT_LOST));
	}
	return err == -ETIMEDOUT ? 0 : err;
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

/* media */

static size_t size_of(uint64_t ctr)
{
	return ctr % (PICTURE + BURST) < PICTURE ? AUDIO : VIDEO;
}

static void flow_send(struct flow *flow)
{
	uint8_t wire[2 * VIDEO];
	size_t len = seal(wire, &flow->key, flow->sent, size_of(flow->sent));

	sock_send(flow->peer, wire, len, NULL);
	flow->sent++;
}

static void flow_receive(struct flow *flow)
{
	uint8_t got[2 * VIDEO], wanted[VIDEO];
	size_t len;
	int n;

	while ((n = sock_recv_now(flow->fd, got, sizeof(got))) >= 0) {
		/* what was lost in between leaves the order as it is */
		len = (size_t)n < VIDEO ? AUDIO : VIDEO;
		rtp_plain(wanted, len, SSRC, rtp_seq(got));
		flow->wrong += (size_t)n != len || memcmp(got, wanted, len);
		flow->got++;
	}
}

static void flows_receive(FIXTURE_DATA(flood) *self, int64_t until)
{
	do {
		flow_receive(&self->flows[FLOODED]);
		flow_receive(&self->flows[OTHER]);
	} while (now_ms() < until && !poll(NULL, 0, 1));
}

/* A microphone and a camera to each session, in their own time */
static void media_until(FIXTURE_DATA(flood) *self, int64_t end)
{
	int64_t next = now_ms();

	for (unsigned int tick = 0; now_ms() < end; tick++) {
		for (struct flow *flow = self->flows;
		     flow < self->flows + FLOWS; flow++) {
			flow_send(flow);
			for (int i = 0; tick % PICTURE == PICTURE - 1 &&
			     i < BURST; i++)
				flow_send(flow);
		}
		next += TICK;
		flows_receive(self, next);
	}
}

static uint64_t lost(FIXTURE_DATA(flood) *self)
{
	uint64_t sum = 0;

	for (const struct flow *flow = self->flows;
	     flow < self->flows + FLOWS; flow++)
		sum += flow->sent - flow->got;
	return sum;
}

/* What is still on its way is not lost */
static void media_end(FIXTURE_DATA(flood) *self)
{
	int64_t end = now_ms() + 5000;

	while (lost(self) && now_ms() < end)
		flows_receive(self, now_ms() + 10);
}

static uint64_t verdicts(const uint64_t stats[CTL_STATS])
{
	uint64_t sum = 0;

	for (unsigned int i = E2EE_A_STAT_RX_OK; i <= E2EE_A_STAT_RX_BLOCKED;
	     i++)
		sum += stats[i];
	return sum;
}

TEST_F(flood, media_goes_on)
{
	struct flood flood = { self, variant->kind };
	struct flow *flooded = &self->flows[FLOODED];
	struct flow *other = &self->flows[OTHER];
	uint64_t stats[CTL_STATS];
	unsigned int drops, ours;
	struct told told = { 0 };
	long long before, growth;
	int64_t begin;
	long seconds;
	int log;

	/* the first packets make what stays: windows, neighbours */
	media_until(self, now_ms() + 10 * TICK);
	media_end(self);
	ASSERT_EQ(0, lost(self));
	ASSERT_EQ(0, events_read(&self->events, 0, &told));
	before = memory_at_rest();
	ASSERT_LT(0, before);
	log = log_open();
	ASSERT_LE(0, log);
	drops = backlog_drops();
	memset(&told, 0, sizeof(told));

	begin = now_ms();
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, flood_on, &flood));
	media_until(self, begin + short_or_long(1, 60) * 1000);
	self->stop = true;
	pthread_join(self->thread, NULL);
	media_end(self);
	seconds = (now_ms() - begin) / 1000 + 1;
	drops = backlog_drops() - drops;

	TH_LOG("%llu packets of a flood in %ld s, %u dropped before us; others: %llu lost of %llu, flooded: %llu of %llu",
	       (unsigned long long)self->sent, seconds, drops,
	       (unsigned long long)(other->sent - other->got),
	       (unsigned long long)other->sent,
	       (unsigned long long)(flooded->sent - flooded->got),
	       (unsigned long long)flooded->sent);
	/* all that came to a socket of others was opened and read */
	ASSERT_EQ(0, ctl_session_stats(&self->ctl, other->session, stats));
	EXPECT_EQ(other->got, stats[E2EE_A_STAT_RX_OK]);
	EXPECT_EQ(other->got, verdicts(stats));
	EXPECT_EQ(other->sent, other->got);
	EXPECT_EQ(0, other->wrong);
	/* and to the one that is flooded, each under its verdict */
	ASSERT_EQ(0, ctl_session_stats(&self->ctl, flooded->session, stats));
	EXPECT_EQ(flooded->got, stats[E2EE_A_STAT_RX_OK]);
	EXPECT_EQ(flooded->sent, flooded->got);
	EXPECT_EQ(0, flooded->wrong);
	EXPECT_EQ(verdicts(stats), stats[E2EE_A_STAT_RX_OK] +
				   stats[variant->stat]);
	EXPECT_GE(self->sent, stats[variant->stat]);
	EXPECT_LE(self->sent, stats[variant->stat] + drops);
	EXPECT_LT(self->sent / 2, stats[variant->stat]);

	EXPECT_EQ(0, events_read(&self->events, variant->event, &told));
	EXPECT_EQ(told.all, told.wanted);
	EXPECT_GE(variant->burst + variant->rate * seconds, told.all);
	EXPECT_EQ(!!variant->event, !!told.all);
	EXPECT_GE(LOG_LINES, log_lines(log, &ours));
	EXPECT_EQ(0, ours);
	growth = memory_at_rest() - before;
	EXPECT_GT(GROWTH, growth);
	TH_LOG("%u events, which tell of %llu more, memory %+lld bytes",
	       told.all, told.lost, growth);
	figure_add("flood", "flood_packets", (double)self->sent);
	figure_add("flood", "flood_media_sent",
		   (double)(other->sent + flooded->sent));
	figure_add("flood", "flood_media_lost", (double)lost(self));
}

TEST_HARNESS_MAIN
