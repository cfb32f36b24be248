// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "e2eectl save" and "e2eectl restore", with a kernel that is made here: two lists, and
 * a count of the requests that change them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../e2eectl/e2eectl.h"
#include "tap.h"

#define MANY	16

static struct e2ee_session sessions[MANY];
static struct e2ee_guard guards[MANY];
static size_t session_count, guard_count;
static unsigned int requests;
static uint16_t refused_port;		/* a guard that the kernel does not take */
static char said[4096];			/* on standard error */

int __wrap_e2ee_open(struct e2ee_ctx **ctx, const char *netns);
int __wrap_e2ee_session_list(struct e2ee_ctx *ctx, e2ee_session_cb cb,
			     void *arg);
int __wrap_e2ee_session_new(struct e2ee_ctx *ctx, struct e2ee_session *session);
int __wrap_e2ee_session_set(struct e2ee_ctx *ctx,
			    const struct e2ee_session *session);
int __wrap_e2ee_guard_list(struct e2ee_ctx *ctx,
			   const struct e2ee_session *session, e2ee_guard_cb cb,
			   void *arg);
int __wrap_e2ee_guard_new(struct e2ee_ctx *ctx,
			  const struct e2ee_session *session,
			  struct e2ee_guard *guard);

int __wrap_e2ee_open(struct e2ee_ctx **ctx, const char *netns)
{
	(void)netns;
	*ctx = NULL;
	return 0;
}

int __wrap_e2ee_session_list(struct e2ee_ctx *ctx, e2ee_session_cb cb,
			     void *arg)
{
	(void)ctx;
	for (size_t i = 0; i < session_count; i++)
		if (cb(&sessions[i], arg))
			abort();
	return 0;
}

static struct e2ee_session *session_of(const char *name)
{
	for (size_t i = 0; i < session_count; i++)
		if (!strcmp(sessions[i].name, name))
			return &sessions[i];
	return NULL;
}

int __wrap_e2ee_session_new(struct e2ee_ctx *ctx, struct e2ee_session *session)
{
	(void)ctx;
	requests++;
	if (session_count == MANY || session_of(session->name))
		return -EEXIST;
	sessions[session_count] = *session;
	sessions[session_count].id = (uint32_t)session_count + 1;
	session_count++;
	return 0;
}

int __wrap_e2ee_session_set(struct e2ee_ctx *ctx,
			    const struct e2ee_session *session)
{
	struct e2ee_session *old = session_of(session->name);

	(void)ctx;
	requests++;
	if (!old)
		return -ENOENT;
	if (session->has & E2EE_HAS(E2EE_A_SESSION_POLICY))
		old->policy = session->policy;
	if (session->has & E2EE_HAS(E2EE_A_SESSION_WINDOW))
		old->window = session->window;
	if (session->has & E2EE_HAS(E2EE_A_SESSION_RTX_PT)) {
		memcpy(old->rtx_pt, session->rtx_pt, sizeof(old->rtx_pt));
		old->rtx_pt_len = session->rtx_pt_len;
	}
	if (session->has & E2EE_HAS(E2EE_A_SESSION_CRYPTO))
		memcpy(old->crypto, session->crypto, sizeof(old->crypto));
	if (session->has & E2EE_HAS(E2EE_A_SESSION_FLAGS))
		old->flags = session->flags;
	return 0;
}

int __wrap_e2ee_guard_list(struct e2ee_ctx *ctx,
			   const struct e2ee_session *session, e2ee_guard_cb cb,
			   void *arg)
{
	(void)ctx;
	(void)session;
	for (size_t i = 0; i < guard_count; i++) {
		int ret = cb(&guards[i], arg);

		if (ret)
			return ret;
	}
	return 0;
}

int __wrap_e2ee_guard_new(struct e2ee_ctx *ctx,
			  const struct e2ee_session *session,
			  struct e2ee_guard *guard)
{
	const struct e2ee_session *of = session_of(session->name);

	(void)ctx;
	requests++;
	if (!of || guard_count == MANY || guard->port_first == refused_port)
		return -ENOSPC;
	guards[guard_count] = *guard;
	guards[guard_count].session = of->id;
	guards[guard_count].id = (uint32_t)guard_count + 1;
	guard_count++;
	return 0;
}

static void kernel_empty(void)
{
	memset(sessions, 0, sizeof(sessions));
	memset(guards, 0, sizeof(guards));
	session_count = guard_count = 0;
	requests = 0;
	refused_port = 0;
}

static void slurp(FILE *file, char *text, size_t size)
{
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

/* Runs the command; what it prints is then in @text and in said[]. */
static int command(int (*cmd)(struct args *args), char *word, char *text,
		   size_t size)
{
	int keep_out = dup(STDOUT_FILENO), keep_err = dup(STDERR_FILENO), code;
	FILE *out = tmpfile(), *err = tmpfile();
	struct app app = { .ctx = NULL };
	struct args args = {
		.app = &app, .command = word ? "restore" : "save",
		.words = &word, .count = word ? 1 : 0,
	};

	if (!out || !err || keep_out < 0 || keep_err < 0)
		abort();
	fflush(stdout);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	code = cmd(&args);
	fflush(stdout);
	fflush(stderr);
	dup2(keep_out, STDOUT_FILENO);
	dup2(keep_err, STDERR_FILENO);
	close(keep_out);
	close(keep_err);
	slurp(out, text, size);
	slurp(err, said, sizeof(said));
	said[strcspn(said, "\n")] = '\0';	/* the first of the errors */
	return code;
}

static int saved(char *text, size_t size)
{
	return command(cmd_save, NULL, text, size);
}

/* From a file of that text */
static int restored(const char *text)
{
	char path[] = "/tmp/e2ee-restore.XXXXXX", nothing[64];
	int fd = mkstemp(path), code;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
	code = command(cmd_restore, path, nothing, sizeof(nothing));
	unlink(path);
	return code;
}

static const char whole[] =
	"version 1\n"
	"add-session call policy required window 128 rtx-pt 97,99 tx-errors\n"
	"add-session '#a\"\\' policy optional crypto generic-gcm-aesni\n"
	"add-guard call ports 5004-5100 local 2001:db8::1 uid 7\n"
	"add-guard call ports 6000 cgroup \"/media's own.slice/a b\"\n"
	"add-guard '#a\"\\' ports 1-65535\n";

/* The lines that are no comments */
static const char *commands(char *text)
{
	static char kept[4096];
	char *line;

	*kept = '\0';
	while ((line = strsep(&text, "\n")))
		if (*line && *line != '#')
			strcat(strcat(kept, line), "\n");
	return kept;
}

static void there_and_back(void)
{
	char first[4096], second[4096];

	kernel_empty();
	ok(restored(whole) == EXIT_GOOD && !*said, "a file is restored: %s",
	   said);
	ok(session_count == 2 && guard_count == 3 && requests == 5,
	   "all of it is there");
	ok(guards[1].session == 1 && guards[2].session == 2 &&
		   !strcmp(guards[1].cgroup, "/media's own.slice/a b") &&
		   guards[0].uid == 7 && guards[0].local.len == 16,
	   "as the file said");
	ok(saved(first, sizeof(first)) == EXIT_GOOD && !*said, "it is saved");
	ok(restored(first) == EXIT_GOOD && requests == 5,
	   "to restore what is there changes nothing: %s", said);
	kernel_empty();
	ok(restored(first) == EXIT_GOOD && saved(second, sizeof(second)) ==
		   EXIT_GOOD && !strcmp(first, second),
	   "what was saved and restored is saved as the same text");
	ok(strstr(first, "# Until this session has keys, its media passes in clear:\nadd-session '#a"),
	   "it says which session does not protect yet");
	ok(!strcmp(commands(first),
		   "version 1\n"
		   "add-session call policy required window 128 rtx-pt 97,99 tx-errors\n"
		   "add-session '#a\"\\' policy optional window 4096 crypto generic-gcm-aesni\n"
		   "add-guard call ports 5004-5100 local 2001:db8::1 uid 7\n"
		   "add-guard call ports 6000 cgroup \"/media's own.slice/a b\"\n"
		   "add-guard '#a\"\\' ports 1-65535\n"),
	   "in e2eectl's own words");
}

static void what_cannot_be_saved(void)
{
	char text[4096];

	kernel_empty();
	restored(whole);
	strcpy(guards[1].cgroup, "/both'kinds\"");
	ok(saved(text, sizeof(text)) == EXIT_USAGE &&
		   strstr(said, "quotes of both kinds"),
	   "what no file can say is no success");
	kernel_empty();
	restored(whole);
	guards[1].session = 77;
	ok(saved(text, sizeof(text)) == EXIT_KERNEL &&
		   strstr(said, "try again"),
	   "nor is a guard of a session that is not on the list");
}

static void stricter_stays(void)
{
	kernel_empty();
	restored("version 1\nadd-session call rtx-pt 97\nadd-session b policy off\n");
	requests = 0;
	ok(restored("version 1\nadd-session call policy optional rtx-pt 97\n") ==
		   EXIT_KERNEL && sessions[0].policy == E2EE_POLICY_REQUIRED &&
		   !requests,
	   "a policy is not loosened");
	ok(strstr(said, ":2: session \"call\" keeps its policy required, which is stricter than optional"),
	   "which is said: %s", said);
	ok(restored("version 1\nadd-session call rtx-pt 97,98\n") ==
		   EXIT_KERNEL && sessions[0].rtx_pt_len == 1 &&
		   strstr(said, ":2: session \"call\" keeps its rtx-pt"),
	   "nor do more types leave two bytes in clear: %s", said);
	ok(restored("version 1\nadd-session call policy off rtx-pt 98 window 64\n"
		    "add-guard call ports 5\n") == EXIT_KERNEL &&
		   sessions[0].window == 64 && guard_count == 1 &&
		   sessions[0].policy == E2EE_POLICY_REQUIRED &&
		   sessions[0].rtx_pt[0] == 97,
	   "the rest of the file is restored all the same");
	ok(restored("version 1\nadd-session b policy optional\n") ==
		   EXIT_GOOD && sessions[1].policy == E2EE_POLICY_OPTIONAL,
	   "a policy is tightened: %s", said);
	ok(restored("version 1\nadd-session b\n") == EXIT_GOOD &&
		   sessions[1].policy == E2EE_POLICY_REQUIRED,
	   "and is required where the file does not say otherwise");
	ok(restored("version 1\nadd-session call window 64\n") == EXIT_GOOD &&
		   !sessions[0].rtx_pt_len,
	   "fewer types are taken: %s", said);
	ok(guard_count == 1 && session_count == 2,
	   "what the file does not have stays");
}

static void guards_there(void)
{
	kernel_empty();
	restored("version 1\nadd-session a\nadd-session b\nadd-guard a ports 5\n");
	ok(restored("version 1\nadd-session b\nadd-guard b ports 5\n") ==
		   EXIT_KERNEL && guards[0].session == 1 && guard_count == 1 &&
		   strstr(said, ":3: guard 1 is such a guard, and stays with another session, \"a\""),
	   "a guard stays with its session: %s", said);
	refused_port = 6;
	ok(restored("version 1\nadd-session a\nadd-guard a ports 6\n"
		    "add-guard a ports 7\n") == EXIT_KERNEL &&
		   strstr(said, ":3: ") && guard_count == 2 &&
		   guards[1].port_first == 7,
	   "what the kernel refuses is named, and the rest is restored: %s",
	   said);
}

static void wrong_files(void)
{
	static const struct {
		const char *text, *words;
	} wants[] = {
		{ "", " is empty: \"version 1\" has to come first" },
		{ "# only a comment\n", " is empty: " },
		{ "add-session a\n", ":1: \"version 1\" has to come first" },
		{ "version\n", ":1: \"version 1\" has to come first, not \"version\"" },
		{ "version 2\n", ":1: \"version 1\" has to come first, not \"version 2\"" },
		{ "version 1 x\n", ":1: \"version 1\" has to come first" },
		{ "version 1\nversion 1\n", ":2: only add-session and add-guard may stand here, not \"version\"" },
		{ "version 1\nadd-session a\nadd-key a tx kid 1 base-key f\n",
		  ":3: only add-session and add-guard may stand here, not \"add-key\"" },
		{ "version 1\nadd-session a\ndel-guard 1\n",
		  ":3: only add-session and add-guard" },
		{ "version 1\nadd-session a\n\n# and\nadd-guard a ports 5-x\n",
		  ":5: add-guard: ports has to be A-B, or A, from 1 to 65535, not \"5-x\"" },
		{ "version 1\nadd-session a policy none\n",
		  ":2: add-session: policy has to be required, optional or off, not \"none\"" },
		{ "version 1\nadd-session a window 5\n", ":2: add-session: window has to be" },
		{ "version 1\nadd-session a/b\n", ":2: add-session: \"a/b\" is not a session name" },
		{ "version 1\nadd-session a\nadd-session b\nadd-session a\n",
		  ":4: add-session: session \"a\" is in line 2 already" },
		{ "version 1\nadd-session a\nadd-guard b ports 5\n",
		  ":3: add-guard: no line above adds the session \"b\"" },
		{ "version 1\nadd-session a\nadd-guard a ports 5\nadd-guard a \\\nports 5\n",
		  ":4: add-guard: the same guard is in line 3 already" },
		{ "version 1\nadd-session a 'open\n", ":2: a quote is not closed" },
	};

	for (size_t i = 0; i < sizeof(wants) / sizeof(*wants); i++) {
		char text[512];

		kernel_empty();
		snprintf(text, sizeof(text), "%s%s", wants[i].text,
			 strstr(wants[i].text, "add-session a\n") ?
			 "add-session good\n" : "");
		ok(restored(text) == EXIT_USAGE && strstr(said, wants[i].words),
		   "refused: %s: %s", wants[i].words, said);
		ok(!requests, "and nothing was changed");
	}
	kernel_empty();
	ok(restored("version 1\n") == EXIT_GOOD && !requests,
	   "a file may have nothing but its version");
}

int main(void)
{
	there_and_back();
	what_cannot_be_saved();
	stricter_stays();
	guards_there();
	wrong_files();
	return tap_end();
}
