// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stdio transport: for those who have their own way to get a message to
 * all, the sender too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "message.h"
#include "transport_kind.h"

#define OUT_MAX		(8 * 1024 * 1024)	/* waiting to be written */
#define READ_SIZE	65536

/**
 * struct stdio
 * @in: descriptor, and its flags before
 * @out: descriptor
 * @poll: watches both
 * @acks: hear those of others
 * @up: the link is, which was told
 * @skip: the line being read is too long, the rest of it is dropped
 * @told: that the link is down
 * @gone: why it is, for ever; NULL
 * @line: what was read of a line, @line_len bytes
 * @queue: to be written, @queue_len bytes
 */
struct stdio {
	struct transport transport;
	int in;
	int in_flags;
	int out;
	int out_flags;
	int poll;
	bool acks;
	bool up;
	bool skip;
	bool told;
	const char *gone;
	char *line;
	size_t line_len;
	char *queue;
	size_t queue_len;
};

static struct stdio *stdio_of(struct transport *transport)
{
	return (struct stdio *)transport;
}

static int poll_add(int poll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

/* One descriptor may be both */
static void poll_set(struct stdio *stdio)
{
	uint32_t out = stdio->queue_len ? EPOLLOUT : 0;
	struct epoll_event event = {
		.events = stdio->in == stdio->out ? out | EPOLLIN : out,
		.data.fd = stdio->out,
	};

	(void)epoll_ctl(stdio->poll, EPOLL_CTL_MOD, stdio->out, &event);
}

static void stdio_write(struct stdio *stdio)
{
	size_t done = 0;
	ssize_t len;

	while (done < stdio->queue_len && !stdio->gone) {
		len = write(stdio->out, stdio->queue + done,
			    stdio->queue_len - done);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			break;
		if (len <= 0)
			stdio->gone = "nobody reads stdout any more: restart e2eed";
		else
			done += (size_t)len;
	}
	stdio->queue_len -= done;
	if (done && stdio->queue_len)
		memmove(stdio->queue, stdio->queue + done, stdio->queue_len);
	poll_set(stdio);
}

static void stdio_publish(struct transport *transport,
			  const struct e2ee_room_packet *packet)
{
	struct stdio *stdio = stdio_of(transport);
	size_t len = 0;
	char *line, *queue;

	if (!stdio->up)
		return;
	line = stdio_line_write(packet, &len);
	if (!line)
		return;
	queue = stdio->queue_len + len > OUT_MAX ? NULL :
		realloc(stdio->queue, stdio->queue_len + len);
	if (queue) {
		memcpy(queue + stdio->queue_len, line, len);
		stdio->queue = queue;
		stdio->queue_len += len;
		stdio_write(stdio);
	}
	free(line);
}

static void stdio_listen_acks(struct transport *transport, bool listen)
{
	stdio_of(transport)->acks = listen;
}

static void stdio_refuse(struct stdio *stdio, const char *reason)
{
	struct transport *transport = &stdio->transport;

	if (transport->ops.refused)
		transport->ops.refused(transport->arg, reason);
}

/* As on a broker: probes of others, and unasked ACKs, are not heard */
static bool wanted(const struct stdio *stdio,
		   const struct e2ee_room_packet *packet)
{
	if (packet->topic == E2EE_TOPIC_PROBE)
		return !strcmp(packet->dev, stdio->transport.dev);
	return packet->topic != E2EE_TOPIC_ACK || stdio->acks;
}

/* The line is complete, and its end cut off */
static void line_done(struct stdio *stdio)
{
	struct transport *transport = &stdio->transport;
	struct e2ee_room_packet packet;
	char dev[E2EE_NAME_MAX + 1];
	const char *reason;
	uint8_t *data;

	if (stdio->line_len && stdio->line[stdio->line_len - 1] == '\r')
		stdio->line_len--;
	stdio->line[stdio->line_len] = '\0';
	if (!stdio->line_len)
		return;
	reason = stdio_line_read(stdio->line, stdio->line_len, &packet, dev,
				 &data);
	if (reason)
		stdio_refuse(stdio, reason);
	else if (wanted(stdio, &packet))
		transport->ops.packet(transport->arg, &packet);
	free(data);
}

static void line_add(struct stdio *stdio, char byte)
{
	if (byte == '\n') {
		if (!stdio->skip)
			line_done(stdio);
		stdio->line_len = 0;
		stdio->skip = false;
	} else if (stdio->skip) {
		return;
	} else if (stdio->line_len > STDIO_LINE_MAX) {
		stdio->skip = true;
		stdio_refuse(stdio, "the line is too long for a message");
	} else {
		stdio->line[stdio->line_len++] = byte;
	}
}

/* Once: there is more to do than to read */
static void stdio_read(struct stdio *stdio)
{
	char bytes[READ_SIZE];
	ssize_t len, i;

	len = read(stdio->in, bytes, sizeof(bytes));
	if (!len || (len < 0 && errno != EAGAIN && errno != EINTR))
		stdio->gone = "stdin was closed: restart e2eed";
	for (i = 0; i < len; i++)
		line_add(stdio, bytes[i]);
}

static int stdio_fd(struct transport *transport, uint32_t *events)
{
	struct stdio *stdio = stdio_of(transport);

	*events = EPOLLIN;
	return stdio->gone ? -1 : stdio->poll;
}

static void stdio_handle(struct transport *transport, uint32_t events)
{
	struct stdio *stdio = stdio_of(transport);
	struct epoll_event happened[2];
	int count, i;

	(void)events;
	count = epoll_wait(stdio->poll, happened, 2, 0);
	for (i = 0; i < count && !stdio->gone; i++) {
		uint32_t what = happened[i].events;

		if (happened[i].data.fd == stdio->in &&
		    what & (EPOLLIN | EPOLLHUP | EPOLLERR))
			stdio_read(stdio);
		if (happened[i].data.fd == stdio->out &&
		    what & (EPOLLOUT | EPOLLERR))
			stdio_write(stdio);
		if (happened[i].data.fd == stdio->out && what & EPOLLERR)
			stdio->gone = "nobody reads stdout any more: restart e2eed";
	}
}

static uint64_t stdio_tick(struct transport *transport, uint64_t now)
{
	struct stdio *stdio = stdio_of(transport);

	(void)now;
	if (!stdio->gone && !stdio->up) {
		stdio->up = true;
		transport->ops.link(transport->arg, true, "");
	} else if (stdio->gone && !stdio->told) {
		stdio->up = false;
		stdio->told = true;
		transport->ops.link(transport->arg, false, stdio->gone);
	}
	return UINT64_MAX;
}

static size_t stdio_pending(const struct transport *transport)
{
	return ((const struct stdio *)transport)->queue_len;
}

static void stdio_close(struct transport *transport)
{
	struct stdio *stdio = stdio_of(transport);

	if (stdio->poll >= 0)
		close(stdio->poll);
	/* Flags belong to the file, which others may use after us */
	(void)fcntl(stdio->out, F_SETFL, stdio->out_flags);
	(void)fcntl(stdio->in, F_SETFL, stdio->in_flags);
	free(stdio->line);
	free(stdio->queue);
	free(stdio);
}

static const struct transport_kind stdio_kind = {
	.close = stdio_close,
	.publish = stdio_publish,
	.listen_acks = stdio_listen_acks,
	.fd = stdio_fd,
	.handle = stdio_handle,
	.tick = stdio_tick,
	.pending = stdio_pending,
};

int stdio_open_fds(int in, int out, struct transport **transport, char *error)
{
	struct stdio *stdio = calloc(1, sizeof(*stdio));

	if (!stdio)
		return transport_error(error, -ENOMEM, "out of memory");
	stdio->transport.kind = &stdio_kind;
	stdio->in = in;
	stdio->out = out;
	stdio->in_flags = fcntl(in, F_GETFL);
	stdio->out_flags = fcntl(out, F_GETFL);
	stdio->line = malloc(STDIO_LINE_MAX + 2);
	stdio->poll = epoll_create1(EPOLL_CLOEXEC);
	if (!stdio->line || stdio->poll < 0) {
		stdio_close(&stdio->transport);
		return transport_error(error, -ENOMEM, "out of memory");
	}
	if (poll_add(stdio->poll, in, EPOLLIN) ||
	    (in != out && poll_add(stdio->poll, out, 0))) {
		stdio_close(&stdio->transport);
		return transport_error(error, -EINVAL,
				       "stdin and stdout have to be pipes or sockets to the program that carries the messages");
	}
	(void)fcntl(in, F_SETFL, stdio->in_flags | O_NONBLOCK);
	(void)fcntl(out, F_SETFL, stdio->out_flags | O_NONBLOCK);
	*transport = &stdio->transport;
	return 0;
}

int stdio_open(const struct transport_config *config,
	       struct transport **transport, char *error)
{
	if (strcmp(config->url + strlen("stdio:"), config->room) != 0)
		return transport_error(error, -EINVAL,
				       "\"%.80s\" is not of the form stdio:ROOM",
				       config->url);
	return stdio_open_fds(STDIN_FILENO, STDOUT_FILENO, transport, error);
}
