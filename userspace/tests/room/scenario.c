// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

#define FIGURES		64

struct world world;

static struct saying *tape;
static size_t tape_count, tape_size;
static uint64_t base_got, base_lost, base_swallowed, base_clear;
static struct e2ee_room_status status;

static struct {
	char name[40];
	unsigned int size;
	double value;
} figures[FIGURES];
static size_t figure_count;

/* the tape */

static void tape_record(struct world *now, const struct media *media,
			void *arg)
{
	(void)arg;
	if (tape_count == tape_size) {
		tape_size = tape_size ? 2 * tape_size : 4096;
		tape = realloc(tape, tape_size * sizeof(*tape));
		if (!tape)
			abort();
	}
	tape[tape_count++] = (struct saying){ now->now, *media };
}

static bool tape_is(const struct saying *saying, const struct node *from,
		    uint64_t since, uint64_t until)
{
	return (!from || saying->media.from == from->number) &&
	       saying->at >= since && saying->at < until;
}

uint64_t tape_last_open(const struct node *who, const struct node *from)
{
	for (size_t i = tape_count; i-- > 0; )
		if (tape_is(&tape[i], from, 0, NEVER) &&
		    tape[i].media.from != who->number &&
		    world_knows(&world, who, tape[i].media.secret))
			return tape[i].at;
	return 0;
}

unsigned int tape_open(const struct node *who, const struct node *from,
		       uint64_t since, uint64_t until)
{
	unsigned int count = 0;

	for (size_t i = 0; i < tape_count; i++)
		count += tape_is(&tape[i], from, since, until) &&
			 tape[i].media.from != who->number &&
			 world_knows(&world, who, tape[i].media.secret);
	return count;
}

unsigned int tape_said(const struct node *from, uint64_t since, uint64_t until)
{
	unsigned int count = 0;

	for (size_t i = 0; i < tape_count; i++)
		count += tape_is(&tape[i], from, since, until);
	return count;
}

/* scenes */

struct node *scene_open_still(uint64_t seed, unsigned int count)
{
	static const char *const names[] = {
		"alice", "bob", "carol", "dave", "erin", "frank", "grace",
		"heidi", "ivan", "judy",
	};
	char name[16];

	world_open(&world, seed);
	world.jitter = 15;
	world.media = tape_record;
	tape_count = 0;
	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "room-%u", i);
		world_add(&world, i < sizeof(names) / sizeof(names[0]) ?
			  names[i] : name);
	}
	scene_count();
	return world.nodes;
}

struct node *scene_open(uint64_t seed, unsigned int count)
{
	struct node *nodes = scene_open_still(seed, count);

	for (unsigned int i = 0; i < count; i++)
		node_start(&nodes[i]);
	return nodes;
}

bool scene_together(uint64_t ms)
{
	return world_until(&world, ms, world_is_one, NULL);
}

void scene_talk(uint64_t ms, unsigned int streams)
{
	uint64_t end = world.now + ms;

	while (world.now < end) {
		for (unsigned int i = 0; i < world.count; i++)
			for (unsigned int s = 0; s < streams; s++)
				if (world.nodes[i].kernel.count)
					node_media(&world.nodes[i],
						   1000 * i + s);
		world_run(&world, TALK_EVERY);
	}
}

bool scene_close(void)
{
	unsigned int refused = 0;
	bool good;

	for (unsigned int i = 0; i < world.count; i++)
		refused += world.nodes[i].kernel.refused;
	good = !world.violations && !refused;
	world_close(&world);
	free(tape);
	tape = NULL;
	tape_size = 0;
	tape_count = 0;
	return good;
}

static uint64_t scene_sum(size_t offset)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < world.count; i++)
		sum += *(const uint64_t *)((const char *)&world.nodes[i] +
					   offset);
	return sum;
}

#define SUM(field)	scene_sum(offsetof(struct node, field))

void scene_count(void)
{
	base_got = SUM(got);
	base_lost = SUM(lost);
	base_swallowed = SUM(swallowed);
	base_clear = SUM(clear);
}

uint64_t scene_got(void)
{
	return SUM(got) - base_got;
}

uint64_t scene_lost(void)
{
	return SUM(lost) - base_lost;
}

uint64_t scene_swallowed(void)
{
	return SUM(swallowed) - base_swallowed;
}

uint64_t scene_clear(void)
{
	return SUM(clear) - base_clear;
}

/* messages that a broker keeps */

void letters_keep(struct letters *letters, const struct world_packet *packet)
{
	struct letter *letter;

	if (letters->count == letters->size) {
		letters->size = letters->size ? 2 * letters->size : 64;
		letters->list = realloc(letters->list, letters->size *
					sizeof(*letters->list));
		if (!letters->list)
			abort();
	}
	letter = &letters->list[letters->count++];
	*letter = (struct letter){
		.at = world.now, .topic = packet->topic, .len = packet->len,
		.data = malloc(packet->len + 1),
	};
	if (!letter->data)
		abort();
	if (packet->len)
		memcpy(letter->data, packet->data, packet->len);
	memcpy(letter->dev, packet->dev, sizeof(letter->dev));
}

void letters_free(struct letters *letters)
{
	for (size_t i = 0; i < letters->count; i++)
		free(letters->list[i].data);
	free(letters->list);
	*letters = (struct letters){ 0 };
}

void letters_replay(const struct letters *letters, size_t i, struct node *to)
{
	const struct letter *letter = &letters->list[i];

	world_inject(&world, to, letter->topic, letter->dev, letter->data,
		     letter->len);
}

/* what devices show */

bool node_alarmed(const struct node *node, const char *text)
{
	for (size_t i = 0; i < node->room->alarm_count; i++)
		if (strstr(node->room->alarms[i].text, text))
			return true;
	return false;
}

const struct e2ee_room_status *node_status(const struct node *node)
{
	e2ee_room_status(node->room, world.now, &status);
	return &status;
}

bool node_same(const struct node *node, const struct node *other)
{
	return node->room && other->room && node->room->last &&
	       other->room->last &&
	       !memcmp(node->room->last->hash, other->room->last->hash,
		       E2EE_HASH_LEN);
}

unsigned int scene_owners(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < world.count; i++)
		count += world.nodes[i].room &&
			 world.nodes[i].room->state == E2EE_ROOM_OWNER;
	return count;
}

int scene_did(struct node *node, int ret)
{
	node->next = world.now;
	return ret;
}

/* figures */

void figure(const char *name, unsigned int size, double value)
{
	if (figure_count == FIGURES)
		abort();
	snprintf(figures[figure_count].name, sizeof(figures[0].name), "%s",
		 name);
	figures[figure_count].size = size;
	figures[figure_count++].value = value;
	if (size)
		printf("# %s at %u members: %g\n", name, size, value);
	else
		printf("# %s: %g\n", name, value);
}

static void figures_write_one(FILE *file, size_t first)
{
	const char *name = figures[first].name, *before = "{ ";

	fprintf(file, "%s\t\"%s\": ", first ? ",\n" : "", name);
	if (!figures[first].size) {
		fprintf(file, "%.10g", figures[first].value);
		return;
	}
	for (size_t i = first; i < figure_count; i++) {
		if (strcmp(figures[i].name, name))
			continue;
		fprintf(file, "%s\"%u\": %.10g", before, figures[i].size,
			figures[i].value);
		before = ", ";
	}
	fputs(" }", file);
}

static bool figure_is_first(size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(figures[k].name, figures[i].name))
			return false;
	return true;
}

bool figures_write(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return false;
	fputs("{\n", file);
	for (size_t i = 0; i < figure_count; i++)
		if (figure_is_first(i))
			figures_write_one(file, i);
	fputs("\n}\n", file);
	return !fclose(file);
}
