/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool of RSA keys that a thread makes in advance: to make one takes seconds, and a
 * room must not keep its caller waiting for as long.
 */
#ifndef E2EE_LIB_KEYPOOL_H
#define E2EE_LIB_KEYPOOL_H

#include <openssl/evp.h>

#define E2EE_RSA_BITS	3072

struct e2ee_keypool;

/* Begins at once. -ENOMEM, -EAGAIN: no thread */
int e2ee_keypool_new(struct e2ee_keypool **keypool);
/* Does not wait for a key to be finished; wipes those that are. NULL is fine */
void e2ee_keypool_free(struct e2ee_keypool *keypool);
/* The keys that are ready, and the one in the making, are not to be used */
void e2ee_keypool_forget(struct e2ee_keypool *keypool);
/*
 * The next key, the caller's from then on; another one is begun. Waits where
 * none is ready: at the beginning, and for one who takes them faster than they
 * are made. NULL: OpenSSL failed
 */
EVP_PKEY *e2ee_keypool_take(struct e2ee_keypool *keypool);

#endif /* E2EE_LIB_KEYPOOL_H */
