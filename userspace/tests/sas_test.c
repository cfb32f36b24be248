// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What people compare: the protocol's known answers, and that every input
 * counts.
 */
#include <errno.h>
#include <string.h>

#include <sas.h>

#include "tap.h"
#include "vectors.h"

static void identity_code(void)
{
	uint8_t ik[E2EE_IDENTITY_LEN];
	char text[E2EE_CODE_LEN];
	unsigned int i;

	for (i = 0; i < sizeof(ik); i++)
		ik[i] = (uint8_t)i;
	ok(!e2ee_identity_code("room-a", ik, text) &&
	   !strcmp(text, "69204 96850 38058 18861 30117 63420 87713 16243"),
	   "identity code: %s", text);
	ok(!e2ee_identity_code("room-b", ik, text) &&
	   strncmp(text, "69204", 5) != 0, "another name, another code");
	ok(e2ee_identity_code("room a", ik, text) == -EINVAL && !*text,
	   "no code for what is no name");
}

static uint8_t call[16], t[E2EE_HASH_LEN], authenticator[32];
static struct e2ee_sas_context context = { call, 7, t };
static struct e2ee_sas_share shares[3] = {
	{ .dev = "room-a" }, { .dev = "room-b" }, { .dev = "room-c" },
};

/* epoch_secret is 42 repeated, and its authenticator is in the schedule */
static void example(void)
{
	static const char text[] = "example signed EPOCH message";
	static const char label[] = "e2ee/1 authenticator";
	const struct e2ee_bytes part = { text, sizeof(text) - 1 };
	const struct e2ee_bytes info[] = { { label, sizeof(label) - 1 },
					   { t, sizeof(t) } };
	uint8_t secret[32];
	unsigned int i;

	for (i = 0; i < sizeof(call); i++)
		call[i] = (uint8_t)i;
	for (i = 0; i < 3; i++)
		memset(shares[i].nonce, (int)(0x11 * (i + 1)), 32);
	memset(secret, 0x42, sizeof(secret));
	if (e2ee_sha256(t, &part, 1) ||
	    e2ee_hkdf_expand(authenticator, 32, secret, info, 2))
		abort();
}

static void known_answer(void)
{
	static const uint16_t numbers[] = { 8955, 1519, 4112 };
	static const char *const words[] = {
		"Folder", "Rooster", "Spanner", "Cat", "Rocket", "Pig",
		"Elephant",
	};
	uint8_t code[E2EE_SAS_CODE_LEN], emoji[E2EE_SAS_EMOJI];
	uint16_t found[E2EE_SAS_NUMBERS];
	unsigned int i;

	ok(!e2ee_sas_code(&context, shares, 3, authenticator, code) &&
	   same(code, "f89881d8519d95a9"), "known answer: B");
	e2ee_sas_show(code, emoji, found);
	for (i = 0; i < E2EE_SAS_EMOJI; i++)
		ok(!strcmp(e2ee_sas_word(emoji[i]), words[i]),
		   "known answer: %s", e2ee_sas_word(emoji[i]));
	ok(!memcmp(found, numbers, sizeof(numbers)),
	   "known answer: %u-%u-%u", found[0], found[1], found[2]);
}

/* Ends of the ranges: no bit is lost, and none is looked at twice */
static void shown(void)
{
	uint8_t code[E2EE_SAS_CODE_LEN] = { 0 }, emoji[E2EE_SAS_EMOJI];
	uint16_t numbers[E2EE_SAS_NUMBERS];
	unsigned int i, bit;
	bool good = true;

	e2ee_sas_show(code, emoji, numbers);
	ok(!emoji[0] && !emoji[6] && numbers[0] == 1000 && numbers[2] == 1000,
	   "zeros are the lowest");
	memset(code, 0xff, sizeof(code));
	e2ee_sas_show(code, emoji, numbers);
	ok(emoji[0] == 63 && emoji[6] == 63 && numbers[0] == 9191 &&
	   numbers[2] == 9191, "ones are the highest");
	for (bit = 0; bit < 64; bit++) {
		memset(code, 0, sizeof(code));
		code[bit / 8] = (uint8_t)(0x80 >> bit % 8);
		e2ee_sas_show(code, emoji, numbers);
		for (i = 0; i < E2EE_SAS_EMOJI; i++)
			good = good && emoji[i] == (bit / 6 == i ?
						    0x20 >> bit % 6 : 0);
		for (i = 0; i < E2EE_SAS_NUMBERS; i++)
			good = good && numbers[i] == 1000 + (bit / 13 == i ?
						    0x1000 >> bit % 13 : 0);
	}
	ok(good, "each bit is where it belongs");
}

/* The code point that a text begins with; texts here are of three or four bytes */
static uint32_t code_point(const char *text)
{
	const uint8_t *byte = (const uint8_t *)text;

	if (byte[0] >> 4 == 0xe)
		return (uint32_t)(byte[0] & 15) << 12 | (byte[1] & 63u) << 6 |
		       (byte[2] & 63u);
	return (uint32_t)(byte[0] & 7) << 18 | (byte[1] & 63u) << 12 |
	       (byte[2] & 63u) << 6 | (byte[3] & 63u);
}

/*
 * All of Matrix's table, in its order: two people whose devices disagree about
 * one of its places would see different codes, or the same code where there
 * should be two.
 */
static void table(void)
{
	static const struct {
		uint32_t point;
		const char *word;
	} matrix[64] = {
		{ 0x1f436, "Dog" }, { 0x1f431, "Cat" }, { 0x1f981, "Lion" },
		{ 0x1f40e, "Horse" }, { 0x1f984, "Unicorn" },
		{ 0x1f437, "Pig" }, { 0x1f418, "Elephant" },
		{ 0x1f430, "Rabbit" }, { 0x1f43c, "Panda" },
		{ 0x1f413, "Rooster" }, { 0x1f427, "Penguin" },
		{ 0x1f422, "Turtle" }, { 0x1f41f, "Fish" },
		{ 0x1f419, "Octopus" }, { 0x1f98b, "Butterfly" },
		{ 0x1f337, "Flower" }, { 0x1f333, "Tree" },
		{ 0x1f335, "Cactus" }, { 0x1f344, "Mushroom" },
		{ 0x1f30f, "Globe" }, { 0x1f319, "Moon" }, { 0x2601, "Cloud" },
		{ 0x1f525, "Fire" }, { 0x1f34c, "Banana" },
		{ 0x1f34e, "Apple" }, { 0x1f353, "Strawberry" },
		{ 0x1f33d, "Corn" }, { 0x1f355, "Pizza" }, { 0x1f382, "Cake" },
		{ 0x2764, "Heart" }, { 0x1f600, "Smiley" },
		{ 0x1f916, "Robot" }, { 0x1f3a9, "Hat" },
		{ 0x1f453, "Glasses" }, { 0x1f527, "Spanner" },
		{ 0x1f385, "Santa" }, { 0x1f44d, "Thumbs Up" },
		{ 0x2602, "Umbrella" }, { 0x231b, "Hourglass" },
		{ 0x23f0, "Clock" }, { 0x1f381, "Gift" },
		{ 0x1f4a1, "Light Bulb" }, { 0x1f4d5, "Book" },
		{ 0x270f, "Pencil" }, { 0x1f4ce, "Paperclip" },
		{ 0x2702, "Scissors" }, { 0x1f512, "Lock" },
		{ 0x1f511, "Key" }, { 0x1f528, "Hammer" },
		{ 0x260e, "Telephone" }, { 0x1f3c1, "Flag" },
		{ 0x1f682, "Train" }, { 0x1f6b2, "Bicycle" },
		{ 0x2708, "Aeroplane" }, { 0x1f680, "Rocket" },
		{ 0x1f3c6, "Trophy" }, { 0x26bd, "Ball" },
		{ 0x1f3b8, "Guitar" }, { 0x1f3ba, "Trumpet" },
		{ 0x1f514, "Bell" }, { 0x2693, "Anchor" },
		{ 0x1f3a7, "Headphones" }, { 0x1f4c1, "Folder" },
		{ 0x1f4cc, "Pin" },
	};

	for (uint8_t i = 0; i < 64; i++)
		ok(code_point(e2ee_sas_emoji(i)) == matrix[i].point &&
		   !strcmp(e2ee_sas_word(i), matrix[i].word), "%u is %s", i,
		   matrix[i].word);
}

static void commit_differs(const char *what, const uint8_t *than)
{
	uint8_t commitment[E2EE_HASH_LEN];

	ok(!e2ee_sas_commit(&context, "room-a", shares[0].nonce, commitment) &&
	   memcmp(commitment, than, sizeof(commitment)) != 0,
	   "a commitment depends on %s", what);
}

static void commitments(void)
{
	uint8_t first[E2EE_HASH_LEN], other[E2EE_HASH_LEN];

	ok(!e2ee_sas_commit(&context, "room-a", shares[0].nonce, first) &&
	   !e2ee_sas_commit(&context, "room-a", shares[0].nonce, other) &&
	   !memcmp(first, other, sizeof(first)), "a commitment is final");
	ok(!e2ee_sas_commit(&context, "room-b", shares[0].nonce, other) &&
	   memcmp(first, other, sizeof(first)) != 0,
	   "a commitment depends on the device");
	call[15] ^= 1;
	commit_differs("the call", first);
	call[15] ^= 1;
	t[31] ^= 1;
	commit_differs("T", first);
	t[31] ^= 1;
	context.epoch ^= 1U << 31;
	commit_differs("the epoch", first);
	context.epoch ^= 1U << 31;
	shares[0].nonce[31] ^= 1;
	commit_differs("the nonce", first);
	shares[0].nonce[31] ^= 1;
}

static void code_differs(const char *what, size_t count)
{
	uint8_t code[E2EE_SAS_CODE_LEN];

	ok(!e2ee_sas_code(&context, shares, count, authenticator, code) &&
	   !same(code, "f89881d8519d95a9"), "B depends on %s", what);
}

static void codes(void)
{
	uint8_t first[E2EE_HASH_LEN], other[E2EE_HASH_LEN];

	code_differs("who is in it", 2);
	shares[2].nonce[0] ^= 1;
	code_differs("the last nonce", 3);
	shares[2].nonce[0] ^= 1;
	authenticator[0] ^= 1;
	code_differs("the authenticator", 3);
	authenticator[0] ^= 1;
	call[0] ^= 1;
	code_differs("the call", 3);
	call[0] ^= 1;
	context.epoch++;
	code_differs("the epoch", 3);
	context.epoch--;
	ok(!e2ee_sas_commitments(shares, 3, first), "hash of commitments");
	shares[1].commitment[0] ^= 1;
	ok(!e2ee_sas_commitments(shares, 3, other) &&
	   memcmp(first, other, sizeof(first)) != 0,
	   "it depends on each of them");
	ok(e2ee_sas_commitments(shares, 257, other) == -EINVAL,
	   "more than a room holds are refused");
}

int main(void)
{
	identity_code();
	example();
	known_answer();
	shown();
	table();
	commitments();
	codes();
	return tap_end();
}
