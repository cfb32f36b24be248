// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sessions.
 */
#include <stdio.h>
#include <string.h>

#include "e2eectl.h"

static int parse_policy(struct args *args, const char *name, void *object)
{
	struct e2ee_session *session = object;
	const char *word;
	int policy, ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	policy = e2ee_policy_value(word);
	if (policy < 0 || policy == E2EE_POLICY_BLOCKED)
		return args_usage(args,
				  "policy has to be required, optional or off, not \"%s\"",
				  word);
	session->policy = (uint32_t)policy;
	session->has |= E2EE_HAS(E2EE_A_SESSION_POLICY);
	return EXIT_GOOD;
}

static int parse_window(struct args *args, const char *name, void *object)
{
	struct e2ee_session *session = object;

	session->has |= E2EE_HAS(E2EE_A_SESSION_WINDOW);
	return args_u32(args, name, E2EE_WINDOW_MIN, E2EE_WINDOW_MAX,
			&session->window);
}

/* "97,99", or "none" */
static bool rtx_pt_read(const char *list, struct e2ee_session *session)
{
	char text[128], *item, *rest = text;
	size_t len = strlen(list);
	uint64_t number;

	if (len >= sizeof(text))
		return false;
	memcpy(text, list, len + 1);
	while ((item = strsep(&rest, ","))) {
		if (session->rtx_pt_len == E2EE_RTX_PT_MAX ||
		    !parse_u64(item, &number) || number > 127)
			return false;
		session->rtx_pt[session->rtx_pt_len++] = (uint8_t)number;
	}
	return true;
}

static int parse_rtx_pt(struct args *args, const char *name, void *object)
{
	struct e2ee_session *session = object;
	const char *word;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	session->has |= E2EE_HAS(E2EE_A_SESSION_RTX_PT);
	if (!strcmp(word, "none") || rtx_pt_read(word, session))
		return EXIT_GOOD;
	return args_usage(args,
			  "rtx-pt has to be \"none\" or up to %d payload types from 0 to 127 with commas between, not \"%s\"",
			  E2EE_RTX_PT_MAX, word);
}

static int parse_crypto(struct args *args, const char *name, void *object)
{
	struct e2ee_session *session = object;
	const char *word;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	if (strlen(word) > E2EE_CRYPTO_NAME_MAX)
		return args_usage(args, "crypto: the name is too long");
	if (strcmp(word, "auto") != 0)
		snprintf(session->crypto, sizeof(session->crypto), "%s", word);
	session->has |= E2EE_HAS(E2EE_A_SESSION_CRYPTO);
	return EXIT_GOOD;
}

static int parse_tx_errors(struct args *args, const char *name, void *object)
{
	struct e2ee_session *session = object;
	const char *word = args_peek(args);

	(void)name;
	session->has |= E2EE_HAS(E2EE_A_SESSION_FLAGS);
	session->flags |= E2EE_SESSION_F_TX_ERRORS;
	if (word && !strcmp(word, "off"))
		session->flags &= ~(uint32_t)E2EE_SESSION_F_TX_ERRORS;
	if (word && (!strcmp(word, "off") || !strcmp(word, "on")))
		args_next(args);
	return EXIT_GOOD;
}

static const struct keyword session_keywords[] = {
	{ "policy", parse_policy },
	{ "window", parse_window },
	{ "rtx-pt", parse_rtx_pt },
	{ "crypto", parse_crypto },
	{ "tx-errors", parse_tx_errors },
};

/* NAME and what may follow it */
int session_parse(struct args *args, struct e2ee_session *session)
{
	int ret;

	ret = args_session(args, session);
	if (ret)
		return ret;
	return args_keywords(args, session_keywords,
			     ARRAY_SIZE(session_keywords), session);
}

int cmd_add_session(struct args *args)
{
	struct e2ee_session session = { .has = 0 };
	int ret;

	ret = session_parse(args, &session);
	if (ret)
		return ret;
	ret = app_open(args->app);
	if (ret)
		return ret;
	return app_done(args->app, e2ee_session_new(args->app->ctx, &session));
}

int cmd_set_session(struct args *args)
{
	struct e2ee_session session = { .has = 0 };
	int ret;

	ret = session_parse(args, &session);
	if (ret)
		return ret;
	if (session.has == E2EE_HAS(E2EE_A_SESSION_NAME))
		return args_usage(args, "nothing to change");
	ret = app_open(args->app);
	if (ret)
		return ret;
	return app_done(args->app, e2ee_session_set(args->app->ctx, &session));
}

int cmd_del_session(struct args *args)
{
	struct e2ee_session session = { .has = 0 };
	int ret;

	ret = args_session(args, &session);
	if (!ret)
		ret = args_open(args);
	if (ret)
		return ret;
	return app_done(args->app, e2ee_session_del(args->app->ctx, &session));
}

int cmd_use_epoch(struct args *args)
{
	struct e2ee_session session = { .has = 0 };
	uint32_t epoch = 0;
	bool force = false;
	int ret;

	ret = args_session(args, &session);
	if (!ret)
		ret = args_u32(args, "epoch", 0, UINT32_MAX, &epoch);
	if (ret)
		return ret;
	if (args_peek(args) && !strcmp(args_peek(args), "force")) {
		force = true;
		args_next(args);
	}
	ret = args_open(args);
	if (ret)
		return ret;
	ret = e2ee_session_use_epoch(args->app->ctx, &session, epoch, force);
	return app_done(args->app, ret);
}

static void out_rtx_pt(struct out *out, const struct e2ee_session *session)
{
	char text[E2EE_RTX_PT_MAX * 4 + 1] = "";
	size_t at = 0;
	uint32_t i;

	for (i = 0; i < session->rtx_pt_len; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u",
				       i ? "," : "", session->rtx_pt[i]);
	if (at)
		out_str(out, "rtx-pt", text);
}

/* In the words of add-session, but for the policy */
void out_session_options(struct out *out, const struct e2ee_session *session)
{
	out_u64(out, "window", session->window);
	out_rtx_pt(out, session);
	if (*session->crypto)
		out_str(out, "crypto", session->crypto);
	if (session->flags & E2EE_SESSION_F_TX_ERRORS)
		out_flag(out, "tx-errors");
}

void out_session_line(struct out *out, const struct e2ee_session *session)
{
	const char *policy = e2ee_policy_name(session->policy);

	out_str(out, "session", session->name);
	out_u64(out, "id", session->id);
	out_str(out, "policy", policy ? policy : "unknown");
	out_u64(out, "epoch", session->epoch);
	out_session_options(out, session);
}

static int session_line(const struct e2ee_session *session, void *arg)
{
	struct out *out = arg;

	out_record(out);
	out_session_line(out, session);
	out_u64(out, "keys", session->keys);
	out_u64(out, "sockets", session->sockets);
	out_record_end(out);
	return 0;
}

int cmd_list_sessions(struct args *args)
{
	struct app *app = args->app;
	int ret;

	ret = args_open(args);
	if (ret)
		return ret;
	out_list(&app->out, NULL);
	ret = e2ee_session_list(app->ctx, session_line, &app->out);
	out_list_end(&app->out);
	return app_done(app, ret);
}
