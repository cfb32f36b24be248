// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "secret.h"

#define MASK	0x5a
#define CTR	0x1020304	/* with CTR 0, the nonce would be the salt */

void secret_make(struct secret *secret)
{
	if (getrandom(secret, sizeof(*secret), 0) != (ssize_t)sizeof(*secret))
		abort();
}

void secret_mask(void *to, const void *from, size_t len)
{
	const uint8_t *in = from;
	uint8_t *out = to;

	while (len--)
		*out++ = *in++ ^ MASK;
}

void secret_wipe(void *data, size_t len)
{
	memset(data, 0, len);
	__asm__ volatile("" : : "r"(data) : "memory");
}

static void __attribute__((noinline)) wipe_stack(void)
{
	uint8_t room[65536];

	secret_wipe(room, sizeof(room));
}

static struct nl_msg *key_msg(const struct nl *nl, uint8_t cmd,
			      uint32_t session, uint32_t dir,
			      const struct secret *secret)
{
	struct nl_msg *msg = nl_session(nl, cmd, session, NULL);
	size_t nest = nl_nest(msg, E2EE_A_KEY);
	struct secret plain;

	nl_u32(msg, E2EE_A_KEY_DIR, dir);
	nl_u64(msg, E2EE_A_KEY_KID, SECRET_KID);
	nl_u32(msg, E2EE_A_KEY_SSRC_MODE, E2EE_SSRC_NUMBER);
	nl_u32(msg, E2EE_A_KEY_SSRC, SECRET_KID);
	if (secret) {
		secret_mask(&plain, secret, sizeof(plain));
		nl_put(msg, E2EE_A_KEY_SECRET, plain.key, sizeof(plain.key));
		nl_put(msg, E2EE_A_KEY_SALT, plain.salt, sizeof(plain.salt));
		secret_wipe(&plain, sizeof(plain));
		if (dir == E2EE_DIR_TX)
			nl_u64(msg, E2EE_A_KEY_CTR, CTR);
	}
	nl_nest_end(msg, nest);
	return msg;
}

int secret_install(struct nl *nl, uint32_t session, uint32_t dir,
		   const struct secret *secret)
{
	struct nl_msg *msg = key_msg(nl, E2EE_CMD_KEY_NEW, session, dir,
				     secret);
	struct nl_said said;
	int err;

	err = nl_talk(nl, msg, &said);
	secret_wipe(msg, sizeof(*msg));
	secret_wipe(&said, sizeof(said));
	free(msg);
	wipe_stack();
	return err;
}

int secret_uninstall(struct nl *nl, uint32_t session, uint32_t dir)
{
	return nl_do(nl, key_msg(nl, E2EE_CMD_KEY_DEL, session, dir, NULL));
}
