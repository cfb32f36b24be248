/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenes for the tests of rooms: a few devices in a world, who talk while
 * something happens. What they say is on a tape; in the end it is asked what
 * the keys that a device ever held open of it.
 */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include <string.h>

#include "../tap.h"
#include "world.h"

#define TALK_EVERY	20		/* ms between packets of a stream */

/** struct saying - a packet of media, as an observer of the network has it */
struct saying {
	uint64_t at;
	struct media media;
};

/** struct letter - a message that a broker kept */
struct letter {
	uint64_t at;
	enum e2ee_room_topic topic;
	char dev[E2EE_NAME_MAX + 1];
	uint8_t *data;
	size_t len;
};

/** struct letters - what a broker kept of all that reached a device */
struct letters {
	struct letter *list;
	size_t count;
	size_t size;
};

extern struct world world;

/* The world of a test, with @count devices that start at once: alice, bob … */
struct node *scene_open(uint64_t seed, unsigned int count);
/* The same, but nobody runs yet */
struct node *scene_open_still(uint64_t seed, unsigned int count);
bool scene_together(uint64_t ms);
/* @ms of time, in which each device sends @streams SSRCs */
void scene_talk(uint64_t ms, unsigned int streams);
/* Was there nothing that must not happen? */
bool scene_close(void);

/* Over all devices, since scene_count() */
void scene_count(void);
uint64_t scene_got(void);
uint64_t scene_lost(void);
uint64_t scene_swallowed(void);
uint64_t scene_clear(void);

/*
 * When @from said last what @who can open with all keys it ever held; @from
 * NULL: anybody. 0: never. And how many packets, between two times.
 */
uint64_t tape_last_open(const struct node *who, const struct node *from);
unsigned int tape_open(const struct node *who, const struct node *from,
		       uint64_t since, uint64_t until);
unsigned int tape_said(const struct node *from, uint64_t since, uint64_t until);

/* Messages that a hostile broker keeps; to be freed */
void letters_keep(struct letters *letters, const struct world_packet *packet);
void letters_free(struct letters *letters);
void letters_replay(const struct letters *letters, size_t i, struct node *to);

/* Has its status such an alarm? */
bool node_alarmed(const struct node *node, const char *text);
/* What its status shows; one at a time */
const struct e2ee_room_status *node_status(const struct node *node);
/* Does it refer to the same EPOCH as @other? */
bool node_same(const struct node *node, const struct node *other);
unsigned int scene_owners(void);

/* Time passes after a call into a room, too */
#define DO(node, call)	scene_did((node), (call))
int scene_did(struct node *node, int ret);

/*
 * Figures of a test: printed as comments, and written as JSON to the file that
 * follows "-j" on its command line. @size 0: the figure has no sizes
 */
void figure(const char *name, unsigned int size, double value);
bool figures_write(const char *path);

static inline void scene_end(const char *name)
{
	ok(scene_close(), "%s: nothing that must not happen", name);
}

static inline int scene_finish(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "-j"))
		ok(figures_write(argv[2]), "figures go to %s", argv[2]);
	return tap_end();
}

#endif /* TESTS_SCENARIO_H */
