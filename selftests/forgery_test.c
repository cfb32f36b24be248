// SPDX-License-Identifier: GPL-2.0
/*
 * An attacker on the wire: replays, alters, invents and reflects packets. Each
 * is dropped under exactly one counter, and none of them disturbs what is
 * genuine.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>

#include "lib/harness.h"
#include "lib/scene.h"

#define SSRC	0x11223344
#define PAYLOAD	64

FIXTURE(forgery)
{
	struct scene scene;
	struct sframe_key key;	/* the socket receives with it */
	struct sframe_key own;	/* and sends with this one */
};

FIXTURE_VARIANT(forgery)
{
	enum sock_kind kind;
	uint32_t window;	/* packets; 0: default */
};

FIXTURE_VARIANT_ADD(forgery, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(forgery, v6) { .kind = SOCK_V6, .window = 64 };
FIXTURE_VARIANT_ADD(forgery, mapped) { .kind = SOCK_MAPPED, .window = 65536 };

FIXTURE_SETUP(forgery)
{
	struct ctl_session options = { .window = variant->window };

	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, &options));
	/* two bytes of KID and, from CTR 0x4567 on, two of CTR */
	sframe_key_random(&self->key, 5, 0x123);
	sframe_key_random(&self->own, 5, 0x124);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &self->key, NULL));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->own, NULL));
}

FIXTURE_TEARDOWN(forgery)
{
	scene_close(&self->scene);
}

/* A genuine packet as it is on the wire. */
static size_t genuine(uint8_t *out, const struct sframe_key *key, uint64_t ctr)
{
	static uint8_t payload[PAYLOAD];
	struct rtp rtp = {
		.pt = 96, .seq = (uint16_t)ctr, .ssrc = SSRC,
		.payload = payload, .len = PAYLOAD,
	};

	rtp_fill(payload, PAYLOAD, (unsigned int)ctr);
	return rtp_seal(out, &rtp, key, ctr);
}

/* What the socket counts of a packet on the wire: "rx_ok+1", and so on. */
static const char *inject(struct scene *scene, int fd, const uint8_t *wire,
			  size_t len)
{
	uint8_t marker[64], got[RTP_ROOM];
	int n;

	sock_send(scene->peer, wire, len, NULL);
	n = (int)stun_build(marker);
	sock_send(scene->peer, marker, (size_t)n, NULL);
	do {
		if (sock_recv(fd, got, sizeof(got)) < 0)
			return "marker lost";
	} while (got[0] != marker[0]);
	scene->session_before[E2EE_A_STAT_RX_OTHER]++;
	scene->socket_before[E2EE_A_STAT_RX_OTHER]++;
	return scene_changes(scene);
}

static const char *inject_genuine(struct scene *scene,
				  const struct sframe_key *key, uint64_t ctr)
{
	uint8_t wire[256];

	return inject(scene, scene->fd, wire, genuine(wire, key, ctr));
}

TEST_F(forgery, duplicates)
{
	for (uint64_t ctr = 0; ctr < 70; ctr++) {
		EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key,
						       ctr));
		EXPECT_STREQ("rx_replay+1",
			     inject_genuine(&self->scene, &self->key, ctr));
	}
	EXPECT_STREQ("rx_replay+1",
		     inject_genuine(&self->scene, &self->key, 69));
}

TEST_F(forgery, edges_of_the_window)
{
	uint64_t window = variant->window ? variant->window :
					    E2EE_WINDOW_DEFAULT;
	uint64_t high = 3 * window + 5;
	struct scene *scene = &self->scene;
	const struct sframe_key *key = &self->key;

	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high));
	EXPECT_STREQ("rx_replay+1", inject_genuine(scene, key, high - window));
	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high - window + 1));
	EXPECT_STREQ("rx_replay+1",
		     inject_genuine(scene, key, high - window + 1));
	EXPECT_STREQ("rx_replay+1", inject_genuine(scene, key, 0));
	/* a step forward pushes the oldest out */
	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high + 1));
	EXPECT_STREQ("rx_replay+1",
		     inject_genuine(scene, key, high - window + 1));
	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high - window + 2));
	/* and a leap all of them */
	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high + 9 * window));
	EXPECT_STREQ("rx_replay+1", inject_genuine(scene, key, high + 2));
	EXPECT_STREQ("rx_ok+1",
		     inject_genuine(scene, key, high + 8 * window + 1));
	/* in the window: any order */
	for (uint64_t i = 60; i > 50; i--) {
		EXPECT_STREQ("rx_ok+1",
			     inject_genuine(scene, key,
					    high + 9 * window - i));
	}
}

TEST_F(forgery, a_forged_ctr_does_not_move_the_window)
{
	uint8_t wire[256];
	size_t len;

	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key, 5));
	len = genuine(wire, &self->key, UINT64_MAX - 2);
	wire[len - 1] ^= 0x80;
	EXPECT_STREQ("rx_auth_fail+1",
		     inject(&self->scene, self->scene.fd, wire, len));
	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key, 6));
	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key, 0));
}

/* A fresh socket of the session has its own window, but no clean slate. */
TEST_F(forgery, fresh_socket_is_no_way_to_replay)
{
	uint64_t window = variant->window ? variant->window :
					    E2EE_WINDOW_DEFAULT;
	struct scene *scene = &self->scene;
	uint8_t wire[256], got[256];
	struct addr addr;
	size_t len;
	int fd;

	EXPECT_STREQ("rx_ok+1",
		     inject_genuine(scene, &self->key, 5 * window));
	fd = sock_udp(variant->kind, 0, &addr);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ctl_attach(&scene->ctl, scene->session, fd, NULL));
	ASSERT_EQ(0, sock_connect(scene->peer, &addr));

	close(scene->fd);
	scene->fd = fd;
	scene_changes(scene);
	len = genuine(wire, &self->key, 4 * window - 1);
	EXPECT_STREQ("rx_replay+1", inject(scene, fd, wire, len)) {
		TH_LOG("older than the window of the key");
	}
	len = genuine(wire, &self->key, 4 * window + 1);
	sock_send(scene->peer, wire, len, NULL);
	EXPECT_EQ(RTP_HEADER + PAYLOAD, sock_recv(fd, got, sizeof(got)));
}

/*
 * Every bit of a packet. What SFrame covers must be refused; the RTP header,
 * which servers rewrite, and S and E of the descriptor are not covered.
 */
struct region {
	const char *name;
	unsigned int first;	/* byte */
	unsigned int last;
	uint8_t mask;		/* bits */
	const char *counted;	/* alternatives */
};

#define AT_SFRAME	(RTP_HEADER + 1)

static const struct region regions[] = {
	{ "version", 0, 0, 0xc0, "rx_malformed+1" },
	{ "padding bit", 0, 0, 0x20,
	  "rx_malformed+1 rx_auth_fail+1 rx_other+1" },
	{ "extension bit", 0, 0, 0x10,
	  "rx_malformed+1 rx_clear_dropped+1 rx_auth_fail+1 rx_no_key+1" },
	{ "CSRC count", 0, 0, 0x0f,
	  "rx_malformed+1 rx_clear_dropped+1 rx_auth_fail+1 rx_no_key+1" },
	{ "marker", 1, 1, 0x80, "rx_ok+1" },
	{ "payload type 32", 1, 1, 0x40, "rx_ok+1" },
	{ "sequence number, timestamp, SSRC", 2, 11, 0xff, "rx_ok+1" },
	{ "S and E", 12, 12, 0xc0, "rx_ok+1" },
	{ "T, reserved", 12, 12, 0x3f, "rx_clear_dropped+1" },
	{ "SFrame config", 13, 13, 0xff,
	  "rx_malformed+1 rx_no_key+1 rx_auth_fail+1 rx_replay+1" },
	{ "KID", 14, 15, 0xff, "rx_no_key+1 rx_malformed+1" },
	{ "CTR", 16, 17, 0xff, "rx_auth_fail+1 rx_replay+1" },
	{ "ciphertext and tag", 18, 18 + PAYLOAD + SFRAME_TAG - 1, 0xff,
	  "rx_auth_fail+1" },
};

static const struct region *region_of(unsigned int byte, uint8_t bit)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(regions); i++)
		if (byte >= regions[i].first && byte <= regions[i].last &&
		    regions[i].mask & bit)
			return &regions[i];
	return NULL;
}

TEST_F(forgery, flipped_bits)
{
	const struct region *region;
	uint64_t ctr = 0x4567;
	const char *counted;
	uint8_t wire[256];
	size_t len, bit;

	len = genuine(wire, &self->key, ctr);
	ASSERT_EQ(18 + PAYLOAD + SFRAME_TAG, len);
	for (bit = 0; bit < len * 8; bit++, ctr++) {
		genuine(wire, &self->key, ctr);
		wire[bit / 8] ^= 1 << bit % 8;
		region = region_of(bit / 8, 1 << bit % 8);
		if (!region)	/* the rest of the payload type */
			continue;
		counted = inject(&self->scene, self->scene.fd, wire, len);
		EXPECT_NE(NULL, strstr(region->counted, counted)) {
			TH_LOG("%s, bit %zu of byte %zu: %s", region->name,
			       bit % 8, bit / 8, counted);
		}
		EXPECT_NE('\0', counted[0]);
		/* was not, or was, spent by it */
		EXPECT_STREQ(strcmp(counted, "rx_ok+1") ? "rx_ok+1" :
							  "rx_replay+1",
			     inject_genuine(&self->scene, &self->key, ctr)) {
			TH_LOG("genuine one after %s, bit %zu", region->name,
			       bit);
		}
	}
}

TEST_F(forgery, cut_short)
{
	uint8_t wire[256];
	const char *counted;
	size_t whole, len;

	whole = genuine(wire, &self->key, 0x4567);
	for (len = whole - 1; len > RTP_HEADER; len--) {
		counted = inject(&self->scene, self->scene.fd, wire, len);
		EXPECT_STREQ(len < AT_SFRAME + 5 + SFRAME_TAG ?
			     "rx_malformed+1" : "rx_auth_fail+1", counted) {
			TH_LOG("%zu bytes", len);
		}
	}
	EXPECT_STREQ("rx_ok+1",
		     inject_genuine(&self->scene, &self->key, 0x4567));
}

TEST_F(forgery, lengthened)
{
	uint8_t wire[256] = { 0 };
	size_t len = genuine(wire, &self->key, 0x4567);

	EXPECT_STREQ("rx_auth_fail+1",
		     inject(&self->scene, self->scene.fd, wire, len + 1));
	/* announced as padding it is outside of SFrame, and passes */
	wire[0] |= 0x20;
	wire[len] = 1;
	EXPECT_STREQ("rx_ok+1",
		     inject(&self->scene, self->scene.fd, wire, len + 1));
}

TEST_F(forgery, wrong_key)
{
	struct sframe_key wrong;

	sframe_key_random(&wrong, 5, self->key.kid);
	EXPECT_STREQ("rx_auth_fail+1",
		     inject_genuine(&self->scene, &wrong, 1));
	wrong = self->key;
	wrong.salt[11] ^= 1;
	EXPECT_STREQ("rx_auth_fail+1",
		     inject_genuine(&self->scene, &wrong, 1));
	wrong = self->key;
	wrong.suite = E2EE_SUITE_AES_128_GCM_SHA256_128;
	EXPECT_STREQ("rx_auth_fail+1",
		     inject_genuine(&self->scene, &wrong, 1));
	wrong = self->key;
	wrong.kid++;
	EXPECT_STREQ("rx_no_key+1", inject_genuine(&self->scene, &wrong, 1));
	wrong.kid = UINT64_MAX;
	EXPECT_STREQ("rx_no_key+1", inject_genuine(&self->scene, &wrong, 1));
}

/* A sending key does not open: own packets, sent back, are strangers'. */
TEST_F(forgery, reflected)
{
	uint8_t packet[100], wire[256];
	int n;

	rtp_plain(packet, sizeof(packet), SSRC, 1);
	ASSERT_EQ(100, sock_send(self->scene.fd, packet, 100, NULL));
	n = sock_recv(self->scene.peer, wire, sizeof(wire));
	ASSERT_LT(100, n);
	scene_changes(&self->scene);
	EXPECT_STREQ("rx_no_key+1",
		     inject(&self->scene, self->scene.fd, wire, (size_t)n));
}

TEST_F(forgery, bound_to_an_ssrc)
{
	struct ctl_key bound = { .mode = E2EE_SSRC_NUMBER, .ssrc = SSRC };
	struct sframe_key exact, other;
	uint8_t wire[256];
	size_t len;

	sframe_key_random(&exact, 5, 7);
	sframe_key_random(&other, 5, 8);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &exact, &bound));
	bound.ssrc++;
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &other, &bound));
	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &exact, 1));
	EXPECT_STREQ("rx_ssrc+1", inject_genuine(&self->scene, &other, 1));
	len = genuine(wire, &exact, 2);
	wire[11] ^= 1;
	EXPECT_STREQ("rx_ssrc+1",
		     inject(&self->scene, self->scene.fd, wire, len));
	/* two keys of one KID: each SSRC has its own */
	exact = other;
	sframe_key_random(&exact, 5, 8);
	bound.ssrc = SSRC;
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &exact, &bound));
	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &exact, 1));
	EXPECT_STREQ("rx_auth_fail+1", inject_genuine(&self->scene, &other, 2));
}

/* A key that is gone opens nothing, and one that returns starts afresh. */
TEST_F(forgery, deleted_key)
{
	struct ctl_key id = {
		.dir = E2EE_DIR_RX, .mode = E2EE_SSRC_ANY,
		.kid = self->key.kid,
	};

	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key, 1));
	ASSERT_EQ(0, ctl_key_del(&self->scene.ctl, self->scene.session, &id));
	EXPECT_STREQ("rx_no_key+1",
		     inject_genuine(&self->scene, &self->key, 2));
}

/* 10,000 wrong tags: counted, and genuine packets still get through. */
TEST_F(forgery, burst)
{
	struct mmsghdr messages[50] = { 0 };
	struct iovec iov;
	uint8_t wire[256];
	unsigned int i;

	for (i = 0; i < 50; i++) {
		messages[i].msg_hdr.msg_iov = &iov;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (i = 0; i < 200; i++) {
		iov = (struct iovec){ wire, genuine(wire, &self->key, i) };
		wire[iov.iov_len - 1] ^= 1;
		ASSERT_EQ(50, sendmmsg(self->scene.peer, messages, 50, 0));
		/* Not taken at once, they wait in a queue of 1,000 packets */
		EXPECT_STREQ("rx_ok+1 rx_auth_fail+50",
			     inject_genuine(&self->scene, &self->key, i));
	}
}

TEST_HARNESS_MAIN
