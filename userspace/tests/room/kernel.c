// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernels of a world, the media that goes through them, and who ever held
 * which key.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "kernel.h"

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

static int kernel_fails(struct node *node, enum kernel_call call)
{
	const struct world *world = node->world;

	return world->fault ? world->fault(node, call, world->fault_arg) : 0;
}

/* Has this SSRC a key of its own in this epoch already? */
static bool kernel_binds(const struct kernel *kernel, const struct e2ee_key *new)
{
	if (new->dir != E2EE_DIR_TX || !(new->has & E2EE_HAS(E2EE_A_KEY_SSRC)))
		return false;
	for (size_t i = 0; i < kernel->count; i++) {
		const struct e2ee_key *key = &kernel->keys[i].key;

		if (key->dir == E2EE_DIR_TX && key->epoch == new->epoch &&
		    key->has & E2EE_HAS(E2EE_A_KEY_SSRC) &&
		    key->ssrc == new->ssrc)
			return true;
	}
	return false;
}

static int kernel_install(struct node *node, const struct e2ee_key *keys,
			  size_t count)
{
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
		if (kernel_binds(kernel, &keys[i])) {
			world_violation(node->world, "%s: SSRC %u bound twice",
					node->dev, keys[i].ssrc);
			kernel->refused++;
			return -EEXIST;
		}
		if (kernel->count == KERNEL_KEYS)
			return -ENOSPC;
		kernel_put(node, &keys[i]);
		secret_installed(node, &keys[i]);
	}
	return err;
}

int kernel_key_new(void *arg, const struct e2ee_key *keys, size_t count)
{
	struct node *node = arg;
	int err = kernel_fails(node, CALL_KEY_NEW);

	if (err)
		return err;
	err = kernel_install(node, keys, count);
	return err ?: kernel_fails(node, CALL_KEY_NEW_ANSWER);
}

int kernel_key_del(void *arg, const struct e2ee_key *keys, size_t count)
{
	struct node *node = arg;
	struct kernel *kernel = &node->kernel;
	int err = kernel_fails(node, CALL_KEY_DEL);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		struct kernel_key *key = kernel_find(kernel, keys[i].dir,
						     keys[i].kid);

		if (keys[i].dir == E2EE_DIR_RX &&
		    !(keys[i].has & E2EE_HAS(E2EE_A_KEY_SSRC_MODE)))
			world_violation(node->world, "%s deletes a key to receive by half its name",
					node->dev);
		if (key)
			kernel_delete(kernel, key);
	}
	return 0;
}

int kernel_key_list(void *arg, e2ee_key_cb cb, void *cb_arg)
{
	struct node *node = arg;
	int ret = kernel_fails(node, CALL_KEY_LIST);

	for (size_t i = 0; i < node->kernel.count && !ret; i++) {
		struct e2ee_key key = node->kernel.keys[i].key;

		OPENSSL_cleanse(key.secret, sizeof(key.secret));
		ret = cb(&key, cb_arg);
	}
	return ret;
}

int kernel_use_epoch(void *arg, uint32_t epoch, bool force)
{
	struct node *node = arg;
	int err = kernel_fails(node, CALL_USE_EPOCH);

	(void)force;
	if (err)
		return err;
	if (epoch <= node->kernel.epoch)
		world_violation(node->world, "%s: epoch %u after %u", node->dev,
				epoch, node->kernel.epoch);
	node->kernel.epoch = epoch;
	return 0;
}

int kernel_set_policy(void *arg, uint32_t policy)
{
	struct node *node = arg;
	int err = kernel_fails(node, CALL_SET_POLICY);

	if (!err)
		node->kernel.policy = policy;
	return err;
}

int kernel_get_policy(void *arg, uint32_t *policy)
{
	struct node *node = arg;
	int err = kernel_fails(node, CALL_GET_POLICY);

	*policy = node->kernel.policy;
	return node->kernel.mute ? -EIO : err;
}

static struct kernel_key *kernel_tx(struct node *node, uint32_t ssrc)
{
	struct kernel *kernel = &node->kernel;
	struct kernel_key *claim = NULL, *any = NULL;

	for (size_t i = 0; i < kernel->count; i++) {
		struct kernel_key *key = &kernel->keys[i];

		if (key->key.dir != E2EE_DIR_TX ||
		    key->key.epoch != kernel->epoch ||
		    key->expires <= node->world->now)
			continue;
		if (key->key.has & E2EE_HAS(E2EE_A_KEY_SSRC)) {
			if (key->key.ssrc == ssrc)
				return key;
		} else if (key->key.ssrc_mode == E2EE_SSRC_ANY) {
			any = key;
		} else if (!claim || key->key.kid < claim->key.kid) {
			claim = key;
		}
	}
	if (claim) {
		claim->key.has |= E2EE_HAS(E2EE_A_KEY_SSRC);
		claim->key.ssrc = ssrc;
	}
	return claim ?: any;
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
