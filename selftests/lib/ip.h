/* SPDX-License-Identifier: GPL-2.0 */
/* Checksums of IP and UDP, computed apart from the kernel. */
#ifndef E2EE_TEST_IP_H
#define E2EE_TEST_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Add the bytes to a sum, which begins with 0; then make it a checksum. */
uint32_t ip_sum(uint32_t sum, const void *data, size_t len);
uint16_t ip_folded(uint32_t sum);

/*
 * Are all checksums of a UDP packet right? They must be complete, as on a wire. Its
 * header has no options.
 */
bool ip_is_right(const uint8_t *packet, size_t len);

#endif /* E2EE_TEST_IP_H */
