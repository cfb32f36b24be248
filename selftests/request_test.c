// SPDX-License-Identifier: GPL-2.0
/*
 * The keys of a request are installed together, while packets go on.
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/ask.h"
#include "lib/harness.h"

#define REQUEST	500	/* keys, so many that it takes a while */

FIXTURE(request)
{
	struct scene scene;
	struct nl nl;
	pthread_t thread;
	atomic_bool stop;
	uint32_t dir;
	struct sframe_key keys[REQUEST];
};

/*
 * How the first key is for SSRC 1, and what is counted for packets of that SSRC while
 * the key is not there
 */
FIXTURE_VARIANT(request)
{
	uint32_t dir;
	uint32_t mode;
	unsigned int counted;
};

FIXTURE_VARIANT_ADD(request, own)
{
	TX, .mode = E2EE_SSRC_NUMBER, .counted = E2EE_A_STAT_TX_NO_KEY,
};

FIXTURE_VARIANT_ADD(request, claim)
{
	TX, .mode = E2EE_SSRC_CLAIM, .counted = E2EE_A_STAT_TX_NO_KEY,
};

FIXTURE_VARIANT_ADD(request, any)
{
	TX, .mode = E2EE_SSRC_ANY, .counted = E2EE_A_STAT_TX_NO_KEY,
};

/* the key for any serves the SSRC, too */
FIXTURE_VARIANT_ADD(request, own_before_any)
{
	TX, .mode = E2EE_SSRC_NUMBER, .counted = E2EE_A_STAT_TX_OK,
};

FIXTURE_VARIANT_ADD(request, bound)
{
	RX, .mode = E2EE_SSRC_NUMBER, .counted = E2EE_A_STAT_RX_NO_KEY,
};

FIXTURE_VARIANT_ADD(request, bound_to_none)
{
	RX, .mode = E2EE_SSRC_ANY, .counted = E2EE_A_STAT_RX_NO_KEY,
};

/* A packet of SSRC 1 as it comes in. Returns its length. */
static size_t sealed(uint8_t wire[300], const struct sframe_key *key,
		     uint64_t ctr)
{
	uint8_t payload[80];
	struct rtp rtp = {
		.pt = 96, .seq = (uint16_t)ctr, .ssrc = 1, .payload = payload,
		.len = sizeof(payload),
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	return rtp_seal(wire, &rtp, key, ctr);
}

#define LATE	100	/* CTRs of packets that come after the keys are in */

/* Sends packets of SSRC 1, or has them come in, until it is told to stop */
static void *send_on(void *arg)
{
	FIXTURE_DATA(request) *self = arg;
	uint8_t clear[200], wire[300];
	uint64_t ctr = LATE;
	size_t len;

	rtp_plain(clear, sizeof(clear), 1, 1);
	while (!atomic_load(&self->stop)) {
		if (self->dir == E2EE_DIR_TX) {
			sock_send(self->scene.fd, clear, sizeof(clear), NULL);
			continue;
		}
		len = sealed(wire, &self->keys[0], ctr++);
		sock_send(self->scene.peer, wire, len, NULL);
	}
	return NULL;
}

FIXTURE_SETUP(request)
{
	uint32_t session;
	struct sframe_key other;

	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	ASSERT_EQ(0, nl_open(&self->nl));
	session = self->scene.session;
	self->dir = variant->dir;
	for (unsigned int i = 0; i < REQUEST; i++)
		sframe_key_random(&self->keys[i], 5, i);
	sframe_key_random(&other, 5, REQUEST);
	if (variant->counted == E2EE_A_STAT_TX_OK)
		ADDED(session, TX, .key = &other, .mode = E2EE_SSRC_ANY);
	if (variant->dir == E2EE_DIR_RX)
		ADDED(session, RX, .key = &other, .ssrc = REQUEST + 2);
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, send_on, self));
}

FIXTURE_TEARDOWN(request)
{
	nl_close(&self->nl);
	scene_close(&self->scene);
}

/*
 * All keys, of which the first is for SSRC 1. Where it is to be refused, the second one
 * comes once more: as a sending key it is in use, as a receiving one it is there.
 */
static struct nl_msg *request(const struct nl *nl, uint32_t session,
			      const struct sframe_key *keys, uint32_t dir,
			      uint32_t mode, bool refused)
{
	struct nl_msg *msg = nl_session(nl, E2EE_CMD_KEY_NEW, session, NULL);
	struct ask ask = { .dir = dir, .mode = mode };

	for (uint32_t i = 0; i < REQUEST; i++) {
		ask.key = &keys[i];
		ask.ssrc = ask.mode == E2EE_SSRC_NUMBER ? 1 + i : 0;
		ask_put(msg, &ask, true);
		ask.mode = E2EE_SSRC_NUMBER;
	}
	ask.key = &keys[1];
	ask.ssrc = dir == E2EE_DIR_TX ? REQUEST + 1 : 2;
	if (refused)
		ask_put(msg, &ask, true);
	return msg;
}

/* "" if a packet that was sealed with this key is delivered */
static const char *comes(struct scene *scene, const struct sframe_key *key,
			 uint64_t ctr)
{
	uint8_t wire[300], got[300];
	size_t len = sealed(wire, key, ctr);

	if (sock_send(scene->peer, wire, len, NULL) != (int)len)
		return "not sent";
	return sock_recv_now(scene->fd, got, sizeof(got)) < 0 ?
	       "not delivered" : "";
}

/*
 * The keys of a request begin to act once all of them are in. Where one is refused,
 * the others have neither sent nor received, and the request can be repeated.
 */
TEST_F(request, acts_once_it_is_whole)
{
	const char *words = variant->dir == E2EE_DIR_TX ? IN_USE : SAME_ID;
	uint64_t before[CTL_STATS], after[CTL_STATS];
	unsigned int counted = variant->counted;
	struct scene *scene = &self->scene;
	int64_t end = now_ms() + SOCK_WAIT;
	struct nl *nl = &self->nl;
	uint8_t wire[300];

	do {
		ASSERT_EQ(0, ctl_session_stats(&scene->ctl, scene->session,
					       before));
		ASSERT_GT(end, now_ms());
	} while (!before[counted]);
	EXPECT_STREQ("", nl_refused(nl, request(nl, scene->session, self->keys,
						variant->dir, variant->mode,
						true), EEXIST, words));
	ASSERT_EQ(0, ctl_session_stats(&scene->ctl, scene->session, after));
	atomic_store(&self->stop, true);
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	/* else this test shows nothing */
	ASSERT_LT(before[counted] + 10, after[counted]);
	before[counted] = after[counted];
	EXPECT_STREQ("", stats_changes(before, after));

	EXPECT_STREQ("", nl_refused(nl, request(nl, scene->session, self->keys,
						variant->dir, variant->mode,
						false), 0, ""));
	while (sock_recv_now(scene->peer, wire, sizeof(wire)) >= 0)
		;
	/* nothing is remembered of what was refused */
	EXPECT_STREQ("", variant->dir == E2EE_DIR_TX ?
			 ask_sends(scene, 1, &self->keys[0], 0) :
			 comes(scene, &self->keys[0], 0));
}

FIXTURE(optional)
{
	struct scene scene;
	struct nl nl;
	pthread_t thread;
	atomic_bool begun, over;
	int delay;		/* us after the request began */
	bool within;
	struct sframe_key keys[REQUEST], claim;
};

FIXTURE_SETUP(optional)
{
	const struct ctl_session options = { .policy = E2EE_POLICY_OPTIONAL };

	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, &options));
	ASSERT_EQ(0, nl_open(&self->nl));
}

FIXTURE_TEARDOWN(optional)
{
	nl_close(&self->nl);
	scene_close(&self->scene);
}

static void *send_once(void *arg)
{
	FIXTURE_DATA(optional) *self = arg;
	uint8_t clear[200];

	rtp_plain(clear, sizeof(clear), 1, 1);
	while (!atomic_load(&self->begun))
		sched_yield();
	usleep(self->delay);
	sock_send(self->scene.fd, clear, sizeof(clear), NULL);
	self->within = !atomic_load(&self->over);
	return NULL;
}

/* A packet of SSRC 1 while keys come in, one of them for SSRC 1; what was said */
static const char *send_meanwhile(FIXTURE_DATA(optional) *self)
{
	const struct ask claim = {
		TX, .key = &self->claim, .mode = E2EE_SSRC_CLAIM,
	};
	uint32_t session = self->scene.session;
	static const char *said;
	struct nl_msg *msg;

	sframe_key_random(&self->claim, 5, REQUEST);
	for (unsigned int i = 0; i < REQUEST; i++)
		sframe_key_random(&self->keys[i], 5, i);
	said = ask(&self->nl, E2EE_CMD_KEY_NEW, session, &claim, 0, "");
	if (*said)
		return said;
	msg = request(&self->nl, session, self->keys, E2EE_DIR_TX,
		      E2EE_SSRC_NUMBER, true);
	atomic_store(&self->begun, false);
	atomic_store(&self->over, false);
	if (pthread_create(&self->thread, NULL, send_once, self))
		return "no thread";
	atomic_store(&self->begun, true);
	said = nl_refused(&self->nl, msg, EEXIST, IN_USE);
	atomic_store(&self->over, true);
	pthread_join(self->thread, NULL);
	return said;
}

/*
 * A key that waits for the rest of its request takes no other key away from its SSRC:
 * what a claim would have sealed does not leave in clear.
 */
TEST_F(optional, claim_seals_meanwhile)
{
	const struct ask claim = {
		TX, .key = &self->claim, .mode = E2EE_SSRC_CLAIM,
	};
	struct scene *scene = &self->scene;
	int64_t end = now_ms() + SOCK_WAIT;
	uint8_t wire[300], opened[300];
	const struct nlattr *nest;
	uint64_t ctr;
	int len;

	for (self->delay = 1000; ; self->delay = self->delay % 30000 + 3000) {
		const char *said = send_meanwhile(self);

		nest = ask_shown(&self->nl, scene->session, &claim);
		ASSERT_NE(NULL, nest);
		len = sock_recv(scene->peer, wire, sizeof(wire));
		ASSERT_LT(0, len);
		/* neither before the request nor after it, when it takes the claim */
		if (!*said && self->within && !nl_inner(nest, E2EE_A_KEY_SSRC))
			break;
		ASSERT_GT(end, now_ms());
		DELETED(scene->session, TX, .key = &self->claim,
			.mode = E2EE_SSRC_CLAIM);
	}
	EXPECT_LT(0, rtp_open(opened, wire, (size_t)len, &self->claim, &ctr));
	/* the claim was lent, and is there for the next SSRC */
	EXPECT_STREQ("", ask_sends(scene, 2, &self->claim, 1));
}

TEST_HARNESS_MAIN
