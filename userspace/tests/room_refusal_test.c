// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages that are refused, and for which reason: each type of message with
 * each flaw.
 */
#include <errno.h>
#include <stdlib.h>

#include "room/call.h"

/* messages of each type, and what shows that they were heard */

static void fill_kp(struct e2ee_message *draft)
{
	draft->kp = one->room->kps[0].msg->kp;
	draft->call = NULL;
}

static uint64_t mark_kp(void)
{
	return peer_at(two, one)->seq;
}

static void fill_epoch(struct e2ee_message *draft)
{
	static struct e2ee_message *next;

	e2ee_message_put(next);		/* the draft of before led into it */
	next = draft ? next_epoch(owner, false) : NULL;
	if (draft)
		draft->epoch = next->epoch;
}

static uint64_t mark_epoch(void)
{
	return two->room->last->epoch.seq;
}

static void fill_ack(struct e2ee_message *draft)
{
	static uint8_t mac[E2EE_HASH_LEN];

	draft->ack.t = owner->room->last->hash;
	draft->ack.result = E2EE_ACK_OK;
	draft->ack.mac = mac;
	e2ee_schedule_mac(owner->room->epochs[0]->secret, draft->ack.t,
			  one->dev, mac);
	peer_at(owner, one)->ack_at = 1;
}

static uint64_t mark_ack(void)
{
	return peer_at(owner, one)->ack_at;
}

static void fill_hb(struct e2ee_message *draft)
{
	draft->hb.t = two->room->last->hash;
	draft->hb.prev = two->room->hb_hash;
}

static uint64_t mark_hb(void)
{
	return two->room->hb_n;
}

/* Of a call that its sender owns elsewhere */
static void fill_hb_elsewhere(struct e2ee_message *draft)
{
	draft->call = another_id;
	draft->hb.t = two->room->last->hash;
	draft->hb.prev = two->room->hb_hash;
}

static uint64_t mark_hb_elsewhere(void)
{
	return peer_at(two, one)->hb_n;
}

static void fill_handover(struct e2ee_message *draft)
{
	draft->handover.t = two->room->last->hash;
	draft->handover.to = ik_of(one);
	draft->handover.to_call = two->room->last->call;
}

static uint64_t mark_handover(void)
{
	return two->room->handed;
}

static void fill_leave(struct e2ee_message *draft)
{
	draft->leave.t = owner->room->last->hash;
}

static uint64_t mark_removal(void)
{
	return owner->room->removals.count;
}

static uint64_t mark_leaver(void)
{
	return two->room->leavers.count;
}

static void fill_join(struct e2ee_message *draft)
{
	struct e2ee_room *room = owner->room;

	draft->req.what = E2EE_REQ_JOIN;
	draft->req.kp_hash = one->room->kps[0].msg->hash;
	draft->req.hb_hash = room->hb_sent[(room->hb_sent_n - 1) %
					   HB_REMEMBERED];
}

/* Who is in already is sent the EPOCH again */
static uint64_t mark_resend(void)
{
	return owner->room->resend_limit.next;
}

static void fill_resync(struct e2ee_message *draft)
{
	draft->req.what = E2EE_REQ_RESYNC;
	draft->req.t = owner->room->last->hash;
}

static void fill_rekey(struct e2ee_message *draft)
{
	fill_resync(draft);
	draft->req.what = E2EE_REQ_REKEY;
}

static uint64_t mark_rekey(void)
{
	return owner->room->rekey;
}

static void fill_kick(struct e2ee_message *draft)
{
	fill_resync(draft);
	draft->req.what = E2EE_REQ_KICK;
	draft->req.ik = ik_of(two);
}

static void fill_lock(struct e2ee_message *draft)
{
	fill_resync(draft);
	draft->req.what = E2EE_REQ_LOCK;
	draft->req.lock = true;
}

static void fill_ask_handover(struct e2ee_message *draft)
{
	fill_resync(draft);
	draft->req.what = E2EE_REQ_HANDOVER;
	draft->req.ik = ik_of(two);
}

static uint64_t mark_handed(void)
{
	return owner->room->handed;
}

static void fill_policy(struct e2ee_message *draft)
{
	fill_resync(draft);
	draft->req.what = E2EE_REQ_POLICY;
	draft->req.policy = e2ee_policy_to_wire(E2EE_POLICY_REQUIRED);
}

static void fill_commit(struct e2ee_message *draft)
{
	static const uint8_t commitment[E2EE_HASH_LEN] = { 1 };

	draft->sas.t = two->room->last->hash;
	draft->sas.commitment = commitment;
}

static uint64_t mark_commit(void)
{
	return two->room->sas != NULL;
}

/* Nobody reveals anything to @two, nor hears it */
static bool broker_hides_reveals(struct world *now, struct node *to,
				 const struct world_packet *packet, void *arg)
{
	struct e2ee_message *msg;
	const char *reason;
	bool hidden;

	(void)now;
	(void)arg;
	if (packet->topic != E2EE_TOPIC_SAS || to != two ||
	    e2ee_message_decode(packet->data, packet->len, &msg, &reason))
		return true;
	hidden = msg->type == E2EE_MSG_SAS_REVEAL;
	e2ee_message_put(msg);
	return !hidden;
}

static void prepare_reveal(void)
{
	world.tamper = broker_hides_reveals;
	DO(two, e2ee_room_verify(two->room, world.now));
	world_run(&world, SECOND);
	world.tamper = NULL;
	if (!one->room->sas || !two->room->sas)
		abort();
}

static struct e2ee_sas_share *share_of(struct sas_run *run,
				       const struct node *node)
{
	for (size_t i = 0; i < run->epoch->epoch.roster_count; i++)
		if (!strcmp(run->shares[i].dev, node->dev))
			return &run->shares[i];
	abort();
}

static void fill_reveal(struct e2ee_message *draft)
{
	draft->sas.t = two->room->last->hash;
	draft->sas.nonce = share_of(one->room->sas, one)->nonce;
	draft->sas.commitments = one->room->sas->commitments;
}

static uint64_t mark_reveal(void)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i < 3; i++)
		count += two->room->sas->revealed[i];
	return count;
}

/* flaws */

enum flaw {
	FLAW_NONE,
	FLAW_BIT,		/* of the signature */
	FLAW_KEY,		/* signed by another member */
	FLAW_ROOM,		/* signed for another room */
	FLAW_SESSION,		/* another session id */
	FLAW_CALL,		/* another call id */
	FLAW_DEV,		/* of a device that is not in the roster */
	FLAW_BANNED,		/* of a device that was banned */
	FLAW_AGAIN,		/* the same message a second time */
	FLAW_OLDER,		/* one with a lower counter */
	FLAW_TOPIC,		/* on a topic that is not its own */
	FLAWS,
};

static const char *const flaw_names[FLAWS] = {
	"no flaw", "one bit of its signature", "signed by another member",
	"signed for another room", "another session id", "another call id",
	"of a device that is not in the roster", "of a device that is banned",
	"the same again", "an older counter", "another topic",
};

#define NOTHING		E2EE_ROOM_STATS		/* ignored, and not counted */
#define SKIP		(E2EE_ROOM_STATS + 1)	/* it would be no flaw */
#define SIGNATURE	E2EE_ROOM_DROP_SIGNATURE
#define STRANGER	E2EE_ROOM_DROP_STRANGER
#define OLD		E2EE_ROOM_DROP_OLD
#define RULE		E2EE_ROOM_DROP_RULE
#define FORM		E2EE_ROOM_DROP_FORM

/* what messages of the roster have in common */
#define OF_ROSTER							\
	{ NOTHING, SIGNATURE, SIGNATURE, SIGNATURE, STRANGER, STRANGER,	\
	  STRANGER, STRANGER, OLD, OLD, FORM }

/**
 * struct kind - a message that can be heard
 * @from: who sends it
 * @to: who looks at it
 * @prepare: what has to be before it makes sense; may be NULL
 * @fill: the draft's member of its type; counters are set behind it
 * @mark: another number than before says that it was heard
 * @drops: how each flaw is counted
 */
struct kind {
	const char *name;
	enum e2ee_message_type type;
	enum e2ee_room_topic topic;
	struct node **from;
	struct node **to;
	void (*prepare)(void);
	void (*fill)(struct e2ee_message *draft);
	uint64_t (*mark)(void);
	int drops[FLAWS];
};

static const struct kind kinds[] = {
	/* a KP may bring a new session id, and is of no call */
	{ "KP", E2EE_MSG_KP, E2EE_TOPIC_KP, &one, &two, NULL, fill_kp, mark_kp,
	  { NOTHING, SIGNATURE, SIGNATURE, SIGNATURE, SKIP, SKIP, SKIP,
	    STRANGER, NOTHING, OLD, FORM } },
	/* older EPOCHs are in the table of rules */
	{ "EPOCH", E2EE_MSG_EPOCH, E2EE_TOPIC_EPOCH, &owner, &two, NULL,
	  fill_epoch, mark_epoch,
	  { NOTHING, SIGNATURE, SIGNATURE, SIGNATURE, STRANGER, RULE,
	    STRANGER, STRANGER, NOTHING, SKIP, FORM } },
	{ "ACK", E2EE_MSG_ACK, E2EE_TOPIC_ACK, &one, &owner, NULL, fill_ack,
	  mark_ack, OF_ROSTER },
	/* with another call id it is a heartbeat of that call */
	{ "HB", E2EE_MSG_HB, E2EE_TOPIC_HB, &owner, &two, NULL, fill_hb,
	  mark_hb,
	  { NOTHING, SIGNATURE, SIGNATURE, SIGNATURE, STRANGER, NOTHING,
	    STRANGER, SKIP, OLD, OLD, FORM } },
	{ "HB of another call", E2EE_MSG_HB, E2EE_TOPIC_HB, &one, &two, NULL,
	  fill_hb_elsewhere, mark_hb_elsewhere,
	  { NOTHING, SIGNATURE, SIGNATURE, SIGNATURE, STRANGER, SKIP,
	    STRANGER, STRANGER, OLD, OLD, FORM } },
	/* the owner alone says it: others are not even looked at */
	{ "HANDOVER", E2EE_MSG_HANDOVER, E2EE_TOPIC_HB, &owner, &two, NULL,
	  fill_handover, mark_handover,
	  { NOTHING, SIGNATURE, SIGNATURE, SIGNATURE, NOTHING, NOTHING,
	    NOTHING, STRANGER, OLD, OLD, FORM } },
	{ "LEAVE to the owner", E2EE_MSG_LEAVE, E2EE_TOPIC_REQ, &one, &owner,
	  NULL, fill_leave, mark_removal, OF_ROSTER },
	{ "LEAVE to a member", E2EE_MSG_LEAVE, E2EE_TOPIC_REQ, &one, &two,
	  NULL, fill_leave, mark_leaver, OF_ROSTER },
	{ "REQ join", E2EE_MSG_REQ, E2EE_TOPIC_REQ, &one, &owner, NULL,
	  fill_join, mark_resend, OF_ROSTER },
	{ "REQ resync", E2EE_MSG_REQ, E2EE_TOPIC_REQ, &one, &owner, NULL,
	  fill_resync, mark_resend, OF_ROSTER },
	{ "REQ rekey", E2EE_MSG_REQ, E2EE_TOPIC_REQ, &one, &owner, NULL,
	  fill_rekey, mark_rekey, OF_ROSTER },
	{ "REQ kick", E2EE_MSG_REQ, E2EE_TOPIC_REQ, &one, &owner, NULL,
	  fill_kick, mark_removal, OF_ROSTER },
	{ "REQ lock", E2EE_MSG_REQ, E2EE_TOPIC_REQ, &one, &owner, NULL,
	  fill_lock, mark_rekey, OF_ROSTER },
	{ "REQ handover", E2EE_MSG_REQ, E2EE_TOPIC_REQ, &one, &owner, NULL,
	  fill_ask_handover, mark_handed, OF_ROSTER },
	{ "REQ policy", E2EE_MSG_REQ, E2EE_TOPIC_REQ, &one, &owner, NULL,
	  fill_policy, mark_rekey, OF_ROSTER },
	{ "SAS-COMMIT", E2EE_MSG_SAS_COMMIT, E2EE_TOPIC_SAS, &one, &two, NULL,
	  fill_commit, mark_commit, OF_ROSTER },
	{ "SAS-REVEAL", E2EE_MSG_SAS_REVEAL, E2EE_TOPIC_SAS, &one, &two,
	  prepare_reveal, fill_reveal, mark_reveal, OF_ROSTER },
};

#define COUNTER		100000		/* above all that are in use */

static void draft_count(struct e2ee_message *draft, uint64_t counter)
{
	switch (draft->type) {
	case E2EE_MSG_KP:
		draft->kp.seq = counter;
		break;
	case E2EE_MSG_EPOCH:
		break;
	case E2EE_MSG_ACK:
		draft->ack.counter = counter;
		break;
	case E2EE_MSG_HB:
		draft->hb.n = counter;
		break;
	case E2EE_MSG_HANDOVER:
		draft->handover.counter = counter;
		break;
	case E2EE_MSG_LEAVE:
		draft->leave.counter = counter;
		break;
	case E2EE_MSG_REQ:
		draft->req.counter = counter;
		break;
	default:
		draft->sas.counter = counter;
		break;
	}
}

static void draft_begin(const struct kind *kind, struct e2ee_message *draft)
{
	const struct node *from = *kind->from;

	*draft = (struct e2ee_message){
		.type = kind->type, .session = from->room->session,
		.call = (*kind->to)->room->last->call,
	};
	strcpy(draft->dev, from->dev);
	kind->fill(draft);
	draft_count(draft, COUNTER);
}

static void deliver(const struct kind *kind, const struct e2ee_message *draft,
		    enum flaw flaw, const struct node *signer)
{
	struct e2ee_room_packet packet = { .topic = kind->topic };
	struct e2ee_message *msg;

	msg = sealed(draft, flaw == FLAW_ROOM ? "another-room" : "room",
		     signer);
	if (flaw == FLAW_BIT)
		msg->raw[msg->len - 1] ^= 1;
	if (flaw == FLAW_TOPIC)
		packet.topic = kind->topic == E2EE_TOPIC_ACK ? E2EE_TOPIC_KP :
							       E2EE_TOPIC_ACK;
	if (packet.topic != E2EE_TOPIC_EPOCH && packet.topic != E2EE_TOPIC_HB)
		packet.dev = msg->dev;
	packet.data = msg->raw;
	packet.len = msg->len;
	e2ee_room_receive((*kind->to)->room, world.now, &packet);
	e2ee_message_put(msg);
}

static void deliver_flawed(const struct kind *kind, enum flaw flaw,
			   struct e2ee_message *draft)
{
	const struct node *signer = *kind->from;

	switch (flaw) {
	case FLAW_KEY:
		signer = *kind->from == one ? owner : one;
		break;
	case FLAW_SESSION:
		draft->session = another_id;
		break;
	case FLAW_CALL:
		draft->call = another_id;
		break;
	case FLAW_DEV:
		signer = dave;
		strcpy(draft->dev, dave->dev);
		break;
	case FLAW_BANNED:
		if (e2ee_idset_add(&(*kind->to)->room->bans,
				   ik_of(*kind->from)))
			abort();
		break;
	case FLAW_OLDER:
		draft_count(draft, COUNTER - 1);
		break;
	default:
		break;
	}
	deliver(kind, draft, flaw, signer);
}

static void stats_take(const struct node *node, uint64_t *stats)
{
	for (unsigned int i = 0; i < E2EE_ROOM_STATS; i++)
		stats[i] = e2ee_room_stat(node->room, i);
}

/* Was it counted as @drop, and as nothing else? */
static bool stats_show(const struct node *node, const uint64_t *before,
		       int drop)
{
	bool good = true;

	for (int i = E2EE_ROOM_RECEIVED + 1; i < E2EE_ROOM_STATS; i++) {
		uint64_t more = e2ee_room_stat(node->room, i) - before[i];

		if (more != (i == drop))
			printf("# %s: %llu\n", e2ee_room_stat_name(i),
			       (unsigned long long)more);
		good &= more == (i == drop);
	}
	return good;
}

static void test_flaw(const struct kind *kind, enum flaw flaw)
{
	uint64_t stats[E2EE_ROOM_STATS], mark;
	struct e2ee_message draft;
	bool heard = true;

	call_open(400 + flaw);
	if (kind->prepare)
		kind->prepare();
	draft_begin(kind, &draft);
	mark = kind->mark();
	if (flaw == FLAW_AGAIN || flaw == FLAW_OLDER) {
		deliver(kind, &draft, FLAW_NONE, *kind->from);
		heard = kind->mark() != mark;
		mark = kind->mark();
	}
	stats_take(*kind->to, stats);
	deliver_flawed(kind, flaw, &draft);
	if (flaw == FLAW_NONE)
		ok(kind->mark() != mark && stats_show(*kind->to, stats, NOTHING),
		   "%s: heard", kind->name);
	else
		ok(heard && kind->mark() == mark &&
		   stats_show(*kind->to, stats, kind->drops[flaw]),
		   "%s, %s: refused as %s", kind->name, flaw_names[flaw],
		   kind->drops[flaw] == NOTHING ? "nothing new" :
		   e2ee_room_stat_name((enum e2ee_room_stat)kind->drops[flaw]));
	fill_epoch(NULL);
	scene_close();
}

/* What an admin may ask for, nobody else may */
static void test_not_admin(void)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct kind *kind = &kinds[i];
		uint64_t stats[E2EE_ROOM_STATS], mark;
		struct e2ee_message draft;

		if (kind->fill != fill_kick && kind->fill != fill_lock &&
		    kind->fill != fill_ask_handover &&
		    kind->fill != fill_policy)
			continue;
		call_open(420);
		owner->room->admin_count = 0;
		draft_begin(kind, &draft);
		mark = kind->mark();
		stats_take(owner, stats);
		deliver(kind, &draft, FLAW_NONE, *kind->from);
		ok(kind->mark() == mark && stats_show(owner, stats, RULE),
		   "%s of somebody who is no admin: refused", kind->name);
		scene_close();
	}
}

/* A good signature says who; the MAC says that the sender has the keys */
static void test_ack_mac(void)
{
	const struct kind *ack = &kinds[2];
	struct e2ee_message draft;
	uint8_t mac[E2EE_HASH_LEN];
	struct peer *peer;

	call_open(421);
	draft_begin(ack, &draft);
	peer = peer_at(owner, one);
	memset(peer->acked, 0, sizeof(peer->acked));
	memcpy(mac, draft.ack.mac, sizeof(mac));
	mac[31] ^= 1;
	draft.ack.mac = mac;
	deliver(ack, &draft, FLAW_NONE, one);
	ok(memcmp(peer->acked, owner->room->last->hash, E2EE_HASH_LEN) != 0 &&
	   node_alarmed(owner, "has different keys from this device"),
	   "ACK with a wrong MAC: it is no answer, and an alarm");
	mac[31] ^= 1;
	draft.ack.counter++;
	deliver(ack, &draft, FLAW_NONE, one);
	ok(!memcmp(peer->acked, owner->room->last->hash, E2EE_HASH_LEN),
	   "ACK with the right MAC: it is");
	scene_end("ACK's MAC");
}

/* What is revealed has to be what was committed to */
static void test_another_nonce(void)
{
	const struct kind *reveal = &kinds[sizeof(kinds) / sizeof(kinds[0]) - 1];
	uint8_t nonce[E2EE_SAS_NONCE_LEN];
	struct e2ee_message draft;

	call_open(422);
	prepare_reveal();
	draft_begin(reveal, &draft);
	memcpy(nonce, draft.sas.nonce, sizeof(nonce));
	nonce[0] ^= 1;
	draft.sas.nonce = nonce;
	deliver(reveal, &draft, FLAW_NONE, one);
	ok(two->room->sas->state == E2EE_SAS_FAILED && mark_reveal() == 1 &&
	   node_alarmed(two, "revealed what it had not committed to"),
	   "SAS-REVEAL of another nonce: the verification fails, with an alarm");
	world_run(&world, 5 * SECOND);
	ok(!node_status(two)->numbers[0], "SAS-REVEAL of another nonce: no code");
	scene_end("another nonce");
}

/* A member makes up names, one after the other: they stand in no alarm */
static void test_made_up_whom(void)
{
	const struct kind *ack = &kinds[2];
	struct e2ee_message draft;
	unsigned int told;

	call_open(462);
	draft_begin(ack, &draft);
	draft.ack.result = E2EE_ACK_REFUSED;
	draft.ack.mac = NULL;
	told = owner->alarms;
	for (unsigned int i = 0; i < 50; i++) {
		snprintf(draft.ack.whom, sizeof(draft.ack.whom), "nobody-%u", i);
		draft.ack.counter++;
		deliver(ack, &draft, FLAW_NONE, one);
	}
	ok(owner->alarms - told == 1 && node_alarmed(owner, "refuses the roster") &&
	   !node_alarmed(owner, "nobody-"),
	   "50 refusals because of nobody: %u alarms", owner->alarms - told);
	world_run(&world, SECOND);	/* so many messages a second are read */
	strcpy(draft.ack.whom, two->dev);
	draft.ack.counter++;
	deliver(ack, &draft, FLAW_NONE, one);
	ok(node_alarmed(owner, "refuses the roster because of "),
	   "a refusal because of a member: its name is told");
	scene_end("made-up names in an ACK");
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (enum flaw flaw = 0; flaw < FLAWS; flaw++)
			if (kinds[i].drops[flaw] != (int)SKIP)
				test_flaw(&kinds[i], flaw);
	test_not_admin();
	test_ack_mac();
	test_another_nonce();
	test_made_up_whom();
	return scene_finish(argc, argv);
}
