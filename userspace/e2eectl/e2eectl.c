// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * e2eectl: end-to-end encryption of RTP media, by hand.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod/version.h"
#include "e2eectl.h"

struct option {
	const char *brief;
	const char *full;
	bool has_value;
};

static const struct option options[] = {
	{ "j", "json", false },	 { "n", "netns", true },
	{ "r", "room", true },	 { "b", "batch", true },
	{ "f", "force", false }, { "V", "Version", false },
	{ "h", "help", false },
};

/* Its letter, or 0; one dash or two */
static char option_find(const char *word, bool *has_value)
{
	size_t i;

	word += word[1] == '-' ? 2 : 1;
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (strcmp(options[i].brief, word) != 0 &&
		    strcmp(options[i].full, word) != 0)
			continue;
		*has_value = options[i].has_value;
		return options[i].brief[0];
	}
	return 0;
}

/* Returns the index of the first word that is no option, or -1 - exit code */
static int options_parse(struct app *app, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *value = NULL;
		bool has_value = false;
		char letter;

		letter = option_find(argv[i], &has_value);
		if (!letter)
			return -1 - app_error(app, EXIT_USAGE,
					      "option \"%s\" is not known, see \"e2eectl help\"",
					      argv[i]);
		if (has_value && (i + 1 == argc || !*argv[i + 1]))
			return -1 - app_error(app, EXIT_USAGE,
					      "option \"%s\" needs a value",
					      argv[i]);
		if (has_value)
			value = argv[++i];
		switch (letter) {
		case 'j':
			app->out.json = true;
			break;
		case 'n':
			app->netns = value;
			break;
		case 'r':
			app->room = value;
			break;
		case 'b':
			app->batch = value;
			break;
		case 'f':
			app->force = true;
			break;
		case 'V':
			puts("e2eectl " E2EE_VERSION);
			return -1 - EXIT_GOOD;
		default:
			usage_print(stdout);
			return -1 - EXIT_GOOD;
		}
	}
	return i;
}

static int app_run(struct app *app, int argc, char **argv)
{
	int first = options_parse(app, argc, argv);

	if (first < 0)
		return -1 - first;
	if (app->batch && first < argc)
		return app_error(app, EXIT_USAGE,
				 "-b reads its commands from the file: \"%s\" is not expected here",
				 argv[first]);
	if (app->batch)
		return batch_run(app);
	if (first < argc)
		return command_run(app, argv + first, argc - first);
	usage_print(stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct app app = { .ctx = NULL };
	int code;

	/* A reader that goes away is no reason to die before marks are undone */
	signal(SIGPIPE, SIG_IGN);
	code = app_run(&app, argc, argv);
	e2ee_close(app.ctx);
	if ((fflush(stdout) || ferror(stdout)) && !code)
		code = EXIT_USAGE;
	return code;
}
