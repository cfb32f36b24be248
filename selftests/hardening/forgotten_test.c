// SPDX-License-Identifier: GPL-2.0
/*
 * A key that was deleted, or refused, is nowhere in the machine's memory any more.
 * A module of our own, e2ee_seek.ko, searches all of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>

#include "lib/harness.h"
#include "lib/module.h"
#include "lib/objects.h"
#include "lib/scene.h"
#include "lib/secret.h"

#define PIECE	12	/* what is looked for at once */

FIXTURE(forgotten)
{
	struct scene scene;
};

FIXTURE_SETUP(forgotten)
{
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
}

FIXTURE_TEARDOWN(forgotten)
{
	scene_close(&self->scene);
}

/* How often pieces of what is masked are in memory; -errno */
static long found_bytes(const uint8_t *masked, size_t len)
{
	int fd = open("/sys/kernel/debug/e2ee_seek/needle", O_RDWR | O_CLOEXEC);
	char text[16] = "";
	long sum = 0;

	if (fd < 0)
		return -errno;
	/* where there is one, the rest is of no interest */
	for (size_t at = 0; !sum && at + PIECE <= len; at += 4) {
		if (write(fd, masked + at, PIECE) != PIECE ||
		    read(fd, text, sizeof(text) - 1) < 0)
			sum = -EIO;
		else
			sum = atol(text);
	}
	close(fd);
	return sum;
}

static long found_key(const struct secret *secret)
{
	return found_bytes(secret->key, sizeof(secret->key));
}

static long found_salt(const struct secret *secret)
{
	return found_bytes(secret->salt, sizeof(secret->salt));
}

/* What is freed unwiped is found, in an object of the slab and in a page */
static bool search_works(void)
{
	int fd = open("/sys/kernel/debug/e2ee_seek/plant", O_WRONLY | O_CLOEXEC);
	struct secret secret;
	long found = 0;

	/* others may be given the same page at once */
	for (int tries = 0; fd >= 0 && found < 2 && tries < 20; tries++) {
		secret_make(&secret);
		if (write(fd, &secret, sizeof(secret)) != sizeof(secret))
			break;
		found = found_salt(&secret);
	}
	close(fd);
	return found >= 2;
}

/* No cache of the slab overwrites what is freed; checks alone (F) do not */
static bool slab_leaves_bytes(void)
{
	return !run("! grep -qv '^0' /sys/kernel/slab/*/poison && "
		    "! grep -Eq 'init_on_free=1|page_poison=1|(slab|slub)_debug(=[A-Z]*P|[ ,]|$)' /proc/cmdline");
}

/* Both ends of a call with one key; nobody but the kernel ever sees it plain */
struct pair {
	struct nl nl;
	uint32_t tx;
	uint32_t rx;
	uint16_t seq;
};

/* A packet is sealed with the key, and opened with it */
static bool passes(FIXTURE_DATA(forgotten) *self, struct pair *pair)
{
	uint8_t got[600], wanted[200];
	int n;

	rtp_plain(wanted, sizeof(wanted), SECRET_KID, ++pair->seq);
	if (sock_send(self->scene.fd, wanted, sizeof(wanted), NULL) !=
	    sizeof(wanted))
		return false;
	n = sock_recv(self->scene.peer, got, sizeof(got));
	return n == sizeof(wanted) && !memcmp(got, wanted, sizeof(wanted));
}

static int install_both(struct pair *pair, const struct secret *secret)
{
	return secret_install(&pair->nl, pair->tx, E2EE_DIR_TX, secret) ?:
	       secret_install(&pair->nl, pair->rx, E2EE_DIR_RX, secret);
}

TEST_F(forgotten, deleted_keys_are_nowhere)
{
	struct scene *scene = &self->scene;
	struct pair pair = { .tx = scene->session };
	struct secret secret, refused;

	ASSERT_EQ(0, module_load("e2ee_seek"));
	EXPECT_TRUE(slab_leaves_bytes());
	EXPECT_TRUE(search_works());
	ASSERT_EQ(0, nl_open(&pair.nl));
	ASSERT_EQ(0, ctl_session_new(&scene->ctl, "peer", NULL, &pair.rx));
	ASSERT_EQ(0, ctl_attach(&scene->ctl, pair.rx, scene->peer, NULL));
	/* those of a test before are on their way */
	ASSERT_TRUE(objects_come_to("key", 0));

	secret_make(&secret);
	ASSERT_EQ(0, install_both(&pair, &secret));
	ASSERT_TRUE(passes(self, &pair));
	EXPECT_LT(0, found_key(&secret)) {
		TH_LOG("a key in use is not found: nor would others");
	}
	EXPECT_LT(0, found_salt(&secret));

	secret_make(&refused);
	EXPECT_EQ(-EEXIST, secret_install(&pair.nl, pair.tx, E2EE_DIR_TX, &refused));
	EXPECT_EQ(-EEXIST, secret_install(&pair.nl, pair.rx, E2EE_DIR_RX, &refused));
	/* keys are freed when no packet can be at them */
	ASSERT_TRUE(objects_come_to("key", 2));
	EXPECT_EQ(0, found_key(&refused));
	EXPECT_EQ(0, found_salt(&refused));

	ASSERT_EQ(0, secret_uninstall(&pair.nl, pair.tx, E2EE_DIR_TX));
	ASSERT_EQ(0, secret_uninstall(&pair.nl, pair.rx, E2EE_DIR_RX));
	ASSERT_TRUE(objects_come_to("key", 0));
	EXPECT_EQ(0, found_key(&secret));
	EXPECT_EQ(0, found_salt(&secret));

	/* with their sessions */
	secret_make(&secret);
	ASSERT_EQ(0, install_both(&pair, &secret));
	ASSERT_TRUE(passes(self, &pair));
	ASSERT_EQ(0, ctl_session_del(&scene->ctl, pair.tx));
	ASSERT_EQ(0, ctl_session_del(&scene->ctl, pair.rx));
	ASSERT_TRUE(objects_come_to("key", 0));
	EXPECT_EQ(0, found_key(&secret));
	EXPECT_EQ(0, found_salt(&secret));
	nl_close(&pair.nl);
	EXPECT_EQ(0, module_unload_soon("e2ee_seek"));
}

TEST_HARNESS_MAIN
