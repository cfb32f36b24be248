// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages, from their structures to bytes. Bounds are not looked at: who
 * sends decodes what was made, and the decoder knows them.
 */
#include <errno.h>
#include <string.h>

#include "message_form.h"

typedef void (*write_fn)(struct e2ee_wire_writer *writer,
			 const struct e2ee_field *field, const void *base);

static void write_map(struct e2ee_wire_writer *writer,
		      const struct e2ee_form *form, uint64_t keys,
		      const void *base);

static const void *place(const struct e2ee_field *field, const void *base)
{
	return (const uint8_t *)base + field->at;
}

static size_t count_of(const struct e2ee_field *field, const void *base)
{
	size_t count;

	memcpy(&count, (const uint8_t *)base + field->count_at, sizeof(count));
	return count;
}

/* Is there an array, if it is to have elements? */
static bool list_there(struct e2ee_wire_writer *writer, const void *list,
		       size_t count)
{
	if (!list && count)
		writer->error = -EINVAL;
	return !writer->error;
}

static void write_type(struct e2ee_wire_writer *writer,
		       const struct e2ee_field *field, const void *base)
{
	const enum e2ee_message_type *type = place(field, base);

	e2ee_wire_put_uint(writer, *type);
}

static void write_u8(struct e2ee_wire_writer *writer,
		     const struct e2ee_field *field, const void *base)
{
	e2ee_wire_put_uint(writer, *(const uint8_t *)place(field, base));
}

static void write_u16(struct e2ee_wire_writer *writer,
		      const struct e2ee_field *field, const void *base)
{
	e2ee_wire_put_uint(writer, *(const uint16_t *)place(field, base));
}

static void write_u32(struct e2ee_wire_writer *writer,
		      const struct e2ee_field *field, const void *base)
{
	e2ee_wire_put_uint(writer, *(const uint32_t *)place(field, base));
}

static void write_u64(struct e2ee_wire_writer *writer,
		      const struct e2ee_field *field, const void *base)
{
	e2ee_wire_put_uint(writer, *(const uint64_t *)place(field, base));
}

static void write_bool(struct e2ee_wire_writer *writer,
		       const struct e2ee_field *field, const void *base)
{
	e2ee_wire_put_bool(writer, *(const bool *)place(field, base));
}

static void write_name(struct e2ee_wire_writer *writer,
		       const struct e2ee_field *field, const void *base)
{
	const char *name = place(field, base);

	e2ee_wire_put_text(writer, name, strnlen(name, E2EE_NAME_MAX + 1));
}

static void write_fixed(struct e2ee_wire_writer *writer,
			const struct e2ee_field *field, const void *base)
{
	const uint8_t *const *bytes = place(field, base);

	e2ee_wire_put_bytes(writer, *bytes, field->max);
}

static void write_bytes(struct e2ee_wire_writer *writer,
			const struct e2ee_field *field, const void *base)
{
	const struct e2ee_bytes *bytes = place(field, base);

	e2ee_wire_put_bytes(writer, bytes->data, bytes->len);
}

static void write_keys(struct e2ee_wire_writer *writer,
		       const struct e2ee_field *field, const void *base)
{
	const struct e2ee_bytes *keys = place(field, base);
	size_t count = 0;
	uint32_t suite;

	for (suite = 1; suite < E2EE_WRAP_SUITES; suite++)
		count += keys[suite].len > 0;
	e2ee_wire_put_map(writer, count);
	for (suite = 1; suite < E2EE_WRAP_SUITES; suite++) {
		if (!keys[suite].len)
			continue;
		e2ee_wire_put_uint(writer, suite);
		e2ee_wire_put_bytes(writer, keys[suite].data, keys[suite].len);
	}
}

static void write_media(struct e2ee_wire_writer *writer,
			const struct e2ee_field *field, const void *base)
{
	const uint32_t *media = place(field, base);
	uint32_t suite;

	e2ee_wire_put_array(writer, (size_t)__builtin_popcount(*media));
	for (suite = 0; suite < 32; suite++)
		if (*media & 1U << suite)
			e2ee_wire_put_uint(writer, suite);
}

static void write_poll(struct e2ee_wire_writer *writer,
		       const struct e2ee_field *field, const void *base)
{
	const uint8_t *leaves = place(field, base);
	size_t count = count_of(field, base), i;

	if (count > E2EE_POLL_MAX) {
		writer->error = -EINVAL;
		return;
	}
	e2ee_wire_put_array(writer, count);
	for (i = 0; i < count; i++)
		e2ee_wire_put_uint(writer, leaves[i]);
}

void e2ee_message_write_roster(struct e2ee_wire_writer *writer,
			       const struct e2ee_entry *roster, size_t count)
{
	uint64_t keys = e2ee_form_keys(&e2ee_form_entry);
	size_t i;

	e2ee_wire_put_array(writer, count);
	if (!list_there(writer, roster, count))
		return;
	for (i = 0; i < count; i++)
		write_map(writer, &e2ee_form_entry, keys, &roster[i]);
}

static void write_roster(struct e2ee_wire_writer *writer,
			 const struct e2ee_field *field, const void *base)
{
	const struct e2ee_entry *const *roster = place(field, base);

	e2ee_message_write_roster(writer, *roster, count_of(field, base));
}

static void write_wraps(struct e2ee_wire_writer *writer,
			const struct e2ee_field *field, const void *base)
{
	const struct e2ee_wrap *const *wraps = place(field, base);
	uint64_t keys = e2ee_form_keys(&e2ee_form_wrap);
	size_t count = count_of(field, base), i;

	e2ee_wire_put_array(writer, count);
	if (!list_there(writer, *wraps, count))
		return;
	for (i = 0; i < count; i++)
		write_map(writer, &e2ee_form_wrap, keys, &(*wraps)[i]);
}

static void write_iks(struct e2ee_wire_writer *writer,
		      const struct e2ee_field *field, const void *base)
{
	const uint8_t *const *const *iks = place(field, base);
	size_t count = count_of(field, base), i;

	e2ee_wire_put_array(writer, count);
	if (!list_there(writer, *iks, count))
		return;
	for (i = 0; i < count; i++)
		e2ee_wire_put_bytes(writer, (*iks)[i], E2EE_IK_LEN);
}

static const write_fn writers[E2EE_FIELD_KINDS] = {
	[E2EE_FIELD_TYPE] = write_type,
	[E2EE_FIELD_U8] = write_u8,
	[E2EE_FIELD_U16] = write_u16,
	[E2EE_FIELD_U32] = write_u32,
	[E2EE_FIELD_U64] = write_u64,
	[E2EE_FIELD_BOOL] = write_bool,
	[E2EE_FIELD_NAME] = write_name,
	[E2EE_FIELD_FIXED] = write_fixed,
	[E2EE_FIELD_BYTES] = write_bytes,
	[E2EE_FIELD_KEYS] = write_keys,
	[E2EE_FIELD_MEDIA] = write_media,
	[E2EE_FIELD_POLL] = write_poll,
	[E2EE_FIELD_ROSTER] = write_roster,
	[E2EE_FIELD_WRAPS] = write_wraps,
	[E2EE_FIELD_IKS] = write_iks,
};

static void write_map(struct e2ee_wire_writer *writer,
		      const struct e2ee_form *form, uint64_t keys,
		      const void *base)
{
	size_t i;

	e2ee_wire_put_map(writer, (size_t)__builtin_popcountll(keys));
	for (i = 0; i < form->count && !writer->error; i++) {
		const struct e2ee_field *field = &form->fields[i];

		if (!(keys >> field->key & 1))
			continue;
		e2ee_wire_put_uint(writer, field->key);
		writers[field->kind](writer, field, base);
	}
}

void e2ee_message_write(struct e2ee_wire_writer *writer,
			const struct e2ee_message *msg)
{
	write_map(writer, e2ee_form_of(msg->type), e2ee_form_present(msg), msg);
}
