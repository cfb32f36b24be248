/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Our hooks in netfilter.
 */
#ifndef E2EE_NETFILTER_H
#define E2EE_NETFILTER_H

#include <linux/netfilter.h>
#include <linux/workqueue.h>

struct e2ee_net;
struct e2ee_refusal;

/**
 * struct e2ee_hooks - hooks that see the packets of a namespace while it needs them
 * @enet: the namespace
 * @ops: what is registered; each has @priv &e2ee_netfilter_priv
 * @num: entries of @ops
 * @wanted: does the namespace need them? Under struct e2ee_net.lock
 * @there: they see packets; under struct e2ee_net.lock
 * @work: registers or unregisters them
 * @until: jiffies up to which they stay though nobody needs them; under
 *	struct e2ee_net.lock
 * @err: why the last attempt to register them failed; under struct e2ee_net.lock
 */
struct e2ee_hooks {
	struct e2ee_net *enet;
	const struct nf_hook_ops *ops;
	unsigned int num;
	bool (*wanted)(const struct e2ee_net *enet);
	bool there;
	struct delayed_work work;
	unsigned long until;
	int err;
};

extern const char e2ee_netfilter_priv;

/* process context, under struct e2ee_net.lock */
int e2ee_hooks_start(struct e2ee_hooks *hooks, struct e2ee_refusal *why);

/* any context but hard interrupt */
void e2ee_hooks_stop(struct e2ee_hooks *hooks);
int e2ee_netfilter_go_on(struct sk_buff *skb,
			 const struct nf_hook_state *taken);

/* init and exit */
void e2ee_hooks_setup(struct e2ee_hooks *hooks, struct e2ee_net *enet,
		      const struct nf_hook_ops *ops, unsigned int num,
		      bool (*wanted)(const struct e2ee_net *enet));
void e2ee_hooks_exit(struct e2ee_hooks *hooks);
int e2ee_netfilter_init(void);
void e2ee_netfilter_exit(void);

#endif /* E2EE_NETFILTER_H */
