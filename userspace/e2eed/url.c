// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mqtts://[USER@]HOST[:PORT]/ROOM
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport_kind.h"

#define PORT_TLS	8883
#define PORT_CLEAR	1883

static int part_copy(char *to, size_t size, const char *from, size_t len)
{
	if (!len || len >= size)
		return -EINVAL;
	memcpy(to, from, len);
	to[len] = '\0';
	return 0;
}

/* Up to and with the '@', if there is one before the room */
static int user_parse(const char **text, size_t len, struct url *url,
		      char *error)
{
	const char *at = memchr(*text, '@', len);

	if (!at)
		return 0;
	if (memchr(*text, ':', (size_t)(at - *text)))
		return transport_error(error, -EINVAL,
				       "everybody can see a password in the room's URL: put it into a file for --password-file");
	if (part_copy(url->user, sizeof(url->user), *text,
		      (size_t)(at - *text)))
		return transport_error(error, -EINVAL,
				       "the user in the room's URL is empty or longer than %d",
				       URL_USER_MAX);
	*text = at + 1;
	return 0;
}

static int port_parse(const char *text, size_t len, struct url *url,
		      char *error)
{
	char digits[6] = "";
	unsigned long port;

	if (!part_copy(digits, sizeof(digits), text, len) &&
	    strspn(digits, "0123456789") == len) {
		port = strtoul(digits, NULL, 10);
		if (port && port <= UINT16_MAX) {
			url->port = (uint16_t)port;
			return 0;
		}
	}
	return transport_error(error, -EINVAL,
			       "the port in the room's URL has to be from 1 to 65535, not \"%.*s\"",
			       (int)(len < 20 ? len : 20), text);
}

/* HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT */
static int host_parse(const char *text, const char *end, struct url *url,
		      char *error)
{
	const char *stop, *rest;
	int ret;

	if (*text == '[') {
		text++;
		stop = memchr(text, ']', (size_t)(end - text));
		rest = stop ? stop + 1 : NULL;
	} else {
		stop = memchr(text, ':', (size_t)(end - text));
		if (!stop)
			stop = end;
		rest = stop;
	}
	ret = stop ? part_copy(url->host, sizeof(url->host), text,
			       (size_t)(stop - text)) : -EINVAL;
	if (ret || (rest < end && *rest != ':'))
		return transport_error(error, -EINVAL,
				       "the room's URL lacks the broker's name: mqtts://BROKER[:PORT]/ROOM");
	if (rest == end)
		return 0;
	return port_parse(rest + 1, (size_t)(end - rest - 1), url, error);
}

int url_parse(const char *text, struct url *url, char *error)
{
	const char *end;
	int ret;

	memset(url, 0, sizeof(*url));
	if (!strncmp(text, "mqtts://", 8)) {
		text += 8;
		url->tls = true;
	} else if (!strncmp(text, "mqtt://", 7)) {
		text += 7;
	} else {
		return transport_error(error, -EINVAL,
				       "\"%.80s\" is neither mqtts://BROKER[:PORT]/ROOM nor stdio:ROOM",
				       text);
	}
	url->port = url->tls ? PORT_TLS : PORT_CLEAR;
	end = strchr(text, '/');
	if (!end || part_copy(url->room, sizeof(url->room), end + 1,
			      strlen(end + 1)) || !e2ee_name_valid(url->room))
		return transport_error(error, -EINVAL,
				       "the room's URL lacks the room's name, 1 to %d of A-Z a-z 0-9 . _ -: mqtts://BROKER[:PORT]/ROOM",
				       E2EE_NAME_MAX);
	ret = user_parse(&text, (size_t)(end - text), url, error);
	return ret ? ret : host_parse(text, end, url, error);
}

bool url_is_local(const struct url *url)
{
	struct in6_addr in6;
	struct in_addr in;

	if (inet_pton(AF_INET, url->host, &in) == 1)
		return ntohl(in.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, url->host, &in6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&in6);
	return !strcmp(url->host, "localhost");
}
