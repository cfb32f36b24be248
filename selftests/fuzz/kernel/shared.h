/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One pair of attached sockets that several workers are busy at, each on a CPU of
 * its own: what is sent on one of them comes in on the other, and so does what
 * others seal, or do not.
 *
 *	worker ---.                                  .--- worker
 *	           >-- engine ---- loopback --> peer <
 *	worker ---+                            |     '--- worker
 *	          '-- a socket each -----------'
 *
 * Order is nobody's, so the oracle is a weaker one: the verdicts add up to what was
 * sent, kind by kind; what is delivered is what was sent, to the byte, and comes
 * once; what must not be delivered is not.
 */
#ifndef E2EE_FUZZ_SHARED_H
#define E2EE_FUZZ_SHARED_H

#include "run.h"

/* For goals, see run.h */
enum shared_goal {
	SHARED_ENGINE,		/* sealed by the module, and opened by it */
	SHARED_SEALED,		/* opened */
	SHARED_TWICE,		/* the same bytes again, maybe on both CPUs at once */
	SHARED_FLIPPED,		/* refused */
	SHARED_CLEAR,		/* refused */
	SHARED_OTHER,		/* STUN: passes */
	SHARED_BOTH,		/* delivered to another worker than the sender */
	SHARED_GOALS
};

const char *shared_goal(unsigned int nth);
/* Before workers are; in a namespace of one's own. 0 or -errno */
int shared_begin(void);
/* Until run_over() */
void shared_work(struct run_worker *worker);
/* After the last of them; goals are counted from @goals_from on. */
void shared_end(struct run_worker *worker, unsigned int goals_from);

#endif /* E2EE_FUZZ_SHARED_H */
