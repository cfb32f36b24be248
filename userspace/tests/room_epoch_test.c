// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * EPOCHs that are refused, and for which reason: for each rule that an EPOCH has to
 * keep, one that breaks only this rule. And key packages and EPOCHs that grow old.
 */
#include <errno.h>
#include <stdlib.h>

#include "room/call.h"

/*
 * @node takes this for its last EPOCH; it has the hash of the one of before, so
 * that what follows that one follows it, too. @with: joins the roster; @without:
 * is not in it. NULL: nobody.
 */
static void last_epoch_is(struct node *node, const struct node *with,
			  const struct node *without, const uint8_t *call)
{
	const struct e2ee_message *last = node->room->last;
	struct e2ee_message draft = *last, *msg;
	struct e2ee_entry roster[4];
	struct e2ee_wrap wraps[4];
	size_t count = 0;

	for (size_t i = 0; i < last->epoch.roster_count; i++) {
		if (without && !strcmp(last->epoch.roster[i].dev, without->dev))
			continue;
		roster[count] = last->epoch.roster[i];
		wraps[count++] = last->epoch.wraps[i];
	}
	if (with) {
		const struct e2ee_message *kp = with->room->kps[0].msg;

		roster[count] = kp->kp.entry;
		roster[count].kp_hash = kp->hash;
		roster[count].leaf = 9;
		wraps[count] = wraps[0];
		wraps[count++].leaf = 9;
	}
	draft.epoch.roster = roster;
	draft.epoch.wraps = wraps;
	draft.epoch.roster_count = count;
	draft.epoch.wrap_count = count;
	draft.call = call ? call : last->call;
	msg = sealed(&draft, "room", owner);
	memcpy(msg->hash, last->hash, sizeof(msg->hash));
	e2ee_message_keep(&node->room->last, msg);
	e2ee_message_put(msg);
}

static struct e2ee_message *rule_good(void)
{
	return next_epoch(owner, false);
}

/* Whatever the last one is: no keys are installed a second time */
static struct e2ee_message *rule_accepted(void)
{
	struct e2ee_message *before = e2ee_message_get(two->room->last);
	struct e2ee_message *msg = next_epoch(owner, false);

	e2ee_inbox_judge(two->room, msg);
	if (memcmp(two->room->last->hash, msg->hash, E2EE_HASH_LEN) != 0)
		abort();
	e2ee_message_keep(&two->room->last, before);
	e2ee_message_put(before);
	return msg;
}

static struct e2ee_message *rule_old(void)
{
	struct e2ee_message *msg = next_epoch(owner, false);

	for (unsigned int i = 0; i < 2; i++) {
		DO(owner, e2ee_room_rekey(owner->room, world.now));
		world_run(&world, 4 * SECOND);
	}
	return msg;
}

static struct e2ee_message *rule_retired(void)
{
	e2ee_owner_remove(owner->room, ik_of(one), false, false);
	DO(owner, 0);
	world_run(&world, 3 * SECOND);
	if (e2ee_chain_find(two->room->last, ik_of(one)))
		abort();
	peer_at(owner, one)->join = true;
	peer_at(owner, one)->joined_at = 0;	/* a while ago */
	return next_epoch(owner, false);
}

static struct e2ee_message *rule_banned(void)
{
	if (e2ee_idset_add(&two->room->bans, ik_of(one)))
		abort();
	return next_epoch(owner, false);
}

static struct e2ee_message *rule_untrusted(void)
{
	if (e2ee_trust_del(two->trust, one->dev))
		abort();
	return next_epoch(owner, false);
}

static struct e2ee_message *rule_locked(void)
{
	DO(owner, e2ee_room_lock(owner->room, world.now, true));
	world_run(&world, 3 * SECOND);
	node_start(dave);
	world_run(&world, 2 * SECOND);
	peer_at(owner, dave)->join = true;
	return next_epoch(owner, false);
}

static struct e2ee_message *rule_prev(void)
{
	struct e2ee_message *msg;

	owner->room->last->hash[0] ^= 1;
	msg = next_epoch(owner, false);
	owner->room->last->hash[0] ^= 1;
	return msg;
}

static struct e2ee_message *rule_ban_missing(void)
{
	const uint8_t ik[E2EE_IK_LEN] = { 1 };

	if (e2ee_idset_add(&owner->room->bans, ik))
		abort();
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	world_run(&world, 4 * SECOND);
	if (two->room->last->epoch.banned_count != 1)
		abort();
	e2ee_idset_clear(&owner->room->bans);
	return next_epoch(owner, false);
}

static struct e2ee_message *rule_waits(void)
{
	return next_epoch(one, true);
}

static struct e2ee_message *rule_takes_over(void)
{
	two->room->silence = true;
	return next_epoch(one, true);
}

static struct e2ee_message *rule_adds(void)
{
	node_start(dave);
	world_run(&world, 100);		/* he is known, and not in the call yet */
	last_epoch_is(one, dave, NULL, NULL);
	return rule_takes_over();
}

static struct e2ee_message *rule_no_kin(void)
{
	last_epoch_is(two, NULL, one, NULL);
	return rule_takes_over();
}

static struct e2ee_message *rule_other_call(void)
{
	last_epoch_is(two, NULL, NULL, another_id);
	return next_epoch(owner, false);
}

static struct e2ee_message *rule_no_key(void)
{
	struct e2ee_message *msg = next_epoch(owner, false);

	if (e2ee_peers_renew_kp(two->room) || e2ee_peers_renew_kp(two->room))
		abort();
	return msg;
}

/* On the way into a call, only what was made for the newest key package counts */
static struct e2ee_message *rule_newcomer(void)
{
	two->room->state = E2EE_ROOM_JOIN;
	two->room->kps[0].fresh = true;
	return next_epoch(owner, false);
}

static struct e2ee_message *rule_not_fresh(void)
{
	struct e2ee_message *msg = rule_newcomer();

	two->room->kps[0].fresh = false;
	return msg;
}

static const struct rule {
	const char *name;
	struct e2ee_message *(*make)(void);
	enum verdict verdict;
	const char *reason;
} rules[] = {
	{ "the next one", rule_good, VERDICT_NEXT, NULL },
	{ "one that was accepted before", rule_accepted, VERDICT_OLD, NULL },
	{ "an old one", rule_old, VERDICT_OLD, NULL },
	{ "with a session id that was removed", rule_retired, VERDICT_DROP,
	  "it lists a session that is over" },
	{ "with a banned device", rule_banned, VERDICT_DROP,
	  "it lists a removed device" },
	{ "with a device that is not trusted", rule_untrusted, VERDICT_DROP,
	  "it lists a device that is not trusted" },
	{ "with it adds somebody to a locked room", rule_locked, VERDICT_DROP,
	  "it adds somebody to a locked room" },
	{ "after another one than mine", rule_prev, VERDICT_DROP,
	  "it does not follow the last one" },
	{ "that forgets a ban", rule_ban_missing, VERDICT_DROP,
	  "a ban is missing" },
	{ "by a new owner, while the old one is there", rule_waits,
	  VERDICT_WAIT, NULL },
	{ "by a new owner, who may", rule_takes_over, VERDICT_OWNER, NULL },
	{ "by a new owner, with somebody new", rule_adds, VERDICT_DROP,
	  "a new owner adds devices" },
	{ "by a new owner, who is a stranger", rule_no_kin, VERDICT_DROP,
	  "its owner is not in the room" },
	{ "it is of another call", rule_other_call, VERDICT_DROP,
	  "it is of another call" },
	{ "for key packages that are gone", rule_no_key, VERDICT_DROP,
	  "this device cannot open its key" },
	{ "for a newcomer's newest key package", rule_newcomer,
	  VERDICT_NEWCOMER, NULL },
	{ "for a key package that is not fresh", rule_not_fresh, VERDICT_DROP,
	  "it is not for this device" },
};

static void test_rule(const struct rule *rule)
{
	struct judgement judged;
	struct e2ee_message *msg;
	bool said;

	call_open(430 + (uint64_t)(rule - rules));
	msg = rule->make();
	e2ee_judge(two->room, msg, &judged);
	said = judged.reason ? rule->reason &&
	       !strcmp(judged.reason, rule->reason) : !rule->reason;
	if (!said)
		printf("# reason: %s\n", judged.reason ?: "none");
	ok(judged.verdict == rule->verdict && said, "EPOCH %s: %s%s",
	   rule->name, rule->reason ? "refused: " : "as it should be",
	   rule->reason ? rule->reason : "");
	e2ee_message_put(msg);
	scene_close();
}

/* An owner that is banned is not heard at all */
static void test_banned_owner(void)
{
	struct e2ee_message *msg;

	call_open(460);
	msg = next_epoch(owner, false);
	ok(!e2ee_judge_authentic(two->room, msg), "EPOCH of the owner: heard");
	if (e2ee_idset_add(&two->room->bans, ik_of(owner)))
		abort();
	ok(e2ee_judge_authentic(two->room, msg) == -EPERM,
	   "EPOCH of a banned owner: not heard");
	e2ee_message_put(msg);
	scene_end("banned owner");
}

static void test_made_up_roster(void)
{
	struct e2ee_message *good, *msg, draft;
	struct e2ee_entry roster[4];
	unsigned int told;

	call_open(463);
	if (e2ee_idset_add(&two->room->bans, ik_of(one)))
		abort();
	good = next_epoch(owner, false);
	draft = *good;
	memcpy(roster, good->epoch.roster,
	       good->epoch.roster_count * sizeof(roster[0]));
	draft.epoch.roster = roster;
	told = two->alarms;
	for (unsigned int i = 0; i < 50; i++) {
		for (size_t k = 0; k < good->epoch.roster_count; k++)
			if (!memcmp(roster[k].ik, ik_of(one), E2EE_IK_LEN))
				snprintf(roster[k].dev, sizeof(roster[k].dev),
					 "nobody-%u", i);
		msg = sealed(&draft, "room", owner);
		e2ee_inbox_judge(two->room, msg);
		e2ee_message_put(msg);
	}
	ok(two->alarms - told <= 2 && !node_alarmed(two, "nobody-") &&
	   node_alarmed(two, "split: a device that was removed here is in the call of"),
	   "50 EPOCHs with a removed device, of ever new names: %u alarms",
	   two->alarms - told);
	e2ee_message_put(good);
	scene_end("made-up names in an EPOCH");
}

/* Keys that grow old */

static void test_kp_dies(void)
{
	struct node *nodes = scene_open_still(461, 3), *carol = &nodes[2];

	node_start(&nodes[0]);
	node_start(&nodes[1]);
	ok(scene_together(30 * SECOND), "KP dies: a room of two");
	owner = world_owner(&world);
	DO(owner, e2ee_room_lock(owner->room, world.now, true));
	node_start(carol);
	world_run(&world, 5 * SECOND);
	/* she ends, and the broker does not say so */
	e2ee_room_free(carol->room);
	carol->room = NULL;
	carol->online = false;
	world_forget_retained(&world);
	world_run(&world, 24 * MINUTE);
	ok(e2ee_peers_find(owner->room, ik_of(carol)),
	   "KP dies: it is there for 24 minutes");
	world_run(&world, 2 * MINUTE);
	ok(!e2ee_peers_find(owner->room, ik_of(carol)),
	   "KP dies: and gone after 26");
	scene_end("KP dies");
}

/* A member's KP that is not renewed any more: nothing is wrapped to it */
static void test_member_kp_dies(void)
{
	struct peer *peer;

	call_open(462);
	peer = peer_at(owner, one);
	peer->kp_at = owner->room->now - KP_DEAD;
	peer->join = true;
	e2ee_peers_upkeep(owner->room);
	ok(peer_at(owner, one) == peer && !peer->kp && !peer->join,
	   "KP of a member dies: it is forgotten, the member is not");
	scene_end("KP of a member dies");
}

static bool has_newer(struct world *now, void *arg)
{
	const uint32_t *epoch = arg;

	(void)now;
	return two->room->epochs[0]->number > *epoch &&
	       !two->room->epochs[0]->switched;
}

/* Keys that a broker held back for twelve minutes are not sent with */
static void test_aged_epoch(void)
{
	uint32_t epoch;

	call_open(463);
	epoch = two->kernel.epoch;
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	ok(world_until(&world, 5 * SECOND, has_newer, &epoch),
	   "aged epoch: it is accepted");
	two->room->epochs[0]->since = world.now - SENDING_AGE;
	e2ee_keys_switch(two->room);
	ok(two->kernel.epoch == epoch && two->room->sending == epoch,
	   "aged epoch: nothing is sent with it");
	DO(two, 0);
	world_run(&world, 10);
	ok(two->room->stopped[0] && !two->room->sending,
	   "aged epoch: sending stops: %s", two->room->stopped);
	scene_end("aged epoch");
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		test_rule(&rules[i]);
	test_banned_owner();
	test_made_up_roster();
	test_kp_dies();
	test_member_kp_dies();
	test_aged_epoch();
	return scene_finish(argc, argv);
}
