/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libe2ee: control of e2ee.ko, and the key derivations of SFrame.
 *
 * Functions return 0 (or a number where they say so), or a negative errno, which
 * e2ee_strerror() describes in words. Only one thread may use a handle at a time.
 *
 * Set a structure to zero before use. Its member @has says which of the other
 * members are set, with one bit for each attribute number, for example
 * E2EE_HAS(E2EE_A_SESSION_POLICY). A request sends only those members; an answer
 * has received only those. Structures may get new members in place of @reserved,
 * which has to be zero.
 */
#ifndef _E2EE_E2EE_H
#define _E2EE_E2EE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/e2ee.h>
#include <e2ee/sframe.h>

#ifdef __cplusplus
extern "C" {
#endif

#define E2EE_HAS(attr)		(UINT64_C(1) << (attr))
#define E2EE_STAT_SLOTS		64

struct e2ee_ctx;

/**
 * struct e2ee_stats - counters
 * @has: bit n is set if value[n] is known
 * @value: one for each enum e2ee_stat
 */
struct e2ee_stats {
	uint64_t has;
	uint64_t value[E2EE_STAT_SLOTS];
};

/** struct e2ee_addr - IP address and port; @len is 4, 16, or 0 for none */
struct e2ee_addr {
	uint8_t addr[16];
	uint32_t len;
	uint16_t port;
	uint16_t reserved;
};

/** struct e2ee_session - @has: E2EE_A_SESSION_*; a request needs id or name */
struct e2ee_session {
	uint64_t has;
	uint32_t id;
	uint32_t policy;
	uint32_t window;
	uint32_t flags;
	uint32_t epoch;
	uint32_t keys;
	uint32_t sockets;
	uint32_t rtx_pt_len;
	uint8_t rtx_pt[E2EE_RTX_PT_MAX];
	char name[E2EE_SESSION_NAME_MAX + 1];
	char crypto[E2EE_CRYPTO_NAME_MAX + 1];
	struct e2ee_stats stats;
	uint64_t reserved[8];
};

/** struct e2ee_key - @has: E2EE_A_KEY_*. Wipe it after use */
struct e2ee_key {
	uint64_t has;
	uint64_t kid;
	uint64_t ctr;
	uint64_t soft_limit;
	uint64_t limit;
	uint64_t packets;
	uint32_t session;
	uint32_t dir;
	uint32_t ssrc;
	uint32_t ssrc_mode;
	uint32_t suite;
	uint32_t epoch;
	uint32_t expires;
	uint32_t secret_len;
	uint8_t secret[E2EE_KEY_LEN_MAX];
	uint8_t salt[E2EE_SALT_LEN];
	uint32_t expired;
	char driver[E2EE_CRYPTO_NAME_MAX + 1];
	uint32_t rtx_ssrc;
	uint32_t reserved32;
	uint64_t reserved[7];
};

/**
 * struct e2ee_socket - @has: E2EE_A_SOCKET_*
 *
 * Addresses and ports have separate bits: E2EE_A_SOCKET_LOCAL_ADDR is for
 * local.addr, and E2EE_A_SOCKET_LOCAL_PORT is for local.port.
 */
struct e2ee_socket {
	uint64_t has;
	uint64_t id;
	uint64_t inode;
	uint32_t session;
	uint32_t fd;
	uint32_t uid;
	uint32_t guard;
	struct e2ee_addr local;
	struct e2ee_addr remote;
	struct e2ee_stats stats;
	uint64_t reserved[8];
};

/** struct e2ee_guard - @has: E2EE_A_GUARD_*; local.port is not used */
struct e2ee_guard {
	uint64_t has;
	uint32_t id;
	uint32_t session;
	uint32_t uid;
	uint32_t sockets;
	uint16_t port_first;
	uint16_t port_last;
	struct e2ee_addr local;
	char cgroup[E2EE_CGROUP_PATH_MAX + 1];
	uint64_t reserved[8];
};

/** struct e2ee_event_info - @has: E2EE_A_EVENT_* */
struct e2ee_event_info {
	uint64_t has;
	uint64_t socket;
	uint64_t kid;
	uint64_t count;
	uint32_t type;
	uint32_t session;
	uint32_t dir;
	uint32_t ssrc;
	uint32_t epoch;
	uint32_t error;
	uint32_t lost;
	char name[E2EE_SESSION_NAME_MAX + 1];
	uint64_t inode;
	struct e2ee_addr local;
	uint64_t reserved[4];
};

/** struct e2ee_info - @has: E2EE_A_INFO_* */
struct e2ee_info {
	uint64_t has;
	uint32_t sessions;
	uint32_t keys;
	uint32_t sockets;
	uint32_t guards;
	uint32_t digests;
	uint32_t digests_max;
	char version[64];
	char driver_sync[E2EE_CRYPTO_NAME_MAX + 1];
	char driver_fallback[E2EE_CRYPTO_NAME_MAX + 1];
	uint32_t floors;
	uint32_t floors_max;
	uint64_t floors_lost;
	uint64_t reserved[6];
};

/** struct e2ee_udp - a UDP socket of the namespace, attached or not */
struct e2ee_udp {
	uint64_t inode;
	uint64_t cookie;
	uint32_t uid;
	uint32_t reserved32;
	struct e2ee_addr local;
	struct e2ee_addr remote;
	uint64_t reserved[4];
};

/* A callback returns 0 to continue; anything else ends the listing and is returned. */
typedef int (*e2ee_session_cb)(const struct e2ee_session *session, void *arg);
typedef int (*e2ee_key_cb)(const struct e2ee_key *key, void *arg);
typedef int (*e2ee_socket_cb)(const struct e2ee_socket *sock, void *arg);
typedef int (*e2ee_guard_cb)(const struct e2ee_guard *guard, void *arg);
typedef int (*e2ee_event_cb)(const struct e2ee_event_info *event, void *arg);
typedef int (*e2ee_udp_cb)(const struct e2ee_udp *udp, void *arg);

/* Handle */

/**
 * e2ee_open() - connect to the module
 * @ctx: where to put the handle. There is a handle after a failure, too: it has
 *       the words for e2ee_strerror() and has to be closed. It is NULL only if
 *       there is no memory
 * @netns: a name in /run/netns, or a path with a slash; NULL for the caller's
 *         own namespace. The caller stays in its namespace.
 *
 * Errors: -ENOENT: there is no such namespace. -EPROTONOSUPPORT: the module is
 *         not loaded. -EAGAIN: the kernel did not find the module, but it may be
 *         loaded.
 */
int e2ee_open(struct e2ee_ctx **ctx, const char *netns);
void e2ee_close(struct e2ee_ctx *ctx);

/**
 * e2ee_set_patience() - how long a request may wait for the kernel
 * @ctx: handle
 * @ms: if the kernel wants to be asked again, the library repeats the request for
 *      this many milliseconds before it fails with -EAGAIN. 0: it asks once.
 *
 * A new handle has 5000. A program with an event loop sets far fewer, and asks
 * again by a timer of its own.
 */
void e2ee_set_patience(struct e2ee_ctx *ctx, unsigned int ms);

/* The last error of this handle in words: those of the kernel, if it gave any */
const char *e2ee_strerror(const struct e2ee_ctx *ctx);

/*
 * Returns whether the last error was the kernel's answer to a request. If it was,
 * the request had no effect. Otherwise the request may not have been sent, or its
 * answer may have been lost.
 */
bool e2ee_refused(const struct e2ee_ctx *ctx);

/* Sessions. e2ee_session_new() fills in the id. */
int e2ee_session_new(struct e2ee_ctx *ctx, struct e2ee_session *session);
int e2ee_session_set(struct e2ee_ctx *ctx, const struct e2ee_session *session);
int e2ee_session_del(struct e2ee_ctx *ctx, const struct e2ee_session *session);
int e2ee_session_get(struct e2ee_ctx *ctx, struct e2ee_session *session);
int e2ee_session_list(struct e2ee_ctx *ctx, e2ee_session_cb cb, void *arg);

/*
 * Send with the keys of @epoch from now on. This is refused if an SSRC that sent in
 * the last two seconds would lack a key, unless @force is set.
 */
int e2ee_session_use_epoch(struct e2ee_ctx *ctx,
			   const struct e2ee_session *session, uint32_t epoch,
			   bool force);

/**
 * e2ee_key_new() - install keys
 * @ctx: handle
 * @session: the session, by id or name
 * @keys: the keys; each needs secret and salt
 * @count: how many keys there are
 * @done: if not NULL, set to how many of the keys are installed, also after an
 *        error. The keys go to the kernel in several messages, and the kernel
 *        installs all keys of a message or none
 */
int e2ee_key_new(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 const struct e2ee_key *keys, size_t count, size_t *done);
int e2ee_key_set(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 const struct e2ee_key *key);
int e2ee_key_del(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 const struct e2ee_key *keys, size_t count, size_t *done);
int e2ee_key_get(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		 struct e2ee_key *key);
/* If @session is NULL, list the keys of all sessions. The same holds below. */
int e2ee_key_list(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		  e2ee_key_cb cb, void *arg);

/*
 * Sockets. e2ee_socket_attach() takes fd, or local address and port, and fills in
 * the id.
 */
int e2ee_socket_attach(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		       struct e2ee_socket *sock);
/* Attaches descriptor @fd of process @pid; needs ptrace rights over the process */
int e2ee_socket_attach_pid(struct e2ee_ctx *ctx,
			   const struct e2ee_session *session, pid_t pid,
			   int fd, struct e2ee_socket *sock);
int e2ee_socket_detach(struct e2ee_ctx *ctx, const struct e2ee_socket *sock,
		       bool force);
int e2ee_socket_get(struct e2ee_ctx *ctx, struct e2ee_socket *sock);
int e2ee_socket_list(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		     e2ee_socket_cb cb, void *arg);

/* Guards. e2ee_guard_new() fills in the id. */
int e2ee_guard_new(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		   struct e2ee_guard *guard);
int e2ee_guard_del(struct e2ee_ctx *ctx, uint32_t id);
int e2ee_guard_list(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		    e2ee_guard_cb cb, void *arg);

int e2ee_info_get(struct e2ee_ctx *ctx, struct e2ee_info *info);

/*
 * Events arrive after e2ee_event_subscribe(). The descriptor is readable when there
 * are some.
 */
int e2ee_event_subscribe(struct e2ee_ctx *ctx);
int e2ee_event_fd(const struct e2ee_ctx *ctx);
/*
 * Calls back for the events that have arrived, and never waits. -ENOBUFS: some events
 * were lost; continue to read.
 */
int e2ee_event_read(struct e2ee_ctx *ctx, e2ee_event_cb cb, void *arg);

/* Lists every UDP socket of the handle's namespace, by the kernel's socket diagnosis */
int e2ee_udp_list(struct e2ee_ctx *ctx, e2ee_udp_cb cb, void *arg);

/* Names of values, and values of names: NULL or -EINVAL if there is none */
const char *e2ee_policy_name(uint32_t policy);
const char *e2ee_dir_name(uint32_t dir);
const char *e2ee_ssrc_mode_name(uint32_t mode);
const char *e2ee_suite_name(uint32_t suite);
const char *e2ee_event_name(uint32_t type);
const char *e2ee_stat_name(uint32_t stat);
int e2ee_policy_value(const char *name);
int e2ee_suite_value(const char *name);

/* Returns whether the kernel would accept @name as the name of a session */
bool e2ee_session_name_valid(const char *name);

#ifdef __cplusplus
}
#endif

#endif /* _E2EE_E2EE_H */
