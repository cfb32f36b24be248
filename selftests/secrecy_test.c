// SPDX-License-Identifier: GPL-2.0
/*
 * No byte of a key ever comes out: not in answers, dumps, events, the kernel's
 * log, tracepoints or debugfs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/klog.h>
#include <sys/mount.h>

#include "lib/commands.h"
#include "lib/scene.h"
#include "kselftest_harness.h"

FIXTURE(secrecy)
{
	struct scene scene;
	struct nl nl;
};

FIXTURE_SETUP(secrecy)
{
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_V4, NULL));
	ASSERT_EQ(0, nl_open(&self->nl));
}

FIXTURE_TEARDOWN(secrecy)
{
	nl_close(&self->nl);
	scene_close(&self->scene);
}

/* All that the module said, to be searched for bytes of keys */
struct record {
	size_t len;
	uint8_t bytes[4 << 20];
};

static void record_add(void *arg, const void *data, size_t len)
{
	struct record *record = arg;

	if (record->len + len > sizeof(record->bytes))
		abort();
	memcpy(record->bytes + record->len, data, len);
	record->len += len;
}

static void record_file(struct record *record, const char *path)
{
	uint8_t buf[65536];
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	ssize_t len;

	if (fd < 0)
		return;
	while ((len = read(fd, buf, sizeof(buf))) > 0 &&
	       record->len + (size_t)len <= sizeof(record->bytes))
		record_add(record, buf, (size_t)len);
	close(fd);
}

static void record_folder(struct record *record, const char *path)
{
	char name[512];
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_REG)
			record_file(record, name);
	}
	if (dir)
		closedir(dir);
}

/* Bytes of a secret, as they are or as hex digits in either case */
static bool record_has(const struct record *record, const uint8_t *secret,
		       size_t len)
{
	char lower[9], upper[9];

	for (size_t i = 0; i + 6 <= len; i++)
		if (memmem(record->bytes, record->len, secret + i, 6))
			return true;
	for (size_t i = 0; i + 4 <= len; i++) {
		for (int k = 0; k < 4; k++) {
			sprintf(lower + 2 * k, "%02x", secret[i + (size_t)k]);
			sprintf(upper + 2 * k, "%02X", secret[i + (size_t)k]);
		}
		if (memmem(record->bytes, record->len, lower, 8) ||
		    memmem(record->bytes, record->len, upper, 8))
			return true;
	}
	return false;
}

#define TRACEFS	"/sys/kernel/tracing"

static bool trace_events(const char *value)
{
	int fd;

	mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	fd = open(TRACEFS "/events/e2ee/enable", O_WRONLY);
	if (fd < 0)
		return false;
	if (write(fd, value, 1) != 1)
		abort();
	close(fd);
	return true;
}

/*
 * Keys of known bytes are installed, used, refused, shown and deleted; what
 * came out meanwhile, by whatever way, is searched for them.
 */
TEST_F(secrecy, keys)
{
	static struct record record;
	struct scene *scene = &self->scene;
	struct nl *nl = &self->nl;
	uint8_t packet[RTP_ROOM], payload[64];
	struct rtp rtp = { .pt = 96, .payload = payload,
			   .len = sizeof(payload) };
	struct sframe_key tx, rx;
	struct nl_said said;
	struct nl_msg *msg;
	static uint8_t log[1 << 20];
	bool traced, shown;
	struct nl ear;
	int len;

	sframe_key_random(&tx, 5, 100);
	sframe_key_random(&rx, 5, 101);
	nl->heard = record_add;
	nl->arg = &record;
	ASSERT_EQ(0, nl_open(&ear));
	ASSERT_EQ(0, nl_listen(&ear));
	ear.heard = record_add;
	ear.arg = &record;
	traced = trace_events("1");
	rtp_fill(payload, sizeof(payload), 1);

	for (int round = 0; round < 2; round++) {
		/* installed, and in the second round refused */
		for (int dir = E2EE_DIR_TX; dir <= E2EE_DIR_RX; dir++) {
			const struct sframe_key *key =
				dir == E2EE_DIR_TX ? &tx : &rx;
			size_t nest;

			msg = nl_session(nl, E2EE_CMD_KEY_NEW, scene->session,
					  NULL);
			nest = nl_nest(msg, E2EE_A_KEY);
			nl_u32(msg, E2EE_A_KEY_DIR, (uint32_t)dir);
			nl_u64(msg, E2EE_A_KEY_KID, key->kid);
			nl_put(msg, E2EE_A_KEY_SECRET, key->secret, 32);
			nl_put(msg, E2EE_A_KEY_SALT, key->salt, 12);
			nl_nest_end(msg, nest);
			EXPECT_EQ(round ? -EEXIST : 0,
				  nl_talk(nl, msg, &said)) {
				TH_LOG("%s", said.text);
			}
			free(msg);
		}
	}
	/* used: a good packet each way, one without key, one with bad tag */
	rtp.ssrc = 9;
	len = (int)rtp_build(packet, &rtp);
	EXPECT_EQ(len, sock_send(scene->fd, packet, (size_t)len, NULL));
	len = (int)rtp_seal(packet, &rtp, &rx, 0);
	EXPECT_EQ(len, sock_send(scene->peer, packet, (size_t)len, NULL));
	len = (int)rtp_seal(packet, &rtp, &rx, 1);
	packet[len - 1] ^= 1;
	EXPECT_EQ(len, sock_send(scene->peer, packet, (size_t)len, NULL));
	len = (int)rtp_seal(packet, &rtp, &(struct sframe_key){ .suite = 5,
							       .kid = 5 }, 0);
	EXPECT_EQ(len, sock_send(scene->peer, packet, (size_t)len, NULL));
	EXPECT_EQ(1, scene_flush(scene->peer, scene->fd));
	EXPECT_STREQ("tx_ok+1 rx_ok+1 rx_other+1 rx_no_key+1 rx_auth_fail+1",
		     scene_changes(scene));
	/* shown */
	for (uint8_t cmd = 1; cmd <= E2EE_CMD_INFO_GET; cmd++) {
		if (!command_dumps(cmd))
			continue;
		msg = nl_begin(nl, cmd);
		EXPECT_EQ(0, nl_dump(nl, msg, NULL, NULL, NULL));
		free(msg);
	}
	ASSERT_EQ(0, ctl_session_policy(&scene->ctl, scene->session,
					E2EE_POLICY_REQUIRED));
	do {
		ASSERT_EQ(0, nl_event(&ear, SOCK_WAIT, packet, sizeof(packet)));
	} while (nl_get_u32(nl_find(packet, E2EE_A_EVENT, E2EE_A_EVENT_TYPE)) !=
	       E2EE_EVENT_SESSION_SET);
	/* logged */
	len = klogctl(3, (char *)log, sizeof(log));
	ASSERT_LE(0, len);
	record_add(&record, log, (size_t)len);
	record_folder(&record, "/sys/kernel/debug/e2ee");
	shown = memmem(record.bytes, record.len, "session ", 8);
	EXPECT_TRUE(shown) TH_LOG("debugfs has no audit of objects");
	if (traced) {
		trace_events("0");
		record_file(&record, TRACEFS "/trace");
		EXPECT_NE(NULL, memmem(record.bytes, record.len,
				       "stat=rx_auth_fail", 17));
		EXPECT_NE(NULL, memmem(record.bytes, record.len,
				       "stat=tx_ok", 10));
	}
	EXPECT_FALSE(record_has(&record, tx.secret, 32));
	EXPECT_FALSE(record_has(&record, rx.secret, 32));
	EXPECT_FALSE(record_has(&record, tx.salt, 12));
	EXPECT_FALSE(record_has(&record, rx.salt, 12));
	nl_close(&ear);
}

TEST_HARNESS_MAIN
