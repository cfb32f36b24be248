// SPDX-License-Identifier: GPL-2.0
/*
 * Answers: how each object is shown in a message.
 */
#include <linux/module.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include "aead.h"
#include "address.h"
#include "digest.h"
#include "event.h"
#include "floor.h"
#include "guard.h"
#include "key.h"
#include "net.h"
#include "netlink.h"
#include "session.h"
#include "socket.h"
#include "stats.h"
#include "compat/compat.h"

static int e2ee_put_stats(struct sk_buff *skb, int type,
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

static int e2ee_put_rtx_pt(struct sk_buff *skb,
			   const struct e2ee_session *session)
{
	u8 pt[128];
	unsigned int bit;
	int n = 0;

	for_each_set_bit(bit, session->rtx_pt, 128)
		pt[n++] = bit;
	return nla_put(skb, E2EE_A_SESSION_RTX_PT, n, pt);
}

int e2ee_put_session(struct sk_buff *skb, struct e2ee_session *session)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_SESSION);

	if (!nest ||
	    nla_put_u32(skb, E2EE_A_SESSION_ID, session->id) ||
	    nla_put_string(skb, E2EE_A_SESSION_NAME, session->name) ||
	    nla_put_u32(skb, E2EE_A_SESSION_POLICY, session->policy) ||
	    nla_put_u32(skb, E2EE_A_SESSION_WINDOW, session->window) ||
	    e2ee_put_rtx_pt(skb, session) ||
	    nla_put_string(skb, E2EE_A_SESSION_CRYPTO, session->crypto) ||
	    nla_put_u32(skb, E2EE_A_SESSION_FLAGS, session->flags) ||
	    nla_put_u32(skb, E2EE_A_SESSION_EPOCH, session->epoch) ||
	    nla_put_u32(skb, E2EE_A_SESSION_KEYS, session->num_keys) ||
	    nla_put_u32(skb, E2EE_A_SESSION_SOCKETS,
			READ_ONCE(session->num_sockets)) ||
	    e2ee_put_stats(skb, E2EE_A_SESSION_STATS, session->stats))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* The SSRC of a claim key is what it was claimed for, once it was. */
static int e2ee_put_key_ssrc(struct sk_buff *skb, struct e2ee_key *key)
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

static int e2ee_put_key_limits(struct sk_buff *skb, const struct e2ee_key *key)
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
int e2ee_put_key(struct sk_buff *skb, struct e2ee_key *key)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_KEY);

	if (!nest ||
	    nla_put_u32(skb, E2EE_A_KEY_SESSION, key->session->id) ||
	    nla_put_u32(skb, E2EE_A_KEY_DIR, key->id.dir) ||
	    nla_put_u64_64bit(skb, E2EE_A_KEY_KID, key->id.kid,
			      E2EE_A_KEY_PAD) ||
	    e2ee_put_key_ssrc(skb, key) ||
	    nla_put_u32(skb, E2EE_A_KEY_SUITE, key->suite) ||
	    nla_put_u32(skb, E2EE_A_KEY_EPOCH, key->epoch) ||
	    nla_put_u64_64bit(skb, E2EE_A_KEY_CTR, e2ee_key_next_ctr(key),
			      E2EE_A_KEY_PAD) ||
	    e2ee_put_key_limits(skb, key) ||
	    nla_put_string(skb, E2EE_A_KEY_DRIVER,
			   e2ee_aead_driver(&key->aead, false)) ||
	    nla_put_u64_64bit(skb, E2EE_A_KEY_PACKETS, e2ee_key_packets(key),
			      E2EE_A_KEY_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int e2ee_put_remote(struct sk_buff *skb, const struct sock *sk)
{
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED)
		return 0;
	return e2ee_put_addr(skb, E2EE_A_SOCKET_REMOTE_ADDR, sk,
			     inet_sk(sk)->inet_daddr,
			     e2ee_compat_remote6(sk)) ?:
	       nla_put_u16(skb, E2EE_A_SOCKET_REMOTE_PORT,
			   ntohs(READ_ONCE(inet_sk(sk)->inet_dport)));
}

int e2ee_put_socket(struct sk_buff *skb, const struct e2ee_socket *socket,
		    struct user_namespace *user_ns)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_SOCKET);
	u32 guard = READ_ONCE(socket->guard);	/* until it is closed */
	struct sock *sk = socket->sk;

	if (!nest ||
	    nla_put_u64_64bit(skb, E2EE_A_SOCKET_ID, socket->id,
			      E2EE_A_SOCKET_PAD) ||
	    nla_put_u32(skb, E2EE_A_SOCKET_SESSION,
			e2ee_socket_session(socket)) ||
	    e2ee_put_local(skb, E2EE_A_SOCKET_LOCAL_ADDR,
			   E2EE_A_SOCKET_LOCAL_PORT, sk) ||
	    e2ee_put_remote(skb, sk) ||
	    nla_put_u64_64bit(skb, E2EE_A_SOCKET_INODE, sock_i_ino(sk),
			      E2EE_A_SOCKET_PAD) ||
	    nla_put_u32(skb, E2EE_A_SOCKET_UID,
			from_kuid_munged(user_ns, READ_ONCE(sk->sk_uid))) ||
	    (guard && nla_put_u32(skb, E2EE_A_SOCKET_GUARD, guard)) ||
	    e2ee_put_stats(skb, E2EE_A_SOCKET_STATS, socket->stats))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int e2ee_put_guard_narrow(struct sk_buff *skb,
				 const struct e2ee_guard *guard,
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

int e2ee_put_guard(struct sk_buff *skb, const struct e2ee_guard *guard,
		   struct user_namespace *user_ns)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_GUARD);

	if (!nest ||
	    nla_put_u32(skb, E2EE_A_GUARD_ID, guard->id) ||
	    nla_put_u32(skb, E2EE_A_GUARD_SESSION, guard->session->id) ||
	    nla_put_u16(skb, E2EE_A_GUARD_PORT_FIRST, guard->port_first) ||
	    nla_put_u16(skb, E2EE_A_GUARD_PORT_LAST, guard->port_last) ||
	    e2ee_put_guard_narrow(skb, guard, user_ns) ||
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
	    nla_put_u32(skb, E2EE_A_SOCKET_SESSION,
			e2ee_socket_session(socket)))
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

/* Named by making a transform, as a key would: a driver may come or go */
static int e2ee_put_drivers(struct sk_buff *skb)
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

int e2ee_put_info(struct sk_buff *skb, const struct e2ee_net *enet)
{
	struct nlattr *nest = nla_nest_start(skb, E2EE_A_INFO);
	u32 digests, digests_max, floors, floors_max;
	u64 floors_lost;

	floors = e2ee_floor_count(enet->net->user_ns, &floors_max,
				  &floors_lost);
	digests = e2ee_digest_count(enet->net->user_ns, &digests_max);
	if (!nest ||
	    nla_put_string(skb, E2EE_A_INFO_VERSION,
			   THIS_MODULE->version ?: "") ||
	    e2ee_put_drivers(skb) ||
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
