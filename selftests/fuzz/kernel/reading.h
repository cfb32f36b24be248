/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a datagram on a media port is, read from the RFCs once more: what the
 * module's parsers say is held against this.
 */
#ifndef E2EE_FUZZ_READING_H
#define E2EE_FUZZ_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reading_kind {
	READING_OTHER,		/* passes: nothing in it, or another protocol */
	READING_MEDIA,
	READING_BROKEN,		/* could hide anything */
};

struct reading {
	bool channel;		/* in TURN ChannelData */
	uint8_t pt;
	uint32_t ssrc;
	size_t payload;		/* where it begins, in the datagram */
	size_t len;		/* of the payload, without padding */
	size_t behind;		/* padding of RTP and of ChannelData */
};

/* Fills @reading for media and for RTP without payload. */
enum reading_kind reading_of(const uint8_t *data, size_t len,
			     struct reading *reading);

/* A SFrame header, RFC 9605, section 4.3: its length, 0 if it is none. */
size_t reading_sframe(const uint8_t *data, size_t len, uint64_t *kid,
		      uint64_t *ctr);

#endif /* E2EE_FUZZ_READING_H */
