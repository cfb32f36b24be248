// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * All UDP sockets of the namespace, attached or not, by sock_diag.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netlink/msg.h>

#include "internal.h"

struct udp_list {
	e2ee_udp_cb cb;
	void *arg;
};

static void addr_read(struct e2ee_addr *addr, uint8_t family,
		      const void *bytes, uint16_t port)
{
	addr->len = family == AF_INET6 ? 16 : 4;
	memcpy(addr->addr, bytes, addr->len);
	addr->port = ntohs(port);
}

static int udp_answer(const struct nlmsghdr *nlh, void *arg)
{
	const struct inet_diag_msg *diag = nlmsg_data(nlh);
	const struct udp_list *list = arg;
	struct e2ee_udp udp = { .inode = 0 };

	if (nlmsg_datalen(nlh) < (int)sizeof(*diag))
		return 0;
	udp.inode = diag->idiag_inode;
	udp.uid = diag->idiag_uid;
	udp.cookie = (uint64_t)diag->id.idiag_cookie[1] << 32 |
		     diag->id.idiag_cookie[0];
	addr_read(&udp.local, diag->idiag_family, diag->id.idiag_src,
		  diag->id.idiag_sport);
	if (diag->id.idiag_dport)
		addr_read(&udp.remote, diag->idiag_family, diag->id.idiag_dst,
			  diag->id.idiag_dport);
	return list->cb(&udp, list->arg);
}

static int udp_family(struct e2ee_ctx *ctx, uint8_t family,
		      struct udp_list *list)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_UDP,
		.idiag_states = ~0U,
	};
	struct nl_msg *msg;

	msg = nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, 0);
	if (!msg || nlmsg_append(msg, &request, sizeof(request), 0)) {
		nlmsg_free(msg);
		return e2ee_fail(ctx, ENOMEM, "%s", strerror(ENOMEM));
	}
	return e2ee_dump(ctx, ctx->diag, msg, udp_answer, list);
}

int e2ee_udp_list(struct e2ee_ctx *ctx, e2ee_udp_cb cb, void *arg)
{
	struct udp_list list = { .cb = cb, .arg = arg };
	int ret;

	if (!ctx->diag) {
		ret = e2ee_connect(ctx, NETLINK_SOCK_DIAG, &ctx->diag);
		if (ret)
			return ret;
	}
	ret = udp_family(ctx, AF_INET, &list);
	if (!ret)
		ret = udp_family(ctx, AF_INET6, &list);
	return ret;
}
