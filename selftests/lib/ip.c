// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>

#include "ip.h"

uint32_t ip_sum(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)bytes[i] << (i & 1 ? 0 : 8);
	return sum;
}

uint16_t ip_folded(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~(sum + (sum >> 16)));
}

bool ip_is_right(const uint8_t *packet, size_t len)
{
	bool v4 = packet[0] >> 4 == 4;
	size_t headers = v4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	uint32_t all = ip_sum(IPPROTO_UDP + (uint32_t)(len - headers),
			      packet + (v4 ? 12 : 8), v4 ? 8 : 32);

	if (v4 && ip_folded(ip_sum(0, packet, headers)))
		return false;
	return !ip_folded(ip_sum(all, packet + headers, len - headers));
}
