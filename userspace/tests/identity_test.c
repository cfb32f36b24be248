// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The identity file: who may read it, who uses it, and that no number of a key
 * package comes twice.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <identity.h>

#include "folder.h"
#include "tap.h"
#include "vectors.h"

static char path[PATH_LEN], seq_path[PATH_LEN];
static char error[E2EE_ERROR_LEN];

/* RFC 8410, section 10.3: a private key, and its public one in section 10.1 */
static const char pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
	"-----END PRIVATE KEY-----\n";
static const char pem_public[] =
	"19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

static const char x25519[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
	"-----END PRIVATE KEY-----\n";

/* openssl genpkey -algorithm ed25519 -aes128 -pass pass:x */
static const char encrypted[] =
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	"MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgyRJVuR1SrYQICCAAw\n"
	"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEF3+O4iw3qJpJAOijWJDL8cEQID/\n"
	"UNcEPJXb6HFzKw8akFAZwKb6TqMlXDaWwfoENK+bswK9BLZY7cECIvTjr3JW4M+i\n"
	"qEHfFJ2G5n7R19OE+kQ=\n"
	"-----END ENCRYPTED PRIVATE KEY-----\n";

static int load_only(void)
{
	struct e2ee_identity *identity;
	int ret;

	*error = '\0';
	ret = e2ee_identity_load(path, &identity, error);
	if (!ret)
		e2ee_identity_free(identity);
	return ret;
}

static bool says(const char *text)
{
	if (strstr(error, text) && !strchr(error, '\n'))
		return true;
	printf("# %s\n", error);
	return false;
}

static void create(void)
{
	uint8_t ik[E2EE_IK_LEN], again[E2EE_IK_LEN];
	char text[4096];

	ok(load_only() == -ENOENT && says("e2eectl keygen"),
	   "no file: the error says how to make one");
	ok(!e2ee_identity_create(path, error), "a new identity");
	ok(file_mode(path) == 0600, "of mode 0600");
	file_read(path, text, sizeof(text));
	ok(!strncmp(text, pem, 28), "in PEM");
	ok(!e2ee_identity_public(path, ik, error), "its public key");
	ok(e2ee_identity_create(path, error) == -EEXIST && says("exists"),
	   "a second one is refused");
	ok(!e2ee_identity_public(path, again, error) &&
	   !memcmp(ik, again, sizeof(ik)), "and the first one stays");
	unlink(path);
	ok(!e2ee_identity_create(path, error) &&
	   !e2ee_identity_public(path, again, error) &&
	   memcmp(ik, again, sizeof(ik)) != 0, "no two are alike");
	ok(e2ee_identity_create("/nonexistent/identity.pem", error) ==
	   -ENOENT && says("/nonexistent/identity.pem: its folder"),
	   "no folder, no identity");
	unlink(path);
}

static void read_back(void)
{
	struct e2ee_identity *identity;
	uint8_t ik[E2EE_IK_LEN];

	file_write(path, pem, 0600);
	ok(!e2ee_identity_public(path, ik, error) && same(ik, pem_public),
	   "the key of RFC 8410");
	if (!ok(!e2ee_identity_load(path, &identity, error), "loads"))
		return;
	ok(same(e2ee_identity_ik(identity), pem_public) &&
	   same(e2ee_identity_seed(identity),
		"d4ee72dbf913584ad5b6d8f1f769f8ad"
		"3afe7c28cbf1d4fbe097a88f44755842"), "seed and public key");
	e2ee_identity_free(identity);
	e2ee_identity_free(NULL);
}

static void permissions(void)
{
	static const mode_t open[] = { 0640, 0620, 0604, 0602, 0610, 0601 };
	uint8_t ik[E2EE_IK_LEN];
	char link_path[PATH_LEN];
	size_t i;

	for (i = 0; i < sizeof(open) / sizeof(*open); i++) {
		chmod(path, open[i]);
		ok(load_only() == -EPERM && says("chmod 600"),
		   "mode %04o is refused", (unsigned int)open[i]);
	}
	ok(e2ee_identity_public(path, ik, error) == -EPERM,
	   "for the public key too");
	chmod(path, 0400);
	ok(!load_only(), "mode 0400 is fine");
	chmod(path, 0600);
	if (symlink(path, folder_path(link_path, "link")))
		abort();
	ok(e2ee_identity_public(link_path, ik, error) == -ELOOP &&
	   says("symbolic link"), "a symbolic link is refused");
	ok(e2ee_identity_create(link_path, error) == -EEXIST,
	   "and not written through");
	if (mkfifo(folder_path(link_path, "fifo"), 0600))
		abort();
	ok(e2ee_identity_public(link_path, ik, error) == -EINVAL &&
	   says("not a regular file"), "a FIFO is refused, not waited for");
	ok(e2ee_identity_public(folder, ik, error) < 0, "so is a folder");
}

static void contents(void)
{
	char big[5000];

	file_write(path, "", 0600);
	ok(load_only() == -EBADMSG && says("no Ed25519 key"), "an empty file");
	file_write(path, "-----BEGIN PRIVATE KEY-----\nMC4C\n", 0600);
	ok(load_only() == -EBADMSG, "half a file");
	file_write(path, x25519, 0600);
	ok(load_only() == -EBADMSG && says("no Ed25519 key"),
	   "a key of another kind");
	file_write(path, encrypted, 0600);
	ok(load_only() == -EBADMSG && says("without passphrase"),
	   "a key with a passphrase, for which nobody is asked");
	memset(big, 'A', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	file_write(path, big, 0600);
	ok(load_only() == -EFBIG, "a file that is too big");
	file_write(path, pem, 0600);
}

static uint64_t stored(void)
{
	char text[64];

	return strtoull(file_read(seq_path, text, sizeof(text)), NULL, 10);
}

/* Takes @count numbers in a process of its own; false: one did not rise */
static bool take_elsewhere(unsigned int count, pid_t *pid)
{
	struct e2ee_identity *identity;
	uint64_t seq, last = 0;
	bool good;

	fflush(stdout);
	*pid = fork();
	if (*pid)
		return true;
	good = !e2ee_identity_load(path, &identity, error);
	while (good && count--) {
		good = !e2ee_identity_next_seq(identity, &seq, NULL) && seq > last;
		last = seq;
	}
	_exit(!good);
}

/* One identity in many rooms, a process each: no number is given out twice */
static void shared(void)
{
	struct e2ee_identity *one, *two;
	uint64_t before, seq, other;
	pid_t pids[4];
	int status;

	if (e2ee_identity_load(path, &one, error) ||
	    e2ee_identity_load(path, &two, error))
		abort();
	ok(!e2ee_identity_next_seq(one, &seq, NULL) &&
	   !e2ee_identity_next_seq(two, &other, NULL) && other == seq + 1 &&
	   !e2ee_identity_next_seq(one, &seq, NULL) && seq == other + 1,
	   "two handles take turns");
	before = stored();
	for (unsigned int i = 0; i < 4; i++)
		take_elsewhere(25, &pids[i]);
	for (unsigned int i = 0; i < 4; i++)
		ok(waitpid(pids[i], &status, 0) == pids[i] && !status,
		   "process %u saw its numbers rise", i);
	ok(stored() == before + 100, "100 numbers for 100 requests");
	e2ee_identity_free(one);
	e2ee_identity_free(two);
}

static void numbers(void)
{
	struct e2ee_identity *identity;
	uint64_t seq, last = 0;
	unsigned int i;
	bool good = true;

	unlink(seq_path);
	if (e2ee_identity_load(path, &identity, error))
		abort();
	for (i = 0; i < 5; i++) {
		good = good && !e2ee_identity_next_seq(identity, &seq, NULL) &&
		       seq > last && stored() == seq;
		last = seq;
	}
	ok(good, "each number is higher, and stored when it is given out");
	ok(file_mode(seq_path) == 0600, "in a file of mode 0600");
	e2ee_identity_free(identity);
	if (e2ee_identity_load(path, &identity, error))
		abort();
	ok(!e2ee_identity_next_seq(identity, &seq, NULL) && seq == last + 1,
	   "the next process goes on");
	e2ee_identity_free(identity);
	unlink(seq_path);
	if (e2ee_identity_load(path, &identity, error))
		abort();
	ok(!e2ee_identity_next_seq(identity, &seq, NULL) &&
	   seq >= (uint64_t)time(NULL) - 60,
	   "a lost file does not send the numbers back");
	e2ee_identity_free(identity);
}

static void bad_numbers(void)
{
	static const char *const texts[] = {
		"", "\n", "12", "x\n", "-1\n", " 1\n", "1 2\n", "1\n2\n",
		"18446744073709551616\n", "00000000000000000000000000000001\n",
	};
	struct e2ee_identity *identity;
	uint64_t seq;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		file_write(seq_path, texts[i], 0600);
		ok(load_only() == -EBADMSG && says("holds no number"),
		   "number file %zu is refused", i);
	}
	file_write(seq_path, "7\n", 0620);
	ok(load_only() == -EPERM, "and one that others may write");
	file_write(seq_path, "18446744073709551615\n", 0600);
	if (e2ee_identity_load(path, &identity, error))
		abort();
	ok(e2ee_identity_next_seq(identity, &seq, error) == -EOVERFLOW &&
	   strstr(error, ".seq holds the highest number"),
	   "after the highest there is none");
	e2ee_identity_free(identity);
	unlink(seq_path);
}

/* A number that is not on disk is not given out. */
static void not_stored(void)
{
	char sub[PATH_LEN], file[PATH_LEN], number[PATH_LEN];
	struct e2ee_identity *identity;
	uint64_t seq = 0;

	if (mkdir(folder_path(sub, "sub"), 0700))
		abort();
	file_write(folder_path(file, "sub/identity.pem"), pem, 0600);
	file_write(folder_path(number, "sub/identity.pem.seq"), "41\n", 0600);
	if (e2ee_identity_load(file, &identity, error))
		abort();
	unlink(number);
	unlink(file);
	rmdir(sub);
	ok(e2ee_identity_next_seq(identity, &seq, NULL) == -ENOENT && !seq,
	   "no folder, no number");
	if (mkdir(sub, 0700))
		abort();
	ok(!e2ee_identity_next_seq(identity, &seq, NULL) && seq == 42,
	   "the folder is back, and none was left out or given twice");
	e2ee_identity_free(identity);
}

/*
 * What the library calls on its way to the disk: f a file is synced, r renamed,
 * d a folder is synced. From number sync_fails on a sync fails.
 */
static char steps[32];
static unsigned int syncs, sync_fails;

static void step(char which)
{
	size_t len = strlen(steps);

	if (len + 1 < sizeof(steps))
		steps[len] = which;
}

int fsync(int fd)
{
	struct stat st;

	step(!fstat(fd, &st) && S_ISDIR(st.st_mode) ? 'd' : 'f');
	if (sync_fails && ++syncs >= sync_fails) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
	step('r');
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void synced(void)
{
	struct e2ee_identity *identity;
	uint64_t seq = 0, before;

	if (e2ee_identity_load(path, &identity, error) ||
	    e2ee_identity_next_seq(identity, &seq, NULL))
		abort();
	memset(steps, 0, sizeof(steps));
	ok(!e2ee_identity_next_seq(identity, &seq, NULL) && !strcmp(steps, "frd"),
	   "file synced, renamed, folder synced: %s", steps);
	before = seq;
	sync_fails = 1;
	ok(e2ee_identity_next_seq(identity, &seq, NULL) == -EIO && seq == before &&
	   stored() == before, "file not synced: no number, the old file");
	syncs = 0;
	sync_fails = 2;
	ok(e2ee_identity_next_seq(identity, &seq, NULL) == -EIO && seq == before,
	   "folder not synced: no number");
	sync_fails = 0;
	ok(!e2ee_identity_next_seq(identity, &seq, NULL) && seq > before &&
	   stored() == seq, "then it goes on with a higher one");
	e2ee_identity_free(identity);
}

/* A clock that was never set, as on a machine without a battery for it */
static bool no_clock;

time_t time(time_t *out)
{
	struct timespec now;
	time_t seconds;

	clock_gettime(CLOCK_REALTIME, &now);
	seconds = no_clock ? 3600 : now.tv_sec;
	if (out)
		*out = seconds;
	return seconds;
}

static char state[PATH_LEN], state_seq[PATH_LEN];

/* The next number of @file with a state folder; 0: there is none */
static uint64_t take(const char *file)
{
	struct e2ee_identity *identity;
	uint64_t seq = 0;

	if (e2ee_identity_load_state(file, state, &identity, error))
		return 0;
	if (e2ee_identity_next_seq(identity, &seq, error))
		seq = 0;
	e2ee_identity_free(identity);
	return seq;
}

static int load_state(void)
{
	struct e2ee_identity *identity;
	int ret = e2ee_identity_load_state(path, state, &identity, error);

	if (!ret)
		e2ee_identity_free(identity);
	return ret;
}

static void number_write(const char *file, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", number);
	file_write(file, text, 0600);
}

/* The number lies in a folder of its own, and the identity's is left alone */
static void state_apart(void)
{
	char lock[PATH_LEN];
	uint64_t seq;

	folder_path(state, "state");
	folder_path(state_seq, "state/identity.pem.seq");
	folder_path(lock, "identity.pem.seq.lock");
	unlink(seq_path);
	unlink(lock);
	file_write(path, pem, 0400);
	ok(load_state() == -ENOENT && says("create the folder"),
	   "no folder for the number: the error says what to do");
	if (mkdir(state, 0700))
		abort();
	seq = take(path);
	ok(seq >= (uint64_t)time(NULL) - 60,
	   "in an empty folder the number begins with the time of day");
	ok(take(path) == seq + 1 && file_mode(state_seq) == 0600,
	   "it goes on from what is there");
	ok(!file_mode(seq_path) && !file_mode(lock),
	   "nothing was written beside the identity");
	unlink(state_seq);
	no_clock = true;
	ok(load_state() == -ETIME && says("set the clock"),
	   "lost, and the clock is wrong: no number");
	number_write(seq_path, 5);
	ok(load_state() == -ETIME, "nor an old one instead");
	number_write(state_seq, 41);
	ok(take(path) == 42, "a number that is there needs no clock");
	no_clock = false;
}

/* An identity that kept its number beside it, and now does so elsewhere */
static void state_moved(void)
{
	uint64_t far = (uint64_t)time(NULL) + 1000000;
	char copy[PATH_LEN], text[32];

	unlink(state_seq);
	number_write(seq_path, far);
	ok(take(path) == far + 1, "moved: it goes on from the old number");
	ok(strtoull(file_read(seq_path, text, sizeof(text)), NULL, 10) == far,
	   "which stays as it was");
	number_write(seq_path, far - 7);
	ok(take(path) == far + 2, "an old number that is lower does not matter");
	number_write(seq_path, far + 9);
	ok(take(path) == far + 10, "one that somebody raised again does");
	file_write(seq_path, "x\n", 0600);
	ok(load_state() == -EBADMSG && says("holds no number"),
	   "an old number that is none is refused");
	unlink(seq_path);
	if (mkdir(folder_path(copy, "copy"), 0700))
		abort();
	file_write(folder_path(copy, "copy/identity.pem"), pem, 0400);
	ok(take(copy) == far + 11 && take(path) == far + 12 &&
	   take(copy) == far + 13, "wherever the file is, the numbers go on");
}

static bool credential(const char *file, mode_t mode)
{
	uint8_t ik[E2EE_IK_LEN];

	chmod(file, mode);
	return !e2ee_identity_public(file, ik, error);
}

/* As systemd hands it over: for its group, says the mode, and for one user */
static void credentials(void)
{
	char top[PATH_LEN], file[PATH_LEN], sub[PATH_LEN];

	if (mkdir(folder_path(top, "credentials"), 0700) ||
	    mkdir(folder_path(sub, "credentials/sub"), 0700))
		abort();
	file_write(folder_path(file, "credentials/id"), pem, 0400);
	file_write(folder_path(sub, "credentials/sub/id"), pem, 0400);
	ok(credential(file, 0400) && !credential(file, 0440) &&
	   says("open to others"), "0440 is refused where nothing says more");
	setenv("CREDENTIALS_DIRECTORY", top, 1);
	ok(credential(file, 0440) && credential(file, 0400),
	   "in the folder of credentials it is taken");
	ok(!credential(file, 0460) && !credential(file, 0450) &&
	   !credential(file, 0444) && !credential(file, 0442),
	   "more than that is refused there, too");
	ok(!credential(sub, 0440) && !credential(path, 0440),
	   "and so it is in any other folder");
	chmod(file, 0440);
	chmod(top, 0550);
	ok(credential(file, 0440), "the folder's group may read it");
	chmod(top, 0701);
	ok(!credential(file, 0440), "others may not enter it");
	chmod(top, 0720);
	ok(!credential(file, 0440), "nor may the group write in it");
	chmod(top, 0700);
	setenv("CREDENTIALS_DIRECTORY", "", 1);
	ok(!credential(file, 0440), "an empty name is no folder");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void memory(void)
{
	struct e2ee_identity *identity;
	uint8_t seed[BYTES_MAX];
	uint64_t a = 0, b = 0;

	unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	      seed);
	ok(!e2ee_identity_memory(seed, &identity) &&
	   same(e2ee_identity_ik(identity),
		"d75a980182b10ab7d54bfed3c964073a"
		"0ee172f3daa62325af021a68f707511a"),
	   "an identity in memory");
	ok(!e2ee_identity_next_seq(identity, &a, NULL) &&
	   !e2ee_identity_next_seq(identity, &b, NULL) && a == 1 && b == 2,
	   "its numbers begin at 1");
	e2ee_identity_free(identity);
}

static void names(void)
{
	char longest[E2EE_NAME_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[E2EE_NAME_MAX + 1] = '\0';
	ok(!e2ee_name_valid(longest), "65 characters are no name");
	longest[E2EE_NAME_MAX] = '\0';
	ok(e2ee_name_valid(longest), "64 are one");
	ok(e2ee_name_valid("Room-1.a_B"), "letters, digits, dot, dash, line");
	ok(!e2ee_name_valid("") && !e2ee_name_valid("a b") &&
	   !e2ee_name_valid("a/b") && !e2ee_name_valid("a+") &&
	   !e2ee_name_valid("#") && !e2ee_name_valid("\xc3\xa4"),
	   "nothing else is");
}

static void leftovers(void)
{
	char command[PATH_LEN + 64];
	FILE *list;
	int first;

	snprintf(command, sizeof(command), "ls %s | grep -E '\\.[A-Za-z0-9]{6}$'",
		 folder);
	list = popen(command, "re");
	first = list ? fgetc(list) : 0;
	ok(first == EOF, "no temporary file is left");
	if (list)
		pclose(list);
}

int main(void)
{
	folder_new();
	folder_path(path, "identity.pem");
	folder_path(seq_path, "identity.pem.seq");
	create();
	read_back();
	permissions();
	contents();
	shared();
	numbers();
	bad_numbers();
	not_stored();
	synced();
	state_apart();
	state_moved();
	credentials();
	memory();
	names();
	leftovers();
	return tap_end();
}
