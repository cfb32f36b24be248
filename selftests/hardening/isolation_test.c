// SPDX-License-Identifier: GPL-2.0
/*
 * Who has no right to a session: one of another user namespace to whom the
 * engine hands its socket, and a debugger that takes it. They may send, sealed,
 * but not let it go, read its counters or attach it elsewhere. And a key that
 * was deleted is nowhere in the machine's memory any more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/harness.h"
#include "lib/module.h"
#include "lib/netlink.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC	0x150a7e00
#define MASK	0x5a
#define PIECE	12	/* what is looked for at once */
#define KID	4321

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

/* The next packet on the wire is @seq, sealed */
static const char *sealed(FIXTURE_DATA(isolation) *self, uint16_t seq)
{
	uint8_t got[600], opened[600], wanted[200];
	int n = sock_recv(self->scene.peer, got, sizeof(got));

	rtp_plain(wanted, sizeof(wanted), SSRC, seq);
	if (n < 0 || rtp_open(opened, got, (size_t)n, &self->tx, NULL) != 200 ||
	    memcmp(opened, wanted, sizeof(wanted)))
		return "not sealed";
	return "";
}

static int send_one(int fd, uint16_t seq)
{
	uint8_t packet[200];

	rtp_plain(packet, sizeof(packet), SSRC, seq);
	return sock_send(fd, packet, sizeof(packet), NULL);
}

/*
 * What another may do with the socket that it was given: bits of what it got
 * away with. It is root of namespaces of its own.
 */
static int misuse(int fd, uint64_t id)
{
	uint64_t stats[CTL_STATS];
	uint32_t session;
	struct ctl ctl;
	int got = 0;

	if (ctl_open(&ctl))
		return 64;
	got |= !ctl_session_new(&ctl, "mine", NULL, &session) ? 0 : 128;
	got |= !ctl_attach(&ctl, session, fd, NULL);
	got |= !ctl_detach(&ctl, id, true) << 1;
	got |= !ctl_socket_stats(&ctl, fd, stats) << 2;
	got |= !ctl_session_del(&ctl, session + 100) << 3;
	ctl_close(&ctl);
	return got;
}

/* In the namespace of the session, but with no right there */
static int misuse_here(int fd, uint64_t id, uint32_t session)
{
	uint64_t stats[CTL_STATS];
	struct ctl ctl;
	int got = 0;

	if (ctl_open(&ctl))
		return 64;
	got |= !ctl_attach(&ctl, session, fd, NULL);
	got |= !ctl_detach(&ctl, id, true) << 1;
	got |= !ctl_socket_stats(&ctl, fd, stats) << 2;
	got |= !ctl_session_del(&ctl, session) << 3;
	got |= !ctl_session_epoch(&ctl, session, 5, true) << 4;
	got |= !ctl_session_policy(&ctl, session, E2EE_POLICY_OFF) << 5;
	ctl_close(&ctl);
	return got;
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

static void stranger(int channel, int fd, uint64_t id, uint32_t session,
		     int namespaces)
{
	int got;

	close(fd);
	fd = take(channel);
	if (fd < 0 || unshare(namespaces))
		_exit(250);
	/* its netlink socket counts, not what it had before */
	got = namespaces & CLONE_NEWNET ? misuse(fd, id) :
					  misuse_here(fd, id, session);
	if (send_one(fd, 7) != 200)
		got |= 64;
	_exit(got);
}

TEST_F(isolation, handed_over)
{
	static const int namespaces[] = {
		CLONE_NEWUSER, CLONE_NEWUSER | CLONE_NEWNET,
	};
	struct scene *scene = &self->scene;
	int pair[2], status;
	unsigned int i;
	uint64_t id;
	pid_t pid;

	ASSERT_EQ(0, ctl_socket_get(&scene->ctl, scene->fd, &id, NULL));
	for (i = 0; i < ARRAY_SIZE(namespaces); i++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			stranger(pair[1], scene->fd, id, scene->session,
				 namespaces[i]);
		give(pair[0], scene->fd);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status) {
			TH_LOG("got away with %#x", WEXITSTATUS(status));
		}
		EXPECT_STREQ("", sealed(self, 7));
		EXPECT_EQ(200, send_one(scene->fd, 8));
		EXPECT_STREQ("", sealed(self, 8));
		close(pair[0]);
		close(pair[1]);
	}
}

/* A debugger takes the engine's socket: it gets no further than the engine */
TEST_F(isolation, taken)
{
	struct scene *scene = &self->scene;
	int pidfd, fd, status, hold[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(hold));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(hold[1]);
		_exit(read(hold[0], &byte, 1) != 0);
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ASSERT_LE(0, pidfd);
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, scene->fd, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(200, send_one(fd, 9));
	EXPECT_STREQ("", sealed(self, 9));
	close(fd);
	close(pidfd);
	close(hold[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* A secret that this program has only masked, but for a moment */
struct secret {
	uint8_t masked[32];
};

static void wipe(void *data, size_t len)
{
	memset(data, 0, len);
	__asm__ volatile("" : : "r"(data) : "memory");
}

static void secret_make(struct secret *secret)
{
	if (getrandom(secret->masked, sizeof(secret->masked), 0) !=
	    (ssize_t)sizeof(secret->masked))
		abort();
}

static void __attribute__((noinline)) wipe_stack(void)
{
	uint8_t room[65536];

	wipe(room, sizeof(room));
}

/* Install it; the message is all that has it plain, and is wiped */
static int install(struct nl *nl, uint32_t session, uint32_t dir,
		   const struct secret *secret)
{
	struct nl_msg *msg = nl_session(nl, E2EE_CMD_KEY_NEW, session, NULL);
	struct nl_said said;
	uint8_t plain[32];
	int err;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = secret->masked[i] ^ MASK;
	nl_put_key(msg, dir, KID, plain);
	wipe(plain, sizeof(plain));
	err = nl_talk(nl, msg, &said);
	wipe(msg, sizeof(*msg));
	wipe(&said, sizeof(said));
	free(msg);
	wipe_stack();
	return err;
}

/* How often pieces of it are in memory; -errno */
static long found(const struct secret *secret)
{
	int fd = open("/sys/kernel/debug/e2ee_seek/needle", O_RDWR | O_CLOEXEC);
	char text[16] = "";
	long sum = 0;

	if (fd < 0)
		return -errno;
	for (size_t at = 0; at + PIECE <= sizeof(secret->masked); at += 4) {
		if (write(fd, secret->masked + at, PIECE) != PIECE ||
		    read(fd, text, sizeof(text) - 1) < 0)
			sum = -EIO;
		if (sum < 0)
			break;
		sum += atol(text);
		if (sum)	/* the rest is of no interest */
			break;
	}
	close(fd);
	return sum;
}

TEST_F(isolation, deleted_keys_are_nowhere)
{
	static const uint32_t dirs[] = { E2EE_DIR_TX, E2EE_DIR_RX };
	struct scene *scene = &self->scene;
	const long keys = 1;	/* that of the scene; others are on their way */
	struct secret secret, refused;
	struct nl nl;
	unsigned int i;

	ASSERT_EQ(0, module_load("e2ee_seek"));
	ASSERT_EQ(0, nl_open(&nl));
	ASSERT_TRUE(objects_come_to("key", keys));
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct ctl_key key = {
			.dir = dirs[i], .kid = KID,
			.mode = dirs[i] == E2EE_DIR_TX ? E2EE_SSRC_NUMBER :
							 E2EE_SSRC_ANY,
			.ssrc = KID,
		};

		secret_make(&secret);
		ASSERT_EQ(0, install(&nl, scene->session, dirs[i], &secret));
		if (dirs[i] == E2EE_DIR_TX) {
			ASSERT_EQ(200, send_one(scene->fd, 1));
			ASSERT_STREQ("", sealed(self, 1));
		}
		EXPECT_LT(0, found(&secret)) {
			TH_LOG("a key in use is not found: nor would others");
		}
		secret_make(&refused);
		EXPECT_EQ(-EEXIST, install(&nl, scene->session, dirs[i],
					   &refused));
		/* keys are freed when no packet can be at them */
		ASSERT_TRUE(objects_come_to("key", keys + 1));
		EXPECT_EQ(0, found(&refused)) {
			TH_LOG("a key that was refused, direction %u", dirs[i]);
		}
		ASSERT_EQ(0, ctl_key_del(&scene->ctl, scene->session, &key));
		ASSERT_TRUE(objects_come_to("key", keys));
		EXPECT_EQ(0, found(&secret)) {
			TH_LOG("a deleted key, direction %u", dirs[i]);
		}
	}
	/* with its session, or by going with it */
	secret_make(&secret);
	ASSERT_EQ(0, install(&nl, scene->session, E2EE_DIR_TX, &secret));
	ASSERT_EQ(0, ctl_session_del(&scene->ctl, scene->session));
	ASSERT_TRUE(objects_come_to("key", keys - 1));
	EXPECT_EQ(0, found(&secret));
	nl_close(&nl);
	EXPECT_EQ(0, module_unload_soon("e2ee_seek"));
}

TEST_HARNESS_MAIN
