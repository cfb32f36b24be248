// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sockets: attach, detach, list.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <netlink/genl/genl.h>

#include "internal.h"

#define SOCKET_MSG_SIZE		512

#define SOCKET_ID						\
	(E2EE_HAS(E2EE_A_SOCKET_ID) | E2EE_HAS(E2EE_A_SOCKET_FD) |	\
	 E2EE_HAS(E2EE_A_SOCKET_LOCAL_ADDR) |			\
	 E2EE_HAS(E2EE_A_SOCKET_LOCAL_PORT))

static int socket_do(struct e2ee_ctx *ctx, uint8_t cmd,
		     const struct e2ee_session *session,
		     const struct e2ee_socket *sock, bool force,
		     struct e2ee_socket *answer)
{
	struct nl_msg *msg = e2ee_message(ctx, cmd, SOCKET_MSG_SIZE);

	if (!msg)
		return -ENOMEM;
	if (e2ee_pack_session_ref(msg, session) ||
	    e2ee_pack(msg, &e2ee_socket_table, sock, SOCKET_ID) ||
	    (force && nla_put_flag(msg, E2EE_A_FORCE))) {
		e2ee_message_free(msg);
		return e2ee_fail(ctx, EINVAL, "socket: a value is too long");
	}
	return e2ee_do(ctx, msg, answer ? &e2ee_socket_table : NULL, answer);
}

int e2ee_socket_attach(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		       struct e2ee_socket *sock)
{
	struct e2ee_socket answer = { .has = 0 };
	int ret;

	ret = socket_do(ctx, E2EE_CMD_SOCKET_ATTACH, session, sock, false,
			&answer);
	if (ret)
		return ret;
	sock->id = answer.id;
	sock->has |= answer.has & E2EE_HAS(E2EE_A_SOCKET_ID);
	return 0;
}

/* Not every C library has wrappers for these. */
static int fd_of_process(struct e2ee_ctx *ctx, pid_t pid, int fd)
{
	int process, copy, err;

	process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process < 0)
		return e2ee_fail(ctx, errno, "process %d: %s", (int)pid,
				 errno == ESRCH ? "there is no process with this number" :
						  strerror(errno));
	copy = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
	err = errno;
	close(process);
	if (copy >= 0)
		return copy;
	if (err == EBADF)
		return e2ee_fail(ctx, err,
				 "process %d has no file descriptor %d: see /proc/%d/fd",
				 (int)pid, fd, (int)pid);
	if (err == EPERM)
		return e2ee_fail(ctx, err,
				 "process %d: not permitted: run as root, or with CAP_SYS_PTRACE",
				 (int)pid);
	return e2ee_fail(ctx, err, "process %d, file descriptor %d: %s",
			 (int)pid, fd, strerror(err));
}

int e2ee_socket_attach_pid(struct e2ee_ctx *ctx,
			   const struct e2ee_session *session, pid_t pid,
			   int fd, struct e2ee_socket *sock)
{
	int copy, ret;

	copy = fd_of_process(ctx, pid, fd);
	if (copy < 0)
		return copy;
	sock->has = E2EE_HAS(E2EE_A_SOCKET_FD);
	sock->fd = (uint32_t)copy;
	ret = e2ee_socket_attach(ctx, session, sock);
	close(copy);
	sock->has &= ~E2EE_HAS(E2EE_A_SOCKET_FD);
	sock->fd = 0;
	return ret;
}

int e2ee_socket_detach(struct e2ee_ctx *ctx, const struct e2ee_socket *sock,
		       bool force)
{
	return socket_do(ctx, E2EE_CMD_SOCKET_DETACH, NULL, sock, force, NULL);
}

int e2ee_socket_get(struct e2ee_ctx *ctx, struct e2ee_socket *sock)
{
	struct e2ee_socket answer = { .has = 0 };
	int ret;

	ret = socket_do(ctx, E2EE_CMD_SOCKET_GET, NULL, sock, false, &answer);
	if (!ret)
		*sock = answer;
	return ret;
}

struct socket_list {
	e2ee_socket_cb cb;
	void *arg;
};

static int socket_answer(const struct nlmsghdr *nlh, void *arg)
{
	const struct socket_list *list = arg;
	struct e2ee_socket sock = { .has = 0 };

	if (e2ee_unpack(nlh, &e2ee_socket_table, &sock))
		return 0;
	return list->cb(&sock, list->arg);
}

int e2ee_socket_list(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		     e2ee_socket_cb cb, void *arg)
{
	struct socket_list list = { .cb = cb, .arg = arg };

	return e2ee_list(ctx, E2EE_CMD_SOCKET_GET, session, socket_answer, &list);
}
