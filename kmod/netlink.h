/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generic netlink: what its files share.
 */
#ifndef E2EE_NETLINK_H
#define E2EE_NETLINK_H

#include <net/genetlink.h>
#include <linux/e2ee.h>

struct e2ee_guard;
struct e2ee_guard_param;
struct e2ee_key;
struct e2ee_key_param;
struct e2ee_net;
struct e2ee_refusal;
struct e2ee_session;
struct e2ee_session_param;
struct e2ee_socket;
struct sock;

int e2ee_netlink_init(void);
void e2ee_netlink_exit(void);

/* The rest is for netlink*.c alone. */

/**
 * struct e2ee_call - a command that is being carried out
 * @enet: namespace of the caller; its lock is held
 * @attrs: attributes of the top level, valid as to the command's policy
 * @extack: where to say why it is refused
 * @user_ns: of the caller, in which it names users
 * @info: as generic netlink gives it; NULL for a dump
 * @answer: message to fill for the caller, with room for any one object
 */
struct e2ee_call {
	struct e2ee_net *enet;
	struct nlattr **attrs;
	struct netlink_ext_ack *extack;
	struct user_namespace *user_ns;
	struct genl_info *info;
	struct sk_buff *answer;
};

extern const struct nla_policy e2ee_session_ref_policy[E2EE_A_SESSION_MAX + 1];
extern const struct nla_policy e2ee_session_new_policy[E2EE_A_SESSION_MAX + 1];
extern const struct nla_policy e2ee_session_set_policy[E2EE_A_SESSION_MAX + 1];
extern const struct nla_policy e2ee_key_id_policy[E2EE_A_KEY_MAX + 1];
extern const struct nla_policy e2ee_key_new_policy[E2EE_A_KEY_MAX + 1];
extern const struct nla_policy e2ee_key_set_policy[E2EE_A_KEY_MAX + 1];
extern const struct nla_policy e2ee_socket_ref_policy[E2EE_A_SOCKET_MAX + 1];
extern const struct nla_policy e2ee_guard_ref_policy[E2EE_A_GUARD_MAX + 1];
extern const struct nla_policy e2ee_guard_new_policy[E2EE_A_GUARD_MAX + 1];

/* netlink_parse.c: headers and nests of a request */
int e2ee_parse_header(const struct nlmsghdr *nlh,
		      struct netlink_ext_ack *extack);
int e2ee_parse_refuse(const struct e2ee_call *call, const struct nlattr *nest,
		      const struct e2ee_refusal *why, int err);
int e2ee_parse_session(const struct e2ee_call *call,
		       struct e2ee_session **session);
int e2ee_parse_session_param(const struct e2ee_call *call, bool is_new,
			     struct e2ee_session_param *param);
int e2ee_parse_has_key(const struct e2ee_call *call);
int e2ee_parse_key(const struct e2ee_call *call, const struct nlattr *nest,
		   struct e2ee_key_param *param);
int e2ee_parse_key_new(const struct e2ee_call *call, const struct nlattr *nest,
		       struct e2ee_key_param *param);
int e2ee_parse_socket(const struct e2ee_call *call, struct sock **sk);
int e2ee_parse_guard(const struct e2ee_call *call, struct e2ee_guard **guard);
int e2ee_parse_guard_param(const struct e2ee_call *call,
			   struct e2ee_guard_param *param);

/* netlink_put.c: nests of an answer */
int e2ee_put_session(struct sk_buff *skb, struct e2ee_session *session);
int e2ee_put_session_ref(struct sk_buff *skb,
			 const struct e2ee_session *session);
int e2ee_put_key(struct sk_buff *skb, struct e2ee_key *key);
int e2ee_put_socket(struct sk_buff *skb, const struct e2ee_socket *socket,
		    struct user_namespace *user_ns);
int e2ee_put_socket_ref(struct sk_buff *skb, const struct e2ee_socket *socket);
int e2ee_put_guard(struct sk_buff *skb, const struct e2ee_guard *guard,
		   struct user_namespace *user_ns);
int e2ee_put_guard_ref(struct sk_buff *skb, const struct e2ee_guard *guard);
int e2ee_put_info(struct sk_buff *skb, const struct e2ee_net *enet);

/* netlink_get.c: reading commands */
int e2ee_session_get_doit(struct e2ee_call *call);
int e2ee_key_get_doit(struct e2ee_call *call);
int e2ee_socket_get_doit(struct e2ee_call *call);
int e2ee_guard_get_doit(struct e2ee_call *call);
int e2ee_info_get_doit(struct e2ee_call *call);
int e2ee_dump_start(struct netlink_callback *cb);
int e2ee_session_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int e2ee_key_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int e2ee_socket_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int e2ee_guard_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* E2EE_NETLINK_H */
