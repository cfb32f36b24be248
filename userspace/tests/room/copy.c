// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A virtual machine is copied in the midst of a call, and both copies are told
 * (rule K7): neither may send with a key that the other one has. A copy has the
 * same random numbers in memory, too. Here fork() makes it: getpid() lies, for it
 * is by this that OpenSSL notices a fork.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "../tap.h"
#include "world.h"

#define TX_MAX	64

/** struct traces - what a copy shows of itself */
struct traces {
	uint8_t session[E2EE_ID_LEN];
	uint8_t kp[E2EE_HASH_LEN];
	uint8_t random[16];
	unsigned int count;
	uint8_t tx[TX_MAX][32];
	bool old;			/* sent with a key of before */
	bool one;			/* came back into the call */
};

static struct world world;

pid_t getpid(void)
{
	return 4711;
}

static unsigned int tx_keys(const struct node *node, uint8_t keys[TX_MAX][32])
{
	unsigned int count = 0;

	for (size_t i = 0; i < node->kernel.count && count < TX_MAX; i++)
		if (node->kernel.keys[i].key.dir == E2EE_DIR_TX)
			memcpy(keys[count++], node->kernel.keys[i].key.secret,
			       32);
	return count;
}

static unsigned int common(uint8_t (*a)[32], unsigned int a_count,
			   uint8_t (*b)[32], unsigned int b_count)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < a_count; i++)
		for (unsigned int j = 0; j < b_count; j++)
			count += !memcmp(a[i], b[j], 32);
	return count;
}

/* The copy has half a minute to itself, as the original has */
static void live(struct node *bob, bool told, struct traces *traces)
{
	uint8_t before[TX_MAX][32];
	unsigned int count = tx_keys(bob, before);

	memset(traces, 0, sizeof(*traces));
	if (told) {
		e2ee_room_renew(bob->room, world.now);
		bob->next = world.now;
		traces->old = node_media(bob, 1);
	}
	traces->one = world_until(&world, 30 * SECOND, world_is_one, NULL);
	world_run(&world, 12 * SECOND);
	memcpy(traces->session, bob->room->session, sizeof(traces->session));
	memcpy(traces->kp, bob->room->kps[0].msg->hash, sizeof(traces->kp));
	if (RAND_priv_bytes(traces->random, sizeof(traces->random)) != 1)
		abort();
	traces->count = tx_keys(bob, traces->tx);
	if (told)
		traces->old |= common(before, count, traces->tx,
				      traces->count) > 0;
}

/* Both go on, in processes that do not know of each other */
static void copy(struct node *bob, bool told, struct traces *original,
		 struct traces *other)
{
	int pipes[2], status = 1;
	size_t got = 0;
	ssize_t len;
	pid_t pid;

	if (pipe(pipes))
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (!pid) {
		live(bob, told, other);
		_exit(write(pipes[1], other, sizeof(*other)) !=
		      (ssize_t)sizeof(*other));
	}
	close(pipes[1]);
	live(bob, told, original);
	while (got < sizeof(*other)) {
		len = read(pipes[0], (char *)other + got, sizeof(*other) - got);
		if (len <= 0)
			break;
		got += (size_t)len;
	}
	close(pipes[0]);
	waitpid(pid, &status, 0);
	ok(got == sizeof(*other) && !status, "both copies live");
}

static struct node *call(uint64_t seed)
{
	world_open(&world, seed);
	world.jitter = 15;
	node_start(world_add(&world, "alice"));
	node_start(world_add(&world, "bob"));
	ok(world_until(&world, 30 * SECOND, world_is_one, NULL),
	   "a call of two");
	world_run(&world, 10 * SECOND);
	return &world.nodes[1];
}

int main(void)
{
	struct traces original, other;
	struct node *bob = call(90);

	copy(bob, false, &original, &other);
	ok(original.count && original.count == other.count &&
	   common(original.tx, original.count, other.tx, other.count) ==
	   original.count && !memcmp(original.random, other.random, 16),
	   "untold, they are the same, to the random numbers: %u keys",
	   original.count);
	world_close(&world);

	bob = call(91);
	copy(bob, true, &original, &other);
	ok(!original.old && !other.old,
	   "told: neither sends with a key of before");
	ok(original.one && other.one, "told: both are let in anew");
	ok(memcmp(original.session, other.session, E2EE_ID_LEN) != 0,
	   "told: their session ids differ");
	ok(memcmp(original.kp, other.kp, E2EE_HASH_LEN) != 0,
	   "told: their key packages do");
	ok(original.count && other.count &&
	   !common(original.tx, original.count, other.tx, other.count),
	   "told: none of %u and %u sending keys is the same", original.count,
	   other.count);
	ok(!world.violations, "nothing that must not happen");
	world_close(&world);
	return tap_end();
}
