// SPDX-License-Identifier: GPL-2.0
/*
 * Things that end while others use them: sessions, attachments, sockets,
 * namespaces, the module itself (E2EE_KO, or e2ee.ko in E2EE_RESULTS).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <arpa/inet.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/caught.h"
#include "lib/harness.h"
#include "lib/scene.h"

#define SSRC		0x11223344
#define SENDERS		2
#define AUDIT		"/sys/kernel/debug/e2ee/objects"

struct sender {
	pthread_t thread;
	int fd;
	uint32_t ssrc;
	atomic_bool *stop;
	atomic_uint sent;	/* also the timestamp of the next packet */
	atomic_uint failed;
	unsigned int mark;
};

static void make_packet(uint8_t *packet, uint32_t ssrc, uint32_t number)
{
	uint32_t timestamp = htonl(number);

	rtp_plain(packet, 200, ssrc, (uint16_t)number);
	memcpy(packet + 4, &timestamp, 4);
}

static void *send_on(void *arg)
{
	struct sender *sender = arg;
	uint8_t packet[200];

	while (!atomic_load(sender->stop)) {
		make_packet(packet, sender->ssrc, sender->sent);
		sender->failed += sock_send(sender->fd, packet, 200, NULL) !=
				  200;
		sender->sent++;
	}
	return NULL;
}

struct traffic {
	struct sender senders[SENDERS];
	atomic_bool stop;
};

static void traffic_start(struct traffic *traffic, int fd)
{
	memset(traffic, 0, sizeof(*traffic));
	for (int i = 0; i < SENDERS; i++) {
		traffic->senders[i].fd = fd;
		traffic->senders[i].ssrc = (uint32_t)i;
		traffic->senders[i].stop = &traffic->stop;
		pthread_create(&traffic->senders[i].thread, NULL, send_on,
			       &traffic->senders[i]);
	}
}

/* How many sends returned anything but the packet's length. */
static unsigned int traffic_stop(struct traffic *traffic)
{
	unsigned int failed = 0;

	atomic_store(&traffic->stop, true);
	for (int i = 0; i < SENDERS; i++) {
		pthread_join(traffic->senders[i].thread, NULL);
		failed += traffic->senders[i].failed;
	}
	return failed;
}

/* Each sender has sent @more packets since. */
static bool traffic_flows(struct traffic *traffic, unsigned int more)
{
	int64_t end = now_ms() + SOCK_WAIT;

	for (int i = 0; i < SENDERS; i++) {
		unsigned int from = traffic->senders[i].sent;

		while (traffic->senders[i].sent - from < more)
			if (now_ms() > end)
				return false;
	}
	return true;
}

/*
 * From here on only what is sent later counts. Whoever was in send() before
 * has left it.
 */
static bool traffic_mark(struct traffic *traffic)
{
	if (!traffic_flows(traffic, 2))
		return false;
	for (int i = 0; i < SENDERS; i++)
		traffic->senders[i].mark = traffic->senders[i].sent;
	return true;
}

/* All objects that were made are gone. */
static bool all_gone(void)
{
	int64_t end = now_ms() + 2 * SOCK_WAIT;
	unsigned long long created, destroyed;
	char name[64];
	FILE *file;
	int left;

	do {
		file = fopen(AUDIT, "r");
		if (!file)
			return false;
		left = 0;
		while (fscanf(file, "%63s %llu %llu", name, &created,
			      &destroyed) == 3)
			left += created != destroyed;
		fclose(file);
	} while (left && now_ms() < end);
	return !left;
}

FIXTURE(lifetime)
{
	struct scene scene;
	struct sframe_key tx;
	struct sframe_key rx;
};

FIXTURE_VARIANT(lifetime)
{
	enum sock_kind kind;
};

FIXTURE_VARIANT_ADD(lifetime, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(lifetime, v6) { .kind = SOCK_V6 };

static int open_scene(FIXTURE_DATA(lifetime) *self, enum sock_kind kind)
{
	int err;

	err = scene_open(&self->scene, kind, NULL);
	if (err)
		return err;
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	err = scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL);
	if (!err)
		err = scene_key(&self->scene, E2EE_DIR_RX, &self->rx, NULL);
	return err;
}

FIXTURE_SETUP(lifetime)
{
	ASSERT_EQ(0, open_scene(self, variant->kind));
}

FIXTURE_TEARDOWN(lifetime)
{
	scene_close(&self->scene);
}

/*
 * Read on until the peer has @wanted packets of those sent since the mark, or
 * the queue has been empty for a while: sealed, in clear, or neither.
 */
struct seen {
	unsigned int sealed;
	unsigned int clear;
	unsigned int broken;
};

static void look_at(FIXTURE_DATA(lifetime) *self, uint8_t *got, int n,
		    const struct traffic *traffic, struct seen *seen)
{
	uint8_t opened[1000], wanted[200];
	bool clear = n == 200;
	uint32_t number;

	if (!clear) {
		n = rtp_open(opened, got, (size_t)n, &self->tx, NULL);
		memcpy(got, opened, 200);
	}
	memcpy(&number, got + 4, 4);
	number = ntohl(number);
	make_packet(wanted, rtp_ssrc(got), number);
	if (n != 200 || memcmp(got, wanted, 200))
		seen->broken++;
	else if (number < traffic->senders[rtp_ssrc(got) % SENDERS].mark)
		return;
	else if (clear)
		seen->clear++;
	else
		seen->sealed++;
}

static void look(FIXTURE_DATA(lifetime) *self, const struct traffic *traffic,
		 unsigned int wanted, struct seen *seen)
{
	uint8_t got[1000];
	int n;

	memset(seen, 0, sizeof(*seen));
	while (seen->sealed + seen->clear + seen->broken < wanted) {
		if (!sock_poll(self->scene.peer, POLLIN, 500))
			break;
		n = sock_recv_now(self->scene.peer, got, sizeof(got));
		if (n >= 0)
			look_at(self, got, n, traffic, seen);
	}
}

TEST_F(lifetime, session_deleted_under_traffic)
{
	uint64_t stats[CTL_STATS];
	struct traffic traffic;
	struct seen seen;
	int round;

	for (round = 0; round < 10; round++) {
		traffic_start(&traffic, self->scene.fd);
		ASSERT_TRUE(traffic_flows(&traffic, 20));
		look(self, &traffic, 20, &seen);
		EXPECT_EQ(20, seen.sealed);
		ASSERT_EQ(0, ctl_session_del(&self->scene.ctl,
					     self->scene.session));
		ASSERT_TRUE(traffic_mark(&traffic));
		ASSERT_TRUE(traffic_flows(&traffic, 50));
		look(self, &traffic, 1, &seen);
		EXPECT_EQ(0, seen.sealed + seen.clear + seen.broken);
		/* swallowed: engines die of errnos */
		EXPECT_EQ(0, traffic_stop(&traffic));
		ASSERT_EQ(0, ctl_socket_stats(&self->scene.ctl, self->scene.fd,
					      stats));
		EXPECT_LE(100, stats[E2EE_A_STAT_TX_BLOCKED]);

		/* a blocked socket may be attached anew */
		ASSERT_EQ(0, ctl_session_new(&self->scene.ctl, "again", NULL,
					     &self->scene.session));
		ASSERT_EQ(0, ctl_attach(&self->scene.ctl, self->scene.session,
					self->scene.fd, NULL));
		sframe_key_random(&self->tx, 5, 300);
		ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx,
				       NULL));
	}
}

/* Blocked is blocked, even for a retransmission too short to be one. */
TEST_F(lifetime, blocked_retransmissions)
{
	static const uint8_t rtx_pt = 97;
	struct ctl_session options = { .rtx_pt = &rtx_pt, .rtx_pts = 1 };
	uint8_t packet[RTP_HEADER + 3] = { 0x80, rtx_pt, 1, 2, 3, 4, 5 };
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, ctl_session_del(&scene->ctl, scene->session));
	ASSERT_EQ(0, ctl_session_new(&scene->ctl, "rtx", &options,
				     &scene->session));
	ASSERT_EQ(0, ctl_attach(&scene->ctl, scene->session, scene->fd, NULL));
	for (size_t len = RTP_HEADER + 1; len <= sizeof(packet); len += 2) {
		ASSERT_EQ((int)len, sock_send(scene->fd, packet, len, NULL));
		ASSERT_EQ((int)len, sock_send(scene->peer, packet, len, NULL));
	}
	ASSERT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("tx_malformed+1 tx_no_key+1 rx_other+1 rx_clear_dropped+1 rx_malformed+1",
		     scene_changes(scene));

	ASSERT_EQ(0, ctl_session_del(&scene->ctl, scene->session));
	for (size_t len = RTP_HEADER + 1; len <= sizeof(packet); len += 2) {
		ASSERT_EQ((int)len, sock_send(scene->fd, packet, len, NULL));
		ASSERT_EQ((int)len, sock_send(scene->peer, packet, len, NULL));
	}
	ASSERT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("tx_blocked+2 rx_other+1 rx_blocked+2",
		     scene_changes(scene));
}

/* Media in clear that waits to be read */
static int clear_arrives(struct scene *scene, unsigned int num)
{
	uint8_t packet[100];
	int n = 0;

	while (num-- && n >= 0) {
		rtp_plain(packet, sizeof(packet), SSRC, (uint16_t)num);
		n = sock_send(scene->peer, packet, sizeof(packet), NULL);
	}
	return n < 0 ? n : 0;
}

static int attach_anew(struct scene *scene, const char *name, uint32_t policy)
{
	struct ctl_session options = { .policy = (int)policy };

	memset(scene->session_before, 0, sizeof(scene->session_before));
	return ctl_session_new(&scene->ctl, name, &options, &scene->session) ?:
	       ctl_attach(&scene->ctl, scene->session, scene->fd, NULL);
}

/*
 * What waits to be read in clear is dropped by an attach under required, and
 * counted then if it came in while the socket was not attached; what met the
 * policies before has its verdict. Each packet has one, whatever came between.
 */
TEST_F(lifetime, queued_media_is_counted_once)
{
	struct scene *scene = &self->scene;
	struct ctl *ctl = &scene->ctl;
	uint64_t id;

	ASSERT_EQ(0, ctl_socket_get(ctl, scene->fd, &id, NULL));
	ASSERT_EQ(0, ctl_session_policy(ctl, scene->session,
					E2EE_POLICY_OPTIONAL));
	ASSERT_EQ(0, clear_arrives(scene, 3));
	ASSERT_EQ(0, ctl_session_policy(ctl, scene->session, E2EE_POLICY_OFF));
	ASSERT_EQ(0, clear_arrives(scene, 2));
	EXPECT_STREQ("rx_clear+3 rx_off+2", scene_changes(scene));
	ASSERT_EQ(0, ctl_session_del(ctl, scene->session));
	ASSERT_EQ(0, attach_anew(scene, "second", E2EE_POLICY_REQUIRED));
	ASSERT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1", scene_changes(scene));

	/* some by a policy, some by none */
	ASSERT_EQ(0, ctl_detach(ctl, id, true));
	ASSERT_EQ(0, clear_arrives(scene, 4));
	ASSERT_EQ(0, ctl_session_policy(ctl, scene->session,
					E2EE_POLICY_OPTIONAL));
	ASSERT_EQ(0, ctl_attach(ctl, scene->session, scene->fd, NULL));
	ASSERT_EQ(0, clear_arrives(scene, 1));
	EXPECT_STREQ("rx_clear+1", scene_changes(scene));
	ASSERT_EQ(0, ctl_session_del(ctl, scene->session));
	ASSERT_EQ(0, attach_anew(scene, "third", E2EE_POLICY_REQUIRED));
	ASSERT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1 rx_clear_dropped+4", scene_changes(scene));

	/* the same where the policy is tightened */
	ASSERT_EQ(0, ctl_detach(ctl, id, true));
	ASSERT_EQ(0, clear_arrives(scene, 4));
	ASSERT_EQ(0, ctl_session_policy(ctl, scene->session,
					E2EE_POLICY_OPTIONAL));
	ASSERT_EQ(0, ctl_attach(ctl, scene->session, scene->fd, NULL));
	ASSERT_EQ(0, clear_arrives(scene, 1));
	ASSERT_EQ(0, ctl_session_policy(ctl, scene->session,
					E2EE_POLICY_REQUIRED));
	ASSERT_EQ(0, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("rx_other+1 rx_clear+1 rx_clear_dropped+4",
		     scene_changes(scene));
}

/* When the keys of an optional session go, so does its leave to send in clear. */
TEST_F(lifetime, optional_session_deleted_under_traffic)
{
	struct scene *scene = &self->scene;
	struct traffic traffic;
	unsigned int clear;
	struct seen seen;
	uint8_t got[1000];
	int big = 32 << 20, n;

	/* what is lost is lost by the module */
	ASSERT_EQ(0, setsockopt(scene->peer, SOL_SOCKET, SO_RCVBUFFORCE, &big,
				sizeof(big)));
	for (int round = 0; round < 20; round++) {
		ASSERT_EQ(0, ctl_session_policy(&scene->ctl, scene->session,
						E2EE_POLICY_OPTIONAL));
		traffic_start(&traffic, scene->fd);
		ASSERT_TRUE(traffic_flows(&traffic, 20));
		look(self, &traffic, 20, &seen);
		EXPECT_EQ(20, seen.sealed);
		ASSERT_EQ(0, ctl_session_del(&scene->ctl, scene->session));
		ASSERT_TRUE(traffic_mark(&traffic));
		EXPECT_EQ(0, traffic_stop(&traffic));
		clear = 0;
		while ((n = sock_recv_now(scene->peer, got, sizeof(got))) >= 0)
			clear += n == 200;
		EXPECT_EQ(0, clear);

		ASSERT_EQ(0, ctl_session_new(&scene->ctl, "again", NULL,
					     &scene->session));
		ASSERT_EQ(0, ctl_attach(&scene->ctl, scene->session, scene->fd,
					NULL));
		sframe_key_random(&self->tx, 5, 300);
		ASSERT_EQ(0, scene_key(scene, E2EE_DIR_TX, &self->tx, NULL));
	}
}

TEST_F(lifetime, detached_under_traffic)
{
	struct traffic traffic;
	struct seen seen;
	uint64_t id;
	int round;

	traffic_start(&traffic, self->scene.fd);
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, ctl_socket_get(&self->scene.ctl, self->scene.fd,
					    &id, NULL));
		ASSERT_EQ(0, ctl_detach(&self->scene.ctl, id, true));
		ASSERT_TRUE(traffic_mark(&traffic));
		look(self, &traffic, 40, &seen);
		EXPECT_EQ(40, seen.clear);
		EXPECT_EQ(0, seen.sealed + seen.broken);

		ASSERT_EQ(0, ctl_attach(&self->scene.ctl, self->scene.session,
					self->scene.fd, &id));
		ASSERT_TRUE(traffic_mark(&traffic));
		look(self, &traffic, 40, &seen);
		EXPECT_EQ(40, seen.sealed);
		EXPECT_EQ(0, seen.clear + seen.broken);
	}
	EXPECT_EQ(0, traffic_stop(&traffic));
}

/* What happens to the socket of a sender that sleeps in send(). */
enum meanwhile {
	DETACHED,
	ATTACHED_ELSEWHERE,
	SESSION_DELETED,
	MEANWHILES,
};

static int make_happen(FIXTURE_DATA(lifetime) *self, int fd, int what)
{
	uint32_t other;
	uint64_t id;
	int err;

	if (what == SESSION_DELETED)
		return ctl_session_del(&self->scene.ctl, self->scene.session);
	err = ctl_socket_get(&self->scene.ctl, fd, &id, NULL);
	if (!err)
		err = ctl_detach(&self->scene.ctl, id, true);
	if (err || what == DETACHED)
		return err;
	err = ctl_session_new(&self->scene.ctl, "other", NULL, &other);
	return err ?: ctl_attach(&self->scene.ctl, other, fd, NULL);
}

/* Frames that left: in clear, and all */
static unsigned int left_in_clear(int tap, const uint8_t packet[CAUGHT_LEN],
				  unsigned int *all)
{
	static struct frame frame;
	unsigned int clear = 0;

	for (*all = 0; !tap_next(tap, &frame); ++*all)
		clear += frame.len == CAUGHT_LEN &&
			 !memcmp(frame.payload, packet, CAUGHT_LEN);
	return clear;
}

/*
 * A packet belongs to the session that its socket is attached to when the packet
 * leaves, however long ago the program began to send it. That session's policy
 * decides: one whose socket was detached by force is a plain one.
 */
TEST_F(lifetime, verdict_of_a_send_under_way)
{
	static const struct {
		unsigned int clear;
		unsigned int counted;
	} wanted[MEANWHILES] = {
		[DETACHED] = { 1, 0 },
		[ATTACHED_ELSEWHERE] = { 0, E2EE_A_STAT_TX_NO_KEY },
		[SESSION_DELETED] = { 0, E2EE_A_STAT_TX_BLOCKED },
	};
	uint64_t stats[CTL_STATS];
	struct caught caught;
	unsigned int all;
	struct addr to;
	int fd, tap;

	ASSERT_EQ(0, caught_device(variant->kind, &to));
	tap = tap_open("d0");
	ASSERT_LE(0, tap);
	for (int what = 0; what < MEANWHILES; what++) {
		ASSERT_EQ(0, run("tc qdisc replace dev d0 root fq horizon 1000s"));
		fd = caught_socket(variant->kind, 0, &to);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ctl_attach(&self->scene.ctl, self->scene.session,
					fd, NULL));
		ASSERT_TRUE(caught_start(&caught, fd, &to, 0, SSRC));
		ASSERT_EQ(0, make_happen(self, fd, what));
		ASSERT_EQ(0, caught_release(&caught));
		EXPECT_EQ(CAUGHT_LEN, caught.ret);
		EXPECT_EQ(wanted[what].clear,
			  left_in_clear(tap, caught.packet, &all)) {
			TH_LOG("case %d", what);
		}
		EXPECT_EQ(wanted[what].clear, all) {
			TH_LOG("case %d", what);
		}
		ASSERT_EQ(0, ctl_socket_stats(&self->scene.ctl, fd, stats));
		for (unsigned int i = 0; i < CTL_STATS; i++) {
			EXPECT_EQ(i && i == wanted[what].counted, stats[i]) {
				TH_LOG("case %d, counter %u", what, i);
			}
		}
		close(fd);
	}
	close(tap);
}

/* The socket goes while packets are on their way to it and from it. */
TEST_F(lifetime, closed_under_traffic)
{
	struct traffic out, in;
	int round, spare;

	for (round = 0; round < 30; round++) {
		/* keeps the socket's number from being taken by another file */
		spare = dup(self->scene.fd);
		traffic_start(&out, self->scene.fd);
		traffic_start(&in, self->scene.peer);
		ASSERT_TRUE(traffic_flows(&out, 5));
		shutdown(self->scene.fd, SHUT_RDWR);
		dup2(open("/dev/null", O_RDWR), self->scene.fd);
		close(spare);
		traffic_stop(&out);
		traffic_stop(&in);
		close(self->scene.fd);
		self->scene.fd = sock_udp(variant->kind,
					  addr_port(&self->scene.addr), NULL);
		ASSERT_LE(0, self->scene.fd);
		ASSERT_EQ(0, sock_connect(self->scene.fd,
					  &self->scene.peer_addr));
		ASSERT_EQ(0, ctl_attach(&self->scene.ctl, self->scene.session,
					self->scene.fd, NULL));
	}
}

/* Killed in the middle: its namespace goes with all that was in it. */
static int start_victim(enum sock_kind kind)
{
	struct ctl_guard guard = { .first = 7000, .last = 7999 };
	FIXTURE_DATA(lifetime) self;
	struct traffic traffic, back;
	int pair[2], pid;
	uint32_t id;
	char byte;

	if (pipe(pair))
		return -errno;
	pid = fork();
	if (pid) {
		close(pair[1]);
		/* it is under way, or has failed */
		if (read(pair[0], &byte, 1) != 1)
			pid = -1;
		close(pair[0]);
		return pid;
	}
	if (open_scene(&self, kind) ||
	    ctl_guard_new(&self.scene.ctl, self.scene.session, &guard, &id))
		_exit(1);
	traffic_start(&traffic, self.scene.fd);
	traffic_start(&back, self.scene.peer);
	if (!traffic_flows(&traffic, 20) ||
	    write(pair[1], "x", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

TEST_F(lifetime, namespace_deleted_under_traffic)
{
	int round, pid, status;

	for (round = 0; round < 10; round++) {
		pid = start_victim(variant->kind);
		ASSERT_LT(0, pid);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	scene_close(&self->scene);
	ASSERT_EQ(0, sock_netns());	/* leave ours, too */
	EXPECT_TRUE(all_gone());
	ASSERT_EQ(0, open_scene(self, variant->kind));
}

static const char *module_path(void)
{
	static char path[512];

	if (getenv("E2EE_KO"))
		return getenv("E2EE_KO");
	if (!getenv("E2EE_RESULTS"))
		return NULL;
	snprintf(path, sizeof(path), "%s/e2ee.ko", getenv("E2EE_RESULTS"));
	return access(path, R_OK) ? NULL : path;
}

static int load_module(void)
{
	int fd = open(module_path(), O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return err;
}

static int unload_module(void)
{
	return syscall(SYS_delete_module, "e2ee", O_NONBLOCK) ? -errno : 0;
}

/* The last socket's memory goes with an RCU callback: soon, not at once. */
static int unload_within(int ms)
{
	int64_t end = now_ms() + ms;
	int err;

	do
		err = unload_module();
	while (err && now_ms() < end);
	return err;
}

FIXTURE(module)
{
	FIXTURE_DATA(lifetime) *inner;
};

FIXTURE_SETUP(module)
{
	if (!module_path())
		SKIP(return, "neither E2EE_KO nor E2EE_RESULTS names e2ee.ko");
	self->inner = calloc(1, sizeof(*self->inner));
	ASSERT_EQ(0, open_scene(self->inner, SOCK_V4));
}

/* Others need it loaded. */
FIXTURE_TEARDOWN(module)
{
	int err = load_module();

	EXPECT_TRUE(!err || err == -EEXIST);
}

TEST_F(module, stays_while_a_socket_lives)
{
	struct scene *scene = &self->inner->scene;
	uint64_t id;

	EXPECT_EQ(-EWOULDBLOCK, unload_module());
	ASSERT_EQ(0, ctl_socket_get(&scene->ctl, scene->fd, &id, NULL));
	ASSERT_EQ(0, ctl_detach(&scene->ctl, id, true));
	/* a sender may still be inside: the hooks stay, and so do we */
	EXPECT_EQ(-EWOULDBLOCK, unload_module());
	EXPECT_EQ(0, ctl_session_del(&scene->ctl, scene->session));
	EXPECT_EQ(-EWOULDBLOCK, unload_module());
	close(scene->fd);
	EXPECT_EQ(0, unload_within(1000));
	EXPECT_EQ(-ENOENT, ctl_open(&scene->ctl));
}

/* Sessions, keys and guards alone are no reason to stay. */
TEST_F(module, goes_with_its_configuration)
{
	struct ctl_guard guard = { .first = 7000, .last = 7999 };
	struct scene *scene = &self->inner->scene;
	uint8_t packet[100], got[200];
	struct addr addr;
	uint32_t id;
	int fd, to;

	ASSERT_EQ(0, ctl_guard_new(&scene->ctl, scene->session, &guard, &id));
	close(scene->fd);
	ASSERT_EQ(0, unload_within(1000));
	/* and its rule with it */
	fd = sock_udp(SOCK_V4, 7000, NULL);
	to = sock_udp(SOCK_V4, 0, &addr);
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	ASSERT_EQ(100, sock_send(fd, packet, 100, &addr));
	EXPECT_EQ(100, sock_recv(to, got, sizeof(got)));
	close(fd);
	close(to);
}

TEST_F(module, loads_again_and_again)
{
	FIXTURE_DATA(lifetime) *inner = self->inner;
	struct traffic traffic;
	struct seen seen;
	int round;

	scene_close(&inner->scene);
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, unload_within(1000));
		ASSERT_EQ(0, load_module());
		ASSERT_EQ(0, open_scene(inner, round % 2 ? SOCK_V6 : SOCK_V4));
		traffic_start(&traffic, inner->scene.fd);
		ASSERT_TRUE(traffic_flows(&traffic, 100));
		look(inner, &traffic, 100, &seen);
		EXPECT_EQ(100, seen.sealed);
		EXPECT_EQ(0, traffic_stop(&traffic));
		scene_close(&inner->scene);
	}
}

TEST_HARNESS_MAIN
