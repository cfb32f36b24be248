// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libFuzzer: any text as a line of the stdio transport, as a broker's topic, and
 * as a room's URL. The first byte says which.
 */
#include <string.h>

#include "message.h"
#include "must.h"
#include "transport_kind.h"

static void check_line(const char *text, size_t len)
{
	struct e2ee_room_packet packet;
	char dev[E2EE_NAME_MAX + 1], *again;
	uint8_t *data;
	size_t again_len;

	if (!stdio_line_read(text, len, &packet, dev, &data)) {
		MUST(packet.topic < E2EE_TOPICS);
		MUST(!packet.data == !packet.len);
		MUST(!packet.dev || e2ee_name_valid(packet.dev));
		/* one spelling */
		again = stdio_line_write(&packet, &again_len);
		MUST(again && again_len == len + 1);
		MUST(!memcmp(again, text, len) && again[len] == '\n');
		free(again);
	}
	free(data);
}

static void check_topic(const char *text)
{
	struct e2ee_room_packet packet;
	char dev[E2EE_NAME_MAX + 1], again[TOPIC_MAX];

	if (topic_read(text, "room", dev, &packet))
		return;
	MUST(packet.topic < E2EE_TOPICS);
	topic_write(packet.topic, "room", packet.dev, again);
	MUST(!strcmp(text, again));
}

static void check_url(const char *text)
{
	char error[E2EE_ERROR_LEN] = "";
	struct url url;

	if (url_parse(text, &url, error)) {
		MUST(*error);
		return;
	}
	MUST(*url.host && strlen(url.host) <= URL_HOST_MAX);
	MUST(strlen(url.user) <= URL_USER_MAX && !strchr(url.user, ':'));
	MUST(url.port && e2ee_name_valid(url.room));
	(void)url_is_local(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (!len)
		return 0;
	text = malloc(len);
	MUST(text);
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	if (*data == 't')
		check_topic(text);
	else if (*data == 'u')
		check_url(text);
	else
		check_line(text, len - 1);
	free(text);
	return 0;
}
