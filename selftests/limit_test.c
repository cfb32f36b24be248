// SPDX-License-Identifier: GPL-2.0
/*
 * How a key ends: at its limits, at the end of its counter and of its lifetime.
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 */
#include <errno.h>

#include "lib/ask.h"
#include "lib/harness.h"

FIXTURE(limit)
{
	struct scene scene;
	struct nl nl;
};

FIXTURE_SETUP(limit)
{
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	ASSERT_EQ(0, nl_open(&self->nl));
}

FIXTURE_TEARDOWN(limit)
{
	nl_close(&self->nl);
	scene_close(&self->scene);
}

/* The next event of @type; NULL if another comes before it. */
static const struct nlattr *event(struct nl *ear, uint32_t type)
{
	static uint8_t buf[8192];
	const struct nlattr *nest;

	if (nl_event(ear, SOCK_WAIT, buf, sizeof(buf)))
		return NULL;
	nest = nl_attr((void *)buf, E2EE_A_EVENT);
	return nl_get_u32(nl_inner(nest, E2EE_A_EVENT_TYPE)) == type ? nest :
								       NULL;
}

/* What was heard is all: a change of the session comes next. */
static bool silence(struct scene *scene, struct nl *ear)
{
	return !ctl_session_flags(&scene->ctl, scene->session, 0) &&
	       event(ear, E2EE_EVENT_SESSION_SET);
}

TEST_F(limit, soft_limit)
{
	uint32_t session = self->scene.session;
	struct scene *scene = &self->scene;
	const struct nlattr *nest;
	struct sframe_key key;
	struct nl ear;

	sframe_key_random(&key, 5, 6);
	ASSERT_EQ(0, nl_open(&ear));
	ASSERT_EQ(0, nl_listen(&ear));
	ADDED(session, TX, .key = &key, .ssrc = 1, .has_soft = true,
	      .soft = 5);
	for (uint64_t ctr = 0; ctr < 5; ctr++)
		EXPECT_STREQ("", ask_sends(scene, 1, &key, ctr));
	EXPECT_TRUE(silence(scene, &ear));
	for (uint64_t ctr = 5; ctr < 10; ctr++)
		EXPECT_STREQ("", ask_sends(scene, 1, &key, ctr));
	nest = event(&ear, E2EE_EVENT_KEY_EXPIRING);
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(session, nl_get_u32(nl_inner(nest, E2EE_A_EVENT_SESSION)));
	EXPECT_EQ(E2EE_DIR_TX, nl_get_u32(nl_inner(nest, E2EE_A_EVENT_DIR)));
	EXPECT_EQ(6, nl_get_u64(nl_inner(nest, E2EE_A_EVENT_KID)));
	EXPECT_EQ(1, nl_get_u32(nl_inner(nest, E2EE_A_EVENT_SSRC)));
	EXPECT_TRUE(silence(scene, &ear));
	/* set anew ahead of the counter, it is told of anew */
	CHANGED(session, TX, .key = &key, .ssrc = 1, .has_soft = true,
		.soft = 11);
	EXPECT_STREQ("", ask_sends(scene, 1, &key, 10));
	EXPECT_TRUE(silence(scene, &ear));
	EXPECT_STREQ("", ask_sends(scene, 1, &key, 11));
	EXPECT_NE(NULL, event(&ear, E2EE_EVENT_KEY_EXPIRING));
	nl_close(&ear);
}

TEST_F(limit, hard_limit)
{
	uint32_t session = self->scene.session;
	struct scene *scene = &self->scene;
	const struct nlattr *nest;
	struct sframe_key key;
	struct nl ear;

	sframe_key_random(&key, 5, 6);
	ASSERT_EQ(0, nl_open(&ear));
	ASSERT_EQ(0, nl_listen(&ear));
	ADDED(session, TX, .key = &key, .ssrc = 1, .has_ctr = true, .ctr = 97,
	      .has_limit = true, .limit = 100);
	for (uint64_t ctr = 97; ctr < 100; ctr++)
		EXPECT_STREQ("", ask_sends(scene, 1, &key, ctr));
	EXPECT_TRUE(silence(scene, &ear));
	for (int i = 0; i < 3; i++)
		EXPECT_STREQ("tx_key_expired+1", ask_swallows(scene, 1));
	nest = event(&ear, E2EE_EVENT_KEY_EXPIRED);
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(6, nl_get_u64(nl_inner(nest, E2EE_A_EVENT_KID)));
	EXPECT_TRUE(silence(scene, &ear));
	nest = SHOWN(session, TX, .key = &key, .ssrc = 1);
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(100, nl_get_u64(nl_inner(nest, E2EE_A_KEY_CTR)));
	EXPECT_EQ(3, nl_get_u64(nl_inner(nest, E2EE_A_KEY_PACKETS)));
	EXPECT_NE(NULL, nl_inner(nest, E2EE_A_KEY_EXPIRED));
	/* the one for any does not step in: the stream has its key */
	CHANGED(session, TX, .key = &key, .ssrc = 1, .has_limit = true,
		.limit = 101);
	EXPECT_STREQ("", ask_sends(scene, 1, &key, 100));
	EXPECT_STREQ("tx_key_expired+1", ask_swallows(scene, 1));
	/* lowered below what was sent, it stops at once */
	CHANGED(session, TX, .key = &key, .ssrc = 1, .has_limit = true,
		.limit = 1000);
	EXPECT_STREQ("", ask_sends(scene, 1, &key, 101));
	CHANGED(session, TX, .key = &key, .ssrc = 1, .has_limit = true,
		.limit = 10, .has_soft = true, .soft = 10);
	EXPECT_STREQ("tx_key_expired+1", ask_swallows(scene, 1));
	EXPECT_EQ(102, CTR(session, TX, .key = &key, .ssrc = 1));
	nl_close(&ear);
}

/* At the end of the counter's range it stops: no nonce wraps or returns. */
TEST_F(limit, counter_end)
{
	const uint64_t end = UINT64_MAX - 1;	/* the highest limit there is */
	uint32_t session = self->scene.session;
	struct scene *scene = &self->scene;
	struct sframe_key key;

	sframe_key_random(&key, 5, 6);
	ADDED(session, TX, .key = &key, .mode = E2EE_SSRC_ANY, .has_ctr = true,
	      .ctr = end - 2, .has_limit = true, .limit = end,
	      .has_soft = true, .soft = end);
	EXPECT_STREQ("", ask_sends(scene, 1, &key, end - 2));
	EXPECT_STREQ("", ask_sends(scene, 2, &key, end - 1));
	for (uint32_t i = 0; i < 5; i++)
		EXPECT_STREQ("tx_key_expired+1", ask_swallows(scene, i));
	EXPECT_EQ(end, CTR(session, TX, .key = &key, .mode = E2EE_SSRC_ANY));
	DELETED(session, TX, .key = &key, .mode = E2EE_SSRC_ANY);
	REFUSED(session, EKEYREJECTED, LOW_CTR, TX, .key = &key,
		.mode = E2EE_SSRC_ANY, .has_ctr = true, .ctr = 0);
	REFUSED(session, ERANGE, "start counter lies at or above the limit",
		TX, .key = &key, .mode = E2EE_SSRC_ANY, .has_ctr = true,
		.ctr = end, .has_limit = true, .limit = end);
}

static bool expired(struct nl *nl, uint32_t session, const struct ask *key)
{
	return nl_inner(ask_shown(nl, session, key), E2EE_A_KEY_EXPIRED);
}

/* Lifetime, either direction: in time it works, later it does not. */
TEST_F(limit, lifetime)
{
	uint32_t session = self->scene.session;
	struct scene *scene = &self->scene;
	uint8_t packet[RTP_ROOM], payload[50];
	struct rtp rtp = { .pt = 96, .ssrc = 3, .payload = payload,
			   .len = sizeof(payload) };
	struct sframe_key tx, rx;
	struct ask ask_tx = { TX, .key = &tx, .ssrc = 1 };
	struct ask ask_rx = { RX, .key = &rx };
	int64_t start;
	size_t len;
	struct nl ear;

	rtp_fill(payload, sizeof(payload), 1);
	sframe_key_random(&tx, 5, 6);
	sframe_key_random(&rx, 5, 7);
	start = now_ms();
	ADDED(session, TX, .key = &tx, .ssrc = 1, .has_expires = true,
	      .expires = 5);
	ADDED(session, RX, .key = &rx, .has_expires = true, .expires = 5);
	EXPECT_STREQ("", ask_sends(scene, 1, &tx, 0));
	len = rtp_seal(packet, &rtp, &rx, 0);
	EXPECT_EQ((int)len, sock_send(scene->peer, packet, len, NULL));
	EXPECT_EQ(1, scene_flush(scene->peer, scene->fd));
	while (!expired(&self->nl, session, &ask_tx) ||
	       !expired(&self->nl, session, &ask_rx))
		ASSERT_GT(start + 9000, now_ms());
	EXPECT_LE(start + 3900, now_ms());
	ASSERT_EQ(0, nl_open(&ear));
	ASSERT_EQ(0, nl_listen(&ear));
	EXPECT_STREQ("tx_key_expired+1", ask_swallows(scene, 1));
	EXPECT_STREQ("tx_key_expired+1", ask_swallows(scene, 1));
	EXPECT_NE(NULL, event(&ear, E2EE_EVENT_KEY_EXPIRED));
	EXPECT_TRUE(silence(scene, &ear));
	scene_changes(scene);
	rtp.seq = 1;
	len = rtp_seal(packet, &rtp, &rx, 1);
	EXPECT_EQ((int)len, sock_send(scene->peer, packet, len, NULL));
	EXPECT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1 rx_key_expired+1", scene_changes(scene));
	/* a longer life brings both back, with the counter as it was */
	CHANGED(session, TX, .key = &tx, .ssrc = 1, .has_expires = true);
	CHANGED(session, RX, .key = &rx, .has_expires = true, .expires = 100);
	EXPECT_FALSE(expired(&self->nl, session, &ask_tx));
	EXPECT_STREQ("", ask_sends(scene, 1, &tx, 1));
	EXPECT_EQ((int)len, sock_send(scene->peer, packet, len, NULL));
	EXPECT_EQ(1, scene_flush(scene->peer, scene->fd));
	EXPECT_EQ(2, CTR(session, RX, .key = &rx));
	nl_close(&ear);
}

TEST_HARNESS_MAIN
