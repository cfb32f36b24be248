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

#include <linux/genetlink.h>

#include "lib/commands.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/scene.h"

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
	/* other events that a test left on would push these out */
	if (file_write(TRACEFS "/events/enable", "0"))
		abort();
	if (*value == '1')
		close(open(TRACEFS "/trace", O_WRONLY | O_TRUNC));
	if (write(fd, value, 1) != 1)
		abort();
	close(fd);
	return true;
}

/* Installs a key: 0, or -EEXIST where it is there already */
static int install(struct nl *nl, uint32_t session, uint32_t dir,
		   const struct sframe_key *key)
{
	struct nl_msg *msg = nl_session(nl, E2EE_CMD_KEY_NEW, session, NULL);
	size_t nest = nl_nest(msg, E2EE_A_KEY);

	nl_u32(msg, E2EE_A_KEY_DIR, dir);
	nl_u64(msg, E2EE_A_KEY_KID, key->kid);
	nl_put(msg, E2EE_A_KEY_SECRET, key->secret, sizeof(key->secret));
	nl_put(msg, E2EE_A_KEY_SALT, key->salt, sizeof(key->salt));
	nl_nest_end(msg, nest);
	return nl_do(nl, msg);
}

/*
 * One packet that is sealed, one that is opened, one with a wrong tag, one with
 * an unknown key. "" or what is wrong.
 */
static const char *use(struct scene *scene, const struct sframe_key *rx)
{
	const struct sframe_key unknown = { .suite = 5, .kid = 5 };
	static uint8_t packet[RTP_ROOM];
	uint8_t payload[64];
	struct rtp rtp = { .pt = 96, .ssrc = 9, .payload = payload,
			   .len = sizeof(payload) };
	size_t len;

	rtp_fill(payload, sizeof(payload), 1);
	len = rtp_build(packet, &rtp);
	if (sock_send(scene->fd, packet, len, NULL) < 0)
		return "not sent";
	for (uint64_t ctr = 0; ctr < 3; ctr++) {
		len = rtp_seal(packet, &rtp, ctr < 2 ? rx : &unknown, ctr);
		packet[len - 1] ^= ctr == 1;
		if (sock_send(scene->peer, packet, len, NULL) < 0)
			return "not sent";
	}
	if (scene_flush(scene->peer, scene->fd) != 1)
		return "not delivered";
	return scene_changes(scene);
}

static void record_log(struct record *record)
{
	static char log[1 << 20];
	int len = klogctl(3, log, sizeof(log));	/* the last that fits */

	if (len < 0)
		abort();
	record_add(record, log, (size_t)len);
}

static bool record_says(const struct record *record, const char *words)
{
	return memmem(record->bytes, record->len, words, strlen(words));
}

/*
 * Keys of known bytes are installed, used, refused, shown and deleted; what
 * came out meanwhile, by whatever way, is searched for them.
 */
TEST_F(secrecy, keys)
{
	const char *kernel = getenv("E2EE_KERNEL");
	static struct record record;
	struct scene *scene = &self->scene;
	struct nl *nl = &self->nl;
	struct sframe_key tx, rx;
	uint8_t buf[8192];
	struct nl ear;
	bool traced;

	sframe_key_random(&tx, 5, 100);
	sframe_key_random(&rx, 5, 101);
	nl->heard = record_add;
	nl->arg = &record;
	ASSERT_EQ(0, nl_open(&ear));
	ASSERT_EQ(0, nl_listen(&ear));
	ear.heard = record_add;
	ear.arg = &record;
	traced = trace_events("1");
	/* of the lab's kernels, user-mode Linux alone has no tracing */
	if (kernel && strcmp(kernel, "uml"))
		EXPECT_TRUE(traced);
	EXPECT_EQ(0, install(nl, scene->session, E2EE_DIR_TX, &tx));
	EXPECT_EQ(0, install(nl, scene->session, E2EE_DIR_RX, &rx));
	EXPECT_STREQ("tx_ok+1 rx_ok+1 rx_other+1 rx_no_key+1 rx_auth_fail+1",
		     use(scene, &rx));
	/* a refusal comes with the request, which was wiped */
	EXPECT_EQ(-EEXIST, install(nl, scene->session, E2EE_DIR_TX, &tx));
	EXPECT_EQ(-EEXIST, install(nl, scene->session, E2EE_DIR_RX, &rx));
	EXPECT_EQ(-ENOENT, install(nl, 12345, E2EE_DIR_RX, &rx));
	for (uint8_t cmd = 1; cmd <= E2EE_CMD_INFO_GET; cmd++)
		if (command_dumps(cmd))
			EXPECT_LE(0, nl_count(nl, nl_begin(nl, cmd)));
	ASSERT_EQ(0, ctl_session_del(&scene->ctl, scene->session));
	do {
		ASSERT_EQ(0, nl_event(&ear, SOCK_WAIT, buf, sizeof(buf)));
	} while (nl_get_u32(nl_find(buf, E2EE_A_EVENT, E2EE_A_EVENT_TYPE)) !=
	       E2EE_EVENT_SESSION_DEL);
	nl_close(&ear);
	record_log(&record);
	record_folder(&record, "/sys/kernel/debug/e2ee");
	if (traced) {
		trace_events("0");
		record_file(&record, TRACEFS "/trace");
		EXPECT_TRUE(record_says(&record, "stat=rx_auth_fail"));
		EXPECT_TRUE(record_says(&record, "stat=tx_ok"));
	}
	/* what is searched is there at all */
	EXPECT_TRUE(record_says(&record, "e2ee"));
	EXPECT_TRUE(record_says(&record, "session "));
	EXPECT_FALSE(record_has(&record, tx.secret, sizeof(tx.secret)));
	EXPECT_FALSE(record_has(&record, rx.secret, sizeof(rx.secret)));
	EXPECT_FALSE(record_has(&record, tx.salt, sizeof(tx.salt)));
	EXPECT_FALSE(record_has(&record, rx.salt, sizeof(rx.salt)));
}

/* What may be wrong with a message before the module looks at its sense */
enum flaw {
	FLAW_DIR,		/* a bad value beside the secret */
	FLAW_LONG,		/* a secret too long */
	FLAW_UNKNOWN,		/* an attribute behind it in the nest */
	FLAW_UNKNOWN_TOP,	/* ... and outside */
	FLAW_TYPE,		/* the nest does not say that it is one */
	FLAW_CUT,		/* the message ends within the secret */
	FLAW_CUT_NEST,		/* the nest ends within the secret */
	FLAW_HEADER,		/* a reserved field is set */
	FLAW_FLAGS,		/* a flag of other commands */
	FLAW_NUM,
};

static struct nl_msg *flawed(const struct nl *nl, uint32_t session, int flaw,
			     const uint8_t secret[33])
{
	struct nl_msg *msg = nl_session(nl, E2EE_CMD_KEY_NEW, session, NULL);
	size_t nest = nl_nest(msg, E2EE_A_KEY), at;
	struct genlmsghdr *genl = (void *)(msg->data + NLMSG_HDRLEN);
	struct nlattr *attr;

	nl_u32(msg, E2EE_A_KEY_DIR, flaw == FLAW_DIR ? 9 : E2EE_DIR_TX);
	nl_u64(msg, E2EE_A_KEY_KID, 9);
	nl_put(msg, E2EE_A_KEY_SALT, secret + 16, 12);
	at = nl_put(msg, E2EE_A_KEY_SECRET, secret, flaw == FLAW_LONG ? 33 : 32);
	if (flaw == FLAW_UNKNOWN)
		nl_u32(msg, 99, 1);
	attr = (void *)(msg->data + at);
	if (flaw == FLAW_CUT_NEST)
		attr->nla_len += 4;
	nl_nest_end(msg, nest);
	if (flaw == FLAW_UNKNOWN_TOP)
		nl_u32(msg, 99, 1);
	attr = (void *)(msg->data + nest);
	if (flaw == FLAW_TYPE)
		attr->nla_type &= NLA_TYPE_MASK;
	if (flaw == FLAW_CUT)
		attr->nla_len += 4;
	if (flaw == FLAW_HEADER)
		genl->reserved = 1;
	if (flaw == FLAW_FLAGS)
		((struct nlmsghdr *)msg->data)->nlmsg_flags |= NLM_F_EXCL;
	return msg;
}

/* A refused request is sent back to whoever does not ask for short errors. */
TEST_F(secrecy, refused_requests)
{
	static struct record record;
	uint8_t secret[33] = { 0 };
	struct nl_said said;
	struct nl_msg *msg;
	int off = 0;

	ASSERT_EQ(0, setsockopt(self->nl.fd, SOL_NETLINK, NETLINK_CAP_ACK,
				&off, sizeof(off)));
	self->nl.heard = record_add;
	self->nl.arg = &record;
	for (int flaw = 0; flaw < FLAW_NUM; flaw++) {
		nl_fresh_secret(secret);
		record.len = 0;
		msg = flawed(&self->nl, self->scene.session, flaw, secret);
		EXPECT_GT(0, nl_talk(&self->nl, msg, &said));
		EXPECT_NE('\0', said.text[0]);
		EXPECT_FALSE(record_has(&record, secret, 32)) {
			TH_LOG("flaw %d: %s", flaw, said.text);
		}
		/* it was sent back: else there is nothing to search in */
		EXPECT_LT(msg->len, record.len) {
			TH_LOG("flaw %d: %s", flaw, said.text);
		}
		free(msg);
	}
}

TEST_HARNESS_MAIN
