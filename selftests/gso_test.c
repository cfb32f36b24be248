// SPDX-License-Identifier: GPL-2.0
/*
 * Bursts: UDP_SEGMENT on the attached socket, and GSO packets that arrive at
 * it. A tap on lo sees in how many pieces a burst leaves.
 *
 * The sealed packets of CTR 8 and above are a byte longer than those before: a
 * burst that begins with CTR 0 leaves in two pieces.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/wait.h>
#include <linux/net_tstamp.h>

#include "lib/harness.h"
#include "lib/scene.h"
#include "lib/tun.h"

#ifndef UDP_GRO
#define UDP_GRO		104
#endif

#define SSRC		0x11223344
#define SSRC_NO_KEY	0x55667788
#define MAX_SEGMENTS	64	/* of every supported kernel */

FIXTURE(gso)
{
	struct scene scene;
	struct sframe_key tx;
	struct sframe_key rx;
	int tap;
	uint8_t burst[65536];	/* as the application has it */
	uint16_t segment;
	size_t len;
};

FIXTURE_VARIANT(gso)
{
	enum sock_kind kind;
	bool option;		/* UDP_SEGMENT as option, not with the call */
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(gso, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(gso, v6) { .kind = SOCK_V6 };
FIXTURE_VARIANT_ADD(gso, mapped) { .kind = SOCK_MAPPED };
FIXTURE_VARIANT_ADD(gso, v4_option) { .kind = SOCK_V4, .option = true };
FIXTURE_VARIANT_ADD(gso, v6_option) { .kind = SOCK_V6, .option = true };

FIXTURE_SETUP(gso)
{
	struct ctl_key number = { .mode = E2EE_SSRC_NUMBER, .ssrc = SSRC };

	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, NULL));
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx, &number));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &self->rx, NULL));
	self->tap = tap_open("lo");
	ASSERT_LE(0, self->tap);
}

FIXTURE_TEARDOWN(gso)
{
	close(self->tap);
	scene_close(&self->scene);
}

/* @num packets of @size bytes, the last one of @last. */
static void make_burst(FIXTURE_DATA(gso) *self, unsigned int num, size_t size,
		       size_t last)
{
	unsigned int i;

	self->segment = (uint16_t)size;
	self->len = 0;
	for (i = 0; i < num; i++) {
		size_t len = i == num - 1 ? last : size;

		rtp_plain(self->burst + self->len, len, SSRC, (uint16_t)i);
		self->len += len;
	}
}

/* The burst from @done on, with @tail behind what asks for UDP_SEGMENT */
static int send_with(FIXTURE_DATA(gso) *self,
		     const FIXTURE_VARIANT(gso) *variant, size_t done,
		     const void *tail, size_t tail_len, int flags)
{
	char control[CMSG_SPACE(sizeof(uint16_t)) + 64] = { 0 };
	struct iovec iov = { self->burst + done, self->len - done };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	int segment = self->segment;
	ssize_t n;

	if (!variant->option)
		cmsg_put(&msg, SOL_UDP, UDP_SEGMENT, &self->segment,
			 sizeof(self->segment));
	else if (setsockopt(self->scene.fd, SOL_UDP, UDP_SEGMENT, &segment,
			    sizeof(segment)))
		return -errno;
	memcpy(control + msg.msg_controllen, tail, tail_len);
	msg.msg_controllen += tail_len;
	n = sendmsg(self->scene.fd, &msg, flags);
	return n < 0 ? -errno : (int)n;
}

static int send_burst(FIXTURE_DATA(gso) *self,
		      const FIXTURE_VARIANT(gso) *variant)
{
	return send_with(self, variant, 0, "", 0, 0);
}

/* What the peer gets must be the burst, sealed, in order. "" or what is not. */
static const char *compare_wire(FIXTURE_DATA(gso) *self, uint64_t ctr)
{
	static uint8_t got[RTP_ROOM], opened[RTP_ROOM];
	size_t done, len;
	uint64_t seen;
	int n;

	for (done = 0; done < self->len; done += len, ctr++) {
		len = self->len - done;
		if (len > self->segment)
			len = self->segment;
		n = sock_recv(self->scene.peer, got, sizeof(got));
		if (n < 0)
			return "packet missing";
		n = rtp_open(opened, got, (size_t)n, &self->tx, &seen);
		if (n < 0)
			return "not sealed";
		if (seen != ctr)
			return "wrong CTR";
		if ((size_t)n != len || memcmp(opened, self->burst + done, len))
			return "wrong bytes, or out of order";
	}
	return sock_recv_now(self->scene.peer, got, sizeof(got)) == -EAGAIN ?
	       "" : "one too many";
}

/* How many pieces left since the last call. */
static int pieces(FIXTURE_DATA(gso) *self)
{
	static struct frame frame;
	int num = 0;

	while (!tap_next(self->tap, &frame))
		num += frame.outgoing &&
		       frame.source == addr_port(&self->scene.addr);
	return num;
}

TEST_F(gso, equal_sizes_leave_at_once)
{
	static const unsigned int nums[] = { 1, 2, 10, 40, MAX_SEGMENTS };
	char wanted[32];
	uint64_t ctr = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		/* CTRs of one byte all along would be too few */
		make_burst(self, nums[i], 900, 900);
		ASSERT_EQ((int)self->len, send_burst(self, variant));
		EXPECT_STREQ("", compare_wire(self, ctr)) {
			TH_LOG("%u packets", nums[i]);
		}
		/* where CTR 7 is followed by 8 the sizes differ */
		EXPECT_EQ(ctr < 8 && ctr + nums[i] > 8 ? 2 : 1, pieces(self)) {
			TH_LOG("%u packets from CTR %u", nums[i],
			       (unsigned int)ctr);
		}
		snprintf(wanted, sizeof(wanted), "tx_ok+%u", nums[i]);
		EXPECT_STREQ(wanted, scene_changes(&self->scene));
		ctr += nums[i];
	}
}

TEST_F(gso, shorter_last)
{
	static const size_t lasts[] = { 13, 30, 499, 500 };
	uint64_t ctr = 0;

	make_burst(self, 10, 500, 500);
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	EXPECT_STREQ("", compare_wire(self, 0));
	pieces(self);
	for (unsigned int i = 0; i < ARRAY_SIZE(lasts); i++) {
		ctr += 10;
		make_burst(self, 10, 500, lasts[i]);
		ASSERT_EQ((int)self->len, send_burst(self, variant));
		EXPECT_STREQ("", compare_wire(self, ctr)) {
			TH_LOG("last of %zu bytes", lasts[i]);
		}
		EXPECT_EQ(1, pieces(self)) {
			TH_LOG("last of %zu bytes", lasts[i]);
		}
	}
}

/* One packet, or less, than the segment size: not to be cut when it grows. */
TEST_F(gso, around_the_segment_size)
{
	uint64_t ctr = 0;
	size_t len;

	for (len = 900; len <= 1000; len += 10, ctr++) {
		make_burst(self, 1, len, len);
		self->segment = 1000;
		ASSERT_EQ((int)len, send_burst(self, variant));
		EXPECT_STREQ("", compare_wire(self, ctr)) {
			TH_LOG("%zu bytes", len);
		}
		EXPECT_EQ(1, pieces(self));
	}
}

/* CTR 0xff to 0x100: from there on the packets are a byte longer. */
TEST_F(gso, ctr_grows_inside)
{
	uint64_t ctr = 0;
	unsigned int i;

	for (i = 0; i < 10; i++, ctr += 50) {
		make_burst(self, 50, 200, 200);
		ASSERT_EQ((int)self->len, send_burst(self, variant));
		EXPECT_STREQ("", compare_wire(self, ctr));
		EXPECT_EQ(i == 0 || i == 5 ? 2 : 1, pieces(self)) {
			TH_LOG("from CTR %u", (unsigned int)ctr);
		}
	}
	EXPECT_STREQ("tx_ok+500", scene_changes(&self->scene));
}

/* 65,507 bytes for all with their growth: one more piece. */
TEST_F(gso, as_much_as_fits)
{
	size_t max = variant->kind == SOCK_V6 ? 65527 : 65507;
	unsigned int num = (unsigned int)(max / 1200);

	make_burst(self, num, 1200, 1200);
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	EXPECT_STREQ("", compare_wire(self, 0));
	/* CTR 7 to 8, and one more piece for what grew out of the first */
	EXPECT_GE(3, pieces(self));
	make_burst(self, num, 1200, 1200);
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	EXPECT_STREQ("", compare_wire(self, num));
	EXPECT_EQ(2, pieces(self));
}

/* More than a CPU keeps pages for is sent before the first packet is read. */
TEST_F(gso, memory_waits_to_be_read)
{
	static uint8_t got[RTP_ROOM], opened[RTP_ROOM];
	unsigned int i, num = 12 * MAX_SEGMENTS;
	int big = 64 << 20, n;
	uint64_t ctr;

	ASSERT_EQ(0, setsockopt(self->scene.peer, SOL_SOCKET, SO_RCVBUFFORCE,
				&big, sizeof(big)));
	make_burst(self, MAX_SEGMENTS, 900, 900);
	for (i = 0; i < num / MAX_SEGMENTS; i++)
		ASSERT_EQ((int)self->len, send_burst(self, variant));
	for (i = 0; i < num; i++) {
		n = sock_recv(self->scene.peer, got, sizeof(got));
		ASSERT_LT(0, n);
		ASSERT_EQ(900, rtp_open(opened, got, (size_t)n, &self->tx,
					&ctr)) {
			TH_LOG("packet %u", i);
		}
		ASSERT_EQ(i, ctr);
	}
}

TEST_F(gso, refused_as_by_the_kernel)
{
	make_burst(self, 40, 100, 100);
	self->segment = 1;
	EXPECT_EQ(-EINVAL, send_burst(self, variant));
	EXPECT_EQ(-EAGAIN, sock_recv_now(self->scene.peer, self->burst, 1));
	EXPECT_STREQ("", scene_changes(&self->scene));
}

/* A control message that ends nowhere is refused, wherever it stands. */
TEST_F(gso, broken_control)
{
	static const size_t lens[] = { 0, 8, 15, 65, 4096, SIZE_MAX,
				       -(size_t)8, -(size_t)16, -(size_t)24 };
	struct cmsghdr tail[2] = { 0 };
	unsigned int i;

	make_burst(self, 10, 500, 500);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		tail[0].cmsg_len = lens[i];
		tail[0].cmsg_level = SOL_UDP;
		tail[0].cmsg_type = UDP_SEGMENT;
		EXPECT_EQ(-EINVAL, send_with(self, variant, 0, tail,
					     sizeof(tail), 0)) {
			TH_LOG("length %zx", lens[i]);
		}
		EXPECT_EQ(0, pieces(self));
		EXPECT_STREQ("", scene_changes(&self->scene));
	}
}

/*
 * Bytes that are too few for a control message mean nothing, whatever they
 * are: they neither break the burst nor decide how it is cut.
 */
TEST_F(gso, rest_of_control)
{
	static const uint64_t rests[][2] = {
		{ 0, 0 }, { 24, 0 }, { 32, 0 }, { 16, 0 }, { UINT64_MAX, 0 },
		{ 18, SOL_UDP | (uint64_t)UDP_SEGMENT << 32 },
	};
	unsigned int i;
	uint64_t ctr = 8;
	size_t len;

	make_burst(self, 8, 500, 500);
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	EXPECT_STREQ("", compare_wire(self, 0));
	pieces(self);
	make_burst(self, 4, 500, 500);
	for (i = 0; i < ARRAY_SIZE(rests); i++) {
		for (len = 1; len < sizeof(struct cmsghdr); len++, ctr += 4) {
			if (ctr + 4 > 256 && ctr < 256) {
				make_burst(self, 256 - (unsigned int)ctr, 500,
					   500);
				ASSERT_EQ((int)self->len,
					  send_burst(self, variant));
				EXPECT_STREQ("", compare_wire(self, ctr));
				ctr = 256;
				make_burst(self, 4, 500, 500);
				pieces(self);
			}
			ASSERT_EQ((int)self->len,
				  send_with(self, variant, 0, rests[i], len,
					    0)) {
				TH_LOG("%zu bytes of rest %u", len, i);
			}
			EXPECT_STREQ("", compare_wire(self, ctr)) {
				TH_LOG("%zu bytes of rest %u", len, i);
			}
			EXPECT_EQ(1, pieces(self)) {
				TH_LOG("%zu bytes of rest %u", len, i);
			}
		}
	}
}

/* If one of them may not leave, none does. */
TEST_F(gso, one_refused_holds_all)
{
	static const unsigned int places[] = { 0, 5, 9 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		make_burst(self, 10, 300, 300);
		rtp_plain(self->burst + places[i] * 300, 300, SSRC_NO_KEY, 1);
		EXPECT_EQ((int)self->len, send_burst(self, variant));
		EXPECT_EQ(0, pieces(self)) {
			TH_LOG("refused: packet %u", places[i]);
		}
		EXPECT_STREQ("tx_no_key+10", scene_changes(&self->scene));
	}
	EXPECT_EQ(0, ctl_session_flags(&self->scene.ctl, self->scene.session,
				       E2EE_SESSION_F_TX_ERRORS));
	EXPECT_EQ(-ENOKEY, send_burst(self, variant));
	EXPECT_EQ(0, pieces(self));
}

/* Media, RTCP and a packet without payload in one burst, all of one size. */
TEST_F(gso, mixed)
{
	uint8_t got[256], opened[256];
	unsigned int i;
	int n;

	make_burst(self, 12, 44, 44);
	for (i = 0; i < 12; i += 3)
		ASSERT_EQ(44, rtcp_build(self->burst + i * 44, SSRC));
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	for (i = 0; i < 12; i++) {
		n = sock_recv(self->scene.peer, got, sizeof(got));
		ASSERT_LT(0, n);
		if (i % 3) {
			n = rtp_open(opened, got, (size_t)n, &self->tx, NULL);
			memcpy(got, opened, sizeof(got));
		}
		EXPECT_EQ(44, n) {
			TH_LOG("packet %u", i);
		}
		EXPECT_EQ(0, memcmp(self->burst + i * 44, got, 44)) {
			TH_LOG("packet %u", i);
		}
	}
	EXPECT_STREQ("tx_ok+8 tx_other+4", scene_changes(&self->scene));
}

/* Sealed packets too big for the path leave singly, as fragments. */
TEST_F(gso, grown_past_the_mtu)
{
	size_t headers = variant->kind == SOCK_V6 ? 48 : 28;

	ASSERT_EQ(0, run("ip link set lo mtu 1500"));
	make_burst(self, 6, 1500 - headers, 1000);
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	EXPECT_STREQ("", compare_wire(self, 0));
	EXPECT_STREQ("tx_ok+6 tx_frag+5", scene_changes(&self->scene));
}

/*
 * The sealed packets of the first piece just fit the path, those of the second
 * do not, and may not be fragmented: none leaves, and the caller is told.
 */
TEST_F(gso, second_piece_outgrows_the_path)
{
	bool v6 = variant->kind == SOCK_V6;
	size_t size = 1500 - (v6 ? 48 : 28) - 20;	/* with CTRs below 8 */
	int always = v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;

	ASSERT_EQ(0, run("ip link set lo mtu 1500"));
	ASSERT_EQ(0, setsockopt(self->scene.fd, v6 ? SOL_IPV6 : SOL_IP,
				v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
				&always, sizeof(always)));
	make_burst(self, 20, size, size);
	ASSERT_EQ(-EMSGSIZE, send_burst(self, variant));
	EXPECT_STREQ("tx_too_big+20", scene_changes(&self->scene));
	EXPECT_EQ(0, pieces(self));
	EXPECT_EQ(-EAGAIN, sock_recv_now(self->scene.peer, self->burst, 1));
}

/* Eight packets leave first: of what the rest meets, the caller is not told. */
TEST_F(gso, second_piece_is_refused_behind_us)
{
	ASSERT_EQ(0, run("nft add table inet filter && "
			 "nft add chain inet filter out '{ type filter hook "
			 "output priority 0; }' && nft add rule inet filter "
			 "out udp length gt 10000 drop"));
	make_burst(self, 20, 1000, 1000);
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	EXPECT_EQ(1, pieces(self));
	self->len = 8 * 1000;
	EXPECT_STREQ("", compare_wire(self, 0));
}

/*
 * A burst that is to leave later takes send buffer until then, and there is
 * hardly any. 0 or -errno
 */
static int least_buffer(FIXTURE_DATA(gso) *self)
{
	struct sock_txtime txtime = { .clockid = CLOCK_MONOTONIC };
	int least = 1;

	if (run("tc qdisc add dev lo root fq horizon 1000s"))
		return -ENODEV;
	return setsockopt(self->scene.fd, SOL_SOCKET, SO_SNDBUF, &least,
			  sizeof(least)) ||
	       setsockopt(self->scene.fd, SOL_SOCKET, SO_TXTIME, &txtime,
			  sizeof(txtime)) ? -errno : 0;
}

/* The burst from @done on, to leave in half a second */
static int send_later(FIXTURE_DATA(gso) *self,
		      const FIXTURE_VARIANT(gso) *variant, size_t done,
		      int flags)
{
	uint64_t later = ((uint64_t)now_ms() + 500) * 1000000;
	char tail[CMSG_SPACE(sizeof(later))] = { 0 };
	struct msghdr msg = { .msg_control = tail };

	cmsg_put(&msg, SOL_SOCKET, SCM_TXTIME, &later, sizeof(later));
	return send_with(self, variant, done, tail, sizeof(tail), flags);
}

/*
 * The first piece fills the send buffer, which the second one needs, too: the burst
 * is one send, so it leaves whole, or not at all where the buffer is full before.
 */
TEST_F(gso, buffer_full_of_the_first_piece)
{
	size_t size = 1000;

	ASSERT_EQ(0, least_buffer(self));
	make_burst(self, 20, size, size);
	ASSERT_EQ((int)self->len, send_later(self, variant, 0, MSG_DONTWAIT));
	EXPECT_STREQ("tx_ok+20", scene_changes(&self->scene));
	/* not even one packet more */
	EXPECT_EQ(-EAGAIN, send_later(self, variant, 0, MSG_DONTWAIT));
	EXPECT_STREQ("", scene_changes(&self->scene));
	EXPECT_STREQ("", compare_wire(self, 0));
	EXPECT_EQ(2, pieces(self));
	/* a caller that waits for room sends it */
	ASSERT_EQ((int)self->len, send_later(self, variant, 0, 0));
	EXPECT_STREQ("", compare_wire(self, 20));
	EXPECT_STREQ("tx_ok+20", scene_changes(&self->scene));
}

/* What the first piece meets on its way, the caller is told of; nothing has left. */
TEST_F(gso, first_piece_is_refused_behind_us)
{
	ASSERT_EQ(0, run("nft add table inet filter && "
			 "nft add chain inet filter out '{ type filter hook "
			 "output priority 0; }' && nft add rule inet filter "
			 "out meta l4proto udp drop"));
	make_burst(self, 20, 1000, 1000);
	EXPECT_EQ(-EPERM, send_burst(self, variant));
	EXPECT_EQ(0, pieces(self));
}

/* What is no media passes under any policy, in bursts, too. */
TEST_F(gso, blocked_passes_what_is_no_media)
{
	uint8_t got[100];
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < 10; i++)
		len = stun_build(self->burst + i * len);
	self->len = 10 * len;
	self->segment = (uint16_t)len;
	ASSERT_EQ(0, ctl_session_del(&self->scene.ctl, self->scene.session));
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	for (i = 0; i < 10; i++)
		ASSERT_EQ((int)len, sock_recv(self->scene.peer, got,
					      sizeof(got)));
	make_burst(self, 10, 500, 500);
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	EXPECT_EQ(-EAGAIN, sock_recv_now(self->scene.peer, got, sizeof(got)));
}

TEST_F(gso, off_passes_bursts_untouched)
{
	uint8_t got[1000];
	unsigned int i;

	ASSERT_EQ(0, ctl_session_policy(&self->scene.ctl, self->scene.session,
					E2EE_POLICY_OFF));
	make_burst(self, 20, 500, 17);
	ASSERT_EQ((int)self->len, send_burst(self, variant));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(i < 19 ? 500 : 17,
			  sock_recv(self->scene.peer, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(self->burst + i * 500, got,
				    i < 19 ? 500 : 17));
	}
	EXPECT_EQ(1, pieces(self));
	EXPECT_STREQ("tx_off+20", scene_changes(&self->scene));
}

/* The plain peer seals a burst and sends it as one GSO packet. */
static const char *receive_burst(FIXTURE_DATA(gso) *self, unsigned int num,
				 uint64_t ctr, int broken)
{
	static uint8_t wire[RTP_ROOM], got[RTP_ROOM];
	struct rtp rtp = { .pt = 96, .ssrc = SSRC, .len = 488 };
	uint8_t *at = wire;
	size_t size = 0;
	unsigned int i;
	int n;

	make_burst(self, num, 500, 500);
	for (i = 0; i < num; i++, at += size) {
		rtp.payload = self->burst + i * 500 + RTP_HEADER;
		rtp.seq = (uint16_t)i;
		rtp.ts = i;
		size = rtp_seal(at, &rtp, &self->rx, ctr + i);
		if ((int)i == broken)
			at[size - 1] ^= 1;
	}
	n = sock_send_gso(self->scene.peer, wire, (size_t)(at - wire),
			  (uint16_t)size, NULL);
	if (n != at - wire)
		return "not sent";
	for (i = 0; i < num; i++) {
		if ((int)i == broken)
			continue;
		if (sock_recv(self->scene.fd, got, sizeof(got)) != 500)
			return "not delivered singly";
		if (memcmp(got, self->burst + i * 500, 500))
			return "wrong bytes, or out of order";
	}
	return "";
}

TEST_F(gso, received_bursts_are_opened_singly)
{
	int on = 1;

	/* CTRs of one length */
	EXPECT_STREQ("", receive_burst(self, 20, 8, -1));
	EXPECT_STREQ("rx_ok+20", scene_changes(&self->scene));
	ASSERT_EQ(0, setsockopt(self->scene.fd, SOL_UDP, UDP_GRO, &on,
				sizeof(on)));
	EXPECT_STREQ("", receive_burst(self, MAX_SEGMENTS, 256, -1));
	EXPECT_STREQ("rx_ok+64", scene_changes(&self->scene));
	EXPECT_STREQ("", receive_burst(self, 20, 1000, 7));
	EXPECT_STREQ("rx_ok+19 rx_auth_fail+1", scene_changes(&self->scene));
}

/*
 * Real GRO, of all kinds that a device can do, in front of an attached socket:
 *
 *	attached 192.0.2.1 va ---- veth ---- vb 192.0.2.2 plain
 */
static int open_far_end(struct addr *addr)
{
	int home, fd, pid, err;

	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	pid = fork();
	if (!pid) {	/* stands for this namespace in ip's words */
		pause();
		_exit(0);
	}
	if (unshare(CLONE_NEWNET))
		return -errno;
	err = run("ip link add vb type veth peer name va netns %d && "
		  "ip addr add 192.0.2.2/24 dev vb && ip link set vb up", pid);
	addr_parse(addr, SOCK_V4, "192.0.2.2", 5004);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (err || bind(fd, (void *)&addr->ss, addr->len) ||
	    setns(home, CLONE_NEWNET))
		err = -EIO;
	close(home);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (!err)
		err = run("ip addr add 192.0.2.1/24 dev va && "
			  "ip link set va up");
	return err ? -EIO : fd;
}

static int send_sealed(struct scene *scene, const struct sframe_key *key,
		       unsigned int first)
{
	struct mmsghdr messages[32] = { 0 };
	uint8_t payload[488], wire[32][600];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = payload,
		.len = sizeof(payload),
	};
	struct iovec iov[32];
	unsigned int i;

	for (i = 0; i < 32; i++) {
		rtp.seq = (uint16_t)(first + i);
		rtp_fill(payload, sizeof(payload), first + i);
		iov[i].iov_base = wire[i];
		iov[i].iov_len = rtp_seal(wire[i], &rtp, key, first + i);
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	return sendmmsg(scene->peer, messages, 32, 0);
}

TEST(gro_in_front_of_an_attached_socket)
{
	static const char * const features[] = {
		"gro off", "gro on", "gro on rx-udp-gro-forwarding on",
		"gro on rx-gro-list on",
	};
	uint8_t got[600], wanted[600];
	unsigned int i, seq = 256;
	struct sframe_key key;
	struct scene scene;
	struct addr any;

	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, scene_open(&scene, SOCK_V4, NULL));
	close(scene.peer);
	close(scene.fd);
	scene.peer = open_far_end(&scene.peer_addr);
	ASSERT_LE(0, scene.peer);
	scene.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	addr_parse(&any, SOCK_V4, "0.0.0.0", 5004);
	ASSERT_EQ(0, bind(scene.fd, (void *)&any.ss, any.len));
	addr_parse(&scene.addr, SOCK_V4, "192.0.2.1", 5004);
	ASSERT_EQ(0, sock_connect(scene.peer, &scene.addr));
	ASSERT_EQ(0, ctl_attach(&scene.ctl, scene.session, scene.fd, NULL));
	sframe_key_random(&key, 5, 9);
	ASSERT_EQ(0, scene_key(&scene, E2EE_DIR_RX, &key, NULL));

	for (i = 0; i < 3 * ARRAY_SIZE(features); i++) {
		ASSERT_EQ(0, run("ethtool -K va %s", features[i / 3]));
		ASSERT_EQ(32, send_sealed(&scene, &key, seq));
		for (unsigned int n = 0; n < 32; n++, seq++) {
			ASSERT_EQ(500, sock_recv(scene.fd, got, sizeof(got))) {
				TH_LOG("%s, packet %u", features[i / 3], n);
			}
			EXPECT_EQ(seq, rtp_seq(got));
			rtp_fill(wanted, 488, seq);
			EXPECT_EQ(0, memcmp(got + RTP_HEADER, wanted, 488));
		}
	}
	scene_close(&scene);
}

/*
 * A datagram that a virtual machine gets whole though it is to be cut into
 * fragments (UFO): the stack drops it before an encapsulation socket, under
 * every policy, and counts it at the socket. The same in real fragments arrives.
 */
TEST(fragmentation_offload)
{
	static uint8_t sent[3000], got[4000];
	struct scene scene;
	struct addr addr;
	int tun, fd;

	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, scene_open(&scene, SOCK_V4,
				&(struct ctl_session){
					.policy = E2EE_POLICY_OFF,
				}));
	tun = tun_open_vnet();
	ASSERT_LE(0, tun);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	addr_parse(&addr, SOCK_V4, TUN_LOCAL, 5004);
	ASSERT_EQ(0, bind(fd, (void *)&addr.ss, addr.len));
	rtp_fill(sent, sizeof(sent), 1);
	ASSERT_EQ(0, tun_write_ufo(tun, 4000, 5004, sent, sizeof(sent)));
	ASSERT_EQ(3000, sock_recv(fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(sent, got, sizeof(sent)));

	ASSERT_EQ(0, ctl_attach(&scene.ctl, scene.session, fd, NULL));
	ASSERT_EQ(0, tun_write_ufo(tun, 4000, 5004, sent, sizeof(sent)));
	EXPECT_EQ(-EAGAIN, sock_recv_now(fd, got, sizeof(got)));
	EXPECT_EQ(1, sock_drops(fd));
	close(tun);
	tun = tun_open();
	ASSERT_LE(0, tun);
	ASSERT_EQ(0, tun_write_pieces(tun, 4000, 5004, sent, sizeof(sent)));
	EXPECT_EQ(3000, sock_recv_now(fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(sent, got, sizeof(sent)));
	EXPECT_EQ(1, sock_drops(fd));
	close(fd);
	close(tun);
	scene_close(&scene);
}

TEST_HARNESS_MAIN
