/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether a datagram is RTCP to its last byte.
 */
#ifndef E2EE_RTCP_H
#define E2EE_RTCP_H

#include "pure.h"

bool e2ee_rtcp_is_whole(const u8 *data, size_t len);

#endif /* E2EE_RTCP_H */
