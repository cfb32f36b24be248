// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The identity code: what people read out to compare a device's key.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <e2ee/identity.h>

#include "crypto.h"

#define GROUPS	8

int e2ee_identity_code(const char *dev, const uint8_t *ik, char *text)
{
	static const char label[] = "e2ee/1 identity-code";
	const uint8_t dev_len[2] = { 0, (uint8_t)strlen(dev) };
	const struct e2ee_bytes parts[] = {
		{ label, sizeof(label) - 1 },
		{ dev_len, sizeof(dev_len) },
		{ dev, strlen(dev) },
		{ ik, E2EE_IDENTITY_LEN },
	};
	uint8_t hash[2 * E2EE_HASH_LEN];
	unsigned int i, j;
	int ret;

	*text = '\0';
	if (!e2ee_name_valid(dev))
		return -EINVAL;
	ret = e2ee_sha512(hash, parts, 4);
	if (ret)
		return ret;
	for (i = 0; i < GROUPS; i++) {
		uint64_t number = 0;

		for (j = 0; j < 5; j++)
			number = number << 8 | hash[5 * i + j];
		text += sprintf(text, "%s%05u", i ? " " : "",
				(unsigned int)(number % 100000));
	}
	return 0;
}
