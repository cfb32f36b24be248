// SPDX-License-Identifier: GPL-2.0
/*
 * Whole programs: one sends on CPU 0, one receives on CPU 1, over veth. The
 * highest rate without loss, and how busy either CPU is at it. System calls
 * cost what they cost on this kernel, so this is for hosts, not for user-mode
 * Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

#define SIZE		1200
#define BATCH		32	/* packets of one sendmmsg() or GSO send */
#define ROOM		2048
#define BATCHES		40	/* at least, so that one more or less is no matter */
#define SECONDS_MAX	5	/* for that */
#define STEPS		8	/* of the search for a rate */
#define PATIENCE	200000	/* us: until nothing is on its way any more */
#define TICK		1000000	/* ns: packets of a tick leave at once */
#define RATE_MAX	4e6

enum mode { SENDTO, SENDMMSG, GSO, MODES };

static const char *const mode_names[] = { "sendto", "sendmmsg", "gso" };

struct kind {
	const char *name;
	int (*seal)(uint8_t *packet, int size);
	int (*open)(uint8_t *packet, int len);
	enum place_net tx;
	enum place_net rx;
	bool attached;
	struct pairs pairs;
	uint32_t ssrc;
};

static struct kind kinds[] = {
	{ .name = "plain", .tx = PLACE_NEAR, .rx = PLACE_FAR },
	{ .name = "e2ee", .tx = PLACE_NEAR, .rx = PLACE_FAR,
	  .attached = true },
	{ .name = "openssl", .tx = PLACE_NEAR, .rx = PLACE_FAR,
	  .seal = openssl_seal, .open = openssl_open },
	{ .name = "libsrtp", .tx = PLACE_NEAR, .rx = PLACE_FAR,
	  .seal = srtp_seal, .open = srtp_open },
	{ .name = "wireguard", .tx = PLACE_TUNNEL, .rx = PLACE_TUNNEL_FAR },
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

struct receiver {
	pthread_t thread;
	const struct kind *kind;
	atomic_bool stop;
	uint64_t packets;
};

/* what a CPU was busy, s */
struct busy {
	double cpu[2];
};

static void busy_read(struct busy *busy)
{
	unsigned long user, nice, system, idle, wait, irq, softirq;
	FILE *file = fopen("/proc/stat", "r");
	char line[512];
	int cpu;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "cpu%d %lu %lu %lu %lu %lu %lu %lu", &cpu,
			   &user, &nice, &system, &idle, &wait, &irq,
			   &softirq) == 8 && cpu < 2)
			busy->cpu[cpu] = (double)(user + nice + system + irq +
						  softirq) /
					 (double)sysconf(_SC_CLK_TCK);
	if (file)
		fclose(file);
}

static void *receive(void *arg)
{
	static uint8_t packets[64][ROOM];
	struct receiver *receiver = arg;
	struct timeval timeout = { .tv_usec = PATIENCE };
	struct mmsghdr messages[64] = {};
	struct iovec parts[64];
	int fd = receiver->kind->pairs.rx, num, i;

	bench_pin(1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	for (i = 0; i < 64; i++) {
		parts[i].iov_base = packets[i];
		parts[i].iov_len = ROOM;
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		num = recvmmsg(fd, messages, 64, MSG_WAITFORONE, NULL);
		if (num <= 0 && atomic_load(&receiver->stop))
			return NULL;
		for (i = 0; i < num; i++)
			if (!receiver->kind->open ||
			    receiver->kind->open(packets[i],
						 (int)messages[i].msg_len) >= 0)
				receiver->packets++;
	}
}

static int fill(const struct kind *kind, uint8_t *packet)
{
	static uint16_t seq;

	memset(packet, 0, BENCH_RTP_LEN);
	packet[0] = 0x80;
	packet[1] = 96;
	packet[2] = (uint8_t)(++seq >> 8);
	packet[3] = (uint8_t)seq;
	packet[8] = (uint8_t)(kind->ssrc >> 24);
	packet[9] = (uint8_t)(kind->ssrc >> 16);
	packet[10] = (uint8_t)(kind->ssrc >> 8);
	packet[11] = (uint8_t)kind->ssrc;
	return kind->seal ? kind->seal(packet, SIZE) : BENCH_RTP_LEN + SIZE;
}

static void send_batch(const struct kind *kind, enum mode mode)
{
	static uint8_t packets[BATCH * ROOM];
	struct mmsghdr messages[BATCH] = {};
	struct iovec parts[BATCH];
	int fd = kind->pairs.tx, len = 0, i;
	uint8_t *at = packets;

	for (i = 0; i < BATCH; i++, at += mode == GSO ? len : ROOM) {
		len = fill(kind, at);
		parts[i].iov_base = at;
		parts[i].iov_len = (size_t)len;
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		if (mode == SENDTO)
			send(fd, at, (size_t)len, 0);
	}
	if (mode == SENDMMSG)
		sendmmsg(fd, messages, BATCH, 0);
	if (mode == GSO) {
		setsockopt(fd, SOL_UDP, UDP_SEGMENT, &len, sizeof(len));
		send(fd, packets, (size_t)(BATCH * len), 0);
	}
}

static void wait_until(uint64_t ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* at least @seconds: slow ones take longer */
static uint64_t send_for(const struct kind *kind, enum mode mode, double rate,
			 double seconds)
{
	double enough = BATCHES * BATCH / rate;
	uint64_t start = bench_ns(), now = start, sent = 0, due;
	int zero = 0;

	if (enough > SECONDS_MAX)
		enough = SECONDS_MAX;
	if (seconds < enough)
		seconds = enough;
	while ((double)(now - start) < seconds * 1e9) {
		due = (uint64_t)((double)(now - start + TICK) * rate / 1e9);
		while (sent + BATCH <= due && bench_ns() - now < 10 * TICK) {
			send_batch(kind, mode);
			sent += BATCH;
		}
		wait_until(now + TICK);
		now = bench_ns();
	}
	setsockopt(kind->pairs.tx, SOL_UDP, UDP_SEGMENT, &zero, sizeof(zero));
	return sent;
}

struct outcome {
	uint64_t sent;
	uint64_t lost;
	double rate;
	double busy[2];		/* ns a packet */
};

static void measure(struct kind *kind, enum mode mode, double rate,
		    double seconds, struct outcome *outcome)
{
	struct receiver receiver = { .kind = kind };
	struct busy before = {}, after = {};
	uint64_t start;
	double took;
	int cpu;

	if (pthread_create(&receiver.thread, NULL, receive, &receiver))
		bench_die("no thread");
	busy_read(&before);
	start = bench_ns();
	outcome->sent = send_for(kind, mode, rate, seconds);
	took = (double)(bench_ns() - start);
	busy_read(&after);
	atomic_store(&receiver.stop, true);
	pthread_join(receiver.thread, NULL);
	outcome->lost = outcome->sent - receiver.packets;
	outcome->rate = (double)outcome->sent * 1e9 / took;
	for (cpu = 0; cpu < 2; cpu++)
		outcome->busy[cpu] = (after.cpu[cpu] - before.cpu[cpu]) * 1e9 /
				     (double)(outcome->sent ?: 1);
}

/* the highest rate at which all arrives */
static void search(struct kind *kind, enum mode mode, double seconds)
{
	double low = 0, high = RATE_MAX, rate;
	struct outcome outcome;
	unsigned int step;
	char name[64];

	measure(kind, mode, RATE_MAX, seconds / 4, &outcome);
	high = outcome.rate * 1.05;
	for (step = 0; step < STEPS; step++) {
		rate = (low + high) / 2;
		measure(kind, mode, rate, seconds / 4, &outcome);
		if (outcome.lost || outcome.rate < rate * 0.95)
			high = rate;
		else
			low = rate;
	}
	snprintf(name, sizeof(name), "%s_%s", mode_names[mode], kind->name);
	if (low == 0) {
		bench_say("%-20s loses packets at every rate tried", name);
		return;
	}
	measure(kind, mode, low, seconds, &outcome);
	fprintf(bench_out, "traffic %s %.0f %.0f %.0f %" PRIu64 "\n", name,
		outcome.rate, outcome.busy[0], outcome.busy[1], outcome.lost);
	bench_say("%-20s %9.0f packets/s, CPU of sender %5.0f ns, of receiver %5.0f ns, %" PRIu64 " lost",
		  name, outcome.rate, outcome.busy[0], outcome.busy[1],
		  outcome.lost);
}

static void kind_open(struct kind *kind)
{
	uint64_t kid = place_kid(1);
	struct side side;

	place_pairs(&kind->pairs, 1, kind->tx, kind->rx);
	kind->ssrc = (uint32_t)kid;
	if (!kind->attached)
		return;
	place_side(&side, kind->tx, E2EE_DIR_TX, kid, 1);
	place_attach(&side, kind->pairs.tx);
	place_side(&side, kind->rx, E2EE_DIR_RX, kid, 1);
	place_attach(&side, kind->pairs.rx);
}

void part_traffic(double seconds)
{
	unsigned int mode, i;

	bench_say("programs on this kernel, 1,200 bytes");
	for (i = 0; i < KINDS; i++)
		kind_open(&kinds[i]);
	for (mode = 0; mode < MODES; mode++)
		for (i = 0; i < KINDS; i++)
			search(&kinds[i], mode, seconds);
}
