/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ways into a socket, each of which makes sk_buffs of another shape:
 *
 *	sender, plain ------------------ loopback ---.
 *	10.99.N.2, fd99:N::2 -- fzN, a TAP device ---+--> target
 *
 * All in a network namespace of its own.
 */
#ifndef E2EE_FUZZ_INJECT_H
#define E2EE_FUZZ_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dice.h"
#include "model.h"

#define BATCH	64

enum shape {
	SHAPE_SEND,		/* linear */
	SHAPE_GSO,		/* a burst, cut where it comes in */
	SHAPE_ZEROCOPY,		/* pages of the sender's memory */
	SHAPE_SPLICE,		/* pages of a file, still in its cache */
	SHAPE_TAP,		/* as from a driver; large ones in pages */
	SHAPE_TAP_PIECES,	/* NAPI: in pieces of any size, even of headers */
	SHAPE_TAP_GRO,		/* NAPI: gathered as a list of packets, cut again */
	SHAPE_TAP_GSO,		/* a burst from a driver */
	SHAPE_FRAGMENTS,	/* IP fragments, put together, with a frag_list or not */
	SHAPES
};

struct batch {
	enum shape shape;
	bool ipv6;
	unsigned int num;
	size_t lens[BATCH];
	uint8_t *wires[BATCH];	/* room for RTP_ROOM each */
};

#define TAPS	3

struct injector {
	int udp[2];		/* senders, by ipv6 */
	int zero[2];		/* the same, for zero copy */
	int connected[2];	/* for splice */
	int file;		/* memfd, mapped: */
	uint8_t *mapped;
	int tap[TAPS];
	uint8_t mac[TAPS][6];
	uint32_t datagram;	/* id of the last one in fragments */
};

/* In a namespace of one's own, see sock_netns(). 0 or -errno. */
int inject_open(struct injector *injector);
/* Does the kernel take bursts from TAP devices, as it should since Linux 6.2? */
bool inject_takes_bursts(void);
const char *shape_name(enum shape shape);
/* The most bytes of a packet that goes in this way */
size_t shape_room(enum shape shape, bool ipv6);
/* All packets of a burst are of one length. */
bool shape_is_burst(enum shape shape);
/* 0 or -errno; the packets come in, in order, before or soon after it returns */
int inject(struct injector *injector, struct dice *dice,
	   const struct target *target, const struct batch *batch);
/* What the receiver does must not alter the sender's pages. */
bool inject_unharmed(struct injector *injector, const struct batch *batch);

#endif /* E2EE_FUZZ_INJECT_H */
