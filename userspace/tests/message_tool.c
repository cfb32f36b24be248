// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The codec of the messages, for tests in other languages:
 *     message_tool samples	a line for each: its name, a colon, hex
 *     message_tool read	hex lines on stdin; for each "TYPE DEV", or
 *				"refused: REASON" or "too long: REASON"
 */
#include <errno.h>

#include <openssl/crypto.h>

#include "message_samples.h"

#define LINE_MAX_LEN	(4 * 1024 * 1024)

static void show(const struct e2ee_message *msg)
{
	size_t i;

	for (i = 0; i < msg->len; i++)
		printf("%02x", msg->raw[i]);
	putchar('\n');
}

static int samples(void)
{
	const uint8_t *seed = pattern(SAMPLE_SEED, E2EE_SEED_LEN);
	struct e2ee_message draft, *msg;
	size_t i;

	for (i = 0; i < SAMPLES; i++) {
		const char *name = sample(i, &draft);

		if (e2ee_message_seal(&draft, SAMPLE_ROOM, seed, &msg))
			return 1;
		sample_free(&draft);
		printf("%s:", name);
		show(msg);
		e2ee_message_put(msg);
	}
	return 0;
}

static size_t unhex(char *line, uint8_t *out)
{
	size_t len;

	line[strcspn(line, "\n")] = '\0';
	if (*line && OPENSSL_hexstr2buf_ex(out, LINE_MAX_LEN / 2, &len, line,
					   '\0') != 1)
		abort();
	return *line ? len : 0;
}

/* Each goes into memory of its own size: a byte read beyond it is an error */
static void read_one(char *line, uint8_t *bytes)
{
	const char *reason = "no reason";
	struct e2ee_message *msg;
	size_t len = unhex(line, bytes);
	uint8_t *exact = malloc(len ? len : 1);
	int ret;

	if (!exact)
		abort();
	memcpy(exact, bytes, len);
	ret = e2ee_message_decode(exact, len, &msg, &reason);
	free(exact);
	if (ret) {
		printf("%s: %s\n", ret == -EMSGSIZE ? "too long" :
		       ret == -EBADMSG ? "refused" : "error", reason);
		return;
	}
	printf("%s %s\n", e2ee_message_type_name(msg->type), msg->dev);
	e2ee_message_put(msg);
}

static int read_all(void)
{
	uint8_t *bytes = malloc(LINE_MAX_LEN / 2);
	char *line = malloc(LINE_MAX_LEN);

	if (!line || !bytes)
		abort();
	while (fgets(line, LINE_MAX_LEN, stdin))
		read_one(line, bytes);
	free(line);
	free(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "samples"))
		return samples();
	if (argc == 2 && !strcmp(argv[1], "read"))
		return read_all();
	fprintf(stderr, "usage: message_tool samples|read\n");
	return 1;
}
