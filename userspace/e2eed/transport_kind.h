/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the transports share.
 */
#ifndef E2EED_TRANSPORT_KIND_H
#define E2EED_TRANSPORT_KIND_H

#include "transport.h"

/* The functions of transport.h, for one kind */
struct transport_kind {
	void (*close)(struct transport *transport);
	void (*publish)(struct transport *transport,
			const struct e2ee_room_packet *packet);
	void (*listen_acks)(struct transport *transport, bool listen);
	int (*fd)(struct transport *transport, uint32_t *events);
	void (*handle)(struct transport *transport, uint32_t events);
	uint64_t (*tick)(struct transport *transport, uint64_t now);
	size_t (*pending)(const struct transport *transport);
};

/* The first member of each kind's own structure */
struct transport {
	const struct transport_kind *kind;
	struct transport_ops ops;
	void *arg;
	char room[E2EE_NAME_MAX + 1];
	char dev[E2EE_NAME_MAX + 1];
};

/* transport_error.c: writes a text, and returns @ret */
int transport_error(char *error, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Opened by transport_open() */
int mqtt_open(const struct transport_config *config,
	      struct transport **transport, char *error);
int stdio_open(const struct transport_config *config,
	       struct transport **transport, char *error);
/* The same on other descriptors, which it does not close */
int stdio_open_fds(int in, int out, struct transport **transport, char *error);

/* url.c */
#define URL_HOST_MAX	255
#define URL_USER_MAX	128

struct url {
	char host[URL_HOST_MAX + 1];	/* without brackets */
	char user[URL_USER_MAX + 1];	/* "" if not given */
	char room[E2EE_NAME_MAX + 1];
	uint16_t port;
	bool tls;
};

int url_parse(const char *text, struct url *url, char *error);
/* Does the host's name say that it is this machine? */
bool url_is_local(const struct url *url);

/* topic.c: names of topics, e2ee/1/ROOM/… */
#define TOPIC_MAX	(sizeof("e2ee/1//probe/") + 2 * E2EE_NAME_MAX)

/* @dev: a device, "+", or NULL; @topic: TOPIC_MAX bytes */
void topic_write(enum e2ee_room_topic topic, const char *room, const char *dev,
		 char *text);
/* @dev: E2EE_NAME_MAX + 1 bytes; @packet's topic and dev are set. -EINVAL */
int topic_read(const char *text, const char *room, char *dev,
	       struct e2ee_room_packet *packet);

/* stdio_line.c: a line of the stdio transport */
#define STDIO_LINE_MAX	((E2EE_EPOCH_MAX + 2) / 3 * 4)

/**
 * stdio_line_read() - a line that came in
 * @line: without its end, with a NUL behind it
 * @len: of it
 * @packet: out
 * @dev: out, what @packet's dev points to; E2EE_NAME_MAX + 1 bytes
 * @data: out, what @packet's data points to; to be freed, or NULL
 *
 * Return: NULL, or why it is refused.
 */
const char *stdio_line_read(const char *line, size_t len,
			    struct e2ee_room_packet *packet, char *dev,
			    uint8_t **data);
/* A line with its end, to be freed; NULL if there is nothing to say */
char *stdio_line_write(const struct e2ee_room_packet *packet, size_t *len);

#endif /* E2EED_TRANSPORT_KIND_H */
