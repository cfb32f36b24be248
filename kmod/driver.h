/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Drivers of AES-GCM: loaded by work items, and kept for those who use them.
 */
#ifndef E2EE_DRIVER_H
#define E2EE_DRIVER_H

#include <linux/types.h>

struct e2ee_aead;
struct e2ee_driver;
struct e2ee_net;
struct e2ee_refusal;

/* process context, under struct e2ee_net.lock */
int e2ee_driver_find(struct e2ee_net *enet, const char *name,
		     struct e2ee_driver **found, struct e2ee_refusal *why);
int e2ee_driver_key(struct e2ee_driver *driver, struct e2ee_aead *aead,
		    const u8 *key, unsigned int key_len,
		    struct e2ee_refusal *why);

/* process context, sleeps */
void e2ee_driver_put(struct e2ee_driver *driver);

/* init and exit */
int e2ee_driver_init(void);
void e2ee_driver_exit(void);

#endif /* E2EE_DRIVER_H */
