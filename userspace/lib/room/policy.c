// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The policy of the kernel's session: what an EPOCH asks for, but never weaker
 * than the floor (K9).
 */
#include "state.h"

uint32_t e2ee_policy_from_wire(uint8_t wire)
{
	return E2EE_POLICY_OFF - wire;	/* 0 off, 1 optional, 2 required */
}

uint8_t e2ee_policy_to_wire(uint32_t policy)
{
	return (uint8_t)(E2EE_POLICY_OFF - policy);
}

/*
 * On the session, unless it is weaker than what I accept. One that the kernel
 * refuses is tried again each second.
 */
int e2ee_policy_set(struct e2ee_room *room, uint32_t policy)
{
	int err;

	if (policy > room->floor) {
		e2ee_outbox_alarm(room, "the owner asks for policy %s, which is weaker than %s: refused",
				  e2ee_policy_name(policy),
				  e2ee_policy_name(room->floor));
		policy = room->floor;
	}
	room->policy_wanted = policy;
	if (policy == room->policy_now)
		return 0;
	err = room->ops.set_policy(room->arg, policy);
	if (err)
		e2ee_outbox_alarm(room, "the kernel refuses policy %s",
				  e2ee_policy_name(policy));
	else
		room->policy_now = policy;
	return err;
}

bool e2ee_policy_holds(const struct e2ee_room *room)
{
	return room->policy_wanted == UINT32_MAX ||
	       room->policy_wanted == room->policy_now;
}

/*
 * A session that is looser than the floor is raised to it. Where the session
 * cannot be asked, only the floor "required" can be set: with another floor the
 * session may be stricter than that.
 */
void e2ee_policy_raise(struct e2ee_room *room)
{
	uint32_t policy;

	if (room->policy_now == UINT32_MAX && room->ops.get_policy &&
	    !room->ops.get_policy(room->arg, &policy))
		room->policy_now = policy;
	if (room->policy_now == UINT32_MAX &&
	    room->floor != E2EE_POLICY_REQUIRED)
		return;
	if (room->policy_now > room->floor)
		e2ee_policy_set(room, room->floor);
}

/* Of a session that is found, before any key is deleted */
void e2ee_policy_find(struct e2ee_room *room)
{
	room->policy_now = UINT32_MAX;
	room->policy_wanted = UINT32_MAX;
	e2ee_policy_raise(room);
}

/* Once a second: the kernel may have refused it */
void e2ee_policy_upkeep(struct e2ee_room *room)
{
	if (!e2ee_policy_holds(room))
		e2ee_policy_set(room, room->policy_wanted);
}
