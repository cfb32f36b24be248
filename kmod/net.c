// SPDX-License-Identifier: GPL-2.0
/* What one network namespace holds, and the rules of its locks. */

/**
 * DOC: locks and lifetime
 *
 * Requests hold struct e2ee_net.lock; below it come the spinlocks sockets_lock,
 * claim_lock, windows_lock, event_lock, that of the holds and those
 * of one socket, none of which nests in another. Packets take none of them on
 * the usual way: they read under RCU.
 *
 * lock_sock() of a socket is its owner's, who may sleep with it for as long as he
 * likes. We only ever try to take it (e2ee_socket_attach()); sockets_lock nests in
 * it.
 */

/**
 * DOC: what a request does not wait for
 *
 * Generic netlink holds its own lock, cb_lock, for reading while it carries out
 * all requests of one send(). Whoever registers a family waits for the end of that,
 * and from then on everybody's requests to any family wait for the registration.
 * And any user of the host may own a network namespace, and so send us requests.
 * So a request waits for nothing that its sender or another user can put off. It
 * tries, and where what it needs is not at hand, it is undone and answered with
 * -EAGAIN, and its sender asks again (libe2ee does). That goes for the lock of a
 * socket; for memory (memory.h); for drivers of ciphers, which a work item loads
 * (driver.c); for hooks of netfilter, which a work item registers (netfilter.c); and
 * for packets that are under way (e2ee_grace_check()).
 *
 * These locks and queues are shared by all namespaces and users:
 *
 *  - e2ee_digest_lock, e2ee_floor_lock and e2ee_share_lock are spinlocks. Whoever
 *    holds one of them neither sleeps nor allocates memory that is charged to
 *    somebody.
 *  - The workqueue of keys frees what deleted keys leave, which takes CPU time
 *    and nothing else. Whoever ends a namespace waits for it.
 *  - The workqueue of holds (hold.c) never waits for the lock of a socket or of a
 *    namespace: it comes back later instead.
 *  - The workqueues of hooks and of packets that wait for a cipher (hook.c, later.c)
 *    take CPU time, and wait for nothing but ciphers and the end of a grace period.
 *  - The workqueue of netfilter takes a lock of netfilter, under which the owners of
 *    other namespaces may be throttled. A request that needs hooks there is told to
 *    ask again meanwhile.
 *  - The workqueue of drivers may wait for modules and for self-tests of ciphers,
 *    one driver at a time for each namespace.
 *  - Tables of keys grow in the system's workqueue, at nobody's expense.
 */
#include <linux/jiffies.h>
#include <net/netns/generic.h>
#include "net.h"

unsigned int e2ee_net_id;

/**
 * e2ee_net() - our part of a network namespace
 * @net: a namespace
 */
struct e2ee_net *e2ee_net(const struct net *net)
{
	return net_generic(net, e2ee_net_id);
}

/**
 * e2ee_grace_check() - may a request wait for packets that are under way?
 * @enet: the namespace
 * @why: told where it may not
 *
 * Such a wait takes milliseconds, and one send() may carry thousands of requests,
 * all of which are carried out while everybody else waits. So only one of them
 * may.
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: 0 or -EAGAIN.
 */
int e2ee_grace_check(struct e2ee_net *enet, struct e2ee_refusal *why)
{
	lockdep_assert_held(&enet->lock);
	if (time_before(jiffies, enet->grace_next))
		return e2ee_refuse(why, 0, -EAGAIN,
				   "another request waited for packets just now: ask again");
	return 0;
}

/**
 * e2ee_grace_done() - a request has waited for packets that are under way
 * @enet: the namespace
 *
 * Context: process, under struct e2ee_net.lock.
 */
void e2ee_grace_done(struct e2ee_net *enet)
{
	lockdep_assert_held(&enet->lock);
	enet->grace_next = jiffies + E2EE_GRACE_PAUSE;
}
