// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One attempt to connect to the broker: a thread for the part that blocks.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mqtt.h"

#define KEEPALIVE	10		/* seconds */
#define STACK		(256 * 1024)
#define PASSWORD_MAX	1024

enum {
	RUNNING,			/* the thread is */
	DONE,				/* it is not */
	ABANDONED,			/* it is, and frees the attempt */
};

static void attempt_free(struct mqtt_attempt *attempt)
{
	if (attempt->mosq)
		mosquitto_destroy(attempt->mosq);
	SSL_CTX_free(attempt->tls);
	if (attempt->ready >= 0)
		close(attempt->ready);
	free(attempt);
}

bool mqtt_attempt_done(struct mqtt_attempt *attempt)
{
	return atomic_load(&attempt->state) == DONE;
}

void mqtt_attempt_wait(struct mqtt_attempt *attempt, int span)
{
	struct pollfd ready = { .events = POLLIN };

	if (!attempt || mqtt_attempt_done(attempt))
		return;
	ready.fd = attempt->ready;
	(void)poll(&ready, 1, span);
}

void mqtt_attempt_end(struct mqtt_attempt *attempt)
{
	int running = RUNNING;
	pthread_t thread;

	if (!attempt)
		return;
	thread = attempt->thread;
	if (atomic_compare_exchange_strong(&attempt->state, &running,
					   ABANDONED)) {
		pthread_detach(thread);
		return;
	}
	/* OpenSSL must not be cleaned up before what it keeps for the thread */
	pthread_join(thread, NULL);
	attempt_free(attempt);
}

static void *attempt_run(void *arg)
{
	struct mqtt_attempt *attempt = arg;
	const uint64_t one = 1;
	int running = RUNNING;

	errno = 0;
	attempt->failure.rc =
		mosquitto_connect_bind(attempt->mosq, attempt->host,
				       attempt->port, KEEPALIVE,
				       attempt->only_ipv4 ? "0.0.0.0" : NULL);
	attempt->failure.error = errno;
	if (atomic_compare_exchange_strong(&attempt->state, &running, DONE))
		(void)!write(attempt->ready, &one, sizeof(one));
	else
		attempt_free(attempt);
	return NULL;
}

static int attempt_launch(struct mqtt_attempt *attempt)
{
	pthread_attr_t attr;
	int ret;

	ret = pthread_attr_init(&attr);
	if (ret)
		return -ret;
	pthread_attr_setstacksize(&attr, STACK);
	ret = pthread_create(&attempt->thread, &attr, attempt_run, attempt);
	pthread_attr_destroy(&attr);
	return -ret;
}

/* The first line of the file: a broker would call half of one a wrong password */
static int password_read(const char *path, char *password, char *error)
{
	size_t len = 0;
	FILE *file;
	int ret;

	ret = mqtt_file_check("--password-file", path, true, error);
	if (ret)
		return ret;
	file = fopen(path, "re");
	if (file) {
		setvbuf(file, NULL, _IONBF, 0);
		if (fgets(password, PASSWORD_MAX, file))
			len = strlen(password);
	}
	if (!file || ferror(file))
		ret = transport_error(error, -errno, "--password-file %s: %s",
				      path, strerror(errno));
	else if (len == PASSWORD_MAX - 1)
		ret = transport_error(error, -EFBIG,
				      "--password-file %s: its first line is too long",
				      path);
	password[strcspn(password, "\r\n")] = '\0';
	if (!ret && !*password)
		ret = transport_error(error, -ENODATA,
				      "--password-file %s: its first line is empty: it has to be the password",
				      path);
	if (file)
		fclose(file);
	return ret;
}

static int password_set(struct mqtt_attempt *attempt,
			const struct mqtt_target *target, char *error)
{
	char password[PASSWORD_MAX] = "";
	int ret = 0;

	if (!*target->url.user)
		return 0;
	if (target->password_file)
		ret = password_read(target->password_file, password, error);
	if (ret) {
		OPENSSL_cleanse(password, sizeof(password));
		return ret;
	}
	ret = mosquitto_username_pw_set(attempt->mosq, target->url.user,
					target->password_file ? password :
					NULL);
	OPENSSL_cleanse(password, sizeof(password));
	return ret ? transport_error(error, -ENOMEM, "out of memory") : 0;
}

/* OpenSSL's errors come as lines of libmosquitto's log only */
static void on_log(struct mosquitto *mosq, void *arg, int level,
		   const char *line)
{
	struct mqtt_attempt *attempt = arg;
	const char *words = strrchr(line, ':');

	(void)mosq;
	(void)level;
	/* The end of a connection is none of TLS, whatever OpenSSL thinks */
	if (words && !strncmp(line, "OpenSSL Error", 13) &&
	    !strstr(words, "unexpected eof") && !*attempt->failure.tls)
		snprintf(attempt->failure.tls, sizeof(attempt->failure.tls),
			 "%s", words + 1);
}

static int attempt_prepare(struct mqtt_attempt *attempt,
			   const struct mqtt_target *target, char *error)
{
	struct mosquitto *mosq;

	mosq = mosquitto_new(target->client, true, attempt);
	attempt->mosq = mosq;
	attempt->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!mosq || attempt->ready < 0 ||
	    mosquitto_will_set(mosq, target->will, 0, NULL, 1,
			       !attempt->plain))
		return transport_error(error, -ENOMEM, "out of memory");
	mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_log_callback_set(mosq, on_log);
	if (target->url.tls) {
		attempt->tls = mqtt_tls_new(target, &attempt->failure, error);
		if (!attempt->tls)
			return -EINVAL;
		mosquitto_int_option(mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
		mosquitto_void_option(mosq, MOSQ_OPT_SSL_CTX, attempt->tls);
	}
	return password_set(attempt, target, error);
}

struct mqtt_attempt *mqtt_attempt_start(const struct mqtt_target *target,
					void *owner, bool only_ipv4,
					bool plain,
					void (*setup)(struct mosquitto *mosq),
					char *error)
{
	struct mqtt_attempt *attempt = calloc(1, sizeof(*attempt));

	if (!attempt) {
		transport_error(error, -ENOMEM, "out of memory");
		return NULL;
	}
	attempt->owner = owner;
	attempt->only_ipv4 = only_ipv4;
	attempt->plain = plain;
	attempt->port = target->url.port;
	attempt->ready = -1;
	memcpy(attempt->host, target->url.host, sizeof(attempt->host));
	if (attempt_prepare(attempt, target, error))
		goto free;
	setup(attempt->mosq);
	if (attempt_launch(attempt)) {
		transport_error(error, -EAGAIN, "cannot start a thread");
		goto free;
	}
	return attempt;

free:
	attempt_free(attempt);
	return NULL;
}
