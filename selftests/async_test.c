// SPDX-License-Identifier: GPL-2.0
/*
 * Under load, a session whose driver is asynchronous, so that the cipher
 * answers later and from another context: each packet is accounted for, senders
 * on two CPUs keep their order, and sockets and sessions end at any moment.
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "lib/driver.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC		0xa5a5c000
#define BIG		(16 << 20)	/* receive buffer that never fills */

FIXTURE(async)
{
	struct scene scene;
	struct ctl_session options;
	char driver[DRIVER_ROOM];
	struct sframe_key tx;
	struct sframe_key rx;
};

FIXTURE_VARIANT(async)
{
	enum sock_kind kind;
};

FIXTURE_VARIANT_ADD(async, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(async, v6) { .kind = SOCK_V6 };

FIXTURE_SETUP(async)
{
	cpu_set_t first;

	/* loopback keeps order on one CPU only */
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(first), &first));
	ASSERT_EQ(0, sock_netns());
	ASSERT_EQ(0, driver_find_async(self->driver)) {
		TH_LOG("no asynchronous AES-GCM in this kernel");
	}
	self->options.crypto = self->driver;
	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, &self->options));
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &self->rx, NULL));
}

FIXTURE_TEARDOWN(async)
{
	scene_close(&self->scene);
}

/* The sealed form of rtp_plain(). Returns its length. */
static size_t sealed(uint8_t *out, size_t len, uint32_t ssrc, uint16_t seq,
		     const struct sframe_key *key, uint64_t ctr)
{
	static _Thread_local uint8_t clear[RTP_ROOM];
	struct rtp rtp = {
		.pt = 96, .ssrc = ssrc, .seq = seq, .ts = seq,
		.payload = clear + RTP_HEADER, .len = len - RTP_HEADER,
	};

	rtp_plain(clear, len, ssrc, seq);
	return rtp_seal(out, &rtp, key, ctr);
}

static uint64_t received(const uint64_t stats[CTL_STATS])
{
	uint64_t sum = 0;

	for (unsigned int i = E2EE_A_STAT_RX_OK; i <= E2EE_A_STAT_RX_BLOCKED;
	     i++)
		sum += stats[i];
	return sum;
}

static const size_t sizes[] = { 13, 28, 60, 200, 1200, 1400, 9000, 60000 };

TEST_F(async, seals)
{
	static uint8_t clear[RTP_ROOM], wire[RTP_ROOM], got[RTP_ROOM];
	uint64_t ctr;
	size_t len;

	for (ctr = 0; ctr < 4 * ARRAY_SIZE(sizes); ctr++) {
		len = sizes[ctr % ARRAY_SIZE(sizes)];
		rtp_plain(clear, len, SSRC, (uint16_t)ctr);
		ASSERT_EQ((int)len,
			  sock_send(self->scene.fd, clear, len, NULL));
		len = sealed(wire, len, SSRC, (uint16_t)ctr, &self->tx, ctr);
		ASSERT_EQ((int)len,
			  sock_recv(self->scene.peer, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(got, wire, len)) {
			TH_LOG("CTR %u", (unsigned int)ctr);
		}
	}
	EXPECT_STREQ("tx_ok+32", scene_changes(&self->scene));
}

TEST_F(async, opens)
{
	static uint8_t clear[RTP_ROOM], wire[RTP_ROOM], got[RTP_ROOM];
	size_t len, wire_len;
	uint64_t ctr;

	for (ctr = 0; ctr < 4 * ARRAY_SIZE(sizes); ctr++) {
		len = sizes[ctr % ARRAY_SIZE(sizes)];
		wire_len = sealed(wire, len, SSRC, (uint16_t)ctr, &self->rx,
				  ctr);
		ASSERT_EQ((int)wire_len,
			  sock_send(self->scene.peer, wire, wire_len, NULL));
		ASSERT_EQ((int)len,
			  sock_recv(self->scene.fd, got, sizeof(got)));
		rtp_plain(clear, len, SSRC, (uint16_t)ctr);
		EXPECT_EQ(0, memcmp(got, clear, len)) {
			TH_LOG("CTR %u", (unsigned int)ctr);
		}
	}
	EXPECT_STREQ("rx_ok+32", scene_changes(&self->scene));
}

struct sender {
	pthread_t thread;
	int fd;
	uint32_t ssrc;
	unsigned int num;
	unsigned int failed;
};

static void *send_plain(void *arg)
{
	struct sender *sender = arg;
	uint8_t packet[200];
	cpu_set_t own;

	CPU_ZERO(&own);
	CPU_SET(sender->ssrc % 2, &own);
	sched_setaffinity(0, sizeof(own), &own);
	for (unsigned int i = 0; i < sender->num; i++) {
		rtp_plain(packet, sizeof(packet), sender->ssrc, (uint16_t)i);
		sender->failed += sock_send(sender->fd, packet, sizeof(packet),
					    NULL) != sizeof(packet);
	}
	return NULL;
}

/* Each waits for its own answer: their packets mix, none overtakes. */
TEST_F(async, order_of_each_sender_is_kept)
{
	uint8_t got[1000], opened[1000], wanted[200];
	struct sender senders[2];
	unsigned int next[2] = { 0 };
	int big = BIG, n, i;
	uint32_t who;

	ASSERT_EQ(0, setsockopt(self->scene.peer, SOL_SOCKET, SO_RCVBUFFORCE,
				&big, sizeof(big)));
	for (i = 0; i < 2; i++) {
		senders[i] = (struct sender){
			.fd = self->scene.fd, .ssrc = SSRC + i, .num = 500,
		};
		pthread_create(&senders[i].thread, NULL, send_plain,
			       &senders[i]);
	}
	for (i = 0; i < 1000; i++) {
		n = sock_recv(self->scene.peer, got, sizeof(got));
		ASSERT_LT(0, n);
		ASSERT_EQ(200, rtp_open(opened, got, (size_t)n, &self->tx,
					NULL));
		who = rtp_ssrc(opened) - SSRC;
		ASSERT_GT(2, who);
		rtp_plain(wanted, sizeof(wanted), SSRC + who,
			  (uint16_t)next[who]++);
		ASSERT_EQ(0, memcmp(wanted, opened, sizeof(wanted)));
	}
	for (i = 0; i < 2; i++) {
		pthread_join(senders[i].thread, NULL);
		EXPECT_EQ(0, senders[i].failed);
	}
	EXPECT_STREQ("tx_ok+1000", scene_changes(&self->scene));
}

/* What is no media needs no cipher, and yet does not overtake what does. */
TEST_F(async, order_behind_a_late_packet_is_kept)
{
	uint8_t packet[200], got[1000];
	int big = BIG, len;

	ASSERT_EQ(0, setsockopt(self->scene.peer, SOL_SOCKET, SO_RCVBUFFORCE,
				&big, sizeof(big)));
	for (uint16_t i = 0; i < 100; i++) {
		rtp_plain(packet, sizeof(packet), SSRC, i);
		ASSERT_EQ(200, sock_send(self->scene.fd, packet, 200, NULL));
		len = (int)stun_build(packet);
		ASSERT_EQ(len, sock_send(self->scene.fd, packet, (size_t)len,
					 NULL));
	}
	for (int i = 0; i < 100; i++) {
		ASSERT_LT(200, sock_recv(self->scene.peer, got, sizeof(got))) {
			TH_LOG("pair %d", i);
		}
		ASSERT_EQ(len, sock_recv(self->scene.peer, got, sizeof(got)));
	}
	EXPECT_STREQ("tx_ok+100 tx_other+100", scene_changes(&self->scene));
}

/* All of one burst: copies that were not yet accepted when they came. */
TEST_F(async, replayed_while_the_first_is_out)
{
	static uint8_t burst[RTP_ROOM];
	uint8_t got[1000];
	size_t len = 0, one = 0;
	unsigned int i;

	for (i = 0; i < 10; i++, len += one)
		one = sealed(burst + len, 200, SSRC, 1, &self->rx, 9);
	ASSERT_EQ((int)len, sock_send_gso(self->scene.peer, burst, len,
					  (uint16_t)one, NULL));
	ASSERT_EQ(200, sock_recv(self->scene.fd, got, sizeof(got)));
	EXPECT_EQ(0, scene_flush(self->scene.peer, self->scene.fd));
	EXPECT_STREQ("rx_ok+1 rx_other+1 rx_replay+9",
		     scene_changes(&self->scene));
}

#define TRACEFS	"/sys/kernel/tracing"
#define BUDGET	64	/* of packets that a work item takes from a queue */
#define QUEUED	(5 * BUDGET)

/* Begin to note each work item that starts; false: the kernel has no tracing */
static bool trace_begin(void)
{
	mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	if (file_write(TRACEFS "/events/workqueue/workqueue_execute_start/enable",
		       "1"))
		return false;
	close(open(TRACEFS "/trace", O_WRONLY | O_TRUNC));
	return true;
}

/* How often e2ee_later_work() ran since */
static unsigned int trace_end(void)
{
	unsigned int runs = 0;
	char line[1024];
	FILE *file;

	file_write(TRACEFS "/events/workqueue/workqueue_execute_start/enable",
		   "0");
	file = fopen(TRACEFS "/trace", "r");
	while (file && fgets(line, sizeof(line), file))
		runs += !!strstr(line, "e2ee_later_work");
	if (file)
		fclose(file);
	return runs;
}

#define RT_THROTTLE	"/proc/sys/kernel/sched_rt_runtime_us"
#define PCRYPT_CPUS	"/sys/kernel/pcrypt/pdecrypt/parallel_cpumask"
#define WORK_CPUS	"/sys/devices/virtual/workqueue/cpumask"

/* A mask of CPUs as it was before a test changed it */
struct cpus {
	const char *path;
	char before[64];
};

/* the one that has the fewest interrupts, and so the fewest softirqs to catch up on */
static unsigned int last_cpu(void)
{
	return (unsigned int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

/* what finishes packets, and pcrypt, if that is the cipher, use one CPU only */
static struct cpus masks[] = { { WORK_CPUS, "" }, { PCRYPT_CPUS, "" } };

static void stay_on_last_cpu(bool stay)
{
	struct cpus *cpus;
	char mask[16];
	FILE *file;

	snprintf(mask, sizeof(mask), "%x", 1u << last_cpu());
	for (cpus = masks; cpus < masks + ARRAY_SIZE(masks); cpus++) {
		if (stay) {
			cpus->before[0] = '\0';
			file = fopen(cpus->path, "re");
			if (file && !fgets(cpus->before, 64, file))
				cpus->before[0] = '\0';
			if (file)
				fclose(file);
		}
		if (cpus->before[0] &&
		    file_write(cpus->path, stay ? mask : cpus->before))
			abort();
	}
}

/* No answer comes: nothing of lower rank runs on this CPU. */
static int answers_wait(void)
{
	const struct sched_param first = { .sched_priority = 1 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(last_cpu(), &cpus);
	stay_on_last_cpu(true);
	/* the kernel would give others their turn after a second */
	return sched_setaffinity(0, sizeof(cpus), &cpus) ?:
	       file_write(RT_THROTTLE, "-1") ?:
	       sched_setscheduler(0, SCHED_FIFO, &first);
}

static int answers_come(void)
{
	const struct sched_param usual = { 0 };
	int err;

	err = sched_setscheduler(0, SCHED_OTHER, &usual) ?:
	      file_write(RT_THROTTLE, "950000");
	stay_on_last_cpu(false);
	return err;
}

/*
 * Is the socket busy no more, so that a packet has arrived when it has been sent? The
 * work item looks once more at the queue after it has delivered the last packet.
 */
static bool comes_to_rest(struct scene *scene)
{
	int64_t end = now_ms() + SOCK_WAIT;
	uint8_t packet[100];
	size_t len = rtcp_build(packet, SSRC);

	while (sock_send(scene->peer, packet, len, NULL) == (int)len &&
	       now_ms() < end) {
		if (sock_recv_now(scene->fd, packet, len) == (int)len)
			return true;
		if (sock_recv(scene->fd, packet, len) != (int)len)
			return false;
	}
	return false;
}

/*
 * Packets that wait behind an outstanding answer are taken a few at a time, so
 * that softirqs and other sockets have their turn in between.
 */
TEST_F(async, queue_is_worked_off_in_turns)
{
	const char *kernel = getenv("E2EE_KERNEL");
	uint8_t packet[1000];
	int big = BIG, n;
	unsigned int i;
	bool traced;
	size_t len;

	ASSERT_EQ(0, setsockopt(self->scene.fd, SOL_SOCKET, SO_RCVBUFFORCE,
				&big, sizeof(big)));
	traced = trace_begin();
	/* of the lab's kernels, user-mode Linux alone has no tracing */
	if (kernel && strcmp(kernel, "uml"))
		EXPECT_TRUE(traced);
	len = sealed(packet, 200, SSRC, 1, &self->rx, 9);
	ASSERT_EQ(0, answers_wait());
	ASSERT_EQ((int)len, sock_send(self->scene.peer, packet, len, NULL));
	len = rtcp_build(packet, SSRC);
	for (i = 0; i < QUEUED; i++)
		ASSERT_EQ((int)len, sock_send(self->scene.peer, packet, len,
					      NULL));
	/* all of them wait */
	EXPECT_EQ(-EAGAIN, sock_recv_now(self->scene.fd, packet, 1));
	ASSERT_EQ(0, answers_come());

	n = sock_recv(self->scene.fd, packet, sizeof(packet));
	EXPECT_EQ(200, n);
	for (i = 0; i < QUEUED; i++)
		ASSERT_EQ((int)len, sock_recv(self->scene.fd, packet,
					      sizeof(packet)));
	EXPECT_STREQ("rx_ok+1 rx_other+320", scene_changes(&self->scene));
	if (traced)
		EXPECT_LE(QUEUED / BUDGET, trace_end());
	EXPECT_TRUE(comes_to_rest(&self->scene));
}

/*
 * Sealed media whose answer is outstanding, and behind it sealed media, RTCP, clear
 * media and STUN, which are to be judged in their turn
 */
static void queue_some(struct __test_metadata *_metadata, struct scene *scene,
		       const struct sframe_key *rx)
{
	uint8_t packet[300];
	size_t len;

	for (unsigned int i = 0; i < 2; i++) {
		len = sealed(packet, 200, SSRC, (uint16_t)i, rx, 9 + i);
		ASSERT_EQ((int)len, sock_send(scene->peer, packet, len, NULL));
	}
	len = rtcp_build(packet, SSRC);
	ASSERT_EQ((int)len, sock_send(scene->peer, packet, len, NULL));
	rtp_plain(packet, 200, SSRC, 2);
	ASSERT_EQ(200, sock_send(scene->peer, packet, 200, NULL));
	len = stun_build(packet);
	ASSERT_EQ((int)len, sock_send(scene->peer, packet, len, NULL));
	EXPECT_EQ(-EAGAIN, sock_recv_now(scene->fd, packet, 1));
}

#define OF_SOME	"rx_ok+2 rx_other+2 rx_clear_dropped+1"

/* What came while the socket was attached has the verdict of that session. */
TEST_F(async, queued_when_the_socket_is_detached)
{
	uint8_t packet[300];
	uint64_t id;

	ASSERT_EQ(0, ctl_socket_get(&self->scene.ctl, self->scene.fd, &id,
				    NULL));
	ASSERT_EQ(0, answers_wait());
	queue_some(_metadata, &self->scene, &self->rx);
	EXPECT_EQ(0, ctl_detach(&self->scene.ctl, id, true));
	EXPECT_EQ(-EAGAIN, sock_recv_now(self->scene.fd, packet, 1));
	ASSERT_EQ(0, answers_come());
	EXPECT_EQ(200, sock_recv(self->scene.fd, packet, sizeof(packet)));
	EXPECT_EQ(200, sock_recv(self->scene.fd, packet, sizeof(packet)));
	EXPECT_EQ((int)rtcp_build(packet, SSRC),
		  sock_recv(self->scene.fd, packet, sizeof(packet)));
	EXPECT_EQ((int)stun_build(packet),
		  sock_recv(self->scene.fd, packet, sizeof(packet)));
	EXPECT_STREQ(OF_SOME, scene_changes(&self->scene));

	/* and what comes now is not looked at */
	rtp_plain(packet, 200, SSRC, 3);
	ASSERT_EQ(200, sock_send(self->scene.peer, packet, 200, NULL));
	EXPECT_EQ(200, sock_recv(self->scene.fd, packet, sizeof(packet)));
	EXPECT_STREQ("", scene_changes(&self->scene));
}

TEST_F(async, queued_when_the_socket_is_closed)
{
	int64_t end = now_ms() + SOCK_WAIT;
	uint64_t stats[CTL_STATS] = { 0 };

	ASSERT_EQ(0, answers_wait());
	queue_some(_metadata, &self->scene, &self->rx);
	close(self->scene.fd);
	self->scene.fd = -1;
	ASSERT_EQ(0, answers_come());
	do {
		ctl_session_stats(&self->scene.ctl, self->scene.session,
				  stats);
	} while (received(stats) < 5 && now_ms() < end);
	EXPECT_STREQ(OF_SOME, stats_changes(self->scene.session_before,
					    stats));
}

#define BURST	40

/* A burst is one run of the network's softirq: the answers come after it. */
TEST_F(async, overflow_is_counted)
{
	static uint8_t burst[RTP_ROOM];
	unsigned int round, i, sent = 0, got = 0;
	uint64_t stats[CTL_STATS];
	uint8_t packet[1000];
	int64_t end;
	int least = 1, n, last = -1;
	size_t len, one = 0;

	ASSERT_EQ(0, setsockopt(self->scene.fd, SOL_SOCKET, SO_RCVBUF, &least,
				sizeof(least)));
	for (round = 0; round < 10; round++) {
		for (i = 0, len = 0; i < BURST; i++, len += one)
			one = sealed(burst + len, 300, SSRC,
				     (uint16_t)(sent + i), &self->rx,
				     0x100 + sent + i);
		ASSERT_EQ((int)len, sock_send_gso(self->scene.peer, burst, len,
						  (uint16_t)one, NULL));
		len = rtcp_build(packet, SSRC);
		ASSERT_EQ((int)len,
			  sock_send(self->scene.peer, packet, len, NULL));
		sent += BURST + 1;
	}
	end = now_ms() + SOCK_WAIT;
	do {
		n = sock_recv_now(self->scene.fd, packet, sizeof(packet));
		if (n == 300) {
			EXPECT_LT(last, rtp_seq(packet));
			last = rtp_seq(packet);
		}
		got += n >= 0;
	} while (got + sock_drops(self->scene.fd) < sent && now_ms() < end);
	EXPECT_EQ(sent, got + sock_drops(self->scene.fd));

	ASSERT_EQ(0, ctl_socket_stats(&self->scene.ctl, self->scene.fd, stats));
	EXPECT_EQ(sent, received(stats));
	EXPECT_EQ(sent, stats[E2EE_A_STAT_RX_OK] +
			stats[E2EE_A_STAT_RX_OTHER] +
			stats[E2EE_A_STAT_RX_BUSY]);
	EXPECT_LT(0, stats[E2EE_A_STAT_RX_OK]);
	EXPECT_LT(0, stats[E2EE_A_STAT_RX_BUSY]);
	EXPECT_EQ(NULL, strstr(scene_changes(&self->scene), "session"));

	/* and then all is well again */
	len = sealed(packet, 300, SSRC, 1, &self->rx, 0x10000);
	ASSERT_EQ((int)len, sock_send(self->scene.peer, packet, len, NULL));
	ASSERT_EQ(300, sock_recv(self->scene.fd, packet, sizeof(packet)));
	EXPECT_STREQ("rx_ok+1", scene_changes(&self->scene));
}

/* Sealed media from everywhere to one port until told to stop. */
struct stream {
	pthread_t thread;
	int fd;
	const struct addr *to;
	const struct sframe_key *key;
	uint64_t ctr;
	atomic_bool stop;
};

static void *stream_media(void *arg)
{
	struct stream *stream = arg;
	uint8_t burst[10 * 300];
	uint8_t packet[300];
	size_t len, one;

	while (!atomic_load(&stream->stop)) {
		for (len = 0; len < 8 * 250; len += one, stream->ctr++)
			one = sealed(burst + len, 200, SSRC,
				     (uint16_t)stream->ctr, stream->key,
				     stream->ctr);
		sock_send_gso(stream->fd, burst, len, (uint16_t)one,
			      stream->to);
		sock_send(stream->fd, packet, rtcp_build(packet, SSRC),
			  stream->to);
	}
	return NULL;
}

static int stream_start(struct stream *stream, enum sock_kind kind,
			const struct addr *to, const struct sframe_key *key)
{
	*stream = (struct stream){ .to = to, .key = key, .ctr = 0x10000 };
	stream->fd = sock_udp(kind, 0, NULL);
	if (stream->fd < 0)
		return -errno;
	return -pthread_create(&stream->thread, NULL, stream_media, stream);
}

static void stream_stop(struct stream *stream)
{
	atomic_store(&stream->stop, true);
	pthread_join(stream->thread, NULL);
	close(stream->fd);
}

#define CLOSED	150

TEST_F(async, closed_under_traffic)
{
	unsigned int round, opened = 0;
	struct stream stream;
	int fd, least = 1;
	struct addr to;
	cpu_set_t all;

	/* with the sender on the other CPU as well as on this one */
	CPU_ZERO(&all);
	CPU_SET(0, &all);
	CPU_SET(1, &all);
	sched_setaffinity(0, sizeof(all), &all);
	addr_loopback(&to, variant->kind, 6100);
	ASSERT_EQ(0, stream_start(&stream, variant->kind, &to, &self->rx));
	for (round = 0; round < CLOSED; round++) {
		fd = sock_udp(variant->kind, 6100, NULL);
		ASSERT_LE(0, fd);
		if (round % 2)
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least,
				   sizeof(least));
		ASSERT_EQ(0, ctl_attach(&self->scene.ctl, self->scene.session,
					fd, NULL));
		if (round % 3)
			opened += !!sock_poll(fd, POLLIN, SOCK_WAIT);
		close(fd);
	}
	stream_stop(&stream);
	EXPECT_EQ(CLOSED - CLOSED / 3, opened);
	EXPECT_TRUE(objects_come_to("late", 0));
	EXPECT_TRUE(objects_come_to("socket", 1)) {	/* the scene's */
		TH_LOG("%ld sockets left", objects_alive("socket"));
	}
	EXPECT_TRUE(objects_come_to("window", 0));
}

#define DELETED	40

/* Its requests hold the session; its socket is blocked from then on. */
TEST_F(async, deleted_under_traffic)
{
	uint64_t stats[CTL_STATS], blocked;
	struct ctl_key key = {
		.dir = E2EE_DIR_RX, .kid = self->rx.kid,
		.secret = self->rx.secret, .salt = self->rx.salt,
	};
	struct stream stream;
	unsigned int round;
	uint32_t session;
	struct addr to;
	int64_t end;
	int fd;

	addr_loopback(&to, variant->kind, 6200);
	fd = sock_udp(variant->kind, 6200, NULL);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ctl_session_new(&self->scene.ctl, "first", &self->options,
				     &session));
	ASSERT_EQ(0, ctl_attach(&self->scene.ctl, session, fd, NULL));
	ASSERT_EQ(0, stream_start(&stream, variant->kind, &to, &self->rx));
	for (round = 0; round < DELETED; round++) {
		ASSERT_EQ(0, ctl_key_new(&self->scene.ctl, session, &key));
		while (sock_recv_now(fd, &blocked, 1) != -EAGAIN)
			;
		ASSERT_NE(0, sock_poll(fd, POLLIN, SOCK_WAIT));
		ASSERT_EQ(0, ctl_session_del(&self->scene.ctl, session));
		ASSERT_EQ(0, ctl_socket_stats(&self->scene.ctl, fd, stats));
		blocked = stats[E2EE_A_STAT_RX_BLOCKED];
		end = now_ms() + SOCK_WAIT;
		while (stats[E2EE_A_STAT_RX_BLOCKED] == blocked &&
		       now_ms() < end)
			ctl_socket_stats(&self->scene.ctl, fd, stats);
		ASSERT_LT(blocked, stats[E2EE_A_STAT_RX_BLOCKED]);
		ASSERT_EQ(0, ctl_session_new(&self->scene.ctl, "next",
					     &self->options, &session));
		ASSERT_EQ(0, ctl_attach(&self->scene.ctl, session, fd, NULL));
	}
	stream_stop(&stream);
	close(fd);
	EXPECT_TRUE(objects_come_to("late", 0));
	EXPECT_TRUE(objects_come_to("socket", 1));
	EXPECT_TRUE(objects_come_to("session", 2));	/* and the last one */
	EXPECT_TRUE(objects_come_to("key", 2));
}

/* A namespace of its own, under traffic. Returns its process, or -1. */
static pid_t start_victim(FIXTURE_DATA(async) *self, enum sock_kind kind)
{
	struct stream stream = { .key = &self->rx, .ctr = 0x10000 };
	struct scene scene;
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			pid = -1;
		close(ready[0]);
		return pid;
	}
	if (scene_open(&scene, kind, &self->options) ||
	    scene_key(&scene, E2EE_DIR_RX, &self->rx, NULL))
		_exit(1);
	stream.fd = scene.peer;
	if (pthread_create(&stream.thread, NULL, stream_media, &stream) ||
	    !sock_poll(scene.fd, POLLIN, SOCK_WAIT) ||
	    write(ready[1], "", 1) != 1)
		_exit(1);
	pause();
	_exit(1);
}

#define KILLED	15

/* All at once: the socket, its session and key, and the namespace. */
TEST_F(async, killed_under_traffic)
{
	unsigned int round;
	int status;
	pid_t pid;

	for (round = 0; round < KILLED; round++) {
		pid = start_victim(self, variant->kind);
		ASSERT_LT(0, pid);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	/* the scene's own stay */
	EXPECT_TRUE(objects_come_to("late", 0));
	EXPECT_TRUE(objects_come_to("socket", 1));
	EXPECT_TRUE(objects_come_to("window", 0));
	EXPECT_TRUE(objects_come_to("session", 1));
	EXPECT_TRUE(objects_come_to("key", 2));
}

TEST_HARNESS_MAIN
