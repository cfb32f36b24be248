// SPDX-License-Identifier: GPL-2.0
/*
 * Clear media that waits to be read when a socket comes under the policy required
 * is not read any more.
 */
#include <linux/random.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/udp.h>
#include "packet.h"
#include "purge.h"
#include "session.h"
#include "socket.h"
#include "verdict.h"
#include "compat/compat.h"

static_assert(sizeof(struct udp_skb_cb) <= E2EE_PURGE_MARK);

/* made at load: what is there by chance is not it */
u32 e2ee_purge_opened;

static u32 e2ee_purge_mark_of(const struct sk_buff *skb)
{
	return *(u32 *)(skb->cb + E2EE_PURGE_MARK);
}

/* would this datagram, already in the receive queue, be dropped now? */
static bool e2ee_purge_is_clear(struct sk_buff *skb)
{
	struct e2ee_rtp rtp;
	bool clear = true;
	u8 *copy;

	if (e2ee_purge_mark_of(skb) == e2ee_purge_opened)
		return false;
	/* others may look at it: it is copied, not made linear */
	copy = kmalloc(skb->len, GFP_ATOMIC | __GFP_NOWARN);
	if (!copy || skb_copy_bits(skb, 0, copy, skb->len))
		goto out;
	switch (e2ee_rtp_parse(copy, skb->len, &rtp)) {
	case E2EE_RTP_MEDIA:
	case E2EE_RTP_DISGUISED:
		break;
	default:
		clear = false;
	}
out:
	kfree(copy);
	return clear;
}

/* as the stack does it: udp_rmem_release() is not exported */
static void e2ee_purge_uncharge(struct sock *sk, u32 size)
{
	lockdep_assert_held(&sk->sk_receive_queue.lock);
	e2ee_compat_forward_alloc(sk, size);
	atomic_sub(size, &sk->sk_rmem_alloc);
}

static void e2ee_purge_queue(struct sock *sk, struct sk_buff_head *queue,
			     struct sk_buff_head *dropped)
{
	struct sk_buff *skb, *next;

	skb_queue_walk_safe(queue, skb, next) {
		if (!skb->len || !e2ee_purge_is_clear(skb))
			continue;
		__skb_unlink(skb, queue);
		e2ee_purge_uncharge(sk, skb->truesize);
		__skb_queue_tail(dropped, skb);
	}
}

static void e2ee_purge_count(struct e2ee_socket *socket, struct sk_buff *skb)
{
	struct e2ee_packet_name name = { .len = skb->len };
	struct e2ee_session *session;

	if (e2ee_purge_mark_of(skb) == ~e2ee_purge_opened)
		return;
	rcu_read_lock_bh();
	session = rcu_dereference_bh(socket->session);
	if (session)
		e2ee_verdict(socket, session, E2EE_A_STAT_RX_CLEAR_DROPPED,
			     &name);
	rcu_read_unlock_bh();
}

/**
 * e2ee_purge() - drop media that was queued and is not authenticated
 * @socket: bound just now under the policy required, or its policy became that
 *
 * What passed while the socket was bound has its verdict; the rest gets one now.
 * What was sealed and queued unopened goes too: the application could make
 * nothing of it.
 *
 * Context: process.
 */
void e2ee_purge(struct e2ee_socket *socket)
{
	struct sock *sk = socket->sk;
	struct sk_buff_head *reader = &udp_sk(sk)->reader_queue;
	struct sk_buff_head dropped;
	struct sk_buff *skb;

	__skb_queue_head_init(&dropped);
	spin_lock_bh(&reader->lock);
	spin_lock(&sk->sk_receive_queue.lock);
	e2ee_purge_queue(sk, reader, &dropped);
	e2ee_purge_queue(sk, &sk->sk_receive_queue, &dropped);
	spin_unlock(&sk->sk_receive_queue.lock);
	spin_unlock_bh(&reader->lock);

	while ((skb = __skb_dequeue(&dropped))) {
		e2ee_purge_count(socket, skb);
		e2ee_compat_count_drop(sk);
		kfree_skb(skb);
	}
}

int e2ee_purge_init(void)
{
	e2ee_purge_opened = get_random_u32();
	return 0;
}

void e2ee_purge_exit(void)
{
}
