// SPDX-License-Identifier: GPL-2.0
/* Sessions of a network namespace. */

/**
 * DOC: lifetime of a session
 *
 * A session is in its namespace's list until it is deleted. Sockets that are
 * bound to it, and sends that began while they were, keep it in memory. To them
 * its policy is "blocked" from then on.
 */
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "event.h"
#include "memory.h"
#include "net.h"
#include "session.h"
#include "stats.h"

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
 * e2ee_session_alloc() - memory for a session, with its reference and its counters
 * @enet: the namespace
 *
 * Whoever calls pays for what the session takes.
 *
 * Context: process.
 * Return: the session, which nobody else knows yet, or NULL.
 */
struct e2ee_session *e2ee_session_alloc(struct e2ee_net *enet)
{
	struct e2ee_session *session;

	session = kzalloc(sizeof(*session), E2EE_GFP_REQUEST);
	if (!session)
		return NULL;
	session->enet = enet;
	session->memcg = get_mem_cgroup_from_mm(current->mm);
	session->window = E2EE_WINDOW_DEFAULT;
	INIT_LIST_HEAD(&session->keys);
	INIT_LIST_HEAD(&session->claims);
	spin_lock_init(&session->claim_lock);
	spin_lock_init(&session->event_lock);
	e2ee_event_session_init(session);
	session->stats = e2ee_stats_alloc(E2EE_GFP_REQUEST);
	if (!session->stats ||
	    percpu_ref_init(&session->ref, e2ee_session_release, 0,
			    E2EE_GFP_REQUEST))
		goto free;
	e2ee_object_created(E2EE_OBJECT_SESSION);
	return session;

free:
	free_percpu(session->stats);
	mem_cgroup_put(session->memcg);
	kfree(session);
	return NULL;
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
