// SPDX-License-Identifier: GPL-2.0
/*
 * Time inside the hooks of e2ee.ko, by its tracepoint e2ee_hook.
 */
#include <linux/percpu.h>
#include <linux/tracepoint.h>
#include "bench.h"
#include "trace.h"

/**
 * struct e2ee_bench_hook - one CPU's time in our hooks
 * @since: when the hook was entered, by direction
 * @spent: cycles since they were last taken
 */
struct e2ee_bench_hook {
	u64 since[2];
	u64 spent[2];
};

static DEFINE_PER_CPU(struct e2ee_bench_hook, e2ee_bench_hooks);

static void e2ee_bench_hook_probe(void *data, u32 dir, bool enter)
{
	struct e2ee_bench_hook *hook = this_cpu_ptr(&e2ee_bench_hooks);
	bool rx = dir == E2EE_DIR_RX;

	if (enter)
		hook->since[rx] = e2ee_bench_cycles();
	else
		hook->spent[rx] += e2ee_bench_cycles() - hook->since[rx];
}

/**
 * e2ee_bench_hook_start() - measure from now on, on all CPUs
 *
 * Context: process, sleeps.
 * Return: 0; -EEXIST where somebody measures already.
 */
int e2ee_bench_hook_start(void)
{
	return register_trace_e2ee_hook(e2ee_bench_hook_probe, NULL);
}

/**
 * e2ee_bench_hook_stop() - do not measure any more
 *
 * Context: process, sleeps.
 */
void e2ee_bench_hook_stop(void)
{
	unregister_trace_e2ee_hook(e2ee_bench_hook_probe, NULL);
	tracepoint_synchronize_unregister();
}

/**
 * e2ee_bench_hook_take() - time spent in hooks on this CPU since the last call
 * @tx: cycles while sending
 * @rx: cycles while receiving
 */
void e2ee_bench_hook_take(u32 *tx, u32 *rx)
{
	struct e2ee_bench_hook *hook = get_cpu_ptr(&e2ee_bench_hooks);

	*tx = hook->spent[0];
	*rx = hook->spent[1];
	hook->spent[0] = 0;
	hook->spent[1] = 0;
	put_cpu_ptr(&e2ee_bench_hooks);
}
