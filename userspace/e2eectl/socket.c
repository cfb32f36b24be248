// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets.
 */
#include <limits.h>
#include <string.h>

#include "e2eectl.h"

struct attach_request {
	struct e2ee_session session;
	struct e2ee_socket sock;
	uint32_t pid;
	uint32_t fd;
	bool has_pid;
	bool has_fd;
	bool has_local;
};

static int parse_pid(struct args *args, const char *name, void *object)
{
	struct attach_request *request = object;

	request->has_pid = true;
	return args_u32(args, name, 1, INT_MAX, &request->pid);
}

static int parse_fd(struct args *args, const char *name, void *object)
{
	struct attach_request *request = object;

	request->has_fd = true;
	return args_u32(args, name, 0, INT_MAX, &request->fd);
}

static int parse_local(struct args *args, const char *name, void *object)
{
	struct attach_request *request = object;
	const char *word;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	if (!parse_addr_port(word, &request->sock.local))
		return args_usage(args,
				  "local has to be ADDRESS:PORT or [IPV6-ADDRESS]:PORT, not \"%s\"",
				  word);
	request->has_local = true;
	request->sock.has = E2EE_HAS(E2EE_A_SOCKET_LOCAL_ADDR) |
			    E2EE_HAS(E2EE_A_SOCKET_LOCAL_PORT);
	return EXIT_GOOD;
}

static const struct keyword attach_keywords[] = {
	{ "pid", parse_pid },
	{ "fd", parse_fd },
	{ "local", parse_local },
};

static int attach_parse(struct args *args, struct attach_request *request)
{
	int ret;

	ret = args_session(args, &request->session);
	if (!ret)
		ret = args_keywords(args, attach_keywords,
				    ARRAY_SIZE(attach_keywords), request);
	if (ret)
		return ret;
	if (request->has_pid != request->has_fd)
		return args_usage(args, "%s is missing",
				  request->has_pid ? "fd" : "pid");
	if (request->has_pid == request->has_local)
		return args_usage(args,
				  "one of \"pid P fd F\" and \"local ADDRESS:PORT\" is needed");
	return EXIT_GOOD;
}

int cmd_attach(struct args *args)
{
	struct attach_request request = { .pid = 0 };
	struct app *app = args->app;
	int ret;

	ret = attach_parse(args, &request);
	if (!ret)
		ret = app_open(app);
	if (ret)
		return ret;
	if (request.has_pid)
		ret = e2ee_socket_attach_pid(app->ctx, &request.session,
					     (pid_t)request.pid,
					     (int)request.fd, &request.sock);
	else
		ret = e2ee_socket_attach(app->ctx, &request.session,
					 &request.sock);
	return app_done_new(app, ret, "socket", request.sock.id);
}

int cmd_detach(struct args *args)
{
	struct e2ee_socket sock = { .has = E2EE_HAS(E2EE_A_SOCKET_ID) };
	bool force = false;
	int ret;

	ret = args_u64(args, "ID", 1, UINT64_MAX, &sock.id);
	if (ret)
		return ret;
	if (args_peek(args) && !strcmp(args_peek(args), "force")) {
		force = true;
		args_next(args);
	}
	ret = args_open(args);
	if (ret)
		return ret;
	ret = e2ee_socket_detach(args->app->ctx, &sock, force);
	return app_done(args->app, ret);
}

void out_socket_line(struct out *out, const struct e2ee_socket *sock)
{
	out_u64(out, "socket", sock->id);
	if (sock->local.len)
		out_addr(out, "local", &sock->local, true);
	if (sock->remote.len)
		out_addr(out, "remote", &sock->remote, true);
	out_u64(out, "inode", sock->inode);
	out_u64(out, "uid", sock->uid);
	if (sock->has & E2EE_HAS(E2EE_A_SOCKET_GUARD))
		out_u64(out, "by-guard", sock->guard);
}

static int socket_line(const struct e2ee_socket *sock, void *arg)
{
	struct listing *listing = arg;

	listing_line(listing, sock->session);
	out_socket_line(listing->out, sock);
	out_record_end(listing->out);
	return 0;
}

int cmd_list_sockets(struct args *args)
{
	struct listing listing;
	struct app *app = args->app;
	int ret;

	ret = args_end(args);
	if (!ret)
		ret = listing_begin(app, &listing);
	if (ret)
		return ret;
	ret = e2ee_socket_list(app->ctx, NULL, socket_line, &listing);
	return listing_end(app, &listing, ret);
}
