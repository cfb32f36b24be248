// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Wrapping: HPKE against the vectors of RFC 9180, both suites there and back,
 * and all that has to be refused.
 */
#include <errno.h>
#include <string.h>

#include <crypto.h>
#include <hpke.h>

#include "tap.h"
#include "vectors.h"

#define AES_256_GCM	2

static const struct e2ee_bytes info = { "the info", 8 };
static const struct e2ee_bytes aad = { "the aad", 7 };

static EVP_PKEY *private_key(struct json_object *vector, const char *name)
{
	uint8_t raw[BYTES_MAX];
	size_t len = bytes(vector, name, raw);
	EVP_PKEY *key;

	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, raw, len);
	if (!key)
		abort();
	return key;
}

static void kem(struct json_object *vector)
{
	uint8_t public[BYTES_MAX], enc[32], shared[32];
	EVP_PKEY *ephemeral = private_key(vector, "skEm");
	EVP_PKEY *receiver = private_key(vector, "skRm");

	bytes(vector, "pkRm", public);
	ok(!e2ee_hpke_encap(ephemeral, public, enc, shared) &&
	   same(enc, text(vector, "enc")) &&
	   same(shared, text(vector, "shared_secret")),
	   "RFC 9180: encap");
	memset(shared, 0, sizeof(shared));
	ok(!e2ee_hpke_decap(receiver, enc, shared) &&
	   same(shared, text(vector, "shared_secret")),
	   "RFC 9180: decap");
	EVP_PKEY_free(ephemeral);
	EVP_PKEY_free(receiver);
}

static void messages(struct json_object *vector, struct e2ee_hpke *hpke)
{
	struct json_object *list, *message;
	uint8_t pt[BYTES_MAX], ct[BYTES_MAX], ad[BYTES_MAX], out[BYTES_MAX];
	struct e2ee_bytes plain = { pt, 0 }, cipher = { ct, 0 };
	struct e2ee_bytes extra = { ad, 0 };

	list = json_object_object_get(vector, "encryptions");
	message = json_object_array_get_idx(list, 0);
	plain.len = bytes(message, "pt", pt);
	cipher.len = bytes(message, "ct", ct);
	extra.len = bytes(message, "aad", ad);
	ok(cipher.len == plain.len + E2EE_HPKE_TAG_LEN &&
	   !e2ee_hpke_seal(hpke, &extra, &plain, out) &&
	   !memcmp(out, ct, cipher.len),
	   "RFC 9180: seal");
	memset(out, 0, sizeof(out));
	ok(!e2ee_hpke_open(hpke, &extra, &cipher, out) &&
	   !memcmp(out, pt, plain.len),
	   "RFC 9180: open");
	ct[cipher.len - 1] ^= 1;
	ok(e2ee_hpke_open(hpke, &extra, &cipher, out) == -EBADMSG && !out[0],
	   "RFC 9180: a tag with another bit does not open, and leaves nothing");
	cipher.len = E2EE_HPKE_TAG_LEN - 1;
	ok(e2ee_hpke_open(hpke, &extra, &cipher, out) == -EBADMSG,
	   "nor does what is shorter than a tag");
}

static void schedule(struct json_object *vector)
{
	uint8_t shared[BYTES_MAX], text_info[BYTES_MAX];
	struct e2ee_bytes in = { text_info, 0 };
	struct e2ee_hpke hpke;

	bytes(vector, "shared_secret", shared);
	in.len = bytes(vector, "info", text_info);
	ok(!e2ee_hpke_schedule(shared, &in, &hpke) &&
	   same(hpke.key, text(vector, "key")) &&
	   same(hpke.nonce, text(vector, "base_nonce")),
	   "RFC 9180: key and nonce");
	messages(vector, &hpke);
}

static void rfc9180(void)
{
	struct json_object *root = vectors("hpke-rfc9180.json");
	unsigned int count = 0;
	size_t i;

	if (!root)
		return;
	for (i = 0; i < json_object_array_length(root); i++) {
		struct json_object *vector = json_object_array_get_idx(root, i);

		/* The KEM does not know which AEAD comes after it */
		kem(vector);
		if (number(vector, "aead_id") != AES_256_GCM)
			continue;
		schedule(vector);
		count++;
	}
	ok(count == 1, "RFC 9180: one vector of this suite");
	json_object_put(root);
}

struct pair {
	struct e2ee_wrap_key *key;
	uint8_t public[E2EE_WRAP_PUBLIC_MAX];
	size_t len;
};

static bool pair_new(uint32_t suite, struct pair *pair)
{
	return !e2ee_wrap_key_new(suite, &pair->key, pair->public, &pair->len);
}

static int open_as(const struct pair *pair, const struct e2ee_wrapped *wrapped,
		   const struct e2ee_bytes *with_info,
		   const struct e2ee_bytes *with_aad, uint8_t *raw)
{
	const struct e2ee_bytes enc = { wrapped->enc, wrapped->enc_len };
	const struct e2ee_bytes ct = { wrapped->ct, wrapped->ct_len };

	memset(raw, 0x55, E2EE_RAW_LEN);
	return e2ee_wrap_open(pair->key, with_info, with_aad, &enc, &ct, raw);
}

static bool wiped(const uint8_t *raw)
{
	static const uint8_t zeros[E2EE_RAW_LEN];

	return !memcmp(raw, zeros, sizeof(zeros));
}

static void refused(const struct pair *pair, const struct pair *other,
		    const struct e2ee_wrapped *good, const char *name)
{
	const struct e2ee_bytes other_text = { "another", 7 };
	struct e2ee_wrapped bad;
	uint8_t out[E2EE_RAW_LEN];

	ok(open_as(other, good, &info, &aad, out) == -EBADMSG && wiped(out),
	   "%s: another key does not open it", name);
	ok(open_as(pair, good, &other_text, &aad, out) == -EBADMSG &&
	   wiped(out), "%s: nor does another info", name);
	ok(open_as(pair, good, &info, &other_text, out) == -EBADMSG &&
	   wiped(out), "%s: nor does another aad", name);
	bad = *good;
	bad.ct[7] ^= 1;
	ok(open_as(pair, &bad, &info, &aad, out) == -EBADMSG && wiped(out),
	   "%s: nor is another ciphertext", name);
	bad = *good;
	bad.ct_len--;
	ok(open_as(pair, &bad, &info, &aad, out) == -EBADMSG && wiped(out),
	   "%s: nor a shorter one", name);
	bad = *good;
	bad.enc_len++;
	ok(open_as(pair, &bad, &info, &aad, out) == -EBADMSG && wiped(out),
	   "%s: nor a longer encapsulated key", name);
}

static void round_trip(uint32_t suite, const char *name, size_t public_len,
		       size_t enc_len, size_t ct_len)
{
	uint8_t raw[E2EE_RAW_LEN], out[E2EE_RAW_LEN];
	struct e2ee_wrapped wrapped, second;
	struct pair pair, other;

	if (!ok(pair_new(suite, &pair) && pair_new(suite, &other),
		"%s: keys", name))
		return;
	e2ee_random(raw, sizeof(raw));
	ok(pair.len == public_len &&
	   memcmp(pair.public, other.public, public_len) != 0,
	   "%s: public keys of %zu bytes, no two alike", name, public_len);
	ok(!e2ee_wrap_seal(suite, pair.public, pair.len, &info, &aad, raw,
			   &wrapped) &&
	   wrapped.enc_len == enc_len && wrapped.ct_len == ct_len,
	   "%s: seals to %zu and %zu bytes", name, enc_len, ct_len);
	ok(!open_as(&pair, &wrapped, &info, &aad, out) &&
	   !memcmp(out, raw, sizeof(raw)), "%s: and opens", name);
	ok(!e2ee_wrap_seal(suite, pair.public, pair.len, &info, &aad, raw,
			   &second) &&
	   memcmp(second.ct, wrapped.ct, ct_len) != 0,
	   "%s: sealed again it is something else", name);
	refused(&pair, &other, &wrapped, name);
	ok(e2ee_wrap_seal(suite, pair.public, pair.len - 1, &info, &aad, raw,
			  &wrapped) == -EINVAL,
	   "%s: a public key of another length is refused", name);
	e2ee_wrap_key_free(pair.key);
	e2ee_wrap_key_free(other.key);
}

/* OAEP's label takes both lengths in: what is moved from one to the other */
static void rsa_label(void)
{
	const struct e2ee_bytes info1 = { "abc", 3 }, aad1 = { "de", 2 };
	const struct e2ee_bytes info2 = { "ab", 2 }, aad2 = { "cde", 3 };
	uint8_t raw[E2EE_RAW_LEN] = { 1 }, out[E2EE_RAW_LEN];
	struct e2ee_wrapped wrapped;
	struct pair pair;

	if (!pair_new(E2EE_WRAP_RSA, &pair))
		abort();
	ok(!e2ee_wrap_seal(E2EE_WRAP_RSA, pair.public, pair.len, &info1, &aad1,
			   raw, &wrapped) &&
	   open_as(&pair, &wrapped, &info2, &aad2, out) == -EBADMSG,
	   "RSA: a byte from info to aad does not open");
	pair.public[0] &= 0x7f;
	ok(e2ee_wrap_seal(E2EE_WRAP_RSA, pair.public, pair.len, &info, &aad,
			  raw, &wrapped) == -EINVAL,
	   "RSA: a modulus of 3071 bits is refused");
	pair.public[0] |= 0x80;
	pair.public[383] &= 0xfe;
	ok(e2ee_wrap_seal(E2EE_WRAP_RSA, pair.public, pair.len, &info, &aad,
			  raw, &wrapped) == -EINVAL,
	   "RSA: an even modulus is refused");
	e2ee_wrap_key_free(pair.key);
}

/* Points of small order: whoever sends them, the shared secret is zero */
static const char *const small_points[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void small_order(void)
{
	uint8_t point[BYTES_MAX], raw[E2EE_RAW_LEN] = { 1 }, out[E2EE_RAW_LEN];
	struct e2ee_wrapped wrapped;
	struct pair pair;
	size_t i;

	if (!pair_new(E2EE_WRAP_X25519, &pair))
		abort();
	for (i = 0; i < sizeof(small_points) / sizeof(*small_points); i++) {
		unhex(small_points[i], point);
		ok(e2ee_wrap_seal(E2EE_WRAP_X25519, point, 32, &info, &aad, raw,
				  &wrapped) == -EINVAL && wiped(wrapped.ct),
		   "X25519: point %zu of small order is no receiver", i);
		memcpy(wrapped.enc, point, 32);
		wrapped.enc_len = 32;
		wrapped.ct_len = 48;
		ok(open_as(&pair, &wrapped, &info, &aad, out) == -EBADMSG,
		   "X25519: and no sender");
	}
	e2ee_wrap_key_free(pair.key);
}

static void unknown_suites(void)
{
	uint8_t public[E2EE_WRAP_PUBLIC_MAX] = { 1 }, raw[E2EE_RAW_LEN] = { 1 };
	const uint32_t suites[] = { 0, E2EE_WRAP_XWING, 4, UINT32_MAX };
	struct e2ee_wrapped wrapped;
	struct e2ee_wrap_key *key;
	size_t i, len;

	for (i = 0; i < sizeof(suites) / sizeof(*suites); i++)
		ok(e2ee_wrap_key_new(suites[i], &key, public, &len) ==
		   -EOPNOTSUPP && !key &&
		   e2ee_wrap_seal(suites[i], public, 32, &info, &aad, raw,
				  &wrapped) == -EOPNOTSUPP,
		   "wrap suite %u is not known", suites[i]);
	e2ee_wrap_key_free(NULL);
}

int main(void)
{
	rfc9180();
	round_trip(E2EE_WRAP_X25519, "X25519", 32, 32, 48);
	round_trip(E2EE_WRAP_RSA, "RSA", 384, 0, 384);
	rsa_label();
	small_order();
	unknown_suites();
	return tap_end();
}
