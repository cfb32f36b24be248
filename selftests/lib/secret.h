/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys whose bytes memory is searched for. This program has them only masked, but
 * for the moment in which it installs them.
 */
#ifndef E2EE_TEST_SECRET_H
#define E2EE_TEST_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "netlink.h"

#define SECRET_KID	4321	/* and the SSRC */

struct secret {			/* masked */
	uint8_t key[32];
	uint8_t salt[12];
};

void secret_make(struct secret *secret);
/* Masks @len bytes, or unmasks them. */
void secret_mask(void *to, const void *from, size_t len);
void secret_wipe(void *data, size_t len);

/* Nothing is left of the request, which has the key plain. -errno */
int secret_install(struct nl *nl, uint32_t session, uint32_t dir,
		   const struct secret *secret);
int secret_uninstall(struct nl *nl, uint32_t session, uint32_t dir);

#endif /* E2EE_TEST_SECRET_H */
