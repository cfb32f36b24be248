// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keys on their way into the kernel and out of it (K2, K3, K5). The kernel may
 * refuse any request for a while, for want of memory say: what counts as
 * installed is only what the kernel took, and what it did not take or did not
 * delete is tried again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "state.h"

#define BATCH			64

/* The kernel takes all keys of a batch, or none */
struct batch {
	struct e2ee_room *room;
	struct epoch *epoch;		/* whose keys are installed */
	struct e2ee_key keys[BATCH];
	size_t places[BATCH];		/* in its roster; of keys to receive */
	size_t count;
	uint32_t streams;		/* of mine that are in the batch */
	unsigned int spare;		/* claim keys that are in the batch */
	int err;			/* the first one */
};

static void batch_installed(struct epoch *epoch, const struct e2ee_key *key,
			    size_t place)
{
	uint32_t bit = 1u << (key->kid >> 14);

	if (key->dir == E2EE_DIR_RX) {
		epoch->rx[place] |= bit;
		return;
	}
	epoch->tx |= bit;
	if (key->ssrc_mode == E2EE_SSRC_CLAIM)
		epoch->spare++;
	else if (key->ssrc_mode == E2EE_SSRC_NUMBER)
		epoch->bound[epoch->bound_count++] = key->ssrc;
}

/* A kernel that wants to be asked again is asked once, not for each batch */
static void batch_flush(struct batch *batch)
{
	struct e2ee_room *room = batch->room;
	int err = -EAGAIN;

	if (!batch->count)
		return;
	if (batch->err != -EAGAIN)
		err = room->ops.key_new(room->arg, batch->keys, batch->count);
	for (size_t i = 0; i < batch->count && !err; i++)
		batch_installed(batch->epoch, &batch->keys[i],
				batch->places[i]);
	if (err && (!batch->err || err == -EAGAIN))
		batch->err = err;
	OPENSSL_cleanse(batch->keys, sizeof(batch->keys[0]) * batch->count);
	batch->count = 0;
	batch->streams = 0;
	batch->spare = 0;
}

/* names of keys */

int e2ee_install_name(struct key_names *names, uint32_t dir, uint64_t kid)
{
	struct key_name *list;

	list = realloc(names->list, (names->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	names->list = list;
	list[names->count++] = (struct key_name){ dir, kid };
	return 0;
}

static int delete_some(struct e2ee_room *room, const struct key_name *list,
		       size_t count)
{
	struct e2ee_key keys[BATCH];

	for (size_t i = 0; i < count; i++)
		keys[i] = (struct e2ee_key){
			.has = E2EE_HAS(E2EE_A_KEY_DIR) |
			       E2EE_HAS(E2EE_A_KEY_KID),
			.dir = list[i].dir, .kid = list[i].kid,
		};
	/* ours are for any SSRC: with a whole name the kernel is not asked first */
	for (size_t i = 0; i < count; i++) {
		if (list[i].dir != E2EE_DIR_RX)
			continue;
		keys[i].has |= E2EE_HAS(E2EE_A_KEY_SSRC_MODE);
		keys[i].ssrc_mode = E2EE_SSRC_ANY;
	}
	return room->ops.key_del(room->arg, keys, count);
}

/*
 * Those that the kernel did not delete stay in the list. Once it wants to be asked
 * again, the others are left for that time.
 */
int e2ee_install_delete_names(struct e2ee_room *room, struct key_names *names)
{
	size_t left = 0;
	int ret = 0, err;

	for (size_t at = 0; at < names->count; at += BATCH) {
		size_t count = names->count - at < BATCH ? names->count - at :
							   BATCH;

		err = ret == -EAGAIN ? ret :
		      delete_some(room, &names->list[at], count);
		if (!err)
			continue;
		if (!ret || err == -EAGAIN)
			ret = err;
		memmove(&names->list[left], &names->list[at],
			count * sizeof(names->list[0]));
		left += count;
	}
	names->count = left;
	if (!left) {
		free(names->list);
		names->list = NULL;
	}
	return ret;
}

/* Nothing of this process sends yet: whatever goes leaves a gap */
static int delete_inherited(struct e2ee_room *room, const struct key_name *name)
{
	int err = 0;

	if (name->dir == E2EE_DIR_TX && !room->sending)
		err = e2ee_policy_shut(room);
	return err ?: delete_some(room, name, 1);
}

/* A key of before this process, whose KID is needed now, goes first (K5) */
static void install_disinherit(struct batch *batch, uint32_t dir, uint64_t kid)
{
	struct key_names *names = &batch->room->inherited;
	int err;

	for (size_t i = 0; i < names->count; i++) {
		if (names->list[i].dir != dir || names->list[i].kid != kid)
			continue;
		err = batch->err == -EAGAIN ? batch->err :
		      delete_inherited(batch->room, &names->list[i]);
		if (!err)
			names->list[i] = names->list[--names->count];
		else if (err == -EAGAIN)
			batch->err = err;
		break;
	}
}

/* keys of epochs */

uint64_t e2ee_install_kid(const struct epoch *epoch, unsigned int stream,
			  uint8_t leaf)
{
	return e2ee_schedule_kid(stream, leaf, epoch->msg->epoch.term,
				 epoch->msg->epoch.seq);
}

/* @keys: kid is set */
static int install_derive(const struct epoch *epoch,
			  const struct e2ee_entry *entry,
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

static const struct e2ee_entry *install_me(const struct epoch *epoch)
{
	const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;

	for (size_t i = 0; i < msg->roster_count; i++)
		if (msg->roster[i].leaf == epoch->leaf)
			return &msg->roster[i];
	return NULL;
}

/* The first @count streams of a sender, but for those that are there */
static void install_add_rx(struct batch *batch, size_t place,
			   unsigned int count)
{
	struct epoch *epoch = batch->epoch;
	const struct e2ee_entry *entry = &epoch->msg->epoch.roster[place];
	struct e2ee_key *keys;
	size_t n = 0;
	int err;

	if (BATCH - batch->count < count)
		batch_flush(batch);
	keys = &batch->keys[batch->count];
	for (unsigned int stream = 0; stream < count; stream++) {
		uint64_t kid = e2ee_install_kid(epoch, stream, entry->leaf);

		if (epoch->rx[place] & 1u << stream)
			continue;
		install_disinherit(batch, E2EE_DIR_RX, kid);
		memset(&keys[n], 0, sizeof(keys[n]));
		keys[n].dir = E2EE_DIR_RX;
		keys[n].ssrc_mode = E2EE_SSRC_ANY;
		keys[n].expires = RX_EXPIRES;
		batch->places[batch->count + n] = place;
		keys[n++].kid = kid;
	}
	if (!n)
		return;
	err = install_derive(epoch, entry, keys, n);
	if (!err)
		batch->count += n;
	else if (!batch->err)
		batch->err = err;
}

/* How many streams a device has used for certain; all have the shared one */
unsigned int e2ee_install_used(const struct epoch *epoch, size_t place)
{
	return epoch->seen[place] ?: SHARED_STREAM + 1;
}

/*
 * Streams of a device beyond those that it used: all in a small room, where nothing
 * of a new SSRC is to be missed; a few in a large one, for the number of keys.
 */
static unsigned int install_spare(const struct e2ee_msg_epoch *msg)
{
	unsigned int share = RX_KEYS_SMALL / (unsigned int)msg->roster_count;

	return share > SPARE_STREAMS ? share : SPARE_STREAMS;
}

/* Each other leaf: the streams that it used so far, and its spare ones (K3) */
static void install_fill_rx(struct batch *batch)
{
	const struct epoch *epoch = batch->epoch;
	const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;

	for (size_t i = 0; i < msg->roster_count; i++) {
		unsigned int used = e2ee_install_used(epoch, i);
		unsigned int count = install_spare(msg);

		count += used > epoch->asked[i] ? used : epoch->asked[i];
		if (msg->roster[i].leaf == epoch->leaf)
			continue;
		if (count > E2EE_STREAMS_MAX)
			count = E2EE_STREAMS_MAX;
		install_add_rx(batch, i, count);
	}
}

/* A stream of mine that is not in use; @ssrc: of E2EE_SSRC_NUMBER */
static void install_add_tx(struct batch *batch, unsigned int stream,
			   uint32_t mode, uint32_t ssrc)
{
	struct epoch *epoch = batch->epoch;
	struct e2ee_key *key;
	int err;

	if (batch->count == BATCH)
		batch_flush(batch);
	key = &batch->keys[batch->count];
	memset(key, 0, sizeof(*key));
	key->kid = e2ee_install_kid(epoch, stream, epoch->leaf);
	install_disinherit(batch, E2EE_DIR_TX, key->kid);
	batch->streams |= 1u << stream;
	err = install_derive(epoch, install_me(epoch), key, 1);
	if (err) {
		batch->err = batch->err ?: err;
		return;
	}
	key->dir = E2EE_DIR_TX;
	key->expires = TX_EXPIRES;
	key->ssrc_mode = mode;
	if (mode == E2EE_SSRC_NUMBER) {
		key->has |= E2EE_HAS(E2EE_A_KEY_SSRC);
		key->ssrc = ssrc;
	}
	batch->spare += mode == E2EE_SSRC_CLAIM;
	batch->count++;
}

/* The lowest stream of mine that is free; E2EE_STREAMS_MAX: none is */
static unsigned int install_free_stream(const struct batch *batch)
{
	uint32_t used = batch->epoch->tx | batch->streams;
	unsigned int stream = SHARED_STREAM + 1;

	while (stream < E2EE_STREAMS_MAX && used & 1u << stream)
		stream++;
	return stream;
}

bool e2ee_install_binds(const struct epoch *epoch, uint32_t ssrc)
{
	for (uint32_t i = 0; i < epoch->bound_count; i++)
		if (epoch->bound[i] == ssrc)
			return true;
	return false;
}

/* The SSRCs that sent lately, those that did so last first */
static void install_bind(struct batch *batch)
{
	struct e2ee_room *room = batch->room;
	struct epoch *epoch = batch->epoch;
	uint32_t bound = epoch->bound_count;

	for (size_t i = 0; i < room->use_count && bound < BOUND_MAX; i++) {
		const struct stream_use *use = &room->uses[i];
		unsigned int stream = install_free_stream(batch);

		if (room->now - use->at >= ACTIVE_FOR ||
		    e2ee_install_binds(epoch, use->ssrc))
			continue;
		if (stream == E2EE_STREAMS_MAX)
			return;
		install_add_tx(batch, stream, E2EE_SSRC_NUMBER, use->ssrc);
		bound++;
	}
}

/*
 * Would a new epoch give streams back? It does if SSRCs hold some that send no
 * more. Where more SSRCs send than an epoch binds, the next epoch would be used
 * up as this one is, and so would each one after it.
 */
static bool install_rekey_helps(const struct e2ee_room *room,
				const struct epoch *epoch)
{
	size_t active = 0;

	for (size_t i = 0; i < room->use_count; i++)
		active += room->now - room->uses[i].at < ACTIVE_FOR;
	return active <= BOUND_MAX && epoch == e2ee_chain_newest(room) &&
	       room->now - epoch->accepted >= REKEY_APART;
}

/*
 * The stream that all SSRCs share which have no other one, so that there is none
 * that cannot send; then my SSRCs that sent lately, and spare keys (K2).
 */
static void install_fill_tx(struct batch *batch)
{
	struct epoch *epoch = batch->epoch;

	if (!(epoch->tx & 1u << SHARED_STREAM))
		install_add_tx(batch, SHARED_STREAM, E2EE_SSRC_ANY, 0);
	install_bind(batch);
	while (epoch->spare + batch->spare < SPARE_STREAMS) {
		unsigned int stream = install_free_stream(batch);

		if (stream == E2EE_STREAMS_MAX) {
			/* those that share a stream get their own ones back */
			if (install_rekey_helps(batch->room, epoch))
				batch->room->rekey = true;
			break;
		}
		install_add_tx(batch, stream, E2EE_SSRC_CLAIM, 0);
	}
}

/**
 * e2ee_install_epoch() - install what an epoch lacks in the kernel
 * @room: handle
 * @epoch: one that is alive
 * @tx: keys to send with, too
 *
 * Return: 0 if all of it is there, or the first error. What is installed after
 * an error is not known until e2ee_uses_look() has asked the kernel.
 */
int e2ee_install_epoch(struct e2ee_room *room, struct epoch *epoch, bool tx)
{
	struct batch batch = { .room = room, .epoch = epoch };

	install_fill_rx(&batch);
	batch_flush(&batch);
	if (tx)
		install_fill_tx(&batch);
	batch_flush(&batch);
	/* A derivation that failed left something beyond those that count */
	OPENSSL_cleanse(&batch.keys, sizeof(batch.keys));
	if (batch.err)
		e2ee_alarm(room, ALARM_KEYS_REFUSED, "",
			   "the kernel refuses keys: %s", strerror(-batch.err));
	return batch.err;
}

/* What the kernel does not delete now is found again, and deleted later */
void e2ee_install_delete(struct e2ee_room *room, const struct epoch *epoch,
			 bool tx, bool rx)
{
	const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;
	struct key_names names = { 0 };
	int err = 0;

	for (unsigned int stream = 0; stream < E2EE_STREAMS_MAX; stream++) {
		if (tx && epoch->tx & 1u << stream && !err)
			err = e2ee_install_name(&names, E2EE_DIR_TX,
						e2ee_install_kid(epoch, stream,
								 epoch->leaf));
		for (size_t i = 0; rx && i < msg->roster_count && !err; i++)
			if (epoch->rx[i] & 1u << stream)
				err = e2ee_install_name(&names, E2EE_DIR_RX,
					e2ee_install_kid(epoch, stream,
							 msg->roster[i].leaf));
	}
	if (e2ee_install_delete_names(room, &names) || err)
		room->delete_again = true;
	free(names.list);
}
