// SPDX-License-Identifier: GPL-2.0
/*
 * Our hooks in netfilter: at LOCAL_OUT they see all that a namespace sends, and at
 * LOCAL_IN what may be for sockets that a guard covers.
 */

/**
 * DOC: first contact
 *
 * We look at what leaves before anything else does, so that no rule, queue or copy
 * sees it in clear. A packet of an attached socket is sealed there, whichever way the
 * application sent it, and however long before the socket was attached.
 *
 * While a namespace has guards, a socket that a guard covers is attached when it
 * sends media for the first time, or when authentic media comes to it (hold.c). Until
 * then the media that it sends is sealed in the name of the guard, and media that it
 * gets is judged by arrival.c. What is no media is not touched. A raw socket is never
 * attached; the media that it sends from a guarded port is sealed all the same.
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
#include "arrival.h"
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

/* may send UDP of any port */
static bool e2ee_contact_is_raw(const struct sock *sk)
{
	return sk->sk_type == SOCK_RAW &&
	       (sk->sk_family == AF_INET || sk->sk_family == AF_INET6);
}

/* whoever wrote the headers may have lied about the length, and UDP would cut it */
static bool e2ee_contact_is_whole(const struct e2ee_datagram *datagram)
{
	return datagram->payload + datagram->len == datagram->skb->len;
}

/* media of a socket that is not attached, but covered by a guard */
static unsigned int e2ee_contact_out_first(struct sock *sk,
					   const struct e2ee_guard *guard,
					   const struct e2ee_datagram *datagram,
					   enum e2ee_rtp_kind kind,
					   const struct nf_hook_state *state)
{
	struct sk_buff *skb = datagram->skb;

	if (e2ee_contact_is_raw(sk)) {
		if (!e2ee_contact_is_whole(datagram))
			return e2ee_tx_unseen(NULL, guard->session, skb);
	} else if (kind == E2EE_RTP_MEDIA && !e2ee_socket_is_closed(sk)) {
		/* closed: this is the rest of what it has to send */
		e2ee_hold_socket(sk, guard);
	}
	return e2ee_tx_packet(NULL, guard->session, skb, state);
}

static struct e2ee_guard *
e2ee_contact_guard(struct e2ee_net *enet, struct sock *sk,
		   const struct e2ee_socket *socket,
		   const struct e2ee_datagram *datagram)
{
	struct e2ee_guard_query query = {
		.sk = sk,
		.sends = true,
		.port = ntohs(datagram->source),
		.peer = ntohs(datagram->dest),
		.exempt = socket ? READ_ONCE(socket->exempt) : 0,
	};

	query.addr = e2ee_datagram_from(datagram->skb, &query.addr_len);
	return e2ee_guard_of(enet, &query);
}

/* a socket that is not attached, while there are guards */
static unsigned int e2ee_contact_out_guarded(struct sock *sk,
					     const struct e2ee_socket *socket,
					     struct sk_buff *skb,
					     const struct nf_hook_state *state)
{
	struct e2ee_net *enet = e2ee_net(state->net);
	struct e2ee_datagram datagram;
	enum e2ee_rtp_kind kind;
	struct e2ee_guard *guard;

	if (list_empty(&enet->guards) ||
	    !(e2ee_socket_is_udp(sk) || e2ee_contact_is_raw(sk)))
		return NF_ACCEPT;
	if (!e2ee_contact_is_own(sk, skb, state) ||
	    !e2ee_contact_find_udp(skb) || !e2ee_datagram_read(skb, &datagram))
		return NF_ACCEPT;
	kind = e2ee_datagram_kind(&datagram);
	if (kind != E2EE_RTP_MEDIA && kind != E2EE_RTP_DTLS_SRTP)
		return NF_ACCEPT;
	/* the port of the packet: its socket may have lost that meanwhile */
	guard = e2ee_contact_guard(enet, sk, socket, &datagram);
	if (!guard || e2ee_socket_is_kernels(sk))
		return NF_ACCEPT;
	return e2ee_contact_out_first(sk, guard, &datagram, kind, state);
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
		return e2ee_contact_out_guarded(sk, socket, skb, state);
	if (!e2ee_contact_is_own(sk, skb, state))
		return NF_ACCEPT;
	e2ee_hook(E2EE_DIR_TX, true);
	verdict = likely(e2ee_contact_find_udp(skb)) ?
		  e2ee_tx_packet(socket, session, skb, state) :
		  e2ee_tx_unseen(socket, session, skb);
	e2ee_hook(E2EE_DIR_TX, false);
	return verdict;
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
	E2EE_CONTACT_HOOK(NFPROTO_IPV4, e2ee_arrival, NF_INET_LOCAL_IN,
			  NF_IP_PRI_LAST),
#if IS_ENABLED(CONFIG_IPV6)
	E2EE_CONTACT_HOOK(NFPROTO_IPV6, e2ee_arrival, NF_INET_LOCAL_IN,
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
