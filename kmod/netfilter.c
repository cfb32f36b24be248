// SPDX-License-Identifier: GPL-2.0
/* Our hooks in netfilter. */

/**
 * DOC: hooks in netfilter
 *
 * Packets of a namespace are looked at only while the namespace needs it. To
 * register takes a lock of the whole host and, under that lock, allocates memory
 * at the expense of whoever registers. So a work item registers, at nobody's
 * expense, and a request that needs the hooks is told to ask again until they are
 * there: what is there does protect.
 */
#include <linux/rcupdate.h>
#include "net.h"
#include "netfilter.h"
#include "refusal.h"

/* how long hooks stay that were asked for but are needed by nobody */
#define E2EE_HOOKS_WAIT		(10 * HZ)

const char e2ee_netfilter_priv;

static struct workqueue_struct *e2ee_netfilter_wq;

static bool e2ee_hooks_are_wanted(const struct e2ee_hooks *hooks)
{
	return hooks->wanted(hooks->enet) ||
	       time_before(jiffies, hooks->until);
}

static void e2ee_hooks_register(struct e2ee_hooks *hooks)
{
	int err = nf_register_net_hooks(hooks->enet->net, hooks->ops,
					hooks->num);

	mutex_lock(&hooks->enet->lock);
	hooks->there = !err;
	hooks->err = err;
	mutex_unlock(&hooks->enet->lock);
}

static void e2ee_hooks_unregister(struct e2ee_hooks *hooks)
{
	nf_unregister_net_hooks(hooks->enet->net, hooks->ops, hooks->num);
	/* the end of a namespace waits for us, not for packets */
	synchronize_rcu_expedited();
}

/* Nobody else registers or unregisters before the namespace ends. */
static void e2ee_hooks_work(struct work_struct *work)
{
	struct e2ee_hooks *hooks = container_of(to_delayed_work(work),
						struct e2ee_hooks, work);
	struct e2ee_net *enet = hooks->enet;
	bool had, wanted;

	mutex_lock(&enet->lock);
	had = hooks->there;
	wanted = e2ee_hooks_are_wanted(hooks);
	/* while the hooks are still there: from now on nobody relies on them */
	hooks->there = had && wanted;
	/* where what they were asked for is never made, they go again */
	if (wanted && !hooks->wanted(enet))
		queue_delayed_work(e2ee_netfilter_wq, &hooks->work,
				   E2EE_HOOKS_WAIT);
	mutex_unlock(&enet->lock);

	if (wanted && !had)
		e2ee_hooks_register(hooks);
	else if (had && !wanted)
		e2ee_hooks_unregister(hooks);
}

/**
 * e2ee_hooks_start() - look at the packets of a namespace
 * @hooks: which hooks
 * @why: told where they do not look yet
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: 0: they look; -EAGAIN: not yet; -ENOMEM and others: the last attempt
 * failed, and the next call makes another one.
 */
int e2ee_hooks_start(struct e2ee_hooks *hooks, struct e2ee_refusal *why)
{
	int err = hooks->err;

	lockdep_assert_held(&hooks->enet->lock);
	if (hooks->there)
		return 0;
	hooks->err = 0;
	if (err)
		return err;
	hooks->until = jiffies + E2EE_HOOKS_WAIT;
	mod_delayed_work(e2ee_netfilter_wq, &hooks->work, 0);
	return e2ee_refuse(why, 0, -EAGAIN,
			   "the namespace is being prepared: ask again");
}

/**
 * e2ee_hooks_stop() - look no more, if nobody needs it
 * @hooks: which hooks
 *
 * Context: any but hard interrupt. Packets are looked at for a moment longer.
 */
void e2ee_hooks_stop(struct e2ee_hooks *hooks)
{
	mod_delayed_work(e2ee_netfilter_wq, &hooks->work, 0);
}

/**
 * e2ee_netfilter_go_on() - send a packet on its way behind our hook
 * @skb: the packet, which one of our hooks took
 * @taken: where
 *
 * Hooks of the same priority are called in the reverse order of their
 * registration, so those behind us include some of our own priority.
 *
 * Context: under rcu_read_lock(), as the hook was.
 * Return: what the stack returns for it.
 */
int e2ee_netfilter_go_on(struct sk_buff *skb, const struct nf_hook_state *taken)
{
	struct nf_hook_state state = *taken;
	const struct nf_hook_entries *hooks;
	unsigned int i = 0;
	int ret = 1;

	if (state.pf == NFPROTO_IPV4)
		hooks = rcu_dereference(state.net->nf.hooks_ipv4[state.hook]);
	else
		hooks = rcu_dereference(state.net->nf.hooks_ipv6[state.hook]);
	while (hooks && i < hooks->num_hook_entries &&
	       hooks->hooks[i].priv != &e2ee_netfilter_priv)
		i++;
	/* where ours are gone, all that are left come behind the first, or none */
	if (hooks && i < hooks->num_hook_entries)
		ret = nf_hook_slow(skb, &state, hooks, i + 1);
	else if (hooks && state.hook == NF_INET_LOCAL_OUT)
		ret = nf_hook_slow(skb, &state, hooks, 0);
	return ret == 1 ? state.okfn(state.net, state.sk, skb) : ret;
}

void e2ee_hooks_setup(struct e2ee_hooks *hooks, struct e2ee_net *enet,
		      const struct nf_hook_ops *ops, unsigned int num,
		      bool (*wanted)(const struct e2ee_net *enet))
{
	hooks->enet = enet;
	hooks->ops = ops;
	hooks->num = num;
	hooks->wanted = wanted;
	hooks->until = jiffies;
	INIT_DELAYED_WORK(&hooks->work, e2ee_hooks_work);
}

/* nobody needs them any more; sleeps until no packet is being looked at */
void e2ee_hooks_exit(struct e2ee_hooks *hooks)
{
	cancel_delayed_work_sync(&hooks->work);
	if (!hooks->there)
		return;
	hooks->there = false;
	e2ee_hooks_unregister(hooks);
}

int e2ee_netfilter_init(void)
{
	e2ee_netfilter_wq = alloc_workqueue("e2ee_netfilter", WQ_UNBOUND, 0);
	return e2ee_netfilter_wq ? 0 : -ENOMEM;
}

void e2ee_netfilter_exit(void)
{
	destroy_workqueue(e2ee_netfilter_wq);
}
