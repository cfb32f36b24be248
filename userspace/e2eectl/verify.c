// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Verification by people: all see the same seven pictures, or somebody is in
 * between.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "e2eectl.h"

#define POLL_NS		300000000L
#define PATIENCE	20		/* seconds; a run takes two, or ends at ten */
#define LINE_LEN	4096
#define CODE_LEN	14		/* 1234-5678-9012 */

/* What people are to compare. Returns the answer to them: an exit code */
static void code_show(struct app *app, struct json_object *sas)
{
	struct json_object *emoji = json_list(sas, "emoji");
	size_t count = emoji ? json_object_array_length(emoji) : 0, i;

	if (app->out.json) {
		puts(json_object_to_json_string_ext(sas,
						    JSON_C_TO_STRING_PLAIN));
		return;
	}
	for (i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(emoji, i);

		printf("%s%s %s", i ? "  " : "", json_text(one, "emoji"),
		       json_text(one, "word"));
	}
	printf("\n%s\n", json_text(sas, "code"));
	fflush(stdout);
}

static void pause_short(void)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	nanosleep(&pause, NULL);
}

/* Says once for whom it waits. Returns the part "sas", or NULL and a code */
static struct json_object *code_wait(struct app *app, int *code)
{
	char told[256] = "";
	int left;

	for (left = PATIENCE * 1000; left > 0; left -= POLL_NS / 1000000) {
		struct json_object *room = room_status(app, code), *sas = NULL;
		const char *state, *whom;

		if (!room)
			return NULL;
		if (json_object_object_get_ex(room, "sas", &sas))
			json_object_get(sas);
		json_object_put(room);
		state = json_text(sas, "state");
		if (strcmp(state, "waiting") != 0)
			return sas;
		whom = json_text(sas, "waiting");
		if (*whom && strcmp(told, whom) != 0)
			fprintf(stderr, "waiting for %s\n", whom);
		snprintf(told, sizeof(told), "%s", whom);
		json_object_put(sas);
		pause_short();
	}
	*code = app_error(app, EXIT_KERNEL, "cannot verify yet: waiting for %s",
			  told);
	return NULL;
}

static int answer_send(struct app *app, struct json_object *question)
{
	struct json_object *answer;
	int code;

	answer = room_ask(app, question, &code);
	json_object_put(answer);
	return code;
}

/* @code: that people compared; there may have been another one since */
static int verify_yes(struct app *app, struct json_object *devs,
		      const char *code)
{
	struct json_object *question = room_question("verify-yes");

	json_object_object_add(question, "code", json_object_new_string(code));
	json_object_object_add(question, "devs", devs);
	return answer_send(app, question);
}

/* Names of the line, or of all that are in the room if it says "all" */
static struct json_object *devs_read(struct app *app, char *line, int *code)
{
	struct json_object *devs = json_object_new_array(), *room, *members;
	char *word, *rest = line;
	size_t i;

	while ((word = strtok_r(rest, " ,\t\r\n", &rest)))
		json_object_array_add(devs, json_object_new_string(word));
	if (json_object_array_length(devs) != 1 ||
	    strcmp(json_object_get_string(json_object_array_get_idx(devs, 0)),
		   "all") != 0)
		return devs;
	json_object_put(devs);
	devs = json_object_new_array();
	room = room_status(app, code);
	members = json_list(room, "members");
	for (i = 0; members && i < json_object_array_length(members); i++) {
		struct json_object *member =
			json_object_array_get_idx(members, i);

		if (!json_flag(member, "self"))
			json_object_array_add(devs, json_object_new_string(
				json_text(member, "dev")));
	}
	json_object_put(room);
	return devs;
}

static bool line_ask(const char *question, char *line)
{
	fputs(question, stdout);
	fflush(stdout);
	return fgets(line, LINE_LEN, stdin);
}

/* Only those whose people read out the same are to be trusted from now on. */
static int people_ask(struct app *app, const char *sas_code)
{
	struct json_object *devs;
	char line[LINE_LEN];
	int code = EXIT_GOOD;

	do {
		if (!line_ask("Does everybody read out the same? (yes/no) ",
			      line))
			return EXIT_GOOD;
		line[strcspn(line, "\r\n")] = '\0';
	} while (strcmp(line, "yes") != 0 && strcmp(line, "no") != 0);
	if (!strcmp(line, "no"))
		return answer_send(app, room_question("verify-no"));
	if (!line_ask("Which devices? (names, or \"all\" for all that are in the room) ",
		      line))
		return EXIT_GOOD;
	devs = devs_read(app, line, &code);
	if (!json_object_array_length(devs)) {
		json_object_put(devs);
		return code ? code : app_error(app, EXIT_USAGE,
					       "no device was named, so nothing is pinned");
	}
	return verify_yes(app, devs, sas_code);
}

static int verify_run(struct app *app)
{
	struct json_object *sas;
	const char *state;
	int code;

	code = answer_send(app, room_question("verify"));
	if (code)
		return code;
	sas = code_wait(app, &code);
	if (!sas)
		return code;
	state = json_text(sas, "state");
	if (!strcmp(state, "failed")) {
		code = app_error(app, EXIT_KERNEL,
				 "verification failed: somebody is in the middle, or somebody said no; \"e2eectl room\" has the alarm; after \"e2eectl rekey\" you can try again");
	} else if (strcmp(state, "ready") != 0 && strcmp(state, "done") != 0) {
		code = app_error(app, EXIT_KERNEL,
				 "the verification ended without a code: try again");
	} else {
		code_show(app, sas);
		if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
			code = people_ask(app, json_text(sas, "code"));
	}
	json_object_put(sas);
	return code;
}

static int args_code(struct args *args, const char **code)
{
	int ret = args_value(args, "CODE", code);

	if (!ret && (strlen(*code) != CODE_LEN ||
		     strspn(*code, "0123456789-") != CODE_LEN))
		ret = args_usage(args,
				 "\"%s\" is not a code such as 1234-5678-9012, which \"e2eectl verify\" shows",
				 *code);
	return ret;
}

static int words_yes(struct args *args)
{
	struct json_object *devs;
	const char *code, *dev;
	int ret;

	ret = args_code(args, &code);
	if (ret)
		return ret;
	devs = json_object_new_array();
	do {
		ret = args_dev(args, &dev);
		if (ret) {
			json_object_put(devs);
			return ret;
		}
		json_object_array_add(devs, json_object_new_string(dev));
	} while (args_peek(args));
	return verify_yes(args->app, devs, code);
}

int cmd_verify(struct args *args)
{
	const char *word = args_next(args);
	int ret;

	if (!word)
		return verify_run(args->app);
	if (!strcmp(word, "yes"))
		return words_yes(args);
	if (strcmp(word, "no") != 0)
		return args_usage(args, "\"%s\" is neither yes nor no", word);
	ret = args_end(args);
	return ret ? ret : answer_send(args->app, room_question("verify-no"));
}
