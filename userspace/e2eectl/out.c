// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Output. Text is lines of "key value" pairs, JSON has the same keys with "_"
 * for "-". One call prints either.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2eectl.h"

static void json_push(struct out *out, const char *key,
		      struct json_object *new)
{
	if (out->depth == OUT_DEPTH || !new)
		abort();
	if (out->depth) {
		struct json_object *top = out->stack[out->depth - 1];

		if (json_object_is_type(top, json_type_array))
			json_object_array_add(top, new);
		else
			json_object_object_add(top, key, new);
	}
	out->stack[out->depth++] = new;
}

/* The outermost end prints all. */
static void json_pop(struct out *out)
{
	struct json_object *top = out->stack[--out->depth];

	if (out->depth)
		return;
	puts(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PLAIN));
	json_object_put(top);
	fflush(stdout);
}

static void json_member(struct out *out, const char *key,
			struct json_object *value)
{
	char name[64];
	char *dash;

	snprintf(name, sizeof(name), "%s", key);
	while ((dash = strchr(name, '-')))
		*dash = '_';
	if (!value)
		abort();
	json_object_object_add(out->stack[out->depth - 1], name, value);
}

void out_list(struct out *out, const char *key)
{
	if (out->json)
		json_push(out, key, json_object_new_array());
	else if (key)
		out->indent += 2;
}

/* A nested list ends where its record goes on. */
void out_list_end(struct out *out)
{
	if (out->json)
		json_pop(out);
	else if (out->indent)
		out->indent -= 2;
}

static void text_end(struct out *out)
{
	if (out->begun)
		putchar('\n');
	out->begun = false;
}

static void text_word(struct out *out, const char *word)
{
	if (out->begun)
		putchar(' ');
	else
		printf("%*s", (int)out->indent, "");
	out->begun = true;
	fputs(word, stdout);
}

/* As a file of commands would hold it (lines.c): in quotes where it needs them */
static void text_quoted(struct out *out, const char *word)
{
	const char *quote = strchr(word, '"') ? "'" : "\"";
	char text[512];

	if (!word[strcspn(word, " \t\r\n#'\"\\")]) {
		text_word(out, word);
		return;
	}
	if (strchr(word, *quote) || strchr(word, '\n'))
		out->unquotable = true;
	snprintf(text, sizeof(text), "%s%s%s", quote, word, quote);
	text_word(out, text);
}

void out_record(struct out *out)
{
	if (out->json)
		json_push(out, NULL, json_object_new_object());
	else
		text_end(out);
}

void out_record_end(struct out *out)
{
	if (out->json) {
		json_pop(out);
		return;
	}
	text_end(out);
	fflush(stdout);
}

/* Members of their own below the record: text gives them an indented line */
void out_group(struct out *out, const char *key)
{
	if (out->json) {
		json_push(out, key, json_object_new_object());
		return;
	}
	text_end(out);
	out->indent += 2;
	text_word(out, key);
}

void out_group_end(struct out *out)
{
	if (out->json) {
		json_pop(out);
		return;
	}
	text_end(out);
	out->indent -= 2;
}

void out_u64(struct out *out, const char *key, uint64_t value)
{
	char text[24];

	if (out->json) {
		json_member(out, key, json_object_new_uint64(value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64, value);
	text_word(out, key);
	text_word(out, text);
}

/* With another word in text than in JSON */
void out_str_as(struct out *out, const char *key, const char *label,
		const char *value)
{
	if (out->json) {
		json_member(out, key, json_object_new_string(value));
		return;
	}
	text_word(out, label);
	if (out->quoted)
		text_quoted(out, value);
	else
		text_word(out, value);
}

void out_str(struct out *out, const char *key, const char *value)
{
	out_str_as(out, key, key, value);
}

void out_flag(struct out *out, const char *key)
{
	if (out->json)
		json_member(out, key, json_object_new_boolean(true));
	else
		text_word(out, key);
}

void out_addr(struct out *out, const char *key, const struct e2ee_addr *addr,
	      bool with_port)
{
	char text[INET6_ADDRSTRLEN + 16], ip[INET6_ADDRSTRLEN] = "";

	inet_ntop(addr->len == 16 ? AF_INET6 : AF_INET, addr->addr, ip,
		  sizeof(ip));
	if (!with_port)
		snprintf(text, sizeof(text), "%s", ip);
	else if (addr->len == 16)
		snprintf(text, sizeof(text), "[%s]:%u", ip, addr->port);
	else
		snprintf(text, sizeof(text), "%s:%u", ip, addr->port);
	out_str(out, key, text);
}

void out_stats(struct out *out, const char *key, const struct e2ee_stats *stats,
	       bool zeros)
{
	bool any = zeros;
	uint32_t i;

	for (i = 0; i < E2EE_STAT_SLOTS; i++)
		any = any || stats->value[i];
	if (!any && !out->json)
		return;
	out_group(out, key);
	for (i = 0; i < E2EE_STAT_SLOTS; i++) {
		const char *name = e2ee_stat_name(i);

		if (name && (stats->has & E2EE_HAS(i)) &&
		    (zeros || stats->value[i]))
			out_u64(out, name, stats->value[i]);
	}
	out_group_end(out);
}
