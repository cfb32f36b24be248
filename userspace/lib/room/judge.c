// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * May an EPOCH be accepted? Rules M1, M2 and what M10 needs.
 */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "state.h"

static bool judge_same_number(const struct e2ee_message *a,
			      const struct e2ee_message *b)
{
	return e2ee_chain_same_call(a, b) && a->epoch.term == b->epoch.term &&
	       a->epoch.seq == b->epoch.seq &&
	       !memcmp(e2ee_chain_owner(a)->ik, e2ee_chain_owner(b)->ik,
		       E2EE_IK_LEN);
}

static bool judge_forks(const struct e2ee_message *other,
			const struct e2ee_message *msg)
{
	return other && judge_same_number(other, msg) &&
	       memcmp(other->hash, msg->hash, E2EE_HASH_LEN) != 0;
}

/*
 * The place of the one that is found may be given to another message at any
 * time: the caller gets a reference of its own, which it has to give back.
 */
struct e2ee_message *e2ee_judge_fork(struct e2ee_room *room,
				     const struct e2ee_message *msg)
{
	for (unsigned int i = 0; i < REMEMBERED; i++)
		if (judge_forks(room->verified[i], msg))
			return e2ee_message_get(room->verified[i]);
	return judge_forks(room->last, msg) ? e2ee_message_get(room->last) :
					      NULL;
}

/*
 * Is its signer somebody, so that a fork of it counts? Keys cost a broker
 * nothing: under "tofu" all of them may come in, but who never was in a room
 * could only fill what is kept for those who are.
 */
bool e2ee_judge_knows(struct e2ee_room *room, const struct e2ee_message *msg)
{
	const struct e2ee_entry *signer = e2ee_chain_owner(msg);

	return e2ee_chain_is_kin(room, signer->ik) ||
	       e2ee_idset_has(&room->owners, signer->ik) ||
	       e2ee_trust_ask(room->trust, signer->dev, signer->ik, NULL) ==
	       E2EE_TRUST_GOOD;
}

static bool judge_is_remembered(const struct e2ee_room *room,
				const struct e2ee_message *msg)
{
	for (unsigned int i = 0; i < REMEMBERED; i++)
		if (room->verified[i] && !memcmp(room->verified[i]->hash,
						 msg->hash, E2EE_HASH_LEN))
			return true;
	return false;
}

void e2ee_judge_remember(struct e2ee_room *room, struct e2ee_message *msg)
{
	unsigned int place;

	if (judge_is_remembered(room, msg))
		return;
	place = room->verified_next++ % REMEMBERED;
	e2ee_message_keep(&room->verified[place], msg);
}

/*
 * Is it from whom it says, and may that one speak? What is remembered was
 * verified before.
 *
 * Return: 0, -EPERM: banned or not what its roster says, -EBADMSG: signature.
 */
int e2ee_judge_authentic(struct e2ee_room *room, struct e2ee_message *msg)
{
	const struct e2ee_entry *owner = e2ee_chain_owner(msg);

	if (!owner || strcmp(owner->dev, msg->dev) != 0 ||
	    memcmp(owner->session, msg->session, E2EE_ID_LEN) != 0 ||
	    e2ee_idset_has(&room->bans, owner->ik))
		return -EPERM;
	if (judge_is_remembered(room, msg))
		return 0;
	return e2ee_message_verify(msg, room->name, owner->ik);
}

static bool judge_entry_is(const struct e2ee_entry *a,
			   const struct e2ee_entry *b)
{
	for (unsigned int suite = 1; suite < E2EE_WRAP_SUITES; suite++)
		if (a->keys[suite].len != b->keys[suite].len ||
		    (a->keys[suite].len &&
		     memcmp(a->keys[suite].data, b->keys[suite].data,
			    a->keys[suite].len) != 0))
			return false;
	return !strcmp(a->dev, b->dev) && a->media == b->media &&
	       !memcmp(a->session, b->session, E2EE_ID_LEN) &&
	       !memcmp(a->ik, b->ik, E2EE_IK_LEN) &&
	       !memcmp(a->nonce, b->nonce, E2EE_NONCE_LEN);
}

/* the key package of mine that an entry repeats; NULL: none that I hold */
static const struct own_kp *judge_own_kp(const struct e2ee_room *room,
					 const struct e2ee_entry *me)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct own_kp *kp = &room->kps[i];

		if (kp->msg && !memcmp(kp->msg->hash, me->kp_hash,
				       E2EE_HASH_LEN) &&
		    judge_entry_is(&kp->msg->kp.entry, me))
			return kp;
	}
	return NULL;
}

/* my wrap must open to 32 bytes */
static bool judge_unwrap(const struct e2ee_message *msg,
			 const struct own_kp *kp, struct judgement *out)
{
	const struct e2ee_msg_epoch *epoch = &msg->epoch;
	uint8_t info[E2EE_WRAP_INFO_MAX], aad[E2EE_WRAP_AAD_LEN];
	struct e2ee_bytes info_part = { info, 0 }, aad_part = { aad, sizeof(aad) };
	const struct e2ee_wrap *wrap = NULL;

	for (size_t i = 0; i < epoch->wrap_count; i++)
		if (epoch->wraps[i].leaf == out->me->leaf)
			wrap = &epoch->wraps[i];
	if (!wrap || wrap->suite >= E2EE_WRAP_SUITES || !kp->keys[wrap->suite])
		return false;
	if (e2ee_schedule_info(msg->call, epoch->term, epoch->seq, epoch->prev,
			       epoch->roster, epoch->roster_count,
			       epoch->owner, info, &info_part.len))
		return false;
	e2ee_schedule_aad(out->me->kp_hash, out->me->nonce, aad);
	return !e2ee_wrap_open(kp->keys[wrap->suite], &info_part, &aad_part,
			       &wrap->enc, &wrap->ct, out->raw);
}

static bool judge_refuse(struct judgement *out, const char *reason,
			 const struct e2ee_entry *whom)
{
	out->verdict = VERDICT_DROP;
	out->reason = reason;
	out->whom = whom;
	return false;
}

/* one entry of the roster, under M1 */
static bool judge_entry(struct e2ee_room *room, const struct e2ee_entry *entry,
			bool same_call, bool locked, struct judgement *out)
{
	const uint8_t *me = e2ee_identity_ik(room->identity);

	if (e2ee_idset_has(&room->bans, entry->ik)) {
		out->ban = true;
		return judge_refuse(out, "it lists a removed device", entry);
	}
	if (!e2ee_peers_trusted(room, entry->dev, entry->ik))
		return judge_refuse(out, "it lists a device that is not trusted",
				    entry);
	if (same_call && e2ee_idset_has(&room->retired, entry->session))
		return judge_refuse(out, "it lists a session that is over", entry);
	if (locked && memcmp(entry->ik, me, E2EE_IK_LEN) != 0 &&
	    !e2ee_chain_is_kin(room, entry->ik))
		return judge_refuse(out, "it adds somebody to a locked room", entry);
	return true;
}

/*
 * Nobody new? Who locked the room may unlock it, and let in somebody at once:
 * the EPOCH that only unlocked it may have been lost.
 */
static bool judge_is_locked(const struct e2ee_room *room,
			    const struct e2ee_message *msg)
{
	const struct e2ee_message *last = room->last;

	if (!last || !(last->epoch.flags & E2EE_EPOCH_LOCKED))
		return false;
	return msg->epoch.flags & E2EE_EPOCH_LOCKED ||
	       !e2ee_chain_same_call(last, msg) ||
	       memcmp(e2ee_chain_owner(last)->ik, e2ee_chain_owner(msg)->ik,
		      E2EE_IK_LEN) != 0;
}

static bool judge_m1(struct e2ee_room *room, const struct e2ee_message *msg,
		     struct judgement *out)
{
	const struct e2ee_message *last = room->last;
	bool same_call = last && e2ee_chain_same_call(last, msg);
	bool locked = judge_is_locked(room, msg);
	const uint8_t *me = e2ee_identity_ik(room->identity);
	const struct own_kp *kp;

	if (!e2ee_sframe_key_len(msg->epoch.media))
		return judge_refuse(out, "its cipher suite is not supported", NULL);
	for (size_t i = 0; i < msg->epoch.roster_count; i++)
		if (!judge_entry(room, &msg->epoch.roster[i], same_call,
				 locked, out))
			return false;
	out->me = e2ee_chain_find(msg, me);
	if (!out->me)
		return true;
	kp = judge_own_kp(room, out->me);
	if (!kp || !judge_unwrap(msg, kp, out)) {
		out->no_wrap = true;
		return judge_refuse(out, "this device cannot open its key", NULL);
	}
	return true;
}

/* M2 a: the same owner goes on */
static void judge_next(const struct e2ee_message *last,
		       const struct e2ee_message *msg, struct judgement *out)
{
	const struct e2ee_msg_epoch *now = &last->epoch, *next = &msg->epoch;

	if (next->seq <= now->seq) {
		out->verdict = VERDICT_OLD;
		return;
	}
	if (next->seq == now->seq + 1 &&
	    memcmp(next->prev, last->hash, E2EE_HASH_LEN) != 0) {
		judge_refuse(out, "it does not follow the last one", NULL);
		return;
	}
	for (size_t i = 0; i < now->banned_count; i++) {
		if (!e2ee_chain_bans(msg, now->banned[i])) {
			judge_refuse(out, "a ban is missing", NULL);
			return;
		}
	}
	out->verdict = VERDICT_NEXT;
}

/* a takeover of my T adds nobody, nor a device with another session id */
static bool judge_shrinks(const struct e2ee_message *last,
			  const struct e2ee_message *msg)
{
	for (size_t i = 0; i < msg->epoch.roster_count; i++) {
		const struct e2ee_entry *entry = &msg->epoch.roster[i];
		const struct e2ee_entry *old = e2ee_chain_find(last, entry->ik);

		if (!old || memcmp(old->session, entry->session, E2EE_ID_LEN) != 0)
			return false;
	}
	return true;
}

/* Was the call handed to the signer by its owner before? */
static bool judge_handed(const struct e2ee_room *room,
			 const struct e2ee_message *msg)
{
	return room->handed && msg->epoch.term > room->last->epoch.term &&
	       !memcmp(room->handed_to, e2ee_chain_owner(msg)->ik,
		       E2EE_IK_LEN);
}

/*
 * Does it take over from my chain, or from one that is worse? An owner that
 * left, or was removed, is in the next one's roster no more: which of the two
 * chains is better cannot be asked then.
 */
static bool judge_succeeds(const struct e2ee_room *room,
			   const struct e2ee_message *msg)
{
	const struct e2ee_message *last = room->last;
	bool gone = !memcmp(msg->epoch.prev, last->hash, E2EE_HASH_LEN) ||
		    e2ee_idset_has(&room->bans, e2ee_chain_owner(last)->ik);

	return (gone && msg->epoch.term > last->epoch.term) ||
	       judge_handed(room, msg) || e2ee_chain_better(msg, last);
}

/* M2 b: another owner, or mine in a later term */
static void judge_owner(struct e2ee_room *room, const struct e2ee_message *msg,
			struct judgement *out)
{
	const struct e2ee_message *last = room->last;
	const uint8_t *signer = e2ee_chain_owner(msg)->ik;
	bool same = !memcmp(signer, e2ee_chain_owner(last)->ik, E2EE_IK_LEN);

	if (!e2ee_chain_is_kin(room, signer)) {
		judge_refuse(out, "its owner is not in the room", NULL);
		return;
	}
	if (!judge_succeeds(room, msg)) {
		out->verdict = VERDICT_OLD;
		return;
	}
	if (!memcmp(msg->epoch.prev, last->hash, E2EE_HASH_LEN) &&
	    !judge_shrinks(last, msg)) {
		judge_refuse(out, "a new owner adds devices", NULL);
		return;
	}
	/* an owner that came back in a later term has given up the one before */
	if (same || room->silence || room->now - room->hb_at > OWNER_SILENCE ||
	    (room->handed && !memcmp(room->handed_to, signer, E2EE_IK_LEN)))
		out->verdict = VERDICT_OWNER;
	else
		out->verdict = VERDICT_WAIT;
}

/* M2 c: made for the key package that proves this chain to be alive */
static bool judge_newcomer(const struct e2ee_room *room,
			   const struct judgement *out)
{
	return out->me && room->kps[0].msg && room->kps[0].fresh &&
	       !memcmp(out->me->kp_hash, room->kps[0].msg->hash,
		       E2EE_HASH_LEN);
}

static bool judge_is_mine(const struct e2ee_room *room,
			  const struct e2ee_message *msg)
{
	return !memcmp(e2ee_chain_owner(msg)->ik,
		       e2ee_identity_ik(room->identity), E2EE_IK_LEN);
}

/* May @msg, which is authentic, be accepted? out->raw is to be wiped. */
void e2ee_judge(struct e2ee_room *room, struct e2ee_message *msg,
		struct judgement *out)
{
	struct e2ee_message *last = room->last;
	bool same_call = last && e2ee_chain_same_call(last, msg);

	memset(out, 0, sizeof(*out));
	/* my own come back; and no keys are ever installed a second time */
	if (judge_is_mine(room, msg) ||
	    e2ee_idset_has(&room->accepted, msg->hash)) {
		out->verdict = VERDICT_OLD;
		return;
	}
	if (!judge_m1(room, msg, out))
		return;
	if (room->state == E2EE_ROOM_JOIN || !last) {
		out->verdict = VERDICT_NEWCOMER;
		if (!judge_newcomer(room, out))
			judge_refuse(out, "it is not for this device", NULL);
	} else if (room->state == E2EE_ROOM_OWNER) {
		if (room->better && judge_newcomer(room, out))
			out->verdict = VERDICT_NEWCOMER;
		else if (judge_handed(room, msg) ||
			 e2ee_chain_better(msg, last))
			out->verdict = VERDICT_BETTER;
		else
			out->verdict = VERDICT_WORSE;
	} else if (!same_call) {
		judge_refuse(out, "it is of another call", NULL);
	} else if (msg->epoch.term == last->epoch.term &&
		   !memcmp(e2ee_chain_owner(msg)->ik,
			   e2ee_chain_owner(last)->ik, E2EE_IK_LEN)) {
		judge_next(last, msg, out);
	} else {
		judge_owner(room, msg, out);
	}
	if (out->verdict == VERDICT_DROP)
		OPENSSL_cleanse(out->raw, sizeof(out->raw));
}
