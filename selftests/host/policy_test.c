// SPDX-License-Identifier: GPL-2.0
/*
 * The two tables of kmod/policy.c, as overview.rst prints them. With an argument:
 * prints them for overview.rst.
 */
#include <stdarg.h>
#include <string.h>

#include "policy.h"
#include "tap.h"

#define BEGIN	".. policy begin\n"
#define END	".. policy end\n"

enum { COLUMNS = 5 };

static const int widths[COLUMNS] = { 26, 18, 16, 20, 11 };

static const char *const names[E2EE_FOUND_NUM] = {
	[E2EE_FOUND_OTHER] = "no media",
	[E2EE_FOUND_SRTP] = "DTLS that offers SRTP",
	[E2EE_FOUND_MALFORMED] = "neither, or malformed RTP",
	[E2EE_FOUND_CLEAR] = "media without a seal",
	[E2EE_FOUND_MEDIA] = "media, sealed or opened",
	[E2EE_FOUND_NO_KEY] = "media without a key",
	[E2EE_FOUND_SSRC] = "key of another SSRC",
	[E2EE_FOUND_EXPIRED] = "key past limit or lifetime",
	[E2EE_FOUND_TOO_BIG] = "sealed packet does not fit",
	[E2EE_FOUND_REPLAY] = "counter seen before",
	[E2EE_FOUND_FORGED] = "wrong tag",
	[E2EE_FOUND_FAILED] = "the cipher fails",
	[E2EE_FOUND_UNSEEN] = "no memory to look",
};

static const struct {
	int number;
	const char *name;
} stats[] = {
	{ E2EE_A_STAT_TX_OK, "tx_ok" }, { E2EE_A_STAT_TX_OTHER, "tx_other" },
	{ E2EE_A_STAT_TX_CLEAR, "tx_clear" }, { E2EE_A_STAT_TX_OFF, "tx_off" },
	{ E2EE_A_STAT_TX_SRTP, "tx_srtp" },
	{ E2EE_A_STAT_TX_MALFORMED, "tx_malformed" },
	{ E2EE_A_STAT_TX_NO_KEY, "tx_no_key" },
	{ E2EE_A_STAT_TX_KEY_EXPIRED, "tx_key_expired" },
	{ E2EE_A_STAT_TX_TOO_BIG, "tx_too_big" },
	{ E2EE_A_STAT_TX_FAILED, "tx_failed" },
	{ E2EE_A_STAT_TX_BLOCKED, "tx_blocked" },
	{ E2EE_A_STAT_RX_OK, "rx_ok" }, { E2EE_A_STAT_RX_OTHER, "rx_other" },
	{ E2EE_A_STAT_RX_CLEAR, "rx_clear" }, { E2EE_A_STAT_RX_OFF, "rx_off" },
	{ E2EE_A_STAT_RX_CLEAR_DROPPED, "rx_clear_dropped" },
	{ E2EE_A_STAT_RX_MALFORMED, "rx_malformed" },
	{ E2EE_A_STAT_RX_NO_KEY, "rx_no_key" },
	{ E2EE_A_STAT_RX_SSRC, "rx_ssrc" },
	{ E2EE_A_STAT_RX_KEY_EXPIRED, "rx_key_expired" },
	{ E2EE_A_STAT_RX_REPLAY, "rx_replay" },
	{ E2EE_A_STAT_RX_AUTH_FAIL, "rx_auth_fail" },
	{ E2EE_A_STAT_RX_BUSY, "rx_busy" },
	{ E2EE_A_STAT_RX_BLOCKED, "rx_blocked" },
}, events[] = {
	{ E2EE_EVENT_KEY_MISSING, "key-missing" },
	{ E2EE_EVENT_AUTH_BURST, "auth-burst" },
	{ E2EE_EVENT_SRTP_SEEN, "srtp-seen" },
}, errors[] = {
	{ EPERM, "EPERM" }, { EIO, "EIO" }, { EBADMSG, "EBADMSG" },
	{ EMSGSIZE, "EMSGSIZE" }, { ENOBUFS, "ENOBUFS" }, { EPROTO, "EPROTO" },
	{ ENOKEY, "ENOKEY" }, { EKEYEXPIRED, "EKEYEXPIRED" },
};

#define NAME(table, number)	name_of(table, sizeof(table) / sizeof(*(table)), number)

static const char *name_of(const void *table, size_t num, int number)
{
	const typeof(stats[0]) *entry = table;

	for (; num; num--, entry++)
		if (entry->number == number)
			return entry->name;
	return "?";
}

/* what a table prints */
struct text {
	char at[20000];
	size_t len;
};

static void __attribute__((format(printf, 2, 3)))
print(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text->len += (size_t)vsnprintf(text->at + text->len,
				       sizeof(text->at) - text->len, format,
				       args);
	va_end(args);
}

static void print_cell(struct text *text, int column, const char *cell)
{
	print(text, "%-*s%s", widths[column], cell,
	      column < COLUMNS - 1 ? "  " : "");
}

static void print_line(struct text *text, const char *const cells[COLUMNS])
{
	int column;

	for (column = 0; column < COLUMNS; column++)
		print_cell(text, column, cells[column]);
	while (text->at[text->len - 1] == ' ')
		text->len--;
	print(text, "\n");
}

static void print_ruler(struct text *text)
{
	static const char ruler[] = "==========================";
	const char *cells[COLUMNS];
	int column;

	for (column = 0; column < COLUMNS; column++)
		cells[column] = ruler + sizeof(ruler) - 1 - widths[column];
	print_line(text, cells);
}

static void print_rule(struct text *text, const char *found,
		       const char *policies, const struct e2ee_rule *rule,
		       bool tx)
{
	const char *cells[COLUMNS] = {
		found, policies, NAME(stats, rule->verdict), "goes on",
		rule->event ? NAME(events, rule->event) : "",
	};
	char fate[40];

	if (rule->err) {
		cells[3] = fate;
		snprintf(fate, sizeof(fate), "dropped%s%s%s", tx ? ", " : "",
			 tx ? NAME(errors, -rule->err) : "",
			 rule->told ? "!" : "");
	}
	print_line(text, cells);
}

static bool is_same(const struct e2ee_rule *a, const struct e2ee_rule *b)
{
	return a->verdict == b->verdict && a->err == b->err &&
	       a->event == b->event && a->told == b->told;
}

static void print_row(struct text *text, const char *found,
		      const struct e2ee_rule *row, bool tx)
{
	const struct e2ee_rule *required = &row[E2EE_POLICY_REQUIRED];
	const struct e2ee_rule *optional = &row[E2EE_POLICY_OPTIONAL];
	const struct e2ee_rule *blocked = &row[E2EE_POLICY_BLOCKED];

	if (is_same(required, optional) && is_same(required, blocked)) {
		print_rule(text, found, "all", required, tx);
		return;
	}
	if (is_same(required, optional)) {
		print_rule(text, found, "required, optional", required, tx);
	} else {
		print_rule(text, found, "required", required, tx);
		print_rule(text, "\\", "optional", optional, tx);
	}
	print_rule(text, "\\", "blocked", blocked, tx);
}

static void print_table(struct text *text, bool tx)
{
	const char *const heads[COLUMNS] = {
		tx ? "sent" : "received", "policy", "verdict", "fate", "event",
	};
	const struct e2ee_rule *row;
	int found;

	print_ruler(text);
	print_line(text, heads);
	print_ruler(text);
	for (found = 0; found < E2EE_FOUND_NUM; found++) {
		row = tx ? e2ee_policy_tx[found] : e2ee_policy_rx[found];
		if (row[E2EE_POLICY_REQUIRED].verdict)
			print_row(text, names[found], row, tx);
	}
	print_ruler(text);
}

/* no row leaves a policy out, and "off" looks at nothing */
static bool is_whole(const struct e2ee_rule row[E2EE_POLICY_NUM], int off)
{
	int policy;

	for (policy = 0; policy < E2EE_POLICY_NUM; policy++)
		if (!row[policy].verdict)
			return false;
	return row[E2EE_POLICY_OFF].verdict == off && !row[E2EE_POLICY_OFF].err;
}

static char *documented(void)
{
	static char text[100000];
	FILE *file = fopen(OVERVIEW, "r");
	char *begin, *end;
	size_t len;

	if (!file)
		return "";
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	begin = strstr(text, BEGIN);
	end = begin ? strstr(begin, END) : NULL;
	if (!end)
		return "";
	*end = '\0';
	return begin + strlen(BEGIN);
}

static struct text tables;

static void rows_name_each_policy(void)
{
	int found;

	for (found = 0; found < E2EE_FOUND_NUM; found++) {
		if (e2ee_policy_tx[found][0].verdict)
			EXPECT(is_whole(e2ee_policy_tx[found],
					E2EE_A_STAT_TX_OFF));
		if (e2ee_policy_rx[found][0].verdict)
			EXPECT(is_whole(e2ee_policy_rx[found],
					E2EE_A_STAT_RX_OFF));
	}
}

static void documentation_prints_them(void)
{
	EXPECT(!strchr(tables.at, '?'));
	EXPECT(!strcmp(tables.at, documented()));
}

int main(int argc, char **argv)
{
	(void)argv;
	print(&tables, "\n");
	print_table(&tables, true);
	print(&tables, "\n");
	print_table(&tables, false);
	print(&tables, "\n");
	if (argc > 1) {
		fputs(tables.at, stdout);
		return 0;
	}
	tap_start();
	TAP_RUN(rows_name_each_policy);
	TAP_RUN(documentation_prints_them);
	return tap_end();
}
