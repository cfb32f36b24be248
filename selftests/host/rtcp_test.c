// SPDX-License-Identifier: GPL-2.0
/*
 * RTCP as programs send it, whole datagrams of it, the twins that are none, and
 * RTP that passes itself off as RTCP.
 */
#include "rtp.h"
#include "rtp_samples.h"
#include "tap.h"

#define SSRC	"caaaaaaa"
#define PEER	"cbbbbbbb"
#define NTP	"e5f1c0de80000000"
#define SENDER	SSRC NTP "00010203" "00000064" "00003e80"
#define BLOCK	PEER "00000001" "00001234" "00000010" "c0de8000" "00010000"
#define SR	"80c80006" SENDER
#define RR	"81c90007" SSRC BLOCK
#define CNAME	"81ca0003" SSRC "0103612e62000000"

struct sample {
	const char *name;
	const char *hex;
};

static const struct sample good[] = {
	{ "SR of ffmpeg", SR },
	{ "SR, SDES", SR CNAME },
	{ "SR with two blocks, SDES", "82c80012" SENDER BLOCK BLOCK CNAME },
	{ "SR with an extension, SDES", "80c80008" SENDER "1122334455667788"
	  CNAME },
	{ "SR with a block and an extension, SDES, BYE", "81c8000d" SENDER BLOCK
	  "11223344" CNAME "81cb0001" SSRC },
	{ "RR without blocks", "80c90001" SSRC },
	{ "RR, SDES", RR CNAME },
	{ "RR with an extension, SDES", "81c90008" SSRC BLOCK "11223344" CNAME },
	{ "SDES of two sources", "82ca0007" SSRC "0103612e62000000" PEER
	  "01016302056162636465" "0000" },
	{ "SDES without items", "81ca0002" SSRC "00000000" },
	{ "SDES of nobody", "80ca0000" },
	{ "SDES without its zeros", "81ca0003" SSRC "0106" "612e622e632e" },
	{ "SDES with PRIV", "81ca0005" SSRC "010161" "0708036b657976616c75"
	  "000000" },
	{ "BYE", "81cb0001" SSRC },
	{ "BYE of two, with a reason", "82cb0005" SSRC PEER
	  "097465617220646f776e" "0000" },
	{ "BYE with a reason of a whole word", "81cb0002" SSRC "03627965" },
	{ "BYE with an empty reason", "81cb0002" SSRC "00000000" },
	{ "BYE of nobody", "80cb0000" },
	{ "RR, SDES, BYE", RR CNAME "81cb0001" SSRC },
	{ "APP of a browser", "80cc0003" SSRC "676f6f67" "01020304" },
	{ "APP without data", "9fcc0002" SSRC "506f4331" },
	{ "SR, SDES, APP", SR CNAME "81cc0002" SSRC "20202020" },
	{ "PLI", "81ce0002" SSRC PEER },
	{ "PLI with padding", "a1ce0003" SSRC PEER "00000004" },
	{ "SLI", "82ce0003" SSRC PEER "00112233" },
	{ "RPSI", "83ce0003" SSRC PEER "08600001" },
	{ "FIR", "84ce0004" SSRC "00000000" PEER "07000000" },
	{ "FIR to two", "84ce0006" SSRC "00000000" PEER "07000000" SSRC
	  "08000000" },
	{ "REMB", "8fce0005" SSRC "00000000" "52454d42" "01090fff" PEER },
	{ "NACK", "81cd0003" SSRC PEER "12340001" },
	{ "NACK of many", "81cd0005" SSRC PEER "12340001" "2234ffff" "32340000" },
	{ "TMMBR", "83cd0004" SSRC "00000000" PEER "12345678" },
	{ "TMMBN of nothing", "84cd0002" SSRC "00000000" },
	{ "request for an SR", "85cd0002" SSRC PEER },
	{ "ECN feedback", "88cd0007" SSRC PEER "00000001" "0000000000000001"
	  "0000000000000002" },
	{ "congestion control", "8bcd0006" SSRC PEER PEER "12340002" "80018002"
	  "c0de8000" },
	{ "transport-wide, one byte of padding", "afcd0005" SSRC PEER "00010001"
	  "00000700" "2001" "04" "01" },
	{ "transport-wide, two bytes", "afcd0005" SSRC PEER "00010001" "00000700"
	  "0001" "0002" },
	{ "transport-wide, three bytes", "afcd0006" SSRC PEER "00010003"
	  "00000700" "2003" "040404" "000003" },
	{ "transport-wide", "8fcd0005" SSRC PEER "00010002" "00000700"
	  "20020404" },
	{ "XR with a reference time", "80cf0004" SSRC "04000002" NTP },
	{ "RR, XR with DLRR", RR "80cf0005" SSRC "05000003" PEER "c0de8000"
	  "00010000" },
	{ "XR without blocks", "80cf0001" SSRC },
	{ "XR with two blocks", "80cf0006" SSRC "04000002" NTP "01000001"
	  "11223344" },
	{ "FIR of RFC 2032", "80c00001" SSRC },
	{ "NACK of RFC 2032", "80c10002" SSRC "00010002" },
	{ "RR, jitter of RFC 5450", RR "81c30001" "00000010" },
	{ "SR, SDES, RSI of RFC 5760", SR CNAME "80d10004" SSRC PEER NTP },
	{ "SR, SDES, IDMS of RFC 7272", SR CNAME "80d30001" SSRC },
	{ "SR, SDES, two of feedback", SR CNAME "81ce0002" SSRC PEER
	  "81cd0003" SSRC PEER "12340001" },
	{ "two of feedback", "81ce0002" SSRC PEER "81cd0003" SSRC PEER
	  "12340001" },
	{ "BYE with a reason and padding", "a1cb0003" SSRC "03627965"
	  "00000004" },
};

static const struct sample bad[] = {
	/* of a length that is not theirs */
	{ "SR too short", "80c80005" SSRC NTP "00010203" "00000064" },
	{ "SR with an extension, alone", "80c80007" SENDER "11223344" },
	{ "SR with an extension, last", CNAME "80c80007" SENDER "11223344" },
	{ "SR without its block", "81c80006" SENDER },
	{ "RR without its block", "81c90001" SSRC },
	{ "RR with a block too many", "80c90007" SSRC BLOCK },
	{ "RR without SSRC", "80c90000" },
	{ "report that ends in the next packet", "80c80007" SENDER CNAME },
	{ "report longer than the datagram", "81c90008" SSRC BLOCK },
	{ "header cut off", RR "81ca00" },
	{ "PLI with a word behind", "81ce0003" SSRC PEER "11223344" },
	{ "PLI too short", "81ce0001" SSRC },
	{ "NACK of nothing", "81cd0002" SSRC PEER },
	{ "FIR of a half", "84ce0003" SSRC PEER "11223344" },
	{ "TMMBR of nothing", "83cd0002" SSRC PEER },
	{ "ECN feedback too long", "88cd0008" SSRC PEER "00000001"
	  "0000000000000001" "0000000000000002" "00000000" },
	{ "transport-wide without a chunk", "8fcd0004" SSRC PEER "00010002"
	  "00000700" },
	{ "FIR of RFC 2032, too long", "80c00002" SSRC "00000000" },
	{ "NACK of RFC 2032, too short", "80c10001" SSRC },
	{ "APP without a name", "80cc0001" SSRC },
	/* of a structure that is not theirs */
	{ "APP with a name that is none", "80cc0002" SSRC "676f6f1f" },
	{ "APP with a name beyond ASCII", "80cc0002" SSRC "7f6f6f67" },
	{ "SDES with a chunk too few", "82ca0003" SSRC "0103612e62000000" },
	{ "SDES with a chunk too many", "81ca0005" SSRC "0103612e62000000" SSRC
	  "00000000" },
	{ "SDES with an item too long", "81ca0003" SSRC "0107612e62000000" },
	{ "SDES with half an item", "81ca0003" SSRC "0105612e62632e01" },
	{ "SDES with a tail", "81ca0004" SSRC "0103612e62000000" "00000000" },
	{ "SDES filled up with something", "81ca0003" SSRC "0103612e62000001" },
	{ "SDES of nobody with something", "80ca0001" SSRC },
	{ "BYE without its sources", "82cb0001" SSRC },
	{ "BYE of nobody with a reason", "80cb0001" "03627965" },
	{ "BYE with a reason too long", "81cb0002" SSRC "04627965" },
	{ "BYE with a reason too short", "81cb0003" SSRC "03627965" "00000000" },
	{ "XR with a block too long", "80cf0003" SSRC "04000002" "00000000" },
	{ "XR with a block of no type", "80cf0002" SSRC "00000000" },
	{ "XR without SSRC", "80cf0000" },
	{ "RTPFB of no format", "80cd0003" SSRC PEER "11223344" },
	{ "RTPFB of format 2", "82cd0003" SSRC PEER "11223344" },
	{ "PSFB of no format", "80ce0003" SSRC PEER "11223344" },
	{ "PSFB of format 11", "8bce0003" SSRC PEER "11223344" },
	/* padding */
	{ "padding of zero", "a1ce0003" SSRC PEER "00000000" },
	{ "padding longer than the packet", "a1ce0003" SSRC PEER "0000000d" },
	{ "padding that leaves too little", "a1ce0003" SSRC PEER "00000008" },
	{ "padding of nothing", "bfc80000" },
	{ "padding of the first packet", "a1ce0003" SSRC PEER "00000004" CNAME },
	/* in a place that is not theirs */
	{ "jitter of RFC 5450, alone", "81c30001" "00000010" },
	{ "RSI of RFC 5760, alone", "80d10004" SSRC PEER NTP },
	{ "RSI behind SDES", CNAME "80d10004" SSRC PEER NTP },
	{ "RTP behind a report", RR "80600001" "00000000" SSRC "11223344" },
	{ "version 1 behind a report", RR "41ca0003" SSRC "0103612e62000000" },
	{ "version 3 behind a report", RR "c1ca0003" SSRC "0103612e62000000" },
	{ "SRTCP: index and tag", SR "80000001" "11223344556677889900" },
};

static void put_hex(struct packet *packet, const char *hex)
{
	unsigned int byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		put_be(packet, byte, 1);
}

/* From a heap copy that ends where the bytes end, so that ASan sees */
static enum e2ee_rtp_kind parse_bytes(const u8 *data, size_t len)
{
	enum e2ee_rtp_kind kind;
	struct e2ee_rtp rtp;
	u8 *copy;

	copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, data, len);
	kind = e2ee_rtp_parse(copy, len, &rtp);
	free(copy);
	return kind;
}

static enum e2ee_rtp_kind parse(const struct packet *packet)
{
	return parse_bytes(packet->data, packet->len);
}

static void expect(const struct sample *sample, enum e2ee_rtp_kind kind)
{
	struct packet packet = { 0 };

	put_hex(&packet, sample->hex);
	EXPECT_EQ(strlen(sample->hex), 2 * packet.len);
	if (parse(&packet) != kind) {
		printf("# %s\n", sample->name);
		EXPECT_EQ(parse(&packet), kind);
	}
}

static void rtcp_of_all_kinds(void)
{
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		expect(&good[i], E2EE_RTP_RTCP);
}

static void what_only_looks_like_rtcp(void)
{
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect(&bad[i], E2EE_RTP_DISGUISED);
}

/* No part of a datagram is RTCP unless it ends where a packet does. */
static void no_byte_less_and_no_byte_more(void)
{
	struct packet packet;
	size_t i, len;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		memset(&packet, 0, sizeof(packet));
		put_hex(&packet, good[i].hex);
		for (len = 1; len < packet.len; len++)
			if (len % 4)
				EXPECT_EQ(parse_bytes(packet.data, len),
					  E2EE_RTP_DISGUISED);
		for (len = 1; len < 40; len++) {
			put_zero(&packet, 1);
			EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
		}
	}
}

/* Types that IANA lists; alone, most want more than two words */
static void types(void)
{
	unsigned int type;

	for (type = 0; type < 256; type++) {
		struct packet packet = { 0 };
		bool listed = (type >= 192 && type <= 195) ||
			      (type >= 200 && type <= 213);

		put_hex(&packet, RR);
		put_be(&packet, 0x80, 1);
		put_be(&packet, type, 1);
		put_hex(&packet, "0002" SSRC "20202020");
		/* those for which these three words are wrong */
		switch (type) {
		case 192: case 202: case 203: case 200: case 205: case 206:
			listed = false;
			break;
		case 201: case 207:
			/* an extension at the end; a block too long */
			listed = false;
			break;
		}
		EXPECT_EQ(parse(&packet), listed ? E2EE_RTP_RTCP :
			  E2EE_RTP_DISGUISED);
	}
}

/*
 * RTP with a type of RTCP, a marker and the sequence number that fits its length.
 * Without CSRCs and extension one form is left that is an SR in every detail: 16
 * bytes of payload.
 */
static void rtp_in_the_length_of_rtcp(void)
{
	unsigned long long seed = 5761;
	unsigned int pt, words, loops;
	size_t i;

	for (pt = 64; pt <= 95; pt++) {
		for (words = 3; words < 400; words++) {
			for (loops = 0; loops < 4; loops++) {
				struct packet packet = { 0 };

				put_rtp(&packet, 0x80, (u8)(0x80 | pt));
				put_zero(&packet, 4 * words - 11);
				packet.len = 4 * (words + 1);
				for (i = 12; i < packet.len; i++)
					packet.data[i] = (u8)(tap_random(&seed)
							      >> 40);
				packet.data[2] = (u8)(words >> 8);
				packet.data[3] = (u8)words;
				EXPECT_EQ(parse(&packet) == E2EE_RTP_RTCP,
					  pt == 72 && words == 6);
			}
		}
	}
}

/* With marker or without, and whatever the sequence number: RTP at any rate */
static void rtp_of_every_sequence_number(void)
{
	unsigned int seq, second;

	for (second = 0x40; second < 0x60; second++) {
		for (seq = 0; seq < 65536; seq++) {
			struct packet packet = { 0 };

			put_rtp(&packet, 0x80, (u8)(0x80 | second));
			put_zero(&packet, 60);
			packet.data[2] = (u8)(seq >> 8);
			packet.data[3] = (u8)seq;
			EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
			packet.data[1] = (u8)second;
			EXPECT_EQ(parse(&packet), E2EE_RTP_DISGUISED);
		}
	}
}

int main(void)
{
	tap_start();
	TAP_RUN(rtcp_of_all_kinds);
	TAP_RUN(what_only_looks_like_rtcp);
	TAP_RUN(no_byte_less_and_no_byte_more);
	TAP_RUN(types);
	TAP_RUN(rtp_in_the_length_of_rtcp);
	TAP_RUN(rtp_of_every_sequence_number);
	return tap_end();
}
