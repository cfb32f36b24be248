// SPDX-License-Identifier: GPL-2.0
/*
 * An engine that sends RTP as soon as it runs, and somebody who hears it:
 *     media send PORT TO-PORT   one packet at once, then one every 20 ms, on loopback
 *     media hear                from descriptor 3, which systemd has bound
 * The hearer prints a line for each packet, "SSRC SEQ clear" or "SSRC SEQ sealed", and
 * behind the first one of an SSRC all its bytes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define HEADER	12
#define FD	3		/* sd_listen_fds(3) */
#define SSRCS	1024

static const char speech[] = SPEECH;

static int media_send(uint16_t port, uint16_t to_port)
{
	struct sockaddr_in from = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_in to = from;
	uint8_t packet[HEADER + sizeof(speech)] = { 0x80, 96 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint16_t seq;

	to.sin_port = htons(to_port);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&from, sizeof(from)) ||
	    getrandom(packet + 8, 4, GRND_INSECURE) != 4) {
		perror("media");
		return 1;
	}
	memcpy(packet + HEADER, speech, sizeof(speech));
	for (seq = 0;; seq++) {
		packet[2] = seq >> 8;
		packet[3] = seq & 0xff;
		sendto(fd, packet, sizeof(packet), 0,
		       (const struct sockaddr *)&to, sizeof(to));
		poll(NULL, 0, 20);
	}
}

/* Whether this SSRC was not heard before */
static bool is_new(uint32_t ssrc)
{
	static uint32_t known[SSRCS];
	static unsigned int count;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (known[i] == ssrc)
			return false;
	if (count < SSRCS)
		known[count++] = ssrc;
	return true;
}

static void media_print(const uint8_t *packet, size_t len)
{
	uint32_t ssrc;
	size_t i;

	memcpy(&ssrc, packet + 8, sizeof(ssrc));
	printf("%08x %u %s", ntohl(ssrc), packet[2] << 8 | packet[3],
	       memmem(packet, len, speech, 8) ? "clear" : "sealed");
	if (is_new(ssrc)) {
		putchar(' ');
		for (i = 0; i < len; i++)
			printf("%02x", packet[i]);
	}
	putchar('\n');
	fflush(stdout);
}

static int media_hear(void)
{
	uint8_t packet[2048];
	ssize_t len;

	while ((len = recv(FD, packet, sizeof(packet), 0)) >= 0)
		if (len >= HEADER)
			media_print(packet, (size_t)len);
	perror("media");
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "send"))
		return media_send((uint16_t)atoi(argv[2]),
				  (uint16_t)atoi(argv[3]));
	if (argc == 2 && !strcmp(argv[1], "hear"))
		return media_hear();
	fputs("usage: media {send PORT TO-PORT | hear}\n", stderr);
	return 2;
}
