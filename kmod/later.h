/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets whose cipher may answer late, and those behind them.
 */
#ifndef E2EE_LATER_H
#define E2EE_LATER_H

#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct e2ee_later;
struct e2ee_session;
struct sk_buff;
struct sock;

/**
 * struct e2ee_late - a packet that waits for its turn
 * @node: in struct e2ee_later.packets
 * @skb: the packet; holds references on its route and its device
 * @session: what it came to; holds a reference
 * @state: where netfilter gave a packet to send to us
 */
struct e2ee_late {
	struct list_head node;
	struct sk_buff *skb;
	struct e2ee_session *session;
	struct nf_hook_state state;
};

/**
 * typedef e2ee_later_work_t - go on with a packet
 * @later: where it waited
 * @late: the packet, whose skb is the callee's now
 *
 * Context: process, under rcu_read_lock(), bottom halves off; the callee may leave
 * both for a while, and sleep.
 */
typedef void (*e2ee_later_work_t)(struct e2ee_later *later,
				  struct e2ee_late *late);

/**
 * struct e2ee_later - packets in the order in which they came
 * @lock: protects @packets, @size and @busy; softirq safe
 * @packets: struct e2ee_late.node
 * @size: their memory, bytes
 * @busy: all packets have to join; read without a lock. Holds a reference on @sk
 * @sk: the socket; NULL: packets of many sockets of a namespace
 * @work: goes on with @packets
 * @go_on: what it does with each
 */
struct e2ee_later {
	spinlock_t lock;	/* packets, size, busy */
	struct list_head packets;
	u32 size;
	bool busy;
	struct sock *sk;
	struct work_struct work;
	e2ee_later_work_t go_on;
};

/* process context */
void e2ee_later_setup(struct e2ee_later *later, struct sock *sk,
		      e2ee_later_work_t go_on);

/* any context but hard interrupt, under rcu_read_lock() */
int e2ee_later_add(struct e2ee_later *later, struct e2ee_session *session,
		   struct sk_buff *skb, const struct nf_hook_state *state,
		   u32 limit, bool begin);

/* init and exit */
int e2ee_later_init(void);
void e2ee_later_exit(void);

#endif /* E2EE_LATER_H */
