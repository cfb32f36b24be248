// SPDX-License-Identifier: GPL-2.0
/*
 * A session that names a crypto driver, one that answers later: packets keep
 * their order, and nothing is freed under a request.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/syscall.h>

#include "lib/scene.h"
#include "kselftest_harness.h"

#define SSRC	0x11223344
#define MANY	3000

/* The value of "name : value" in /proc/crypto, or NULL. */
static char *crypto_field(char *line, const char *name)
{
	char *value = strchr(line, ':');

	if (!value || strncmp(line, name, strlen(name)) ||
	    !isspace((unsigned char)line[strlen(name)]))
		return NULL;
	value[strcspn(value, "\n")] = '\0';
	return value + 2;
}

/* Call @found for each driver of gcm(aes) until it says yes. */
static bool each_driver(bool (*found)(void *arg, const char *driver,
				      bool async), void *arg)
{
	FILE *file = fopen("/proc/crypto", "r");
	char line[256], driver[128] = "", *value;
	bool is_gcm = false, yes = false;

	while (file && !yes && fgets(line, sizeof(line), file)) {
		value = crypto_field(line, "name");
		if (value)
			is_gcm = !strcmp(value, "gcm(aes)");
		value = crypto_field(line, "driver");
		if (value)
			snprintf(driver, sizeof(driver), "%s", value);
		value = crypto_field(line, "async");
		if (value && is_gcm)
			yes = found(arg, driver, !strcmp(value, "yes"));
	}
	if (file)
		fclose(file);
	return yes;
}

struct search {
	struct ctl *ctl;
	char driver[128];
};

/* What makes an asynchronous driver out of a synchronous one. */
static bool try_wrapping(void *arg, const char *driver, bool async)
{
	static const char * const wrappers[] = { "cryptd", "pcrypt" };
	struct ctl_session options = { 0 };
	struct search *search = arg;
	uint32_t id;

	if (async)
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(wrappers); i++) {
		snprintf(search->driver, sizeof(search->driver), "%s(%s)",
			 wrappers[i], driver);
		options.crypto = search->driver;
		if (ctl_session_new(search->ctl, "trial", &options, &id))
			continue;
		ctl_session_del(search->ctl, id);
		return true;
	}
	return false;
}

static bool is_async(void *arg, const char *driver, bool async)
{
	return !strcmp(driver, arg) && async;
}

static int find_async_driver(char *driver, size_t room)
{
	struct search search;
	struct ctl ctl;
	bool found;
	int err;

	run("modprobe -q cryptd; modprobe -q pcrypt");
	err = ctl_open(&ctl);
	if (err)
		return err;
	search.ctl = &ctl;
	found = each_driver(try_wrapping, &search);
	ctl_close(&ctl);
	snprintf(driver, room, "%s", search.driver);
	return found ? 0 : -ENOENT;
}

FIXTURE(driver)
{
	struct scene scene;
	struct sframe_key tx;
	struct sframe_key rx;
	char name[128];
};

FIXTURE_VARIANT(driver)
{
	enum sock_kind kind;
};

FIXTURE_VARIANT_ADD(driver, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(driver, v6) { .kind = SOCK_V6 };

FIXTURE_SETUP(driver)
{
	struct ctl_session options = { .crypto = self->name };
	struct sframe_key key;
	struct scene plain;
	int big = 32 << 20;

	/* a key with the default driver brings its parts into /proc/crypto */
	ASSERT_EQ(0, scene_open(&plain, SOCK_V4, NULL));
	sframe_key_random(&key, 5, 1);
	ASSERT_EQ(0, scene_key(&plain, E2EE_DIR_RX, &key, NULL));
	ASSERT_EQ(0, find_async_driver(self->name, sizeof(self->name)));
	scene_close(&plain);

	ASSERT_EQ(0, scene_open(&self->scene, variant->kind, &options)) {
		TH_LOG("driver %s", self->name);
	}
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &self->rx, NULL));
	setsockopt(self->scene.fd, SOL_SOCKET, SO_RCVBUFFORCE, &big,
		   sizeof(big));
	setsockopt(self->scene.peer, SOL_SOCKET, SO_RCVBUFFORCE, &big,
		   sizeof(big));
}

FIXTURE_TEARDOWN(driver)
{
	scene_close(&self->scene);
}

TEST_F(driver, named_is_used)
{
	struct ctl_key id = {
		.dir = E2EE_DIR_TX, .mode = E2EE_SSRC_ANY,
		.kid = self->tx.kid,
	};
	struct ctl_key_info info;

	ASSERT_EQ(0, ctl_key_get(&self->scene.ctl, self->scene.session, &id,
				 &info));
	EXPECT_STREQ(self->name, info.driver);
	EXPECT_TRUE(each_driver(is_async, info.driver));
}

TEST_F(driver, default_is_synchronous)
{
	struct ctl_key id = { .dir = E2EE_DIR_RX, .kid = 1 };
	struct ctl_key_info info;
	struct sframe_key key;
	struct scene scene;

	ASSERT_EQ(0, scene_open(&scene, SOCK_V4, NULL));
	sframe_key_random(&key, 5, 1);
	ASSERT_EQ(0, scene_key(&scene, E2EE_DIR_RX, &key, NULL));
	ASSERT_EQ(0, ctl_key_get(&scene.ctl, scene.session, &id, &info));
	EXPECT_NE('\0', info.driver[0]);
	EXPECT_FALSE(each_driver(is_async, info.driver));
	scene_close(&scene);
}

TEST_F(driver, unknown_is_refused)
{
	struct ctl_session options = { .crypto = "e2ee-no-such-driver" };
	uint32_t id;

	EXPECT_EQ(-ENOENT, ctl_session_new(&self->scene.ctl, "x", &options,
					   &id));
	/* there is such a driver, but it is no AES-GCM */
	options.crypto = "sha256-generic";
	EXPECT_GT(0, ctl_session_new(&self->scene.ctl, "x", &options, &id));
}

static size_t seal(uint8_t *out, const struct sframe_key *key, uint16_t seq,
		   uint64_t ctr)
{
	uint8_t clear[200];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .seq = seq, .ts = seq,
		.payload = clear + RTP_HEADER, .len = 188,
	};

	rtp_plain(clear, sizeof(clear), SSRC, seq);
	return rtp_seal(out, &rtp, key, ctr);
}

/* Media with RTCP, STUN and clear probes between it: all keeps its order. */
static size_t other(uint8_t *out, unsigned int i)
{
	if (i % 6 == 0)
		return stun_build(out);
	return rtcp_build(out, i);
}

TEST_F_TIMEOUT(driver, sends_in_order, 200)
{
	uint8_t packet[300], got[1000], opened[1000];
	size_t len;
	int n, at = 0;

	for (unsigned int i = 0; i < MANY; i++) {
		if (i % 3) {
			len = 200;
			rtp_plain(packet, len, SSRC, (uint16_t)i);
		} else {
			len = other(packet, i);
		}
		ASSERT_EQ((int)len, sock_send(self->scene.fd, packet, len,
					      NULL));
		n = sock_recv(self->scene.peer, got, sizeof(got));
		ASSERT_LT(0, n);
		if (i % 3) {
			n = rtp_open(opened, got, (size_t)n, &self->tx, NULL);
			memcpy(got, opened, 200);
		}
		ASSERT_EQ((int)len, n) {
			TH_LOG("packet %u", i);
		}
		ASSERT_EQ(0, memcmp(got, packet, len));
		at++;
	}
	EXPECT_EQ(MANY, at);
	EXPECT_STREQ("tx_ok+2000 tx_other+1000", scene_changes(&self->scene));
}

TEST_F_TIMEOUT(driver, receives_in_order, 200)
{
	uint8_t packet[300], got[1000], wanted[300];
	unsigned int i;
	size_t len;
	int n;

	for (i = 0; i < MANY; i++) {
		len = i % 3 ? seal(packet, &self->rx, (uint16_t)i, i) :
			      other(packet, i);
		ASSERT_EQ((int)len, sock_send(self->scene.peer, packet, len,
					      NULL));
	}
	for (i = 0; i < MANY; i++) {
		len = 200;
		if (i % 3)
			rtp_plain(wanted, len, SSRC, (uint16_t)i);
		else
			len = other(wanted, i);
		n = sock_recv(self->scene.fd, got, sizeof(got));
		ASSERT_EQ((int)len, n) {
			TH_LOG("packet %u", i);
		}
		ASSERT_EQ(0, memcmp(got, wanted, len)) {
			TH_LOG("packet %u", i);
		}
	}
	EXPECT_STREQ("rx_ok+2000 rx_other+1000", scene_changes(&self->scene));
}

/* Bursts, which arrive at once: most of each queues behind its first. */
TEST_F(driver, bursts)
{
	static uint8_t wire[60 * 300];
	uint8_t got[1000], wanted[200];
	unsigned int round, i;
	size_t len, size = 0;

	for (round = 0; round < 10; round++) {
		for (i = 0, len = 0; i < 50; i++, len += size)
			size = seal(wire + len, &self->rx, (uint16_t)i,
				    256 + round * 50 + i);
		ASSERT_EQ((int)len, sock_send_gso(self->scene.peer, wire, len,
						  (uint16_t)size, NULL));
		for (i = 0; i < 50; i++) {
			ASSERT_EQ(200, sock_recv(self->scene.fd, got,
						 sizeof(got)));
			rtp_plain(wanted, 200, SSRC, (uint16_t)i);
			ASSERT_EQ(0, memcmp(got, wanted, 200));
		}
	}
	EXPECT_STREQ("rx_ok+500", scene_changes(&self->scene));
	for (i = 0, len = 0; i < 50; i++, len += 200)
		rtp_plain(wire + len, 200, SSRC, (uint16_t)i);
	ASSERT_EQ((int)len, sock_send_gso(self->scene.fd, wire, len, 200,
					  NULL));
	for (i = 0; i < 50; i++) {
		int n = sock_recv(self->scene.peer, got, sizeof(got));

		ASSERT_EQ(200, rtp_open(wanted, got, (size_t)n, &self->tx,
					NULL));
		EXPECT_EQ(i, rtp_seq(got));
	}
	EXPECT_STREQ("tx_ok+50", scene_changes(&self->scene));
}

/* Forgeries and replays are told apart as with a driver that answers now. */
TEST_F(driver, refuses_as_ever)
{
	uint8_t wire[300], got[1000];
	size_t len = seal(wire, &self->rx, 1, 1);

	wire[len - 1] ^= 1;
	ASSERT_LT(0, sock_send(self->scene.peer, wire, len, NULL));
	wire[len - 1] ^= 1;
	for (int i = 0; i < 3; i++)
		ASSERT_LT(0, sock_send(self->scene.peer, wire, len, NULL));
	EXPECT_EQ(1, scene_flush(self->scene.peer, self->scene.fd));
	EXPECT_EQ(-EAGAIN, sock_recv_now(self->scene.fd, got, sizeof(got)));
	EXPECT_STREQ("rx_ok+1 rx_other+1 rx_replay+2 rx_auth_fail+1",
		     scene_changes(&self->scene));
}

/* What waits is bounded by the socket's own receive buffer. */
TEST_F(driver, queue_is_bounded)
{
	static uint8_t wire[60 * 300];
	uint64_t stats[CTL_STATS], seen;
	unsigned int round, i;
	size_t len, size = 0;
	int small = 1, delivered = 0;
	int64_t end = now_ms() + SOCK_WAIT;
	uint8_t got[1000];

	setsockopt(self->scene.fd, SOL_SOCKET, SO_RCVBUF, &small,
		   sizeof(small));
	for (round = 0; round < 20; round++) {
		for (i = 0, len = 0; i < 50; i++, len += size)
			size = seal(wire + len, &self->rx, (uint16_t)i,
				    256 + round * 50 + i);
		ASSERT_EQ((int)len, sock_send_gso(self->scene.peer, wire, len,
						  (uint16_t)size, NULL));
	}
	do {
		while (sock_recv_now(self->scene.fd, got, sizeof(got)) > 0)
			delivered++;
		ASSERT_EQ(0, ctl_socket_stats(&self->scene.ctl, self->scene.fd,
					      stats));
		seen = stats[E2EE_A_STAT_RX_OK] + stats[E2EE_A_STAT_RX_BUSY];
	} while (seen < 1000 && now_ms() < end);
	EXPECT_EQ(1000, seen);
	EXPECT_LT(0, stats[E2EE_A_STAT_RX_BUSY]);
	EXPECT_LT(0, stats[E2EE_A_STAT_RX_OK]);
	EXPECT_LT(0, delivered);
	/* and it recovers */
	small = 1 << 20;
	setsockopt(self->scene.fd, SOL_SOCKET, SO_RCVBUF, &small,
		   sizeof(small));
	EXPECT_LE(0, scene_flush(self->scene.peer, self->scene.fd));
	len = seal(wire, &self->rx, 1, 5000);
	ASSERT_LT(0, sock_send(self->scene.peer, wire, len, NULL));
	EXPECT_EQ(200, sock_recv(self->scene.fd, got, sizeof(got)));
}

/* Closed, or its keys deleted, while requests are out. */
TEST_F_TIMEOUT(driver, closed_while_requests_are_out, 200)
{
	struct ctl_key id = {
		.dir = E2EE_DIR_RX, .mode = E2EE_SSRC_ANY,
		.kid = self->rx.kid,
	};
	static uint8_t wire[60 * 300];
	unsigned int round, i;
	size_t len, size = 0;

	for (round = 0; round < 50; round++) {
		for (i = 0, len = 0; i < 50; i++, len += size)
			size = seal(wire + len, &self->rx, (uint16_t)i,
				    256 + round * 50 + i);
		ASSERT_LT(0, sock_send_gso(self->scene.peer, wire, len,
					   (uint16_t)size, NULL));
		if (round == 40) {
			ASSERT_EQ(0, ctl_key_del(&self->scene.ctl,
						 self->scene.session, &id));
		}
		close(self->scene.fd);
		self->scene.fd = sock_udp(variant->kind,
					  addr_port(&self->scene.addr), NULL);
		ASSERT_LE(0, self->scene.fd);
		ASSERT_EQ(0, ctl_attach(&self->scene.ctl, self->scene.session,
					self->scene.fd, NULL));
	}
}

TEST_F(driver, session_deleted_while_requests_are_out)
{
	static uint8_t wire[60 * 300];
	unsigned int i;
	size_t len, size = 0;

	for (i = 0, len = 0; i < 50; i++, len += size)
		size = seal(wire + len, &self->rx, (uint16_t)i, 256 + i);
	ASSERT_LT(0, sock_send_gso(self->scene.peer, wire, len, (uint16_t)size,
				   NULL));
	EXPECT_EQ(0, ctl_session_del(&self->scene.ctl, self->scene.session));
}

TEST_F(driver, module_stays_while_requests_are_out)
{
	static uint8_t wire[60 * 300];
	unsigned int i;
	size_t len, size = 0;

	for (i = 0, len = 0; i < 50; i++, len += size)
		size = seal(wire + len, &self->rx, (uint16_t)i, 256 + i);
	ASSERT_LT(0, sock_send_gso(self->scene.peer, wire, len, (uint16_t)size,
				   NULL));
	EXPECT_EQ(-1, syscall(SYS_delete_module, "e2ee", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	close(self->scene.fd);
	self->scene.fd = -1;
}

TEST_HARNESS_MAIN
