// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks on one UDP socket.
 *
 * DOC: hooks and lifetime
 *
 * Attaching gives a socket a copy of its struct proto with our functions in
 * place of some, and makes it an encapsulation socket whose encap_rcv is ours.
 * It also takes sk_user_data, by which encapsulations tell each other that a
 * socket is in use: a tunnel that is made of a program's socket (L2TP, GTP,
 * OpenVPN) would take our encap_rcv away, and is refused with EBUSY, as are BPF's
 * maps of sockets. Whoever was there first stays. We never look at what
 * sk_user_data points to, as some users of it do not ask. Nothing else in the
 * socket changes.
 *
 * A task may stand between reading prot->sendmsg and calling it, or sleep
 * inside, and nothing tells when it has left. So the hooks stay until the
 * socket is gone, and with them a module reference; detaching makes them pass
 * everything through. The socket's destructor, an RCU callback as we set
 * SOCK_RCU_FREE, puts its own protocol back and drops the reference. Hence
 * struct e2ee_socket is valid wherever the socket is.
 *
 * A socket gets its hooks and is bound to a session in one go, under its own lock
 * and ours. All that may be refused is refused before the socket gets its hooks,
 * so that a refused request leaves nothing on the socket: hooks that bind it to
 * nothing would keep it from other users for as long as it lives.
 *
 * DOC: hooks that are displaced
 *
 * A setsockopt() that is under way when the socket gets its hooks does not pass
 * through them: IPV6_ADDRFORM puts another protocol in our place, UDP_ENCAP
 * takes our encap_rcv away. Nothing tells us, so a work item looks at sockets
 * that got their hooks lately, and now and then at all, and puts back what is
 * missing. In between, such a socket sends in clear, unless a guard stops it;
 * what it gets is dropped where the protocol is another one.
 *
 * Closing (prot.destroy) takes the socket out of our lists; by then no sender
 * is inside, though packets that were looked up before may still arrive.
 */
#include <linux/module.h>
#include <linux/net.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/udp_tunnel.h>
#include "errqueue.h"
#include "event.h"
#include "memory.h"
#include "mtu.h"
#include "purge.h"
#include "rx.h"
#include "session.h"
#include "socket.h"
#include "stats.h"
#include "trace.h"
#include "tx.h"
#include "window.h"
#include "compat/compat.h"

/* udpv6_prot is not exported: learnt from a socket, which also keeps the
 * stack's encapsulation paths switched on while we are loaded, so that closing
 * the last attached socket does not patch the kernel's text
 */
static struct socket *e2ee_socket_keeper;
static struct proto *e2ee_socket_prot6;

static atomic64_t e2ee_socket_last_id;
static struct workqueue_struct *e2ee_socket_wq;

bool e2ee_socket_knows_ipv6(void)
{
	return e2ee_socket_prot6;
}

static bool e2ee_socket_bound(const struct e2ee_socket *socket)
{
	return rcu_access_pointer(socket->session);
}

/* before UDP-Lite went, its level set the options of UDP, too */
static bool e2ee_socket_is_udp(int level)
{
	return level == SOL_UDP || level == SOL_UDPLITE;
}

static void e2ee_socket_destruct(struct sock *sk);

static bool e2ee_socket_is_ours(const struct sock *sk)
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

static int e2ee_socket_setsockopt(struct sock *sk, int level, int optname,
				  sockptr_t optval, unsigned int optlen)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);

	/* would replace our struct proto, our encap_rcv */
	if ((level == SOL_IPV6 && optname == IPV6_ADDRFORM) ||
	    (e2ee_socket_is_udp(level) && optname == UDP_ENCAP))
		return -EOPNOTSUPP;
	return socket->orig->setsockopt(sk, level, optname, optval, optlen);
}

/*
 * Does this option tell an MTU? @size is what it returns then, bytes, and @at
 * where the MTU stands in it.
 */
static bool e2ee_socket_is_mtu(int level, int optname, int *size, size_t *at)
{
	*size = sizeof(u32);
	*at = 0;
	if (level == SOL_IPV6 && optname == IPV6_PATHMTU) {
		*size = sizeof(struct ip6_mtuinfo);
		*at = offsetof(struct ip6_mtuinfo, ip6m_mtu);
		return true;
	}
	return (level == SOL_IP && optname == IP_MTU) ||
	       (level == SOL_IPV6 && optname == IPV6_MTU);
}

static int e2ee_socket_lower(u32 __user *where)
{
	u32 mtu;

	if (get_user(mtu, where))
		return -EFAULT;
	return put_user(e2ee_mtu_lower(mtu), where);
}

/*
 * An engine that asks for the MTU leaves room for what we add. One that asks
 * for its encapsulation has none: the one we set is not its own.
 */
static int e2ee_socket_getsockopt(struct sock *sk, int level, int optname,
				  char __user *optval, int __user *optlen)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);
	bool is_encap = e2ee_socket_is_udp(level) && optname == UDP_ENCAP;
	int err, len, size;
	size_t at;

	err = socket->orig->getsockopt(sk, level, optname, optval, optlen);
	if (err)
		return err;
	if (!is_encap && !(e2ee_socket_is_mtu(level, optname, &size, &at) &&
			   e2ee_socket_bound(socket)))
		return 0;
	if (get_user(len, optlen))
		return -EFAULT;
	if (is_encap)
		return clear_user(optval, len) ? -EFAULT : 0;
	if (len != size)
		return 0;
	return e2ee_socket_lower((u32 __user *)(optval + at));
}

/*
 * Binds a socket to @session, under the lock of the socket, which is not being
 * closed; or, where @session is NULL, to none.
 */
static void e2ee_socket_bind(struct e2ee_socket *socket,
			     struct e2ee_session *session, u32 guard)
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

static void e2ee_socket_event(struct e2ee_socket *socket,
			      struct e2ee_session *session, u32 type)
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

static void e2ee_socket_free(struct e2ee_socket *socket)
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
 * Word by word: whoever is in our hooks while they are put back finds our
 * functions in it all the time.
 */
static void e2ee_socket_fill_prot(struct e2ee_socket *socket,
				  struct proto *orig)
{
	unsigned long *to = (unsigned long *)&socket->prot;
	struct proto prot = *orig;
	unsigned long *from = (unsigned long *)&prot;
	size_t i;

	prot.setsockopt = e2ee_socket_setsockopt;
	prot.getsockopt = e2ee_socket_getsockopt;
	prot.destroy = e2ee_socket_destroy;
#ifdef CONFIG_BPF_SYSCALL
	/* sockmap would copy our functions into its template of all sockets */
	prot.psock_update_sk_prot = NULL;
#endif
	WRITE_ONCE(socket->orig, orig);
	BUILD_BUG_ON(sizeof(prot) % sizeof(*to));
	for (i = 0; i < sizeof(prot) / sizeof(*to); i++)
		WRITE_ONCE(to[i], from[i]);
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

static struct e2ee_socket *e2ee_socket_new(struct sock *sk,
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
	e2ee_later_setup(&socket->rx_later, sk, e2ee_rx_late);
	e2ee_later_setup(&socket->tx_later, sk, e2ee_tx_late);
	e2ee_socket_fill_prot(socket, READ_ONCE(sk->sk_prot));
	e2ee_object_created(E2EE_OBJECT_SOCKET);
	return socket;
}

/* the protocol that a socket has if nobody changed it */
static struct proto *e2ee_socket_canon(const struct sock *sk)
{
	return sk->sk_family == AF_INET6 ? e2ee_socket_prot6 : &udp_prot;
}

static int e2ee_socket_check(struct sock *sk, const struct e2ee_net *enet,
			     struct e2ee_refusal *why)
{
	if (!net_eq(sock_net(sk), enet->net))
		return e2ee_refuse(why, 0, -EXDEV,
				   "socket is of another network namespace");
	if (sock_flag(sk, SOCK_DEAD))
		return e2ee_refuse(why, 0, -ESHUTDOWN, "socket is closed");
	if (e2ee_socket_is_ours(sk))
		return 0;
	if (sk->sk_prot != e2ee_socket_canon(sk))
		return e2ee_refuse(why, 0, -EBUSY,
				   "socket is in a sockmap or hooked by others");
	if (READ_ONCE(udp_sk(sk)->encap_type))
		return e2ee_refuse(why, 0, -EBUSY,
				   "socket carries an encapsulation");
	return 0;
}

static bool e2ee_socket_is_hooked(const struct e2ee_socket *socket)
{
	const struct sock *sk = socket->sk;

	return READ_ONCE(sk->sk_prot) == &socket->prot &&
	       READ_ONCE(udp_sk(sk)->encap_rcv) == e2ee_rx_encap &&
	       READ_ONCE(udp_sk(sk)->encap_type) == E2EE_ENCAP_TYPE;
}

/* under the lock of the socket */
static void e2ee_socket_put_hooks(struct e2ee_socket *socket)
{
	struct sock *sk = socket->sk;

	/* pairs with the READ_ONCE() of whoever calls through sk_prot */
	smp_store_release(&sk->sk_prot, &socket->prot);
	/* not setup_udp_tunnel_sock(): it changes multicast and checksums */
	e2ee_errqueue_hook(sk);
	/* pairs with e2ee_rx_take(): whoever calls it finds us in sk_prot */
	smp_store_release(&udp_sk(sk)->encap_rcv, e2ee_rx_encap);
	WRITE_ONCE(udp_sk(sk)->encap_type, E2EE_ENCAP_TYPE);
	udp_tunnel_encap_enable(sk);
}

/* under struct e2ee_net.sockets_lock: look soon, then ever less often */
static void e2ee_socket_watch(struct e2ee_net *enet)
{
	enet->watch_delay = 1;
	mod_delayed_work(e2ee_socket_wq, &enet->watch, enet->watch_delay);
}

/* the caller took a module reference, which the destructor drops */
static void e2ee_socket_insert(struct e2ee_socket *socket)
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
	e2ee_socket_watch(enet);
	spin_unlock_bh(&enet->sockets_lock);
	e2ee_socket_put_hooks(socket);
}

/* 1: its hooks were displaced, and are back; 0: they are where they belong */
static int e2ee_socket_mend(struct sock *sk, struct e2ee_refusal *why)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);
	struct proto *prot = READ_ONCE(sk->sk_prot);

	if (!socket)
		return e2ee_refuse(why, 0, -ESHUTDOWN, "socket is closed");
	if (e2ee_socket_is_hooked(socket))
		return 0;
	if (prot != &socket->prot) {
		if (prot != e2ee_socket_canon(sk))
			return e2ee_refuse(why, 0, -EBUSY,
					   "socket is hooked by others");
		e2ee_socket_fill_prot(socket, prot);
	}
	e2ee_socket_put_hooks(socket);
	return 1;
}

/* clear media that passed unseen waits to be read: under required it is not */
static void e2ee_socket_purge_one(struct sock *sk)
{
	struct e2ee_session *session;
	struct e2ee_socket *socket;
	bool purge;

	rcu_read_lock();
	socket = e2ee_socket_find(sk);
	session = socket ? rcu_dereference(socket->session) : NULL;
	purge = session && READ_ONCE(session->policy) == E2EE_POLICY_REQUIRED;
	rcu_read_unlock();
	if (!purge)
		return;
	/* packets that passed before they met us are queued */
	synchronize_rcu_expedited();
	e2ee_purge(socket);
}

/* under the lock of the socket, which some take, and its callback lock */
static int e2ee_socket_claim(struct e2ee_socket *socket,
			     struct e2ee_refusal *why)
{
	struct sock *sk = socket->sk;
	bool taken;

	write_lock_bh(&sk->sk_callback_lock);
	taken = READ_ONCE(sk->sk_user_data);
	if (!taken)
		rcu_assign_sk_user_data(sk, socket);
	write_unlock_bh(&sk->sk_callback_lock);
	return taken ? e2ee_refuse(why, 0, -EBUSY,
				   "socket is used by another kernel part") : 0;
}

/* under the lock of the socket; 1: it had hooks, which were displaced */
static int e2ee_socket_hook(struct sock *sk, const struct e2ee_net *enet,
			    const struct e2ee_session *payer,
			    struct e2ee_refusal *why)
{
	struct e2ee_socket *socket;
	int err;

	err = e2ee_socket_check(sk, enet, why);
	if (err)
		return err;
	if (e2ee_socket_is_ours(sk))
		return e2ee_socket_mend(sk, why);
	if (!try_module_get(THIS_MODULE))	/* a guard, while we unload */
		return -ENODEV;
	socket = e2ee_socket_new(sk, payer);
	err = socket ? e2ee_socket_claim(socket, why) : -ENOMEM;
	if (err) {
		if (socket)
			e2ee_socket_free(socket);
		module_put(THIS_MODULE);
		return err;
	}
	e2ee_socket_insert(socket);
	return 0;
}

/* lock_sock() where nobody has the lock; else false, at once */
static bool e2ee_socket_trylock(struct sock *sk)
{
	bool taken;

	spin_lock_bh(&sk->sk_lock.slock);
	taken = !sk->sk_lock.owned;
	if (taken) {
		mutex_acquire(&sk->sk_lock.dep_map, 0, 1, _RET_IP_);
		sk->sk_lock.owned = 1;
	}
	spin_unlock_bh(&sk->sk_lock.slock);
	return taken;
}

/* the newest whose hooks are displaced, of those with a lower id than @below */
static struct sock *e2ee_socket_next_displaced(struct e2ee_net *enet, bool all,
					       u64 *below)
{
	unsigned long now = jiffies;
	struct e2ee_socket *socket;
	struct sock *sk = NULL;

	spin_lock_bh(&enet->sockets_lock);
	list_for_each_entry_reverse(socket, &enet->sockets, node) {
		if (!all && time_after(now, socket->hooked +
				       E2EE_SOCKET_WATCH))
			break;
		if (socket->id >= *below || e2ee_socket_is_hooked(socket))
			continue;
		*below = socket->id;
		if (refcount_inc_not_zero(&socket->sk->sk_refcnt)) {
			sk = socket->sk;
			break;
		}
	}
	spin_unlock_bh(&enet->sockets_lock);
	return sk;
}

/* A socket that is locked has its turn the next time. */
static void e2ee_socket_hook_again(struct sock *sk, const struct e2ee_net *enet)
{
	struct e2ee_refusal why = {};
	int mended;

	if (!e2ee_socket_trylock(sk))
		return;
	mended = e2ee_socket_hook(sk, enet, NULL, &why);
	release_sock(sk);
	if (mended > 0)
		e2ee_socket_purge_one(sk);
}

/*
 * After 1 jiffy, then each time 8 times later: a call that is under way while
 * a socket gets its hooks mostly ends at once. All sockets only once in
 * E2EE_SOCKET_WATCH, the rest of the time those that are that young.
 */
static void e2ee_socket_watch_work(struct work_struct *work)
{
	struct e2ee_net *enet = container_of(to_delayed_work(work),
					     struct e2ee_net, watch);
	bool all = READ_ONCE(enet->watch_delay) >= E2EE_SOCKET_WATCH;
	u64 below = U64_MAX;
	struct sock *sk;

	while ((sk = e2ee_socket_next_displaced(enet, all, &below))) {
		e2ee_socket_hook_again(sk, enet);
		sock_put(sk);
	}
	spin_lock_bh(&enet->sockets_lock);
	enet->watch_delay = min_t(unsigned long, enet->watch_delay * 8,
				  E2EE_SOCKET_WATCH);
	if (enet->num_sockets)
		queue_delayed_work(e2ee_socket_wq, &enet->watch,
				   enet->watch_delay);
	spin_unlock_bh(&enet->sockets_lock);
}

static int e2ee_socket_bind_check(struct e2ee_socket *socket,
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

/* under the lock of the socket */
static int e2ee_socket_attach_locked(struct sock *sk,
				     struct e2ee_session *session, u32 guard,
				     bool *mended, struct e2ee_refusal *why)
{
	struct e2ee_socket *socket;
	int err;

	err = e2ee_socket_hook(sk, session->enet, guard ? session : NULL, why);
	*mended = err > 0;
	if (err < 0)
		return err;
	socket = e2ee_socket_find(sk);
	/* only a socket that had hooks before may be refused from here on */
	err = e2ee_socket_bind_check(socket, session, why);
	if (err)
		return err;
	e2ee_socket_bind(socket, session, guard);
	return 0;
}

/**
 * e2ee_socket_attach() - give a socket our hooks and bind it to a session
 * @sk: a UDP socket; the caller has a reference
 * @session: the session; the caller has a reference
 * @guard: id of the guard that asks for a packet, where whoever made the session
 *	pays; 0: it is a request, and the caller pays
 * @why: told where it is refused
 *
 * A socket that is refused is as it was before. e2ee_socket_settle() is to follow
 * where it is not.
 *
 * The lock of a socket is its owner's, who may sleep with it for as long as he
 * likes, on a page of his own or for want of send buffer. So nobody waits for it
 * here.
 *
 * Context: process, under struct e2ee_net.lock; sleeps for a grace period where
 * hooks were displaced.
 * Return: 0; -EAGAIN: somebody has the lock of the socket; -EEXIST: attached to
 * this session already; -EBUSY: attached to another one, or in use by others;
 * -EXDEV: of another namespace; -ENOENT: the session was deleted;
 * -ESHUTDOWN; -ENOMEM; -ENODEV: the module is being unloaded.
 */
int e2ee_socket_attach(struct sock *sk, struct e2ee_session *session,
		       u32 guard, struct e2ee_refusal *why)
{
	struct e2ee_socket *socket;
	bool mended;
	int err;

	lockdep_assert_held(&session->enet->lock);
	/* a hold waits for the socket without our lock */
	if (READ_ONCE(session->policy) == E2EE_POLICY_BLOCKED)
		return e2ee_refuse(why, 0, -ENOENT,
				   "session was deleted meanwhile");
	if (!e2ee_socket_trylock(sk))
		return e2ee_refuse(why, 0, -EAGAIN,
				   "socket is locked by a call that does not end: ask again");
	err = e2ee_socket_attach_locked(sk, session, guard, &mended, why);
	release_sock(sk);
	socket = e2ee_socket_find(sk);
	trace_attach(session->id, socket ? socket->id : 0, guard, err);
	if (mended)
		e2ee_socket_purge_one(sk);
	return err;
}

/**
 * e2ee_socket_settles() - would attaching this socket wait for packets?
 * @sk: a UDP socket
 * @session: where it is to go
 *
 * Context: process, under struct e2ee_net.lock.
 */
bool e2ee_socket_settles(const struct sock *sk,
			 const struct e2ee_session *session)
{
	const struct e2ee_socket *socket = e2ee_socket_find(sk);

	return READ_ONCE(session->policy) == E2EE_POLICY_REQUIRED ||
	       (socket && !e2ee_socket_is_hooked(socket));
}

/**
 * e2ee_socket_settle() - a socket was attached: drop what passed before
 * @sk: the socket; the caller has a reference
 * @session: what it was attached to; the caller has a reference
 *
 * Under the policy required, clear media that waits to be read is dropped.
 *
 * Context: process, sleeps for a grace period.
 */
void e2ee_socket_settle(struct sock *sk, struct e2ee_session *session)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);

	e2ee_socket_purge_one(sk);
	if (socket)
		e2ee_socket_event(socket, session, E2EE_EVENT_ATTACHED);
}

/**
 * e2ee_socket_purge() - clear media that waits to be read is not read any more
 * @session: its policy became required
 *
 * Context: process, under struct e2ee_net.lock, sleeps.
 */
void e2ee_socket_purge(struct e2ee_session *session)
{
	struct e2ee_socket *socket = NULL;

	lockdep_assert_held(&session->enet->lock);
	/* packets that were judged by the policy of before are queued */
	synchronize_rcu_expedited();
	while ((socket = e2ee_socket_next(session->enet, socket, 0,
					  session->id)))
		e2ee_purge(socket);
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
	INIT_DELAYED_WORK(&enet->watch, e2ee_socket_watch_work);
}

/* its sockets are gone: each kept the namespace alive */
void e2ee_socket_net_exit(struct e2ee_net *enet)
{
	cancel_delayed_work_sync(&enet->watch);
}

int e2ee_socket_init(void)
{
	int err;

	e2ee_socket_wq = alloc_workqueue("e2ee_socket", WQ_UNBOUND, 0);
	if (!e2ee_socket_wq)
		return -ENOMEM;
	err = sock_create_kern(&init_net, PF_INET6, SOCK_DGRAM, IPPROTO_UDP,
			       &e2ee_socket_keeper);
	if (!err)
		e2ee_socket_prot6 = e2ee_socket_keeper->sk->sk_prot;
	else if (err == -EAFNOSUPPORT)	/* IPv6 is disabled */
		err = sock_create_kern(&init_net, PF_INET, SOCK_DGRAM,
				       IPPROTO_UDP, &e2ee_socket_keeper);
	if (err) {
		destroy_workqueue(e2ee_socket_wq);
		return err;
	}
	e2ee_errqueue_learn(e2ee_socket_keeper->sk);
	udp_tunnel_encap_enable(e2ee_socket_keeper->sk);
	return 0;
}

void e2ee_socket_exit(void)
{
	destroy_workqueue(e2ee_socket_wq);
	sock_release(e2ee_socket_keeper);
	rcu_barrier();		/* e2ee_socket_destruct() of the last socket */
}
