// SPDX-License-Identifier: GPL-2.0
/* Is a socket, or the task that sends, in the cgroup of a guard? */

/**
 * DOC: paths of cgroups
 *
 * When a service is restarted, its cgroup is removed and made again: the path is the
 * same, the cgroup is another one. So a guard keeps a path, which may name a cgroup
 * that does not exist yet, and compares it with the paths of the cgroups that packets
 * come from. A path never changes in the cgroup2 hierarchy, and the id of a cgroup is
 * never used again, so what was found out about an id is kept.
 *
 * The path is kept from the root of the hierarchy. Whoever adds or lists guards gives
 * and sees it from the root of their own cgroup namespace, so that a path means the
 * same cgroup to everybody.
 */
#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <linux/e2ee.h>
#include "cgroup.h"
#include "memory.h"
#include "refusal.h"
#include "compat/compat.h"

/* of a path with the zero behind it, from the root of the hierarchy */
#define E2EE_CGROUP_ROOM	(E2EE_CGROUP_PATH_MAX + 1)

/* a kernel whose sockets know no control group has no such guards */
#ifdef CONFIG_SOCK_CGROUP_DATA
/* from the root of the hierarchy on; the root itself is "" */
static int e2ee_cgroup_write(struct cgroup *cgroup, char *buf)
{
	int len = cgroup_path(cgroup, buf, E2EE_CGROUP_ROOM);

	if (len < 0 || len >= E2EE_CGROUP_ROOM)
		return -ENAMETOOLONG;
	return len == 1 ? 0 : len;
}

/* the root of the cgroup namespace that the caller lives in */
static int e2ee_cgroup_root(char *buf)
{
	return e2ee_cgroup_write(current->nsproxy->cgroup_ns->root_cset->dfl_cgrp,
				 buf);
}

static bool e2ee_cgroup_compare(struct e2ee_cgroup *cgroup,
				struct cgroup *other)
{
	bool same;
	int len;

	spin_lock_bh(&cgroup->lock);
	len = e2ee_cgroup_write(other, cgroup->scratch);
	same = len == cgroup->len &&
	       !memcmp(cgroup->scratch, cgroup->path, len);
	spin_unlock_bh(&cgroup->lock);
	return same;
}

static bool e2ee_cgroup_is_below(struct e2ee_cgroup *cgroup,
				 struct cgroup *other)
{
	atomic64_t *known;
	u64 id, was;
	bool same;

	if (!cgroup->level)
		return true;
	other = other ? cgroup_ancestor(other, cgroup->level) : NULL;
	if (!other)
		return false;
	id = cgroup_id(other);
	known = &cgroup->known[hash_64(id, ilog2(E2EE_CGROUP_KNOWN))];
	was = atomic64_read(known);
	if (was >> 1 == id)
		return was & 1;
	same = e2ee_cgroup_compare(cgroup, other);
	atomic64_set(known, id << 1 | same);
	return same;
}

/**
 * e2ee_cgroup_match() - does a packet come from the cgroup, or from below it?
 * @cgroup: of a guard
 * @sk: the socket of the packet
 * @task: the current task sends it
 *
 * Context: any but hard interrupt, under rcu_read_lock(); a task only in process
 * context.
 */
bool e2ee_cgroup_match(struct e2ee_cgroup *cgroup, struct sock *sk, bool task)
{
	return !cgroup->path ||
	       e2ee_cgroup_is_below(cgroup,
				    sock_cgroup_ptr(&sk->sk_cgrp_data)) ||
	       (task && e2ee_cgroup_is_below(cgroup, task_dfl_cgroup(current)));
}

/**
 * e2ee_cgroup_waits() - is the cgroup of a guard still to be made?
 * @shown: from e2ee_cgroup_shown()
 *
 * Context: process; sleeps for no longer than the hierarchy is being changed.
 */
bool e2ee_cgroup_waits(const char *shown)
{
	struct cgroup *cgroup = cgroup_get_from_path(shown);

	if (IS_ERR(cgroup))
		return true;
	cgroup_put(cgroup);
	return false;
}
#else
static int e2ee_cgroup_root(char *buf)
{
	return -EOPNOTSUPP;
}

bool e2ee_cgroup_waits(const char *shown)
{
	return true;
}

bool e2ee_cgroup_match(struct e2ee_cgroup *cgroup, struct sock *sk, bool task)
{
	return !cgroup->path;
}
#endif

/* every component has a name */
static bool e2ee_cgroup_is_path(const char *given)
{
	size_t len;

	if (*given != '/')
		return false;
	if (!given[1])
		return true;
	while (*given++ == '/') {
		len = strchrnul(given, '/') - given;
		if (!len || (len == 1 && *given == '.') ||
		    (len == 2 && !memcmp(given, "..", 2)))
			return false;
		given += len;
	}
	return true;
}

/**
 * e2ee_cgroup_shown() - the path, as the cgroup namespace of the caller shows it
 * @cgroup: of a guard that has one
 *
 * Context: process.
 * Return: the path, valid as long as @cgroup; NULL: it lies outside of the namespace.
 */
const char *e2ee_cgroup_shown(struct e2ee_cgroup *cgroup)
{
	const char *rest = NULL;
	int len;

	spin_lock_bh(&cgroup->lock);
	len = e2ee_cgroup_root(cgroup->scratch);
	if (len >= 0 && len <= cgroup->len &&
	    !memcmp(cgroup->scratch, cgroup->path, len))
		rest = cgroup->path + len;
	spin_unlock_bh(&cgroup->lock);
	if (!rest || (*rest && *rest != '/'))
		return NULL;
	return *rest ? rest : "/";
}

static int e2ee_cgroup_resolve(struct e2ee_cgroup *cgroup, const char *given)
{
	int len = e2ee_cgroup_root(cgroup->path);
	const char *at;

	if (len < 0)
		return len;
	/* "/" is the root of the namespace itself */
	if (strscpy(cgroup->path + len, given[1] ? given : "",
		    E2EE_CGROUP_ROOM - len) < 0)
		return -ENAMETOOLONG;
	cgroup->len = strlen(cgroup->path);
	for (at = cgroup->path; *at; at++)
		cgroup->level += *at == '/';
	return 0;
}

/**
 * e2ee_cgroup_init() - narrow a guard to a cgroup
 * @cgroup: all zero
 * @given: path, as the cgroup namespace of the caller sees it; NULL: to none
 * @why: told where it is refused
 *
 * The cgroup need not exist. e2ee_cgroup_free() is to follow in any case.
 *
 * Context: process.
 * Return: 0; -EINVAL: it is no path; -ENAMETOOLONG; -EOPNOTSUPP: sockets know no
 * cgroup; -ENOMEM.
 */
int e2ee_cgroup_init(struct e2ee_cgroup *cgroup, const char *given,
		     struct e2ee_refusal *why)
{
	int err;

	spin_lock_init(&cgroup->lock);
	if (!given)
		return 0;
	if (!e2ee_cgroup_is_path(given))
		return e2ee_refuse(why, E2EE_A_GUARD_CGROUP, -EINVAL,
				   "cgroup has to be a path from the root, without . and ..");
	cgroup->path = kmalloc(E2EE_CGROUP_ROOM, E2EE_GFP_REQUEST);
	cgroup->scratch = kmalloc(E2EE_CGROUP_ROOM, E2EE_GFP_REQUEST);
	if (!cgroup->path || !cgroup->scratch)
		return -ENOMEM;
	err = e2ee_cgroup_resolve(cgroup, given);
	if (err == -EOPNOTSUPP)
		return e2ee_refuse(why, E2EE_A_GUARD_CGROUP, err,
				   "this kernel's sockets know no cgroup");
	if (err)
		return e2ee_refuse(why, E2EE_A_GUARD_CGROUP, err,
				   "path of the cgroup is too long from the root of the hierarchy on");
	return 0;
}

/**
 * e2ee_cgroup_free() - forget a path
 * @cgroup: nobody looks at it any more
 */
void e2ee_cgroup_free(struct e2ee_cgroup *cgroup)
{
	kfree(cgroup->scratch);
	kfree(cgroup->path);
}

/**
 * e2ee_cgroup_is_same() - have two guards the same cgroup?
 * @a: of one
 * @b: of another
 */
bool e2ee_cgroup_is_same(const struct e2ee_cgroup *a,
			 const struct e2ee_cgroup *b)
{
	return a->path && b->path ? !strcmp(a->path, b->path) :
				    a->path == b->path;
}
