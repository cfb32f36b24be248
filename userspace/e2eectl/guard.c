// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guards.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "e2eectl.h"

#define CGROUP_MOUNT	"/sys/fs/cgroup/"

static int parse_ports(struct args *args, const char *name, void *object)
{
	struct e2ee_guard *guard = object;
	char text[16], *last = text, *first;
	const char *word;
	bool good;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	snprintf(text, sizeof(text), "%s", word);
	first = strsep(&last, "-");
	good = strlen(word) < sizeof(text) &&
	       parse_port(first, &guard->port_first);
	guard->port_last = guard->port_first;
	if (last)
		good = good && parse_port(last, &guard->port_last);
	if (!good || guard->port_last < guard->port_first)
		return args_usage(args,
				  "ports has to be A-B, or A, from 1 to 65535, not \"%s\"",
				  word);
	guard->has |= E2EE_HAS(E2EE_A_GUARD_PORT_FIRST) |
		      E2EE_HAS(E2EE_A_GUARD_PORT_LAST);
	return EXIT_GOOD;
}

static int parse_local(struct args *args, const char *name, void *object)
{
	struct e2ee_guard *guard = object;
	const char *word;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	if (!parse_addr(word, &guard->local))
		return args_usage(args,
				  "local has to be an IP address, not \"%s\"",
				  word);
	guard->has |= E2EE_HAS(E2EE_A_GUARD_LOCAL_ADDR);
	return EXIT_GOOD;
}

static int parse_uid(struct args *args, const char *name, void *object)
{
	struct e2ee_guard *guard = object;
	const struct passwd *user;
	const char *word;
	uint64_t number;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	guard->has |= E2EE_HAS(E2EE_A_GUARD_UID);
	if (parse_u64(word, &number) && number < UINT32_MAX) {
		guard->uid = (uint32_t)number;
		return EXIT_GOOD;
	}
	user = getpwnam(word);
	if (!user)
		return args_usage(args,
				  "uid has to be a number or the name of a user, not \"%s\"",
				  word);
	guard->uid = user->pw_uid;
	return EXIT_GOOD;
}

/* The kernel wants the path inside the hierarchy; take what "ls" shows too */
static int parse_cgroup(struct args *args, const char *name, void *object)
{
	struct e2ee_guard *guard = object;
	const char *word;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	if (!strncmp(word, CGROUP_MOUNT, strlen(CGROUP_MOUNT)))
		word += strlen(CGROUP_MOUNT) - 1;
	if (word[0] != '/')
		return args_usage(args,
				  "cgroup has to begin with \"/\", the root of the cgroup2 hierarchy");
	if (strlen(word) > E2EE_CGROUP_PATH_MAX)
		return args_usage(args, "cgroup: the path is too long");
	snprintf(guard->cgroup, sizeof(guard->cgroup), "%s", word);
	guard->has |= E2EE_HAS(E2EE_A_GUARD_CGROUP);
	return EXIT_GOOD;
}

static const struct keyword guard_keywords[] = {
	{ "ports", parse_ports },
	{ "local", parse_local },
	{ "uid", parse_uid },
	{ "cgroup", parse_cgroup },
};

/* NAME and the rule that follows it */
int guard_parse(struct args *args, struct e2ee_session *session,
		struct e2ee_guard *guard)
{
	int ret;

	ret = args_session(args, session);
	if (!ret)
		ret = args_keywords(args, guard_keywords,
				    ARRAY_SIZE(guard_keywords), guard);
	if (!ret && !(guard->has & E2EE_HAS(E2EE_A_GUARD_PORT_FIRST)))
		ret = args_usage(args, "ports is missing");
	return ret;
}

int cmd_add_guard(struct args *args)
{
	struct e2ee_session session = { .has = 0 };
	struct e2ee_guard guard = { .has = 0 };
	struct app *app = args->app;
	int ret;

	ret = guard_parse(args, &session, &guard);
	if (!ret)
		ret = app_open(app);
	if (ret)
		return ret;
	ret = e2ee_guard_new(app->ctx, &session, &guard);
	return app_done_new(app, ret, "guard", guard.id);
}

int cmd_del_guard(struct args *args)
{
	uint32_t id = 0;
	int ret;

	ret = args_u32(args, "ID", 1, UINT32_MAX, &id);
	if (!ret)
		ret = args_open(args);
	if (ret)
		return ret;
	return app_done(args->app, e2ee_guard_del(args->app->ctx, id));
}

/* In the words of add-guard */
void out_guard_rule(struct out *out, const struct e2ee_guard *guard)
{
	char ports[16];

	if (guard->port_last > guard->port_first)
		snprintf(ports, sizeof(ports), "%u-%u", guard->port_first,
			 guard->port_last);
	else
		snprintf(ports, sizeof(ports), "%u", guard->port_first);
	out_str(out, "ports", ports);
	if (guard->has & E2EE_HAS(E2EE_A_GUARD_LOCAL_ADDR))
		out_addr(out, "local", &guard->local, false);
	if (guard->has & E2EE_HAS(E2EE_A_GUARD_UID))
		out_u64(out, "uid", guard->uid);
	if (*guard->cgroup)
		out_str(out, "cgroup", guard->cgroup);
}

void out_guard_line(struct out *out, const struct e2ee_guard *guard)
{
	out_u64(out, "guard", guard->id);
	out_guard_rule(out, guard);
	out_u64(out, "attached", guard->sockets);
}

static int guard_line(const struct e2ee_guard *guard, void *arg)
{
	struct listing *listing = arg;

	listing_line(listing, guard->session);
	out_guard_line(listing->out, guard);
	out_record_end(listing->out);
	return 0;
}

int cmd_list_guards(struct args *args)
{
	struct listing listing;
	struct app *app = args->app;
	int ret;

	ret = args_end(args);
	if (!ret)
		ret = listing_begin(app, &listing);
	if (ret)
		return ret;
	ret = e2ee_guard_list(app->ctx, NULL, guard_line, &listing);
	return listing_end(app, &listing, ret);
}
