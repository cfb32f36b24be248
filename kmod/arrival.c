// SPDX-License-Identifier: GPL-2.0
/*
 * Media that arrives for sockets that a guard covers and that are not attached yet.
 */

/**
 * DOC: packets for many sockets
 *
 * A multicast goes to many sockets, and a packet for a group of SO_REUSEPORT to any
 * of them. If the packet has to wait until one of the sockets is attached, it comes
 * here again from the hold of that socket, and is judged for the next one. Other
 * sockets on the port have no say, and it does not attach them: anyone may open one.
 *
 * A multicast that must not reach some of its sockets, but may reach others (another
 * program listens to the same group, or a socket of another session), is
 * brought to those others one by one.
 */
#include <linux/netfilter.h>
#include <net/route.h>
#include <net/udp.h>
#include "arrival.h"
#include "audience.h"
#include "datagram.h"
#include "first.h"
#include "fragment.h"
#include "guard.h"
#include "hold.h"
#include "net.h"
#include "netfilter.h"
#include "session.h"
#include "socket.h"
#include "compat/compat.h"

/**
 * struct e2ee_arrival - media that arrives
 * @enet: the namespace
 * @datagram: the packet
 * @state: where netfilter gave it to us
 * @from: the socket that it waited for; NULL: it comes for the first time
 * @again: it was judged for all its sockets already, and counted
 */
struct e2ee_arrival {
	struct e2ee_net *enet;
	const struct e2ee_datagram *datagram;
	const struct nf_hook_state *state;
	const struct sock *from;
	bool again;
};

static void e2ee_arrival_again(struct sock *sk, struct sk_buff *skb,
			       const struct nf_hook_state *state);

/* for a socket that is not attached, but covered by a guard */
static unsigned int e2ee_arrival_first(const struct e2ee_arrival *arrival,
				       struct sock *sk,
				       const struct e2ee_guard *guard)
{
	const struct e2ee_datagram *datagram = arrival->datagram;
	enum e2ee_first first;

	first = e2ee_first_judge(guard->session, datagram, false,
				 !arrival->again);
	if (first == E2EE_FIRST_PASSES)
		return NF_ACCEPT;
	if (first == E2EE_FIRST_DROPPED)
		return NF_DROP;
	return e2ee_hold_packet(sk, guard, datagram->skb, arrival->state,
				e2ee_arrival_again,
				first == E2EE_FIRST_AUTHENTIC);
}

static struct e2ee_guard *
e2ee_arrival_guard(const struct e2ee_arrival *arrival, struct sock *sk,
		   const struct e2ee_socket *socket)
{
	struct e2ee_guard_query query = {
		.sk = sk,
		.port = inet_sk(sk)->inet_num,
		.peer = ntohs(arrival->datagram->source),
		.exempt = socket ? READ_ONCE(socket->exempt) : 0,
	};

	query.addr = e2ee_datagram_to(arrival->datagram->skb, &query.addr_len);
	return e2ee_guard_of(arrival->enet, &query);
}

/*
 * For one socket, which may have to be attached first. A packet that comes again,
 * from the hold of a socket, does not join that hold once more.
 */
static unsigned int e2ee_arrival_one(const struct e2ee_arrival *arrival,
				     struct sock *sk)
{
	struct e2ee_net *enet = arrival->enet;
	struct e2ee_socket *socket;
	struct e2ee_guard *guard;

	if (sk == arrival->from || !e2ee_socket_is_udp(sk))
		return NF_ACCEPT;
	socket = e2ee_socket_find(sk);
	if (socket && rcu_access_pointer(socket->session)) {
		if (arrival->from || !e2ee_hold_any(enet))
			return NF_ACCEPT;
		return e2ee_hold_packet(sk, NULL, arrival->datagram->skb,
					arrival->state, e2ee_arrival_again,
					false);
	}
	guard = e2ee_arrival_guard(arrival, sk, socket);
	if (!guard || e2ee_socket_is_closed(sk) || e2ee_socket_is_kernels(sk))
		return NF_ACCEPT;
	return e2ee_arrival_first(arrival, sk, guard);
}

/* one socket after the other on the port of a packet */
#define e2ee_arrival_for_each(sk, arrival, port)			\
	sk_for_each_rcu(sk, &udp_hashslot(				\
		e2ee_compat_udp_table((arrival)->state->net),		\
		(arrival)->state->net, port)->head)			\
		if (net_eq(sock_net(sk), (arrival)->state->net) &&	\
		    inet_sk(sk)->inet_num == (port))

/* a copy goes on to this socket alone */
static void e2ee_arrival_bring(const struct e2ee_arrival *arrival,
			       struct sock *sk)
{
	struct sk_buff *skb = skb_clone(arrival->datagram->skb, GFP_ATOMIC);

	if (!skb)
		return;
	if (!refcount_inc_not_zero(&sk->sk_refcnt)) {
		kfree_skb(skb);
		return;
	}
	skb_orphan(skb);
	skb->sk = sk;
	skb->destructor = sock_edemux;
	e2ee_netfilter_go_on(skb, arrival->state);
}

/* some of its sockets must not get it */
static unsigned int e2ee_arrival_part(struct e2ee_arrival *arrival, u16 port)
{
	struct sock *sk;

	arrival->again = true;
	e2ee_arrival_for_each(sk, arrival, port) {
		if (e2ee_audience_hears(sk, arrival->datagram) &&
		    e2ee_arrival_one(arrival, sk) == NF_ACCEPT)
			e2ee_arrival_bring(arrival, sk);
	}
	return NF_DROP;
}

/* @found: it goes to any of the group of this one; NULL: to all that hear it */
static unsigned int e2ee_arrival_many(struct e2ee_arrival *arrival,
				      const struct sock *found)
{
	u16 port = found ? inet_sk(found)->inet_num :
			   ntohs(arrival->datagram->dest);
	bool refused = false, heard = false;
	unsigned int verdict;
	struct sock *sk;

	e2ee_arrival_for_each(sk, arrival, port) {
		if (found ? !e2ee_audience_is_group(sk, found) :
			    !e2ee_audience_hears(sk, arrival->datagram))
			continue;
		verdict = e2ee_arrival_one(arrival, sk);
		if (verdict == NF_STOLEN)
			return NF_STOLEN;
		refused |= verdict == NF_DROP;
		heard |= verdict == NF_ACCEPT;
	}
	if (refused && heard && !found)
		return e2ee_arrival_part(arrival, port);
	return refused ? NF_DROP : NF_ACCEPT;
}

static struct sock *e2ee_arrival_lookup(const struct e2ee_datagram *datagram,
					const struct nf_hook_state *state)
{
	if (state->pf == NFPROTO_IPV4)
		return e2ee_compat_udp4_lookup(state->net, datagram->skb,
					       datagram->source,
					       datagram->dest);
	return e2ee_compat_udp6_lookup(state->net, datagram->skb,
				       datagram->source, datagram->dest);
}

/* as the stack sees it: what the link says of a frame is another matter */
static bool e2ee_arrival_is_many(const struct sk_buff *skb)
{
	if (e2ee_datagram_is_ipv4(skb))
		return skb_rtable(skb)->rt_flags &
		       (RTCF_BROADCAST | RTCF_MULTICAST);
	return ipv6_addr_is_multicast(&ipv6_hdr(skb)->daddr);
}

/*
 * Chosen before it came here, by the stack or by a rule (TPROXY, BPF): the packet
 * goes there, whatever its address and port, and to no other socket.
 */
static struct sock *e2ee_arrival_chosen(const struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	return sk && e2ee_socket_is_udp(sk) ? sk : NULL;
}

static u16 e2ee_arrival_port(const struct e2ee_datagram *datagram)
{
	const struct sock *sk = e2ee_arrival_chosen(datagram->skb);

	return sk ? inet_sk(sk)->inet_num : ntohs(datagram->dest);
}

/* for the sockets that may get it */
static unsigned int e2ee_arrival_any(struct e2ee_arrival *arrival)
{
	const struct e2ee_datagram *datagram = arrival->datagram;
	struct sock *sk = e2ee_arrival_chosen(datagram->skb);

	if (!sk && e2ee_arrival_is_many(datagram->skb))
		return e2ee_arrival_many(arrival, NULL);
	if (!sk)
		sk = e2ee_arrival_lookup(datagram, arrival->state);
	if (!sk)
		return NF_ACCEPT;
	if (sk->sk_reuseport && sk->sk_state != TCP_ESTABLISHED)
		return e2ee_arrival_many(arrival, sk);
	return e2ee_arrival_one(arrival, sk);
}

/* goes on, after others that wait for it, too */
static void e2ee_arrival_again(struct sock *sk, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	struct e2ee_datagram datagram;
	struct e2ee_arrival arrival = {
		.enet = e2ee_net(state->net),
		.datagram = &datagram,
		.state = state,
		.from = sk,
	};
	unsigned int verdict = NF_ACCEPT;

	local_bh_disable();
	rcu_read_lock();
	if (e2ee_datagram_read(skb, &datagram))
		verdict = e2ee_arrival_any(&arrival);
	if (verdict == NF_ACCEPT)
		e2ee_netfilter_go_on(skb, state);
	else if (verdict == NF_DROP)
		kfree_skb(skb);
	rcu_read_unlock();
	local_bh_enable();
}

/**
 * e2ee_arrival() - media may be for a socket that a guard covers
 * @priv: not used
 * @skb: what arrives for this host
 * @state: where netfilter gives it to us
 *
 * Context: softirq, or process with bottom halves off; under rcu_read_lock().
 * Return: a verdict of netfilter.
 */
unsigned int e2ee_arrival(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	struct e2ee_datagram datagram;
	struct e2ee_arrival arrival = {
		.enet = e2ee_net(state->net),
		.datagram = &datagram,
		.state = state,
	};
	unsigned int verdict;

	if (state->pf == NFPROTO_IPV6) {
		verdict = e2ee_fragment_gather(skb, state);
		if (verdict != NF_ACCEPT)
			return verdict;
	}
	if (!e2ee_datagram_read(skb, &datagram))
		return NF_ACCEPT;
	if (e2ee_datagram_kind(&datagram) != E2EE_RTP_MEDIA ||
	    !e2ee_guard_has_port(arrival.enet, e2ee_arrival_port(&datagram)))
		return NF_ACCEPT;
	return e2ee_arrival_any(&arrival);
}
