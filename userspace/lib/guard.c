// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guards.
 */
#include <errno.h>
#include <string.h>

#include <netlink/genl/genl.h>

#include "internal.h"

#define GUARD_MSG_SIZE		1024

#define GUARD_NEW						\
	(E2EE_HAS(E2EE_A_GUARD_PORT_FIRST) |			\
	 E2EE_HAS(E2EE_A_GUARD_PORT_LAST) |			\
	 E2EE_HAS(E2EE_A_GUARD_LOCAL_ADDR) |			\
	 E2EE_HAS(E2EE_A_GUARD_UID) | E2EE_HAS(E2EE_A_GUARD_CGROUP))

static int guard_do(struct e2ee_ctx *ctx, uint8_t cmd,
		    const struct e2ee_session *session,
		    const struct e2ee_guard *guard, uint64_t mask,
		    struct e2ee_guard *answer)
{
	struct nl_msg *msg = e2ee_message(ctx, cmd, GUARD_MSG_SIZE);

	if (!msg)
		return -ENOMEM;
	if (e2ee_pack_session_ref(msg, session) ||
	    e2ee_pack(msg, &e2ee_guard_table, guard, mask)) {
		e2ee_message_free(msg);
		return e2ee_fail(ctx, EINVAL, "guard: a value is too long");
	}
	return e2ee_do(ctx, msg, answer ? &e2ee_guard_table : NULL, answer);
}

int e2ee_guard_new(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		   struct e2ee_guard *guard)
{
	struct e2ee_guard answer = { .has = 0 };
	int ret;

	ret = guard_do(ctx, E2EE_CMD_GUARD_NEW, session, guard, GUARD_NEW,
		       &answer);
	if (ret)
		return ret;
	guard->id = answer.id;
	guard->has |= answer.has & E2EE_HAS(E2EE_A_GUARD_ID);
	return 0;
}

int e2ee_guard_del(struct e2ee_ctx *ctx, uint32_t id)
{
	const struct e2ee_guard guard = {
		.has = E2EE_HAS(E2EE_A_GUARD_ID), .id = id,
	};

	return guard_do(ctx, E2EE_CMD_GUARD_DEL, NULL, &guard,
			E2EE_HAS(E2EE_A_GUARD_ID), NULL);
}

struct guard_list {
	e2ee_guard_cb cb;
	void *arg;
};

static int guard_answer(const struct nlmsghdr *nlh, void *arg)
{
	const struct guard_list *list = arg;
	struct e2ee_guard guard = { .has = 0 };

	if (e2ee_unpack(nlh, &e2ee_guard_table, &guard))
		return 0;
	return list->cb(&guard, list->arg);
}

int e2ee_guard_list(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		    e2ee_guard_cb cb, void *arg)
{
	struct guard_list list = { .cb = cb, .arg = arg };

	return e2ee_list(ctx, E2EE_CMD_GUARD_GET, session, guard_answer, &list);
}
