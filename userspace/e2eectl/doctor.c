// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether this host is fit and safe, in plain words: one finding a line.
 * FAIL: media is not protected, or cannot pass; then the exit code is 1.
 * WARN: it works, but somebody should look. OK: as it should be.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "doctor.h"
#include "e2eectl.h"

#define KERNEL_MAJOR	6		/* oldest kernel supported */
#define KERNEL_MINOR	1
#define DIGESTS_PERCENT	90

/* Whether depmod's list for the running kernel has it */
static bool module_installed(const char *release)
{
	char path[256], line[4096];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, ":")] = '\0';
		found = strstr(line, "/e2ee.ko");
	}
	fclose(file);
	return found;
}

static void check_kernel(struct doctor *doctor, const char *release)
{
	unsigned long major, minor;
	char *end;

	major = strtoul(release, &end, 10);
	minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	if (*end != '.')
		finding(doctor, LEVEL_WARN, "kernel", NULL,
			"version \"%s\" is not understood", release);
	else if (major < KERNEL_MAJOR ||
		 (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		finding(doctor, LEVEL_FAIL, "kernel", "run a newer kernel",
			"%s is older than %d.%d, the oldest supported", release,
			KERNEL_MAJOR, KERNEL_MINOR);
	else
		finding(doctor, LEVEL_OK, "kernel", NULL, "%s is supported",
			release);
}

static bool check_module(struct doctor *doctor, const char *release,
			 struct e2ee_info *info)
{
	struct app *app = doctor->app;
	int ret;

	ret = e2ee_open(&app->ctx, app->netns);
	if (!ret)
		ret = e2ee_info_get(app->ctx, info);
	if (!ret) {
		finding(doctor, LEVEL_OK, "module", NULL,
			"e2ee %s is loaded", info->version);
		return true;
	}
	if (ret != -EPROTONOSUPPORT)
		finding(doctor, LEVEL_FAIL, "module", NULL, "%s",
			e2ee_strerror(app->ctx));
	else if (module_installed(release))
		finding(doctor, LEVEL_FAIL, "module", "modprobe e2ee",
			"e2ee is installed, but not loaded");
	else
		finding(doctor, LEVEL_FAIL, "module",
			"install e2ee for this kernel, then modprobe e2ee",
			"e2ee is not loaded, and not installed for kernel %s",
			release);
	return false;
}

/*
 * Portable C and table look-ups: slow, and their timing tells of the key. It is
 * enough that one part of a driver is of that kind, as in
 * gcm_base(ctr(aes-aesni),ghash-generic).
 */
static bool driver_slow(const char *name)
{
	return strstr(name, "aes-generic") || strstr(name, "aes-lib") ||
	       strstr(name, "aes-fixed-time") || strstr(name, "ghash-generic") ||
	       strstr(name, "ghash-lib");
}

/* Whether the CPU says that it has instructions for AES (x86, arm64) */
static bool cpu_has_aes(void)
{
	bool found = false;
	char *line = NULL;
	size_t room = 0;
	FILE *file;

	file = fopen("/proc/cpuinfo", "re");
	if (!file)
		return false;
	while (!found && getline(&line, &room, file) > 0) {
		if (strncmp(line, "flags", 5) != 0 &&
		    strncmp(line, "Features", 8) != 0)
			continue;
		line[strcspn(line, "\n")] = ' ';
		found = strstr(line, " aes ");
	}
	free(line);
	fclose(file);
	return found;
}

/* Where the CPU could do better, a slow driver is a fault, not bad luck */
static enum level slow_level(void)
{
	return cpu_has_aes() ? LEVEL_FAIL : LEVEL_WARN;
}

static void check_crypto(struct doctor *doctor, const struct e2ee_info *info)
{
	const char *fallback = "";

	if (info->has & E2EE_HAS(E2EE_A_INFO_DRIVER_FALLBACK))
		fallback = info->driver_fallback;
	if (!*info->driver_sync)
		finding(doctor, LEVEL_FAIL, "crypto", "modprobe gcm",
			"the kernel has no AES-GCM");
	else if (driver_slow(info->driver_sync))
		finding(doctor, slow_level(), "crypto",
			"modprobe aesni_intel (x86) or ghash_ce (arm64), then add all keys again",
			"AES-GCM by %s, the slow portable code",
			info->driver_sync);
	else
		finding(doctor, LEVEL_OK, "crypto", NULL,
			"AES-GCM by %s%s%s", info->driver_sync,
			*fallback ? ", where SIMD may not be used by " : "",
			fallback);
}

static void check_digests(struct doctor *doctor, const struct e2ee_info *info)
{
	const char *cure = "at a suitable moment, close the media sockets and reload the module";
	uint64_t percent;

	if (!info->digests_max)
		return;
	percent = 100ULL * info->digests / info->digests_max;
	if (info->digests >= info->digests_max)
		finding(doctor, LEVEL_FAIL, "key-memory", cure,
			"it is full, so new keys for sending are refused");
	else if (percent >= DIGESTS_PERCENT)
		finding(doctor, LEVEL_WARN, "key-memory", cure,
			"%" PRIu64 " %% full: the module can remember %u sending keys",
			percent, info->digests_max);
}

/* Rooms install fresh keys all the time, so this is no fault of the host's. */
static void check_floors(struct doctor *doctor, const struct e2ee_info *info)
{
	if (info->floors_lost)
		finding(doctor, LEVEL_OK, "replay-memory", NULL,
			"%" PRIu64 " deleted receiving keys were forgotten, and %u are remembered; if you install a forgotten key again, give its ctr",
			info->floors_lost, info->floors);
}

static uint64_t stat_value(const struct e2ee_session *session, uint32_t stat)
{
	return session->stats.value[stat];
}

/* What a counter that is not zero tells */
struct symptom {
	uint32_t stat;
	enum level level;
	const char *check;
	const char *text;
	const char *cure;
};

static const struct symptom symptoms[] = {
	{ E2EE_A_STAT_TX_CLEAR, LEVEL_FAIL, "clear-media",
	  "packets of media were sent in clear",
	  "add a key for each SSRC, then set-session NAME policy required" },
	{ E2EE_A_STAT_RX_CLEAR, LEVEL_FAIL, "clear-media",
	  "packets of clear media were accepted",
	  "have the other side encrypt, then set-session NAME policy required" },
	{ E2EE_A_STAT_RX_CLEAR_DROPPED, LEVEL_WARN, "clear-media",
	  "packets of clear media came in and were dropped",
	  "have the other side encrypt" },
	{ E2EE_A_STAT_TX_SRTP, LEVEL_FAIL, "srtp",
	  "SRTP handshakes of the engine were refused",
	  "have the engine send plain RTP" },
	{ E2EE_A_STAT_TX_NO_KEY, LEVEL_WARN, "no-key",
	  "packets were not sent because there was no key for them",
	  "list-keys NAME; add-key NAME tx, in the session's epoch" },
	{ E2EE_A_STAT_RX_NO_KEY, LEVEL_WARN, "no-key",
	  "packets with an unknown KID were dropped",
	  "add-key NAME rx with the sender's kid" },
	{ E2EE_A_STAT_TX_KEY_EXPIRED, LEVEL_WARN, "expired",
	  "packets were not sent because their key had expired",
	  "add a new key in a new epoch, then use-epoch" },
	{ E2EE_A_STAT_RX_KEY_EXPIRED, LEVEL_WARN, "expired",
	  "packets were dropped because their key had expired", "add a new key" },
	{ E2EE_A_STAT_RX_AUTH_FAIL, LEVEL_WARN, "authentication",
	  "packets failed authentication",
	  "compare kid and key with the sender's; if they are the same, somebody is tampering with packets" },
	{ E2EE_A_STAT_TX_FRAG, LEVEL_WARN, "fragments",
	  "packets were larger than the path's MTU",
	  "limit the engine's RTP payloads to 1,400 bytes" },
	{ E2EE_A_STAT_TX_TOO_BIG, LEVEL_WARN, "fragments",
	  "packets were too big for UDP",
	  "limit the engine's RTP payloads to 1,400 bytes" },
	{ E2EE_A_STAT_GUARD_DROP, LEVEL_WARN, "guard",
	  "packets were dropped because their socket could not be attached",
	  "e2eectl monitor shows why (attach-failed)" },
};

static void check_counters(struct doctor *doctor,
			   const struct e2ee_session *session)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(symptoms); i++) {
		const struct symptom *symptom = &symptoms[i];
		uint64_t value = stat_value(session, symptom->stat);

		if (!value)
			continue;
		/* A switch from optional to required is the cure: then say so */
		if (symptom->level == LEVEL_FAIL &&
		    session->policy == E2EE_POLICY_REQUIRED &&
		    symptom->stat != E2EE_A_STAT_TX_SRTP)
			finding(doctor, LEVEL_WARN, symptom->check, NULL,
				"session %s: %" PRIu64 " %s, before its policy was required",
				session->name, value, symptom->text);
		else
			finding(doctor, symptom->level, symptom->check,
				symptom->cure, "session %s: %" PRIu64 " %s",
				session->name, value, symptom->text);
	}
}

static void check_policy(struct doctor *doctor,
			 const struct e2ee_session *session)
{
	const char *cure = "set-session NAME policy required";

	if (session->policy == E2EE_POLICY_OFF)
		finding(doctor, LEVEL_FAIL, "policy", cure,
			"session %s: the policy is off, so media passes in clear",
			session->name);
	else if (session->policy == E2EE_POLICY_OPTIONAL)
		finding(doctor, LEVEL_WARN, "policy", cure,
			"session %s: the policy is optional, so media without a key passes in clear",
			session->name);
}

struct key_count {
	uint32_t epoch;
	unsigned int tx;		/* of the epoch, good */
	unsigned int rx;
	unsigned int expired;
	unsigned int slow;
	char slow_driver[E2EE_CRYPTO_NAME_MAX + 1];	/* of one of them */
};

static int key_counted(const struct e2ee_key *key, void *arg)
{
	struct key_count *count = arg;

	if (driver_slow(key->driver)) {
		count->slow++;
		memcpy(count->slow_driver, key->driver,
		       sizeof(count->slow_driver));
	}
	if (key->expired)
		count->expired++;
	else if (key->dir == E2EE_DIR_RX)
		count->rx++;
	else if (key->epoch == count->epoch)
		count->tx++;
	return 0;
}

static void check_keys(struct doctor *doctor,
		       const struct e2ee_session *session)
{
	struct key_count count = { .epoch = session->epoch };

	if (e2ee_key_list(doctor->app->ctx, session, key_counted, &count))
		return;
	if (!count.tx && !count.rx)
		finding(doctor, LEVEL_WARN, "keys",
			"add-key NAME tx, and add-key NAME rx for each sender",
			"session %s: it has no usable key", session->name);
	else if (!count.tx)
		finding(doctor, LEVEL_WARN, "keys", "add-key NAME tx",
			"session %s: it has no key to send with in epoch %u",
			session->name, session->epoch);
	else if (!count.rx)
		finding(doctor, LEVEL_WARN, "keys",
			"add-key NAME rx for each sender",
			"session %s: it has no key to receive with", session->name);
	if (count.expired)
		finding(doctor, LEVEL_WARN, "expired",
			"del-key, and add a new key",
			"session %s: %u keys have expired", session->name,
			count.expired);
	if (count.slow)
		finding(doctor, slow_level(), "crypto",
			"set-session NAME crypto auto, then add the keys again",
			"session %s: %u keys use %s, the slow portable code",
			session->name, count.slow, count.slow_driver);
}

static void check_sessions(struct doctor *doctor)
{
	size_t i;

	if (session_names_read(doctor->app, &doctor->names))
		return;
	if (!doctor->names.count)
		finding(doctor, LEVEL_OK, "sessions", NULL, "there are none");
	for (i = 0; i < doctor->names.count; i++) {
		const struct e2ee_session *session = &doctor->names.sessions[i];
		enum level before = doctor->worst;

		doctor->worst = LEVEL_OK;
		check_policy(doctor, session);
		check_keys(doctor, session);
		check_counters(doctor, session);
		if (doctor->worst == LEVEL_OK)
			finding(doctor, LEVEL_OK, "session", NULL,
				"%s: %u keys, %u sockets", session->name,
				session->keys, session->sockets);
		if (before > doctor->worst)
			doctor->worst = before;
	}
}

static int guard_noted(const struct e2ee_guard *guard, void *arg)
{
	struct doctor *doctor = arg;
	struct e2ee_guard *new;

	new = reallocarray(doctor->guards, doctor->guard_count + 1,
			   sizeof(*new));
	if (!new)
		return -ENOMEM;
	doctor->guards = new;
	new[doctor->guard_count++] = *guard;
	return 0;
}

static int socket_noted(const struct e2ee_socket *sock, void *arg)
{
	struct doctor *doctor = arg;
	struct e2ee_socket *new;

	new = reallocarray(doctor->sockets, doctor->socket_count + 1,
			   sizeof(*new));
	if (!new)
		return -ENOMEM;
	doctor->sockets = new;
	new[doctor->socket_count++] = *sock;
	return 0;
}

/* Sessions come last: one that is not among them was deleted */
static void check_objects(struct doctor *doctor)
{
	struct app *app = doctor->app;

	if (e2ee_guard_list(app->ctx, NULL, guard_noted, doctor) ||
	    e2ee_socket_list(app->ctx, NULL, socket_noted, doctor)) {
		finding(doctor, LEVEL_FAIL, "module", NULL, "%s",
			e2ee_strerror(app->ctx));
		return;
	}
	check_sessions(doctor);
	check_guards(doctor);
	check_attached(doctor);
	check_sockets(doctor);
	check_holders(doctor, "");
}

int cmd_doctor(struct args *args)
{
	struct doctor doctor = { .app = args->app };
	struct e2ee_info info = { .has = 0 };
	struct app *app = args->app;
	struct utsname uts;
	int ret;

	ret = args_end(args);
	if (ret)
		return ret;
	if (uname(&uts))
		return app_error(app, EXIT_KERNEL, "uname: %s",
				 strerror(errno));
	out_list(&app->out, NULL);
	check_kernel(&doctor, uts.release);
	doctor.loaded = check_module(&doctor, uts.release, &info);
	if (doctor.loaded) {
		check_crypto(&doctor, &info);
		check_digests(&doctor, &info);
		check_floors(&doctor, &info);
		check_objects(&doctor);
	}
	check_boot(&doctor, "");
	out_list_end(&app->out);
	session_names_free(&doctor.names);
	free(doctor.guards);
	free(doctor.sockets);
	return doctor.worst == LEVEL_FAIL ? EXIT_USAGE : EXIT_GOOD;
}
