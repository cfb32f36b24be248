// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libFuzzer: what libe2ee reads from the kernel, by its tables of attributes. Any
 * message as an answer or an event of each kind: what is read fits its structure,
 * texts end, and, packed and read anew, it is the same. And the names that it gives
 * to the places which the kernel found fault with, wherever those are said to be;
 * and its words for why.
 */
#include <string.h>

#include <netlink/genl/genl.h>

#include "internal.h"
#include "must.h"

#define FAMILY	33
#define ROOM	65536	/* bytes of a message, as it is packed anew */
#define TYPE_DONE	(1U << 31)	/* for e2ee_explain() */
#define TYPE_CAPPED	(1U << 30)
#define LEN_MAX	2048	/* bytes of one that is read */

static const struct table *const tables[] = {
	&e2ee_session_table, &e2ee_key_table, &e2ee_socket_table,
	&e2ee_guard_table, &e2ee_event_table, &e2ee_info_table,
};

static const size_t sizes[] = {
	sizeof(struct e2ee_session), sizeof(struct e2ee_key),
	sizeof(struct e2ee_socket), sizeof(struct e2ee_guard),
	sizeof(struct e2ee_event_info), sizeof(struct e2ee_info),
};

/* Has a member been read? */
static bool has(const struct table *table, const struct field *field,
		const char *object)
{
	uint64_t mask;

	memcpy(&mask, object + table->has_offset, sizeof(mask));
	return mask & E2EE_HAS(field->attr);
}

static void check_field(const struct field *field, const char *object)
{
	const char *member = object + field->offset;
	struct e2ee_stats stats;
	uint32_t number;

	switch (field->kind) {
	case FIELD_STRING:
		MUST(strnlen(member, field->size) < field->size);
		break;
	case FIELD_BYTES:
		memcpy(&number, object + field->len_offset, sizeof(number));
		MUST(number <= field->size);
		break;
	case FIELD_FLAG:
		memcpy(&number, member, sizeof(number));
		MUST(number == 1);
		break;
	case FIELD_STATS:
		memcpy(&stats, member, sizeof(stats));
		for (unsigned int i = 0; i < E2EE_STAT_SLOTS; i++)
			MUST(stats.has & E2EE_HAS(i) || !stats.value[i]);
		break;
	default:
		break;
	}
}

static uint64_t check_fields(const struct table *table, const char *object)
{
	uint64_t packable = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];

		if (!has(table, field, object))
			continue;
		check_field(field, object);
		/* counters are the kernel's to say */
		if (field->kind != FIELD_STATS)
			packable |= E2EE_HAS(field->attr);
	}
	return packable;
}

/* Only what is said to be there: other bytes may be of a text that was longer */
static void check_same(const struct table *table, uint64_t mask,
		       const char *one, const char *other)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];
		size_t len = field->size;
		uint32_t number;

		if (!(mask & E2EE_HAS(field->attr)))
			continue;
		MUST(has(table, field, other));
		if (field->kind == FIELD_STRING) {
			len = strlen(one + field->offset) + 1;
		} else if (field->kind == FIELD_BYTES) {
			memcpy(&number, one + field->len_offset, sizeof(number));
			len = number;
			memcpy(&number, other + field->len_offset,
			       sizeof(number));
			MUST(number == len);
		}
		MUST(!memcmp(one + field->offset, other + field->offset, len));
	}
}

static void check_again(const struct table *table, size_t size,
			const char *object, uint64_t mask)
{
	struct nl_msg *msg = nlmsg_alloc_size(ROOM);
	char *again = calloc(1, size);

	MUST(msg && again);
	MUST(genlmsg_put(msg, 0, 0, FAMILY, 0, 0, 1, 1));
	MUST(!e2ee_pack(msg, table, object, mask));
	MUST(!e2ee_unpack(nlmsg_hdr(msg), table, again));
	check_same(table, mask, object, again);
	free(again);
	nlmsg_free(msg);
}

/* In memory of the structure's size: what goes beyond it is found */
static void check_table(const struct nlmsghdr *nlh, unsigned int nth)
{
	char *object = calloc(1, sizes[nth]);
	uint64_t mask;

	MUST(object);
	if (!e2ee_unpack(nlh, tables[nth], object)) {
		mask = check_fields(tables[nth], object);
		/* libnl leaves an empty nest out */
		if (mask)
			check_again(tables[nth], sizes[nth], object, mask);
	}
	free(object);
}

static void check_name(const char *text, size_t size)
{
	MUST(strnlen(text, size) < size);
}

/* Every place of the message, and some behind it */
static void check_names(const struct nlmsghdr *nlh, uint32_t type)
{
	size_t size = 1 + type % 40;
	char *text = malloc(size);

	MUST(text);
	for (size_t at = 0; at < nlh->nlmsg_len + 8U; at += 4) {
		e2ee_attr_name(nlh, at, text, size);
		check_name(text, size);
		e2ee_attr_missing(nlh, at, type, text, size);
		check_name(text, size);
	}
	free(text);
}

/* As the kernel's words for a refusal: of a request, or at the end of a list */
static void check_explained(const struct nlmsghdr *nlh, size_t size,
			    uint32_t type)
{
	static struct e2ee_ctx ctx;
	struct nlmsghdr *answer = malloc(size);

	MUST(answer);
	memcpy(answer, nlh, size);
	answer->nlmsg_flags = NLM_F_ACK_TLVS;
	if (type & TYPE_CAPPED)
		answer->nlmsg_flags |= NLM_F_CAPPED;
	answer->nlmsg_type = type & TYPE_DONE ? NLMSG_DONE : NLMSG_ERROR;
	e2ee_explain(&ctx, nlh, answer, 22);
	MUST(ctx.refused);
	check_name(ctx.error, sizeof(ctx.error));
	free(answer);
}

/* The first four bytes are an attribute's type; what is behind them, attributes */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nlmsghdr *nlh;
	uint32_t type;
	size_t size;

	if (len < sizeof(type) || len > LEN_MAX)
		return 0;
	memcpy(&type, data, sizeof(type));
	data += sizeof(type);
	len -= sizeof(type);
	size = NLMSG_LENGTH(GENL_HDRLEN) + len;
	/* exactly as large: one byte more that is read is found */
	nlh = calloc(1, size);
	MUST(nlh);
	nlh->nlmsg_len = (uint32_t)size;
	nlh->nlmsg_type = FAMILY;
	memcpy((char *)nlh + NLMSG_LENGTH(GENL_HDRLEN), data, len);
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++)
		check_table(nlh, i);
	check_names(nlh, type);
	check_explained(nlh, size, type);
	free(nlh);
	return 0;
}
