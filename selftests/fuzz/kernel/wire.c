// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "wire.h"

#define PORT_FROM	40000

static void put16(uint8_t *out, uint32_t value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
}

static uint32_t sum(uint32_t start, const uint8_t *data, size_t len)
{
	uint64_t total = start;

	for (size_t i = 0; i + 1 < len; i += 2)
		total += (uint32_t)(data[i] << 8 | data[i + 1]);
	if (len & 1)
		total += (uint32_t)(data[len - 1] << 8);
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint32_t)total;
}

/* fdNET::HOST or 10.NET.0.HOST; returns its length */
static size_t address(const struct wire_path *path, uint8_t *out, uint8_t host)
{
	if (!path->ipv6) {
		out[0] = 10;
		out[1] = path->net;
		out[2] = 0;
		out[3] = host;
		return 4;
	}
	memset(out, 0, 16);
	out[0] = 0xfd;
	out[1] = path->net;
	out[15] = host;
	return 16;
}

size_t wire_udp(const struct wire_path *path, uint8_t *out,
		const uint8_t *payload, size_t len)
{
	uint8_t pseudo[40] = { 0 };
	uint32_t check;
	size_t n;

	put16(out, PORT_FROM);
	put16(out + 2, path->port);
	put16(out + 4, (uint32_t)len + 8);
	put16(out + 6, 0);
	memcpy(out + 8, payload, len);
	if (path->checksum == WIRE_CHECKSUM_NONE)
		return len + 8;
	n = address(path, pseudo, 2);
	n += address(path, pseudo + n, 1);
	put16(pseudo + n, IPPROTO_UDP);
	put16(pseudo + n + 2, (uint32_t)len + 8);
	check = sum(0, pseudo, n + 4);
	if (path->checksum == WIRE_CHECKSUM) {
		check = ~sum(check, out, len + 8) & 0xffff;
		check = check ? check : 0xffff;
	}
	put16(out + 6, check);
	return len + 8;
}

static size_t ip4(const struct wire_path *path, uint8_t *out, size_t len,
		  uint32_t id, size_t offset, bool more)
{
	memset(out, 0, 20);
	out[0] = 0x45;
	put16(out + 2, (uint32_t)len + 20);
	put16(out + 4, id);
	put16(out + 6, (uint32_t)(offset / 8) | (more ? 0x2000 : 0));
	out[8] = 64;
	out[9] = IPPROTO_UDP;
	address(path, out + 12, 2);
	address(path, out + 16, 1);
	put16(out + 10, ~sum(0, out, 20));
	return 20;
}

static size_t ip6(const struct wire_path *path, uint8_t *out, size_t len,
		  uint32_t id, size_t offset, bool more)
{
	size_t size = id ? 48 : 40;

	memset(out, 0, size);
	out[0] = 0x60;
	put16(out + 4, (uint32_t)(len + size - 40));
	out[6] = id ? IPPROTO_FRAGMENT : IPPROTO_UDP;
	out[7] = 64;
	address(path, out + 8, 2);
	address(path, out + 24, 1);
	if (id) {
		out[40] = IPPROTO_UDP;
		put16(out + 42, (uint32_t)offset | more);
		put16(out + 44, id >> 16);
		put16(out + 46, id);
	}
	return size;
}

size_t wire_ip(const struct wire_path *path, uint8_t *out, size_t len,
	       uint32_t id, size_t offset, bool more)
{
	memcpy(out, path->mac, 6);
	memset(out + 6, 2, 6);
	put16(out + 12, path->ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	return 14 + (path->ipv6 ? ip6(path, out + 14, len, id, offset, more) :
				  ip4(path, out + 14, len, id, offset, more));
}
