/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffers for packets on their way out.
 */
#ifndef E2EE_BUFFER_H
#define E2EE_BUFFER_H

#include <linux/types.h>

#define E2EE_BUFFER_LEN		2048	/* what an Ethernet packet fits into */

/* process context, may sleep if gfp allows it */
void *e2ee_buffer_get(size_t len, gfp_t gfp);
void e2ee_buffer_put(void *buffer, size_t len);

/* init and exit */
int e2ee_buffer_init(void);
void e2ee_buffer_exit(void);

#endif /* E2EE_BUFFER_H */
