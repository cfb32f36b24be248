// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out under media, one allocation after the other: what is sent leaves
 * sealed or not at all, no CTR twice; what is received is opened or lost, and a
 * packet that was lost for want of memory may come again. Media that waited in
 * clear are not read, and errors of the path are told or lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#include "lib/fault_path.h"
#include "lib/figures.h"

#define OVERHEAD	34	/* by which the MTU is lowered */

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
	if (!fault_fits(err))
		return strerror(-err);
	/* the kernel may fail before us: then there was no packet */
	if (!counted)
		return err < 0 && !left ? "" : "not counted";
	if (counted != burst->packets)
		return "verdicts are not as many as packets";
	if (sealed != counted && failed != counted)
		return "some sealed, some not";
	if (failed && left)
		return "counted as failed, and on the wire";
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
		settle_requests();
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
	figure_add("fault_media", "fault_points", points);
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
	if (!fault_fits(err))
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
	figure_add("fault_media", "fault_points", points);
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
		EXPECT_TRUE(fault_fits(err));
		EXPECT_EQ(-EAGAIN, sock_recv_now(self->fd, wire + len, 1));
		drain_tap(self);
	}
	EXPECT_LE(2, nth);
	figure_add("fault_media", "fault_points", nth - 2);
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
		settle_requests();
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
	if (!fault_fits(err))
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
		figure_add("fault_media", "fault_points", points);
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
		EXPECT_TRUE(fault_fits(err));
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
	figure_add("fault_media", "fault_points", points);
}

TEST_HARNESS_MAIN
