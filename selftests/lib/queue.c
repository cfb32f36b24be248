// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include "queue.h"
#include "sock.h"

#define QUEUE_TYPE(type)	((NFNL_SUBSYS_QUEUE << 8) | (type))

struct message {
	struct nlmsghdr nlh;
	struct nfgenmsg gen;
	struct nlattr attr;
	uint8_t data[16];
};

static int tell(int queue, uint16_t type, uint16_t attr, const void *data,
		size_t len)
{
	struct message message = {
		.nlh = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST },
		.gen.version = NFNETLINK_V0,
		.attr = {
			.nla_len = (uint16_t)(NLA_HDRLEN + len),
			.nla_type = attr,
		},
	};

	memcpy(message.data, data, len);
	message.nlh.nlmsg_len = (uint32_t)(NLMSG_SPACE(sizeof(message.gen)) +
					   NLA_ALIGN(NLA_HDRLEN + len));
	return send(queue, &message, message.nlh.nlmsg_len, 0) < 0 ? -errno : 0;
}

int queue_open(void)
{
	const struct nfqnl_msg_config_params params = {
		.copy_mode = NFQNL_COPY_META,
	};
	const struct nfqnl_msg_config_cmd bind = {
		.command = NFQNL_CFG_CMD_BIND,
	};
	int err, queue;

	queue = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (queue < 0)
		return -errno;
	err = tell(queue, QUEUE_TYPE(NFQNL_MSG_CONFIG), NFQA_CFG_CMD, &bind,
		   sizeof(bind));
	if (!err)
		err = tell(queue, QUEUE_TYPE(NFQNL_MSG_CONFIG),
			   NFQA_CFG_PARAMS, &params, sizeof(params));
	if (!err)
		return queue;
	close(queue);
	return err;
}

int queue_next(int queue, uint32_t *packet)
{
	struct nfqnl_msg_packet_hdr header;
	uint8_t answer[4096] __attribute__((aligned(4)));
	const struct nlmsghdr *nlh = (const void *)answer;
	const struct nlattr *attr;
	size_t at;
	int n;

	n = sock_recv(queue, answer, sizeof(answer));
	if (n < 0)
		return n;
	if (nlh->nlmsg_type != QUEUE_TYPE(NFQNL_MSG_PACKET))
		return -EBADMSG;
	at = NLMSG_SPACE(sizeof(struct nfgenmsg));
	for (; at < (size_t)n; at += NLA_ALIGN(attr->nla_len)) {
		attr = (const void *)(answer + at);
		if (attr->nla_type != NFQA_PACKET_HDR)
			continue;
		memcpy(&header, attr + 1, sizeof(header));
		*packet = ntohl(header.packet_id);
		return 0;
	}
	return -EBADMSG;
}

int queue_accept(int queue, uint32_t packet)
{
	const struct nfqnl_msg_verdict_hdr verdict = {
		.verdict = htonl(NF_ACCEPT), .id = htonl(packet),
	};

	return tell(queue, QUEUE_TYPE(NFQNL_MSG_VERDICT), NFQA_VERDICT_HDR,
		    &verdict, sizeof(verdict));
}
