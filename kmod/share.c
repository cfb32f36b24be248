// SPDX-License-Identifier: GPL-2.0
/* Shares of what is scarce. */

/**
 * DOC: shares
 *
 * Root of a user namespace, a container say, may install keys in the network
 * namespaces that it owns, and may make as many of those as it likes. So that no
 * container can take everything, what it uses is charged, together with what all
 * namespaces below it use, to the user namespace that was made in the host's own:
 * to that namespace itself where root of the host made it, else to the user who
 * made it, because that user may make as many of them as he likes. What the host
 * itself uses is charged to nobody.
 */
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/user_namespace.h>
#include "memory.h"
#include "share.h"

#define E2EE_SHARE_BITS	8	/* log2 of the buckets */

/**
 * struct e2ee_share - what one container or user has
 * @node: in e2ee_shares
 * @owner: who it is
 * @count: how much is charged to it; the share goes with the last charge
 */
struct e2ee_share {
	struct hlist_node node;
	struct e2ee_share_owner owner;
	u32 count[E2EE_SHARE_NUM];
};

static DEFINE_HASHTABLE(e2ee_shares, E2EE_SHARE_BITS);
/* protects e2ee_shares and all counts; all users of the host share it */
static DEFINE_SPINLOCK(e2ee_share_lock);

/**
 * e2ee_share_is_host() - is there no limit for this one?
 * @user_ns: owner of a network namespace
 */
bool e2ee_share_is_host(const struct user_namespace *user_ns)
{
	return user_ns == &init_user_ns;
}

/**
 * e2ee_share_owner() - who answers for what a user namespace uses
 * @user_ns: owner of a network namespace
 * @owner: the answer
 *
 * Return: false for the host's own user namespace, which nobody answers for.
 */
bool e2ee_share_owner(const struct user_namespace *user_ns,
		      struct e2ee_share_owner *owner)
{
	if (e2ee_share_is_host(user_ns))
		return false;
	while (user_ns->parent != &init_user_ns)
		user_ns = user_ns->parent;
	owner->user = user_ns->owner;
	owner->inum = uid_eq(owner->user, GLOBAL_ROOT_UID) ?
		      user_ns->ns.inum : 0;
	return true;
}

static struct hlist_head *
e2ee_share_bucket(const struct e2ee_share_owner *owner)
{
	u32 hash = __kuid_val(owner->user) ^ owner->inum;

	return &e2ee_shares[hash_min(hash, E2EE_SHARE_BITS)];
}

static struct e2ee_share *e2ee_share_find(const struct e2ee_share_owner *owner)
{
	struct e2ee_share *share;

	lockdep_assert_held(&e2ee_share_lock);
	hlist_for_each_entry(share, e2ee_share_bucket(owner), node)
		if (uid_eq(share->owner.user, owner->user) &&
		    share->owner.inum == owner->inum)
			return share;
	return NULL;
}

/* takes @fresh into the table where there is none yet; else leaves it alone */
static struct e2ee_share *e2ee_share_insert(const struct e2ee_share_owner *owner,
					    struct e2ee_share *fresh)
{
	struct e2ee_share *share = e2ee_share_find(owner);

	if (share || !fresh)
		return share;
	fresh->owner = *owner;
	hlist_add_head(&fresh->node, e2ee_share_bucket(owner));
	return fresh;
}

/**
 * e2ee_share_take() - charge one more of a kind
 * @user_ns: owner of the network namespace that asks
 * @kind: of what
 * @max: how many of @kind a share may have
 * @share: the answer, to be given back by e2ee_share_put(); NULL: the host
 *
 * Context: any but hard interrupt.
 * Return: 0; -EDQUOT: the share has @max already; -ENOMEM.
 */
int e2ee_share_take(const struct user_namespace *user_ns,
		    enum e2ee_share_kind kind, u32 max,
		    struct e2ee_share **share)
{
	struct e2ee_share *fresh, *found;
	struct e2ee_share_owner owner;
	int err = 0;

	*share = NULL;
	if (!e2ee_share_owner(user_ns, &owner))
		return 0;
	/* before the lock, which is everybody's */
	fresh = kzalloc(sizeof(*fresh), E2EE_GFP_REQUEST);
	spin_lock_bh(&e2ee_share_lock);
	found = e2ee_share_insert(&owner, fresh);
	if (!found)
		err = -ENOMEM;
	else if (found->count[kind] >= max)
		err = -EDQUOT;
	else
		found->count[kind]++;
	spin_unlock_bh(&e2ee_share_lock);
	if (found != fresh)
		kfree(fresh);
	if (!err)
		*share = found;
	return err;
}

static bool e2ee_share_is_empty(const struct e2ee_share *share)
{
	int kind;

	for (kind = 0; kind < E2EE_SHARE_NUM; kind++)
		if (share->count[kind])
			return false;
	return true;
}

/**
 * e2ee_share_add() - charge one more of a kind, without a limit
 * @share: to which something is charged already; may be NULL
 * @kind: of what
 *
 * Context: any but hard interrupt.
 */
void e2ee_share_add(struct e2ee_share *share, enum e2ee_share_kind kind)
{
	if (!share)
		return;
	spin_lock_bh(&e2ee_share_lock);
	share->count[kind]++;
	spin_unlock_bh(&e2ee_share_lock);
}

/**
 * e2ee_share_put() - one less of a kind
 * @share: from e2ee_share_take(); may be NULL
 * @kind: as it was charged
 *
 * Context: any but hard interrupt.
 */
void e2ee_share_put(struct e2ee_share *share, enum e2ee_share_kind kind)
{
	bool last;

	if (!share)
		return;
	spin_lock_bh(&e2ee_share_lock);
	share->count[kind]--;
	last = e2ee_share_is_empty(share);
	if (last)
		hlist_del(&share->node);
	spin_unlock_bh(&e2ee_share_lock);
	if (last)
		kfree(share);
}

/**
 * e2ee_share_count() - how much of a kind is charged to a share
 * @user_ns: owner of a network namespace
 * @kind: of what
 *
 * Context: any but hard interrupt.
 * Return: 0 for the host, to which nothing is charged.
 */
u32 e2ee_share_count(const struct user_namespace *user_ns,
		     enum e2ee_share_kind kind)
{
	struct e2ee_share_owner owner;
	struct e2ee_share *share;
	u32 count;

	if (!e2ee_share_owner(user_ns, &owner))
		return 0;
	spin_lock_bh(&e2ee_share_lock);
	share = e2ee_share_find(&owner);
	count = share ? share->count[kind] : 0;
	spin_unlock_bh(&e2ee_share_lock);
	return count;
}
