// SPDX-License-Identifier: GPL-2.0
/* Hooks: what puts our functions into a socket, and takes care that they stay. */

/**
 * DOC: hooks of a socket
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
 * A socket gets its hooks and is bound to a session in one go, under its own lock
 * and ours. All that may be refused is refused before the socket gets its hooks,
 * so that a refused request leaves nothing on the socket: hooks that bind it to
 * nothing would keep it from other users for as long as it lives.
 */

/**
 * DOC: hooks that are displaced
 *
 * A setsockopt() that is under way when the socket gets its hooks does not pass
 * through them: IPV6_ADDRFORM puts another protocol in our place, UDP_ENCAP
 * takes our encap_rcv away. Nothing tells us, so a work item looks at sockets
 * that got their hooks lately, and now and then at all, and puts back what is
 * missing. What such a socket sends is sealed all the time (contact.c). What it gets
 * is dropped where the protocol is another one; where our encap_rcv is gone, it is
 * dropped from the queue once our function is back.
 */
#include <linux/module.h>
#include <linux/net.h>
#include <net/udp_tunnel.h>
#include "errqueue.h"
#include "event.h"
#include "hook.h"
#include "mtu.h"
#include "net.h"
#include "purge.h"
#include "rx.h"
#include "session.h"
#include "socket.h"
#include "trace.h"
#include "tx.h"
#include "compat/compat.h"

/* udpv6_prot is not exported: learnt from a socket, which also keeps the
 * stack's encapsulation paths switched on while we are loaded, so that closing
 * the last attached socket does not patch the kernel's text
 */
static struct socket *e2ee_hook_keeper;
static struct proto *e2ee_hook_prot6;

static struct workqueue_struct *e2ee_hook_wq;

bool e2ee_socket_knows_ipv6(void)
{
	return e2ee_hook_prot6;
}

static bool e2ee_hook_is_bound(const struct e2ee_socket *socket)
{
	return rcu_access_pointer(socket->session);
}

/* before UDP-Lite went, its level set the options of UDP, too */
static bool e2ee_hook_is_udp(int level)
{
	return level == SOL_UDP || level == SOL_UDPLITE;
}

static int e2ee_hook_setsockopt(struct sock *sk, int level, int optname,
				sockptr_t optval, unsigned int optlen)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);

	/* would replace our struct proto, our encap_rcv */
	if ((level == SOL_IPV6 && optname == IPV6_ADDRFORM) ||
	    (e2ee_hook_is_udp(level) && optname == UDP_ENCAP))
		return -EOPNOTSUPP;
	return socket->orig->setsockopt(sk, level, optname, optval, optlen);
}

/*
 * Does this option tell an MTU? @size is what it returns then, bytes, and @at
 * where the MTU stands in it.
 */
static bool e2ee_hook_is_mtu(int level, int optname, int *size, size_t *at)
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

static int e2ee_hook_lower(u32 __user *where)
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
static int e2ee_hook_getsockopt(struct sock *sk, int level, int optname,
				char __user *optval, int __user *optlen)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);
	bool is_encap = e2ee_hook_is_udp(level) && optname == UDP_ENCAP;
	int err, len, size;
	size_t at;

	err = socket->orig->getsockopt(sk, level, optname, optval, optlen);
	if (err)
		return err;
	if (!is_encap && !(e2ee_hook_is_mtu(level, optname, &size, &at) &&
			   e2ee_hook_is_bound(socket)))
		return 0;
	if (get_user(len, optlen))
		return -EFAULT;
	if (is_encap)
		return clear_user(optval, len) ? -EFAULT : 0;
	if (len != size)
		return 0;
	return e2ee_hook_lower((u32 __user *)(optval + at));
}

/*
 * Word by word: whoever is in our hooks while they are put back finds our
 * functions in it all the time.
 */
static void e2ee_hook_fill_prot(struct e2ee_socket *socket,
				struct proto *orig)
{
	unsigned long *to = (unsigned long *)&socket->prot;
	struct proto prot = *orig;
	unsigned long *from = (unsigned long *)&prot;
	size_t i;

	prot.setsockopt = e2ee_hook_setsockopt;
	prot.getsockopt = e2ee_hook_getsockopt;
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

static struct e2ee_socket *e2ee_hook_new(struct sock *sk,
					 const struct e2ee_session *payer)
{
	struct e2ee_socket *socket = e2ee_socket_new(sk, payer);

	if (!socket)
		return NULL;
	e2ee_later_setup(&socket->rx_later, sk, e2ee_rx_late);
	e2ee_later_setup(&socket->tx_later, sk, e2ee_tx_late);
	e2ee_hook_fill_prot(socket, READ_ONCE(sk->sk_prot));
	return socket;
}

/* the protocol that a socket has if nobody changed it */
static struct proto *e2ee_hook_canon(const struct sock *sk)
{
	return sk->sk_family == AF_INET6 ? e2ee_hook_prot6 : &udp_prot;
}

static int e2ee_hook_check(struct sock *sk, const struct e2ee_net *enet,
			   struct e2ee_refusal *why)
{
	if (!net_eq(sock_net(sk), enet->net))
		return e2ee_refuse(why, 0, -EXDEV,
				   "socket is of another network namespace");
	if (sock_flag(sk, SOCK_DEAD))
		return e2ee_refuse(why, 0, -ESHUTDOWN, "socket is closed");
	if (e2ee_socket_is_ours(sk))
		return 0;
	if (sk->sk_prot != e2ee_hook_canon(sk))
		return e2ee_refuse(why, 0, -EBUSY,
				   "socket is in a sockmap or hooked by others");
	if (READ_ONCE(udp_sk(sk)->encap_type))
		return e2ee_refuse(why, 0, -EBUSY,
				   "socket carries an encapsulation");
	return 0;
}

static bool e2ee_hook_is_hooked(const struct e2ee_socket *socket)
{
	const struct sock *sk = socket->sk;

	return READ_ONCE(sk->sk_prot) == &socket->prot &&
	       READ_ONCE(udp_sk(sk)->encap_rcv) == e2ee_rx_encap &&
	       READ_ONCE(udp_sk(sk)->encap_type) == E2EE_ENCAP_TYPE;
}

/* under the lock of the socket */
static void e2ee_hook_put(struct e2ee_socket *socket)
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

/* look soon, then ever less often */
static void e2ee_hook_watch(struct e2ee_net *enet)
{
	spin_lock_bh(&enet->sockets_lock);
	enet->watch_delay = 1;
	mod_delayed_work(e2ee_hook_wq, &enet->watch, enet->watch_delay);
	spin_unlock_bh(&enet->sockets_lock);
}

/* 1: its hooks were displaced, and are back; 0: they are where they belong */
static int e2ee_hook_mend(struct sock *sk, struct e2ee_refusal *why)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);
	struct proto *prot = READ_ONCE(sk->sk_prot);

	if (!socket)
		return e2ee_refuse(why, 0, -ESHUTDOWN, "socket is closed");
	if (e2ee_hook_is_hooked(socket))
		return 0;
	if (prot != &socket->prot) {
		if (prot != e2ee_hook_canon(sk))
			return e2ee_refuse(why, 0, -EBUSY,
					   "socket is hooked by others");
		e2ee_hook_fill_prot(socket, prot);
	}
	e2ee_hook_put(socket);
	return 1;
}

/* clear media that passed unseen waits to be read: under required it is not */
static void e2ee_hook_purge_one(struct sock *sk)
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
static int e2ee_hook_claim(struct e2ee_socket *socket,
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
static int e2ee_hook_socket(struct sock *sk, const struct e2ee_net *enet,
			    const struct e2ee_session *payer,
			    struct e2ee_refusal *why)
{
	struct e2ee_socket *socket;
	int err;

	err = e2ee_hook_check(sk, enet, why);
	if (err)
		return err;
	if (e2ee_socket_is_ours(sk))
		return e2ee_hook_mend(sk, why);
	if (!try_module_get(THIS_MODULE))	/* a guard, while we unload */
		return -ENODEV;
	socket = e2ee_hook_new(sk, payer);
	err = socket ? e2ee_hook_claim(socket, why) : -ENOMEM;
	if (err) {
		if (socket)
			e2ee_socket_free(socket);
		module_put(THIS_MODULE);
		return err;
	}
	e2ee_socket_insert(socket);
	e2ee_hook_watch(socket->enet);
	e2ee_hook_put(socket);
	return 0;
}

/* lock_sock() where nobody has the lock; else false, at once */
static bool e2ee_hook_trylock(struct sock *sk)
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
static struct sock *e2ee_hook_next_displaced(struct e2ee_net *enet, bool all,
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
		if (socket->id >= *below || e2ee_hook_is_hooked(socket))
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
static void e2ee_hook_again(struct sock *sk, const struct e2ee_net *enet)
{
	struct e2ee_refusal why = {};
	int mended;

	if (!e2ee_hook_trylock(sk))
		return;
	mended = e2ee_hook_socket(sk, enet, NULL, &why);
	release_sock(sk);
	if (mended > 0)
		e2ee_hook_purge_one(sk);
}

/*
 * After 1 jiffy, then each time 8 times later: a call that is under way while
 * a socket gets its hooks mostly ends at once. All sockets only once in
 * E2EE_SOCKET_WATCH, the rest of the time those that are that young.
 */
static void e2ee_hook_watch_work(struct work_struct *work)
{
	struct e2ee_net *enet = container_of(to_delayed_work(work),
					     struct e2ee_net, watch);
	bool all = READ_ONCE(enet->watch_delay) >= E2EE_SOCKET_WATCH;
	u64 below = U64_MAX;
	struct sock *sk;

	while ((sk = e2ee_hook_next_displaced(enet, all, &below))) {
		e2ee_hook_again(sk, enet);
		sock_put(sk);
	}
	spin_lock_bh(&enet->sockets_lock);
	enet->watch_delay = min_t(unsigned long, enet->watch_delay * 8,
				  E2EE_SOCKET_WATCH);
	if (enet->num_sockets)
		queue_delayed_work(e2ee_hook_wq, &enet->watch,
				   enet->watch_delay);
	spin_unlock_bh(&enet->sockets_lock);
}

/* under the lock of the socket */
static int e2ee_hook_attach_locked(struct sock *sk,
				   struct e2ee_session *session, u32 guard,
				     bool *mended, struct e2ee_refusal *why)
{
	struct e2ee_socket *socket;
	int err;

	err = e2ee_hook_socket(sk, session->enet, guard ? session : NULL, why);
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
	if (!e2ee_hook_trylock(sk))
		return e2ee_refuse(why, 0, -EAGAIN,
				   "socket is locked by a call that does not end: ask again");
	err = e2ee_hook_attach_locked(sk, session, guard, &mended, why);
	release_sock(sk);
	socket = e2ee_socket_find(sk);
	trace_attach(session->id, socket ? socket->id : 0, guard, err);
	if (mended)
		e2ee_hook_purge_one(sk);
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
	       (socket && !e2ee_hook_is_hooked(socket));
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

	e2ee_hook_purge_one(sk);
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

void e2ee_hook_net_init(struct e2ee_net *enet)
{
	INIT_DELAYED_WORK(&enet->watch, e2ee_hook_watch_work);
}

/* its sockets are gone: each kept the namespace alive */
void e2ee_hook_net_exit(struct e2ee_net *enet)
{
	cancel_delayed_work_sync(&enet->watch);
}

int e2ee_hook_init(void)
{
	int err;

	e2ee_hook_wq = alloc_workqueue("e2ee_socket", WQ_UNBOUND, 0);
	if (!e2ee_hook_wq)
		return -ENOMEM;
	err = sock_create_kern(&init_net, PF_INET6, SOCK_DGRAM, IPPROTO_UDP,
			       &e2ee_hook_keeper);
	if (!err)
		e2ee_hook_prot6 = e2ee_hook_keeper->sk->sk_prot;
	else if (err == -EAFNOSUPPORT)	/* IPv6 is disabled */
		err = sock_create_kern(&init_net, PF_INET, SOCK_DGRAM,
				       IPPROTO_UDP, &e2ee_hook_keeper);
	if (err) {
		destroy_workqueue(e2ee_hook_wq);
		return err;
	}
	e2ee_errqueue_learn(e2ee_hook_keeper->sk);
	udp_tunnel_encap_enable(e2ee_hook_keeper->sk);
	return 0;
}

void e2ee_hook_exit(void)
{
	destroy_workqueue(e2ee_hook_wq);
	sock_release(e2ee_hook_keeper);
	rcu_barrier();		/* e2ee_socket_destruct() of the last socket */
}
