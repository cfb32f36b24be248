// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the operator of this device wants.
 */
#include <errno.h>
#include <string.h>

#include "state.h"

static bool command_in_call(const struct e2ee_room *room)
{
	return room->state == E2EE_ROOM_MEMBER ||
	       room->state == E2EE_ROOM_OWNER;
}

/* The owner is asked: it decides */
static int command_ask(struct e2ee_room *room, struct e2ee_msg_req *req)
{
	req->t = room->last->hash;
	e2ee_outbox_req(room, room->last->call, req);
	return 0;
}

int e2ee_room_leave(struct e2ee_room *room, uint64_t now)
{
	room->now = now;
	if (room->state == E2EE_ROOM_LEFT)
		return -ENOTCONN;
	if (room->state == E2EE_ROOM_OWNER && !room->leaving) {
		if (!e2ee_owner_hand_over(room, NULL, true))
			return 0;
		if (room->last->epoch.roster_count == 1)
			e2ee_outbox_empty(room, E2EE_TOPIC_EPOCH);
	}
	e2ee_member_leave(room);
	return 0;
}

int e2ee_room_end(struct e2ee_room *room, uint64_t now)
{
	room->now = now;
	if (!command_in_call(room))
		return -ENOTCONN;
	if (room->state != E2EE_ROOM_OWNER)
		return -EPERM;
	e2ee_owner_end(room);
	return 0;
}

int e2ee_room_rekey(struct e2ee_room *room, uint64_t now)
{
	struct e2ee_msg_req req = { .what = E2EE_REQ_REKEY };

	room->now = now;
	if (!command_in_call(room))
		return -ENOTCONN;
	if (room->state == E2EE_ROOM_MEMBER)
		return command_ask(room, &req);
	room->rekey = true;
	e2ee_owner_plan(room);
	return 0;
}

int e2ee_room_kick(struct e2ee_room *room, uint64_t now, const char *dev)
{
	struct e2ee_msg_req req = { .what = E2EE_REQ_KICK };
	const struct e2ee_entry *entry;

	room->now = now;
	if (!command_in_call(room))
		return -ENOTCONN;
	entry = e2ee_chain_find_dev(room->last, dev);
	if (!entry)
		return -ENOENT;
	if (!strcmp(dev, room->dev))
		return -EINVAL;
	req.ik = entry->ik;
	if (room->state == E2EE_ROOM_MEMBER)
		return command_ask(room, &req);
	e2ee_owner_remove(room, entry->ik, true, false);
	return 0;
}

int e2ee_room_lock(struct e2ee_room *room, uint64_t now, bool lock)
{
	struct e2ee_msg_req req = { .what = E2EE_REQ_LOCK, .lock = lock };

	room->now = now;
	if (!command_in_call(room))
		return -ENOTCONN;
	if (room->state == E2EE_ROOM_MEMBER)
		return command_ask(room, &req);
	room->locked = lock;
	room->rekey = true;
	e2ee_owner_plan(room);
	return 0;
}

int e2ee_room_handover(struct e2ee_room *room, uint64_t now, const char *dev)
{
	struct e2ee_msg_req req = { .what = E2EE_REQ_HANDOVER };
	const struct e2ee_entry *entry = NULL;

	room->now = now;
	if (!command_in_call(room))
		return -ENOTCONN;
	if (dev) {
		entry = e2ee_chain_find_dev(room->last, dev);
		if (!entry)
			return -ENOENT;
	}
	if (room->state == E2EE_ROOM_OWNER)
		return e2ee_owner_hand_over(room, entry ? entry->ik : NULL,
					    false);
	/* without a name: to me */
	req.ik = entry ? entry->ik : e2ee_identity_ik(room->identity);
	return command_ask(room, &req);
}

int e2ee_room_policy(struct e2ee_room *room, uint64_t now, uint32_t policy)
{
	struct e2ee_msg_req req = { .what = E2EE_REQ_POLICY };

	room->now = now;
	if (!command_in_call(room))
		return -ENOTCONN;
	if (policy > room->floor)
		return -EINVAL;
	req.policy = e2ee_policy_to_wire(policy);
	if (room->state == E2EE_ROOM_MEMBER)
		return command_ask(room, &req);
	room->policy_next = policy;
	room->rekey = true;
	e2ee_owner_plan(room);
	return 0;
}

int e2ee_room_verify(struct e2ee_room *room, uint64_t now)
{
	room->now = now;
	if (!command_in_call(room))
		return -ENOTCONN;
	if (e2ee_verify_shown(room))
		return 0;
	return e2ee_verify_start(room, room->last->hash);
}
