// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who comes opens nothing of before; who goes opens nothing of after, whatever
 * the broker holds back.
 */
#include <stdlib.h>

#include "room/scenario.h"

/* What the broker of a test holds back, and from whom */
static struct {
	struct node *victim;
	bool epochs;
	bool heartbeats;
	uint64_t pace;			/* one old heartbeat in so many ms */
	uint64_t next;
	size_t replayed;
	struct letters letters;
} broker;

static bool broker_withholds(struct world *now, struct node *to,
			     const struct world_packet *packet, void *arg)
{
	(void)now;
	(void)arg;
	if (to != broker.victim)
		return true;
	if (packet->topic == E2EE_TOPIC_EPOCH)
		return !broker.epochs;
	if (packet->topic == E2EE_TOPIC_HB)
		return !broker.heartbeats;
	return true;
}

static void test_join(void)
{
	struct node *nodes = scene_open_still(11, 3);
	uint64_t came;

	node_start(&nodes[0]);
	node_start(&nodes[1]);
	ok(scene_together(20 * SECOND), "join: a room of two");
	scene_talk(10 * SECOND, 3);
	came = world.now;
	node_start(&nodes[2]);
	scene_talk(10 * SECOND, 3);
	ok(world_is_one(&world, NULL), "join: a room of three");
	ok(tape_said(NULL, 0, came) > 2000, "join: much was said before");
	ok(!tape_open(&nodes[2], NULL, 0, came),
	   "join: the newcomer opens nothing of before");
	ok(tape_open(&nodes[2], NULL, came + 5 * SECOND, NEVER) ==
	   tape_said(&nodes[0], came + 5 * SECOND, NEVER) +
	   tape_said(&nodes[1], came + 5 * SECOND, NEVER),
	   "join: and all of after");
	ok(tape_said(&nodes[2], came, came + 2 * SECOND),
	   "join: it speaks within 2 s");
	scene_end("join");
}

/* carol knows all until she goes; she keeps every key that she ever had */
static struct node *call_of_three(uint64_t seed)
{
	struct node *nodes = scene_open(seed, 3);

	ok(scene_together(20 * SECOND), "a room of three");
	scene_talk(5 * SECOND, 2);
	ok(tape_open(&nodes[2], NULL, 0, NEVER), "carol hears the others");
	return nodes;
}

static void test_leave(void)
{
	struct node *nodes = call_of_three(12);
	struct node *owner = world_owner(&world);
	struct node *leaver = owner == &nodes[2] ? &nodes[0] : &nodes[2];
	uint64_t went = world.now;

	DO(leaver, e2ee_room_leave(leaver->room, world.now));
	ok(leaver->out_at && !leaver->kernel.count,
	   "leave: out, and no key is left");
	ok(e2ee_room_over(leaver->room) == E2EE_ROOM_OVER_LEFT &&
	   world_owner(&world) && e2ee_room_over(world_owner(&world)->room) ==
	   E2EE_ROOM_GOES_ON, "leave: over for who left, not for others");
	scene_talk(10 * SECOND, 2);
	ok(tape_last_open(leaver, NULL) < went + 2 * SECOND,
	   "leave: what it knew opens nothing after %llu ms",
	   (unsigned long long)(tape_last_open(leaver, NULL) - went));
	ok(owner->room->last->epoch.roster_count == 2,
	   "leave: the roster is shorter");
	ok(!owner->room->bans.count, "leave: and it may come back");
	node_kill(leaver);
	node_start(leaver);
	ok(scene_together(10 * SECOND), "leave: it comes back");
	scene_end("leave");
}

/* The kicked device is evil: it goes on as if nothing had happened */
static void test_kick(void)
{
	struct node *nodes = call_of_three(13);
	struct node *owner = world_owner(&world);
	struct node *carol = owner == &nodes[2] ? &nodes[0] : &nodes[2];
	uint64_t went = world.now;

	broker.victim = carol;
	broker.epochs = true;
	world.tamper = broker_withholds;
	ok(!DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev)),
	   "kick: done");
	scene_talk(30 * SECOND, 2);
	ok(carol->room->state == E2EE_ROOM_MEMBER,
	   "kick: the kicked one keeps all it had");
	ok(tape_last_open(carol, NULL) < went + 2 * SECOND,
	   "kick: it opens nothing after %llu ms",
	   (unsigned long long)(tape_last_open(carol, NULL) - went));
	broker.epochs = false;
	scene_talk(310 * SECOND, 1);	/* the next EPOCH tells it */
	ok(carol->room->state == E2EE_ROOM_LEFT &&
	   e2ee_room_over(carol->room) == E2EE_ROOM_OVER_REMOVED &&
	   !strcmp(carol->out, "removed from the call"),
	   "kick: it is told why: %s", carol->out);
	ok(!carol->kernel.count &&
	   carol->kernel.policy == E2EE_POLICY_REQUIRED,
	   "kick: no keys, and nothing goes out in clear");
	node_kill(carol);
	node_start(carol);
	scene_talk(60 * SECOND, 1);
	ok(owner->room->last->epoch.roster_count == 2,
	   "kick: it is not let in again");
	ok(!tape_open(carol, NULL, went + 2 * SECOND, NEVER),
	   "kick: and hears nobody");
	scene_end("kick");
}

/* bob's news are held back when carol is kicked. How long does she hear him? */
static uint64_t withheld(uint64_t seed, bool heartbeats, uint64_t talk,
			 struct node **kicked, struct node **victim)
{
	struct node *nodes = call_of_three(seed);
	struct node *owner = world_owner(&world);
	uint64_t went = world.now;

	*kicked = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	*victim = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	broker.victim = *victim;
	broker.epochs = true;
	broker.heartbeats = heartbeats;
	world.tamper = broker_withholds;
	DO(owner, e2ee_room_kick(owner->room, world.now, (*kicked)->dev));
	scene_count();
	scene_talk(talk, 1);
	ok(tape_last_open(*kicked, owner) < went + 2 * SECOND,
	   "the owner is not heard after 2 s");
	return tape_last_open(*kicked, *victim) - went;
}

static void recovers(const char *name, struct node *victim)
{
	broker.epochs = false;
	broker.heartbeats = false;
	world.tamper = NULL;
	ok(victim->room->stopped[0], "%s: it says so: %s", name,
	   victim->room->stopped);
	ok(!scene_clear(), "%s: nothing goes out in clear", name);
	world_run(&world, 90 * SECOND);
	ok(victim->room->sending && !victim->room->stopped[0],
	   "%s: it sends again when the broker is honest", name);
	scene_count();
	scene_talk(SECOND, 1);
	ok(!scene_swallowed(), "%s: all of it", name);
	scene_end(name);
}

/* All but one are a room */
static bool are_two(struct world *now, void *arg)
{
	const struct node *out = arg;

	for (unsigned int i = 0; i < now->count; i++)
		if (&now->nodes[i] != out && (!now->nodes[i].room->last ||
		    now->nodes[i].room->last->epoch.roster_count != 2))
			return false;
	return scene_owners() == 1 + (out->room->state == E2EE_ROOM_OWNER);
}

static void test_withheld_epoch(void)
{
	struct node *carol, *bob;
	uint64_t ms = withheld(14, false, 30 * SECOND, &carol, &bob);

	ok(ms <= 12 * SECOND, "EPOCH withheld: %llu ms",
	   (unsigned long long)ms);
	ok(ms > 2 * SECOND, "EPOCH withheld: the attack works until then");
	recovers("EPOCH withheld", bob);
}

/* bob cannot know: he owns the half that he is in, until carol is silent */
static void test_withheld_both(void)
{
	struct node *carol, *bob;
	uint64_t ms = withheld(15, true, 150 * SECOND, &carol, &bob);

	ok(ms <= 120 * SECOND, "EPOCH and heartbeats withheld: %llu ms",
	   (unsigned long long)ms);
	/* silent for 10 s, she is removed, and with that sending switches */
	ok(ms > 15 * SECOND, "EPOCH and heartbeats withheld: works until then");
	ok(!scene_clear(), "EPOCH and heartbeats withheld: nothing in clear");
	world.tamper = NULL;
	ok(world_until(&world, 60 * SECOND, are_two, carol),
	   "EPOCH and heartbeats withheld: one room again");
	scene_end("EPOCH and heartbeats withheld");
}

/* All that goes to bob is withheld: no link, no takeover */
static void test_withheld_all(void)
{
	struct node *nodes = call_of_three(17);
	struct node *owner = world_owner(&world);
	struct node *carol = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	struct node *bob = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	uint64_t went = world.now, ms;

	node_online(bob, false);
	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	scene_count();
	scene_talk(150 * SECOND, 1);
	ms = tape_last_open(carol, bob) - went;
	ok(ms <= 120 * SECOND && ms > 100 * SECOND,
	   "all withheld: %llu ms", (unsigned long long)ms);
	node_online(bob, true);
	recovers("all withheld", bob);
}

/* keeps the owner's heartbeats, and gives them to bob one in @pace ms */
static bool broker_slow(struct world *now, struct node *to,
			const struct world_packet *packet, void *arg)
{
	(void)now;
	(void)arg;
	if (to == broker.victim && packet->topic == E2EE_TOPIC_EPOCH)
		return false;
	if (to != broker.victim || packet->topic != E2EE_TOPIC_HB)
		return true;
	letters_keep(&broker.letters, packet);
	return false;
}

static void broker_replay_slowly(void)
{
	struct letter *letter;
	struct e2ee_room_packet in = { .topic = E2EE_TOPIC_HB };

	if (world.now < broker.next ||
	    broker.replayed == broker.letters.count)
		return;
	broker.next = world.now + broker.pace;
	letter = &broker.letters.list[broker.replayed++];
	in.data = letter->data;
	in.len = letter->len;
	e2ee_room_receive(broker.victim->room, world.now, &in);
	broker.victim->next = world.now;
}

static void test_slow_replay(void)
{
	struct node *nodes = call_of_three(16);
	struct node *owner = world_owner(&world);
	struct node *carol = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	struct node *bob = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	uint64_t epoch = bob->room->epochs[0]->accepted, went, last;

	/* first the broker hoards heartbeats of this EPOCH, then stretches them */
	broker.victim = bob;
	broker.pace = 14 * SECOND;
	world.tamper = broker_slow;
	while (world.now < epoch + 280 * SECOND) {
		scene_talk(SECOND, 1);
		broker_replay_slowly();
	}
	went = world.now;
	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	for (unsigned int i = 0; i < 700; i++) {
		scene_talk(SECOND, 1);
		broker_replay_slowly();
	}
	last = tape_last_open(carol, bob);
	ok(last - epoch <= 12 * MINUTE,
	   "old heartbeats slowly: %llu s after the EPOCH",
	   (unsigned long long)(last - epoch) / SECOND);
	ok(last > went + 120 * SECOND,
	   "old heartbeats slowly: longer than without them");
	ok(node_alarmed(bob, "twelve minutes"),
	   "old heartbeats slowly: the age of its keys stopped it");
	letters_free(&broker.letters);
	recovers("old heartbeats slowly", bob);
}

/*
 * A rekey that the broker keeps, too, and gives to bob only when heartbeats that
 * name it are all that is left; it was made before carol was kicked
 */
static struct {
	struct letters letters;
	uint8_t t[E2EE_HASH_LEN];
	bool given;
} late;

static bool broker_late(struct world *now, struct node *to,
			const struct world_packet *packet, void *arg)
{
	if (to == broker.victim && packet->topic == E2EE_TOPIC_EPOCH &&
	    packet->len)
		letters_keep(&late.letters, packet);
	return broker_slow(now, to, packet, arg);
}

static bool letter_is(const struct letter *letter, const uint8_t *t)
{
	struct e2ee_message *msg;
	bool is;

	if (e2ee_message_decode(letter->data, letter->len, &msg, NULL))
		abort();
	is = !memcmp(letter->topic == E2EE_TOPIC_HB ? msg->hb.t : msg->hash, t,
		     E2EE_HASH_LEN);
	e2ee_message_put(msg);
	return is;
}

static void broker_replay_late(void)
{
	struct node *bob = broker.victim;

	if (!late.given && broker.replayed < broker.letters.count &&
	    letter_is(&broker.letters.list[broker.replayed], late.t)) {
		for (size_t i = 0; i < late.letters.count && !late.given; i++) {
			struct e2ee_room_packet in = {
				.topic = E2EE_TOPIC_EPOCH,
				.data = late.letters.list[i].data,
				.len = late.letters.list[i].len,
			};

			late.given = letter_is(&late.letters.list[i], late.t);
			if (late.given)
				e2ee_room_receive(bob->room, world.now, &in);
		}
		bob->next = world.now;
	}
	broker_replay_slowly();
}

/* For all of @ms, with all that the broker hoards meanwhile */
static void talk_late(uint64_t ms)
{
	uint64_t end = world.now + ms;

	while (world.now < end) {
		scene_talk(SECOND, 1);
		broker_replay_late();
	}
}

static void test_late_epoch(void)
{
	struct node *nodes = call_of_three(18);
	struct node *owner = world_owner(&world);
	struct node *carol = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	struct node *bob = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	uint64_t went, last;

	memset(&broker, 0, sizeof(broker));
	broker.victim = bob;
	broker.pace = 14 * SECOND;
	world.tamper = broker_late;
	talk_late(180 * SECOND);
	DO(owner, e2ee_room_rekey(owner->room, world.now));
	talk_late(2 * SECOND);
	memcpy(late.t, owner->room->last->hash, sizeof(late.t));
	talk_late(285 * SECOND);
	ok(!memcmp(late.t, owner->room->last->hash, sizeof(late.t)) &&
	   owner->room->last->epoch.roster_count == 3,
	   "late EPOCH: three of them, after 285 s");
	went = world.now;
	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	talk_late(15 * MINUTE);
	last = tape_last_open(carol, bob);
	ok(late.given && e2ee_idset_has(&bob->room->accepted, late.t),
	   "late EPOCH: bob accepts it");
	ok(last > went + 120 * SECOND && last <= went + 12 * MINUTE,
	   "late EPOCH: she hears him for %llu s",
	   (unsigned long long)(last - went) / SECOND);
	ok(node_alarmed(bob, "twelve minutes"),
	   "late EPOCH: the age of its keys stopped it");
	letters_free(&broker.letters);
	letters_free(&late.letters);
	recovers("late EPOCH", bob);
}

/* One member's answers never come, so no heartbeat says that all have the keys */
static bool broker_deafens(struct world *now, struct node *to,
			   const struct world_packet *packet, void *arg)
{
	struct e2ee_message *msg;
	bool ack;

	(void)now;
	(void)to;
	(void)arg;
	if (packet->topic != E2EE_TOPIC_ACK ||
	    strcmp(packet->dev, broker.victim->dev) != 0)
		return true;
	/* but for its sign of life */
	if (e2ee_message_decode(packet->data, packet->len, &msg, NULL))
		abort();
	ack = memcmp(msg->ack.t, world_owner(&world)->room->last->hash,
		     E2EE_HASH_LEN) != 0;
	e2ee_message_put(msg);
	return ack;
}

/*
 * Nobody attacks: then it is never too old, for an hour, whatever the phase of
 * key packages and EPOCHs
 */
static void test_never_old(void)
{
	struct node *nodes = call_of_three(19), *owner = world_owner(&world);

	broker.victim = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	for (unsigned int i = 0; i < 3; i++)
		nodes[i].room->timers[TIMER_KP] += world_below(&world, 590) *
						   SECOND;
	scene_count();
	for (unsigned int i = 0; i < 3600; i++) {
		/* of each EPOCH, its answer is lost; and then there is a new one */
		world.tamper = world.now - owner->room->made_at < 25 * SECOND ?
			       broker_deafens : NULL;
		world_run(&world, 980);
		scene_talk(20, 1);
	}
	world.tamper = NULL;
	for (unsigned int i = 0; i < 3; i++)
		ok(!node_alarmed(&nodes[i], "twelve minutes") &&
		   !nodes[i].room->stopped[0], "an hour: %s sends all the time",
		   nodes[i].dev);
	ok(world_owner(&world) == owner && !scene_swallowed() && !scene_lost(),
	   "an hour: %llu packets are lost, %llu not sent",
	   (unsigned long long)scene_lost(),
	   (unsigned long long)scene_swallowed());
	scene_end("an hour");
}

/*
 * bob is left out of the EPOCH in which carol goes, and hears nothing but that:
 * on his way back in he does not send for her for two minutes
 */
static bool broker_leaves_out(struct world *now, struct node *to,
			      const struct world_packet *packet, void *arg)
{
	struct e2ee_message *msg;
	bool without;

	(void)now;
	(void)arg;
	if (packet->topic == E2EE_TOPIC_ACK &&
	    !strcmp(packet->dev, broker.victim->dev))
		return false;
	if (to != broker.victim || packet->topic == E2EE_TOPIC_PROBE ||
	    !packet->len)
		return true;
	if (packet->topic != E2EE_TOPIC_EPOCH)
		return packet->topic == E2EE_TOPIC_HB && !broker.heartbeats;
	if (e2ee_message_decode(packet->data, packet->len, &msg, NULL))
		abort();
	without = !e2ee_chain_find(msg, e2ee_identity_ik(to->identity));
	e2ee_message_put(msg);
	return without;
}

static void test_left_out(void)
{
	struct node *nodes = scene_open(20, 4), *owner, *carol, *bob;
	struct peer *peer;
	uint64_t went, last;

	ok(scene_together(30 * SECOND), "left out: a room of four");
	scene_talk(5 * SECOND, 1);
	owner = world_owner(&world);
	carol = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	bob = owner == &nodes[0] ? &nodes[3] : &nodes[0];
	memset(&broker, 0, sizeof(broker));
	broker.victim = bob;
	world.tamper = broker_leaves_out;
	peer = e2ee_peers_find(owner->room, e2ee_identity_ik(bob->identity));
	while (world.now - peer->ack_at < MEMBER_SILENCE - SECOND)
		scene_talk(100, 1);
	broker.heartbeats = true;
	went = world.now;
	DO(owner, e2ee_room_kick(owner->room, world.now, carol->dev));
	scene_talk(3 * SECOND, 1);
	ok(owner->room->last->epoch.roster_count == 2 &&
	   bob->room->state == E2EE_ROOM_JOIN, "left out: bob knows that he is");
	scene_talk(130 * SECOND, 1);
	last = tape_last_open(carol, bob);
	ok(last - went <= 14 * SECOND, "left out: she hears him for %llu ms",
	   (unsigned long long)(last - went));
	world.tamper = NULL;
	scene_talk(60 * SECOND, 1);
	ok(owner->room->last->epoch.roster_count == 3 && node_same(bob, owner),
	   "left out: and one room again");
	scene_end("left out");
}

/* EPOCHs of bob's that the broker keeps; heartbeats go through */
static struct letters epochs;
static struct node *starved;

static bool broker_doles(struct world *now, struct node *to,
			 const struct world_packet *packet, void *arg)
{
	(void)now;
	(void)arg;
	if (to != starved || packet->topic != E2EE_TOPIC_EPOCH || !packet->len)
		return true;
	letters_keep(&epochs, packet);
	return false;
}

/* An old EPOCH now and then is no news: M8 a counts from the first unknown one */
static void test_doled(void)
{
	struct node *nodes = scene_open(16, 3), *owner;
	uint64_t since, stopped = 0;
	uint32_t seqs[4];
	size_t n = 0;

	ok(scene_together(30 * SECOND), "doled: a room of three");
	scene_talk(10 * SECOND, 1);
	owner = world_owner(&world);
	starved = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	world.tamper = broker_doles;
	since = world.now;
	for (unsigned int i = 0; i < 3; i++) {
		DO(owner, e2ee_room_rekey(owner->room, world.now));
		scene_talk(2500, 1);
		seqs[i] = owner->room->last->epoch.seq;
	}
	ok(seqs[2] == seqs[0] + 2, "doled: three EPOCHs are kept");
	while (!stopped && world.now < since + 40 * SECOND) {
		/* the oldest that it has not got, every 8 s */
		if (world.now >= since + 8 * SECOND * (n + 1) && n < 2) {
			struct e2ee_room_packet in = {
				.topic = E2EE_TOPIC_EPOCH,
			};
			size_t i = 0;

			for (; i < epochs.count; i++) {
				struct e2ee_message *msg;

				if (e2ee_message_decode(epochs.list[i].data,
							epochs.list[i].len,
							&msg, NULL))
					abort();
				in.len = msg->epoch.seq == seqs[n] ?
					 epochs.list[i].len : 0;
				e2ee_message_put(msg);
				if (in.len)
					break;
			}
			in.data = epochs.list[i].data;
			e2ee_room_receive(starved->room, world.now, &in);
			starved->next = world.now;
			ok(starved->room->last->epoch.seq == seqs[n],
			   "doled: it is given one of them");
			n++;
		}
		scene_talk(SECOND / 10, 1);
		if (starved->room->stopped[0])
			stopped = world.now - since;
	}
	ok(stopped && stopped <= 11 * SECOND,
	   "doled: sending stops after %llu ms",
	   (unsigned long long)stopped);
	world.tamper = NULL;
	letters_free(&epochs);
	ok(scene_together(60 * SECOND), "doled: one room afterwards");
	scene_end("doled");
}

int main(int argc, char **argv)
{
	test_join();
	test_leave();
	test_kick();
	test_withheld_epoch();
	test_withheld_both();
	test_withheld_all();
	test_slow_replay();
	test_late_epoch();
	test_never_old();
	test_left_out();
	test_doled();
	return scene_finish(argc, argv);
}
