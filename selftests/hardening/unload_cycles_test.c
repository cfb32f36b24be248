// SPDX-License-Identifier: GPL-2.0
/*
 * The module comes and goes: load, attach, traffic both ways, close, unload,
 * over and over, while somebody tries to unload it all the time. It must stay
 * while a socket lives and go when none does; on its way out it says if an
 * object was created that was not destroyed. E2EE_SECONDS says for how long, at
 * most; runs add up in the report.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "lib/figures.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC	0xc7c1e5ed
#define PACKETS	20

struct remover {
	pthread_t thread;
	atomic_bool stop;
	atomic_uint gone;	/* how often it went */
	atomic_uint refused;
	atomic_int odd;		/* an errno that it should not be */
};

static void *remove_on(void *arg)
{
	struct remover *remover = arg;
	int err;

	while (!atomic_load(&remover->stop)) {
		err = module_unload("e2ee");
		if (!err)
			remover->gone++;
		else if (err == -EWOULDBLOCK)
			remover->refused++;
		else if (err != -ENOENT && err != -EBUSY)
			remover->odd = err;
		poll(NULL, 0, 1);	/* loading needs the CPU, too */
	}
	return NULL;
}

FIXTURE(cycles)
{
	struct scene scene;
	struct remover remover;
	struct sframe_key tx;
	struct sframe_key rx;
};

FIXTURE_SETUP(cycles)
{
	ASSERT_NE(NULL, module_file("e2ee"));
}

FIXTURE_TEARDOWN_PARENT(cycles)
{
	if (module_load("e2ee"))
		TH_LOG("e2ee.ko cannot be loaded again");
}

/* Until a socket is attached the module may go at any moment. */
static int attach(FIXTURE_DATA(cycles) *self, enum sock_kind kind)
{
	int64_t end = now_ms() + 4 * SOCK_WAIT;
	int err;

	do {
		module_load("e2ee");	/* may fail as it is on its way out */
		err = scene_open(&self->scene, kind, NULL);
		if (err) {
			close(self->scene.fd);
			close(self->scene.peer);
			if (self->scene.ctl.fd > 0)
				close(self->scene.ctl.fd);
		}
	} while (err && now_ms() < end);
	return err;
}

static const char *traffic(FIXTURE_DATA(cycles) *self)
{
	struct scene *scene = &self->scene;
	uint8_t packet[200], wire[600], opened[600];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = packet + RTP_HEADER,
		.len = sizeof(packet) - RTP_HEADER,
	};
	size_t len;
	int n;

	for (uint16_t seq = 0; seq < PACKETS; seq++) {
		rtp_plain(packet, sizeof(packet), SSRC, seq);
		if (sock_send(scene->fd, packet, sizeof(packet), NULL) != 200)
			return "not sent";
		n = sock_recv(scene->peer, wire, sizeof(wire));
		if (n < 0 || rtp_open(opened, wire, (size_t)n, &self->tx,
				      NULL) != 200)
			return "not sealed";
		rtp.seq = seq;
		rtp.ts = seq;
		len = rtp_seal(wire, &rtp, &self->rx, seq);
		if (sock_send(scene->peer, wire, len, NULL) != (int)len)
			return "not sent back";
		if (sock_recv(scene->fd, opened, sizeof(opened)) != 200)
			return "not opened";
	}
	return "";
}

/* Who was refused now has nothing from before under way: how often it went */
static unsigned int gone_till_now(const struct remover *remover)
{
	unsigned int refused = remover->refused;

	while (remover->refused == refused && !remover->odd)
		poll(NULL, 0, 1);
	return remover->gone;
}

/* One cycle up to the close */
static const char *live(FIXTURE_DATA(cycles) *self, enum sock_kind kind)
{
	const char *wrong;
	unsigned int gone;
	int err;

	err = attach(self, kind);
	if (err)
		return strerror(-err);
	gone = gone_till_now(&self->remover);
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	err = scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL);
	if (!err)
		err = scene_key(&self->scene, E2EE_DIR_RX, &self->rx, NULL);
	wrong = err ? strerror(-err) : traffic(self);
	if (gone_till_now(&self->remover) != gone)
		wrong = "unloaded while a socket was attached";
	scene_close(&self->scene);
	return wrong;
}

TEST_F_TIMEOUT(cycles, come_and_go, 7200)
{
	long rounds = short_or_long(10, 1000), seconds = seconds_or(0), round;
	int64_t end, begin = now_ms();
	unsigned int was;

	ASSERT_EQ(0, pthread_create(&self->remover.thread, NULL, remove_on,
				    &self->remover));
	for (round = 0; round < rounds; round++) {
		if (seconds && now_ms() - begin >= 1000 * seconds)
			break;
		was = self->remover.gone;
		ASSERT_STREQ("", live(self, round % 2 ? SOCK_V6 : SOCK_V4)) {
			TH_LOG("round %ld", round);
		}
		/* nothing keeps it any more */
		end = now_ms() + SOCK_WAIT;
		while (self->remover.gone == was && now_ms() < end)
			poll(NULL, 0, 1);
		ASSERT_LT(was, self->remover.gone) {
			TH_LOG("round %ld: it does not go", round);
		}
	}
	self->remover.stop = true;
	pthread_join(self->remover.thread, NULL);
	EXPECT_EQ(0, self->remover.odd);
	EXPECT_LT(0, round);
	EXPECT_LE((unsigned int)round, self->remover.gone);
	EXPECT_LT(0, self->remover.refused);
	TH_LOG("%ld cycles, %u times refused", round, self->remover.refused);
	figure_add("unload", "unload_cycles", (double)round);
}

TEST_HARNESS_MAIN
