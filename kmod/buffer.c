// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers for packets on their way out.
 *
 * A sender may sleep while it holds one, so they cannot belong to a CPU; but
 * each CPU keeps some that were given back, enough for a burst. They are the
 * slab's: linear, and never mapped by vmalloc().
 */
#include <linux/percpu.h>
#include <linux/slab.h>
#include "buffer.h"

#define E2EE_BUFFER_SPARES	64

/**
 * struct e2ee_buffer_spares - what a CPU keeps
 * @num: entries of @buffers; both only by tasks, with preemption off
 * @buffers: of E2EE_BUFFER_LEN bytes
 */
struct e2ee_buffer_spares {
	u32 num;
	void *buffers[E2EE_BUFFER_SPARES];
};

static DEFINE_PER_CPU(struct e2ee_buffer_spares, e2ee_buffer_spares);

/**
 * e2ee_buffer_get() - memory for a packet
 * @len: bytes
 * @gfp: for the slab, if there is no spare one
 *
 * Context: process.
 * Return: to be given to e2ee_buffer_put(), any content; NULL without memory.
 */
void *e2ee_buffer_get(size_t len, gfp_t gfp)
{
	struct e2ee_buffer_spares *spares;
	void *buffer = NULL;

	if (len > E2EE_BUFFER_LEN)
		return kmalloc(len, gfp);
	spares = get_cpu_ptr(&e2ee_buffer_spares);
	if (spares->num)
		buffer = spares->buffers[--spares->num];
	put_cpu_ptr(&e2ee_buffer_spares);
	return buffer ?: kmalloc(E2EE_BUFFER_LEN, gfp);
}

/**
 * e2ee_buffer_put() - give memory back
 * @buffer: may be NULL
 * @len: as it was asked for
 *
 * Context: process.
 */
void e2ee_buffer_put(void *buffer, size_t len)
{
	struct e2ee_buffer_spares *spares;

	if (!buffer)
		return;
	if (len > E2EE_BUFFER_LEN) {
		kfree(buffer);
		return;
	}
	spares = get_cpu_ptr(&e2ee_buffer_spares);
	if (spares->num < E2EE_BUFFER_SPARES) {
		spares->buffers[spares->num++] = buffer;
		buffer = NULL;
	}
	put_cpu_ptr(&e2ee_buffer_spares);
	kfree(buffer);
}

int e2ee_buffer_init(void)
{
	return 0;
}

/* no sender is left */
void e2ee_buffer_exit(void)
{
	struct e2ee_buffer_spares *spares;
	int cpu;

	for_each_possible_cpu(cpu) {
		spares = per_cpu_ptr(&e2ee_buffer_spares, cpu);
		while (spares->num)
			kfree(spares->buffers[--spares->num]);
	}
}
