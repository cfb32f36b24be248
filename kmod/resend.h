/* SPDX-License-Identifier: GPL-2.0 */
#ifndef E2EE_RESEND_H
#define E2EE_RESEND_H

#include <linux/types.h>

struct e2ee_session;
struct sk_buff;
struct sock;

/* process context, sleeps */
bool e2ee_resend(struct sock *sk, struct e2ee_session *session,
		 struct sk_buff *skb);

#endif /* E2EE_RESEND_H */
