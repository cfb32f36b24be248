// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out, one allocation after the other: each request of the control
 * interface is tried with its first allocation failing, its second, and so on
 * until none is left to fail. It must either have changed nothing, or all that
 * it is for, leave nothing behind, and say so with a fitting errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "lib/commands.h"
#include "lib/fault.h"
#include "lib/figures.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/stock.h"

#define NEW_KID		900
#define NEW_KEYS	3
#define POINTS_MAX	20000	/* more allocations than any request makes */

static const char *const kinds[] = {
	"session", "key", "socket", "guard", "window", "hold", "late",
};

#define KINDS	ARRAY_SIZE(kinds)

struct world {
	struct stock stock;
	struct ctl ctl;		/* of this try: what a fault leaves in it */
	struct nl nl;
	uint32_t session;	/* made for this try */
	uint32_t guard;
	int fd;
	uint64_t socket;
	int netns;
	uint8_t secrets[NEW_KEYS][32];
};

struct request {
	const char *name;
	void (*prepare)(struct world *w);
	int (*run)(struct world *w);
	void (*undo)(struct world *w);
	bool fresh;		/* what it makes gets another id each time */
	bool patient;		/* -EAGAIN comes without a fault, too: asks again */
	unsigned int stride;	/* of the short form; 0: each */
};

static void must(int err)
{
	if (err) {
		fprintf(stderr, "set-up: %s\n", strerror(-err));
		abort();
	}
}

/* Ids in a dump, to delete what a request that failed may have made */
struct ids {
	int nest;
	int attr;
	const char *name;	/* of sessions: only this one */
	unsigned int num;
	uint32_t ids[16];
};

static void ids_add(void *arg, const struct nlmsghdr *n)
{
	struct ids *ids = arg;
	const struct nlattr *name;

	name = nl_find(n, ids->nest, E2EE_A_SESSION_NAME);
	if (ids->name && (!name || strcmp(nl_data(name), ids->name)))
		return;
	if (ids->num < ARRAY_SIZE(ids->ids))
		ids->ids[ids->num++] =
			nl_get_u32(nl_find(n, ids->nest, ids->attr));
}

static void ids_read(struct world *w, uint8_t cmd, struct ids *ids)
{
	struct nl_msg *msg = nl_begin(&w->stock.nl, cmd);

	must(nl_dump(&w->stock.nl, msg, ids_add, ids, NULL));
	free(msg);
}

static struct ctl *sane(struct world *w)
{
	return &w->stock.scene.ctl;
}

/* sessions */

static int session_new(struct world *w)
{
	return ctl_session_new(&w->ctl, "extra", NULL, &w->session);
}

static void session_gone(struct world *w)
{
	struct ids ids = {
		.nest = E2EE_A_SESSION, .attr = E2EE_A_SESSION_ID,
		.name = "extra",
	};

	ids_read(w, E2EE_CMD_SESSION_GET, &ids);
	while (ids.num)
		must(ctl_session_del(sane(w), ids.ids[--ids.num]));
}

static void key_fill(struct ctl_key *key, uint32_t dir, uint64_t kid,
		     const uint8_t secret[32])
{
	static const uint8_t salt[12] = { 1 };

	*key = (struct ctl_key){
		.dir = dir, .kid = kid, .secret = secret, .salt = salt,
		.mode = dir == E2EE_DIR_TX ? E2EE_SSRC_NUMBER : E2EE_SSRC_ANY,
		.ssrc = (uint32_t)kid,
	};
}

static void session_with_keys(struct world *w)
{
	struct ctl_key key;

	must(ctl_session_new(sane(w), "extra", NULL, &w->session));
	nl_fresh_secret(w->secrets[0]);
	key_fill(&key, E2EE_DIR_TX, NEW_KID, w->secrets[0]);
	must(ctl_key_new(sane(w), w->session, &key));
	nl_fresh_secret(w->secrets[1]);
	key_fill(&key, E2EE_DIR_RX, NEW_KID + 1, w->secrets[1]);
	must(ctl_key_new(sane(w), w->session, &key));
}

static int session_del(struct world *w)
{
	return ctl_session_del(&w->ctl, w->session);
}

static int session_epoch(struct world *w)
{
	return ctl_session_epoch(&w->ctl, w->stock.other, 7, false);
}

static void session_epoch_back(struct world *w)
{
	must(ctl_session_epoch(sane(w), w->stock.other, 0, true));
}

static int session_policy(struct world *w)
{
	return ctl_session_policy(&w->ctl, w->stock.other,
				  E2EE_POLICY_OPTIONAL);
}

static void session_policy_back(struct world *w)
{
	must(ctl_session_policy(sane(w), w->stock.other,
				E2EE_POLICY_REQUIRED));
}

/* keys */

static void keys_prepare(struct world *w)
{
	for (int i = 0; i < NEW_KEYS; i++)
		nl_fresh_secret(w->secrets[i]);
}

static int keys_new(struct world *w, uint32_t dir, int num)
{
	struct nl_msg *msg = nl_session(&w->nl, E2EE_CMD_KEY_NEW,
					w->stock.other, NULL);

	for (int i = 0; i < num; i++)
		nl_put_key(msg, dir, NEW_KID + (uint64_t)i, w->secrets[i]);
	return nl_do(&w->nl, msg);
}

static int key_new_tx(struct world *w)
{
	return keys_new(w, E2EE_DIR_TX, 1);
}

static int key_new_rx(struct world *w)
{
	return keys_new(w, E2EE_DIR_RX, 1);
}

static int key_new_many(struct world *w)
{
	return keys_new(w, E2EE_DIR_TX, NEW_KEYS);
}

/* shared by all SSRCs: it keeps who sent lately */
static int key_new_any(struct world *w)
{
	struct ctl_key key;

	key_fill(&key, E2EE_DIR_TX, NEW_KID, w->secrets[0]);
	key.mode = E2EE_SSRC_ANY;
	return ctl_key_new(&w->ctl, w->stock.other, &key);
}

static void keys_gone(struct world *w)
{
	struct ctl_key key;

	for (uint64_t kid = NEW_KID; kid < NEW_KID + NEW_KEYS; kid++) {
		key_fill(&key, E2EE_DIR_TX, kid, NULL);
		ctl_key_del(sane(w), w->stock.other, &key);
		key.mode = E2EE_SSRC_ANY;
		ctl_key_del(sane(w), w->stock.other, &key);
		key_fill(&key, E2EE_DIR_RX, kid, NULL);
		ctl_key_del(sane(w), w->stock.other, &key);
	}
}

static void keys_there(struct world *w)
{
	keys_prepare(w);
	must(keys_new(w, E2EE_DIR_TX, NEW_KEYS));
}

static int key_del(struct world *w)
{
	struct ctl_key key;

	key_fill(&key, E2EE_DIR_TX, NEW_KID, NULL);
	return ctl_key_del(&w->ctl, w->stock.other, &key);
}

static int key_set(struct world *w)
{
	struct nl_msg *msg = nl_session(&w->nl, E2EE_CMD_KEY_SET,
					w->stock.scene.session, NULL);
	size_t nest = nl_nest(msg, E2EE_A_KEY);

	nl_u32(msg, E2EE_A_KEY_DIR, E2EE_DIR_TX);
	nl_u64(msg, E2EE_A_KEY_KID, STOCK_TX_KID);
	nl_u32(msg, E2EE_A_KEY_SSRC, STOCK_TX_KID);
	nl_u64(msg, E2EE_A_KEY_SOFT_LIMIT, 1000);
	nl_nest_end(msg, nest);
	return nl_do(&w->nl, msg);
}

static void key_set_back(struct world *w)
{
	struct nl_msg *msg = nl_session(&w->stock.nl, E2EE_CMD_KEY_SET,
					w->stock.scene.session, NULL);
	size_t nest = nl_nest(msg, E2EE_A_KEY);

	nl_u32(msg, E2EE_A_KEY_DIR, E2EE_DIR_TX);
	nl_u64(msg, E2EE_A_KEY_KID, STOCK_TX_KID);
	nl_u32(msg, E2EE_A_KEY_SSRC, STOCK_TX_KID);
	nl_u64(msg, E2EE_A_KEY_SOFT_LIMIT, 1 << 28);
	nl_nest_end(msg, nest);
	must(nl_do(&w->stock.nl, msg));
}

/* sockets */

static void socket_there(struct world *w)
{
	w->fd = sock_udp(SOCK_V4, 0, NULL);
	must(w->fd < 0 ? -errno : 0);
}

static int attach(struct world *w)
{
	return ctl_attach(&w->ctl, w->stock.scene.session, w->fd, NULL);
}

static void socket_gone(struct world *w)
{
	close(w->fd);
}

static int detach(struct world *w)
{
	return ctl_detach(&w->ctl, w->stock.socket, true);
}

static void detach_back(struct world *w)
{
	int err = ctl_attach(sane(w), w->stock.scene.session,
			     w->stock.scene.fd, NULL);

	must(err == -EEXIST ? 0 : err);
}

/* guards */

static void guards_gone(struct world *w)
{
	struct ids ids = { .nest = E2EE_A_GUARD, .attr = E2EE_A_GUARD_ID };

	ids_read(w, E2EE_CMD_GUARD_GET, &ids);
	while (ids.num)
		must(ctl_guard_del(sane(w), ids.ids[--ids.num]));
	/* they go with RCU callbacks, and are counted until then */
	must(objects_come_to("guard", 0) ? 0 : -ETIMEDOUT);
}

static int guard_new(struct world *w)
{
	const struct ctl_guard guard = { .first = 4000, .last = 4009 };

	return ctl_guard_new(&w->ctl, w->stock.other, &guard, &w->guard);
}

static int guard_of_cgroup(struct world *w)
{
	const struct ctl_guard guard = { .first = 4000, .cgroup = "/" };

	return ctl_guard_new(&w->ctl, w->stock.other, &guard, &w->guard);
}

/* without the stock's guard: the first one registers hooks, the last goes */
static void guard_there(struct world *w)
{
	const struct ctl_guard guard = { .first = 4000, .last = 4009 };

	guards_gone(w);
	must(ctl_guard_new(sane(w), w->stock.other, &guard, &w->guard));
}

static int guard_del(struct world *w)
{
	return ctl_guard_del(&w->ctl, w->guard);
}

/* asking */

static int ask(struct world *w, uint8_t cmd)
{
	struct target target = {
		.session = w->stock.scene.session, .kid = STOCK_TX_KID,
		.fd = w->stock.scene.fd, .socket = w->stock.socket,
		.guard = w->guard, .name = "scene",
	};

	return nl_do(&w->nl, command_build(&w->nl, cmd, &target, NULL));
}

static int get_session(struct world *w)
{
	return ask(w, E2EE_CMD_SESSION_GET);
}

static int get_key(struct world *w)
{
	return ask(w, E2EE_CMD_KEY_GET);
}

static int get_socket(struct world *w)
{
	return ask(w, E2EE_CMD_SOCKET_GET);
}

static int get_guard(struct world *w)
{
	return ask(w, E2EE_CMD_GUARD_GET);
}

static int get_info(struct world *w)
{
	return ask(w, E2EE_CMD_INFO_GET);
}

static int dump_all(struct world *w)
{
	struct nl_msg *msg;
	int err = 0;

	for (uint8_t cmd = 1; cmd <= E2EE_CMD_INFO_GET && !err; cmd++) {
		if (!command_dumps(cmd))
			continue;
		msg = nl_begin(&w->nl, cmd);
		err = nl_dump(&w->nl, msg, NULL, NULL, NULL);
		free(msg);
	}
	return err;
}

/* a namespace of its own; it goes when nobody is in it any more */
static int netns_new(struct world *w)
{
	return unshare(CLONE_NEWNET) ? -errno : 0;
}

static void netns_back(struct world *w)
{
	must(setns(w->netns, CLONE_NEWNET) ? -errno : 0);
}

static void nothing(struct world *w)
{
}

static const struct request requests[] = {
	{ "session-new", nothing, session_new, session_gone, .fresh = true },
	{ "session-set", nothing, session_policy, session_policy_back },
	{ "use-epoch", nothing, session_epoch, session_epoch_back },
	{ "session-del", session_with_keys, session_del, session_gone },
	{ "session-get", nothing, get_session, nothing },
	{ "key-new, tx", keys_prepare, key_new_tx, keys_gone },
	{ "key-new, rx", keys_prepare, key_new_rx, keys_gone },
	{ "key-new, many", keys_prepare, key_new_many, keys_gone },
	{ "key-new, any", keys_prepare, key_new_any, keys_gone },
	{ "key-set", nothing, key_set, key_set_back },
	{ "key-del", keys_there, key_del, keys_gone },
	{ "key-get", nothing, get_key, nothing },
	{ "socket-attach", socket_there, attach, socket_gone, .fresh = true,
	  .patient = true },
	{ "socket-detach", nothing, detach, detach_back },
	{ "socket-get", nothing, get_socket, nothing },
	{ "guard-new", nothing, guard_new, guards_gone, .fresh = true,
	  .patient = true },
	{ "guard-new, cgroup", nothing, guard_of_cgroup, guards_gone,
	  .fresh = true, .patient = true },
	{ "guard-del, the last", guard_there, guard_del, guards_gone },
	{ "guard-get", guard_there, get_guard, guards_gone, .fresh = true },
	{ "info-get", nothing, get_info, nothing },
	{ "dumps", nothing, dump_all, nothing },
	{ "namespace", nothing, netns_new, netns_back, .stride = 9 },
};

/* What a starving kernel may say, here and in what it calls */
static bool fitting(int err)
{
	return !err || err == -ENOMEM || err == -ENOBUFS || err == -EFAULT ||
	       err == -EAGAIN || err == -ENOSPC;
}

static void count(long counts[KINDS])
{
	for (size_t i = 0; i < KINDS; i++)
		counts[i] = objects_alive(kinds[i]);
}

FIXTURE(fault)
{
	struct world *w;
	long before[KINDS];
	struct state was;	/* before a request */
	struct state done;	/* after one that nothing failed in */
	long made[KINDS];
};

FIXTURE_SETUP(fault)
{
	ASSERT_EQ(0, fault_open()) {
		TH_LOG("this kernel injects no faults");
	}
	ASSERT_TRUE(objects_all_gone());
	self->w = calloc(1, sizeof(*self->w));
	ASSERT_EQ(0, stock_open(&self->w->stock));
	self->w->netns = open("/proc/thread-self/ns/net", O_RDONLY);
	ASSERT_LE(0, self->w->netns);
	guards_gone(self->w);
	count(self->before);
}

FIXTURE_TEARDOWN(fault)
{
	stock_close(&self->w->stock);
}

static void try_open(struct world *w, const struct request *request)
{
	must(ctl_open(&w->ctl));
	must(nl_open(&w->nl));
	w->ctl.impatient = !request->patient;
	w->nl.impatient = !request->patient;
}

static void try_close(struct world *w)
{
	ctl_close(&w->ctl);
	nl_close(&w->nl);
}

/* What the last try left goes with RCU callbacks. */
static void settle(FIXTURE_DATA(fault) *self)
{
	for (size_t i = 0; i < KINDS; i++)
		objects_come_to(kinds[i], self->before[i]);
}

/* How the request leaves things if nothing fails */
static int rehearse(FIXTURE_DATA(fault) *self, const struct request *request)
{
	struct world *w = self->w;
	long now[KINDS];
	int err;

	settle(self);
	try_open(w, request);
	request->prepare(w);
	count(self->made);
	err = request->run(w);
	if (request->run != netns_new)
		state_read(&w->stock.nl, &self->done);
	count(now);
	for (size_t i = 0; i < KINDS; i++)
		self->made[i] = now[i] - self->made[i];
	request->undo(w);
	try_close(w);
	return err;
}

/* Does the request change nothing even if nothing fails? */
static bool idle(FIXTURE_DATA(fault) *self, const struct request *request)
{
	static const long none[KINDS];

	return request->fresh ? !memcmp(self->made, none, sizeof(none)) :
				state_same(&self->w->stock.nl, &self->done);
}

/* Is this thread in another namespace than the stock? */
static bool moved(struct world *w)
{
	struct stat now, stock;

	must(stat("/proc/thread-self/ns/net", &now) ? -errno : 0);
	must(fstat(w->netns, &stock) ? -errno : 0);
	return now.st_ino != stock.st_ino;
}

/* In the namespace of this thread: "" or what does not work */
static const char *works_here(void)
{
	const struct ctl_guard guard = { .first = 4000, .last = 4009 };
	uint32_t session, id;
	struct ctl ctl;
	int fd, err;

	err = ctl_open(&ctl);
	if (err)
		return "the family is not there";
	fd = sock_udp(SOCK_V4, 0, NULL);
	err = ctl_session_new(&ctl, "new", NULL, &session);
	if (!err)
		err = ctl_guard_new(&ctl, session, &guard, &id);
	if (!err)
		err = ctl_guard_del(&ctl, id);
	if (!err && fd >= 0)	/* without loopback it has no address */
		err = ctl_attach(&ctl, session, fd, NULL);
	if (!err)
		err = ctl_session_del(&ctl, session);
	close(fd);
	ctl_close(&ctl);
	return err ? strerror(-err) : "";
}

/*
 * Other parts of the kernel have a say in it, too, but it is there with all of
 * ours or not at all, and nothing of other namespaces changes.
 */
static const char *judge_netns(FIXTURE_DATA(fault) *self,
			       const long before[KINDS], int err)
{
	struct world *w = self->w;
	long now[KINDS];

	if (moved(w) != !err)
		return err ? "failed, but it is another namespace" :
			     "succeeded, but it is the same namespace";
	count(now);
	if (memcmp(now, before, sizeof(now)))
		return "has objects from the start";
	if (!state_same(&w->stock.nl, &self->was))
		return "the namespace of before changed";
	return err ? "" : works_here();
}

/* "": nothing changed, or all that should; else what is wrong */
static const char *judge(FIXTURE_DATA(fault) *self,
			 const struct request *request, const long before[KINDS],
			 int err)
{
	struct nl *nl = &self->w->stock.nl;
	long now[KINDS];
	size_t i;

	if (request->run == netns_new)
		return judge_netns(self, before, err);
	if (!fitting(err))
		return strerror(-err);
	if (state_same(nl, &self->was))
		return err || idle(self, request) ? "" :
						    "succeeded, but changed nothing";
	if (!request->fresh)
		return state_same(nl, &self->done) ? "" : "half done";
	count(now);
	for (i = 0; i < 4; i++)		/* what requests make at once */
		if (now[i] - before[i] != self->made[i])
			return "half made";
	return "";
}

/* Points tried, or -1: see the log */
static int sweep(FIXTURE_DATA(fault) *self, const struct request *request,
		 struct __test_metadata *_metadata)
{
	unsigned int stride = long_form() || !request->stride ? 1 :
							       request->stride;
	struct world *w = self->w;
	unsigned int nth, points = 0;
	long before[KINDS];
	const char *wrong;
	bool hit = true;
	int err;

	for (nth = 1; hit && nth < POINTS_MAX; nth += stride) {
		settle(self);
		try_open(w, request);
		request->prepare(w);
		state_read(&w->stock.nl, &self->was);
		count(before);
		fault_begin(nth);
		err = request->run(w);
		hit = fault_end();
		wrong = hit || !err ? judge(self, request, before, err) :
				      strerror(-err);
		EXPECT_STREQ("", wrong) {
			TH_LOG("%s, allocation %u: returned %d", request->name,
			       nth, err);
		}
		request->undo(w);
		try_close(w);
		points += hit;
	}
	EXPECT_GT(POINTS_MAX, nth);
	TH_LOG("%s: %u points", request->name, points);
	return (int)points;
}

TEST_F_TIMEOUT(fault, requests, 1500)
{
	unsigned int i;
	int points, sum = 0;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		ASSERT_EQ(0, rehearse(self, &requests[i])) {
			TH_LOG("%s", requests[i].name);
		}
		points = sweep(self, &requests[i], _metadata);
		/* the request itself and its message, at the least */
		EXPECT_LT(2, points) {
			TH_LOG("%s", requests[i].name);
		}
		sum += points;
	}
	for (i = 0; i < KINDS; i++) {
		EXPECT_TRUE(objects_come_to(kinds[i], self->before[i])) {
			TH_LOG("%s: %ld instead of %ld", kinds[i],
			       objects_alive(kinds[i]), self->before[i]);
		}
	}
	figure_add("fault", "fault_points", sum);
}

TEST_HARNESS_MAIN
