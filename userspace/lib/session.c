// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sessions, and what the module says of itself.
 */
#include <errno.h>
#include <string.h>

#include <netlink/genl/genl.h>

#include "internal.h"

#define SESSION_MSG_SIZE	1024

#define SESSION_CONFIG						\
	(E2EE_HAS(E2EE_A_SESSION_POLICY) |			\
	 E2EE_HAS(E2EE_A_SESSION_WINDOW) |			\
	 E2EE_HAS(E2EE_A_SESSION_RTX_PT) |			\
	 E2EE_HAS(E2EE_A_SESSION_CRYPTO) |			\
	 E2EE_HAS(E2EE_A_SESSION_FLAGS) |			\
	 E2EE_HAS(E2EE_A_SESSION_EPOCH))

/* NULL: none; the request is then about all sessions */
int e2ee_pack_session_ref(struct nl_msg *msg,
			  const struct e2ee_session *session)
{
	if (!session)
		return 0;
	return e2ee_pack(msg, &e2ee_session_table, session, E2EE_SESSION_REF);
}

static int session_do(struct e2ee_ctx *ctx, uint8_t cmd,
		      const struct e2ee_session *session, uint64_t mask,
		      bool force, struct e2ee_session *answer)
{
	struct nl_msg *msg = e2ee_message(ctx, cmd, SESSION_MSG_SIZE);

	if (!msg)
		return -ENOMEM;
	if (e2ee_pack(msg, &e2ee_session_table, session, mask) ||
	    (force && nla_put_flag(msg, E2EE_A_FORCE))) {
		e2ee_message_free(msg);
		return e2ee_fail(ctx, EINVAL, "session: a value is too long");
	}
	return e2ee_do(ctx, msg, answer ? &e2ee_session_table : NULL, answer);
}

int e2ee_session_new(struct e2ee_ctx *ctx, struct e2ee_session *session)
{
	struct e2ee_session answer = { .has = 0 };
	int ret;

	ret = session_do(ctx, E2EE_CMD_SESSION_NEW, session,
			 E2EE_HAS(E2EE_A_SESSION_NAME) | SESSION_CONFIG, false,
			 &answer);
	if (ret)
		return ret;
	session->id = answer.id;
	session->has |= answer.has & E2EE_HAS(E2EE_A_SESSION_ID);
	return 0;
}

int e2ee_session_set(struct e2ee_ctx *ctx, const struct e2ee_session *session)
{
	return session_do(ctx, E2EE_CMD_SESSION_SET, session,
			  E2EE_SESSION_REF | SESSION_CONFIG, false, NULL);
}

int e2ee_session_use_epoch(struct e2ee_ctx *ctx,
			   const struct e2ee_session *session, uint32_t epoch,
			   bool force)
{
	struct e2ee_session request = *session;

	request.has &= E2EE_SESSION_REF;
	request.has |= E2EE_HAS(E2EE_A_SESSION_EPOCH);
	request.epoch = epoch;
	return session_do(ctx, E2EE_CMD_SESSION_SET, &request,
			  E2EE_SESSION_REF | SESSION_CONFIG, force, NULL);
}

int e2ee_session_del(struct e2ee_ctx *ctx, const struct e2ee_session *session)
{
	return session_do(ctx, E2EE_CMD_SESSION_DEL, session, E2EE_SESSION_REF,
			  false, NULL);
}

int e2ee_session_get(struct e2ee_ctx *ctx, struct e2ee_session *session)
{
	struct e2ee_session answer = { .has = 0 };
	int ret;

	ret = session_do(ctx, E2EE_CMD_SESSION_GET, session, E2EE_SESSION_REF,
			 false, &answer);
	if (!ret)
		*session = answer;
	return ret;
}

struct session_list {
	e2ee_session_cb cb;
	void *arg;
};

static int session_answer(const struct nlmsghdr *nlh, void *arg)
{
	const struct session_list *list = arg;
	struct e2ee_session session = { .has = 0 };

	if (e2ee_unpack(nlh, &e2ee_session_table, &session))
		return 0;
	return list->cb(&session, list->arg);
}

int e2ee_session_list(struct e2ee_ctx *ctx, e2ee_session_cb cb, void *arg)
{
	struct session_list list = { .cb = cb, .arg = arg };

	return e2ee_list(ctx, E2EE_CMD_SESSION_GET, NULL, session_answer,
			 &list);
}

/*
 * Lists all objects, or those of a session. Linux 6.1 gives no words when it
 * refuses a listing: the same question about the session has them.
 */
int e2ee_list(struct e2ee_ctx *ctx, uint8_t cmd,
	      const struct e2ee_session *session, e2ee_answer_cb cb, void *arg)
{
	struct nl_msg *msg = e2ee_message(ctx, cmd, SESSION_MSG_SIZE);
	struct e2ee_session again;
	int ret;

	if (!msg)
		return -ENOMEM;
	if (e2ee_pack_session_ref(msg, session)) {
		e2ee_message_free(msg);
		return e2ee_fail(ctx, EINVAL, "session: name too long");
	}
	ret = e2ee_dump(ctx, ctx->genl, msg, cb, arg);
	if (ret == -ENOENT && ctx->refused && session) {
		again = *session;
		if (!e2ee_session_get(ctx, &again))
			e2ee_set_error(ctx, "no such session");
	}
	return ret;
}

int e2ee_info_get(struct e2ee_ctx *ctx, struct e2ee_info *info)
{
	struct e2ee_info answer = { .has = 0 };
	struct nl_msg *msg;
	int ret;

	msg = e2ee_message(ctx, E2EE_CMD_INFO_GET, SESSION_MSG_SIZE);
	if (!msg)
		return -ENOMEM;
	ret = e2ee_do(ctx, msg, &e2ee_info_table, &answer);
	if (!ret)
		*info = answer;
	return ret;
}
