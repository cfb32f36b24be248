// SPDX-License-Identifier: GPL-2.0
/*
 * Events: what userland hears over the multicast group, rate limited; and the
 * family of generic netlink that the group belongs to.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <net/genetlink.h>
#include <net/sock.h>
#include "address.h"
#include "event.h"
#include "net.h"
#include "session.h"

/* a session may send this many events about packets at once, ... */
#define EVENT_TOKENS		16
/* ... and gets that many tokens back a second */
#define EVENT_RATE		16
/* wrong tags within a second that make a burst */
#define EVENT_BURST_TAGS	16

static const struct genl_multicast_group e2ee_event_groups[] = {
	{ .name = E2EE_MCGRP_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN },
};

/* netlink.c gives it its commands */
struct genl_family e2ee_genl_family = {
	.name = E2EE_GENL_NAME,
	.version = E2EE_GENL_VERSION,
	/* from here on it would give a command without a policy one of its own */
	.resv_start_op = E2EE_CMD_KEY_NEW + 1,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.mcgrps = e2ee_event_groups,
	.n_mcgrps = ARRAY_SIZE(e2ee_event_groups),
};

/**
 * e2ee_event_session_init() - give a new session a full bucket
 * @session: one that nobody else knows yet; its lock is initialised
 */
void e2ee_event_session_init(struct e2ee_session *session)
{
	session->event_tokens = EVENT_TOKENS;
	session->event_stamp = jiffies;
}

/* Only those that a stranger's packets can bring about are limited */
static bool e2ee_event_is_limited(u32 type)
{
	switch (type) {
	case E2EE_EVENT_KEY_MISSING:
	case E2EE_EVENT_AUTH_BURST:
	case E2EE_EVENT_ATTACH_FAILED:
	case E2EE_EVENT_SRTP_SEEN:
		return true;
	default:
		return false;
	}
}

/*
 * Refills in whole tokens, and lets the stamp follow by just the time that
 * they took, so that no fraction is lost.
 */
static void e2ee_event_refill(struct e2ee_session *session)
{
	unsigned long passed = jiffies - session->event_stamp;
	unsigned long tokens;

	if (passed >= HZ) {
		session->event_tokens = EVENT_TOKENS;
		session->event_stamp = jiffies;
		return;
	}
	tokens = passed * EVENT_RATE / HZ;
	session->event_tokens = min_t(unsigned long, EVENT_TOKENS,
				      session->event_tokens + tokens);
	session->event_stamp += tokens * HZ / EVENT_RATE;
}

/* May this event be sent? If so, @lost are those that were not before it. */
static bool e2ee_event_may_send(struct e2ee_session *session, u32 type,
				u32 *lost)
{
	bool may = true;

	spin_lock_bh(&session->event_lock);
	if (e2ee_event_is_limited(type)) {
		e2ee_event_refill(session);
		if (session->event_tokens)
			session->event_tokens--;
		else
			may = false;
	}
	if (may) {
		*lost = session->event_lost;
		session->event_lost = 0;
	} else {
		session->event_lost++;
	}
	spin_unlock_bh(&session->event_lock);
	return may;
}

static int e2ee_event_put_session(struct sk_buff *skb,
				  const struct e2ee_session *session)
{
	return nla_put_u32(skb, E2EE_A_EVENT_SESSION, session->id) ?:
	       nla_put_string(skb, E2EE_A_EVENT_NAME, session->name);
}

static int e2ee_event_put_u32(struct sk_buff *skb,
			      const struct e2ee_event_msg *msg, u32 given,
			      int attr, u32 value)
{
	return msg->given & given ? nla_put_u32(skb, attr, value) : 0;
}

static int e2ee_event_put_u64(struct sk_buff *skb,
			      const struct e2ee_event_msg *msg, u32 given,
			      int attr, u64 value)
{
	return msg->given & given ?
	       nla_put_u64_64bit(skb, attr, value, E2EE_A_EVENT_PAD) : 0;
}

static int e2ee_event_put(struct sk_buff *skb, const struct e2ee_event_msg *msg)
{
	return nla_put_u32(skb, E2EE_A_EVENT_TYPE, msg->type) ?:
	       e2ee_event_put_u64(skb, msg, E2EE_EVENT_HAS_SOCKET,
				  E2EE_A_EVENT_SOCKET, msg->socket) ?:
	       e2ee_event_put_u32(skb, msg, E2EE_EVENT_HAS_DIR,
				  E2EE_A_EVENT_DIR, msg->dir) ?:
	       e2ee_event_put_u64(skb, msg, E2EE_EVENT_HAS_KID,
				  E2EE_A_EVENT_KID, msg->kid) ?:
	       e2ee_event_put_u32(skb, msg, E2EE_EVENT_HAS_SSRC,
				  E2EE_A_EVENT_SSRC, msg->ssrc) ?:
	       e2ee_event_put_u32(skb, msg, E2EE_EVENT_HAS_EPOCH,
				  E2EE_A_EVENT_EPOCH, msg->epoch) ?:
	       e2ee_event_put_u32(skb, msg, E2EE_EVENT_HAS_ERROR,
				  E2EE_A_EVENT_ERROR, msg->error) ?:
	       e2ee_event_put_u64(skb, msg, E2EE_EVENT_HAS_COUNT,
				  E2EE_A_EVENT_COUNT, msg->count);
}

/* what finds a socket among those that the host shows */
static int e2ee_event_put_sk(struct sk_buff *skb,
			     const struct e2ee_event_msg *msg)
{
	if (!(msg->given & E2EE_EVENT_HAS_SK))
		return 0;
	return e2ee_put_local(skb, E2EE_A_EVENT_LOCAL_ADDR,
			      E2EE_A_EVENT_LOCAL_PORT, msg->sk) ?:
	       nla_put_u64_64bit(skb, E2EE_A_EVENT_INODE, sock_i_ino(msg->sk),
				 E2EE_A_EVENT_PAD);
}

static int e2ee_event_fill(struct sk_buff *skb,
			   const struct e2ee_session *session,
			   const struct e2ee_event_msg *msg, u32 lost)
{
	struct nlattr *nest;
	void *header;

	header = genlmsg_put(skb, 0, 0, &e2ee_genl_family, 0, E2EE_CMD_EVENT);
	if (!header)
		return -EMSGSIZE;
	nest = nla_nest_start(skb, E2EE_A_EVENT);
	if (!nest || e2ee_event_put(skb, msg) || e2ee_event_put_sk(skb, msg) ||
	    (session && e2ee_event_put_session(skb, session)) ||
	    (lost && nla_put_u32(skb, E2EE_A_EVENT_LOST, lost)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	genlmsg_end(skb, header);
	return 0;
}

/**
 * e2ee_event_send() - tell the listeners of the group "events"
 * @enet: whose listeners
 * @session: what it is about; NULL: nothing of this namespace
 * @msg: the event
 *
 * Without listeners nothing happens, and no token is spent. Without memory the
 * event is lost, as userland must expect of any multicast.
 *
 * Context: any but hard interrupt; takes struct e2ee_session.event_lock.
 */
void e2ee_event_send(struct e2ee_net *enet, struct e2ee_session *session,
		     const struct e2ee_event_msg *msg)
{
	struct sk_buff *skb;
	u32 lost = 0;

	if (!genl_has_listeners(&e2ee_genl_family, enet->net, 0))
		return;
	if (session && !e2ee_event_may_send(session, msg->type, &lost))
		return;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	if (!skb)
		return;
	if (e2ee_event_fill(skb, session, msg, lost)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_multicast_netns(&e2ee_genl_family, enet->net, skb, 0, 0,
				GFP_ATOMIC);
}

/**
 * e2ee_event_auth_fail() - count a wrong tag, and tell of bursts
 * @session: where it came in
 * @kid: what the packet claimed to be sealed with
 *
 * A burst lasts a second from its first wrong tag and is told of once, when it
 * reaches 16: single wrong tags are the noise of a network.
 *
 * Context: any but hard interrupt; takes struct e2ee_session.event_lock.
 */
void e2ee_event_auth_fail(struct e2ee_session *session, u64 kid)
{
	struct e2ee_event_msg msg = {
		.type = E2EE_EVENT_AUTH_BURST,
		.given = E2EE_EVENT_HAS_DIR | E2EE_EVENT_HAS_KID |
			 E2EE_EVENT_HAS_COUNT,
		.dir = E2EE_DIR_RX,
		.kid = kid,
		.count = EVENT_BURST_TAGS,
	};
	bool burst;

	spin_lock_bh(&session->event_lock);
	if (!session->auth_count ||
	    time_after_eq(jiffies, session->auth_stamp + HZ)) {
		session->auth_stamp = jiffies;
		session->auth_count = 0;
	}
	burst = ++session->auth_count == EVENT_BURST_TAGS;
	spin_unlock_bh(&session->event_lock);
	if (burst)
		e2ee_event_send(session->enet, session, &msg);
}
