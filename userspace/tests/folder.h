/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder for the files of a test, which goes with it.
 */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN	256

static char folder[] = "/tmp/e2ee-test.XXXXXX";

static inline int folder_forget(const char *path, const struct stat *st,
				int type, struct FTW *place)
{
	(void)st;
	(void)type;
	(void)place;
	return remove(path);
}

static inline void folder_del(void)
{
	nftw(folder, folder_forget, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void folder_new(void)
{
	if (!mkdtemp(folder))
		abort();
	atexit(folder_del);
}

/* @path: PATH_LEN bytes; returns it */
static inline char *folder_path(char *path, const char *name)
{
	if (snprintf(path, PATH_LEN, "%s/%s", folder, name) >= PATH_LEN)
		abort();
	return path;
}

static inline void file_write(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) || chmod(path, mode))
		abort();
}

/* @text: room for @size bytes; "" if there is none */
static inline char *file_read(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(text, 1, size - 1, file) : 0;

	text[len] = '\0';
	if (file)
		fclose(file);
	return text;
}

static inline mode_t file_mode(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_mode & 07777;
}

#endif /* TESTS_FOLDER_H */
