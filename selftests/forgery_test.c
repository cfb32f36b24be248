// SPDX-License-Identifier: GPL-2.0
/*
 * An attacker on the wire: replays, alters, invents and reflects packets. Each
 * is dropped under exactly one counter, nothing of it is delivered, and none of
 * them disturbs what is genuine.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>

#include "lib/document.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/scene.h"

#define SSRC	0x11223344
#define PAYLOAD	64

FIXTURE(forgery)
{
	struct scene scene;
	struct sframe_key key;	/* the socket receives with it */
	struct sframe_key own;	/* and sends with this one */
};

FIXTURE_VARIANT(forgery)
{
	enum sock_kind kind;
	uint32_t window;	/* packets; 0: default */
};

FIXTURE_VARIANT_ADD(forgery, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(forgery, v6) { .kind = SOCK_V6, .window = 64 };
FIXTURE_VARIANT_ADD(forgery, mapped) { .kind = SOCK_MAPPED, .window = 65536 };

FIXTURE_SETUP(forgery)
{
	struct ctl_session options = { .window = variant->window };

	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, &options));
	/* two bytes of KID and, from CTR 0x4567 on, two of CTR */
	sframe_key_random(&self->key, 5, 0x123);
	sframe_key_random(&self->own, 5, 0x124);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &self->key, NULL));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->own, NULL));
}

FIXTURE_TEARDOWN(forgery)
{
	scene_close(&self->scene);
}

/* A genuine packet in clear and, unless @wire is NULL, as it is on the wire. */
static size_t both(uint8_t *clear, uint8_t *wire, const struct sframe_key *key,
		   uint64_t ctr)
{
	static uint8_t payload[PAYLOAD];
	struct rtp rtp = {
		.pt = 96, .seq = (uint16_t)ctr, .ssrc = SSRC,
		.payload = payload, .len = PAYLOAD,
	};

	rtp_fill(payload, PAYLOAD, (unsigned int)ctr);
	rtp_build(clear, &rtp);
	return wire ? rtp_seal(wire, &rtp, key, ctr) : 0;
}

static size_t genuine(uint8_t *out, const struct sframe_key *key, uint64_t ctr)
{
	uint8_t clear[RTP_HEADER + PAYLOAD];

	return both(clear, out, key, ctr);
}

/* What the last injection had the socket deliver */
static struct {
	unsigned int num;
	size_t len;		/* of the last one */
	uint8_t bytes[RTP_ROOM];
} delivered;

static unsigned int number_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? (unsigned int)strtoul(at + strlen(name), NULL, 10) : 0;
}

/*
 * What the socket counts of a packet on the wire: "rx_ok+1", and so on. Where
 * not as many are delivered as are counted for it, that is said, too.
 */
static const char *inject(struct scene *scene, int fd, const uint8_t *wire,
			  size_t len)
{
	uint8_t marker[64], got[RTP_ROOM];
	static char wrong[600];
	const char *counted;
	int n, marker_len;

	delivered.num = 0;
	sock_send(scene->peer, wire, len, NULL);
	marker_len = (int)stun_build(marker);
	sock_send(scene->peer, marker, (size_t)marker_len, NULL);
	for (;;) {
		n = sock_recv(fd, got, sizeof(got));
		if (n < 0)
			return "marker lost";
		if (n == marker_len && !memcmp(got, marker, (size_t)n))
			break;
		delivered.num++;
		delivered.len = (size_t)n;
		memcpy(delivered.bytes, got, (size_t)n);
	}
	scene->session_before[E2EE_A_STAT_RX_OTHER]++;
	scene->socket_before[E2EE_A_STAT_RX_OTHER]++;
	counted = scene_changes(scene);
	if (delivered.num == number_behind(counted, "rx_ok+") +
			     number_behind(counted, "rx_other+"))
		return counted;
	snprintf(wrong, sizeof(wrong), "%s, but %u delivered", counted,
		 delivered.num);
	return wrong;
}

static bool delivered_is(const uint8_t *bytes, size_t len)
{
	return delivered.num == 1 && delivered.len == len &&
	       !memcmp(delivered.bytes, bytes, len);
}

static const char *inject_genuine(struct scene *scene,
				  const struct sframe_key *key, uint64_t ctr)
{
	uint8_t clear[RTP_HEADER + PAYLOAD], wire[256];
	const char *counted;

	counted = inject(scene, scene->fd, wire, both(clear, wire, key, ctr));
	return delivered.num && !delivered_is(clear, sizeof(clear)) ?
	       "delivered, but not as it was sealed" : counted;
}

static void swap_fds(int *a, int *b)
{
	int fd = *a;

	*a = *b;
	*b = fd;
}

TEST_F(forgery, duplicates)
{
	for (uint64_t ctr = 0; ctr < 70; ctr++) {
		EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key,
						       ctr));
		EXPECT_STREQ("rx_replay+1",
			     inject_genuine(&self->scene, &self->key, ctr));
	}
	EXPECT_STREQ("rx_replay+1",
		     inject_genuine(&self->scene, &self->key, 69));
}

TEST_F(forgery, edges_of_the_window)
{
	uint64_t window = variant->window ? variant->window :
					    E2EE_WINDOW_DEFAULT;
	uint64_t high = 3 * window + 5;
	struct scene *scene = &self->scene;
	const struct sframe_key *key = &self->key;

	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high));
	EXPECT_STREQ("rx_replay+1", inject_genuine(scene, key, high - window));
	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high - window + 1));
	EXPECT_STREQ("rx_replay+1",
		     inject_genuine(scene, key, high - window + 1));
	EXPECT_STREQ("rx_replay+1", inject_genuine(scene, key, 0));
	/* a step forward pushes the oldest out */
	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high + 1));
	EXPECT_STREQ("rx_replay+1",
		     inject_genuine(scene, key, high - window + 1));
	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high - window + 2));
	/* and a leap all of them */
	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high + 9 * window));
	EXPECT_STREQ("rx_replay+1", inject_genuine(scene, key, high + 2));
	EXPECT_STREQ("rx_ok+1",
		     inject_genuine(scene, key, high + 8 * window + 1));
	/* in the window: any order */
	for (uint64_t i = 60; i > 50; i--) {
		EXPECT_STREQ("rx_ok+1",
			     inject_genuine(scene, key,
					    high + 9 * window - i));
	}
}

TEST_F(forgery, a_forged_ctr_does_not_move_the_window)
{
	uint8_t wire[256];
	size_t len;

	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key, 5));
	len = genuine(wire, &self->key, UINT64_MAX - 2);
	wire[len - 1] ^= 0x80;
	EXPECT_STREQ("rx_auth_fail+1",
		     inject(&self->scene, self->scene.fd, wire, len));
	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key, 6));
	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key, 0));
}

/*
 * Sockets that are open at the same time receive independently: a second one has a
 * window of its own, which begins where the key stands.
 */
TEST_F(forgery, second_socket_has_a_window_of_its_own)
{
	uint64_t window = variant->window ? variant->window :
					    E2EE_WINDOW_DEFAULT;
	struct scene *scene = &self->scene;
	uint8_t wire[256], got[256];
	struct addr addr;
	size_t len;
	int fd;

	EXPECT_STREQ("rx_ok+1",
		     inject_genuine(scene, &self->key, 5 * window));
	fd = sock_udp(variant->kind, 0, &addr);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ctl_attach(&scene->ctl, scene->session, fd, NULL));
	ASSERT_EQ(0, sock_connect(scene->peer, &addr));

	swap_fds(&fd, &scene->fd);
	ASSERT_EQ(0, ctl_socket_stats(&scene->ctl, scene->fd,
				      scene->socket_before));
	len = genuine(wire, &self->key, 4 * window - 1);
	EXPECT_STREQ("rx_replay+1", inject(scene, scene->fd, wire, len)) {
		TH_LOG("older than the window of the key");
	}
	len = both(got, wire, &self->key, 4 * window + 1);
	EXPECT_STREQ("rx_ok+1", inject(scene, scene->fd, wire, len));
	EXPECT_TRUE(delivered_is(got, RTP_HEADER + PAYLOAD));
	len = both(got, wire, &self->key, 5 * window);
	EXPECT_STREQ("rx_ok+1", inject(scene, scene->fd, wire, len));
	EXPECT_TRUE(delivered_is(got, RTP_HEADER + PAYLOAD));
	close(fd);
}

/* An attached socket in place of that of the scene, which is closed */
static int replace_socket(struct scene *scene)
{
	struct addr addr;
	int fd = sock_udp(scene->kind, 0, &addr);

	if (fd < 0)
		return fd;
	close(scene->fd);
	scene->fd = fd;
	return ctl_attach(&scene->ctl, scene->session, fd, NULL) ?:
	       sock_connect(scene->peer, &addr) ?:
	       ctl_socket_stats(&scene->ctl, fd, scene->socket_before);
}

/* What a closed socket received, no other gets again, at once or later. */
TEST_F(forgery, fresh_socket_is_no_way_to_replay)
{
	const struct sframe_key *key = &self->key;
	struct scene *scene = &self->scene;
	const uint64_t high = 5000;
	uint64_t next = high + 1;

	EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, high));
	for (int gone = 0; gone < 2; gone++) {
		ASSERT_EQ(0, replace_socket(scene));
		if (gone) {
			ASSERT_TRUE(objects_come_to("window", 0));
		}
		/* seen or not: that is not known of a window that is gone */
		for (uint64_t back = 1; back < 70; back += 17) {
			EXPECT_STREQ("rx_replay+1",
				     inject_genuine(scene, key, next - back)) {
				TH_LOG("%" PRIu64 " before, %s", back,
				       gone ? "later" : "at once");
			}
		}
		EXPECT_STREQ("rx_ok+1", inject_genuine(scene, key, next));
		EXPECT_STREQ("rx_replay+1", inject_genuine(scene, key, next));
		next++;
	}
}

/*
 * Every bit of a packet. What SFrame covers must be refused; the RTP header,
 * which servers rewrite, and S and E of the descriptor are not covered.
 */
struct region {
	const char *name;
	unsigned int first;	/* byte */
	unsigned int last;
	uint8_t mask;		/* bits */
	const char *counted;	/* NULL: as a packet of its CTR with a wrong tag */
	const char *bound;	/* where the key is bound to an SSRC; NULL: same */
};

#define OK		"rx_ok+1"
#define CLEAR		"rx_clear_dropped+1"
#define MALFORMED	"rx_malformed+1"
#define NO_KEY		"rx_no_key+1"
#define OTHER_SSRC	"rx_ssrc+1"
#define REPLAY		"rx_replay+1"
#define AUTH_FAIL	"rx_auth_fail+1"

#define AT_SFRAME	(RTP_HEADER + 1)
#define AT_CTR		(AT_SFRAME + 3)
#define AT_BODY		(AT_SFRAME + 5)
#define WHOLE		(AT_BODY + PAYLOAD + SFRAME_TAG)

static const struct region regions[] = {
	{ "version", 0, 0, 0xc0, MALFORMED },
	{ "padding bit; the tag would end with a count", 0, 0, 0x20, AUTH_FAIL },
	{ "extension bit; its length would be the KID", 0, 0, 0x10, MALFORMED },
	{ "CSRC count", 0, 0, 0x0f, CLEAR },
	{ "marker", 1, 1, 0x80, OK },
	{ "payload type, to one of RTCP", 1, 1, 0x20, MALFORMED },
	{ "payload type", 1, 1, 0x5f, OK },
	{ "sequence number, timestamp", 2, 7, 0xff, OK },
	{ "SSRC", 8, 11, 0xff, OK, OTHER_SSRC },
	{ "descriptor: S, E", 12, 12, 0xc0, OK },
	{ "descriptor: T, reserved", 12, 12, 0x3f, CLEAR },
	{ "config: KID is here", 13, 13, 0x80, NO_KEY },
	{ "config: KID is longer", 13, 13, 0x60, NO_KEY },
	{ "config: KID is shorter, a 1", 13, 13, 0x10, MALFORMED },
	{ "config: place and length of CTR", 13, 13, 0x0f, NULL },
	{ "KID, its first byte gets 0", 14, 14, 0x01, MALFORMED },
	{ "KID", 14, 15, 0xff, NO_KEY },
	{ "CTR", 16, 17, 0xff, NULL },
	{ "ciphertext, tag", AT_BODY, WHOLE - 1, 0xff, AUTH_FAIL },
};

static const struct region *region_of(size_t byte, uint8_t bit)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(regions); i++)
		if (byte >= regions[i].first && byte <= regions[i].last &&
		    regions[i].mask & bit)
			return &regions[i];
	return NULL;
}

/* The table, for people, and for the document that has it */
TEST(table_of_bits)
{
	const struct region *region;
	struct document doc;

	document_begin(&doc, "One bit of", "Counted; if the key is bound");
	for (region = regions; region < regions + ARRAY_SIZE(regions); region++)
		document_row(&doc, region->name, region->counted ?
			     region->counted : "rx_auth_fail, old: rx_replay",
			     region->bound);
	document_end(&doc);
	EXPECT_STREQ("", document_lacks("security.rst", &doc));
}

static bool like_descriptor(uint8_t byte)
{
	return (byte & 0x3f) == 0x20;
}

/*
 * Ciphertext is random. It must not look like a descriptor where a header with
 * CSRCs would end, nor like a CTR of too many bytes behind a longer KID, and
 * must end like a count of padding that leaves room for SFrame.
 */
static bool is_usual(const uint8_t *wire)
{
	return !like_descriptor(wire[16]) && !like_descriptor(wire[20]) &&
	       !like_descriptor(wire[28]) && !like_descriptor(wire[44]) &&
	       wire[18] && wire[20] && wire[WHOLE - 1] &&
	       wire[WHOLE - 1] <= PAYLOAD;
}

/* What a receiver has seen of a key */
struct seen {
	uint64_t window;
	uint64_t high;
	bool ctrs[65536];
};

static const char *by_ctr(const struct seen *seen, const uint8_t *wire)
{
	unsigned int bytes = (wire[AT_SFRAME] & 7U) + 1;
	const uint8_t *at = wire + AT_CTR;
	uint64_t ctr = 0;

	if (!(wire[AT_SFRAME] & 8))
		ctr = bytes - 1;
	else
		while (bytes--)
			ctr = ctr << 8 | *at++;
	return ctr + seen->window <= seen->high ||
	       (ctr < ARRAY_SIZE(seen->ctrs) && seen->ctrs[ctr]) ? REPLAY :
								   AUTH_FAIL;
}

/* The first CTR from @ctr on whose packet is usual */
static uint64_t usual(const struct sframe_key *key, uint64_t ctr,
		      uint8_t *clear, uint8_t *wire)
{
	while (both(clear, wire, key, ctr) != WHOLE || !is_usual(wire))
		ctr++;
	return ctr;
}

/* One bit: "" or what is wrong */
static const char *flip(struct scene *scene, const struct sframe_key *key,
			size_t bit, uint64_t ctr, bool bound,
			const struct seen *seen)
{
	uint8_t clear[RTP_HEADER + PAYLOAD], wire[256], mask = 1 << bit % 8;
	const struct region *region = region_of(bit / 8, mask);
	const char *counted, *wanted;
	static char wrong[800];

	if (!region)
		return "in no region";
	usual(key, ctr, clear, wire);
	wire[bit / 8] ^= mask;
	wanted = bound && region->bound ? region->bound : region->counted;
	if (!wanted)
		wanted = by_ctr(seen, wire);
	counted = inject(scene, scene->fd, wire, WHOLE);
	snprintf(wrong, sizeof(wrong), "%s, bit %zu of byte %zu: %s instead of %s",
		 region->name, bit % 8, bit / 8, counted, wanted);
	if (strcmp(counted, wanted))
		return wrong;
	/* what servers rewrite comes out as they wrote it */
	if (bit / 8 < RTP_HEADER)
		clear[bit / 8] ^= mask;
	if (!strcmp(wanted, OK) && !delivered_is(clear, sizeof(clear)))
		return "delivered, but not as it was on the wire";
	/* was not, or was, spent by it */
	counted = inject_genuine(scene, key, ctr);
	snprintf(wrong, sizeof(wrong), "%s, bit %zu: genuine one after it: %s",
		 region->name, bit, counted);
	return strcmp(counted, strcmp(wanted, OK) ? OK : REPLAY) ? wrong : "";
}

static void flip_all(FIXTURE_DATA(forgery) *self, const struct sframe_key *key,
		     bool bound, uint64_t window,
		     struct __test_metadata *_metadata)
{
	struct seen seen = { .window = window };
	uint8_t clear[RTP_HEADER + PAYLOAD], wire[256];
	uint64_t ctr = 0x4567;

	for (size_t bit = 0; bit < 8 * WHOLE; bit++, ctr++) {
		ctr = usual(key, ctr, clear, wire);
		ASSERT_GT(ARRAY_SIZE(seen.ctrs), ctr);
		EXPECT_STREQ("", flip(&self->scene, key, bit, ctr, bound,
				      &seen));
		seen.ctrs[ctr] = true;
		seen.high = ctr;
	}
}

TEST_F(forgery, flipped_bits)
{
	uint64_t window = variant->window ? variant->window :
					    E2EE_WINDOW_DEFAULT;
	struct ctl_key more = { .mode = E2EE_SSRC_NUMBER, .ssrc = SSRC };
	struct sframe_key bound;

	flip_all(self, &self->key, false, window, _metadata);
	/* no neighbour of the other KIDs */
	sframe_key_random(&bound, 5, 0x1cc);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &bound, &more));
	flip_all(self, &bound, true, window, _metadata);
}

/* With the padding bit, the last byte of the tag is taken for a count. */
TEST_F(forgery, padding_bit)
{
	static const struct {
		unsigned int first, last;
		const char *counted;
	} counts[] = {
		{ 0, 0, MALFORMED },
		{ 1, PAYLOAD, AUTH_FAIL },
		/* no room for SFrame, no payload at all, too many */
		{ PAYLOAD + 1, WHOLE - RTP_HEADER - 1, MALFORMED },
		{ WHOLE - RTP_HEADER, WHOLE - RTP_HEADER, "rx_other+1" },
		{ WHOLE - RTP_HEADER + 1, 255, MALFORMED },
	};
	uint8_t wire[256], last;
	uint64_t ctr = 0x4567;

	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++, ctr++) {
		for (;; ctr++) {
			ASSERT_EQ(WHOLE, genuine(wire, &self->key, ctr));
			last = wire[WHOLE - 1];
			if (last >= counts[i].first && last <= counts[i].last)
				break;
		}
		wire[0] |= 0x20;
		EXPECT_STREQ(counts[i].counted,
			     inject(&self->scene, self->scene.fd, wire,
				    WHOLE)) {
			TH_LOG("padding of %u", last);
		}
		if (delivered.num)
			EXPECT_TRUE(delivered_is(wire, WHOLE));
		EXPECT_STREQ(OK, inject_genuine(&self->scene, &self->key, ctr));
	}
}

TEST_F(forgery, cut_short)
{
	uint8_t wire[256];
	const char *counted;
	size_t whole, len;

	whole = genuine(wire, &self->key, 0x4567);
	for (len = whole - 1; len > RTP_HEADER; len--) {
		counted = inject(&self->scene, self->scene.fd, wire, len);
		EXPECT_STREQ(len < AT_BODY + SFRAME_TAG ?
			     "rx_malformed+1" : "rx_auth_fail+1", counted) {
			TH_LOG("%zu bytes", len);
		}
	}
	EXPECT_STREQ("rx_ok+1",
		     inject_genuine(&self->scene, &self->key, 0x4567));
}

TEST_F(forgery, lengthened)
{
	uint8_t clear[RTP_HEADER + PAYLOAD + 1] = { 0 }, wire[256] = { 0 };
	size_t len = both(clear, wire, &self->key, 0x4567);

	EXPECT_STREQ("rx_auth_fail+1",
		     inject(&self->scene, self->scene.fd, wire, len + 1));
	/* announced as padding it is outside of SFrame, and passes */
	wire[0] |= 0x20;
	wire[len] = 1;
	EXPECT_STREQ("rx_ok+1",
		     inject(&self->scene, self->scene.fd, wire, len + 1));
	clear[0] |= 0x20;
	clear[RTP_HEADER + PAYLOAD] = 1;
	EXPECT_TRUE(delivered_is(clear, sizeof(clear)));
}

TEST_F(forgery, wrong_key)
{
	struct sframe_key wrong;

	sframe_key_random(&wrong, 5, self->key.kid);
	EXPECT_STREQ("rx_auth_fail+1",
		     inject_genuine(&self->scene, &wrong, 1));
	wrong = self->key;
	wrong.salt[11] ^= 1;
	EXPECT_STREQ("rx_auth_fail+1",
		     inject_genuine(&self->scene, &wrong, 1));
	wrong = self->key;
	wrong.suite = E2EE_SUITE_AES_128_GCM_SHA256_128;
	EXPECT_STREQ("rx_auth_fail+1",
		     inject_genuine(&self->scene, &wrong, 1));
	wrong = self->key;
	wrong.kid++;
	EXPECT_STREQ("rx_no_key+1", inject_genuine(&self->scene, &wrong, 1));
	wrong.kid = UINT64_MAX;
	EXPECT_STREQ("rx_no_key+1", inject_genuine(&self->scene, &wrong, 1));
}

/* A sending key does not open: own packets, sent back, are strangers'. */
TEST_F(forgery, reflected)
{
	uint8_t packet[100], wire[256];
	int n;

	rtp_plain(packet, sizeof(packet), SSRC, 1);
	ASSERT_EQ(100, sock_send(self->scene.fd, packet, 100, NULL));
	n = sock_recv(self->scene.peer, wire, sizeof(wire));
	ASSERT_LT(100, n);
	scene_changes(&self->scene);
	EXPECT_STREQ("rx_no_key+1",
		     inject(&self->scene, self->scene.fd, wire, (size_t)n));
}

TEST_F(forgery, bound_to_an_ssrc)
{
	struct ctl_key bound = { .mode = E2EE_SSRC_NUMBER, .ssrc = SSRC };
	struct sframe_key exact, other;
	uint8_t wire[256];
	size_t len;

	sframe_key_random(&exact, 5, 7);
	sframe_key_random(&other, 5, 8);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &exact, &bound));
	bound.ssrc++;
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &other, &bound));
	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &exact, 1));
	EXPECT_STREQ("rx_ssrc+1", inject_genuine(&self->scene, &other, 1));
	len = genuine(wire, &exact, 2);
	wire[11] ^= 1;
	EXPECT_STREQ("rx_ssrc+1",
		     inject(&self->scene, self->scene.fd, wire, len));
	/* two keys of one KID: each SSRC has its own */
	exact = other;
	sframe_key_random(&exact, 5, 8);
	bound.ssrc = SSRC;
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &exact, &bound));
	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &exact, 1));
	EXPECT_STREQ("rx_auth_fail+1", inject_genuine(&self->scene, &other, 2));
}

/* A key that is gone opens nothing, and one that returns starts afresh. */
TEST_F(forgery, deleted_key)
{
	struct ctl_key id = {
		.dir = E2EE_DIR_RX, .mode = E2EE_SSRC_ANY,
		.kid = self->key.kid,
	};

	EXPECT_STREQ("rx_ok+1", inject_genuine(&self->scene, &self->key, 1));
	ASSERT_EQ(0, ctl_key_del(&self->scene.ctl, self->scene.session, &id));
	EXPECT_STREQ("rx_no_key+1",
		     inject_genuine(&self->scene, &self->key, 2));
}

/* 10,000 wrong tags: counted, and genuine packets still get through. */
TEST_F(forgery, burst)
{
	struct mmsghdr messages[50] = { 0 };
	struct iovec iov;
	uint8_t wire[256];
	unsigned int i;

	for (i = 0; i < 50; i++) {
		messages[i].msg_hdr.msg_iov = &iov;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (i = 0; i < 200; i++) {
		iov = (struct iovec){ wire, genuine(wire, &self->key, i) };
		wire[iov.iov_len - 1] ^= 1;
		ASSERT_EQ(50, sendmmsg(self->scene.peer, messages, 50, 0));
		/* Not taken at once, they wait in a queue of 1,000 packets */
		EXPECT_STREQ("rx_ok+1 rx_auth_fail+50",
			     inject_genuine(&self->scene, &self->key, i));
	}
}

TEST_HARNESS_MAIN
