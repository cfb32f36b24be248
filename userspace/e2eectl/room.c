// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A room in one look: am I encrypted, with whom, since when, verified or not,
 * whose key is missing and why.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "e2eectl.h"

#define TEXT_LEN	512

static void duration_text(uint64_t seconds, char *text, size_t size)
{
	if (seconds < 120)
		snprintf(text, size, "%" PRIu64 " s", seconds);
	else if (seconds < 7200)
		snprintf(text, size, "%" PRIu64 " min", seconds / 60);
	else
		snprintf(text, size, "%" PRIu64 " h %" PRIu64 " min",
			 seconds / 3600, seconds / 60 % 60);
}

/* Somebody whose key an operator, or people, vouched for */
static bool member_verified(struct json_object *member)
{
	const char *trust = json_text(member, "trust");

	return json_flag(member, "verified") || !strcmp(trust, "pinned") ||
	       !strcmp(trust, "verified");
}

struct others {
	size_t count;
	size_t unverified;
	char names[TEXT_LEN];		/* of those */
};

static void others_count(struct json_object *members, struct others *others)
{
	size_t count = members ? json_object_array_length(members) : 0, i;

	for (i = 0; i < count; i++) {
		struct json_object *member =
			json_object_array_get_idx(members, i);
		size_t len = strlen(others->names);

		if (json_flag(member, "self"))
			continue;
		others->count++;
		if (member_verified(member))
			continue;
		others->unverified++;
		snprintf(others->names + len, TEXT_LEN - len, " %s",
			 json_text(member, "dev"));
	}
}

/* Nobody is there to be encrypted with: that must not read as a success */
static void alone_line(const char *when, const char *age)
{
	printf("ALONE: no other device is in the call (its keys have been ready since %s, %s)\n",
	       when, age);
}

static void encrypted_line(struct json_object *room)
{
	struct others others = { .count = 0 };
	time_t since = (time_t)json_number(room, "since");
	char when[32] = "", age[32];
	struct tm tm;

	others_count(json_list(room, "members"), &others);
	if (since && localtime_r(&since, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	duration_text((uint64_t)(time(NULL) - since), age, sizeof(age));
	if (!others.count) {
		alone_line(when, age);
		return;
	}
	printf("encrypted with %zu other%s since %s (%s), ", others.count,
	       others.count == 1 ? "" : "s", when, age);
	if (!others.unverified)
		puts("all verified");
	else if (others.unverified == others.count)
		puts("nobody verified");
	else
		printf("verified except%s\n", others.names);
}

static void clear_line(struct json_object *room)
{
	const char *why = json_text(room, "waiting");

	if (!*why)
		why = json_text(room, "stopped");
	if (!*why && !strcmp(json_text(room, "policy"), "off") &&
	    json_number(room, "epoch"))
		why = "the policy is off";
	if (!*why)
		why = strcmp(json_text(room, "state"), "joining") == 0 ?
		      "no call yet, joining" : "no keys to send with yet";
	printf("NOT encrypted: %s\n", why);
}

static void epoch_line(struct json_object *room)
{
	char age[32];

	printf("  this device: %s, %s; session %s\n", json_text(room, "dev"),
	       json_text(room, "state"), json_text(room, "session"));
	if (!json_number(room, "epoch"))
		return;
	duration_text(json_number(room, "epoch_age_ms") / 1000, age,
		      sizeof(age));
	printf("  policy %s, %s%s\n", json_text(room, "policy"),
	       json_text(room, "suite"),
	       json_flag(room, "locked") ? ", locked" : "");
	printf("  epoch %" PRIu64 " for %s%s; call %.8s, term %" PRIu64
	       ", number %" PRIu64 "\n",
	       json_number(room, "epoch"), age,
	       json_flag(room, "switched") ? "" : ", not yet used to send",
	       json_text(room, "call"), json_number(room, "term"),
	       json_number(room, "seq"));
}

static void member_line(struct json_object *member)
{
	const char *waiting = json_text(member, "waiting");
	const char *trust = json_text(member, "trust");

	if (json_flag(member, "self"))
		return;
	printf("  %s:%s %s%s%s%s\n", json_text(member, "dev"),
	       json_flag(member, "owner") ? " owner," : "", trust,
	       member_verified(member) ? "" : ", not verified",
	       *waiting ? "; key missing: " : "", waiting);
}

static void member_lines(struct json_object *members)
{
	size_t count = members ? json_object_array_length(members) : 0, i;

	for (i = 0; i < count; i++)
		member_line(json_object_array_get_idx(members, i));
}

#define OUTSIDE_MS	15000		/* joining takes less */

static void trust_option(struct json_object *room, char *text, size_t size)
{
	const char *store = json_text(room, "trust_store");
	bool usual = !*store || !strcmp(store, E2EE_TRUST_FILE);

	snprintf(text, size, "%s%s", usual ? "" : " --trust-store ",
		 usual ? "" : store);
}

static void outsider_line(struct json_object *room,
			  struct json_object *outsider)
{
	const char *dev = json_text(outsider, "dev");
	char option[TEXT_LEN];

	trust_option(room, option, sizeof(option));
	if (json_flag(outsider, "changed"))
		printf("  %s is here with a different key or name than before, and is refused\n",
		       dev);
	else if (!json_flag(outsider, "trusted"))
		printf("  %s is here and is not trusted; to admit it: e2eectl trust add %s %s%s\n"
		       "    if its people read out the same \"e2eectl fingerprint\": %s\n",
		       dev, dev, json_text(outsider, "key"), option,
		       json_text(outsider, "fingerprint"));
	else if (json_number(outsider, "here_ms") >= OUTSIDE_MS)
		printf("  %s is here and is trusted, but is not in the call: does it trust %s? \"e2eectl room\" there says so\n",
		       dev, json_text(room, "dev"));
}

/* A stranger with this name? */
static bool outsider_claims(struct json_object *outsider, const char *dev)
{
	return !json_flag(outsider, "changed") &&
	       !json_flag(outsider, "trusted") &&
	       !strcmp(json_text(outsider, "dev"), dev);
}

/*
 * Strangers who claim one name: at most one of them tells the truth, and a command
 * that is there to be copied would as likely admit another one.
 */
static void claim_lines(struct json_object *room, struct json_object *outsiders,
			const char *dev)
{
	size_t count = json_object_array_length(outsiders), i;
	char option[TEXT_LEN];

	trust_option(room, option, sizeof(option));
	printf("  several devices here call themselves %s, but at most one of them is. Admit none of\n"
	       "    them before its people have read out \"e2eectl fingerprint\". The others have\n"
	       "    taken its name: rename them, or keep them away from the broker\n",
	       dev);
	for (i = 0; i < count; i++) {
		struct json_object *outsider =
			json_object_array_get_idx(outsiders, i);

		if (outsider_claims(outsider, dev))
			printf("    fingerprint %s\n      has the key %s\n",
			       json_text(outsider, "fingerprint"),
			       json_text(outsider, "key"));
	}
	printf("    to admit the right one: e2eectl trust add %s KEY%s\n", dev,
	       option);
}

static void outsider_lines(struct json_object *room)
{
	struct json_object *outsiders = json_list(room, "outsiders");
	size_t count = outsiders ? json_object_array_length(outsiders) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *outsider =
			json_object_array_get_idx(outsiders, i);
		const char *dev = json_text(outsider, "dev");
		size_t before = 0, others = 0;

		for (size_t k = 0; k < count; k++)
			if (k != i && outsider_claims(
				json_object_array_get_idx(outsiders, k), dev))
				*(k < i ? &before : &others) += 1;
		if (!outsider_claims(outsider, dev) || before + others == 0)
			outsider_line(room, outsider);
		else if (!before)
			claim_lines(room, outsiders, dev);
	}
}

static void alarm_lines(struct json_object *alarms)
{
	size_t count = alarms ? json_object_array_length(alarms) : 0, i;

	for (i = 0; i < count; i++)
		printf("  alarm: %s\n",
		       json_object_get_string(json_object_array_get_idx(alarms,
									i)));
}

static void sas_line(struct json_object *room)
{
	struct json_object *sas;
	const char *state;

	if (!json_object_object_get_ex(room, "sas", &sas))
		return;
	state = json_text(sas, "state");
	if (!strcmp(state, "waiting"))
		printf("  verification: waiting for %s\n",
		       json_text(sas, "waiting"));
	else if (!strcmp(state, "ready"))
		puts("  verification: compare the code: e2eectl verify");
	else if (!strcmp(state, "failed"))
		puts("  verification: failed, somebody is in the middle: see the alarms");
}

static void note_line(struct json_object *room, const char *key)
{
	if (*json_text(room, key))
		printf("  %s: %s\n", key, json_text(room, key));
}

static void room_text(struct json_object *room)
{
	printf("room %s: ", json_text(room, "room"));
	if (json_flag(room, "encrypted"))
		encrypted_line(room);
	else
		clear_line(room);
	epoch_line(room);
	member_lines(json_list(room, "members"));
	outsider_lines(room);
	/* Media may go on with the keys it has while something is waited for */
	if (json_flag(room, "encrypted"))
		note_line(room, "waiting");
	note_line(room, "stopped");
	note_line(room, "split");
	sas_line(room);
	alarm_lines(json_list(room, "alarms"));
}

/* The status, as e2eed tells it; NULL: code says why. To be put. */
struct json_object *room_status(struct app *app, int *code)
{
	struct json_object *answer, *room = NULL;

	answer = room_ask(app, room_question("room"), code);
	if (!answer)
		return NULL;
	if (json_object_object_get_ex(answer, "room", &room))
		json_object_get(room);
	else
		*code = app_error(app, EXIT_KERNEL,
				  "e2eed's answer is not understood: is it another version?");
	json_object_put(answer);
	return room;
}

int cmd_room(struct args *args)
{
	struct app *app = args->app;
	struct json_object *room;
	int ret;

	ret = args_end(args);
	if (ret)
		return ret;
	room = room_status(app, &ret);
	if (!room)
		return ret;
	if (app->out.json)
		puts(json_object_to_json_string_ext(room,
						    JSON_C_TO_STRING_PLAIN));
	else
		room_text(room);
	json_object_put(room);
	return EXIT_GOOD;
}
