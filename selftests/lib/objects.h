/* SPDX-License-Identifier: GPL-2.0 */
/* The module's own audit of what it created and destroyed, in debugfs. */
#ifndef E2EE_TEST_OBJECTS_H
#define E2EE_TEST_OBJECTS_H

#include <stdbool.h>

/* How many of "session", "key", "socket"... there are; -1 without an audit. */
long objects_alive(const char *name);

/* Wait until there are @wanted: the last reference may go with RCU. */
bool objects_come_to(const char *name, long wanted);

/* Wait until there is none of any, before a test that counts them. */
bool objects_all_gone(void);

#endif /* E2EE_TEST_OBJECTS_H */
