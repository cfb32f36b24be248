// SPDX-License-Identifier: GPL-2.0
/*
 * A change of keys under load: nothing is lost, refused or in clear, and all
 * streams change at once.
 *
 *	fd, attached, sends ----> lo ----> peer, attached, receives
 *	                           |
 *	                          tap: what is on the wire
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>

#include "lib/harness.h"
#include "lib/scene.h"

#define STREAMS		4	/* by SSRC, from 0 */
#define KEYS		3	/* an epoch: of SSRC 0, of SSRC 1, of the rest */
#define EPOCHS		80	/* KIDs of one byte */
#define IN_FLIGHT	100
#define SIZE		300

struct stream {
	pthread_t thread;
	struct scene *scene;
	uint32_t ssrc;
	unsigned int epoch;	/* of the last packet on the wire */
	atomic_uint sent;
	atomic_uint seen;	/* on the wire */
	atomic_uint received;
	atomic_bool *stop;
	int failed;
};

FIXTURE(epoch)
{
	struct scene scene;
	struct sframe_key keys[EPOCHS + 1][KEYS];
	uint32_t receivers;	/* session of the peer */
};

FIXTURE_SETUP(epoch)
{
	struct ctl_session options = { .flags = E2EE_SESSION_F_TX_ERRORS };
	unsigned int epoch, i;

	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, &options));
	for (epoch = 0; epoch <= EPOCHS; epoch++)
		for (i = 0; i < KEYS; i++)
			sframe_key_random(&self->keys[epoch][i], 5,
					  epoch * KEYS + i);
}

FIXTURE_TEARDOWN(epoch)
{
	scene_close(&self->scene);
}

static unsigned int key_of(uint32_t ssrc)
{
	return ssrc < KEYS - 1 ? ssrc : KEYS - 1;
}

static void identity(struct ctl_key *id, unsigned int epoch, unsigned int i)
{
	*id = (struct ctl_key){
		.dir = E2EE_DIR_TX, .kid = epoch * KEYS + i, .epoch = epoch,
		.mode = i < KEYS - 1 ? E2EE_SSRC_NUMBER : E2EE_SSRC_ANY,
		.ssrc = i < KEYS - 1 ? i : 0,
	};
}

/* The keys of an epoch, at the sender and, if it is attached, at the peer. */
static int install(FIXTURE_DATA(epoch) *self, unsigned int epoch)
{
	struct ctl_key key;
	int err = 0;

	for (unsigned int i = 0; i < KEYS && !err; i++) {
		identity(&key, epoch, i);
		err = scene_key(&self->scene, E2EE_DIR_TX,
				&self->keys[epoch][i], &key);
		if (err || !self->receivers)
			continue;
		key = (struct ctl_key){
			.dir = E2EE_DIR_RX, .kid = key.kid,
			.mode = E2EE_SSRC_ANY,
			.secret = self->keys[epoch][i].secret,
			.salt = self->keys[epoch][i].salt,
		};
		err = ctl_key_new(&self->scene.ctl, self->receivers, &key);
	}
	return err;
}

static int discard(FIXTURE_DATA(epoch) *self, unsigned int epoch)
{
	struct ctl_key id;
	int err = 0;

	for (unsigned int i = 0; i < KEYS && !err; i++) {
		identity(&id, epoch, i);
		err = ctl_key_del(&self->scene.ctl, self->scene.session, &id);
	}
	return err;
}

static bool is_ahead(struct stream *stream)
{
	return stream->sent - stream->seen > IN_FLIGHT ||
	       stream->sent - stream->received > IN_FLIGHT;
}

/* Sends as fast as they are read. */
static void *stream(void *arg)
{
	struct stream *stream = arg;
	uint8_t packet[SIZE];

	sock_pin();
	while (!atomic_load(stream->stop)) {
		if (is_ahead(stream)) {
			poll(NULL, 0, 1);
			continue;
		}
		rtp_plain(packet, SIZE, stream->ssrc, (uint16_t)stream->sent);
		stream->failed += sock_send(stream->scene->fd, packet, SIZE,
					    NULL) != SIZE;
		stream->sent++;
	}
	return NULL;
}

struct reader {
	pthread_t thread;
	FIXTURE_DATA(epoch) *self;
	struct stream *streams;
	int fd;			/* tap or peer */
	atomic_bool stop;
	atomic_uint newest;	/* epoch seen */
	const char *error;
	/* one packet; NULL if it is as it has to be */
	const char *(*check)(struct reader *reader, const uint8_t *got,
			     size_t len);
};

static const char *check_received(struct reader *reader, const uint8_t *got,
				  size_t len)
{
	struct stream *stream = &reader->streams[rtp_ssrc(got) % STREAMS];
	uint8_t wanted[SIZE];

	rtp_plain(wanted, SIZE, stream->ssrc, (uint16_t)stream->received);
	if (len != SIZE || memcmp(got, wanted, SIZE))
		return "received: lost, or out of order";
	stream->received++;
	return NULL;
}

/* The key that a packet names: KIDs number epochs and keys. */
static const char *check_wire(struct reader *reader, const uint8_t *got,
			      size_t len)
{
	uint8_t opened[1000], wanted[SIZE];
	struct stream *stream;
	unsigned int epoch;
	uint64_t kid;

	if (len == SIZE)
		return "in clear";
	/* config byte, then at most one byte of KID */
	kid = got[13] & 0x80 ? got[14] : got[13] >> 4;
	if (rtp_ssrc(got) >= STREAMS || kid % KEYS != key_of(rtp_ssrc(got)))
		return "key of another stream";
	stream = &reader->streams[rtp_ssrc(got)];
	epoch = (unsigned int)kid / KEYS;
	if (epoch > EPOCHS ||
	    rtp_open(opened, got, len, &reader->self->keys[epoch][kid % KEYS],
		     NULL) != SIZE)
		return "does not open";
	rtp_plain(wanted, SIZE, stream->ssrc, (uint16_t)stream->seen);
	if (memcmp(opened, wanted, SIZE))
		return "sent: lost, or out of order";
	stream->seen++;
	/* senders may overtake each other, but none goes back */
	if (epoch < stream->epoch)
		return "old key after a newer one";
	stream->epoch = epoch;
	if (epoch > reader->newest)
		reader->newest = epoch;
	return NULL;
}

/* The next packet: its length, or -errno */
static int next_packet(struct reader *reader, struct frame *frame)
{
	int n;

	if (reader->fd == reader->self->scene.peer)
		return sock_recv_now(reader->fd, frame->payload, SIZE * 2);
	do
		n = tap_next(reader->fd, frame);
	while (!n && !frame->outgoing);	/* loopback shows each twice */
	return n ? n : (int)frame->len;
}

static void *read_all(void *arg)
{
	struct reader *reader = arg;
	struct frame *frame = malloc(sizeof(*frame));
	int n;

	while (!reader->error) {
		n = next_packet(reader, frame);
		if (n > 0)
			reader->error = reader->check(reader, frame->payload,
						      (size_t)n);
		else if (atomic_load(&reader->stop))
			break;
		else
			sock_poll(reader->fd, POLLIN, 20);
	}
	free(frame);
	if (reader->error)	/* nothing will come to an end by itself */
		atomic_store(reader->streams->stop, true);
	return NULL;
}

/* The peer gets a session of its own, so that it may hold the same keys. */
static int attach_peer(FIXTURE_DATA(epoch) *self)
{
	struct scene *scene = &self->scene;
	int err;

	err = ctl_session_new(&scene->ctl, "receivers", NULL, &self->receivers);
	return err ? err : ctl_attach(&scene->ctl, self->receivers,
				      scene->peer, NULL);
}

/* What is in flight must fit: what is lost, is lost by the module. */
static int make_room(int fd)
{
	int big = 32 << 20;

	return setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
}

TEST_F(epoch, changes_under_load)
{
	static struct reader readers[2], *wire = &readers[0];
	uint64_t before[CTL_STATS] = { 0 }, after[CTL_STATS] = { 0 };
	static struct stream streams[STREAMS];
	struct scene *scene = &self->scene;
	unsigned int epoch, i, total = 0;
	static atomic_bool stop;
	char wanted[32];
	int64_t end;

	ASSERT_EQ(0, attach_peer(self));
	ASSERT_EQ(0, install(self, 0));
	wire->fd = tap_open("lo");
	ASSERT_EQ(0, make_room(wire->fd));
	ASSERT_EQ(0, make_room(scene->peer));
	wire->check = check_wire;
	readers[1].fd = scene->peer;
	readers[1].check = check_received;
	for (i = 0; i < 2; i++) {
		readers[i].self = self;
		readers[i].streams = streams;
		pthread_create(&readers[i].thread, NULL, read_all, &readers[i]);
	}
	for (i = 0; i < STREAMS; i++) {
		streams[i].scene = scene;
		streams[i].ssrc = i;
		streams[i].stop = &stop;
		pthread_create(&streams[i].thread, NULL, stream, &streams[i]);
	}
	for (epoch = 1; epoch <= EPOCHS; epoch++) {
		ASSERT_EQ(0, install(self, epoch));
		ASSERT_EQ(0, ctl_session_epoch(&scene->ctl, scene->session,
					       epoch, false));
		/* at once: a sender may be looking for them right now */
		ASSERT_EQ(0, discard(self, epoch - 1));
		/* it must be on the wire: then it is in use */
		end = now_ms() + SOCK_WAIT;
		while (wire->newest < epoch && now_ms() < end)
			poll(NULL, 0, 1);
		ASSERT_EQ(epoch, atomic_load(&wire->newest)) {
			TH_LOG("%s, %s", wire->error, readers[1].error);
		}
	}
	atomic_store(&stop, true);
	for (i = 0; i < STREAMS; i++) {
		pthread_join(streams[i].thread, NULL);
		EXPECT_EQ(0, streams[i].failed);
		total += streams[i].sent;
	}
	/* a busy machine still has some of them between loopback and socket */
	end = now_ms() + SOCK_WAIT;
	do {
		ASSERT_EQ(0, ctl_session_stats(&scene->ctl, self->receivers,
					       after));
	} while (after[E2EE_A_STAT_RX_OK] < total && now_ms() < end);
	for (i = 0; i < 2; i++) {
		atomic_store(&readers[i].stop, true);
		pthread_join(readers[i].thread, NULL);
		EXPECT_EQ(NULL, readers[i].error) {
			TH_LOG("%s", readers[i].error);
		}
	}
	for (i = 0; i < STREAMS; i++) {
		EXPECT_EQ(atomic_load(&streams[i].sent),
			  atomic_load(&streams[i].seen));
		EXPECT_EQ(atomic_load(&streams[i].sent),
			  atomic_load(&streams[i].received));
	}
	snprintf(wanted, sizeof(wanted), "tx_ok+%u", total);
	EXPECT_STREQ(wanted, scene_changes(scene));
	snprintf(wanted, sizeof(wanted), "rx_ok+%u", total);
	ASSERT_EQ(0, ctl_session_stats(&scene->ctl, self->receivers, after));
	EXPECT_STREQ(wanted, stats_changes(before, after));
	EXPECT_LT(10 * EPOCHS, total);
	close(wire->fd);
}

/* Those of an epoch that have an SSRC of their own */
static int install_numbered(FIXTURE_DATA(epoch) *self, unsigned int epoch)
{
	struct ctl_key key;
	int err = 0;

	for (unsigned int i = 0; i < KEYS - 1 && !err; i++) {
		identity(&key, epoch, i);
		err = scene_key(&self->scene, E2EE_DIR_TX,
				&self->keys[epoch][i], &key);
	}
	return err;
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

	ASSERT_EQ(0, install_numbered(self, 0));
	ASSERT_EQ(0, send_one(&self->scene, 0));
	ASSERT_EQ(1, send_one(&self->scene, 1));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->keys[1][0],
			       &more));
	EXPECT_EQ(-ENOKEY, ctl_session_epoch(ctl, session, 1, false));
	EXPECT_EQ(0, send_one(&self->scene, 0));
	EXPECT_EQ(1, send_one(&self->scene, 1));
	EXPECT_EQ(0, ctl_session_epoch(ctl, session, 1, true));
	EXPECT_EQ(KEYS, send_one(&self->scene, 0));
	EXPECT_EQ(-ENOKEY, send_one(&self->scene, 1));
	more.ssrc = 1;
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->keys[1][1],
			       &more));
	EXPECT_EQ(KEYS + 1, send_one(&self->scene, 1));
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

	ASSERT_EQ(0, install_numbered(self, 0));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->keys[1][0],
			       &any));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->keys[1][1],
			       &claim));
	EXPECT_EQ(0, send_one(&self->scene, 0));
	EXPECT_EQ(-ENOKEY, send_one(&self->scene, 7));
	EXPECT_EQ(0, ctl_session_epoch(ctl, self->scene.session, 1, false));
	EXPECT_EQ(KEYS + 1, send_one(&self->scene, 0));
	EXPECT_EQ(KEYS, send_one(&self->scene, 1));
	EXPECT_EQ(KEYS, send_one(&self->scene, 7));
	EXPECT_EQ(KEYS + 1, send_one(&self->scene, 0));
}

TEST_HARNESS_MAIN
