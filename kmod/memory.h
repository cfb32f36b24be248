/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that requests ask for. */

/**
 * DOC: memory of requests
 *
 * Generic netlink holds a lock of the whole host while it carries out a request,
 * and we hold the lock of the namespace. An allocation that may block would be
 * throttled there and then where the caller's memory cgroup is above memory.high,
 * and would reclaim where the cgroup is at memory.max, for as long as the caller
 * arranged for; all others would wait with it. So a request takes only memory
 * that is at hand. It is charged to the caller nevertheless, and the kernel makes
 * the caller pay for an excess on the way back to user mode, where no lock is
 * held. A request that gets no memory is undone and answered with -EAGAIN, and
 * its sender makes room and asks again.
 */
#ifndef E2EE_MEMORY_H
#define E2EE_MEMORY_H

#include <linux/gfp.h>

/* in a request, for what lives on after it */
#define E2EE_GFP_REQUEST	(GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN)

#endif /* E2EE_MEMORY_H */
