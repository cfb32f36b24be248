// SPDX-License-Identifier: GPL-2.0
/* Memory of receiving keys. */

/**
 * DOC: floors
 *
 * A replay window goes away with its key. If nothing else were kept, whoever
 * carries the packets could send everything again once the same key is installed
 * anew: in the same session, in another one or in another namespace. So the module
 * keeps, of each AEAD key that has authenticated a packet, the highest CTR + 1. A
 * new window of that key accepts nothing below it, because it is not known any
 * more which of the lower CTRs were seen.
 *
 * While an AEAD key is installed, its entry cannot get lost. The entry is made with
 * the key, so nothing has to be allocated when the key is deleted. What is
 * remembered after that is bounded: rooms install fresh keys whenever a member
 * comes or goes, and a conference host that runs for months must not fill up. When
 * a pool is full, its oldest entry is forgotten, and that is counted.
 *
 * The host has a pool of its own. All other user namespaces are spread over the
 * remaining pools by whoever answers for them (share.c), as root of a container may
 * install as many keys as it likes: it makes others forget only where chance gave
 * them the same pool.
 */
#include <linux/list.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/e2ee.h>
#include "floor.h"
#include "memory.h"
#include "share.h"

#define E2EE_FLOOR_POOLS	32	/* the first one is the host's */

/**
 * struct e2ee_floor - what is remembered of one AEAD key
 * @in_table: in e2ee_floors
 * @in_pool: in struct e2ee_floor_pool.oldest, while nobody uses it
 * @digest: of the AEAD key
 * @next: highest CTR authenticated by a key that is deleted + 1; 0: none
 * @users: keys that are installed with this AEAD key
 * @pool: of whoever installed it last
 */
struct e2ee_floor {
	struct rhash_head in_table;
	struct list_head in_pool;
	u64 digest;
	u64 next;
	u32 users;
	u32 pool;
};

/**
 * struct e2ee_floor_pool - entries that nobody uses
 * @oldest: struct e2ee_floor.in_pool, oldest first
 * @count: entries of @oldest
 * @lost: entries forgotten for want of room
 */
struct e2ee_floor_pool {
	struct list_head oldest;
	u32 count;
	u64 lost;
};

static const struct rhashtable_params e2ee_floor_params = {
	.key_len = sizeof_field(struct e2ee_floor, digest),
	.key_offset = offsetof(struct e2ee_floor, digest),
	.head_offset = offsetof(struct e2ee_floor, in_table),
	.automatic_shrinking = true,
};

static struct rhashtable e2ee_floors;
static struct e2ee_floor_pool e2ee_floor_pools[E2EE_FLOOR_POOLS];
/* protects the table, its entries and the pools; nothing sleeps under it */
static DEFINE_SPINLOCK(e2ee_floor_lock);
static siphash_key_t e2ee_floor_key;

static u32 e2ee_floor_pool(const struct user_namespace *user_ns)
{
	struct e2ee_share_owner owner;
	u64 hash;

	if (!e2ee_share_owner(user_ns, &owner))
		return 0;
	hash = siphash_2u32(__kuid_val(owner.user), owner.inum,
			    &e2ee_floor_key);
	return 1 + hash % (E2EE_FLOOR_POOLS - 1);
}

static u32 e2ee_floor_max(u32 pool)
{
	return pool ? E2EE_FLOORS_PER_POOL : E2EE_FLOORS_HOST;
}

static void e2ee_floor_forget(struct e2ee_floor *floor)
{
	lockdep_assert_held(&e2ee_floor_lock);
	rhashtable_remove_fast(&e2ee_floors, &floor->in_table,
			       e2ee_floor_params);
	/* a reader of the table holds the lock: none is left */
	kfree(floor);
}

/* The entry of @digest, which is @fresh if there was none; NULL: no memory */
static struct e2ee_floor *e2ee_floor_find(u64 digest, struct e2ee_floor *fresh)
{
	struct e2ee_floor *floor;

	lockdep_assert_held(&e2ee_floor_lock);
	floor = rhashtable_lookup_fast(&e2ee_floors, &digest,
				       e2ee_floor_params);
	if (floor || !fresh)
		return floor;
	fresh->digest = digest;
	if (rhashtable_insert_fast(&e2ee_floors, &fresh->in_table,
				   e2ee_floor_params))
		return NULL;
	return fresh;
}

/**
 * e2ee_floor_get() - a key is installed to receive
 * @digest: e2ee_digest_of() the AEAD key
 * @user_ns: owner of the network namespace that receives
 * @next: the answer: nothing below this CTR may be delivered with the key
 *
 * Context: process.
 * Return: the memory of that AEAD key, to be given back by e2ee_floor_put(), or
 * NULL without memory.
 */
struct e2ee_floor *e2ee_floor_get(u64 digest,
				  const struct user_namespace *user_ns,
				  u64 *next)
{
	struct e2ee_floor *floor, *fresh;

	fresh = kzalloc(sizeof(*fresh), E2EE_GFP_REQUEST);
	spin_lock(&e2ee_floor_lock);
	floor = e2ee_floor_find(digest, fresh);
	if (floor) {
		if (!floor->users && floor != fresh) {
			list_del(&floor->in_pool);
			e2ee_floor_pools[floor->pool].count--;
		}
		floor->users++;
		floor->pool = e2ee_floor_pool(user_ns);
		*next = floor->next;
	}
	spin_unlock(&e2ee_floor_lock);
	if (floor != fresh)
		kfree(fresh);
	return floor;
}

static void e2ee_floor_pool_add(struct e2ee_floor *floor)
{
	struct e2ee_floor_pool *pool = &e2ee_floor_pools[floor->pool];

	list_add_tail(&floor->in_pool, &pool->oldest);
	if (pool->count++ < e2ee_floor_max(floor->pool))
		return;
	floor = list_first_entry(&pool->oldest, struct e2ee_floor, in_pool);
	list_del(&floor->in_pool);
	pool->count--;
	pool->lost++;
	e2ee_floor_forget(floor);
}

/**
 * e2ee_floor_put() - a key does not receive any more
 * @floor: from e2ee_floor_get()
 * @next: highest CTR that it authenticated + 1; 0: it authenticated nothing
 *
 * Where no key of this secret ever authenticated anything, nothing is left
 * behind: a refused request, for one key or many, is as if it had not been.
 *
 * Context: process.
 */
void e2ee_floor_put(struct e2ee_floor *floor, u64 next)
{
	spin_lock(&e2ee_floor_lock);
	floor->next = max(floor->next, next);
	if (!--floor->users) {
		if (floor->next)
			e2ee_floor_pool_add(floor);
		else
			e2ee_floor_forget(floor);
	}
	spin_unlock(&e2ee_floor_lock);
}

/**
 * e2ee_floor_count() - deleted receiving keys remembered, for the pool of a caller
 * @user_ns: owner of the caller's network namespace
 * @max: how many there may be
 * @lost: how many were forgotten since the module was loaded, for want of room
 *
 * Context: process.
 */
u32 e2ee_floor_count(const struct user_namespace *user_ns, u32 *max, u64 *lost)
{
	u32 pool = e2ee_floor_pool(user_ns);
	u32 count;

	*max = e2ee_floor_max(pool);
	spin_lock(&e2ee_floor_lock);
	count = e2ee_floor_pools[pool].count;
	*lost = e2ee_floor_pools[pool].lost;
	spin_unlock(&e2ee_floor_lock);
	return count;
}

static void e2ee_floor_free(void *ptr, void *arg)
{
	kfree(ptr);
}

int e2ee_floor_init(void)
{
	int i;

	get_random_bytes(&e2ee_floor_key, sizeof(e2ee_floor_key));
	for (i = 0; i < E2EE_FLOOR_POOLS; i++) {
		INIT_LIST_HEAD(&e2ee_floor_pools[i].oldest);
		e2ee_floor_pools[i].count = 0;
		e2ee_floor_pools[i].lost = 0;
	}
	return rhashtable_init(&e2ee_floors, &e2ee_floor_params);
}

void e2ee_floor_exit(void)
{
	rhashtable_free_and_destroy(&e2ee_floors, e2ee_floor_free, NULL);
}
