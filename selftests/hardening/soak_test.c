// SPDX-License-Identifier: GPL-2.0
/*
 * A conference that goes on and on: five members with five microphones and five
 * cameras each, 50 streams in all, over a relay that has no keys. Each member has
 * a link that loses, delays and reorders both ways. Members join and leave, and
 * each stream gets another key each time, and in between. Each packet is where it
 * should be or was dropped by the network; memory stays flat. E2EE_SECONDS says
 * for how long.
 *
 *	member 0: namespace, session, veth, netem ---.
 *	...                                          +--- relay: namespace, no module
 *	member 4: namespace, session, veth, netem ---'    sends to all others
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <net/if.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "lib/ctl.h"
#include "lib/figures.h"
#include "lib/harness.h"
#include "lib/memory.h"
#include "lib/objects.h"
#include "lib/rtp.h"
#include "lib/sframe.h"
#include "lib/sock.h"

#define MEMBERS		5
#define OWN		10	/* streams of a member: audio, video, audio... */
#define STREAMS		(MEMBERS * OWN)
#define AUDIO		160	/* bytes, each 20 ms */
#define VIDEO		1200
#define BURST		4	/* packets of a picture */
#define PICTURE		5	/* a picture in so many times 20 ms */
#define TICK		20	/* ms */
#define SSRC		0x50a40000
#define PORT		20000	/* of audio; video has the next one */
#define NETEM		"netem loss 1%% delay 4ms 3ms reorder 20%% limit 100000"
#define BATCH		64
/*
 * Bytes that may come and go between two rests; bytes that the module remembers of
 * a sending key until it is unloaded.
 */
#define NOISE		(512 << 10)
#define REMEMBERED	192

enum media { MEDIA_AUDIO, MEDIA_VIDEO, MEDIA };

/* What went into a link and came out of it, and what it says it dropped */
struct leg {
	int rtnl;
	unsigned int ifindex;
	long long in;
	long long out;
};

struct member {
	bool linked;
	bool present;	/* linked, and the relay sends to it */
	struct ctl ctl;
	uint32_t session;
	int netns;
	int fds[MEDIA];
	struct addr addrs[MEDIA];
	struct leg up;
	struct leg down;
	bool holds[2][STREAMS];	/* keys of even and of odd epochs, to receive */
	unsigned long long sent;
	unsigned long long got;
};

struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	uint8_t data[BATCH][2 * VIDEO];
};

FIXTURE(soak)
{
	int netns;	/* the relay's */
	int rtnl;
	int relay[MEDIA];
	struct member members[MEMBERS];
	uint16_t seqs[STREAMS];
	uint16_t last[STREAMS][MEMBERS];
	unsigned long long ticks;
	unsigned long long sent;
	unsigned long long received;
	unsigned long long dropped;
	unsigned long long clear;	/* at the relay */
	unsigned long long wrong;	/* other bytes, or a packet twice */
	unsigned long long late;	/* after one that was sent later */
	unsigned long long keys;
	long long unexplained;	/* neither received nor dropped by the network */
	int64_t begin;
	unsigned int joins;
	uint32_t epoch;
};

/* Sequence numbers that a member got of a stream; cleared when sent anew */
static uint64_t seen[STREAMS][MEMBERS][65536 / 64];

static enum media media_of(unsigned int stream)
{
	return stream % 2 ? MEDIA_VIDEO : MEDIA_AUDIO;
}

static size_t size_of(unsigned int stream)
{
	return media_of(stream) == MEDIA_VIDEO ? VIDEO : AUDIO;
}

static unsigned int owner_of(unsigned int stream)
{
	return stream / OWN;
}

/* STREAMS: of nobody */
static unsigned int stream_of(const uint8_t *packet)
{
	uint32_t stream = rtp_ssrc(packet) - SSRC;

	return stream < STREAMS ? stream : STREAMS;
}

static int enter(int netns)
{
	return setns(netns, CLONE_NEWNET) ? -errno : 0;
}

/* A namespace whose traffic is the media alone: nobody asks for neighbours */
static int namespace_new(int *netns)
{
	int err = sock_netns();

	*netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (*netns < 0)
		return -errno;
	return err ?: sysctl("net/ipv6/conf/default/disable_ipv6", "1");
}

static int bound(enum media media, const char *addr, const char *to)
{
	uint16_t port = (uint16_t)(PORT + media);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int room = 4 << 20;
	struct addr local, remote;

	addr_parse(&local, SOCK_V4, addr, port);
	if (fd < 0 || bind(fd, (void *)&local.ss, local.len) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		return -errno;
	if (!to)
		return fd;
	addr_parse(&remote, SOCK_V4, to, port);
	return connect(fd, (void *)&remote.ss, remote.len) ? -errno : fd;
}

/* the network */

static int rtnl_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static bool drops_of(const struct nlmsghdr *n, unsigned int ifindex,
		     long long *drops)
{
	const struct tcmsg *tc = NLMSG_DATA(n);
	const struct rtattr *attr = TCA_RTA(tc);
	int len = (int)TCA_PAYLOAD(n);
	struct tc_stats stats;

	if (n->nlmsg_type != RTM_NEWQDISC || tc->tcm_ifindex != (int)ifindex ||
	    tc->tcm_parent != TC_H_ROOT)
		return false;
	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))
		if (attr->rta_type == TCA_STATS) {
			memcpy(&stats, RTA_DATA(attr), sizeof(stats));
			*drops = stats.drops;
			return true;
		}
	return false;
}

/* Packets that the netem at the head of a leg dropped, since it was made */
static long long leg_drops(const struct leg *leg)
{
	struct {
		struct nlmsghdr n;
		struct tcmsg tc;
	} request = {
		.n = { sizeof(request), RTM_GETQDISC,
		       NLM_F_REQUEST | NLM_F_DUMP, 0, 0 },
	};
	char answer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	long long drops = -1;
	struct nlmsghdr *n;
	ssize_t len;

	if (send(leg->rtnl, &request, sizeof(request), 0) < 0)
		abort();
	for (;;) {
		len = recv(leg->rtnl, answer, sizeof(answer), 0);
		if (len < 0)
			abort();
		for (n = (void *)answer; NLMSG_OK(n, (size_t)len);
		     n = NLMSG_NEXT(n, len)) {
			if (n->nlmsg_type == NLMSG_DONE && drops >= 0)
				return drops;
			if (n->nlmsg_type == NLMSG_DONE ||
			    n->nlmsg_type == NLMSG_ERROR)
				abort();
			drops_of(n, leg->ifindex, &drops);
		}
	}
}

/* Packets that went in, did not come out, and were not dropped on the way */
static long long leg_missing(const struct leg *leg)
{
	return leg->in - leg->out - leg_drops(leg);
}

static int link_new(FIXTURE_DATA(soak) *self, unsigned int i)
{
	struct member *member = &self->members[i];
	char name[16];

	snprintf(name, sizeof(name), "m%u", i);
	if (run("ip -b - <<'EOF'\n"
		"link add m%u address 02:00:00:00:00:1%u type veth peer name eth0 address 02:00:00:00:00:2%u netns /proc/%d/fd/%d\n"
		"addr add 10.68.%u.1/24 dev m%u\n"
		"link set m%u up\n"
		"neigh replace 10.68.%u.2 lladdr 02:00:00:00:00:2%u dev m%u\n"
		"EOF", i, i, i, getpid(), member->netns, i, i, i, i, i, i) ||
	    run("tc qdisc add dev m%u root " NETEM, i))
		return -EIO;
	member->down.rtnl = self->rtnl;
	member->down.ifindex = if_nametoindex(name);
	if (enter(member->netns) ||
	    run("ip -b - <<'EOF'\n"
		"addr add 10.68.%u.2/24 dev eth0\n"
		"link set eth0 up\n"
		"neigh replace 10.68.%u.1 lladdr 02:00:00:00:00:1%u dev eth0\n"
		"EOF", i, i, i) || run("tc qdisc add dev eth0 root " NETEM))
		return -EIO;
	member->up.rtnl = rtnl_open();
	member->up.ifindex = if_nametoindex("eth0");
	return 0;
}

/* members and their keys */

/* Runs in the relay's namespace, before and after */
static int member_new(FIXTURE_DATA(soak) *self, unsigned int i)
{
	struct member *member = &self->members[i];
	char here[32], hub[32];
	enum media media;
	int err;

	memset(member, 0, sizeof(*member));
	snprintf(here, sizeof(here), "10.68.%u.2", i);
	snprintf(hub, sizeof(hub), "10.68.%u.1", i);
	err = namespace_new(&member->netns);
	err = err ?: ctl_open(&member->ctl);
	err = err ?: ctl_session_new(&member->ctl, "conference", NULL,
				     &member->session);
	err = err ?: enter(self->netns);
	err = err ?: link_new(self, i);
	for (media = 0; !err && media < MEDIA; media++) {
		addr_parse(&member->addrs[media], SOCK_V4, here,
			   (uint16_t)(PORT + media));
		member->fds[media] = bound(media, here, hub);
		err = ctl_attach(&member->ctl, member->session,
				 member->fds[media], NULL);
	}
	err = err ?: enter(self->netns);
	member->linked = !err;
	member->present = !err;
	return err;
}

static uint64_t kid_of(unsigned int stream, uint32_t epoch)
{
	return (uint64_t)epoch << 8 | stream;
}

static int stream_key_del(struct member *member, uint32_t dir,
			  unsigned int stream, uint32_t epoch)
{
	const struct ctl_key key = {
		.dir = dir, .kid = kid_of(stream, epoch),
		.mode = E2EE_SSRC_NUMBER, .ssrc = SSRC + stream,
	};

	return ctl_key_del(&member->ctl, member->session, &key);
}

/* A new key of a stream: to all others first, then to who sends with it */
static int stream_rekey(FIXTURE_DATA(soak) *self, unsigned int stream)
{
	struct member *owner = &self->members[owner_of(stream)], *member;
	struct sframe_key secret;
	struct ctl_key key = {
		.kid = kid_of(stream, self->epoch), .mode = E2EE_SSRC_NUMBER,
		.ssrc = SSRC + stream, .dir = E2EE_DIR_RX,
		.secret = secret.secret, .salt = secret.salt,
	};
	int err = 0;

	sframe_key_random(&secret, 5, key.kid);
	for (member = self->members; member < self->members + MEMBERS;
	     member++) {
		if (!member->present || member == owner)
			continue;
		err = err ?: ctl_key_new(&member->ctl, member->session, &key);
		member->holds[self->epoch % 2][stream] = true;
	}
	key.dir = E2EE_DIR_TX;
	key.epoch = self->epoch;
	self->keys++;
	return err ?: ctl_key_new(&owner->ctl, owner->session, &key);
}

/* Nothing that was sealed two epochs ago is on its way any more */
static int forget(FIXTURE_DATA(soak) *self, struct member *member)
{
	bool *holds = member->holds[self->epoch % 2];
	int err = 0;

	for (unsigned int i = 0; !err && i < STREAMS; i++)
		if (holds[i]) {
			err = stream_key_del(member, E2EE_DIR_RX, i,
					     self->epoch - 2);
			holds[i] = false;
		}
	return err;
}

/* @fresh has just joined, and had no key to send with until now */
static int rekey(FIXTURE_DATA(soak) *self, const struct member *fresh)
{
	struct member *member;
	unsigned int i;
	int err = 0;

	self->epoch++;
	for (i = 0; !err && i < MEMBERS; i++)
		if (self->members[i].present)
			err = forget(self, &self->members[i]);
	for (i = 0; !err && i < STREAMS; i++)
		if (self->members[owner_of(i)].present)
			err = stream_rekey(self, i);
	for (i = 0; !err && i < MEMBERS; i++) {
		member = &self->members[i];
		if (member->present)
			err = ctl_session_epoch(&member->ctl, member->session,
						self->epoch, false);
	}
	for (i = 0; !err && i < STREAMS; i++) {
		member = &self->members[owner_of(i)];
		if (member->present && member != fresh && self->epoch > 1)
			err = stream_key_del(member, E2EE_DIR_TX, i,
					     self->epoch - 1);
	}
	return err;
}

/* media */

static int send_one(FIXTURE_DATA(soak) *self, unsigned int stream)
{
	struct member *owner = &self->members[owner_of(stream)];
	uint16_t seq = self->seqs[stream]++;
	uint8_t packet[VIDEO];

	for (unsigned int i = 0; i < MEMBERS; i++)
		seen[stream][i][seq / 64] &= ~(1ULL << seq % 64);
	rtp_plain(packet, size_of(stream), SSRC + stream, seq);
	owner->sent++;
	owner->up.in++;
	self->sent++;
	return sock_send(owner->fds[media_of(stream)], packet, size_of(stream),
			 NULL) == (int)size_of(stream) ? 0 : -errno;
}

/* What a stream sends at a tick: cameras do not all begin at once */
static int send_due(FIXTURE_DATA(soak) *self, unsigned int stream)
{
	unsigned int packets = 1;
	int err = 0;

	if (media_of(stream) == MEDIA_VIDEO)
		packets = (self->ticks + stream / 2) % PICTURE ? 0 : BURST;
	while (packets-- && !err)
		err = send_one(self, stream);
	return err;
}

static int take(struct batch *batch, int fd)
{
	int n;

	for (unsigned int i = 0; i < BATCH; i++) {
		batch->iovs[i].iov_base = batch->data[i];
		batch->iovs[i].iov_len = sizeof(batch->data[i]);
		memset(&batch->msgs[i], 0, sizeof(batch->msgs[i]));
		batch->msgs[i].msg_hdr.msg_iov = &batch->iovs[i];
		batch->msgs[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(fd, batch->msgs, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		batch->iovs[i].iov_len = batch->msgs[i].msg_len;
	return n;
}

/* All of a batch but what it sent itself */
static void pass_on(FIXTURE_DATA(soak) *self, struct batch *batch, int n,
		    enum media media, unsigned int to)
{
	struct member *member = &self->members[to];
	struct mmsghdr out[BATCH];
	unsigned int num = 0, done;
	int sent;

	memset(out, 0, sizeof(out));
	for (int i = 0; i < n; i++) {
		if (owner_of(stream_of(batch->data[i])) == to)
			continue;
		out[num].msg_hdr.msg_iov = &batch->iovs[i];
		out[num].msg_hdr.msg_iovlen = 1;
		out[num].msg_hdr.msg_name = &member->addrs[media].ss;
		out[num++].msg_hdr.msg_namelen = member->addrs[media].len;
	}
	for (done = 0; done < num; done += (unsigned int)sent) {
		sent = sendmmsg(self->relay[media], out + done, num - done, 0);
		if (sent <= 0)
			abort();
	}
	member->down.in += num;
}

static void relay(FIXTURE_DATA(soak) *self)
{
	static struct batch batch;
	unsigned int stream;
	enum media media;
	int n;

	for (media = 0; media < MEDIA; media++)
		while ((n = take(&batch, self->relay[media])) > 0) {
			for (int i = 0; i < n; i++) {
				stream = stream_of(batch.data[i]);
				if (stream == STREAMS ||
				    batch.data[i][RTP_HEADER] != 0xe0 ||
				    batch.iovs[i].iov_len <= size_of(stream)) {
					self->clear++;
					continue;
				}
				self->members[owner_of(stream)].up.out++;
			}
			for (unsigned int i = 0; i < MEMBERS; i++)
				if (self->members[i].present)
					pass_on(self, &batch, n, media, i);
		}
}

static void got_one(FIXTURE_DATA(soak) *self, unsigned int by,
		    const uint8_t *packet, size_t len)
{
	unsigned int stream = stream_of(packet);
	uint16_t seq = rtp_seq(packet);
	uint8_t wanted[VIDEO];
	uint64_t *word, bit;

	self->received++;
	self->members[by].got++;
	self->members[by].down.out++;
	if (stream == STREAMS || owner_of(stream) == by ||
	    len != size_of(stream)) {
		self->wrong++;
		return;
	}
	rtp_plain(wanted, len, SSRC + stream, seq);
	word = &seen[stream][by][seq / 64];
	bit = 1ULL << seq % 64;
	self->wrong += memcmp(packet, wanted, len) || *word & bit;
	*word |= bit;
	if ((int16_t)(seq - self->last[stream][by]) < 0)
		self->late++;
	self->last[stream][by] = seq;
}

static void receive(FIXTURE_DATA(soak) *self)
{
	static struct batch batch;
	enum media media;
	int n;

	for (unsigned int i = 0; i < MEMBERS; i++) {
		if (!self->members[i].present)
			continue;
		for (media = 0; media < MEDIA; media++)
			while ((n = take(&batch,
					 self->members[i].fds[media])) > 0)
				for (int j = 0; j < n; j++)
					got_one(self, i, batch.data[j],
						batch.iovs[j].iov_len);
	}
}

/* So many times 20 ms of the conference, or longer where a machine is slow */
static int talk(FIXTURE_DATA(soak) *self, long ticks)
{
	int64_t next = now_ms();
	int err = 0;

	for (; ticks && !err; ticks--) {
		for (unsigned int i = 0; !err && i < STREAMS; i++)
			if (self->members[owner_of(i)].present)
				err = send_due(self, i);
		self->ticks++;
		next += TICK;
		if (next < now_ms())
			next = now_ms();
		do {
			relay(self);
			receive(self);
		} while (now_ms() < next && !poll(NULL, 0, 1));
	}
	return err;
}

static long long missing(FIXTURE_DATA(soak) *self)
{
	const struct member *member;
	long long sum = 0;

	for (member = self->members; member < self->members + MEMBERS; member++)
		if (member->linked)
			sum += llabs(leg_missing(&member->up)) +
			       llabs(leg_missing(&member->down));
	return sum;
}

/* Wait until nothing is on its way any more: true, or some packets are nowhere */
static bool settled(FIXTURE_DATA(soak) *self)
{
	int64_t end = now_ms() + SOCK_WAIT;

	do {
		relay(self);
		receive(self);
		self->unexplained = missing(self);
	} while (self->unexplained && now_ms() < end && !poll(NULL, 0, 5));
	return !self->unexplained;
}

/* A member's own counters: all was sealed, all was opened, nothing else came */
static const char *counters(struct member *member)
{
	uint64_t stats[CTL_STATS];
	unsigned int i;

	if (ctl_session_stats(&member->ctl, member->session, stats))
		return "no counters";
	if (stats[E2EE_A_STAT_TX_OK] != member->sent)
		return "tx_ok is not what was sent";
	if (stats[E2EE_A_STAT_RX_OK] != member->got)
		return "rx_ok is not what was received";
	for (i = E2EE_A_STAT_PAD + 1; i < CTL_STATS; i++)
		if (stats[i] && i != E2EE_A_STAT_TX_OK &&
		    i != E2EE_A_STAT_RX_OK)
			return ctl_stat_name(i);
	return "";
}

static void sockets_close(struct member *member)
{
	if (member->present) {
		close(member->fds[MEDIA_AUDIO]);
		close(member->fds[MEDIA_VIDEO]);
	}
	member->present = false;
}

static void member_free(struct member *member)
{
	sockets_close(member);
	ctl_close(&member->ctl);
	close(member->up.rtnl);
	close(member->netns);
	member->linked = false;
}

/*
 * Says a last word on each stream, and is gone before it is heard. Returns "" or
 * what is wrong.
 */
static const char *leave(FIXTURE_DATA(soak) *self, unsigned int i)
{
	struct member *member = &self->members[i];
	const char *wrong;
	int err = 0;

	if (!settled(self))
		return "packets are missing before a leave";
	for (unsigned int stream = i * OWN; stream < (i + 1) * OWN; stream++)
		err = err ?: send_one(self, stream);
	if (err)
		return strerror(-err);
	wrong = counters(member);
	sockets_close(member);
	if (!settled(self))
		return "packets are missing after a leave";
	self->dropped += (unsigned long long)(leg_drops(&member->up) +
					      leg_drops(&member->down));
	err = run("ip link del m%u", i);
	member_free(member);
	return err ? "link" : wrong;
}

/* Between rounds there are just these objects: "" or which there are not */
static const char *objects(FIXTURE_DATA(soak) *self)
{
	long keys = STREAMS;

	for (unsigned int i = 0; i < MEMBERS; i++)
		for (unsigned int j = 0; j < STREAMS; j++)
			keys += self->members[i].holds[0][j] +
				self->members[i].holds[1][j];
	if (!objects_come_to("key", keys))
		return "keys";
	if (!objects_come_to("session", MEMBERS))
		return "sessions";
	return objects_come_to("socket", MEMBERS * MEDIA) ? "" : "sockets";
}

/* One leaves, comes again, and all is as it was: "" or what is wrong */
static const char *round_of(FIXTURE_DATA(soak) *self, unsigned int who,
			    long ticks)
{
	const char *wrong;

	if (talk(self, ticks) || rekey(self, NULL) || talk(self, ticks))
		return "talk";
	wrong = leave(self, who);
	if (*wrong)
		return wrong;
	if (rekey(self, NULL) || talk(self, ticks))
		return "after a leave";
	/* what was sealed before it came is not for it */
	if (!settled(self))
		return "packets are missing before a join";
	if (member_new(self, who))
		return "join";
	self->joins++;
	if (rekey(self, &self->members[who]) || talk(self, ticks))
		return "after a join";
	return settled(self) ? objects(self) : "packets are missing";
}

FIXTURE_SETUP(soak)
{
	enum media media;

	self->begin = now_ms();
	ASSERT_TRUE(objects_all_gone());
	ASSERT_EQ(0, namespace_new(&self->netns));
	self->rtnl = rtnl_open();
	ASSERT_LE(0, self->rtnl);
	for (media = 0; media < MEDIA; media++) {
		self->relay[media] = bound(media, "0.0.0.0", NULL);
		ASSERT_LE(0, self->relay[media]);
	}
	for (unsigned int i = 0; i < MEMBERS; i++)
		ASSERT_EQ(0, member_new(self, i));
	ASSERT_EQ(0, rekey(self, NULL));
}

FIXTURE_TEARDOWN(soak)
{
	for (unsigned int i = 0; i < MEMBERS; i++)
		if (self->members[i].linked)
			member_free(&self->members[i]);
	close(self->relay[MEDIA_AUDIO]);
	close(self->relay[MEDIA_VIDEO]);
	close(self->rtnl);
	close(self->netns);
	figure_add("soak", "soak_packets", (double)self->sent);
	figure_add("soak", "soak_unexplained_loss", (double)self->unexplained);
	figure_add("soak", "soak_seconds",
		   (double)((now_ms() - self->begin) / 1000));
}

/* Memory when a third of the time was over */
struct growth {
	long long bytes;
	unsigned long long keys;
	unsigned long long sent;
};

/* A namespace that was left may be on its way out: the lowest of two looks */
static void growth_begin(FIXTURE_DATA(soak) *self, struct growth *growth)
{
	long long again;

	growth->bytes = memory_at_rest();
	again = memory_at_rest();
	if (again < growth->bytes)
		growth->bytes = again;
	growth->keys = self->keys;
	growth->sent = self->sent;
}

/*
 * Bytes more than then, but for what is remembered of keys. A namespace that was left
 * frees its memory behind many grace periods, which take their time on a busy
 * machine; what leaks stays, however long we look.
 */
static long long growth_since(FIXTURE_DATA(soak) *self,
			      const struct growth *growth)
{
	unsigned long long keys = self->keys - growth->keys;
	int64_t end = now_ms() + SOCK_WAIT;
	long long grown;

	do
		grown = memory_at_rest() - growth->bytes -
			(long long)(REMEMBERED * keys);
	while (grown >= NOISE && now_ms() < end && !poll(NULL, 0, 200));
	return grown;
}

TEST_F_TIMEOUT(soak, conference, 7200)
{
	long seconds = seconds_or(short_or_long(5, 3600));
	int64_t end = self->begin + seconds * 1000;
	struct growth growth = { 0 };
	unsigned int rounds = 0;
	long long grown;

	do {
		ASSERT_STREQ("", round_of(self, rounds % MEMBERS,
					  short_or_long(3, 150)));
		rounds++;
		if (!growth.bytes && now_ms() >= end - seconds * 2000 / 3)
			growth_begin(self, &growth);
		/* one more after that look at memory, however long one takes */
	} while (now_ms() < end || !growth.bytes ||
		 growth.sent == self->sent);
	ASSERT_LT(0, growth.bytes);
	grown = growth_since(self, &growth);
	EXPECT_GT(NOISE, grown);

	for (unsigned int i = 0; i < MEMBERS; i++)
		ASSERT_STREQ("", leave(self, i));
	EXPECT_EQ(0, self->clear);
	EXPECT_EQ(0, self->wrong);
	/* the network did what it is for */
	EXPECT_LT(0, self->late);
	EXPECT_LT(0, self->dropped);
	TH_LOG("%llu sent, %llu received, %llu dropped by the network, %llu late, %llu keys, %u joins, %lld bytes more since %llu",
	       self->sent, self->received, self->dropped, self->late,
	       self->keys, self->joins, grown, growth.sent);
}

TEST_HARNESS_MAIN
