// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Epochs and the kernel: which keys are installed, used and deleted when (K1 to
 * K10, M6).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "state.h"

#define INSTALL_AGAIN		20u	/* ms; then twice as long each time */
#define DELETE_TRIES		8	/* at once, where there is no later */

static void epoch_free(struct epoch *epoch)
{
	e2ee_message_put(epoch->msg);
	OPENSSL_cleanse(epoch, sizeof(*epoch));
	free(epoch);
}

/* for a verification of it that is still to come (section 8) */
static void keys_remember(struct e2ee_room *room, const struct epoch *epoch)
{
	struct past_epoch *oldest = &room->past[0];

	for (size_t i = 1; i < EPOCHS_LIVE; i++)
		if (room->past[i].replaced < oldest->replaced)
			oldest = &room->past[i];
	e2ee_message_keep(&oldest->msg, epoch->msg);
	oldest->replaced = room->now;
	oldest->verified = epoch->verified;
	memcpy(oldest->authenticator, epoch->authenticator,
	       sizeof(oldest->authenticator));
}

static void keys_kill(struct e2ee_room *room, size_t place)
{
	struct epoch *epoch = room->epochs[place];

	e2ee_install_delete(room, epoch, !epoch->tx_over, true);
	if (epoch->number == room->sending)
		room->sending = 0;
	epoch_free(epoch);
	room->epoch_count--;
	memmove(&room->epochs[place], &room->epochs[place + 1],
		(room->epoch_count - place) * sizeof(room->epochs[0]));
}

/* The KIDs of two epochs are the same where term and seq end alike (K5) */
static bool keys_collide(const struct e2ee_msg_epoch *a,
			 const struct e2ee_msg_epoch *b)
{
	return !((a->term ^ b->term) & 3) && !((a->seq ^ b->seq) & 15);
}

/* Has this epoch to go before the one of @msg comes? */
static bool keys_in_the_way(const struct e2ee_room *room, size_t place,
			    const struct e2ee_message *msg)
{
	return place + 1 >= EPOCHS_LIVE ||
	       !e2ee_chain_same_call(room->last, msg) ||
	       keys_collide(&room->epochs[place]->msg->epoch, &msg->epoch);
}

static void keys_make_room(struct e2ee_room *room,
			   const struct e2ee_message *msg)
{
	for (size_t i = room->epoch_count; i-- > 0; )
		if (keys_in_the_way(room, i, msg))
			keys_kill(room, i);
}

/* Is the one in the way that is sent with? */
static bool keys_leave_a_gap(const struct e2ee_room *room,
			     const struct e2ee_message *msg)
{
	for (size_t i = 0; i < room->epoch_count; i++)
		if (room->epochs[i]->number == room->sending &&
		    keys_in_the_way(room, i, msg))
			return true;
	return false;
}

/* How many streams each device used in the epochs before */
static void epoch_inherit_seen(const struct e2ee_room *room,
			       struct epoch *epoch)
{
	const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;

	for (size_t e = 0; e < room->epoch_count; e++) {
		const struct epoch *old = room->epochs[e];

		for (size_t i = 0; i < msg->roster_count; i++) {
			const struct e2ee_entry *entry =
				e2ee_chain_find(old->msg, msg->roster[i].ik);
			size_t place;

			if (!entry || memcmp(entry->session,
					     msg->roster[i].session,
					     E2EE_ID_LEN) != 0)
				continue;
			place = (size_t)(entry - old->msg->epoch.roster);
			if (epoch->seen[i] < old->seen[place])
				epoch->seen[i] = old->seen[place];
		}
	}
}

static bool keys_removes(const struct e2ee_message *last,
			 const struct e2ee_message *msg)
{
	for (size_t i = 0; last && i < last->epoch.roster_count; i++) {
		const struct e2ee_entry *old = &last->epoch.roster[i];
		const struct e2ee_entry *new = e2ee_chain_find(msg, old->ik);

		if (!new || memcmp(new->session, old->session, E2EE_ID_LEN) != 0)
			return true;
	}
	return false;
}

/*
 * An EPOCH may come late, and so may all that is said about it. It was made
 * after the key package that it is for, though (M8 c).
 */
static uint64_t epoch_since(const struct e2ee_room *room,
			    const struct e2ee_message *msg,
			    const struct e2ee_entry *me)
{
	uint64_t since = room->now;

	for (unsigned int i = 0; me != e2ee_chain_owner(msg) && i < 2; i++)
		if (room->kps[i].msg && !memcmp(room->kps[i].msg->hash,
						me->kp_hash, E2EE_HASH_LEN))
			since = room->kps[i].made;
	return since;
}

static struct epoch *epoch_new(struct e2ee_room *room, struct e2ee_message *msg,
			       const uint8_t *raw)
{
	const struct e2ee_entry *me =
		e2ee_chain_find(msg, e2ee_identity_ik(room->identity));
	const struct epoch *newest = e2ee_chain_newest(room);
	struct epoch *epoch = calloc(1, sizeof(*epoch));

	if (!epoch)
		return NULL;
	epoch->msg = e2ee_message_get(msg);
	if (e2ee_schedule_secret(msg->hash, raw, epoch->secret) ||
	    e2ee_schedule_authenticator(epoch->secret, msg->hash,
					epoch->authenticator)) {
		epoch_free(epoch);
		return NULL;
	}
	epoch->number = room->next_number++;
	epoch->leaf = me->leaf;
	epoch->accepted = room->now;
	epoch->since = epoch_since(room, msg, me);
	epoch->dies = NEVER;
	/* one that comes before it was switched to does not put a removal off */
	epoch->removes = keys_removes(room->last, msg) ||
			 (newest && !newest->switched && newest->removes);
	epoch->deadline = room->now + (epoch->removes ? 1 : 2) * SECOND;
	return epoch;
}

/*
 * The oldest open deadline counts (M6). Who took over waits for an answer first
 * (O5), but not with a removal: who is gone hears all that is said meanwhile.
 */
void e2ee_keys_open_deadlines(struct e2ee_room *room)
{
	uint64_t first = NEVER;

	for (size_t i = 0; i < room->epoch_count; i++)
		if (room->epochs[i]->deadline < first &&
		    (!room->took_over || room->epochs[i]->removes))
			first = room->epochs[i]->deadline;
	room->timers[TIMER_SWITCH] = first;
}

/*
 * Whatever the epochs in use lack in the kernel: keys that it refused, and
 * streams in place of those that are used up. Until an epoch has all of them,
 * nobody is told that this device has it.
 */
static void keys_install(struct e2ee_room *room)
{
	int ret = 0, err;

	/* after an error the kernel alone knows what is there */
	if (room->install_tries)
		ret = e2ee_uses_look(room);
	for (size_t i = 0; i < room->epoch_count && !ret; i++) {
		struct epoch *epoch = room->epochs[i];

		err = e2ee_install_epoch(room, epoch, epoch->number >
					 room->stopped_at &&
					 (!i || epoch->number == room->sending));
		if (!err && e2ee_policy_holds(room))
			epoch->installed = true;
		ret = ret ?: err;
	}
	if (!ret) {
		room->install_tries = 0;
		e2ee_clock_stop(room, TIMER_INSTALL);
		return;
	}
	e2ee_clock_set(room, TIMER_INSTALL, room->install_tries < 6 ?
		       INSTALL_AGAIN << room->install_tries : SECOND);
	room->install_tries++;
}

/* TIMER_INSTALL */
void e2ee_keys_install_again(struct e2ee_room *room)
{
	(void)e2ee_policy_upkeep(room);
	keys_install(room);
}

/* Accepted last, and not said so yet: is all of it there now? */
bool e2ee_keys_answer(struct e2ee_room *room)
{
	struct epoch *epoch = e2ee_chain_newest(room);

	if (!epoch || !epoch->installed || epoch->answered)
		return false;
	epoch->answered = true;
	return true;
}

/**
 * e2ee_keys_accept() - derive and install an EPOCH's keys; nothing is sent with
 * them yet (M4)
 * @room: handle
 * @msg: it passed M1 and M2; room->last is still the one before
 * @raw: 32 bytes
 *
 * What the kernel does not take at once is tried again until it does.
 *
 * Return: 0; else nothing has changed, and the EPOCH may be accepted later.
 */
int e2ee_keys_accept(struct e2ee_room *room, struct e2ee_message *msg,
		     const uint8_t *raw)
{
	bool new_call = room->last && !e2ee_chain_same_call(room->last, msg);
	uint32_t policy = e2ee_policy_from_wire(msg->epoch.policy);
	struct epoch *epoch;
	int err = 0;

	if (e2ee_idset_add(&room->accepted, msg->hash))
		return -ENOMEM;
	epoch = epoch_new(room, msg, raw);
	if (epoch && policy < room->policy_now)
		err = e2ee_policy_set(room, policy);
	if (epoch && !err && keys_leave_a_gap(room, msg))
		err = e2ee_policy_shut(room);
	if (!epoch || err) {
		e2ee_idset_del(&room->accepted, msg->hash);
		if (epoch)
			epoch_free(epoch);
		return err ?: -ENOMEM;
	}
	(void)e2ee_uses_look(room);	/* what was known before will do */
	epoch_inherit_seen(room, epoch);
	if (room->epoch_count)
		keys_remember(room, room->epochs[0]);
	keys_make_room(room, msg);
	(void)e2ee_policy_ask(room, policy);	/* tried again, see upkeep */
	memmove(&room->epochs[1], &room->epochs[0],
		room->epoch_count * sizeof(room->epochs[0]));
	room->epochs[0] = epoch;
	room->epoch_count++;
	keys_install(room);
	if (new_call)
		e2ee_keys_switch(room);
	e2ee_keys_open_deadlines(room);
	return 0;
}

/*
 * The kernel does not go on to the newest epoch: once more in a second. Who was
 * removed with it must not hear what is said until then.
 */
static void keys_switch_failed(struct e2ee_room *room, struct epoch *epoch)
{
	e2ee_alarm(room, ALARM_NO_SWITCH, "",
		   "the kernel does not switch to epoch %u", epoch->number);
	epoch->deadline = room->now + SECOND;
	e2ee_keys_open_deadlines(room);
	if (!epoch->removes || room->policy_now != E2EE_POLICY_REQUIRED)
		return;
	for (size_t i = 1; i < room->epoch_count; i++) {
		if (room->epochs[i]->tx_over)
			continue;
		room->epochs[i]->tx_over = true;
		e2ee_install_delete(room, room->epochs[i], true, false);
	}
	room->sending = 0;
}

/* Send with the newest epoch from now on (M6) */
void e2ee_keys_switch(struct e2ee_room *room)
{
	struct epoch *epoch = e2ee_chain_newest(room);

	if (!epoch || epoch->switched || epoch->number <= room->stopped_at)
		return;
	/* its key package could not be renewed */
	if (room->now >= epoch->since + SENDING_AGE) {
		e2ee_clock_set(room, TIMER_AGE, 0);
		return;
	}
	(void)e2ee_uses_look(room);
	keys_install(room);
	if (!(epoch->tx & 1u << SHARED_STREAM) ||
	    (room->ops.use_epoch(room->arg, epoch->number, false) &&
	     room->ops.use_epoch(room->arg, epoch->number, true))) {
		keys_switch_failed(room, epoch);
		return;
	}
	room->sending = epoch->number;
	room->stopped[0] = '\0';
	e2ee_alarm_end(room, ALARM_STOPPED, NULL);
	e2ee_alarm_end(room, ALARM_NO_SWITCH, NULL);
	e2ee_alarm_end(room, ALARM_NOT_SENT, NULL);
	for (size_t i = 0; i < room->epoch_count; i++) {
		struct epoch *old = room->epochs[i];

		old->deadline = NEVER;
		if (i && old->dies == NEVER)
			old->dies = room->now + EPOCH_GRACE;
		old->switched = true;
		if (!i || old->tx_over)
			continue;
		old->tx_over = true;
		e2ee_install_delete(room, old, true, false);
	}
	if (room->inherited.count && room->inherited_dies == NEVER)
		room->inherited_dies = room->now + EPOCH_GRACE;
	e2ee_keys_open_deadlines(room);
	room->timers[TIMER_AGE] = epoch->since + SENDING_AGE;
	(void)e2ee_policy_upkeep(room);
	e2ee_outbox_event(room, E2EE_ROOM_KEYFRAME, NULL);
	e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
}

/*
 * All have answered the newest EPOCH, says its owner: so it was the newest still
 * when my own answer was there (M8 c).
 */
void e2ee_keys_confirmed(struct e2ee_room *room)
{
	struct epoch *epoch = e2ee_chain_newest(room);

	epoch->since = epoch->accepted;
	if (epoch->number == room->sending)
		room->timers[TIMER_AGE] = epoch->since + SENDING_AGE;
}

/* What sending was stopped for; newer ones may be there by now */
struct stopping {
	struct key_names names;
	uint32_t newest;
};

static int names_add_stopped(const struct e2ee_key *key, void *arg)
{
	struct stopping *stopping = arg;

	if (key->dir != E2EE_DIR_TX || key->epoch > stopping->newest)
		return 0;
	return e2ee_install_name(&stopping->names, key->dir, key->kid);
}

static int names_add_all(const struct e2ee_key *key, void *arg)
{
	return e2ee_install_name(arg, key->dir, key->kid);
}

/* Keys in the kernel, where this is the last chance to delete them */
static void keys_delete(struct e2ee_room *room, e2ee_key_cb which)
{
	int ret = -EAGAIN, err;

	for (unsigned int i = 0; i < DELETE_TRIES && ret; i++) {
		struct key_names names = { 0 };

		ret = room->ops.key_list(room->arg, which, &names);
		err = e2ee_install_delete_names(room, &names);
		ret = ret ?: err;
		free(names.list);
	}
	if (!ret)
		return;
	room->delete_again = true;
	e2ee_alarm(room, ALARM_KEYS_LEFT, "", "the kernel still has keys: %s",
		   strerror(-ret));
}

/*
 * Those to send with; again each second while the kernel does not (K6), or does not
 * take the policy that makes their absence safe.
 */
static void keys_delete_stopped(struct e2ee_room *room)
{
	struct stopping stopping = { .newest = room->stopped_at };
	int err, ret;

	room->stop_again = true;
	if (room->policy_now != E2EE_POLICY_REQUIRED && !room->sending)
		return;
	err = room->ops.key_list(room->arg, names_add_stopped, &stopping);
	ret = e2ee_install_delete_names(room, &stopping.names);
	free(stopping.names.list);
	if (!err)
		err = ret;
	room->stop_again = err;
	if (err)
		e2ee_alarm(room, ALARM_KEYS_LEFT, "",
			   "the kernel still has keys to send with: %s",
			   strerror(-err));
}

/*
 * Sending stops: without keys the kernel swallows media (K6). Under "optional"
 * it would send in clear instead: there it goes on, with an alarm.
 */
void e2ee_keys_stop(struct e2ee_room *room, const char *reason)
{
	e2ee_alarm(room, ALARM_STOPPED, "", "%s", reason);
	if (room->policy_now == E2EE_POLICY_OPTIONAL ||
	    room->policy_now == E2EE_POLICY_OFF)
		return;
	/* not known yet: if it were looser, no keys would mean clear */
	if (room->policy_now == UINT32_MAX)
		e2ee_policy_set(room, E2EE_POLICY_REQUIRED);
	snprintf(room->stopped, sizeof(room->stopped), "%s", reason);
	room->stopped_at = room->next_number - 1;
	room->sending = 0;
	keys_delete_stopped(room);
	e2ee_clock_stop(room, TIMER_AGE);
	for (size_t i = 0; i < room->epoch_count; i++)
		room->epochs[i]->deadline = NEVER;
	e2ee_keys_open_deadlines(room);
	e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
}

/* Once a second */
void e2ee_keys_upkeep(struct e2ee_room *room)
{
	for (size_t i = room->epoch_count; i-- > 0; )
		if (room->now >= room->epochs[i]->dies)
			keys_kill(room, i);
	if (room->now >= room->inherited_dies) {
		room->inherited_dies = NEVER;
		if (e2ee_install_delete_names(room, &room->inherited))
			room->inherited_dies = room->now + SECOND;
	}
	(void)e2ee_policy_upkeep(room);
	if (room->stop_again)
		keys_delete_stopped(room);
	if ((room->epoch_count || room->delete_again) &&
	    !e2ee_uses_look(room))
		keys_install(room);
}

/*
 * Does this KID, which anybody may have sent, ask for more streams of its device
 * than are known? It gets them for this epoch: whoever did not hear the SSRCs of
 * before is to hear a new one within a second.
 */
static bool epoch_ask(struct epoch *epoch, size_t place, uint64_t kid)
{
	unsigned int used = e2ee_install_used(epoch, place);
	unsigned int stream = (unsigned int)(kid >> 14);
	uint8_t leaf = epoch->msg->epoch.roster[place].leaf;
	unsigned int asked = stream + 1;

	if (stream >= E2EE_STREAMS_MAX || leaf == epoch->leaf ||
	    kid != e2ee_install_kid(epoch, stream, leaf))
		return false;
	if (asked <= used || asked <= epoch->asked[place])
		return false;
	epoch->asked[place] = (uint8_t)asked;
	return true;
}

static bool keys_missing_rx(struct e2ee_room *room, uint64_t kid)
{
	bool more = false;

	for (size_t e = 0; e < room->epoch_count; e++) {
		struct epoch *epoch = room->epochs[e];

		for (size_t i = 0; i < epoch->msg->epoch.roster_count; i++)
			more |= epoch_ask(epoch, i, kid);
	}
	return more;
}

static void keys_missing_tx(struct e2ee_room *room, uint32_t ssrc)
{
	struct stream_use *use = e2ee_uses_get(room, ssrc);

	if (use)
		use->at = room->now;
	/* there is a key for all of them, unless the kernel refused it */
	if (room->sending && !*room->stopped)
		e2ee_alarm(room, ALARM_NOT_SENT, "",
			   "a stream is not sent: the kernel has no key for it");
}

/*
 * The kernel met an SSRC or a KID that it has no key for. A look into the kernel
 * is dear: a stranger's packets are worth one only where something is learnt.
 */
void e2ee_keys_missing(struct e2ee_room *room, uint32_t dir, uint64_t kid,
		       uint32_t ssrc)
{
	if (dir == E2EE_DIR_TX)
		keys_missing_tx(room, ssrc);
	else if (!keys_missing_rx(room, kid))
		return;
	if (room->epoch_count &&
	    e2ee_clock_may(room, &room->topup_limit, 100) &&
	    !e2ee_uses_look(room))
		keys_install(room);
}

static int keys_inherit(const struct e2ee_key *key, void *arg)
{
	struct e2ee_room *room = arg;

	if (key->epoch >= room->next_number)
		room->next_number = key->epoch + 1;
	return e2ee_install_name(&room->inherited, key->dir, key->kid);
}

/* Of the session as it is found: its keys stay for now (K1, K8) */
int e2ee_keys_start(struct e2ee_room *room)
{
	int err;

	room->inherited_dies = NEVER;
	e2ee_policy_find(room);
	err = room->ops.key_list(room->arg, keys_inherit, room);
	room->first_number = room->next_number;
	return err;
}

/* Every secret here; the kernel's keys stay */
static void keys_forget_secrets(struct e2ee_room *room)
{
	while (room->epoch_count)
		epoch_free(room->epochs[--room->epoch_count]);
	for (size_t i = 0; i < EPOCHS_LIVE; i++) {
		e2ee_message_put(room->past[i].msg);
		OPENSSL_cleanse(&room->past[i], sizeof(room->past[i]));
	}
	free(room->inherited.list);
	room->inherited = (struct key_names){ 0 };
	room->sending = 0;
	e2ee_clock_stop(room, TIMER_SWITCH);
	e2ee_clock_stop(room, TIMER_AGE);
}

void e2ee_keys_forget(struct e2ee_room *room)
{
	keys_forget_secrets(room);
	free(room->uses);
	room->uses = NULL;
	room->use_count = 0;
}

static int names_add_rx(const struct e2ee_key *key, void *arg)
{
	return key->dir == E2EE_DIR_RX ? names_add_all(key, arg) : 0;
}

/*
 * It is over: every key of the session goes (K10), but those to send with only
 * when the session has the policy that it is to be left with. A session that is
 * gone has neither, and its sockets are blocked.
 *
 * Return: 0, or the error for which the kernel refuses the policy.
 */
int e2ee_keys_end(struct e2ee_room *room)
{
	int err = e2ee_policy_upkeep(room);
	bool stays = err && err != -ENOENT;

	keys_delete(room, stays ? names_add_rx : names_add_all);
	return stays ? err : 0;
}

/*
 * The kernel session was made anew, or the machine slept: counters of the
 * kernel may be those of before, so no key of before is used again (K7).
 */
void e2ee_keys_renew(struct e2ee_room *room)
{
	e2ee_policy_find(room);
	keys_forget_secrets(room);
	keys_delete(room, names_add_all);
	room->stopped_at = room->next_number - 1;
	room->first_number = 0;		/* none of these is wanted any more */
}
