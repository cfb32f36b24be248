// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a look into the kernel shows: which streams are in use, mine and those of
 * others, and which keys nobody took yet.
 */
#include <stdlib.h>

#include "state.h"

/* Has this SSRC of mine a key of its own there? */
bool e2ee_uses_binds(const struct epoch *epoch, uint32_t ssrc)
{
	for (uint32_t i = 0; i < epoch->bound_count; i++)
		if (epoch->bound[i] == ssrc)
			return true;
	return false;
}

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

static void uses_note_tx(struct e2ee_room *room, const struct e2ee_key *key)
{
	struct epoch *epoch = uses_epoch(room, key->epoch);
	struct stream_use *use;

	if (!(key->has & E2EE_HAS(E2EE_A_KEY_SSRC))) {
		if (epoch && key->ssrc_mode == E2EE_SSRC_CLAIM)
			epoch->spare++;
		return;
	}
	if (epoch && key->ssrc_mode == E2EE_SSRC_CLAIM &&
	    epoch->bound_count < E2EE_STREAMS_MAX &&
	    !e2ee_uses_binds(epoch, key->ssrc))
		epoch->bound[epoch->bound_count++] = key->ssrc;
	/* of what is sent with now: other counts do not grow any more */
	if (!key->packets || (epoch ? epoch->number != room->sending :
				      room->sending != 0))
		return;
	use = e2ee_uses_get(room, key->ssrc);
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

	if (!epoch || !key->packets || stream >= E2EE_STREAMS_MAX)
		return;
	for (size_t i = 0; i < epoch->msg->epoch.roster_count; i++)
		if (epoch->msg->epoch.roster[i].leaf == leaf &&
		    epoch->seen[i] <= stream)
			epoch->seen[i] = (uint8_t)(stream + 1);
}

static int uses_note(const struct e2ee_key *key, void *arg)
{
	if (key->dir == E2EE_DIR_TX)
		uses_note_tx(arg, key);
	else
		uses_note_rx(arg, key);
	return 0;
}

void e2ee_uses_look(struct e2ee_room *room)
{
	for (size_t i = 0; i < room->epoch_count; i++)
		room->epochs[i]->spare = 0;
	room->ops.key_list(room->arg, uses_note, room);
}
