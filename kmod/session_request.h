/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What requests do to sessions.
 */
#ifndef E2EE_SESSION_REQUEST_H
#define E2EE_SESSION_REQUEST_H

#include <linux/bits.h>
#include <linux/types.h>
#include <linux/e2ee.h>

struct e2ee_net;
struct e2ee_refusal;
struct e2ee_session;

/* which members of struct e2ee_session_param a request gives */
enum e2ee_session_given {
	E2EE_SESSION_HAS_POLICY = 1U << 0,
	E2EE_SESSION_HAS_WINDOW = 1U << 1,
	E2EE_SESSION_HAS_RTX_PT = 1U << 2,
	E2EE_SESSION_HAS_CRYPTO = 1U << 3,
	E2EE_SESSION_HAS_FLAGS = 1U << 4,
	E2EE_SESSION_HAS_EPOCH = 1U << 5,
};

/**
 * struct e2ee_session_param - a request to make or change a session
 * @given: enum e2ee_session_given; the rest keeps its value or default
 * @name: NUL terminated
 * @policy: enum e2ee_policy
 * @window: replay window of keys added from now on, packets
 * @rtx_pt: bitmap of the payload types that are RTX
 * @crypto: name of the driver of keys added from now on; "" is the best one
 * @flags: enum e2ee_session_flag
 * @epoch: epoch whose keys send
 * @force: switch the epoch though a stream would lack a key
 */
struct e2ee_session_param {
	u32 given;
	char name[E2EE_SESSION_NAME_MAX + 1];
	u32 policy;
	u32 window;
	unsigned long rtx_pt[BITS_TO_LONGS(128)];
	char crypto[E2EE_CRYPTO_NAME_MAX + 1];
	u32 flags;
	u32 epoch;
	bool force;
};

/* process context, under struct e2ee_net.lock, may sleep */
struct e2ee_session *e2ee_session_new(struct e2ee_net *enet,
				      const struct e2ee_session_param *param,
				      struct e2ee_refusal *why);
int e2ee_session_set(struct e2ee_session *session,
		     const struct e2ee_session_param *param,
		     struct e2ee_refusal *why);
int e2ee_session_del(struct e2ee_session *session, struct e2ee_refusal *why);

#endif /* E2EE_SESSION_REQUEST_H */
