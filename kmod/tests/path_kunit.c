// SPDX-License-Identifier: GPL-2.0
/*
 * What a packet or a socket meets at a moment that no program can choose: an epoch
 * that changes while a packet looks for its key, and hooks that are displaced long
 * after the socket got them. Sessions, keys and windows are stand-ins.
 */
#define NOTRACE		/* tracepoints are e2ee.ko's */
#include <kunit/test.h>
#include "../errqueue.c"
#include "../hook.c"
#include "../seal.c"
#include "../socket.c"
#include "../stats.c"

#define LEN	100

static struct e2ee_net path_net = { .net = &init_net };
static struct e2ee_session path_session;
/* of the epoch before, and of the one that comes while a packet is sealed */
static struct e2ee_key path_old, path_new;
static bool path_deleted;	/* the old key is found, and deleted then */

struct e2ee_net *e2ee_net(const struct net *net)
{
	return &path_net;
}

struct e2ee_session *e2ee_session_get(struct e2ee_session *session)
{
	return session;
}

bool e2ee_session_tryget(struct e2ee_session *session)
{
	return true;
}

void e2ee_session_put(struct e2ee_session *session)
{
}

bool e2ee_key_get(struct e2ee_key *key)
{
	return true;
}

void e2ee_key_put(struct e2ee_key *key)
{
}

void e2ee_event_send(struct e2ee_net *enet, struct e2ee_session *session,
		     const struct e2ee_event_msg *msg)
{
}

int e2ee_rx_encap(struct sock *sk, struct sk_buff *skb)
{
	return 1;
}

void e2ee_rx_late(struct e2ee_later *later, struct e2ee_late *late)
{
}

void e2ee_tx_late(struct e2ee_later *later, struct e2ee_late *late)
{
}

void e2ee_later_setup(struct e2ee_later *later, struct sock *sk,
		      e2ee_later_work_t go_on)
{
}

void e2ee_hooks_stop(struct e2ee_hooks *hooks)
{
}

void e2ee_purge(struct e2ee_socket *socket)
{
}

struct e2ee_key *e2ee_key_for_rx(struct e2ee_session *session, u64 kid,
				 u32 ssrc, bool rtx, int *err)
{
	return NULL;
}

void e2ee_key_note_expired(struct e2ee_key *key, u32 ssrc)
{
}

struct e2ee_window *e2ee_window_find(const struct e2ee_key *key,
				     const struct e2ee_socket *socket)
{
	return NULL;
}

bool e2ee_window_check(const struct e2ee_key *key, struct e2ee_window *window,
		       u64 ctr)
{
	return true;
}

int e2ee_window_accept(struct e2ee_key *key, struct e2ee_socket *socket,
		       const struct e2ee_session *session,
		       struct e2ee_window *window, u64 ctr)
{
	return 0;
}

void e2ee_window_free_socket(struct e2ee_socket *socket)
{
}

/* The epoch changes between the packet's look at it and its look at the keys. */
struct e2ee_key *e2ee_stream_key(struct e2ee_session *session, u32 epoch,
				 u32 ssrc)
{
	if (epoch == path_new.epoch)
		return &path_new;
	WRITE_ONCE(session->epoch, path_new.epoch);
	return path_deleted ? &path_old : NULL;
}

int e2ee_stream_next_ctr(struct e2ee_key *key, u32 ssrc, u64 *ctr)
{
	if (key == &path_old)
		return -ENOKEY;
	*ctr = atomic64_inc_return(&key->ctr);
	return 0;
}

static void seal_across_epochs(struct kunit *test)
{
	struct e2ee_packet packet = {
		.session = &path_session,
		.len = LEN,
		.max = U16_MAX,
		.name.len = LEN,
	};

	packet.data = kunit_kzalloc(test, LEN + E2EE_OVERHEAD_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, packet.data);
	packet.data[0] = 0x80;
	packet.data[1] = 96;
	path_session.epoch = path_old.epoch;
	rcu_read_lock();
	KUNIT_ASSERT_EQ(test, (int)E2EE_FOUND_MEDIA,
			(int)e2ee_packet_look(&packet));
	KUNIT_EXPECT_EQ(test, (int)E2EE_FOUND_MEDIA, (int)e2ee_seal(&packet));
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, path_new.id.kid, packet.name.kid);
}

/* The keys of the old epoch are gone: the packet is sealed in the new one. */
static void epoch_changes_under_a_packet(struct kunit *test)
{
	path_deleted = false;
	seal_across_epochs(test);
}

static void key_is_deleted_under_a_packet(struct kunit *test)
{
	path_deleted = true;
	seal_across_epochs(test);
}

/* A look at the sockets, as the work item has it after that many jiffies */
static void look_after(unsigned long delay)
{
	cancel_delayed_work_sync(&path_net.watch);
	path_net.watch_delay = delay;
	e2ee_hook_watch_work(&path_net.watch.work);
	cancel_delayed_work_sync(&path_net.watch);
}

/* An old socket is not looked at each time, but once in a minute all are. */
static void old_hooks_are_displaced(struct kunit *test)
{
	struct e2ee_refusal why = {};
	struct e2ee_socket *socket;
	struct socket *sock;
	int err;

	KUNIT_ASSERT_EQ(test, 0, sock_create_kern(&init_net, PF_INET,
						  SOCK_DGRAM, IPPROTO_UDP,
						  &sock));
	mutex_lock(&path_net.lock);
	err = e2ee_socket_attach(sock->sk, &path_session, 0, &why);
	mutex_unlock(&path_net.lock);
	KUNIT_EXPECT_EQ(test, 0, err);
	socket = e2ee_socket_of(sock->sk);
	if (socket) {
		socket->hooked = jiffies - 2 * E2EE_SOCKET_WATCH;
		WRITE_ONCE(sock->sk->sk_prot, socket->orig);
		look_after(1);
		KUNIT_EXPECT_FALSE(test, e2ee_hook_is_hooked(socket));
		look_after(E2EE_SOCKET_WATCH);
		KUNIT_EXPECT_TRUE(test, e2ee_hook_is_hooked(socket));
	}
	sock_release(sock);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, 0U, path_net.num_sockets);
}

static int path_init(struct kunit *test)
{
	static const u8 zero[E2EE_KEY_LEN_MAX];

	path_old.epoch = 1;
	path_new.epoch = 2;
	path_new.id.kid = 7;
	path_session.enet = &path_net;
	path_session.policy = E2EE_POLICY_OPTIONAL;
	mutex_init(&path_net.lock);
	e2ee_socket_net_init(&path_net);
	e2ee_hook_net_init(&path_net);
	return e2ee_aead_setup() ?: e2ee_hook_init() ?:
	       e2ee_aead_init(&path_new.aead, zero, sizeof(zero), "");
}

static void path_exit(struct kunit *test)
{
	e2ee_aead_destroy(&path_new.aead);
	e2ee_hook_net_exit(&path_net);
	e2ee_hook_exit();
	e2ee_aead_cleanup();
}

static struct kunit_case path_cases[] = {
	KUNIT_CASE(epoch_changes_under_a_packet),
	KUNIT_CASE(key_is_deleted_under_a_packet),
	KUNIT_CASE(old_hooks_are_displaced),
	{ }
};

static struct kunit_suite path_suite = {
	.name = "e2ee_path",
	.init = path_init,
	.exit = path_exit,
	.test_cases = path_cases,
};

kunit_test_suite(path_suite);
