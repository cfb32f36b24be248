// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages as a whole: sizes, the one encoding, signatures, references.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message_form.h"

#define SIGNED_MAX	(sizeof("e2ee/1 SAS-COMMIT") + 2 * (2 + E2EE_NAME_MAX))

static int refused(const char **reason, int error, const char *text)
{
	if (reason)
		*reason = text;
	return error;
}

static size_t body_len(const struct e2ee_message *msg)
{
	return msg->len - E2EE_SIGNATURE_LEN;
}

/* The type, which is the first field: it says how long a message may be */
static int type_peek(const uint8_t *body, size_t len, uint64_t *type,
		     const char **reason)
{
	struct e2ee_wire_reader reader = { .at = body, .left = len };

	e2ee_wire_read(&reader, E2EE_WIRE_MAP, 0, UINT64_MAX,
		       "the body is not a map", "");
	e2ee_wire_read(&reader, E2EE_WIRE_UINT, 0, 0,
		       "the key of a field is not a number",
		       "the first field is not 0 (type)");
	*type = e2ee_wire_read(&reader, E2EE_WIRE_UINT, 1, E2EE_MSG_TYPES - 1,
			       "field 0 (type) is of the wrong type",
			       "message type not known").value;
	return reader.reason ? refused(reason, reader.error, reader.reason) : 0;
}

static int size_check(const uint8_t *raw, size_t len, uint64_t *type,
		      const char **reason)
{
	int ret;

	if (len <= E2EE_SIGNATURE_LEN)
		return refused(reason, -EBADMSG, "too short");
	if (len > E2EE_EPOCH_MAX)
		return refused(reason, -EMSGSIZE, "too long");
	ret = type_peek(raw, len - E2EE_SIGNATURE_LEN, type, reason);
	if (ret)
		return ret;
	if (len > e2ee_form_cap((enum e2ee_message_type)*type))
		return refused(reason, -EMSGSIZE, "too long for its type");
	return 0;
}

/* What was read, written again, has to be what was received */
static int encoding_check(const struct e2ee_message *msg, const char **reason)
{
	struct e2ee_wire_writer writer = { .left = body_len(msg) };
	uint8_t *again = malloc(body_len(msg));
	bool same;

	if (!again)
		return refused(reason, -ENOMEM, "not enough memory");
	writer.at = again;
	e2ee_message_write(&writer, msg);
	same = !writer.error && !writer.left &&
	       !memcmp(again, msg->raw, body_len(msg));
	free(again);
	if (!same)
		return refused(reason, -EBADMSG,
			       "not the deterministic encoding");
	return 0;
}

static int body_read(struct e2ee_message *msg, const char **reason)
{
	struct e2ee_wire_reader reader = {
		.at = msg->raw,
		.left = body_len(msg),
	};

	e2ee_message_read(&reader, msg);
	if (reader.reason)
		return refused(reason, reader.error, reader.reason);
	return encoding_check(msg, reason);
}

static int raw_hash(struct e2ee_message *msg, const char **reason)
{
	const struct e2ee_bytes raw = { .data = msg->raw, .len = msg->len };

	if (e2ee_sha256(msg->hash, &raw, 1))
		return refused(reason, -EIO, "hash failed");
	return 0;
}

int e2ee_message_decode(const uint8_t *raw, size_t len,
			struct e2ee_message **msg, const char **reason)
{
	struct e2ee_message *new;
	uint64_t type;
	int ret;

	ret = size_check(raw, len, &type, reason);
	if (ret)
		return ret;
	new = calloc(1, sizeof(*new));
	if (!new)
		return refused(reason, -ENOMEM, "not enough memory");
	new->refs = 1;
	new->type = (enum e2ee_message_type)type;
	new->raw = malloc(len);
	if (!new->raw) {
		ret = refused(reason, -ENOMEM, "not enough memory");
		goto put;
	}
	memcpy(new->raw, raw, len);
	new->len = len;
	ret = body_read(new, reason);
	if (!ret)
		ret = raw_hash(new, reason);
	if (ret)
		goto put;
	*msg = new;
	return 0;

put:
	e2ee_message_put(new);
	return ret;
}

static size_t put_text(uint8_t *out, const char *text)
{
	size_t len = strlen(text);

	memcpy(out, text, len);
	return len;
}

/* LP(): length and text */
static size_t put_prefixed(uint8_t *out, const char *text)
{
	size_t len = put_text(out + 2, text);

	out[0] = (uint8_t)(len >> 8);
	out[1] = (uint8_t)len;
	return 2 + len;
}

/*
 * What a signature is over, in two parts: "e2ee/1 ", type, NUL, LP(room),
 * LP(dev); and the hash of the body.
 */
static int signed_parts(enum e2ee_message_type type, const char *room,
			const char *dev, const struct e2ee_bytes *body,
			uint8_t *text, uint8_t *hash, struct e2ee_bytes *parts)
{
	size_t len;

	if (!e2ee_name_valid(room) || !e2ee_name_valid(dev))
		return -EINVAL;
	len = put_text(text, "e2ee/1 ");
	len += put_text(text + len, e2ee_message_type_name(type));
	text[len++] = '\0';
	len += put_prefixed(text + len, room);
	len += put_prefixed(text + len, dev);
	parts[0] = (struct e2ee_bytes){ .data = text, .len = len };
	parts[1] = (struct e2ee_bytes){ .data = hash, .len = E2EE_HASH_LEN };
	return e2ee_sha256(hash, body, 1);
}

/* Body and signature into @raw, which has room for the longest of its type */
static int draft_sign(const struct e2ee_message *draft, const char *room,
		      const uint8_t *seed, uint8_t *raw, size_t *len)
{
	size_t room_left = e2ee_form_cap(draft->type) - E2EE_SIGNATURE_LEN;
	struct e2ee_wire_writer writer = { .at = raw, .left = room_left };
	uint8_t text[SIGNED_MAX], hash[E2EE_HASH_LEN];
	struct e2ee_bytes body = { .data = raw }, parts[2];
	int ret;

	e2ee_message_write(&writer, draft);
	if (writer.error)
		return writer.error;
	body.len = room_left - writer.left;
	ret = signed_parts(draft->type, room, draft->dev, &body, text, hash,
			   parts);
	if (!ret)
		ret = e2ee_sign(writer.at, seed, parts, 2);
	*len = body.len + E2EE_SIGNATURE_LEN;
	return ret;
}

int e2ee_message_seal(const struct e2ee_message *draft, const char *room,
		      const uint8_t *seed, struct e2ee_message **msg)
{
	uint8_t *raw;
	size_t len;
	int ret;

	if (!e2ee_form_of(draft->type) || !memchr(draft->dev, '\0',
						  sizeof(draft->dev)))
		return -EINVAL;
	raw = malloc(e2ee_form_cap(draft->type));
	if (!raw)
		return -ENOMEM;
	ret = draft_sign(draft, room, seed, raw, &len);
	if (!ret)
		ret = e2ee_message_decode(raw, len, msg, NULL);
	free(raw);
	return ret == -EBADMSG ? -EINVAL : ret;
}

int e2ee_message_verify(const struct e2ee_message *msg, const char *room,
			const uint8_t *ik)
{
	struct e2ee_bytes body = { .data = msg->raw, .len = body_len(msg) };
	uint8_t text[SIGNED_MAX], hash[E2EE_HASH_LEN];
	struct e2ee_bytes parts[2];
	int ret;

	ret = signed_parts(msg->type, room, msg->dev, &body, text, hash, parts);
	if (!ret)
		ret = e2ee_sign_verify(msg->raw + body.len, ik, parts, 2);
	return ret;
}

int e2ee_message_roster_hash(const struct e2ee_entry *roster, size_t count,
			     uint8_t *hash)
{
	struct e2ee_wire_writer writer = { .left = E2EE_EPOCH_MAX };
	struct e2ee_bytes array;
	uint8_t *bytes;
	int ret;

	bytes = malloc(writer.left);
	if (!bytes)
		return -ENOMEM;
	writer.at = bytes;
	e2ee_message_write_roster(&writer, roster, count);
	array = (struct e2ee_bytes){
		.data = bytes,
		.len = E2EE_EPOCH_MAX - writer.left,
	};
	ret = writer.error;
	if (!ret)
		ret = e2ee_sha256(hash, &array, 1);
	free(bytes);
	return ret;
}

struct e2ee_message *e2ee_message_get(struct e2ee_message *msg)
{
	msg->refs++;
	return msg;
}

void e2ee_message_put(struct e2ee_message *msg)
{
	if (!msg || --msg->refs)
		return;
	e2ee_message_clear(msg);
	free(msg->raw);
	free(msg);
}

void e2ee_message_keep(struct e2ee_message **place, struct e2ee_message *msg)
{
	struct e2ee_message *old = *place;

	*place = msg ? e2ee_message_get(msg) : NULL;
	e2ee_message_put(old);
}
