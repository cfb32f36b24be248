// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Each alarm of a room ends when its cause does, and stays until then. A table has
 * all of them.
 */
#include <errno.h>
#include <stdlib.h>

#include "room/scenario.h"

static struct node *owner, *member, *who;

/* Whose kernel refuses what */
static int kernel_refuses(struct node *node, enum kernel_call call, void *arg)
{
	const enum kernel_call *refused = arg;

	return node == who && call == *refused ? -EBUSY : 0;
}

static void refuse(enum kernel_call call)
{
	static enum kernel_call refused;

	refused = call;
	world.fault_arg = &refused;
	world.fault = kernel_refuses;
}

static void obey(void)
{
	world.fault = NULL;
}

static void rekey(void)
{
	DO(owner, e2ee_room_rekey(owner->room, world.now));
}

static void policy(uint32_t policy)
{
	DO(owner, e2ee_room_policy(owner->room, world.now, policy));
}

static void trust(struct node *node, const struct node *other)
{
	if (e2ee_trust_add(node->trust, other->dev,
			   e2ee_identity_ik(other->identity),
			   E2EE_TRUST_PINNED))
		abort();
}

/* how they begin, and how what brought them about ends */

static void weak_begins(void)
{
	who = member;
	member->config.floor = E2EE_POLICY_REQUIRED;
	member->config.policy = E2EE_POLICY_REQUIRED;
	DO(member, e2ee_room_configure(member->room, world.now,
				       &member->config));
	policy(E2EE_POLICY_OPTIONAL);
}

static void weak_ends(void)
{
	policy(E2EE_POLICY_REQUIRED);
}

static void policy_begins(void)
{
	who = member;
	policy(E2EE_POLICY_OPTIONAL);
	world_run(&world, 5 * SECOND);
	refuse(CALL_SET_POLICY);
	policy(E2EE_POLICY_REQUIRED);
}

static void keys_begin(void)
{
	who = member;
	refuse(CALL_KEY_NEW);
	rekey();
}

static void switch_begins(void)
{
	who = owner;
	refuse(CALL_USE_EPOCH);
	rekey();
}

static void left_begins(void)
{
	who = member;
	refuse(CALL_KEY_DEL);
	DO(member, (e2ee_room_renew(member->room, world.now), 0));
}

static void stop_begins(void)
{
	who = member;
	node_online(member, false);
	scene_talk(125 * SECOND, 1);
}

static void stop_ends(void)
{
	node_online(member, true);
}

static void goes_on_begins(void)
{
	policy(E2EE_POLICY_OPTIONAL);
	world_run(&world, 5 * SECOND);
	stop_begins();
}

static void not_sent_begins(void)
{
	who = member;
	for (size_t i = 0; i < member->kernel.count; i++)
		if (member->kernel.keys[i].key.dir == E2EE_DIR_TX)
			member->kernel.keys[i].expires = world.now;
	node_media(member, 1);
}

static void verification_begins(void)
{
	who = owner;
	DO(member, e2ee_room_verify(member->room, world.now));
	world_run(&world, 5 * SECOND);
	DO(member, e2ee_room_verify_no(member->room));
}

static void verification_ends(void)
{
	const char *dev = member->dev;

	rekey();
	world_run(&world, 5 * SECOND);
	DO(owner, e2ee_room_verify(owner->room, world.now));
	world_run(&world, 5 * SECOND);
	DO(owner, e2ee_room_verify_yes(owner->room, &dev, 1));
}

static struct node *newcomer(void)
{
	struct node *node = world_add(&world, "newcomer");

	node_start(node);
	return node;
}

static void pinned_only(struct node *node)
{
	for (unsigned int i = 0; i < 3; i++)
		if (&world.nodes[i] != node)
			trust(node, &world.nodes[i]);
	node->config.level = E2EE_LEVEL_PINNED;
	DO(node, e2ee_room_configure(node->room, world.now, &node->config));
}

static void stranger_begins(void)
{
	who = owner;
	pinned_only(owner);
	newcomer();
}

static void newcomer_goes(void)
{
	node_kill(&world.nodes[3]);
}

static void owner_trusts(void)
{
	trust(owner, &world.nodes[3]);
}

static void member_trusts(void)
{
	trust(member, &world.nodes[3]);
}

static void roster_begins(void)
{
	who = owner;
	pinned_only(member);
	newcomer();
}

static void keys_of_begin(void)
{
	roster_begins();
	who = member;
}

static void locked_begins(void)
{
	who = owner;
	DO(owner, e2ee_room_lock(owner->room, world.now, true));
	newcomer();
}

static void locked_ends(void)
{
	DO(owner, e2ee_room_lock(owner->room, world.now, false));
}

static void leaves(void)
{
	DO(who, e2ee_room_leave(who->room, world.now));
}

static void nothing(void)
{
}

static void kp_ends(void)
{
	if (e2ee_peers_renew_kp(who->room))
		abort();
}

static void twin_ends(void)
{
	world_inject(&world, who, E2EE_TOPIC_KP, who->dev, NULL, 0);
}

static void store_ends(void)
{
	who->room->seen_count = 1;	/* which can be written now */
	snprintf(who->room->seen[0].dev, E2EE_NAME_MAX, "somebody");
}

static void file_ends(void)
{
	snprintf(who->room->trust_problem, E2EE_ROOM_TEXT, "it was broken");
}

/**
 * struct row - an alarm
 * @cause: which one
 * @name: of the case
 * @begin: brings it about; NULL: it is told as its place tells it, of a device that
 *	is not in the call if nothing ends what brought it about
 * @stays: for how long it does at least, while its cause does
 * @end: ends what brought it about
 * @within: ms in which it ends then
 */
static const struct row {
	enum alarm_cause cause;
	const char *name;
	void (*begin)(void);
	uint64_t stays;
	void (*end)(void);
	uint64_t within;
} rows[] = {
	{ ALARM_NO_KP, "no key package", NULL, 4 * SECOND, kp_ends, SECOND },
	{ ALARM_NO_KP, "no key package, once", NULL, 4 * SECOND, nothing,
	  12 * SECOND },
	{ ALARM_NO_MEMORY, "no memory", NULL, 4 * SECOND, rekey, 5 * SECOND },
	{ ALARM_POLICY_WEAK, "a weak policy", weak_begins, 2 * MINUTE,
	  weak_ends, 5 * SECOND },
	{ ALARM_POLICY_REFUSED, "a policy refused", policy_begins, 20 * SECOND,
	  obey, 8 * SECOND },
	{ ALARM_KEYS_REFUSED, "keys refused", keys_begin, 30 * SECOND, obey,
	  12 * SECOND },
	{ ALARM_NO_SWITCH, "no switch", switch_begins, 30 * SECOND, obey,
	  12 * SECOND },
	{ ALARM_KEYS_LEFT, "keys left", left_begins, 30 * SECOND, obey,
	  12 * SECOND },
	{ ALARM_STOPPED, "stopped", stop_begins, 30 * SECOND, stop_ends,
	  40 * SECOND },
	{ ALARM_STOPPED, "goes on", goes_on_begins, 30 * SECOND, stop_ends,
	  40 * SECOND },
	{ ALARM_NOT_SENT, "not sent", not_sent_begins, 4 * SECOND, rekey,
	  5 * SECOND },
	{ ALARM_TRUST_FILE, "trust file", NULL, 4 * SECOND, file_ends,
	  2 * SECOND },
	{ ALARM_TRUST_STORE, "trust store", NULL, 10 * MINUTE, store_ends,
	  31 * SECOND },
	{ ALARM_FULL, "full", NULL, 50 * SECOND, nothing, 15 * SECOND },
	{ ALARM_OTHER_KEYS, "other keys", NULL, 50 * SECOND, nothing,
	  15 * SECOND },
	{ ALARM_OTHER_KEYS, "the same keys again", NULL, 0, rekey,
	  10 * SECOND },
	{ ALARM_NOT_TRUSTED, "not trusted", NULL, 5 * MINUTE, nothing,
	  6 * MINUTE },
	{ ALARM_NOT_TRUSTED, "trusted again", NULL, SECOND, rekey, 5 * SECOND },
	{ ALARM_CONTRADICTS, "contradicts", NULL, 5 * MINUTE, nothing,
	  6 * MINUTE },
	{ ALARM_FORK, "fork", NULL, 60 * MINUTE, leaves, 5 * SECOND },
	{ ALARM_SPLIT, "split", NULL, 50 * SECOND, nothing, 15 * SECOND },
	{ ALARM_SPLIT, "one again", NULL, 4 * SECOND, rekey, 5 * SECOND },
	{ ALARM_VERIFICATION, "verification", verification_begins, 10 * MINUTE,
	  verification_ends, SECOND },
	{ ALARM_STRANGER, "stranger", stranger_begins, 10 * MINUTE,
	  newcomer_goes, 40 * SECOND },
	{ ALARM_STRANGER, "stranger no more", stranger_begins, 10 * MINUTE,
	  owner_trusts, 5 * SECOND },
	{ ALARM_NOT_LET_IN, "not let in", locked_begins, 10 * MINUTE,
	  locked_ends, 10 * SECOND },
	{ ALARM_NOT_LET_IN, "not let in, and gone", locked_begins, 10 * MINUTE,
	  newcomer_goes, 70 * SECOND },
	{ ALARM_ROSTER_REFUSED, "roster refused", roster_begins, 5 * SECOND,
	  member_trusts, 40 * SECOND },
	{ ALARM_KEYS_OF, "keys of the owner", keys_of_begin, 5 * SECOND,
	  member_trusts, 40 * SECOND },
	{ ALARM_NO_KEY_FITS, "no key fits", NULL, 50 * SECOND, nothing,
	  15 * SECOND },
	{ ALARM_NO_KEY_FITS, "a key fits", NULL, 4 * SECOND, rekey,
	  5 * SECOND },
	{ ALARM_CHANGED, "changed", NULL, 50 * SECOND, nothing, 15 * SECOND },
	{ ALARM_RENAMED, "renamed", NULL, 20 * MINUTE, nothing, 6 * MINUTE },
	{ ALARM_TWIN, "twin", NULL, 20 * MINUTE, twin_ends, SECOND },
	{ ALARM_TWIN, "twin, silent", NULL, 20 * MINUTE, nothing, 6 * MINUTE },
	{ ALARM_REMOVED_ME, "removed me", NULL, 9 * MINUTE, nothing,
	  2 * MINUTE },
	{ ALARM_SPLIT_HEARD, "heard of a split", NULL, 50 * SECOND, nothing,
	  15 * SECOND },
};

static bool has(const struct node *node, enum alarm_cause cause)
{
	for (size_t i = 0; i < node->room->alarm_count; i++)
		if (node->room->alarms[i].cause == cause)
			return true;
	return false;
}

static void room_of_three(void)
{
	struct node *nodes = scene_open_still(700, 3);

	for (unsigned int i = 0; i < 3; i++) {
		nodes[i].config.floor = E2EE_POLICY_OPTIONAL;
		node_start(&nodes[i]);
	}
	if (!scene_together(30 * SECOND))
		abort();
	world_run(&world, 3 * SECOND);
	owner = world_owner(&world);
	member = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	who = owner;
}

static bool begins(const struct row *row)
{
	uint64_t since = world.now;

	if (row->begin)
		row->begin();
	else
		e2ee_alarm(who->room, row->cause, row->end == nothing ?
			   "nobody" : member->dev, "it is so");
	while (!has(who, row->cause) && world.now < since + 200 * SECOND)
		world_run(&world, 100);
	return has(who, row->cause);
}

static bool stays(const struct row *row)
{
	for (uint64_t end = world.now + row->stays; world.now < end;) {
		world_run(&world, SECOND);
		if (!has(who, row->cause))
			return false;
	}
	return true;
}

static void test_row(const struct row *row)
{
	uint64_t ended;

	room_of_three();
	ok(begins(row), "%s: an alarm", row->name);
	ok(stays(row), "%s: as long as it is so", row->name);
	ended = world.now;
	row->end();
	while (has(who, row->cause) && world.now < ended + row->within)
		world_run(&world, 100);
	ok(!has(who, row->cause), "%s: and no longer: %llu ms", row->name,
	   (unsigned long long)(world.now - ended));
	scene_end(row->name);
}

int main(int argc, char **argv)
{
	bool all[ALARMS] = { false };
	unsigned int missing = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		all[rows[i].cause] = true;
		test_row(&rows[i]);
	}
	for (unsigned int i = 0; i < ALARMS; i++)
		missing += !all[i];
	ok(!missing, "the table has all alarms but %u", missing);
	return scene_finish(argc, argv);
}
