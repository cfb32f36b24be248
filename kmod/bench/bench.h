/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Benchmark: the parts of e2ee_bench.ko.
 *
 * A job is one line written to debugfs e2ee_bench/job, "KIND NAME=VALUE ...",
 * and runs before write() returns. Reading gives its result, a line
 * "PACKETS NS CYCLES BAD", and a line of cycles a packet where samples were
 * asked for. What belongs together (sockets, sessions, interleaving,
 * statistics) is up to the program that writes.
 */
#ifndef E2EE_BENCH_H
#define E2EE_BENCH_H

#include <linux/timex.h>
#include <linux/types.h>

struct e2ee_bench_aead;
struct e2ee_bench_store;
struct crypto_aead;

#define E2EE_BENCH_NAME_MAX	127

/* what is noted of each packet */
enum e2ee_bench_samples {
	E2EE_BENCH_NONE,
	E2EE_BENCH_TOTAL,	/* cycles from before the send to the receipt */
	E2EE_BENCH_HOOKS,	/* cycles in our sending and receiving hooks */
};

/**
 * struct e2ee_bench_job - what to measure, and what came of it
 * @tx: file descriptor of the first connected UDP socket that sends
 * @rx: of the first that receives; the others follow both without gaps
 * @pairs: sockets of each kind, used by turns
 * @ssrc: SSRC of the first packet
 * @ssrcs: SSRCs, used by turns; with several pairs, one each
 * @size: RTP payload, bytes
 * @burst: packets of one send (UDP_SEGMENT); 1: no burst
 * @packets: how many
 * @gap: from one packet to the next, ns; 0: at once
 * @sealed: nobody opens what comes in, so it is longer than what was sent
 * @keep: remember what comes in as it is, for @replay
 * @replay: send what a run with @keep remembered
 * @together: start when as many runs want to
 * @samples: enum e2ee_bench_samples
 * @driver: crypto driver; for UDP: to seal and open as much aside, none if ""
 * @ns: time it took
 * @cycles: the same in cycles of the CPU's counter
 * @bad: packets that did not come, or not as they were sent
 * @sample: @sample_num values
 * @sample_num: entries of @sample
 */
struct e2ee_bench_job {
	u32 tx;
	u32 rx;
	u32 pairs;
	u32 ssrc;
	u32 ssrcs;
	u32 size;
	u32 burst;
	u32 packets;
	u32 gap;
	u32 sealed;
	u32 keep;
	u32 replay;
	u32 together;
	u32 samples;
	char driver[E2EE_BENCH_NAME_MAX + 1];

	u64 ns;
	u64 cycles;
	u64 bad;
	u32 *sample;
	u32 sample_num;
};

/**
 * struct e2ee_bench - one opener's state
 * @job: the last one
 * @store: packets that a job remembered
 * @tfms: transforms held
 * @tfms_num: entries of @tfms
 */
struct e2ee_bench {
	struct e2ee_bench_job job;
	struct e2ee_bench_store *store;
	struct crypto_aead **tfms;
	u32 tfms_num;
};

/* cycles of the counter that the CPU has, 0 where it has none */
static inline u64 e2ee_bench_cycles(void)
{
#ifdef __x86_64__	/* in user-mode Linux, too, where get_cycles() is 0 */
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
#else
	return get_cycles();
#endif
}

/* process context, sleeps */
int e2ee_bench_udp(struct e2ee_bench *bench);
void e2ee_bench_store_free(struct e2ee_bench_store *store);
struct e2ee_bench_aead *e2ee_bench_aead_new(const char *driver, u32 size);
void e2ee_bench_aead_free(struct e2ee_bench_aead *aead);
int e2ee_bench_aead_seal(struct e2ee_bench_aead *aead);
int e2ee_bench_aead_open(struct e2ee_bench_aead *aead);
int e2ee_bench_cipher(struct e2ee_bench *bench);
int e2ee_bench_tfms(struct e2ee_bench *bench);
void e2ee_bench_tfms_free(struct e2ee_bench *bench);
int e2ee_bench_hook_start(void);
void e2ee_bench_hook_stop(void);

/* any context */
void e2ee_bench_hook_take(u32 *tx, u32 *rx);

#endif /* E2EE_BENCH_H */
