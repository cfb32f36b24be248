/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the messages of a room get to the others: through an MQTT broker, or
 * as lines on stdin and stdout.
 *
 * Everything happens in one thread, in transport_handle() and
 * transport_tick(): only they call back. What is published while the link is
 * down is lost, as the protocol expects.
 */
#ifndef E2EED_TRANSPORT_H
#define E2EED_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <e2ee/room.h>

/**
 * struct transport_config - where to
 * @url: mqtts://[USER@]HOST[:PORT]/ROOM, mqtt://… without TLS, or stdio:ROOM
 * @room: name of the room, which @url ends with
 * @dev: this device
 * @cafile: who signs brokers' certificates; NULL or "": whom the system trusts
 * @cert: of this client, with its chain; NULL or "": none
 * @key: of @cert
 * @password_file: first line is the password of USER; NULL or "": none
 * @insecure: take mqtt:// for other hosts than this one
 *
 * All but the files is copied; they are read again on every connection.
 */
struct transport_config {
	const char *url;
	const char *room;
	const char *dev;
	const char *cafile;
	const char *cert;
	const char *key;
	const char *password_file;
	bool insecure;
};

/**
 * struct transport_ops - what it tells
 * @link: messages can get through, or cannot: @why, one line with what helps.
 *        Told again while it is down, when @why is another.
 * @packet: a message arrived; @packet is valid until the callback returns
 * @refused: something that is no message arrived; may be NULL
 *
 * They may publish, and must not close.
 */
struct transport_ops {
	void (*link)(void *arg, bool up, const char *why);
	void (*packet)(void *arg, const struct e2ee_room_packet *packet);
	void (*refused)(void *arg, const char *reason);
};

struct transport;

/**
 * transport_open() - begin to connect; the link is down at first
 * @config: where to
 * @ops: copied
 * @arg: for the callbacks
 * @transport: out
 * @error: E2EE_ERROR_LEN bytes: what is wrong and what helps
 *
 * Return: 0, -EINVAL, -ENOENT, -EACCES, -ENOMEM. A broker that is not there is
 * no error: it is tried again for ever.
 */
int transport_open(const struct transport_config *config,
		   const struct transport_ops *ops, void *arg,
		   struct transport **transport, char *error);
/* The broker empties the device's KP, as if the device had died. NULL is fine */
void transport_close(struct transport *transport);

/* May be lost */
void transport_publish(struct transport *transport,
		       const struct e2ee_room_packet *packet);
/* Hear ack/+ or not. Holds for later connections too. */
void transport_listen_acks(struct transport *transport, bool listen);

/*
 * To be asked after each call of transport_tick(): what to poll, and for which
 * events of epoll. -1: nothing.
 */
int transport_fd(struct transport *transport, uint32_t *events);
/* Those events came */
void transport_handle(struct transport *transport, uint32_t events);
/* To be called after all that happens. Returns when to call at the latest. */
uint64_t transport_tick(struct transport *transport, uint64_t now);
/* How many messages are still on their way out */
size_t transport_pending(const struct transport *transport);

#endif /* E2EED_TRANSPORT_H */
