/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place where a packet on an attached socket is counted.
 */
#ifndef E2EE_VERDICT_H
#define E2EE_VERDICT_H

#include "session.h"
#include "socket.h"
#include "stats.h"
#include "trace.h"

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

/**
 * e2ee_verdict() - count a packet, once
 * @socket: where
 * @session: whose policy decided
 * @stat: enum e2ee_stat, one of the verdicts
 * @packet: what is known of it
 *
 * Context: as e2ee_stats_verdict(), under rcu_read_lock() for @session.
 */
static inline void e2ee_verdict(struct e2ee_socket *socket,
				struct e2ee_session *session,
				enum e2ee_stat stat,
				const struct e2ee_packet *packet)
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
static inline void e2ee_note(struct e2ee_socket *socket,
			     struct e2ee_session *session, enum e2ee_stat stat)
{
	e2ee_stats_add(session->stats, stat, 1);
	if (socket)
		e2ee_stats_add(socket->stats, stat, 1);
}

#endif /* E2EE_VERDICT_H */
