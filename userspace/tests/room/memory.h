/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is a secret still in the memory of this process? Every page that can be
 * written is searched for pieces of it, as who holds a core dump could.
 */
#ifndef TESTS_MEMORY_H
#define TESTS_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define MEMORY_KINDS	8

/* Keeps @len bytes, a multiple of 8, under a mask: they are not found here */
void memory_remember(unsigned int kind, const uint8_t *secret, size_t len);
/* How many pieces of each kind there are; returns how many bytes it looked at */
size_t memory_search(unsigned int found[MEMORY_KINDS]);
/* How many pieces are remembered */
size_t memory_pieces(void);

#endif /* TESTS_MEMORY_H */
