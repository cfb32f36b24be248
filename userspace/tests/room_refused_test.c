// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A kernel that refuses what a room asks for: each request once, at each of its
 * calls, and all of them for a while. The room comes together again, nobody
 * answers for keys that are not in the kernel, and what has to stop stops.
 */
#include <errno.h>
#include <stdlib.h>

#include "room/scenario.h"

enum action {
	ACTION_REKEY,
	ACTION_KICK,
	ACTION_POLICY,
	ACTION_LOOSEN,
	ACTION_RENEW,
	ACTION_LEAVE,
	ACTIONS,
};

static const char *const action_names[ACTIONS] = {
	"rekey", "kick", "policy", "looser policy", "renew", "leave",
};

static const char *const call_names[CALLS] = {
	"key-new", "key-new, its answer lost", "key-del", "key-list",
	"use-epoch", "set policy", "get policy",
};

static struct node *owner, *victim, *third;

/* The call that fails: its kind, and which one of them; 0: all until then */
static struct {
	enum kernel_call call;
	unsigned int nth;
	uint64_t until;
	unsigned int seen;
	unsigned int failed;
} plan;

static unsigned int in_clear;

/*
 * Between two of its requests: would its kernel send in clear? Of a session that
 * was required when it was found that is so at no time, whatever the policy is.
 */
static void look_for_clear(struct node *node)
{
	for (size_t i = 0; i < node->kernel.count; i++)
		if (node->kernel.keys[i].key.dir == E2EE_DIR_TX &&
		    node->kernel.keys[i].key.epoch == node->kernel.epoch)
			return;
	in_clear += node->kernel.policy != E2EE_POLICY_REQUIRED;
}

static int kernel_refuses(struct node *node, enum kernel_call call, void *arg)
{
	(void)arg;
	look_for_clear(node);
	if (node != victim || call != plan.call)
		return 0;
	plan.seen++;
	if (plan.nth ? plan.seen != plan.nth : world.now >= plan.until)
		return 0;
	plan.failed++;
	return plan.failed % 2 ? -ENOMEM : -EAGAIN;
}

/* Has its kernel this key, of this epoch? */
static bool has_key(const struct node *node, const struct epoch *epoch,
		    uint32_t dir, uint64_t kid)
{
	for (size_t i = 0; i < node->kernel.count; i++) {
		const struct e2ee_key *key = &node->kernel.keys[i].key;

		if (key->dir == dir && key->kid == kid &&
		    key->epoch == epoch->number)
			return true;
	}
	return false;
}

static bool has_all_keys(const struct node *node, const struct epoch *epoch)
{
	const struct e2ee_msg_epoch *msg = &epoch->msg->epoch;

	for (size_t i = 0; i < msg->roster_count; i++)
		for (unsigned int s = 0; s < SPARE_STREAMS; s++) {
			uint8_t leaf = msg->roster[i].leaf;
			bool me = leaf == epoch->leaf;

			if (!has_key(node, epoch, me ? E2EE_DIR_TX : E2EE_DIR_RX,
				     e2ee_install_kid(epoch, s, leaf)))
				return false;
		}
	return true;
}

static unsigned int untrue;

/* Who says that it has the keys, as all hear it: is that so? */
static bool broker_checks(struct world *now, struct node *to,
			  const struct world_packet *packet, void *arg)
{
	const struct epoch *epoch;
	struct e2ee_message *msg;
	const char *reason;

	(void)to;
	(void)arg;
	(void)now;
	if (!victim->room ||
	    e2ee_message_decode(packet->data, packet->len, &msg, &reason))
		return true;
	if (!strcmp(msg->dev, victim->dev) &&
	    ((msg->type == E2EE_MSG_ACK && msg->ack.result == E2EE_ACK_OK) ||
	     (msg->type == E2EE_MSG_HB && msg->hb.switched))) {
		epoch = e2ee_chain_by_t(victim->room, msg->type == E2EE_MSG_HB ?
					msg->hb.t : msg->ack.t);
		if (epoch && epoch == victim->room->epochs[0] &&
		    !has_all_keys(victim, epoch))
			untrue++;
	}
	e2ee_message_put(msg);
	return true;
}

static void act(enum action action)
{
	switch (action) {
	case ACTION_REKEY:
		DO(owner, e2ee_room_rekey(owner->room, world.now));
		break;
	case ACTION_KICK:
		DO(owner, e2ee_room_kick(owner->room, world.now, third->dev));
		break;
	case ACTION_POLICY:
		DO(owner, e2ee_room_policy(owner->room, world.now,
					   E2EE_POLICY_REQUIRED));
		break;
	case ACTION_LOOSEN:
		DO(owner, e2ee_room_policy(owner->room, world.now,
					   E2EE_POLICY_OPTIONAL));
		break;
	case ACTION_RENEW:
		DO(victim, (e2ee_room_renew(victim->room, world.now), 0));
		break;
	default:
		DO(victim, e2ee_room_leave(victim->room, world.now));
		break;
	}
}

static unsigned int tx_keys(const struct node *node)
{
	unsigned int count = 0;

	for (size_t i = 0; i < node->kernel.count; i++)
		count += node->kernel.keys[i].key.dir == E2EE_DIR_TX;
	return count;
}

/* Of epochs that are over nothing is left, whatever was not deleted at first */
static bool is_tidy(const struct node *node)
{
	world_run(&world, 13 * SECOND);
	for (size_t i = 0; i < node->kernel.count; i++) {
		uint32_t number = node->kernel.keys[i].key.epoch;
		bool alive = false;

		for (size_t e = 0; e < node->room->epoch_count; e++)
			alive |= node->room->epochs[e]->number == number;
		if (!alive)
			return false;
	}
	return true;
}

/* Did it come out as if nothing had been refused? */
static bool came_out(enum action action, uint64_t when)
{
	uint64_t said = world.now;

	if (action == ACTION_LEAVE)
		return victim->out_at && !tx_keys(victim);
	if (!world_is_one(&world, NULL))
		return false;
	scene_count();
	scene_talk(SECOND, 1);
	if (scene_lost() || scene_swallowed() || scene_clear())
		return false;
	if (action == ACTION_POLICY &&
	    victim->kernel.policy != E2EE_POLICY_REQUIRED)
		return false;
	if (action == ACTION_LOOSEN &&
	    victim->kernel.policy != E2EE_POLICY_OPTIONAL)
		return false;
	if (action == ACTION_KICK &&
	    tape_open(third, victim, when + 2500, NEVER))
		return false;
	for (unsigned int i = 0; i < 3; i++)
		if (world.nodes[i].room &&
		    world.nodes[i].room->state != E2EE_ROOM_LEFT &&
		    tape_said(&world.nodes[i], said, NEVER) < 40)
			return false;
	return is_tidy(victim);
}

/* A room of three, whose owner may set @floor, and has set @policy */
static void room_of_three(uint32_t floor, uint32_t policy, bool by_owner)
{
	struct node *nodes = scene_open_still(600, 3);

	victim = NULL;
	in_clear = 0;
	untrue = 0;
	plan.call = CALLS;
	world.fault = kernel_refuses;
	for (unsigned int i = 0; i < 3; i++) {
		nodes[i].config.floor = floor;
		nodes[i].config.policy = policy;
		node_start(&nodes[i]);
	}
	if (!scene_together(30 * SECOND))
		abort();
	scene_talk(3 * SECOND, 1);
	owner = world_owner(&world);
	victim = by_owner ? owner : owner == &nodes[0] ? &nodes[1] : &nodes[0];
	third = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	if (third == victim)
		third = &nodes[0];
}

static void call_open(enum action action, bool by_owner)
{
	bool loose = action == ACTION_POLICY || action == ACTION_LOOSEN;

	room_of_three(loose ? E2EE_POLICY_OPTIONAL : E2EE_POLICY_REQUIRED,
		      action == ACTION_POLICY ? E2EE_POLICY_OPTIONAL :
						E2EE_POLICY_REQUIRED, by_owner);
}

/* From now on: the @nth of these calls fails; 0: all of them for so long */
static void refuse(enum kernel_call call, unsigned int nth, uint64_t ms)
{
	plan.call = call;
	plan.nth = nth;
	plan.until = world.now + ms;
	plan.seen = 0;
	plan.failed = 0;
}

static bool test_one(enum action action, enum kernel_call call,
		     unsigned int nth, bool by_owner)
{
	uint64_t when;
	bool good;

	call_open(action, by_owner);
	world.tamper = broker_checks;
	refuse(call, nth, 3 * SECOND);
	when = world.now;
	act(action);
	scene_talk(action == ACTION_RENEW ? 30 * SECOND : 9 * SECOND, 1);
	good = came_out(action, when) && !untrue && !in_clear;
	if (!good)
		printf("# %s at %s, %s %u: %u refused, %u untrue, %u in clear\n",
		       action_names[action], by_owner ? "the owner" : "a member",
		       call_names[call], nth, plan.failed, untrue, in_clear);
	return scene_close() && good;
}

/* Once at each of the first calls, and all of them for three seconds */
static void test_call(enum action action, enum kernel_call call)
{
	bool once = true, all = true;
	unsigned int failed = 0;

	for (unsigned int by_owner = 0; by_owner < 2; by_owner++) {
		for (unsigned int nth = 1; nth <= 4; nth++) {
			once &= test_one(action, call, nth, by_owner);
			failed += plan.failed;
		}
		/* who leaves cannot wait that long */
		if (action != ACTION_LEAVE)
			all &= test_one(action, call, 0, by_owner);
		failed += plan.failed;
	}
	ok(once, "%s: %s refused once: as if it had not been",
	   action_names[action], call_names[call]);
	ok(all, "%s: %s refused for three seconds: the same then",
	   action_names[action], call_names[call]);
	printf("# %u refused\n", failed);
}

static int kernel_is_busy(struct node *node, enum kernel_call call, void *arg)
{
	unsigned int *asked = arg;

	(void)node;
	asked[call]++;
	return call == CALL_KEY_NEW || call == CALL_KEY_DEL ? -EAGAIN : 0;
}

/* How a device gets out of a room */
enum way {
	WAY_KICKED,
	WAY_ENDED,
	WAY_ELSEWHERE,
	WAY_LEFT,			/* while a stricter floor is not taken */
};

static void put_out(enum way way)
{
	switch (way) {
	case WAY_KICKED:
		DO(owner, e2ee_room_kick(owner->room, world.now, victim->dev));
		break;
	case WAY_ENDED:
		DO(owner, e2ee_room_end(owner->room, world.now));
		break;
	case WAY_ELSEWHERE:
		e2ee_member_out(victim->room, false, E2EE_ROOM_OVER_ELSEWHERE);
		victim->next = world.now;
		break;
	default:
		victim->config.floor = E2EE_POLICY_REQUIRED;
		victim->config.policy = E2EE_POLICY_REQUIRED;
		DO(victim, e2ee_room_configure(victim->room, world.now,
					       &victim->config));
		DO(victim, e2ee_room_leave(victim->room, world.now));
		break;
	}
}

/* Its engine knows of nothing, and sends on */
static void engine_sends(uint64_t ms)
{
	for (uint64_t end = world.now + ms; world.now < end;) {
		node_media(victim, 1);
		world_run(&world, TALK_EVERY);
	}
}

/*
 * Who is out sends nothing in clear. Under "optional" that takes the policy
 * "required" first: while the kernel refuses it, the keys stay.
 */
static void test_out(enum way way, const char *name)
{
	room_of_three(E2EE_POLICY_OPTIONAL, E2EE_POLICY_OPTIONAL, false);
	refuse(CALL_SET_POLICY, 0, 20 * SECOND);
	put_out(way);
	engine_sends(19 * SECOND);
	ok(!victim->clear && tx_keys(victim) && !victim->out_at,
	   "%s: while the kernel refuses the policy, the keys stay: %u in clear",
	   name, (unsigned int)victim->clear);
	ok(victim->room->state == E2EE_ROOM_LEFT && !victim->room->epoch_count &&
	   tx_keys(victim) == victim->kernel.count,
	   "%s: it is out all the same, and hears nothing", name);
	ok(node_alarmed(victim, "the kernel refuses policy required"),
	   "%s: an alarm says so", name);
	engine_sends(3 * SECOND);
	ok(victim->out_at && !victim->kernel.count &&
	   victim->kernel.policy == E2EE_POLICY_REQUIRED,
	   "%s: when the kernel takes it, the keys go", name);
	ok(!victim->room->alarm_count, "%s: and so does the alarm", name);
	ok(!victim->clear && victim->swallowed,
	   "%s: nothing was sent in clear", name);
	scene_end(name);
}

/* A session that is gone has no keys, and its sockets are blocked */
static int session_is_gone(struct node *node, enum kernel_call call, void *arg)
{
	(void)call;
	(void)arg;
	return node == victim ? -ENOENT : 0;
}

static void test_out_of_nothing(void)
{
	room_of_three(E2EE_POLICY_OPTIONAL, E2EE_POLICY_OPTIONAL, false);
	world.fault = session_is_gone;
	put_out(WAY_KICKED);
	world_run(&world, 3 * SECOND);
	ok(victim->out_at, "a session that is gone: nothing is waited for");
	scene_end("a session that is gone");
}

/* K6, where nobody knows what the policy is: it may be one that sends in clear */
static void test_stop_unknown(void)
{
	room_of_three(E2EE_POLICY_OPTIONAL, E2EE_POLICY_OPTIONAL, false);
	node_kill(victim);
	victim->kernel.mute = true;
	node_start(victim);
	node_online(victim, false);
	refuse(CALL_SET_POLICY, 0, 130 * SECOND);
	engine_sends(129 * SECOND);
	ok(tx_keys(victim) && *victim->room->stopped && !victim->clear,
	   "stop: while the kernel refuses the policy, the keys stay");
	engine_sends(5 * SECOND);
	ok(!tx_keys(victim) && !victim->clear &&
	   victim->kernel.policy == E2EE_POLICY_REQUIRED,
	   "stop: when it takes it, they go, and nothing was in clear");
	scene_end("stop");
}

static void into_part(struct node *node, unsigned int part)
{
	node_online(node, false);
	node->part = part;
	node_online(node, true);
}

/*
 * Into another call under "optional": its keys may have the KIDs of those in use,
 * which go first. @call: that the kernel refuses meanwhile; CALLS: none
 */
static void test_other_call(enum kernel_call call)
{
	const char *name = call == CALLS ? "nothing" : call_names[call];

	room_of_three(E2EE_POLICY_OPTIONAL, E2EE_POLICY_OPTIONAL, false);
	victim = third;
	into_part(victim, 1);
	scene_talk(90 * SECOND, 1);
	into_part(victim, 0);
	refuse(call, 0, 60 * SECOND);
	while (victim->room->last->epoch.roster_count == 1 &&
	       world.now < plan.until)
		scene_talk(TALK_EVERY, 1);
	plan.until = world.now + 3 * SECOND;
	engine_sends(8 * SECOND);
	ok(world_is_one(&world, NULL) &&
	   victim->kernel.policy == E2EE_POLICY_OPTIONAL,
	   "another call, %s refused: it is in", name);
	ok(!in_clear && !scene_clear(),
	   "another call, %s refused: at no time in clear: %u, %llu", name,
	   in_clear, (unsigned long long)scene_clear());
	scene_end("another call");
}

/*
 * Each request that the kernel wants to be asked again may take a while, and many
 * of them would hold up the whole program.
 */
static void test_busy(void)
{
	unsigned int asked[CALLS] = { 0 };
	struct key_names names = { 0 };
	struct epoch *epoch;

	call_open(ACTION_REKEY, false);
	epoch = victim->room->epochs[0];
	world.fault = kernel_is_busy;
	world.fault_arg = asked;
	memset(epoch->rx, 0, sizeof(epoch->rx[0]) * 3);
	epoch->tx = 0;
	ok(e2ee_install_epoch(victim->room, epoch, true) == -EAGAIN,
	   "keys that a busy kernel does not take are not there");
	ok(asked[CALL_KEY_NEW] == 1,
	   "and it is asked once, not for each batch");
	for (uint64_t kid = 0; kid < 1000; kid++)
		if (e2ee_install_name(&names, E2EE_DIR_RX, kid))
			abort();
	ok(e2ee_install_delete_names(victim->room, &names) == -EAGAIN &&
	   names.count == 1000, "keys that it does not delete are remembered");
	ok(asked[CALL_KEY_DEL] == 1, "and it is asked once");
	free(names.list);
	for (uint64_t kid = 0; kid < 32; kid++)
		if (e2ee_install_name(&victim->room->inherited, E2EE_DIR_TX,
			e2ee_install_kid(epoch, (unsigned int)kid,
					 epoch->leaf)))
			abort();
	ok(e2ee_install_epoch(victim->room, epoch, true) == -EAGAIN &&
	   asked[CALL_KEY_NEW] + asked[CALL_KEY_DEL] == 3,
	   "so it is where keys of before are in the way");
	world.fault = NULL;
	world_run(&world, 20 * SECOND);
	ok(world_is_one(&world, NULL), "later all of it is done");
	scene_end("a busy kernel");
}

int main(int argc, char **argv)
{
	test_busy();
	test_out(WAY_KICKED, "kicked");
	test_out(WAY_ENDED, "ended");
	test_out(WAY_ELSEWHERE, "elsewhere");
	test_out(WAY_LEFT, "left");
	test_out_of_nothing();
	test_stop_unknown();
	test_other_call(CALLS);
	test_other_call(CALL_KEY_NEW);
	test_other_call(CALL_SET_POLICY);
	test_other_call(CALL_USE_EPOCH);
	for (enum action action = 0; action < ACTIONS; action++)
		for (enum kernel_call call = 0; call < CALLS; call++)
			test_call(action, call);
	return scene_finish(argc, argv);
}
