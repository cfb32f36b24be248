// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vendor's program that takes part in a room over signalling of its own: here
 * datagrams to a multicast group on this host, where a vendor has SIP, XMPP or a
 * WebSocket. It must reach all, the sender too, and may lose, repeat and reorder.
 *
 *	own_signalling ROOM SESSION DEV IDENTITY-FILE TRUST-STORE
 *
 * Documentation/own-signalling.rst explains it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <e2ee/room.h>

#define GROUP	"239.255.42.42"
#define PORT	42420

struct vendor {
	struct e2ee_room_kernel kernel;	/* first: callbacks get it */
	struct e2ee_room *room;
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

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static const struct sockaddr_in *group(void)
{
	static struct sockaddr_in to = { .sin_family = AF_INET };

	to.sin_port = htons(PORT);
	to.sin_addr.s_addr = inet_addr(GROUP);
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

/* What came is anybody's: the room checks messages, this only their frame */
static void receive(struct vendor *vendor)
{
	static uint8_t data[65536];
	ssize_t len = recv(vendor->sock, data, sizeof(data), MSG_DONTWAIT);
	struct e2ee_room_packet packet;
	const uint8_t *end;

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

/* The room is not to be asked from within: main() looks at it afterwards */
static void event(void *arg, enum e2ee_room_event_type type, const char *text)
{
	struct vendor *vendor = arg;

	if (type == E2EE_ROOM_ALARM || type == E2EE_ROOM_OUT)
		printf("%s: %s\n", type == E2EE_ROOM_OUT ? "over" : "alarm",
		       text);
	if (type == E2EE_ROOM_KEYFRAME)
		puts("new keys: ask the encoder for a key frame");
	if (type == E2EE_ROOM_OUT)
		vendor->out = true;
	fflush(stdout);
}

static int kernel_event(const struct e2ee_event_info *info, void *arg)
{
	struct vendor *vendor = arg;

	if (info->session == vendor->kernel.session.id)
		e2ee_room_kernel_event(vendor->room, now(), info);
	return 0;
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

	session->has = E2EE_HAS(E2EE_A_SESSION_NAME);
	snprintf(session->name, sizeof(session->name), "%s", name);
	if (e2ee_open(&kernel->ctx, NULL) ||
	    e2ee_event_subscribe(kernel->ctx) ||
	    e2ee_session_get(kernel->ctx, session))
		errx(1, "%s", e2ee_strerror(kernel->ctx));
}

static void room_open(struct vendor *vendor, char **argv)
{
	struct e2ee_room_config config = {
		.room = argv[1],
		.dev = argv[3],
		.level = E2EE_LEVEL_TOFU,
		.epoch = vendor->kernel.session.epoch,
	};
	struct e2ee_room_ops ops = { .publish = publish, .event = event };
	char error[E2EE_ERROR_LEN];

	if (e2ee_identity_load(argv[4], &config.identity, error) ||
	    e2ee_trust_open(argv[5], &config.trust, error))
		errx(1, "%s", error);
	e2ee_room_kernel_ops(&ops);
	if (e2ee_room_new(&config, &ops, vendor, now(), &vendor->room))
		errx(1, "room %s: cannot take part", argv[1]);
}

int main(int argc, char **argv)
{
	struct vendor vendor = { .sock = signalling_open() };

	if (argc != 6)
		errx(2, "usage: own_signalling ROOM SESSION DEV IDENTITY TRUST");
	signal(SIGINT, stopped);
	signal(SIGTERM, stopped);
	kernel_open(&vendor.kernel, argv[2]);
	room_open(&vendor, argv);
	e2ee_room_link(vendor.room, now(), true);
	while (!vendor.out) {
		uint64_t next = e2ee_room_timer(vendor.room, now());
		struct pollfd fds[] = {
			{ .fd = vendor.sock, .events = POLLIN },
			{ .fd = e2ee_event_fd(vendor.kernel.ctx),
			  .events = POLLIN },
		};
		uint64_t wait = next > now() ? next - now() : 0;

		poll(fds, 2, wait > 1000 ? 1000 : (int)wait);
		receive(&vendor);
		e2ee_event_read(vendor.kernel.ctx, kernel_event, &vendor);
		if (stop) {
			stop = 0;
			e2ee_room_leave(vendor.room, now());
		}
	}
	e2ee_room_free(vendor.room);
	e2ee_close(vendor.kernel.ctx);
	return 0;
}
