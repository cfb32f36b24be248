// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A room in one look.
 */
#include <stdio.h>
#include <string.h>

#include "state.h"

static void status_waiting(const struct e2ee_room *room, uint64_t now,
			   const struct peer *peer,
			   struct e2ee_room_member *member)
{
	if (member->acked || room->state != E2EE_ROOM_OWNER)
		return;
	if (peer && peer->gone_at != NEVER)
		snprintf(member->waiting, sizeof(member->waiting),
			 "it is gone, or cannot reach the broker");
	else
		snprintf(member->waiting, sizeof(member->waiting),
			 "no answer to the keys for %u s",
			 (unsigned int)((now - room->made_at) / SECOND));
}

static void status_member(const struct e2ee_room *room, uint64_t now,
			  const struct e2ee_entry *entry,
			  struct e2ee_room_member *member)
{
	const struct peer *peer = e2ee_peers_find(room, entry->ik);

	memcpy(member->dev, entry->dev, sizeof(member->dev));
	memcpy(member->ik, entry->ik, sizeof(member->ik));
	member->leaf = entry->leaf;
	member->self = !strcmp(entry->dev, room->dev);
	member->owner = entry->leaf == room->last->epoch.owner;
	e2ee_trust_ask(room->trust, entry->dev, entry->ik, &member->trust);
	if (member->self)
		member->trust = E2EE_TRUST_PINNED;
	member->verified = member->trust >= E2EE_TRUST_VERIFIED;
	member->acked = member->self ||
			(room->state == E2EE_ROOM_OWNER ? peer &&
			 !memcmp(peer->acked, room->last->hash,
				 E2EE_HASH_LEN) : room->hb_switch);
	status_waiting(room, now, peer, member);
}

static void status_sas(const struct e2ee_room *room,
		       struct e2ee_room_status *status)
{
	if (!room->sas)
		return;
	status->sas = room->sas->state;
	memcpy(status->emoji, room->sas->emoji, sizeof(status->emoji));
	memcpy(status->numbers, room->sas->numbers, sizeof(status->numbers));
	e2ee_verify_waiting(room, status->sas_waiting,
			    sizeof(status->sas_waiting));
}

static void status_call(const struct e2ee_room *room, uint64_t now,
			struct e2ee_room_status *status)
{
	const struct epoch *epoch = e2ee_chain_newest(room);
	const struct e2ee_message *last = room->last;

	memcpy(status->call, last->call, sizeof(status->call));
	memcpy(status->t, last->hash, sizeof(status->t));
	status->term = last->epoch.term;
	status->seq = last->epoch.seq;
	status->suite = last->epoch.media;
	status->locked = last->epoch.flags & E2EE_EPOCH_LOCKED;
	status->banned = room->bans.count;
	status->lost = last->epoch.lost_count;
	if (epoch) {
		status->epoch = epoch->number;
		status->epoch_age = now - epoch->accepted;
		status->switched = epoch->switched;
	}
	status->count = last->epoch.roster_count;
	for (size_t i = 0; i < status->count; i++)
		status_member(room, now, &last->epoch.roster[i],
			      &status->members[i]);
}

void e2ee_room_status(const struct e2ee_room *room, uint64_t now,
		      struct e2ee_room_status *status)
{
	memset(status, 0, sizeof(*status));
	status->state = room->state;
	status->link = room->link;
	status->sending = room->sending;
	status->policy = room->policy_now == UINT32_MAX ? room->floor :
							   room->policy_now;
	status->encrypted = (room->sending || room->inherited.count) &&
			    !*room->stopped &&
			    status->policy != E2EE_POLICY_OFF;
	memcpy(status->stopped, room->stopped, sizeof(status->stopped));
	memcpy(status->split, room->split, sizeof(status->split));
	status->alarm_count = room->alarm_count;
	for (size_t i = 0; i < room->alarm_count; i++)
		memcpy(status->alarms[i], room->alarms[i].text,
		       sizeof(status->alarms[i]));
	if (room->last && room->state != E2EE_ROOM_LEFT)
		status_call(room, now, status);
	status_sas(room, status);
}

void e2ee_room_outsiders(const struct e2ee_room *room, uint64_t now,
			 e2ee_room_outsider_cb cb, void *arg)
{
	for (size_t i = 0; i < room->peer_count; i++) {
		const struct peer *peer = &room->peers[i];
		struct e2ee_room_outsider outsider = { .here = 0 };
		enum admission admission;

		if (!e2ee_peers_is_outside(room, peer))
			continue;
		admission = e2ee_peers_admission(room, peer->dev, peer->ik);
		memcpy(outsider.dev, peer->dev, sizeof(outsider.dev));
		memcpy(outsider.ik, peer->ik, sizeof(outsider.ik));
		e2ee_trust_ask(room->trust, peer->dev, peer->ik,
			       &outsider.trust);
		outsider.trusted = admission == ADMISSION_GOOD;
		outsider.changed = admission == ADMISSION_CHANGED ||
				   admission == ADMISSION_TWIN;
		outsider.here = now - peer->kp_at;
		cb(&outsider, arg);
	}
}

enum e2ee_room_over e2ee_room_over(const struct e2ee_room *room)
{
	return room->over;
}

uint64_t e2ee_room_stat(const struct e2ee_room *room, enum e2ee_room_stat stat)
{
	return stat < E2EE_ROOM_STATS ? room->stats[stat] : 0;
}

const char *e2ee_room_stat_name(enum e2ee_room_stat stat)
{
	static const char *const names[E2EE_ROOM_STATS] = {
		"received", "drop_rate", "drop_size", "drop_form",
		"drop_stranger", "drop_old", "drop_signature", "drop_rule",
	};

	return stat < E2EE_ROOM_STATS ? names[stat] : NULL;
}
