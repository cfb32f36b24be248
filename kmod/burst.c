// SPDX-License-Identifier: GPL-2.0
/* Bursts: one packet of the stack for many datagrams. */

/**
 * DOC: bursts
 *
 * The datagrams of a burst (UDP_SEGMENT, GSO) are copied to new pages while they are
 * sealed. Only when all are sealed does the first one leave: if one is refused,
 * none leaves.
 *
 * The segments of a packet are of one size, and all together fit into one
 * datagram of UDP. Their size grows inside a burst where a KID or a CTR needs one
 * more byte, and 64 that have grown may not fit any more. Then the burst leaves
 * as several packets. If the first one fails, the sender is told. If a later one
 * fails, the sender is not told, so that nobody sends the first one again: UDP
 * may lose packets.
 */
#include <linux/netfilter.h>
#include <linux/local_lock.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/sock.h>
#include "burst.h"
#include "netfilter.h"
#include "outgoing.h"
#include "seal.h"
#include "verdict.h"

/**
 * struct e2ee_burst_frag - a piece of memory with sealed datagrams
 * @page: holds a reference
 * @offset: where it begins, bytes
 * @len: what is used of it, bytes
 */
struct e2ee_burst_frag {
	struct page *page;
	u32 offset;
	u32 len;
};

/**
 * struct e2ee_burst - a packet for many datagrams, and what becomes of it
 * @out: the packet as it came
 * @at: of the datagram at hand in it, bytes
 * @parts: packets that are complete, each with a front of its own
 * @frags: memory of the part in the making
 * @num_frags: entries of @frags
 * @room: what is left of the last one, bytes
 * @len: sealed datagrams of the part, bytes
 * @size: of all but the last one, bytes
 * @num: how many
 * @ends: the last one is shorter, so that no other can follow
 * @done: datagrams in @parts
 * @guess: how much an SFrame header takes, bytes: as much as the one before
 * @num_all: datagrams of the packet
 * @all: their names, and what becomes of each
 */
struct e2ee_burst {
	struct e2ee_outgoing *out;
	u32 at;
	struct sk_buff_head parts;
	struct e2ee_burst_frag frags[MAX_SKB_FRAGS];
	u32 num_frags;
	u32 room;
	u32 len;
	u32 size;
	u32 num;
	bool ends;
	u32 done;
	u32 guess;
	u32 num_all;
	struct {
		struct e2ee_packet_name name;
		const struct e2ee_rule *rule;
	} all[];
};

/*
 * Memory of bursts. A page is taken again once nobody else has it, since fresh ones
 * are dear: most kernels clear them.
 */
#define E2EE_BURST_ORDER	3
#define E2EE_BURST_SIZE		(PAGE_SIZE << E2EE_BURST_ORDER)
#define E2EE_BURST_PAGES	16
#define E2EE_BURST_GFP		(GFP_ATOMIC | __GFP_COMP | __GFP_NOWARN)

/**
 * struct e2ee_burst_pages - what a CPU keeps
 * @lock: protects the rest
 * @pages: of E2EE_BURST_ORDER, with a reference each
 * @at: the one in use
 * @used: of that one, bytes
 */
struct e2ee_burst_pages {
	local_lock_t lock;	/* the rest */
	struct page *pages[E2EE_BURST_PAGES];
	u32 at;
	u32 used;
};

static DEFINE_PER_CPU(struct e2ee_burst_pages, e2ee_burst_pages) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

/* the next page that nobody else has, or a new one in its place */
static bool e2ee_burst_turn(struct e2ee_burst_pages *keep)
{
	struct page **page;

	keep->at = (keep->at + 1) % E2EE_BURST_PAGES;
	keep->used = 0;
	page = &keep->pages[keep->at];
	if (*page && page_ref_count(*page) == 1)
		return true;
	if (*page)
		put_page(*page);
	*page = alloc_pages(E2EE_BURST_GFP, E2EE_BURST_ORDER);
	/* from the kernel's last reserve, which is not ours to keep */
	if (*page && page_is_pfmemalloc(*page)) {
		put_page(*page);
		*page = NULL;
	}
	return *page;
}

/* as much as the rest of the burst takes, if it can be */
static bool e2ee_burst_take(struct e2ee_burst_frag *frag, u32 need, u32 rest,
			    u32 *room)
{
	struct e2ee_burst_pages *keep;
	bool has;

	if (need > E2EE_BURST_SIZE)
		return false;
	local_lock(&e2ee_burst_pages.lock);
	keep = this_cpu_ptr(&e2ee_burst_pages);
	has = (keep->pages[keep->at] &&
	       keep->used + need <= E2EE_BURST_SIZE) || e2ee_burst_turn(keep);
	if (has) {
		frag->page = keep->pages[keep->at];
		frag->offset = keep->used;
		get_page(frag->page);
		*room = min_t(u32, rest, E2EE_BURST_SIZE - keep->used);
		keep->used += *room;
	}
	local_unlock(&e2ee_burst_pages.lock);
	return has;
}

/* more memory for a part; without large pages, just what the next datagram needs */
static bool e2ee_burst_grow(struct e2ee_burst *burst, u32 need)
{
	u32 rest = burst->out->skb->len - burst->at + need;
	struct e2ee_burst_frag *frag;

	/* too small, and not used yet */
	if (burst->num_frags && !burst->frags[burst->num_frags - 1].len)
		put_page(burst->frags[--burst->num_frags].page);
	if (burst->num_frags == MAX_SKB_FRAGS)
		return false;
	frag = &burst->frags[burst->num_frags];
	if (!e2ee_burst_take(frag, need, rest, &burst->room)) {
		frag->page = alloc_pages(E2EE_BURST_GFP, get_order(need));
		if (!frag->page)
			return false;
		frag->offset = 0;
		burst->room = PAGE_SIZE << get_order(need);
	}
	frag->len = 0;
	burst->num_frags++;
	return true;
}

static void e2ee_burst_took(struct e2ee_burst *burst, u32 len)
{
	burst->frags[burst->num_frags - 1].len += len;
	burst->room -= len;
	burst->len += len;
	burst->num++;
}

/* the headers of the packet, without what it carries */
static struct sk_buff *e2ee_burst_headers(struct e2ee_outgoing *out)
{
	struct sk_buff *skb;

	skb = alloc_skb(skb_headroom(out->skb) + out->front, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, skb_headroom(out->skb));
	skb_put_data(skb, out->skb->data, out->front);
	skb_copy_header(skb, out->skb);
	skb_set_owner_w(skb, out->skb->sk);
	return skb;
}

/* a piece that is empty still is the beginning of the next part */
static void e2ee_burst_restart(struct e2ee_burst *burst)
{
	u32 last = burst->num_frags - 1;

	burst->done += burst->num;
	burst->len = 0;
	burst->num = 0;
	burst->ends = false;
	if (burst->frags[last].len) {
		burst->num_frags = 0;
		burst->room = 0;
	} else {
		burst->frags[0] = burst->frags[last];
		burst->num_frags = 1;
	}
}

/* @skb has headers alone: it gets what is in the making */
static void e2ee_burst_fill(struct e2ee_burst *burst, struct sk_buff *skb)
{
	const struct e2ee_burst_frag *frag = burst->frags;
	u32 i;

	for (i = 0; i < burst->num_frags && frag->len; i++, frag++)
		skb_fill_page_desc(skb, i, frag->page, frag->offset, frag->len);
	skb->len += burst->len;
	skb->data_len += burst->len;
	skb->truesize += burst->len;
	refcount_add(burst->len, &skb->sk->sk_wmem_alloc);
	if (burst->num > 1) {
		skb_shinfo(skb)->gso_size = burst->size;
		skb_shinfo(skb)->gso_segs = burst->num;
	} else {
		skb_gso_reset(skb);
		e2ee_outgoing_partial(skb);
	}
	if (burst->out->ipv4)	/* each datagram has an id of its own */
		ip_hdr(skb)->id = htons(ntohs(ip_hdr(skb)->id) + burst->done);
	e2ee_outgoing_lengths(burst->out, skb);
	e2ee_burst_restart(burst);
}

static bool e2ee_burst_flush(struct e2ee_burst *burst)
{
	struct sk_buff *skb = e2ee_burst_headers(burst->out);

	if (!skb)
		return false;
	e2ee_burst_fill(burst, skb);
	__skb_queue_tail(&burst->parts, skb);
	return true;
}

/*
 * Where the next sealed datagram of at most @need bytes goes. A part that has as
 * many pieces of memory as a packet can have is complete.
 */
static u8 *e2ee_burst_room(struct e2ee_burst *burst, u32 need)
{
	u32 i;

	if (burst->room < need && burst->num_frags == MAX_SKB_FRAGS &&
	    !e2ee_burst_flush(burst))
		return NULL;
	if (burst->room < need && !e2ee_burst_grow(burst, need))
		return NULL;
	i = burst->num_frags - 1;
	return page_address(burst->frags[i].page) + burst->frags[i].offset +
	       burst->frags[i].len;
}

/* may the next datagram leave with those before it? */
static bool e2ee_burst_fits(const struct e2ee_burst *burst, u32 len)
{
	return !burst->ends && len <= burst->size &&
	       burst->len + len <= burst->out->packet.max;
}

/*
 * The datagram at hand is sealed, or is not to be, and stands at @to. Where it
 * begins a new part, it takes memory of its own.
 */
static enum e2ee_finding e2ee_burst_add(struct e2ee_burst *burst, u8 *to)
{
	const struct e2ee_packet *packet = &burst->out->packet;
	u32 len = packet->len;

	if (burst->num && !e2ee_burst_fits(burst, len)) {
		if (!e2ee_burst_flush(burst))
			return E2EE_FOUND_UNSEEN;
		to = e2ee_burst_room(burst, len);
		if (!to)
			return E2EE_FOUND_UNSEEN;
	}
	if (to != packet->data)
		memmove(to, packet->data, len);
	if (!burst->num)
		burst->size = len;
	burst->ends = len < burst->size;
	e2ee_burst_took(burst, len);
	return E2EE_FOUND_MEDIA;
}

/*
 * The next datagram of the burst. Its RTP header is copied to where it stays if
 * the SFrame header is as long as the one before, and its payload likewise.
 */
static enum e2ee_finding e2ee_burst_look(struct e2ee_burst *burst, u32 len)
{
	struct e2ee_outgoing *out = burst->out;
	struct e2ee_packet *packet = &out->packet;
	enum e2ee_finding found, added;
	u8 *to;

	to = e2ee_burst_room(burst, burst->guess + len + E2EE_OVERHEAD_MAX);
	if (!to || skb_copy_bits(out->skb, burst->at, to + burst->guess, len))
		return E2EE_FOUND_UNSEEN;
	packet->data = to + burst->guess;
	packet->len = len;
	packet->head = burst->guess;
	found = e2ee_packet_look(packet);
	if (found == E2EE_FOUND_MEDIA && out->policy != E2EE_POLICY_BLOCKED)
		found = e2ee_outgoing_seal(out);
	if (found == E2EE_FOUND_LATER || e2ee_outgoing_rule(out, found)->err)
		return found;
	if (found == E2EE_FOUND_MEDIA)
		burst->guess = packet->len - len - E2EE_SFRAME_TAG_LEN;
	if (!e2ee_outgoing_may_leave(out, out->front + packet->len))
		return E2EE_FOUND_TOO_BIG;
	added = e2ee_burst_add(burst, to);
	return added == E2EE_FOUND_MEDIA ? found : added;
}

/*
 * The first datagram that is refused, or not decided, stands for all.
 * E2EE_FOUND_OTHER: all go on.
 */
static enum e2ee_finding e2ee_burst_look_all(struct e2ee_burst *burst)
{
	struct e2ee_outgoing *out = burst->out;
	const struct e2ee_rule *rule;
	enum e2ee_finding found;
	u32 i, len;

	for (i = 0; i < burst->num_all; i++, burst->at += len) {
		out->packet.name = burst->all[i].name;
		len = out->packet.name.len;
		found = e2ee_burst_look(burst, len);
		if (found == E2EE_FOUND_LATER)
			return found;
		rule = e2ee_outgoing_rule(out, found);
		burst->all[i].name = out->packet.name;
		burst->all[i].rule = rule;
		e2ee_verdict_report(&out->packet, E2EE_DIR_TX, rule);
		if (rule->err)
			return found;
	}
	return E2EE_FOUND_OTHER;
}

/* what UDP carried so far goes, and with it what the sender is charged for it */
static bool e2ee_burst_trim(struct e2ee_burst *burst)
{
	struct sk_buff *skb = burst->out->skb;
	u32 paged = skb->data_len;

	if (pskb_trim(skb, burst->out->front))
		return false;
	/* pages that io_uring manages have no references; ours will have */
	skb_shinfo(skb)->flags &= ~SKBFL_MANAGED_FRAG_REFS;
	skb->truesize -= paged;
	WARN_ON_ONCE(refcount_sub_and_test(paged, &skb->sk->sk_wmem_alloc));
	return true;
}

/* all of the burst is sealed */
static unsigned int e2ee_burst_send(struct e2ee_burst *burst)
{
	struct e2ee_outgoing *out = burst->out;
	bool first = true;
	struct sk_buff *skb;
	int err;

	e2ee_burst_fill(burst, out->skb);
	if (likely(skb_queue_empty(&burst->parts)))
		return NF_ACCEPT;
	while ((skb = __skb_dequeue(&burst->parts))) {
		err = e2ee_netfilter_go_on(skb, out->state);
		if (err > 0)
			err = net_xmit_errno(err);
		if (err && first)	/* nothing of the burst has left */
			return NF_DROP_ERR(err);
		first = false;
	}
	e2ee_netfilter_go_on(out->skb, out->state);
	return NF_STOLEN;
}

static void e2ee_burst_free(struct e2ee_burst *burst)
{
	while (burst->num_frags--)
		put_page(burst->frags[burst->num_frags].page);
	__skb_queue_purge(&burst->parts);
	kfree(burst);
}

static struct e2ee_burst *e2ee_burst_new(struct e2ee_outgoing *out)
{
	u32 size = skb_shinfo(out->skb)->gso_size, num, i;
	struct e2ee_burst *burst;

	num = DIV_ROUND_UP(out->packet.name.len, size);
	burst = kzalloc(struct_size(burst, all, num),
			GFP_ATOMIC | __GFP_NOWARN);
	if (!burst)
		return NULL;
	burst->out = out;
	burst->at = out->front;
	__skb_queue_head_init(&burst->parts);
	burst->num_all = num;
	for (i = 0; i < num; i++)
		burst->all[i].name.len = size;
	burst->all[num - 1].name.len = out->packet.name.len - (num - 1) * size;
	return burst;
}

/**
 * e2ee_burst_leave() - seal, pass or drop a burst
 * @out: the packet, which is one of GSO
 * @verdict: what becomes of it, as netfilter wants it
 *
 * Context: process, under rcu_read_lock().
 * Return: E2EE_FOUND_LATER: a cipher would have to be waited for, and nothing has
 * happened; else @verdict is valid.
 */
enum e2ee_finding e2ee_burst_leave(struct e2ee_outgoing *out,
				   unsigned int *verdict)
{
	struct e2ee_burst *burst = e2ee_burst_new(out);
	const struct e2ee_rule *rule;
	enum e2ee_finding found;
	u32 i;

	if (!burst) {
		rule = e2ee_outgoing_rule(out, E2EE_FOUND_UNSEEN);
		*verdict = e2ee_outgoing_all(out, rule);
		return E2EE_FOUND_UNSEEN;
	}
	found = e2ee_burst_look_all(burst);
	if (found == E2EE_FOUND_LATER)
		goto out;
	rule = e2ee_outgoing_rule(out, found);
	if (!rule->err && !e2ee_burst_trim(burst))
		rule = e2ee_outgoing_rule(out, E2EE_FOUND_UNSEEN);
	for (i = 0; i < burst->num_all; i++)
		e2ee_outgoing_count(out, rule->err ? rule : burst->all[i].rule,
				    &burst->all[i].name);
	*verdict = rule->err ? e2ee_outgoing_refuse(out, rule) :
			       e2ee_burst_send(burst);
out:
	e2ee_burst_free(burst);
	return found;
}

int e2ee_burst_init(void)
{
	return 0;
}

/* no sender is left */
void e2ee_burst_exit(void)
{
	struct e2ee_burst_pages *keep;
	int cpu, i;

	for_each_possible_cpu(cpu) {
		keep = per_cpu_ptr(&e2ee_burst_pages, cpu);
		for (i = 0; i < E2EE_BURST_PAGES; i++)
			if (keep->pages[i])
				put_page(keep->pages[i]);
	}
}
