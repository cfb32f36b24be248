// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>
#include <linux/e2ee.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "commands.h"
#include "messages.h"

#define MARKS	256
#define KIDS	12
#define SECRETS	48	/* besides fresh ones, which are kept for ever */

struct forge {
	struct dice *dice;
	struct pool *pool;
	uint8_t *data;
	size_t len;
	const struct pool_key *key;	/* that it is about; NULL: any */
	size_t marks[MARKS];	/* where attributes begin */
	unsigned int num;
};

static size_t put(struct forge *f, unsigned int type, const void *data,
		  size_t len)
{
	struct nlattr attr = {
		.nla_type = (uint16_t)type,
		.nla_len = (uint16_t)(NLA_HDRLEN + len),
	};
	size_t at = f->len, size = NLA_HDRLEN + (size_t)NLA_ALIGN(len);

	if (at + size + 1024 > MESSAGE_ROOM)
		return at;
	memset(f->data + at, 0, size);
	memcpy(f->data + at, &attr, sizeof(attr));
	if (len)
		memcpy(f->data + at + NLA_HDRLEN, data, len);
	f->len += size;
	if (f->num < MARKS)
		f->marks[f->num++] = at;
	return at;
}

static void end(struct forge *f, size_t nest)
{
	uint16_t len = (uint16_t)(f->len - nest);

	if (f->len > nest)
		memcpy(f->data + nest, &len, sizeof(len));
}

static unsigned int one_of_pool(struct forge *f)
{
	return dice_below(f->dice, MESSAGE_POOL);
}

/* Of the key that the message is about; false where that has no such number */
static bool of_key(const struct pool_key *key, const struct attr_spec *spec,
		   uint64_t *value)
{
	switch (spec->nest << 8 | spec->attr) {
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_ID:
		*value = key->session;
		return true;
	case E2EE_A_KEY << 8 | E2EE_A_KEY_DIR:
		*value = key->dir;
		return true;
	case E2EE_A_KEY << 8 | E2EE_A_KEY_KID:
		*value = key->kid;
		return true;
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SSRC:
		*value = key->ssrc;
		return true;
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SSRC_MODE:
		*value = key->mode;
		return true;
	}
	return false;
}

/* Numbers that mean something here; else those that the table knows */
static uint64_t meant(struct forge *f, const struct attr_spec *spec)
{
	struct dice *dice = f->dice;
	uint64_t value;

	if (f->key && of_key(f->key, spec, &value))
		return value;
	switch (spec->nest << 8 | spec->attr) {
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_ID:
		return f->pool->sessions[one_of_pool(f)];
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_POLICY:
		return dice_below(dice, 4);
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_WINDOW:
		return 64ULL << dice_below(dice, 11);
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_EPOCH:
	case E2EE_A_KEY << 8 | E2EE_A_KEY_EPOCH:
		return dice_below(dice, 3);
	case E2EE_A_KEY << 8 | E2EE_A_KEY_DIR:
		return 1 + dice_below(dice, 2);
	case E2EE_A_KEY << 8 | E2EE_A_KEY_KID:
		return dice_below(dice, KIDS);
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SSRC:
		return dice_below(dice, 4);
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SSRC_MODE:
		return 1 + dice_below(dice, 3);
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SUITE:
		return 4 + dice_below(dice, 2);
	case E2EE_A_KEY << 8 | E2EE_A_KEY_EXPIRES:
		return dice_below(dice, 4);
	case E2EE_A_KEY << 8 | E2EE_A_KEY_LIMIT:
		return dice_one_in(dice, 4) ? 8 : E2EE_LIMIT_DEFAULT;
	case E2EE_A_SOCKET << 8 | E2EE_A_SOCKET_FD:
		return MESSAGE_FDS + one_of_pool(f);
	case E2EE_A_SOCKET << 8 | E2EE_A_SOCKET_ID:
		return f->pool->sockets[one_of_pool(f)];
	case E2EE_A_SOCKET << 8 | E2EE_A_SOCKET_LOCAL_PORT:
	case E2EE_A_GUARD << 8 | E2EE_A_GUARD_PORT_FIRST:
	case E2EE_A_GUARD << 8 | E2EE_A_GUARD_PORT_LAST:
		return f->pool->ports[one_of_pool(f)];
	case E2EE_A_GUARD << 8 | E2EE_A_GUARD_ID:
		return f->pool->guards[one_of_pool(f)];
	case E2EE_A_GUARD << 8 | E2EE_A_GUARD_UID:
		return 0;
	}
	return spec->good;
}

static uint64_t number(struct forge *f, const struct attr_spec *spec)
{
	switch (dice_below(f->dice, 32)) {
	case 0:
		return spec->low;
	case 1:
		return spec->high;
	case 2:
		return dice_odd_number(f->dice);
	default:
		return meant(f, spec);
	}
}

static size_t text(struct forge *f, const struct attr_spec *spec, uint8_t *out)
{
	static const char * const drivers[] = {
		"", "", "", "generic-gcm-aesni", "ecb(aes)", "no-such",
		"gcm_base(ctr(aes-lib),ghash-lib)", "gcm(aes)",
	};
	size_t len;

	switch (spec->nest << 8 | spec->attr) {
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_NAME:
		len = (size_t)sprintf((char *)out, "s%u", one_of_pool(f) / 2);
		break;
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_CRYPTO:
		len = (size_t)sprintf((char *)out, "%s",
				      drivers[dice_one_in(f->dice, 8) ?
					      dice_below(f->dice, 8) : 0]);
		break;
	default:
		len = (size_t)sprintf((char *)out, "%s",
				      dice_one_in(f->dice, 2) ? "/" : "/none");
	}
	return len + 1;
}

/* Some are used often, so that keys meet again */
static size_t secret(struct forge *f, uint8_t *out)
{
	struct dice often;

	dice_seed(&often, 1, dice_below(f->dice, SECRETS));
	dice_bytes(dice_one_in(f->dice, 2) ? f->dice : &often, out, 32);
	memcpy(out, MESSAGE_SECRET, sizeof(MESSAGE_SECRET) - 1);
	return dice_one_in(f->dice, 8) ? 16 : 32;
}

static size_t binary(struct forge *f, const struct attr_spec *spec,
		     uint8_t *out)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };

	switch (spec->nest << 8 | spec->attr) {
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SECRET:
		return secret(f, out);
	case E2EE_A_KEY << 8 | E2EE_A_KEY_SALT:
		memset(out, (int)dice_below(f->dice, 3), E2EE_SALT_LEN);
		return E2EE_SALT_LEN;
	case E2EE_A_SESSION << 8 | E2EE_A_SESSION_RTX_PT:
		dice_bytes(f->dice, out, 16);
		for (unsigned int i = 0; i < 16 && !dice_one_in(f->dice, 8); i++)
			out[i] &= 0x7f;
		return dice_below(f->dice, 17);
	default:	/* an address */
		memset(out, 0, 16);
		if (dice_one_in(f->dice, 4)) {
			out[15] = 1;
			return 16;
		}
		memcpy(out, loopback, sizeof(loopback));
		return 4;
	}
}

static void put_attr(struct forge *f, const struct attr_spec *spec)
{
	uint8_t bytes[512] = { 0 };
	uint64_t value;
	size_t len;

	switch (spec->kind) {
	case ATTR_FLAG:
		len = 0;
		break;
	case ATTR_STRING:
		len = text(f, spec, bytes);
		break;
	case ATTR_BINARY:
		len = binary(f, spec, bytes);
		break;
	default:
		/* little endian or not: the low bytes, where they are */
		value = number(f, spec);
		len = spec->kind == ATTR_U16 ? 2 : spec->kind == ATTR_U32 ? 4 : 8;
		if (len == 2)
			memcpy(bytes, &(uint16_t){ (uint16_t)value }, 2);
		else if (len == 4)
			memcpy(bytes, &(uint32_t){ (uint32_t)value }, 4);
		else
			memcpy(bytes, &value, 8);
	}
	if (dice_one_in(f->dice, 64))	/* of another length */
		len = dice_one_in(f->dice, 2) ? dice_below(f->dice, 300) :
		      len + 1 - dice_below(f->dice, 3);
	put(f, spec->attr, bytes, len < sizeof(bytes) ? len : 0);
}

static bool wanted(struct forge *f, const struct attr_spec *spec)
{
	if (f->key && spec->nest == E2EE_A_KEY) {
		if (spec->attr == E2EE_A_KEY_SSRC)
			return f->key->mode == E2EE_SSRC_NUMBER;
		if (spec->attr == E2EE_A_KEY_SSRC_MODE)
			return true;
	}
	switch (spec->presence) {
	case ATTR_NEEDED:
		return !dice_one_in(f->dice, 32);
	case ATTR_GIVEN:
		return dice_one_in(f->dice, 3);
	default:
		return dice_one_in(f->dice, 12);
	}
}

/* Is it one of the ways to name a session or a socket? */
static bool is_name(const struct attr_spec *spec)
{
	if (spec->nest == E2EE_A_SESSION)
		return spec->attr == E2EE_A_SESSION_ID ||
		       spec->attr == E2EE_A_SESSION_NAME;
	return spec->nest == E2EE_A_SOCKET &&
	       (spec->attr == E2EE_A_SOCKET_ID ||
		spec->attr == E2EE_A_SOCKET_FD);
}

static const struct attr_spec *spec_of(uint8_t cmd, int nest, int attr)
{
	const struct attr_spec *spec;

	for (spec = attr_specs; spec->cmd; spec++)
		if (spec->cmd == cmd && spec->nest == nest &&
		    spec->attr == attr)
			return spec;
	return NULL;
}

/* In one way, mostly */
static void put_name(struct forge *f, uint8_t cmd, int nest)
{
	int attr = nest == E2EE_A_SESSION ? E2EE_A_SESSION_NAME :
					    E2EE_A_SOCKET_FD;
	const struct attr_spec *spec;

	if (nest == E2EE_A_SOCKET && dice_one_in(f->dice, 6)) {
		put_attr(f, spec_of(cmd, nest, E2EE_A_SOCKET_LOCAL_ADDR));
		attr = E2EE_A_SOCKET_LOCAL_PORT;
	} else if ((f->key && nest == E2EE_A_SESSION) ||
		   dice_one_in(f->dice, 4)) {
		attr = nest == E2EE_A_SESSION ? E2EE_A_SESSION_ID :
						E2EE_A_SOCKET_ID;
	}
	spec = spec_of(cmd, nest, attr);
	if (spec)
		put_attr(f, spec);
}

static void put_nest(struct forge *f, uint8_t cmd, int nest)
{
	bool odd = dice_one_in(f->dice, 24), named;
	const struct attr_spec *spec;
	size_t at;

	at = put(f, (unsigned int)nest | NLA_F_NESTED, NULL, 0);
	named = !odd && (nest == E2EE_A_SESSION || nest == E2EE_A_SOCKET) &&
		cmd != E2EE_CMD_SESSION_NEW;
	if (named)
		put_name(f, cmd, nest);
	for (spec = attr_specs; spec->cmd; spec++)
		if (spec->cmd == cmd && spec->nest == nest &&
		    !(named && is_name(spec)) && wanted(f, spec))
			put_attr(f, spec);
	end(f, at);
}

static void put_nests(struct forge *f, uint8_t cmd)
{
	const struct attr_spec *spec;
	unsigned int times;

	for (int nest = 1; nest <= E2EE_A_MAX; nest++) {
		if (!command_has_nest(cmd, nest) || dice_one_in(f->dice, 48))
			continue;
		times = 1;
		if (nest == E2EE_A_KEY && dice_one_in(f->dice, 4))
			times = 1 + dice_below(f->dice, 20);
		else if (dice_one_in(f->dice, 48))
			times = 2;
		while (times--)
			put_nest(f, cmd, nest);
	}
	for (spec = attr_specs; spec->cmd; spec++)
		if (spec->cmd == cmd && !spec->nest && dice_one_in(f->dice, 2))
			put_attr(f, spec);
}

/* Nests in nests, deeper than anybody reads */
static void put_deep(struct forge *f)
{
	unsigned int depth = 1 + dice_below(f->dice, 24), i;
	size_t nests[24];

	for (i = 0; i < depth; i++)
		nests[i] = put(f, dice_below(f->dice, 8) | NLA_F_NESTED, NULL,
			       0);
	while (i--)
		end(f, nests[i]);
}

/* One thing wrong, anywhere */
static void damage(struct forge *f)
{
	size_t at = f->num ? f->marks[dice_below(f->dice, f->num)] : f->len;
	struct nlattr attr;

	if (at + sizeof(attr) > f->len)
		return;
	memcpy(&attr, f->data + at, sizeof(attr));
	switch (dice_below(f->dice, 9)) {
	case 0:
		attr.nla_len = (uint16_t)(attr.nla_len + 8 -
					  dice_below(f->dice, 17));
		break;
	case 1:
		attr.nla_len = (uint16_t)dice_odd_number(f->dice);
		break;
	case 2:
		attr.nla_type = (uint16_t)dice_below(f->dice, 24);
		break;
	case 3:
		attr.nla_type ^= dice_one_in(f->dice, 2) ? NLA_F_NESTED :
							    NLA_F_NET_BYTEORDER;
		break;
	case 4:
		attr.nla_type = (uint16_t)dice_u32(f->dice);
		break;
	case 5:		/* once more, at the end */
		if (attr.nla_len >= NLA_HDRLEN && at + attr.nla_len <= f->len)
			put(f, attr.nla_type, f->data + at + NLA_HDRLEN,
			    attr.nla_len - NLA_HDRLEN);
		return;
	case 6:
		f->len = (at + dice_below(f->dice, (uint32_t)(f->len - at))) &
			 ~(size_t)3;
		return;
	case 7:
		put_deep(f);
		return;
	default:
		at += dice_below(f->dice, (uint32_t)(f->len - at));
		f->data[at] ^= (uint8_t)(1 << dice_below(f->dice, 8));
		return;
	}
	memcpy(f->data + at, &attr, sizeof(attr));
}

static uint8_t choose_command(struct dice *dice)
{
	static const uint8_t often[] = {
		E2EE_CMD_SESSION_NEW, E2EE_CMD_SESSION_NEW, E2EE_CMD_KEY_NEW,
		E2EE_CMD_KEY_NEW, E2EE_CMD_KEY_NEW, E2EE_CMD_SOCKET_ATTACH,
		E2EE_CMD_SOCKET_ATTACH, E2EE_CMD_SOCKET_DETACH,
	};

	if (dice_one_in(dice, 64))
		return (uint8_t)dice_u32(dice);
	return dice_one_in(dice, 2) ? often[dice_below(dice, 8)] :
	       (uint8_t)(1 + dice_below(dice, E2EE_CMD_MAX));
}

/* One that the kernel has, or had, mostly */
static const struct pool_key *choose_key(struct forge *f, uint8_t cmd)
{
	const struct pool_key *key = &f->pool->keys[one_of_pool(f)];

	if ((cmd != E2EE_CMD_KEY_SET && cmd != E2EE_CMD_KEY_DEL &&
	     cmd != E2EE_CMD_KEY_GET) || !key->dir)
		return NULL;
	return dice_one_in(f->dice, 3) ? NULL : key;
}

size_t message_forge(struct dice *dice, struct pool *pool, uint16_t family,
		     uint32_t seq, uint8_t *out)
{
	struct forge f = { .dice = dice, .pool = pool, .data = out };
	uint8_t cmd = choose_command(dice);
	struct nlmsghdr n = {
		.nlmsg_type = family, .nlmsg_seq = seq,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
	};
	struct genlmsghdr genl = { .cmd = cmd, .version = E2EE_GENL_VERSION };

	if (command_dumps(cmd) && dice_one_in(dice, 2))
		n.nlmsg_flags |= NLM_F_DUMP;
	if (dice_one_in(dice, 64))
		n.nlmsg_flags |= (uint16_t)dice_u32(dice);
	if (dice_one_in(dice, 64))
		genl.version = (uint8_t)dice_u32(dice);
	if (dice_one_in(dice, 64))
		genl.reserved = (uint16_t)dice_u32(dice);
	f.key = choose_key(&f, cmd);
	f.len = NLMSG_LENGTH(GENL_HDRLEN);
	if (!(n.nlmsg_flags & NLM_F_DUMP) || dice_one_in(dice, 4))
		put_nests(&f, cmd);
	while (dice_one_in(dice, 4))
		damage(&f);
	if (f.len < NLMSG_LENGTH(GENL_HDRLEN))
		f.len = NLMSG_LENGTH(GENL_HDRLEN);
	n.nlmsg_len = (uint32_t)f.len;
	memcpy(out, &n, sizeof(n));
	memcpy(out + NLMSG_HDRLEN, &genl, sizeof(genl));
	return f.len;
}

/* An attribute of @end bytes at most; NULL where there is none, or no whole one */
static const struct nlattr *attr_at(const uint8_t *at, const uint8_t *end)
{
	const struct nlattr *attr = (const void *)at;

	if (end - at < NLA_HDRLEN || attr->nla_len < NLA_HDRLEN ||
	    attr->nla_len > end - at)
		return NULL;
	return attr;
}

static void learn(struct dice *dice, struct pool *pool, int nest,
		  const struct nlattr *attr)
{
	const void *data = (const char *)attr + NLA_HDRLEN;
	unsigned int slot = dice_below(dice, MESSAGE_POOL);
	int type = attr->nla_type & NLA_TYPE_MASK;

	if (nest == E2EE_A_SESSION && type == E2EE_A_SESSION_ID)
		memcpy(&pool->sessions[slot], data, 4);
	else if (nest == E2EE_A_SOCKET && type == E2EE_A_SOCKET_ID)
		memcpy(&pool->sockets[slot], data, 8);
	else if (nest == E2EE_A_GUARD && type == E2EE_A_GUARD_ID)
		memcpy(&pool->guards[slot], data, 4);
}

/* All that names a key; the nest was walked through */
static void learn_key(struct dice *dice, struct pool *pool,
		      const struct nlattr *nest)
{
	const uint8_t *at = (const uint8_t *)nest + NLA_HDRLEN;
	const uint8_t *end = (const uint8_t *)nest + nest->nla_len;
	struct pool_key key = { 0 };
	const struct nlattr *attr;

	for (; at < end; at += NLA_ALIGN(attr->nla_len)) {
		attr = attr_at(at, end);
		switch (attr->nla_type & NLA_TYPE_MASK) {
		case E2EE_A_KEY_SESSION:
			memcpy(&key.session, at + NLA_HDRLEN, 4);
			break;
		case E2EE_A_KEY_DIR:
			memcpy(&key.dir, at + NLA_HDRLEN, 4);
			break;
		case E2EE_A_KEY_KID:
			memcpy(&key.kid, at + NLA_HDRLEN, 8);
			break;
		case E2EE_A_KEY_SSRC:
			memcpy(&key.ssrc, at + NLA_HDRLEN, 4);
			break;
		case E2EE_A_KEY_SSRC_MODE:
			memcpy(&key.mode, at + NLA_HDRLEN, 4);
			break;
		}
	}
	pool->keys[dice_below(dice, MESSAGE_POOL)] = key;
}

/* Attributes of a level, and those in them; false where they do not add up */
static bool walk(struct dice *dice, struct pool *pool, int nest,
		 const uint8_t *at, const uint8_t *end)
{
	const struct nlattr *attr;

	while (at < end) {
		attr = attr_at(at, end);
		if (!attr)
			return false;
		if (attr->nla_type & NLA_F_NESTED &&
		    !walk(dice, pool, attr->nla_type & NLA_TYPE_MASK,
			  at + NLA_HDRLEN, at + attr->nla_len))
			return false;
		if (nest)
			learn(dice, pool, nest, attr);
		else if ((attr->nla_type & NLA_TYPE_MASK) == E2EE_A_KEY)
			learn_key(dice, pool, attr);
		at += NLA_ALIGN(attr->nla_len);
	}
	return true;
}

bool message_harvest(struct dice *dice, struct pool *pool, uint16_t family,
		     const void *data, size_t len)
{
	const struct nlmsghdr *n = data;
	size_t left = len;

	for (; NLMSG_OK(n, left); n = NLMSG_NEXT(n, left))
		if (n->nlmsg_type == family &&
		    !walk(dice, pool, 0,
			  (const uint8_t *)n + NLMSG_LENGTH(GENL_HDRLEN),
			  (const uint8_t *)n + n->nlmsg_len))
			return false;
	return true;
}
