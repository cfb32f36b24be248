// SPDX-License-Identifier: GPL-2.0
/*
 * How large a packet may leave without being fragmented.
 */
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/sock.h>
#include "mtu.h"

static u32 e2ee_mtu_ipv4(struct sock *sk, const struct msghdr *msg)
{
	const struct sockaddr_in6 *to6 = msg->msg_name;
	const struct sockaddr_in *to = msg->msg_name;
	struct flowi4 fl4 = {
		.flowi4_oif = sk->sk_bound_dev_if,
		.flowi4_mark = READ_ONCE(sk->sk_mark),
		.flowi4_proto = IPPROTO_UDP,
		.saddr = inet_sk(sk)->inet_saddr,
	};
	struct rtable *rt;
	u32 mtu;

	fl4.daddr = to6->sin6_family == AF_INET6 ? to6->sin6_addr.s6_addr32[3] :
						   to->sin_addr.s_addr;
	rt = ip_route_output_key(sock_net(sk), &fl4);
	if (IS_ERR(rt))
		return 0;
	mtu = dst_mtu(&rt->dst);
	ip_rt_put(rt);
	return mtu;
}

static u32 e2ee_mtu_ipv6(struct sock *sk, const struct msghdr *msg)
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct sockaddr_in6 *to = msg->msg_name;
	struct flowi6 fl6 = {
		.flowi6_oif = sk->sk_bound_dev_if ?: to->sin6_scope_id,
		.flowi6_mark = READ_ONCE(sk->sk_mark),
		.flowi6_proto = IPPROTO_UDP,
		.daddr = to->sin6_addr,
	};
	struct dst_entry *dst;
	u32 mtu;

	dst = ip6_route_output(sock_net(sk), sk, &fl6);
	mtu = dst->error ? 0 : dst_mtu(dst);
	dst_release(dst);
	return mtu;
#else
	return 0;
#endif
}

static u32 e2ee_mtu_dest(const struct msghdr *msg)
{
	const struct sockaddr_in6 *to6 = msg->msg_name;
	const struct sockaddr_in *to = msg->msg_name;

	if (!to)
		return 0;
	return to6->sin6_family == AF_INET6 ?
	       ipv6_addr_hash(&to6->sin6_addr) :
	       (__force u32)to->sin_addr.s_addr;
}

static u32 e2ee_mtu_connected(const struct sock *sk)
{
	const struct dst_entry *dst;
	u32 mtu = 0;

	rcu_read_lock();
	dst = rcu_dereference(sk->sk_dst_cache);
	if (dst)
		mtu = dst_mtu(dst);
	rcu_read_unlock();
	return mtu;
}

/**
 * e2ee_mtu_of() - the MTU of the path that a message takes
 * @known: of the socket: a route is not looked for once a packet
 * @sk: who sends it
 * @msg: the message, which may name a destination
 * @ipv4: it leaves as IPv4
 *
 * Context: process.
 * Return: bytes, as far as it is known; 0 if it is not. It may be as old as
 * E2EE_MTU_KNOWN.
 */
u32 e2ee_mtu_of(struct e2ee_mtu *known, struct sock *sk,
		const struct msghdr *msg, bool ipv4)
{
	u32 dest = e2ee_mtu_dest(msg), mtu = READ_ONCE(known->mtu);

	if (mtu && READ_ONCE(known->dest) == dest &&
	    time_before(jiffies, READ_ONCE(known->until)))
		return mtu;
	if (!msg->msg_name)
		mtu = e2ee_mtu_connected(sk);
	else
		mtu = ipv4 ? e2ee_mtu_ipv4(sk, msg) : e2ee_mtu_ipv6(sk, msg);
	WRITE_ONCE(known->mtu, mtu);
	WRITE_ONCE(known->dest, dest);
	WRITE_ONCE(known->until, jiffies + E2EE_MTU_KNOWN);
	return mtu;
}
