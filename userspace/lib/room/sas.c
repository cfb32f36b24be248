// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Codes that people compare, from nonces to which all were bound beforehand.
 */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "sas.h"

#define TEXT(text)	{ text, sizeof(text) - 1 }

/* Big-endian, as everything that goes into a hash */
static void be32(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 24);
	to[1] = (uint8_t)(value >> 16);
	to[2] = (uint8_t)(value >> 8);
	to[3] = (uint8_t)value;
}

int e2ee_sas_commit(const struct e2ee_sas_context *context, const char *dev,
		    const uint8_t *nonce, uint8_t *commitment)
{
	uint8_t epoch[4], dev_len[2] = { 0, (uint8_t)strlen(dev) };
	const struct e2ee_bytes parts[] = {
		TEXT("e2ee/1 sas-commit"),
		{ context->call, 16 },
		{ epoch, sizeof(epoch) },
		{ context->t, E2EE_HASH_LEN },
		{ dev_len, sizeof(dev_len) },
		{ dev, strlen(dev) },
		{ nonce, E2EE_SAS_NONCE_LEN },
	};

	be32(epoch, context->epoch);
	return e2ee_sha256(commitment, parts, 7);
}

/* SHA-256(label | LP(dev) | value for each): the value at @offset of a share */
static int hash_shares(const char *label, const struct e2ee_sas_share *shares,
		       size_t count, size_t offset, uint8_t *hash)
{
	struct e2ee_bytes parts[1 + 3 * E2EE_ROOM_MEMBERS_MAX];
	uint8_t lens[E2EE_ROOM_MEMBERS_MAX][2];
	struct e2ee_bytes *part = parts;
	size_t i;

	if (count > E2EE_ROOM_MEMBERS_MAX)
		return -EINVAL;
	*part++ = (struct e2ee_bytes){ label, strlen(label) };
	for (i = 0; i < count; i++) {
		const struct e2ee_sas_share *share = &shares[i];

		lens[i][0] = 0;
		lens[i][1] = (uint8_t)strlen(share->dev);
		*part++ = (struct e2ee_bytes){ lens[i], 2 };
		*part++ = (struct e2ee_bytes){ share->dev, lens[i][1] };
		*part++ = (struct e2ee_bytes){ (const uint8_t *)share + offset,
					       E2EE_HASH_LEN };
	}
	return e2ee_sha256(hash, parts, (size_t)(part - parts));
}

int e2ee_sas_commitments(const struct e2ee_sas_share *shares, size_t count,
			 uint8_t *hash)
{
	return hash_shares("e2ee/1 sas-commits", shares, count,
			   offsetof(struct e2ee_sas_share, commitment), hash);
}

int e2ee_sas_code(const struct e2ee_sas_context *context,
		  const struct e2ee_sas_share *shares, size_t count,
		  const uint8_t *authenticator, uint8_t *code)
{
	uint8_t salt[E2EE_HASH_LEN], prk[E2EE_HASH_LEN], epoch[4];
	const struct e2ee_bytes info[] = {
		TEXT("e2ee/1 SAS"),
		{ context->call, 16 },
		{ epoch, sizeof(epoch) },
		{ context->t, E2EE_HASH_LEN },
	};
	int ret;

	be32(epoch, context->epoch);
	ret = hash_shares("e2ee/1 sas-nonces", shares, count,
			  offsetof(struct e2ee_sas_share, nonce), salt);
	if (!ret)
		ret = e2ee_hkdf_extract(prk, salt, sizeof(salt), authenticator,
					E2EE_HASH_LEN);
	if (!ret)
		ret = e2ee_hkdf_expand(code, E2EE_SAS_CODE_LEN, prk, info, 4);
	OPENSSL_cleanse(prk, sizeof(prk));
	return ret;
}

/* From the top of B: 7 times 6 bits, and 3 times 13 bits */
void e2ee_sas_show(const uint8_t *code, uint8_t *emoji, uint16_t *numbers)
{
	uint64_t bits = 0;
	unsigned int i;

	for (i = 0; i < E2EE_SAS_CODE_LEN; i++)
		bits = bits << 8 | code[i];
	for (i = 0; i < E2EE_SAS_EMOJI; i++)
		emoji[i] = (uint8_t)(bits >> (58 - 6 * i) & 0x3f);
	for (i = 0; i < E2EE_SAS_NUMBERS; i++)
		numbers[i] = (uint16_t)(1000 + (bits >> (51 - 13 * i) & 0x1fff));
}
