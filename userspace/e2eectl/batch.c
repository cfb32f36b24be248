// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands from a file, as iproute2 has them: "#" begins a comment, "\" at the
 * end goes on with the next line, quotes hold a word with spaces together.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2eectl.h"

#define WORDS_MAX	64

/* Cuts the line into words, in place; -1: too many, or a quote is open */
static int line_split(char *line, char **words)
{
	int count = 0;
	char *at = line;

	for (;;) {
		char quote = '\0';

		at += strspn(at, " \t\r\n");
		if (!*at || *at == '#')
			return count;
		if (count == WORDS_MAX)
			return -1;
		if (*at == '"' || *at == '\'')
			quote = *at++;
		words[count++] = at;
		at = quote ? strchr(at, quote) : at + strcspn(at, " \t\r\n");
		if (!at)
			return -1;
		if (*at)
			*at++ = '\0';
	}
}

struct lines {
	FILE *file;
	char *line;
	size_t size;
	unsigned int read;		/* lines so far */
};

static bool ends_in_backslash(char *line)
{
	size_t len = strcspn(line, "\n");

	if (!len || line[len - 1] != '\\')
		return false;
	line[len - 1] = '\0';
	return true;
}

/* The next line with those that it goes on in; false at the end */
static bool lines_next(struct lines *lines, unsigned int *number)
{
	char *more = NULL;
	size_t more_size = 0;

	if (getline(&lines->line, &lines->size, lines->file) < 0)
		return false;
	*number = ++lines->read;
	while (ends_in_backslash(lines->line)) {
		size_t len = strlen(lines->line), add;
		char *grown;

		if (getline(&more, &more_size, lines->file) < 0)
			break;
		lines->read++;
		add = strlen(more) + 1;
		grown = realloc(lines->line, len + add);
		if (!grown)
			break;
		memcpy(grown + len, more, add);
		lines->line = grown;
		lines->size = len + add;
	}
	free(more);
	return true;
}

static int line_run(struct app *app, char *line)
{
	char *words[WORDS_MAX];
	int count = line_split(line, words);

	if (count < 0)
		return app_error(app, EXIT_USAGE,
				 "a quote is not closed, or the line has more than %d words",
				 WORDS_MAX);
	return count ? command_run(app, words, count) : EXIT_GOOD;
}

/* The first failure ends it, or with -force decides the exit code */
int batch_run(struct app *app)
{
	bool from_stdin = !strcmp(app->batch, "-");
	struct lines lines = { .line = NULL };
	int ret = EXIT_GOOD;

	lines.file = from_stdin ? stdin : fopen(app->batch, "re");
	if (!lines.file)
		return app_error(app, EXIT_USAGE, "%s: %s", app->batch,
				 strerror(errno));
	while (lines_next(&lines, &app->line)) {
		int code = line_run(app, lines.line);

		if (code && !ret)
			ret = code;
		if (code && !app->force)
			break;
	}
	app->line = 0;
	free(lines.line);
	if (!from_stdin)
		fclose(lines.file);
	return ret;
}
