// SPDX-License-Identifier: GPL-2.0
/*
 * The lock of an engine's socket is the engine's: whoever sleeps with it stops
 * neither control nor the guards of others. Here a sender does, with half a
 * datagram, for want of send buffer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/caught.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC		0x10c4ed
#define FIRST		7000
#define LAST		7099
#define LONG_WAIT	60000	/* ms: after a hold waited 5 s */
#define TIMES		20	/* that a request is refused at once ... */
#define AT_ONCE		1000	/* ... in ms, all of them */

FIXTURE(lock)
{
	struct scene scene;
	struct sframe_key tx;
	struct addr to;		/* behind the device that sends late */
	int fd;			/* the socket that is locked, of FIRST */
	struct addr addr;	/* and where it listens */
	struct caught caught;
};

FIXTURE_VARIANT(lock)
{
	enum sock_kind kind;
};

FIXTURE_VARIANT_ADD(lock, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(lock, v6) { .kind = SOCK_V6 };

FIXTURE_SETUP(lock)
{
	ASSERT_TRUE(objects_all_gone());
	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, NULL));
	sframe_key_random(&self->tx, 5, 300);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL));
	ASSERT_EQ(0, caught_device(variant->kind, &self->to));
	self->fd = caught_socket(variant->kind, FIRST, &self->to);
	ASSERT_LE(0, self->fd);
	addr_loopback(&self->addr, variant->kind, FIRST);
	ASSERT_TRUE(caught_start(&self->caught, self->fd, &self->to, MSG_MORE,
				 SSRC));
}

FIXTURE_TEARDOWN(lock)
{
	/* what waits in it keeps its socket, and that the namespace */
	run("tc qdisc del dev d0 root");
	close(self->fd);
	scene_close(&self->scene);
}

/* Something asked of the kernel by a thread of its own */
struct asker {
	pthread_t thread;
	int (*ask)(struct ctl *ctl, const struct asker *asker);
	uint32_t session;
	int fd;
	volatile pid_t tid;
	volatile bool done;
	int ret;
};

static void *ask_thread(void *arg)
{
	struct asker *asker = arg;
	struct ctl ctl;

	asker->ret = ctl_open(&ctl);
	asker->tid = (pid_t)syscall(SYS_gettid);
	if (!asker->ret) {
		asker->ret = asker->ask(&ctl, asker);
		ctl_close(&ctl);
	}
	asker->done = true;
	return NULL;
}

static int ask_attach(struct ctl *ctl, const struct asker *asker)
{
	return ctl_attach(ctl, asker->session, asker->fd, NULL);
}

static bool asker_start(struct asker *asker)
{
	int64_t end = now_ms() + SOCK_WAIT;

	if (pthread_create(&asker->thread, NULL, ask_thread, asker))
		return false;
	while (!asker->tid) {
		if (now_ms() > end)
			return false;
		poll(NULL, 0, 1);
	}
	return true;
}

static bool asker_ends(struct asker *asker)
{
	int64_t end = now_ms() + LONG_WAIT;

	while (!asker->done) {
		if (now_ms() > end)
			return false;
		poll(NULL, 0, 1);
	}
	pthread_join(asker->thread, NULL);
	return true;
}

TEST_F(lock, attaching_stops_nobody_else)
{
	struct ctl *ctl = &self->scene.ctl;
	uint32_t session;
	int64_t start;

	ctl->impatient = true;
	start = now_ms();
	for (unsigned int i = 0; i < TIMES; i++)
		ASSERT_EQ(-EAGAIN, ctl_attach(ctl, self->scene.session,
					      self->fd, NULL));
	/* it did not wait: not even for so many times as long */
	EXPECT_GT(AT_ONCE, now_ms() - start);
	EXPECT_EQ(-ENOENT, ctl_socket_get(ctl, self->fd, NULL, &session));
	ctl->impatient = false;
	caught_interrupt(&self->caught);
	EXPECT_EQ(-1, self->caught.ret);
	EXPECT_EQ(EINTR, self->caught.err);
	EXPECT_EQ(0, ctl_attach(ctl, self->scene.session, self->fd, NULL));
}

/* Whoever asks again gets the socket when its lock is free. */
TEST_F(lock, attached_when_it_is_free)
{
	struct asker attacher = {
		.ask = ask_attach, .session = self->scene.session,
		.fd = self->fd,
	};
	uint32_t session = 0;

	ASSERT_TRUE(asker_start(&attacher));
	/* it sleeps between two attempts */
	ASSERT_TRUE(thread_comes_to(attacher.tid, 'S'));
	EXPECT_FALSE(attacher.done);
	caught_interrupt(&self->caught);
	ASSERT_TRUE(asker_ends(&attacher));
	EXPECT_EQ(0, attacher.ret);
	EXPECT_EQ(0, ctl_socket_get(&self->scene.ctl, self->fd, NULL,
				    &session));
	EXPECT_EQ(self->scene.session, session);
}

static int guard_all(struct ctl *ctl, uint32_t session)
{
	const struct ctl_guard guard = { .first = FIRST, .last = LAST };
	uint32_t id;

	return ctl_guard_new(ctl, session, &guard, &id);
}

/* The first packet of a socket that is guarded arrives sealed. */
static int guarded_works(struct scene *scene, const struct sframe_key *key)
{
	int fd = sock_udp(scene->kind, LAST, NULL), peer, n;
	uint8_t packet[200], got[300];
	struct addr addr;

	peer = sock_udp(scene->kind, 0, &addr);
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	n = sock_send(fd, packet, sizeof(packet), &addr);
	if (n == sizeof(packet))
		n = sock_recv(peer, got, sizeof(got));
	if (n > 0)
		n = rtp_open(got, got, (size_t)n, key, NULL);
	close(peer);
	close(fd);
	return n == sizeof(packet) ? 0 : n;
}

/* In a namespace of its own, which is gone when it ends */
static int namespace(struct scene *scene)
{
	struct scene other;
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(!!scene_open(&other, scene->kind, NULL));
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

TEST_F(lock, guards_attach_others)
{
	long sessions = objects_alive("session");
	struct ctl_event event;
	uint8_t packet[200];
	struct ctl events;

	ASSERT_EQ(0, ctl_events_open(&events));
	ASSERT_EQ(0, guard_all(&self->scene.ctl, self->scene.session));
	/* makes the guard want the one that is locked */
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	close(self->scene.peer);
	self->scene.peer = sock_udp(variant->kind, 0, NULL);
	ASSERT_EQ(200, sock_send(self->scene.peer, packet, sizeof(packet),
				 &self->addr));
	EXPECT_EQ(0, guarded_works(&self->scene, &self->tx)) {
		TH_LOG("a guard waits for a socket's lock");
	}
	EXPECT_EQ(0, namespace(&self->scene));
	EXPECT_TRUE(objects_come_to("session", sessions)) {
		TH_LOG("a namespace ends not before a socket's lock is free");
	}
	ASSERT_EQ(0, ctl_event_wait(&events, E2EE_EVENT_ATTACH_FAILED,
				    LONG_WAIT, &event));
	EXPECT_EQ(EAGAIN, event.error);
	EXPECT_EQ(FIRST, event.port);
	EXPECT_TRUE(objects_come_to("hold", 0));
	caught_interrupt(&self->caught);
	/* its next packet is another chance */
	ASSERT_EQ(200, sock_send(self->scene.peer, packet, sizeof(packet),
				 &self->addr));
	EXPECT_EQ(0, ctl_event_wait(&events, E2EE_EVENT_ATTACHED, LONG_WAIT,
				    NULL));
	ctl_close(&events);
}

TEST_HARNESS_MAIN
