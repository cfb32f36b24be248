// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Items of CBOR, by libcbor's streaming decoder and its encoders.
 *
 * Shortest forms and the order of maps are not looked at here: who reads writes
 * the same again and compares.
 */
#include <cbor.h>
#include <errno.h>
#include <string.h>

#include "wire.h"

/* libcbor's callbacks, each for one kind of item */
static void on_number(void *arg, uint64_t value)
{
	struct e2ee_wire_item *item = arg;

	item->type = E2EE_WIRE_UINT;
	item->value = value;
}

static void on_uint8(void *arg, uint8_t value)
{
	on_number(arg, value);
}

static void on_uint16(void *arg, uint16_t value)
{
	on_number(arg, value);
}

static void on_uint32(void *arg, uint32_t value)
{
	on_number(arg, value);
}

static void on_bool(void *arg, bool value)
{
	struct e2ee_wire_item *item = arg;

	item->type = E2EE_WIRE_BOOL;
	item->value = value;
}

static void on_bytes(void *arg, cbor_data data, size_t len)
{
	struct e2ee_wire_item *item = arg;

	item->type = E2EE_WIRE_BYTES;
	item->data = data;
	item->value = len;
}

static void on_text(void *arg, cbor_data data, size_t len)
{
	on_bytes(arg, data, len);
	((struct e2ee_wire_item *)arg)->type = E2EE_WIRE_TEXT;
}

static void on_array(void *arg, size_t count)
{
	on_number(arg, count);
	((struct e2ee_wire_item *)arg)->type = E2EE_WIRE_ARRAY;
}

static void on_map(void *arg, size_t pairs)
{
	on_number(arg, pairs);
	((struct e2ee_wire_item *)arg)->type = E2EE_WIRE_MAP;
}

static void refuse_item(void *arg, const char *refused)
{
	((struct e2ee_wire_item *)arg)->refused = refused;
}

static void on_indefinite(void *arg)
{
	refuse_item(arg, "indefinite length");
}

static void on_tag(void *arg, uint64_t value)
{
	(void)value;
	refuse_item(arg, "a tag");
}

static void on_double(void *arg, double value)
{
	(void)value;
	refuse_item(arg, "a floating-point number");
}

static void on_float(void *arg, float value)
{
	on_double(arg, (double)value);
}

static void on_negative(void *arg, uint64_t value)
{
	(void)value;
	refuse_item(arg, "a negative number");
}

static void on_negative8(void *arg, uint8_t value)
{
	on_negative(arg, value);
}

static void on_negative16(void *arg, uint16_t value)
{
	on_negative(arg, value);
}

static void on_negative32(void *arg, uint32_t value)
{
	on_negative(arg, value);
}

static void on_nothing(void *arg)
{
	refuse_item(arg, "null or undefined");
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_number,
	.negint8 = on_negative8,
	.negint16 = on_negative16,
	.negint32 = on_negative32,
	.negint64 = on_negative,
	.byte_string_start = on_indefinite,
	.byte_string = on_bytes,
	.string_start = on_indefinite,
	.string = on_text,
	.indef_array_start = on_indefinite,
	.array_start = on_array,
	.indef_map_start = on_indefinite,
	.map_start = on_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_nothing,
	.null = on_nothing,
	.boolean = on_bool,
	.indef_break = on_indefinite,
};

void e2ee_wire_refuse(struct e2ee_wire_reader *reader, int error,
		      const char *reason)
{
	if (reader->reason)
		return;
	reader->reason = reason;
	reader->error = error;
}

static void reader_decode(struct e2ee_wire_reader *reader,
			  struct e2ee_wire_item *item)
{
	struct cbor_decoder_result result;

	result = cbor_stream_decode(reader->at, reader->left, &callbacks, item);
	if (result.status == CBOR_DECODER_NEDATA) {
		e2ee_wire_refuse(reader, -EBADMSG, "cut short");
	} else if (result.status != CBOR_DECODER_FINISHED) {
		e2ee_wire_refuse(reader, -EBADMSG, "not CBOR");
	} else {
		reader->at += result.read;
		reader->left -= result.read;
	}
}

struct e2ee_wire_item e2ee_wire_read(struct e2ee_wire_reader *reader,
				     enum e2ee_wire_type type, uint64_t min,
				     uint64_t max, const char *wrong,
				     const char *range)
{
	struct e2ee_wire_item item = { .type = E2EE_WIRE_NONE };
	bool nests;

	if (!reader->reason)
		reader_decode(reader, &item);
	nests = item.type == E2EE_WIRE_ARRAY || item.type == E2EE_WIRE_MAP;
	if (item.refused)
		e2ee_wire_refuse(reader, -EBADMSG, item.refused);
	else if (nests && reader->depth == E2EE_WIRE_DEPTH_MAX)
		e2ee_wire_refuse(reader, -EBADMSG, "nested too deep");
	else if (item.type != type)
		e2ee_wire_refuse(reader, -EBADMSG, wrong);
	else if (item.value < min || item.value > max)
		e2ee_wire_refuse(reader, -EBADMSG, range);
	if (reader->reason)
		return (struct e2ee_wire_item){ .type = E2EE_WIRE_NONE };
	reader->depth += nests;
	return item;
}

void e2ee_wire_leave(struct e2ee_wire_reader *reader)
{
	if (!reader->reason)
		reader->depth--;
}

static void writer_fail(struct e2ee_wire_writer *writer, int error)
{
	if (!writer->error)
		writer->error = error;
}

/* @len: what an encoder wrote, 0 if it had not the room */
static void writer_advance(struct e2ee_wire_writer *writer, size_t len)
{
	if (!len)
		writer_fail(writer, -EMSGSIZE);
	if (writer->error)
		return;
	writer->at += len;
	writer->left -= len;
}

void e2ee_wire_put_uint(struct e2ee_wire_writer *writer, uint64_t value)
{
	writer_advance(writer, cbor_encode_uint(value, writer->at,
						writer->left));
}

void e2ee_wire_put_bool(struct e2ee_wire_writer *writer, bool value)
{
	writer_advance(writer, cbor_encode_bool(value, writer->at,
						writer->left));
}

void e2ee_wire_put_array(struct e2ee_wire_writer *writer, size_t count)
{
	writer_advance(writer, cbor_encode_array_start(count, writer->at,
						       writer->left));
}

void e2ee_wire_put_map(struct e2ee_wire_writer *writer, size_t pairs)
{
	writer_advance(writer, cbor_encode_map_start(pairs, writer->at,
						     writer->left));
}

static void put_raw(struct e2ee_wire_writer *writer, const void *data,
		    size_t len)
{
	if (!data && len)
		writer_fail(writer, -EINVAL);
	else if (len > writer->left)
		writer_fail(writer, -EMSGSIZE);
	if (writer->error || !len)
		return;
	memcpy(writer->at, data, len);
	writer_advance(writer, len);
}

void e2ee_wire_put_bytes(struct e2ee_wire_writer *writer, const void *data,
			 size_t len)
{
	writer_advance(writer, cbor_encode_bytestring_start(len, writer->at,
							    writer->left));
	put_raw(writer, data, len);
}

void e2ee_wire_put_text(struct e2ee_wire_writer *writer, const char *text,
			size_t len)
{
	writer_advance(writer, cbor_encode_string_start(len, writer->at,
							writer->left));
	put_raw(writer, text, len);
}
