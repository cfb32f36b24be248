// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What makes e2eed a traitor for tests: linked to it with --wrap, this writes all
 * secrets of a call to the file that E2EE_TEST_KEYLOG names, one a line:
 *
 *	raw|secret|base|media|private HEX
 *
 * With E2EE_TEST_STOP set, it stops itself (SIGSTOP) twice once the room is
 * over: before and after the room is freed. Its memory can then be looked at,
 * so nothing of a secret may stay here. No product has any of this.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "e2eed.h"
#include "sframe.h"
#include "crypto.h"

#define SECRET_MAX	64

static char nibble(unsigned int value)
{
	return "0123456789abcdef"[value & 15];
}

static void keep(const char *kind, const uint8_t *secret, size_t len)
{
	const char *path = getenv("E2EE_TEST_KEYLOG");
	char line[16 + 2 * SECRET_MAX];
	size_t at = strlen(kind);
	int fd;

	if (!path || len > SECRET_MAX)
		return;
	memcpy(line, kind, at);
	line[at++] = ' ';
	for (size_t i = 0; i < len; i++) {
		line[at++] = nibble(secret[i] >> 4);
		line[at++] = nibble(secret[i]);
	}
	line[at++] = '\n';
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, at) != (ssize_t)at)
		abort();
	close(fd);
	OPENSSL_cleanse(line, sizeof(line));
}

static void stop(void)
{
	if (getenv("E2EE_TEST_STOP"))
		raise(SIGSTOP);
}

int __real_e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw,
				uint8_t *secret);
int __wrap_e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw,
				uint8_t *secret);
int __wrap_e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw,
				uint8_t *secret)
{
	int err = __real_e2ee_schedule_secret(t, raw, secret);

	keep("raw", raw, 32);
	keep("secret", secret, 32);
	return err;
}

int __real_e2ee_sframe_derive_all(uint32_t suite, const void *base_key,
				  size_t len, struct e2ee_sframe_key *keys,
				  size_t count);
int __wrap_e2ee_sframe_derive_all(uint32_t suite, const void *base_key,
				  size_t len, struct e2ee_sframe_key *keys,
				  size_t count);
int __wrap_e2ee_sframe_derive_all(uint32_t suite, const void *base_key,
				  size_t len, struct e2ee_sframe_key *keys,
				  size_t count)
{
	int err = __real_e2ee_sframe_derive_all(suite, base_key, len, keys,
						count);

	keep("base", base_key, len);
	for (size_t i = 0; i < count; i++)
		keep("media", keys[i].key, e2ee_sframe_key_len(suite));
	return err;
}

int __real_e2ee_wrap_key_new(uint32_t suite, struct e2ee_wrap_key **key,
			     uint8_t *public, size_t *public_len);
int __wrap_e2ee_wrap_key_new(uint32_t suite, struct e2ee_wrap_key **key,
			     uint8_t *public, size_t *public_len);
int __wrap_e2ee_wrap_key_new(uint32_t suite, struct e2ee_wrap_key **key,
			     uint8_t *public, size_t *public_len)
{
	/* of wrap.c, who does not show it to others */
	struct mirror {
		uint32_t suite;
		EVP_PKEY *key;
	};
	int err = __real_e2ee_wrap_key_new(suite, key, public, public_len);
	uint8_t private[32];
	size_t len = sizeof(private);

	if (!err && EVP_PKEY_get_raw_private_key(((struct mirror *)*key)->key,
						 private, &len) == 1)
		keep("private", private, len);
	OPENSSL_cleanse(private, sizeof(private));
	return err;
}

void __real_e2ee_room_free(struct e2ee_room *room);
void __wrap_e2ee_room_free(struct e2ee_room *room);
void __wrap_e2ee_room_free(struct e2ee_room *room)
{
	stop();
	__real_e2ee_room_free(room);
}

void __real_loop_close(struct loop *loop);
void __wrap_loop_close(struct loop *loop);
void __wrap_loop_close(struct loop *loop)
{
	__real_loop_close(loop);
	stop();
}
