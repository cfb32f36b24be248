// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libFuzzer: any bytes as the files that a device keeps: trust store, identity,
 * number of its last key package. The first byte says which. Instead of the
 * disk there is a buffer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "must.h"
#include "store.h"

static const char identity_file[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
	"-----END PRIVATE KEY-----\n";

static const uint8_t *content;		/* of the file fuzzed */
static size_t content_len;
static char *written;

int e2ee_store_error(char *error, int code, const char *format, ...)
{
	if (error)
		snprintf(error, E2EE_ERROR_LEN, "%s", format);
	return code;
}

int e2ee_store_read(const char *path, mode_t closed, char *text, size_t max,
		    int *fd, char *error)
{
	const void *from = content;
	size_t len = content_len;

	(void)closed;
	(void)error;
	if (!strcmp(path, "good")) {
		from = identity_file;
		len = strlen(identity_file);
	} else if (!strcmp(path, "none")) {
		return -ENOENT;
	}
	if (len >= max)
		return -EFBIG;
	if (len)
		memcpy(text, from, len);
	text[len] = '\0';
	if (fd)
		*fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

bool e2ee_store_is_credential(const char *path)
{
	(void)path;
	return false;
}

int e2ee_store_writable(const char *path, char *error)
{
	(void)path;
	(void)error;
	return 0;
}

int e2ee_store_create(const char *path, const char *text, char *error)
{
	return e2ee_store_replace(path, text, error);
}

int e2ee_store_replace(const char *path, const char *text, char *error)
{
	(void)path;
	(void)error;
	free(written);
	written = strdup(text);
	return 0;
}

int e2ee_store_lock(const char *path, int *fd, char *error)
{
	(void)path;
	(void)error;
	*fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

struct seen {
	const struct e2ee_trust *in;	/* has to have each, too */
	size_t count;
};

static int see(const char *dev, const uint8_t *ik, enum e2ee_trust_kind kind,
	       void *arg)
{
	enum e2ee_trust_kind other;
	struct seen *seen = arg;

	MUST(e2ee_name_valid(dev));
	MUST(kind > E2EE_TRUST_UNKNOWN && kind <= E2EE_TRUST_PINNED);
	MUST(e2ee_trust_ask(seen->in, dev, ik, &other) == E2EE_TRUST_GOOD);
	MUST(other == kind);
	seen->count++;
	return 0;
}

/* What is read, changed and written is read again as the same */
static void check_trust(void)
{
	static const uint8_t ik[E2EE_IDENTITY_LEN] = { 0xfe, 0xed };
	struct e2ee_trust *trust, *again;
	struct seen before, after;

	if (e2ee_trust_open("fuzzed", &trust, NULL))
		return;
	before = (struct seen){ .in = trust };
	MUST(!e2ee_trust_list(trust, see, &before));
	if (e2ee_trust_add(trust, "new-device", ik, E2EE_TRUST_PINNED)) {
		e2ee_trust_close(trust);
		return;
	}
	content = (const uint8_t *)written;
	content_len = strlen(written);
	MUST(!e2ee_trust_open("fuzzed", &again, NULL));
	MUST(e2ee_trust_ask(again, "new-device", ik, NULL) == E2EE_TRUST_GOOD);
	after = (struct seen){ .in = again };
	MUST(!e2ee_trust_list(again, see, &after));
	MUST(after.count >= before.count && after.count <= before.count + 1);
	e2ee_trust_close(again);
	e2ee_trust_close(trust);
}

static void check_identity(const char *path)
{
	uint8_t ik[E2EE_IDENTITY_LEN], want[E2EE_IDENTITY_LEN];
	struct e2ee_identity *identity;

	if (e2ee_identity_load(path, &identity, NULL))
		return;
	MUST(!e2ee_sign_public(e2ee_identity_seed(identity), want));
	MUST(!memcmp(e2ee_identity_ik(identity), want, sizeof(want)));
	MUST(strcmp(path, "good") != 0 ||
	     (!e2ee_identity_public(path, ik, NULL) &&
	      !memcmp(ik, want, sizeof(ik))));
	e2ee_identity_free(identity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!len)
		return 0;
	content = data + 1;
	content_len = len - 1;
	if (*data == 'i')
		check_identity("fuzzed");
	else if (*data == 's')
		check_identity("good");
	else
		check_trust();
	return 0;
}
