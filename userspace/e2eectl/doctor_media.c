// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether a socket that nothing protects sends RTP: the headers of what leaves from its
 * port, and from no other, are looked at for a moment. Some packets of one SSRC and
 * payload type, whose numbers rise, are no accident.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"

#define PORTS_MAX	1000
#define STREAMS_MAX	256
#define HEADERS		128		/* bytes of a packet that are looked at */
#define RTP_HEADER	12
#define UDP_HEADER	8
#define IP6_HEADER	40
#define ENOUGH		4		/* packets of a stream */
#define STEP_MAX	16		/* from a number to the next: some are lost */

struct stream {
	uint16_t port;
	uint16_t seq;
	uint8_t type;
	uint32_t ssrc;
	unsigned int packets;
};

struct watch {
	struct udp *udp;
	size_t count;
	struct stream streams[STREAMS_MAX];
	size_t stream_count;
};

static int netns_open(const char *netns)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s",
		 strchr(netns, '/') ? "" : "/run/netns/", netns);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Without a protocol, so it gets nothing before it has its filter */
static int packet_socket(void)
{
	return socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int packet_socket_in(const char *netns)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int other = netns_open(netns), fd = -1;

	if (own >= 0 && other >= 0 && !setns(other, CLONE_NEWNET)) {
		fd = packet_socket();
		if (setns(own, CLONE_NEWNET) && fd >= 0) {
			close(fd);
			fd = -1;
		}
	}
	if (own >= 0)
		close(own);
	if (other >= 0)
		close(other);
	return fd;
}

/*
 * What leaves, whole UDP datagrams and first fragments. At the end the port from which
 * the packet comes is in the accumulator.
 */
static const struct sock_filter headers[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 9, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	/* IPv4 */
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 2),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	BPF_STMT(BPF_JMP | BPF_JA, 4),
	/* IPv6 without extension headers */
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, IP6_HEADER),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
};

/* Of the rest, only what comes from the ports that are asked about */
static bool filter_set(int fd, const struct watch *watch)
{
	struct sock_filter code[ARRAY_SIZE(headers) + 2 * PORTS_MAX + 1];
	struct sock_fprog program = { .filter = code };
	size_t at = ARRAY_SIZE(headers), i;

	memcpy(code, headers, sizeof(headers));
	for (i = 0; i < watch->count && at < ARRAY_SIZE(code) - 1; i++) {
		if (watch->udp[i].covered)
			continue;
		code[at++] = (struct sock_filter)
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
				 watch->udp[i].sock.local.port, 0, 1);
		code[at++] = (struct sock_filter)
			BPF_STMT(BPF_RET | BPF_K, HEADERS);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	program.len = (unsigned short)at;
	return !setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			   sizeof(program));
}

/* From now on, it gets what leaves by any interface */
static bool protocol_set(int fd)
{
	const struct sockaddr_ll any = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
	};

	return !bind(fd, (const struct sockaddr *)&any, sizeof(any));
}

static struct stream *stream_find(struct watch *watch, uint16_t port,
				  uint8_t type, uint32_t ssrc)
{
	struct stream *stream = watch->streams;
	size_t i;

	for (i = 0; i < watch->stream_count; i++, stream++)
		if (stream->port == port && stream->type == type &&
		    stream->ssrc == ssrc)
			return stream;
	if (i == STREAMS_MAX)
		return NULL;
	watch->stream_count++;
	*stream = (struct stream){ .port = port, .type = type, .ssrc = ssrc };
	return stream;
}

/* A socket without an address of its own may send from any. */
static bool may_send(const struct e2ee_addr *local, const uint8_t *ip)
{
	static const uint8_t none[16];
	bool v6 = ip[0] >> 4 == 6;

	return !memcmp(local->addr, none, local->len) ||
	       (local->len == (v6 ? 16 : 4) &&
		!memcmp(local->addr, ip + (v6 ? 8 : 12), local->len));
}

static void media_found(struct watch *watch, uint16_t port, const uint8_t *ip)
{
	size_t i;

	for (i = 0; i < watch->count; i++)
		if (watch->udp[i].sock.local.port == port &&
		    may_send(&watch->udp[i].sock.local, ip))
			watch->udp[i].media = true;
}

/* @packet begins with the IP header, which the filter has looked at. */
static void packet_judge(struct watch *watch, const uint8_t *packet, size_t len)
{
	size_t at = packet[0] >> 4 == 4 ? 4U * (packet[0] & 0xf) : IP6_HEADER;
	const uint8_t *rtp = packet + at + UDP_HEADER;
	struct stream *stream;
	uint16_t port, seq;
	uint8_t type;
	uint32_t ssrc;

	if (len < at + UDP_HEADER + RTP_HEADER || rtp[0] >> 6 != 2)
		return;
	type = rtp[1] & 0x7f;
	if (type >= 64 && type <= 95)
		return;			/* of RTCP, RFC 5761 */
	port = (uint16_t)(packet[at] << 8 | packet[at + 1]);
	seq = (uint16_t)(rtp[2] << 8 | rtp[3]);
	memcpy(&ssrc, rtp + 8, sizeof(ssrc));
	stream = stream_find(watch, port, type, ssrc);
	if (!stream)
		return;
	if (stream->packets &&
	    (uint16_t)(seq - stream->seq - 1) < STEP_MAX)
		stream->packets++;
	else if (!stream->packets || seq != stream->seq)
		stream->packets = 1;
	stream->seq = seq;
	if (stream->packets == ENOUGH)
		media_found(watch, port, packet);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void packets_watch(int fd, struct watch *watch, unsigned int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int64_t end = now_ms() + ms, left;
	uint8_t packet[HEADERS];
	ssize_t len;

	while ((left = end - now_ms()) > 0 &&
	       poll(&ready, 1, (int)left) > 0) {
		len = recv(fd, packet, sizeof(packet), 0);
		if (len > 0)
			packet_judge(watch, packet, (size_t)len);
	}
}

/*
 * Looks at those of the sockets that are not covered, and marks what sends media.
 * Returns whether it could look.
 */
bool media_watch(const char *netns, struct udp *udp, size_t count,
		 unsigned int ms)
{
	struct watch watch = { .udp = udp, .count = count };
	int fd = netns ? packet_socket_in(netns) : packet_socket();
	bool looks;

	if (fd < 0)
		return false;
	looks = filter_set(fd, &watch) && protocol_set(fd);
	if (looks)
		packets_watch(fd, &watch, ms);
	close(fd);
	return looks;
}
