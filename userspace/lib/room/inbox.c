// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What comes in: messages of the others, and whether the broker is there.
 */
#include <errno.h>
#include <string.h>

#include "state.h"

/* the link */

void e2ee_inbox_link_down(struct e2ee_room *room)
{
	if (!room->link)
		return;
	room->link = false;
	room->down_at = room->now;
	e2ee_clock_stop(room, TIMER_LINK);
	e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
}

static void inbox_link_up(struct e2ee_room *room)
{
	room->link = true;
	e2ee_clock_resume(room, room->now - room->down_at);
	e2ee_outbox_kp(room);
	if (room->state == E2EE_ROOM_MEMBER)
		e2ee_member_takeover_timer(room,
					   room->silence ? 0 : TAKEOVER_AFTER);
	else if (room->state == E2EE_ROOM_OWNER)
		e2ee_owner_link(room);
	e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
}

void e2ee_room_link(struct e2ee_room *room, uint64_t now, bool up)
{
	room->now = now;
	if (room->state == E2EE_ROOM_LEFT || room->connected == up)
		return;
	room->connected = up;
	if (up) {
		e2ee_outbox_probe(room);
		e2ee_clock_set(room, TIMER_PROBE, PROBE_EVERY);
	} else {
		e2ee_clock_stop(room, TIMER_PROBE);
		e2ee_inbox_link_down(room);
	}
}

static void inbox_probe(struct e2ee_room *room, const struct e2ee_message *msg)
{
	bool mine = false;

	for (unsigned int i = 0; i < 4 && i < room->probe; i++)
		mine |= !memcmp(room->probes[i], msg->probe.id, E2EE_ID_LEN);
	if (!mine || !room->connected)
		return;
	e2ee_clock_set(room, TIMER_LINK, LINK_SILENCE);
	if (!room->link)
		inbox_link_up(room);
}

/* key packages */

static void inbox_kp_own(struct e2ee_room *room, struct e2ee_message *msg)
{
	const struct e2ee_message *mine = room->kps[0].msg;
	bool same = !memcmp(msg->kp.entry.ik, e2ee_identity_ik(room->identity),
			    E2EE_IK_LEN);

	if (!mine)
		return;
	if (!memcmp(msg->hash, mine->hash, E2EE_HASH_LEN)) {
		if (!room->kp_echo && room->state == E2EE_ROOM_JOIN &&
		    !room->heard_at)
			e2ee_member_create_timer(room, CREATE_AFTER);
		room->kp_echo = room->now ?: 1;
		return;
	}
	if (!memcmp(msg->session, room->session, E2EE_ID_LEN) ||
	    e2ee_message_verify(msg, room->name, msg->kp.entry.ik))
		return;
	if (!same) {
		e2ee_alarm(room, ALARM_TWIN, "",
			   "another device calls itself %s, too: give one of them another name",
			   room->dev);
		return;
	}
	if (msg->kp.seq > mine->kp.seq)
		e2ee_member_out(room, false, E2EE_ROOM_OVER_ELSEWHERE);
	else if (e2ee_clock_may(room, &room->kp_limit, SECOND / 2))
		e2ee_outbox_kp(room);
}

/* M5: my owner started anew, so its old self is silent for good */
static bool inbox_owner_restarted(const struct e2ee_room *room,
				  const struct peer *peer,
				  const struct e2ee_message *before)
{
	const struct e2ee_entry *owner;

	if (room->state != E2EE_ROOM_MEMBER || !before)
		return false;
	owner = e2ee_chain_owner(room->last);
	return !memcmp(owner->ik, peer->ik, E2EE_IK_LEN) &&
	       !memcmp(owner->session, before->session, E2EE_ID_LEN) &&
	       memcmp(owner->session, peer->kp->session, E2EE_ID_LEN) != 0;
}

static void inbox_kp(struct e2ee_room *room, struct e2ee_message *msg)
{
	struct peer *peer = e2ee_peers_find(room, msg->kp.entry.ik);
	struct e2ee_message *before =
		peer && peer->kp ? e2ee_message_get(peer->kp) : NULL;
	int err = e2ee_peers_receive_kp(room, msg, &peer);

	if (err < 0)
		room->stats[err == -EBADMSG ? E2EE_ROOM_DROP_SIGNATURE :
			    err == -ESTALE  ? E2EE_ROOM_DROP_OLD :
					      E2EE_ROOM_DROP_STRANGER]++;
	if (err == 1 && inbox_owner_restarted(room, peer, before))
		e2ee_member_silence(room);
	if (err == 1 &&
	    (room->state == E2EE_ROOM_OWNER ||
	     (room->state == E2EE_ROOM_JOIN && !before)) &&
	    e2ee_clock_may(room, &room->kp_limit, SECOND / 2))
		e2ee_outbox_kp(room);
	if (err == 1 && room->state == E2EE_ROOM_OWNER)
		e2ee_heartbeat_soon(room);
	e2ee_message_put(before);
}

/* Zero-length: a hint that somebody is gone */
static void inbox_kp_empty(struct e2ee_room *room, const char *dev)
{
	if (!strcmp(dev, room->dev)) {
		e2ee_alarm_end(room, ALARM_TWIN, NULL);
		if (e2ee_clock_may(room, &room->kp_limit, SECOND / 2))
			e2ee_outbox_kp(room);
		return;
	}
	for (size_t i = 0; i < room->peer_count; i++) {
		struct peer *peer = &room->peers[i];

		if (strcmp(peer->dev, dev) != 0 || peer->gone_at != NEVER)
			continue;
		peer->gone_at = room->now;
		peer->join = false;
		if (room->state == E2EE_ROOM_OWNER)
			e2ee_heartbeat_poll(room, peer);
	}
}

/* heartbeats */

static void inbox_hb_in_join(struct e2ee_room *room, struct e2ee_message *msg)
{
	/* on the way to the call that my owner named: others only if it fails */
	if (room->has_target && memcmp(room->target, msg->call, E2EE_ID_LEN) != 0 &&
	    room->now - room->join_since < TAKEOVER_AFTER)
		return;
	room->heard_at = room->now ?: 1;
	e2ee_member_create_timer(room, TAKEOVER_AFTER);
	e2ee_member_join_there(room, msg);
}

static void inbox_hb_heard(struct e2ee_room *room, struct e2ee_message *msg)
{
	struct e2ee_msg_req req = { .what = E2EE_REQ_RESYNC };

	if (room->state == E2EE_ROOM_JOIN) {
		inbox_hb_in_join(room, msg);
		return;
	}
	if (room->state == E2EE_ROOM_OWNER) {
		if (e2ee_clock_may(room, &room->other_limit, 5 * SECOND))
			e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, room->last,
					    true);
		return;
	}
	if (memcmp(room->last->call, msg->call, E2EE_ID_LEN) != 0 ||
	    !e2ee_clock_may(room, &room->other_limit, 5 * SECOND))
		return;
	req.t = room->last->hash;
	e2ee_outbox_req(room, msg->call, &req);
}

/* A heartbeat of a chain that is not mine (section 6) */
static void inbox_hb_other(struct e2ee_room *room, struct e2ee_message *msg)
{
	struct peer *peer =
		e2ee_peers_find_session(room, msg->dev, msg->session);
	bool same_call;

	if (!peer || e2ee_idset_has(&room->bans, peer->ik) ||
	    !e2ee_peers_trusted(room, peer->dev, peer->ik)) {
		room->stats[E2EE_ROOM_DROP_STRANGER]++;
		return;
	}
	same_call = !memcmp(peer->hb_call, msg->call, E2EE_ID_LEN);
	if (peer->hb && same_call && msg->hb.n < peer->hb_n) {
		room->stats[E2EE_ROOM_DROP_OLD]++;
		return;
	}
	if (e2ee_message_verify(msg, room->name, peer->ik)) {
		room->stats[E2EE_ROOM_DROP_SIGNATURE]++;
		return;
	}
	memcpy(peer->hb_call, msg->call, E2EE_ID_LEN);
	peer->hb_n = msg->hb.n + 1;
	e2ee_message_keep(&peer->hb, msg);
	peer->hb_at = room->now;
	inbox_hb_heard(room, msg);
}

/* HANDOVER comes on the same topic, from my owner only */
static bool inbox_is_my_owner(const struct e2ee_room *room,
			      const struct e2ee_message *msg)
{
	const struct e2ee_entry *owner;

	if (room->state != E2EE_ROOM_MEMBER ||
	    memcmp(room->last->call, msg->call, E2EE_ID_LEN) != 0)
		return false;
	owner = e2ee_chain_owner(room->last);
	return !strcmp(owner->dev, msg->dev) &&
	       !memcmp(owner->session, msg->session, E2EE_ID_LEN);
}

static void inbox_hb(struct e2ee_room *room, struct e2ee_message *msg)
{
	struct peer *peer;

	if (!inbox_is_my_owner(room, msg)) {
		inbox_hb_other(room, msg);
		return;
	}
	peer = e2ee_peers_find(room, e2ee_chain_owner(room->last)->ik);
	if (!peer)
		return;
	if (msg->hb.n < room->hb_n) {
		room->stats[E2EE_ROOM_DROP_OLD]++;
		return;
	}
	if (e2ee_message_verify(msg, room->name,
				e2ee_chain_owner(room->last)->ik)) {
		room->stats[E2EE_ROOM_DROP_SIGNATURE]++;
		return;
	}
	e2ee_message_keep(&peer->hb, msg);
	e2ee_member_hb(room, msg);
}

static void inbox_handover(struct e2ee_room *room, struct e2ee_message *msg)
{
	const uint8_t *me = e2ee_identity_ik(room->identity);
	const struct e2ee_msg_handover *handover = &msg->handover;
	bool mine;

	if (memcmp(handover->to_call, room->last->call, E2EE_ID_LEN) != 0) {
		e2ee_member_join(room);
		room->has_target = true;
		memcpy(room->target, handover->to_call, E2EE_ID_LEN);
		return;
	}
	room->handed = true;
	room->owner_leaves = handover->leaving;
	memcpy(room->handed_to, handover->to, E2EE_IK_LEN);
	mine = !memcmp(handover->to, me, E2EE_IK_LEN);
	if (mine && !memcmp(handover->t, room->last->hash, E2EE_HASH_LEN))
		e2ee_owner_take_over(room);
	else if (!mine && room->candidate)
		e2ee_inbox_judge(room, room->candidate);
}

/* messages of the roster */

static uint64_t inbox_counter(const struct e2ee_message *msg)
{
	switch (msg->type) {
	case E2EE_MSG_ACK:
		return msg->ack.counter;
	case E2EE_MSG_HANDOVER:
		return msg->handover.counter;
	case E2EE_MSG_LEAVE:
		return msg->leave.counter;
	case E2EE_MSG_REQ:
		return msg->req.counter;
	default:
		return msg->sas.counter;
	}
}

/*
 * Who may say this: the roster. To be let in, or to be told that it is not in
 * the roster any more, may ask who has a key package.
 */
static struct peer *inbox_sender(struct e2ee_room *room,
				 const struct e2ee_message *msg)
{
	bool asks = msg->type == E2EE_MSG_REQ &&
		    (msg->req.what == E2EE_REQ_JOIN ||
		     msg->req.what == E2EE_REQ_RESYNC);
	const struct e2ee_entry *entry;
	struct peer *peer = NULL;

	if (!room->last || memcmp(room->last->call, msg->call, E2EE_ID_LEN) != 0)
		return NULL;
	entry = e2ee_chain_find_dev(room->last, msg->dev);
	if (entry && !memcmp(entry->session, msg->session, E2EE_ID_LEN))
		peer = e2ee_peers_find(room, entry->ik);
	if (!peer && asks)
		peer = e2ee_peers_find_session(room, msg->dev, msg->session);
	return peer && !e2ee_idset_has(&room->bans, peer->ik) ? peer : NULL;
}

static struct peer *inbox_authentic(struct e2ee_room *room,
				    const struct e2ee_message *msg)
{
	struct peer *peer = inbox_sender(room, msg);

	if (!peer) {
		room->stats[E2EE_ROOM_DROP_STRANGER]++;
		return NULL;
	}
	if (e2ee_message_verify(msg, room->name, peer->ik)) {
		room->stats[E2EE_ROOM_DROP_SIGNATURE]++;
		return NULL;
	}
	if (!e2ee_peers_count(peer, msg->session, msg->type,
			      inbox_counter(msg))) {
		room->stats[E2EE_ROOM_DROP_OLD]++;
		return NULL;
	}
	return peer;
}

/* Is anything to be done with it in my state? If not, no signature is checked */
static bool inbox_minds(const struct e2ee_room *room,
			const struct e2ee_message *msg)
{
	bool owner = room->state == E2EE_ROOM_OWNER;

	switch (msg->type) {
	case E2EE_MSG_ACK:
	case E2EE_MSG_REQ:
		return owner;
	case E2EE_MSG_HANDOVER:
		return inbox_is_my_owner(room, msg);
	default:
		return owner || room->state == E2EE_ROOM_MEMBER;
	}
}

static void inbox_roster_message(struct e2ee_room *room,
				 struct e2ee_message *msg)
{
	struct peer *peer;

	if (!inbox_minds(room, msg))
		return;
	peer = inbox_authentic(room, msg);
	if (!peer)
		return;
	if (msg->type == E2EE_MSG_HANDOVER)
		inbox_handover(room, msg);
	else if (msg->type == E2EE_MSG_SAS_COMMIT ||
		 msg->type == E2EE_MSG_SAS_REVEAL)
		e2ee_verify_receive(room, msg);
	else if (msg->type == E2EE_MSG_ACK)
		e2ee_owner_ack(room, msg, peer);
	else if (room->state == E2EE_ROOM_OWNER)
		e2ee_owner_req(room, msg, peer);
	else
		e2ee_idset_add(&room->leavers, peer->ik);
}

/* what comes in */

static bool inbox_topic_fits(const struct e2ee_room_packet *packet,
			     const struct e2ee_message *msg)
{
	static const uint32_t types[E2EE_TOPICS] = {
		[E2EE_TOPIC_KP] = 1u << E2EE_MSG_KP,
		[E2EE_TOPIC_EPOCH] = 1u << E2EE_MSG_EPOCH,
		[E2EE_TOPIC_HB] = 1u << E2EE_MSG_HB | 1u << E2EE_MSG_HANDOVER,
		[E2EE_TOPIC_ACK] = 1u << E2EE_MSG_ACK,
		[E2EE_TOPIC_REQ] = 1u << E2EE_MSG_REQ | 1u << E2EE_MSG_LEAVE,
		[E2EE_TOPIC_SAS] = 1u << E2EE_MSG_SAS_COMMIT |
				   1u << E2EE_MSG_SAS_REVEAL,
		[E2EE_TOPIC_PROBE] = 1u << E2EE_MSG_PROBE,
	};

	return types[packet->topic] & 1u << msg->type &&
	       (!packet->dev || !strcmp(packet->dev, msg->dev));
}

static void inbox_message(struct e2ee_room *room, struct e2ee_message *msg)
{
	bool own = !strcmp(msg->dev, room->dev) &&
		   !memcmp(msg->session, room->session, E2EE_ID_LEN);

	switch (msg->type) {
	case E2EE_MSG_PROBE:
		if (own)
			inbox_probe(room, msg);
		break;
	case E2EE_MSG_KP:
		if (!strcmp(msg->dev, room->dev))
			inbox_kp_own(room, msg);
		else
			inbox_kp(room, msg);
		break;
	case E2EE_MSG_EPOCH:
		e2ee_inbox_epoch(room, msg);
		break;
	case E2EE_MSG_HB:
		if (!own)
			inbox_hb(room, msg);
		else if (room->state == E2EE_ROOM_OWNER)
			e2ee_heartbeat_echo(room, msg);
		break;
	default:
		if (!own)
			inbox_roster_message(room, msg);
		break;
	}
}

void e2ee_room_receive(struct e2ee_room *room, uint64_t now,
		       const struct e2ee_room_packet *packet)
{
	struct e2ee_message *msg;
	const char *reason;

	room->now = now;
	if (room->state == E2EE_ROOM_LEFT || packet->topic >= E2EE_TOPICS)
		return;
	room->stats[E2EE_ROOM_RECEIVED]++;
	if (!e2ee_peers_rate(room, packet)) {
		room->stats[E2EE_ROOM_DROP_RATE]++;
		return;
	}
	if (!packet->len) {
		if (packet->topic == E2EE_TOPIC_KP && packet->dev)
			inbox_kp_empty(room, packet->dev);
		return;
	}
	switch (e2ee_message_decode(packet->data, packet->len, &msg, &reason)) {
	case 0:
		break;
	case -EMSGSIZE:
		room->stats[E2EE_ROOM_DROP_SIZE]++;
		return;
	default:
		room->stats[E2EE_ROOM_DROP_FORM]++;
		return;
	}
	if (inbox_topic_fits(packet, msg))
		inbox_message(room, msg);
	else
		room->stats[E2EE_ROOM_DROP_FORM]++;
	e2ee_message_put(msg);
}
