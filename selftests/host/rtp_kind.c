// SPDX-License-Identifier: GPL-2.0
/* Reads datagrams as hex, one a line; prints what each is. */
#include <stdio.h>
#include "rtp.h"

static const char *const names[] = {
	[E2EE_RTP_EMPTY]	= "empty",
	[E2EE_RTP_STUN]		= "stun",
	[E2EE_RTP_DTLS]		= "dtls",
	[E2EE_RTP_DTLS_SRTP]	= "dtls-srtp",
	[E2EE_RTP_ZRTP]		= "zrtp",
	[E2EE_RTP_RTCP]		= "rtcp",
	[E2EE_RTP_BARE]		= "bare",
	[E2EE_RTP_MEDIA]	= "media",
	[E2EE_RTP_DISGUISED]	= "disguised",
};

int main(void)
{
	static char line[2 * 65535 + 2];
	static u8 data[65535];
	struct e2ee_rtp rtp;
	unsigned int byte;
	size_t len;

	while (fgets(line, sizeof(line), stdin)) {
		for (len = 0; sscanf(line + 2 * len, "%2x", &byte) == 1; len++)
			data[len] = (u8)byte;
		puts(names[e2ee_rtp_parse(data, len, &rtp)]);
		fflush(stdout);
	}
	return 0;
}
