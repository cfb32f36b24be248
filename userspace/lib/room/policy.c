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

static int policy_put(struct e2ee_room *room, uint32_t policy)
{
	int err = room->ops.set_policy(room->arg, policy);

	if (err) {
		e2ee_alarm(room, ALARM_POLICY_REFUSED, "",
			   "the kernel refuses policy %s",
			   e2ee_policy_name(policy));
		return err;
	}
	room->policy_now = policy;
	e2ee_alarm_end(room, ALARM_POLICY_REFUSED, NULL);
	return 0;
}

/*
 * Without a key to send with, "optional" sends in clear. So a session that is
 * stricter stays so until there is one.
 */
static bool policy_waits(const struct e2ee_room *room, uint32_t policy)
{
	return policy == E2EE_POLICY_OPTIONAL &&
	       room->policy_now == E2EE_POLICY_REQUIRED && !room->sending;
}

/*
 * Puts a policy on the session, unless it is weaker than what this device
 * accepts. A policy that the kernel refuses is tried again each second.
 */
int e2ee_policy_set(struct e2ee_room *room, uint32_t policy)
{
	if (policy > room->floor)
		policy = room->floor;
	room->policy_wanted = policy;
	if (policy == room->policy_now || policy_waits(room, policy))
		return 0;
	return policy_put(room, policy);
}

/* What an EPOCH asks for */
int e2ee_policy_ask(struct e2ee_room *room, uint32_t policy)
{
	if (policy > room->floor)
		e2ee_alarm(room, ALARM_POLICY_WEAK, "",
			   "the owner asks for policy %s, which is weaker than %s: refused",
			   e2ee_policy_name(policy),
			   e2ee_policy_name(room->floor));
	else
		e2ee_alarm_end(room, ALARM_POLICY_WEAK, NULL);
	return e2ee_policy_set(room, policy);
}

/* Is the session at least as strict as it should be? */
bool e2ee_policy_holds(const struct e2ee_room *room)
{
	return room->policy_wanted == UINT32_MAX ||
	       room->policy_now <= room->policy_wanted;
}

/*
 * For the time in which there may be no key to send with. The policy that is
 * wanted comes back when there is one.
 */
int e2ee_policy_shut(struct e2ee_room *room)
{
	if (room->policy_now != E2EE_POLICY_OPTIONAL)
		return 0;
	return policy_put(room, E2EE_POLICY_REQUIRED);
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

/* Once a second, and when sending begins: what is wanted may not be there yet */
int e2ee_policy_upkeep(struct e2ee_room *room)
{
	if (room->policy_wanted == UINT32_MAX)
		return 0;
	return e2ee_policy_set(room, room->policy_wanted);
}
