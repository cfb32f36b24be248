/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of a room, and what the files of the state machine offer each
 * other. Rules are named as in Documentation/key-exchange.rst: M of members, O
 * of owners, K of keys.
 *
 * Calls go downward: room -> inbox, command -> inbox_epoch, owner_request ->
 * owner -> heartbeat, roster, member -> verify -> keys -> policy, uses, judge ->
 * install, peers -> seen -> alarm -> outbox -> clock, chain.
 */
#ifndef E2EE_LIB_STATE_H
#define E2EE_LIB_STATE_H

#include <e2ee/room.h>

#include "alarm.h"
#include "crypto.h"
#include "identity.h"
#include "message.h"
#include "sas.h"
#include "schedule.h"

#define NEVER			UINT64_MAX
#define SECOND			1000u		/* times are milliseconds */
#define MINUTE			(60 * SECOND)

#define HB_EVERY		(5 * SECOND)
#define PROBE_EVERY		(4 * SECOND)
#define LINK_SILENCE		(10 * SECOND)
#define OWNER_SILENCE		(10 * SECOND)	/* M2 b */
#define TAKEOVER_AFTER		(15 * SECOND)
#define CREATE_AFTER		(3 * SECOND)
#define RANK_STEP		(2 * SECOND)
#define RANK_MAX		8
#define EPOCH_GRACE		(10 * SECOND)	/* K4 */
#define EPOCHS_LIVE		8		/* K4 */
#define KP_RENEW		(10 * MINUTE)
#define KP_AGAIN		(5 * SECOND)	/* it could not be made */
#define KP_DEAD			(25 * MINUTE)
#define MEMBER_SILENCE		(45 * SECOND)	/* O7 */
#define SHARED_STREAM		0		/* of SSRCs that have no other one */
#define SPARE_STREAMS		8
#define RX_KEYS_SMALL		1024	/* of an EPOCH: up to so many, all streams */
#define BOUND_MAX		23		/* SSRCs bound in advance, K2 */
#define ACTIVE_FOR		(60 * SECOND)
#define TX_EXPIRES		720		/* seconds */
#define RX_EXPIRES		900
#define SENDING_AGE		(12 * MINUTE)	/* M8 c */
#define REKEY_EVERY		(5 * MINUTE)
#define REKEY_ASK		(5 * SECOND)	/* a member does, until it is done */
#define REKEY_APART		(10 * SECOND)	/* of those that members ask for */
#define CALL_SILENCE		(120 * SECOND)	/* M8 b */
#define UNKNOWN_FOR		(10 * SECOND)	/* M8 a */
#define SAS_KEPT		(120 * SECOND)
#define NEWCOMERS_MAX		256		/* peers that are not in the call */
#define PEERS_MAX		(E2EE_MEMBERS_MAX + NEWCOMERS_MAX)
#define SEEN_MAX		512		/* that the trust store is not told */
#define HEARSAY_MAX		4		/* alarms that strangers bring about */
#define TOLD_AGAIN		(10 * MINUTE)	/* where others pushed it out */
#define HEARSAY_EVERY		(10 * SECOND)	/* so many in this time */
#define RATE_SLOTS		1024
#define RATE_MAX		20		/* messages a second and topic */
#define REMEMBERED		16		/* verified EPOCHs kept, for forks */
#define HB_REMEMBERED		64

/* A growing set of identity keys or ids of one size; sorted, as on the wire */
struct idset {
	uint8_t *data;
	size_t size;			/* of one */
	size_t count;
};

/**
 * struct counters - the highest counter seen, by type, of one session id
 */
struct counters {
	uint8_t session[E2EE_ID_LEN];
	uint64_t last[E2EE_MSG_TYPES];
};

/* Of a device that is not trusted */
enum told {
	TOLD_NOTHING,
	TOLD_COMMAND,			/* the one that admits it */
	TOLD_TWO,			/* others have its name, too */
};

/**
 * struct peer - another device, by its identity key
 * @kp: its newest key package, with a good signature; NULL: emptied or unknown
 * @seq: highest seen
 * @kp_at: when @kp came
 * @trust: how its key was known then
 * @counters: newest first
 * @hb_call: call of the heartbeats that it sent, as an owner
 * @hb_n: highest n there, plus 1
 * @hb: its last heartbeat
 * @hb_at: when
 * @ack_at: owner: last sign of life, or the admission
 * @acked: owner: T of the last good ACK
 * @gone_at: owner: when its KP was emptied; NEVER
 * @joined_at: owner: when an EPOCH let it in; 0: none of mine did
 * @join: owner: its REQ join is good, and waits for the next EPOCH
 * @told: what people were told about its being here, and not trusted
 * @told_at: when
 */
struct peer {
	uint8_t ik[E2EE_IK_LEN];
	char dev[E2EE_NAME_MAX + 1];
	struct e2ee_message *kp;
	uint64_t seq;
	uint64_t kp_at;
	enum e2ee_trust_kind trust;
	struct counters counters[2];
	uint8_t hb_call[E2EE_ID_LEN];
	uint64_t hb_n;
	struct e2ee_message *hb;
	uint64_t hb_at;
	uint64_t ack_at;
	uint8_t acked[E2EE_HASH_LEN];
	uint64_t gone_at;
	uint64_t joined_at;
	bool join;
	enum told told;
	uint64_t told_at;
};

/**
 * struct own_kp - a key package of mine, with its private keys
 * @made: when
 * @fresh: made after the last EPOCH that I accepted (M2 c)
 */
struct own_kp {
	struct e2ee_message *msg;
	struct e2ee_wrap_key *keys[E2EE_WRAP_SUITES];
	uint64_t made;
	bool fresh;
};

/**
 * struct epoch - an accepted EPOCH
 * @msg: the message
 * @secret: epoch_secret
 * @number: the kernel's
 * @leaf: mine
 * @accepted: when
 * @since: it was the owner's newest then, or later, whatever a broker delays
 * @deadline: when to switch at the latest (M6); NEVER once it was
 * @switched: sending did, to it or to a later one
 * @dies: when (K4); NEVER
 * @installed: the kernel took all of its keys
 * @answered: whoever asks was told so
 * @tx: streams used, one bit each, as far as the kernel took their keys
 * @tx_over: they are not sent with any more
 * @bound: the SSRCs that have one of them
 * @bound_count: of @bound
 * @spare: claim keys that nobody took yet, as last seen
 * @rx: streams that the kernel took, one bit each, by place in the roster
 * @seen: streams that sent, by place in the roster: the highest plus 1
 * @asked: the same, of packets that nobody could open: anybody can send those
 * @removes: somebody of the one before is not in it any more
 * @verified: there was a verification of it, good or not: one is all (section 8)
 */
struct epoch {
	struct e2ee_message *msg;
	uint8_t secret[E2EE_HASH_LEN];
	uint8_t authenticator[E2EE_HASH_LEN];
	uint32_t number;
	uint8_t leaf;
	uint64_t accepted;
	uint64_t since;
	uint64_t deadline;
	bool switched;
	uint64_t dies;
	bool installed;
	bool answered;
	uint32_t tx;
	bool tx_over;
	uint32_t bound[E2EE_STREAMS_MAX];
	uint32_t bound_count;
	unsigned int spare;
	uint32_t rx[E2EE_MEMBERS_MAX];
	uint8_t seen[E2EE_MEMBERS_MAX];
	uint8_t asked[E2EE_MEMBERS_MAX];
	bool removes;
	bool verified;
};

/** struct stream_use - an SSRC of mine that sends */
struct stream_use {
	uint32_t ssrc;
	uint64_t kid;			/* of the key that @packets counts */
	uint64_t packets;
	uint64_t at;			/* when they grew last */
	bool listed;			/* the kernel has this key */
};

/** struct key_names - keys in the kernel */
struct key_names {
	struct key_name {
		uint32_t dir;
		uint64_t kid;
	} *list;
	size_t count;
};

/** struct sas_run - a verification (section 8) */
struct sas_run {
	enum e2ee_sas_state state;
	struct e2ee_message *epoch;	/* T's */
	uint8_t authenticator[E2EE_HASH_LEN];
	struct e2ee_sas_share shares[E2EE_MEMBERS_MAX];
	bool committed[E2EE_MEMBERS_MAX];
	bool revealed[E2EE_MEMBERS_MAX];
	uint8_t commitments[E2EE_HASH_LEN];
	uint64_t started;
	bool no;			/* people here said no */
	uint8_t emoji[E2EE_SAS_EMOJI];
	uint16_t numbers[E2EE_SAS_NUMBERS];
};

/** struct past_epoch - for verifications of an epoch that was replaced */
struct past_epoch {
	struct e2ee_message *msg;
	uint8_t authenticator[E2EE_HASH_LEN];
	uint64_t replaced;
	bool verified;
};

/** struct seen - a device, and the key that it showed first */
struct seen {
	char dev[E2EE_NAME_MAX + 1];
	uint8_t ik[E2EE_IK_LEN];
};

enum timer {
	TIMER_PROBE,
	TIMER_LINK,			/* echo missing */
	TIMER_KP,			/* renew */
	TIMER_CREATE,			/* O1 */
	TIMER_TAKEOVER,			/* O10 */
	TIMER_SWITCH,			/* M6 */
	TIMER_UNKNOWN,			/* M8 a */
	TIMER_SILENCE,			/* M8 b */
	TIMER_AGE,			/* M8 c */
	TIMER_RESYNC,
	TIMER_ACK,
	TIMER_HB,
	TIMER_EPOCH,			/* O2: make one */
	TIMER_RESEND,			/* O5 */
	TIMER_JOIN,			/* O12: REQ join there */
	TIMER_LEAVE,			/* O11 */
	TIMER_SAS,
	TIMER_INSTALL,			/* what the kernel refused */
	TIMER_SECOND,			/* upkeep */
	TIMERS,
};

/* How an operator's leave goes on */
enum leave {
	LEAVE_NOT,
	LEAVE_HANDS_OVER,		/* once another one owns */
	LEAVE_ENDS,			/* for all */
};

/** struct limiter - at most once in a while */
struct limiter {
	uint64_t next;
};

struct rate_slot {
	uint64_t second;
	uint32_t count;
};

struct e2ee_room {
	/* what was configured */
	char name[E2EE_NAME_MAX + 1];
	char dev[E2EE_NAME_MAX + 1];
	struct e2ee_identity *identity;
	struct e2ee_trust *trust;
	enum e2ee_trust_level level;
	uint32_t floor;			/* enum e2ee_policy */
	uint32_t policy;		/* of a room that I create */
	uint32_t suite;
	uint32_t wraps;			/* enabled, bit 1 << wrap suite */
	struct e2ee_keypool *keypool;	/* of RSA keys; NULL: not enabled */
	char (*admins)[E2EE_NAME_MAX + 1];
	size_t admin_count;
	struct e2ee_room_ops ops;
	void *arg;

	/* time and link */
	uint64_t now;
	uint64_t timers[TIMERS];
	bool connected;			/* the transport is */
	bool link;			/* an echo came back lately */
	uint64_t down_at;
	uint8_t probes[4][E2EE_ID_LEN];
	unsigned int probe;

	/* who I am */
	enum e2ee_room_state state;
	enum e2ee_room_over over;
	uint8_t session[E2EE_ID_LEN];
	uint64_t counter;
	bool stale;			/* @session and random numbers are to be new */
	struct own_kp kps[2];		/* newest first */
	uint64_t kp_echo;		/* of the newest; 0: none yet */

	/* the others */
	struct peer *peers;
	size_t peer_count;
	struct seen seen[SEEN_MAX];	/* tofu that could not be stored */
	size_t seen_count;
	struct limiter seen_limit;
	char trust_problem[E2EE_ROOM_TEXT];	/* alarm of a second ago; "" */
	struct idset bans;
	struct e2ee_message *ban_source;	/* an EPOCH with a ban of ours */
	struct rate_slot rates[RATE_SLOTS];
	uint64_t rate_seed;

	/* the chain: newest accepted first */
	struct epoch *epochs[EPOCHS_LIVE];
	size_t epoch_count;
	struct e2ee_message *last;	/* EPOCH accepted last; stays in JOIN */
	struct idset accepted;		/* every T of this session id of mine */
	struct idset retired;		/* session ids, M1 */
	struct idset owners;		/* whom I accepted as owners, M9 */
	struct e2ee_message *verified[REMEMBERED];	/* M10 */
	unsigned int verified_next;
	struct e2ee_message *candidate;	/* M2 b, not yet silent */
	struct past_epoch past[EPOCHS_LIVE];

	/* my owner's heartbeats */
	uint64_t hb_at;			/* hb age counts from here */
	uint64_t hb_n;			/* next n; 0: none seen */
	uint8_t hb_hash[E2EE_HASH_LEN];
	bool hb_switch;
	bool silence;			/* M5, M9, M10 */
	bool handed;			/* HANDOVER: silence is given ... */
	uint8_t handed_to[E2EE_IK_LEN];	/* ... for this one */
	bool owner_leaves;		/* it said so in its HANDOVER */
	struct idset leavers;		/* iks whose LEAVE I saw */
	uint8_t unknown_t[E2EE_HASH_LEN];	/* named last, and not here (M8 a) */
	unsigned int resyncs;
	uint64_t heard_at;		/* JOIN: last valid HB of anyone; 0: none */
	bool has_target;
	uint8_t target[E2EE_ID_LEN];	/* JOIN: call that my owner named */
	uint64_t join_since;
	unsigned int create_rank;	/* that TIMER_CREATE was set by */

	/* sending */
	uint32_t next_number;		/* kernel's epoch numbers, K1 */
	uint32_t first_number;		/* this one and later ones are mine */
	uint32_t sending;		/* 0: nothing of ours */
	uint32_t stopped_at;		/* only higher epochs send again */
	bool stop_again;		/* the kernel refused to delete them */
	bool delete_again;		/* and these, which look() finds */
	unsigned int install_tries;	/* that failed, one after the other */
	char stopped[E2EE_ROOM_TEXT];
	uint32_t policy_now;		/* on the session; UINT32_MAX: not set */
	uint32_t policy_wanted;		/* UINT32_MAX: nothing is */
	struct stream_use *uses;	/* those that sent last come first */
	size_t use_count;
	struct key_names inherited;	/* there before this process, K8 */
	uint64_t inherited_dies;

	/* as an owner */
	struct idset lost;
	struct idset removals;		/* iks, in the next EPOCH */
	bool locked;
	uint32_t policy_next;
	bool rekey;			/* wanted */
	bool asked;			/* a member wants one */
	uint64_t made_at;		/* last EPOCH */
	uint64_t hb_sent_n;
	uint8_t hb_sent[HB_REMEMBERED][E2EE_HASH_LEN];
	uint64_t hb_sent_at[HB_REMEMBERED];
	unsigned int resends;
	bool took_over;			/* O5: wait for an ACK of somebody else */
	uint8_t poll[E2EE_POLL_MAX];
	size_t poll_count;
	struct e2ee_message *better;	/* O12 */
	enum leave leaving;		/* O11 */
	bool ending;
	uint64_t rekey_off;		/* a verification puts the next one off */

	struct limiter kp_limit;
	struct limiter hb_limit;
	struct limiter resend_limit;
	struct limiter join_limit;
	struct limiter other_limit;
	struct limiter ban_limit;
	struct limiter rekey_limit;
	struct limiter asked_limit;
	struct limiter topup_limit;
	struct limiter heal_limit;	/* O12: until when it is tried */

	struct sas_run *sas;

	char split[E2EE_ROOM_TEXT];
	struct alarm alarms[E2EE_ROOM_ALARMS];	/* oldest first */
	size_t alarm_count;
	struct limiter hearsay_limit;
	unsigned int hearsay_told;	/* until then */
	uint64_t stats[E2EE_ROOM_STATS];
};

/* chain.c: sets, and which of two chains stays */
bool e2ee_idset_has(const struct idset *set, const uint8_t *id);
int e2ee_idset_add(struct idset *set, const uint8_t *id);
void e2ee_idset_del(struct idset *set, const uint8_t *id);
void e2ee_idset_clear(struct idset *set);
const struct e2ee_entry *e2ee_chain_owner(const struct e2ee_message *epoch);
const struct e2ee_entry *e2ee_chain_find(const struct e2ee_message *epoch,
					 const uint8_t *ik);
const struct e2ee_entry *e2ee_chain_find_dev(const struct e2ee_message *epoch,
					     const char *dev);
bool e2ee_chain_lists(const uint8_t *const *list, size_t count,
		      const uint8_t *ik);
bool e2ee_chain_has(const struct e2ee_message *epoch, const uint8_t *ik);
bool e2ee_chain_bans(const struct e2ee_message *epoch, const uint8_t *ik);
bool e2ee_chain_same_call(const struct e2ee_message *a,
			  const struct e2ee_message *b);
bool e2ee_chain_later(const struct e2ee_message *a,
		      const struct e2ee_message *b);
bool e2ee_chain_better(const struct e2ee_message *a,
		       const struct e2ee_message *b);
struct epoch *e2ee_chain_newest(const struct e2ee_room *room);
struct epoch *e2ee_chain_by_t(const struct e2ee_room *room, const uint8_t *t);
bool e2ee_chain_is_kin(const struct e2ee_room *room, const uint8_t *ik);

/* clock.c: timers */
void e2ee_clock_set(struct e2ee_room *room, enum timer timer, uint64_t in);
void e2ee_clock_stop(struct e2ee_room *room, enum timer timer);
bool e2ee_clock_may(struct e2ee_room *room, struct limiter *limiter,
		    uint64_t every);
uint32_t e2ee_clock_jitter(uint32_t below);
bool e2ee_clock_pauses(enum timer timer);
void e2ee_clock_resume(struct e2ee_room *room, uint64_t down);

/* outbox.c: what goes out */
void e2ee_outbox_event(struct e2ee_room *room, enum e2ee_room_event_type type,
		       const char *text);
void e2ee_outbox_publish(struct e2ee_room *room, enum e2ee_room_topic topic,
			 const struct e2ee_message *msg, bool retain);
void e2ee_outbox_empty(struct e2ee_room *room, enum e2ee_room_topic topic);
struct e2ee_message *e2ee_outbox_seal(struct e2ee_room *room,
				      struct e2ee_message *draft);
void e2ee_outbox_send(struct e2ee_room *room, struct e2ee_message *draft);
void e2ee_outbox_kp(struct e2ee_room *room);
void e2ee_outbox_probe(struct e2ee_room *room);
void e2ee_outbox_req(struct e2ee_room *room, const uint8_t *call,
		     struct e2ee_msg_req *req);
void e2ee_outbox_ack(struct e2ee_room *room, enum e2ee_ack_result result,
		     const uint8_t *t, const char *whom);

/* seen.c: devices that the trust store could not be told */
enum e2ee_trust_answer e2ee_seen_ask(const struct e2ee_room *room,
				     const char *dev, const uint8_t *ik);
void e2ee_seen_learn(struct e2ee_room *room, const struct e2ee_entry *entry);
void e2ee_seen_upkeep(struct e2ee_room *room);

/* Whom my policy lets in, and why it does not */
enum admission {
	ADMISSION_GOOD,
	ADMISSION_UNTRUSTED,		/* not in the trust store, or too low there */
	ADMISSION_CHANGED,		/* another key, or another name, than before */
	ADMISSION_TWIN,			/* my own name or key */
};

/* peers.c: key packages, counters, trust */
/* An id of this device for its messages that it never had before */
int e2ee_peers_new_session(struct e2ee_room *room);
int e2ee_peers_renew_kp(struct e2ee_room *room);
void e2ee_peers_forget_kp(struct own_kp *kp);
struct peer *e2ee_peers_find(const struct e2ee_room *room, const uint8_t *ik);
struct peer *e2ee_peers_find_session(const struct e2ee_room *room,
				     const char *dev, const uint8_t *session);
struct peer *e2ee_peers_member(struct e2ee_room *room, const uint8_t *ik,
			       const char *dev);
bool e2ee_peers_count(struct peer *peer, const uint8_t *session,
		      enum e2ee_message_type type, uint64_t counter);
enum admission e2ee_peers_admission(const struct e2ee_room *room,
				    const char *dev, const uint8_t *ik);
bool e2ee_peers_joins(const struct e2ee_room *room, const struct peer *peer);
bool e2ee_peers_is_outside(const struct e2ee_room *room,
			   const struct peer *peer);
bool e2ee_peers_trusted(struct e2ee_room *room, const char *dev,
			const uint8_t *ik);
bool e2ee_peers_rate(struct e2ee_room *room,
		     const struct e2ee_room_packet *packet);
unsigned int e2ee_peers_rank(const struct e2ee_room *room);
int e2ee_peers_receive_kp(struct e2ee_room *room, struct e2ee_message *msg,
			  struct peer **peer);
void e2ee_peers_upkeep(struct e2ee_room *room);
void e2ee_peers_clear(struct e2ee_room *room);

/* judge.c: may an EPOCH be accepted? M1, M2, M9, M10 */
enum verdict {
	VERDICT_DROP,			/* fails M1 or M2 */
	VERDICT_OLD,			/* nothing new */
	VERDICT_NEXT,			/* M2 a */
	VERDICT_OWNER,			/* M2 b */
	VERDICT_WAIT,			/* M2 b but for the silence */
	VERDICT_NEWCOMER,		/* M2 c */
	VERDICT_BETTER,			/* owner: another chain, better than mine */
	VERDICT_WORSE,			/* owner: another chain */
};

/**
 * struct judgement - of an EPOCH
 * @verdict: what it is
 * @reason: where it is dropped
 * @raw: what my wrap holds; to be wiped
 * @me: my entry; NULL: I am not in it
 * @whom: an entry that is the reason
 * @no_wrap: my wrap does not open, or is for a key package that is gone
 * @ban: refused because of a ban
 */
struct judgement {
	enum verdict verdict;
	const char *reason;
	uint8_t raw[E2EE_RAW_LEN];
	const struct e2ee_entry *me;
	const struct e2ee_entry *whom;
	bool no_wrap;
	bool ban;
};

int e2ee_judge_authentic(struct e2ee_room *room, struct e2ee_message *msg);
void e2ee_judge(struct e2ee_room *room, struct e2ee_message *msg,
		struct judgement *out);
/*
 * Another EPOCH of the same number by the same owner, with a reference for the
 * caller; NULL if there is none
 */
struct e2ee_message *e2ee_judge_fork(struct e2ee_room *room,
				     const struct e2ee_message *msg);
bool e2ee_judge_knows(struct e2ee_room *room, const struct e2ee_message *msg);
void e2ee_judge_remember(struct e2ee_room *room, struct e2ee_message *msg);

/* policy.c: of the kernel's session, K9 */
uint32_t e2ee_policy_from_wire(uint8_t wire);
uint8_t e2ee_policy_to_wire(uint32_t policy);
int e2ee_policy_set(struct e2ee_room *room, uint32_t policy);
int e2ee_policy_ask(struct e2ee_room *room, uint32_t policy);
bool e2ee_policy_holds(const struct e2ee_room *room);
int e2ee_policy_shut(struct e2ee_room *room);
void e2ee_policy_raise(struct e2ee_room *room);
void e2ee_policy_find(struct e2ee_room *room);
int e2ee_policy_upkeep(struct e2ee_room *room);

/* install.c: keys on their way into the kernel and out of it */
int e2ee_install_name(struct key_names *names, uint32_t dir, uint64_t kid);
int e2ee_install_delete_names(struct e2ee_room *room, struct key_names *names);
unsigned int e2ee_install_used(const struct epoch *epoch, size_t place);
uint64_t e2ee_install_kid(const struct epoch *epoch, unsigned int stream,
			  uint8_t leaf);
/* Has this SSRC of mine a key of its own there? */
bool e2ee_install_binds(const struct epoch *epoch, uint32_t ssrc);
int e2ee_install_epoch(struct e2ee_room *room, struct epoch *epoch, bool tx);
void e2ee_install_delete(struct e2ee_room *room, const struct epoch *epoch,
			 bool tx, bool rx);

/* uses.c: which streams are in use, and which keys are really there */
struct stream_use *e2ee_uses_get(struct e2ee_room *room, uint32_t ssrc);
int e2ee_uses_look(struct e2ee_room *room);

/* keys.c: epochs and the kernel, K1 to K10 */
int e2ee_keys_start(struct e2ee_room *room);
int e2ee_keys_accept(struct e2ee_room *room, struct e2ee_message *msg,
		     const uint8_t *raw);
void e2ee_keys_switch(struct e2ee_room *room);
void e2ee_keys_confirmed(struct e2ee_room *room);
void e2ee_keys_open_deadlines(struct e2ee_room *room);
void e2ee_keys_stop(struct e2ee_room *room, const char *reason);
void e2ee_keys_upkeep(struct e2ee_room *room);
void e2ee_keys_install_again(struct e2ee_room *room);
bool e2ee_keys_answer(struct e2ee_room *room);
void e2ee_keys_missing(struct e2ee_room *room, uint32_t dir, uint64_t kid,
		       uint32_t ssrc);
int e2ee_keys_end(struct e2ee_room *room);
void e2ee_keys_renew(struct e2ee_room *room);
void e2ee_keys_forget(struct e2ee_room *room);

/* verify.c: section 8 */
bool e2ee_verify_shown(const struct e2ee_room *room);
int e2ee_verify_start(struct e2ee_room *room, const uint8_t *t);
void e2ee_verify_receive(struct e2ee_room *room, struct e2ee_message *msg);
void e2ee_verify_timer(struct e2ee_room *room);
void e2ee_verify_free(struct e2ee_room *room);
void e2ee_verify_waiting(const struct e2ee_room *room, char *text, size_t size);

/* member.c: M3 to M8, entering and leaving */
void e2ee_member_join(struct e2ee_room *room);
void e2ee_member_out(struct e2ee_room *room, bool by_operator,
		     enum e2ee_room_over why);
void e2ee_member_end(struct e2ee_room *room);
int e2ee_member_accept(struct e2ee_room *room, struct e2ee_message *msg,
		       const uint8_t *raw);
void e2ee_member_become(struct e2ee_room *room);
void e2ee_member_create_timer(struct e2ee_room *room, uint64_t base);
bool e2ee_member_may_create(struct e2ee_room *room);
void e2ee_member_hb(struct e2ee_room *room, struct e2ee_message *msg);
void e2ee_member_silence(struct e2ee_room *room);
void e2ee_member_takeover_timer(struct e2ee_room *room, uint64_t base);
void e2ee_member_unknown(struct e2ee_room *room, const uint8_t *t);
void e2ee_member_left_out(struct e2ee_room *room);
void e2ee_member_no_wrap(struct e2ee_room *room, const struct e2ee_message *msg);
void e2ee_member_join_there(struct e2ee_room *room,
			    const struct e2ee_message *hb);
void e2ee_member_timer(struct e2ee_room *room, enum timer timer);
void e2ee_member_leave(struct e2ee_room *room);

/* roster.c: what the next EPOCH says */
struct e2ee_message *e2ee_roster_next(struct e2ee_room *room, bool take_over,
				      uint8_t *raw);
struct e2ee_message *e2ee_roster_first(struct e2ee_room *room, uint8_t *raw);

/* heartbeat.c: of an owner */
void e2ee_heartbeat(struct e2ee_room *room);
void e2ee_heartbeat_soon(struct e2ee_room *room);
bool e2ee_heartbeat_is_mine(const struct e2ee_room *room, const uint8_t *hash,
			    uint64_t within);
bool e2ee_heartbeat_echo(struct e2ee_room *room,
			 const struct e2ee_message *msg);
void e2ee_heartbeat_poll(struct e2ee_room *room, const struct peer *peer);
void e2ee_heartbeat_unpoll(struct e2ee_room *room, uint8_t leaf);

/* owner.c: O1 to O13 */
void e2ee_owner_create(struct e2ee_room *room);
void e2ee_owner_take_over(struct e2ee_room *room);
void e2ee_owner_ack(struct e2ee_room *room, struct e2ee_message *msg,
		    struct peer *peer);
void e2ee_owner_remove(struct e2ee_room *room, const uint8_t *ik, bool ban,
		       bool lost);
void e2ee_owner_installed(struct e2ee_room *room);
void e2ee_owner_asked(struct e2ee_room *room);
void e2ee_owner_plan(struct e2ee_room *room);
void e2ee_owner_upkeep(struct e2ee_room *room);
void e2ee_owner_link(struct e2ee_room *room);
void e2ee_owner_better(struct e2ee_room *room, struct e2ee_message *msg);
void e2ee_owner_yield(struct e2ee_room *room, struct e2ee_message *msg);
int e2ee_owner_hand_over(struct e2ee_room *room, const uint8_t *to,
			 bool leaving);
void e2ee_owner_resign(struct e2ee_room *room);
void e2ee_owner_end(struct e2ee_room *room);
void e2ee_owner_timer(struct e2ee_room *room, enum timer timer);
void e2ee_owner_resend(struct e2ee_room *room);

/* owner_request.c: what others ask an owner for */
void e2ee_owner_req(struct e2ee_room *room, struct e2ee_message *msg,
		    struct peer *peer);

/* inbox_epoch.c: EPOCHs that come in */
void e2ee_inbox_judge(struct e2ee_room *room, struct e2ee_message *msg);
void e2ee_inbox_epoch(struct e2ee_room *room, struct e2ee_message *msg);

/* inbox.c: messages, and the link */
void e2ee_inbox_link_down(struct e2ee_room *room);

#endif /* E2EE_LIB_STATE_H */
