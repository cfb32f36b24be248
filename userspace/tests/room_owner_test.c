// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Owners that die, hand over, are two or cut off; brokers that are gone: the
 * room stays one, or becomes one again, and media goes on.
 *
 *	room_owner_test [-j FILE]
 */
#include <errno.h>

#include "room/scenario.h"

static unsigned int said_in_each(const struct node *node, uint64_t since)
{
	unsigned int least = ~0u;

	for (uint64_t at = since; at + SECOND <= world.now; at += SECOND) {
		unsigned int said = tape_said(node, at, at + SECOND);

		least = said < least ? said : least;
	}
	return least;
}

static bool owner_changed(struct world *now, void *arg)
{
	const uint8_t *ik = arg;

	for (unsigned int i = 0; i < now->count; i++) {
		const struct e2ee_room *room = now->nodes[i].room;

		if (room && memcmp(e2ee_chain_owner(room->last)->ik, ik,
				   E2EE_IK_LEN) &&
		    room->state == E2EE_ROOM_OWNER)
			return true;
	}
	return false;
}

/* kill -9 of e2eed: the machine and its kernel go on, or not */
static void test_killed(unsigned int count, bool machine)
{
	const char *name = machine ? "owner's machine dies" : "owner killed";
	struct node *nodes = scene_open(20 + count + machine, count), *dead;
	uint64_t went, took = 0;
	uint8_t ik[E2EE_IK_LEN];

	(void)nodes;
	ok(scene_together(30 * SECOND), "%s: a room of %u", name, count);
	scene_talk(5 * SECOND, 1);
	dead = world_owner(&world);
	memcpy(ik, e2ee_identity_ik(dead->identity), sizeof(ik));
	if (machine)
		dead->online = false;	/* nobody says that it is gone */
	node_kill(dead);
	if (machine)
		node_new_session(dead);
	scene_count();
	went = world.now;
	while (world.now < went + 70 * SECOND) {
		scene_talk(100, 1);
		if (!took && owner_changed(&world, ik))
			took = world.now - went;
	}
	ok(took && took < 20 * SECOND, "%s: another one owns after %llu ms",
	   name, (unsigned long long)took);
	ok(scene_owners() == 1 && world_is_one(&world, NULL),
	   "%s: one owner, one room", name);
	for (unsigned int i = 0; i < count; i++)
		if (&nodes[i] != dead)
			ok(said_in_each(&nodes[i], went) >= 49,
			   "%s: %s never stopped", name, nodes[i].dev);
	ok(!scene_swallowed() && !scene_clear(),
	   "%s: nothing swallowed, nothing in clear", name);
	if (!machine)
		figure("failover_s", count, (double)took / 1000);
	node_start(dead);
	ok(scene_together(20 * SECOND), "%s: it comes back as a member", name);
	scene_end(name);
}

static void test_broker_down(void)
{
	struct node *nodes = scene_open(31, 4);
	struct node *owner;

	ok(scene_together(30 * SECOND), "broker down: a room of four");
	owner = world_owner(&world);
	scene_talk(3 * SECOND, 2);
	scene_count();
	world_broker(&world, false);
	scene_talk(30 * SECOND, 2);
	world_forget_retained(&world);
	world_broker(&world, true);
	scene_talk(60 * SECOND, 2);
	ok(world_is_one(&world, NULL), "broker down: one room by itself");
	ok(world_owner(&world) == owner, "broker down: of the same owner");
	ok(!scene_swallowed() && !scene_lost() && !scene_clear(),
	   "broker down: media never stopped, nothing in clear: %llu, %llu",
	   (unsigned long long)scene_swallowed(),
	   (unsigned long long)scene_lost());
	node_start(world_add(&world, "late"));
	ok(scene_together(10 * SECOND), "broker down: a new one gets in");
	(void)nodes;
	scene_end("broker down");
}

static bool all_send(struct world *now, void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < now->count; i++)
		if (!now->nodes[i].room->sending)
			return false;
	return world_is_one(now, NULL);
}

static void test_silence_required(void)
{
	struct node *nodes = scene_open(32, 3);
	uint64_t down, last;
	uint32_t epochs[3];

	ok(scene_together(30 * SECOND), "no heartbeat: a room of three");
	scene_talk(3 * SECOND, 1);
	down = world.now;
	world_broker(&world, false);
	scene_count();
	scene_talk(100 * SECOND, 1);
	ok(!scene_swallowed(), "no heartbeat: 100 s of media");
	scene_talk(40 * SECOND, 1);
	last = 0;
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t open = tape_last_open(&nodes[i], NULL);

		last = open > last ? open : last;
		epochs[i] = nodes[i].kernel.epoch;
		ok(nodes[i].room->stopped[0] && !nodes[i].room->sending &&
		   !strcmp(node_status(&nodes[i])->stopped,
			   nodes[i].room->stopped),
		   "no heartbeat: %s says so: %s", nodes[i].dev,
		   nodes[i].room->stopped);
	}
	ok(last <= down + 121 * SECOND && last > down + 110 * SECOND,
	   "no heartbeat: sending stops after %llu ms",
	   (unsigned long long)(last - down));
	ok(scene_swallowed() && !scene_clear(),
	   "no heartbeat: swallowed, not in clear");
	world_broker(&world, true);
	ok(world_until(&world, 40 * SECOND, all_send, NULL),
	   "no heartbeat: all send again by themselves");
	for (unsigned int i = 0; i < 3; i++)
		ok(nodes[i].kernel.epoch > epochs[i] &&
		   !nodes[i].room->stopped[0],
		   "no heartbeat: %s with a newer epoch", nodes[i].dev);
	scene_count();
	scene_talk(2 * SECOND, 1);
	ok(!scene_swallowed() && !scene_lost(), "no heartbeat: and are heard");
	scene_end("no heartbeat");
}

static void test_silence_optional(void)
{
	struct node *nodes = scene_open_still(33, 3);

	for (unsigned int i = 0; i < 3; i++) {
		nodes[i].config.floor = E2EE_POLICY_OPTIONAL;
		nodes[i].config.policy = E2EE_POLICY_OPTIONAL;
		node_start(&nodes[i]);
	}
	ok(scene_together(30 * SECOND), "optional: a room of three");
	ok(nodes[1].kernel.policy == E2EE_POLICY_OPTIONAL,
	   "optional: the kernel was told");
	scene_talk(3 * SECOND, 1);
	world_broker(&world, false);
	scene_count();
	scene_talk(140 * SECOND, 1);
	for (unsigned int i = 0; i < 3; i++)
		ok(node_alarmed(&nodes[i], "no heartbeat for two minutes") &&
		   nodes[i].room->sending,
		   "optional: %s raises an alarm and goes on", nodes[i].dev);
	ok(!scene_clear() && !scene_swallowed() && !scene_lost(),
	   "optional: nothing in clear");
	scene_end("optional");
}

static void put_apart(unsigned int first)
{
	for (unsigned int i = 0; i < world.count; i++) {
		node_online(&world.nodes[i], false);
		world.nodes[i].part = i >= first;
		node_online(&world.nodes[i], true);
	}
}

static bool halves_are_one(struct world *now, void *arg)
{
	unsigned int count[2] = { 0 };

	(void)arg;
	for (unsigned int i = 0; i < now->count; i++)
		count[now->nodes[i].part]++;
	for (unsigned int i = 0; i < now->count; i++)
		if (now->nodes[i].room->last->epoch.roster_count !=
		    count[now->nodes[i].part] ||
		    !now->nodes[i].room->epochs[0]->switched)
			return false;
	return scene_owners() == 2;
}

static void test_partition(unsigned int first)
{
	struct node *nodes = scene_open(34 + first, 5);
	uint64_t healed;
	bool one;

	ok(scene_together(30 * SECOND), "partition: a room of five");
	scene_talk(3 * SECOND, 1);
	put_apart(first);
	scene_count();
	scene_talk(100 * SECOND, 1);
	ok(halves_are_one(&world, NULL), "partition: two halves of %u and %u",
	   first, 5 - first);
	ok(!scene_clear() && !scene_swallowed(),
	   "partition: both halves go on");
	for (unsigned int i = 0; i < 5; i++)
		nodes[i].alarms = 0;
	healed = world.now;
	for (unsigned int i = 0; i < 5; i++) {
		node_online(&nodes[i], false);
		nodes[i].part = 0;
		node_online(&nodes[i], true);
	}
	one = scene_together(40 * SECOND);
	ok(one, "partition: heals in %llu ms",
	   (unsigned long long)(world.now - healed));
	scene_count();
	scene_talk(3 * SECOND, 1);
	ok(!scene_lost() && !scene_swallowed(), "partition: all hear all");
	scene_end("partition");
}

/* Who had been the owner says that the room was split */
static void test_two_owners(void)
{
	struct node *nodes = scene_open(40, 3), *owner, *other;
	bool said = false, one = false;
	uint64_t since;

	ok(scene_together(30 * SECOND), "two owners: a room of three");
	owner = world_owner(&world);
	other = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	scene_talk(3 * SECOND, 1);
	scene_count();
	e2ee_owner_take_over(other->room);	/* no reason whatever */
	other->next = world.now;
	since = world.now;
	ok(scene_owners() == 2, "two owners: there are");
	while (!one && world.now < since + 30 * SECOND) {
		scene_talk(100, 1);
		said |= strstr(owner->room->split, "split") ||
			strstr(other->room->split, "split");
		one = world_is_one(&world, NULL) && scene_owners() == 1;
	}
	ok(one, "two owners: one is left after %llu ms",
	   (unsigned long long)(world.now - since));
	ok(!scene_swallowed() && !scene_clear(), "two owners: media goes on");
	ok(said, "two owners: the status says that the room was split");
	scene_count();
	scene_talk(SECOND, 1);
	ok(!scene_lost(), "two owners: and is heard");
	scene_end("two owners");
}

static void test_handover(void)
{
	struct node *nodes = scene_open(41, 4), *owner, *to;
	uint16_t term;

	ok(scene_together(30 * SECOND), "handover: a room of four");
	owner = world_owner(&world);
	to = owner == &nodes[3] ? &nodes[2] : &nodes[3];
	term = owner->room->last->epoch.term;
	scene_talk(3 * SECOND, 1);
	scene_count();
	ok(DO(owner, e2ee_room_handover(owner->room, world.now, "nobody")) ==
	   -ENOENT, "handover: to nobody is refused");
	ok(!DO(owner, e2ee_room_handover(owner->room, world.now, to->dev)),
	   "handover: to %s", to->dev);
	scene_talk(5 * SECOND, 1);
	ok(world_owner(&world) == to && world_is_one(&world, NULL),
	   "handover: it owns within 5 s");
	ok(to->room->last->epoch.term == term + 1, "handover: a new term");
	ok(owner->room->state == E2EE_ROOM_MEMBER,
	   "handover: who owned is a member");
	ok(!scene_lost() && !scene_swallowed(), "handover: nothing is lost");
	scene_end("handover");
}

static void test_owner_leaves(void)
{
	struct node *owner;
	uint64_t went;

	scene_open(42, 3);
	ok(scene_together(30 * SECOND), "owner leaves: a room of three");
	owner = world_owner(&world);
	scene_talk(3 * SECOND, 1);
	scene_count();
	went = world.now;
	DO(owner, e2ee_room_leave(owner->room, world.now));
	scene_talk(6 * SECOND, 1);
	ok(owner->out_at && owner->out_at <= went + 2500,
	   "owner leaves: out after %llu ms",
	   (unsigned long long)(owner->out_at - went));
	ok(world_is_one(&world, NULL), "owner leaves: the others are a room");
	ok(tape_last_open(owner, NULL) < owner->out_at + 2 * SECOND,
	   "owner leaves: it opens nothing 2 s after");
	ok(!scene_swallowed() && !scene_clear(), "owner leaves: media goes on");
	scene_end("owner leaves");
}

static void test_alone(void)
{
	struct node *nodes = scene_open(43, 2), *owner, *other;
	uint8_t call[E2EE_ID_LEN];

	ok(scene_together(30 * SECOND), "alone: a room of two");
	owner = world_owner(&world);
	other = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	memcpy(call, owner->room->last->call, sizeof(call));
	scene_talk(3 * SECOND, 1);
	DO(owner, e2ee_room_kick(owner->room, world.now, other->dev));
	scene_count();
	scene_talk(5 * SECOND, 1);
	ok(memcmp(owner->room->last->call, call, sizeof(call)) &&
	   owner->room->last->epoch.term == 1 &&
	   owner->room->last->epoch.seq == 1,
	   "alone: a new call");
	ok(owner->room->last->epoch.banned_count == 1,
	   "alone: its ban goes along");
	ok(!owner->swallowed && !scene_clear(), "alone: media goes on");
	ok(tape_last_open(other, owner) < world.now - 3 * SECOND,
	   "alone: the one removed hears nothing");
	ok(other->out_at && e2ee_room_over(other->room) ==
	   E2EE_ROOM_OVER_REMOVED, "alone: and is told that it is out");
	scene_end("alone");
}

static void test_end(void)
{
	struct node *nodes = scene_open(44, 3), *owner;

	ok(scene_together(30 * SECOND), "end: a room of three");
	owner = world_owner(&world);
	for (unsigned int i = 0; i < 3; i++)
		if (&nodes[i] != owner)
			ok(DO(&nodes[i], e2ee_room_end(nodes[i].room,
						       world.now)) == -EPERM,
			   "end: not by %s", nodes[i].dev);
	ok(!DO(owner, e2ee_room_end(owner->room, world.now)), "end: by %s",
	   owner->dev);
	world_run(&world, 3 * SECOND);
	for (unsigned int i = 0; i < 3; i++)
		ok(nodes[i].out_at && !nodes[i].kernel.count &&
		   nodes[i].kernel.policy == E2EE_POLICY_REQUIRED &&
		   e2ee_room_over(nodes[i].room) == E2EE_ROOM_OVER_ENDED,
		   "end: %s is out, without keys: %s", nodes[i].dev,
		   nodes[i].out);
	scene_end("end");
}

/* An owner on its way to a better call, which ends just then */
static void test_last(void)
{
	struct node *nodes = scene_open(45, 4), *way = NULL, *better = NULL;
	uint64_t healed;

	ok(scene_together(30 * SECOND), "last: a room of four");
	scene_talk(3 * SECOND, 1);
	put_apart(2);
	scene_talk(100 * SECOND, 1);
	ok(halves_are_one(&world, NULL), "last: two halves");
	for (unsigned int i = 0; i < 4; i++) {
		node_online(&nodes[i], false);
		nodes[i].part = 0;
		node_online(&nodes[i], true);
	}
	healed = world.now;
	while (!way && world.now < healed + 20 * SECOND) {
		world_run(&world, 1);
		for (unsigned int i = 0; i < 4; i++)
			if (nodes[i].room->state == E2EE_ROOM_OWNER &&
			    nodes[i].room->better)
				way = &nodes[i];
	}
	for (unsigned int i = 0; i < 4; i++)
		if (&nodes[i] != way &&
		    nodes[i].room->state == E2EE_ROOM_OWNER)
			better = &nodes[i];
	if (!ok(way && better, "last: one owner is on its way to the other"))
		return;
	better->room->ending = true;	/* its EPOCHs say so from now on */
	world_run(&world, 6 * SECOND);
	better->room->ending = false;
	ok(way->room->state != E2EE_ROOM_OWNER ||
	   way->room->timers[TIMER_HB] != NEVER,
	   "last: who owns has heartbeats");
	scene_end("last");
}

/* The policy of a call is never weaker than its owner accepts from others */
static void test_floor(bool handed)
{
	const char *name = handed ? "floor, handed over" : "floor";
	struct node *nodes = scene_open_still(46 + handed, 2), *strict = NULL;

	for (unsigned int i = 0; i < 2; i++) {
		nodes[i].config.floor = E2EE_POLICY_OPTIONAL;
		nodes[i].config.policy = E2EE_POLICY_OPTIONAL;
	}
	node_start(&nodes[0]);
	world_run(&world, 10 * SECOND);
	strict = &nodes[1];
	strict->config.floor = E2EE_POLICY_REQUIRED;
	strict->config.policy = E2EE_POLICY_REQUIRED;
	node_start(strict);
	ok(scene_together(30 * SECOND) && world_owner(&world) == &nodes[0] &&
	   nodes[0].kernel.policy == E2EE_POLICY_OPTIONAL &&
	   strict->kernel.policy == E2EE_POLICY_REQUIRED,
	   "%s: an owner with the policy optional, a member who refuses that",
	   name);
	ok(node_alarmed(strict, "policy optional, which is weaker"),
	   "%s: and says so", name);
	if (handed)
		DO(&nodes[0], e2ee_room_handover(nodes[0].room, world.now,
						 NULL));
	else
		node_kill(&nodes[0]);
	world_run(&world, 60 * SECOND);
	ok(world_owner(&world) == strict &&
	   strict->room->last->epoch.policy ==
	   e2ee_policy_to_wire(E2EE_POLICY_REQUIRED),
	   "%s: it owns the call, and asks for required", name);
	ok(!node_alarmed(strict, "weaker"), "%s: its alarm goes", name);
	ok(nodes[0].kernel.policy ==
	   (handed ? E2EE_POLICY_REQUIRED : E2EE_POLICY_OPTIONAL),
	   "%s: the other one has it, if it is there", name);
	scene_end(name);
}

int main(int argc, char **argv)
{
	test_floor(false);
	test_floor(true);
	test_killed(2, false);
	test_killed(4, false);
	test_killed(10, false);
	test_killed(4, true);
	test_broker_down();
	test_silence_required();
	test_silence_optional();
	test_partition(2);
	test_partition(3);
	test_two_owners();
	test_handover();
	test_owner_leaves();
	test_alone();
	test_end();
	test_last();
	return scene_finish(argc, argv);
}
