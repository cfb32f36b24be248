// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A member: how it enters, accepts, listens to its owner, stops and leaves (M3
 * to M8).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "keypool.h"
#include "state.h"

static void member_candidate_drop(struct e2ee_room *room)
{
	e2ee_message_keep(&room->candidate, NULL);
}

static void member_timers_off(struct e2ee_room *room)
{
	static const enum timer timers[] = {
		TIMER_CREATE, TIMER_TAKEOVER, TIMER_RESYNC,
		TIMER_ACK, TIMER_HB, TIMER_EPOCH, TIMER_RESEND, TIMER_JOIN,
	};

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		e2ee_clock_stop(room, timers[i]);
}

static void member_listen_acks(struct e2ee_room *room, bool listen)
{
	if (room->ops.listen_acks)
		room->ops.listen_acks(room->arg, listen);
}

/*
 * On the way into a call. Keys of before run on, but for no longer than without
 * it: what M8 a and b count goes on.
 */
void e2ee_member_join(struct e2ee_room *room)
{
	room->state = E2EE_ROOM_JOIN;
	room->join_since = room->now;
	room->heard_at = 0;
	room->has_target = false;
	member_timers_off(room);
	member_candidate_drop(room);
	member_listen_acks(room, false);
	if (room->timers[TIMER_SILENCE] == NEVER)
		e2ee_clock_set(room, TIMER_SILENCE, CALL_SILENCE);
	if (!e2ee_peers_renew_kp(room))
		e2ee_outbox_kp(room);
	e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
}

/* The owner has gone on without me: I cannot have its newest EPOCH (M8 a) */
void e2ee_member_left_out(struct e2ee_room *room)
{
	if (room->timers[TIMER_UNKNOWN] == NEVER)
		e2ee_clock_set(room, TIMER_UNKNOWN, UNKNOWN_FOR);
	e2ee_member_join(room);
}

/* @base: milliseconds until the first in rank creates a call */
void e2ee_member_create_timer(struct e2ee_room *room, uint64_t base)
{
	room->create_rank = e2ee_peers_rank(room);
	e2ee_clock_set(room, TIMER_CREATE,
		       base + (uint64_t)RANK_STEP * room->create_rank);
}

/* Others became known since the timer was set: they may come before me */
bool e2ee_member_may_create(struct e2ee_room *room)
{
	unsigned int before = room->create_rank;

	/* no space for its number, say: without it nobody is in a call */
	if (!room->kps[0].msg) {
		e2ee_clock_set(room, TIMER_CREATE, SECOND);
		return false;
	}
	room->create_rank = e2ee_peers_rank(room);
	if (room->create_rank <= before)
		return true;
	e2ee_clock_set(room, TIMER_CREATE,
		       (uint64_t)RANK_STEP * (room->create_rank - before));
	return false;
}

static const char *const over_texts[] = {
	[E2EE_ROOM_OVER_LEFT] = "left the call",
	[E2EE_ROOM_OVER_ENDED] = "the call was ended",
	[E2EE_ROOM_OVER_REMOVED] = "removed from the call",
	[E2EE_ROOM_OVER_ELSEWHERE] = "this identity is in use elsewhere",
};

/*
 * The kernel may refuse what the end of a room needs: until it has done that, the
 * room does not say that it is out. TIMER_INSTALL comes back here.
 */
void e2ee_member_end(struct e2ee_room *room)
{
	if (e2ee_keys_end(room))
		e2ee_clock_set(room, TIMER_INSTALL, SECOND);
	else
		e2ee_outbox_event(room, E2EE_ROOM_OUT, over_texts[room->over]);
}

/* Nothing is sent in clear by a device whose operator did not want it to leave */
void e2ee_member_out(struct e2ee_room *room, bool by_operator,
		     enum e2ee_room_over why)
{
	room->state = E2EE_ROOM_LEFT;
	room->over = why;
	if (!by_operator)
		room->policy_wanted = E2EE_POLICY_REQUIRED;
	e2ee_keys_forget(room);
	e2ee_keypool_free(room->keypool);
	room->keypool = NULL;
	e2ee_verify_free(room);
	e2ee_alarm_end_all(room);
	e2ee_peers_forget_kp(&room->kps[0]);
	e2ee_peers_forget_kp(&room->kps[1]);
	e2ee_idset_clear(&room->bans);
	member_candidate_drop(room);
	for (unsigned int i = 0; i < TIMERS; i++)
		room->timers[i] = NEVER;
	e2ee_member_end(room);
}

/* LEAVE and an empty key package, then out */
void e2ee_member_leave(struct e2ee_room *room)
{
	struct e2ee_message draft = { .type = E2EE_MSG_LEAVE };

	if (room->last && room->state != E2EE_ROOM_JOIN) {
		draft.call = room->last->call;
		draft.leave.t = room->last->hash;
		draft.leave.counter = ++room->counter;
		e2ee_outbox_send(room, &draft);
	}
	e2ee_outbox_empty(room, E2EE_TOPIC_KP);
	e2ee_member_out(room, true, E2EE_ROOM_OVER_LEFT);
}

/* My place among those who may take over */
static unsigned int member_rank(const struct e2ee_room *room)
{
	const struct e2ee_msg_epoch *epoch = &room->last->epoch;
	const uint8_t *me = e2ee_identity_ik(room->identity);
	unsigned int rank = 0;

	for (size_t i = 0; i < epoch->roster_count; i++) {
		const struct e2ee_entry *entry = &epoch->roster[i];

		if (!memcmp(entry->ik, me, E2EE_IK_LEN))
			break;
		rank += entry->leaf != epoch->owner &&
			!e2ee_idset_has(&room->leavers, entry->ik);
	}
	return rank;
}

/* @base: milliseconds until the first in rank acts */
void e2ee_member_takeover_timer(struct e2ee_room *room, uint64_t base)
{
	e2ee_clock_set(room, TIMER_TAKEOVER,
		       base + (uint64_t)RANK_STEP * member_rank(room));
}

/* Silence is given: others may own, and I may soon (M5, M9, M10) */
void e2ee_member_silence(struct e2ee_room *room)
{
	room->silence = true;
	if (room->state == E2EE_ROOM_MEMBER)
		e2ee_member_takeover_timer(room, 0);
}

/* Listening to an owner */
void e2ee_member_become(struct e2ee_room *room)
{
	room->state = E2EE_ROOM_MEMBER;
	member_listen_acks(room, false);
	room->hb_at = room->now;
	e2ee_clock_set(room, TIMER_SILENCE, CALL_SILENCE);
	e2ee_member_takeover_timer(room, TAKEOVER_AFTER);
	e2ee_clock_set(room, TIMER_ACK,
		       HB_EVERY - SECOND + e2ee_clock_jitter(2 * SECOND));
}

/*
 * Session ids that I saw removed or replaced never come back in this call. An
 * owner who took over from an older T than mine removed nobody: it did not know
 * who had come since.
 */
static void member_retire(struct e2ee_room *room,
			  const struct e2ee_message *msg, bool same_owner)
{
	const struct e2ee_msg_epoch *old = &room->last->epoch;

	if (!same_owner && memcmp(msg->epoch.prev, room->last->hash,
				  E2EE_HASH_LEN) != 0)
		return;
	for (size_t i = 0; i < old->roster_count; i++) {
		const struct e2ee_entry *entry = &old->roster[i];
		const struct e2ee_entry *now = e2ee_chain_find(msg, entry->ik);

		if (now ? memcmp(now->session, entry->session, E2EE_ID_LEN) != 0 :
			  !e2ee_chain_has(msg, entry->ik))
			e2ee_idset_add(&room->retired, entry->session);
	}
}

static void member_chain(struct e2ee_room *room, struct e2ee_message *msg)
{
	const struct e2ee_entry *owner = e2ee_chain_owner(msg);
	struct e2ee_message *last = room->last;
	bool same_call = last && e2ee_chain_same_call(last, msg);
	bool same_owner = same_call && last->epoch.term == msg->epoch.term &&
			  !memcmp(e2ee_chain_owner(last)->ik, owner->ik,
				  E2EE_IK_LEN);

	if (same_call) {
		member_retire(room, msg, same_owner);
	} else {
		e2ee_idset_clear(&room->retired);
		e2ee_idset_clear(&room->owners);
	}
	e2ee_idset_clear(&room->leavers);
	e2ee_idset_add(&room->owners, owner->ik);
	for (size_t i = 0; i < msg->epoch.banned_count; i++) {
		e2ee_idset_add(&room->bans, msg->epoch.banned[i]);
		e2ee_message_keep(&room->ban_source, msg);
	}
	if (!same_owner)
		room->hb_n = 0;
	e2ee_message_keep(&room->last, msg);
	for (size_t i = 0; i < msg->epoch.roster_count; i++)
		e2ee_peers_member(room, msg->epoch.roster[i].ik,
				  msg->epoch.roster[i].dev);
}

/*
 * Key packages: one that an EPOCH was made for proves nothing again (M2 c). My
 * own EPOCHs prove nothing anyway, so that an owner can be on its way elsewhere.
 */
static void member_kps_used(struct e2ee_room *room,
			    const struct e2ee_message *msg)
{
	const struct e2ee_entry *me =
		e2ee_chain_find(msg, e2ee_identity_ik(room->identity));

	if (!memcmp(me->kp_hash, room->kps[0].msg->hash, E2EE_HASH_LEN))
		e2ee_peers_forget_kp(&room->kps[1]);
	else if (e2ee_clock_may(room, &room->kp_limit, SECOND / 2))
		e2ee_outbox_kp(room);	/* the newest has not reached the owner */
	if (me == e2ee_chain_owner(msg))
		return;
	room->kps[0].fresh = false;
	room->kps[1].fresh = false;
}

/* What an EPOCH that is accepted shows to be over */
static void member_alarms_end(struct e2ee_room *room,
			      const struct e2ee_message *msg)
{
	e2ee_alarm_end(room, ALARM_NO_MEMORY, NULL);
	e2ee_alarm_end(room, ALARM_SPLIT, NULL);
	e2ee_alarm_end(room, ALARM_REMOVED_ME, msg->dev);
	e2ee_alarm_end(room, ALARM_KEYS_OF, msg->dev);
	for (size_t i = 0; i < msg->epoch.roster_count; i++) {
		const char *dev = msg->epoch.roster[i].dev;

		e2ee_alarm_end(room, ALARM_NOT_TRUSTED, dev);
		e2ee_alarm_end(room, ALARM_NOT_LET_IN, dev);
		e2ee_alarm_end(room, ALARM_NO_KEY_FITS, dev);
	}
}

/* Does my owner go on? Then only its heartbeats are signs of life (M8) */
static bool member_goes_on(const struct e2ee_room *room,
			   const struct e2ee_message *msg)
{
	const struct e2ee_message *last = room->last;

	return room->state == E2EE_ROOM_MEMBER &&
	       e2ee_chain_same_call(last, msg) &&
	       last->epoch.term == msg->epoch.term &&
	       !memcmp(e2ee_chain_owner(last)->session,
		       e2ee_chain_owner(msg)->session, E2EE_ID_LEN) &&
	       !memcmp(e2ee_chain_owner(last)->ik, e2ee_chain_owner(msg)->ik,
		       E2EE_IK_LEN);
}

/**
 * e2ee_member_accept() - M4
 * @room: handle
 * @msg: it passed M1 and M2
 * @raw: what it wraps
 *
 * An owner accepts its own EPOCHs this way, too.
 */
int e2ee_member_accept(struct e2ee_room *room, struct e2ee_message *msg,
		       const uint8_t *raw)
{
	const uint8_t *me = e2ee_identity_ik(room->identity);
	bool goes_on = member_goes_on(room, msg);
	int err = e2ee_keys_accept(room, msg, raw);

	if (err)
		return err;
	member_chain(room, msg);
	member_alarms_end(room, msg);
	member_kps_used(room, msg);
	member_candidate_drop(room);
	room->hb_switch = false;
	room->rekey = false;
	room->silence = false;
	room->handed = false;
	room->owner_leaves = false;
	/* what a broker kept until now is no news: a heartbeat named later ones */
	if (!goes_on || !memcmp(room->unknown_t, msg->hash, E2EE_HASH_LEN)) {
		room->resyncs = 0;
		e2ee_clock_stop(room, TIMER_UNKNOWN);
		e2ee_clock_stop(room, TIMER_RESYNC);
	}
	e2ee_clock_stop(room, TIMER_CREATE);
	if (memcmp(e2ee_chain_owner(msg)->ik, me, E2EE_IK_LEN) != 0) {
		if (!goes_on)
			e2ee_member_become(room);
		if (e2ee_keys_answer(room))
			e2ee_outbox_ack(room, E2EE_ACK_OK, msg->hash, NULL);
	}
	e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
	return 0;
}

/* My owner has an EPOCH that I do not have: ask, and stop in the end (M8 a) */
void e2ee_member_unknown(struct e2ee_room *room, const uint8_t *t)
{
	memcpy(room->unknown_t, t, sizeof(room->unknown_t));
	if (room->timers[TIMER_UNKNOWN] != NEVER)
		return;
	e2ee_clock_set(room, TIMER_UNKNOWN, UNKNOWN_FOR);
	room->resyncs = 0;
	e2ee_clock_set(room, TIMER_RESYNC, 0);
}

/* At 0, 1, 3 and 7 seconds */
static void member_resync(struct e2ee_room *room)
{
	struct e2ee_msg_req req = {
		.what = E2EE_REQ_RESYNC, .t = room->last->hash,
	};

	e2ee_outbox_req(room, room->last->call, &req);
	if (++room->resyncs < 4)
		e2ee_clock_set(room, TIMER_RESYNC,
			       (uint64_t)SECOND << (room->resyncs - 1));
}

static bool member_is_polled(const struct e2ee_room *room,
			     const struct e2ee_msg_hb *hb)
{
	for (size_t i = 0; i < hb->poll_count; i++)
		if (hb->poll[i] == room->epochs[0]->leaf)
			return true;
	return false;
}

static void member_hb_mine(struct e2ee_room *room, const struct e2ee_msg_hb *hb)
{
	const struct e2ee_msg_epoch *epoch = &room->last->epoch;

	e2ee_clock_stop(room, TIMER_UNKNOWN);
	e2ee_clock_stop(room, TIMER_RESYNC);
	if (!*room->stopped)
		e2ee_alarm_end(room, ALARM_STOPPED, NULL);
	if (!room->epoch_count)
		return;
	if (hb->switched && !room->hb_switch) {
		room->hb_switch = true;
		e2ee_keys_confirmed(room);
		e2ee_keys_switch(room);
		for (size_t i = 0; i < epoch->roster_count; i++)
			e2ee_seen_learn(room, &epoch->roster[i]);
	}
	if (member_is_polled(room, hb))
		e2ee_outbox_ack(room, E2EE_ACK_OK, hb->t, NULL);
}

/* Of my owner, later than all before, with a good signature (M7) */
void e2ee_member_hb(struct e2ee_room *room, struct e2ee_message *msg)
{
	const struct e2ee_msg_hb *hb = &msg->hb;

	if (room->hb_n && hb->n == room->hb_n &&
	    memcmp(hb->prev, room->hb_hash, E2EE_HASH_LEN) != 0) {
		room->stats[E2EE_ROOM_DROP_RULE]++;
		e2ee_alarm(room, ALARM_CONTRADICTS, msg->dev,
			   "heartbeats of %s contradict each other", msg->dev);
		return;
	}
	room->hb_n = hb->n + 1;
	memcpy(room->hb_hash, msg->hash, E2EE_HASH_LEN);
	room->hb_at = room->now;
	e2ee_clock_set(room, TIMER_SILENCE, CALL_SILENCE);
	if (!room->silence)
		e2ee_member_takeover_timer(room, TAKEOVER_AFTER);
	if (!memcmp(hb->t, room->last->hash, E2EE_HASH_LEN))
		member_hb_mine(room, hb);
	else if (!e2ee_chain_by_t(room, hb->t))
		e2ee_member_unknown(room, hb->t);
}

/* Asks the owner who sent this heartbeat to let me in */
void e2ee_member_join_there(struct e2ee_room *room,
			    const struct e2ee_message *hb)
{
	struct e2ee_msg_req req = {
		.what = E2EE_REQ_JOIN, .hb_hash = hb->hash,
	};

	if (!room->kps[0].msg ||
	    !e2ee_clock_may(room, &room->join_limit, 5 * SECOND))
		return;
	/* its package may have been lost on the way, and without it no answer comes */
	e2ee_outbox_kp(room);
	req.kp_hash = room->kps[0].msg->hash;
	e2ee_outbox_req(room, hb->call, &req);
}

/* What my owner wrapped for me does not open: say so, and ask anew (M3) */
void e2ee_member_no_wrap(struct e2ee_room *room, const struct e2ee_message *msg)
{
	struct peer *owner = e2ee_peers_find(room, e2ee_chain_owner(msg)->ik);

	e2ee_outbox_ack(room, E2EE_ACK_NO_WRAP, msg->hash, NULL);
	if (room->now < room->join_limit.next || e2ee_peers_renew_kp(room))
		return;
	e2ee_outbox_kp(room);
	if (owner && owner->hb)
		e2ee_member_join_there(room, owner->hb);
}

static bool member_sends(const struct e2ee_room *room)
{
	return room->sending || (room->inherited.count && !room->stopped_at);
}

/* For the newest EPOCH whose keys are there: it may be one of before */
static void member_sign_of_life(struct e2ee_room *room)
{
	for (size_t i = 0; i < room->epoch_count; i++) {
		if (!room->epochs[i]->installed)
			continue;
		e2ee_outbox_ack(room, E2EE_ACK_OK, room->epochs[i]->msg->hash,
				NULL);
		break;
	}
}

/* Timers of M8, and those of a member's messages */
void e2ee_member_timer(struct e2ee_room *room, enum timer timer)
{
	switch (timer) {
	case TIMER_SWITCH:
		/* to the newest directly, never to one that is superseded */
		e2ee_keys_switch(room);
		break;
	case TIMER_UNKNOWN:
		if (room->state == E2EE_ROOM_JOIN && !member_sends(room))
			break;
		e2ee_keys_stop(room, "sending stopped: the owner has newer keys that do not reach this device");
		break;
	case TIMER_SILENCE:
		if (member_sends(room))
			e2ee_keys_stop(room, "sending stopped: no heartbeat for two minutes");
		break;
	case TIMER_AGE:
		e2ee_keys_stop(room, "sending stopped: the keys are twelve minutes old");
		break;
	case TIMER_RESYNC:
		member_resync(room);
		break;
	case TIMER_ACK:
		member_sign_of_life(room);
		e2ee_clock_set(room, TIMER_ACK, HB_EVERY - SECOND +
			       e2ee_clock_jitter(2 * SECOND));
		break;
	default:
		break;
	}
}
