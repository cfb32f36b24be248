// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A transport, moved by lines on stdin, for mqtt_test.py:
 *     transport_tool URL ROOM DEV [OPTION=VALUE]...
 * Lines in:	publish TOPIC DEV|- RETAIN TEXT	(TEXT "-": empty)
 *		acks 0|1
 *		flood COUNT	publishes so many HBs
 *		quit
 * Lines out:	up; down: WHY; packet TOPIC DEV|- RETAIN TEXT|-; refused: WHY;
 *		pending N after each line in; error: WHY
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "transport.h"

static struct transport *transport;
static unsigned int packets;
static bool quiet;

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_link(void *arg, bool up, const char *why)
{
	(void)arg;
	if (up)
		puts("up");
	else
		printf("down: %s\n", why);
}

static void on_packet(void *arg, const struct e2ee_room_packet *packet)
{
	(void)arg;
	packets++;
	if (quiet)
		return;
	printf("packet %d %s %d %.*s%s\n", (int)packet->topic,
	       packet->dev ? packet->dev : "-", packet->retain,
	       packet->len > 100 ? 0 : (int)packet->len,
	       packet->data ? (const char *)packet->data : "",
	       packet->data ? "" : "-");
}

static void on_refused(void *arg, const char *reason)
{
	(void)arg;
	printf("refused: %s\n", reason);
}

static void publish(char *line)
{
	struct e2ee_room_packet packet = { .len = 0 };
	char dev[80], text[200];
	int topic, retain;

	if (sscanf(line, "publish %d %79s %d %199s", &topic, dev, &retain,
		   text) != 4)
		abort();
	packet.topic = (enum e2ee_room_topic)topic;
	packet.dev = strcmp(dev, "-") ? dev : NULL;
	packet.retain = retain;
	if (strcmp(text, "-")) {
		packet.data = text;
		packet.len = strlen(text);
	}
	transport_publish(transport, &packet);
}

/* @size bytes each */
static void flood(unsigned int count, size_t size)
{
	struct e2ee_room_packet packet = { .topic = E2EE_TOPIC_HB };
	char *bytes = calloc(1, size);

	packet.data = bytes;
	packet.len = size;
	quiet = true;
	while (count--)
		transport_publish(transport, &packet);
	free(bytes);
}

static bool command(char *line)
{
	unsigned int count;
	size_t size;

	if (!strncmp(line, "publish", 7))
		publish(line);
	else if (!strncmp(line, "acks", 4))
		transport_listen_acks(transport, line[5] == '1');
	else if (sscanf(line, "flood %u %zu", &count, &size) == 2)
		flood(count, size);
	else if (!strncmp(line, "count", 5))
		printf("count %u\n", packets);
	else
		return false;
	printf("pending %zu\n", transport_pending(transport));
	return true;
}

static int run(void)
{
	struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	uint64_t next, now;
	uint32_t events;
	char line[1024];

	for (;;) {
		next = transport_tick(transport, clock_ms());
		fds[1].fd = transport_fd(transport, &events);
		fds[1].events = (short)events;
		now = clock_ms();
		if (poll(fds, 2, next <= now ? 0 :
			 next - now > 10000 ? 10000 : (int)(next - now)) < 0)
			return 1;
		if (fds[1].fd >= 0 && fds[1].revents)
			transport_handle(transport, (uint32_t)fds[1].revents);
		if (!fds[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin) || !command(line))
			return 0;
	}
}

int main(int argc, char **argv)
{
	struct transport_config config = { .url = argv[1], .room = argv[2] };
	const struct transport_ops ops = {
		.link = on_link,
		.packet = on_packet,
		.refused = on_refused,
	};
	const struct {
		const char *name;
		const char **value;
	} paths[] = {
		{ "cafile=", &config.cafile },
		{ "cert=", &config.cert },
		{ "key=", &config.key },
		{ "password=", &config.password_file },
	};
	char error[E2EE_ERROR_LEN] = "";
	int i, ret;
	size_t j;

	if (argc < 4)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	config.dev = argv[3];
	for (i = 4; i < argc; i++) {
		config.insecure |= !strcmp(argv[i], "insecure");
		for (j = 0; j < sizeof(paths) / sizeof(paths[0]); j++) {
			size_t len = strlen(paths[j].name);

			if (!strncmp(argv[i], paths[j].name, len))
				*paths[j].value = argv[i] + len;
		}
	}
	if (transport_open(&config, &ops, NULL, &transport, error)) {
		printf("error: %s\n", error);
		return 1;
	}
	ret = run();
	transport_close(transport);
	return ret;
}
