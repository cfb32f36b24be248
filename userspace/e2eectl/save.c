// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints the sessions and guards of the kernel as a file that "e2eectl restore" and
 * people can read.
 */
#include <errno.h>
#include <stdio.h>

#include "e2eectl.h"

struct saving {
	struct out *out;
	struct session_names names;
	bool strange;			/* something that no file can say */
};

static const char beginning[] =
	"# Sessions and guards of this host: commands for \"e2eectl restore\".\n"
	"# Keys are not here. Of two guards that overlap, the first one counts.\n"
	"version " HOSTCONF_VERSION "\n";

/* In the order in which they were made */
static void save_session(struct saving *saving,
			 const struct e2ee_session *session)
{
	const char *policy = e2ee_policy_name(session->policy);
	struct out *out = saving->out;

	if (!policy)
		saving->strange = true;
	if (session->policy != E2EE_POLICY_REQUIRED)
		puts("# Until this session has keys, its media passes in clear:");
	out_record(out);
	out_str(out, "add-session", session->name);
	out_str(out, "policy", policy ? policy : "unknown");
	out_session_options(out, session);
	out_record_end(out);
}

static int save_guard(const struct e2ee_guard *guard, void *arg)
{
	struct saving *saving = arg;
	const char *session = session_name(&saving->names, guard->session);

	if (!session)
		return -EAGAIN;		/* both were added just now */
	out_record(saving->out);
	out_str(saving->out, "add-guard", session);
	out_guard_rule(saving->out, guard);
	out_record_end(saving->out);
	return 0;
}

/* What is printed so far is no whole file; the exit status says so */
int cmd_save(struct args *args)
{
	struct app *app = args->app;
	struct out out = { .quoted = true };
	struct saving saving = { .out = &out };
	size_t i;
	int ret;

	if (app->out.json)
		return args_usage(args, "there is no JSON for it");
	ret = args_open(args);
	if (!ret)
		ret = session_names_read(app, &saving.names);
	if (ret)
		return ret;
	fputs(beginning, stdout);
	for (i = 0; i < saving.names.count; i++)
		save_session(&saving, &saving.names.sessions[i]);
	ret = e2ee_guard_list(app->ctx, NULL, save_guard, &saving);
	session_names_free(&saving.names);
	if (ret == -EAGAIN)
		return app_error(app, EXIT_KERNEL,
				 "sessions were added just now: try again");
	if (!ret && (saving.strange || out.unquotable))
		return app_error(app, EXIT_USAGE,
				 "restore cannot read all of this: a name or a path has quotes of both kinds, or a policy is not known");
	return app_done(app, ret);
}
