// SPDX-License-Identifier: GPL-2.0
/*
 * Guards: rules that say which sockets are attached by themselves, and to which
 * session. contact.c acts on them.
 */
#include <linux/cgroup.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include "compat/compat.h"
#include "guard.h"
#include "memory.h"
#include "net.h"
#include "session.h"
#include "stats.h"

static bool e2ee_guard_addr_match(const struct e2ee_guard *guard,
				  const struct sock *sk)
{
	const u8 *addr = (const u8 *)&sk->sk_rcv_saddr;

	if (!guard->addr_len)
		return true;
	if (guard->addr_len == sizeof(struct in6_addr)) {
		if (sk->sk_family != AF_INET6)
			return false;
		addr = e2ee_compat_local6(sk)->s6_addr;
		/* bound to any: it may use the guard's address */
		if (ipv6_addr_any(e2ee_compat_local6(sk)))
			return true;
	} else if (!sk->sk_rcv_saddr) {
		return sk->sk_family == AF_INET || !ipv6_only_sock(sk);
	}
	return !memcmp(addr, guard->addr, guard->addr_len);
}

/* a kernel whose sockets know no control group has no such guards */
#ifdef CONFIG_SOCK_CGROUP_DATA
static bool e2ee_guard_cgroup_match(const struct e2ee_guard *guard,
				    struct sock *sk)
{
	struct cgroup *cgroup = sock_cgroup_ptr(&sk->sk_cgrp_data);

	return cgroup && cgroup_is_descendant(cgroup, guard->cgroup);
}

static struct cgroup *e2ee_guard_cgroup_get(const char *path)
{
	return cgroup_get_from_path(path);
}

static void e2ee_guard_cgroup_put(struct cgroup *cgroup)
{
	cgroup_put(cgroup);
}
#else
static bool e2ee_guard_cgroup_match(const struct e2ee_guard *guard,
				    struct sock *sk)
{
	return false;
}

static struct cgroup *e2ee_guard_cgroup_get(const char *path)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void e2ee_guard_cgroup_put(struct cgroup *cgroup)
{
}
#endif

static bool e2ee_guard_match(const struct e2ee_guard *guard, struct sock *sk,
			     u16 port)
{
	if (port < guard->port_first || port > guard->port_last)
		return false;
	if (!e2ee_guard_addr_match(guard, sk))
		return false;
	if (guard->has_uid && !uid_eq(READ_ONCE(sk->sk_uid), guard->uid))
		return false;
	return !guard->cgroup || e2ee_guard_cgroup_match(guard, sk);
}

/**
 * e2ee_guard_of() - the rule that a socket is in the range of
 * @enet: the namespace
 * @sk: a UDP socket
 * @port: its local port, host order
 *
 * Context: any but hard interrupt, under rcu_read_lock(), for which the guard
 * and its session are valid.
 * Return: the guard, or NULL.
 */
struct e2ee_guard *e2ee_guard_of(struct e2ee_net *enet, struct sock *sk,
				 u16 port)
{
	struct e2ee_guard *guard;

	list_for_each_entry_rcu(guard, &enet->guards, node,
				lockdep_is_held(&enet->lock))
		if (e2ee_guard_match(guard, sk, port))
			return guard;
	return NULL;
}

/**
 * e2ee_guard_has_port() - is this a port of any rule?
 * @enet: the namespace
 * @port: local, host order
 *
 * Context: any but hard interrupt, under rcu_read_lock().
 */
bool e2ee_guard_has_port(struct e2ee_net *enet, u16 port)
{
	struct e2ee_guard *guard;

	list_for_each_entry_rcu(guard, &enet->guards, node)
		if (port >= guard->port_first && port <= guard->port_last)
			return true;
	return false;
}

/**
 * e2ee_guard_covers() - is this socket in the range of a guard?
 * @enet: the namespace
 * @sk: a UDP socket
 *
 * Context: process.
 */
bool e2ee_guard_covers(struct e2ee_net *enet, struct sock *sk)
{
	bool covers;

	rcu_read_lock();
	covers = e2ee_guard_of(enet, sk, inet_sk(sk)->inet_num);
	rcu_read_unlock();
	return covers;
}

/**
 * e2ee_guard_by_id() - find a guard
 * @enet: the namespace
 * @id: from 1
 *
 * Context: any but hard interrupt, under struct e2ee_net.lock or
 * rcu_read_lock(), for which the guard and its session are valid.
 * Return: the guard, or NULL.
 */
struct e2ee_guard *e2ee_guard_by_id(struct e2ee_net *enet, u32 id)
{
	struct e2ee_guard *guard;

	list_for_each_entry_rcu(guard, &enet->guards, node,
				lockdep_is_held(&enet->lock))
		if (guard->id == id)
			return guard;
	return NULL;
}

static bool e2ee_guard_is_same(const struct e2ee_guard *a,
			       const struct e2ee_guard *b)
{
	return a->port_first == b->port_first && a->port_last == b->port_last &&
	       a->addr_len == b->addr_len &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr)) &&
	       a->has_uid == b->has_uid &&
	       (!a->has_uid || uid_eq(a->uid, b->uid)) &&
	       a->cgroup == b->cgroup;
}

static int e2ee_guard_take_cgroup(struct e2ee_guard *guard, const char *path,
				  struct e2ee_refusal *why)
{
	struct cgroup *cgroup;

	if (!path)
		return 0;
	guard->cgroup_path = kstrdup(path, E2EE_GFP_REQUEST);
	if (!guard->cgroup_path)
		return -ENOMEM;
	cgroup = e2ee_guard_cgroup_get(path);
	if (IS_ERR(cgroup)) {
		kfree(guard->cgroup_path);
		return e2ee_refuse(why, E2EE_A_GUARD_CGROUP, PTR_ERR(cgroup),
				   PTR_ERR(cgroup) == -EOPNOTSUPP ?
				   "this kernel's sockets know no cgroup" :
				   "no such cgroup");
	}
	guard->cgroup = cgroup;
	return 0;
}

/* nobody sees it any more */
static void e2ee_guard_free(struct e2ee_guard *guard)
{
	if (guard->cgroup)
		e2ee_guard_cgroup_put(guard->cgroup);
	kfree(guard->cgroup_path);
	e2ee_session_put(guard->session);
	kfree(guard);
	e2ee_object_destroyed(E2EE_OBJECT_GUARD);
}

static void e2ee_guard_free_rcu(struct rcu_head *rcu)
{
	e2ee_guard_free(container_of(rcu, struct e2ee_guard, rcu));
}

static struct e2ee_guard *
e2ee_guard_alloc(struct e2ee_session *session,
		 const struct e2ee_guard_param *param, struct e2ee_refusal *why)
{
	struct e2ee_guard *guard;
	int err;

	guard = kzalloc(sizeof(*guard), E2EE_GFP_REQUEST);
	if (!guard)
		return ERR_PTR(-ENOMEM);
	err = e2ee_guard_take_cgroup(guard, param->cgroup, why);
	if (err) {
		kfree(guard);
		return ERR_PTR(err);
	}
	guard->session = e2ee_session_get(session);
	guard->port_first = param->port_first;
	guard->port_last = param->port_last;
	guard->addr_len = param->addr_len;
	memcpy(guard->addr, param->addr, param->addr_len);
	guard->has_uid = param->has_uid;
	guard->uid = param->uid;
	e2ee_object_created(E2EE_OBJECT_GUARD);
	return guard;
}

static int e2ee_guard_insert(struct e2ee_guard *guard, struct e2ee_net *enet,
			     struct e2ee_refusal *why)
{
	struct e2ee_guard *other;

	/* packets and requests walk them all */
	if (enet->num_guards >= E2EE_GUARDS_PER_NET)
		return e2ee_refuse(why, 0, -ENOSPC,
				   "namespace is full of guards");
	list_for_each_entry(other, &enet->guards, node)
		if (e2ee_guard_is_same(other, guard))
			return e2ee_refuse(why, E2EE_A_GUARD_PORT_FIRST,
					   -EEXIST, "such a guard exists");
	while (!++enet->next_guard || e2ee_guard_by_id(enet, enet->next_guard))
		;
	guard->id = enet->next_guard;
	guard->session->num_guards++;
	enet->num_guards++;
	atomic_inc(&enet->seq);
	list_add_tail_rcu(&guard->node, &enet->guards);
	return 0;
}

/**
 * e2ee_guard_new() - make a guard
 * @session: where its sockets go
 * @param: the rule
 * @why: told where it is refused
 *
 * Sockets that already talk are attached with their next RTP packet, if
 * contact.c looks at it.
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: the guard, valid while the lock is held, or an error pointer:
 * -EINVAL, -EEXIST, -ENOENT and others for the cgroup, -ENOMEM.
 */
struct e2ee_guard *e2ee_guard_new(struct e2ee_session *session,
				  const struct e2ee_guard_param *param,
				  struct e2ee_refusal *why)
{
	struct e2ee_guard *guard;
	int err;

	lockdep_assert_held(&session->enet->lock);
	if (!param->port_first || param->port_last < param->port_first) {
		e2ee_refuse(why, E2EE_A_GUARD_PORT_FIRST, -EINVAL,
			    "port range is empty");
		return ERR_PTR(-EINVAL);
	}
	guard = e2ee_guard_alloc(session, param, why);
	if (IS_ERR(guard))
		return guard;
	err = e2ee_guard_insert(guard, session->enet, why);
	if (err) {
		e2ee_guard_free(guard);
		return ERR_PTR(err);
	}
	return guard;
}

/**
 * e2ee_guard_del() - delete a guard; its sockets stay attached
 * @guard: which
 *
 * Packets that are being looked at may still go by it.
 *
 * Context: process, under struct e2ee_net.lock.
 */
void e2ee_guard_del(struct e2ee_guard *guard)
{
	struct e2ee_net *enet = guard->session->enet;

	list_del_rcu(&guard->node);
	atomic_inc(&enet->seq);
	guard->session->num_guards--;
	enet->num_guards--;
	call_rcu(&guard->rcu, e2ee_guard_free_rcu);
}

/* the namespace goes, or the module; under struct e2ee_net.lock */
void e2ee_guard_net_exit(struct e2ee_net *enet)
{
	struct e2ee_guard *guard, *next;

	list_for_each_entry_safe(guard, next, &enet->guards, node)
		e2ee_guard_del(guard);
}
