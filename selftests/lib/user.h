/* SPDX-License-Identifier: GPL-2.0 */
/* An ordinary user of the host, and processes that become one. */
#ifndef E2EE_TEST_USER_H
#define E2EE_TEST_USER_H

#include <stdint.h>

/*
 * The calling process becomes "nobody", who is root of a user namespace and of a
 * network namespace of his own: 0 or -errno
 */
int user_become(void);

/*
 * The calling process, root, goes into a user namespace of its own, where it is root
 * and root's files are its own still: 0 or -errno
 */
int user_namespace(void);

/* Runs @run in a child. 0: it returned 0 */
int user_child(int (*run)(void *arg), void *arg);

/* Says what went wrong in a child. The result is what the child returns. */
int user_wrong(const char *what, int64_t value);

#endif /* E2EE_TEST_USER_H */
