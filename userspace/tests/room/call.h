/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A call of three devices, for tests of the messages that are refused in it.
 */
#ifndef TESTS_CALL_H
#define TESTS_CALL_H

#include "scenario.h"

/* The owner and the members; dave is known to all of them, and is not in the call */
extern struct node *owner, *one, *two, *dave;
/* Of no call and of no session */
extern const uint8_t another_id[E2EE_ID_LEN];

const uint8_t *ik_of(const struct node *node);
/* What @node knows of @other */
struct peer *peer_at(struct node *node, const struct node *other);
/* The three know each other, and each of them is an admin of the others */
void call_open(uint64_t seed);
/* The EPOCH that @node would make now */
struct e2ee_message *next_epoch(struct node *node, bool take_over);
/* @draft as a message of the room @room, with the signature of @signer */
struct e2ee_message *sealed(const struct e2ee_message *draft, const char *room,
			    const struct node *signer);

#endif /* TESTS_CALL_H */
