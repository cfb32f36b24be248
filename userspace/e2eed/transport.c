// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Transports: which one a URL names.
 */
#include <errno.h>
#include <string.h>

#include "transport_kind.h"

int transport_open(const struct transport_config *config,
		   const struct transport_ops *ops, void *arg,
		   struct transport **transport, char *error)
{
	int ret;

	if (!e2ee_name_valid(config->room) || !e2ee_name_valid(config->dev))
		return transport_error(error, -EINVAL,
				       "not the name of a room or device");
	if (!strncmp(config->url, "stdio:", 6))
		ret = stdio_open(config, transport, error);
	else
		ret = mqtt_open(config, transport, error);
	if (ret)
		return ret;
	(*transport)->ops = *ops;
	(*transport)->arg = arg;
	memcpy((*transport)->room, config->room, strlen(config->room) + 1);
	memcpy((*transport)->dev, config->dev, strlen(config->dev) + 1);
	return 0;
}

void transport_close(struct transport *transport)
{
	if (transport)
		transport->kind->close(transport);
}

void transport_publish(struct transport *transport,
		       const struct e2ee_room_packet *packet)
{
	transport->kind->publish(transport, packet);
}

void transport_listen_acks(struct transport *transport, bool listen)
{
	transport->kind->listen_acks(transport, listen);
}

int transport_fd(struct transport *transport, uint32_t *events)
{
	return transport->kind->fd(transport, events);
}

void transport_handle(struct transport *transport, uint32_t events)
{
	transport->kind->handle(transport, events);
}

uint64_t transport_tick(struct transport *transport, uint64_t now)
{
	return transport->kind->tick(transport, now);
}

size_t transport_pending(const struct transport *transport)
{
	return transport->kind->pending(transport);
}
