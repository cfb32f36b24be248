// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe.h"
#include "sframe.h"

#define SSRC	0x0badcafe

/* Each side sends with a key that the other one receives with. */
static int install_keys(struct ends *ends)
{
	struct sframe_key keys[2];
	struct ctl_key request = { .mode = E2EE_SSRC_ANY };
	unsigned int side;
	int err = 0;

	for (side = 0; side < 2; side++)
		sframe_key_random(&keys[side], 5, 1 + side);
	for (side = 0; side < 4 && !err; side++) {
		const struct sframe_key *key = &keys[side % 2];

		request.dir = side < 2 ? E2EE_DIR_TX : E2EE_DIR_RX;
		request.kid = key->kid;
		request.secret = key->secret;
		request.salt = key->salt;
		err = ctl_key_new(&ends->ctl,
				  ends->sessions[side < 2 ? side : 3 - side],
				  &request);
	}
	return err;
}

static int attach_ends(struct ends *ends)
{
	int err;

	err = ctl_open(&ends->ctl);
	if (!err)
		err = ctl_session_new(&ends->ctl, "left", NULL,
				      &ends->sessions[0]);
	if (!err)
		err = ctl_session_new(&ends->ctl, "right", NULL,
				      &ends->sessions[1]);
	if (!err)
		err = install_keys(ends);
	if (!err)
		err = ends_attach(ends, ends->left, 0);
	if (!err)
		err = ends_attach(ends, ends->right, 1);
	return err;
}

void settle(const struct ends *ends)
{
	struct addr addr;
	int fd = sock_udp(ends->kind, 0, &addr);
	char byte;

	sock_send(fd, "", 1, &addr);
	sock_recv(fd, &byte, 1);
	close(fd);
}

int ends_open(struct ends *ends, enum sock_kind kind, bool attached)
{
	int err;

	memset(ends, 0, sizeof(*ends));
	ends->kind = kind;
	ends->attached = attached;
	err = sock_netns();
	if (!err)
		err = sock_pin();
	if (err)
		return err;
	/* the namespace is fresh: the same ports each time */
	ends->left = sock_udp(kind, 4000, &ends->left_addr);
	ends->right = sock_udp(kind, 5000, &ends->right_addr);
	if (ends->left < 0 || ends->right < 0)
		return -errno;
	return attached ? attach_ends(ends) : 0;
}

void ends_close(struct ends *ends)
{
	close(ends->left);
	close(ends->right);
	if (ends->attached)
		ctl_close(&ends->ctl);
}

int ends_attach(struct ends *ends, int fd, unsigned int side)
{
	if (!ends->attached)
		return 0;
	return ctl_attach(&ends->ctl, ends->sessions[side], fd, NULL);
}

int ends_connect(struct ends *ends)
{
	int err = sock_connect(ends->left, &ends->right_addr);

	return err ? err : sock_connect(ends->right, &ends->left_addr);
}

void note(struct record *record, const char *name, long long value)
{
	if (record->num == NOTES)
		abort();
	snprintf(record->notes[record->num].name,
		 sizeof(record->notes[0].name), "%s", name);
	record->notes[record->num++].value = value;
}

void note_call(struct record *record, const char *name, long long ret)
{
	note(record, name, ret < 0 ? -errno : ret);
}

void note_bytes(struct record *record, const char *name, const void *data,
		size_t len)
{
	const uint8_t *byte = data;
	uint64_t hash = 0xcbf29ce484222325;	/* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3;
	note(record, name, (long long)(hash >> 1));
}

void next_packet(struct ends *ends, uint8_t *out, size_t len)
{
	rtp_plain(out, len, SSRC, ends->seq++);
}

int left_sends(struct ends *ends, size_t len)
{
	static uint8_t packet[70000];
	int n;

	next_packet(ends, packet, len);
	n = sock_send(ends->left, packet, len, &ends->right_addr);
	if (n > 0)
		ends->sent++;
	return n;
}

void right_notes(struct ends *ends, struct record *record, const char *name)
{
	static uint8_t got[70000];
	int n = sock_recv(ends->right, got, sizeof(got));

	note(record, name, n);
	if (n > 0)
		note_bytes(record, name, got, (size_t)n);
}

static bool permitted(const struct permit *permits, const char *name,
		      long long plain, long long attached)
{
	long long apart = llabs(attached - plain) * 100;

	if (plain == attached)
		return true;
	for (; permits->kind; permits++) {
		if (strcmp(permits->name, name))
			continue;
		switch (permits->kind) {
		case PERMIT_VALUES:
			if (plain == permits->plain &&
			    attached == permits->attached)
				return true;
			break;
		case PERMIT_CHANGE:
			if (attached == plain + permits->plain)
				return true;
			break;
		case PERMIT_PERCENT:
			if (apart <= llabs(plain) * permits->plain)
				return true;
			break;
		case PERMIT_NONE:
			break;
		}
	}
	return false;
}

static const char *compare(const struct record *plain,
			   const struct record *attached,
			   const struct permit *permits)
{
	static char text[2048];
	size_t used = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < plain->num && i < attached->num; i++) {
		if (strcmp(plain->notes[i].name, attached->notes[i].name))
			break;
		if (permitted(permits, plain->notes[i].name,
			      plain->notes[i].value, attached->notes[i].value))
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s: %lld plain, %lld attached; ",
					 plain->notes[i].name,
					 plain->notes[i].value,
					 attached->notes[i].value);
		if (used > sizeof(text) - 200)
			return text;
	}
	if (i < plain->num || i < attached->num)
		snprintf(text + used, sizeof(text) - used,
			 "then %s plain, %s attached",
			 i < plain->num ? plain->notes[i].name : "nothing",
			 i < attached->num ? attached->notes[i].name :
					     "nothing");
	return text;
}

/* That the ends were attached shows in what they counted. */
static const char *check_sealed(struct ends *ends)
{
	uint64_t stats[CTL_STATS];

	if (!ends->attached || !ends->sent)
		return "";
	if (ctl_session_stats(&ends->ctl, ends->sessions[0], stats))
		return "no counters";
	return stats[E2EE_A_STAT_TX_OK] >= ends->sent ? "" :
	       "what was sent was not sealed";
}

static void show(const struct record *record, bool attached)
{
	for (unsigned int i = 0; i < record->num; i++)
		printf("#   %s: %s = %lld\n", attached ? "attached" : "plain",
		       record->notes[i].name, record->notes[i].value);
}

const char *differences(enum sock_kind kind, observe_t *observe,
			const struct permit *permits)
{
	static struct record records[2];
	static char text[64];
	const char *sealed;
	struct ends ends;
	int err, i;

	for (i = 0; i < 2; i++) {
		err = ends_open(&ends, kind, i);
		if (err) {
			snprintf(text, sizeof(text), "%s ends: %s",
				 i ? "attached" : "plain", strerror(-err));
			return text;
		}
		observe(&ends, &records[i]);
		if (getenv("E2EE_SHOW_NOTES"))
			show(&records[i], i);
		sealed = check_sealed(&ends);
		if (sealed[0])
			return sealed;
		ends_close(&ends);
	}
	return compare(&records[0], &records[1], permits);
}
