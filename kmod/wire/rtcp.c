// SPDX-License-Identifier: GPL-2.0
/*
 * RTCP, packet by packet through the whole datagram.
 *
 * RTP whose payload type is one of 64 to 95 and whose marker is set has the
 * second byte of RTCP, and its sequence number stands where RTCP has a length
 * (RFC 5761, section 4). Sooner or later the sequence number fits. RTCP passes
 * in clear, so each packet must have the structure of its type:
 *
 *	SR, RR		as many report blocks as it says
 *	SDES		as many chunks as it says, made of whole items
 *	BYE		as many sources as it says, and a reason
 *	APP		a name of four ASCII characters
 *	RTPFB, PSFB	a format that IANA lists, and its length
 *	XR		blocks up to the end
 *	FIR, NACK	their one length (RFC 2032)
 *
 * What is looser than that needs a report in front: a compound packet begins
 * with one (RFC 3550, section 6.1). Such are the types whose structure is not
 * known here, and reports with an extension of a profile, which another packet
 * must follow.
 */
#include "rtcp.h"

#define RTCP_HEADER_LEN		4
#define RTCP_SSRC_LEN		4
#define RTCP_VERSION		2
#define RTCP_PADDING		0x20
#define RTCP_COUNT		0x1f	/* or subtype, or format */

#define RTCP_FIR		192	/* RFC 2032, section 5.2 */
#define RTCP_NACK		193
#define RTCP_SMPTETC		194	/* RFC 5484 */
#define RTCP_IJ			195	/* RFC 5450 */
#define RTCP_SR			200	/* RFC 3550, section 6 */
#define RTCP_RR			201
#define RTCP_SDES		202
#define RTCP_BYE		203
#define RTCP_APP		204
#define RTCP_RTPFB		205	/* RFC 4585, section 6.1 */
#define RTCP_PSFB		206
#define RTCP_XR			207	/* RFC 3611 */
#define RTCP_LAST		213	/* the last type that IANA lists */

#define RTCP_SENDER_LEN		20	/* SR: about the sender */
#define RTCP_BLOCK_LEN		24	/* SR and RR: about a source */

/**
 * struct rtcp_packet - one packet of the datagram
 * @body: what follows the header of 4 bytes
 * @len: of @body, without padding, bytes
 * @type: packet type
 * @count: the five bits of the first byte: a count, a subtype or a format
 * @last: no packet follows
 * @in_compound: the datagram begins with a report
 */
struct rtcp_packet {
	const u8 *body;
	size_t len;
	u8 type;
	u8 count;
	bool last;
	bool in_compound;
};

/* RFC 3550, sections 6.4.1 to 6.4.3 */
static bool e2ee_rtcp_report_is_whole(const struct rtcp_packet *packet)
{
	size_t size = RTCP_SSRC_LEN + (size_t)RTCP_BLOCK_LEN * packet->count;

	if (packet->type == RTCP_SR)
		size += RTCP_SENDER_LEN;
	return packet->last ? packet->len == size : packet->len >= size;
}

/*
 * Length of the chunk at @chunk with the zeros that end it, 0 if it is none.
 * Some senders leave these zeros out where the items end with the packet.
 */
static size_t e2ee_rtcp_chunk_len(const u8 *chunk, size_t len)
{
	size_t at = RTCP_SSRC_LEN, end;

	if (len < RTCP_SSRC_LEN)
		return 0;
	while (at < len && chunk[at]) {
		if (len - at < 2 || chunk[at + 1] > len - at - 2)
			return 0;
		at += 2 + chunk[at + 1];
	}
	if (at == len)
		return at;
	end = (at + 4) & ~(size_t)3;
	if (end > len)
		return 0;
	for (; at < end; at++)
		if (chunk[at])
			return 0;
	return end;
}

/* RFC 3550, section 6.5 */
static bool e2ee_rtcp_sdes_is_whole(const struct rtcp_packet *packet)
{
	size_t at = 0, size;
	u8 chunks;

	for (chunks = packet->count; chunks; chunks--, at += size) {
		size = e2ee_rtcp_chunk_len(packet->body + at, packet->len - at);
		if (!size)
			return false;
	}
	return at == packet->len;
}

/* RFC 3550, section 6.6. A goodbye for no source gives no reason either. */
static bool e2ee_rtcp_bye_is_whole(const struct rtcp_packet *packet)
{
	size_t sources = (size_t)RTCP_SSRC_LEN * packet->count, reason;

	if (packet->len == sources)
		return true;
	if (!sources || packet->len < sources)
		return false;
	reason = 1 + packet->body[sources];
	return packet->len - sources == ((reason + 3) & ~(size_t)3);
}

/* RFC 3550, section 6.7 */
static bool e2ee_rtcp_app_is_whole(const struct rtcp_packet *packet)
{
	const u8 *name = packet->body + RTCP_SSRC_LEN;
	unsigned int i;

	if (packet->len < 2 * RTCP_SSRC_LEN)
		return false;
	for (i = 0; i < 4; i++)
		if (name[i] < ' ' || name[i] > '~')
			return false;
	return true;
}

/**
 * struct feedback - what a format of feedback has behind the two SSRCs
 * @type: RTCP_RTPFB or RTCP_PSFB
 * @format: as IANA lists it, and 15 of RTPFB, which browsers use
 * @min: shortest length, bytes
 * @unit: the length is @min and a multiple of this; 0: it is @min
 */
struct feedback {
	u8 type;
	u8 format;
	u8 min;
	u8 unit;
};

static const struct feedback feedbacks[] = {
	{ RTCP_RTPFB, 1, 4, 4 },	/* NACK, RFC 4585 */
	{ RTCP_RTPFB, 3, 8, 8 },	/* TMMBR, RFC 5104 */
	{ RTCP_RTPFB, 4, 0, 8 },	/* TMMBN, RFC 5104 */
	{ RTCP_RTPFB, 5, 0, 0 },	/* request for an SR, RFC 6051 */
	{ RTCP_RTPFB, 6, 4, 4 },	/* RAMS, RFC 6285 */
	{ RTCP_RTPFB, 7, 4, 4 },	/* loss, RFC 6642 */
	{ RTCP_RTPFB, 8, 20, 0 },	/* ECN, RFC 6679 */
	{ RTCP_RTPFB, 9, 8, 4 },	/* pause, RFC 7728 */
	{ RTCP_RTPFB, 10, 4, 4 },	/* delay budget, 3GPP TS 26.114 */
	{ RTCP_RTPFB, 11, 4, 4 },	/* congestion control, RFC 8888 */
	{ RTCP_RTPFB, 15, 10, 1 },	/* transport-wide, as browsers do */
	{ RTCP_RTPFB, 31, 4, 4 },	/* to be extended */
	{ RTCP_PSFB, 1, 0, 0 },	/* PLI, RFC 4585 */
	{ RTCP_PSFB, 2, 4, 4 },	/* SLI, RFC 4585 */
	{ RTCP_PSFB, 3, 4, 4 },	/* RPSI, RFC 4585 */
	{ RTCP_PSFB, 4, 8, 8 },	/* FIR, RFC 5104 */
	{ RTCP_PSFB, 5, 8, 8 },	/* TSTR, RFC 5104 */
	{ RTCP_PSFB, 6, 8, 8 },	/* TSTN, RFC 5104 */
	{ RTCP_PSFB, 7, 8, 4 },	/* VBCM, RFC 5104 */
	{ RTCP_PSFB, 8, 4, 4 },	/* loss, RFC 6642 */
	{ RTCP_PSFB, 9, 4, 4 },	/* region, 3GPP TS 26.114 */
	{ RTCP_PSFB, 10, 8, 4 },	/* LRR, RFC 9627 */
	{ RTCP_PSFB, 15, 4, 4 },	/* of an application, RFC 4585; REMB */
	{ RTCP_PSFB, 31, 4, 4 },	/* to be extended */
};

/* RFC 4585, section 6.1 */
static bool e2ee_rtcp_feedback_is_whole(const struct rtcp_packet *packet)
{
	const struct feedback *feedback = feedbacks;
	const struct feedback *end = feedbacks +
				     sizeof(feedbacks) / sizeof(*feedbacks);
	size_t more;

	for (; feedback < end; feedback++)
		if (feedback->type == packet->type &&
		    feedback->format == packet->count)
			break;
	if (feedback == end ||
	    packet->len < 2 * RTCP_SSRC_LEN + (size_t)feedback->min)
		return false;
	more = packet->len - 2 * RTCP_SSRC_LEN - feedback->min;
	return feedback->unit ? !(more % feedback->unit) : !more;
}

/* RFC 3611, sections 2 and 3 */
static bool e2ee_rtcp_xr_is_whole(const struct rtcp_packet *packet)
{
	size_t at = RTCP_SSRC_LEN, size;

	if (packet->len < RTCP_SSRC_LEN)
		return false;
	for (; at < packet->len; at += size) {
		if (packet->len - at < 4 || !packet->body[at])
			return false;
		size = 4 * (e2ee_get_be16(packet->body + at + 2) + 1UL);
		if (size > packet->len - at)
			return false;
	}
	return true;
}

static bool e2ee_rtcp_packet_is_whole(const struct rtcp_packet *packet)
{
	switch (packet->type) {
	case RTCP_FIR:
		return packet->len == 4;
	case RTCP_NACK:
		return packet->len == 8;
	case RTCP_SR:
	case RTCP_RR:
		return e2ee_rtcp_report_is_whole(packet);
	case RTCP_SDES:
		return e2ee_rtcp_sdes_is_whole(packet);
	case RTCP_BYE:
		return e2ee_rtcp_bye_is_whole(packet);
	case RTCP_APP:
		return e2ee_rtcp_app_is_whole(packet);
	case RTCP_RTPFB:
	case RTCP_PSFB:
		return e2ee_rtcp_feedback_is_whole(packet);
	case RTCP_XR:
		return e2ee_rtcp_xr_is_whole(packet);
	case RTCP_SMPTETC:
	case RTCP_IJ:
	case RTCP_XR + 1 ... RTCP_LAST:
		return packet->in_compound;
	default:
		return false;
	}
}

/*
 * Padding ends the last packet only (RFC 3550, section 6.4.1). It need not be
 * a multiple of four: that of browsers fills up their last word.
 */
static bool e2ee_rtcp_padding_strip(struct rtcp_packet *packet)
{
	u8 pad;

	if (!packet->last || !packet->len)
		return false;
	pad = packet->body[packet->len - 1];
	if (!pad || pad > packet->len)
		return false;
	packet->len -= pad;
	return true;
}

/**
 * e2ee_rtcp_is_whole - is each packet up to the end one of RTCP?
 * @data: its bytes
 * @len: how many
 *
 * Compound packets, and those of reduced size (RFC 5506). Any context. Reads
 * no byte past @len and trusts none of them. The work is linear in @len.
 */
bool e2ee_rtcp_is_whole(const u8 *data, size_t len)
{
	struct rtcp_packet packet = { .in_compound = false };
	size_t size;

	do {
		if (len < RTCP_HEADER_LEN || data[0] >> 6 != RTCP_VERSION)
			return false;
		size = 4 * (e2ee_get_be16(data + 2) + 1UL);
		if (size > len)
			return false;
		packet.body = data + RTCP_HEADER_LEN;
		packet.len = size - RTCP_HEADER_LEN;
		packet.type = data[1];
		packet.count = data[0] & RTCP_COUNT;
		packet.last = size == len;
		if ((data[0] & RTCP_PADDING &&
		     !e2ee_rtcp_padding_strip(&packet)) ||
		    !e2ee_rtcp_packet_is_whole(&packet))
			return false;
		packet.in_compound |= packet.type == RTCP_SR ||
				      packet.type == RTCP_RR;
		data += size;
		len -= size;
	} while (len);
	return true;
}
