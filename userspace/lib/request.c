// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests and their answers.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include "internal.h"

/* A listing that objects come and go under is begun again, so many times */
#define DUMP_TRIES	16

/* The pause before the second time, which doubles up to the longest one, ms */
#define AGAIN_PAUSE	1
#define AGAIN_PAUSE_MAX	64
/* Memory that the kernel needs for each byte of a request, with some to spare */
#define AGAIN_ROOM	32
#define AGAIN_ROOM_MIN	65536

struct explanation {
	const char *text;
	int text_len;
	char attr[64];
	bool missing;
};

/* The kernel's extended acknowledgement, in NLMSG_ERROR or NLMSG_DONE */
static void explanation_read(const struct nlmsghdr *request,
			     const struct nlmsghdr *answer,
			     struct explanation *why)
{
	static struct nla_policy policy[NLMSGERR_ATTR_MAX + 1] = {
		[NLMSGERR_ATTR_OFFS] = { .type = NLA_U32 },
		[NLMSGERR_ATTR_MISS_TYPE] = { .type = NLA_U32 },
		[NLMSGERR_ATTR_MISS_NEST] = { .type = NLA_U32 },
	};
	size_t len = (size_t)nlmsg_datalen(answer);
	size_t skip = sizeof(int), nest = 0;
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	struct nlattr *first;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (answer->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *err = nlmsg_data(answer);

		if (len < sizeof(*err))
			return;
		skip = sizeof(*err);
		if (!(answer->nlmsg_flags & NLM_F_CAPPED))
			skip += err->msg.nlmsg_len - NLMSG_HDRLEN;
	}
	skip = NLMSG_ALIGN(skip);
	if (skip >= len)
		return;
	first = (struct nlattr *)(void *)((char *)nlmsg_data(answer) + skip);
	if (nla_parse(tb, NLMSGERR_ATTR_MAX, first, (int)(len - skip), policy))
		return;
	if (tb[NLMSGERR_ATTR_MSG]) {
		why->text = nla_data(tb[NLMSGERR_ATTR_MSG]);
		why->text_len = (int)strnlen(why->text,
			(size_t)nla_len(tb[NLMSGERR_ATTR_MSG]));
		if (!why->text_len)
			why->text = NULL;
	}
	if (tb[NLMSGERR_ATTR_MISS_NEST])
		nest = nla_get_u32(tb[NLMSGERR_ATTR_MISS_NEST]);
	if (tb[NLMSGERR_ATTR_MISS_TYPE]) {
		why->missing = true;
		e2ee_attr_missing(request, nest,
				  nla_get_u32(tb[NLMSGERR_ATTR_MISS_TYPE]),
				  why->attr, sizeof(why->attr));
	} else if (tb[NLMSGERR_ATTR_OFFS]) {
		e2ee_attr_name(request, nla_get_u32(tb[NLMSGERR_ATTR_OFFS]),
			       why->attr, sizeof(why->attr));
	}
}

/* Words for a refusal: the kernel's, and which attribute it found fault with */
void e2ee_explain(struct e2ee_ctx *ctx, const struct nlmsghdr *request,
		  const struct nlmsghdr *answer, int error)
{
	struct explanation why = { .text = NULL };

	explanation_read(request, answer, &why);
	if (!why.text && error == EPERM)
		why.text = "not permitted: run as root, or with CAP_NET_ADMIN";
	else if (!why.text && why.missing)
		why.text = "a needed attribute is missing";
	else if (!why.text)
		why.text = strerror(error);
	if (!why.text_len)
		why.text_len = (int)strlen(why.text);
	if (*why.attr)
		e2ee_set_error(ctx, "%.*s (attribute %s)", why.text_len,
			       why.text, why.attr);
	else
		e2ee_set_error(ctx, "%.*s", why.text_len, why.text);
	ctx->refused = true;
}

int e2ee_send(struct e2ee_ctx *ctx, struct nl_sock *sk, struct nl_msg *msg)
{
	int err;

	errno = 0;
	if (nl_send_auto(sk, msg) >= 0)
		return 0;
	err = errno ? errno : EIO;
	return e2ee_fail(ctx, err, "netlink request: %s", strerror(err));
}

static int answer_error(const struct nlmsghdr *answer)
{
	int error = 0;

	if (nlmsg_datalen(answer) >= (int)sizeof(error))
		memcpy(&error, nlmsg_data(answer), sizeof(error));
	return error < 0 ? -error : 0;
}

/*
 * Reads answers until the request is done, one callback for each message.
 * Returns 1 if the kernel says that a listing was interrupted.
 */
static int answers_read(struct e2ee_ctx *ctx, struct nl_sock *sk,
			const struct nlmsghdr *request, e2ee_answer_cb cb,
			void *arg)
{
	bool done = false, interrupted = false;
	int ret = 0;

	while (!done) {
		unsigned char *buffer = NULL;
		struct sockaddr_nl from;
		struct nlmsghdr *nlh;
		int len;

		errno = 0;
		len = nl_recv(sk, &from, &buffer, NULL);
		if (len <= 0) {
			int err = errno ? errno : EIO;

			return e2ee_fail(ctx, err, "netlink answer: %s",
					 strerror(err));
		}
		for (nlh = (struct nlmsghdr *)(void *)buffer;
		     nlmsg_ok(nlh, len) && !done; nlh = nlmsg_next(nlh, &len)) {
			if (from.nl_pid ||
			    nlh->nlmsg_seq != request->nlmsg_seq)
				continue;
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				interrupted = true;
			if (nlh->nlmsg_type == NLMSG_ERROR ||
			    nlh->nlmsg_type == NLMSG_DONE) {
				int err = answer_error(nlh);

				done = true;
				if (!err)
					continue;
				e2ee_explain(ctx, request, nlh, err);
				ret = -err;
			} else if (!ret && cb) {
				ret = cb(nlh, arg);
			}
		}
		free(buffer);
	}
	if (!ret && interrupted)
		return 1;
	return ret;
}

struct single {
	const struct table *table;
	void *object;
};

static int single_answer(const struct nlmsghdr *nlh, void *arg)
{
	const struct single *single = arg;

	return e2ee_unpack(nlh, single->table, single->object);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * The kernel never waits for memory while it carries out a request, so where a
 * memory cgroup stands at its limit, nothing is given up for the request's sake:
 * not even cached files. For memory of our own the kernel does wait, and when we
 * give that memory back, there is room. A program whose handle is less patient asks
 * later by itself, and must not be killed for the room: its own memory cgroup may
 * be too small for it.
 */
static void room_make(const struct nlmsghdr *request)
{
	size_t size = AGAIN_ROOM_MIN + (size_t)request->nlmsg_len * AGAIN_ROOM;
	size_t at;
	char *room;

	room = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return;
	for (at = 0; at < size; at += 4096)
		*(volatile char *)(room + at) = 1;
	munmap(room, size);
}

static int do_once(struct e2ee_ctx *ctx, struct nl_msg *msg,
		   const struct table *table, void *object)
{
	struct single single = { .table = table, .object = object };
	struct nlmsghdr *request = nlmsg_hdr(msg);
	int ret;

	request->nlmsg_seq = NL_AUTO_SEQ;
	ret = e2ee_send(ctx, ctx->genl, msg);
	if (!ret)
		ret = answers_read(ctx, ctx->genl, request,
				   table ? single_answer : NULL, &single);
	return ret;
}

/*
 * One request; what it answers, if anything, goes into object. The kernel does
 * not wait for what the request needs, but wants to be asked again. Frees msg.
 */
int e2ee_do(struct e2ee_ctx *ctx, struct nl_msg *msg,
	    const struct table *table, void *object)
{
	struct timespec pause = { .tv_nsec = AGAIN_PAUSE * 1000000L };
	int64_t end = now_ms() + ctx->patience;
	int ret;

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	for (;;) {
		ret = do_once(ctx, msg, table, object);
		if (ret != -EAGAIN || !ctx->refused || now_ms() >= end)
			break;
		if (ctx->patience >= E2EE_PATIENCE)
			room_make(nlmsg_hdr(msg));
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < AGAIN_PAUSE_MAX * 1000000L)
			pause.tv_nsec *= 2;
		e2ee_set_error(ctx, "%s", "");
	}
	if (ret < 0 && !ctx->refused && !*ctx->error)
		e2ee_set_error(ctx, "answer not understood: %s",
			       strerror(-ret));
	e2ee_message_free(msg);
	return ret;
}

/* Answers of a listing, one after the other */
struct listing {
	char *bytes;
	size_t len;
	size_t size;
};

static int listing_add(const struct nlmsghdr *nlh, void *arg)
{
	size_t len = NLMSG_ALIGN(nlh->nlmsg_len);
	struct listing *list = arg;

	if (!list->bytes || list->len + len > list->size) {
		size_t size = 2 * list->size + len + 65536;
		char *bytes = realloc(list->bytes, size);

		if (!bytes)
			return -ENOMEM;
		list->bytes = bytes;
		list->size = size;
	}
	memset(list->bytes + list->len, 0, len);
	memcpy(list->bytes + list->len, nlh, nlh->nlmsg_len);
	list->len += len;
	return 0;
}

static int listing_walk(const struct listing *list, e2ee_answer_cb cb,
			void *arg)
{
	size_t at = 0;
	int ret = 0;

	while (!ret && at < list->len) {
		const struct nlmsghdr *nlh;

		nlh = (const struct nlmsghdr *)(const void *)(list->bytes + at);
		ret = cb(nlh, arg);
		at += NLMSG_ALIGN(nlh->nlmsg_len);
	}
	return ret;
}

/* A listing, complete before its first callback. Frees msg. */
int e2ee_dump(struct e2ee_ctx *ctx, struct nl_sock *sk, struct nl_msg *msg,
	      e2ee_answer_cb cb, void *arg)
{
	struct nlmsghdr *request = nlmsg_hdr(msg);
	struct listing list = { .bytes = NULL };
	int ret = 1, tries;

	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	for (tries = 0; ret == 1 && tries < DUMP_TRIES; tries++) {
		list.len = 0;
		request->nlmsg_seq = NL_AUTO_SEQ;
		ret = e2ee_send(ctx, sk, msg);
		if (!ret)
			ret = answers_read(ctx, sk, request, listing_add,
					   &list);
		if (ret == -ENOMEM)
			e2ee_set_error(ctx, "%s", strerror(ENOMEM));
	}
	e2ee_message_free(msg);
	if (ret == 1)
		ret = e2ee_fail(ctx, EAGAIN,
				"the list changes faster than it can be read: try again");
	if (!ret)
		ret = listing_walk(&list, cb, arg);
	free(list.bytes);
	return ret;
}
