/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of "e2eectl doctor" share.
 */
#ifndef E2EECTL_DOCTOR_H
#define E2EECTL_DOCTOR_H

#include "e2eectl.h"

enum level {
	LEVEL_OK,
	LEVEL_WARN,
	LEVEL_FAIL,
};

struct doctor {
	struct app *app;
	bool loaded;			/* the module; then there are: */
	struct session_names names;
	struct e2ee_guard *guards;
	size_t guard_count;
	struct e2ee_socket *sockets;
	size_t socket_count;
	enum level worst;
};

/* finding.c: prints one line; cure: what to do, or NULL */
void finding(struct doctor *doctor, enum level level, const char *check,
	     const char *cure, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* doctor_guards.c */
void check_guards(struct doctor *doctor);

/* doctor_attached.c */
void check_attached(struct doctor *doctor);
void check_holders(struct doctor *doctor, const char *root);

/* doctor_boot.c; root: what is before /etc and /sys, "" unless in a test */
void check_boot(struct doctor *doctor, const char *root);

/* doctor_sockets.c */
struct udp {
	struct e2ee_udp sock;
	bool covered;			/* attached or guarded */
	bool media;			/* was seen to send RTP */
	pid_t pid;			/* of the process that holds it, 0: none */
	char process[32];
};

void check_sockets(struct doctor *doctor);

/* doctor_media.c */
bool media_watch(const char *netns, struct udp *udp, size_t count,
		 unsigned int ms);

#endif /* E2EECTL_DOCTOR_H */
