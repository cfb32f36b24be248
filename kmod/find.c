// SPDX-License-Identifier: GPL-2.0
/*
 * Finding the socket that a request names: by a file descriptor of the caller, or
 * by the address that it is bound to.
 */
#include <linux/file.h>
#include <linux/net.h>
#include <net/ipv6.h>
#include <net/udp.h>
#include <linux/e2ee.h>
#include "find.h"
#include "hook.h"
#include "refusal.h"
#include "socket.h"
#include "compat/compat.h"

static int e2ee_find_kind_check(struct sock *sk, struct net *net,
				struct e2ee_refusal *why)
{
	if ((sk->sk_family != AF_INET && sk->sk_family != AF_INET6) ||
	    sk->sk_type != SOCK_DGRAM || sk->sk_protocol != IPPROTO_UDP)
		return e2ee_refuse(why, E2EE_A_SOCKET_FD, -EOPNOTSUPP,
				   "not a UDP socket");
	if (sk->sk_family == AF_INET6 && !e2ee_socket_knows_ipv6())
		return e2ee_refuse(why, E2EE_A_SOCKET_FD, -EAFNOSUPPORT,
				   "this kernel has no IPv6");
	if (!net_eq(sock_net(sk), net))
		return e2ee_refuse(why, E2EE_A_SOCKET_FD, -EXDEV,
				   "socket is of another network namespace");
	return 0;
}

/**
 * e2ee_socket_by_fd() - a socket of the calling process
 * @net: where the request came from
 * @fd: file descriptor
 * @why: told where it is refused
 *
 * Context: process, in the requester's own context.
 * Return: the socket with a reference, or an error pointer: -EBADF, -ENOTSOCK,
 * -EOPNOTSUPP: not UDP; -EXDEV: of another namespace.
 */
struct sock *e2ee_socket_by_fd(struct net *net, u32 fd,
			       struct e2ee_refusal *why)
{
	struct socket *sock;
	struct sock *sk;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock) {
		e2ee_refuse(why, E2EE_A_SOCKET_FD, err,
			    err == -ENOTSOCK ? "not a socket" :
					       "no such file descriptor");
		return ERR_PTR(err);
	}
	sk = sock->sk;
	err = e2ee_find_kind_check(sk, net, why);
	if (!err)
		sock_hold(sk);
	sockfd_put(sock);
	return err ? ERR_PTR(err) : sk;
}

/* 2: bound to this address; 1: to any; 0: to another */
static int e2ee_find_addr_match(const struct sock *sk, const u8 *addr,
				unsigned int addr_len)
{
	__be32 v4;

	if (addr_len == sizeof(v4)) {
		memcpy(&v4, addr, sizeof(v4));
		if (sk->sk_family == AF_INET6 && ipv6_only_sock(sk))
			return 0;
		if (sk->sk_rcv_saddr == v4 && (v4 || sk->sk_family == AF_INET))
			return 2;
		return !sk->sk_rcv_saddr &&
		       (sk->sk_family == AF_INET ||
			ipv6_addr_any(e2ee_compat_local6(sk)));
	}
	if (sk->sk_family != AF_INET6)
		return 0;
	if (!memcmp(e2ee_compat_local6(sk), addr, sizeof(struct in6_addr)))
		return 2;
	return ipv6_addr_any(e2ee_compat_local6(sk));
}

/**
 * e2ee_socket_by_addr() - a socket by the local address it is bound to
 * @net: the namespace
 * @addr: IPv4 or IPv6 address, network order
 * @addr_len: 4 or 16
 * @port: host order
 * @why: told where it is refused
 *
 * A socket bound to just this address goes before one bound to any.
 *
 * Context: process.
 * Return: the socket with a reference, or an error pointer: -ENOENT;
 * -ENOTUNIQ: several sockets share the address; -EBUSY: the kernel's own.
 */
struct sock *e2ee_socket_by_addr(struct net *net, const u8 *addr,
				 unsigned int addr_len, u16 port,
				 struct e2ee_refusal *why)
{
	struct udp_hslot *slot;
	struct sock *sk, *found = NULL;
	int match, best = 0, same = 0;
	bool kernels = false;

	slot = udp_hashslot(e2ee_compat_udp_table(net), net, port);
	rcu_read_lock();
	sk_for_each_rcu(sk, &slot->head) {
		if (!net_eq(sock_net(sk), net) || inet_sk(sk)->inet_num != port)
			continue;
		match = e2ee_find_addr_match(sk, addr, addr_len);
		if (match > best)
			same = 0;
		if (!match || match < best)
			continue;
		best = match;
		same++;
		found = sk;
	}
	if (found && same == 1)
		kernels = e2ee_socket_is_kernels(found);
	if (found && same == 1 && !kernels &&
	    !refcount_inc_not_zero(&found->sk_refcnt))
		found = NULL;
	rcu_read_unlock();
	if (same > 1) {
		e2ee_refuse(why, E2EE_A_SOCKET_LOCAL_PORT, -ENOTUNIQ,
			    "several sockets have this address: name one by process and descriptor");
		return ERR_PTR(-ENOTUNIQ);
	}
	if (kernels) {
		e2ee_refuse(why, E2EE_A_SOCKET_LOCAL_PORT, -EBUSY,
			    "socket belongs to the kernel");
		return ERR_PTR(-EBUSY);
	}
	if (!found) {
		e2ee_refuse(why, E2EE_A_SOCKET_LOCAL_PORT, -ENOENT,
			    "no UDP socket is bound to this address");
		return ERR_PTR(-ENOENT);
	}
	return found;
}
