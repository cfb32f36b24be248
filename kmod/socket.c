// SPDX-License-Identifier: GPL-2.0
/* Sockets that are or were attached: a list of them, and what each is bound to. */

/**
 * DOC: lifetime of a socket
 *
 * A task may stand between reading prot->setsockopt and calling it, or sleep
 * inside, and nothing tells when it has left. So the hooks stay until the
 * socket is gone, and with them a module reference; detaching makes them pass
 * everything through. The socket's destructor, an RCU callback as we set
 * SOCK_RCU_FREE, puts its own protocol back and drops the reference. Hence
 * struct e2ee_socket is valid wherever the socket is.
 *
 * Closing (prot.destroy) takes the socket out of our lists; by then no sender
 * is inside, though packets that were looked up before may still arrive.
 */
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/udp.h>
#include "event.h"
#include "memory.h"
#include "net.h"
#include "session.h"
#include "socket.h"
#include "stats.h"
#include "window.h"

static atomic64_t e2ee_socket_last_id;

static void e2ee_socket_destruct(struct sock *sk);

/**
 * e2ee_socket_is_ours() - was it ever attached?
 * @sk: any UDP socket
 */
bool e2ee_socket_is_ours(const struct sock *sk)
{
	return sk->sk_destruct == e2ee_socket_destruct;
}

/**
 * e2ee_socket_find() - our part of a socket, though its hooks may be displaced
 * @sk: any UDP socket
 *
 * As e2ee_socket_of(), which is for the usual way of packets.
 *
 * Context: any but hard interrupt.
 * Return: NULL where it was never attached, or was closed.
 */
struct e2ee_socket *e2ee_socket_find(const struct sock *sk)
{
	struct e2ee_socket *socket = e2ee_socket_of(sk);
	struct e2ee_net *enet;

	if (socket || !e2ee_socket_is_ours(sk))
		return socket;
	enet = e2ee_net(sock_net(sk));
	spin_lock_bh(&enet->sockets_lock);
	list_for_each_entry(socket, &enet->sockets, node)
		if (socket->sk == sk)
			break;
	if (list_entry_is_head(socket, &enet->sockets, node))
		socket = NULL;
	spin_unlock_bh(&enet->sockets_lock);
	return socket;
}

/**
 * e2ee_socket_session_get() - the session that a socket is bound to
 * @socket: the socket
 *
 * Context: any but hard interrupt.
 * Return: the session with a reference, which outlives a detachment; NULL
 * where the socket is detached.
 */
struct e2ee_session *e2ee_socket_session_get(struct e2ee_socket *socket)
{
	struct e2ee_session *session;

	rcu_read_lock();
	do {	/* one that is about to be freed is bound no more */
		session = rcu_dereference(socket->session);
	} while (session && !e2ee_session_tryget(session));
	rcu_read_unlock();
	return session;
}

/**
 * e2ee_socket_by_id() - an attached or once attached socket
 * @enet: the namespace
 * @id: from 1
 *
 * Context: process.
 * Return: the socket with a reference, or NULL.
 */
struct sock *e2ee_socket_by_id(struct e2ee_net *enet, u64 id)
{
	struct e2ee_socket *socket;
	struct sock *sk = NULL;

	spin_lock_bh(&enet->sockets_lock);
	list_for_each_entry(socket, &enet->sockets, node) {
		if (socket->id != id)
			continue;
		if (refcount_inc_not_zero(&socket->sk->sk_refcnt))
			sk = socket->sk;
		break;
	}
	spin_unlock_bh(&enet->sockets_lock);
	return sk;
}

/**
 * e2ee_socket_session() - what a socket is bound to
 * @socket: the socket
 *
 * Return: the session's id; 0: it is detached.
 */
u32 e2ee_socket_session(const struct e2ee_socket *socket)
{
	const struct e2ee_session *session;
	u32 id;

	rcu_read_lock();
	session = rcu_dereference(socket->session);
	id = session ? session->id : 0;
	rcu_read_unlock();
	return id;
}

/**
 * e2ee_socket_next() - one attached or once attached socket after the other
 * @enet: the namespace
 * @prev: the one before, with a reference, which is dropped; NULL: the first
 * @above: only those with an id above this
 * @session: only those bound to the session of this id; 0: all
 *
 * The search begins at @prev, if that is still in the list: it leaves it when
 * it is closed, and then those before it come once more.
 *
 * Context: process.
 * Return: the socket with a reference on its sk, or NULL.
 */
struct e2ee_socket *e2ee_socket_next(struct e2ee_net *enet,
				     struct e2ee_socket *prev, u64 above,
				     u32 session)
{
	struct e2ee_socket *socket = prev, *found = NULL;

	spin_lock_bh(&enet->sockets_lock);
	if (prev && list_empty(&prev->node))
		socket = NULL;
	socket = list_prepare_entry(socket, &enet->sockets, node);
	list_for_each_entry_continue(socket, &enet->sockets, node) {
		if (socket->id <= above ||
		    (session && session != e2ee_socket_session(socket)) ||
		    !refcount_inc_not_zero(&socket->sk->sk_refcnt))
			continue;
		found = socket;
		break;
	}
	spin_unlock_bh(&enet->sockets_lock);
	if (prev)
		sock_put(prev->sk);
	return found;
}

/**
 * e2ee_socket_is_kernels() - is it one of the kernel's own: a tunnel or the like?
 * @sk: any UDP socket
 *
 * Such have no file. One that is being closed has no struct socket any more, and is
 * none.
 */
bool e2ee_socket_is_kernels(const struct sock *sk)
{
	const struct socket *sock = READ_ONCE(sk->sk_socket);

	return sock && !READ_ONCE(sock->file);
}

/**
 * e2ee_socket_bind() - bind a socket to a session
 * @socket: the socket, which is not being closed
 * @session: the session; NULL: none
 * @guard: id of the guard that asks for it, or 0
 *
 * Context: process, under the lock of the socket where @session is not NULL.
 */
void e2ee_socket_bind(struct e2ee_socket *socket, struct e2ee_session *session,
		      u32 guard)
{
	struct e2ee_net *enet = socket->enet;
	struct e2ee_session *old;

	spin_lock_bh(&enet->sockets_lock);
	if (session)
		e2ee_session_get(session);
	old = rcu_dereference_protected(socket->session,
					lockdep_is_held(&enet->sockets_lock));
	if (old)
		WRITE_ONCE(old->num_sockets, old->num_sockets - 1);
	if (session)
		WRITE_ONCE(session->num_sockets,
			   session->num_sockets + 1);
	WRITE_ONCE(socket->guard, guard);
	rcu_assign_pointer(socket->session, session);
	spin_unlock_bh(&enet->sockets_lock);
	e2ee_session_put(old);	/* RCU keeps it for the packets inside */
}

/**
 * e2ee_socket_event() - tell that a socket was attached or detached
 * @socket: the socket
 * @session: what it is, or was, bound to
 * @type: enum e2ee_event
 *
 * Context: as e2ee_event_send().
 */
void e2ee_socket_event(struct e2ee_socket *socket, struct e2ee_session *session,
		       u32 type)
{
	struct e2ee_event_msg msg = {
		.type = type,
		.given = E2EE_EVENT_HAS_SOCKET,
		.socket = socket->id,
	};

	e2ee_event_send(socket->enet, session, &msg);
}

/* out of our lists and unbound; may run twice */
static void e2ee_socket_leave(struct e2ee_socket *socket)
{
	struct e2ee_net *enet = socket->enet;
	struct e2ee_session *session;

	rcu_read_lock();
	session = rcu_dereference(socket->session);
	if (session)
		e2ee_socket_event(socket, session, E2EE_EVENT_DETACHED);
	rcu_read_unlock();
	spin_lock_bh(&enet->sockets_lock);
	if (!list_empty(&socket->node)) {
		list_del_init(&socket->node);
		WRITE_ONCE(enet->num_sockets, enet->num_sockets - 1);
		atomic_inc(&enet->seq);
		if (!enet->num_sockets && !READ_ONCE(enet->num_sessions))
			e2ee_hooks_stop(&enet->out);
	}
	spin_unlock_bh(&enet->sockets_lock);
	e2ee_socket_bind(socket, NULL, 0);
}

/* prot.destroy: the socket is being closed, and nobody may attach it anew */
void e2ee_socket_destroy(struct sock *sk)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);

	lock_sock(sk);
	sock_set_flag(sk, SOCK_DEAD);
	release_sock(sk);
	e2ee_socket_leave(socket);
	socket->orig->destroy(sk);
}

/**
 * e2ee_socket_free() - free what we know of a socket
 * @socket: nobody else knows it, or nobody does any more
 *
 * Context: any but hard interrupt.
 */
void e2ee_socket_free(struct e2ee_socket *socket)
{
	e2ee_window_free_socket(socket);
	free_percpu(socket->stats);
	kfree(socket);
	e2ee_object_destroyed(E2EE_OBJECT_SOCKET);
}

/* RCU callback: nobody sends or receives any more */
static void e2ee_socket_destruct(struct sock *sk)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);
	/* closing may have missed our destroy() if it came with the attach */
	e2ee_socket_leave(socket);
	if (e2ee_socket_of(sk))
		WRITE_ONCE(sk->sk_prot, socket->orig);
	sk->sk_destruct = socket->sk_destruct;
	/* it drops its namespace after this returns: free our part first */
	e2ee_socket_free(socket);
	sk->sk_destruct(sk);
	module_put(THIS_MODULE);	/* exit waits for us: rcu_barrier() */
}

/*
 * For a request, without a payer, the caller pays, who can make room and ask again.
 * For a packet the memory cgroup of the session pays, if there are any, and there is
 * nobody to make room: as a program can have as many sockets only as its memory
 * cgroup has paid for, this little more goes through at the limit, too. __GFP_HIGH
 * of GFP_ATOMIC makes the difference.
 */
static struct e2ee_socket *e2ee_socket_alloc(const struct e2ee_session *payer)
{
	gfp_t gfp = payer ? GFP_ATOMIC | __GFP_ACCOUNT | __GFP_NOWARN :
			    E2EE_GFP_REQUEST;
	struct mem_cgroup *old = NULL;
	struct e2ee_socket *socket;

	if (payer)
		old = set_active_memcg(payer->memcg);
	socket = kzalloc(sizeof(*socket), gfp);
	if (socket) {
		socket->stats = e2ee_stats_alloc(gfp);
		if (!socket->stats) {
			kfree(socket);
			socket = NULL;
		}
	}
	if (payer)
		set_active_memcg(old);
	return socket;
}

/**
 * e2ee_socket_new() - memory for what we know of a socket
 * @sk: a UDP socket
 * @payer: the session that pays; NULL: the caller pays
 *
 * Context: process.
 * Return: to be inserted, or freed; NULL without memory.
 */
struct e2ee_socket *e2ee_socket_new(struct sock *sk,
				    const struct e2ee_session *payer)
{
	struct e2ee_socket *socket;

	socket = e2ee_socket_alloc(payer);
	if (!socket)
		return NULL;
	socket->sk = sk;
	socket->enet = e2ee_net(sock_net(sk));
	socket->id = atomic64_inc_return(&e2ee_socket_last_id);
	INIT_LIST_HEAD(&socket->node);
	INIT_LIST_HEAD(&socket->windows);
	e2ee_object_created(E2EE_OBJECT_SOCKET);
	return socket;
}

/**
 * e2ee_socket_insert() - put a socket into the list of its namespace
 * @socket: about to get its hooks
 *
 * The caller took a module reference, which our destructor drops.
 *
 * Context: process, under the lock of the socket.
 */
void e2ee_socket_insert(struct e2ee_socket *socket)
{
	struct e2ee_net *enet = socket->enet;
	struct sock *sk = socket->sk;

	sock_set_flag(sk, SOCK_RCU_FREE);
	socket->sk_destruct = sk->sk_destruct;
	sk->sk_destruct = e2ee_socket_destruct;
	socket->hooked = jiffies;
	spin_lock_bh(&enet->sockets_lock);
	list_add_tail(&socket->node, &enet->sockets);
	WRITE_ONCE(enet->num_sockets, enet->num_sockets + 1);
	atomic_inc(&enet->seq);
	spin_unlock_bh(&enet->sockets_lock);
}

/**
 * e2ee_socket_bind_check() - may a socket be bound to a session?
 * @socket: the socket
 * @session: the session
 * @why: told where it may not
 *
 * Return: 0; -EEXIST: it is bound to @session; -EBUSY: to another one.
 */
int e2ee_socket_bind_check(struct e2ee_socket *socket,
			   struct e2ee_session *session,
			   struct e2ee_refusal *why)
{
	struct e2ee_session *old;
	int err = 0;

	rcu_read_lock();
	old = rcu_dereference(socket->session);
	if (old == session)
		err = e2ee_refuse(why, 0, -EEXIST,
				  "socket is attached to this session");
	else if (old && READ_ONCE(old->policy) != E2EE_POLICY_BLOCKED)
		err = e2ee_refuse(why, 0, -EBUSY,
				  "socket is attached to another session: detach it first");
	rcu_read_unlock();
	return err;
}

/**
 * e2ee_socket_detach() - let a socket pass everything through from now on
 * @socket: the caller has a reference on its sk
 * @force: though this opens the way for clear media
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: 0; -ENOENT: it is not attached; -EPERM: @force is needed.
 */
int e2ee_socket_detach(struct e2ee_socket *socket, bool force,
		       struct e2ee_refusal *why)
{
	struct e2ee_session *session;
	int err = 0;

	rcu_read_lock();
	session = rcu_dereference(socket->session);
	if (!session)
		err = e2ee_refuse(why, 0, -ENOENT, "socket is not attached");
	else if (!force &&
		 (READ_ONCE(session->policy) == E2EE_POLICY_REQUIRED ||
		  READ_ONCE(session->policy) == E2EE_POLICY_BLOCKED))
		err = e2ee_refuse(why, 0, -EPERM,
				  "detaching opens the way for clear media: force is needed");
	else
		e2ee_socket_event(socket, session, E2EE_EVENT_DETACHED);
	rcu_read_unlock();
	if (!err)
		e2ee_socket_bind(socket, NULL, 0);
	return err;
}

void e2ee_socket_net_init(struct e2ee_net *enet)
{
	spin_lock_init(&enet->sockets_lock);
	INIT_LIST_HEAD(&enet->sockets);
}
