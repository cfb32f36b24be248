// SPDX-License-Identifier: GPL-2.0
/*
 * Packets into attached sockets, from a peer with the keys and from somebody
 * without, in sk_buffs of every shape. After each batch the oracle: each packet
 * is counted under the verdict that the model says, and no other; what is
 * delivered is, byte for byte, what the model says; others who look at the
 * same bytes (packet taps, files, the sender's memory) see them unchanged.
 *
 * Some workers have sockets of their own; the others share a pair, see shared.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver.h"
#include "forge.h"
#include "inject.h"
#include "module.h"
#include "rtp.h"
#include "run.h"
#include "shared.h"

#define TARGETS	8
#define TWIN	7	/* hears what the one before it hears */
#define BURST	60000	/* bytes of a burst, at most */
#define LO_MTU	65536
#define IPV6_UDP	48	/* bytes of both headers */
#define ALONE	2	/* workers with sockets of their own; others share */
#define COUNTS	"/sys/kernel/debug/e2ee_shapes/"

struct packets {
	struct run_worker *worker;
	struct dice dice;
	struct ctl ctl;
	struct injector injector;
	struct target targets[TARGETS];
	struct batch batch;
	struct fate fates[BATCH];
	char driver[DRIVER_ROOM];	/* one that answers later */
	int tap;		/* open while the tap is on; else -1 */
};

/* What comes in, as e2ee_shapes.ko has it */
static const char * const counts[] = {
	"linear", "nonlinear", "frag_list", "shared_frags", "cloned", "gso",
	"gso_list",
};

#define COUNTS_NUM	(sizeof(counts) / sizeof(counts[0]))
#define VERDICT_FIRST	E2EE_A_STAT_RX_OK
#define VERDICTS	(E2EE_A_STAT_RX_BLOCKED - VERDICT_FIRST + 1)

/* Ways in, verdicts, shapes that came in, and what the shared pair is for */
enum goal_first {
	GOAL_SHAPE = 0,
	GOAL_VERDICT = GOAL_SHAPE + SHAPES,
	GOAL_COUNT = GOAL_VERDICT + VERDICTS,
	GOAL_SHARED = GOAL_COUNT + COUNTS_NUM,
	GOAL_END = GOAL_SHARED + SHARED_GOALS,
};

static uint64_t counts_before[COUNTS_NUM];
static bool tap_gso;	/* the kernel takes bursts from a TAP device */
static bool sharing;

static const struct {
	const char *name;
	enum sock_kind kind;
	uint32_t policy;
	bool async;
	bool group;
} targets[TARGETS] = {
	{ "required, IPv4", SOCK_V4, E2EE_POLICY_REQUIRED, false, false },
	{ "required", SOCK_V6, E2EE_POLICY_REQUIRED, false, false },
	{ "required, cipher answers later", SOCK_V6, E2EE_POLICY_REQUIRED,
	  true, false },
	{ "optional", SOCK_V6, E2EE_POLICY_OPTIONAL, false, false },
	{ "blocked", SOCK_V6, E2EE_POLICY_BLOCKED, false, false },
	{ "off", SOCK_V6, E2EE_POLICY_OFF, false, false },
	{ "multicast", SOCK_V4, E2EE_POLICY_REQUIRED, false, true },
	{ "multicast, twin", SOCK_V4, E2EE_POLICY_REQUIRED, false, true },
};

/* Order on loopback is by CPU; two workers are not to share one */
static int pin(unsigned int nth)
{
	long num = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(nth % (unsigned long)num, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

static int join_group(int fd)
{
	struct ip_mreqn group = { .imr_ifindex = (int)if_nametoindex("lo") };

	inet_pton(AF_INET, MODEL_GROUP, &group.imr_multiaddr);
	return setsockopt(fd, SOL_IP, IP_ADD_MEMBERSHIP, &group,
			  sizeof(group)) ? -errno : 0;
}

/* Hears from everywhere, on its port if it has one; AF_INET6 over IPv4, too */
static int open_socket(struct target *target)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct sockaddr_in any4 = { .sin_family = AF_INET };
	bool v4 = target->kind == SOCK_V4;
	int room = 64 << 20, one = 1;
	struct addr addr;
	int fd;

	any.sin6_port = htons(target->port);
	any4.sin_port = htons(target->port);

	fd = socket(sock_family(target->kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (target->group && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one,
					sizeof(one)))
		return -errno;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room,
				 sizeof(room)))
		return -errno;
	if (bind(fd, v4 ? (void *)&any4 : (void *)&any,
		 v4 ? sizeof(any4) : sizeof(any)))
		return -errno;
	addr.len = sizeof(addr.ss);
	getsockname(fd, (void *)&addr.ss, &addr.len);
	target->port = addr_port(&addr);
	target->fd = fd;
	return target->group ? join_group(fd) : 0;
}

static int install(struct ctl *ctl, struct target *target)
{
	struct model_key *key;
	struct ctl_key request;
	int err = 0;

	for (unsigned int i = 0; i < MODEL_KEYS && !err; i++) {
		key = &target->keys[i];
		request = (struct ctl_key){
			.dir = E2EE_DIR_RX, .kid = key->key.kid,
			.mode = key->mode, .ssrc = key->ssrc,
			.suite = key->key.suite, .secret = key->key.secret,
			.salt = key->key.salt, .expires = key->expired,
			.rtx_ssrc = key->rtx_ssrc ? &key->rtx_ssrc : NULL,
		};
		err = ctl_key_new(ctl, target->session, &request);
	}
	return err;
}

/* The key that shall be past its lifetime is */
static int wait_expired(struct ctl *ctl, struct target *target)
{
	const struct model_key *key = &target->keys[MODEL_KEYS - 1];
	struct ctl_key request = {
		.dir = E2EE_DIR_RX, .kid = key->key.kid, .mode = key->mode,
	};
	int64_t end = now_ms() + SOCK_WAIT;
	struct ctl_key_info info = { 0 };
	int err;

	for (;;) {
		err = ctl_key_get(ctl, target->session, &request, &info);
		if (err || info.expired)
			return err;
		if (now_ms() > end)
			return -ETIMEDOUT;
		poll(NULL, 0, 10);
	}
}

/* Another socket of the same session, which hears the same */
static int open_twin(struct packets *p)
{
	struct target *target = &p->targets[TWIN];
	int err;

	*target = p->targets[TWIN - 1];
	target->name = targets[TWIN].name;
	err = open_socket(target);
	if (!err)
		err = ctl_attach(&p->ctl, target->session, target->fd, NULL);
	if (!err)
		err = ctl_socket_stats(&p->ctl, target->fd, target->stats);
	return err;
}

static int open_target(struct packets *p, unsigned int nth)
{
	static const uint8_t rtx_pt = MODEL_RTX_PT;
	struct target *target = &p->targets[nth];
	bool blocked = targets[nth].policy == E2EE_POLICY_BLOCKED;
	struct ctl_session options = {
		.policy = blocked ? E2EE_POLICY_REQUIRED :
				    (int)targets[nth].policy,
		.window = MODEL_WINDOW, .rtx_pt = &rtx_pt, .rtx_pts = 1,
		.crypto = targets[nth].async ? p->driver : NULL,
	};
	char name[16];
	int err;

	target->name = targets[nth].name;
	target->kind = targets[nth].kind;
	target->policy = targets[nth].policy;
	target->group = targets[nth].group;
	model_keys(target, &p->dice);
	snprintf(name, sizeof(name), "fuzz%u", nth);
	err = open_socket(target);
	if (!err)
		err = ctl_session_new(&p->ctl, name, &options,
				      &target->session);
	if (!err)
		err = ctl_attach(&p->ctl, target->session, target->fd, NULL);
	if (!err)
		err = install(&p->ctl, target);
	if (!err && blocked)
		err = ctl_session_del(&p->ctl, target->session);
	if (!err)
		err = ctl_socket_stats(&p->ctl, target->fd, target->stats);
	return err;
}

static int open_all(struct packets *p)
{
	unsigned int i;
	int err;

	for (i = 0; i < BATCH; i++) {
		p->batch.wires[i] = malloc(RTP_ROOM + 1024);
		p->fates[i].bytes = malloc(RTP_ROOM + 1024);
		if (!p->batch.wires[i] || !p->fates[i].bytes)
			return -ENOMEM;
	}
	p->tap = -1;
	err = sock_netns();
	if (!err)
		err = pin(p->worker->nth);
	if (!err)
		err = ctl_open(&p->ctl);
	if (!err)
		err = driver_find_async(p->driver);
	if (!err)
		err = inject_open(&p->injector);
	for (i = 0; i < TWIN && !err; i++)
		err = open_target(p, i);
	if (!err)
		err = open_twin(p);
	for (i = 0; i < TARGETS && !err; i++)
		if (p->targets[i].policy != E2EE_POLICY_BLOCKED)
			err = wait_expired(&p->ctl, &p->targets[i]);
	return err;
}

/* What costs least comes most: a system call for many packets */
static enum shape choose_shape(struct dice *dice)
{
	static const enum shape cheap[] = {
		SHAPE_SEND, SHAPE_GSO, SHAPE_TAP_GSO,
	};

	return dice_one_in(dice, 3) ? dice_below(dice, SHAPES) :
				      cheap[dice_below(dice, 3)];
}

static void choose_batch(struct packets *p, const struct target *target)
{
	struct batch *batch = &p->batch;

	/* a group is sent to, not put on a device */
	do
		batch->shape = choose_shape(&p->dice);
	while (target->group && batch->shape > SHAPE_SPLICE);
	if (batch->shape == SHAPE_TAP_GSO && !tap_gso)
		batch->shape = SHAPE_GSO;
	batch->ipv6 = target->kind == SOCK_V6 && dice_one_in(&p->dice, 2);
	batch->num = 1 + dice_below(&p->dice, BATCH);
}

/* In a burst, all are of the length of the first, but for the last */
static size_t fit_burst(struct packets *p, unsigned int nth, size_t len)
{
	struct batch *batch = &p->batch;
	size_t wish = batch->lens[0];

	if (!nth) {
		batch->num = (unsigned int)(len * batch->num > BURST ?
					    BURST / len : batch->num);
		return len;
	}
	if (len < wish && nth + 1 < batch->num)
		dice_bytes(&p->dice, batch->wires[nth] + len, wish - len);
	return len < wish && nth + 1 == batch->num ? len : wish;
}

static void fill_batch(struct packets *p, struct target *target)
{
	struct batch *batch = &p->batch;
	size_t room = shape_room(batch->shape, batch->ipv6), len;
	bool burst = shape_is_burst(batch->shape);
	unsigned int i;

	for (i = 0; i < batch->num; i++) {
		len = forge_packet(&p->dice, target, batch->wires[i], room,
				   burst && i ? batch->lens[0] : 0);
		/* no bytes, no page */
		if (!len && (batch->shape == SHAPE_SPLICE ||
			     batch->shape == SHAPE_ZEROCOPY || burst))
			batch->wires[i][len++] = 0x80;
		batch->lens[i] = burst ? fit_burst(p, i, len) : len;
	}
}

static const char *where(struct packets *p, const struct target *target)
{
	static char text[128];

	snprintf(text, sizeof(text), "seed %llu, %s, %s, IPv%d, tap %s",
		 (unsigned long long)p->worker->seed, target->name,
		 shape_name(p->batch.shape), p->batch.ipv6 ? 6 : 4,
		 p->tap < 0 ? "off" : "on");
	return text;
}

static const char *hex(const uint8_t *data, size_t len)
{
	static char text[4][256];
	static unsigned int turn;
	char *out = text[turn++ % 4];

	out[0] = '\0';
	for (size_t i = 0; i < len && i < 100; i++)
		sprintf(out + 2 * i, "%02x", data[i]);
	return out;
}

/* Every packet has its verdict */
static bool counted(struct packets *p, struct target *target,
		    uint64_t after[CTL_STATS])
{
	int64_t end = now_ms() + SOCK_WAIT;
	uint64_t sum;
	int err;

	for (;;) {
		err = ctl_socket_stats(&p->ctl, target->fd, after);
		if (err) {
			run_wrong(p->worker, "%s: counters: %s",
				  where(p, target), strerror(-err));
			return false;
		}
		sum = 0;
		for (unsigned int i = E2EE_A_STAT_RX_OK;
		     i <= E2EE_A_STAT_RX_BLOCKED; i++)
			sum += after[i] - target->stats[i];
		if (sum >= p->batch.num)
			return true;
		if (now_ms() > end) {
			run_wrong(p->worker, "%s: of %u packets %llu counted",
				  where(p, target), p->batch.num,
				  (unsigned long long)sum);
			return false;
		}
		poll(NULL, 0, 0);
	}
}

static const char *changes(const int64_t by[CTL_STATS])
{
	static char texts[2][400];
	static unsigned int turn;
	char *text = texts[turn++ % 2];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < CTL_STATS; i++)
		if (by[i])
			used += (size_t)snprintf(text + used,
						 sizeof(texts[0]) - used,
						 " %s%+lld", ctl_stat_name(i),
						 (long long)by[i]);
	return text;
}

static bool check_counters(struct packets *p, struct target *target)
{
	int64_t wanted[CTL_STATS] = { 0 }, got[CTL_STATS];
	uint64_t after[CTL_STATS];
	unsigned int i;

	if (!counted(p, target, after))
		return false;
	for (i = 0; i < p->batch.num; i++)
		wanted[p->fates[i].stat]++;
	for (i = 0; i < CTL_STATS; i++) {
		got[i] = (int64_t)(after[i] - target->stats[i]);
	}
	memcpy(target->stats, after, sizeof(after));
	if (!memcmp(wanted, got, sizeof(got))) {
		for (i = 0; i < VERDICTS; i++)
			run_met(GOAL_VERDICT + i,
				(uint64_t)got[VERDICT_FIRST + i]);
		return true;
	}
	run_wrong(p->worker, "%s: counted%s, want%s; first packet %s",
		  where(p, target), changes(got), changes(wanted),
		  hex(p->batch.wires[0], p->batch.lens[0]));
	return false;
}

static bool is_fate(const struct fate *fate, const uint8_t *got, size_t len)
{
	return fate->delivered && fate->len == len &&
	       !memcmp(fate->bytes, got, len);
}

/* The next packet that the model delivers; gathering may change the order. */
static bool check_delivered(struct packets *p, struct target *target,
			    const uint8_t *got, size_t len)
{
	unsigned int i;

	for (i = 0; i < p->batch.num; i++) {
		if (!is_fate(&p->fates[i], got, len))
			continue;
		p->fates[i].delivered = false;
		return true;
	}
	run_wrong(p->worker, "%s: delivered, though the model does not: %zu bytes %s",
		  where(p, target), len, hex(got, len));
	return false;
}

/* All that is there: -1 if one of them should not be, else how many */
static int take(struct packets *p, struct target *target)
{
	static uint8_t got[BATCH + 1][RTP_ROOM];
	struct mmsghdr msgs[BATCH + 1] = { 0 };
	struct iovec iovs[BATCH + 1];
	int n, i;

	for (i = 0; i < BATCH + 1; i++) {
		iovs[i].iov_base = got[i];
		iovs[i].iov_len = sizeof(got[i]);
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(target->fd, msgs, BATCH + 1, MSG_DONTWAIT, NULL);
	for (i = 0; i < n; i++)
		if (!check_delivered(p, target, got[i], msgs[i].msg_len))
			return -1;
	return n < 0 ? 0 : n;
}

static bool drain(struct packets *p, struct target *target)
{
	unsigned int i;
	int n;

	do
		n = take(p, target);
	while (n > 0);
	if (n < 0)
		return false;
	for (i = 0; i < p->batch.num; i++) {
		if (!p->fates[i].delivered)
			continue;
		run_wrong(p->worker, "%s: %s not delivered: %s",
			  where(p, target), ctl_stat_name(p->fates[i].stat),
			  hex(p->batch.wires[i], p->batch.lens[i]));
		return false;
	}
	return true;
}

/* How often a tap sees a packet of this shape as one: leaving, coming in */
static unsigned int tap_sees(enum shape shape)
{
	switch (shape) {
	case SHAPE_SEND:
	case SHAPE_ZEROCOPY:
	case SHAPE_SPLICE:
		return 2;
	case SHAPE_TAP:
	case SHAPE_TAP_PIECES:
		return 1;
	default:
		return 0;	/* put together, or not yet put together */
	}
}

static bool is_wire(const struct batch *batch, const struct frame *frame)
{
	for (unsigned int i = 0; i < batch->num; i++)
		if (batch->lens[i] == frame->len &&
		    !memcmp(batch->wires[i], frame->payload, frame->len))
			return true;
	return false;
}

/* Wider than the loopback device, a packet leaves in fragments */
static bool leaves_whole(const struct batch *batch, unsigned int nth)
{
	return !batch->ipv6 || IPV6_UDP + batch->lens[nth] <= LO_MTU;
}

/*
 * A packet tap saw what was sent, all of it. It is read after the receiver was
 * through with the packets: what shares bytes with them would show it.
 */
static bool check_tap(struct packets *p, struct target *target)
{
	unsigned int wanted = 0, seen = 0;
	static struct frame frame;

	if (p->tap < 0)
		return true;
	for (unsigned int i = 0; i < p->batch.num; i++)
		if (leaves_whole(&p->batch, i))
			wanted += tap_sees(p->batch.shape);
	while (!tap_next(p->tap, &frame))
		seen += frame.dest == target->port && is_wire(&p->batch, &frame);
	if (!wanted || seen == wanted)
		return true;
	run_wrong(p->worker, "%s: of %u frames the tap saw %u as they were sent",
		  where(p, target), wanted, seen);
	return false;
}

static bool check_target(struct packets *p, struct target *target)
{
	const struct batch *batch = &p->batch;

	for (unsigned int i = 0; i < batch->num; i++)
		model_judge(target, batch->wires[i], batch->lens[i],
			    &p->fates[i]);
	return check_counters(p, target) && drain(p, target);
}

static bool one_batch(struct packets *p)
{
	struct target *target = &p->targets[dice_below(&p->dice, TWIN)];
	int err;

	/* those that decrypt are met more often */
	if (target->policy >= E2EE_POLICY_OFF && dice_one_in(&p->dice, 2))
		target = &p->targets[dice_below(&p->dice, 4)];
	choose_batch(p, target);
	fill_batch(p, target);
	err = inject(&p->injector, &p->dice, target, &p->batch);
	if (err) {
		run_wrong(p->worker, "%s: %s", where(p, target),
			  strerror(-err));
		return false;
	}
	if (!check_target(p, target) ||
	    (target->group && !check_target(p, &p->targets[TWIN])) ||
	    !check_tap(p, target))
		return false;
	if (!inject_unharmed(&p->injector, &p->batch)) {
		run_wrong(p->worker, "%s: the sender's pages were written to",
			  where(p, target));
		return false;
	}
	run_met(GOAL_SHAPE + p->batch.shape, p->batch.num);
	p->worker->done += p->batch.num;
	return true;
}

/*
 * A window begins where the key stands at other sockets. So that those of the
 * twins are alike, whichever of them the kernel gives a packet first: one packet
 * of each key before all others, alone.
 */
static void prime_group(struct packets *p)
{
	struct target *target = &p->targets[TWIN - 1];
	struct batch *batch = &p->batch;
	struct model_key *key;
	struct rtp rtp = { .pt = 96, .payload = "first", .len = 5 };

	batch->shape = SHAPE_SEND;
	batch->num = MODEL_KEYS;
	for (unsigned int i = 0; i < MODEL_KEYS; i++) {
		key = &target->keys[i];
		rtp.ssrc = key->ssrc;
		batch->lens[i] = rtp_seal(batch->wires[i], &rtp, &key->key,
					  key->fresh++);
	}
	if (inject(&p->injector, &p->dice, target, batch))
		run_wrong(p->worker, "no multicast");
	else if (check_target(p, target))
		check_target(p, &p->targets[TWIN]);
}

/* A tap from time to time: then every packet is shared with it */
static void turn_tap(struct packets *p)
{
	int room = 256 << 20;

	/* it costs two system calls more a packet */
	if (!dice_one_in(&p->dice, p->tap < 0 ? 48 : 8))
		return;
	if (p->tap >= 0) {
		close(p->tap);
		p->tap = -1;
	} else {
		p->tap = tap_open("");
		if (p->tap < 0 || setsockopt(p->tap, SOL_SOCKET,
					     SO_RCVBUFFORCE, &room,
					     sizeof(room)))
			run_wrong(p->worker, "no tap: %s", strerror(errno));
	}
}

static const char *goal(unsigned int nth)
{
	if (nth < GOAL_VERDICT)
		return nth == SHAPE_TAP_GSO && !tap_gso ? NULL :
							  shape_name(nth);
	if (nth < GOAL_COUNT) {
		nth += VERDICT_FIRST - GOAL_VERDICT;
		/* the model gives it never: queues have room, memory is there */
		return nth == E2EE_A_STAT_RX_BUSY ? NULL : ctl_stat_name(nth);
	}
	if (nth < GOAL_SHARED)
		return counts[nth - GOAL_COUNT];
	return nth < GOAL_END && sharing ? shared_goal(nth - GOAL_SHARED) :
					   NULL;
}

static int read_counts(uint64_t values[COUNTS_NUM])
{
	char path[128];
	FILE *file;
	int n;

	for (unsigned int i = 0; i < COUNTS_NUM; i++) {
		snprintf(path, sizeof(path), COUNTS "%s", counts[i]);
		file = fopen(path, "r");
		n = file ? fscanf(file, "%lu", &values[i]) : 0;
		if (file)
			fclose(file);
		if (n != 1)
			return -EIO;
	}
	return 0;
}

static int begin(unsigned int workers)
{
	int err;

	tap_gso = inject_takes_bursts();
	err = module_load("e2ee_shapes");
	if (!err)
		err = read_counts(counts_before);
	if (err)
		return err;
	sharing = workers > ALONE;
	if (!sharing)
		return 0;
	err = sock_netns();
	return err ? err : shared_begin();
}

static void finish(struct run_worker *worker)
{
	uint64_t values[COUNTS_NUM];

	if (sharing)
		shared_end(worker, GOAL_SHARED);
	if (read_counts(values)) {
		run_wrong(worker, "no counts of shapes");
		return;
	}
	for (unsigned int i = 0; i < COUNTS_NUM; i++)
		run_met(GOAL_COUNT + i, values[i] - counts_before[i]);
	if (module_unload_soon("e2ee_shapes"))
		run_wrong(worker, "e2ee_shapes.ko does not unload");
}

static void work_alone(struct run_worker *worker)
{
	struct packets *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		abort();
	p->worker = worker;
	dice_seed(&p->dice, worker->seed, worker->nth);
	err = open_all(p);
	if (err)
		run_wrong(worker, "setting up: %s", strerror(-err));
	else
		prime_group(p);
	run_ready(worker);
	for (; !run_over(worker); worker->batch++) {
		turn_tap(p);
		if (!one_batch(p))
			break;
	}
}

static void work(struct run_worker *worker)
{
	if (worker->nth < ALONE)
		work_alone(worker);
	else if (pin(worker->nth))
		run_wrong(worker, "no CPU of its own");
	else
		shared_work(worker);
}

int main(int argc, char **argv)
{
	static const struct run run = {
		.name = "packets", .workers = 4, .begin = begin, .work = work,
		.end = finish, .goal = goal,
	};

	return run_main(&run, argc, argv);
}
