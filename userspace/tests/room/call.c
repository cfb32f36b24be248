// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A call of three devices, for tests of the messages that are refused in it.
 */
#include <stdlib.h>

#include "call.h"

struct node *owner, *one, *two, *dave;
const uint8_t another_id[E2EE_ID_LEN] = "some other id, x";

const uint8_t *ik_of(const struct node *node)
{
	return e2ee_identity_ik(node->identity);
}

struct peer *peer_at(struct node *node, const struct node *other)
{
	struct peer *peer = e2ee_peers_find(node->room, ik_of(other));

	if (!peer)
		abort();
	return peer;
}

void call_open(uint64_t seed)
{
	static const char *const names[] = { "alice", "bob", "carol" };
	struct node *nodes = scene_open_still(seed, 4);

	for (unsigned int i = 0; i < 4; i++) {
		nodes[i].config.level = E2EE_LEVEL_PINNED;
		nodes[i].config.admins = names;
		nodes[i].config.admin_count = 3;
		for (unsigned int k = 0; k < 4; k++)
			if (i != k && e2ee_trust_add(nodes[i].trust,
						     nodes[k].dev,
						     ik_of(&nodes[k]),
						     E2EE_TRUST_PINNED))
				abort();
	}
	for (unsigned int i = 0; i < 3; i++)
		node_start(&nodes[i]);
	if (!scene_together(30 * SECOND))
		abort();
	world_run(&world, 6 * SECOND);
	owner = world_owner(&world);
	one = owner == &nodes[0] ? &nodes[1] : &nodes[0];
	two = owner == &nodes[2] ? &nodes[1] : &nodes[2];
	dave = &nodes[3];
}

struct e2ee_message *next_epoch(struct node *node, bool take_over)
{
	uint8_t raw[E2EE_RAW_LEN];
	struct e2ee_message *msg = e2ee_roster_next(node->room, take_over, raw);

	if (!msg)
		abort();
	return msg;
}

struct e2ee_message *sealed(const struct e2ee_message *draft, const char *room,
			    const struct node *signer)
{
	struct e2ee_message *msg;

	if (e2ee_message_seal(draft, room, e2ee_identity_seed(signer->identity),
			      &msg))
		abort();
	return msg;
}
