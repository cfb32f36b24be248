// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "commands.h"

#define SESSION(c, a, ...)	{ E2EE_CMD_##c, E2EE_A_SESSION, \
				  E2EE_A_SESSION_##a, __VA_ARGS__ }
#define KEY(c, a, ...)		{ E2EE_CMD_##c, E2EE_A_KEY, \
				  E2EE_A_KEY_##a, __VA_ARGS__ }
#define SOCKET(c, a, ...)	{ E2EE_CMD_##c, E2EE_A_SOCKET, \
				  E2EE_A_SOCKET_##a, __VA_ARGS__ }
#define GUARD(c, a, ...)	{ E2EE_CMD_##c, E2EE_A_GUARD, \
				  E2EE_A_GUARD_##a, __VA_ARGS__ }
#define TOP(c, a, ...)		{ E2EE_CMD_##c, 0, E2EE_A_##a, __VA_ARGS__ }

#define LOW(value)		.low = value, .has_low = true
#define HIGH(value)		.high = value

/* a session by id and by name, which agree */
#define SESSION_NAMED(c)						\
	SESSION(c, ID, ATTR_U32, ATTR_GIVEN, LOW(0)),			\
	SESSION(c, NAME, ATTR_STRING, ATTR_GIVEN, .max = 31)

#define SESSION_PARAM(c)						\
	SESSION(c, POLICY, ATTR_U32, ATTR_GIVEN, 1, HIGH(3)),		\
	SESSION(c, WINDOW, ATTR_U32, ATTR_GIVEN, 128, LOW(63), HIGH(65537)), \
	SESSION(c, RTX_PT, ATTR_BINARY, ATTR_GIVEN, .max = 16),		\
	SESSION(c, CRYPTO, ATTR_STRING, ATTR_GIVEN, .max = 127),	\
	SESSION(c, FLAGS, ATTR_U32, ATTR_GIVEN, 1, HIGH(2),		\
		.err = EINVAL),						\
	SESSION(c, EPOCH, ATTR_U32, ATTR_GIVEN, 5)

#define KEY_ID(c)							\
	KEY(c, DIR, ATTR_U32, ATTR_NEEDED, E2EE_DIR_TX, LOW(0), HIGH(3)), \
	KEY(c, KID, ATTR_U64, ATTR_NEEDED),				\
	KEY(c, SSRC, ATTR_U32, ATTR_GIVEN),				\
	KEY(c, SSRC_MODE, ATTR_U32, ATTR_GIVEN, E2EE_SSRC_NUMBER,	\
	    LOW(0), HIGH(4))

#define KEY_LIMITS(c)							\
	KEY(c, SOFT_LIMIT, ATTR_U64, ATTR_GIVEN, 1000, HIGH(2001)), \
	KEY(c, LIMIT, ATTR_U64, ATTR_GIVEN, 2000, LOW(0),		\
	    HIGH(UINT64_MAX)),						\
	KEY(c, EXPIRES, ATTR_U32, ATTR_GIVEN),				\
	KEY(c, RTX_SSRC, ATTR_U32, ATTR_LEFT_OUT)

#define SOCKET_ADDR(c)							\
	SOCKET(c, LOCAL_ADDR, ATTR_BINARY, ATTR_LEFT_OUT, .max = 16),	\
	SOCKET(c, LOCAL_PORT, ATTR_U16, ATTR_LEFT_OUT)

const struct attr_spec attr_specs[] = {
	SESSION(SESSION_NEW, NAME, ATTR_STRING, ATTR_NEEDED, .max = 31),
	SESSION_PARAM(SESSION_NEW),

	SESSION_NAMED(SESSION_SET),
	SESSION_PARAM(SESSION_SET),
	TOP(SESSION_SET, FORCE, ATTR_FLAG, ATTR_LEFT_OUT),

	SESSION_NAMED(SESSION_DEL),

	SESSION_NAMED(SESSION_GET),

	SESSION_NAMED(KEY_NEW),
	KEY_ID(KEY_NEW),
	KEY(KEY_NEW, SUITE, ATTR_U32, ATTR_GIVEN, 5, LOW(3), HIGH(6)),
	KEY(KEY_NEW, EPOCH, ATTR_U32, ATTR_GIVEN, 77),
	KEY(KEY_NEW, SECRET, ATTR_BINARY, ATTR_NEEDED, .max = 32),
	KEY(KEY_NEW, SALT, ATTR_BINARY, ATTR_NEEDED, .max = 12),
	KEY(KEY_NEW, CTR, ATTR_U64, ATTR_GIVEN, 5, HIGH(2000)),
	KEY_LIMITS(KEY_NEW),

	SESSION_NAMED(KEY_SET),
	KEY_ID(KEY_SET),
	KEY_LIMITS(KEY_SET),

	SESSION_NAMED(KEY_DEL),
	KEY_ID(KEY_DEL),

	SESSION_NAMED(KEY_GET),
	KEY_ID(KEY_GET),

	SESSION_NAMED(SOCKET_ATTACH),
	SOCKET(SOCKET_ATTACH, FD, ATTR_U32, ATTR_NEEDED, HIGH(1U << 31)),
	SOCKET_ADDR(SOCKET_ATTACH),
	SOCKET(SOCKET_ATTACH, ID, ATTR_U64, ATTR_LEFT_OUT),

	SOCKET(SOCKET_DETACH, ID, ATTR_U64, ATTR_GIVEN),
	SOCKET(SOCKET_DETACH, FD, ATTR_U32, ATTR_LEFT_OUT, HIGH(1U << 31)),
	SOCKET_ADDR(SOCKET_DETACH),
	TOP(SOCKET_DETACH, FORCE, ATTR_FLAG, ATTR_GIVEN),

	SOCKET(SOCKET_GET, ID, ATTR_U64, ATTR_GIVEN),
	SOCKET(SOCKET_GET, FD, ATTR_U32, ATTR_LEFT_OUT, HIGH(1U << 31)),
	SOCKET_ADDR(SOCKET_GET),

	SESSION_NAMED(GUARD_NEW),
	GUARD(GUARD_NEW, PORT_FIRST, ATTR_U16, ATTR_NEEDED, 40000, LOW(0)),
	GUARD(GUARD_NEW, PORT_LAST, ATTR_U16, ATTR_GIVEN, 40009, LOW(0)),
	GUARD(GUARD_NEW, LOCAL_ADDR, ATTR_BINARY, ATTR_GIVEN, .max = 16),
	GUARD(GUARD_NEW, UID, ATTR_U32, ATTR_GIVEN, HIGH(UINT32_MAX),
	      .err = EINVAL),
	GUARD(GUARD_NEW, CGROUP, ATTR_STRING, ATTR_LEFT_OUT, .max = 255),

	GUARD(GUARD_DEL, ID, ATTR_U32, ATTR_NEEDED, LOW(0)),

	GUARD(GUARD_GET, ID, ATTR_U32, ATTR_NEEDED, LOW(0)),
	{ 0 }
};

static const char * const names[] = {
	[E2EE_CMD_SESSION_NEW] = "session-new",
	[E2EE_CMD_SESSION_SET] = "session-set",
	[E2EE_CMD_SESSION_DEL] = "session-del",
	[E2EE_CMD_SESSION_GET] = "session-get",
	[E2EE_CMD_KEY_NEW] = "key-new",
	[E2EE_CMD_KEY_SET] = "key-set",
	[E2EE_CMD_KEY_DEL] = "key-del",
	[E2EE_CMD_KEY_GET] = "key-get",
	[E2EE_CMD_SOCKET_ATTACH] = "socket-attach",
	[E2EE_CMD_SOCKET_DETACH] = "socket-detach",
	[E2EE_CMD_SOCKET_GET] = "socket-get",
	[E2EE_CMD_GUARD_NEW] = "guard-new",
	[E2EE_CMD_GUARD_DEL] = "guard-del",
	[E2EE_CMD_GUARD_GET] = "guard-get",
	[E2EE_CMD_INFO_GET] = "info-get",
	[E2EE_CMD_EVENT] = "event",
};

const char *command_name(uint8_t cmd)
{
	return cmd < sizeof(names) / sizeof(names[0]) && names[cmd] ?
	       names[cmd] : "?";
}

bool command_dumps(uint8_t cmd)
{
	return cmd == E2EE_CMD_SESSION_GET || cmd == E2EE_CMD_KEY_GET ||
	       cmd == E2EE_CMD_SOCKET_GET || cmd == E2EE_CMD_GUARD_GET;
}

int command_nest_max(int nest)
{
	switch (nest) {
	case 0:
		return E2EE_A_MAX;
	case E2EE_A_SESSION:
		return E2EE_A_SESSION_MAX;
	case E2EE_A_KEY:
		return E2EE_A_KEY_MAX;
	case E2EE_A_SOCKET:
		return E2EE_A_SOCKET_MAX;
	case E2EE_A_GUARD:
		return E2EE_A_GUARD_MAX;
	}
	return 0;
}

bool command_has_nest(uint8_t cmd, int nest)
{
	const struct attr_spec *spec;

	for (spec = attr_specs; spec->cmd; spec++)
		if (spec->cmd == cmd && spec->nest == nest)
			return true;
	return false;
}

/* The number that the good request carries */
static uint64_t good_number(const struct attr_spec *spec,
			    const struct target *target)
{
	switch (spec->nest << 8 | spec->attr) {
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_ID:
		return target->session;
	case E2EE_A_KEY << 8 | E2EE_A_KEY_KID:
		return target->kid;
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SSRC:
		return (uint32_t)target->kid;
	case E2EE_A_SOCKET << 8 | E2EE_A_SOCKET_FD:
		return (uint64_t)target->fd;
	case E2EE_A_SOCKET << 8 | E2EE_A_SOCKET_ID:
		return target->socket;
	case E2EE_A_GUARD << 8 | E2EE_A_GUARD_ID:
		return target->guard;
	}
	return spec->good;
}

static size_t good_bytes(const struct attr_spec *spec,
			 const struct target *target, uint8_t *out)
{
	static const uint8_t pt = 97, addr[4] = { 127, 0, 0, 9 };
	const void *from = "";
	size_t len = 0;

	switch (spec->nest << 8 | spec->attr) {
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_NAME:
		from = target->name;
		len = strlen(target->name);
		break;
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_RTX_PT:
		from = &pt;
		len = 1;
		break;
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SECRET:
		from = target->secret;
		len = 32;
		break;
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SALT:
		from = target->salt;
		len = 12;
		break;
	case E2EE_A_SOCKET << 8 | E2EE_A_SOCKET_LOCAL_ADDR:
	case E2EE_A_GUARD << 8 | E2EE_A_GUARD_LOCAL_ADDR:
		from = addr;
		len = sizeof(addr);
		break;
	}
	memcpy(out, from, len);
	return len;
}

static size_t number_size(enum attr_kind kind)
{
	switch (kind) {
	case ATTR_U16:
		return 2;
	case ATTR_U32:
		return 4;
	case ATTR_U64:
		return 8;
	default:
		return 0;
	}
}

static size_t put_number(struct nl_msg *msg, const struct attr_spec *spec,
			 uint64_t value, const struct twist *twist)
{
	size_t len = number_size(spec->kind);
	uint8_t bytes[9] = { 0 };
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	if (twist && twist->how == TWIST_VALUE) {
		value = twist->value;
		u16 = (uint16_t)value;
		u32 = (uint32_t)value;
	}
	if (spec->kind == ATTR_U16)
		memcpy(bytes, &u16, sizeof(u16));
	else if (spec->kind == ATTR_U32)
		memcpy(bytes, &u32, sizeof(u32));
	else
		memcpy(bytes, &value, sizeof(value));
	if (twist && twist->how == TWIST_EMPTY)
		len = 0;
	else if (twist && twist->how == TWIST_SHORT)
		len--;
	else if (twist && twist->how == TWIST_LONG)
		len++;
	return nl_put(msg, spec->attr, bytes, len);
}

static size_t put_bytes(struct nl_msg *msg, const struct attr_spec *spec,
			const struct target *target, const struct twist *twist)
{
	uint8_t bytes[512] = { 0 };
	size_t len = good_bytes(spec, target, bytes);

	if (twist && twist->how == TWIST_LONG) {
		memset(bytes, 'x', spec->max + 1);
		len = spec->max + 1;
	}
	if (spec->kind == ATTR_STRING) {
		if (!len)
			bytes[len++] = 'x';
		bytes[len] = '\0';
		if (!twist || twist->how != TWIST_SHORT)
			len++;
	} else if (twist && twist->how == TWIST_SHORT) {
		len--;
	}
	if (twist && twist->how == TWIST_EMPTY)
		len = 0;
	return nl_put(msg, spec->attr, bytes, len);
}

static void put_attr(struct nl_msg *msg, const struct attr_spec *spec,
		     const struct target *target, struct twist *twist)
{
	bool hit = twist && twist->nest == spec->nest &&
		   twist->attr == spec->attr;
	size_t at;

	if (hit && twist->how == TWIST_OMIT)
		return;
	if (spec->presence == ATTR_LEFT_OUT && !hit)
		return;
	/* the best crypto driver is the empty string */
	if (spec->nest == E2EE_A_SESSION &&
	    spec->attr == E2EE_A_SESSION_CRYPTO && !hit)
		at = nl_string(msg, spec->attr, "");
	else if (spec->kind == ATTR_FLAG)
		at = nl_put(msg, spec->attr, "x",
			    hit && twist->how == TWIST_LONG);
	else if (spec->kind == ATTR_STRING || spec->kind == ATTR_BINARY)
		at = put_bytes(msg, spec, target, hit ? twist : NULL);
	else
		at = put_number(msg, spec, good_number(spec, target),
				hit ? twist : NULL);
	if (hit)
		twist->at = at;
}

static void put_nest(struct nl_msg *msg, uint8_t cmd, int nest,
		     const struct target *target, struct twist *twist)
{
	bool hit = twist && !twist->nest && twist->attr == nest;
	const struct attr_spec *spec;
	size_t at;

	at = hit && twist->how == TWIST_BARE ? nl_put(msg, nest, NULL, 0) :
					       nl_nest(msg, nest);
	for (spec = attr_specs; spec->cmd; spec++)
		if (spec->cmd == cmd && spec->nest == nest)
			put_attr(msg, spec, target, twist);
	if (twist && twist->nest == nest && twist->how == TWIST_ADD)
		twist->at = nl_u32(msg, twist->attr, 1);
	nl_nest_end(msg, at);
	if (hit)
		twist->at = at;
	else if (twist && twist->nest == nest)
		twist->nest_at = at;
}

struct nl_msg *command_build(const struct nl *nl, uint8_t cmd,
			     const struct target *target, struct twist *twist)
{
	struct nl_msg *msg = nl_begin(nl, cmd);
	const struct attr_spec *spec;
	bool hit;
	int nest;

	for (nest = 1; nest <= E2EE_A_MAX; nest++) {
		if (!command_has_nest(cmd, nest))
			continue;
		hit = twist && !twist->nest && twist->attr == nest;
		if (hit && twist->how == TWIST_OMIT)
			continue;
		put_nest(msg, cmd, nest, target, twist);
		if (hit && twist->how == TWIST_TWICE)
			put_nest(msg, cmd, nest, target, twist);
	}
	for (spec = attr_specs; spec->cmd; spec++)
		if (spec->cmd == cmd && !spec->nest)
			put_attr(msg, spec, target, twist);
	if (twist && !twist->nest && twist->how == TWIST_ADD)
		twist->at = nl_put(msg, twist->attr, NULL, 0);
	return msg;
}

static void state_add(void *arg, const struct nlmsghdr *n)
{
	struct state *state = arg;
	size_t len = n->nlmsg_len - NLMSG_HDRLEN;

	if (state->len + len > sizeof(state->bytes))
		abort();
	memcpy(state->bytes + state->len, NLMSG_DATA(n), len);
	state->len += len;
}

void state_read(struct nl *nl, struct state *state)
{
	struct nl_msg *msg;

	state->len = 0;
	for (uint8_t cmd = 1; cmd <= E2EE_CMD_INFO_GET; cmd++) {
		if (!command_dumps(cmd))
			continue;
		msg = nl_begin(nl, cmd);
		if (nl_dump(nl, msg, state_add, state, NULL))
			abort();
		free(msg);
	}
}

bool state_same(struct nl *nl, const struct state *before)
{
	static struct state now;

	state_read(nl, &now);
	return now.len == before->len &&
	       !memcmp(now.bytes, before->bytes, now.len);
}
