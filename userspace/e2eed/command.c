// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What e2eectl asks for: {"do": WORD, …} in, {"done": …} or {"error": …} out.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2eed.h"

#define ANSWER_TEXT	512

__attribute__((format(printf, 1, 2)))
static struct json_object *answer_error(const char *format, ...)
{
	struct json_object *answer = json_object_new_object();
	char text[ANSWER_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_object_object_add(answer, "error", json_object_new_string(text));
	return answer;
}

static struct json_object *answer_done(bool asked)
{
	struct json_object *answer = json_object_new_object();

	json_object_object_add(answer, "done", json_object_new_boolean(!asked));
	if (asked)
		json_object_object_add(answer, "asked",
				       json_object_new_boolean(true));
	return answer;
}

/* What the room said, in words */
static struct json_object *answer_of(int ret, const char *dev)
{
	switch (ret) {
	case 0:
		return answer_done(false);
	case -EPERM:
		/* Not ours to do: the owner was asked */
		return answer_done(true);
	case -ENOTCONN:
		return answer_error("this device is not in a call yet: \"e2eectl room\" says why");
	case -ENOENT:
		return answer_error("device \"%s\" is not in the room: \"e2eectl room\" lists those that are",
				    dev ? dev : "");
	case -EALREADY:
		return answer_error("these keys have had their one verification: run \"e2eectl rekey\", then \"e2eectl verify\"");
	case -EAGAIN:
		return answer_error("not ready: \"e2eectl verify\" says whom it waits for");
	default:
		return answer_error("the room refused: %s", strerror(-ret));
	}
}

static bool is_owner(const struct command_target *target)
{
	struct status *status = calloc(1, sizeof(*status));
	bool owner = false;

	if (status) {
		target->status(target->arg, status);
		owner = status->room.state == E2EE_ROOM_OWNER;
	}
	free(status);
	return owner;
}

/* What is the owner's to decide: others have asked it, if all went well */
static struct json_object *answer_by_owner(bool owner, int ret, const char *dev)
{
	return answer_of(!ret && !owner ? -EPERM : ret, dev);
}

static const char *ask_text(struct json_object *ask, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(ask, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

static const char *ask_dev(struct json_object *ask)
{
	const char *dev = ask_text(ask, "dev");

	return dev && e2ee_name_valid(dev) ? dev : NULL;
}

static struct json_object *do_leave(const struct command_target *target,
				    struct json_object *ask)
{
	(void)ask;
	target->leaving(target->arg);
	return answer_of(e2ee_room_leave(target->room, loop_now()), NULL);
}

static struct json_object *do_end(const struct command_target *target,
				  struct json_object *ask)
{
	int ret = e2ee_room_end(target->room, loop_now());

	(void)ask;
	if (ret == -EPERM)
		return answer_error("only the owner can end the call for all: \"e2eectl leave\" takes out this device alone");
	if (!ret)
		target->leaving(target->arg);
	return answer_of(ret, NULL);
}

static struct json_object *do_rekey(const struct command_target *target,
				    struct json_object *ask)
{
	(void)ask;
	return answer_of(e2ee_room_rekey(target->room, loop_now()), NULL);
}

static struct json_object *do_kick(const struct command_target *target,
				   struct json_object *ask)
{
	const char *dev = ask_dev(ask);
	bool owner = is_owner(target);
	int ret;

	if (!dev)
		return answer_error("kick: name the device to put out");
	ret = e2ee_room_kick(target->room, loop_now(), dev);
	if (ret == -EINVAL)
		return answer_error("%s is this device: use \"e2eectl leave\"", dev);
	return answer_by_owner(owner, ret, dev);
}

static struct json_object *lock(const struct command_target *target, bool lock)
{
	bool owner = is_owner(target);
	int ret = e2ee_room_lock(target->room, loop_now(), lock);

	return answer_by_owner(owner, ret, NULL);
}

static struct json_object *do_lock(const struct command_target *target,
				   struct json_object *ask)
{
	(void)ask;
	return lock(target, true);
}

static struct json_object *do_unlock(const struct command_target *target,
				     struct json_object *ask)
{
	(void)ask;
	return lock(target, false);
}

static struct json_object *do_handover(const struct command_target *target,
				       struct json_object *ask)
{
	const char *dev = ask_dev(ask);
	bool owner = is_owner(target);
	int ret;

	if (!dev && ask_text(ask, "dev"))
		return answer_error("handover: \"dev\" is not a device name");
	ret = e2ee_room_handover(target->room, loop_now(), dev);
	if (ret == -ENOENT && !dev)
		return answer_error("there is nobody to hand over to");
	return answer_by_owner(owner, ret, dev);
}

static struct json_object *do_policy(const struct command_target *target,
				     struct json_object *ask)
{
	const char *name = ask_text(ask, "policy");
	int policy = name ? e2ee_policy_value(name) : -EINVAL;
	bool owner = is_owner(target);
	int ret;

	if (policy < 0 || policy > E2EE_POLICY_OFF)
		return answer_error("policy has to be required, optional or off");
	ret = e2ee_room_policy(target->room, loop_now(), (uint32_t)policy);
	if (ret == -EINVAL)
		return answer_error("policy %s is weaker than this device's floor (--floor)", name);
	return answer_by_owner(owner, ret, NULL);
}

static struct json_object *do_verify(const struct command_target *target,
				     struct json_object *ask)
{
	(void)ask;
	return answer_of(e2ee_room_verify(target->room, loop_now()), NULL);
}

static struct json_object *do_verify_no(const struct command_target *target,
					struct json_object *ask)
{
	(void)ask;
	return answer_of(e2ee_room_verify_no(target->room), NULL);
}

/* Is what people read out what is shown? There may have been another run since */
static bool code_is_shown(const struct command_target *target, const char *code)
{
	struct status *status = calloc(1, sizeof(*status));
	char shown[64];
	bool is = false;

	if (status) {
		target->status(target->arg, status);
		snprintf(shown, sizeof(shown), "%u-%u-%u",
			 status->room.numbers[0], status->room.numbers[1],
			 status->room.numbers[2]);
		is = !strcmp(shown, code);
	}
	free(status);
	return is;
}

static struct json_object *do_verify_yes(const struct command_target *target,
					 struct json_object *ask)
{
	const char *devs[E2EE_ROOM_MEMBERS_MAX];
	const char *code = ask_text(ask, "code");
	struct json_object *list;
	size_t count, i;

	if (!code)
		return answer_error("verify yes: give the code that was compared");
	if (!code_is_shown(target, code))
		return answer_error("verify yes: %s is not the code that is shown now: compare again",
				    code);
	if (!json_object_object_get_ex(ask, "devs", &list) ||
	    !json_object_is_type(list, json_type_array) ||
	    !json_object_array_length(list) ||
	    json_object_array_length(list) > ARRAY_SIZE(devs))
		return answer_error("verify yes: name the devices whose people read out the same");
	count = json_object_array_length(list);
	for (i = 0; i < count; i++) {
		struct json_object *dev = json_object_array_get_idx(list, i);

		devs[i] = json_object_get_string(dev);
		if (!devs[i] || !e2ee_name_valid(devs[i]))
			return answer_error("verify yes: \"%s\" is not a device name",
					    devs[i] ? devs[i] : "");
	}
	return answer_of(e2ee_room_verify_yes(target->room, devs, count),
			 count == 1 ? devs[0] : "one of them");
}

static struct json_object *show_room(const struct command_target *target)
{
	struct status *status = calloc(1, sizeof(*status));
	struct json_object *answer = NULL;

	if (status) {
		target->status(target->arg, status);
		answer = json_object_new_object();
		json_object_object_add(answer, "room", status_json(status));
	}
	free(status);
	return answer;
}

static const struct {
	const char *word;
	struct json_object *(*run)(const struct command_target *target,
				   struct json_object *ask);
} commands[] = {
	{ "leave", do_leave },
	{ "end", do_end },
	{ "rekey", do_rekey },
	{ "kick", do_kick },
	{ "lock", do_lock },
	{ "unlock", do_unlock },
	{ "handover", do_handover },
	{ "policy", do_policy },
	{ "verify", do_verify },
	{ "verify-yes", do_verify_yes },
	{ "verify-no", do_verify_no },
};

struct json_object *command_run(const struct command_target *target,
				struct json_object *ask)
{
	const char *word = ask_text(ask, "do");
	size_t i;

	if (!word)
		return answer_error("a request is a JSON object with a member \"do\"");
	if (!strcmp(word, "room"))
		return show_room(target);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].word, word))
			break;
	if (i == ARRAY_SIZE(commands))
		return answer_error("request \"%s\" is not known", word);
	/* Before there is a room, leaving is all that makes sense */
	if (!target->room && commands[i].run == do_leave) {
		target->leaving(target->arg);
		return answer_done(false);
	}
	if (!target->room)
		return answer_of(-ENOTCONN, NULL);
	return commands[i].run(target, ask);
}
