// SPDX-License-Identifier: GPL-2.0
/*
 * A receiving key is deleted and installed again: what it delivered before, it
 * does not deliver again, however it comes back.
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/ask.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define KID	11
#define SSRC	0x5151

FIXTURE(reinstall)
{
	struct scene scene;
	struct sframe_key key;
};

FIXTURE_SETUP(reinstall)
{
	ASSERT_EQ(0, sock_pin());
	ASSERT_TRUE(objects_all_gone());
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	sframe_key_random(&self->key, 5, KID);
}

FIXTURE_TEARDOWN(reinstall)
{
	scene_close(&self->scene);
}

static int install(struct scene *scene, const struct sframe_key *key,
		   uint64_t ctr)
{
	const struct ctl_key more = { .ctr = ctr };

	return scene_key(scene, E2EE_DIR_RX, key, &more);
}

static int delete(struct scene *scene, const struct sframe_key *key)
{
	const struct ctl_key request = {
		.dir = E2EE_DIR_RX, .kid = key->kid,
	};

	return ctl_key_del(&scene->ctl, scene->session, &request);
}

static int again(struct scene *scene, const struct sframe_key *key)
{
	return delete(scene, key) ?: install(scene, key, 0);
}

/* What is counted for a packet of this CTR; "" if it is delivered as sealed */
static const char *comes_as(struct scene *scene, const struct sframe_key *key,
			    uint64_t ctr, uint32_t ssrc)
{
	uint8_t payload[80], wire[200], clear[200], got[200];
	struct rtp rtp = {
		.pt = 96, .seq = (uint16_t)ctr, .ssrc = ssrc,
		.payload = payload, .len = sizeof(payload),
	};
	static char counted[600];
	size_t clear_len, len;
	int n;

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	clear_len = rtp_build(clear, &rtp);
	len = rtp_seal(wire, &rtp, key, ctr);
	if (sock_send(scene->peer, wire, len, NULL) != (int)len)
		return "not sent";
	/* loopback: it is judged before the send returns */
	n = sock_recv_now(scene->fd, got, sizeof(got));
	snprintf(counted, sizeof(counted), "%s", scene_changes(scene));
	if (n < 0)
		return counted;
	if (strcmp(counted, "rx_ok+1"))
		return "delivered, and not counted";
	return (size_t)n == clear_len && !memcmp(clear, got, clear_len) ?
	       "" : "not as it was sealed";
}

static const char *comes(struct scene *scene, const struct sframe_key *key,
			 uint64_t ctr)
{
	return comes_as(scene, key, ctr, SSRC);
}

#define OPENS(scene, key, ctr)	EXPECT_STREQ("", comes(scene, key, ctr))
#define REPLAY(scene, key, ctr)						\
	EXPECT_STREQ("rx_replay+1", comes(scene, key, ctr))

/* The key is installed, and its window open, as far as CTR 5. */
#define BEGINS(scene, key) ({						\
	ASSERT_EQ(0, install(scene, key, 0));				\
	OPENS(scene, key, 5);						\
})

static uint64_t shown_ctr(struct scene *scene, const struct sframe_key *key)
{
	const struct ctl_key request = {
		.dir = E2EE_DIR_RX, .kid = key->kid,
	};
	struct ctl_key_info info = { 0 };

	ctl_key_get(&scene->ctl, scene->session, &request, &info);
	return info.ctr;
}

TEST_F(reinstall, goes_on_where_it_was)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;

	BEGINS(scene, key);
	OPENS(scene, key, 3);
	ASSERT_EQ(0, again(scene, key));
	EXPECT_EQ(6, shown_ctr(scene, key));
	REPLAY(scene, key, 5);
	REPLAY(scene, key, 3);
	/* whether it was seen is not known any more */
	REPLAY(scene, key, 4);
	REPLAY(scene, key, 0);
	OPENS(scene, key, 7);
	OPENS(scene, key, 6);
	REPLAY(scene, key, 6);
	REPLAY(scene, key, 5);
	/* it authenticated nothing meanwhile, and is no less remembered */
	ASSERT_EQ(0, again(scene, key));
	ASSERT_EQ(0, again(scene, key));
	REPLAY(scene, key, 7);
	OPENS(scene, key, 8);
}

/* What was not authenticated is not remembered. */
TEST_F(reinstall, forged_packets_raise_nothing)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;
	struct sframe_key stranger;

	sframe_key_random(&stranger, 5, KID);
	ASSERT_EQ(0, install(scene, key, 0));
	EXPECT_STREQ("rx_auth_fail+1", comes(scene, &stranger, 1000));
	ASSERT_EQ(0, again(scene, key));
	EXPECT_EQ(0, shown_ctr(scene, key));
	OPENS(scene, key, 0);
	EXPECT_STREQ("rx_auth_fail+1", comes(scene, &stranger, 1000));
	ASSERT_EQ(0, again(scene, key));
	OPENS(scene, key, 1);
}

/* Under another binding, in another session and in another namespace */
TEST_F(reinstall, elsewhere)
{
	const struct ctl_key bound = { .mode = E2EE_SSRC_NUMBER, .ssrc = SSRC };
	const struct sframe_key *key = &self->key;
	struct scene gone, *scene = &self->scene;

	BEGINS(scene, key);
	ASSERT_EQ(0, delete(scene, key));
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, key, &bound));
	REPLAY(scene, key, 5);
	OPENS(scene, key, 6);

	ASSERT_EQ(0, ctl_session_del(&scene->ctl, scene->session));
	ASSERT_EQ(0, ctl_session_new(&scene->ctl, "other", NULL,
				     &scene->session));
	ASSERT_EQ(0, scene_attach(scene));
	ASSERT_EQ(0, install(scene, key, 0));
	REPLAY(scene, key, 6);
	OPENS(scene, key, 7);

	/* the namespace goes when nobody is in it any more */
	gone = *scene;
	ASSERT_EQ(0, scene_open(scene, SOCK_V4, NULL));
	scene_close(&gone);
	ASSERT_TRUE(objects_come_to("key", 0));
	ASSERT_EQ(0, install(scene, key, 0));
	REPLAY(scene, key, 7);
	OPENS(scene, key, 8);
}

/* The socket that received it was closed before the key went. */
TEST_F(reinstall, after_its_socket)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;

	BEGINS(scene, key);
	close(scene->fd);
	ASSERT_TRUE(objects_come_to("window", 0));
	scene->fd = sock_udp(SOCK_V4, 0, &scene->addr);
	ASSERT_LE(0, scene->fd);
	ASSERT_EQ(0, scene_attach(scene));
	ASSERT_EQ(0, sock_connect(scene->peer, &scene->addr));
	ASSERT_EQ(0, again(scene, key));
	REPLAY(scene, key, 5);
	OPENS(scene, key, 6);
}

/* Installed in two sessions at the same time, two receive independently. */
TEST_F(reinstall, in_two_sessions)
{
	const struct sframe_key *key = &self->key;
	struct scene other, *scene = &self->scene;

	BEGINS(scene, key);
	ASSERT_EQ(0, scene_open(&other, SOCK_V4, NULL));
	BEGINS(&other, key);
	OPENS(&other, key, 4);
	OPENS(scene, key, 4);
	OPENS(&other, key, 20);
	/* the one that is deleted says how far it came, whoever else is there */
	ASSERT_EQ(0, again(scene, key));
	REPLAY(scene, key, 5);
	OPENS(scene, key, 6);
	ASSERT_EQ(0, delete(&other, key));
	OPENS(scene, key, 7);
	ASSERT_EQ(0, again(scene, key));
	REPLAY(scene, key, 20);
	OPENS(scene, key, 21);
	scene_close(&other);
}

#define OTHER		(SSRC + 1)

/* the key of the fixture, bound to another SSRC */
static const struct ctl_key bound = {
	.dir = E2EE_DIR_RX, .kid = KID, .mode = E2EE_SSRC_NUMBER, .ssrc = OTHER,
};

#define OPENS_AS(ssrc, ctr)						\
	EXPECT_STREQ("", comes_as(scene, key, ctr, ssrc))
#define REPLAY_AS(ssrc, ctr)						\
	EXPECT_STREQ("rx_replay+1", comes_as(scene, key, ctr, ssrc))

/* For two SSRCs in one session: what comes under the one does not under the other */
TEST_F(reinstall, for_two_ssrcs)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, install(scene, key, 0));
	OPENS_AS(SSRC, 5);
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, key, &bound));
	REPLAY_AS(OTHER, 5);
	OPENS_AS(OTHER, 4);
	REPLAY_AS(SSRC, 4);
	OPENS_AS(OTHER, 9);
	REPLAY_AS(SSRC, 9);
	EXPECT_EQ(10, shown_ctr(scene, key));
	OPENS_AS(SSRC, 8);
	REPLAY_AS(OTHER, 8);
	/* whichever of them goes first, the other one goes on */
	ASSERT_EQ(0, delete(scene, key));
	EXPECT_STREQ("rx_ssrc+1", comes_as(scene, key, 10, SSRC));
	REPLAY_AS(OTHER, 9);
	OPENS_AS(OTHER, 7);
	OPENS_AS(OTHER, 10);
	/* and what was deleted begins above all that it delivered */
	ASSERT_EQ(0, install(scene, key, 0));
	REPLAY_AS(SSRC, 6);
	REPLAY_AS(SSRC, 10);
	OPENS_AS(SSRC, 12);
	OPENS_AS(OTHER, 6);
	ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session, &bound));
	OPENS_AS(OTHER, 11);
	REPLAY_AS(SSRC, 11);
	/* the last one says how far both came */
	ASSERT_EQ(0, again(scene, key));
	REPLAY_AS(SSRC, 12);
	REPLAY_AS(SSRC, 2);
	OPENS_AS(SSRC, 13);
}

/* A key that opened nothing leaves its siblings' CTR alone when it goes. */
TEST_F(reinstall, for_an_ssrc_that_sent_nothing)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, install(scene, key, 0));
	OPENS_AS(SSRC, 9);
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, key, &bound));
	ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session, &bound));
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, key, &bound));
	REPLAY_AS(OTHER, 9);
	OPENS_AS(OTHER, 8);
	REPLAY_AS(SSRC, 8);
	/* what opened something says how far all of them came */
	ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session, &bound));
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, key, &bound));
	REPLAY_AS(OTHER, 7);
	OPENS_AS(SSRC, 7);
	OPENS_AS(OTHER, 10);
}

/* For two SSRCs, at a socket that is opened when that of the first key is closed */
TEST_F(reinstall, for_two_ssrcs_after_a_socket)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, install(scene, key, 0));
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, key, &bound));
	OPENS_AS(SSRC, 5);
	ASSERT_EQ(0, delete(scene, key));
	close(scene->fd);
	ASSERT_TRUE(objects_come_to("window", 0));
	scene->fd = sock_udp(SOCK_V4, 0, &scene->addr);
	ASSERT_LE(0, scene->fd);
	ASSERT_EQ(0, ctl_attach(&scene->ctl, scene->session, scene->fd, NULL));
	ASSERT_EQ(0, sock_connect(scene->peer, &scene->addr));
	ASSERT_EQ(0, ctl_socket_stats(&scene->ctl, scene->fd,
				      scene->socket_before));
	REPLAY_AS(OTHER, 5);
	REPLAY_AS(OTHER, 4);
	OPENS_AS(OTHER, 6);
}

/* ctr says where a key begins that the module does not know, and only raises. */
TEST_F(reinstall, with_a_counter)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, install(scene, key, 100));
	EXPECT_EQ(100, shown_ctr(scene, key));
	REPLAY(scene, key, 99);
	REPLAY(scene, key, 0);
	/* it has authenticated nothing: nothing is remembered */
	ASSERT_EQ(0, again(scene, key));
	OPENS(scene, key, 0);
	ASSERT_EQ(0, delete(scene, key));
	ASSERT_EQ(0, install(scene, key, 100));
	REPLAY(scene, key, 99);
	OPENS(scene, key, 160);
	OPENS(scene, key, 100);
	REPLAY(scene, key, 99);
	ASSERT_EQ(0, delete(scene, key));
	ASSERT_EQ(0, install(scene, key, 50));
	REPLAY(scene, key, 160);
	OPENS(scene, key, 161);
	ASSERT_EQ(0, delete(scene, key));
	ASSERT_EQ(0, install(scene, key, UINT64_MAX));
	REPLAY(scene, key, UINT64_MAX - 1);
}

#define AHEAD	.has_ctr = true, .ctr = 1000

/* All or none: what is rolled back neither raises nor forgets anything. */
TEST_F(reinstall, with_a_refused_request)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;
	struct sframe_key fresh;
	struct nl_msg *msg;
	struct nl nl;

	sframe_key_random(&fresh, 5, KID + 1);
	BEGINS(scene, key);
	ASSERT_EQ(0, delete(scene, key));
	ASSERT_EQ(0, nl_open(&nl));
	for (int i = 0; i < 3; i++) {
		msg = nl_session(&nl, E2EE_CMD_KEY_NEW, scene->session, NULL);
		ask_put(msg, &(struct ask){ RX, .key = key, AHEAD }, true);
		ask_put(msg, &(struct ask){ RX, .key = &fresh, AHEAD }, true);
		ask_put(msg, &(struct ask){ RX, .key = &fresh, AHEAD }, true);
		EXPECT_STREQ("", nl_refused(&nl, msg, EEXIST, SAME_ID));
	}
	nl_close(&nl);
	ASSERT_EQ(0, install(scene, key, 0));
	ASSERT_EQ(0, install(scene, &fresh, 0));
	EXPECT_EQ(6, shown_ctr(scene, key));
	EXPECT_EQ(0, shown_ctr(scene, &fresh));
	REPLAY(scene, key, 5);
	OPENS(scene, key, 6);
	OPENS(scene, &fresh, 0);
}

/* The same, while another key receives with the same secret */
TEST_F(reinstall, with_a_refused_request_for_another_ssrc)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;
	struct nl_msg *msg;
	struct nl nl;

	ASSERT_EQ(0, install(scene, key, 0));
	OPENS_AS(SSRC, 9);
	ASSERT_EQ(0, nl_open(&nl));
	msg = nl_session(&nl, E2EE_CMD_KEY_NEW, scene->session, NULL);
	ask_put(msg, &(struct ask){ RX, .key = key, .ssrc = OTHER }, true);
	ask_put(msg, &(struct ask){ RX, .key = key }, true);
	EXPECT_STREQ("", nl_refused(&nl, msg, EEXIST, SAME_ID));
	nl_close(&nl);
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, key, &bound));
	REPLAY_AS(OTHER, 9);
	OPENS_AS(OTHER, 8);
	REPLAY_AS(SSRC, 8);
}

/* Changing a key is no way to open its window again. */
TEST_F(reinstall, not_by_a_change)
{
	const uint32_t rtx_ssrc = SSRC + 1;
	struct ctl_key bound = {
		.dir = E2EE_DIR_RX, .kid = KID, .mode = E2EE_SSRC_NUMBER,
		.ssrc = SSRC,
	};
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, key, &bound));
	OPENS(scene, key, 5);
	bound.rtx_ssrc = &rtx_ssrc;
	ASSERT_EQ(0, ctl_key_set(&scene->ctl, scene->session, &bound));
	REPLAY(scene, key, 5);
	OPENS(scene, key, 4);
}

TEST_HARNESS_MAIN
