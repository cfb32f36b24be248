// SPDX-License-Identifier: GPL-2.0
/*
 * A cipher that fails, that answers late, and that answers only when the socket
 * is closed, the session deleted, the namespace gone or the module told to go:
 * nothing in clear, nothing delivered that is not authenticated, nothing lost
 * track of. By a driver of our own, e2ee_late.ko.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "lib/figures.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC	0x1a7e1a7e
#define LATE	"/sys/kernel/debug/e2ee_late/"

enum late_mode {		/* as in kmod/tests/late.c */
	LATE_NOW,
	LATE_SOON,
	LATE_HOLD,
	LATE_EIO,
	LATE_ENOMEM,
};

static void put(const char *name, unsigned int value)
{
	FILE *file = fopen(name, "we");

	if (!file || fprintf(file, "%u\n", value) < 0 || fclose(file)) {
		perror(name);
		abort();
	}
}

static void mode(enum late_mode mode)
{
	put(LATE "mode", mode);
}

/* Requests that wait are answered: 0, or this errno */
static void release(unsigned int err)
{
	put(LATE "release", err);
}

static unsigned int held(void)
{
	FILE *file = fopen(LATE "held", "re");
	unsigned int value = 0;

	if (!file || fscanf(file, "%u", &value) != 1)
		abort();
	fclose(file);
	return value;
}

static bool held_comes_to(unsigned int wanted)
{
	int64_t end = now_ms() + SOCK_WAIT;

	while (held() != wanted) {
		if (now_ms() > end)
			return false;
		poll(NULL, 0, 5);
	}
	return true;
}

FIXTURE(late)
{
	struct scene scene;
	struct sframe_key tx;
	struct sframe_key rx;
	uint16_t seq;
};

FIXTURE_VARIANT(late)
{
	enum sock_kind kind;
};

FIXTURE_VARIANT_ADD(late, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(late, v6) { .kind = SOCK_V6 };

static int open_scene(FIXTURE_DATA(late) *self, enum sock_kind kind)
{
	const struct ctl_session options = { .crypto = "e2ee-late" };
	int err = scene_open(&self->scene, kind, &options);

	if (err)
		return err;
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	err = scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL);
	if (!err)
		err = scene_key(&self->scene, E2EE_DIR_RX, &self->rx, NULL);
	scene_changes(&self->scene);
	return err;
}

FIXTURE_SETUP(late)
{
	ASSERT_EQ(0, module_load("e2ee"));
	ASSERT_EQ(0, module_load("e2ee_late"));
	mode(LATE_NOW);
	ASSERT_TRUE(objects_all_gone());
	ASSERT_EQ(0, open_scene(self, variant->kind));
}

/* All goes, both modules at the end; others need ours */
FIXTURE_TEARDOWN(late)
{
	mode(LATE_NOW);
	while (held())
		release(0);
	close(self->scene.fd);
	close(self->scene.peer);
	ctl_close(&self->scene.ctl);
	EXPECT_TRUE(objects_come_to("socket", 0));
	EXPECT_EQ(0, objects_alive("late"));
	EXPECT_EQ(0, module_unload_soon("e2ee"));
	EXPECT_EQ(0, module_unload_soon("e2ee_late"));
	EXPECT_EQ(0, module_load("e2ee"));
}

struct sender {
	FIXTURE_DATA(late) *self;
	pthread_t thread;
	uint16_t seq;
	int ret;
};

static int send_one(FIXTURE_DATA(late) *self, uint16_t seq)
{
	uint8_t packet[200];

	rtp_plain(packet, sizeof(packet), SSRC, seq);
	return sock_send(self->scene.fd, packet, sizeof(packet), NULL);
}

static void *send_thread(void *arg)
{
	struct sender *sender = arg;

	sender->ret = send_one(sender->self, sender->seq);
	return NULL;
}

static void sender_start(struct sender *sender, FIXTURE_DATA(late) *self)
{
	sender->self = self;
	sender->seq = self->seq++;
	if (pthread_create(&sender->thread, NULL, send_thread, sender))
		abort();
}

/* The next packet on the wire: "" if it is this one, sealed */
static const char *wire(FIXTURE_DATA(late) *self, uint16_t seq, uint64_t *ctr)
{
	uint8_t got[600], opened[600], wanted[200];
	int n = sock_recv(self->scene.peer, got, sizeof(got));

	if (n < 0)
		return "nothing on the wire";
	rtp_plain(wanted, sizeof(wanted), SSRC, seq);
	n = rtp_open(opened, got, (size_t)n, &self->tx, ctr);
	if (n != (int)sizeof(wanted) || memcmp(opened, wanted, sizeof(wanted)))
		return "not as it should be";
	return "";
}

static size_t seal(uint8_t *out, FIXTURE_DATA(late) *self, uint64_t ctr)
{
	uint8_t payload[100];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .seq = (uint16_t)ctr,
		.payload = payload, .len = sizeof(payload),
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	return rtp_seal(out, &rtp, &self->rx, ctr);
}

static int arrive(FIXTURE_DATA(late) *self, uint64_t ctr)
{
	uint8_t packet[300];

	return sock_send(self->scene.peer, packet, seal(packet, self, ctr),
			 NULL);
}

/* "" if the next packet that is delivered is this one */
static const char *delivered(FIXTURE_DATA(late) *self, uint64_t ctr)
{
	uint8_t payload[100], got[300], wanted[300];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .seq = (uint16_t)ctr,
		.payload = payload, .len = sizeof(payload),
	};
	int n = sock_recv(self->scene.fd, got, sizeof(got));

	if (n < 0)
		return "nothing delivered";
	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	if ((size_t)n != rtp_build(wanted, &rtp) ||
	    memcmp(got, wanted, (size_t)n))
		return "another one delivered";
	return "";
}

static const enum late_mode failures[] = { LATE_EIO, LATE_ENOMEM };

/* Whoever sends does not wait for the cipher, and so is told of no failure. */
TEST_F(late, sealing_fails)
{
	uint64_t ctr, spent = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(failures); i++) {
		mode(failures[i]);
		EXPECT_EQ(200, send_one(self, 1));
		EXPECT_TRUE(objects_come_to("late", 0));
		EXPECT_STREQ("tx_failed+1", scene_changes(&self->scene));
		spent++;
		EXPECT_EQ(0, scene_flush(self->scene.fd, self->scene.peer));
		mode(LATE_NOW);
		EXPECT_EQ(200, send_one(self, 2));
		EXPECT_STREQ("", wire(self, 2, &ctr));
		EXPECT_EQ(spent, ctr) {
			TH_LOG("a CTR whose sealing failed is spent");
		}
		spent++;
		scene_changes(&self->scene);
	}
}

TEST_F(late, opening_fails)
{
	static const enum late_mode modes[] = { LATE_EIO, LATE_ENOMEM };

	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		mode(modes[i]);
		ASSERT_LT(0, arrive(self, i));
		EXPECT_EQ(-ETIMEDOUT, sock_poll(self->scene.fd, POLLIN, 200) ?
			  0 : -ETIMEDOUT);
		EXPECT_TRUE(objects_come_to("late", 0));
		EXPECT_STREQ("rx_busy+1", scene_changes(&self->scene));
		/* nothing was authenticated: the window has not moved */
		mode(LATE_NOW);
		ASSERT_LT(0, arrive(self, i));
		EXPECT_STREQ("", delivered(self, i));
		EXPECT_STREQ("rx_ok+1", scene_changes(&self->scene));
	}
}

/* Blocked, which is for good, comes last. */
static int come_to(struct scene *scene, uint32_t policy)
{
	if (policy == E2EE_POLICY_BLOCKED)
		return ctl_session_del(&scene->ctl, scene->session);
	return ctl_session_policy(&scene->ctl, scene->session, policy);
}

/* The row of a failing cipher, in each column of the two tables */
static const struct {
	uint32_t policy;
	const char *tx;
	const char *rx;
} columns[] = {
	{ E2EE_POLICY_REQUIRED, "tx_failed+1", "rx_busy+1" },
	{ E2EE_POLICY_OPTIONAL, "tx_failed+1", "rx_busy+1" },
	{ E2EE_POLICY_OFF, "tx_off+1", "rx_off+1" },
	{ E2EE_POLICY_BLOCKED, "tx_blocked+1", "rx_blocked+1" },
};

TEST_F(late, failing_by_policy)
{
	struct scene *scene = &self->scene;
	uint8_t got[600];
	unsigned int i, how;
	bool off;

	for (i = 0; i < 2 * ARRAY_SIZE(columns); i++) {
		how = i % 2;
		off = columns[i / 2].policy == E2EE_POLICY_OFF;
		if (!how) {
			ASSERT_EQ(0, come_to(scene, columns[i / 2].policy));
		}
		mode(failures[how]);
		EXPECT_EQ(200, send_one(self, 1));
		EXPECT_TRUE(objects_come_to("late", 0));
		EXPECT_STREQ(columns[i / 2].tx, scene_changes(scene));
		/* in clear only where the policy says so */
		EXPECT_EQ(off, scene_flush(scene->fd, scene->peer));
		scene_changes(scene);
		ASSERT_LT(0, arrive(self, i));
		EXPECT_TRUE(objects_come_to("late", 0));
		EXPECT_STREQ(columns[i / 2].rx, scene_changes(scene));
		EXPECT_EQ(off, sock_recv_now(scene->fd, got, sizeof(got)) > 0);
		mode(LATE_NOW);
	}
}

static void receive_buffer(int fd, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)))
		abort();
}

/* "" if the next packet that is delivered is this one, as it arrived */
static const char *delivered_sealed(FIXTURE_DATA(late) *self, uint64_t ctr)
{
	uint8_t got[300], wanted[300];
	size_t len = seal(wanted, self, ctr);
	int n = sock_recv(self->scene.fd, got, sizeof(got));

	if (n < 0)
		return "nothing delivered";
	return (size_t)n == len && !memcmp(got, wanted, len) ? "" :
	       "another one delivered";
}

static bool received_comes_to(FIXTURE_DATA(late) *self, uint64_t wanted)
{
	int64_t end = now_ms() + SOCK_WAIT;
	uint64_t stats[CTL_STATS], sum;
	unsigned int i;

	do {
		if (ctl_socket_stats(&self->scene.ctl, self->scene.fd, stats))
			return false;
		sum = 0;
		for (i = E2EE_A_STAT_RX_OK; i <= E2EE_A_STAT_RX_BLOCKED; i++)
			sum += stats[i];
	} while (sum < wanted && now_ms() < end);
	return sum == wanted;
}

/* The row of a full queue, and what becomes of the packets that are in it */
static const struct {
	uint32_t policy;
	const char *full;
	const char *queued;	/* of each, unless it is opened */
} queues[] = {
	{ E2EE_POLICY_REQUIRED, "rx_busy+1", NULL },
	{ E2EE_POLICY_OPTIONAL, "rx_busy+1", NULL },
	{ E2EE_POLICY_OFF, "rx_off+1", "rx_off" },
	{ E2EE_POLICY_BLOCKED, "rx_blocked+1", "rx_blocked" },
};

#define QUEUE_MAX	20

TEST_F(late, queue_full_by_policy)
{
	struct scene *scene = &self->scene;
	uint64_t ctr = 100, first, all = 0;
	const char *changes = "";
	unsigned int i, queued;
	bool off, blocked;
	char wanted[64];

	ASSERT_EQ(0, sock_pin());
	for (i = 0; i < ARRAY_SIZE(queues); i++) {
		off = queues[i].policy == E2EE_POLICY_OFF;
		blocked = queues[i].policy == E2EE_POLICY_BLOCKED;
		ASSERT_EQ(0, come_to(scene, E2EE_POLICY_REQUIRED));
		receive_buffer(scene->fd, 1);
		mode(LATE_HOLD);
		first = ctr;
		ASSERT_LT(0, arrive(self, ctr++));
		ASSERT_TRUE(held_comes_to(1));
		ASSERT_EQ(0, come_to(scene, queues[i].policy));
		for (queued = 0; queued < QUEUE_MAX; queued++) {
			ASSERT_LT(0, arrive(self, ctr++));
			changes = scene_changes(scene);
			if (*changes)
				break;
		}
		ASSERT_LT(0, queued);
		EXPECT_STREQ(queues[i].full, changes);
		/* it overtakes those that wait, or is lost */
		if (off) {
			EXPECT_STREQ("", delivered_sealed(self, ctr - 1));
		}
		EXPECT_EQ(0, sock_poll(scene->fd, POLLIN, 0));

		receive_buffer(scene->fd, 1 << 17);
		mode(LATE_NOW);
		release(0);
		all += 1 + queued + 1;
		EXPECT_TRUE(received_comes_to(self, all));
		/* the cipher has it already: off cannot undo that */
		if (blocked)
			snprintf(wanted, sizeof(wanted), "%s+%u",
				 queues[i].queued, 1 + queued);
		else if (off)
			snprintf(wanted, sizeof(wanted), "rx_ok+1 %s+%u",
				 queues[i].queued, queued);
		else
			snprintf(wanted, sizeof(wanted), "rx_ok+%u",
				 1 + queued);
		EXPECT_STREQ(wanted, scene_changes(scene));
		if (!blocked) {
			EXPECT_STREQ("", delivered(self, first));
		}
		for (first++; !blocked && first < ctr - 1; first++) {
			EXPECT_STREQ("", off ? delivered_sealed(self, first) :
					       delivered(self, first));
		}
		EXPECT_EQ(0, sock_poll(scene->fd, POLLIN, 0));
	}
}

TEST_F(late, sealed_late)
{
	struct sender sender;
	uint64_t ctr;

	mode(LATE_HOLD);
	sender_start(&sender, self);
	ASSERT_TRUE(held_comes_to(1));
	EXPECT_EQ(0, sock_poll(self->scene.peer, POLLIN, 0));
	release(0);
	pthread_join(sender.thread, NULL);
	EXPECT_EQ(200, sender.ret);
	EXPECT_STREQ("", wire(self, sender.seq, &ctr));
	EXPECT_STREQ("tx_ok+1", scene_changes(&self->scene));

	/* late, and it failed */
	sender_start(&sender, self);
	ASSERT_TRUE(held_comes_to(1));
	release(EIO);
	pthread_join(sender.thread, NULL);
	EXPECT_EQ(200, sender.ret);
	EXPECT_TRUE(objects_come_to("late", 0));
	EXPECT_STREQ("tx_failed+1", scene_changes(&self->scene));
	EXPECT_EQ(0, scene_flush(self->scene.fd, self->scene.peer));
}

TEST_F(late, opened_late_in_order)
{
	const uint64_t packets = 5;

	mode(LATE_HOLD);
	for (uint64_t ctr = 0; ctr < packets; ctr++)
		ASSERT_LT(0, arrive(self, ctr));
	for (uint64_t ctr = 0; ctr < packets; ctr++) {
		ASSERT_TRUE(held_comes_to(1));
		EXPECT_EQ(0, sock_poll(self->scene.fd, POLLIN, 0));
		release(ctr == 2 ? EIO : 0);
		if (ctr != 2) {
			EXPECT_STREQ("", delivered(self, ctr));
		}
	}
	EXPECT_TRUE(objects_come_to("late", 0));
	EXPECT_STREQ("rx_ok+4 rx_busy+1", scene_changes(&self->scene));
}

/* The answer finds nobody: the socket was closed, ours told to go. */
TEST_F(late, answered_after_close)
{
	mode(LATE_HOLD);
	ASSERT_LT(0, arrive(self, 1));
	ASSERT_LT(0, arrive(self, 2));	/* queues behind it */
	ASSERT_TRUE(held_comes_to(1));
	close(self->scene.fd);
	EXPECT_EQ(-EWOULDBLOCK, module_unload("e2ee"));
	EXPECT_EQ(-EWOULDBLOCK, module_unload("e2ee_late"));
	EXPECT_EQ(2, objects_alive("late"));
	EXPECT_EQ(1, objects_alive("socket"));
	mode(LATE_NOW);
	release(0);
	EXPECT_TRUE(objects_come_to("late", 0));
	EXPECT_TRUE(objects_come_to("socket", 0));
}

/* Its key, and its session: the answer is that of the old key. */
TEST_F(late, answered_after_deletion)
{
	uint64_t stats[CTL_STATS];
	struct sender sender;

	mode(LATE_HOLD);
	sender_start(&sender, self);
	ASSERT_TRUE(held_comes_to(1));
	ASSERT_LT(0, arrive(self, 1));
	ASSERT_TRUE(held_comes_to(2));
	ASSERT_EQ(0, ctl_session_del(&self->scene.ctl, self->scene.session));
	release(0);
	pthread_join(sender.thread, NULL);
	EXPECT_EQ(200, sender.ret);
	EXPECT_TRUE(objects_come_to("late", 0));
	EXPECT_TRUE(objects_come_to("key", 0));
	/* what was opened before is not delivered: its session is deleted */
	EXPECT_EQ(0, sock_poll(self->scene.fd, POLLIN, 0));
	ASSERT_EQ(0, ctl_socket_stats(&self->scene.ctl, self->scene.fd, stats));
	EXPECT_EQ(0, stats[E2EE_A_STAT_RX_OK]);
	EXPECT_EQ(1, stats[E2EE_A_STAT_RX_BLOCKED]);
	/* what was sealed before may leave; in clear nothing does */
	if (sock_poll(self->scene.peer, POLLIN, 0)) {
		EXPECT_STREQ("", wire(self, sender.seq, NULL));
	}
	EXPECT_EQ(200, send_one(self, 77));
	EXPECT_EQ(0, scene_flush(self->scene.fd, self->scene.peer));
}

/*
 * Where there is a guard, no packet leaves that no sending key sealed. This one was
 * sealed by a key that is deleted by the time it leaves, and leaves all the same.
 */
TEST_F(late, sealed_before_key_deletion)
{
	const struct ctl_key request = {
		.dir = E2EE_DIR_TX, .kid = self->tx.kid,
	};
	const struct ctl_guard guard = { .first = 9 };
	struct scene *scene = &self->scene;
	struct sender sender;
	uint32_t id;

	ASSERT_EQ(0, ctl_guard_new(&scene->ctl, scene->session, &guard, &id));
	mode(LATE_HOLD);
	sender_start(&sender, self);
	ASSERT_TRUE(held_comes_to(1));
	ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session, &request));
	release(0);
	pthread_join(sender.thread, NULL);
	EXPECT_EQ(200, sender.ret);
	EXPECT_STREQ("", wire(self, sender.seq, NULL));
	EXPECT_STREQ("tx_ok+1", scene_changes(scene));
	ASSERT_EQ(0, ctl_guard_del(&scene->ctl, id));
}

/*
 * The key alone is deleted: with a window already or with none, it delivers nothing
 * after that, and what it did not deliver is not lost to the key that comes next.
 */
TEST_F(late, answered_after_key_deletion)
{
	const struct ctl_key request = {
		.dir = E2EE_DIR_RX, .kid = self->rx.kid,
	};
	struct scene *scene = &self->scene;

	for (uint64_t ctr = 0; ctr < 3; ctr++) {
		mode(LATE_HOLD);
		ASSERT_LT(0, arrive(self, ctr));
		ASSERT_TRUE(held_comes_to(1));
		ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session,
					 &request));
		release(0);
		EXPECT_TRUE(objects_come_to("late", 0));
		EXPECT_STREQ("rx_no_key+1", scene_changes(scene));
		EXPECT_EQ(0, sock_poll(scene->fd, POLLIN, 0));
		mode(LATE_NOW);
		ASSERT_EQ(0, scene_key(scene, E2EE_DIR_RX, &self->rx, NULL));
		ASSERT_LT(0, arrive(self, ctr));
		EXPECT_STREQ("", delivered(self, ctr));
		EXPECT_STREQ("rx_ok+1", scene_changes(scene));
	}
}

/* An engine dies, and its namespace with it, while both directions wait. */
TEST_F(late, answered_after_namespace)
{
	struct sender sender;
	int status, pair[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(pair));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		FIXTURE_DATA(late) own = { 0 };

		if (open_scene(&own, variant->kind))
			_exit(1);
		mode(LATE_HOLD);
		sender_start(&sender, &own);
		if (arrive(&own, 1) < 0 || !held_comes_to(2) ||
		    write(pair[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	close(pair[1]);
	ASSERT_EQ(1, read(pair[0], &byte, 1));
	close(pair[0]);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	/* its sender is inside until it is answered */
	EXPECT_EQ(2, held());
	EXPECT_EQ(-EWOULDBLOCK, module_unload("e2ee"));
	mode(LATE_NOW);
	release(0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(objects_come_to("late", 0));
	EXPECT_TRUE(objects_come_to("socket", 1));
	EXPECT_TRUE(objects_come_to("session", 1));
}

TEST_HARNESS_MAIN
