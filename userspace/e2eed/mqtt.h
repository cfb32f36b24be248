/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the MQTT transport share: attempts to connect, TLS, and
 * words for what went wrong.
 */
#ifndef E2EED_MQTT_H
#define E2EED_MQTT_H

#include <mosquitto.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "transport_kind.h"

/**
 * struct mqtt_target - where to, and as whom
 * @url: of the room
 * @cafile: this and the next ones: paths, allocated, NULL if not given
 * @client: id towards the broker, random
 * @will: topic that the broker empties when this device is gone
 */
struct mqtt_target {
	struct url url;
	char *cafile;
	char *cert;
	char *key;
	char *password_file;
	char client[32];
	char will[TOPIC_MAX];
};

/**
 * struct mqtt_failure - what is known of a failure
 * @rc: libmosquitto's number
 * @error: errno, or that of getaddrinfo() if @rc is MOSQ_ERR_EAI
 * @verify: X509_V_ERR_… of the broker's certificate
 * @connack: its answer to CONNECT
 * @denied: it refused a subscription
 * @late: nothing happened in time
 * @greeted: TCP stood
 * @up: all stood
 * @plain: the next attempt does without retained messages
 * @unheard: this device said something, and nothing came back
 * @tls: OpenSSL's words; ""
 */
struct mqtt_failure {
	int rc;
	int error;
	int verify;
	int connack;
	bool denied;
	bool late;
	bool greeted;
	bool up;
	bool plain;
	bool unheard;
	char tls[96];
};

/* mqtt_error.c: one line with the cause and what helps */
void mqtt_explain(const struct mqtt_target *target,
		  const struct mqtt_failure *failure, char *text);

/* mqtt_tls.c: NULL: @error says why. @failure: gets @verify later on */
SSL_CTX *mqtt_tls_new(const struct mqtt_target *target,
		      struct mqtt_failure *failure, char *error);
/* @error if the file is not there, or others may read a @secret one */
int mqtt_file_check(const char *option, const char *path, bool secret,
		    char *error);

/**
 * struct mqtt_attempt - one connection, from the lookup of its name to its end
 * @mosq: of libmosquitto; the thread's alone until it is done
 * @tls: NULL without TLS
 * @failure: what is known of one
 * @owner: for the callbacks of libmosquitto
 * @host: copied, since the thread may outlive the transport
 * @port: of it
 * @only_ipv4: leave out addresses of IPv6
 * @plain: ask the broker to retain nothing, not even the will
 * @ready: eventfd: the thread is done
 * @state: who frees it: who comes second
 *
 * Looking up names and connecting to the first address that answers blocks for
 * as long as it likes, so it happens in a thread; all else in the loop's.
 */
struct mqtt_attempt {
	struct mosquitto *mosq;
	SSL_CTX *tls;
	struct mqtt_failure failure;
	void *owner;
	char host[URL_HOST_MAX + 1];
	uint16_t port;
	bool only_ipv4;
	bool plain;
	int ready;
	pthread_t thread;
	atomic_int state;
};

/* mqtt_attempt.c. NULL: @error says why */
struct mqtt_attempt *mqtt_attempt_start(const struct mqtt_target *target,
					void *owner, bool only_ipv4,
					bool plain,
					void (*setup)(struct mosquitto *mosq),
					char *error);
/* Its thread is; @ready says when to ask */
bool mqtt_attempt_done(struct mqtt_attempt *attempt);
/* Until it is, but no longer than @span milliseconds. NULL is fine */
void mqtt_attempt_wait(struct mqtt_attempt *attempt, int span);
/* Ends it in whatever state it is */
void mqtt_attempt_end(struct mqtt_attempt *attempt);

#endif /* E2EED_MQTT_H */
