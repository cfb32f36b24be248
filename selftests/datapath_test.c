// SPDX-License-Identifier: GPL-2.0
/*
 * What the hooks do to packets: bytes on the wire, bytes delivered, and the
 * one counter that each packet is counted under.
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 *
 * The wire is held against an SFrame of our own, made with OpenSSL.
 */
#include <errno.h>
#include <inttypes.h>
#include <time.h>
#include <linux/net_tstamp.h>

#include "lib/harness.h"
#include "lib/kinds.h"
#include "lib/scene.h"
#include "lib/vectors.h"

#define SSRC		0x11223344
#define UDP_MAX_V4	65507
#define UDP_MAX_V6	65527

FIXTURE(datapath)
{
	struct scene scene;
	struct sframe_key tx;	/* installed for every SSRC */
	struct sframe_key rx;
};

FIXTURE_VARIANT(datapath)
{
	enum sock_kind kind;
};

FIXTURE_VARIANT_ADD(datapath, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(datapath, v6) { .kind = SOCK_V6 };
FIXTURE_VARIANT_ADD(datapath, mapped) { .kind = SOCK_MAPPED };

FIXTURE_SETUP(datapath)
{
	static const uint8_t rtx_pt[] = { 97, 99 };
	struct ctl_session options = { .rtx_pt = rtx_pt, .rtx_pts = 2 };

	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, &options));
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &self->rx, NULL));
}

FIXTURE_TEARDOWN(datapath)
{
	scene_close(&self->scene);
}

static size_t udp_max(enum sock_kind kind)
{
	return kind == SOCK_V6 ? UDP_MAX_V6 : UDP_MAX_V4;
}

/* Bytes that a packet grows by with this KID and CTR. */
static size_t growth(uint64_t kid, uint64_t ctr)
{
	uint8_t header[SFRAME_HEADER];

	return 1 + sframe_header(header, kid, ctr) + SFRAME_TAG;
}

/*
 * Send @rtp from the attached socket: @wanted must be on the wire. "" or what
 * is wrong.
 */
static const char *send_and_compare(struct scene *scene, const struct rtp *rtp,
				    const struct sframe_key *key, uint64_t ctr)
{
	static uint8_t clear[RTP_ROOM], wanted[RTP_ROOM], got[RTP_ROOM];
	size_t clear_len = rtp_build(clear, rtp);
	size_t len = rtp_seal(wanted, rtp, key, ctr);
	int n;

	if (sock_send(scene->fd, clear, clear_len, NULL) != (int)clear_len)
		return "not sent";
	n = sock_recv(scene->peer, got, sizeof(got));
	if (n < 0)
		return "nothing on the wire";
	if ((size_t)n != len)
		return "wrong length on the wire";
	if (memcmp(got, wanted, len))
		return "wrong bytes on the wire";
	return "";
}

/* The other way: a packet sealed by us must be delivered in clear. */
static const char *receive_and_compare(struct scene *scene,
				       const struct rtp *rtp,
				       const struct sframe_key *key,
				       uint64_t ctr)
{
	static uint8_t wire[RTP_ROOM], wanted[RTP_ROOM], got[RTP_ROOM];
	size_t wire_len = rtp_seal(wire, rtp, key, ctr);
	size_t len = rtp_build(wanted, rtp);
	int n;

	if (sock_send(scene->peer, wire, wire_len, NULL) != (int)wire_len)
		return "not sent";
	n = sock_recv(scene->fd, got, sizeof(got));
	if (n < 0)
		return "not delivered";
	if ((size_t)n != len)
		return "wrong length delivered";
	if (memcmp(got, wanted, len))
		return "wrong bytes delivered";
	return "";
}

/* Every length of KID and CTR, and the steps from one length to the next. */
static const uint64_t kids[] = {
	0, 7, 8, 255, 256, 0x123, 0xffffff, UINT64_MAX,
};

static const uint64_t ctrs[] = {
	0, 6, 0xfe, 0xfffe, 0xfffffe, 0xfffffffe, 0xfffffffffe, 0xfffffffffffe,
	0xfffffffffffffe, UINT64_MAX - 5,
};

static const uint16_t suites[] = {
	E2EE_SUITE_AES_128_GCM_SHA256_128, E2EE_SUITE_AES_256_GCM_SHA512_128,
};

TEST_F(datapath, seals_as_rfc9605)
{
	struct ctl_key any = { .dir = E2EE_DIR_TX, .mode = E2EE_SSRC_ANY };
	struct ctl_key more = { .limit = UINT64_MAX - 1 };
	uint8_t payload[100];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = payload,
		.len = sizeof(payload),
	};
	struct sframe_key key;
	unsigned int i;

	rtp_fill(payload, sizeof(payload), 1);
	any.kid = self->tx.kid;
	for (i = 0; i < 2 * ARRAY_SIZE(kids) * ARRAY_SIZE(ctrs); i++) {
		uint64_t kid = kids[i / 2 % ARRAY_SIZE(kids)];
		uint64_t ctr = ctrs[i / 2 / ARRAY_SIZE(kids)];

		ASSERT_EQ(0, ctl_key_del(&self->scene.ctl,
					 self->scene.session, &any));
		any.kid = kid;
		more.ctr = ctr;
		sframe_key_random(&key, suites[i % 2], kid);
		ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &key, &more));
		for (unsigned int n = 0; n < 4; n++, rtp.seq++, ctr++) {
			ASSERT_STREQ("", send_and_compare(&self->scene, &rtp,
							  &key, ctr)) {
				TH_LOG("suite %u KID %" PRIu64 " CTR %" PRIu64,
				       suites[i % 2], kid, ctr);
			}
		}
		ASSERT_STREQ("tx_ok+4", scene_changes(&self->scene));
	}
}

TEST_F(datapath, opens_as_rfc9605)
{
	struct ctl_key any = { .dir = E2EE_DIR_RX, .mode = E2EE_SSRC_ANY };
	uint8_t payload[100];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = payload,
		.len = sizeof(payload),
	};
	struct sframe_key key;
	unsigned int i, n;
	uint64_t ctr;

	rtp_fill(payload, sizeof(payload), 2);
	for (i = 0; i < 2 * ARRAY_SIZE(kids); i++) {
		any.kid = kids[i / 2];
		sframe_key_random(&key, suites[i % 2], any.kid);
		ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &key, NULL));
		for (n = 0; n < 4 * ARRAY_SIZE(ctrs); n++, rtp.seq++) {
			ctr = ctrs[n / 4] + n % 4;
			ASSERT_STREQ("", receive_and_compare(&self->scene, &rtp,
							     &key, ctr)) {
				TH_LOG("suite %u KID %" PRIu64 " CTR %" PRIu64,
				       suites[i % 2], any.kid, ctr);
			}
		}
		ASSERT_STREQ("rx_ok+40", scene_changes(&self->scene));
		ASSERT_EQ(0, ctl_key_del(&self->scene.ctl,
					 self->scene.session, &any));
	}
}

/* 2^64 - 1 would end the window's arithmetic: never accepted, nor sent. */
TEST_F(datapath, last_ctr_is_refused)
{
	uint8_t payload[20] = { 1 }, wire[200];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = payload,
		.len = sizeof(payload),
	};
	size_t len = rtp_seal(wire, &rtp, &self->rx, UINT64_MAX);

	ASSERT_EQ((int)len, sock_send(self->scene.peer, wire, len, NULL));
	EXPECT_EQ(0, scene_flush(self->scene.peer, self->scene.fd));
	EXPECT_STREQ("rx_other+1 rx_replay+1", scene_changes(&self->scene));
}

/*
 * RFC 9605's own vectors have metadata in their AAD, which RTP has not: header
 * and ciphertext are theirs, the tag is ours.
 */
static const char *compare_vector(struct scene *scene,
				  const struct vector *vector)
{
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = vector->plain,
		.len = vector->plain_len,
	};
	size_t len = vector->sealed_len - SFRAME_TAG;
	uint8_t packet[256], got[256];
	int n;

	n = (int)rtp_build(packet, &rtp);
	if (sock_send(scene->fd, packet, (size_t)n, NULL) != n)
		return "not sent";
	n = sock_recv(scene->peer, got, sizeof(got));
	if (n != (int)(RTP_HEADER + 1 + vector->sealed_len))
		return "wrong length on the wire";
	if (memcmp(got + RTP_HEADER + 1, vector->sealed, len))
		return "not the vector's bytes on the wire";
	if (rtp_open(packet, got, (size_t)n, &vector->key, NULL) < 0)
		return "wrong tag on the wire";
	return "";
}

/* Needs a module that has not sent with these keys: once a load. */
TEST(vectors_of_rfc9605)
{
	struct ctl_key more = { 0 };
	struct vector vector;
	struct scene scene;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		ASSERT_EQ(0, vector_read(&vector, suites[i]));
		ASSERT_EQ(0, scene_open(&scene, SOCK_V4, NULL));
		more.ctr = vector.ctr;
		ASSERT_EQ(0, scene_key(&scene, E2EE_DIR_TX, &vector.key,
				       &more));
		EXPECT_STREQ("", compare_vector(&scene, &vector));
		scene_close(&scene);
	}
}

TEST_F(datapath, forms_of_rtp)
{
	static const unsigned int paddings[] = { 0, 1, 4, 255 };
	static const enum rtp_extension exts[] = {
		RTP_EXT_NONE, RTP_EXT_ONE_BYTE, RTP_EXT_TWO_BYTE, RTP_EXT_EMPTY,
	};
	static const unsigned int csrcs[] = { 0, 1, 15 };
	uint8_t payload[160];
	struct rtp rtp = {
		.ssrc = SSRC, .payload = payload, .len = sizeof(payload),
	};
	uint64_t ctr;

	rtp_fill(payload, sizeof(payload), 3);
	for (ctr = 0; ctr < 4 * 4 * 3; ctr++) {
		rtp.padding = paddings[ctr % 4];
		rtp.ext = exts[ctr / 4 % 4];
		rtp.csrcs = csrcs[ctr / 16];
		rtp.marker = ctr & 1;
		/* both ranges beside RTCP's */
		rtp.pt = ctr & 2 ? 96 : 63;
		rtp.seq++;
		EXPECT_STREQ("", send_and_compare(&self->scene, &rtp,
						  &self->tx, ctr));
		EXPECT_STREQ("", receive_and_compare(&self->scene, &rtp,
						     &self->rx, ctr));
	}
	EXPECT_STREQ("tx_ok+48 rx_ok+48", scene_changes(&self->scene));
}

TEST_F(datapath, sizes)
{
	size_t max = udp_max(variant->kind) - RTP_HEADER -
		     growth(self->tx.kid, 19);
	const size_t sizes[] = {
		1, 2, 15, 16, 17, 31, 32, 33, 160, 1200, 1400, 1440, 1472,
		4096, 9000, 16384, 32768, 60000, max - 1, max,
	};
	static uint8_t payload[RTP_ROOM];
	struct rtp rtp = { .pt = 96, .ssrc = SSRC, .payload = payload };
	unsigned int i;

	rtp_fill(payload, sizeof(payload), 4);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		rtp.len = sizes[i];
		EXPECT_STREQ("", send_and_compare(&self->scene, &rtp,
						  &self->tx, i)) {
			TH_LOG("%zu bytes sent", sizes[i]);
		}
		EXPECT_STREQ("", receive_and_compare(&self->scene, &rtp,
						     &self->rx, i)) {
			TH_LOG("%zu bytes received", sizes[i]);
		}
	}
	/* lo's MTU is 65,536: only the two largest of IPv6 are cut there */
	EXPECT_STREQ(variant->kind == SOCK_V6 ?
		     "tx_ok+20 rx_ok+20 tx_frag+2" : "tx_ok+20 rx_ok+20",
		     scene_changes(&self->scene));
}

TEST_F(datapath, grown_past_the_limit)
{
	size_t max = udp_max(variant->kind), grown = growth(self->tx.kid, 0);
	static uint8_t packet[RTP_ROOM];
	size_t len;

	for (len = max - grown + 1; len <= max; len++) {
		rtp_plain(packet, len, SSRC, 1);
		ASSERT_EQ(-EMSGSIZE,
			  sock_send(self->scene.fd, packet, len, NULL));
		ASSERT_STREQ("tx_too_big+1", scene_changes(&self->scene));
	}
	EXPECT_EQ(0, scene_flush(self->scene.fd, self->scene.peer));
	scene_changes(&self->scene);
	/* too long even without us: UDP makes no packet of it */
	EXPECT_EQ(-EMSGSIZE, sock_send(self->scene.fd, packet, max + 1, NULL));
	EXPECT_STREQ("", scene_changes(&self->scene));
}

TEST_F(datapath, fragments_are_noted)
{
	uint8_t payload[1400], clear[1500], got[1600];
	struct rtp rtp = { .pt = 96, .ssrc = SSRC, .payload = payload };
	size_t overhead = RTP_HEADER + growth(self->tx.kid, 0) + 8 +
			  (variant->kind == SOCK_V6 ? 40 : 20);
	int n;

	ASSERT_EQ(0, run("ip link set lo mtu 1400"));
	rtp_fill(payload, sizeof(payload), 5);
	rtp.len = 1400 - overhead;
	ASSERT_STREQ("", send_and_compare(&self->scene, &rtp, &self->tx, 0));
	EXPECT_STREQ("tx_ok+1", scene_changes(&self->scene));
	rtp.len++;
	n = (int)rtp_build(clear, &rtp);
	ASSERT_EQ(n, sock_send(self->scene.fd, clear, (size_t)n, NULL));
	ASSERT_LT(0, sock_recv(self->scene.peer, got, sizeof(got)));
	EXPECT_STREQ("tx_ok+1 tx_frag+1", scene_changes(&self->scene));
}

/* One packet too large for 1,400 bytes: sent until it is noted, or is not */
static bool comes_to_be_noted(FIXTURE_DATA(datapath) *self, size_t len,
			      bool noted)
{
	const char *wanted = noted ? "tx_ok+1 tx_frag+1" : "tx_ok+1";
	int64_t end = now_ms() + SOCK_WAIT;
	uint8_t clear[1600], got[1700];

	do {
		rtp_plain(clear, len, SSRC, 1);
		if (sock_send(self->scene.fd, clear, len, NULL) != (int)len ||
		    sock_recv(self->scene.peer, got, sizeof(got)) < 0)
			return false;
		if (!strcmp(wanted, scene_changes(&self->scene)))
			return true;
	} while (now_ms() < end);
	return false;
}

/* The path changes, and with it what is noted: what is known grows old. */
TEST_F(datapath, mtu_changes_are_noticed)
{
	scene_changes(&self->scene);
	ASSERT_EQ(0, run("ip link set lo mtu 1400"));
	EXPECT_TRUE(comes_to_be_noted(self, 1400, true));
	ASSERT_EQ(0, run("ip link set lo mtu 1500"));
	EXPECT_TRUE(comes_to_be_noted(self, 1400, false));
	ASSERT_EQ(0, run("ip link set lo mtu 1400"));
	EXPECT_TRUE(comes_to_be_noted(self, 1400, true));
}

/*
 * A tap shares the bytes of a packet with the socket that gets it: it sees what
 * was on the wire, also after the socket has opened the packet.
 */
TEST_F(datapath, taps_see_what_was_on_the_wire)
{
	static struct frame frame;
	uint8_t payload[400], wire[500], got[500];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = payload,
		.len = sizeof(payload),
	};
	unsigned int seen = 0;
	size_t len;
	int tap;

	tap = tap_open("lo");
	ASSERT_LE(0, tap);
	rtp_fill(payload, sizeof(payload), 7);
	len = rtp_seal(wire, &rtp, &self->rx, 1);
	ASSERT_EQ((int)len, sock_send(self->scene.peer, wire, len, NULL));
	ASSERT_EQ(412, sock_recv(self->scene.fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(got + RTP_HEADER, payload, sizeof(payload)));
	while (!tap_next(tap, &frame)) {
		EXPECT_EQ(len, frame.len);
		EXPECT_EQ(0, memcmp(frame.payload, wire, len));
		seen++;
	}
	EXPECT_EQ(2, seen);	/* on its way out, and in */
	close(tap);
}

/* The peer's sealed packet of @ctr, to leave @ms from now */
static int send_at(FIXTURE_DATA(datapath) *self, uint64_t ctr, unsigned int ms)
{
	uint64_t when = ((uint64_t)now_ms() + ms) * 1000000;
	char control[CMSG_SPACE(sizeof(when))] = { 0 };
	uint8_t payload[400], wire[500];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = payload,
		.len = sizeof(payload),
	};
	struct iovec iov = { wire, 0 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	iov.iov_len = rtp_seal(wire, &rtp, &self->rx, ctr);
	cmsg_put(&msg, SOL_SOCKET, SCM_TXTIME, &when, sizeof(when));
	return sendmsg(self->scene.peer, &msg, 0) < 0 ? -errno : 0;
}

/* A large packet, which takes long to seal, arrives as it was sent. */
static bool send_large(FIXTURE_DATA(datapath) *self, uint64_t ctr)
{
	static uint8_t clear[60000], got[RTP_ROOM];
	uint64_t seen;
	int n;

	rtp_plain(clear, sizeof(clear), SSRC, (uint16_t)ctr);
	if (sock_send(self->scene.fd, clear, sizeof(clear), NULL) !=
	    sizeof(clear))
		return false;
	n = sock_recv(self->scene.peer, got, sizeof(got));
	return n > 0 &&
	       rtp_open(got, got, (size_t)n, &self->tx, &seen) ==
	       sizeof(clear) &&
	       seen == ctr && !memcmp(got, clear, sizeof(clear));
}

#define TIMED	100

/*
 * Packets that arrive by a timer's interrupt are opened in the middle of the
 * sealing of others, on the same CPU: neither spoils the other.
 */
TEST_F(datapath, opens_while_it_seals)
{
	struct sock_txtime txtime = { .clockid = CLOCK_MONOTONIC };
	int64_t end = now_ms() + SOCK_WAIT;
	unsigned int i, opened = 0;
	char wanted[64];
	uint64_t ctr = 0;
	uint8_t got[500];

	ASSERT_EQ(0, run("tc qdisc add dev lo root fq horizon 1000s"));
	ASSERT_EQ(0, setsockopt(self->scene.peer, SOL_SOCKET, SO_TXTIME,
				&txtime, sizeof(txtime)));
	for (i = 0; i < TIMED; i++)
		ASSERT_EQ(0, send_at(self, i, 20 + 3 * i));
	while (opened < TIMED && now_ms() < end) {
		ASSERT_TRUE(send_large(self, ctr++)) {
			TH_LOG("CTR %u, %u opened", (unsigned int)ctr, opened);
		}
		while (sock_recv_now(self->scene.fd, got, sizeof(got)) == 412)
			opened++;
	}
	EXPECT_EQ(TIMED, opened);
	snprintf(wanted, sizeof(wanted), "tx_ok+%u rx_ok+%u",
		 (unsigned int)ctr, TIMED);
	EXPECT_STREQ(wanted, scene_changes(&self->scene));
}

TEST_F(datapath, rtx_keeps_its_sequence_number_clear)
{
	uint8_t payload[160];
	struct rtp rtp = {
		.pt = 97, .ssrc = SSRC, .payload = payload,
		.len = sizeof(payload), .osn = true,
	};

	rtp_fill(payload, sizeof(payload), 6);
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &self->tx, 0));
	EXPECT_STREQ("", receive_and_compare(&self->scene, &rtp, &self->rx, 0));
	rtp.pt = 99;
	rtp.padding = 8;
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &self->tx, 1));
	EXPECT_STREQ("", receive_and_compare(&self->scene, &rtp, &self->rx, 1));
	/* the number alone, and one byte that follows it */
	rtp.len = 3;
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &self->tx, 2));
	EXPECT_STREQ("", receive_and_compare(&self->scene, &rtp, &self->rx, 2));
	/* between the named payload types: no RTX */
	rtp.pt = 98;
	rtp.osn = false;
	rtp.len = sizeof(payload);
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &self->tx, 3));
	EXPECT_STREQ("", receive_and_compare(&self->scene, &rtp, &self->rx, 3));
	EXPECT_STREQ("tx_ok+4 rx_ok+4", scene_changes(&self->scene));
}

/* A server that resends as RTX what it got as media: same SFrame object. */
TEST_F(datapath, rtx_made_by_a_server)
{
	uint8_t payload[80], wire[200], rtx[200], wanted[200], got[200];
	struct rtp rtp = {
		.pt = 96, .seq = 0x4321, .ssrc = SSRC, .payload = payload,
		.len = sizeof(payload),
	};
	size_t len;

	rtp_fill(payload, sizeof(payload), 7);
	len = rtp_seal(wire, &rtp, &self->rx, 5);
	memcpy(rtx, wire, RTP_HEADER);
	rtx[1] = 97;
	rtx[RTP_HEADER] = 0x43;
	rtx[RTP_HEADER + 1] = 0x21;
	memcpy(rtx + RTP_HEADER + 2, wire + RTP_HEADER, len - RTP_HEADER);
	ASSERT_EQ((int)len + 2,
		  sock_send(self->scene.peer, rtx, len + 2, NULL));

	len = rtp_build(wanted, &rtp);
	memcpy(rtx + RTP_HEADER + 2, wanted + RTP_HEADER, len - RTP_HEADER);
	ASSERT_EQ((int)len + 2,
		  sock_recv(self->scene.fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(got, rtx, len + 2));
	EXPECT_STREQ("rx_ok+1", scene_changes(&self->scene));
}

TEST_F(datapath, channel_data_is_looked_into)
{
	uint8_t payload[81], inner[200], packet[200], wanted[200], got[200];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = payload,
		.len = sizeof(payload),
	};
	uint64_t ctr;
	size_t len;

	rtp_fill(payload, sizeof(payload), 8);
	for (ctr = 0; ctr < 2; ctr++) {
		bool pad = ctr;

		len = rtp_build(inner, &rtp);
		len = channel_build(packet, inner, len, pad);
		ASSERT_EQ((int)len,
			  sock_send(self->scene.fd, packet, len, NULL));
		len = rtp_seal(inner, &rtp, &self->tx, ctr);
		len = channel_build(wanted, inner, len, pad);
		ASSERT_EQ((int)len,
			  sock_recv(self->scene.peer, got, sizeof(got))) {
			TH_LOG("padded: %d", pad);
		}
		EXPECT_EQ(0, memcmp(wanted, got, len));

		len = rtp_seal(inner, &rtp, &self->rx, ctr);
		len = channel_build(packet, inner, len, pad);
		ASSERT_EQ((int)len,
			  sock_send(self->scene.peer, packet, len, NULL));
		len = rtp_build(inner, &rtp);
		len = channel_build(wanted, inner, len, pad);
		ASSERT_EQ((int)len,
			  sock_recv(self->scene.fd, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(wanted, got, len));
	}
	EXPECT_STREQ("tx_ok+2 rx_ok+2", scene_changes(&self->scene));
}

/* The columns of the tables: blocked, which is for good, comes last. */
struct column {
	const char *name;
	uint32_t policy;
	const char *other[2];		/* what is not RTP: sent, received */
	const char *disguised[2];
	bool passes;			/* so does what is disguised */
};

static const struct column columns[] = {
	{ "required", E2EE_POLICY_REQUIRED, { "tx_other+1", "rx_other+1" },
	  { "tx_malformed+1", "rx_malformed+1" } },
	{ "optional", E2EE_POLICY_OPTIONAL, { "tx_other+1", "rx_other+1" },
	  { "tx_clear+1", "rx_clear+1" }, true },
	{ "off", E2EE_POLICY_OFF, { "tx_off+1", "rx_off+1" },
	  { "tx_off+1", "rx_off+1" }, true },
	{ "blocked", E2EE_POLICY_BLOCKED, { "tx_other+1", "rx_other+1" },
	  { "tx_blocked+1", "rx_blocked+1" } },
};

static int come_to(struct scene *scene, const struct column *column)
{
	if (column->policy == E2EE_POLICY_BLOCKED)
		return ctl_session_del(&scene->ctl, scene->session);
	return ctl_session_policy(&scene->ctl, scene->session, column->policy);
}

/* One packet of @kind, sent by the attached socket or @back to it */
struct crossing {
	struct scene *scene;
	const struct column *column;
	const struct kind *kind;
	bool back;
};

/* It must go through as it is: "" or what is wrong. */
static const char *passes(const struct crossing *crossing, const char *counted)
{
	struct scene *scene = crossing->scene;
	int from = crossing->back ? scene->peer : scene->fd;
	int to = crossing->back ? scene->fd : scene->peer;
	uint8_t packet[1024], got[1024];
	size_t len = crossing->kind->build(packet);

	if (sock_send(from, packet, len, NULL) != (int)len)
		return "not sent";
	if (sock_recv(to, got, sizeof(got)) != (int)len)
		return "lost, or of another length";
	if (memcmp(packet, got, len))
		return "altered";
	return strcmp(counted, scene_changes(scene)) ? "counted otherwise" : "";
}

/* It must not, and what comes behind it does. */
static const char *is_lost(const struct crossing *crossing, const char *counted)
{
	struct scene *scene = crossing->scene;
	int from = crossing->back ? scene->peer : scene->fd;
	int to = crossing->back ? scene->fd : scene->peer;
	uint8_t packet[1024];
	size_t len = crossing->kind->build(packet);
	char both[64];

	if (sock_send(from, packet, len, NULL) != (int)len)
		return "the sender was told";
	if (scene_flush(from, to))
		return "went through";
	snprintf(both, sizeof(both), "%s %s",
		 crossing->column->other[crossing->back], counted);
	return strcmp(both, scene_changes(scene)) ? "counted otherwise" : "";
}

static const char *disguised(const struct crossing *crossing)
{
	const char *counted = crossing->column->disguised[crossing->back];

	return crossing->column->passes ? passes(crossing, counted) :
					  is_lost(crossing, counted);
}

static const char *other(const struct crossing *crossing)
{
	return passes(crossing, crossing->column->other[crossing->back]);
}

/* All of @kinds, both ways, under each policy */
static void cross(struct scene *scene, const struct kind *kinds,
		  const char *(*judge)(const struct crossing *crossing),
		  struct __test_metadata *_metadata)
{
	struct crossing crossing = { .scene = scene };
	unsigned int i, back;

	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		crossing.column = &columns[i];
		ASSERT_EQ(0, come_to(scene, &columns[i]));
		for (crossing.kind = kinds; crossing.kind->name;
		     crossing.kind++) {
			for (back = 0; back < 2; back++) {
				crossing.back = back;
				EXPECT_STREQ("", judge(&crossing)) {
					TH_LOG("%s, %s: %s", columns[i].name,
					       back ? "received" : "sent",
					       crossing.kind->name);
				}
			}
		}
	}
}

TEST_F(datapath, what_is_not_rtp_passes)
{
	cross(&self->scene, kinds_other, other, _metadata);
}

TEST_F(datapath, what_is_disguised_does_not_pass)
{
	cross(&self->scene, kinds_disguised, disguised, _metadata);
}

/* Own, then claim, lowest KID first, then any. */
TEST_F(datapath, choice_of_a_sending_key)
{
	struct ctl_key own = { .mode = E2EE_SSRC_NUMBER, .ssrc = SSRC };
	struct ctl_key claim = { .mode = E2EE_SSRC_CLAIM };
	struct sframe_key own_key, low_key, high_key;
	uint8_t payload[30] = { 1 };
	struct rtp rtp = {
		.pt = 96, .payload = payload, .len = sizeof(payload),
	};

	sframe_key_random(&own_key, 5, 900);
	sframe_key_random(&high_key, 5, 800);
	sframe_key_random(&low_key, 4, 700);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &high_key, &claim));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &low_key, &claim));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &own_key, &own));
	rtp.ssrc = SSRC;
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &own_key, 0));
	rtp.ssrc = 1;
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &low_key, 0));
	rtp.ssrc = 2;
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &high_key, 0));
	rtp.ssrc = 1;
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &low_key, 1));
	rtp.ssrc = 3;
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &self->tx, 0));
	rtp.ssrc = 4;
	EXPECT_STREQ("", send_and_compare(&self->scene, &rtp, &self->tx, 1));
	EXPECT_STREQ("tx_ok+6", scene_changes(&self->scene));
}

TEST_HARNESS_MAIN
