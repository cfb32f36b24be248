/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The beginning and the end of what a network namespace holds.
 */
#ifndef E2EE_NAMESPACE_H
#define E2EE_NAMESPACE_H

/* init and exit */
int e2ee_namespace_init(void);
void e2ee_namespace_exit(void);

#endif /* E2EE_NAMESPACE_H */
