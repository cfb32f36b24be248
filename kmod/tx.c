// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: what an application hands to sendmsg() is copied, sealed, and
 * handed on to the socket's own protocol.
 *
 * DOC: one send
 *
 * A send is one packet, or with UDP_SEGMENT a burst of packets of equal size.
 * All are copied first (this may sleep and fault), then sealed, each in one
 * RCU section that reads policy, epoch and key once. Only when the last one is
 * sealed is the first one sent: if one is refused, none leaves.
 *
 * Sealed packets of a burst leave together where they are of one size and fit
 * into one datagram of UDP. The size grows inside a burst where a KID or a CTR
 * needs one more byte, and 64 packets that have grown may not fit any more. Then
 * the burst takes several calls of the socket's own protocol, and a later call
 * may fail after an earlier one sent its share. The caller is told how many
 * bytes of the burst left, never an errno, so that nobody sends them again.
 *
 * A send belongs to one session, which is looked up once: policy, keys, errors
 * and verdicts are those of that session, even if the socket is detached, or
 * attached to another one, before the send is over.
 *
 * Each packet is copied behind E2EE_TX_HEADROOM bytes. Sealing moves its short
 * front (RTP header) down to make room for the SFrame header, encrypts the
 * payload where it is, and puts the tag behind it.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/udp.h>
#include "buffer.h"
#include "errqueue.h"
#include "event.h"
#include "form.h"
#include "key.h"
#include "mtu.h"
#include "rtp.h"
#include "session.h"
#include "socket.h"
#include "stream.h"
#include "tx.h"
#include "verdict.h"
#include "compat/compat.h"

/* most payloads lie behind 12 bytes of RTP: 64 bytes aligned, as ciphers like it */
#define E2EE_TX_HEADROOM	(64 - 12)
#define E2EE_TX_ROOM		(E2EE_TX_HEADROOM + E2EE_TAG_LEN)
#define E2EE_TX_MTU_MIN		1280	/* no path is narrower; RFC 8200 */

static_assert(E2EE_TX_HEADROOM >= 1 + E2EE_SFRAME_HEADER_MAX);
static_assert(1 + E2EE_SFRAME_HEADER_MAX + E2EE_TAG_LEN == E2EE_OVERHEAD_MAX);

/**
 * struct e2ee_tx_packet - one packet of a send
 * @mem: buffer; the packet as it came, name.len bytes, lies behind
 *	E2EE_TX_HEADROOM
 * @vec: what goes out
 * @verdict: enum e2ee_stat
 * @err: 0: goes out; else why it was refused, for the flag tx-errors
 * @name: for the verdict
 */
struct e2ee_tx_packet {
	u8 *mem;
	struct kvec vec;
	enum e2ee_stat verdict;
	int err;
	struct e2ee_packet name;
};

/**
 * struct e2ee_tx - one send
 * @sk: the socket
 * @socket: our part of it
 * @session: what @socket was bound to when the send began; the caller has a
 *	reference
 * @msg: the caller's message; its iterator moves only on success
 * @len: its length, bytes
 * @gso: UDP_SEGMENT in force, bytes; 0: one packet
 * @max: the most that UDP carries, bytes
 * @num: packets
 * @packets: the packets
 * @one: where they are if there is only one
 */
struct e2ee_tx {
	struct sock *sk;
	struct e2ee_socket *socket;
	struct e2ee_session *session;
	struct msghdr *msg;
	size_t len;
	u32 gso;
	u32 max;
	u32 num;
	struct e2ee_tx_packet *packets;
	struct e2ee_tx_packet one;
};

static bool e2ee_tx_is_ipv4(const struct sock *sk, const struct msghdr *msg)
{
	const struct sockaddr_in6 *to = msg->msg_name;

	if (sk->sk_family == AF_INET)
		return true;
	if (!to || msg->msg_namelen < SIN6_LEN_RFC2133)
		return to ? to->sin6_family == AF_INET :
			    ipv6_addr_v4mapped(e2ee_compat_remote6(sk));
	return to->sin6_family == AF_INET ||
	       ipv6_addr_v4mapped(&to->sin6_addr);
}

/* the last one counts, as in udp_cmsg_send() */
static u32 e2ee_tx_gso(const struct sock *sk, struct msghdr *msg)
{
	u32 gso = READ_ONCE(udp_sk(sk)->gso_size);
	struct cmsghdr *cmsg;

	if (!msg->msg_controllen)
		return gso;
	for_each_cmsghdr(cmsg, msg) {
		/* UDP refuses it; its length may lead nowhere, or back here */
		if (!CMSG_OK(msg, cmsg))
			break;
		if (cmsg->cmsg_level == SOL_UDP &&
		    cmsg->cmsg_type == UDP_SEGMENT &&
		    cmsg->cmsg_len == CMSG_LEN(sizeof(u16)))
			gso = *(u16 *)CMSG_DATA(cmsg);
	}
	return gso;
}

static void e2ee_tx_free(struct e2ee_tx *tx)
{
	u32 i;

	for (i = 0; i < tx->num; i++)
		e2ee_buffer_put(tx->packets[i].mem,
				tx->packets[i].name.len + E2EE_TX_ROOM);
	if (tx->packets != &tx->one)
		kfree(tx->packets);
}

static int e2ee_tx_copy(struct e2ee_tx *tx)
{
	struct iov_iter iter = tx->msg->msg_iter;
	struct e2ee_tx_packet *packet;
	size_t left = tx->len, len;

	for (packet = tx->packets; left; packet++, left -= len) {
		len = tx->gso ? min_t(size_t, tx->gso, left) : left;
		packet->name.len = len;
		packet->mem = e2ee_buffer_get(len + E2EE_TX_ROOM,
					      tx->sk->sk_allocation |
					      __GFP_NOWARN);
		if (!packet->mem)
			return -ENOBUFS;
		packet->vec.iov_base = packet->mem + E2EE_TX_HEADROOM;
		packet->vec.iov_len = len;
		if (!copy_from_iter_full(packet->vec.iov_base, len, &iter))
			return -EFAULT;
	}
	return 0;
}

/* rows of the design's table: what a policy makes of what was found */

static void __cold e2ee_tx_refuse(struct e2ee_tx_packet *packet,
				  enum e2ee_stat verdict, int err)
{
	packet->verdict = verdict;
	packet->err = err;
}

/* media that cannot be sealed */
static void __cold e2ee_tx_unsealed(struct e2ee_tx_packet *packet, u32 policy,
				    enum e2ee_stat verdict, int err)
{
	if (policy == E2EE_POLICY_OPTIONAL)
		packet->verdict = E2EE_A_STAT_TX_CLEAR;
	else
		e2ee_tx_refuse(packet, verdict, err);
}

/* what is no RTP that could be sealed */
static void __cold e2ee_tx_malformed(struct e2ee_tx_packet *packet, u32 policy)
{
	if (policy == E2EE_POLICY_BLOCKED)
		e2ee_tx_refuse(packet, E2EE_A_STAT_TX_BLOCKED, -EBADMSG);
	else
		e2ee_tx_unsealed(packet, policy, E2EE_A_STAT_TX_MALFORMED,
				 -EBADMSG);
}

static void __cold e2ee_tx_event(struct e2ee_tx *tx, u32 type, u32 epoch,
				 u32 ssrc)
{
	struct e2ee_event_msg msg = {
		.type = type,
		.given = E2EE_EVENT_HAS_SOCKET | E2EE_EVENT_HAS_DIR,
		.socket = tx->socket->id,
		.dir = E2EE_DIR_TX,
		.ssrc = ssrc,
		.epoch = epoch,
	};

	if (type == E2EE_EVENT_KEY_MISSING)
		msg.given |= E2EE_EVENT_HAS_SSRC | E2EE_EVENT_HAS_EPOCH;
	e2ee_event_send(tx->session->enet, tx->session, &msg);
}

/* RTX keeps its original sequence number clear, RFC 4588, section 4 */
static bool e2ee_tx_skip_osn(const struct e2ee_session *session,
			     struct e2ee_rtp *rtp)
{
	if (!test_bit(rtp->pt, session->rtx_pt))
		return true;
	if (rtp->payload_len < 2)
		return false;
	rtp->payload += 2;
	rtp->payload_len -= 2;
	return true;
}

/**
 * struct e2ee_tx_plan - where everything of a packet to seal goes
 * @aad: additional data and plaintext, in place
 * @aad_len: bytes
 * @len: plaintext, bytes
 * @nonce: of this packet
 */
struct e2ee_tx_plan {
	u8 *aad;
	u32 aad_len;
	u32 len;
	u8 nonce[E2EE_AEAD_NONCE_LEN];
};

/* makes room, writes the front: all but the cipher */
static void e2ee_tx_lay_out(struct e2ee_tx_packet *packet,
			    const struct e2ee_rtp *rtp, struct e2ee_key *key,
			    struct e2ee_tx_plan *plan)
{
	const struct e2ee_form *form = &e2ee_sframe;
	u32 front = form->front_len(packet->name.kid, packet->name.ctr);
	u8 *old = packet->vec.iov_base, *new = old - front;
	u32 behind = rtp->pad_len + rtp->tail_len;
	struct e2ee_sealed sealed;
	u8 *end;

	memmove(new, old, rtp->payload);
	form->front(new + rtp->payload, packet->name.kid, packet->name.ctr,
		    &sealed);
	end = old + rtp->payload + rtp->payload_len;
	if (behind)
		memmove(end + form->tag_len, end, behind);
	e2ee_rtp_mend(new, rtp, front + form->tag_len);
	packet->vec.iov_base = new;
	packet->vec.iov_len += front + form->tag_len;

	plan->aad = new + rtp->payload + sealed.aad;
	plan->aad_len = sealed.aad_len;
	plan->len = rtp->payload_len;
	form->nonce(plan->nonce, key->salt, packet->name.ctr);
}

/* in an RCU section; an asynchronous driver leaves it to wait */
static int e2ee_tx_encrypt(struct e2ee_key *key,
			   const struct e2ee_tx_plan *plan)
{
	int err;

	if (!key->aead.async)
		return e2ee_aead_seal(&key->aead, plan->aad, plan->aad_len,
				      plan->len, plan->nonce);
	if (!e2ee_key_get(key))
		return -ENOKEY;
	rcu_read_unlock();
	err = e2ee_aead_seal_wait(&key->aead, plan->aad, plan->aad_len,
				  plan->len, plan->nonce);
	rcu_read_lock();
	e2ee_key_put(key);
	return err;
}

/* -ENOKEY where this epoch has no key, else 0: there is a verdict */
static int e2ee_tx_seal_in(struct e2ee_tx *tx, struct e2ee_tx_packet *packet,
			   u32 epoch, struct e2ee_rtp *rtp)
{
	const struct e2ee_form *form = &e2ee_sframe;
	struct e2ee_tx_plan plan;
	struct e2ee_key *key;
	int err;

	key = e2ee_stream_key(tx->session, epoch, rtp->ssrc);
	if (!key)
		return -ENOKEY;
	e2ee_aead_prefetch(&key->aead);
	/* as long as it may get: whether a CTR is spent must not depend on it */
	packet->name.kid = key->id.kid;
	packet->name.ctr = atomic64_read(&key->ctr);
	if (packet->vec.iov_len + form->tag_len +
	    form->front_len(packet->name.kid, packet->name.ctr) > tx->max) {
		e2ee_tx_refuse(packet, E2EE_A_STAT_TX_TOO_BIG, -EMSGSIZE);
		return 0;
	}
	err = e2ee_stream_next_ctr(key, rtp->ssrc, &packet->name.ctr);
	if (err == -ENOKEY)
		return err;
	if (err) {
		e2ee_tx_refuse(packet, E2EE_A_STAT_TX_KEY_EXPIRED, err);
		return 0;
	}
	e2ee_tx_lay_out(packet, rtp, key, &plan);
	if (packet->vec.iov_len > tx->max) {	/* the CTR grew a byte */
		e2ee_tx_refuse(packet, E2EE_A_STAT_TX_TOO_BIG, -EMSGSIZE);
		return 0;
	}
	err = e2ee_tx_encrypt(key, &plan);
	if (err) {
		e2ee_tx_refuse(packet, E2EE_A_STAT_TX_FAILED,
			       err == -ENOMEM ? -ENOBUFS : -EIO);
		return 0;
	}
	packet->verdict = E2EE_A_STAT_TX_OK;
	return 0;
}

static void e2ee_tx_seal(struct e2ee_tx *tx, struct e2ee_tx_packet *packet,
			 u32 policy, struct e2ee_rtp *rtp)
{
	struct e2ee_session *session = tx->session;
	u32 epoch;
	int err;

	packet->name.ssrc = rtp->ssrc;
	/* the epoch may change under us, and the old one's keys be deleted then */
	do {
		epoch = READ_ONCE(session->epoch);
		err = e2ee_tx_seal_in(tx, packet, epoch, rtp);
		/* pairs with the locks between a new epoch and the deletion */
		smp_rmb();
	} while (err && epoch != READ_ONCE(session->epoch));
	if (!err)
		return;
	/* it may be blocked by now, and have lost its keys by that */
	if (policy == E2EE_POLICY_OPTIONAL)
		policy = READ_ONCE(session->policy);
	e2ee_tx_unsealed(packet, policy, E2EE_A_STAT_TX_NO_KEY, err);
	/* sent in clear or not: whoever has keys wants to know */
	e2ee_tx_event(tx, E2EE_EVENT_KEY_MISSING, epoch, rtp->ssrc);
}

static void e2ee_tx_media(struct e2ee_tx *tx, struct e2ee_tx_packet *packet,
			  u32 policy, struct e2ee_rtp *rtp)
{
	if (!e2ee_tx_skip_osn(tx->session, rtp))
		e2ee_tx_malformed(packet, policy);
	else if (!rtp->payload_len)	/* RTX without an original */
		packet->verdict = E2EE_A_STAT_TX_OTHER;
	else if (policy == E2EE_POLICY_BLOCKED)
		e2ee_tx_refuse(packet, E2EE_A_STAT_TX_BLOCKED, -EPERM);
	else
		e2ee_tx_seal(tx, packet, policy, rtp);
}

/* an engine that protects its packets itself: we would break them */
static void __cold e2ee_tx_srtp(struct e2ee_tx *tx,
				struct e2ee_tx_packet *packet, u32 policy)
{
	if (policy == E2EE_POLICY_BLOCKED) {
		e2ee_tx_refuse(packet, E2EE_A_STAT_TX_BLOCKED, -EPROTO);
		return;
	}
	e2ee_tx_event(tx, E2EE_EVENT_SRTP_SEEN, 0, 0);
	packet->verdict = E2EE_A_STAT_TX_SRTP;
	packet->err = policy == E2EE_POLICY_OPTIONAL ? 0 : -EPROTO;
}

/* what is it, and what does the policy say? in an RCU section */
static void e2ee_tx_judge(struct e2ee_tx *tx, struct e2ee_tx_packet *packet)
{
	u32 policy = READ_ONCE(tx->session->policy);
	struct e2ee_rtp rtp;

	if (policy == E2EE_POLICY_OFF) {
		packet->verdict = E2EE_A_STAT_TX_OFF;
		return;
	}
	switch (e2ee_rtp_parse(packet->vec.iov_base, packet->vec.iov_len,
			       &rtp)) {
	case E2EE_RTP_EMPTY:
	case E2EE_RTP_STUN:
	case E2EE_RTP_DTLS:
	case E2EE_RTP_ZRTP:
	case E2EE_RTP_RTCP:
	case E2EE_RTP_BARE:
		packet->verdict = E2EE_A_STAT_TX_OTHER;
		return;
	case E2EE_RTP_DTLS_SRTP:
		e2ee_tx_srtp(tx, packet, policy);
		return;
	case E2EE_RTP_MEDIA:
		e2ee_tx_media(tx, packet, policy, &rtp);
		return;
	case E2EE_RTP_DISGUISED:
		break;
	}
	e2ee_tx_malformed(packet, policy);
}

/* Seal all; the first that is refused stands for all. 0 or its errno. */
static int e2ee_tx_judge_all(struct e2ee_tx *tx, enum e2ee_stat *verdict)
{
	int err = 0;
	u32 i;

	for (i = 0; i < tx->num && !err; i++) {
		rcu_read_lock();
		e2ee_tx_judge(tx, &tx->packets[i]);
		rcu_read_unlock();
		err = tx->packets[i].err;
		*verdict = tx->packets[i].verdict;
	}
	return err;
}

static bool __cold e2ee_tx_wants_errors(struct e2ee_tx *tx)
{
	return READ_ONCE(tx->session->flags) & E2EE_SESSION_F_TX_ERRORS;
}

static void e2ee_tx_count(struct e2ee_tx *tx, struct e2ee_tx_packet *packet,
			  enum e2ee_stat verdict)
{
	e2ee_verdict(tx->socket, tx->session, verdict, &packet->name);
}

/* without memory for them all there is but their number */
static void __cold e2ee_tx_count_all(struct e2ee_tx *tx, enum e2ee_stat verdict)
{
	u32 i;

	for (i = 0; i < tx->num; i++)
		e2ee_tx_count(tx, tx->packets ? &tx->packets[i] : &tx->one,
			      verdict);
}

/* sealing made it larger than the path carries in one piece */
static void e2ee_tx_note_frag(struct e2ee_tx *tx,
			      const struct e2ee_tx_packet *packet)
{
	u32 len = packet->vec.iov_len + sizeof(struct udphdr);
	bool ipv4;
	u32 mtu;

	if (len + sizeof(struct ipv6hdr) <= E2EE_TX_MTU_MIN)
		return;
	ipv4 = e2ee_tx_is_ipv4(tx->sk, tx->msg);
	len += ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	mtu = e2ee_mtu_of(&tx->socket->mtu, tx->sk, tx->msg, ipv4);
	if (mtu && len > mtu)
		e2ee_note(tx->socket, tx->session, E2EE_A_STAT_TX_FRAG);
}

/*
 * Where the next control message would begin, bytes. What is too short for one
 * behind the last is none, and ours would make it one.
 */
static size_t e2ee_tx_control_end(struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t end = 0;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))	/* UDP refuses it all */
			return CMSG_ALIGN(msg->msg_controllen);
		end = (char *)cmsg - (char *)msg->msg_control +
		      CMSG_ALIGN(cmsg->cmsg_len);
	}
	return end;
}

/* the caller's control messages with UDP_SEGMENT behind them: last one wins */
static void *e2ee_tx_control(const struct e2ee_tx *tx, struct msghdr *msg,
			     u16 **gso)
{
	size_t at = e2ee_tx_control_end(tx->msg);
	size_t old = min_t(size_t, tx->msg->msg_controllen, at);
	struct cmsghdr *cmsg;
	void *control;

	control = kzalloc(at + CMSG_SPACE(sizeof(u16)), tx->sk->sk_allocation);
	if (!control)
		return NULL;
	if (old)
		memcpy(control, tx->msg->msg_control, old);
	cmsg = control + at;
	cmsg->cmsg_len = CMSG_LEN(sizeof(u16));
	cmsg->cmsg_level = SOL_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	*gso = (u16 *)CMSG_DATA(cmsg);
	msg->msg_control = control;
	msg->msg_controllen = at + CMSG_SPACE(sizeof(u16));
	return control;
}

/* the socket's own protocol */
static int e2ee_tx_call(struct e2ee_tx *tx, struct msghdr *msg, size_t len)
{
	int ret;

	e2ee_hook(E2EE_DIR_TX, false);
	ret = tx->socket->orig->sendmsg(tx->sk, msg, len);
	e2ee_hook(E2EE_DIR_TX, true);
	return ret;
}

/* the message itself, no copy: only where the policy lets all of it pass */
static int __cold e2ee_tx_pass(struct e2ee_tx *tx)
{
	struct msghdr msg = *tx->msg;
	int ret;

	ret = e2ee_tx_call(tx, &msg, tx->len);
	e2ee_tx_count_all(tx, ret < 0 ? E2EE_A_STAT_TX_FAILED :
					E2EE_A_STAT_TX_OFF);
	return ret;
}

/* All packets of the send have one fate. Bytes, or an errno. */
static int __cold e2ee_tx_no_memory(struct e2ee_tx *tx)
{
	switch (READ_ONCE(tx->session->policy)) {
	case E2EE_POLICY_OFF:
		return e2ee_tx_pass(tx);
	case E2EE_POLICY_BLOCKED:
		e2ee_tx_count_all(tx, E2EE_A_STAT_TX_BLOCKED);
		return e2ee_tx_wants_errors(tx) ? -EPERM : tx->len;
	}
	e2ee_tx_count_all(tx, E2EE_A_STAT_TX_FAILED);
	return -ENOBUFS;
}

static int e2ee_tx_send(struct e2ee_tx *tx, struct msghdr *msg,
			struct kvec *vec, u32 num, size_t len)
{
	int ret;

	iov_iter_kvec(&msg->msg_iter, ITER_SOURCE, vec, num, len);
	ret = e2ee_tx_call(tx, msg, len);
	if (ret >= 0)
		return 0;
	if (ret == -EMSGSIZE)
		e2ee_errqueue_lower(tx->sk);
	return ret;
}

/* how many packets from the first on may leave as one GSO send? */
static u32 e2ee_tx_group(const struct e2ee_tx *tx, u32 first, size_t *len)
{
	size_t size = tx->packets[first].vec.iov_len, next;
	u32 num = 1;

	*len = size;
	while (first + num < tx->num && num < UDP_MAX_SEGMENTS) {
		next = tx->packets[first + num].vec.iov_len;
		if (next > size || *len + next > tx->max)
			break;
		*len += next;
		num++;
		if (next < size)	/* only the last may be shorter */
			break;
	}
	return num;
}

static void e2ee_tx_sent(struct e2ee_tx *tx, u32 first, u32 num)
{
	struct e2ee_tx_packet *packet;

	for (packet = tx->packets + first; num--; packet++) {
		if (packet->verdict == E2EE_A_STAT_TX_OK)
			e2ee_tx_note_frag(tx, packet);
		e2ee_tx_count(tx, packet, packet->verdict);
	}
}

/*
 * A group leaves whole or, where sealing made its packets too wide for GSO on
 * this path, one by one, to be fragmented. @sent is told how many packets left.
 */
static int e2ee_tx_send_group(struct e2ee_tx *tx, struct msghdr *msg,
			      struct kvec *vec, u16 *gso, u32 num, size_t len,
			      u32 *sent)
{
	int err;

	*gso = num > 1 ? vec->iov_len : 0;
	err = e2ee_tx_send(tx, msg, vec, num, len);
	*sent = err ? 0 : num;
	if (!err || num == 1 || vec->iov_len <= tx->gso ||
	    (err != -EINVAL && err != -EMSGSIZE))
		return err;
	*gso = 0;
	for (; *sent < num; ++*sent, vec++) {
		err = e2ee_tx_send(tx, msg, vec, 1, vec->iov_len);
		if (err)
			break;
	}
	return err;
}

/*
 * The first failure ends the burst. Bytes that left, as the caller has them, or
 * an errno where none did.
 */
static int e2ee_tx_send_groups(struct e2ee_tx *tx, struct msghdr *msg,
			       struct kvec *vec, u16 *gso)
{
	u32 i, num, sent;
	int err = 0;
	size_t len;

	for (i = 0; i < tx->num && !err; i += sent) {
		num = e2ee_tx_group(tx, i, &len);
		err = e2ee_tx_send_group(tx, msg, vec + i, gso, num, len,
					 &sent);
		e2ee_tx_sent(tx, i, sent);
	}
	for (num = i; num < tx->num; num++)
		e2ee_tx_count(tx, &tx->packets[num], E2EE_A_STAT_TX_FAILED);
	return i ? min_t(size_t, (size_t)i * tx->gso, tx->len) : err;
}

static noinline int e2ee_tx_send_burst(struct e2ee_tx *tx, struct msghdr *msg)
{
	struct kvec *vec;
	void *control;
	u16 *gso;
	int ret;
	u32 i;

	vec = kmalloc_array(tx->num, sizeof(*vec), tx->sk->sk_allocation);
	control = e2ee_tx_control(tx, msg, &gso);
	if (vec && control) {
		for (i = 0; i < tx->num; i++)
			vec[i] = tx->packets[i].vec;
		ret = e2ee_tx_send_groups(tx, msg, vec, gso);
	} else {
		ret = e2ee_tx_no_memory(tx);
	}
	kfree(control);
	kfree(vec);
	return ret;
}

static int e2ee_tx_send_all(struct e2ee_tx *tx)
{
	struct msghdr msg = *tx->msg;
	int err;

	/* the pages and the completion belong to the caller's memory */
	msg.msg_flags &= ~(MSG_ZEROCOPY | MSG_SPLICE_PAGES);
	msg.msg_ubuf = NULL;
	msg.sg_from_iter = NULL;
	if (tx->gso)
		return e2ee_tx_send_burst(tx, &msg);
	err = e2ee_tx_send(tx, &msg, &tx->packets->vec, 1,
			   tx->packets->vec.iov_len);
	if (err) {
		e2ee_tx_count(tx, tx->packets, E2EE_A_STAT_TX_FAILED);
		return err;
	}
	e2ee_tx_sent(tx, 0, 1);
	return tx->len;
}

static int e2ee_tx_run(struct e2ee_tx *tx)
{
	enum e2ee_stat verdict = E2EE_A_STAT_TX_FAILED;
	int ret;

	ret = e2ee_tx_copy(tx);
	if (ret == -EFAULT)
		return ret;	/* there is no packet */
	if (ret)
		return e2ee_tx_no_memory(tx);
	ret = e2ee_tx_judge_all(tx, &verdict);
	if (!ret)
		return e2ee_tx_send_all(tx);
	e2ee_tx_count_all(tx, verdict);
	/* too big is an error of the call, as without us */
	if (ret != -EMSGSIZE && ret != -ENOBUFS && ret != -EIO &&
	    !e2ee_tx_wants_errors(tx))
		ret = tx->len;
	return ret;
}

/* 0, or what the send returns */
static int e2ee_tx_packets_new(struct e2ee_tx *tx)
{
	tx->num = 1;
	tx->packets = &tx->one;
	if (!tx->gso)
		return 0;
	if (DIV_ROUND_UP(tx->len, tx->gso) > UDP_MAX_SEGMENTS)
		return -EINVAL;
	tx->num = DIV_ROUND_UP(tx->len, tx->gso);
	tx->packets = kcalloc(tx->num, sizeof(*tx->packets),
			      tx->sk->sk_allocation);
	return tx->packets ? 0 : e2ee_tx_no_memory(tx);
}

static int __cold e2ee_tx_send_empty(struct e2ee_tx *tx)
{
	int ret;

	ret = e2ee_tx_call(tx, tx->msg, 0);
	if (ret) {
		e2ee_tx_count(tx, &tx->one, E2EE_A_STAT_TX_FAILED);
		return ret;
	}
	rcu_read_lock();
	e2ee_tx_judge(tx, &tx->one);
	rcu_read_unlock();
	e2ee_tx_count(tx, &tx->one, tx->one.verdict);
	return 0;
}

/*
 * UDP has no length for it: refuses it, and tells how. It is asked with zeros
 * unless the policy is off: where the peer changes meanwhile, it may have one.
 */
static int __cold e2ee_tx_too_long(struct e2ee_tx *tx)
{
	struct kvec zeros[DIV_ROUND_UP(U16_MAX, PAGE_SIZE)];
	struct msghdr msg = *tx->msg;
	size_t len = min_t(size_t, tx->len, U16_MAX);
	u32 policy = READ_ONCE(tx->session->policy);
	int i, ret;

	tx->num = 1;
	if (policy == E2EE_POLICY_OFF)
		return e2ee_tx_pass(tx);
	e2ee_tx_count_all(tx, policy == E2EE_POLICY_BLOCKED ?
			      E2EE_A_STAT_TX_BLOCKED : E2EE_A_STAT_TX_TOO_BIG);
	for (i = 0; i < ARRAY_SIZE(zeros); i++) {
		zeros[i].iov_base = page_address(ZERO_PAGE(0));
		zeros[i].iov_len = PAGE_SIZE;
	}
	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, zeros, ARRAY_SIZE(zeros),
		      len);
	ret = e2ee_tx_call(tx, &msg, tx->len);
	e2ee_errqueue_lower(tx->sk);
	return ret < 0 ? ret : -EMSGSIZE;
}

/**
 * e2ee_tx_sendmsg_now() - e2ee_tx_sendmsg() of a bound socket, before packets
 *	that a guard still holds
 * @socket: of the socket that sends
 * @session: whose policy and keys decide; the caller has a reference
 * @msg: as for udp_sendmsg()
 * @len: bytes
 *
 * Context: process, sleeps.
 * Return: as e2ee_tx_sendmsg().
 */
int e2ee_tx_sendmsg_now(struct e2ee_socket *socket,
			struct e2ee_session *session, struct msghdr *msg,
			size_t len)
{
	struct sock *sk = socket->sk;
	struct e2ee_tx tx = {
		.sk = sk,
		.socket = socket,
		.session = session,
		.msg = msg,
		.len = len,
		.gso = e2ee_tx_gso(sk, msg),
		.max = U16_MAX - sizeof(struct udphdr),
	};
	int ret;

	if (!len)
		return e2ee_tx_send_empty(&tx);
	if (e2ee_tx_is_ipv4(sk, msg))
		tx.max -= sizeof(struct iphdr);
	if (len > tx.max)
		ret = e2ee_tx_too_long(&tx);
	else
		ret = e2ee_tx_packets_new(&tx);
	if (!ret) {
		ret = e2ee_tx_run(&tx);
		e2ee_tx_free(&tx);
	}
	if (ret > 0)
		iov_iter_advance(&msg->msg_iter, ret);
	return ret;
}

/**
 * e2ee_tx_sendmsg() - sendmsg() of an attached socket
 * @sk: the socket
 * @msg: as for udp_sendmsg()
 * @len: datagram, or burst of datagrams with UDP_SEGMENT, bytes
 *
 * A packet that is refused is swallowed: the caller gets its length, as UDP
 * may lose packets and engines die of errnos; the session's flag tx-errors
 * changes that.
 *
 * Context: process, sleeps.
 * Return: bytes sent, fewer than @len where the rest of a burst could not be
 * sent; -EMSGSIZE where the sealed datagram would outgrow UDP;
 * -EOPNOTSUPP for MSG_MORE and for MSG_ZEROCOPY with SO_ZEROCOPY; -ENOBUFS
 * without memory, unless the policy is off, which needs none of ours; -EIO;
 * what the socket's own protocol returns.
 */
int e2ee_tx_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct e2ee_socket *socket = e2ee_socket_of(sk) ?: e2ee_socket_find(sk);
	struct e2ee_session *session;
	int ret;

	if (unlikely(!socket))
		return -ESHUTDOWN;
	if (!rcu_access_pointer(socket->session))
		return socket->orig->sendmsg(sk, msg, len);
	/* pending: a call that was under way when the socket was attached */
	if (msg->msg_flags & MSG_MORE || udp_test_bit(CORK, sk) ||
	    READ_ONCE(udp_sk(sk)->pending) ||
	    (msg->msg_flags & MSG_ZEROCOPY && sock_flag(sk, SOCK_ZEROCOPY)))
		return -EOPNOTSUPP;
	/* packets that a guard holds were sent before this one */
	if (unlikely(READ_ONCE(socket->tx_held)) &&
	    wait_event_killable(socket->tx_wait, !READ_ONCE(socket->tx_held)))
		return -EINTR;
	e2ee_hook(E2EE_DIR_TX, true);
	session = e2ee_socket_session_get(socket);
	if (likely(session))
		ret = e2ee_tx_sendmsg_now(socket, session, msg, len);
	else	/* detached while it waited */
		ret = socket->orig->sendmsg(sk, msg, len);
	e2ee_session_put(session);
	e2ee_hook(E2EE_DIR_TX, false);
	return ret;
}
