// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps: what they are narrowed to, more than one message full of each object,
 * and what they show while objects come and go.
 */
#include <errno.h>
#include <pthread.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>

#include "lib/commands.h"
#include "lib/harness.h"
#include "lib/stock.h"

FIXTURE(dump)
{
	struct stock stock;
};

FIXTURE_SETUP(dump)
{
	ASSERT_EQ(0, stock_open(&self->stock));
}

FIXTURE_TEARDOWN(dump)
{
	stock_close(&self->stock);
}

static int count_of(struct nl *nl, uint8_t cmd, uint32_t session,
		    const char *name)
{
	return nl_count(nl, nl_session(nl, cmd, session, name));
}

TEST_F(dump, filters)
{
	static const struct {
		uint8_t cmd;
		int all;
		int of_scene;
		int of_other;
	} wants[] = {
		{ E2EE_CMD_SESSION_GET, 2, 1, 1 },
		{ E2EE_CMD_KEY_GET, 2, 2, 0 },
		{ E2EE_CMD_SOCKET_GET, 1, 1, 0 },
		{ E2EE_CMD_GUARD_GET, 1, 1, 0 },
	};
	struct nl *nl = &self->stock.nl;
	struct nl_msg *msg;
	bool intr;

	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		uint8_t cmd = wants[i].cmd;

		EXPECT_EQ(wants[i].all, nl_count(nl, nl_begin(nl, cmd)));
		EXPECT_EQ(wants[i].of_scene, count_of(nl, cmd, 0, "scene"));
		EXPECT_EQ(wants[i].of_other,
			  count_of(nl, cmd, self->stock.other, NULL));
		EXPECT_EQ(-ENOENT, count_of(nl, cmd, 0, "nobody"));
		EXPECT_EQ(-EINVAL, count_of(nl, cmd, self->stock.other,
					    "scene"));
		msg = nl_begin(nl, cmd);
		EXPECT_EQ(0, nl_dump(nl, msg, NULL, NULL, &intr));
		free(msg);
		EXPECT_FALSE(intr);
	}
	/* by a session, and by nothing else */
	msg = nl_begin(nl, E2EE_CMD_KEY_GET);
	nl_put_key(msg, E2EE_DIR_TX, STOCK_TX_KID, NULL);
	EXPECT_EQ(-EINVAL, nl_count(nl, msg));
}

#define STAYING		10000
#define BATCH		500
#define CHURN_KID	1000000

struct churn {
	uint32_t session;
	bool stop;
	unsigned int rounds;
	int err;
};

/* Adds and deletes keys, at both ends of the list and in its middle */
static void *churn_keys(void *arg)
{
	struct churn *churn = arg;
	uint8_t secret[32];
	struct nl nl;
	struct nl_msg *msg;
	uint64_t kid;

	churn->err = nl_open(&nl);
	while (!churn->err && !__atomic_load_n(&churn->stop, __ATOMIC_RELAXED)) {
		kid = CHURN_KID + churn->rounds % 8;
		msg = nl_session(&nl, E2EE_CMD_KEY_NEW, churn->session, NULL);
		nl_fresh_secret(secret);
		nl_put_key(msg, E2EE_DIR_RX, kid, secret);
		churn->err = nl_do(&nl, msg);
		if (churn->err)
			break;
		if (churn->rounds >= 4) {
			kid = CHURN_KID + (churn->rounds - 4) % 8;
			msg = nl_session(&nl, E2EE_CMD_KEY_DEL,
					  churn->session, NULL);
			nl_put_key(msg, E2EE_DIR_RX, kid, NULL);
			churn->err = nl_do(&nl, msg);
		}
		__atomic_add_fetch(&churn->rounds, 1, __ATOMIC_RELAXED);
	}
	nl_close(&nl);
	return NULL;
}

struct seen {
	uint8_t times[STAYING];
	unsigned int others;
};

static void note_key(void *arg, const struct nlmsghdr *n)
{
	uint64_t kid = nl_get_u64(nl_find(n, E2EE_A_KEY, E2EE_A_KEY_KID));
	struct seen *seen = arg;

	if (kid < STAYING)
		seen->times[kid]++;
	else
		seen->others++;
}

/*
 * Ten thousand keys that stay, and some that come and go while dumps run: each
 * that stays is shown once in every dump. A dump that met a change says so.
 */
TEST_F(dump, while_changing)
{
	struct churn churn = { .session = self->stock.other };
	static struct seen seen;
	struct nl *nl = &self->stock.nl;
	unsigned int interrupted = 0;
	uint8_t secret[32];
	struct nl_msg *msg;
	pthread_t thread;
	bool intr;

	for (uint64_t kid = 0; kid < STAYING; kid += BATCH) {
		msg = nl_session(nl, E2EE_CMD_KEY_NEW, self->stock.other, NULL);
		for (uint64_t i = kid; i < kid + BATCH; i++) {
			nl_fresh_secret(secret);
			nl_put_key(msg, E2EE_DIR_RX, i, secret);
		}
		ASSERT_EQ(0, nl_do(nl, msg));
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, churn_keys, &churn));
	while (__atomic_load_n(&churn.rounds, __ATOMIC_RELAXED) < 10 &&
	       !churn.err)
		poll(NULL, 0, 1);
	/* on a busy machine the other thread may not have its turn in five */
	for (int round = 0; round < 5 || (!interrupted && round < 200);
	     round++) {
		memset(&seen, 0, sizeof(seen));
		msg = nl_session(nl, E2EE_CMD_KEY_GET, self->stock.other, NULL);
		ASSERT_EQ(0, nl_dump(nl, msg, note_key, &seen, &intr));
		free(msg);
		interrupted += intr;
		for (int i = 0; i < STAYING; i++) {
			ASSERT_EQ(1, seen.times[i]) TH_LOG("key %d", i);
		}
	}
	__atomic_store_n(&churn.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, churn.err);
	EXPECT_LT(0, interrupted);
	memset(&seen, 0, sizeof(seen));
	msg = nl_session(nl, E2EE_CMD_KEY_GET, self->stock.other, NULL);
	ASSERT_EQ(0, nl_dump(nl, msg, note_key, &seen, &intr));
	free(msg);
	EXPECT_FALSE(intr);
	EXPECT_EQ(4, seen.others);
}

/* A dump whose place was deleted goes on with what came behind it. */
TEST_F(dump, place_deleted)
{
	struct nl *nl = &self->stock.nl;
	uint8_t secret[32], buf[32768];
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nl deleter;
	static struct seen seen;
	struct nlmsghdr *n;
	struct nl_msg *msg;
	bool intr = false, done = false;
	uint64_t last, kid;
	ssize_t len;

	ASSERT_EQ(0, nl_open(&deleter));
	msg = nl_session(nl, E2EE_CMD_KEY_NEW, self->stock.other, NULL);
	for (kid = 0; kid < 1000; kid++) {
		nl_fresh_secret(secret);
		nl_put_key(msg, E2EE_DIR_RX, kid, secret);
	}
	ASSERT_EQ(0, nl_do(nl, msg));
	msg = nl_session(nl, E2EE_CMD_KEY_GET, self->stock.other, NULL);
	n = (void *)msg->data;
	n->nlmsg_len = (uint32_t)msg->len;
	n->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ASSERT_EQ((ssize_t)msg->len,
		  sendto(nl->fd, msg->data, msg->len, 0,
			 (struct sockaddr *)&kernel, sizeof(kernel)));
	free(msg);
	while (!done) {
		len = recv(nl->fd, buf, sizeof(buf), 0);
		ASSERT_LT(0, len);
		last = UINT64_MAX;
		for (n = (void *)buf; NLMSG_OK(n, (size_t)len);
		     n = NLMSG_NEXT(n, len)) {
			intr |= !!(n->nlmsg_flags & NLM_F_DUMP_INTR);
			done = n->nlmsg_type == NLMSG_DONE;
			if (done)
				break;
			note_key(&seen, n);
			last = nl_get_u64(nl_find(n, E2EE_A_KEY,
						  E2EE_A_KEY_KID));
		}
		if (done || last == UINT64_MAX || last == 999)
			continue;
		/* the kernel filled one more message meanwhile, if at all */
		for (kid = last; kid < last + 5 && kid < 1000; kid++) {
			msg = nl_session(&deleter, E2EE_CMD_KEY_DEL,
					  self->stock.other, NULL);
			nl_put_key(msg, E2EE_DIR_RX, kid, NULL);
			ASSERT_EQ(0, nl_do(&deleter, msg));
			seen.times[kid] |= 0x80;
		}
	}
	nl_close(&deleter);
	EXPECT_TRUE(intr);
	for (kid = 0; kid < 1000; kid++) {
		if (seen.times[kid] & 0x80) {
			ASSERT_GE(1, seen.times[kid] & 0x7f);
			continue;
		}
		ASSERT_EQ(1, seen.times[kid]) TH_LOG("key %d", (int)kid);
	}
}

/* What may change while somebody lists; each step undoes the one before, or not */
static int change_session_new(struct stock *stock, uint32_t *id)
{
	return ctl_session_new(&stock->scene.ctl, "changing", NULL, id);
}

static int change_session_set(struct stock *stock, uint32_t *id)
{
	return ctl_session_policy(&stock->scene.ctl, *id,
				  E2EE_POLICY_OPTIONAL);
}

static int change_session_del(struct stock *stock, uint32_t *id)
{
	return ctl_session_del(&stock->scene.ctl, *id);
}

static int change_guard_new(struct stock *stock, uint32_t *id)
{
	const struct ctl_guard guard = { .first = 53000 };

	return ctl_guard_new(&stock->scene.ctl, stock->other, &guard, id);
}

static int change_guard_del(struct stock *stock, uint32_t *id)
{
	return ctl_guard_del(&stock->scene.ctl, *id);
}

static int change_key(struct stock *stock, uint8_t cmd)
{
	uint8_t secret[32];
	struct nl_msg *msg;
	struct nl nl;
	int err;

	err = nl_open(&nl);
	if (err)
		return err;
	msg = nl_session(&nl, cmd, stock->other, NULL);
	nl_fresh_secret(secret);
	nl_put_key(msg, E2EE_DIR_RX, CHURN_KID,
		   cmd == E2EE_CMD_KEY_NEW ? secret : NULL);
	err = nl_do(&nl, msg);
	nl_close(&nl);
	return err;
}

static int change_key_new(struct stock *stock, uint32_t *id)
{
	return change_key(stock, E2EE_CMD_KEY_NEW);
}

static int change_key_del(struct stock *stock, uint32_t *id)
{
	return change_key(stock, E2EE_CMD_KEY_DEL);
}

static int change_socket_new(struct stock *stock, uint32_t *id)
{
	*id = (uint32_t)sock_udp(SOCK_V4, 0, NULL);
	return ctl_attach(&stock->scene.ctl, stock->other, (int)*id, NULL);
}

/* Begins a list of keys, changes something in the middle of it, and reads on */
static int list_and_change(struct stock *stock,
			   int (*change)(struct stock *stock, uint32_t *id),
			   uint32_t *id, bool *intr)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nl *nl = &stock->nl;
	bool changed = false;
	struct nl_msg *msg;
	struct nlmsghdr *n;
	uint8_t buf[32768];
	ssize_t len;
	int err = 0;

	msg = nl_session(nl, E2EE_CMD_KEY_GET, stock->other, NULL);
	n = (void *)msg->data;
	n->nlmsg_len = (uint32_t)msg->len;
	n->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	len = sendto(nl->fd, msg->data, msg->len, 0,
		     (struct sockaddr *)&kernel, sizeof(kernel));
	free(msg);
	*intr = false;
	while (len > 0 && !err) {
		len = recv(nl->fd, buf, sizeof(buf), 0);
		for (n = (void *)buf; len > 0 && NLMSG_OK(n, (size_t)len);
		     n = NLMSG_NEXT(n, len)) {
			*intr |= !!(n->nlmsg_flags & NLM_F_DUMP_INTR);
			if (n->nlmsg_type == NLMSG_DONE)
				return 0;
		}
		if (!changed && change)
			err = change(stock, id);
		changed = true;
		len = 1;
	}
	return err ?: -EIO;
}

/* A list during which anything of the namespace changed says so. */
TEST_F(dump, told_of_each_change)
{
	static const struct {
		const char *name;
		int (*change)(struct stock *stock, uint32_t *id);
	} steps[] = {
		{ "session_new", change_session_new },
		{ "session_set", change_session_set },
		{ "session_del", change_session_del },
		{ "guard_new", change_guard_new },
		{ "guard_del", change_guard_del },
		{ "key_new", change_key_new },
		{ "key_del", change_key_del },
		{ "socket_new", change_socket_new },
	};
	struct nl *nl = &self->stock.nl;
	uint8_t secret[32];
	struct nl_msg *msg;
	uint32_t id = 0;
	bool intr;

	msg = nl_session(nl, E2EE_CMD_KEY_NEW, self->stock.other, NULL);
	for (uint64_t kid = 0; kid < 1000; kid++) {
		nl_fresh_secret(secret);
		nl_put_key(msg, E2EE_DIR_RX, kid, secret);
	}
	ASSERT_EQ(0, nl_do(nl, msg));
	ASSERT_EQ(0, list_and_change(&self->stock, NULL, NULL, &intr));
	EXPECT_FALSE(intr);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		ASSERT_EQ(0, list_and_change(&self->stock, steps[i].change,
					     &id, &intr)) {
			TH_LOG("%s", steps[i].name);
		}
		EXPECT_TRUE(intr) {
			TH_LOG("%s", steps[i].name);
		}
	}
	close((int)id);
}

#define SOCKETS	200

/* More than one message full of each: none is lost, none shown twice */
TEST_F(dump, many_messages)
{
	static const uint8_t cmds[] = {
		E2EE_CMD_SESSION_GET, E2EE_CMD_SOCKET_GET, E2EE_CMD_GUARD_GET,
	};
	struct ctl *ctl = &self->stock.scene.ctl;
	struct nl *nl = &self->stock.nl;
	int fds[SOCKETS];
	char name[32];
	uint32_t id;

	for (int i = 0; i < SOCKETS - 2; i++) {
		struct ctl_guard guard = { .first = (uint16_t)(51000 + i) };

		snprintf(name, sizeof(name), "session-%d", i);
		ASSERT_EQ(0, ctl_session_new(ctl, name, NULL, &id));
		ASSERT_EQ(0, ctl_guard_new(ctl, id, &guard, &id));
	}
	ASSERT_EQ(0, ctl_guard_new(ctl, self->stock.other,
				   &(struct ctl_guard){ .first = 52000 }, &id));
	for (int i = 0; i < SOCKETS - 1; i++) {
		fds[i] = sock_udp(SOCK_V4, 0, NULL);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, ctl_attach(ctl, self->stock.other, fds[i], NULL));
	}
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		EXPECT_EQ(SOCKETS, nl_count(nl, nl_begin(nl, cmds[i])));
	EXPECT_EQ(SOCKETS - 1,
		  count_of(nl, E2EE_CMD_SOCKET_GET, self->stock.other, NULL));
	for (int i = 0; i < SOCKETS - 1; i++)
		close(fds[i]);
	/* a closed socket is gone with its last reference, a moment later */
	while (nl_count(nl, nl_begin(nl, E2EE_CMD_SOCKET_GET)) != 1)
		poll(NULL, 0, 1);
}

#define STAYING_SOCKETS	4
#define CLOSING_SOCKETS	16

struct closer {
	uint32_t session;
	bool stop;
	unsigned int rounds;
	int err;
};

/* Attaches some sockets, and closes them all, which takes no lock of a dump */
static void *churn_sockets(void *arg)
{
	struct closer *closer = arg;
	int fds[CLOSING_SOCKETS];
	struct ctl ctl;
	int i;

	closer->err = ctl_open(&ctl);
	while (!closer->err &&
	       !__atomic_load_n(&closer->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < CLOSING_SOCKETS; i++) {
			fds[i] = sock_udp(SOCK_V4, 0, NULL);
			closer->err |= ctl_attach(&ctl, closer->session, fds[i],
						  NULL);
		}
		for (i = 0; i < CLOSING_SOCKETS; i++)
			close(fds[i]);
		__atomic_add_fetch(&closer->rounds, 1, __ATOMIC_RELAXED);
	}
	ctl_close(&ctl);
	return NULL;
}

struct seen_sockets {
	uint64_t ids[STAYING_SOCKETS];
	unsigned int times[STAYING_SOCKETS];
};

static void note_socket(void *arg, const struct nlmsghdr *n)
{
	uint64_t id = nl_get_u64(nl_find(n, E2EE_A_SOCKET, E2EE_A_SOCKET_ID));
	struct seen_sockets *seen = arg;

	for (int i = 0; i < STAYING_SOCKETS; i++)
		seen->times[i] += seen->ids[i] == id;
}

/* Sockets that stay are shown once, though others are attached and closed. */
TEST_F(dump, sockets_closing)
{
	const struct ctl_session off = { .policy = E2EE_POLICY_OFF };
	struct closer closer = { 0 };
	struct ctl *ctl = &self->stock.scene.ctl;
	struct seen_sockets seen = { 0 };
	struct nl *nl = &self->stock.nl;
	int fds[STAYING_SOCKETS];
	int64_t end = now_ms() + 60000;
	struct nl_msg *msg;
	pthread_t thread;

	for (int i = 0; i < STAYING_SOCKETS; i++) {
		fds[i] = sock_udp(SOCK_V4, 0, NULL);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, ctl_attach(ctl, self->stock.other, fds[i],
					&seen.ids[i]));
	}
	ASSERT_EQ(0, ctl_session_new(ctl, "closing", &off, &closer.session));
	ASSERT_EQ(0, pthread_create(&thread, NULL, churn_sockets, &closer));
	while (__atomic_load_n(&closer.rounds, __ATOMIC_RELAXED) < 50) {
		ASSERT_GT(end, now_ms());
		ASSERT_EQ(0, closer.err);
		memset(seen.times, 0, sizeof(seen.times));
		msg = nl_begin(nl, E2EE_CMD_SOCKET_GET);
		ASSERT_EQ(0, nl_dump(nl, msg, note_socket, &seen, NULL));
		free(msg);
		for (int i = 0; i < STAYING_SOCKETS; i++)
			ASSERT_EQ(1, seen.times[i]);
	}
	__atomic_store_n(&closer.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, closer.err);
	for (int i = 0; i < STAYING_SOCKETS; i++)
		close(fds[i]);
}

TEST_HARNESS_MAIN
