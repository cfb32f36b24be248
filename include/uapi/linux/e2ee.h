/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Netlink interface of e2ee: end-to-end encryption of RTP media in the kernel.
 *
 * The contract, attribute by attribute, is Documentation/netlink/specs/e2ee.yaml;
 * Documentation/uapi.rst explains it. All integers are in host byte order
 * unless said otherwise; SSRC, KID and CTR are numbers, not wire bytes.
 */
#ifndef _UAPI_LINUX_E2EE_H
#define _UAPI_LINUX_E2EE_H

#define E2EE_GENL_NAME		"e2ee"
#define E2EE_GENL_VERSION	1
#define E2EE_MCGRP_EVENTS	"events"

#define E2EE_SESSION_NAME_MAX	31	/* characters, without the final NUL */
#define E2EE_CRYPTO_NAME_MAX	127	/* CRYPTO_MAX_ALG_NAME - 1 */
#define E2EE_CGROUP_PATH_MAX	255
#define E2EE_RTX_PT_MAX		16	/* payload types in one session's list */
#define E2EE_KEY_LEN_MAX	32	/* AES-256 */
#define E2EE_SALT_LEN		12	/* RFC 9605, section 4.5: Nn */
#define E2EE_TAG_LEN		16	/* RFC 9605, section 4.5: Nt */
#define E2EE_OVERHEAD_MAX	34	/* descriptor 1, SFrame header 17, tag 16 */
#define E2EE_WINDOW_MIN		64	/* packets */
#define E2EE_WINDOW_MAX		65536
#define E2EE_WINDOW_DEFAULT	4096
#define E2EE_SOFT_LIMIT_DEFAULT	(1ULL << 28)	/* RFC 9001, section 6.6, for 1,200 bytes */
#define E2EE_LIMIT_DEFAULT	(1ULL << 32)
#define E2EE_SESSIONS_PER_NET	4096
#define E2EE_GUARDS_PER_NET	4096
#define E2EE_KEYS_PER_SESSION	65536
#define E2EE_KEYS_PER_NET	100000
#define E2EE_KEYS_PER_SHARE	16384	/* for a user namespace other than the host's */
#define E2EE_DIGESTS_MAX	(1U << 20)
#define E2EE_DIGESTS_PER_SHARE	65536	/* for a user namespace other than the host's */
#define E2EE_FLOORS_HOST	131072	/* deleted receiving keys that are remembered */
#define E2EE_FLOORS_PER_POOL	8192	/* the same for a pool of other user namespaces */

enum e2ee_cmd {
	E2EE_CMD_UNSPEC,
	E2EE_CMD_SESSION_NEW,
	E2EE_CMD_SESSION_SET,
	E2EE_CMD_SESSION_DEL,
	E2EE_CMD_SESSION_GET,
	E2EE_CMD_KEY_NEW,
	E2EE_CMD_KEY_SET,
	E2EE_CMD_KEY_DEL,
	E2EE_CMD_KEY_GET,
	E2EE_CMD_SOCKET_ATTACH,
	E2EE_CMD_SOCKET_DETACH,
	E2EE_CMD_SOCKET_GET,
	E2EE_CMD_GUARD_NEW,
	E2EE_CMD_GUARD_DEL,
	E2EE_CMD_GUARD_GET,
	E2EE_CMD_INFO_GET,
	E2EE_CMD_EVENT,		/* sent by the kernel only */

	__E2EE_CMD_MAX,
	E2EE_CMD_MAX = __E2EE_CMD_MAX - 1
};

/* Top level of every message. */
enum e2ee_attr {
	E2EE_A_UNSPEC,
	E2EE_A_SESSION,		/* nest: enum e2ee_session_attr */
	E2EE_A_KEY,		/* nest: enum e2ee_key_attr; KEY_NEW and KEY_DEL take many */
	E2EE_A_SOCKET,		/* nest: enum e2ee_socket_attr */
	E2EE_A_GUARD,		/* nest: enum e2ee_guard_attr */
	E2EE_A_EVENT,		/* nest: enum e2ee_event_attr */
	E2EE_A_INFO,		/* nest: enum e2ee_info_attr */
	E2EE_A_FORCE,		/* flag: change the epoch or detach in spite of the risk */

	__E2EE_A_MAX,
	E2EE_A_MAX = __E2EE_A_MAX - 1
};

/* A request names its session by id or by name; if it has both, they must agree. */
enum e2ee_session_attr {
	E2EE_A_SESSION_UNSPEC,
	E2EE_A_SESSION_PAD,
	E2EE_A_SESSION_ID,	/* u32, given by the kernel, from 1 */
	E2EE_A_SESSION_NAME,	/* string, 1 to 31 printable characters without space or slash */
	E2EE_A_SESSION_POLICY,	/* u32: enum e2ee_policy */
	E2EE_A_SESSION_WINDOW,	/* u32: replay window, a power of two, for keys added from now on */
	E2EE_A_SESSION_RTX_PT,	/* binary: RTP payload types (0 to 127) of RTX, one byte each */
	E2EE_A_SESSION_CRYPTO,	/* string: driver for keys added from now on; "" = the best one */
	E2EE_A_SESSION_FLAGS,	/* u32: enum e2ee_session_flag */
	E2EE_A_SESSION_EPOCH,	/* u32: epoch whose keys the session sends with */
	E2EE_A_SESSION_KEYS,	/* u32: number of its keys (get) */
	E2EE_A_SESSION_SOCKETS,	/* u32: number of attached sockets (get) */
	E2EE_A_SESSION_STATS,	/* nest: enum e2ee_stat (get) */

	__E2EE_A_SESSION_MAX,
	E2EE_A_SESSION_MAX = __E2EE_A_SESSION_MAX - 1
};

enum e2ee_policy {
	E2EE_POLICY_REQUIRED,	/* only authenticated media passes; default */
	E2EE_POLICY_OPTIONAL,	/* encrypt if there is a key, accept clear media */
	E2EE_POLICY_OFF,	/* bytes pass untouched */
	E2EE_POLICY_BLOCKED,	/* session deleted, no RTP passes; set by the kernel only */
};

enum e2ee_session_flag {
	E2EE_SESSION_F_TX_ERRORS = 1U << 0,	/* a refused send returns its errno */
};

/*
 * Identity of a key: direction, KID, SSRC (a number, claim or any).
 *
 * Receiving keys of a session with the same KID, AEAD key and salt share their replay
 * windows. (*) counts what was authenticated with all of them.
 */
enum e2ee_key_attr {
	E2EE_A_KEY_UNSPEC,
	E2EE_A_KEY_PAD,
	E2EE_A_KEY_SESSION,	/* u32: session id (get, event) */
	E2EE_A_KEY_DIR,		/* u32: enum e2ee_dir */
	E2EE_A_KEY_KID,		/* u64 */
	E2EE_A_KEY_SSRC,	/* u32: the SSRC; for a claim key, once it is claimed (get) */
	E2EE_A_KEY_SSRC_MODE,	/* u32: enum e2ee_ssrc_mode; default number with SSRC, else any */
	E2EE_A_KEY_SUITE,	/* u32: enum e2ee_suite; default AES-256-GCM */
	E2EE_A_KEY_EPOCH,	/* u32; default the session's epoch */
	E2EE_A_KEY_SECRET,	/* binary, 16 or 32 bytes: AEAD key; never in an answer */
	E2EE_A_KEY_SALT,	/* binary, 12 bytes; never in an answer */
	E2EE_A_KEY_CTR,		/* u64: next CTR (tx); lowest to accept (rx; get: highest + 1, *) */
	E2EE_A_KEY_SOFT_LIMIT,	/* u64: CTR at which event key-expiring is sent (tx) */
	E2EE_A_KEY_LIMIT,	/* u64: first CTR that is not used any more (tx) */
	E2EE_A_KEY_EXPIRES,	/* u32: seconds from now, 0 = never; get: seconds left */
	E2EE_A_KEY_DRIVER,	/* string: crypto driver in use (get) */
	E2EE_A_KEY_PACKETS,	/* u64: packets sealed, or authenticated (*), with it (get) */
	E2EE_A_KEY_EXPIRED,	/* flag: at its limit or past its lifetime (get) */
	E2EE_A_KEY_RTX_SSRC,	/* u32: SSRC of the stream's retransmissions (rx, mode number) */

	__E2EE_A_KEY_MAX,
	E2EE_A_KEY_MAX = __E2EE_A_KEY_MAX - 1
};

enum e2ee_dir {
	E2EE_DIR_TX = 1,
	E2EE_DIR_RX = 2,
};

enum e2ee_ssrc_mode {
	E2EE_SSRC_NUMBER = 1,
	E2EE_SSRC_CLAIM = 2,	/* tx: the first SSRC without a key of its own takes it */
	E2EE_SSRC_ANY = 3,
};

/* IANA registry "SFrame Cipher Suites", RFC 9605, section 8.1 */
enum e2ee_suite {
	E2EE_SUITE_AES_128_GCM_SHA256_128 = 4,
	E2EE_SUITE_AES_256_GCM_SHA512_128 = 5,
};

/* A request names a socket by ID, by FD of the caller, or by local address and port. */
enum e2ee_socket_attr {
	E2EE_A_SOCKET_UNSPEC,
	E2EE_A_SOCKET_PAD,
	E2EE_A_SOCKET_ID,	/* u64, given by the kernel, never used twice */
	E2EE_A_SOCKET_SESSION,	/* u32: session id; 0 = detached, hooks pass through (get) */
	E2EE_A_SOCKET_FD,	/* u32: file descriptor of the caller (attach, detach, get) */
	E2EE_A_SOCKET_LOCAL_ADDR,	/* binary, 4 or 16 bytes, network order */
	E2EE_A_SOCKET_LOCAL_PORT,	/* u16, host order */
	E2EE_A_SOCKET_REMOTE_ADDR,	/* binary, 4 or 16 bytes (get, if connected) */
	E2EE_A_SOCKET_REMOTE_PORT,	/* u16, host order (get, if connected) */
	E2EE_A_SOCKET_INODE,	/* u64 (get) */
	E2EE_A_SOCKET_UID,	/* u32: owner, in the reader's user namespace (get) */
	E2EE_A_SOCKET_GUARD,	/* u32: id of the guard that attached it, if one did (get) */
	E2EE_A_SOCKET_STATS,	/* nest: enum e2ee_stat (get) */
	E2EE_A_SOCKET_PEER_ADDR,	/* reserved: session by remote address */
	E2EE_A_SOCKET_PEER_PORT,	/* reserved */

	__E2EE_A_SOCKET_MAX,
	E2EE_A_SOCKET_MAX = __E2EE_A_SOCKET_MAX - 1
};

enum e2ee_guard_attr {
	E2EE_A_GUARD_UNSPEC,
	E2EE_A_GUARD_PAD,
	E2EE_A_GUARD_ID,	/* u32, given by the kernel, from 1 */
	E2EE_A_GUARD_SESSION,	/* u32: session id (get) */
	E2EE_A_GUARD_PORT_FIRST,	/* u16, host order, not 0 */
	E2EE_A_GUARD_PORT_LAST,	/* u16, host order, default PORT_FIRST */
	E2EE_A_GUARD_LOCAL_ADDR,	/* binary, 4 or 16 bytes; default any */
	E2EE_A_GUARD_UID,	/* u32: owner of the socket; default any */
	E2EE_A_GUARD_CGROUP,	/* string: path in the cgroup2 hierarchy; default any */
	E2EE_A_GUARD_SOCKETS,	/* u32: sockets it attached so far (get) */

	__E2EE_A_GUARD_MAX,
	E2EE_A_GUARD_MAX = __E2EE_A_GUARD_MAX - 1
};

enum e2ee_event_attr {
	E2EE_A_EVENT_UNSPEC,
	E2EE_A_EVENT_PAD,
	E2EE_A_EVENT_TYPE,	/* u32: enum e2ee_event */
	E2EE_A_EVENT_SESSION,	/* u32: session id */
	E2EE_A_EVENT_NAME,	/* string: session name */
	E2EE_A_EVENT_SOCKET,	/* u64: socket id */
	E2EE_A_EVENT_DIR,	/* u32: enum e2ee_dir */
	E2EE_A_EVENT_KID,	/* u64 */
	E2EE_A_EVENT_SSRC,	/* u32 */
	E2EE_A_EVENT_EPOCH,	/* u32 */
	E2EE_A_EVENT_ERROR,	/* u32: errno of what failed (attach-failed) */
	E2EE_A_EVENT_COUNT,	/* u64: packets (auth-burst), digests kept (digest-filling) */
	E2EE_A_EVENT_LOST,	/* u32: events not sent before this one, for lack of tokens */
	E2EE_A_EVENT_LOCAL_ADDR, /* binary: 4 or 16 bytes, network order (attach-failed) */
	E2EE_A_EVENT_LOCAL_PORT, /* u16: host order (attach-failed) */
	E2EE_A_EVENT_INODE,	/* u64: inode of a socket that has no id (attach-failed) */

	__E2EE_A_EVENT_MAX,
	E2EE_A_EVENT_MAX = __E2EE_A_EVENT_MAX - 1
};

enum e2ee_event {
	E2EE_EVENT_KEY_MISSING = 1,
	E2EE_EVENT_KEY_EXPIRING,
	E2EE_EVENT_KEY_EXPIRED,
	E2EE_EVENT_AUTH_BURST,
	E2EE_EVENT_ATTACHED,
	E2EE_EVENT_DETACHED,
	E2EE_EVENT_ATTACH_FAILED,
	E2EE_EVENT_SRTP_SEEN,
	E2EE_EVENT_DIGEST_FILLING,
	E2EE_EVENT_SESSION_NEW,
	E2EE_EVENT_SESSION_SET,
	E2EE_EVENT_SESSION_DEL,

	__E2EE_EVENT_MAX,
	E2EE_EVENT_MAX = __E2EE_EVENT_MAX - 1
};

enum e2ee_info_attr {
	E2EE_A_INFO_UNSPEC,
	E2EE_A_INFO_PAD,
	E2EE_A_INFO_VERSION,	/* string: module version */
	E2EE_A_INFO_DRIVER_SYNC,	/* string: synchronous gcm(aes) driver used by default */
	E2EE_A_INFO_DRIVER_FALLBACK,	/* string: driver where SIMD may not be used, if other */
	E2EE_A_INFO_SESSIONS,	/* u32, in this namespace */
	E2EE_A_INFO_KEYS,	/* u32, in this namespace */
	E2EE_A_INFO_SOCKETS,	/* u32, in this namespace */
	E2EE_A_INFO_GUARDS,	/* u32, in this namespace */
	E2EE_A_INFO_DIGESTS,	/* u32: digests of sending keys kept, in the caller's share */
	E2EE_A_INFO_DIGESTS_MAX,	/* u32: E2EE_DIGESTS_MAX, or _PER_SHARE */
	E2EE_A_INFO_FLOORS,	/* u32: deleted receiving keys remembered, in the caller's pool */
	E2EE_A_INFO_FLOORS_MAX,	/* u32: E2EE_FLOORS_HOST, or _PER_POOL */
	E2EE_A_INFO_FLOORS_LOST,	/* u64: deleted receiving keys forgotten (no room) */

	__E2EE_A_INFO_MAX,
	E2EE_A_INFO_MAX = __E2EE_A_INFO_MAX - 1
};

/*
 * Counters, each a u64 attribute. The verdicts come first: every packet on an
 * attached socket is counted under exactly one of them. The notes follow.
 */
enum e2ee_stat {
	E2EE_A_STAT_UNSPEC,
	E2EE_A_STAT_PAD,
	E2EE_A_STAT_TX_OK,
	E2EE_A_STAT_TX_OTHER,
	E2EE_A_STAT_TX_CLEAR,
	E2EE_A_STAT_TX_OFF,
	E2EE_A_STAT_TX_SRTP,
	E2EE_A_STAT_TX_MALFORMED,
	E2EE_A_STAT_TX_NO_KEY,
	E2EE_A_STAT_TX_KEY_EXPIRED,
	E2EE_A_STAT_TX_TOO_BIG,
	E2EE_A_STAT_TX_FAILED,
	E2EE_A_STAT_TX_BLOCKED,
	E2EE_A_STAT_RX_OK,
	E2EE_A_STAT_RX_OTHER,
	E2EE_A_STAT_RX_CLEAR,
	E2EE_A_STAT_RX_OFF,
	E2EE_A_STAT_RX_CLEAR_DROPPED,
	E2EE_A_STAT_RX_MALFORMED,
	E2EE_A_STAT_RX_NO_KEY,
	E2EE_A_STAT_RX_SSRC,
	E2EE_A_STAT_RX_KEY_EXPIRED,
	E2EE_A_STAT_RX_REPLAY,
	E2EE_A_STAT_RX_AUTH_FAIL,
	E2EE_A_STAT_RX_BUSY,
	E2EE_A_STAT_RX_BLOCKED,
	/* notes, counted in addition to the verdict of a packet */
	E2EE_A_STAT_TX_FRAG,	/* sealed packet larger than the path's MTU */
	E2EE_A_STAT_GUARD_HELD,	/* received packet held until its socket was attached */
	E2EE_A_STAT_GUARD_DROP,	/* held packet dropped: queue full or attach failed */

	__E2EE_A_STAT_MAX,
	E2EE_A_STAT_MAX = __E2EE_A_STAT_MAX - 1
};

#endif /* _UAPI_LINUX_E2EE_H */
