/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of e2eectl share.
 */
#ifndef E2EECTL_H
#define E2EECTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <e2ee/e2ee.h>
#include <e2ee/identity.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

struct json_object;

/* As iproute2's */
enum exit_code {
	EXIT_GOOD = 0,
	EXIT_USAGE = 1,			/* syntax, files, things of this side */
	EXIT_KERNEL = 2,		/* the kernel or e2eed refused, or is not there */
};

/* out.c: what is printed, as text or JSON, by the same calls */
#define OUT_DEPTH	8

struct out {
	bool json;
	bool begun;			/* text: the line has a word already */
	bool quoted;			/* text: as words of a command */
	bool unquotable;		/* one of them cannot be such a word */
	unsigned int indent;
	unsigned int depth;
	struct json_object *stack[OUT_DEPTH];
};

void out_list(struct out *out, const char *key);
void out_list_end(struct out *out);
void out_record(struct out *out);
void out_record_end(struct out *out);
void out_group(struct out *out, const char *key);
void out_group_end(struct out *out);
void out_u64(struct out *out, const char *key, uint64_t value);
void out_str(struct out *out, const char *key, const char *value);
void out_str_as(struct out *out, const char *key, const char *label,
		const char *value);
void out_flag(struct out *out, const char *key);
void out_addr(struct out *out, const char *key, const struct e2ee_addr *addr,
	      bool with_port);
void out_stats(struct out *out, const char *key, const struct e2ee_stats *stats,
	       bool zeros);

struct app {
	struct e2ee_ctx *ctx;		/* NULL until a command needs it */
	const char *netns;
	const char *room;		/* NULL: the only one that runs */
	const char *batch;		/* file, NULL: no batch */
	const char *file;		/* that is being read, and the line */
	unsigned int line;		/* of it; 0: none is being read */
	bool force;
	struct out out;
};

/* app.c: connection and errors; both kinds print one line, return the code */
int app_open(struct app *app);
int app_error(const struct app *app, enum exit_code code, const char *format,
	      ...) __attribute__((format(printf, 3, 4)));
int app_refused(const struct app *app);
int app_done(const struct app *app, int ret);
int app_done_new(struct app *app, int ret, const char *key, uint64_t id);

/* args.c: the words of one command */
struct args {
	struct app *app;
	const char *command;
	char **words;
	int count;
	int at;
};

/* A word of a command and what takes its values; it may come once */
struct keyword {
	const char *name;
	int (*parse)(struct args *args, const char *name, void *object);
};

const char *args_next(struct args *args);
const char *args_peek(const struct args *args);
int args_usage(const struct args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int args_end(struct args *args);
int args_open(struct args *args);
int args_value(struct args *args, const char *name, const char **value);
int args_u64(struct args *args, const char *name, uint64_t min, uint64_t max,
	     uint64_t *number);
int args_u32(struct args *args, const char *name, uint32_t min, uint32_t max,
	     uint32_t *number);
int args_keywords(struct args *args, const struct keyword *keywords,
		  size_t count, void *object);
int args_session(struct args *args, struct e2ee_session *session);
bool parse_u64(const char *text, uint64_t *number);
bool parse_port(const char *text, uint16_t *port);
bool parse_addr(const char *text, struct e2ee_addr *addr);
bool parse_addr_port(const char *text, struct e2ee_addr *addr);

/* names.c: sessions by id, for lists that hold ids only */
struct session_names {
	struct e2ee_session *sessions;
	size_t count;
};

int session_names_read(struct app *app, struct session_names *names);
void session_names_free(struct session_names *names);
const char *session_name(const struct session_names *names, uint32_t id);
void out_session(struct out *out, const struct session_names *names,
		 uint32_t id);

/* listing.c: objects, one a line, behind their session's names */
struct listing {
	struct out *out;
	struct session_names names;
};

int listing_begin(struct app *app, struct listing *listing);
void listing_line(struct listing *listing, uint32_t session);
int listing_end(struct app *app, struct listing *listing, int ret);

/* secret.c: keys from files, standard input, the kernel's keyring */
#define SECRET_MAX	4096

struct secret {
	size_t len;
	uint8_t bytes[SECRET_MAX + 1];
	int file;			/* regular file; -1: none */
	char *path;			/* of it */
};

struct mark {
	char *path;			/* NULL: nothing to undo */
	long long size;			/* before; -1: the file was not there */
};

void secret_protect(void *bytes, size_t len);
int secret_read(struct app *app, const char *source, struct secret *secret);
int secret_lock(struct app *app, const struct secret *secret);
void secret_free(struct secret *secret);
int mark_check(struct app *app, const struct secret *secret, const char *kind,
	       const struct e2ee_key *key);
int mark_write(struct app *app, const struct secret *secret, const char *kind,
	       const struct e2ee_key *key, struct mark *mark);
void mark_undo(struct mark *mark);
void mark_free(struct mark *mark);

/* One command of the table */
struct command {
	const char *name;
	int (*run)(struct args *args);
	const char *usage;
};

/* command.c */
int command_run(struct app *app, char **words, int count);
void usage_print(FILE *to);

/* lines.c: the words of a file of commands, line by line */
#define LINE_WORDS	64

struct lines {
	struct app *app;
	FILE *file;
	char *line;
	size_t size;
	unsigned int read;		/* lines so far */
};

int lines_open(struct app *app, struct lines *lines, const char *path);
bool lines_next(struct lines *lines);
int lines_words(struct lines *lines, char **words);
bool lines_close(struct lines *lines);

/* batch.c */
int batch_run(struct app *app);

/* hostconf.c: sessions and guards of a file that "e2eectl save" wrote */
#define HOSTCONF_PATH	"/etc/e2ee/host.conf"
#define HOSTCONF_VERSION	"1"

struct hostconf_session {
	struct e2ee_session session;
	unsigned int line;
};

struct hostconf_guard {
	struct e2ee_guard guard;
	char session[E2EE_SESSION_NAME_MAX + 1];
	unsigned int line;
};

struct hostconf {
	struct hostconf_session *sessions;
	size_t session_count;
	struct hostconf_guard *guards;
	size_t guard_count;
};

int hostconf_read(struct app *app, const char *path, struct hostconf *conf);
void hostconf_free(struct hostconf *conf);
bool guard_same(const struct e2ee_guard *a, const struct e2ee_guard *b);
bool session_rtx_looser(const struct e2ee_session *than,
			const struct e2ee_session *session);

/* save.c, restore.c */
int cmd_save(struct args *args);
int cmd_restore(struct args *args);

/* session.c */
int session_parse(struct args *args, struct e2ee_session *session);
int cmd_add_session(struct args *args);
int cmd_set_session(struct args *args);
int cmd_del_session(struct args *args);
int cmd_list_sessions(struct args *args);
int cmd_use_epoch(struct args *args);
void out_session_options(struct out *out, const struct e2ee_session *session);
void out_session_line(struct out *out, const struct e2ee_session *session);

/* key.c */
int cmd_add_key(struct args *args);
int cmd_set_key(struct args *args);
int cmd_del_key(struct args *args);
int cmd_list_keys(struct args *args);
void out_key_line(struct out *out, const struct e2ee_key *key);

/* socket.c */
int cmd_attach(struct args *args);
int cmd_detach(struct args *args);
int cmd_list_sockets(struct args *args);
void out_socket_line(struct out *out, const struct e2ee_socket *sock);

/* guard.c */
int guard_parse(struct args *args, struct e2ee_session *session,
		struct e2ee_guard *guard);
int cmd_add_guard(struct args *args);
int cmd_del_guard(struct args *args);
int cmd_list_guards(struct args *args);
void out_guard_rule(struct out *out, const struct e2ee_guard *guard);
void out_guard_line(struct out *out, const struct e2ee_guard *guard);

/* identity.c: who this appliance is, and whom it trusts */
int cmd_keygen(struct args *args);
int cmd_pubkey(struct args *args);
int cmd_fingerprint(struct args *args);

/* trust.c */
void state_folder_make(const char *path);
int args_path(struct args *args, const char *name, void *object);
int args_ik(struct args *args, uint8_t *ik);
void out_ik(struct out *out, const uint8_t *ik);
int cmd_trust(struct args *args);

/* show.c, monitor.c, doctor.c */
int cmd_show(struct args *args);
int cmd_stats(struct args *args);
int cmd_monitor(struct args *args);
int cmd_doctor(struct args *args);

/* ask.c: questions to e2eed */
struct json_object *room_question(const char *word);
struct json_object *room_ask(struct app *app, struct json_object *question,
			     int *code);
const char *json_text(struct json_object *object, const char *key);
bool json_flag(struct json_object *object, const char *key);
uint64_t json_number(struct json_object *object, const char *key);
struct json_object *json_list(struct json_object *object, const char *key);

/* room.c, call.c, verify.c */
struct json_object *room_status(struct app *app, int *code);
int args_dev(struct args *args, const char **dev);
int cmd_room(struct args *args);
int cmd_join(struct args *args);
int cmd_leave(struct args *args);
int cmd_end(struct args *args);
int cmd_verify(struct args *args);
int cmd_kick(struct args *args);
int cmd_lock(struct args *args);
int cmd_unlock(struct args *args);
int cmd_handover(struct args *args);
int cmd_policy(struct args *args);
int cmd_rekey(struct args *args);

#endif /* E2EECTL_H */
