// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <linux/genetlink.h>

#include "ctl.h"
#include "netlink.h"
#include "sock.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK	270
#endif

#define HEADERS	NLMSG_LENGTH(GENL_HDRLEN)

/* newer than the oldest headers that we build with */
#define MISS_TYPE	5	/* NLMSGERR_ATTR_MISS_TYPE */
#define MISS_NEST	6	/* NLMSGERR_ATTR_MISS_NEST */

int nl_open(struct nl *nl)
{
	int one = 1, room = 8 << 20, err;
	struct ctl ctl;

	err = ctl_open(&ctl);
	if (err)
		return err;
	memset(nl, 0, sizeof(*nl));
	nl->fd = ctl.fd;
	nl->family = ctl.family.id;
	nl->events = ctl.family.events;
	/* who has not the right to has less room, and needs less */
	setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one,
		       sizeof(one))) {
		err = -errno;
		close(nl->fd);
	}
	return err;
}

void nl_close(struct nl *nl)
{
	close(nl->fd);
}

int nl_listen(struct nl *nl)
{
	return setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
			  &nl->events, sizeof(nl->events)) ? -errno : 0;
}

static struct nlmsghdr *header(struct nl_msg *msg)
{
	return (struct nlmsghdr *)msg->data;
}

struct nl_msg *nl_begin(const struct nl *nl, uint8_t cmd)
{
	struct nl_msg *msg = malloc(sizeof(*msg));
	struct genlmsghdr *genl;

	if (!msg)
		abort();
	memset(msg->data, 0, HEADERS);
	msg->len = HEADERS;
	header(msg)->nlmsg_type = nl->family;
	header(msg)->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = NLMSG_DATA(header(msg));
	genl->cmd = cmd;
	genl->version = E2EE_GENL_VERSION;
	return msg;
}

size_t nl_put(struct nl_msg *msg, int type, const void *data, size_t len)
{
	struct nlattr attr = {
		.nla_type = (uint16_t)type,
		.nla_len = (uint16_t)(NLA_HDRLEN + len),
	};
	size_t at = msg->len, size = (size_t)NLA_ALIGN(attr.nla_len);

	if (at + size > sizeof(msg->data))
		abort();
	memset(msg->data + at, 0, size);
	memcpy(msg->data + at, &attr, sizeof(attr));
	if (len)
		memcpy(msg->data + at + NLA_HDRLEN, data, len);
	msg->len += size;
	return at;
}

size_t nl_u16(struct nl_msg *msg, int type, uint16_t value)
{
	return nl_put(msg, type, &value, sizeof(value));
}

size_t nl_u32(struct nl_msg *msg, int type, uint32_t value)
{
	return nl_put(msg, type, &value, sizeof(value));
}

size_t nl_u64(struct nl_msg *msg, int type, uint64_t value)
{
	return nl_put(msg, type, &value, sizeof(value));
}

size_t nl_string(struct nl_msg *msg, int type, const char *value)
{
	return nl_put(msg, type, value, strlen(value) + 1);
}

size_t nl_nest(struct nl_msg *msg, int type)
{
	return nl_put(msg, type | NLA_F_NESTED, NULL, 0);
}

void nl_nest_end(struct nl_msg *msg, size_t nest)
{
	struct nlattr *attr = (struct nlattr *)(msg->data + nest);

	attr->nla_len = (uint16_t)(msg->len - nest);
}

static const struct nlattr *find(const void *data, size_t len, int type)
{
	const struct nlattr *attr = data;
	size_t size;

	while (len >= NLA_HDRLEN && attr->nla_len >= NLA_HDRLEN &&
	       attr->nla_len <= len) {
		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			return attr;
		size = (size_t)NLA_ALIGN(attr->nla_len);
		if (size >= len)
			break;
		len -= size;
		attr = (const void *)((const char *)attr + size);
	}
	return NULL;
}

const struct nlattr *nl_attr(const struct nlmsghdr *n, int type)
{
	return find((const char *)n + HEADERS, n->nlmsg_len - HEADERS, type);
}

const struct nlattr *nl_inner(const struct nlattr *nest, int type)
{
	return nest ? find(nl_data(nest), nl_len(nest), type) : NULL;
}

const struct nlattr *nl_find(const void *message, int outer, int type)
{
	return nl_inner(nl_attr(message, outer), type);
}

size_t nl_len(const struct nlattr *attr)
{
	return attr->nla_len - NLA_HDRLEN;
}

const void *nl_data(const struct nlattr *attr)
{
	return (const char *)attr + NLA_HDRLEN;
}

uint32_t nl_get_u32(const struct nlattr *attr)
{
	uint32_t value = 0;

	if (attr)
		memcpy(&value, nl_data(attr), sizeof(value));
	return value;
}

uint64_t nl_get_u64(const struct nlattr *attr)
{
	uint64_t value = 0;

	if (attr)
		memcpy(&value, nl_data(attr), sizeof(value));
	return value;
}

static int nl_send(struct nl *nl, struct nl_msg *msg)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	header(msg)->nlmsg_len = (uint32_t)msg->len;
	header(msg)->nlmsg_seq = ++nl->seq;
	return sendto(nl->fd, msg->data, msg->len, 0,
		      (struct sockaddr *)&kernel, sizeof(kernel)) < 0 ?
	       -errno : 0;
}

static ssize_t nl_recv(struct nl *nl, void *buf, size_t room)
{
	ssize_t len;

	do
		len = recv(nl->fd, buf, room, 0);
	while (len < 0 && errno == EINTR);
	/* -EAGAIN would have the request repeated */
	if (len < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (nl->heard)
		nl->heard(nl->arg, buf, (size_t)len);
	return len;
}

static void parse_error(struct nl_said *said, const struct nlmsghdr *n)
{
	const struct nlmsgerr *error = NLMSG_DATA(n);
	size_t used = sizeof(*error);
	const struct nlattr *text;
	const char *tlvs;
	size_t len;

	said->err = error->error;
	if (!(n->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(n->nlmsg_flags & NLM_F_CAPPED))
		used += error->msg.nlmsg_len - NLMSG_HDRLEN;
	used = NLMSG_ALIGN(used);
	tlvs = (const char *)error + used;
	len = n->nlmsg_len - NLMSG_HDRLEN - used;
	text = find(tlvs, len, NLMSGERR_ATTR_MSG);
	if (text)
		strncat(said->text, nl_data(text), sizeof(said->text) - 1);
	said->offset = nl_get_u32(find(tlvs, len, NLMSGERR_ATTR_OFFS));
	said->miss_type = nl_get_u32(find(tlvs, len, MISS_TYPE));
	said->miss_nest = nl_get_u32(find(tlvs, len, MISS_NEST));
}

static int talk_once(struct nl *nl, struct nl_msg *msg, struct nl_said *said)
{
	static __thread uint8_t buf[2 * NL_ROOM]
		__attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *n;
	ssize_t len;

	memset(said, 0, sizeof(*said));
	said->err = nl_send(nl, msg);
	if (said->err)
		return said->err;
	for (;;) {
		len = nl_recv(nl, buf, sizeof(buf));
		if (len < 0) {
			said->err = (int)len;
			return said->err;
		}
		for (n = (void *)buf; NLMSG_OK(n, (size_t)len);
		     n = NLMSG_NEXT(n, len)) {
			if (n->nlmsg_seq != nl->seq)
				continue;
			if (n->nlmsg_type == NLMSG_ERROR) {
				parse_error(said, n);
				return said->err;
			}
			/* a dump has no other end, if it was let begin */
			if (n->nlmsg_type == NLMSG_DONE)
				return said->err;
			if (!said->len && n->nlmsg_len <= sizeof(said->answer)) {
				said->len = n->nlmsg_len;
				memcpy(said->answer, n, n->nlmsg_len);
			}
		}
	}
}

int nl_talk(struct nl *nl, struct nl_msg *msg, struct nl_said *said)
{
	int64_t end = now_ms() + CTL_PATIENCE;

	while (talk_once(nl, msg, said) == -EAGAIN && !nl->impatient &&
	       now_ms() < end)
		poll(NULL, 0, 2);
	return said->err;
}

int nl_do(struct nl *nl, struct nl_msg *msg)
{
	struct nl_said said;

	nl_talk(nl, msg, &said);
	free(msg);
	return said.err;
}

int nl_dump(struct nl *nl, struct nl_msg *msg,
	    void (*each)(void *arg, const struct nlmsghdr *n), void *arg,
	    bool *intr)
{
	uint8_t buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *n;
	ssize_t len;
	int err;

	header(msg)->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (intr)
		*intr = false;
	err = nl_send(nl, msg);
	if (err)
		return err;
	for (;;) {
		len = nl_recv(nl, buf, sizeof(buf));
		if (len < 0)
			return (int)len;
		for (n = (void *)buf; NLMSG_OK(n, (size_t)len);
		     n = NLMSG_NEXT(n, len)) {
			if (n->nlmsg_seq != nl->seq)
				continue;
			if (intr && n->nlmsg_flags & NLM_F_DUMP_INTR)
				*intr = true;
			if (n->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(n))->error;
			if (n->nlmsg_type == NLMSG_DONE)
				return *(int *)NLMSG_DATA(n);
			if (each)
				each(arg, n);
		}
	}
}

int nl_event(struct nl *nl, int timeout_ms, void *buf, size_t room)
{
	ssize_t len;

	if (!sock_poll(nl->fd, POLLIN, timeout_ms))
		return -ETIMEDOUT;
	len = nl_recv(nl, buf, room);
	return len < 0 ? (int)len : 0;
}

void nl_put_session(struct nl_msg *msg, uint32_t id, const char *name)
{
	size_t nest = nl_nest(msg, E2EE_A_SESSION);

	if (id)
		nl_u32(msg, E2EE_A_SESSION_ID, id);
	if (name)
		nl_string(msg, E2EE_A_SESSION_NAME, name);
	nl_nest_end(msg, nest);
}

struct nl_msg *nl_session(const struct nl *nl, uint8_t cmd, uint32_t id,
			  const char *name)
{
	struct nl_msg *msg = nl_begin(nl, cmd);

	nl_put_session(msg, id, name);
	return msg;
}

void nl_put_key(struct nl_msg *msg, uint32_t dir, uint64_t kid,
		const uint8_t secret[32])
{
	static const uint8_t salt[12] = { 1 };
	size_t nest = nl_nest(msg, E2EE_A_KEY);

	nl_u32(msg, E2EE_A_KEY_DIR, dir);
	nl_u64(msg, E2EE_A_KEY_KID, kid);
	if (dir == E2EE_DIR_TX)
		nl_u32(msg, E2EE_A_KEY_SSRC, (uint32_t)kid);
	if (secret) {
		nl_put(msg, E2EE_A_KEY_SECRET, secret, 32);
		nl_put(msg, E2EE_A_KEY_SALT, salt, sizeof(salt));
	}
	nl_nest_end(msg, nest);
}

void nl_fresh_secret(uint8_t secret[32])
{
	if (getrandom(secret, 32, 0) != 32)
		abort();
}

const char *nl_refused(struct nl *nl, struct nl_msg *msg, int err,
		       const char *words)
{
	static char wrong[512];
	struct nl_said said;

	nl_talk(nl, msg, &said);
	free(msg);
	if (said.err == -err && !strcmp(said.text, words))
		return "";
	snprintf(wrong, sizeof(wrong), "got %d \"%s\", want %d \"%s\"",
		 -said.err, said.text, err, words);
	return wrong;
}

static void count_one(void *arg, const struct nlmsghdr *n)
{
	++*(int *)arg;
}

int nl_count(struct nl *nl, struct nl_msg *msg)
{
	int n = 0, err;

	err = nl_dump(nl, msg, count_one, &n, NULL);
	free(msg);
	return err ? err : n;
}
