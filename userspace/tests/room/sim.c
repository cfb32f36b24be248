// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rooms under random faults: messages late, twice, out of order or never; the
 * broker gone, split, or without memory; devices that come, go, crash and are
 * removed. What must hold is looked at all the time, and in the end the room
 * must come back as one.
 *
 *	room_sim_test [RUNS [SEED]]
 *
 * A run that fails is repeated by its seed: room_sim_test 1 SEED.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tap.h"
#include "cheap_crypto.h"
#include "world.h"

#define DEVICES_MAX	6
#define CALM		(240 * SECOND)

static struct world world;

struct totals {
	uint64_t messages;
	uint64_t ms;
	uint64_t operations;
	uint64_t epochs;
	unsigned int violated;
	unsigned int apart;
	unsigned int banned;		/* ended split by a removal, and said so */
};

static struct node *any(void)
{
	return &world.nodes[world_below(&world, world.count)];
}

static struct node *any_running(void)
{
	struct node *node = any();

	return node->room && node->room->state != E2EE_ROOM_LEFT ? node : NULL;
}

static bool log_on(void)
{
	return getenv("WORLD_LOG");
}

static void say(const char *what, const struct node *node)
{
	if (log_on())
		printf("# %7llu -- %s %s\n", (unsigned long long)world.now,
		       what, node ? node->dev : "");
}

static void op_network(void)
{
	world.jitter = world_below(&world, 3) ? world_below(&world, 400) : 0;
	world.drop = world_below(&world, 3) ? 0 : world_below(&world, 300);
	world.duplicate = world_below(&world, 3) ? 0 :
						   world_below(&world, 300);
	say("network changes", NULL);
}

static void op_partition(void)
{
	bool heal = world_below(&world, 2);

	for (unsigned int i = 0; i < world.count; i++) {
		struct node *node = &world.nodes[i];
		bool online = node->online;

		node_online(node, false);
		node->part = heal ? 0 : world_below(&world, 2);
		if (online)
			node_online(node, world.up);
	}
	say(heal ? "partition heals" : "partition", NULL);
}

static void op_device(void)
{
	struct node *node = any();

	if (node->room && node->room->state == E2EE_ROOM_LEFT) {
		node_kill(node);
		say("over, gone", node);
	} else if (node->room) {
		if (world_below(&world, 2)) {
			say("killed", node);
			node_kill(node);
		} else {
			say("leaves", node);
			e2ee_room_leave(node->room, world.now);
			node->next = world.now;
		}
	} else {
		if (!world_below(&world, 3))	/* the machine, too */
			node_new_session(node);
		say("starts", node);
		node_start(node);
	}
}

static void op_command(void)
{
	struct node *node = any_running(), *other = any();

	if (!node)
		return;
	switch (world_below(&world, 6)) {
	case 0:
		if (world_below(&world, 3))
			break;
		say("kicks", node);
		say("  kicked", other);
		e2ee_room_kick(node->room, world.now, other->dev);
		break;
	case 1:
		say("locks or unlocks", node);
		e2ee_room_lock(node->room, world.now, world_below(&world, 2));
		break;
	case 2:
		say("hands over", node);
		e2ee_room_handover(node->room, world.now,
				   world_below(&world, 2) ? other->dev : NULL);
		break;
	case 3:
		say("renews", node);
		e2ee_room_renew(node->room, world.now);
		break;
	case 4:
		e2ee_room_verify(node->room, world.now);
		break;
	default:
		say("rekeys", node);
		e2ee_room_rekey(node->room, world.now);
		break;
	}
	node->next = world.now;
}

static void op_broker(void)
{
	switch (world_below(&world, 3)) {
	case 0:
		world_broker(&world, !world.up);
		say(world.up ? "broker up" : "broker down", NULL);
		break;
	case 1:
		world_forget_retained(&world);
		break;
	default: {
		struct node *node = any();

		if (node->room)
			node_online(node, !node->online && world.up);
		say("link of", node);
		break;
	}
	}
}

static void operate(void)
{
	switch (world_below(&world, 10)) {
	case 0:
	case 1:
		op_network();
		break;
	case 2:
		op_partition();
		break;
	case 3:
	case 4:
	case 5:
		op_device();
		break;
	case 6:
	case 7:
		op_broker();
		break;
	default:
		op_command();
		break;
	}
}

/* The last EPOCH that a device accepted names it, and it names no ban of its own */
static void check_node(const struct node *node)
{
	const struct e2ee_room *room = node->room;

	if (!room || room->state == E2EE_ROOM_LEFT || !room->epoch_count)
		return;
	for (size_t e = 0; e < room->epoch_count; e++) {
		const struct epoch *epoch = room->epochs[e];
		const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;

		/* everyone with this T derived the same, and was meant to */
		for (unsigned int i = 0; i < world.count; i++) {
			const struct node *other = &world.nodes[i];
			const struct epoch *its;

			if (!other->room || other == node)
				continue;
			its = e2ee_chain_by_t(other->room, epoch->msg->hash);
			if (!its)
				continue;
			if (memcmp(its->secret, epoch->secret, 32))
				world_violation(&world, "%s and %s: one T, two secrets",
						node->dev, other->dev);
			if (its->msg->epoch.roster_count != msg->roster_count)
				world_violation(&world, "%s and %s: one T, two rosters",
						node->dev, other->dev);
			if (!e2ee_chain_find(epoch->msg, e2ee_identity_ik(
					other->identity)))
				world_violation(&world, "%s holds an epoch without it",
						other->dev);
		}
	}
	if (room->sending && room->stopped[0])
		world_violation(&world, "%s sends and is stopped", node->dev);
}

static void check_all(void)
{
	for (unsigned int i = 0; i < world.count; i++)
		check_node(&world.nodes[i]);
}

static void send_media(void)
{
	for (unsigned int i = 0; i < world.count; i++)
		if (world.nodes[i].kernel.count)
			node_media(&world.nodes[i],
				   100 * i + world_below(&world, 3));
}

static bool says_why(const struct e2ee_room *room)
{
	static const char *const words[] = {
		"split", "not let in", "refuse", "has removed",
	};

	for (size_t a = 0; a < room->alarm_count; a++)
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
			if (strstr(room->alarms[a].text, words[w]))
				return true;
	return false;
}

static bool same_part(const struct e2ee_room *a, const struct e2ee_room *b)
{
	return a == b || (a->last && b->last &&
			  a->state != E2EE_ROOM_JOIN &&
			  b->state != E2EE_ROOM_JOIN &&
			  !memcmp(a->last->hash, b->last->hash, E2EE_HASH_LEN));
}

/* A removal or a lock keeps parts apart: all of them but one must say so */
static bool is_split_by_will(void)
{
	unsigned int silent = 0;

	for (unsigned int i = 0; i < world.count; i++) {
		const struct e2ee_room *room = world.nodes[i].room;
		bool says = false, first = true;

		if (!room || room->state == E2EE_ROOM_LEFT)
			continue;
		for (unsigned int j = 0; j < world.count; j++) {
			const struct e2ee_room *other = world.nodes[j].room;

			if (!other || other->state == E2EE_ROOM_LEFT ||
			    !same_part(room, other))
				continue;
			first = first && j >= i;
			says = says || says_why(other);
		}
		silent += first && !says;
	}
	return silent <= 1;
}

static bool any_ban(void)
{
	for (unsigned int i = 0; i < world.count; i++)
		if (world.nodes[i].room && world.nodes[i].room->bans.count)
			return true;
	return false;
}

static bool any_lock(void)
{
	for (unsigned int i = 0; i < world.count; i++)
		if (world.nodes[i].room && world.nodes[i].room->last &&
		    world.nodes[i].room->last->epoch.flags & E2EE_EPOCH_LOCKED)
			return true;
	return false;
}

static bool is_one(struct world *now, void *arg)
{
	for (unsigned int i = 0; i < now->count; i++)
		if (now->nodes[i].room &&
		    now->nodes[i].room->state != E2EE_ROOM_LEFT)
			return world_is_one(now, arg);
	return true;		/* nobody is there */
}

/* A lock keeps newcomers out for good, as it should */
static void unlock(void)
{
	for (unsigned int i = 0; i < world.count; i++) {
		struct node *node = &world.nodes[i];

		if (!node->room)
			continue;
		e2ee_room_lock(node->room, world.now, false);
		node->next = world.now;
	}
}

static void calm_down(void)
{
	world.jitter = 50;
	world.drop = 0;
	world.duplicate = 0;
	world_broker(&world, true);
	for (unsigned int i = 0; i < world.count; i++) {
		struct node *node = &world.nodes[i];

		if (!node->room)
			continue;
		node_online(node, false);
		node->part = 0;
		node_online(node, true);
	}
	unlock();
}

static void show(void)
{
	static const char *const states[] = { "join", "member", "owner", "left" };

	for (unsigned int i = 0; i < world.count; i++) {
		const struct e2ee_room *room = world.nodes[i].room;

		if (!room)
			continue;
		printf("# %s: %s", world.nodes[i].dev, states[room->state]);
		if (room->last)
			printf(", call %02x%02x, term %u, seq %u, %zu members, T %02x%02x",
			       room->last->call[0], room->last->call[1],
			       room->last->epoch.term, room->last->epoch.seq,
			       room->last->epoch.roster_count,
			       room->last->hash[0], room->last->hash[1]);
		printf(", %zu bans, stopped '%s'\n", room->bans.count,
		       room->stopped);
		for (size_t a = 0; a < room->alarm_count; a++)
			printf("#    %s\n", room->alarms[a].text);
	}
}

static void run(uint64_t seed, struct totals *totals)
{
	static const char *const names[DEVICES_MAX] = {
		"ann", "ben", "cid", "dan", "eve", "fay",
	};
	unsigned int devices, steps;
	bool one;

	cheap_seed(seed * 77 + 1);
	world_open(&world, seed);
	world.delay = 1 + world_below(&world, 60);
	devices = 2 + world_below(&world, DEVICES_MAX - 1);
	for (unsigned int i = 0; i < devices; i++) {
		struct node *node = world_add(&world, names[i]);

		node->config.admins = names;
		node->config.admin_count = DEVICES_MAX;
		if (world_below(&world, 4))
			node_start(node);
	}
	steps = 5 + world_below(&world, 40);
	while (steps--) {
		operate();
		totals->operations++;
		for (unsigned int i = world_below(&world, 12); i; i--) {
			world_run(&world, 1 + world_below(&world, 1500));
			send_media();
			check_all();
		}
	}
	say("calm", NULL);
	calm_down();
	one = world_until(&world, CALM, is_one, NULL);
	if (!one && any_lock()) {	/* of a call that came back meanwhile */
		unlock();
		one = world_until(&world, CALM, is_one, NULL);
	}
	check_all();
	totals->messages += world.messages;
	totals->ms += world.now - 1000000;
	if (!one && (any_ban() || any_lock()) && is_split_by_will()) {
		totals->banned++;
	} else if (!one) {
		totals->apart++;
		printf("# seed %llu: not one room\n", (unsigned long long)seed);
		show();
	}
	if (world.violations) {
		totals->violated++;
		printf("# seed %llu: %u violations\n",
		       (unsigned long long)seed, world.violations);
	}
	world_close(&world);
}

int main(int argc, char **argv)
{
	unsigned int runs = argc > 1 ? (unsigned int)atoi(argv[1]) : 300;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	struct totals totals = { 0 };

	for (unsigned int i = 0; i < runs; i++)
		run(seed + i, &totals);
	printf("# %u runs, %llu operations, %llu messages, %llu hours of rooms, %u kept apart by a removal\n",
	       runs, (unsigned long long)totals.operations,
	       (unsigned long long)totals.messages,
	       (unsigned long long)(totals.ms / 3600000), totals.banned);
	ok(!totals.violated, "%u of %u runs broke what must hold",
	   totals.violated, runs);
	ok(!totals.apart, "%u of %u runs did not end in one room", totals.apart,
	   runs);
	return tap_end();
}
