// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of topics: e2ee/1/ROOM/kp/DEV, e2ee/1/ROOM/epoch and so on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport_kind.h"

static const struct {
	const char *name;
	bool of_device;
} topics[E2EE_TOPICS] = {
	[E2EE_TOPIC_KP] = { "kp", true },
	[E2EE_TOPIC_EPOCH] = { "epoch", false },
	[E2EE_TOPIC_HB] = { "hb", false },
	[E2EE_TOPIC_ACK] = { "ack", true },
	[E2EE_TOPIC_REQ] = { "req", true },
	[E2EE_TOPIC_SAS] = { "sas", true },
	[E2EE_TOPIC_PROBE] = { "probe", true },
};

void topic_write(enum e2ee_room_topic topic, const char *room, const char *dev,
		 char *text)
{
	bool of_device = topics[topic].of_device;

	snprintf(text, TOPIC_MAX, "e2ee/1/%s/%s%s%s", room, topics[topic].name,
		 of_device ? "/" : "", of_device ? dev : "");
}

/* What follows a prefix; NULL if it is another */
static const char *behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) != 0 ? NULL : text + len;
}

int topic_read(const char *text, const char *room, char *dev,
	       struct e2ee_room_packet *packet)
{
	enum e2ee_room_topic topic;
	const char *rest;

	text = behind(text, "e2ee/1/");
	text = text ? behind(text, room) : NULL;
	if (!text || *text++ != '/')
		return -EINVAL;
	for (topic = 0; topic < E2EE_TOPICS; topic++) {
		rest = behind(text, topics[topic].name);
		if (!rest)
			continue;
		packet->topic = topic;
		packet->dev = NULL;
		if (!topics[topic].of_device)
			return *rest ? -EINVAL : 0;
		if (*rest != '/' || !e2ee_name_valid(rest + 1))
			return -EINVAL;
		memcpy(dev, rest + 1, strlen(rest + 1) + 1);
		packet->dev = dev;
		return 0;
	}
	return -EINVAL;
}
