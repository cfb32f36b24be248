/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What most tests begin with:
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 *
 * in a network namespace of its own, connected to each other.
 */
#ifndef E2EE_TEST_SCENE_H
#define E2EE_TEST_SCENE_H

#include <stdint.h>

#include "ctl.h"
#include "rtp.h"
#include "sframe.h"
#include "sock.h"

struct scene {
	enum sock_kind kind;
	struct ctl ctl;
	uint32_t session;
	int fd;
	struct addr addr;
	int peer;
	struct addr peer_addr;
	uint64_t session_before[CTL_STATS];
	uint64_t socket_before[CTL_STATS];
};

/* 0 or -errno; -ENOENT where the module is not loaded. */
int scene_open(struct scene *scene, enum sock_kind kind,
	       const struct ctl_session *options);
void scene_close(struct scene *scene);

/* Attach fd, or another one in its place: counters are compared from here on. */
int scene_attach(struct scene *scene);

/* Install @key. @more gives what struct sframe_key has not; may be NULL. */
int scene_key(struct scene *scene, uint32_t dir, const struct sframe_key *key,
	      const struct ctl_key *more);

/*
 * The counters that changed since the last call, as "tx_ok+1 tx_frag+1", ""
 * if none; "session: ... socket: ..." where the two do not agree. Asking waits
 * for nothing: the kernel counts before it delivers.
 */
const char *scene_changes(struct scene *scene);

/* Changes between two readings in the same words; static memory, 4 texts. */
const char *stats_changes(const uint64_t before[CTL_STATS],
			  const uint64_t after[CTL_STATS]);

/*
 * What has come through before now: send a STUN request from @from, which
 * every policy lets pass, and count what @to gets before it. -errno.
 */
int scene_flush(int from, int to);

#endif /* E2EE_TEST_SCENE_H */
