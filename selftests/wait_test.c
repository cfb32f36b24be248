// SPDX-License-Identifier: GPL-2.0
/*
 * A request waits for nobody: whoever sends it, root of a namespace of his own,
 * stops all of generic netlink meanwhile. What is not at hand, the sender is to
 * ask for again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <e2ee/e2ee.h>

#include "lib/caught.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/netlink.h"
#include "lib/scene.h"
#include "lib/user.h"

#define PORT		7000
#define ROOT		"/sys/fs/cgroup"
#define MIB		(1L << 20)

#define REQUESTS	6	/* in one send() */
#define TOGGLES		200
#define AT_ONCE		500	/* ms: what does not wait takes, at most */

#define ANON		(16 * MIB)	/* of whoever is throttled */
#define KEYS		1000		/* that are charged to him at once */
#define BATCH		400		/* keys that libe2ee sends at once */
#define FULL		(16 * MIB)	/* memory.max */
#define PENALTY		1500	/* ms: he is throttled for 2 s and more */

/* Requests that go to the kernel in one send() */
struct burst {
	size_t len;
	unsigned int num;
	uint8_t data[NL_ROOM];
};

static void burst_add(struct burst *burst, struct nl_msg *msg)
{
	struct nlmsghdr *n = (struct nlmsghdr *)msg->data;

	n->nlmsg_len = (uint32_t)msg->len;
	n->nlmsg_seq = ++burst->num;
	memcpy(burst->data + burst->len, msg->data, msg->len);
	burst->len += NLMSG_ALIGN(msg->len);
	free(msg);
}

/* ms it took, or -errno */
static int64_t burst_send(const struct nl *nl, const struct burst *burst)
{
	int64_t start = now_ms();

	if (send(nl->fd, burst->data, burst->len, 0) != (ssize_t)burst->len)
		return -errno;
	return now_ms() - start;
}

/* How many of the answers are @err */
static unsigned int burst_answers(const struct nl *nl,
				  const struct burst *burst, int err)
{
	unsigned int answers = 0, found = 0;
	struct nlmsghdr *n;
	static uint8_t buf[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t len;

	while (answers < burst->num) {
		len = recv(nl->fd, buf, sizeof(buf), 0);
		if (len < 0)
			break;
		for (n = (void *)buf; NLMSG_OK(n, (size_t)len);
		     n = NLMSG_NEXT(n, len)) {
			const struct nlmsgerr *answer = NLMSG_DATA(n);

			if (n->nlmsg_type != NLMSG_ERROR)
				continue;
			answers++;
			found += answer->error == err;
		}
	}
	return found;
}

static struct nl_msg *attach(const struct nl *nl, uint32_t session, int fd)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_SOCKET_ATTACH);
	size_t nest;

	nl_put_session(msg, session, NULL);
	nest = nl_nest(msg, E2EE_A_SOCKET);
	nl_u32(msg, E2EE_A_SOCKET_FD, (uint32_t)fd);
	nl_nest_end(msg, nest);
	return msg;
}

/* Says what went wrong in a child, whose exit status is this */
static int wrong(const char *what, int64_t value)
{
	printf("# %s: %lld\n", what, (long long)value);
	fflush(stdout);
	return 1;
}

static int locked_socket(void *arg)
{
	static struct burst burst;
	struct caught caught;
	struct addr to;
	uint32_t session;
	struct nl nl;
	struct ctl ctl;
	int64_t took;
	int fd, err;

	err = user_become();
	if (err || run("ip link set lo up") || ctl_open(&ctl) || nl_open(&nl))
		return wrong("namespaces", err);
	err = ctl_session_new(&ctl, "x", NULL, &session);
	if (err || caught_device(SOCK_V4, &to))
		return wrong("session", err);
	fd = caught_socket(SOCK_V4, PORT, &to);
	if (fd < 0 || !caught_start(&caught, fd, &to, MSG_MORE, 1))
		return wrong("socket", fd);
	for (int i = 0; i < REQUESTS; i++)
		burst_add(&burst, attach(&nl, session, fd));
	took = burst_send(&nl, &burst);
	err = (int)burst_answers(&nl, &burst, -EAGAIN);
	caught_interrupt(&caught);
	/* what waits in it keeps its socket, and that the namespace */
	run("tc qdisc del dev d0 root");
	if (took < 0 || took > AT_ONCE)
		return wrong("requests for a locked socket took, ms", took);
	return err == REQUESTS ? 0 : wrong("told to ask again", err);
}

TEST(a_locked_socket)
{
	EXPECT_EQ(0, user_child(locked_socket, NULL));
}

static struct nl_msg *policy(const struct nl *nl, uint32_t session,
			     uint32_t value)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_SESSION_SET);
	size_t nest;

	nest = nl_nest(msg, E2EE_A_SESSION);
	nl_u32(msg, E2EE_A_SESSION_ID, session);
	nl_u32(msg, E2EE_A_SESSION_POLICY, value);
	nl_nest_end(msg, nest);
	return msg;
}

/* Of many requests in one send() that would wait for packets, few do. */
TEST(packets_under_way)
{
	static struct burst burst;
	struct scene scene;
	unsigned int again;
	struct nl nl;
	int64_t took;

	ASSERT_EQ(0, scene_open(&scene, SOCK_V4, NULL));
	ASSERT_EQ(0, nl_open(&nl));
	for (int i = 0; i < TOGGLES; i++) {
		burst_add(&burst, policy(&nl, scene.session,
					 E2EE_POLICY_OPTIONAL));
		burst_add(&burst, policy(&nl, scene.session,
					 E2EE_POLICY_REQUIRED));
	}
	took = burst_send(&nl, &burst);
	ASSERT_LE(0, took);
	again = burst_answers(&nl, &burst, -EAGAIN);
	TH_LOG("%d requests took %lld ms, %u are to come again", 2 * TOGGLES,
	       (long long)took, again);
	/* at most one in 10 ms, and the first one */
	EXPECT_LE(TOGGLES - took / 10 - 1, again);
	EXPECT_EQ(0, ctl_session_policy(&scene.ctl, scene.session,
					E2EE_POLICY_REQUIRED));
	nl_close(&nl);
	scene_close(&scene);
}

static struct nl_msg *session_crypto(const struct nl *nl, const char *name,
				     const char *crypto)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_SESSION_NEW);
	size_t nest;

	nest = nl_nest(msg, E2EE_A_SESSION);
	nl_string(msg, E2EE_A_SESSION_NAME, name);
	nl_string(msg, E2EE_A_SESSION_CRYPTO, crypto);
	nl_nest_end(msg, nest);
	return msg;
}

/* A driver is looked for, and perhaps loaded, while nobody waits. */
TEST(drivers)
{
	struct nl nl;

	sock_netns();
	ASSERT_EQ(0, nl_open(&nl));
	nl.impatient = true;
	EXPECT_STREQ("", nl_refused(&nl, session_crypto(&nl, "a", "gcm(aes)"),
				    EAGAIN,
				    "crypto driver is being loaded: ask again"));
	/* another one has its turn after this one */
	EXPECT_EQ(-EAGAIN, nl_do(&nl, session_crypto(&nl, "b", "no-such")));
	nl.impatient = false;
	EXPECT_EQ(0, nl_do(&nl, session_crypto(&nl, "a", "gcm(aes)")));
	EXPECT_STREQ("", nl_refused(&nl, session_crypto(&nl, "b", "no-such"),
				    ENOENT, "no such driver of AES-GCM"));
	/* not AES-GCM */
	EXPECT_STREQ("", nl_refused(&nl, session_crypto(&nl, "b",
						"rfc4106(gcm(aes))"),
				    EINVAL, "no such driver of AES-GCM"));
	nl_close(&nl);
}

/* A guard is there once it guards. */
TEST(guards)
{
	const struct ctl_guard guard = { .first = PORT };
	struct scene scene;
	uint32_t id;

	ASSERT_EQ(0, scene_open(&scene, SOCK_V4, NULL));
	scene.ctl.impatient = true;
	EXPECT_EQ(-EAGAIN, ctl_guard_new(&scene.ctl, scene.session, &guard,
					 &id));
	scene.ctl.impatient = false;
	ASSERT_EQ(0, ctl_guard_new(&scene.ctl, scene.session, &guard, &id));
	/* the next one at once */
	scene.ctl.impatient = true;
	EXPECT_EQ(0, ctl_guard_new(&scene.ctl, scene.session,
				   &(struct ctl_guard){ .first = PORT + 1 },
				   &id));
	scene_close(&scene);
}

FIXTURE(memory)
{
	struct nl nl;
	uint32_t session;
	char group[64];
};

FIXTURE_SETUP(memory)
{
	struct ctl ctl;

	sock_netns();
	ASSERT_EQ(0, nl_open(&self->nl));
	ASSERT_EQ(0, ctl_open(&ctl));
	ASSERT_EQ(0, ctl_session_new(&ctl, "x", NULL, &self->session));
	ctl_close(&ctl);
	ASSERT_EQ(0, file_write(ROOT "/cgroup.subtree_control", "+memory"));
	snprintf(self->group, sizeof(self->group), ROOT "/e2ee-wait-%d",
		 getpid());
	ASSERT_EQ(0, mkdir(self->group, 0755));
}

FIXTURE_TEARDOWN(memory)
{
	nl_close(&self->nl);
	EXPECT_EQ(0, rmdir(self->group));
}

static int group_write(const char *group, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	return file_write(path, value);
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

struct throttled {
	const char *group;
	const struct nl *nl;
	const struct burst *burst;
	volatile int64_t *began;	/* shared: when it sends */
};

/* From now on no page fault of its own makes the caller pay. */
static int have_all_pages(void)
{
	volatile char stack[65536];

	for (size_t at = 0; at < sizeof(stack); at += 4096)
		stack[at] = 0;
	return mlockall(MCL_CURRENT) ? -errno : 0;
}

/* Has more memory than it may, none of which can be had back, and asks for keys */
static int throttled(void *arg)
{
	const struct throttled *throttled = arg;
	int64_t took;
	char *anon;

	if (group_write(throttled->group, "cgroup.procs", "0"))
		return wrong("cgroup", errno);
	*throttled->began = 0;	/* the page is there before it costs time */
	anon = mmap(NULL, ANON, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (anon == MAP_FAILED || have_all_pages() ||
	    group_write(throttled->group, "memory.high", "1M"))
		return wrong("memory.high", errno);
	*throttled->began = now_ms();
	took = burst_send(throttled->nl, throttled->burst);
	/* it pays, but outside */
	return took > PENALTY ? 0 : wrong("was not throttled: ms", took);
}

/*
 * Whoever is above memory.high is throttled when the request is over. Where it is
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

	arg.began = mmap(NULL, sizeof(*arg.began), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
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

/* Fills up with what may be given up again: files that were read */
static int fill_with_files(const char *group)
{
	static char buf[65536];
	char path[512];
	struct dirent *entry;
	DIR *dir = opendir("/usr/bin");
	ssize_t len;
	int fd;

	file_write("/proc/sys/vm/drop_caches", "3");
	while (dir && group_bytes(group) < FULL - MIB / 4) {
		entry = readdir(dir);
		if (!entry)
			break;
		snprintf(path, sizeof(path), "/usr/bin/%s", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		/* at the limit, a long file makes more room than it takes */
		do {
			len = read(fd, buf, sizeof(buf));
		} while (len > 0 && group_bytes(group) < FULL - MIB / 4);
		close(fd);
	}
	if (dir)
		closedir(dir);
	return group_bytes(group) < FULL - MIB / 4 ? -ENODATA : 0;
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
	static struct e2ee_key key[BATCH];
	struct e2ee_ctx *ctx;
	int64_t start;
	int err;

	for (unsigned int i = 0; i < BATCH; i++) {
		key[i].has = E2EE_HAS(E2EE_A_KEY_DIR) |
			     E2EE_HAS(E2EE_A_KEY_KID) |
			     E2EE_HAS(E2EE_A_KEY_SECRET) |
			     E2EE_HAS(E2EE_A_KEY_SALT);
		key[i].dir = E2EE_DIR_RX;
		key[i].kid = 5000 + i;
		key[i].secret_len = 32;
		nl_fresh_secret(key[i].secret);
	}
	err = e2ee_open(&ctx, NULL);
	if (err || group_write(full->group, "cgroup.procs", "0") ||
	    fill_with_files(full->group))
		return wrong("cgroup", err);
	full->nl->impatient = true;
	err = nl_do(full->nl, keys(full->nl, full->session, 1, KEYS));
	if (err != -EAGAIN)	/* else this test shows nothing */
		return wrong("without making room", err);
	start = now_ms();
	err = e2ee_key_new(ctx, &session, key, BATCH, NULL);
	if (err)
		return wrong(e2ee_strerror(ctx), err);
	e2ee_close(ctx);
	printf("# installed %d keys in %lld ms\n", BATCH,
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
	char limit[32];

	snprintf(limit, sizeof(limit), "%ld", FULL);
	ASSERT_EQ(0, group_write(self->group, "memory.max", limit));
	EXPECT_EQ(0, user_child(full, &arg));
}

TEST_HARNESS_MAIN
