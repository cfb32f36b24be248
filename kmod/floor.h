/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of receiving keys: how far each had come when it was deleted, so that
 * a key that is installed again is no way to replay.
 */
#ifndef E2EE_FLOOR_H
#define E2EE_FLOOR_H

#include <linux/types.h>

struct e2ee_floor;
struct user_namespace;

/* process context */
struct e2ee_floor *e2ee_floor_get(u64 digest,
				  const struct user_namespace *user_ns,
				  u64 *next);
void e2ee_floor_put(struct e2ee_floor *floor, u64 next);
u32 e2ee_floor_count(const struct user_namespace *user_ns, u32 *max,
		     u64 *lost);

/* init and exit */
int e2ee_floor_init(void);
void e2ee_floor_exit(void);

#endif /* E2EE_FLOOR_H */
