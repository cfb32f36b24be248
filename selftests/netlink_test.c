// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink interface itself: what it refuses, in which words, and that a
 * refused command changed nothing; what it answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lib/commands.h"
#include "lib/harness.h"
#include "lib/stock.h"

FIXTURE(netlink)
{
	struct stock stock;
};

FIXTURE_SETUP(netlink)
{
	ASSERT_EQ(0, stock_open(&self->stock));
}

FIXTURE_TEARDOWN(netlink)
{
	stock_close(&self->stock);
}

/*
 * Sends a command with a twist: it must be refused with @err and a text that
 * blames the right attribute. "" or what is wrong.
 */
static const char *refusal(struct nl *nl, uint8_t cmd,
			   const struct target *target, struct twist *twist,
			   int err)
{
	static char wrong[512];
	struct nl_said said;
	struct nl_msg *msg;
	const char *what = NULL;

	msg = command_build(nl, cmd, target, twist);
	nl_talk(nl, msg, &said);
	free(msg);
	if (said.err != -err)
		what = "errno";
	else if (!said.text[0])
		what = "no text";
	else if (twist->how == TWIST_OMIT &&
		 (said.miss_type != (uint32_t)twist->attr ||
		  said.miss_nest != twist->nest_at))
		what = "missing attribute not named";
	else if (twist->how != TWIST_OMIT && twist->how != TWIST_TWICE &&
		 said.offset != twist->at)
		what = "wrong attribute blamed";
	if (!what)
		return "";
	snprintf(wrong, sizeof(wrong),
		 "%s: %s nest %d attr %d twist %d value %llu: got %d, want %d, at %u, want %zu, missing %u in %u: \"%s\"",
		 what, command_name(cmd), twist->nest, twist->attr, twist->how,
		 (unsigned long long)twist->value, -said.err, err, said.offset,
		 twist->at, said.miss_type, said.miss_nest, said.text);
	return wrong;
}

/* The errno of an attribute with a wrong size */
static int size_errno(const struct attr_spec *spec)
{
	return spec->kind == ATTR_FLAG || spec->kind == ATTR_BINARY ? ERANGE :
								      EINVAL;
}

static bool size_applies(const struct attr_spec *spec, int how)
{
	switch (spec->kind) {
	case ATTR_FLAG:
		return how == TWIST_LONG;
	case ATTR_BINARY:
		/* an empty list of payload types is one */
		return how == TWIST_LONG || spec->attr != E2EE_A_SESSION_RTX_PT ||
		       spec->nest != E2EE_A_SESSION;
	default:
		return true;
	}
}

/* Every twist of one attribute. "" or what is wrong. */
static const char *refusals_of_attr(struct nl *nl, const struct target *target,
				    const struct attr_spec *spec)
{
	struct twist twist = { .nest = spec->nest, .attr = spec->attr };
	int err = spec->err ? spec->err : ERANGE;
	const char *wrong = "";

	for (int how = TWIST_EMPTY; how <= TWIST_LONG && !*wrong; how++) {
		if (!size_applies(spec, how))
			continue;
		twist.how = how;
		wrong = refusal(nl, spec->cmd, target, &twist,
				size_errno(spec));
	}
	if (!*wrong && spec->presence == ATTR_NEEDED) {
		twist.how = TWIST_OMIT;
		wrong = refusal(nl, spec->cmd, target, &twist, EINVAL);
	}
	twist.how = TWIST_VALUE;
	if (!*wrong && spec->has_low) {
		twist.value = spec->low;
		wrong = refusal(nl, spec->cmd, target, &twist, err);
	}
	if (!*wrong && spec->high) {
		twist.value = spec->high;
		wrong = refusal(nl, spec->cmd, target, &twist, err);
	}
	return wrong;
}

static bool has_attr(uint8_t cmd, int nest, int attr)
{
	const struct attr_spec *spec;

	for (spec = attr_specs; spec->cmd; spec++)
		if (spec->cmd == cmd && spec->nest == nest &&
		    spec->attr == attr)
			return true;
	return false;
}

/* Attributes that do not belong: those of other commands, and unknown ones */
static const char *refusals_of_strangers(struct nl *nl, uint8_t cmd,
					 const struct target *target, int nest)
{
	struct twist twist = { .how = TWIST_ADD, .nest = nest };
	const char *wrong = "";

	for (int attr = 0; attr <= command_nest_max(nest) + 2 && !*wrong;
	     attr++) {
		if (has_attr(cmd, nest, attr))
			continue;
		if (!nest && command_has_nest(cmd, attr))
			continue;
		twist.attr = attr;
		wrong = refusal(nl, cmd, target, &twist, EINVAL);
	}
	return wrong;
}

static const char *refusals_of_nest(struct nl *nl, uint8_t cmd,
				    const struct target *target, int nest)
{
	struct twist twist = { .attr = nest };
	const char *wrong;

	twist.how = TWIST_OMIT;
	wrong = refusal(nl, cmd, target, &twist, EINVAL);
	if (*wrong)
		return wrong;
	twist.how = TWIST_BARE;
	wrong = refusal(nl, cmd, target, &twist, EINVAL);
	if (*wrong)
		return wrong;
	/* many keys are welcome, but the same one twice is not */
	twist.how = TWIST_TWICE;
	if (nest != E2EE_A_KEY || cmd != E2EE_CMD_KEY_DEL)
		wrong = refusal(nl, cmd, target, &twist,
				nest == E2EE_A_KEY && cmd == E2EE_CMD_KEY_NEW ?
				EEXIST : EINVAL);
	if (*wrong)
		return wrong;
	return refusals_of_strangers(nl, cmd, target, nest);
}

static const char *refusals_of_command(struct nl *nl, uint8_t cmd,
				       const struct target *target)
{
	const struct attr_spec *spec;
	const char *wrong = "";

	for (spec = attr_specs; spec->cmd && !*wrong; spec++)
		if (spec->cmd == cmd)
			wrong = refusals_of_attr(nl, target, spec);
	for (int nest = 1; nest <= E2EE_A_MAX && !*wrong; nest++)
		if (command_has_nest(cmd, nest))
			wrong = refusals_of_nest(nl, cmd, target, nest);
	if (!*wrong)
		wrong = refusals_of_strangers(nl, cmd, target, 0);
	return wrong;
}

/*
 * Every attribute of every command: missing, empty, short, long, too low, too
 * high, unknown, of another command. After each command's refusals the state is
 * as before, and then the good request passes: nothing but the twist was wrong.
 */
TEST_F(netlink, refusals)
{
	static struct state before;
	struct nl_said said;
	struct nl_msg *msg;
	uint8_t secret[32], salt[12];
	struct target target = {
		.kid = 99, .secret = secret, .salt = salt,
		.socket = self->stock.socket, .guard = self->stock.guard,
	};
	int fd = sock_udp(SOCK_V4, 0, NULL);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(32, getrandom(secret, sizeof(secret), 0));
	ASSERT_EQ(12, getrandom(salt, sizeof(salt), 0));
	for (uint8_t cmd = 1; cmd <= E2EE_CMD_INFO_GET; cmd++) {
		target.session = self->stock.scene.session;
		target.name = "scene";
		if (cmd == E2EE_CMD_SESSION_NEW)
			target.name = "third";
		if (cmd == E2EE_CMD_SESSION_DEL) {
			target.session = self->stock.other;
			target.name = "other";
		}
		target.fd = fd;
		if (cmd == E2EE_CMD_KEY_GET)
			target.kid = STOCK_TX_KID;
		state_read(&self->stock.nl, &before);
		ASSERT_STREQ("", refusals_of_command(&self->stock.nl, cmd,
						     &target));
		ASSERT_TRUE(state_same(&self->stock.nl, &before)) {
			TH_LOG("%s: refused, but changed something",
			       command_name(cmd));
		}
		msg = command_build(&self->stock.nl, cmd, &target, NULL);
		nl_talk(&self->stock.nl, msg, &said);
		free(msg);
		ASSERT_EQ(0, said.err) {
			TH_LOG("%s: %s", command_name(cmd), said.text);
		}
		if (cmd == E2EE_CMD_SOCKET_ATTACH)
			target.socket =
				nl_get_u64(nl_find(said.answer, E2EE_A_SOCKET,
						   E2EE_A_SOCKET_ID));
		if (cmd == E2EE_CMD_GUARD_NEW)
			target.guard =
				nl_get_u32(nl_find(said.answer, E2EE_A_GUARD,
						   E2EE_A_GUARD_ID));
		if (cmd == E2EE_CMD_GUARD_DEL)
			target.guard = self->stock.guard;
	}
	close(fd);
}

/* the kernel alone sends events */
TEST_F(netlink, no_event_by_request)
{
	struct nl *nl = &self->stock.nl;

	EXPECT_EQ(-EOPNOTSUPP, nl_do(nl, nl_begin(nl, E2EE_CMD_EVENT)));
	EXPECT_EQ(-EOPNOTSUPP, nl_do(nl, nl_begin(nl, E2EE_CMD_MAX + 1)));
	EXPECT_EQ(-EOPNOTSUPP, nl_do(nl, nl_begin(nl, 0)));
}

/* One request, and the words it must be refused with */
#define REFUSED(err, words, msg)					\
	EXPECT_STREQ("", nl_refused(&self->stock.nl, msg, err, words))

static struct nl_msg *with_header(const struct nl *nl, uint8_t cmd,
				  uint16_t flags, uint16_t reserved)
{
	struct nl_msg *msg = nl_begin(nl, cmd);

	((struct nlmsghdr *)msg->data)->nlmsg_flags |= flags;
	((struct genlmsghdr *)(msg->data + NLMSG_HDRLEN))->reserved = reserved;
	return msg;
}

/* Nothing is ignored in the headers either, of no command. */
TEST_F(netlink, headers)
{
	struct nl *nl = &self->stock.nl;

	for (uint8_t cmd = 1; cmd <= E2EE_CMD_INFO_GET; cmd++) {
		REFUSED(EINVAL, "genlmsghdr.reserved field is not 0",
			with_header(nl, cmd, 0, 1));
		REFUSED(EINVAL, "ambiguous or reserved bits set in nlmsg_flags",
			with_header(nl, cmd, NLM_F_CREATE, 0));
		if (!command_dumps(cmd))
			continue;
		/* old kernels have no words for a dump that does not begin */
		EXPECT_EQ(-EINVAL, nl_do(nl, with_header(nl, cmd,
							 NLM_F_DUMP, 1)));
		EXPECT_EQ(-EINVAL, nl_do(nl, with_header(nl, cmd, NLM_F_DUMP |
							 NLM_F_APPEND, 0)));
	}
}

TEST_F(netlink, session_words)
{
	static const char rule[] =
		"a name is 1 to 31 printable characters without space or slash";
	static const char * const names[] = {
		"", "a b", "a/b", "tab\t", "\x7f", "\xc3\xa9",
	};
	struct nl *nl = &self->stock.nl;
	uint32_t id = self->stock.scene.session;
	static struct state before;
	struct nl_msg *msg;
	size_t nest;

	state_read(nl, &before);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		REFUSED(EINVAL, rule,
			nl_session(nl, E2EE_CMD_SESSION_NEW, 0, names[i]));
	REFUSED(EEXIST, "session with this name exists",
		nl_session(nl, E2EE_CMD_SESSION_NEW, 0, "scene"));
	REFUSED(EINVAL, "session has neither id nor name",
		nl_session(nl, E2EE_CMD_SESSION_GET, 0, NULL));
	REFUSED(EINVAL, "session of this id has another name",
		nl_session(nl, E2EE_CMD_SESSION_GET, id, "other"));
	REFUSED(ENOENT, "no such session",
		nl_session(nl, E2EE_CMD_SESSION_GET, 0, "scen"));
	REFUSED(ENOENT, "no such session",
		nl_session(nl, E2EE_CMD_SESSION_SET, 12345, NULL));
	REFUSED(EBUSY, "a guard names the session: delete the guard first",
		nl_session(nl, E2EE_CMD_SESSION_DEL, id, NULL));
	for (uint32_t window = 65; window < 65536; window = window * 3 / 2) {
		if (!(window & (window - 1)))
			continue;
		msg = nl_begin(nl, E2EE_CMD_SESSION_SET);
		nest = nl_nest(msg, E2EE_A_SESSION);
		nl_u32(msg, E2EE_A_SESSION_ID, id);
		nl_u32(msg, E2EE_A_SESSION_WINDOW, window);
		nl_nest_end(msg, nest);
		REFUSED(ERANGE, "window must be a power of two from 64 to 65536",
			msg);
	}
	msg = nl_begin(nl, E2EE_CMD_SESSION_SET);
	nest = nl_nest(msg, E2EE_A_SESSION);
	nl_u32(msg, E2EE_A_SESSION_ID, id);
	nl_put(msg, E2EE_A_SESSION_RTX_PT, "\x61\x80", 2);
	nl_nest_end(msg, nest);
	REFUSED(ERANGE, "a payload type lies above 127", msg);
	msg = nl_begin(nl, E2EE_CMD_SESSION_SET);
	nest = nl_nest(msg, E2EE_A_SESSION);
	nl_u32(msg, E2EE_A_SESSION_ID, id);
	nl_string(msg, E2EE_A_SESSION_CRYPTO, "no-such-driver");
	nl_nest_end(msg, nest);
	REFUSED(ENOENT, "no such driver of AES-GCM", msg);
	EXPECT_TRUE(state_same(nl, &before));
}

static struct nl_msg *socket_msg(struct nl *nl, uint8_t cmd, uint32_t session)
{
	struct nl_msg *msg = nl_begin(nl, cmd);

	if (session)
		nl_put_session(msg, session, NULL);
	return msg;
}

static struct nl_msg *socket_by_addr(struct nl *nl, uint8_t cmd,
				     uint32_t session, const char *addr,
				     uint16_t port)
{
	struct nl_msg *msg = socket_msg(nl, cmd, session);
	size_t nest = nl_nest(msg, E2EE_A_SOCKET);
	uint8_t bytes[16];

	if (addr && strchr(addr, ':')) {
		inet_pton(AF_INET6, addr, bytes);
		nl_put(msg, E2EE_A_SOCKET_LOCAL_ADDR, bytes, 16);
	} else if (addr) {
		inet_pton(AF_INET, addr, bytes);
		nl_put(msg, E2EE_A_SOCKET_LOCAL_ADDR, bytes, 4);
	}
	if (port)
		nl_u16(msg, E2EE_A_SOCKET_LOCAL_PORT, port);
	nl_nest_end(msg, nest);
	return msg;
}

static struct nl_msg *socket_by_fd(struct nl *nl, uint8_t cmd,
				   uint32_t session, int fd, uint64_t id)
{
	struct nl_msg *msg = socket_msg(nl, cmd, session);
	size_t nest = nl_nest(msg, E2EE_A_SOCKET);

	if (fd >= 0)
		nl_u32(msg, E2EE_A_SOCKET_FD, (uint32_t)fd);
	if (id)
		nl_u64(msg, E2EE_A_SOCKET_ID, id);
	nl_nest_end(msg, nest);
	return msg;
}

TEST_F(netlink, socket_words)
{
	struct scene *scene = &self->stock.scene;
	struct nl *nl = &self->stock.nl;
	static struct state before;
	struct addr bound;
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	int file = open("/dev/null", O_RDONLY);
	int fd = sock_udp(SOCK_V4, 0, &bound);

	ASSERT_GE(tcp, 0);
	ASSERT_GE(file, 0);
	ASSERT_GE(fd, 0);
	state_read(nl, &before);
	REFUSED(EINVAL, "socket has neither id nor fd nor address",
		socket_by_fd(nl, E2EE_CMD_SOCKET_ATTACH, scene->session, -1,
			     0));
	REFUSED(EINVAL, "socket is named in more than one way",
		socket_by_fd(nl, E2EE_CMD_SOCKET_ATTACH, scene->session, fd,
			     5));
	REFUSED(EINVAL, "port of the socket is missing",
		socket_by_addr(nl, E2EE_CMD_SOCKET_ATTACH, scene->session,
			       "127.0.0.1", 0));
	REFUSED(EINVAL, "address of the socket is missing",
		socket_by_addr(nl, E2EE_CMD_SOCKET_ATTACH, scene->session,
			       NULL, 99));
	REFUSED(EBADF, "no such file descriptor",
		socket_by_fd(nl, E2EE_CMD_SOCKET_ATTACH, scene->session,
			     1000000, 0));
	REFUSED(ENOTSOCK, "not a socket",
		socket_by_fd(nl, E2EE_CMD_SOCKET_ATTACH, scene->session, file,
			     0));
	REFUSED(ENOENT, "no such session",
		socket_by_fd(nl, E2EE_CMD_SOCKET_ATTACH, 12345, fd, 0));
	REFUSED(ENOENT, "socket was never attached",
		socket_by_fd(nl, E2EE_CMD_SOCKET_GET, 0, fd, 0));
	REFUSED(ENOENT, "no such socket",
		socket_by_fd(nl, E2EE_CMD_SOCKET_GET, 0, -1, 1ULL << 40));
	REFUSED(EINVAL, "only a dump can be narrowed to a session",
		socket_by_fd(nl, E2EE_CMD_SOCKET_GET, scene->session,
			     scene->fd, 0));
	REFUSED(ENOENT, "socket is not attached",
		socket_by_fd(nl, E2EE_CMD_SOCKET_DETACH, 0, fd, 0));
	REFUSED(EPERM, "detaching opens the way for clear media: force is needed",
		socket_by_fd(nl, E2EE_CMD_SOCKET_DETACH, 0, scene->fd, 0));
	EXPECT_EQ(-EOPNOTSUPP, nl_do(nl, socket_by_fd(nl,
			E2EE_CMD_SOCKET_ATTACH, scene->session, tcp, 0)));
	EXPECT_TRUE(state_same(nl, &before));
	/* what is named in a good way is found */
	EXPECT_EQ(0, nl_do(nl, socket_by_addr(nl, E2EE_CMD_SOCKET_ATTACH,
					      scene->session, "127.0.0.1",
					      addr_port(&bound))));
	EXPECT_EQ(0, nl_do(nl, socket_by_addr(nl, E2EE_CMD_SOCKET_GET, 0,
					      "127.0.0.1",
					      addr_port(&bound))));
	EXPECT_EQ(-ENOENT, nl_do(nl, socket_by_addr(nl, E2EE_CMD_SOCKET_GET, 0,
						    "127.0.0.2",
						    addr_port(&bound))));
	close(fd);
	close(file);
	close(tcp);
}

/* A socket stays with its session until it is detached, or that is deleted. */
TEST_F(netlink, attached_socket)
{
	struct ctl *ctl = &self->stock.scene.ctl;
	struct nl *nl = &self->stock.nl;
	int fd = sock_udp(SOCK_V4, 0, NULL);
	static struct state before;
	uint32_t first, second, now;

	ASSERT_EQ(0, ctl_session_new(ctl, "first", NULL, &first));
	ASSERT_EQ(0, ctl_session_new(ctl, "second", NULL, &second));
	ASSERT_EQ(0, ctl_attach(ctl, first, fd, NULL));
	state_read(nl, &before);
	REFUSED(EEXIST, "socket is attached to this session",
		socket_by_fd(nl, E2EE_CMD_SOCKET_ATTACH, first, fd, 0));
	REFUSED(EBUSY, "socket is attached to another session: detach it first",
		socket_by_fd(nl, E2EE_CMD_SOCKET_ATTACH, second, fd, 0));
	EXPECT_TRUE(state_same(nl, &before));
	ASSERT_EQ(0, ctl_session_del(ctl, first));
	EXPECT_EQ(0, nl_do(nl, socket_by_fd(nl, E2EE_CMD_SOCKET_ATTACH, second,
					    fd, 0)));
	ASSERT_EQ(0, ctl_socket_get(ctl, fd, NULL, &now));
	EXPECT_EQ(second, now);
	close(fd);
}

/* Not what the kernel itself has bound, however it uses it */
TEST_F(netlink, sockets_of_the_kernel)
{
	struct scene *scene = &self->stock.scene;
	struct nl *nl = &self->stock.nl;

	ASSERT_EQ(0, run("ip link add vx type vxlan id 1 dstport 4790 "
			 "local 127.0.0.1 && ip link set vx up"));
	REFUSED(EBUSY, "socket belongs to the kernel",
		socket_by_addr(nl, E2EE_CMD_SOCKET_ATTACH, scene->session,
			       "127.0.0.1", 4790));
	REFUSED(EBUSY, "socket belongs to the kernel",
		socket_by_addr(nl, E2EE_CMD_SOCKET_GET, 0, "0.0.0.0", 4790));
	ASSERT_EQ(0, run("ip link del vx"));
	REFUSED(ENOENT, "no UDP socket is bound to this address",
		socket_by_addr(nl, E2EE_CMD_SOCKET_ATTACH, scene->session,
			       "127.0.0.1", 4790));
}

TEST_F(netlink, guard_words)
{
	const struct ctl_guard inside = { .first = 1, .last = 65535 };
	struct ctl *ctl = &self->stock.scene.ctl;
	struct nl *nl = &self->stock.nl;
	static struct state before;
	uint32_t id;
	struct nl_msg *msg;
	size_t nest;

	state_read(nl, &before);
	msg = nl_session(nl, E2EE_CMD_GUARD_NEW,
			 self->stock.scene.session, NULL);
	nest = nl_nest(msg, E2EE_A_GUARD);
	nl_u16(msg, E2EE_A_GUARD_PORT_FIRST, 1000);
	nl_u16(msg, E2EE_A_GUARD_PORT_LAST, 999);
	nl_nest_end(msg, nest);
	REFUSED(EINVAL, "last port lies below the first", msg);
	for (int cmd = E2EE_CMD_GUARD_DEL; cmd <= E2EE_CMD_GUARD_GET; cmd++) {
		msg = nl_begin(nl, (uint8_t)cmd);
		nest = nl_nest(msg, E2EE_A_GUARD);
		nl_u32(msg, E2EE_A_GUARD_ID, 12345);
		nl_nest_end(msg, nest);
		REFUSED(ENOENT, "no such guard", msg);
	}
	EXPECT_TRUE(state_same(nl, &before));
	/* what a guard covers stays attached, by force or not */
	ASSERT_EQ(0, ctl_guard_del(ctl, self->stock.guard));
	ASSERT_EQ(0, ctl_guard_new(ctl, self->stock.scene.session, &inside,
				   &id));
	msg = socket_by_fd(nl, E2EE_CMD_SOCKET_DETACH, 0,
			   self->stock.scene.fd, 0);
	nl_put(msg, E2EE_A_FORCE, NULL, 0);
	REFUSED(EBUSY, "socket lies in the range of a guard: delete the guard first",
		msg);
	ASSERT_EQ(0, ctl_guard_del(ctl, id));
	EXPECT_EQ(0, ctl_detach(ctl, self->stock.socket, true));
	EXPECT_EQ(-ENOENT, ctl_detach(ctl, self->stock.socket, true));
}

/* What the answers say, member by member */
TEST_F(netlink, session_shown)
{
	static const uint8_t pts[] = { 99, 97 }, sorted[] = { 97, 99 };
	struct nl *nl = &self->stock.nl;
	const struct nlattr *nest, *pt;
	struct nl_said said;
	struct nl_msg *msg;
	size_t at;
	uint32_t id;

	msg = nl_begin(nl, E2EE_CMD_SESSION_NEW);
	at = nl_nest(msg, E2EE_A_SESSION);
	nl_string(msg, E2EE_A_SESSION_NAME, "shown");
	nl_u32(msg, E2EE_A_SESSION_POLICY, E2EE_POLICY_OPTIONAL);
	nl_u32(msg, E2EE_A_SESSION_WINDOW, 1024);
	nl_put(msg, E2EE_A_SESSION_RTX_PT, pts, sizeof(pts));
	nl_u32(msg, E2EE_A_SESSION_FLAGS, E2EE_SESSION_F_TX_ERRORS);
	nl_u32(msg, E2EE_A_SESSION_EPOCH, 3);
	nl_nest_end(msg, at);
	ASSERT_EQ(0, nl_talk(nl, msg, &said)) TH_LOG("%s", said.text);
	free(msg);
	nest = nl_attr((void *)said.answer, E2EE_A_SESSION);
	id = nl_get_u32(nl_inner(nest, E2EE_A_SESSION_ID));
	ASSERT_GT(id, self->stock.other);
	ASSERT_NE(NULL, nl_inner(nest, E2EE_A_SESSION_NAME));
	EXPECT_STREQ("shown", nl_data(nl_inner(nest, E2EE_A_SESSION_NAME)));

	msg = nl_session(nl, E2EE_CMD_SESSION_GET, id, "shown");
	ASSERT_EQ(0, nl_talk(nl, msg, &said)) TH_LOG("%s", said.text);
	free(msg);
	nest = nl_attr((void *)said.answer, E2EE_A_SESSION);
	EXPECT_EQ(id, nl_get_u32(nl_inner(nest, E2EE_A_SESSION_ID)));
	EXPECT_STREQ("shown", nl_data(nl_inner(nest, E2EE_A_SESSION_NAME)));
	EXPECT_EQ(E2EE_POLICY_OPTIONAL,
		  nl_get_u32(nl_inner(nest, E2EE_A_SESSION_POLICY)));
	EXPECT_EQ(1024, nl_get_u32(nl_inner(nest, E2EE_A_SESSION_WINDOW)));
	pt = nl_inner(nest, E2EE_A_SESSION_RTX_PT);
	ASSERT_NE(NULL, pt);
	ASSERT_EQ(2, nl_len(pt));
	EXPECT_EQ(0, memcmp(sorted, nl_data(pt), 2));
	EXPECT_STREQ("", nl_data(nl_inner(nest, E2EE_A_SESSION_CRYPTO)));
	EXPECT_EQ(E2EE_SESSION_F_TX_ERRORS,
		  nl_get_u32(nl_inner(nest, E2EE_A_SESSION_FLAGS)));
	EXPECT_EQ(3, nl_get_u32(nl_inner(nest, E2EE_A_SESSION_EPOCH)));
	EXPECT_EQ(0, nl_get_u32(nl_inner(nest, E2EE_A_SESSION_KEYS)));
	EXPECT_EQ(0, nl_get_u32(nl_inner(nest, E2EE_A_SESSION_SOCKETS)));
	nest = nl_inner(nest, E2EE_A_SESSION_STATS);
	ASSERT_NE(NULL, nest);
	for (int stat = E2EE_A_STAT_PAD + 1; stat <= E2EE_A_STAT_MAX; stat++) {
		ASSERT_NE(NULL, nl_inner(nest, stat));
		EXPECT_EQ(8, nl_len(nl_inner(nest, stat)));
	}

	msg = nl_session(nl, E2EE_CMD_SESSION_GET, 0, "scene");
	ASSERT_EQ(0, nl_talk(nl, msg, &said));
	free(msg);
	nest = nl_attr((void *)said.answer, E2EE_A_SESSION);
	EXPECT_EQ(E2EE_POLICY_REQUIRED,
		  nl_get_u32(nl_inner(nest, E2EE_A_SESSION_POLICY)));
	EXPECT_EQ(E2EE_WINDOW_DEFAULT,
		  nl_get_u32(nl_inner(nest, E2EE_A_SESSION_WINDOW)));
	EXPECT_EQ(2, nl_get_u32(nl_inner(nest, E2EE_A_SESSION_KEYS)));
	EXPECT_EQ(1, nl_get_u32(nl_inner(nest, E2EE_A_SESSION_SOCKETS)));
}

TEST_F(netlink, socket_shown)
{
	struct scene *scene = &self->stock.scene;
	struct nl *nl = &self->stock.nl;
	const struct nlattr *nest;
	struct nl_said said;
	struct nl_msg *msg;
	uint32_t loopback = htonl(INADDR_LOOPBACK);
	struct stat st;

	msg = socket_by_fd(nl, E2EE_CMD_SOCKET_GET, 0, -1, self->stock.socket);
	ASSERT_EQ(0, nl_talk(nl, msg, &said)) TH_LOG("%s", said.text);
	free(msg);
	ASSERT_EQ(0, fstat(scene->fd, &st));
	nest = nl_attr((void *)said.answer, E2EE_A_SOCKET);
	EXPECT_EQ(self->stock.socket,
		  nl_get_u64(nl_inner(nest, E2EE_A_SOCKET_ID)));
	EXPECT_EQ(scene->session,
		  nl_get_u32(nl_inner(nest, E2EE_A_SOCKET_SESSION)));
	EXPECT_EQ(st.st_ino, nl_get_u64(nl_inner(nest, E2EE_A_SOCKET_INODE)));
	EXPECT_EQ(0, nl_get_u32(nl_inner(nest, E2EE_A_SOCKET_UID)));
	EXPECT_EQ(NULL, nl_inner(nest, E2EE_A_SOCKET_GUARD));
	ASSERT_NE(NULL, nl_inner(nest, E2EE_A_SOCKET_LOCAL_ADDR));
	EXPECT_EQ(4, nl_len(nl_inner(nest, E2EE_A_SOCKET_LOCAL_ADDR)));
	EXPECT_EQ(loopback, nl_get_u32(nl_inner(nest, E2EE_A_SOCKET_LOCAL_ADDR)));
	EXPECT_EQ(addr_port(&scene->addr), *(uint16_t *)
		  nl_data(nl_inner(nest, E2EE_A_SOCKET_LOCAL_PORT)));
	EXPECT_EQ(loopback,
		  nl_get_u32(nl_inner(nest, E2EE_A_SOCKET_REMOTE_ADDR)));
	EXPECT_EQ(addr_port(&scene->peer_addr), *(uint16_t *)
		  nl_data(nl_inner(nest, E2EE_A_SOCKET_REMOTE_PORT)));
	EXPECT_NE(NULL, nl_inner(nest, E2EE_A_SOCKET_STATS));

	/* detached it is still there, of no session */
	ASSERT_EQ(0, ctl_detach(&scene->ctl, self->stock.socket, true));
	msg = socket_by_fd(nl, E2EE_CMD_SOCKET_GET, 0, scene->fd, 0);
	ASSERT_EQ(0, nl_talk(nl, msg, &said));
	free(msg);
	EXPECT_EQ(self->stock.socket,
		  nl_get_u64(nl_find(said.answer, E2EE_A_SOCKET,
				     E2EE_A_SOCKET_ID)));
	EXPECT_EQ(0, nl_get_u32(nl_find(said.answer, E2EE_A_SOCKET,
					E2EE_A_SOCKET_SESSION)));
}

TEST_F(netlink, info_shown)
{
	struct nl *nl = &self->stock.nl;
	const struct nlattr *nest;
	struct nl_said said;
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_INFO_GET);

	ASSERT_EQ(0, nl_talk(nl, msg, &said)) TH_LOG("%s", said.text);
	free(msg);
	nest = nl_attr((void *)said.answer, E2EE_A_INFO);
	ASSERT_NE(NULL, nl_inner(nest, E2EE_A_INFO_VERSION));
	EXPECT_NE(0, *(const char *)nl_data(nl_inner(nest,
						     E2EE_A_INFO_VERSION)));
	ASSERT_NE(NULL, nl_inner(nest, E2EE_A_INFO_DRIVER_SYNC));
	EXPECT_NE(NULL, strstr(nl_data(nl_inner(nest, E2EE_A_INFO_DRIVER_SYNC)),
			       "gcm"));
	EXPECT_EQ(2, nl_get_u32(nl_inner(nest, E2EE_A_INFO_SESSIONS)));
	EXPECT_EQ(2, nl_get_u32(nl_inner(nest, E2EE_A_INFO_KEYS)));
	EXPECT_EQ(1, nl_get_u32(nl_inner(nest, E2EE_A_INFO_SOCKETS)));
	EXPECT_EQ(1, nl_get_u32(nl_inner(nest, E2EE_A_INFO_GUARDS)));
	EXPECT_LE(1, nl_get_u32(nl_inner(nest, E2EE_A_INFO_DIGESTS)));
	EXPECT_EQ(E2EE_DIGESTS_MAX,
		  nl_get_u32(nl_inner(nest, E2EE_A_INFO_DIGESTS_MAX)));
	EXPECT_NE(NULL, nl_inner(nest, E2EE_A_INFO_FLOORS));
	EXPECT_EQ(E2EE_FLOORS_HOST,
		  nl_get_u32(nl_inner(nest, E2EE_A_INFO_FLOORS_MAX)));
	EXPECT_EQ(0, nl_get_u64(nl_inner(nest, E2EE_A_INFO_FLOORS_LOST)));
}

#define MANY	50

static struct nl_msg *many_keys(struct nl *nl, uint32_t session,
				uint8_t (*secrets)[32], int bad)
{
	struct nl_msg *msg = nl_session(nl, E2EE_CMD_KEY_NEW, session, NULL);

	for (int i = 0; i < MANY; i++)
		nl_put_key(msg, i % 2 ? E2EE_DIR_RX : E2EE_DIR_TX,
			1000 + (uint64_t)(i == bad ? i - 2 : i), secrets[i]);
	return msg;
}

/* Fifty keys in a message: with a bad one none is there, else all are. */
TEST_F(netlink, many_keys)
{
	static uint8_t secrets[MANY][32];
	struct nl *nl = &self->stock.nl;
	static struct state before;
	struct nl_said said;
	struct nl_msg *msg;

	for (int i = 0; i < MANY; i++)
		nl_fresh_secret(secrets[i]);
	state_read(nl, &before);
	/* the same identity twice, which is found out at the last one only */
	msg = many_keys(nl, self->stock.other, secrets, MANY - 1);
	EXPECT_EQ(-EEXIST, nl_talk(nl, msg, &said));
	EXPECT_STREQ("key with this direction, KID and SSRC exists", said.text);
	EXPECT_NE(0, said.offset);
	free(msg);
	EXPECT_TRUE(state_same(nl, &before));
	/* none is remembered as used: the same secrets are good still */
	msg = many_keys(nl, self->stock.other, secrets, -1);
	EXPECT_EQ(0, nl_talk(nl, msg, &said)) TH_LOG("%s", said.text);
	free(msg);
	EXPECT_EQ(MANY, nl_count(nl, nl_session(nl, E2EE_CMD_KEY_GET,
						self->stock.other, NULL)));
	/* deleting: one that is not there keeps all */
	state_read(nl, &before);
	msg = nl_session(nl, E2EE_CMD_KEY_DEL, self->stock.other, NULL);
	for (int i = 0; i <= MANY; i++)
		nl_put_key(msg, i % 2 ? E2EE_DIR_RX : E2EE_DIR_TX,
			1000 + (uint64_t)i, NULL);
	REFUSED(ENOENT, "no such key", msg);
	EXPECT_TRUE(state_same(nl, &before));
	msg = nl_session(nl, E2EE_CMD_KEY_DEL, self->stock.other, NULL);
	for (int i = 0; i < MANY; i++)
		nl_put_key(msg, i % 2 ? E2EE_DIR_RX : E2EE_DIR_TX,
			1000 + (uint64_t)i, NULL);
	EXPECT_EQ(0, nl_do(nl, msg));
	EXPECT_EQ(0, nl_count(nl, nl_session(nl, E2EE_CMD_KEY_GET,
					     self->stock.other, NULL)));
}

TEST_HARNESS_MAIN
