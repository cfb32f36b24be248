// SPDX-License-Identifier: GPL-2.0
/* Sockets that a guard is about to attach, and packets that they received before. */

/**
 * DOC: holds
 *
 * The first media of a socket in a guard's range makes a hold (struct e2ee_hold) and
 * queues its work, which attaches the socket. What the socket sends meanwhile is
 * sealed where it is. What it receives waits in the hold, as a replay window
 * belongs to an attached socket, and goes on from where it was taken, in order,
 * once the socket is attached.
 */
#include <linux/cpu.h>
#include <linux/hash.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include "event.h"
#include "guard.h"
#include "hold.h"
#include "hook.h"
#include "net.h"
#include "session.h"
#include "socket.h"
#include "stats.h"
#include "verdict.h"
#include "compat/compat.h"

#define E2EE_HOLD_PACKETS	64	/* a socket */
#define E2EE_HOLD_AGAIN		msecs_to_jiffies(10)
#define E2EE_HOLD_BUCKETS	64

/**
 * struct e2ee_hold_net - a namespace's holds
 * @lock: protects @holds and their queues; softirq safe
 * @holds: struct e2ee_hold.node, by socket
 * @num_holds: entries of @holds; read without a lock
 * @empty: where the end of the namespace waits for the last of them
 */
struct e2ee_hold_net {
	spinlock_t lock;	/* holds, their queues */
	struct hlist_head holds[E2EE_HOLD_BUCKETS];
	unsigned int num_holds;
	wait_queue_head_t empty;
};

/**
 * struct e2ee_hold - a socket that is about to be attached
 * @node: in struct e2ee_hold_net.holds
 * @work: attaches and empties; on the CPU of the first packet
 * @cpu: that one, if it is online
 * @until: jiffies at which it gives up to wait for the socket's lock
 * @enet: the namespace
 * @sk: the socket, with a reference
 * @session: where it goes, with a reference
 * @guard: id of the guard
 * @queue: struct e2ee_held.node, oldest first
 * @len: entries of @queue
 * @size: their memory, bytes
 */
struct e2ee_hold {
	struct hlist_node node;
	struct delayed_work work;
	int cpu;
	unsigned long until;
	struct e2ee_net *enet;
	struct sock *sk;
	struct e2ee_session *session;
	u32 guard;
	struct list_head queue;
	unsigned int len;
	unsigned int size;
};

/**
 * struct e2ee_held - a held packet
 * @node: in struct e2ee_hold.queue
 * @skb: the packet; its control block is the stack's
 * @state: where it was taken; holds a reference on its device
 * @receive: goes on with it
 */
struct e2ee_held {
	struct list_head node;
	struct sk_buff *skb;
	struct nf_hook_state state;
	e2ee_hold_receive_t receive;
};

static struct workqueue_struct *e2ee_hold_wq;

static struct hlist_head *e2ee_hold_bucket(struct e2ee_hold_net *hnet,
					   const struct sock *sk)
{
	return &hnet->holds[hash_ptr(sk, ilog2(E2EE_HOLD_BUCKETS))];
}

static struct e2ee_hold *e2ee_hold_find(struct e2ee_hold_net *hnet,
					const struct sock *sk)
{
	struct e2ee_hold *hold;

	lockdep_assert_held(&hnet->lock);
	hlist_for_each_entry(hold, e2ee_hold_bucket(hnet, sk), node)
		if (hold->sk == sk)
			return hold;
	return NULL;
}

/* the next packet, or the end of the hold, after which none can join it */
static struct e2ee_held *e2ee_hold_next(struct e2ee_hold *hold)
{
	struct e2ee_hold_net *hnet = hold->enet->hold;
	struct e2ee_held *held;

	spin_lock_bh(&hnet->lock);
	held = list_first_entry_or_null(&hold->queue, struct e2ee_held, node);
	if (held) {
		list_del(&held->node);
		hold->len--;
		hold->size -= held->skb->truesize;
	} else {
		hlist_del(&hold->node);
		WRITE_ONCE(hnet->num_holds, hnet->num_holds - 1);
		wake_up_all(&hnet->empty);
	}
	spin_unlock_bh(&hnet->lock);
	return held;
}

static void e2ee_hold_release(struct e2ee_hold *hold, struct e2ee_held *held,
			      bool attached)
{
	if (attached) {
		held->receive(hold->sk, held->skb, &held->state);
	} else {
		kfree_skb(held->skb);
		e2ee_note(NULL, hold->session, E2EE_A_STAT_GUARD_DROP);
	}
	dev_put(held->state.in);
	kfree(held);
}

static void e2ee_hold_failed(struct e2ee_hold *hold, int err)
{
	struct e2ee_event_msg msg = {
		.type = E2EE_EVENT_ATTACH_FAILED,
		.given = E2EE_EVENT_HAS_ERROR | E2EE_EVENT_HAS_SK,
		.error = -err,
		.sk = hold->sk,
	};

	e2ee_event_send(hold->enet, hold->session, &msg);
}

/*
 * -EAGAIN: somebody has the lock of the socket, or that of the namespace, which
 * its owner may keep busy: holds of other namespaces do not wait behind that.
 */
static int e2ee_hold_attach(struct e2ee_hold *hold)
{
	struct e2ee_net *enet = hold->enet;
	struct e2ee_refusal why = {};
	struct e2ee_guard *guard;
	int err;

	if (!mutex_trylock(&enet->lock))
		return -EAGAIN;
	err = e2ee_socket_attach(hold->sk, hold->session, hold->guard, &why);
	guard = e2ee_guard_by_id(enet, hold->guard);
	if (!err && guard)
		atomic_inc(&guard->sockets);
	mutex_unlock(&enet->lock);
	if (!err)
		e2ee_socket_settle(hold->sk, hold->session);
	return err == -EEXIST ? 0 : err;	/* somebody else did it */
}

/* a timer that is set on a CPU that is offline waits until it is not */
static void e2ee_hold_try_again(struct e2ee_hold *hold)
{
	cpus_read_lock();
	queue_delayed_work_on(cpu_online(hold->cpu) ? hold->cpu :
						      WORK_CPU_UNBOUND,
			      e2ee_hold_wq, &hold->work, E2EE_HOLD_AGAIN);
	cpus_read_unlock();
}

static void e2ee_hold_work(struct work_struct *work)
{
	struct e2ee_hold *hold = container_of(to_delayed_work(work),
					      struct e2ee_hold, work);
	struct e2ee_held *held;
	int err;

	err = e2ee_hold_attach(hold);
	/* not to wait here: others' holds need their turn */
	if (err == -EAGAIN && time_before(jiffies, hold->until)) {
		e2ee_hold_try_again(hold);
		return;
	}
	/* a socket that was closed meanwhile has nothing to say any more */
	if (err && err != -ESHUTDOWN)
		e2ee_hold_failed(hold, err);
	while ((held = e2ee_hold_next(hold)))
		e2ee_hold_release(hold, held, !err);
	/* they may have stayed for what was held */
	if (!READ_ONCE(hold->enet->num_guards))
		e2ee_hooks_stop(&hold->enet->in);

	e2ee_session_put(hold->session);
	sock_put(hold->sk);
	kfree(hold);
	e2ee_object_destroyed(E2EE_OBJECT_HOLD);
}

static struct e2ee_hold *e2ee_hold_new(struct e2ee_net *enet, struct sock *sk,
				       const struct e2ee_guard *guard)
{
	struct e2ee_hold_net *hnet = enet->hold;
	struct e2ee_hold *hold;

	lockdep_assert_held(&hnet->lock);
	hold = kzalloc(sizeof(*hold), GFP_ATOMIC);
	if (!hold)
		return NULL;
	if (!refcount_inc_not_zero(&sk->sk_refcnt)) {
		kfree(hold);
		return NULL;
	}
	hold->enet = enet;
	hold->sk = sk;
	hold->session = e2ee_session_get(guard->session);
	hold->guard = guard->id;
	INIT_LIST_HEAD(&hold->queue);
	INIT_DELAYED_WORK(&hold->work, e2ee_hold_work);
	/* packets go on where they came in, so that their order stays */
	hold->cpu = smp_processor_id();
	hold->until = jiffies + E2EE_SOCKET_WAIT;
	hlist_add_head(&hold->node, e2ee_hold_bucket(hnet, sk));
	WRITE_ONCE(hnet->num_holds, hnet->num_holds + 1);
	e2ee_object_created(E2EE_OBJECT_HOLD);
	queue_delayed_work_on(hold->cpu, e2ee_hold_wq, &hold->work, 0);
	return hold;
}

/* as many bytes as could wait in the socket, and one packet in any case */
static bool e2ee_hold_has_room(const struct e2ee_hold *hold)
{
	return hold->len < E2EE_HOLD_PACKETS &&
	       hold->size <= READ_ONCE(hold->sk->sk_rcvbuf);
}

/*
 * The stack may have chosen the receiver of a packet already: perhaps another
 * one than the socket that is attached first. It relies on RCU alone, which does
 * not last as long as a hold.
 */
static bool e2ee_hold_receiver(struct sk_buff *skb)
{
	if (!skb_sk_is_prefetched(skb) || sk_is_refcounted(skb->sk))
		return true;
	if (!refcount_inc_not_zero(&skb->sk->sk_refcnt))
		return false;
	skb->destructor = sock_edemux;	/* puts it */
	return true;
}

static bool e2ee_hold_add(struct e2ee_hold *hold, struct sk_buff *skb,
			  const struct nf_hook_state *state,
			  e2ee_hold_receive_t receive)
{
	struct e2ee_held *held;

	if (!e2ee_hold_has_room(hold))
		return false;
	held = kmalloc(sizeof(*held), GFP_ATOMIC);
	if (!held)
		return false;
	if (!e2ee_hold_receiver(skb) || !skb_dst_force(skb)) {
		kfree(held);
		return false;
	}
	held->skb = skb;
	held->state = *state;
	held->receive = receive;
	dev_hold(held->state.in);
	list_add_tail(&held->node, &hold->queue);
	hold->len++;
	hold->size += skb->truesize;
	return true;
}

/**
 * e2ee_hold_packet() - keep a received packet until its socket is attached
 * @sk: its socket
 * @guard: in whose name a hold may begin; NULL: there must be one
 * @skb: the packet
 * @state: where it was taken, in a netfilter hook
 * @receive: goes on with it
 *
 * Context: any but hard interrupt, under rcu_read_lock().
 * Return: NF_STOLEN: held, or dropped and counted; NF_ACCEPT: left alone, as
 * there is no hold.
 */
unsigned int e2ee_hold_packet(struct sock *sk, const struct e2ee_guard *guard,
			      struct sk_buff *skb,
			      const struct nf_hook_state *state,
			      e2ee_hold_receive_t receive)
{
	struct e2ee_net *enet = e2ee_net(state->net);
	struct e2ee_session *session;
	struct e2ee_hold *hold;
	bool held;

	spin_lock_bh(&enet->hold->lock);
	hold = e2ee_hold_find(enet->hold, sk);
	if (!hold && !guard) {
		spin_unlock_bh(&enet->hold->lock);
		return NF_ACCEPT;
	}
	if (!hold)
		hold = e2ee_hold_new(enet, sk, guard);
	/* under the lock: the session is the hold's */
	session = hold ? hold->session : guard->session;
	held = hold && e2ee_hold_add(hold, skb, state, receive);
	e2ee_note(NULL, session, held ? E2EE_A_STAT_GUARD_HELD :
					E2EE_A_STAT_GUARD_DROP);
	spin_unlock_bh(&enet->hold->lock);
	if (!held)
		kfree_skb(skb);
	return NF_STOLEN;
}

/**
 * e2ee_hold_socket() - have a socket attached soon
 * @sk: the socket, which sends media
 * @guard: in whose name
 *
 * Where there is no memory for it the next packet asks again.
 *
 * Context: any but hard interrupt, under rcu_read_lock().
 */
void e2ee_hold_socket(struct sock *sk, const struct e2ee_guard *guard)
{
	struct e2ee_net *enet = guard->session->enet;

	spin_lock_bh(&enet->hold->lock);
	if (!e2ee_hold_find(enet->hold, sk))
		e2ee_hold_new(enet, sk, guard);
	spin_unlock_bh(&enet->hold->lock);
}

/**
 * e2ee_hold_any() - has any socket of the namespace a hold?
 * @enet: the namespace
 *
 * A guess, as it takes no lock: a packet that comes together with the one that
 * makes a hold is before or after it.
 *
 * Context: any.
 */
bool e2ee_hold_any(const struct e2ee_net *enet)
{
	return READ_ONCE(enet->hold->num_holds);
}

int e2ee_hold_net_init(struct e2ee_net *enet)
{
	enet->hold = kzalloc(sizeof(*enet->hold), GFP_KERNEL);
	if (!enet->hold)
		return -ENOMEM;
	spin_lock_init(&enet->hold->lock);
	init_waitqueue_head(&enet->hold->empty);
	return 0;
}

/*
 * The hooks are gone: none comes any more, but some may be held still, if it is the
 * module that goes: a socket keeps its namespace.
 */
void e2ee_hold_net_exit(struct e2ee_net *enet)
{
	struct e2ee_hold_net *hnet = enet->hold;

	wait_event(hnet->empty, !READ_ONCE(hnet->num_holds));
	/* who emptied the last one has left the lock, and looks here no more */
	spin_lock_bh(&hnet->lock);
	spin_unlock_bh(&hnet->lock);
	kfree(hnet);
}

int e2ee_hold_init(void)
{
	/* queues of a CPU keep order */
	e2ee_hold_wq = alloc_workqueue("e2ee_hold",
				       WQ_HIGHPRI | E2EE_COMPAT_WQ_PERCPU, 0);
	return e2ee_hold_wq ? 0 : -ENOMEM;
}

void e2ee_hold_exit(void)
{
	destroy_workqueue(e2ee_hold_wq);
}
