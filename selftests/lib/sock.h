/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets, namespaces and packet taps of the tests. */
#ifndef E2EE_TEST_SOCK_H
#define E2EE_TEST_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifndef __printf
#define __printf(a, b)	__attribute__((format(printf, a, b)))
#endif

#define SOCK_WAIT	60000	/* ms: longer than any healthy kernel needs */

/* How a socket speaks: the address family, or IPv4 through an AF_INET6 one. */
enum sock_kind {
	SOCK_V4,
	SOCK_V6,
	SOCK_MAPPED,
};

struct addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

/* A new network namespace: lo up, ICMP not rate limited, no IPv6 DAD. */
int sock_netns(void);

/*
 * Stay on one CPU. Loopback, as any device with many queues, keeps order by CPU
 * only: then what was sent before has arrived before, whatever sent it.
 */
int sock_pin(void);

/* A command line for the shell; 0 if it succeeds. */
int run(const char *format, ...) __printf(1, 2);

/* Write @value to a file below /proc/sys. */
int sysctl(const char *name, const char *value);

/* The loopback address, or @text (IPv4 or IPv6), with @port. */
void addr_loopback(struct addr *addr, enum sock_kind kind, uint16_t port);
void addr_parse(struct addr *addr, enum sock_kind kind, const char *text,
		uint16_t port);
uint16_t addr_port(const struct addr *addr);
bool addr_equal(const struct addr *a, const struct addr *b);

/*
 * A UDP socket bound to @port (0: any) of the loopback address, or -1. @bound
 * gets its address and may be NULL.
 */
int sock_udp(enum sock_kind kind, uint16_t port, struct addr *bound);
int sock_family(enum sock_kind kind);
int sock_connect(int fd, const struct addr *to);

/* As sendto() and recv(), but -errno. */
int sock_send(int fd, const void *data, size_t len, const struct addr *to);
int sock_recv_now(int fd, void *buf, size_t room);
/* Waits; -ETIMEDOUT */
int sock_recv(int fd, void *buf, size_t room);

/* Poll for @events within @timeout_ms; what came, 0 if nothing did. */
int sock_poll(int fd, short events, int timeout_ms);

/* Datagrams that the socket lost for want of room, or that were dropped */
uint32_t sock_drops(int fd);

/* Control messages: append one, find one. */
void cmsg_put(struct msghdr *msg, int level, int type, const void *data,
	      size_t len);
const void *cmsg_find(struct msghdr *msg, int level, int type);

/* As sendmsg() with UDP_SEGMENT of @segment, but -errno. */
int sock_send_gso(int fd, const void *data, size_t len, uint16_t segment,
		  const struct addr *to);

/* One UDP datagram, or GSO burst, as it crossed an interface. */
struct frame {
	bool outgoing;
	uint16_t source;	/* ports */
	uint16_t dest;
	size_t len;		/* of the payload */
	uint8_t payload[65536];
};

int tap_open(const char *interface);
/* The next whole UDP packet; -EAGAIN if none waits. Fragments: first only. */
int tap_next(int fd, struct frame *frame);

int64_t now_ms(void);

#endif /* E2EE_TEST_SOCK_H */
