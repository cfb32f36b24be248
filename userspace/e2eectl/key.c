// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keys.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "e2eectl.h"

struct key_request {
	struct e2ee_session session;
	struct e2ee_key key;
	const char *base_key;		/* sources */
	const char *secret;
	const char *salt;
};

static int parse_kid(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	request->key.has |= E2EE_HAS(E2EE_A_KEY_KID);
	return args_u64(args, name, 0, UINT64_MAX, &request->key.kid);
}

static int parse_ssrc(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;
	struct e2ee_key *key = &request->key;
	const char *word;
	uint64_t number;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	key->has |= E2EE_HAS(E2EE_A_KEY_SSRC_MODE);
	if (!strcmp(word, "any")) {
		key->ssrc_mode = E2EE_SSRC_ANY;
	} else if (!strcmp(word, "claim")) {
		key->ssrc_mode = E2EE_SSRC_CLAIM;
	} else if (parse_u64(word, &number) && number <= UINT32_MAX) {
		key->ssrc_mode = E2EE_SSRC_NUMBER;
		key->ssrc = (uint32_t)number;
		key->has |= E2EE_HAS(E2EE_A_KEY_SSRC);
	} else {
		return args_usage(args,
				  "ssrc has to be any, claim or a number up to %u, not \"%s\"",
				  UINT32_MAX, word);
	}
	return EXIT_GOOD;
}

static int parse_rtx_ssrc(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	request->key.has |= E2EE_HAS(E2EE_A_KEY_RTX_SSRC);
	return args_u32(args, name, 0, UINT32_MAX, &request->key.rtx_ssrc);
}

static int parse_suite(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;
	const char *word;
	int suite, ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	suite = e2ee_suite_value(word);
	if (suite < 0)
		return args_usage(args,
				  "suite has to be aes-128-gcm or aes-256-gcm, not \"%s\"",
				  word);
	request->key.suite = (uint32_t)suite;
	request->key.has |= E2EE_HAS(E2EE_A_KEY_SUITE);
	return EXIT_GOOD;
}

static int parse_epoch(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	request->key.has |= E2EE_HAS(E2EE_A_KEY_EPOCH);
	return args_u32(args, name, 0, UINT32_MAX, &request->key.epoch);
}

static int parse_base_key(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	return args_value(args, name, &request->base_key);
}

static int parse_secret(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	return args_value(args, name, &request->secret);
}

static int parse_salt(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	return args_value(args, name, &request->salt);
}

static int parse_ctr(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	request->key.has |= E2EE_HAS(E2EE_A_KEY_CTR);
	return args_u64(args, name, 0, UINT64_MAX, &request->key.ctr);
}

static int parse_soft_limit(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	request->key.has |= E2EE_HAS(E2EE_A_KEY_SOFT_LIMIT);
	return args_u64(args, name, 1, UINT64_MAX, &request->key.soft_limit);
}

static int parse_limit(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	request->key.has |= E2EE_HAS(E2EE_A_KEY_LIMIT);
	return args_u64(args, name, 1, UINT64_MAX, &request->key.limit);
}

static int parse_expires(struct args *args, const char *name, void *object)
{
	struct key_request *request = object;

	request->key.has |= E2EE_HAS(E2EE_A_KEY_EXPIRES);
	return args_u32(args, name, 0, UINT32_MAX, &request->key.expires);
}

/* del-key takes the first 2, set-key the first 6, add-key all */
#define DEL_KEYWORDS	2
#define SET_KEYWORDS	6

static const struct keyword key_keywords[] = {
	{ "kid", parse_kid },
	{ "ssrc", parse_ssrc },
	{ "rtx-ssrc", parse_rtx_ssrc },
	{ "soft-limit", parse_soft_limit },
	{ "limit", parse_limit },
	{ "expires", parse_expires },
	{ "suite", parse_suite },
	{ "epoch", parse_epoch },
	{ "base-key", parse_base_key },
	{ "key", parse_secret },
	{ "salt", parse_salt },
	{ "ctr", parse_ctr },
};

static int parse_dir(struct args *args, struct e2ee_key *key)
{
	const char *word;
	int ret;

	ret = args_value(args, "direction (tx or rx)", &word);
	if (ret)
		return ret;
	if (!strcmp(word, "tx"))
		key->dir = E2EE_DIR_TX;
	else if (!strcmp(word, "rx"))
		key->dir = E2EE_DIR_RX;
	else
		return args_usage(args,
				  "direction has to be tx or rx, not \"%s\"",
				  word);
	key->has |= E2EE_HAS(E2EE_A_KEY_DIR);
	return EXIT_GOOD;
}

static int key_parse(struct args *args, size_t keywords,
		     struct key_request *request)
{
	int ret;

	ret = args_session(args, &request->session);
	if (!ret)
		ret = parse_dir(args, &request->key);
	if (!ret)
		ret = args_keywords(args, key_keywords, keywords, request);
	if (ret)
		return ret;
	if (!(request->key.has & E2EE_HAS(E2EE_A_KEY_KID)))
		return args_usage(args, "kid is missing");
	return EXIT_GOOD;
}

static int sources_check(struct args *args, const struct key_request *request)
{
	if (request->base_key && (request->secret || request->salt))
		return args_usage(args,
				  "base-key excludes key and salt, which are derived from it");
	if (request->base_key)
		return EXIT_GOOD;
	if (!request->secret)
		return args_usage(args, "base-key, or key and salt, is missing");
	if (!request->salt)
		return args_usage(args, "salt is missing");
	if (!strcmp(request->secret, "-") && !strcmp(request->salt, "-"))
		return args_usage(args,
				  "key and salt cannot both come from standard input");
	return EXIT_GOOD;
}

/* RFC 9605, section 4.4.2 */
static int key_derive(struct app *app, const struct secret *base,
		      const char *source, struct e2ee_key *key)
{
	if (base->len < E2EE_BASE_KEY_MIN)
		return app_error(app, EXIT_USAGE,
				 "%s: %zu bytes; a base key has at least %d",
				 source, base->len, E2EE_BASE_KEY_MIN);
	if (e2ee_sframe_derive(key->suite, base->bytes, base->len, key->kid,
			       key->secret, key->salt))
		return app_error(app, EXIT_USAGE,
				 "%s: key derivation failed in OpenSSL", source);
	key->secret_len = (uint32_t)e2ee_sframe_key_len(key->suite);
	return EXIT_GOOD;
}

static int length_check(struct app *app, const char *source, const char *what,
			size_t len, size_t needed)
{
	if (len == needed)
		return EXIT_GOOD;
	return app_error(app, EXIT_USAGE,
			 "%s: %zu bytes; %s has %zu, raw or as hexadecimal text",
			 source, len, what, needed);
}

static int salt_read(struct app *app, const char *source, struct e2ee_key *key)
{
	struct secret salt;
	int ret;

	ret = secret_read(app, source, &salt);
	if (!ret)
		ret = length_check(app, source, "a salt", salt.len,
				   E2EE_SALT_LEN);
	if (!ret)
		memcpy(key->salt, salt.bytes, E2EE_SALT_LEN);
	secret_free(&salt);
	return ret;
}

static int key_and_salt(struct app *app, const struct key_request *request,
			const struct secret *secret, struct e2ee_key *key)
{
	size_t needed = e2ee_sframe_key_len(key->suite);
	int ret;

	ret = length_check(app, request->secret, e2ee_suite_name(key->suite),
			   secret->len, needed);
	if (ret)
		return ret;
	memcpy(key->secret, secret->bytes, needed);
	key->secret_len = (uint32_t)needed;
	return salt_read(app, request->salt, key);
}

/*
 * A key that sends is marked as spent, on disk, before the kernel may use it;
 * the mark is taken back only if the kernel said no.
 */
static int key_install(struct app *app, const struct key_request *request,
		       const struct secret *secret)
{
	const char *kind = request->base_key ? "base-key" : "key";
	const struct e2ee_key *key = &request->key;
	struct mark mark = { .path = NULL };
	bool sends = key->dir == E2EE_DIR_TX;
	int ret = EXIT_GOOD;

	if (sends)
		ret = secret_lock(app, secret);
	if (!ret && sends && !(key->has & E2EE_HAS(E2EE_A_KEY_CTR)))
		ret = mark_check(app, secret, kind, key);
	if (!ret)
		ret = app_open(app);
	if (!ret && sends)
		ret = mark_write(app, secret, kind, key, &mark);
	if (ret)
		return ret;
	if (e2ee_key_new(app->ctx, &request->session, key, 1, NULL)) {
		if (e2ee_refused(app->ctx))
			mark_undo(&mark);
		ret = app_refused(app);
	}
	mark_free(&mark);
	return ret;
}

static int key_add(struct app *app, struct key_request *request)
{
	const char *source = request->base_key ? request->base_key :
						 request->secret;
	struct secret secret;
	int ret;

	ret = secret_read(app, source, &secret);
	if (!ret && request->base_key)
		ret = key_derive(app, &secret, source, &request->key);
	else if (!ret)
		ret = key_and_salt(app, request, &secret, &request->key);
	if (!ret) {
		request->key.has |= E2EE_HAS(E2EE_A_KEY_SECRET) |
				    E2EE_HAS(E2EE_A_KEY_SALT);
		ret = key_install(app, request, &secret);
	}
	secret_free(&secret);
	return ret;
}

int cmd_add_key(struct args *args)
{
	struct key_request request = { .base_key = NULL };
	int ret;

	secret_protect(&request, sizeof(request));
	ret = key_parse(args, ARRAY_SIZE(key_keywords), &request);
	if (!ret)
		ret = sources_check(args, &request);
	if (ret)
		return ret;
	if (!(request.key.has & E2EE_HAS(E2EE_A_KEY_SUITE))) {
		request.key.suite = E2EE_SUITE_AES_256_GCM_SHA512_128;
		request.key.has |= E2EE_HAS(E2EE_A_KEY_SUITE);
	}
	ret = key_add(args->app, &request);
	OPENSSL_cleanse(&request, sizeof(request));
	return ret;
}

int cmd_set_key(struct args *args)
{
	const uint64_t change = E2EE_HAS(E2EE_A_KEY_SOFT_LIMIT) |
				E2EE_HAS(E2EE_A_KEY_LIMIT) |
				E2EE_HAS(E2EE_A_KEY_EXPIRES) |
				E2EE_HAS(E2EE_A_KEY_RTX_SSRC);
	struct key_request request = { .base_key = NULL };
	int ret;

	ret = key_parse(args, SET_KEYWORDS, &request);
	if (ret)
		return ret;
	if (!(request.key.has & change))
		return args_usage(args,
				  "nothing to change: give rtx-ssrc, soft-limit, limit or expires");
	ret = app_open(args->app);
	if (ret)
		return ret;
	ret = e2ee_key_set(args->app->ctx, &request.session, &request.key);
	return app_done(args->app, ret);
}

int cmd_del_key(struct args *args)
{
	struct key_request request = { .base_key = NULL };
	int ret;

	ret = key_parse(args, DEL_KEYWORDS, &request);
	if (!ret)
		ret = app_open(args->app);
	if (ret)
		return ret;
	ret = e2ee_key_del(args->app->ctx, &request.session, &request.key, 1,
			   NULL);
	return app_done(args->app, ret);
}

static void out_ssrc(struct out *out, const struct e2ee_key *key)
{
	const char *mode = e2ee_ssrc_mode_name(key->ssrc_mode);
	bool known = key->has & E2EE_HAS(E2EE_A_KEY_SSRC);

	if (key->ssrc_mode == E2EE_SSRC_NUMBER) {
		out_u64(out, "ssrc", key->ssrc);
		return;
	}
	out_str(out, "ssrc", mode ? mode : "unknown");
	if (known)
		out_u64(out, "claimed", key->ssrc);
}

static void out_binding(struct out *out, const struct e2ee_key *key)
{
	out_ssrc(out, key);
	if (key->has & E2EE_HAS(E2EE_A_KEY_RTX_SSRC))
		out_u64(out, "rtx-ssrc", key->rtx_ssrc);
}

void out_key_line(struct out *out, const struct e2ee_key *key)
{
	const char *suite = e2ee_suite_name(key->suite);
	const char *dir = e2ee_dir_name(key->dir);

	out_str_as(out, "dir", "key", dir ? dir : "unknown");
	out_u64(out, "kid", key->kid);
	out_binding(out, key);
	out_str(out, "suite", suite ? suite : "unknown");
	out_u64(out, "epoch", key->epoch);
	out_u64(out, "ctr", key->ctr);
	if (key->has & E2EE_HAS(E2EE_A_KEY_SOFT_LIMIT))
		out_u64(out, "soft-limit", key->soft_limit);
	if (key->has & E2EE_HAS(E2EE_A_KEY_LIMIT))
		out_u64(out, "limit", key->limit);
	if (key->expires)
		out_u64(out, "expires", key->expires);
	out_u64(out, "packets", key->packets);
	if (*key->driver)
		out_str(out, "driver", key->driver);
	if (key->expired)
		out_flag(out, "expired");
}

static int key_line(const struct e2ee_key *key, void *arg)
{
	struct listing *listing = arg;

	listing_line(listing, key->session);
	out_key_line(listing->out, key);
	out_record_end(listing->out);
	return 0;
}

int cmd_list_keys(struct args *args)
{
	struct listing listing;
	struct e2ee_session session = { .has = 0 };
	struct app *app = args->app;
	int ret = EXIT_GOOD;

	if (args_peek(args))
		ret = args_session(args, &session);
	if (!ret)
		ret = args_end(args);
	if (!ret)
		ret = listing_begin(app, &listing);
	if (ret)
		return ret;
	ret = e2ee_key_list(app->ctx, session.has ? &session : NULL, key_line,
			    &listing);
	return listing_end(app, &listing, ret);
}
