// SPDX-License-Identifier: GPL-2.0
/*
 * Packets through UDP sockets of the caller, sent and received by turns on
 * one CPU. Whether the sockets are attached is none of our business: the same
 * loop measures plain UDP.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/udp.h>
#include <net/sock.h>
#include "bench.h"
#include "wire/pure.h"

#define E2EE_BENCH_RTP_LEN	12
#define E2EE_BENCH_PACKET_MAX	65536
#define E2EE_BENCH_PACKETS_MAX	BIT(20)
#define E2EE_BENCH_PAIRS_MAX	8192
#define E2EE_BENCH_TRIES	10000	/* until a packet counts as lost */

/**
 * struct e2ee_bench_store - packets remembered
 * @num: how many
 * @room: of each, bytes
 * @len: length of each
 * @bytes: the packets, @room apart
 */
struct e2ee_bench_store {
	u32 num;
	u32 room;
	u32 *len;
	u8 *bytes;
};

/**
 * struct e2ee_bench_flow - a running job
 * @job: the job
 * @store: where to remember packets, or to take them from
 * @aside: sealed before each send and opened after each receipt; may be NULL
 * @tx: sockets
 * @rx: sockets
 * @out: packets to send, @job->burst of them behind each other
 * @in: what is received
 * @control: control message with UDP_SEGMENT
 * @seq: RTP sequence number
 * @sent: packets sent
 */
struct e2ee_bench_flow {
	struct e2ee_bench_job *job;
	struct e2ee_bench_store *store;
	struct e2ee_bench_aead *aside;
	struct socket **tx;
	struct socket **rx;
	u8 *out;
	u8 *in;
	u8 control[CMSG_SPACE(sizeof(u16))] __aligned(sizeof(long));
	u16 seq;
	u32 sent;
};

/* runs that wait for each other */
static atomic_t e2ee_bench_waiting = ATOMIC_INIT(0);

static void e2ee_bench_sockets_put(struct socket **sockets, u32 num)
{
	u32 i;

	for (i = 0; sockets && i < num; i++)
		if (sockets[i])
			sockfd_put(sockets[i]);
	kvfree(sockets);
}

static struct socket **e2ee_bench_sockets_get(u32 fd, u32 num)
{
	struct socket **sockets;
	int err;
	u32 i;

	sockets = kvcalloc(num, sizeof(*sockets), GFP_KERNEL);
	if (!sockets)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < num; i++) {
		sockets[i] = sockfd_lookup(fd + i, &err);
		if (!sockets[i]) {
			e2ee_bench_sockets_put(sockets, num);
			return ERR_PTR(err);
		}
	}
	return sockets;
}

/**
 * e2ee_bench_store_free() - forget packets
 * @store: may be NULL
 */
void e2ee_bench_store_free(struct e2ee_bench_store *store)
{
	if (!store)
		return;
	kvfree(store->len);
	kvfree(store->bytes);
	kfree(store);
}

static struct e2ee_bench_store *e2ee_bench_store_new(u32 num, u32 room)
{
	struct e2ee_bench_store *store;

	store = kzalloc(sizeof(*store), GFP_KERNEL);
	if (!store)
		return NULL;
	store->room = room;
	store->len = kvcalloc(num, sizeof(*store->len), GFP_KERNEL);
	store->bytes = kvzalloc((size_t)num * room, GFP_KERNEL);
	if (store->len && store->bytes)
		return store;
	e2ee_bench_store_free(store);
	return NULL;
}

/* which of the pairs, which SSRC, the next packet is for */
static u32 e2ee_bench_turn(const struct e2ee_bench_flow *flow, u32 num)
{
	return flow->sent / flow->job->burst % num;
}

static void e2ee_bench_fill(struct e2ee_bench_flow *flow)
{
	u32 len = E2EE_BENCH_RTP_LEN + flow->job->size;
	u32 ssrc = flow->job->ssrc + e2ee_bench_turn(flow, flow->job->ssrcs);
	u8 *packet = flow->out;
	u32 i;

	for (i = 0; i < flow->job->burst; i++, packet += len) {
		packet[0] = 0x80;
		packet[1] = 96;
		e2ee_put_be16(packet + 2, flow->seq++);
		e2ee_put_be16(packet + 6, flow->seq * 160);
		e2ee_put_be16(packet + 8, ssrc >> 16);
		e2ee_put_be16(packet + 10, ssrc);
	}
}

static int e2ee_bench_send(struct e2ee_bench_flow *flow, struct socket *socket,
			   struct kvec *vec)
{
	struct msghdr msg = {};
	int ret;

	if (flow->job->burst > 1) {
		msg.msg_control = flow->control;
		msg.msg_controllen = sizeof(flow->control);
	}
	ret = kernel_sendmsg(socket, &msg, vec, 1, vec->iov_len);
	return ret < 0 ? ret : 0;
}

/* length, or -EAGAIN where nothing came */
static int e2ee_bench_receive(struct e2ee_bench_flow *flow,
			      struct socket *socket)
{
	struct kvec vec = {
		.iov_base = flow->in,
		.iov_len = E2EE_BENCH_PACKET_MAX,
	};
	struct msghdr msg = {};
	int ret, tries;

	for (tries = 0; tries < E2EE_BENCH_TRIES; tries++) {
		ret = kernel_recvmsg(socket, &msg, &vec, 1, vec.iov_len,
				     MSG_DONTWAIT);
		if (ret != -EAGAIN)
			break;
		cond_resched();
	}
	return ret;
}

static void e2ee_bench_remember(struct e2ee_bench_flow *flow, int len)
{
	struct e2ee_bench_store *store = flow->store;

	store->len[store->num] = len;
	memcpy(store->bytes + (size_t)store->num * store->room, flow->in, len);
	store->num++;
}

/* as many as one send carries */
static int e2ee_bench_turn_over(struct e2ee_bench_flow *flow)
{
	struct e2ee_bench_job *job = flow->job;
	u32 pair = e2ee_bench_turn(flow, job->pairs), i;
	u32 len = E2EE_BENCH_RTP_LEN + job->size;
	struct kvec vec = { .iov_base = flow->out,
			    .iov_len = job->burst * len };
	int err, got;

	if (job->replay) {
		vec.iov_base = flow->store->bytes +
			       (size_t)flow->sent * flow->store->room;
		vec.iov_len = flow->store->len[flow->sent];
	} else {
		e2ee_bench_fill(flow);
	}
	err = flow->aside ? e2ee_bench_aead_seal(flow->aside) : 0;
	if (err)
		return err;
	err = e2ee_bench_send(flow, flow->tx[pair], &vec);
	if (err)
		return err;
	for (i = 0; i < job->burst; i++) {
		got = e2ee_bench_receive(flow, flow->rx[pair]);
		if (job->keep && got > (int)len && got <= flow->store->room)
			e2ee_bench_remember(flow, got);
		else if (job->keep ||
			 (job->sealed ? got <= (int)len : got != len))
			job->bad++;
	}
	flow->sent += job->burst;
	return flow->aside ? e2ee_bench_aead_open(flow->aside) : 0;
}

/* until the time of the next packet */
static void e2ee_bench_pace(const struct e2ee_bench_flow *flow, u64 start)
{
	u64 due = start + (u64)flow->sent * flow->job->gap;

	while (ktime_get_ns() < due)
		cpu_relax();
}

static int e2ee_bench_sampled(struct e2ee_bench_flow *flow, u64 start)
{
	struct e2ee_bench_job *job = flow->job;
	u32 *sample = job->sample + job->sample_num;
	u64 cycles;
	int err;

	if (job->gap)
		e2ee_bench_pace(flow, start);
	if (!job->samples)
		return e2ee_bench_turn_over(flow);
	cycles = e2ee_bench_cycles();
	err = e2ee_bench_turn_over(flow);
	sample[0] = e2ee_bench_cycles() - cycles;
	job->sample_num++;
	if (job->samples == E2EE_BENCH_HOOKS) {
		e2ee_bench_hook_take(&sample[0], &sample[1]);
		job->sample_num++;
	}
	return err;
}

/* two runs on two CPUs begin at the same moment */
static int e2ee_bench_gather(const struct e2ee_bench_job *job)
{
	u64 end = ktime_get_ns() + NSEC_PER_SEC;
	int all = job->together, last;

	if (all < 2)
		return 0;
	last = roundup(atomic_inc_return(&e2ee_bench_waiting), all);
	while (atomic_read(&e2ee_bench_waiting) - last < 0) {
		if (ktime_get_ns() > end) {
			atomic_dec(&e2ee_bench_waiting);
			return -ETIMEDOUT;
		}
		cpu_relax();
	}
	return 0;
}

static int e2ee_bench_loop(struct e2ee_bench_flow *flow)
{
	struct e2ee_bench_job *job = flow->job;
	u64 start, cycles;
	int err;

	err = e2ee_bench_gather(job);
	if (err)
		return err;
	start = ktime_get_ns();
	cycles = e2ee_bench_cycles();
	while (flow->sent < job->packets && !err) {
		err = e2ee_bench_sampled(flow, start);
		cond_resched();
	}
	job->cycles = e2ee_bench_cycles() - cycles;
	job->ns = ktime_get_ns() - start;
	return err;
}

static void e2ee_bench_control(struct e2ee_bench_flow *flow)
{
	struct cmsghdr *cmsg = (struct cmsghdr *)flow->control;

	cmsg->cmsg_len = CMSG_LEN(sizeof(u16));
	cmsg->cmsg_level = SOL_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	*(u16 *)CMSG_DATA(cmsg) = E2EE_BENCH_RTP_LEN + flow->job->size;
}

static int e2ee_bench_job_check(const struct e2ee_bench *bench)
{
	const struct e2ee_bench_job *job = &bench->job;

	if (!job->pairs || job->pairs > E2EE_BENCH_PAIRS_MAX || !job->ssrcs ||
	    !job->burst || job->packets > E2EE_BENCH_PACKETS_MAX ||
	    job->packets % job->burst || !job->together ||
	    job->size >= E2EE_BENCH_PACKET_MAX ||
	    (u64)job->burst * (job->size + E2EE_BENCH_RTP_LEN) >
	    E2EE_BENCH_PACKET_MAX)
		return -EINVAL;
	if ((job->keep || job->replay || *job->driver) && job->burst > 1)
		return -EINVAL;
	if (job->replay && (!bench->store || bench->store->num < job->packets))
		return -ENODATA;
	return 0;
}

static int e2ee_bench_flow_run(struct e2ee_bench_flow *flow)
{
	struct e2ee_bench_job *job = flow->job;
	int err;

	if (job->samples) {
		job->sample = kvcalloc(job->packets, 2 * sizeof(*job->sample),
				       GFP_KERNEL);
		if (!job->sample)
			return -ENOMEM;
	}
	if (job->samples != E2EE_BENCH_HOOKS)
		return e2ee_bench_loop(flow);
	err = e2ee_bench_hook_start();
	if (err)
		return err;
	err = e2ee_bench_loop(flow);
	e2ee_bench_hook_stop();
	return err;
}

static int e2ee_bench_flow_buffers(struct e2ee_bench_flow *flow)
{
	struct e2ee_bench_job *job = flow->job;

	flow->out = kvzalloc(E2EE_BENCH_PACKET_MAX, GFP_KERNEL);
	flow->in = kvzalloc(E2EE_BENCH_PACKET_MAX, GFP_KERNEL);
	if (!flow->out || !flow->in)
		return -ENOMEM;
	e2ee_bench_control(flow);
	if (*job->driver) {
		flow->aside = e2ee_bench_aead_new(job->driver, job->size);
		if (IS_ERR(flow->aside))
			return PTR_ERR(flow->aside);
	}
	if (!job->keep)
		return 0;
	flow->store = e2ee_bench_store_new(job->packets,
					   E2EE_BENCH_RTP_LEN + job->size + 64);
	return flow->store ? 0 : -ENOMEM;
}

/**
 * e2ee_bench_udp() - job "udp": send and receive
 * @bench: with the job
 *
 * Context: process, sleeps, in the context of the sockets' owner.
 * Return: 0; -EINVAL, -EBADF, -ENOTSOCK, -ENODATA: nothing to replay;
 * -ETIMEDOUT: the other runs did not come; -ENOMEM; what sending returned.
 */
int e2ee_bench_udp(struct e2ee_bench *bench)
{
	struct e2ee_bench_job *job = &bench->job;
	struct e2ee_bench_flow flow = { .job = job, .store = bench->store };
	int err;

	err = e2ee_bench_job_check(bench);
	if (err)
		return err;
	flow.tx = e2ee_bench_sockets_get(job->tx, job->pairs);
	if (IS_ERR(flow.tx))
		return PTR_ERR(flow.tx);
	flow.rx = e2ee_bench_sockets_get(job->rx, job->pairs);
	if (IS_ERR(flow.rx)) {
		err = PTR_ERR(flow.rx);
		goto put_tx;
	}
	err = e2ee_bench_flow_buffers(&flow);
	if (!err)
		err = e2ee_bench_flow_run(&flow);
	if (flow.store != bench->store) {
		e2ee_bench_store_free(bench->store);
		bench->store = flow.store;
	}
	if (!IS_ERR(flow.aside))
		e2ee_bench_aead_free(flow.aside);
	kvfree(flow.out);
	kvfree(flow.in);
	e2ee_bench_sockets_put(flow.rx, job->pairs);
put_tx:
	e2ee_bench_sockets_put(flow.tx, job->pairs);
	return err;
}
