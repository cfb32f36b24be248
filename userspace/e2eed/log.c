// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What e2eed says: one line each, to stderr.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "e2eed.h"

static char last[1024];

const char *log_reason(void)
{
	return last;
}

/* Text of others may be in it: nothing in it ends the line or moves a cursor */
static void log_write(enum log_level level, char *text)
{
	char *c;

	for (c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "e2eed: %s\n", text);
	else
		fprintf(stderr, "<%d>e2eed: %s\n", (int)level, text);
}

void log_line(enum log_level level, const char *format, ...)
{
	char text[sizeof(last)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_write(level, text);
}

int log_exit(enum exit_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last, sizeof(last), format, args);
	va_end(args);
	log_write(LOG_LEVEL_ERR, last);
	return (int)code;
}
