// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a room sends, and events for its caller.
 */
#include <stdio.h>
#include <string.h>

#include "state.h"

void e2ee_outbox_event(struct e2ee_room *room, enum e2ee_room_event_type type,
		       const char *text)
{
	if (room->ops.event)
		room->ops.event(room->arg, type, text);
}

/* While the link is down, what was to be sent is dropped */
static void outbox_packet(struct e2ee_room *room,
			  const struct e2ee_room_packet *packet)
{
	if (room->link)
		room->ops.publish(room->arg, packet);
}

void e2ee_outbox_publish(struct e2ee_room *room, enum e2ee_room_topic topic,
			 const struct e2ee_message *msg, bool retain)
{
	struct e2ee_room_packet packet = {
		.topic = topic,
		.data = msg->raw,
		.len = msg->len,
		.retain = retain,
	};

	if (topic != E2EE_TOPIC_EPOCH && topic != E2EE_TOPIC_HB)
		packet.dev = room->dev;
	outbox_packet(room, &packet);
}

/* A retained topic of mine is no longer */
void e2ee_outbox_empty(struct e2ee_room *room, enum e2ee_room_topic topic)
{
	struct e2ee_room_packet packet = { .topic = topic, .retain = true };

	if (topic != E2EE_TOPIC_EPOCH)
		packet.dev = room->dev;
	outbox_packet(room, &packet);
}

/* NULL if it cannot be made, which only happens for want of memory */
struct e2ee_message *e2ee_outbox_seal(struct e2ee_room *room,
				      struct e2ee_message *draft)
{
	struct e2ee_message *msg;

	memcpy(draft->dev, room->dev, sizeof(draft->dev));
	draft->session = room->session;
	if (e2ee_message_seal(draft, room->name,
			      e2ee_identity_seed(room->identity), &msg))
		return NULL;
	return msg;
}

static enum e2ee_room_topic outbox_topic(enum e2ee_message_type type)
{
	switch (type) {
	case E2EE_MSG_KP:
		return E2EE_TOPIC_KP;
	case E2EE_MSG_EPOCH:
		return E2EE_TOPIC_EPOCH;
	case E2EE_MSG_ACK:
		return E2EE_TOPIC_ACK;
	case E2EE_MSG_HB:
	case E2EE_MSG_HANDOVER:
		return E2EE_TOPIC_HB;
	case E2EE_MSG_SAS_COMMIT:
	case E2EE_MSG_SAS_REVEAL:
		return E2EE_TOPIC_SAS;
	case E2EE_MSG_PROBE:
		return E2EE_TOPIC_PROBE;
	default:
		return E2EE_TOPIC_REQ;
	}
}

/* Seal and publish */
void e2ee_outbox_send(struct e2ee_room *room, struct e2ee_message *draft)
{
	struct e2ee_message *msg = e2ee_outbox_seal(room, draft);

	if (!msg)
		return;
	e2ee_outbox_publish(room, outbox_topic(msg->type), msg, false);
	e2ee_message_put(msg);
}

/* My key package, again */
void e2ee_outbox_kp(struct e2ee_room *room)
{
	if (room->kps[0].msg)
		e2ee_outbox_publish(room, E2EE_TOPIC_KP, room->kps[0].msg,
				    true);
}

/* Goes out while the link is down, too: its echo brings the link up */
void e2ee_outbox_probe(struct e2ee_room *room)
{
	struct e2ee_message draft = { .type = E2EE_MSG_PROBE };
	struct e2ee_room_packet packet = { .topic = E2EE_TOPIC_PROBE };
	uint8_t *id = room->probes[room->probe++ % 4];
	struct e2ee_message *msg;

	if (e2ee_random(id, E2EE_ID_LEN))
		return;
	draft.probe.id = id;
	msg = e2ee_outbox_seal(room, &draft);
	if (!msg)
		return;
	packet.dev = room->dev;
	packet.data = msg->raw;
	packet.len = msg->len;
	room->ops.publish(room->arg, &packet);
	e2ee_message_put(msg);
}

void e2ee_outbox_req(struct e2ee_room *room, const uint8_t *call,
		     struct e2ee_msg_req *req)
{
	struct e2ee_message draft = {
		.type = E2EE_MSG_REQ,
		.call = call,
		.req = *req,
	};

	draft.req.counter = ++room->counter;
	e2ee_outbox_send(room, &draft);
}

/* @whom: of the roster, whom I do not let in; or NULL */
void e2ee_outbox_ack(struct e2ee_room *room, enum e2ee_ack_result result,
		     const uint8_t *t, const char *whom)
{
	struct epoch *epoch = e2ee_chain_by_t(room, t);
	uint8_t mac[E2EE_HASH_LEN];
	struct e2ee_message draft = {
		.type = E2EE_MSG_ACK,
		.ack = { .t = t, .result = (uint8_t)result },
	};

	if (!room->last)
		return;
	draft.call = room->last->call;
	if (result == E2EE_ACK_OK) {
		if (!epoch || !epoch->installed ||
		    e2ee_schedule_mac(epoch->secret, t, room->dev, mac))
			return;
		draft.ack.mac = mac;
	}
	if (whom)
		snprintf(draft.ack.whom, sizeof(draft.ack.whom), "%s", whom);
	draft.ack.counter = ++room->counter;
	e2ee_outbox_send(room, &draft);
}
