// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Transports without a broker: URLs, names of topics, lines, and the stdio
 * transport between two ends of a pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message_samples.h"
#include "tap.h"
#include "transport_kind.h"

static const struct {
	const char *text, *host, *user;
	uint16_t port;
	bool tls, local;
} good_urls[] = {
	{ "mqtts://broker.example/r", "broker.example", "", 8883, true, false },
	{ "mqtts://me@broker/r", "broker", "me", 8883, true, false },
	{ "mqtts://broker:1/r", "broker", "", 1, true, false },
	{ "mqtts://broker:65535/r", "broker", "", 65535, true, false },
	{ "mqtts://[2001:db8::1]/r", "2001:db8::1", "", 8883, true, false },
	{ "mqtts://a.b@[::1]:99/r", "::1", "a.b", 99, true, true },
	{ "mqtt://127.1.2.3/r", "127.1.2.3", "", 1883, false, true },
	{ "mqtt://localhost/r", "localhost", "", 1883, false, true },
	{ "mqtt://128.0.0.1/r", "128.0.0.1", "", 1883, false, false },
	{ "mqtt://localhost.example/r", "localhost.example", "", 1883, false,
	  false },
	{ "mqtt://127.0.0.1.example/r", "127.0.0.1.example", "", 1883, false,
	  false },
};

static const struct {
	const char *text, *error;
} bad_urls[] = {
	{ "http://broker/r", "neither" },
	{ "mqtts:broker/r", "neither" },
	{ "", "neither" },
	{ "mqtts://broker", "lacks the room's name" },
	{ "mqtts://broker/", "lacks the room's name" },
	{ "mqtts://broker/a/b", "lacks the room's name" },
	{ "mqtts://broker/a b", "lacks the room's name" },
	{ "mqtts:///r", "lacks the broker's name" },
	{ "mqtts://:1/r", "lacks the broker's name" },
	{ "mqtts://[::1/r", "lacks the broker's name" },
	{ "mqtts://[::1]x/r", "lacks the broker's name" },
	{ "mqtts://[]/r", "lacks the broker's name" },
	{ "mqtts://broker:/r", "port in the room's URL" },
	{ "mqtts://broker:0/r", "port in the room's URL" },
	{ "mqtts://broker:65536/r", "port in the room's URL" },
	{ "mqtts://broker:123456/r", "port in the room's URL" },
	{ "mqtts://broker:1x/r", "port in the room's URL" },
	{ "mqtts://broker:-1/r", "port in the room's URL" },
	{ "mqtts://@broker/r", "user in the room's URL" },
	{ "mqtts://me:secret@broker/r", "put it into a file" },
};

static void urls(void)
{
	char error[E2EE_ERROR_LEN];
	struct url url;
	size_t i;

	for (i = 0; i < sizeof(good_urls) / sizeof(good_urls[0]); i++) {
		int ret = url_parse(good_urls[i].text, &url, error);

		ok(!ret && !strcmp(url.host, good_urls[i].host) &&
		   !strcmp(url.user, good_urls[i].user) &&
		   !strcmp(url.room, "r") && url.port == good_urls[i].port &&
		   url.tls == good_urls[i].tls &&
		   url_is_local(&url) == good_urls[i].local,
		   "URL %s", good_urls[i].text);
	}
	for (i = 0; i < sizeof(bad_urls) / sizeof(bad_urls[0]); i++) {
		*error = '\0';
		ok(url_parse(bad_urls[i].text, &url, error) == -EINVAL &&
		   strstr(error, bad_urls[i].error),
		   "URL \"%s\": %s", bad_urls[i].text, error);
	}
}

static void open_errors(void)
{
	struct transport_config config = {
		.url = "mqtt://broker.example/r", .room = "r", .dev = "d",
	};
	const struct transport_ops ops = { .link = NULL };
	char error[E2EE_ERROR_LEN] = "";
	struct transport *transport;

	ok(transport_open(&config, &ops, NULL, &transport, error) == -EINVAL &&
	   strstr(error, "--insecure"), "%s", error);
	config.url = "mqtts://broker.example/other";
	ok(transport_open(&config, &ops, NULL, &transport, error) == -EINVAL &&
	   strstr(error, "another room"), "%s", error);
	config.url = "stdio:other";
	ok(transport_open(&config, &ops, NULL, &transport, error) == -EINVAL &&
	   strstr(error, "of the form stdio:ROOM"), "%s", error);
	config.url = "mqtts://broker.example/r";
	config.password_file = "/dev/null";
	ok(transport_open(&config, &ops, NULL, &transport, error) == -EINVAL &&
	   strstr(error, "needs a user"), "%s", error);
	config.password_file = NULL;
	config.cafile = "/nonexistent/ca";
	ok(transport_open(&config, &ops, NULL, &transport, error) == -EINVAL &&
	   strstr(error, "--cafile /nonexistent/ca: No such file"), "%s",
	   error);
	config.cafile = "/dev/null";
	ok(transport_open(&config, &ops, NULL, &transport, error) == -EINVAL &&
	   strstr(error, "is not a regular file"), "%s", error);
	config.cafile = "/proc/self/status";
	ok(transport_open(&config, &ops, NULL, &transport, error) == -EINVAL &&
	   strstr(error, "no CA certificates"), "%s", error);
	config.cafile = NULL;
	config.cert = "/dev/null";
	ok(transport_open(&config, &ops, NULL, &transport, error) == -EINVAL &&
	   strstr(error, "only useful together"), "%s", error);
}

static void topics(void)
{
	static const char *const good[] = {
		"e2ee/1/my.room/kp/dev-1", "e2ee/1/my.room/epoch",
		"e2ee/1/my.room/hb", "e2ee/1/my.room/ack/dev-1",
		"e2ee/1/my.room/req/dev-1", "e2ee/1/my.room/sas/dev-1",
		"e2ee/1/my.room/probe/dev-1",
	};
	static const char *const bad[] = {
		"", "e2ee/1/my.room", "e2ee/1/my.room/", "e2ee/2/my.room/hb",
		"e2ee/1/my.roo/hb", "e2ee/1/my.rooms/hb", "e2ee/1/other/hb",
		"e2ee/1/my.room/hb/dev", "e2ee/1/my.room/hbx",
		"e2ee/1/my.room/kp", "e2ee/1/my.room/kp/",
		"e2ee/1/my.room/kp/a/b", "e2ee/1/my.room/kp/+",
		"e2ee/1/my.room/epoch/", "e2ee/1/my.room/x/dev",
		"e2ee/1/my.room/kp/" SAMPLE_LONG "x", "/e2ee/1/my.room/hb",
	};
	struct e2ee_room_packet packet;
	char dev[E2EE_NAME_MAX + 1], text[TOPIC_MAX];
	size_t i;

	for (i = 0; i < E2EE_TOPICS; i++) {
		bool of_device = i != E2EE_TOPIC_EPOCH && i != E2EE_TOPIC_HB;

		topic_write((enum e2ee_room_topic)i, "my.room", "dev-1", text);
		ok(!strcmp(text, good[i]) &&
		   !topic_read(text, "my.room", dev, &packet) &&
		   packet.topic == i && (of_device ? packet.dev == dev &&
		   !strcmp(dev, "dev-1") : !packet.dev), "topic %s", text);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(topic_read(bad[i], "my.room", dev, &packet) == -EINVAL,
		   "no topic: \"%.40s\"", bad[i]);
	topic_write(E2EE_TOPIC_PROBE, SAMPLE_LONG, SAMPLE_LONG, text);
	ok(strlen(text) + 1 == TOPIC_MAX &&
	   !topic_read(text, SAMPLE_LONG, dev, &packet), "the longest topic");
}

static struct e2ee_message *sealed(size_t i)
{
	struct e2ee_message draft, *msg;

	sample(i, &draft);
	if (e2ee_message_seal(&draft, SAMPLE_ROOM, pattern(SAMPLE_SEED, 32),
			      &msg))
		abort();
	sample_free(&draft);
	return msg;
}

/* Of each type: the topic that it has on a broker */
static enum e2ee_room_topic topic_of(const struct e2ee_message *msg)
{
	switch (msg->type) {
	case E2EE_MSG_KP:
		return E2EE_TOPIC_KP;
	case E2EE_MSG_EPOCH:
		return E2EE_TOPIC_EPOCH;
	case E2EE_MSG_ACK:
		return E2EE_TOPIC_ACK;
	case E2EE_MSG_HB:
	case E2EE_MSG_HANDOVER:
		return E2EE_TOPIC_HB;
	case E2EE_MSG_LEAVE:
	case E2EE_MSG_REQ:
		return E2EE_TOPIC_REQ;
	case E2EE_MSG_PROBE:
		return E2EE_TOPIC_PROBE;
	default:
		return E2EE_TOPIC_SAS;
	}
}

static void line_of(size_t i)
{
	struct e2ee_message *msg = sealed(i);
	struct e2ee_room_packet out = { .data = msg->raw, .len = msg->len };
	struct e2ee_room_packet in;
	char dev[E2EE_NAME_MAX + 1], *line;
	const char *reason;
	bool named;
	uint8_t *data;
	size_t len;

	out.topic = topic_of(msg);
	named = out.topic != E2EE_TOPIC_EPOCH && out.topic != E2EE_TOPIC_HB;
	line = stdio_line_write(&out, &len);
	ok(line && line[len - 1] == '\n' && strlen(line) == len,
	   "line of a message of %zu bytes", msg->len);
	line[len - 1] = '\0';
	reason = stdio_line_read(line, len - 1, &in, dev, &data);
	ok(!reason && in.topic == out.topic && in.len == out.len &&
	   !memcmp(in.data, out.data, in.len) &&
	   (named ? in.dev && !strcmp(in.dev, msg->dev) : !in.dev),
	   "and back, of %s%s", msg->dev, reason ? reason : "");
	free(data);
	free(line);
	e2ee_message_put(msg);
}

static void line_bad(const char *line, size_t len, const char *want)
{
	struct e2ee_room_packet packet;
	char dev[E2EE_NAME_MAX + 1];
	const char *reason;
	uint8_t *data;

	reason = stdio_line_read(line, len, &packet, dev, &data);
	ok(reason && strstr(reason, want), "line \"%.*s\": %s",
	   (int)strcspn(line, "\n") % 20, line, reason ? reason : "taken");
	free(data);
}

static void lines_bad(void)
{
	static const char *const junk[] = {
		"hello", "AAA", "AAAAA", "A===", "AA=A", "====",
		" AAA", "AAA ", "AA A", "AB==", "ABC=AAAA", "AA-_", "AAA\n",
		"AAAA\nAAA",
	};
	static const char *const gone[] = {
		"gone ", "gone a b", "gone a/b", "gone  a", "gone a ",
		"gone " SAMPLE_LONG "x",
	};
	char *longest = malloc(STDIO_LINE_MAX + 5);
	size_t i;

	for (i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		line_bad(junk[i], strlen(junk[i]), "not base64");
	for (i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		line_bad(gone[i], strlen(gone[i]), "without a device's name");
	line_bad("AAAA\0AAA", 8, "NUL");
	line_bad("AAAA", 4, "too short");
	line_bad("gone", 4, "too short");
	line_bad("", 0, "not base64");
	if (!longest)
		abort();
	memset(longest, 'A', STDIO_LINE_MAX + 4);
	longest[STDIO_LINE_MAX + 4] = '\0';
	line_bad(longest, STDIO_LINE_MAX + 4, "length is not");
	free(longest);
}

static void gone_lines(void)
{
	struct e2ee_room_packet packet = { .topic = E2EE_TOPIC_KP, .dev = "d" };
	char dev[E2EE_NAME_MAX + 1], *line;
	uint8_t *data;
	size_t len;

	line = stdio_line_write(&packet, &len);
	ok(line && len == 7 && !strcmp(line, "gone d\n"), "an empty KP");
	free(line);
	ok(!stdio_line_read("gone d", 6, &packet, dev, &data) && !data &&
	   packet.topic == E2EE_TOPIC_KP && !packet.len && !packet.data &&
	   !strcmp(packet.dev, "d"), "and back");
	packet.topic = E2EE_TOPIC_EPOCH;
	packet.dev = NULL;
	ok(!stdio_line_write(&packet, &len),
	   "an EPOCH emptied is not said: nothing is retained");
}

/* The stdio transport, of which we hold the other ends */
struct heard {
	unsigned int packets, refused, ups, downs;
	struct e2ee_room_packet last;
	char dev[E2EE_NAME_MAX + 1], why[E2EE_ERROR_LEN];
};

static void on_link(void *arg, bool up, const char *why)
{
	struct heard *heard = arg;

	heard->ups += up;
	heard->downs += !up;
	snprintf(heard->why, sizeof(heard->why), "%s", why);
}

static void on_packet(void *arg, const struct e2ee_room_packet *packet)
{
	struct heard *heard = arg;

	heard->packets++;
	heard->last = *packet;
	snprintf(heard->dev, sizeof(heard->dev), "%s",
		 packet->dev ? packet->dev : "");
}

static void on_refused(void *arg, const char *reason)
{
	struct heard *heard = arg;

	heard->refused++;
	snprintf(heard->why, sizeof(heard->why), "%s", reason);
}

/* As the loop would: until there is nothing more to do at once */
static void turn(struct transport *transport)
{
	struct pollfd fd = { .events = POLLIN };
	uint32_t events;
	int i;

	for (i = 0; i < 100; i++) {
		transport_tick(transport, 0);
		fd.fd = transport_fd(transport, &events);
		if (fd.fd < 0 || poll(&fd, 1, 0) != 1)
			return;
		transport_handle(transport, EPOLLIN);
	}
}

static struct transport *stdio_new(int in, int out, struct heard *heard)
{
	static const struct transport_ops ops = {
		.link = on_link,
		.packet = on_packet,
		.refused = on_refused,
	};
	struct transport *transport;
	char error[E2EE_ERROR_LEN];

	memset(heard, 0, sizeof(*heard));
	if (stdio_open_fds(in, out, &transport, error))
		abort();
	transport->ops = ops;
	transport->arg = heard;
	strcpy(transport->room, "r");
	strcpy(transport->dev, "a");
	return transport;
}

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
}

static void say_sample(int fd, size_t i, const char *end)
{
	struct e2ee_message *msg = sealed(i);
	struct e2ee_room_packet packet = { .data = msg->raw, .len = msg->len };
	size_t len;
	char *line = stdio_line_write(&packet, &len);

	line[len - 1] = '\0';
	say(fd, line);
	say(fd, end);
	free(line);
	e2ee_message_put(msg);
}

#define SAMPLE_KP	0
#define SAMPLE_ACK	4
#define SAMPLE_HB	10
#define SAMPLE_PROBE	34

static void stdio_in(void)
{
	struct transport *transport;
	struct heard heard;
	int in[2], out[2], i;

	if (pipe(in) || pipe(out))
		abort();
	transport = stdio_new(in[0], out[1], &heard);
	turn(transport);
	ok(heard.ups == 1 && !heard.downs, "stdio: the link is up");
	say_sample(in[1], SAMPLE_HB, "");
	turn(transport);
	ok(!heard.packets, "half a line is none");
	say(in[1], "\n");
	turn(transport);
	ok(heard.packets == 1 && heard.last.topic == E2EE_TOPIC_HB, "a line");
	say_sample(in[1], SAMPLE_KP, "\r\n");
	say(in[1], "\n\r\ngone b\n");
	turn(transport);
	ok(heard.packets == 3 && !heard.refused && !strcmp(heard.dev, "b"),
	   "two lines, with CR and with nothing between them");
	say_sample(in[1], SAMPLE_ACK, "\n");
	turn(transport);
	ok(heard.packets == 3, "ACKs are not heard unasked");
	transport_listen_acks(transport, true);
	say_sample(in[1], SAMPLE_ACK, "\n");
	say_sample(in[1], SAMPLE_PROBE, "\n");
	turn(transport);
	ok(heard.packets == 5, "when asked for they are; the own probe always");
	say_sample(in[1], SAMPLE_PROBE + 1, "\n");
	turn(transport);
	ok(heard.packets == 5 && !heard.refused, "another's probe is not");
	say(in[1], "hello\n");
	turn(transport);
	ok(heard.refused == 1 && strstr(heard.why, "base64"), "junk: %s",
	   heard.why);
	for (i = 0; i < 710; i++) {
		char kib[1025];

		memset(kib, 'A', sizeof(kib));
		kib[1024] = '\0';
		say(in[1], kib);
		turn(transport);
	}
	ok(heard.refused == 2 && strstr(heard.why, "too long"),
	   "a line without an end: %s", heard.why);
	say(in[1], "AAAA\ngone c\n");
	turn(transport);
	ok(heard.refused == 2 && heard.packets == 6 && !strcmp(heard.dev, "c"),
	   "and the one behind it is heard");
	close(in[1]);
	turn(transport);
	ok(heard.downs == 1 && strstr(heard.why, "stdin"), "closed: %s",
	   heard.why);
	transport_close(transport);
	ok(!(fcntl(out[1], F_GETFL) & O_NONBLOCK), "flags are as before");
	close(in[0]);
	close(out[0]);
	close(out[1]);
}

/* One end of a socket for both ways; a reader that is slow, then gone */
static void stdio_out(void)
{
	struct e2ee_message *msg = sealed(3);
	struct e2ee_room_packet packet = {
		.topic = E2EE_TOPIC_EPOCH, .data = msg->raw, .len = msg->len,
	};
	size_t got = 0, one = (msg->len + 2) / 3 * 4 + 1, most;
	struct transport *transport;
	struct heard heard;
	char bytes[65536];
	int pair[2], i;
	ssize_t len;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		abort();
	transport = stdio_new(pair[0], pair[0], &heard);
	transport_publish(transport, &packet);
	ok(!transport_pending(transport), "before the link is up: dropped");
	turn(transport);
	for (i = 0; i < 100; i++)
		transport_publish(transport, &packet);
	most = transport_pending(transport);
	ok(most > one && most <= 8 * 1024 * 1024,
	   "100 EPOCHs, none read: %zu bytes wait, the rest is dropped", most);
	for (i = 0; i < 100000 && transport_pending(transport); i++) {
		len = read(pair[1], bytes, sizeof(bytes));
		got += len > 0 ? (size_t)len : 0;
		turn(transport);
	}
	while ((len = read(pair[1], bytes, sizeof(bytes))) > 0)
		got += (size_t)len;
	ok(!transport_pending(transport) && got % one == 0 && got > most,
	   "read at last: %zu whole lines", got / one);
	close(pair[1]);
	transport_publish(transport, &packet);
	turn(transport);
	ok(heard.downs == 1, "nobody reads: %s", heard.why);
	transport_publish(transport, &packet);
	transport_close(transport);
	close(pair[0]);
	e2ee_message_put(msg);
}

static void stdio_file(void)
{
	char error[E2EE_ERROR_LEN] = "";
	struct transport *transport;
	FILE *file = tmpfile();

	if (!file)
		abort();
	ok(stdio_open_fds(fileno(file), fileno(file), &transport, error) ==
	   -EINVAL && strstr(error, "pipes or sockets"), "a file: %s", error);
	fclose(file);
}

int main(void)
{
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	urls();
	open_errors();
	topics();
	for (i = 0; i < SAMPLES; i++)
		line_of(i);
	lines_bad();
	gone_lines();
	stdio_in();
	stdio_out();
	stdio_file();
	return tap_end();
}
