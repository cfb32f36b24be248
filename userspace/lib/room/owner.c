// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The owner of a call: makes the EPOCHs, lets in, removes, heals (O1 to O13).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "state.h"

#define EPOCHS_APART		(2 * SECOND)	/* O2 */
#define REMOVALS_APART		300
#define REMOVE_WITHIN		100
#define JOINS_WITHIN		500
#define POLL_ANSWER		(10 * SECOND)	/* O7 */

static const uint8_t *owner_me(const struct e2ee_room *room)
{
	return e2ee_identity_ik(room->identity);
}

static bool owner_is_alone(const struct e2ee_room *room)
{
	return room->last->epoch.roster_count == 1;
}

/* EPOCHs */

static bool owner_all_acked(struct e2ee_room *room)
{
	const struct e2ee_msg_epoch *epoch = &room->last->epoch;

	if (!e2ee_chain_newest(room)->installed)
		return false;
	for (size_t i = 0; i < epoch->roster_count; i++) {
		struct peer *peer = e2ee_peers_find(room, epoch->roster[i].ik);

		if (epoch->roster[i].leaf != epoch->owner &&
		    (!peer || memcmp(peer->acked, room->last->hash,
				     E2EE_HASH_LEN) != 0))
			return false;
	}
	return true;
}

/* All have the keys: everybody switches (O5) */
static void owner_acked(struct e2ee_room *room)
{
	if (room->hb_switch || !owner_all_acked(room))
		return;
	room->hb_switch = true;
	room->took_over = false;
	e2ee_clock_stop(room, TIMER_RESEND);
	e2ee_keys_switch(room);
	e2ee_heartbeat(room);
	e2ee_owner_plan(room);
}

/* The kernel took the last of my own keys */
void e2ee_owner_installed(struct e2ee_room *room)
{
	owner_acked(room);
}

/* Is what an EPOCH has for a device its newest key package? */
static bool owner_has_newest(const struct e2ee_msg_epoch *epoch, size_t place,
			     const struct peer *peer)
{
	return peer->kp && !memcmp(epoch->roster[place].kp_hash, peer->kp->hash,
				   E2EE_HASH_LEN);
}

static void owner_admitted(struct e2ee_room *room,
			   const struct e2ee_message *before)
{
	const struct e2ee_msg_epoch *epoch = &room->last->epoch;

	for (size_t i = 0; i < epoch->roster_count; i++) {
		struct peer *peer = e2ee_peers_find(room, epoch->roster[i].ik);

		if (!peer)
			continue;
		if (peer->join && (e2ee_peers_joins(room, peer) ||
				   owner_has_newest(epoch, i, peer))) {
			peer->join = false;
			peer->joined_at = room->now;
		}
		e2ee_idset_del(&room->lost, peer->ik);
		if (before && e2ee_chain_find(before, peer->ik))
			continue;
		peer->ack_at = room->now;
		if (!peer->kp_at)
			peer->kp_at = room->now;
	}
}

/*
 * An EPOCH of mine is accepted before anybody hears of it: what I do not hold
 * myself I could neither follow nor replace under its number (M10).
 */
static int owner_accept(struct e2ee_room *room, struct e2ee_message *msg,
			uint8_t *raw)
{
	int err = -ENOMEM;

	if (msg)
		err = e2ee_member_accept(room, msg, raw);
	OPENSSL_cleanse(raw, E2EE_RAW_LEN);
	if (err == -ENOMEM)
		e2ee_alarm(room, ALARM_NO_MEMORY, "", "no memory for an epoch");
	return err;
}

/* @before: the EPOCH that this one, which was accepted, came after; or NULL */
static void owner_publish(struct e2ee_room *room, struct e2ee_message *msg,
			  const struct e2ee_message *before)
{
	bool other = !before || !e2ee_chain_same_call(before, msg) ||
		     before->epoch.term != msg->epoch.term;

	e2ee_judge_remember(room, msg);
	e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, msg, true);
	if (other)
		room->hb_sent_n = 0;
	e2ee_idset_clear(&room->removals);
	room->rekey = false;
	room->asked = false;
	room->made_at = room->now;
	room->resends = 0;
	room->poll_count = other ? room->poll_count : 0;
	owner_admitted(room, before);
	e2ee_clock_set(room, TIMER_RESEND, SECOND / 2);
	if (owner_is_alone(room))
		owner_acked(room);	/* says it in a heartbeat, too */
	else
		e2ee_heartbeat(room);
}

static void owner_make(struct e2ee_room *room)
{
	struct e2ee_message *before = e2ee_message_get(room->last);
	uint8_t raw[E2EE_RAW_LEN];
	struct e2ee_message *msg = e2ee_roster_next(room, false, raw);

	e2ee_clock_stop(room, TIMER_EPOCH);
	if (owner_accept(room, msg, raw))
		e2ee_clock_set(room, TIMER_EPOCH, SECOND);
	else
		owner_publish(room, msg, before);
	e2ee_message_put(msg);
	e2ee_message_put(before);
}

/* when the next EPOCH may be made; NEVER: there is nothing to say (O2) */
static uint64_t owner_when(const struct e2ee_room *room)
{
	uint64_t when = room->now, joins = NEVER;

	for (size_t i = 0; i < room->peer_count; i++) {
		const struct peer *peer = &room->peers[i];
		uint64_t at = room->now + JOINS_WITHIN;

		if (!e2ee_peers_joins(room, peer))
			at = peer->joined_at + REKEY_APART;
		if (peer->join && at < joins)
			joins = at;
	}
	if (room->removals.count) {
		when += REMOVE_WITHIN;
		if (when < room->made_at + REMOVALS_APART)
			when = room->made_at + REMOVALS_APART;
		return when;
	}
	if (joins == NEVER && !room->rekey)
		return NEVER;
	if (!room->rekey || joins <= when + JOINS_WITHIN)
		when = joins;
	if (!owner_is_alone(room) && when < room->made_at + EPOCHS_APART)
		when = room->made_at + EPOCHS_APART;
	return when;
}

/* Something is to be said: when? An earlier appointment stays. */
void e2ee_owner_plan(struct e2ee_room *room)
{
	uint64_t when = owner_when(room);

	if (when < room->timers[TIMER_EPOCH])
		room->timers[TIMER_EPOCH] = when;
}

static void owner_epoch_timer(struct e2ee_room *room)
{
	const struct epoch *epoch = e2ee_chain_newest(room);

	if (owner_when(room) == NEVER)
		return;
	/*
	 * One that is not switched to yet is only overtaken by a removal; or
	 * where nobody has answered it since I took over, for else an owner of
	 * before who wants to follow would have to wait for those who follow it.
	 */
	if (!room->removals.count && !epoch->switched && !room->took_over &&
	    epoch->number > room->stopped_at) {
		e2ee_clock_set(room, TIMER_EPOCH, SECOND / 10);
		return;
	}
	owner_make(room);
}

/* The same bytes again, while answers are missing or somebody asks (O5, O6) */
void e2ee_owner_resend(struct e2ee_room *room)
{
	if (e2ee_clock_may(room, &room->resend_limit, SECOND / 2))
		e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, room->last, true);
}

static void owner_resend_timer(struct e2ee_room *room)
{
	if (owner_all_acked(room))
		return;
	e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, room->last, true);
	if (++room->resends < 3)
		e2ee_clock_set(room, TIMER_RESEND, room->resends == 1 ?
			       SECOND / 2 : SECOND);
}

/* becoming one */

static void owner_become(struct e2ee_room *room)
{
	room->state = E2EE_ROOM_OWNER;
	if (room->ops.listen_acks)
		room->ops.listen_acks(room->arg, true);
	e2ee_clock_stop(room, TIMER_TAKEOVER);
	e2ee_clock_stop(room, TIMER_ACK);
	e2ee_clock_stop(room, TIMER_CREATE);
	e2ee_idset_clear(&room->removals);
	room->rekey = false;
	room->asked = false;
	room->poll_count = 0;
	room->hb_at = room->now;
	e2ee_clock_set(room, TIMER_SILENCE, CALL_SILENCE);
	for (size_t i = 0; i < room->peer_count; i++)
		room->peers[i].join = false;
	e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
}

/* O1 */
void e2ee_owner_create(struct e2ee_room *room)
{
	struct e2ee_message *before =
		room->last ? e2ee_message_get(room->last) : NULL;
	uint8_t raw[E2EE_RAW_LEN];
	struct e2ee_message *msg;

	room->policy_next = room->policy;
	room->locked = false;
	room->ending = false;
	e2ee_idset_clear(&room->lost);
	msg = e2ee_roster_first(room, raw);
	if (owner_accept(room, msg, raw)) {
		e2ee_clock_set(room, TIMER_CREATE, SECOND);
	} else {
		owner_become(room);
		owner_publish(room, msg, before);
	}
	e2ee_message_put(msg);
	e2ee_message_put(before);
}

/* After a takeover: is the owner of before still there, and who else? (O10) */
static void owner_poll_old(struct e2ee_room *room, const uint8_t *old)
{
	struct peer *owner = e2ee_peers_find(room, old);

	if (owner && e2ee_chain_find(room->last, old)) {
		owner->gone_at = room->now;
		e2ee_heartbeat_poll(room, owner);
	}
	for (size_t i = 0; i < room->peer_count; i++)
		if (room->peers[i].gone_at != NEVER)
			e2ee_heartbeat_poll(room, &room->peers[i]);
}

/* O10 */
void e2ee_owner_take_over(struct e2ee_room *room)
{
	struct e2ee_message *before = room->last, *msg;
	const struct e2ee_msg_epoch *last = &before->epoch;
	uint8_t raw[E2EE_RAW_LEN];

	if (!e2ee_chain_newest(room))
		return;
	e2ee_message_get(before);
	room->policy_next = e2ee_policy_from_wire(last->policy);
	room->locked = last->flags & E2EE_EPOCH_LOCKED;
	room->ending = false;
	e2ee_idset_clear(&room->lost);
	for (size_t i = 0; i < last->lost_count; i++)
		e2ee_idset_add(&room->lost, last->lost[i]);
	e2ee_idset_clear(&room->removals);
	room->took_over = true;
	msg = e2ee_roster_next(room, true, raw);
	if (owner_accept(room, msg, raw)) {
		room->took_over = false;
		e2ee_clock_set(room, TIMER_TAKEOVER, SECOND);
	} else {
		owner_become(room);
		for (size_t i = 0; i < room->peer_count; i++)
			room->peers[i].ack_at = room->now;
		owner_publish(room, msg, before);
		owner_poll_old(room, e2ee_chain_owner(before)->ik);
	}
	e2ee_message_put(msg);
	e2ee_message_put(before);
}

/* members */

/* In the next EPOCH (O7, O8). @lost: it may come back into a locked room */
void e2ee_owner_remove(struct e2ee_room *room, const uint8_t *ik, bool ban,
		       bool lost)
{
	struct peer *peer = e2ee_peers_find(room, ik);

	if (ban) {
		e2ee_idset_add(&room->bans, ik);
		e2ee_idset_del(&room->lost, ik);
	}
	if (peer)
		peer->join = false;
	if (!e2ee_chain_find(room->last, ik))
		return;
	e2ee_idset_add(&room->removals, ik);
	if (lost && !ban && room->lost.count < E2EE_MEMBERS_MAX)
		e2ee_idset_add(&room->lost, ik);
	e2ee_owner_plan(room);
}

static bool owner_mac_is_good(struct e2ee_room *room,
			      const struct e2ee_message *msg)
{
	const struct epoch *epoch = e2ee_chain_newest(room);
	uint8_t mac[E2EE_HASH_LEN];
	bool good;

	good = msg->ack.mac &&
	       !e2ee_schedule_mac(epoch->secret, msg->ack.t, msg->dev, mac) &&
	       !CRYPTO_memcmp(mac, msg->ack.mac, sizeof(mac));
	OPENSSL_cleanse(mac, sizeof(mac));
	return good;
}

/* Of the roster, with a good signature (O5) */
void e2ee_owner_ack(struct e2ee_room *room, struct e2ee_message *msg,
		    struct peer *peer)
{
	const struct e2ee_entry *entry = e2ee_chain_find(room->last, peer->ik);
	bool known;

	/* it may follow another owner by now */
	if (!e2ee_idset_has(&room->accepted, msg->ack.t))
		return;
	peer->ack_at = room->now;
	if (memcmp(msg->ack.t, room->last->hash, E2EE_HASH_LEN) != 0)
		return;
	if (msg->ack.result == E2EE_ACK_REFUSED) {
		/* a name that it makes up tells people nothing */
		known = e2ee_chain_find_dev(room->last, msg->ack.whom);
		e2ee_alarm(room, ALARM_ROSTER_REFUSED, msg->dev,
			   "%s refuses the roster%s%s", msg->dev,
			   known ? " because of " : "",
			   known ? msg->ack.whom : "");
		return;
	}
	if (msg->ack.result != E2EE_ACK_OK)
		return;
	if (!owner_mac_is_good(room, msg)) {
		e2ee_alarm(room, ALARM_OTHER_KEYS, msg->dev,
			   "%s has different keys from this device", msg->dev);
		return;
	}
	e2ee_alarm_end(room, ALARM_ROSTER_REFUSED, msg->dev);
	e2ee_alarm_end(room, ALARM_OTHER_KEYS, msg->dev);
	memcpy(peer->acked, msg->ack.t, E2EE_HASH_LEN);
	peer->gone_at = peer->kp ? NEVER : peer->gone_at;
	e2ee_heartbeat_unpoll(room, entry->leaf);
	e2ee_seen_learn(room, entry);
	if (room->took_over) {
		room->took_over = false;
		e2ee_keys_open_deadlines(room);
	}
	owner_acked(room);
}

/* One EPOCH is for all members who ask for a rekey, and another one waits (O6) */
void e2ee_owner_asked(struct e2ee_room *room)
{
	if (!room->asked ||
	    !e2ee_clock_may(room, &room->asked_limit, REKEY_APART))
		return;
	room->asked = false;
	room->rekey = true;
	e2ee_owner_plan(room);
}

/* O7 */
static bool owner_misses(const struct e2ee_room *room, const struct peer *peer)
{
	return room->now - peer->ack_at >= MEMBER_SILENCE ||
	       (peer->gone_at != NEVER && peer->ack_at <= peer->gone_at &&
		room->now - peer->gone_at >= POLL_ANSWER) ||
	       (!peer->kp && room->now - peer->kp_at >= KP_DEAD);
}

/*
 * Who has been silent for too long goes (O7), and whom the operator took out of
 * the trust store; and keys are renewed (O6).
 */
void e2ee_owner_upkeep(struct e2ee_room *room)
{
	const struct e2ee_msg_epoch *epoch = &room->last->epoch;

	for (size_t i = 0; room->link && i < epoch->roster_count; i++) {
		const struct e2ee_entry *entry = &epoch->roster[i];
		struct peer *peer = e2ee_peers_find(room, entry->ik);

		if (entry->leaf == epoch->owner)
			continue;
		if (!e2ee_peers_trusted(room, entry->dev, entry->ik)) {
			e2ee_alarm(room, ALARM_NOT_TRUSTED, entry->dev,
				   "%s is not trusted any more: removed",
				   entry->dev);
			e2ee_owner_remove(room, entry->ik, false, false);
		} else if (peer && owner_misses(room, peer)) {
			e2ee_owner_remove(room, peer->ik, false, true);
		}
	}
	if (room->now - room->made_at >= REKEY_EVERY &&
	    room->now >= room->rekey_off)
		room->rekey = true;
	if (*room->stopped)
		room->rekey = true;
	e2ee_owner_asked(room);
	if (room->better && room->now >= room->heal_limit.next) {
		e2ee_message_keep(&room->better, NULL);
		e2ee_clock_stop(room, TIMER_JOIN);
	}
	e2ee_owner_plan(room);
}

/* The broker is there again: what I said last, and time for all to answer */
void e2ee_owner_link(struct e2ee_room *room)
{
	for (size_t i = 0; i < room->peer_count; i++)
		room->peers[i].ack_at = room->now;
	e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, room->last, true);
	e2ee_heartbeat(room);
	e2ee_owner_plan(room);
}

/* O12 */

static void owner_join_better(struct e2ee_room *room)
{
	struct peer *owner =
		e2ee_peers_find(room, e2ee_chain_owner(room->better)->ik);

	if (owner && owner->hb &&
	    !memcmp(owner->hb->call, room->better->call, E2EE_ID_LEN))
		e2ee_member_join_there(room, owner->hb);
	e2ee_clock_set(room, TIMER_JOIN, SECOND);
}

/* Another chain, better than mine: on the way there, owner until I am in */
void e2ee_owner_better(struct e2ee_room *room, struct e2ee_message *msg)
{
	struct peer *signer = e2ee_peers_find(room, e2ee_chain_owner(msg)->ik);
	bool known;

	if (e2ee_chain_bans(msg, owner_me(room))) {
		e2ee_alarm(room, ALARM_SPLIT, "",
			   "split: another part of the room has removed this device");
		return;
	}
	if (signer && e2ee_chain_find(room->last, signer->ik) &&
	    signer->acked[0] && room->now - signer->ack_at < 10 * SECOND)
		return;
	room->heal_limit.next = room->now + 30 * SECOND;
	known = room->better &&
		!memcmp(room->better->call, msg->call, E2EE_ID_LEN) &&
		!strcmp(room->better->dev, msg->dev);
	e2ee_message_keep(&room->better, msg);
	if (known)
		return;
	if (!e2ee_peers_renew_kp(room))
		e2ee_outbox_kp(room);
	e2ee_clock_set(room, TIMER_JOIN, 0);
}

static void owner_say_handover(struct e2ee_room *room, const uint8_t *to,
			       const uint8_t *call, bool leaving)
{
	struct e2ee_message draft = {
		.type = E2EE_MSG_HANDOVER, .call = room->last->call,
		.handover = {
			.t = room->last->hash, .counter = ++room->counter,
			.to = to, .to_call = call, .leaving = leaving,
		},
	};

	e2ee_outbox_send(room, &draft);
}

/* No owner any more */
void e2ee_owner_resign(struct e2ee_room *room)
{
	e2ee_clock_stop(room, TIMER_HB);
	e2ee_clock_stop(room, TIMER_EPOCH);
	e2ee_clock_stop(room, TIMER_RESEND);
	e2ee_clock_stop(room, TIMER_JOIN);
	e2ee_message_keep(&room->better, NULL);
	room->took_over = false;
	e2ee_idset_clear(&room->removals);
}

/* I am in the better chain: those who followed me are told (M2 c holds) */
void e2ee_owner_yield(struct e2ee_room *room, struct e2ee_message *msg)
{
	owner_say_handover(room, e2ee_chain_owner(msg)->ik, msg->call, false);
	e2ee_owner_resign(room);
}

/* O11 */

static const uint8_t *owner_heir(const struct e2ee_room *room)
{
	const struct e2ee_msg_epoch *epoch = &room->last->epoch;

	for (size_t i = 0; i < epoch->roster_count; i++) {
		const uint8_t *ik = epoch->roster[i].ik;
		struct peer *peer = e2ee_peers_find(room, ik);

		if (epoch->roster[i].leaf != epoch->owner && peer &&
		    room->now - peer->ack_at < 10 * SECOND)
			return ik;
	}
	return NULL;
}

/* @to NULL: to the lowest leaf that is alive. -ENOENT: there is none */
int e2ee_owner_hand_over(struct e2ee_room *room, const uint8_t *to,
			 bool leaving)
{
	if (!to)
		to = owner_heir(room);
	if (!to || !e2ee_chain_find(room->last, to) ||
	    !memcmp(to, owner_me(room), E2EE_IK_LEN))
		return -ENOENT;
	memcpy(room->handed_to, to, E2EE_IK_LEN);
	room->handed = true;
	room->leaving = leaving ? LEAVE_HANDS_OVER : LEAVE_NOT;
	owner_say_handover(room, to, room->last->call, leaving);
	e2ee_clock_set(room, TIMER_LEAVE, SECOND);
	return 0;
}

/* An EPOCH with "last", three times; then out */
void e2ee_owner_end(struct e2ee_room *room)
{
	room->ending = true;
	room->leaving = LEAVE_ENDS;
	owner_make(room);
	room->resends = 0;
	e2ee_clock_stop(room, TIMER_RESEND);
	e2ee_clock_set(room, TIMER_LEAVE, SECOND / 2);
}

static void owner_leave_timer(struct e2ee_room *room)
{
	unsigned int resends = room->resends;

	if (room->leaving == LEAVE_ENDS) {
		if (room->last->epoch.flags & E2EE_EPOCH_LAST)
			e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, room->last,
					    true);
		else
			owner_make(room);
		room->resends = resends + 1;
		e2ee_clock_stop(room, TIMER_RESEND);
		if (room->resends < 2) {
			e2ee_clock_set(room, TIMER_LEAVE, SECOND / 2);
			return;
		}
		e2ee_outbox_empty(room, E2EE_TOPIC_EPOCH);
		e2ee_outbox_empty(room, E2EE_TOPIC_KP);
		e2ee_member_out(room, true, E2EE_ROOM_OVER_ENDED);
		return;
	}
	owner_say_handover(room, room->handed_to, room->last->call,
			   room->leaving == LEAVE_HANDS_OVER);
	e2ee_owner_resign(room);
	e2ee_member_become(room);
	if (room->leaving == LEAVE_HANDS_OVER)
		e2ee_clock_set(room, TIMER_LEAVE, SECOND);
	else
		e2ee_clock_stop(room, TIMER_LEAVE);
}

void e2ee_owner_timer(struct e2ee_room *room, enum timer timer)
{
	switch (timer) {
	case TIMER_HB:
		e2ee_heartbeat(room);
		break;
	case TIMER_EPOCH:
		owner_epoch_timer(room);
		break;
	case TIMER_RESEND:
		owner_resend_timer(room);
		break;
	case TIMER_JOIN:
		if (room->better)
			owner_join_better(room);
		break;
	case TIMER_LEAVE:
		owner_leave_timer(room);
		break;
	default:
		break;
	}
}
