/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RSA keys made ahead, by a thread: making one takes seconds, and a room must
 * not keep its caller waiting for as long.
 */
#ifndef E2EE_LIB_FORGE_H
#define E2EE_LIB_FORGE_H

#include <openssl/evp.h>

#define E2EE_RSA_BITS	3072

struct e2ee_forge;

/* Begins at once. -ENOMEM, -EAGAIN: no thread */
int e2ee_forge_new(struct e2ee_forge **forge);
/* Does not wait for a key to be finished; wipes those that are. NULL is fine */
void e2ee_forge_free(struct e2ee_forge *forge);
/* The keys that are ready, and the one in the making, are not to be used */
void e2ee_forge_forget(struct e2ee_forge *forge);
/*
 * The next key, the caller's from then on; another one is begun. Waits where
 * none is ready: at the beginning, and for one who takes them faster than they
 * are made. NULL: OpenSSL failed
 */
EVP_PKEY *e2ee_forge_take(struct e2ee_forge *forge);

#endif /* E2EE_LIB_FORGE_H */
