// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks on one UDP socket.
 *
 * DOC: hooks and lifetime
 *
 * Attaching gives a socket a copy of its struct proto with our functions in
 * place of some, and makes it an encapsulation socket whose encap_rcv is ours.
 * Nothing else in it changes; sk_user_data belongs to others.
 *
 * A task may stand between reading prot->sendmsg and calling it, or sleep
 * inside, and nothing tells when it has left. So the hooks stay until the
 * socket is gone, and with them a module reference; detaching makes them pass
 * everything through. The socket's destructor, an RCU callback as we set
 * SOCK_RCU_FREE, puts its own protocol back and drops the reference. Hence
 * struct e2ee_socket is valid wherever the socket is.
 *
 * A socket gets its hooks under its own lock, without ours, and is then bound to
 * a session under ours, without its own: packets pass through in between, as
 * they did before.
 *
 * Closing (prot.destroy) takes the socket out of our lists; by then no sender
 * is inside, though packets that were looked up before may still arrive.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/udp_tunnel.h>
#include "errqueue.h"
#include "event.h"
#include "rx.h"
#include "session.h"
#include "socket.h"
#include "stats.h"
#include "trace.h"
#include "window.h"
#include "compat/compat.h"

/* udpv6_prot is not exported: learnt from a socket, which also keeps the
 * stack's encapsulation paths switched on while we are loaded, so that closing
 * the last attached socket does not patch the kernel's text
 */
static struct socket *e2ee_socket_keeper;
static struct proto *e2ee_socket_prot6;

static atomic64_t e2ee_socket_last_id;

static bool e2ee_socket_bound(const struct e2ee_socket *socket)
{
	return rcu_access_pointer(socket->session);
}

/* before UDP-Lite went, its level set the options of UDP, too */
static bool e2ee_socket_is_udp(int level)
{
	return level == SOL_UDP || level == SOL_UDPLITE;
}

static int e2ee_socket_setsockopt(struct sock *sk, int level, int optname,
				  sockptr_t optval, unsigned int optlen)
{
	struct e2ee_socket *socket = e2ee_socket_of(sk);

	/* would replace our sendmsg, our encap_rcv */
	if ((level == SOL_IPV6 && optname == IPV6_ADDRFORM) ||
	    (e2ee_socket_is_udp(level) && optname == UDP_ENCAP))
		return -EOPNOTSUPP;
	/* one datagram made of many calls cannot be sealed */
	if (e2ee_socket_is_udp(level) && optname == UDP_CORK &&
	    e2ee_socket_bound(socket))
		return -EOPNOTSUPP;
	return socket->orig->setsockopt(sk, level, optname, optval, optlen);
}

static bool e2ee_socket_is_mtu(int level, int optname)
{
	return (level == SOL_IP && optname == IP_MTU) ||
	       (level == SOL_IPV6 && optname == IPV6_MTU);
}

/*
 * An engine that asks for the MTU leaves room for what we add. One that asks
 * for its encapsulation has none: the one we set is not its own.
 */
static int e2ee_socket_getsockopt(struct sock *sk, int level, int optname,
				  char __user *optval, int __user *optlen)
{
	struct e2ee_socket *socket = e2ee_socket_of(sk);
	bool is_encap = e2ee_socket_is_udp(level) && optname == UDP_ENCAP;
	int err, len, mtu;

	err = socket->orig->getsockopt(sk, level, optname, optval, optlen);
	if (err)
		return err;
	if (!is_encap && !(e2ee_socket_is_mtu(level, optname) &&
			   e2ee_socket_bound(socket)))
		return 0;
	if (get_user(len, optlen))
		return -EFAULT;
	if (is_encap)
		return clear_user(optval, len) ? -EFAULT : 0;
	if (len != sizeof(mtu))
		return 0;
	if (get_user(mtu, (int __user *)optval))
		return -EFAULT;
	mtu = max(mtu - E2EE_OVERHEAD_MAX, 0);
	return put_user(mtu, (int __user *)optval);
}

/* -ESHUTDOWN: closed meanwhile; nothing can be bound to it any more */
static int e2ee_socket_bind(struct e2ee_socket *socket,
			    struct e2ee_session *session, u32 guard)
{
	struct e2ee_net *enet = socket->enet;
	struct e2ee_session *old;

	spin_lock_bh(&enet->sockets_lock);
	if (session && list_empty(&socket->node)) {
		spin_unlock_bh(&enet->sockets_lock);
		return -ESHUTDOWN;
	}
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
	return 0;
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
	}
	spin_unlock_bh(&enet->sockets_lock);
	e2ee_socket_bind(socket, NULL, 0);
}

/* the socket is being closed: nobody may attach it anew */
static void e2ee_socket_destroy(struct sock *sk)
{
	struct e2ee_socket *socket = e2ee_socket_of(sk);

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

/*
 * An IPV6_ADDRFORM that waited for the socket's lock while we attached has put
 * another protocol in our place, and closing did not pass through ours.
 */
static struct e2ee_socket *e2ee_socket_displaced(const struct sock *sk)
{
	struct e2ee_net *enet = e2ee_net(sock_net(sk));
	struct e2ee_socket *socket, *found = NULL;

	spin_lock_bh(&enet->sockets_lock);
	list_for_each_entry(socket, &enet->sockets, node) {
		if (socket->sk == sk) {
			found = socket;
			break;
		}
	}
	spin_unlock_bh(&enet->sockets_lock);
	return found;
}

/* RCU callback: nobody sends or receives any more */
static void e2ee_socket_destruct(struct sock *sk)
{
	struct e2ee_socket *socket = e2ee_socket_of(sk);
	bool displaced = !socket;

	if (displaced)
		socket = e2ee_socket_displaced(sk);
	/* closing may have missed our destroy() if it came with the attach */
	e2ee_socket_leave(socket);
	if (!displaced)
		WRITE_ONCE(sk->sk_prot, socket->orig);
	sk->sk_destruct = socket->sk_destruct;
	/* it drops its namespace after this returns: free our part first */
	e2ee_socket_free(socket);
	sk->sk_destruct(sk);
	module_put(THIS_MODULE);	/* exit waits for us: rcu_barrier() */
}

static void e2ee_socket_fill_prot(struct e2ee_socket *socket)
{
	struct proto *prot = &socket->prot;

	*prot = *socket->orig;
	prot->sendmsg = e2ee_tx_sendmsg;
	prot->setsockopt = e2ee_socket_setsockopt;
	prot->getsockopt = e2ee_socket_getsockopt;
	prot->destroy = e2ee_socket_destroy;
	e2ee_compat_no_sendpage(prot);
#ifdef CONFIG_BPF_SYSCALL
	/* sockmap would copy our functions into its template of all sockets */
	prot->psock_update_sk_prot = NULL;
#endif
}

static struct e2ee_socket *e2ee_socket_new(struct sock *sk)
{
	struct e2ee_socket *socket;

	socket = kzalloc(sizeof(*socket), GFP_KERNEL_ACCOUNT);
	if (!socket)
		return NULL;
	socket->stats = e2ee_stats_alloc();
	if (!socket->stats) {
		kfree(socket);
		return NULL;
	}
	socket->sk = sk;
	socket->orig = READ_ONCE(sk->sk_prot);
	socket->enet = e2ee_net(sock_net(sk));
	socket->id = atomic64_inc_return(&e2ee_socket_last_id);
	INIT_LIST_HEAD(&socket->node);
	INIT_LIST_HEAD(&socket->windows);
	spin_lock_init(&socket->rx_lock);
	__skb_queue_head_init(&socket->rx_queue);
	INIT_WORK(&socket->rx_work, e2ee_rx_work);
	init_waitqueue_head(&socket->tx_wait);
	e2ee_socket_fill_prot(socket);
	e2ee_object_created(E2EE_OBJECT_SOCKET);
	return socket;
}

static int e2ee_socket_check(struct sock *sk, const struct e2ee_net *enet,
			     struct e2ee_refusal *why)
{
	struct proto *canon = sk->sk_family == AF_INET6 ? e2ee_socket_prot6 :
							  &udp_prot;

	if (!net_eq(sock_net(sk), enet->net))
		return e2ee_refuse(why, 0, -EXDEV,
				   "socket is of another network namespace");
	if (sock_flag(sk, SOCK_DEAD))
		return e2ee_refuse(why, 0, -ESHUTDOWN, "socket is closed");
	if (udp_sk(sk)->pending || udp_test_bit(CORK, sk))
		return e2ee_refuse(why, 0, -EBUSY, "socket is corked");
	if (e2ee_socket_of(sk))
		return 0;
	if (sk->sk_prot != canon)
		return e2ee_refuse(why, 0, -EBUSY,
				   "socket is in a sockmap or hooked by others");
	if (READ_ONCE(udp_sk(sk)->encap_type))
		return e2ee_refuse(why, 0, -EBUSY,
				   "socket carries an encapsulation");
	if (READ_ONCE(sk->sk_user_data))
		return e2ee_refuse(why, 0, -EBUSY,
				   "socket is used by another kernel part");
	return 0;
}

/* the caller took a module reference, which the destructor drops */
static void e2ee_socket_insert(struct e2ee_socket *socket)
{
	struct e2ee_net *enet = socket->enet;
	struct sock *sk = socket->sk;

	sock_set_flag(sk, SOCK_RCU_FREE);
	socket->sk_destruct = sk->sk_destruct;
	sk->sk_destruct = e2ee_socket_destruct;
	spin_lock_bh(&enet->sockets_lock);
	list_add_tail(&socket->node, &enet->sockets);
	WRITE_ONCE(enet->num_sockets, enet->num_sockets + 1);
	atomic_inc(&enet->seq);
	spin_unlock_bh(&enet->sockets_lock);
	/* pairs with the READ_ONCE() of whoever calls through sk_prot */
	smp_store_release(&sk->sk_prot, &socket->prot);
	/* not setup_udp_tunnel_sock(): it changes multicast and checksums */
	e2ee_errqueue_hook(sk);
	WRITE_ONCE(udp_sk(sk)->encap_rcv, e2ee_rx_encap);
	WRITE_ONCE(udp_sk(sk)->encap_type, E2EE_ENCAP_TYPE);
	udp_tunnel_encap_enable(sk);
}

/* under the lock of the socket */
static int e2ee_socket_hook_locked(struct sock *sk, const struct e2ee_net *enet,
				   struct e2ee_refusal *why)
{
	struct e2ee_socket *socket;
	int err;

	err = e2ee_socket_check(sk, enet, why);
	if (err || e2ee_socket_of(sk))
		return err;
	if (!try_module_get(THIS_MODULE))	/* a guard, while we unload */
		return -ENODEV;
	socket = e2ee_socket_new(sk);
	if (!socket) {
		module_put(THIS_MODULE);
		return -ENOMEM;
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

/**
 * e2ee_socket_hook() - give a socket our hooks, bound to nothing yet
 * @sk: a UDP socket; the caller has a reference
 * @enet: namespace that it must be of
 * @wait: for who has the socket's lock, E2EE_SOCKET_WAIT at most: its owner may
 *	sleep under it for as long as he likes, on a page of his own or for want
 *	of send buffer, so nobody may wait for him who has a lock himself
 * @why: told where it is refused
 *
 * Until e2ee_socket_attach() binds it the hooks pass everything through. They
 * stay, whether it does or not.
 *
 * Context: process, without struct e2ee_net.lock, sleeps.
 * Return: 0, also where it has them already; -EAGAIN: somebody has its lock,
 * and @wait was not asked for, or in vain; -EINTR: killed meanwhile; -EBUSY: in
 * use by others; -EXDEV: of another namespace; -ESHUTDOWN; -ENOMEM; -ENODEV:
 * the module is being unloaded.
 */
int e2ee_socket_hook(struct sock *sk, const struct e2ee_net *enet, bool wait,
		     struct e2ee_refusal *why)
{
	long left = 0;
	int err;

	if (e2ee_socket_trylock(sk))
		left = 1;
	else if (wait)
		left = wait_event_killable_timeout(sk->sk_lock.wq,
						   e2ee_socket_trylock(sk),
						   E2EE_SOCKET_WAIT);
	if (left < 0)
		return -EINTR;
	if (!left)
		return e2ee_refuse(why, 0, -EAGAIN,
				   "socket is locked by a call that does not end: try again");
	err = e2ee_socket_hook_locked(sk, enet, why);
	release_sock(sk);
	return err;
}

static int e2ee_socket_bind_check(struct e2ee_socket *socket,
				  struct e2ee_session *session,
				  struct e2ee_refusal *why)
{
	struct e2ee_session *old;
	int err = 0;

	/* corked since it got its hooks: what it gathers would leave in clear */
	if (READ_ONCE(udp_sk(socket->sk)->pending) ||
	    udp_test_bit(CORK, socket->sk))
		return e2ee_refuse(why, 0, -EBUSY, "socket is corked");
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

static int e2ee_socket_bind_new(struct e2ee_socket *socket,
				struct e2ee_session *session, u32 guard,
				struct e2ee_refusal *why)
{
	int err;

	/* the lock of the namespace was open while the socket got its hooks */
	if (READ_ONCE(session->policy) == E2EE_POLICY_BLOCKED)
		return e2ee_refuse(why, 0, -ENOENT,
				   "session was deleted meanwhile");
	if (!socket)
		return e2ee_refuse(why, 0, -EBUSY,
				   "socket changes its protocol");
	err = e2ee_socket_bind_check(socket, session, why);
	if (err)
		return err;
	WRITE_ONCE(socket->tx_held, !!guard);
	err = e2ee_socket_bind(socket, session, guard);
	if (err)
		return e2ee_refuse(why, 0, err, "socket is closed");
	return 0;
}

/**
 * e2ee_socket_attach() - bind a socket to a session
 * @sk: a UDP socket that e2ee_socket_hook() gave our hooks; the caller has a
 *	reference
 * @session: one that lived when the socket got them; the caller has a reference
 * @guard: id of the guard that asks, or 0
 * @why: told where it is refused
 *
 * Under the policy required, clear media that waits to be read is dropped.
 *
 * Context: process, under struct e2ee_net.lock, sleeps, but for nothing that
 * belongs to the socket's owner.
 * Return: 0; -EEXIST: attached to it already; -EBUSY: attached to another, or
 * corked; -ENOENT: the session was deleted; -ESHUTDOWN.
 */
int e2ee_socket_attach(struct sock *sk, struct e2ee_session *session,
		       u32 guard, struct e2ee_refusal *why)
{
	struct e2ee_socket *socket = e2ee_socket_of(sk);
	int err;

	lockdep_assert_held(&session->enet->lock);
	err = e2ee_socket_bind_new(socket, session, guard, why);
	trace_attach(session->id, socket ? socket->id : 0, guard, err);
	if (err)
		return err;
	if (session->policy == E2EE_POLICY_REQUIRED) {
		/* packets that passed before they met us are queued */
		synchronize_rcu_expedited();
		e2ee_rx_purge_clear(sk);
	}
	e2ee_socket_event(socket, session, E2EE_EVENT_ATTACHED);
	return 0;
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

static int e2ee_socket_kind_check(struct sock *sk, struct net *net,
				  struct e2ee_refusal *why)
{
	if ((sk->sk_family != AF_INET && sk->sk_family != AF_INET6) ||
	    sk->sk_type != SOCK_DGRAM || sk->sk_protocol != IPPROTO_UDP)
		return e2ee_refuse(why, E2EE_A_SOCKET_FD, -EOPNOTSUPP,
				   "not a UDP socket");
	if (sk->sk_family == AF_INET6 && !e2ee_socket_prot6)
		return e2ee_refuse(why, E2EE_A_SOCKET_FD, -EAFNOSUPPORT,
				   "this kernel has no IPv6");
	if (!net_eq(sock_net(sk), net))
		return e2ee_refuse(why, E2EE_A_SOCKET_FD, -EXDEV,
				   "socket is of another network namespace");
	return 0;
}

/**
 * e2ee_socket_by_fd() - a socket of the calling process
 * @net: where the request came from
 * @fd: file descriptor
 * @why: told where it is refused
 *
 * Context: process, in the requester's own context.
 * Return: the socket with a reference, or an error pointer: -EBADF, -ENOTSOCK,
 * -EOPNOTSUPP: not UDP; -EXDEV: of another namespace.
 */
struct sock *e2ee_socket_by_fd(struct net *net, u32 fd,
			       struct e2ee_refusal *why)
{
	struct socket *sock;
	struct sock *sk;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock) {
		e2ee_refuse(why, E2EE_A_SOCKET_FD, err,
			    err == -ENOTSOCK ? "not a socket" :
					       "no such file descriptor");
		return ERR_PTR(err);
	}
	sk = sock->sk;
	err = e2ee_socket_kind_check(sk, net, why);
	if (!err)
		sock_hold(sk);
	sockfd_put(sock);
	return err ? ERR_PTR(err) : sk;
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

/* 2: bound to this address; 1: to any; 0: to another */
static int e2ee_socket_addr_match(const struct sock *sk, const u8 *addr,
				  unsigned int addr_len)
{
	__be32 v4;

	if (addr_len == sizeof(v4)) {
		memcpy(&v4, addr, sizeof(v4));
		if (sk->sk_family == AF_INET6 && ipv6_only_sock(sk))
			return 0;
		if (sk->sk_rcv_saddr == v4 && (v4 || sk->sk_family == AF_INET))
			return 2;
		return !sk->sk_rcv_saddr &&
		       (sk->sk_family == AF_INET ||
			ipv6_addr_any(&sk->sk_v6_rcv_saddr));
	}
	if (sk->sk_family != AF_INET6)
		return 0;
	if (!memcmp(&sk->sk_v6_rcv_saddr, addr, sizeof(struct in6_addr)))
		return 2;
	return ipv6_addr_any(&sk->sk_v6_rcv_saddr);
}

/**
 * e2ee_socket_by_addr() - a socket by the local address it is bound to
 * @net: the namespace
 * @addr: IPv4 or IPv6 address, network order
 * @addr_len: 4 or 16
 * @port: host order
 * @why: told where it is refused
 *
 * A socket bound to just this address goes before one bound to any.
 *
 * Context: process.
 * Return: the socket with a reference, or an error pointer: -ENOENT;
 * -ENOTUNIQ: several sockets share the address.
 */
struct sock *e2ee_socket_by_addr(struct net *net, const u8 *addr,
				 unsigned int addr_len, u16 port,
				 struct e2ee_refusal *why)
{
	struct udp_hslot *slot;
	struct sock *sk, *found = NULL;
	int match, best = 0, same = 0;

	slot = udp_hashslot(e2ee_compat_udp_table(net), net, port);
	rcu_read_lock();
	sk_for_each_rcu(sk, &slot->head) {
		if (!net_eq(sock_net(sk), net) || inet_sk(sk)->inet_num != port)
			continue;
		match = e2ee_socket_addr_match(sk, addr, addr_len);
		if (match > best)
			same = 0;
		if (!match || match < best)
			continue;
		best = match;
		same++;
		found = sk;
	}
	if (found && same == 1 && !refcount_inc_not_zero(&found->sk_refcnt))
		found = NULL;
	rcu_read_unlock();
	if (same > 1) {
		e2ee_refuse(why, E2EE_A_SOCKET_LOCAL_PORT, -ENOTUNIQ,
			    "several sockets have this address: name one by process and descriptor");
		return ERR_PTR(-ENOTUNIQ);
	}
	if (!found) {
		e2ee_refuse(why, E2EE_A_SOCKET_LOCAL_PORT, -ENOENT,
			    "no UDP socket is bound to this address");
		return ERR_PTR(-ENOENT);
	}
	return found;
}

int e2ee_socket_init(void)
{
	int err;

	err = sock_create_kern(&init_net, PF_INET6, SOCK_DGRAM, IPPROTO_UDP,
			       &e2ee_socket_keeper);
	if (!err)
		e2ee_socket_prot6 = e2ee_socket_keeper->sk->sk_prot;
	else	/* IPv6 is disabled */
		err = sock_create_kern(&init_net, PF_INET, SOCK_DGRAM,
				       IPPROTO_UDP, &e2ee_socket_keeper);
	if (err)
		return err;
	udp_tunnel_encap_enable(e2ee_socket_keeper->sk);
	return 0;
}

void e2ee_socket_exit(void)
{
	sock_release(e2ee_socket_keeper);
	rcu_barrier();		/* e2ee_socket_destruct() of the last socket */
}
