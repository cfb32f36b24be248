// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What e2eectl tells of the kernel's answers: each finding of doctor, and each member
 * of an event that monitor prints. The answers are made here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../e2eectl/doctor.h"
#include "tap.h"

static struct e2ee_info info;
static struct e2ee_session session;
static struct e2ee_key key;
static struct e2ee_event_info event;

int __wrap_e2ee_open(struct e2ee_ctx **ctx, const char *netns);
int __wrap_e2ee_info_get(struct e2ee_ctx *ctx, struct e2ee_info *answer);
int __wrap_e2ee_session_list(struct e2ee_ctx *ctx, e2ee_session_cb cb,
			     void *arg);
int __wrap_e2ee_key_list(struct e2ee_ctx *ctx, const struct e2ee_session *of,
			 e2ee_key_cb cb, void *arg);
int __wrap_e2ee_event_subscribe(struct e2ee_ctx *ctx);
int __wrap_e2ee_event_fd(const struct e2ee_ctx *ctx);
int __wrap_e2ee_event_read(struct e2ee_ctx *ctx, e2ee_event_cb cb, void *arg);
void __wrap_check_sockets(struct doctor *doctor);

int __wrap_e2ee_open(struct e2ee_ctx **ctx, const char *netns)
{
	(void)netns;
	*ctx = NULL;
	return 0;
}

int __wrap_e2ee_info_get(struct e2ee_ctx *ctx, struct e2ee_info *answer)
{
	(void)ctx;
	*answer = info;
	return 0;
}

int __wrap_e2ee_session_list(struct e2ee_ctx *ctx, e2ee_session_cb cb,
			     void *arg)
{
	(void)ctx;
	return cb(&session, arg);
}

int __wrap_e2ee_key_list(struct e2ee_ctx *ctx, const struct e2ee_session *of,
			 e2ee_key_cb cb, void *arg)
{
	(void)ctx;
	(void)of;
	return cb(&key, arg);
}

int __wrap_e2ee_event_subscribe(struct e2ee_ctx *ctx)
{
	(void)ctx;
	return 0;
}

/* One that is always readable */
int __wrap_e2ee_event_fd(const struct e2ee_ctx *ctx)
{
	static int fd = -1;

	(void)ctx;
	if (fd < 0)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd;
}

/* One event, and then nobody reads on */
int __wrap_e2ee_event_read(struct e2ee_ctx *ctx, e2ee_event_cb cb, void *arg)
{
	(void)ctx;
	cb(&event, arg);
	return -EPIPE;
}

void __wrap_check_sockets(struct doctor *doctor)
{
	(void)doctor;
}

/* What the command prints, in static memory */
static const char *printed(int (*command)(struct args *args), bool json)
{
	struct app app = { .out.json = json };
	struct args args = { .app = &app };
	FILE *file = tmpfile();
	static char text[8192];
	int out = dup(STDOUT_FILENO);
	size_t len;

	if (!file || out < 0)
		abort();
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	command(&args);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	rewind(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static bool doctor_says(const char *words)
{
	return strstr(printed(cmd_doctor, false), words);
}

static void healthy(void)
{
	memset(&info, 0, sizeof(info));
	memset(&session, 0, sizeof(session));
	memset(&key, 0, sizeof(key));
	strcpy(info.driver_sync, "generic-gcm-aesni");
	info.digests_max = 1000;
	session.id = 1;
	strcpy(session.name, "call");
	session.policy = E2EE_POLICY_REQUIRED;
	key.dir = E2EE_DIR_TX;
}

static void crypto(void)
{
	static const char *const slow[] = {
		"gcm_base(ctr(aes-generic),ghash-generic)", "gcm-aes-lib",
		"gcm_base(ctr(aes-fixed-time),ghash-ce)",
	};

	healthy();
	ok(doctor_says("OK    crypto: AES-GCM by generic-gcm-aesni"),
	   "a fast driver is good");
	for (size_t i = 0; i < ARRAY_SIZE(slow); i++) {
		strcpy(info.driver_sync, slow[i]);
		ok(!doctor_says("OK    crypto:") && doctor_says("  crypto: "),
		   "%s is not", slow[i]);
	}
	*info.driver_sync = '\0';
	ok(doctor_says("FAIL  crypto: "), "nor is none at all");
}

static void key_memory(void)
{
	healthy();
	info.digests = 100;
	ok(!doctor_says("key-memory"), "a little of the memory is no finding");
	info.digests = 950;
	ok(doctor_says("WARN  key-memory: 95 %"), "nearly all of it is");
	info.digests = 1000;
	ok(doctor_says("FAIL  key-memory: it is full"), "all of it fails");
}

static void counters(void)
{
	static const struct {
		uint32_t stat;
		const char *words;
	} wants[] = {
		{ E2EE_A_STAT_TX_CLEAR, "FAIL  clear-media: session call: 7 " },
		{ E2EE_A_STAT_RX_CLEAR, "FAIL  clear-media: session call: 7 " },
		{ E2EE_A_STAT_RX_CLEAR_DROPPED, "WARN  clear-media: " },
		{ E2EE_A_STAT_TX_SRTP, "FAIL  srtp: " },
		{ E2EE_A_STAT_TX_NO_KEY, "WARN  no-key: " },
		{ E2EE_A_STAT_RX_NO_KEY, "WARN  no-key: " },
		{ E2EE_A_STAT_TX_KEY_EXPIRED, "WARN  expired: " },
		{ E2EE_A_STAT_RX_KEY_EXPIRED, "WARN  expired: " },
		{ E2EE_A_STAT_RX_AUTH_FAIL, "WARN  authentication: " },
		{ E2EE_A_STAT_TX_FRAG, "WARN  fragments: " },
		{ E2EE_A_STAT_TX_TOO_BIG, "WARN  fragments: " },
		{ E2EE_A_STAT_GUARD_DROP, "WARN  guard: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		healthy();
		session.policy = E2EE_POLICY_OPTIONAL;
		ok(!doctor_says(wants[i].words), "%s: no finding",
		   e2ee_stat_name(wants[i].stat));
		session.stats.value[wants[i].stat] = 7;
		ok(doctor_says(wants[i].words), "%s: found, if it is not zero",
		   e2ee_stat_name(wants[i].stat));
	}
	healthy();
	session.stats.value[E2EE_A_STAT_TX_CLEAR] = 7;
	ok(doctor_says("WARN  clear-media: ") &&
		   doctor_says("before its policy was required"),
	   "what was in clear before the policy was required is said so");
}

static void expired_keys(void)
{
	healthy();
	ok(!doctor_says("expired"), "a key that works is no finding");
	key.expired = 1;
	ok(doctor_says("WARN  expired: session call: 1 keys have expired"),
	   "one that has expired is");
}

static void events(void)
{
	const char *text;

	memset(&event, 0, sizeof(event));
	event.type = E2EE_EVENT_AUTH_BURST;
	event.count = 16;
	event.has = E2EE_HAS(E2EE_A_EVENT_COUNT);
	text = printed(cmd_monitor, false);
	ok(strstr(text, "event auth-burst") && strstr(text, " count 16") &&
		   !strstr(text, "lost"),
	   "monitor tells the count of an event");
	event.lost = 9;
	ok(strstr(printed(cmd_monitor, false), " lost 9"),
	   "and how many were lost before it");
	text = printed(cmd_monitor, true);
	ok(strstr(text, "\"count\":16") && strstr(text, "\"lost\":9"),
	   "both also in JSON");
}

int main(void)
{
	crypto();
	key_memory();
	counters();
	expired_keys();
	events();
	return tap_end();
}
