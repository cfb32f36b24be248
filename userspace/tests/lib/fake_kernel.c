// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel for tests of e2eed, in place of libe2ee's netlink: a folder that
 * E2EE_FAKE_KERNEL names. As in the kernel, keys stay when e2eed dies.
 *
 *	module		the module is loaded if this is there
 *	session		"NAME ID EPOCH POLICY"; no file: no session
 *	keys		"DIR KID MODE SSRC EPOCH EXPIRES SECRET SALT", one a line
 *	stubborn	no key can be deleted if this is there
 *	policy-stays	no policy can be set if this is there
 *	busy		each request but a list has to be asked again if this is there
 *	busy-once	the same for one request, which deletes this
 *	events		a FIFO: "TYPE DIR KID SSRC", one event a line
 *	log		what was asked, one a line
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <e2ee/e2ee.h>

#define KEYS_MAX	8192

struct e2ee_ctx {
	int events;
	unsigned int patience;		/* ms */
	bool refused;
	char error[256];
	char line[256];
	size_t line_len;
};

static char *path(const char *name)
{
	static char text[PATH_MAX];
	const char *folder = getenv("E2EE_FAKE_KERNEL");

	snprintf(text, sizeof(text), "%s/%s", folder ? folder : "/nowhere",
		 name);
	return text;
}

static int fail(struct e2ee_ctx *ctx, int err, const char *text)
{
	snprintf(ctx->error, sizeof(ctx->error), "%s", text);
	ctx->refused = true;
	return -err;
}

__attribute__((format(printf, 1, 2)))
static void note(const char *format, ...)
{
	FILE *file = fopen(path("log"), "ae");
	va_list args;

	if (!file)
		return;
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fputc('\n', file);
	fclose(file);
}

int e2ee_open(struct e2ee_ctx **ctx, const char *netns)
{
	(void)netns;
	*ctx = calloc(1, sizeof(**ctx));
	if (!*ctx)
		return -ENOMEM;
	(*ctx)->events = -1;
	(*ctx)->patience = 5000;
	if (access(path("module"), F_OK)) {
		note("no module");
		return fail(*ctx, EPROTONOSUPPORT,
			    "e2ee: kernel module is not loaded: modprobe e2ee");
	}
	return 0;
}

void e2ee_set_patience(struct e2ee_ctx *ctx, unsigned int ms)
{
	if (ctx)
		ctx->patience = ms;
}

void e2ee_close(struct e2ee_ctx *ctx)
{
	if (ctx && ctx->events >= 0)
		close(ctx->events);
	free(ctx);
}

const char *e2ee_strerror(const struct e2ee_ctx *ctx)
{
	return ctx ? ctx->error : "no memory";
}

bool e2ee_refused(const struct e2ee_ctx *ctx)
{
	return ctx && ctx->refused;
}

/* As long as libe2ee would ask again */
static int busy(struct e2ee_ctx *ctx)
{
	const struct timespec wait = {
		.tv_sec = ctx->patience / 1000,
		.tv_nsec = ctx->patience % 1000 * 1000000L,
	};

	if (!unlink(path("busy-once")))
		return fail(ctx, EAGAIN, "the kernel is busy");
	if (access(path("busy"), F_OK))
		return 0;
	nanosleep(&wait, NULL);
	return fail(ctx, EAGAIN, "the kernel is busy");
}

static int session_find(struct e2ee_ctx *ctx, struct e2ee_session *session)
{
	struct e2ee_session found = { .has = 0 };
	FILE *file;
	int count;

	if (access(path("module"), F_OK))
		return fail(ctx, ENOENT, "no such family");
	file = fopen(path("session"), "re");
	if (!file)
		return fail(ctx, ENOENT, "no such session");
	count = fscanf(file, "%31s %" SCNu32 " %" SCNu32 " %" SCNu32,
		       found.name, &found.id, &found.epoch, &found.policy);
	fclose(file);
	if (count != 4 || strcmp(found.name, session->name) != 0)
		return fail(ctx, ENOENT, "no such session");
	if (session->has & E2EE_HAS(E2EE_A_SESSION_ID) &&
	    session->id != found.id)
		return fail(ctx, ENOENT, "no such session");
	found.has = E2EE_HAS(E2EE_A_SESSION_NAME) |
		    E2EE_HAS(E2EE_A_SESSION_ID) |
		    E2EE_HAS(E2EE_A_SESSION_EPOCH) |
		    E2EE_HAS(E2EE_A_SESSION_POLICY);
	*session = found;
	return 0;
}

int e2ee_session_get(struct e2ee_ctx *ctx, struct e2ee_session *session)
{
	int ret = busy(ctx);

	return ret ? ret : session_find(ctx, session);
}

int e2ee_session_set(struct e2ee_ctx *ctx, const struct e2ee_session *session)
{
	struct e2ee_session now = *session;
	char from[PATH_MAX];
	FILE *file;
	int ret;

	ret = e2ee_session_get(ctx, &now);
	if (ret)
		return ret;
	if (session->has & E2EE_HAS(E2EE_A_SESSION_POLICY)) {
		if (!access(path("policy-stays"), F_OK))
			return fail(ctx, EBUSY, "the policy stays");
		now.policy = session->policy;
		note("policy %s", e2ee_policy_name(now.policy));
	}
	if (session->has & E2EE_HAS(E2EE_A_SESSION_EPOCH)) {
		now.epoch = session->epoch;
		note("use-epoch %" PRIu32, now.epoch);
	}
	snprintf(from, sizeof(from), "%s", path("session.new"));
	file = fopen(from, "we");
	if (!file)
		return fail(ctx, EIO, "session file");
	fprintf(file, "%s %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", now.name,
		now.id, now.epoch, now.policy);
	fclose(file);
	return rename(from, path("session")) ? -errno : 0;
}

int e2ee_session_use_epoch(struct e2ee_ctx *ctx,
			   const struct e2ee_session *session, uint32_t epoch,
			   bool force)
{
	struct e2ee_session request = *session;

	(void)force;
	request.has |= E2EE_HAS(E2EE_A_SESSION_EPOCH);
	request.has &= ~E2EE_HAS(E2EE_A_SESSION_POLICY);
	request.epoch = epoch;
	return e2ee_session_set(ctx, &request);
}

/* Keys */

struct keys {
	struct e2ee_key key[KEYS_MAX];
	size_t count;
};

static void hex(const uint8_t *bytes, size_t len, char *text)
{
	size_t i;

	strcpy(text, "-");
	for (i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static void unhex(const char *text, uint8_t *bytes, size_t size, uint32_t *len)
{
	unsigned int byte;

	*len = 0;
	while (*len < size && sscanf(text + 2 * *len, "%2x", &byte) == 1)
		bytes[(*len)++] = (uint8_t)byte;
}

static bool key_read(FILE *file, struct e2ee_key *key)
{
	char secret[80], salt[40];
	uint32_t len;

	memset(key, 0, sizeof(*key));
	if (fscanf(file, "%" SCNu32 " %" SCNu64 " %" SCNu32 " %" SCNu32 " %"
		   SCNu32 " %" SCNu32 " %79s %39s", &key->dir, &key->kid,
		   &key->ssrc_mode, &key->ssrc, &key->epoch, &key->expires,
		   secret, salt) != 8)
		return false;
	unhex(secret, key->secret, sizeof(key->secret), &key->secret_len);
	unhex(salt, key->salt, sizeof(key->salt), &len);
	key->has = E2EE_HAS(E2EE_A_KEY_DIR) | E2EE_HAS(E2EE_A_KEY_KID) |
		   E2EE_HAS(E2EE_A_KEY_SSRC_MODE) |
		   E2EE_HAS(E2EE_A_KEY_EPOCH) | E2EE_HAS(E2EE_A_KEY_EXPIRES) |
		   E2EE_HAS(E2EE_A_KEY_CTR) | E2EE_HAS(E2EE_A_KEY_PACKETS);
	if (key->ssrc_mode == E2EE_SSRC_NUMBER || key->ssrc)
		key->has |= E2EE_HAS(E2EE_A_KEY_SSRC);
	return true;
}

static struct keys *keys_read(void)
{
	struct keys *keys = calloc(1, sizeof(*keys));
	FILE *file = fopen(path("keys"), "re");

	if (!keys)
		abort();
	while (file && keys->count < KEYS_MAX &&
	       key_read(file, &keys->key[keys->count]))
		keys->count++;
	if (file)
		fclose(file);
	return keys;
}

static void keys_write(struct keys *keys)
{
	char from[PATH_MAX], secret[80], salt[40];
	FILE *file;
	size_t i;

	snprintf(from, sizeof(from), "%s", path("keys.new"));
	file = fopen(from, "we");
	for (i = 0; file && i < keys->count; i++) {
		const struct e2ee_key *key = &keys->key[i];

		hex(key->secret, key->secret_len, secret);
		hex(key->salt, sizeof(key->salt), salt);
		fprintf(file, "%" PRIu32 " %" PRIu64 " %" PRIu32 " %" PRIu32
			" %" PRIu32 " %" PRIu32 " %s %s\n", key->dir, key->kid,
			key->ssrc_mode, key->ssrc, key->epoch, key->expires,
			secret, salt);
	}
	if (file)
		fclose(file);
	rename(from, path("keys"));
	free(keys);
}

static uint32_t mode_of(const struct e2ee_key *key)
{
	if (key->has & E2EE_HAS(E2EE_A_KEY_SSRC_MODE))
		return key->ssrc_mode;
	return key->has & E2EE_HAS(E2EE_A_KEY_SSRC) ? E2EE_SSRC_NUMBER :
						      E2EE_SSRC_ANY;
}

static struct e2ee_key *key_find(struct keys *keys, const struct e2ee_key *name)
{
	uint32_t mode = mode_of(name);
	size_t i;

	for (i = 0; i < keys->count; i++) {
		struct e2ee_key *key = &keys->key[i];

		if (key->dir == name->dir && key->kid == name->kid &&
		    key->ssrc_mode == mode &&
		    (mode != E2EE_SSRC_NUMBER || key->ssrc == name->ssrc))
			return key;
	}
	return NULL;
}

static int session_check(struct e2ee_ctx *ctx,
			 const struct e2ee_session *session)
{
	struct e2ee_session copy = *session;

	return session_find(ctx, &copy);
}

int e2ee_key_new(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 const struct e2ee_key *new, size_t count, size_t *done)
{
	int ret = session_check(ctx, session);
	struct keys *keys;
	size_t i;

	if (done)
		*done = 0;
	if (!ret)
		ret = busy(ctx);
	if (ret)
		return ret;
	keys = keys_read();
	for (i = 0; i < count; i++) {
		if (key_find(keys, &new[i]) || keys->count == KEYS_MAX) {
			note("refused: key %" PRIu64 " exists", new[i].kid);
			free(keys);
			return fail(ctx, EEXIST, "key exists");
		}
		keys->key[keys->count] = new[i];
		keys->key[keys->count++].ssrc_mode = mode_of(&new[i]);
	}
	keys_write(keys);
	if (done)
		*done = count;
	return 0;
}

int e2ee_key_del(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 const struct e2ee_key *names, size_t count, size_t *done)
{
	int ret = session_check(ctx, session);
	struct keys *keys;
	size_t i;

	if (done)
		*done = 0;
	if (!ret)
		ret = busy(ctx);
	if (!ret && !access(path("stubborn"), F_OK))
		ret = fail(ctx, EBUSY, "the kernel is stubborn");
	if (ret)
		return ret;
	keys = keys_read();
	for (i = 0; i < count; i++) {
		if (key_find(keys, &names[i]))
			continue;
		free(keys);
		return fail(ctx, ENOENT, "no such key");
	}
	for (i = 0; i < count; i++) {
		struct e2ee_key *key = key_find(keys, &names[i]);

		if (key)
			*key = keys->key[--keys->count];
	}
	keys_write(keys);
	return 0;
}

int e2ee_key_list(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		  e2ee_key_cb cb, void *arg)
{
	int ret = session_check(ctx, session);
	struct keys *keys;
	size_t i;

	if (ret)
		return ret;
	keys = keys_read();
	for (i = 0; i < keys->count && !ret; i++) {
		memset(keys->key[i].secret, 0, sizeof(keys->key[i].secret));
		ret = cb(&keys->key[i], arg);
	}
	free(keys);
	return ret;
}

/* Events */

int e2ee_event_subscribe(struct e2ee_ctx *ctx)
{
	(void)mkfifo(path("events"), 0600);
	ctx->events = open(path("events"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return ctx->events < 0 ? fail(ctx, errno, "events") : 0;
}

int e2ee_event_fd(const struct e2ee_ctx *ctx)
{
	return ctx->events;
}

static int event_type(const char *name)
{
	uint32_t type;

	for (type = 1; type <= E2EE_EVENT_MAX; type++)
		if (!strcmp(e2ee_event_name(type), name))
			return (int)type;
	return 0;
}

static int event_tell(const char *line, e2ee_event_cb cb, void *arg)
{
	struct e2ee_session session = { .has = 0 };
	struct e2ee_event_info event = { .has = 0 };
	struct e2ee_ctx none = { .events = -1 };
	char type[32];

	if (sscanf(line, "%31s %" SCNu32 " %" SCNu64 " %" SCNu32, type,
		   &event.dir, &event.kid, &event.ssrc) != 4)
		return 0;
	event.type = (uint32_t)event_type(type);
	event.has = E2EE_HAS(E2EE_A_EVENT_TYPE) |
		    E2EE_HAS(E2EE_A_EVENT_SESSION) |
		    E2EE_HAS(E2EE_A_EVENT_NAME) | E2EE_HAS(E2EE_A_EVENT_DIR) |
		    E2EE_HAS(E2EE_A_EVENT_SSRC);
	if (event.kid)
		event.has |= E2EE_HAS(E2EE_A_EVENT_KID);
	strcpy(session.name, "call");
	strcpy(event.name, "call");
	event.session = 1;
	if (!session_find(&none, &session))
		event.session = session.id;
	return cb(&event, arg);
}

int e2ee_event_read(struct e2ee_ctx *ctx, e2ee_event_cb cb, void *arg)
{
	int ret = 0;
	char c;

	while (!ret && read(ctx->events, &c, 1) == 1) {
		if (c != '\n' && ctx->line_len < sizeof(ctx->line) - 1) {
			ctx->line[ctx->line_len++] = c;
			continue;
		}
		ctx->line[ctx->line_len] = '\0';
		ctx->line_len = 0;
		ret = event_tell(ctx->line, cb, arg);
	}
	return ret;
}
