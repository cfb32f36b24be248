/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests for keys: what is asked, what is refused and why, and which key a packet
 * is sealed with. The macros are for fixtures that have a struct nl called nl.
 */
#ifndef E2EE_TEST_ASK_H
#define E2EE_TEST_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "netlink.h"
#include "scene.h"

/* A key to ask for: what struct sframe_key has, and the rest of a request */
struct ask {
	const struct sframe_key *key;
	uint32_t dir;
	uint32_t mode;		/* 0: not given; number if ssrc is given */
	uint32_t ssrc;		/* 0: not given */
	uint32_t epoch;
	bool has_ctr;
	uint64_t ctr;
	bool has_limit;
	uint64_t limit;
	bool has_soft;
	uint64_t soft;
	bool has_expires;
	uint32_t expires;
};

/* Adds the key to a request, its secret included if @secret. */
void ask_put(struct nl_msg *msg, const struct ask *ask, bool secret);

/* "" if it is as wanted, the kernel's words included; else what it was */
const char *ask(struct nl *nl, uint8_t cmd, uint32_t session,
		const struct ask *key, int err, const char *words);

/* The answer to KEY_GET, in static memory; NULL if there is none */
const struct nlattr *ask_shown(struct nl *nl, uint32_t session,
			       const struct ask *key);

/*
 * Sends a packet of @ssrc: it must be sealed with @key and CTR @ctr. "" or
 * what it was.
 */
const char *ask_sends(struct scene *scene, uint32_t ssrc,
		      const struct sframe_key *key, uint64_t ctr);

/* Sends a packet that must be swallowed: the counters that changed */
const char *ask_swallows(struct scene *scene, uint32_t ssrc);

#define ADDED(session, ...)						\
	EXPECT_STREQ("", ask(&self->nl, E2EE_CMD_KEY_NEW, session,	\
			     &(struct ask){ __VA_ARGS__ }, 0, ""))
#define REFUSED(session, err, words, ...)				\
	EXPECT_STREQ("", ask(&self->nl, E2EE_CMD_KEY_NEW, session,	\
			     &(struct ask){ __VA_ARGS__ }, err, words))
#define CHANGED(session, ...)						\
	EXPECT_STREQ("", ask(&self->nl, E2EE_CMD_KEY_SET, session,	\
			     &(struct ask){ __VA_ARGS__ }, 0, ""))
#define DELETED(session, ...)						\
	EXPECT_STREQ("", ask(&self->nl, E2EE_CMD_KEY_DEL, session,	\
			     &(struct ask){ __VA_ARGS__ }, 0, ""))

#define TX	.dir = E2EE_DIR_TX
#define RX	.dir = E2EE_DIR_RX

#define IN_USE		"AEAD key is in use for sending"
#define OTHER_NONCE	"AEAD key was used with another KID or salt"
#define NO_CTR		"AEAD key was used before: a start counter is needed"
#define LOW_CTR		"start counter lies below the last one used"
#define SSRC_HAS_KEY	"SSRC already has a sending key in this epoch"
#define OTHER_DIR	"AEAD key already serves the other direction"
#define OTHER_KID	"AEAD key receives with another KID or salt"
#define SAME_ID		"key with this direction, KID and SSRC exists"
#define EPOCH_LACKS	"an SSRC that sent in the last 2 seconds has no key in that epoch"

#define SHOWN(session, ...)						\
	ask_shown(&self->nl, session, &(struct ask){ __VA_ARGS__ })

/* CTR that KEY_GET shows */
#define CTR(session, ...)						\
	nl_get_u64(nl_inner(SHOWN(session, __VA_ARGS__), E2EE_A_KEY_CTR))

#endif /* E2EE_TEST_ASK_H */
