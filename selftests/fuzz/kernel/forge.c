// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "forge.h"
#include "kinds.h"
#include "rtp.h"

#define DESCRIPTOR	0xe0
#define AAD_MAX		64

static void must(int ok)
{
	if (ok != 1)
		abort();
}

/* AES-GCM over any bytes as header. Returns the length of all. */
static size_t seal(const struct sframe_key *key, uint64_t ctr,
		   const uint8_t *aad, size_t aad_len, const uint8_t *plain,
		   size_t len, uint8_t *out)
{
	static EVP_CIPHER_CTX *ctx;
	uint8_t nonce[12];
	int n;

	if (!ctx)
		ctx = EVP_CIPHER_CTX_new();
	memcpy(nonce, key->salt, sizeof(nonce));
	for (int i = 11; i >= 4; i--, ctr >>= 8)
		nonce[i] ^= (uint8_t)ctr;
	must(EVP_EncryptInit_ex(ctx, key->suite == 4 ? EVP_aes_128_gcm() :
				EVP_aes_256_gcm(), NULL, key->secret, nonce));
	must(EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len));
	memcpy(out, aad, aad_len);
	must(EVP_EncryptUpdate(ctx, out + aad_len, &n, plain, (int)len));
	must(EVP_EncryptFinal_ex(ctx, out + aad_len + len, &n));
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SFRAME_TAG,
				 out + aad_len + len));
	return aad_len + len + SFRAME_TAG;
}

static uint64_t choose_ctr(struct dice *dice, struct model_key *key)
{
	uint64_t low = key->next > 2 * MODEL_WINDOW ?
		       key->next - 2 * MODEL_WINDOW : 0;

	switch (dice_below(dice, 32)) {
	case 0:		/* a leap, which leaves room for billions more */
		key->fresh += dice_below(dice, 3 * MODEL_WINDOW);
		break;
	case 1:
		return UINT64_MAX - dice_below(dice, 2);
	case 2 ... 5:	/* at the edges of the window, and behind it */
		return low + dice_below(dice, 2 * MODEL_WINDOW);
	case 6:		/* the last one again */
		return key->fresh ? key->fresh - 1 : 0;
	case 7:		/* the next size of the header */
		if (key->fresh < 8 * MODEL_WINDOW)
			key->fresh += 8;
		else if (dice_one_in(dice, 512) && key->fresh < 1ULL << 56)
			key->fresh *= 256;
		break;
	default:
		break;
	}
	return key->fresh++;
}

/* UINT64_MAX - 1 would be the last packet ever: only keys that are spent */
static uint64_t spare_ctr(uint64_t ctr, const struct model_key *key)
{
	return ctr == UINT64_MAX - 1 && !key->expired ? UINT64_MAX : ctr;
}

static struct model_key *choose_key(struct dice *dice, struct target *target)
{
	return &target->keys[dice_below(dice, MODEL_KEYS)];
}

/* @wish: what is to come out, with the @head before it; 0: anything */
static size_t choose_len(struct dice *dice, size_t room, size_t wish,
			 size_t head)
{
	size_t len;

	if (wish)
		return wish > head ? wish - head : 0;
	switch (dice_below(dice, 64)) {
	case 0:
		len = dice_below(dice, (uint32_t)room);
		break;
	case 1 ... 6:
		len = dice_below(dice, 1500);
		break;
	case 7 ... 12:
		len = 0;
		break;
	default:
		len = dice_below(dice, 200);
	}
	return len < room ? len : room;
}

static uint8_t choose_pt(struct dice *dice)
{
	if (dice_one_in(dice, 6))
		return MODEL_RTX_PT;
	return dice_one_in(dice, 3) ? (uint8_t)dice_below(dice, 128) : 96;
}

static uint32_t choose_ssrc(struct dice *dice)
{
	switch (dice_below(dice, 4)) {
	case 0:
		return MODEL_SSRC_A;
	case 1:
		return MODEL_SSRC_B;
	case 2:
		return MODEL_SSRC_RTX;
	default:
		return dice_u32(dice);
	}
}

/* Header of an RTP packet: CSRCs, extension, OSN. Returns its length. */
static size_t put_header(struct dice *dice, uint8_t *out, uint8_t pt)
{
	struct rtp rtp = {
		.pt = pt, .marker = dice_one_in(dice, 2),
		.seq = (uint16_t)dice_u32(dice), .ts = dice_u32(dice),
		.ssrc = choose_ssrc(dice),
		.csrcs = dice_one_in(dice, 4) ? dice_below(dice, 16) : 0,
		.ext = dice_one_in(dice, 2) ? dice_below(dice, 4) : 0,
	};
	size_t len = rtp_build(out, &rtp);

	if (pt == MODEL_RTX_PT) {
		dice_bytes(dice, out + len, 2);
		len += 2;
	}
	return len;
}

/* Padding with its count, the right one or nearly. Returns its length. */
static size_t put_padding(struct dice *dice, uint8_t *header, uint8_t *end)
{
	size_t len = dice_one_in(dice, 2) ? 1 + dice_below(dice, 4) :
					    1 + dice_below(dice, 255);

	header[0] |= 0x20;
	memset(end, 0, len);
	end[len - 1] = (uint8_t)len;
	if (dice_one_in(dice, 4))
		end[len - 1] = (uint8_t)dice_u32(dice);
	return len;
}

/* A SFrame header as no sender spells it, over which the tag is valid */
static size_t odd_header(struct dice *dice, uint8_t *out, uint64_t kid,
			 uint64_t ctr)
{
	unsigned int kid_len = dice_below(dice, 9);
	unsigned int ctr_len = dice_below(dice, 9);
	uint8_t *end = out + 1;

	if (dice_one_in(dice, 4)) {
		dice_bytes(dice, out, AAD_MAX);
		return dice_below(dice, 1 + SFRAME_HEADER);
	}
	out[0] = kid_len ? (uint8_t)(0x80 | (kid_len - 1) << 4) :
			   (uint8_t)((kid & 7) << 4);
	out[0] |= ctr_len ? (uint8_t)(8 | (ctr_len - 1)) : (uint8_t)(ctr & 7);
	for (unsigned int i = kid_len; i--; )
		*end++ = (uint8_t)(kid >> 8 * i);
	for (unsigned int i = ctr_len; i--; )
		*end++ = (uint8_t)(ctr >> 8 * i);
	return (size_t)(end - out);
}

/* Sealed with a key of the target's; @odd: over what no sender writes */
static size_t put_sealed(struct dice *dice, struct target *target,
			 uint8_t *out, size_t room, size_t wish, bool odd)
{
	struct model_key *key = choose_key(dice, target);
	uint64_t ctr = spare_ctr(choose_ctr(dice, key), key);
	size_t head = put_header(dice, out, choose_pt(dice)), len, aad_len;
	static uint8_t plain[RTP_ROOM];
	uint8_t aad[AAD_MAX];

	aad_len = odd ? odd_header(dice, aad, key->key.kid, ctr) :
			sframe_header(aad, key->key.kid, ctr);
	len = choose_len(dice, room - head - 1 - aad_len - SFRAME_TAG - 255,
			 wish, head + 1 + aad_len + SFRAME_TAG);
	dice_bytes(dice, plain, len);
	if (len > 16 && dice_one_in(dice, 4))	/* a packet in a packet */
		memcpy(plain, out, 12);
	out[head] = DESCRIPTOR;
	if (dice_one_in(dice, 6))		/* S and E do not matter */
		out[head] = (uint8_t)(0x20 | dice_below(dice, 4) << 6);
	if (odd && dice_one_in(dice, 6))
		out[head] = (uint8_t)dice_u32(dice);
	head += 1 + seal(&key->key, ctr, aad, aad_len, plain, len,
			 out + head + 1);
	if (!wish && dice_one_in(dice, odd ? 2 : 4))
		head += put_padding(dice, out, out + head);
	return head;
}

/* The seal of somebody without keys, or only its front */
static size_t put_unknown(struct dice *dice, struct target *target,
			  uint8_t *out, size_t room, size_t wish)
{
	size_t head = put_header(dice, out, choose_pt(dice)), len;
	uint64_t kid = dice_one_in(dice, 2) ? dice_odd_number(dice) :
		       choose_key(dice, target)->key.kid;

	out[head++] = dice_one_in(dice, 4) ? (uint8_t)dice_u32(dice) :
					     DESCRIPTOR;
	head += sframe_header(out + head, kid, dice_odd_number(dice));
	len = choose_len(dice, room - head, wish, head);
	dice_bytes(dice, out + head, len);
	return head + len;
}

static size_t put_clear(struct dice *dice, uint8_t *out, size_t room,
			size_t wish)
{
	size_t head = put_header(dice, out, choose_pt(dice));
	size_t len = choose_len(dice, room - head - 255, wish, head);

	dice_bytes(dice, out + head, len);
	head += len;
	if (!wish && dice_one_in(dice, 4))
		head += put_padding(dice, out, out + head);
	return head;
}

static size_t put_kind(struct dice *dice, uint8_t *out)
{
	const struct kind *kinds = dice_one_in(dice, 2) ? kinds_other :
							  kinds_disguised;
	unsigned int num = 0;

	while (kinds[num].name)
		num++;
	return kinds[dice_below(dice, num)].build(out);
}

static size_t put_junk(struct dice *dice, uint8_t *out, size_t room,
		       size_t wish)
{
	static const uint8_t firsts[] = {
		0, 1, 0x10, 20, 22, 23, 25, 32, 0x2c, 63, 64, 79, 80, 127,
		0x80, 0x90, 0xa0, 0xb0, 0x8f, 0xbf, 0xc0, 0xff,
	};
	size_t len = choose_len(dice, room, wish, 0);

	dice_bytes(dice, out, len);
	if (len)
		out[0] = firsts[dice_below(dice, sizeof(firsts))];
	return len;
}

/* TURN puts it into ChannelData, or into an indication */
static size_t wrap(struct dice *dice, uint8_t *out, size_t len, size_t room)
{
	static uint8_t inner[RTP_ROOM];

	if (len + 40 > room)
		return len;
	memcpy(inner, out, len);
	if (dice_one_in(dice, 4))
		return stun_data_build(out, inner, len);
	len = channel_build(out, inner, len, dice_one_in(dice, 2));
	if (dice_one_in(dice, 8))
		out[3] = (uint8_t)(out[3] + 3 - dice_below(dice, 7));
	return len;
}

/* What happens to bytes on the way */
static size_t damage(struct dice *dice, uint8_t *out, size_t len, size_t room)
{
	size_t at = dice_below(dice, (uint32_t)len);
	size_t near = dice_below(dice, len < 48 ? (uint32_t)len : 48), n;

	if (!len)
		return 0;
	switch (dice_below(dice, 8)) {
	case 0 ... 2:	/* a bit, more often where the structure is */
		out[near] ^= (uint8_t)(1 << dice_below(dice, 8));
		return len;
	case 3:
		out[at] ^= (uint8_t)(1 << dice_below(dice, 8));
		return len;
	case 4:
		out[near] = (uint8_t)dice_odd_number(dice);
		return len;
	case 5:
		return at;
	case 6:
		n = 1 + dice_below(dice, 32);
		if (len + n > room)
			return len;
		dice_bytes(dice, out + len, n);
		return len + n;
	default:	/* a piece is missing */
		n = 1 + dice_below(dice, (uint32_t)(len - at));
		memmove(out + at, out + at + n, len - at - n);
		return len - n;
	}
}

size_t forge_packet(struct dice *dice, struct target *target, uint8_t *out,
		    size_t room, size_t wish)
{
	size_t len;

	switch (dice_below(dice, 20)) {
	case 0 ... 7:
		len = put_sealed(dice, target, out, room, wish, false);
		break;
	case 8 ... 11:
		len = put_sealed(dice, target, out, room, wish, true);
		break;
	case 12 ... 14:
		len = put_unknown(dice, target, out, room, wish);
		break;
	case 15:
		len = put_clear(dice, out, room, wish);
		break;
	case 16 ... 17:
		len = put_kind(dice, out);
		break;
	default:
		len = put_junk(dice, out, room, wish);
	}
	if (len > room)
		len = room;
	if (dice_one_in(dice, 12))
		len = wrap(dice, out, len, room);
	while (dice_one_in(dice, 4))
		len = damage(dice, out, len, room);
	return len;
}
