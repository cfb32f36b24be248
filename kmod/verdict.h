/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place where a packet on an attached socket is counted.
 */
#ifndef E2EE_VERDICT_H
#define E2EE_VERDICT_H

#include <linux/tracepoint-defs.h>
#include "session.h"
#include "socket.h"
#include "stats.h"

DECLARE_TRACEPOINT(e2ee_hook);

/**
 * struct e2ee_packet - what names a packet, for its verdict
 * @ssrc: from its RTP header, else 0
 * @kid: from its SFrame header, else 0
 * @ctr: from its SFrame header, else 0
 * @len: datagram as it came to us, bytes
 */
struct e2ee_packet {
	u32 ssrc;
	u64 kid;
	u64 ctr;
	u32 len;
};

/* any context, with a reference on the session or under rcu_read_lock() */
void e2ee_verdict(struct e2ee_socket *socket, struct e2ee_session *session,
		  enum e2ee_stat stat, const struct e2ee_packet *packet);
void e2ee_note(struct e2ee_socket *socket, struct e2ee_session *session,
	       enum e2ee_stat stat);
void __cold e2ee_hook_tell(u32 dir, bool enter);

/**
 * e2ee_hook() - a packet enters or leaves our own part of its way
 * @dir: enum e2ee_dir
 * @enter: entering or leaving
 */
static inline void e2ee_hook(u32 dir, bool enter)
{
	if (tracepoint_enabled(e2ee_hook))
		e2ee_hook_tell(dir, enter);
}

#endif /* E2EE_VERDICT_H */
