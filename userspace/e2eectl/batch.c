// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands from a file, one a line.
 */
#include "e2eectl.h"

static int line_run(struct app *app, struct lines *lines)
{
	char *words[LINE_WORDS];
	int count = lines_words(lines, words);

	if (count < 0)
		return EXIT_USAGE;
	return count ? command_run(app, words, count) : EXIT_GOOD;
}

/* The first failure ends it, or with -force decides the exit code */
int batch_run(struct app *app)
{
	struct lines lines;
	int ret;

	ret = lines_open(app, &lines, app->batch);
	if (ret)
		return ret;
	while (lines_next(&lines)) {
		int code = line_run(app, &lines);

		if (code && !ret)
			ret = code;
		if (code && !app->force)
			break;
	}
	if (!lines_close(&lines) && !ret)
		ret = app_error(app, EXIT_USAGE, "%s: cannot be read",
				app->batch);
	return ret;
}
