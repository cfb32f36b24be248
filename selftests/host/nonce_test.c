// SPDX-License-Identifier: GPL-2.0
/*
 * No nonce twice with one AEAD key: a model of how CTRs are given out
 * (kmod/stream.c, keyring.c, digest.c), taken through every interleaving of two
 * senders, whose sealing may fail, and of requests that install the AEAD key,
 * with every salt, KID, start counter and epoch, delete it, and change the
 * epoch. Then the same with each safeguard left out: the model must find the
 * repetition, or it would find nothing.
 *
 * A reboot, at any moment, takes all that the module remembers (a reload does it
 * too, but waits for the senders). What is left is the mark that e2eectl put
 * beside the key's file (userspace/e2eectl/key.c, secret.c). So there are two
 * worlds: in the first, programs ask the module, which runs on; in the second it
 * is e2eectl, with the key in a file, and there is a reboot. Who gives a start
 * counter after it, by hand, is taken to know what the key has sent.
 */
#include <stdint.h>
#include <string.h>

#include "tap.h"

#define SENDERS		2
#define SLOTS		2	/* keys in memory: one may be on its way out */
#define PACKETS		2	/* of a sender */
#define REQUESTS	5
#define REQUESTS_BY_FILE	3	/* and a reboot */
#define LIMIT		3	/* first CTR that is not used */
#define DEAD		15	/* no CTR any more */
#define NO_CTR		14	/* none given */

enum fault {
	NONE,
	NOT_DEAD,	/* a deleted key can still give out CTRs */
	NOT_ATOMIC,	/* two senders may read the same CTR */
	ANY_CTR,	/* a start counter below the last */
	ANY_SALT,	/* another salt */
	TWICE,		/* installed while it is installed */
	FORGOTTEN,	/* deleted keys are not remembered */
	GIVEN_BACK,	/* a CTR whose sealing failed is used again */
	UNMOVED,	/* a key that sent may start where it could before */
	UNMARKED,	/* the file is not marked as spent; from here on: with it */
	MARKED_LATE,	/* only when the key is installed */
	NOT_SYNCED,	/* the mark does not outlive the reboot */
	MARK_IGNORED,	/* no start counter is asked for */
	LOW_CTR,	/* one below the last is given after the reboot */
	FAULTS
};

static const char *const fault_names[] = {
	"none", "not dead", "not atomic", "any ctr", "any salt", "twice",
	"forgotten", "given back", "unmoved", "unmarked", "marked late",
	"not synced", "mark ignored", "low ctr",
};

/* What e2eectl is at */
enum stage { NOTHING, MARKED, INSTALLED };

enum step { IDLE, HAS_KEY, HAS_CTR, SEALING };

/* A byte each, so that states can be compared as bytes */
struct state {
	struct {
		uint8_t there, installed, epoch, kid, salt, first, ctr;
	} keys[SLOTS];
	struct {
		uint8_t kept, live, sent, next, kid, salt;
	} digest;
	struct {
		uint8_t step, slot, ctr, packets;
	} senders[SENDERS];
	struct {
		uint8_t spent, was;		/* before this request */
		uint8_t stage, kid, salt, ctr, epoch;
		uint8_t reached, sent_salt;	/* for who knows */
	} file;
	uint8_t reboots;
	uint8_t epoch, requests, deleting;	/* slot + 1, half deleted */
	uint8_t nonces;				/* bits: used */
};

#define TABLE	(1U << 21)

static struct {
	struct state *states;	/* open addressing; requests 255: free */
	unsigned long num;
	bool repeated;
	bool by_file;		/* the second world */
	enum fault fault;
} run;

static void visit(const struct state *state);

static uint64_t hash(const struct state *state)
{
	const uint8_t *bytes = (const void *)state;
	uint64_t sum = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < sizeof(*state); i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3ULL;
	return sum ^ sum >> 29;
}

/* false: it was there */
static bool add(const struct state *state)
{
	uint64_t at = hash(state) % TABLE;

	while (run.states[at].requests != 255) {
		if (!memcmp(&run.states[at], state, sizeof(*state)))
			return false;
		at = (at + 1) % TABLE;
	}
	if (++run.num > TABLE / 4 * 3)
		abort();
	run.states[at] = *state;
	return true;
}

static bool held(const struct state *state, unsigned int slot)
{
	for (int i = 0; i < SENDERS; i++)
		if (state->senders[i].step != IDLE &&
		    state->senders[i].slot == slot)
			return true;
	return false;
}

/* e2ee_digest_check(), e2ee_digest_use() */
static bool digest_use(struct state *state, uint8_t kid, uint8_t salt,
		       uint8_t ctr)
{
	if (state->digest.kept) {
		if (state->digest.live && run.fault != TWICE)
			return false;
		if ((state->digest.salt != salt && run.fault != ANY_SALT) ||
		    state->digest.kid != kid)
			return false;
		if (ctr == NO_CTR)
			return false;
		if (ctr < state->digest.next && run.fault != ANY_CTR)
			return false;
	} else {
		memset(&state->digest, 0, sizeof(state->digest));
		state->digest.kept = 1;
		state->digest.kid = kid;
		state->digest.salt = salt;
	}
	state->digest.live = 1;
	return true;
}

/* e2ee_digest_release() */
static void digest_release(struct state *state, uint8_t first, uint8_t next)
{
	if (next != first) {
		state->digest.sent = 1;
		if (run.fault != UNMOVED)
			state->digest.next = next;
	}
	state->digest.live = 0;
	if (!state->digest.sent || run.fault == FORGOTTEN)
		memset(&state->digest, 0, sizeof(state->digest));
}

/* false: refused */
static bool key_new(struct state *state, uint8_t kid, uint8_t salt, uint8_t ctr,
		    uint8_t epoch)
{
	unsigned int slot;

	for (slot = 0; slot < SLOTS && state->keys[slot].there; slot++)
		;
	if (slot == SLOTS || !digest_use(state, kid, salt, ctr))
		return false;
	state->keys[slot].there = state->keys[slot].installed = 1;
	state->keys[slot].epoch = epoch;
	state->keys[slot].kid = kid;
	state->keys[slot].salt = salt;
	state->keys[slot].first = ctr == NO_CTR ? 0 : ctr;
	state->keys[slot].ctr = state->keys[slot].first;
	return true;
}

static void install(const struct state *from, uint8_t kid, uint8_t salt,
		    uint8_t ctr, uint8_t epoch)
{
	struct state state = *from;

	if (!key_new(&state, kid, salt, ctr, epoch))
		return;
	state.requests++;
	visit(&state);
}

/* Does somebody who knows what the key has sent ask for this? */
static bool sensible(const struct state *state, uint8_t salt, uint8_t ctr)
{
	if (ctr == NO_CTR || state->digest.kept || run.fault == LOW_CTR)
		return true;	/* others see to it */
	return !state->file.reached || (ctr >= state->file.reached &&
					salt == state->file.sent_salt);
}

/* key_install() of e2eectl: the mark, then the module */
static void ctl_begin(const struct state *from, uint8_t kid, uint8_t salt,
		      uint8_t ctr, uint8_t epoch)
{
	struct state state = *from;

	if ((state.file.spent && ctr == NO_CTR && run.fault != MARK_IGNORED) ||
	    !sensible(from, salt, ctr))
		return;
	state.requests++;
	state.file.stage = MARKED;
	state.file.kid = kid;
	state.file.salt = salt;
	state.file.ctr = ctr;
	state.file.epoch = epoch;
	state.file.was = state.file.spent;
	if (run.fault != UNMARKED && run.fault != MARKED_LATE)
		state.file.spent = 1;
	visit(&state);
}

static void ctl_end(struct state *state)
{
	state->file.stage = NOTHING;
	state->file.kid = state->file.salt = state->file.ctr = 0;
	state->file.epoch = state->file.was = 0;
	visit(state);
}

/* the mark is taken back where the module refuses */
static void ctl_install(const struct state *from)
{
	struct state state = *from;

	if (!key_new(&state, state.file.kid, state.file.salt, state.file.ctr,
		     state.file.epoch)) {
		state.file.spent = state.file.was;
		ctl_end(&state);
		return;
	}
	state.file.stage = INSTALLED;
	visit(&state);
}

static void ctl_installed(const struct state *from)
{
	struct state state = *from;

	if (run.fault == MARKED_LATE)
		state.file.spent = 1;
	ctl_end(&state);
}

/* what a file system keeps is left */
static void reboot(const struct state *from)
{
	struct state state = *from;

	if (state.reboots)
		return;
	state.reboots = 1;
	memset(state.keys, 0, sizeof(state.keys));
	memset(&state.digest, 0, sizeof(state.digest));
	for (int i = 0; i < SENDERS; i++)
		state.senders[i].step = state.senders[i].slot =
			state.senders[i].ctr = 0;
	state.epoch = state.deleting = 0;
	if (run.fault == NOT_SYNCED)
		state.file.spent = 0;
	ctl_end(&state);
}

static void ask(const struct state *from, uint8_t kid, uint8_t salt, uint8_t ctr,
		uint8_t epoch)
{
	if (run.by_file)
		ctl_begin(from, kid, salt, ctr, epoch);
	else
		install(from, kid, salt, ctr, epoch);
}

/* e2ee_keyring_unlink(): out of the table first, then its last CTR */
static void del(const struct state *from)
{
	struct state state;
	unsigned int slot;

	for (slot = 0; slot < SLOTS; slot++) {
		if (!from->keys[slot].installed)
			continue;
		state = *from;
		state.requests++;
		state.keys[slot].installed = 0;
		state.deleting = (uint8_t)(slot + 1);
		visit(&state);
	}
}

static void del_end(const struct state *from)
{
	struct state state = *from;
	unsigned int slot = state.deleting - 1U;

	state.deleting = 0;
	digest_release(&state, state.keys[slot].first, state.keys[slot].ctr);
	if (run.fault != NOT_DEAD)
		state.keys[slot].ctr = DEAD;
	visit(&state);
}

static unsigned int requests_max(void)
{
	return run.by_file ? REQUESTS_BY_FILE : REQUESTS;
}

static void requests(const struct state *from)
{
	static const uint8_t ctrs[] = { NO_CTR, 0, 1, 2 };
	struct state state;

	if (run.by_file)
		reboot(from);
	if (from->deleting) {
		del_end(from);
		return;
	}
	if (from->file.stage == MARKED)
		ctl_install(from);
	else if (from->file.stage == INSTALLED)
		ctl_installed(from);
	if (from->file.stage != NOTHING || from->requests == requests_max())
		return;
	for (uint8_t kid = 0; kid < 2; kid++)
		for (uint8_t salt = 0; salt < 2; salt++)
			for (size_t i = 0; i < sizeof(ctrs); i++)
				for (uint8_t epoch = 0; epoch < 2; epoch++)
					ask(from, kid, salt, ctrs[i], epoch);
	del(from);
	state = *from;
	state.requests++;
	state.epoch ^= 1;
	visit(&state);
}

/* the key is freed when it is out of the table and no sender has it */
static void leave(struct state *state, int sender)
{
	state->senders[sender].step = IDLE;
	state->senders[sender].slot = state->senders[sender].ctr = 0;
}

static void reap(struct state *state)
{
	for (unsigned int slot = 0; slot < SLOTS; slot++)
		if (state->keys[slot].there && !state->keys[slot].installed &&
		    state->deleting != slot + 1 && !held(state, slot))
			memset(&state->keys[slot], 0, sizeof(state->keys[0]));
}

static void find_key(const struct state *from, int sender)
{
	struct state state;

	if (from->senders[sender].packets == PACKETS)
		return;
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		if (!from->keys[slot].installed ||
		    from->keys[slot].epoch != from->epoch)
			continue;
		state = *from;
		state.senders[sender].packets++;
		state.senders[sender].step = HAS_KEY;
		state.senders[sender].slot = (uint8_t)slot;
		visit(&state);
	}
}

static void read_ctr(const struct state *from, int sender)
{
	struct state state = *from;
	uint8_t ctr = state.keys[state.senders[sender].slot].ctr;

	state.senders[sender].step = HAS_CTR;
	state.senders[sender].ctr = ctr;
	if (ctr == DEAD || ctr >= LIMIT)
		leave(&state, sender);
	visit(&state);
}

static void note_sent(struct state *state, uint8_t slot, uint8_t ctr)
{
	state->file.sent_salt = state->keys[slot].salt;
	if (state->file.reached <= ctr)
		state->file.reached = (uint8_t)(ctr + 1);
}

/* the compare and exchange; what was read is read anew if it fails */
static void take_ctr(const struct state *from, int sender)
{
	struct state state = *from;
	uint8_t slot = state.senders[sender].slot;
	uint8_t ctr = state.senders[sender].ctr;

	if (state.keys[slot].ctr != ctr && run.fault != NOT_ATOMIC) {
		state.senders[sender].step = HAS_KEY;
		state.senders[sender].ctr = 0;
	} else {
		state.keys[slot].ctr = (uint8_t)(ctr + 1);
		state.senders[sender].step = SEALING;
		if (run.by_file)
			note_sent(&state, slot, ctr);
	}
	visit(&state);
}

/* sealed, and it left; or it failed when some of it was sealed already */
static void seal(const struct state *from, int sender)
{
	uint8_t slot = from->senders[sender].slot;
	uint8_t ctr = from->senders[sender].ctr;
	uint8_t bit = (uint8_t)(1 << (ctr ^ from->keys[slot].salt));
	struct state state = *from;

	if (state.nonces & bit)
		run.repeated = true;
	state.nonces |= bit;
	leave(&state, sender);
	visit(&state);
	if (run.fault == GIVEN_BACK && state.keys[slot].ctr == ctr + 1) {
		state.keys[slot].ctr = ctr;
		visit(&state);
	}
}

static void visit(const struct state *state)
{
	struct state now = *state;

	reap(&now);
	if (run.repeated || !add(&now))
		return;
	requests(&now);
	for (int i = 0; i < SENDERS; i++) {
		switch (now.senders[i].step) {
		case IDLE:
			find_key(&now, i);
			break;
		case HAS_KEY:
			read_ctr(&now, i);
			break;
		case HAS_CTR:
			take_ctr(&now, i);
			break;
		case SEALING:
			seal(&now, i);
			break;
		}
	}
}

static void explore(enum fault fault, bool by_file)
{
	struct state start;

	memset(&start, 0, sizeof(start));
	memset(run.states, 255, TABLE * sizeof(*run.states));
	run.num = 0;
	run.repeated = false;
	run.by_file = by_file;
	run.fault = fault;
	visit(&start);
	printf("# safeguard left out%s: %s; %lu states%s\n",
	       by_file ? ", with a file and a reboot" : "", fault_names[fault],
	       run.num, run.repeated ? ", a nonce twice" : "");
}

static void no_nonce_twice(void)
{
	explore(NONE, false);
	EXPECT(!run.repeated);
	EXPECT(run.num > 100000);
}

static void no_nonce_twice_over_a_reboot(void)
{
	explore(NONE, true);
	EXPECT(!run.repeated);
	EXPECT(run.num > 100000);
}

static void each_safeguard_is_needed(void)
{
	for (enum fault fault = NONE + 1; fault < FAULTS; fault++) {
		explore(fault, fault >= UNMARKED);
		EXPECT(run.repeated);
	}
}

int main(void)
{
	run.states = malloc(TABLE * sizeof(*run.states));
	if (!run.states)
		abort();
	tap_start();
	TAP_RUN(no_nonce_twice);
	TAP_RUN(no_nonce_twice_over_a_reboot);
	TAP_RUN(each_safeguard_is_needed);
	free(run.states);
	return tap_end();
}
