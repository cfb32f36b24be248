// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Verification by people, whom a device lets in, and how keys are wrapped.
 */
#include <errno.h>

#include "room/scenario.h"

static struct node *call_of(uint64_t seed, unsigned int count)
{
	struct node *nodes = scene_open(seed, count);

	ok(scene_together(30 * SECOND), "a room of %u", count);
	world_run(&world, 3 * SECOND);
	return nodes;
}

static bool sas_is(const struct node *node, enum e2ee_sas_state state)
{
	return node_status(node)->sas == state;
}

/* The same emoji and numbers at all */
static bool sas_agrees(const struct node *a, const struct node *b)
{
	struct e2ee_room_status one = *node_status(a);
	const struct e2ee_room_status *two = node_status(b);

	return one.sas == E2EE_SAS_READY && two->sas == E2EE_SAS_READY &&
	       !memcmp(one.emoji, two->emoji, sizeof(one.emoji)) &&
	       !memcmp(one.numbers, two->numbers, sizeof(one.numbers));
}

static enum e2ee_trust_kind trust_of(const struct node *node,
				     const struct node *other)
{
	enum e2ee_trust_kind kind = E2EE_TRUST_UNKNOWN;

	e2ee_trust_ask(node->trust, other->dev,
		       e2ee_identity_ik(other->identity), &kind);
	return kind;
}

/* A run for another EPOCH does not make room for one more of this */
static void test_sas_again(struct node *nodes)
{
	struct node *owner = world_owner(&world);
	uint8_t first[E2EE_HASH_LEN];

	memcpy(first, nodes[1].room->sas->epoch->hash, sizeof(first));
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	world_run(&world, 4 * SECOND);
	ok(memcmp(first, owner->room->last->hash, sizeof(first)) != 0 &&
	   !DO(&nodes[1], e2ee_room_verify(nodes[1].room, world.now)),
	   "sas: another run for the next EPOCH");
	world_run(&world, 3 * SECOND);
	ok(sas_agrees(&nodes[0], &nodes[1]), "sas: with a code of its own");
	nodes[1].room->sas->state = E2EE_SAS_DONE;
	ok(e2ee_verify_start(nodes[1].room, first) == -EALREADY,
	   "sas: none for the one before, while its keys are there");
	world_run(&world, 30 * SECOND);
	ok(!e2ee_chain_by_t(nodes[1].room, first) &&
	   e2ee_verify_start(nodes[1].room, first) == -EALREADY,
	   "sas: nor later");
}

/* A code is for all people at all devices, again and after new keys, too */
static void test_sas_shared(struct node *nodes)
{
	struct e2ee_room_status before = *node_status(&nodes[1]);
	const char *const bob[] = { "bob" };
	struct node *owner = world_owner(&world);
	unsigned int i;

	for (i = 0; i < 8; i++) {
		struct node *node = &nodes[i % 4];

		ok(!DO(node, e2ee_room_verify(node->room, world.now)) &&
		   !memcmp(node_status(node)->numbers, before.numbers,
			   sizeof(before.numbers)),
		   "sas: %s looks at the code, %s", node->dev,
		   i < 4 ? "too" : "and again");
	}
	ok(!e2ee_room_verify_yes(nodes[0].room, bob, 1) &&
	   trust_of(&nodes[0], &nodes[1]) == E2EE_TRUST_VERIFIED,
	   "sas: a second yes at alice, for bob");
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	world_run(&world, 4 * SECOND);
	ok(memcmp(before.t, node_status(&nodes[3])->t, E2EE_HASH_LEN) != 0 &&
	   !DO(&nodes[3], e2ee_room_verify(nodes[3].room, world.now)),
	   "sas: dave asks after new keys");
	world_run(&world, 3 * SECOND);
	for (i = 0; i < 4; i++)
		ok(!memcmp(node_status(&nodes[i])->numbers, before.numbers,
			   sizeof(before.numbers)),
		   "sas: the same code at %s", nodes[i].dev);
}

/* Whoever sees another code alarms everybody, also those who said yes before */
static void test_sas_no(struct node *nodes)
{
	const char *const some[] = { "bob" };

	ok(sas_is(&nodes[0], E2EE_SAS_DONE), "sas: alice has said yes");
	ok(!DO(&nodes[3], e2ee_room_verify_no(nodes[3].room)) &&
	   sas_is(&nodes[3], E2EE_SAS_FAILED) &&
	   node_alarmed(&nodes[3], "people saw different codes"),
	   "sas: no is an alarm");
	world_run(&world, 3 * SECOND);
	for (unsigned int i = 0; i < 3; i++)
		ok(sas_is(&nodes[i], E2EE_SAS_FAILED) &&
		   node_alarmed(&nodes[i], "verification failed: people at dave saw another code"),
		   "sas: and one at %s", nodes[i].dev);
	ok(e2ee_room_verify_yes(nodes[2].room, some, 1) == -EAGAIN,
	   "sas: no yes after it");
}

static void test_sas(void)
{
	struct node *nodes = call_of(100, 4);
	const char *const some[] = { "carol" }, *const none[] = { "mallory" };

	ok(e2ee_room_verify_yes(nodes[1].room, some, 1) == -EAGAIN,
	   "sas: no yes before there is a code");
	ok(!DO(&nodes[1], e2ee_room_verify(nodes[1].room, world.now)),
	   "sas: bob starts it");
	world_run(&world, 3 * SECOND);
	for (unsigned int i = 1; i < 4; i++)
		ok(sas_agrees(&nodes[0], &nodes[i]),
		   "sas: alice and %s see the same", nodes[i].dev);
	ok(node_status(&nodes[0])->numbers[0] >= 1000, "sas: and numbers");
	ok(e2ee_room_verify_yes(nodes[0].room, none, 1) == -ENOENT,
	   "sas: nobody of that name");
	ok(trust_of(&nodes[0], &nodes[2]) == E2EE_TRUST_TOFU,
	   "sas: carol was only seen before");
	ok(!e2ee_room_verify_yes(nodes[0].room, some, 1),
	   "sas: yes to carol");
	ok(trust_of(&nodes[0], &nodes[2]) == E2EE_TRUST_VERIFIED &&
	   trust_of(&nodes[0], &nodes[1]) == E2EE_TRUST_TOFU &&
	   trust_of(&nodes[0], &nodes[3]) == E2EE_TRUST_TOFU,
	   "sas: pins carol, and nobody else");
	test_sas_shared(nodes);
	test_sas_no(nodes);
	test_sas_again(nodes);
	scene_end("sas");
}

/* A "no" of @node about the EPOCH @t, to everybody */
static void say_no(struct node *node, const uint8_t *t)
{
	static const uint8_t none[E2EE_HASH_LEN];
	struct e2ee_message draft = {
		.type = E2EE_MSG_SAS_COMMIT,
		.session = node->room->session,
		.call = node->room->last->call,
		.sas = {
			.t = t, .commitment = none,
			.counter = ++node->room->counter,
		},
	};

	strcpy(draft.dev, node->dev);
	e2ee_outbox_send(node->room, &draft);
	world_run(&world, SECOND);
}

/* Who came later has no say in a verification, nor in one of the keys before */
static void test_sas_newcomer(void)
{
	struct node *nodes = scene_open_still(113, 4), *dave = &nodes[3];
	uint8_t first[E2EE_HASH_LEN], second[E2EE_HASH_LEN];

	for (unsigned int i = 0; i < 3; i++)
		node_start(&nodes[i]);
	ok(scene_together(30 * SECOND), "newcomer: a room of three");
	world_run(&world, 3 * SECOND);
	memcpy(first, nodes[0].room->last->hash, sizeof(first));
	DO(world_owner(&world), e2ee_room_rekey(world_owner(&world)->room,
						world.now));
	world_run(&world, 4 * SECOND);
	memcpy(second, nodes[0].room->last->hash, sizeof(second));
	DO(&nodes[0], e2ee_room_verify(nodes[0].room, world.now));
	world_run(&world, 3 * SECOND);
	ok(sas_agrees(&nodes[0], &nodes[1]), "newcomer: a code");
	node_start(dave);
	ok(scene_together(30 * SECOND), "newcomer: dave comes");
	say_no(dave, second);
	ok(sas_is(&nodes[0], E2EE_SAS_READY),
	   "newcomer: his no fails no verification that he is not in");
	say_no(dave, first);
	ok(!node_alarmed(&nodes[0], "people saw another code"),
	   "newcomer: and brings about no alarm for the keys before");
	say_no(&nodes[1], first);
	ok(node_alarmed(&nodes[0], "people at bob saw another code") &&
	   sas_is(&nodes[0], E2EE_SAS_READY),
	   "newcomer: bob's no for the keys before is an alarm");
	say_no(&nodes[1], second);
	ok(sas_is(&nodes[0], E2EE_SAS_FAILED),
	   "newcomer: and one for these keys fails the verification");
	scene_end("newcomer");
}

static struct node *silent;

static bool broker_silences(struct world *now, struct node *to,
			    const struct world_packet *packet, void *arg)
{
	(void)now;
	(void)to;
	(void)arg;
	return packet->topic != E2EE_TOPIC_SAS ||
	       strcmp(packet->dev, silent->dev) != 0;
}

static void test_sas_incomplete(void)
{
	struct node *nodes = call_of(101, 3);

	silent = &nodes[2];
	world.tamper = broker_silences;
	DO(&nodes[0], e2ee_room_verify(nodes[0].room, world.now));
	world_run(&world, 12 * SECOND);
	ok(sas_is(&nodes[0], E2EE_SAS_WAITING) &&
	   !strcmp(node_status(&nodes[0])->sas_waiting, "carol"),
	   "incomplete: waiting for %s", node_status(&nodes[0])->sas_waiting);
	ok(!node_status(&nodes[0])->numbers[0], "incomplete: no partial code");
	ok(sas_is(&nodes[1], E2EE_SAS_WAITING), "incomplete: bob, too");
	world.tamper = NULL;
	world_run(&world, 5 * SECOND);
	ok(sas_agrees(&nodes[0], &nodes[1]) && sas_agrees(&nodes[0], &nodes[2]),
	   "incomplete: complete when she is heard");
	scene_end("incomplete");
}

/* While it runs, the keys change */
static void test_sas_rekey(void)
{
	struct node *nodes = call_of(102, 3);
	struct node *owner = world_owner(&world);

	silent = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	world.tamper = broker_silences;
	DO(&nodes[0], e2ee_room_verify(nodes[0].room, world.now));
	world_run(&world, 2 * SECOND);
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	world_run(&world, 20 * SECOND);
	ok(memcmp(nodes[0].room->sas->epoch->hash, nodes[0].room->last->hash,
		  E2EE_HASH_LEN), "rekey: the run is of an epoch of before");
	world.tamper = NULL;
	world_run(&world, 5 * SECOND);
	ok(sas_agrees(&nodes[0], &nodes[1]) && sas_agrees(&nodes[0], &nodes[2]),
	   "rekey: it comes to its end");
	scene_end("rekey");
}

/* A device says one thing to one, and another one to the other, or to both */
static bool broker_tells_both;

static bool broker_forges(struct world *now, struct node *to,
			  const struct world_packet *packet, void *arg)
{
	struct e2ee_message *msg = NULL, *other = NULL;
	uint8_t commitment[E2EE_HASH_LEN];
	const char *reason;

	(void)arg;
	if (packet->topic != E2EE_TOPIC_SAS ||
	    strcmp(packet->dev, silent->dev) || to != &now->nodes[0])
		return true;
	if (e2ee_message_decode(packet->data, packet->len, &msg, &reason) ||
	    msg->type != E2EE_MSG_SAS_COMMIT || !msg->sas.counter) {
		e2ee_message_put(msg);
		return true;
	}
	memcpy(commitment, msg->sas.commitment, sizeof(commitment));
	if (broker_tells_both) {
		struct e2ee_room_packet in = {
			.topic = E2EE_TOPIC_SAS, .dev = silent->dev,
			.data = packet->data, .len = packet->len,
		};

		e2ee_room_receive(to->room, now->now, &in);
	}
	commitment[0] ^= 1;
	msg->sas.commitment = commitment;
	msg->sas.counter += 1000;
	if (!e2ee_message_seal(msg, "room", e2ee_identity_seed(silent->identity),
			       &other)) {
		struct e2ee_room_packet in = {
			.topic = E2EE_TOPIC_SAS, .dev = silent->dev,
			.data = other->raw, .len = other->len,
		};

		e2ee_room_receive(to->room, now->now, &in);
	}
	e2ee_message_put(other);
	e2ee_message_put(msg);
	return false;
}

static void test_sas_liar(bool both)
{
	const char *name = both ? "two commitments" : "another commitment";
	struct node *nodes = call_of(103 + both, 3);

	silent = &nodes[2];
	broker_tells_both = both;
	world.tamper = broker_forges;
	DO(&nodes[1], e2ee_room_verify(nodes[1].room, world.now));
	world_run(&world, 12 * SECOND);
	ok(sas_is(&nodes[0], E2EE_SAS_FAILED), "%s: alice sees no code", name);
	ok(node_alarmed(&nodes[0], both ? "changed its commitment" :
					  "saw different commitments"),
	   "%s: but an alarm: %s", name,
	   nodes[0].room->alarms[nodes[0].room->alarm_count - 1].text);
	ok(!node_status(&nodes[0])->numbers[0], "%s: nothing to compare", name);
	scene_end(name);
}

/*
 * Mallory owns the broker and stands between alice and bob, with identities of
 * his own that bear their names.
 */
static struct node *in_the_middle(uint64_t seed, bool pinned)
{
	struct node *nodes = scene_open_still(seed, 2);
	struct node *bob = world_add(&world, "bob");
	struct node *alice = world_add(&world, "alice");

	nodes[1].part = 1;
	alice->part = 1;
	if (pinned) {
		e2ee_trust_add(nodes[0].trust, "bob",
			       e2ee_identity_ik(nodes[1].identity),
			       E2EE_TRUST_PINNED);
		e2ee_trust_add(nodes[1].trust, "alice",
			       e2ee_identity_ik(nodes[0].identity),
			       E2EE_TRUST_PINNED);
	}
	for (unsigned int i = 0; i < 4; i++)
		node_start(&nodes[i]);
	(void)bob;
	world_run(&world, 20 * SECOND);
	return nodes;
}

static void test_middle(void)
{
	struct node *nodes = in_the_middle(105, false);
	struct e2ee_room_status alice;
	const struct e2ee_room_status *bob;

	ok(nodes[0].room->last->epoch.roster_count == 2 &&
	   nodes[1].room->last->epoch.roster_count == 2,
	   "man in the middle: tofu lets him in");
	DO(&nodes[0], e2ee_room_verify(nodes[0].room, world.now));
	DO(&nodes[1], e2ee_room_verify(nodes[1].room, world.now));
	world_run(&world, 5 * SECOND);
	alice = *node_status(&nodes[0]);
	bob = node_status(&nodes[1]);
	ok(alice.sas == E2EE_SAS_READY && bob->sas == E2EE_SAS_READY &&
	   memcmp(alice.emoji, bob->emoji, sizeof(alice.emoji)) &&
	   memcmp(alice.numbers, bob->numbers, sizeof(alice.numbers)),
	   "man in the middle: alice and bob see different codes");
	scene_end("man in the middle");

	nodes = in_the_middle(106, true);
	ok(nodes[0].room->last->epoch.roster_count == 1 &&
	   nodes[1].room->last->epoch.roster_count == 1,
	   "man in the middle: refused where keys are pinned");
	ok(node_alarmed(&nodes[0], "bob shows another identity") &&
	   node_alarmed(&nodes[1], "alice shows another identity"),
	   "man in the middle: and shown");
	scene_end("man in the middle, pinned");
}

static void know(struct node *node, const struct node *other,
		 enum e2ee_trust_kind kind)
{
	e2ee_trust_add(node->trust, other->dev,
		       e2ee_identity_ik(other->identity), kind);
}

/* alice and bob know each other; carol is known in another way */
static void test_level(enum e2ee_trust_level level, enum e2ee_trust_kind kind,
		       bool in)
{
	struct node *nodes = scene_open_still(110 + level * 4 + kind, 3);
	char name[64];

	snprintf(name, sizeof(name), "level %s, carol is %s",
		 e2ee_trust_level_name(level), e2ee_trust_kind_name(kind));
	for (unsigned int i = 0; i < 2; i++) {
		nodes[i].config.level = level;
		know(&nodes[i], &nodes[!i], E2EE_TRUST_PINNED);
		if (kind != E2EE_TRUST_UNKNOWN)
			know(&nodes[i], &nodes[2], kind);
	}
	for (unsigned int i = 0; i < 3; i++)
		node_start(&nodes[i]);
	world_run(&world, 40 * SECOND);
	scene_talk(SECOND, 1);
	ok(nodes[0].room->last->epoch.roster_count == 2u + in &&
	   node_same(&nodes[0], &nodes[1]), "%s: %s", name,
	   in ? "let in" : "not let in");
	ok(!!tape_open(&nodes[2], &nodes[0], 0, NEVER) == in, "%s: she hears %s",
	   name, in ? "them" : "nothing");
	scene_end(name);
}

static void test_lock(void)
{
	struct node *nodes = call_of(120, 2), *owner = world_owner(&world);
	struct node *carol = world_add(&world, "carol"), *member;

	member = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	DO(owner, e2ee_room_lock(owner->room, world.now, true));
	world_run(&world, 3 * SECOND);
	ok(node_status(member)->locked, "lock: all see it");
	node_start(carol);
	world_run(&world, 20 * SECOND);
	ok(owner->room->last->epoch.roster_count == 2 &&
	   node_alarmed(owner, "carol is not let in: the room is locked"),
	   "lock: nobody new gets in");
	node_kill(carol);
	node_kill(member);
	world_run(&world, SECOND);
	node_start(member);
	ok(world_until(&world, 30 * SECOND, world_is_one, NULL),
	   "lock: who was in comes back");
	DO(owner, e2ee_room_lock(owner->room, world.now, false));
	node_start(carol);
	ok(scene_together(20 * SECOND), "lock: unlocked, she gets in");
	scene_end("lock");
}

static void test_floor(void)
{
	struct node *nodes = scene_open_still(121, 3);

	nodes[0].config.floor = E2EE_POLICY_OFF;
	nodes[0].config.policy = E2EE_POLICY_OFF;
	nodes[1].config.floor = E2EE_POLICY_OPTIONAL;
	node_start(&nodes[0]);
	world_run(&world, 10 * SECOND);
	ok(nodes[0].kernel.policy == E2EE_POLICY_OFF, "floor: off at its owner");
	node_start(&nodes[1]);
	node_start(&nodes[2]);
	world_run(&world, 15 * SECOND);
	ok(nodes[1].kernel.policy == E2EE_POLICY_OPTIONAL &&
	   nodes[2].kernel.policy == E2EE_POLICY_REQUIRED,
	   "floor: no weaker than what each one takes");
	ok(node_alarmed(&nodes[2], "weaker than required: refused"),
	   "floor: and it says so");
	ok(DO(&nodes[0], e2ee_room_policy(nodes[0].room, world.now,
					  E2EE_POLICY_REQUIRED)) == 0,
	   "floor: required again");
	world_run(&world, 5 * SECOND);
	ok(nodes[0].kernel.policy == E2EE_POLICY_REQUIRED &&
	   nodes[1].kernel.policy == E2EE_POLICY_REQUIRED,
	   "floor: at all");
	scene_end("floor");
}

/* Wraps of an EPOCH, by suite */
static unsigned int wraps_of(const struct node *node, uint8_t suite)
{
	const struct e2ee_msg_epoch *epoch = &node->room->last->epoch;
	unsigned int count = 0;

	for (size_t i = 0; i < epoch->wrap_count; i++)
		count += epoch->wraps[i].suite == suite;
	return count;
}

static void test_rsa(void)
{
	struct node *nodes = scene_open_still(122, 3);

	nodes[0].config.rsa = true;
	for (unsigned int i = 0; i < 3; i++)
		node_start(&nodes[i]);
	ok(scene_together(30 * SECOND), "RSA on one end: a room");
	ok(wraps_of(&nodes[0], E2EE_WRAP_X25519) == 3,
	   "RSA on one end: HPKE is used");
	ok(!nodes[1].room->kps[0].keys[E2EE_WRAP_RSA] &&
	   nodes[0].room->kps[0].keys[E2EE_WRAP_RSA],
	   "RSA on one end: off unless configured");
	scene_end("RSA on one end");

	nodes = scene_open_still(123, 3);
	nodes[0].config.rsa = true;
	nodes[1].config.rsa = true;
	nodes[2].config.rsa = true;
	nodes[2].config.hpke_off = true;
	node_start(&nodes[0]);
	world_run(&world, 10 * SECOND);
	node_start(&nodes[1]);
	node_start(&nodes[2]);
	ok(scene_together(30 * SECOND), "RSA on both ends: a room");
	ok(wraps_of(&nodes[0], E2EE_WRAP_X25519) == 2 &&
	   wraps_of(&nodes[0], E2EE_WRAP_RSA) == 1,
	   "RSA on both ends: only where HPKE is not common");
	scene_count();
	scene_talk(SECOND, 1);
	ok(!scene_lost() && scene_got(), "RSA on both ends: all hear all");
	scene_end("RSA on both ends");

	nodes = scene_open_still(124, 2);
	nodes[1].config.rsa = true;
	nodes[1].config.hpke_off = true;
	node_start(&nodes[0]);
	world_run(&world, 10 * SECOND);
	node_start(&nodes[1]);
	world_run(&world, 30 * SECOND);
	ok(nodes[0].room->last->epoch.roster_count == 1,
	   "no suite in common: no way in");
	ok(node_alarmed(&nodes[0], "bob offers no key that fits"),
	   "no suite in common: and it says why");
	scene_end("no suite in common");
}

int main(int argc, char **argv)
{
	test_sas();
	test_sas_newcomer();
	test_sas_incomplete();
	test_sas_rekey();
	test_sas_liar(true);
	test_sas_liar(false);
	test_middle();
	test_level(E2EE_LEVEL_PINNED, E2EE_TRUST_PINNED, true);
	test_level(E2EE_LEVEL_PINNED, E2EE_TRUST_VERIFIED, false);
	test_level(E2EE_LEVEL_VERIFIED, E2EE_TRUST_VERIFIED, true);
	test_level(E2EE_LEVEL_VERIFIED, E2EE_TRUST_TOFU, false);
	test_level(E2EE_LEVEL_VERIFIED, E2EE_TRUST_UNKNOWN, false);
	test_level(E2EE_LEVEL_TOFU, E2EE_TRUST_UNKNOWN, true);
	test_lock();
	test_floor();
	test_rsa();
	return scene_finish(argc, argv);
}
