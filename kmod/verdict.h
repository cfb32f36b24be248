/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place where a packet on an attached socket is counted.
 */
#ifndef E2EE_VERDICT_H
#define E2EE_VERDICT_H

#include <linux/tracepoint-defs.h>
#include <linux/e2ee.h>
#include "policy.h"

struct e2ee_packet;
struct e2ee_packet_name;
struct e2ee_session;
struct e2ee_socket;

DECLARE_TRACEPOINT(e2ee_hook);

/* any context, with a reference on the session or under rcu_read_lock() */
void e2ee_verdict(struct e2ee_socket *socket, struct e2ee_session *session,
		  enum e2ee_stat stat, const struct e2ee_packet_name *name);
void e2ee_verdict_tell(const struct e2ee_packet *packet, u32 dir, u32 event);
void e2ee_note(struct e2ee_socket *socket, struct e2ee_session *session,
	       enum e2ee_stat stat);
void __cold e2ee_hook_tell(u32 dir, bool enter);

/**
 * e2ee_verdict_report() - report what became of a packet, if it is to be reported
 * @packet: the packet
 * @dir: enum e2ee_dir
 * @rule: what became of it
 */
static inline void e2ee_verdict_report(const struct e2ee_packet *packet,
				       u32 dir, const struct e2ee_rule *rule)
{
	if (unlikely(rule->event))
		e2ee_verdict_tell(packet, dir, rule->event);
}

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
