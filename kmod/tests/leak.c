// SPDX-License-Identifier: GPL-2.0
/*
 * Loses memory when it is loaded, and again on each write to its parameter
 * "lost", which reads as a table of what was lost until then: size, objects. A
 * kmemleak that does not find these objects is off or blind, and what such a
 * kmemleak does not find elsewhere proves nothing.
 *
 * kmemleak takes any word that looks like the address of an object for a
 * reference to that object, and such words outlive their use: on the stacks of
 * threads, in their saved registers, in memory that is handed out again. Single
 * objects may therefore stay hidden for good. What is lost here is cleared, since
 * memory that comes from the allocator still holds the address of the next free
 * object, which is the next to be lost: one word would hide the whole chain.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#define LEAK_COUNT	32	/* of each size, each time */

/* The sizes that kmalloc() rounds up to, as far as e2ee.ko uses them */
static const unsigned short leak_sizes[] = { 64, 96, 192, 512, 1024, 2048 };
static unsigned int leak_count;

/* Not __init: its name is what kmemleak shows long after */
static noinline int leak_lose(void)
{
	void *lost;
	int i;

	for (i = 0; i < LEAK_COUNT * ARRAY_SIZE(leak_sizes); i++) {
		lost = kzalloc(leak_sizes[i % ARRAY_SIZE(leak_sizes)],
			       GFP_KERNEL_ACCOUNT);
		if (!lost)
			return -ENOMEM;
		OPTIMIZER_HIDE_VAR(lost);
	}
	leak_count += LEAK_COUNT;
	return 0;
}

static int leak_set(const char *value, const struct kernel_param *param)
{
	return leak_lose();
}

static int leak_get(char *buffer, const struct kernel_param *param)
{
	int i, len = 0;

	for (i = 0; i < ARRAY_SIZE(leak_sizes); i++)
		len += sysfs_emit_at(buffer, len, "%u %u\n", leak_sizes[i],
				     leak_count);
	return len;
}

static const struct kernel_param_ops leak_ops = {
	.set = leak_set,
	.get = leak_get,
};

module_param_cb(lost, &leak_ops, NULL, 0600);

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
