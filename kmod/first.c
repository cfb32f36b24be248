// SPDX-License-Identifier: GPL-2.0
/*
 * Received packets for sockets that a guard covers and that are not attached yet.
 */

/**
 * DOC: who may have a socket attached
 *
 * Anybody can send bytes that look like media to any port. So a received packet has
 * a socket attached only if the packet is authentic and no socket of ours has
 * received it before. Any other media is dropped, or passes, as the policy says,
 * and changes nothing but counters. What is no media passes.
 *
 * The packet is opened on a copy and moves no replay window, as the windows belong to
 * attached sockets. It waits until its socket is attached, and is then received
 * like any other (hold.c).
 */
#include <linux/skbuff.h>
#include <linux/slab.h>
#include "datagram.h"
#include "first.h"
#include "packet.h"
#include "seal.h"
#include "session.h"
#include "verdict.h"

static bool e2ee_first_is_media(const u8 *payload, u32 len)
{
	struct e2ee_rtp rtp;

	switch (e2ee_rtp_parse(payload, len, &rtp)) {
	case E2EE_RTP_MEDIA:
	case E2EE_RTP_UNSEALABLE:
		return true;
	default:
		return false;
	}
}

/* E2EE_FOUND_OTHER where it is no media; else its row of the table */
static enum e2ee_finding e2ee_first_find(struct e2ee_packet *packet, u32 policy)
{
	enum e2ee_finding found;

	if (!e2ee_first_is_media(packet->data, packet->len))
		return E2EE_FOUND_OTHER;
	found = e2ee_packet_look(packet);
	if (found == E2EE_FOUND_MEDIA && policy != E2EE_POLICY_BLOCKED)
		found = e2ee_open_try(packet);
	return found;
}

/* the same for @num datagrams that came as one packet */
static enum e2ee_first e2ee_first_settle(const struct e2ee_packet *packet,
					 enum e2ee_finding found, u32 policy,
					 unsigned int num)
{
	const struct e2ee_rule *rule = &e2ee_policy_rx[found][policy];

	if (num)
		e2ee_verdict_report(packet, E2EE_DIR_RX, rule);
	while (num--)
		e2ee_verdict(NULL, packet->session, rule->verdict,
			     &packet->name);
	return rule->err ? E2EE_FIRST_DROPPED : E2EE_FIRST_PASSES;
}

/* looks at one datagram after the other, each on @copy */
static enum e2ee_first e2ee_first_look(struct e2ee_packet *packet,
				       const struct e2ee_datagram *datagram,
				       u8 *copy, u32 policy, bool count)
{
	u32 at, len, end = datagram->payload + datagram->len;
	struct e2ee_packet one, refused = *packet;
	enum e2ee_finding found, why = E2EE_FOUND_OTHER;
	unsigned int num = 0;

	for (at = datagram->payload; at < end; at += len) {
		len = min(datagram->segment, end - at);
		one = *packet;
		one.data = copy;
		one.len = len;
		one.name.len = len;
		found = skb_copy_bits(datagram->skb, at, copy, len) ?
			E2EE_FOUND_UNSEEN : e2ee_first_find(&one, policy);
		if (found == E2EE_FOUND_OTHER)
			continue;
		if (found == E2EE_FOUND_LATER)
			return E2EE_FIRST_LATER;
		if (found == E2EE_FOUND_MEDIA && policy != E2EE_POLICY_BLOCKED)
			return E2EE_FIRST_AUTHENTIC;
		if (!num++) {
			refused = one;
			why = found;
		}
	}
	return num ? e2ee_first_settle(&refused, why, policy, count ? num : 0) :
		     E2EE_FIRST_PASSES;
}

/**
 * e2ee_first_judge() - may a packet have its socket attached?
 * @session: of the guard that covers the socket
 * @datagram: the packet, which stays as it is
 * @sleeps: an asynchronous cipher may be waited for
 * @count: count it if it is dropped or passes
 *
 * Datagrams that came as one (GRO) have one fate: if one of them is authentic, all
 * wait.
 *
 * Context: as e2ee_seal().
 */
enum e2ee_first e2ee_first_judge(struct e2ee_session *session,
				 const struct e2ee_datagram *datagram,
				 bool sleeps, bool count)
{
	struct e2ee_packet packet = {
		.session = session,
		.sleeps = sleeps,
		.name.len = datagram->len,
	};
	u32 policy = READ_ONCE(session->policy);
	enum e2ee_first first;
	u8 *copy;

	if (policy == E2EE_POLICY_OFF)
		return E2EE_FIRST_PASSES;
	copy = kmalloc(datagram->segment, GFP_ATOMIC | __GFP_NOWARN);
	if (!copy)
		return e2ee_first_settle(&packet, E2EE_FOUND_UNSEEN, policy,
					 count);
	first = e2ee_first_look(&packet, datagram, copy, policy, count);
	kfree(copy);
	return first;
}
