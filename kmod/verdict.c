// SPDX-License-Identifier: GPL-2.0
/*
 * Counting packets, and telling of them. Out of line, as each stands in many
 * places on a packet's way, and what a tracepoint expands to is long.
 */
#include "event.h"
#include "net.h"
#include "packet.h"
#include "session.h"
#include "socket.h"
#include "stats.h"
#include "trace.h"
#include "verdict.h"

/**
 * e2ee_verdict() - count a packet, once
 * @socket: where; NULL: at a socket that is not attached yet
 * @session: whose policy decided
 * @stat: enum e2ee_stat, one of the verdicts
 * @name: what is known of the packet
 *
 * Context: as e2ee_stats_verdict(), with a reference on @session or under
 * rcu_read_lock().
 */
void e2ee_verdict(struct e2ee_socket *socket, struct e2ee_session *session,
		  enum e2ee_stat stat, const struct e2ee_packet_name *name)
{
	e2ee_stats_verdict(session->stats, socket ? socket->stats : NULL, stat);
	trace_verdict(session->id, socket ? socket->id : 0, stat, name->ssrc,
		      name->kid, name->ctr, name->len);
}

/**
 * e2ee_verdict_tell() - report what became of a packet
 * @packet: the packet
 * @dir: enum e2ee_dir
 * @event: enum e2ee_event
 *
 * Context: as e2ee_event_send().
 */
void e2ee_verdict_tell(const struct e2ee_packet *packet, u32 dir, u32 event)
{
	struct e2ee_session *session = packet->session;
	struct e2ee_event_msg msg = {
		.type = event,
		.given = E2EE_EVENT_HAS_DIR,
		.dir = dir,
		.kid = packet->name.kid,
		.ssrc = packet->name.ssrc,
		.epoch = packet->epoch,
	};

	if (event == E2EE_EVENT_AUTH_BURST) {
		e2ee_event_auth_fail(session, packet->name.kid);
		return;
	}
	if (packet->socket) {
		msg.given |= E2EE_EVENT_HAS_SOCKET;
		msg.socket = packet->socket->id;
	}
	if (event == E2EE_EVENT_KEY_MISSING)
		msg.given |= E2EE_EVENT_HAS_SSRC | (dir == E2EE_DIR_TX ?
			     E2EE_EVENT_HAS_EPOCH : E2EE_EVENT_HAS_KID);
	e2ee_event_send(session->enet, session, &msg);
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
