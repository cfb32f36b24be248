// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Attributes and structures: one table for each nest says which member goes
 * with which attribute; packing, unpacking and error texts all follow it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include "internal.h"

#define MEMBER_SIZE(type, member)	sizeof(((type *)NULL)->member)

#define FIELD(type, prefix, id, text, what, member)			\
	{ .name = (text), .attr = prefix##id, .kind = (what),		\
	  .offset = offsetof(type, member),				\
	  .size = MEMBER_SIZE(type, member) }
#define FIELD_LEN(type, prefix, id, text, member, len)			\
	{ .name = (text), .attr = prefix##id, .kind = FIELD_BYTES,	\
	  .offset = offsetof(type, member),				\
	  .size = MEMBER_SIZE(type, member),				\
	  .len_offset = offsetof(type, len) }
#define TABLE(type, top, text, list)					\
	{ .name = (text), .fields = (list),				\
	  .count = ARRAY_SIZE(list),					\
	  .attr = (top), .has_offset = offsetof(type, has) }

#define S(id, text, kind, member) \
	FIELD(struct e2ee_session, E2EE_A_SESSION_, id, text, kind, member)

static const struct field session_fields[] = {
	S(ID, "id", FIELD_U32, id),
	S(NAME, "name", FIELD_STRING, name),
	S(POLICY, "policy", FIELD_U32, policy),
	S(WINDOW, "window", FIELD_U32, window),
	FIELD_LEN(struct e2ee_session, E2EE_A_SESSION_, RTX_PT, "rtx-pt",
		  rtx_pt, rtx_pt_len),
	S(CRYPTO, "crypto", FIELD_STRING, crypto),
	S(FLAGS, "flags", FIELD_U32, flags),
	S(EPOCH, "epoch", FIELD_U32, epoch),
	S(KEYS, "keys", FIELD_U32, keys),
	S(SOCKETS, "sockets", FIELD_U32, sockets),
	S(STATS, "stats", FIELD_STATS, stats),
};

#define K(id, text, kind, member) \
	FIELD(struct e2ee_key, E2EE_A_KEY_, id, text, kind, member)

static const struct field key_fields[] = {
	K(SESSION, "session", FIELD_U32, session),
	K(DIR, "dir", FIELD_U32, dir),
	K(KID, "kid", FIELD_U64, kid),
	K(SSRC, "ssrc", FIELD_U32, ssrc),
	K(SSRC_MODE, "ssrc-mode", FIELD_U32, ssrc_mode),
	K(SUITE, "suite", FIELD_U32, suite),
	K(EPOCH, "epoch", FIELD_U32, epoch),
	FIELD_LEN(struct e2ee_key, E2EE_A_KEY_, SECRET, "secret",
		  secret, secret_len),
	K(SALT, "salt", FIELD_BINARY, salt),
	K(CTR, "ctr", FIELD_U64, ctr),
	K(SOFT_LIMIT, "soft-limit", FIELD_U64, soft_limit),
	K(LIMIT, "limit", FIELD_U64, limit),
	K(EXPIRES, "expires", FIELD_U32, expires),
	K(DRIVER, "driver", FIELD_STRING, driver),
	K(PACKETS, "packets", FIELD_U64, packets),
	K(EXPIRED, "expired", FIELD_FLAG, expired),
	K(RTX_SSRC, "rtx-ssrc", FIELD_U32, rtx_ssrc),
};

#define SK(id, text, kind, member) \
	FIELD(struct e2ee_socket, E2EE_A_SOCKET_, id, text, kind, member)

static const struct field socket_fields[] = {
	SK(ID, "id", FIELD_U64, id),
	SK(SESSION, "session", FIELD_U32, session),
	SK(FD, "fd", FIELD_U32, fd),
	FIELD_LEN(struct e2ee_socket, E2EE_A_SOCKET_, LOCAL_ADDR, "local-addr",
		  local.addr, local.len),
	SK(LOCAL_PORT, "local-port", FIELD_U16, local.port),
	FIELD_LEN(struct e2ee_socket, E2EE_A_SOCKET_, REMOTE_ADDR,
		  "remote-addr", remote.addr, remote.len),
	SK(REMOTE_PORT, "remote-port", FIELD_U16, remote.port),
	SK(INODE, "inode", FIELD_U64, inode),
	SK(UID, "uid", FIELD_U32, uid),
	SK(GUARD, "guard", FIELD_U32, guard),
	SK(STATS, "stats", FIELD_STATS, stats),
};

#define G(id, text, kind, member) \
	FIELD(struct e2ee_guard, E2EE_A_GUARD_, id, text, kind, member)

static const struct field guard_fields[] = {
	G(ID, "id", FIELD_U32, id),
	G(SESSION, "session", FIELD_U32, session),
	G(PORT_FIRST, "port-first", FIELD_U16, port_first),
	G(PORT_LAST, "port-last", FIELD_U16, port_last),
	FIELD_LEN(struct e2ee_guard, E2EE_A_GUARD_, LOCAL_ADDR, "local-addr",
		  local.addr, local.len),
	G(UID, "uid", FIELD_U32, uid),
	G(CGROUP, "cgroup", FIELD_STRING, cgroup),
	G(SOCKETS, "sockets", FIELD_U32, sockets),
};

#define E(id, text, kind, member) \
	FIELD(struct e2ee_event_info, E2EE_A_EVENT_, id, text, kind, member)

static const struct field event_fields[] = {
	E(TYPE, "type", FIELD_U32, type),
	E(SESSION, "session", FIELD_U32, session),
	E(NAME, "name", FIELD_STRING, name),
	E(SOCKET, "socket", FIELD_U64, socket),
	E(DIR, "dir", FIELD_U32, dir),
	E(KID, "kid", FIELD_U64, kid),
	E(SSRC, "ssrc", FIELD_U32, ssrc),
	E(EPOCH, "epoch", FIELD_U32, epoch),
	E(ERROR, "error", FIELD_U32, error),
	E(COUNT, "count", FIELD_U64, count),
	E(LOST, "lost", FIELD_U32, lost),
	FIELD_LEN(struct e2ee_event_info, E2EE_A_EVENT_, LOCAL_ADDR,
		  "local-addr", local.addr, local.len),
	E(LOCAL_PORT, "local-port", FIELD_U16, local.port),
	E(INODE, "inode", FIELD_U64, inode),
};

#define I(id, text, kind, member) \
	FIELD(struct e2ee_info, E2EE_A_INFO_, id, text, kind, member)

static const struct field info_fields[] = {
	I(VERSION, "version", FIELD_STRING, version),
	I(DRIVER_SYNC, "driver-sync", FIELD_STRING, driver_sync),
	I(DRIVER_FALLBACK, "driver-fallback", FIELD_STRING, driver_fallback),
	I(SESSIONS, "sessions", FIELD_U32, sessions),
	I(KEYS, "keys", FIELD_U32, keys),
	I(SOCKETS, "sockets", FIELD_U32, sockets),
	I(GUARDS, "guards", FIELD_U32, guards),
	I(DIGESTS, "digests", FIELD_U32, digests),
	I(DIGESTS_MAX, "digests-max", FIELD_U32, digests_max),
	I(FLOORS, "floors", FIELD_U32, floors),
	I(FLOORS_MAX, "floors-max", FIELD_U32, floors_max),
	I(FLOORS_LOST, "floors-lost", FIELD_U64, floors_lost),
};

const struct table e2ee_session_table =
	TABLE(struct e2ee_session, E2EE_A_SESSION, "session", session_fields);
const struct table e2ee_key_table =
	TABLE(struct e2ee_key, E2EE_A_KEY, "key", key_fields);
const struct table e2ee_socket_table =
	TABLE(struct e2ee_socket, E2EE_A_SOCKET, "socket", socket_fields);
const struct table e2ee_guard_table =
	TABLE(struct e2ee_guard, E2EE_A_GUARD, "guard", guard_fields);
const struct table e2ee_event_table =
	TABLE(struct e2ee_event_info, E2EE_A_EVENT, "event", event_fields);
const struct table e2ee_info_table =
	TABLE(struct e2ee_info, E2EE_A_INFO, "info", info_fields);

static const struct table *const tables[] = {
	&e2ee_session_table, &e2ee_key_table, &e2ee_socket_table,
	&e2ee_guard_table, &e2ee_event_table, &e2ee_info_table,
};

static const struct table *table_by_attr(int attr)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		if (tables[i]->attr == attr)
			return tables[i];
	return NULL;
}

static const struct field *field_by_attr(const struct table *table,
					 uint32_t attr)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		if (table->fields[i].attr == attr)
			return &table->fields[i];
	return NULL;
}

/* The structure's members are aligned: their addresses may be cast. */
static uint32_t get_u32(const void *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static int pack_field(struct nl_msg *msg, const struct field *field,
		      const char *object)
{
	const char *from = object + field->offset;
	int len = field->size;

	switch (field->kind) {
	case FIELD_STRING:
		return nla_put_string(msg, field->attr, from);
	case FIELD_FLAG:
		return get_u32(from) ? nla_put_flag(msg, field->attr) : 0;
	case FIELD_STATS:
		return -EINVAL;
	case FIELD_BYTES:
		len = (int)get_u32(object + field->len_offset);
		if (len < 0 || len > field->size)
			return -EINVAL;
		break;
	default:
		break;
	}
	return nla_put(msg, field->attr, len, from);
}

/* Puts the members that the object has and the mask lets through */
int e2ee_pack(struct nl_msg *msg, const struct table *table,
	      const void *object, uint64_t mask)
{
	const char *bytes = object;
	struct nlattr *nest;
	uint64_t has;
	size_t i;

	memcpy(&has, bytes + table->has_offset, sizeof(has));
	has &= mask;
	nest = nla_nest_start(msg, table->attr);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];

		if (!(has & E2EE_HAS(field->attr)))
			continue;
		if (pack_field(msg, field, bytes)) {
			nla_nest_cancel(msg, nest);
			return -EMSGSIZE;
		}
	}
	nla_nest_end(msg, nest);
	return 0;
}

static void unpack_stats(const struct nlattr *nest, struct e2ee_stats *stats)
{
	struct nlattr *nla;
	int rest;

	nla_for_each_nested(nla, nest, rest) {
		int type = nla_type(nla);

		if (type >= E2EE_STAT_SLOTS || nla_len(nla) != sizeof(uint64_t))
			continue;
		stats->has |= E2EE_HAS(type);
		stats->value[type] = nla_get_u64(nla);
	}
}

/* false: not as the table says, or longer than there is room for */
static bool unpack_field(const struct nlattr *nla, const struct field *field,
			 char *object)
{
	char *to = object + field->offset;
	size_t len = (size_t)nla_len(nla);
	uint32_t number;

	switch (field->kind) {
	case FIELD_FLAG:
		number = 1;
		memcpy(to, &number, sizeof(number));
		return true;
	case FIELD_STATS:
		unpack_stats(nla, (struct e2ee_stats *)(void *)to);
		return true;
	case FIELD_STRING:
		len = strnlen(nla_data(nla), len);
		if (len >= field->size)
			return false;
		to[len] = '\0';
		break;
	case FIELD_BYTES:
		if (len > field->size)
			return false;
		number = (uint32_t)len;
		memcpy(object + field->len_offset, &number, sizeof(number));
		break;
	default:
		if (len != field->size)
			return false;
		break;
	}
	memcpy(to, nla_data(nla), len);
	return true;
}

/* Fills object from its nest in the message; other attributes are skipped. */
int e2ee_unpack(const struct nlmsghdr *nlh, const struct table *table,
		void *object)
{
	struct genlmsghdr *genl = nlmsg_data(nlh);
	char *bytes = object;
	struct nlattr *nest, *nla;
	uint64_t has = 0;
	int rest;

	if (!genlmsg_valid_hdr((struct nlmsghdr *)nlh, 0))
		return -EBADMSG;
	nest = nla_find(genlmsg_attrdata(genl, 0), genlmsg_attrlen(genl, 0),
			table->attr);
	if (!nest)
		return -ENODATA;
	nla_for_each_nested(nla, nest, rest) {
		const struct field *field;

		field = field_by_attr(table, (uint32_t)nla_type(nla));
		if (field && unpack_field(nla, field, bytes))
			has |= E2EE_HAS(field->attr);
	}
	memcpy(bytes + table->has_offset, &has, sizeof(has));
	return 0;
}

/* A walk over a request, to the attribute that the kernel found fault with */
struct place {
	const struct table *table;
	const struct nlattr *nest;
	unsigned int index;		/* among its like, from 0 */
	unsigned int like;		/* how many of them there are */
};

static bool place_find(const struct nlmsghdr *nlh, size_t offset,
		       struct place *place)
{
	struct genlmsghdr *genl = nlmsg_data(nlh);
	unsigned int seen[E2EE_A_MAX + 1] = { 0 };
	bool found = false;
	struct nlattr *nla;
	int rest;

	if (!genlmsg_valid_hdr((struct nlmsghdr *)nlh, 0))
		return false;
	nla_for_each_attr(nla, genlmsg_attrdata(genl, 0),
			  genlmsg_attrlen(genl, 0), rest) {
		size_t at = (size_t)((const char *)nla - (const char *)nlh);
		int type = nla_type(nla);

		if (type > E2EE_A_MAX)
			continue;
		if (offset >= at && offset < at + nla->nla_len) {
			place->table = table_by_attr(type);
			place->nest = nla;
			place->index = seen[type];
			found = place->table;
		}
		seen[type]++;
	}
	if (found)
		place->like = seen[place->table->attr];
	return found;
}

static void place_name(const struct place *place, const char *field,
		       char *text, size_t size)
{
	const char *dot = field ? "." : "";

	if (!field)
		field = "";
	if (place->like > 1)
		snprintf(text, size, "%s[%u]%s%s", place->table->name,
			 place->index, dot, field);
	else
		snprintf(text, size, "%s%s%s", place->table->name, dot, field);
}

/* "key.salt", or "key[3].salt" where there are many; "" if not to be found */
void e2ee_attr_name(const struct nlmsghdr *nlh, size_t offset, char *text,
		    size_t size)
{
	struct place place;
	struct nlattr *nla;
	int rest;

	*text = '\0';
	if (!place_find(nlh, offset, &place))
		return;
	nla_for_each_nested(nla, place.nest, rest) {
		size_t at = (size_t)((const char *)nla - (const char *)nlh);
		const struct field *field;

		if (at != offset)
			continue;
		field = field_by_attr(place.table, (uint32_t)nla_type(nla));
		place_name(&place, field ? field->name : NULL, text, size);
		return;
	}
	place_name(&place, NULL, text, size);
}

/* Name of an attribute that should be in the nest at that offset, 0: top level */
void e2ee_attr_missing(const struct nlmsghdr *nlh, size_t nest, uint32_t type,
		       char *text, size_t size)
{
	const struct table *table;
	const struct field *field;
	struct place place;

	*text = '\0';
	if (!nest) {
		table = table_by_attr((int)type);
		if (table)
			snprintf(text, size, "%s", table->name);
		return;
	}
	if (!place_find(nlh, nest, &place))
		return;
	field = field_by_attr(place.table, type);
	place_name(&place, field ? field->name : NULL, text, size);
}
