// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Words for the numbers of the interface.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <e2ee/identity.h>

#include "internal.h"

static const char *const policies[] = {
	[E2EE_POLICY_REQUIRED] = "required",
	[E2EE_POLICY_OPTIONAL] = "optional",
	[E2EE_POLICY_OFF] = "off",
	[E2EE_POLICY_BLOCKED] = "blocked",
};

static const char *const dirs[] = {
	[E2EE_DIR_TX] = "tx",
	[E2EE_DIR_RX] = "rx",
};

static const char *const ssrc_modes[] = {
	[E2EE_SSRC_NUMBER] = "number",
	[E2EE_SSRC_CLAIM] = "claim",
	[E2EE_SSRC_ANY] = "any",
};

static const char *const suites[] = {
	[E2EE_SUITE_AES_128_GCM_SHA256_128] = "aes-128-gcm",
	[E2EE_SUITE_AES_256_GCM_SHA512_128] = "aes-256-gcm",
};

static const char *const events[] = {
	[E2EE_EVENT_KEY_MISSING] = "key-missing",
	[E2EE_EVENT_KEY_EXPIRING] = "key-expiring",
	[E2EE_EVENT_KEY_EXPIRED] = "key-expired",
	[E2EE_EVENT_AUTH_BURST] = "auth-burst",
	[E2EE_EVENT_ATTACHED] = "attached",
	[E2EE_EVENT_DETACHED] = "detached",
	[E2EE_EVENT_ATTACH_FAILED] = "attach-failed",
	[E2EE_EVENT_SRTP_SEEN] = "srtp-seen",
	[E2EE_EVENT_DIGEST_FILLING] = "digest-filling",
	[E2EE_EVENT_SESSION_NEW] = "session-new",
	[E2EE_EVENT_SESSION_SET] = "session-set",
	[E2EE_EVENT_SESSION_DEL] = "session-del",
};

static const char *const stats[] = {
	[E2EE_A_STAT_TX_OK] = "tx_ok",
	[E2EE_A_STAT_TX_OTHER] = "tx_other",
	[E2EE_A_STAT_TX_CLEAR] = "tx_clear",
	[E2EE_A_STAT_TX_OFF] = "tx_off",
	[E2EE_A_STAT_TX_SRTP] = "tx_srtp",
	[E2EE_A_STAT_TX_MALFORMED] = "tx_malformed",
	[E2EE_A_STAT_TX_NO_KEY] = "tx_no_key",
	[E2EE_A_STAT_TX_KEY_EXPIRED] = "tx_key_expired",
	[E2EE_A_STAT_TX_TOO_BIG] = "tx_too_big",
	[E2EE_A_STAT_TX_FAILED] = "tx_failed",
	[E2EE_A_STAT_TX_BLOCKED] = "tx_blocked",
	[E2EE_A_STAT_RX_OK] = "rx_ok",
	[E2EE_A_STAT_RX_OTHER] = "rx_other",
	[E2EE_A_STAT_RX_CLEAR] = "rx_clear",
	[E2EE_A_STAT_RX_OFF] = "rx_off",
	[E2EE_A_STAT_RX_CLEAR_DROPPED] = "rx_clear_dropped",
	[E2EE_A_STAT_RX_MALFORMED] = "rx_malformed",
	[E2EE_A_STAT_RX_NO_KEY] = "rx_no_key",
	[E2EE_A_STAT_RX_SSRC] = "rx_ssrc",
	[E2EE_A_STAT_RX_KEY_EXPIRED] = "rx_key_expired",
	[E2EE_A_STAT_RX_REPLAY] = "rx_replay",
	[E2EE_A_STAT_RX_AUTH_FAIL] = "rx_auth_fail",
	[E2EE_A_STAT_RX_BUSY] = "rx_busy",
	[E2EE_A_STAT_RX_BLOCKED] = "rx_blocked",
	[E2EE_A_STAT_TX_FRAG] = "tx_frag",
	[E2EE_A_STAT_GUARD_HELD] = "guard_held",
	[E2EE_A_STAT_GUARD_DROP] = "guard_drop",
};

static const char *const trust_kinds[] = {
	[E2EE_TRUST_UNKNOWN] = "unknown",
	[E2EE_TRUST_TOFU] = "tofu",
	[E2EE_TRUST_VERIFIED] = "verified",
	[E2EE_TRUST_PINNED] = "pinned",
};

static const char *const trust_levels[] = {
	[E2EE_LEVEL_PINNED] = "pinned-only",
	[E2EE_LEVEL_VERIFIED] = "verified",
	[E2EE_LEVEL_TOFU] = "tofu",
};

static const char *word(const char *const *words, size_t count, uint32_t number)
{
	return number < count ? words[number] : NULL;
}

static int number(const char *const *words, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (words[i] && !strcmp(words[i], name))
			return (int)i;
	return -EINVAL;
}

const char *e2ee_policy_name(uint32_t policy)
{
	return word(policies, ARRAY_SIZE(policies), policy);
}

const char *e2ee_dir_name(uint32_t dir)
{
	return word(dirs, ARRAY_SIZE(dirs), dir);
}

const char *e2ee_ssrc_mode_name(uint32_t mode)
{
	return word(ssrc_modes, ARRAY_SIZE(ssrc_modes), mode);
}

const char *e2ee_suite_name(uint32_t suite)
{
	return word(suites, ARRAY_SIZE(suites), suite);
}

const char *e2ee_event_name(uint32_t type)
{
	return word(events, ARRAY_SIZE(events), type);
}

const char *e2ee_stat_name(uint32_t stat)
{
	return word(stats, ARRAY_SIZE(stats), stat);
}

const char *e2ee_trust_kind_name(enum e2ee_trust_kind kind)
{
	return word(trust_kinds, ARRAY_SIZE(trust_kinds), kind);
}

const char *e2ee_trust_level_name(enum e2ee_trust_level level)
{
	return word(trust_levels, ARRAY_SIZE(trust_levels), level);
}

int e2ee_policy_value(const char *name)
{
	return number(policies, ARRAY_SIZE(policies), name);
}

int e2ee_suite_value(const char *name)
{
	return number(suites, ARRAY_SIZE(suites), name);
}

int e2ee_trust_level_value(const char *name)
{
	return number(trust_levels, ARRAY_SIZE(trust_levels), name);
}

bool e2ee_session_name_valid(const char *name)
{
	size_t i, len = strlen(name);

	if (!len || len > E2EE_SESSION_NAME_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return false;
	return true;
}

bool e2ee_name_valid(const char *name)
{
	size_t i, len = strlen(name);

	if (!len || len > E2EE_NAME_MAX)
		return false;
	for (i = 0; i < len; i++)
		if ((name[i] < 'a' || name[i] > 'z') &&
		    (name[i] < 'A' || name[i] > 'Z') &&
		    (name[i] < '0' || name[i] > '9') &&
		    !strchr("._-", name[i]))
			return false;
	return true;
}
