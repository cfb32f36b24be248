// SPDX-License-Identifier: GPL-2.0
/*
 * Guards: rules that attach sockets by themselves.
 *
 * DOC: first contact
 *
 * While a namespace has guards, we look at its UDP packets at LOCAL_OUT and
 * LOCAL_IN. The first RTP packet of a socket in a guard's range, and those
 * that follow before the socket is attached, are taken from the stack into a
 * hold (struct e2ee_hold); the sender sees success. A work item attaches the
 * socket, then empties the hold in order: packets to send go through the
 * socket's sendmsg() anew, packets received go on where they were taken. A
 * sender that comes through the hooks meanwhile waits (struct
 * e2ee_socket.tx_held), and packets received meanwhile join the hold.
 *
 * A sender that was already inside the stack when the attach came arrives at
 * LOCAL_OUT with clear media of an attached socket: it joins the hold while
 * there is one, and is dropped as a leak afterwards.
 */
#include <linux/cgroup.h>
#include <linux/file.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/udp.h>
#include "datagram.h"
#include "event.h"
#include "guard.h"
#include "resend.h"
#include "session.h"
#include "socket.h"
#include "stats.h"
#include "verdict.h"
#include "compat/compat.h"

#define E2EE_HOLD_PACKETS	64	/* a socket */
#define E2EE_HOLD_BUCKETS	64

/**
 * struct e2ee_guard_net - a namespace's holds
 * @lock: protects @holds and their queues; softirq safe
 * @holds: struct e2ee_hold.node, by socket
 * @num_holds: entries of @holds; read without a lock
 */
struct e2ee_guard_net {
	spinlock_t lock;	/* holds and their queues */
	struct hlist_head holds[E2EE_HOLD_BUCKETS];
	unsigned int num_holds;
};

/**
 * struct e2ee_hold - packets of a socket that waits to be attached
 * @node: in struct e2ee_guard_net.holds
 * @work: attaches and empties
 * @enet: the namespace
 * @sk: the socket, with a reference
 * @file: its file, if it sends, so that it is not closed under us
 * @session: where it goes, with a reference
 * @guard: id of the guard
 * @queue: struct e2ee_held.node, oldest first
 * @len: entries of @queue
 */
struct e2ee_hold {
	struct hlist_node node;
	struct work_struct work;
	struct e2ee_net *enet;
	struct sock *sk;
	struct file *file;
	struct e2ee_session *session;
	u32 guard;
	struct list_head queue;
	unsigned int len;
};

/**
 * struct e2ee_held - a held packet
 * @node: in struct e2ee_hold.queue
 * @skb: the packet; its control block is the stack's
 * @dev: a reference, for a packet received
 * @okfn: where a packet received goes on; NULL for one to send
 */
struct e2ee_held {
	struct list_head node;
	struct sk_buff *skb;
	struct net_device *dev;
	int (*okfn)(struct net *net, struct sock *sk, struct sk_buff *skb);
};

static struct workqueue_struct *e2ee_guard_wq;

static bool e2ee_guard_addr_match(const struct e2ee_guard *guard,
				  const struct sock *sk)
{
	const u8 *addr = (const u8 *)&sk->sk_rcv_saddr;

	if (!guard->addr_len)
		return true;
	if (guard->addr_len == sizeof(struct in6_addr)) {
#if IS_ENABLED(CONFIG_IPV6)
		if (sk->sk_family != AF_INET6)
			return false;
		addr = (const u8 *)&sk->sk_v6_rcv_saddr;
		/* bound to any: it may use the guard's address */
		if (ipv6_addr_any(&sk->sk_v6_rcv_saddr))
			return true;
#else
		return false;
#endif
	} else if (!sk->sk_rcv_saddr) {
		return sk->sk_family == AF_INET || !ipv6_only_sock(sk);
	}
	return !memcmp(addr, guard->addr, guard->addr_len);
}

static bool e2ee_guard_match(const struct e2ee_guard *guard, struct sock *sk)
{
	u16 port = inet_sk(sk)->inet_num;
	struct cgroup *cgroup;

	if (port < guard->port_first || port > guard->port_last)
		return false;
	if (!e2ee_guard_addr_match(guard, sk))
		return false;
	if (guard->has_uid && !uid_eq(READ_ONCE(sk->sk_uid), guard->uid))
		return false;
	if (!guard->cgroup)
		return true;
	cgroup = sock_cgroup_ptr(&sk->sk_cgrp_data);
	return cgroup && cgroup_is_descendant(cgroup, guard->cgroup);
}

static struct e2ee_guard *e2ee_guard_of(struct e2ee_net *enet, struct sock *sk)
{
	struct e2ee_guard *guard;

	list_for_each_entry_rcu(guard, &enet->guards, node,
				lockdep_is_held(&enet->lock))
		if (e2ee_guard_match(guard, sk))
			return guard;
	return NULL;
}

static bool e2ee_guard_has_port(struct e2ee_net *enet, u16 port)
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
	covers = e2ee_guard_of(enet, sk);
	rcu_read_unlock();
	return covers;
}

/* holds */

static struct hlist_head *e2ee_hold_bucket(struct e2ee_guard_net *gnet,
					   const struct sock *sk)
{
	return &gnet->holds[hash_ptr(sk, ilog2(E2EE_HOLD_BUCKETS))];
}

static struct e2ee_hold *e2ee_hold_find(struct e2ee_guard_net *gnet,
					const struct sock *sk)
{
	struct e2ee_hold *hold;

	hlist_for_each_entry(hold, e2ee_hold_bucket(gnet, sk), node)
		if (hold->sk == sk)
			return hold;
	return NULL;
}

static struct e2ee_hold *e2ee_hold_new(struct e2ee_net *enet, struct sock *sk,
				       const struct e2ee_guard *guard);
static void e2ee_hold_receive(struct e2ee_hold *hold, struct e2ee_held *held);

static void e2ee_guard_drop(struct e2ee_session *session, struct sk_buff *skb)
{
	e2ee_note(NULL, session, E2EE_A_STAT_GUARD_DROP);
	kfree_skb(skb);
}

/* one that sends is kept from being closed: its file is in use right now */
static bool e2ee_hold_take_file(struct e2ee_hold *hold)
{
	struct socket *sock = hold->sk->sk_socket;

	if (!hold->file && sock && sock->file)
		hold->file = e2ee_compat_get_file(&sock->file);
	return hold->file;
}

static bool e2ee_hold_add(struct e2ee_hold *hold, struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	bool in = state->hook == NF_INET_LOCAL_IN;
	struct e2ee_held *held;

	if (hold->len >= E2EE_HOLD_PACKETS)
		return false;
	if (!in && !e2ee_hold_take_file(hold))
		return false;
	held = kmalloc(sizeof(*held), GFP_ATOMIC);
	if (!held)
		return false;
	if (!skb_dst_force(skb)) {
		kfree(held);
		return false;
	}
	held->skb = skb;
	held->okfn = in ? state->okfn : NULL;
	held->dev = in ? skb->dev : NULL;
	dev_hold(held->dev);
	list_add_tail(&held->node, &hold->queue);
	hold->len++;
	return true;
}

/* takes the packet; guard is NULL where only an existing hold counts */
static unsigned int e2ee_hold_packet(struct e2ee_net *enet, struct sock *sk,
				     const struct e2ee_guard *guard,
				     struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	struct e2ee_guard_net *gnet = enet->guard;
	struct e2ee_session *session;
	struct e2ee_hold *hold;
	bool held;

	spin_lock_bh(&gnet->lock);
	hold = e2ee_hold_find(gnet, sk);
	if (!hold && guard)
		hold = e2ee_hold_new(enet, sk, guard);
	if (!hold) {
		spin_unlock_bh(&gnet->lock);
		if (!guard)
			return NF_ACCEPT;
		e2ee_guard_drop(guard->session, skb);
		return NF_STOLEN;
	}
	session = hold->session;
	held = e2ee_hold_add(hold, skb, state);
	/* under the lock: the session is the hold's */
	if (held)
		e2ee_note(NULL, session, E2EE_A_STAT_GUARD_HELD);
	else
		e2ee_guard_drop(session, skb);
	spin_unlock_bh(&gnet->lock);
	return NF_STOLEN;
}

/* the next packet, or the end of the hold, after which none can join it */
static struct e2ee_held *e2ee_hold_next(struct e2ee_hold *hold)
{
	struct e2ee_guard_net *gnet = hold->enet->guard;
	struct e2ee_socket *socket = e2ee_socket_of(hold->sk);
	struct e2ee_held *held;

	spin_lock_bh(&gnet->lock);
	held = list_first_entry_or_null(&hold->queue, struct e2ee_held, node);
	if (held) {
		list_del(&held->node);
		hold->len--;
	} else {
		hlist_del(&hold->node);
		WRITE_ONCE(gnet->num_holds, gnet->num_holds - 1);
		if (socket)
			WRITE_ONCE(socket->tx_held, false);
	}
	spin_unlock_bh(&gnet->lock);
	if (!held && socket)
		wake_up_all(&socket->tx_wait);
	return held;
}

static void e2ee_hold_release(struct e2ee_hold *hold, struct e2ee_held *held,
			      bool attached)
{
	bool passed = attached;

	if (!attached)
		kfree_skb(held->skb);
	else if (held->okfn)
		e2ee_hold_receive(hold, held);
	else
		passed = e2ee_resend(hold->sk, held->skb);
	if (!passed)
		e2ee_note(NULL, hold->session, E2EE_A_STAT_GUARD_DROP);
	dev_put(held->dev);
	kfree(held);
}

static void e2ee_hold_failed(struct e2ee_hold *hold, int err)
{
	struct e2ee_event_msg msg = {
		.type = E2EE_EVENT_ATTACH_FAILED,
		.given = E2EE_EVENT_HAS_ERROR,
		.error = -err,
	};

	e2ee_event_send(hold->enet, hold->session, &msg);
}

static int e2ee_hold_attach(struct e2ee_hold *hold)
{
	struct e2ee_net *enet = hold->enet;
	struct e2ee_refusal why = {};
	struct e2ee_guard *guard;
	int err = -ENOENT;

	mutex_lock(&enet->lock);
	if (hold->session->policy != E2EE_POLICY_BLOCKED)
		err = e2ee_socket_attach(hold->sk, hold->session, hold->guard,
					 &why);
	guard = e2ee_guard_by_id(enet, hold->guard);
	if (!err && guard)
		atomic_inc(&guard->sockets);
	mutex_unlock(&enet->lock);
	return err == -EEXIST ? 0 : err;	/* somebody else did it */
}

static void e2ee_hold_work(struct work_struct *work)
{
	struct e2ee_hold *hold = container_of(work, struct e2ee_hold, work);
	struct e2ee_held *held;
	int err;

	err = e2ee_hold_attach(hold);
	if (err)
		e2ee_hold_failed(hold, err);
	while ((held = e2ee_hold_next(hold)))
		e2ee_hold_release(hold, held, !err);

	if (hold->file)
		fput(hold->file);
	e2ee_session_put(hold->session);
	sock_put(hold->sk);
	kfree(hold);
	e2ee_object_destroyed(E2EE_OBJECT_HOLD);
}

/* under struct e2ee_guard_net.lock */
static struct e2ee_hold *e2ee_hold_new(struct e2ee_net *enet, struct sock *sk,
				       const struct e2ee_guard *guard)
{
	struct e2ee_guard_net *gnet = enet->guard;
	struct e2ee_hold *hold;

	hold = kzalloc(sizeof(*hold), GFP_ATOMIC);
	if (!hold)
		return NULL;
	if (!refcount_inc_not_zero(&sk->sk_refcnt)) {
		kfree(hold);
		return NULL;
	}
	hold->enet = enet;
	hold->sk = sk;
	hold->session = e2ee_session_get(guard->session);
	hold->guard = guard->id;
	INIT_LIST_HEAD(&hold->queue);
	INIT_WORK(&hold->work, e2ee_hold_work);
	hlist_add_head(&hold->node, e2ee_hold_bucket(gnet, sk));
	WRITE_ONCE(gnet->num_holds, gnet->num_holds + 1);
	e2ee_object_created(E2EE_OBJECT_HOLD);
	queue_work(e2ee_guard_wq, &hold->work);
	return hold;
}

/* netfilter */

/* clear media of an attached socket, on its way out behind our back */
static unsigned int e2ee_guard_out_attached(struct e2ee_net *enet,
					    struct e2ee_socket *socket,
					    struct sk_buff *skb,
					    const struct nf_hook_state *state)
{
	struct e2ee_datagram datagram;
	struct e2ee_session *session;
	u32 policy;

	session = rcu_dereference(socket->session);
	if (!session)
		return NF_ACCEPT;
	policy = READ_ONCE(session->policy);
	if (policy != E2EE_POLICY_REQUIRED && policy != E2EE_POLICY_BLOCKED)
		return NF_ACCEPT;
	if (!e2ee_datagram_read(skb, &datagram) ||
	    !e2ee_datagram_leaks(&datagram, session))
		return NF_ACCEPT;
	/* it came before those that wait: join the packets that are held */
	if (READ_ONCE(socket->tx_held) &&
	    e2ee_hold_packet(enet, socket->sk, NULL, skb, state) == NF_STOLEN)
		return NF_STOLEN;
	e2ee_note(socket, session, E2EE_A_STAT_TX_LEAK);
	kfree_skb(skb);		/* NF_DROP would tell its sender EPERM */
	return NF_STOLEN;
}

static bool e2ee_guard_is_candidate(const struct sock *sk)
{
	return sk_fullsock(sk) && sk->sk_type == SOCK_DGRAM &&
	       sk->sk_protocol == IPPROTO_UDP &&
	       (sk->sk_family == AF_INET || sk->sk_family == AF_INET6);
}

/* sockets of the kernel have no file: tunnels and the like */
static bool e2ee_guard_is_users(const struct sock *sk)
{
	const struct socket *sock = READ_ONCE(sk->sk_socket);

	return sock && READ_ONCE(sock->file);
}

static unsigned int e2ee_guard_out(void *priv, struct sk_buff *skb,
				   const struct nf_hook_state *state)
{
	struct e2ee_net *enet = e2ee_net(state->net);
	struct e2ee_datagram datagram;
	struct e2ee_socket *socket;
	struct e2ee_guard *guard;
	struct sock *sk = skb->sk;

	if (!sk || !e2ee_guard_is_candidate(sk))
		return NF_ACCEPT;
	socket = e2ee_socket_of(sk);
	if (socket && rcu_access_pointer(socket->session))
		return e2ee_guard_out_attached(enet, socket, skb, state);
	guard = e2ee_guard_of(enet, sk);
	if (!guard || !e2ee_guard_is_users(sk) ||
	    !e2ee_datagram_read(skb, &datagram) ||
	    !e2ee_datagram_has_media(&datagram))
		return NF_ACCEPT;
	return e2ee_hold_packet(enet, sk, guard, skb, state);
}

/*
 * A received packet for one socket that may have to be attached first. One
 * that comes again, out of a hold, does not join that hold once more.
 */
static unsigned int e2ee_guard_in_socket(struct e2ee_net *enet,
					 struct sock *sk,
					 const struct e2ee_datagram *datagram,
					 const struct nf_hook_state *state,
					 bool again)
{
	struct sk_buff *skb = datagram->skb;
	struct e2ee_guard *guard = NULL;
	struct e2ee_socket *socket;

	if (!e2ee_guard_is_candidate(sk))
		return NF_ACCEPT;
	socket = e2ee_socket_of(sk);
	if (!socket || !rcu_access_pointer(socket->session)) {
		guard = e2ee_guard_of(enet, sk);
		if (!guard || !e2ee_guard_is_users(sk))
			return NF_ACCEPT;
	} else if (again || !READ_ONCE(enet->guard->num_holds)) {
		return NF_ACCEPT;
	}
	if (!e2ee_datagram_has_media(datagram))
		return NF_ACCEPT;
	return e2ee_hold_packet(enet, sk, guard, skb, state);
}

static struct sock *e2ee_guard_lookup(const struct e2ee_datagram *datagram,
				      const struct nf_hook_state *state)
{
	if (state->pf == NFPROTO_IPV4)
		return e2ee_compat_udp4_lookup(state->net, datagram->skb,
					       datagram->source,
					       datagram->dest);
	return e2ee_compat_udp6_lookup(state->net, datagram->skb,
				       datagram->source, datagram->dest);
}

/*
 * A multicast goes to many sockets, and a packet for a group of SO_REUSEPORT
 * to any of it: it waits for the first that is still to be attached, and comes
 * here again from its hold for the next one.
 */
static unsigned int e2ee_guard_in_many(struct e2ee_net *enet,
				       const struct e2ee_datagram *datagram,
				       const struct nf_hook_state *state,
				       bool again)
{
	u16 port = ntohs(datagram->dest);
	unsigned int verdict = NF_ACCEPT;
	struct udp_hslot *slot;
	struct sock *sk;

	slot = udp_hashslot(e2ee_compat_udp_table(state->net), state->net,
			    port);
	sk_for_each_rcu(sk, &slot->head) {
		if (!net_eq(sock_net(sk), state->net) ||
		    inet_sk(sk)->inet_num != port)
			continue;
		verdict = e2ee_guard_in_socket(enet, sk, datagram, state,
					       again);
		if (verdict != NF_ACCEPT)
			break;
	}
	return verdict;
}

static bool e2ee_guard_is_many(const struct sk_buff *skb)
{
	return skb->pkt_type == PACKET_MULTICAST ||
	       skb->pkt_type == PACKET_BROADCAST ||
	       (skb->protocol == htons(ETH_P_IP) ?
		ipv4_is_multicast(ip_hdr(skb)->daddr) :
		ipv6_addr_is_multicast(&ipv6_hdr(skb)->daddr));
}

static unsigned int e2ee_guard_in(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	struct e2ee_net *enet = e2ee_net(state->net);
	struct e2ee_datagram datagram;
	struct sock *sk;

	if (!e2ee_datagram_read(skb, &datagram) ||
	    !e2ee_guard_has_port(enet, ntohs(datagram.dest)))
		return NF_ACCEPT;
	if (e2ee_guard_is_many(skb))
		return e2ee_guard_in_many(enet, &datagram, state, false);
	sk = e2ee_guard_lookup(&datagram, state);
	if (!sk)
		return NF_ACCEPT;
	if (sk->sk_reuseport)
		return e2ee_guard_in_many(enet, &datagram, state, false);
	return e2ee_guard_in_socket(enet, sk, &datagram, state, false);
}

/* goes on where it was taken, after others that wait for it, too */
static void e2ee_hold_receive(struct e2ee_hold *hold, struct e2ee_held *held)
{
	struct sk_buff *skb = held->skb;
	struct nf_hook_state state = {
		.hook = NF_INET_LOCAL_IN,
		.pf = skb->protocol == htons(ETH_P_IP) ? NFPROTO_IPV4 :
							 NFPROTO_IPV6,
		.in = held->dev,
		.net = hold->enet->net,
		.okfn = held->okfn,
	};
	unsigned int verdict = NF_ACCEPT;
	struct e2ee_datagram datagram;

	local_bh_disable();
	rcu_read_lock();
	if ((e2ee_guard_is_many(skb) || hold->sk->sk_reuseport) &&
	    e2ee_datagram_read(skb, &datagram))
		verdict = e2ee_guard_in_many(hold->enet, &datagram, &state,
					     true);
	if (verdict == NF_ACCEPT)
		state.okfn(state.net, NULL, skb);
	rcu_read_unlock();
	local_bh_enable();
}

static const struct nf_hook_ops e2ee_guard_hooks[] = {
	{
		.hook = e2ee_guard_out,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = NF_IP_PRI_LAST,
	}, {
		.hook = e2ee_guard_in,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook = e2ee_guard_out,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = NF_IP6_PRI_LAST,
	}, {
		.hook = e2ee_guard_in,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP6_PRI_LAST,
	},
#endif
};

/* rules */

/**
 * e2ee_guard_by_id() - find a guard
 * @enet: the namespace
 * @id: from 1
 *
 * Context: process, under struct e2ee_net.lock.
 */
struct e2ee_guard *e2ee_guard_by_id(struct e2ee_net *enet, u32 id)
{
	struct e2ee_guard *guard;

	lockdep_assert_held(&enet->lock);
	list_for_each_entry(guard, &enet->guards, node)
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
	guard->cgroup_path = kstrdup(path, GFP_KERNEL_ACCOUNT);
	if (!guard->cgroup_path)
		return -ENOMEM;
	cgroup = cgroup_get_from_path(path);
	if (IS_ERR(cgroup)) {
		kfree(guard->cgroup_path);
		return e2ee_refuse(why, E2EE_A_GUARD_CGROUP, PTR_ERR(cgroup),
				   "no such cgroup");
	}
	guard->cgroup = cgroup;
	return 0;
}

/* nobody sees it any more */
static void e2ee_guard_free(struct e2ee_guard *guard)
{
	if (guard->cgroup)
		cgroup_put(guard->cgroup);
	kfree(guard->cgroup_path);
	e2ee_session_put(guard->session);
	kfree(guard);
	e2ee_object_destroyed(E2EE_OBJECT_GUARD);
}

static struct e2ee_guard *
e2ee_guard_alloc(struct e2ee_session *session,
		 const struct e2ee_guard_param *param, struct e2ee_refusal *why)
{
	struct e2ee_guard *guard;
	int err;

	guard = kzalloc(sizeof(*guard), GFP_KERNEL_ACCOUNT);
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
	int err = 0;

	list_for_each_entry(other, &enet->guards, node)
		if (e2ee_guard_is_same(other, guard))
			return e2ee_refuse(why, E2EE_A_GUARD_PORT_FIRST,
					   -EEXIST, "such a guard exists");
	if (!enet->num_guards)
		err = nf_register_net_hooks(enet->net, e2ee_guard_hooks,
					    ARRAY_SIZE(e2ee_guard_hooks));
	if (err)
		return err;
	while (!++enet->next_guard || e2ee_guard_by_id(enet, enet->next_guard))
		;
	guard->id = enet->next_guard;
	guard->session->num_guards++;
	enet->num_guards++;
	enet->seq++;
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
 * Context: process, under struct e2ee_net.lock, sleeps.
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
 * Context: process, under struct e2ee_net.lock, sleeps.
 * Return: 0.
 */
int e2ee_guard_del(struct e2ee_guard *guard)
{
	struct e2ee_net *enet = guard->session->enet;

	list_del_rcu(&guard->node);
	enet->seq++;
	guard->session->num_guards--;
	if (!--enet->num_guards)
		nf_unregister_net_hooks(enet->net, e2ee_guard_hooks,
					ARRAY_SIZE(e2ee_guard_hooks));
	synchronize_rcu_expedited();
	e2ee_guard_free(guard);
	return 0;
}

int e2ee_guard_net_init(struct e2ee_net *enet)
{
	struct e2ee_guard_net *gnet;

	gnet = kzalloc(sizeof(*gnet), GFP_KERNEL);
	if (!gnet)
		return -ENOMEM;
	spin_lock_init(&gnet->lock);
	enet->guard = gnet;
	return 0;
}

/* packets may still be held where the module is unloaded */
void e2ee_guard_net_exit(struct e2ee_net *enet)
{
	struct e2ee_guard *guard, *next;

	mutex_lock(&enet->lock);
	list_for_each_entry_safe(guard, next, &enet->guards, node)
		e2ee_guard_del(guard);
	mutex_unlock(&enet->lock);
	flush_workqueue(e2ee_guard_wq);
	kfree(enet->guard);
}

int e2ee_guard_init(void)
{
	/* held packets leave on their sender's CPU: queues of a CPU keep order */
	e2ee_guard_wq = alloc_workqueue("e2ee_guard",
					WQ_HIGHPRI | E2EE_COMPAT_WQ_PERCPU, 0);
	return e2ee_guard_wq ? 0 : -ENOMEM;
}

void e2ee_guard_exit(void)
{
	destroy_workqueue(e2ee_guard_wq);
}
