// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * e2eed's options: what holds where nothing is said, and what does not go together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2eed.h"
#include "tap.h"

#define WORDS_MAX	12

/* Reads the words, which are separated by single spaces, as a command line */
static int configure(struct config *config, const char *line)
{
	char *words = strdup(line), *argv[WORDS_MAX] = { "e2eed" };
	int argc = 1, ret;
	char *word;

	for (word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	memset(config, 0, sizeof(*config));
	ret = config_read(config, argc, argv);
	free(words);
	return ret;
}

#define CALL	"--room mqtts://broker/board --session call --dev room-a "

static void what_is_not_said_is_safe(void)
{
	struct config config;

	ok(!configure(&config, CALL), "a room and a session are enough");
	ok(config.trust == E2EE_LEVEL_PINNED, "only pinned keys are trusted");
	ok(config.floor == E2EE_POLICY_REQUIRED &&
		   config.policy == E2EE_POLICY_REQUIRED,
	   "media is required to be encrypted");
	ok(config.suite == E2EE_SUITE_AES_256_GCM_SHA512_128,
	   "with the longer keys");
	ok(!config.insecure && !config.debug_core && !config.rsa &&
		   !config.admin_count,
	   "nothing weaker is allowed, and nobody else decides");
	ok(!strcmp(config.identity, "/var/lib/e2ee/identity") &&
		   !strcmp(config.trust_store, "/var/lib/e2ee/trust"),
	   "identity and trust store are those of the manual");
}

static void policies(void)
{
	struct config config;

	ok(configure(&config, CALL "--policy optional") == EXIT_USAGE,
	   "a policy below the floor is refused");
	ok(configure(&config, CALL "--policy off --floor optional") ==
		   EXIT_USAGE,
	   "one below another floor, too");
	ok(!configure(&config, CALL "--policy optional --floor optional") &&
		   config.policy == E2EE_POLICY_OPTIONAL,
	   "one at the floor is not");
	ok(!configure(&config, CALL "--floor off") &&
		   config.policy == E2EE_POLICY_REQUIRED,
	   "a low floor lowers no policy");
}

static void what_does_not_go_together(void)
{
	struct config config;

	ok(configure(&config, "--session call --dev a") == EXIT_USAGE,
	   "a room is needed");
	ok(configure(&config, "--room stdio:board --dev a") == EXIT_USAGE,
	   "a session is needed");
	ok(configure(&config, CALL "--cert c --password-file p") == EXIT_USAGE,
	   "two proofs for the broker are one too many");
	ok(configure(&config, "--room stdio:board --session call --dev a "
		     "--password-file p") == EXIT_USAGE,
	   "without a broker there is no password for it");
	ok(configure(&config, "--room mqtts://broker/a/b --session call "
		     "--dev a") == EXIT_USAGE,
	   "a room's name has no slash");
}

static void where_the_state_is(void)
{
	struct config config;

	ok(!configure(&config, CALL) && !*config.state,
	   "the number of an identity is kept beside it");
	ok(!configure(&config, CALL "--state /keep") &&
		   !strcmp(config.state, "/keep") &&
		   !strcmp(config.identity, "/keep/identity") &&
		   !strcmp(config.trust_store, "/keep/trust"),
	   "or where it is told to, with all that is not named");
	ok(!configure(&config, CALL "--state /keep --identity /etc/id") &&
		   !strcmp(config.identity, "/etc/id"),
	   "an identity that is named is there");
	setenv("STATE_DIRECTORY", "/state", 1);
	setenv("CREDENTIALS_DIRECTORY", "/run/c", 1);
	ok(!configure(&config, CALL) && !*config.state &&
		   !strcmp(config.identity, "/state/identity"),
	   "the service's own folder changes nothing of that");
	ok(!configure(&config, CALL "--identity /run/c/id") &&
		   !strcmp(config.state, "/state"),
	   "a credential's number goes to the service's folder");
	ok(!configure(&config, CALL "--identity /run/c/id --state /keep") &&
		   !strcmp(config.state, "/keep"),
	   "unless it is told otherwise");
	ok(!configure(&config, CALL "--identity /run/cc/id") && !*config.state,
	   "a folder whose name begins alike is another one");
	unsetenv("STATE_DIRECTORY");
	ok(!configure(&config, CALL "--identity /run/c/id") &&
		   !strcmp(config.state, "/var/lib/e2ee"),
	   "without a service it is that of the manual");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void long_state(void)
{
	char line[CONFIG_PATH + 100], name[CONFIG_PATH - 5];
	struct config config;

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	snprintf(line, sizeof(line), CALL "--state /%s", name);
	ok(configure(&config, line) == EXIT_USAGE,
	   "a name that would be cut off is refused");
	memset(line, 'x', CONFIG_PATH);
	line[CONFIG_PATH] = '\0';
	setenv("STATE_DIRECTORY", line, 1);
	setenv("CREDENTIALS_DIRECTORY", "/run/c", 1);
	ok(configure(&config, CALL "--identity /run/c/id --trust-store /t") ==
		   EXIT_USAGE, "that of the service, too");
	unsetenv("STATE_DIRECTORY");
	unsetenv("CREDENTIALS_DIRECTORY");
}

int main(void)
{
	unsetenv("STATE_DIRECTORY");
	unsetenv("CREDENTIALS_DIRECTORY");
	what_is_not_said_is_safe();
	policies();
	what_does_not_go_together();
	where_the_state_is();
	long_state();
	return tap_end();
}
