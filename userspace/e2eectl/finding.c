// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A finding of "e2eectl doctor", printed as a line or as a record of JSON.
 */
#include <stdarg.h>
#include <stdio.h>

#include "doctor.h"

static const char *const levels[] = {
	[LEVEL_OK] = "OK", [LEVEL_WARN] = "WARN", [LEVEL_FAIL] = "FAIL",
};

void finding(struct doctor *doctor, enum level level, const char *check,
	     const char *cure, const char *format, ...)
{
	struct out *out = &doctor->app->out;
	char text[512];
	va_list args;

	if (level > doctor->worst)
		doctor->worst = level;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!out->json) {
		printf("%-4s  %s: %s%s%s\n", levels[level], check, text,
		       cure ? ". Cure: " : "", cure ? cure : "");
		return;
	}
	out_record(out);
	out_str(out, "level", levels[level]);
	out_str(out, "check", check);
	out_str(out, "text", text);
	if (cure)
		out_str(out, "cure", cure);
	out_record_end(out);
}
