// SPDX-License-Identifier: LGPL-2.1-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define PIECES_MAX	16384
#define PIECE		8		/* what freeing overwrites is not all of it */
#define MASK		0x5a
#define RANGES_MAX	512

static struct {
	unsigned int kind;
	uint8_t masked[PIECE];
} pieces[PIECES_MAX];
static size_t piece_count;
static uint8_t first[65536];		/* some piece begins like this */

void memory_remember(unsigned int kind, const uint8_t *secret, size_t len)
{
	for (size_t at = 0; at < len; at += PIECE) {
		if (piece_count == PIECES_MAX || kind >= MEMORY_KINDS)
			abort();
		pieces[piece_count].kind = kind;
		for (unsigned int i = 0; i < PIECE; i++)
			pieces[piece_count].masked[i] = secret[at + i] ^ MASK;
		piece_count++;
	}
}

size_t memory_pieces(void)
{
	return piece_count;
}

static void search_range(const uint8_t *from, const uint8_t *to,
			 unsigned int found[MEMORY_KINDS])
{
	for (; from + PIECE <= to; from++) {
		uint16_t begin = (uint16_t)(from[0] << 8 | from[1]);

		if (!first[begin])
			continue;
		for (size_t p = 0; p < piece_count; p++) {
			unsigned int i = 0;

			while (i < PIECE &&
			       (from[i] ^ MASK) == pieces[p].masked[i])
				i++;
			found[pieces[p].kind] += i == PIECE;
		}
	}
}

size_t memory_search(unsigned int found[MEMORY_KINDS])
{
	uintptr_t ranges[RANGES_MAX][2];
	size_t count = 0, bytes = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");

	memset(found, 0, MEMORY_KINDS * sizeof(*found));
	memset(first, 0, sizeof(first));
	for (size_t p = 0; p < piece_count; p++)
		first[(pieces[p].masked[0] ^ MASK) << 8 |
		      (pieces[p].masked[1] ^ MASK)] = 1;
	while (maps && fgets(line, sizeof(line), maps)) {
		char mode[8];

		if (count == RANGES_MAX)
			abort();
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s",
			   &ranges[count][0], &ranges[count][1], mode) == 3 &&
		    mode[0] == 'r' && mode[1] == 'w')
			count++;
	}
	if (maps)
		fclose(maps);
	for (size_t i = 0; i < count; i++) {
		search_range((const uint8_t *)ranges[i][0],
			     (const uint8_t *)ranges[i][1], found);
		bytes += ranges[i][1] - ranges[i][0];
	}
	return bytes;
}
