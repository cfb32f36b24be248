// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages, from bytes to their structures, which point into those bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message_form.h"

typedef void (*read_fn)(struct e2ee_wire_reader *reader,
			const struct e2ee_field *field, void *base);

static uint64_t read_map(struct e2ee_wire_reader *reader,
			 const struct e2ee_form *form, void *base);

static void *place(const struct e2ee_field *field, void *base)
{
	return (uint8_t *)base + field->at;
}

static void set_count(const struct e2ee_field *field, void *base, size_t count)
{
	memcpy((uint8_t *)base + field->count_at, &count, sizeof(count));
}

static void refuse(struct e2ee_wire_reader *reader, const char *reason)
{
	e2ee_wire_refuse(reader, -EBADMSG, reason);
}

static struct e2ee_wire_item read_item(struct e2ee_wire_reader *reader,
				       const struct e2ee_field *field,
				       enum e2ee_wire_type type)
{
	return e2ee_wire_read(reader, type, field->min, field->max,
			      field->wrong, field->range);
}

static uint64_t read_number(struct e2ee_wire_reader *reader,
			    const struct e2ee_field *field)
{
	return read_item(reader, field, E2EE_WIRE_UINT).value;
}

static void read_type(struct e2ee_wire_reader *reader,
		      const struct e2ee_field *field, void *base)
{
	enum e2ee_message_type *type = place(field, base);
	uint64_t value = read_number(reader, field);

	if (!reader->reason)
		*type = (enum e2ee_message_type)value;
}

static void read_u8(struct e2ee_wire_reader *reader,
		    const struct e2ee_field *field, void *base)
{
	*(uint8_t *)place(field, base) = (uint8_t)read_number(reader, field);
}

static void read_u16(struct e2ee_wire_reader *reader,
		     const struct e2ee_field *field, void *base)
{
	*(uint16_t *)place(field, base) = (uint16_t)read_number(reader, field);
}

static void read_u32(struct e2ee_wire_reader *reader,
		     const struct e2ee_field *field, void *base)
{
	*(uint32_t *)place(field, base) = (uint32_t)read_number(reader, field);
}

static void read_u64(struct e2ee_wire_reader *reader,
		     const struct e2ee_field *field, void *base)
{
	*(uint64_t *)place(field, base) = read_number(reader, field);
}

static void read_bool(struct e2ee_wire_reader *reader,
		      const struct e2ee_field *field, void *base)
{
	bool *flag = place(field, base);

	*flag = read_item(reader, field, E2EE_WIRE_BOOL).value;
}

static void read_name(struct e2ee_wire_reader *reader,
		      const struct e2ee_field *field, void *base)
{
	struct e2ee_wire_item item = read_item(reader, field, E2EE_WIRE_TEXT);
	char *name = place(field, base);

	if (!item.data)
		return;
	memcpy(name, item.data, item.value);
	if (strlen(name) != item.value || !e2ee_name_valid(name))
		refuse(reader, "a name has other characters than A-Za-z0-9._-");
}

static void read_fixed(struct e2ee_wire_reader *reader,
		       const struct e2ee_field *field, void *base)
{
	const uint8_t **bytes = place(field, base);

	*bytes = read_item(reader, field, E2EE_WIRE_BYTES).data;
}

static void read_bytes(struct e2ee_wire_reader *reader,
		       const struct e2ee_field *field, void *base)
{
	struct e2ee_wire_item item = read_item(reader, field, E2EE_WIRE_BYTES);
	struct e2ee_bytes *bytes = place(field, base);

	bytes->data = item.data;
	bytes->len = item.value;
}

static void read_keys(struct e2ee_wire_reader *reader,
		      const struct e2ee_field *field, void *base)
{
	struct e2ee_bytes *keys = place(field, base);
	uint64_t left, last = 0;

	left = read_item(reader, field, E2EE_WIRE_MAP).value;
	while (left-- && !reader->reason) {
		struct e2ee_wire_item key, value;

		key = e2ee_wire_read(reader, E2EE_WIRE_UINT, 1,
				     E2EE_WRAP_SUITES - 1, field->wrong,
				     "wrap suite not known");
		if (key.value <= last)
			refuse(reader, "wrap suites not ascending, or twice");
		value = e2ee_wire_read(reader, E2EE_WIRE_BYTES, 32,
				       E2EE_WRAP_PUBLIC_MAX, field->wrong,
				       "a public key is too short or too long");
		if (reader->reason)
			return;
		keys[key.value].data = value.data;
		keys[key.value].len = value.value;
		last = key.value;
	}
	e2ee_wire_leave(reader);
}

static void read_media(struct e2ee_wire_reader *reader,
		       const struct e2ee_field *field, void *base)
{
	uint32_t *media = place(field, base);
	uint64_t left, last = 0, suite;

	left = read_item(reader, field, E2EE_WIRE_ARRAY).value;
	while (left-- && !reader->reason) {
		suite = e2ee_wire_read(reader, E2EE_WIRE_UINT, 4, 5,
				       field->wrong,
				       "media suite not known").value;
		if (suite <= last)
			refuse(reader, "media suites not ascending, or twice");
		*media |= 1U << suite;
		last = suite;
	}
	e2ee_wire_leave(reader);
}

static void read_poll(struct e2ee_wire_reader *reader,
		      const struct e2ee_field *field, void *base)
{
	uint8_t *leaves = place(field, base);
	uint64_t count, i;

	count = read_item(reader, field, E2EE_WIRE_ARRAY).value;
	for (i = 0; i < count && !reader->reason; i++) {
		leaves[i] = (uint8_t)e2ee_wire_read(reader, E2EE_WIRE_UINT, 0,
						    UINT8_MAX, field->wrong,
						    field->range).value;
		if (i && leaves[i] <= leaves[i - 1])
			refuse(reader, "polled leaves not ascending, or twice");
	}
	set_count(field, base, count);
	e2ee_wire_leave(reader);
}

/* Opens an array and makes room for its elements; NULL after an error */
static void *list_new(struct e2ee_wire_reader *reader,
		      const struct e2ee_field *field, void *base, size_t size)
{
	size_t count = read_item(reader, field, E2EE_WIRE_ARRAY).value;
	void *list;

	if (reader->reason)
		return NULL;
	/* one more: an empty list is not NULL */
	list = calloc(count + 1, size);
	if (!list)
		e2ee_wire_refuse(reader, -ENOMEM, "not enough memory");
	else
		set_count(field, base, count);
	return list;
}

static bool entries_alike(const struct e2ee_entry *a,
			  const struct e2ee_entry *b)
{
	return !strcmp(a->dev, b->dev) ||
	       !memcmp(a->ik, b->ik, E2EE_IK_LEN) ||
	       !memcmp(a->session, b->session, E2EE_ID_LEN);
}

/* An entry fits those before it: leaf greater, all else distinct */
static void roster_check(struct e2ee_wire_reader *reader,
			 const struct e2ee_entry *roster, size_t i)
{
	size_t j;

	if (i && roster[i].leaf <= roster[i - 1].leaf)
		refuse(reader, "roster not ascending by leaf, or a leaf twice");
	for (j = 0; j < i && !reader->reason; j++)
		if (entries_alike(&roster[i], &roster[j]))
			refuse(reader,
			       "a dev, ik or session id is twice in the roster");
}

static void read_roster(struct e2ee_wire_reader *reader,
			const struct e2ee_field *field, void *base)
{
	struct e2ee_msg_epoch *epoch = &((struct e2ee_message *)base)->epoch;
	size_t i;

	epoch->roster = list_new(reader, field, base, sizeof(*epoch->roster));
	for (i = 0; i < epoch->roster_count && !reader->reason; i++) {
		read_map(reader, &e2ee_form_entry, &epoch->roster[i]);
		if (!reader->reason)
			roster_check(reader, epoch->roster, i);
	}
	e2ee_wire_leave(reader);
}

static void read_wraps(struct e2ee_wire_reader *reader,
		       const struct e2ee_field *field, void *base)
{
	struct e2ee_msg_epoch *epoch = &((struct e2ee_message *)base)->epoch;
	size_t i;

	epoch->wraps = list_new(reader, field, base, sizeof(*epoch->wraps));
	for (i = 0; i < epoch->wrap_count && !reader->reason; i++) {
		read_map(reader, &e2ee_form_wrap, &epoch->wraps[i]);
		if (i && epoch->wraps[i].leaf <= epoch->wraps[i - 1].leaf)
			refuse(reader,
			       "wraps not ascending by leaf, or a leaf twice");
	}
	e2ee_wire_leave(reader);
}

static void read_iks(struct e2ee_wire_reader *reader,
		     const struct e2ee_field *field, void *base)
{
	const uint8_t ***list = place(field, base), **iks, *last = NULL;
	struct e2ee_wire_item item;
	size_t count, i;

	iks = list_new(reader, field, base, sizeof(*iks));
	if (!iks)
		return;
	*list = iks;
	memcpy(&count, (uint8_t *)base + field->count_at, sizeof(count));
	for (i = 0; i < count && !reader->reason; i++) {
		item = e2ee_wire_read(reader, E2EE_WIRE_BYTES, E2EE_IK_LEN,
				      E2EE_IK_LEN, field->wrong,
				      "an ik is not of 32 bytes");
		if (last && item.data &&
		    memcmp(item.data, last, E2EE_IK_LEN) <= 0)
			refuse(reader,
			       "banned or lost iks not ascending, or one twice");
		last = item.data;
		iks[i] = last;
	}
	e2ee_wire_leave(reader);
}

static const read_fn readers[E2EE_FIELD_KINDS] = {
	[E2EE_FIELD_TYPE] = read_type,
	[E2EE_FIELD_U8] = read_u8,
	[E2EE_FIELD_U16] = read_u16,
	[E2EE_FIELD_U32] = read_u32,
	[E2EE_FIELD_U64] = read_u64,
	[E2EE_FIELD_BOOL] = read_bool,
	[E2EE_FIELD_NAME] = read_name,
	[E2EE_FIELD_FIXED] = read_fixed,
	[E2EE_FIELD_BYTES] = read_bytes,
	[E2EE_FIELD_KEYS] = read_keys,
	[E2EE_FIELD_MEDIA] = read_media,
	[E2EE_FIELD_POLL] = read_poll,
	[E2EE_FIELD_ROSTER] = read_roster,
	[E2EE_FIELD_WRAPS] = read_wraps,
	[E2EE_FIELD_IKS] = read_iks,
};

static const struct e2ee_field *field_find(const struct e2ee_form *form,
					   uint64_t key)
{
	size_t i;

	for (i = 0; i < form->count; i++)
		if (form->fields[i].key == key)
			return &form->fields[i];
	return NULL;
}

/* Reads the next key; NULL if its field must not be here. @seen: keys so far */
static const struct e2ee_field *read_key(struct e2ee_wire_reader *reader,
					 const struct e2ee_form *form,
					 uint64_t seen)
{
	const struct e2ee_field *field;
	uint64_t key;

	key = e2ee_wire_read(reader, E2EE_WIRE_UINT, 0, UINT64_MAX,
			     "the key of a field is not a number", "").value;
	field = field_find(form, key);
	if (!field)
		refuse(reader, "unknown field");
	else if (seen >> field->key & 1)
		refuse(reader, "a field is there twice");
	else if (seen >> field->key)
		refuse(reader, "fields not ascending");
	return reader->reason ? NULL : field;
}

static void keys_check(struct e2ee_wire_reader *reader,
		       const struct e2ee_form *form, uint64_t seen,
		       uint64_t wanted)
{
	uint64_t missing = wanted & ~seen, extra = seen & ~wanted;
	size_t i;

	for (i = 0; i < form->count; i++)
		if (missing >> form->fields[i].key & 1)
			refuse(reader, form->fields[i].missing);
	for (i = 0; i < form->count; i++)
		if (extra >> form->fields[i].key & 1)
			refuse(reader, form->fields[i].extra);
}

/* Keys that were there. All of the form are, unless it is one of a message. */
static uint64_t read_map(struct e2ee_wire_reader *reader,
			 const struct e2ee_form *form, void *base)
{
	uint64_t left, seen = 0;

	left = e2ee_wire_read(reader, E2EE_WIRE_MAP, 0, UINT64_MAX,
			      "not a map", "").value;
	while (left-- && !reader->reason) {
		const struct e2ee_field *field = read_key(reader, form, seen);

		if (!field)
			break;
		seen |= 1ULL << field->key;
		readers[field->kind](reader, field, base);
	}
	e2ee_wire_leave(reader);
	if (form == &e2ee_form_entry || form == &e2ee_form_wrap)
		keys_check(reader, form, seen, e2ee_form_keys(form));
	return seen;
}

static void epoch_check(struct e2ee_wire_reader *reader,
			const struct e2ee_msg_epoch *epoch)
{
	size_t i;

	if (epoch->wrap_count != epoch->roster_count)
		refuse(reader, "not one wrap for each leaf of the roster");
	for (i = 0; i < epoch->roster_count && !reader->reason; i++)
		if (epoch->wraps[i].leaf != epoch->roster[i].leaf)
			refuse(reader,
			       "not one wrap for each leaf of the roster");
}

void e2ee_message_read(struct e2ee_wire_reader *reader,
		       struct e2ee_message *msg)
{
	const struct e2ee_form *form = e2ee_form_of(msg->type);
	uint64_t seen = read_map(reader, form, msg);

	if (!reader->reason)
		keys_check(reader, form, seen, e2ee_form_present(msg));
	if (!reader->reason && reader->left)
		refuse(reader, "bytes behind the body");
	if (!reader->reason && msg->type == E2EE_MSG_EPOCH)
		epoch_check(reader, &msg->epoch);
	if (!reader->reason && msg->type == E2EE_MSG_KP) {
		memcpy(msg->kp.entry.dev, msg->dev, sizeof(msg->dev));
		msg->kp.entry.session = msg->session;
	}
}

void e2ee_message_clear(struct e2ee_message *msg)
{
	if (msg->type != E2EE_MSG_EPOCH)
		return;
	free(msg->epoch.roster);
	free(msg->epoch.wraps);
	free(msg->epoch.banned);
	free(msg->epoch.lost);
}
