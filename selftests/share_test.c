// SPDX-License-Identifier: GPL-2.0
/*
 * What no memory cgroup pays for, one user cannot take without end: all his
 * namespaces together have so many keys. Nor can there be more sessions and guards
 * in a namespace than a request may walk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>

#include "lib/ask.h"
#include "lib/harness.h"
#include "lib/user.h"

#define BATCH	512
#define FIRST	(E2EE_KEYS_PER_SHARE / BATCH - 4)	/* batches */
#define REST	4
#define WORDS	"this user namespace has as many keys as it may have"

static int wrong(const char *what, const char *why)
{
	printf("# %s: %s\n", what, why);
	fflush(stdout);
	return 1;
}

static struct nl_msg *keys(const struct nl *nl, const char *session,
			   unsigned int batch, unsigned int num)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_KEY_NEW);
	uint8_t secret[32];

	nl_put_session(msg, 0, session);
	for (unsigned int i = 0; i < num; i++) {
		nl_fresh_secret(secret);
		nl_put_key(msg, E2EE_DIR_RX, batch * BATCH + i, secret);
	}
	return msg;
}

/* A namespace with a session and @batches of keys; 0 or -errno */
static int fill(struct nl *nl, unsigned int batches)
{
	int err;

	err = nl_open(nl);
	if (!err)
		err = nl_do(nl, nl_session(nl, E2EE_CMD_SESSION_NEW, 0, "x"));
	for (unsigned int i = 0; i < batches && !err; i++)
		err = nl_do(nl, keys(nl, "x", i, BATCH));
	return err;
}

/*
 * Another key instead of one that was deleted. Until that one is freed, a moment
 * later, the answer is to ask again, and never that there are too many.
 */
static const char *instead(struct nl *nl)
{
	unsigned int again = 0;
	struct nl_msg *msg;
	int err;

	for (int i = 0; i < 20; i++) {
		msg = nl_session(nl, E2EE_CMD_KEY_DEL, 0, "x");
		nl_put_key(msg, E2EE_DIR_RX, 0, NULL);
		if (nl_do(nl, msg))
			return "not deleted";
		nl->impatient = true;
		err = nl_do(nl, keys(nl, "x", 0, 1));
		nl->impatient = false;
		if (err == -EAGAIN) {
			again++;
			err = nl_do(nl, keys(nl, "x", 0, 1));
		}
		if (err)
			return strerror(-err);
	}
	return again ? "" : "freed at once: this test shows nothing";
}

/* 0 or -errno of a request for one key */
static int one(struct nl *nl, uint8_t cmd, const struct ask *key)
{
	struct nl_msg *msg = nl_session(nl, cmd, 0, "x");

	ask_put(msg, key, cmd == E2EE_CMD_KEY_NEW);
	return nl_do(nl, msg);
}

/*
 * A key that is deleted makes room for another, though a second key with the same
 * secret goes on with its replay windows.
 */
static const char *instead_of_a_sibling(struct nl *nl)
{
	struct sframe_key secret, other;
	const struct ask first = { RX, .key = &secret };
	const struct ask bound = { RX, .key = &secret, .ssrc = 1 };
	const struct ask fresh = { RX, .key = &other };

	sframe_key_random(&secret, 5, 0);
	sframe_key_random(&other, 5, 0);
	/* two of the keys go, of KIDs 0 and 1 */
	if (one(nl, E2EE_CMD_KEY_DEL, &first) ||
	    one(nl, E2EE_CMD_KEY_DEL,
		&(struct ask){ RX, .key = &(struct sframe_key){ .kid = 1 } }))
		return "not deleted";
	if (one(nl, E2EE_CMD_KEY_NEW, &first) ||
	    one(nl, E2EE_CMD_KEY_NEW, &bound))
		return "no room for two";
	if (one(nl, E2EE_CMD_KEY_DEL, &first))
		return "the first one is not deleted";
	return strerror(-one(nl, E2EE_CMD_KEY_NEW, &fresh));
}

static int user(void *arg)
{
	struct nl first, second;
	const char *why;

	if (user_become() || fill(&first, FIRST) || unshare(CLONE_NEWNET) ||
	    fill(&second, REST))
		return wrong("namespaces", strerror(errno));
	/* in the one as in the other, and all of a message or none */
	why = nl_refused(&second, keys(&second, "x", REST, 1), EDQUOT, WORDS);
	if (*why)
		return wrong("one more", why);
	why = nl_refused(&first, keys(&first, "x", FIRST, 1), EDQUOT, WORDS);
	if (*why)
		return wrong("one more elsewhere", why);
	why = instead(&second);
	if (*why)
		return wrong("one instead of another", why);
	why = instead_of_a_sibling(&second);
	if (strcmp(why, strerror(0)))
		return wrong("one instead of a sibling", why);
	if (nl_do(&first, nl_session(&first, E2EE_CMD_SESSION_DEL, 0, "x")) ||
	    nl_do(&second, keys(&second, "x", REST, BATCH)))
		return wrong("after some were deleted", "does not fit");
	return 0;
}

TEST(keys_of_a_user)
{
	struct nl host;

	EXPECT_EQ(0, user_child(user, NULL));
	/* root of the host has no share */
	sock_netns();
	EXPECT_EQ(0, fill(&host, E2EE_KEYS_PER_SHARE / BATCH + 1));
	nl_close(&host);
}

static int guard(struct ctl *ctl, uint32_t session, unsigned int nth)
{
	const struct ctl_guard guard = { .first = (uint16_t)(10000 + nth) };
	uint32_t id;

	return ctl_guard_new(ctl, session, &guard, &id);
}

/* A request walks all sessions or guards while others wait for it. */
TEST(sessions_and_guards_of_a_namespace)
{
	struct ctl ctl;
	uint32_t session;
	char name[16];
	unsigned int i;

	sock_netns();
	ASSERT_EQ(0, ctl_open(&ctl));
	for (i = 0; i < E2EE_SESSIONS_PER_NET; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		ASSERT_EQ(0, ctl_session_new(&ctl, name, NULL, &session));
	}
	EXPECT_EQ(-ENOSPC, ctl_session_new(&ctl, "more", NULL, &session));
	for (i = 0; i < E2EE_GUARDS_PER_NET; i++)
		ASSERT_EQ(0, guard(&ctl, session, i));
	EXPECT_EQ(-ENOSPC, guard(&ctl, session, i));
	ctl_close(&ctl);
}

TEST_HARNESS_MAIN
