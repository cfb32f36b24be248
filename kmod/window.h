/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replay windows: one for each pair of a receiving key and a socket, so that
 * multicast and several sockets of one session work.
 */
#ifndef E2EE_WINDOW_H
#define E2EE_WINDOW_H

#include <linux/types.h>

struct e2ee_history;
struct e2ee_key;
struct e2ee_net;
struct e2ee_session;
struct e2ee_socket;
struct e2ee_window;

/* softirq or process context, under rcu_read_lock() */
struct e2ee_window *e2ee_window_find(const struct e2ee_key *key,
				     const struct e2ee_socket *socket);
u64 e2ee_window_next(const struct e2ee_key *key);

/* bottom halves off, under rcu_read_lock() */
bool e2ee_window_check(const struct e2ee_key *key, struct e2ee_window *window,
		       u64 ctr);
int e2ee_window_accept(struct e2ee_key *key, struct e2ee_socket *socket,
		       const struct e2ee_session *session,
		       struct e2ee_window *window, u64 ctr);

/* any context but hard interrupt */
u64 e2ee_window_packets(const struct e2ee_key *key);
u64 e2ee_window_close(struct e2ee_key *key);
void e2ee_window_free_socket(struct e2ee_socket *socket);

/* process context */
struct e2ee_history *e2ee_history_new(struct e2ee_net *enet, u32 size, u64 ctr);
struct e2ee_history *e2ee_history_get(struct e2ee_history *history);
void e2ee_history_put(struct e2ee_history *history);

/* init and exit */
int e2ee_window_init(void);
void e2ee_window_exit(void);

#endif /* E2EE_WINDOW_H */
