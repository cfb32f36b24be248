/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A room: devices that agree on the keys of their media by themselves.
 *
 * struct e2ee_room is a state machine. It opens no socket and asks no clock:
 * the caller hands it every message, every second of time and every event of
 * the kernel, and carries out what it asks for through the callbacks. A handle
 * belongs to one thread at a time; callbacks must not call it back, but for
 * e2ee_room_over().
 *
 * Times are milliseconds of a clock that does not jump (CLOCK_MONOTONIC).
 */
#ifndef _E2EE_ROOM_H
#define _E2EE_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <e2ee/e2ee.h>
#include <e2ee/identity.h>

#ifdef __cplusplus
extern "C" {
#endif

#define E2EE_ROOM_MEMBERS_MAX	256
#define E2EE_ROOM_TEXT		160	/* alarms and reasons, with their NUL */
#define E2EE_ROOM_ALARMS	16	/* how many the status keeps */
#define E2EE_SAS_EMOJI		7
#define E2EE_SAS_NUMBERS	3

struct e2ee_room;

/* Topics below e2ee/1/ROOM/; those with @dev have one for each device */
enum e2ee_room_topic {
	E2EE_TOPIC_KP,			/* kp/DEV, retained */
	E2EE_TOPIC_EPOCH,		/* epoch, retained */
	E2EE_TOPIC_HB,			/* hb */
	E2EE_TOPIC_ACK,			/* ack/DEV */
	E2EE_TOPIC_REQ,			/* req/DEV */
	E2EE_TOPIC_SAS,			/* sas/DEV */
	E2EE_TOPIC_PROBE,		/* probe/DEV */
	E2EE_TOPICS,
};

/**
 * struct e2ee_room_packet - a message on its way
 * @topic: where
 * @dev: whose topic; NULL for epoch and hb
 * @data: a message; NULL where @len is 0
 * @len: bytes; 0 empties a retained topic
 * @retain: ask the broker to keep it
 */
struct e2ee_room_packet {
	enum e2ee_room_topic topic;
	const char *dev;
	const void *data;
	size_t len;
	bool retain;
};

enum e2ee_room_event_type {
	E2EE_ROOM_CHANGED,		/* the status did: ask for it */
	E2EE_ROOM_ALARM,		/* @text: people should look */
	E2EE_ROOM_KEYFRAME,		/* keyframe-wanted: sending switched */
	E2EE_ROOM_SAS,			/* the verification moved on */
	E2EE_ROOM_OUT,			/* it is over, and its keys are gone: why */
};

/* Why a room is over. More may come: treat those unknown as REMOVED. */
enum e2ee_room_over {
	E2EE_ROOM_GOES_ON,		/* it is not */
	E2EE_ROOM_OVER_LEFT,		/* this device left */
	E2EE_ROOM_OVER_ENDED,		/* its owner ended the call for all */
	E2EE_ROOM_OVER_REMOVED,		/* this device was removed for good */
	E2EE_ROOM_OVER_ELSEWHERE,	/* its identity is in use elsewhere */
};

/**
 * struct e2ee_room_ops - what a room asks its caller for
 * @publish: send to all, the sender too; may be lost
 * @listen_acks: be subscribed to ack/+ or not (owners only need them); optional
 * @key_new: install keys into the session; wipe nothing, they are the room's
 * @key_del: delete keys, named by dir and kid; one that is gone is no error
 * @key_list: show the session's keys, without secrets
 * @use_epoch: send with the keys of this epoch
 * @set_policy: enum e2ee_policy of the session
 * @event: told what happened
 * @get_policy: the session's; optional: then one that is looser than the floor is
 *	found out at the first EPOCH only, but where the floor is required
 *
 * Those that return int return 0 or a negative errno.
 */
struct e2ee_room_ops {
	void (*publish)(void *arg, const struct e2ee_room_packet *packet);
	void (*listen_acks)(void *arg, bool listen);
	int (*key_new)(void *arg, const struct e2ee_key *keys, size_t count);
	int (*key_del)(void *arg, const struct e2ee_key *keys, size_t count);
	int (*key_list)(void *arg, e2ee_key_cb cb, void *cb_arg);
	int (*use_epoch)(void *arg, uint32_t epoch, bool force);
	int (*set_policy)(void *arg, uint32_t policy);
	void (*event)(void *arg, enum e2ee_room_event_type type,
		      const char *text);
	int (*get_policy)(void *arg, uint32_t *policy);
};

/**
 * struct e2ee_room_config - how to take part; zero is the default of each
 * @room: name
 * @dev: this device's name
 * @identity: stays the caller's, as @trust does; both outlive the room
 * @trust: trust store
 * @level: whom to let in
 * @floor: weakest policy that an owner may set: enum e2ee_policy, 0 is required.
 *	A session that is looser is set to it at once, by e2ee_room_new()
 * @policy: of a room that this device creates: enum e2ee_policy, 0 is required
 * @suite: media suite of a room that it owns, 4 or 5; 0: 5
 * @epoch: the kernel session's; the room's epochs get higher numbers
 * @rsa: take RSA-OAEP-3072 wraps, beside HPKE. Their keys take seconds to make:
 *	a thread makes them ahead, which blocks all signals; e2ee_room_new() waits
 *	for the first
 * @hpke_off: and no HPKE
 * @admins: devices that may kick, lock, hand over and set the policy, if their
 *	keys are verified or pinned
 * @admin_count: of @admins
 */
struct e2ee_room_config {
	const char *room;
	const char *dev;
	struct e2ee_identity *identity;
	struct e2ee_trust *trust;
	enum e2ee_trust_level level;
	uint32_t floor;
	uint32_t policy;
	uint32_t suite;
	uint32_t epoch;
	bool rsa;
	bool hpke_off;
	const char *const *admins;
	size_t admin_count;
	uint64_t reserved[8];
};

enum e2ee_room_state {
	E2EE_ROOM_JOIN,			/* no call yet, or on the way to another */
	E2EE_ROOM_MEMBER,
	E2EE_ROOM_OWNER,
	E2EE_ROOM_LEFT,			/* over, its secrets wiped */
};

/**
 * struct e2ee_room_member - a device of the roster
 * @dev: name
 * @ik: its identity key
 * @leaf: number in the roster
 * @self: this device
 * @owner: it owns the call
 * @verified: by the verification that belongs to this call
 * @trust: how its key was learnt
 * @acked: has the current keys: the owner knows all, others only their own
 * @waiting: why its keys are missing; "" if they are not
 */
struct e2ee_room_member {
	char dev[E2EE_NAME_MAX + 1];
	uint8_t ik[E2EE_IDENTITY_LEN];
	uint8_t leaf;
	bool self;
	bool owner;
	bool verified;
	bool acked;
	enum e2ee_trust_kind trust;
	char waiting[E2EE_ROOM_TEXT];
};

enum e2ee_sas_state {
	E2EE_SAS_NONE,
	E2EE_SAS_WAITING,		/* for @sas_waiting */
	E2EE_SAS_READY,			/* compare, then yes or no */
	E2EE_SAS_DONE,
	E2EE_SAS_FAILED,		/* somebody lied: an alarm */
};

/**
 * struct e2ee_room_status - a room in one look
 * @state: what this device is in it
 * @link: the broker is there
 * @encrypted: keys to send with are installed, and the policy is not off
 * @stopped: why nothing is sent; "" if it is not stopped
 * @split: why the room is not one; ""
 * @call: call id
 * @term: of the EPOCH
 * @seq: of the EPOCH
 * @t: its hash
 * @epoch: the kernel's number for it
 * @epoch_age: milliseconds since it was accepted
 * @sending: kernel's epoch number in use for sending; 0: none
 * @switched: sending uses @epoch
 * @policy: in force, enum e2ee_policy
 * @suite: media suite
 * @locked: nobody new is let in
 * @sas: verification
 * @emoji: numbers of enum e2ee_sas_state READY, 0 to 63
 * @numbers: the decimal code
 * @sas_waiting: names, separated by a space
 * @banned: how many iks
 * @lost: how many iks
 * @count: of @members
 * @alarms: of what is so now, oldest first
 */
struct e2ee_room_status {
	enum e2ee_room_state state;
	bool link;
	bool encrypted;
	char stopped[E2EE_ROOM_TEXT];
	char split[E2EE_ROOM_TEXT];
	uint8_t call[16];
	uint16_t term;
	uint32_t seq;
	uint8_t t[32];
	uint32_t epoch;
	uint64_t epoch_age;
	uint32_t sending;
	bool switched;
	uint32_t policy;
	uint32_t suite;
	bool locked;
	enum e2ee_sas_state sas;
	uint8_t emoji[E2EE_SAS_EMOJI];
	uint16_t numbers[E2EE_SAS_NUMBERS];
	char sas_waiting[E2EE_ROOM_TEXT];
	size_t banned;
	size_t lost;
	size_t alarm_count;
	char alarms[E2EE_ROOM_ALARMS][E2EE_ROOM_TEXT];
	size_t count;
	struct e2ee_room_member members[E2EE_ROOM_MEMBERS_MAX];
};

/* Counters: messages that were dropped, and why */
enum e2ee_room_stat {
	E2EE_ROOM_RECEIVED,
	E2EE_ROOM_DROP_RATE,		/* more than 20 a second */
	E2EE_ROOM_DROP_SIZE,
	E2EE_ROOM_DROP_FORM,		/* not decodable */
	E2EE_ROOM_DROP_STRANGER,	/* not of the roster, or banned */
	E2EE_ROOM_DROP_OLD,		/* counter, seq or heartbeat not new */
	E2EE_ROOM_DROP_SIGNATURE,
	E2EE_ROOM_DROP_RULE,		/* of the protocol: M1, M2, O3 … */
	E2EE_ROOM_STATS,
};

/**
 * e2ee_room_new() - take part in a room
 * @config: copied, but for identity and trust
 * @ops: copied
 * @arg: given to the callbacks
 * @now: milliseconds
 * @room: out; first state: JOIN, link down
 */
int e2ee_room_new(const struct e2ee_room_config *config,
		  const struct e2ee_room_ops *ops, void *arg, uint64_t now,
		  struct e2ee_room **room);
/**
 * e2ee_room_configure() - change level, floor, policy and admins of a room
 * @room: in any state
 * @now: milliseconds
 * @config: as for e2ee_room_new(); all other members are left alone
 *
 * A device that @config does not let in goes as one that was taken out of the
 * trust store. A floor that is stricter than the policy in force is set at once;
 * an owner asks all others to follow.
 *
 * Return: 0, or -EINVAL or -ENOMEM: then nothing has changed.
 */
int e2ee_room_configure(struct e2ee_room *room, uint64_t now,
			const struct e2ee_room_config *config);
/* Wipes all secrets; keys in the kernel stay as they are (leave deletes them) */
void e2ee_room_free(struct e2ee_room *room);

/* What happens. Each may call back. */
void e2ee_room_link(struct e2ee_room *room, uint64_t now, bool up);
void e2ee_room_receive(struct e2ee_room *room, uint64_t now,
		       const struct e2ee_room_packet *packet);
/* An event of the session: key-missing, key-expiring, session gone */
void e2ee_room_kernel_event(struct e2ee_room *room, uint64_t now,
			    const struct e2ee_event_info *event);
/* The kernel's session was made anew, or the machine slept (rule K7) */
void e2ee_room_renew(struct e2ee_room *room, uint64_t now);
/* Time passes. Returns the time at which to call again at the latest. */
uint64_t e2ee_room_timer(struct e2ee_room *room, uint64_t now);

/*
 * What the operator wants. A member asks its owner, who does it for those that
 * are its admins: 0 says that it was asked. -ENOTCONN: not in a call; -EPERM:
 * only the owner can (end); -ENOENT: no such device in the roster.
 *
 * An owner that leaves hands over first, which takes some seconds; one that is
 * told to leave again does not wait for that.
 */
int e2ee_room_leave(struct e2ee_room *room, uint64_t now);
int e2ee_room_end(struct e2ee_room *room, uint64_t now);
int e2ee_room_rekey(struct e2ee_room *room, uint64_t now);
int e2ee_room_kick(struct e2ee_room *room, uint64_t now, const char *dev);
int e2ee_room_lock(struct e2ee_room *room, uint64_t now, bool lock);
/* @dev NULL: to whom the protocol says */
int e2ee_room_handover(struct e2ee_room *room, uint64_t now, const char *dev);
int e2ee_room_policy(struct e2ee_room *room, uint64_t now, uint32_t policy);
int e2ee_room_verify(struct e2ee_room *room, uint64_t now);
/* People read out the same: pins as verified only @devs. -EAGAIN: not ready */
int e2ee_room_verify_yes(struct e2ee_room *room, const char *const *devs,
			 size_t count);
int e2ee_room_verify_no(struct e2ee_room *room);

/*
 * The one call that is allowed from a callback, too. A room may be over for a while
 * before E2EE_ROOM_OUT: where the kernel refuses the policy "required" that a device
 * is left with which did not want to leave, e2ee_room_timer() tries again, and the
 * keys to send with stay until then.
 */
enum e2ee_room_over e2ee_room_over(const struct e2ee_room *room);
/* @status is big: some 64 KiB */
void e2ee_room_status(const struct e2ee_room *room, uint64_t now,
		      struct e2ee_room_status *status);
/**
 * struct e2ee_room_outsider - a device that is here, and not in the call
 * @dev: name
 * @ik: its identity key
 * @trust: how the key is known
 * @trusted: this device would let it in; it may not trust this one
 * @changed: name or key belong to another device, as far as is known here
 * @here: milliseconds since its newest key package came
 */
struct e2ee_room_outsider {
	char dev[E2EE_NAME_MAX + 1];
	uint8_t ik[E2EE_IDENTITY_LEN];
	enum e2ee_trust_kind trust;
	bool trusted;
	bool changed;
	uint64_t here;
};

typedef void (*e2ee_room_outsider_cb)(const struct e2ee_room_outsider *outsider,
				      void *arg);

/* Calls @cb for each of them. Anybody who reaches the broker can be one. */
void e2ee_room_outsiders(const struct e2ee_room *room, uint64_t now,
			 e2ee_room_outsider_cb cb, void *arg);
uint64_t e2ee_room_stat(const struct e2ee_room *room, enum e2ee_room_stat stat);
const char *e2ee_room_stat_name(enum e2ee_room_stat stat);

/* Text and word of an emoji (the Matrix table): UTF-8, static */
const char *e2ee_sas_emoji(uint8_t number);
const char *e2ee_sas_word(uint8_t number);

/*
 * The session of a kernel as a room's ops: key_new, key_del, key_list, use_epoch,
 * set_policy and get_policy are set in @ops. Their @arg has to be a struct
 * e2ee_room_kernel, or something whose first member is one. With @ctx NULL each
 * answers -ENODEV.
 */
struct e2ee_room_kernel {
	struct e2ee_ctx *ctx;
	struct e2ee_session session;	/* name, id, or both: then both agree */
};

void e2ee_room_kernel_ops(struct e2ee_room_ops *ops);

#ifdef __cplusplus
}
#endif

#endif /* _E2EE_ROOM_H */
