// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vectors.h"

#define FILE_NAME	"vectors/sframe-rfc9605.json"

/* Where it lies, seen from the program: built in place, or in build/ */
static FILE *open_file(void)
{
	static const char * const places[] = { "", "../../selftests/" };
	char program[256] = "", path[512];
	FILE *file = NULL;
	unsigned int i;

	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		return NULL;
	*(strrchr(program, '/') + 1) = '\0';
	for (i = 0; i < 2 && !file; i++) {
		snprintf(path, sizeof(path), "%s%s" FILE_NAME, program,
			 places[i]);
		file = fopen(path, "r");
	}
	return file;
}

/* The text behind "name": from @text on. */
static const char *field(const char *text, const char *name)
{
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "\"%s\":", name);
	text = strstr(text, quoted);
	if (!text)
		return "";
	text += strlen(quoted);
	return text + strspn(text, " \"");
}

static size_t unhex(const char *text, uint8_t *out, size_t room)
{
	unsigned int byte;
	size_t len = 0;

	for (; len < room && sscanf(text, "%2x", &byte) == 1; text += 2)
		out[len++] = (uint8_t)byte;
	return len;
}

static int find(struct vector *vector, const char *text, unsigned int suite)
{
	text = strstr(text, "\"sframe\"");
	while (text && strtoul(field(text, "cipher_suite"), NULL, 0) != suite)
		text = strchr(text + 1, '{');
	if (!text)
		return -ENOENT;
	memset(vector, 0, sizeof(*vector));
	vector->key.suite = (uint16_t)suite;
	vector->key.kid = strtoull(field(text, "kid"), NULL, 0);
	vector->ctr = strtoull(field(text, "ctr"), NULL, 0);
	unhex(field(text, "sframe_key"), vector->key.secret,
	      sizeof(vector->key.secret));
	unhex(field(text, "sframe_salt"), vector->key.salt,
	      sizeof(vector->key.salt));
	vector->plain_len = unhex(field(text, "pt"), vector->plain,
				  sizeof(vector->plain));
	vector->sealed_len = unhex(field(text, "ct"), vector->sealed,
				   sizeof(vector->sealed));
	return vector->sealed_len > SFRAME_TAG ? 0 : -EINVAL;
}

int vector_read(struct vector *vector, unsigned int suite)
{
	FILE *file = open_file();
	char *text = NULL;
	size_t room = 0;
	int err;

	if (!file)
		return -errno;
	err = getdelim(&text, &room, '\0', file) < 0 ? -errno : 0;
	fclose(file);
	if (!err)
		err = find(vector, text, suite);
	free(text);
	return err;
}
