// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a look into the kernel shows: which streams are in use, mine and those of
 * others, and which keys nobody took yet.
 */
#include <stdlib.h>

#include "state.h"

static struct epoch *uses_epoch(const struct e2ee_room *room, uint32_t number)
{
	for (size_t i = 0; i < room->epoch_count; i++)
		if (room->epochs[i]->number == number)
			return room->epochs[i];
	return NULL;
}

struct stream_use *e2ee_uses_get(struct e2ee_room *room, uint32_t ssrc)
{
	struct stream_use *uses;

	for (size_t i = 0; i < room->use_count; i++)
		if (room->uses[i].ssrc == ssrc)
			return &room->uses[i];
	uses = realloc(room->uses, (room->use_count + 1) * sizeof(*uses));
	if (!uses)
		return NULL;
	room->uses = uses;
	uses += room->use_count++;
	*uses = (struct stream_use){ .ssrc = ssrc };
	return uses;
}

static uint32_t uses_bit(const struct e2ee_key *key)
{
	uint64_t stream = key->kid >> 14;

	return stream < E2EE_STREAMS_MAX ? 1u << stream : 0;
}

static void uses_note_tx(struct e2ee_room *room, const struct e2ee_key *key)
{
	struct epoch *epoch = uses_epoch(room, key->epoch);
	struct stream_use *use;

	if (epoch)
		epoch->tx |= uses_bit(key);
	if (!(key->has & E2EE_HAS(E2EE_A_KEY_SSRC))) {
		if (epoch && key->ssrc_mode == E2EE_SSRC_CLAIM)
			epoch->spare++;
		return;
	}
	/* claimed, or bound by a request whose answer was lost */
	if (epoch && epoch->bound_count < E2EE_STREAMS_MAX &&
	    !e2ee_install_binds(epoch, key->ssrc))
		epoch->bound[epoch->bound_count++] = key->ssrc;
	/* of what is sent with now: other counts do not grow any more */
	if (!key->packets || (epoch ? epoch->number != room->sending :
				      room->sending != 0))
		return;
	use = e2ee_uses_get(room, key->ssrc);
	if (use)
		use->listed = true;
	if (!use || (use->kid == key->kid && use->packets == key->packets))
		return;
	use->at = room->now;
	use->kid = key->kid;
	use->packets = key->packets;
}

static void uses_note_rx(struct e2ee_room *room, const struct e2ee_key *key)
{
	struct epoch *epoch = uses_epoch(room, key->epoch);
	unsigned int stream = (unsigned int)(key->kid >> 14);
	uint8_t leaf = (uint8_t)(key->kid >> 6);

	if (!epoch || stream >= E2EE_STREAMS_MAX)
		return;
	for (size_t i = 0; i < epoch->msg->epoch.roster_count; i++) {
		if (epoch->msg->epoch.roster[i].leaf != leaf)
			continue;
		epoch->rx[i] |= uses_bit(key);
		if (key->packets && epoch->seen[i] <= stream)
			epoch->seen[i] = (uint8_t)(stream + 1);
	}
}

/* Of mine, and wanted no more: the kernel did not delete it when it was told to */
static bool uses_is_stray(const struct e2ee_room *room,
			  const struct e2ee_key *key)
{
	const struct epoch *epoch = uses_epoch(room, key->epoch);

	if (epoch)
		return key->dir == E2EE_DIR_TX && epoch->tx_over;
	return key->epoch >= room->first_number &&
	       key->epoch < room->next_number;
}

struct look {
	struct e2ee_room *room;
	struct key_names strays;
};

static int uses_note(const struct e2ee_key *key, void *arg)
{
	struct look *look = arg;

	if (key->dir == E2EE_DIR_TX)
		uses_note_tx(look->room, key);
	else
		uses_note_rx(look->room, key);
	if (uses_is_stray(look->room, key))
		return e2ee_install_name(&look->strays, key->dir, key->kid);
	return 0;
}

static int uses_later(const void *a, const void *b)
{
	const struct stream_use *one = a, *two = b;

	return one->at < two->at ? 1 : one->at > two->at ? -1 : 0;
}

/* SSRCs come and go: those that are long gone are forgotten */
static void uses_sort(struct e2ee_room *room)
{
	size_t left = 0;

	for (size_t i = 0; i < room->use_count; i++)
		if (room->uses[i].listed ||
		    room->now - room->uses[i].at < ACTIVE_FOR)
			room->uses[left++] = room->uses[i];
	room->use_count = left;
	if (left)
		qsort(room->uses, left, sizeof(room->uses[0]), uses_later);
}

/**
 * e2ee_uses_look() - ask the kernel which keys are there, and which are in use
 * @room: handle
 *
 * Keys that should be gone are deleted.
 *
 * Return: 0, or an error: then all that is known is what was known before.
 */
int e2ee_uses_look(struct e2ee_room *room)
{
	struct look look = { .room = room };
	unsigned int spare[EPOCHS_LIVE] = { 0 };
	int ret, err;

	for (size_t i = 0; i < room->epoch_count; i++) {
		spare[i] = room->epochs[i]->spare;
		room->epochs[i]->spare = 0;
	}
	for (size_t i = 0; i < room->use_count; i++)
		room->uses[i].listed = false;
	ret = room->ops.key_list(room->arg, uses_note, &look);
	if (ret)
		for (size_t i = 0; i < room->epoch_count; i++)
			room->epochs[i]->spare = spare[i];
	else
		uses_sort(room);
	err = e2ee_install_delete_names(room, &look.strays);
	free(look.strays.list);
	room->delete_again = ret || err;
	if (!room->delete_again && !room->stop_again)
		e2ee_alarm_end(room, ALARM_KEYS_LEFT, NULL);
	return ret;
}
