/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who this appliance is, and whom it trusts.
 *
 * Functions return 0 or a negative errno. Those that take @error write one line
 * into it that says what is wrong and what helps; @error may be NULL.
 */
#ifndef _E2EE_IDENTITY_H
#define _E2EE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define E2EE_NAME_MAX		64	/* name of a device or room: [A-Za-z0-9._-] */
#define E2EE_IDENTITY_LEN	32	/* Ed25519 public key, "ik" */
#define E2EE_CODE_LEN		48	/* identity code as text, with its NUL */
#define E2EE_ERROR_LEN		256

/* Where these files are by default; the folder has mode 0700 */
#define E2EE_STATE_FOLDER	"/var/lib/e2ee"
#define E2EE_IDENTITY_FILE	E2EE_STATE_FOLDER "/identity"
#define E2EE_TRUST_FILE		E2EE_STATE_FOLDER "/trust"

/* Returns whether @name can be the name of a device or room */
bool e2ee_name_valid(const char *name);

/**
 * e2ee_identity_code() - 40 digits in groups of five, for people to compare
 * @dev: device name
 * @ik: 32 bytes
 * @text: out, E2EE_CODE_LEN bytes
 */
int e2ee_identity_code(const char *dev, const uint8_t *ik, char *text);

/*
 * The identity of this appliance: a file that nobody else may read, which holds an
 * Ed25519 private key in PEM
 */
struct e2ee_identity;

/* -EEXIST: there is such a file, and it is left as it is */
int e2ee_identity_create(const char *path, char *error);

/**
 * e2ee_identity_load_state() - read an identity file
 * @path: the file
 * @state: folder for the number of the last key package (the message that offers a
 *         fresh key). All rooms of this identity share the number. Its file is
 *         called like the identity, with ".seq" appended. If there is such a file
 *         beside @path with a higher number, that number counts, and the file is
 *         left alone. NULL: the number is kept beside @path, and nowhere else
 * @identity: out
 * @error: E2EE_ERROR_LEN bytes
 *
 * In a folder that has no such file yet, the number begins with the time of day.
 *
 * Errors: -ENOENT: there is no such file, or no folder for the number. -EPERM:
 * others may read the file. -ELOOP: the file is a symbolic link. -EBADMSG: the file
 * does not hold an Ed25519 key. -EROFS or -EACCES: the number cannot be written.
 * -ETIME: there is no number, and the clock is wrong. A file in
 * $CREDENTIALS_DIRECTORY may be readable for its group.
 */
int e2ee_identity_load_state(const char *path, const char *state,
			     struct e2ee_identity **identity, char *error);
/* Like e2ee_identity_load_state(), with @state NULL */
int e2ee_identity_load(const char *path, struct e2ee_identity **identity,
		       char *error);
/* Reads the public key only: 32 bytes */
int e2ee_identity_public(const char *path, uint8_t *ik, char *error);
void e2ee_identity_free(struct e2ee_identity *identity);	/* wipes */

/* How a device's key was learnt. Higher is better. */
enum e2ee_trust_kind {
	E2EE_TRUST_UNKNOWN,
	E2EE_TRUST_TOFU,		/* seen first in a call */
	E2EE_TRUST_VERIFIED,		/* people compared the code of a call */
	E2EE_TRUST_PINNED,		/* given by the operator */
};

/* Which devices a room lets in */
enum e2ee_trust_level {
	E2EE_LEVEL_PINNED,		/* pinned only */
	E2EE_LEVEL_VERIFIED,		/* pinned or verified */
	E2EE_LEVEL_TOFU,		/* unknown devices too */
};

/* What a trust store says about a device and its key */
enum e2ee_trust_answer {
	E2EE_TRUST_GOOD,		/* known, and this is its key */
	E2EE_TRUST_NEW,			/* neither device nor key is known */
	E2EE_TRUST_CHANGED,		/* the device has another key, or the key
					 * another device: always refused */
};

/*
 * A trust store says which key belongs to which device, like known_hosts. It is a
 * file, or in memory only.
 */
struct e2ee_trust;

typedef int (*e2ee_trust_cb)(const char *dev, const uint8_t *ik,
			     enum e2ee_trust_kind kind, void *arg);

/* If @path is NULL, the store is in memory only. A missing file is an empty store. */
int e2ee_trust_open(const char *path, struct e2ee_trust **trust, char *error);
void e2ee_trust_close(struct e2ee_trust *trust);

/* @kind: out, UNKNOWN unless the answer is GOOD; may be NULL */
enum e2ee_trust_answer e2ee_trust_ask(const struct e2ee_trust *trust,
				      const char *dev, const uint8_t *ik,
				      enum e2ee_trust_kind *kind);
/**
 * e2ee_trust_problem() - why the store's file cannot be read
 * @trust: the store
 *
 * While there is a problem, e2ee_trust_ask() answers from what it read last. Admit
 * nobody new during that time: the operator may have taken a device out in the very
 * edit that went wrong.
 *
 * Return: one line that names the file, the line in it and what helps; "" if
 * the file is in order. The text is valid until @trust is asked again.
 */
const char *e2ee_trust_problem(const struct e2ee_trust *trust);
/*
 * -EEXIST: the store has the device with another key, or the key with another device.
 * A lower kind does not replace a higher one. The change is on disk on return.
 */
int e2ee_trust_add(struct e2ee_trust *trust, const char *dev, const uint8_t *ik,
		   enum e2ee_trust_kind kind);
/* -ENOENT: the store does not have the device. The change is on disk on return. */
int e2ee_trust_del(struct e2ee_trust *trust, const char *dev);
int e2ee_trust_list(const struct e2ee_trust *trust, e2ee_trust_cb cb,
		    void *arg);

/* "pinned", "verified", "tofu", "unknown"; "pinned-only", "verified", "tofu" */
const char *e2ee_trust_kind_name(enum e2ee_trust_kind kind);
const char *e2ee_trust_level_name(enum e2ee_trust_level level);
int e2ee_trust_level_value(const char *name);	/* -EINVAL */

#ifdef __cplusplus
}
#endif

#endif /* _E2EE_IDENTITY_H */
