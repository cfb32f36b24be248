// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"

void ask_put(struct nl_msg *msg, const struct ask *ask, bool secret)
{
	size_t nest = nl_nest(msg, E2EE_A_KEY);

	nl_u32(msg, E2EE_A_KEY_DIR, ask->dir);
	nl_u64(msg, E2EE_A_KEY_KID, ask->key->kid);
	if (ask->mode)
		nl_u32(msg, E2EE_A_KEY_SSRC_MODE, ask->mode);
	if (ask->ssrc)
		nl_u32(msg, E2EE_A_KEY_SSRC, ask->ssrc);
	if (secret) {
		nl_u32(msg, E2EE_A_KEY_SUITE, ask->key->suite);
		nl_u32(msg, E2EE_A_KEY_EPOCH, ask->epoch);
		nl_put(msg, E2EE_A_KEY_SECRET, ask->key->secret,
		       ask->key->suite == 4 ? 16 : 32);
		nl_put(msg, E2EE_A_KEY_SALT, ask->key->salt, 12);
	}
	if (ask->has_ctr)
		nl_u64(msg, E2EE_A_KEY_CTR, ask->ctr);
	if (ask->has_limit)
		nl_u64(msg, E2EE_A_KEY_LIMIT, ask->limit);
	if (ask->has_soft)
		nl_u64(msg, E2EE_A_KEY_SOFT_LIMIT, ask->soft);
	if (ask->has_expires)
		nl_u32(msg, E2EE_A_KEY_EXPIRES, ask->expires);
	nl_nest_end(msg, nest);
}

const char *ask(struct nl *nl, uint8_t cmd, uint32_t session,
		const struct ask *key, int err, const char *words)
{
	struct nl_msg *msg = nl_session(nl, cmd, session, NULL);

	ask_put(msg, key, cmd == E2EE_CMD_KEY_NEW);
	return nl_refused(nl, msg, err, words);
}

const struct nlattr *ask_shown(struct nl *nl, uint32_t session,
			       const struct ask *key)
{
	struct nl_msg *msg = nl_begin(nl, E2EE_CMD_KEY_GET);
	static struct nl_said said;

	nl_put_session(msg, session, NULL);
	ask_put(msg, key, false);
	nl_talk(nl, msg, &said);
	free(msg);
	return said.err ? NULL : nl_attr((void *)said.answer, E2EE_A_KEY);
}

const char *ask_sends(struct scene *scene, uint32_t ssrc,
		      const struct sframe_key *key, uint64_t ctr)
{
	uint8_t clear[200], wire[300], opened[300];
	static char wrong[128];
	uint64_t got = 0;
	int len, n;

	rtp_plain(clear, sizeof(clear), ssrc, (uint16_t)ctr);
	n = sock_send(scene->fd, clear, sizeof(clear), NULL);
	if (n != sizeof(clear))
		return "not sent";
	len = sock_recv(scene->peer, wire, sizeof(wire));
	if (len < 0)
		return "nothing on the wire";
	n = rtp_open(opened, wire, (size_t)len, key, &got);
	if (n != sizeof(clear) || memcmp(opened, clear, sizeof(clear)))
		return "not sealed with this key";
	if (got == ctr)
		return "";
	snprintf(wrong, sizeof(wrong), "CTR %" PRIu64 ", want %" PRIu64, got,
		 ctr);
	return wrong;
}

const char *ask_swallows(struct scene *scene, uint32_t ssrc)
{
	uint8_t clear[200];

	scene_changes(scene);
	rtp_plain(clear, sizeof(clear), ssrc, 1);
	if (sock_send(scene->fd, clear, sizeof(clear), NULL) != sizeof(clear))
		return "not accepted";
	return scene_changes(scene);
}
