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

#define BATCH			64

/* Keys on their way into the kernel or out of it */
struct batch {
	struct e2ee_room *room;
	struct e2ee_key keys[BATCH];
	size_t count;
	bool delete;
	int err;
};

static void batch_flush(struct batch *batch)
{
	struct e2ee_room *room = batch->room;
	int err;

	if (!batch->count)
		return;
	if (batch->delete)
		err = room->ops.key_del(room->arg, batch->keys, batch->count);
	else
		err = room->ops.key_new(room->arg, batch->keys, batch->count);
	if (err && !batch->err)
		batch->err = err;
	OPENSSL_cleanse(batch->keys, sizeof(batch->keys[0]) * batch->count);
	batch->count = 0;
}

static struct e2ee_key *batch_add(struct batch *batch)
{
	struct e2ee_key *key;

	if (batch->count == BATCH)
		batch_flush(batch);
	key = &batch->keys[batch->count++];
	memset(key, 0, sizeof(*key));
	return key;
}

static void batch_name(struct batch *batch, uint32_t dir, uint64_t kid)
{
	struct e2ee_key *key = batch_add(batch);

	key->has = E2EE_HAS(E2EE_A_KEY_DIR) | E2EE_HAS(E2EE_A_KEY_KID);
	key->dir = dir;
	key->kid = kid;
}

static int batch_end(struct batch *batch)
{
	struct e2ee_room *room = batch->room;

	batch_flush(batch);
	if (batch->err && !batch->delete)
		e2ee_outbox_alarm(room, "the kernel refuses keys: %s",
				  strerror(-batch->err));
	return batch->err;
}

static uint64_t epoch_kid(const struct epoch *epoch, unsigned int stream,
			  uint8_t leaf)
{
	return e2ee_schedule_kid(stream, leaf, epoch->msg->epoch.term,
				 epoch->msg->epoch.seq);
}

/* @keys: kid is set */
static int epoch_keys(const struct epoch *epoch, const struct e2ee_entry *entry,
		      struct e2ee_key *keys, size_t count)
{
	int err;

	err = e2ee_schedule_keys(epoch->secret, entry->leaf, entry->dev,
				 entry->session, epoch->msg->epoch.media, keys,
				 count);
	for (size_t i = 0; i < count; i++) {
		keys[i].has |= E2EE_HAS(E2EE_A_KEY_DIR) |
			       E2EE_HAS(E2EE_A_KEY_EPOCH) |
			       E2EE_HAS(E2EE_A_KEY_SSRC_MODE) |
			       E2EE_HAS(E2EE_A_KEY_EXPIRES);
		keys[i].epoch = epoch->number;
	}
	return err;
}

static const struct e2ee_entry *epoch_me(const struct epoch *epoch)
{
	const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;

	for (size_t i = 0; i < msg->roster_count; i++)
		if (msg->roster[i].leaf == epoch->leaf)
			return &msg->roster[i];
	return NULL;
}

/* A key of before this process, whose KID is needed now, goes first (K5) */
static void keys_disinherit(struct e2ee_room *room, uint32_t dir, uint64_t kid)
{
	struct batch batch;

	if (!room->inherited.count)
		return;
	batch = (struct batch){ .room = room, .delete = true };
	for (size_t i = 0; i < room->inherited.count; i++) {
		if (room->inherited.list[i].dir != dir ||
		    room->inherited.list[i].kid != kid)
			continue;
		batch_name(&batch, dir, kid);
		room->inherited.list[i] =
			room->inherited.list[--room->inherited.count];
		break;
	}
	batch_end(&batch);
}

/* The first @count streams of a sender, but for those that are there */
static void epoch_add_rx(struct batch *batch, struct epoch *epoch, size_t place,
			 unsigned int count)
{
	const struct e2ee_entry *entry = &epoch->msg->epoch.roster[place];
	uint32_t streams = 0;
	struct e2ee_key *keys;
	size_t n = 0;

	if (BATCH - batch->count < count)
		batch_flush(batch);
	keys = &batch->keys[batch->count];
	for (unsigned int stream = 0; stream < count; stream++) {
		uint64_t kid = epoch_kid(epoch, stream, entry->leaf);

		if (epoch->rx[place] & 1u << stream)
			continue;
		keys_disinherit(batch->room, E2EE_DIR_RX, kid);
		streams |= 1u << stream;
		memset(&keys[n], 0, sizeof(keys[n]));
		keys[n].dir = E2EE_DIR_RX;
		keys[n].ssrc_mode = E2EE_SSRC_ANY;
		keys[n].expires = RX_EXPIRES;
		keys[n++].kid = kid;
	}
	if (!n || epoch_keys(epoch, entry, keys, n))
		return;
	batch->count += n;
	epoch->rx[place] |= streams;
}

/* Each other leaf: the streams that it used so far, and spare ones (K3) */
static void epoch_fill_rx(struct batch *batch, struct epoch *epoch)
{
	const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;

	for (size_t i = 0; i < msg->roster_count; i++) {
		unsigned int count = epoch->seen[i] + SPARE_STREAMS;

		if (msg->roster[i].leaf == epoch->leaf)
			continue;
		if (count > E2EE_STREAMS_MAX)
			count = E2EE_STREAMS_MAX;
		epoch_add_rx(batch, epoch, i, count);
	}
}

/* The next stream of mine; @ssrc NULL: to be claimed. False: none is left */
static bool epoch_add_tx(struct batch *batch, struct epoch *epoch,
			 const uint32_t *ssrc)
{
	unsigned int stream = 0;
	struct e2ee_key *key;

	while (stream < E2EE_STREAMS_MAX && epoch->tx & 1u << stream)
		stream++;
	if (stream == E2EE_STREAMS_MAX)
		return false;
	keys_disinherit(batch->room, E2EE_DIR_TX,
			epoch_kid(epoch, stream, epoch->leaf));
	epoch->tx |= 1u << stream;
	key = batch_add(batch);
	key->kid = epoch_kid(epoch, stream, epoch->leaf);
	if (epoch_keys(epoch, epoch_me(epoch), key, 1)) {
		batch->count--;
		return true;
	}
	key->dir = E2EE_DIR_TX;
	key->expires = TX_EXPIRES;
	key->ssrc_mode = E2EE_SSRC_CLAIM;
	if (ssrc) {
		key->ssrc_mode = E2EE_SSRC_NUMBER;
		key->has |= E2EE_HAS(E2EE_A_KEY_SSRC);
		key->ssrc = *ssrc;
		epoch->bound[epoch->bound_count++] = *ssrc;
	} else {
		epoch->spare++;
	}
	return true;
}

/* My SSRCs that sent lately, and spare keys (K2). False: no stream is left */
static bool epoch_fill_tx(struct e2ee_room *room, struct epoch *epoch)
{
	struct batch batch = { .room = room };
	bool left = true;

	for (size_t i = 0; i < room->use_count; i++) {
		const struct stream_use *use = &room->uses[i];

		if (room->now - use->at < ACTIVE_FOR &&
		    epoch->bound_count < BOUND_MAX &&
		    !e2ee_uses_binds(epoch, use->ssrc))
			left = epoch_add_tx(&batch, epoch, &use->ssrc) && left;
	}
	while (left && epoch->spare < SPARE_STREAMS)
		left = epoch_add_tx(&batch, epoch, NULL);
	batch_end(&batch);
	return left || epoch->spare;
}

/* lifetime */

static void epoch_delete_keys(struct e2ee_room *room, struct epoch *epoch,
			      bool tx, bool rx)
{
	const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;
	struct batch batch = { .room = room, .delete = true };

	for (unsigned int stream = 0; stream < E2EE_STREAMS_MAX; stream++) {
		if (tx && epoch->tx & 1u << stream)
			batch_name(&batch, E2EE_DIR_TX,
				   epoch_kid(epoch, stream, epoch->leaf));
		for (size_t i = 0; rx && i < msg->roster_count; i++)
			if (epoch->rx[i] & 1u << stream)
				batch_name(&batch, E2EE_DIR_RX,
					   epoch_kid(epoch, stream,
						     msg->roster[i].leaf));
	}
	batch_end(&batch);
}

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

	epoch_delete_keys(room, epoch, !epoch->switched ||
			  epoch->number == room->sending, true);
	if (epoch->number == room->sending)
		room->sending = 0;
	epoch_free(epoch);
	room->epoch_count--;
	memmove(&room->epochs[place], &room->epochs[place + 1],
		(room->epoch_count - place) * sizeof(room->epochs[0]));
}

void e2ee_keys_drop_epochs(struct e2ee_room *room)
{
	while (room->epoch_count)
		keys_kill(room, room->epoch_count - 1);
	e2ee_clock_stop(room, TIMER_SWITCH);
}

/* The KIDs of two epochs are the same where term and seq end alike (K5) */
static bool keys_collide(const struct e2ee_msg_epoch *a,
			 const struct e2ee_msg_epoch *b)
{
	return !((a->term ^ b->term) & 3) && !((a->seq ^ b->seq) & 15);
}

static void keys_make_room(struct e2ee_room *room,
			   const struct e2ee_message *msg)
{
	for (size_t i = room->epoch_count; i-- > 0; )
		if (keys_collide(&room->epochs[i]->msg->epoch, &msg->epoch))
			keys_kill(room, i);
	while (room->epoch_count >= EPOCHS_LIVE)
		keys_kill(room, room->epoch_count - 1);
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

/**
 * e2ee_keys_accept() - derive and install an EPOCH's keys; nothing is sent with
 * them yet (M4)
 * @room: handle
 * @msg: it passed M1 and M2; room->last is still the one before
 * @raw: 32 bytes
 */
int e2ee_keys_accept(struct e2ee_room *room, struct e2ee_message *msg,
		     const uint8_t *raw)
{
	bool new_call = room->last && !e2ee_chain_same_call(room->last, msg);
	uint32_t policy = e2ee_policy_from_wire(msg->epoch.policy);
	struct batch batch = { .room = room };
	struct epoch *epoch;

	if (e2ee_idset_add(&room->accepted, msg->hash))
		return -ENOMEM;
	epoch = epoch_new(room, msg, raw);
	if (!epoch) {
		e2ee_idset_del(&room->accepted, msg->hash);
		return -ENOMEM;
	}
	e2ee_uses_look(room);
	epoch_inherit_seen(room, epoch);
	if (room->epoch_count)
		keys_remember(room, room->epochs[0]);
	/* without keys a policy looser than "required" sends in clear */
	if (policy < room->policy_now)
		e2ee_policy_set(room, policy);
	if (new_call)
		e2ee_keys_drop_epochs(room);
	keys_make_room(room, msg);
	e2ee_policy_set(room, policy);
	memmove(&room->epochs[1], &room->epochs[0],
		room->epoch_count * sizeof(room->epochs[0]));
	room->epochs[0] = epoch;
	room->epoch_count++;
	epoch_fill_rx(&batch, epoch);
	batch_end(&batch);
	epoch_fill_tx(room, epoch);
	if (new_call)
		e2ee_keys_switch(room);
	e2ee_keys_open_deadlines(room);
	return 0;
}

/* Send with the newest epoch from now on (M6) */
void e2ee_keys_switch(struct e2ee_room *room)
{
	struct epoch *epoch = e2ee_chain_newest(room);
	uint32_t before = room->sending;

	if (!epoch || epoch->switched || epoch->number <= room->stopped_at)
		return;
	/* its key package could not be renewed */
	if (room->now >= epoch->since + SENDING_AGE) {
		e2ee_clock_set(room, TIMER_AGE, 0);
		return;
	}
	e2ee_uses_look(room);
	epoch_fill_tx(room, epoch);
	if (room->ops.use_epoch(room->arg, epoch->number, false) &&
	    room->ops.use_epoch(room->arg, epoch->number, true)) {
		e2ee_outbox_alarm(room, "the kernel does not switch to epoch %u",
				  epoch->number);
		epoch->deadline = room->now + SECOND;	/* once more */
		e2ee_keys_open_deadlines(room);
		return;
	}
	room->sending = epoch->number;
	room->stopped[0] = '\0';
	for (size_t i = 0; i < room->epoch_count; i++) {
		struct epoch *old = room->epochs[i];

		old->deadline = NEVER;
		if (i && old->dies == NEVER)
			old->dies = room->now + EPOCH_GRACE;
		if (i && (!old->switched || old->number == before))
			epoch_delete_keys(room, old, true, false);
		old->switched = true;
	}
	if (room->inherited.count && room->inherited_dies == NEVER)
		room->inherited_dies = room->now + EPOCH_GRACE;
	e2ee_keys_open_deadlines(room);
	room->timers[TIMER_AGE] = epoch->since + SENDING_AGE;
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

/* names are collected first: a listing must not be disturbed */
static int names_add(struct key_names *names, const struct e2ee_key *key)
{
	struct key_name *list;

	list = realloc(names->list, (names->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	names->list = list;
	list[names->count++] = (struct key_name){ key->dir, key->kid };
	return 0;
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
	return names_add(&stopping->names, key);
}

static int names_add_all(const struct e2ee_key *key, void *arg)
{
	return names_add(arg, key);
}

static int names_delete(struct e2ee_room *room, struct key_names *names)
{
	struct batch batch = { .room = room, .delete = true };
	int err;

	for (size_t i = 0; i < names->count; i++)
		batch_name(&batch, names->list[i].dir, names->list[i].kid);
	err = batch_end(&batch);
	free(names->list);
	*names = (struct key_names){ 0 };
	return err;
}

/* All keys in the kernel */
static void keys_delete_all(struct e2ee_room *room)
{
	struct key_names names = { 0 };

	room->ops.key_list(room->arg, names_add_all, &names);
	names_delete(room, &names);
}

/* Those to send with; again each second while the kernel does not (K6) */
static void keys_delete_stopped(struct e2ee_room *room)
{
	struct stopping stopping = { .newest = room->stopped_at };
	int err = room->ops.key_list(room->arg, names_add_stopped, &stopping);
	int ret = names_delete(room, &stopping.names);

	if (!err)
		err = ret;
	room->stop_again = err;
	if (err)
		e2ee_outbox_alarm(room, "the kernel still has keys to send with: %s",
				  strerror(-err));
}

/*
 * Sending stops: without keys the kernel swallows media (K6). Under "optional"
 * it would send in clear instead: there it goes on, with an alarm.
 */
void e2ee_keys_stop(struct e2ee_room *room, const char *reason)
{
	e2ee_outbox_alarm(room, "%s", reason);
	if (room->policy_now == E2EE_POLICY_OPTIONAL ||
	    room->policy_now == E2EE_POLICY_OFF)
		return;
	/* not known yet: if it were looser, no keys would mean clear */
	if (room->policy_now == UINT32_MAX)
		e2ee_policy_set(room, E2EE_POLICY_REQUIRED);
	snprintf(room->stopped, sizeof(room->stopped), "%s", reason);
	room->stopped_at = room->next_number - 1;
	keys_delete_stopped(room);
	room->sending = 0;
	e2ee_clock_stop(room, TIMER_AGE);
	for (size_t i = 0; i < room->epoch_count; i++)
		room->epochs[i]->deadline = NEVER;
	e2ee_keys_open_deadlines(room);
	e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
}

/* Spare streams for those that are used up, in every epoch that is in use */
static void keys_top_up(struct e2ee_room *room)
{
	bool left = true;

	for (size_t i = 0; i < room->epoch_count; i++) {
		struct epoch *epoch = room->epochs[i];
		struct batch batch = { .room = room };

		epoch_fill_rx(&batch, epoch);
		batch_end(&batch);
		if (epoch->number > room->stopped_at &&
		    (!i || epoch->number == room->sending))
			left = epoch_fill_tx(room, epoch) && left;
	}
	if (!left)
		room->rekey = true;
}

/* Once a second */
void e2ee_keys_upkeep(struct e2ee_room *room)
{
	for (size_t i = room->epoch_count; i-- > 0; )
		if (room->now >= room->epochs[i]->dies)
			keys_kill(room, i);
	if (room->now >= room->inherited_dies) {
		names_delete(room, &room->inherited);
		room->inherited_dies = NEVER;
	}
	e2ee_policy_upkeep(room);
	if (room->stop_again)
		keys_delete_stopped(room);
	if (room->epoch_count) {
		e2ee_uses_look(room);
		keys_top_up(room);
	}
}

/* The kernel met an SSRC or a KID that it has no key for */
void e2ee_keys_missing(struct e2ee_room *room, uint32_t dir, uint64_t kid,
		       uint32_t ssrc)
{
	unsigned int stream = (unsigned int)(kid >> 14);
	struct stream_use *use;

	if (dir == E2EE_DIR_TX) {
		use = e2ee_uses_get(room, ssrc);
		if (use)
			use->at = room->now;
	}
	for (size_t e = 0; dir == E2EE_DIR_RX && e < room->epoch_count; e++) {
		struct epoch *epoch = room->epochs[e];
		const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;

		for (size_t i = 0; i < msg->roster_count; i++)
			if (stream < E2EE_STREAMS_MAX &&
			    kid == epoch_kid(epoch, stream,
					     msg->roster[i].leaf) &&
			    epoch->seen[i] <= stream)
				epoch->seen[i] = (uint8_t)(stream + 1);
	}
	if (room->epoch_count &&
	    e2ee_clock_may(room, &room->topup_limit, 100)) {
		e2ee_uses_look(room);
		keys_top_up(room);
	}
}

static int keys_inherit(const struct e2ee_key *key, void *arg)
{
	struct e2ee_room *room = arg;

	if (key->epoch >= room->next_number)
		room->next_number = key->epoch + 1;
	return names_add(&room->inherited, key);
}

/* Of the session as it is found: its keys stay for now (K1, K8) */
int e2ee_keys_start(struct e2ee_room *room)
{
	room->inherited_dies = NEVER;
	e2ee_policy_find(room);
	return room->ops.key_list(room->arg, keys_inherit, room);
}

/* It is over: every key of the session, and every secret here (K10) */
void e2ee_keys_wipe(struct e2ee_room *room)
{
	e2ee_keys_drop_epochs(room);
	keys_delete_all(room);
	names_delete(room, &room->inherited);
	for (size_t i = 0; i < EPOCHS_LIVE; i++) {
		e2ee_message_put(room->past[i].msg);
		OPENSSL_cleanse(&room->past[i], sizeof(room->past[i]));
	}
}

/*
 * The kernel session was made anew, or the machine slept: counters of the
 * kernel may be those of before, so no key of before is used again (K7).
 */
void e2ee_keys_renew(struct e2ee_room *room)
{
	e2ee_policy_find(room);
	e2ee_keys_wipe(room);
	room->stopped_at = room->next_number - 1;
	room->sending = 0;
	e2ee_clock_stop(room, TIMER_AGE);
}

/* Every secret here; the kernel's keys stay */
void e2ee_keys_forget(struct e2ee_room *room)
{
	while (room->epoch_count)
		epoch_free(room->epochs[--room->epoch_count]);
	for (size_t i = 0; i < EPOCHS_LIVE; i++) {
		e2ee_message_put(room->past[i].msg);
		OPENSSL_cleanse(&room->past[i], sizeof(room->past[i]));
	}
	free(room->inherited.list);
	free(room->uses);
}
