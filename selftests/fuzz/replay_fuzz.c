// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: any order of CTRs through a replay window, against a model that
 * remembers each one it accepted.
 *
 *	size (1) | start (8) | floor below it (1) | operation (1) with its CTR (0,
 *	2 or 8) | ...
 */
#include "replay.h"
#include "must.h"

#define OPS_MAX	2048

struct model {
	u64 size;
	u64 floor;
	u64 next;
	u64 accepted[OPS_MAX];
	unsigned int num;
};

static bool model_accept(struct model *model, u64 ctr)
{
	unsigned int i;

	if (ctr == U64_MAX || ctr < model->floor)
		return false;
	if (ctr < model->next && model->next - ctr > model->size)
		return false;
	for (i = 0; i < model->num; i++)
		if (model->accepted[i] == ctr)
			return false;
	model->accepted[model->num++] = ctr;
	if (ctr >= model->next)
		model->next = ctr + 1;
	return true;
}

struct input {
	const u8 *pos;
	const u8 *end;
};

/* A number of @bytes; zeroes behind the end */
static u64 take(struct input *input, unsigned int bytes)
{
	u64 value = 0;

	while (bytes--)
		value = value << 8 |
			(input->pos < input->end ? *input->pos++ : 0);
	return value;
}

static u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* Near the front, near the far edge, or anywhere */
static u64 take_ctr(struct input *input, const struct model *model)
{
	u64 op = take(input, 1);

	switch (op & 7) {
	case 0:
	case 1:
		return model->next + (op >> 3);
	case 2:
	case 3:
		return model->next - 1 - (op >> 3);
	case 4:
		return model->next - model->size + (op >> 3) - 16;
	case 5:
		return model->next + model->size + (op >> 3) - 16;
	case 6:
		return model->next - take(input, 2);
	default:
		return take(input, 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = { data, data + len };
	u32 size = 64U << (take(&input, 1) % 11);
	static struct model model;
	struct e2ee_replay *window;
	bool wanted;
	u64 ctr;

	model.size = size;
	model.next = take(&input, 8);
	model.floor = model.next - min_u64(model.next, take(&input, 1) * 8);
	model.num = 0;
	/* no bytes more: ASan watches the end */
	window = malloc(e2ee_replay_bytes(size));
	MUST(window);
	e2ee_replay_init(window, size, model.floor, model.next);
	while (input.pos < input.end && model.num < OPS_MAX) {
		ctr = take_ctr(&input, &model);
		wanted = model_accept(&model, ctr);
		MUST(e2ee_replay_check(window, ctr) == wanted);
		MUST(e2ee_replay_accept(window, ctr) == wanted);
		MUST(!e2ee_replay_check(window, ctr));
		MUST(window->next == model.next && window->size == size);
	}
	free(window);
	return 0;
}
