// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines of the stdio transport: a message in base64, or "gone DEV".
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "transport_kind.h"

#define GONE	"gone "

static enum e2ee_room_topic topic_of(enum e2ee_message_type type)
{
	static const enum e2ee_room_topic topics[E2EE_MSG_TYPES] = {
		[E2EE_MSG_KP] = E2EE_TOPIC_KP,
		[E2EE_MSG_EPOCH] = E2EE_TOPIC_EPOCH,
		[E2EE_MSG_ACK] = E2EE_TOPIC_ACK,
		[E2EE_MSG_HB] = E2EE_TOPIC_HB,
		[E2EE_MSG_HANDOVER] = E2EE_TOPIC_HB,
		[E2EE_MSG_LEAVE] = E2EE_TOPIC_REQ,
		[E2EE_MSG_REQ] = E2EE_TOPIC_REQ,
		[E2EE_MSG_SAS_COMMIT] = E2EE_TOPIC_SAS,
		[E2EE_MSG_SAS_REVEAL] = E2EE_TOPIC_SAS,
		[E2EE_MSG_PROBE] = E2EE_TOPIC_PROBE,
	};

	return topics[type];
}

/* Only what an encoder would have written: decoded and encoded, it is the same */
static uint8_t *base64_decode(const char *line, size_t len, size_t *out_len)
{
	char *again = malloc(len + 1);
	uint8_t *out = malloc(len);
	int got;

	if (!again || !out)
		goto refuse;
	got = EVP_DecodeBlock(out, (const unsigned char *)line, (int)len);
	if (got < 3)
		goto refuse;
	*out_len = (size_t)got - (line[len - 1] == '=') -
		   (line[len - 2] == '=');
	EVP_EncodeBlock((unsigned char *)again, out, (int)*out_len);
	if (strlen(again) != len || memcmp(again, line, len) != 0)
		goto refuse;
	free(again);
	return out;

refuse:
	free(again);
	free(out);
	return NULL;
}

/* On the broker the topic says what it is; here the message has to */
static const char *message_peek(const uint8_t *data, size_t len,
				struct e2ee_room_packet *packet, char *dev)
{
	const char *reason = "";
	struct e2ee_message *msg;

	if (e2ee_message_decode(data, len, &msg, &reason))
		return reason;
	packet->topic = topic_of(msg->type);
	memcpy(dev, msg->dev, sizeof(msg->dev));
	if (packet->topic != E2EE_TOPIC_EPOCH && packet->topic != E2EE_TOPIC_HB)
		packet->dev = dev;
	packet->data = data;
	packet->len = len;
	e2ee_message_put(msg);
	return NULL;
}

const char *stdio_line_read(const char *line, size_t len,
			    struct e2ee_room_packet *packet, char *dev,
			    uint8_t **data)
{
	size_t data_len;

	*data = NULL;
	memset(packet, 0, sizeof(*packet));
	if (strlen(line) != len)
		return "a NUL in the line";
	if (!strncmp(line, GONE, strlen(GONE))) {
		line += strlen(GONE);
		if (!e2ee_name_valid(line))
			return "\"gone\" without a device's name";
		memcpy(dev, line, strlen(line) + 1);
		packet->topic = E2EE_TOPIC_KP;
		packet->dev = dev;
		return NULL;
	}
	if (!len || len % 4 || len > STDIO_LINE_MAX)
		return "not base64: the length is not that of a message";
	*data = base64_decode(line, len, &data_len);
	if (!*data)
		return "not base64";
	return message_peek(*data, data_len, packet, dev);
}

char *stdio_line_write(const struct e2ee_room_packet *packet, size_t *len)
{
	char *line;

	/* Nothing is retained: to empty a topic is to say that one is gone */
	if (!packet->len && packet->topic != E2EE_TOPIC_KP)
		return NULL;
	if (!packet->len) {
		*len = strlen(GONE) + strlen(packet->dev) + 1;
		line = malloc(*len + 1);
		if (line)
			snprintf(line, *len + 1, GONE "%s\n", packet->dev);
		return line;
	}
	if (packet->len > E2EE_EPOCH_MAX)
		return NULL;
	*len = (packet->len + 2) / 3 * 4 + 1;
	line = malloc(*len + 1);
	if (!line)
		return NULL;
	EVP_EncodeBlock((unsigned char *)line, packet->data, (int)packet->len);
	memcpy(line + *len - 1, "\n", 2);
	return line;
}
