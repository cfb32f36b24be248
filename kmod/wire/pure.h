/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of this folder need from the kernel or from the host. They
 * take no lock, allocate nothing and know no sk_buff, so that the same text
 * compiles into the module, into the host's unit tests and into fuzzers.
 */
#ifndef E2EE_PURE_H
#define E2EE_PURE_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/limits.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/bitops.h>
#include <asm/barrier.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <linux/types.h>

typedef __s16 s16;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define READ_ONCE(x)	__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value)	__atomic_store_n(&(x), value, __ATOMIC_RELAXED)
#define U64_MAX		(~(u64)0)
#define BITS_PER_LONG	((unsigned int)(8 * sizeof(long)))

/* Number of the highest bit set, from 1; 0 if there is none */
static inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}
#endif

/* For readers without the lock, where a u64 is read and written at once */
#if defined(__KERNEL__) && defined(CONFIG_64BIT)
/* the barrier is the caller's, who says what for */
#define e2ee_load_acquire(p)		smp_load_acquire(p)
/* the same */
#define e2ee_store_release(p, value)	smp_store_release(p, value)
#else
#define e2ee_load_acquire(p)		(*(p))
#define e2ee_store_release(p, value)	(*(p) = (value))
#endif

/*
 * Numbers in network byte order at any address. Byte by byte, because the
 * kernel's own get_unaligned() moved to another header between the supported
 * versions; compilers make one load of it all the same.
 */
static inline u16 e2ee_get_be16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static inline u32 e2ee_get_be24(const u8 *p)
{
	return (u32)p[0] << 16 | (u32)p[1] << 8 | p[2];
}

static inline u32 e2ee_get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | e2ee_get_be24(p + 1);
}

static inline u64 e2ee_get_be64(const u8 *p)
{
	return (u64)e2ee_get_be32(p) << 32 | e2ee_get_be32(p + 4);
}

static inline void e2ee_put_be16(u8 *p, u16 value)
{
	p[0] = (u8)(value >> 8);
	p[1] = (u8)value;
}

static inline void e2ee_put_be64(u8 *p, u64 value)
{
	e2ee_put_be16(p, (u16)(value >> 48));
	e2ee_put_be16(p + 2, (u16)(value >> 32));
	e2ee_put_be16(p + 4, (u16)(value >> 16));
	e2ee_put_be16(p + 6, (u16)value);
}

#endif /* E2EE_PURE_H */
