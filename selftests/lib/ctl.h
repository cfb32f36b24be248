/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Thin generic netlink control of e2ee for the tests: raw messages, so that no
 * library stands between a test and the kernel. All return -errno.
 */
#ifndef E2EE_TEST_CTL_H
#define E2EE_TEST_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/e2ee.h>

#define CTL_STATS	__E2EE_A_STAT_MAX

struct ctl_family {
	uint16_t id;
	uint32_t events;	/* multicast group */
};

/* One netlink socket; not for two threads at once. */
struct ctl {
	int fd;
	uint32_t seq;
	struct ctl_family family;
	bool impatient;		/* -EAGAIN is an answer; else asks again */
};

/* How long whoever is told to ask again does so, ms */
#define CTL_PATIENCE	5000

struct ctl_session {
	int policy;		/* enum e2ee_policy; required is 0 */
	uint32_t flags;
	uint32_t window;	/* 0: default */
	const char *crypto;	/* NULL: not given */
	const uint8_t *rtx_pt;
	unsigned int rtx_pts;
};

struct ctl_key {
	uint32_t dir;
	uint64_t kid;
	uint32_t mode;		/* enum e2ee_ssrc_mode; 0: not given */
	uint32_t ssrc;		/* given if mode is E2EE_SSRC_NUMBER */
	const uint32_t *rtx_ssrc;	/* NULL: not given */
	uint32_t suite;		/* 0: default */
	uint32_t epoch;
	const uint8_t *secret;	/* 16 bytes for suite 4, else 32 */
	const uint8_t *salt;
	uint64_t ctr;		/* 0: not given */
	uint64_t soft_limit;	/* 0: not given */
	uint64_t limit;		/* 0: not given */
	uint32_t expires;	/* 0: not given */
};

struct ctl_key_info {
	uint64_t ctr;
	uint64_t packets;
	bool expired;
	char driver[E2EE_CRYPTO_NAME_MAX + 1];
};

struct ctl_guard {
	uint16_t first;
	uint16_t last;		/* 0: not given */
	const void *addr;	/* NULL: any */
	unsigned int addr_len;
	const uint32_t *uid;	/* NULL: any */
	const char *cgroup;	/* NULL: any */
};

struct ctl_event {
	uint32_t type;
	uint32_t session;
	uint64_t socket;
	uint64_t kid;
	uint32_t ssrc;
	uint32_t error;
	uint8_t local[16];	/* of a socket without id */
	uint32_t local_len;
	uint16_t port;
	uint64_t inode;
};

int ctl_open(struct ctl *ctl);
void ctl_close(struct ctl *ctl);

int ctl_session_new(struct ctl *ctl, const char *name,
		    const struct ctl_session *session, uint32_t *id);
int ctl_session_policy(struct ctl *ctl, uint32_t id, uint32_t policy);
int ctl_session_flags(struct ctl *ctl, uint32_t id, uint32_t flags);
int ctl_session_epoch(struct ctl *ctl, uint32_t id, uint32_t epoch, bool force);
int ctl_session_del(struct ctl *ctl, uint32_t id);
int ctl_session_stats(struct ctl *ctl, uint32_t id, uint64_t stats[CTL_STATS]);

int ctl_key_new(struct ctl *ctl, uint32_t session, const struct ctl_key *key);
/* Only the RTX SSRC is changed. */
int ctl_key_set(struct ctl *ctl, uint32_t session, const struct ctl_key *key);
int ctl_key_del(struct ctl *ctl, uint32_t session, const struct ctl_key *key);
int ctl_key_get(struct ctl *ctl, uint32_t session, const struct ctl_key *key,
		struct ctl_key_info *info);

int ctl_attach(struct ctl *ctl, uint32_t session, int fd, uint64_t *socket);
int ctl_detach(struct ctl *ctl, uint64_t socket, bool force);
/* session: 0 if detached; -ENOENT where the socket has no hooks */
int ctl_socket_get(struct ctl *ctl, int fd, uint64_t *socket,
		   uint32_t *session);
int ctl_socket_stats(struct ctl *ctl, int fd, uint64_t stats[CTL_STATS]);

int ctl_guard_new(struct ctl *ctl, uint32_t session,
		  const struct ctl_guard *guard, uint32_t *id);
int ctl_guard_del(struct ctl *ctl, uint32_t id);
int ctl_guard_sockets(struct ctl *ctl, uint32_t id);

/* A socket that hears events; then wait for one of @type, skipping others. */
int ctl_events_open(struct ctl *ctl);
int ctl_event_wait(struct ctl *ctl, uint32_t type, int timeout_ms,
		   struct ctl_event *event);

/* "tx_ok" and so on, for messages */
const char *ctl_stat_name(unsigned int stat);

#endif /* E2EE_TEST_CTL_H */
