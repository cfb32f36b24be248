// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket of e2eed, with clients that behave and such that do not.
 * The server has a thread of its own, as its process is another one's.
 */
#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "e2eed.h"
#include "folder.h"
#include "tap.h"

#define REQUEST_MAX	32768		/* those of control.c */
#define CLIENTS_MAX	8
#define BIG		(4 * 1024 * 1024)	/* more than a socket takes */
#define BIG_LINE	(BIG + sizeof("{\"big\":\"\"}\n") - 1)
#define NOBODY		65534

struct server {
	struct loop loop;
	struct control *control;
	struct loop_source orders;
	pthread_t thread;
	atomic_int asked;
	atomic_int told;
};

static char socket_path[PATH_LEN];

/* The server's side */

static struct json_object *big_answer(void)
{
	struct json_object *answer = json_object_new_object();
	char *text = malloc(BIG);

	if (!text)
		abort();
	memset(text, 'x', BIG);
	json_object_object_add(answer, "big",
			       json_object_new_string_len(text, BIG));
	free(text);
	return answer;
}

static struct json_object *on_ask(void *arg, struct json_object *ask)
{
	struct json_object *word, *number, *answer;
	struct server *server = arg;
	const char *text = "";

	server->asked++;
	if (json_object_object_get_ex(ask, "do", &word))
		text = json_object_get_string(word);
	if (!strcmp(text, "big"))
		return big_answer();
	if (!strcmp(text, "nothing"))
		return NULL;
	if (!strcmp(text, "event"))
		control_event(server->control, "inside", "");
	answer = json_object_new_object();
	if (json_object_object_get_ex(ask, "n", &number))
		json_object_object_add(answer, "n", json_object_get(number));
	return answer;
}

/* An order is an event for all, or the end */
static void on_order(void *arg, uint32_t events)
{
	struct server *server = arg;
	eventfd_t order = 0;

	(void)events;
	eventfd_read(server->orders.fd, &order);
	if (order > 1000) {
		server->loop.done = true;
		return;
	}
	control_event(server->control, "ping", "hello");
	server->told++;
}

static uint64_t on_tick(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
	return UINT64_MAX;
}

static void *serve(void *arg)
{
	struct server *server = arg;

	if (loop_run(&server->loop))
		abort();
	return NULL;
}

static void server_start(struct server *server)
{
	char error[E2EE_ERROR_LEN] = "";

	memset(server, 0, sizeof(*server));
	server->loop.tick = on_tick;
	server->orders = (struct loop_source){ on_order, server, -1, 0 };
	if (loop_open(&server->loop) ||
	    control_open(&server->control, &server->loop, "board", on_ask,
			 server, error) ||
	    loop_watch(&server->loop, &server->orders, eventfd(0, EFD_CLOEXEC),
		       EPOLLIN) ||
	    pthread_create(&server->thread, NULL, serve, server))
		abort();
}

static void server_order(struct server *server, eventfd_t order)
{
	if (eventfd_write(server->orders.fd, order))
		abort();
}

static void server_stop(struct server *server)
{
	server_order(server, 2000);
	pthread_join(server->thread, NULL);
	control_close(server->control);
	close(server->orders.fd);
	loop_close(&server->loop);
}

/* The clients' side: they wait two minutes at most */

static int client_new(void)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = 120 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(path.sun_path, socket_path, strlen(socket_path) + 1);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				 sizeof(patience)))
		abort();
	if (!connect(fd, (struct sockaddr *)&path, sizeof(path)))
		return fd;
	close(fd);
	return -1;
}

static void say_bytes(int fd, const char *text, size_t len)
{
	if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		printf("# %zu bytes could not be sent: %s\n", len,
		       strerror(errno));
}

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* One line without its end; NULL: it was closed */
static char *hear(int fd)
{
	static char line[BIG + 64];
	size_t len = 0;

	while (len < sizeof(line) - 1 && recv(fd, line + len, 1, 0) == 1)
		if (line[len++] == '\n') {
			line[len - 1] = '\0';
			return line;
		}
	return NULL;
}

/* A line of BIG_LINE bytes, and not one of what follows it */
static bool hears_big(int fd)
{
	static char line[BIG_LINE];
	size_t len = 0;
	ssize_t got;

	do {
		got = recv(fd, line + len, sizeof(line) - len, 0);
		len += got > 0 ? (size_t)got : 0;
	} while (got > 0 && len < sizeof(line));
	return len == sizeof(line) &&
	       memchr(line, '\n', len) == line + len - 1;
}

static bool hears(int fd, const char *want)
{
	const char *line = hear(fd);

	if (line && !strcmp(line, want))
		return true;
	printf("# heard %s, wanted %s\n", line ? line : "the end", want);
	return false;
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) <= 0 && errno != EAGAIN;
}

static const char no_object[] =
	"{\"error\":\"a request is one line that holds a JSON object\"}";

static void test_framing(void)
{
	int fd = client_new();

	say(fd, "{\"n\":1}\n");
	ok(hears(fd, "{\"n\":1}"), "framing: a line");
	say(fd, "{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n");
	ok(hears(fd, "{\"n\":2}") && hears(fd, "{\"n\":3}") &&
	   hears(fd, "{\"n\":4}"), "framing: three at once, in their order");
	for (const char *byte = "{\"n\": 5}\n"; *byte; byte++)
		say_bytes(fd, byte, 1);
	ok(hears(fd, "{\"n\":5}"), "framing: byte by byte");
	say(fd, "{\"n\":6}\n{\"n\"");
	ok(hears(fd, "{\"n\":6}"), "framing: one and a half");
	say(fd, ":7}\n");
	ok(hears(fd, "{\"n\":7}"), "framing: and the other half");
	say(fd, "{\"do\":\"nothing\"}\n");
	ok(is_closed(fd), "framing: without an answer it ends");
	close(fd);
	fd = client_new();
	say(fd, "{\"n\":8}\n");
	shutdown(fd, SHUT_WR);
	ok(hears(fd, "{\"n\":8}") && is_closed(fd),
	   "framing: who has said all is answered, too");
	close(fd);
}

static void test_junk(void)
{
	static const char *const junk[] = {
		"\n", " \n", "words\n", "[1]\n", "1\n", "\"text\"\n", "{\n",
		"{\"n\":1\n", "{\"n\":1}}\n", "{\"n\":1} {\"n\":2}\n",
		"{\"n\":1} words\n", "null\n", "{'n\n",
		"{\"n\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1\n",
	};
	int fd = client_new();

	for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
		say(fd, junk[i]);
		ok(hears(fd, no_object), "junk: %.*s",
		   (int)strcspn(junk[i], "\n"), junk[i]);
	}
	say_bytes(fd, "{\"n\":1}\0{\"n\":2}\n", 16);
	ok(hears(fd, no_object), "junk: a NUL");
	say(fd, "{\"n\":9} \t\r\n");
	ok(hears(fd, "{\"n\":9}"), "junk: blanks at the end are none");
	close(fd);
}

static void test_long(struct server *server)
{
	static char line[REQUEST_MAX + 1];
	int other = client_new(), fd = client_new();

	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"n\":1}", 7);
	line[REQUEST_MAX - 1] = '\n';
	say_bytes(fd, line, REQUEST_MAX);
	ok(hears(fd, "{\"n\":1}"), "long: %d bytes are a request", REQUEST_MAX);
	line[REQUEST_MAX - 1] = ' ';
	line[REQUEST_MAX] = '\n';
	server->asked = 0;
	say_bytes(fd, line, sizeof(line));
	ok(is_closed(fd) && !server->asked,
	   "long: a byte more is the end, and no request");
	say(other, "{\"n\":2}\n");
	ok(hears(other, "{\"n\":2}"), "long: of nobody else");
	close(fd);
	fd = client_new();
	say(fd, "{\"do\":\"big");
	close(fd);
	say(other, "{\"n\":3}\n");
	ok(hears(other, "{\"n\":3}"),
	   "partial: who goes in the midst of a word is forgotten");
	close(other);
}

static void test_many(void)
{
	int fds[CLIENTS_MAX + 1];

	for (int i = 0; i < CLIENTS_MAX; i++) {
		fds[i] = client_new();
		say(fds[i], "{\"n\":1}\n");
		if (!hears(fds[i], "{\"n\":1}"))
			ok(false, "many: client %d is not served", i);
	}
	fds[CLIENTS_MAX] = client_new();
	ok(is_closed(fds[CLIENTS_MAX]), "many: the %dth is turned away",
	   CLIENTS_MAX + 1);
	close(fds[CLIENTS_MAX]);
	for (int i = 0; i < CLIENTS_MAX; i++) {
		say(fds[i], "{\"n\":2}\n");
		if (!hears(fds[i], "{\"n\":2}"))
			ok(false, "many: client %d is served no more", i);
	}
	close(fds[3]);
	/* The server hears of it when it does */
	do {
		fds[3] = client_new();
		say(fds[3], "{\"n\":3}\n");
	} while (is_closed(fds[3]) && !close(fds[3]));
	ok(true, "many: where one went there is room");
	for (int i = 0; i < CLIENTS_MAX; i++)
		close(fds[i]);
}

static void test_slow(void)
{
	int slow = client_new(), other = client_new();
	size_t asked = 20, i;

	for (i = 0; i < asked; i++)
		say(slow, "{\"do\":\"big\"}\n");
	say(slow, "{\"n\":1}\n");
	for (i = 0; i < 100; i++) {
		say(other, "{\"n\":2}\n");
		if (!hears(other, "{\"n\":2}"))
			break;
	}
	ok(i == 100, "slow: who does not read keeps nobody waiting");
	for (i = 0; i < asked && hears_big(slow); i++)
		;
	ok(i == asked && hears(slow, "{\"n\":1}"),
	   "slow: when it reads, all is there, in its order");
	say(slow, "{\"do\":\"big\"}\n{\"do\":\"big\"}\n");
	close(slow);
	say(other, "{\"n\":3}\n");
	ok(hears(other, "{\"n\":3}"), "slow: it goes with half an answer unread");
	close(other);
}

static void test_watch(struct server *server)
{
	static const char ping[] = "{\"event\":\"ping\",\"text\":\"hello\"}";
	int watcher = client_new(), other = client_new();
	size_t i;

	say(watcher, "{\"do\":\"watch\"}\n");
	ok(hears(watcher, "{\"done\":true}"), "watch: taken");
	say(other, "{\"n\":1}\n");
	hear(other);
	server_order(server, 1);
	ok(hears(watcher, ping), "watch: an event");
	say(other, "{\"n\":2}\n");
	ok(hears(other, "{\"n\":2}"), "watch: others get none");
	say(watcher, "{\"do\":\"event\",\"n\":3}\n");
	ok(hears(watcher, "{\"n\":3}"),
	   "watch: an event while it is answered is not in its answer");
	say(watcher, "{\"do\":\"big\"}\n");
	server->told = 0;
	for (i = 0; i < 1000; i++)
		server_order(server, 1);
	say(other, "{\"n\":4}\n");
	ok(hears(other, "{\"n\":4}") && server->told,
	   "watch: events for one that does not read cost nobody anything");
	ok(hears_big(watcher), "watch: its answer is whole");
	say(watcher, "{\"n\":5}\n");
	for (i = 0; i < 1001 && !strcmp(hear(watcher) ?: "", ping); i++)
		;
	ok(i < 1001, "watch: events after it are whole lines, or missed");
	close(watcher);
	server_order(server, 1);
	say(other, "{\"n\":6}\n");
	ok(hears(other, "{\"n\":6}"), "watch: it goes");
	close(other);
}

/* As somebody else: what did it hear? */
static bool stranger_hears(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		int fd;

		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(2);
		fd = client_new();
		if (fd < 0)
			_exit(0);
		(void)!send(fd, "{\"n\":1}\n", 8, MSG_NOSIGNAL);
		_exit(hear(fd) ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

static void test_rights(struct server *server)
{
	ok(file_mode(socket_path) == 0600, "rights: mode %o",
	   file_mode(socket_path));
	server->asked = 0;
	if (chmod(folder, 0755))
		abort();
	ok(!stranger_hears() && !server->asked,
	   "rights: its mode keeps strangers out");
	if (chmod(socket_path, 0666))
		abort();
	ok(!stranger_hears() && !server->asked,
	   "rights: and where the mode does not, their user id does");
	if (chmod(socket_path, 0600))
		abort();
}

static int open_again(const char *room, char *error)
{
	struct loop loop = { .tick = on_tick };
	struct control *control;
	int ret;

	if (loop_open(&loop))
		abort();
	ret = control_open(&control, &loop, room, on_ask, NULL, error);
	if (!ret)
		control_close(control);
	loop_close(&loop);
	return ret;
}

static void test_path(struct server *server)
{
	struct sockaddr_un left = { .sun_family = AF_UNIX };
	char error[E2EE_ERROR_LEN] = "", name[129];
	struct stat st;
	int fd;

	ok(open_again("board", error) == -EADDRINUSE &&
	   strstr(error, "another e2eed is running for it"),
	   "path: in use: %s", error);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ok(open_again(name, error) == -ENAMETOOLONG, "path: too long: %s",
	   error);
	server_stop(server);
	ok(stat(socket_path, &st) && errno == ENOENT,
	   "path: the socket goes with its server");
	file_write(socket_path, "words", 0600);
	ok(open_again("board", error) < 0 && !stat(socket_path, &st) &&
	   S_ISREG(st.st_mode), "path: another file is left alone: %s", error);
	unlink(socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(left.sun_path, socket_path, strlen(socket_path) + 1);
	if (bind(fd, (struct sockaddr *)&left, sizeof(left)))
		abort();
	close(fd);
	ok(!open_again("board", error), "path: one left by the dead is replaced");
	setenv("RUNTIME_DIRECTORY", "/nowhere/at/all", 1);
	ok(open_again("board", error) == -ENOENT && strstr(error, "/nowhere"),
	   "path: no folder: %s", error);
}

int main(void)
{
	struct server server;

	if (geteuid()) {
		puts("1..0 # SKIP root is needed");
		return 4;
	}
	folder_new();
	folder_path(socket_path, "board.sock");
	setenv("RUNTIME_DIRECTORY", folder, 1);
	server_start(&server);
	test_framing();
	test_junk();
	test_long(&server);
	test_many();
	test_slow();
	test_watch(&server);
	test_rights(&server);
	test_path(&server);
	return tap_end();
}
