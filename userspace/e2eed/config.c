// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What e2eed is told: options, and a file of lines "option = value" with the same
 * names. The command line wins.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../kmod/version.h"
#include "e2eed.h"

#define LINE_MAX_LEN	1024
#define STATE_FOLDER	"/var/lib/e2ee"

/* Where a value comes from, for errors */
struct source {
	const char *file;		/* NULL: command line */
	unsigned int line;
};

struct setting {
	const char *name;
	int (*set)(struct config *config, const struct source *source,
		   const char *value);	/* value NULL: the word alone */
	bool is_flag;
	bool line_only;			/* not in a file */
	const char *help;
};

__attribute__((format(printf, 2, 3)))
static int config_error(const struct source *source, const char *format, ...)
{
	enum exit_code code = source->file ? EXIT_USELESS : EXIT_USAGE;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (source->line)
		return log_exit(code, "%s:%u: %s", source->file, source->line,
				text);
	if (source->file)
		return log_exit(code, "%s: %s", source->file, text);
	return log_exit(code, "%s; see e2eed --help", text);
}

static int copy(const struct source *source, const char *name, char *to,
		size_t size, const char *value)
{
	if (strlen(value) >= size)
		return config_error(source, "%s: \"%.40s...\" is too long", name,
				    value);
	memset(to, 0, size);
	memcpy(to, value, strlen(value));
	return 0;
}

static int copy_name(const struct source *source, const char *name, char *to,
		     const char *value)
{
	if (!e2ee_name_valid(value))
		return config_error(source,
				    "%s: \"%s\" is not a name: use 1 to %d of A-Z a-z 0-9 . _ -",
				    name, value, E2EE_NAME_MAX);
	return copy(source, name, to, E2EE_NAME_MAX + 1, value);
}

/* The last part of mqtts://BROKER/ROOM; the transport looks at the rest */
static int room_name(const struct source *source, const char *url, char *room)
{
	const char *name = strstr(url, "://");

	if (name)
		name = strchr(name + 3, '/');
	else if (!strncmp(url, "stdio:", 6))
		name = url + 5;
	else
		return config_error(source,
				    "room: \"%s\" is neither mqtts://BROKER[:PORT]/ROOM nor stdio:ROOM",
				    url);
	if (!name || !name[1])
		return config_error(source,
				    "room: \"%s\" lacks the room's name: mqtts://BROKER[:PORT]/ROOM or stdio:ROOM",
				    url);
	if (strchr(name + 1, '/'))
		return config_error(source,
				    "room: the name \"%s\" has a slash, which is not allowed: use 1 to %d of A-Z a-z 0-9 . _ -",
				    name + 1, E2EE_NAME_MAX);
	return copy_name(source, "room", room, name + 1);
}

static int set_room(struct config *config, const struct source *source,
		    const char *value)
{
	int ret = room_name(source, value, config->room);

	return ret ? ret : copy(source, "room", config->url,
				sizeof(config->url), value);
}

static int set_session(struct config *config, const struct source *source,
		       const char *value)
{
	if (!e2ee_session_name_valid(value))
		return config_error(source,
				    "session: \"%s\" is not a session name: use 1 to %d printable characters without space or slash",
				    value, E2EE_SESSION_NAME_MAX);
	return copy(source, "session", config->session, sizeof(config->session),
		    value);
}

static int set_dev(struct config *config, const struct source *source,
		   const char *value)
{
	return copy_name(source, "dev", config->dev, value);
}

#define SET_PATH(member)						\
static int set_##member(struct config *config,				\
			const struct source *source, const char *value)	\
{									\
	return copy(source, #member, config->member,			\
		    sizeof(config->member), value);			\
}

SET_PATH(identity)
SET_PATH(state)
SET_PATH(trust_store)
SET_PATH(cafile)
SET_PATH(cert)
SET_PATH(key)
SET_PATH(password_file)
SET_PATH(config)

static int set_trust(struct config *config, const struct source *source,
		     const char *value)
{
	int level = e2ee_trust_level_value(value);

	if (level < 0)
		return config_error(source,
				    "trust has to be pinned-only, verified or tofu, not \"%s\"",
				    value);
	config->trust = (enum e2ee_trust_level)level;
	return 0;
}

static int policy_value(const struct source *source, const char *name,
			const char *value, uint32_t *policy)
{
	int number = e2ee_policy_value(value);

	if (number < 0 || number > E2EE_POLICY_OFF)
		return config_error(source,
				    "%s has to be required, optional or off, not \"%s\"",
				    name, value);
	*policy = (uint32_t)number;
	return 0;
}

static int set_floor(struct config *config, const struct source *source,
		     const char *value)
{
	return policy_value(source, "floor", value, &config->floor);
}

static int set_policy(struct config *config, const struct source *source,
		      const char *value)
{
	return policy_value(source, "policy", value, &config->policy);
}

static int set_suite(struct config *config, const struct source *source,
		     const char *value)
{
	int suite = e2ee_suite_value(value);

	if (suite < 0)
		return config_error(source,
				    "suite has to be aes-256-gcm or aes-128-gcm, not \"%s\"",
				    value);
	config->suite = (uint32_t)suite;
	return 0;
}

static int set_admin(struct config *config, const struct source *source,
		     const char *value)
{
	int ret;

	if (config->admin_count == ADMINS_MAX)
		return config_error(source, "admin: there are more than %d",
				    ADMINS_MAX);
	ret = copy_name(source, "admin", config->admins[config->admin_count],
			value);
	config->admin_count += !ret;
	return ret;
}

static int flag_value(const struct source *source, const char *name,
		      const char *value, bool *flag)
{
	*flag = !value || !strcmp(value, "yes");
	if (*flag || !strcmp(value, "no"))
		return 0;
	return config_error(source, "%s has to be yes or no, not \"%s\"", name,
			    value);
}

static int set_rsa(struct config *config, const struct source *source,
		   const char *value)
{
	return flag_value(source, "rsa", value, &config->rsa);
}

static int set_insecure(struct config *config, const struct source *source,
			const char *value)
{
	return flag_value(source, "insecure", value, &config->insecure);
}

static int set_debug_core(struct config *config, const struct source *source,
			  const char *value)
{
	return flag_value(source, "debug-core", value, &config->debug_core);
}

static int set_check(struct config *config, const struct source *source,
		     const char *value)
{
	return flag_value(source, "check-config", value, &config->check);
}

static int set_stop_sending(struct config *config,
			    const struct source *source, const char *value)
{
	return flag_value(source, "stop-sending", value, &config->stop_sending);
}

static int set_help(struct config *config, const struct source *source,
		    const char *value);

static int set_version(struct config *config, const struct source *source,
		       const char *value)
{
	(void)config;
	(void)source;
	(void)value;
	puts("e2eed " E2EE_VERSION);
	return -1;
}

static const struct setting settings[] = {
	{ "config", set_config, false, true,
	  "FILE        read FILE: lines of \"option = value\"" },
	{ "room", set_room, false, false,
	  "URL         mqtts://[USER@]BROKER[:PORT]/ROOM or stdio:ROOM" },
	{ "session", set_session, false, false,
	  "NAME        kernel session that gets the keys (e2eectl add-session)" },
	{ "dev", set_dev, false, false,
	  "NAME        name of this device (default: the host's name)" },
	{ "identity", set_identity, false, false,
	  "FILE        key of this device (default: " STATE_FOLDER "/identity)" },
	{ "state", set_state, false, false,
	  "FOLDER      where to keep state, if not beside the identity" },
	{ "trust-store", set_trust_store, false, false,
	  "FILE        keys of other devices (default: " STATE_FOLDER "/trust)" },
	{ "trust", set_trust, false, false,
	  "LEVEL       whom to let in: pinned-only (default), verified or tofu" },
	{ "floor", set_floor, false, false,
	  "POLICY      weakest policy that an owner may set (default: required)" },
	{ "policy", set_policy, false, false,
	  "POLICY      policy of a call that this device begins" },
	{ "admin", set_admin, false, false,
	  "DEV         device that may control a call of this one; repeatable" },
	{ "suite", set_suite, false, false,
	  "SUITE       media cipher: aes-256-gcm (default) or aes-128-gcm" },
	{ "rsa", set_rsa, true, false,
	  "            accept keys wrapped with RSA-OAEP, too" },
	{ "cafile", set_cafile, false, false,
	  "FILE        CA certificates to check the broker with" },
	{ "cert", set_cert, false, false,
	  "FILE        certificate to show to the broker, with --key" },
	{ "key", set_key, false, false,
	  "FILE        private key of --cert" },
	{ "password-file", set_password_file, false, false,
	  "FILE        file whose first line is USER's password" },
	{ "insecure", set_insecure, true, false,
	  "            allow mqtt://, without TLS, to another host" },
	{ "debug-core", set_debug_core, true, false,
	  "            allow core dumps, which hold keys" },
	{ "check-config", set_check, true, true,
	  "            say whether the configuration is good, and exit" },
	{ "stop-sending", set_stop_sending, true, true,
	  "            delete the session's sending keys, and exit" },
	{ "help", set_help, true, true,
	  "            print this, and exit" },
	{ "version", set_version, true, true,
	  "            print the version, and exit" },
};

static int set_help(struct config *config, const struct source *source,
		    const char *value)
{
	size_t i;

	(void)config;
	(void)source;
	(void)value;
	puts("Usage: e2eed --room URL --session NAME [OPTIONS]\n"
	     "       e2eed --config FILE [OPTIONS]\n");
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		printf("  --%-14s %s\n", settings[i].name, settings[i].help);
	return -1;
}

static const struct setting *setting_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (!strcmp(settings[i].name, name))
			return &settings[i];
	return NULL;
}

/* Cuts blanks off both ends, in place */
static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return text;
}

static int line_read(struct config *config, const struct source *source,
		     char *line)
{
	const struct setting *setting;
	char *name, *value;

	name = trim(line);
	if (!*name || *name == '#')
		return 0;
	value = strchr(name, '=');
	if (value) {
		*value++ = '\0';
		value = trim(value);
		name = trim(name);
	}
	setting = setting_find(name);
	/* A mistake elsewhere in the file must not keep keys in the kernel */
	if (config->stop_sending && (!setting || setting->set != set_session))
		return 0;
	if (!setting || setting->line_only)
		return config_error(source, "\"%s\" is not an option%s", name,
				    setting ? " of the configuration file" : "");
	if (!setting->is_flag && (!value || !*value))
		return config_error(source, "%s: \"= VALUE\" is missing", name);
	return setting->set(config, source, value);
}

static int file_read(struct config *config)
{
	struct source source = { .file = config->config };
	char line[LINE_MAX_LEN];
	int ret = 0;
	FILE *file;

	file = fopen(config->config, "re");
	if (!file)
		return config_error(&source, "%s%s", strerror(errno),
				    errno == EACCES ?
				    ": the user that e2eed runs as has to be able to read it" : "");
	while (!ret && fgets(line, sizeof(line), file)) {
		source.line++;
		if (strlen(line) == sizeof(line) - 1 && !config->stop_sending)
			ret = config_error(&source, "the line is too long");
		else
			ret = line_read(config, &source, line);
	}
	if (!ret && ferror(file))
		ret = config_error(&source, "%s", strerror(errno));
	fclose(file);
	return ret;
}

/* What has to be known before the file is read */
static bool setting_is_first(const struct setting *setting)
{
	return setting->set == set_config || setting->set == set_stop_sending;
}

/* From the command line: what comes before the file, or what comes after it */
static int options_read(struct config *config, int argc, char **argv, bool first)
{
	struct option options[ARRAY_SIZE(settings) + 1] = { { .name = NULL } };
	const struct source source = { .file = NULL };
	size_t admins = 0;
	int index, letter;
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		options[i].name = settings[i].name;
		options[i].has_arg = settings[i].is_flag ? no_argument :
							   required_argument;
	}
	optind = 1;
	opterr = 0;
	while (!ret && (letter = getopt_long(argc, argv, ":", options,
					     &index)) != -1) {
		if (letter == ':')
			return config_error(&source, "%s needs a value",
					    argv[optind - 1]);
		if (letter == '?')
			return config_error(&source, "option \"%s\" is not known",
					    argv[optind - 1]);
		if (first != setting_is_first(&settings[index]))
			continue;
		/* Those of the file are replaced, not added to */
		if (settings[index].set == set_admin && !admins++)
			config->admin_count = 0;
		ret = settings[index].set(config, &source, optarg);
	}
	if (!ret && optind < argc)
		ret = config_error(&source, "\"%s\" is not an option", argv[optind]);
	return ret;
}

static int dev_default(struct config *config, const struct source *source)
{
	char host[sizeof(config->dev)] = "";

	if (gethostname(host, sizeof(host) - 1) || !e2ee_name_valid(host))
		return config_error(source,
				    "dev is missing, and the host name \"%s\" is not a device name",
				    host);
	memcpy(config->dev, host, sizeof(config->dev));
	return 0;
}

static const char *state_folder(const struct config *config)
{
	const char *folder = getenv("STATE_DIRECTORY");

	if (*config->state)
		return config->state;
	return folder && *folder ? folder : STATE_FOLDER;
}

static int path_default(const struct config *config,
			const struct source *source, char *path,
			const char *name)
{
	if (!*path && snprintf(path, CONFIG_PATH, "%s/%s", state_folder(config),
			       name) >= CONFIG_PATH)
		return config_error(source, "state: \"%.40s...\" is too long",
				    state_folder(config));
	return 0;
}

/* Nothing can be kept beside an identity that systemd hands over */
static int state_default(struct config *config, const struct source *source)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t len = folder ? strlen(folder) : 0;

	if (*config->state || !len || config->identity[len] != '/' ||
	    strncmp(config->identity, folder, len) != 0)
		return 0;
	return copy(source, "state", config->state, sizeof(config->state),
		    state_folder(config));
}

/* What goes together */
static int config_complete(struct config *config)
{
	const struct source source = {
		.file = *config->config ? config->config : NULL,
	};
	bool broker = strncmp(config->url, "stdio:", 6) != 0;

	if (!*config->session)
		return config_error(&source, "session is missing");
	if (config->stop_sending)
		return 0;
	if (!*config->room)
		return config_error(&source, "room is missing");
	if (config->policy > config->floor)
		return config_error(&source,
				    "policy %s is weaker than the floor %s: set floor = %s, too",
				    e2ee_policy_name(config->policy),
				    e2ee_policy_name(config->floor),
				    e2ee_policy_name(config->policy));
	if (*config->cert && *config->password_file)
		return config_error(&source,
				    "cert and password-file exclude each other");
	if (!broker && (*config->cafile || *config->cert ||
			*config->password_file))
		return config_error(&source,
				    "cafile, cert, key and password-file are for a broker, but %s has none",
				    config->url);
	if (path_default(config, &source, config->identity, "identity") ||
	    path_default(config, &source, config->trust_store, "trust") ||
	    state_default(config, &source))
		return source.file ? EXIT_USELESS : EXIT_USAGE;
	return *config->dev ? 0 : dev_default(config, &source);
}

int config_read(struct config *config, int argc, char **argv)
{
	int ret;

	config->argc = argc;
	config->argv = argv;
	config->trust = E2EE_LEVEL_PINNED;
	config->suite = E2EE_SUITE_AES_256_GCM_SHA512_128;
	ret = options_read(config, argc, argv, true);
	if (!ret && *config->config)
		ret = file_read(config);
	if (!ret)
		ret = options_read(config, argc, argv, false);
	return ret ? ret : config_complete(config);
}

/* What the keys, the session and the others' trust in this device hang on */
#define FIXED(option, member)						\
	{ option, offsetof(struct config, member),			\
	  sizeof(((struct config *)NULL)->member) }

static const struct {
	const char *option;
	size_t at;
	size_t size;
} fixed[] = {
	FIXED("room", room),
	FIXED("session", session),
	FIXED("dev", dev),
	FIXED("identity", identity),
	FIXED("state", state),
	FIXED("trust-store", trust_store),
	FIXED("suite", suite),
	FIXED("rsa", rsa),
	FIXED("debug-core", debug_core),
};

static void fixed_keep(const struct config *config, struct config *new,
		       char *kept)
{
	size_t i, len = 0;

	*kept = '\0';
	for (i = 0; i < ARRAY_SIZE(fixed); i++) {
		char *to = (char *)new + fixed[i].at;
		const char *from = (const char *)config + fixed[i].at;

		if (!memcmp(to, from, fixed[i].size))
			continue;
		memcpy(to, from, fixed[i].size);
		if (!strcmp(fixed[i].option, "room"))
			memcpy(new->url, config->url, sizeof(new->url));
		if (len < E2EE_ERROR_LEN)
			len += (size_t)snprintf(kept + len, E2EE_ERROR_LEN - len,
						"%s%s", len ? ", " : "",
						fixed[i].option);
	}
}

int config_again(const struct config *config, struct config *new, char *kept)
{
	struct stat st;
	int ret;

	/* Nobody may write to a FIFO a second time, and waiting would be for ever */
	if (*config->config && (stat(config->config, &st) ||
				!S_ISREG(st.st_mode)))
		return log_exit(EXIT_USELESS, "%s is not a file that can be read again",
				config->config);
	ret = config_read(new, config->argc, config->argv);
	if (!ret)
		fixed_keep(config, new, kept);
	return ret;
}
