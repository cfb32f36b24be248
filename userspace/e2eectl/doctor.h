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
	struct session_names names;
	enum level worst;
};

/* finding.c: prints one line; cure: what to do, or NULL */
void finding(struct doctor *doctor, enum level level, const char *check,
	     const char *cure, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* doctor_sockets.c */
void check_sockets(struct doctor *doctor);

#endif /* E2EECTL_DOCTOR_H */
