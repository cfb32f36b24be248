// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events, one a line.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "e2eectl.h"

static void out_time(struct out *out)
{
	char text[80], zone[16], seconds[32];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(text, sizeof(text), "%s.%06ld%s", seconds,
		 now.tv_nsec / 1000, zone);
	out_str(out, "time", text);
}

static void out_event(struct out *out, const struct e2ee_event_info *event)
{
	const char *name = e2ee_event_name(event->type);
	const char *dir = e2ee_dir_name(event->dir);
	uint64_t has = event->has;

	out_record(out);
	out_time(out);
	out_str(out, "event", name ? name : "unknown");
	if (has & E2EE_HAS(E2EE_A_EVENT_NAME))
		out_str(out, "session", event->name);
	if (has & E2EE_HAS(E2EE_A_EVENT_SESSION))
		out_u64(out, "id", event->session);
	if (has & E2EE_HAS(E2EE_A_EVENT_SOCKET))
		out_u64(out, "socket", event->socket);
	if (has & E2EE_HAS(E2EE_A_EVENT_DIR))
		out_str_as(out, "dir", "key", dir ? dir : "unknown");
	if (has & E2EE_HAS(E2EE_A_EVENT_KID))
		out_u64(out, "kid", event->kid);
	if (has & E2EE_HAS(E2EE_A_EVENT_SSRC))
		out_u64(out, "ssrc", event->ssrc);
	if (has & E2EE_HAS(E2EE_A_EVENT_EPOCH))
		out_u64(out, "epoch", event->epoch);
	if (has & E2EE_HAS(E2EE_A_EVENT_ERROR))
		out_str(out, "error", strerror((int)event->error));
	if (has & E2EE_HAS(E2EE_A_EVENT_LOCAL_ADDR))
		out_addr(out, "local", &event->local, true);
	if (has & E2EE_HAS(E2EE_A_EVENT_INODE))
		out_u64(out, "inode", event->inode);
	if (has & E2EE_HAS(E2EE_A_EVENT_COUNT))
		out_u64(out, "count", event->count);
	if (event->lost)
		out_u64(out, "lost", event->lost);
	out_record_end(out);
}

static int monitor_event(const struct e2ee_event_info *event, void *arg)
{
	out_event(arg, event);
	return ferror(stdout) ? -EPIPE : 0;
}

/* The kernel had no room for what came while we were slow. */
static void monitor_overrun(struct out *out)
{
	out_record(out);
	out_time(out);
	out_str(out, "event", "overrun");
	out_record_end(out);
}

int cmd_monitor(struct args *args)
{
	struct app *app = args->app;
	struct pollfd pfd = { .events = POLLIN };
	int ret;

	ret = args_open(args);
	if (ret)
		return ret;
	if (e2ee_event_subscribe(app->ctx))
		return app_refused(app);
	pfd.fd = e2ee_event_fd(app->ctx);
	for (;;) {
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return app_error(app, EXIT_KERNEL, "poll: %s",
					 strerror(errno));
		ret = e2ee_event_read(app->ctx, monitor_event, &app->out);
		if (ret == -ENOBUFS)
			monitor_overrun(&app->out);
		else if (ret == -EPIPE)
			return EXIT_GOOD;
		else if (ret)
			return app_refused(app);
	}
}
