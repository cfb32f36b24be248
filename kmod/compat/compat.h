/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that knows kernel versions. The module is written for the
 * newest kernel; here older ones (Debian's 6.1 and 6.12) are given what they
 * lack, by feature test where there is one.
 */
#ifndef E2EE_COMPAT_H
#define E2EE_COMPAT_H

#include <linux/ip.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/udp.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/sock.h>
#include <net/udp.h>

/* 6.2: encap_err_rcv() is told the error; ip_icmp_error() is exported */
#define E2EE_COMPAT_ERR_ARGS (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0))

/* before 6.16 SIMD ciphers hide behind "__" names and cryptd */
#define E2EE_COMPAT_INTERNAL_SIMD (LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0))

/* 7.0: a workqueue says that it is bound to CPUs; before, it is by default */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define E2EE_COMPAT_WQ_PERCPU	WQ_PERCPU
#else
#define E2EE_COMPAT_WQ_PERCPU	0
#endif

/* 6.18: drop counters have helpers */
static inline void e2ee_compat_count_drop(struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	udp_drops_inc(sk);
#else
	atomic_inc(&sk->sk_drops);
#endif
}

/* 6.6: sk_forward_alloc has writers that readers without lock tolerate */
static inline void e2ee_compat_forward_alloc(struct sock *sk, int size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	sk_forward_alloc_add(sk, size);
#else
	sk->sk_forward_alloc += size;
#endif
}

/* 6.2: each namespace may have its own table of UDP sockets */
static inline struct udp_table *e2ee_compat_udp_table(struct net *net)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	return net->ipv4.udp_table;
#else
	return udp_prot.h.udp_table;
#endif
}

/* 7.0: the lookup finds the table by itself */
static inline struct sock *e2ee_compat_udp4_lookup(struct net *net,
						   struct sk_buff *skb,
						   __be16 source, __be16 dest)
{
	return __udp4_lib_lookup(net, ip_hdr(skb)->saddr, source,
				 ip_hdr(skb)->daddr, dest, inet_iif(skb),
				 inet_sdif(skb),
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
				 e2ee_compat_udp_table(net),
#endif
				 NULL);
}

static inline struct sock *e2ee_compat_udp6_lookup(struct net *net,
						   struct sk_buff *skb,
						   __be16 source, __be16 dest)
{
#if IS_ENABLED(CONFIG_IPV6)
	return __udp6_lib_lookup(net, &ipv6_hdr(skb)->saddr, source,
				 &ipv6_hdr(skb)->daddr, dest, inet6_iif(skb),
				 inet6_sdif(skb),
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
				 e2ee_compat_udp_table(net),
#endif
				 NULL);
#else
	return NULL;
#endif
}

/* 6.6: IP_RECVERR became an atomic bit */
static inline bool e2ee_compat_recverr(const struct sock *sk)
{
#ifdef inet_test_bit
	return inet_test_bit(RECVERR, sk);
#else
	return inet_sk(sk)->recverr;
#endif
}

static inline bool e2ee_compat_recverr6(const struct sock *sk)
{
#ifdef inet6_test_bit
	return inet6_test_bit(RECVERR6, sk);
#else
	return inet6_sk(sk)->recverr;
#endif
}

/* 6.8: IPV6_DONTFRAG became an atomic bit */
static inline bool e2ee_compat_dontfrag6(const struct sock *sk)
{
#ifdef inet6_test_bit
	return inet6_test_bit(DONTFRAG, sk);
#else
	return inet6_sk(sk)->dontfrag;
#endif
}

/* Without CONFIG_IPV6 the compiler leaves out what is done for IPv6 alone */
static inline bool e2ee_compat_is_ipv6(const struct sk_buff *skb)
{
	return IS_ENABLED(CONFIG_IPV6) && skb->protocol == htons(ETH_P_IPV6);
}

/*
 * Without CONFIG_IPV6 a socket has no IPv6 addresses. Nor is there any socket of
 * AF_INET6 then, so callers that look at the family first never get to see the
 * unspecified address that stands in for them.
 */
static inline const struct in6_addr *e2ee_compat_local6(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	return &sk->sk_v6_rcv_saddr;
#else
	return &in6addr_any;
#endif
}

static inline const struct in6_addr *e2ee_compat_remote6(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	return &sk->sk_v6_daddr;
#else
	return &in6addr_any;
#endif
}

/* 6.6: dumps carry a struct genl_info */
static inline struct nlattr **e2ee_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return genl_dumpit_info(cb)->info.attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* E2EE_COMPAT_H */
