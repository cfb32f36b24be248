/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a room asks of the kernel of its device; see struct e2ee_room_ops. @arg is
 * the node.
 */
#ifndef TESTS_WORLD_KERNEL_H
#define TESTS_WORLD_KERNEL_H

#include "world.h"

int kernel_key_new(void *arg, const struct e2ee_key *keys, size_t count);
int kernel_key_del(void *arg, const struct e2ee_key *keys, size_t count);
int kernel_key_list(void *arg, e2ee_key_cb cb, void *cb_arg);
int kernel_use_epoch(void *arg, uint32_t epoch, bool force);
int kernel_set_policy(void *arg, uint32_t policy);
int kernel_get_policy(void *arg, uint32_t *policy);

#endif /* TESTS_WORLD_KERNEL_H */
