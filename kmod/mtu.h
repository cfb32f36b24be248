/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The MTU that an application sees.
 */
#ifndef E2EE_MTU_H
#define E2EE_MTU_H

#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/e2ee.h>

/**
 * e2ee_mtu_lower() - the MTU to tell an application, which leaves room for us
 * @mtu: of the path, bytes
 */
static inline u32 e2ee_mtu_lower(u32 mtu)
{
	return mtu - min_t(u32, mtu, E2EE_OVERHEAD_MAX);
}

#endif /* E2EE_MTU_H */
