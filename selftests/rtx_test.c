// SPDX-License-Identifier: GPL-2.0
/*
 * Retransmissions that a server builds (RFC 4588): under an SSRC of its own,
 * with two bytes in front of what a sender sealed. Keys that are bound to SSRCs
 * are tried one after the other, whether their cipher answers at once or later.
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
#define SERVER		0x7777
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

static int bound_key(struct scene *scene, const struct sframe_key *key,
		     unsigned int nth, uint32_t expires)
{
	const struct ctl_key more = {
		.mode = E2EE_SSRC_NUMBER, .ssrc = SSRC + nth,
		.expires = expires,
	};

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

/* What @sender sealed, in the server's packet or as it was; its clear form */
static size_t make(const struct sframe_key *keys, unsigned int sender,
		   uint64_t ctr, bool rtx, uint8_t *wire, uint8_t *clear)
{
	uint8_t payload[100];
	struct rtp rtp = {
		.pt = rtx ? RTX_PT : PT, .seq = (uint16_t)ctr,
		.ssrc = rtx ? SERVER : SSRC + sender, .payload = payload,
		.len = sizeof(payload), .osn = rtx,
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	rtp_build(clear, &rtp);
	return rtp_seal(wire, &rtp, &keys[sender], ctr);
}

static const char *sends(FIXTURE_DATA(rtx) *self, unsigned int sender,
			 uint64_t ctr, bool rtx, uint8_t *clear)
{
	uint8_t wire[300];
	size_t len = make(self->keys, sender, ctr, rtx, wire, clear);

	return sock_send(self->scene.peer, wire, len, NULL) == (int)len ?
	       "" : "not sent";
}

/* Each sender's, and in the order that all came in, others between them. */
TEST_F(rtx, opens_with_the_key_of_any_sender)
{
	uint8_t clear[4 * SENDERS][200], got[300];
	unsigned int i, n = 0;

	for (i = 0; i < SENDERS; i++) {
		EXPECT_STREQ("", sends(self, i, 10, true, clear[n++]));
		EXPECT_STREQ("", sends(self, i, 11, false, clear[n++]));
		EXPECT_STREQ("", sends(self, SENDERS - 1 - i, 20, true,
				       clear[n++]));
		EXPECT_STREQ("", sends(self, 0, 30 + i, true, clear[n++]));
	}
	for (i = 0; i < n; i++) {
		ASSERT_LT(0, sock_recv(self->scene.fd, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(clear[i], got, RTP_HEADER + 100)) {
			TH_LOG("packet %u", i);
		}
	}
	EXPECT_STREQ("rx_ok+12", scene_changes(&self->scene));
}

/* One verdict, and the right one, of what no key opens. */
TEST_F(rtx, refused)
{
	struct scene *scene = &self->scene;
	uint8_t clear[200], wire[300], got[300];
	struct sframe_key strangers[1];
	size_t len;

	/* seen as media, and then by what the server makes of it */
	for (unsigned int i = 0; i < SENDERS; i++) {
		EXPECT_STREQ("", sends(self, i, 10, i, clear));
		ASSERT_LT(0, sock_recv(scene->fd, got, sizeof(got)));
	}
	EXPECT_STREQ("rx_ok+3", scene_changes(scene));
	/* the CTR is new to none of the keys */
	EXPECT_STREQ("", sends(self, 1, 10, true, clear));
	EXPECT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1 rx_replay+1", scene_changes(scene));
	/* altered, or of somebody else with the same KID */
	len = make(self->keys, 1, 50, true, wire, clear);
	wire[len - 1] ^= 1;
	ASSERT_EQ((int)len, sock_send(scene->peer, wire, len, NULL));
	sframe_key_random(&strangers[0], 5, KID);
	len = make(strangers, 0, 51, true, wire, clear);
	ASSERT_EQ((int)len, sock_send(scene->peer, wire, len, NULL));
	EXPECT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1 rx_auth_fail+2", scene_changes(scene));
	/* which has moved no window: the true ones are opened */
	EXPECT_STREQ("", sends(self, 1, 50, true, clear));
	ASSERT_LT(0, sock_recv(scene->fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(clear, got, RTP_HEADER + 100));
	EXPECT_STREQ("rx_ok+1", scene_changes(scene));
}

static bool expires(struct scene *scene, const struct sframe_key *key,
		    unsigned int nth)
{
	struct ctl_key request = {
		.dir = E2EE_DIR_RX, .kid = key->kid,
		.mode = E2EE_SSRC_NUMBER, .ssrc = SSRC + nth,
	};
	struct ctl_key_info info = { 0 };
	int64_t end = now_ms() + SOCK_WAIT;

	while (!info.expired && now_ms() < end)
		if (ctl_key_get(&scene->ctl, scene->session, &request, &info))
			return false;
	return info.expired;
}

/* Keys at their end are said to be at their end, if no other is left. */
TEST_F(rtx, with_expired_keys)
{
	struct scene *scene = &self->scene;
	struct ctl_key request = {
		.dir = E2EE_DIR_RX, .kid = KID, .mode = E2EE_SSRC_NUMBER,
	};
	uint8_t clear[200], got[300];

	for (unsigned int i = 0; i < SENDERS; i++) {
		request.ssrc = SSRC + i;
		ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session,
					 &request));
		ASSERT_EQ(0, bound_key(scene, &self->keys[i], i, i ? 1 : 0));
	}
	for (unsigned int i = 1; i < SENDERS; i++)
		ASSERT_TRUE(expires(scene, &self->keys[i], i));
	EXPECT_STREQ("", sends(self, 0, 10, true, clear));
	ASSERT_LT(0, sock_recv(scene->fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(clear, got, RTP_HEADER + 100));
	EXPECT_STREQ("", sends(self, 0, 10, true, clear));
	EXPECT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_ok+1 rx_other+1 rx_replay+1", scene_changes(scene));
	EXPECT_STREQ("", sends(self, 1, 11, true, clear));
	EXPECT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1 rx_auth_fail+1", scene_changes(scene));

	request.ssrc = SSRC;
	ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session, &request));
	EXPECT_STREQ("", sends(self, 1, 12, true, clear));
	EXPECT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1 rx_key_expired+1", scene_changes(scene));
}

/* The keys go while packets are tried with them: each packet has a verdict. */
TEST_F(rtx, keys_deleted_meanwhile)
{
	struct scene *scene = &self->scene;
	uint64_t before[CTL_STATS], after[CTL_STATS], sum = 0;
	struct ctl_key request = {
		.dir = E2EE_DIR_RX, .kid = KID, .mode = E2EE_SSRC_NUMBER,
	};
	uint8_t clear[200];
	int big = 16 << 20;

	ASSERT_EQ(0, setsockopt(scene->fd, SOL_SOCKET, SO_RCVBUFFORCE, &big,
				sizeof(big)));
	ASSERT_EQ(0, ctl_socket_stats(&scene->ctl, scene->fd, before));
	for (unsigned int n = 0; n < 300; n++) {
		if (n % 100 == 99) {
			request.ssrc = SSRC + n / 100;
			ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session,
						 &request));
		}
		EXPECT_STREQ("", sends(self, n % SENDERS, 100 + n, true,
				       clear));
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
