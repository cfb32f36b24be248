// SPDX-License-Identifier: GPL-2.0
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/slab.h>
#include "memory.h"
#include "session.h"
#include "tomb.h"

#define E2EE_TOMB_TIME		(5 * HZ)	/* packets of a deleted key */

/**
 * struct e2ee_tomb - a sending key that was deleted a moment ago
 * @node: in struct e2ee_net.tombs, oldest first
 * @session: session id
 * @kid: its KID
 * @time: jiffies of the deletion
 */
struct e2ee_tomb {
	struct list_head node;
	u32 session;
	u64 kid;
	unsigned long time;
};

/**
 * e2ee_tomb_add() - a sending key is deleted
 * @enet: its namespace
 * @session: session id
 * @kid: its KID
 *
 * Under memory pressure there is none, and its packets in flight are dropped.
 *
 * Context: process.
 */
void e2ee_tomb_add(struct e2ee_net *enet, u32 session, u64 kid)
{
	struct e2ee_tomb *tomb, *old, *next;

	tomb = kmalloc(sizeof(*tomb), E2EE_GFP_REQUEST);
	spin_lock_bh(&enet->tombs_lock);
	list_for_each_entry_safe(old, next, &enet->tombs, node) {
		if (time_before(jiffies, old->time + E2EE_TOMB_TIME))
			break;
		list_del(&old->node);
		kfree(old);
	}
	if (tomb) {
		tomb->session = session;
		tomb->kid = kid;
		tomb->time = jiffies;
		list_add_tail(&tomb->node, &enet->tombs);
	}
	spin_unlock_bh(&enet->tombs_lock);
}

/**
 * e2ee_tomb_find() - was a key of this KID deleted a moment ago?
 * @enet: the namespace
 * @session: session id
 * @kid: from a packet on its way out
 *
 * Context: any but hard interrupt.
 */
bool e2ee_tomb_find(struct e2ee_net *enet, u32 session, u64 kid)
{
	struct e2ee_tomb *tomb;
	bool found = false;

	spin_lock_bh(&enet->tombs_lock);
	list_for_each_entry_reverse(tomb, &enet->tombs, node) {
		if (time_after(jiffies, tomb->time + E2EE_TOMB_TIME))
			break;
		found = tomb->session == session && tomb->kid == kid;
		if (found)
			break;
	}
	spin_unlock_bh(&enet->tombs_lock);
	return found;
}

void e2ee_tomb_net_init(struct e2ee_net *enet)
{
	spin_lock_init(&enet->tombs_lock);
	INIT_LIST_HEAD(&enet->tombs);
}

void e2ee_tomb_net_exit(struct e2ee_net *enet)
{
	struct e2ee_tomb *tomb, *next;

	list_for_each_entry_safe(tomb, next, &enet->tombs, node)
		kfree(tomb);
}
