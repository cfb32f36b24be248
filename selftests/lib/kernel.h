/* SPDX-License-Identifier: GPL-2.0 */
/* Which kernel the tests run on. */
#ifndef E2EE_TEST_KERNEL_H
#define E2EE_TEST_KERNEL_H

#include <stdbool.h>

/* Is its version below this one? */
bool kernel_before(unsigned int major, unsigned int minor);

/* Is it the lab's user-mode Linux? */
bool kernel_is_uml(void);

#endif /* E2EE_TEST_KERNEL_H */
