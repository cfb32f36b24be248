/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's drivers of AES-GCM. */
#ifndef E2EE_TEST_DRIVER_H
#define E2EE_TEST_DRIVER_H

#include <linux/e2ee.h>

#define DRIVER_ROOM	(E2EE_CRYPTO_NAME_MAX + 1)

/*
 * The name of one that answers later, for struct ctl_session.crypto. 0 or
 * -ENOENT. In a namespace of its own: it makes sessions.
 */
int driver_find_async(char name[DRIVER_ROOM]);

#endif /* E2EE_TEST_DRIVER_H */
