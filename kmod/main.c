// SPDX-License-Identifier: GPL-2.0
/*
 * e2ee: end-to-end encryption of RTP media on the sockets of programs that do
 * not know of it.
 */
#include <linux/init.h>
#include <linux/module.h>
#include "aead.h"
#include "burst.h"
#include "digest.h"
#include "driver.h"
#include "floor.h"
#include "hold.h"
#include "hook.h"
#include "key.h"
#include "later.h"
#include "namespace.h"
#include "netfilter.h"
#include "netlink.h"
#include "purge.h"
#include "stats.h"
#include "version.h"
#include "window.h"

struct e2ee_part {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
};

/* from the ground up; exit goes the other way */
static const struct e2ee_part e2ee_parts[] = {
	{ "stats", e2ee_stats_init, e2ee_stats_exit },
	{ "aead", e2ee_aead_setup, e2ee_aead_cleanup },
	{ "driver", e2ee_driver_init, e2ee_driver_exit },
	{ "burst", e2ee_burst_init, e2ee_burst_exit },
	{ "digest", e2ee_digest_init, e2ee_digest_exit },
	{ "floor", e2ee_floor_init, e2ee_floor_exit },
	{ "window", e2ee_window_init, e2ee_window_exit },
	{ "key", e2ee_key_init, e2ee_key_exit },
	{ "netfilter", e2ee_netfilter_init, e2ee_netfilter_exit },
	{ "later", e2ee_later_init, e2ee_later_exit },
	{ "purge", e2ee_purge_init, e2ee_purge_exit },
	{ "hook", e2ee_hook_init, e2ee_hook_exit },
	{ "hold", e2ee_hold_init, e2ee_hold_exit },
	{ "namespace", e2ee_namespace_init, e2ee_namespace_exit },
	{ "netlink", e2ee_netlink_init, e2ee_netlink_exit },
};

static void e2ee_part_exit(int num)
{
	while (num--)
		e2ee_parts[num].exit();
}

static int __init e2ee_main_init(void)
{
	int err, i;

	for (i = 0; i < ARRAY_SIZE(e2ee_parts); i++) {
		err = e2ee_parts[i].init();
		if (err) {
			pr_err("e2ee: %s: %pe\n", e2ee_parts[i].name,
			       ERR_PTR(err));
			e2ee_part_exit(i);
			return err;
		}
	}
	return 0;
}

static void __exit e2ee_main_exit(void)
{
	e2ee_part_exit(ARRAY_SIZE(e2ee_parts));
}

module_init(e2ee_main_init);
module_exit(e2ee_main_exit);

MODULE_DESCRIPTION("End-to-end encryption of RTP media (SFrame, RFC 9605)");
MODULE_LICENSE("GPL");
MODULE_VERSION(E2EE_VERSION);
MODULE_ALIAS_GENL_FAMILY(E2EE_GENL_NAME);
