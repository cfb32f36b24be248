// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the operator of an appliance wants of its room.
 */
#include <errno.h>
#include <json-c/json.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2eectl.h"

static void put(struct json_object *question, const char *key,
		const char *value)
{
	json_object_object_add(question, key, json_object_new_string(value));
}

/* Only owners decide; others can but ask them */
static int call_ask(struct args *args, struct json_object *question)
{
	struct app *app = args->app;
	struct json_object *answer;
	int code;

	answer = room_ask(app, question, &code);
	if (!answer)
		return code;
	if (json_flag(answer, "asked")) {
		out_record(&app->out);
		out_str(&app->out, "asked",
			"the owner, who does so if this device is among its admins");
		out_record_end(&app->out);
	}
	json_object_put(answer);
	return EXIT_GOOD;
}

static int call_word(struct args *args)
{
	int ret = args_end(args);

	return ret ? ret : call_ask(args, room_question(args->command));
}

int cmd_leave(struct args *args)
{
	return call_word(args);
}

int cmd_end(struct args *args)
{
	return call_word(args);
}

int cmd_lock(struct args *args)
{
	return call_word(args);
}

int cmd_unlock(struct args *args)
{
	return call_word(args);
}

int cmd_rekey(struct args *args)
{
	return call_word(args);
}

int args_dev(struct args *args, const char **dev)
{
	int ret = args_value(args, "DEV", dev);

	if (!ret && !e2ee_name_valid(*dev))
		ret = args_usage(args,
				 "\"%s\" is not a device name: use 1 to %d of A-Z a-z 0-9 . _ -",
				 *dev, E2EE_NAME_MAX);
	return ret;
}

static int call_dev(struct args *args)
{
	struct json_object *question;
	const char *dev;
	int ret;

	ret = args_dev(args, &dev);
	if (!ret)
		ret = args_end(args);
	if (ret)
		return ret;
	question = room_question(args->command);
	put(question, "dev", dev);
	return call_ask(args, question);
}

int cmd_kick(struct args *args)
{
	return call_dev(args);
}

int cmd_handover(struct args *args)
{
	return args_peek(args) ? call_dev(args) : call_word(args);
}

int cmd_policy(struct args *args)
{
	struct json_object *question;
	const char *name;
	int ret, policy;

	ret = args_value(args, "policy", &name);
	if (!ret)
		ret = args_end(args);
	if (ret)
		return ret;
	policy = e2ee_policy_value(name);
	if (policy < 0 || policy > E2EE_POLICY_OFF)
		return args_usage(args,
				  "policy has to be required, optional or off, not \"%s\"",
				  name);
	question = room_question("policy");
	put(question, "policy", name);
	return call_ask(args, question);
}

/* e2eed of a room is a unit of systemd, which also starts it again */
int cmd_join(struct args *args)
{
	char unit[E2EE_NAME_MAX + sizeof("e2eed@.service")];
	char *argv[] = { "systemctl", "start", unit, NULL };
	const char *room = args->app->room;
	int ret, status = 0;
	pid_t pid;

	ret = room ? EXIT_GOOD : args_value(args, "ROOM", &room);
	if (!ret)
		ret = args_end(args);
	if (ret)
		return ret;
	if (!e2ee_name_valid(room))
		return args_usage(args,
				  "\"%s\" is not a room name: use 1 to %d of A-Z a-z 0-9 . _ -",
				  room, E2EE_NAME_MAX);
	snprintf(unit, sizeof(unit), "e2eed@%s.service", room);
	ret = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (ret)
		return app_error(args->app, EXIT_USAGE,
				 "systemctl: %s; without systemd, run e2eed --config /etc/e2ee/%s.conf",
				 strerror(ret), room);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return EXIT_GOOD;
	return app_error(args->app, EXIT_USAGE,
			 "%s did not start: \"journalctl -u %s\" says why", unit, unit);
}
