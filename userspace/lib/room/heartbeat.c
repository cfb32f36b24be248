// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The heartbeats of an owner: that it is there, which EPOCH holds, and whom it
 * asks for a sign of life.
 */
#include <string.h>

#include "state.h"

void e2ee_heartbeat(struct e2ee_room *room)
{
	static const uint8_t none[E2EE_HASH_LEN];
	uint64_t n = room->hb_sent_n;
	struct e2ee_message draft = {
		.type = E2EE_MSG_HB, .call = room->last->call,
	};
	struct e2ee_message *msg;

	draft.hb.t = room->last->hash;
	draft.hb.n = n;
	draft.hb.prev = n ? room->hb_sent[(n - 1) % HB_REMEMBERED] : none;
	draft.hb.switched = room->hb_switch;
	memcpy(draft.hb.poll, room->poll, sizeof(draft.hb.poll));
	draft.hb.poll_count = room->poll_count;
	e2ee_clock_set(room, TIMER_HB, HB_EVERY);
	room->hb_limit.next = room->now + SECOND / 2;
	if (!room->link)
		return;
	msg = e2ee_outbox_seal(room, &draft);
	if (!msg)
		return;
	memcpy(room->hb_sent[n % HB_REMEMBERED], msg->hash, E2EE_HASH_LEN);
	room->hb_sent_at[n % HB_REMEMBERED] = room->now;
	room->hb_sent_n++;
	e2ee_outbox_publish(room, E2EE_TOPIC_HB, msg, false);
	e2ee_message_put(msg);
}

/* On request: twice a second at most */
void e2ee_heartbeat_soon(struct e2ee_room *room)
{
	if (e2ee_clock_may(room, &room->hb_limit, SECOND / 2))
		e2ee_heartbeat(room);
	else if (room->timers[TIMER_HB] > room->hb_limit.next)
		room->timers[TIMER_HB] = room->hb_limit.next;
}

bool e2ee_heartbeat_is_mine(const struct e2ee_room *room, const uint8_t *hash,
			    uint64_t within)
{
	for (size_t i = 0; i < HB_REMEMBERED && i < room->hb_sent_n; i++)
		if (room->now - room->hb_sent_at[i] <= within &&
		    !memcmp(room->hb_sent[i], hash, E2EE_HASH_LEN))
			return true;
	return false;
}

/* A heartbeat of mine that came back: the broker is there */
bool e2ee_heartbeat_echo(struct e2ee_room *room, const struct e2ee_message *msg)
{
	if (!e2ee_heartbeat_is_mine(room, msg->hash, CALL_SILENCE))
		return false;
	room->hb_at = room->now;
	e2ee_clock_set(room, TIMER_SILENCE, CALL_SILENCE);
	if (!*room->stopped)
		e2ee_alarm_end(room, ALARM_STOPPED, NULL);
	return true;
}

/* Ask for a sign of life */
void e2ee_heartbeat_poll(struct e2ee_room *room, const struct peer *peer)
{
	const struct e2ee_entry *entry = e2ee_chain_find(room->last, peer->ik);
	size_t at = 0;

	if (!entry || room->poll_count == E2EE_POLL_MAX)
		return;
	while (at < room->poll_count && room->poll[at] < entry->leaf)
		at++;
	if (at == room->poll_count || room->poll[at] != entry->leaf) {
		memmove(&room->poll[at + 1], &room->poll[at],
			room->poll_count - at);
		room->poll[at] = entry->leaf;
		room->poll_count++;
	}
	e2ee_heartbeat_soon(room);
}

void e2ee_heartbeat_unpoll(struct e2ee_room *room, uint8_t leaf)
{
	for (size_t i = 0; i < room->poll_count; i++)
		if (room->poll[i] == leaf)
			memmove(&room->poll[i], &room->poll[i + 1],
				--room->poll_count - i);
}
