// SPDX-License-Identifier: GPL-2.0
/*
 * The keys of a request are installed together, while packets go on.
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "lib/ask.h"
#include "lib/harness.h"

#define REQUEST	500	/* keys, so many that it takes a while */

FIXTURE(request)
{
	struct scene scene;
	struct nl nl;
	pthread_t thread;
	atomic_bool stop;
	struct sframe_key keys[REQUEST];
};

/* How the first key is for SSRC 1, and whether another key serves that, too */
FIXTURE_VARIANT(request)
{
	uint32_t mode;
	bool served;
};

FIXTURE_VARIANT_ADD(request, own) { .mode = E2EE_SSRC_NUMBER };
FIXTURE_VARIANT_ADD(request, claim) { .mode = E2EE_SSRC_CLAIM };
FIXTURE_VARIANT_ADD(request, any) { .mode = E2EE_SSRC_ANY };
FIXTURE_VARIANT_ADD(request, own_before_any)
{
	.mode = E2EE_SSRC_NUMBER, .served = true,
};

/* Sends packets of SSRC 1 until it is told to stop */
static void *send_on(void *arg)
{
	FIXTURE_DATA(request) *self = arg;
	uint8_t clear[200];

	rtp_plain(clear, sizeof(clear), 1, 1);
	while (!atomic_load(&self->stop))
		sock_send(self->scene.fd, clear, sizeof(clear), NULL);
	return NULL;
}

FIXTURE_SETUP(request)
{
	struct sframe_key any;

	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	ASSERT_EQ(0, nl_open(&self->nl));
	for (unsigned int i = 0; i < REQUEST; i++)
		sframe_key_random(&self->keys[i], 5, i);
	if (variant->served) {
		sframe_key_random(&any, 5, REQUEST);
		ADDED(self->scene.session, TX, .key = &any,
		      .mode = E2EE_SSRC_ANY);
	}
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, send_on, self));
}

FIXTURE_TEARDOWN(request)
{
	nl_close(&self->nl);
	scene_close(&self->scene);
}

/* All keys, and where it is to be refused the second one once more */
static struct nl_msg *request(const struct nl *nl, uint32_t session,
			      const struct sframe_key *keys, uint32_t mode,
			      bool refused)
{
	struct nl_msg *msg = nl_session(nl, E2EE_CMD_KEY_NEW, session, NULL);
	struct ask ask = { TX, .key = &keys[0], .mode = mode };

	ask.ssrc = mode == E2EE_SSRC_NUMBER;
	ask_put(msg, &ask, true);
	for (uint32_t i = 1; i < REQUEST; i++)
		ask_put(msg, &(struct ask){ TX, .key = &keys[i],
					    .ssrc = 1 + i }, true);
	if (refused)
		ask_put(msg, &(struct ask){ TX, .key = &keys[1],
					    .ssrc = REQUEST + 1 }, true);
	return msg;
}

/*
 * The keys of a request begin to send once all of them are in. Where one is refused,
 * the others have not sent, and the request can be repeated.
 */
TEST_F(request, sends_once_it_is_whole)
{
	unsigned int served = variant->served ? E2EE_A_STAT_TX_OK :
						E2EE_A_STAT_TX_NO_KEY;
	unsigned int wrong = variant->served ? E2EE_A_STAT_TX_NO_KEY :
					       E2EE_A_STAT_TX_OK;
	uint64_t before[CTL_STATS], after[CTL_STATS];
	struct scene *scene = &self->scene;
	int64_t end = now_ms() + SOCK_WAIT;
	struct nl *nl = &self->nl;
	uint8_t wire[300];

	do {
		ASSERT_EQ(0, ctl_session_stats(&scene->ctl, scene->session,
					       before));
		ASSERT_GT(end, now_ms());
	} while (!before[served]);
	EXPECT_STREQ("", nl_refused(nl, request(nl, scene->session, self->keys,
						variant->mode, true),
				    EEXIST, IN_USE));
	ASSERT_EQ(0, ctl_session_stats(&scene->ctl, scene->session, after));
	atomic_store(&self->stop, true);
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	/* else this test shows nothing */
	ASSERT_LT(before[served] + 10, after[served]);
	EXPECT_EQ(before[wrong], after[wrong]);

	EXPECT_STREQ("", nl_refused(nl, request(nl, scene->session, self->keys,
						variant->mode, false), 0, ""));
	while (sock_recv_now(scene->peer, wire, sizeof(wire)) >= 0)
		;
	EXPECT_STREQ("", ask_sends(scene, 1, &self->keys[0], 0));
}

TEST_HARNESS_MAIN
