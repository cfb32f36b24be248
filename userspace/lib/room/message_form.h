/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What each message is made of: one table, read by the decoder and by the
 * encoder.
 */
#ifndef E2EE_LIB_MESSAGE_FORM_H
#define E2EE_LIB_MESSAGE_FORM_H

#include "message.h"
#include "wire.h"

/* How a field lies in its structure */
enum e2ee_field_kind {
	E2EE_FIELD_TYPE,		/* enum e2ee_message_type */
	E2EE_FIELD_U8,
	E2EE_FIELD_U16,
	E2EE_FIELD_U32,
	E2EE_FIELD_U64,
	E2EE_FIELD_BOOL,
	E2EE_FIELD_NAME,		/* char [E2EE_NAME_MAX + 1] */
	E2EE_FIELD_FIXED,		/* pointer to max bytes */
	E2EE_FIELD_BYTES,		/* struct e2ee_bytes */
	E2EE_FIELD_KEYS,		/* of struct e2ee_entry */
	E2EE_FIELD_MEDIA,		/* uint32_t, a set */
	E2EE_FIELD_POLL,		/* uint8_t [E2EE_POLL_MAX], a count */
	E2EE_FIELD_ROSTER,		/* pointer to entries, a count */
	E2EE_FIELD_WRAPS,		/* pointer to wraps, a count */
	E2EE_FIELD_IKS,			/* pointer to pointers, a count */
	E2EE_FIELD_KINDS,
};

/**
 * struct e2ee_field - a field of a map
 * @key: its key
 * @kind: how it lies in the structure
 * @at: where
 * @count_at: where its count lies, if it has one
 * @min: smallest value, bytes or elements
 * @max: greatest
 * @missing: reason if it is not there
 * @extra: reason if it is there, and must not be
 * @wrong: reason if it is of another type
 * @range: reason if its value or size is out of bounds
 */
struct e2ee_field {
	uint8_t key;
	uint8_t kind;
	uint16_t at;
	uint16_t count_at;
	uint64_t min;
	uint64_t max;
	const char *missing;
	const char *extra;
	const char *wrong;
	const char *range;
};

/** struct e2ee_form - a map: its fields, by key */
struct e2ee_form {
	const struct e2ee_field *fields;
	size_t count;
};

extern const struct e2ee_form e2ee_form_entry;
extern const struct e2ee_form e2ee_form_wrap;

/* NULL if the type is not known */
const struct e2ee_form *e2ee_form_of(uint64_t type);
/* Greatest size of a message of this type, with its signature */
size_t e2ee_form_cap(enum e2ee_message_type type);
/* All keys of a form, as bits */
uint64_t e2ee_form_keys(const struct e2ee_form *form);
/* Those that a message of this content has to have, no less and no more */
uint64_t e2ee_form_present(const struct e2ee_message *msg);

/* Reads a whole message into a zeroed one. The reader keeps the reason. */
void e2ee_message_read(struct e2ee_wire_reader *reader,
		       struct e2ee_message *msg);
/* Frees what the reader allocated */
void e2ee_message_clear(struct e2ee_message *msg);

void e2ee_message_write(struct e2ee_wire_writer *writer,
			const struct e2ee_message *msg);
void e2ee_message_write_roster(struct e2ee_wire_writer *writer,
			       const struct e2ee_entry *roster, size_t count);

#endif /* E2EE_LIB_MESSAGE_FORM_H */
