// SPDX-License-Identifier: GPL-2.0
/*
 * Counting packets, and telling of them. Out of line, as each stands in many
 * places on a packet's way, and what a tracepoint expands to is long.
 */
#include "verdict.h"
#include "trace.h"

/**
 * e2ee_verdict() - count a packet, once
 * @socket: where
 * @session: whose policy decided
 * @stat: enum e2ee_stat, one of the verdicts
 * @packet: what is known of it
 *
 * Context: as e2ee_stats_verdict(), with a reference on @session or under
 * rcu_read_lock().
 */
void e2ee_verdict(struct e2ee_socket *socket, struct e2ee_session *session,
		  enum e2ee_stat stat, const struct e2ee_packet *packet)
{
	e2ee_stats_verdict(session->stats, socket->stats, stat);
	trace_verdict(session->id, socket->id, stat, packet->ssrc,
		      packet->kid, packet->ctr, packet->len);
}

/**
 * e2ee_note() - count something beside the verdict of a packet
 * @socket: where; may be NULL
 * @session: whose
 * @stat: enum e2ee_stat, one of the notes
 */
void e2ee_note(struct e2ee_socket *socket, struct e2ee_session *session,
	       enum e2ee_stat stat)
{
	e2ee_stats_add(session->stats, stat, 1);
	if (socket)
		e2ee_stats_add(socket->stats, stat, 1);
}

/**
 * e2ee_hook_tell() - e2ee_hook() where somebody listens
 * @dir: enum e2ee_dir
 * @enter: entering or leaving
 */
void e2ee_hook_tell(u32 dir, bool enter)
{
	trace_e2ee_hook(dir, enter);
}
