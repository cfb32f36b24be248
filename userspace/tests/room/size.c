// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rooms of 2, 3, 10 and 100 devices: state machines in one process, over a
 * transport in memory and a virtual clock, with real cryptography. How long it
 * takes until all hear all, and what a rekey costs.
 *
 *	room_size_test [-j FILE]
 *
 * Times are those of the protocol, 10 to 25 ms a message; CPU is that of all
 * devices together, of the rekey that other work on the machine disturbed
 * least.
 */
#include "scenario.h"

#define REKEYS	8

static uint64_t cpu_all(void)
{
	uint64_t cpu = 0;

	for (unsigned int i = 0; i < world.count; i++)
		cpu += world.nodes[i].cpu;
	return cpu;
}

/* Each says a word: does everybody else hear it? */
static bool all_hear_all(void)
{
	bool good = true;

	scene_count();
	for (unsigned int i = 0; i < world.count; i++)
		good &= node_media(&world.nodes[i], 1000 * i);
	return good && scene_got() == world.count * (world.count - 1) &&
	       !scene_lost();
}

/* All start at the same moment */
static void start(unsigned int count)
{
	uint64_t before;

	scene_open(count, count);
	before = world.now;
	ok(scene_together(60 * SECOND), "%u: one room", count);
	ok(all_hear_all(), "%u: all hear all", count);
	figure("join_to_media_all_ms", count, (double)(world.now - before));
}

static bool newcomer_is_in(struct world *now, void *arg)
{
	const struct node *node = arg;

	(void)now;
	return node->room->sending;
}

/* One more comes into the room: until it sends what others open */
static void join(unsigned int count)
{
	struct node *node = world_add(&world, "newcomer");
	uint64_t before = world.now;

	node_start(node);
	ok(world_until(&world, 20 * SECOND, newcomer_is_in, node),
	   "%u: one more comes in", count);
	scene_count();
	node_media(node, 1);
	ok(scene_got() == count && !scene_lost(),
	   "%u: the others hear it at once", count);
	ok(world.now - before < 5 * SECOND, "%u: after %llu ms", count,
	   (unsigned long long)(world.now - before));
	figure("join_to_media_ms", count, (double)(world.now - before));
	ok(scene_together(10 * SECOND), "%u: and all have switched", count);
	DO(node, e2ee_room_leave(node->room, world.now));
	world_run(&world, 5 * SECOND);
	node_kill(node);
	node_new_session(node);
	ok(scene_together(10 * SECOND), "%u: it leaves again", count);
}

static bool is_newer(struct world *now, void *arg)
{
	const uint32_t *seq = arg;

	return world_owner(now) && world_owner(now)->room->last->epoch.seq >
	       *seq && world_is_one(now, NULL);
}

static void rekey(unsigned int count)
{
	uint64_t cpu = NEVER, bytes = 0, received = 0, ms = 0;
	bool good = true;

	world.measure = true;
	for (unsigned int i = 0; i < REKEYS; i++) {
		struct node *owner = world_owner(&world);
		uint32_t seq = owner->room->last->epoch.seq;
		uint64_t start = world.now, got = world.nodes[count - 1].bytes;
		uint64_t used = cpu_all();

		bytes -= world.bytes;
		DO(owner, e2ee_room_rekey(owner->room, world.now));
		good = good && world_until(&world, 5 * SECOND, is_newer, &seq);
		ms += world.now - start;
		bytes += world.bytes;
		used = cpu_all() - used;
		cpu = used < cpu ? used : cpu;
		received += world.nodes[count - 1].bytes - got;
		good = good && all_hear_all();
		world_run(&world, 3 * SECOND);
	}
	world.measure = false;
	ok(good, "%u: rekeys", count);
	figure("rekey_cpu_ms", count, (double)cpu / 1e6);
	figure("rekey_bytes", count, (double)bytes / REKEYS);
	figure("rekey_bytes_received", count, (double)received / REKEYS);
	figure("rekey_ms", count, (double)ms / REKEYS);
	ok(cpu < UINT64_C(1000000000),
	   "%u: %.1f ms of CPU in all", count, (double)cpu / 1e6);
	ok(ms / REKEYS < 2 * SECOND, "%u: switched after %llu ms", count,
	   (unsigned long long)(ms / REKEYS));
}

int main(int argc, char **argv)
{
	static const unsigned int counts[] = { 2, 3, 10, 100 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		char name[16];

		start(counts[i]);
		rekey(counts[i]);
		join(counts[i]);
		snprintf(name, sizeof(name), "%u", counts[i]);
		scene_end(name);
	}
	return scene_finish(argc, argv);
}
