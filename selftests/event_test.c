// SPDX-License-Identifier: GPL-2.0
/*
 * Events: what is told of, to whom, and how often.
 */
#include <errno.h>

#include "lib/harness.h"
#include "lib/netlink.h"
#include "lib/scene.h"

FIXTURE(event)
{
	struct scene scene;
	struct nl ear;
	struct sframe_key rx;
};

FIXTURE_SETUP(event)
{
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, scene_open(scene, SOCK_V4, NULL));
	sframe_key_random(&self->rx, 5, 8);
	ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, &self->rx, NULL));
	ASSERT_EQ(0, nl_open(&self->ear));
	ASSERT_EQ(0, nl_listen(&self->ear));
}

FIXTURE_TEARDOWN(event)
{
	nl_close(&self->ear);
	scene_close(&self->scene);
}

/* The next event of this type. Its nest, in @buf, or NULL. */
static const struct nlattr *event(struct nl *nl, uint32_t type, uint8_t *buf,
				  size_t room)
{
	const struct nlattr *nest;

	while (!nl_event(nl, SOCK_WAIT, buf, room)) {
		nest = nl_attr((void *)buf, E2EE_A_EVENT);
		if (nl_get_u32(nl_inner(nest, E2EE_A_EVENT_TYPE)) == type)
			return nest;
	}
	return NULL;
}

TEST_F(event, changes)
{
	struct scene *scene = &self->scene;
	struct ctl *ctl = &scene->ctl;
	const struct nlattr *nest;
	uint8_t buf[8192];
	struct nl *ear = &self->ear;
	uint64_t socket;
	uint32_t id;
	int fd = sock_udp(SOCK_V4, 0, NULL);

	ASSERT_EQ(0, ctl_session_new(ctl, "heard", NULL, &id));
	nest = event(ear, E2EE_EVENT_SESSION_NEW, buf, sizeof(buf));
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(id, nl_get_u32(nl_inner(nest, E2EE_A_EVENT_SESSION)));
	EXPECT_STREQ("heard", nl_data(nl_inner(nest, E2EE_A_EVENT_NAME)));
	ASSERT_EQ(0, ctl_session_epoch(ctl, id, 9, false));
	nest = event(ear, E2EE_EVENT_SESSION_SET, buf, sizeof(buf));
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(id, nl_get_u32(nl_inner(nest, E2EE_A_EVENT_SESSION)));
	EXPECT_EQ(9, nl_get_u32(nl_inner(nest, E2EE_A_EVENT_EPOCH)));
	ASSERT_EQ(0, ctl_attach(ctl, id, fd, &socket));
	nest = event(ear, E2EE_EVENT_ATTACHED, buf, sizeof(buf));
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(id, nl_get_u32(nl_inner(nest, E2EE_A_EVENT_SESSION)));
	EXPECT_EQ(socket, nl_get_u64(nl_inner(nest, E2EE_A_EVENT_SOCKET)));
	ASSERT_EQ(0, ctl_detach(ctl, socket, true));
	nest = event(ear, E2EE_EVENT_DETACHED, buf, sizeof(buf));
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(socket, nl_get_u64(nl_inner(nest, E2EE_A_EVENT_SOCKET)));
	ASSERT_EQ(0, ctl_attach(ctl, id, fd, NULL));
	close(fd);
	nest = event(ear, E2EE_EVENT_DETACHED, buf, sizeof(buf));
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(socket, nl_get_u64(nl_inner(nest, E2EE_A_EVENT_SOCKET)));
	ASSERT_EQ(0, ctl_session_del(ctl, id));
	nest = event(ear, E2EE_EVENT_SESSION_DEL, buf, sizeof(buf));
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(id, nl_get_u32(nl_inner(nest, E2EE_A_EVENT_SESSION)));
	EXPECT_STREQ("heard", nl_data(nl_inner(nest, E2EE_A_EVENT_NAME)));
}

#define FLOOD	200

/*
 * Packets without a key, faster than the bucket fills: few events, and the
 * next one that is sent counts the others.
 */
TEST_F(event, limited)
{
	struct scene *scene = &self->scene;
	const struct nlattr *nest;
	uint8_t packet[100], buf[8192];
	unsigned int heard = 0, lost = 0;
	struct nl *ear = &self->ear;
	int64_t start, took;

	start = now_ms();
	for (uint16_t i = 0; i < FLOOD; i++) {
		rtp_plain(packet, sizeof(packet), 0xa0000000 + i, i);
		ASSERT_EQ(100, sock_send(scene->fd, packet, 100, NULL));
	}
	took = now_ms() - start;
	ASSERT_EQ(0, ctl_session_policy(&scene->ctl, scene->session,
					E2EE_POLICY_REQUIRED));
	for (;;) {
		ASSERT_EQ(0, nl_event(ear, SOCK_WAIT, buf, sizeof(buf)));
		nest = nl_attr((void *)buf, E2EE_A_EVENT);
		lost += nl_get_u32(nl_inner(nest, E2EE_A_EVENT_LOST));
		if (nl_get_u32(nl_inner(nest, E2EE_A_EVENT_TYPE)) ==
		    E2EE_EVENT_SESSION_SET)
			break;
		ASSERT_EQ(E2EE_EVENT_KEY_MISSING,
			  nl_get_u32(nl_inner(nest, E2EE_A_EVENT_TYPE)));
		EXPECT_EQ(scene->session,
			  nl_get_u32(nl_inner(nest, E2EE_A_EVENT_SESSION)));
		EXPECT_EQ(E2EE_DIR_TX,
			  nl_get_u32(nl_inner(nest, E2EE_A_EVENT_DIR)));
		EXPECT_EQ(0xa0000000, 0xffffff00 &
			  nl_get_u32(nl_inner(nest, E2EE_A_EVENT_SSRC)));
		heard++;
	}
	EXPECT_LE(16, heard);
	EXPECT_GE(16 + 16 * (took + 1000) / 1000, heard);
	EXPECT_EQ(FLOOD, heard + lost);
}

/* Sixteen wrong tags in a moment are told of, once; fifteen are not. */
TEST_F(event, auth_burst)
{
	struct scene *scene = &self->scene;
	const struct nlattr *nest;
	uint8_t packet[RTP_ROOM], payload[100], buf[8192];
	struct rtp rtp = { .pt = 96, .ssrc = 5, .payload = payload,
			   .len = sizeof(payload) };
	struct nl *ear = &self->ear;
	size_t len;

	rtp_fill(payload, sizeof(payload), 1);
	for (uint16_t i = 0; i < 31; i++) {
		rtp.seq = i;
		len = rtp_seal(packet, &rtp, &self->rx, i);
		packet[len - 1] ^= 1;
		ASSERT_EQ((int)len, sock_send(scene->peer, packet, len, NULL));
	}
	ASSERT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1 rx_auth_fail+31", scene_changes(scene));
	ASSERT_EQ(0, ctl_session_policy(&scene->ctl, scene->session,
					E2EE_POLICY_REQUIRED));
	ASSERT_EQ(0, nl_event(ear, SOCK_WAIT, buf, sizeof(buf)));
	nest = nl_attr((void *)buf, E2EE_A_EVENT);
	EXPECT_EQ(E2EE_EVENT_AUTH_BURST,
		  nl_get_u32(nl_inner(nest, E2EE_A_EVENT_TYPE)));
	EXPECT_EQ(16, nl_get_u64(nl_inner(nest, E2EE_A_EVENT_COUNT)));
	EXPECT_EQ(self->rx.kid, nl_get_u64(nl_inner(nest, E2EE_A_EVENT_KID)));
	EXPECT_EQ(E2EE_DIR_RX, nl_get_u32(nl_inner(nest, E2EE_A_EVENT_DIR)));
	ASSERT_EQ(0, nl_event(ear, SOCK_WAIT, buf, sizeof(buf)));
	nest = nl_attr((void *)buf, E2EE_A_EVENT);
	EXPECT_EQ(E2EE_EVENT_SESSION_SET,
		  nl_get_u32(nl_inner(nest, E2EE_A_EVENT_TYPE)));
}

TEST_HARNESS_MAIN
