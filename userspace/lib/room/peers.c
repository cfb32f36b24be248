// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The other devices: their key packages, their counters, our trust in them. And
 * our own key packages.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define WRAP_BIT(suite) (1u << (suite))

void e2ee_peers_forget_kp(struct own_kp *kp)
{
	for (unsigned int suite = 1; suite < E2EE_WRAP_SUITES; suite++)
		e2ee_wrap_key_free(kp->keys[suite]);
	e2ee_message_put(kp->msg);
	memset(kp, 0, sizeof(*kp));
}

static int peers_wrap_key(struct e2ee_room *room, unsigned int suite,
			  struct e2ee_wrap_key **key, uint8_t *public,
			  size_t *len)
{
	if (suite == E2EE_WRAP_RSA)
		return e2ee_wrap_key_take(room->keypool, key, public, len);
	return e2ee_wrap_key_new(suite, key, public, len);
}

int e2ee_peers_new_session(struct e2ee_room *room)
{
	uint8_t session[E2EE_ID_LEN];
	int err = e2ee_random(session, sizeof(session));

	if (err)
		return err;
	memcpy(room->session, session, sizeof(session));
	room->counter = 0;
	return 0;
}

/*
 * Without new random numbers there is no key package, and without one this
 * device stays out of the call.
 */
static int peers_refresh(struct e2ee_room *room, char *error)
{
	int err = e2ee_random_renew();

	if (!err)
		err = e2ee_peers_new_session(room);
	if (err)
		snprintf(error, E2EE_ERROR_LEN,
			 "no new random numbers: this device stays out of the call until there are some");
	else
		room->stale = false;
	return err;
}

static int peers_make_kp(struct e2ee_room *room, struct own_kp *kp, char *error)
{
	uint8_t public[E2EE_WRAP_SUITES][E2EE_WRAP_PUBLIC_MAX];
	struct e2ee_message draft = { .type = E2EE_MSG_KP };
	struct e2ee_entry *entry = &draft.kp.entry;
	uint8_t nonce[E2EE_NONCE_LEN];
	size_t len;
	int err;

	if (room->stale) {
		err = peers_refresh(room, error);
		if (err)
			return err;
	}
	/* first, as it is what fails, and keys are dear */
	err = e2ee_identity_next_seq(room->identity, &draft.kp.seq, error);
	if (err)
		return err;
	for (unsigned int suite = 1; suite < E2EE_WRAP_SUITES; suite++) {
		if (!(room->wraps & WRAP_BIT(suite)))
			continue;
		err = peers_wrap_key(room, suite, &kp->keys[suite],
				     public[suite], &len);
		if (err)
			return err;
		entry->keys[suite].data = public[suite];
		entry->keys[suite].len = len;
	}
	err = e2ee_random(nonce, sizeof(nonce));
	if (err)
		return err;
	entry->ik = e2ee_identity_ik(room->identity);
	entry->nonce = nonce;
	entry->media = 1u << E2EE_SUITE_AES_128_GCM_SHA256_128 |
		       1u << E2EE_SUITE_AES_256_GCM_SHA512_128;
	kp->msg = e2ee_outbox_seal(room, &draft);
	kp->made = room->now;
	kp->fresh = true;
	return kp->msg ? 0 : -ENOMEM;
}

/*
 * A new key package; the one before it is kept until an EPOCH to this one is
 * accepted, two at most (K10).
 */
int e2ee_peers_renew_kp(struct e2ee_room *room)
{
	char error[E2EE_ERROR_LEN] = "";
	struct own_kp kp = { 0 };
	int err = peers_make_kp(room, &kp, error);

	if (err) {
		e2ee_peers_forget_kp(&kp);
		e2ee_alarm(room, ALARM_NO_KP, "", "no new key package: %s",
			   *error ? error : strerror(-err));
		e2ee_clock_set(room, TIMER_KP, KP_AGAIN);
		return err;
	}
	e2ee_peers_forget_kp(&room->kps[1]);
	room->kps[1] = room->kps[0];
	room->kps[0] = kp;
	room->kp_echo = 0;
	e2ee_alarm_end(room, ALARM_NO_KP, NULL);
	e2ee_clock_set(room, TIMER_KP, KP_RENEW);
	return 0;
}

struct peer *e2ee_peers_find(const struct e2ee_room *room, const uint8_t *ik)
{
	for (size_t i = 0; i < room->peer_count; i++)
		if (!memcmp(room->peers[i].ik, ik, E2EE_IK_LEN))
			return &room->peers[i];
	return NULL;
}

/* By name and session id of its key package: names alone are no proof */
struct peer *e2ee_peers_find_session(const struct e2ee_room *room,
				     const char *dev, const uint8_t *session)
{
	for (size_t i = 0; i < room->peer_count; i++) {
		struct peer *peer = &room->peers[i];

		if (peer->kp && !strcmp(peer->dev, dev) &&
		    !memcmp(peer->kp->session, session, E2EE_ID_LEN))
			return peer;
	}
	return NULL;
}

/* "" if the command would not fit: half a key helps nobody */
static void peers_command(const struct e2ee_room *room, const struct peer *peer,
			  char *text, size_t size)
{
	const char *store = e2ee_trust_path(room->trust);
	char key[2 * E2EE_IK_LEN + 1];
	int len;

	for (unsigned int i = 0; i < E2EE_IK_LEN; i++)
		snprintf(key + 2 * i, 3, "%02x", peer->ik[i]);
	if (store && !strcmp(store, E2EE_TRUST_FILE))
		store = NULL;
	len = snprintf(text, size, "e2eectl trust add %s %s%s%s", peer->dev, key,
		       store ? " --trust-store " : "", store ? store : "");
	if (len < 0 || (size_t)len >= size)
		*text = '\0';
}

static void peers_told_text(const struct e2ee_room *room,
			    const struct peer *peer, enum told told, char *text)
{
	char command[E2EE_ROOM_TEXT];
	size_t len;

	if (told == TOLD_TWO) {
		snprintf(text, E2EE_ROOM_TEXT,
			 "two devices call themselves %s: compare fingerprints in e2eectl room",
			 peer->dev);
		return;
	}
	len = (size_t)snprintf(text, E2EE_ROOM_TEXT,
			       "%s is here and is not trusted; to admit it: ",
			       peer->dev);
	peers_command(room, peer, command, sizeof(command) - len);
	snprintf(text + len, E2EE_ROOM_TEXT - len, "%s",
		 *command ? command : "e2eectl room says how");
}

/* What was told about it is true no more */
static void peers_settle(struct e2ee_room *room, struct peer *peer)
{
	if (peer->told == TOLD_NOTHING)
		return;
	peer->told = TOLD_NOTHING;
	e2ee_alarm_end(room, ALARM_STRANGER, peer->dev);
}

static void peers_del(struct e2ee_room *room, struct peer *peer)
{
	peers_settle(room, peer);
	e2ee_message_put(peer->kp);
	e2ee_message_put(peer->hb);
	*peer = room->peers[--room->peer_count];
}

static bool peers_in_call(const struct e2ee_room *room, const uint8_t *ik)
{
	return room->last && e2ee_chain_has(room->last, ik);
}

/* Is @peer a better one to forget than @other, to get a place? */
static bool peers_matters_less(const struct peer *peer,
			       const struct peer *other)
{
	if (!other || peer->trust != other->trust)
		return !other || peer->trust < other->trust;
	if (peer->join != other->join)
		return other->join;
	return peer->kp_at < other->kp_at;
}

/*
 * Of those who are not in the call: who matters least, and no more than @trust.
 * Nobody whose key people looked at goes for a newcomer.
 */
static struct peer *peers_least(struct e2ee_room *room,
				enum e2ee_trust_kind trust)
{
	struct peer *least = NULL;

	for (size_t i = 0; i < room->peer_count; i++) {
		struct peer *peer = &room->peers[i];

		if (peer->trust <= trust && peers_matters_less(peer, least) &&
		    !peers_in_call(room, peer->ik))
			least = peer;
	}
	return least;
}

static struct peer *peers_new(struct e2ee_room *room, const uint8_t *ik,
			      const char *dev)
{
	struct peer *peer = &room->peers[room->peer_count++];

	memset(peer, 0, sizeof(*peer));
	memcpy(peer->ik, ik, E2EE_IK_LEN);
	memcpy(peer->dev, dev, strlen(dev) + 1);
	peer->gone_at = NEVER;
	return peer;
}

/* Of the roster, found or made: there is a place for each of them */
struct peer *e2ee_peers_member(struct e2ee_room *room, const uint8_t *ik,
			       const char *dev)
{
	struct peer *peer = e2ee_peers_find(room, ik);

	if (peer)
		return peer;
	if (room->peer_count == PEERS_MAX) {
		peer = peers_least(room, E2EE_TRUST_PINNED);
		if (!peer)
			return NULL;
		peers_del(room, peer);
	}
	return peers_new(room, ik, dev);
}

/*
 * Of a key package, found or made. Keys cost nothing, so there may be any number
 * of newcomers: a new one takes the place of the one that has been there longest
 * without asking to be let in, and of nobody who is known better. NULL: none.
 */
static struct peer *peers_newcomer(struct e2ee_room *room, const uint8_t *ik,
				   const char *dev, enum e2ee_trust_kind trust)
{
	size_t members = room->last ? room->last->epoch.roster_count : 0;
	struct peer *peer = e2ee_peers_find(room, ik);

	if (peer)
		return peer;
	if (room->peer_count >= NEWCOMERS_MAX + members ||
	    room->peer_count == PEERS_MAX) {
		peer = peers_least(room, trust < E2EE_TRUST_VERIFIED ?
				   trust : E2EE_TRUST_TOFU);
		if (!peer || (peer->join && peer->trust == trust))
			return NULL;
		peers_del(room, peer);
	}
	return peers_new(room, ik, dev);
}

/* Is it higher than all before of that type and session id? Notes it, if so. */
bool e2ee_peers_count(struct peer *peer, const uint8_t *session,
		      enum e2ee_message_type type, uint64_t counter)
{
	struct counters *slot = NULL;

	for (unsigned int i = 0; i < 2; i++)
		if (!memcmp(peer->counters[i].session, session, E2EE_ID_LEN))
			slot = &peer->counters[i];
	if (!slot) {
		peer->counters[1] = peer->counters[0];
		slot = &peer->counters[0];
		memset(slot, 0, sizeof(*slot));
		memcpy(slot->session, session, E2EE_ID_LEN);
	}
	if (counter < slot->last[type] || counter == UINT64_MAX)
		return false;
	slot->last[type] = counter + 1;
	return true;
}

/* Is this device, with this key, in the call that I accepted last? */
static bool peers_is_member(const struct e2ee_room *room, const char *dev,
			    const uint8_t *ik)
{
	const struct e2ee_entry *entry = NULL;

	if (room->last)
		entry = e2ee_chain_find(room->last, ik);
	return entry && !strcmp(entry->dev, dev);
}

/* Does this trust level let a known device in? */
static bool peers_level(enum e2ee_trust_level level, enum e2ee_trust_kind kind)
{
	switch (level) {
	case E2EE_LEVEL_TOFU:
		return kind >= E2EE_TRUST_TOFU;
	case E2EE_LEVEL_VERIFIED:
		return kind >= E2EE_TRUST_VERIFIED;
	default:
		return kind == E2EE_TRUST_PINNED;
	}
}

/*
 * Does my policy let it in? While the trust store cannot be read, only those
 * stay who are in the call.
 */
enum admission e2ee_peers_admission(const struct e2ee_room *room,
				    const char *dev, const uint8_t *ik)
{
	bool me = !memcmp(ik, e2ee_identity_ik(room->identity), E2EE_IK_LEN);
	enum e2ee_trust_answer answer;
	enum e2ee_trust_kind kind;
	bool good;

	if (me || !strcmp(dev, room->dev))
		return me && !strcmp(dev, room->dev) ? ADMISSION_GOOD :
						       ADMISSION_TWIN;
	if (*e2ee_trust_problem(room->trust) && !peers_is_member(room, dev, ik))
		return ADMISSION_UNTRUSTED;
	answer = e2ee_trust_ask(room->trust, dev, ik, &kind);
	if (answer == E2EE_TRUST_NEW)
		answer = e2ee_seen_ask(room, dev, ik);
	if (answer == E2EE_TRUST_CHANGED)
		return ADMISSION_CHANGED;
	if (answer == E2EE_TRUST_NEW)
		good = room->level == E2EE_LEVEL_TOFU;
	else
		good = peers_level(room->level, kind);
	return good ? ADMISSION_GOOD : ADMISSION_UNTRUSTED;
}

/* The same, and says so where it has another key than before */
bool e2ee_peers_trusted(struct e2ee_room *room, const char *dev,
			const uint8_t *ik)
{
	enum admission admission = e2ee_peers_admission(room, dev, ik);

	if (admission == ADMISSION_CHANGED)
		e2ee_alarm(room, ALARM_CHANGED, dev,
			   "%s shows another identity than before: refused",
			   dev);
	return admission == ADMISSION_GOOD;
}

/* Within the messages a second that a topic may have? */
bool e2ee_peers_rate(struct e2ee_room *room,
		     const struct e2ee_room_packet *packet)
{
	uint64_t hash = room->rate_seed ^ (uint64_t)packet->topic;
	uint64_t second = room->now / SECOND;
	struct rate_slot *slot;

	for (const char *at = packet->dev; at && *at; at++)
		hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	slot = &room->rates[hash % RATE_SLOTS];
	if (slot->second != second) {
		slot->second = second;
		slot->count = 0;
	}
	return slot->count++ < RATE_MAX;
}

/* My place among the live key packages, by identity */
unsigned int e2ee_peers_rank(const struct e2ee_room *room)
{
	const uint8_t *ik = e2ee_identity_ik(room->identity);
	unsigned int rank = 0;

	for (size_t i = 0; i < room->peer_count; i++) {
		const struct peer *peer = &room->peers[i];

		rank += peer->kp && peer->gone_at == NEVER &&
			memcmp(peer->ik, ik, E2EE_IK_LEN) < 0;
	}
	return rank < RANK_MAX ? rank : RANK_MAX;
}

/*
 * A key package of somebody else.
 *
 * Return: 1 and the peer if it is a new one, 0 if it is known already, or
 * -EPERM, -ESTALE, -EBADMSG, -ENOSPC where it is refused.
 */
int e2ee_peers_receive_kp(struct e2ee_room *room, struct e2ee_message *msg,
			  struct peer **out)
{
	const struct e2ee_entry *entry = &msg->kp.entry;
	struct peer *peer = e2ee_peers_find(room, entry->ik);
	enum e2ee_trust_kind trust;

	*out = peer;
	if (e2ee_idset_has(&room->bans, entry->ik))
		return -EPERM;
	if (peer && peer->kp &&
	    !memcmp(peer->kp->hash, msg->hash, E2EE_HASH_LEN)) {
		peer->gone_at = NEVER;
		return 0;
	}
	if (peer && msg->kp.seq <= peer->seq)
		return -ESTALE;
	if (e2ee_message_verify(msg, room->name, entry->ik))
		return -EBADMSG;
	if (peer && strcmp(peer->dev, msg->dev) != 0) {
		if (peers_in_call(room, entry->ik))
			e2ee_alarm(room, ALARM_RENAMED, peer->dev,
				   "%s calls itself %s now: refused",
				   peer->dev, msg->dev);
		return -EPERM;
	}
	e2ee_trust_ask(room->trust, msg->dev, entry->ik, &trust);
	peer = peers_newcomer(room, entry->ik, msg->dev, trust);
	*out = peer;
	if (!peer)
		return -ENOSPC;
	e2ee_message_keep(&peer->kp, msg);
	peer->seq = msg->kp.seq;
	peer->kp_at = room->now;
	peer->trust = trust;
	peer->gone_at = NEVER;
	return 1;
}

/*
 * An editor that writes in place may leave half a file there for a moment: the
 * alarm is for one that stays so for a second. It goes when the file is in
 * order.
 */
static void peers_trust_upkeep(struct e2ee_room *room)
{
	const char *problem = e2ee_trust_problem(room->trust);
	char text[E2EE_ROOM_TEXT] = "";

	if (*problem)
		snprintf(text, sizeof(text), "nobody new is let in: %s", problem);
	if (!strcmp(text, room->trust_problem)) {
		if (*text)
			e2ee_alarm(room, ALARM_TRUST_FILE, "", "%s", text);
		return;
	}
	e2ee_alarm_end(room, ALARM_TRUST_FILE, NULL);
	memcpy(room->trust_problem, text, sizeof(text));
}

/* May the next EPOCH let it in? Whoever comes again and again waits (O2) */
bool e2ee_peers_joins(const struct e2ee_room *room, const struct peer *peer)
{
	return peer->join && (!peer->joined_at ||
			      room->now - peer->joined_at >= REKEY_APART);
}

/* Is it here, and not in the call? */
bool e2ee_peers_is_outside(const struct e2ee_room *room,
			   const struct peer *peer)
{
	return peer->kp && peer->gone_at == NEVER &&
	       !peers_in_call(room, peer->ik) &&
	       !e2ee_idset_has(&room->bans, peer->ik);
}

static bool peers_is_stranger(const struct e2ee_room *room,
			      const struct peer *peer)
{
	return e2ee_peers_is_outside(room, peer) &&
	       e2ee_peers_admission(room, peer->dev, peer->ik) ==
	       ADMISSION_UNTRUSTED;
}

/*
 * Where several claim one name, one of them at least lies: people are given no
 * command that would admit either.
 */
static enum told peers_to_tell(const struct e2ee_room *room,
			       const struct peer *peer)
{
	if (!peers_is_stranger(room, peer))
		return TOLD_NOTHING;
	for (size_t i = 0; i < room->peer_count; i++) {
		const struct peer *other = &room->peers[i];

		if (other != peer && !strcmp(other->dev, peer->dev) &&
		    peers_is_stranger(room, other))
			return TOLD_TWO;
	}
	return TOLD_COMMAND;
}

/*
 * An operator who forgot to enter a device would see two calls of one, and no
 * reason: so a device that is here and is not trusted is an alarm, until it is
 * trusted or gone. Where others have pushed the alarm out, it comes again later.
 */
static void peers_stranger(struct e2ee_room *room, struct peer *peer)
{
	enum told told = peers_to_tell(room, peer);
	char text[E2EE_ROOM_TEXT];

	if (told != peer->told)
		peers_settle(room, peer);
	if (told == TOLD_NOTHING ||
	    (peer->told && !e2ee_alarm_fits(room) &&
	     room->now - peer->told_at < TOLD_AGAIN))
		return;
	peers_told_text(room, peer, told, text);
	if (e2ee_alarm(room, ALARM_STRANGER, peer->dev, "%s", text)) {
		peer->told = told;
		peer->told_at = room->now;
	}
}

/* Key packages die of age; strangers without one are forgotten */
void e2ee_peers_upkeep(struct e2ee_room *room)
{
	peers_trust_upkeep(room);
	for (size_t i = 0; i < room->peer_count;) {
		struct peer *peer = &room->peers[i];

		if (peer->kp && room->now - peer->kp_at >= KP_DEAD) {
			e2ee_message_keep(&peer->kp, NULL);
			peer->join = false;
		}
		if (peer->told || e2ee_peers_is_outside(room, peer))
			peers_stranger(room, peer);
		if (peer->kp || peers_in_call(room, peer->ik))
			i++;
		else
			peers_del(room, peer);
	}
}

void e2ee_peers_clear(struct e2ee_room *room)
{
	while (room->peer_count) {
		room->peers[0].told = TOLD_NOTHING;	/* nobody listens */
		peers_del(room, &room->peers[0]);
	}
}
