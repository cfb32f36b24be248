// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of sessions: answers about keys, sockets and guards hold ids.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "e2eectl.h"

static int names_add(const struct e2ee_session *session, void *arg)
{
	struct session_names *names = arg;
	struct e2ee_session *new;

	new = realloc(names->sessions, (names->count + 1) * sizeof(*new));
	if (!new)
		return -ENOMEM;
	new[names->count++] = *session;
	names->sessions = new;
	return 0;
}

/* By id, for bsearch(); the kernel may list them in any order */
static int by_id(const void *a, const void *b)
{
	const struct e2ee_session *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

int session_names_read(struct app *app, struct session_names *names)
{
	int ret;

	names->sessions = NULL;
	names->count = 0;
	ret = e2ee_session_list(app->ctx, names_add, names);
	if (ret) {
		session_names_free(names);
		return app_refused(app);
	}
	if (names->count)
		qsort(names->sessions, names->count, sizeof(*names->sessions),
		      by_id);
	return EXIT_GOOD;
}

void session_names_free(struct session_names *names)
{
	free(names->sessions);
	names->sessions = NULL;
	names->count = 0;
}

const char *session_name(const struct session_names *names, uint32_t id)
{
	const struct e2ee_session key = { .id = id };
	const struct e2ee_session *found = NULL;

	if (names->count)
		found = bsearch(&key, names->sessions, names->count,
				sizeof(key), by_id);
	return found ? found->name : NULL;
}

/* A socket outlives its session, and is then blocked; 0 is a detached one. */
void out_session(struct out *out, const struct session_names *names,
		 uint32_t id)
{
	const char *name = session_name(names, id);

	if (name)
		out_str(out, "session", name);
	else if (id)
		out_u64(out, "deleted-session", id);
	else
		out_flag(out, "detached");
}
