// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Verification by people: all commit to a nonce, then all reveal, then all see
 * the same code, unless somebody stands between them (section 8).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "state.h"

#define SAS_EVERY		(2 * SECOND)
#define SAS_PATIENCE		(10 * SECOND)

/*
 * "The codes differ", as a commitment: no nonce has this one. A commitment that
 * changes fails the run with an alarm at everybody, also where this one is
 * not known.
 */
static const uint8_t commitment_no[E2EE_HASH_LEN];

static const struct e2ee_msg_epoch *run_epoch(const struct sas_run *run)
{
	return &run->epoch->epoch;
}

static struct e2ee_sas_context run_context(const struct sas_run *run)
{
	const struct e2ee_msg_epoch *epoch = run_epoch(run);

	return (struct e2ee_sas_context){
		.call = run->epoch->call,
		.epoch = (uint32_t)epoch->term << 16 | (epoch->seq & 0xffff),
		.t = run->epoch->hash,
	};
}

/* place of a device in the roster; -1: it is not there */
static int run_place(const struct sas_run *run, const char *dev)
{
	for (size_t i = 0; i < run_epoch(run)->roster_count; i++)
		if (!strcmp(run->shares[i].dev, dev))
			return (int)i;
	return -1;
}

static bool run_all(const struct sas_run *run, const bool *flags)
{
	for (size_t i = 0; i < run_epoch(run)->roster_count; i++)
		if (!flags[i])
			return false;
	return true;
}

static void run_free(struct sas_run *run)
{
	e2ee_message_put(run->epoch);
	OPENSSL_cleanse(run, sizeof(*run));
	free(run);
}

void e2ee_verify_free(struct e2ee_room *room)
{
	if (room->sas)
		run_free(room->sas);
	room->sas = NULL;
	e2ee_clock_stop(room, TIMER_SAS);
}

/* It ends when people have compared a code that is the same */
static void verify_alarm(struct e2ee_room *room, const char *text)
{
	e2ee_alarm(room, ALARM_VERIFICATION, "", "verification failed: %s",
		   text);
}

/* The messages of one who said no go on: they are what tells the others */
static void verify_failed(struct e2ee_room *room, const char *text)
{
	room->sas->state = E2EE_SAS_FAILED;
	if (!room->sas->no)
		e2ee_clock_stop(room, TIMER_SAS);
	verify_alarm(room, text);
	e2ee_outbox_event(room, E2EE_ROOM_SAS, NULL);
}

static void verify_send(struct e2ee_room *room)
{
	struct e2ee_message draft = { .type = E2EE_MSG_SAS_COMMIT };
	struct sas_run *run = room->sas;
	struct e2ee_sas_share *mine;

	if (!run)
		return;
	mine = &run->shares[run_place(run, room->dev)];
	draft.call = run->epoch->call;
	draft.sas.t = run->epoch->hash;
	draft.sas.commitment = mine->commitment;
	draft.sas.counter = ++room->counter;
	if (run->no)
		draft.sas.commitment = commitment_no;
	e2ee_outbox_send(room, &draft);
	if (run->no || !run_all(run, run->committed))
		return;
	draft.type = E2EE_MSG_SAS_REVEAL;
	draft.sas.commitment = NULL;
	draft.sas.nonce = mine->nonce;
	draft.sas.commitments = run->commitments;
	draft.sas.counter = ++room->counter;
	e2ee_outbox_send(room, &draft);
}

static void verify_ready(struct e2ee_room *room)
{
	struct sas_run *run = room->sas;
	struct e2ee_sas_context context = run_context(run);
	uint8_t code[E2EE_SAS_CODE_LEN];

	if (e2ee_sas_code(&context, run->shares, run_epoch(run)->roster_count,
			  run->authenticator, code)) {
		verify_failed(room, "out of memory");
		return;
	}
	e2ee_sas_show(code, run->emoji, run->numbers);
	run->state = E2EE_SAS_READY;
	e2ee_outbox_event(room, E2EE_ROOM_SAS, NULL);
}

static int run_commit(struct e2ee_room *room, struct sas_run *run)
{
	struct e2ee_sas_context context = run_context(run);
	int place = run_place(run, room->dev);
	int err;

	if (place < 0)
		return -ENOENT;
	err = e2ee_random(run->shares[place].nonce, E2EE_SAS_NONCE_LEN);
	if (!err)
		err = e2ee_sas_commit(&context, room->dev,
				      run->shares[place].nonce,
				      run->shares[place].commitment);
	run->committed[place] = !err;
	run->revealed[place] = !err;
	return err;
}

static int run_new(struct e2ee_room *room, struct e2ee_message *msg,
		   const uint8_t *authenticator)
{
	struct sas_run *run = calloc(1, sizeof(*run));
	int err;

	if (!run)
		return -ENOMEM;
	run->state = E2EE_SAS_WAITING;
	run->started = room->now;
	run->epoch = e2ee_message_get(msg);
	memcpy(run->authenticator, authenticator, sizeof(run->authenticator));
	for (size_t i = 0; i < msg->epoch.roster_count; i++)
		run->shares[i].dev = msg->epoch.roster[i].dev;
	err = run_commit(room, run);
	if (err) {
		run_free(run);
		return err;
	}
	e2ee_verify_free(room);
	room->sas = run;
	room->rekey_off = room->now + MINUTE;
	if (run_all(run, run->committed))	/* I am alone */
		verify_ready(room);
	return 0;
}

/* Of the EPOCH that was replaced a short while ago; or NULL */
static struct past_epoch *verify_past(struct e2ee_room *room, const uint8_t *t)
{
	for (size_t i = 0; i < EPOCHS_LIVE; i++) {
		struct past_epoch *past = &room->past[i];

		if (past->msg && room->now - past->replaced < SAS_KEPT &&
		    !memcmp(past->msg->hash, t, E2EE_HASH_LEN))
			return past;
	}
	return NULL;
}

/* a T that I hold, or of before: it may be both, and is verified once */
static int verify_open(struct e2ee_room *room, const uint8_t *t)
{
	struct epoch *epoch = e2ee_chain_by_t(room, t);
	struct past_epoch *past = verify_past(room, t);
	int err = -ENOENT;

	if ((epoch && epoch->verified) || (past && past->verified))
		return -EALREADY;
	if (epoch)
		err = run_new(room, epoch->msg, epoch->authenticator);
	else if (past)
		err = run_new(room, past->msg, past->authenticator);
	if (epoch)
		epoch->verified = !err;
	if (past)
		past->verified = !err;
	return err;
}

static bool verify_runs(const struct e2ee_room *room)
{
	return room->sas && room->sas->state == E2EE_SAS_WAITING &&
	       room->now - room->sas->started < SAS_KEPT;
}

/* Are these the devices, with the keys, that the run was about? */
static bool run_is_of(const struct sas_run *run, const struct e2ee_message *msg)
{
	const struct e2ee_msg_epoch *epoch = run_epoch(run);

	if (epoch->roster_count != msg->epoch.roster_count)
		return false;
	for (size_t i = 0; i < epoch->roster_count; i++) {
		const struct e2ee_entry *entry = &epoch->roster[i];
		const struct e2ee_entry *now =
			e2ee_chain_find(msg, entry->ik);

		if (!now || strcmp(now->dev, entry->dev) != 0 ||
		    memcmp(now->session, entry->session, E2EE_ID_LEN) != 0)
			return false;
	}
	return true;
}

/*
 * A code is for all who ask while its run is kept, however often and in whatever
 * order they answer: keys that are renewed meanwhile change nothing about who
 * the devices are.
 */
bool e2ee_verify_shown(const struct e2ee_room *room)
{
	const struct sas_run *run = room->sas;

	if (!run || !run_is_of(run, room->last))
		return false;
	if (!memcmp(run->epoch->hash, room->last->hash, E2EE_HASH_LEN))
		return run->state != E2EE_SAS_WAITING || verify_runs(room);
	return (run->state == E2EE_SAS_READY || run->state == E2EE_SAS_DONE) &&
	       room->now - run->started < SAS_KEPT;
}

static bool verify_is_no(const struct e2ee_message *msg)
{
	return msg->type == E2EE_MSG_SAS_COMMIT &&
	       !memcmp(msg->sas.commitment, commitment_no, E2EE_HASH_LEN);
}

/* The EPOCH that a message is about; NULL: there is no run of it, nor may be */
static const struct e2ee_message *verify_epoch(struct e2ee_room *room,
					       const uint8_t *t)
{
	const struct epoch *epoch = e2ee_chain_by_t(room, t);
	const struct past_epoch *past = verify_past(room, t);

	if (room->sas && !memcmp(room->sas->epoch->hash, t, E2EE_HASH_LEN))
		return room->sas->epoch;
	if (epoch)
		return epoch->msg;
	return past ? past->msg : NULL;
}

/* Whoever came later, or again, has no say in it */
static bool verify_lists(const struct e2ee_message *epoch,
			 const struct e2ee_message *msg)
{
	const struct e2ee_entry *entry = e2ee_chain_find_dev(epoch, msg->dev);

	return entry && !memcmp(entry->session, msg->session, E2EE_ID_LEN);
}

/* People at another device saw another code: that is for all to know */
static void verify_no(struct e2ee_room *room, const struct e2ee_message *msg)
{
	char text[E2EE_ROOM_TEXT];

	snprintf(text, sizeof(text), "people at %s saw another code", msg->dev);
	if (!room->sas ||
	    memcmp(room->sas->epoch->hash, msg->sas.t, E2EE_HASH_LEN) != 0)
		verify_alarm(room, text);
	else if (room->sas->state != E2EE_SAS_FAILED)
		verify_failed(room, text);
}

/* -EALREADY: there was a run for this T, and there is one only */
int e2ee_verify_start(struct e2ee_room *room, const uint8_t *t)
{
	int err;

	if (verify_runs(room))
		return 0;
	err = verify_open(room, t);
	if (err)
		return err;
	verify_send(room);
	e2ee_clock_set(room, TIMER_SAS, SAS_EVERY);
	e2ee_outbox_event(room, E2EE_ROOM_SAS, NULL);
	return 0;
}

static void verify_committed(struct e2ee_room *room,
			     const struct e2ee_message *msg, int place)
{
	struct sas_run *run = room->sas;
	struct e2ee_sas_share *share = &run->shares[place];

	if (run->committed[place]) {
		if (memcmp(share->commitment, msg->sas.commitment,
			   E2EE_HASH_LEN) != 0)
			verify_failed(room, "a device changed its commitment");
		return;
	}
	memcpy(share->commitment, msg->sas.commitment, E2EE_HASH_LEN);
	run->committed[place] = true;
	if (!run_all(run, run->committed))
		return;
	if (e2ee_sas_commitments(run->shares, run_epoch(run)->roster_count,
				 run->commitments))
		verify_failed(room, "out of memory");
	else
		verify_send(room);
}

static void verify_revealed(struct e2ee_room *room,
			    const struct e2ee_message *msg, int place)
{
	struct sas_run *run = room->sas;
	struct e2ee_sas_context context = run_context(run);
	uint8_t commitment[E2EE_HASH_LEN];

	/* it comes again when all commitments are here */
	if (!run_all(run, run->committed) || run->revealed[place])
		return;
	if (memcmp(msg->sas.commitments, run->commitments, E2EE_HASH_LEN) != 0) {
		verify_failed(room, "devices saw different commitments");
		return;
	}
	if (e2ee_sas_commit(&context, msg->dev, msg->sas.nonce, commitment) ||
	    memcmp(commitment, run->shares[place].commitment, E2EE_HASH_LEN) != 0) {
		verify_failed(room, "a device revealed what it had not committed to");
		return;
	}
	memcpy(run->shares[place].nonce, msg->sas.nonce, E2EE_SAS_NONCE_LEN);
	run->revealed[place] = true;
	if (run_all(run, run->revealed))
		verify_ready(room);
	else
		e2ee_outbox_event(room, E2EE_ROOM_SAS, NULL);
}

/* Of a device that is in the call now, with a good signature */
void e2ee_verify_receive(struct e2ee_room *room, struct e2ee_message *msg)
{
	const struct e2ee_message *epoch = verify_epoch(room, msg->sas.t);
	int place;

	if (!epoch || !verify_lists(epoch, msg))
		return;
	if (verify_is_no(msg)) {
		verify_no(room, msg);
		return;
	}
	if (!room->sas || memcmp(room->sas->epoch->hash, msg->sas.t,
				 E2EE_HASH_LEN) != 0) {
		if (msg->type != E2EE_MSG_SAS_COMMIT || verify_runs(room) ||
		    e2ee_verify_start(room, msg->sas.t))
			return;
	}
	place = run_place(room->sas, msg->dev);
	if (place < 0 || room->sas->state == E2EE_SAS_FAILED)
		return;
	if (msg->type == E2EE_MSG_SAS_COMMIT)
		verify_committed(room, msg, place);
	else
		verify_revealed(room, msg, place);
}

/* My own messages again, as long as somebody may lack them */
void e2ee_verify_timer(struct e2ee_room *room)
{
	if (!room->sas || room->now - room->sas->started >= SAS_KEPT) {
		if (room->sas && room->sas->state == E2EE_SAS_WAITING)
			e2ee_verify_free(room);
		return;
	}
	verify_send(room);
	e2ee_clock_set(room, TIMER_SAS, SAS_EVERY);
	if (room->now - room->sas->started >= SAS_PATIENCE &&
	    room->sas->state == E2EE_SAS_WAITING)
		e2ee_outbox_event(room, E2EE_ROOM_SAS, NULL);
}

/* Names of those who are waited for */
void e2ee_verify_waiting(const struct e2ee_room *room, char *text, size_t size)
{
	const struct sas_run *run = room->sas;
	const bool *there;
	size_t len = 0;

	*text = '\0';
	if (!run || run->state != E2EE_SAS_WAITING)
		return;
	/* nobody reveals before all have committed */
	there = run_all(run, run->committed) ? run->revealed : run->committed;
	for (size_t i = 0; i < run_epoch(run)->roster_count; i++)
		if (!there[i] && len < size)
			len += (size_t)snprintf(text + len, size - len, "%s%s",
						len ? " " : "",
						run->shares[i].dev);
}

/* Pins the devices whose people read out the same code */
int e2ee_room_verify_yes(struct e2ee_room *room, const char *const *devs,
			 size_t count)
{
	struct sas_run *run = room->sas;
	int err = 0;

	if (!run || (run->state != E2EE_SAS_READY &&
		     run->state != E2EE_SAS_DONE))
		return -EAGAIN;
	for (size_t i = 0; i < count; i++)
		if (run_place(run, devs[i]) < 0)
			return -ENOENT;
	for (size_t i = 0; i < count && !err; i++) {
		int place = run_place(run, devs[i]);

		if (strcmp(devs[i], room->dev) != 0)
			err = e2ee_trust_add(room->trust, devs[i],
					     run_epoch(run)->roster[place].ik,
					     E2EE_TRUST_VERIFIED);
	}
	if (err)
		return err;
	run->state = E2EE_SAS_DONE;
	e2ee_alarm_end(room, ALARM_VERIFICATION, NULL);
	e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
	return 0;
}

/* Said again for as long as the others take it: some may not have heard it */
int e2ee_room_verify_no(struct e2ee_room *room)
{
	if (!room->sas || room->sas->state == E2EE_SAS_NONE)
		return -EAGAIN;
	room->sas->no = true;
	room->sas->started = room->now;
	verify_failed(room, "people saw different codes");
	verify_send(room);
	e2ee_clock_set(room, TIMER_SAS, SAS_EVERY);
	return 0;
}
