// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions to e2eed, over its control socket: a line of JSON each way.
 */
#include <errno.h>
#include <glob.h>
#include <json-c/json.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "e2eectl.h"

#define RUN_FOLDER	"/run/e2ee"
#define ANSWER_SECONDS	10
#define NAMES_LEN	256

static const char *run_folder(void)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");

	return folder && *folder ? folder : RUN_FOLDER;
}

/* A descriptor, or a negative errno */
static int path_connect(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)&to, sizeof(to)))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

static int room_connect(struct app *app)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int len, fd;

	if (!strchr(app->room, '/') && !e2ee_name_valid(app->room))
		return -1 - app_error(app, EXIT_USAGE,
				      "\"%s\" is not a room name: use 1 to %d of A-Z a-z 0-9 . _ -",
				      app->room, E2EE_NAME_MAX);
	if (strchr(app->room, '/'))
		len = snprintf(path, sizeof(path), "%s", app->room);
	else
		len = snprintf(path, sizeof(path), "%s/%s.sock", run_folder(),
			       app->room);
	fd = len > 0 && (size_t)len < sizeof(path) ? path_connect(path) :
						     -ENAMETOOLONG;
	if (fd >= 0)
		return fd;
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return -1 - app_error(app, EXIT_KERNEL,
				      "no e2eed is running for room %s: start it with \"e2eectl join %s\"",
				      app->room, app->room);
	return -1 - app_error(app, EXIT_KERNEL, "e2eed of room %s: %s",
			      app->room,
			      fd == -EACCES ? "not permitted: run as root" :
					      strerror(-fd));
}

struct choice {
	int fd;				/* of the first one that answers */
	unsigned int count;
	bool forbidden;
	char names[NAMES_LEN];
};

static void choice_try(struct choice *choice, char *path)
{
	int fd = path_connect(path);
	size_t len = strlen(choice->names);
	char *name = basename(path);

	if (fd == -EACCES)
		choice->forbidden = true;
	if (fd < 0)
		return;
	snprintf(choice->names + len, NAMES_LEN - len, "%s%.*s",
		 len ? ", " : "", (int)(strlen(name) - strlen(".sock")), name);
	if (choice->count++)
		close(fd);
	else
		choice->fd = fd;
}

/* No -r: the only one that runs */
static int any_connect(struct app *app)
{
	struct choice choice = { .fd = -1 };
	char pattern[512];
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s/*.sock", run_folder());
	if (!glob(pattern, 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++)
			choice_try(&choice, found.gl_pathv[i]);
		globfree(&found);
	}
	if (choice.count == 1)
		return choice.fd;
	if (choice.count) {
		close(choice.fd);
		return -1 - app_error(app, EXIT_USAGE,
				      "e2eed is running for several rooms (%s): choose one with -r",
				      choice.names);
	}
	return -1 - app_error(app, EXIT_KERNEL, "%s",
			      choice.forbidden ?
			      "e2eed does not answer this user: run as root" :
			      "no e2eed is running: start one with \"e2eectl join ROOM\"");
}

static bool line_send(int fd, const char *text)
{
	size_t len = strlen(text), at = 0;

	while (at < len) {
		ssize_t n = send(fd, text + at, len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* NULL: the connection ended first, or was silent */
static struct json_object *line_receive(int fd)
{
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	struct json_object *answer = NULL;
	char *line = NULL;
	size_t size = 0;
	FILE *stream;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	stream = fdopen(dup(fd), "r");
	if (!stream)
		return NULL;
	if (getline(&line, &size, stream) > 0)
		answer = json_tokener_parse(line);
	free(line);
	fclose(stream);
	return answer;
}

static struct json_object *question_ask(int fd, struct json_object *question)
{
	const char *json;
	char *line;
	bool sent;

	json = json_object_to_json_string_ext(question, JSON_C_TO_STRING_PLAIN);
	if (!json || asprintf(&line, "%s\n", json) < 0)
		return NULL;
	sent = line_send(fd, line);
	free(line);
	return sent ? line_receive(fd) : NULL;
}

struct json_object *room_question(const char *word)
{
	struct json_object *question = json_object_new_object();

	json_object_object_add(question, "do", json_object_new_string(word));
	return question;
}

const char *json_text(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

bool json_flag(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) &&
	       json_object_get_boolean(value);
}

uint64_t json_number(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		return 0;
	return json_object_get_uint64(value);
}

struct json_object *json_list(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_array))
		return NULL;
	return value;
}

/* Takes the question. The answer is the caller's; NULL: code says why */
struct json_object *room_ask(struct app *app, struct json_object *question,
			     int *code)
{
	struct json_object *answer = NULL;
	int fd;

	*code = EXIT_GOOD;
	fd = app->room ? room_connect(app) : any_connect(app);
	if (fd >= 0) {
		answer = question_ask(fd, question);
		close(fd);
	} else {
		*code = -1 - fd;
	}
	json_object_put(question);
	if (fd < 0)
		return NULL;
	if (!answer) {
		*code = app_error(app, EXIT_KERNEL,
				  "e2eed gave no answer: its log says why");
	} else if (*json_text(answer, "error")) {
		*code = app_error(app, EXIT_KERNEL, "%s",
				  json_text(answer, "error"));
		json_object_put(answer);
		answer = NULL;
	}
	return answer;
}
