// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "sock.h"

#define WHAT	"==============================================="
#define THEN	"===================================="

static void __printf(2, 3) add(struct document *doc, const char *format, ...)
{
	size_t room = sizeof(doc->text) - doc->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(doc->text + doc->len, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		abort();
	doc->len += (size_t)n;
}

static void line(struct document *doc, const char *what, const char *then)
{
	if (strlen(what) >= sizeof(WHAT) || strlen(then) >= sizeof(THEN))
		abort();
	add(doc, "%-*s  %s\n", (int)strlen(WHAT), what, then);
}

void document_begin(struct document *doc, const char *what, const char *then)
{
	doc->len = 0;
	line(doc, WHAT, THEN);
	line(doc, what, then);
	line(doc, WHAT, THEN);
}

void document_row(struct document *doc, const char *what, const char *first,
		  const char *second)
{
	char then[sizeof(THEN)];

	snprintf(then, sizeof(then), "%.*s%s%.*s", (int)strcspn(first, "+"),
		 first, second ? "; " : "",
		 second ? (int)strcspn(second, "+") : 0, second ? second : "");
	line(doc, what, then);
}

void document_end(struct document *doc)
{
	const char *at, *end;

	line(doc, WHAT, THEN);
	for (at = doc->text; *at; at = end + 1) {
		end = strchr(at, '\n');
		printf("# %.*s\n", (int)(end - at), at);
	}
	/* whoever tests in a child leaves by _exit() */
	fflush(stdout);
}

const char *document_lacks(const char *name, const struct document *doc)
{
	const char *top = getenv("E2EE_TOP");
	static char all[1 << 17];
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/Documentation/%s", top ? top : "..",
		 name);
	file = fopen(path, "re");
	if (!file)
		return "there is no such document";
	n = fread(all, 1, sizeof(all) - 1, file);
	fclose(file);
	all[n] = '\0';
	return strstr(all, doc->text) ? "" :
					"the document has another table: see above";
}
