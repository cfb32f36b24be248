// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiting for descriptors, signals and the time.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "e2eed.h"

uint64_t loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int loop_watch(struct loop *loop, struct loop_source *source, int fd,
	       uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (fd < 0) {
		/* Who closed it may have been faster */
		if (source->fd >= 0)
			(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd,
					NULL);
		source->fd = -1;
		return 0;
	}
	if (source->fd >= 0 && source->fd != fd)
		(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	source->fd = fd;
	source->events = events;
	/* A number may come back for another file, which then is not there yet */
	if (!epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event))
		return 0;
	if (errno == ENOENT && !epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event))
		return 0;
	source->fd = -1;
	return -errno;
}

static void timer_ready(void *arg, uint32_t events)
{
	struct loop *loop = arg;
	uint64_t times;

	(void)events;
	(void)!read(loop->timer.fd, &times, sizeof(times));
	loop->alarm = UINT64_MAX;
}

static void signals_ready(void *arg, uint32_t events)
{
	struct signalfd_siginfo info;
	struct loop *loop = arg;

	(void)events;
	if (read(loop->signals.fd, &info, sizeof(info)) == sizeof(info))
		loop->signal(loop->arg, (int)info.ssi_signo);
}

static void signals_heard(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void loop_signals_hold(void)
{
	sigset_t set;

	signals_heard(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
}

static int signals_open(void)
{
	sigset_t set;

	signals_heard(&set);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int loop_open(struct loop *loop)
{
	int timer, signals, ret = 0;

	loop->timer = (struct loop_source){ timer_ready, loop, -1, 0 };
	loop->signals = (struct loop_source){ signals_ready, loop, -1, 0 };
	loop->alarm = UINT64_MAX;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	signals = signals_open();
	if (loop->epoll < 0 || timer < 0 || signals < 0)
		return -errno;
	ret = loop_watch(loop, &loop->timer, timer, EPOLLIN);
	if (!ret)
		ret = loop_watch(loop, &loop->signals, signals, EPOLLIN);
	return ret;
}

void loop_close(struct loop *loop)
{
	close(loop->timer.fd);
	close(loop->signals.fd);
	close(loop->epoll);
}

static int alarm_set(struct loop *loop, uint64_t at)
{
	struct itimerspec when = { .it_value = { .tv_sec = 0 } };

	if (at == loop->alarm)
		return 0;
	loop->alarm = at;
	if (at != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(at / 1000);
		/* All zero would stop it */
		when.it_value.tv_nsec = (long)(at % 1000) * 1000000 + 1;
	}
	return timerfd_settime(loop->timer.fd, TFD_TIMER_ABSTIME, &when, NULL) ?
	       -errno : 0;
}

/* One at a time: what a handler does may be the end of other sources. */
int loop_run(struct loop *loop)
{
	while (!loop->done) {
		struct epoll_event event;
		struct loop_source *source;
		int ret;

		ret = alarm_set(loop, loop->tick(loop->arg, loop_now()));
		if (ret)
			return ret;
		if (loop->done)
			break;
		ret = epoll_wait(loop->epoll, &event, 1, -1);
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (ret < 1)
			continue;
		source = event.data.ptr;
		source->ready(source->arg, event.events);
	}
	return 0;
}
