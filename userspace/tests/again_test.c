// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A request that the kernel wants to be asked again is asked again. Linked with
 * --wrap: the kernel and the clock are the test's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <netlink/netlink.h>

#include "../lib/internal.h"
#include "tap.h"

#define WORDS	"memory is not at hand without waiting: ask again"

static int64_t now;			/* ns */
static int64_t longest;			/* pause, ns */
static unsigned int sent, told;		/* requests; those to be asked again */
static size_t room;			/* bytes that were made room for at once */
static int last;			/* what the kernel answers then */
static struct nlmsghdr request;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	time->tv_sec = now / 1000000000;
	time->tv_nsec = now % 1000000000;
	return 0;
}

int __wrap_nanosleep(const struct timespec *pause, struct timespec *left);
int __wrap_nanosleep(const struct timespec *pause, struct timespec *left)
{
	int64_t ns = pause->tv_sec * 1000000000 + pause->tv_nsec;

	(void)left;
	now += ns;
	if (ns > longest)
		longest = ns;
	return 0;
}

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	room = len;
	return __real_mmap(at, len, prot, flags, fd, off);
}

int __wrap_nl_send_auto(struct nl_sock *sk, struct nl_msg *msg);
int __wrap_nl_send_auto(struct nl_sock *sk, struct nl_msg *msg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);

	(void)sk;
	nlh->nlmsg_seq = ++sent;
	request = *nlh;
	return (int)nlh->nlmsg_len;
}

/* An error with words, or the acknowledgment */
int __wrap_nl_recv(struct nl_sock *sk, struct sockaddr_nl *from,
		   unsigned char **buffer, struct ucred **creds);
int __wrap_nl_recv(struct nl_sock *sk, struct sockaddr_nl *from,
		   unsigned char **buffer, struct ucred **creds)
{
	int err = sent > told ? last : -EAGAIN;
	struct nl_msg *msg = nlmsg_alloc();
	struct nlmsgerr body = { .error = err, .msg = request };
	struct nlmsghdr *nlh;
	int len;

	(void)sk;
	(void)creds;
	memset(from, 0, sizeof(*from));
	nlh = nlmsg_put(msg, 0, request.nlmsg_seq, NLMSG_ERROR, 0,
			NLM_F_CAPPED | NLM_F_ACK_TLVS);
	nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	if (err)
		nla_put_string(msg, NLMSGERR_ATTR_MSG, WORDS);
	len = (int)nlh->nlmsg_len;
	*buffer = malloc((size_t)len);
	memcpy(*buffer, nlh, (size_t)len);
	nlmsg_free(msg);
	return len;
}

/* Is the module loaded, as /sys says? And there is no memory to ask for it */
static bool loaded;

int __wrap_genl_ctrl_resolve(struct nl_sock *sk, const char *name);
int __wrap_genl_ctrl_resolve(struct nl_sock *sk, const char *name)
{
	(void)sk;
	(void)name;
	return -NLE_OBJ_NOTFOUND;
}

int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
	(void)mode;
	if (loaded || strcmp(path, "/sys/module/e2ee") != 0)
		return 0;
	errno = ENOENT;
	return -1;
}

static int open_only(bool there)
{
	struct e2ee_ctx *ctx;
	int ret;

	loaded = there;
	ret = e2ee_open(&ctx, NULL);
	e2ee_close(ctx);
	return ret;
}

/* One request, of which the first @again are told to come again, then @then */
static int ask(struct e2ee_ctx *ctx, unsigned int again, int then, size_t size)
{
	struct nl_msg *msg = e2ee_message(ctx, E2EE_CMD_KEY_NEW, size);

	now = 0;
	longest = 0;
	sent = 0;
	room = 0;
	told = again;
	last = then;
	nlmsg_reserve(msg, size / 2, NLMSG_ALIGNTO);
	return e2ee_do(ctx, msg, NULL, NULL);
}

int main(void)
{
	struct e2ee_ctx *opened, ctx = { .family = 30, .netns = -1 };

	ok(open_only(false) == -EPROTONOSUPPORT,
	   "a module that is not loaded is not there");
	ok(open_only(true) == -EAGAIN,
	   "one that cannot be asked for may be there");
	(void)e2ee_open(&opened, NULL);
	ctx.patience = opened->patience;
	e2ee_close(opened);
	ctx.genl = nl_socket_alloc();
	ok(!ask(&ctx, 0, 0, 1024) && sent == 1 && !room,
	   "what is done at once is asked for once");
	ok(ask(&ctx, 0, -EEXIST, 1024) == -EEXIST && sent == 1,
	   "a refusal is not asked for again");
	ok(!ask(&ctx, 3, 0, 1024) && sent == 4, "asked again until it is done");
	ok(now < 20 * 1000000, "the first times after milliseconds");
	ok(!*e2ee_strerror(&ctx) && !e2ee_refused(&ctx),
	   "and what was said meanwhile is forgotten");
	ok(room >= 65536, "room is made before it is asked again");
	ok(!ask(&ctx, 1, 0, 65536) && room >= 32 * 32768,
	   "the more room the longer the request");
	ok(ask(&ctx, 2, -EKEYREJECTED, 1024) == -EKEYREJECTED && sent == 3,
	   "a refusal in the end is told");
	ok(ask(&ctx, -1U, 0, 1024) == -EAGAIN, "in the end it is given up");
	ok(now >= 5000000000 && now < 5100000000, "after 5 s");
	ok(longest <= 64 * 1000000 && sent > 50, "it is asked ever again");
	ok(!strcmp(e2ee_strerror(&ctx), WORDS) && e2ee_refused(&ctx),
	   "and the kernel's words are told");
	e2ee_set_patience(&ctx, 50);
	ok(ask(&ctx, -1U, 0, 65536) == -EAGAIN && now >= 50 * 1000000 &&
	   now < 120 * 1000000, "a handle with less patience gives up earlier");
	ok(!room, "and makes no room");
	ok(!ask(&ctx, 3, 0, 1024) && sent == 4, "but asks again until then");
	e2ee_set_patience(&ctx, 0);
	ok(ask(&ctx, -1U, 0, 1024) == -EAGAIN && sent == 1 && !now,
	   "without patience it asks once");
	nl_socket_free(ctx.genl);
	return tap_end();
}
