// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A hostile broker: it forges, replays, replaces, floods and splits. Each
 * attack is tried against a room that talks.
 */
#include <stdlib.h>

#include "room/scenario.h"

static struct letters letters;
static struct node *victim;

static bool broker_keeps(struct world *now, struct node *to,
			 const struct world_packet *packet, void *arg)
{
	(void)now;
	(void)arg;
	if (to == victim && packet->topic != E2EE_TOPIC_PROBE)
		letters_keep(&letters, packet);
	return true;
}

static struct node *call_of(uint64_t seed, unsigned int count)
{
	struct node *nodes = scene_open(seed, count);

	ok(scene_together(30 * SECOND), "a room of %u", count);
	scene_talk(4 * SECOND, 1);
	return nodes;
}

static void replay_all(struct node *to, uint64_t ms)
{
	uint64_t pace = ms / (letters.count + 1);

	for (size_t i = 0; i < letters.count; i++) {
		letters_replay(&letters, i, to);
		if (pace)
			scene_talk(pace, 1);
	}
	scene_talk(SECOND, 1);
}

static uint64_t all_dropped(enum e2ee_room_stat stat)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < world.count; i++)
		if (world.nodes[i].room)
			sum += e2ee_room_stat(world.nodes[i].room, stat);
	return sum;
}

/* All of this call comes again, forwards and backwards */
static void test_replay(void)
{
	struct node *nodes = call_of(200, 3), *owner;
	uint32_t epochs[3];
	uint8_t t[E2EE_HASH_LEN];

	victim = &nodes[1];
	world.tamper = broker_keeps;
	for (unsigned int i = 0; i < 6; i++) {
		owner = world_owner(&world);
		DO(owner, e2ee_room_rekey(owner->room, world.now));
		scene_talk(3 * SECOND, 1);
	}
	world.tamper = NULL;
	owner = world_owner(&world);
	memcpy(t, owner->room->last->hash, sizeof(t));
	for (unsigned int i = 0; i < 3; i++)
		epochs[i] = nodes[i].kernel.epoch;
	scene_count();
	for (unsigned int i = 0; i < 3; i++)
		replay_all(&nodes[i], 4 * SECOND);
	for (size_t i = letters.count; i-- > 0; )
		letters_replay(&letters, i, &nodes[2]);
	scene_talk(2 * SECOND, 1);
	ok(letters.count > 30, "replay: %zu messages again", letters.count);
	ok(world_is_one(&world, NULL) && world_owner(&world) == owner &&
	   !memcmp(owner->room->last->hash, t, sizeof(t)),
	   "replay: the room is as it was");
	for (unsigned int i = 0; i < 3; i++)
		ok(nodes[i].kernel.epoch == epochs[i],
		   "replay: %s keeps its keys", nodes[i].dev);
	ok(!scene_lost() && !scene_swallowed(), "replay: media goes on");
	letters_free(&letters);
	scene_end("replay");
}

/* A call that is over comes back: to its members, and to a newcomer */
static void test_old_call(void)
{
	struct node *nodes = scene_open_still(201, 3), *owner;
	uint8_t call[E2EE_ID_LEN];

	node_start(&nodes[0]);
	node_start(&nodes[1]);
	victim = &nodes[1];
	world.tamper = broker_keeps;
	ok(scene_together(30 * SECOND), "old call: a room of two");
	scene_talk(20 * SECOND, 1);
	world.tamper = NULL;
	memcpy(call, nodes[0].room->last->call, sizeof(call));
	owner = world_owner(&world);
	DO(owner, e2ee_room_end(owner->room, world.now));
	world_run(&world, 3 * SECOND);
	for (unsigned int i = 0; i < 2; i++) {
		node_kill(&nodes[i]);
		node_new_session(&nodes[i]);
		node_start(&nodes[i]);
	}
	ok(scene_together(30 * SECOND), "old call: they meet again");
	scene_count();
	replay_all(&nodes[0], 4 * SECOND);
	replay_all(&nodes[1], 4 * SECOND);
	node_start(&nodes[2]);
	replay_all(&nodes[2], 10 * SECOND);
	ok(scene_together(20 * SECOND), "old call: one room of three");
	ok(memcmp(nodes[2].room->last->call, call, sizeof(call)) != 0,
	   "old call: of the new call");
	ok(!scene_clear(), "old call: nothing in clear");
	letters_free(&letters);
	scene_end("old call");
}

/* The same people in another room */
static void test_other_room(void)
{
	struct node *nodes = scene_open_still(202, 2);
	const struct peer *bob;
	uint64_t before;

	for (unsigned int i = 0; i < 2; i++) {
		nodes[i].config.room = "other";
		node_start(&nodes[i]);
	}
	victim = &nodes[1];
	world.tamper = broker_keeps;
	ok(scene_together(30 * SECOND), "other room: a room of two");
	scene_talk(10 * SECOND, 1);
	scene_end("other room");

	nodes = scene_open_still(202, 3);	/* the same seed: the same people */
	node_start(&nodes[0]);
	node_start(&nodes[2]);
	ok(scene_together(30 * SECOND), "other room: here without bob");
	before = all_dropped(E2EE_ROOM_DROP_SIGNATURE);
	replay_all(&nodes[0], 5 * SECOND);
	replay_all(&nodes[2], 5 * SECOND);
	bob = e2ee_peers_find(nodes[0].room,
			      e2ee_identity_ik(nodes[1].identity));
	ok(world_is_one(&world, NULL) && !bob &&
	   nodes[0].room->last->epoch.roster_count == 2,
	   "other room: what bob said there means nothing here");
	ok(all_dropped(E2EE_ROOM_DROP_SIGNATURE) > before,
	   "other room: signatures are for one room");
	letters_free(&letters);
	scene_end("other room, replayed");
}

/* One bit of bob's key package is another one, on its way to the others */
static bool broker_bends(struct world *now, struct node *to,
			 const struct world_packet *packet, void *arg)
{
	struct e2ee_room_packet in = {
		.topic = packet->topic, .dev = packet->dev, .len = packet->len,
	};
	uint8_t *copy;

	(void)arg;
	if (packet->topic != E2EE_TOPIC_KP || !packet->len || to == victim ||
	    strcmp(packet->dev, victim->dev))
		return true;
	copy = malloc(packet->len);
	if (!copy)
		abort();
	memcpy(copy, packet->data, packet->len);
	copy[packet->len - 70] ^= 1;
	in.data = copy;
	e2ee_room_receive(to->room, now->now, &in);
	free(copy);
	return false;
}

static void test_bent_kp(void)
{
	struct node *nodes = scene_open_still(203, 2);

	victim = &nodes[1];
	world.tamper = broker_bends;
	node_start(&nodes[0]);
	node_start(&nodes[1]);
	world_run(&world, 40 * SECOND);
	ok(nodes[0].room->last->epoch.roster_count == 1 &&
	   !nodes[1].room->last &&
	   e2ee_room_stat(nodes[0].room, E2EE_ROOM_DROP_SIGNATURE) +
	   e2ee_room_stat(nodes[0].room, E2EE_ROOM_DROP_FORM),
	   "bent key package: nothing is wrapped to it");
	scene_talk(SECOND, 1);
	ok(!tape_open(&nodes[1], &nodes[0], 0, NEVER),
	   "bent key package: nothing is heard");
	world.tamper = NULL;
	ok(scene_together(11 * MINUTE),
	   "bent key package: the next one lets him in, 10 minutes later");
	scene_end("bent key package");
}

/* An EPOCH that takes over alice's call, signed by @seed for @signer's entry */
static struct e2ee_message *forge(const struct e2ee_message *last,
				  const struct node *by, bool as_owner)
{
	struct e2ee_message draft = *last, *msg = NULL;
	struct e2ee_entry roster[8];

	memcpy(roster, last->epoch.roster,
	       last->epoch.roster_count * sizeof(roster[0]));
	draft.epoch.roster = roster;
	draft.epoch.seq++;
	draft.epoch.prev = last->hash;
	if (!as_owner) {
		for (size_t i = 0; i < draft.epoch.roster_count; i++) {
			if (roster[i].leaf != draft.epoch.owner)
				continue;
			roster[i].ik = e2ee_identity_ik(by->identity);
			strcpy(roster[i].dev, by->dev);
			strcpy(draft.dev, by->dev);
		}
		draft.epoch.term++;
	}
	if (e2ee_message_seal(&draft, "room", e2ee_identity_seed(by->identity),
			      &msg))
		abort();
	return msg;
}

static void test_forged_owner(bool as_owner)
{
	const char *name = as_owner ? "forged signature" : "forged owner";
	struct node *nodes = call_of(204 + as_owner, 3);
	struct node *owner = world_owner(&world);
	struct node *eve = world_add(&world, "eve");
	struct e2ee_message *msg = forge(owner->room->last, eve, as_owner);
	uint8_t t[E2EE_HASH_LEN];

	memcpy(t, owner->room->last->hash, sizeof(t));
	scene_count();
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 3; i++)
			world_inject(&world, &nodes[i], E2EE_TOPIC_EPOCH, NULL,
				     msg->raw, msg->len);
		scene_talk(2 * SECOND, 1);
	}
	/* and when the owner is silent, too */
	world_broker(&world, false);
	world_run(&world, 12 * SECOND);
	world_broker(&world, true);
	for (unsigned int i = 0; i < 3; i++)
		world_inject(&world, &nodes[i], E2EE_TOPIC_EPOCH, NULL,
			     msg->raw, msg->len);
	scene_talk(2 * SECOND, 1);
	for (unsigned int i = 0; i < 3; i++)
		ok(!memcmp(nodes[i].room->last->hash, t, sizeof(t)),
		   "%s: %s does not follow", name, nodes[i].dev);
	ok(!scene_lost() && !scene_swallowed(), "%s: media goes on", name);
	e2ee_message_put(msg);
	scene_end(name);
}

/* M10: the owner makes two EPOCHs of one number */
static void test_fork(void)
{
	struct node *nodes = call_of(206, 4), *owner = world_owner(&world);
	struct node *one = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	struct e2ee_message *a, *b;
	uint8_t raw[2][E2EE_RAW_LEN];
	uint64_t forked;

	a = e2ee_roster_next(owner->room, false, raw[0]);
	b = e2ee_roster_next(owner->room, false, raw[1]);
	if (!a || !b)
		abort();
	/* one gets both, by the broker's mistake; the others one of them each */
	forked = world.now;
	for (unsigned int i = 0; i < 4; i++)
		if (&nodes[i] != owner)
			world_inject(&world, &nodes[i], E2EE_TOPIC_EPOCH, NULL,
				     i % 2 ? a->raw : b->raw,
				     i % 2 ? a->len : b->len);
	world_run(&world, 200);
	world_inject(&world, one, E2EE_TOPIC_EPOCH, NULL, a->raw, a->len);
	world_inject(&world, one, E2EE_TOPIC_EPOCH, NULL, b->raw, b->len);
	world_run(&world, 200);
	ok(node_alarmed(one, "gave different keys to different devices"),
	   "fork: seen, and said");
	scene_talk(20 * SECOND, 1);
	for (unsigned int i = 0; i < 4; i++)
		if (&nodes[i] != owner)
			ok(nodes[i].room->last->epoch.roster_count == 3 &&
			   !e2ee_chain_find(nodes[i].room->last,
					    e2ee_identity_ik(owner->identity)),
			   "fork: %s goes on without %s", nodes[i].dev,
			   owner->dev);
	ok(tape_last_open(owner, one) <= forked + 2 * SECOND,
	   "fork: the owner hears %s no more", one->dev);
	/* a claim without both is nothing: nobody else was removed */
	ok(one->room->bans.count == 1, "fork: and nobody else goes");
	e2ee_message_put(a);
	e2ee_message_put(b);
	scene_end("fork");
}

/*
 * carol was removed where alice and bob are; dave, in the other half with her,
 * did not hear of it. She owns that half, and the halves meet.
 */
static void test_kicked_by_partition(void)
{
	struct node *nodes = call_of(207, 4), *owner = world_owner(&world);
	struct node *carol = NULL, *dave = NULL;
	uint64_t healed;

	for (unsigned int i = 0; i < 4; i++) {
		if (&nodes[i] == owner)
			continue;
		if (!carol)
			carol = &nodes[i];
		else
			dave = &nodes[i];
	}
	node_online(carol, false);
	node_online(dave, false);
	carol->part = 1;
	dave->part = 1;
	node_online(carol, true);
	node_online(dave, true);
	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	scene_talk(70 * SECOND, 1);
	ok(carol->room->state == E2EE_ROOM_OWNER &&
	   dave->room->last->epoch.roster_count == 2,
	   "kicked and split: she owns a half");
	node_online(dave, false);
	node_online(carol, false);
	carol->part = 0;
	dave->part = 0;
	healed = world.now;
	node_online(carol, true);
	node_online(dave, true);
	scene_talk(40 * SECOND, 1);
	ok(owner->room->last->epoch.roster_count == 3 &&
	   e2ee_chain_find(owner->room->last, e2ee_identity_ik(dave->identity)) &&
	   !e2ee_chain_find(owner->room->last,
			    e2ee_identity_ik(carol->identity)),
	   "kicked and split: dave comes over, she does not");
	ok(tape_last_open(carol, owner) < healed - 60 * SECOND,
	   "kicked and split: the owner is not heard");
	ok(tape_last_open(carol, dave) < healed + 12 * SECOND,
	   "kicked and split: dave is heard until %llu ms after",
	   (unsigned long long)(tape_last_open(carol, dave) - healed));
	scene_end("kicked and split");
}

/* Who owns a call against the others' will hears none of their EPOCHs */
static bool broker_spares(struct world *now, struct node *to,
			  const struct world_packet *packet, void *arg)
{
	(void)now;
	(void)arg;
	return to != victim || packet->topic != E2EE_TOPIC_EPOCH;
}

/*
 * carol was kicked; dave, still a member, is on her side, and the broker is, too:
 * it takes the owner away, dave takes over, forgets the ban and lets her in. What
 * dave hears, she hears: nobody can help that. bob must not follow.
 */
static void test_colluding(void)
{
	struct node *nodes = call_of(212, 4), *owner = world_owner(&world);
	struct node *rest[3] = { NULL }, *dave, *bob, *carol;
	uint64_t went = world.now, cut;
	unsigned int count = 0;

	/* By leaf: dave is the next in rank */
	for (unsigned int leaf = 0; leaf < 4; leaf++)
		for (unsigned int i = 0; i < 4; i++)
			if (&nodes[i] != owner &&
			    nodes[i].room->epochs[0]->leaf == leaf)
				rest[count++] = &nodes[i];
	dave = rest[0];
	bob = rest[1];
	carol = rest[2];
	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	scene_talk(10 * SECOND, 1);
	ok(bob->room->bans.count == 1 && dave->room->bans.count == 1,
	   "colluding: both know of the ban");
	node_online(owner, false);
	cut = world.now;
	while (dave->room->state != E2EE_ROOM_OWNER &&
	       world.now < cut + 30 * SECOND) {
		e2ee_idset_clear(&dave->room->bans);
		scene_talk(SECOND / 2, 1);
	}
	ok(dave->room->state == E2EE_ROOM_OWNER &&
	   !dave->room->last->epoch.banned_count,
	   "colluding: dave owns the call, and its bans are gone");
	/* bob says again what he knows of her; dave does not listen */
	victim = dave;
	world.tamper = broker_spares;
	e2ee_idset_clear(&dave->room->bans);
	node_kill(carol);
	node_new_session(carol);
	node_start(carol);
	scene_talk(60 * SECOND, 1);
	ok(e2ee_chain_find(dave->room->last, e2ee_identity_ik(carol->identity)),
	   "colluding: she is in dave's call");
	ok(tape_open(carol, dave, cut + 30 * SECOND, NEVER),
	   "colluding: and hears him");
	ok(!e2ee_chain_find(bob->room->last, e2ee_identity_ik(carol->identity)),
	   "colluding: bob does not follow");
	ok(!tape_open(carol, bob, went + 2 * SECOND, NEVER) &&
	   !tape_open(carol, owner, went + 2 * SECOND, NEVER),
	   "colluding: and she hears neither him nor the owner");
	ok(bob->room->alarm_count, "colluding: he is told: %s",
	   bob->room->alarm_count ?
	   bob->room->alarms[bob->room->alarm_count - 1].text : "");
	world.tamper = NULL;
	node_online(owner, true);
	scene_talk(90 * SECOND, 1);
	ok(!tape_open(carol, bob, went + 2 * SECOND, NEVER) &&
	   !tape_open(carol, owner, went + 2 * SECOND, NEVER),
	   "colluding: nor when the owner is back");
	ok(node_same(bob, owner) && bob->room->sending,
	   "colluding: who is honest is together again");
	scene_end("colluding");
}

/*
 * All who saw her being kicked but one go; that one is alone, so it is another
 * call. Who comes then learns of the ban, and keeps her out when it is alone.
 */
static void test_ban_travels(void)
{
	struct node *nodes = call_of(213, 4), *owner = world_owner(&world);
	struct node *rest[3], *bob, *carol, *dave;
	uint8_t call[E2EE_ID_LEN];
	unsigned int count = 0;

	for (unsigned int i = 0; i < 4; i++)
		if (&nodes[i] != owner)
			rest[count++] = &nodes[i];
	bob = rest[0];
	carol = rest[1];
	dave = rest[2];
	memcpy(call, owner->room->last->call, sizeof(call));
	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	scene_talk(5 * SECOND, 1);
	node_kill(owner);
	node_kill(dave);
	node_kill(carol);
	scene_talk(120 * SECOND, 1);
	ok(bob->room->state == E2EE_ROOM_OWNER &&
	   memcmp(bob->room->last->call, call, sizeof(call)) != 0,
	   "ban travels: bob is alone, in another call");
	node_new_session(dave);
	node_start(dave);
	scene_talk(20 * SECOND, 1);
	ok(node_same(bob, dave) && dave->room->bans.count == 1,
	   "ban travels: dave knows of her, who started anew");
	node_kill(bob);
	node_new_session(carol);
	node_start(carol);
	scene_talk(120 * SECOND, 1);
	ok(dave->room->state == E2EE_ROOM_OWNER &&
	   dave->room->last->epoch.roster_count == 1,
	   "ban travels: and keeps her out");
	ok(!tape_open(carol, dave, world.now - 110 * SECOND, NEVER),
	   "ban travels: she hears nothing of him");
	scene_end("ban travels");
}

/* She starts again, with a key package of her own: the ban is of her identity */
static void test_kicked_again(void)
{
	struct node *nodes = call_of(208, 3), *owner = world_owner(&world);
	struct node *carol = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	uint64_t went = world.now;

	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	world_run(&world, 2 * SECOND);
	for (unsigned int i = 0; i < 3; i++) {
		node_kill(carol);
		node_new_session(carol);
		node_start(carol);
		scene_talk(25 * SECOND, 1);
	}
	ok(owner->room->last->epoch.roster_count == 2, "kicked: she stays out");
	ok(tape_last_open(carol, owner) < went + 2 * SECOND,
	   "kicked: and hears nothing");
	/* the ban outlives its owner */
	node_kill(owner);
	node_new_session(owner);
	scene_talk(90 * SECOND, 1);
	ok(!tape_open(carol, NULL, went + 2 * SECOND, NEVER),
	   "kicked: nor after the owner died");
	scene_end("kicked again");
}

/* Junk of all kinds, from nobody and everybody */
static void test_junk(void)
{
	struct node *nodes = call_of(209, 3), *owner = world_owner(&world);
	uint32_t seq = owner->room->last->epoch.seq;
	uint8_t junk[300];

	scene_count();
	for (unsigned int i = 0; i < 20; i++) {
		for (unsigned int k = 0; k < 300; k++) {
			char dev[16];

			for (size_t b = 0; b < sizeof(junk); b++)
				junk[b] = (uint8_t)world_random(&world);
			snprintf(dev, sizeof(dev), "x%u",
				 world_below(&world, 100000));
			/* of the owner's own topics 15 a second: it keeps 5 */
			world_inject(&world, &nodes[k % 3],
				     k < 24 ? E2EE_TOPIC_HB :
				     world_below(&world, 2) ? E2EE_TOPIC_REQ :
							      E2EE_TOPIC_KP,
				     dev, junk,
				     world_below(&world, sizeof(junk) + 1));
		}
		scene_talk(SECOND, 1);
	}
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	scene_talk(4 * SECOND, 1);
	ok(world_is_one(&world, NULL) && world_owner(&world) == owner &&
	   owner->room->last->epoch.seq == seq + 1,
	   "junk: the room goes on");
	ok(!scene_lost() && !scene_swallowed(), "junk: so does media");
	ok(all_dropped(E2EE_ROOM_DROP_FORM) > 1000, "junk: and is counted");
	scene_end("junk");
}

/* More than 20 a second on a topic are not even decoded */
static void test_rate(void)
{
	struct node *nodes = call_of(210, 2);
	uint64_t form = e2ee_room_stat(nodes[0].room, E2EE_ROOM_DROP_FORM);
	uint64_t rate = e2ee_room_stat(nodes[0].room, E2EE_ROOM_DROP_RATE);
	uint64_t second = world.now / SECOND;

	while (world.now / SECOND == second)
		world_run(&world, 1);
	for (unsigned int i = 0; i < 500; i++) {
		struct e2ee_room_packet in = {
			.topic = E2EE_TOPIC_REQ, .dev = "x", .data = "x",
			.len = 1,
		};

		e2ee_room_receive(nodes[0].room, world.now, &in);
	}
	ok(e2ee_room_stat(nodes[0].room, E2EE_ROOM_DROP_FORM) - form == 20 &&
	   e2ee_room_stat(nodes[0].room, E2EE_ROOM_DROP_RATE) - rate == 480,
	   "rate: 20 a second of a topic");
	scene_end("rate");
}

/* 600 devices that do not exist, with good key packages */
static void test_many_kps(void)
{
	struct node *nodes = call_of(211, 3), *owner = world_owner(&world);
	uint32_t seq = owner->room->last->epoch.seq;
	struct e2ee_message draft = *nodes[0].room->kps[0].msg, *msg;

	for (unsigned int i = 0; i < 600; i++) {
		uint8_t seed[E2EE_SEED_LEN], ik[E2EE_IK_LEN];

		for (size_t b = 0; b < sizeof(seed); b++)
			seed[b] = (uint8_t)world_random(&world);
		e2ee_sign_public(seed, ik);
		snprintf(draft.dev, sizeof(draft.dev), "ghost-%u", i);
		draft.kp.entry.ik = ik;
		if (e2ee_message_seal(&draft, "room", seed, &msg))
			abort();
		for (unsigned int n = 0; n < 3; n++)
			world_inject(&world, &nodes[n], E2EE_TOPIC_KP,
				     msg->dev, msg->raw, msg->len);
		e2ee_message_put(msg);
		world_run(&world, 20);
	}
	scene_count();
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	scene_talk(5 * SECOND, 1);
	ok(owner->room->peer_count <= PEERS_MAX, "ghosts: %zu are remembered",
	   owner->room->peer_count);
	ok(world_is_one(&world, NULL) && owner->room->last->epoch.seq > seq &&
	   owner->room->last->epoch.roster_count == 3,
	   "ghosts: the room goes on, without them");
	ok(!scene_lost() && !scene_swallowed(), "ghosts: so does media");
	scene_end("ghosts");
}

int main(int argc, char **argv)
{
	test_replay();
	test_old_call();
	test_other_room();
	test_bent_kp();
	test_forged_owner(false);
	test_forged_owner(true);
	test_fork();
	test_kicked_by_partition();
	test_kicked_again();
	test_colluding();
	test_ban_travels();
	test_junk();
	test_rate();
	test_many_kps();
	return scene_finish(argc, argv);
}
