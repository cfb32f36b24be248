// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The session of the kernel: waited for, watched, and noticed when it is
 * another one than before.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "e2eed.h"

#define PAUSE_MIN	500		/* milliseconds between two tries */
#define PAUSE_MAX	30000
#define CHECK_EVERY	5000		/* events may be lost */
#define PATIENCE	50		/* of a request: the room asks again later */
#define LEAVE_TIME	500		/* for all keys, when the room is left */
#define STOP_TIME	5000		/* and when that is all there is to do */

/* Says it once, however often it is found so */
__attribute__((format(printf, 2, 3)))
static void kernel_wait(struct kernel *kernel, const char *format, ...)
{
	char why[sizeof(kernel->why)];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (strcmp(why, kernel->why) != 0)
		log_warning("%s", why);
	memcpy(kernel->why, why, sizeof(kernel->why));
	kernel->up = false;
}

static void kernel_drop(struct kernel *kernel)
{
	loop_watch(kernel->loop, &kernel->events, -1, 0);
	e2ee_close(kernel->target.ctx);
	kernel->target.ctx = NULL;
	kernel->lost = true;
}

/* Only those of the session; one of that name may come while there is none */
static int kernel_event(const struct e2ee_event_info *event, void *arg)
{
	struct kernel *kernel = arg;
	bool ours = event->session == kernel->target.session.id;

	if (event->type == E2EE_EVENT_SESSION_NEW &&
	    !strcmp(event->name, kernel->name))
		kernel->check = 0;
	if (!kernel->seen || !ours)
		return 0;
	if (event->type == E2EE_EVENT_SESSION_DEL) {
		kernel->check = 0;
		kernel->up = false;
	}
	kernel->event(kernel->arg, event);
	return 0;
}

static void kernel_ready(void *arg, uint32_t events)
{
	struct kernel *kernel = arg;
	int ret;

	(void)events;
	ret = e2ee_event_read(kernel->target.ctx, kernel_event, kernel);
	if (ret)
		kernel->check = 0;
	if (ret && ret != -ENOBUFS && ret != -ENOMEM)
		kernel_drop(kernel);
}

static int kernel_connect(struct kernel *kernel)
{
	struct e2ee_ctx **ctx = &kernel->target.ctx;
	int ret;

	if (*ctx)
		return 0;
	ret = e2ee_open(ctx, NULL);
	e2ee_set_patience(*ctx, PATIENCE);
	if (!ret)
		ret = e2ee_event_subscribe(*ctx);
	if (!ret)
		ret = loop_watch(kernel->loop, &kernel->events,
				 e2ee_event_fd(*ctx), EPOLLIN);
	if (!ret)
		return 0;
	kernel_wait(kernel, "%s", e2ee_strerror(*ctx));
	kernel_drop(kernel);
	return ret;
}

/*
 * Name and id must agree from now on: no key of this session gets into another
 * one that takes its name.
 */
static void kernel_found(struct kernel *kernel,
			 const struct e2ee_session *session)
{
	struct e2ee_session *target = &kernel->target.session;
	bool again = kernel->seen && (kernel->lost || target->id != session->id);
	bool news = again || !kernel->up;

	target->id = session->id;
	target->has |= E2EE_HAS(E2EE_A_SESSION_ID);
	kernel->epoch = session->epoch;
	kernel->pause = PAUSE_MIN;
	kernel->up = true;
	kernel->seen = true;
	kernel->lost = false;
	kernel->why[0] = '\0';
	if (!news)
		return;
	log_info("session %s is there, with id %u", kernel->name, session->id);
	kernel->found(kernel->arg, again);
}

static int kernel_ask(struct kernel *kernel, struct e2ee_session *session)
{
	int ret;

	ret = kernel_connect(kernel);
	if (ret)
		return ret;
	memset(session, 0, sizeof(*session));
	memcpy(session->name, kernel->name, sizeof(session->name));
	session->has = E2EE_HAS(E2EE_A_SESSION_NAME);
	return e2ee_session_get(kernel->target.ctx, session);
}

static void kernel_explain(struct kernel *kernel, int ret)
{
	if (!kernel->target.ctx)
		return;			/* connecting failed, and said why */
	if (ret == -ENOENT)
		kernel_wait(kernel,
			    "session \"%s\" does not exist: e2eectl add-session %s",
			    kernel->name, kernel->name);
	else
		kernel_wait(kernel, "%s", e2ee_strerror(kernel->target.ctx));
}

/*
 * A module that was loaded anew has another number among the kernel's families,
 * so an old handle finds nothing: what a new one finds is another session, even
 * with the id of before. Any other error says nothing about the session, which
 * is asked for again later.
 */
static void kernel_look(struct kernel *kernel)
{
	bool fresh = !kernel->target.ctx, up = kernel->up;
	struct e2ee_session session;
	int ret;

	ret = kernel_ask(kernel, &session);
	if (ret == -ENOENT && !fresh) {
		kernel_drop(kernel);
		ret = kernel_ask(kernel, &session);
	}
	kernel->fatal = ret == -EPERM;
	if (!ret) {
		kernel_found(kernel, &session);
		return;
	}
	kernel_explain(kernel, ret);
	if (!kernel->lost && !kernel->fatal)
		kernel->up = up;
}

uint64_t kernel_tick(struct kernel *kernel, uint64_t now)
{
	if (now < kernel->check)
		return kernel->check;
	kernel_look(kernel);
	if (kernel->up) {
		kernel->check = now + CHECK_EVERY;
		return kernel->check;
	}
	kernel->check = now + kernel->pause;
	kernel->pause *= 2;
	if (kernel->pause > PAUSE_MAX)
		kernel->pause = PAUSE_MAX;
	return kernel->check;
}

void kernel_open(struct kernel *kernel, struct loop *loop, const char *session)
{
	kernel->loop = loop;
	kernel->events = (struct loop_source){ kernel_ready, kernel, -1, 0 };
	kernel->pause = PAUSE_MIN;
	snprintf(kernel->name, sizeof(kernel->name), "%s", session);
	snprintf(kernel->target.session.name,
		 sizeof(kernel->target.session.name), "%s", session);
	kernel->target.session.has = E2EE_HAS(E2EE_A_SESSION_NAME);
}

void kernel_close(struct kernel *kernel)
{
	kernel_drop(kernel);
}

struct stopping {
	struct e2ee_ctx *ctx;
	const struct e2ee_session *session;
	uint64_t until;			/* the kernel is not asked again later */
	unsigned int left;
};

static int key_stop(const struct e2ee_key *key, void *arg)
{
	struct stopping *stopping = arg;
	struct e2ee_key name = *key;
	uint64_t now = loop_now();

	if (key->dir != E2EE_DIR_TX)
		return 0;
	if (key->ssrc_mode != E2EE_SSRC_NUMBER)
		name.has &= ~E2EE_HAS(E2EE_A_KEY_SSRC);
	e2ee_set_patience(stopping->ctx, now >= stopping->until ? 0 :
			  (unsigned int)(stopping->until - now));
	if (e2ee_key_del(stopping->ctx, stopping->session, &name, 1, NULL))
		stopping->left++;
	return 0;
}

/* Each key is tried, but all together wait for the kernel no longer than @ms */
static int keys_stop(struct e2ee_ctx *ctx, const struct e2ee_session *session,
		     unsigned int ms)
{
	struct stopping stopping = {
		.ctx = ctx, .session = session, .until = loop_now() + ms,
	};
	int ret = e2ee_key_list(ctx, session, key_stop, &stopping);

	return !ret && stopping.left ? -EAGAIN : ret;
}

/*
 * Deletes what the session has to send with. @require: it has to be required
 * first, as no key means to send in clear under the other policies
 */
static int sending_stop(struct e2ee_ctx *ctx, const char *name, bool require,
			unsigned int ms)
{
	struct e2ee_session session = { .has = E2EE_HAS(E2EE_A_SESSION_NAME) };
	int ret = 0;

	snprintf(session.name, sizeof(session.name), "%s", name);
	if (require) {
		session.has |= E2EE_HAS(E2EE_A_SESSION_POLICY);
		session.policy = E2EE_POLICY_REQUIRED;
		ret = e2ee_session_set(ctx, &session);
	}
	return ret ? ret : keys_stop(ctx, &session, ms);
}

int kernel_leave(const char *name, bool require)
{
	struct e2ee_ctx *ctx = NULL;
	int ret;

	ret = e2ee_open(&ctx, NULL);
	e2ee_set_patience(ctx, LEAVE_TIME);
	if (!ret)
		ret = sending_stop(ctx, name, require, LEAVE_TIME);
	/* Without the module or the session there are no keys either */
	if (ret == -EPROTONOSUPPORT || ret == -ENOENT)
		ret = 0;
	if (ret)
		log_err("session %s may have keys left to send with: %s", name,
			e2ee_strerror(ctx));
	e2ee_close(ctx);
	return ret;
}

int kernel_stop_sending(const char *name)
{
	struct e2ee_ctx *ctx = NULL;
	int ret;

	ret = e2ee_open(&ctx, NULL);
	if (!ret)
		ret = sending_stop(ctx, name, true, STOP_TIME);
	if (ret)
		log_err("session %s: %s", name, e2ee_strerror(ctx));
	else
		log_notice("session %s: policy required, nothing left to send with",
			   name);
	e2ee_close(ctx);
	return ret ? EXIT_AGAIN : EXIT_LEFT;
}
