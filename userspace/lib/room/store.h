/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small files that are read and replaced as a whole, so that nobody ever finds
 * half of one. Symbolic links are refused.
 *
 * Functions return 0 or a negative errno; @error as in e2ee/identity.h.
 */
#ifndef E2EE_LIB_STORE_H
#define E2EE_LIB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Fills @error, if there is one, and returns @code */
int e2ee_store_error(char *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * e2ee_store_read() - read a file
 * @path: of it
 * @closed: permissions that it must not have: -EPERM
 * @text: out, with room for @max bytes: its content and a NUL
 * @max: -EFBIG from here on
 * @fd: out, where the caller keeps it open; may be NULL
 * @error: E2EE_ERROR_LEN bytes
 */
int e2ee_store_read(const char *path, mode_t closed, char *text, size_t max,
		    int *fd, char *error);

/*
 * Does the file lie in $CREDENTIALS_DIRECTORY, which systemd makes for one
 * service, and which is closed to all others?
 */
bool e2ee_store_is_credential(const char *path);

/* May files be made in the folder of @path? */
int e2ee_store_writable(const char *path, char *error);

/*
 * On disk when they return, mode 0600, the owner that the folder has.
 * create: -EEXIST; replace: the old content stays if it fails.
 */
int e2ee_store_create(const char *path, const char *text, char *error);
int e2ee_store_replace(const char *path, const char *text, char *error);

/* Waits; until @fd is closed. The lock is a file of its own beside @path */
int e2ee_store_lock(const char *path, int *fd, char *error);

#endif /* E2EE_LIB_STORE_H */
