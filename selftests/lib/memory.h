/* SPDX-License-Identifier: GPL-2.0 */
/* How much memory the kernel has in use for itself. */
#ifndef E2EE_TEST_MEMORY_H
#define E2EE_TEST_MEMORY_H

/*
 * Bytes of the slab that are in use, at a moment of rest: caches first give back
 * what they only keep, KASAN's of freed objects included. Objects count, not the
 * pages that they are spread over. -1: not to be had.
 */
long long memory_at_rest(void);

#endif /* E2EE_TEST_MEMORY_H */
