/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the benchmark share. Results go out as they come, one a
 * line, for selftests/bench/report:
 *
 *	cost NAME ROUND NS CYCLES	a packet, in one round
 *	samples NAME CYCLES...		of single packets
 *	fact NAME VALUE
 */
#ifndef E2EE_BENCH_H
#define E2EE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <e2ee/e2ee.h>

#define BENCH_RTP_LEN	12
#define BENCH_TAG_LEN	16

/* How much to measure */
struct bench_plan {
	unsigned int rounds;
	unsigned int packets;	/* of a round */
	unsigned int samples;	/* of single packets */
	unsigned int latency;	/* packets at 10,000 a second */
	unsigned int many_keys;	/* the most in one session */
	bool quick;
};

/* bench.c */
extern FILE *bench_out;
extern struct bench_plan bench_plan;
void bench_die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void bench_cost(const char *name, unsigned int round, double ns,
		double cycles);
void bench_fact(const char *name, double value);
uint64_t bench_ns(void);
/*
 * The CPU's counter, for what is too short for a system call, which it takes
 * to read a clock in user-mode Linux; nanoseconds where there is none.
 */
uint64_t bench_cycles(void);
double bench_cycles_per_ns(void);
void bench_pin(int cpu);

/* job.c: e2ee_bench.ko */
struct job_result {
	uint64_t packets;
	uint64_t ns;
	uint64_t cycles;
	uint64_t bad;
};

int job_open(void);
/* One job, as text; dies if it fails */
void job_run(int fd, struct job_result *result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What was noted of each packet of the last job, as it is */
void job_samples(int fd, const char *name);
/* The same as numbers, to be freed; how many */
unsigned int job_numbers(int fd, uint32_t **numbers);

/* place.c: sockets, sessions, keys */

/*
 * Pairs of connected sockets, with descriptors side by side. Attached to a
 * session each, or not.
 */
struct pairs {
	int tx;
	int rx;
	unsigned int num;
};

/* Who sends or receives with @num keys, from @kid on; SSRCs are the KIDs */
struct side {
	struct e2ee_ctx *ctx;
	struct e2ee_session session;
	uint32_t dir;
	uint64_t kid;
	unsigned int num;
};

/*
 * A namespace with its peer behind veth; once more, for few keys only; and the
 * first again, by a WireGuard tunnel over the same veth.
 */
enum place_net {
	PLACE_NEAR,
	PLACE_FAR,
	PLACE_FEW,
	PLACE_FEW_FAR,
	PLACE_TUNNEL,
	PLACE_TUNNEL_FAR,
	PLACE_NETS,
};

void place_open(void);
void place_pairs(struct pairs *pairs, unsigned int num, enum place_net tx,
		 enum place_net rx);
void place_side(struct side *side, enum place_net net, uint32_t dir,
		uint64_t kid, unsigned int num);
void place_keys(struct side *side, uint32_t epoch, uint64_t kid,
		unsigned int num);
void place_del_side(struct side *side);
void place_attach(struct side *side, int fd);
const char *place_driver(void);
uint64_t place_kid(unsigned int num);	/* KIDs that nobody has */

/* What applications do today: seal and open @packets of @size, cycles a packet */
#define USER_RING	8	/* packets sealed, then opened: they stay in L1 */

struct user_cost {
	double seal;
	double open;
};

void openssl_cost(unsigned int size, unsigned int packets,
		  struct user_cost *cost);
int openssl_seal(uint8_t *packet, int size);
int openssl_open(uint8_t *packet, int len);
const char *openssl_version(void);
void srtp_cost(unsigned int size, unsigned int packets,
	       struct user_cost *cost);
int srtp_seal(uint8_t *packet, int size);
int srtp_open(uint8_t *packet, int len);
const char *srtp_version(void);

/* The parts */
void part_cost(void);
void part_tables(void);
void part_bursts(void);
void part_count(void);
void part_cpus(void);
void part_hooks(void);
void part_latency(void);
void part_control(void);
void part_memory(void);
void part_traffic(double seconds);
void part_profile(unsigned int size, unsigned int seconds);

#endif /* E2EE_BENCH_H */
