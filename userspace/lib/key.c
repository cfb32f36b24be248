// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keys. Many of them travel in one message.
 */
#include <errno.h>
#include <string.h>

#include <netlink/genl/genl.h>
#include <openssl/crypto.h>

#include "internal.h"

/* A message holds some 400 keys, and fits every default socket buffer. */
#define KEYS_MSG_SIZE		65536
#define KEY_MSG_SIZE		1024

#define KEY_ID							\
	(E2EE_HAS(E2EE_A_KEY_DIR) | E2EE_HAS(E2EE_A_KEY_KID) |	\
	 E2EE_HAS(E2EE_A_KEY_SSRC) | E2EE_HAS(E2EE_A_KEY_SSRC_MODE))
#define KEY_CHANGES						\
	(E2EE_HAS(E2EE_A_KEY_SOFT_LIMIT) |			\
	 E2EE_HAS(E2EE_A_KEY_LIMIT) |				\
	 E2EE_HAS(E2EE_A_KEY_EXPIRES) |				\
	 E2EE_HAS(E2EE_A_KEY_RTX_SSRC))
#define KEY_NEW							\
	(KEY_ID | KEY_CHANGES | E2EE_HAS(E2EE_A_KEY_SUITE) |	\
	 E2EE_HAS(E2EE_A_KEY_EPOCH) |				\
	 E2EE_HAS(E2EE_A_KEY_SECRET) |				\
	 E2EE_HAS(E2EE_A_KEY_SALT) | E2EE_HAS(E2EE_A_KEY_CTR))

/* Puts as many keys as there is room for; returns how many */
static size_t keys_pack(struct nl_msg *msg, const struct e2ee_key *keys,
			size_t count, uint64_t mask)
{
	size_t n;

	for (n = 0; n < count; n++)
		if (e2ee_pack(msg, &e2ee_key_table, &keys[n], mask))
			break;
	return n;
}

static int keys_do(struct e2ee_ctx *ctx, uint8_t cmd,
		   const struct e2ee_session *session,
		   const struct e2ee_key *keys, size_t count, uint64_t mask,
		   size_t *done)
{
	size_t at = 0, n, size;
	int ret = 0;

	if (done)
		*done = 0;
	while (!ret && at < count) {
		struct nl_msg *msg;

		size = count - at > 1 ? KEYS_MSG_SIZE : KEY_MSG_SIZE;
		msg = e2ee_message(ctx, cmd, size);
		if (!msg)
			return -ENOMEM;
		if (e2ee_pack_session_ref(msg, session))
			n = 0;
		else
			n = keys_pack(msg, keys + at, count - at, mask);
		if (!n) {
			e2ee_message_free(msg);
			return e2ee_fail(ctx, EINVAL,
					 "key: a value is too long");
		}
		ret = e2ee_do(ctx, msg, NULL, NULL);
		if (ret)
			break;
		at += n;
		if (done)
			*done = at;
	}
	return ret;
}

int e2ee_key_new(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 const struct e2ee_key *keys, size_t count, size_t *done)
{
	return keys_do(ctx, E2EE_CMD_KEY_NEW, session, keys, count, KEY_NEW,
		       done);
}

int e2ee_key_set(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 const struct e2ee_key *key)
{
	return keys_do(ctx, E2EE_CMD_KEY_SET, session, key, 1,
		       KEY_ID | KEY_CHANGES, NULL);
}

int e2ee_key_del(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 const struct e2ee_key *keys, size_t count, size_t *done)
{
	return keys_do(ctx, E2EE_CMD_KEY_DEL, session, keys, count, KEY_ID,
		       done);
}

int e2ee_key_get(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 struct e2ee_key *key)
{
	struct e2ee_key answer = { .has = 0 };
	struct nl_msg *msg;
	int ret;

	msg = e2ee_message(ctx, E2EE_CMD_KEY_GET, KEY_MSG_SIZE);
	if (!msg)
		return -ENOMEM;
	if (e2ee_pack_session_ref(msg, session) ||
	    e2ee_pack(msg, &e2ee_key_table, key, KEY_ID)) {
		e2ee_message_free(msg);
		return e2ee_fail(ctx, EINVAL, "key: a value is too long");
	}
	ret = e2ee_do(ctx, msg, &e2ee_key_table, &answer);
	if (ret)
		return ret;
	OPENSSL_cleanse(key, sizeof(*key));
	*key = answer;
	return 0;
}

struct key_list {
	e2ee_key_cb cb;
	void *arg;
};

static int key_answer(const struct nlmsghdr *nlh, void *arg)
{
	const struct key_list *list = arg;
	struct e2ee_key key = { .has = 0 };

	if (e2ee_unpack(nlh, &e2ee_key_table, &key))
		return 0;
	return list->cb(&key, list->arg);
}

int e2ee_key_list(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		  e2ee_key_cb cb, void *arg)
{
	struct key_list list = { .cb = cb, .arg = arg };

	return e2ee_list(ctx, E2EE_CMD_KEY_GET, session, key_answer, &list);
}
