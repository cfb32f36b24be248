// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "reading.h"

/* How deep in the layers of TURN a packet lies */
enum depth {
	IN_NOTHING,
	IN_INDICATION,
};

static uint32_t number(const uint8_t *data, unsigned int bytes)
{
	uint32_t value = 0;

	while (bytes--)
		value = value << 8 | *data++;
	return value;
}

/* RFC 4585, section 6.2, and what came later: RTPFB with @fci bytes behind */
static bool transport_fits(unsigned int format, size_t fci)
{
	switch (format) {
	case 1: case 6: case 7: case 10: case 11: case 31:
		return fci && fci % 4 == 0;
	case 3:
		return fci && fci % 8 == 0;
	case 4:
		return fci % 8 == 0;
	case 5:
		return !fci;
	case 8:
		return fci == 20;
	case 9:
		return fci > 4 && fci % 4 == 0;
	case 15:
		return fci >= 10;
	}
	return false;
}

/* RFC 4585, section 6.3, and what came later: PSFB */
static bool payload_fits(unsigned int format, size_t fci)
{
	switch (format) {
	case 1:
		return !fci;
	case 2: case 3: case 8: case 9: case 15: case 31:
		return fci && fci % 4 == 0;
	case 4: case 5: case 6:
		return fci && fci % 8 == 0;
	case 7: case 10:
		return fci > 4 && fci % 4 == 0;
	}
	return false;
}

/* RFC 3550, section 6.5: @chunks of items, each filled up with zeros */
static bool sdes_fits(const uint8_t *at, const uint8_t *end,
		      unsigned int chunks)
{
	const uint8_t *begin = at;

	while (chunks--) {
		if (end - at < 4)
			return false;
		for (at += 4; at < end && *at; at += 2 + at[1])
			if (end - at < 2 || end - at < 2 + at[1])
				return false;
		if (at == end)
			return !chunks;
		do {
			if (at == end || *at++)
				return false;
		} while ((at - begin) % 4);
	}
	return at == end;
}

/* RFC 3611, section 3: blocks of known length, no type of 0 */
static bool blocks_fit(const uint8_t *at, size_t len)
{
	size_t size;

	while (len) {
		if (len < 4 || !at[0])
			return false;
		size = 4 + 4 * number(at + 2, 2);
		if (len < size)
			return false;
		at += size;
		len -= size;
	}
	return true;
}

/* The @len bytes behind the first four of a packet of RTCP, without padding */
static bool rtcp_fits(const uint8_t *head, size_t len, bool alone, bool report)
{
	const uint8_t *body = head + 4;
	size_t n = head[0] % 32U;

	switch (head[1]) {
	case 192: case 193:
		return len == 4 * (head[1] - 191U);
	case 200: case 201:
		n = 24 * n + (head[1] == 200 ? 24 : 4);
		return len == n || (len > n && !alone);
	case 202:
		return sdes_fits(body, body + len, (unsigned int)n);
	case 203:
		if (len <= 4 * n || !n)
			return len == 4 * n;
		return len == 4 * n + (body[4 * n] / 4 + 1U) * 4;
	case 204:
		if (len < 8)
			return false;
		for (n = 4; n < 8; n++)
			if (body[n] < 32 || body[n] > 126)
				return false;
		return true;
	case 205:
		return len >= 8 && transport_fits((unsigned int)n, len - 8);
	case 206:
		return len >= 8 && payload_fits((unsigned int)n, len - 8);
	case 207:
		return len >= 4 && blocks_fit(body + 4, len - 4);
	case 194: case 195: case 208 ... 213:
		return report;
	}
	return false;
}

/* RFC 3550, section 6.1; RFC 5506: whole packets, to the end */
static bool all_rtcp(const uint8_t *data, size_t len)
{
	size_t at, size, body;
	bool report = false;

	for (at = 0; at < len; at += size) {
		if (len - at < 4 || data[at] >> 6 != 2)
			return false;
		size = (number(data + at + 2, 2) + 1) * 4;
		if (len - at < size)
			return false;
		body = size - 4;
		if (data[at] & 32) {
			/* the last packet only */
			if (at + size != len || !data[len - 1] ||
			    data[len - 1] > body)
				return false;
			body -= data[len - 1];
		}
		if (!rtcp_fits(data + at, body, at + size == len, report))
			return false;
		if (data[at + 1] == 200 || data[at + 1] == 201)
			report = true;
	}
	return true;
}

/* RFC 3550, section 5.1 and 5.3.1 */
static enum reading_kind read_rtp(const uint8_t *data, size_t len,
				  struct reading *reading)
{
	size_t header = 12, padding = 0;
	uint8_t pt;

	if (len < 2)
		return READING_BROKEN;
	pt = data[1] & 127;
	if (pt > 63 && pt < 96)		/* RFC 5761, section 4 */
		return all_rtcp(data, len) ? READING_OTHER : READING_BROKEN;
	header += (data[0] & 15) * 4U;
	if (len < header)
		return READING_BROKEN;
	if (data[0] & 16) {
		if (len < header + 4)
			return READING_BROKEN;
		header += 4 + 4 * number(data + header + 2, 2);
		if (len < header)
			return READING_BROKEN;
	}
	if (data[0] & 32) {
		if (len == header)
			return READING_BROKEN;
		padding = data[len - 1];
		if (padding == 0 || padding > len - header)
			return READING_BROKEN;
	}
	reading->pt = pt;
	reading->ssrc = number(data + 8, 4);
	reading->payload = header;
	reading->len = len - header - padding;
	reading->behind = padding;
	return reading->len ? READING_MEDIA : READING_OTHER;
}

/* RFC 6347, section 4.1; RFC 9147, section 4: length of a record, 0: none */
static size_t dtls_record(const uint8_t *data, size_t len)
{
	bool unified = data[0] >> 5 == 1;
	size_t header = 13, size;

	if (unified) {
		/* no connection ID, whose length nobody knows; with a length */
		if ((data[0] & 0x14) != 0x04)
			return 0;
		header = data[0] & 8 ? 5 : 4;
	} else if (data[0] < 20 || data[0] == 25 || data[0] > 26) {
		return 0;
	}
	if (len < header)
		return 0;
	size = number(data + header - 2, 2);
	if (size > 16384 + 2048 || len - header < size)
		return 0;
	if (unified)
		return size < 16 ? 0 : header + size;
	switch (number(data + 1, 2)) {
	case 0xfeff:
	case 0xfefd:
	case 0xfefc:
		return header + size;
	}
	return 0;
}

static enum reading_kind read_dtls(const uint8_t *data, size_t len)
{
	size_t size;

	for (; len; data += size, len -= size) {
		size = dtls_record(data, len);
		if (!size)
			return READING_BROKEN;
	}
	return READING_OTHER;
}

/* RFC 6189, section 5 */
static enum reading_kind read_zrtp(const uint8_t *data, size_t len)
{
	if (len < 12 + 12 + 4 || data[0] != 0x10 ||
	    memcmp(data + 4, "ZRTP", 4) || memcmp(data + 12, "PZ", 2) ||
	    len != 12 + 4 * number(data + 14, 2) + 4)
		return READING_BROKEN;
	return READING_OTHER;
}

static enum reading_kind read_plain(const uint8_t *data, size_t len,
				    enum depth depth, struct reading *reading);

/* RFC 8489, section 5; RFC 8656, section 11: DATA holds a packet */
static enum reading_kind read_stun(const uint8_t *data, size_t len,
				   enum depth depth)
{
	struct reading inner;
	size_t at = 20, size;

	if (len < 20 || len % 4 || number(data + 2, 2) + 20 != len ||
	    number(data + 4, 4) != 0x2112a442)
		return READING_BROKEN;
	/* two bits of the type are the class, the rest is the method: not 0 */
	if (!(number(data, 2) & ~0x0110U))
		return READING_BROKEN;
	while (at < len) {
		size = number(data + at + 2, 2);
		if ((size + 3) / 4 * 4 > len - at - 4)
			return READING_BROKEN;
		if (number(data + at, 2) == 0x0013 &&
		    (depth == IN_INDICATION ||
		     read_plain(data + at + 4, size, IN_INDICATION, &inner) !=
		     READING_OTHER))
			return READING_BROKEN;
		/* in a browser's attribute there is DTLS or nothing */
		if (number(data + at, 2) == 0xc070 && size &&
		    read_dtls(data + at + 4, size) != READING_OTHER)
			return READING_BROKEN;
		at += 4 + (size + 3) / 4 * 4;
	}
	return READING_OTHER;
}

/* RFC 7983, section 7 */
static enum reading_kind read_plain(const uint8_t *data, size_t len,
				    enum depth depth, struct reading *reading)
{
	memset(reading, 0, sizeof(*reading));
	if (!len)
		return READING_OTHER;
	if (data[0] <= 3)
		return read_stun(data, len, depth);
	if (data[0] >= 16 && data[0] <= 19)
		return read_zrtp(data, len);
	if (data[0] >= 20 && data[0] <= 63)
		return read_dtls(data, len);
	if (data[0] >= 128 && data[0] <= 191)
		return read_rtp(data, len, reading);
	return READING_BROKEN;
}

enum reading_kind reading_of(const uint8_t *data, size_t len,
			     struct reading *reading)
{
	enum reading_kind kind;
	size_t size;

	if (!len || data[0] < 64 || data[0] > 79)
		return read_plain(data, len, IN_NOTHING, reading);
	/* RFC 8656, section 12.4 */
	memset(reading, 0, sizeof(*reading));
	if (len < 4)
		return READING_BROKEN;
	size = number(data + 2, 2);
	if (size + 4 > len || len > size + 4 + 3)
		return READING_BROKEN;
	kind = read_plain(data + 4, size, IN_NOTHING, reading);
	if (reading->payload) {
		reading->channel = true;
		reading->payload += 4;
		reading->behind += len - size - 4;
	}
	return kind;
}

/* A field of the config byte, and the bytes that it may stand for */
static bool sframe_value(const uint8_t **pos, const uint8_t *end,
			 unsigned int field, uint64_t *value)
{
	unsigned int bytes = (field & 7) + 1;

	*value = field;
	if (field < 8)
		return true;
	if ((size_t)(end - *pos) < bytes)
		return false;
	for (*value = 0; bytes; bytes--)
		*value = *value << 8 | *(*pos)++;
	return true;
}

/* As short as can be: no zero in front, no byte where the field has room */
static bool is_minimal(unsigned int field, uint64_t value)
{
	unsigned int bytes = (field & 7) + 1;

	if (field < 8)
		return true;
	return bytes == 1 ? value > 7 : value >> (8 * (bytes - 1)) != 0;
}

size_t reading_sframe(const uint8_t *data, size_t len, uint64_t *kid,
		      uint64_t *ctr)
{
	const uint8_t *pos = data + 1, *end = data + len;

	if (!len || !sframe_value(&pos, end, data[0] >> 4, kid) ||
	    !sframe_value(&pos, end, data[0] & 15, ctr) ||
	    !is_minimal(data[0] >> 4, *kid) || !is_minimal(data[0] & 15, *ctr))
		return 0;
	return (size_t)(pos - data);
}
