/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Items of CBOR, read and written one after the other by libcbor. The first
 * error stays, and all that follows does nothing: callers look once, at the
 * end.
 */
#ifndef E2EE_LIB_WIRE_H
#define E2EE_LIB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define E2EE_WIRE_DEPTH_MAX	4	/* maps and arrays in one another */

enum e2ee_wire_type {
	E2EE_WIRE_NONE,
	E2EE_WIRE_UINT,
	E2EE_WIRE_BYTES,
	E2EE_WIRE_TEXT,
	E2EE_WIRE_BOOL,
	E2EE_WIRE_ARRAY,
	E2EE_WIRE_MAP,
};

/**
 * struct e2ee_wire_item - what was read
 * @type: of it
 * @value: number, boolean, length of a string, elements of an array, pairs of
 *         a map
 * @data: a string's bytes, where they were read
 * @refused: why it is none of the types above
 */
struct e2ee_wire_item {
	enum e2ee_wire_type type;
	uint64_t value;
	const uint8_t *data;
	const char *refused;
};

/**
 * struct e2ee_wire_reader
 * @at: what is read next
 * @left: bytes
 * @depth: maps and arrays open
 * @reason: the first error, a static text
 * @error: its number
 */
struct e2ee_wire_reader {
	const uint8_t *at;
	size_t left;
	unsigned int depth;
	const char *reason;
	int error;
};

/* Refuses the rest. Keeps the first reason. */
void e2ee_wire_refuse(struct e2ee_wire_reader *reader, int error,
		      const char *reason);

/**
 * e2ee_wire_read() - the next item
 * @reader: from here
 * @type: what it has to be; an array or map is open then
 * @min: smallest value
 * @max: greatest value
 * @wrong: reason if it is of another type
 * @range: reason if its value is out of bounds
 *
 * Return: the item; type NONE and value 0 after an error.
 */
struct e2ee_wire_item e2ee_wire_read(struct e2ee_wire_reader *reader,
				     enum e2ee_wire_type type, uint64_t min,
				     uint64_t max, const char *wrong,
				     const char *range);

/* The array or map opened last has been read */
void e2ee_wire_leave(struct e2ee_wire_reader *reader);

/**
 * struct e2ee_wire_writer
 * @at: where the next item goes
 * @left: room
 * @error: -EMSGSIZE or -EINVAL
 */
struct e2ee_wire_writer {
	uint8_t *at;
	size_t left;
	int error;
};

void e2ee_wire_put_uint(struct e2ee_wire_writer *writer, uint64_t value);
void e2ee_wire_put_bool(struct e2ee_wire_writer *writer, bool value);
/* @data NULL is -EINVAL, unless @len is 0 */
void e2ee_wire_put_bytes(struct e2ee_wire_writer *writer, const void *data,
			 size_t len);
void e2ee_wire_put_text(struct e2ee_wire_writer *writer, const char *text,
			size_t len);
void e2ee_wire_put_array(struct e2ee_wire_writer *writer, size_t count);
void e2ee_wire_put_map(struct e2ee_wire_writer *writer, size_t pairs);

#endif /* E2EE_LIB_WIRE_H */
