// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The room between its broker, its session, its operator and the time.
 */
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "daemon.h"

#define ECHO_MS		10000		/* for what this device says to itself */
#define TELL_MS		60000		/* between two lines that say the same */
#define LEAVE_MS	5000		/* handing over takes two seconds */
#define FLUSH_MS	1000		/* for the last messages */

/* What the room asks for. Its callbacks get the kernel, which comes first. */

static void room_publish(void *arg, const struct e2ee_room_packet *packet)
{
	struct daemon *daemon = arg;

	if (daemon->transport)
		transport_publish(daemon->transport, packet);
}

static void room_listen_acks(void *arg, bool listen)
{
	struct daemon *daemon = arg;

	daemon->acks = listen;
	if (daemon->transport)
		transport_listen_acks(daemon->transport, listen);
}

static int over_code(enum e2ee_room_over over)
{
	switch (over) {
	case E2EE_ROOM_OVER_LEFT:
		return EXIT_LEFT;
	case E2EE_ROOM_OVER_ENDED:
		return EXIT_ENDED;
	case E2EE_ROOM_OVER_ELSEWHERE:
		return EXIT_ELSEWHERE;
	default:
		return EXIT_REMOVED;
	}
}

static void room_out(struct daemon *daemon, const char *text)
{
	daemon->code = EXIT_LEFT;
	if (!daemon->leaving)
		daemon->code = over_code(e2ee_room_over(daemon->room));
	if (daemon->leaving)
		log_notice("room %s: left", daemon->config->room);
	else if (daemon->code == EXIT_ENDED)
		log_notice("room %s: %s", daemon->config->room, text);
	else
		log_err("room %s is over for this device: %s",
			daemon->config->room, text);
	daemon->out = true;
	daemon->deadline = loop_now() + FLUSH_MS;
}

static void room_event(void *arg, enum e2ee_room_event_type type,
		       const char *text)
{
	struct daemon *daemon = arg;

	daemon->changed = true;
	switch (type) {
	case E2EE_ROOM_ALARM:
		log_warning("room %s: %s", daemon->config->room, text);
		control_event(daemon->control, "alarm", text);
		break;
	case E2EE_ROOM_KEYFRAME:
		control_event(daemon->control, "keyframe-wanted", "");
		break;
	case E2EE_ROOM_OUT:
		room_out(daemon, text);
		break;
	default:
		break;
	}
}

/* @admins: room for all names */
static struct e2ee_room_config room_config(const struct daemon *daemon,
					   const struct config *config,
					   const char **admins)
{
	size_t i;

	for (i = 0; i < config->admin_count; i++)
		admins[i] = config->admins[i];
	return (struct e2ee_room_config){
		.room = config->room,
		.dev = config->dev,
		.identity = daemon->identity,
		.trust = daemon->trust,
		.level = config->trust,
		.floor = config->floor,
		.policy = config->policy,
		.suite = config->suite,
		.epoch = daemon->kernel.epoch,
		.rsa = config->rsa,
		.admins = admins,
		.admin_count = config->admin_count,
	};
}

static int room_open(struct daemon *daemon)
{
	const char *admins[ADMINS_MAX];
	struct e2ee_room_config room = room_config(daemon, daemon->config,
						   admins);
	struct e2ee_room_ops ops = {
		.publish = room_publish,
		.listen_acks = room_listen_acks,
		.event = room_event,
	};

	e2ee_room_kernel_ops(&ops);
	return e2ee_room_new(&room, &ops, daemon, loop_now(), &daemon->room);
}

/* The broker */

/* A broker that closes each connection must not fill the log */
static void transport_told(struct daemon *daemon, bool up, const char *why)
{
	uint64_t now = loop_now();

	if (now < daemon->told_at[up] && (up || !strcmp(why, daemon->told)))
		return;
	daemon->told_at[up] = now + TELL_MS;
	if (up) {
		log_info("room %s: the others can be reached",
			 daemon->config->room);
		return;
	}
	snprintf(daemon->told, sizeof(daemon->told), "%s", why);
	log_warning("%s", why);
}

static void transport_link(void *arg, bool up, const char *why)
{
	struct daemon *daemon = arg;

	snprintf(daemon->link, sizeof(daemon->link), "%s", up ? "" : why);
	daemon->mute[0] = '\0';
	daemon->echo_at = up ? loop_now() + ECHO_MS : 0;
	transport_told(daemon, up, why);
	daemon->changed = true;
	if (daemon->room)
		e2ee_room_link(daemon->room, loop_now(), up);
}

static void transport_packet(void *arg, const struct e2ee_room_packet *packet)
{
	struct daemon *daemon = arg;

	if (daemon->room)
		e2ee_room_receive(daemon->room, loop_now(), packet);
}

/* Said once: who can send junk can fill a log with it */
static void transport_refused(void *arg, const char *reason)
{
	struct daemon *daemon = arg;

	if (daemon && !daemon->refused++)
		log_warning("room %s: something that is not a message was dropped, and more will be dropped without a line here: %s",
			    daemon->config->room, reason);
}

static void transport_ready(void *arg, uint32_t events)
{
	struct daemon *daemon = arg;

	transport_handle(daemon->transport, events);
}

static int transport_new(const struct config *config, struct daemon *daemon,
			 struct transport **transport)
{
	const struct transport_config to = {
		.url = config->url,
		.room = config->room,
		.dev = config->dev,
		.cafile = config->cafile,
		.cert = config->cert,
		.key = config->key,
		.password_file = config->password_file,
		.insecure = config->insecure,
	};
	const struct transport_ops ops = {
		.link = transport_link,
		.packet = transport_packet,
		.refused = transport_refused,
	};
	char error[E2EE_ERROR_LEN] = "";

	if (transport_open(&to, &ops, daemon, transport, error))
		return log_exit(EXIT_USELESS, "%s", error);
	return 0;
}

static int daemon_connect(struct daemon *daemon)
{
	snprintf(daemon->link, sizeof(daemon->link), "connecting to the broker");
	return transport_new(daemon->config, daemon, &daemon->transport);
}

/* The session */

static void kernel_is_found(void *arg, bool again)
{
	struct daemon *daemon = arg;
	int ret;

	daemon->changed = true;
	if (daemon->room && again)
		e2ee_room_renew(daemon->room, loop_now());
	if (daemon->room)
		return;
	ret = room_open(daemon);
	if (ret)
		daemon->code = log_exit(EXIT_AGAIN, "room %s: cannot start: %s",
					daemon->config->room, strerror(-ret));
	else
		daemon->code = daemon_connect(daemon);
	daemon->loop.done = daemon->code;
}

static void kernel_happened(void *arg, const struct e2ee_event_info *event)
{
	struct daemon *daemon = arg;

	if (daemon->room)
		e2ee_room_kernel_event(daemon->room, loop_now(), event);
}

/* The operator */

static void daemon_status(void *arg, struct status *status)
{
	struct daemon *daemon = arg;

	status->config = daemon->config;
	status->alarm = daemon->alarm;
	status->counters = daemon->room;
	status->since = daemon->since;
	status->refused = daemon->refused;
	if (!daemon->kernel.up)
		status->waiting = *daemon->kernel.why ? daemon->kernel.why :
				  "looking for the session";
	else if (*daemon->link)
		status->waiting = daemon->link;
	if (daemon->room)
		e2ee_room_status(daemon->room, loop_now(), &status->room);
	if (!status->waiting && *daemon->mute && !status->room.link)
		status->waiting = daemon->mute;
	/* The room's keys went with the session, which it cannot know */
	if (!daemon->kernel.up)
		status->room.encrypted = false;
}

static void daemon_leaving(void *arg)
{
	struct daemon *daemon = arg;

	notify("STOPPING=1");
	daemon->leaving = true;
	daemon->deadline = loop_now() + LEAVE_MS;
	if (!daemon->room)
		daemon->loop.done = true;
}

static struct json_object *daemon_ask(void *arg, struct json_object *ask)
{
	struct daemon *daemon = arg;
	const struct command_target target = {
		.room = daemon->room,
		.status = daemon_status,
		.leaving = daemon_leaving,
		.arg = daemon,
	};

	return command_run(&target, ask);
}

/* Asked to leave again, a room waits for nobody, and is over at once */
static void daemon_leave_now(struct daemon *daemon)
{
	if (daemon->room && !daemon->out)
		e2ee_room_leave(daemon->room, loop_now());
	daemon->loop.done = true;
}

/* The configuration is read again */

__attribute__((format(printf, 2, 3)))
static void daemon_alarm(struct daemon *daemon, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(daemon->alarm, sizeof(daemon->alarm), format, args);
	va_end(args);
	log_warning("room %s: %s", daemon->config->room, daemon->alarm);
	control_event(daemon->control, "alarm", daemon->alarm);
}

static bool same_broker(const struct config *a, const struct config *b)
{
	return !strcmp(a->url, b->url) && !strcmp(a->cafile, b->cafile) &&
	       !strcmp(a->cert, b->cert) && !strcmp(a->key, b->key) &&
	       !strcmp(a->password_file, b->password_file) &&
	       a->insecure == b->insecure;
}

static void daemon_reconnect(struct daemon *daemon, struct transport *new)
{
	struct transport *old = daemon->transport;

	loop_watch(&daemon->loop, &daemon->transport_source, -1, 0);
	transport_link(daemon, false, "connecting to another broker");
	daemon->transport = new;
	transport_close(old);
	transport_listen_acks(new, daemon->acks);
}

static int room_configure(struct daemon *daemon, const struct config *config)
{
	const char *admins[ADMINS_MAX];
	struct e2ee_room_config room = room_config(daemon, config, admins);
	int ret = e2ee_room_configure(daemon->room, loop_now(), &room);

	return ret ? log_exit(EXIT_AGAIN, "%s", strerror(-ret)) : 0;
}

/* All that can fail comes first: the new configuration holds as a whole, or not */
static int daemon_configure(struct daemon *daemon, const struct config *config)
{
	struct transport *new = NULL;
	int ret = 0;

	if (daemon->transport && !same_broker(config, daemon->config))
		ret = transport_new(config, daemon, &new);
	if (!ret && daemon->room)
		ret = room_configure(daemon, config);
	if (ret) {
		transport_close(new);
		return ret;
	}
	*daemon->config = *config;
	if (new)
		daemon_reconnect(daemon, new);
	return 0;
}

/* What is wrong with the new configuration leaves the old one in force */
static void daemon_reload(struct daemon *daemon)
{
	struct config *new = calloc(1, sizeof(*new));
	char kept[E2EE_ERROR_LEN] = "";
	int code;

	if (!new) {
		daemon_alarm(daemon, "no memory to read the configuration");
		return;
	}
	notify("RELOADING=1");
	code = config_again(daemon->config, new, kept);
	if (!code)
		code = daemon_check(new);
	if (!code)
		code = daemon_configure(daemon, new);
	daemon->alarm[0] = '\0';
	if (code)
		daemon_alarm(daemon, "the configuration stays as it was: %s",
			     log_reason());
	else if (*kept)
		daemon_alarm(daemon, "e2eed has to be restarted to change: %s",
			     kept);
	else
		log_notice("room %s: the configuration was read again",
			   daemon->config->room);
	free(new);
	daemon->changed = true;
	notify("READY=1");
}

/* Stopping the unit is leaving the room. Asked twice, it ends at once. */
static void daemon_signal(void *arg, int number)
{
	struct daemon *daemon = arg;

	if (number == SIGHUP) {
		if (!daemon->leaving && !daemon->out)
			daemon_reload(daemon);
		return;
	}
	if (daemon->leaving) {
		daemon_leave_now(daemon);
		return;
	}
	daemon_leaving(daemon);
	if (daemon->room)
		e2ee_room_leave(daemon->room, loop_now());
}

/* Time, and what is looked at after all that happens */

static void daemon_changed(struct daemon *daemon)
{
	struct status *status = calloc(1, sizeof(*status));
	char line[E2EE_ERROR_LEN];

	daemon->changed = false;
	if (!status)
		return;
	daemon_status(daemon, status);
	if (!status->room.encrypted)
		daemon->since = 0;
	else if (!daemon->since)
		daemon->since = time(NULL);
	status_line(status, line, sizeof(line));
	notify("STATUS=%s", line);
	free(status);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t transport_tick_all(struct daemon *daemon, uint64_t now)
{
	uint32_t events = 0;
	uint64_t next;
	int fd;

	if (!daemon->transport)
		return UINT64_MAX;
	next = transport_tick(daemon->transport, now);
	fd = transport_fd(daemon->transport, &events);
	loop_watch(&daemon->loop, &daemon->transport_source, fd, events);
	return next;
}

static void daemon_end(struct daemon *daemon, uint64_t now)
{
	bool late = now >= daemon->deadline;

	if (daemon->out && (late || !transport_pending(daemon->transport)))
		daemon->loop.done = true;
	if (!daemon->out && daemon->leaving && late) {
		if (!daemon->room || !e2ee_room_over(daemon->room))
			log_warning("room %s: leaving takes too long; the others will notice the silence",
				    daemon->config->room);
		daemon_leave_now(daemon);
	}
	if (daemon->kernel.fatal) {
		daemon->code = EXIT_USELESS;
		daemon->loop.done = true;
	}
}

/* MQTT 3.1.1 has no word for a message that a user must not publish either */
static void daemon_echo(struct daemon *daemon)
{
	bool lines = !strncmp(daemon->config->url, "stdio:", 6);
	struct status *status = calloc(1, sizeof(*status));

	daemon->echo_at = 0;
	if (!status)
		return;
	daemon_status(daemon, status);
	if (daemon->room && !status->room.link) {
		snprintf(daemon->mute, sizeof(daemon->mute),
			 "this device does not get its own messages back: %s%s%s",
			 lines ? "each line has to reach all devices, the sender too" :
			 "at the broker, let it read and write e2ee/1/",
			 lines ? "" : daemon->config->room, lines ? "" : "/#");
		log_warning("%s", daemon->mute);
		daemon->changed = true;
	}
	free(status);
}

static uint64_t daemon_tick(void *arg, uint64_t now)
{
	const char *woken;
	struct daemon *daemon = arg;
	uint64_t next;

	woken = wake_check(&daemon->wake);
	if (woken && daemon->room) {
		log_notice("%s: joining again", woken);
		e2ee_room_renew(daemon->room, now);
	}
	next = kernel_tick(&daemon->kernel, now);
	if (daemon->room)
		next = sooner(next, e2ee_room_timer(daemon->room, now));
	next = sooner(next, transport_tick_all(daemon, now));
	if (daemon->echo_at && now >= daemon->echo_at)
		daemon_echo(daemon);
	if (daemon->echo_at)
		next = sooner(next, daemon->echo_at);
	if (daemon->changed)
		daemon_changed(daemon);
	if (daemon->leaving || daemon->out)
		next = sooner(next, daemon->deadline);
	daemon_end(daemon, now);
	return next;
}

static int identity_open(const struct config *config,
			 struct e2ee_identity **identity, char *error)
{
	return e2ee_identity_load_state(config->identity,
					*config->state ? config->state : NULL,
					identity, error);
}

int daemon_check(const struct config *config)
{
	struct e2ee_identity *identity = NULL;
	struct transport *transport = NULL;
	char error[E2EE_ERROR_LEN] = "";
	struct e2ee_trust *trust;
	int code;

	if (identity_open(config, &identity, error) ||
	    e2ee_trust_open(config->trust_store, &trust, error)) {
		e2ee_identity_free(identity);
		return log_exit(EXIT_USELESS, "%s", error);
	}
	e2ee_trust_close(trust);
	e2ee_identity_free(identity);
	/* Who only asks has not connected stdin and stdout to anything yet */
	if (!strncmp(config->url, "stdio:", 6))
		return 0;
	code = transport_new(config, NULL, &transport);
	transport_close(transport);
	return code;
}

static int daemon_open(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	char error[E2EE_ERROR_LEN] = "";
	int ret;

	ret = loop_open(&daemon->loop);
	if (ret)
		return log_exit(EXIT_AGAIN, "event loop: %s", strerror(-ret));
	if (identity_open(config, &daemon->identity, error) ||
	    e2ee_trust_open(config->trust_store, &daemon->trust, error) ||
	    control_open(&daemon->control, &daemon->loop, config->room,
			 daemon_ask, daemon, error))
		return log_exit(EXIT_USELESS, "%s", error);
	wake_open(&daemon->wake, &daemon->loop);
	kernel_open(&daemon->kernel, &daemon->loop, config->session);
	daemon->transport_source =
		(struct loop_source){ transport_ready, daemon, -1, 0 };
	return 0;
}

static void daemon_close(struct daemon *daemon)
{
	e2ee_room_free(daemon->room);
	transport_close(daemon->transport);
	control_close(daemon->control);
	kernel_close(&daemon->kernel);
	wake_close(&daemon->wake, &daemon->loop);
	e2ee_trust_close(daemon->trust);
	e2ee_identity_free(daemon->identity);
	loop_close(&daemon->loop);
}

/*
 * The end of a call that was meant leaves nothing to send with in the kernel.
 * @halted: the kernel refused the policy that the room has to be left with, and
 * was not waited for any longer.
 */
static int daemon_code(const struct daemon *daemon, bool halted)
{
	bool meant = daemon->code == EXIT_LEFT || daemon->code == EXIT_ENDED;

	if ((meant || halted) && kernel_leave(daemon->config->session, halted))
		return EXIT_USELESS;
	return daemon->code;
}

int daemon_run(struct daemon *daemon, struct config *config)
{
	bool halted;
	int ret;

	daemon->config = config;
	daemon->loop.tick = daemon_tick;
	daemon->loop.signal = daemon_signal;
	daemon->loop.arg = daemon;
	daemon->kernel.found = kernel_is_found;
	daemon->kernel.event = kernel_happened;
	daemon->kernel.arg = daemon;
	daemon->code = daemon_open(daemon);
	if (daemon->code)
		return daemon->code;
	notify("READY=1");
	ret = loop_run(&daemon->loop);
	if (ret)
		daemon->code = log_exit(EXIT_AGAIN, "event loop: %s",
					strerror(-ret));
	halted = daemon->room && !daemon->out && !daemon->code;
	if (halted)
		daemon->code = over_code(e2ee_room_over(daemon->room));
	daemon_close(daemon);
	return daemon_code(daemon, halted);
}
