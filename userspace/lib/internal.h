/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libe2ee share. Nothing here is exported.
 */
#ifndef E2EE_LIB_INTERNAL_H
#define E2EE_LIB_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <e2ee/e2ee.h>

#define E2EE_ERROR_TEXT		512
/* How long a request is repeated that the kernel wants to be asked again, ms */
#define E2EE_PATIENCE		5000
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

struct e2ee_ctx {
	struct nl_sock *genl;
	struct nl_sock *events;		/* NULL until subscribed */
	struct nl_sock *diag;		/* NULL until used */
	int family;
	int netns;			/* descriptor, -1: the caller's own */
	bool refused;			/* the last error is the kernel's answer */
	int64_t patience;		/* ms; see e2ee_set_patience() */
	char error[E2EE_ERROR_TEXT];
};

/* How an attribute's payload and a member of a structure go together */
enum field_kind {
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_STRING,
	FIELD_BINARY,			/* exactly size bytes */
	FIELD_BYTES,			/* up to size bytes, length beside it */
	FIELD_FLAG,			/* uint32_t, 1 if there */
	FIELD_STATS,
};

struct field {
	const char *name;
	uint8_t attr;
	uint8_t kind;
	uint16_t offset;
	uint16_t size;
	uint16_t len_offset;		/* FIELD_BYTES: a uint32_t */
};

/* A nest of the top level, and the structure that mirrors it */
struct table {
	const char *name;
	const struct field *fields;
	size_t count;
	uint16_t attr;
	uint16_t has_offset;
};

extern const struct table e2ee_session_table;
extern const struct table e2ee_key_table;
extern const struct table e2ee_socket_table;
extern const struct table e2ee_guard_table;
extern const struct table e2ee_event_table;
extern const struct table e2ee_info_table;

/* attr.c */
int e2ee_pack(struct nl_msg *msg, const struct table *table,
	      const void *object, uint64_t mask);
int e2ee_unpack(const struct nlmsghdr *nlh, const struct table *table,
		void *object);
void e2ee_attr_name(const struct nlmsghdr *nlh, size_t offset, char *text,
		    size_t size);
void e2ee_attr_missing(const struct nlmsghdr *nlh, size_t nest, uint32_t type,
		       char *text, size_t size);

/* ctx.c */
#define e2ee_fail(ctx, err, ...) \
	(e2ee_set_error(ctx, __VA_ARGS__), -(err))
void e2ee_set_error(struct e2ee_ctx *ctx, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int e2ee_unresolved(struct e2ee_ctx *ctx);
int e2ee_connect(struct e2ee_ctx *ctx, int protocol, struct nl_sock **sk);
struct nl_msg *e2ee_message(struct e2ee_ctx *ctx, uint8_t cmd, size_t size);
void e2ee_message_free(struct nl_msg *msg);

/* request.c */
typedef int (*e2ee_answer_cb)(const struct nlmsghdr *nlh, void *arg);
void e2ee_explain(struct e2ee_ctx *ctx, const struct nlmsghdr *request,
		  const struct nlmsghdr *answer, int error);
int e2ee_send(struct e2ee_ctx *ctx, struct nl_sock *sk, struct nl_msg *msg);
int e2ee_do(struct e2ee_ctx *ctx, struct nl_msg *msg,
	    const struct table *table, void *object);
int e2ee_dump(struct e2ee_ctx *ctx, struct nl_sock *sk, struct nl_msg *msg,
	      e2ee_answer_cb cb, void *arg);

/* session.c */
int e2ee_list(struct e2ee_ctx *ctx, uint8_t cmd,
	      const struct e2ee_session *session, e2ee_answer_cb cb, void *arg);
int e2ee_pack_session_ref(struct nl_msg *msg,
			  const struct e2ee_session *session);

#define E2EE_SESSION_REF \
	(E2EE_HAS(E2EE_A_SESSION_ID) | E2EE_HAS(E2EE_A_SESSION_NAME))

#endif /* E2EE_LIB_INTERNAL_H */
