// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who this appliance is: its key, and the code by which people compare keys.
 */
#include <string.h>
#include <unistd.h>

#include "e2eectl.h"

/* Key bytes pass through OpenSSL's memory: no core dump of that */
static void memory_protect(void)
{
	secret_protect(NULL, 0);
}

static int identity_error(const struct app *app, const char *error)
{
	return app_error(app, EXIT_USAGE, "%s", error);
}

int cmd_keygen(struct args *args)
{
	const char *path = args_next(args);
	struct app *app = args->app;
	uint8_t ik[E2EE_IDENTITY_LEN];
	char error[E2EE_ERROR_LEN];
	int ret;

	ret = args_end(args);
	if (ret)
		return ret;
	if (!path)
		path = E2EE_IDENTITY_FILE;
	state_folder_make(path);
	memory_protect();
	if (e2ee_identity_create(path, error) ||
	    e2ee_identity_public(path, ik, error))
		return identity_error(app, error);
	out_record(&app->out);
	out_str(&app->out, "identity", path);
	out_ik(&app->out, ik);
	out_record_end(&app->out);
	return EXIT_GOOD;
}

int cmd_pubkey(struct args *args)
{
	static const struct keyword keywords[] = {
		{ "--identity", args_path },
	};
	const char *path = E2EE_IDENTITY_FILE;
	struct app *app = args->app;
	uint8_t ik[E2EE_IDENTITY_LEN];
	char error[E2EE_ERROR_LEN];
	int ret;

	ret = args_keywords(args, keywords, ARRAY_SIZE(keywords), &path);
	if (ret)
		return ret;
	memory_protect();
	if (e2ee_identity_public(path, ik, error))
		return identity_error(app, error);
	out_record(&app->out);
	out_ik(&app->out, ik);
	out_record_end(&app->out);
	return EXIT_GOOD;
}

struct code_request {
	const char *dev;		/* NULL: this host */
	const char *self;		/* --dev: what this host is called */
	const char *identity;
	const char *store;
	bool has_ik;
	uint8_t ik[E2EE_IDENTITY_LEN];
};

static int parse_self(struct args *args, const char *name, void *object)
{
	struct code_request *request = object;

	(void)name;
	return args_dev(args, &request->self);
}

static int parse_identity(struct args *args, const char *name, void *object)
{
	struct code_request *request = object;

	return args_path(args, name, &request->identity);
}

static int parse_store(struct args *args, const char *name, void *object)
{
	struct code_request *request = object;

	return args_path(args, name, &request->store);
}

static const struct keyword code_keywords[] = {
	{ "--dev", parse_self },
	{ "--identity", parse_identity },
	{ "--trust-store", parse_store },
};

static bool option_next(const struct args *args)
{
	const char *word = args_peek(args);

	return !word || !strncmp(word, "--", 2);
}

static int code_parse(struct args *args, struct code_request *request)
{
	int ret = EXIT_GOOD;

	if (!option_next(args))
		ret = args_dev(args, &request->dev);
	if (!ret && !option_next(args)) {
		request->has_ik = true;
		ret = args_ik(args, request->ik);
	}
	if (!ret)
		ret = args_keywords(args, code_keywords,
				    ARRAY_SIZE(code_keywords), request);
	if (!ret && request->dev && request->self)
		return args_usage(args,
				  "--dev names this host, but the code asked for is that of %s",
				  request->dev);
	return ret;
}

static int find_dev(const char *dev, const uint8_t *ik,
		    enum e2ee_trust_kind kind, void *arg)
{
	struct code_request *request = arg;

	(void)kind;
	if (strcmp(dev, request->dev) != 0)
		return 0;
	memcpy(request->ik, ik, sizeof(request->ik));
	return 1;
}

static int ik_of_other(struct app *app, struct code_request *request)
{
	char error[E2EE_ERROR_LEN];
	struct e2ee_trust *trust;
	int found;

	if (e2ee_trust_open(request->store, &trust, error))
		return identity_error(app, error);
	found = e2ee_trust_list(trust, find_dev, request);
	e2ee_trust_close(trust);
	if (found)
		return EXIT_GOOD;
	return app_error(app, EXIT_USAGE,
			 "%s is not in %s: give its key as well, which \"e2eectl pubkey\" prints on that device",
			 request->dev, request->store);
}

static int ik_of_self(struct args *args, struct code_request *request,
		      char *host, size_t size)
{
	char error[E2EE_ERROR_LEN];

	request->dev = request->self;
	if (!request->dev) {
		if (gethostname(host, size))
			*host = '\0';
		host[size - 1] = '\0';
		if (!e2ee_name_valid(host))
			return args_usage(args,
					  "the host name \"%s\" is not a device name: give one with --dev",
					  host);
		request->dev = host;
	}
	memory_protect();
	if (e2ee_identity_public(request->identity, request->ik, error))
		return identity_error(args->app, error);
	return EXIT_GOOD;
}

static int code_print(struct app *app, const struct code_request *request)
{
	char code[E2EE_CODE_LEN];

	if (e2ee_identity_code(request->dev, request->ik, code))
		return app_error(app, EXIT_USAGE, "OpenSSL failed");
	out_record(&app->out);
	out_str(&app->out, "dev", request->dev);
	out_str(&app->out, "code", code);
	out_record_end(&app->out);
	return EXIT_GOOD;
}

int cmd_fingerprint(struct args *args)
{
	struct code_request request = {
		.identity = E2EE_IDENTITY_FILE,
		.store = E2EE_TRUST_FILE,
	};
	char host[256];
	int ret;

	ret = code_parse(args, &request);
	if (!ret && !request.dev)
		ret = ik_of_self(args, &request, host, sizeof(host));
	else if (!ret && !request.has_ik)
		ret = ik_of_other(args->app, &request);
	return ret ? ret : code_print(args->app, &request);
}
