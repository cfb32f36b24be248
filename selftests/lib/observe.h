/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transparency: what an application observes on sockets that are attached must
 * be what it observes on plain ones.
 *
 *	left ---- loopback ----> right
 *
 * An observable is a function that does something with the two ends and notes
 * what it sees. It runs twice, in fresh namespaces: with both ends plain, and
 * with both attached. The notes must agree, but for what is permitted.
 */
#ifndef E2EE_TEST_OBSERVE_H
#define E2EE_TEST_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl.h"
#include "rtp.h"
#include "sock.h"

#define NOTES	512

struct record {
	unsigned int num;
	struct {
		char name[64];
		long long value;
	} notes[NOTES];
};

struct ends {
	bool attached;
	enum sock_kind kind;
	int left;
	int right;
	struct addr left_addr;
	struct addr right_addr;
	struct ctl ctl;
	uint32_t sessions[2];	/* of the left side, of the right side */
	uint16_t seq;		/* of the next packet */
	unsigned int sent;	/* RTP packets that left took */
};

enum permit_kind {
	PERMIT_NONE,
	PERMIT_VALUES,	/* this one plain, that one attached */
	PERMIT_CHANGE,	/* attached is larger by this much */
	PERMIT_PERCENT,	/* attached differs by up to this many percent */
};

struct permit {
	enum permit_kind kind;
	const char *name;
	long long plain;	/* or the change, or the percentage */
	long long attached;
};

typedef void observe_t(struct ends *ends, struct record *record);

/* Run an observable both ways. "" or the differences that are not permitted. */
const char *differences(enum sock_kind kind, observe_t *observe,
			const struct permit *permits);

/* For tests of attached ends alone. 0 or -errno. */
int ends_open(struct ends *ends, enum sock_kind kind, bool attached);
void ends_close(struct ends *ends);

/* Another socket of the left (0) or right (1) side; it is closed at exit. */
int ends_attach(struct ends *ends, int fd, unsigned int side);
int ends_connect(struct ends *ends);	/* both, to each other */

/* Wait until all that was sent before has arrived, errors too. */
void settle(const struct ends *ends);

void note(struct record *record, const char *name, long long value);
/* What a system call returned: -errno if it failed. */
void note_call(struct record *record, const char *name, long long ret);
void note_bytes(struct record *record, const char *name, const void *data,
		size_t len);

/* The next RTP packet of the left side, @len bytes in all. */
void next_packet(struct ends *ends, uint8_t *out, size_t len);
/* Send it from left to right: -errno or the length. */
int left_sends(struct ends *ends, size_t len);
/* Receive at the right side and note length and bytes. */
void right_notes(struct ends *ends, struct record *record, const char *name);

/*
 * OBSERVE(name, permits...) { ... } is an observable and its test, of the
 * fixture transparency, that has a variant of each kind.
 */
#define OBSERVE(name, ...)						\
	static void name##_observe(struct ends *e, struct record *r);	\
	TEST_F(transparency, name)					\
	{								\
		static const struct permit permits[] = {		\
			__VA_ARGS__ __VA_OPT__(,) { PERMIT_NONE, NULL, 0, 0 } \
		};							\
									\
		EXPECT_STREQ("", differences(variant->kind,		\
					     name##_observe, permits));	\
	}								\
	static void name##_observe(struct ends *e, struct record *r)

#define TRANSPARENCY_FIXTURE						\
	FIXTURE(transparency) { };					\
	FIXTURE_VARIANT(transparency) { enum sock_kind kind; };		\
	FIXTURE_VARIANT_ADD(transparency, v4) { .kind = SOCK_V4 };	\
	FIXTURE_VARIANT_ADD(transparency, v6) { .kind = SOCK_V6 };	\
	FIXTURE_VARIANT_ADD(transparency, mapped) { .kind = SOCK_MAPPED }; \
	FIXTURE_SETUP(transparency) { }					\
	FIXTURE_TEARDOWN(transparency) { }

#endif /* E2EE_TEST_OBSERVE_H */
