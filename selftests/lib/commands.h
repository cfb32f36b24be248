/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every command with every attribute it takes, as a table, from which good
 * requests are made, and bad ones by one twist at a time.
 */
#ifndef E2EE_TEST_COMMANDS_H
#define E2EE_TEST_COMMANDS_H

#include "netlink.h"

enum attr_kind {
	ATTR_FLAG,
	ATTR_U16,
	ATTR_U32,
	ATTR_U64,
	ATTR_STRING,
	ATTR_BINARY,
};

struct attr_spec {
	uint8_t cmd;
	uint8_t nest;		/* top level attribute it is in; 0: none */
	uint8_t attr;
	enum attr_kind kind;
	enum {
		ATTR_NEEDED,	/* the request is refused without it */
		ATTR_GIVEN,	/* in the good request, could be left out */
		ATTR_LEFT_OUT,	/* allowed, but not in the good request */
	} presence;
	uint64_t good;		/* numbers: a good value */
	size_t max;		/* strings, binaries: the greatest length */
	uint64_t low;		/* numbers: the next too low, if has_low */
	uint64_t high;		/* numbers: the next too high; 0: none */
	int err;		/* errno of those; 0: ERANGE */
	bool has_low;
};

extern const struct attr_spec attr_specs[];	/* ends with cmd 0 */

/* What the good requests are about */
struct target {
	uint32_t session;
	const char *name;
	uint64_t kid;
	int fd;
	uint64_t socket;
	uint32_t guard;
	const uint8_t *secret;
	const uint8_t *salt;
};

struct twist {
	enum {
		TWIST_NONE,
		TWIST_OMIT,	/* left out */
		TWIST_EMPTY,	/* of length 0 */
		TWIST_SHORT,	/* a byte less; a string without its NUL */
		TWIST_LONG,	/* a byte too long */
		TWIST_VALUE,	/* another number */
		TWIST_ADD,	/* put there though it is not in the request */
		TWIST_TWICE,	/* a nest, given twice */
		TWIST_BARE,	/* a nest without NLA_F_NESTED */
	} how;
	int nest;		/* 0: @attr is of the top level */
	int attr;
	uint64_t value;
	size_t at;		/* answer: offset of the attribute */
	size_t nest_at;		/* answer: offset of its nest */
};

/* @twist may be NULL. Free the message. */
struct nl_msg *command_build(const struct nl *nl, uint8_t cmd,
			     const struct target *target, struct twist *twist);
bool command_has_nest(uint8_t cmd, int nest);
const char *command_name(uint8_t cmd);
bool command_dumps(uint8_t cmd);
/* How many attributes the set of a nest has; 0: of the top level */
int command_nest_max(int nest);

/* All that the dumps show: two of them are equal if nothing changed. */
struct state {
	size_t len;
	uint8_t bytes[65536];
};

void state_read(struct nl *nl, struct state *state);
/* Is it still as it was? */
bool state_same(struct nl *nl, const struct state *before);

#endif /* E2EE_TEST_COMMANDS_H */
