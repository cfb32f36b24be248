// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connection to the module, and errors: one line each, on stderr.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "e2eectl.h"

int app_error(const struct app *app, enum exit_code code, const char *format,
	      ...)
{
	va_list args;

	fflush(stdout);
	fputs("Error: ", stderr);
	if (app->line)
		fprintf(stderr, "%s:%u: ", app->file, app->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return (int)code;
}

int app_refused(const struct app *app)
{
	return app_error(app, EXIT_KERNEL, "%s", e2ee_strerror(app->ctx));
}

/* The end of a command: @ret is what the library returned */
int app_done(const struct app *app, int ret)
{
	return ret ? app_refused(app) : EXIT_GOOD;
}

/* The same, for a command that made something: its number is printed */
int app_done_new(struct app *app, int ret, const char *key, uint64_t id)
{
	if (ret)
		return app_refused(app);
	out_record(&app->out);
	out_u64(&app->out, key, id);
	out_record_end(&app->out);
	return EXIT_GOOD;
}

/* In a batch the handle stays open. */
int app_open(struct app *app)
{
	int ret, code;

	if (app->ctx)
		return EXIT_GOOD;
	ret = e2ee_open(&app->ctx, app->netns);
	if (!ret)
		return EXIT_GOOD;
	code = ret == -EPROTONOSUPPORT || ret == -EAGAIN ? EXIT_KERNEL :
							   EXIT_USAGE;
	app_error(app, (enum exit_code)code, "%s", e2ee_strerror(app->ctx));
	e2ee_close(app->ctx);
	app->ctx = NULL;
	return code;
}
