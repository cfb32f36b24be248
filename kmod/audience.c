// SPDX-License-Identifier: GPL-2.0
/*
 * Which sockets hear a packet that goes to many: a multicast, a broadcast, or a
 * packet for a group of SO_REUSEPORT. The stack asks the same with functions that it
 * does not export.
 */
#include <linux/igmp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/if_inet6.h>
#include <net/ipv6.h>
#include <net/udp.h>
#include "audience.h"
#include "datagram.h"
#include "compat/compat.h"

static bool e2ee_audience_is_on(int wanted, int dif, int sdif)
{
	return wanted == dif || (sdif && wanted == sdif);
}

/* Does the filter of a membership let a sender through? (RFC 3376, section 3.1) */
static bool e2ee_audience_filter(unsigned int mode, bool listed)
{
	return mode == MCAST_INCLUDE ? listed : !listed;
}

static bool e2ee_audience_source4(const struct sock *sk,
				  const struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	const struct ip_sf_socklist *sources;
	const struct ip_mc_socklist *member;
	bool listed = false;
	unsigned int i;

	if (!ipv4_is_multicast(iph->daddr))
		return true;
	for (member = rcu_dereference(inet_sk(sk)->mc_list); member;
	     member = rcu_dereference(member->next_rcu))
		if (member->multi.imr_multiaddr.s_addr == iph->daddr &&
		    e2ee_audience_is_on(member->multi.imr_ifindex,
					skb->dev->ifindex, inet_sdif(skb)))
			break;
	if (!member)
		return e2ee_compat_hears_all4(sk);
	sources = rcu_dereference(member->sflist);
	for (i = 0; sources && i < sources->sl_count && !listed; i++)
		listed = sources->sl_addr[i] == iph->saddr;
	return e2ee_audience_filter(member->sfmode, listed);
}

static bool e2ee_audience_hears4(const struct sock *sk,
				 const struct sk_buff *skb)
{
	const struct inet_sock *inet = inet_sk(sk);
	const struct iphdr *iph = ip_hdr(skb);

	return (!inet->inet_daddr || inet->inet_daddr == iph->saddr) &&
	       (!inet->inet_rcv_saddr || inet->inet_rcv_saddr == iph->daddr) &&
	       !ipv6_only_sock(sk) &&
	       udp_sk_bound_dev_eq(sock_net(sk), READ_ONCE(sk->sk_bound_dev_if),
				   skb->dev->ifindex, inet_sdif(skb)) &&
	       e2ee_audience_source4(sk, skb);
}

#if IS_ENABLED(CONFIG_IPV6)
static bool e2ee_audience_source6(const struct sock *sk,
				  const struct sk_buff *skb)
{
	const struct ipv6hdr *iph = ipv6_hdr(skb);
	const struct ip6_sf_socklist *sources;
	const struct ipv6_mc_socklist *member;
	bool listed = false;
	unsigned int i;

	for (member = rcu_dereference(inet6_sk(sk)->ipv6_mc_list); member;
	     member = rcu_dereference(member->next))
		if (ipv6_addr_equal(&member->addr, &iph->daddr))
			break;
	if (!member)
		return e2ee_compat_hears_all6(sk);
	sources = rcu_dereference(member->sflist);
	for (i = 0; sources && i < sources->sl_count && !listed; i++)
		listed = ipv6_addr_equal(&sources->sl_addr[i], &iph->saddr);
	return e2ee_audience_filter(member->sfmode, listed);
}

static bool e2ee_audience_hears6(const struct sock *sk,
				 const struct sk_buff *skb)
{
	const struct in6_addr *remote = e2ee_compat_remote6(sk);
	const struct in6_addr *local = e2ee_compat_local6(sk);
	const struct ipv6hdr *iph = ipv6_hdr(skb);

	return sk->sk_family == AF_INET6 &&
	       (ipv6_addr_any(remote) || ipv6_addr_equal(remote, &iph->saddr)) &&
	       (ipv6_addr_any(local) || ipv6_addr_equal(local, &iph->daddr)) &&
	       udp_sk_bound_dev_eq(sock_net(sk), READ_ONCE(sk->sk_bound_dev_if),
				   inet6_iif(skb), inet6_sdif(skb)) &&
	       e2ee_audience_source6(sk, skb);
}
#else
static bool e2ee_audience_hears6(const struct sock *sk,
				 const struct sk_buff *skb)
{
	return false;
}
#endif

/**
 * e2ee_audience_hears() - does the stack bring a packet for many to this socket?
 * @sk: a UDP socket with the port of the packet
 * @datagram: a multicast or a broadcast
 *
 * Context: any but hard interrupt, under rcu_read_lock().
 */
bool e2ee_audience_hears(const struct sock *sk,
			 const struct e2ee_datagram *datagram)
{
	__be16 peer = inet_sk(sk)->inet_dport;

	if (peer && peer != datagram->source)
		return false;
	return e2ee_datagram_is_ipv4(datagram->skb) ?
	       e2ee_audience_hears4(sk, datagram->skb) :
	       e2ee_audience_hears6(sk, datagram->skb);
}

/**
 * e2ee_audience_is_group() - may the stack choose this socket as well as another?
 * @sk: a UDP socket
 * @found: the other one, which a look-up found
 *
 * Context: any but hard interrupt, under rcu_read_lock().
 */
bool e2ee_audience_is_group(const struct sock *sk, const struct sock *found)
{
	const void *group = rcu_access_pointer(found->sk_reuseport_cb);

	return sk == found ||
	       (group && group == rcu_access_pointer(sk->sk_reuseport_cb) &&
		sk->sk_state != TCP_ESTABLISHED);
}
