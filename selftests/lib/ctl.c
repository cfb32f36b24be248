// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "ctl.h"
#include "sock.h"

#define MSG_ROOM	4096
#define ATTR_HEADER	sizeof(struct nlattr)
#define ANSWER_WAIT	300	/* s */

#ifndef __aligned
#define __aligned(n)	__attribute__((aligned(n)))
#endif

#ifndef SOL_NETLINK
#define SOL_NETLINK	270
#endif

struct request {
	struct nlmsghdr n;
	struct genlmsghdr g;
	char room[MSG_ROOM - NLMSG_HDRLEN - GENL_HDRLEN];
};

/* Attributes of one level, by type. */
#define ATTRS	64

typedef const struct nlattr *attrs_t[ATTRS];

static void request_init(struct request *req, uint16_t type, uint8_t cmd)
{
	memset(req, 0, sizeof(*req));
	req->n.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	req->n.nlmsg_type = type;
	req->n.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	req->g.cmd = cmd;
	req->g.version = E2EE_GENL_VERSION;
}

static struct nlattr *put(struct request *req, int type, const void *data,
			  size_t len)
{
	struct nlattr *attr;

	attr = (struct nlattr *)((char *)req + NLMSG_ALIGN(req->n.nlmsg_len));
	attr->nla_type = (uint16_t)type;
	attr->nla_len = (uint16_t)(ATTR_HEADER + len);
	if (len)
		memcpy((char *)attr + ATTR_HEADER, data, len);
	req->n.nlmsg_len = NLMSG_ALIGN(req->n.nlmsg_len) +
			   (uint32_t)NLA_ALIGN(attr->nla_len);
	return attr;
}

static void put_u16(struct request *req, int type, uint16_t value)
{
	put(req, type, &value, sizeof(value));
}

static void put_u32(struct request *req, int type, uint32_t value)
{
	put(req, type, &value, sizeof(value));
}

static void put_u64(struct request *req, int type, uint64_t value)
{
	put(req, type, &value, sizeof(value));
}

static void put_string(struct request *req, int type, const char *value)
{
	put(req, type, value, strlen(value) + 1);
}

static struct nlattr *nest(struct request *req, int type)
{
	return put(req, type | NLA_F_NESTED, NULL, 0);
}

static void nest_end(struct request *req, struct nlattr *attr)
{
	attr->nla_len = (uint16_t)((char *)req + req->n.nlmsg_len -
				   (char *)attr);
}

static const void *data_of(const struct nlattr *attr)
{
	return (const char *)attr + ATTR_HEADER;
}

static void parse(attrs_t attrs, const void *data, size_t len)
{
	const struct nlattr *attr = data;
	unsigned int type;
	size_t size;

	memset(attrs, 0, sizeof(attrs_t));
	while (len >= ATTR_HEADER && attr->nla_len >= ATTR_HEADER &&
	       attr->nla_len <= len) {
		type = attr->nla_type & (uint16_t)NLA_TYPE_MASK;
		if (type < ATTRS)
			attrs[type] = attr;
		size = (size_t)NLA_ALIGN(attr->nla_len);
		if (size >= len)
			break;
		len -= size;
		attr = (const void *)((const char *)attr + size);
	}
}

static void parse_nest(attrs_t attrs, const struct nlattr *attr)
{
	if (attr)
		parse(attrs, data_of(attr), attr->nla_len - ATTR_HEADER);
	else
		memset(attrs, 0, sizeof(attrs_t));
}

static void parse_message(attrs_t attrs, const struct nlmsghdr *n)
{
	parse(attrs, (const char *)NLMSG_DATA(n) + GENL_HDRLEN,
	      n->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN));
}

static uint32_t get_u32(const struct nlattr *attr)
{
	uint32_t value = 0;

	if (attr)
		memcpy(&value, data_of(attr), sizeof(value));
	return value;
}

static uint64_t get_u64(const struct nlattr *attr)
{
	uint64_t value = 0;

	if (attr)
		memcpy(&value, data_of(attr), sizeof(value));
	return value;
}

static int transact_once(struct ctl *ctl, struct request *req, void *answer)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char buf[2 * MSG_ROOM];
	struct nlmsghdr *n;
	ssize_t len;

	req->n.nlmsg_seq = ++ctl->seq;
	if (answer)
		memset(answer, 0, MSG_ROOM);
	if (sendto(ctl->fd, req, req->n.nlmsg_len, 0,
		   (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	for (;;) {
		len = recv(ctl->fd, buf, sizeof(buf), 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		for (n = (void *)buf; NLMSG_OK(n, (size_t)len);
		     n = NLMSG_NEXT(n, len)) {
			if (n->nlmsg_seq != ctl->seq)
				continue;
			if (n->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(n))->error;
			if (answer && n->nlmsg_len <= MSG_ROOM)
				memcpy(answer, n, n->nlmsg_len);
		}
	}
}

/*
 * Send, then read up to the acknowledgement. @answer, MSG_ROOM bytes or NULL,
 * gets the first message before it.
 */
static int transact(struct ctl *ctl, struct request *req, void *answer)
{
	int64_t end = now_ms() + CTL_PATIENCE;
	int err;

	for (;;) {
		err = transact_once(ctl, req, answer);
		if (err != -EAGAIN || ctl->impatient || now_ms() > end)
			return err;
		poll(NULL, 0, 2);
	}
}

/* The same, and the members of its nest @type, which point into @answer */
static int ask(struct ctl *ctl, struct request *req, int type, void *answer,
	       attrs_t inner)
{
	attrs_t attrs;
	int err;

	err = transact(ctl, req, answer);
	if (err)
		return err;
	parse_message(attrs, answer);
	parse_nest(inner, attrs[type]);
	return 0;
}

static uint32_t group_id(const struct nlattr *groups)
{
	attrs_t each, group;
	unsigned int i;

	parse_nest(each, groups);
	for (i = 0; i < ATTRS; i++) {
		parse_nest(group, each[i]);
		if (group[CTRL_ATTR_MCAST_GRP_NAME] &&
		    !strcmp(data_of(group[CTRL_ATTR_MCAST_GRP_NAME]),
			    E2EE_MCGRP_EVENTS))
			return get_u32(group[CTRL_ATTR_MCAST_GRP_ID]);
	}
	return 0;
}

int ctl_open(struct ctl *ctl)
{
	/* an answer that never comes fails a test, rather than stopping all */
	static const struct timeval wait = { .tv_sec = ANSWER_WAIT };
	char answer[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	struct request req;
	attrs_t attrs;
	int err;

	memset(ctl, 0, sizeof(*ctl));
	ctl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (ctl->fd < 0)
		return -errno;
	setsockopt(ctl->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	request_init(&req, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put_string(&req, CTRL_ATTR_FAMILY_NAME, E2EE_GENL_NAME);
	err = transact(ctl, &req, answer);
	if (!err) {
		parse_message(attrs, (void *)answer);
		err = attrs[CTRL_ATTR_FAMILY_ID] ? 0 : -EPROTO;
	}
	if (err) {
		close(ctl->fd);
		return err;
	}
	memcpy(&ctl->family.id, data_of(attrs[CTRL_ATTR_FAMILY_ID]),
	       sizeof(ctl->family.id));
	ctl->family.events = group_id(attrs[CTRL_ATTR_MCAST_GROUPS]);
	return 0;
}

void ctl_close(struct ctl *ctl)
{
	close(ctl->fd);
}

static void put_session(struct request *req, uint32_t id)
{
	struct nlattr *attr = nest(req, E2EE_A_SESSION);

	put_u32(req, E2EE_A_SESSION_ID, id);
	nest_end(req, attr);
}

int ctl_session_new(struct ctl *ctl, const char *name,
		    const struct ctl_session *session, uint32_t *id)
{
	char answer[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	static const struct ctl_session defaults;
	attrs_t inner;
	struct request req;
	struct nlattr *attr;
	int err;

	if (!session)
		session = &defaults;
	request_init(&req, ctl->family.id, E2EE_CMD_SESSION_NEW);
	attr = nest(&req, E2EE_A_SESSION);
	put_string(&req, E2EE_A_SESSION_NAME, name);
	put_u32(&req, E2EE_A_SESSION_POLICY, (uint32_t)session->policy);
	put_u32(&req, E2EE_A_SESSION_FLAGS, session->flags);
	if (session->window)
		put_u32(&req, E2EE_A_SESSION_WINDOW, session->window);
	if (session->crypto)
		put_string(&req, E2EE_A_SESSION_CRYPTO, session->crypto);
	if (session->rtx_pts)
		put(&req, E2EE_A_SESSION_RTX_PT, session->rtx_pt,
		    session->rtx_pts);
	nest_end(&req, attr);
	err = ask(ctl, &req, E2EE_A_SESSION, answer, inner);
	if (err)
		return err;
	*id = get_u32(inner[E2EE_A_SESSION_ID]);
	return *id ? 0 : -EPROTO;
}

static int session_set(struct ctl *ctl, uint32_t id, int type, uint32_t value,
		       bool force)
{
	struct request req;
	struct nlattr *attr;

	request_init(&req, ctl->family.id, E2EE_CMD_SESSION_SET);
	attr = nest(&req, E2EE_A_SESSION);
	put_u32(&req, E2EE_A_SESSION_ID, id);
	put_u32(&req, type, value);
	nest_end(&req, attr);
	if (force)
		put(&req, E2EE_A_FORCE, NULL, 0);
	return transact(ctl, &req, NULL);
}

int ctl_session_policy(struct ctl *ctl, uint32_t id, uint32_t policy)
{
	return session_set(ctl, id, E2EE_A_SESSION_POLICY, policy, false);
}

int ctl_session_flags(struct ctl *ctl, uint32_t id, uint32_t flags)
{
	return session_set(ctl, id, E2EE_A_SESSION_FLAGS, flags, false);
}

int ctl_session_epoch(struct ctl *ctl, uint32_t id, uint32_t epoch, bool force)
{
	return session_set(ctl, id, E2EE_A_SESSION_EPOCH, epoch, force);
}

int ctl_session_del(struct ctl *ctl, uint32_t id)
{
	struct request req;

	request_init(&req, ctl->family.id, E2EE_CMD_SESSION_DEL);
	put_session(&req, id);
	return transact(ctl, &req, NULL);
}

static int get_stats(const struct nlattr *attr, uint64_t stats[CTL_STATS])
{
	attrs_t attrs;
	unsigned int i;

	if (!attr)
		return -EPROTO;
	parse_nest(attrs, attr);
	stats[E2EE_A_STAT_UNSPEC] = 0;
	stats[E2EE_A_STAT_PAD] = 0;
	for (i = E2EE_A_STAT_PAD + 1; i < CTL_STATS; i++) {
		if (!attrs[i])
			return -EPROTO;
		stats[i] = get_u64(attrs[i]);
	}
	return 0;
}

int ctl_session_stats(struct ctl *ctl, uint32_t id, uint64_t stats[CTL_STATS])
{
	char answer[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	attrs_t inner;
	struct request req;
	int err;

	request_init(&req, ctl->family.id, E2EE_CMD_SESSION_GET);
	put_session(&req, id);
	err = ask(ctl, &req, E2EE_A_SESSION, answer, inner);
	if (err)
		return err;
	return get_stats(inner[E2EE_A_SESSION_STATS], stats);
}

static struct nlattr *put_key_id(struct request *req,
				 const struct ctl_key *key)
{
	struct nlattr *attr = nest(req, E2EE_A_KEY);

	put_u32(req, E2EE_A_KEY_DIR, key->dir);
	put_u64(req, E2EE_A_KEY_KID, key->kid);
	if (key->mode)
		put_u32(req, E2EE_A_KEY_SSRC_MODE, key->mode);
	if (key->mode == E2EE_SSRC_NUMBER)
		put_u32(req, E2EE_A_KEY_SSRC, key->ssrc);
	return attr;
}

int ctl_key_new(struct ctl *ctl, uint32_t session, const struct ctl_key *key)
{
	struct request req;
	struct nlattr *attr;

	request_init(&req, ctl->family.id, E2EE_CMD_KEY_NEW);
	put_session(&req, session);
	attr = put_key_id(&req, key);
	if (key->suite)
		put_u32(&req, E2EE_A_KEY_SUITE, key->suite);
	put_u32(&req, E2EE_A_KEY_EPOCH, key->epoch);
	put(&req, E2EE_A_KEY_SECRET, key->secret,
	    key->suite == E2EE_SUITE_AES_128_GCM_SHA256_128 ? 16 : 32);
	put(&req, E2EE_A_KEY_SALT, key->salt, E2EE_SALT_LEN);
	if (key->ctr)
		put_u64(&req, E2EE_A_KEY_CTR, key->ctr);
	if (key->soft_limit)
		put_u64(&req, E2EE_A_KEY_SOFT_LIMIT, key->soft_limit);
	if (key->limit)
		put_u64(&req, E2EE_A_KEY_LIMIT, key->limit);
	if (key->expires)
		put_u32(&req, E2EE_A_KEY_EXPIRES, key->expires);
	if (key->rtx_ssrc)
		put_u32(&req, E2EE_A_KEY_RTX_SSRC, *key->rtx_ssrc);
	nest_end(&req, attr);
	return transact(ctl, &req, NULL);
}

/* A request about a key that is there; @rtx_ssrc: what is set of it, or NULL */
static int key_request(struct ctl *ctl, uint8_t command, uint32_t session,
		       const struct ctl_key *key, const uint32_t *rtx_ssrc)
{
	struct request req;
	struct nlattr *attr;

	request_init(&req, ctl->family.id, command);
	put_session(&req, session);
	attr = put_key_id(&req, key);
	if (rtx_ssrc)
		put_u32(&req, E2EE_A_KEY_RTX_SSRC, *rtx_ssrc);
	nest_end(&req, attr);
	return transact(ctl, &req, NULL);
}

int ctl_key_set(struct ctl *ctl, uint32_t session, const struct ctl_key *key)
{
	return key_request(ctl, E2EE_CMD_KEY_SET, session, key, key->rtx_ssrc);
}

int ctl_key_del(struct ctl *ctl, uint32_t session, const struct ctl_key *key)
{
	return key_request(ctl, E2EE_CMD_KEY_DEL, session, key, NULL);
}

int ctl_key_get(struct ctl *ctl, uint32_t session, const struct ctl_key *key,
		struct ctl_key_info *info)
{
	char answer[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	attrs_t inner;
	struct request req;
	struct nlattr *attr;
	int err;

	request_init(&req, ctl->family.id, E2EE_CMD_KEY_GET);
	put_session(&req, session);
	attr = put_key_id(&req, key);
	nest_end(&req, attr);
	err = ask(ctl, &req, E2EE_A_KEY, answer, inner);
	if (err)
		return err;
	info->ctr = get_u64(inner[E2EE_A_KEY_CTR]);
	info->packets = get_u64(inner[E2EE_A_KEY_PACKETS]);
	info->expired = inner[E2EE_A_KEY_EXPIRED];
	info->driver[0] = '\0';
	if (inner[E2EE_A_KEY_DRIVER])
		strncat(info->driver, data_of(inner[E2EE_A_KEY_DRIVER]),
			E2EE_CRYPTO_NAME_MAX);
	return 0;
}

int ctl_attach(struct ctl *ctl, uint32_t session, int fd, uint64_t *socket)
{
	char answer[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	attrs_t inner;
	struct request req;
	struct nlattr *attr;
	int err;

	request_init(&req, ctl->family.id, E2EE_CMD_SOCKET_ATTACH);
	put_session(&req, session);
	attr = nest(&req, E2EE_A_SOCKET);
	put_u32(&req, E2EE_A_SOCKET_FD, (uint32_t)fd);
	nest_end(&req, attr);
	err = ask(ctl, &req, E2EE_A_SOCKET, answer, inner);
	if (err)
		return err;
	if (!get_u64(inner[E2EE_A_SOCKET_ID]))
		return -EPROTO;
	if (socket)
		*socket = get_u64(inner[E2EE_A_SOCKET_ID]);
	return 0;
}

int ctl_detach(struct ctl *ctl, uint64_t socket, bool force)
{
	struct request req;
	struct nlattr *attr;

	request_init(&req, ctl->family.id, E2EE_CMD_SOCKET_DETACH);
	attr = nest(&req, E2EE_A_SOCKET);
	put_u64(&req, E2EE_A_SOCKET_ID, socket);
	nest_end(&req, attr);
	if (force)
		put(&req, E2EE_A_FORCE, NULL, 0);
	return transact(ctl, &req, NULL);
}

static int socket_get(struct ctl *ctl, int fd, void *answer, attrs_t inner)
{
	struct request req;
	struct nlattr *attr;

	request_init(&req, ctl->family.id, E2EE_CMD_SOCKET_GET);
	attr = nest(&req, E2EE_A_SOCKET);
	put_u32(&req, E2EE_A_SOCKET_FD, (uint32_t)fd);
	nest_end(&req, attr);
	return ask(ctl, &req, E2EE_A_SOCKET, answer, inner);
}

int ctl_socket_get(struct ctl *ctl, int fd, uint64_t *socket,
		   uint32_t *session)
{
	char answer[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	attrs_t inner;
	int err;

	err = socket_get(ctl, fd, answer, inner);
	if (err)
		return err;
	if (socket)
		*socket = get_u64(inner[E2EE_A_SOCKET_ID]);
	if (session)
		*session = get_u32(inner[E2EE_A_SOCKET_SESSION]);
	return 0;
}

int ctl_socket_stats(struct ctl *ctl, int fd, uint64_t stats[CTL_STATS])
{
	char answer[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	attrs_t inner;
	int err;

	err = socket_get(ctl, fd, answer, inner);
	return err ? err : get_stats(inner[E2EE_A_SOCKET_STATS], stats);
}

int ctl_guard_new(struct ctl *ctl, uint32_t session,
		  const struct ctl_guard *guard, uint32_t *id)
{
	char answer[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	attrs_t inner;
	struct request req;
	struct nlattr *attr;
	int err;

	request_init(&req, ctl->family.id, E2EE_CMD_GUARD_NEW);
	put_session(&req, session);
	attr = nest(&req, E2EE_A_GUARD);
	put_u16(&req, E2EE_A_GUARD_PORT_FIRST, guard->first);
	if (guard->last)
		put_u16(&req, E2EE_A_GUARD_PORT_LAST, guard->last);
	if (guard->addr)
		put(&req, E2EE_A_GUARD_LOCAL_ADDR, guard->addr,
		    guard->addr_len);
	if (guard->uid)
		put_u32(&req, E2EE_A_GUARD_UID, *guard->uid);
	if (guard->cgroup)
		put_string(&req, E2EE_A_GUARD_CGROUP, guard->cgroup);
	nest_end(&req, attr);
	err = ask(ctl, &req, E2EE_A_GUARD, answer, inner);
	if (err)
		return err;
	*id = get_u32(inner[E2EE_A_GUARD_ID]);
	return *id ? 0 : -EPROTO;
}

static void put_guard(struct request *req, uint32_t id)
{
	struct nlattr *attr = nest(req, E2EE_A_GUARD);

	put_u32(req, E2EE_A_GUARD_ID, id);
	nest_end(req, attr);
}

int ctl_guard_del(struct ctl *ctl, uint32_t id)
{
	struct request req;

	request_init(&req, ctl->family.id, E2EE_CMD_GUARD_DEL);
	put_guard(&req, id);
	return transact(ctl, &req, NULL);
}

int ctl_guard_sockets(struct ctl *ctl, uint32_t id)
{
	char answer[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	attrs_t inner;
	struct request req;
	int err;

	request_init(&req, ctl->family.id, E2EE_CMD_GUARD_GET);
	put_guard(&req, id);
	err = ask(ctl, &req, E2EE_A_GUARD, answer, inner);
	if (err)
		return err;
	return (int)get_u32(inner[E2EE_A_GUARD_SOCKETS]);
}

int ctl_events_open(struct ctl *ctl)
{
	int err = ctl_open(ctl);

	if (err)
		return err;
	if (setsockopt(ctl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
		       &ctl->family.events, sizeof(ctl->family.events))) {
		err = -errno;
		ctl_close(ctl);
	}
	return err;
}

/* Where it is, of a socket that has no id */
static void parse_local(struct ctl_event *event, attrs_t attrs)
{
	const struct nlattr *addr = attrs[E2EE_A_EVENT_LOCAL_ADDR];
	const struct nlattr *port = attrs[E2EE_A_EVENT_LOCAL_PORT];

	memset(event->local, 0, sizeof(event->local));
	event->local_len = addr ? addr->nla_len - ATTR_HEADER : 0;
	if (event->local_len > sizeof(event->local))
		event->local_len = 0;
	if (event->local_len)
		memcpy(event->local, data_of(addr), event->local_len);
	event->port = 0;
	if (port)
		memcpy(&event->port, data_of(port), sizeof(event->port));
	event->inode = get_u64(attrs[E2EE_A_EVENT_INODE]);
}

int ctl_event_wait(struct ctl *ctl, uint32_t type, int timeout_ms,
		   struct ctl_event *event)
{
	char buf[MSG_ROOM] __aligned(NLMSG_ALIGNTO);
	struct pollfd pfd = { .fd = ctl->fd, .events = POLLIN };
	int64_t end = now_ms() + timeout_ms, left;
	attrs_t attrs, inner;

	for (;;) {
		left = end - now_ms();
		if (left < 0)
			left = 0;
		if (poll(&pfd, 1, (int)left) <= 0)
			return -ETIMEDOUT;
		if (recv(ctl->fd, buf, sizeof(buf), 0) < 0)
			return -errno;
		parse_message(attrs, (void *)buf);
		parse_nest(inner, attrs[E2EE_A_EVENT]);
		if (get_u32(inner[E2EE_A_EVENT_TYPE]) != type)
			continue;
		if (event) {
			event->type = type;
			event->session = get_u32(inner[E2EE_A_EVENT_SESSION]);
			event->socket = get_u64(inner[E2EE_A_EVENT_SOCKET]);
			event->kid = get_u64(inner[E2EE_A_EVENT_KID]);
			event->ssrc = get_u32(inner[E2EE_A_EVENT_SSRC]);
			event->error = get_u32(inner[E2EE_A_EVENT_ERROR]);
			parse_local(event, inner);
		}
		return 0;
	}
}

const char *ctl_stat_name(unsigned int stat)
{
	static const char * const names[CTL_STATS] = {
		[E2EE_A_STAT_TX_OK] = "tx_ok",
		[E2EE_A_STAT_TX_OTHER] = "tx_other",
		[E2EE_A_STAT_TX_CLEAR] = "tx_clear",
		[E2EE_A_STAT_TX_OFF] = "tx_off",
		[E2EE_A_STAT_TX_SRTP] = "tx_srtp",
		[E2EE_A_STAT_TX_MALFORMED] = "tx_malformed",
		[E2EE_A_STAT_TX_NO_KEY] = "tx_no_key",
		[E2EE_A_STAT_TX_KEY_EXPIRED] = "tx_key_expired",
		[E2EE_A_STAT_TX_TOO_BIG] = "tx_too_big",
		[E2EE_A_STAT_TX_FAILED] = "tx_failed",
		[E2EE_A_STAT_TX_BLOCKED] = "tx_blocked",
		[E2EE_A_STAT_RX_OK] = "rx_ok",
		[E2EE_A_STAT_RX_OTHER] = "rx_other",
		[E2EE_A_STAT_RX_CLEAR] = "rx_clear",
		[E2EE_A_STAT_RX_OFF] = "rx_off",
		[E2EE_A_STAT_RX_CLEAR_DROPPED] = "rx_clear_dropped",
		[E2EE_A_STAT_RX_MALFORMED] = "rx_malformed",
		[E2EE_A_STAT_RX_NO_KEY] = "rx_no_key",
		[E2EE_A_STAT_RX_SSRC] = "rx_ssrc",
		[E2EE_A_STAT_RX_KEY_EXPIRED] = "rx_key_expired",
		[E2EE_A_STAT_RX_REPLAY] = "rx_replay",
		[E2EE_A_STAT_RX_AUTH_FAIL] = "rx_auth_fail",
		[E2EE_A_STAT_RX_BUSY] = "rx_busy",
		[E2EE_A_STAT_RX_BLOCKED] = "rx_blocked",
		[E2EE_A_STAT_TX_FRAG] = "tx_frag",
		[E2EE_A_STAT_GUARD_HELD] = "guard_held",
		[E2EE_A_STAT_GUARD_DROP] = "guard_drop",
	};

	return stat < CTL_STATS && names[stat] ? names[stat] : "?";
}
