// SPDX-License-Identifier: GPL-2.0
/*
 * SFrame (RFC 9605) in the RTP form of draft-ietf-avtcore-rtp-sframe-02: the
 * descriptor byte, the SFrame header and the nonce. No cryptography here.
 *
 *	 0 1 2 3 4 5 6 7		 0 1 2 3 4 5 6 7
 *	+-+-+-+-+-+-+-+-+		+-+-----+-+-----+
 *	|S|E|T|reserved |  descriptor	|X|  K  |Y|  C  |  config byte
 *	+-+-+-+-+-+-+-+-+		+-+-----+-+-----+
 */
#include "sframe.h"

#define DESCRIPTOR_T		0x20	/* content was a codec's RTP payload */
#define DESCRIPTOR_RESERVED	0x1f

#define KID_SHIFT		4
#define FIELD_EXTENDED		0x08	/* field is a length, minus one */
#define FIELD_VALUE		0x07

/* Bytes that @value needs behind the config byte: 0, or 1 to 8. */
static unsigned int e2ee_sframe_value_len(u64 value)
{
	if (value <= FIELD_VALUE)
		return 0;
	return ((unsigned int)fls64(value) + 7) / 8;
}

/* Write @value into @n bytes; returns its field of the config byte. */
static u8 e2ee_sframe_value_put(u8 *buf, unsigned int n, u64 value)
{
	unsigned int i;

	if (!n)
		return (u8)value;
	for (i = n; i--; value >>= 8)
		buf[i] = (u8)value;
	return (u8)(FIELD_EXTENDED | (n - 1));
}

/* Bytes behind the config byte that its @field announces. */
static unsigned int e2ee_sframe_field_len(u8 field)
{
	if (!(field & FIELD_EXTENDED))
		return 0;
	return (field & FIELD_VALUE) + 1U;
}

/*
 * Read a value; false where fewer bytes, or the config byte alone, would have
 * done: "MUST be encoded with the minimal number of bytes". Who accepted two
 * spellings of one value would let a packet be altered unnoticed, were it not
 * for the AAD; rejecting costs less than relying on that.
 */
static bool e2ee_sframe_value_get(const u8 *data, u8 field, u64 *value)
{
	unsigned int n = e2ee_sframe_field_len(field);
	unsigned int i;

	if (!n) {
		*value = field;
		return true;
	}
	for (*value = 0, i = 0; i < n; i++)
		*value = *value << 8 | data[i];
	return e2ee_sframe_value_len(*value) == n;
}

/**
 * e2ee_sframe_encode - write an SFrame header (RFC 9605, section 4.3)
 * @buf: room for E2EE_SFRAME_HEADER_MAX bytes
 * @kid: key identifier
 * @ctr: counter
 *
 * Return: bytes written, 1 to 17.
 */
u32 e2ee_sframe_encode(u8 *buf, u64 kid, u64 ctr)
{
	unsigned int kid_len = e2ee_sframe_value_len(kid);
	unsigned int ctr_len = e2ee_sframe_value_len(ctr);

	buf[0] = (u8)(e2ee_sframe_value_put(buf + 1, kid_len, kid) <<
		      KID_SHIFT);
	buf[0] |= e2ee_sframe_value_put(buf + 1 + kid_len, ctr_len, ctr);
	return 1 + kid_len + ctr_len;
}

/**
 * e2ee_sframe_decode - read an SFrame header (RFC 9605, section 4.3)
 * @data: the header and what follows
 * @len: bytes in @data
 * @kid: filled with the key identifier
 * @ctr: filled with the counter
 *
 * Return: length of the header, 1 to 17, or -EBADMSG where @data ends before
 * it, or KID or CTR are longer than needed. Then @kid and @ctr are undefined.
 */
int e2ee_sframe_decode(const u8 *data, size_t len, u64 *kid, u64 *ctr)
{
	unsigned int kid_len, ctr_len;
	u8 k, c;

	if (!len)
		return -EBADMSG;

	k = data[0] >> KID_SHIFT;
	c = data[0] & (FIELD_EXTENDED | FIELD_VALUE);
	kid_len = e2ee_sframe_field_len(k);
	ctr_len = e2ee_sframe_field_len(c);
	if (len < 1 + kid_len + ctr_len)
		return -EBADMSG;
	if (!e2ee_sframe_value_get(data + 1, k, kid) ||
	    !e2ee_sframe_value_get(data + 1 + kid_len, c, ctr))
		return -EBADMSG;
	return (int)(1 + kid_len + ctr_len);
}

/**
 * e2ee_sframe_is_sealed - does this payload claim to be SFrame?
 * @payload: of an RTP packet
 * @len: bytes in @payload
 *
 * S and E are not looked at: libwebrtc sets them by media frame, and a packet
 * with T set is opened alone.
 */
bool e2ee_sframe_is_sealed(const u8 *payload, size_t len)
{
	return len && (payload[0] & (DESCRIPTOR_T | DESCRIPTOR_RESERVED)) ==
		      DESCRIPTOR_T;
}

/**
 * e2ee_sframe_front_len - bytes that stand before the ciphertext
 * @kid: key identifier
 * @ctr: counter
 */
u32 e2ee_sframe_front_len(u64 kid, u64 ctr)
{
	return 2 + e2ee_sframe_value_len(kid) + e2ee_sframe_value_len(ctr);
}

/**
 * e2ee_sframe_front - write what stands before the ciphertext
 * @buf: room for e2ee_sframe_front_len() bytes
 * @kid: key identifier
 * @ctr: counter
 * @sealed: filled with what was written
 *
 * Return: bytes written.
 */
u32 e2ee_sframe_front(u8 *buf, u64 kid, u64 ctr, struct e2ee_sealed *sealed)
{
	buf[0] = E2EE_SFRAME_DESCRIPTOR;
	sealed->kid = kid;
	sealed->ctr = ctr;
	sealed->aad = 1;
	sealed->aad_len = e2ee_sframe_encode(buf + 1, kid, ctr);
	sealed->body = 1 + sealed->aad_len;
	return sealed->body;
}

/**
 * e2ee_sframe_parse - read what stands before the ciphertext
 * @payload: of an RTP packet
 * @len: bytes in @payload
 * @sealed: filled with what was read
 *
 * Return: 0, or -EBADMSG where it does not parse, is not minimal, or leaves no
 * room for the tag.
 */
int e2ee_sframe_parse(const u8 *payload, size_t len,
		      struct e2ee_sealed *sealed)
{
	int header;

	if (!e2ee_sframe_is_sealed(payload, len))
		return -EBADMSG;
	header = e2ee_sframe_decode(payload + 1, len - 1, &sealed->kid,
				    &sealed->ctr);
	if (header < 0)
		return header;

	sealed->aad = 1;
	sealed->aad_len = (u32)header;
	sealed->body = 1 + sealed->aad_len;
	if (len - sealed->body < E2EE_SFRAME_TAG_LEN)
		return -EBADMSG;
	return 0;
}

/**
 * e2ee_sframe_nonce - the AEAD's nonce, RFC 9605, section 4.4.3
 * @nonce: to be filled
 * @salt: of the key
 * @ctr: counter
 *
 * Salt XOR CTR, the CTR as a 12-byte number.
 */
void e2ee_sframe_nonce(u8 nonce[E2EE_SFRAME_NONCE_LEN],
		       const u8 salt[E2EE_SFRAME_NONCE_LEN], u64 ctr)
{
	memcpy(nonce, salt, 4);
	e2ee_put_be64(nonce + 4, e2ee_get_be64(salt + 4) ^ ctr);
}
