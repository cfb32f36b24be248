// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sessions and guards that a host is to have, as "e2eectl save" writes them to a
 * file: a line with the version, then e2eectl's own commands.
 */
#include <stdlib.h>
#include <string.h>

#include "e2eectl.h"

/* What a line that does not say otherwise means, as the kernel understands it */
static void session_fill(struct e2ee_session *session)
{
	session->has |= E2EE_HAS(E2EE_A_SESSION_POLICY) |
			E2EE_HAS(E2EE_A_SESSION_WINDOW) |
			E2EE_HAS(E2EE_A_SESSION_RTX_PT) |
			E2EE_HAS(E2EE_A_SESSION_CRYPTO) |
			E2EE_HAS(E2EE_A_SESSION_FLAGS);
	if (!session->window)
		session->window = E2EE_WINDOW_DEFAULT;
}

static int read_session(struct args *args, struct hostconf *conf)
{
	struct hostconf_session *one;
	size_t i;
	int ret;

	one = reallocarray(conf->sessions, conf->session_count + 1,
			   sizeof(*one));
	if (!one)
		return app_error(args->app, EXIT_USAGE, "no memory");
	conf->sessions = one;
	one += conf->session_count;
	memset(one, 0, sizeof(*one));
	one->line = args->app->line;
	ret = session_parse(args, &one->session);
	if (ret)
		return ret;
	for (i = 0; i < conf->session_count; i++)
		if (!strcmp(conf->sessions[i].session.name, one->session.name))
			return args_usage(args,
					  "session \"%s\" is in line %u already",
					  one->session.name,
					  conf->sessions[i].line);
	session_fill(&one->session);
	conf->session_count++;
	return EXIT_GOOD;
}

static bool session_known(const struct hostconf *conf, const char *name)
{
	size_t i;

	for (i = 0; i < conf->session_count; i++)
		if (!strcmp(conf->sessions[i].session.name, name))
			return true;
	return false;
}

static int read_guard(struct args *args, struct hostconf *conf)
{
	struct e2ee_session session = { .has = 0 };
	struct hostconf_guard *one;
	size_t i;
	int ret;

	one = reallocarray(conf->guards, conf->guard_count + 1, sizeof(*one));
	if (!one)
		return app_error(args->app, EXIT_USAGE, "no memory");
	conf->guards = one;
	one += conf->guard_count;
	memset(one, 0, sizeof(*one));
	one->line = args->app->line;
	ret = guard_parse(args, &session, &one->guard);
	if (ret)
		return ret;
	if (!session_known(conf, session.name))
		return args_usage(args,
				  "no line above adds the session \"%s\"",
				  session.name);
	memcpy(one->session, session.name, sizeof(one->session));
	for (i = 0; i < conf->guard_count; i++)
		if (guard_same(&conf->guards[i].guard, &one->guard))
			return args_usage(args,
					  "the same guard is in line %u already",
					  conf->guards[i].line);
	conf->guard_count++;
	return EXIT_GOOD;
}

/* The first line */
static int read_version(struct app *app, char **words, int count, bool *known)
{
	*known = count == 2 && !strcmp(words[0], "version") &&
		 !strcmp(words[1], HOSTCONF_VERSION);
	if (*known)
		return EXIT_GOOD;
	return app_error(app, EXIT_USAGE,
			 "\"version " HOSTCONF_VERSION "\" has to come first, not \"%s%s%s\"",
			 words[0], count > 1 ? " " : "",
			 count > 1 ? words[1] : "");
}

static int read_line(struct lines *lines, struct hostconf *conf, bool *known)
{
	char *words[LINE_WORDS];
	struct args args = { .app = lines->app, .words = words + 1 };
	int count = lines_words(lines, words);

	if (count <= 0)
		return count ? EXIT_USAGE : EXIT_GOOD;
	if (!*known)
		return read_version(lines->app, words, count, known);
	args.command = words[0];
	args.count = count - 1;
	if (!strcmp(words[0], "add-session"))
		return read_session(&args, conf);
	if (!strcmp(words[0], "add-guard"))
		return read_guard(&args, conf);
	return app_error(lines->app, EXIT_USAGE,
			 "only add-session and add-guard may stand here, not \"%s\"",
			 words[0]);
}

/* Asks nothing of the kernel. After an error there is nothing in @conf. */
int hostconf_read(struct app *app, const char *path, struct hostconf *conf)
{
	struct lines lines;
	bool known = false;
	int ret;

	memset(conf, 0, sizeof(*conf));
	ret = lines_open(app, &lines, path);
	if (ret)
		return ret;
	while (!ret && lines_next(&lines))
		ret = read_line(&lines, conf, &known);
	if (!lines_close(&lines) && !ret)
		ret = app_error(app, EXIT_USAGE, "%s: cannot be read", path);
	if (!ret && !known)
		ret = app_error(app, EXIT_USAGE,
				"%s is empty: \"version " HOSTCONF_VERSION "\" has to come first",
				path);
	if (ret)
		hostconf_free(conf);
	return ret;
}

void hostconf_free(struct hostconf *conf)
{
	free(conf->sessions);
	free(conf->guards);
	memset(conf, 0, sizeof(*conf));
}

/* Whether it is the same rule, whatever session it is for */
bool guard_same(const struct e2ee_guard *a, const struct e2ee_guard *b)
{
	uint64_t uid = E2EE_HAS(E2EE_A_GUARD_UID);

	return a->port_first == b->port_first && a->port_last == b->port_last &&
	       a->local.len == b->local.len &&
	       !memcmp(a->local.addr, b->local.addr, a->local.len) &&
	       (a->has & uid) == (b->has & uid) && a->uid == b->uid &&
	       !strcmp(a->cgroup, b->cgroup);
}

static bool has_type(const struct e2ee_session *session, uint8_t type)
{
	return memchr(session->rtx_pt, type, session->rtx_pt_len);
}

/*
 * Whether @session has a type of retransmissions that @than has not. Two bytes of each
 * retransmission leave in clear.
 */
bool session_rtx_looser(const struct e2ee_session *than,
			const struct e2ee_session *session)
{
	uint32_t i;

	for (i = 0; i < session->rtx_pt_len; i++)
		if (!has_type(than, session->rtx_pt[i]))
			return true;
	return false;
}
