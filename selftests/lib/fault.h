/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults that the kernel injects where it allocates memory or copies from and
 * to a program: the nth of this thread from now on, or the one of any context
 * that follows a number of bytes.
 */
#ifndef E2EE_TEST_FAULT_H
#define E2EE_TEST_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* 0; -ENOENT where the kernel injects none */
int fault_open(void);

/*
 * The @nth allocation or copy of this thread from now on fails; those in
 * softirqs and in work items are not this thread's.
 */
void fault_begin(unsigned int nth);
/* Ends it. Did it fail? If not, there was no nth one. */
bool fault_end(void);
/* Ends it, too. How many more there would have to be; 0: it failed */
unsigned int fault_left(void);

/* The allocation from the slab that comes after @bytes, whoever makes it */
void fault_any_begin(size_t bytes);
bool fault_any_end(void);

/* Is this what a call may return that a fault had fail, or a call that worked? */
bool fault_fits(int err);

#endif /* E2EE_TEST_FAULT_H */
