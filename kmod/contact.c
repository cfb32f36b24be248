// SPDX-License-Identifier: GPL-2.0
/*
 * First contact: sockets in the range of a guard are met with the first RTP
 * packet that they send or get.
 *
 * DOC: first contact
 *
 * While a namespace has guards, we look at its UDP packets at LOCAL_OUT and
 * LOCAL_IN. The first RTP packet of a socket in a guard's range, and those that
 * follow before the socket is attached, are taken from the stack into a hold
 * (hold.c), which attaches the socket and lets them go through its hooks; their
 * sender sees success.
 *
 * What a hold sends anew takes its whole way through LOCAL_OUT, so it is taken
 * from there before anything else: as its sender addressed it, not as NAT would
 * have it, tracked once, and seen by no rule, queue or copy in clear.
 *
 * A sender that was already inside the stack when the attach came arrives at
 * LOCAL_OUT with clear media of an attached socket. Where a guard attached it,
 * and is still there, the packet is held like the first ones were, so that none
 * of them is missing. Where a request did, it is dropped as a leak, behind all
 * else: a program may have kept it in a queue of netfilter meanwhile.
 *
 * In order to look at packets we register with netfilter, which takes a lock of
 * the whole host and, under that lock, allocates memory at the expense of whoever
 * registers. So a work item registers, at nobody's expense, and a guard is made
 * only when that is done: a guard that is there does guard.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/udp.h>
#include "contact.h"
#include "datagram.h"
#include "guard.h"
#include "hold.h"
#include "session.h"
#include "socket.h"
#include "verdict.h"
#include "compat/compat.h"

/* how long we look at packets for a guard that is asked for but never made */
#define E2EE_CONTACT_WAIT	(10 * HZ)

static struct workqueue_struct *e2ee_contact_wq;

static bool e2ee_contact_is_candidate(const struct sock *sk)
{
	return sk_fullsock(sk) && sk->sk_type == SOCK_DGRAM &&
	       sk->sk_protocol == IPPROTO_UDP &&
	       (sk->sk_family == AF_INET || sk->sk_family == AF_INET6);
}

/* closed, but for what it still has to send */
static bool e2ee_contact_is_closed(const struct sock *sk)
{
	return !READ_ONCE(sk->sk_socket);
}

/*
 * A tunnel, or IPsec over UDP, sends what a socket sent in a packet of its own,
 * which still belongs to that socket.
 */
static bool e2ee_contact_is_own(const struct sock *sk,
				const struct e2ee_datagram *datagram)
{
	return datagram->source == inet_sk(sk)->inet_sport;
}

/* the UDP socket that sends this */
static struct sock *e2ee_contact_sender(const struct sk_buff *skb,
					const struct nf_hook_state *state)
{
	struct sock *sk = skb->sk;

	return sk && net_eq(sock_net(sk), state->net) &&
	       e2ee_contact_is_candidate(sk) ? sk : NULL;
}

/*
 * Clear media of an attached socket, on its way out behind our back: from a
 * sender that was inside the stack when the attach came.
 */
static bool e2ee_contact_leaks(const struct e2ee_socket *socket,
			       struct e2ee_session *session,
			       struct sk_buff *skb)
{
	u32 policy = READ_ONCE(session->policy);
	struct e2ee_datagram datagram;

	if (policy != E2EE_POLICY_REQUIRED && policy != E2EE_POLICY_BLOCKED)
		return false;
	return e2ee_datagram_read(skb, &datagram) &&
	       e2ee_contact_is_own(socket->sk, &datagram) &&
	       e2ee_datagram_leaks(&datagram, session);
}

/* A guard promised that its socket's first packets arrive: they wait in turn. */
static unsigned int e2ee_contact_out_attached(struct e2ee_net *enet,
					      struct e2ee_socket *socket,
					      struct e2ee_session *session,
					      struct sk_buff *skb,
					      const struct nf_hook_state *state)
{
	struct e2ee_guard *guard;

	guard = e2ee_guard_by_id(enet, READ_ONCE(socket->guard));
	if ((!guard && !e2ee_hold_any(enet)) ||
	    !e2ee_contact_leaks(socket, session, skb))
		return NF_ACCEPT;
	return e2ee_hold_packet(socket->sk, guard, skb, state, NULL);
}

/* Before all else that looks at what leaves */
static unsigned int e2ee_contact_out(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	struct sock *sk = e2ee_contact_sender(skb, state);
	struct e2ee_net *enet = e2ee_net(state->net);
	struct e2ee_session *session = NULL;
	struct e2ee_datagram datagram;
	struct e2ee_socket *socket;
	struct e2ee_guard *guard;

	if (!sk)
		return NF_ACCEPT;
	socket = e2ee_socket_find(sk);
	if (socket)
		session = rcu_dereference(socket->session);
	if (session)
		return e2ee_contact_out_attached(enet, socket, session, skb,
						 state);
	guard = e2ee_guard_of(enet, sk);
	if (!guard || e2ee_socket_is_kernels(sk) ||
	    !e2ee_datagram_read(skb, &datagram) ||
	    !e2ee_contact_is_own(sk, &datagram) ||
	    !e2ee_datagram_has_media(&datagram))
		return NF_ACCEPT;
	if (!e2ee_contact_is_closed(sk))
		return e2ee_hold_packet(sk, guard, skb, state, NULL);
	/* too late to send it in another way */
	e2ee_note(NULL, guard->session, E2EE_A_STAT_GUARD_DROP);
	kfree_skb(skb);
	return NF_STOLEN;
}

/* Behind all else: what no hold takes, does not leave. */
static unsigned int e2ee_contact_out_leak(void *priv, struct sk_buff *skb,
					  const struct nf_hook_state *state)
{
	struct sock *sk = e2ee_contact_sender(skb, state);
	struct e2ee_session *session;
	struct e2ee_socket *socket;

	socket = sk ? e2ee_socket_find(sk) : NULL;
	session = socket ? rcu_dereference(socket->session) : NULL;
	if (!session || !e2ee_contact_leaks(socket, session, skb))
		return NF_ACCEPT;
	e2ee_note(socket, session, E2EE_A_STAT_TX_LEAK);
	kfree_skb(skb);		/* NF_DROP would tell its sender EPERM */
	return NF_STOLEN;
}

static void e2ee_contact_again(struct sock *sk, struct sk_buff *skb,
			       const struct nf_hook_state *state);

/*
 * A received packet for one socket that may have to be attached first. One
 * that comes again, from the hold of a socket, does not join that once more.
 */
static unsigned int e2ee_contact_in_socket(struct e2ee_net *enet,
					   struct sock *sk,
					   const struct e2ee_datagram *datagram,
					   const struct nf_hook_state *state,
					   const struct sock *from)
{
	struct sk_buff *skb = datagram->skb;
	struct e2ee_guard *guard = NULL;
	struct e2ee_socket *socket;

	if (sk == from || !e2ee_contact_is_candidate(sk))
		return NF_ACCEPT;
	socket = e2ee_socket_find(sk);
	if (!socket || !rcu_access_pointer(socket->session)) {
		guard = e2ee_guard_of(enet, sk);
		if (!guard || e2ee_contact_is_closed(sk) ||
		    e2ee_socket_is_kernels(sk))
			return NF_ACCEPT;
	} else if (from || !e2ee_hold_any(enet)) {
		return NF_ACCEPT;
	}
	if (!e2ee_datagram_has_media(datagram))
		return NF_ACCEPT;
	return e2ee_hold_packet(sk, guard, skb, state, e2ee_contact_again);
}

static struct sock *e2ee_contact_lookup(const struct e2ee_datagram *datagram,
					const struct nf_hook_state *state)
{
	if (state->pf == NFPROTO_IPV4)
		return e2ee_compat_udp4_lookup(state->net, datagram->skb,
					       datagram->source,
					       datagram->dest);
	return e2ee_compat_udp6_lookup(state->net, datagram->skb,
				       datagram->source, datagram->dest);
}

static bool e2ee_contact_hears4(const struct sock *sk,
				const struct sk_buff *skb)
{
	const struct inet_sock *inet = inet_sk(sk);
	const struct iphdr *iph = ip_hdr(skb);

	return (!inet->inet_daddr || inet->inet_daddr == iph->saddr) &&
	       (!inet->inet_rcv_saddr || inet->inet_rcv_saddr == iph->daddr) &&
	       !ipv6_only_sock(sk) &&
	       udp_sk_bound_dev_eq(sock_net(sk), READ_ONCE(sk->sk_bound_dev_if),
				   skb->dev->ifindex, inet_sdif(skb));
}

static bool e2ee_contact_hears6(const struct sock *sk,
				const struct sk_buff *skb)
{
	const struct in6_addr *remote = e2ee_compat_remote6(sk);
	const struct in6_addr *local = e2ee_compat_local6(sk);
	const struct ipv6hdr *iph = ipv6_hdr(skb);

	return sk->sk_family == AF_INET6 &&
	       (ipv6_addr_any(remote) || ipv6_addr_equal(remote, &iph->saddr)) &&
	       (ipv6_addr_any(local) || ipv6_addr_equal(local, &iph->daddr)) &&
	       udp_sk_bound_dev_eq(sock_net(sk), READ_ONCE(sk->sk_bound_dev_if),
				   inet6_iif(skb), inet6_sdif(skb));
}

/*
 * Does the stack bring a multicast for its port to this socket? It asks for the
 * senders that the socket wants to hear, too, with functions that are its own.
 */
static bool e2ee_contact_hears(const struct sock *sk,
			       const struct e2ee_datagram *datagram)
{
	__be16 peer = inet_sk(sk)->inet_dport;

	if (peer && peer != datagram->source)
		return false;
	return e2ee_datagram_is_ipv4(datagram->skb) ?
	       e2ee_contact_hears4(sk, datagram->skb) :
	       e2ee_contact_hears6(sk, datagram->skb);
}

/* may the stack choose the one as well as the other? */
static bool e2ee_contact_same_group(const struct sock *sk,
				    const struct sock *found)
{
	const void *group = rcu_access_pointer(found->sk_reuseport_cb);

	return sk == found ||
	       (group && group == rcu_access_pointer(sk->sk_reuseport_cb) &&
		sk->sk_state != TCP_ESTABLISHED);
}

/*
 * A multicast goes to many sockets, and a packet for a group of SO_REUSEPORT
 * to any of it: it waits for the first that is still to be attached, and comes
 * here again from its hold for the next one. Others on the port have no say, nor
 * does it attach them: anyone may open one.
 */
static unsigned int e2ee_contact_in_many(struct e2ee_net *enet,
					 const struct sock *found,
					 const struct e2ee_datagram *datagram,
					 const struct nf_hook_state *state,
					 const struct sock *from)
{
	u16 port = found ? inet_sk(found)->inet_num : ntohs(datagram->dest);
	unsigned int verdict = NF_ACCEPT;
	struct udp_hslot *slot;
	struct sock *sk;

	slot = udp_hashslot(e2ee_compat_udp_table(state->net), state->net,
			    port);
	sk_for_each_rcu(sk, &slot->head) {
		if (!net_eq(sock_net(sk), state->net) ||
		    inet_sk(sk)->inet_num != port)
			continue;
		if (found ? !e2ee_contact_same_group(sk, found) :
			    !e2ee_contact_hears(sk, datagram))
			continue;
		verdict = e2ee_contact_in_socket(enet, sk, datagram, state,
						 from);
		if (verdict != NF_ACCEPT)
			break;
	}
	return verdict;
}

/* as the stack sees it: what the link says of a frame is another matter */
static bool e2ee_contact_is_many(const struct sk_buff *skb)
{
	if (e2ee_datagram_is_ipv4(skb))
		return skb_rtable(skb)->rt_flags &
		       (RTCF_BROADCAST | RTCF_MULTICAST);
	return ipv6_addr_is_multicast(&ipv6_hdr(skb)->daddr);
}

/*
 * Chosen before it came here, by the stack or by a rule (TPROXY, BPF): there it
 * goes, whatever its address and port, and to no other.
 */
static struct sock *e2ee_contact_chosen(const struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	return sk && e2ee_contact_is_candidate(sk) ? sk : NULL;
}

static u16 e2ee_contact_port(const struct e2ee_datagram *datagram)
{
	const struct sock *sk = e2ee_contact_chosen(datagram->skb);

	return sk ? inet_sk(sk)->inet_num : ntohs(datagram->dest);
}

/* A received packet, for the sockets that may get it */
static unsigned int e2ee_contact_in_any(struct e2ee_net *enet,
					const struct e2ee_datagram *datagram,
					const struct nf_hook_state *state,
					const struct sock *from)
{
	struct sock *sk = e2ee_contact_chosen(datagram->skb);

	if (!sk && e2ee_contact_is_many(datagram->skb))
		return e2ee_contact_in_many(enet, NULL, datagram, state, from);
	if (!sk)
		sk = e2ee_contact_lookup(datagram, state);
	if (!sk)
		return NF_ACCEPT;
	if (sk->sk_reuseport && sk->sk_state != TCP_ESTABLISHED)
		return e2ee_contact_in_many(enet, sk, datagram, state, from);
	return e2ee_contact_in_socket(enet, sk, datagram, state, from);
}

static unsigned int e2ee_contact_in(void *priv, struct sk_buff *skb,
				    const struct nf_hook_state *state)
{
	struct e2ee_net *enet = e2ee_net(state->net);
	struct e2ee_datagram datagram;

	if (!e2ee_datagram_read(skb, &datagram))
		return e2ee_datagram_is_hidden(skb) ? NF_DROP : NF_ACCEPT;
	if (!e2ee_guard_has_port(enet, e2ee_contact_port(&datagram)))
		return NF_ACCEPT;
	return e2ee_contact_in_any(enet, &datagram, state, NULL);
}

/*
 * Goes on where it was taken: connection tracking confirms behind us, as hooks of
 * the same priority are called in the reverse order of their registration.
 */
static void e2ee_contact_go_on(struct sk_buff *skb,
			       const struct nf_hook_state *taken)
{
	struct nf_hook_state state = *taken;
	const struct nf_hook_entries *hooks;
	unsigned int i = 0;

	if (state.pf == NFPROTO_IPV4)
		hooks = rcu_dereference(state.net->nf.hooks_ipv4[state.hook]);
	else
		hooks = rcu_dereference(state.net->nf.hooks_ipv6[state.hook]);
	while (hooks && i < hooks->num_hook_entries &&
	       hooks->hooks[i].hook != e2ee_contact_in)
		i++;
	/* the last guard is gone, and our place in the list with it */
	if (!hooks || i == hooks->num_hook_entries ||
	    nf_hook_slow(skb, &state, hooks, i + 1) == 1)
		state.okfn(state.net, NULL, skb);
}

/* goes on, after others that wait for it, too */
static void e2ee_contact_again(struct sock *sk, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	unsigned int verdict = NF_ACCEPT;
	struct e2ee_datagram datagram;

	local_bh_disable();
	rcu_read_lock();
	if (e2ee_datagram_read(skb, &datagram))
		verdict = e2ee_contact_in_any(e2ee_net(state->net), &datagram,
					      state, sk);
	if (verdict == NF_ACCEPT)
		e2ee_contact_go_on(skb, state);
	rcu_read_unlock();
	local_bh_enable();
}

static const struct nf_hook_ops e2ee_contact_hooks[] = {
	{
		.hook = e2ee_contact_out,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = NF_IP_PRI_FIRST,
	}, {
		.hook = e2ee_contact_out_leak,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = NF_IP_PRI_LAST,
	}, {
		.hook = e2ee_contact_in,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook = e2ee_contact_out,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = NF_IP6_PRI_FIRST,
	}, {
		.hook = e2ee_contact_out_leak,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = NF_IP6_PRI_LAST,
	}, {
		.hook = e2ee_contact_in,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP6_PRI_LAST,
	},
#endif
};

static int e2ee_contact_register(struct e2ee_net *enet)
{
	return nf_register_net_hooks(enet->net, e2ee_contact_hooks,
				     ARRAY_SIZE(e2ee_contact_hooks));
}

static void e2ee_contact_unregister(struct e2ee_net *enet)
{
	nf_unregister_net_hooks(enet->net, e2ee_contact_hooks,
				ARRAY_SIZE(e2ee_contact_hooks));
}

static bool e2ee_contact_is_wanted(const struct e2ee_net *enet)
{
	return enet->num_guards || time_before(jiffies, enet->contact_until);
}

/* Where the guard that we began to look for is never made, we stop again. */
static void e2ee_contact_look_again(struct e2ee_net *enet)
{
	if (!enet->num_guards)
		queue_delayed_work(e2ee_contact_wq, &enet->contact_work,
				   E2EE_CONTACT_WAIT);
}

static void e2ee_contact_begin(struct e2ee_net *enet)
{
	int err = e2ee_contact_register(enet);

	mutex_lock(&enet->lock);
	enet->contact = !err;
	enet->contact_err = err;
	mutex_unlock(&enet->lock);
}

/* Nobody else registers or unregisters before the namespace ends. */
static void e2ee_contact_work(struct work_struct *work)
{
	struct e2ee_net *enet = container_of(to_delayed_work(work),
					     struct e2ee_net, contact_work);
	bool had, wanted;

	mutex_lock(&enet->lock);
	had = enet->contact;
	wanted = e2ee_contact_is_wanted(enet);
	/* while the hooks are still there: from now on no guard relies on them */
	enet->contact = had && wanted;
	if (wanted)
		e2ee_contact_look_again(enet);
	mutex_unlock(&enet->lock);

	if (wanted && !had) {
		e2ee_contact_begin(enet);
	} else if (had && !wanted) {
		e2ee_contact_unregister(enet);
		/* the end of a namespace waits for us, not for packets */
		synchronize_rcu_expedited();
	}
}

/**
 * e2ee_contact_start() - look at the packets of a namespace
 * @enet: the namespace, about to get a guard
 * @why: told where it does not look yet
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: 0: we look; -EAGAIN: not yet; -ENOMEM and others: the last attempt
 * failed, and the next call makes another one.
 */
int e2ee_contact_start(struct e2ee_net *enet, struct e2ee_refusal *why)
{
	int err = enet->contact_err;

	lockdep_assert_held(&enet->lock);
	if (enet->contact)
		return 0;
	enet->contact_err = 0;
	if (err)
		return err;
	enet->contact_until = jiffies + E2EE_CONTACT_WAIT;
	mod_delayed_work(e2ee_contact_wq, &enet->contact_work, 0);
	return e2ee_refuse(why, 0, -EAGAIN,
			   "the namespace is prepared for guards: ask again");
}

/**
 * e2ee_contact_stop() - look no more, if no guard is left
 * @enet: the namespace
 *
 * Context: process, under struct e2ee_net.lock. Packets are looked at for a
 * moment longer.
 */
void e2ee_contact_stop(struct e2ee_net *enet)
{
	lockdep_assert_held(&enet->lock);
	if (enet->num_guards)
		return;
	enet->contact_until = jiffies;
	mod_delayed_work(e2ee_contact_wq, &enet->contact_work, 0);
}

void e2ee_contact_net_init(struct e2ee_net *enet)
{
	INIT_DELAYED_WORK(&enet->contact_work, e2ee_contact_work);
	enet->contact_until = jiffies;
}

/* no guard is left; sleeps until no packet is being looked at */
void e2ee_contact_net_exit(struct e2ee_net *enet)
{
	cancel_delayed_work_sync(&enet->contact_work);
	if (!enet->contact)
		return;
	e2ee_contact_unregister(enet);
	enet->contact = false;
	synchronize_rcu_expedited();
}

int e2ee_contact_init(void)
{
	e2ee_contact_wq = alloc_workqueue("e2ee_contact", WQ_UNBOUND, 0);
	return e2ee_contact_wq ? 0 : -ENOMEM;
}

void e2ee_contact_exit(void)
{
	destroy_workqueue(e2ee_contact_wq);
}
