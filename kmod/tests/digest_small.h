/* SPDX-License-Identifier: GPL-2.0 */
/* Memories of sending and of receiving keys that a suite fills in a moment */
#ifndef E2EE_TESTS_DIGEST_SMALL_H
#define E2EE_TESTS_DIGEST_SMALL_H

#include <linux/e2ee.h>

#undef E2EE_DIGESTS_MAX
#define E2EE_DIGESTS_MAX	4096
#undef E2EE_DIGESTS_PER_SHARE
#define E2EE_DIGESTS_PER_SHARE	256
#undef E2EE_FLOORS_HOST
#define E2EE_FLOORS_HOST	64
#undef E2EE_FLOORS_PER_POOL
#define E2EE_FLOORS_PER_POOL	16

#endif /* E2EE_TESTS_DIGEST_SMALL_H */
