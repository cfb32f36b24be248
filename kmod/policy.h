/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of a packet: two tables of finding and policy.
 */
#ifndef E2EE_POLICY_H
#define E2EE_POLICY_H

#include <linux/e2ee.h>
#include "wire/pure.h"

/**
 * enum e2ee_finding - what a packet was found to be
 * @E2EE_FOUND_OTHER: not media: STUN, DTLS, ZRTP, RTCP, RTP without payload
 * @E2EE_FOUND_SRTP: a DTLS hello that offers SRTP: the engine protects its packets
 *	itself
 * @E2EE_FOUND_MALFORMED: neither of these, and no RTP that parses
 * @E2EE_FOUND_CLEAR: received: media without a seal
 * @E2EE_FOUND_MEDIA: media that was sealed, or opened
 * @E2EE_FOUND_NO_KEY: media for which there is no key
 * @E2EE_FOUND_SSRC: received: the key belongs to another SSRC
 * @E2EE_FOUND_EXPIRED: the key is past its lifetime or its limit
 * @E2EE_FOUND_TOO_BIG: sent: the sealed datagram would not fit
 * @E2EE_FOUND_REPLAY: received: a counter that was there before
 * @E2EE_FOUND_FORGED: received: the tag is wrong
 * @E2EE_FOUND_FAILED: the cipher reported an error
 * @E2EE_FOUND_UNSEEN: there was no memory to look at the packet
 * @E2EE_FOUND_NUM: rows of each table
 * @E2EE_FOUND_LATER: not decided yet: the cipher of its key may sleep
 */
enum e2ee_finding {
	E2EE_FOUND_OTHER,
	E2EE_FOUND_SRTP,
	E2EE_FOUND_MALFORMED,
	E2EE_FOUND_CLEAR,
	E2EE_FOUND_MEDIA,
	E2EE_FOUND_NO_KEY,
	E2EE_FOUND_SSRC,
	E2EE_FOUND_EXPIRED,
	E2EE_FOUND_TOO_BIG,
	E2EE_FOUND_REPLAY,
	E2EE_FOUND_FORGED,
	E2EE_FOUND_FAILED,
	E2EE_FOUND_UNSEEN,
	E2EE_FOUND_NUM,
	E2EE_FOUND_LATER = E2EE_FOUND_NUM,
};

#define E2EE_POLICY_NUM	(E2EE_POLICY_BLOCKED + 1)

/**
 * struct e2ee_rule - what a policy makes of a finding
 * @verdict: enum e2ee_stat that the packet is counted under
 * @event: enum e2ee_event to report; 0: none
 * @err: 0: the packet goes on; else it is dropped, and this is why: a negative
 *	errno, which the sender is told under the session's flag tx-errors
 * @told: the sender is told without that flag, too
 */
struct e2ee_rule {
	u8 verdict;
	u8 event;
	s16 err;
	bool told;
};

extern const struct e2ee_rule
e2ee_policy_tx[E2EE_FOUND_NUM][E2EE_POLICY_NUM];
extern const struct e2ee_rule
e2ee_policy_rx[E2EE_FOUND_NUM][E2EE_POLICY_NUM];

#endif /* E2EE_POLICY_H */
