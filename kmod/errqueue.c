// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors of an attached socket, and what the stack itself refused.
 *
 * The stack takes an encapsulation socket for a tunnel: it follows the path's
 * MTU and redirects, but tells the application nothing. What udp_err() and
 * udpv6_err() do for a plain socket is done here.
 */
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/icmp.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/udp.h>
#include "errqueue.h"
#include "mtu.h"
#include "socket.h"
#include "compat/compat.h"

/**
 * struct e2ee_icmp - what an ICMP error means to the application
 * @err: errno, positive
 * @hard: reported on a connected socket without IP_RECVERR too
 * @info: ee_info: the MTU for "too big"
 */
struct e2ee_icmp {
	int err;
	bool hard;
	u32 info;
};

/* RFC 1122, section 4.1.3.3, as in udp_err() */
static void e2ee_icmp_read4(const struct sk_buff *skb, u32 info,
			    struct e2ee_icmp *icmp)
{
	u8 type = icmp_hdr(skb)->type;
	u8 code = icmp_hdr(skb)->code;

	icmp->err = EHOSTUNREACH;
	icmp->hard = false;
	icmp->info = info;
	if (type == ICMP_PARAMETERPROB) {
		icmp->err = EPROTO;
		icmp->hard = true;
	} else if (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED) {
		icmp->err = EMSGSIZE;
		icmp->hard = true;
		icmp->info = e2ee_mtu_lower(info);
	} else if (type == ICMP_DEST_UNREACH && code <= NR_ICMP_UNREACH) {
		icmp->err = icmp_err_convert[code].errno;
		icmp->hard = icmp_err_convert[code].fatal;
	}
}

static void e2ee_icmp_read6(const struct sk_buff *skb, const struct sock *sk,
			    u32 info, struct e2ee_icmp *icmp)
{
	u8 type = icmp6_hdr(skb)->icmp6_type;

	icmp->hard = icmpv6_err_convert(type, icmp6_hdr(skb)->icmp6_code,
					&icmp->err);
	icmp->info = info;
	if (type == ICMPV6_PKT_TOOBIG) {
		if (inet6_sk(sk)->pmtudisc != IPV6_PMTUDISC_DONT)
			icmp->hard = true;
		icmp->info = e2ee_mtu_lower(info);
	}
}

static void e2ee_icmp_report(struct sock *sk, const struct e2ee_icmp *icmp,
			     bool queued)
{
	if (!queued && (!icmp->hard || sk->sk_state != TCP_ESTABLISHED))
		return;
	sk->sk_err = icmp->err;
	sk_error_report(sk);
}

#if E2EE_COMPAT_ERR_ARGS

static void e2ee_errqueue_rcv(struct sock *sk, struct sk_buff *skb, int err,
			      __be16 port, u32 info, u8 *payload)
{
	bool v6 = e2ee_compat_is_ipv6(skb);
	struct e2ee_icmp icmp;
	bool queued;

	if (v6) {
		e2ee_icmp_read6(skb, sk, info, &icmp);
		queued = e2ee_compat_recverr6(sk);
		if (queued)
			ipv6_icmp_error(sk, skb, icmp.err, port, icmp.info,
					payload);
	} else {
		e2ee_icmp_read4(skb, info, &icmp);
		queued = e2ee_compat_recverr(sk);
		if (queued)
			ip_icmp_error(sk, skb, icmp.err, port, icmp.info,
				      payload);
	}
	e2ee_icmp_report(sk, &icmp, queued);
}

#else	/* the entry of the error queue is built by hand */

static void e2ee_errqueue_fill4(struct sk_buff *skb, const struct sock *sk,
				struct sock_exterr_skb *serr)
{
	struct icmphdr *icmph = icmp_hdr(skb);
	struct iphdr *inner = (struct iphdr *)(icmph + 1);

	serr->ee.ee_origin = SO_EE_ORIGIN_ICMP;
	serr->ee.ee_type = icmph->type;
	serr->ee.ee_code = icmph->code;
	serr->addr_offset = (u8 *)&inner->daddr - skb_network_header(skb);
	if (inet_sk(sk)->recverr_rfc4884 &&
	    (icmph->type == ICMP_DEST_UNREACH ||
	     icmph->type == ICMP_TIME_EXCEEDED ||
	     icmph->type == ICMP_PARAMETERPROB))
		ip_icmp_error_rfc4884(skb, &serr->ee.ee_rfc4884,
				      sizeof(*icmph),
				      icmph->un.reserved[1] * 4);
}

static void e2ee_errqueue_fill6(struct sk_buff *skb, const struct sock *sk,
				struct sock_exterr_skb *serr)
{
	struct icmp6hdr *icmph = icmp6_hdr(skb);
	struct ipv6hdr *inner = (struct ipv6hdr *)(icmph + 1);

	serr->ee.ee_origin = SO_EE_ORIGIN_ICMP6;
	serr->ee.ee_type = icmph->icmp6_type;
	serr->ee.ee_code = icmph->icmp6_code;
	serr->addr_offset = (u8 *)&inner->daddr - skb_network_header(skb);
	if (inet6_sk(sk)->recverr_rfc4884 &&
	    (icmph->icmp6_type == ICMPV6_DEST_UNREACH ||
	     icmph->icmp6_type == ICMPV6_TIME_EXCEED))
		ip_icmp_error_rfc4884(skb, &serr->ee.ee_rfc4884,
				      sizeof(*icmph),
				      icmph->icmp6_datagram_len * 8);
}

/* as ip_icmp_error() and ipv6_icmp_error(), which 6.1 does not export */
static void e2ee_errqueue_add(struct sock *sk, struct sk_buff *skb, bool v6,
			      const struct e2ee_icmp *icmp,
			      unsigned int udp_offset)
{
	struct udphdr *uh = (struct udphdr *)(skb->data + udp_offset);
	struct sock_exterr_skb *serr;
	__be16 port = uh->dest;

	skb = skb_clone(skb, GFP_ATOMIC);
	if (!skb)
		return;
	if (v6)
		skb->protocol = htons(ETH_P_IPV6);
	serr = SKB_EXT_ERR(skb);
	serr->ee.ee_errno = icmp->err;
	serr->ee.ee_pad = 0;
	serr->ee.ee_info = icmp->info;
	serr->ee.ee_data = 0;
	serr->port = port;
	if (!skb_pull(skb, udp_offset + sizeof(*uh)))
		goto free;
	if (v6)
		e2ee_errqueue_fill6(skb, sk, serr);
	else
		e2ee_errqueue_fill4(skb, sk, serr);
	skb_reset_transport_header(skb);
	if (!sock_queue_err_skb(sk, skb))
		return;
free:
	kfree_skb(skb);
}

static u32 e2ee_icmp_info(const struct sk_buff *skb, bool v6)
{
	if (v6)
		return ntohl(icmp6_hdr(skb)->icmp6_mtu);
	switch (icmp_hdr(skb)->type) {
	case ICMP_DEST_UNREACH:
		if (icmp_hdr(skb)->code == ICMP_FRAG_NEEDED)
			return ntohs(icmp_hdr(skb)->un.frag.mtu);
		return 0;
	case ICMP_PARAMETERPROB:
		return ntohl(icmp_hdr(skb)->un.gateway) >> 24;
	}
	return 0;
}

static void e2ee_errqueue_rcv(struct sock *sk, struct sk_buff *skb,
			      unsigned int udp_offset)
{
	bool v6 = e2ee_compat_is_ipv6(skb);
	u32 info = e2ee_icmp_info(skb, v6);
	struct e2ee_icmp icmp;
	bool queued;

	if (v6)
		e2ee_icmp_read6(skb, sk, info, &icmp);
	else
		e2ee_icmp_read4(skb, info, &icmp);
	queued = v6 ? e2ee_compat_recverr6(sk) : e2ee_compat_recverr(sk);
	if (queued)
		e2ee_errqueue_add(sk, skb, v6, &icmp, udp_offset);
	e2ee_icmp_report(sk, &icmp, queued);
}

#endif

static bool e2ee_errqueue_is_refusal(const struct sock_exterr_skb *serr)
{
	return serr->ee.ee_origin == SO_EE_ORIGIN_LOCAL &&
	       serr->ee.ee_errno == EMSGSIZE;
}

/* entries that may have come since the last look; interrupts are off meanwhile */
#define E2EE_ERRQUEUE_LOOK	8

/*
 * Lowers the MTU of what the stack itself refused. An entry that is lowered says so
 * in bits that nobody uses. Whoever reads in another thread may be faster, and will
 * be told again by the next refusal.
 */
static void e2ee_errqueue_lower(struct sock *sk)
{
	struct sk_buff_head *queue = &sk->sk_error_queue;
	int left = E2EE_ERRQUEUE_LOOK;
	struct sock_exterr_skb *serr;
	unsigned long flags;
	struct sk_buff *skb;

	spin_lock_irqsave(&queue->lock, flags);
	skb_queue_reverse_walk(queue, skb) {
		serr = SKB_EXT_ERR(skb);
		if (!left--)
			break;
		if (!e2ee_errqueue_is_refusal(serr))
			continue;
		if (serr->unused)	/* and so are those before it */
			break;
		serr->unused = 1;
		serr->ee.ee_info = e2ee_mtu_lower(serr->ee.ee_info);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
}

/* sk_error_report of every UDP socket, as long as nobody changes it */
static void (*e2ee_errqueue_default)(struct sock *sk);

/* there is something in the error queue, or sk_err is set */
static void e2ee_errqueue_report(struct sock *sk)
{
	const struct e2ee_socket *socket = e2ee_socket_of(sk);

	if (socket && rcu_access_pointer(socket->session))
		e2ee_errqueue_lower(sk);
	e2ee_errqueue_default(sk);
}

/**
 * e2ee_errqueue_learn() - learn what sockets have as sk_error_report
 * @sk: a UDP socket that nobody has changed
 */
void e2ee_errqueue_learn(const struct sock *sk)
{
	e2ee_errqueue_default = sk->sk_error_report;
}

/**
 * e2ee_errqueue_hook() - let errors of a socket come by us
 * @sk: about to become an encapsulation socket
 *
 * Context: process, under lock_sock().
 */
void e2ee_errqueue_hook(struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_error_report == e2ee_errqueue_default)
		WRITE_ONCE(sk->sk_error_report, e2ee_errqueue_report);
	write_unlock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(udp_sk(sk)->encap_err_rcv, e2ee_errqueue_rcv);
}

static void e2ee_errqueue_fill_local(struct sk_buff *skb,
				     const struct sk_buff *refused, bool ipv4)
{
	struct sock_exterr_skb *serr = SKB_EXT_ERR(skb);

	skb->protocol = htons(ipv4 ? ETH_P_IP : ETH_P_IPV6);
	skb_reset_network_header(skb);
	if (ipv4) {
		skb_put_data(skb, ip_hdr(refused), sizeof(struct iphdr));
		serr->addr_offset = offsetof(struct iphdr, daddr);
	} else {
		skb_put_data(skb, ipv6_hdr(refused), sizeof(struct ipv6hdr));
		serr->addr_offset = offsetof(struct ipv6hdr, daddr);
	}
	__skb_pull(skb, skb->len);
	skb_reset_transport_header(skb);
}

/**
 * e2ee_errqueue_too_big() - tell a sender that its packet does not fit
 * @refused: the packet; its transport header is set
 * @ipv4: what it is; it may have no protocol yet
 * @mtu: of the path, bytes
 *
 * As ip_local_error() and ipv6_local_error(), which are not exported.
 *
 * Context: any but hard interrupt.
 */
void e2ee_errqueue_too_big(const struct sk_buff *refused, bool ipv4, u32 mtu)
{
	struct sock *sk = refused->sk;
	struct sock_exterr_skb *serr;
	struct sk_buff *skb;

	if (!(ipv4 ? e2ee_compat_recverr(sk) : e2ee_compat_recverr6(sk)))
		return;
	skb = alloc_skb(sizeof(struct ipv6hdr), GFP_ATOMIC);
	if (!skb)
		return;
	serr = SKB_EXT_ERR(skb);
	memset(serr, 0, sizeof(*serr));
	serr->ee.ee_errno = EMSGSIZE;
	serr->ee.ee_origin = SO_EE_ORIGIN_LOCAL;
	serr->ee.ee_info = e2ee_mtu_lower(mtu);
	serr->unused = 1;	/* lowered */
	serr->port = udp_hdr(refused)->dest;
	e2ee_errqueue_fill_local(skb, refused, ipv4);
	if (sock_queue_err_skb(sk, skb))
		kfree_skb(skb);
}
