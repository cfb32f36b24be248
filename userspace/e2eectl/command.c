// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of commands: it finds a command by its name, and prints the help.
 */
#include <stdio.h>
#include <string.h>

#include "e2eectl.h"

static int cmd_help(struct args *args);

static const struct command commands[] = {
	{ "add-session", cmd_add_session,
	  "NAME [policy {required|optional|off}] [window N] [rtx-pt {LIST|none}] [crypto {DRIVER|auto}] [tx-errors [on|off]]" },
	{ "set-session", cmd_set_session,
	  "NAME [policy {required|optional|off}] [window N] [rtx-pt {LIST|none}] [crypto {DRIVER|auto}] [tx-errors [on|off]]" },
	{ "del-session", cmd_del_session, "NAME" },
	{ "show", cmd_show, "[NAME]" },
	{ "list-sessions", cmd_list_sessions, "" },
	{ "add-key", cmd_add_key,
	  "NAME {tx|rx} kid K {base-key F | key F salt F} [ssrc {S|any|claim}] [rtx-ssrc S] [suite {aes-256-gcm|aes-128-gcm}] [epoch E] [ctr N] [soft-limit N] [limit N] [expires SEC]" },
	{ "set-key", cmd_set_key,
	  "NAME {tx|rx} kid K [ssrc {S|any|claim}] [rtx-ssrc S] [soft-limit N] [limit N] [expires SEC]" },
	{ "del-key", cmd_del_key, "NAME {tx|rx} kid K [ssrc {S|any|claim}]" },
	{ "list-keys", cmd_list_keys, "[NAME]" },
	{ "use-epoch", cmd_use_epoch, "NAME E [force]" },
	{ "attach", cmd_attach, "NAME {pid P fd F | local ADDRESS:PORT}" },
	{ "detach", cmd_detach, "ID [force]" },
	{ "list-sockets", cmd_list_sockets, "" },
	{ "add-guard", cmd_add_guard,
	  "NAME ports A-B [local ADDRESS] [uid USER] [cgroup PATH]" },
	{ "del-guard", cmd_del_guard, "ID" },
	{ "list-guards", cmd_list_guards, "" },
	{ "save", cmd_save, "" },
	{ "restore", cmd_restore, "FILE" },
	{ "keygen", cmd_keygen, "[FILE]" },
	{ "pubkey", cmd_pubkey, "[--identity FILE]" },
	{ "fingerprint", cmd_fingerprint,
	  "[DEV [KEY]] [--dev NAME] [--identity FILE] [--trust-store FILE]" },
	{ "trust", cmd_trust,
	  "{add DEV KEY | del DEV | list} [--trust-store FILE]" },
	{ "stats", cmd_stats, "[NAME] [-w]" },
	{ "monitor", cmd_monitor, "" },
	{ "doctor", cmd_doctor, "" },
	{ "room", cmd_room, "" },
	{ "join", cmd_join, "ROOM" },
	{ "leave", cmd_leave, "" },
	{ "end", cmd_end, "" },
	{ "verify", cmd_verify, "[yes CODE DEV... | no]" },
	{ "kick", cmd_kick, "DEV" },
	{ "lock", cmd_lock, "" },
	{ "unlock", cmd_unlock, "" },
	{ "handover", cmd_handover, "[DEV]" },
	{ "policy", cmd_policy, "{required|optional|off}" },
	{ "rekey", cmd_rekey, "" },
	{ "help", cmd_help, "[COMMAND]" },
};

static const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

void usage_print(FILE *to)
{
	size_t i;

	fputs("Usage: e2eectl [OPTIONS] COMMAND [ARGUMENTS]\n"
	      "       e2eectl [OPTIONS] -b FILE\n\n"
	      "Options:\n"
	      "  -j, -json           output as JSON\n"
	      "  -n, -netns NETNS    act in the network namespace NETNS\n"
	      "  -r, -room ROOM      the room, if e2eed is running for several\n"
	      "  -b, -batch FILE     commands from FILE, \"-\" for standard input\n"
	      "  -f, -force          continue a batch after an error\n"
	      "  -V, -Version        print the version\n"
	      "  -h, -help           print this\n\n"
	      "Commands:\n", to);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %s %s\n", commands[i].name, commands[i].usage);
	fputs("\nF is a file, \"-\" for standard input, or keyring:DESC.\n"
	      "e2eectl(8) explains the commands.\n", to);
}

static int cmd_help(struct args *args)
{
	const struct command *command;
	const char *name = args_next(args);

	if (!name) {
		usage_print(stdout);
		return EXIT_GOOD;
	}
	command = command_find(name);
	if (!command)
		return app_error(args->app, EXIT_USAGE,
				 "command \"%s\" is not known, see \"e2eectl help\"",
				 name);
	printf("Usage: e2eectl %s %s\n", command->name, command->usage);
	return args_end(args);
}

int command_run(struct app *app, char **words, int count)
{
	const struct command *command = command_find(words[0]);
	struct args args = {
		.app = app,
		.command = words[0],
		.words = words + 1,
		.count = count - 1,
	};

	if (!command)
		return app_error(app, EXIT_USAGE,
				 "command \"%s\" is not known, see \"e2eectl help\"",
				 words[0]);
	return command->run(&args);
}
