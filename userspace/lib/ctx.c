// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handle: sockets, network namespace, words for errors.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <openssl/crypto.h>

#include "internal.h"

void e2ee_set_error(struct e2ee_ctx *ctx, const char *format, ...)
{
	va_list args;

	ctx->refused = false;
	va_start(args, format);
	vsnprintf(ctx->error, sizeof(ctx->error), format, args);
	va_end(args);
}

const char *e2ee_strerror(const struct e2ee_ctx *ctx)
{
	return ctx ? ctx->error : strerror(ENOMEM);
}

bool e2ee_refused(const struct e2ee_ctx *ctx)
{
	return ctx && ctx->refused;
}

static int netns_open(struct e2ee_ctx *ctx, const char *name)
{
	char path[PATH_MAX];
	int len;

	if (strchr(name, '/'))
		len = snprintf(path, sizeof(path), "%s", name);
	else
		len = snprintf(path, sizeof(path), "/run/netns/%s", name);
	if (len < 0 || (size_t)len >= sizeof(path))
		return e2ee_fail(ctx, ENAMETOOLONG,
				 "network namespace: name too long");
	ctx->netns = open(path, O_RDONLY | O_CLOEXEC);
	if (ctx->netns >= 0)
		return 0;
	if (errno == ENOENT)
		return e2ee_fail(ctx, ENOENT,
				 "network namespace \"%s\" does not exist: \"ip netns list\" shows those that do",
				 name);
	return e2ee_fail(ctx, errno, "network namespace \"%s\": %s", name,
			 strerror(errno));
}

struct connection {
	struct e2ee_ctx *ctx;
	struct nl_sock *sk;
	int protocol;
	int err;
	bool entered;
};

static void connection_make(struct connection *c)
{
	int on = 1, fd;

	errno = 0;
	if (nl_connect(c->sk, c->protocol)) {
		c->err = errno ? errno : EIO;
		return;
	}
	fd = nl_socket_get_fd(c->sk);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	/* Old kernels do without: errors then lack the kernel's words. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
}

static void *connection_thread(void *arg)
{
	struct connection *c = arg;

	if (setns(c->ctx->netns, CLONE_NEWNET)) {
		c->err = errno;
		return NULL;
	}
	c->entered = true;
	connection_make(c);
	return NULL;
}

/*
 * A socket stays in the namespace in which it was made. The one that enters it
 * is a thread that ends at once, so nothing has to be put back.
 */
int e2ee_connect(struct e2ee_ctx *ctx, int protocol, struct nl_sock **sk)
{
	struct connection c = { .ctx = ctx, .protocol = protocol };
	pthread_t thread;

	c.sk = nl_socket_alloc();
	if (!c.sk)
		return e2ee_fail(ctx, ENOMEM, "%s", strerror(ENOMEM));
	nl_socket_disable_auto_ack(c.sk);
	nl_socket_enable_msg_peek(c.sk);
	if (ctx->netns < 0) {
		c.entered = true;
		connection_make(&c);
	} else {
		c.err = pthread_create(&thread, NULL, connection_thread, &c);
		if (!c.err)
			pthread_join(thread, NULL);
	}
	if (!c.err) {
		*sk = c.sk;
		return 0;
	}
	nl_socket_free(c.sk);
	if (c.entered)
		return e2ee_fail(ctx, c.err, "netlink socket: %s",
				 strerror(c.err));
	return e2ee_fail(ctx, c.err, "cannot enter the network namespace: %s",
			 c.err == EPERM ? "run as root, or with CAP_SYS_ADMIN" :
					  strerror(c.err));
}

/*
 * The module's family, or one of its groups, was not found. libnl does not say why,
 * and it may have been for want of memory.
 */
int e2ee_unresolved(struct e2ee_ctx *ctx)
{
	if (access("/sys/module/e2ee", F_OK) && errno == ENOENT &&
	    !access("/sys/module", F_OK))
		return e2ee_fail(ctx, EPROTONOSUPPORT,
				 "e2ee: kernel module is not loaded: modprobe e2ee");
	return e2ee_fail(ctx, EAGAIN,
			 "e2ee: no answer from the kernel module, which may be loaded: try again");
}

int e2ee_open(struct e2ee_ctx **ctx, const char *netns)
{
	struct e2ee_ctx *new;
	int ret;

	*ctx = NULL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	*ctx = new;
	new->netns = -1;
	new->patience = E2EE_PATIENCE;
	if (netns) {
		ret = netns_open(new, netns);
		if (ret)
			return ret;
	}
	ret = e2ee_connect(new, NETLINK_GENERIC, &new->genl);
	if (ret)
		return ret;
	new->family = genl_ctrl_resolve(new->genl, E2EE_GENL_NAME);
	return new->family < 0 ? e2ee_unresolved(new) : 0;
}

void e2ee_set_patience(struct e2ee_ctx *ctx, unsigned int ms)
{
	if (ctx)
		ctx->patience = ms;
}

void e2ee_close(struct e2ee_ctx *ctx)
{
	if (!ctx)
		return;
	nl_socket_free(ctx->diag);
	nl_socket_free(ctx->events);
	nl_socket_free(ctx->genl);
	if (ctx->netns >= 0)
		close(ctx->netns);
	free(ctx);
}

/* A request with room for size bytes, to be given to e2ee_message_free() */
struct nl_msg *e2ee_message(struct e2ee_ctx *ctx, uint8_t cmd, size_t size)
{
	struct nl_msg *msg;

	e2ee_set_error(ctx, "%s", "");
	if (!ctx->genl || ctx->family <= 0) {
		e2ee_set_error(ctx, "e2ee: the handle is not open");
		return NULL;
	}
	msg = nlmsg_alloc_size(size);
	if (!msg) {
		e2ee_set_error(ctx, "%s", strerror(ENOMEM));
		return NULL;
	}
	/* Best effort: RLIMIT_MEMLOCK may forbid it */
	(void)mlock(nlmsg_hdr(msg), nlmsg_get_max_size(msg));
	genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, ctx->family, 0, 0, cmd,
		    E2EE_GENL_VERSION);
	return msg;
}

/* Any request may hold keys: all are wiped. */
void e2ee_message_free(struct nl_msg *msg)
{
	if (!msg)
		return;
	OPENSSL_cleanse(nlmsg_hdr(msg), nlmsg_get_max_size(msg));
	munlock(nlmsg_hdr(msg), nlmsg_get_max_size(msg));
	nlmsg_free(msg);
}
