/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replay window over the CTR of one key at one receiver (RFC 9605, section
 * 9.3; RFC 3711, section 3.3.2).
 */
#ifndef E2EE_REPLAY_H
#define E2EE_REPLAY_H

#include "pure.h"

/**
 * struct e2ee_replay - a window
 * @next: highest CTR accepted + 1; 0: none yet (a CTR of 2^64 - 1 is never
 *	accepted, so that this cannot wrap)
 * @size: how far below @next a CTR may lie, packets; a power of two >= 64
 * @bits: one a CTR, a ring of @size bits: bit CTR mod @size says "seen", for
 *	the CTRs from @next - @size up to @next - 1
 *
 * The caller serialises all calls on one window but e2ee_replay_check(), and
 * that one too on 32-bit machines.
 */
struct e2ee_replay {
	u64 next;
	u32 size;
	unsigned long bits[];
};

size_t e2ee_replay_bytes(u32 size);
void e2ee_replay_init(struct e2ee_replay *replay, u32 size, u64 floor,
		      u64 next);
bool e2ee_replay_check(const struct e2ee_replay *replay, u64 ctr);
bool e2ee_replay_accept(struct e2ee_replay *replay, u64 ctr);

/**
 * e2ee_replay_accept_next - take the CTR that is due, if it is this one
 * @replay: the window
 * @ctr: of a packet whose tag was right
 *
 * The short way for packets in order, which is most of them: there is no gap to
 * clear. Else e2ee_replay_accept() has to be asked.
 *
 * Return: whether it was due; then it is now seen.
 */
static inline bool e2ee_replay_accept_next(struct e2ee_replay *replay, u64 ctr)
{
	u32 pos = (u32)ctr & (replay->size - 1);
	unsigned long *word = &replay->bits[pos / BITS_PER_LONG];

	if (ctr != replay->next || ctr == U64_MAX)
		return false;
	/* as in e2ee_replay_clear() */
	WRITE_ONCE(*word, *word | 1UL << pos % BITS_PER_LONG);
	/* pairs with e2ee_replay_check() */
	e2ee_store_release(&replay->next, ctr + 1);
	return true;
}

#endif /* E2EE_REPLAY_H */
