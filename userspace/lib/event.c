// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Events, on a socket of their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include "internal.h"

/* Room for some thousand events while the reader is busy */
#define EVENT_BUFFER	(1 << 20)

int e2ee_event_subscribe(struct e2ee_ctx *ctx)
{
	int group, ret;

	if (ctx->events)
		return 0;
	group = genl_ctrl_resolve_grp(ctx->genl, E2EE_GENL_NAME,
				      E2EE_MCGRP_EVENTS);
	if (group < 0)
		return e2ee_unresolved(ctx);
	ret = e2ee_connect(ctx, NETLINK_GENERIC, &ctx->events);
	if (ret)
		return ret;
	nl_socket_set_nonblocking(ctx->events);
	nl_socket_set_buffer_size(ctx->events, EVENT_BUFFER, 0);
	if (setsockopt(nl_socket_get_fd(ctx->events), SOL_NETLINK,
		       NETLINK_ADD_MEMBERSHIP, &group, sizeof(group))) {
		ret = errno;
		nl_socket_free(ctx->events);
		ctx->events = NULL;
		return e2ee_fail(ctx, ret, "events: %s",
				 ret == EPERM ? "not permitted: run as root, or with CAP_NET_ADMIN" :
						strerror(ret));
	}
	return 0;
}

int e2ee_event_fd(const struct e2ee_ctx *ctx)
{
	return ctx->events ? nl_socket_get_fd(ctx->events) : -EBADF;
}

static int event_handle(struct e2ee_ctx *ctx, struct nlmsghdr *nlh,
			e2ee_event_cb cb, void *arg)
{
	struct e2ee_event_info event = { .has = 0 };

	if (nlh->nlmsg_type != ctx->family ||
	    e2ee_unpack(nlh, &e2ee_event_table, &event))
		return 0;
	return cb(&event, arg);
}

int e2ee_event_read(struct e2ee_ctx *ctx, e2ee_event_cb cb, void *arg)
{
	int ret = 0;

	if (!ctx->events)
		return e2ee_fail(ctx, EBADF, "events: not subscribed");
	while (!ret) {
		unsigned char *buffer = NULL;
		struct sockaddr_nl from;
		struct nlmsghdr *nlh;
		int len;

		errno = 0;
		len = nl_recv(ctx->events, &from, &buffer, NULL);
		if (len <= 0) {
			int err = errno;

			if (!err || err == EAGAIN)
				return 0;
			return e2ee_fail(ctx, err, "events: %s",
					 err == ENOBUFS ? "some were lost, they came too fast" :
							  strerror(err));
		}
		/* Only the kernel has port 0. */
		for (nlh = (struct nlmsghdr *)(void *)buffer;
		     !from.nl_pid && !ret && nlmsg_ok(nlh, len);
		     nlh = nlmsg_next(nlh, &len))
			ret = event_handle(ctx, nlh, cb, arg);
		free(buffer);
	}
	return ret;
}
