// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of sending keys: that it is filling is told once, when it does. It takes
 * as many keys as a user namespace may have remembered.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "lib/ask.h"
#include "lib/harness.h"
#include "lib/user.h"

static int wrong(const char *what, const char *why)
{
	printf("# %s: %s\n", what, why);
	fflush(stdout);
	return 1;
}

#define MARK	(E2EE_DIGESTS_PER_SHARE / 10 * 9)	/* nearly full */
#define ROUND	1024

/* Sends a packet with each of @num fresh keys, and deletes them; 0 or -errno */
static int remember(struct scene *scene, struct nl *nl, unsigned int num)
{
	struct nl_msg *add, *del;
	uint8_t clear[40], secret[32];
	unsigned int i;
	int err;

	add = nl_session(nl, E2EE_CMD_KEY_NEW, scene->session, NULL);
	del = nl_session(nl, E2EE_CMD_KEY_DEL, scene->session, NULL);
	for (i = 0; i < num; i++) {
		nl_fresh_secret(secret);
		nl_put_key(add, E2EE_DIR_TX, i, secret);
		nl_put_key(del, E2EE_DIR_TX, i, NULL);
	}
	err = nl_do(nl, add);
	for (i = 0; i < num && !err; i++) {
		rtp_plain(clear, sizeof(clear), i, 1);
		if (sock_send(scene->fd, clear, sizeof(clear), NULL) < 0)
			err = -errno;
	}
	return nl_do(nl, del) ?: err;
}

/* The type of the next event */
static uint32_t event(struct nl *ear)
{
	static uint8_t buf[8192];

	if (nl_event(ear, SOCK_WAIT, buf, sizeof(buf)))
		return UINT32_MAX;
	return nl_get_u32(nl_find(buf, E2EE_A_EVENT, E2EE_A_EVENT_TYPE));
}

/* Two more keys, the second one with a secret that is in use if @refused */
static const char *two_more(struct scene *scene, struct nl *nl, bool refused)
{
	struct sframe_key key[2];
	struct nl_msg *msg;

	sframe_key_random(&key[0], 5, 1);
	sframe_key_random(&key[1], 5, 2);
	msg = nl_session(nl, E2EE_CMD_KEY_NEW, scene->session, NULL);
	ask_put(msg, &(struct ask){ TX, .key = &key[0], .ssrc = 1 }, true);
	ask_put(msg, &(struct ask){ TX, .key = &key[!refused], .ssrc = 2 }, true);
	return refused ? nl_refused(nl, msg, EEXIST, IN_USE) :
			 nl_refused(nl, msg, 0, "");
}

/* It is told once that the memory of sending keys fills, when it does. */
static int filling(void *arg)
{
	struct scene scene;
	struct nl nl, ear;
	const char *why;
	unsigned int i;

	if (user_namespace() || scene_open(&scene, SOCK_V4, NULL) ||
	    nl_open(&nl) || nl_open(&ear))
		return wrong("namespaces", strerror(errno));
	for (i = 0; i < MARK - 1; i += ROUND)
		if (remember(&scene, &nl, i + ROUND < MARK ? ROUND :
							     MARK - 1 - i))
			return wrong("keys", "not used");
	if (nl_listen(&ear))
		return wrong("events", "not heard");
	why = two_more(&scene, &nl, true);
	if (*why)
		return wrong("refused request", why);
	/* what was heard of it is nothing: a change of the session comes next */
	if (ctl_session_flags(&scene.ctl, scene.session, 0) ||
	    event(&ear) != E2EE_EVENT_SESSION_SET)
		return wrong("refused request", "told as if it had been");
	why = two_more(&scene, &nl, false);
	if (*why)
		return wrong("request", why);
	if (event(&ear) != E2EE_EVENT_DIGEST_FILLING)
		return wrong("request", "not told");
	if (ctl_session_flags(&scene.ctl, scene.session, 0) ||
	    event(&ear) != E2EE_EVENT_SESSION_SET)
		return wrong("request", "told twice");
	return 0;
}

TEST(memory_fills)
{
	EXPECT_EQ(0, user_child(filling, NULL));
}

TEST_HARNESS_MAIN
