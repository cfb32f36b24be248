// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What people are told of because they should look. An alarm says what is so now:
 * it ends when its cause does. Where a room sees that, it ends the alarm at once;
 * otherwise whoever finds the cause tells of it again each time, and the alarm ends
 * when it has not been told for a while.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "state.h"

#define AGAIN_SOON	(10 * SECOND)	/* of what is tried again within seconds */
#define AGAIN_LATER	(60 * SECOND)	/* of what others repeat */

/*
 * @hearsay: anybody who reaches the broker can bring it about, with any name in it
 * @lapse: it ends when it was not told for so long; 0: not by itself
 */
static const struct {
	bool hearsay;
	uint64_t lapse;
} alarms[ALARMS] = {
	[ALARM_NO_KP] = { .lapse = AGAIN_SOON },
	[ALARM_NO_MEMORY] = { .lapse = AGAIN_SOON },
	[ALARM_POLICY_WEAK] = { 0 },
	[ALARM_POLICY_REFUSED] = { 0 },
	[ALARM_KEYS_REFUSED] = { .lapse = AGAIN_SOON },
	[ALARM_NO_SWITCH] = { .lapse = AGAIN_SOON },
	[ALARM_KEYS_LEFT] = { 0 },
	[ALARM_STOPPED] = { 0 },
	[ALARM_NOT_SENT] = { .lapse = AGAIN_SOON },
	[ALARM_TRUST_FILE] = { 0 },
	[ALARM_TRUST_STORE] = { 0 },
	[ALARM_FULL] = { .lapse = AGAIN_LATER },
	[ALARM_OTHER_KEYS] = { .lapse = AGAIN_LATER },
	[ALARM_NOT_TRUSTED] = { .lapse = 10 * MINUTE },
	[ALARM_CONTRADICTS] = { .lapse = 10 * MINUTE },
	[ALARM_FORK] = { 0 },
	[ALARM_SPLIT] = { .lapse = AGAIN_LATER },
	[ALARM_VERIFICATION] = { 0 },
	[ALARM_STRANGER] = { .hearsay = true },
	[ALARM_NOT_LET_IN] = { .hearsay = true, .lapse = AGAIN_LATER },
	[ALARM_ROSTER_REFUSED] = { .hearsay = true, .lapse = AGAIN_LATER },
	[ALARM_NO_KEY_FITS] = { .hearsay = true, .lapse = AGAIN_LATER },
	[ALARM_CHANGED] = { .hearsay = true, .lapse = AGAIN_LATER },
	[ALARM_RENAMED] = { .hearsay = true, .lapse = KP_DEAD },
	[ALARM_TWIN] = { .hearsay = true, .lapse = KP_DEAD },
	[ALARM_REMOVED_ME] = { .hearsay = true, .lapse = 10 * MINUTE },
	[ALARM_SPLIT_HEARD] = { .hearsay = true, .lapse = AGAIN_LATER },
	[ALARM_KEYS_OF] = { .hearsay = true, .lapse = AGAIN_LATER },
};

static struct alarm *alarm_find(struct e2ee_room *room, enum alarm_cause cause,
				const char *about, const char *text)
{
	for (size_t i = 0; i < room->alarm_count; i++) {
		struct alarm *alarm = &room->alarms[i];

		if (alarm->cause == cause && !strcmp(alarm->about, about) &&
		    !strcmp(alarm->text, text))
			return alarm;
	}
	return NULL;
}

static void alarm_forget(struct e2ee_room *room, size_t at)
{
	size_t after = --room->alarm_count - at;

	memmove(&room->alarms[at], &room->alarms[at + 1],
		after * sizeof(room->alarms[0]));
}

/* How many are hearsay, and where is the oldest of them? */
static size_t alarm_hearsay(const struct e2ee_room *room, size_t *oldest)
{
	size_t count = 0;

	for (size_t i = room->alarm_count; i-- > 0; ) {
		if (!alarms[room->alarms[i].cause].hearsay)
			continue;
		count++;
		*oldest = i;
	}
	return count;
}

/*
 * A few of them take the place of each other only, and not faster than people
 * read. Who is really there says the same again.
 */
static bool alarm_may_be_hearsay(struct e2ee_room *room)
{
	size_t oldest = 0;

	if (room->now >= room->hearsay_limit.next)
		room->hearsay_told = 0;
	if (room->hearsay_told == HEARSAY_MAX)
		return false;
	if (!room->hearsay_told++)
		room->hearsay_limit.next = room->now + HEARSAY_EVERY;
	if (alarm_hearsay(room, &oldest) == HEARSAY_MAX)
		alarm_forget(room, oldest);
	return true;
}

/* Is there space for one more without pushing out another one? */
bool e2ee_alarm_fits(const struct e2ee_room *room)
{
	size_t oldest;

	return alarm_hearsay(room, &oldest) < HEARSAY_MAX;
}

/**
 * e2ee_alarm() - tell people, once, as long as it goes on
 * @room: handle
 * @cause: what kind of alarm
 * @about: the device that it is about; ""
 * @format: what is told
 *
 * Return: was it told, now or before?
 */
bool e2ee_alarm(struct e2ee_room *room, enum alarm_cause cause,
		const char *about, const char *format, ...)
{
	char text[E2EE_ROOM_TEXT];
	struct alarm *alarm;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	alarm = alarm_find(room, cause, about, text);
	if (alarm) {
		alarm->told_at = room->now;
		return true;
	}
	if (alarms[cause].hearsay && !alarm_may_be_hearsay(room))
		return false;
	if (room->alarm_count == E2EE_ROOM_ALARMS)
		alarm_forget(room, 0);
	alarm = &room->alarms[room->alarm_count++];
	*alarm = (struct alarm){ .cause = cause, .told_at = room->now };
	snprintf(alarm->about, sizeof(alarm->about), "%s", about);
	memcpy(alarm->text, text, sizeof(text));
	e2ee_outbox_event(room, E2EE_ROOM_ALARM, text);
	return true;
}

static bool alarm_has_lapsed(const struct e2ee_room *room,
			     const struct alarm *alarm)
{
	uint64_t lapse = alarms[alarm->cause].lapse;

	return lapse && room->now - alarm->told_at >= lapse;
}

/* The cause is gone, and so is the alarm. @about: NULL: whomever it is about */
void e2ee_alarm_end(struct e2ee_room *room, enum alarm_cause cause,
		    const char *about)
{
	size_t before = room->alarm_count;

	for (size_t i = room->alarm_count; i-- > 0; ) {
		const struct alarm *alarm = &room->alarms[i];

		if (alarm->cause == cause &&
		    (!about || !strcmp(alarm->about, about)))
			alarm_forget(room, i);
	}
	if (room->alarm_count != before)
		e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
}

/* Of a room that is over */
void e2ee_alarm_end_all(struct e2ee_room *room)
{
	room->alarm_count = 0;
}

/* Once a second */
void e2ee_alarm_upkeep(struct e2ee_room *room)
{
	size_t before = room->alarm_count;

	for (size_t i = room->alarm_count; i-- > 0; )
		if (alarm_has_lapsed(room, &room->alarms[i]))
			alarm_forget(room, i);
	if (room->alarm_count != before)
		e2ee_outbox_event(room, E2EE_ROOM_CHANGED, NULL);
}
