// SPDX-License-Identifier: GPL-2.0
/*
 * What requests do to sessions: make, change and delete them.
 */
#include <linux/log2.h>
#include <linux/rculist.h>
#include <linux/string.h>
#include "driver.h"
#include "event.h"
#include "hook.h"
#include "keyring.h"
#include "net.h"
#include "session.h"
#include "session_request.h"
#include "stream.h"

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
	session = e2ee_session_alloc(enet);
	if (!session) {
		e2ee_driver_put(driver);
		return ERR_PTR(-ENOMEM);
	}
	session->driver = driver;
	strscpy(session->name, param->name, sizeof(session->name));
	e2ee_session_apply(session, param);
	e2ee_session_give_id(session);
	list_add_tail_rcu(&session->node, &enet->sessions);
	WRITE_ONCE(enet->num_sessions, enet->num_sessions + 1);
	atomic_inc(&enet->seq);
	e2ee_session_event(session, E2EE_EVENT_SESSION_NEW);
	return session;
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
