// SPDX-License-Identifier: GPL-2.0
/*
 * Guards: rules that say which sockets are attached by themselves, and to which
 * session. contact.c and arrival.c act on them.
 */

/**
 * DOC: who sends
 *
 * A program may be given a socket that somebody else made (socket activation), or
 * change its user afterwards. So a guard for a user or a cgroup asks who owns the
 * socket, and, while a task sends, who the task is.
 */

/**
 * DOC: guards and the module
 *
 * A guard keeps the module: nobody unloads it and thereby opens the way.
 */
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include "cgroup.h"
#include "guard.h"
#include "memory.h"
#include "net.h"
#include "session.h"
#include "stats.h"
#include "compat/compat.h"

static const struct e2ee_port_range e2ee_guard_except[] =
	E2EE_EXCEPT_PEER_DEFAULT;

static_assert(ARRAY_SIZE(e2ee_guard_except) <= E2EE_EXCEPT_PEER_MAX);

/**
 * e2ee_guard_rule_init() - a rule that covers everything but the usual exceptions
 * @rule: to be filled
 */
void e2ee_guard_rule_init(struct e2ee_guard_rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	rule->num_except = ARRAY_SIZE(e2ee_guard_except);
	memcpy(rule->except, e2ee_guard_except, sizeof(e2ee_guard_except));
}

static bool e2ee_guard_has(const struct e2ee_guard *guard, u16 port)
{
	return !guard->rule.port_first || (port >= guard->rule.port_first &&
					   port <= guard->rule.port_last);
}

static bool e2ee_guard_excepts(const struct e2ee_guard_rule *rule, u16 peer)
{
	u32 i;

	for (i = 0; i < rule->num_except; i++)
		if (peer >= rule->except[i].first &&
		    peer <= rule->except[i].last)
			return true;
	return false;
}

static bool e2ee_guard_rule_match(const struct e2ee_guard_rule *rule,
				  const struct e2ee_guard_query *query,
				  bool task)
{
	if (rule->addr_len && query->addr_len &&
	    (rule->addr_len != query->addr_len ||
	     memcmp(rule->addr, query->addr, rule->addr_len)))
		return false;
	if (query->peer && e2ee_guard_excepts(rule, query->peer))
		return false;
	return !rule->has_uid ||
	       uid_eq(READ_ONCE(query->sk->sk_uid), rule->uid) ||
	       (task && uid_eq(current_euid(), rule->uid));
}

/* where softirqs are off, the task may be anybody's, whom they interrupted */
static bool e2ee_guard_has_task(const struct e2ee_guard_query *query)
{
	return query->sends && in_task() && !in_softirq() &&
	       !(current->flags & PF_KTHREAD);
}

/**
 * e2ee_guard_of() - the guard that covers a packet
 * @enet: the namespace
 * @query: the packet
 *
 * Context: any but hard interrupt, under rcu_read_lock(), for which the guard
 * and its session are valid.
 * Return: the guard, or NULL.
 */
struct e2ee_guard *e2ee_guard_of(struct e2ee_net *enet,
				 const struct e2ee_guard_query *query)
{
	bool task = e2ee_guard_has_task(query);
	struct e2ee_guard *guard;

	list_for_each_entry_rcu(guard, &enet->guards, node,
				lockdep_is_held(&enet->lock))
		if (guard->id > query->exempt &&
		    e2ee_guard_has(guard, query->port) &&
		    e2ee_guard_rule_match(&guard->rule, query, task) &&
		    e2ee_cgroup_match(&guard->cgroup, query->sk, task))
			return guard;
	return NULL;
}

/**
 * e2ee_guard_has_port() - may a guard cover this port?
 * @enet: the namespace
 * @port: local, host order
 *
 * Context: any but hard interrupt, under rcu_read_lock().
 */
bool e2ee_guard_has_port(struct e2ee_net *enet, u16 port)
{
	struct e2ee_guard *guard;

	list_for_each_entry_rcu(guard, &enet->guards, node)
		if (e2ee_guard_has(guard, port))
			return true;
	return false;
}

/**
 * e2ee_guard_covers() - does a guard cover this socket?
 * @enet: the namespace
 * @sk: a UDP socket
 *
 * Context: process.
 */
bool e2ee_guard_covers(struct e2ee_net *enet, struct sock *sk)
{
	const struct e2ee_guard_query query = {
		.sk = sk,
		.port = inet_sk(sk)->inet_num,
		.peer = ntohs(inet_sk(sk)->inet_dport),
	};
	bool covers;

	rcu_read_lock();
	covers = e2ee_guard_of(enet, &query);
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

/* where the rules have no holes: both were cleared before they were filled */
static bool e2ee_guard_is_same(const struct e2ee_guard *a,
			       const struct e2ee_guard *b)
{
	return !memcmp(&a->rule, &b->rule, sizeof(a->rule)) &&
	       e2ee_cgroup_is_same(&a->cgroup, &b->cgroup);
}

/* nobody sees it any more */
static void e2ee_guard_free(struct e2ee_guard *guard)
{
	e2ee_cgroup_free(&guard->cgroup);
	e2ee_session_put(guard->session);
	kfree(guard);
	e2ee_object_destroyed(E2EE_OBJECT_GUARD);
	module_put(THIS_MODULE);	/* exit waits for us: rcu_barrier() */
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
	err = e2ee_cgroup_init(&guard->cgroup, param->cgroup, why);
	if (!err && !try_module_get(THIS_MODULE))
		err = -ENODEV;
	if (err) {
		e2ee_cgroup_free(&guard->cgroup);
		kfree(guard);
		return ERR_PTR(err);
	}
	guard->session = e2ee_session_get(session);
	guard->rule = param->rule;
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
	/* sockets are exempt from the guards below an id */
	if (enet->last_guard == U32_MAX)
		return e2ee_refuse(why, 0, -ENOSPC,
				   "ids of guards are used up");
	guard->id = ++enet->last_guard;
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
 * Sockets that already talk are attached with their next RTP packet.
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: the guard, valid while the lock is held, or an error pointer:
 * -EINVAL, -EEXIST, -ENOSPC, -EOPNOTSUPP for the cgroup, -ENOMEM; -ENODEV: the module
 * is being unloaded.
 */
struct e2ee_guard *e2ee_guard_new(struct e2ee_session *session,
				  const struct e2ee_guard_param *param,
				  struct e2ee_refusal *why)
{
	struct e2ee_guard *guard;
	int err;

	lockdep_assert_held(&session->enet->lock);
	if (!param->rule.port_first && !param->rule.has_uid && !param->cgroup) {
		e2ee_refuse(why, E2EE_A_GUARD_PORT_FIRST, -EINVAL,
			    "a guard needs ports, a user or a cgroup");
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
