/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Streams: sending keys by epoch and SSRC.
 */
#ifndef E2EE_STREAM_H
#define E2EE_STREAM_H

#include <linux/jiffies.h>
#include <linux/types.h>

struct e2ee_key;
struct e2ee_net;
struct e2ee_recent;
struct e2ee_refusal;
struct e2ee_session;

#define E2EE_RECENT_TIME	(2 * HZ)	/* a stream that sent lately */

/* process context, under struct e2ee_net.lock */
int e2ee_stream_start(struct e2ee_key *key, struct e2ee_refusal *why);
void e2ee_stream_stop(struct e2ee_key *key);
int e2ee_stream_epoch_check(struct e2ee_session *session, u32 epoch,
			    struct e2ee_refusal *why);
struct e2ee_recent *e2ee_recent_new(void);

/* softirq or process context, under rcu_read_lock() */
struct e2ee_key *e2ee_stream_key(struct e2ee_session *session, u32 epoch,
				 u32 ssrc);
int e2ee_stream_next_ctr(struct e2ee_key *key, u32 ssrc, u64 *ctr);

/* init and exit */
int e2ee_stream_net_init(struct e2ee_net *enet);
void e2ee_stream_net_exit(struct e2ee_net *enet);

#endif /* E2EE_STREAM_H */
