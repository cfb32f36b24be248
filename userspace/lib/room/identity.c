// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The key of this appliance, and the number of its last key package.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/buffer.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "identity.h"
#include "store.h"

#define FILE_MAX	4096

/* 2025 began: no clock that is right is behind this */
#define CLOCK_LEAST	1735689600

/* In pages of its own: not swapped out, not in a core dump */
struct e2ee_identity {
	uint8_t seed[E2EE_SEED_LEN];
	uint8_t ik[E2EE_IK_LEN];
	uint64_t seq;			/* the last one given out, as far as known */
	char *seq_path;			/* NULL: in memory only */
	char *old_path;			/* where it may have been before; NULL */
};

static void *secret_alloc(size_t len)
{
	void *secret = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (secret == MAP_FAILED)
		return NULL;
	/* Best effort: a limit may stand against it */
	(void)mlock(secret, len);
	(void)madvise(secret, len, MADV_DONTDUMP);
	return secret;
}

static void secret_free(void *secret, size_t len)
{
	OPENSSL_cleanse(secret, len);
	munmap(secret, len);
}

static struct e2ee_identity *identity_alloc(void)
{
	return secret_alloc(sizeof(struct e2ee_identity));
}

void e2ee_identity_free(struct e2ee_identity *identity)
{
	if (!identity)
		return;
	free(identity->seq_path);
	free(identity->old_path);
	secret_free(identity, sizeof(*identity));
}

/* The file of a service has no passphrase, and nobody is asked for one */
static int no_passphrase(char *text, int size, int writing, void *arg)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int seed_decode(const char *text, uint8_t *seed)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	size_t len = E2EE_SEED_LEN;
	EVP_PKEY *key = NULL;
	int ret = -EBADMSG;

	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	if (key && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 &&
	    EVP_PKEY_get_raw_private_key(key, seed, &len) == 1 &&
	    len == E2EE_SEED_LEN)
		ret = 0;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ret;
}

/*
 * systemd lets the user of a service read a credential by an access control
 * list, whose mask looks like a right of the group.
 */
static mode_t seed_closed(const char *path)
{
	mode_t closed = S_IRWXG | S_IRWXO;

	return e2ee_store_is_credential(path) ? closed & ~(mode_t)S_IRGRP :
						closed;
}

static int seed_read(const char *path, uint8_t *seed, char *error)
{
	char *text = secret_alloc(FILE_MAX);
	int ret;

	if (!text)
		return e2ee_store_error(error, -ENOMEM, "%s", strerror(ENOMEM));
	ret = e2ee_store_read(path, seed_closed(path), text, FILE_MAX, NULL,
			      error);
	if (ret == -ENOENT)
		e2ee_store_error(error, ret,
				 "%s does not exist: \"e2eectl keygen\" makes one",
				 path);
	if (!ret && seed_decode(text, seed))
		ret = e2ee_store_error(error, -EBADMSG,
				       "%s holds no Ed25519 key in PEM without passphrase: \"e2eectl keygen\" makes one",
				       path);
	secret_free(text, FILE_MAX);
	return ret;
}

static int seed_write(const char *path, EVP_PKEY *key, char *error)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	BUF_MEM *pem;
	int ret;

	/* With the NUL that makes it a string */
	if (!bio ||
	    !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) ||
	    BIO_write(bio, "", 1) != 1 || BIO_get_mem_ptr(bio, &pem) <= 0)
		ret = e2ee_store_error(error, -EIO,
				       "OpenSSL could not write a key");
	else
		ret = e2ee_store_create(path, pem->data, error);
	BIO_free(bio);
	return ret;
}

int e2ee_identity_create(const char *path, char *error)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	int ret;

	if (!key)
		return e2ee_store_error(error, -EIO,
					"OpenSSL could not make a key");
	ret = seed_write(path, key, error);
	EVP_PKEY_free(key);
	return ret;
}

/*
 * A lost file must not send the numbers back below those that others have seen.
 * The seconds since 1970 are ahead of all of them, because an identity takes a
 * few numbers in an hour. Only a clock that was never set is behind them.
 */
static int seq_first(const char *path, uint64_t *seq, char *error)
{
	time_t now = time(NULL);

	if (now < CLOCK_LEAST)
		return e2ee_store_error(error, -ETIME,
					"%s does not exist, and the clock, from which its number would start, is wrong: set the clock",
					path);
	*seq = (uint64_t)now;
	return 0;
}

static int seq_parse(const char *text, uint64_t *seq)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EBADMSG;
	errno = 0;
	*seq = strtoull(text, &end, 10);
	if (errno || strcmp(end, "\n") != 0)
		return -EBADMSG;
	return 0;
}

/* -ENOENT: there is no such file */
static int seq_file(const char *path, uint64_t *seq, char *error)
{
	char text[32];
	int ret;

	ret = e2ee_store_read(path, S_IWGRP | S_IWOTH, text, sizeof(text), NULL,
			      error);
	if (!ret && seq_parse(text, seq))
		ret = -EBADMSG;
	if (ret == -EBADMSG || ret == -EFBIG)
		return e2ee_store_error(error, -EBADMSG,
					"%s holds no number: set the clock, then remove this file",
					path);
	return ret;
}

/*
 * Never below what this handle knows, whatever became of the files, and never
 * below a number that an e2eed took before the state had a folder of its own.
 */
static int seq_read(struct e2ee_identity *identity, char *error)
{
	uint64_t seq = identity->seq, old = 0;
	int ret;

	ret = seq_file(identity->seq_path, &seq, error);
	if (ret == -ENOENT)
		ret = seq ? 0 : seq_first(identity->seq_path, &seq, error);
	if (!ret && identity->old_path)
		ret = seq_file(identity->old_path, &old, error);
	if (ret && ret != -ENOENT)
		return ret;
	if (seq < old)
		seq = old;
	if (seq > identity->seq)
		identity->seq = seq;
	return 0;
}

static int seq_paths(const char *path, const char *state,
		     struct e2ee_identity *identity)
{
	char **beside = state ? &identity->old_path : &identity->seq_path;
	const char *slash = strrchr(path, '/');

	if (asprintf(beside, "%s.seq", path) < 0) {
		*beside = NULL;
		return -ENOMEM;
	}
	if (!state)
		return 0;
	if (asprintf(&identity->seq_path, "%s/%s.seq", state,
		     slash ? slash + 1 : path) < 0) {
		identity->seq_path = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int identity_open(const char *path, const char *state,
			 struct e2ee_identity *identity, char *error)
{
	int ret;

	ret = seed_read(path, identity->seed, error);
	if (ret)
		return ret;
	if (e2ee_sign_public(identity->seed, identity->ik))
		return e2ee_store_error(error, -EIO, "%s: OpenSSL failed",
					path);
	if (seq_paths(path, state, identity))
		return e2ee_store_error(error, -ENOMEM, "%s", strerror(ENOMEM));
	ret = e2ee_store_writable(identity->seq_path, error);
	return ret ? ret : seq_read(identity, error);
}

int e2ee_identity_load_state(const char *path, const char *state,
			     struct e2ee_identity **identity, char *error)
{
	struct e2ee_identity *new = identity_alloc();
	int ret;

	*identity = NULL;
	if (!new)
		return e2ee_store_error(error, -ENOMEM, "%s", strerror(ENOMEM));
	ret = identity_open(path, state, new, error);
	if (ret)
		e2ee_identity_free(new);
	else
		*identity = new;
	return ret;
}

int e2ee_identity_load(const char *path, struct e2ee_identity **identity,
		       char *error)
{
	return e2ee_identity_load_state(path, NULL, identity, error);
}

int e2ee_identity_public(const char *path, uint8_t *ik, char *error)
{
	uint8_t *seed = secret_alloc(E2EE_SEED_LEN);
	int ret;

	if (!seed)
		return e2ee_store_error(error, -ENOMEM, "%s", strerror(ENOMEM));
	ret = seed_read(path, seed, error);
	if (!ret && e2ee_sign_public(seed, ik))
		ret = e2ee_store_error(error, -EIO, "%s: OpenSSL failed", path);
	secret_free(seed, E2EE_SEED_LEN);
	return ret;
}

int e2ee_identity_memory(const uint8_t *seed, struct e2ee_identity **identity)
{
	struct e2ee_identity *new = identity_alloc();
	int ret;

	*identity = NULL;
	if (!new)
		return -ENOMEM;
	memcpy(new->seed, seed, E2EE_SEED_LEN);
	ret = e2ee_sign_public(new->seed, new->ik);
	if (ret)
		e2ee_identity_free(new);
	else
		*identity = new;
	return ret;
}

const uint8_t *e2ee_identity_seed(const struct e2ee_identity *identity)
{
	return identity->seed;
}

const uint8_t *e2ee_identity_ik(const struct e2ee_identity *identity)
{
	return identity->ik;
}

static int seq_store(struct e2ee_identity *identity, char *error)
{
	char text[32];
	int ret;

	/* others with this identity, in other rooms, take numbers, too */
	ret = seq_read(identity, error);
	if (ret)
		return ret;
	if (identity->seq == UINT64_MAX)
		return e2ee_store_error(error, -EOVERFLOW,
					"%s holds the highest number: make a new identity",
					identity->seq_path);
	snprintf(text, sizeof(text), "%" PRIu64 "\n", identity->seq + 1);
	return e2ee_store_replace(identity->seq_path, text, error);
}

int e2ee_identity_next_seq(struct e2ee_identity *identity, uint64_t *seq,
			   char *error)
{
	int fd, ret;

	if (identity->seq_path) {
		ret = e2ee_store_lock(identity->seq_path, &fd, error);
		if (ret)
			return ret;
		ret = seq_store(identity, error);
		close(fd);
		if (ret)
			return ret;
	}
	*seq = ++identity->seq;
	return 0;
}
