// SPDX-License-Identifier: GPL-2.0
/*
 * Where the packets run. The namespaces are there already:
 *
 *	bench0, 10.77.0.1 ---- veth ---- bench1, 10.77.0.2
 *	      lo
 *	      10.79.0.1 -- WireGuard --	      10.79.0.2 (for programs only)
 *	bench2, 10.78.0.1 ---- veth ---- bench3, 10.78.0.2
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PLACE_FD	1000	/* the first descriptor of a pair */
#define PLACE_FD_MAX	60000
#define PLACE_RCVBUF	(8 << 20)
#define PLACE_CTR	(1 << 16)	/* has three bytes, and keeps them */

static const char *const place_names[] = { "bench0", "bench1", "bench2",
					     "bench3", "bench0", "bench1" };
static const char *const place_addrs[] = { "10.77.0.1", "10.77.0.2",
					     "10.78.0.1", "10.78.0.2",
					     "10.79.0.1", "10.79.0.2" };
static int place_nets[PLACE_NETS];
static struct e2ee_ctx *place_ctx[PLACE_NETS];
static int place_next_fd = PLACE_FD;
static uint64_t place_next_kid = 1000;
static uint8_t place_seed[E2EE_KEY_LEN_MAX];
static unsigned int place_sessions;

static void place_enter(enum place_net net)
{
	if (setns(place_nets[net], CLONE_NEWNET))
		bench_die("setns: %s", strerror(errno));
}

void place_open(void)
{
	struct rlimit limit = { PLACE_FD_MAX, PLACE_FD_MAX };
	char path[64];
	int i;

	if (setrlimit(RLIMIT_NOFILE, &limit))
		bench_die("setrlimit: %s", strerror(errno));
	for (i = 0; i < PLACE_NETS; i++) {
		snprintf(path, sizeof(path), "/run/netns/%s", place_names[i]);
		place_nets[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (place_nets[i] < 0)
			bench_die("%s: %s", path, strerror(errno));
		if (e2ee_open(&place_ctx[i], place_names[i]))
			bench_die("%s", e2ee_strerror(place_ctx[i]));
	}
	if (getrandom(place_seed, sizeof(place_seed), 0) < 0)
		bench_die("getrandom: %s", strerror(errno));
	place_enter(PLACE_NEAR);
}

/*
 * A bound socket, with the descriptor @want, which is also its port: neighbours
 * never share a slot of UDP's hash tables, which would cost some packets more.
 */
static void place_socket(int want, const char *addr, struct sockaddr_in *bound)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = PLACE_RCVBUF;
	socklen_t len = sizeof(*bound);

	memset(bound, 0, sizeof(*bound));
	bound->sin_family = AF_INET;
	bound->sin_port = htons((uint16_t)want);
	inet_pton(AF_INET, addr, &bound->sin_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)bound, len) ||
	    getsockname(fd, (struct sockaddr *)bound, &len) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    dup3(fd, want, O_CLOEXEC) < 0)
		bench_die("socket: %s", strerror(errno));
	close(fd);
}

void place_pairs(struct pairs *pairs, unsigned int num, enum place_net tx,
		 enum place_net rx)
{
	struct sockaddr_in from, to;
	unsigned int i;
	int fd;

	pairs->num = num;
	pairs->tx = place_next_fd;
	pairs->rx = place_next_fd + (int)num;
	place_next_fd += 2 * (int)num;
	for (i = 0; i < num; i++) {
		fd = pairs->tx + (int)i;
		place_enter(tx);
		place_socket(fd, place_addrs[tx], &from);
		place_enter(rx);
		place_socket(pairs->rx + (int)i, place_addrs[rx], &to);
		if (connect(pairs->rx + (int)i, (struct sockaddr *)&from,
			    sizeof(from)))
			bench_die("connect: %s", strerror(errno));
		place_enter(PLACE_NEAR);
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
			bench_die("connect: %s", strerror(errno));
	}
}

uint64_t place_kid(unsigned int num)
{
	uint64_t kid = place_next_kid;

	place_next_kid += num;
	return kid;
}

static void place_key(struct e2ee_key *key, uint32_t dir, uint32_t epoch,
		      uint64_t kid)
{
	memset(key, 0, sizeof(*key));
	key->has = E2EE_HAS(E2EE_A_KEY_DIR) | E2EE_HAS(E2EE_A_KEY_KID) |
		   E2EE_HAS(E2EE_A_KEY_SUITE) | E2EE_HAS(E2EE_A_KEY_EPOCH) |
		   E2EE_HAS(E2EE_A_KEY_SECRET) | E2EE_HAS(E2EE_A_KEY_SALT);
	if (dir == E2EE_DIR_TX)
		key->has |= E2EE_HAS(E2EE_A_KEY_SSRC) |
			    E2EE_HAS(E2EE_A_KEY_CTR);
	key->dir = dir;
	key->kid = kid;
	key->ssrc = (uint32_t)kid;
	key->ctr = PLACE_CTR;
	key->suite = E2EE_SUITE_AES_256_GCM_SHA512_128;
	key->epoch = epoch;
	key->secret_len = sizeof(key->secret);
	memcpy(key->secret, place_seed, sizeof(key->secret));
	memcpy(key->secret, &kid, sizeof(kid));
	memcpy(key->salt, &kid, sizeof(kid));
}

/* keys of an SSRC as in the side's first epoch, but with KIDs from @kid on */
void place_keys(struct side *side, uint32_t epoch, uint64_t kid,
		unsigned int num)
{
	struct e2ee_key *keys = calloc(num, sizeof(*keys));
	unsigned int i;

	if (!keys)
		bench_die("no memory");
	for (i = 0; i < num; i++) {
		place_key(&keys[i], side->dir, epoch, kid + i);
		keys[i].ssrc = (uint32_t)(side->kid + i);
	}
	if (e2ee_key_new(side->ctx, &side->session, keys, num, NULL))
		bench_die("keys: %s", e2ee_strerror(side->ctx));
	free(keys);
}

void place_side(struct side *side, enum place_net net, uint32_t dir,
		uint64_t kid, unsigned int num)
{
	memset(side, 0, sizeof(*side));
	side->ctx = place_ctx[net];
	side->dir = dir;
	side->kid = kid;
	side->num = num;
	side->session.has = E2EE_HAS(E2EE_A_SESSION_NAME);
	snprintf(side->session.name, sizeof(side->session.name), "bench%d-%u",
		 getpid(), place_sessions++);
	if (e2ee_session_new(side->ctx, &side->session))
		bench_die("session: %s", e2ee_strerror(side->ctx));
	if (num)
		place_keys(side, 0, kid, num);
}

void place_del_side(struct side *side)
{
	if (e2ee_session_del(side->ctx, &side->session))
		bench_die("session: %s", e2ee_strerror(side->ctx));
}

void place_attach(struct side *side, int fd)
{
	struct e2ee_socket sock = {
		.has = E2EE_HAS(E2EE_A_SOCKET_FD),
		.fd = (uint32_t)fd,
	};

	if (e2ee_socket_attach(side->ctx, &side->session, &sock))
		bench_die("attach: %s", e2ee_strerror(side->ctx));
}

const char *place_driver(void)
{
	static struct e2ee_info info;

	if (e2ee_info_get(place_ctx[PLACE_NEAR], &info))
		bench_die("info: %s", e2ee_strerror(place_ctx[PLACE_NEAR]));
	return info.driver_sync;
}
