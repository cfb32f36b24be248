// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The key schedule: the protocol's example, and that each input makes another
 * key. schedule_peer_test.py holds the bytes against another implementation.
 */
#include <errno.h>
#include <string.h>

#include <schedule.h>

#include "tap.h"

static void kids(void)
{
	ok(e2ee_schedule_kid(2, 1, 5, 23) == 0x8057,
	   "stream 2, leaf 1, term 5, seq 23 is 0x8057");
	ok(e2ee_schedule_kid(31, 255, UINT16_MAX, UINT32_MAX) == 0x7ffff,
	   "the highest has 19 bits");
	ok(e2ee_schedule_kid(3, 255, 3, 15) == 0xffff,
	   "up to stream 3 it has two bytes");
	ok(!e2ee_schedule_kid(0, 0, 4, 16), "term and seq wrap");
}

struct input {
	uint8_t secret[32];
	uint8_t leaf;
	const char *dev;
	uint8_t session[E2EE_ID_LEN];
	uint32_t suite;
	uint64_t kid;
};

static int derive(const struct input *in, struct e2ee_key *key)
{
	*key = (struct e2ee_key){ .kid = in->kid };
	return e2ee_schedule_keys(in->secret, in->leaf, in->dev, in->session,
				  in->suite, key, 1);
}

static void differs(const struct input *in, const struct e2ee_key *than,
		    const char *what)
{
	struct e2ee_key key;

	ok(!derive(in, &key) && memcmp(key.secret, than->secret, 16) != 0 &&
	   memcmp(key.salt, than->salt, sizeof(key.salt)) != 0,
	   "another %s, another key and salt", what);
}

static void keys(void)
{
	const struct input first = { .leaf = 1, .dev = "room-a", .suite = 5 };
	struct e2ee_key key, again;
	struct input in = first;

	ok(!derive(&in, &key) && key.secret_len == 32 && key.suite == 5 &&
	   key.has == (E2EE_HAS(E2EE_A_KEY_KID) | E2EE_HAS(E2EE_A_KEY_SUITE) |
		       E2EE_HAS(E2EE_A_KEY_SECRET) |
		       E2EE_HAS(E2EE_A_KEY_SALT)),
	   "a key for the kernel");
	ok(!derive(&in, &again) && !memcmp(&key, &again, sizeof(key)),
	   "twice the same");
	in.secret[31] = 1;
	differs(&in, &key, "epoch secret");
	in = first;
	in.leaf = 2;
	differs(&in, &key, "leaf");
	in = first;
	in.dev = "room-b";
	differs(&in, &key, "device");
	in = first;
	in.session[15] = 1;
	differs(&in, &key, "session id");
	in = first;
	in.kid = 1;
	differs(&in, &key, "KID");
	in = first;
	in.suite = 4;
	differs(&in, &key, "suite");
	ok(!derive(&in, &again) && again.secret_len == 16,
	   "suite 4 has keys of 16 bytes");
}

static void refusals(void)
{
	struct input in = { .dev = "room-a" };
	struct e2ee_key key;
	uint32_t suite;

	for (suite = 0; suite < 9; suite++) {
		in.suite = suite;
		if (suite != 4 && suite != 5)
			ok(derive(&in, &key) == -EINVAL && !key.has,
			   "media suite %u is refused", suite);
	}
}

static void macs(void)
{
	uint8_t secret[32] = { 1 }, t[32] = { 2 }, a[32], b[32];

	ok(!e2ee_schedule_mac(secret, t, "room-a", a) &&
	   !e2ee_schedule_mac(secret, t, "room-b", b) &&
	   memcmp(a, b, sizeof(a)) != 0, "ACKs of two devices differ");
	t[31] = 1;
	ok(!e2ee_schedule_mac(secret, t, "room-a", b) &&
	   memcmp(a, b, sizeof(a)) != 0, "and those for two epochs");
}

int main(void)
{
	kids();
	keys();
	refusals();
	macs();
	return tap_end();
}
