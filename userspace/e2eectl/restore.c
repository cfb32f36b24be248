// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Brings about the sessions and guards of a file. A file that is wrong anywhere changes
 * nothing. What the kernel refuses is named, and the rest is restored all the same, as
 * each guard protects. What is there and is stricter stays, and is no success.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "e2eectl.h"

/* What was there before */
struct restoring {
	struct app *app;
	struct session_names names;
	struct e2ee_guard *guards;
	size_t guard_count;
};

static int guard_found(const struct e2ee_guard *guard, void *arg)
{
	struct restoring *restoring = arg;
	struct e2ee_guard *new;

	new = reallocarray(restoring->guards, restoring->guard_count + 1,
			   sizeof(*new));
	if (!new)
		return -ENOMEM;
	restoring->guards = new;
	new[restoring->guard_count++] = *guard;
	return 0;
}

/* What of @wanted differs from @now and loosens nothing */
static uint64_t session_changes(const struct e2ee_session *now,
				const struct e2ee_session *wanted)
{
	uint64_t has = 0;

	if (wanted->policy < now->policy)
		has |= E2EE_HAS(E2EE_A_SESSION_POLICY);
	if (wanted->window != now->window)
		has |= E2EE_HAS(E2EE_A_SESSION_WINDOW);
	if (session_rtx_looser(wanted, now) && !session_rtx_looser(now, wanted))
		has |= E2EE_HAS(E2EE_A_SESSION_RTX_PT);
	if (strcmp(wanted->crypto, now->crypto) != 0)
		has |= E2EE_HAS(E2EE_A_SESSION_CRYPTO);
	if (wanted->flags != now->flags)
		has |= E2EE_HAS(E2EE_A_SESSION_FLAGS);
	return has;
}

static int session_adjust(struct app *app, const struct e2ee_session *now,
			  const struct e2ee_session *wanted)
{
	struct e2ee_session change = *wanted;
	int code = EXIT_GOOD;

	change.has = session_changes(now, wanted);
	if (change.has) {
		change.has |= E2EE_HAS(E2EE_A_SESSION_NAME);
		code = app_done(app, e2ee_session_set(app->ctx, &change));
	}
	if (wanted->policy > now->policy)
		code = app_error(app, EXIT_KERNEL,
				 "session \"%s\" keeps its policy %s, which is stricter than %s: set-session changes it",
				 now->name, e2ee_policy_name(now->policy),
				 e2ee_policy_name(wanted->policy));
	if (session_rtx_looser(now, wanted))
		code = app_error(app, EXIT_KERNEL,
				 "session \"%s\" keeps its rtx-pt, which has fewer types: set-session changes it",
				 now->name);
	return code;
}

static int session_restore(struct restoring *restoring,
			   const struct hostconf_session *one)
{
	struct e2ee_session new = one->session;
	struct app *app = restoring->app;
	size_t i;

	app->line = one->line;
	for (i = 0; i < restoring->names.count; i++)
		if (!strcmp(restoring->names.sessions[i].name, new.name))
			return session_adjust(app, &restoring->names.sessions[i],
					      &new);
	return app_done(app, e2ee_session_new(app->ctx, &new));
}

static int guard_restore(struct restoring *restoring,
			 const struct hostconf_guard *one)
{
	struct e2ee_session session = { .has = E2EE_HAS(E2EE_A_SESSION_NAME) };
	struct e2ee_guard guard = one->guard;
	struct app *app = restoring->app;
	const char *name;
	size_t i;

	app->line = one->line;
	for (i = 0; i < restoring->guard_count; i++) {
		if (!guard_same(&restoring->guards[i], &guard))
			continue;
		name = session_name(&restoring->names,
				    restoring->guards[i].session);
		if (name && !strcmp(name, one->session))
			return EXIT_GOOD;
		return app_error(app, EXIT_KERNEL,
				 "guard %u is such a guard, and stays with another session, \"%s\": del-guard deletes it",
				 restoring->guards[i].id, name ? name : "");
	}
	memcpy(session.name, one->session, sizeof(session.name));
	return app_done(app, e2ee_guard_new(app->ctx, &session, &guard));
}

static int conf_restore(struct restoring *restoring,
			const struct hostconf *conf)
{
	int ret = EXIT_GOOD, code;
	size_t i;

	for (i = 0; i < conf->session_count; i++) {
		code = session_restore(restoring, &conf->sessions[i]);
		ret = ret ? ret : code;
	}
	for (i = 0; i < conf->guard_count; i++) {
		code = guard_restore(restoring, &conf->guards[i]);
		ret = ret ? ret : code;
	}
	restoring->app->line = 0;
	return ret;
}

int cmd_restore(struct args *args)
{
	struct restoring restoring = { .app = args->app };
	struct app *app = args->app;
	struct hostconf conf;
	const char *path;
	int ret;

	ret = args_value(args, "FILE", &path);
	if (!ret)
		ret = args_end(args);
	if (!ret)
		ret = hostconf_read(app, path, &conf);
	if (ret)
		return ret;
	ret = app_open(app);
	if (!ret)
		ret = session_names_read(app, &restoring.names);
	if (!ret)
		ret = app_done(app, e2ee_guard_list(app->ctx, NULL, guard_found,
						    &restoring));
	if (!ret)
		ret = conf_restore(&restoring, &conf);
	session_names_free(&restoring.names);
	free(restoring.guards);
	hostconf_free(&conf);
	return ret;
}
