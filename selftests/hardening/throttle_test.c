// SPDX-License-Identifier: GPL-2.0
/*
 * Whoever stands at a limit of his memory cgroup is slow alone. The kernel makes a
 * sender pay for too much memory after his request, when no lock is held, and
 * nobody else's request waits for him. For a request nothing is given up in a
 * full cgroup: its sender makes room and asks again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <e2ee/e2ee.h>

#include "lib/burst.h"
#include "lib/ctl.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/sframe.h"
#include "lib/sock.h"
#include "lib/user.h"
#include "lib/waits.h"

#define ROOT		"/sys/fs/cgroup"
#define MIB		(1L << 20)
#define ANON		(16 * MIB)	/* of whoever is throttled */
#define KEYS		1000		/* that are charged to him at once */
#define PENALTY		1500	/* ms: he is throttled for 2 s and more */

#define THROTTLED	3	/* senders at a time */
#define ROUNDS		6	/* requests of theirs, in all */

/* of a cgroup that is full, beyond what the kernel has in stock for each CPU */
#define FULL		(16 * MIB)
#define MANY		2000	/* keys */

FIXTURE(memory)
{
	struct nl nl;
	struct ctl ctl;
	uint32_t session;
	char group[64];
};

FIXTURE_SETUP(memory)
{
	sock_netns();
	ASSERT_EQ(0, nl_open(&self->nl));
	ASSERT_EQ(0, ctl_open(&self->ctl));
	ASSERT_EQ(0, ctl_session_new(&self->ctl, "x", NULL, &self->session));
	ASSERT_EQ(0, file_write(ROOT "/cgroup.subtree_control", "+memory"));
	snprintf(self->group, sizeof(self->group), ROOT "/e2ee-throttle-%d",
		 getpid());
	ASSERT_EQ(0, mkdir(self->group, 0755));
}

FIXTURE_TEARDOWN(memory)
{
	ctl_close(&self->ctl);
	nl_close(&self->nl);
	EXPECT_EQ(0, rmdir(self->group));
}

static int group_write(const char *group, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	return file_write(path, value);
}

static long group_bytes(const char *group)
{
	char path[128];
	long bytes = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.current", group);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%ld", &bytes) != 1)
		bytes = -1;
	if (file)
		fclose(file);
	return bytes;
}

static struct nl_msg *keys(const struct nl *nl, uint32_t session, uint64_t kid,
			   unsigned int num)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_KEY_NEW);
	uint8_t secret[32];

	nl_put_session(msg, session, NULL);
	while (num--) {
		nl_fresh_secret(secret);
		nl_put_key(msg, E2EE_DIR_TX, kid++, secret);
	}
	return msg;
}

/*
 * The caller has more memory than it may have, none of which can be had back.
 * It is throttled at the end of each system call that takes still more.
 */
static int exceed(const char *group)
{
	char *anon;
	int err;

	err = group_write(group, "cgroup.procs", "0");
	if (err)
		return err;
	anon = mmap(NULL, ANON, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (anon == MAP_FAILED)
		return -errno;
	return waits_prepare() ?: group_write(group, "memory.high", "1M");
}

struct throttled {
	const char *group;
	const struct nl *nl;
	struct burst *burst;
	volatile int64_t *began;	/* shared: when it sends */
};

static int throttled(void *arg)
{
	const struct throttled *throttled = arg;
	int err;

	*throttled->began = 0;	/* the page is there before it costs time */
	err = exceed(throttled->group);
	if (err)
		return user_wrong("memory.high", err);
	*throttled->began = now_ms();
	err = burst_send(throttled->nl, throttled->burst);
	if (err)
		return user_wrong("send", err);
	/* it pays, but outside */
	return throttled->burst->ms > PENALTY ? 0 :
	       user_wrong("was not throttled: ms", throttled->burst->ms);
}

static void *shared(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

/*
 * Whoever is above memory.high is throttled when the request is over. Where he is
 * throttled before the request begins, or the machine is busy, the answer comes
 * late all the same: the quickest of some tries counts.
 */
TEST_F(memory, throttled)
{
	static struct burst burst;
	int64_t took = INT64_MAX;
	int status;
	struct throttled arg = {
		.group = self->group, .nl = &self->nl, .burst = &burst,
	};
	struct pollfd answer = { .fd = self->nl.fd, .events = POLLIN };
	pid_t pid;

	arg.began = shared(sizeof(*arg.began));
	ASSERT_NE(MAP_FAILED, arg.began);
	for (uint64_t kid = 1; kid < 3 * KEYS && took >= PENALTY; kid += KEYS) {
		memset(&burst, 0, sizeof(burst));
		burst_add(&burst, keys(&self->nl, self->session, kid, KEYS));
		ASSERT_EQ(0, group_write(self->group, "memory.high", "max"));
		pid = fork();
		if (!pid)
			_exit(throttled(&arg));
		ASSERT_EQ(1, poll(&answer, 1, 10 * PENALTY));
		took = now_ms() - *arg.began;
		EXPECT_EQ(1, burst_answers(&self->nl, &burst, 0));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
	EXPECT_GT(PENALTY, took) {
		TH_LOG("a request is throttled with locks held, for %lld ms",
		       (long long)took);
	}
}

/* Installs keys in a namespace of its own, and is throttled, for ever */
static int throttle_on(const char *group, atomic_uint *rounds)
{
	uint32_t session;
	struct ctl ctl;
	struct nl nl;
	int err;

	sock_netns();
	err = nl_open(&nl) ?: ctl_open(&ctl);
	if (err)
		return err;
	err = exceed(group);
	while (!err) {
		err = ctl_session_new(&ctl, "y", NULL, &session) ?:
		      nl_do(&nl, keys(&nl, session, 1, KEYS)) ?:
		      ctl_session_del(&ctl, session);
		atomic_fetch_add(rounds, 1);
	}
	return user_wrong("throttled sender", err);
}

/* One of each request that takes memory or a lock; 0 or -errno */
static int requests(struct ctl *ctl, uint32_t session)
{
	static uint64_t kid;
	struct sframe_key secret;
	struct ctl_key key = { .secret = secret.secret, .salt = secret.salt };
	uint32_t other;
	int err;

	sframe_key_random(&secret, 5, ++kid);
	key.kid = kid;
	key.dir = E2EE_DIR_TX;
	key.mode = E2EE_SSRC_NUMBER;
	key.ssrc = (uint32_t)kid;
	err = ctl_key_new(ctl, session, &key) ?: ctl_key_del(ctl, session, &key);
	if (err)
		return err;
	sframe_key_random(&secret, 5, kid);
	key.dir = E2EE_DIR_RX;
	return ctl_key_new(ctl, session, &key) ?:
	       ctl_key_del(ctl, session, &key) ?:
	       ctl_session_new(ctl, "z", NULL, &other) ?:
	       ctl_session_del(ctl, other);
}

/* Nobody waits for what somebody has who is throttled: a mutex, a work item. */
TEST_F(memory, others)
{
	atomic_uint *rounds = shared(sizeof(*rounds));
	pid_t pid[THROTTLED];
	unsigned int num = 0;
	long waits = 0;
	int err = 0;

	ASSERT_NE(MAP_FAILED, rounds);
	for (int i = 0; i < THROTTLED; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(throttle_on(self->group, rounds));
	}
	ASSERT_EQ(0, waits_prepare());
	/* what is allocated, or looked up, once */
	EXPECT_EQ(0, requests(&self->ctl, self->session));
	while (!err && !waits && atomic_load(rounds) < ROUNDS) {
		waits = waits_count();
		err = requests(&self->ctl, self->session);
		waits = waits_count() - waits;
		num++;
		poll(NULL, 0, 1);
	}
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, waits) {
		TH_LOG("the requests waited at their try %u", num);
	}
	for (int i = 0; i < THROTTLED; i++) {
		/* it did not give up before */
		EXPECT_EQ(0, waitpid(pid[i], NULL, WNOHANG));
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
}

/*
 * Fills up with what may be given up again, files that were read, and takes what
 * is charged then as the limit: however the kernel reclaims, nothing is free.
 */
static int fill_with_files(const char *group)
{
	static char buf[65536];
	struct dirent *entry;
	char path[512];
	ssize_t len;
	DIR *dir;
	int fd;

	file_write("/proc/sys/vm/drop_caches", "3");
	dir = opendir("/usr/bin");
	while (dir && group_bytes(group) < FULL) {
		entry = readdir(dir);
		if (!entry)
			break;
		snprintf(path, sizeof(path), "/usr/bin/%s", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		do {
			len = read(fd, buf, sizeof(buf));
		} while (len > 0 && group_bytes(group) < FULL);
		close(fd);
	}
	if (dir)
		closedir(dir);
	if (group_bytes(group) < FULL)
		return -ENODATA;
	snprintf(path, sizeof(path), "%ld", group_bytes(group));
	return group_write(group, "memory.max", path);
}

struct full {
	const char *group;
	struct nl *nl;
	uint32_t session;
};

static int full(void *arg)
{
	const struct full *full = arg;
	struct e2ee_session session = {
		.has = E2EE_HAS(E2EE_A_SESSION_ID), .id = full->session,
	};
	static struct e2ee_key key[MANY];
	struct e2ee_ctx *ctx;
	int64_t start;
	int err;

	for (unsigned int i = 0; i < MANY; i++) {
		key[i].has = E2EE_HAS(E2EE_A_KEY_DIR) |
			     E2EE_HAS(E2EE_A_KEY_KID) |
			     E2EE_HAS(E2EE_A_KEY_SECRET) |
			     E2EE_HAS(E2EE_A_KEY_SALT);
		key[i].dir = E2EE_DIR_RX;
		key[i].kid = 5000 + i;
		key[i].secret_len = 32;
		nl_fresh_secret(key[i].secret);
	}
	err = e2ee_open(&ctx, NULL) ?:
	      group_write(full->group, "cgroup.procs", "0") ?:
	      fill_with_files(full->group);
	if (err)
		return user_wrong("cgroup", err);
	full->nl->impatient = true;
	err = nl_do(full->nl, keys(full->nl, full->session, 1, MANY));
	if (err != -EAGAIN)	/* else this test shows nothing */
		return user_wrong("without making room", err);
	start = now_ms();
	err = 0;
	/* one at a time: a request as long as all would make room by its mere length */
	for (unsigned int i = 0; i < MANY && !err; i++)
		err = e2ee_key_new(ctx, &session, &key[i], 1, NULL);
	if (err)
		return user_wrong(e2ee_strerror(ctx), err);
	e2ee_close(ctx);
	printf("# installed %d keys in %lld ms\n", MANY,
	       (long long)(now_ms() - start));
	fflush(stdout);
	return 0;
}

/* Nobody gives up a cached file for a request: its sender has to. */
TEST_F(memory, full)
{
	struct full arg = {
		.group = self->group, .nl = &self->nl,
		.session = self->session,
	};

	EXPECT_EQ(0, user_child(full, &arg));
}

TEST_HARNESS_MAIN
