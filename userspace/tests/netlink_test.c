// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libe2ee's netlink without the module: packing and unpacking, words for
 * refusals, network namespaces, names, the list of UDP sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netlink/genl/genl.h>

#include <e2ee/identity.h>

#include "internal.h"
#include "tap.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE	71
#endif

static struct nl_msg *request(uint8_t cmd)
{
	struct nl_msg *msg = nlmsg_alloc_size(65536);

	if (!msg || !genlmsg_put(msg, 0, 1, 42, 0, 0, cmd, E2EE_GENL_VERSION))
		abort();
	return msg;
}

/* Every bit that the table knows, every byte a value of its own */
static uint64_t fill(const struct table *table, void *object, size_t size)
{
	uint8_t *bytes = object;
	uint64_t has = 0;
	uint32_t number;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i % 120 + 1);
	for (i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];

		if (field->kind == FIELD_STATS)
			continue;
		has |= E2EE_HAS(field->attr);
		if (field->kind == FIELD_STRING)
			bytes[field->offset + field->size - 1] = '\0';
		number = field->kind == FIELD_FLAG ? 1 : field->size;
		if (field->kind == FIELD_FLAG)
			memcpy(bytes + field->offset, &number, sizeof(number));
		if (field->kind == FIELD_BYTES)
			memcpy(bytes + field->len_offset, &number,
			       sizeof(number));
	}
	memcpy(bytes + table->has_offset, &has, sizeof(has));
	return has;
}

/* What comes out is what went in, member by member */
static void round_trip(const struct table *table, size_t size)
{
	uint8_t *in = calloc(1, size), *out = calloc(1, size);
	struct nl_msg *msg = request(E2EE_CMD_SESSION_GET);
	uint64_t has = fill(table, in, size), found;
	bool same = true;
	size_t i;

	ok(!e2ee_pack(msg, table, in, ~UINT64_C(0)), "%s: packs", table->name);
	ok(!e2ee_unpack(nlmsg_hdr(msg), table, out), "%s: unpacks",
	   table->name);
	memcpy(&found, out + table->has_offset, sizeof(found));
	ok(found == has, "%s: has everything", table->name);
	for (i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];
		size_t len = field->size;

		if (!(has & E2EE_HAS(field->attr)))
			continue;
		if (field->kind == FIELD_STRING)
			len = strlen((char *)in + field->offset) + 1;
		if (memcmp(in + field->offset, out + field->offset, len)) {
			printf("# %s differs\n", field->name);
			same = false;
		}
	}
	ok(same, "%s: every member is the same", table->name);
	nlmsg_free(msg);

	msg = request(E2EE_CMD_SESSION_GET);
	memset(out, 0, size);
	ok(!e2ee_pack(msg, table, in, E2EE_HAS(table->fields[0].attr)) &&
		   !e2ee_unpack(nlmsg_hdr(msg), table, out) &&
		   !memcmp(out + table->has_offset,
			   &(uint64_t){ E2EE_HAS(table->fields[0].attr) }, 8),
	   "%s: the mask holds the rest back", table->name);
	nlmsg_free(msg);
	free(in);
	free(out);
}

static uint64_t number_of(const struct nlattr *attr)
{
	if (!attr)
		return 0;
	return nla_len(attr) == sizeof(uint64_t) ? nla_get_u64(attr) :
						   nla_get_u32(attr);
}

/* By the numbers of the interface, not by the table that packs them. */
static void key_as_the_kernel_reads_it(void)
{
	const struct e2ee_key key = {
		.has = ~UINT64_C(0), .dir = E2EE_DIR_TX, .kid = 11, .ssrc = 12,
		.ssrc_mode = E2EE_SSRC_NUMBER, .epoch = 13, .ctr = 14,
		.suite = E2EE_SUITE_AES_128_GCM_SHA256_128, .secret_len = 16,
		.soft_limit = 15, .limit = 16, .expires = 17,
		.secret = "0123456789abcdef", .salt = "0123456789ab",
	};
	static const struct {
		int attr;
		uint64_t number;
	} numbers[] = {
		{ E2EE_A_KEY_DIR, E2EE_DIR_TX }, { E2EE_A_KEY_KID, 11 },
		{ E2EE_A_KEY_SSRC, 12 },
		{ E2EE_A_KEY_SSRC_MODE, E2EE_SSRC_NUMBER },
		{ E2EE_A_KEY_EPOCH, 13 }, { E2EE_A_KEY_CTR, 14 },
		{ E2EE_A_KEY_SUITE, E2EE_SUITE_AES_128_GCM_SHA256_128 },
		{ E2EE_A_KEY_SOFT_LIMIT, 15 }, { E2EE_A_KEY_LIMIT, 16 },
		{ E2EE_A_KEY_EXPIRES, 17 },
	};
	struct nl_msg *msg = request(E2EE_CMD_KEY_NEW);
	struct nlattr *tb[E2EE_A_KEY_MAX + 1], *nest;
	bool same = true;
	size_t i;

	ok(!e2ee_pack(msg, &e2ee_key_table, &key, key.has), "a key packs");
	nest = nlmsg_find_attr(nlmsg_hdr(msg), GENL_HDRLEN, E2EE_A_KEY);
	ok(nest && !nla_parse_nested(tb, E2EE_A_KEY_MAX, nest, NULL),
	   "as the nest of a key");
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		same = same && number_of(tb[numbers[i].attr]) ==
				       numbers[i].number;
	ok(same, "each number stands under its own attribute");
	ok(nla_len(tb[E2EE_A_KEY_SECRET]) == 16 &&
		   !memcmp(nla_data(tb[E2EE_A_KEY_SECRET]), key.secret, 16) &&
		   nla_len(tb[E2EE_A_KEY_SALT]) == E2EE_SALT_LEN &&
		   !memcmp(nla_data(tb[E2EE_A_KEY_SALT]), key.salt,
			   E2EE_SALT_LEN),
	   "key and salt have the lengths that they have");
	nlmsg_free(msg);
}

void __real_nlmsg_free(struct nl_msg *msg);
void __wrap_nlmsg_free(struct nl_msg *msg);

static unsigned int freed_wiped, freed_unwiped;

/* The library's messages, too, pass here before their memory is given back. */
void __wrap_nlmsg_free(struct nl_msg *msg)
{
	const uint8_t *bytes = (const uint8_t *)nlmsg_hdr(msg);
	size_t i, used = 0;

	for (i = 0; i < nlmsg_get_max_size(msg); i++)
		used += !!bytes[i];
	if (used)
		freed_unwiped++;
	else
		freed_wiped++;
	__real_nlmsg_free(msg);
}

static void requests_are_wiped(void)
{
	struct nl_msg *msg = request(E2EE_CMD_KEY_NEW);

	freed_wiped = 0;
	freed_unwiped = 0;
	nlmsg_free(msg);
	ok(freed_unwiped == 1, "bytes of a message are seen");
	e2ee_message_free(request(E2EE_CMD_KEY_NEW));
	ok(freed_wiped == 1 && freed_unwiped == 1, "a request is wiped");
}

/* Answers of a kernel that is not ours: too long, too short, unknown */
static void strange_answers(void)
{
	struct e2ee_session session = { .has = 0 };
	struct nl_msg *msg = request(E2EE_CMD_SESSION_GET);
	char name[E2EE_SESSION_NAME_MAX + 2];
	uint8_t pt[E2EE_RTX_PT_MAX + 1] = { 0 };
	struct nlattr *nest;

	ok(e2ee_unpack(nlmsg_hdr(msg), &e2ee_session_table, &session) ==
		   -ENODATA,
	   "answer without a session");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	nest = nla_nest_start(msg, E2EE_A_SESSION);
	nla_put_string(msg, E2EE_A_SESSION_NAME, name);
	nla_put(msg, E2EE_A_SESSION_RTX_PT, sizeof(pt), pt);
	nla_put_u16(msg, E2EE_A_SESSION_WINDOW, 5);
	nla_put_u64(msg, E2EE_A_SESSION_POLICY, 5);
	nla_put_u32(msg, 60, 5);
	nla_put_u32(msg, 1000, 5);
	nla_put_u32(msg, E2EE_A_SESSION_ID, 7);
	nla_nest_end(msg, nest);
	ok(!e2ee_unpack(nlmsg_hdr(msg), &e2ee_session_table, &session) &&
		   session.has == E2EE_HAS(E2EE_A_SESSION_ID) &&
		   session.id == 7 && !*session.name && !session.rtx_pt_len,
	   "what does not fit is left out");
	nlmsg_free(msg);
}

static void stats_answer(void)
{
	struct e2ee_session session = { .has = 0 };
	struct nl_msg *msg = request(E2EE_CMD_SESSION_GET);
	struct nlattr *nest, *stats;

	nest = nla_nest_start(msg, E2EE_A_SESSION);
	stats = nla_nest_start(msg, E2EE_A_SESSION_STATS);
	nla_put_u64(msg, E2EE_A_STAT_TX_OK, UINT64_MAX);
	nla_put_u64(msg, E2EE_A_STAT_GUARD_DROP, 3);
	nla_put_u64(msg, E2EE_STAT_SLOTS, 4);
	nla_put_u32(msg, E2EE_A_STAT_RX_OK, 5);
	nla_nest_end(msg, stats);
	nla_nest_end(msg, nest);
	e2ee_unpack(nlmsg_hdr(msg), &e2ee_session_table, &session);
	ok(session.stats.value[E2EE_A_STAT_TX_OK] == UINT64_MAX &&
		   session.stats.value[E2EE_A_STAT_GUARD_DROP] == 3 &&
		   session.stats.has == (E2EE_HAS(E2EE_A_STAT_TX_OK) |
					 E2EE_HAS(E2EE_A_STAT_GUARD_DROP)),
	   "counters of known number and size");
	nlmsg_free(msg);
}

/* An acknowledgement as the kernel would send it */
static struct nl_msg *refusal(const struct nlmsghdr *to, int error,
			      const char *text, int offset, int missing,
			      int nest)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct nlmsgerr err = { .error = -error, .msg = *to };

	nlmsg_put(msg, 0, to->nlmsg_seq, NLMSG_ERROR, 0,
		  NLM_F_CAPPED | NLM_F_ACK_TLVS);
	nlmsg_append(msg, &err, sizeof(err), NLMSG_ALIGNTO);
	if (text)
		nla_put_string(msg, NLMSGERR_ATTR_MSG, text);
	if (offset >= 0)
		nla_put_u32(msg, NLMSGERR_ATTR_OFFS, (uint32_t)offset);
	if (missing >= 0)
		nla_put_u32(msg, NLMSGERR_ATTR_MISS_TYPE, (uint32_t)missing);
	if (nest >= 0)
		nla_put_u32(msg, NLMSGERR_ATTR_MISS_NEST, (uint32_t)nest);
	return msg;
}

static void explained(const struct nlmsghdr *to, struct nl_msg *answer,
		      int error, const char *wanted)
{
	struct e2ee_ctx ctx = { .netns = -1 };

	e2ee_explain(&ctx, to, nlmsg_hdr(answer), error);
	if (!ok(!strcmp(e2ee_strerror(&ctx), wanted) && e2ee_refused(&ctx),
		"\"%s\"", wanted))
		printf("# said \"%s\"\n", e2ee_strerror(&ctx));
	nlmsg_free(answer);
}

/* Offset in the message of an attribute of the n-th nest */
static int offset_of(struct nlmsghdr *nlh, int nest_type, int n, int type)
{
	struct genlmsghdr *genl = nlmsg_data(nlh);
	struct nlattr *nla, *inner;
	int rest;

	nla_for_each_attr(nla, genlmsg_attrdata(genl, 0),
			  genlmsg_attrlen(genl, 0), rest) {
		if (nla_type(nla) != nest_type || n--)
			continue;
		inner = type < 0 ? nla : nla_find(nla_data(nla), nla_len(nla),
						  type);
		return (int)((char *)inner - (char *)nlh);
	}
	abort();
}

static void refusals(void)
{
	struct e2ee_session session = {
		.has = E2EE_HAS(E2EE_A_SESSION_NAME), .name = "room",
	};
	struct e2ee_key key = {
		.has = E2EE_HAS(E2EE_A_KEY_KID) | E2EE_HAS(E2EE_A_KEY_SALT),
	};
	struct nl_msg *one = request(E2EE_CMD_KEY_NEW);
	struct nl_msg *two = request(E2EE_CMD_KEY_NEW);
	struct nlmsghdr *nlh = nlmsg_hdr(one), *many = nlmsg_hdr(two);

	e2ee_pack(one, &e2ee_session_table, &session, ~UINT64_C(0));
	e2ee_pack(one, &e2ee_key_table, &key, ~UINT64_C(0));
	e2ee_pack(two, &e2ee_session_table, &session, ~UINT64_C(0));
	e2ee_pack(two, &e2ee_key_table, &key, ~UINT64_C(0));
	e2ee_pack(two, &e2ee_key_table, &key, ~UINT64_C(0));

	explained(nlh, refusal(nlh, EEXIST, "a key of this KID is there",
			       offset_of(nlh, E2EE_A_KEY, 0, E2EE_A_KEY_KID),
			       -1, -1), EEXIST,
		  "a key of this KID is there (attribute key.kid)");
	explained(many, refusal(many, EINVAL, "no good",
				offset_of(many, E2EE_A_KEY, 1, E2EE_A_KEY_SALT),
				-1, -1), EINVAL,
		  "no good (attribute key[1].salt)");
	explained(many, refusal(many, EINVAL, "no good",
				offset_of(many, E2EE_A_KEY, 1, -1), -1, -1),
		  EINVAL, "no good (attribute key[1])");
	explained(nlh, refusal(nlh, ENOENT, "no such session",
			       offset_of(nlh, E2EE_A_SESSION, 0,
					 E2EE_A_SESSION_NAME), -1, -1), ENOENT,
		  "no such session (attribute session.name)");
	explained(nlh, refusal(nlh, EINVAL, NULL, -1, E2EE_A_KEY_SECRET,
			       offset_of(nlh, E2EE_A_KEY, 0, -1)), EINVAL,
		  "a needed attribute is missing (attribute key.secret)");
	explained(nlh, refusal(nlh, EINVAL, NULL, -1, E2EE_A_SOCKET, -1),
		  EINVAL, "a needed attribute is missing (attribute socket)");
	explained(nlh, refusal(nlh, ENOMEM, NULL, -1, -1, -1), ENOMEM,
		  "Cannot allocate memory");
	explained(nlh, refusal(nlh, EPERM, NULL, -1, -1, -1), EPERM,
		  "not permitted: run as root, or with CAP_NET_ADMIN");
	explained(nlh, refusal(nlh, EINVAL, "far", 60000, -1, -1), EINVAL,
		  "far");
	nlmsg_free(one);
	nlmsg_free(two);
}

static void names(void)
{
	uint32_t i;
	int all = 0;

	for (i = E2EE_A_STAT_TX_OK; i <= E2EE_A_STAT_MAX; i++)
		all += !e2ee_stat_name(i);
	ok(!all, "every counter has a name");
	for (i = E2EE_EVENT_KEY_MISSING; i <= E2EE_EVENT_MAX; i++)
		all += !e2ee_event_name(i);
	ok(!all, "every event has a name");
	for (i = E2EE_POLICY_REQUIRED; i <= E2EE_POLICY_BLOCKED; i++)
		all += e2ee_policy_value(e2ee_policy_name(i)) != (int)i;
	ok(!all, "policies by name and number");
	ok(e2ee_suite_value("aes-256-gcm") ==
		   E2EE_SUITE_AES_256_GCM_SHA512_128 &&
		   e2ee_suite_value("aes-128-gcm") ==
			   E2EE_SUITE_AES_128_GCM_SHA256_128,
	   "suites by name");
	ok(!e2ee_stat_name(0) && !e2ee_stat_name(~0U) &&
		   !e2ee_event_name(0) && !e2ee_event_name(~0U) &&
		   !e2ee_policy_name(~0U) && !e2ee_suite_name(0) &&
		   !e2ee_dir_name(0) && !e2ee_ssrc_mode_name(0) &&
		   e2ee_policy_value("") == -EINVAL &&
		   e2ee_suite_value("none") == -EINVAL,
	   "unknown ones have none");
	ok(e2ee_session_name_valid("a") && e2ee_session_name_valid("!~") &&
		   !e2ee_session_name_valid("") &&
		   !e2ee_session_name_valid("a b") &&
		   !e2ee_session_name_valid("a/b") &&
		   !e2ee_session_name_valid("a\xc3\xa4"),
	   "names of sessions");
}

/* What the words mean is told here once more, so that no two can be swapped. */
static void words_of_numbers(void)
{
	ok(!strcmp(e2ee_policy_name(E2EE_POLICY_REQUIRED), "required") &&
		   !strcmp(e2ee_policy_name(E2EE_POLICY_OPTIONAL),
			   "optional") &&
		   !strcmp(e2ee_policy_name(E2EE_POLICY_OFF), "off") &&
		   !strcmp(e2ee_policy_name(E2EE_POLICY_BLOCKED), "blocked"),
	   "each policy has its own word");
	ok(!strcmp(e2ee_dir_name(E2EE_DIR_TX), "tx") &&
		   !strcmp(e2ee_dir_name(E2EE_DIR_RX), "rx") &&
		   !strcmp(e2ee_ssrc_mode_name(E2EE_SSRC_CLAIM), "claim") &&
		   !strcmp(e2ee_ssrc_mode_name(E2EE_SSRC_ANY), "any"),
	   "so have the directions and kinds of a key");
	ok(!strcmp(e2ee_trust_kind_name(E2EE_TRUST_TOFU), "tofu") &&
		   !strcmp(e2ee_trust_kind_name(E2EE_TRUST_VERIFIED),
			   "verified") &&
		   !strcmp(e2ee_trust_kind_name(E2EE_TRUST_PINNED), "pinned") &&
		   e2ee_trust_level_value("pinned-only") == E2EE_LEVEL_PINNED &&
		   e2ee_trust_level_value("verified") == E2EE_LEVEL_VERIFIED &&
		   e2ee_trust_level_value("tofu") == E2EE_LEVEL_TOFU,
	   "so have the kinds and levels of trust");
}

static uint64_t netns_cookie(int fd)
{
	socklen_t len = sizeof(uint64_t);
	uint64_t cookie = 0;

	getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len);
	return cookie;
}

static ino_t netns_inode(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

static void other_namespace(pid_t child)
{
	ino_t before = netns_inode("/proc/thread-self/ns/net");
	int here = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct e2ee_ctx *ctx;
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)child);
	ret = e2ee_open(&ctx, path);
	ok(ctx && (!ret || ret == -EPROTONOSUPPORT),
	   "handle for another namespace: %s",
	   ret ? e2ee_strerror(ctx) : "open");
	ok(before == netns_inode("/proc/thread-self/ns/net"),
	   "the caller is still in its own");
	ok(ctx && ctx->genl &&
		   netns_cookie(nl_socket_get_fd(ctx->genl)) !=
			   netns_cookie(here),
	   "the handle's socket is in the other one");
	ok(ctx && (fcntl(nl_socket_get_fd(ctx->genl), F_GETFD) & FD_CLOEXEC),
	   "programs that are started do not get it");
	e2ee_close(ctx);
	close(here);
}

static void namespaces(void)
{
	struct e2ee_ctx *ctx;
	int pipes[2];
	char byte = 0;
	pid_t child;

	ok(e2ee_open(&ctx, "e2ee-no-such-namespace") == -ENOENT &&
		   strstr(e2ee_strerror(ctx), "does not exist") &&
		   !e2ee_refused(ctx),
	   "a namespace that does not exist");
	e2ee_close(ctx);
	if (pipe(pipes))
		abort();
	child = fork();
	if (!child) {
		byte = unshare(CLONE_NEWNET) ? 'n' : 'y';
		if (write(pipes[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	if (read(pipes[0], &byte, 1) != 1 || byte != 'y')
		ok(true, "other namespace # SKIP needs CAP_SYS_ADMIN");
	else
		other_namespace(child);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(pipes[0]);
	close(pipes[1]);
}

struct wanted {
	uint16_t port;
	unsigned int found;
};

static int udp_seen(const struct e2ee_udp *udp, void *arg)
{
	struct wanted *wanted = arg;

	if (udp->local.port == wanted->port && udp->local.len == 4 &&
	    !memcmp(udp->local.addr, (uint8_t[]){ 127, 0, 0, 1 }, 4) &&
	    udp->inode && udp->uid == getuid())
		wanted->found++;
	return 0;
}

static int first_only(const struct e2ee_udp *udp, void *arg)
{
	(void)udp;
	++*(int *)arg;
	return 42;
}

static void udp_sockets(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), calls = 0;
	socklen_t len = sizeof(addr);
	struct wanted wanted = { 0 };
	struct e2ee_ctx *ctx;

	if (bind(fd, (struct sockaddr *)&addr, len) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len))
		abort();
	wanted.port = ntohs(addr.sin_port);
	e2ee_open(&ctx, NULL);
	if (e2ee_udp_list(ctx, udp_seen, &wanted))
		ok(true, "UDP sockets # SKIP no udp_diag: %s",
		   e2ee_strerror(ctx));
	else
		ok(wanted.found == 1, "our UDP socket is listed once");
	ok(e2ee_udp_list(ctx, first_only, &calls) == 42 && calls == 1,
	   "a callback can end the list");
	e2ee_close(ctx);
	close(fd);
}

static void without_module(void)
{
	struct e2ee_session session = { .has = 0 };
	struct e2ee_ctx *ctx;

	if (e2ee_open(&ctx, NULL) != -EPROTONOSUPPORT) {
		ok(true, "without the module # SKIP it is loaded");
		e2ee_close(ctx);
		return;
	}
	ok(!strcmp(e2ee_strerror(ctx),
		   "e2ee: kernel module is not loaded: modprobe e2ee"),
	   "the module is missed");
	ok(e2ee_session_new(ctx, &session) < 0 && !e2ee_refused(ctx),
	   "a request then is an error, not a crash");
	ok(e2ee_event_fd(ctx) == -EBADF &&
		   e2ee_event_read(ctx, NULL, NULL) == -EBADF,
	   "no events without subscribing");
	e2ee_close(ctx);
	e2ee_close(NULL);
}

static int event_counted(const struct e2ee_event_info *event, void *arg)
{
	int *count = arg;

	(void)event;
	(*count)++;
	return 0;
}

/* A process that may write to our socket is still not the kernel. */
static void events_of_others(void)
{
	struct nl_sock *other = nl_socket_alloc(), *events = nl_socket_alloc();
	struct e2ee_ctx ctx = { .family = 42, .netns = -1, .events = events };
	struct nl_msg *msg = request(E2EE_CMD_EVENT);
	struct pollfd wait;
	struct nlattr *nest;
	int count = 0;

	nest = nla_nest_start(msg, E2EE_A_EVENT);
	nla_put_u32(msg, E2EE_A_EVENT_TYPE, E2EE_EVENT_SESSION_DEL);
	nla_nest_end(msg, nest);
	if (nl_connect(other, NETLINK_GENERIC) ||
	    nl_connect(events, NETLINK_GENERIC))
		abort();
	nl_socket_set_nonblocking(events);
	nl_socket_set_peer_port(other, nl_socket_get_local_port(events));
	ok(nl_send_auto(other, msg) > 0, "another process sends an event");
	wait = (struct pollfd){ nl_socket_get_fd(events), POLLIN, 0 };
	ok(poll(&wait, 1, 5000) == 1, "it arrives");
	ok(!e2ee_event_read(&ctx, event_counted, &count) && !count,
	   "and is not believed");
	nlmsg_free(msg);
	nl_socket_free(other);
	nl_socket_free(events);
}

int main(void)
{
	round_trip(&e2ee_session_table, sizeof(struct e2ee_session));
	round_trip(&e2ee_key_table, sizeof(struct e2ee_key));
	round_trip(&e2ee_socket_table, sizeof(struct e2ee_socket));
	round_trip(&e2ee_guard_table, sizeof(struct e2ee_guard));
	round_trip(&e2ee_event_table, sizeof(struct e2ee_event_info));
	round_trip(&e2ee_info_table, sizeof(struct e2ee_info));
	key_as_the_kernel_reads_it();
	requests_are_wiped();
	strange_answers();
	stats_answer();
	refusals();
	names();
	words_of_numbers();
	events_of_others();
	namespaces();
	udp_sockets();
	without_module();
	return tap_end();
}
