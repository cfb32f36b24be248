/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sealing and opening of a packet, with SFrame (RFC 9605).
 */
#ifndef E2EE_SEAL_H
#define E2EE_SEAL_H

#include "policy.h"

struct e2ee_packet;

/* any context but hard interrupt, under rcu_read_lock() */
enum e2ee_finding e2ee_seal(struct e2ee_packet *packet);
enum e2ee_finding e2ee_open(struct e2ee_packet *packet);

#endif /* E2EE_SEAL_H */
