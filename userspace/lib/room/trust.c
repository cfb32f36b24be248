// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The trust store: a line "DEV KEY KIND" for each device, its key in hex. One
 * key a device, and one device a key.
 *
 * The file may change under an open store, since e2eectl writes it while e2eed
 * runs: each question looks whether it did, so a device that is taken out is
 * out at once. While the file cannot be read, the store answers from what it
 * read last and has a problem: its user must not admit anybody new until the
 * file is in order, because nobody can tell whom the operator took out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "identity.h"
#include "store.h"

#define FILE_MAX	(4 * 1024 * 1024)
#define LINE_MAX_LEN	192
#define HEADER		"# Devices and their keys: DEV KEY HOW-LEARNT\n"

struct device {
	char dev[E2EE_NAME_MAX + 1];
	uint8_t ik[E2EE_IDENTITY_LEN];
	enum e2ee_trust_kind kind;
};

/**
 * struct devices - what the store answers from
 * @list: of devices, @count of them, with memory for @room
 * @exists: the list was read from a file
 * @st: stamp of the file that was tried last, whether it was good or not
 * @problem: why that file could not be read; "" if it could
 */
struct devices {
	struct device *list;
	size_t count;
	size_t room;
	bool exists;
	struct stat st;
	char problem[E2EE_ERROR_LEN];
};

struct e2ee_trust {
	struct devices *devices;
	char *path;			/* NULL: memory only */
};

static struct device *by_dev(const struct devices *devices, const char *dev)
{
	size_t i;

	for (i = 0; i < devices->count; i++)
		if (!strcmp(devices->list[i].dev, dev))
			return &devices->list[i];
	return NULL;
}

static struct device *by_ik(const struct devices *devices, const uint8_t *ik)
{
	size_t i;

	for (i = 0; i < devices->count; i++)
		if (!memcmp(devices->list[i].ik, ik, E2EE_IDENTITY_LEN))
			return &devices->list[i];
	return NULL;
}

static int devices_add(struct devices *devices, const struct device *device)
{
	size_t room = devices->room ? 2 * devices->room : 64;

	if (devices->count == devices->room) {
		struct device *list = reallocarray(devices->list, room,
						   sizeof(*list));

		if (!list)
			return -ENOMEM;
		devices->list = list;
		devices->room = room;
	}
	devices->list[devices->count++] = *device;
	return 0;
}

static void devices_free(struct devices *devices)
{
	if (devices)
		free(devices->list);
	free(devices);
}

static bool ik_parse(const char *text, uint8_t *ik)
{
	size_t len;

	return strlen(text) == 2 * E2EE_IDENTITY_LEN &&
	       OPENSSL_hexstr2buf_ex(ik, E2EE_IDENTITY_LEN, &len, text, '\0');
}

static bool kind_parse(const char *text, enum e2ee_trust_kind *kind)
{
	for (*kind = E2EE_TRUST_TOFU; *kind <= E2EE_TRUST_PINNED; (*kind)++)
		if (!strcmp(text, e2ee_trust_kind_name(*kind)))
			return true;
	return false;
}

/* Cuts the line into words; false: it is no device */
static bool device_parse(char *line, struct device *device)
{
	const char *separators = " \t\r";
	char *at, *dev, *ik, *kind;

	dev = strtok_r(line, separators, &at);
	ik = strtok_r(NULL, separators, &at);
	kind = strtok_r(NULL, separators, &at);
	if (!kind || strtok_r(NULL, separators, &at))
		return false;
	if (!e2ee_name_valid(dev) || !ik_parse(ik, device->ik) ||
	    !kind_parse(kind, &device->kind))
		return false;
	snprintf(device->dev, sizeof(device->dev), "%s", dev);
	return true;
}

static int line_read(struct devices *devices, char *line, const char *path,
		     unsigned int number, char *error)
{
	struct device device;

	line += strspn(line, " \t\r");
	if (!*line || *line == '#')
		return 0;
	if (!device_parse(line, &device))
		return e2ee_store_error(error, -EBADMSG,
					"%s:%u: no device, key in hex and kind: correct the line, or remove it",
					path, number);
	if (by_dev(devices, device.dev) || by_ik(devices, device.ik))
		return e2ee_store_error(error, -EBADMSG,
					"%s:%u: %s or its key is there twice: remove the wrong line",
					path, number, device.dev);
	if (devices_add(devices, &device))
		return e2ee_store_error(error, -ENOMEM, "%s", strerror(ENOMEM));
	return 0;
}

static int lines_read(struct devices *devices, char *text, const char *path,
		      char *error)
{
	unsigned int number = 0;
	char *line;
	int ret = 0;

	while (!ret && (line = strsep(&text, "\n")))
		ret = line_read(devices, line, path, ++number, error);
	return ret;
}

/*
 * The stamp is taken first, so a file that changes meanwhile is read again. A
 * store that never had a file is empty until there is one.
 */
static int file_read(struct devices *devices, const char *path, bool existed)
{
	char *text = malloc(FILE_MAX);
	int ret;

	if (!text)
		return e2ee_store_error(devices->problem, -ENOMEM, "%s: %s",
					path, strerror(ENOMEM));
	if (lstat(path, &devices->st))
		memset(&devices->st, 0, sizeof(devices->st));
	ret = e2ee_store_read(path, S_IWGRP | S_IWOTH, text, FILE_MAX, NULL,
			      devices->problem);
	devices->exists = !ret;
	if (!ret)
		ret = lines_read(devices, text, path, devices->problem);
	free(text);
	if (ret != -ENOENT)
		return ret;
	if (existed)
		return e2ee_store_error(devices->problem, ret,
					"%s is gone: put it back, or restart e2eed without it",
					path);
	devices->problem[0] = '\0';
	return 0;
}

/* The devices that are known stay if the file cannot be read */
static int trust_read(const struct e2ee_trust *trust, char *error)
{
	struct devices *devices = trust->devices;
	struct devices new = { .list = NULL };
	int ret;

	ret = file_read(&new, trust->path, devices->exists);
	if (ret) {
		e2ee_store_error(error, ret, "%s", new.problem);
		memcpy(devices->problem, new.problem, sizeof(new.problem));
		devices->st = new.st;
		free(new.list);
		return ret;
	}
	free(devices->list);
	*devices = new;
	return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) &&
	       same_time(&a->st_ctim, &b->st_ctim);
}

/*
 * A bad file is read again when it changes. A failure that is none of the
 * file's, such as a folder that must not be searched, may end at any time.
 */
static void trust_follow(const struct e2ee_trust *trust)
{
	struct stat st = { .st_ino = 0 };

	if (!trust->path)
		return;
	if (lstat(trust->path, &st) || !same_file(&st, &trust->devices->st))
		(void)trust_read(trust, NULL);
}

static struct e2ee_trust *trust_alloc(const char *path)
{
	struct e2ee_trust *trust = calloc(1, sizeof(*trust));

	if (!trust)
		return NULL;
	trust->devices = calloc(1, sizeof(*trust->devices));
	if (path)
		trust->path = strdup(path);
	if (trust->devices && (!path || trust->path))
		return trust;
	e2ee_trust_close(trust);
	return NULL;
}

int e2ee_trust_open(const char *path, struct e2ee_trust **trust, char *error)
{
	struct e2ee_trust *new = trust_alloc(path);
	int ret = 0;

	*trust = NULL;
	if (!new)
		return e2ee_store_error(error, -ENOMEM, "%s", strerror(ENOMEM));
	if (path)
		ret = trust_read(new, error);
	if (ret)
		e2ee_trust_close(new);
	else
		*trust = new;
	return ret;
}

void e2ee_trust_close(struct e2ee_trust *trust)
{
	if (!trust)
		return;
	devices_free(trust->devices);
	free(trust->path);
	free(trust);
}

static enum e2ee_trust_answer devices_ask(const struct devices *devices,
					  const char *dev, const uint8_t *ik,
					  struct device **device)
{
	*device = by_dev(devices, dev);
	if (*device != by_ik(devices, ik))
		return E2EE_TRUST_CHANGED;
	return *device ? E2EE_TRUST_GOOD : E2EE_TRUST_NEW;
}

enum e2ee_trust_answer e2ee_trust_ask(const struct e2ee_trust *trust,
				      const char *dev, const uint8_t *ik,
				      enum e2ee_trust_kind *kind)
{
	enum e2ee_trust_answer answer;
	struct device *device;

	trust_follow(trust);
	answer = devices_ask(trust->devices, dev, ik, &device);
	if (kind)
		*kind = answer == E2EE_TRUST_GOOD ? device->kind :
						    E2EE_TRUST_UNKNOWN;
	return answer;
}

const char *e2ee_trust_path(const struct e2ee_trust *trust)
{
	return trust->path;
}

const char *e2ee_trust_problem(const struct e2ee_trust *trust)
{
	trust_follow(trust);
	return trust->devices->problem;
}

static void hex(char *text, const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

static int trust_write(const struct e2ee_trust *trust)
{
	const struct devices *devices = trust->devices;
	char key[2 * E2EE_IDENTITY_LEN + 1], *text, *at;
	size_t i, room;
	int ret;

	room = sizeof(HEADER) + devices->count * LINE_MAX_LEN;
	text = malloc(room);
	if (!text)
		return -ENOMEM;
	at = text + sprintf(text, HEADER);
	for (i = 0; i < devices->count; i++) {
		const struct device *device = &devices->list[i];

		hex(key, device->ik, sizeof(device->ik));
		at += snprintf(at, room - (size_t)(at - text), "%s %s %s\n",
			       device->dev, key,
			       e2ee_trust_kind_name(device->kind));
	}
	ret = at - text < FILE_MAX ?
	      e2ee_store_replace(trust->path, text, NULL) : -EFBIG;
	free(text);
	return ret;
}

/* Changes a list; UNCHANGED: there is nothing to do */
#define UNCHANGED	1
typedef int (*change_fn)(struct devices *devices, const struct device *device);

static int change_locked(struct e2ee_trust *trust, change_fn change,
			 const struct device *device)
{
	int ret;

	ret = trust_read(trust, NULL);
	if (ret)
		return ret;
	ret = change(trust->devices, device);
	if (ret)
		return ret;
	ret = trust_write(trust);
	/* Written or not, memory is what the file says */
	return trust_read(trust, NULL) && !ret ? -EIO : ret;
}

static int trust_change(struct e2ee_trust *trust, change_fn change,
			const struct device *device)
{
	int fd, ret;

	if (!trust->path)
		return change(trust->devices, device);
	ret = e2ee_store_lock(trust->path, &fd, NULL);
	if (ret)
		return ret;
	ret = change_locked(trust, change, device);
	close(fd);
	return ret;
}

static int change_add(struct devices *devices, const struct device *device)
{
	struct device *known;

	switch (devices_ask(devices, device->dev, device->ik, &known)) {
	case E2EE_TRUST_NEW:
		return devices_add(devices, device);
	case E2EE_TRUST_GOOD:
		if (known->kind >= device->kind)
			return UNCHANGED;
		known->kind = device->kind;
		return 0;
	default:
		return -EEXIST;
	}
}

int e2ee_trust_add(struct e2ee_trust *trust, const char *dev, const uint8_t *ik,
		   enum e2ee_trust_kind kind)
{
	struct device device = { .kind = kind };
	int ret;

	if (!e2ee_name_valid(dev) || kind < E2EE_TRUST_TOFU ||
	    kind > E2EE_TRUST_PINNED)
		return -EINVAL;
	snprintf(device.dev, sizeof(device.dev), "%s", dev);
	memcpy(device.ik, ik, sizeof(device.ik));
	ret = trust_change(trust, change_add, &device);
	return ret == UNCHANGED ? 0 : ret;
}

static int change_del(struct devices *devices, const struct device *device)
{
	struct device *known = by_dev(devices, device->dev);
	size_t after;

	if (!known)
		return -ENOENT;
	after = (size_t)(devices->list + devices->count - known - 1);
	memmove(known, known + 1, after * sizeof(*known));
	devices->count--;
	return 0;
}

int e2ee_trust_del(struct e2ee_trust *trust, const char *dev)
{
	struct device device = { .kind = E2EE_TRUST_UNKNOWN };

	if (!e2ee_name_valid(dev))
		return -ENOENT;
	snprintf(device.dev, sizeof(device.dev), "%s", dev);
	return trust_change(trust, change_del, &device);
}

int e2ee_trust_list(const struct e2ee_trust *trust, e2ee_trust_cb cb, void *arg)
{
	const struct devices *devices = trust->devices;
	size_t i;
	int ret = 0;

	trust_follow(trust);
	for (i = 0; !ret && i < devices->count; i++) {
		/* The callback may ask the store, which may read a new list. */
		const struct device device = devices->list[i];

		ret = cb(device.dev, device.ik, device.kind, arg);
	}
	return ret;
}
