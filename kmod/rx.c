// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: the stack asks us before it queues a datagram on the socket; we
 * open it in place and let the stack go on with what is left.
 */

/**
 * DOC: packets that enter the stack again
 *
 * A packet whose cipher answers late, and what queued behind it, is finished by a
 * work item (later.c). It enters the stack again at udp_rcv() with its socket
 * attached, and passes our hook untouched (struct e2ee_socket.rx_bypass). UDP's
 * InDatagrams counts it twice.
 *
 * SO_RCVBUF bounds the queue. What finds no room is dropped or, under the policy
 * off, delivered before those that wait: there the stack's own bound holds, and
 * UDP promises no order.
 */
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/skbuff.h>
#include <net/protocol.h>
#include <net/sock.h>
#include <net/udp.h>
#include "packet.h"
#include "purge.h"
#include "rx.h"
#include "seal.h"
#include "session.h"
#include "socket.h"
#include "verdict.h"
#include "compat/compat.h"

/* what becomes of a packet */
enum e2ee_rx_fate {
	E2EE_RX_DELIVER,
	E2EE_RX_DROP,
	E2EE_RX_PENDING,
};

/* authenticated, and opened in place, its headers with it */
static void e2ee_rx_unwrap(const struct e2ee_packet *packet)
{
	struct sk_buff *skb = packet->skb;
	u32 front = packet->sealed.body;

	skb->network_header += front;
	skb->transport_header += front;
	__skb_pull(skb, front);
	__skb_trim(skb, packet->len + sizeof(struct udphdr));
	udp_hdr(skb)->len = htons(skb->len);
	/* it was verified before us, and does not fit the bytes any more */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = 0;
	skb->csum_valid = 1;
	skb->csum_complete_sw = 0;
}

static enum e2ee_finding e2ee_rx_look(struct e2ee_packet *packet, u32 policy)
{
	struct sk_buff *skb = packet->skb;
	enum e2ee_finding found;

	if (policy == E2EE_POLICY_OFF)
		return E2EE_FOUND_OTHER;
	if (skb_linearize(skb))
		return E2EE_FOUND_UNSEEN;
	packet->data = skb->data + sizeof(struct udphdr);
	found = e2ee_packet_look(packet);
	if (found != E2EE_FOUND_MEDIA || policy == E2EE_POLICY_BLOCKED)
		return found;
	found = e2ee_open(packet);
	if (found == E2EE_FOUND_MEDIA)
		e2ee_rx_unwrap(packet);
	return found;
}

static enum e2ee_rx_fate e2ee_rx_settle(struct e2ee_packet *packet,
					u32 policy, enum e2ee_finding found)
{
	const struct e2ee_rule *rule = &e2ee_policy_rx[found][policy];

	e2ee_verdict_report(packet, E2EE_DIR_RX, rule);
	e2ee_verdict(packet->socket, packet->session, rule->verdict,
		     &packet->name);
	if (rule->err)
		return E2EE_RX_DROP;
	e2ee_purge_mark(packet->skb, rule->verdict == E2EE_A_STAT_RX_OK);
	return E2EE_RX_DELIVER;
}

/*
 * Packets whose cipher may answer late, and those behind them, wait. -ENOENT:
 * none waits, and this one did not have to.
 */
static int e2ee_rx_wait(struct e2ee_packet *packet, bool begin)
{
	struct e2ee_socket *socket = packet->socket;
	int err;

	err = e2ee_later_add(&socket->rx_later, packet->session,
			     packet->skb, NULL,
			     READ_ONCE(socket->sk->sk_rcvbuf), begin);
	if (err == -ENOBUFS)
		return e2ee_rx_settle(packet,
				      READ_ONCE(packet->session->policy),
				      E2EE_FOUND_UNSEEN);
	return err ?: E2EE_RX_PENDING;
}

/* under rcu_read_lock(), bottom halves off */
static enum e2ee_rx_fate e2ee_rx_judge(struct e2ee_packet *packet)
{
	u32 policy = READ_ONCE(packet->session->policy);
	enum e2ee_finding found;

	found = e2ee_rx_look(packet, policy);
	if (found == E2EE_FOUND_LATER)
		return e2ee_rx_wait(packet, true);
	/* the answer of a cipher took its time */
	if (packet->sleeps &&
	    READ_ONCE(packet->session->policy) == E2EE_POLICY_BLOCKED)
		policy = E2EE_POLICY_BLOCKED;
	return e2ee_rx_settle(packet, policy, found);
}

static noinline void e2ee_rx_drop(struct sock *sk, struct sk_buff *skb)
{
	e2ee_compat_count_drop(sk);
	kfree_skb(skb);
}

/*
 * The second pass of a finished packet? Once that is dropped or read its memory
 * may come back as a new packet, on another CPU: hence the task.
 */
static bool e2ee_rx_is_bypass(const struct e2ee_socket *socket,
			      const struct sk_buff *skb)
{
	return READ_ONCE(socket->rx_bypass) == skb &&
	       READ_ONCE(socket->rx_worker) == current;
}

/* field by field: to clear all of a packet takes longer than to look at it */
static void e2ee_rx_start(struct e2ee_packet *packet, struct sk_buff *skb,
			  bool sleeps)
{
	packet->skb = skb;
	packet->len = skb->len - sizeof(struct udphdr);
	packet->sleeps = sleeps;
	packet->epoch = 0;
	packet->name.kid = 0;
	packet->name.ctr = 0;
	packet->name.ssrc = 0;
	packet->name.len = packet->len;
}

static int e2ee_rx_take(struct sock *sk, struct sk_buff *skb)
{
	struct e2ee_packet packet;
	int fate = -ENOENT;

	e2ee_rx_start(&packet, skb, false);
	packet.socket = e2ee_socket_of(sk);
	if (unlikely(!packet.socket)) {
		/* called early? pairs with e2ee_hook_put() */
		smp_rmb();
		packet.socket = e2ee_socket_of(sk);
	}
	/* being freed, or displaced: "hooks that are displaced" */
	if (unlikely(!packet.socket)) {
		e2ee_rx_drop(sk, skb);
		return 0;
	}
	packet.session = rcu_dereference(packet.socket->session);
	if (!packet.session)
		return 1;
	if (unlikely(READ_ONCE(packet.socket->rx_later.busy))) {
		if (e2ee_rx_is_bypass(packet.socket, skb))
			return 1;
		fate = e2ee_rx_wait(&packet, false);
	}
	if (fate < 0)
		fate = e2ee_rx_judge(&packet);
	if (fate == E2EE_RX_DROP)
		e2ee_rx_drop(sk, skb);
	return fate == E2EE_RX_DELIVER;
}

/**
 * e2ee_rx_encap() - encap_rcv of an attached socket
 * @sk: the socket
 * @skb: one datagram, checksum verified; data is the UDP header
 *
 * Context: softirq, or process with bottom halves off; under rcu_read_lock().
 * Return: 1: the stack goes on with it; 0: it is ours.
 */
int e2ee_rx_encap(struct sock *sk, struct sk_buff *skb)
{
	int ret;

	e2ee_hook(E2EE_DIR_RX, true);
	ret = e2ee_rx_take(sk, skb);
	e2ee_hook(E2EE_DIR_RX, false);
	return ret;
}

/* into the stack again, to this very socket, past our hook */
static void e2ee_rx_deliver(struct e2ee_socket *socket, struct sk_buff *skb)
{
	const struct net_protocol *protocol;
#if IS_ENABLED(CONFIG_IPV6)
	const struct inet6_protocol *protocol6;
#endif
	struct sock *sk = socket->sk;

	if (sock_flag(sk, SOCK_DEAD)) {
		kfree_skb(skb);
		return;
	}
	/* udp_rcv() takes this reference; not sock_pfree: no new lookup */
	sock_hold(sk);
	skb->sk = sk;
	skb->destructor = sock_edemux;
	WRITE_ONCE(socket->rx_worker, current);
	WRITE_ONCE(socket->rx_bypass, skb);
	if (skb->protocol == htons(ETH_P_IP)) {
		protocol = rcu_dereference(inet_protos[IPPROTO_UDP]);
		protocol->handler(skb);
	} else {
#if IS_ENABLED(CONFIG_IPV6)
		protocol6 = rcu_dereference(inet6_protos[IPPROTO_UDP]);
		protocol6->handler(skb);
#endif
	}
	WRITE_ONCE(socket->rx_bypass, NULL);
}

/**
 * e2ee_rx_late() - go on with a packet whose cipher may be waited for
 * @later: where it waited
 * @late: the packet
 *
 * A socket that was attached anew may be under a stricter policy, which holds for
 * what it delivers from then on. Where it was detached or closed, the session that
 * the packet came to decides.
 *
 * Context: as e2ee_later_work_t.
 */
void e2ee_rx_late(struct e2ee_later *later, struct e2ee_late *late)
{
	struct e2ee_socket *socket = container_of(later, struct e2ee_socket,
						  rx_later);
	struct e2ee_session *session = e2ee_socket_session_get(socket);
	struct sk_buff *skb = late->skb;
	struct e2ee_packet packet;

	e2ee_rx_start(&packet, skb, true);
	packet.socket = socket;
	packet.session = session ?: late->session;
	if (e2ee_rx_judge(&packet) == E2EE_RX_DELIVER)
		e2ee_rx_deliver(socket, skb);
	else
		e2ee_rx_drop(socket->sk, skb);
	e2ee_session_put(session);
}
