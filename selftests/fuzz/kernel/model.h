/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must become of a packet on an attached socket: the table of verdicts, with
 * a parser, an AEAD and a replay window of our own.
 */
#ifndef E2EE_FUZZ_MODEL_H
#define E2EE_FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl.h"
#include "dice.h"
#include "sframe.h"
#include "sock.h"

#define MODEL_KEYS	9
#define MODEL_WINDOW	256	/* packets: small, so that its edge is met */
#define MODEL_RTX_PT	97
#define MODEL_SSRC_A	0xa0a0a0a0
#define MODEL_SSRC_B	0xb0b0b0b0
#define MODEL_SSRC_RTX	0xa0a0a097

struct model_key {
	struct sframe_key key;
	uint32_t mode;		/* E2EE_SSRC_ANY or _NUMBER */
	uint32_t ssrc;
	uint32_t rtx_ssrc;	/* 0: none */
	bool expired;
	uint64_t next;		/* of the window */
	bool seen[MODEL_WINDOW];
	uint64_t fresh;		/* CTR that nobody sealed with yet */
};

#define MODEL_GROUP	"239.99.0.1"

/* An attached socket that anybody can send to, over IPv4 or IPv6 */
struct target {
	const char *name;
	enum sock_kind kind;	/* SOCK_MAPPED: hears both */
	uint32_t policy;
	bool group;		/* hears a multicast group, with its twin */
	uint32_t session;
	int fd;
	uint16_t port;
	struct model_key keys[MODEL_KEYS];
	uint64_t stats[CTL_STATS];	/* as read last */
};

/* What becomes of one packet */
struct fate {
	unsigned int stat;
	bool delivered;
	size_t len;
	uint8_t *bytes;		/* room for RTP_ROOM */
};

void model_keys(struct target *target, struct dice *dice);
/* In the order in which they come in: windows move */
void model_judge(struct target *target, const uint8_t *wire, size_t len,
		 struct fate *fate);
#endif /* E2EE_FUZZ_MODEL_H */
