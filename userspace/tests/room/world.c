// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "world.h"

/** struct delivery - a message on its way to one device */
struct delivery {
	uint64_t at;
	uint64_t order;
	unsigned int to;
	struct world_packet *packet;
};

/**
 * struct secret - a media key, anywhere
 * @held: who ever did, by node number
 * @tx: who sends with it; -1: nobody yet
 */
struct secret {
	uint8_t bytes[32];
	uint64_t held[WORLD_NODES / 64];
	bool used;
	int tx;
	unsigned int tx_installs;
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

/* what holds in all worlds: a key has one sender, and is installed once */

static void secrets_free(struct secret *secrets, size_t slots)
{
	if (secrets)
		OPENSSL_cleanse(secrets, slots * sizeof(*secrets));
	free(secrets);
}

static struct secret *secret_get(struct world *world, const uint8_t *bytes)
{
	size_t at;

	if (2 * world->secret_count >= world->secret_slots) {
		struct secret *old = world->secrets;
		size_t slots = world->secret_slots;

		world->secret_slots = slots ? 2 * slots : 4096;
		world->secrets = calloc(world->secret_slots,
					sizeof(*world->secrets));
		if (!world->secrets)
			abort();
		world->secret_count = 0;
		for (size_t i = 0; i < slots; i++)
			if (old[i].used)
				*secret_get(world, old[i].bytes) = old[i];
		secrets_free(old, slots);
	}
	memcpy(&at, bytes, sizeof(at));
	at %= world->secret_slots;
	while (world->secrets[at].used &&
	       memcmp(world->secrets[at].bytes, bytes, 32))
		at = (at + 1) % world->secret_slots;
	if (!world->secrets[at].used) {
		world->secret_count++;
		world->secrets[at].used = true;
		world->secrets[at].tx = -1;
		memcpy(world->secrets[at].bytes, bytes, 32);
	}
	return &world->secrets[at];
}

static void secret_installed(struct node *node, const struct e2ee_key *key)
{
	struct secret *secret = secret_get(node->world, key->secret);

	secret->held[node->number / 64] |= UINT64_C(1) << node->number % 64;
	if (key->dir != E2EE_DIR_TX)
		return;
	if (secret->tx_installs++)
		world_violation(node->world, "%s installs kid %#llx to send twice",
				node->dev, (unsigned long long)key->kid);
	secret->tx = (int)node->number;
}

bool world_knows(struct world *world, const struct node *node,
		 const uint8_t *secret)
{
	return secret_get(world, secret)->held[node->number / 64] >>
	       node->number % 64 & 1;
}

/* the kernel */

static uint16_t *kernel_bucket(struct kernel *kernel, uint32_t dir,
			       uint64_t kid)
{
	return &kernel->buckets[(kid * 37 ^ kid >> 14 ^ dir) % KERNEL_BUCKETS];
}

static struct kernel_key *kernel_find(struct kernel *kernel, uint32_t dir,
				      uint64_t kid)
{
	uint16_t at = *kernel_bucket(kernel, dir, kid);

	for (; at; at = kernel->keys[at - 1].next)
		if (kernel->keys[at - 1].key.dir == dir &&
		    kernel->keys[at - 1].key.kid == kid)
			return &kernel->keys[at - 1];
	return NULL;
}

static void kernel_link(struct kernel *kernel, struct kernel_key *key)
{
	uint16_t *bucket = kernel_bucket(kernel, key->key.dir, key->key.kid);

	key->next = *bucket;
	*bucket = (uint16_t)(key - kernel->keys + 1);
}

static void kernel_unlink(struct kernel *kernel, const struct kernel_key *key)
{
	uint16_t *at = kernel_bucket(kernel, key->key.dir, key->key.kid);

	while (&kernel->keys[*at - 1] != key)
		at = &kernel->keys[*at - 1].next;
	*at = key->next;
}

/* The last one takes its place */
static void kernel_delete(struct kernel *kernel, struct kernel_key *key)
{
	struct kernel_key *last = &kernel->keys[kernel->count - 1];

	kernel_unlink(kernel, key);
	if (key != last) {
		kernel_unlink(kernel, last);
		*key = *last;
		kernel_link(kernel, key);
	}
	kernel->count--;
}

void node_new_session(struct node *node)
{
	struct kernel *kernel = &node->kernel;

	memset(kernel->buckets, 0, sizeof(kernel->buckets));
	kernel->count = 0;
	kernel->epoch = 0;
	kernel->policy = E2EE_POLICY_REQUIRED;
}

/* In place: copies on the stack would outlive the room (wipe.c) */
void kernel_put(struct node *node, const struct e2ee_key *new)
{
	struct kernel *kernel = &node->kernel;
	struct kernel_key *key = &kernel->keys[kernel->count];

	if (kernel_find(kernel, new->dir, new->kid))
		return;
	kernel->count++;
	memset(key, 0, sizeof(*key));
	memcpy(&key->key, new, sizeof(key->key));
	key->expires = node->world->now + (uint64_t)new->expires * SECOND;
	kernel_link(kernel, key);
}

static int kernel_key_new(void *arg, const struct e2ee_key *keys, size_t count)
{
	struct node *node = arg;
	struct kernel *kernel = &node->kernel;
	int err = 0;

	for (size_t i = 0; i < count; i++) {
		if (kernel_find(kernel, keys[i].dir, keys[i].kid)) {
			world_violation(node->world, "%s: kid %#llx twice",
					node->dev,
					(unsigned long long)keys[i].kid);
			kernel->refused++;
			err = -EEXIST;
			continue;
		}
		if (kernel->count == KERNEL_KEYS)
			return -ENOSPC;
		kernel_put(node, &keys[i]);
		secret_installed(node, &keys[i]);
	}
	return err;
}

static int kernel_key_del(void *arg, const struct e2ee_key *keys, size_t count)
{
	struct node *node = arg;
	struct kernel *kernel = &node->kernel;

	for (size_t i = 0; i < count; i++) {
		struct kernel_key *key = kernel_find(kernel, keys[i].dir,
						     keys[i].kid);

		if (key)
			kernel_delete(kernel, key);
	}
	return 0;
}

static int kernel_key_list(void *arg, e2ee_key_cb cb, void *cb_arg)
{
	struct node *node = arg;
	int ret = 0;

	for (size_t i = 0; i < node->kernel.count && !ret; i++) {
		struct e2ee_key key = node->kernel.keys[i].key;

		OPENSSL_cleanse(key.secret, sizeof(key.secret));
		ret = cb(&key, cb_arg);
	}
	return ret;
}

static int kernel_use_epoch(void *arg, uint32_t epoch, bool force)
{
	struct node *node = arg;

	(void)force;
	if (epoch <= node->kernel.epoch)
		world_violation(node->world, "%s: epoch %u after %u", node->dev,
				epoch, node->kernel.epoch);
	node->kernel.epoch = epoch;
	return 0;
}

static int kernel_set_policy(void *arg, uint32_t policy)
{
	struct node *node = arg;

	node->kernel.policy = policy;
	return 0;
}

static struct kernel_key *kernel_tx(struct node *node, uint32_t ssrc)
{
	struct kernel *kernel = &node->kernel;
	struct kernel_key *claim = NULL;

	for (size_t i = 0; i < kernel->count; i++) {
		struct kernel_key *key = &kernel->keys[i];

		if (key->key.dir != E2EE_DIR_TX ||
		    key->key.epoch != kernel->epoch ||
		    key->expires <= node->world->now)
			continue;
		if (key->key.has & E2EE_HAS(E2EE_A_KEY_SSRC)) {
			if (key->key.ssrc == ssrc)
				return key;
		} else if (!claim || key->key.kid < claim->key.kid) {
			claim = key;
		}
	}
	if (claim) {
		claim->key.has |= E2EE_HAS(E2EE_A_KEY_SSRC);
		claim->key.ssrc = ssrc;
	}
	return claim;
}

static void node_missing(struct node *node, uint32_t dir, uint64_t kid,
			 uint32_t ssrc)
{
	struct e2ee_event_info event = {
		.type = E2EE_EVENT_KEY_MISSING, .dir = dir, .kid = kid,
		.ssrc = ssrc,
	};

	node->missing++;
	if (!node->room)
		return;
	e2ee_room_kernel_event(node->room, node->world->now, &event);
	node->next = e2ee_room_timer(node->room, node->world->now);
}

static void node_get_media(struct node *node, const struct media *media)
{
	struct kernel_key *key = kernel_find(&node->kernel, E2EE_DIR_RX,
					     media->kid);

	if (!key || key->expires <= node->world->now) {
		node->lost++;
		node_missing(node, E2EE_DIR_RX, media->kid, media->ssrc);
	} else if (memcmp(key->key.secret, media->secret, 32)) {
		node->lost++;
	} else {
		key->key.packets++;
		node->got++;
	}
}

bool node_media(struct node *node, uint32_t ssrc)
{
	struct world *world = node->world;
	struct kernel_key *key = kernel_tx(node, ssrc);
	struct media media = { .from = node->number, .ssrc = ssrc };

	if (node->kernel.policy == E2EE_POLICY_OFF ||
	    (!key && node->kernel.policy == E2EE_POLICY_OPTIONAL)) {
		node->clear++;
		return true;
	}
	if (!key) {
		node->swallowed++;
		node_missing(node, E2EE_DIR_TX, 0, ssrc);
		return false;
	}
	key->key.packets++;
	media.kid = key->key.kid;
	memcpy(media.secret, key->key.secret, sizeof(media.secret));
	node->sent++;
	if (world->media)
		world->media(world, &media, world->arg);
	for (unsigned int i = 0; i < world->count; i++)
		if (i != node->number && world->nodes[i].kernel.count)
			node_get_media(&world->nodes[i], &media);
	return true;
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
		free(node->kernel.keys);
	}
	while (world->queued)
		packet_put(queue_pop(world).packet);
	world_forget_retained(world);
	for (unsigned int part = 0; part < WORLD_PARTS; part++)
		free(world->retained[part]);
	free(world->queue);
	secrets_free(world->secrets, world->secret_slots);
}

/* What the kernels and the books of this world know of keys; not the rooms */
void world_wipe(struct world *world)
{
	for (unsigned int i = 0; i < world->count; i++) {
		struct kernel *kernel = &world->nodes[i].kernel;

		OPENSSL_cleanse(kernel->keys,
				KERNEL_KEYS * sizeof(*kernel->keys));
		kernel->count = 0;
	}
	secrets_free(world->secrets, world->secret_slots);
	world->secrets = NULL;
	world->secret_slots = 0;
	world->secret_count = 0;
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
