// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A list of keys, sockets or guards: one a line, behind its session's name.
 */
#include "e2eectl.h"

int listing_begin(struct app *app, struct listing *listing)
{
	int ret;

	listing->out = &app->out;
	ret = app_open(app);
	if (!ret)
		ret = session_names_read(app, &listing->names);
	if (!ret)
		out_list(listing->out, NULL);
	return ret;
}

/* The caller ends the record. */
void listing_line(struct listing *listing, uint32_t session)
{
	out_record(listing->out);
	out_session(listing->out, &listing->names, session);
}

/* @ret is what the library said to it */
int listing_end(struct app *app, struct listing *listing, int ret)
{
	out_list_end(listing->out);
	session_names_free(&listing->names);
	return app_done(app, ret);
}
