// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Small files, replaced as a whole: a new file is written and synced, takes the
 * name of the old one, and then the folder is synced.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include <e2ee/identity.h>

#include "store.h"

int e2ee_store_error(char *error, int code, const char *format, ...)
{
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	vsnprintf(error, E2EE_ERROR_LEN, format, args);
	va_end(args);
	return code;
}

static int failed(char *error, const char *path, int code)
{
	if (code == ELOOP)
		return e2ee_store_error(error, -code,
					"%s is a symbolic link: name the file itself",
					path);
	return e2ee_store_error(error, -code, "%s: %s", path, strerror(code));
}

static int content_read(const char *path, int fd, char *text, size_t max,
			char *error)
{
	size_t len = 0;
	ssize_t n;

	while (len < max) {
		n = read(fd, text + len, max - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(error, path, errno);
		if (!n) {
			text[len] = '\0';
			return 0;
		}
		len += (size_t)n;
	}
	return e2ee_store_error(error, -EFBIG, "%s is too big", path);
}

static int folder_open(const char *path)
{
	char *copy = strdup(path);
	int fd;

	if (!copy)
		return -1;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	return fd;
}

/*
 * A file belongs to root, to this process's user, or to the user that the folder
 * belongs to: anybody else could change it.
 */
static bool owner_good(const char *path, const struct stat *file)
{
	struct stat folder;
	bool good;
	int fd;

	if (!file->st_uid || file->st_uid == geteuid())
		return true;
	fd = folder_open(path);
	good = fd >= 0 && !fstat(fd, &folder) && folder.st_uid == file->st_uid;
	if (fd >= 0)
		close(fd);
	return good;
}

bool e2ee_store_is_credential(const char *path)
{
	const char *name = getenv("CREDENTIALS_DIRECTORY");
	struct stat credentials, folder;
	bool same;
	int fd;

	if (!name || *name != '/' || stat(name, &credentials) ||
	    credentials.st_mode & (S_IWGRP | S_IRWXO))
		return false;
	fd = folder_open(path);
	same = fd >= 0 && !fstat(fd, &folder) &&
	       folder.st_dev == credentials.st_dev &&
	       folder.st_ino == credentials.st_ino;
	if (fd >= 0)
		close(fd);
	return same;
}

int e2ee_store_writable(const char *path, char *error)
{
	char *copy = strdup(path);
	char *folder = copy ? dirname(copy) : NULL;
	int ret = 0;

	if (!folder)
		ret = e2ee_store_error(error, -ENOMEM, "%s", strerror(ENOMEM));
	else if (access(folder, W_OK | X_OK))
		ret = e2ee_store_error(error, -errno,
				       "no number can be kept in %s (%s): create the folder, or name one that this user may write to with --state",
				       folder, strerror(errno));
	free(copy);
	return ret;
}

static int file_check(const char *path, int file, mode_t closed, char *error)
{
	struct stat st;

	if (fstat(file, &st))
		return failed(error, path, errno);
	if (!S_ISREG(st.st_mode))
		return e2ee_store_error(error, -EINVAL, "%s is not a regular file",
					path);
	if (st.st_mode & closed)
		return e2ee_store_error(error, -EPERM,
					"%s is open to others: chmod 600 %s",
					path, path);
	if (!owner_good(path, &st))
		return e2ee_store_error(error, -EPERM,
					"%s belongs to another user, who may change it: chown root %s",
					path, path);
	return 0;
}

int e2ee_store_read(const char *path, mode_t closed, char *text, size_t max,
		    int *fd, char *error)
{
	int file, ret;

	/* Not waiting for the writer of a FIFO */
	file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			  O_CLOEXEC);
	if (file < 0 && errno == EACCES)
		return e2ee_store_error(error, -EACCES,
					"%s: %s: the user that e2eed runs as has to be able to read it",
					path, strerror(EACCES));
	if (file < 0)
		return failed(error, path, errno);
	ret = file_check(path, file, closed, error);
	if (!ret)
		ret = content_read(path, file, text, max, error);
	if (ret || !fd)
		close(file);
	else
		*fd = file;
	return ret;
}

/*
 * What root makes in a service's folder has to be the service's, or that could
 * not read it.
 */
static bool owner_set(int fd, int folder)
{
	struct stat st, mine;

	if (fstat(folder, &st) || fstat(fd, &mine))
		return false;
	if (geteuid() || st.st_uid == mine.st_uid)
		return true;
	/* A name for another file, which the service must not be given */
	if (!S_ISREG(mine.st_mode) || mine.st_nlink != 1) {
		errno = EPERM;
		return false;
	}
	return !fchown(fd, st.st_uid, st.st_gid);
}

static bool content_write(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	while (len) {
		n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return !fsync(fd);
}

static bool temporary_write(char *name, int folder, const char *text)
{
	int fd = mkostemp(name, O_CLOEXEC);	/* mode 0600 */
	bool good;

	if (fd < 0) {
		*name = '\0';
		return false;
	}
	good = owner_set(fd, folder) && content_write(fd, text);
	return !close(fd) && good;
}

/* @place: rename(), or link() for a name that must be free */
static int store_write(const char *path, const char *text,
		       int (*place)(const char *from, const char *to),
		       char *error)
{
	int folder = folder_open(path), ret = 0;
	char *name = NULL;

	if (folder < 0 || asprintf(&name, "%s.XXXXXX", path) < 0) {
		name = NULL;
		ret = -errno;
	} else if (!temporary_write(name, folder, text) || place(name, path)) {
		ret = -errno;
	}
	/* Nothing to remove after a rename */
	if (name && *name && (ret || place == link))
		(void)!unlink(name);
	if (!ret && fsync(folder))
		ret = -errno;
	free(name);
	if (folder >= 0)
		close(folder);
	if (ret == -ENOENT)
		return e2ee_store_error(error, ret,
					"%s: its folder does not exist: create it first",
					path);
	return ret ? failed(error, path, -ret) : 0;
}

int e2ee_store_create(const char *path, const char *text, char *error)
{
	int ret = store_write(path, text, link, error);

	if (ret == -EEXIST)
		e2ee_store_error(error, ret, "%s exists, and is left as it is", path);
	return ret;
}

int e2ee_store_replace(const char *path, const char *text, char *error)
{
	return store_write(path, text, rename, error);
}

int e2ee_store_lock(const char *path, int *fd, char *error)
{
	int folder = folder_open(path), ret = 0;
	char *name = NULL;

	*fd = -1;
	if (folder >= 0 && asprintf(&name, "%s.lock", path) >= 0)
		*fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			   0600);
	else
		name = NULL;
	if (*fd < 0 || !owner_set(*fd, folder))
		ret = -errno;
	while (!ret && flock(*fd, LOCK_EX))
		if (errno != EINTR)
			ret = -errno;
	if (ret)
		failed(error, name ? name : path, -ret);
	if (ret && *fd >= 0)
		close(*fd);
	if (folder >= 0)
		close(folder);
	free(name);
	return ret;
}
