// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Less that a mistake could give away: no core dumps, no swap, few rights.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cap-ng.h>

#include "e2eed.h"

/* Below the unit's MemoryMax; stacks of threads and unused heaps count, too */
#define MEMORY_MAX	(96u << 20)

/*
 * Locking what is allocated later fails where memory may not be locked without
 * limit, and would then fail the allocation.
 */
static void memory_lock(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_info("memory is not locked (%s): keys may reach the swap; run as root, or with LimitMEMLOCK=infinity",
			 strerror(errno));
}

/*
 * What a broker makes the MQTT library allocate with the header of a message,
 * 256 MiB, has to fail: the service's MemoryMax would end it instead, again and
 * again. A sanitizer's own needs know no limit.
 */
static void memory_limit(void)
{
#ifndef __SANITIZE_ADDRESS__
	const struct rlimit limit = { MEMORY_MAX, MEMORY_MAX };

	if (setrlimit(RLIMIT_DATA, &limit))
		log_info("memory is not limited: %s", strerror(errno));
#endif
}

int harden_memory(bool debug_core)
{
	const struct rlimit none = { 0, 0 };

	memory_lock();
	memory_limit();
	if (debug_core) {
		log_warning("--debug-core: a core dump will hold this device's keys");
		return 0;
	}
	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none))
		return log_exit(EXIT_AGAIN, "cannot forbid core dumps: %s",
				strerror(errno));
	return 0;
}

/* All that is left is to talk to e2ee.ko. */
int harden_rights(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return log_exit(EXIT_AGAIN, "cannot set no_new_privs: %s",
				strerror(errno));
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
		return log_exit(EXIT_USELESS,
				"not permitted to set keys: run as root, or with CAP_NET_ADMIN");
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			 CAP_NET_ADMIN) ||
	    capng_apply(CAPNG_SELECT_CAPS))
		return log_exit(EXIT_AGAIN, "cannot drop capabilities: %s",
				strerror(errno));
	return 0;
}
