/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Test vectors: bytes in hex, in the JSON files of selftests/vectors.
 */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define BYTES_MAX	256

/* Tests run from the build folder: the sources are where this file says. */
static inline void vectors_path(char *path, size_t size, const char *name)
{
	const char *top = getenv("E2EE_TOP");
	char here[4096] = __FILE__;

	if (top) {
		snprintf(path, size, "%s/selftests/vectors/%s", top, name);
		return;
	}
	*strrchr(here, '/') = '\0';
	if (snprintf(path, size, "%s/../../selftests/vectors/%s", here,
		     name) >= (int)size)
		abort();
}

static inline struct json_object *vectors(const char *name)
{
	struct json_object *root;
	char path[4096];

	vectors_path(path, sizeof(path), name);
	root = json_object_from_file(path);
	if (!ok(root, "%s is there", name))
		printf("# %s: %s\n", path, json_util_get_last_err());
	return root;
}

static inline const char *text(struct json_object *vector, const char *key)
{
	struct json_object *value = json_object_object_get(vector, key);

	return value ? json_object_get_string(value) : "";
}

static inline uint64_t number(struct json_object *vector, const char *key)
{
	return json_object_get_uint64(json_object_object_get(vector, key));
}

static inline size_t unhex(const char *hex, uint8_t *out)
{
	size_t len = strlen(hex) / 2, i;
	unsigned int byte;

	if (len > BYTES_MAX)
		abort();
	for (i = 0; i < len; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			abort();
		out[i] = (uint8_t)byte;
	}
	return len;
}

static inline size_t bytes(struct json_object *vector, const char *key, uint8_t *out)
{
	return unhex(text(vector, key), out);
}

static inline bool same(const uint8_t *bytes, const char *hex)
{
	uint8_t want[BYTES_MAX];
	size_t len = unhex(hex, want);

	return !memcmp(bytes, want, len);
}

#endif /* TESTS_VECTORS_H */
