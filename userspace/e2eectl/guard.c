// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guards.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "e2eectl.h"

#define CGROUP_MOUNT	"/sys/fs/cgroup/"

/* "A-B" or "A" */
static bool parse_range(const char *word, uint16_t *first, uint16_t *last)
{
	char text[16], *end = text, *begin;

	if (strlen(word) >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%s", word);
	begin = strsep(&end, "-");
	if (!parse_port(begin, first))
		return false;
	*last = *first;
	return !end || (parse_port(end, last) && *last >= *first);
}

static int parse_ports(struct args *args, const char *name, void *object)
{
	struct e2ee_guard *guard = object;
	const char *word;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	if (!parse_range(word, &guard->port_first, &guard->port_last))
		return args_usage(args,
				  "ports has to be A-B, or A, from 1 to 65535, not \"%s\"",
				  word);
	guard->has |= E2EE_HAS(E2EE_A_GUARD_PORT_FIRST) |
		      E2EE_HAS(E2EE_A_GUARD_PORT_LAST);
	return EXIT_GOOD;
}

/* "A-B,C,..." or "none" */
static int parse_except_peer(struct args *args, const char *name, void *object)
{
	struct e2ee_guard *guard = object;
	struct e2ee_port_range *range = guard->except_peer;
	char text[256], *rest = text, *one;
	const char *word;
	size_t num = 0;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	guard->has |= E2EE_HAS(E2EE_A_GUARD_EXCEPT_PEER);
	guard->except_peer_len = 0;
	if (!strcmp(word, "none"))
		return EXIT_GOOD;
	snprintf(text, sizeof(text), "%s", word);
	if (strlen(word) >= sizeof(text))
		rest = NULL;
	for (one = strsep(&rest, ","); one; one = strsep(&rest, ",")) {
		if (num == E2EE_EXCEPT_PEER_MAX ||
		    !parse_range(one, &range[num].first, &range[num].last))
			break;
		num++;
	}
	if (one || !num)
		return args_usage(args,
				  "except-peer has to be \"none\", or 1 to %d ports or ranges A-B with commas between them, not \"%s\"",
				  E2EE_EXCEPT_PEER_MAX, word);
	guard->except_peer_len = (uint32_t)(num * sizeof(*range));
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
	{ "except-peer", parse_except_peer },
};

#define NARROWS	(E2EE_HAS(E2EE_A_GUARD_PORT_FIRST) |	\
		 E2EE_HAS(E2EE_A_GUARD_UID) |		\
		 E2EE_HAS(E2EE_A_GUARD_CGROUP))

/* NAME and the rule that follows it */
int guard_parse(struct args *args, struct e2ee_session *session,
		struct e2ee_guard *guard)
{
	int ret;

	ret = args_session(args, session);
	if (!ret)
		ret = args_keywords(args, guard_keywords,
				    ARRAY_SIZE(guard_keywords), guard);
	if (!ret && !(guard->has & NARROWS))
		ret = args_usage(args,
				 "a guard needs ports, uid or cgroup, or several of them");
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

static void print_ranges(char *text, size_t size,
			 const struct e2ee_port_range *range, size_t num)
{
	FILE *file = fmemopen(text, size, "w");

	for (size_t i = 0; file && i < num; i++) {
		fprintf(file, "%s%u", i ? "," : "", range[i].first);
		if (range[i].last > range[i].first)
			fprintf(file, "-%u", range[i].last);
	}
	if (file)
		fclose(file);
}

/* In the words of add-guard */
void out_guard_rule(struct out *out, const struct e2ee_guard *guard)
{
	const struct e2ee_port_range ports = {
		.first = guard->port_first, .last = guard->port_last,
	};
	char text[256] = "none";

	if (guard->port_first) {
		print_ranges(text, sizeof(text), &ports, 1);
		out_str(out, "ports", text);
	}
	if (guard->has & E2EE_HAS(E2EE_A_GUARD_LOCAL_ADDR))
		out_addr(out, "local", &guard->local, false);
	if (guard->has & E2EE_HAS(E2EE_A_GUARD_UID))
		out_u64(out, "uid", guard->uid);
	if (*guard->cgroup)
		out_str(out, "cgroup", guard->cgroup);
	if (!(guard->has & E2EE_HAS(E2EE_A_GUARD_EXCEPT_PEER)))
		return;
	snprintf(text, sizeof(text), "none");
	if (guard->except_peer_len)
		print_ranges(text, sizeof(text), guard->except_peer,
			     guard->except_peer_len / sizeof(ports));
	out_str(out, "except-peer", text);
}

void out_guard_line(struct out *out, const struct e2ee_guard *guard)
{
	out_u64(out, "guard", guard->id);
	out_guard_rule(out, guard);
	out_u64(out, "attached", guard->sockets);
	if (guard->waiting)
		out_flag(out, "waiting");
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
