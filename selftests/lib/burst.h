/* SPDX-License-Identifier: GPL-2.0 */
/* Requests that go to the kernel in one send(), and are carried out in it. */
#ifndef E2EE_TEST_BURST_H
#define E2EE_TEST_BURST_H

#include <stdint.h>

#include "netlink.h"

struct burst {
	size_t len;
	unsigned int num;
	int64_t ms;		/* that its last send() took */
	long waits;		/* how often that send() waited for something */
	uint8_t data[NL_ROOM];
};

/* Append a request; frees @msg. */
void burst_add(struct burst *burst, struct nl_msg *msg);
/* 0 or -errno */
int burst_send(const struct nl *nl, struct burst *burst);
/* How many of the answers are @err */
unsigned int burst_answers(const struct nl *nl, const struct burst *burst,
			   int err);

#endif /* E2EE_TEST_BURST_H */
