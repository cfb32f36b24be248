// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Secrets: read from a file, standard input or the kernel's keyring, never from
 * the command line; and the marks of key files that were used for sending.
 */
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "e2eectl.h"

#define KEYRING_PREFIX	"keyring:"

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Text of nothing but hexadecimal digits is taken as such: that random bytes
 * look like it does not happen. Anything else is the secret itself.
 */
static int secret_decode(struct app *app, const char *source,
			 struct secret *secret)
{
	size_t len = secret->len, i;

	while (len && strchr("\r\n", secret->bytes[len - 1]) &&
	       secret->bytes[len - 1])
		len--;
	for (i = 0; i < len; i++)
		if (hex_digit(secret->bytes[i]) < 0)
			return EXIT_GOOD;
	if (!len)
		return app_error(app, EXIT_USAGE, "%s is empty", source);
	if (len % 2)
		return app_error(app, EXIT_USAGE,
				 "%s has an odd number of hexadecimal digits",
				 source);
	for (i = 0; i < len / 2; i++)
		secret->bytes[i] = (uint8_t)(
			hex_digit(secret->bytes[2 * i]) << 4 |
			hex_digit(secret->bytes[2 * i + 1]));
	OPENSSL_cleanse(secret->bytes + len / 2, secret->len - len / 2);
	secret->len = len / 2;
	return EXIT_GOOD;
}

static int descriptor_read(struct app *app, const char *source, int fd,
			   struct secret *secret)
{
	while (secret->len < sizeof(secret->bytes)) {
		ssize_t n;

		n = read(fd, secret->bytes + secret->len,
			 sizeof(secret->bytes) - secret->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return app_error(app, EXIT_USAGE, "%s: %s", source,
					 strerror(errno));
		if (!n)
			return EXIT_GOOD;
		secret->len += (size_t)n;
	}
	return app_error(app, EXIT_USAGE, "%s: more than %d bytes", source,
			 SECRET_MAX);
}

static int stdin_read(struct app *app, struct secret *secret)
{
	if (app->batch && !strcmp(app->batch, "-"))
		return app_error(app, EXIT_USAGE,
				 "a key cannot come from standard input, because the batch does: use a file or keyring:DESC");
	return descriptor_read(app, "standard input", STDIN_FILENO, secret);
}

static int keyring_read(struct app *app, const char *desc,
			struct secret *secret)
{
	key_serial_t id;
	long len;

	id = request_key("user", desc, NULL, 0);
	if (id < 0)
		id = (key_serial_t)keyctl_search(KEY_SPEC_USER_KEYRING, "user",
						 desc, 0);
	if (id < 0 && (request_key("logon", desc, NULL, 0) >= 0 ||
		       keyctl_search(KEY_SPEC_USER_KEYRING, "logon", desc,
				     0) >= 0))
		return app_error(app, EXIT_USAGE,
				 "keyring key \"%s\" is of type logon, which user space cannot read: add it as type user",
				 desc);
	if (id < 0)
		return app_error(app, EXIT_USAGE,
				 "keyring key \"%s\" of type user: %s: see \"keyctl show\"",
				 desc, strerror(errno));
	len = keyctl_read(id, (char *)secret->bytes, sizeof(secret->bytes));
	if (len < 0)
		return app_error(app, EXIT_USAGE, "keyring key \"%s\": %s",
				 desc, strerror(errno));
	if (len > SECRET_MAX)
		return app_error(app, EXIT_USAGE,
				 "keyring key \"%s\": more than %d bytes", desc,
				 SECRET_MAX);
	secret->len = (size_t)len;
	return EXIT_GOOD;
}

/* The mark belongs beside the file itself, whatever link led to it. */
static char *descriptor_path(int fd)
{
	char link[32], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0 || path[0] != '/')
		return NULL;
	path[len] = '\0';
	return strdup(path);
}

static int file_read(struct app *app, const char *name, struct secret *secret)
{
	struct stat st;
	int fd, ret;

	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		ret = app_error(app, EXIT_USAGE, "%s: %s", name,
				strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		ret = descriptor_read(app, name, fd, secret);
		goto out;
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		ret = app_error(app, EXIT_USAGE,
				"%s is open to others: chmod 600 %s", name,
				name);
		goto out;
	}
	ret = descriptor_read(app, name, fd, secret);
	if (ret)
		goto out;
	secret->path = descriptor_path(fd);
	if (secret->path) {
		secret->file = fd;
		return EXIT_GOOD;
	}
	ret = app_error(app, EXIT_USAGE,
			"%s: its folder cannot be found out: mount /proc", name);
out:
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Neither swapped out nor in a core dump; best effort */
void secret_protect(void *bytes, size_t len)
{
	const struct rlimit none = { .rlim_cur = 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)mlock(bytes, len);
}

/* To be given to secret_free(), after a failure too */
int secret_read(struct app *app, const char *source, struct secret *secret)
{
	size_t prefix = strlen(KEYRING_PREFIX);
	int ret;

	secret->len = 0;
	secret->file = -1;
	secret->path = NULL;
	secret_protect(secret->bytes, sizeof(secret->bytes));
	if (!strcmp(source, "-"))
		ret = stdin_read(app, secret);
	else if (!strncmp(source, KEYRING_PREFIX, prefix))
		ret = keyring_read(app, source + prefix, secret);
	else
		ret = file_read(app, source, secret);
	if (ret)
		return ret;
	return secret_decode(app, strcmp(source, "-") != 0 ? source :
							    "standard input",
			     secret);
}

void secret_free(struct secret *secret)
{
	OPENSSL_cleanse(secret->bytes, sizeof(secret->bytes));
	if (secret->file >= 0)
		close(secret->file);
	free(secret->path);
	secret->file = -1;
	secret->path = NULL;
}

/* Until secret_free(): of two that install this key, one finds the mark */
int secret_lock(struct app *app, const struct secret *secret)
{
	if (secret->file < 0 || !flock(secret->file, LOCK_EX))
		return EXIT_GOOD;
	return app_error(app, EXIT_USAGE, "%s: %s", secret->path,
			 strerror(errno));
}

static char *mark_path(const struct secret *secret)
{
	char *path = NULL;

	return asprintf(&path, "%s.spent", secret->path) < 0 ? NULL : path;
}

/* A base key gives another AEAD key for each KID and suite; a key is itself. */
static void mark_line(char *line, size_t size, const char *kind,
		      const struct e2ee_key *key)
{
	const char *suite = e2ee_suite_name(key->suite);

	snprintf(line, size, "tx %s kid %llu suite %s\n", kind,
		 (unsigned long long)key->kid, suite ? suite : "unknown");
}

/* Whether the mark, if there is one, speaks of this very AEAD key */
static bool mark_matches(FILE *file, const char *kind, const char *line)
{
	bool empty = true, match = false;
	char read[256];

	while (fgets(read, sizeof(read), file)) {
		empty = false;
		if (strcmp(kind, "base-key") != 0 || !strcmp(read, line) ||
		    strncmp(read, "tx base-key ", strlen("tx base-key ")) != 0)
			match = true;
	}
	return empty || match;
}

int mark_check(struct app *app, const struct secret *secret, const char *kind,
	       const struct e2ee_key *key)
{
	char line[128];
	bool spent;
	char *path;
	FILE *file;

	if (!secret->path)
		return EXIT_GOOD;
	path = mark_path(secret);
	if (!path)
		return app_error(app, EXIT_USAGE, "%s", strerror(ENOMEM));
	mark_line(line, sizeof(line), kind, key);
	file = fopen(path, "re");
	spent = file ? mark_matches(file, kind, line) : errno != ENOENT;
	if (file)
		fclose(file);
	free(path);
	if (!spent)
		return EXIT_GOOD;
	return app_error(app, EXIT_USAGE,
			 "%s was installed for sending before (%s.spent says so): use a new key, or \"ctr N\" with N above every CTR that it has sent",
			 secret->path, secret->path);
}

static int folder_sync(const char *path)
{
	char *copy = strdup(path);
	int fd, ret;

	if (!copy)
		return -1;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return -1;
	ret = fsync(fd);
	close(fd);
	return ret;
}

static bool line_write(int fd, const char *line)
{
	return write(fd, line, strlen(line)) == (ssize_t)strlen(line) &&
	       !fsync(fd);
}

/* On disk when this returns. Sources without a file cannot be marked. */
int mark_write(struct app *app, const struct secret *secret, const char *kind,
	       const struct e2ee_key *key, struct mark *mark)
{
	struct stat st;
	char line[128];
	int fd;

	mark->path = NULL;
	mark->size = -1;
	if (!secret->path)
		return EXIT_GOOD;
	mark->path = mark_path(secret);
	if (!mark->path)
		return app_error(app, EXIT_USAGE, "%s", strerror(ENOMEM));
	mark_line(line, sizeof(line), kind, key);
	if (!stat(mark->path, &st))
		mark->size = st.st_size;
	fd = open(mark->path,
		  O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && line_write(fd, line) && !folder_sync(mark->path)) {
		close(fd);
		return EXIT_GOOD;
	}
	app_error(app, EXIT_USAGE,
		  "%s: %s: a key for sending needs this mark: move the key to a folder that can be written to",
		  mark->path, strerror(errno));
	if (fd >= 0) {
		close(fd);
		mark_undo(mark);
	}
	mark_free(mark);
	return EXIT_USAGE;
}

/* Nothing was installed: as before mark_write() */
void mark_undo(struct mark *mark)
{
	if (!mark->path)
		return;
	if (mark->size < 0)
		(void)!unlink(mark->path);
	else
		(void)!truncate(mark->path, mark->size);
	(void)!folder_sync(mark->path);
}

void mark_free(struct mark *mark)
{
	free(mark->path);
	mark->path = NULL;
}
