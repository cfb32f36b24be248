// SPDX-License-Identifier: GPL-2.0
/*
 * Who may: CAP_NET_ADMIN in the user namespace that owns the network namespace,
 * for every command and for listening, and in that network namespace only.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/capability.h>

#include "lib/commands.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/stock.h"

#define NOBODY	65534

FIXTURE(rights)
{
	struct stock stock;
	struct target target;
	uint8_t secret[32];
	uint8_t salt[12];
};

FIXTURE_SETUP(rights)
{
	const struct stock *stock = &self->stock;
	struct target *target = &self->target;

	ASSERT_EQ(0, stock_open(&self->stock));
	target->session = stock->scene.session;
	target->name = "scene";
	target->kid = STOCK_TX_KID;
	target->fd = stock->scene.fd;
	target->socket = stock->socket;
	target->guard = stock->guard;
	target->secret = self->secret;
	target->salt = self->salt;
	nl_fresh_secret(self->secret);
}

FIXTURE_TEARDOWN(rights)
{
	stock_close(&self->stock);
}

/* Runs @body in a child, whose rights and namespaces are its own. */
static int in_child(int (*body)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(body(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Says what is wrong, and is the child's exit status */
static int wrong(const char *what, int cmd, int got)
{
	printf("# %s: %s: %s\n", what, command_name((uint8_t)cmd),
	       strerror(got < 0 ? -got : got));
	fflush(stdout);
	return 1;
}

/* Every command, and every dump, must fail with @err. */
static int all_fail(struct nl *nl, const struct target *target, int err)
{
	struct nl_msg *msg;
	int got;

	for (uint8_t cmd = 1; cmd <= E2EE_CMD_INFO_GET; cmd++) {
		got = nl_do(nl, command_build(nl, cmd, target, NULL));
		if (got != -err)
			return wrong("command", cmd, got);
		if (!command_dumps(cmd))
			continue;
		msg = nl_begin(nl, cmd);
		got = nl_dump(nl, msg, NULL, NULL, NULL);
		free(msg);
		if (got != -err)
			return wrong("dump", cmd, got);
	}
	got = nl_listen(nl);
	return got == -err ? 0 : wrong("listening", E2EE_CMD_EVENT, got);
}

/* Leaves all capabilities but one behind. */
static int drop_net_admin(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	for (int i = 0; i < 2; i++)
		data[i].inheritable = 0;
	data[0].effective &= ~(1U << CAP_NET_ADMIN);
	data[0].permitted &= ~(1U << CAP_NET_ADMIN);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

struct all {
	struct nl *nl;
	const struct target *target;
};

static int without_capability(void *arg)
{
	const struct all *all = arg;
	struct nl own;

	if (drop_net_admin())
		return wrong("capset", 0, errno);
	/* with a socket opened before, and with one of its own */
	if (all_fail(all->nl, all->target, EPERM))
		return 1;
	if (nl_open(&own))
		return wrong("open", 0, errno);
	return all_fail(&own, all->target, EPERM);
}

static int as_nobody(void *arg)
{
	const struct all *all = arg;

	if (setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return wrong("setuid", 0, errno);
	return all_fail(all->nl, all->target, EPERM);
}

TEST_F(rights, capability)
{
	static struct state before;
	struct all all = { &self->stock.nl, &self->target };

	state_read(&self->stock.nl, &before);
	EXPECT_EQ(0, in_child(without_capability, &all));
	EXPECT_EQ(0, in_child(as_nobody, &all));
	EXPECT_TRUE(state_same(&self->stock.nl, &before));
}

/* Of what is elsewhere nothing is seen and nothing can be named. */
static int nothing_here(struct nl *nl, const struct target *target)
{
	static const struct {
		uint8_t cmd;
		int err;
	} named[] = {
		{ E2EE_CMD_SESSION_SET, ENOENT },
		{ E2EE_CMD_SESSION_DEL, ENOENT },
		{ E2EE_CMD_SESSION_GET, ENOENT },
		{ E2EE_CMD_KEY_NEW, ENOENT },
		{ E2EE_CMD_KEY_SET, ENOENT },
		{ E2EE_CMD_KEY_DEL, ENOENT },
		{ E2EE_CMD_KEY_GET, ENOENT },
		{ E2EE_CMD_SOCKET_ATTACH, ENOENT },
		{ E2EE_CMD_SOCKET_DETACH, ENOENT },
		{ E2EE_CMD_SOCKET_GET, ENOENT },
		{ E2EE_CMD_GUARD_NEW, ENOENT },
		{ E2EE_CMD_GUARD_DEL, ENOENT },
		{ E2EE_CMD_GUARD_GET, ENOENT },
	};
	struct nl_said said;
	struct nl_msg *msg;
	int got;

	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		got = nl_do(nl, command_build(nl, named[i].cmd, target, NULL));
		if (got != -named[i].err)
			return wrong("foreign object", named[i].cmd, got);
		if (!command_dumps(named[i].cmd))
			continue;
		got = nl_count(nl, nl_begin(nl, named[i].cmd));
		if (got)
			return wrong("foreign dump", named[i].cmd, got);
	}
	msg = nl_begin(nl, E2EE_CMD_INFO_GET);
	got = nl_talk(nl, msg, &said);
	free(msg);
	for (int attr = E2EE_A_INFO_SESSIONS; attr <= E2EE_A_INFO_GUARDS;
	     attr++)
		if (got || nl_get_u32(nl_find(said.answer, E2EE_A_INFO, attr)))
			return wrong("foreign totals", E2EE_CMD_INFO_GET, got);
	return 0;
}

/* What is one's own one may do; a socket of elsewhere is not one's own. */
static int own_works(struct nl *nl, const struct target *foreign)
{
	struct target own = *foreign;
	struct nl_said said;
	struct nl_msg *msg;
	int got;

	own.name = "own";
	msg = command_build(nl, E2EE_CMD_SESSION_NEW, &own, NULL);
	got = nl_talk(nl, msg, &said);
	free(msg);
	if (got)
		return wrong("own", E2EE_CMD_SESSION_NEW, got);
	own.session = nl_get_u32(nl_find(said.answer, E2EE_A_SESSION,
					 E2EE_A_SESSION_ID));
	/* ids are of the namespace: the first one here */
	if (own.session != 1)
		return wrong("own id", E2EE_CMD_SESSION_NEW, 0);
	got = nl_do(nl, command_build(nl, E2EE_CMD_SOCKET_ATTACH, &own, NULL));
	if (got != -EXDEV)
		return wrong("foreign socket", E2EE_CMD_SOCKET_ATTACH, got);
	own.fd = sock_udp(SOCK_V4, 0, NULL);
	msg = command_build(nl, E2EE_CMD_SOCKET_ATTACH, &own, NULL);
	got = nl_talk(nl, msg, &said);
	free(msg);
	if (got)
		return wrong("own", E2EE_CMD_SOCKET_ATTACH, got);
	own.socket = nl_get_u64(nl_find(said.answer, E2EE_A_SOCKET,
					E2EE_A_SOCKET_ID));
	msg = command_build(nl, E2EE_CMD_SOCKET_GET, &own, NULL);
	got = nl_talk(nl, msg, &said);
	free(msg);
	/* its owner is root, as root of this user namespace sees it */
	if (got || !nl_find(said.answer, E2EE_A_SOCKET, E2EE_A_SOCKET_UID) ||
	    nl_get_u32(nl_find(said.answer, E2EE_A_SOCKET, E2EE_A_SOCKET_UID)))
		return wrong("owner", E2EE_CMD_SOCKET_GET, got);
	got = nl_do(nl, command_build(nl, E2EE_CMD_KEY_NEW, &own, NULL));
	if (got)
		return wrong("own", E2EE_CMD_KEY_NEW, got);
	got = nl_count(nl, nl_begin(nl, E2EE_CMD_KEY_GET));
	if (got != 1)
		return wrong("own", E2EE_CMD_KEY_GET, got);
	got = nl_listen(nl);
	return got ? wrong("own", E2EE_CMD_EVENT, got) : 0;
}

/* In a user namespace of its own: what the host has is not its business. */
static int own_share(struct nl *nl)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_INFO_GET);
	struct nl_said said;
	int got = nl_talk(nl, msg, &said);

	free(msg);
	if (got || nl_get_u32(nl_find(said.answer, E2EE_A_INFO,
				      E2EE_A_INFO_DIGESTS_MAX)) !=
		   E2EE_DIGESTS_PER_SHARE)
		return wrong("share", E2EE_CMD_INFO_GET, got);
	return 0;
}

static struct nl_msg *guard_of_user(const struct nl *nl, uint32_t uid)
{
	struct nl_msg *msg = nl_session(nl, E2EE_CMD_GUARD_NEW, 0, "guarded");
	size_t nest = nl_nest(msg, E2EE_A_GUARD);

	nl_u16(msg, E2EE_A_GUARD_PORT_FIRST, 7000);
	nl_u32(msg, E2EE_A_GUARD_UID, uid);
	nl_nest_end(msg, nest);
	return msg;
}

static struct nl_msg *session_of_driver(const struct nl *nl, const char *driver)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_SESSION_NEW);
	size_t nest = nl_nest(msg, E2EE_A_SESSION);

	nl_string(msg, E2EE_A_SESSION_NAME, "driven");
	nl_string(msg, E2EE_A_SESSION_CRYPTO, driver);
	nl_nest_end(msg, nest);
	return msg;
}

/* Users are those of the user namespace: there is root, and nobody else. */
static int own_users(struct nl *nl)
{
	const char *refused;
	struct nl_said said;
	struct nl_msg *msg;
	size_t nest;
	int got;

	got = nl_do(nl, nl_session(nl, E2EE_CMD_SESSION_NEW, 0, "guarded"));
	if (got)
		return wrong("users", E2EE_CMD_SESSION_NEW, got);
	refused = nl_refused(nl, session_of_driver(nl, "generic"), EPERM,
			     "a crypto driver is named by the host's own administrators only");
	if (*refused)
		return wrong(refused, E2EE_CMD_SESSION_NEW, 0);
	/* the best one is what everybody has */
	got = nl_do(nl, session_of_driver(nl, ""));
	if (got)
		return wrong("best driver", E2EE_CMD_SESSION_NEW, got);
	refused = nl_refused(nl, guard_of_user(nl, 1), EINVAL,
			     "no such user in this user namespace");
	if (*refused)
		return wrong(refused, E2EE_CMD_GUARD_NEW, 0);
	msg = guard_of_user(nl, 0);
	got = nl_talk(nl, msg, &said);
	free(msg);
	if (got)
		return wrong("users", E2EE_CMD_GUARD_NEW, got);
	msg = nl_begin(nl, E2EE_CMD_GUARD_GET);
	nest = nl_nest(msg, E2EE_A_GUARD);
	nl_u32(msg, E2EE_A_GUARD_ID,
	       nl_get_u32(nl_find(said.answer, E2EE_A_GUARD, E2EE_A_GUARD_ID)));
	nl_nest_end(msg, nest);
	got = nl_talk(nl, msg, &said);
	free(msg);
	if (got || nl_get_u32(nl_find(said.answer, E2EE_A_GUARD,
				      E2EE_A_GUARD_UID)))
		return wrong("user of a guard", E2EE_CMD_GUARD_GET, got);
	return 0;
}

static int in_namespace(void *arg)
{
	const struct all *all = arg;
	struct nl nl;

	if (sock_netns() || nl_open(&nl))
		return wrong("namespace", 0, errno);
	return nothing_here(&nl, all->target) || own_works(&nl, all->target);
}

TEST_F(rights, namespace)
{
	static struct state before;
	struct all all = { &self->stock.nl, &self->target };

	state_read(&self->stock.nl, &before);
	EXPECT_EQ(0, in_child(in_namespace, &all));
	EXPECT_TRUE(state_same(&self->stock.nl, &before));
}

/* The next two events: one's own of session-new, nothing of the neighbour's */
TEST_F(rights, events_stay)
{
	struct all all = { &self->stock.nl, &self->target };
	uint8_t buf[8192];
	struct nl ear;

	ASSERT_EQ(0, nl_open(&ear));
	ASSERT_EQ(0, nl_listen(&ear));
	EXPECT_EQ(0, in_child(in_namespace, &all));
	ASSERT_EQ(0, ctl_session_flags(&self->stock.scene.ctl,
				       self->stock.scene.session,
				       0));
	ASSERT_EQ(0, nl_event(&ear, SOCK_WAIT, buf, sizeof(buf)));
	EXPECT_EQ(E2EE_EVENT_SESSION_SET,
		  nl_get_u32(nl_find(buf, E2EE_A_EVENT, E2EE_A_EVENT_TYPE)));
	EXPECT_EQ(self->stock.scene.session,
		  nl_get_u32(nl_find(buf, E2EE_A_EVENT,
				     E2EE_A_EVENT_SESSION)));
	nl_close(&ear);
}

static int become_root(void)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %d 1", NOBODY);
	return file_write("/proc/self/uid_map", map);
}

/*
 * An ordinary user is root of a user namespace that owns a network namespace:
 * there everything is allowed, in the one it came from nothing is.
 */
static int in_user_namespace(void *arg)
{
	const struct all *all = arg;
	struct nl nl;

	if (setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) ||
	    prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER) ||
	    become_root())
		return wrong("user namespace", 0, errno);
	/* all capabilities now, but not over the old network namespace */
	if (all_fail(all->nl, all->target, EPERM))
		return 1;
	if (unshare(CLONE_NEWNET) || run("ip link set lo up") ||
	    nl_open(&nl))
		return wrong("network namespace", 0, errno);
	if (own_share(&nl))
		return 1;
	/* nor with the socket that came along */
	if (all_fail(all->nl, all->target, EPERM))
		return 1;
	return nothing_here(&nl, all->target) || own_works(&nl, all->target) ||
	       own_users(&nl);
}

TEST_F(rights, user_namespace)
{
	static struct state before;
	struct all all = { &self->stock.nl, &self->target };

	state_read(&self->stock.nl, &before);
	EXPECT_EQ(0, in_child(in_user_namespace, &all));
	EXPECT_TRUE(state_same(&self->stock.nl, &before));
}

TEST_HARNESS_MAIN
