// SPDX-License-Identifier: GPL-2.0
/*
 * Keys: which are refused and why, which one a packet is sealed with, and that
 * no nonce ever returns.
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 */
#include <errno.h>
#include <sys/random.h>

#include "lib/ask.h"
#include "lib/harness.h"

FIXTURE(keys)
{
	struct scene scene;
	struct nl nl;
};

FIXTURE_SETUP(keys)
{
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	ASSERT_EQ(0, nl_open(&self->nl));
}

FIXTURE_TEARDOWN(keys)
{
	nl_close(&self->nl);
	scene_close(&self->scene);
}

TEST_F(keys, shown)
{
	uint32_t session = self->scene.session;
	const struct nlattr *nest;
	struct sframe_key tx, rx;

	sframe_key_random(&tx, 4, 1ULL << 40);
	sframe_key_random(&rx, 5, UINT64_MAX);
	ADDED(session, TX, .key = &tx, .ssrc = 0xffffffff, .epoch = 0);
	ADDED(session, RX, .key = &rx, .has_expires = true, .expires = 1000);
	nest = SHOWN(session, TX, .key = &tx, .ssrc = 0xffffffff);
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(session, nl_get_u32(nl_inner(nest, E2EE_A_KEY_SESSION)));
	EXPECT_EQ(E2EE_DIR_TX, nl_get_u32(nl_inner(nest, E2EE_A_KEY_DIR)));
	EXPECT_EQ(1ULL << 40, nl_get_u64(nl_inner(nest, E2EE_A_KEY_KID)));
	EXPECT_EQ(0xffffffff, nl_get_u32(nl_inner(nest, E2EE_A_KEY_SSRC)));
	EXPECT_EQ(E2EE_SSRC_NUMBER,
		  nl_get_u32(nl_inner(nest, E2EE_A_KEY_SSRC_MODE)));
	EXPECT_EQ(4, nl_get_u32(nl_inner(nest, E2EE_A_KEY_SUITE)));
	EXPECT_EQ(0, nl_get_u32(nl_inner(nest, E2EE_A_KEY_EPOCH)));
	EXPECT_EQ(0, nl_get_u64(nl_inner(nest, E2EE_A_KEY_CTR)));
	EXPECT_EQ(E2EE_SOFT_LIMIT_DEFAULT,
		  nl_get_u64(nl_inner(nest, E2EE_A_KEY_SOFT_LIMIT)));
	EXPECT_EQ(E2EE_LIMIT_DEFAULT,
		  nl_get_u64(nl_inner(nest, E2EE_A_KEY_LIMIT)));
	EXPECT_EQ(0, nl_get_u32(nl_inner(nest, E2EE_A_KEY_EXPIRES)));
	EXPECT_EQ(NULL, nl_inner(nest, E2EE_A_KEY_EXPIRED));
	EXPECT_EQ(0, nl_get_u64(nl_inner(nest, E2EE_A_KEY_PACKETS)));
	EXPECT_EQ(NULL, nl_inner(nest, E2EE_A_KEY_SECRET));
	EXPECT_EQ(NULL, nl_inner(nest, E2EE_A_KEY_SALT));
	ASSERT_NE(NULL, nl_inner(nest, E2EE_A_KEY_DRIVER));
	EXPECT_NE(NULL, strstr(nl_data(nl_inner(nest, E2EE_A_KEY_DRIVER)),
			       "gcm"));
	nest = SHOWN(session, RX, .key = &rx);
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(E2EE_DIR_RX, nl_get_u32(nl_inner(nest, E2EE_A_KEY_DIR)));
	EXPECT_EQ(UINT64_MAX, nl_get_u64(nl_inner(nest, E2EE_A_KEY_KID)));
	EXPECT_EQ(E2EE_SSRC_ANY,
		  nl_get_u32(nl_inner(nest, E2EE_A_KEY_SSRC_MODE)));
	EXPECT_EQ(NULL, nl_inner(nest, E2EE_A_KEY_SSRC));
	EXPECT_EQ(NULL, nl_inner(nest, E2EE_A_KEY_LIMIT));
	EXPECT_EQ(5, nl_get_u32(nl_inner(nest, E2EE_A_KEY_SUITE)));
	EXPECT_LE(990, nl_get_u32(nl_inner(nest, E2EE_A_KEY_EXPIRES)));
	EXPECT_GE(1000, nl_get_u32(nl_inner(nest, E2EE_A_KEY_EXPIRES)));
}

/* A key that sent is remembered: beyond deletion, session and namespace. */
TEST_F(keys, reuse)
{
	uint32_t session = self->scene.session, other, elsewhere;
	struct scene *scene = &self->scene;
	struct sframe_key key, salted, renamed;
	struct ctl ctl;
	struct nl here = self->nl;

	sframe_key_random(&key, 5, 1);
	salted = key;
	salted.salt[11] ^= 1;
	renamed = key;
	renamed.kid = 2;
	ADDED(session, TX, .key = &key, .ssrc = 1);
	REFUSED(session, EEXIST, IN_USE, TX, .key = &renamed, .ssrc = 2);
	ASSERT_EQ(0, ctl_session_new(&scene->ctl, "other", NULL, &other));
	REFUSED(other, EEXIST, IN_USE, TX, .key = &key, .ssrc = 1);
	for (uint64_t ctr = 0; ctr < 3; ctr++)
		EXPECT_STREQ("", ask_sends(scene, 1, &key, ctr));
	EXPECT_EQ(3, CTR(session, TX, .key = &key, .ssrc = 1));
	DELETED(session, TX, .key = &key, .ssrc = 1);
	EXPECT_STREQ("tx_no_key+1", ask_swallows(scene, 1));

	for (int round = 0; round < 3; round++) {
		uint32_t where = round ? other : session;

		if (round == 2) {
			/* a new namespace, and in it a session */
			ASSERT_EQ(0, sock_netns());
			ASSERT_EQ(0, ctl_open(&ctl));
			ASSERT_EQ(0, ctl_session_new(&ctl, "elsewhere", NULL,
						     &elsewhere));
			where = elsewhere;
			ASSERT_EQ(0, nl_open(&self->nl));
		}
		REFUSED(where, EKEYREJECTED, NO_CTR, TX, .key = &key,
			.ssrc = 1);
		REFUSED(where, EKEYREJECTED, OTHER_NONCE, TX, .key = &salted,
			.ssrc = 1);
		REFUSED(where, EKEYREJECTED, OTHER_NONCE, TX, .key = &renamed,
			.ssrc = 1);
		REFUSED(where, EKEYREJECTED, OTHER_NONCE, TX, .key = &renamed,
			.ssrc = 1, .has_ctr = true, .ctr = 1000);
		REFUSED(where, EKEYREJECTED, LOW_CTR, TX, .key = &key,
			.ssrc = 1, .has_ctr = true, .ctr = 2);
	}
	/* in the other namespace it may go on, and here is not free then */
	ADDED(elsewhere, TX, .key = &key, .ssrc = 1, .has_ctr = true, .ctr = 3);
	nl_close(&self->nl);
	self->nl = here;
	REFUSED(session, EEXIST, IN_USE, TX, .key = &key, .ssrc = 1,
		.has_ctr = true, .ctr = 4);
	ASSERT_EQ(0, ctl_session_del(&ctl, elsewhere));
	ctl_close(&ctl);

	/* here, it goes on where it stopped */
	ADDED(session, TX, .key = &key, .ssrc = 1, .has_ctr = true, .ctr = 3);
	EXPECT_EQ(3, CTR(session, TX, .key = &key, .ssrc = 1));
	EXPECT_STREQ("", ask_sends(scene, 1, &key, 3));
	/* or further on, which leaves a gap */
	DELETED(session, TX, .key = &key, .ssrc = 1);
	ADDED(session, TX, .key = &key, .ssrc = 1, .has_ctr = true,
	      .ctr = 1000);
	EXPECT_STREQ("", ask_sends(scene, 1, &key, 1000));
	DELETED(session, TX, .key = &key, .ssrc = 1);
	REFUSED(session, EKEYREJECTED, LOW_CTR, TX, .key = &key, .ssrc = 1,
		.has_ctr = true, .ctr = 1000);
	/* deleted without having sent once more: the memory stays */
	ADDED(session, TX, .key = &key, .ssrc = 1, .has_ctr = true,
	      .ctr = 5000);
	DELETED(session, TX, .key = &key, .ssrc = 1);
	REFUSED(session, EKEYREJECTED, OTHER_NONCE, TX, .key = &salted,
		.ssrc = 1, .has_ctr = true, .ctr = 9000);
	REFUSED(session, EKEYREJECTED, NO_CTR, TX, .key = &key, .ssrc = 1);
}

/* A key that never sent is forgotten with its deletion. */
TEST_F(keys, unused)
{
	uint32_t session = self->scene.session;
	struct sframe_key key;

	sframe_key_random(&key, 5, 1);
	ADDED(session, TX, .key = &key, .ssrc = 1);
	DELETED(session, TX, .key = &key, .ssrc = 1);
	key.salt[0] ^= 1;
	key.kid = 9;
	ADDED(session, TX, .key = &key, .ssrc = 1);
	EXPECT_STREQ("", ask_sends(&self->scene, 1, &key, 0));
}

/* A request that comes to nothing moves no counter that a later one needs. */
TEST_F(keys, refused_with_a_counter)
{
	uint32_t session = self->scene.session;
	struct scene *scene = &self->scene;
	const uint64_t far = 5000000000ULL;
	struct sframe_key key, other;
	struct nl_msg *msg;

	sframe_key_random(&key, 5, 1);
	sframe_key_random(&other, 5, 2);
	ADDED(session, TX, .key = &key, .ssrc = 1);
	for (uint64_t ctr = 0; ctr < 3; ctr++)
		EXPECT_STREQ("", ask_sends(scene, 1, &key, ctr));
	DELETED(session, TX, .key = &key, .ssrc = 1);
	ADDED(session, TX, .key = &other, .ssrc = 1);

	/* by itself, then by another key, then by another of the same request */
	REFUSED(session, ERANGE, "start counter lies at or above the limit",
		TX, .key = &key, .ssrc = 2, .has_ctr = true, .ctr = far);
	REFUSED(session, EEXIST, SSRC_HAS_KEY, TX, .key = &key, .ssrc = 1,
		.has_ctr = true, .ctr = 1000);
	msg = nl_session(&self->nl, E2EE_CMD_KEY_NEW, session, NULL);
	ask_put(msg, &(struct ask){ TX, .key = &key, .ssrc = 2,
				    .has_ctr = true, .ctr = 2000 }, true);
	ask_put(msg, &(struct ask){ TX, .key = &other, .ssrc = 3 }, true);
	EXPECT_STREQ("", nl_refused(&self->nl, msg, EEXIST, IN_USE));
	/* installed and deleted, and no packet in between */
	ADDED(session, TX, .key = &key, .ssrc = 2, .has_ctr = true,
	      .ctr = 3000);
	DELETED(session, TX, .key = &key, .ssrc = 2);

	REFUSED(session, EKEYREJECTED, LOW_CTR, TX, .key = &key, .ssrc = 2,
		.has_ctr = true, .ctr = 2);
	ADDED(session, TX, .key = &key, .ssrc = 2, .has_ctr = true, .ctr = 3);
	EXPECT_STREQ("", ask_sends(scene, 2, &key, 3));
	DELETED(session, TX, .key = &key, .ssrc = 2);
	REFUSED(session, EKEYREJECTED, LOW_CTR, TX, .key = &key, .ssrc = 2,
		.has_ctr = true, .ctr = 3);
}

/* The same secret does not serve both directions of a session. */
TEST_F(keys, directions)
{
	uint32_t session = self->scene.session, other;
	struct sframe_key a, b;

	sframe_key_random(&a, 5, 1);
	sframe_key_random(&b, 4, 2);
	ADDED(session, TX, .key = &a, .ssrc = 1);
	REFUSED(session, EKEYREJECTED, OTHER_DIR, RX, .key = &a);
	ADDED(session, RX, .key = &b);
	REFUSED(session, EKEYREJECTED, OTHER_DIR, TX, .key = &b, .ssrc = 2);
	a.salt[3] ^= 1;
	a.kid = 77;
	REFUSED(session, EKEYREJECTED, OTHER_DIR, RX, .key = &a);
	/* two sessions of a host may talk to each other */
	ASSERT_EQ(0, ctl_session_new(&self->scene.ctl, "other", NULL, &other));
	ADDED(other, RX, .key = &a);
	/* once it is gone, the other direction is free */
	DELETED(session, RX, .key = &b);
	ADDED(session, TX, .key = &b, .ssrc = 2);
}

/* Keys of one secret share their windows, so they have one KID and one salt. */
TEST_F(keys, one_kid_receives)
{
	uint32_t session = self->scene.session, other;
	struct sframe_key key, renamed, salted;

	sframe_key_random(&key, 5, 1);
	renamed = key;
	renamed.kid = 2;
	salted = key;
	salted.salt[0] ^= 1;
	ADDED(session, RX, .key = &key, .ssrc = 1);
	REFUSED(session, EKEYREJECTED, OTHER_KID, RX, .key = &renamed,
		.ssrc = 3);
	REFUSED(session, EKEYREJECTED, OTHER_KID, RX, .key = &salted,
		.ssrc = 3);
	ADDED(session, RX, .key = &key, .ssrc = 2);
	/* sessions have nothing to do with each other */
	ASSERT_EQ(0, ctl_session_new(&self->scene.ctl, "other", NULL, &other));
	ADDED(other, RX, .key = &renamed);
	DELETED(session, RX, .key = &key, .ssrc = 1);
	REFUSED(session, EKEYREJECTED, OTHER_KID, RX, .key = &renamed);
	DELETED(session, RX, .key = &key, .ssrc = 2);
	ADDED(session, RX, .key = &renamed);
}

TEST_F(keys, identities)
{
	uint32_t session = self->scene.session;
	struct sframe_key key[8];

	for (int i = 0; i < 8; i++)
		sframe_key_random(&key[i], 5, 5);
	ADDED(session, RX, .key = &key[0]);
	REFUSED(session, EEXIST, SAME_ID, RX, .key = &key[1]);
	ADDED(session, RX, .key = &key[1], .ssrc = 1);
	REFUSED(session, EEXIST, SAME_ID, RX, .key = &key[2], .ssrc = 1);
	ADDED(session, RX, .key = &key[2], .ssrc = 2);
	ADDED(session, TX, .key = &key[3], .mode = E2EE_SSRC_ANY);
	ADDED(session, TX, .key = &key[4], .mode = E2EE_SSRC_CLAIM);
	REFUSED(session, EEXIST, SAME_ID, TX, .key = &key[5],
		.mode = E2EE_SSRC_CLAIM);
	/* of another epoch, but the same name: deleting must mean one */
	REFUSED(session, EEXIST, SAME_ID, TX, .key = &key[5],
		.mode = E2EE_SSRC_ANY, .epoch = 1);
	ADDED(session, TX, .key = &key[5], .ssrc = 3);
	/* a refused key leaves no trace: it is good for another name */
	ADDED(session, TX, .key = &key[6], .ssrc = 4);
	DELETED(session, TX, .key = &key[4], .mode = E2EE_SSRC_CLAIM);
	EXPECT_NE(NULL, SHOWN(session, TX, .key = &key[3],
			      .mode = E2EE_SSRC_ANY));
	EXPECT_EQ(NULL, SHOWN(session, TX, .key = &key[4],
			      .mode = E2EE_SSRC_CLAIM));
	EXPECT_NE(NULL, SHOWN(session, TX, .key = &key[5], .ssrc = 3));
}

TEST_F(keys, bad_requests)
{
	uint32_t session = self->scene.session;
	struct sframe_key key, wrong;

	sframe_key_random(&key, 5, 1);
	wrong = key;
	wrong.suite = 4;
	ADDED(session, TX, .key = &wrong, .ssrc = 99);
	wrong.suite = 6;
	REFUSED(session, ERANGE, "integer out of range", TX, .key = &wrong,
		.ssrc = 1);
	REFUSED(session, EINVAL, "only a tx key can be claimed", RX,
		.key = &key, .mode = E2EE_SSRC_CLAIM);
	REFUSED(session, EINVAL, "SSRC is missing", TX, .key = &key,
		.mode = E2EE_SSRC_NUMBER);
	REFUSED(session, EINVAL, "an SSRC goes with mode number only", TX,
		.key = &key, .mode = E2EE_SSRC_ANY, .ssrc = 1);
	REFUSED(session, EINVAL, "only a sending key has limits", RX,
		.key = &key, .has_limit = true, .limit = 5);
	REFUSED(session, EINVAL, "only a sending key has limits", RX,
		.key = &key, .has_soft = true, .soft = 5);
	REFUSED(session, ERANGE, "limit must lie between 1 and 2^64 - 2", TX,
		.key = &key, .ssrc = 1, .has_limit = true, .limit = 0);
	REFUSED(session, ERANGE, "limit must lie between 1 and 2^64 - 2", TX,
		.key = &key, .ssrc = 1, .has_limit = true,
		.limit = UINT64_MAX);
	REFUSED(session, ERANGE, "soft limit lies above the limit", TX,
		.key = &key, .ssrc = 1, .has_limit = true, .limit = 5,
		.has_soft = true, .soft = 6);
	REFUSED(session, ERANGE, "start counter lies at or above the limit",
		TX, .key = &key, .ssrc = 1, .has_limit = true, .limit = 5,
		.has_ctr = true, .ctr = 5);
	/* none of these used it up */
	ADDED(session, TX, .key = &key, .ssrc = 1);
	EXPECT_STREQ("", ask(&self->nl, E2EE_CMD_KEY_SET, session,
			     &(struct ask){ TX, .key = &key, .ssrc = 2 },
			     ENOENT, "no such key"));
	EXPECT_STREQ("", ask(&self->nl, E2EE_CMD_KEY_SET, session,
			     &(struct ask){ TX, .key = &key, .ssrc = 1,
					    .has_limit = true, .limit = 5 },
			     ERANGE, "soft limit lies above the limit"));
}

/* A key whose length does not fit its suite */
TEST_F(keys, suite_length)
{
	struct nl *nl = &self->nl;
	struct nl_said said;
	struct nl_msg *msg;
	uint8_t bytes[32];
	size_t nest;

	ASSERT_EQ(32, getrandom(bytes, sizeof(bytes), 0));
	for (uint32_t suite = 4; suite <= 5; suite++) {
		msg = nl_begin(nl, E2EE_CMD_KEY_NEW);
		nl_put_session(msg, self->scene.session, NULL);
		nest = nl_nest(msg, E2EE_A_KEY);
		nl_u32(msg, E2EE_A_KEY_DIR, E2EE_DIR_RX);
		nl_u64(msg, E2EE_A_KEY_KID, 1);
		nl_u32(msg, E2EE_A_KEY_SUITE, suite);
		nl_put(msg, E2EE_A_KEY_SECRET, bytes, suite == 4 ? 32 : 16);
		nl_put(msg, E2EE_A_KEY_SALT, bytes, 12);
		nl_nest_end(msg, nest);
		EXPECT_EQ(-EINVAL, nl_talk(nl, msg, &said));
		EXPECT_STREQ("AEAD key has the wrong length for its suite",
			     said.text);
		free(msg);
	}
}

/* One sending key for an SSRC in an epoch, one for any; claims as many as */
TEST_F(keys, streams)
{
	uint32_t session = self->scene.session;
	struct sframe_key key[9];

	for (int i = 0; i < 9; i++)
		sframe_key_random(&key[i], 5, (uint64_t)i);
	ADDED(session, TX, .key = &key[0], .ssrc = 1);
	REFUSED(session, EEXIST, SSRC_HAS_KEY, TX, .key = &key[1], .ssrc = 1);
	ADDED(session, TX, .key = &key[1], .ssrc = 1, .epoch = 1);
	ADDED(session, TX, .key = &key[2], .mode = E2EE_SSRC_ANY);
	REFUSED(session, EEXIST, SSRC_HAS_KEY, TX, .key = &key[3],
		.mode = E2EE_SSRC_ANY);
	ADDED(session, TX, .key = &key[3], .mode = E2EE_SSRC_ANY, .epoch = 1);
	ADDED(session, TX, .key = &key[4], .mode = E2EE_SSRC_CLAIM);
	ADDED(session, TX, .key = &key[5], .mode = E2EE_SSRC_CLAIM);
	EXPECT_STREQ("", ask_sends(&self->scene, 1, &key[0], 0));
	EXPECT_STREQ("", ask_sends(&self->scene, 2, &key[4], 0));
	/* a claimed SSRC has its key now */
	REFUSED(session, EEXIST, SSRC_HAS_KEY, TX, .key = &key[6], .ssrc = 2);
	/* the refused keys were not used up */
	ADDED(session, TX, .key = &key[6], .ssrc = 7);
	EXPECT_STREQ("", ask_sends(&self->scene, 7, &key[6], 0));
}

/* Own key first, then the claim with the lowest KID, then the one for any. */
TEST_F(keys, order)
{
	static const uint64_t kids[] = { 30, 10, 20 };
	uint32_t session = self->scene.session;
	struct scene *scene = &self->scene;
	struct sframe_key claim[3], any, own;
	const struct nlattr *nest;

	for (int i = 0; i < 3; i++) {
		sframe_key_random(&claim[i], 5, kids[i]);
		ADDED(session, TX, .key = &claim[i], .mode = E2EE_SSRC_CLAIM);
	}
	sframe_key_random(&any, 5, 5);
	sframe_key_random(&own, 5, 40);
	ADDED(session, TX, .key = &any, .mode = E2EE_SSRC_ANY);
	ADDED(session, TX, .key = &own, .ssrc = 0x1000);
	nest = SHOWN(session, TX, .key = &claim[1], .mode = E2EE_SSRC_CLAIM);
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(NULL, nl_inner(nest, E2EE_A_KEY_SSRC));

	EXPECT_STREQ("", ask_sends(scene, 0xa, &claim[1], 0));
	EXPECT_STREQ("", ask_sends(scene, 0x1000, &own, 0));
	EXPECT_STREQ("", ask_sends(scene, 0xb, &claim[2], 0));
	EXPECT_STREQ("", ask_sends(scene, 0xa, &claim[1], 1));
	EXPECT_STREQ("", ask_sends(scene, 0xc, &claim[0], 0));
	EXPECT_STREQ("", ask_sends(scene, 0xd, &any, 0));
	EXPECT_STREQ("", ask_sends(scene, 0xe, &any, 1));
	EXPECT_STREQ("", ask_sends(scene, 0xb, &claim[2], 1));
	EXPECT_STREQ("", ask_sends(scene, 0x1000, &own, 1));

	nest = SHOWN(session, TX, .key = &claim[1], .mode = E2EE_SSRC_CLAIM);
	ASSERT_NE(NULL, nest);
	EXPECT_EQ(0xa, nl_get_u32(nl_inner(nest, E2EE_A_KEY_SSRC)));
	EXPECT_EQ(E2EE_SSRC_CLAIM,
		  nl_get_u32(nl_inner(nest, E2EE_A_KEY_SSRC_MODE)));
	EXPECT_EQ(2, nl_get_u64(nl_inner(nest, E2EE_A_KEY_PACKETS)));
	/* a claimed key that is deleted leaves its SSRC to the one for any */
	DELETED(session, TX, .key = &claim[1], .mode = E2EE_SSRC_CLAIM);
	EXPECT_STREQ("", ask_sends(scene, 0xa, &any, 2));
	/* an unclaimed one of another epoch is not for now */
	sframe_key_random(&claim[1], 5, 1);
	ADDED(session, TX, .key = &claim[1], .mode = E2EE_SSRC_CLAIM,
	      .epoch = 1);
	EXPECT_STREQ("", ask_sends(scene, 0xf, &any, 3));
	DELETED(session, TX, .key = &any, .mode = E2EE_SSRC_ANY);
	EXPECT_STREQ("tx_no_key+1", ask_swallows(scene, 0xf));
}

static const char *set_epoch(struct nl *nl, uint32_t session, uint32_t epoch,
			     bool force)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_SESSION_SET);
	static struct nl_said said;
	size_t nest = nl_nest(msg, E2EE_A_SESSION);

	nl_u32(msg, E2EE_A_SESSION_ID, session);
	nl_u32(msg, E2EE_A_SESSION_EPOCH, epoch);
	nl_nest_end(msg, nest);
	if (force)
		nl_put(msg, E2EE_A_FORCE, NULL, 0);
	nl_talk(nl, msg, &said);
	free(msg);
	if (said.err && !said.text[0])
		return strerror(-said.err);
	return said.text;
}

/* A switch that would silence an SSRC which just sent is refused. */
TEST_F(keys, epochs)
{
	uint32_t session = self->scene.session;
	struct scene *scene = &self->scene;
	struct sframe_key one, two, one_next, claim_next;
	struct nl *nl = &self->nl;
	int64_t sent;

	sframe_key_random(&one, 5, 1);
	sframe_key_random(&two, 5, 2);
	sframe_key_random(&one_next, 5, 11);
	sframe_key_random(&claim_next, 5, 12);
	ADDED(session, TX, .key = &one, .ssrc = 1);
	ADDED(session, TX, .key = &two, .ssrc = 2);
	ADDED(session, TX, .key = &one_next, .ssrc = 1, .epoch = 7);
	/* nobody sent: all may */
	EXPECT_STREQ("", set_epoch(nl, session, 1, false));
	EXPECT_STREQ("", set_epoch(nl, session, 0, false));
	EXPECT_STREQ("", ask_sends(scene, 1, &one, 0));
	EXPECT_STREQ("", set_epoch(nl, session, 7, false));
	EXPECT_STREQ("", set_epoch(nl, session, 0, false));
	sent = now_ms();
	EXPECT_STREQ("", ask_sends(scene, 2, &two, 0));
	EXPECT_STREQ(EPOCH_LACKS, set_epoch(nl, session, 7, false));
	EXPECT_STREQ("", ask_sends(scene, 2, &two, 1));
	EXPECT_STREQ("", set_epoch(nl, session, 7, true));
	EXPECT_STREQ("tx_no_key+1", ask_swallows(scene, 2));
	EXPECT_STREQ("", ask_sends(scene, 1, &one_next, 0));
	EXPECT_STREQ("", set_epoch(nl, session, 0, true));
	/* a claim in the next epoch is there for one that lacks a key */
	EXPECT_STREQ("", ask_sends(scene, 2, &two, 2));
	EXPECT_STREQ(EPOCH_LACKS, set_epoch(nl, session, 7, false));
	ADDED(session, TX, .key = &claim_next, .mode = E2EE_SSRC_CLAIM,
	      .epoch = 7);
	EXPECT_STREQ("", set_epoch(nl, session, 7, false));
	EXPECT_STREQ("", ask_sends(scene, 2, &claim_next, 0));
	EXPECT_STREQ("", ask_sends(scene, 1, &one_next, 1));
	/* two seconds after it sent last, an SSRC hinders no longer */
	sent = now_ms();
	EXPECT_STREQ("", ask_sends(scene, 2, &claim_next, 1));
	while (*set_epoch(nl, session, 99, false))
		ASSERT_GT(sent + SOCK_WAIT, now_ms());
	EXPECT_LE(sent + 1900, now_ms());
}

/* The same with one key for all SSRCs, each of which counts */
TEST_F(keys, epoch_of_any)
{
	uint32_t session = self->scene.session;
	struct scene *scene = &self->scene;
	struct sframe_key any, own[3], any_next;
	struct nl *nl = &self->nl;

	sframe_key_random(&any, 5, 1);
	sframe_key_random(&any_next, 5, 2);
	ADDED(session, TX, .key = &any, .mode = E2EE_SSRC_ANY);
	for (uint32_t i = 0; i < 3; i++) {
		EXPECT_STREQ("", ask_sends(scene, 100 + i, &any, i));
		sframe_key_random(&own[i], 5, 10 + i);
		EXPECT_STREQ(EPOCH_LACKS, set_epoch(nl, session, 1, false));
	}
	for (uint32_t i = 0; i < 3; i++) {
		EXPECT_STREQ(EPOCH_LACKS, set_epoch(nl, session, 1, false));
		ADDED(session, TX, .key = &own[i], .ssrc = 100 + i,
		      .epoch = 1);
	}
	EXPECT_STREQ("", set_epoch(nl, session, 1, false));
	EXPECT_STREQ("", ask_sends(scene, 101, &own[1], 0));
	EXPECT_STREQ("", set_epoch(nl, session, 0, true));
	EXPECT_STREQ("", ask_sends(scene, 200, &any, 3));
	EXPECT_STREQ(EPOCH_LACKS, set_epoch(nl, session, 1, false));
	ADDED(session, TX, .key = &any_next, .mode = E2EE_SSRC_ANY,
	      .epoch = 1);
	EXPECT_STREQ("", set_epoch(nl, session, 1, false));
	EXPECT_STREQ("", ask_sends(scene, 200, &any_next, 0));
}

#define BATCH	2048

/* Fills a session up with @count keys from KID @first; 0 or -errno */
static int fill(struct nl *nl, uint32_t session, uint64_t first, uint64_t count)
{
	struct sframe_key key = { .suite = 5 };
	struct nl_msg *msg;
	uint64_t kid = first;
	int err;

	while (kid < first + count) {
		msg = nl_begin(nl, E2EE_CMD_KEY_NEW);
		nl_put_session(msg, session, NULL);
		do {
			key.kid = kid++;
			nl_fresh_secret(key.secret);
			ask_put(msg, &(struct ask){ RX, .key = &key }, true);
		} while (kid % BATCH && kid < first + count);
		err = nl_do(nl, msg);
		if (err)
			return err;
	}
	return 0;
}

/* As many keys as a session, then as a namespace may hold, and not one more */
TEST_F(keys, many)
{
	uint32_t session = self->scene.session, other;
	struct scene *scene = &self->scene;
	struct sframe_key key, tx;
	struct nl *nl = &self->nl;

	sframe_key_random(&key, 5, 1 << 20);
	sframe_key_random(&tx, 5, 1);
	ADDED(session, TX, .key = &tx, .ssrc = 1);
	ASSERT_EQ(0, ctl_session_new(&scene->ctl, "other", NULL, &other));
	ASSERT_EQ(0, fill(nl, session, 0, E2EE_KEYS_PER_SESSION - 1));
	REFUSED(session, ENOSPC, "session is full of keys", RX, .key = &key);
	ASSERT_EQ(0, fill(nl, other, 0,
			  E2EE_KEYS_PER_NET - E2EE_KEYS_PER_SESSION));
	REFUSED(other, ENOSPC, "namespace is full of keys", RX, .key = &key);
	EXPECT_STREQ("", ask_sends(scene, 1, &tx, 0));
	/* one goes, one may come */
	DELETED(session, RX, .key = &(struct sframe_key){ .kid = 1000 });
	ADDED(other, RX, .key = &key);
	sframe_key_random(&key, 5, key.kid + 1);
	REFUSED(other, ENOSPC, "namespace is full of keys", RX, .key = &key);
	REFUSED(session, ENOSPC, "namespace is full of keys", RX, .key = &key);
	ASSERT_EQ(0, ctl_session_del(&scene->ctl, session));
	ADDED(other, RX, .key = &key);
}

TEST_HARNESS_MAIN
