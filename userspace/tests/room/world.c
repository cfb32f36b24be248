// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "world.h"
#include "kernel.h"

/** struct delivery - a message on its way to one device */
struct delivery {
	uint64_t at;
	uint64_t order;
	unsigned int to;
	struct world_packet *packet;
};

uint64_t world_random(struct world *world)
{
	uint64_t x = world->seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

unsigned int world_below(struct world *world, unsigned int limit)
{
	return (unsigned int)(world_random(world) % limit);
}

void world_violation(struct world *world, const char *format, ...)
{
	va_list args;

	world->violations++;
	if (world->violations > 20)
		return;
	printf("# violation at %llu ms: ", (unsigned long long)world->now);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* the queue: a heap by time */

static bool delivery_before(const struct delivery *a, const struct delivery *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void queue_push(struct world *world, struct delivery delivery)
{
	size_t at = world->queued++;

	if (world->queued > world->queue_size) {
		world->queue_size = world->queued * 2;
		world->queue = realloc(world->queue, world->queue_size *
				       sizeof(*world->queue));
		if (!world->queue)
			abort();
	}
	while (at && delivery_before(&delivery,
				     &world->queue[(at - 1) / 2])) {
		world->queue[at] = world->queue[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	world->queue[at] = delivery;
}

static struct delivery queue_pop(struct world *world)
{
	struct delivery first = world->queue[0];
	struct delivery last = world->queue[--world->queued];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < world->queued) {
		if (child + 1 < world->queued &&
		    delivery_before(&world->queue[child + 1],
				    &world->queue[child]))
			child++;
		if (!delivery_before(&world->queue[child], &last))
			break;
		world->queue[at] = world->queue[child];
		at = child;
	}
	world->queue[at] = last;
	return first;
}

/* packets */

static struct world_packet *packet_new(enum e2ee_room_topic topic,
				       const char *dev, const void *data,
				       size_t len)
{
	struct world_packet *packet = calloc(1, sizeof(*packet));

	if (!packet)
		abort();
	packet->topic = topic;
	packet->refs = 1;
	packet->len = len;
	if (dev)
		snprintf(packet->dev, sizeof(packet->dev), "%s", dev);
	if (len) {
		packet->data = malloc(len);
		if (!packet->data)
			abort();
		memcpy(packet->data, data, len);
	}
	return packet;
}

static void packet_put(struct world_packet *packet)
{
	if (!packet || --packet->refs)
		return;
	free(packet->data);
	free(packet);
}

static bool packet_wanted(const struct node *node,
			  const struct world_packet *packet)
{
	if (packet->topic == E2EE_TOPIC_PROBE)
		return !strcmp(packet->dev, node->dev);
	return packet->topic != E2EE_TOPIC_ACK || node->acks;
}

static void packet_queue(struct world *world, struct node *to,
			 struct world_packet *packet)
{
	uint64_t late = world->jitter ? world_random(world) %
					(world->jitter + 1) : 0;

	packet->refs++;
	queue_push(world, (struct delivery){
		.at = world->now + world->delay + late,
		.order = world->order++, .to = to->number, .packet = packet,
	});
}

static void packet_send(struct world *world, struct node *to,
			struct world_packet *packet)
{
	if (!to->room || !to->online || !packet_wanted(to, packet))
		return;
	if (world->drop && world_below(world, 1000) < world->drop)
		return;
	packet_queue(world, to, packet);
	if (world->duplicate && world_below(world, 1000) < world->duplicate)
		packet_queue(world, to, packet);
}

static void packet_retain(struct world *world, unsigned int part,
			  struct world_packet *packet)
{
	struct retained *list = world->retained[part];
	size_t count = world->retained_count[part], i;

	for (i = 0; i < count; i++)
		if (list[i].packet->topic == packet->topic &&
		    !strcmp(list[i].packet->dev, packet->dev))
			break;
	if (i == count) {
		if (!packet->len)
			return;
		list = realloc(list, (count + 1) * sizeof(*list));
		if (!list)
			abort();
		world->retained[part] = list;
		world->retained_count[part]++;
	} else {
		packet_put(list[i].packet);
	}
	list[i].packet = packet;
	packet->refs++;
	if (!packet->len) {
		packet_put(packet);
		list[i] = list[--world->retained_count[part]];
	}
}

static void packet_publish(struct world *world, unsigned int part,
			   struct world_packet *packet, bool retain)
{
	world->messages++;
	if (retain)
		packet_retain(world, part, packet);
	for (unsigned int i = 0; i < world->count; i++)
		if (world->nodes[i].part == part)
			packet_send(world, &world->nodes[i], packet);
}

void world_inject(struct world *world, struct node *to,
		  enum e2ee_room_topic topic, const char *dev,
		  const void *data, size_t len)
{
	struct world_packet *packet = packet_new(topic, dev, data, len);

	packet_queue(world, to, packet);
	packet_put(packet);
}

void world_will(struct world *world, const struct node *node)
{
	struct world_packet *packet = packet_new(E2EE_TOPIC_KP, node->dev,
						 NULL, 0);

	packet_publish(world, node->part, packet, true);
	packet_put(packet);
}

/* devices */

static void node_publish(void *arg, const struct e2ee_room_packet *packet)
{
	struct node *node = arg;
	struct world *world = node->world;
	struct world_packet *copy;

	if (!world->up || !node->online)
		return;
	copy = packet_new(packet->topic, packet->dev, packet->data,
			  packet->len);
	world->bytes += packet->len;
	packet_publish(world, node->part, copy, packet->retain);
	packet_put(copy);
}

static void node_listen_acks(void *arg, bool listen)
{
	struct node *node = arg;

	node->acks = listen;
}

static void node_event(void *arg, enum e2ee_room_event_type type,
		       const char *text)
{
	struct node *node = arg;

	if (type == E2EE_ROOM_KEYFRAME)
		node->keyframes++;
	if (type == E2EE_ROOM_ALARM) {
		node->alarms++;
		if (getenv("WORLD_LOG"))
			printf("# %7llu %s: %s\n",
			       (unsigned long long)node->world->now, node->dev,
			       text);
	}
	if (type == E2EE_ROOM_OUT) {
		node->out_at = node->world->now;
		snprintf(node->out, sizeof(node->out), "%s", text);
	}
}

static const struct e2ee_room_ops node_ops = {
	.publish = node_publish,
	.listen_acks = node_listen_acks,
	.key_new = kernel_key_new,
	.key_del = kernel_key_del,
	.key_list = kernel_key_list,
	.use_epoch = kernel_use_epoch,
	.set_policy = kernel_set_policy,
	.get_policy = kernel_get_policy,
	.event = node_event,
};

struct node *world_add(struct world *world, const char *dev)
{
	struct node *node = &world->nodes[world->count];
	uint8_t seed[E2EE_SEED_LEN];

	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)world_random(world);
	node->world = world;
	node->number = world->count++;
	snprintf(node->dev, sizeof(node->dev), "%s", dev);
	node->kernel.keys = calloc(KERNEL_KEYS, sizeof(*node->kernel.keys));
	node->config = (struct e2ee_room_config){
		.room = "room", .dev = node->dev, .level = E2EE_LEVEL_TOFU,
	};
	node->next = NEVER;
	if (!node->kernel.keys || e2ee_trust_open(NULL, &node->trust, NULL) ||
	    e2ee_identity_memory(seed, &node->identity))
		abort();
	node->config.identity = node->identity;
	node->config.trust = node->trust;
	return node;
}

static void node_retained(struct node *node)
{
	struct world *world = node->world;

	for (size_t i = 0; i < world->retained_count[node->part]; i++)
		packet_send(world, node, world->retained[node->part][i].packet);
}

void node_online(struct node *node, bool online)
{
	if (node->online == online)
		return;
	node->online = online;
	if (!node->room)
		return;
	e2ee_room_link(node->room, node->world->now, online);
	if (online)
		node_retained(node);
	node->next = e2ee_room_timer(node->room, node->world->now);
}

int node_start(struct node *node)
{
	int err;

	node->out_at = 0;
	node->config.epoch = node->kernel.epoch;
	err = e2ee_room_new(&node->config, &node_ops, node, node->world->now,
			    &node->room);
	if (err)
		return err;
	node->online = false;
	if (node->world->up)
		node_online(node, true);
	return 0;
}

void node_kill(struct node *node)
{
	if (!node->room)
		return;
	e2ee_room_free(node->room);
	node->room = NULL;
	node->next = NEVER;
	node->acks = false;
	if (node->online && node->world->up)
		world_will(node->world, node);
	node->online = false;
}

void world_broker(struct world *world, bool up)
{
	world->up = up;
	for (unsigned int i = 0; i < world->count; i++)
		if (world->nodes[i].room)
			node_online(&world->nodes[i], up);
}

void world_forget_retained(struct world *world)
{
	for (unsigned int part = 0; part < WORLD_PARTS; part++) {
		for (size_t i = 0; i < world->retained_count[part]; i++)
			packet_put(world->retained[part][i].packet);
		world->retained_count[part] = 0;
	}
}

void world_open(struct world *world, uint64_t seed)
{
	memset(world, 0, sizeof(*world));
	world->seed = seed;
	world->now = 1000000;
	world->delay = 10;
	world->up = true;
}

void world_close(struct world *world)
{
	for (unsigned int i = 0; i < world->count; i++) {
		struct node *node = &world->nodes[i];

		e2ee_room_free(node->room);
		e2ee_identity_free(node->identity);
		e2ee_trust_close(node->trust);
	}
	while (world->queued)
		packet_put(queue_pop(world).packet);
	world_forget_retained(world);
	for (unsigned int part = 0; part < WORLD_PARTS; part++)
		free(world->retained[part]);
	free(world->queue);
	world_wipe(world);
	for (unsigned int i = 0; i < world->count; i++)
		free(world->nodes[i].kernel.keys);
}

/* time */

static uint64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void node_deliver(struct node *node, const struct world_packet *packet)
{
	struct world *world = node->world;
	struct e2ee_room_packet in = {
		.topic = packet->topic, .dev = packet->dev,
		.data = packet->data, .len = packet->len,
	};
	uint64_t before;

	if (packet->topic == E2EE_TOPIC_EPOCH || packet->topic == E2EE_TOPIC_HB)
		in.dev = NULL;
	if (!node->room || !node->online ||
	    (world->tamper && !world->tamper(world, node, packet, world->arg)))
		return;
	before = world->measure ? cpu_now() : 0;
	node->bytes += packet->len;
	e2ee_room_receive(node->room, world->now, &in);
	node->next = e2ee_room_timer(node->room, world->now);
	if (world->measure)
		node->cpu += cpu_now() - before;
}

static uint64_t world_next(const struct world *world)
{
	uint64_t next = world->queued ? world->queue[0].at : NEVER;

	for (unsigned int i = 0; i < world->count; i++)
		if (world->nodes[i].room && world->nodes[i].next < next)
			next = world->nodes[i].next;
	return next;
}

static void world_step(struct world *world)
{
	while (world->queued && world->queue[0].at <= world->now) {
		struct delivery delivery = queue_pop(world);

		node_deliver(&world->nodes[delivery.to], delivery.packet);
		packet_put(delivery.packet);
	}
	for (unsigned int i = 0; i < world->count; i++) {
		struct node *node = &world->nodes[i];
		uint64_t before;

		if (!node->room || node->next > world->now)
			continue;
		before = world->measure ? cpu_now() : 0;
		node->next = e2ee_room_timer(node->room, world->now);
		if (world->measure)
			node->cpu += cpu_now() - before;
	}
}

bool world_until(struct world *world, uint64_t ms,
		 bool (*done)(struct world *world, void *arg), void *arg)
{
	uint64_t end = world->now + ms;

	for (;;) {
		uint64_t next = world_next(world);

		if (done && done(world, arg))
			return true;
		if (next > end)
			break;
		world->now = next > world->now ? next : world->now;
		world_step(world);
	}
	world->now = end;
	return false;
}

void world_run(struct world *world, uint64_t ms)
{
	world_until(world, ms, NULL, NULL);
}

/* what can be seen of it */

struct node *world_owner(struct world *world)
{
	struct node *owner = NULL;

	for (unsigned int i = 0; i < world->count; i++) {
		struct node *node = &world->nodes[i];

		if (!node->room || node->room->state != E2EE_ROOM_OWNER)
			continue;
		if (owner)
			return NULL;
		owner = node;
	}
	return owner;
}

bool world_is_one(struct world *world, void *arg)
{
	const struct node *owner = world_owner(world);
	unsigned int count = 0;

	(void)arg;
	if (!owner)
		return false;
	for (unsigned int i = 0; i < world->count; i++) {
		const struct node *node = &world->nodes[i];

		if (!node->room || node->room->state == E2EE_ROOM_LEFT)
			continue;
		count++;
		if ((node->room->state != E2EE_ROOM_MEMBER && node != owner) ||
		    memcmp(node->room->last->hash, owner->room->last->hash,
			   E2EE_HASH_LEN) ||
		    !node->room->epoch_count || !node->room->epochs[0]->switched)
			return false;
	}
	return owner->room->last->epoch.roster_count == count;
}
