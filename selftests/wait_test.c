// SPDX-License-Identifier: GPL-2.0
/*
 * A request waits for nobody. Whoever sends one, and that may be any user who
 * is root of a namespace of his own, stops all of generic netlink meanwhile. So
 * the sender has to ask again for what is not at hand. What happens where it is
 * memory that is not at hand, is in hardening/throttle_test.c.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "lib/burst.h"
#include "lib/caught.h"
#include "lib/harness.h"
#include "lib/scene.h"
#include "lib/user.h"
#include "lib/waits.h"

#define PORT		7000
#define REQUESTS	6	/* in one send() */
#define TOGGLES		200

static struct nl_msg *attach(const struct nl *nl, uint32_t session, int fd)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_SOCKET_ATTACH);
	size_t nest;

	nl_put_session(msg, session, NULL);
	nest = nl_nest(msg, E2EE_A_SOCKET);
	nl_u32(msg, E2EE_A_SOCKET_FD, (uint32_t)fd);
	nl_nest_end(msg, nest);
	return msg;
}

static int locked_socket(void *arg)
{
	static struct burst burst;
	struct caught caught;
	struct addr to;
	uint32_t session;
	struct nl nl;
	struct ctl ctl;
	unsigned int again;
	int fd, err;

	err = waits_prepare() ?: user_become();
	if (err || run("ip link set lo up") || ctl_open(&ctl) || nl_open(&nl))
		return user_wrong("namespaces", err);
	err = ctl_session_new(&ctl, "x", NULL, &session);
	if (err || caught_device(SOCK_V4, &to))
		return user_wrong("session", err);
	fd = caught_socket(SOCK_V4, PORT, &to);
	if (fd < 0 || !caught_start(&caught, fd, &to, MSG_MORE, 1))
		return user_wrong("socket", fd);
	for (int i = 0; i < REQUESTS; i++)
		burst_add(&burst, attach(&nl, session, fd));
	err = burst_send(&nl, &burst);
	again = burst_answers(&nl, &burst, -EAGAIN);
	caught_interrupt(&caught);
	/* what waits in it keeps its socket, and that the namespace */
	run("tc qdisc del dev d0 root");
	if (err)
		return user_wrong("send", err);
	if (burst.waits)
		return user_wrong("how often requests for a locked socket waited",
			     burst.waits);
	return again == REQUESTS ? 0 : user_wrong("told to ask again", again);
}

TEST(a_locked_socket)
{
	EXPECT_EQ(0, user_child(locked_socket, NULL));
}

FIXTURE(wait)
{
	struct scene scene;
	struct nl nl;
};

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	ASSERT_EQ(0, nl_open(&self->nl));
}

FIXTURE_TEARDOWN(wait)
{
	nl_close(&self->nl);
	scene_close(&self->scene);
}

static struct nl_msg *policy(const struct nl *nl, uint32_t session,
			     uint32_t value)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_SESSION_SET);
	size_t nest;

	nest = nl_nest(msg, E2EE_A_SESSION);
	nl_u32(msg, E2EE_A_SESSION_ID, session);
	nl_u32(msg, E2EE_A_SESSION_POLICY, value);
	nl_nest_end(msg, nest);
	return msg;
}

/* Of many requests in one send() that would wait for packets, few do. */
TEST_F(wait, packets_under_way)
{
	uint32_t session = self->scene.session;
	static struct burst burst;
	unsigned int again;

	for (int i = 0; i < TOGGLES; i++) {
		burst_add(&burst, policy(&self->nl, session,
					 E2EE_POLICY_OPTIONAL));
		burst_add(&burst, policy(&self->nl, session,
					 E2EE_POLICY_REQUIRED));
	}
	ASSERT_EQ(0, burst_send(&self->nl, &burst));
	again = burst_answers(&self->nl, &burst, -EAGAIN);
	TH_LOG("%d requests took %lld ms, %u are to come again", 2 * TOGGLES,
	       (long long)burst.ms, again);
	/* at most one in 10 ms, and the first one */
	EXPECT_LE(TOGGLES - burst.ms / 10 - 1, again);
	EXPECT_EQ(0, ctl_session_policy(&self->scene.ctl, session,
					E2EE_POLICY_REQUIRED));
}

static struct nl_msg *session_crypto(const struct nl *nl, const char *name,
				     const char *crypto)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_SESSION_NEW);
	size_t nest;

	nest = nl_nest(msg, E2EE_A_SESSION);
	nl_string(msg, E2EE_A_SESSION_NAME, name);
	nl_string(msg, E2EE_A_SESSION_CRYPTO, crypto);
	nl_nest_end(msg, nest);
	return msg;
}

/* A driver is looked for, and perhaps loaded, while nobody waits. */
TEST_F(wait, drivers)
{
	struct nl *nl = &self->nl;

	nl->impatient = true;
	EXPECT_STREQ("", nl_refused(nl, session_crypto(nl, "a", "gcm(aes)"),
				    EAGAIN,
				    "crypto driver is being loaded: ask again"));
	/* another one has its turn after this one */
	EXPECT_EQ(-EAGAIN, nl_do(nl, session_crypto(nl, "b", "no-such")));
	nl->impatient = false;
	EXPECT_EQ(0, nl_do(nl, session_crypto(nl, "a", "gcm(aes)")));
	EXPECT_STREQ("", nl_refused(nl, session_crypto(nl, "b", "no-such"),
				    ENOENT, "no such driver of AES-GCM"));
	/* not AES-GCM */
	EXPECT_STREQ("", nl_refused(nl, session_crypto(nl, "b",
						       "rfc4106(gcm(aes))"),
				    EINVAL, "no such driver of AES-GCM"));
}

/* A guard is there once it guards. */
TEST_F(wait, guards)
{
	const struct ctl_guard guard = { .first = PORT };
	const struct ctl_guard next = { .first = PORT + 1 };
	uint32_t session = self->scene.session;
	struct ctl *ctl = &self->scene.ctl;
	uint32_t id;

	ctl->impatient = true;
	EXPECT_EQ(-EAGAIN, ctl_guard_new(ctl, session, &guard, &id));
	ctl->impatient = false;
	ASSERT_EQ(0, ctl_guard_new(ctl, session, &guard, &id));
	/* the next one at once */
	ctl->impatient = true;
	EXPECT_EQ(0, ctl_guard_new(ctl, session, &next, &id));
}

/* The same for the first session of a namespace: its packets are looked at. */
TEST(sessions)
{
	uint32_t id;
	struct ctl ctl;

	ASSERT_EQ(0, sock_netns());
	ASSERT_EQ(0, ctl_open(&ctl));
	ctl.impatient = true;
	EXPECT_EQ(-EAGAIN, ctl_session_new(&ctl, "first", NULL, &id));
	ctl.impatient = false;
	ASSERT_EQ(0, ctl_session_new(&ctl, "first", NULL, &id));
	/* the next one at once */
	ctl.impatient = true;
	EXPECT_EQ(0, ctl_session_new(&ctl, "second", NULL, &id));
	ctl_close(&ctl);
}

TEST_HARNESS_MAIN
