// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the trust stores of a room's devices say, and what follows from it while
 * the room goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "folder.h"
#include "room/scenario.h"

static void know(struct node *node, const struct node *other,
		 enum e2ee_trust_kind kind)
{
	if (e2ee_trust_add(node->trust, other->dev,
			   e2ee_identity_ik(other->identity), kind))
		abort();
}

/* A room of those who were pinned everywhere */
static struct node *call_of_pinned(uint64_t seed, unsigned int count)
{
	struct node *nodes = scene_open_still(seed, count);

	for (unsigned int i = 0; i < count; i++) {
		for (unsigned int k = 0; k < count; k++)
			if (i != k)
				know(&nodes[i], &nodes[k], E2EE_TRUST_PINNED);
		nodes[i].config.level = E2EE_LEVEL_VERIFIED;
		node_start(&nodes[i]);
	}
	ok(scene_together(30 * SECOND), "a room of %u, all pinned", count);
	scene_talk(5 * SECOND, 1);
	return nodes;
}

static struct node *with_leaf(unsigned int leaf)
{
	for (unsigned int i = 0; i < world.count; i++)
		if (world.nodes[i].room->epochs[0]->leaf == leaf)
			return &world.nodes[i];
	abort();
}

/* The owner's operator takes a device out of the trust store */
static void test_taken_out(void)
{
	struct node *nodes = call_of_pinned(260, 3), *owner, *carol;
	uint64_t went;

	owner = world_owner(&world);
	carol = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	if (e2ee_trust_del(owner->trust, carol->dev))
		abort();
	went = world.now;
	scene_talk(10 * SECOND, 1);
	ok(owner->room->last->epoch.roster_count == 2 &&
	   !e2ee_chain_find(owner->room->last,
			    e2ee_identity_ik(carol->identity)),
	   "taken out: she is out of the owner's roster");
	ok(!e2ee_idset_has(&owner->room->bans,
			   e2ee_identity_ik(carol->identity)),
	   "taken out: but not banned");
	ok(tape_last_open(carol, owner) <= went + 3 * SECOND,
	   "taken out: she hears the owner for %llu ms",
	   (unsigned long long)(tape_last_open(carol, owner) - went));
	know(owner, carol, E2EE_TRUST_PINNED);
	scene_talk(10 * SECOND, 1);
	ok(owner->room->last->epoch.roster_count == 2 &&
	   node_alarmed(owner, "has to be restarted"),
	   "taken out: pinned again, she has to start anew");
	node_kill(carol);
	node_start(carol);
	ok(scene_together(40 * SECOND), "taken out: and is let in then");
	scene_end("taken out");
}

/* The others' operators do, and the owner, who still lets her in, dies */
static void test_taken_out_elsewhere(void)
{
	struct node *owner, *carol, *heir = NULL;

	call_of_pinned(261, 4);
	owner = world_owner(&world);
	carol = with_leaf(owner->room->epochs[0]->leaf == 3 ? 2 : 3);
	for (unsigned int i = 0; i < 4; i++)
		if (&world.nodes[i] != owner && &world.nodes[i] != carol &&
		    e2ee_trust_del(world.nodes[i].trust, carol->dev))
			abort();
	node_kill(owner);
	for (unsigned int i = 0; i < 300 && !heir; i++) {
		scene_talk(SECOND / 10, 1);
		heir = world_owner(&world);
	}
	ok(heir && heir != carol, "taken out elsewhere: another one owns");
	ok(heir && !e2ee_chain_find(heir->room->last,
				    e2ee_identity_ik(carol->identity)),
	   "taken out elsewhere: and has not taken her along");
	scene_end("taken out elsewhere");
}

/* A name is easily had: who was seen here first is no admin for that */
static void test_admin(void)
{
	static const char *const admins[] = { "carol" };
	struct node *nodes = scene_open_still(262, 3);
	struct node *owner, *bob = &nodes[1], *carol = &nodes[2];

	for (unsigned int i = 0; i < 2; i++) {
		nodes[i].config.admins = admins;
		nodes[i].config.admin_count = 1;
		node_start(&nodes[i]);
	}
	ok(scene_together(30 * SECOND), "admin: a room of two");
	node_start(carol);
	ok(scene_together(30 * SECOND), "admin: carol comes");
	scene_talk(12 * SECOND, 1);
	owner = world_owner(&world);
	bob = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	ok(e2ee_trust_ask(owner->trust, "carol",
			  e2ee_identity_ik(carol->identity), NULL) ==
	   E2EE_TRUST_GOOD, "admin: she is known by now, as tofu");
	DO(carol, e2ee_room_kick(carol->room, world.now, bob->dev));
	scene_talk(SECOND, 1);
	DO(carol, e2ee_room_lock(carol->room, world.now, true));
	scene_talk(5 * SECOND, 1);
	ok(owner->room->last->epoch.roster_count == 3 && !bob->out_at &&
	   !node_status(owner)->locked, "admin: nothing that she asks for is done");
	know(owner, carol, E2EE_TRUST_VERIFIED);
	DO(carol, e2ee_room_lock(carol->room, world.now, true));
	scene_talk(SECOND, 1);	/* one must not overtake the other */
	DO(carol, e2ee_room_kick(carol->room, world.now, bob->dev));
	scene_talk(5 * SECOND, 1);
	ok(owner->room->last->epoch.roster_count == 2 && bob->out_at &&
	   node_status(owner)->locked, "admin: verified, she is obeyed");
	scene_end("admin");
}

static void line_put(char *text, const struct node *node)
{
	const uint8_t *ik = e2ee_identity_ik(node->identity);
	char *at = text + strlen(text);

	at += sprintf(at, "%s ", node->dev);
	for (unsigned int i = 0; i < E2EE_IDENTITY_LEN; i++)
		at += sprintf(at, "%02x", ik[i]);
	strcpy(at, " pinned\n");
}

/*
 * The owner's operator takes carol out of the store's file, and mistypes: who is
 * in the call stays, nobody comes in, and the alarm names the line.
 */
static void test_typing_error(void)
{
	struct node *nodes = scene_open_still(263, 3);
	struct node *alice = &nodes[0], *bob = &nodes[1], *carol = &nodes[2];
	char path[PATH_LEN], text[1024] = "", *end;

	folder_path(path, "trust");
	line_put(text, bob);
	line_put(text, carol);
	file_write(path, text, 0600);
	e2ee_trust_close(alice->trust);
	if (e2ee_trust_open(path, &alice->trust, NULL))
		abort();
	alice->config.trust = alice->trust;
	alice->config.level = E2EE_LEVEL_PINNED;
	node_start(alice);
	world_run(&world, 10 * SECOND);
	node_start(bob);
	ok(scene_together(30 * SECOND), "typing error: a room of two");
	end = strstr(text, carol->dev);
	strcpy(end, "dave 0a0b pinned\n");
	file_write(path, text, 0600);
	node_start(carol);
	scene_talk(30 * SECOND, 1);
	ok(alice->room->last->epoch.roster_count == 2 &&
	   e2ee_chain_find(alice->room->last, e2ee_identity_ik(bob->identity)),
	   "typing error: carol does not come in, bob stays");
	ok(node_alarmed(alice, "nobody new is let in: ") &&
	   node_alarmed(alice, "/trust:2: no device"),
	   "typing error: alice is told which line");
	*end = '\0';
	line_put(text, carol);
	file_write(path, text, 0600);
	ok(scene_together(40 * SECOND), "typing error: mended, carol comes in");
	ok(!node_alarmed(alice, "nobody new is let in"),
	   "typing error: and the alarm goes");
	scene_end("typing error");
}

/* Nobody entered bob: alice's people are told the very command that does */
static void test_never_entered(void)
{
	struct node *nodes = scene_open_still(264, 2);
	struct node *alice = &nodes[0], *bob = &nodes[1];
	char line[128] = "", text[256];

	alice->config.level = E2EE_LEVEL_PINNED;
	node_start(alice);
	node_start(bob);
	world_run(&world, 20 * SECOND);
	line_put(line, bob);
	*strrchr(line, ' ') = '\0';
	snprintf(text, sizeof(text),
		 "bob is here and is not trusted; to admit it: e2eectl trust add %s",
		 line);
	ok(node_alarmed(alice, text), "never entered: \"%s\"", text);
	ok(alice->room->last->epoch.roster_count == 1,
	   "never entered: bob is not let in");
	know(alice, bob, E2EE_TRUST_PINNED);
	ok(scene_together(40 * SECOND), "never entered: entered, he comes in");
	ok(!node_alarmed(alice, "is here and is not trusted"),
	   "never entered: and the alarm goes");
	scene_end("never entered");
}

/*
 * Two who are not trusted say that they are bob: nobody is led to admit either.
 * What was said of one that goes is said no more.
 */
static void test_two_of_one_name(void)
{
	struct node *nodes = scene_open_still(265, 2);
	struct node *alice = &nodes[0], *bob = &nodes[1];
	struct node *mallory = world_add(&world, "bob");

	alice->config.level = E2EE_LEVEL_PINNED;
	node_start(alice);
	node_start(bob);
	world_run(&world, 20 * SECOND);
	ok(node_alarmed(alice, "trust add bob"), "two bobs: one is told");
	node_start(mallory);
	world_run(&world, 20 * SECOND);
	ok(!node_alarmed(alice, "trust add bob") &&
	   node_alarmed(alice, "two devices call themselves bob: compare fingerprints in e2eectl room"),
	   "two bobs: two are, and no command is shown");
	node_kill(mallory);
	world_run(&world, 20 * SECOND);
	ok(!node_alarmed(alice, "two devices") &&
	   node_alarmed(alice, "trust add bob"),
	   "two bobs: the one who stays is told again");
	node_kill(bob);
	world_run(&world, 5 * SECOND);
	ok(!node_alarmed(alice, "bob is here"),
	   "two bobs: nobody is when he goes, too");
	scene_end("two bobs");
}

/* Others have pushed its alarm out: a stranger who is still here is told again */
static void test_pushed_out(void)
{
	struct node *nodes = scene_open_still(266, 2), *alice = &nodes[0];

	alice->config.level = E2EE_LEVEL_PINNED;
	node_start(alice);
	node_start(&nodes[1]);
	world_run(&world, 20 * SECOND);
	ok(node_alarmed(alice, "bob is here"), "pushed out: bob is told");
	for (unsigned int i = 0; i < HEARSAY_MAX; i++)
		e2ee_alarm(alice->room, ALARM_REMOVED_ME, "x",
			   "rumour %u", i);
	world_run(&world, 5 * SECOND);
	ok(!node_alarmed(alice, "bob is here") && node_alarmed(alice, "rumour"),
	   "pushed out: he is by rumours");
	alice->room->alarms[0].told_at = 0;
	world_run(&world, HEARSAY_EVERY + 5 * SECOND);
	ok(node_alarmed(alice, "bob is here"),
	   "pushed out: with space for it he is told again");
	world_run(&world, HEARSAY_EVERY);
	for (unsigned int i = 0; i < HEARSAY_MAX; i++)
		e2ee_alarm(alice->room, ALARM_REMOVED_ME, "x",
			   "more %u", i);
	world_run(&world, TOLD_AGAIN + SECOND);
	ok(node_alarmed(alice, "bob is here"),
	   "pushed out: and in any case after a while");
	scene_end("pushed out");
}

int main(int argc, char **argv)
{
	folder_new();
	test_taken_out();
	test_taken_out_elsewhere();
	test_admin();
	test_typing_error();
	test_never_entered();
	test_two_of_one_name();
	test_pushed_out();
	return scene_finish(argc, argv);
}
