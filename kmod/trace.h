/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints. They carry what names a packet, never bytes of a key.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM e2ee

#if !defined(E2EE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define E2EE_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>
#include <linux/e2ee.h>

TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_OK);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_OTHER);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_CLEAR);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_OFF);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_SRTP);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_MALFORMED);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_NO_KEY);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_KEY_EXPIRED);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_TOO_BIG);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_FAILED);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_BLOCKED);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_OK);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_OTHER);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_CLEAR);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_OFF);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_CLEAR_DROPPED);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_MALFORMED);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_NO_KEY);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_SSRC);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_KEY_EXPIRED);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_REPLAY);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_AUTH_FAIL);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_BUSY);
TRACE_DEFINE_ENUM(E2EE_A_STAT_RX_BLOCKED);
TRACE_DEFINE_ENUM(E2EE_A_STAT_TX_FRAG);
TRACE_DEFINE_ENUM(E2EE_A_STAT_GUARD_HELD);
TRACE_DEFINE_ENUM(E2EE_A_STAT_GUARD_DROP);

#define e2ee_trace_stat(stat)						\
	__print_symbolic(stat,						\
		{ E2EE_A_STAT_TX_OK, "tx_ok" },				\
		{ E2EE_A_STAT_TX_OTHER, "tx_other" },			\
		{ E2EE_A_STAT_TX_CLEAR, "tx_clear" },			\
		{ E2EE_A_STAT_TX_OFF, "tx_off" },			\
		{ E2EE_A_STAT_TX_SRTP, "tx_srtp" },			\
		{ E2EE_A_STAT_TX_MALFORMED, "tx_malformed" },		\
		{ E2EE_A_STAT_TX_NO_KEY, "tx_no_key" },			\
		{ E2EE_A_STAT_TX_KEY_EXPIRED, "tx_key_expired" },	\
		{ E2EE_A_STAT_TX_TOO_BIG, "tx_too_big" },		\
		{ E2EE_A_STAT_TX_FAILED, "tx_failed" },			\
		{ E2EE_A_STAT_TX_BLOCKED, "tx_blocked" },		\
		{ E2EE_A_STAT_RX_OK, "rx_ok" },				\
		{ E2EE_A_STAT_RX_OTHER, "rx_other" },			\
		{ E2EE_A_STAT_RX_CLEAR, "rx_clear" },			\
		{ E2EE_A_STAT_RX_OFF, "rx_off" },			\
		{ E2EE_A_STAT_RX_CLEAR_DROPPED, "rx_clear_dropped" },	\
		{ E2EE_A_STAT_RX_MALFORMED, "rx_malformed" },		\
		{ E2EE_A_STAT_RX_NO_KEY, "rx_no_key" },			\
		{ E2EE_A_STAT_RX_SSRC, "rx_ssrc" },			\
		{ E2EE_A_STAT_RX_KEY_EXPIRED, "rx_key_expired" },	\
		{ E2EE_A_STAT_RX_REPLAY, "rx_replay" },			\
		{ E2EE_A_STAT_RX_AUTH_FAIL, "rx_auth_fail" },		\
		{ E2EE_A_STAT_RX_BUSY, "rx_busy" },			\
		{ E2EE_A_STAT_RX_BLOCKED, "rx_blocked" },		\
		{ E2EE_A_STAT_TX_FRAG, "tx_frag" },			\
		{ E2EE_A_STAT_GUARD_HELD, "guard_held" },		\
		{ E2EE_A_STAT_GUARD_DROP, "guard_drop" })

/*
 * Every packet on an attached socket, once: what became of it. SSRC, KID and
 * CTR are 0 where the packet did not get that far.
 */
TRACE_EVENT(verdict,
	    TP_PROTO(u32 session, u64 socket, u32 stat, u32 ssrc, u64 kid,
		     u64 ctr, u32 len),
	    TP_ARGS(session, socket, stat, ssrc, kid, ctr, len),
	    TP_STRUCT__entry(__field(u64, socket)
			     __field(u64, kid)
			     __field(u64, ctr)
			     __field(u32, session)
			     __field(u32, stat)
			     __field(u32, ssrc)
			     __field(u32, len)
	    ),
	    TP_fast_assign(__entry->socket = socket;
			   __entry->kid = kid;
			   __entry->ctr = ctr;
			   __entry->session = session;
			   __entry->stat = stat;
			   __entry->ssrc = ssrc;
			   __entry->len = len;
	    ),
	    TP_printk("session=%u socket=%llu stat=%s ssrc=%u kid=%llu ctr=%llu len=%u",
		      __entry->session, __entry->socket,
		      e2ee_trace_stat(__entry->stat), __entry->ssrc,
		      __entry->kid, __entry->ctr, __entry->len)
);

/* A socket was to be attached to a session, by a guard or by request (0). */
TRACE_EVENT(attach,
	    TP_PROTO(u32 session, u64 socket, u32 guard, int err),
	    TP_ARGS(session, socket, guard, err),
	    TP_STRUCT__entry(__field(u64, socket)
			     __field(u32, session)
			     __field(u32, guard)
			     __field(int, err)
	    ),
	    TP_fast_assign(__entry->socket = socket;
			   __entry->session = session;
			   __entry->guard = guard;
			   __entry->err = err;
	    ),
	    TP_printk("session=%u socket=%llu guard=%u err=%d",
		      __entry->session, __entry->socket, __entry->guard,
		      __entry->err)
);

/*
 * Entering (true) and leaving our own part of a packet's way, both ways: what
 * lies between, without the protocol that we call, is what we cost. Exported,
 * so its name has our name in it.
 */
TRACE_EVENT(e2ee_hook,
	    TP_PROTO(u32 dir, bool enter),
	    TP_ARGS(dir, enter),
	    TP_STRUCT__entry(__field(u32, dir)
			     __field(bool, enter)
	    ),
	    TP_fast_assign(__entry->dir = dir;
			   __entry->enter = enter;
	    ),
	    TP_printk("dir=%s %s", __entry->dir == E2EE_DIR_RX ? "rx" : "tx",
		      __entry->enter ? "enter" : "leave")
);

#endif /* E2EE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
