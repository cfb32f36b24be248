/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One appliance in one room: what main.c runs.
 */
#ifndef E2EED_DAEMON_H
#define E2EED_DAEMON_H

#include "e2eed.h"
#include "transport.h"

/**
 * struct daemon - a room, and what is around it
 * @kernel: has to be first: it is what the room's callbacks get
 * @room: NULL until the session is there
 * @link: why the broker is not there; ""
 * @alarm: why the configuration is not the one of the file; ""
 * @mute: what to say of a broker that gives back nothing
 * @echo_at: when something should have come back; 0: that was looked at
 * @told: what the log said last of the broker that is not there
 * @told_at: when, and when it said that the broker is there
 * @refused: how often something came that is no message
 * @since: when it began to be encrypted, by the wall clock; 0: it is not
 * @changed: the status did
 * @acks: the room wants to hear ACKs
 * @leaving: the operator wants it to end; must be over at @deadline
 * @out: the room is over, what is to be sent has until @deadline
 */
struct daemon {
	struct kernel kernel;
	struct config *config;
	struct loop loop;
	struct wake wake;
	struct control *control;
	struct e2ee_identity *identity;
	struct e2ee_trust *trust;
	struct e2ee_room *room;
	struct transport *transport;
	struct loop_source transport_source;
	char link[E2EE_ERROR_LEN];
	char mute[E2EE_ERROR_LEN];
	uint64_t echo_at;
	char told[E2EE_ERROR_LEN];
	uint64_t told_at[2];
	char alarm[E2EE_ERROR_LEN];
	uint64_t refused;
	time_t since;
	uint64_t deadline;
	bool changed;
	bool acks;
	bool leaving;
	bool out;
	int code;
};

/* Is the configuration good, with the files that it names? Exit code */
int daemon_check(const struct config *config);
/* Until the room is over. Exit code */
int daemon_run(struct daemon *daemon, struct config *config);

#endif /* E2EED_DAEMON_H */
