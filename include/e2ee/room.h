/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In a room, devices agree on the keys of their media by themselves.
 *
 * struct e2ee_room is a state machine. It opens no socket and reads no clock: the
 * caller tells it the time and every message and event of the kernel, and carries
 * out what it asks for through the callbacks. Only one thread may use a room at a
 * time. Callbacks must not call the functions of the room, except for
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

/* Topics below e2ee/1/ROOM/; those with DEV are one for each device */
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
 * struct e2ee_room_packet - a message to send, or one that was received
 * @topic: its topic
 * @dev: the device that the topic belongs to; NULL for epoch and hb
 * @data: the message; NULL if @len is 0
 * @len: its length in bytes; 0 deletes what was retained under the topic
 * @retain: ask the broker to retain the message
 */
struct e2ee_room_packet {
	enum e2ee_room_topic topic;
	const char *dev;
	const void *data;
	size_t len;
	bool retain;
};

enum e2ee_room_event_type {
	E2EE_ROOM_CHANGED,		/* the status has changed: ask for it */
	E2EE_ROOM_ALARM,		/* @text: people should look */
	E2EE_ROOM_KEYFRAME,		/* sending has new keys: make a key frame */
	E2EE_ROOM_SAS,			/* the verification has a new state */
	E2EE_ROOM_OUT,			/* the room is over, and its keys are gone */
};

/* Why a room is over. Treat a value that you do not know like REMOVED. */
enum e2ee_room_over {
	E2EE_ROOM_GOES_ON,		/* it is not over */
	E2EE_ROOM_OVER_LEFT,		/* this device left */
	E2EE_ROOM_OVER_ENDED,		/* its owner ended the call for all */
	E2EE_ROOM_OVER_REMOVED,		/* this device was removed for good */
	E2EE_ROOM_OVER_ELSEWHERE,	/* its identity is in use elsewhere */
};

/**
 * struct e2ee_room_ops - what a room asks its caller to do
 * @publish: send a message to all devices, the sender included; it may get lost
 * @listen_acks: subscribe to ack/+ or unsubscribe (only owners need these
 *	messages); optional
 * @key_new: install keys in the session; the room wipes them
 * @key_del: delete keys by dir and kid; a key that is gone already is no error
 * @key_list: call back for each key of the session, without secrets
 * @use_epoch: send with the keys of this epoch
 * @set_policy: set the policy of the session (enum e2ee_policy)
 * @event: called when something happened
 * @get_policy: get the policy of the session; optional. Without it, a policy that is
 *	looser than the floor is noticed only at the first EPOCH, unless the floor is
 *	required
 *
 * Callbacks that return int return 0 or a negative errno.
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
 * struct e2ee_room_config - how to take part; the default of each member is zero
 * @room: name of the room
 * @dev: name of this device
 * @identity: identity of this device; like @trust, it stays the caller's and has to
 *	outlive the room
 * @trust: trust store
 * @level: which devices to let in
 * @floor: weakest policy that an owner may set (enum e2ee_policy; 0 is required).
 *	If the session is looser, e2ee_room_new() sets its policy to the floor at once
 * @policy: policy of a call that this device creates (enum e2ee_policy; 0 is
 *	required)
 * @suite: media suite of a call that this device owns: 4 or 5; 0 stands for 5
 * @epoch: epoch of the kernel's session; the epochs of the room get higher numbers
 * @rsa: accept secrets wrapped with RSA-OAEP-3072, in addition to HPKE. Such a key
 *	takes seconds to make, so a thread, which blocks all signals, makes them in
 *	advance; e2ee_room_new() waits for the first
 * @hpke_off: do not accept HPKE
 * @admins: devices that may kick, lock, hand over and set the policy, if their
 *	keys are verified or pinned
 * @admin_count: number of @admins
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
	E2EE_ROOM_JOIN,			/* in no call yet, or moving to another */
	E2EE_ROOM_MEMBER,
	E2EE_ROOM_OWNER,
	E2EE_ROOM_LEFT,			/* the room is over, its secrets are wiped */
};

/**
 * struct e2ee_room_member - a device of the roster
 * @dev: its name
 * @ik: its identity key
 * @leaf: its number in the roster
 * @self: whether it is this device
 * @owner: whether it owns the call
 * @verified: whether people verified it in this call
 * @trust: how its key was learnt
 * @acked: whether it has the current keys. The owner knows this of all members; other
 *	members know it of themselves only
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
	E2EE_SAS_WAITING,		/* waits for the devices in @sas_waiting */
	E2EE_SAS_READY,			/* people compare the code, then say yes or no */
	E2EE_SAS_DONE,
	E2EE_SAS_FAILED,		/* it failed, and there is an alarm */
};

/**
 * struct e2ee_room_status - a room in one look
 * @state: what this device is in the room
 * @link: whether the signalling works
 * @encrypted: whether keys to send with are installed and the policy is not off
 * @stopped: why sending was stopped; "" if it was not
 * @split: why the room is split; "" if it is not
 * @call: id of the call
 * @term: term of the current EPOCH
 * @seq: number of the current EPOCH
 * @t: hash of the current EPOCH
 * @epoch: the kernel's epoch number for the current EPOCH
 * @epoch_age: milliseconds since the current EPOCH was accepted
 * @sending: the kernel's epoch number that is used for sending; 0 if there is none
 * @switched: whether sending uses @epoch
 * @policy: the policy in force (enum e2ee_policy)
 * @suite: media suite
 * @locked: whether nobody new is let in
 * @sas: state of the verification
 * @emoji: numbers of the emoji, 0 to 63; valid if @sas is READY
 * @numbers: the decimal code; valid if @sas is READY
 * @sas_waiting: names of the devices waited for, separated by spaces
 * @banned: number of identity keys that are banned
 * @lost: number of devices that were removed for their silence, and may come back
 *	into a locked room
 * @count: number of @members
 * @alarms: alarms whose cause still exists, oldest first
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
	E2EE_ROOM_DROP_RATE,		/* there were more than 20 a second */
	E2EE_ROOM_DROP_SIZE,
	E2EE_ROOM_DROP_FORM,		/* it cannot be decoded */
	E2EE_ROOM_DROP_STRANGER,	/* its sender is not in the roster, or banned */
	E2EE_ROOM_DROP_OLD,		/* its counter, number or heartbeat is not new */
	E2EE_ROOM_DROP_SIGNATURE,
	E2EE_ROOM_DROP_RULE,		/* it breaks a rule (key-exchange.rst) */
	E2EE_ROOM_STATS,
};

/**
 * e2ee_room_new() - take part in a room
 * @config: is copied, except for identity and trust
 * @ops: is copied
 * @arg: is passed to the callbacks
 * @now: milliseconds
 * @room: out; its first state is JOIN, with the link down
 */
int e2ee_room_new(const struct e2ee_room_config *config,
		  const struct e2ee_room_ops *ops, void *arg, uint64_t now,
		  struct e2ee_room **room);
/**
 * e2ee_room_configure() - change level, floor, policy and admins of a room
 * @room: the room, in any state
 * @now: milliseconds
 * @config: as for e2ee_room_new(); its other members are ignored
 *
 * A device that @config does not let in is treated like a device that was taken out
 * of the trust store. A floor that is stricter than the policy in force is set at
 * once, and an owner tells all other devices to follow.
 *
 * Return: 0; after -EINVAL or -ENOMEM, nothing has changed.
 */
int e2ee_room_configure(struct e2ee_room *room, uint64_t now,
			const struct e2ee_room_config *config);
/* Wipes all secrets. Keys in the kernel stay; e2ee_room_leave() deletes them. */
void e2ee_room_free(struct e2ee_room *room);

/* These functions tell the room what happens. Each may call back. */
void e2ee_room_link(struct e2ee_room *room, uint64_t now, bool up);
void e2ee_room_receive(struct e2ee_room *room, uint64_t now,
		       const struct e2ee_room_packet *packet);
/* An event of the session: key-missing, key-expiring, session gone */
void e2ee_room_kernel_event(struct e2ee_room *room, uint64_t now,
			    const struct e2ee_event_info *event);
/* The kernel's session was added anew, or the machine slept */
void e2ee_room_renew(struct e2ee_room *room, uint64_t now);
/* Does what is due. Returns the time at which to call it again at the latest. */
uint64_t e2ee_room_timer(struct e2ee_room *room, uint64_t now);

/*
 * These functions carry out what the operator wants. A member that is not the owner
 * asks the owner, which obeys its admins; 0 then means that the owner was asked.
 * -ENOTCONN: this device is not in a call. -EPERM: only the owner can do this
 * (e2ee_room_end()). -ENOENT: the roster has no such device.
 *
 * An owner that leaves hands the call over first, which takes some seconds. If it is
 * told to leave again, it does not wait for that.
 */
int e2ee_room_leave(struct e2ee_room *room, uint64_t now);
int e2ee_room_end(struct e2ee_room *room, uint64_t now);
int e2ee_room_rekey(struct e2ee_room *room, uint64_t now);
int e2ee_room_kick(struct e2ee_room *room, uint64_t now, const char *dev);
int e2ee_room_lock(struct e2ee_room *room, uint64_t now, bool lock);
/* If @dev is NULL, the first responsive device of the roster gets the ownership */
int e2ee_room_handover(struct e2ee_room *room, uint64_t now, const char *dev);
int e2ee_room_policy(struct e2ee_room *room, uint64_t now, uint32_t policy);
int e2ee_room_verify(struct e2ee_room *room, uint64_t now);
/*
 * People read out the same code: marks @devs, and no others, as verified. -EAGAIN: the
 * verification is not ready.
 */
int e2ee_room_verify_yes(struct e2ee_room *room, const char *const *devs,
			 size_t count);
int e2ee_room_verify_no(struct e2ee_room *room);

/*
 * Only this function may also be called from a callback. A room may be over for a
 * while before E2EE_ROOM_OUT comes: a device that was put out is left with the policy
 * "required". If the kernel refuses that, e2ee_room_timer() tries again, and the keys
 * to send with stay until the kernel accepts it.
 */
enum e2ee_room_over e2ee_room_over(const struct e2ee_room *room);
/* @status is large: about 64 KiB */
void e2ee_room_status(const struct e2ee_room *room, uint64_t now,
		      struct e2ee_room_status *status);
/**
 * struct e2ee_room_outsider - a device that is present but not in the call
 * @dev: its name
 * @ik: its identity key
 * @trust: how its key is known
 * @trusted: whether this device would let it in; it may still not trust this device
 * @changed: whether its name or its key is known to belong to another device
 * @here: milliseconds since its newest key package arrived
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

/* Calls @cb for each outsider. Anybody who reaches the broker can be one. */
void e2ee_room_outsiders(const struct e2ee_room *room, uint64_t now,
			 e2ee_room_outsider_cb cb, void *arg);
uint64_t e2ee_room_stat(const struct e2ee_room *room, enum e2ee_room_stat stat);
const char *e2ee_room_stat_name(enum e2ee_room_stat stat);

/* An emoji as UTF-8 text, and its word (from the Matrix table); both are static */
const char *e2ee_sas_emoji(uint8_t number);
const char *e2ee_sas_word(uint8_t number);

/*
 * Makes a room's callbacks work on a session of the kernel: sets key_new, key_del,
 * key_list, use_epoch, set_policy and get_policy in @ops. Their @arg has to be a
 * struct e2ee_room_kernel, or a struct whose first member is one. If @ctx is NULL,
 * each returns -ENODEV.
 */
struct e2ee_room_kernel {
	struct e2ee_ctx *ctx;
	struct e2ee_session session;	/* by name or id; if both, they must agree */
};

void e2ee_room_kernel_ops(struct e2ee_room_ops *ops);

#ifdef __cplusplus
}
#endif

#endif /* _E2EE_ROOM_H */
