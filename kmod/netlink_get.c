// SPDX-License-Identifier: GPL-2.0
/*
 * Reading commands: one object, or all of a kind in a dump.
 *
 * A dump runs under the namespace's lock, and gives it back between two
 * messages to userland. It goes on behind the last object it showed, so that
 * what is there all the time is shown once, whatever came or went meanwhile;
 * if something did, the next message says so (NLM_F_DUMP_INTR). Each list is
 * in the order in which its objects came, which is that of their ids.
 */
#include "event.h"
#include "guard.h"
#include "key.h"
#include "net.h"
#include "netlink.h"
#include "session.h"
#include "socket.h"
#include "compat/compat.h"

/* One object, in answer to a request that names it */

int e2ee_session_get_doit(struct e2ee_call *call)
{
	struct e2ee_session *session;
	int err;

	err = e2ee_parse_session(call, &session);
	return err ?: e2ee_put_session(call->answer, session);
}

int e2ee_key_get_doit(struct e2ee_call *call)
{
	struct e2ee_refusal why = { };
	struct e2ee_key_param param;
	struct e2ee_session *session;
	struct e2ee_key *key;
	int err;

	err = e2ee_parse_session(call, &session) ?:
	      e2ee_parse_has_key(call) ?:
	      e2ee_parse_key(call, call->attrs[E2EE_A_KEY], &param);
	if (err)
		return err;
	key = e2ee_key_find(session, &param);
	if (key)
		return e2ee_put_key(call->answer, key);
	err = e2ee_refuse(&why, E2EE_A_KEY_KID, -ENOENT, "no such key");
	return e2ee_parse_refuse(call, call->attrs[E2EE_A_KEY], &why, err);
}

/* The policy lets a session pass, for dumps; on one object it says nothing. */
static int e2ee_get_refuse_session(const struct e2ee_call *call)
{
	const struct nlattr *session = call->attrs[E2EE_A_SESSION];

	if (!session)
		return 0;
	NL_SET_ERR_MSG_ATTR(call->extack, session,
			    "only a dump can be narrowed to a session");
	return -EINVAL;
}

int e2ee_socket_get_doit(struct e2ee_call *call)
{
	struct e2ee_refusal why = { };
	struct e2ee_socket *socket;
	struct sock *sk;
	int err;

	err = e2ee_get_refuse_session(call) ?: e2ee_parse_socket(call, &sk);
	if (err)
		return err;
	socket = e2ee_socket_find(sk);
	if (socket) {
		err = e2ee_put_socket(call->answer, socket, call->user_ns);
	} else {
		err = e2ee_refuse(&why, 0, -ENOENT,
				  "socket was never attached");
		e2ee_parse_refuse(call, call->attrs[E2EE_A_SOCKET], &why, err);
	}
	sock_put(sk);
	return err;
}

int e2ee_guard_get_doit(struct e2ee_call *call)
{
	struct e2ee_guard *guard;
	int err;

	err = e2ee_get_refuse_session(call) ?: e2ee_parse_guard(call, &guard);
	return err ?: e2ee_put_guard(call->answer, guard, call->user_ns);
}

int e2ee_info_get_doit(struct e2ee_call *call)
{
	return e2ee_put_info(call->answer, call->enet);
}

/**
 * struct e2ee_dump - where a dump is, between two of its messages
 * @filter: id of the only session to show; 0: all
 * @session: id of the session shown last, or whose keys are being shown
 * @guard: id of the guard shown last
 * @socket: id of the socket shown last
 * @serial: order of installation of the key shown last; @dir, @mode, @ssrc and
 *	@kid find it again without a search
 * @newest: order of installation of the last key to show, so that a dump ends
 *	though keys come faster than it shows them
 * @dir: of that key
 * @mode: of that key
 * @ssrc: of that key
 * @kid: of that key
 */
struct e2ee_dump {
	u32 filter;
	u32 session;
	union {
		u32 guard;
		u64 socket;
		struct {
			u64 serial;
			u64 newest;
			u64 kid;
			u32 ssrc;
			u8 dir;
			u8 mode;
		};
	};
};

static struct e2ee_dump *e2ee_dump_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct e2ee_dump) > sizeof(cb->ctx));
	return (struct e2ee_dump *)cb->ctx;
}

static struct e2ee_net *e2ee_dump_net(struct netlink_callback *cb)
{
	return e2ee_net(sock_net(cb->skb->sk));
}

static struct user_namespace *e2ee_dump_user_ns(struct netlink_callback *cb)
{
	return sk_user_ns(NETLINK_CB(cb->skb).sk);
}

/**
 * e2ee_dump_start() - begin a dump: of one session, if the request names one
 * @cb: the dump
 *
 * Return: 0; -EINVAL: something else is named; -ENOENT: no such session.
 */
int e2ee_dump_start(struct netlink_callback *cb)
{
	struct e2ee_call call = {
		.enet = e2ee_dump_net(cb),
		.attrs = e2ee_dump_attrs(cb),
		.extack = cb->extack,
	};
	struct e2ee_session *session;
	int err, type;

	err = e2ee_parse_header(cb->nlh, cb->extack);
	if (err)
		return err;
	for (type = 1; type <= E2EE_A_MAX; type++) {
		if (!call.attrs[type] || type == E2EE_A_SESSION)
			continue;
		NL_SET_ERR_MSG_ATTR(cb->extack, call.attrs[type],
				    "a dump can be narrowed to a session only");
		return -EINVAL;
	}
	if (!call.attrs[E2EE_A_SESSION])
		return 0;
	mutex_lock(&call.enet->lock);
	err = e2ee_parse_session(&call, &session);
	if (!err)
		e2ee_dump_of(cb)->filter = session->id;
	mutex_unlock(&call.enet->lock);
	return err;
}

/*
 * Odd, so that it is never 0, which would mean "no sequence", and differs
 * between any two states of the lists that a dump may see.
 */
static void e2ee_dump_lock(struct netlink_callback *cb)
{
	struct e2ee_net *enet = e2ee_dump_net(cb);

	mutex_lock(&enet->lock);
	cb->seq = atomic_read(&enet->seq) * 2U + 1;
}

static int e2ee_dump_unlock(struct sk_buff *skb, struct netlink_callback *cb,
			    int err)
{
	mutex_unlock(&e2ee_dump_net(cb)->lock);
	if (err == -EMSGSIZE && skb->len)
		return skb->len;	/* full: there is more */
	return err ?: skb->len;
}

/* One object, or nothing and -EMSGSIZE */
static int e2ee_dump_begin(struct sk_buff *skb, struct netlink_callback *cb,
			   u8 cmd, void **header)
{
	*header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
			      cb->nlh->nlmsg_seq, &e2ee_genl_family,
			      NLM_F_MULTI, cmd);
	if (!*header)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, *header);
	return 0;
}

static int e2ee_dump_end(struct sk_buff *skb, void *header, int err)
{
	if (err)
		genlmsg_cancel(skb, header);
	else
		genlmsg_end(skb, header);
	return err;
}

/**
 * e2ee_session_dumpit() - show sessions
 * @skb: to fill
 * @cb: the dump
 *
 * Return: bytes filled; 0 at the end.
 */
int e2ee_session_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct e2ee_dump *dump = e2ee_dump_of(cb);
	struct e2ee_session *session;
	void *header;
	int err = 0;

	e2ee_dump_lock(cb);
	list_for_each_entry(session, &e2ee_dump_net(cb)->sessions, node) {
		if (session->id <= dump->session ||
		    (dump->filter && dump->filter != session->id))
			continue;
		err = e2ee_dump_begin(skb, cb, E2EE_CMD_SESSION_GET, &header);
		if (!err)
			err = e2ee_dump_end(skb, header,
					    e2ee_put_session(skb, session));
		if (err)
			break;
		dump->session = session->id;
	}
	return e2ee_dump_unlock(skb, cb, err);
}

/* The key behind the one shown last in this session */
static struct e2ee_key *e2ee_dump_key(struct e2ee_session *session,
				      const struct e2ee_dump *dump)
{
	struct e2ee_key_param last = {
		.dir = dump->dir,
		.kid = dump->kid,
		.ssrc = dump->ssrc,
		.mode = dump->mode,
	};
	struct e2ee_key *key = NULL;

	if (dump->serial)
		key = e2ee_key_find(session, &last);
	if (key && key->serial == dump->serial) {
		if (list_is_last(&key->node, &session->keys))
			return NULL;
		return list_next_entry(key, node);
	}
	list_for_each_entry(key, &session->keys, node)
		if (key->serial > dump->serial)
			return key;
	return NULL;
}

static void e2ee_dump_note_key(struct e2ee_dump *dump,
			       const struct e2ee_key *key)
{
	dump->serial = key->serial;
	dump->dir = key->id.dir;
	dump->mode = key->id.mode;
	dump->ssrc = key->id.ssrc;
	dump->kid = key->id.kid;
}

static int e2ee_dump_session_keys(struct sk_buff *skb,
				  struct netlink_callback *cb,
				  struct e2ee_session *session)
{
	struct e2ee_dump *dump = e2ee_dump_of(cb);
	struct e2ee_key *key;
	void *header;
	int err;

	key = e2ee_dump_key(session, dump);
	if (!key)
		return 0;
	list_for_each_entry_from(key, &session->keys, node) {
		if (key->serial > dump->newest)
			break;
		err = e2ee_dump_begin(skb, cb, E2EE_CMD_KEY_GET, &header);
		if (!err)
			err = e2ee_dump_end(skb, header,
					    e2ee_put_key(skb, key));
		if (err)
			return err;
		e2ee_dump_note_key(dump, key);
	}
	return 0;
}

/**
 * e2ee_key_dumpit() - show keys, in the order in which they were installed
 * @skb: to fill
 * @cb: the dump
 *
 * Return: bytes filled; 0 at the end.
 */
int e2ee_key_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct e2ee_net *enet = e2ee_dump_net(cb);
	struct e2ee_dump *dump = e2ee_dump_of(cb);
	struct e2ee_session *session;
	int err = 0;

	e2ee_dump_lock(cb);
	if (!dump->newest)
		dump->newest = enet->key_serial;
	list_for_each_entry(session, &enet->sessions, node) {
		if (session->id < dump->session ||
		    (dump->filter && dump->filter != session->id))
			continue;
		if (session->id != dump->session) {
			dump->session = session->id;
			dump->serial = 0;
		}
		err = e2ee_dump_session_keys(skb, cb, session);
		if (err)
			break;
	}
	return e2ee_dump_unlock(skb, cb, err);
}

/**
 * e2ee_socket_dumpit() - show sockets
 * @skb: to fill
 * @cb: the dump
 *
 * Return: bytes filled; 0 at the end.
 */
int e2ee_socket_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct e2ee_dump *dump = e2ee_dump_of(cb);
	struct e2ee_socket *socket = NULL;
	void *header;
	int err = 0;

	e2ee_dump_lock(cb);
	while (!err) {
		socket = e2ee_socket_next(e2ee_dump_net(cb), socket,
					  dump->socket, dump->filter);
		if (!socket)
			break;
		err = e2ee_dump_begin(skb, cb, E2EE_CMD_SOCKET_GET, &header);
		if (!err)
			err = e2ee_dump_end(skb, header,
					    e2ee_put_socket(skb, socket,
							    e2ee_dump_user_ns(cb)));
		if (err)
			sock_put(socket->sk);
		else
			dump->socket = socket->id;
	}
	return e2ee_dump_unlock(skb, cb, err);
}

/**
 * e2ee_guard_dumpit() - show guards
 * @skb: to fill
 * @cb: the dump
 *
 * Return: bytes filled; 0 at the end.
 */
int e2ee_guard_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct e2ee_dump *dump = e2ee_dump_of(cb);
	struct e2ee_guard *guard;
	void *header;
	int err = 0;

	e2ee_dump_lock(cb);
	list_for_each_entry(guard, &e2ee_dump_net(cb)->guards, node) {
		if (guard->id <= dump->guard ||
		    (dump->filter && dump->filter != guard->session->id))
			continue;
		err = e2ee_dump_begin(skb, cb, E2EE_CMD_GUARD_GET, &header);
		if (!err)
			err = e2ee_dump_end(skb, header,
					    e2ee_put_guard(skb, guard,
							   e2ee_dump_user_ns(cb)));
		if (err)
			break;
		dump->guard = guard->id;
	}
	return e2ee_dump_unlock(skb, cb, err);
}
