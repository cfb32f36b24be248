// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rekeys under media: nothing is lost, nothing refused; and when sending
 * switches.
 *
 *	room_rekey_test [-j FILE]
 */
#include <stdlib.h>

#include "room/scenario.h"

static void do_rekey(void)
{
	struct node *owner = world_owner(&world);

	if (owner)
		DO(owner, e2ee_room_rekey(owner->room, world.now));
}

/* Every 2 s for @minutes, with new SSRCs now and then */
static void test_rekeys(unsigned int count, unsigned int minutes)
{
	struct node *nodes = scene_open(50 + count, count);
	unsigned int rekeys = minutes * 30;
	uint32_t epoch;
	bool all = true;

	ok(scene_together(30 * SECOND), "rekeys: a room of %u", count);
	scene_talk(2 * SECOND, 3);
	epoch = nodes[0].kernel.epoch;
	scene_count();
	for (unsigned int i = 0; i < rekeys; i++) {
		do_rekey();
		/* from 3 SSRCs of each member to 10 */
		scene_talk(2 * SECOND, 3 + i * 8 / rekeys);
	}
	world_run(&world, 3 * SECOND);
	for (unsigned int i = 0; i < count; i++)
		all &= nodes[i].kernel.epoch >= epoch + rekeys * 9 / 10;
	ok(all, "rekeys: %u of them in %u minutes",
	   nodes[0].kernel.epoch - epoch, minutes);
	ok(!scene_lost() && !scene_swallowed() && !scene_clear(),
	   "rekeys: of %llu packets %llu are lost, %llu swallowed",
	   (unsigned long long)scene_got(), (unsigned long long)scene_lost(),
	   (unsigned long long)scene_swallowed());
	ok(scene_got() > 1000 * minutes, "rekeys: media went on");
	figure("lost_during_rekey", count,
	       (double)(scene_lost() + scene_swallowed()));
	scene_end("rekeys");
}

/* a member whose answers never come: all others wait until the deadline */
static struct node *mute;

static bool broker_mutes(struct world *now, struct node *to,
			 const struct world_packet *packet, void *arg)
{
	(void)now;
	(void)to;
	(void)arg;
	return packet->topic != E2EE_TOPIC_ACK ||
	       strcmp(packet->dev, mute->dev) != 0;
}

static struct node *call_with_mute(uint64_t seed, unsigned int count)
{
	struct node *nodes = scene_open(seed, count);

	ok(scene_together(30 * SECOND), "a room of %u", count);
	scene_talk(5 * SECOND, 1);
	mute = world_owner(&world) == &nodes[1] ? &nodes[2] : &nodes[1];
	world.tamper = broker_mutes;
	return nodes;
}

static void test_deadline(void)
{
	struct node *nodes = call_with_mute(60, 3);
	uint64_t start = world.now, took[3] = { 0 };
	uint32_t epochs[3];

	for (unsigned int n = 0; n < 3; n++)
		epochs[n] = nodes[n].kernel.epoch;
	do_rekey();
	scene_count();
	for (unsigned int i = 0; i < 40; i++) {
		scene_talk(100, 1);
		for (unsigned int n = 0; n < 3; n++)
			if (!took[n] && nodes[n].kernel.epoch > epochs[n])
				took[n] = world.now - start;
	}
	for (unsigned int n = 0; n < 3; n++)
		ok(took[n] >= 1900 && took[n] <= 2700,
		   "deadline: %s switches after %llu ms", nodes[n].dev,
		   (unsigned long long)took[n]);
	ok(!scene_lost() && !scene_swallowed(), "deadline: nothing is lost");
	scene_end("deadline");
}

/* carol goes while a rekey is unswitched: she is not heard after 2 s */
static void test_removal(void)
{
	struct node *nodes = call_with_mute(61, 5), *owner, *carol;
	uint64_t start, went;
	uint32_t epoch;

	owner = world_owner(&world);
	epoch = owner->kernel.epoch;
	carol = owner == &nodes[3] ? &nodes[4] : &nodes[3];
	start = world.now;
	do_rekey();
	scene_talk(1500, 1);
	ok(owner->kernel.epoch == epoch, "removal: a rekey is unswitched");
	went = world.now;
	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	scene_talk(900, 1);
	ok(owner->kernel.epoch > epoch && owner->room->epochs[0]->switched,
	   "removal: the rekey's deadline stays, and goes to the newest");
	ok(world.now - start <= 2400, "removal: after 2.4 s at most");
	scene_talk(3 * SECOND, 1);
	ok(tape_last_open(carol, NULL) <= went + 2 * SECOND,
	   "removal: she opens nothing after %llu ms",
	   (unsigned long long)(tape_last_open(carol, NULL) - went));
	scene_end("removal");
}

/* One removal after the other, faster than a deadline */
static void test_removals(void)
{
	struct node *nodes = call_with_mute(62, 10), *owner;
	uint64_t went[10] = { 0 };
	unsigned int left = 10;

	owner = world_owner(&world);
	for (unsigned int i = 0; i < 10 && left > 3; i++) {
		if (&nodes[i] == owner || &nodes[i] == mute)
			continue;
		DO(owner, e2ee_room_kick(owner->room, world.now,
					 nodes[i].dev));
		went[i] = world.now;
		left--;
		scene_talk(400, 1);
	}
	scene_talk(3 * SECOND, 1);
	for (unsigned int i = 0; i < 10; i++)
		if (went[i])
			ok(tape_last_open(&nodes[i], NULL) <=
			   went[i] + 2 * SECOND,
			   "removals: %s opens nothing after %llu ms",
			   nodes[i].dev, (unsigned long long)
			   (tape_last_open(&nodes[i], NULL) - went[i]));
	ok(owner->room->last->epoch.roster_count == 3,
	   "removals: all are out");
	scene_end("removals");
}

/* Only one member's answers come, or nobody's */
static struct node *answers;

static bool broker_withholds_acks(struct world *now, struct node *to,
				  const struct world_packet *packet, void *arg)
{
	(void)now;
	(void)to;
	(void)arg;
	return packet->topic != E2EE_TOPIC_ACK ||
	       (answers && !strcmp(packet->dev, answers->dev));
}

/* The owner's machine dies, and another one owns, whom no answers reach */
static struct node *unanswered_heir(uint64_t seed, unsigned int count)
{
	struct node *owner, *heir = NULL;

	scene_open(seed, count);
	ok(scene_together(30 * SECOND), "a room of %u", count);
	scene_talk(5 * SECOND, 1);
	answers = NULL;
	world.tamper = broker_withholds_acks;
	owner = world_owner(&world);
	owner->online = false;
	node_kill(owner);
	node_new_session(owner);
	for (unsigned int i = 0; i < 300 && !heir; i++) {
		scene_talk(SECOND / 10, 1);
		heir = world_owner(&world);
	}
	if (!heir)
		abort();
	return heir;
}

static struct node *somebody_else(const struct node *a, const struct node *b)
{
	for (unsigned int i = 0; i < world.count; i++)
		if (world.nodes[i].room && &world.nodes[i] != a &&
		    &world.nodes[i] != b)
			return &world.nodes[i];
	abort();
}

/* Who took over waits for an answer (O5), but not with a removal */
static void test_removal_after_takeover(void)
{
	struct node *heir = unanswered_heir(66, 4), *carol;
	uint64_t went;

	scene_talk(4 * SECOND, 1);
	ok(heir->room->took_over && !heir->room->epochs[0]->switched,
	   "takeover, removal: no answer, so no switch");
	carol = somebody_else(heir, NULL);
	went = world.now;
	DO(heir, e2ee_room_kick(heir->room, world.now, carol->dev));
	scene_talk(5 * SECOND, 1);
	ok(tape_last_open(carol, heir) <= went + 2 * SECOND,
	   "takeover, removal: she hears the new owner for %llu ms",
	   (unsigned long long)(tape_last_open(carol, heir) - went));
	ok(tape_said(heir, went + 2 * SECOND, went + 5 * SECOND) > 100,
	   "takeover, removal: who goes on to send");
	ok(heir->room->epochs[0]->switched, "takeover, removal: it switched");
	world.tamper = NULL;
	scene_talk(60 * SECOND, 1);
	ok(world_is_one(&world, NULL), "takeover, removal: one room afterwards");
	scene_end("takeover, removal");
}

/* A removal, and a rekey before its deadline */
static void test_rekey_after_removal(void)
{
	struct node *heir = unanswered_heir(67, 5), *carol;
	uint64_t went;
	uint32_t seq;

	scene_talk(4 * SECOND, 1);
	carol = somebody_else(heir, NULL);
	went = world.now;
	seq = heir->room->last->epoch.seq;
	DO(heir, e2ee_room_kick(heir->room, world.now, carol->dev));
	scene_talk(300, 1);
	DO(heir, e2ee_room_rekey(heir->room, world.now));
	heir->room->timers[TIMER_EPOCH] = world.now;
	scene_talk(200, 1);
	ok(heir->room->last->epoch.seq == seq + 2 &&
	   !heir->room->epochs[0]->switched,
	   "removal, rekey: two EPOCHs, none in use");
	scene_talk(4500, 1);
	ok(tape_last_open(carol, heir) <= went + 2 * SECOND,
	   "removal, rekey: she hears the new owner for %llu ms",
	   (unsigned long long)(tape_last_open(carol, heir) - went));
	scene_end("removal, rekey");
}

/* The first answer comes before the newest EPOCH's deadline */
static void test_rekey_after_takeover(void)
{
	struct node *heir = unanswered_heir(68, 4);
	uint32_t epoch = heir->kernel.epoch;

	scene_talk(4 * SECOND, 1);
	ok(heir->kernel.epoch == epoch, "takeover, rekey: no answer yet");
	answers = somebody_else(heir, NULL);
	DO(heir, e2ee_room_rekey(heir->room, world.now));
	scene_talk(3 * SECOND, 1);
	ok(heir->kernel.epoch > epoch && heir->room->epochs[0]->switched,
	   "takeover, rekey: one answer, and sending switches");
	scene_end("takeover, rekey");
}

/* Can this device still open what was sealed with these keys? */
static bool opens(const struct node *node, const struct media *media)
{
	for (size_t i = 0; i < node->kernel.count; i++) {
		const struct kernel_key *key = &node->kernel.keys[i];

		if (key->key.dir == E2EE_DIR_RX && key->key.kid == media->kid &&
		    !memcmp(key->key.secret, media->secret, 32))
			return key->expires > world.now;
	}
	return false;
}

static struct media caught;
static struct node *catch_from;

static void catch(struct world *now, const struct media *media, void *arg)
{
	(void)now;
	(void)arg;
	if (media->from == catch_from->number)
		caught = *media;
}

/* K4: media that a server or the network holds back */
static void test_late_media(void)
{
	struct node *nodes = scene_open(65, 3);
	uint64_t switched, opened = 0;

	ok(scene_together(30 * SECOND), "late media: a room of three");
	world_run(&world, 10 * SECOND);
	catch_from = world_owner(&world) == &nodes[0] ? &nodes[1] : &nodes[0];
	world.media = catch;
	node_media(catch_from, 1);
	do_rekey();
	while (catch_from->kernel.epoch == catch_from->room->epochs[0]->number ||
	       !catch_from->room->epochs[0]->switched) {
		struct media last = caught;

		world_run(&world, 50);
		node_media(catch_from, 1);
		if (last.kid != caught.kid) {
			caught = last;	/* the last of the old epoch */
			break;
		}
	}
	switched = world.now;
	world.media = NULL;
	while (world.now < switched + 15 * SECOND) {
		world_run(&world, 100);
		for (unsigned int i = 0; i < 3; i++)
			if (&nodes[i] != catch_from &&
			    opens(&nodes[i], &caught))
				opened = world.now - switched;
	}
	ok(opened > 9 * SECOND, "late media: opens when it is %llu ms late",
	   (unsigned long long)opened);
	ok(opened < 12 * SECOND, "late media: and no later");
	scene_end("late media");
}

/* O6: every 5 minutes by itself */
static void test_by_itself(void)
{
	struct node *nodes = scene_open(63, 3);
	uint32_t epoch;

	ok(scene_together(30 * SECOND), "by itself: a room of three");
	scene_talk(SECOND, 2);
	epoch = nodes[0].kernel.epoch;
	scene_count();
	for (unsigned int i = 0; i < 31; i++)
		scene_talk(10 * SECOND, 2);
	ok(nodes[0].kernel.epoch == epoch + 1, "by itself: after 5 minutes");
	for (unsigned int i = 0; i < 3 * 31; i++)
		scene_talk(10 * SECOND, 2);
	ok(nodes[0].kernel.epoch >= epoch + 4 &&
	   nodes[0].kernel.epoch <= epoch + 5, "by itself: again and again");
	ok(!scene_lost() && !scene_swallowed(),
	   "by itself: nothing is lost in 20 minutes, with new key packages");
	scene_end("by itself");
}

/* Messages are late, twice and out of order; some are lost */
static void test_bad_network(void)
{
	struct node *nodes = scene_open(64, 4);
	uint32_t epoch;

	ok(scene_together(30 * SECOND), "bad network: a room of four");
	scene_talk(SECOND, 2);
	world.jitter = 300;
	world.duplicate = 300;
	world.drop = 100;
	epoch = nodes[0].kernel.epoch;
	scene_count();
	for (unsigned int i = 0; i < 60; i++) {
		do_rekey();
		scene_talk(4 * SECOND, 3);
	}
	ok(nodes[0].kernel.epoch > epoch + 40, "bad network: %u rekeys",
	   nodes[0].kernel.epoch - epoch);
	ok(!scene_swallowed() && !scene_clear(),
	   "bad network: all that is said leaves, encrypted");
	ok(scene_lost() * 50 < scene_got(),
	   "bad network: %llu of %llu packets came before their keys",
	   (unsigned long long)scene_lost(), (unsigned long long)scene_got());
	world.jitter = 15;
	world.duplicate = 0;
	world.drop = 0;
	ok(scene_together(60 * SECOND), "bad network: one room afterwards");
	scene_end("bad network");
}

/* Members ask one after the other, all the time: that is one EPOCH in ten seconds */
static void test_asked(void)
{
	struct node *nodes = scene_open(143, 6), *owner;
	uint32_t epoch;

	ok(scene_together(30 * SECOND), "asked: a room of six");
	world_run(&world, 15 * SECOND);
	owner = world_owner(&world);
	epoch = owner->kernel.epoch;
	for (unsigned int i = 0; i < 60; i++) {
		struct node *node = &nodes[i / 2 % 6];

		if (node != owner)
			DO(node, e2ee_room_rekey(node->room, world.now));
		world_run(&world, SECOND);
	}
	ok(owner->kernel.epoch - epoch >= 5 && owner->kernel.epoch - epoch <= 7,
	   "asked: in a minute, %u EPOCHs", owner->kernel.epoch - epoch);
	world_run(&world, 30 * SECOND);
	epoch = owner->kernel.epoch;
	for (unsigned int n = 0; n < 6; n++)
		if (&nodes[n] != owner)
			DO(&nodes[n], e2ee_room_rekey(nodes[n].room,
						      world.now));
	world_run(&world, 3 * SECOND);
	ok(owner->kernel.epoch == epoch + 1, "asked: the first one comes at once");
	scene_end("asked");
}

/* One who comes and goes all the time: a few EPOCHs, and the others talk on */
static void test_comes_and_goes(void)
{
	struct node *nodes = scene_open(144, 4), *owner, *guest;
	uint32_t epoch;

	ok(scene_together(30 * SECOND), "comes and goes: a room of four");
	world_run(&world, 15 * SECOND);
	owner = world_owner(&world);
	guest = owner == &nodes[3] ? &nodes[2] : &nodes[3];
	epoch = owner->kernel.epoch;
	for (unsigned int i = 0; i < 60; i++) {
		DO(guest, e2ee_room_leave(guest->room, world.now));
		e2ee_room_free(guest->room);
		guest->room = NULL;
		node_start(guest);
		world_run(&world, 2 * SECOND);
	}
	ok(owner->kernel.epoch - epoch <= 2 * 13,
	   "comes and goes: 60 times in two minutes, %u EPOCHs",
	   owner->kernel.epoch - epoch);
	ok(scene_together(20 * SECOND), "comes and goes: it is in when it stays");
	scene_end("comes and goes");
}

int main(int argc, char **argv)
{
	test_rekeys(2, 4);
	test_rekeys(5, 3);
	test_deadline();
	test_removal();
	test_removals();
	test_removal_after_takeover();
	test_rekey_after_removal();
	test_rekey_after_takeover();
	test_late_media();
	test_by_itself();
	test_bad_network();
	test_asked();
	test_comes_and_goes();
	return scene_finish(argc, argv);
}
