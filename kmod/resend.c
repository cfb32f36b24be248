// SPDX-License-Identifier: GPL-2.0
/*
 * Sending a packet anew: the message is made as its sender may have given it,
 * with the packet's own addresses, hop limit and traffic class.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/dsfield.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/udp.h>
#include "compat/compat.h"
#include "datagram.h"
#include "resend.h"
#include "socket.h"
#include "tx.h"

/**
 * struct e2ee_resend - a message made of a held packet
 * @msg: the message
 * @vec: its bytes
 * @to4: whereto
 * @to6: whereto
 * @control: control messages
 * @control_len: bytes used of @control
 */
struct e2ee_resend {
	struct msghdr msg;
	struct kvec vec;
	union {
		struct sockaddr_in to4;
		struct sockaddr_in6 to6;
	};
	u8 control[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
		   3 * CMSG_SPACE(sizeof(int))] __aligned(sizeof(long));
	u32 control_len;
};

static void e2ee_resend_control(struct e2ee_resend *resend, int level,
				int type, const void *data, u32 len)
{
	struct cmsghdr *cmsg = (void *)resend->control + resend->control_len;

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	resend->control_len += CMSG_SPACE(len);
}

static void e2ee_resend_ipv4(struct e2ee_resend *resend, const struct sock *sk,
			     const struct sk_buff *skb, __be16 port)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = iph->saddr };
	int tos = iph->tos, ttl = iph->ttl;

	if (sk->sk_family == AF_INET6) {	/* v4-mapped */
		resend->to6.sin6_family = AF_INET6;
		resend->to6.sin6_port = port;
		ipv6_addr_set_v4mapped(iph->daddr, &resend->to6.sin6_addr);
		resend->msg.msg_namelen = sizeof(resend->to6);
	} else {
		resend->to4.sin_family = AF_INET;
		resend->to4.sin_port = port;
		resend->to4.sin_addr.s_addr = iph->daddr;
		resend->msg.msg_namelen = sizeof(resend->to4);
	}
	if (ipv4_is_multicast(iph->daddr))
		info.ipi_ifindex = skb_dst(skb)->dev->ifindex;
	e2ee_resend_control(resend, SOL_IP, IP_PKTINFO, &info, sizeof(info));
	/* 0, which the option of the socket takes for multicast, is not taken */
	if (ttl)
		e2ee_resend_control(resend, SOL_IP, IP_TTL, &ttl, sizeof(ttl));
	if (tos != inet_sk(sk)->tos)
		e2ee_resend_control(resend, SOL_IP, IP_TOS, &tos, sizeof(tos));
}

static void e2ee_resend_ipv6(struct e2ee_resend *resend,
			     const struct sk_buff *skb, __be16 port)
{
	const struct ipv6hdr *iph = ipv6_hdr(skb);
	struct in6_pktinfo info = { .ipi6_addr = iph->saddr };
	int tclass = ipv6_get_dsfield(iph), hops = iph->hop_limit;

	resend->to6.sin6_family = AF_INET6;
	resend->to6.sin6_port = port;
	resend->to6.sin6_addr = iph->daddr;
	resend->msg.msg_namelen = sizeof(resend->to6);
	if (ipv6_addr_is_multicast(&iph->daddr) ||
	    ipv6_addr_type(&iph->daddr) & IPV6_ADDR_LINKLOCAL) {
		info.ipi6_ifindex = skb_dst(skb)->dev->ifindex;
		resend->to6.sin6_scope_id = info.ipi6_ifindex;
	}
	e2ee_resend_control(resend, SOL_IPV6, IPV6_PKTINFO, &info,
			    sizeof(info));
	e2ee_resend_control(resend, SOL_IPV6, IPV6_HOPLIMIT, &hops,
			    sizeof(hops));
	e2ee_resend_control(resend, SOL_IPV6, IPV6_TCLASS, &tclass,
			    sizeof(tclass));
}

/* a connected socket's peer needs no name, and is spared its checks */
static bool e2ee_resend_to_peer(const struct sock *sk,
				const struct sk_buff *skb, __be16 port)
{
	if (sk->sk_state != TCP_ESTABLISHED || inet_sk(sk)->inet_dport != port)
		return false;
	if (e2ee_datagram_is_ipv4(skb))
		return inet_sk(sk)->inet_daddr == ip_hdr(skb)->daddr;
	return ipv6_addr_equal(e2ee_compat_remote6(sk), &ipv6_hdr(skb)->daddr);
}

static int e2ee_resend_fill(struct e2ee_resend *resend, const struct sock *sk,
			    const struct e2ee_datagram *datagram)
{
	const struct sk_buff *skb = datagram->skb;
	__be16 port = datagram->dest;
	u16 gso = datagram->segment < datagram->len ? datagram->segment : 0;
	void *data;

	data = kvmalloc(datagram->len, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	resend->vec.iov_base = data;
	resend->vec.iov_len = datagram->len;
	if (skb_copy_bits(skb, datagram->payload, data, datagram->len)) {
		kvfree(data);
		return -EFAULT;
	}
	if (e2ee_datagram_is_ipv4(skb))
		e2ee_resend_ipv4(resend, sk, skb, port);
	else
		e2ee_resend_ipv6(resend, skb, port);
	e2ee_resend_control(resend, SOL_UDP, UDP_SEGMENT, &gso, sizeof(gso));
	resend->msg.msg_name = &resend->to6;
	if (e2ee_resend_to_peer(sk, skb, port)) {
		resend->msg.msg_name = NULL;
		resend->msg.msg_namelen = 0;
	}
	resend->msg.msg_control = resend->control;
	resend->msg.msg_controllen = resend->control_len;
	iov_iter_kvec(&resend->msg.msg_iter, ITER_SOURCE, &resend->vec, 1,
		      datagram->len);
	return 0;
}

/**
 * e2ee_resend() - send a packet anew, through the hooks of its socket
 * @sk: an attached socket, which cannot be closed meanwhile
 * @session: whose policy and keys decide, even if @sk is detached meanwhile
 * @skb: a UDP packet that @sk sent, as it was before LOCAL_OUT; freed
 *
 * Context: process, sleeps.
 * Return: true where the hooks got it; their verdict counts it.
 */
bool e2ee_resend(struct sock *sk, struct e2ee_session *session,
		 struct sk_buff *skb)
{
	struct e2ee_socket *socket = e2ee_socket_find(sk);
	struct e2ee_datagram datagram;
	struct e2ee_resend *resend;
	bool sent = false;

	resend = kzalloc(sizeof(*resend), GFP_KERNEL);
	/* half a datagram is under way: to send is to wait for its lock */
	if (!socket || READ_ONCE(udp_sk(sk)->pending) || !resend ||
	    !e2ee_datagram_read(skb, &datagram) ||
	    e2ee_resend_fill(resend, sk, &datagram)) {
		kfree_skb(skb);
		goto out;
	}
	kfree_skb(skb);
	/* waits for nothing that the owner of the socket can put off for ever */
	resend->msg.msg_flags |= MSG_DONTWAIT;
	e2ee_tx_sendmsg_now(socket, session, &resend->msg,
			    resend->vec.iov_len);
	kvfree(resend->vec.iov_base);
	sent = true;
out:
	kfree(resend);
	return sent;
}
