/* SPDX-License-Identifier: GPL-2.0 */
/* A queue of netfilter: packets wait in it until the test lets them go on. */
#ifndef E2EE_TEST_QUEUE_H
#define E2EE_TEST_QUEUE_H

#include <stdint.h>

/* Queue 0 of the caller's network namespace; -errno */
int queue_open(void);

/* Wait for a packet and learn its number; 0 or -errno */
int queue_next(int queue, uint32_t *packet);

/* It goes on; 0 or -errno */
int queue_accept(int queue, uint32_t packet);

#endif /* E2EE_TEST_QUEUE_H */
