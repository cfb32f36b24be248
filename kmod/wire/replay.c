// SPDX-License-Identifier: GPL-2.0
/*
 * Replay window: a ring with one bit for each of the last CTRs.
 *
 * RFC 6479 keeps one word more than the window needs, so as to clear whole
 * words only. Here the gap is cleared bit by bit instead, which costs nothing
 * while packets come in order, and every CTR down to @next - @size is
 * answered exactly.
 */
#include "replay.h"

/* Mark @count CTRs from @first on as not seen. Writes each word once. */
static void e2ee_replay_clear(struct e2ee_replay *replay, u64 first, u64 count)
{
	unsigned int shift, n;
	unsigned long *word;
	u32 pos;

	if (count >= replay->size) {
		memset(replay->bits, 0, replay->size / 8);
		return;
	}

	while (count) {
		pos = (u32)first & (replay->size - 1);
		shift = pos % BITS_PER_LONG;
		n = BITS_PER_LONG - shift;
		if (n > count)
			n = (unsigned int)count;
		word = &replay->bits[pos / BITS_PER_LONG];
		/* e2ee_replay_check() may look on: no value in between */
		WRITE_ONCE(*word, *word & ~(~0UL >> (BITS_PER_LONG - n) <<
					    shift));
		first += n;
		count -= n;
	}
}

/**
 * e2ee_replay_bytes - memory that a window takes
 * @size: packets it reaches back, a power of two >= 64
 *
 * Return: bytes, the struct and its bits.
 */
size_t e2ee_replay_bytes(u32 size)
{
	return sizeof(struct e2ee_replay) + size / 8;
}

/**
 * e2ee_replay_init - make a fresh window
 * @replay: memory of e2ee_replay_bytes(@size) bytes, any content
 * @size: packets it reaches back, a power of two >= 64
 * @floor: lowest CTR to accept: all below count as seen
 * @next: highest CTR that any other window of the key accepted + 1; 0: none yet
 *
 * A window that is opened late, for another socket, starts where the key
 * stands. What lies more than @size below is too old for it from the start. The
 * windows of other sockets that are still there do not close this one, as each
 * socket receives on its own. What windows that are gone have seen is not known
 * any more: it lies below @floor.
 */
void e2ee_replay_init(struct e2ee_replay *replay, u32 size, u64 floor,
		      u64 next)
{
	replay->next = next > floor ? next : floor;
	replay->size = size;
	memset(replay->bits, 0xff, size / 8);
	e2ee_replay_clear(replay, floor, replay->next - floor);
}

/**
 * e2ee_replay_check - would this CTR be accepted?
 * @replay: the window
 * @ctr: of a packet that need not be authenticated yet
 *
 * Changes nothing: an attacker who makes up CTRs must not move the window. On
 * 64-bit machines it needs no lock: bits are cleared before @next says so, and
 * a bit that belongs to a later CTR already says "seen" where "too old" is true.
 *
 * Return: false for a CTR seen before, too old for the window, or 2^64 - 1.
 */
bool e2ee_replay_check(const struct e2ee_replay *replay, u64 ctr)
{
	u64 next = e2ee_load_acquire(&replay->next);
	u32 pos = (u32)ctr & (replay->size - 1);

	if (ctr >= next)
		return ctr != U64_MAX;
	if (next - ctr > replay->size)
		return false;
	return !(READ_ONCE(replay->bits[pos / BITS_PER_LONG]) >>
		 pos % BITS_PER_LONG & 1);
}

/**
 * e2ee_replay_accept - take the CTR of an authenticated packet
 * @replay: the window
 * @ctr: of a packet whose tag was right
 *
 * Asks again what e2ee_replay_check() answered: between the two, another
 * packet with the same CTR may have been authenticated.
 *
 * Return: whether the packet is to be delivered; if so @ctr is now seen, and
 * the window ends at the highest CTR seen. A jump ahead costs at most one pass
 * over the bits.
 */
bool e2ee_replay_accept(struct e2ee_replay *replay, u64 ctr)
{
	u32 pos = (u32)ctr & (replay->size - 1);
	unsigned long *word = &replay->bits[pos / BITS_PER_LONG];

	if (!e2ee_replay_check(replay, ctr))
		return false;

	if (ctr >= replay->next) {
		e2ee_replay_clear(replay, replay->next, ctr - replay->next);
		/* pairs with e2ee_replay_check() */
		e2ee_store_release(&replay->next, ctr + 1);
	}
	/* as in e2ee_replay_clear() */
	WRITE_ONCE(*word, *word | 1UL << pos % BITS_PER_LONG);
	return true;
}
