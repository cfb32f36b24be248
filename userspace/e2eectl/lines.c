// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of commands, as iproute2 has them: "#" begins a comment, "\" at the end goes
 * on with the next line, quotes hold a word with spaces together.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2eectl.h"

/* Cuts the line into words, in place; -1: too many, or a quote is open */
static int line_cut(char *line, char **words)
{
	int count = 0;
	char *at = line;

	for (;;) {
		char quote = '\0';

		at += strspn(at, " \t\r\n");
		if (!*at || *at == '#')
			return count;
		if (count == LINE_WORDS)
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

static bool ends_in_backslash(char *line)
{
	size_t len = strcspn(line, "\n");

	if (!len || line[len - 1] != '\\')
		return false;
	line[len - 1] = '\0';
	return true;
}

/* Errors name the file and the line from now on, up to lines_close() */
int lines_open(struct app *app, struct lines *lines, const char *path)
{
	memset(lines, 0, sizeof(*lines));
	lines->app = app;
	lines->file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	if (!lines->file)
		return app_error(app, EXIT_USAGE, "%s: %s", path,
				 strerror(errno));
	app->file = path;
	return EXIT_GOOD;
}

/* Returns false if the file could not be read to its end */
bool lines_close(struct lines *lines)
{
	bool whole = !ferror(lines->file);

	lines->app->line = 0;
	free(lines->line);
	if (lines->file != stdin)
		fclose(lines->file);
	return whole;
}

/* The next line with those that it goes on in; false at the end */
bool lines_next(struct lines *lines)
{
	char *more = NULL;
	size_t more_size = 0;

	if (getline(&lines->line, &lines->size, lines->file) < 0)
		return false;
	lines->app->line = ++lines->read;
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

/* The words of the line: how many, or -1 after an error was printed */
int lines_words(struct lines *lines, char **words)
{
	int count = line_cut(lines->line, words);

	if (count < 0)
		app_error(lines->app, EXIT_USAGE,
			  "a quote is not closed, or the line has more than %d words",
			  LINE_WORDS);
	return count;
}
