// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What an owner's next EPOCH says: who is in it, and a fresh secret wrapped to
 * each.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "state.h"

/* An EPOCH in the making */
struct draft {
	struct e2ee_room *room;
	struct e2ee_message msg;
	struct e2ee_entry roster[E2EE_MEMBERS_MAX];
	struct e2ee_wrap wraps[E2EE_MEMBERS_MAX];
	struct e2ee_wrapped *wrapped;
	const uint8_t *banned[E2EE_MEMBERS_MAX];
	const uint8_t *lost[E2EE_MEMBERS_MAX];
	uint8_t call[E2EE_ID_LEN];
	uint8_t prev[E2EE_HASH_LEN];
};

static struct draft *draft_new(struct e2ee_room *room)
{
	struct draft *draft = calloc(1, sizeof(*draft));

	if (!draft)
		return NULL;
	draft->room = room;
	draft->msg.type = E2EE_MSG_EPOCH;
	draft->msg.call = draft->call;
	draft->msg.epoch.prev = draft->prev;
	draft->msg.epoch.roster = draft->roster;
	draft->msg.epoch.wraps = draft->wraps;
	draft->msg.epoch.banned = draft->banned;
	draft->msg.epoch.lost = draft->lost;
	return draft;
}

static void draft_free(struct draft *draft)
{
	if (draft)
		free(draft->wrapped);
	free(draft);
}

/* A call of its own, with me alone: O1, O13 */
static int draft_new_call(struct draft *draft)
{
	struct e2ee_msg_epoch *epoch = &draft->msg.epoch;

	epoch->term = 1;
	epoch->seq = 1;
	memset(draft->prev, 0, sizeof(draft->prev));
	return e2ee_random(draft->call, sizeof(draft->call));
}

static void draft_add(struct draft *draft, uint8_t leaf,
		      const struct e2ee_message *kp)
{
	struct e2ee_msg_epoch *epoch = &draft->msg.epoch;
	size_t at = epoch->roster_count++;
	struct e2ee_entry *entry;

	while (at && draft->roster[at - 1].leaf > leaf) {
		draft->roster[at] = draft->roster[at - 1];
		at--;
	}
	entry = &draft->roster[at];
	*entry = kp->kp.entry;
	entry->leaf = leaf;
	entry->kp_hash = kp->hash;
}

static bool draft_goes(struct e2ee_room *room, const struct e2ee_entry *entry,
		       bool take_over)
{
	const struct e2ee_entry *owner = e2ee_chain_owner(room->last);
	const uint8_t *ik = entry->ik;

	if (e2ee_idset_has(&room->bans, ik) ||
	    e2ee_idset_has(&room->removals, ik) ||
	    !e2ee_peers_trusted(room, entry->dev, ik))
		return true;
	return take_over &&
	       (e2ee_idset_has(&room->leavers, ik) ||
		(room->owner_leaves && !memcmp(owner->ik, ik, E2EE_IK_LEN)));
}

/* Those of before, with their newest key packages (O4) */
static void draft_stay(struct draft *draft, bool take_over)
{
	struct e2ee_room *room = draft->room;
	const struct e2ee_msg_epoch *last = &room->last->epoch;
	const uint8_t *me = e2ee_identity_ik(room->identity);

	for (size_t i = 0; i < last->roster_count; i++) {
		const struct e2ee_entry *old = &last->roster[i];
		struct peer *peer = e2ee_peers_find(room, old->ik);
		bool same;

		if (!memcmp(old->ik, me, E2EE_IK_LEN)) {
			draft_add(draft, old->leaf, room->kps[0].msg);
			continue;
		}
		if (draft_goes(room, old, take_over))
			continue;
		same = peer && peer->kp &&
		       !memcmp(peer->kp->session, old->session, E2EE_ID_LEN);
		if (peer && peer->kp &&
		    (same || (e2ee_peers_joins(room, peer) && !take_over)))
			draft_add(draft, old->leaf, peer->kp);
		else
			draft->roster[draft->msg.epoch.roster_count++] = *old;
	}
}

static int draft_free_leaf(const struct draft *draft)
{
	for (int leaf = 0; leaf < E2EE_MEMBERS_MAX; leaf++) {
		bool taken = false;

		for (size_t i = 0; i < draft->msg.epoch.roster_count; i++)
			taken |= draft->roster[i].leaf == leaf;
		if (!taken)
			return leaf;
	}
	return -1;
}

static bool draft_has(const struct draft *draft, const struct e2ee_message *kp)
{
	for (size_t i = 0; i < draft->msg.epoch.roster_count; i++) {
		const struct e2ee_entry *entry = &draft->roster[i];

		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
		if (!memcmp(entry->ik, kp->kp.entry.ik, E2EE_IK_LEN) ||
		    !memcmp(entry->session, kp->session, E2EE_ID_LEN) ||
		    !strcmp(entry->dev, kp->dev))
			return true;
	}
	return false;
}

/* Those who asked for it (O3) */
static void draft_join(struct draft *draft)
{
	struct e2ee_room *room = draft->room;

	for (size_t i = 0; i < room->peer_count; i++) {
		struct peer *peer = &room->peers[i];
		int leaf;

		if (!e2ee_peers_joins(room, peer) || !peer->kp || draft_has(draft, peer->kp) ||
		    e2ee_idset_has(&room->bans, peer->ik) ||
		    e2ee_idset_has(&room->removals, peer->ik) ||
		    !e2ee_peers_trusted(room, peer->dev, peer->ik))
			continue;
		leaf = draft_free_leaf(draft);
		if (leaf < 0) {
			e2ee_alarm(room, ALARM_FULL, "", "the room is full");
			return;
		}
		draft_add(draft, (uint8_t)leaf, peer->kp);
	}
}

static size_t draft_list(const struct idset *set, const uint8_t **list)
{
	size_t count = set->count < E2EE_MEMBERS_MAX ? set->count :
						       E2EE_MEMBERS_MAX;

	for (size_t i = 0; i < count; i++)
		list[i] = set->data + i * set->size;
	return count;
}

/*
 * If there are more than an EPOCH has room for: those of the one before stay
 * (M2 a), and as many others as there is room for come with them.
 */
static size_t draft_bans(const struct e2ee_room *room, const uint8_t **list)
{
	const struct idset *bans = &room->bans;
	size_t left = E2EE_MEMBERS_MAX, count = 0;

	if (bans->count <= E2EE_MEMBERS_MAX || !room->last)
		return draft_list(bans, list);
	for (size_t i = 0; i < bans->count; i++)
		left -= e2ee_chain_bans(room->last,
					bans->data + i * bans->size);
	for (size_t i = 0; i < bans->count; i++) {
		const uint8_t *ik = bans->data + i * bans->size;

		if (e2ee_chain_bans(room->last, ik))
			list[count++] = ik;
		else if (left && left--)
			list[count++] = ik;
	}
	return count;
}

/* the highest suite that both have enabled: 3, then 1, then 2 */
static uint8_t draft_suite(const struct e2ee_room *room,
			   const struct e2ee_entry *entry)
{
	static const uint8_t order[] = {
		E2EE_WRAP_XWING, E2EE_WRAP_X25519, E2EE_WRAP_RSA,
	};

	for (size_t i = 0; i < sizeof(order); i++)
		if (room->wraps & 1u << order[i] && entry->keys[order[i]].len)
			return order[i];
	return 0;
}

static int draft_wrap(struct draft *draft, size_t i,
		      const struct e2ee_bytes *info, const uint8_t *raw)
{
	const struct e2ee_entry *entry = &draft->roster[i];
	struct e2ee_wrapped *wrapped = &draft->wrapped[i];
	uint8_t suite = draft_suite(draft->room, entry);
	uint8_t aad[E2EE_WRAP_AAD_LEN];
	struct e2ee_bytes aad_part = { aad, sizeof(aad) };
	int err;

	e2ee_schedule_aad(entry->kp_hash, entry->nonce, aad);
	err = e2ee_wrap_seal(suite, entry->keys[suite].data,
			     entry->keys[suite].len, info, &aad_part, raw,
			     wrapped);
	if (err)
		return err;
	draft->wraps[i] = (struct e2ee_wrap){
		.leaf = entry->leaf,
		.suite = suite,
		.enc = { wrapped->enc, wrapped->enc_len },
		.ct = { wrapped->ct, wrapped->ct_len },
	};
	return 0;
}

/* A key that nothing can be wrapped to: its device goes. False: none did */
static bool draft_expel(struct draft *draft, size_t i)
{
	struct e2ee_msg_epoch *epoch = &draft->msg.epoch;

	if (draft->roster[i].leaf == epoch->owner)
		return false;
	e2ee_alarm(draft->room, ALARM_NO_KEY_FITS, draft->roster[i].dev,
		   "%s offers no key that fits: left out", draft->roster[i].dev);
	epoch->roster_count--;
	memmove(&draft->roster[i], &draft->roster[i + 1],
		(epoch->roster_count - i) * sizeof(draft->roster[0]));
	return true;
}

/* Wraps depend on the roster: who cannot get one is out before they are made */
static void draft_sift(struct draft *draft)
{
	for (size_t i = 0; i < draft->msg.epoch.roster_count; )
		if (draft_suite(draft->room, &draft->roster[i]) ||
		    !draft_expel(draft, i))
			i++;
}

static struct e2ee_message *draft_seal(struct draft *draft, uint8_t *raw)
{
	struct e2ee_msg_epoch *epoch = &draft->msg.epoch;
	struct e2ee_message *msg = NULL;
	uint8_t info[E2EE_WRAP_INFO_MAX];
	struct e2ee_bytes part = { info, 0 };

	draft_sift(draft);
	draft->wrapped = calloc(E2EE_MEMBERS_MAX, sizeof(*draft->wrapped));
	if (!draft->wrapped || e2ee_random(raw, E2EE_RAW_LEN))
		return NULL;
	for (size_t i = 0; i < epoch->roster_count; i++) {
		if (!part.len && e2ee_schedule_info(draft->call, epoch->term,
						    epoch->seq, draft->prev,
						    draft->roster,
						    epoch->roster_count,
						    epoch->owner, info,
						    &part.len))
			return NULL;
		if (!draft_wrap(draft, i, &part, raw))
			continue;
		/* a bad public key: without it, from the start */
		if (!draft_expel(draft, i))
			return NULL;
		part.len = 0;
		i = (size_t)-1;
	}
	epoch->wrap_count = epoch->roster_count;
	msg = e2ee_outbox_seal(draft->room, &draft->msg);
	if (!msg)
		OPENSSL_cleanse(raw, E2EE_RAW_LEN);
	return msg;
}

static void draft_state(struct draft *draft)
{
	struct e2ee_room *room = draft->room;
	struct e2ee_msg_epoch *epoch = &draft->msg.epoch;

	/* whoever asked for it: not weaker than what I take from others (K9) */
	if (room->policy_next > room->floor)
		room->policy_next = room->floor;
	epoch->policy = e2ee_policy_to_wire(room->policy_next);
	epoch->media = (uint8_t)room->suite;
	epoch->flags = room->ending ? E2EE_EPOCH_LAST : 0;
	if (room->locked || room->bans.count >= E2EE_MEMBERS_MAX)
		epoch->flags |= E2EE_EPOCH_LOCKED;
	epoch->banned_count = draft_bans(room, draft->banned);
	epoch->lost_count = draft_list(&room->lost, draft->lost);
}

/*
 * The EPOCH after mine, or the first one of a new call where only I am left
 * (O13). @raw: out, what it wraps. NULL: for want of memory.
 */
struct e2ee_message *e2ee_roster_next(struct e2ee_room *room, bool take_over,
				      uint8_t *raw)
{
	const struct e2ee_msg_epoch *last = &room->last->epoch;
	struct draft *draft = draft_new(room);
	struct e2ee_message *msg = NULL;
	struct e2ee_msg_epoch *epoch;
	bool used_up;

	if (!draft)
		return NULL;
	epoch = &draft->msg.epoch;
	epoch->term = (uint16_t)(last->term + take_over);
	epoch->seq = last->seq + 1;
	memcpy(draft->prev, room->last->hash, sizeof(draft->prev));
	memcpy(draft->call, room->last->call, sizeof(draft->call));
	epoch->owner = room->epochs[0]->leaf;
	draft_stay(draft, take_over);
	if (!take_over)
		draft_join(draft);
	used_up = !epoch->term || !epoch->seq;
	if ((!used_up && (epoch->roster_count > 1 || last->roster_count == 1)) ||
	    !draft_new_call(draft)) {
		draft_state(draft);
		msg = draft_seal(draft, raw);
	}
	draft_free(draft);
	return msg;
}

/* The first EPOCH of a new call (O1) */
struct e2ee_message *e2ee_roster_first(struct e2ee_room *room, uint8_t *raw)
{
	struct draft *draft = draft_new(room);
	struct e2ee_message *msg = NULL;

	if (draft && !draft_new_call(draft)) {
		draft_add(draft, 0, room->kps[0].msg);
		draft_state(draft);
		msg = draft_seal(draft, raw);
	}
	draft_free(draft);
	return msg;
}
