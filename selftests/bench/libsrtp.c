// SPDX-License-Identifier: GPL-2.0
/* What most applications do today: SRTP by libsrtp, AES-256-GCM. */
#include <string.h>
#include <srtp2/srtp.h>

#include "bench.h"

#define PACKET_MAX	2048
#define KEY_LEN		44	/* AES-256 key and 12 bytes of salt */
#define SSRC		0x1234

struct streams {
	srtp_t seal;
	srtp_t open;
	uint16_t seq;
};

const char *srtp_version(void)
{
	return srtp_get_version_string();
}

static void stream_new(srtp_t *stream, srtp_ssrc_type_t type)
{
	static uint8_t key[KEY_LEN] = "a benchmark has no secrets at all";
	srtp_policy_t policy;

	memset(&policy, 0, sizeof(policy));
	srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
	srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
	policy.ssrc.type = type;
	policy.key = key;
	policy.window_size = 1024;
	if (srtp_create(stream, &policy) != srtp_err_status_ok)
		bench_die("libsrtp has no AES-256-GCM");
}

static struct streams *streams_get(void)
{
	static struct streams streams;

	if (streams.seal)
		return &streams;
	if (srtp_init() != srtp_err_status_ok)
		bench_die("libsrtp does not start");
	stream_new(&streams.seal, ssrc_any_outbound);
	stream_new(&streams.open, ssrc_any_inbound);
	return &streams;
}

static void packet_fill(uint8_t *packet, uint16_t seq)
{
	static const uint8_t ssrc[4] = { 0, 0, SSRC >> 8, SSRC & 0xff };

	memset(packet, 0, BENCH_RTP_LEN);
	packet[0] = 0x80;
	packet[1] = 96;
	packet[2] = (uint8_t)(seq >> 8);
	packet[3] = (uint8_t)seq;
	memcpy(packet + 8, ssrc, sizeof(ssrc));
}

/* Whole datagrams: length of what leaves, of the payload that came */
int srtp_seal(uint8_t *packet, int size)
{
	struct streams *streams = streams_get();
	int len = BENCH_RTP_LEN + size;

	packet_fill(packet, streams->seq++);
	if (srtp_protect(streams->seal, packet, &len) != srtp_err_status_ok)
		return -1;
	return len;
}

int srtp_open(uint8_t *packet, int len)
{
	if (srtp_unprotect(streams_get()->open, packet, &len) !=
	    srtp_err_status_ok)
		return -1;
	return len - BENCH_RTP_LEN;
}

static void ring_seal(struct streams *streams, uint8_t ring[][PACKET_MAX],
		      int len)
{
	unsigned int i;
	int size;

	for (i = 0; i < USER_RING; i++) {
		size = len;
		if (srtp_protect(streams->seal, ring[i], &size) !=
		    srtp_err_status_ok)
			bench_die("libsrtp does not seal");
	}
}

static void ring_open(struct streams *streams, uint8_t ring[][PACKET_MAX],
		      int len)
{
	unsigned int i;
	int size;

	for (i = 0; i < USER_RING; i++) {
		size = len + BENCH_TAG_LEN;
		if (srtp_unprotect(streams->open, ring[i], &size) !=
		    srtp_err_status_ok)
			bench_die("libsrtp does not open");
	}
}

void srtp_cost(unsigned int size, unsigned int packets, struct user_cost *cost)
{
	static _Alignas(8) uint8_t ring[USER_RING][PACKET_MAX];
	struct streams *streams = streams_get();
	unsigned int i, done;
	uint64_t begin, middle;

	memset(cost, 0, sizeof(*cost));
	for (done = 0; done < packets; done += USER_RING) {
		for (i = 0; i < USER_RING; i++)
			packet_fill(ring[i], streams->seq++);
		begin = bench_cycles();
		ring_seal(streams, ring, (int)size + BENCH_RTP_LEN);
		middle = bench_cycles();
		ring_open(streams, ring, (int)size + BENCH_RTP_LEN);
		cost->open += (double)(bench_cycles() - middle);
		cost->seal += (double)(middle - begin);
	}
	cost->seal /= done;
	cost->open /= done;
}
