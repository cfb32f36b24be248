// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Words of a command line: numbers, addresses, keywords.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "e2eectl.h"

#define KEYWORDS_MAX	32

const char *args_peek(const struct args *args)
{
	return args->at < args->count ? args->words[args->at] : NULL;
}

const char *args_next(struct args *args)
{
	return args->at < args->count ? args->words[args->at++] : NULL;
}

int args_usage(const struct args *args, const char *format, ...)
{
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return app_error(args->app, EXIT_USAGE,
			 "%s: %s; see \"e2eectl help %s\"", args->command, text,
			 args->command);
}

int args_end(struct args *args)
{
	const char *word = args_next(args);

	if (!word)
		return EXIT_GOOD;
	return args_usage(args, "\"%s\" is not expected here", word);
}

/* No word may follow; then the module is needed */
int args_open(struct args *args)
{
	int ret = args_end(args);

	return ret ? ret : app_open(args->app);
}

int args_value(struct args *args, const char *name, const char **value)
{
	*value = args_next(args);
	if (*value && **value)
		return EXIT_GOOD;
	return args_usage(args, "%s is missing", name);
}

/* Decimal, or hexadecimal after 0x: no sign, no space, no octal */
bool parse_u64(const char *text, uint64_t *number)
{
	const char *digits = "0123456789abcdefABCDEF";
	uint64_t base = 10, sum = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (!*text)
		return false;
	for (; *text; text++) {
		const char *found = strchr(digits, *text);
		uint64_t digit;

		if (!found)
			return false;
		digit = (uint64_t)(found - digits);
		if (digit > 15)
			digit -= 6;
		if (digit >= base || sum > (UINT64_MAX - digit) / base)
			return false;
		sum = sum * base + digit;
	}
	*number = sum;
	return true;
}

int args_u64(struct args *args, const char *name, uint64_t min, uint64_t max,
	     uint64_t *number)
{
	const char *word;
	int ret;

	ret = args_value(args, name, &word);
	if (ret)
		return ret;
	if (parse_u64(word, number) && *number >= min && *number <= max)
		return EXIT_GOOD;
	return args_usage(args,
			  "%s has to be a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"",
			  name, min, max, word);
}

int args_u32(struct args *args, const char *name, uint32_t min, uint32_t max,
	     uint32_t *number)
{
	uint64_t wide = 0;
	int ret;

	ret = args_u64(args, name, min, max, &wide);
	*number = (uint32_t)wide;
	return ret;
}

/* The rest of the words: keywords in any order, each once */
int args_keywords(struct args *args, const struct keyword *keywords,
		  size_t count, void *object)
{
	bool seen[KEYWORDS_MAX] = { false };
	const char *word;

	while ((word = args_next(args))) {
		size_t i;
		int ret;

		for (i = 0; i < count; i++)
			if (!strcmp(keywords[i].name, word))
				break;
		if (i == count)
			return args_usage(args, "\"%s\" is not known", word);
		if (seen[i])
			return args_usage(args, "\"%s\" is given twice", word);
		seen[i] = true;
		ret = keywords[i].parse(args, keywords[i].name, object);
		if (ret)
			return ret;
	}
	return EXIT_GOOD;
}

int args_session(struct args *args, struct e2ee_session *session)
{
	const char *name;
	int ret;

	ret = args_value(args, "NAME", &name);
	if (ret)
		return ret;
	if (!e2ee_session_name_valid(name))
		return args_usage(args,
				  "\"%s\" is not a session name: use 1 to %d printable characters without space or slash",
				  name, E2EE_SESSION_NAME_MAX);
	snprintf(session->name, sizeof(session->name), "%s", name);
	session->has |= E2EE_HAS(E2EE_A_SESSION_NAME);
	return EXIT_GOOD;
}

bool parse_port(const char *text, uint16_t *port)
{
	uint64_t number;

	if (!parse_u64(text, &number) || !number || number > UINT16_MAX)
		return false;
	*port = (uint16_t)number;
	return true;
}

bool parse_addr(const char *text, struct e2ee_addr *addr)
{
	if (inet_pton(AF_INET, text, addr->addr) == 1)
		addr->len = 4;
	else if (inet_pton(AF_INET6, text, addr->addr) == 1)
		addr->len = 16;
	else
		return false;
	return true;
}

/* 192.0.2.1:5004 or [2001:db8::1]:5004 */
bool parse_addr_port(const char *text, struct e2ee_addr *addr)
{
	const char *colon = strrchr(text, ':');
	char ip[INET6_ADDRSTRLEN + 2];
	size_t len;

	if (!colon || !parse_port(colon + 1, &addr->port))
		return false;
	len = (size_t)(colon - text);
	if (!len || len >= sizeof(ip))
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (ip[0] != '[')
		return parse_addr(ip, addr) && addr->len == 4;
	if (ip[len - 1] != ']')
		return false;
	ip[len - 1] = '\0';
	return parse_addr(ip + 1, addr) && addr->len == 16;
}
