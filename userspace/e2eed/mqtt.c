// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The MQTT transport: any broker of MQTT 3.1.1, by libmosquitto.
 *
 * Each connection is a new session of the broker, with nothing left over from
 * the one before: what was to be sent is dropped, as the protocol wants it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "crypto.h"
#include "message.h"
#include "mqtt.h"

#define CONNECT_MS	10000		/* for name and TCP; then for the rest */
#define RETRY_MIN_MS	500
#define RETRY_MAX_MS	5000
#define CLOSE_MS	300
#define UPKEEP_MS	1000		/* of libmosquitto's own timers */
#define OUT_MAX		(8 * 1024 * 1024)	/* sent, not acknowledged */
#define QOS		1

enum mqtt_state {
	WAITING,			/* to try again */
	CONNECTING,			/* the attempt's thread runs */
	GREETING,			/* TLS, CONNECT, SUBSCRIBE */
	UP,
};

/**
 * struct mqtt
 * @state: of the connection
 * @until: when it is over; 0: to be set, @span from now
 * @span: milliseconds
 * @attempt: the connection; NULL while waiting
 * @broken: it is at its end, which the next tick sees to
 * @acks: ack/+ is to be heard
 * @only_ipv4: next time; an IPv6 that leads nowhere must not block the way
 * @plain: do without retained messages, which some brokers refuse by closing the
 *	connection
 * @plain_told: people were told that this is tried
 * @retains: the broker took a retained message
 * @retained: number of the first one, until the broker took it; 0
 * @said: this device published, on this connection
 * @heard: and something came
 * @failures: in a row
 * @pending: messages not acknowledged, of @pending_bytes at most
 * @why: the link is down; told last
 */
struct mqtt {
	struct transport transport;
	struct mqtt_target target;
	enum mqtt_state state;
	uint64_t until;
	uint64_t span;
	struct mqtt_attempt *attempt;
	bool broken;
	bool acks;
	bool only_ipv4;
	bool plain;
	bool plain_told;
	bool retains;
	int retained;
	bool said;
	bool heard;
	unsigned int failures;
	size_t pending;
	size_t pending_bytes;
	char why[E2EE_ERROR_LEN];
};

static struct mqtt *mqtt_of(struct transport *transport)
{
	return (struct mqtt *)transport;
}

static void mqtt_enter(struct mqtt *mqtt, enum mqtt_state state, uint64_t span)
{
	mqtt->state = state;
	mqtt->span = span;
	mqtt->until = 0;
}

/* Longer from failure to failure, and not the same for all who lost a broker */
static uint64_t retry_span(unsigned int failures)
{
	uint64_t most = RETRY_MAX_MS;
	uint32_t random = 0;

	if (failures < 4)
		most = (uint64_t)RETRY_MIN_MS << failures;
	(void)e2ee_random(&random, sizeof(random));
	return RETRY_MIN_MS + random % (most - RETRY_MIN_MS + 1);
}

/* Not from a callback of libmosquitto, whose object it ends */
static void mqtt_down(struct mqtt *mqtt, const char *why)
{
	struct transport *transport = &mqtt->transport;
	bool news = mqtt->state == UP || strcmp(mqtt->why, why) != 0;

	mqtt->failures = mqtt->state == UP ? 1 : mqtt->failures + 1;
	mqtt_attempt_end(mqtt->attempt);
	mqtt->attempt = NULL;
	mqtt->broken = false;
	mqtt->pending = 0;
	mqtt->pending_bytes = 0;
	mqtt->retained = 0;
	mqtt->said = false;
	mqtt->heard = false;
	mqtt_enter(mqtt, WAITING, retry_span(mqtt->failures));
	snprintf(mqtt->why, sizeof(mqtt->why), "%s", why);
	if (news)
		transport->ops.link(transport->arg, false, mqtt->why);
}

/*
 * MQTT 3.1.1 has no word for "no retained messages here": a broker closes the
 * connection after the CONNECT, whose will is retained, or after the first such
 * message. So the next attempt does without, and the one after that, should it
 * fail as well, is the other way round again. A connection may be closed for other
 * reasons, too: so retained messages are tried again once one that did without has
 * worked and is lost.
 */
static void mqtt_plain_next(struct mqtt *mqtt)
{
	struct mqtt_failure *failure = &mqtt->attempt->failure;
	bool unasked = !failure->verify && !*failure->tls &&
		       !failure->connack && !failure->denied && !failure->late;

	if (failure->up && mqtt->plain) {
		mqtt->plain = false;
		return;
	}
	if (mqtt->retains || !unasked || !failure->greeted ||
	    (failure->up && !mqtt->retained))
		return;
	mqtt->plain = !mqtt->plain;
	failure->plain = mqtt->plain && !mqtt->plain_told;
	mqtt->plain_told = true;
}

static void mqtt_fail(struct mqtt *mqtt)
{
	struct mqtt_failure *failure = &mqtt->attempt->failure;
	char why[E2EE_ERROR_LEN];

	/* The thread may have got as far as TLS */
	failure->greeted = mqtt->state != CONNECTING ||
			   failure->rc == MOSQ_ERR_TLS ||
			   failure->error == EPROTO;
	failure->up = mqtt->state == UP;
	failure->unheard = failure->up && mqtt->said && !mqtt->heard;
	mqtt_plain_next(mqtt);
	mqtt_explain(&mqtt->target, failure, why);
	mqtt_down(mqtt, why);
}

static void subscription(struct mqtt *mqtt, enum e2ee_room_topic topic,
			 char *text)
{
	topic_write(topic, mqtt->transport.room, topic == E2EE_TOPIC_PROBE ?
		    mqtt->transport.dev : "+", text);
}

static void subscribe_all(struct mqtt *mqtt)
{
	char texts[E2EE_TOPICS][TOPIC_MAX], *topics[E2EE_TOPICS];
	enum e2ee_room_topic topic;
	int count = 0, rc;

	for (topic = 0; topic < E2EE_TOPICS; topic++) {
		if (topic == E2EE_TOPIC_ACK && !mqtt->acks)
			continue;
		subscription(mqtt, topic, texts[count]);
		topics[count] = texts[count];
		count++;
	}
	rc = mosquitto_subscribe_multiple(mqtt->attempt->mosq, NULL, count,
					  topics, QOS, 0, NULL);
	mqtt->broken |= rc != MOSQ_ERR_SUCCESS;
}

static struct mqtt *owner_of(void *arg)
{
	return ((struct mqtt_attempt *)arg)->owner;
}

static void on_connect(struct mosquitto *mosq, void *arg, int connack)
{
	struct mqtt *mqtt = owner_of(arg);

	(void)mosq;
	mqtt->attempt->failure.connack = connack;
	if (!connack)
		subscribe_all(mqtt);
}

/* Up is who hears: else the own echo of the first message might be missed */
static void on_subscribe(struct mosquitto *mosq, void *arg, int mid, int count,
			 const int *granted)
{
	struct mqtt *mqtt = owner_of(arg);
	int i;

	(void)mosq;
	(void)mid;
	for (i = 0; i < count; i++)
		mqtt->attempt->failure.denied |= granted[i] > 2;
	mqtt->broken |= mqtt->attempt->failure.denied;
	if (mqtt->broken || mqtt->state == UP)
		return;
	mqtt_enter(mqtt, UP, UPKEEP_MS);
	mqtt->only_ipv4 = mqtt->attempt->only_ipv4;
	mqtt->transport.ops.link(mqtt->transport.arg, true, "");
}

static void on_publish(struct mosquitto *mosq, void *arg, int mid)
{
	struct mqtt *mqtt = owner_of(arg);

	(void)mosq;
	if (mid == mqtt->retained) {
		mqtt->retains = true;
		mqtt->retained = 0;
	}
	if (mqtt->pending)
		mqtt->pending--;
	if (!mqtt->pending)
		mqtt->pending_bytes = 0;
}

static void on_message(struct mosquitto *mosq, void *arg,
		       const struct mosquitto_message *message)
{
	struct transport *transport = &owner_of(arg)->transport;
	struct e2ee_room_packet packet = { .len = 0 };
	char dev[E2EE_NAME_MAX + 1];

	(void)mosq;
	owner_of(arg)->heard = true;
	if (topic_read(message->topic, transport->room, dev, &packet)) {
		if (transport->ops.refused)
			transport->ops.refused(transport->arg,
					       "a topic that is none of the room's");
		return;
	}
	packet.len = (size_t)message->payloadlen;
	packet.data = packet.len ? message->payload : NULL;
	packet.retain = message->retain;
	transport->ops.packet(transport->arg, &packet);
}

static void mqtt_setup(struct mosquitto *mosq)
{
	mosquitto_connect_callback_set(mosq, on_connect);
	mosquitto_subscribe_callback_set(mosq, on_subscribe);
	mosquitto_publish_callback_set(mosq, on_publish);
	mosquitto_message_callback_set(mosq, on_message);
}

static void mqtt_connect(struct mqtt *mqtt)
{
	char why[E2EE_ERROR_LEN];

	mqtt->attempt = mqtt_attempt_start(&mqtt->target, mqtt, mqtt->only_ipv4,
					   mqtt->plain, mqtt_setup, why);
	if (!mqtt->attempt)
		mqtt_down(mqtt, why);
	else
		mqtt_enter(mqtt, CONNECTING, CONNECT_MS);
}

static void mqtt_publish(struct transport *transport,
			 const struct e2ee_room_packet *packet)
{
	struct mqtt *mqtt = mqtt_of(transport);
	char topic[TOPIC_MAX];
	int mid, rc;

	if (mqtt->state != UP || mqtt->broken || packet->len > E2EE_EPOCH_MAX ||
	    mqtt->pending_bytes + packet->len > OUT_MAX)
		return;
	topic_write(packet->topic, transport->room, packet->dev, topic);
	rc = mosquitto_publish(mqtt->attempt->mosq, &mid, topic,
			       (int)packet->len, packet->data, QOS,
			       packet->retain && !mqtt->plain);
	if (rc) {
		mqtt->attempt->failure.rc = rc;
		mqtt->attempt->failure.error = errno;
		mqtt->broken = true;
		return;
	}
	if (packet->retain && !mqtt->plain && !mqtt->retained)
		mqtt->retained = mid;
	mqtt->said = true;
	mqtt->pending++;
	mqtt->pending_bytes += packet->len;
}

static void mqtt_listen_acks(struct transport *transport, bool listen)
{
	struct mqtt *mqtt = mqtt_of(transport);
	struct mosquitto *mosq;
	char topic[TOPIC_MAX];
	int rc;

	if (mqtt->acks == listen)
		return;
	mqtt->acks = listen;
	if (mqtt->state != UP || mqtt->broken)
		return;
	mosq = mqtt->attempt->mosq;
	subscription(mqtt, E2EE_TOPIC_ACK, topic);
	rc = listen ? mosquitto_subscribe(mosq, NULL, topic, QOS) :
		      mosquitto_unsubscribe(mosq, NULL, topic);
	mqtt->broken |= rc != MOSQ_ERR_SUCCESS;
}

static int mqtt_fd(struct transport *transport, uint32_t *events)
{
	struct mqtt *mqtt = mqtt_of(transport);

	*events = EPOLLIN;
	if (mqtt->state == WAITING)
		return -1;
	if (mqtt->state == CONNECTING)
		return mqtt->attempt->ready;
	*events = EPOLLIN | EPOLLRDHUP;
	if (mosquitto_want_write(mqtt->attempt->mosq))
		*events |= EPOLLOUT;
	return mosquitto_socket(mqtt->attempt->mosq);
}

static void mqtt_move(struct mqtt *mqtt, uint32_t events)
{
	struct mqtt_failure *failure = &mqtt->attempt->failure;
	struct mosquitto *mosq = mqtt->attempt->mosq;

	errno = 0;
	failure->rc = mosquitto_loop_read(mosq, 1);
	if (!failure->rc && events & EPOLLOUT)
		failure->rc = mosquitto_loop_write(mosq, 1);
	failure->error = errno;
	/* libmosquitto waits for ever for a handshake that nobody will end */
	if (!failure->rc && mqtt->state == GREETING &&
	    events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		failure->rc = MOSQ_ERR_CONN_LOST;
	if (failure->rc || mqtt->broken)
		mqtt_fail(mqtt);
}

static void mqtt_handle(struct transport *transport, uint32_t events)
{
	struct mqtt *mqtt = mqtt_of(transport);

	if (mqtt->state == GREETING || mqtt->state == UP)
		mqtt_move(mqtt, events);
	else if (mqtt->state != CONNECTING || !mqtt_attempt_done(mqtt->attempt))
		return;
	else if (mqtt->attempt->failure.rc)
		mqtt_fail(mqtt);
	else
		mqtt_enter(mqtt, GREETING, CONNECT_MS);
}

static void mqtt_late(struct mqtt *mqtt)
{
	struct mqtt_failure *failure;

	if (mqtt->state == WAITING) {
		mqtt_connect(mqtt);
		return;
	}
	/* Its fields are the thread's while that runs */
	if (mqtt->state == CONNECTING) {
		const struct mqtt_failure none = { .late = true };
		char why[E2EE_ERROR_LEN];

		mqtt->only_ipv4 = !mqtt->only_ipv4;
		mqtt_explain(&mqtt->target, &none, why);
		mqtt_down(mqtt, why);
		return;
	}
	failure = &mqtt->attempt->failure;
	if (mqtt->state == GREETING) {
		failure->late = true;
		mqtt_fail(mqtt);
		return;
	}
	errno = 0;
	failure->rc = mosquitto_loop_misc(mqtt->attempt->mosq);
	failure->error = errno;
	if (failure->rc)
		mqtt_fail(mqtt);
	else
		mqtt_enter(mqtt, UP, UPKEEP_MS);
}

static uint64_t mqtt_tick(struct transport *transport, uint64_t now)
{
	struct mqtt *mqtt = mqtt_of(transport);

	if (mqtt->broken)
		mqtt_fail(mqtt);
	if (mqtt->until && now >= mqtt->until)
		mqtt_late(mqtt);
	if (!mqtt->until)
		mqtt->until = now + mqtt->span;
	return mqtt->until;
}

static size_t mqtt_pending(const struct transport *transport)
{
	return ((const struct mqtt *)transport)->pending;
}

static void target_free(struct mqtt_target *target)
{
	free(target->cafile);
	free(target->cert);
	free(target->key);
	free(target->password_file);
}

/*
 * No DISCONNECT: it would tell the broker to forget the will, and who leaves
 * without saying so is better known to be gone.
 */
static void mqtt_close(struct transport *transport)
{
	struct mqtt *mqtt = mqtt_of(transport);

	/* Most threads end at once; none should while the process does */
	mqtt_attempt_wait(mqtt->attempt, CLOSE_MS);
	mqtt_attempt_end(mqtt->attempt);
	target_free(&mqtt->target);
	free(mqtt);
}

static const struct transport_kind mqtt_kind = {
	.close = mqtt_close,
	.publish = mqtt_publish,
	.listen_acks = mqtt_listen_acks,
	.fd = mqtt_fd,
	.handle = mqtt_handle,
	.tick = mqtt_tick,
	.pending = mqtt_pending,
};

/* Copies a path that was given; false: no memory */
static bool path_copy(char **to, const char *from)
{
	if (from && *from)
		*to = strdup(from);
	return !from || !*from || *to;
}

static int target_set(struct mqtt_target *target,
		      const struct transport_config *config, char *error)
{
	uint64_t random;
	int ret;

	ret = url_parse(config->url, &target->url, error);
	if (ret)
		return ret;
	if (!target->url.tls && !config->insecure && !url_is_local(&target->url))
		return transport_error(error, -EINVAL,
				       "mqtt:// has no TLS: use mqtts://, or give --insecure");
	if (strcmp(target->url.room, config->room) != 0)
		return transport_error(error, -EINVAL,
				       "the room's URL is for another room");
	if (e2ee_random(&random, sizeof(random)) ||
	    !path_copy(&target->cafile, config->cafile) ||
	    !path_copy(&target->cert, config->cert) ||
	    !path_copy(&target->key, config->key) ||
	    !path_copy(&target->password_file, config->password_file))
		return transport_error(error, -ENOMEM, "out of memory");
	if (target->password_file && !*target->url.user)
		return transport_error(error, -EINVAL,
				       "--password-file needs a user: write USER@%.80s in the room's URL",
				       target->url.host);
	snprintf(target->client, sizeof(target->client), "e2ee-%016llx",
		 (unsigned long long)random);
	topic_write(E2EE_TOPIC_KP, config->room, config->dev, target->will);
	return 0;
}

/* What cannot get better by trying again is said at once */
static int files_check(const struct mqtt_target *target, char *error)
{
	struct mqtt_failure failure;
	SSL_CTX *tls;

	if (target->password_file &&
	    mqtt_file_check("--password-file", target->password_file, true,
			    error))
		return -EACCES;
	if (!target->url.tls)
		return 0;
	tls = mqtt_tls_new(target, &failure, error);
	SSL_CTX_free(tls);
	return tls ? 0 : -EINVAL;
}

int mqtt_open(const struct transport_config *config,
	      struct transport **transport, char *error)
{
	struct mqtt *mqtt = calloc(1, sizeof(*mqtt));
	int ret;

	if (!mqtt)
		return transport_error(error, -ENOMEM, "out of memory");
	ret = target_set(&mqtt->target, config, error);
	if (!ret)
		ret = files_check(&mqtt->target, error);
	/* Never cleaned up: the thread of an attempt may outlive everything */
	if (!ret && mosquitto_lib_init())
		ret = transport_error(error, -ENOMEM, "out of memory");
	if (ret) {
		target_free(&mqtt->target);
		free(mqtt);
		return ret;
	}
	mqtt->transport.kind = &mqtt_kind;
	mqtt_enter(mqtt, WAITING, 0);
	*transport = &mqtt->transport;
	return 0;
}
