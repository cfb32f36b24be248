// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the kernel's session brings: keys that are missing or expire, sessions
 * made anew, keys of an e2eed that died.
 */
#include <errno.h>

#include "room/kernel.h"
#include "room/scenario.h"

static unsigned int keys_of(const struct node *node, uint32_t dir,
			    uint32_t epoch)
{
	unsigned int count = 0;

	for (size_t i = 0; i < node->kernel.count; i++)
		count += node->kernel.keys[i].key.dir == dir &&
			 (!epoch || node->kernel.keys[i].key.epoch == epoch);
	return count;
}

static struct node *call_of(uint64_t seed, unsigned int count)
{
	struct node *nodes = scene_open(seed, count);

	ok(scene_together(30 * SECOND), "a room of %u", count);
	scene_talk(2 * SECOND, 2);
	scene_count();
	return nodes;
}

/* Who has opened packets of one SSRC: how many receivers heard it? */
static uint64_t heard_of(struct node *node, uint32_t ssrc)
{
	uint64_t before = scene_got();

	node_media(node, ssrc);
	return scene_got() - before;
}

/* K2, K3: more SSRCs at once than there are spare keys */
static void test_missing(void)
{
	struct node *nodes = call_of(70, 3);
	uint64_t heard = 0;

	for (uint32_t ssrc = 0; ssrc < 20; ssrc++)
		heard += heard_of(&nodes[1], 500 + ssrc);
	ok(heard == 40 && !scene_swallowed() && !scene_lost(),
	   "many at once: 20 SSRCs, the two others hear each first packet");
	for (unsigned int i = 0; i < 3; i++) {
		world_run(&world, 1100);
		for (uint32_t ssrc = 0; ssrc < 20; ssrc++)
			node_media(&nodes[1], 500 + ssrc);
	}
	world_run(&world, 1100);
	scene_count();
	for (uint32_t ssrc = 0; ssrc < 20; ssrc++)
		node_media(&nodes[1], 500 + ssrc);
	ok(!scene_swallowed() && !scene_lost() &&
	   nodes[1].room->epochs[0]->bound_count >= 20,
	   "many at once: a moment later each has a key of its own");
	scene_end("many at once");
}

#define WAVE	14

/*
 * An engine that starts again and again, with other SSRCs each time, as often as
 * it likes: those of now are heard at once, those of before take nothing away.
 */
static void test_waves(bool by_owner)
{
	const char *name = by_owner ? "waves of the owner" : "waves";
	struct node *nodes = call_of(98 + by_owner, 3), *node;
	unsigned int late = 0, bound = 0;
	uint64_t longest = 0;

	world_run(&world, 5 * SECOND);
	node = world_owner(&world);
	if (!by_owner)
		node = node == &nodes[0] ? &nodes[1] : &nodes[0];
	for (uint32_t wave = 1; wave <= 10; wave++) {
		uint64_t begun[WAVE], start = world.now;

		memset(begun, 0, sizeof(begun));
		while (world.now < start + 3 * SECOND) {
			for (uint32_t i = 0; i < WAVE; i++)
				if (heard_of(node, 1000 * wave + i) == 2 &&
				    !begun[i])
					begun[i] = world.now;
			world_run(&world, 20);
		}
		for (unsigned int i = 0; i < WAVE; i++) {
			uint64_t after = begun[i] ? begun[i] - start : NEVER;

			late += after > SECOND;
			longest = after > longest ? after : longest;
		}
	}
	ok(!late && !scene_swallowed(),
	   "%s: of 140 SSRCs each is heard, the last one after %llu ms", name,
	   (unsigned long long)longest);
	/* with the next epoch those that send have keys of their own again */
	for (unsigned int i = 0; i < 70 * 50; i++) {
		for (uint32_t ssrc = 0; ssrc < WAVE; ssrc++)
			node_media(node, 10000 + ssrc);
		world_run(&world, 20);
	}
	for (uint32_t ssrc = 0; ssrc < WAVE; ssrc++)
		bound += e2ee_install_binds(node->room->epochs[0],
					    10000 + ssrc);
	ok(bound == WAVE, "%s: in the end %u of %u have keys of their own",
	   name, bound, WAVE);
	ok(node->room->use_count < 3 * E2EE_STREAMS_MAX,
	   "%s: of those that are gone, %zu are remembered", name,
	   node->room->use_count);
	ok(!node_alarmed(node, "is not sent"), "%s: no alarm", name);
	scene_end(name);
}

/* More SSRCs than an epoch binds, for good: all are heard, and no rekey helps */
static void test_crowded(bool by_owner, uint32_t count)
{
	const char *name = by_owner ? "crowded owner" : "crowded";
	struct node *nodes = call_of(110 + by_owner + 2 * count, 3);
	struct node *node, *other;
	uint32_t epoch;

	world_run(&world, 35 * SECOND);
	node = world_owner(&world);
	if (!by_owner)
		node = node == &nodes[0] ? &nodes[1] : &nodes[0];
	epoch = node->kernel.epoch;
	scene_count();
	for (unsigned int i = 0; i < 60 * 10; i++) {
		for (uint32_t ssrc = 0; ssrc < count; ssrc++)
			node_media(node, 500 + ssrc);
		world_run(&world, 100);
	}
	ok(node->kernel.epoch - epoch <= 1,
	   "%s: %u SSRCs bring about %u rekeys in a minute", name, count,
	   node->kernel.epoch - epoch);
	ok(!scene_swallowed() && !scene_lost() &&
	   scene_got() == 2 * 600 * (uint64_t)count,
	   "%s: all of %u SSRCs are heard", name, count);
	/* and a device that comes back hears all of them, too */
	other = &nodes[node == &nodes[0] ? 1 : 0];
	node_kill(other);
	node_start(other);
	for (unsigned int i = 0; i < 200; i++) {
		if (i == 190)
			scene_count();
		for (uint32_t ssrc = 0; ssrc < count; ssrc++)
			node_media(node, 500 + ssrc);
		world_run(&world, 100);
	}
	ok(!scene_lost() && scene_got() == 2 * 10 * (uint64_t)count,
	   "%s: so they are by a device that was started again", name);
	scene_end(name);
}

/* An SSRC that cannot be sent all the same is an alarm */
static void test_not_sent(void)
{
	struct node *nodes = call_of(103, 2), *node = &nodes[0];

	for (size_t i = 0; i < node->kernel.count; i++)
		if (node->kernel.keys[i].key.dir == E2EE_DIR_TX)
			node->kernel.keys[i].expires = world.now;
	ok(!node_media(node, 1), "not sent: its keys have expired");
	ok(node_alarmed(node, "a stream is not sent"), "not sent: an alarm");
	scene_end("not sent");
}

static unsigned int lists;

static int count_lists(struct node *node, enum kernel_call call, void *arg)
{
	if (node == arg && call == CALL_KEY_LIST)
		lists++;
	return 0;
}

/*
 * A stranger sends packets that name streams of a device which never used them:
 * no more keys come of it than a device can have, few looks into the kernel, and
 * nothing later on.
 */
static void test_missing_stranger(void)
{
	struct node *nodes = call_of(117, 2);
	const struct e2ee_msg_epoch *epoch;
	struct e2ee_event_info event = {
		.type = E2EE_EVENT_KEY_MISSING, .dir = E2EE_DIR_RX,
	};
	unsigned int before;
	uint8_t leaf;

	world_run(&world, 15 * SECOND);
	epoch = &nodes[0].room->last->epoch;
	leaf = nodes[1].room->epochs[0]->leaf;
	before = keys_of(&nodes[0], E2EE_DIR_RX, 0);
	world.fault = count_lists;
	world.fault_arg = &nodes[0];
	lists = 0;
	for (unsigned int i = 0; i < 1000; i++) {
		event.kid = e2ee_schedule_kid(i % E2EE_STREAMS_MAX, leaf,
					      epoch->term, epoch->seq);
		e2ee_room_kernel_event(nodes[0].room, world.now, &event);
		world_run(&world, 20);
	}
	ok(keys_of(&nodes[0], E2EE_DIR_RX, 0) <= E2EE_STREAMS_MAX,
	   "stranger: %u keys became %u", before,
	   keys_of(&nodes[0], E2EE_DIR_RX, 0));
	ok(lists <= 30, "stranger: %u looks into the kernel in 20 s", lists);
	DO(world_owner(&world), e2ee_room_rekey(world_owner(&world)->room,
						world.now));
	world_run(&world, 15 * SECOND);
	ok(keys_of(&nodes[0], E2EE_DIR_RX, 0) == before,
	   "stranger: the next epoch has as many as before");
	scene_end("stranger");
}

/* A receiver is asked for KIDs of nobody, and of its own: no keys come */
static void test_missing_nonsense(void)
{
	struct node *nodes = call_of(71, 2);
	const struct e2ee_msg_epoch *epoch = &nodes[0].room->last->epoch;
	unsigned int before;
	struct e2ee_event_info event = {
		.type = E2EE_EVENT_KEY_MISSING, .dir = E2EE_DIR_RX,
	};

	before = keys_of(&nodes[0], E2EE_DIR_RX, 0);
	for (unsigned int leaf = 0; leaf < 256; leaf++) {
		if (leaf == epoch->roster[0].leaf ||
		    leaf == epoch->roster[1].leaf)
			continue;
		event.kid = e2ee_schedule_kid(3, (uint8_t)leaf, epoch->term,
					      epoch->seq);
		e2ee_room_kernel_event(nodes[0].room, world.now, &event);
		world_run(&world, 200);
	}
	event.kid = e2ee_schedule_kid(31, nodes[0].room->epochs[0]->leaf,
				      epoch->term, epoch->seq);
	e2ee_room_kernel_event(nodes[0].room, world.now, &event);
	event.kid = UINT64_MAX;
	e2ee_room_kernel_event(nodes[0].room, world.now, &event);
	world_run(&world, 2 * SECOND);
	ok(keys_of(&nodes[0], E2EE_DIR_RX, 0) == before,
	   "nonsense: no keys for leaves that are nobody's, nor for my own");
	scene_end("nonsense");
}

static void test_expiring(bool owner)
{
	const char *name = owner ? "expiring at the owner" :
				   "expiring at a member";
	struct node *nodes = call_of(72 + owner, 3), *node;
	struct e2ee_event_info event = { .type = E2EE_EVENT_KEY_EXPIRING };
	uint32_t epoch;

	world_run(&world, 5 * SECOND);
	node = world_owner(&world);
	if (!owner)
		node = node == &nodes[0] ? &nodes[1] : &nodes[0];
	epoch = node->kernel.epoch;
	e2ee_room_kernel_event(node->room, world.now, &event);
	node->next = world.now;
	scene_talk(5 * SECOND, 2);
	ok(node->kernel.epoch == epoch + 1, "%s: one new epoch", name);
	ok(!scene_lost() && !scene_swallowed(), "%s: nothing is lost", name);
	scene_end(name);
}

/* All 32 streams of an epoch: others share one until a rekey gives new ones */
static void test_used_up(void)
{
	struct node *nodes = call_of(74, 3), *node;
	uint32_t epoch, ssrc = 7000;

	world_run(&world, 35 * SECOND);
	node = world_owner(&world) == &nodes[0] ? &nodes[1] : &nodes[0];
	epoch = node->kernel.epoch;
	for (unsigned int i = 0; i < 36; i++) {
		node_media(node, ssrc++);
		world_run(&world, 300);
	}
	ok(!scene_swallowed(), "used up: no SSRC is without a key");
	ok(node->kernel.epoch == epoch,
	   "used up: no rekey while too many SSRCs have sent lately");
	world_run(&world, ACTIVE_FOR + 5 * SECOND);
	scene_count();
	ok(node_media(node, ssrc) && node->kernel.epoch > epoch,
	   "used up: the 37th SSRC has a key, of a new epoch");
	ok(!scene_lost(), "used up: and is heard");
	/* no stream index twice: world.c looks at each key that is installed */
	scene_end("used up");
}

/* K8: e2eed is killed, and started again */
static void test_restart(bool owner)
{
	const char *name = owner ? "restart of the owner" : "restart";
	struct node *nodes = call_of(76 + owner, 3), *node;
	uint64_t died, lost, first = 0, gone = 0;
	uint32_t epoch;
	size_t inherited;

	node = world_owner(&world);
	if (!owner)
		node = node == &nodes[0] ? &nodes[1] : &nodes[0];
	node_kill(node);
	died = world.now;
	lost = node->lost;
	epoch = node->kernel.epoch;
	inherited = node->kernel.count;
	scene_talk(3 * SECOND, 2);
	ok(node->kernel.count == inherited, "%s: the kernel keeps its keys",
	   name);
	node_start(node);
	ok(node_status(node)->encrypted && node->room->inherited.count ==
	   inherited, "%s: they are inherited", name);
	while (world.now < died + 60 * SECOND) {
		scene_talk(100, 2);
		if (!first && node->kernel.epoch > epoch)
			first = world.now;
		if (first && !gone && !node->room->inherited.count)
			gone = world.now;
	}
	ok(first, "%s: it switches after %llu ms", name,
	   (unsigned long long)(first - died));
	ok(gone && gone - first >= 9800 && gone - first <= 11500,
	   "%s: inherited keys die %llu ms later", name,
	   (unsigned long long)(gone - first));
	ok(!keys_of(node, E2EE_DIR_TX, epoch), "%s: none is left", name);
	ok(world_is_one(&world, NULL), "%s: one room", name);
	ok(tape_said(node, died, world.now) ==
	   tape_said(&nodes[2] == node ? &nodes[1] : &nodes[2], died,
		     world.now), "%s: its media never stopped", name);
	ok(!scene_swallowed() && !scene_clear(),
	   "%s: nothing swallowed, nothing in clear", name);
	/* keys of a takeover meanwhile are not for who is on its way back */
	ok(scene_lost() == node->lost - lost && node->lost - lost < 50,
	   "%s: the others hear all, it misses %llu packets", name,
	   (unsigned long long)scene_lost());
	scene_end(name);
}

/* K8, M8 b: it is started, but never gets into the call */
static void test_restart_alone(void)
{
	struct node *nodes = call_of(78, 3), *node;
	uint64_t died;

	node = world_owner(&world) == &nodes[0] ? &nodes[1] : &nodes[0];
	node_kill(node);
	died = world.now;
	node_start(node);
	node_online(node, false);
	scene_talk(140 * SECOND, 1);
	ok(tape_said(node, died + 100 * SECOND, NEVER) &&
	   !tape_said(node, died + 121 * SECOND, NEVER),
	   "restart without link: media goes on for 120 s");
	ok(!keys_of(node, E2EE_DIR_TX, 0) && node->room->stopped[0],
	   "restart without link: then its keys are deleted");
	ok(!scene_clear(), "restart without link: nothing in clear");
	scene_end("restart without link");
}

/* K7: the kernel's session is another one, or the machine slept */
static void test_renew(bool owner, bool slept)
{
	const char *name = slept ? "resume" : owner ? "owner's session anew" :
				   "session anew";
	struct node *nodes = call_of(80 + 2u * owner + slept, 3), *node;
	uint8_t session[E2EE_ID_LEN];
	uint64_t when;
	uint32_t before;
	bool back = false;

	node = world_owner(&world);
	if (!owner)
		node = node == &nodes[0] ? &nodes[1] : &nodes[0];
	memcpy(session, node->room->session, sizeof(session));
	if (!slept)
		node_new_session(node);
	DO(node, (e2ee_room_renew(node->room, world.now), 0));
	when = world.now;
	before = node->room->next_number - 1;
	ok(!keys_of(node, E2EE_DIR_TX, 0) && !keys_of(node, E2EE_DIR_RX, 0),
	   "%s: no key of before is there", name);
	ok(memcmp(session, node->room->session, sizeof(session)),
	   "%s: a new session id", name);
	ok(node->room->state == E2EE_ROOM_JOIN, "%s: to JOIN", name);
	for (unsigned int i = 0; i < 300; i++) {
		scene_talk(100, 1);
		for (size_t k = 0; k < node->kernel.count; k++)
			back |= node->kernel.keys[k].key.epoch <= before;
	}
	ok(world_is_one(&world, NULL), "%s: one room again", name);
	ok(!back && !scene_clear(), "%s: nothing old, nothing in clear", name);
	/* what it says from now on, nobody could say before */
	for (unsigned int i = 0; i < 3; i++)
		if (&nodes[i] != node)
			ok(tape_open(&nodes[i], node, when, NEVER) ==
			   tape_said(node, when, NEVER),
			   "%s: %s hears it", name, nodes[i].dev);
	scene_end(name);
}

/* K5: 16 EPOCHs later the KIDs are those of before */
static void test_collisions(void)
{
	struct node *nodes = call_of(90, 3), *owner = world_owner(&world);

	for (unsigned int i = 0; i < 40; i++) {
		DO(owner, e2ee_room_rekey(owner->room, world.now));
		scene_talk(2 * SECOND, 3);
	}
	ok(!scene_lost() && !scene_swallowed(),
	   "collisions: 40 rekeys, nothing lost");
	ok(nodes[0].room->epoch_count <= EPOCHS_LIVE &&
	   keys_of(&nodes[0], E2EE_DIR_RX, 0) <=
		   EPOCHS_LIVE * 2 * E2EE_STREAMS_MAX,
	   "collisions: at most eight epochs are alive: %u keys",
	   keys_of(&nodes[0], E2EE_DIR_RX, 0));
	/* K4: and one 10 s later */
	world_run(&world, 12 * SECOND);
	ok(nodes[0].room->epoch_count == 1, "collisions: one is left");
	scene_end("collisions");
}

/* A restarted device gets KIDs that its inherited keys still have */
static void test_collision_inherited(void)
{
	struct node *nodes = call_of(91, 2), *owner = world_owner(&world);
	struct node *node = owner == &nodes[0] ? &nodes[1] : &nodes[0];

	node_kill(node);
	/* as if inherited keys had all KIDs of the EPOCH that comes */
	for (unsigned int seq = 0; seq < 16; seq++)
		for (unsigned int leaf = 0; leaf < 2; leaf++) {
			struct e2ee_key fake = {
				.dir = leaf == 1 ? E2EE_DIR_RX : E2EE_DIR_TX,
				.epoch = 1, .expires = 700,
				.kid = e2ee_schedule_kid(0, (uint8_t)leaf, 1,
							 seq),
			};

			kernel_put(node, &fake);
			fake.dir = E2EE_DIR_TX + E2EE_DIR_RX - fake.dir;
			kernel_put(node, &fake);
		}
	node_start(node);
	ok(scene_together(30 * SECOND), "inherited KIDs: one room");
	scene_count();
	scene_talk(2 * SECOND, 2);
	ok(!scene_lost() && !scene_swallowed(), "inherited KIDs: media flows");
	scene_end("inherited KIDs");
}

/* What a session or a key of it shows is below the room's epochs (K1) */
static void test_numbers(void)
{
	struct node *nodes = scene_open_still(92, 2);

	nodes[0].kernel.epoch = 4711;
	node_start(&nodes[0]);
	node_start(&nodes[1]);
	ok(scene_together(30 * SECOND), "numbers: a room of two");
	ok(nodes[0].kernel.epoch > 4711 && nodes[1].kernel.epoch < 10,
	   "numbers: above the session's: %u, %u", nodes[0].kernel.epoch,
	   nodes[1].kernel.epoch);
	scene_count();
	scene_talk(SECOND, 1);
	ok(!scene_lost(), "numbers: they are nobody else's business");
	scene_end("numbers");
}

static unsigned int deleted_too_early;

/* Without the keys that it sends with, "optional" is clear */
static int key_del(void *arg, const struct e2ee_key *keys, size_t count)
{
	const struct node *node = arg;

	for (size_t i = 0; i < count; i++)
		deleted_too_early += node->kernel.policy != E2EE_POLICY_REQUIRED;
	return kernel_key_del(arg, keys, count);
}

/* K9: a stricter policy, with an EPOCH that deletes all keys of before */
static void test_stricter(void)
{
	struct node *nodes = scene_open_still(93, 2), *owner, *other;

	for (unsigned int i = 0; i < 2; i++) {
		nodes[i].config.floor = E2EE_POLICY_OPTIONAL;
		nodes[i].config.policy = E2EE_POLICY_OPTIONAL;
		node_start(&nodes[i]);
	}
	ok(scene_together(30 * SECOND), "stricter: a room of two");
	scene_talk(5 * SECOND, 1);
	owner = world_owner(&world);
	other = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	ok(owner->kernel.policy == E2EE_POLICY_OPTIONAL,
	   "stricter: its policy is optional");
	deleted_too_early = 0;
	owner->room->ops.key_del = key_del;
	DO(owner, e2ee_room_policy(owner->room, world.now,
				   E2EE_POLICY_REQUIRED));
	DO(owner, e2ee_room_kick(owner->room, world.now, other->dev));
	scene_talk(3 * SECOND, 1);
	ok(owner->room->last->epoch.seq == 1 &&
	   owner->kernel.policy == E2EE_POLICY_REQUIRED,
	   "stricter: a new call, and required");
	ok(!deleted_too_early, "stricter: before the keys of before go");
	scene_end("stricter");
}

static bool kernel_refuses;

static int key_del_refused(void *arg, const struct e2ee_key *keys, size_t count)
{
	return kernel_refuses ? -EBUSY : kernel_key_del(arg, keys, count);
}

/* K6: the kernel does not delete what sending has to stop for */
static void test_stop_refused(void)
{
	struct node *nodes = call_of(94, 3), *node;
	uint64_t down;

	node = world_owner(&world) == &nodes[0] ? &nodes[1] : &nodes[0];
	node->room->ops.key_del = key_del_refused;
	kernel_refuses = true;
	down = world.now;
	node_online(node, false);
	scene_talk(122 * SECOND, 1);
	ok(node->room->stopped[0] && keys_of(node, E2EE_DIR_TX, 0),
	   "stop refused: its keys are still there");
	ok(node_alarmed(node, "still has keys to send with"),
	   "stop refused: it says so");
	kernel_refuses = false;
	scene_talk(3 * SECOND, 1);
	ok(!keys_of(node, E2EE_DIR_TX, 0) &&
	   !tape_said(node, down + 125 * SECOND, NEVER),
	   "stop refused: it goes on trying, and sending stops");
	node_online(node, true);
	ok(scene_together(90 * SECOND), "stop refused: one room again");
	scene_count();
	scene_talk(3 * SECOND, 1);
	ok(!scene_swallowed(), "stop refused: all send again");
	scene_end("stop refused");
}

/* K9: a session that is looser than the floor, which e2eed finds so */
static void test_found_loose(void)
{
	struct node *nodes = call_of(95, 3), *node;

	node = world_owner(&world) == &nodes[0] ? &nodes[1] : &nodes[0];
	node_kill(node);
	node->kernel.policy = E2EE_POLICY_OPTIONAL;
	scene_count();
	node_start(node);
	ok(node->kernel.policy == E2EE_POLICY_REQUIRED,
	   "found loose: raised to the floor at once");
	node_online(node, false);
	scene_talk(130 * SECOND, 1);
	ok(!keys_of(node, E2EE_DIR_TX, 0) && node->swallowed && !scene_clear(),
	   "found loose: its keys go after two minutes, nothing in clear");
	node_kill(node);
	node->kernel.policy = E2EE_POLICY_OPTIONAL;
	node_start(node);
	node->kernel.policy = E2EE_POLICY_OPTIONAL;
	DO(node, (e2ee_room_renew(node->room, world.now), 0));
	ok(node->kernel.policy == E2EE_POLICY_REQUIRED,
	   "found loose: and so is one made anew");
	scene_end("found loose");
}

/*
 * It ends: where it was not the operator of this device who ended it, nothing
 * may go out in clear, whatever the policy of the room was.
 */
static void test_out_policy(bool kicked)
{
	const char *name = kicked ? "kicked" : "left";
	struct node *nodes = scene_open_still(104 + kicked, 3), *owner, *other;

	for (unsigned int i = 0; i < 3; i++) {
		nodes[i].config.floor = E2EE_POLICY_OPTIONAL;
		nodes[i].config.policy = E2EE_POLICY_OPTIONAL;
		node_start(&nodes[i]);
	}
	ok(scene_together(30 * SECOND), "%s: a room of three", name);
	scene_talk(5 * SECOND, 1);
	owner = world_owner(&world);
	other = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	ok(other->kernel.policy == E2EE_POLICY_OPTIONAL,
	   "%s: its policy is optional", name);
	if (kicked)
		DO(owner, e2ee_room_kick(owner->room, world.now, other->dev));
	else
		DO(other, e2ee_room_leave(other->room, world.now));
	world_run(&world, 5 * SECOND);
	node_media(other, 1);
	ok(other->out_at && !keys_of(other, E2EE_DIR_TX, 0),
	   "%s: it is out, and its keys are gone", name);
	ok(other->kernel.policy == (kicked ? E2EE_POLICY_REQUIRED :
					     E2EE_POLICY_OPTIONAL),
	   "%s: the policy is %s", name,
	   e2ee_policy_name(other->kernel.policy));
	ok(!other->clear == kicked, "%s: it sends %s", name,
	   kicked ? "nothing" : "on as its operator wants it");
	scene_end(name);
}

/* With a floor of its own: looser is raised to it, stricter stays */
static void test_found_floor(uint32_t before, uint32_t after)
{
	const char *name = before > after ? "found off" : "found required";
	struct node *nodes = scene_open_still(97 + before, 2), *node = nodes;

	nodes[0].config.floor = E2EE_POLICY_OPTIONAL;
	nodes[1].config.floor = E2EE_POLICY_OPTIONAL;
	nodes[1].config.policy = E2EE_POLICY_OPTIONAL;
	node->kernel.policy = before;
	node_start(node);
	ok(node->kernel.policy == after && node_status(node)->policy == after,
	   "%s: the session is %s at once", name, e2ee_policy_name(after));
	node->kernel.policy = before;
	DO(node, (e2ee_room_renew(node->room, world.now), 0));
	ok(node->kernel.policy == after, "%s: and when it was made anew", name);
	node_kill(node);
	node->kernel.policy = before;
	node_start(&nodes[1]);
	world_run(&world, 10 * SECOND);
	node_start(node);
	ok(scene_together(30 * SECOND) &&
	   node->kernel.policy == E2EE_POLICY_OPTIONAL,
	   "%s: optional with the first EPOCH", name);
	scene_end(name);
}

/* The kernel does not say, and with a looser floor nobody knows what it is */
static void test_found_unknown(void)
{
	struct node *nodes = scene_open_still(96, 2), *node;

	for (unsigned int i = 0; i < 2; i++) {
		nodes[i].config.floor = E2EE_POLICY_OPTIONAL;
		nodes[i].config.policy = E2EE_POLICY_OPTIONAL;
		node_start(&nodes[i]);
	}
	ok(scene_together(30 * SECOND), "found unknown: a room of two");
	scene_talk(3 * SECOND, 1);
	node = world_owner(&world) == &nodes[0] ? &nodes[1] : &nodes[0];
	node_kill(node);
	node->kernel.mute = true;
	node_start(node);
	node_online(node, false);
	scene_count();
	scene_talk(130 * SECOND, 1);
	ok(!keys_of(node, E2EE_DIR_TX, 0) && !scene_clear() && node->swallowed,
	   "found unknown: its keys go, and nothing in clear");
	scene_end("found unknown");
}

static bool floor_raise(struct node *node)
{
	node->config.floor = E2EE_POLICY_REQUIRED;
	node->config.policy = E2EE_POLICY_REQUIRED;
	return !DO(node, e2ee_room_configure(node->room, world.now,
					     &node->config)) &&
	       node->kernel.policy == E2EE_POLICY_REQUIRED &&
	       node_status(node)->policy == E2EE_POLICY_REQUIRED;
}

/* While it is on its way into a call; @mute: and its kernel tells no policy */
static void floor_raised_joining(struct node *node, bool mute)
{
	node->kernel.policy = E2EE_POLICY_OPTIONAL;
	node->kernel.mute = mute;
	node_start(node);
	node_online(node, false);
	world_run(&world, SECOND);
	ok(node->room->state == E2EE_ROOM_JOIN &&
	   node->kernel.policy == E2EE_POLICY_OPTIONAL,
	   "floor raised: one is joining, its policy is optional");
	ok(floor_raise(node), "floor raised: required at once%s",
	   mute ? ", though it was not known what it was" : "");
}

static int policy_stays(struct node *node, enum kernel_call call, void *arg)
{
	return node == arg && call == CALL_SET_POLICY ? -EAGAIN : 0;
}

/* A configuration that is read again: what is looser than its floor is raised */
static void test_floor_raised(void)
{
	struct node *nodes = scene_open_still(130, 5), *owner, *member;

	for (unsigned int i = 0; i < 5; i++) {
		nodes[i].config.floor = E2EE_POLICY_OPTIONAL;
		nodes[i].config.policy = E2EE_POLICY_OPTIONAL;
	}
	for (unsigned int i = 0; i < 3; i++)
		node_start(&nodes[i]);
	ok(scene_together(30 * SECOND), "floor raised: a room of three");
	floor_raised_joining(&nodes[3], false);
	floor_raised_joining(&nodes[4], true);
	owner = world_owner(&world);
	member = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	ok(member->kernel.policy == E2EE_POLICY_OPTIONAL,
	   "floor raised: the policy of a member is optional");
	ok(floor_raise(member), "floor raised: and required at once");
	member = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	world.fault = policy_stays;
	world.fault_arg = member;
	ok(!floor_raise(member), "floor raised: the kernel refuses it");
	world.fault = NULL;
	world_run(&world, 2 * SECOND);
	ok(member->kernel.policy == E2EE_POLICY_REQUIRED,
	   "floor raised: and is asked again");
	ok(floor_raise(owner), "floor raised: required at once at the owner");
	DO(member, e2ee_room_leave(member->room, world.now));
	member->kernel.policy = E2EE_POLICY_OPTIONAL;
	ok(!floor_raise(member) && member->kernel.policy ==
	   E2EE_POLICY_OPTIONAL,
	   "floor raised: not by one that has left");
	scene_end("floor raised");
}

int main(int argc, char **argv)
{
	test_floor_raised();
	test_missing();
	test_waves(false);
	test_waves(true);
	test_crowded(false, 30);
	test_crowded(true, 30);
	test_crowded(false, 24);
	test_crowded(false, 40);
	test_not_sent();
	test_missing_nonsense();
	test_missing_stranger();
	test_expiring(false);
	test_expiring(true);
	test_used_up();
	test_restart(false);
	test_restart(true);
	test_restart_alone();
	test_renew(false, false);
	test_renew(true, false);
	test_renew(false, true);
	test_collisions();
	test_collision_inherited();
	test_numbers();
	test_stricter();
	test_stop_refused();
	test_found_loose();
	test_out_policy(true);
	test_out_policy(false);
	test_found_floor(E2EE_POLICY_OFF, E2EE_POLICY_OPTIONAL);
	test_found_floor(E2EE_POLICY_REQUIRED, E2EE_POLICY_REQUIRED);
	test_found_unknown();
	return scene_finish(argc, argv);
}
