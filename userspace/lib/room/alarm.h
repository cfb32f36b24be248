/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Alarms: what people are told of, as long as it is so.
 */
#ifndef E2EE_LIB_ALARM_H
#define E2EE_LIB_ALARM_H

#include <e2ee/room.h>

/* What alarms are about; alarm.c says how each of them ends */
enum alarm_cause {
	ALARM_NO_KP,			/* a key package cannot be made */
	ALARM_NO_MEMORY,		/* for an epoch */
	ALARM_POLICY_WEAK,		/* the owner asks for a weaker one */
	ALARM_POLICY_REFUSED,		/* by the kernel, as these are */
	ALARM_KEYS_REFUSED,
	ALARM_NO_SWITCH,
	ALARM_KEYS_LEFT,		/* it does not delete them */
	ALARM_STOPPED,			/* sending is, or should be */
	ALARM_NOT_SENT,			/* a stream has no key */
	ALARM_TRUST_FILE,		/* not readable */
	ALARM_TRUST_STORE,		/* not writable */
	ALARM_FULL,
	ALARM_OTHER_KEYS,		/* a member has them */
	ALARM_NOT_TRUSTED,		/* a member is not any more */
	ALARM_CONTRADICTS,		/* an owner does itself */
	ALARM_FORK,			/* an owner's EPOCHs do */
	ALARM_SPLIT,			/* another part has removed this device */
	ALARM_VERIFICATION,		/* failed */
	ALARM_STRANGER,			/* hearsay, as these are: is here */
	ALARM_NOT_LET_IN,
	ALARM_ROSTER_REFUSED,		/* by a member */
	ALARM_NO_KEY_FITS,
	ALARM_CHANGED,			/* another identity than before */
	ALARM_RENAMED,
	ALARM_TWIN,			/* a device with my name */
	ALARM_REMOVED_ME,
	ALARM_SPLIT_HEARD,		/* a removed device has a call */
	ALARM_KEYS_OF,			/* an owner, refused */
	ALARMS,
};

/**
 * struct alarm - what people are told of
 * @cause: what kind it is
 * @about: the device that it is about; ""
 * @text: what was told
 * @told_at: when its cause was found last
 */
struct alarm {
	enum alarm_cause cause;
	char about[E2EE_NAME_MAX + 1];
	char text[E2EE_ROOM_TEXT];
	uint64_t told_at;
};

bool e2ee_alarm(struct e2ee_room *room, enum alarm_cause cause,
		const char *about, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void e2ee_alarm_end(struct e2ee_room *room, enum alarm_cause cause,
		    const char *about);
void e2ee_alarm_end_all(struct e2ee_room *room);
bool e2ee_alarm_fits(const struct e2ee_room *room);
void e2ee_alarm_upkeep(struct e2ee_room *room);

#endif /* E2EE_LIB_ALARM_H */
