/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets as two attackers make them: a peer that has the keys, and puts valid
 * tags over broken structure, and somebody on the way, who has none.
 */
#ifndef E2EE_FUZZ_FORGE_H
#define E2EE_FUZZ_FORGE_H

#include "dice.h"
#include "model.h"

/*
 * One packet for @target, of up to @room bytes, which are 700 at least; @out has
 * 512 more. It is of @wish bytes, if that is not 0 and can be. Returns its length.
 */
size_t forge_packet(struct dice *dice, struct target *target, uint8_t *out,
		    size_t room, size_t wish);

#endif /* E2EE_FUZZ_FORGE_H */
