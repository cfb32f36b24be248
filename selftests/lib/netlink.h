/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netlink messages byte by byte, right and wrong ones, and all that the kernel
 * says to them. For plain control see ctl.h.
 */
#ifndef E2EE_TEST_NETLINK_H
#define E2EE_TEST_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/e2ee.h>
#include <linux/netlink.h>

#define NL_ROOM	(1 << 20)	/* bytes of a request, at most */

/* One netlink socket; not for two threads at once. */
struct nl {
	int fd;
	uint32_t seq;
	uint16_t family;
	uint32_t events;	/* multicast group */
	bool impatient;		/* -EAGAIN is an answer; else asks again */
	/* called with all bytes that the kernel sends, if not NULL */
	void (*heard)(void *arg, const void *data, size_t len);
	void *arg;
};

/* A request that grows. nl_begin() makes it, free() ends it. */
struct nl_msg {
	size_t len;
	uint8_t data[NL_ROOM];
};

/* What the kernel said to a request. */
struct nl_said {
	int err;		/* 0 or -errno */
	char text[256];		/* of the refusal; "" if none */
	uint32_t offset;	/* of the attribute to blame; 0 if none */
	uint32_t miss_type;	/* of the attribute missing; 0 if none */
	uint32_t miss_nest;	/* offset of the nest it is missing in; or 0 */
	size_t len;		/* of the first answer before, 0 if none */
	uint8_t answer[8192];	/* netlink header included */
};

/* 0 or -errno; -ENOENT where the module is not loaded */
int nl_open(struct nl *nl);
void nl_close(struct nl *nl);
int nl_listen(struct nl *nl);	/* joins the group "events" */

struct nl_msg *nl_begin(const struct nl *nl, uint8_t cmd);
/* Each returns the offset of the attribute in the message. */
size_t nl_put(struct nl_msg *msg, int type, const void *data, size_t len);
size_t nl_u16(struct nl_msg *msg, int type, uint16_t value);
size_t nl_u32(struct nl_msg *msg, int type, uint32_t value);
size_t nl_u64(struct nl_msg *msg, int type, uint64_t value);
size_t nl_string(struct nl_msg *msg, int type, const char *value);
size_t nl_nest(struct nl_msg *msg, int type);
void nl_nest_end(struct nl_msg *msg, size_t nest);

/* Send, and read up to the acknowledgment; the same as said->err */
int nl_talk(struct nl *nl, struct nl_msg *msg, struct nl_said *said);
/* The same, for who only wants to know whether; frees @msg */
int nl_do(struct nl *nl, struct nl_msg *msg);

/*
 * Dump: @each is called with every message, may be NULL. 0 or -errno; @intr,
 * if not NULL, tells whether the kernel flagged it as interrupted.
 */
int nl_dump(struct nl *nl, struct nl_msg *msg,
	    void (*each)(void *arg, const struct nlmsghdr *n), void *arg,
	    bool *intr);

/* The next event, as a message, within @timeout_ms; -ETIMEDOUT */
int nl_event(struct nl *nl, int timeout_ms, void *buf, size_t room);

/* What most requests hold. @id 0, @name NULL: not given. */
void nl_put_session(struct nl_msg *msg, uint32_t id, const char *name);
struct nl_msg *nl_session(const struct nl *nl, uint8_t cmd, uint32_t id,
			  const char *name);
/* The key that a tx key's SSRC is the KID of; @secret NULL: its identity */
void nl_put_key(struct nl_msg *msg, uint32_t dir, uint64_t kid,
		const uint8_t secret[32]);
/* Bytes that no key had before */
void nl_fresh_secret(uint8_t secret[32]);

/*
 * Send, and be refused with @err and just these words: "", or else what it
 * was, in static memory. Frees @msg.
 */
const char *nl_refused(struct nl *nl, struct nl_msg *msg, int err,
		       const char *words);
/* How many messages a dump has, or -errno. Frees @msg. */
int nl_count(struct nl *nl, struct nl_msg *msg);

/* Attribute @type of a message, or of a nest of it; NULL if it is not there */
const struct nlattr *nl_attr(const struct nlmsghdr *n, int type);
const struct nlattr *nl_inner(const struct nlattr *nest, int type);
/* Attribute @type in nest @outer of a message */
const struct nlattr *nl_find(const void *message, int outer, int type);
size_t nl_len(const struct nlattr *attr);
const void *nl_data(const struct nlattr *attr);
/* 0 of an attribute that is not there */
uint32_t nl_get_u32(const struct nlattr *attr);
uint64_t nl_get_u64(const struct nlattr *attr);

#endif /* E2EE_TEST_NETLINK_H */
