// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "kinds.h"
#include "rtp.h"

#define SSRC	0x51515151

/* A whole RTP packet for others to hide: 60 bytes. */
#define HIDDEN	60

static void hidden(uint8_t *out)
{
	rtp_plain(out, HIDDEN, SSRC, 1);
}

static size_t empty(uint8_t *out)
{
	(void)out;
	return 0;
}

static size_t bare(uint8_t *out)
{
	struct rtp rtp = { .pt = 96, .ssrc = SSRC };

	return rtp_build(out, &rtp);
}

static size_t bare_padded(uint8_t *out)
{
	struct rtp rtp = {
		.pt = 96, .ssrc = SSRC, .ext = RTP_EXT_ONE_BYTE, .padding = 255,
	};

	return rtp_build(out, &rtp);
}

static size_t rtcp(uint8_t *out)
{
	return rtcp_build(out, SSRC);
}

static size_t rtcp_reduced(uint8_t *out)
{
	return rtcp_reduced_build(out, SSRC);
}

/* A compound packet of all that a report may come with */
static size_t rtcp_long_compound(uint8_t *out)
{
	static const uint8_t rest[] =
		"\x81\xcb\0\2" "QQQQ" "\3bye"		/* BYE */
		"\x80\xcc\0\2" "QQQQ" "goog"		/* APP */
		"\x80\xcf\0\4" "QQQQ" "\4\0\0\2" "ntp time"	/* XR */
		"\x81\xcd\0\3" "QQQQ" "RRRR" "\0\1\0\0"	/* NACK */
		"\xaf\xcd\0\5" "QQQQ" "RRRR" "\0\1\0\1"	/* transport- */
		"\0\0\7\0" "\x20\1\4\1";			/* wide */
	size_t len = rtcp_build(out, SSRC);

	memcpy(out + len, rest, sizeof(rest) - 1);
	return len + sizeof(rest) - 1;
}

static size_t stun_dtls(uint8_t *out)
{
	uint8_t inner[256];

	return stun_attribute_build(out, 0xc070, inner,
				    dtls_hello_build(inner, false));
}

static size_t hello(uint8_t *out)
{
	return dtls_hello_build(out, false);
}

static size_t channel_rtcp(uint8_t *out)
{
	uint8_t inner[128];

	return channel_build(out, inner, rtcp_build(inner, SSRC), false);
}

static size_t channel_stun(uint8_t *out)
{
	uint8_t inner[128];

	return channel_build(out, inner, stun_build(inner), true);
}

static size_t stun_data_stun(uint8_t *out)
{
	uint8_t inner[128];

	return stun_data_build(out, inner, stun_build(inner));
}

const struct kind kinds_other[] = {
	{ "empty datagram", empty },
	{ "RTP without payload", bare },
	{ "RTP with padding alone", bare_padded },
	{ "RTCP", rtcp },
	{ "RTCP of reduced size", rtcp_reduced },
	{ "RTCP of many packets", rtcp_long_compound },
	{ "STUN", stun_build },
	{ "STUN that carries STUN", stun_data_stun },
	{ "STUN with DTLS in an attribute", stun_dtls },
	{ "DTLS", dtls_build },
	{ "DTLS hello without use_srtp", hello },
	{ "ZRTP", zrtp_build },
	{ "ChannelData with RTCP", channel_rtcp },
	{ "ChannelData with STUN, padded", channel_stun },
	{ NULL, NULL },
};

static size_t one_byte(uint8_t *out)
{
	out[0] = 0x80;
	return 1;
}

static size_t rtp_short(uint8_t *out)
{
	hidden(out);
	return RTP_HEADER - 1;
}

static size_t rtp_csrcs_missing(uint8_t *out)
{
	hidden(out);
	out[0] |= 15;
	return RTP_HEADER + 15 * 4 - 1;
}

static size_t rtp_extension_missing(uint8_t *out)
{
	hidden(out);
	out[0] |= 0x10;
	return RTP_HEADER + 3;
}

static size_t rtp_extension_long(uint8_t *out)
{
	hidden(out);
	out[0] |= 0x10;
	memcpy(out + RTP_HEADER, "\xbe\xde\x00\x0c", 4);
	return HIDDEN;
}

static size_t rtp_padding_zero(uint8_t *out)
{
	hidden(out);
	out[0] |= 0x20;
	out[HIDDEN - 1] = 0;
	return HIDDEN;
}

static size_t rtp_padding_long(uint8_t *out)
{
	hidden(out);
	out[0] |= 0x20;
	out[HIDDEN - 1] = HIDDEN - RTP_HEADER + 1;
	return HIDDEN;
}

static size_t rtp_version_1(uint8_t *out)
{
	hidden(out);
	out[0] = 0x41;	/* in TURN's range, no ChannelData's length */
	return HIDDEN;
}

static size_t rtp_version_3(uint8_t *out)
{
	hidden(out);
	out[0] = 0xc0;
	return HIDDEN;
}

static size_t rtp_rtcp_type(uint8_t *out)
{
	hidden(out);
	out[1] = 72;	/* RTCP's SR without its top bit */
	return HIDDEN;
}

/* RTP with RTCP's types and, for its sequence number, RTCP's length */
static size_t rtp_as_rtcp(uint8_t *out, uint8_t type)
{
	hidden(out);
	out[1] = type;
	out[2] = 0;
	out[3] = HIDDEN / 4 - 1;
	return HIDDEN;
}

static size_t rtp_as_sr(uint8_t *out)
{
	return rtp_as_rtcp(out, 200);
}

static size_t rtp_as_feedback(uint8_t *out)
{
	return rtp_as_rtcp(out, 205);
}

static size_t rtp_as_unknown(uint8_t *out)
{
	return rtp_as_rtcp(out, 218);
}

static size_t rtcp_long(uint8_t *out)
{
	size_t len = rtcp_build(out, SSRC);

	out[3]++;	/* first packet runs into the second */
	return len;
}

static size_t rtcp_tail(uint8_t *out)
{
	size_t len = rtcp_build(out, SSRC);

	hidden(out + len);
	return len + HIDDEN;
}

static size_t stun_cookie(uint8_t *out)
{
	size_t len = stun_build(out);

	out[7] ^= 1;
	return len;
}

static size_t stun_length(uint8_t *out)
{
	size_t len = stun_build(out);

	out[3] -= 4;
	return len;
}

static size_t stun_tail(uint8_t *out)
{
	size_t len = stun_build(out);

	hidden(out + len);
	return len + HIDDEN;
}

static size_t stun_attribute(uint8_t *out)
{
	size_t len = stun_build(out);

	out[23] = 60;	/* attribute runs past the message */
	return len;
}

static size_t stun_data_rtp(uint8_t *out)
{
	uint8_t inner[HIDDEN];

	hidden(inner);
	return stun_data_build(out, inner, HIDDEN);
}

static size_t stun_dtls_rtp(uint8_t *out)
{
	uint8_t inner[HIDDEN];

	hidden(inner);
	return stun_attribute_build(out, 0xc070, inner, HIDDEN);
}

static size_t dtls_version(uint8_t *out)
{
	size_t len = dtls_build(out);

	out[1] = 3;
	return len;
}

static size_t dtls_tail(uint8_t *out)
{
	size_t len = dtls_build(out);

	hidden(out + len);
	return len + HIDDEN;
}

static size_t dtls_length(uint8_t *out)
{
	size_t len = dtls_build(out);

	return len - 1;
}

static size_t zrtp_cookie(uint8_t *out)
{
	size_t len = zrtp_build(out);

	out[4] ^= 1;
	return len;
}

static size_t zrtp_tail(uint8_t *out)
{
	size_t len = zrtp_build(out);

	hidden(out + len);
	return len + HIDDEN;
}

static size_t channel_length(uint8_t *out)
{
	uint8_t inner[128];
	size_t len = channel_build(out, inner, rtcp_build(inner, SSRC), false);

	out[3] -= 4;
	return len;
}

static size_t channel_disguised(uint8_t *out)
{
	uint8_t inner[128];

	return channel_build(out, inner, stun_cookie(inner), false);
}

static size_t channel_in_channel(uint8_t *out)
{
	uint8_t inner[128], innermost[64];

	hidden(innermost);
	return channel_build(out, inner,
			     channel_build(inner, innermost, HIDDEN, false),
			     false);
}

static size_t range_multicast(uint8_t *out)
{
	hidden(out);
	out[0] = 8;	/* RFC 7983: 4 to 15 are nobody's */
	return HIDDEN;
}

static size_t range_high(uint8_t *out)
{
	hidden(out);
	out[0] = 0xff;
	return HIDDEN;
}

const struct kind kinds_disguised[] = {
	{ "one byte", one_byte },
	{ "RTP header cut short", rtp_short },
	{ "RTP with CSRCs missing", rtp_csrcs_missing },
	{ "RTP with its extension missing", rtp_extension_missing },
	{ "RTP with an extension too long", rtp_extension_long },
	{ "RTP with a padding count of zero", rtp_padding_zero },
	{ "RTP with more padding than payload", rtp_padding_long },
	{ "RTP of version 1", rtp_version_1 },
	{ "RTP of version 3", rtp_version_3 },
	{ "RTP with a payload type of RTCP", rtp_rtcp_type },
	{ "RTP in the form of an SR", rtp_as_sr },
	{ "RTP in the form of feedback", rtp_as_feedback },
	{ "RTP in the form of RTCP of no type", rtp_as_unknown },
	{ "RTCP with a wrong length", rtcp_long },
	{ "RTCP with RTP behind it", rtcp_tail },
	{ "STUN with a wrong cookie", stun_cookie },
	{ "STUN with a wrong length", stun_length },
	{ "STUN with RTP behind it", stun_tail },
	{ "STUN with an attribute too long", stun_attribute },
	{ "STUN that carries RTP", stun_data_rtp },
	{ "STUN with RTP in the attribute for DTLS", stun_dtls_rtp },
	{ "DTLS of another version", dtls_version },
	{ "DTLS with RTP behind it", dtls_tail },
	{ "DTLS cut short", dtls_length },
	{ "ZRTP with a wrong cookie", zrtp_cookie },
	{ "ZRTP with RTP behind it", zrtp_tail },
	{ "ChannelData with a wrong length", channel_length },
	{ "ChannelData with disguised STUN", channel_disguised },
	{ "ChannelData in ChannelData", channel_in_channel },
	{ "first byte of no protocol", range_multicast },
	{ "first byte above RTP's", range_high },
	{ NULL, NULL },
};
