// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The trust store: one key a device and one device a key, on disk at once, and
 * nothing guessed from a file that is not in order.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include <e2ee/identity.h>

#include "folder.h"
#include "tap.h"

static char path[PATH_LEN];
static char error[E2EE_ERROR_LEN];

#define HEX_A	"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a" \
		"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
#define HEX_B	"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b" \
		"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"

static uint8_t ik_a[32], ik_b[32], ik_c[32];

static bool says(const char *text)
{
	if (strstr(error, text) && !strchr(error, '\n'))
		return true;
	printf("# %s\n", error);
	return false;
}

static enum e2ee_trust_kind kind_of(struct e2ee_trust *trust, const char *dev,
				    const uint8_t *ik)
{
	enum e2ee_trust_kind kind;

	(void)e2ee_trust_ask(trust, dev, ik, &kind);
	return kind;
}

/* The rules, which are the same in memory and on disk */
static void rules(struct e2ee_trust *trust, const char *where)
{
	enum e2ee_trust_kind kind = E2EE_TRUST_PINNED;

	ok(e2ee_trust_ask(trust, "a", ik_a, &kind) == E2EE_TRUST_NEW &&
	   kind == E2EE_TRUST_UNKNOWN, "%s: nobody is known", where);
	ok(!e2ee_trust_add(trust, "a", ik_a, E2EE_TRUST_TOFU) &&
	   e2ee_trust_ask(trust, "a", ik_a, &kind) == E2EE_TRUST_GOOD &&
	   kind == E2EE_TRUST_TOFU, "%s: a is known", where);
	ok(e2ee_trust_ask(trust, "a", ik_b, &kind) == E2EE_TRUST_CHANGED &&
	   kind == E2EE_TRUST_UNKNOWN, "%s: a with another key", where);
	ok(e2ee_trust_ask(trust, "b", ik_a, NULL) == E2EE_TRUST_CHANGED,
	   "%s: the key with another name", where);
	ok(e2ee_trust_add(trust, "a", ik_b, E2EE_TRUST_PINNED) == -EEXIST &&
	   e2ee_trust_add(trust, "b", ik_a, E2EE_TRUST_PINNED) == -EEXIST,
	   "%s: neither can be added", where);
	ok(!e2ee_trust_add(trust, "b", ik_b, E2EE_TRUST_PINNED) &&
	   e2ee_trust_ask(trust, "a", ik_b, NULL) == E2EE_TRUST_CHANGED &&
	   e2ee_trust_ask(trust, "b", ik_a, NULL) == E2EE_TRUST_CHANGED,
	   "%s: two that are known, with their keys exchanged", where);
	ok(!e2ee_trust_add(trust, "a", ik_a, E2EE_TRUST_VERIFIED) &&
	   kind_of(trust, "a", ik_a) == E2EE_TRUST_VERIFIED,
	   "%s: a higher kind replaces a lower one", where);
	ok(!e2ee_trust_add(trust, "a", ik_a, E2EE_TRUST_TOFU) &&
	   !e2ee_trust_add(trust, "b", ik_b, E2EE_TRUST_VERIFIED) &&
	   kind_of(trust, "a", ik_a) == E2EE_TRUST_VERIFIED &&
	   kind_of(trust, "b", ik_b) == E2EE_TRUST_PINNED,
	   "%s: a lower one does not replace a higher one", where);
	ok(e2ee_trust_add(trust, "c", ik_c, E2EE_TRUST_UNKNOWN) == -EINVAL &&
	   e2ee_trust_add(trust, "c c", ik_c, E2EE_TRUST_TOFU) == -EINVAL &&
	   e2ee_trust_add(trust, "", ik_c, E2EE_TRUST_TOFU) == -EINVAL &&
	   e2ee_trust_ask(trust, "c", ik_c, NULL) == E2EE_TRUST_NEW,
	   "%s: no kind or no name is not added", where);
}

struct listing {
	unsigned int count;
	unsigned int stop;
	char names[64];
};

static int listed(const char *dev, const uint8_t *ik, enum e2ee_trust_kind kind,
		  void *arg)
{
	struct listing *listing = arg;

	snprintf(listing->names + strlen(listing->names), 16, "%s:%02x:%u ",
		 dev, ik[0], kind);
	return ++listing->count == listing->stop ? -EINTR : 0;
}

static void removal(struct e2ee_trust *trust, const char *where)
{
	struct listing all = { .count = 0 }, one = { .stop = 1 };

	ok(!e2ee_trust_list(trust, listed, &all) &&
	   !strcmp(all.names, "a:0a:2 b:0b:3 "), "%s: the list", where);
	ok(e2ee_trust_list(trust, listed, &one) == -EINTR && one.count == 1,
	   "%s: a listing that is ended", where);
	ok(e2ee_trust_del(trust, "c") == -ENOENT &&
	   e2ee_trust_del(trust, "c c") == -ENOENT,
	   "%s: nobody is there to be removed", where);
	ok(!e2ee_trust_del(trust, "a") &&
	   e2ee_trust_ask(trust, "a", ik_a, NULL) == E2EE_TRUST_NEW &&
	   e2ee_trust_ask(trust, "b", ik_b, NULL) == E2EE_TRUST_GOOD,
	   "%s: removed, a is new again", where);
	ok(!e2ee_trust_add(trust, "c", ik_a, E2EE_TRUST_TOFU),
	   "%s: and its key is free for another name", where);
}

static struct e2ee_trust *open_store(void)
{
	struct e2ee_trust *trust;

	*error = '\0';
	if (e2ee_trust_open(path, &trust, error)) {
		printf("# %s\n", error);
		abort();
	}
	return trust;
}

static void on_disk(void)
{
	struct e2ee_trust *trust = open_store(), *second;
	char text[1024];

	ok(!file_mode(path), "opening makes no file");
	rules(trust, "file");
	ok(file_mode(path) == 0600, "file: mode 0600");
	ok(!!strstr(file_read(path, text, sizeof(text)),
		    "\na " HEX_A " verified\nb " HEX_B " pinned\n"),
	   "file: a line for each");
	second = open_store();
	ok(e2ee_trust_ask(second, "b", ik_b, NULL) == E2EE_TRUST_GOOD &&
	   kind_of(second, "a", ik_a) == E2EE_TRUST_VERIFIED,
	   "file: read again it says the same");
	removal(trust, "file");
	ok(e2ee_trust_ask(second, "a", ik_a, NULL) == E2EE_TRUST_CHANGED &&
	   e2ee_trust_ask(second, "c", ik_a, NULL) == E2EE_TRUST_GOOD,
	   "file: another open store follows at once");
	ok(!e2ee_trust_add(second, "a", ik_c, E2EE_TRUST_PINNED) &&
	   !e2ee_trust_del(trust, "b") &&
	   e2ee_trust_ask(second, "a", ik_c, NULL) == E2EE_TRUST_GOOD &&
	   e2ee_trust_ask(second, "b", ik_b, NULL) == E2EE_TRUST_NEW,
	   "file: neither loses what the other wrote");
	e2ee_trust_close(second);
	unlink(path);
	ok(e2ee_trust_ask(trust, "a", ik_c, NULL) == E2EE_TRUST_GOOD &&
	   strstr(e2ee_trust_problem(trust), "is gone: put it back"),
	   "file: gone, it leaves what was known, and a problem");
	e2ee_trust_close(trust);
	e2ee_trust_close(NULL);
}

static void in_memory(void)
{
	struct e2ee_trust *trust;

	if (e2ee_trust_open(NULL, &trust, error))
		abort();
	rules(trust, "memory");
	removal(trust, "memory");
	e2ee_trust_close(trust);
}

static int open_only(void)
{
	struct e2ee_trust *trust;
	int ret;

	*error = '\0';
	ret = e2ee_trust_open(path, &trust, error);
	if (!ret)
		e2ee_trust_close(trust);
	return ret;
}

static void contents(void)
{
	static const struct {
		const char *what;
		const char *text;
		const char *error;	/* NULL: it is good */
	} files[] = {
		{ "an empty file", "", NULL },
		{ "comments and empty lines", "# a\n\n  # b\n \t\n", NULL },
		{ "no end of the last line", "a " HEX_A " tofu", NULL },
		{ "tabs, CR", "a\t" HEX_A "\ttofu\r\n", NULL },
		{ "half a key", "b " HEX_B " tofu\na 0a0a0a", ":2: no device" },
		{ "half a kind", "a " HEX_A " pinn", ":1: no device" },
		{ "no kind", "a " HEX_A "\n", ":1: no device" },
		{ "kind unknown", "a " HEX_A " unknown\n", ":1: no device" },
		{ "another word", "a " HEX_A " tofu x\n", ":1: no device" },
		{ "an odd key", "a " HEX_A "0 tofu\n", ":1: no device" },
		{ "no hex", "a x" HEX_A " tofu\n", ":1: no device" },
		{ "no name", "a+ " HEX_A " tofu\n", ":1: no device" },
		{ "a name twice", "a " HEX_A " tofu\n#\na " HEX_B " tofu\n",
		  ":3: a or its key is there twice" },
		{ "a key twice", "a " HEX_A " tofu\nb " HEX_A " tofu\n",
		  ":2: b or its key is there twice" },
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		file_write(path, files[i].text, 0600);
		if (files[i].error)
			ok(open_only() == -EBADMSG && says(files[i].error),
			   "%s: refused", files[i].what);
		else
			ok(!open_only(), "%s: fine", files[i].what);
	}
}

/* Somebody's editor writes in place: half a file is no reason to forget */
static void torn(void)
{
	struct e2ee_trust *trust;
	char text[1024];

	file_write(path, "a " HEX_A " pinned\nb " HEX_B " tofu\n", 0600);
	trust = open_store();
	file_write(path, "a " HEX_A " pinned\nb 0b0b", 0600);
	ok(e2ee_trust_ask(trust, "a", ik_a, NULL) == E2EE_TRUST_GOOD &&
	   e2ee_trust_ask(trust, "b", ik_a, NULL) == E2EE_TRUST_CHANGED &&
	   e2ee_trust_ask(trust, "b", ik_b, NULL) == E2EE_TRUST_GOOD,
	   "torn: what was known before stays");
	ok(e2ee_trust_add(trust, "c", ik_c, E2EE_TRUST_TOFU) == -EBADMSG &&
	   !strcmp(file_read(path, text, sizeof(text)),
		   "a " HEX_A " pinned\nb 0b0b"),
	   "torn: nothing is written over it");
	file_write(path, "a " HEX_A " pinned\n", 0600);
	ok(e2ee_trust_ask(trust, "b", ik_b, NULL) == E2EE_TRUST_NEW,
	   "in order again, it is followed");
	e2ee_trust_close(trust);
}

#define GOOD_FILE	"a " HEX_A " pinned\nb " HEX_B " tofu\n"

static void make_error(void)
{
	file_write(path, "a " HEX_A " pinned\n\nb " HEX_B " tfu\n", 0600);
}

static void make_group_writable(void)
{
	chmod(path, 0620);
}

static void make_world_writable(void)
{
	chmod(path, 0602);
}

static void make_gone(void)
{
	unlink(path);
}

static void make_folder(void)
{
	unlink(path);
	if (mkdir(path, 0700))
		abort();
}

static void make_link(void)
{
	char target[PATH_LEN];

	if (rename(path, folder_path(target, "linked")) ||
	    symlink(target, path))
		abort();
}

static void make_fifo(void)
{
	unlink(path);
	if (mkfifo(path, 0600))
		abort();
}

static void make_big(void)
{
	if (truncate(path, 4 << 20))
		abort();
}

static void make_stranger_s(void)
{
	if (!geteuid() && chown(path, 12345, 12345))
		abort();
}

/* Whatever becomes of the file: it is said, and nothing is forgotten for it */
static void problems(void)
{
	static const struct {
		const char *what;
		void (*make)(void);
		const char *problem;
		bool root;
	} cases[] = {
		{ "a typing error", make_error, "/trust:3: no device", false },
		{ "writable by its group", make_group_writable,
		  "open to others: chmod 600", false },
		{ "writable by all", make_world_writable,
		  "open to others: chmod 600", false },
		{ "gone", make_gone, "is gone: put it back", false },
		{ "a folder", make_folder, "is not a regular file", false },
		{ "a symbolic link", make_link, "is a symbolic link", false },
		{ "a FIFO", make_fifo, "is not a regular file", false },
		{ "too big", make_big, "is too big", false },
		{ "another user's", make_stranger_s,
		  "belongs to another user, who may change it", true },
	};
	struct e2ee_trust *trust;
	size_t i;

	file_write(path, GOOD_FILE, 0600);
	trust = open_store();
	ok(!*e2ee_trust_problem(trust), "problems: none at first");
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (cases[i].root && geteuid())
			continue;
		cases[i].make();
		ok(strstr(e2ee_trust_problem(trust), cases[i].problem),
		   "%s: \"%s\"", cases[i].what, e2ee_trust_problem(trust));
		ok(e2ee_trust_ask(trust, "a", ik_a, NULL) == E2EE_TRUST_GOOD &&
		   e2ee_trust_add(trust, "c", ik_c, E2EE_TRUST_TOFU) < 0,
		   "%s: what is known stays, and nothing is added",
		   cases[i].what);
		if (remove(path) && errno != ENOENT)
			abort();
		file_write(path, GOOD_FILE, 0600);
		ok(!*e2ee_trust_problem(trust), "%s: mended", cases[i].what);
	}
	e2ee_trust_close(trust);
	unlink(path);
	trust = open_store();
	ok(!*e2ee_trust_problem(trust),
	   "a store that never had a file is empty, and in order");
	e2ee_trust_close(trust);
	file_write(path, "", 0600);
}

static void permissions(void)
{
	char target[PATH_LEN], name[PATH_LEN];
	struct e2ee_trust *trust;

	chmod(path, 0644);
	ok(!open_only(), "others may read it");
	chmod(path, 0664);
	ok(open_only() == -EPERM && says("open to others"),
	   "the group must not write it");
	chmod(path, 0602);
	ok(open_only() == -EPERM, "nor the others");
	chmod(path, 0600);
	if (rename(path, folder_path(target, "target")) ||
	    symlink(target, path))
		abort();
	ok(open_only() == -ELOOP && says("symbolic link"),
	   "a symbolic link is refused");
	unlink(path);
	trust = open_store();
	if (symlink(target, folder_path(name, "trust.lock")) &&
	    (unlink(name) || symlink(target, name)))
		abort();
	ok(e2ee_trust_add(trust, "c", ik_c, E2EE_TRUST_TOFU) == -ELOOP,
	   "so is one in place of the lock");
	unlink(name);
	e2ee_trust_close(trust);
}

/*
 * Root gives what it makes in a service's folder to that service, but never a file
 * that has another name elsewhere.
 */
static void hard_link(void)
{
	char target[PATH_LEN], name[PATH_LEN];
	struct e2ee_trust *trust;
	struct stat st;

	if (geteuid())
		return;
	trust = open_store();
	folder_path(name, "trust.lock");
	file_write(folder_path(target, "of-root"), "", 0600);
	if (chown(folder, 12345, 12345) ||
	    (unlink(name) && errno != ENOENT) || link(target, name))
		abort();
	ok(e2ee_trust_add(trust, "c", ik_c, E2EE_TRUST_TOFU) == -EPERM,
	   "a hard link in place of the lock is refused");
	ok(!stat(target, &st) && !st.st_uid, "and its file stays root's");
	if (unlink(name))
		abort();
	ok(!e2ee_trust_add(trust, "c", ik_c, E2EE_TRUST_TOFU) &&
	   !stat(name, &st) && st.st_uid == 12345,
	   "a lock that root makes is the service's");
	e2ee_trust_close(trust);
	file_write(path, "", 0600);
	if (chown(path, 0, 0) || chmod(folder, 0755) || seteuid(12345))
		abort();
	ok(open_only() == -EACCES &&
	   says("the user that e2eed runs as has to be able to read it"),
	   "a file that only root may read: \"%s\"", error);
	if (seteuid(0) || chown(folder, 0, 0) || unlink(target) || unlink(name))
		abort();
}

/* What is not on disk is not trusted either */
static void not_written(void)
{
	char store[PATH_LEN], sub[PATH_LEN];
	struct e2ee_trust *trust;

	folder_path(sub, "sub");
	if (e2ee_trust_open(folder_path(store, "sub/trust"), &trust, error))
		abort();
	ok(e2ee_trust_add(trust, "a", ik_a, E2EE_TRUST_PINNED) == -ENOENT &&
	   e2ee_trust_ask(trust, "a", ik_a, NULL) == E2EE_TRUST_NEW,
	   "no folder: refused, and not known");
	if (mkdir(sub, 0700))
		abort();
	ok(!e2ee_trust_add(trust, "a", ik_a, E2EE_TRUST_PINNED) &&
	   e2ee_trust_ask(trust, "a", ik_a, NULL) == E2EE_TRUST_GOOD,
	   "with a folder it is");
	e2ee_trust_close(trust);
}

/* Four processes write 40 devices each; all are there in the end */
static void writer(unsigned int number)
{
	struct e2ee_trust *trust = open_store();
	uint8_t ik[32] = { 0 };
	unsigned int i;
	char dev[32];

	for (i = 0; i < 40; i++) {
		snprintf(dev, sizeof(dev), "dev-%u-%u", number, i);
		ik[0] = (uint8_t)number;
		ik[1] = (uint8_t)i;
		if (e2ee_trust_add(trust, dev, ik, E2EE_TRUST_TOFU))
			_exit(1);
	}
	_exit(0);
}

static void together(void)
{
	struct listing all = { .count = 0 };
	struct e2ee_trust *trust;
	unsigned int i;
	int status;
	bool good = true;

	unlink(path);
	fflush(stdout);
	for (i = 0; i < 4; i++)
		if (!fork())
			writer(i);
	for (i = 0; i < 4; i++)
		good = wait(&status) > 0 && !status && good;
	ok(good, "four writers at once");
	trust = open_store();
	for (i = 0; i < 160; i++) {
		char dev[32];
		uint8_t ik[32] = { (uint8_t)(i / 40), (uint8_t)(i % 40) };

		snprintf(dev, sizeof(dev), "dev-%u-%u", i / 40, i % 40);
		all.count += e2ee_trust_ask(trust, dev, ik, NULL) ==
			     E2EE_TRUST_GOOD;
	}
	ok(all.count == 160, "of 160 devices %u are there", all.count);
	e2ee_trust_close(trust);
}

static unsigned int walked;

/* While one store is listed, another one, as e2eectl's, writes the file */
static int walk(const char *dev, const uint8_t *ik, enum e2ee_trust_kind kind,
		void *arg)
{
	static const char *const others[] = { "n0", "n1", "n2", "n3" };
	uint8_t other[32];
	struct e2ee_trust *writer = open_store();

	if (walked < 4) {
		memset(other, (int)(0xa0 + walked), sizeof(other));
		(void)e2ee_trust_add(writer, others[walked], other,
				     E2EE_TRUST_TOFU);
	}
	e2ee_trust_close(writer);
	/* it is asked for what the callback was given, and reads a new list */
	if (e2ee_trust_ask(arg, "nobody", ik_c, NULL) != E2EE_TRUST_NEW ||
	    kind_of(arg, dev, ik) != kind)
		return -EINVAL;
	walked++;
	return 0;
}

/* A list that a callback reads anew is not the one that is walked */
static void listed_anew(void)
{
	struct e2ee_trust *trust;

	unlink(path);
	trust = open_store();
	(void)e2ee_trust_add(trust, "a", ik_a, E2EE_TRUST_PINNED);
	(void)e2ee_trust_add(trust, "b", ik_b, E2EE_TRUST_PINNED);
	ok(!e2ee_trust_list(trust, walk, trust) && walked >= 2,
	   "a callback may ask the store that is listed: %u devices", walked);
	e2ee_trust_close(trust);
}

static void words(void)
{
	ok(!strcmp(e2ee_trust_kind_name(E2EE_TRUST_PINNED), "pinned") &&
	   !strcmp(e2ee_trust_kind_name(E2EE_TRUST_UNKNOWN), "unknown") &&
	   !strcmp(e2ee_trust_level_name(E2EE_LEVEL_PINNED), "pinned-only") &&
	   e2ee_trust_level_value("pinned-only") == E2EE_LEVEL_PINNED &&
	   e2ee_trust_level_value("verified") == E2EE_LEVEL_VERIFIED &&
	   e2ee_trust_level_value("tofu") == E2EE_LEVEL_TOFU &&
	   e2ee_trust_level_value("pinned") == -EINVAL, "words");
}

int main(void)
{
	memset(ik_a, 0x0a, sizeof(ik_a));
	memset(ik_b, 0x0b, sizeof(ik_b));
	memset(ik_c, 0x0c, sizeof(ik_c));
	folder_new();
	folder_path(path, "trust");
	in_memory();
	on_disk();
	contents();
	torn();
	problems();
	permissions();
	hard_link();
	not_written();
	together();
	listed_anew();
	words();
	return tap_end();
}
