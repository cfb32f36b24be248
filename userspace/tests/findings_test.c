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
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../e2eectl/doctor.h"
#include "tap.h"

static struct e2ee_info info;
static struct e2ee_session session;
static struct e2ee_key key;
static struct e2ee_event_info event;
static struct e2ee_guard guards[2];
static struct e2ee_socket sock;
static size_t guard_count, socket_count;
static bool media;			/* what is seen to leave */
static char root[] = "/tmp/e2ee-findings.XXXXXX";
static int status;			/* of the last command */

int __wrap_e2ee_open(struct e2ee_ctx **ctx, const char *netns);
int __wrap_e2ee_info_get(struct e2ee_ctx *ctx, struct e2ee_info *answer);
int __wrap_e2ee_session_list(struct e2ee_ctx *ctx, e2ee_session_cb cb,
			     void *arg);
int __wrap_e2ee_key_list(struct e2ee_ctx *ctx, const struct e2ee_session *of,
			 e2ee_key_cb cb, void *arg);
int __wrap_e2ee_guard_list(struct e2ee_ctx *ctx, const struct e2ee_session *of,
			   e2ee_guard_cb cb, void *arg);
int __wrap_e2ee_socket_list(struct e2ee_ctx *ctx,
			    const struct e2ee_session *of, e2ee_socket_cb cb,
			    void *arg);
int __wrap_e2ee_udp_list(struct e2ee_ctx *ctx, e2ee_udp_cb cb, void *arg);
bool __wrap_media_watch(const char *netns, struct udp *udp, size_t count,
			unsigned int ms);
void __wrap_check_boot(struct doctor *doctor, const char *at);
void __real_check_boot(struct doctor *doctor, const char *at);
void __wrap_check_holders(struct doctor *doctor, const char *at);
void __real_check_holders(struct doctor *doctor, const char *at);
int __wrap_e2ee_event_subscribe(struct e2ee_ctx *ctx);
int __wrap_e2ee_event_fd(const struct e2ee_ctx *ctx);
int __wrap_e2ee_event_read(struct e2ee_ctx *ctx, e2ee_event_cb cb, void *arg);

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

int __wrap_e2ee_guard_list(struct e2ee_ctx *ctx, const struct e2ee_session *of,
			   e2ee_guard_cb cb, void *arg)
{
	(void)ctx;
	(void)of;
	for (size_t i = 0; i < guard_count; i++)
		if (cb(&guards[i], arg))
			abort();
	return 0;
}

int __wrap_e2ee_socket_list(struct e2ee_ctx *ctx,
			    const struct e2ee_session *of, e2ee_socket_cb cb,
			    void *arg)
{
	(void)ctx;
	(void)of;
	return socket_count ? cb(&sock, arg) : 0;
}

/* One socket, on a port that may be media's; it is held by this test */
int __wrap_e2ee_udp_list(struct e2ee_ctx *ctx, e2ee_udp_cb cb, void *arg)
{
	static int fd = -1;
	struct e2ee_udp udp = { .local = { .len = 4, .port = 5004 } };
	struct stat st;

	(void)ctx;
	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fstat(fd, &st))
		abort();
	udp.inode = st.st_ino;
	udp.uid = getuid();
	return cb(&udp, arg);
}

bool __wrap_media_watch(const char *netns, struct udp *udp, size_t count,
			unsigned int ms)
{
	(void)netns;
	(void)ms;
	for (size_t i = 0; i < count; i++)
		udp[i].media = media;
	return true;
}

void __wrap_check_boot(struct doctor *doctor, const char *at)
{
	(void)at;
	__real_check_boot(doctor, root);
}

void __wrap_check_holders(struct doctor *doctor, const char *at)
{
	(void)at;
	__real_check_holders(doctor, root);
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
	status = command(&args);
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

/* It says so, and whether it fails is as the level says: nothing else is wrong */
static bool doctor_finds(const char *words)
{
	return doctor_says(words) && status == !strncmp(words, "FAIL", 4);
}

/* A file below the root that doctor looks at */
static void put(const char *path, const char *text)
{
	char command[512];
	FILE *file;

	snprintf(command, sizeof(command), "mkdir -p $(dirname %s%s)", root,
		 path);
	if (system(command))
		abort();
	snprintf(command, sizeof(command), "%s%s", root, path);
	file = fopen(command, "we");
	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

static void gone(const char *path)
{
	char command[512];

	snprintf(command, sizeof(command), "rm -rf %s%s", root, path);
	if (system(command))
		abort();
}

static const char enabled[] = "/etc/systemd/system/sysinit.target.wants/e2ee.service";
static const char conf[] = "/etc/e2ee/host.conf";

/* One session with keys both ways, one guard that boots bring back, no socket */
static void healthy(void)
{
	memset(&info, 0, sizeof(info));
	memset(&session, 0, sizeof(session));
	memset(&key, 0, sizeof(key));
	memset(&guards, 0, sizeof(guards));
	memset(&sock, 0, sizeof(sock));
	strcpy(info.driver_sync, "generic-gcm-aesni");
	info.digests_max = 1000;
	session.id = 1;
	strcpy(session.name, "call");
	session.policy = E2EE_POLICY_REQUIRED;
	key.dir = E2EE_DIR_TX;
	guards[0].id = 1;
	guards[0].session = 1;
	guards[0].port_first = 6000;
	guards[0].port_last = 6100;
	guards[0].has = E2EE_HAS(E2EE_A_GUARD_PORT_FIRST) |
			E2EE_HAS(E2EE_A_GUARD_PORT_LAST) |
			E2EE_HAS(E2EE_A_GUARD_UID);
	guards[0].uid = 7;
	guard_count = 1;
	socket_count = 0;
	media = false;
	gone("");
	put(enabled, "");
	put(conf, "version 1\nadd-session call\n"
		  "add-guard call ports 6000-6100 uid 7\n");
	if (doctor_says("FAIL  ") || status)
		abort();
}

static void clear_media(void)
{
	healthy();
	ok(doctor_says("WARN  sockets: process findings_test (") && !status,
	   "a socket that may be media's and sends none is worth a look");
	media = true;
	ok(doctor_finds("FAIL  clear-media: process findings_test (") &&
		   doctor_says("sends RTP that nothing protects, from port 5004"),
	   "if it sends RTP, media leaves in clear");
	guards[0].port_first = 5004;
	ok(doctor_says("FAIL  clear-media: "),
	   "a guard for another user does not protect it");
	guards[0].uid = getuid();
	ok(!doctor_says("clear-media") && doctor_says("OK    sockets: "),
	   "a guard for its user does");
	guards[0].has |= E2EE_HAS(E2EE_A_GUARD_CGROUP);
	strcpy(guards[0].cgroup, "/no-such.slice");
	ok(doctor_says("FAIL  clear-media: "),
	   "a guard for another cgroup does not");
	strcpy(guards[0].cgroup, "/");
	ok(!doctor_says("clear-media") || system("grep -q ^0: /proc/self/cgroup"),
	   "the root of all cgroups holds it");
}

static void blocked(void)
{
	healthy();
	socket_count = 1;
	sock.id = 3;
	sock.session = 1;
	sock.local = (struct e2ee_addr){ .len = 4, .port = 9 };
	ok(!doctor_says("blocked"), "a socket of a session is no finding");
	sock.session = 77;
	ok(doctor_finds("FAIL  blocked: socket 3 on 0.0.0.0 port 9 passes no media"),
	   "one of a deleted session passes no media");
	sock.session = 0;
	ok(!doctor_says("blocked"), "one that was detached is no finding");
}

static void no_media(void)
{
	healthy();
	socket_count = 1;
	sock.session = 1;
	sock.guard = 1;
	sock.has = E2EE_HAS(E2EE_A_SOCKET_GUARD);
	sock.stats.value[E2EE_A_STAT_TX_MALFORMED] = 15;
	ok(!doctor_says("no-media"), "some strange packets are no finding");
	sock.stats.value[E2EE_A_STAT_TX_MALFORMED] = 16;
	ok(doctor_finds("FAIL  no-media: socket 0 on "),
	   "a guard's socket that sends mostly such packets is");
	sock.stats.value[E2EE_A_STAT_TX_OK] = 16;
	ok(!doctor_says("no-media"), "not if it sends as much media");
	sock.stats.value[E2EE_A_STAT_TX_OK] = 0;
	sock.has = 0;
	ok(!doctor_says("no-media"), "nor if somebody attached it");
}

static void guards_for_all(void)
{
	healthy();
	ok(!doctor_says("guard 1: it serves any user"),
	   "a guard for a user is no finding");
	guards[0].has &= ~E2EE_HAS(E2EE_A_GUARD_UID);
	guards[0].uid = 0;
	put(conf, "version 1\nadd-session call\n"
		  "add-guard call ports 6000-6100\n");
	ok(doctor_finds("WARN  guard: guard 1: it serves any user of this host"),
	   "one for all users is worth a look");
}

static void boot(void)
{
	char text[128];

	healthy();
	ok(doctor_finds("OK    boot: all 1 guards are restored"),
	   "guards that are restored are good");
	gone(enabled);
	ok(doctor_finds("FAIL  boot: e2ee.service is not enabled"),
	   "a unit that is not enabled restores nothing");
	put("/etc/systemd/system/engine.service.requires/e2ee.service", "");
	ok(doctor_finds("OK    boot: "), "one that another unit requires does");
	snprintf(text, sizeof(text), "%s/etc/systemd/system/e2ee.service",
		 root);
	if (symlink("/dev/null", text))
		abort();
	ok(doctor_finds("FAIL  boot: e2ee.service is not enabled"),
	   "one that is masked does not");
	gone("/etc/systemd");
	put("/etc/rcS.d/S08e2ee", "");
	ok(doctor_finds("OK    boot: "), "an init script does");
	gone("/etc/e2ee");
	ok(doctor_finds("FAIL  boot: there is no /etc/e2ee/host.conf"),
	   "without the file there is nothing to restore");
	guard_count = 0;
	ok(!doctor_says("boot"), "which is no finding if there is no guard");
	put(conf, "version 1\nadd-session call\nadd-guard call ports 5\n");
	ok(doctor_finds("FAIL  boot: the guard in line 3 of /etc/e2ee/host.conf is not there"),
	   "a guard of the file that is not there was not restored");
	healthy();
	guard_count = 2;
	guards[1] = guards[0];
	guards[1].id = 2;
	guards[1].port_last = 6099;
	ok(doctor_finds("FAIL  boot: guard 2 is not in /etc/e2ee/host.conf"),
	   "a guard that the file has not will be missing");
	healthy();
	put(conf, "version 1\nadd-session other\n"
		  "add-guard other ports 6000-6100 uid 7\n");
	ok(doctor_says("FAIL  boot: guard 1 is not in "),
	   "so will one that the file has for another session");
	put(conf, "version 1\nadd-session call policy optional\n"
		  "add-guard call ports 6000-6100 uid 7\n");
	ok(doctor_finds("FAIL  boot: session call is looser in /etc/e2ee/host.conf (line 2)"),
	   "a policy must not be looser after a boot");
	put(conf, "version 2\n");
	ok(doctor_finds("FAIL  boot: /etc/e2ee/host.conf cannot be restored"),
	   "nor may the file be wrong");
}

static void holders(void)
{
	healthy();
	ok(!doctor_says("unload"), "a module that nothing holds is no finding");
	put("/sys/module/e2ee/refcnt", "2\n");
	socket_count = 1;
	sock.id = 4;
	sock.session = 1;
	sock.local = (struct e2ee_addr){ .len = 4, .port = 9 };
	ok(doctor_finds("OK    unload: rmmod is refused, since these hold the module: guard 1, socket 4 on 0.0.0.0 port 9. Cure: del-guard"),
	   "guards and sockets hold it, by name");
	put("/sys/module/e2ee/refcnt", "5\n");
	ok(doctor_says("port 9, and 3 guards and sockets of other network namespaces"),
	   "and how many others do");
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
	if (!mkdtemp(root))
		return 1;
	crypto();
	key_memory();
	counters();
	expired_keys();
	clear_media();
	blocked();
	no_media();
	guards_for_all();
	boot();
	holders();
	events();
	gone("");
	return tap_end();
}
