/* SPDX-License-Identifier: GPL-2.0 */
/* Ethernet, IP and UDP headers, for packets that no socket sends. */
#ifndef E2EE_FUZZ_WIRE_H
#define E2EE_FUZZ_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_HEADERS	(14 + 40 + 8 + 8)	/* at most: IPv6, fragment, UDP */

struct wire_path {
	bool ipv6;
	uint8_t net;		/* 10.NET.0.1 and fdNET::1; from ...2 */
	uint8_t mac[6];		/* of the receiver */
	uint16_t port;
	enum {
		WIRE_CHECKSUM_NONE,	/* IPv4 only */
		WIRE_CHECKSUM,
		WIRE_CHECKSUM_PARTIAL,	/* of the pseudo header; device adds */
	} checksum;
};

/* Writes UDP header and payload. Returns their length. */
size_t wire_udp(const struct wire_path *path, uint8_t *out,
		const uint8_t *payload, size_t len);
/*
 * Headers before @len bytes that lie at @offset of datagram @id; @more follow.
 * @id 0: not a fragment. Returns their length.
 */
size_t wire_ip(const struct wire_path *path, uint8_t *out, size_t len,
	       uint32_t id, size_t offset, bool more);

#endif /* E2EE_FUZZ_WIRE_H */
