// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A session of the kernel as the place where a room puts its keys.
 */
#include <errno.h>
#include <stdlib.h>

#include <e2ee/e2ee.h>
#include <e2ee/room.h>

#define KEY_EXACT						\
	(E2EE_HAS(E2EE_A_KEY_DIR) | E2EE_HAS(E2EE_A_KEY_KID) |	\
	 E2EE_HAS(E2EE_A_KEY_SSRC_MODE))

static int kernel_key_new(void *arg, const struct e2ee_key *keys, size_t count)
{
	const struct e2ee_room_kernel *kernel = arg;

	if (!kernel->ctx)
		return -ENODEV;
	return e2ee_key_new(kernel->ctx, &kernel->session, keys, count, NULL);
}

/* Keys of the session that are to go, as the session has them */
struct doomed {
	const struct e2ee_key *names;
	size_t name_count;
	struct e2ee_key *keys;
	size_t count;
	size_t size;
};

static bool key_named(const struct doomed *doomed, const struct e2ee_key *key)
{
	size_t i;

	for (i = 0; i < doomed->name_count; i++)
		if (doomed->names[i].dir == key->dir &&
		    doomed->names[i].kid == key->kid)
			return true;
	return false;
}

/* What a claim key has taken is shown, but is no part of its name. */
static void key_name(struct e2ee_key *key)
{
	if (key->ssrc_mode != E2EE_SSRC_NUMBER)
		key->has &= ~E2EE_HAS(E2EE_A_KEY_SSRC);
}

static bool key_exact(const struct e2ee_key *key)
{
	bool ssrc = key->has & E2EE_HAS(E2EE_A_KEY_SSRC);

	return (key->has & KEY_EXACT) == KEY_EXACT &&
	       ssrc == (key->ssrc_mode == E2EE_SSRC_NUMBER);
}

static int doomed_add(const struct e2ee_key *key, void *arg)
{
	struct doomed *doomed = arg;

	if (!key_named(doomed, key))
		return 0;
	if (doomed->count == doomed->size) {
		size_t size = 2 * doomed->size + 64;
		struct e2ee_key *keys;

		keys = reallocarray(doomed->keys, size, sizeof(*keys));
		if (!keys)
			return -ENOMEM;
		doomed->keys = keys;
		doomed->size = size;
	}
	doomed->keys[doomed->count] = *key;
	key_name(&doomed->keys[doomed->count++]);
	return 0;
}

/* A message is refused for one key that is gone: then they go one by one. */
static int keys_del_each(const struct e2ee_room_kernel *kernel,
			 const struct e2ee_key *keys, size_t count)
{
	int first = 0, ret;
	size_t i;

	ret = e2ee_key_del(kernel->ctx, &kernel->session, keys, count, NULL);
	if (ret != -ENOENT)
		return ret;
	for (i = 0; i < count && first != -EAGAIN; i++) {
		ret = e2ee_key_del(kernel->ctx, &kernel->session, &keys[i], 1,
				   NULL);
		if (ret == -EAGAIN || (ret && ret != -ENOENT && !first))
			first = ret;
	}
	return first;
}

/* A session that is gone has taken its keys along. */
static int keys_del_named(const struct e2ee_room_kernel *kernel,
			  const struct e2ee_key *keys, size_t count)
{
	struct doomed doomed = { .names = keys, .name_count = count };
	int ret;

	ret = e2ee_key_list(kernel->ctx, &kernel->session, doomed_add, &doomed);
	if (!ret && doomed.count)
		ret = keys_del_each(kernel, doomed.keys, doomed.count);
	free(doomed.keys);
	return ret == -ENOENT ? 0 : ret;
}

/*
 * The kernel tells keys apart by their SSRC, too, and takes all keys of a message
 * or none. Where a name has no SSRC, or one of the keys is gone, the session is
 * asked for what it has.
 */
static int kernel_key_del(void *arg, const struct e2ee_key *keys, size_t count)
{
	const struct e2ee_room_kernel *kernel = arg;
	bool exact = true;
	int ret = -ENOENT;
	size_t i;

	if (!kernel->ctx)
		return -ENODEV;
	if (!count)
		return 0;
	for (i = 0; i < count; i++)
		exact = exact && key_exact(&keys[i]);
	if (exact)
		ret = e2ee_key_del(kernel->ctx, &kernel->session, keys, count,
				   NULL);
	return ret == -ENOENT ? keys_del_named(kernel, keys, count) : ret;
}

static int kernel_key_list(void *arg, e2ee_key_cb cb, void *cb_arg)
{
	const struct e2ee_room_kernel *kernel = arg;

	if (!kernel->ctx)
		return -ENODEV;
	return e2ee_key_list(kernel->ctx, &kernel->session, cb, cb_arg);
}

static int kernel_use_epoch(void *arg, uint32_t epoch, bool force)
{
	const struct e2ee_room_kernel *kernel = arg;

	if (!kernel->ctx)
		return -ENODEV;
	return e2ee_session_use_epoch(kernel->ctx, &kernel->session, epoch,
				      force);
}

static int kernel_set_policy(void *arg, uint32_t policy)
{
	const struct e2ee_room_kernel *kernel = arg;
	struct e2ee_session request = kernel->session;

	if (!kernel->ctx)
		return -ENODEV;
	request.has &= E2EE_HAS(E2EE_A_SESSION_ID) |
		       E2EE_HAS(E2EE_A_SESSION_NAME);
	request.has |= E2EE_HAS(E2EE_A_SESSION_POLICY);
	request.policy = policy;
	return e2ee_session_set(kernel->ctx, &request);
}

static int kernel_get_policy(void *arg, uint32_t *policy)
{
	const struct e2ee_room_kernel *kernel = arg;
	struct e2ee_session found = kernel->session;
	int ret;

	if (!kernel->ctx)
		return -ENODEV;
	found.has &= E2EE_HAS(E2EE_A_SESSION_ID) |
		     E2EE_HAS(E2EE_A_SESSION_NAME);
	ret = e2ee_session_get(kernel->ctx, &found);
	if (!ret && !(found.has & E2EE_HAS(E2EE_A_SESSION_POLICY)))
		ret = -EBADMSG;
	if (!ret)
		*policy = found.policy;
	return ret;
}

void e2ee_room_kernel_ops(struct e2ee_room_ops *ops)
{
	ops->key_new = kernel_key_new;
	ops->key_del = kernel_key_del;
	ops->key_list = kernel_key_list;
	ops->use_epoch = kernel_use_epoch;
	ops->set_policy = kernel_set_policy;
	ops->get_policy = kernel_get_policy;
}
