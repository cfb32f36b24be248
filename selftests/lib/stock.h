/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One of everything that the module has: what requests are about.
 */
#ifndef E2EE_TEST_STOCK_H
#define E2EE_TEST_STOCK_H

#include "netlink.h"
#include "scene.h"

#define STOCK_TX_KID	7	/* and its SSRC */
#define STOCK_RX_KID	8
#define STOCK_PORT	50000	/* of the guard, which meets no socket of ours */

struct stock {
	struct scene scene;	/* its session: "scene" */
	struct nl nl;
	struct sframe_key tx;
	struct sframe_key rx;
	uint64_t socket;	/* the scene's */
	uint32_t guard;
	uint32_t other;		/* a second session: "other" */
};

/* 0 or -errno; -ENOENT where the module is not loaded */
int stock_open(struct stock *stock);
void stock_close(struct stock *stock);

#endif /* E2EE_TEST_STOCK_H */
