/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of every AEAD key that ever sent, kept until unload and across
 * namespaces, so that no nonce returns (RFC 9605, section 9.1).
 */
#ifndef E2EE_DIGEST_H
#define E2EE_DIGEST_H

#include <linux/types.h>

struct e2ee_digest;
struct e2ee_key_param;
struct e2ee_refusal;
struct user_namespace;

u64 e2ee_digest_of(const u8 *secret, u32 len);

/* process context */
u32 e2ee_digest_count(const struct user_namespace *user_ns, u32 *max);
struct e2ee_digest *e2ee_digest_use(u64 digest,
				    const struct e2ee_key_param *param,
				    const struct user_namespace *user_ns,
				    struct e2ee_refusal *why);
void e2ee_digest_release(struct e2ee_digest *kept, u64 first, u64 next);
int e2ee_digest_init(void);
void e2ee_digest_exit(void);

#endif /* E2EE_DIGEST_H */
