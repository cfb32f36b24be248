// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: packets of an attached socket are sealed where netfilter first sees
 * them, before anything else does.
 */

/**
 * DOC: one send
 *
 * UDP has made a packet of what the application sent, with a route, an interface
 * and all that the application asked for. We look at it, and seal its payload
 * where it is; only its length and its checksum change besides. A burst
 * (UDP_SEGMENT) comes as one packet for many datagrams (GSO). Its datagrams are
 * copied to new pages while they are sealed, and it stays one packet with larger
 * segments (burst.c).
 *
 * A packet belongs to one session, which is looked up once: policy, keys, errors
 * and verdicts are those of that session.
 */
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/udp.h>
#include "burst.h"
#include "later.h"
#include "net.h"
#include "netfilter.h"
#include "outgoing.h"
#include "seal.h"
#include "session.h"
#include "socket.h"
#include "tx.h"
#include "verdict.h"

/* one piece of memory, all of it ours, with room for what is added */
static bool e2ee_tx_make_room(struct sk_buff *skb)
{
	return (!skb_cloned(skb) && skb_tailroom(skb) >= E2EE_OVERHEAD_MAX) ||
	       !pskb_expand_head(skb, 0, E2EE_OVERHEAD_MAX, GFP_ATOMIC);
}

static enum e2ee_finding e2ee_tx_look_one(struct e2ee_outgoing *out)
{
	struct e2ee_packet *packet = &out->packet;
	struct sk_buff *skb = out->skb;
	enum e2ee_finding found;

	if (skb_linearize(skb))
		return E2EE_FOUND_UNSEEN;
	packet->data = skb->data + out->front;
	found = e2ee_packet_look(packet);
	if (found != E2EE_FOUND_MEDIA || out->policy == E2EE_POLICY_BLOCKED)
		return found;
	if (!e2ee_tx_make_room(skb))
		return E2EE_FOUND_UNSEEN;
	e2ee_outgoing_defer_checksum(out);
	packet->data = skb->data + out->front;
	found = e2ee_outgoing_seal(out);
	if (found != E2EE_FOUND_MEDIA)
		return found;
	__skb_put(skb, packet->len - packet->name.len);
	if (!e2ee_outgoing_may_leave(out, skb->len))
		return E2EE_FOUND_TOO_BIG;
	e2ee_outgoing_lengths(out, skb);
	return found;
}

/* E2EE_FOUND_LATER, or the verdict of netfilter in @verdict */
static enum e2ee_finding e2ee_tx_one(struct e2ee_outgoing *out, unsigned int *verdict)
{
	enum e2ee_finding found = e2ee_tx_look_one(out);
	const struct e2ee_rule *rule;

	if (found == E2EE_FOUND_LATER)
		return found;
	rule = e2ee_outgoing_rule(out, found);
	e2ee_verdict_report(&out->packet, E2EE_DIR_TX, rule);
	e2ee_outgoing_count(out, rule, &out->packet.name);
	*verdict = rule->err ? e2ee_outgoing_refuse(out, rule) : NF_ACCEPT;
	return found;
}

/*
 * Where the cipher may answer late the packet waits, and so do those that come
 * after it.
 */
static unsigned int e2ee_tx_wait(struct e2ee_outgoing *out)
{
	struct e2ee_socket *socket = out->packet.socket;
	struct e2ee_session *session = out->packet.session;

	if (!e2ee_later_add(socket ? &socket->tx_later : &session->enet->later,
			    session, out->skb, out->state, INT_MAX, true))
		return NF_STOLEN;
	return e2ee_outgoing_all(out,
				 e2ee_outgoing_rule(out, E2EE_FOUND_UNSEEN));
}

static unsigned int e2ee_tx_run(struct e2ee_outgoing *out)
{
	struct e2ee_socket *socket = out->packet.socket;
	enum e2ee_finding found;
	unsigned int verdict;

	out->front = skb_transport_offset(out->skb) + sizeof(struct udphdr);
	out->ipv4 = out->state->pf == NFPROTO_IPV4;
	/* of a burst in any case: who cuts it makes the checksums */
	out->pseudo = out->skb->ip_summed == CHECKSUM_PARTIAL ||
		      skb_is_gso(out->skb);
	out->packet.name.len = out->skb->len - out->front;
	out->packet.len = out->packet.name.len;
	out->packet.max = U16_MAX - out->front;
	if (!out->ipv4)		/* its header does not count in its length */
		out->packet.max += sizeof(struct ipv6hdr);
	if (!out->packet.sleeps && socket &&
	    unlikely(READ_ONCE(socket->tx_later.busy)))
		return e2ee_tx_wait(out);
	if (unlikely(out->policy == E2EE_POLICY_OFF))
		return e2ee_outgoing_all(out, e2ee_outgoing_rule(out,
							E2EE_FOUND_OTHER));
	found = skb_is_gso(out->skb) ? e2ee_burst_leave(out, &verdict) :
				      e2ee_tx_one(out, &verdict);
	return found == E2EE_FOUND_LATER ? e2ee_tx_wait(out) : verdict;
}

/**
 * e2ee_tx_packet() - seal, pass or drop a packet that leaves
 * @socket: who sends it; NULL: a socket that is not attached yet
 * @session: whose policy and keys decide
 * @skb: a UDP packet, or a burst of them; data is the network header, and the
 *	transport header is set
 * @state: where netfilter gave it to us
 *
 * A packet that is refused is swallowed: its sender sees success, as UDP may
 * lose packets and engines die of errors. The session's flag tx-errors changes
 * that, and what is an error of the call without us, too, is one in any case:
 * -EMSGSIZE where the sealed datagram does not fit, -ENOBUFS without memory,
 * -EIO where the cipher fails.
 *
 * Context: process, under rcu_read_lock().
 * Return: a verdict of netfilter.
 */
unsigned int e2ee_tx_packet(struct e2ee_socket *socket,
			    struct e2ee_session *session, struct sk_buff *skb,
			    const struct nf_hook_state *state)
{
	struct e2ee_outgoing out = {
		.skb = skb,
		.state = state,
		.packet.session = session,
		.packet.socket = socket,
		.policy = READ_ONCE(session->policy),
	};

	return e2ee_tx_run(&out);
}

/**
 * e2ee_tx_unseen() - a packet of an attached socket that cannot be looked at
 * @socket: who sends it
 * @session: whose policy decides
 * @skb: the packet
 *
 * Context: as e2ee_tx_packet().
 * Return: a verdict of netfilter.
 */
unsigned int __cold e2ee_tx_unseen(struct e2ee_socket *socket,
				   struct e2ee_session *session,
				   struct sk_buff *skb)
{
	struct e2ee_outgoing out = {
		.skb = skb,
		.packet.session = session,
		.packet.socket = socket,
		.packet.name.len = skb->len,
		.policy = READ_ONCE(session->policy),
	};

	return e2ee_outgoing_all(&out,
				 e2ee_outgoing_rule(&out, E2EE_FOUND_UNSEEN));
}

/**
 * e2ee_tx_late() - go on with a packet whose cipher may be waited for
 * @later: where it waited
 * @late: the packet
 *
 * The socket may be detached meanwhile: the packet belongs to the session that it
 * came to. There is nobody to tell an error any more.
 *
 * Context: as e2ee_later_work_t.
 */
void e2ee_tx_late(struct e2ee_later *later, struct e2ee_late *late)
{
	struct e2ee_outgoing out = {
		.skb = late->skb,
		.state = &late->state,
		.packet.session = late->session,
		.packet.socket = later->sk ? e2ee_socket_find(later->sk) : NULL,
		.packet.sleeps = true,
		.policy = READ_ONCE(late->session->policy),
	};
	unsigned int verdict = e2ee_tx_run(&out);

	if (verdict == NF_ACCEPT)
		e2ee_netfilter_go_on(late->skb, &late->state);
	else if ((verdict & NF_VERDICT_MASK) == NF_DROP)
		kfree_skb(late->skb);
}
