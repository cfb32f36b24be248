/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What requests do to the keys of a session.
 */
#ifndef E2EE_KEYRING_H
#define E2EE_KEYRING_H

#include <linux/types.h>

struct e2ee_key_param;
struct e2ee_net;
struct e2ee_refusal;
struct e2ee_session;

/* process context, under struct e2ee_net.lock, may sleep */
int e2ee_key_new(struct e2ee_session *session,
		 const struct e2ee_key_param *param, struct e2ee_refusal *why);
void e2ee_key_begin(struct e2ee_session *session, u64 serial);
void e2ee_key_undo(struct e2ee_session *session, u64 serial);
int e2ee_key_set(struct e2ee_session *session,
		 const struct e2ee_key_param *param, struct e2ee_refusal *why);
int e2ee_key_del(struct e2ee_session *session,
		 const struct e2ee_key_param *param, struct e2ee_refusal *why);
void e2ee_key_del_all(struct e2ee_session *session);

/* init and exit */
int e2ee_keyring_net_init(struct e2ee_net *enet);
void e2ee_keyring_net_exit(struct e2ee_net *enet);

#endif /* E2EE_KEYRING_H */
