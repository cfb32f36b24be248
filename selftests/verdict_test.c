// SPDX-License-Identifier: GPL-2.0
/*
 * The two tables of verdicts, cell by cell: what becomes of a packet, under
 * which counter, and what the sender is told.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "lib/harness.h"
#include "lib/kinds.h"
#include "lib/scene.h"

#define POLICIES	4

/* SSRCs of sending keys, and of packets on their way in */
#define SSRC_KEY	0x1001
#define SSRC_SPENT	0x1002	/* its key is at its limit */
#define SSRC_NO_KEY	0x1003
#define SSRC_BOUND	0x1004
#define SSRC_EXPIRED	0x1005	/* its key is past its lifetime */

/* received before the rows begin; the window is 4,096 wide */
#define CTR_OLD		10
#define CTR_SEEN	5000

FIXTURE(verdict)
{
	struct scene scene;
	struct ctl events;
	struct sframe_key tx;
	struct sframe_key rx;
	struct sframe_key rx_bound;
	struct sframe_key rx_expired;
};

FIXTURE_VARIANT(verdict)
{
	uint32_t policy;
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(verdict, required) {
	.policy = E2EE_POLICY_REQUIRED,
};

FIXTURE_VARIANT_ADD(verdict, required_errors) {
	.policy = E2EE_POLICY_REQUIRED, .flags = E2EE_SESSION_F_TX_ERRORS,
};

FIXTURE_VARIANT_ADD(verdict, optional) {
	.policy = E2EE_POLICY_OPTIONAL,
};

FIXTURE_VARIANT_ADD(verdict, optional_errors) {
	.policy = E2EE_POLICY_OPTIONAL, .flags = E2EE_SESSION_F_TX_ERRORS,
};

FIXTURE_VARIANT_ADD(verdict, off) {
	.policy = E2EE_POLICY_OFF, .flags = E2EE_SESSION_F_TX_ERRORS,
};

FIXTURE_VARIANT_ADD(verdict, blocked) {
	.policy = E2EE_POLICY_BLOCKED,
};

FIXTURE_VARIANT_ADD(verdict, blocked_errors) {
	.policy = E2EE_POLICY_BLOCKED, .flags = E2EE_SESSION_F_TX_ERRORS,
};

/* All keys are there while the policy is still required. */
static int install(struct scene *scene, uint32_t dir,
		   const struct sframe_key *key, uint32_t ssrc, uint64_t limit,
		   uint32_t expires)
{
	struct ctl_key more = {
		.mode = ssrc ? E2EE_SSRC_NUMBER : E2EE_SSRC_ANY,
		.ssrc = ssrc,
		.limit = limit,
		.soft_limit = limit,
		.expires = expires,
	};

	return scene_key(scene, dir, key, &more);
}

static int send_rtp(struct scene *scene, uint32_t ssrc, size_t len)
{
	static uint8_t packet[RTP_ROOM];

	rtp_plain(packet, len, ssrc, 1);
	return sock_send(scene->fd, packet, len, NULL);
}

static int receive_rtp(struct scene *scene, const struct sframe_key *key,
		       uint64_t ctr)
{
	uint8_t payload[50], wire[200];
	struct rtp rtp = {
		.pt = 96, .ssrc = 9, .payload = payload,
		.len = sizeof(payload),
	};

	rtp_fill(payload, sizeof(payload), 1);
	return sock_send(scene->peer, wire, rtp_seal(wire, &rtp, key, ctr),
			 NULL);
}

/* Lifetimes are told in seconds: wait for the end of one. */
static bool wait_expired(struct scene *scene, uint32_t dir, uint64_t kid,
			 uint32_t ssrc)
{
	struct ctl_key id = {
		.dir = dir, .kid = kid, .ssrc = ssrc,
		.mode = ssrc ? E2EE_SSRC_NUMBER : E2EE_SSRC_ANY,
	};
	int64_t end = now_ms() + SOCK_WAIT;
	struct ctl_key_info info;

	do {
		if (ctl_key_get(&scene->ctl, scene->session, &id, &info))
			return false;
	} while (!info.expired && now_ms() < end);
	return info.expired;
}

FIXTURE_SETUP(verdict)
{
	struct ctl_session options = { .flags = variant->flags };
	struct scene *scene = &self->scene;
	struct sframe_key spent, expired;
	uint8_t got[200];

	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, scene_open(scene, SOCK_V4, &options));
	ASSERT_EQ(0, ctl_events_open(&self->events));
	sframe_key_random(&self->tx, 5, 20);
	sframe_key_random(&spent, 5, 21);
	sframe_key_random(&expired, 5, 22);
	sframe_key_random(&self->rx, 5, 30);
	sframe_key_random(&self->rx_bound, 5, 31);
	sframe_key_random(&self->rx_expired, 5, 32);
	ASSERT_EQ(0, install(scene, E2EE_DIR_TX, &self->tx, SSRC_KEY, 0, 0));
	ASSERT_EQ(0, install(scene, E2EE_DIR_TX, &spent, SSRC_SPENT, 1, 0));
	ASSERT_EQ(0, install(scene, E2EE_DIR_TX, &expired, SSRC_EXPIRED, 0, 1));
	ASSERT_EQ(0, install(scene, E2EE_DIR_RX, &self->rx, 0, 0, 0));
	ASSERT_EQ(0, install(scene, E2EE_DIR_RX, &self->rx_bound, SSRC_BOUND,
			     0, 0));
	ASSERT_EQ(0, install(scene, E2EE_DIR_RX, &self->rx_expired, 0, 0, 1));
	ASSERT_EQ(100, send_rtp(scene, SSRC_SPENT, 100));
	ASSERT_LT(0, sock_recv(scene->peer, got, sizeof(got)));
	ASSERT_LT(0, receive_rtp(scene, &self->rx, CTR_OLD));
	ASSERT_LT(0, sock_recv(scene->fd, got, sizeof(got)));
	ASSERT_LT(0, receive_rtp(scene, &self->rx, CTR_SEEN));
	ASSERT_LT(0, sock_recv(scene->fd, got, sizeof(got)));
	ASSERT_TRUE(wait_expired(scene, E2EE_DIR_RX, self->rx_expired.kid, 0));
	ASSERT_TRUE(wait_expired(scene, E2EE_DIR_TX, expired.kid,
				 SSRC_EXPIRED));

	if (variant->policy == E2EE_POLICY_BLOCKED) {
		ASSERT_EQ(0, ctl_session_del(&scene->ctl, scene->session));
	} else {
		ASSERT_EQ(0, ctl_session_policy(&scene->ctl, scene->session,
						variant->policy));
	}
	scene_changes(scene);
}

FIXTURE_TEARDOWN(verdict)
{
	ctl_close(&self->events);
	scene_close(&self->scene);
}

/* The marker that comes last is not among the changes. */
static const char *changes_but_marker(struct scene *scene, uint32_t policy,
				      bool tx)
{
	unsigned int marker;

	if (policy == E2EE_POLICY_OFF)
		marker = tx ? E2EE_A_STAT_TX_OFF : E2EE_A_STAT_RX_OFF;
	else
		marker = tx ? E2EE_A_STAT_TX_OTHER : E2EE_A_STAT_RX_OTHER;
	scene->session_before[marker]++;
	scene->socket_before[marker]++;
	return scene_changes(scene);
}

/* Send a marker behind a packet; the packet in @got if it came. */
static int arrived(int from, int to, uint8_t *got, size_t room)
{
	uint8_t marker[64], last[128];
	size_t len = stun_build(marker);
	int n;

	if (sock_send(from, marker, len, NULL) != (int)len)
		return -EIO;
	n = sock_recv(to, got, room);
	if (n == (int)len && !memcmp(got, marker, len))
		return -ENOMSG;
	if (sock_recv(to, last, sizeof(last)) != (int)len ||
	    memcmp(last, marker, len))
		return -EPROTO;
	return n;
}

static size_t tx_rtcp(uint8_t *out)
{
	return rtcp_build(out, 1);
}

static size_t tx_empty(uint8_t *out)
{
	(void)out;
	return 0;
}

static size_t tx_bare(uint8_t *out)
{
	rtp_plain(out, RTP_HEADER, SSRC_NO_KEY, 1);
	return RTP_HEADER;
}

static size_t tx_srtp(uint8_t *out)
{
	return dtls_hello_build(out, true);
}

static size_t tx_srtp_in_stun(uint8_t *out)
{
	uint8_t inner[256];

	return stun_attribute_build(out, 0xc070, inner, tx_srtp(inner));
}

static size_t tx_disguised(uint8_t *out)
{
	rtp_plain(out, 100, SSRC_KEY, 1);
	out[1] = 72;
	return 100;
}

static size_t tx_padding(uint8_t *out)
{
	rtp_plain(out, 100, SSRC_KEY, 1);
	out[0] |= 0x20;
	out[99] = 200;
	return 100;
}

static size_t tx_no_key(uint8_t *out)
{
	rtp_plain(out, 100, SSRC_NO_KEY, 1);
	return 100;
}

static size_t tx_spent(uint8_t *out)
{
	rtp_plain(out, 100, SSRC_SPENT, 1);
	return 100;
}

static size_t tx_expired(uint8_t *out)
{
	rtp_plain(out, 100, SSRC_EXPIRED, 1);
	return 100;
}

static size_t tx_too_big(uint8_t *out)
{
	rtp_plain(out, 65500, SSRC_KEY, 1);
	return 65500;
}

/* One byte more than IPv4 has room for */
static size_t tx_too_long(uint8_t *out)
{
	rtp_plain(out, 65508, SSRC_KEY, 1);
	return 65508;
}

static size_t tx_sealed(uint8_t *out)
{
	rtp_plain(out, 100, SSRC_KEY, 1);
	return 100;
}

struct tx_row {
	const char *name;
	size_t (*build)(uint8_t *out);
	const char *counted[POLICIES];	/* by enum e2ee_policy */
	int err;	/* that flag tx-errors brings out */
	int blocked;	/* the same under this policy */
	bool always;	/* without the flag, too */
	bool without;	/* without us, too: under every policy */
	uint32_t event;
};

static const struct tx_row tx_rows[] = {
	{ .name = "RTCP", .build = tx_rtcp, .counted = {
		"tx_other+1", "tx_other+1", "tx_off+1", "tx_other+1" } },
	{ .name = "empty datagram", .build = tx_empty, .counted = {
		"tx_other+1", "tx_other+1", "tx_off+1", "tx_other+1" } },
	{ .name = "RTP without payload", .build = tx_bare, .counted = {
		"tx_other+1", "tx_other+1", "tx_off+1", "tx_other+1" } },
	{ .name = "DTLS hello that offers use_srtp", .build = tx_srtp,
	  .counted = {
		"tx_srtp+1", "tx_srtp+1", "tx_off+1", "tx_blocked+1" },
	  .err = EPROTO, .blocked = EPROTO, .event = E2EE_EVENT_SRTP_SEEN },
	{ .name = "the same inside STUN", .build = tx_srtp_in_stun,
	  .counted = {
		"tx_srtp+1", "tx_srtp+1", "tx_off+1", "tx_blocked+1" },
	  .err = EPROTO, .blocked = EPROTO, .event = E2EE_EVENT_SRTP_SEEN },
	{ .name = "disguised", .build = tx_disguised, .counted = {
		"tx_malformed+1", "tx_clear+1", "tx_off+1", "tx_blocked+1" },
	  .err = EBADMSG, .blocked = EBADMSG },
	{ .name = "bad padding", .build = tx_padding, .counted = {
		"tx_malformed+1", "tx_clear+1", "tx_off+1", "tx_blocked+1" },
	  .err = EBADMSG, .blocked = EBADMSG },
	{ .name = "no key", .build = tx_no_key, .counted = {
		"tx_no_key+1", "tx_clear+1", "tx_off+1", "tx_blocked+1" },
	  .err = ENOKEY, .blocked = EPERM, .event = E2EE_EVENT_KEY_MISSING },
	{ .name = "key at its limit", .build = tx_spent, .counted = {
		"tx_key_expired+1", "tx_key_expired+1", "tx_off+1",
		"tx_blocked+1" },
	  .err = EKEYEXPIRED, .blocked = EPERM, .event = E2EE_EVENT_KEY_EXPIRED },
	{ .name = "key past its lifetime", .build = tx_expired, .counted = {
		"tx_key_expired+1", "tx_key_expired+1", "tx_off+1",
		"tx_blocked+1" },
	  .err = EKEYEXPIRED, .blocked = EPERM, .event = E2EE_EVENT_KEY_EXPIRED },
	{ .name = "too big", .build = tx_too_big, .counted = {
		"tx_too_big+1", "tx_too_big+1", "tx_off+1", "tx_blocked+1" },
	  .err = EMSGSIZE, .blocked = EPERM, .always = true },
	/* UDP makes no packet of it */
	{ .name = "too long for UDP", .build = tx_too_long, .counted = {
		"", "", "", "" },
	  .err = EMSGSIZE, .without = true },
	{ .name = "sealed", .build = tx_sealed, .counted = {
		"tx_ok+1", "tx_ok+1", "tx_off+1", "tx_blocked+1" },
	  .blocked = EPERM },
};

static bool is_refused(const char *counted, uint32_t policy)
{
	/* counted for its event, but sent */
	if (policy == E2EE_POLICY_OPTIONAL && !strcmp(counted, "tx_srtp+1"))
		return false;
	return strcmp(counted, "tx_ok+1") && strcmp(counted, "tx_other+1") &&
	       strcmp(counted, "tx_clear+1") && strcmp(counted, "tx_off+1");
}

/* What sendto() must return. */
static int wanted_return(const struct tx_row *row, uint32_t policy,
			 uint32_t flags, size_t len)
{
	const char *counted = row->counted[policy];

	if (row->without)
		return -row->err;
	if (!is_refused(counted, policy))
		return (int)len;
	if (policy == E2EE_POLICY_BLOCKED)
		return flags & E2EE_SESSION_F_TX_ERRORS ? -row->blocked : (int)len;
	if (row->always || flags & E2EE_SESSION_F_TX_ERRORS)
		return -row->err;
	return (int)len;
}

TEST_F(verdict, tx)
{
	static uint8_t packet[RTP_ROOM], got[RTP_ROOM], opened[RTP_ROOM];
	struct scene *scene = &self->scene;
	const struct tx_row *row;
	const char *counted;
	size_t len;
	int n;

	for (row = tx_rows; row < tx_rows + ARRAY_SIZE(tx_rows); row++) {
		counted = row->counted[variant->policy];
		len = row->build(packet);
		EXPECT_EQ(wanted_return(row, variant->policy, variant->flags,
					len),
			  sock_send(scene->fd, packet, len, NULL)) {
			TH_LOG("%s", row->name);
		}
		EXPECT_STREQ(counted, scene_changes(scene)) {
			TH_LOG("%s", row->name);
		}
		n = arrived(scene->fd, scene->peer, got, sizeof(got));
		EXPECT_EQ(is_refused(counted, variant->policy), n == -ENOMSG) {
			TH_LOG("%s: %d on the wire", row->name, n);
		}
		EXPECT_STREQ("", changes_but_marker(scene, variant->policy,
						    true));
		if (n < 0)
			continue;
		if (!strcmp(counted, "tx_ok+1")) {
			n = rtp_open(opened, got, (size_t)n, &self->tx, NULL);
			memcpy(got, opened, len);
		}
		EXPECT_EQ((int)len, n) {
			TH_LOG("%s", row->name);
		}
		EXPECT_EQ(0, memcmp(got, packet, len)) {
			TH_LOG("%s: altered", row->name);
		}
	}
}

TEST_F(verdict, tx_events)
{
	struct scene *scene = &self->scene;
	const struct tx_row *row;
	struct ctl_event event;
	uint8_t packet[1024];
	size_t len;

	/* those of the set-up, and of the change of policy */
	ctl_event_wait(&self->events, 0, 0, NULL);
	for (row = tx_rows; row < tx_rows + ARRAY_SIZE(tx_rows); row++) {
		if (!row->event)
			continue;
		len = row->build(packet);
		sock_send(scene->fd, packet, len, NULL);
		/* blocked: all is lost, whatever the reason would have been */
		if (variant->policy == E2EE_POLICY_OFF ||
		    variant->policy == E2EE_POLICY_BLOCKED) {
			EXPECT_EQ(-ETIMEDOUT, ctl_event_wait(&self->events,
							     row->event, 0,
							     &event)) {
				TH_LOG("%s", row->name);
			}
			continue;
		}
		EXPECT_EQ(0, ctl_event_wait(&self->events, row->event, 1000,
					    &event)) {
			TH_LOG("%s", row->name);
		}
		EXPECT_EQ(scene->session, event.session);
		if (row->event == E2EE_EVENT_KEY_MISSING) {
			EXPECT_EQ(SSRC_NO_KEY, event.ssrc);
		}
	}
}

struct rx_world {
	const struct sframe_key *rx;
	const struct sframe_key *rx_bound;
	const struct sframe_key *rx_expired;
};

static size_t seal(uint8_t *out, const struct sframe_key *key, uint32_t ssrc,
		   uint64_t ctr)
{
	uint8_t payload[88];
	struct rtp rtp = {
		.pt = 96, .ssrc = ssrc, .payload = payload,
		.len = sizeof(payload),
	};

	/* what rtp_plain(100) gives */
	rtp_plain(out, 100, ssrc, 1);
	memcpy(payload, out + RTP_HEADER, sizeof(payload));
	rtp.seq = 1;
	rtp.ts = 1;
	return rtp_seal(out, &rtp, key, ctr);
}

static size_t rx_rtcp(uint8_t *out, const struct rx_world *world)
{
	(void)world;
	return rtcp_build(out, 1);
}

static size_t rx_empty(uint8_t *out, const struct rx_world *world)
{
	(void)out;
	(void)world;
	return 0;
}

static size_t rx_bare(uint8_t *out, const struct rx_world *world)
{
	(void)world;
	return tx_bare(out);
}

static size_t rx_srtp(uint8_t *out, const struct rx_world *world)
{
	(void)world;
	return dtls_hello_build(out, true);
}

static size_t rx_srtp_in_stun(uint8_t *out, const struct rx_world *world)
{
	(void)world;
	return tx_srtp_in_stun(out);
}

static size_t rx_disguised(uint8_t *out, const struct rx_world *world)
{
	(void)world;
	return tx_disguised(out);
}

static size_t rx_padding(uint8_t *out, const struct rx_world *world)
{
	size_t len = seal(out, world->rx, 1, CTR_SEEN + 1);

	out[0] |= 0x20;
	out[len - 1] = 255;
	return len;
}

static size_t rx_clear(uint8_t *out, const struct rx_world *world)
{
	(void)world;
	rtp_plain(out, 100, 1, 1);
	return 100;
}

static size_t rx_raw_frame(uint8_t *out, const struct rx_world *world)
{
	size_t len = seal(out, world->rx, 1, CTR_SEEN + 2);

	out[RTP_HEADER] = 0xc0;	/* T=0: not the packet form */
	return len;
}

static size_t rx_reserved(uint8_t *out, const struct rx_world *world)
{
	size_t len = seal(out, world->rx, 1, CTR_SEEN + 3);

	out[RTP_HEADER] |= 0x10;
	return len;
}

static size_t rx_not_minimal(uint8_t *out, const struct rx_world *world)
{
	size_t len = seal(out, world->rx, 1, CTR_SEEN + 4);

	out[RTP_HEADER + 1] = 0x98;	/* KID of two bytes, 00 1e */
	out[RTP_HEADER + 2] = 0;
	out[RTP_HEADER + 3] = 30;
	return len;
}

static size_t rx_no_room_for_tag(uint8_t *out, const struct rx_world *world)
{
	seal(out, world->rx, 1, CTR_SEEN + 5);
	return RTP_HEADER + 1 + 4 + SFRAME_TAG - 1;
}

static size_t rx_header_cut(uint8_t *out, const struct rx_world *world)
{
	seal(out, world->rx, 1, CTR_SEEN + 6);
	return RTP_HEADER + 1 + 2;
}

static size_t rx_no_key(uint8_t *out, const struct rx_world *world)
{
	struct sframe_key key = *world->rx;

	key.kid = 77;
	return seal(out, &key, 1, CTR_SEEN + 7);
}

static size_t rx_ssrc(uint8_t *out, const struct rx_world *world)
{
	return seal(out, world->rx_bound, SSRC_BOUND + 1, CTR_SEEN + 8);
}

static size_t rx_expired(uint8_t *out, const struct rx_world *world)
{
	return seal(out, world->rx_expired, 1, CTR_SEEN + 9);
}

static size_t rx_replay(uint8_t *out, const struct rx_world *world)
{
	return seal(out, world->rx, 1, CTR_SEEN);
}

static size_t rx_old(uint8_t *out, const struct rx_world *world)
{
	return seal(out, world->rx, 1, CTR_OLD + 1);
}

static size_t rx_auth(uint8_t *out, const struct rx_world *world)
{
	size_t len = seal(out, world->rx, 1, CTR_SEEN + 10);

	out[len - 1] ^= 1;
	return len;
}

static size_t rx_ok(uint8_t *out, const struct rx_world *world)
{
	return seal(out, world->rx, 1, CTR_SEEN + 11);
}

static size_t rx_ok_bound(uint8_t *out, const struct rx_world *world)
{
	return seal(out, world->rx_bound, SSRC_BOUND, CTR_SEEN + 12);
}

struct rx_row {
	const char *name;
	size_t (*build)(uint8_t *out, const struct rx_world *world);
	const char *counted[POLICIES];
};

static const struct rx_row rx_rows[] = {
	{ "RTCP", rx_rtcp,
	  { "rx_other+1", "rx_other+1", "rx_off+1", "rx_other+1" } },
	{ "empty datagram", rx_empty,
	  { "rx_other+1", "rx_other+1", "rx_off+1", "rx_other+1" } },
	{ "RTP without payload", rx_bare,
	  { "rx_other+1", "rx_other+1", "rx_off+1", "rx_other+1" } },
	{ "DTLS hello that offers use_srtp", rx_srtp,
	  { "rx_other+1", "rx_other+1", "rx_off+1", "rx_other+1" } },
	{ "the same inside STUN", rx_srtp_in_stun,
	  { "rx_other+1", "rx_other+1", "rx_off+1", "rx_other+1" } },
	{ "disguised", rx_disguised,
	  { "rx_malformed+1", "rx_clear+1", "rx_off+1", "rx_blocked+1" } },
	{ "bad padding", rx_padding,
	  { "rx_malformed+1", "rx_clear+1", "rx_off+1", "rx_blocked+1" } },
	{ "clear RTP", rx_clear,
	  { "rx_clear_dropped+1", "rx_clear+1", "rx_off+1",
	    "rx_blocked+1" } },
	{ "SFrame of whole frames", rx_raw_frame,
	  { "rx_clear_dropped+1", "rx_clear+1", "rx_off+1",
	    "rx_blocked+1" } },
	{ "reserved bit in the descriptor", rx_reserved,
	  { "rx_clear_dropped+1", "rx_clear+1", "rx_off+1",
	    "rx_blocked+1" } },
	{ "SFrame header not minimal", rx_not_minimal,
	  { "rx_malformed+1", "rx_clear+1", "rx_off+1", "rx_blocked+1" } },
	{ "SFrame without room for a tag", rx_no_room_for_tag,
	  { "rx_malformed+1", "rx_clear+1", "rx_off+1", "rx_blocked+1" } },
	{ "SFrame header cut short", rx_header_cut,
	  { "rx_malformed+1", "rx_clear+1", "rx_off+1", "rx_blocked+1" } },
	{ "KID unknown", rx_no_key,
	  { "rx_no_key+1", "rx_no_key+1", "rx_off+1", "rx_blocked+1" } },
	{ "SSRC not the bound one", rx_ssrc,
	  { "rx_ssrc+1", "rx_ssrc+1", "rx_off+1", "rx_blocked+1" } },
	{ "key expired", rx_expired,
	  { "rx_key_expired+1", "rx_key_expired+1", "rx_off+1",
	    "rx_blocked+1" } },
	{ "CTR seen before", rx_replay,
	  { "rx_replay+1", "rx_replay+1", "rx_off+1", "rx_blocked+1" } },
	{ "CTR older than the window", rx_old,
	  { "rx_replay+1", "rx_replay+1", "rx_off+1", "rx_blocked+1" } },
	{ "tag wrong", rx_auth,
	  { "rx_auth_fail+1", "rx_auth_fail+1", "rx_off+1",
	    "rx_blocked+1" } },
	{ "authenticated", rx_ok,
	  { "rx_ok+1", "rx_ok+1", "rx_off+1", "rx_blocked+1" } },
	{ "authenticated, bound to its SSRC", rx_ok_bound,
	  { "rx_ok+1", "rx_ok+1", "rx_off+1", "rx_blocked+1" } },
};

static bool is_delivered(const char *counted)
{
	return !strcmp(counted, "rx_ok+1") || !strcmp(counted, "rx_other+1") ||
	       !strcmp(counted, "rx_clear+1") || !strcmp(counted, "rx_off+1");
}

TEST_F(verdict, rx)
{
	const struct rx_world world = {
		&self->rx, &self->rx_bound, &self->rx_expired,
	};
	struct scene *scene = &self->scene;
	uint8_t wire[1024], got[1024];
	const struct rx_row *row;
	const char *counted;
	size_t len;
	int n;

	for (row = rx_rows; row < rx_rows + ARRAY_SIZE(rx_rows); row++) {
		counted = row->counted[variant->policy];
		len = row->build(wire, &world);
		ASSERT_EQ((int)len,
			  sock_send(scene->peer, wire, len, NULL));
		n = arrived(scene->peer, scene->fd, got, sizeof(got));
		EXPECT_EQ(is_delivered(counted), n != -ENOMSG) {
			TH_LOG("%s: %d delivered", row->name, n);
		}
		EXPECT_STREQ(counted, changes_but_marker(scene, variant->policy,
							 false)) {
			TH_LOG("%s", row->name);
		}
		if (n < 0)
			continue;
		if (!strcmp(counted, "rx_ok+1")) {
			rtp_plain(wire, 100, rtp_ssrc(wire), 1);
			len = 100;
		}
		EXPECT_EQ((int)len, n) {
			TH_LOG("%s", row->name);
		}
		EXPECT_EQ(0, memcmp(got, wire, len)) {
			TH_LOG("%s: altered", row->name);
		}
	}
}

/* What UDP refuses is no packet, so it has no verdict. */
TEST_F(verdict, empty_that_udp_refuses)
{
	struct scene *scene = &self->scene;
	struct addr nowhere;

	addr_loopback(&nowhere, SOCK_V4, 0);
	EXPECT_EQ(-EINVAL, sock_send(scene->fd, "", 0, &nowhere));
	EXPECT_STREQ("", scene_changes(scene));
}

/* Every refused packet is counted, however many come at once. */
TEST_F(verdict, mmsg_counts_each)
{
	const char *refused[POLICIES] = {
		"tx_no_key+20", "tx_clear+20", "tx_off+20", "tx_blocked+20",
	};
	struct mmsghdr messages[20] = { 0 };
	struct scene *scene = &self->scene;
	struct iovec iov;
	uint8_t packet[100];
	bool errors = variant->flags & E2EE_SESSION_F_TX_ERRORS;
	int n, total = 0;

	rtp_plain(packet, sizeof(packet), SSRC_NO_KEY, 1);
	iov = (struct iovec){ packet, sizeof(packet) };
	for (n = 0; n < 20; n++) {
		messages[n].msg_hdr.msg_iov = &iov;
		messages[n].msg_hdr.msg_iovlen = 1;
	}
	if (errors && (variant->policy == E2EE_POLICY_REQUIRED ||
		       variant->policy == E2EE_POLICY_BLOCKED)) {
		for (n = 0; n < 20; n++) {
			EXPECT_EQ(-1, sendmmsg(scene->fd, messages, 20, 0));
			EXPECT_EQ(variant->policy == E2EE_POLICY_REQUIRED ?
				  ENOKEY : EPERM, errno);
		}
	} else {
		total = sendmmsg(scene->fd, messages, 20, 0);
		EXPECT_EQ(20, total);
	}
	EXPECT_STREQ(refused[variant->policy], scene_changes(scene));
}

/* What waits to be read when the policy becomes required */
TEST_F(verdict, tightened)
{
	uint8_t clear[100], wire[200], marker[64], got[200];
	bool opened = variant->policy != E2EE_POLICY_OFF;
	struct rtp rtp = {
		.pt = 96, .seq = 2, .ts = 2, .ssrc = SSRC_NO_KEY,
		.payload = clear + RTP_HEADER, .len = 88,
	};
	struct scene *scene = &self->scene;
	size_t len = stun_build(marker);

	if (variant->policy == E2EE_POLICY_BLOCKED)
		return;		/* for good */
	ASSERT_EQ(0, sock_pin());
	/* so that there is a second queue, of what a reader has taken over */
	sock_send(scene->peer, marker, len, NULL);
	sock_send(scene->peer, marker, len, NULL);
	ASSERT_EQ((int)len, sock_recv(scene->fd, got, sizeof(got)));
	rtp_plain(clear, sizeof(clear), SSRC_NO_KEY, 1);
	ASSERT_EQ(100, sock_send(scene->peer, clear, sizeof(clear), NULL));
	rtp_plain(clear, sizeof(clear), SSRC_NO_KEY, 2);
	sock_send(scene->peer, wire,
		  rtp_seal(wire, &rtp, &self->rx, CTR_SEEN + 1), NULL);
	sock_send(scene->peer, marker, len, NULL);
	ASSERT_EQ(0, ctl_session_policy(&scene->ctl, scene->session,
					E2EE_POLICY_REQUIRED));
	ASSERT_EQ((int)len, sock_recv(scene->fd, got, sizeof(got)));
	if (opened) {
		ASSERT_EQ(100, sock_recv(scene->fd, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(clear, got, sizeof(clear)));
	}
	ASSERT_EQ((int)len, sock_recv(scene->fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(marker, got, len));
	EXPECT_EQ(-EAGAIN, sock_recv_now(scene->fd, got, sizeof(got)));
}

TEST_HARNESS_MAIN
