// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket: requests and answers are JSON, one a line. It is for root
 * and the user that e2eed runs as.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "e2eed.h"

#define CLIENTS_MAX	8
#define REQUEST_MAX	32768		/* 256 names of devices fit */
#define RUN_FOLDER	"/run/e2ee"

struct client {
	struct control *control;
	struct loop_source source;
	char *answer;			/* not yet sent; NULL: none */
	size_t answer_len;
	size_t sent;
	size_t len;			/* of the request so far */
	bool watching;			/* wants events */
	bool busy;			/* its request is being answered */
	char request[REQUEST_MAX];
};

struct control {
	struct loop *loop;
	struct loop_source source;
	control_cb cb;
	void *arg;
	struct sockaddr_un path;
	struct client *clients[CLIENTS_MAX];
};

static void client_free(struct client *client)
{
	struct control *control = client->control;
	int fd = client->source.fd;
	size_t i;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i] == client)
			control->clients[i] = NULL;
	loop_watch(control->loop, &client->source, -1, 0);
	close(fd);
	free(client->answer);
	free(client);
}

/* The first object of a line, and nothing behind it but blanks */
static struct json_object *request_read(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *ask = NULL;
	size_t end;

	if (!tokener)
		return NULL;
	ask = json_tokener_parse_ex(tokener, text, (int)len);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	while (end < len && strchr(" \t\r", text[end]) && text[end])
		end++;
	if (end == len)
		return ask;
	json_object_put(ask);
	return NULL;
}

static bool request_is_watch(struct json_object *ask)
{
	struct json_object *word;

	return json_object_object_get_ex(ask, "do", &word) &&
	       json_object_is_type(word, json_type_string) &&
	       !strcmp(json_object_get_string(word), "watch");
}

/* A line of JSON: what the request answers, or why it could not be read */
static struct json_object *request_answer(struct client *client,
					  const char *text, size_t len)
{
	struct json_object *ask = request_read(text, len), *answer;
	struct control *control = client->control;

	if (!json_object_is_type(ask, json_type_object)) {
		answer = json_object_new_object();
		json_object_object_add(answer, "error",
				       json_object_new_string("a request is one line that holds a JSON object"));
	} else if (request_is_watch(ask)) {
		client->watching = true;
		answer = json_object_new_object();
		json_object_object_add(answer, "done",
				       json_object_new_boolean(true));
	} else {
		client->busy = true;
		answer = control->cb(control->arg, ask);
		client->busy = false;
	}
	json_object_put(ask);
	return answer;
}

/* The answer is the client's from now on, and waits to be sent. */
static bool client_give(struct client *client, struct json_object *answer)
{
	const char *json = NULL;

	if (answer)
		json = json_object_to_json_string_ext(answer,
						      JSON_C_TO_STRING_PLAIN);
	if (!json || asprintf(&client->answer, "%s\n", json) < 0)
		client->answer = NULL;
	client->sent = 0;
	client->answer_len = client->answer ? strlen(client->answer) : 0;
	json_object_put(answer);
	return client->answer;
}

/* Returns false if the client is to go */
static bool client_send(struct client *client)
{
	ssize_t sent;

	sent = send(client->source.fd, client->answer + client->sent,
		    client->answer_len - client->sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	if (sent > 0)
		client->sent += (size_t)sent;
	if (client->sent == client->answer_len) {
		free(client->answer);
		client->answer = NULL;
	}
	return !loop_watch(client->control->loop, &client->source,
			   client->source.fd,
			   client->answer ? EPOLLOUT : EPOLLIN);
}

/* One request at a time: the next is looked at when the answer is sent. */
static bool client_next(struct client *client)
{
	while (!client->answer) {
		char *end = memchr(client->request, '\n', client->len);
		size_t used;

		if (!end)
			return client->len < sizeof(client->request);
		used = (size_t)(end - client->request) + 1;
		if (!client_give(client, request_answer(client, client->request,
							used - 1)))
			return false;
		client->len -= used;
		memmove(client->request, end + 1, client->len);
		if (!client_send(client))
			return false;
	}
	return true;
}

static bool client_receive(struct client *client)
{
	ssize_t len;

	len = recv(client->source.fd, client->request + client->len,
		   sizeof(client->request) - client->len, MSG_DONTWAIT);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	client->len += (size_t)len;
	return len > 0;
}

static void client_ready(void *arg, uint32_t events)
{
	struct client *client = arg;
	bool stays;

	(void)events;
	stays = client->answer ? client_send(client) : client_receive(client);
	if (!stays || !client_next(client))
		client_free(client);
}

static bool peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (!peer.uid || peer.uid == geteuid());
}

static bool client_add(struct control *control, int fd)
{
	struct client *client;
	size_t i;

	for (i = 0; i < CLIENTS_MAX && control->clients[i]; i++)
		;
	if (i == CLIENTS_MAX || !peer_allowed(fd))
		return false;
	client = calloc(1, sizeof(*client));
	if (!client)
		return false;
	client->control = control;
	client->source = (struct loop_source){ client_ready, client, -1, 0 };
	if (loop_watch(control->loop, &client->source, fd, EPOLLIN)) {
		free(client);
		return false;
	}
	control->clients[i] = client;
	return true;
}

static void control_ready(void *arg, uint32_t events)
{
	struct control *control = arg;
	int fd;

	(void)events;
	fd = accept4(control->source.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0 && !client_add(control, fd))
		close(fd);
}

/* One that does not read fast enough misses some. */
static void client_event(struct client *client, const char *name,
			 const char *text)
{
	struct json_object *event = json_object_new_object();

	json_object_object_add(event, "event", json_object_new_string(name));
	json_object_object_add(event, "text", json_object_new_string(text));
	if (!client_give(client, event) || !client_send(client))
		client_free(client);
}

void control_event(struct control *control, const char *name, const char *text)
{
	size_t i;

	for (i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = control->clients[i];

		if (client && client->watching && !client->busy &&
		    !client->answer)
			client_event(client, name, text);
	}
}

static const char *run_folder(void)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");

	if (folder && *folder)
		return folder;
	/* systemd makes it otherwise */
	(void)mkdir(RUN_FOLDER, 0755);
	return RUN_FOLDER;
}

/* A socket that nobody listens to was left by one that died */
static int path_free(const struct sockaddr_un *path)
{
	struct stat st;
	int fd, ret;

	/* Other files refuse connections, too, and are none of ours */
	if (!lstat(path->sun_path, &st) && !S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)path, sizeof(*path)) ?
	      errno : 0;
	close(fd);
	if (!ret || ret == EAGAIN)
		return -EADDRINUSE;
	if (ret == ECONNREFUSED && unlink(path->sun_path))
		return -errno;
	return 0;
}

static int control_listen(struct control *control)
{
	mode_t mask;
	int fd, ret;

	ret = path_free(&control->path);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177);
	ret = bind(fd, (const struct sockaddr *)&control->path,
		   sizeof(control->path)) || listen(fd, CLIENTS_MAX) ?
	      -errno : 0;
	umask(mask);
	if (!ret)
		ret = loop_watch(control->loop, &control->source, fd, EPOLLIN);
	if (ret)
		close(fd);
	return ret;
}

int control_open(struct control **control, struct loop *loop, const char *room,
		 control_cb cb, void *arg, char *error)
{
	struct control *new = calloc(1, sizeof(*new));
	const char *folder = run_folder();
	int len, ret;

	if (!new)
		return -ENOMEM;
	new->loop = loop;
	new->cb = cb;
	new->arg = arg;
	new->source = (struct loop_source){ control_ready, new, -1, 0 };
	new->path.sun_family = AF_UNIX;
	len = snprintf(new->path.sun_path, sizeof(new->path.sun_path),
		       "%s/%s.sock", folder, room);
	ret = len > 0 && (size_t)len < sizeof(new->path.sun_path) ?
	      control_listen(new) : -ENAMETOOLONG;
	if (!ret) {
		*control = new;
		return 0;
	}
	if (ret == -EADDRINUSE)
		snprintf(error, E2EE_ERROR_LEN,
			 "room %s: another e2eed is running for it: stop it with \"e2eectl -r %s leave\"",
			 room, room);
	else
		snprintf(error, E2EE_ERROR_LEN,
			 "control socket %s/%s.sock: %s", folder, room,
			 strerror(-ret));
	free(new);
	return ret;
}

void control_close(struct control *control)
{
	int fd;
	size_t i;

	if (!control)
		return;
	for (i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i])
			client_free(control->clients[i]);
	fd = control->source.fd;
	loop_watch(control->loop, &control->source, -1, 0);
	close(fd);
	unlink(control->path.sun_path);
	free(control);
}
