// SPDX-License-Identifier: 0BSD
/*
 * A vendor's program that takes part in a room over signalling of its own: here
 * datagrams to a multicast group on this host, where a vendor has SIP, XMPP or a
 * WebSocket. It must reach all, the sender too, and may lose, repeat and reorder.
 * Only devices that the operator pinned in the trust store are let in.
 *
 *	own_signalling ROOM SESSION DEV IDENTITY-FILE TRUST-STORE
 *
 * Documentation/own-signalling.rst explains it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <e2ee/room.h>

#define GROUP	0xefff2a2au		/* 239.255.42.42 */
#define PORT	42420

struct vendor {
	struct e2ee_room_kernel kernel;	/* first: callbacks get it */
	struct e2ee_room *room;
	struct e2ee_identity *identity;
	struct e2ee_trust *trust;
	int sock;
	bool out;
};

static volatile sig_atomic_t stop;

static void stopped(int number)
{
	stop = number;
}

static uint64_t now(void)
{
	struct timespec time;

	if (clock_gettime(CLOCK_MONOTONIC, &time))
		err(1, "clock");
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static const struct sockaddr_in *group(void)
{
	static struct sockaddr_in to = { .sin_family = AF_INET };

	to.sin_port = htons(PORT);
	to.sin_addr.s_addr = htonl(GROUP);
	return &to;
}

/* On the wire: topic, name of the device with its NUL, message */
static void publish(void *arg, const struct e2ee_room_packet *packet)
{
	const char *dev = packet->dev ? packet->dev : "";
	struct vendor *vendor = arg;
	uint8_t topic = (uint8_t)packet->topic;
	struct iovec parts[] = {
		{ &topic, 1 },
		{ (void *)(uintptr_t)dev, strlen(dev) + 1 },
		{ (void *)(uintptr_t)packet->data, packet->len },
	};
	struct msghdr msg = {
		.msg_name = (void *)(uintptr_t)group(),
		.msg_namelen = sizeof(struct sockaddr_in),
		.msg_iov = parts,
		.msg_iovlen = 3,
	};

	if (sendmsg(vendor->sock, &msg, 0) < 0)
		warn("signalling");
}

/* Anybody can send here: the room checks messages, this function their frame only */
static void receive(struct vendor *vendor)
{
	static uint8_t data[65536];
	ssize_t len = recv(vendor->sock, data, sizeof(data), MSG_DONTWAIT);
	struct e2ee_room_packet packet;
	const uint8_t *end;

	if (len < 0 && errno != EAGAIN && errno != EINTR)
		warn("signalling");
	end = len > 1 ? memchr(data + 1, '\0', (size_t)len - 1) : NULL;
	if (!end || data[0] >= E2EE_TOPICS)
		return;
	packet = (struct e2ee_room_packet){
		.topic = (enum e2ee_room_topic)data[0],
		.dev = end > data + 1 ? (const char *)data + 1 : NULL,
		.data = end + 1,
		.len = (size_t)(data + len - (end + 1)),
	};
	e2ee_room_receive(vendor->room, now(), &packet);
}

/* A callback must not call the room: main() looks at vendor->out afterwards */
static void event(void *arg, enum e2ee_room_event_type type, const char *text)
{
	struct vendor *vendor = arg;
	int ret = 0;

	if (type == E2EE_ROOM_ALARM)
		ret = printf("alarm: %s\n", text);
	if (type == E2EE_ROOM_KEYFRAME)
		ret = printf("new keys: ask the encoder for a key frame\n");
	if (type == E2EE_ROOM_OUT) {
		ret = printf("over: %s\n", text);
		vendor->out = true;
	}
	if (ret < 0 || fflush(stdout))
		warn("standard output");
}

static int kernel_event(const struct e2ee_event_info *info, void *arg)
{
	struct vendor *vendor = arg;

	if (info->session == vendor->kernel.session.id)
		e2ee_room_kernel_event(vendor->room, now(), info);
	return 0;
}

static void kernel_events(struct vendor *vendor)
{
	int ret = e2ee_event_read(vendor->kernel.ctx, kernel_event, vendor);

	if (!ret)
		return;
	warnx("%s", e2ee_strerror(vendor->kernel.ctx));
	if (ret == -ENOBUFS)		/* some were lost */
		e2ee_room_renew(vendor->room, now());
	else
		stop = 1;
}

/* The room's secrets must reach neither the swap nor a core dump */
static void memory_protect(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_MEMLOCK, &all) ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		warn("memory is not locked, and keys may reach the swap");
	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none))
		err(1, "cannot forbid core dumps");
}

/* Without SA_RESTART: a signal ends poll() */
static void signals_open(void)
{
	const struct sigaction action = { .sa_handler = stopped };

	if (sigaction(SIGINT, &action, NULL) ||
	    sigaction(SIGTERM, &action, NULL))
		err(1, "signals");
}

static int signalling_open(void)
{
	struct in_addr lo = { htonl(INADDR_LOOPBACK) };
	struct ip_mreq membership = { group()->sin_addr, lo };
	int sock = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	if (sock < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(sock, (const struct sockaddr *)group(), sizeof(*group())) ||
	    setsockopt(sock, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof(lo)) ||
	    setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership,
		       sizeof(membership)))
		err(1, "signalling");
	return sock;
}

static void kernel_open(struct e2ee_room_kernel *kernel, const char *name)
{
	struct e2ee_session *session = &kernel->session;

	if (strlen(name) >= sizeof(session->name))
		errx(1, "session %s: the name is too long", name);
	session->has = E2EE_HAS(E2EE_A_SESSION_NAME);
	memcpy(session->name, name, strlen(name) + 1);
	if (e2ee_open(&kernel->ctx, NULL) ||
	    e2ee_event_subscribe(kernel->ctx) ||
	    e2ee_session_get(kernel->ctx, session))
		errx(1, "%s", e2ee_strerror(kernel->ctx));
}

/* What is left zero in a configuration is the safe choice, as in level and policy */
static void room_open(struct vendor *vendor, char **argv)
{
	struct e2ee_room_ops ops = { .publish = publish, .event = event };
	struct e2ee_room_config config = { .room = argv[1], .dev = argv[3] };
	char error[E2EE_ERROR_LEN];
	int ret;

	if (e2ee_identity_load(argv[4], &vendor->identity, error) ||
	    e2ee_trust_open(argv[5], &vendor->trust, error))
		errx(1, "%s", error);
	config.identity = vendor->identity;
	config.trust = vendor->trust;
	config.epoch = vendor->kernel.session.epoch;
	e2ee_room_kernel_ops(&ops);
	ret = e2ee_room_new(&config, &ops, vendor, now(), &vendor->room);
	if (ret)
		errx(1, "room %s: %s", argv[1], strerror(-ret));
}

/* A room that is told to leave again is over at once */
static void leave(struct vendor *vendor)
{
	stop = 0;
	if (e2ee_room_leave(vendor->room, now()))
		warnx("the room is already over");
}

static void room_run(struct vendor *vendor)
{
	struct pollfd fds[] = {
		{ .fd = vendor->sock, .events = POLLIN },
		{ .fd = e2ee_event_fd(vendor->kernel.ctx), .events = POLLIN },
	};

	e2ee_room_link(vendor->room, now(), true);
	while (!vendor->out) {
		uint64_t next = e2ee_room_timer(vendor->room, now());
		uint64_t wait = next > now() ? next - now() : 0;

		if (poll(fds, 2, wait > 1000 ? 1000 : (int)wait) < 0 &&
		    errno != EINTR)
			err(1, "poll");
		receive(vendor);
		kernel_events(vendor);
		if (stop)
			leave(vendor);
	}
}

int main(int argc, char **argv)
{
	struct vendor vendor = { .out = false };

	if (argc != 6)
		errx(2, "usage: own_signalling ROOM SESSION DEV IDENTITY TRUST");
	memory_protect();
	signals_open();
	vendor.sock = signalling_open();
	kernel_open(&vendor.kernel, argv[2]);
	room_open(&vendor, argv);
	room_run(&vendor);
	e2ee_room_free(vendor.room);
	e2ee_trust_close(vendor.trust);
	e2ee_identity_free(vendor.identity);
	e2ee_close(vendor.kernel.ctx);
	return close(vendor.sock) ? 1 : 0;
}
