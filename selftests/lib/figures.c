// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "figures.h"

#define FIGURES	32

struct figure {
	char key[64];
	double value;
};

static unsigned int figures_read(FILE *file, struct figure *figures)
{
	unsigned int num = 0;

	while (num < FIGURES && fscanf(file, " %*[{,] \"%63[^\"]\" : %lf",
				       figures[num].key,
				       &figures[num].value) == 2)
		num++;
	return num;
}

static void figures_write(FILE *file, const struct figure *figures,
			  unsigned int num)
{
	rewind(file);
	for (unsigned int i = 0; i < num; i++)
		fprintf(file, "%s\"%s\": %.10g", i ? ", " : "{",
			figures[i].key, figures[i].value);
	fprintf(file, "}\n");
	fflush(file);
	if (ftruncate(fileno(file), ftell(file)))
		perror("ftruncate");
}

void figure_add(const char *name, const char *key, double value)
{
	const char *results = getenv("E2EE_RESULTS");
	struct figure figures[FIGURES + 1];
	unsigned int num, i;
	char path[512];
	FILE *file;
	int fd;

	if (!results)
		return;
	snprintf(path, sizeof(path), "%s/%s.json", results, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	file = fd < 0 ? NULL : fdopen(fd, "r+");
	if (!file)
		return;
	flock(fd, LOCK_EX);
	num = figures_read(file, figures);
	for (i = 0; i < num && strcmp(figures[i].key, key); i++)
		;
	if (i == num) {
		snprintf(figures[i].key, sizeof(figures[i].key), "%s", key);
		figures[i].value = 0;
		num++;
	}
	figures[i].value += value;
	figures_write(file, figures, num);
	fclose(file);
}

bool long_form(void)
{
	const char *wanted = getenv("E2EE_LONG");

	return wanted && *wanted && *wanted != '0';
}

long short_or_long(long in_short, long in_long)
{
	return long_form() ? in_long : in_short;
}

long seconds_or(long otherwise)
{
	const char *wanted = getenv("E2EE_SECONDS");

	return wanted && atol(wanted) > 0 ? atol(wanted) : otherwise;
}
