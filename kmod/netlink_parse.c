// SPDX-License-Identifier: GPL-2.0
/*
 * Requests: what each nest may hold, and how it is read.
 *
 * A request has been held against its command's policy, nests included, before
 * any of this runs: what is there has the right size and range, and nothing
 * unknown is there. What is read here is what a policy
 * cannot say: what must be there, and what goes with what.
 */
#include <linux/ctype.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include "find.h"
#include "guard.h"
#include "key.h"
#include "net.h"
#include "netlink.h"
#include "session.h"
#include "session_request.h"
#include "socket.h"

static int e2ee_parse_valid_name(const struct nlattr *attr,
				 struct netlink_ext_ack *extack)
{
	const char *name = nla_data(attr);
	const char *c;

	for (c = name; *c; c++)
		if (!isascii(*c) || !isgraph(*c) || *c == '/')
			break;
	if (c != name && !*c)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "a name is 1 to 31 printable characters without space or slash");
	return -EINVAL;
}

static int e2ee_parse_valid_rtx_pt(const struct nlattr *attr,
				   struct netlink_ext_ack *extack)
{
	const u8 *pt = nla_data(attr);
	int i;

	for (i = 0; i < nla_len(attr); i++) {
		if (pt[i] > 127) {
			NL_SET_ERR_MSG_ATTR(extack, attr,
					    "a payload type lies above 127");
			return -ERANGE;
		}
	}
	return 0;
}

static int e2ee_parse_valid_secret(const struct nlattr *attr,
				   struct netlink_ext_ack *extack)
{
	if (nla_len(attr) == 16 || nla_len(attr) == 32)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "an AEAD key has 16 or 32 bytes");
	return -ERANGE;
}

static int e2ee_parse_valid_addr(const struct nlattr *attr,
				 struct netlink_ext_ack *extack)
{
	if (nla_len(attr) == 4 || nla_len(attr) == 16)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "an address has 4 or 16 bytes");
	return -ERANGE;
}

/* ranges that do not fit into a policy */
static struct netlink_range_validation range_window = {
	.min = E2EE_WINDOW_MIN,
	.max = E2EE_WINDOW_MAX,
};

static struct netlink_range_validation range_fd = {
	.max = INT_MAX,
};

#define POLICY_ID		NLA_POLICY_MIN(NLA_U32, 1)
#define POLICY_ADDR		NLA_POLICY_VALIDATE_FN(NLA_BINARY,	\
						       e2ee_parse_valid_addr, 16)
#define POLICY_PORT		NLA_POLICY_MIN(NLA_U16, 1)
#define POLICY_STRING(max)	{ .type = NLA_NUL_STRING, .len = (max) }
#define POLICY_POLICY		NLA_POLICY_MAX(NLA_U32, E2EE_POLICY_OFF)
#define POLICY_WINDOW		NLA_POLICY_FULL_RANGE(NLA_U32, &range_window)
#define POLICY_RTX_PT		NLA_POLICY_VALIDATE_FN(NLA_BINARY,	\
						       e2ee_parse_valid_rtx_pt,	\
						       E2EE_RTX_PT_MAX)
#define POLICY_FLAGS		NLA_POLICY_MASK(NLA_U32,		\
						E2EE_SESSION_F_TX_ERRORS)
#define POLICY_DIR		NLA_POLICY_RANGE(NLA_U32, E2EE_DIR_TX,	\
						 E2EE_DIR_RX)
#define POLICY_SSRC_MODE	NLA_POLICY_RANGE(NLA_U32,		\
						 E2EE_SSRC_NUMBER,	\
						 E2EE_SSRC_ANY)
#define POLICY_SUITE							\
	NLA_POLICY_RANGE(NLA_U32, E2EE_SUITE_AES_128_GCM_SHA256_128,	\
			 E2EE_SUITE_AES_256_GCM_SHA512_128)

const struct nla_policy e2ee_session_ref_policy[E2EE_A_SESSION_MAX + 1] = {
	[E2EE_A_SESSION_ID] = POLICY_ID,
	[E2EE_A_SESSION_NAME] = POLICY_STRING(E2EE_SESSION_NAME_MAX),
};

const struct nla_policy e2ee_session_new_policy[E2EE_A_SESSION_MAX + 1] = {
	[E2EE_A_SESSION_NAME] = NLA_POLICY_VALIDATE_FN(NLA_NUL_STRING,
						       e2ee_parse_valid_name,
						       E2EE_SESSION_NAME_MAX),
	[E2EE_A_SESSION_POLICY] = POLICY_POLICY,
	[E2EE_A_SESSION_WINDOW] = POLICY_WINDOW,
	[E2EE_A_SESSION_RTX_PT] = POLICY_RTX_PT,
	[E2EE_A_SESSION_CRYPTO] = POLICY_STRING(E2EE_CRYPTO_NAME_MAX),
	[E2EE_A_SESSION_FLAGS] = POLICY_FLAGS,
	[E2EE_A_SESSION_EPOCH] = { .type = NLA_U32 },
};

const struct nla_policy e2ee_session_set_policy[E2EE_A_SESSION_MAX + 1] = {
	[E2EE_A_SESSION_ID] = POLICY_ID,
	[E2EE_A_SESSION_NAME] = POLICY_STRING(E2EE_SESSION_NAME_MAX),
	[E2EE_A_SESSION_POLICY] = POLICY_POLICY,
	[E2EE_A_SESSION_WINDOW] = POLICY_WINDOW,
	[E2EE_A_SESSION_RTX_PT] = POLICY_RTX_PT,
	[E2EE_A_SESSION_CRYPTO] = POLICY_STRING(E2EE_CRYPTO_NAME_MAX),
	[E2EE_A_SESSION_FLAGS] = POLICY_FLAGS,
	[E2EE_A_SESSION_EPOCH] = { .type = NLA_U32 },
};

const struct nla_policy e2ee_key_id_policy[E2EE_A_KEY_MAX + 1] = {
	[E2EE_A_KEY_DIR] = POLICY_DIR,
	[E2EE_A_KEY_KID] = { .type = NLA_U64 },
	[E2EE_A_KEY_SSRC] = { .type = NLA_U32 },
	[E2EE_A_KEY_SSRC_MODE] = POLICY_SSRC_MODE,
};

const struct nla_policy e2ee_key_new_policy[E2EE_A_KEY_MAX + 1] = {
	[E2EE_A_KEY_DIR] = POLICY_DIR,
	[E2EE_A_KEY_KID] = { .type = NLA_U64 },
	[E2EE_A_KEY_SSRC] = { .type = NLA_U32 },
	[E2EE_A_KEY_SSRC_MODE] = POLICY_SSRC_MODE,
	[E2EE_A_KEY_SUITE] = POLICY_SUITE,
	[E2EE_A_KEY_EPOCH] = { .type = NLA_U32 },
	[E2EE_A_KEY_SECRET] = NLA_POLICY_VALIDATE_FN(NLA_BINARY,
						     e2ee_parse_valid_secret,
						     E2EE_KEY_LEN_MAX),
	[E2EE_A_KEY_SALT] = NLA_POLICY_EXACT_LEN(E2EE_SALT_LEN),
	[E2EE_A_KEY_CTR] = { .type = NLA_U64 },
	[E2EE_A_KEY_SOFT_LIMIT] = { .type = NLA_U64 },
	[E2EE_A_KEY_LIMIT] = { .type = NLA_U64 },
	[E2EE_A_KEY_EXPIRES] = { .type = NLA_U32 },
	[E2EE_A_KEY_RTX_SSRC] = { .type = NLA_U32 },
};

const struct nla_policy e2ee_key_set_policy[E2EE_A_KEY_MAX + 1] = {
	[E2EE_A_KEY_DIR] = POLICY_DIR,
	[E2EE_A_KEY_KID] = { .type = NLA_U64 },
	[E2EE_A_KEY_SSRC] = { .type = NLA_U32 },
	[E2EE_A_KEY_SSRC_MODE] = POLICY_SSRC_MODE,
	[E2EE_A_KEY_SOFT_LIMIT] = { .type = NLA_U64 },
	[E2EE_A_KEY_LIMIT] = { .type = NLA_U64 },
	[E2EE_A_KEY_EXPIRES] = { .type = NLA_U32 },
	[E2EE_A_KEY_RTX_SSRC] = { .type = NLA_U32 },
};

const struct nla_policy e2ee_socket_ref_policy[E2EE_A_SOCKET_MAX + 1] = {
	[E2EE_A_SOCKET_ID] = { .type = NLA_U64 },
	[E2EE_A_SOCKET_FD] = NLA_POLICY_FULL_RANGE(NLA_U32, &range_fd),
	[E2EE_A_SOCKET_LOCAL_ADDR] = POLICY_ADDR,
	[E2EE_A_SOCKET_LOCAL_PORT] = POLICY_PORT,
};

const struct nla_policy e2ee_guard_ref_policy[E2EE_A_GUARD_MAX + 1] = {
	[E2EE_A_GUARD_ID] = POLICY_ID,
};

const struct nla_policy e2ee_guard_new_policy[E2EE_A_GUARD_MAX + 1] = {
	[E2EE_A_GUARD_PORT_FIRST] = POLICY_PORT,
	[E2EE_A_GUARD_PORT_LAST] = POLICY_PORT,
	[E2EE_A_GUARD_LOCAL_ADDR] = POLICY_ADDR,
	[E2EE_A_GUARD_UID] = { .type = NLA_U32 },
	[E2EE_A_GUARD_CGROUP] = POLICY_STRING(E2EE_CGROUP_PATH_MAX),
};

/**
 * e2ee_parse_header() - nothing unknown in the headers of a request
 * @nlh: the request
 * @extack: told where it is refused
 *
 * Generic netlink does so by itself, but only for commands that it holds
 * against a policy, too.
 *
 * Return: 0 or -EINVAL.
 */
int e2ee_parse_header(const struct nlmsghdr *nlh,
		      struct netlink_ext_ack *extack)
{
	const struct genlmsghdr *genlh = nlmsg_data(nlh);
	u16 flags = nlh->nlmsg_flags;

	if (genlh->reserved) {
		NL_SET_ERR_MSG(extack, "genlmsghdr.reserved field is not 0");
		return -EINVAL;
	}
	/* two bits, which mean something only together */
	if ((flags & NLM_F_DUMP) == NLM_F_DUMP)
		flags &= ~NLM_F_DUMP;
	if (flags & ~(NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO)) {
		NL_SET_ERR_MSG(extack,
			       "ambiguous or reserved bits set in nlmsg_flags");
		return -EINVAL;
	}
	return 0;
}

static int e2ee_parse_fail(const struct e2ee_call *call,
			   const struct nlattr *attr, int err, const char *msg)
{
	if (call->extack) {
		NL_SET_BAD_ATTR(call->extack, attr);
		call->extack->_msg = msg;
	}
	return err;
}

static int e2ee_parse_missing(const struct e2ee_call *call,
			      const struct nlattr *nest, int type,
			      const char *msg)
{
	NL_SET_ERR_ATTR_MISS(call->extack, nest, type);
	return e2ee_parse_fail(call, nest, -EINVAL, msg);
}

/* The policy has been kept to: this but finds the members. */
static int e2ee_parse_nest(const struct e2ee_call *call, struct nlattr **tb,
			   int max, const struct nlattr *nest)
{
	return nla_parse_nested(tb, max, nest, NULL, call->extack);
}

/**
 * e2ee_parse_refuse() - hand on why a lower floor refused
 * @call: the command
 * @nest: what of it was refused
 * @why: told by the lower floor
 * @err: its answer
 *
 * The attribute that is to blame may have been left out, and its default be
 * the reason; then it is the nest.
 *
 * Return: @err.
 */
int e2ee_parse_refuse(const struct e2ee_call *call, const struct nlattr *nest,
		      const struct e2ee_refusal *why, int err)
{
	const struct nlattr *attr = NULL;

	if (!err || !why->msg)
		return err;
	if (why->attr)
		attr = nla_find_nested(nest, why->attr);
	return e2ee_parse_fail(call, attr ?: nest, err, why->msg);
}

/**
 * e2ee_parse_session() - the session that a request names
 * @call: the command
 * @session: the answer, valid while the lock is held
 *
 * Return: 0, -EINVAL or -ENOENT.
 */
int e2ee_parse_session(const struct e2ee_call *call,
		       struct e2ee_session **session)
{
	struct nlattr *nest = call->attrs[E2EE_A_SESSION];
	struct nlattr *tb[E2EE_A_SESSION_MAX + 1];
	struct nlattr *id, *name;
	int err;

	if (!nest)
		return e2ee_parse_missing(call, NULL, E2EE_A_SESSION,
			       "session is missing");
	err = e2ee_parse_nest(call, tb, E2EE_A_SESSION_MAX, nest);
	if (err)
		return err;
	id = tb[E2EE_A_SESSION_ID];
	name = tb[E2EE_A_SESSION_NAME];
	if (id)
		*session = e2ee_session_by_id(call->enet, nla_get_u32(id));
	else if (name)
		*session = e2ee_session_by_name(call->enet, nla_data(name));
	else
		return e2ee_parse_missing(call, nest, E2EE_A_SESSION_NAME,
			       "session has neither id nor name");
	if (!*session)
		return e2ee_parse_fail(call, id ?: name, -ENOENT,
				       "no such session");
	if (id && name && strcmp((*session)->name, nla_data(name)))
		return e2ee_parse_fail(call, name, -EINVAL,
			      "session of this id has another name");
	return 0;
}

static void e2ee_parse_rtx_pt(const struct nlattr *attr, unsigned long *rtx_pt)
{
	const u8 *pt = nla_data(attr);
	int i;

	for (i = 0; i < nla_len(attr); i++)
		__set_bit(pt[i], rtx_pt);
}

/*
 * To give a driver its key may take as long as the queues of its parts are, which
 * users of the host can fill, and others wait meanwhile. So naming one is for
 * administrators of the host.
 */
static int e2ee_parse_crypto(const struct e2ee_call *call,
			     const struct nlattr *attr,
			     struct e2ee_session_param *param)
{
	param->given |= E2EE_SESSION_HAS_CRYPTO;
	nla_strscpy(param->crypto, attr, sizeof(param->crypto));
	if (*param->crypto && call->user_ns != &init_user_ns)
		return e2ee_parse_fail(call, attr, -EPERM,
			      "a crypto driver is named by the host's own administrators only");
	return 0;
}

/**
 * e2ee_parse_session_param() - what a session shall be like
 * @call: the command; its nest of a session is there
 * @is_new: a name is needed
 * @param: the answer
 *
 * Return: 0, -EINVAL or -EPERM.
 */
int e2ee_parse_session_param(const struct e2ee_call *call, bool is_new,
			     struct e2ee_session_param *param)
{
	static const struct {
		u32 attr;
		u32 given;
		size_t offset;
	} numbers[] = {
		{ E2EE_A_SESSION_POLICY, E2EE_SESSION_HAS_POLICY,
		  offsetof(struct e2ee_session_param, policy) },
		{ E2EE_A_SESSION_WINDOW, E2EE_SESSION_HAS_WINDOW,
		  offsetof(struct e2ee_session_param, window) },
		{ E2EE_A_SESSION_FLAGS, E2EE_SESSION_HAS_FLAGS,
		  offsetof(struct e2ee_session_param, flags) },
		{ E2EE_A_SESSION_EPOCH, E2EE_SESSION_HAS_EPOCH,
		  offsetof(struct e2ee_session_param, epoch) },
	};
	struct nlattr *nest = call->attrs[E2EE_A_SESSION];
	struct nlattr *tb[E2EE_A_SESSION_MAX + 1];
	int err, i;

	memset(param, 0, sizeof(*param));
	if (!nest)
		return e2ee_parse_missing(call, NULL, E2EE_A_SESSION,
			       "session is missing");
	err = e2ee_parse_nest(call, tb, E2EE_A_SESSION_MAX, nest);
	if (err)
		return err;
	if (is_new && !tb[E2EE_A_SESSION_NAME])
		return e2ee_parse_missing(call, nest, E2EE_A_SESSION_NAME,
			       "session has no name");
	if (is_new)
		nla_strscpy(param->name, tb[E2EE_A_SESSION_NAME],
			    sizeof(param->name));
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (!tb[numbers[i].attr])
			continue;
		param->given |= numbers[i].given;
		*(u32 *)((u8 *)param + numbers[i].offset) =
			nla_get_u32(tb[numbers[i].attr]);
	}
	if (tb[E2EE_A_SESSION_RTX_PT]) {
		param->given |= E2EE_SESSION_HAS_RTX_PT;
		e2ee_parse_rtx_pt(tb[E2EE_A_SESSION_RTX_PT], param->rtx_pt);
	}
	param->force = call->attrs[E2EE_A_FORCE];
	return tb[E2EE_A_SESSION_CRYPTO] ?
	       e2ee_parse_crypto(call, tb[E2EE_A_SESSION_CRYPTO], param) : 0;
}

static int e2ee_parse_ssrc(const struct e2ee_call *call,
			   const struct nlattr *nest, struct nlattr **tb,
			   struct e2ee_key_param *param)
{
	struct nlattr *ssrc = tb[E2EE_A_KEY_SSRC];
	struct nlattr *mode = tb[E2EE_A_KEY_SSRC_MODE];

	param->mode = ssrc ? E2EE_SSRC_NUMBER : E2EE_SSRC_ANY;
	if (mode)
		param->mode = nla_get_u32(mode);
	if (param->mode == E2EE_SSRC_NUMBER && !ssrc)
		return e2ee_parse_missing(call, nest, E2EE_A_KEY_SSRC,
			       "SSRC is missing");
	if (param->mode != E2EE_SSRC_NUMBER && ssrc)
		return e2ee_parse_fail(call, ssrc, -EINVAL,
			      "an SSRC goes with mode number only");
	if (param->mode == E2EE_SSRC_CLAIM && param->dir != E2EE_DIR_TX)
		return e2ee_parse_fail(call, mode, -EINVAL,
			      "only a tx key can be claimed");
	if (ssrc)
		param->ssrc = nla_get_u32(ssrc);
	return 0;
}

static int e2ee_parse_key_id(const struct e2ee_call *call,
			     const struct nlattr *nest, struct nlattr **tb,
			     struct e2ee_key_param *param)
{
	memset(param, 0, sizeof(*param));
	if (!tb[E2EE_A_KEY_DIR])
		return e2ee_parse_missing(call, nest, E2EE_A_KEY_DIR,
			       "direction of the key is missing");
	if (!tb[E2EE_A_KEY_KID])
		return e2ee_parse_missing(call, nest, E2EE_A_KEY_KID,
					  "KID is missing");
	param->dir = nla_get_u32(tb[E2EE_A_KEY_DIR]);
	param->kid = nla_get_u64(tb[E2EE_A_KEY_KID]);
	return e2ee_parse_ssrc(call, nest, tb, param);
}

static void e2ee_parse_key_changeable(struct nlattr **tb,
				      struct e2ee_key_param *param)
{
	if (tb[E2EE_A_KEY_SOFT_LIMIT]) {
		param->given |= E2EE_KEY_HAS_SOFT_LIMIT;
		param->soft_limit = nla_get_u64(tb[E2EE_A_KEY_SOFT_LIMIT]);
	}
	if (tb[E2EE_A_KEY_LIMIT]) {
		param->given |= E2EE_KEY_HAS_LIMIT;
		param->limit = nla_get_u64(tb[E2EE_A_KEY_LIMIT]);
	}
	if (tb[E2EE_A_KEY_EXPIRES]) {
		param->given |= E2EE_KEY_HAS_EXPIRES;
		param->expires = nla_get_u32(tb[E2EE_A_KEY_EXPIRES]);
	}
	if (tb[E2EE_A_KEY_RTX_SSRC]) {
		param->given |= E2EE_KEY_HAS_RTX_SSRC;
		param->rtx_ssrc = nla_get_u32(tb[E2EE_A_KEY_RTX_SSRC]);
	}
}

/**
 * e2ee_parse_has_key() - does the request name a key?
 * @call: the command
 *
 * Return: 0 or -EINVAL.
 */
int e2ee_parse_has_key(const struct e2ee_call *call)
{
	if (call->attrs[E2EE_A_KEY])
		return 0;
	return e2ee_parse_missing(call, NULL, E2EE_A_KEY, "key is missing");
}

/**
 * e2ee_parse_key() - identity of a key, and what can be changed of it
 * @call: the command
 * @nest: one of its keys
 * @param: the answer
 *
 * Return: 0 or -EINVAL.
 */
int e2ee_parse_key(const struct e2ee_call *call, const struct nlattr *nest,
		   struct e2ee_key_param *param)
{
	struct nlattr *tb[E2EE_A_KEY_MAX + 1];
	int err;

	err = e2ee_parse_nest(call, tb, E2EE_A_KEY_MAX, nest);
	if (err)
		return err;
	err = e2ee_parse_key_id(call, nest, tb, param);
	if (err)
		return err;
	e2ee_parse_key_changeable(tb, param);
	return 0;
}

/**
 * e2ee_parse_key_new() - a key to install
 * @call: the command
 * @nest: one of its keys
 * @param: the answer, which points into the message
 *
 * Return: 0 or -EINVAL.
 */
int e2ee_parse_key_new(const struct e2ee_call *call, const struct nlattr *nest,
		       struct e2ee_key_param *param)
{
	struct nlattr *tb[E2EE_A_KEY_MAX + 1];
	int err;

	err = e2ee_parse_key(call, nest, param) ?:
	      e2ee_parse_nest(call, tb, E2EE_A_KEY_MAX, nest);
	if (err)
		return err;
	if (!tb[E2EE_A_KEY_SECRET])
		return e2ee_parse_missing(call, nest, E2EE_A_KEY_SECRET,
			       "AEAD key is missing");
	if (!tb[E2EE_A_KEY_SALT])
		return e2ee_parse_missing(call, nest, E2EE_A_KEY_SALT,
			       "salt is missing");
	param->secret = nla_data(tb[E2EE_A_KEY_SECRET]);
	param->secret_len = nla_len(tb[E2EE_A_KEY_SECRET]);
	param->salt = nla_data(tb[E2EE_A_KEY_SALT]);
	param->suite = E2EE_SUITE_AES_256_GCM_SHA512_128;
	if (tb[E2EE_A_KEY_SUITE])
		param->suite = nla_get_u32(tb[E2EE_A_KEY_SUITE]);
	if (tb[E2EE_A_KEY_EPOCH]) {
		param->given |= E2EE_KEY_HAS_EPOCH;
		param->epoch = nla_get_u32(tb[E2EE_A_KEY_EPOCH]);
	}
	if (tb[E2EE_A_KEY_CTR]) {
		param->given |= E2EE_KEY_HAS_CTR;
		param->ctr = nla_get_u64(tb[E2EE_A_KEY_CTR]);
	}
	return 0;
}

/* How many ways to name the socket does the request use? One it must be. */
static int e2ee_parse_socket_check(const struct e2ee_call *call,
				   struct nlattr *nest, struct nlattr **tb)
{
	struct nlattr *addr = tb[E2EE_A_SOCKET_LOCAL_ADDR];
	struct nlattr *port = tb[E2EE_A_SOCKET_LOCAL_PORT];
	int ways;

	ways = !!tb[E2EE_A_SOCKET_ID] + !!tb[E2EE_A_SOCKET_FD] +
	       (addr || port);
	if (!ways)
		return e2ee_parse_missing(call, nest, E2EE_A_SOCKET_FD,
			       "socket has neither id nor fd nor address");
	if (ways > 1)
		return e2ee_parse_fail(call, nest, -EINVAL,
			      "socket is named in more than one way");
	if (addr && !port)
		return e2ee_parse_missing(call, nest, E2EE_A_SOCKET_LOCAL_PORT,
			       "port of the socket is missing");
	if (port && !addr)
		return e2ee_parse_missing(call, nest, E2EE_A_SOCKET_LOCAL_ADDR,
			       "address of the socket is missing");
	return 0;
}

/**
 * e2ee_parse_socket() - the socket that a request names
 * @call: the command
 * @sk: the answer, with a reference: sock_put()
 *
 * Context: the caller's process, whose file descriptors are meant.
 * Return: 0, -EINVAL, -ENOENT, or what the lookup answers.
 */
int e2ee_parse_socket(const struct e2ee_call *call, struct sock **sk)
{
	struct nlattr *nest = call->attrs[E2EE_A_SOCKET];
	struct nlattr *tb[E2EE_A_SOCKET_MAX + 1];
	struct net *net = call->enet->net;
	struct e2ee_refusal why = { };
	struct nlattr *addr;
	int err;

	if (!nest)
		return e2ee_parse_missing(call, NULL, E2EE_A_SOCKET,
					  "socket is missing");
	err = e2ee_parse_nest(call, tb, E2EE_A_SOCKET_MAX, nest) ?:
	      e2ee_parse_socket_check(call, nest, tb);
	if (err)
		return err;
	addr = tb[E2EE_A_SOCKET_LOCAL_ADDR];
	if (tb[E2EE_A_SOCKET_ID])
		*sk = e2ee_socket_by_id(call->enet,
					nla_get_u64(tb[E2EE_A_SOCKET_ID]));
	else if (tb[E2EE_A_SOCKET_FD])
		*sk = e2ee_socket_by_fd(net, nla_get_u32(tb[E2EE_A_SOCKET_FD]),
					&why);
	else
		*sk = e2ee_socket_by_addr(net, nla_data(addr), nla_len(addr),
					  nla_get_u16(tb[E2EE_A_SOCKET_LOCAL_PORT]),
					  &why);
	if (!*sk)
		return e2ee_parse_fail(call, tb[E2EE_A_SOCKET_ID] ?: nest,
				       -ENOENT, "no such socket");
	if (IS_ERR(*sk))
		return e2ee_parse_refuse(call, nest, &why, PTR_ERR(*sk));
	return 0;
}

/**
 * e2ee_parse_guard() - the guard that a request names
 * @call: the command
 * @guard: the answer, valid while the lock is held
 *
 * Return: 0, -EINVAL or -ENOENT.
 */
int e2ee_parse_guard(const struct e2ee_call *call, struct e2ee_guard **guard)
{
	struct nlattr *nest = call->attrs[E2EE_A_GUARD];
	struct nlattr *tb[E2EE_A_GUARD_MAX + 1];
	int err;

	if (!nest)
		return e2ee_parse_missing(call, NULL, E2EE_A_GUARD,
					  "guard is missing");
	err = e2ee_parse_nest(call, tb, E2EE_A_GUARD_MAX, nest);
	if (err)
		return err;
	if (!tb[E2EE_A_GUARD_ID])
		return e2ee_parse_missing(call, nest, E2EE_A_GUARD_ID,
			       "id of the guard is missing");
	*guard = e2ee_guard_by_id(call->enet,
				  nla_get_u32(tb[E2EE_A_GUARD_ID]));
	if (!*guard)
		return e2ee_parse_fail(call, tb[E2EE_A_GUARD_ID], -ENOENT,
			      "no such guard");
	return 0;
}

static int e2ee_parse_guard_narrow(const struct e2ee_call *call,
				   struct nlattr **tb,
				   struct e2ee_guard_param *param)
{
	struct nlattr *addr = tb[E2EE_A_GUARD_LOCAL_ADDR];
	struct nlattr *uid = tb[E2EE_A_GUARD_UID];

	if (addr) {
		param->addr_len = nla_len(addr);
		memcpy(param->addr, nla_data(addr), param->addr_len);
	}
	if (uid) {
		param->has_uid = true;
		param->uid = make_kuid(call->user_ns, nla_get_u32(uid));
		if (!uid_valid(param->uid))
			return e2ee_parse_fail(call, uid, -EINVAL,
				      "no such user in this user namespace");
	}
	if (tb[E2EE_A_GUARD_CGROUP])
		param->cgroup = nla_data(tb[E2EE_A_GUARD_CGROUP]);
	return 0;
}

/**
 * e2ee_parse_guard_param() - a guard to make
 * @call: the command
 * @param: the answer, which points into the message
 *
 * Return: 0 or -EINVAL.
 */
int e2ee_parse_guard_param(const struct e2ee_call *call,
			   struct e2ee_guard_param *param)
{
	struct nlattr *nest = call->attrs[E2EE_A_GUARD];
	struct nlattr *tb[E2EE_A_GUARD_MAX + 1];
	struct nlattr *last;
	int err;

	memset(param, 0, sizeof(*param));
	if (!nest)
		return e2ee_parse_missing(call, NULL, E2EE_A_GUARD,
					  "guard is missing");
	err = e2ee_parse_nest(call, tb, E2EE_A_GUARD_MAX, nest);
	if (err)
		return err;
	if (!tb[E2EE_A_GUARD_PORT_FIRST])
		return e2ee_parse_missing(call, nest, E2EE_A_GUARD_PORT_FIRST,
			       "first port of the guard is missing");
	last = tb[E2EE_A_GUARD_PORT_LAST];
	param->port_first = nla_get_u16(tb[E2EE_A_GUARD_PORT_FIRST]);
	param->port_last = last ? nla_get_u16(last) : param->port_first;
	if (param->port_last < param->port_first)
		return e2ee_parse_fail(call, last, -EINVAL,
			      "last port lies below the first");
	return e2ee_parse_guard_narrow(call, tb, param);
}
