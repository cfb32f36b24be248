// SPDX-License-Identifier: GPL-2.0
/*
 * Answers: how each object is shown, one at a time or all in a dump.
 *
 * A dump runs under the namespace's lock, and gives it back between two
 * messages to userland. It goes on behind the last object it showed, so that
 * what is there all the time is shown once, whatever came or went meanwhile;
 * if something did, the next message says so (NLM_F_DUMP_INTR). Each list is
 * in the order in which its objects came, which is that of their ids.
 */
#include <linux/module.h>
#include <net/ipv6.h>
#include <net/inet_sock.h>
#include "aead.h"
#include "compat/compat.h"
#include "digest.h"
#include "floor.h"
#include "guard.h"
#include "key.h"
#include "net.h"
#include "netlink.h"
#include "session.h"
#include "socket.h"
#include "stats.h"

static int put_stats(struct sk_buff *skb, int type,
		     const struct e2ee_stats __percpu *stats)
{
	u64 sum[E2EE_STATS_NUM];
	struct nlattr *nest;
	int i;

	nest = nla_nest_start(skb, type);
	if (!nest)
		return -EMSGSIZE;
	e2ee_stats_sum(stats, sum);
	for (i = E2EE_A_STAT_PAD + 1; i < E2EE_STATS_NUM; i++)
		if (nla_put_u64_64bit(skb, i, sum[i], E2EE_A_STAT_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_rtx_pt(struct sk_buff *skb, const struct e2ee_session *session)
{
	u8 pt[128];
	unsigned int bit;
	int n = 0;

	for_each_set_bit(bit, session->rtx_pt, 128)
		pt[n++] = bit;
	return nla_put(skb, E2EE_A_SESSION_RTX_PT, n, pt);
}

static int put_session(struct sk_buff *skb, struct e2ee_session *session)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_SESSION);

	if (!nest ||
	    nla_put_u32(skb, E2EE_A_SESSION_ID, session->id) ||
	    nla_put_string(skb, E2EE_A_SESSION_NAME, session->name) ||
	    nla_put_u32(skb, E2EE_A_SESSION_POLICY, session->policy) ||
	    nla_put_u32(skb, E2EE_A_SESSION_WINDOW, session->window) ||
	    put_rtx_pt(skb, session) ||
	    nla_put_string(skb, E2EE_A_SESSION_CRYPTO, session->crypto) ||
	    nla_put_u32(skb, E2EE_A_SESSION_FLAGS, session->flags) ||
	    nla_put_u32(skb, E2EE_A_SESSION_EPOCH, session->epoch) ||
	    nla_put_u32(skb, E2EE_A_SESSION_KEYS, session->num_keys) ||
	    nla_put_u32(skb, E2EE_A_SESSION_SOCKETS,
			READ_ONCE(session->num_sockets)) ||
	    put_stats(skb, E2EE_A_SESSION_STATS, session->stats))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* The SSRC of a claim key is what it was claimed for, once it was. */
static int put_key_ssrc(struct sk_buff *skb, struct e2ee_key *key)
{
	struct e2ee_session *session = key->session;
	bool has_ssrc = key->id.mode == E2EE_SSRC_NUMBER;
	u32 ssrc = key->id.ssrc;

	if (key->id.mode == E2EE_SSRC_CLAIM) {
		spin_lock_bh(&session->claim_lock);
		has_ssrc = list_empty(&key->claim);
		ssrc = key->stream.ssrc;
		spin_unlock_bh(&session->claim_lock);
	}
	if (nla_put_u32(skb, E2EE_A_KEY_SSRC_MODE, key->id.mode) ||
	    (key->rtx_id.mode &&
	     nla_put_u32(skb, E2EE_A_KEY_RTX_SSRC, key->rtx_id.ssrc)))
		return -EMSGSIZE;
	return has_ssrc ? nla_put_u32(skb, E2EE_A_KEY_SSRC, ssrc) : 0;
}

static int put_key_limits(struct sk_buff *skb, const struct e2ee_key *key)
{
	if (key->id.dir == E2EE_DIR_TX &&
	    (nla_put_u64_64bit(skb, E2EE_A_KEY_SOFT_LIMIT, key->soft_limit,
			       E2EE_A_KEY_PAD) ||
	     nla_put_u64_64bit(skb, E2EE_A_KEY_LIMIT, key->limit,
			       E2EE_A_KEY_PAD)))
		return -EMSGSIZE;
	if (nla_put_u32(skb, E2EE_A_KEY_EXPIRES, e2ee_key_seconds_left(key)))
		return -EMSGSIZE;
	return e2ee_key_expired(key) ? nla_put_flag(skb, E2EE_A_KEY_EXPIRED) :
				       0;
}

/* All but the AEAD key and the salt, which never leave */
static int put_key(struct sk_buff *skb, struct e2ee_key *key)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_KEY);

	if (!nest ||
	    nla_put_u32(skb, E2EE_A_KEY_SESSION, key->session->id) ||
	    nla_put_u32(skb, E2EE_A_KEY_DIR, key->id.dir) ||
	    nla_put_u64_64bit(skb, E2EE_A_KEY_KID, key->id.kid,
			      E2EE_A_KEY_PAD) ||
	    put_key_ssrc(skb, key) ||
	    nla_put_u32(skb, E2EE_A_KEY_SUITE, key->suite) ||
	    nla_put_u32(skb, E2EE_A_KEY_EPOCH, key->epoch) ||
	    nla_put_u64_64bit(skb, E2EE_A_KEY_CTR, e2ee_key_next_ctr(key),
			      E2EE_A_KEY_PAD) ||
	    put_key_limits(skb, key) ||
	    nla_put_string(skb, E2EE_A_KEY_DRIVER,
			   e2ee_aead_driver(&key->aead, false)) ||
	    nla_put_u64_64bit(skb, E2EE_A_KEY_PACKETS, e2ee_key_packets(key),
			      E2EE_A_KEY_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_remote(struct sk_buff *skb, const struct sock *sk)
{
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED)
		return 0;
	return e2ee_put_addr(skb, E2EE_A_SOCKET_REMOTE_ADDR, sk,
			     inet_sk(sk)->inet_daddr,
			     e2ee_compat_remote6(sk)) ?:
	       nla_put_u16(skb, E2EE_A_SOCKET_REMOTE_PORT,
			   ntohs(READ_ONCE(inet_sk(sk)->inet_dport)));
}

static int put_socket(struct sk_buff *skb, const struct e2ee_socket *socket,
		      struct user_namespace *user_ns)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_SOCKET);
	u32 guard = READ_ONCE(socket->guard);	/* until it is closed */
	struct sock *sk = socket->sk;

	if (!nest ||
	    nla_put_u64_64bit(skb, E2EE_A_SOCKET_ID, socket->id,
			      E2EE_A_SOCKET_PAD) ||
	    nla_put_u32(skb, E2EE_A_SOCKET_SESSION, e2ee_socket_session(socket)) ||
	    e2ee_put_local(skb, E2EE_A_SOCKET_LOCAL_ADDR,
			   E2EE_A_SOCKET_LOCAL_PORT, sk) ||
	    put_remote(skb, sk) ||
	    nla_put_u64_64bit(skb, E2EE_A_SOCKET_INODE, sock_i_ino(sk),
			      E2EE_A_SOCKET_PAD) ||
	    nla_put_u32(skb, E2EE_A_SOCKET_UID,
			from_kuid_munged(user_ns, READ_ONCE(sk->sk_uid))) ||
	    (guard && nla_put_u32(skb, E2EE_A_SOCKET_GUARD, guard)) ||
	    put_stats(skb, E2EE_A_SOCKET_STATS, socket->stats))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_guard_narrow(struct sk_buff *skb, const struct e2ee_guard *guard,
			    struct user_namespace *user_ns)
{
	if (guard->addr_len &&
	    nla_put(skb, E2EE_A_GUARD_LOCAL_ADDR, guard->addr_len, guard->addr))
		return -EMSGSIZE;
	if (guard->has_uid &&
	    nla_put_u32(skb, E2EE_A_GUARD_UID,
			from_kuid_munged(user_ns, guard->uid)))
		return -EMSGSIZE;
	if (guard->cgroup_path &&
	    nla_put_string(skb, E2EE_A_GUARD_CGROUP, guard->cgroup_path))
		return -EMSGSIZE;
	return 0;
}

static int put_guard(struct sk_buff *skb, const struct e2ee_guard *guard,
		     struct user_namespace *user_ns)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_GUARD);

	if (!nest ||
	    nla_put_u32(skb, E2EE_A_GUARD_ID, guard->id) ||
	    nla_put_u32(skb, E2EE_A_GUARD_SESSION, guard->session->id) ||
	    nla_put_u16(skb, E2EE_A_GUARD_PORT_FIRST, guard->port_first) ||
	    nla_put_u16(skb, E2EE_A_GUARD_PORT_LAST, guard->port_last) ||
	    put_guard_narrow(skb, guard, user_ns) ||
	    nla_put_u32(skb, E2EE_A_GUARD_SOCKETS,
			atomic_read(&guard->sockets)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* What identifies a new object, in answer to the command that made it */

int e2ee_put_session_ref(struct sk_buff *skb,
			 const struct e2ee_session *session)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_SESSION);

	if (!nest || nla_put_u32(skb, E2EE_A_SESSION_ID, session->id) ||
	    nla_put_string(skb, E2EE_A_SESSION_NAME, session->name))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int e2ee_put_socket_ref(struct sk_buff *skb, const struct e2ee_socket *socket)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_SOCKET);

	if (!nest || nla_put_u64_64bit(skb, E2EE_A_SOCKET_ID, socket->id,
				       E2EE_A_SOCKET_PAD) ||
	    nla_put_u32(skb, E2EE_A_SOCKET_SESSION, e2ee_socket_session(socket)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int e2ee_put_guard_ref(struct sk_buff *skb, const struct e2ee_guard *guard)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_GUARD);

	if (!nest || nla_put_u32(skb, E2EE_A_GUARD_ID, guard->id) ||
	    nla_put_u32(skb, E2EE_A_GUARD_SESSION, guard->session->id))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* One object, in answer to a request that names it */

int e2ee_session_get_doit(struct e2ee_call *call)
{
	struct e2ee_session *session;
	int err;

	err = e2ee_parse_session(call, &session);
	return err ?: put_session(call->answer, session);
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
		return put_key(call->answer, key);
	err = e2ee_refuse(&why, E2EE_A_KEY_KID, -ENOENT, "no such key");
	return e2ee_parse_refuse(call, call->attrs[E2EE_A_KEY], &why, err);
}

/* The policy lets a session pass, for dumps; on one object it says nothing. */
static int refuse_session(const struct e2ee_call *call)
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

	err = refuse_session(call) ?: e2ee_parse_socket(call, &sk);
	if (err)
		return err;
	socket = e2ee_socket_find(sk);
	if (socket) {
		err = put_socket(call->answer, socket, call->user_ns);
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

	err = refuse_session(call) ?: e2ee_parse_guard(call, &guard);
	return err ?: put_guard(call->answer, guard, call->user_ns);
}

/* Named by making a transform, as a key would: a driver may come or go */
static int put_drivers(struct sk_buff *skb)
{
	static const u8 zero[E2EE_KEY_LEN_MAX];
	struct e2ee_aead aead;
	const char *fallback;
	int err;

	/* without any driver the answer names none */
	if (e2ee_aead_init_ready(&aead, zero, sizeof(zero), ""))
		return 0;
	fallback = e2ee_aead_driver(&aead, true);
	err = nla_put_string(skb, E2EE_A_INFO_DRIVER_SYNC,
			     e2ee_aead_driver(&aead, false));
	if (!err && fallback)
		err = nla_put_string(skb, E2EE_A_INFO_DRIVER_FALLBACK,
				     fallback);
	e2ee_aead_destroy(&aead);
	return err;
}

int e2ee_info_get_doit(struct e2ee_call *call)
{
	const struct e2ee_net *enet = call->enet;
	struct sk_buff *skb = call->answer;
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_INFO);
	u32 digests, digests_max, floors, floors_max;
	u64 floors_lost;

	floors = e2ee_floor_count(enet->net->user_ns, &floors_max,
				  &floors_lost);
	digests = e2ee_digest_count(enet->net->user_ns, &digests_max);
	if (!nest ||
	    nla_put_string(skb, E2EE_A_INFO_VERSION,
			   THIS_MODULE->version ?: "") ||
	    put_drivers(skb) ||
	    nla_put_u32(skb, E2EE_A_INFO_SESSIONS, enet->num_sessions) ||
	    nla_put_u32(skb, E2EE_A_INFO_KEYS, enet->num_keys) ||
	    nla_put_u32(skb, E2EE_A_INFO_SOCKETS,
			READ_ONCE(enet->num_sockets)) ||
	    nla_put_u32(skb, E2EE_A_INFO_GUARDS, enet->num_guards) ||
	    nla_put_u32(skb, E2EE_A_INFO_DIGESTS, digests) ||
	    nla_put_u32(skb, E2EE_A_INFO_DIGESTS_MAX, digests_max) ||
	    nla_put_u32(skb, E2EE_A_INFO_FLOORS, floors) ||
	    nla_put_u32(skb, E2EE_A_INFO_FLOORS_MAX, floors_max) ||
	    nla_put_u64_64bit(skb, E2EE_A_INFO_FLOORS_LOST, floors_lost,
			      E2EE_A_INFO_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
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

static struct e2ee_dump *dump_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct e2ee_dump) > sizeof(cb->ctx));
	return (struct e2ee_dump *)cb->ctx;
}

static struct e2ee_net *dump_net(struct netlink_callback *cb)
{
	return e2ee_net(sock_net(cb->skb->sk));
}

static struct user_namespace *dump_user_ns(struct netlink_callback *cb)
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
		.enet = dump_net(cb),
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
		dump_of(cb)->filter = session->id;
	mutex_unlock(&call.enet->lock);
	return err;
}

/*
 * Odd, so that it is never 0, which would mean "no sequence", and differs
 * between any two states of the lists that a dump may see.
 */
static void dump_lock(struct netlink_callback *cb)
{
	struct e2ee_net *enet = dump_net(cb);

	mutex_lock(&enet->lock);
	cb->seq = atomic_read(&enet->seq) * 2U + 1;
}

static int dump_unlock(struct sk_buff *skb, struct netlink_callback *cb,
		       int err)
{
	mutex_unlock(&dump_net(cb)->lock);
	if (err == -EMSGSIZE && skb->len)
		return skb->len;	/* full: there is more */
	return err ?: skb->len;
}

/* One object, or nothing and -EMSGSIZE */
static int dump_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      void **header)
{
	*header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
			      cb->nlh->nlmsg_seq, &e2ee_genl_family,
			      NLM_F_MULTI, cmd);
	if (!*header)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, *header);
	return 0;
}

static int dump_end(struct sk_buff *skb, void *header, int err)
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
	struct e2ee_dump *dump = dump_of(cb);
	struct e2ee_session *session;
	void *header;
	int err = 0;

	dump_lock(cb);
	list_for_each_entry(session, &dump_net(cb)->sessions, node) {
		if (session->id <= dump->session ||
		    (dump->filter && dump->filter != session->id))
			continue;
		err = dump_begin(skb, cb, E2EE_CMD_SESSION_GET, &header);
		if (!err)
			err = dump_end(skb, header, put_session(skb, session));
		if (err)
			break;
		dump->session = session->id;
	}
	return dump_unlock(skb, cb, err);
}

/* The key behind the one shown last in this session */
static struct e2ee_key *dump_key(struct e2ee_session *session,
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

static void dump_note_key(struct e2ee_dump *dump, const struct e2ee_key *key)
{
	dump->serial = key->serial;
	dump->dir = key->id.dir;
	dump->mode = key->id.mode;
	dump->ssrc = key->id.ssrc;
	dump->kid = key->id.kid;
}

static int dump_session_keys(struct sk_buff *skb, struct netlink_callback *cb,
			     struct e2ee_session *session)
{
	struct e2ee_dump *dump = dump_of(cb);
	struct e2ee_key *key;
	void *header;
	int err;

	key = dump_key(session, dump);
	if (!key)
		return 0;
	list_for_each_entry_from(key, &session->keys, node) {
		if (key->serial > dump->newest)
			break;
		err = dump_begin(skb, cb, E2EE_CMD_KEY_GET, &header);
		if (!err)
			err = dump_end(skb, header, put_key(skb, key));
		if (err)
			return err;
		dump_note_key(dump, key);
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
	struct e2ee_net *enet = dump_net(cb);
	struct e2ee_dump *dump = dump_of(cb);
	struct e2ee_session *session;
	int err = 0;

	dump_lock(cb);
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
		err = dump_session_keys(skb, cb, session);
		if (err)
			break;
	}
	return dump_unlock(skb, cb, err);
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
	struct e2ee_dump *dump = dump_of(cb);
	struct e2ee_socket *socket = NULL;
	void *header;
	int err = 0;

	dump_lock(cb);
	while (!err) {
		socket = e2ee_socket_next(dump_net(cb), socket, dump->socket,
					  dump->filter);
		if (!socket)
			break;
		err = dump_begin(skb, cb, E2EE_CMD_SOCKET_GET, &header);
		if (!err)
			err = dump_end(skb, header,
				       put_socket(skb, socket,
						  dump_user_ns(cb)));
		if (err)
			sock_put(socket->sk);
		else
			dump->socket = socket->id;
	}
	return dump_unlock(skb, cb, err);
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
	struct e2ee_dump *dump = dump_of(cb);
	struct e2ee_guard *guard;
	void *header;
	int err = 0;

	dump_lock(cb);
	list_for_each_entry(guard, &dump_net(cb)->guards, node) {
		if (guard->id <= dump->guard ||
		    (dump->filter && dump->filter != guard->session->id))
			continue;
		err = dump_begin(skb, cb, E2EE_CMD_GUARD_GET, &header);
		if (!err)
			err = dump_end(skb, header,
				       put_guard(skb, guard, dump_user_ns(cb)));
		if (err)
			break;
		dump->guard = guard->id;
	}
	return dump_unlock(skb, cb, err);
}
