// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * e2eed's options: what holds where nothing is said, and what does not go together.
 */
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

int main(void)
{
	unsetenv("STATE_DIRECTORY");
	what_is_not_said_is_safe();
	policies();
	what_does_not_go_together();
	return tap_end();
}
