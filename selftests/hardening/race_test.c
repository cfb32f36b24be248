// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once, on all CPUs: sockets are attached, send, and are closed;
 * keys change and epochs with them; sessions are deleted under their sockets;
 * sockets are detached and attached; namespaces go with all that is in them;
 * dumps are read; and somebody tries to unload the module. All that leaves
 * opens to what was sent; the socket that stays is delivered what was sealed for
 * it, all the time, each packet once, to the byte, and nothing else; and in the
 * end all that was made is gone. E2EE_SECONDS says for how long; runs add up in
 * the report. And a packet that comes in on two CPUs at once is delivered once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/figures.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC	0x4ace0000
#define LATE	"/sys/kernel/debug/e2ee_late/mode"
#define BATCH	64
#define LEN	200		/* of all packets, in clear */
#define PASSING	0x40000000	/* first KID of sessions that come and go */
#define KEYS	8192		/* remembered, of each kind */
#define WAITING	32		/* packets on their way to the socket, at most */
#define RECENT	65536		/* packets that are known when they come again */
#define PHASE	20		/* packets delivered in each, at the least */

struct race {
	struct scene scene;	/* its socket stays all the time */
	const char *crypto;
	struct sframe_key rx;
	int passing;		/* is detached and attached */
	int sink;		/* where its packets go */
	struct addr sink_addr;
	int keeper;		/* asked for namespaces */
	pid_t keeper_pid;
	atomic_bool stop;
	atomic_uint opened;	/* packets that came to the peer, as sent */
	atomic_uint genuine;	/* packets for the socket that stays */
	atomic_uint others;	/* and what must not be delivered to it */
	atomic_uint delivered;
	uint32_t recent[RECENT];	/* delivered: number + 1 */
	uint8_t last[300];	/* the genuine one before */
	size_t last_len;
	atomic_uint unloaded;
	atomic_int err;		/* the first that should not be */
	const char *err_of;
};

/* What goes on; each in a thread of its own, over and over */
struct actor {
	const char *name;
	void (*act)(struct race *race, struct ctl *ctl, unsigned int round);
	struct race *race;
	pthread_t thread;
	unsigned int rounds;
};

static void note_err(struct race *race, const char *of, int err)
{
	int none = 0;

	if (err && atomic_compare_exchange_strong(&race->err, &none, err))
		race->err_of = of;
}

/* The latest tx keys, those of sessions that come and go apart */
static struct sframe_key *key_of(uint64_t kid)
{
	static struct sframe_key keys[2][KEYS];

	return &keys[kid >= PASSING][kid % KEYS];
}

static int key_any(struct ctl *ctl, uint32_t session, uint64_t kid,
		   uint32_t epoch)
{
	struct sframe_key *secret = key_of(kid);
	struct ctl_key key = {
		.dir = E2EE_DIR_TX, .kid = kid, .mode = E2EE_SSRC_ANY,
		.epoch = epoch, .secret = secret->secret, .salt = secret->salt,
	};

	sframe_key_random(secret, 5, kid);
	return ctl_key_new(ctl, session, &key);
}

static void send_some(struct race *race, int fd, unsigned int num)
{
	uint8_t packet[LEN];

	for (unsigned int i = 0; i < num; i++) {
		rtp_plain(packet, sizeof(packet), SSRC, (uint16_t)i);
		sock_send(fd, packet, sizeof(packet), &race->scene.peer_addr);
	}
}

/* a socket's whole life */
static void engine(struct race *race, struct ctl *ctl, unsigned int round)
{
	int fd = sock_udp(race->scene.kind, 0, NULL);
	int err = ctl_attach(ctl, race->scene.session, fd, NULL);

	note_err(race, "attach", err);
	if (!err)
		send_some(race, fd, 30);
	close(fd);
}

static void rekey(struct race *race, struct ctl *ctl, unsigned int round)
{
	uint32_t session = race->scene.session, epoch = round + 1;
	struct ctl_key old = {
		.dir = E2EE_DIR_TX, .kid = epoch - 1, .mode = E2EE_SSRC_ANY,
	};

	note_err(race, "key-new", key_any(ctl, session, epoch, epoch));
	note_err(race, "use-epoch",
		 ctl_session_epoch(ctl, session, epoch, true));
	note_err(race, "key-del", ctl_key_del(ctl, session, &old));
}

static void session(struct race *race, struct ctl *ctl, unsigned int round)
{
	const struct ctl_session options = { .crypto = race->crypto };
	int fd = sock_udp(race->scene.kind, 0, NULL);
	uint32_t id;
	int err;

	err = ctl_session_new(ctl, "passing", &options, &id);
	note_err(race, "session-new", err);
	if (!err) {
		note_err(race, "key-new", key_any(ctl, id, PASSING + round, 0));
		note_err(race, "attach", ctl_attach(ctl, id, fd, NULL));
		send_some(race, fd, 10);
		note_err(race, "session-del", ctl_session_del(ctl, id));
		send_some(race, fd, 10);
	}
	close(fd);
}

/* in clear between the two: its packets go where nobody looks */
static void detach(struct race *race, struct ctl *ctl, unsigned int round)
{
	int fd = race->passing, err;
	uint8_t packet[LEN];
	uint64_t id;

	err = ctl_attach(ctl, race->scene.session, fd, &id);
	note_err(race, "attach", err);
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	sock_send(fd, packet, sizeof(packet), &race->sink_addr);
	if (!err)
		note_err(race, "detach", ctl_detach(ctl, id, true));
	sock_send(fd, packet, sizeof(packet), &race->sink_addr);
}

/* another namespace, with guard, session, socket and traffic: killed */
static void namespace_die(struct race *race)
{
	const struct ctl_guard guard = { .first = 7000, .last = 7999 };
	struct scene scene;
	uint32_t id;

	if (scene_open(&scene, race->scene.kind, NULL) ||
	    key_any(&scene.ctl, scene.session, 1, 0) ||
	    ctl_guard_new(&scene.ctl, scene.session, &guard, &id))
		_exit(1);
	race->scene = scene;
	send_some(race, scene.fd, 10);
	send_some(race, sock_udp(scene.kind, 7000, NULL), 10);
	_exit(0);
}

/*
 * A process without threads makes the namespaces, one whenever it is asked: whoever
 * is forked off a thread may find a lock taken by another, for ever.
 */
static int keeper_start(struct race *race)
{
	int pair[2], status;
	char byte;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	race->keeper = pair[0];
	race->keeper_pid = fork();
	if (race->keeper_pid) {
		close(pair[1]);
		return race->keeper_pid < 0 ? -errno : 0;
	}
	close(pair[0]);
	while (read(pair[1], &byte, 1) == 1) {
		pid = fork();
		if (!pid)
			namespace_die(race);
		if (waitpid(pid, &status, 0) != pid ||
		    write(pair[1], &status, sizeof(status)) < 0)
			break;
	}
	_exit(0);
}

static int keeper_stop(struct race *race)
{
	close(race->keeper);
	return waitpid(race->keeper_pid, NULL, 0) < 0 ? -errno : 0;
}

static void namespace(struct race *race, struct ctl *ctl, unsigned int round)
{
	int status = -EPIPE;

	if (write(race->keeper, "", 1) != 1 ||
	    read(race->keeper, &status, sizeof(status)) != sizeof(status))
		status = -EPIPE;
	note_err(race, "namespace", status);
}

static void dump(struct race *race, struct ctl *ctl, unsigned int round)
{
	uint64_t stats[CTL_STATS];

	note_err(race, "session-get",
		 ctl_session_stats(ctl, race->scene.session, stats));
	note_err(race, "socket-get",
		 ctl_socket_stats(ctl, race->scene.fd, stats));
}

static void unload(struct race *race, struct ctl *ctl, unsigned int round)
{
	int err = module_unload("e2ee");

	race->unloaded += !err;
	if (err != -EWOULDBLOCK)
		note_err(race, "rmmod", err);
	poll(NULL, 0, 1);
}

/* KID of a packet on the wire, by RFC 9605, section 4.3; false: it has none */
static bool kid_of(const uint8_t *wire, int n, uint64_t *kid)
{
	const uint8_t *at = wire + RTP_HEADER + 1;
	unsigned int bytes;

	if (n < RTP_HEADER + SFRAME_GROWTH)
		return false;
	*kid = *at >> 4 & 7;
	if (!(*at & 0x80))
		return true;
	bytes = (unsigned int)*kid + 1;
	for (*kid = 0; bytes; bytes--)
		*kid = *kid << 8 | *++at;
	return true;
}

/* Sealed with a key that somebody sends with, and opens to what he sent */
static bool left_sealed(struct race *race, const uint8_t *wire, int n)
{
	uint8_t opened[1000], clear[LEN];
	const struct sframe_key *key;
	uint64_t kid, ctr;

	if (!kid_of(wire, n, &kid))
		return false;
	key = key_of(kid);
	if (key->kid > kid)
		return true;		/* long ago, its key is forgotten */
	if (rtp_open(opened, wire, (size_t)n, key, &ctr) != LEN)
		return false;
	rtp_plain(clear, LEN, SSRC, rtp_seq(opened));
	race->opened++;
	return !memcmp(clear, opened, LEN);
}

/* Packet @num for the socket that stays; returns the length on the wire. */
static size_t numbered(struct race *race, uint32_t num, uint8_t clear[LEN],
		       uint8_t wire[300])
{
	uint8_t payload[LEN - RTP_HEADER];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .seq = (uint16_t)num, .ts = num,
		.payload = payload, .len = sizeof(payload),
	};

	rtp_fill(payload, sizeof(payload), num);
	rtp_build(clear, &rtp);
	return wire ? rtp_seal(wire, &rtp, &race->rx, num) : 0;
}

/* The number of what was delivered; -EBADMSG: nobody sent that */
static int64_t number_of(struct race *race, const uint8_t *got, int n,
			 uint32_t sent)
{
	uint8_t clear[LEN];
	uint32_t num;

	if (n != LEN)
		return -EBADMSG;
	num = (uint32_t)got[4] << 24 | (uint32_t)got[5] << 16 |
	      (uint32_t)got[6] << 8 | got[7];
	numbered(race, num, clear, NULL);
	return num < sent && !memcmp(clear, got, LEN) ? num : -EBADMSG;
}

/* All that the socket that stays was delivered by now */
static void take_delivered(struct race *race)
{
	uint8_t got[1000];
	int64_t num;
	int n;

	while ((n = sock_recv_now(race->scene.fd, got, sizeof(got))) >= 0) {
		num = number_of(race, got, n, race->genuine);
		if (num < 0) {
			note_err(race, "delivered, but never sealed", -EBADMSG);
			return;
		}
		if (race->recent[num % RECENT] == (uint32_t)num + 1)
			note_err(race, "delivered twice", -EEXIST);
		race->recent[num % RECENT] = (uint32_t)num + 1;
		race->delivered++;
	}
	if (n != -EAGAIN)
		note_err(race, "recv", n);
}

/* A packet that must not be delivered, of each kind in turn */
static void send_other(struct race *race, const uint8_t clear[LEN],
		       const uint8_t *wire, size_t len, unsigned int round)
{
	uint8_t other[300];

	memcpy(other, wire, len);
	switch (round % 4) {
	case 0:		/* the clear packet itself */
		memcpy(other, clear, LEN);
		len = LEN;
		break;
	case 1:		/* a wrong tag; with this CTR the genuine one follows */
		other[len - 1] ^= 1;
		break;
	case 2:		/* a KID nobody has: behind the config byte */
		other[RTP_HEADER + 2] ^= 0x40;
		break;
	case 3:		/* once more */
		memcpy(other, race->last, race->last_len);
		len = race->last_len;
		break;
	}
	race->others++;
	sock_send(race->scene.peer, other, len, &race->scene.addr);
}

/*
 * What the peer sees of all of them, and what it sends to the one that stays:
 * not more than its receive buffer holds.
 */
static void peer(struct race *race, struct ctl *ctl, unsigned int round)
{
	uint8_t got[1000], clear[LEN], wire[300];
	unsigned int i;
	size_t len;
	int n;

	for (i = 0; i < BATCH; i++) {
		n = sock_recv_now(race->scene.peer, got, sizeof(got));
		if (n < 0)
			break;
		if (!left_sealed(race, got, n))
			note_err(race, "what left", -EBADMSG);
	}
	take_delivered(race);
	/* a little slower where some were lost, which never come */
	if (race->genuine - race->delivered >= WAITING &&
	    !sock_poll(race->scene.fd, POLLIN, 10) && round % 16)
		return;
	len = numbered(race, race->genuine, clear, wire);
	send_other(race, clear, wire, len, race->genuine);
	race->genuine++;
	sock_send(race->scene.peer, wire, len, &race->scene.addr);
	memcpy(race->last, wire, len);
	race->last_len = len;
	take_delivered(race);
}

static void *act_on(void *arg)
{
	struct actor *actor = arg;
	struct ctl ctl;

	note_err(actor->race, "ctl_open", ctl_open(&ctl));
	while (!actor->race->stop)
		actor->act(actor->race, &ctl, actor->rounds++);
	ctl_close(&ctl);
	return NULL;
}

struct twins {
	struct race *race;
	uint8_t wires[BATCH][300];
	size_t lens[BATCH];
	pthread_t threads[2];
	atomic_uint names;
	atomic_uint arrived;
};

/* Each packet at the moment when the other one sends it */
static void *twin_send(void *arg)
{
	struct twins *twins = arg;
	struct race *race = twins->race;
	unsigned int i;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(twins->names++ % (unsigned long)sysconf(_SC_NPROCESSORS_ONLN),
		&cpus);
	note_err(race, "affinity",
		 sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0);
	for (i = 0; i < BATCH; i++) {
		twins->arrived++;
		/* user-mode Linux runs one thread of a program at a time */
		while (twins->arrived < 2 * (i + 1))
			sched_yield();
		sock_send(race->scene.peer, twins->wires[i], twins->lens[i],
			  &race->scene.addr);
	}
	return NULL;
}

/*
 * The next packets, each sent twice; how many of them are delivered, each once
 * and as it was before it was sealed
 */
static unsigned int twins_run(struct race *race, unsigned int ctr)
{
	struct twins twins = { .race = race };
	uint8_t clear[LEN], got[300];
	bool seen[BATCH] = { false };
	unsigned int i, read = 0;
	int64_t num;
	int n;

	for (i = 0; i < BATCH; i++)
		twins.lens[i] = numbered(race, ctr + i, clear, twins.wires[i]);
	for (i = 0; i < 2; i++)
		if (pthread_create(&twins.threads[i], NULL, twin_send, &twins))
			abort();
	for (i = 0; i < 2; i++)
		pthread_join(twins.threads[i], NULL);
	while (read < BATCH) {
		n = sock_recv(race->scene.fd, got, sizeof(got));
		num = number_of(race, got, n, ctr + BATCH) - ctr;
		if (num < 0 || seen[num])
			break;
		seen[num] = true;
		read++;
	}
	return read;
}

FIXTURE(race)
{
	struct race race;
};

static const char *const kinds[] = {
	"session", "key", "socket", "guard", "window", "hold", "late",
};

FIXTURE_VARIANT(race)
{
	enum sock_kind kind;
	const char *crypto;
};

FIXTURE_VARIANT_ADD(race, usual) { .kind = SOCK_V4 };

FIXTURE_VARIANT_ADD(race, async) {
	.kind = SOCK_V6, .crypto = "e2ee-late",
};

FIXTURE_SETUP(race)
{
	const struct ctl_session options = { .crypto = variant->crypto };
	struct race *race = &self->race;

	if (variant->crypto) {
		ASSERT_EQ(0, module_load("e2ee_late"));
		ASSERT_EQ(0, file_write(LATE, "1\n"));	/* soon */
	}
	ASSERT_TRUE(objects_all_gone());
	race->crypto = variant->crypto;
	ASSERT_EQ(0, scene_open(&race->scene, variant->kind, &options));
	sframe_key_random(&race->rx, 5, 4242);
	ASSERT_EQ(0, scene_key(&race->scene, E2EE_DIR_RX, &race->rx, NULL));
	ASSERT_EQ(0, key_any(&race->scene.ctl, race->scene.session, 0, 0));
	race->passing = sock_udp(variant->kind, 0, NULL);
	race->sink = sock_udp(variant->kind, 0, &race->sink_addr);
	ASSERT_LE(0, race->passing);
	ASSERT_LE(0, race->sink);
	/* connected it would hear of none but the one that stays */
	close(race->scene.peer);
	race->scene.peer = sock_udp(variant->kind,
				    addr_port(&race->scene.peer_addr), NULL);
	ASSERT_LE(0, race->scene.peer);
}

FIXTURE_TEARDOWN(race)
{
	struct race *race = &self->race;

	ctl_session_del(&race->scene.ctl, race->scene.session);
	scene_close(&race->scene);
	close(race->passing);
	close(race->sink);
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		EXPECT_TRUE(objects_come_to(kinds[i], 0)) {
			TH_LOG("%s: %ld left", kinds[i],
			       objects_alive(kinds[i]));
		}
	}
	if (variant->crypto) {
		sock_netns();
		EXPECT_EQ(0, module_unload_soon("e2ee_late"));
	}
}

static bool going_on(const struct race *race, int64_t end)
{
	if (race->err || now_ms() >= end)
		return false;
	poll(NULL, 0, 20);
	return true;
}

/* For so long, and until enough was delivered in it; how much that was */
static unsigned int phase(const struct race *race, int64_t end)
{
	unsigned int was = race->delivered;

	while (going_on(race, end))
		;
	while (race->delivered - was < PHASE && going_on(race, end + SOCK_WAIT))
		;
	return race->delivered - was;
}

/* Verdicts on what came in */
static uint64_t counted(struct race *race, unsigned int first,
			unsigned int last)
{
	uint64_t stats[CTL_STATS], sum = 0;

	if (ctl_socket_stats(&race->scene.ctl, race->scene.fd, stats))
		abort();
	for (unsigned int i = first; i <= last; i++)
		sum += stats[i];
	return sum;
}

/* No answer is outstanding, and what was opened is delivered, no more */
static bool all_arrived(struct race *race)
{
	int64_t end = now_ms() + SOCK_WAIT;
	bool settled;

	do {
		settled = !objects_alive("late");
		take_delivered(race);
		if (settled && race->delivered ==
		    counted(race, E2EE_A_STAT_RX_OK, E2EE_A_STAT_RX_OK))
			return true;
	} while (going_on(race, end));
	return false;
}

static const unsigned int of_others[] = {
	E2EE_A_STAT_RX_CLEAR_DROPPED, E2EE_A_STAT_RX_AUTH_FAIL,
	E2EE_A_STAT_RX_NO_KEY, E2EE_A_STAT_RX_REPLAY,
};

TEST_F_TIMEOUT(race, all_at_once, 7200)
{
	struct actor actors[] = {
		{ "peer", peer }, { "engine", engine }, { "engine", engine },
		{ "rekey", rekey }, { "session", session },
		{ "detach", detach }, { "namespace", namespace },
		{ "dump", dump }, { "unload", unload },
	};
	long seconds = seconds_or(short_or_long(4, 1800));
	long phases = seconds < 20 ? seconds : 20;
	unsigned int i, least = UINT32_MAX, num;
	struct race *race = &self->race;
	int64_t begin = now_ms();

	ASSERT_EQ(0, keeper_start(race));
	for (i = 0; i < ARRAY_SIZE(actors); i++) {
		actors[i].race = race;
		ASSERT_EQ(0, pthread_create(&actors[i].thread, NULL, act_on,
					    &actors[i]));
	}
	for (i = 1; i <= phases && !race->err && least >= PHASE; i++) {
		num = phase(race, begin + i * 1000 * seconds / phases);
		least = num < least ? num : least;
	}
	race->stop = true;
	for (i = 0; i < ARRAY_SIZE(actors); i++) {
		pthread_join(actors[i].thread, NULL);
		TH_LOG("%s: %u rounds", actors[i].name, actors[i].rounds);
		EXPECT_LT(1, actors[i].rounds);
	}
	EXPECT_EQ(0, keeper_stop(race));
	EXPECT_TRUE(all_arrived(race));
	EXPECT_EQ(0, race->err) {
		TH_LOG("%s: %s", race->err_of, strerror(-race->err));
	}
	TH_LOG("%u opened; %u of %u delivered, %u in the worst of %ld phases",
	       race->opened, race->delivered, race->genuine, least, phases);
	EXPECT_LT(10, race->opened);
	EXPECT_LE(PHASE, least);
	/* the kernel may lose some on their way: they wait with all others */
	EXPECT_GE(race->delivered * 10ULL, race->genuine * 9ULL);
	num = race->genuine + race->others;
	EXPECT_GE(num, counted(race, E2EE_A_STAT_RX_OK, E2EE_A_STAT_RX_BLOCKED));
	EXPECT_LE(num * 9ULL, 10 * counted(race, E2EE_A_STAT_RX_OK,
					   E2EE_A_STAT_RX_BLOCKED));
	for (i = 0; i < ARRAY_SIZE(of_others); i++) {
		EXPECT_LT(0, counted(race, of_others[i], of_others[i])) {
			TH_LOG("%s", ctl_stat_name(of_others[i]));
		}
	}
	EXPECT_EQ(0, race->unloaded);
	figure_add("race", "race_minutes",
		   (double)(now_ms() - begin) / 60000);
}

TEST_F_TIMEOUT(race, packet_on_two_cpus, 7200)
{
	unsigned int num = (unsigned int)short_or_long(2048, 1 << 17), ctr;
	struct race *race = &self->race;
	uint64_t stats[CTL_STATS];
	int64_t end;
	char byte;

	for (ctr = 0; ctr < num; ctr += BATCH)
		ASSERT_EQ(BATCH, twins_run(race, ctr));
	ASSERT_EQ(0, race->err);
	end = now_ms() + SOCK_WAIT;
	do {	/* answers that come later */
		ASSERT_EQ(0, ctl_socket_stats(&race->scene.ctl, race->scene.fd,
					      stats));
	} while (stats[E2EE_A_STAT_RX_OK] + stats[E2EE_A_STAT_RX_REPLAY] <
		 2 * num && now_ms() < end);
	EXPECT_EQ(num, stats[E2EE_A_STAT_RX_OK]);
	EXPECT_EQ(num, stats[E2EE_A_STAT_RX_REPLAY]);
	EXPECT_EQ(-EAGAIN, sock_recv_now(race->scene.fd, &byte, 1));
}

TEST_HARNESS_MAIN
