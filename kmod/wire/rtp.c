// SPDX-License-Identifier: GPL-2.0
/*
 * What a datagram on a media port is, and where its RTP payload lies.
 *
 * The first byte tells the protocols on such a port apart (RFC 7983):
 *
 *	 0 ..   3  STUN		 64 ..  79  TURN ChannelData
 *	16 ..  19  ZRTP		128 .. 191  RTP and RTCP (RFC 5761)
 *	20 ..  63  DTLS		the rest    nothing that belongs here
 *
 * A first byte alone proves nothing. What is not sealed passes in clear, so
 * each protocol but RTP must parse to its last byte before it is believed:
 * else one odd byte in front would carry media past the module.
 *
 * TURN wraps packets in two ways, in ChannelData and in the DATA attribute of
 * indications. Either is looked into, and an indication inside ChannelData
 * too, but no deeper, so that the depth of the stack is fixed: nobody sends
 * one indication in another, or ChannelData in either. DTLS may travel in an
 * attribute of STUN, too, at any depth; there is nothing inside DTLS.
 */
#include "rtcp.h"
#include "rtp.h"

#define STUN_HEADER_LEN		20
#define STUN_COOKIE		0x2112a442	/* RFC 8489, section 5 */
#define STUN_METHOD_MASK	0x3eef		/* the type without its class */
#define STUN_ATTR_LEN		4		/* type and length */
#define STUN_ATTR_DATA		0x0013		/* RFC 8656, section 18 */
#define STUN_ATTR_DTLS		0xc070		/* browsers: DTLS in STUN */

#define CHANNEL_HEADER_LEN	4
#define CHANNEL_PAD_MAX		3

#define DTLS_HEADER_LEN		13
#define DTLS_RECORD_MAX		(16384 + 2048)	/* RFC 6347, section 4.1 */
#define DTLS_HANDSHAKE		22
#define DTLS_TLS12_CID		25
#define DTLS_MESSAGE_LEN	12		/* header of a handshake */
#define DTLS_CLIENT_HELLO	1
#define DTLS_SERVER_HELLO	2
#define DTLS_HELLO_FIXED	34		/* version and random */
#define DTLS_USE_SRTP		14		/* RFC 5764, section 4.1 */
#define DTLS_UNIFIED_CID	0x10		/* RFC 9147, section 4 */
#define DTLS_UNIFIED_SEQ16	0x08
#define DTLS_UNIFIED_LEN	0x04
#define DTLS_UNIFIED_MIN	16		/* RFC 9147, section 4.2.3 */

#define ZRTP_FIRST		0x10
#define ZRTP_COOKIE		0x5a525450
#define ZRTP_HEADER_LEN		12
#define ZRTP_PREAMBLE		0x505a
#define ZRTP_MESSAGE_MIN	12		/* preamble, length, type */
#define ZRTP_CRC_LEN		4

#define RTP_PADDING		0x20
#define RTP_EXTENSION		0x10
#define RTP_CSRC_COUNT		0x0f
#define RTP_HEADER_LEN		12
#define RTP_PT_MASK		0x7f

/*
 * RFC 3550, section 5.1. Of the header extension only the length counts,
 * whatever its profile: it stays as it is, and receivers skip what they do not
 * know.
 */
static bool e2ee_rtp_layout(const u8 *data, size_t len, struct e2ee_rtp *rtp)
{
	size_t end = RTP_HEADER_LEN + 4UL * (data[0] & RTP_CSRC_COUNT);

	if (data[0] & RTP_EXTENSION) {
		if (len < end + 4)
			return false;
		end += 4 + 4UL * e2ee_get_be16(data + end + 2);
	}
	if (len < end)
		return false;

	len -= end;
	if (data[0] & RTP_PADDING) {
		/* the count includes itself; it must not reach the header */
		if (!len || !data[end + len - 1] || data[end + len - 1] > len)
			return false;
		rtp->pad_len = data[end + len - 1];
	}
	rtp->payload = (u32)end;
	rtp->payload_len = (u32)len - rtp->pad_len;
	return true;
}

/*
 * Payload types 64 to 95 are RTCP's packet types with the marker bit taken
 * for their top bit (RFC 5761, section 4). RTP must not use them on such a
 * port: what is not RTCP in every detail is RTP that does.
 */
static enum e2ee_rtp_kind e2ee_rtp_media_kind(const u8 *data, size_t len,
					      struct e2ee_rtp *rtp)
{
	u8 pt;

	if (len < 2)
		return E2EE_RTP_DISGUISED;
	pt = data[1] & RTP_PT_MASK;
	if (pt >= 64 && pt <= 95)
		return e2ee_rtcp_is_whole(data, len) ? E2EE_RTP_RTCP :
						       E2EE_RTP_DISGUISED;

	if (len < RTP_HEADER_LEN || !e2ee_rtp_layout(data, len, rtp))
		return E2EE_RTP_DISGUISED;
	rtp->seq = e2ee_get_be16(data + 2);
	rtp->ssrc = e2ee_get_be32(data + 8);
	rtp->pt = pt;
	return rtp->payload_len ? E2EE_RTP_MEDIA : E2EE_RTP_BARE;
}

/* Step over a vector with a length of @size bytes before it. */
static bool e2ee_rtp_skip(const u8 **pos, const u8 *end, size_t size)
{
	size_t left = (size_t)(end - *pos);
	size_t len;

	if (left < size)
		return false;
	len = size == 1 ? (*pos)[0] : e2ee_get_be16(*pos);
	if (left - size < len)
		return false;
	*pos += size + len;
	return true;
}

/* Find use_srtp in the extensions; -EBADMSG where they do not parse. */
static int e2ee_rtp_extensions_have_srtp(const u8 *pos, const u8 *end)
{
	int found = 0;

	if (pos == end)
		return 0;	/* none at all is allowed */
	if (end - pos < 2 || e2ee_get_be16(pos) != end - pos - 2)
		return -EBADMSG;

	for (pos += 2; pos < end; ) {
		if (end - pos < 2)
			return -EBADMSG;
		if (e2ee_get_be16(pos) == DTLS_USE_SRTP)
			found = 1;
		pos += 2;
		if (!e2ee_rtp_skip(&pos, end, 2))
			return -EBADMSG;
	}
	return found;
}

/*
 * A whole ClientHello or ServerHello (RFC 6347, section 4.3.2; RFC 5246,
 * section 7.4.1.3): 1 if it carries use_srtp, 0 if not, -EBADMSG where it does
 * not parse.
 */
static int e2ee_rtp_hello_has_srtp(u8 type, const u8 *pos, size_t len)
{
	const u8 *end = pos + len;

	if (len < DTLS_HELLO_FIXED)
		return -EBADMSG;
	pos += DTLS_HELLO_FIXED;
	if (!e2ee_rtp_skip(&pos, end, 1))		/* session id */
		return -EBADMSG;

	if (type == DTLS_CLIENT_HELLO) {
		if (!e2ee_rtp_skip(&pos, end, 1) ||	/* cookie */
		    !e2ee_rtp_skip(&pos, end, 2) ||	/* cipher suites */
		    !e2ee_rtp_skip(&pos, end, 1))	/* compression */
			return -EBADMSG;
	} else {
		if (end - pos < 3)			/* the chosen ones */
			return -EBADMSG;
		pos += 3;
	}
	return e2ee_rtp_extensions_have_srtp(pos, end);
}

/*
 * A piece of a hello has no structure to follow, so look for what the
 * extension looks like: type 14, its length, that of one to 32 profiles, the
 * first of which begins with 0. Eight bytes that agree with each other: at a
 * random place they turn up once in 2^40. One that the cut goes through is not
 * seen.
 */
static bool e2ee_rtp_like_srtp(const u8 *data, size_t len)
{
	size_t i, size, profiles;

	for (i = 0; i + 8 <= len; i++) {
		if (e2ee_get_be16(data + i) != DTLS_USE_SRTP)
			continue;
		size = e2ee_get_be16(data + i + 2);
		profiles = e2ee_get_be16(data + i + 4);
		if (profiles >= 2 && profiles <= 64 && !(profiles & 1) &&
		    size >= profiles + 3 && size <= profiles + 3 + 255 &&
		    !data[i + 6] && data[i + 7])
			return true;
	}
	return false;
}

/* The handshake messages of one unencrypted record. */
static bool e2ee_rtp_handshake_has_srtp(const u8 *data, size_t len)
{
	size_t total, offset, size;
	const u8 *body;
	int found;

	while (len >= DTLS_MESSAGE_LEN) {
		body = data + DTLS_MESSAGE_LEN;
		total = e2ee_get_be24(data + 1);
		offset = e2ee_get_be24(data + 6);
		size = e2ee_get_be24(data + 9);
		if (size > len - DTLS_MESSAGE_LEN)
			break;
		if (data[0] == DTLS_CLIENT_HELLO ||
		    data[0] == DTLS_SERVER_HELLO) {
			found = -EBADMSG;
			if (!offset && size == total)
				found = e2ee_rtp_hello_has_srtp(data[0], body,
								size);
			if (found < 0)
				found = e2ee_rtp_like_srtp(body, size);
			if (found)
				return true;
		}
		data += DTLS_MESSAGE_LEN + size;
		len -= DTLS_MESSAGE_LEN + size;
	}
	return e2ee_rtp_like_srtp(data, len);
}

/*
 * Length of the DTLS 1.3 record with a unified header (RFC 9147, section 4) at
 * @data, 0 if it is none. Without a length it could be anything, and with a
 * connection ID of unknown length too.
 */
static size_t e2ee_rtp_dtls_unified_len(const u8 *data, size_t len)
{
	size_t header = data[0] & DTLS_UNIFIED_SEQ16 ? 5 : 4;
	size_t size;

	if (data[0] & DTLS_UNIFIED_CID || !(data[0] & DTLS_UNIFIED_LEN) ||
	    len < header)
		return 0;
	size = e2ee_get_be16(data + header - 2);
	if (size < DTLS_UNIFIED_MIN || size > DTLS_RECORD_MAX ||
	    size > len - header)
		return 0;
	return header + size;
}

/*
 * Length of the DTLS record at @data, 0 if it is none. tls12_cid (RFC 9146)
 * has a connection ID of unknown length before its length.
 */
static size_t e2ee_rtp_dtls_record_len(const u8 *data, size_t len)
{
	size_t size;
	u16 version;

	if (data[0] >= 32 && data[0] <= 63)
		return e2ee_rtp_dtls_unified_len(data, len);
	if (data[0] < 20 || data[0] > 26 || data[0] == DTLS_TLS12_CID ||
	    len < DTLS_HEADER_LEN)
		return 0;

	version = e2ee_get_be16(data + 1);
	if (version != 0xfeff && version != 0xfefd && version != 0xfefc)
		return 0;
	size = e2ee_get_be16(data + 11);
	if (size > DTLS_RECORD_MAX || size > len - DTLS_HEADER_LEN)
		return 0;
	return DTLS_HEADER_LEN + size;
}

static enum e2ee_rtp_kind e2ee_rtp_dtls_kind(const u8 *data, size_t len)
{
	enum e2ee_rtp_kind kind = E2EE_RTP_DTLS;
	size_t size;

	for (; len; data += size, len -= size) {
		size = e2ee_rtp_dtls_record_len(data, len);
		if (!size)
			return E2EE_RTP_DISGUISED;
		/* epoch 0: not encrypted */
		if (data[0] == DTLS_HANDSHAKE && !e2ee_get_be16(data + 3) &&
		    e2ee_rtp_handshake_has_srtp(data + DTLS_HEADER_LEN,
						size - DTLS_HEADER_LEN))
			kind = E2EE_RTP_DTLS_SRTP;
	}
	return kind;
}

/* RFC 6189, section 5: header, one message, CRC */
static enum e2ee_rtp_kind e2ee_rtp_zrtp_kind(const u8 *data, size_t len)
{
	size_t size;

	if (len < ZRTP_HEADER_LEN + ZRTP_MESSAGE_MIN + ZRTP_CRC_LEN ||
	    data[0] != ZRTP_FIRST || e2ee_get_be32(data + 4) != ZRTP_COOKIE ||
	    e2ee_get_be16(data + ZRTP_HEADER_LEN) != ZRTP_PREAMBLE)
		return E2EE_RTP_DISGUISED;
	size = 4UL * e2ee_get_be16(data + ZRTP_HEADER_LEN + 2);
	if (len != ZRTP_HEADER_LEN + size + ZRTP_CRC_LEN)
		return E2EE_RTP_DISGUISED;
	return E2EE_RTP_ZRTP;
}

/* RFC 8489, section 5. The first byte is below 4. */
static bool e2ee_rtp_stun_header_ok(const u8 *data, size_t len)
{
	return len >= STUN_HEADER_LEN && !(len & 3) &&
	       e2ee_get_be16(data + 2) == len - STUN_HEADER_LEN &&
	       e2ee_get_be32(data + 4) == STUN_COOKIE &&
	       e2ee_get_be16(data) & STUN_METHOD_MASK;
}

static enum e2ee_rtp_kind e2ee_rtp_lone_kind(const u8 *data, size_t len,
					     bool nested, struct e2ee_rtp *rtp);

/*
 * What an attribute holds. DATA is a whole packet, STUN_ATTR_DTLS a flight of a
 * handshake, which saves a round trip that way. Any other attribute is opaque,
 * since a checksum may look like RTP by chance; but nothing looks by chance like
 * a hello with use_srtp, so that is found wherever it is.
 */
static enum e2ee_rtp_kind e2ee_rtp_attribute_kind(u16 type, const u8 *data,
						  size_t len, bool nested)
{
	enum e2ee_rtp_kind kind = len ? e2ee_rtp_dtls_kind(data, len) :
					E2EE_RTP_EMPTY;
	struct e2ee_rtp inner;

	if (type == STUN_ATTR_DTLS || kind == E2EE_RTP_DTLS_SRTP)
		return kind;
	if (type != STUN_ATTR_DATA)
		return E2EE_RTP_STUN;
	if (nested)
		return E2EE_RTP_DISGUISED;
	kind = e2ee_rtp_lone_kind(data, len, true, &inner);
	return kind == E2EE_RTP_MEDIA ? E2EE_RTP_DISGUISED : kind;
}

/*
 * A STUN message, and what its attributes carry. Only Send and Data indications
 * have DATA (RFC 8656, section 11), but a relay that is lax about that must not
 * become a way around the module.
 */
static enum e2ee_rtp_kind e2ee_rtp_stun_kind(const u8 *data, size_t len,
					     bool nested)
{
	enum e2ee_rtp_kind kind = E2EE_RTP_STUN, content;
	size_t pos, size, padded;

	if (!e2ee_rtp_stun_header_ok(data, len))
		return E2EE_RTP_DISGUISED;

	/* @len and @pos are multiples of 4, so a header of 4 is always there */
	for (pos = STUN_HEADER_LEN; pos < len; pos += STUN_ATTR_LEN + padded) {
		size = e2ee_get_be16(data + pos + 2);
		padded = (size + 3) & ~(size_t)3;
		if (padded > len - pos - STUN_ATTR_LEN)
			return E2EE_RTP_DISGUISED;
		content = e2ee_rtp_attribute_kind(e2ee_get_be16(data + pos),
						  data + pos + STUN_ATTR_LEN,
						  size, nested);
		if (content == E2EE_RTP_DISGUISED)
			return content;
		if (content == E2EE_RTP_DTLS_SRTP)
			kind = content;
	}
	return kind;
}

/* A packet outside ChannelData; @nested: in the DATA attribute of another. */
static enum e2ee_rtp_kind e2ee_rtp_lone_kind(const u8 *data, size_t len,
					     bool nested, struct e2ee_rtp *rtp)
{
	*rtp = (struct e2ee_rtp){ 0 };
	if (!len)
		return E2EE_RTP_EMPTY;

	switch (data[0]) {
	case 128 ... 191:
		return e2ee_rtp_media_kind(data, len, rtp);
	case 0 ... 3:
		return e2ee_rtp_stun_kind(data, len, nested);
	case 16 ... 19:
		return e2ee_rtp_zrtp_kind(data, len);
	case 20 ... 63:
		return e2ee_rtp_dtls_kind(data, len);
	default:
		return E2EE_RTP_DISGUISED;
	}
}

/*
 * RFC 8656, section 12.4: channel number, length, data; over UDP up to three
 * bytes may follow. They need not round the length up to a multiple of 4: they
 * do not once e2ee_rtp_mend() has changed it.
 */
static enum e2ee_rtp_kind e2ee_rtp_channel_kind(const u8 *data, size_t len,
						struct e2ee_rtp *rtp)
{
	enum e2ee_rtp_kind kind;
	size_t size, tail;

	memset(rtp, 0, sizeof(*rtp));
	if (len < CHANNEL_HEADER_LEN)
		return E2EE_RTP_DISGUISED;
	size = e2ee_get_be16(data + 2);
	if (size > len - CHANNEL_HEADER_LEN)
		return E2EE_RTP_DISGUISED;
	tail = len - CHANNEL_HEADER_LEN - size;
	if (tail > CHANNEL_PAD_MAX)
		return E2EE_RTP_DISGUISED;

	kind = e2ee_rtp_lone_kind(data + CHANNEL_HEADER_LEN, size, false, rtp);
	if (kind == E2EE_RTP_MEDIA || kind == E2EE_RTP_BARE) {
		rtp->start = CHANNEL_HEADER_LEN;
		rtp->payload += CHANNEL_HEADER_LEN;
		rtp->tail_len = (u32)tail;
	}
	return kind;
}

/**
 * e2ee_rtp_parse - find out what a datagram is
 * @data: its bytes; those of a UDP payload
 * @len: how many, 0 to 65,535
 * @rtp: filled for E2EE_RTP_MEDIA and E2EE_RTP_BARE, else all zero
 *
 * Any context. Reads no byte past @len and trusts none of them. The work is
 * linear in @len, and for media it is the RTP header only.
 *
 * Return: the kind; never an error, since what cannot be told is
 * E2EE_RTP_DISGUISED.
 */
enum e2ee_rtp_kind e2ee_rtp_parse(const u8 *data, size_t len,
				  struct e2ee_rtp *rtp)
{
	if (len && data[0] >= 64 && data[0] <= 79)
		return e2ee_rtp_channel_kind(data, len, rtp);
	return e2ee_rtp_lone_kind(data, len, false, rtp);
}

/**
 * e2ee_rtp_mend - correct the length in front of an RTP packet that changed
 * @data: start of the datagram, with room for the ChannelData header
 * @rtp: as e2ee_rtp_parse() found it before the change
 * @delta: bytes that the payload grew by, negative if it shrank
 *
 * Only TURN ChannelData holds one; nothing is written elsewhere. The caller
 * has seen to it that the sum fits a datagram, so it fits 16 bits.
 */
void e2ee_rtp_mend(u8 *data, const struct e2ee_rtp *rtp, int delta)
{
	if (rtp->start == CHANNEL_HEADER_LEN)
		e2ee_put_be16(data + 2, (u16)(e2ee_get_be16(data + 2) + delta));
}
