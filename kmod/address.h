/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Addresses of sockets in messages of netlink.
 */
#ifndef E2EE_ADDRESS_H
#define E2EE_ADDRESS_H

#include <net/inet_sock.h>
#include <net/netlink.h>
#include "compat/compat.h"

static inline int e2ee_put_addr(struct sk_buff *skb, int type,
				const struct sock *sk, __be32 v4,
				const struct in6_addr *v6)
{
	if (sk->sk_family == AF_INET6)
		return nla_put_in6_addr(skb, type, v6);
	return nla_put_in_addr(skb, type, v4);
}

/*
 * Addresses are read without the socket's lock: bind() or connect() at the same
 * moment may show one with the port of before, as /proc/net/udp does.
 */
static inline int e2ee_put_local(struct sk_buff *skb, int addr, int port,
				 const struct sock *sk)
{
	return e2ee_put_addr(skb, addr, sk, inet_sk(sk)->inet_rcv_saddr,
			     e2ee_compat_local6(sk)) ?:
	       nla_put_u16(skb, port, READ_ONCE(inet_sk(sk)->inet_num));
}

#endif /* E2EE_ADDRESS_H */
