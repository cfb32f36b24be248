// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A room's timers.
 */
#include "state.h"

/* To fall due @in milliseconds */
void e2ee_clock_set(struct e2ee_room *room, enum timer timer, uint64_t in)
{
	room->timers[timer] = room->now + in;
}

void e2ee_clock_stop(struct e2ee_room *room, enum timer timer)
{
	room->timers[timer] = NEVER;
}

/* May it be done now, if at most once in @every milliseconds? */
bool e2ee_clock_may(struct e2ee_room *room, struct limiter *limiter,
		    uint64_t every)
{
	if (room->now < limiter->next)
		return false;
	limiter->next = room->now + every;
	return true;
}

uint32_t e2ee_clock_jitter(uint32_t below)
{
	uint32_t random = 0;

	e2ee_random(&random, sizeof(random));
	return below ? random % below : 0;
}

/* Stands still while the link is down? */
bool e2ee_clock_pauses(enum timer timer)
{
	switch (timer) {
	case TIMER_KP:
	case TIMER_CREATE:
	case TIMER_RESYNC:
	case TIMER_ACK:
	case TIMER_HB:
	case TIMER_EPOCH:
	case TIMER_RESEND:
	case TIMER_JOIN:
	case TIMER_TAKEOVER:
		return true;
	default:
		return false;
	}
}

/* The link was down for @down milliseconds */
void e2ee_clock_resume(struct e2ee_room *room, uint64_t down)
{
	for (unsigned int i = 0; i < TIMERS; i++)
		if (e2ee_clock_pauses(i) && room->timers[i] != NEVER)
			room->timers[i] += down;
}
