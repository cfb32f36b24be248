// SPDX-License-Identifier: GPL-2.0
/*
 * e2ee_cover.ko: which places of e2ee.ko were come by, for fuzzers.
 *
 * KCOV tells a task what it came by itself; packets come in by softirqs, and
 * answers of asynchronous drivers by work items. So e2ee.ko, built for coverage
 * (E2EE_COVER), calls this instead, from whatever context. One byte for each
 * byte of its text, set once: no lock, and nothing to miss.
 *
 * /sys/kernel/debug/e2ee_cover/places has the offset of each, a line each.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include "cover.h"

#define E2EE_COVER_TEXT_MAX	SZ_1M

static u8 e2ee_cover_seen[E2EE_COVER_TEXT_MAX];
static unsigned long e2ee_cover_base;
static struct dentry *e2ee_cover_dir;

void notrace __sanitizer_cov_trace_pc(void)
{
	unsigned long at = _RET_IP_ - e2ee_cover_base;

	if (at < E2EE_COVER_TEXT_MAX && !e2ee_cover_seen[at])
		e2ee_cover_seen[at] = 1;
}
EXPORT_SYMBOL_GPL(__sanitizer_cov_trace_pc);

static int e2ee_cover_coming(struct notifier_block *block, unsigned long state,
			     void *arg)
{
	struct module *module = arg;

	if (state == MODULE_STATE_COMING && !strcmp(module->name, "e2ee"))
		e2ee_cover_base = (unsigned long)module->mem[MOD_TEXT].base;
	return NOTIFY_DONE;
}

static struct notifier_block e2ee_cover_block = {
	.notifier_call = e2ee_cover_coming,
};

static int e2ee_cover_places_show(struct seq_file *file, void *unused)
{
	u32 at;

	for (at = 0; at < E2EE_COVER_TEXT_MAX; at++)
		if (e2ee_cover_seen[at])
			seq_printf(file, "%x\n", at);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(e2ee_cover_places);

static int __init e2ee_cover_init(void)
{
	int err;

	err = register_module_notifier(&e2ee_cover_block);
	if (err)
		return err;
	e2ee_cover_dir = debugfs_create_dir("e2ee_cover", NULL);
	debugfs_create_file("places", 0400, e2ee_cover_dir, NULL,
			    &e2ee_cover_places_fops);
	return 0;
}

static void __exit e2ee_cover_exit(void)
{
	debugfs_remove_recursive(e2ee_cover_dir);
	unregister_module_notifier(&e2ee_cover_block);
}

module_init(e2ee_cover_init);
module_exit(e2ee_cover_exit);

MODULE_DESCRIPTION("Coverage of e2ee.ko");
MODULE_LICENSE("GPL");
