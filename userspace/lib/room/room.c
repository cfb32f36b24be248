// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A room: its beginning and end, and what time and the kernel bring.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "keypool.h"
#include "state.h"

/* start and end */

/* The old admins stay if the new ones are not good */
static int room_admins(struct e2ee_room *room,
		       const struct e2ee_room_config *config)
{
	char (*admins)[E2EE_NAME_MAX + 1];

	for (size_t i = 0; i < config->admin_count; i++)
		if (!e2ee_name_valid(config->admins[i]))
			return -EINVAL;
	admins = calloc(config->admin_count + 1, sizeof(*admins));
	if (!admins)
		return -ENOMEM;
	for (size_t i = 0; i < config->admin_count; i++)
		snprintf(admins[i], sizeof(admins[0]), "%s", config->admins[i]);
	free(room->admins);
	room->admins = admins;
	room->admin_count = config->admin_count;
	return 0;
}

static int room_configure(struct e2ee_room *room,
			  const struct e2ee_room_config *config)
{
	memcpy(room->name, config->room, strlen(config->room) + 1);
	memcpy(room->dev, config->dev, strlen(config->dev) + 1);
	room->identity = config->identity;
	room->trust = config->trust;
	room->level = config->level;
	room->floor = config->floor;
	room->policy = config->policy;
	room->suite = config->suite ?: E2EE_SUITE_AES_256_GCM_SHA512_128;
	room->next_number = config->epoch + 1;
	if (!config->hpke_off)
		room->wraps |= 1u << E2EE_WRAP_X25519;
	if (config->rsa)
		room->wraps |= 1u << E2EE_WRAP_RSA;
	return room_admins(room, config);
}

static bool room_config_valid(const struct e2ee_room_config *config)
{
	return e2ee_name_valid(config->room) && e2ee_name_valid(config->dev) &&
	       config->identity && config->trust &&
	       config->floor <= E2EE_POLICY_OFF &&
	       config->policy <= config->floor &&
	       (!config->suite || config->suite == 4 || config->suite == 5) &&
	       (config->rsa || !config->hpke_off);
}

static void room_sets(struct e2ee_room *room)
{
	room->bans.size = E2EE_IK_LEN;
	room->accepted.size = E2EE_HASH_LEN;
	room->retired.size = E2EE_ID_LEN;
	room->owners.size = E2EE_IK_LEN;
	room->leavers.size = E2EE_IK_LEN;
	room->lost.size = E2EE_IK_LEN;
	room->removals.size = E2EE_IK_LEN;
}

int e2ee_room_new(const struct e2ee_room_config *config,
		  const struct e2ee_room_ops *ops, void *arg, uint64_t now,
		  struct e2ee_room **out)
{
	struct e2ee_room *room;
	int err;

	*out = NULL;
	if (!room_config_valid(config))
		return -EINVAL;
	room = calloc(1, sizeof(*room));
	if (!room)
		return -ENOMEM;
	room->ops = *ops;
	room->arg = arg;
	room->now = now;
	room->down_at = now;
	for (unsigned int i = 0; i < TIMERS; i++)
		room->timers[i] = NEVER;
	room_sets(room);
	room->peers = calloc(PEERS_MAX, sizeof(*room->peers));
	err = room->peers ? room_configure(room, config) : -ENOMEM;
	if (!err)
		err = e2ee_random(&room->rate_seed, sizeof(room->rate_seed));
	if (!err)
		err = e2ee_peers_new_session(room);
	if (!err && config->rsa)
		err = e2ee_keypool_new(&room->keypool);
	if (!err)
		err = e2ee_keys_start(room);
	if (err) {
		e2ee_room_free(room);
		return err;
	}
	e2ee_clock_set(room, TIMER_SECOND, SECOND);
	e2ee_member_join(room);
	*out = room;
	return 0;
}

int e2ee_room_configure(struct e2ee_room *room, uint64_t now,
			const struct e2ee_room_config *config)
{
	int err;

	room->now = now;
	if (!room_config_valid(config))
		return -EINVAL;
	err = room_admins(room, config);
	if (err)
		return err;
	room->level = config->level;
	room->floor = config->floor;
	room->policy = config->policy;
	if (room->state == E2EE_ROOM_LEFT)
		return 0;
	e2ee_policy_raise(room);
	if (room->state == E2EE_ROOM_OWNER && room->policy_next > room->floor) {
		room->rekey = true;
		e2ee_owner_plan(room);
	}
	return 0;
}

static void room_free_messages(struct e2ee_room *room)
{
	for (unsigned int i = 0; i < REMEMBERED; i++)
		e2ee_message_put(room->verified[i]);
	e2ee_message_put(room->last);
	e2ee_message_put(room->candidate);
	e2ee_message_put(room->better);
	e2ee_message_put(room->ban_source);
}

static void room_free_sets(struct e2ee_room *room)
{
	e2ee_idset_clear(&room->bans);
	e2ee_idset_clear(&room->accepted);
	e2ee_idset_clear(&room->retired);
	e2ee_idset_clear(&room->owners);
	e2ee_idset_clear(&room->leavers);
	e2ee_idset_clear(&room->lost);
	e2ee_idset_clear(&room->removals);
}

void e2ee_room_free(struct e2ee_room *room)
{
	if (!room)
		return;
	e2ee_keypool_free(room->keypool);
	e2ee_keys_forget(room);
	e2ee_verify_free(room);
	e2ee_peers_forget_kp(&room->kps[0]);
	e2ee_peers_forget_kp(&room->kps[1]);
	if (room->peers)
		e2ee_peers_clear(room);
	room_free_messages(room);
	room_free_sets(room);
	free(room->peers);
	free(room->admins);
	OPENSSL_cleanse(room, sizeof(*room));
	free(room);
}

void e2ee_room_kernel_event(struct e2ee_room *room, uint64_t now,
			    const struct e2ee_event_info *event)
{
	room->now = now;
	if (room->state == E2EE_ROOM_LEFT)
		return;
	if (event->type == E2EE_EVENT_KEY_MISSING)
		e2ee_keys_missing(room, event->dir, event->kid, event->ssrc);
	else if (event->type == E2EE_EVENT_KEY_EXPIRING)
		room->rekey = true;
	if (room->state == E2EE_ROOM_OWNER)
		e2ee_owner_plan(room);
}

void e2ee_room_renew(struct e2ee_room *room, uint64_t now)
{
	room->now = now;
	if (room->state == E2EE_ROOM_LEFT)
		return;
	e2ee_keys_renew(room);
	e2ee_verify_free(room);
	if (room->state == E2EE_ROOM_OWNER)
		e2ee_owner_resign(room);
	if (room->keypool)
		e2ee_keypool_forget(room->keypool);
	e2ee_idset_clear(&room->accepted);
	e2ee_peers_forget_kp(&room->kps[0]);
	e2ee_peers_forget_kp(&room->kps[1]);
	room->stale = true;
	e2ee_member_join(room);
}

/* timers */

/* Again and again: it may be lost, or come too soon after another one (O6) */
static void room_ask_rekey(struct e2ee_room *room)
{
	struct e2ee_msg_req req = { .what = E2EE_REQ_REKEY };

	if (!room->link ||
	    !e2ee_clock_may(room, &room->rekey_limit, REKEY_ASK))
		return;
	req.t = room->last->hash;
	e2ee_outbox_req(room, room->last->call, &req);
}

static void room_second(struct e2ee_room *room)
{
	e2ee_clock_set(room, TIMER_SECOND, SECOND);
	e2ee_peers_upkeep(room);
	e2ee_seen_upkeep(room);
	e2ee_keys_upkeep(room);
	e2ee_alarm_upkeep(room);
	if (room->state == E2EE_ROOM_OWNER)
		e2ee_owner_upkeep(room);
	if (room->state == E2EE_ROOM_JOIN && !room->kp_echo &&
	    e2ee_clock_may(room, &room->kp_limit, 2 * SECOND))
		e2ee_outbox_kp(room);
	if (room->state == E2EE_ROOM_MEMBER && (room->rekey || *room->stopped))
		room_ask_rekey(room);
	if (room->state == E2EE_ROOM_MEMBER && room->candidate)
		e2ee_inbox_judge(room, room->candidate);
}

static void room_fire(struct e2ee_room *room, enum timer timer)
{
	switch (timer) {
	case TIMER_PROBE:
		e2ee_outbox_probe(room);
		e2ee_clock_set(room, TIMER_PROBE, PROBE_EVERY);
		break;
	case TIMER_LINK:
		e2ee_inbox_link_down(room);
		break;
	case TIMER_KP:
		if (!e2ee_peers_renew_kp(room))
			e2ee_outbox_kp(room);
		break;
	case TIMER_CREATE:
		if (room->state == E2EE_ROOM_JOIN &&
		    e2ee_member_may_create(room))
			e2ee_owner_create(room);
		break;
	case TIMER_TAKEOVER:
		if (room->state == E2EE_ROOM_MEMBER)
			e2ee_owner_take_over(room);
		break;
	case TIMER_LEAVE:
		if (room->state == E2EE_ROOM_MEMBER)
			e2ee_member_leave(room);
		else if (room->state == E2EE_ROOM_OWNER)
			e2ee_owner_timer(room, timer);
		break;
	case TIMER_SAS:
		e2ee_verify_timer(room);
		break;
	case TIMER_INSTALL:
		if (room->state == E2EE_ROOM_LEFT)
			e2ee_member_end(room);
		else
			e2ee_keys_install_again(room);
		break;
	case TIMER_SECOND:
		room_second(room);
		break;
	case TIMER_HB:
	case TIMER_EPOCH:
	case TIMER_RESEND:
	case TIMER_JOIN:
		if (room->state == E2EE_ROOM_OWNER)
			e2ee_owner_timer(room, timer);
		break;
	default:
		e2ee_member_timer(room, timer);
		break;
	}
}

/* Keys that the kernel had refused are there: it may be said now */
static void room_answer(struct e2ee_room *room)
{
	if (!e2ee_keys_answer(room))
		return;
	if (room->state == E2EE_ROOM_OWNER)
		e2ee_owner_installed(room);
	else if (room->state == E2EE_ROOM_MEMBER)
		e2ee_outbox_ack(room, E2EE_ACK_OK, room->last->hash, NULL);
}

static bool timer_runs(const struct e2ee_room *room, unsigned int timer)
{
	return room->timers[timer] != NEVER &&
	       (room->link || !e2ee_clock_pauses(timer));
}

uint64_t e2ee_room_timer(struct e2ee_room *room, uint64_t now)
{
	uint64_t next = NEVER;

	room->now = now;
	for (unsigned int i = 0; i < TIMERS; i++) {
		if (!timer_runs(room, i) || room->timers[i] > now)
			continue;
		e2ee_clock_stop(room, i);
		room_fire(room, i);
	}
	room_answer(room);
	for (unsigned int i = 0; i < TIMERS; i++)
		if (timer_runs(room, i) && room->timers[i] < next)
			next = room->timers[i];
	return next;
}
