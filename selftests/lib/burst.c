// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "burst.h"
#include "sock.h"
#include "waits.h"

void burst_add(struct burst *burst, struct nl_msg *msg)
{
	struct nlmsghdr *n = (struct nlmsghdr *)msg->data;

	n->nlmsg_len = (uint32_t)msg->len;
	n->nlmsg_seq = ++burst->num;
	memcpy(burst->data + burst->len, msg->data, msg->len);
	burst->len += NLMSG_ALIGN(msg->len);
	free(msg);
}

int burst_send(const struct nl *nl, struct burst *burst)
{
	int64_t start = now_ms();
	long waits = waits_count();

	if (send(nl->fd, burst->data, burst->len, 0) != (ssize_t)burst->len)
		return -errno;
	burst->waits = waits_count() - waits;
	burst->ms = now_ms() - start;
	return 0;
}

unsigned int burst_answers(const struct nl *nl, const struct burst *burst,
			   int err)
{
	static uint8_t buf[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned int answers = 0, found = 0;
	struct nlmsghdr *n;
	ssize_t len;

	while (answers < burst->num) {
		len = recv(nl->fd, buf, sizeof(buf), 0);
		if (len < 0)
			break;
		for (n = (void *)buf; NLMSG_OK(n, (size_t)len);
		     n = NLMSG_NEXT(n, len)) {
			const struct nlmsgerr *answer = NLMSG_DATA(n);

			if (n->nlmsg_type != NLMSG_ERROR)
				continue;
			answers++;
			found += answer->error == err;
		}
	}
	return found;
}
