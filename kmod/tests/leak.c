// SPDX-License-Identifier: GPL-2.0
/*
 * Loses memory when it is loaded: a kmemleak that does not find it is off, or
 * blind, and what it does not find elsewhere proves nothing.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/slab.h>

/* One may be found by chance in a register, on a stack: not each of them */
#define LEAK_COUNT	16
#define LEAK_SIZE	48

/* Not __init: its name is what kmemleak shows long after */
static noinline int leak_lose(void)
{
	void *lost;
	int i;

	for (i = 0; i < LEAK_COUNT; i++) {
		lost = kmalloc(LEAK_SIZE, GFP_KERNEL);
		if (!lost)
			return -ENOMEM;
		OPTIMIZER_HIDE_VAR(lost);
	}
	return 0;
}

static int __init leak_init(void)
{
	return leak_lose();
}

/* Without it, it could not be unloaded; what is lost stays lost */
static void __exit leak_exit(void)
{
}

module_init(leak_init);
module_exit(leak_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Loses memory on purpose, to be found");
