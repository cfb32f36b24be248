// SPDX-License-Identifier: GPL-2.0
/*
 * The beginning and the end of what a network namespace holds.
 */
#include <net/net_namespace.h>
#include "contact.h"
#include "driver.h"
#include "guard.h"
#include "hold.h"
#include "hook.h"
#include "key.h"
#include "keyring.h"
#include "namespace.h"
#include "net.h"
#include "session.h"
#include "session_request.h"
#include "socket.h"

static int __net_init e2ee_namespace_init_net(struct net *net)
{
	struct e2ee_net *enet = e2ee_net(net);
	int err;

	enet->net = net;
	mutex_init(&enet->lock);
	enet->grace_next = jiffies;
	e2ee_contact_net_init(enet);
	spin_lock_init(&enet->windows_lock);
	e2ee_socket_net_init(enet);
	e2ee_hook_net_init(enet);
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
static void __net_exit e2ee_namespace_exit_net(struct net *net)
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
	e2ee_hook_net_exit(enet);
}

/* One wait for all namespaces that go together; most have never had a key. */
static void __net_exit e2ee_namespace_exit_batch(struct list_head *nets)
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

static struct pernet_operations e2ee_namespace_ops = {
	.init = e2ee_namespace_init_net,
	.exit = e2ee_namespace_exit_net,
	.exit_batch = e2ee_namespace_exit_batch,
	.id = &e2ee_net_id,
	.size = sizeof(struct e2ee_net),
};

int e2ee_namespace_init(void)
{
	return register_pernet_subsys(&e2ee_namespace_ops);
}

void e2ee_namespace_exit(void)
{
	unregister_pernet_subsys(&e2ee_namespace_ops);
	rcu_barrier();		/* guards, the last of which may put a session, */
	rcu_barrier();		/* percpu_ref_kill(): e2ee_session_release() */
	rcu_barrier();		/* e2ee_session_free() */
}
