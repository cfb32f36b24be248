// SPDX-License-Identifier: GPL-2.0
/*
 * A change of keys under load: nothing is lost, refused or in clear, and all
 * streams change at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lib/scene.h"
#include "kselftest_harness.h"

#define STREAMS		2
#define EPOCHS		100
#define IN_FLIGHT	200

struct stream {
	pthread_t thread;
	struct scene *scene;
	uint32_t ssrc;
	unsigned int epoch;	/* of the last packet seen */
	atomic_uint sent;
	atomic_uint seen;
	atomic_bool *stop;
	int failed;
};

FIXTURE(epoch)
{
	struct scene scene;
	struct sframe_key keys[EPOCHS + 1][STREAMS];
};

FIXTURE_SETUP(epoch)
{
	struct ctl_session options = { .flags = E2EE_SESSION_F_TX_ERRORS };
	unsigned int epoch, i;

	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, &options));
	for (epoch = 0; epoch <= EPOCHS; epoch++)
		for (i = 0; i < STREAMS; i++)
			sframe_key_random(&self->keys[epoch][i], 5,
					  epoch * STREAMS + i);
}

FIXTURE_TEARDOWN(epoch)
{
	scene_close(&self->scene);
}

static int install(FIXTURE_DATA(epoch) *self, unsigned int epoch)
{
	struct ctl_key more = { .mode = E2EE_SSRC_NUMBER, .epoch = epoch };
	int err = 0;

	for (unsigned int i = 0; i < STREAMS && !err; i++) {
		more.ssrc = i;
		err = scene_key(&self->scene, E2EE_DIR_TX,
				&self->keys[epoch][i], &more);
	}
	return err;
}

static int discard(FIXTURE_DATA(epoch) *self, unsigned int epoch)
{
	struct ctl_key id = { .dir = E2EE_DIR_TX, .mode = E2EE_SSRC_NUMBER };
	int err = 0;

	for (unsigned int i = 0; i < STREAMS && !err; i++) {
		id.kid = self->keys[epoch][i].kid;
		id.ssrc = i;
		err = ctl_key_del(&self->scene.ctl, self->scene.session, &id);
	}
	return err;
}

/* Sends as fast as the reader reads. */
static void *stream(void *arg)
{
	struct stream *stream = arg;
	uint8_t packet[300];

	while (!atomic_load(stream->stop)) {
		if (stream->sent - stream->seen > IN_FLIGHT) {
			sched_yield();
			continue;
		}
		rtp_plain(packet, sizeof(packet), stream->ssrc,
			  (uint16_t)stream->sent);
		stream->failed += sock_send(stream->scene->fd, packet,
					    sizeof(packet), NULL) != 300;
		stream->sent++;
	}
	return NULL;
}

struct reader {
	pthread_t thread;
	FIXTURE_DATA(epoch) *self;
	struct stream *streams;
	atomic_bool stop;
	atomic_uint newest;	/* epoch seen */
	const char *error;
};

/* The key that a packet names: KIDs number epochs and streams. */
static const char *check_packet(struct reader *reader, const uint8_t *got,
				size_t len)
{
	uint8_t opened[1000], wanted[300];
	struct stream *stream;
	unsigned int epoch;
	uint64_t kid;

	if (len == 300)
		return "in clear";
	/* config byte, then at most one byte of KID */
	kid = got[13] & 0x80 ? got[14] : got[13] >> 4;
	if (rtp_ssrc(got) >= STREAMS || kid % STREAMS != rtp_ssrc(got))
		return "key of another stream";
	stream = &reader->streams[rtp_ssrc(got)];
	epoch = (unsigned int)kid / STREAMS;
	if (epoch > EPOCHS ||
	    rtp_open(opened, got, len, &reader->self->keys[epoch]
		     [rtp_ssrc(got)], NULL) != 300)
		return "does not open";
	rtp_plain(wanted, 300, stream->ssrc, (uint16_t)stream->seen);
	if (memcmp(opened, wanted, 300))
		return "lost, or out of order";
	stream->seen++;
	/* senders may overtake each other, but none goes back */
	if (epoch < stream->epoch)
		return "old key after a newer one";
	stream->epoch = epoch;
	if (epoch > reader->newest)
		reader->newest = epoch;
	return NULL;
}

static void *reader(void *arg)
{
	struct reader *reader = arg;
	uint8_t got[1000];
	int n;

	while (!reader->error) {
		n = sock_recv_now(reader->self->scene.peer, got, sizeof(got));
		if (n > 0)
			reader->error = check_packet(reader, got, (size_t)n);
		else if (atomic_load(&reader->stop))
			break;
		else
			sock_poll(reader->self->scene.peer, POLLIN, 20);
	}
	/* let the senders come to an end */
	while (reader->error && !atomic_load(&reader->stop))
		for (n = 0; n < STREAMS; n++)
			reader->streams[n].seen =
				reader->streams[n].sent + 0;
	return NULL;
}

TEST_F_TIMEOUT(epoch, changes_under_load, 220)
{
	static struct stream streams[STREAMS];
	static struct reader checker;
	unsigned int epoch, i, total = 0;
	static atomic_bool stop;
	int big = 32 << 20;
	char wanted[32];
	int64_t end;

	setsockopt(self->scene.peer, SOL_SOCKET, SO_RCVBUFFORCE, &big,
		   sizeof(big));
	ASSERT_EQ(0, install(self, 0));
	checker.self = self;
	checker.streams = streams;
	for (i = 0; i < STREAMS; i++) {
		streams[i].scene = &self->scene;
		streams[i].ssrc = i;
		streams[i].stop = &stop;
		pthread_create(&streams[i].thread, NULL, stream, &streams[i]);
	}
	pthread_create(&checker.thread, NULL, reader, &checker);
	for (epoch = 1; epoch <= EPOCHS; epoch++) {
		ASSERT_EQ(0, install(self, epoch));
		ASSERT_EQ(0, ctl_session_epoch(&self->scene.ctl,
					       self->scene.session, epoch,
					       false));
		/* at once: a sender may be looking for them right now */
		ASSERT_EQ(0, discard(self, epoch - 1));
		/* the reader must see it: then it is in use */
		end = now_ms() + SOCK_WAIT;
		while (checker.newest < epoch && now_ms() < end)
			sched_yield();
		ASSERT_EQ(epoch, atomic_load(&checker.newest)) {
			TH_LOG("%s", checker.error);
		}
	}
	atomic_store(&stop, true);
	for (i = 0; i < STREAMS; i++) {
		pthread_join(streams[i].thread, NULL);
		EXPECT_EQ(0, streams[i].failed);
		total += streams[i].sent;
	}
	atomic_store(&checker.stop, true);
	pthread_join(checker.thread, NULL);
	EXPECT_EQ(NULL, checker.error) {
		TH_LOG("%s", checker.error);
	}
	for (i = 0; i < STREAMS; i++) {
		EXPECT_EQ(atomic_load(&streams[i].sent),
			  atomic_load(&streams[i].seen));
	}
	snprintf(wanted, sizeof(wanted), "tx_ok+%u", total);
	EXPECT_STREQ(wanted, scene_changes(&self->scene));
	EXPECT_LT(10 * EPOCHS, total);
}

static int send_one(struct scene *scene, uint32_t ssrc)
{
	uint8_t packet[100], got[200];
	int n;

	rtp_plain(packet, sizeof(packet), ssrc, 1);
	n = sock_send(scene->fd, packet, sizeof(packet), NULL);
	if (n < 0)
		return n;
	n = sock_recv(scene->peer, got, sizeof(got));
	return n < 0 ? n : got[13] & 0x80 ? got[14] : got[13] >> 4;
}

/* A stream that sends would stand without a key: refused, unless forced. */
TEST_F(epoch, refused_where_a_stream_would_lack_a_key)
{
	struct ctl *ctl = &self->scene.ctl;
	uint32_t session = self->scene.session;
	struct ctl_key more = {
		.mode = E2EE_SSRC_NUMBER, .ssrc = 0, .epoch = 1,
	};

	ASSERT_EQ(0, install(self, 0));
	ASSERT_EQ(0, send_one(&self->scene, 0));
	ASSERT_EQ(1, send_one(&self->scene, 1));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->keys[1][0],
			       &more));
	EXPECT_GT(0, ctl_session_epoch(ctl, session, 1, false));
	EXPECT_EQ(0, send_one(&self->scene, 0));
	EXPECT_EQ(1, send_one(&self->scene, 1));
	EXPECT_EQ(0, ctl_session_epoch(ctl, session, 1, true));
	EXPECT_EQ(2, send_one(&self->scene, 0));
	EXPECT_EQ(-ENOKEY, send_one(&self->scene, 1));
	more.ssrc = 1;
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->keys[1][1],
			       &more));
	EXPECT_EQ(3, send_one(&self->scene, 1));
	/* back again is a change as any other */
	EXPECT_EQ(0, ctl_session_epoch(ctl, session, 0, false));
	EXPECT_EQ(0, send_one(&self->scene, 0));
}

/* Shared and claimed keys follow their epoch, too. */
TEST_F(epoch, of_shared_and_claimed_keys)
{
	struct ctl_key any = { .mode = E2EE_SSRC_ANY, .epoch = 1 };
	struct ctl_key claim = { .mode = E2EE_SSRC_CLAIM, .epoch = 1 };
	struct ctl *ctl = &self->scene.ctl;

	ASSERT_EQ(0, install(self, 0));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->keys[1][0],
			       &any));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->keys[1][1],
			       &claim));
	EXPECT_EQ(0, send_one(&self->scene, 0));
	EXPECT_EQ(-ENOKEY, send_one(&self->scene, 7));
	EXPECT_EQ(0, ctl_session_epoch(ctl, self->scene.session, 1, false));
	EXPECT_EQ(3, send_one(&self->scene, 0));
	EXPECT_EQ(2, send_one(&self->scene, 1));
	EXPECT_EQ(2, send_one(&self->scene, 7));
	EXPECT_EQ(3, send_one(&self->scene, 0));
}

TEST_HARNESS_MAIN
