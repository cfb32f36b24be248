// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Wrapping and key schedule, for tests in other languages. A command a line on
 * standard input, an answer a line; bytes are hex, none of them is "-".
 */
#include <inttypes.h>

#include <schedule.h>

#include "message_samples.h"

#define WORDS_MAX	10

struct buffer {
	uint8_t bytes[2048];
	size_t len;
};

/* The words of a command, as bytes too where they are hex */
static struct buffer data[WORDS_MAX];
static char *words[WORDS_MAX];

static struct e2ee_wrap_key *keys[E2EE_WRAP_SUITES];

static uint32_t number(size_t i)
{
	return (uint32_t)strtoul(words[i], NULL, 10);
}

static struct e2ee_bytes part(size_t i)
{
	return (struct e2ee_bytes){ data[i].bytes, data[i].len };
}

static void show(const uint8_t *bytes, size_t len)
{
	size_t i;

	if (!len)
		putchar('-');
	for (i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	putchar(' ');
}

static int do_key(void)
{
	uint8_t public[E2EE_WRAP_PUBLIC_MAX];
	uint32_t suite = number(1);
	size_t len;
	int ret;

	e2ee_wrap_key_free(keys[suite]);
	ret = e2ee_wrap_key_new(suite, &keys[suite], public, &len);
	if (!ret)
		show(public, len);
	return ret;
}

static int do_seal(void)
{
	const struct e2ee_bytes info = part(3), aad = part(4);
	struct e2ee_wrapped wrapped;
	int ret;

	ret = e2ee_wrap_seal(number(1), data[2].bytes, data[2].len, &info, &aad,
			     data[5].bytes, &wrapped);
	if (ret)
		return ret;
	show(wrapped.enc, wrapped.enc_len);
	show(wrapped.ct, wrapped.ct_len);
	return 0;
}

static int do_open(void)
{
	const struct e2ee_bytes info = part(2), aad = part(3);
	const struct e2ee_bytes enc = part(4), ct = part(5);
	uint8_t raw[E2EE_RAW_LEN];
	int ret;

	ret = e2ee_wrap_open(keys[number(1)], &info, &aad, &enc, &ct, raw);
	if (!ret)
		show(raw, sizeof(raw));
	return ret;
}

/* CALL TERM SEQ PREV OWNER, with the roster of EPOCH sample ROSTER */
static int do_info(void)
{
	uint8_t info[E2EE_WRAP_INFO_MAX];
	struct e2ee_message draft;
	size_t len;
	int ret;

	sample(2 + number(6), &draft);
	ret = e2ee_schedule_info(data[1].bytes, (uint16_t)number(2), number(3),
				 data[4].bytes, draft.epoch.roster,
				 draft.epoch.roster_count, (uint8_t)number(5),
				 info, &len);
	sample_free(&draft);
	if (!ret)
		show(info, len);
	return ret;
}

static int do_aad(void)
{
	uint8_t aad[E2EE_WRAP_AAD_LEN];

	e2ee_schedule_aad(data[1].bytes, data[2].bytes, aad);
	show(aad, sizeof(aad));
	return 0;
}

static int do_epoch(void)
{
	uint8_t secret[32], authenticator[32];
	int ret;

	ret = e2ee_schedule_secret(data[1].bytes, data[2].bytes, secret);
	if (!ret)
		ret = e2ee_schedule_authenticator(secret, data[1].bytes,
						  authenticator);
	show(secret, sizeof(secret));
	show(authenticator, sizeof(authenticator));
	return ret;
}

static int do_mac(void)
{
	uint8_t mac[32];
	int ret;

	ret = e2ee_schedule_mac(data[1].bytes, data[2].bytes, words[3], mac);
	show(mac, sizeof(mac));
	return ret;
}

/* SECRET LEAF DEV SESSION SUITE STREAM TERM SEQ */
static int do_stream(void)
{
	struct e2ee_key key = { .has = 0 };
	int ret;

	key.kid = e2ee_schedule_kid(number(6), (uint8_t)number(2),
				    (uint16_t)number(7), number(8));
	ret = e2ee_schedule_keys(data[1].bytes, (uint8_t)number(2), words[3],
				 data[4].bytes, number(5), &key, 1);
	printf("%" PRIu64 " ", key.kid);
	show(key.secret, key.secret_len);
	show(key.salt, sizeof(key.salt));
	return ret;
}

static int do_code(void)
{
	char text[E2EE_CODE_LEN];
	int ret;

	ret = e2ee_identity_code(words[1], data[2].bytes, text);
	printf("%s ", text);
	return ret;
}

static const struct {
	const char *name;
	int count;
	int (*run)(void);
} commands[] = {
	{ "key", 2, do_key },	   { "seal", 6, do_seal },
	{ "open", 6, do_open },	   { "info", 7, do_info },
	{ "aad", 3, do_aad },	   { "epoch", 3, do_epoch },
	{ "mac", 4, do_mac },	   { "stream", 9, do_stream },
	{ "code", 3, do_code },
};

static void unhex_word(const char *word, struct buffer *buffer)
{
	unsigned int byte;

	buffer->len = 0;
	while (buffer->len < sizeof(buffer->bytes) &&
	       sscanf(word + 2 * buffer->len, "%2x", &byte) == 1)
		buffer->bytes[buffer->len++] = (uint8_t)byte;
}

static int command_run(char *line)
{
	int count = 0;
	size_t i;
	char *at;

	for (at = strtok(line, " \n"); at && count < WORDS_MAX;
	     at = strtok(NULL, " \n")) {
		unhex_word(strcmp(at, "-") ? at : "", &data[count]);
		words[count++] = at;
	}
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (count == commands[i].count &&
		    !strcmp(words[0], commands[i].name))
			return commands[i].run();
	abort();
}

int main(void)
{
	char line[8192];
	size_t i;

	while (fgets(line, sizeof(line), stdin)) {
		int ret = command_run(line);

		printf("%d\n", ret);
		fflush(stdout);
	}
	for (i = 0; i < E2EE_WRAP_SUITES; i++)
		e2ee_wrap_key_free(keys[i]);
	return 0;
}
