// SPDX-License-Identifier: GPL-2.0
/*
 * The module goes while there is work: sockets that only a forked child still
 * has, and packets that a guard holds. The module's file is E2EE_KO, e2ee.ko in
 * E2EE_RESULTS or that of E2EE_KERNEL in E2EE_BUILD. It is loaded again
 * whatever happens.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC	0xdead10cc
#define FIRST	7000
#define MANY	20	/* sockets of a round, at most */
#define ROUNDS	8

static const char *module_file(void)
{
	const char *results = getenv("E2EE_RESULTS");
	const char *build = getenv("E2EE_BUILD");
	const char *kernel = getenv("E2EE_KERNEL");
	static char path[512];

	if (getenv("E2EE_KO"))
		return getenv("E2EE_KO");
	snprintf(path, sizeof(path), "%s/e2ee.ko", results ? results : "");
	if (!access(path, R_OK))
		return path;
	snprintf(path, sizeof(path), "%s/kmod/%s/e2ee.ko", build ? build : "",
		 kernel ? kernel : "");
	return access(path, R_OK) ? NULL : path;
}

static int load(void)
{
	int fd, err;

	if (!access("/sys/module/e2ee", F_OK))
		return 0;
	fd = open(module_file(), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return err;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "e2ee", O_NONBLOCK) ? -errno : 0;
}

/* A socket's last reference goes with an RCU callback: soon, not at once. */
static int unload_soon(void)
{
	int64_t end = now_ms() + SOCK_WAIT;
	int err;

	while ((err = unload()) == -EWOULDBLOCK && now_ms() < end)
		poll(NULL, 0, 10);
	return err;
}

FIXTURE(unload)
{
	struct scene scene;
	struct sframe_key tx;
	int fds[MANY];
};

FIXTURE_VARIANT(unload)
{
	enum sock_kind kind;
};

FIXTURE_VARIANT_ADD(unload, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(unload, v6) { .kind = SOCK_V6 };

FIXTURE_SETUP(unload)
{
	if (!module_file())
		SKIP(return, "nothing says where e2ee.ko is");
	ASSERT_EQ(0, load());
	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, NULL));
	sframe_key_random(&self->tx, 5, 300);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL));
}

/* By the parent: even where the test died. */
FIXTURE_TEARDOWN_PARENT(unload)
{
	if (module_file() && load())
		TH_LOG("e2ee.ko cannot be loaded again");
}

static const char *send_sealed(FIXTURE_DATA(unload) *self, uint16_t seq)
{
	uint8_t packet[200], got[1000], opened[1000];
	int n;

	rtp_plain(packet, sizeof(packet), SSRC, seq);
	if (sock_send(self->scene.fd, packet, sizeof(packet), NULL) != 200)
		return "not sent";
	n = sock_recv(self->scene.peer, got, sizeof(got));
	if (n < 0)
		return "nothing on the wire";
	if (rtp_open(opened, got, (size_t)n, &self->tx, NULL) != 200 ||
	    memcmp(opened, packet, sizeof(packet)))
		return "not sealed";
	return "";
}

/* The child says each time how it went. */
static void child(FIXTURE_DATA(unload) *self, int fd)
{
	const char *how;
	uint16_t seq;

	while (read(fd, &seq, sizeof(seq)) == sizeof(seq)) {
		how = send_sealed(self, seq);
		if (write(fd, how, strlen(how) + 1) < 0)
			break;
	}
	_exit(0);
}

/* Sockets live on in children: so do their hooks, and the module. */
TEST_F(unload, not_while_a_child_has_the_socket)
{
	struct scene *scene = &self->scene;
	int pair[2], status;
	char how[64];
	uint16_t seq;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				pair));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(pair[0]);
		child(self, pair[1]);
	}
	close(pair[1]);
	EXPECT_STREQ("", send_sealed(self, 0));
	close(scene->fd);
	for (seq = 1; seq < 10; seq++) {
		ASSERT_EQ(sizeof(seq), write(pair[0], &seq, sizeof(seq)));
		ASSERT_LT(0, read(pair[0], how, sizeof(how)));
		EXPECT_STREQ("", how);
		EXPECT_EQ(-EWOULDBLOCK, unload());
	}
	EXPECT_TRUE(objects_come_to("socket", 1));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(objects_come_to("socket", 0));
	EXPECT_EQ(0, unload_soon());
}

/* The other way round: what a child closes stays attached. */
TEST_F(unload, a_child_closes_only_its_own)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(self->scene.fd);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_STREQ("", send_sealed(self, 1));
	EXPECT_EQ(-EWOULDBLOCK, unload());
	close(self->scene.fd);
	EXPECT_EQ(0, unload_soon());
}

/*
 * Packets that a guard holds when the module is told to go: they leave sealed
 * or not at all. Between send() and here its work may or may not have run.
 */
TEST_F(unload, with_packets_held)
{
	struct ctl_guard guard = { .first = FIRST, .last = FIRST + MANY - 1 };
	unsigned int round, num, i, went = 0, stayed = 0;
	uint8_t packet[200], got[1000], opened[1000];
	struct scene *scene = &self->scene;
	uint32_t id;
	int n, err;

	rtp_plain(packet, sizeof(packet), SSRC, 1);
	for (round = 0; round < ROUNDS; round++) {
		/* the hooks of this one would keep the module */
		close(scene->fd);
		ASSERT_TRUE(objects_come_to("socket", 0));
		ASSERT_EQ(0, ctl_guard_new(&scene->ctl, scene->session, &guard,
					   &id));
		num = round % 4 ? 1 + round % 3 : MANY;
		for (i = 0; i < num; i++)
			self->fds[i] = sock_udp(variant->kind,
						(uint16_t)(FIRST + i), NULL);
		sock_connect(scene->peer, &(struct addr){
			.ss.ss_family = AF_UNSPEC,
			.len = sizeof(struct sockaddr),
		});
		for (i = 0; i < num; i++)
			ASSERT_EQ(200, sock_send(self->fds[i], packet, 200,
						 &scene->peer_addr));
		err = unload();
		went += !err;
		stayed += err == -EWOULDBLOCK;
		for (i = 0; i < num; i++)
			close(self->fds[i]);
		if (err) {
			ASSERT_EQ(-EWOULDBLOCK, err);
			ASSERT_EQ(0, unload_soon());
		}
		/* nothing is on its way any more */
		while ((n = sock_recv_now(scene->peer, got, sizeof(got))) >= 0)
			EXPECT_EQ(200, rtp_open(opened, got, (size_t)n,
						&self->tx, NULL)) {
				TH_LOG("round %u: in clear", round);
			}
		close(scene->peer);
		ctl_close(&scene->ctl);
		ASSERT_EQ(0, load());
		ASSERT_EQ(0, scene_open(scene, variant->kind, NULL));
		ASSERT_EQ(0, scene_key(scene, E2EE_DIR_TX, &self->tx, NULL));
	}
	TH_LOG("went at once %u times, stayed for sockets %u times", went,
	       stayed);
	EXPECT_EQ(ROUNDS, went + stayed);
}

TEST_HARNESS_MAIN
