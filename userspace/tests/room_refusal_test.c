// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages that are refused, and for which reason: each type of message with
 * each flaw, and each rule that an EPOCH has to keep with an EPOCH that breaks
 * only this one.
 */
#include <errno.h>
#include <stdlib.h>

#include "room/scenario.h"

static struct node *owner, *one, *two, *dave;

static const uint8_t *ik_of(const struct node *node)
{
	return e2ee_identity_ik(node->identity);
}

static struct peer *peer_at(struct node *node, const struct node *other)
{
	struct peer *peer = e2ee_peers_find(node->room, ik_of(other));

	if (!peer)
		abort();
	return peer;
}

/* Three who know each other, each an admin of the others; dave is known, too */
static void call_open(uint64_t seed)
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

/* what both tables make their messages with */

static struct e2ee_message *next_epoch(struct node *node, bool take_over)
{
	uint8_t raw[E2EE_RAW_LEN];
	struct e2ee_message *msg = e2ee_roster_next(node->room, take_over, raw);

	if (!msg)
		abort();
	return msg;
}

/* @room: that it is signed for */
static struct e2ee_message *sealed(const struct e2ee_message *draft,
				   const char *room, const struct node *signer)
{
	struct e2ee_message *msg;

	if (e2ee_message_seal(draft, room, e2ee_identity_seed(signer->identity),
			      &msg))
		abort();
	return msg;
}

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

static const uint8_t another_id[E2EE_ID_LEN] = "some other id, x";

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

/* rules of EPOCHs */

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
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (enum flaw flaw = 0; flaw < FLAWS; flaw++)
			if (kinds[i].drops[flaw] != (int)SKIP)
				test_flaw(&kinds[i], flaw);
	test_not_admin();
	test_ack_mac();
	test_another_nonce();
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		test_rule(&rules[i]);
	test_banned_owner();
	test_made_up_whom();
	test_made_up_roster();
	test_kp_dies();
	test_member_kp_dies();
	test_aged_epoch();
	return scene_finish(argc, argv);
}
