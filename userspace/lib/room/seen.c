// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Devices that were seen first in a call ("tofu"): the trust store learns them.
 * Those that it cannot be told, as the disk is full, say, are remembered here
 * for as long as the room goes on, and held to what they showed first all the
 * same.
 */
#include <errno.h>
#include <string.h>

#include "state.h"

#define SEEN_AGAIN		(30 * SECOND)	/* until the store is tried again */

static const struct seen *seen_find(const struct e2ee_room *room,
				    const char *dev, const uint8_t *ik)
{
	for (size_t i = 0; i < room->seen_count; i++)
		if (!strcmp(room->seen[i].dev, dev) ||
		    !memcmp(room->seen[i].ik, ik, E2EE_IK_LEN))
			return &room->seen[i];
	return NULL;
}

/* Of a device that the store does not know: may it be a new one? */
enum e2ee_trust_answer e2ee_seen_ask(const struct e2ee_room *room,
				     const char *dev, const uint8_t *ik)
{
	const struct seen *seen = seen_find(room, dev, ik);

	if (seen)
		return !strcmp(seen->dev, dev) &&
		       !memcmp(seen->ik, ik, E2EE_IK_LEN) ?
		       E2EE_TRUST_NEW : E2EE_TRUST_CHANGED;
	/* one that could not be held to its key is none that may come in */
	return room->seen_count < SEEN_MAX ? E2EE_TRUST_NEW :
					     E2EE_TRUST_CHANGED;
}

static void seen_remember(struct e2ee_room *room, const char *dev,
			  const uint8_t *ik, int err)
{
	struct seen *seen = &room->seen[room->seen_count];

	e2ee_alarm(room, ALARM_TRUST_STORE, "",
		   "the trust store cannot be written: %s: devices that are new are remembered only until e2eed ends",
		   strerror(-err));
	if (room->seen_count == SEEN_MAX)
		return;
	room->seen_count++;
	memcpy(seen->dev, dev, strlen(dev) + 1);
	memcpy(seen->ik, ik, sizeof(seen->ik));
}

/* A device that the room let in, and that is really there */
void e2ee_seen_learn(struct e2ee_room *room, const struct e2ee_entry *entry)
{
	int err;

	if (!memcmp(entry->ik, e2ee_identity_ik(room->identity), E2EE_IK_LEN) ||
	    seen_find(room, entry->dev, entry->ik) ||
	    e2ee_trust_ask(room->trust, entry->dev, entry->ik, NULL) !=
	    E2EE_TRUST_NEW)
		return;
	err = e2ee_trust_add(room->trust, entry->dev, entry->ik,
			     E2EE_TRUST_TOFU);
	if (err && err != -EEXIST)
		seen_remember(room, entry->dev, entry->ik, err);
}

/* Once a second: can the store be written again? */
void e2ee_seen_upkeep(struct e2ee_room *room)
{
	if (!room->seen_count ||
	    !e2ee_clock_may(room, &room->seen_limit, SEEN_AGAIN))
		return;
	while (room->seen_count) {
		const struct seen *last = &room->seen[room->seen_count - 1];
		int err = e2ee_trust_add(room->trust, last->dev, last->ik,
					 E2EE_TRUST_TOFU);

		/* one that the operator added meanwhile is the store's */
		if (err && err != -EEXIST)
			return;
		room->seen_count--;
	}
	e2ee_alarm_end(room, ALARM_TRUST_STORE, NULL);
}
