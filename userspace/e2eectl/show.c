// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Everything about sessions in one view; and their counters.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "e2eectl.h"

/* Optional NAME; NULL in *session: all sessions */
static int name_parse(struct args *args, struct e2ee_session *session)
{
	if (!args_peek(args))
		return EXIT_GOOD;
	return args_session(args, session);
}

/* All sessions, or the one named, as a list either way */
static int sessions_read(struct app *app, const struct e2ee_session *session,
			 struct session_names *names)
{
	struct e2ee_session one = *session;
	size_t i;
	int ret;

	ret = session_names_read(app, names);
	if (ret || !session->has)
		return ret;
	for (i = 0; i < names->count; i++)
		if (!strcmp(names->sessions[i].name, session->name))
			break;
	if (i < names->count) {
		names->sessions[0] = names->sessions[i];
		names->count = 1;
		return EXIT_GOOD;
	}
	/* The kernel's own words for it */
	session_names_free(names);
	if (e2ee_session_get(app->ctx, &one))
		return app_refused(app);
	return app_error(app, EXIT_KERNEL, "session \"%s\" was added just now: try again",
			 session->name);
}

static int show_key(const struct e2ee_key *key, void *arg)
{
	struct out *out = arg;

	out_record(out);
	out_key_line(out, key);
	out_record_end(out);
	return 0;
}

static int show_socket(const struct e2ee_socket *sock, void *arg)
{
	struct out *out = arg;

	out_record(out);
	out_socket_line(out, sock);
	out_stats(out, "counters", &sock->stats, false);
	out_record_end(out);
	return 0;
}

static int show_guard(const struct e2ee_guard *guard, void *arg)
{
	struct out *out = arg;

	out_record(out);
	out_guard_line(out, guard);
	out_record_end(out);
	return 0;
}

static int show_session(struct app *app, const struct e2ee_session *session)
{
	struct out *out = &app->out;
	int ret;

	out_record(out);
	out_session_line(out, session);
	out_stats(out, "counters", &session->stats, false);
	out_list(out, "keys");
	ret = e2ee_key_list(app->ctx, session, show_key, out);
	out_list_end(out);
	out_list(out, "sockets");
	if (!ret)
		ret = e2ee_socket_list(app->ctx, session, show_socket, out);
	out_list_end(out);
	out_list(out, "guards");
	if (!ret)
		ret = e2ee_guard_list(app->ctx, session, show_guard, out);
	out_list_end(out);
	out_record_end(out);
	return ret;
}

int cmd_show(struct args *args)
{
	struct e2ee_session session = { .has = 0 };
	struct session_names names;
	struct app *app = args->app;
	int ret, shown = 0;
	size_t i;

	ret = name_parse(args, &session);
	if (!ret)
		ret = args_open(args);
	if (!ret)
		ret = sessions_read(app, &session, &names);
	if (ret)
		return ret;
	out_list(&app->out, NULL);
	for (i = 0; !shown && i < names.count; i++) {
		shown = show_session(app, &names.sessions[i]);
		/* Deleted since: not an error of a view of all */
		if (shown == -ENOENT && !session.has)
			shown = 0;
	}
	out_list_end(&app->out);
	session_names_free(&names);
	return app_done(app, shown);
}

static int stats_print(struct app *app, const struct e2ee_session *session)
{
	struct session_names names;
	size_t i;
	int ret;

	ret = sessions_read(app, session, &names);
	if (ret)
		return ret;
	out_list(&app->out, NULL);
	for (i = 0; i < names.count; i++) {
		out_record(&app->out);
		out_str(&app->out, "session", names.sessions[i].name);
		out_u64(&app->out, "id", names.sessions[i].id);
		out_stats(&app->out, "counters", &names.sessions[i].stats,
			  true);
		out_record_end(&app->out);
	}
	out_list_end(&app->out);
	session_names_free(&names);
	return EXIT_GOOD;
}

static int stats_watch(struct app *app, const struct e2ee_session *session)
{
	bool redraw = !app->out.json && isatty(STDOUT_FILENO);
	int ret;

	do {
		if (redraw)
			fputs("\033[H\033[J", stdout);
		ret = stats_print(app, session);
		if (!ret && (fflush(stdout) || ferror(stdout)))
			ret = EXIT_USAGE;
		if (!ret)
			poll(NULL, 0, 1000);
	} while (!ret);
	return ret;
}

int cmd_stats(struct args *args)
{
	struct e2ee_session session = { .has = 0 };
	bool watch = false;
	const char *word;
	int ret;

	while ((word = args_peek(args))) {
		if (!strcmp(word, "-w")) {
			if (watch)
				return args_usage(args, "\"-w\" is given twice");
			watch = true;
			args_next(args);
			continue;
		}
		ret = session.has ? args_end(args) :
				    args_session(args, &session);
		if (ret)
			return ret;
	}
	ret = app_open(args->app);
	if (ret)
		return ret;
	return watch ? stats_watch(args->app, &session) :
		       stats_print(args->app, &session);
}
