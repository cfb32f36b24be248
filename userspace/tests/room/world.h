/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A world of rooms: a broker, devices with a kernel each, and a clock that runs
 * as fast as the machine does. Everything that happens follows from the seed.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <e2ee/room.h>

#include "state.h"

#define WORLD_NODES	128
#define WORLD_PARTS	4		/* parts that a broker can be split into */
#define KERNEL_KEYS	16384
#define KERNEL_BUCKETS	1024
#define SSRCS		8

struct world;

/* What a room asks the kernel for, where it can fail */
enum kernel_call {
	CALL_KEY_NEW,
	CALL_KEY_NEW_ANSWER,		/* done, but the answer is lost */
	CALL_KEY_DEL,
	CALL_KEY_LIST,
	CALL_USE_EPOCH,
	CALL_SET_POLICY,
	CALL_GET_POLICY,
	CALLS,
};

/** struct kernel_key - as the kernel holds it */
struct kernel_key {
	struct e2ee_key key;
	uint64_t expires;		/* milliseconds; NEVER */
	bool claimed;
	uint16_t next;			/* of its bucket: place plus 1; 0: none */
};

/** struct kernel - a session of e2ee.ko, as far as a room can tell */
struct kernel {
	struct kernel_key *keys;
	uint16_t buckets[KERNEL_BUCKETS];
	size_t count;
	uint32_t epoch;
	uint32_t policy;
	bool mute;			/* does not tell its policy */
	unsigned int refused;		/* requests that a kernel refuses */
};

/** struct node - a device */
struct node {
	struct world *world;
	unsigned int number;
	char dev[16];
	struct e2ee_identity *identity;
	struct e2ee_trust *trust;
	struct e2ee_room_config config;
	struct kernel kernel;
	struct e2ee_room *room;		/* NULL: not running */
	bool acks;			/* subscribed to ack/+ */
	bool online;			/* connected to the broker */
	unsigned int part;
	uint64_t next;			/* timer */
	uint64_t out_at;		/* it is over since; 0 */
	char out[E2EE_ROOM_TEXT];
	unsigned int keyframes;
	unsigned int alarms;
	uint64_t cpu;			/* ns, if measured */
	uint64_t bytes;			/* received */
	uint64_t missing;		/* packets without a key, both ways */
	uint64_t lost;			/* received, and not opened */
	uint64_t got;			/* received and opened */
	uint64_t sent;
	uint64_t swallowed;		/* not sent for want of a key */
	uint64_t clear;			/* sent without a key */
};

/** struct world_packet - as the broker sees it; see world.tamper */
struct world_packet {
	enum e2ee_room_topic topic;
	char dev[E2EE_NAME_MAX + 1];
	uint8_t *data;
	size_t len;
	unsigned int refs;
};

/** struct media - a packet of media on its way */
struct media {
	unsigned int from;
	uint32_t ssrc;
	uint64_t kid;
	uint8_t secret[32];
};

struct retained {
	struct world_packet *packet;
};

/**
 * struct world - all of it
 * @delay: of a message, at least, ms
 * @jitter: and up to this much more: messages overtake each other
 * @drop: of 1,000 messages
 * @duplicate: of 1,000 messages
 * @up: the broker is
 * @tamper: looks at each message before it is delivered to @to; false: it is
 *	not delivered. The hostile broker of a test
 * @fault: asked at each call into a kernel: 0, or the error that it returns
 * @media: told of each packet of media
 * @violations: of what must always hold; each is printed
 */
struct world {
	uint64_t now;
	uint64_t seed;
	struct node nodes[WORLD_NODES];
	unsigned int count;
	uint64_t delay;
	uint64_t jitter;
	unsigned int drop;
	unsigned int duplicate;
	bool up;
	bool keep_retained;
	bool measure;
	bool (*tamper)(struct world *world, struct node *to,
		       const struct world_packet *packet, void *arg);
	void (*media)(struct world *world, const struct media *media,
		      void *arg);
	void *arg;
	int (*fault)(struct node *node, enum kernel_call call, void *arg);
	void *fault_arg;
	struct delivery *queue;
	size_t queued;
	size_t queue_size;
	uint64_t order;
	struct retained *retained[WORLD_PARTS];
	size_t retained_count[WORLD_PARTS];
	struct secret *secrets;		/* who holds what: see kernel.c */
	size_t secret_slots;
	size_t secret_count;
	unsigned int violations;
	uint64_t messages;
	uint64_t bytes;			/* published */
};

uint64_t world_random(struct world *world);
unsigned int world_below(struct world *world, unsigned int limit);

void world_open(struct world *world, uint64_t seed);
void world_close(struct world *world);
void world_wipe(struct world *world);

/* A device, not running yet; its identity and trust store stay with it */
struct node *world_add(struct world *world, const char *dev);
int node_start(struct node *node);
/* kill -9: the kernel's keys stay, and its will empties the key package */
void node_kill(struct node *node);
void node_online(struct node *node, bool online);
/* The kernel's session is made anew, which the device is not told */
void node_new_session(struct node *node);
/* A key in the kernel that no room put there */
void kernel_put(struct node *node, const struct e2ee_key *key);
/* A KP of zero bytes, as a broker sends it for one that is gone */
void world_will(struct world *world, const struct node *node);

/* Let time pass */
void world_run(struct world *world, uint64_t ms);
/* Run until @done, or for @ms: did it come? */
bool world_until(struct world *world, uint64_t ms,
		 bool (*done)(struct world *world, void *arg), void *arg);

void world_broker(struct world *world, bool up);
void world_forget_retained(struct world *world);
/* A message out of nowhere */
void world_inject(struct world *world, struct node *to,
		  enum e2ee_room_topic topic, const char *dev,
		  const void *data, size_t len);

/* One packet of media with this SSRC, to everybody; true: it left */
bool node_media(struct node *node, uint32_t ssrc);

/* Did @node ever hold this key? */
bool world_knows(struct world *world, const struct node *node,
		 const uint8_t *secret);

/* All that run are in one call, with the same keys, and have switched */
bool world_is_one(struct world *world, void *arg);
struct node *world_owner(struct world *world);

__attribute__((format(printf, 2, 3)))
void world_violation(struct world *world, const char *format, ...);

#endif /* TESTS_WORLD_H */
