// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions of a network namespace.
 *
 * DOC: locks and lifetime
 *
 * Requests hold struct e2ee_net.lock; below it come the spinlocks sockets_lock,
 * claim_lock, windows_lock, event_lock, that of the holds and those
 * of one socket, none of which nests in another. Packets take none of them on
 * the usual way: they read under RCU.
 *
 * lock_sock() of a socket is its owner's, who may sleep with it for as long as he
 * likes. We only ever try to take it (e2ee_socket_attach()); sockets_lock nests in
 * it.
 *
 * DOC: what a request does not wait for
 *
 * Generic netlink holds its own lock, cb_lock, for reading while it carries out
 * all requests of one send(). Whoever registers a family waits for the end of that,
 * and from then on everybody's requests to any family wait for the registration.
 * And any user of the host may own a network namespace, and so send us requests.
 * So a request waits for nothing that its sender or another user can put off. It
 * tries, and where what it needs is not at hand, it is undone and answered with
 * -EAGAIN, and its sender asks again (libe2ee does). That goes for the lock of a
 * socket; for memory (memory.h); for drivers of ciphers, which a work item loads
 * (driver.c); for hooks of netfilter, which a work item registers (contact.c); and
 * for packets that are under way (e2ee_grace_check()).
 *
 * These locks and queues are shared by all namespaces and users:
 *
 *  - e2ee_digest_lock, e2ee_floor_lock and e2ee_share_lock are spinlocks. Whoever
 *    holds one of them neither sleeps nor allocates memory that is charged to
 *    somebody.
 *  - The workqueue of keys frees what deleted keys leave, which takes CPU time
 *    and nothing else. Whoever ends a namespace waits for it.
 *  - The workqueue of holds (hold.c) never waits for the lock of a socket or of a
 *    namespace: it comes back later instead. Packets that it sends do not wait for
 *    room in the send buffer.
 *  - The workqueues of sockets and of receiving (socket.c, rx.c) take CPU time,
 *    and wait for nothing but the end of a grace period.
 *  - The workqueue of first contact takes a lock of netfilter, under which the
 *    owners of other namespaces may be throttled. A request for a guard is told
 *    to ask again meanwhile.
 *  - The workqueue of drivers may wait for modules and for self-tests of ciphers,
 *    one driver at a time for each namespace.
 *  - Tables of keys grow in the system's workqueue, at nobody's expense.
 *
 * A session is in its namespace's list until it is deleted. Sockets that are
 * bound to it, and sends that began while they were, keep it in memory. To them
 * its policy is "blocked" from then on.
 */
#include <linux/memcontrol.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/netns/generic.h>
#include "contact.h"
#include "driver.h"
#include "event.h"
#include "guard.h"
#include "hold.h"
#include "key.h"
#include "keyring.h"
#include "memory.h"
#include "session.h"
#include "socket.h"
#include "stats.h"
#include "stream.h"

unsigned int e2ee_net_id;

/**
 * e2ee_net() - our part of a network namespace
 * @net: a namespace
 */
struct e2ee_net *e2ee_net(const struct net *net)
{
	return net_generic(net, e2ee_net_id);
}

static void e2ee_session_free(struct rcu_head *rcu)
{
	struct e2ee_session *session = container_of(rcu, struct e2ee_session,
						    rcu);

	percpu_ref_exit(&session->ref);
	free_percpu(session->stats);
	mem_cgroup_put(session->memcg);
	kfree(session);
	e2ee_object_destroyed(E2EE_OBJECT_SESSION);
}

/* The last reference is gone; packets may still look at it under RCU. */
static void e2ee_session_release(struct percpu_ref *ref)
{
	struct e2ee_session *session = container_of(ref, struct e2ee_session,
						    ref);

	call_rcu(&session->rcu, e2ee_session_free);
}

/**
 * e2ee_session_get() - take a reference
 * @session: one that the caller knows to live
 *
 * Return: @session.
 */
struct e2ee_session *e2ee_session_get(struct e2ee_session *session)
{
	percpu_ref_get(&session->ref);
	return session;
}

/**
 * e2ee_session_tryget() - take a reference, unless the last one is gone
 * @session: valid under rcu_read_lock()
 *
 * Context: any.
 * Return: false where the session is about to be freed.
 */
bool e2ee_session_tryget(struct e2ee_session *session)
{
	return percpu_ref_tryget(&session->ref);
}

/**
 * e2ee_session_put() - drop a reference
 * @session: may be NULL
 *
 * Context: any but hard interrupt.
 */
void e2ee_session_put(struct e2ee_session *session)
{
	if (session)
		percpu_ref_put(&session->ref);
}

/**
 * e2ee_session_by_id() - find a session
 * @enet: the namespace
 * @id: from 1
 *
 * Context: process, under struct e2ee_net.lock.
 */
struct e2ee_session *e2ee_session_by_id(struct e2ee_net *enet, u32 id)
{
	struct e2ee_session *session;

	lockdep_assert_held(&enet->lock);
	list_for_each_entry(session, &enet->sessions, node)
		if (session->id == id)
			return session;
	return NULL;
}

/**
 * e2ee_session_by_name() - find a session
 * @enet: the namespace
 * @name: NUL terminated
 *
 * Context: process, under struct e2ee_net.lock.
 */
struct e2ee_session *e2ee_session_by_name(struct e2ee_net *enet,
					  const char *name)
{
	struct e2ee_session *session;

	lockdep_assert_held(&enet->lock);
	list_for_each_entry(session, &enet->sessions, node)
		if (!strcmp(session->name, name))
			return session;
	return NULL;
}

static void e2ee_session_event(struct e2ee_session *session, u32 type)
{
	struct e2ee_event_msg msg = {
		.type = type,
		.given = E2EE_EVENT_HAS_EPOCH,
		.epoch = session->epoch,
	};

	e2ee_event_send(session->enet, session, &msg);
}

/* ids are not used again before all others were */
static void e2ee_session_give_id(struct e2ee_session *session)
{
	struct e2ee_net *enet = session->enet;
	u32 id = enet->next_session;

	while (!id || e2ee_session_by_id(enet, id))
		id++;
	session->id = id;
	enet->next_session = id + 1;
}

static void e2ee_session_apply(struct e2ee_session *session,
			       const struct e2ee_session_param *param)
{
	unsigned int i;

	if (param->given & E2EE_SESSION_HAS_POLICY)
		WRITE_ONCE(session->policy, param->policy);
	if (param->given & E2EE_SESSION_HAS_FLAGS)
		WRITE_ONCE(session->flags, param->flags);
	if (param->given & E2EE_SESSION_HAS_WINDOW)
		session->window = param->window;
	if (param->given & E2EE_SESSION_HAS_RTX_PT)
		for (i = 0; i < ARRAY_SIZE(session->rtx_pt); i++)
			WRITE_ONCE(session->rtx_pt[i], param->rtx_pt[i]);
	if (param->given & E2EE_SESSION_HAS_CRYPTO)
		strscpy(session->crypto, param->crypto,
			sizeof(session->crypto));
	if (param->given & E2EE_SESSION_HAS_EPOCH)
		WRITE_ONCE(session->epoch, param->epoch);
}

/**
 * e2ee_grace_check() - may a request wait for packets that are under way?
 * @enet: the namespace
 * @why: told where it may not
 *
 * Such a wait takes milliseconds, and one send() may carry thousands of requests,
 * all of which are carried out while everybody else waits. So only one of them
 * may.
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: 0 or -EAGAIN.
 */
int e2ee_grace_check(struct e2ee_net *enet, struct e2ee_refusal *why)
{
	lockdep_assert_held(&enet->lock);
	if (time_before(jiffies, enet->grace_next))
		return e2ee_refuse(why, 0, -EAGAIN,
				   "another request waited for packets just now: ask again");
	return 0;
}

/**
 * e2ee_grace_done() - a request has waited for packets that are under way
 * @enet: the namespace
 *
 * Context: process, under struct e2ee_net.lock.
 */
void e2ee_grace_done(struct e2ee_net *enet)
{
	lockdep_assert_held(&enet->lock);
	enet->grace_next = jiffies + E2EE_GRACE_PAUSE;
}

static int e2ee_session_check(const struct e2ee_session_param *param,
			      struct e2ee_refusal *why)
{
	if (param->given & E2EE_SESSION_HAS_POLICY &&
	    param->policy >= E2EE_POLICY_BLOCKED)
		return e2ee_refuse(why, E2EE_A_SESSION_POLICY, -EINVAL,
				   "policy must be required, optional or off");
	if (param->given & E2EE_SESSION_HAS_WINDOW &&
	    (param->window < E2EE_WINDOW_MIN ||
	     param->window > E2EE_WINDOW_MAX || !is_power_of_2(param->window)))
		return e2ee_refuse(why, E2EE_A_SESSION_WINDOW, -ERANGE,
				   "window must be a power of two from 64 to 65536");
	return 0;
}

/**
 * e2ee_session_new() - make a session
 * @enet: the namespace
 * @param: its name, and what @given names
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: the session, valid while the lock is held, or an error pointer: -EAGAIN:
 * the namespace is being prepared, or the session's driver is being looked for.
 */
struct e2ee_session *e2ee_session_new(struct e2ee_net *enet,
				      const struct e2ee_session_param *param,
				      struct e2ee_refusal *why)
{
	struct e2ee_session *session;
	struct e2ee_driver *driver;
	int err;

	/* a request walks them all, while others wait for it */
	if (enet->num_sessions >= E2EE_SESSIONS_PER_NET) {
		e2ee_refuse(why, 0, -ENOSPC, "namespace is full of sessions");
		return ERR_PTR(-ENOSPC);
	}
	if (e2ee_session_by_name(enet, param->name)) {
		e2ee_refuse(why, E2EE_A_SESSION_NAME, -EEXIST,
			    "session with this name exists");
		return ERR_PTR(-EEXIST);
	}
	err = e2ee_session_check(param, why) ?:
	      e2ee_hooks_start(&enet->out, why) ?:
	      e2ee_driver_find(enet, param->given & E2EE_SESSION_HAS_CRYPTO ?
			       param->crypto : "", &driver, why);
	if (err)
		return ERR_PTR(err);
	session = kzalloc(sizeof(*session), E2EE_GFP_REQUEST);
	if (!session) {
		e2ee_driver_put(driver);
		return ERR_PTR(-ENOMEM);
	}
	session->enet = enet;
	session->driver = driver;
	session->memcg = get_mem_cgroup_from_mm(current->mm);
	err = percpu_ref_init(&session->ref, e2ee_session_release, 0,
			      E2EE_GFP_REQUEST);
	if (err)
		goto free;
	session->window = E2EE_WINDOW_DEFAULT;
	INIT_LIST_HEAD(&session->keys);
	INIT_LIST_HEAD(&session->claims);
	spin_lock_init(&session->claim_lock);
	spin_lock_init(&session->event_lock);
	e2ee_event_session_init(session);
	strscpy(session->name, param->name, sizeof(session->name));
	e2ee_session_apply(session, param);
	e2ee_session_give_id(session);
	session->stats = e2ee_stats_alloc(E2EE_GFP_REQUEST);
	err = -ENOMEM;
	if (!session->stats)
		goto free;
	list_add_tail_rcu(&session->node, &enet->sessions);
	WRITE_ONCE(enet->num_sessions, enet->num_sessions + 1);
	atomic_inc(&enet->seq);
	e2ee_object_created(E2EE_OBJECT_SESSION);
	e2ee_session_event(session, E2EE_EVENT_SESSION_NEW);
	return session;

free:
	e2ee_driver_put(driver);
	percpu_ref_exit(&session->ref);
	mem_cgroup_put(session->memcg);
	kfree(session);
	return ERR_PTR(err);
}

static int e2ee_session_may_set(struct e2ee_session *session,
				const struct e2ee_session_param *param,
				bool tightens, struct e2ee_refusal *why)
{
	int err;

	err = e2ee_session_check(param, why);
	if (!err && param->given & E2EE_SESSION_HAS_EPOCH && !param->force)
		err = e2ee_stream_epoch_check(session, param->epoch, why);
	if (!err && tightens)
		err = e2ee_grace_check(session->enet, why);
	return err;
}

/**
 * e2ee_session_set() - change a session
 * @session: which
 * @param: what @given names
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock, sleeps for a grace period.
 * Return: 0 or a negative errno; nothing changed then. -EAGAIN: its driver is being
 * looked for, or another request waited for packets just now.
 */
int e2ee_session_set(struct e2ee_session *session,
		     const struct e2ee_session_param *param,
		     struct e2ee_refusal *why)
{
	bool tightens = param->given & E2EE_SESSION_HAS_POLICY &&
			param->policy == E2EE_POLICY_REQUIRED &&
			session->policy != E2EE_POLICY_REQUIRED;
	struct e2ee_driver *driver;
	int err;

	err = e2ee_session_may_set(session, param, tightens, why);
	if (err)
		return err;
	if (param->given & E2EE_SESSION_HAS_CRYPTO) {
		err = e2ee_driver_find(session->enet, param->crypto, &driver,
				       why);
		if (err)
			return err;
		swap(session->driver, driver);
		e2ee_driver_put(driver);
	}
	e2ee_session_apply(session, param);
	if (tightens) {
		e2ee_socket_purge(session);
		e2ee_grace_done(session->enet);
	}
	atomic_inc(&session->enet->seq);
	e2ee_session_event(session, E2EE_EVENT_SESSION_SET);
	return 0;
}

/**
 * e2ee_session_del() - delete a session; its sockets are blocked from now on
 * @session: which
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock, sleeps.
 * Return: 0; -EBUSY while a guard names it.
 */
int e2ee_session_del(struct e2ee_session *session, struct e2ee_refusal *why)
{
	struct e2ee_net *enet = session->enet;

	if (session->num_guards)
		return e2ee_refuse(why, 0, -EBUSY,
				   "a guard names the session: delete the guard first");
	/* before the keys go, so that no packet finds itself without one */
	WRITE_ONCE(session->policy, E2EE_POLICY_BLOCKED);
	list_del_rcu(&session->node);
	WRITE_ONCE(enet->num_sessions, enet->num_sessions - 1);
	if (!enet->num_sessions && !READ_ONCE(enet->num_sockets))
		e2ee_hooks_stop(&enet->out);
	atomic_inc(&enet->seq);
	e2ee_key_del_all(session);
	e2ee_driver_put(session->driver);
	session->driver = NULL;
	e2ee_session_event(session, E2EE_EVENT_SESSION_DEL);
	percpu_ref_kill(&session->ref);	/* drops that of the list */
	return 0;
}

static int __net_init e2ee_net_init(struct net *net)
{
	struct e2ee_net *enet = e2ee_net(net);
	int err;

	enet->net = net;
	mutex_init(&enet->lock);
	enet->grace_next = jiffies;
	e2ee_contact_net_init(enet);
	spin_lock_init(&enet->windows_lock);
	e2ee_socket_net_init(enet);
	INIT_LIST_HEAD(&enet->sessions);
	INIT_LIST_HEAD(&enet->guards);
	err = e2ee_keyring_net_init(enet);
	if (err)
		return err;
	err = e2ee_hold_net_init(enet);
	if (err)
		e2ee_keyring_net_exit(enet);
	return err;
}

/* its sockets are gone: each kept the namespace alive */
static void __net_exit e2ee_net_exit(struct net *net)
{
	struct e2ee_net *enet = e2ee_net(net);
	struct e2ee_session *session, *next;
	struct e2ee_refusal why;

	mutex_lock(&enet->lock);
	e2ee_guard_net_exit(enet);
	list_for_each_entry_safe(session, next, &enet->sessions, node)
		e2ee_session_del(session, &why);
	e2ee_driver_put(enet->driver);
	mutex_unlock(&enet->lock);
	/* deleting the last session has its work queued */
	e2ee_contact_net_exit(enet);
	e2ee_hold_net_exit(enet);	/* needs the lock to attach */
	e2ee_socket_net_exit(enet);
}

/* One wait for all namespaces that go together; most have never had a key. */
static void __net_exit e2ee_net_exit_batch(struct list_head *nets)
{
	struct net *net;
	bool had_keys = false;

	list_for_each_entry(net, nets, exit_list)
		had_keys |= e2ee_net(net)->key_serial;
	if (had_keys)
		e2ee_key_flush();
	list_for_each_entry(net, nets, exit_list)
		e2ee_keyring_net_exit(e2ee_net(net));
}

static struct pernet_operations e2ee_net_ops = {
	.init = e2ee_net_init,
	.exit = e2ee_net_exit,
	.exit_batch = e2ee_net_exit_batch,
	.id = &e2ee_net_id,
	.size = sizeof(struct e2ee_net),
};

int e2ee_session_init(void)
{
	return register_pernet_subsys(&e2ee_net_ops);
}

void e2ee_session_exit(void)
{
	unregister_pernet_subsys(&e2ee_net_ops);
	rcu_barrier();		/* guards, the last of which may put a session, */
	rcu_barrier();		/* percpu_ref_kill(): e2ee_session_release() */
	rcu_barrier();		/* e2ee_session_free() */
}
