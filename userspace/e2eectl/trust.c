// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whom this appliance trusts: devices and their keys, as the operator says.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#include "e2eectl.h"

/* The first command may come before the first start of e2eed, which makes it */
void state_folder_make(const char *path)
{
	if (!strncmp(path, E2EE_STATE_FOLDER "/", sizeof(E2EE_STATE_FOLDER)))
		(void)mkdir(E2EE_STATE_FOLDER, S_IRWXU);
}

/* @object: const char ** */
int args_path(struct args *args, const char *name, void *object)
{
	return args_value(args, name, object);
}

int args_ik(struct args *args, uint8_t *ik)
{
	const char *word;
	size_t len;
	int ret;

	ret = args_value(args, "KEY", &word);
	if (ret)
		return ret;
	if (strlen(word) == 2 * E2EE_IDENTITY_LEN &&
	    OPENSSL_hexstr2buf_ex(ik, E2EE_IDENTITY_LEN, &len, word, '\0'))
		return EXIT_GOOD;
	return args_usage(args,
			  "KEY has to be %d hexadecimal digits, not \"%s\"",
			  2 * E2EE_IDENTITY_LEN, word);
}

void out_ik(struct out *out, const uint8_t *ik)
{
	char text[2 * E2EE_IDENTITY_LEN + 1];
	size_t i;

	for (i = 0; i < E2EE_IDENTITY_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", ik[i]);
	out_str(out, "key", text);
}

struct trust_request {
	const char *dev;
	const char *store;
	uint8_t ik[E2EE_IDENTITY_LEN];
};

static int store_error(const struct app *app,
		       const struct trust_request *request, int error)
{
	if (error == -ENOENT)
		return app_error(app, EXIT_USAGE,
				 "%s: its folder does not exist: create it first",
				 request->store);
	return app_error(app, EXIT_USAGE, "%s: %s", request->store,
			 strerror(-error));
}

static int trust_add(struct app *app, struct e2ee_trust *trust,
		     const struct trust_request *request)
{
	int ret;

	state_folder_make(request->store);
	ret = e2ee_trust_add(trust, request->dev, request->ik,
			     E2EE_TRUST_PINNED);
	if (ret == -EEXIST)
		return app_error(app, EXIT_USAGE,
				 "%s: %s is there with another key, or the key with another device: if its operators explain the change, remove the old entry with \"trust del\"",
				 request->store, request->dev);
	return ret ? store_error(app, request, ret) : EXIT_GOOD;
}

static int trust_del(struct app *app, struct e2ee_trust *trust,
		     const struct trust_request *request)
{
	int ret = e2ee_trust_del(trust, request->dev);

	if (ret == -ENOENT)
		return app_error(app, EXIT_USAGE, "%s: device %s is not in it",
				 request->store, request->dev);
	return ret ? store_error(app, request, ret) : EXIT_GOOD;
}

static int trust_line(const char *dev, const uint8_t *ik,
		      enum e2ee_trust_kind kind, void *arg)
{
	struct out *out = arg;

	out_record(out);
	out_str(out, "dev", dev);
	out_str(out, "trust", e2ee_trust_kind_name(kind));
	out_ik(out, ik);
	out_record_end(out);
	return 0;
}

static int trust_list(struct app *app, struct e2ee_trust *trust,
		      const struct trust_request *request)
{
	(void)request;
	out_list(&app->out, NULL);
	e2ee_trust_list(trust, trust_line, &app->out);
	out_list_end(&app->out);
	return EXIT_GOOD;
}

struct action {
	const char *name;
	bool has_dev;
	bool has_ik;
	int (*run)(struct app *app, struct e2ee_trust *trust,
		   const struct trust_request *request);
};

static const struct action actions[] = {
	{ "add", true, true, trust_add },
	{ "del", true, false, trust_del },
	{ "list", false, false, trust_list },
};

static const struct action *action_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(actions); i++)
		if (!strcmp(actions[i].name, name))
			return &actions[i];
	return NULL;
}

static int trust_parse(struct args *args, const struct action *action,
		       struct trust_request *request)
{
	static const struct keyword keywords[] = {
		{ "--trust-store", args_path },
	};
	int ret = EXIT_GOOD;

	if (action->has_dev)
		ret = args_dev(args, &request->dev);
	if (!ret && action->has_ik)
		ret = args_ik(args, request->ik);
	if (ret)
		return ret;
	return args_keywords(args, keywords, ARRAY_SIZE(keywords),
			     &request->store);
}

int cmd_trust(struct args *args)
{
	struct trust_request request = { .store = E2EE_TRUST_FILE };
	const char *name = args_next(args);
	const struct action *action = name ? action_find(name) : NULL;
	char error[E2EE_ERROR_LEN];
	struct e2ee_trust *trust;
	int ret;

	if (!name)
		return args_usage(args, "add, del or list is missing");
	if (!action)
		return args_usage(args, "expected add, del or list, not \"%s\"", name);
	ret = trust_parse(args, action, &request);
	if (ret)
		return ret;
	if (e2ee_trust_open(request.store, &trust, error))
		return app_error(args->app, EXIT_USAGE, "%s", error);
	ret = action->run(args->app, trust, &request);
	e2ee_trust_close(trust);
	return ret;
}
