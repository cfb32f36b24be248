// SPDX-License-Identifier: GPL-2.0
/*
 * Where packets meet us: at netfilter's LOCAL_OUT all that a namespace sends, and at
 * LOCAL_IN what may be for sockets that a guard attaches.
 */

/**
 * DOC: first contact
 *
 * We look at what leaves before anything else does, so that no rule, queue or copy
 * sees it in clear. A packet of an attached socket is sealed there, whichever way the
 * application sent it, and however long before the socket was attached.
 *
 * While a namespace has guards, the first media that a socket in a guard's range
 * sends or gets has the socket attached (hold.c). Until then what it sends is sealed
 * in the name of the guard, and what it receives is held.
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
#include "net.h"
#include "netfilter.h"
#include "session.h"
#include "socket.h"
#include "tx.h"
#include "verdict.h"
#include "compat/compat.h"

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
 * IPsec and IPVS pass what they have transformed here once more, a VRF what left by
 * the VRF's own device before, and tunnels with a device what they were given to
 * send. A packet that is here for the first time has no device yet, or is on its
 * way through that of a VRF.
 */
static bool e2ee_contact_was_here(const struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	if (state->pf == NFPROTO_IPV4 ?
	    IPCB(skb)->flags & IPSKB_XFRM_TRANSFORMED :
	    IP6CB(skb)->flags & IP6SKB_XFRM_TRANSFORMED)
		return true;
#if IS_ENABLED(CONFIG_IP_VS)
	if (skb->ipvs_property)
		return true;
#endif
	if (skb->encapsulation)
		return true;
	return skb->dev && !(skb->dev == state->out &&
			     netif_is_l3_master(skb->dev));
}

/*
 * Is it the socket's own packet, and here for the first time? A tunnel sends it in
 * one of its own, for which its own socket, or none, is in @state.
 */
static bool e2ee_contact_is_own(const struct sock *sk,
				const struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	return sk == state->sk && !e2ee_contact_was_here(skb, state);
}

static bool e2ee_contact_find_udp(struct sk_buff *skb)
{
	int offset;

	if (!e2ee_datagram_udp_offset(skb, &offset) ||
	    !pskb_may_pull(skb, offset + sizeof(struct udphdr)))
		return false;
	skb_set_transport_header(skb, offset);
	return true;
}

/* a socket that is not attached, while there are guards */
static unsigned int e2ee_contact_out_guarded(struct sock *sk,
					     struct sk_buff *skb,
					     const struct nf_hook_state *state)
{
	struct e2ee_net *enet = e2ee_net(state->net);
	struct e2ee_datagram datagram;
	struct e2ee_guard *guard;

	if (list_empty(&enet->guards) || !e2ee_contact_is_candidate(sk))
		return NF_ACCEPT;
	if (!e2ee_contact_is_own(sk, skb, state) ||
	    !e2ee_contact_find_udp(skb))
		return NF_ACCEPT;
	/* the port of the packet: its socket may have lost that meanwhile */
	guard = e2ee_guard_of(enet, sk, ntohs(udp_hdr(skb)->source));
	if (!guard || e2ee_socket_is_kernels(sk) ||
	    !e2ee_datagram_read(skb, &datagram) ||
	    !e2ee_datagram_has_media(&datagram))
		return NF_ACCEPT;
	/* closed: this is the rest of what it has to send */
	if (!e2ee_contact_is_closed(sk))
		e2ee_hold_socket(sk, guard);
	return e2ee_tx_packet(NULL, guard->session, skb, state);
}

/* Before all else that looks at what leaves */
static unsigned int e2ee_contact_out(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	struct e2ee_session *session;
	struct sock *sk = skb->sk;
	struct e2ee_socket *socket;
	unsigned int verdict;

	if (!sk || !sk_fullsock(sk))
		return NF_ACCEPT;
	socket = e2ee_socket_of(sk) ?: e2ee_socket_find(sk);
	session = socket ? rcu_dereference(socket->session) : NULL;
	if (!session)
		return e2ee_contact_out_guarded(sk, skb, state);
	if (!e2ee_contact_is_own(sk, skb, state))
		return NF_ACCEPT;
	e2ee_hook(E2EE_DIR_TX, true);
	verdict = likely(e2ee_contact_find_udp(skb)) ?
		  e2ee_tx_packet(socket, session, skb, state) :
		  e2ee_tx_unseen(socket, session, skb);
	e2ee_hook(E2EE_DIR_TX, false);
	return verdict;
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
		guard = e2ee_guard_of(enet, sk, inet_sk(sk)->inet_num);
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
		e2ee_netfilter_go_on(skb, state);
	rcu_read_unlock();
	local_bh_enable();
}

#define E2EE_CONTACT_HOOK(pf_, hook_, num, prio)			\
	{ .hook = hook_, .priv = (void *)&e2ee_netfilter_priv, .pf = pf_, \
	  .hooknum = num, .priority = prio }

static const struct nf_hook_ops e2ee_contact_out_hooks[] = {
	E2EE_CONTACT_HOOK(NFPROTO_IPV4, e2ee_contact_out, NF_INET_LOCAL_OUT,
			  NF_IP_PRI_FIRST),
#if IS_ENABLED(CONFIG_IPV6)
	E2EE_CONTACT_HOOK(NFPROTO_IPV6, e2ee_contact_out, NF_INET_LOCAL_OUT,
			  NF_IP6_PRI_FIRST),
#endif
};

static const struct nf_hook_ops e2ee_contact_in_hooks[] = {
	E2EE_CONTACT_HOOK(NFPROTO_IPV4, e2ee_contact_in, NF_INET_LOCAL_IN,
			  NF_IP_PRI_LAST),
#if IS_ENABLED(CONFIG_IPV6)
	E2EE_CONTACT_HOOK(NFPROTO_IPV6, e2ee_contact_in, NF_INET_LOCAL_IN,
			  NF_IP6_PRI_LAST),
#endif
};

/* a socket stays protected, or blocked, after its session was deleted */
static bool e2ee_contact_wants_out(const struct e2ee_net *enet)
{
	return enet->num_sessions || READ_ONCE(enet->num_sockets);
}

static bool e2ee_contact_wants_in(const struct e2ee_net *enet)
{
	return enet->num_guards || e2ee_hold_any(enet);
}

void e2ee_contact_net_init(struct e2ee_net *enet)
{
	e2ee_hooks_setup(&enet->out, enet, e2ee_contact_out_hooks,
			 ARRAY_SIZE(e2ee_contact_out_hooks),
			 e2ee_contact_wants_out);
	e2ee_hooks_setup(&enet->in, enet, e2ee_contact_in_hooks,
			 ARRAY_SIZE(e2ee_contact_in_hooks),
			 e2ee_contact_wants_in);
	e2ee_later_setup(&enet->later, NULL, e2ee_tx_late);
}

/* no guard is left, nor any socket; sleeps until no packet is being looked at */
void e2ee_contact_net_exit(struct e2ee_net *enet)
{
	e2ee_hooks_exit(&enet->in);
	e2ee_hooks_exit(&enet->out);
	/* it queues itself again while there is more */
	while (READ_ONCE(enet->later.busy))
		flush_work(&enet->later.work);
	flush_work(&enet->later.work);
}
