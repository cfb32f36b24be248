// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guards that do not protect yet, and guards that serve more than they should.
 */
#include "doctor.h"

void check_guards(struct doctor *doctor)
{
	const uint64_t narrow = E2EE_HAS(E2EE_A_GUARD_UID) |
				E2EE_HAS(E2EE_A_GUARD_CGROUP);
	size_t i;

	for (i = 0; i < doctor->guard_count; i++) {
		const struct e2ee_guard *guard = &doctor->guards[i];

		if (!(guard->has & narrow))
			finding(doctor, LEVEL_WARN, "guard",
				"add a guard with uid or cgroup, then del-guard",
				"guard %u: it serves any user of this host who takes one of its ports",
				guard->id);
	}
}
