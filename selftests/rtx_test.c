// SPDX-License-Identifier: GPL-2.0
/*
 * Retransmissions that a server builds (RFC 4588): two bytes stand in front of
 * what a sender sealed, and the SSRC is that of the stream or one of their own.
 * The server, or whoever else carries the packets, chooses payload type and
 * SSRC: a key that is bound opens nothing under an SSRC of somebody else.
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/driver.h"
#include "lib/harness.h"
#include "lib/scene.h"

#define KID		9	/* of all senders: the SSRC tells them apart */
#define SENDERS		3
#define SSRC		0x1000	/* of the first sender */
#define RTX_SSRC	0x2000	/* of the first sender's retransmissions */
#define SERVER		0x7777	/* of nobody */
#define PT		96
#define RTX_PT		97

FIXTURE(rtx)
{
	struct scene scene;
	struct sframe_key keys[SENDERS];
};

FIXTURE_VARIANT(rtx)
{
	enum sock_kind kind;
	bool async;
};

FIXTURE_VARIANT_ADD(rtx, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(rtx, v4_async) { .kind = SOCK_V4, .async = true };
FIXTURE_VARIANT_ADD(rtx, v6_async) { .kind = SOCK_V6, .async = true };

static struct ctl_key bound(unsigned int nth, const uint32_t *rtx_ssrc)
{
	return (struct ctl_key){
		.dir = E2EE_DIR_RX, .kid = KID, .mode = E2EE_SSRC_NUMBER,
		.ssrc = SSRC + nth, .rtx_ssrc = rtx_ssrc,
	};
}

/* The key of sender @nth, bound to its SSRCs */
static int bound_key(struct scene *scene, const struct sframe_key *key,
		     unsigned int nth, uint32_t expires)
{
	const uint32_t rtx_ssrc = RTX_SSRC + nth;
	struct ctl_key more = bound(nth, &rtx_ssrc);

	more.expires = expires;
	return scene_key(scene, E2EE_DIR_RX, key, &more);
}

FIXTURE_SETUP(rtx)
{
	static const uint8_t rtx_pt = RTX_PT;
	struct ctl_session options = { .rtx_pt = &rtx_pt, .rtx_pts = 1 };
	char driver[DRIVER_ROOM];

	ASSERT_EQ(0, sock_pin());
	if (variant->async) {
		ASSERT_EQ(0, sock_netns());
		ASSERT_EQ(0, driver_find_async(driver)) {
			TH_LOG("no asynchronous AES-GCM in this kernel");
		}
		options.crypto = driver;
	}
	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, &options));
	for (unsigned int i = 0; i < SENDERS; i++) {
		sframe_key_random(&self->keys[i], 5, KID);
		ASSERT_EQ(0, bound_key(&self->scene, &self->keys[i], i, 0));
	}
}

FIXTURE_TEARDOWN(rtx)
{
	scene_close(&self->scene);
}

/* What @key sealed, as it comes under @pt and @ssrc, and its clear form */
static size_t make(const struct sframe_key *key, uint64_t ctr, uint8_t pt,
		   uint32_t ssrc, uint8_t *wire, uint8_t *clear)
{
	uint8_t payload[100];
	struct rtp rtp = {
		.pt = pt, .seq = (uint16_t)ctr, .ssrc = ssrc,
		.payload = payload, .len = sizeof(payload),
		.osn = pt == RTX_PT,
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	rtp_build(clear, &rtp);
	return rtp_seal(wire, &rtp, key, ctr);
}

static const char *sends(struct scene *scene, const struct sframe_key *key,
			 uint64_t ctr, uint8_t pt, uint32_t ssrc,
			 uint8_t *clear)
{
	uint8_t wire[300];
	size_t len = make(key, ctr, pt, ssrc, wire, clear);

	return sock_send(scene->peer, wire, len, NULL) == (int)len ?
	       "" : "not sent";
}

/* "" if it is delivered as it was sealed, else what became of it */
static const char *opens(struct scene *scene, const struct sframe_key *key,
			 uint64_t ctr, uint8_t pt, uint32_t ssrc)
{
	int n, len = RTP_HEADER + 100;
	uint8_t clear[200], got[300];
	const char *counted;

	if (*sends(scene, key, ctr, pt, ssrc, clear))
		return "not sent";
	n = sock_recv(scene->fd, got, sizeof(got));
	counted = scene_changes(scene);
	if (strcmp(counted, "rx_ok+1"))
		return *counted ? counted : "not counted";
	return n == len && !memcmp(clear, got, (size_t)len) ?
	       "" : "not as it was sealed";
}

/* What is counted beside the marker behind it, where nothing is delivered */
static const char *refused(struct scene *scene, const struct sframe_key *key,
			   uint64_t ctr, uint8_t pt, uint32_t ssrc)
{
	uint8_t clear[200];

	if (*sends(scene, key, ctr, pt, ssrc, clear))
		return "not sent";
	if (scene_flush(scene->peer, scene->fd))
		return "delivered";
	return scene_changes(scene);
}

/* RFC 4588, section 5.3: under the SSRC of the stream, or under one of their own */
TEST_F(rtx, opens_under_both_ssrcs_of_its_key)
{
	struct scene *scene = &self->scene;
	const struct sframe_key *key = self->keys;

	for (unsigned int i = 0; i < SENDERS; i++, key++) {
		EXPECT_STREQ("", opens(scene, key, 10, PT, SSRC + i));
		EXPECT_STREQ("", opens(scene, key, 11, RTX_PT, SSRC + i));
		EXPECT_STREQ("", opens(scene, key, 12, RTX_PT, RTX_SSRC + i));
		/* what came once does not come again, whatever it is made of */
		EXPECT_STREQ("rx_other+1 rx_replay+1",
			     refused(scene, key, 10, RTX_PT, SSRC + i));
		EXPECT_STREQ("rx_other+1 rx_replay+1",
			     refused(scene, key, 10, RTX_PT, RTX_SSRC + i));
		EXPECT_STREQ("rx_other+1 rx_replay+1",
			     refused(scene, key, 12, PT, SSRC + i));
	}
}

/* In the order in which all came in, media between them */
TEST_F(rtx, keeps_the_order)
{
	uint8_t clear[4 * SENDERS][200], got[300];
	struct scene *scene = &self->scene;
	unsigned int i, last, n = 0;

	for (i = 0; i < SENDERS; i++) {
		last = SENDERS - 1 - i;
		EXPECT_STREQ("", sends(scene, &self->keys[i], 10, RTX_PT,
				       RTX_SSRC + i, clear[n++]));
		EXPECT_STREQ("", sends(scene, &self->keys[i], 11, PT, SSRC + i,
				       clear[n++]));
		EXPECT_STREQ("", sends(scene, &self->keys[last], 20, RTX_PT,
				       SSRC + last, clear[n++]));
		EXPECT_STREQ("", sends(scene, &self->keys[0], 30 + i, RTX_PT,
				       RTX_SSRC, clear[n++]));
	}
	for (i = 0; i < n; i++) {
		ASSERT_LT(0, sock_recv(scene->fd, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(clear[i], got, RTP_HEADER + 100)) {
			TH_LOG("packet %u", i);
		}
	}
	EXPECT_STREQ("rx_ok+12", scene_changes(scene));
}

/* A server passes one sender's packets off as another's. */
TEST_F(rtx, opens_under_no_other_ssrc)
{
	const struct sframe_key *key = &self->keys[0];
	struct scene *scene = &self->scene;

	/* the other's own key is tried, and is not the one */
	EXPECT_STREQ("rx_other+1 rx_auth_fail+1",
		     refused(scene, key, 10, RTX_PT, SSRC + 1));
	EXPECT_STREQ("rx_other+1 rx_auth_fail+1",
		     refused(scene, key, 10, RTX_PT, RTX_SSRC + 1));
	EXPECT_STREQ("rx_other+1 rx_ssrc+1",
		     refused(scene, key, 10, RTX_PT, SERVER));
	EXPECT_STREQ("rx_other+1 rx_ssrc+1",
		     refused(scene, key, 10, PT, SERVER));
	/* an RTX SSRC is for retransmissions alone */
	EXPECT_STREQ("rx_other+1 rx_ssrc+1",
		     refused(scene, key, 10, PT, RTX_SSRC));
	/* nothing of it has moved a window */
	EXPECT_STREQ("", opens(scene, key, 10, RTX_PT, RTX_SSRC));
	EXPECT_STREQ("", opens(scene, &self->keys[1], 10, PT, SSRC + 1));
}

/* Bound keys go first; what none of them is bound to, an unbound one opens. */
TEST_F(rtx, opens_with_an_unbound_key)
{
	struct scene *scene = &self->scene;
	struct sframe_key any;

	sframe_key_random(&any, 5, KID);
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, &any, NULL));
	EXPECT_STREQ("", opens(scene, &any, 1, RTX_PT, SERVER));
	EXPECT_STREQ("", opens(scene, &any, 2, PT, SERVER));
	EXPECT_STREQ("", opens(scene, &any, 3, PT, RTX_SSRC));
	EXPECT_STREQ("rx_other+1 rx_auth_fail+1",
		     refused(scene, &any, 4, RTX_PT, RTX_SSRC));
	EXPECT_STREQ("rx_other+1 rx_auth_fail+1",
		     refused(scene, &any, 5, RTX_PT, SSRC));
	EXPECT_STREQ("", opens(scene, self->keys, 1, RTX_PT, RTX_SSRC));
}

/* A receiver may learn the RTX SSRC when the key is there already: once. */
TEST_F(rtx, learns_its_ssrc_later)
{
	const uint32_t rtx_ssrc = SERVER, other = SERVER + 1, taken = RTX_SSRC;
	struct ctl_key later = bound(SENDERS, NULL);
	struct scene *scene = &self->scene;
	struct ctl *ctl = &scene->ctl;
	struct sframe_key key;

	sframe_key_random(&key, 5, KID);
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, &key, &later));
	EXPECT_STREQ("rx_other+1 rx_ssrc+1",
		     refused(scene, &key, 1, RTX_PT, SERVER));
	later.rtx_ssrc = &taken;
	EXPECT_EQ(-EEXIST, ctl_key_set(ctl, scene->session, &later));
	later.rtx_ssrc = &rtx_ssrc;
	EXPECT_EQ(0, ctl_key_set(ctl, scene->session, &later));
	EXPECT_STREQ("", opens(scene, &key, 1, RTX_PT, SERVER));
	EXPECT_EQ(0, ctl_key_set(ctl, scene->session, &later));
	later.rtx_ssrc = &other;
	EXPECT_EQ(-EEXIST, ctl_key_set(ctl, scene->session, &later));
	EXPECT_STREQ("", opens(scene, &key, 2, RTX_PT, SERVER));
	EXPECT_STREQ("rx_other+1 rx_ssrc+1",
		     refused(scene, &key, 3, RTX_PT, SERVER + 1));
	/* with the key its RTX SSRC goes, and is another's to have */
	EXPECT_EQ(0, ctl_key_del(ctl, scene->session, &later));
	EXPECT_STREQ("rx_other+1 rx_ssrc+1",
		     refused(scene, &key, 4, RTX_PT, SERVER));
	sframe_key_random(&key, 5, KID);
	later.rtx_ssrc = &rtx_ssrc;
	EXPECT_EQ(0, scene_key(scene, E2EE_DIR_RX, &key, &later));
	EXPECT_STREQ("", opens(scene, &key, 1, RTX_PT, SERVER));
}

/* Only a bound receiving key has one, and no two keys of a KID the same. */
TEST_F(rtx, goes_with_a_bound_key_only)
{
	const uint32_t taken = RTX_SSRC + 1, free = SERVER;
	struct ctl_key more = bound(SENDERS, &taken);
	struct scene *scene = &self->scene;
	struct sframe_key key;

	sframe_key_random(&key, 5, KID);
	EXPECT_EQ(-EEXIST, scene_key(scene, E2EE_DIR_RX, &key, &more));
	more.rtx_ssrc = &free;
	EXPECT_EQ(-EINVAL, scene_key(scene, E2EE_DIR_TX, &key, &more));
	more.mode = E2EE_SSRC_ANY;
	EXPECT_EQ(-EINVAL, scene_key(scene, E2EE_DIR_RX, &key, &more));
	/* the refused ones left nothing behind */
	more = bound(SENDERS, &free);
	EXPECT_EQ(0, scene_key(scene, E2EE_DIR_RX, &key, &more));
	/* another KID is another name */
	sframe_key_random(&key, 5, KID + 1);
	more.rtx_ssrc = &taken;
	EXPECT_EQ(0, scene_key(scene, E2EE_DIR_RX, &key, &more));
	EXPECT_STREQ("", opens(scene, &key, 1, RTX_PT, taken));
	EXPECT_STREQ("", opens(scene, &self->keys[1], 1, RTX_PT, taken));
}

/* Altered, or sealed by somebody else with the same KID */
TEST_F(rtx, wrong_tag)
{
	const uint32_t rtx_ssrc = RTX_SSRC + 1;
	struct scene *scene = &self->scene;
	uint8_t clear[200], wire[300];
	struct sframe_key stranger;
	size_t len;

	len = make(&self->keys[1], 50, RTX_PT, rtx_ssrc, wire, clear);
	wire[len - 1] ^= 1;
	ASSERT_EQ((int)len, sock_send(scene->peer, wire, len, NULL));
	EXPECT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1 rx_auth_fail+1", scene_changes(scene));
	sframe_key_random(&stranger, 5, KID);
	EXPECT_STREQ("rx_other+1 rx_auth_fail+1",
		     refused(scene, &stranger, 51, RTX_PT, rtx_ssrc));
	/* which has moved no window: the true one is opened */
	EXPECT_STREQ("", opens(scene, &self->keys[1], 50, RTX_PT, rtx_ssrc));
}

static bool expires(struct scene *scene, unsigned int nth)
{
	struct ctl_key request = bound(nth, NULL);
	struct ctl_key_info info = { 0 };
	int64_t end = now_ms() + SOCK_WAIT;

	while (!info.expired && now_ms() < end)
		if (ctl_key_get(&scene->ctl, scene->session, &request, &info))
			return false;
	return info.expired;
}

/* A key at its end is said to be at its end, and others do not stand in. */
TEST_F(rtx, with_an_expired_key)
{
	struct ctl_key request = bound(1, NULL);
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session, &request));
	ASSERT_EQ(0, bound_key(scene, &self->keys[1], 1, 1));
	ASSERT_TRUE(expires(scene, 1));
	EXPECT_STREQ("rx_other+1 rx_key_expired+1",
		     refused(scene, &self->keys[1], 1, RTX_PT, RTX_SSRC + 1));
	EXPECT_STREQ("rx_other+1 rx_key_expired+1",
		     refused(scene, &self->keys[1], 1, RTX_PT, SSRC + 1));
	EXPECT_STREQ("", opens(scene, self->keys, 1, RTX_PT, RTX_SSRC));
}

/* The keys go while packets are opened with them: each packet has a verdict. */
TEST_F(rtx, keys_deleted_meanwhile)
{
	struct scene *scene = &self->scene;
	uint64_t before[CTL_STATS], after[CTL_STATS], sum = 0;
	struct ctl_key request;
	int big = 16 << 20;
	uint8_t clear[200];

	ASSERT_EQ(0, setsockopt(scene->fd, SOL_SOCKET, SO_RCVBUFFORCE, &big,
				sizeof(big)));
	ASSERT_EQ(0, ctl_socket_stats(&scene->ctl, scene->fd, before));
	for (unsigned int n = 0; n < 300; n++) {
		if (n % 100 == 99) {
			request = bound(n / 100, NULL);
			ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session,
						 &request));
		}
		EXPECT_STREQ("", sends(scene, &self->keys[n % SENDERS], 100 + n,
				       RTX_PT, RTX_SSRC + n % SENDERS, clear));
	}
	EXPECT_LE(0, scene_flush(scene->peer, scene->fd));
	ASSERT_EQ(0, ctl_socket_stats(&scene->ctl, scene->fd, after));
	for (unsigned int i = E2EE_A_STAT_RX_OK; i <= E2EE_A_STAT_RX_BLOCKED;
	     i++)
		sum += after[i] - before[i];
	/* how many are opened depends on how soon the cipher answers */
	EXPECT_EQ(301, sum);
	EXPECT_LE(1, after[E2EE_A_STAT_RX_NO_KEY] -
		     before[E2EE_A_STAT_RX_NO_KEY]);
}

TEST_HARNESS_MAIN
