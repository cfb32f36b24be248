// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: the stack asks us before it queues a datagram on the socket; we
 * open it in place and let the stack go on with what is left.
 *
 * DOC: asynchronous requests
 *
 * Where a session names an asynchronous driver, the packet's request may be
 * answered later. From then on all packets of the socket, of whatever kind,
 * queue behind it (rx_busy), so that their order stays. The answer starts a
 * work item that finishes the packet and goes on with the queue until it is
 * empty or the next request is out. Bottom halves are off meanwhile, so the work
 * item ends after E2EE_RX_BUDGET packets and has itself queued again: a flood
 * that refills the queue all the time does not keep a CPU from its softirqs, nor
 * other sockets from their turn. Finished packets enter the stack again at
 * udp_rcv() with their socket attached, and pass our hook untouched
 * (struct e2ee_socket.rx_bypass). UDP's InDatagrams counts them twice.
 *
 * SO_RCVBUF bounds the queue. What finds no room is dropped or, under the policy
 * off, delivered before those that wait: there the stack's own bound holds, and
 * UDP promises no order.
 *
 * A packet in the queue keeps the session that it came to, so that it gets its
 * verdict even if the socket is detached or closed before its turn.
 */
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/protocol.h>
#include <net/sock.h>
#include <net/udp.h>
#include "event.h"
#include "form.h"
#include "key.h"
#include "rtp.h"
#include "rx.h"
#include "session.h"
#include "socket.h"
#include "verdict.h"
#include "window.h"
#include "compat/compat.h"

#define E2EE_RX_BUDGET		64	/* queued packets in one go */

/**
 * struct e2ee_rx_packet - a packet on its way in
 * @socket: where it came in
 * @session: whose policy decides
 * @skb: the datagram; data is the UDP header, linear
 * @rtp: where its payload is
 * @rtx: it is a retransmission. A request may change the list of payload types
 *	at any moment, so the list is read once
 * @sealed: what its front says
 * @key: what opens it
 * @window: of @key at @socket; NULL: none yet, or not looked for
 * @name: for the verdict
 * @queued: it comes from the queue: the socket is busy for its sake
 */
struct e2ee_rx_packet {
	struct e2ee_socket *socket;
	struct e2ee_session *session;
	struct sk_buff *skb;
	struct e2ee_rtp rtp;
	bool rtx;
	struct e2ee_sealed sealed;
	struct e2ee_key *key;
	struct e2ee_window *window;
	struct e2ee_packet name;
	bool queued;
};

/**
 * struct e2ee_rx_request - a packet whose answer is outstanding
 * @packet: with references on its key and session
 * @kept: its skb holds a reference on its device
 * @err: the answer
 */
struct e2ee_rx_request {
	struct e2ee_rx_packet packet;
	bool kept;
	int err;
};

/* what becomes of a packet */
enum e2ee_rx_fate {
	E2EE_RX_DELIVER,
	E2EE_RX_DROP,
	E2EE_RX_PENDING,
};

/*
 * What we opened is told from what came in clear, while both wait to be read, by
 * a number in the control block: behind what the stack writes there, before what
 * the socket does. Its complement says that we let the packet pass as it was, so
 * that it has its verdict.
 */
#define E2EE_RX_MARK	(SOCK_SKB_CB_OFFSET - sizeof(u32))

/*
 * The session that a packet came to, while the packet waits in the queue of its
 * socket: before the mark, at a multiple of its own size.
 */
#define E2EE_RX_OWNER	(E2EE_RX_MARK / sizeof(void *) * sizeof(void *) - \
			 sizeof(void *))

static_assert(sizeof(struct udp_skb_cb) <= E2EE_RX_OWNER);

static u32 e2ee_rx_mark;	/* made at load: what is there by chance is not it */
static struct workqueue_struct *e2ee_rx_wq;

static u32 *e2ee_rx_mark_of(struct sk_buff *skb)
{
	return (u32 *)(skb->cb + E2EE_RX_MARK);
}

static struct e2ee_session **e2ee_rx_owner_of(struct sk_buff *skb)
{
	return (struct e2ee_session **)(skb->cb + E2EE_RX_OWNER);
}

/* in many places, and no part of what a good packet needs to be near */
static noinline enum e2ee_rx_fate e2ee_rx_fate(struct e2ee_rx_packet *packet,
					       enum e2ee_stat verdict)
{
	e2ee_verdict(packet->socket, packet->session, verdict, &packet->name);
	switch (verdict) {
	case E2EE_A_STAT_RX_OK:
		return E2EE_RX_DELIVER;
	case E2EE_A_STAT_RX_OTHER:
	case E2EE_A_STAT_RX_CLEAR:
	case E2EE_A_STAT_RX_OFF:
		*e2ee_rx_mark_of(packet->skb) = ~e2ee_rx_mark;
		return E2EE_RX_DELIVER;
	default:
		return E2EE_RX_DROP;
	}
}

/* clear or broken media: what the policy makes of it */
static noinline enum e2ee_rx_fate
e2ee_rx_clear(struct e2ee_rx_packet *packet, u32 policy, enum e2ee_stat verdict)
{
	if (policy == E2EE_POLICY_BLOCKED)
		verdict = E2EE_A_STAT_RX_BLOCKED;
	else if (policy == E2EE_POLICY_OPTIONAL)
		verdict = E2EE_A_STAT_RX_CLEAR;
	return e2ee_rx_fate(packet, verdict);
}

static u8 *e2ee_rx_payload(const struct e2ee_rx_packet *packet)
{
	return packet->skb->data + sizeof(struct udphdr) + packet->rtp.payload;
}

/*
 * Takes the front of the seal off: not the payload moves, but the headers
 * before it, from that of the network layer on.
 */
static void e2ee_rx_pull(struct sk_buff *skb, const u8 *payload, u32 front)
{
	u8 *start = skb_network_header(skb);

	memmove(start + front, start, payload - start);
	skb->network_header += front;
	skb->transport_header += front;
	__skb_pull(skb, front);
}

/* authenticated: takes the seal off, in place */
static void e2ee_rx_unwrap(struct e2ee_rx_packet *packet)
{
	u32 front = packet->sealed.body, tag = e2ee_sframe.tag_len;
	u32 behind = packet->rtp.pad_len + packet->rtp.tail_len;
	struct sk_buff *skb = packet->skb;
	u8 *end;

	e2ee_rx_pull(skb, e2ee_rx_payload(packet), front);
	if (behind) {
		end = skb_tail_pointer(skb) - behind;
		memmove(end - tag, end, behind);
	}
	e2ee_rtp_mend(skb->data + sizeof(struct udphdr), &packet->rtp,
		      -(int)(front + tag));
	__skb_trim(skb, skb->len - tag);
	udp_hdr(skb)->len = htons(skb->len);
	/* it was verified before us, and does not fit the bytes any more */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = 0;
	skb->csum_valid = 1;
	skb->csum_complete_sw = 0;
	*e2ee_rx_mark_of(skb) = e2ee_rx_mark;
}

/* the cipher has spoken */
static enum e2ee_rx_fate e2ee_rx_finish(struct e2ee_rx_packet *packet, int err)
{
	if (err == -EBADMSG) {
		e2ee_event_auth_fail(packet->session, packet->name.kid);
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_AUTH_FAIL);
	}
	if (!err)
		err = e2ee_window_accept(packet->key, packet->socket,
					 packet->session, packet->window,
					 packet->name.ctr);
	if (err == -EALREADY)
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_REPLAY);
	if (err == -ENOKEY)
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_NO_KEY);
	if (err)
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_BUSY);
	e2ee_rx_unwrap(packet);
	return e2ee_rx_fate(packet, E2EE_A_STAT_RX_OK);
}

static int e2ee_rx_decrypt(struct e2ee_rx_packet *packet,
			   e2ee_aead_done_t done, void *arg)
{
	u8 nonce[E2EE_AEAD_NONCE_LEN];

	e2ee_sframe.nonce(nonce, packet->key->salt, packet->name.ctr);
	return e2ee_aead_open(&packet->key->aead,
			      e2ee_rx_payload(packet) + packet->sealed.aad,
			      packet->sealed.body - packet->sealed.aad,
			      packet->rtp.payload_len - packet->sealed.body -
			      e2ee_sframe.tag_len, nonce, done, arg);
}

static void e2ee_rx_request_free(struct e2ee_rx_request *request)
{
	e2ee_key_put(request->packet.key);
	e2ee_session_put(request->packet.session);
	kfree(request);
	e2ee_object_destroyed(E2EE_OBJECT_REQUEST);
}

static void e2ee_rx_done(void *arg, int err)
{
	struct e2ee_rx_request *request = arg;
	struct e2ee_socket *socket = request->packet.socket;

	request->err = err;
	socket->rx_request = request;	/* published by the queueing */
	queue_work(e2ee_rx_wq, &socket->rx_work);
}

/* an skb that outlives this call keeps its route and its device */
static bool e2ee_rx_keep(struct sk_buff *skb)
{
	if (!skb_dst_force(skb))
		return false;
	dev_hold(skb->dev);
	return true;
}

static void e2ee_rx_unkeep(struct net_device *dev)
{
	dev_put(dev);
}

static struct e2ee_rx_request *
e2ee_rx_request_new(const struct e2ee_rx_packet *packet)
{
	struct e2ee_rx_request *request;

	request = kmalloc(sizeof(*request), GFP_ATOMIC);
	if (!request)
		return NULL;
	if (!e2ee_key_get(packet->key)) {
		kfree(request);
		return NULL;
	}
	request->packet = *packet;
	request->packet.window = NULL;	/* it is of this RCU section */
	/* bound to a socket, or listed: somebody else holds one too */
	if (!e2ee_session_tryget(packet->session)) {
		e2ee_key_put(packet->key);
		kfree(request);
		return NULL;
	}
	e2ee_object_created(E2EE_OBJECT_REQUEST);
	return request;
}

/*
 * The socket is busy from now until its queue is empty.
 * 0; -EBUSY: it is already; -ESHUTDOWN: it is being freed.
 */
static int e2ee_rx_busy_begin(struct e2ee_socket *socket)
{
	int err = -EBUSY;

	spin_lock_bh(&socket->rx_lock);
	if (!socket->rx_busy) {
		err = -ESHUTDOWN;
		if (refcount_inc_not_zero(&socket->sk->sk_refcnt)) {
			WRITE_ONCE(socket->rx_busy, true);
			err = 0;
		}
	}
	spin_unlock_bh(&socket->rx_lock);
	return err;
}

/* False: the session is about to be freed, or the packet has lost its route. */
static bool e2ee_rx_queue_add(struct e2ee_socket *socket,
			      struct e2ee_session *session,
			      struct sk_buff *skb)
{
	lockdep_assert_held(&socket->rx_lock);
	if (!e2ee_session_tryget(session))
		return false;
	if (!e2ee_rx_keep(skb)) {
		e2ee_session_put(session);
		return false;
	}
	*e2ee_rx_owner_of(skb) = session;
	socket->rx_queued += skb->truesize;
	__skb_queue_tail(&socket->rx_queue, skb);
	return true;
}

/*
 * Packets behind an outstanding one.
 * 0: it is not ours any more; -ENOENT: none is outstanding; -ENOBUFS: no room.
 */
static noinline int e2ee_rx_enqueue(struct e2ee_socket *socket,
				    struct e2ee_session *session,
				    struct sk_buff *skb)
{
	u32 limit = READ_ONCE(socket->sk->sk_rcvbuf);
	int err = 0;

	spin_lock_bh(&socket->rx_lock);
	if (!socket->rx_busy)
		err = -ENOENT;
	else if (socket->rx_queued + skb->truesize > limit ||
		 !e2ee_rx_queue_add(socket, session, skb))
		err = -ENOBUFS;
	spin_unlock_bh(&socket->rx_lock);
	return err;
}

/* not looked at, for want of memory or of room: the policy alone decides */
static enum e2ee_rx_fate __cold e2ee_rx_unseen(struct e2ee_rx_packet *packet,
					       u32 policy)
{
	switch (policy) {
	case E2EE_POLICY_OFF:
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_OFF);
	case E2EE_POLICY_BLOCKED:
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_BLOCKED);
	}
	return e2ee_rx_fate(packet, E2EE_A_STAT_RX_BUSY);
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

/* the socket is busy; -ENOENT: not any more, else enum e2ee_rx_fate */
static noinline int e2ee_rx_join(struct e2ee_socket *socket,
				 struct e2ee_session *session,
				 struct sk_buff *skb)
{
	struct e2ee_rx_packet packet = {
		.socket = socket,
		.session = session,
		.skb = skb,
		.name.len = skb->len - sizeof(struct udphdr),
	};
	int err;

	if (e2ee_rx_is_bypass(socket, skb))
		return E2EE_RX_DELIVER;
	err = e2ee_rx_enqueue(socket, session, skb);
	if (err == -ENOBUFS)
		return e2ee_rx_unseen(&packet, READ_ONCE(session->policy));
	return err ?: E2EE_RX_PENDING;
}

static noinline enum e2ee_rx_fate
e2ee_rx_open_async(struct e2ee_rx_packet *packet)
{
	struct e2ee_socket *socket = packet->socket;
	struct e2ee_rx_request *request;
	int err = 0;

	request = e2ee_rx_request_new(packet);
	if (!request)
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_BUSY);
	if (!packet->queued)
		err = e2ee_rx_busy_begin(socket);
	while (err == -EBUSY) {		/* another CPU was first */
		err = e2ee_rx_enqueue(socket, packet->session, packet->skb);
		if (!err) {
			e2ee_rx_request_free(request);
			return E2EE_RX_PENDING;
		}
		if (err == -ENOENT)
			err = e2ee_rx_busy_begin(socket);
	}
	if (err) {
		e2ee_rx_request_free(request);
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_BUSY);
	}
	request->kept = e2ee_rx_keep(packet->skb);
	err = -ENOBUFS;
	if (request->kept)
		err = e2ee_rx_decrypt(packet, e2ee_rx_done, request);
	/* answered at once: take the same way, so that order stays */
	if (err != -EINPROGRESS)
		e2ee_rx_done(request, err);
	return E2EE_RX_PENDING;
}

static void __cold e2ee_rx_missing(struct e2ee_rx_packet *packet)
{
	struct e2ee_event_msg msg = {
		.type = E2EE_EVENT_KEY_MISSING,
		.given = E2EE_EVENT_HAS_SOCKET | E2EE_EVENT_HAS_DIR |
			 E2EE_EVENT_HAS_KID | E2EE_EVENT_HAS_SSRC,
		.socket = packet->socket->id,
		.dir = E2EE_DIR_RX,
		.kid = packet->name.kid,
		.ssrc = packet->name.ssrc,
	};

	e2ee_event_send(packet->socket->enet, packet->session, &msg);
}

/* SFrame that parses: find its key, open it */
static enum e2ee_rx_fate e2ee_rx_sealed(struct e2ee_rx_packet *packet)
{
	int err;

	packet->key = e2ee_key_for_rx(packet->session, packet->name.kid,
				      packet->name.ssrc, packet->rtx, &err);
	if (!packet->key && err == -ENOKEY) {
		e2ee_rx_missing(packet);
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_NO_KEY);
	}
	if (!packet->key)
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_SSRC);
	if (e2ee_key_past(packet->key)) {
		e2ee_key_note_expired(packet->key, packet->name.ssrc);
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_KEY_EXPIRED);
	}
	e2ee_aead_prefetch(&packet->key->aead);
	packet->window = e2ee_window_find(packet->key, packet->socket);
	if (!e2ee_window_check(packet->key, packet->window, packet->name.ctr))
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_REPLAY);
	/* others look at the same bytes: a tap, another multicast receiver */
	if (skb_linearize_cow(packet->skb))
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_BUSY);
	if (packet->key->aead.async)
		return e2ee_rx_open_async(packet);
	return e2ee_rx_finish(packet, e2ee_rx_decrypt(packet, NULL, NULL));
}

static enum e2ee_rx_fate e2ee_rx_media(struct e2ee_rx_packet *packet,
				       u32 policy)
{
	struct e2ee_rtp *rtp = &packet->rtp;
	u8 *payload;

	packet->name.ssrc = rtp->ssrc;
	packet->rtx = test_bit(rtp->pt, packet->session->rtx_pt);
	if (packet->rtx) {
		if (rtp->payload_len < 2)
			return e2ee_rx_clear(packet, policy,
					     E2EE_A_STAT_RX_MALFORMED);
		rtp->payload += 2;
		rtp->payload_len -= 2;
		if (!rtp->payload_len)
			return e2ee_rx_fate(packet, E2EE_A_STAT_RX_OTHER);
	}
	payload = e2ee_rx_payload(packet);
	if (!e2ee_sframe.is_sealed(payload, rtp->payload_len))
		return e2ee_rx_clear(packet, policy,
				     E2EE_A_STAT_RX_CLEAR_DROPPED);
	if (e2ee_sframe.parse(payload, rtp->payload_len, &packet->sealed))
		return e2ee_rx_clear(packet, policy, E2EE_A_STAT_RX_MALFORMED);
	packet->name.kid = packet->sealed.kid;
	packet->name.ctr = packet->sealed.ctr;
	if (policy == E2EE_POLICY_BLOCKED)
		return e2ee_rx_fate(packet, E2EE_A_STAT_RX_BLOCKED);
	return e2ee_rx_sealed(packet);
}

/* under rcu_read_lock(), bottom halves off */
static enum e2ee_rx_fate e2ee_rx_judge(struct e2ee_socket *socket,
				       struct e2ee_session *session,
				       struct sk_buff *skb, bool queued)
{
	u32 policy = READ_ONCE(session->policy);
	struct e2ee_rx_packet packet = {
		.socket = socket,
		.session = session,
		.skb = skb,
		.name.len = skb->len - sizeof(struct udphdr),
		.queued = queued,
	};

	if (policy == E2EE_POLICY_OFF)
		return e2ee_rx_fate(&packet, E2EE_A_STAT_RX_OFF);
	if (skb_linearize(skb))
		return e2ee_rx_unseen(&packet, policy);
	switch (e2ee_rtp_parse(skb->data + sizeof(struct udphdr),
			       packet.name.len, &packet.rtp)) {
	case E2EE_RTP_EMPTY:
	case E2EE_RTP_STUN:
	case E2EE_RTP_DTLS:
	case E2EE_RTP_DTLS_SRTP:
	case E2EE_RTP_ZRTP:
	case E2EE_RTP_RTCP:
	case E2EE_RTP_BARE:
		return e2ee_rx_fate(&packet, E2EE_A_STAT_RX_OTHER);
	case E2EE_RTP_MEDIA:
		return e2ee_rx_media(&packet, policy);
	case E2EE_RTP_DISGUISED:
		break;
	}
	return e2ee_rx_clear(&packet, policy, E2EE_A_STAT_RX_MALFORMED);
}

static noinline void e2ee_rx_drop(struct sock *sk, struct sk_buff *skb)
{
	e2ee_compat_count_drop(sk);
	kfree_skb(skb);
}

static int e2ee_rx_take(struct sock *sk, struct sk_buff *skb)
{
	struct e2ee_socket *socket = e2ee_socket_of(sk);
	struct e2ee_session *session;
	int fate = -ENOENT;

	if (unlikely(!socket)) {
		/* called early? pairs with e2ee_socket_put_hooks() */
		smp_rmb();
		socket = e2ee_socket_of(sk);
	}
	/* being freed, or displaced: "hooks that are displaced" */
	if (unlikely(!socket)) {
		e2ee_rx_drop(sk, skb);
		return 0;
	}
	session = rcu_dereference(socket->session);
	if (!session)
		return 1;
	if (unlikely(READ_ONCE(socket->rx_busy)))
		fate = e2ee_rx_join(socket, session, skb);
	if (fate < 0)
		fate = e2ee_rx_judge(socket, session, skb, false);
	switch (fate) {
	case E2EE_RX_DELIVER:
		return 1;
	case E2EE_RX_DROP:
		e2ee_rx_drop(sk, skb);
		return 0;
	case E2EE_RX_PENDING:
		break;
	}
	return 0;
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

static void e2ee_rx_settle(struct e2ee_socket *socket, struct sk_buff *skb,
			   enum e2ee_rx_fate fate)
{
	if (fate == E2EE_RX_DELIVER)
		e2ee_rx_deliver(socket, skb);
	else
		e2ee_rx_drop(socket->sk, skb);
}

/* The answer is there; the policy may have changed meanwhile. */
static void e2ee_rx_answer(struct e2ee_socket *socket)
{
	struct e2ee_rx_request *request = socket->rx_request;
	struct e2ee_rx_packet *packet = &request->packet;
	struct net_device *dev = packet->skb->dev;
	enum e2ee_rx_fate fate;

	socket->rx_request = NULL;
	if (READ_ONCE(packet->session->policy) == E2EE_POLICY_BLOCKED)
		fate = e2ee_rx_fate(packet, E2EE_A_STAT_RX_BLOCKED);
	else
		fate = e2ee_rx_finish(packet, request->err);
	e2ee_rx_settle(socket, packet->skb, fate);
	if (request->kept)
		e2ee_rx_unkeep(dev);
	e2ee_rx_request_free(request);
}

/*
 * Go on with the queue; false: another request is out. A socket that was attached
 * anew may be under a stricter policy, which holds for what it delivers from then
 * on. Where it was detached or closed, the session that the packet came to decides.
 */
static bool e2ee_rx_go_on(struct e2ee_socket *socket, struct sk_buff *skb)
{
	struct e2ee_session *owner = *e2ee_rx_owner_of(skb);
	struct net_device *dev = skb->dev;
	struct e2ee_session *session;
	enum e2ee_rx_fate fate;

	session = rcu_dereference(socket->session) ?: owner;
	fate = e2ee_rx_judge(socket, session, skb, true);
	if (fate != E2EE_RX_PENDING)
		e2ee_rx_settle(socket, skb, fate);
	/* a pending packet has references of its own on both */
	e2ee_session_put(owner);
	e2ee_rx_unkeep(dev);
	return fate != E2EE_RX_PENDING;
}

static struct sk_buff *e2ee_rx_dequeue(struct e2ee_socket *socket)
{
	struct sk_buff *skb;

	spin_lock_bh(&socket->rx_lock);
	skb = __skb_dequeue(&socket->rx_queue);
	if (skb)
		socket->rx_queued -= skb->truesize;
	else
		WRITE_ONCE(socket->rx_busy, false);
	spin_unlock_bh(&socket->rx_lock);
	return skb;
}

/**
 * e2ee_rx_work() - finish the packet whose answer came, and those behind it
 * @work: struct e2ee_socket.rx_work
 *
 * Context: process; one at a time for a socket.
 */
void e2ee_rx_work(struct work_struct *work)
{
	struct e2ee_socket *socket = container_of(work, struct e2ee_socket,
						  rx_work);
	struct sock *sk = socket->sk;
	bool more = true, idle = false;
	int budget = E2EE_RX_BUDGET;
	struct sk_buff *skb;

	local_bh_disable();
	rcu_read_lock();
	if (socket->rx_request)		/* else the budget was spent */
		e2ee_rx_answer(socket);
	while (more && !idle && budget--) {
		skb = e2ee_rx_dequeue(socket);
		if (skb)
			more = e2ee_rx_go_on(socket, skb);
		else
			idle = true;
	}
	rcu_read_unlock();
	local_bh_enable();
	if (idle)		/* not busy any more: e2ee_rx_busy_begin() */
		sock_put(sk);
	else if (more)
		queue_work(e2ee_rx_wq, work);
}

/* would this datagram, already in the receive queue, be dropped now? */
static bool e2ee_rx_is_clear(struct sk_buff *skb)
{
	struct e2ee_rtp rtp;
	bool clear = true;
	u8 *copy;

	if (*e2ee_rx_mark_of(skb) == e2ee_rx_mark)
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
static void e2ee_rx_uncharge(struct sock *sk, u32 size)
{
	lockdep_assert_held(&sk->sk_receive_queue.lock);
	e2ee_compat_forward_alloc(sk, size);
	atomic_sub(size, &sk->sk_rmem_alloc);
}

static void e2ee_rx_purge_queue(struct sock *sk, struct sk_buff_head *queue,
				struct sk_buff_head *dropped)
{
	struct sk_buff *skb, *next;

	skb_queue_walk_safe(queue, skb, next) {
		if (!skb->len || !e2ee_rx_is_clear(skb))
			continue;
		__skb_unlink(skb, queue);
		e2ee_rx_uncharge(sk, skb->truesize);
		__skb_queue_tail(dropped, skb);
	}
}

static void e2ee_rx_purge_count(struct e2ee_socket *socket,
				struct sk_buff *skb)
{
	struct e2ee_packet name = { .len = skb->len };
	struct e2ee_session *session;

	if (*e2ee_rx_mark_of(skb) == ~e2ee_rx_mark)
		return;
	rcu_read_lock_bh();
	session = rcu_dereference_bh(socket->session);
	if (session)
		e2ee_verdict(socket, session, E2EE_A_STAT_RX_CLEAR_DROPPED,
			     &name);
	rcu_read_unlock_bh();
}

/**
 * e2ee_rx_purge_clear() - drop media that was queued and is not authenticated
 * @socket: bound just now under the policy required, or its policy became that
 *
 * What passed while the socket was bound has its verdict; the rest gets one now.
 * What was sealed and queued unopened goes too: the application could make
 * nothing of it.
 *
 * Context: process.
 */
void e2ee_rx_purge_clear(struct e2ee_socket *socket)
{
	struct sock *sk = socket->sk;
	struct sk_buff_head *reader = &udp_sk(sk)->reader_queue;
	struct sk_buff_head dropped;
	struct sk_buff *skb;

	__skb_queue_head_init(&dropped);
	spin_lock_bh(&reader->lock);
	spin_lock(&sk->sk_receive_queue.lock);
	e2ee_rx_purge_queue(sk, reader, &dropped);
	e2ee_rx_purge_queue(sk, &sk->sk_receive_queue, &dropped);
	spin_unlock(&sk->sk_receive_queue.lock);
	spin_unlock_bh(&reader->lock);

	while ((skb = __skb_dequeue(&dropped))) {
		e2ee_rx_purge_count(socket, skb);
		e2ee_rx_drop(sk, skb);
	}
}

int e2ee_rx_init(void)
{
	e2ee_rx_mark = get_random_u32();
	e2ee_rx_wq = alloc_workqueue("e2ee_rx", WQ_UNBOUND | WQ_HIGHPRI, 0);
	return e2ee_rx_wq ? 0 : -ENOMEM;
}

void e2ee_rx_exit(void)
{
	destroy_workqueue(e2ee_rx_wq);
}
