// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The room in one look, as JSON for e2eectl and as a line for systemd.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "e2eed.h"

#define HEX_MAX		64

static void put(struct json_object *object, const char *key,
		struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static void put_text(struct json_object *object, const char *key,
		     const char *text)
{
	put(object, key, json_object_new_string(text ? text : ""));
}

static void put_flag(struct json_object *object, const char *key, bool flag)
{
	put(object, key, json_object_new_boolean(flag));
}

static void put_number(struct json_object *object, const char *key,
		       uint64_t number)
{
	put(object, key, json_object_new_uint64(number));
}

static void put_hex(struct json_object *object, const char *key,
		    const uint8_t *bytes, size_t len)
{
	char text[2 * HEX_MAX + 1];
	size_t i;

	for (i = 0; i < len && i < HEX_MAX; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	put_text(object, key, text);
}

static const char *state_name(enum e2ee_room_state state)
{
	switch (state) {
	case E2EE_ROOM_JOIN:
		return "joining";
	case E2EE_ROOM_MEMBER:
		return "member";
	case E2EE_ROOM_OWNER:
		return "owner";
	default:
		return "left";
	}
}

static const char *sas_name(enum e2ee_sas_state state)
{
	switch (state) {
	case E2EE_SAS_WAITING:
		return "waiting";
	case E2EE_SAS_READY:
		return "ready";
	case E2EE_SAS_DONE:
		return "done";
	case E2EE_SAS_FAILED:
		return "failed";
	default:
		return "none";
	}
}

static struct json_object *emoji_json(const uint8_t *numbers)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < E2EE_SAS_EMOJI; i++) {
		struct json_object *emoji = json_object_new_object();

		put_number(emoji, "number", numbers[i]);
		put_text(emoji, "emoji", e2ee_sas_emoji(numbers[i]));
		put_text(emoji, "word", e2ee_sas_word(numbers[i]));
		json_object_array_add(list, emoji);
	}
	return list;
}

static struct json_object *sas_json(const struct e2ee_room_status *room)
{
	struct json_object *sas = json_object_new_object();
	char code[64];

	put_text(sas, "state", sas_name(room->sas));
	put_text(sas, "waiting", room->sas_waiting);
	if (room->sas != E2EE_SAS_READY && room->sas != E2EE_SAS_DONE)
		return sas;
	snprintf(code, sizeof(code), "%u-%u-%u", room->numbers[0],
		 room->numbers[1], room->numbers[2]);
	put(sas, "emoji", emoji_json(room->emoji));
	put_text(sas, "code", code);
	return sas;
}

static struct json_object *member_json(const struct e2ee_room_member *member)
{
	struct json_object *object = json_object_new_object();
	char code[E2EE_CODE_LEN] = "";

	(void)e2ee_identity_code(member->dev, member->ik, code);
	put_text(object, "dev", member->dev);
	put_number(object, "leaf", member->leaf);
	put_flag(object, "self", member->self);
	put_flag(object, "owner", member->owner);
	put_flag(object, "verified", member->verified);
	put_text(object, "trust", e2ee_trust_kind_name(member->trust));
	put_flag(object, "acked", member->acked);
	put_text(object, "waiting", member->waiting);
	put_text(object, "fingerprint", code);
	return object;
}

static void put_members(struct json_object *object, const struct status *status)
{
	const struct e2ee_room_status *room = &status->room;
	struct json_object *members = json_object_new_array();
	struct json_object *alarms = json_object_new_array();
	size_t i;

	for (i = 0; i < room->count; i++)
		json_object_array_add(members, member_json(&room->members[i]));
	for (i = 0; i < room->alarm_count; i++)
		json_object_array_add(alarms,
				      json_object_new_string(room->alarms[i]));
	if (*status->alarm)
		json_object_array_add(alarms,
				      json_object_new_string(status->alarm));
	put(object, "members", members);
	put(object, "alarms", alarms);
}

static void put_outsider(const struct e2ee_room_outsider *outsider, void *arg)
{
	struct json_object *object = json_object_new_object();
	char code[E2EE_CODE_LEN] = "";

	(void)e2ee_identity_code(outsider->dev, outsider->ik, code);
	put_text(object, "dev", outsider->dev);
	put_hex(object, "key", outsider->ik, sizeof(outsider->ik));
	put_text(object, "trust", e2ee_trust_kind_name(outsider->trust));
	put_flag(object, "trusted", outsider->trusted);
	put_flag(object, "changed", outsider->changed);
	put_number(object, "here_ms", outsider->here);
	put_text(object, "fingerprint", code);
	json_object_array_add(arg, object);
}

static void put_outsiders(struct json_object *object,
			  const struct status *status)
{
	struct json_object *outsiders = json_object_new_array();

	if (status->counters)
		e2ee_room_outsiders(status->counters, loop_now(), put_outsider,
				    outsiders);
	put(object, "outsiders", outsiders);
}

static void put_counters(struct json_object *object,
			 const struct e2ee_room *room, uint64_t refused)
{
	struct json_object *counters = json_object_new_object();
	int i;

	for (i = 0; i < E2EE_ROOM_STATS; i++) {
		enum e2ee_room_stat stat = (enum e2ee_room_stat)i;

		put_number(counters, e2ee_room_stat_name(stat),
			   e2ee_room_stat(room, stat));
	}
	put_number(counters, "drop_transport", refused);
	put(object, "counters", counters);
}

static void put_epoch(struct json_object *object,
		      const struct e2ee_room_status *room)
{
	put_hex(object, "call", room->call, sizeof(room->call));
	put_number(object, "term", room->term);
	put_number(object, "seq", room->seq);
	put_hex(object, "t", room->t, sizeof(room->t));
	put_number(object, "epoch", room->epoch);
	put_number(object, "epoch_age_ms", room->epoch_age);
	put_number(object, "sending", room->sending);
	put_flag(object, "switched", room->switched);
	put_text(object, "policy", e2ee_policy_name(room->policy));
	put_text(object, "suite", e2ee_suite_name(room->suite));
	put_flag(object, "locked", room->locked);
	put_number(object, "banned", room->banned);
	put_number(object, "lost", room->lost);
}

struct json_object *status_json(const struct status *status)
{
	struct json_object *object = json_object_new_object();
	const struct e2ee_room_status *room = &status->room;

	put_text(object, "room", status->config->room);
	put_text(object, "dev", status->config->dev);
	put_text(object, "session", status->config->session);
	put_text(object, "state", state_name(room->state));
	put_text(object, "waiting", status->waiting);
	put_flag(object, "link", room->link);
	put_flag(object, "encrypted", room->encrypted);
	put_flag(object, "alone", room->count == 1);
	put_number(object, "since", (uint64_t)status->since);
	put_text(object, "stopped", room->stopped);
	put_text(object, "split", room->split);
	put_epoch(object, room);
	put(object, "sas", sas_json(room));
	put_members(object, status);
	put_outsiders(object, status);
	put_text(object, "trust_store", status->config->trust_store);
	if (status->counters)
		put_counters(object, status->counters, status->refused);
	return object;
}

void status_line(const struct status *status, char *text, size_t size)
{
	const struct e2ee_room_status *room = &status->room;

	if (status->waiting)
		snprintf(text, size, "%s", status->waiting);
	else if (*room->stopped)
		snprintf(text, size, "sending stopped: %s", room->stopped);
	else if (room->count == 1)
		snprintf(text, size, "alone in the room%s%s",
			 *room->split ? ", " : "", room->split);
	else if (!room->count)
		snprintf(text, size, "%s", state_name(room->state));
	else
		snprintf(text, size, "%s, %zu in the room, epoch %u%s%s",
			 room->encrypted ? "encrypted" : "not encrypted",
			 room->count, room->epoch, *room->split ? ", " : "",
			 room->split);
}
