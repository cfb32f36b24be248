// SPDX-License-Identifier: GPL-2.0
/* Jobs for e2ee_bench.ko, over debugfs. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define JOB_FILE	"/sys/kernel/debug/e2ee_bench/job"

int job_open(void)
{
	int fd = open(JOB_FILE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		bench_die("%s: %s", JOB_FILE, strerror(errno));
	return fd;
}

static char *job_read(int fd)
{
	size_t len = 0, room = 4096;
	char *text = malloc(room);
	ssize_t got;

	while (text) {
		got = pread(fd, text + len, room - len - 1, (off_t)len);
		if (got <= 0)
			break;
		len += (size_t)got;
		if (room - len < 2048)
			text = realloc(text, room *= 2);
	}
	if (!text)
		bench_die("no memory");
	text[len] = '\0';
	return text;
}

void job_run(int fd, struct job_result *result, const char *format, ...)
{
	char line[512], *text;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (write(fd, line, (size_t)len) != len)
		bench_die("%s: %s", line, strerror(errno));
	text = job_read(fd);
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   &result->packets, &result->ns, &result->cycles,
		   &result->bad) != 4)
		bench_die("%s: result \"%.40s\"", line, text);
	free(text);
	if (result->bad)
		bench_die("%s: %" PRIu64 " packets lost or altered", line,
			  result->bad);
}

void job_samples(int fd, const char *name)
{
	char *text = job_read(fd), *samples = strchr(text, '\n');

	fprintf(bench_out, "samples %s %s", name, samples + 1);
	free(text);
}

unsigned int job_numbers(int fd, uint32_t **numbers)
{
	char *text = job_read(fd), *at = strchr(text, '\n') + 1, *end;
	size_t room = strlen(at) / 2 + 1;
	unsigned int num = 0;

	*numbers = calloc(room, sizeof(**numbers));
	if (!*numbers)
		bench_die("no memory");
	while (*at && *at != '\n') {
		(*numbers)[num++] = (uint32_t)strtoul(at, &end, 10);
		at = end;
	}
	free(text);
	return num;
}
