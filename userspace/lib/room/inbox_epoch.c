// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * EPOCHs that come in: which of them this device follows, and what it says otherwise.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "state.h"

/* M10: two EPOCHs of one number, both in hand */
static void inbox_fork(struct e2ee_room *room, struct e2ee_message *msg,
		       struct e2ee_message *other)
{
	const struct e2ee_entry *signer = e2ee_chain_owner(msg);
	bool mine = room->last && e2ee_chain_same_call(room->last, msg) &&
		    !memcmp(e2ee_chain_owner(room->last)->ik, signer->ik,
			    E2EE_IK_LEN);

	if (!memcmp(signer->ik, e2ee_identity_ik(room->identity), E2EE_IK_LEN))
		return;
	e2ee_idset_add(&room->bans, signer->ik);
	e2ee_alarm(room, ALARM_FORK, signer->dev,
		   "%s gave different keys to different devices: removed",
		   signer->dev);
	e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, msg, false);
	e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, other, false);
	if (room->state == E2EE_ROOM_OWNER) {
		e2ee_owner_remove(room, signer->ik, true, false);
	} else if (room->state == E2EE_ROOM_MEMBER && mine) {
		e2ee_keys_stop(
			room,
			"sending stopped: the owner gave different keys to different devices");
		e2ee_member_silence(room);
	}
}

/* M9: bans travel with every EPOCH of an owner that I accepted once */
static void inbox_bans(struct e2ee_room *room, struct e2ee_message *msg)
{
	const uint8_t *me = e2ee_identity_ik(room->identity);
	const struct e2ee_entry *owner;

	if (!room->last || !e2ee_chain_same_call(room->last, msg) ||
	    !e2ee_idset_has(&room->owners, e2ee_chain_owner(msg)->ik))
		return;
	owner = e2ee_chain_owner(room->last);
	for (size_t i = 0; i < msg->epoch.banned_count; i++) {
		const uint8_t *ik = msg->epoch.banned[i];

		if (!memcmp(ik, me, E2EE_IK_LEN) ||
		    e2ee_idset_has(&room->bans, ik))
			continue;
		e2ee_idset_add(&room->bans, ik);
		e2ee_message_keep(&room->ban_source, msg);
		if (room->state == E2EE_ROOM_OWNER)
			e2ee_owner_remove(room, ik, true, false);
		else if (!memcmp(ik, owner->ik, E2EE_IK_LEN))
			e2ee_member_silence(room);
	}
}

static void inbox_epoch_accept(struct e2ee_room *room, struct e2ee_message *msg,
			       struct judgement *judged)
{
	if (msg->epoch.flags & E2EE_EPOCH_LAST) {
		if (judged->verdict == VERDICT_NEXT)
			e2ee_member_out(room, false, E2EE_ROOM_OVER_ENDED);
		return;
	}
	if (judged->me) {
		if (e2ee_member_accept(room, msg, judged->raw) == -ENOMEM)
			e2ee_alarm(room, ALARM_NO_MEMORY, "",
				   "no memory for an epoch");
		return;
	}
	if (e2ee_chain_bans(msg, e2ee_identity_ik(room->identity)))
		e2ee_member_out(room, false, E2EE_ROOM_OVER_REMOVED);
	else if (room->leaving == LEAVE_HANDS_OVER)
		e2ee_member_leave(room);
	else
		e2ee_member_left_out(room);
}

/* Silence may be given in a moment: the best one is kept (M2 b) */
static void inbox_epoch_wait(struct e2ee_room *room, struct e2ee_message *msg)
{
	if (room->candidate && !e2ee_chain_better(msg, room->candidate) &&
	    !e2ee_chain_later(msg, room->candidate))
		return;
	e2ee_message_keep(&room->candidate, msg);
}

/* Is this the name of a device that is in the room? @entry may be NULL */
static bool inbox_is_here(const struct e2ee_room *room,
			  const struct e2ee_entry *entry)
{
	const struct peer *peer;

	if (!entry)
		return false;
	peer = e2ee_peers_find(room, entry->ik);
	return peer && !strcmp(peer->dev, entry->dev);
}

/*
 * An owner who removes the only other one begins a call of its own (O13): whoever
 * was removed learns it from an EPOCH of that call.
 */
static bool inbox_put_out(const struct e2ee_room *room,
			  const struct e2ee_message *msg)
{
	const struct e2ee_entry *mine, *signer = e2ee_chain_owner(msg);

	if (room->state != E2EE_ROOM_MEMBER ||
	    !e2ee_chain_bans(msg, e2ee_identity_ik(room->identity)))
		return false;
	mine = e2ee_chain_owner(room->last);
	return !memcmp(mine->ik, signer->ik, E2EE_IK_LEN) &&
	       !memcmp(mine->session, signer->session, E2EE_ID_LEN);
}

static void inbox_epoch_refused(struct e2ee_room *room,
				struct e2ee_message *msg,
				const struct judgement *judged)
{
	const uint8_t *me = e2ee_identity_ik(room->identity);
	bool mine = room->state == E2EE_ROOM_MEMBER &&
		    e2ee_chain_same_call(room->last, msg) &&
		    !memcmp(e2ee_chain_owner(room->last)->ik,
			    e2ee_chain_owner(msg)->ik, E2EE_IK_LEN);
	/* nobody can fill the list of alarms with names that he makes up */
	bool known = e2ee_judge_knows(room, msg);
	bool here = inbox_is_here(room, judged->whom);

	room->stats[E2EE_ROOM_DROP_RULE]++;
	if (inbox_put_out(room, msg)) {
		e2ee_member_out(room, false, E2EE_ROOM_OVER_REMOVED);
		return;
	}
	if (known && e2ee_chain_bans(msg, me))
		e2ee_alarm(room, ALARM_REMOVED_ME, msg->dev,
			   "%s has removed this device from its call",
			   msg->dev);
	if (judged->ban && room->state != E2EE_ROOM_JOIN) {
		if (judged->whom && known)
			e2ee_alarm(room, ALARM_SPLIT_HEARD, msg->dev,
				   "split: a device that was removed here is in the call of %s",
				   msg->dev);
		if (room->ban_source &&
		    e2ee_clock_may(room, &room->ban_limit, 5 * SECOND))
			e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH,
					    room->ban_source, false);
	}
	if (mine && msg->epoch.seq <= room->last->epoch.seq)
		return;
	/* made for me, and yet not good: people should know why */
	if (judged->whom && e2ee_chain_find(msg, me) &&
	    (known || room->state == E2EE_ROOM_JOIN))
		e2ee_alarm(room, ALARM_KEYS_OF, msg->dev,
			   "keys of %s are refused: %s%s%s", msg->dev,
			   judged->reason, here ? ": " : "",
			   here ? judged->whom->dev : "");
	if (!mine)
		return;
	if (judged->no_wrap)
		e2ee_member_no_wrap(room, msg);
	else
		e2ee_outbox_ack(room, E2EE_ACK_REFUSED, msg->hash,
				judged->whom ? judged->whom->dev : NULL);
	e2ee_member_unknown(room, msg->hash);
}

/* Of an owner, by another owner */
static void inbox_epoch_other(struct e2ee_room *room, struct e2ee_message *msg,
			      bool better)
{
	if (better && room->handed &&
	    !memcmp(room->handed_to, e2ee_chain_owner(msg)->ik, E2EE_IK_LEN)) {
		e2ee_owner_timer(room, TIMER_LEAVE);
		e2ee_inbox_judge(room, msg);
		return;
	}
	if (better)
		e2ee_owner_better(room, msg);
	else if (e2ee_clock_may(room, &room->other_limit, 5 * SECOND))
		e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, room->last, true);
}

/*
 * The message may be the candidate itself, which the room lets go of when it
 * moves on: the judgement, which leads into it, needs a reference of its own.
 */
void e2ee_inbox_judge(struct e2ee_room *room, struct e2ee_message *msg)
{
	struct judgement judged;

	e2ee_message_get(msg);
	e2ee_judge(room, msg, &judged);
	switch (judged.verdict) {
	case VERDICT_OLD:
		break;
	case VERDICT_DROP:
		inbox_epoch_refused(room, msg, &judged);
		break;
	case VERDICT_WAIT:
		inbox_epoch_wait(room, msg);
		break;
	case VERDICT_BETTER:
	case VERDICT_WORSE:
		inbox_epoch_other(room, msg, judged.verdict == VERDICT_BETTER);
		break;
	case VERDICT_NEWCOMER:
		/* it ends: nobody goes there any more */
		if (msg->epoch.flags & E2EE_EPOCH_LAST)
			break;
		if (room->state == E2EE_ROOM_OWNER) {
			e2ee_owner_yield(room, msg);
			snprintf(room->split, sizeof(room->split),
				 "the room was split, and is whole again");
		}
		inbox_epoch_accept(room, msg, &judged);
		break;
	case VERDICT_NEXT:
	case VERDICT_OWNER:
		inbox_epoch_accept(room, msg, &judged);
		break;
	}
	OPENSSL_cleanse(&judged, sizeof(judged));
	e2ee_message_put(msg);
}

/*
 * Somebody who was removed has a call of its own here: people should know, and
 * so should those who are in it (M9).
 */
static void inbox_epoch_banned(struct e2ee_room *room, struct e2ee_message *msg)
{
	const struct e2ee_entry *owner = e2ee_chain_owner(msg);

	if (!owner || !e2ee_idset_has(&room->bans, owner->ik) ||
	    !e2ee_clock_may(room, &room->ban_limit, 5 * SECOND) ||
	    e2ee_message_verify(msg, room->name, owner->ik))
		return;
	e2ee_alarm(room, ALARM_SPLIT_HEARD, owner->dev,
		   "split: %s, who was removed here, has a call of its own",
		   owner->dev);
	if (room->ban_source && room->state != E2EE_ROOM_JOIN)
		e2ee_outbox_publish(room, E2EE_TOPIC_EPOCH, room->ban_source,
				    false);
}

void e2ee_inbox_epoch(struct e2ee_room *room, struct e2ee_message *msg)
{
	int err = e2ee_judge_authentic(room, msg);
	const struct e2ee_entry *signer;
	struct e2ee_message *fork;
	bool known;

	if (err) {
		room->stats[err == -EPERM ? E2EE_ROOM_DROP_STRANGER :
					    E2EE_ROOM_DROP_SIGNATURE]++;
		inbox_epoch_banned(room, msg);
		return;
	}
	signer = e2ee_chain_owner(msg);
	known = e2ee_judge_knows(room, msg);
	/* a member moves to no chain of somebody who is not one of us (M2) */
	if (!known && (room->state == E2EE_ROOM_MEMBER ||
		       !e2ee_peers_trusted(room, signer->dev, signer->ik))) {
		room->stats[E2EE_ROOM_DROP_STRANGER]++;
		return;
	}
	if (known) {
		fork = e2ee_judge_fork(room, msg);
		e2ee_judge_remember(room, msg);
		if (fork) {
			inbox_fork(room, msg, fork);
			e2ee_message_put(fork);
			return;
		}
		inbox_bans(room, msg);
	}
	e2ee_inbox_judge(room, msg);
}
