// SPDX-License-Identifier: GPL-2.0
/* Packets whose cipher may answer late, and those behind them. */

/**
 * DOC: asynchronous ciphers
 *
 * A session may name a driver that answers late. A packet for such a key cannot be
 * sealed or opened where it is met, because nobody may sleep there. So it waits
 * for a work item, which may. From then on all packets of its socket and its
 * direction, of whatever kind, queue behind it, so that their order stays. Bottom
 * halves are off between two answers, so the work item ends after
 * E2EE_LATER_BUDGET packets and has itself queued again: a flood that refills
 * the queue all the time does not keep a CPU from its softirqs, nor other sockets
 * from their turn.
 *
 * A packet in the queue keeps the session that it came to, so that it gets its
 * verdict even if the socket is detached or closed before its turn.
 */
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/sock.h>
#include "later.h"
#include "session.h"
#include "stats.h"

#define E2EE_LATER_BUDGET	64	/* packets in one go */

static struct workqueue_struct *e2ee_later_wq;

static void e2ee_later_work(struct work_struct *work);

/**
 * e2ee_later_setup() - an empty queue
 * @later: to be filled
 * @sk: whose packets wait there; NULL: those of many
 * @go_on: what to do with each
 */
void e2ee_later_setup(struct e2ee_later *later, struct sock *sk,
		      e2ee_later_work_t go_on)
{
	spin_lock_init(&later->lock);
	INIT_LIST_HEAD(&later->packets);
	INIT_WORK(&later->work, e2ee_later_work);
	later->sk = sk;
	later->go_on = go_on;
}

static void e2ee_late_free(struct e2ee_late *late, struct net_device *dev)
{
	dev_put(dev);
	e2ee_session_put(late->session);
	kfree(late);
	e2ee_object_destroyed(E2EE_OBJECT_LATE);
}

/* An skb that outlives this call keeps its route and its device. */
static struct e2ee_late *e2ee_late_new(struct e2ee_session *session,
				       struct sk_buff *skb,
				       const struct nf_hook_state *state)
{
	struct e2ee_late *late;

	late = kzalloc(sizeof(*late), GFP_ATOMIC | __GFP_NOWARN);
	if (!late)
		return NULL;
	if (!skb_dst_force(skb) || !e2ee_session_tryget(session)) {
		kfree(late);
		return NULL;
	}
	late->skb = skb;
	late->session = session;
	if (state)
		late->state = *state;
	dev_hold(state ? state->out : skb->dev);
	e2ee_object_created(E2EE_OBJECT_LATE);
	return late;
}

/* -ENOENT: the queue is idle, and is not to begin */
static int e2ee_later_may_add(struct e2ee_later *later, u32 size, u32 limit,
			      bool begin)
{
	lockdep_assert_held(&later->lock);
	if (!later->busy && !begin)
		return -ENOENT;
	if (later->size + size > limit)
		return -ENOBUFS;
	/* it is being freed, and has no packets any more */
	if (!later->busy && later->sk &&
	    !refcount_inc_not_zero(&later->sk->sk_refcnt))
		return -ENOBUFS;
	return 0;
}

/**
 * e2ee_later_add() - have a packet wait for its turn
 * @later: where
 * @session: what it came to
 * @skb: the packet
 * @state: where netfilter gave it to us; NULL: it was received
 * @limit: the most that may wait, bytes
 * @begin: it is the first one whose cipher may answer late; else it only joins
 *	those that wait
 *
 * Context: any but hard interrupt, under rcu_read_lock().
 * Return: 0: @skb is not the caller's any more; -ENOENT: none waits; -ENOBUFS: no
 * room.
 */
int e2ee_later_add(struct e2ee_later *later, struct e2ee_session *session,
		   struct sk_buff *skb, const struct nf_hook_state *state,
		   u32 limit, bool begin)
{
	u32 size = skb->truesize;
	struct e2ee_late *late;
	int err;

	late = e2ee_late_new(session, skb, state);
	if (!late)
		return -ENOBUFS;
	spin_lock_bh(&later->lock);
	err = e2ee_later_may_add(later, size, limit, begin);
	if (!err) {
		list_add_tail(&late->node, &later->packets);
		later->size += size;
		if (!later->busy) {
			WRITE_ONCE(later->busy, true);
			queue_work(e2ee_later_wq, &later->work);
		}
	}
	spin_unlock_bh(&later->lock);
	if (err)
		e2ee_late_free(late, state ? state->out : skb->dev);
	return err;
}

/* the next packet; NULL: there is none, and the queue is idle */
static struct e2ee_late *e2ee_later_next(struct e2ee_later *later)
{
	struct e2ee_late *late;

	spin_lock_bh(&later->lock);
	late = list_first_entry_or_null(&later->packets, struct e2ee_late,
					node);
	if (late) {
		list_del(&late->node);
		later->size -= late->skb->truesize;
	} else {
		WRITE_ONCE(later->busy, false);
	}
	spin_unlock_bh(&later->lock);
	return late;
}

static void e2ee_later_work(struct work_struct *work)
{
	struct e2ee_later *later = container_of(work, struct e2ee_later, work);
	struct sock *sk = later->sk;
	int budget = E2EE_LATER_BUDGET;
	struct net_device *dev;
	struct e2ee_late *late;

	do {
		late = e2ee_later_next(later);
		if (!late)
			break;
		dev = late->state.out ?: late->skb->dev;
		rcu_read_lock();
		local_bh_disable();
		later->go_on(later, late);
		local_bh_enable();
		rcu_read_unlock();
		e2ee_late_free(late, dev);
	} while (--budget);
	if (late)
		queue_work(e2ee_later_wq, work);
	else if (sk)
		sock_put(sk);
}

int e2ee_later_init(void)
{
	e2ee_later_wq = alloc_workqueue("e2ee_later",
					WQ_UNBOUND | WQ_HIGHPRI, 0);
	return e2ee_later_wq ? 0 : -ENOMEM;
}

void e2ee_later_exit(void)
{
	destroy_workqueue(e2ee_later_wq);
}
