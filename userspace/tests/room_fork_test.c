// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * EPOCHs that a room remembers, so that it recognizes a fork: what is kept, what
 * makes way for what, and that nothing but these EPOCHs is ever published again.
 * The sanitizers of this build see a message that is used after it was freed.
 */
#include <stdlib.h>

#include "room/scenario.h"

#define MEMBERS		3

/* An EPOCH of a call that only its signer is in: nobody has to let it in */
static struct e2ee_message *epoch_of(const struct node *signer, uint32_t seq,
				     uint8_t prev_byte)
{
	static const uint8_t call[E2EE_ID_LEN] = "another call id";
	struct e2ee_message draft = *world_owner(&world)->room->last, *msg;
	struct e2ee_entry entry = draft.epoch.roster[0];
	struct e2ee_wrap wrap = draft.epoch.wraps[0];
	uint8_t prev[E2EE_HASH_LEN];

	memset(prev, prev_byte, sizeof(prev));
	snprintf(entry.dev, sizeof(entry.dev), "%s", signer->dev);
	memcpy(draft.dev, entry.dev, sizeof(draft.dev));
	entry.ik = e2ee_identity_ik(signer->identity);
	entry.session = call;
	wrap.leaf = entry.leaf;
	draft.session = call;
	draft.call = call;
	draft.epoch.owner = entry.leaf;
	draft.epoch.term = 1;
	draft.epoch.seq = seq;
	draft.epoch.prev = prev;
	draft.epoch.roster = &entry;
	draft.epoch.roster_count = 1;
	draft.epoch.wraps = &wrap;
	draft.epoch.wrap_count = 1;
	draft.epoch.banned_count = 0;
	draft.epoch.lost_count = 0;
	if (e2ee_message_seal(&draft, "room",
			      e2ee_identity_seed(signer->identity), &msg))
		abort();
	return msg;
}

static void give(struct node *to, const struct e2ee_message *msg)
{
	world_inject(&world, to, E2EE_TOPIC_EPOCH, NULL, msg->raw, msg->len);
	world_run(&world, 60);
}

/* What the member that is looked at published of a call of somebody else */
static const struct e2ee_message *pair[2];
static unsigned int published[2], unknown;

static bool broker_looks(struct world *now, struct node *to,
			 const struct world_packet *packet, void *arg)
{
	struct e2ee_message *msg;
	const char *reason;
	bool found = false;

	(void)now;
	(void)arg;
	if (packet->topic != E2EE_TOPIC_EPOCH || to != &world.nodes[0])
		return true;
	for (unsigned int i = 0; i < 2; i++) {
		if (packet->len != pair[i]->len ||
		    memcmp(packet->data, pair[i]->raw, packet->len) != 0)
			continue;
		published[i]++;
		found = true;
	}
	if (found)
		return true;
	/* EPOCHs of the room's own call come and go meanwhile */
	if (e2ee_message_decode(packet->data, packet->len, &msg, &reason)) {
		unknown++;
		return true;
	}
	unknown += !e2ee_chain_same_call(msg, to->room->last);
	e2ee_message_put(msg);
	return true;
}

static struct node *call_of(uint64_t seed, unsigned int strangers)
{
	struct node *nodes = scene_open_still(seed, MEMBERS + strangers);

	for (unsigned int i = 0; i < world.count; i++)
		for (unsigned int k = 0; k < world.count; k++)
			if (i != k &&
			    e2ee_trust_add(nodes[i].trust, nodes[k].dev,
					   e2ee_identity_ik(nodes[k].identity),
					   E2EE_TRUST_PINNED))
				abort();
	for (unsigned int i = 0; i < MEMBERS; i++) {
		nodes[i].config.level = E2EE_LEVEL_PINNED;
		node_start(&nodes[i]);
	}
	ok(scene_together(30 * SECOND), "a room of %u", MEMBERS);
	world_run(&world, 5 * SECOND);
	return nodes;
}

/* Somebody but alice, who looks at what is published, and the owner */
static struct node *some_member(void)
{
	struct node *nodes = world.nodes;

	return world_owner(&world) == &nodes[1] ? &nodes[2] : &nodes[1];
}

/*
 * A device that is in the trust store, and not in the room, fills the ring; then
 * comes a fork of the EPOCH in place @place, which makes way for that fork if
 * it is the oldest.
 */
static void test_full_ring(unsigned int place)
{
	struct node *nodes = call_of(300 + place, 1), *member = some_member();
	const struct node *dave = &nodes[MEMBERS];
	struct e2ee_message *ring[REMEMBERED], *fork;

	/* the next place is the first one */
	member->room->verified_next = 0;
	for (unsigned int i = 0; i < REMEMBERED; i++) {
		ring[i] = epoch_of(dave, i + 1, 1);
		give(member, ring[i]);
	}
	ok(member->room->verified_next == REMEMBERED,
	   "full ring, place %u: it is full", place);
	fork = epoch_of(dave, place + 1, 2);
	pair[0] = ring[place];
	pair[1] = fork;
	memset(published, 0, sizeof(published));
	unknown = 0;
	world.tamper = broker_looks;
	give(member, fork);
	world_run(&world, 500);
	ok(node_alarmed(member, "dave gave different keys"),
	   "full ring, place %u: the fork is seen", place);
	ok(published[0] && published[1] && !unknown,
	   "full ring, place %u: both EPOCHs are published, and nothing else",
	   place);
	ok(e2ee_idset_has(&member->room->bans,
			  e2ee_identity_ik(dave->identity)),
	   "full ring, place %u: the signer is banned", place);
	world.tamper = NULL;
	for (unsigned int i = 0; i < REMEMBERED; i++)
		e2ee_message_put(ring[i]);
	e2ee_message_put(fork);
	scene_end("full ring");
}

/* A fork of what has made way for others is no fork any more, and no harm */
static void test_evicted(void)
{
	struct node *nodes = call_of(320, 1), *member = some_member();
	const struct node *dave = &nodes[MEMBERS];
	struct e2ee_message *msg;

	for (uint32_t seq = 1; seq <= 3 * REMEMBERED; seq++) {
		msg = epoch_of(dave, seq, 1);
		give(member, msg);
		e2ee_message_put(msg);
	}
	for (uint32_t seq = 1; seq <= 2 * REMEMBERED; seq++) {
		msg = epoch_of(dave, seq, 2);
		give(member, msg);
		e2ee_message_put(msg);
	}
	ok(!member->room->bans.count,
	   "evicted: forks of EPOCHs that are forgotten count for nothing");
	ok(world_is_one(&world, NULL), "evicted: the room goes on");
	scene_end("evicted");
}

/* The room's own last EPOCH is found although the ring is full of others */
static void test_last(void)
{
	struct node *nodes = call_of(321, 1), *owner = world_owner(&world);
	struct node *member = some_member();
	const struct node *dave = &nodes[MEMBERS];
	struct e2ee_message *last = e2ee_message_get(owner->room->last);
	struct e2ee_message draft = *last, *msg, *fork;
	uint8_t ct[48];

	for (uint32_t seq = 1; seq <= REMEMBERED; seq++) {
		msg = epoch_of(dave, seq, 1);
		give(member, msg);
		e2ee_message_put(msg);
	}
	memset(ct, 7, sizeof(ct));
	draft.epoch.wraps[0].ct = (struct e2ee_bytes){ ct, sizeof(ct) };
	if (e2ee_message_seal(&draft, "room",
			      e2ee_identity_seed(owner->identity), &fork))
		abort();
	give(member, fork);
	ok(node_alarmed(member, "gave different keys") &&
	   e2ee_idset_has(&member->room->bans,
			  e2ee_identity_ik(owner->identity)),
	   "last: the owner's fork of it is seen");
	ok(member->room->stopped[0], "last: sending stops at once");
	scene_talk(20 * SECOND, 1);
	ok(member->room->last->epoch.roster_count == 2 &&
	   !e2ee_chain_find(member->room->last,
			    e2ee_identity_ik(owner->identity)),
	   "last: the others go on without the owner");
	e2ee_message_put(fork);
	e2ee_message_put(last);
	scene_end("last");
}

static bool is_judged(struct world *now, void *arg)
{
	const struct node *member = arg;

	(void)now;
	return !member->room->candidate;
}

/*
 * An EPOCH that waits for the owner's silence is let go of by the room while
 * it is judged, here because it leaves the member out.
 */
static void test_candidate(void)
{
	struct node *nodes = call_of(322, 0), *owner = world_owner(&world);
	struct node *member = some_member();
	struct node *heir = owner == &nodes[0] ? &nodes[3 - member->number] :
						 &nodes[0];
	const struct e2ee_message *last = owner->room->last;
	struct e2ee_message draft = *last, *msg;
	struct e2ee_entry roster[2];
	struct e2ee_wrap wraps[2];
	unsigned int count = 0;

	for (size_t i = 0; i < last->epoch.roster_count; i++) {
		if (!strcmp(last->epoch.roster[i].dev, member->dev))
			continue;
		roster[count] = last->epoch.roster[i];
		wraps[count++] = last->epoch.wraps[i];
	}
	strcpy(draft.dev, heir->dev);
	draft.session = heir->room->session;
	draft.epoch.owner = heir->room->epochs[0]->leaf;
	draft.epoch.term++;
	draft.epoch.seq++;
	draft.epoch.prev = last->hash;
	draft.epoch.roster = roster;
	draft.epoch.roster_count = count;
	draft.epoch.wraps = wraps;
	draft.epoch.wrap_count = count;
	if (e2ee_message_seal(&draft, "room",
			      e2ee_identity_seed(heir->identity), &msg))
		abort();
	give(member, msg);
	ok(member->room->candidate && member->room->state == E2EE_ROOM_MEMBER,
	   "candidate: it waits for the owner's silence");
	/* the room alone keeps the message from now on */
	for (unsigned int i = 0; i < REMEMBERED; i++)
		e2ee_message_keep(&member->room->verified[i], NULL);
	e2ee_message_put(msg);
	member->room->silence = true;
	ok(world_until(&world, 2 * SECOND, is_judged, member) &&
	   member->room->state == E2EE_ROOM_JOIN,
	   "candidate: it holds, and the member joins anew");
	scene_end("candidate");
}

int main(int argc, char **argv)
{
	test_full_ring(0);
	test_full_ring(REMEMBERED / 2);
	test_full_ring(REMEMBERED - 1);
	test_evicted();
	test_last();
	test_candidate();
	return scene_finish(argc, argv);
}
