// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The primitives of the key exchange against the vectors of their RFCs.
 */
#include <errno.h>
#include <string.h>

#include <crypto.h>

#include "tap.h"
#include "vectors.h"

#define TEXT(text)	{ text, sizeof(text) - 1 }

static void hashes(void)
{
	const struct e2ee_bytes parts[] = {
		TEXT("a"), { NULL, 0 }, TEXT("b"), TEXT("c"),
	};
	uint8_t hash[64];

	/* FIPS 180-4, examples */
	ok(!e2ee_sha256(hash, parts, 4) &&
	   same(hash, "ba7816bf8f01cfea414140de5dae2223"
		      "b00361a396177a9cb410ff61f20015ad"),
	   "SHA-256 of three parts and an empty one");
	ok(!e2ee_sha256(hash, NULL, 0) &&
	   same(hash, "e3b0c44298fc1c149afbf4c8996fb924"
		      "27ae41e4649b934ca495991b7852b855"),
	   "SHA-256 of nothing");
	ok(!e2ee_sha512(hash, parts, 4) &&
	   same(hash, "ddaf35a193617abacc417349ae204131"
		      "12e6fa4e89a97ea20a9eeee64b55d39a"
		      "2192992a274fc1a836ba3c23a3feebbd"
		      "454d4423643ce80e2a9ac94fa54ca49f"),
	   "SHA-512");
}

static void macs(void)
{
	const struct e2ee_bytes parts[] = {
		TEXT("what do ya want "), TEXT("for nothing?"),
	};
	const struct e2ee_bytes empty = { NULL, 0 };
	uint8_t key[131], mac[E2EE_HASH_LEN];
	const struct e2ee_bytes large = TEXT(
		"Test Using Larger Than Block-Size Key - Hash Key First");

	/* RFC 4231, sections 4.3 and 4.7 */
	ok(!e2ee_hmac(mac, (const uint8_t *)"Jefe", 4, parts, 2) &&
	   same(mac, "5bdcc146bf60754e6a042426089575c7"
		     "5a003f089d2739839dec58b964ec3843"),
	   "HMAC of two parts");
	memset(key, 0xaa, sizeof(key));
	ok(!e2ee_hmac(mac, key, sizeof(key), &large, 1) &&
	   same(mac, "60e431591ee0b67f0d8a26aacbf5b77f"
		     "8e0bc6213728c5140546040f0ee37f54"),
	   "HMAC with a key longer than a block");
	ok(!e2ee_hmac(mac, NULL, 0, &empty, 1) &&
	   same(mac, "b613679a0814d9ec772f95d778c35fc5"
		     "ff1697c493715653c6c712144292c5ad"),
	   "HMAC of nothing under no key");
}

/* RFC 5869, appendix A */
static void hkdf(void)
{
	const struct e2ee_bytes none = { NULL, 0 };
	uint8_t ikm[80], salt[80], info[80], prk[32], okm[82];
	struct e2ee_bytes parts[8];
	uint8_t *long_okm;
	size_t i;

	memset(ikm, 0x0b, 22);
	unhex("000102030405060708090a0b0c", salt);
	unhex("f0f1f2f3f4f5f6f7f8f9", info);
	parts[0] = (struct e2ee_bytes){ info, 3 };
	parts[1] = (struct e2ee_bytes){ info + 3, 7 };
	ok(!e2ee_hkdf_extract(prk, salt, 13, ikm, 22) &&
	   same(prk, "077709362c2e32df0ddc3f0dc47bba63"
		     "90b6c73bb50f9c3122ec844ad7c2b3e5"),
	   "HKDF-Extract");
	ok(!e2ee_hkdf_expand(okm, 42, prk, parts, 2) &&
	   same(okm, "3cb25f25faacd57a90434f64d0362f2a"
		     "2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
	   "HKDF-Expand, info in two parts");
	for (i = 0; i < 80; i++) {
		ikm[i] = (uint8_t)i;
		salt[i] = (uint8_t)(0x60 + i);
		info[i] = (uint8_t)(0xb0 + i);
	}
	for (i = 0; i < 8; i++)
		parts[i] = (struct e2ee_bytes){ info + 10 * i, 10 };
	ok(!e2ee_hkdf_extract(prk, salt, 80, ikm, 80) &&
	   !e2ee_hkdf_expand(okm, 82, prk, parts, 8) &&
	   same(okm, "b11e398dc80327a1c8e7f78c596a4934"
		     "4f012eda2d4efad8a050cc4c19afa97c"
		     "59045a99cac7827271cb41c65e590e09"
		     "da3275600c2f09b8367793a9aca3db71"
		     "cc30c58179ec3e87c14c01d5c1f3434f1d87"),
	   "HKDF of long inputs, and an output of three blocks");
	memset(ikm, 0x0b, 22);
	ok(!e2ee_hkdf_extract(prk, NULL, 0, ikm, 22) &&
	   !e2ee_hkdf_expand(okm, 42, prk, &none, 1) &&
	   same(okm, "8da4e775a563c18f715f802a063c5a31"
		     "b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
	   "HKDF without salt and info");
	long_okm = malloc(255 * 32 + 1);
	if (!long_okm)
		abort();
	ok(!e2ee_hkdf_expand(long_okm, 255 * 32, prk, &none, 1) &&
	   e2ee_hkdf_expand(long_okm, 255 * 32 + 1, prk, &none, 1) == -EINVAL,
	   "HKDF gives 255 blocks, and not more");
	free(long_okm);
}

/* RFC 8032, section 7.1: tests 1, 2, 3, and SHA(abc) */
static const struct {
	const char *seed;
	const char *public;
	const char *text;
	const char *signature;
} signatures[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
	  "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	  "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	  "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
	  "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	  "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
	{ "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
	  "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
	  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	  "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
	  "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704" },
};

static void sign_one(size_t i)
{
	uint8_t seed[BYTES_MAX], public[32], data[BYTES_MAX], signature[64];
	struct e2ee_bytes parts[2];
	size_t len;

	unhex(signatures[i].seed, seed);
	len = unhex(signatures[i].text, data);
	parts[0] = (struct e2ee_bytes){ data, len / 2 };
	parts[1] = (struct e2ee_bytes){ data + len / 2, len - len / 2 };
	ok(!e2ee_sign_public(seed, public) &&
	   same(public, signatures[i].public),
	   "Ed25519, test %zu: public key", i + 1);
	ok(!e2ee_sign(signature, seed, parts, 2) &&
	   same(signature, signatures[i].signature),
	   "Ed25519, test %zu: signature", i + 1);
	ok(!e2ee_sign_verify(signature, public, parts, 2),
	   "Ed25519, test %zu: it is good", i + 1);
	signature[i]++;
	ok(e2ee_sign_verify(signature, public, parts, 2) == -EBADMSG,
	   "Ed25519, test %zu: another signature is not", i + 1);
	signature[i]--;
	public[31] ^= 0x80;
	ok(e2ee_sign_verify(signature, public, parts, 2) == -EBADMSG,
	   "Ed25519, test %zu: nor is another key", i + 1);
	public[31] ^= 0x80;
	data[len] = 0;
	parts[1].len++;
	ok(e2ee_sign_verify(signature, public, parts, 2) == -EBADMSG,
	   "Ed25519, test %zu: nor is a longer text", i + 1);
}

/* RFC 8032, section 5.1.7: S + L would be a second signature of the same text */
static void malleable(void)
{
	static const char order[] =
		"edd3f55c1a631258d69cf7a2def9de14"
		"00000000000000000000000000000010";
	uint8_t signature[BYTES_MAX], public[BYTES_MAX], l[BYTES_MAX];
	const struct e2ee_bytes text = { "r", 1 };
	unsigned int carry = 0, i;

	unhex(signatures[1].signature, signature);
	unhex(signatures[1].public, public);
	unhex(order, l);
	ok(!e2ee_sign_verify(signature, public, &text, 1), "S is good");
	for (i = 0; i < 32; i++) {
		carry += signature[32 + i] + l[i];
		signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	ok(e2ee_sign_verify(signature, public, &text, 1) == -EBADMSG,
	   "S + L is refused");
}

static void random_bytes(void)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	ok(!e2ee_random(a, sizeof(a)) && !e2ee_random(b, sizeof(b)) &&
	   memcmp(a, b, sizeof(a)) != 0 && memcmp(a, a + 32, 32) != 0,
	   "random bytes differ");
}

int main(void)
{
	size_t i;

	hashes();
	macs();
	hkdf();
	for (i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
		sign_one(i);
	malleable();
	random_bytes();
	return tap_end();
}
