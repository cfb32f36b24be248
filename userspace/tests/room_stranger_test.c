// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A broker that makes up devices, as many as it likes: what they say must not
 * move those who are really there.
 */
#include <stdlib.h>

#include "room/scenario.h"

#define STRANGERS	300
#define CROWD		600

static void stranger_seed(uint8_t *seed)
{
	for (size_t b = 0; b < E2EE_SEED_LEN; b++)
		seed[b] = (uint8_t)world_random(&world);
}

/* A call that nobody is in but its owner, who does not exist */
static struct e2ee_message *stranger_epoch(const struct e2ee_message *like,
					   const char *dev, const uint8_t *seed,
					   const uint8_t *call, uint8_t which)
{
	struct e2ee_message draft = *like, *msg = NULL;
	struct e2ee_entry entry = like->epoch.roster[0];
	struct e2ee_wrap wrap = like->epoch.wraps[0];
	uint8_t ik[E2EE_IK_LEN], prev[E2EE_HASH_LEN];

	e2ee_sign_public(seed, ik);
	memset(prev, which, sizeof(prev));
	entry.ik = ik;
	snprintf(entry.dev, sizeof(entry.dev), "%s", dev);
	snprintf(draft.dev, sizeof(draft.dev), "%s", dev);
	entry.session = like->session;
	wrap.leaf = entry.leaf;
	draft.call = call;
	draft.epoch.term = 2;
	draft.epoch.seq = 2;
	draft.epoch.prev = prev;
	draft.epoch.owner = entry.leaf;
	draft.epoch.roster = &entry;
	draft.epoch.roster_count = 1;
	draft.epoch.wraps = &wrap;
	draft.epoch.wrap_count = 1;
	draft.epoch.banned_count = 0;
	draft.epoch.lost_count = 0;
	if (e2ee_message_seal(&draft, "room", seed, &msg))
		abort();
	return msg;
}

/* Two EPOCHs of one number each, to everybody */
static void strangers_fork(unsigned int nodes)
{
	const struct e2ee_message *like = world_owner(&world)->room->last;
	uint8_t seed[E2EE_SEED_LEN], call[E2EE_ID_LEN];
	char dev[E2EE_NAME_MAX];

	for (unsigned int i = 0; i < STRANGERS; i++) {
		stranger_seed(seed);
		memcpy(call, seed, sizeof(call));
		snprintf(dev, sizeof(dev), "ghost-%u", i);
		for (uint8_t which = 1; which <= 2; which++) {
			struct e2ee_message *msg =
				stranger_epoch(like, dev, seed, call, which);

			for (unsigned int n = 0; n < nodes; n++)
				world_inject(&world, &world.nodes[n],
					     E2EE_TOPIC_EPOCH, NULL, msg->raw,
					     msg->len);
			e2ee_message_put(msg);
		}
		world_run(&world, 150);
	}
}

static void all_know_all(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int k = 0; k < count; k++)
			if (i != k && e2ee_trust_add(world.nodes[i].trust,
						     world.nodes[k].dev,
						     e2ee_identity_ik(world.nodes[k].identity),
						     E2EE_TRUST_PINNED))
				abort();
}

static void test_forks(enum e2ee_trust_level level, const char *name)
{
	struct node *nodes = scene_open_still(230 + level, 4);
	bool kept = true;

	all_know_all(level == E2EE_LEVEL_TOFU ? 0 : 4);
	for (unsigned int i = 0; i < 4; i++)
		nodes[i].config.level = level;
	for (unsigned int i = 0; i < 3; i++)
		node_start(&nodes[i]);
	ok(scene_together(30 * SECOND), "%s: a room of three", name);
	scene_talk(10 * SECOND, 1);
	kept = e2ee_judge_fork(nodes[0].room, nodes[0].room->last) == NULL;
	strangers_fork(3);
	for (unsigned int i = 0; i < 3; i++)
		ok(!nodes[i].room->bans.count &&
		   !node_alarmed(&nodes[i], "different keys"),
		   "%s: %s bans nobody who does not exist", name,
		   nodes[i].dev);
	ok(kept && !node_status(&nodes[0])->locked,
	   "%s: the room is not locked", name);
	node_start(&nodes[3]);
	ok(scene_together(30 * SECOND), "%s: a fourth one gets in", name);
	scene_end(name);
}

/* As many bans as an EPOCH has room for, and more */
static void test_full(void)
{
	struct node *nodes = scene_open_still(234, 4), *owner;
	uint8_t ik[E2EE_IK_LEN];
	struct e2ee_message *before = NULL;
	bool kept = true;

	for (unsigned int i = 0; i < 3; i++)
		node_start(&nodes[i]);
	ok(scene_together(30 * SECOND), "full: a room of three");
	owner = world_owner(&world);
	for (unsigned int i = 0; i < E2EE_MEMBERS_MAX + 10; i++) {
		if (i == E2EE_MEMBERS_MAX) {
			DO(owner, e2ee_room_rekey(owner->room, world.now));
			scene_talk(5 * SECOND, 1);
			ok(world_is_one(&world, NULL) &&
			   owner->room->last->epoch.banned_count ==
			   E2EE_MEMBERS_MAX, "full: %zu are banned",
			   owner->room->last->epoch.banned_count);
			before = e2ee_message_get(owner->room->last);
		}
		stranger_seed(ik);
		/* the last ones come before all others in their order */
		ik[0] = i < E2EE_MEMBERS_MAX ? ik[0] | 0x80 : 0;
		if (e2ee_idset_add(&owner->room->bans, ik))
			abort();
	}
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	scene_talk(5 * SECOND, 1);
	for (size_t i = 0; before && i < before->epoch.banned_count; i++)
		kept &= e2ee_chain_bans(owner->room->last,
					before->epoch.banned[i]);
	ok(kept && before && memcmp(before->hash, owner->room->last->hash,
			  E2EE_HASH_LEN) != 0,
	   "full: those of before stay when more come");
	ok(world_is_one(&world, NULL) && owner->room->last->epoch.roster_count == 3,
	   "full: all follow");
	ok(node_status(&nodes[0])->locked, "full: the room is locked");
	node_start(&nodes[3]);
	scene_talk(25 * SECOND, 1);
	ok(owner->room->last->epoch.roster_count == 3 &&
	   node_same(&nodes[0], &nodes[1]) && node_same(&nodes[1], &nodes[2]),
	   "full: so nobody new gets in, and the three stay together");
	e2ee_message_put(before);
	scene_end("full");
}

/* Somebody who does not exist, with a good key package */
static void stranger_kp(const char *dev, unsigned int number, uint64_t seq)
{
	struct e2ee_message draft = *world.nodes[0].room->kps[0].msg, *msg;
	uint8_t seed[E2EE_SEED_LEN], ik[E2EE_IK_LEN];

	stranger_seed(seed);
	e2ee_sign_public(seed, ik);
	snprintf(draft.dev, sizeof(draft.dev), "%s%u", dev, number);
	draft.kp.entry.ik = ik;
	draft.kp.seq = seq;
	if (e2ee_message_seal(&draft, "room", seed, &msg))
		abort();
	for (unsigned int n = 0; n < world.count; n++)
		if (world.nodes[n].room)
			world_inject(&world, &world.nodes[n], E2EE_TOPIC_KP,
				     msg->dev, msg->raw, msg->len);
	e2ee_message_put(msg);
}

static void stranger_crowd(void)
{
	for (unsigned int i = 0; i < CROWD; i++) {
		stranger_kp("ghost-", i, 1);
		world_run(&world, 20);
	}
}

static struct peer *peer_of(const struct node *node, const struct node *other)
{
	return e2ee_peers_find(node->room, e2ee_identity_ik(other->identity));
}

/*
 * More key packages than there are places: members, and who is known, keep
 * theirs, and a newcomer who is really there finds one. dave is known, and not
 * in the call: nobody lets him in
 */
static void test_crowd(enum e2ee_trust_level level, const char *name)
{
	struct node *nodes = scene_open_still(240 + level, 6), *owner, *dave;

	all_know_all(level == E2EE_LEVEL_TOFU ? 0 : 6);
	for (unsigned int i = 0; i < 6; i++)
		nodes[i].config.level = level;
	for (unsigned int i = 0; i < 3; i++)
		node_start(&nodes[i]);
	ok(scene_together(30 * SECOND), "%s: a room of three", name);
	owner = world_owner(&world);
	dave = &nodes[3];
	if (level == E2EE_LEVEL_TOFU &&
	    e2ee_trust_add(owner->trust, dave->dev,
			   e2ee_identity_ik(dave->identity),
			   E2EE_TRUST_VERIFIED))
		abort();
	DO(owner, e2ee_room_lock(owner->room, world.now, true));
	node_start(dave);
	world_run(&world, 5 * SECOND);
	ok(peer_of(owner, dave) && peer_of(owner, dave)->kp,
	   "%s: dave's key package is there", name);
	stranger_crowd();
	ok(owner->room->peer_count <= PEERS_MAX - E2EE_MEMBERS_MAX + 3,
	   "%s: of %u strangers, %zu are remembered", name, CROWD,
	   owner->room->peer_count);
	ok(peer_of(owner, dave) && peer_of(owner, dave)->kp,
	   "%s: dave's still is", name);
	for (unsigned int i = 0; i < 3; i++)
		ok(peer_of(owner, &nodes[i]) && (&nodes[i] == owner ||
		   peer_of(owner, &nodes[i])->kp),
		   "%s: so is that of %s", name, nodes[i].dev);
	node_kill(dave);
	DO(owner, e2ee_room_lock(owner->room, world.now, false));
	node_start(&nodes[4]);
	node_start(&nodes[5]);
	ok(scene_together(30 * SECOND) &&
	   owner->room->last->epoch.roster_count == 5,
	   "%s: two newcomers get in", name);
	scene_end(name);
}

static unsigned int alarms_of(const struct node *node, const char *text)
{
	unsigned int count = 0;

	for (size_t i = 0; i < node->room->alarm_count; i++)
		count += strstr(node->room->alarms[i].text, text) != NULL;
	return count;
}

/* What strangers bring about does not push out what people have to see */
static void test_alarms(void)
{
	struct node *nodes = scene_open_still(245, 3), *owner;
	uint8_t ik[E2EE_IK_LEN];
	unsigned int told;
	char dev[16];

	for (unsigned int i = 0; i < 100; i++) {
		snprintf(dev, sizeof(dev), "friend-%u", i);
		stranger_seed(ik);
		for (unsigned int n = 0; n < 2; n++)
			if (e2ee_trust_add(nodes[n].trust, dev, ik,
					   E2EE_TRUST_PINNED))
				abort();
	}
	node_start(&nodes[0]);
	node_start(&nodes[1]);
	ok(scene_together(30 * SECOND), "alarms: a room of two");
	owner = world_owner(&world);
	e2ee_alarm(owner->room, ALARM_FORK, "", "people should see this");
	told = owner->alarms;
	/* each asks to be let in, under a name that somebody else has */
	for (unsigned int i = 0; i < 100; i++) {
		stranger_kp("friend-", i, 1);
		world_run(&world, 50);
		snprintf(dev, sizeof(dev), "friend-%u", i);
		e2ee_peers_trusted(owner->room, dev,
				   owner->room->peers[owner->room->peer_count - 1].ik);
	}
	ok(node_alarmed(owner, "shows another identity"),
	   "alarms: identities that are false are told");
	ok(alarms_of(owner, "shows another identity") <= HEARSAY_MAX,
	   "alarms: %u of them stand in the status",
	   alarms_of(owner, "shows another identity"));
	ok(node_alarmed(owner, "people should see this"),
	   "alarms: what was there before still is");
	ok(owner->alarms - told <= 2 * HEARSAY_MAX,
	   "alarms: 100 false ones in 5 s, %u are told",
	   owner->alarms - told);
	node_start(&nodes[2]);
	ok(scene_together(30 * SECOND), "alarms: a third one gets in");
	scene_end("alarms");
}

int main(int argc, char **argv)
{
	test_crowd(E2EE_LEVEL_TOFU, "crowd, tofu");
	test_crowd(E2EE_LEVEL_VERIFIED, "crowd, verified");
	test_alarms();
	test_forks(E2EE_LEVEL_TOFU, "tofu");
	test_forks(E2EE_LEVEL_VERIFIED, "verified");
	test_full();
	return scene_finish(argc, argv);
}
