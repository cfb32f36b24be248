// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The state machine of a room, by real cryptography and a virtual clock.
 */
#include <string.h>

#include "room/world.h"
#include "tap.h"

static struct world world;

static struct node *add(unsigned int count)
{
	static const char *const names[] = {
		"alice", "bob", "carol", "dave", "erin", "frank",
	};

	for (unsigned int i = 0; i < count; i++)
		node_start(world_add(&world, names[i]));
	return world.nodes;
}

static bool come_together(uint64_t ms)
{
	return world_until(&world, ms, world_is_one, NULL);
}

static void end(const char *name)
{
	ok(!world.violations, "%s: nothing that must not happen", name);
	world_close(&world);
}

static void test_create(void)
{
	struct node *nodes;

	world_open(&world, 1);
	nodes = add(1);
	ok(come_together(10 * SECOND), "alone: a call of one");
	ok(nodes[0].kernel.epoch == 1, "alone: the kernel's first epoch");
	ok(node_media(&nodes[0], 7), "alone: media leaves");
	end("alone");
}

static void test_two(void)
{
	struct node *nodes;

	world_open(&world, 2);
	nodes = add(2);
	ok(come_together(15 * SECOND), "two: one call");
	for (unsigned int i = 0; i < 100; i++) {
		node_media(&nodes[0], 1 + i % 3);
		node_media(&nodes[1], 11 + i % 2);
		world_run(&world, 20);
	}
	ok(nodes[0].got == 100 && nodes[1].got == 100,
	   "two: all packets opened: %llu, %llu",
	   (unsigned long long)nodes[0].got, (unsigned long long)nodes[1].got);
	end("two");
}

int main(void)
{
	test_create();
	test_two();
	return tap_end();
}
