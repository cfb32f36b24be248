// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink: the commands, and those that change something.
 *
 * A command runs under the lock of its namespace, and is refused before it
 * changes anything, or undone. What it makes is named in an answer that was
 * allocated before, so that nothing can be made and not be told of for want of
 * memory. net.c says what a command must not wait for.
 */
#include <linux/sched.h>
#include "event.h"
#include "guard.h"
#include "hook.h"
#include "key.h"
#include "keyring.h"
#include "net.h"
#include "netlink.h"
#include "session.h"
#include "session_request.h"
#include "socket.h"

static int e2ee_netlink_session_new(struct e2ee_call *call)
{
	struct e2ee_session_param param;
	struct e2ee_refusal why = { };
	struct e2ee_session *session;
	int err;

	err = e2ee_parse_session_param(call, true, &param);
	if (err)
		return err;
	session = e2ee_session_new(call->enet, &param, &why);
	if (IS_ERR(session))
		return e2ee_parse_refuse(call, call->attrs[E2EE_A_SESSION],
					 &why, PTR_ERR(session));
	return e2ee_put_session_ref(call->answer, session);
}

static int e2ee_netlink_session_set(struct e2ee_call *call)
{
	struct e2ee_session_param param;
	struct e2ee_refusal why = { };
	struct e2ee_session *session;
	int err;

	err = e2ee_parse_session(call, &session) ?:
	      e2ee_parse_session_param(call, false, &param);
	if (err)
		return err;
	err = e2ee_session_set(session, &param, &why);
	return e2ee_parse_refuse(call, call->attrs[E2EE_A_SESSION], &why, err);
}

static int e2ee_netlink_session_del(struct e2ee_call *call)
{
	struct e2ee_refusal why = { };
	struct e2ee_session *session;
	int err;

	err = e2ee_parse_session(call, &session);
	if (err)
		return err;
	err = e2ee_session_del(session, &why);
	return e2ee_parse_refuse(call, call->attrs[E2EE_A_SESSION], &why, err);
}

typedef int (*e2ee_netlink_step_t)(struct e2ee_call *call,
				   struct e2ee_session *session,
				   const struct nlattr *nest);

/* Takes a step for each key of the message, until one is refused. */
static int e2ee_netlink_each_key(struct e2ee_call *call,
				 struct e2ee_session *session,
				 e2ee_netlink_step_t step)
{
	struct nlattr *nest;
	int err, rem;

	nlmsg_for_each_attr(nest, call->info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(nest) != E2EE_A_KEY)
			continue;
		err = step(call, session, nest);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static int e2ee_netlink_key_check(struct e2ee_call *call,
				  struct e2ee_session *session,
				  const struct nlattr *nest)
{
	struct e2ee_key_param param;

	return e2ee_parse_key_new(call, nest, &param);
}

static int e2ee_netlink_key_add(struct e2ee_call *call,
				struct e2ee_session *session,
				const struct nlattr *nest)
{
	struct e2ee_refusal why = { };
	struct e2ee_key_param param;
	int err;

	err = e2ee_parse_key_new(call, nest, &param);
	if (err)
		return err;
	err = e2ee_key_new(session, &param, &why);
	return e2ee_parse_refuse(call, nest, &why, err);
}

static int e2ee_netlink_key_find(struct e2ee_call *call,
				 struct e2ee_session *session,
				 const struct nlattr *nest)
{
	struct e2ee_refusal why = { };
	struct e2ee_key_param param;
	int err;

	err = e2ee_parse_key(call, nest, &param);
	if (err || e2ee_key_find(session, &param))
		return err;
	err = e2ee_refuse(&why, E2EE_A_KEY_KID, -ENOENT, "no such key");
	return e2ee_parse_refuse(call, nest, &why, err);
}

/* The key was there a moment ago, or is named twice, which does no harm. */
static int e2ee_netlink_key_remove(struct e2ee_call *call,
				   struct e2ee_session *session,
				   const struct nlattr *nest)
{
	struct e2ee_refusal why = { };
	struct e2ee_key_param param;

	if (!e2ee_parse_key(call, nest, &param))
		e2ee_key_del(session, &param, &why);
	return 0;
}

/*
 * All or none: all keys are read before the first is installed. Where a key is refused
 * all the same, those before it are removed again. None of them acts before all are in,
 * so that a request that was refused may be repeated.
 */
static int e2ee_netlink_key_new(struct e2ee_call *call)
{
	u64 serial = call->enet->key_serial;
	struct e2ee_session *session;
	int err;

	err = e2ee_parse_session(call, &session) ?:
	      e2ee_parse_has_key(call) ?:
	      e2ee_netlink_each_key(call, session, e2ee_netlink_key_check);
	if (err)
		return err;
	err = e2ee_netlink_each_key(call, session, e2ee_netlink_key_add);
	if (err)
		e2ee_key_undo(session, serial);
	else
		e2ee_key_begin(session, serial);
	return err;
}

static int e2ee_netlink_key_set(struct e2ee_call *call)
{
	struct e2ee_refusal why = { };
	struct e2ee_session *session;
	struct e2ee_key_param param;
	int err;

	err = e2ee_parse_session(call, &session) ?:
	      e2ee_parse_has_key(call) ?:
	      e2ee_parse_key(call, call->attrs[E2EE_A_KEY], &param);
	if (err)
		return err;
	err = e2ee_key_set(session, &param, &why);
	return e2ee_parse_refuse(call, call->attrs[E2EE_A_KEY], &why, err);
}

static int e2ee_netlink_key_del(struct e2ee_call *call)
{
	struct e2ee_session *session;
	int err;

	err = e2ee_parse_session(call, &session) ?:
	      e2ee_parse_has_key(call) ?:
	      e2ee_netlink_each_key(call, session, e2ee_netlink_key_find);
	if (err)
		return err;
	return e2ee_netlink_each_key(call, session, e2ee_netlink_key_remove);
}

static int e2ee_netlink_socket_attach_sk(struct e2ee_call *call,
					 struct sock *sk,
					 struct e2ee_session *session,
					 struct e2ee_refusal *why)
{
	bool settles = e2ee_socket_settles(sk, session);
	int err;

	if (settles) {
		err = e2ee_grace_check(call->enet, why);
		if (err)
			return err;
	}
	err = e2ee_socket_attach(sk, session, 0, why);
	if (!err)
		e2ee_socket_settle(sk, session);
	if (settles && !err)
		e2ee_grace_done(call->enet);
	return err;
}

static int e2ee_netlink_socket_attach(struct e2ee_call *call)
{
	struct e2ee_refusal why = { };
	struct e2ee_session *session;
	struct sock *sk;
	int err;

	err = e2ee_parse_session(call, &session) ?:
	      e2ee_parse_socket(call, &sk);
	if (err)
		return err;
	err = e2ee_netlink_socket_attach_sk(call, sk, session, &why);
	if (err)
		e2ee_parse_refuse(call, call->attrs[E2EE_A_SOCKET], &why, err);
	else	/* found: it is in the list, or was closed with its hooks */
		err = e2ee_put_socket_ref(call->answer, e2ee_socket_find(sk));
	sock_put(sk);
	return err;
}

static int e2ee_netlink_socket_detach_sk(struct e2ee_call *call,
					 struct sock *sk,
					 struct e2ee_refusal *why)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);

	if (!socket)
		return e2ee_refuse(why, 0, -ENOENT, "socket is not attached");
	if (e2ee_guard_covers(call->enet, sk))
		return e2ee_refuse(why, 0, -EBUSY,
				   "socket lies in the range of a guard: delete the guard first");
	return e2ee_socket_detach(socket, call->attrs[E2EE_A_FORCE], why);
}

static int e2ee_netlink_socket_detach(struct e2ee_call *call)
{
	struct e2ee_refusal why = { };
	struct sock *sk;
	int err;

	err = e2ee_parse_socket(call, &sk);
	if (err)
		return err;
	err = e2ee_netlink_socket_detach_sk(call, sk, &why);
	sock_put(sk);
	return e2ee_parse_refuse(call, call->attrs[E2EE_A_SOCKET], &why, err);
}

static int e2ee_netlink_guard_new(struct e2ee_call *call)
{
	struct e2ee_guard_param param;
	struct e2ee_refusal why = { };
	struct e2ee_session *session;
	struct e2ee_guard *guard;
	int err;

	err = e2ee_parse_session(call, &session) ?:
	      e2ee_parse_guard_param(call, &param);
	if (err)
		return err;
	err = e2ee_hooks_start(&call->enet->in, &why);
	guard = err ? ERR_PTR(err) : e2ee_guard_new(session, &param, &why);
	if (IS_ERR(guard))
		return e2ee_parse_refuse(call, call->attrs[E2EE_A_GUARD], &why,
					 PTR_ERR(guard));
	return e2ee_put_guard_ref(call->answer, guard);
}

static int e2ee_netlink_guard_del(struct e2ee_call *call)
{
	struct e2ee_guard *guard;
	int err;

	err = e2ee_parse_guard(call, &guard);
	if (err)
		return err;
	e2ee_guard_del(guard);
	if (!call->enet->num_guards)
		e2ee_hooks_stop(&call->enet->in);
	return 0;
}

enum call_flag {
	CALL_ANSWERS = 1U << 0,		/* with a message */
	CALL_MANY_KEYS = 1U << 1,	/* in one message */
};

static const struct {
	int (*run)(struct e2ee_call *call);
	u32 flags;
} calls[] = {
	[E2EE_CMD_SESSION_NEW] = { e2ee_netlink_session_new, CALL_ANSWERS },
	[E2EE_CMD_SESSION_SET] = { e2ee_netlink_session_set },
	[E2EE_CMD_SESSION_DEL] = { e2ee_netlink_session_del },
	[E2EE_CMD_SESSION_GET] = { e2ee_session_get_doit, CALL_ANSWERS },
	[E2EE_CMD_KEY_NEW] = { e2ee_netlink_key_new, CALL_MANY_KEYS },
	[E2EE_CMD_KEY_SET] = { e2ee_netlink_key_set },
	[E2EE_CMD_KEY_DEL] = { e2ee_netlink_key_del, CALL_MANY_KEYS },
	[E2EE_CMD_KEY_GET] = { e2ee_key_get_doit, CALL_ANSWERS },
	[E2EE_CMD_SOCKET_ATTACH] = { e2ee_netlink_socket_attach, CALL_ANSWERS },
	[E2EE_CMD_SOCKET_DETACH] = { e2ee_netlink_socket_detach },
	[E2EE_CMD_SOCKET_GET] = { e2ee_socket_get_doit, CALL_ANSWERS },
	[E2EE_CMD_GUARD_NEW] = { e2ee_netlink_guard_new, CALL_ANSWERS },
	[E2EE_CMD_GUARD_DEL] = { e2ee_netlink_guard_del },
	[E2EE_CMD_GUARD_GET] = { e2ee_guard_get_doit, CALL_ANSWERS },
	[E2EE_CMD_INFO_GET] = { e2ee_info_get_doit, CALL_ANSWERS },
};

/* An attribute given twice would be ignored once: who sent it errs. */
static int e2ee_netlink_refuse_doubles(const struct genl_info *info,
				       bool many_keys)
{
	DECLARE_BITMAP(seen, E2EE_A_MAX + 1) = { };
	struct nlattr *attr;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (many_keys && nla_type(attr) == E2EE_A_KEY)
			continue;
		if (!__test_and_set_bit(nla_type(attr), seen))
			continue;
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "attribute is given twice");
		return -EINVAL;
	}
	return 0;
}

/*
 * The caller wrote AEAD keys and salts into the message: they are gone from
 * this copy before it is freed or, with an error, sent back; with them goes
 * what cannot be read as attributes, and may hold anything. The caller's own
 * copy is the caller's; one that a tap on netlink (nlmon) took before is out
 * of reach unless it shares our bytes, which then are wiped for it, too.
 */
static void e2ee_netlink_wipe_keys(const struct genl_info *info)
{
	struct nlattr *nest, *attr;
	int rem, rem_nest;

	nlmsg_for_each_attr(nest, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(nest) != E2EE_A_KEY)
			continue;
		nla_for_each_nested(attr, nest, rem_nest)
			if (nla_type(attr) == E2EE_A_KEY_SECRET ||
			    nla_type(attr) == E2EE_A_KEY_SALT)
				memzero_explicit(nla_data(attr), nla_len(attr));
		if (rem_nest > 0)
			memzero_explicit(attr, rem_nest);
	}
	if (rem > 0)
		memzero_explicit(nest, rem);
}

/* Where memory is not at hand, the sender has to make room and ask again. */
static int e2ee_netlink_answer_to(const struct e2ee_call *call, int err)
{
	if (err != -ENOMEM)
		return err;
	NL_SET_ERR_MSG(call->extack,
		       "memory is not at hand without waiting: ask again");
	return -EAGAIN;
}

static int e2ee_netlink_run_call(struct e2ee_call *call, u8 cmd)
{
	struct genl_info *info = call->info;
	void *header = NULL;
	int err;

	err = e2ee_netlink_refuse_doubles(info,
					  calls[cmd].flags & CALL_MANY_KEYS);
	if (err)
		return err;
	if (calls[cmd].flags & CALL_ANSWERS) {
		call->answer = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
		if (!call->answer)
			return -ENOMEM;
		header = genlmsg_put_reply(call->answer, info,
					   &e2ee_genl_family, 0, cmd);
	}
	mutex_lock(&call->enet->lock);
	err = calls[cmd].run(call);
	mutex_unlock(&call->enet->lock);
	if (err || !call->answer) {
		nlmsg_free(call->answer);
		return e2ee_netlink_answer_to(call, err);
	}
	genlmsg_end(call->answer, header);
	return genlmsg_reply(call->answer, info);
}

static int e2ee_netlink_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct e2ee_call call = {
		.enet = e2ee_net(genl_info_net(info)),
		.attrs = info->attrs,
		.extack = info->extack,
		.user_ns = sk_user_ns(NETLINK_CB(skb).sk),
		.info = info,
	};

	return e2ee_parse_header(info->nlhdr, info->extack) ?:
	       e2ee_netlink_run_call(&call, info->genlhdr->cmd);
}

static const struct nla_policy session_new_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SESSION] = NLA_POLICY_NESTED(e2ee_session_new_policy),
};

static const struct nla_policy session_set_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SESSION] = NLA_POLICY_NESTED(e2ee_session_set_policy),
	[E2EE_A_FORCE] = { .type = NLA_FLAG },
};

static const struct nla_policy session_ref_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SESSION] = NLA_POLICY_NESTED(e2ee_session_ref_policy),
};

static const struct nla_policy key_new_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SESSION] = NLA_POLICY_NESTED(e2ee_session_ref_policy),
	[E2EE_A_KEY] = NLA_POLICY_NESTED(e2ee_key_new_policy),
};

static const struct nla_policy key_set_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SESSION] = NLA_POLICY_NESTED(e2ee_session_ref_policy),
	[E2EE_A_KEY] = NLA_POLICY_NESTED(e2ee_key_set_policy),
};

static const struct nla_policy key_ref_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SESSION] = NLA_POLICY_NESTED(e2ee_session_ref_policy),
	[E2EE_A_KEY] = NLA_POLICY_NESTED(e2ee_key_id_policy),
};

static const struct nla_policy socket_ref_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SESSION] = NLA_POLICY_NESTED(e2ee_session_ref_policy),
	[E2EE_A_SOCKET] = NLA_POLICY_NESTED(e2ee_socket_ref_policy),
};

static const struct nla_policy socket_detach_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SOCKET] = NLA_POLICY_NESTED(e2ee_socket_ref_policy),
	[E2EE_A_FORCE] = { .type = NLA_FLAG },
};

static const struct nla_policy guard_new_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SESSION] = NLA_POLICY_NESTED(e2ee_session_ref_policy),
	[E2EE_A_GUARD] = NLA_POLICY_NESTED(e2ee_guard_new_policy),
};

static const struct nla_policy guard_del_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_GUARD] = NLA_POLICY_NESTED(e2ee_guard_ref_policy),
};

static const struct nla_policy guard_ref_policy[E2EE_A_MAX + 1] = {
	[E2EE_A_SESSION] = NLA_POLICY_NESTED(e2ee_session_ref_policy),
	[E2EE_A_GUARD] = NLA_POLICY_NESTED(e2ee_guard_ref_policy),
};

static const struct nla_policy no_policy[E2EE_A_MAX + 1] = { };

/*
 * Generic netlink knows neither a policy nor a maxattr for it, so it lets
 * everything pass that its caller has the right to send, and the keys in a
 * message are wiped, whatever is wrong with it.
 */
static int e2ee_netlink_key_new_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	struct nlattr *attrs[E2EE_A_MAX + 1];
	int err;

	err = nlmsg_parse(info->nlhdr, GENL_HDRLEN, attrs, E2EE_A_MAX,
			  key_new_policy, info->extack);
	if (!err) {
		info->attrs = attrs;
		err = e2ee_netlink_doit(skb, info);
	}
	e2ee_netlink_wipe_keys(info);
	return err;
}

#define E2EE_OP(name, attrs)						\
	.cmd = E2EE_CMD_##name, .flags = GENL_UNS_ADMIN_PERM,		\
	.doit = e2ee_netlink_doit, .policy = attrs, .maxattr = E2EE_A_MAX
#define E2EE_OP_UNREAD(name, call)					\
	.cmd = E2EE_CMD_##name, .flags = GENL_UNS_ADMIN_PERM,		\
	.doit = call
#define E2EE_OP_DUMP(dump)	.start = e2ee_dump_start, .dumpit = dump

static const struct genl_ops e2ee_netlink_ops[] = {
	{ E2EE_OP(SESSION_NEW, session_new_policy) },
	{ E2EE_OP(SESSION_SET, session_set_policy) },
	{ E2EE_OP(SESSION_DEL, session_ref_policy) },
	{ E2EE_OP(SESSION_GET, session_ref_policy),
	  E2EE_OP_DUMP(e2ee_session_dumpit) },
	{ E2EE_OP_UNREAD(KEY_NEW, e2ee_netlink_key_new_doit) },
	{ E2EE_OP(KEY_SET, key_set_policy) },
	{ E2EE_OP(KEY_DEL, key_ref_policy) },
	{ E2EE_OP(KEY_GET, key_ref_policy), E2EE_OP_DUMP(e2ee_key_dumpit) },
	{ E2EE_OP(SOCKET_ATTACH, socket_ref_policy) },
	{ E2EE_OP(SOCKET_DETACH, socket_detach_policy) },
	{ E2EE_OP(SOCKET_GET, socket_ref_policy),
	  E2EE_OP_DUMP(e2ee_socket_dumpit) },
	{ E2EE_OP(GUARD_NEW, guard_new_policy) },
	{ E2EE_OP(GUARD_DEL, guard_del_policy) },
	{ E2EE_OP(GUARD_GET, guard_ref_policy),
	  E2EE_OP_DUMP(e2ee_guard_dumpit) },
	{ E2EE_OP(INFO_GET, no_policy) },
};

/**
 * e2ee_netlink_init() - open the module to requests
 *
 * Context: module init, after everything else.
 */
int e2ee_netlink_init(void)
{
	e2ee_genl_family.ops = e2ee_netlink_ops;
	e2ee_genl_family.n_ops = ARRAY_SIZE(e2ee_netlink_ops);
	return genl_register_family(&e2ee_genl_family);
}

/**
 * e2ee_netlink_exit() - take no more requests
 *
 * Context: module exit, before everything else.
 */
void e2ee_netlink_exit(void)
{
	genl_unregister_family(&e2ee_genl_family);
}
