// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

#include "sock.h"
#include "tun.h"

static int open_with(short flags)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | flags };
	int fd, err;

	/* the lab's devtmpfs has it; a container's /dev may not */
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		err = -errno;
		close(fd);
		return err;
	}
	if (run("ip link set %s up mtu 1500", ifr.ifr_name) ||
	    run("ip addr add " TUN_LOCAL " peer " TUN_REMOTE " dev %s",
		ifr.ifr_name)) {
		close(fd);
		return -EIO;
	}
	return fd;
}

int tun_open(void)
{
	return open_with(0);
}

int tun_open_vnet(void)
{
	return open_with(IFF_VNET_HDR);
}

int tun_read(int tun, void *payload, size_t room)
{
	uint8_t packet[65536];
	size_t header;
	ssize_t len;

	for (;;) {
		len = read(tun, packet, sizeof(packet));
		if (len < 0)
			return -errno;
		header = (size_t)(packet[0] & 15) * 4 + sizeof(struct udphdr);
		if (packet[0] >> 4 == 4 && packet[9] == IPPROTO_UDP &&
		    (size_t)len >= header)
			break;
	}
	len -= (ssize_t)header;
	if ((size_t)len > room)
		return -EMSGSIZE;
	memcpy(payload, packet + header, (size_t)len);
	return (int)len;
}

static uint16_t folded(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

static uint32_t summed(const void *data, size_t len)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += words[i];
	return sum;
}

static struct iphdr ip_header(size_t len)
{
	struct iphdr ip = {
		.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
		.tot_len = htons((uint16_t)(sizeof(ip) + len)),
	};

	inet_pton(AF_INET, TUN_REMOTE, &ip.saddr);
	inet_pton(AF_INET, TUN_LOCAL, &ip.daddr);
	return ip;
}

/* @at: of the datagram's bytes; @more: others follow */
static int write_piece(int tun, uint16_t id, const uint8_t *bytes, size_t at,
		       size_t len, bool more)
{
	uint8_t packet[65536];
	struct iphdr ip = ip_header(len);

	ip.id = htons(id);
	ip.frag_off = htons((uint16_t)(at / 8 | (more ? IP_MF : 0)));
	ip.check = (uint16_t)~folded(summed(&ip, sizeof(ip)));
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), bytes + at, len);
	return write(tun, packet, sizeof(ip) + len) < 0 ? -errno : 0;
}

static size_t datagram(uint8_t *bytes, uint16_t source, uint16_t dest,
		       const void *payload, size_t len)
{
	struct udphdr udp = {
		.source = htons(source), .dest = htons(dest),
		.len = htons((uint16_t)(sizeof(udp) + len)),
	};

	memcpy(bytes, &udp, sizeof(udp));
	memcpy(bytes + sizeof(udp), payload, len);
	return sizeof(udp) + len;
}

int tun_write(int tun, uint16_t source, uint16_t dest, const void *payload,
	      size_t len)
{
	uint8_t bytes[65536];

	len = datagram(bytes, source, dest, payload, len);
	return write_piece(tun, 0, bytes, 0, len, false);
}

int tun_write_pieces(int tun, uint16_t source, uint16_t dest,
		     const void *payload, size_t len)
{
	static uint16_t id;
	uint8_t bytes[65536];
	size_t at, piece;
	int err = 0;

	id++;
	len = datagram(bytes, source, dest, payload, len);
	for (at = 0; at < len && !err; at += piece) {
		piece = len - at < TUN_PIECE ? len - at : TUN_PIECE;
		err = write_piece(tun, id, bytes, at, piece, at + piece < len);
	}
	return err;
}

/* of addresses, protocol and length; the rest of the checksum is left out */
static uint16_t pseudo_sum(const struct iphdr *ip, size_t len)
{
	return folded(summed(&ip->saddr, 8) + htons(IPPROTO_UDP) +
		      htons((uint16_t)len));
}

int tun_write_ufo(int tun, uint16_t source, uint16_t dest,
		  const void *payload, size_t len)
{
	struct virtio_net_hdr vnet = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP,
		.hdr_len = sizeof(struct iphdr) + sizeof(struct udphdr),
		.gso_size = TUN_PIECE,
		.csum_start = sizeof(struct iphdr),
		.csum_offset = offsetof(struct udphdr, check),
	};
	uint8_t packet[65536], *at = packet + sizeof(vnet);
	struct udphdr *udp = (void *)(at + sizeof(struct iphdr));
	struct iphdr ip;

	len = datagram((uint8_t *)udp, source, dest, payload, len);
	ip = ip_header(len);
	ip.check = (uint16_t)~folded(summed(&ip, sizeof(ip)));
	udp->check = pseudo_sum(&ip, len);
	memcpy(packet, &vnet, sizeof(vnet));
	memcpy(at, &ip, sizeof(ip));
	len += sizeof(vnet) + sizeof(ip);
	return write(tun, packet, len) < 0 ? -errno : 0;
}
