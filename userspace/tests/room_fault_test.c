// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rooms on a machine that is in trouble: disk full, out of memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "room/scenario.h"

static char folder[32], aside[64], path[64];

/* The next so many EPOCHs cannot be accepted, whoever wants to */
static unsigned int no_memory;

int __real_e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw,
				uint8_t *secret);
int __wrap_e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw,
				uint8_t *secret);

int __wrap_e2ee_schedule_secret(const uint8_t *t, const uint8_t *raw,
				uint8_t *secret)
{
	if (no_memory) {
		no_memory--;
		return -ENOMEM;
	}
	return __real_e2ee_schedule_secret(t, raw, secret);
}

/* The machine has no new random numbers */
static bool no_random;

int __real_e2ee_random_renew(void);
int __wrap_e2ee_random_renew(void);

int __wrap_e2ee_random_renew(void)
{
	return no_random ? -EIO : __real_e2ee_random_renew();
}

/* Its key packages' number has to be stored first, and cannot be */
static void disk_full(bool full)
{
	if (rename(full ? folder : aside, full ? aside : folder))
		abort();
}

/* carol hears of a call, but has no key package; then she is alone */
static void test_disk_full(void)
{
	struct node *nodes = scene_open_still(270, 3), *carol = &nodes[2];

	node_start(&nodes[0]);
	node_start(&nodes[1]);
	ok(scene_together(30 * SECOND), "disk full: a room of two");
	e2ee_identity_free(carol->identity);
	if (e2ee_identity_create(path, NULL) ||
	    e2ee_identity_load(path, &carol->identity, NULL))
		abort();
	carol->config.identity = carol->identity;
	disk_full(true);
	node_start(carol);
	world_run(&world, 30 * SECOND);
	ok(node_alarmed(carol, "no new key package") && !carol->room->last,
	   "disk full: carol has no key package, and says so");
	node_kill(&nodes[0]);
	node_kill(&nodes[1]);
	world_run(&world, 120 * SECOND);
	ok(carol->room->state == E2EE_ROOM_JOIN,
	   "disk full: nor does she begin a call");
	disk_full(false);
	world_run(&world, 20 * SECOND);
	ok(carol->room->state == E2EE_ROOM_OWNER,
	   "disk full: she does when there is space again");
	scene_end("disk full");
}

/*
 * The trust store cannot be written: bob is known for this time only, says an
 * alarm, and somebody else of his name is refused as if he stood in it. With
 * alice as the owner, or as a member.
 */
static void test_store_full(bool owner)
{
	struct node *nodes = scene_open_still(owner ? 274 : 275, 4);
	struct node *alice = &nodes[0], *bob = &nodes[1], *carol = &nodes[2];
	struct node *mallory = &nodes[3];
	const char *name = owner ? "store full, owner" : "store full, member";
	char store[80];

	snprintf(store, sizeof(store), "%s/trust", folder);
	e2ee_trust_close(alice->trust);
	if (e2ee_trust_open(store, &alice->trust, NULL))
		abort();
	alice->config.trust = alice->trust;
	disk_full(true);
	node_start(owner ? alice : carol);
	world_run(&world, 10 * SECOND);
	node_start(owner ? carol : alice);
	node_start(bob);
	ok(scene_together(30 * SECOND) &&
	   world_owner(&world) == (owner ? alice : carol), "%s: a room", name);
	scene_talk(5 * SECOND, 1);
	ok(node_alarmed(alice, "trust store cannot be written") &&
	   e2ee_trust_ask(alice->trust, "bob", e2ee_identity_ik(bob->identity),
			  NULL) == E2EE_TRUST_NEW, "%s: she says so", name);
	node_kill(bob);
	world_run(&world, 30 * SECOND);
	if (!owner && e2ee_trust_del(carol->trust, "bob"))
		abort();
	snprintf(mallory->dev, sizeof(mallory->dev), "bob");
	node_start(mallory);
	scene_talk(20 * SECOND, 1);
	ok(!e2ee_chain_find(alice->room->last,
			    e2ee_identity_ik(mallory->identity)),
	   "%s: another bob is not in her roster", name);
	ok(!tape_open(mallory, alice, 0, NEVER), "%s: nor does he hear her",
	   name);
	ok(node_alarmed(alice, "bob shows another identity"),
	   "%s: which she says, too", name);
	disk_full(false);
	scene_talk(40 * SECOND, 1);
	ok(e2ee_trust_ask(alice->trust, "bob", e2ee_identity_ik(bob->identity),
			  NULL) == E2EE_TRUST_GOOD && !alice->room->seen_count,
	   "%s: with space again the store is told", name);
	scene_end(name);
	unlink(store);
	strcat(store, ".lock");
	unlink(store);
}

static bool memory_lacked(struct world *now, void *arg)
{
	(void)now;
	(void)arg;
	return !no_memory;
}

/* An owner who cannot accept its own EPOCH has not made one */
static void test_owner_without_memory(void)
{
	struct node *nodes = scene_open(271, 4), *owner, *carol;
	uint8_t before[E2EE_HASH_LEN];
	bool nobody = true;

	ok(scene_together(30 * SECOND), "no memory: a room of four");
	scene_talk(5 * SECOND, 1);
	owner = world_owner(&world);
	carol = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	memcpy(before, owner->room->last->hash, sizeof(before));
	no_memory = 1;
	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	ok(world_until(&world, 5 * SECOND, memory_lacked, NULL),
	   "no memory: for the EPOCH that removes her");
	world_run(&world, 200);
	for (unsigned int i = 0; i < 4; i++)
		nobody &= !memcmp(nodes[i].room->last->hash, before,
				  sizeof(before));
	ok(nobody && node_alarmed(owner, "no memory for an epoch"),
	   "no memory: nobody has it, and the owner says so");
	scene_talk(3 * SECOND, 1);
	ok(carol->out_at && world_is_one(&world, NULL) &&
	   owner->room->last->epoch.roster_count == 3,
	   "no memory: a moment later she is out, and all others follow");
	for (unsigned int i = 0; i < 4; i++)
		ok(!node_alarmed(&nodes[i], "different keys"),
		   "no memory: to %s the owner never contradicts itself",
		   nodes[i].dev);
	scene_end("no memory");
}

/* Nor is one an owner who cannot take over, or create, for want of it */
static void test_heir_without_memory(void)
{
	struct node *nodes = scene_open_still(272, 3), *owner, *heir;
	uint8_t before[E2EE_HASH_LEN];

	no_memory = 2;
	node_start(&nodes[0]);
	world_until(&world, 30 * SECOND, memory_lacked, NULL);
	ok(nodes[0].room->state == E2EE_ROOM_JOIN && !nodes[0].room->last,
	   "no memory to create: no call");
	node_start(&nodes[1]);
	node_start(&nodes[2]);
	ok(scene_together(40 * SECOND), "no memory to create: one later");
	scene_talk(5 * SECOND, 1);
	owner = world_owner(&world);
	memcpy(before, owner->room->last->hash, sizeof(before));
	node_kill(owner);
	no_memory = 1;
	ok(world_until(&world, 60 * SECOND, memory_lacked, NULL),
	   "no memory to take over: somebody tries");
	world_run(&world, 200);
	for (unsigned int i = 0; i < 3; i++)
		ok(!nodes[i].room ||
		   (nodes[i].room->state == E2EE_ROOM_MEMBER &&
		    !memcmp(nodes[i].room->last->hash, before, sizeof(before))),
		   "no memory to take over: %s waits", nodes[i].dev);
	world_run(&world, 30 * SECOND);
	heir = world_owner(&world);
	ok(heir && heir->room->last->epoch.term == 2 &&
	   heir->room->epochs[0]->switched,
	   "no memory to take over: a moment later it is done");
	scene_end("no memory to take over");
}

/* A member who had no memory for an EPOCH accepts it when it comes again */
static void test_member_without_memory(void)
{
	struct node *nodes = scene_open(273, 3), *owner, *bob;
	uint32_t seq;

	ok(scene_together(30 * SECOND), "member without memory: a room of three");
	scene_talk(5 * SECOND, 1);
	owner = world_owner(&world);
	bob = owner == &nodes[1] ? &nodes[2] : &nodes[1];
	seq = owner->room->last->epoch.seq;
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	while (owner->room->last->epoch.seq == seq)
		world_run(&world, 1);
	no_memory = 1;			/* at whom it reaches first */
	scene_talk(4 * SECOND, 1);
	ok(!no_memory && owner->room->last->epoch.seq == seq + 1 &&
	   node_same(bob, owner) && world_is_one(&world, NULL),
	   "member without memory: it has the keys when they come again");
	scene_end("member without memory");
}

/*
 * Copied or woken, and without new random numbers, a device makes nothing that
 * needs them, whatever it was in the call; with them it comes back by itself.
 */
static void test_no_random(bool owner)
{
	const char *name = owner ? "no random, owner" : "no random, member";
	struct node *nodes = scene_open(owner ? 276 : 277, 3), *node;

	ok(scene_together(30 * SECOND), "%s: a room of three", name);
	scene_talk(5 * SECOND, 1);
	node = world_owner(&world);
	if (!owner)
		node = node == &nodes[0] ? &nodes[1] : &nodes[0];
	no_random = true;
	DO(node, (e2ee_room_renew(node->room, world.now), 0));
	world_run(&world, 60 * SECOND);
	ok(node_alarmed(node, "no new random numbers"), "%s: an alarm", name);
	ok(node->room->state == E2EE_ROOM_JOIN && !node->room->epoch_count &&
	   !node->room->kps[0].msg, "%s: it stays out of the call", name);
	for (unsigned int i = 0; i < 3; i++)
		ok(&nodes[i] == node ||
		   !e2ee_chain_find(nodes[i].room->last,
				    e2ee_identity_ik(node->identity)),
		   "%s: %s goes on without it", name, nodes[i].dev);
	no_random = false;
	ok(scene_together(30 * SECOND), "%s: then it comes back", name);
	scene_talk(3 * SECOND, 1);
	scene_end(name);
}

int main(int argc, char **argv)
{
	int ret;

	strcpy(folder, "/tmp/room-fault-XXXXXX");
	if (!mkdtemp(folder))
		abort();
	snprintf(path, sizeof(path), "%s/identity", folder);
	snprintf(aside, sizeof(aside), "%s.full", folder);
	test_disk_full();
	test_store_full(true);
	test_store_full(false);
	test_owner_without_memory();
	test_heir_without_memory();
	test_member_without_memory();
	test_no_random(true);
	test_no_random(false);
	ret = scene_finish(argc, argv);
	unlink(path);
	strcat(path, ".seq");
	unlink(path);
	strcat(path, ".lock");
	unlink(path);
	rmdir(folder);
	return ret;
}
