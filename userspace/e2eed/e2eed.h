/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of e2eed share.
 */
#ifndef E2EED_H
#define E2EED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <e2ee/e2ee.h>
#include <e2ee/identity.h>
#include <e2ee/room.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

struct json_object;

/* systemd starts it again after none of them but EXIT_AGAIN */
enum exit_code {
	EXIT_LEFT = 0,			/* the operator left or ended the call */
	EXIT_USELESS = 1,		/* configuration, identity, rights */
	EXIT_USAGE = 2,			/* the command line */
	EXIT_AGAIN = 3,			/* the system failed: memory, descriptors */
	EXIT_ENDED = 4,			/* the owner ended the call for all */
	EXIT_REMOVED = 5,		/* put out of the room */
	EXIT_ELSEWHERE = 6,		/* the identity is in use elsewhere */
};

/* log.c: one line each to stderr, with the priority that systemd understands */
enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
};

void log_line(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
#define log_err(...)	log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	log_line(LOG_LEVEL_INFO, __VA_ARGS__)
/* Prints text to stderr and returns the code */
int log_exit(enum exit_code code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What log_exit() said last */
const char *log_reason(void);

/* config.c: the command line and the file */
#define CONFIG_PATH	256
#define ADMINS_MAX	64

/**
 * struct config - what e2eed was told
 * @url: of the room
 * @room: its name, the last part of @url
 * @config: file that was read; ""
 * @state: folder for the number of @identity; "": the number is beside it
 * @admins: @admin_count names
 * @check: say whether it is good, and end
 * @stop_sending: delete the session's tx keys, and end
 * @argc: of the command line, which is read again with the file
 * @argv: the command line
 *
 * Paths are "" if they are not given, and were not defaulted.
 */
struct config {
	char url[CONFIG_PATH];
	char room[E2EE_NAME_MAX + 1];
	char config[CONFIG_PATH];
	char session[E2EE_SESSION_NAME_MAX + 1];
	char dev[E2EE_NAME_MAX + 1];
	char identity[CONFIG_PATH];
	char state[CONFIG_PATH];
	char trust_store[CONFIG_PATH];
	char cafile[CONFIG_PATH];
	char cert[CONFIG_PATH];
	char key[CONFIG_PATH];
	char password_file[CONFIG_PATH];
	char admins[ADMINS_MAX][E2EE_NAME_MAX + 1];
	size_t admin_count;
	enum e2ee_trust_level trust;
	uint32_t floor;
	uint32_t policy;
	uint32_t suite;
	bool rsa;
	bool insecure;
	bool debug_core;
	bool check;
	bool stop_sending;
	int argc;
	char **argv;
};

/* Returns 0, -1: done (help, version), or an exit code; one line says why */
int config_read(struct config *config, int argc, char **argv);
/*
 * Reads @config's file and command line again, into @new. What must not change
 * while e2eed runs is taken from @config; @kept, E2EE_ERROR_LEN bytes, gets the
 * names of such options that differ. Returns 0 or an exit code.
 */
int config_again(const struct config *config, struct config *new, char *kept);

/* loop.c: what is waited for. A handler may change any source, its own too. */
struct loop_source {
	void (*ready)(void *arg, uint32_t events);
	void *arg;
	int fd;				/* -1: not watched */
	uint32_t events;
};

struct loop {
	int epoll;
	struct loop_source timer;
	struct loop_source signals;
	uint64_t (*tick)(void *arg, uint64_t now);
	void (*signal)(void *arg, int number);
	void *arg;
	uint64_t alarm;			/* of the timer */
	bool done;
};

uint64_t loop_now(void);
/*
 * From now on no signal ends the process as if all were well: those of the loop
 * wait for it, and those without a meaning here do nothing.
 */
void loop_signals_hold(void);
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);
/* Watches @fd, in place of what the source watched; -1: nothing. Cheap. */
int loop_watch(struct loop *loop, struct loop_source *source, int fd,
	       uint32_t events);
/* Until @done. After all that happens tick is called, which says when again. */
int loop_run(struct loop *loop);

/* wake.c: whether the machine slept, or is a copy of what it was */
struct wake {
	int64_t ahead;			/* CLOCK_BOOTTIME before CLOCK_MONOTONIC */
	struct loop_source uevents;
	bool copied;
};

void wake_open(struct wake *wake, struct loop *loop);
void wake_close(struct wake *wake, struct loop *loop);
/* NULL, or what happened since it was asked last */
const char *wake_check(struct wake *wake);

/**
 * struct kernel - the session of the kernel
 * @target: what the room writes its keys to; has to be first
 * @epoch: that it sends with
 * @up: it is there
 * @why: it is not; one line
 * @found: told when it is there; @again: it is another one than before
 * @event: of the session
 * @fatal: waiting is useless: @why
 */
struct kernel {
	struct e2ee_room_kernel target;
	struct loop *loop;
	struct loop_source events;
	char name[E2EE_SESSION_NAME_MAX + 1];
	void (*found)(void *arg, bool again);
	void (*event)(void *arg, const struct e2ee_event_info *event);
	void *arg;
	uint64_t check;			/* when to look at it */
	uint64_t pause;
	uint32_t epoch;
	bool up;
	bool seen;
	bool lost;			/* what is found next is another one */
	bool fatal;
	char why[E2EE_ERROR_LEN];
};

void kernel_open(struct kernel *kernel, struct loop *loop, const char *session);
void kernel_close(struct kernel *kernel);
/* Looks if it is time; returns when it is next */
uint64_t kernel_tick(struct kernel *kernel, uint64_t now);
/* For a unit that runs when e2eed is dead for good. Exit code */
int kernel_stop_sending(const char *session);
/*
 * The room is over: has the session anything left to send with? Deletes it, with
 * one line to the log if that fails. @require: only under the policy required,
 * which is set first. Return: 0 or a negative errno.
 */
int kernel_leave(const char *session, bool require);

/* status.c: the room in one look */
struct status {
	struct e2ee_room_status room;
	const struct config *config;
	const char *alarm;		/* of e2eed's own; "" */
	const struct e2ee_room *counters;	/* NULL: no room yet */
	const char *waiting;		/* for module, session, broker; NULL */
	time_t since;			/* encrypted; 0: it is not */
	uint64_t refused;		/* by the transport */
};

/* NULL: no memory. To be put. */
struct json_object *status_json(const struct status *status);
/* One line for people */
void status_line(const struct status *status, char *text, size_t size);

/* control.c: the socket that e2eectl talks to */
struct control;

/* Answers requests: a new object, or NULL for want of memory */
typedef struct json_object *(*control_cb)(void *arg, struct json_object *ask);

/* @error: E2EE_ERROR_LEN bytes. -EADDRINUSE: another e2eed has the room */
int control_open(struct control **control, struct loop *loop, const char *room,
		 control_cb cb, void *arg, char *error);
void control_close(struct control *control);
/* To those that asked to watch */
void control_event(struct control *control, const char *name, const char *text);

/* command.c: what is asked for through it */
struct command_target {
	struct e2ee_room *room;		/* NULL: not yet */
	void (*status)(void *arg, struct status *status);
	void (*leaving)(void *arg);
	void *arg;
};

struct json_object *command_run(const struct command_target *target,
				struct json_object *ask);

/* notify.c: systemd's protocol; nothing happens without systemd */
void notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* harden.c. Exit code; what is merely better than nothing is tried. */
int harden_memory(bool debug_core);
int harden_rights(void);

#endif /* E2EED_H */
