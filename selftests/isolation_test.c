// SPDX-License-Identifier: GPL-2.0
/*
 * Who has no right to a session: one of another user namespace to whom the
 * engine hands its socket, and a debugger that takes it and reads the engine's
 * memory. They may send, sealed, but not let it go, read its counters or attach
 * it elsewhere, and find no key.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/harness.h"
#include "lib/netlink.h"
#include "lib/scene.h"
#include "lib/secret.h"

#define SSRC	0x150a7e00
#define NOBODY	65534

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd	438
#endif

FIXTURE(isolation)
{
	struct scene scene;
	struct sframe_key tx;
};

FIXTURE_SETUP(isolation)
{
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	sframe_key_random(&self->tx, 5, 300);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL));
}

FIXTURE_TEARDOWN(isolation)
{
	scene_close(&self->scene);
}

/* The next packet on the wire is @seq, sealed with @key */
static const char *sealed(FIXTURE_DATA(isolation) *self,
			  const struct sframe_key *key, uint32_t ssrc,
			  uint16_t seq)
{
	uint8_t got[600], opened[600], wanted[200];
	int n = sock_recv(self->scene.peer, got, sizeof(got));

	rtp_plain(wanted, sizeof(wanted), ssrc, seq);
	if (n < 0 || rtp_open(opened, got, (size_t)n, key, NULL) != 200 ||
	    memcmp(opened, wanted, sizeof(wanted)))
		return "not sealed";
	return "";
}

static int send_one(int fd, uint32_t ssrc, uint16_t seq)
{
	uint8_t packet[200];

	rtp_plain(packet, sizeof(packet), ssrc, seq);
	return sock_send(fd, packet, sizeof(packet), NULL);
}

/* Whose they are not: what there is to be had */
struct victim {
	int fd;
	uint64_t socket;
	uint32_t session;
};

/* What was not refused, or not for that reason, is a bit of the exit status */
enum {
	ATTACH = 1, DETACH = 2, STATS = 4, SESSION = 8, KEYS = 16, EVENTS = 32,
	SEND = 64,
};

static int unless(int bit, int got, int wanted)
{
	if (got == wanted)
		return 0;
	fprintf(stderr, "# bit %d: %s instead of %s\n", bit, strerror(-got),
		strerror(-wanted));
	return bit;
}

/* All that is named by the session's id, or by its name */
static int misuse_session(struct ctl *ctl, uint32_t session, int err)
{
	const struct ctl_key key = {
		.dir = E2EE_DIR_TX, .kid = 300, .mode = E2EE_SSRC_ANY,
	};
	uint64_t stats[CTL_STATS];
	struct ctl_key_info info;
	struct nl nl;
	int got = 0;

	got |= unless(SESSION, ctl_session_policy(ctl, session,
						  E2EE_POLICY_OFF), err);
	got |= unless(SESSION, ctl_session_epoch(ctl, session, 5, true), err);
	got |= unless(SESSION, ctl_session_del(ctl, session), err);
	got |= unless(STATS, ctl_session_stats(ctl, session, stats), err);
	got |= unless(KEYS, ctl_key_get(ctl, session, &key, &info), err);
	got |= unless(KEYS, ctl_key_del(ctl, session, &key), err);
	if (nl_open(&nl))
		return got | SESSION;
	got |= unless(SESSION, nl_do(&nl, nl_session(&nl, E2EE_CMD_SESSION_DEL,
						     0, "scene")), err);
	got |= unless(STATS, nl_do(&nl, nl_session(&nl, E2EE_CMD_SESSION_GET,
						   0, "scene")), err);
	nl_close(&nl);
	return got;
}

/*
 * Root of namespaces of its own. What it does to a session of the same name and
 * id there is its own affair, and then there is none any more.
 */
static int misuse_elsewhere(const struct victim *victim)
{
	uint64_t stats[CTL_STATS];
	uint32_t twin, mine;
	struct ctl ctl;
	int got = 0;

	if (ctl_open(&ctl) || ctl_session_new(&ctl, "scene", NULL, &twin) ||
	    twin != victim->session ||
	    ctl_session_policy(&ctl, twin, E2EE_POLICY_OFF) ||
	    ctl_session_del(&ctl, twin) ||
	    ctl_session_new(&ctl, "mine", NULL, &mine) || mine == twin)
		return 255;
	got |= misuse_session(&ctl, victim->session, -ENOENT);
	got |= unless(ATTACH, ctl_attach(&ctl, mine, victim->fd, NULL), -EXDEV);
	got |= unless(DETACH, ctl_detach(&ctl, victim->socket, true), -ENOENT);
	got |= unless(STATS, ctl_socket_stats(&ctl, victim->fd, stats),
		      -EXDEV);
	ctl_close(&ctl);
	return got;
}

/* In the namespace of the session, but with no right there */
static int misuse_here(const struct victim *victim)
{
	uint64_t stats[CTL_STATS];
	struct ctl ctl, events;
	int got = 0;

	if (ctl_open(&ctl))
		return 255;
	got |= misuse_session(&ctl, victim->session, -EPERM);
	got |= unless(ATTACH, ctl_attach(&ctl, victim->session, victim->fd,
					 NULL), -EPERM);
	got |= unless(DETACH, ctl_detach(&ctl, victim->socket, true), -EPERM);
	got |= unless(STATS, ctl_socket_stats(&ctl, victim->fd, stats), -EPERM);
	got |= unless(EVENTS, ctl_events_open(&events), -EPERM);
	ctl_close(&ctl);
	return got;
}

static int misuse(const struct victim *victim, int namespaces)
{
	return namespaces & CLONE_NEWNET ? misuse_elsewhere(victim) :
					   misuse_here(victim);
}

static void give(int channel, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = 0,
	};

	cmsg_put(&msg, SOL_SOCKET, SCM_RIGHTS, &fd, sizeof(fd));
	if (sendmsg(channel, &msg, 0) != 1)
		abort();
}

static int take(int channel)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const int *fd;

	if (recvmsg(channel, &msg, 0) != 1)
		return -1;
	fd = cmsg_find(&msg, SOL_SOCKET, SCM_RIGHTS);
	return fd ? *fd : -1;
}

static void stranger(int channel, struct victim victim, int namespaces)
{
	int got;

	close(victim.fd);
	victim.fd = take(channel);
	if (victim.fd < 0 || unshare(namespaces))
		_exit(250);
	/* its netlink socket counts, not what it had before */
	got = misuse(&victim, namespaces);
	if (send_one(victim.fd, SSRC, 7) != 200)
		got |= SEND;
	_exit(got);
}

TEST_F(isolation, handed_over)
{
	static const int namespaces[] = {
		CLONE_NEWUSER, CLONE_NEWUSER | CLONE_NEWNET,
	};
	struct scene *scene = &self->scene;
	struct victim victim = { scene->fd, 0, scene->session };
	int pair[2], status;
	unsigned int i;
	pid_t pid;

	ASSERT_EQ(0, ctl_socket_get(&scene->ctl, scene->fd, &victim.socket,
				    NULL));
	for (i = 0; i < ARRAY_SIZE(namespaces); i++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			stranger(pair[1], victim, namespaces[i]);
		give(pair[0], scene->fd);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status) {
			TH_LOG("got away with %#x", WEXITSTATUS(status));
		}
		ASSERT_STREQ("", sealed(self, &self->tx, SSRC, 7));
		EXPECT_EQ(200, send_one(scene->fd, SSRC, 8));
		ASSERT_STREQ("", sealed(self, &self->tx, SSRC, 8));
		close(pair[0]);
		close(pair[1]);
	}
}

/* debuggers */

/* Pieces of 8 bytes of what is masked, in memory that somebody read */
static unsigned int pieces(const uint8_t *memory, size_t size,
			   const void *masked, size_t len)
{
	unsigned int found = 0;
	uint64_t plain[4], word;
	size_t num = len / sizeof(word);

	secret_mask(plain, masked, num * sizeof(word));
	for (size_t at = 0; at + sizeof(word) <= size; at++) {
		memcpy(&word, memory + at, sizeof(word));
		for (size_t i = 0; i < num; i++)
			found += word == plain[i];
	}
	secret_wipe(plain, sizeof(plain));
	return found;
}

struct search {
	const struct secret *secret;
	const struct secret *planted;
	size_t bytes;
	unsigned int keys;	/* pieces of @secret */
	unsigned int salts;
	unsigned int plants;	/* of @planted, which is there */
};

/* All that a process has mapped and its debugger can read */
static int search(pid_t pid, struct search *search)
{
	unsigned long long begin, end;
	char path[64], mode[8];
	uint8_t *memory;
	FILE *maps;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || fd < 0)
		return -errno;
	while (fscanf(maps, "%llx-%llx %7s%*[^\n]\n", &begin, &end,
		      mode) == 3) {
		memory = malloc(end - begin);
		len = memory ? pread(fd, memory, end - begin, (off_t)begin) :
			       -1;
		if (len > 0) {
			search->bytes += (size_t)len;
			search->keys += pieces(memory, (size_t)len,
					       search->secret->key, 32);
			search->salts += pieces(memory, (size_t)len,
						search->secret->salt, 12);
			search->plants += pieces(memory, (size_t)len,
						 search->planted->key, 32);
		}
		free(memory);
	}
	close(fd);
	fclose(maps);
	return 0;
}

/* Sends what it is told to, until nobody tells it any more */
static void engine(int orders, int fd, const struct secret *planted)
{
	struct secret *plain = malloc(sizeof(*plain));
	uint16_t seq;

	secret_mask(plain, planted, sizeof(*plain));
	while (write(orders, &seq, sizeof(seq)) == sizeof(seq) &&
	       read(orders, &seq, sizeof(seq)) == sizeof(seq))
		if (send_one(fd, SECRET_KID, seq) != 200)
			_exit(1);
	secret_wipe(plain, sizeof(*plain));
	_exit(0);
}

struct traced {
	struct victim victim;
	int namespaces;		/* 0: the engine's user has no capability */
	struct search search;	/* shared memory: what was found */
};

static int become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	return prctl(PR_SET_DUMPABLE, 1) ? -errno : 0;
}

/* Runs an engine that it may trace; 240 and up: it could not */
static int trace(struct traced *traced)
{
	struct victim victim = traced->victim;
	int pair[2], status, pidfd, got;
	uint16_t seq = 10;
	pid_t pid;

	if (traced->namespaces ? unshare(traced->namespaces) : become_nobody())
		return 250;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		return 251;
	pid = fork();
	if (!pid) {
		close(pair[0]);
		engine(pair[1], victim.fd, traced->search.planted);
	}
	close(pair[1]);
	close(victim.fd);
	/* it is at its first order: what it has is in its memory */
	if (pid < 0 || read(pair[0], &seq, sizeof(seq)) != sizeof(seq) ||
	    ptrace(PTRACE_ATTACH, pid, NULL, NULL) ||
	    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 252;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	victim.fd = (int)syscall(SYS_pidfd_getfd, pidfd, traced->victim.fd, 0);
	if (victim.fd < 0 || search(pid, &traced->search))
		return 253;
	got = misuse(&victim, traced->namespaces);
	if (send_one(victim.fd, SECRET_KID, 9) != 200)
		got |= SEND;
	seq = 10;
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) ||
	    write(pair[0], &seq, sizeof(seq)) != sizeof(seq) ||
	    read(pair[0], &seq, sizeof(seq)) != sizeof(seq))
		return 254;
	close(pair[0]);
	return waitpid(pid, &status, 0) == pid && !status ? got : 255;
}

/*
 * A debugger stops the engine, takes its socket, and reads all of its memory: it
 * gets no further than the engine, which never had a key.
 */
TEST_F(isolation, traced)
{
	static const int namespaces[] = {
		0, CLONE_NEWUSER, CLONE_NEWUSER | CLONE_NEWNET,
	};
	struct scene *scene = &self->scene;
	struct secret secret, planted;
	struct sframe_key key = { .suite = 5, .kid = SECRET_KID };
	struct traced *traced;
	unsigned int i;
	int status;
	pid_t pid;
	struct nl nl;

	traced = mmap(NULL, sizeof(*traced), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, traced);
	ASSERT_EQ(0, nl_open(&nl));
	secret_make(&secret);
	secret_make(&planted);
	ASSERT_EQ(0, secret_install(&nl, scene->session, E2EE_DIR_TX, &secret));
	traced->victim.fd = scene->fd;
	traced->victim.session = scene->session;
	ASSERT_EQ(0, ctl_socket_get(&scene->ctl, scene->fd,
				    &traced->victim.socket, NULL));
	for (i = 0; i < ARRAY_SIZE(namespaces); i++) {
		traced->namespaces = namespaces[i];
		traced->search = (struct search){ &secret, &planted };
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(trace(traced));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status) {
			TH_LOG("got away with %#x", WEXITSTATUS(status));
		}
		EXPECT_LT(65536, traced->search.bytes);
		EXPECT_LE(4, traced->search.plants);
		EXPECT_EQ(0, traced->search.keys);
		EXPECT_EQ(0, traced->search.salts);
	}
	/* only now, so that no engine inherits it */
	secret_mask(key.secret, secret.key, sizeof(secret.key));
	secret_mask(key.salt, secret.salt, sizeof(secret.salt));
	for (i = 0; i < ARRAY_SIZE(namespaces); i++) {
		ASSERT_STREQ("", sealed(self, &key, SECRET_KID, 9));
		ASSERT_STREQ("", sealed(self, &key, SECRET_KID, 10));
	}
	nl_close(&nl);
	munmap(traced, sizeof(*traced));
}

TEST_HARNESS_MAIN
