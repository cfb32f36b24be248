// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "sframe.h"

static void must(int ok)
{
	if (ok != 1)
		abort();
}

void sframe_key_random(struct sframe_key *key, uint16_t suite, uint64_t kid)
{
	key->suite = suite ? suite : 5;
	key->kid = kid;
	must(RAND_bytes(key->secret, sizeof(key->secret)));
	must(RAND_bytes(key->salt, sizeof(key->salt)));
}

/* A value of the header: its field in the config byte, bytes to *out. */
static uint8_t put_value(uint8_t **out, uint64_t value)
{
	unsigned int bytes = 1;

	if (value < 8)
		return (uint8_t)value;
	while (bytes < 8 && value >> (8 * bytes))
		bytes++;
	for (unsigned int i = bytes; i--; )
		*(*out)++ = (uint8_t)(value >> (8 * i));
	return (uint8_t)(8 | (bytes - 1));
}

size_t sframe_header(uint8_t *out, uint64_t kid, uint64_t ctr)
{
	uint8_t *end = out + 1;

	out[0] = (uint8_t)(put_value(&end, kid) << 4);
	out[0] |= put_value(&end, ctr);
	return (size_t)(end - out);
}

static const EVP_CIPHER *cipher(const struct sframe_key *key)
{
	return key->suite == 4 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

static void make_nonce(const struct sframe_key *key, uint64_t ctr,
		       uint8_t nonce[12])
{
	memcpy(nonce, key->salt, 12);
	for (int i = 11; i >= 4; i--, ctr >>= 8)
		nonce[i] ^= (uint8_t)ctr;
}

size_t sframe_seal(const struct sframe_key *key, uint64_t ctr,
		   const void *plain, size_t len, uint8_t *out)
{
	size_t header = sframe_header(out, key->kid, ctr);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[12];
	int n;

	make_nonce(key, ctr, nonce);
	must(EVP_EncryptInit_ex(ctx, cipher(key), NULL, key->secret, nonce));
	must(EVP_EncryptUpdate(ctx, NULL, &n, out, (int)header));
	must(EVP_EncryptUpdate(ctx, out + header, &n, plain, (int)len));
	must(EVP_EncryptFinal_ex(ctx, out + header + len, &n));
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SFRAME_TAG,
				 out + header + len));
	EVP_CIPHER_CTX_free(ctx);
	return header + len + SFRAME_TAG;
}

static bool get_value(const uint8_t **pos, const uint8_t *end, uint8_t field,
		      uint64_t *value)
{
	unsigned int bytes = (field & 7U) + 1;

	*value = field;
	if (!(field & 8))
		return true;
	if (end - *pos < bytes)
		return false;
	for (*value = 0; bytes; bytes--)
		*value = *value << 8 | *(*pos)++;
	return true;
}

int sframe_open(const struct sframe_key *key, const uint8_t *sealed,
		size_t len, uint8_t *plain, uint64_t *ctr)
{
	const uint8_t *pos = sealed + 1, *end = sealed + len;
	uint8_t nonce[12], tag[SFRAME_TAG];
	uint64_t kid, counter;
	EVP_CIPHER_CTX *ctx;
	size_t header, body;
	int n, ok;

	if (!len || !get_value(&pos, end, sealed[0] >> 4, &kid) ||
	    !get_value(&pos, end, sealed[0] & 15, &counter) ||
	    kid != key->kid || end - pos < SFRAME_TAG)
		return -EBADMSG;
	header = (size_t)(pos - sealed);
	body = (size_t)(end - pos) - SFRAME_TAG;
	memcpy(tag, pos + body, SFRAME_TAG);
	make_nonce(key, counter, nonce);

	ctx = EVP_CIPHER_CTX_new();
	must(EVP_DecryptInit_ex(ctx, cipher(key), NULL, key->secret, nonce));
	must(EVP_DecryptUpdate(ctx, NULL, &n, sealed, (int)header));
	must(EVP_DecryptUpdate(ctx, plain, &n, pos, (int)body));
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SFRAME_TAG, tag));
	ok = EVP_DecryptFinal_ex(ctx, plain + body, &n);
	EVP_CIPHER_CTX_free(ctx);
	if (ok != 1)
		return -EBADMSG;
	if (ctr)
		*ctr = counter;
	return (int)body;
}
