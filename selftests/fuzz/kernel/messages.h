/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netlink messages by structure: what the table of commands knows is put
 * together, mostly right, and then one thing or another is broken.
 */
#ifndef E2EE_FUZZ_MESSAGES_H
#define E2EE_FUZZ_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "dice.h"

#define MESSAGE_ROOM	16384
#define MESSAGE_POOL	16
/*
 * The pool's descriptors, from this one on: replaced, never closed. A number that
 * somebody still holds never comes to mean another's netlink socket.
 */
#define MESSAGE_FDS	512
#define MESSAGE_SECRET	"\xe2\xee" "secret" "\x5e\xc2"	/* in each key */

/* What messages are about; all threads read and write it, as it comes */
struct pool {
	uint32_t sessions[MESSAGE_POOL];	/* ids */
	uint64_t sockets[MESSAGE_POOL];
	uint32_t guards[MESSAGE_POOL];
	uint16_t ports[MESSAGE_POOL];
	struct pool_key {
		uint32_t session;
		uint32_t dir;		/* 0: none is known */
		uint64_t kid;
		uint32_t ssrc;
		uint32_t mode;
	} keys[MESSAGE_POOL];
};

/* A message to @family, at @out. Returns its length, a multiple of four. */
size_t message_forge(struct dice *dice, struct pool *pool, uint16_t family,
		     uint32_t seq, uint8_t *out);
/* Learn ids from what the kernel says; false where it is no whole message */
bool message_harvest(struct dice *dice, struct pool *pool, uint16_t family,
		     const void *data, size_t len);

#endif /* E2EE_FUZZ_MESSAGES_H */
