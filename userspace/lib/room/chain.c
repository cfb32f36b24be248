// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sets of identity keys and ids, and which of two chains of EPOCHs stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

/* where it is, or would be */
static size_t idset_place(const struct idset *set, const uint8_t *id,
			  bool *found)
{
	size_t low = 0, high = set->count;

	*found = false;
	while (low < high && !*found) {
		size_t mid = (low + high) / 2;
		int order = memcmp(set->data + mid * set->size, id, set->size);

		*found = !order;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return *found ? high : low;
}

bool e2ee_idset_has(const struct idset *set, const uint8_t *id)
{
	bool found;

	idset_place(set, id, &found);
	return found;
}

int e2ee_idset_add(struct idset *set, const uint8_t *id)
{
	bool found;
	size_t at = idset_place(set, id, &found);
	uint8_t *data;

	if (found)
		return 0;
	data = realloc(set->data, (set->count + 1) * set->size);
	if (!data)
		return -ENOMEM;
	set->data = data;
	memmove(data + (at + 1) * set->size, data + at * set->size,
		(set->count - at) * set->size);
	memcpy(data + at * set->size, id, set->size);
	set->count++;
	return 0;
}

void e2ee_idset_del(struct idset *set, const uint8_t *id)
{
	bool found;
	size_t at = idset_place(set, id, &found);

	if (!found)
		return;
	set->count--;
	memmove(set->data + at * set->size, set->data + (at + 1) * set->size,
		(set->count - at) * set->size);
}

void e2ee_idset_clear(struct idset *set)
{
	free(set->data);
	set->data = NULL;
	set->count = 0;
}

/* the owner's entry; NULL: its leaf is not in the roster */
const struct e2ee_entry *e2ee_chain_owner(const struct e2ee_message *epoch)
{
	for (size_t i = 0; i < epoch->epoch.roster_count; i++)
		if (epoch->epoch.roster[i].leaf == epoch->epoch.owner)
			return &epoch->epoch.roster[i];
	return NULL;
}

const struct e2ee_entry *e2ee_chain_find(const struct e2ee_message *epoch,
					 const uint8_t *ik)
{
	for (size_t i = 0; i < epoch->epoch.roster_count; i++)
		if (!memcmp(epoch->epoch.roster[i].ik, ik, E2EE_IK_LEN))
			return &epoch->epoch.roster[i];
	return NULL;
}

const struct e2ee_entry *e2ee_chain_find_dev(const struct e2ee_message *epoch,
					     const char *dev)
{
	for (size_t i = 0; i < epoch->epoch.roster_count; i++)
		if (!strcmp(epoch->epoch.roster[i].dev, dev))
			return &epoch->epoch.roster[i];
	return NULL;
}

bool e2ee_chain_lists(const uint8_t *const *list, size_t count,
		      const uint8_t *ik)
{
	for (size_t i = 0; i < count; i++)
		if (!memcmp(list[i], ik, E2EE_IK_LEN))
			return true;
	return false;
}

/* in the roster, or lost */
bool e2ee_chain_has(const struct e2ee_message *epoch, const uint8_t *ik)
{
	return e2ee_chain_find(epoch, ik) ||
	       e2ee_chain_lists(epoch->epoch.lost, epoch->epoch.lost_count, ik);
}

bool e2ee_chain_bans(const struct e2ee_message *epoch, const uint8_t *ik)
{
	return e2ee_chain_lists(epoch->epoch.banned, epoch->epoch.banned_count,
				ik);
}

bool e2ee_chain_same_call(const struct e2ee_message *a,
			  const struct e2ee_message *b)
{
	return !memcmp(a->call, b->call, E2EE_ID_LEN);
}

/* Of one owner and term: is @a the later one? */
bool e2ee_chain_later(const struct e2ee_message *a,
		      const struct e2ee_message *b)
{
	return e2ee_chain_same_call(a, b) && a->epoch.term == b->epoch.term &&
	       !memcmp(e2ee_chain_owner(a)->ik, e2ee_chain_owner(b)->ik,
		       E2EE_IK_LEN) && a->epoch.seq > b->epoch.seq;
}

/*
 * Does @a stay, and not @b? (section 7) Both sides of a split see the same two
 * EPOCHs, and come to the same answer.
 */
bool e2ee_chain_better(const struct e2ee_message *a,
		       const struct e2ee_message *b)
{
	const struct e2ee_entry *own_a = e2ee_chain_owner(a);
	const struct e2ee_entry *own_b = e2ee_chain_owner(b);
	int order;

	if (e2ee_chain_same_call(a, b) && e2ee_chain_has(b, own_a->ik) &&
	    e2ee_chain_has(a, own_b->ik)) {
		if (a->epoch.term != b->epoch.term)
			return a->epoch.term > b->epoch.term;
		if (own_a->leaf != own_b->leaf)
			return own_a->leaf < own_b->leaf;
		return memcmp(own_a->ik, own_b->ik, E2EE_IK_LEN) < 0;
	}
	if (a->epoch.roster_count != b->epoch.roster_count)
		return a->epoch.roster_count > b->epoch.roster_count;
	order = memcmp(a->call, b->call, E2EE_ID_LEN);
	if (order)
		return order < 0;
	return memcmp(own_a->ik, own_b->ik, E2EE_IK_LEN) < 0;
}

/* in the roster or lost of my last EPOCH, and not banned */
bool e2ee_chain_is_kin(const struct e2ee_room *room, const uint8_t *ik)
{
	return room->last && e2ee_chain_has(room->last, ik) &&
	       !e2ee_idset_has(&room->bans, ik);
}

/* accepted last, of a call that I am in; NULL */
struct epoch *e2ee_chain_newest(const struct e2ee_room *room)
{
	return room->epoch_count ? room->epochs[0] : NULL;
}

/* accepted and alive; NULL */
struct epoch *e2ee_chain_by_t(const struct e2ee_room *room, const uint8_t *t)
{
	for (size_t i = 0; i < room->epoch_count; i++)
		if (!memcmp(room->epochs[i]->msg->hash, t, E2EE_HASH_LEN))
			return room->epochs[i];
	return NULL;
}
