// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Words for what keeps us from the broker: the cause, and what helps.
 */
#include <errno.h>
#include <netdb.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "mqtt.h"

__attribute__((format(printf, 2, 3)))
static void say(char *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, E2EE_ERROR_LEN, format, args);
	va_end(args);
}

static void explain_certificate(const char *host, int verify, char *text)
{
	switch (verify) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		say(text, "broker %.80s: its certificate is for another name: use that name in the room's URL, or give the broker a certificate for this one",
		    host);
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		say(text, "broker %.80s: its certificate is from a CA unknown here: give the certificate of that CA with --cafile",
		    host);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		say(text, "broker %.80s: its certificate is not valid today: renew it, or set this machine's clock",
		    host);
		break;
	default:
		say(text, "broker %.80s: its certificate is not good: %s", host,
		    X509_verify_cert_error_string(verify));
	}
}

static void explain_tls(const struct url *url, const char *words, char *text)
{
	if (strstr(words, "wrong version number") ||
	    strstr(words, "packet length too long") ||
	    strstr(words, "unexpected message"))
		say(text, "broker %.80s: no TLS on port %u: check the port, 8883 is usual",
		    url->host, url->port);
	else if (strstr(words, "certificate") || strstr(words, "unknown ca") ||
		 strstr(words, "handshake failure"))
		say(text, "broker %.80s does not accept this device's certificate (%.60s): check --cert and --key",
		    url->host, words);
	else
		say(text, "broker %.80s: TLS failed: %.80s", url->host, words);
}

static void explain_connack(const struct url *url, int connack, char *text)
{
	switch (connack) {
	case 1:
		say(text, "broker %.80s does not speak MQTT 3.1.1: use another one",
		    url->host);
		break;
	case 3:
		say(text, "broker %.80s says that it is out of service: look at its log",
		    url->host);
		break;
	case 4:
	case 5:
		if (*url->user)
			say(text, "broker %.80s does not let user %.60s in: check the name and --password-file",
			    url->host, url->user);
		else
			say(text, "broker %.80s lets nobody in without a name: give USER@ in the room's URL and --password-file, or --cert and --key",
			    url->host);
		break;
	default:
		say(text, "broker %.80s refuses this device: %s", url->host,
		    mosquitto_connack_string(connack));
	}
}

/* EPROTO is libmosquitto's word for whatever happens in TLS */
static bool is_end(int error)
{
	return error == EPROTO || error == EPIPE || error == ECONNRESET;
}

static void explain_system(const struct url *url, int error, char *text)
{
	if (error == ECONNREFUSED)
		say(text, "broker %.80s: nothing listens on port %u: is the broker running, and is the port right?",
		    url->host, url->port);
	else
		say(text, "broker %.80s, port %u: %s: check the network and the firewall",
		    url->host, url->port, strerror(error));
}

static void explain_end(const struct url *url,
			const struct mqtt_failure *failure, char *text)
{
	if (failure->late && failure->greeted)
		say(text, "broker %.80s: no answer on port %u: is an MQTT broker there, with TLS or without as the URL says?",
		    url->host, url->port);
	else if (failure->late)
		say(text, "broker %.80s cannot be reached on port %u: check the network and the firewall",
		    url->host, url->port);
	else if (failure->rc == MOSQ_ERR_KEEPALIVE)
		say(text, "broker %.80s has fallen silent: check the network",
		    url->host);
	else if (failure->greeted && !failure->up && url->tls)
		say(text, "broker %.80s closed the connection at once: is port %u the one with TLS, and does the broker want --cert and --key?",
		    url->host, url->port);
	else if (failure->greeted && !failure->up)
		say(text, "broker %.80s closed the connection at once: is port %u the one without TLS?",
		    url->host, url->port);
	else
		say(text, "broker %.80s closed the connection: look at its log",
		    url->host);
}

void mqtt_explain(const struct mqtt_target *target,
		  const struct mqtt_failure *failure, char *text)
{
	const struct url *url = &target->url;

	if (failure->verify)
		explain_certificate(url->host, failure->verify, text);
	else if (*failure->tls)
		explain_tls(url, failure->tls, text);
	else if (failure->connack)
		explain_connack(url, failure->connack, text);
	else if (failure->denied)
		say(text, "broker %.80s: not authorised: let %s%.60s read and write e2ee/1/%s/#",
		    url->host, *url->user ? "user " : "this device", url->user,
		    url->room);
	else if (failure->plain)
		say(text, "broker %.80s closed the connection without a reason: perhaps it takes no retained messages, so the next attempt does without them",
		    url->host);
	else if (failure->unheard && failure->rc == MOSQ_ERR_CONN_LOST)
		say(text, "broker %.80s closed the connection when this device published something: let %s%.60s read and write e2ee/1/%s/#",
		    url->host, *url->user ? "user " : "it", url->user,
		    url->room);
	else if (failure->rc == MOSQ_ERR_EAI)
		say(text, "broker %.80s: %s: check the name and the DNS",
		    url->host, gai_strerror(failure->error));
	else if (failure->rc == MOSQ_ERR_ERRNO && !failure->late &&
		 !is_end(failure->error))
		explain_system(url, failure->error, text);
	else
		explain_end(url, failure, text);
}
