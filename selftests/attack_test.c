// SPDX-License-Identifier: GPL-2.0
/*
 * An attacker on the path between two senders and us, who has all that they
 * sent and no key: a table of what he does with it and which counter it ends
 * under. Nothing of it is delivered, and what is genuine still comes through.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <arpa/inet.h>

#include "lib/document.h"
#include "lib/harness.h"
#include "lib/scene.h"

#define SSRC_A		0x0a0a0a0a
#define SSRC_B		0x0b0b0b0b
#define PAYLOAD		64
#define FRONT		(RTP_HEADER + 1)	/* then SFrame's header */
#define HEADER		3	/* config, KID and CTR of a byte each */
#define BODY		(FRONT + HEADER)
#define WHOLE		(BODY + PAYLOAD + SFRAME_TAG)
#define SSRC_RTX_A	0x0a0a0a97
#define SSRC_RTX_B	0x0b0b0b97
#define SSRC_SERVER	0x07070707
#define RTX_PT		97

FIXTURE(attack)
{
	struct scene scene;
	struct sframe_key a;	/* of two who send to us */
	struct sframe_key b;
	struct sframe_key own;	/* we send with */
	uint64_t ctr;		/* next of both */
};

FIXTURE_VARIANT(attack)
{
	enum sock_kind kind;
	uint32_t policy;
};

FIXTURE_VARIANT_ADD(attack, required) {
	.kind = SOCK_V4, .policy = E2EE_POLICY_REQUIRED,
};

FIXTURE_VARIANT_ADD(attack, optional) {
	.kind = SOCK_V6, .policy = E2EE_POLICY_OPTIONAL,
};

static int bound_key(struct scene *scene, const struct sframe_key *key,
		     uint32_t ssrc, uint32_t rtx_ssrc)
{
	const struct ctl_key more = {
		.mode = E2EE_SSRC_NUMBER, .ssrc = ssrc, .rtx_ssrc = &rtx_ssrc,
	};

	return scene_key(scene, E2EE_DIR_RX, key, &more);
}

FIXTURE_SETUP(attack)
{
	static const uint8_t rtx_pt = RTX_PT;
	const struct ctl_session options = {
		.policy = (int)variant->policy, .rtx_pt = &rtx_pt,
		.rtx_pts = 1,
	};

	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, &options));
	sframe_key_random(&self->a, 5, 0x1a);
	sframe_key_random(&self->b, 5, 0x1b);
	sframe_key_random(&self->own, 5, 0x1c);
	ASSERT_EQ(0, bound_key(&self->scene, &self->a, SSRC_A, SSRC_RTX_A));
	ASSERT_EQ(0, bound_key(&self->scene, &self->b, SSRC_B, SSRC_RTX_B));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->own, NULL));
	self->ctr = 0x10;	/* of a byte in the header, and stays so */
}

FIXTURE_TEARDOWN(attack)
{
	scene_close(&self->scene);
}

/* @key NULL: in clear */
static size_t sealed(uint8_t *out, const struct sframe_key *key, uint32_t ssrc,
		     uint64_t ctr)
{
	uint8_t payload[PAYLOAD];
	struct rtp rtp = {
		.pt = 96, .seq = (uint16_t)ctr, .ssrc = ssrc,
		.payload = payload, .len = sizeof(payload),
	};

	rtp_fill(payload, sizeof(payload), (unsigned int)ctr);
	return key ? rtp_seal(out, &rtp, key, ctr) : rtp_build(out, &rtp);
}

/* What he has: the next packet of each */
struct caught {
	uint8_t a[WHOLE];
	uint8_t b[WHOLE];
};

/* Each makes something of @out, the next packet of A, and says how long it is */
static size_t swap_kids(uint8_t *out, const struct caught *c)
{
	out[FRONT + 1] = c->b[FRONT + 1];
	return WHOLE;
}

static size_t swap_kids_and_ssrc(uint8_t *out, const struct caught *c)
{
	memcpy(out, c->b, BODY);
	return WHOLE;
}

static size_t splice_tag(uint8_t *out, const struct caught *c)
{
	memcpy(out + WHOLE - SFRAME_TAG, c->b + WHOLE - SFRAME_TAG,
	       SFRAME_TAG);
	return WHOLE;
}

static size_t splice_half(uint8_t *out, const struct caught *c)
{
	memcpy(out + BODY, c->b + BODY, PAYLOAD / 2);
	return WHOLE;
}

static size_t splice_behind(uint8_t *out, const struct caught *c)
{
	memcpy(out + WHOLE, c->b + FRONT, WHOLE - FRONT);
	return WHOLE + WHOLE - FRONT;
}

static size_t take_ssrc(uint8_t *out, const struct caught *c)
{
	memcpy(out + 8, c->b + 8, 4);
	return WHOLE;
}

static size_t next_ctr(uint8_t *out, const struct caught *c)
{
	out[FRONT + 2]++;
	return WHOLE;
}

static size_t truncate_tag(uint8_t *out, const struct caught *c)
{
	return WHOLE - 1;
}

static size_t truncate_to_tag(uint8_t *out, const struct caught *c)
{
	return BODY + SFRAME_TAG;
}

static size_t truncate_header(uint8_t *out, const struct caught *c)
{
	return BODY - 1;
}

static size_t as_padding(uint8_t *out, const struct caught *c)
{
	out[0] |= 0x20;
	out[WHOLE] = SFRAME_TAG + 1;
	return WHOLE + 1;
}

static size_t in_clear(uint8_t *out, const struct caught *c)
{
	rtp_fill(out + RTP_HEADER, PAYLOAD, 1);
	return RTP_HEADER + PAYLOAD;
}

static size_t without_descriptor(uint8_t *out, const struct caught *c)
{
	memmove(out + RTP_HEADER, out + FRONT, WHOLE - FRONT);
	out[RTP_HEADER] &= 0x0f;	/* a KID and CTR in the config byte */
	return WHOLE - 1;
}

static size_t whole_frame(uint8_t *out, const struct caught *c)
{
	out[RTP_HEADER] &= 0xdf;
	return WHOLE;
}

static size_t reserved_bit(uint8_t *out, const struct caught *c)
{
	out[RTP_HEADER] |= 1;
	return WHOLE;
}

static size_t longer_kid(uint8_t *out, const struct caught *c)
{
	/* the same KID in two bytes: another packet to who compares bytes */
	memmove(out + FRONT + 3, out + FRONT + 2, WHOLE - FRONT - 2);
	out[FRONT] = (uint8_t)((out[FRONT] & 0x8f) | 0x10);
	out[FRONT + 2] = out[FRONT + 1];
	out[FRONT + 1] = 0;
	return WHOLE + 1;
}

static size_t unknown_kid(uint8_t *out, const struct caught *c)
{
	out[FRONT + 1] = 0x77;
	return WHOLE;
}

/* What a server makes: the original sequence number comes before the payload */
static size_t retransmit(uint8_t *out, uint32_t ssrc)
{
	memmove(out + RTP_HEADER + 2, out + RTP_HEADER, WHOLE - RTP_HEADER);
	memcpy(out + RTP_HEADER, out + 2, 2);
	out[1] = RTX_PT;
	ssrc = htonl(ssrc);
	memcpy(out + 8, &ssrc, 4);
	return WHOLE + 2;
}

static size_t altered_rtx(uint8_t *out, const struct caught *c)
{
	size_t len = retransmit(out, SSRC_RTX_A);

	out[len - 1] ^= 1;
	return len;
}

static size_t rtx_of_b(uint8_t *out, const struct caught *c)
{
	return retransmit(out, SSRC_B);
}

static size_t rtx_of_b_by_its_ssrc(uint8_t *out, const struct caught *c)
{
	return retransmit(out, SSRC_RTX_B);
}

static size_t rtx_of_nobody(uint8_t *out, const struct caught *c)
{
	return retransmit(out, SSRC_SERVER);
}

static size_t media_as_rtx_ssrc(uint8_t *out, const struct caught *c)
{
	const uint32_t ssrc = htonl(SSRC_RTX_A);

	memcpy(out + 8, &ssrc, 4);
	return WHOLE;
}

static size_t as_rtcp_type(uint8_t *out, const struct caught *c)
{
	out[1] = 0xc8;
	return WHOLE;
}

static size_t version_one(uint8_t *out, const struct caught *c)
{
	out[0] ^= 0xc0;
	return WHOLE;
}

static size_t sealed_twice(uint8_t *out, const struct caught *c)
{
	/* as if the whole of it were the payload */
	memmove(out + BODY, out, WHOLE);
	memcpy(out, c->a, BODY);
	return BODY + WHOLE;
}

static const struct attack {
	const char *name;
	size_t (*make)(uint8_t *out, const struct caught *caught);
	const char *required;
	const char *optional;	/* NULL: the same; it may not take clear media */
} attacks[] = {
	{ "A's packet with B's KID", swap_kids, "rx_ssrc+1", NULL },
	{ "A's packet with B's headers", swap_kids_and_ssrc,
	  "rx_auth_fail+1", NULL },
	{ "A's packet with B's tag", splice_tag, "rx_auth_fail+1", NULL },
	{ "A's packet, half of it B's", splice_half, "rx_auth_fail+1", NULL },
	{ "B's packet behind A's", splice_behind, "rx_auth_fail+1", NULL },
	{ "A's packet with B's SSRC", take_ssrc, "rx_ssrc+1", NULL },
	{ "another CTR", next_ctr, "rx_auth_fail+1", NULL },
	{ "tag cut short", truncate_tag, "rx_auth_fail+1", NULL },
	{ "payload cut off", truncate_to_tag, "rx_auth_fail+1", NULL },
	{ "header cut off", truncate_header, "rx_malformed+1", "rx_clear+1" },
	{ "tag declared padding", as_padding, "rx_auth_fail+1", NULL },
	{ "downgrade: clear media", in_clear, "rx_clear_dropped+1",
	  "rx_clear+1" },
	{ "downgrade: no descriptor", without_descriptor,
	  "rx_clear_dropped+1", "rx_clear+1" },
	{ "downgrade: not the packet form", whole_frame,
	  "rx_clear_dropped+1", "rx_clear+1" },
	{ "downgrade: reserved bit", reserved_bit, "rx_clear_dropped+1",
	  "rx_clear+1" },
	{ "KID in more bytes", longer_kid, "rx_malformed+1", "rx_clear+1" },
	{ "unknown KID", unknown_kid, "rx_no_key+1", NULL },
	{ "as a retransmission, altered", altered_rtx, "rx_auth_fail+1", NULL },
	{ "as a retransmission under B's SSRC", rtx_of_b, "rx_ssrc+1", NULL },
	{ "as a retransmission under B's RTX SSRC", rtx_of_b_by_its_ssrc,
	  "rx_ssrc+1", NULL },
	{ "as a retransmission under an unknown SSRC", rtx_of_nobody,
	  "rx_ssrc+1", NULL },
	{ "media under A's RTX SSRC", media_as_rtx_ssrc, "rx_ssrc+1", NULL },
	{ "as RTCP", as_rtcp_type, "rx_malformed+1", "rx_clear+1" },
	{ "another version", version_one, "rx_malformed+1", "rx_clear+1" },
	{ "sealed twice", sealed_twice, "rx_auth_fail+1", NULL },
};

/* The table, for people, and for the document that has it */
TEST(table_of_attacks)
{
	const struct attack *attack;
	struct document doc;

	document_begin(&doc, "What he sends", "Counted; under ``optional``");
	for (attack = attacks; attack < attacks + ARRAY_SIZE(attacks); attack++)
		document_row(&doc, attack->name, attack->required,
			     attack->optional);
	document_end(&doc);
	EXPECT_STREQ("", document_lacks("security.rst", &doc));
}

/* What came through last */
static struct {
	int len;
	uint8_t bytes[RTP_ROOM];
} came;

/* Send, and how many came through; what was counted in @counted */
static int inject(struct scene *scene, const uint8_t *wire, size_t len,
		  const char **counted)
{
	uint8_t marker[64], got[RTP_ROOM];
	int n, num, marker_len = (int)stun_build(marker);

	sock_send(scene->peer, wire, len, NULL);
	sock_send(scene->peer, marker, (size_t)marker_len, NULL);
	for (num = 0;; num++) {
		n = sock_recv(scene->fd, got, sizeof(got));
		if (n < 0 || (n == marker_len && !memcmp(got, marker, n)))
			break;
		came.len = n;
		memcpy(came.bytes, got, (size_t)n);
	}
	scene->session_before[E2EE_A_STAT_RX_OTHER]++;
	scene->socket_before[E2EE_A_STAT_RX_OTHER]++;
	*counted = n < 0 ? "marker lost" : scene_changes(scene);
	return num;
}

/* A genuine packet, which comes through as it was sealed: what was counted */
static const char *inject_genuine(struct scene *scene, const uint8_t *wire,
				  uint32_t ssrc, uint64_t ctr)
{
	uint8_t clear[RTP_HEADER + PAYLOAD];
	const char *counted;
	int n;

	sealed(clear, NULL, ssrc, ctr);
	n = inject(scene, wire, WHOLE, &counted);
	if (!strcmp(counted, "rx_ok+1") &&
	    (n != 1 || came.len != sizeof(clear) ||
	     memcmp(came.bytes, clear, sizeof(clear))))
		return "counted, but not delivered as it was sealed";
	return counted;
}

TEST_F(attack, table)
{
	struct scene *scene = &self->scene;
	const struct attack *attack;
	const char *counted, *wanted;
	uint8_t out[4 * WHOLE];
	struct caught caught;

	for (attack = attacks; attack < attacks + ARRAY_SIZE(attacks);
	     attack++, self->ctr += 2) {
		ASSERT_EQ(WHOLE, sealed(caught.a, &self->a, SSRC_A, self->ctr));
		ASSERT_EQ(WHOLE, sealed(caught.b, &self->b, SSRC_B, self->ctr));
		memcpy(out, caught.a, WHOLE);
		wanted = variant->policy == E2EE_POLICY_OPTIONAL &&
			 attack->optional ? attack->optional :
					    attack->required;
		EXPECT_EQ(!strcmp(wanted, "rx_clear+1"),
			  inject(scene, out, attack->make(out, &caught),
				 &counted)) {
			TH_LOG("%s", attack->name);
		}
		EXPECT_STREQ(wanted, counted) {
			TH_LOG("%s", attack->name);
		}
		/* both are as good as before, once */
		EXPECT_STREQ("rx_ok+1", inject_genuine(scene, caught.a, SSRC_A,
						       self->ctr)) {
			TH_LOG("genuine one after: %s", attack->name);
		}
		EXPECT_STREQ("rx_ok+1", inject_genuine(scene, caught.b, SSRC_B,
						       self->ctr));
		EXPECT_EQ(0, inject(scene, caught.a, WHOLE, &counted));
		EXPECT_STREQ("rx_replay+1", counted) {
			TH_LOG("replayed after: %s", attack->name);
		}
	}
}

/* What a server may make of A's packets: each opens once, under A's SSRCs */
TEST_F(attack, true_retransmissions)
{
	static const uint32_t ssrcs[] = { SSRC_A, SSRC_RTX_A };
	struct scene *scene = &self->scene;
	const char *counted;
	uint8_t out[2 * WHOLE];

	for (unsigned int i = 0; i < ARRAY_SIZE(ssrcs); i++, self->ctr++) {
		sealed(out, &self->a, SSRC_A, self->ctr);
		EXPECT_EQ(1, inject(scene, out, retransmit(out, ssrcs[i]),
				    &counted));
		EXPECT_STREQ("rx_ok+1", counted);
		sealed(out, &self->a, SSRC_A, self->ctr);
		EXPECT_EQ(0, inject(scene, out, WHOLE, &counted));
		EXPECT_STREQ("rx_replay+1", counted);
	}
}

/* Each once, in whatever order, and none of them again */
TEST_F(attack, reordered)
{
	const unsigned int num = 60;
	struct scene *scene = &self->scene;
	uint8_t out[WHOLE];
	const char *counted;
	unsigned int i;

	for (i = 0; i < 2 * num; i++) {
		sealed(out, &self->a, SSRC_A, self->ctr + i * 37 % num);
		EXPECT_EQ(i < num, inject(scene, out, WHOLE, &counted));
		EXPECT_STREQ(i < num ? "rx_ok+1" : "rx_replay+1", counted);
	}
}

/* Our own packets, as they left, and dressed up as those of another */
TEST_F(attack, reflected)
{
	struct scene *scene = &self->scene;
	uint8_t packet[100], wire[256];
	const char *counted;
	int n;

	rtp_plain(packet, sizeof(packet), SSRC_A, 1);
	ASSERT_EQ(100, sock_send(scene->fd, packet, 100, NULL));
	n = sock_recv(scene->peer, wire, sizeof(wire));
	ASSERT_LT(100, n);
	scene_changes(scene);
	EXPECT_EQ(0, inject(scene, wire, (size_t)n, &counted));
	EXPECT_STREQ("rx_no_key+1", counted);
	/* a config byte, then the KID: that of A has as many bytes */
	wire[FRONT + 1] = 0x1a;
	EXPECT_EQ(0, inject(scene, wire, (size_t)n, &counted));
	EXPECT_STREQ("rx_auth_fail+1", counted);
}

TEST_HARNESS_MAIN
