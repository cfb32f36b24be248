/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events: what userland hears over the multicast group, rate limited.
 */
#ifndef E2EE_EVENT_H
#define E2EE_EVENT_H

#include <linux/types.h>
#include <linux/e2ee.h>

struct e2ee_net;
struct e2ee_session;
struct genl_family;
struct sock;

extern struct genl_family e2ee_genl_family;

/* which members of struct e2ee_event_msg are meant */
enum e2ee_event_given {
	E2EE_EVENT_HAS_SOCKET = 1U << 0,
	E2EE_EVENT_HAS_DIR = 1U << 1,
	E2EE_EVENT_HAS_KID = 1U << 2,
	E2EE_EVENT_HAS_SSRC = 1U << 3,
	E2EE_EVENT_HAS_EPOCH = 1U << 4,
	E2EE_EVENT_HAS_ERROR = 1U << 5,
	E2EE_EVENT_HAS_COUNT = 1U << 6,
	E2EE_EVENT_HAS_SK = 1U << 7,
};

/**
 * struct e2ee_event_msg - an event
 * @type: enum e2ee_event
 * @given: enum e2ee_event_given
 * @socket: its id
 * @dir: enum e2ee_dir
 * @kid: KID
 * @ssrc: SSRC
 * @epoch: epoch
 * @error: errno, positive
 * @count: how many
 * @sk: a socket that has no id; the caller has a reference
 */
struct e2ee_event_msg {
	u32 type;
	u32 given;
	u64 socket;
	u32 dir;
	u64 kid;
	u32 ssrc;
	u32 epoch;
	u32 error;
	u64 count;
	struct sock *sk;
};

/* process context */
void e2ee_event_session_init(struct e2ee_session *session);

/*
 * Any context but hard interrupt, allocates with GFP_ATOMIC. The session may
 * be NULL (digest-filling). Events about packets (key-missing, auth-burst,
 * srtp-seen, attach-failed) take a token of their session's bucket.
 */
void e2ee_event_send(struct e2ee_net *enet, struct e2ee_session *session,
		     const struct e2ee_event_msg *msg);
/* counts a wrong tag; sends auth-burst at 16 within a second, once a burst */
void e2ee_event_auth_fail(struct e2ee_session *session, u64 kid);

#endif /* E2EE_EVENT_H */
