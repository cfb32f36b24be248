/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clear media that waits to be read when a socket comes under the policy required
 * is not read any more.
 */
#ifndef E2EE_PURGE_H
#define E2EE_PURGE_H

#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/sock.h>

struct e2ee_socket;

extern u32 e2ee_purge_opened;

/*
 * What we opened is told from what came in clear, while both wait to be read, by
 * a number in the control block: behind what the stack writes there, before what
 * the socket does. Its complement says that we let the packet pass as it was, so
 * that it has its verdict.
 */
#define E2EE_PURGE_MARK	(SOCK_SKB_CB_OFFSET - sizeof(u32))

/**
 * e2ee_purge_mark() - say that a packet that is delivered has its verdict
 * @skb: the packet
 * @opened: it is authenticated, and stays whatever comes
 */
static inline void e2ee_purge_mark(struct sk_buff *skb, bool opened)
{
	*(u32 *)(skb->cb + E2EE_PURGE_MARK) = opened ? e2ee_purge_opened :
						       ~e2ee_purge_opened;
}

/* process context */
void e2ee_purge(struct e2ee_socket *socket);

/* init and exit */
int e2ee_purge_init(void);
void e2ee_purge_exit(void);

#endif /* E2EE_PURGE_H */
