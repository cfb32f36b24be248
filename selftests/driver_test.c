// SPDX-License-Identifier: GPL-2.0
/*
 * Which driver of AES-GCM packets really pass through, where the session names
 * none: the accelerated one for (nearly) all packets, both ways. e2ee_nonces.ko
 * stands in front of the kernel's drivers and counts for each.
 *
 *	fd, attached to a session <---- loopback ----> peer, plain: the wire
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/scene.h"

#define COUNTS		"/sys/kernel/debug/e2ee_nonces/drivers"
#define SSRC		0xd21e2000
#define PACKETS		2000
#define LEN		172	/* 20 ms of G.711 */
#define DRIVERS		2	/* at most: an internal one and a public one */

struct driver {
	char name[E2EE_CRYPTO_NAME_MAX + 1];
	unsigned int seals;
	unsigned int opens;
};

struct counts {
	unsigned int num;
	struct driver driver[DRIVERS];
};

static int counts_read(struct counts *counts)
{
	FILE *file = fopen(COUNTS, "re");
	struct driver *driver;

	if (!file)
		return -errno;
	for (counts->num = 0; counts->num < DRIVERS; counts->num++) {
		driver = &counts->driver[counts->num];
		if (fscanf(file, "%127s %u %u", driver->name, &driver->seals,
			   &driver->opens) != 3)
			break;
	}
	fclose(file);
	return counts->num ? 0 : -ENODATA;
}

/* What was counted since @before, in place of the sums */
static int counts_since(const struct counts *before, struct counts *now)
{
	int err = counts_read(now);

	for (unsigned int i = 0; !err && i < now->num; i++) {
		now->driver[i].seals -= before->driver[i].seals;
		now->driver[i].opens -= before->driver[i].opens;
	}
	return err;
}

/* User-mode Linux has no driver for the CPU's instructions */
static bool kernel_is_portable(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	bool portable = false;
	char line[256];

	while (file && !portable && fgets(line, sizeof(line), file))
		portable = strstr(line, "User Mode Linux");
	if (file)
		fclose(file);
	return portable;
}

/*
 * One driver that does the whole of AES-GCM with the CPU's instructions. What is
 * put together of parts has the name gcm_base(CTR,GHASH), and "aesni" in it may
 * be of one part only.
 */
static bool is_accelerated(const char *name)
{
	return !strstr(name, "gcm_base(") &&
	       (strstr(name, "aesni") || strstr(name, "vaes") ||
		strstr(name, "aes-ce"));
}

static bool is_right(const char *name)
{
	return kernel_is_portable() ? !strncmp(name, "gcm_base(", 9) :
				      is_accelerated(name);
}

FIXTURE(driver)
{
	struct scene scene;
	struct counts before;
	struct sframe_key tx;
	struct sframe_key rx;
};

FIXTURE_SETUP(driver)
{
	if (counts_read(&self->before))
		SKIP(return, "e2ee_nonces.ko is not loaded");
	ASSERT_EQ(0, sock_netns());
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	sframe_key_random(&self->tx, 5, 300);
	sframe_key_random(&self->rx, 5, 301);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL));
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_RX, &self->rx, NULL));
}

FIXTURE_TEARDOWN(driver)
{
	scene_close(&self->scene);
}

/* Of a key, list-keys and doctor name the driver that the kernel would use */
TEST_F(driver, that_a_key_names)
{
	const struct ctl_key keys[] = {
		{ .dir = E2EE_DIR_TX, .kid = self->tx.kid },
		{ .dir = E2EE_DIR_RX, .kid = self->rx.kid },
	};
	struct ctl_key_info info;
	char behind[E2EE_CRYPTO_NAME_MAX + 1];

	for (unsigned int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ctl_key_get(&self->scene.ctl, self->scene.session,
					 &keys[i], &info));
		ASSERT_EQ(1, sscanf(info.driver + strspn(info.driver, "_"),
				    "e2ee-nonces(%127s", behind)) {
			TH_LOG("key %u: %s", i, info.driver);
		}
		EXPECT_TRUE(is_right(behind)) {
			TH_LOG("key %u: %s", i, info.driver);
		}
	}
}

static void both_ways(struct __test_metadata *_metadata, struct scene *scene,
		      const struct sframe_key *rx)
{
	static uint8_t clear[RTP_ROOM], wire[RTP_ROOM], got[RTP_ROOM];
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .payload = clear + RTP_HEADER,
		.len = LEN - RTP_HEADER,
	};
	size_t len;

	for (unsigned int i = 0; i < PACKETS; i++) {
		rtp_plain(clear, LEN, SSRC, (uint16_t)i);
		ASSERT_EQ(LEN, sock_send(scene->fd, clear, LEN, NULL));
		ASSERT_LT(LEN, sock_recv(scene->peer, got, sizeof(got)));
		rtp.seq = (uint16_t)i;
		len = rtp_seal(wire, &rtp, rx, i);
		ASSERT_EQ((int)len, sock_send(scene->peer, wire, len, NULL));
		ASSERT_EQ(LEN, sock_recv(scene->fd, got, sizeof(got)));
	}
}

TEST_F(driver, that_packets_pass_through)
{
	unsigned int seals = 0, opens = 0, all = 0;
	struct counts counts;

	both_ways(_metadata, &self->scene, &self->rx);
	ASSERT_EQ(0, counts_since(&self->before, &counts));
	for (unsigned int i = 0; i < counts.num; i++) {
		const struct driver *driver = &counts.driver[i];

		TH_LOG("%s: %u sealed, %u opened", driver->name,
		       driver->seals, driver->opens);
		all += driver->seals + driver->opens;
		if (!is_right(driver->name))
			continue;
		seals += driver->seals;
		opens += driver->opens;
	}
	/* every packet was counted, so none took a way around the watcher */
	EXPECT_EQ(2 * PACKETS, all);
	/* a softirq that interrupts a user of the SIMD registers does without */
	EXPECT_LE(PACKETS - PACKETS / 1000, seals);
	EXPECT_LE(PACKETS - PACKETS / 1000, opens);
}

TEST_HARNESS_MAIN
