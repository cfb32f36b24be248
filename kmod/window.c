// SPDX-License-Identifier: GPL-2.0
/* Replay windows of a key at a socket. */

/**
 * DOC: lifetime
 *
 * A window is made by the first packet that a socket authenticates with a key. It
 * starts where the key stands at any socket, and accepts nothing up to the highest
 * CTR of sockets that are gone: a fresh socket is no way to replay. It is in two
 * lists, which are changed under struct e2ee_net.windows_lock: that of its history,
 * which packets search under RCU (few sockets share a key), and that of its socket,
 * by which it is found when the socket goes. It is freed a grace period after the
 * first of history and socket is gone.
 */

/**
 * DOC: keys with one secret
 *
 * An AEAD key may be installed more than once in a session, bound to the SSRCs of
 * several streams of one sender, for whom each CTR is one packet whatever its SSRC is.
 * So all these keys use the same windows, and a packet that comes once more with
 * another SSRC is a replay. The windows belong to a history, which lives as long as
 * any key that uses it.
 */

/**
 * DOC: memory
 *
 * A packet comes in nobody's name, so its window is charged to the memory cgroup
 * of whoever made the session, which keeps a reference on it. A window may
 * outlive the session: its charge goes when it does. At the limit each key still
 * gets its first window; packets that need another one are dropped (rx_busy):
 * they cannot wait for memory to be reclaimed. In the root cgroup and without
 * CONFIG_MEMCG there is no limit, as for all other memory.
 */
#include <linux/memcontrol.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/sock.h>
#include "key.h"
#include "memory.h"
#include "net.h"
#include "wire/replay.h"
#include "session.h"
#include "socket.h"
#include "stats.h"
#include "window.h"

/**
 * struct e2ee_history - what was received in a session with one secret
 * @windows: struct e2ee_window.in_history, one a receiving socket
 * @ctr: lowest CTR that a new window accepts: where the first key began, or above it
 *	highest authenticated CTR + 1 on sockets that are gone
 * @packets: packets authenticated on sockets that are gone
 * @size: of the windows, packets
 * @ref: held by the keys that use it
 * @enet: its namespace, whose windows_lock protects it
 */
struct e2ee_history {
	struct list_head windows;
	atomic64_t ctr;
	u64 packets;
	u32 size;
	refcount_t ref;
	struct e2ee_net *enet;
};

/**
 * struct e2ee_window - a window
 * @in_history: in struct e2ee_history.windows
 * @in_socket: in struct e2ee_socket.windows
 * @rcu: frees it, once it is in no list
 * @history: whose it is, for @packets
 * @socket: where; valid under windows_lock, and else compared only
 * @lock: protects @packets and @replay; taken with bottom halves off, nests in
 *	struct e2ee_net.windows_lock
 * @packets: packets authenticated
 * @replay: CTRs seen
 */
struct e2ee_window {
	struct list_head in_history;
	union {
		struct list_head in_socket;
		struct rcu_head rcu;
	};
	struct e2ee_history *history;
	const struct e2ee_socket *socket;
	spinlock_t lock;	/* packets, replay */
	u64 packets;
	struct e2ee_replay replay;
};

/* windows of the default size, which kmalloc() would round up to 1 KiB */
static struct kmem_cache *e2ee_window_cache;

/**
 * e2ee_window_find() - the window of a key at a socket
 * @key: a receiving key
 * @socket: where a packet came in
 *
 * Context: softirq or process, under rcu_read_lock().
 * Return: the window, valid in this RCU section, or NULL.
 */
struct e2ee_window *e2ee_window_find(const struct e2ee_key *key,
				     const struct e2ee_socket *socket)
{
	struct e2ee_window *window;

	list_for_each_entry_rcu(window, &key->history->windows, in_history)
		if (window->socket == socket)
			return window;
	return NULL;
}

static u64 e2ee_window_reached(struct e2ee_window *window)
{
	u64 next;

	if (IS_ENABLED(CONFIG_64BIT))
		return e2ee_load_acquire(&window->replay.next);
	spin_lock_bh(&window->lock);
	next = window->replay.next;
	spin_unlock_bh(&window->lock);
	return next;
}

/* Highest CTR authenticated at any socket + 1 */
static u64 e2ee_history_next(const struct e2ee_history *history)
{
	struct e2ee_window *window;
	u64 next = 0;

	list_for_each_entry_rcu(window, &history->windows, in_history)
		next = max(next, e2ee_window_reached(window));
	smp_rmb();		/* pairs with e2ee_window_unlink() */
	return max_t(u64, next, atomic64_read(&history->ctr));
}

/**
 * e2ee_window_next() - highest CTR authenticated with a key at any socket + 1
 * @key: a receiving key
 *
 * Context: softirq or process, under rcu_read_lock().
 * Return: that of all keys with its history, or where the key began if it is higher.
 */
u64 e2ee_window_next(const struct e2ee_key *key)
{
	return max_t(u64, e2ee_history_next(key->history),
		     atomic64_read(&key->ctr));
}

static size_t e2ee_window_bytes(u32 size)
{
	return offsetof(struct e2ee_window, replay) + e2ee_replay_bytes(size);
}

static struct e2ee_window *e2ee_window_try(u32 size, gfp_t gfp)
{
	struct e2ee_window *window;

	gfp |= __GFP_NOWARN | __GFP_ACCOUNT;
	if (size == E2EE_WINDOW_DEFAULT)
		window = kmem_cache_alloc(e2ee_window_cache, gfp);
	else
		window = kmalloc(e2ee_window_bytes(size), gfp);
	if (window)
		window->replay.size = size;	/* e2ee_window_free() asks */
	return window;
}

/*
 * Charged to @memcg, whose limit holds, but for the first window of a key: a cgroup
 * may stand at its limit for nothing but cached files, which nobody gives up for a
 * packet's sake, and no member's media is to wait for that. __GFP_HIGH of
 * GFP_ATOMIC makes the difference. There are as many first windows as keys, so one
 * that goes beyond the limit is no wider than by default.
 */
static struct e2ee_window *e2ee_window_alloc(u32 size, struct mem_cgroup *memcg,
					     bool first)
{
	struct e2ee_window *window;
	struct mem_cgroup *old;

	old = set_active_memcg(memcg);
	window = e2ee_window_try(size, GFP_NOWAIT);
	if (!window && first)
		window = e2ee_window_try(min_t(u32, size, E2EE_WINDOW_DEFAULT),
					 GFP_ATOMIC);
	set_active_memcg(old);
	return window;
}

static void e2ee_window_free(struct e2ee_window *window)
{
	if (window->replay.size == E2EE_WINDOW_DEFAULT)
		kmem_cache_free(e2ee_window_cache, window);
	else
		kfree(window);
}

static void e2ee_window_free_rcu(struct rcu_head *rcu)
{
	e2ee_window_free(container_of(rcu, struct e2ee_window, rcu));
	e2ee_object_destroyed(E2EE_OBJECT_WINDOW);
}

/*
 * The lowest CTR that a new window accepts. A socket that was closed a moment ago
 * still has its windows, but counts as gone.
 */
static u64 e2ee_window_floor(const struct e2ee_history *history)
{
	u64 floor = atomic64_read(&history->ctr);
	struct e2ee_window *window;

	lockdep_assert_held(&history->enet->windows_lock);
	list_for_each_entry(window, &history->windows, in_history)
		if (sock_flag(window->socket->sk, SOCK_DEAD))
			floor = max(floor, e2ee_window_reached(window));
	return floor;
}

/* An error pointer: -ENOMEM; -ENOKEY, the key is deleted */
static struct e2ee_window *e2ee_window_new(struct e2ee_key *key,
					   struct e2ee_socket *socket,
					   struct mem_cgroup *memcg)
{
	struct e2ee_history *history = key->history;
	struct e2ee_window *window, *other;

	window = e2ee_window_alloc(history->size, memcg,
				   list_empty(&history->windows));
	if (!window)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&window->lock);
	window->history = history;
	window->socket = socket;
	window->packets = 0;

	spin_lock_bh(&socket->enet->windows_lock);
	other = test_bit(E2EE_KEY_CLOSED, &key->flags) ?
		ERR_PTR(-ENOKEY) : e2ee_window_find(key, socket);
	if (!other) {
		e2ee_replay_init(&window->replay, window->replay.size,
				 e2ee_window_floor(history),
				 e2ee_history_next(history));
		list_add(&window->in_socket, &socket->windows);
		list_add_rcu(&window->in_history, &history->windows);
	}
	spin_unlock_bh(&socket->enet->windows_lock);
	if (other) {		/* another CPU was first, or no key is left */
		e2ee_window_free(window);
		return other;
	}
	e2ee_object_created(E2EE_OBJECT_WINDOW);
	return window;
}

/**
 * e2ee_window_check() - would this CTR be accepted?
 * @key: a receiving key
 * @window: of @key where the packet came in; NULL: none yet
 * @ctr: from the packet, not yet authenticated
 *
 * Changes nothing: it only spares the decryption of what would be refused.
 *
 * Context: bottom halves off, under rcu_read_lock().
 */
bool e2ee_window_check(const struct e2ee_key *key, struct e2ee_window *window,
		       u64 ctr)
{
	const struct e2ee_history *history = key->history;
	u64 next;
	bool ok;

	if (ctr < (u64)atomic64_read(&key->ctr))
		return false;
	if (!window) {
		next = e2ee_history_next(history);
		return ctr != U64_MAX &&
		       ctr >= (u64)atomic64_read(&history->ctr) &&
		       (next <= history->size || ctr >= next - history->size);
	}
	if (IS_ENABLED(CONFIG_64BIT))
		return e2ee_replay_check(&window->replay, ctr);
	spin_lock(&window->lock);
	ok = e2ee_replay_check(&window->replay, ctr);
	spin_unlock(&window->lock);
	return ok;
}

/**
 * e2ee_window_accept() - move the window for an authenticated packet
 * @key: a receiving key
 * @socket: where the packet came in
 * @session: of @key; whoever made it is charged with a new window
 * @window: of @key there, if it was looked for already; else NULL
 * @ctr: from the packet, whose tag is right
 *
 * Context: bottom halves off, under rcu_read_lock().
 * Return: 0; -EALREADY: replayed, or older than the window; -ENOKEY: @key was
 * deleted meanwhile; -ENOMEM.
 */
int e2ee_window_accept(struct e2ee_key *key, struct e2ee_socket *socket,
		       const struct e2ee_session *session,
		       struct e2ee_window *window, u64 ctr)
{
	int err = 0;

	if (!window)
		window = e2ee_window_find(key, socket);
	if (!window)
		window = e2ee_window_new(key, socket, session->memcg);
	if (IS_ERR(window))
		return PTR_ERR(window);
	spin_lock(&window->lock);
	if (test_bit(E2EE_KEY_CLOSED, &key->flags))
		err = -ENOKEY;
	else if (!e2ee_replay_accept_next(&window->replay, ctr) &&
		 !e2ee_replay_accept(&window->replay, ctr))
		err = -EALREADY;
	if (!err && !test_bit(E2EE_KEY_OPENED, &key->flags))
		set_bit(E2EE_KEY_OPENED, &key->flags);
	/* e2ee_window_packets() looks on without this lock */
	WRITE_ONCE(window->packets, window->packets + !err);
	spin_unlock(&window->lock);
	return err;
}

/**
 * e2ee_window_close() - deliver nothing with a key any more
 * @key: a receiving key that is being deleted
 *
 * Packets may be at its windows. Each is accepted before this, and counts, or is
 * not accepted at all.
 *
 * Context: process.
 * Return: highest CTR authenticated with it, or with another key that has its history,
 * + 1, for good; 0 where this key has authenticated nothing.
 */
u64 e2ee_window_close(struct e2ee_key *key)
{
	struct e2ee_history *history = key->history;
	struct e2ee_window *window;
	u64 next;

	spin_lock_bh(&history->enet->windows_lock);
	set_bit(E2EE_KEY_CLOSED, &key->flags);
	next = atomic64_read(&history->ctr);
	list_for_each_entry(window, &history->windows, in_history) {
		/* whoever takes this lock next sees the bit */
		spin_lock(&window->lock);
		next = max(next, window->replay.next);
		spin_unlock(&window->lock);
	}
	spin_unlock_bh(&history->enet->windows_lock);
	return test_bit(E2EE_KEY_OPENED, &key->flags) ? next : 0;
}

/* No packet is at the window any more. What it knew stays in its history. */
static void e2ee_window_unlink(struct e2ee_window *window)
{
	struct e2ee_history *history = window->history;

	history->packets += window->packets;
	atomic64_set(&history->ctr, max_t(u64, atomic64_read(&history->ctr),
					  window->replay.next));
	smp_wmb();	/* whoever misses the window finds its CTR */
	list_del_rcu(&window->in_history);
	list_del(&window->in_socket);
	call_rcu(&window->rcu, e2ee_window_free_rcu);
}

/**
 * e2ee_window_packets() - packets authenticated with a key, at all sockets
 * @key: a receiving key
 *
 * Return: those of all keys with its history.
 */
u64 e2ee_window_packets(const struct e2ee_key *key)
{
	struct e2ee_history *history = key->history;
	struct e2ee_window *window;
	u64 packets;

	spin_lock_bh(&history->enet->windows_lock);
	packets = history->packets;
	list_for_each_entry(window, &history->windows, in_history)
		packets += READ_ONCE(window->packets);
	spin_unlock_bh(&history->enet->windows_lock);
	return packets;
}

/**
 * e2ee_history_new() - nothing was received with this secret yet
 * @enet: the namespace of its keys
 * @size: of the windows, packets
 * @ctr: lowest CTR to accept
 *
 * Context: process.
 * Return: to be given back by e2ee_history_put(), or NULL without memory.
 */
struct e2ee_history *e2ee_history_new(struct e2ee_net *enet, u32 size, u64 ctr)
{
	struct e2ee_history *history;

	history = kzalloc(sizeof(*history), E2EE_GFP_REQUEST);
	if (!history)
		return NULL;
	INIT_LIST_HEAD(&history->windows);
	atomic64_set(&history->ctr, ctr);
	history->size = size;
	refcount_set(&history->ref, 1);
	history->enet = enet;
	return history;
}

/**
 * e2ee_history_get() - another key with the same secret
 * @history: of a key that was not deleted
 *
 * Return: @history.
 */
struct e2ee_history *e2ee_history_get(struct e2ee_history *history)
{
	refcount_inc(&history->ref);
	return history;
}

/**
 * e2ee_history_put() - a key is freed
 * @history: of a key that no packet finds any more; may be NULL
 *
 * The lock is taken even if there is no window: a socket that took the last window
 * from the list may still write to the list, and has done so once we had the lock.
 *
 * Context: process, a grace period after the key was deleted.
 */
void e2ee_history_put(struct e2ee_history *history)
{
	struct e2ee_window *window, *next;

	if (!history || !refcount_dec_and_test(&history->ref))
		return;
	spin_lock_bh(&history->enet->windows_lock);
	list_for_each_entry_safe(window, next, &history->windows, in_history)
		e2ee_window_unlink(window);
	spin_unlock_bh(&history->enet->windows_lock);
	kfree(history);
}

/**
 * e2ee_window_free_socket() - free the windows of a socket for all keys
 * @socket: nobody receives on it any more
 */
void e2ee_window_free_socket(struct e2ee_socket *socket)
{
	struct e2ee_net *enet = socket->enet;
	struct e2ee_window *window, *next;

	spin_lock_bh(&enet->windows_lock);
	list_for_each_entry_safe(window, next, &socket->windows, in_socket)
		e2ee_window_unlink(window);
	spin_unlock_bh(&enet->windows_lock);
}

int e2ee_window_init(void)
{
	e2ee_window_cache = kmem_cache_create("e2ee_window",
					      e2ee_window_bytes(E2EE_WINDOW_DEFAULT),
					      0, SLAB_HWCACHE_ALIGN, NULL);
	return e2ee_window_cache ? 0 : -ENOMEM;
}

/* nobody makes windows any more, nor has one that is not on its way out */
void e2ee_window_exit(void)
{
	rcu_barrier();		/* e2ee_window_free_rcu() */
	kmem_cache_destroy(e2ee_window_cache);
}
