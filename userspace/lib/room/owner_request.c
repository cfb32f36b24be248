// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What other devices ask the owner of a call for: to be let in, an EPOCH once more, a
 * rekey; and what admins want of it (O3, O6, O9).
 */
#include <string.h>

#include "state.h"

#define HB_VALID		(30 * SECOND)	/* O3 */

/* Why a device is not let in; NULL: it is (O3) */
static const char *owner_refuses(struct e2ee_room *room,
				 const struct e2ee_message *msg,
				 const struct peer *peer)
{
	const struct e2ee_msg_req *req = &msg->req;

	if (!peer->kp || memcmp(peer->kp->hash, req->kp_hash, E2EE_HASH_LEN) != 0 ||
	    memcmp(peer->kp->session, msg->session, E2EE_ID_LEN) != 0)
		return "";
	if (!e2ee_heartbeat_is_mine(room, req->hb_hash, HB_VALID))
		return "";
	if (e2ee_idset_has(&room->bans, peer->ik))
		return "it was removed";
	if (!e2ee_peers_trusted(room, peer->dev, peer->ik))
		return "its identity is not trusted";
	/* the others would not follow (M1) */
	if (e2ee_idset_has(&room->retired, msg->session))
		return "it was taken out, and has to be restarted";
	if ((room->locked || room->bans.count >= E2EE_MEMBERS_MAX) &&
	    !e2ee_chain_is_kin(room, peer->ik))
		return "the room is locked";
	if (!(peer->kp->kp.entry.media & 1u << room->suite))
		return "it lacks the cipher suite of the call";
	return NULL;
}

static void owner_join_req(struct e2ee_room *room,
			   const struct e2ee_message *msg, struct peer *peer)
{
	const struct e2ee_entry *entry = e2ee_chain_find(room->last, peer->ik);
	const char *why = owner_refuses(room, msg, peer);

	if (why) {
		room->stats[E2EE_ROOM_DROP_RULE]++;
		if (*why)
			e2ee_alarm(room, ALARM_NOT_LET_IN, peer->dev,
				   "%s is not let in: %s", peer->dev, why);
		return;
	}
	if (entry && !memcmp(entry->kp_hash, msg->req.kp_hash, E2EE_HASH_LEN)) {
		e2ee_owner_resend(room);	/* it is in already */
		return;
	}
	peer->join = true;
	peer->gone_at = NEVER;
	e2ee_alarm_end(room, ALARM_NOT_LET_IN, peer->dev);
	e2ee_owner_plan(room);
}

/* Of a name that was configured, and a key that people have looked at (O9) */
static bool owner_is_admin(const struct e2ee_room *room,
			   const struct peer *peer)
{
	enum e2ee_trust_kind kind;

	for (size_t i = 0; i < room->admin_count; i++)
		if (!strcmp(room->admins[i], peer->dev))
			return e2ee_trust_ask(room->trust, peer->dev, peer->ik,
					      &kind) == E2EE_TRUST_GOOD &&
			       kind >= E2EE_TRUST_VERIFIED;
	return false;
}

static void owner_admin_req(struct e2ee_room *room,
			    const struct e2ee_message *msg,
			    const struct peer *peer)
{
	const struct e2ee_msg_req *req = &msg->req;

	if (!owner_is_admin(room, peer) || !e2ee_chain_by_t(room, req->t)) {
		room->stats[E2EE_ROOM_DROP_RULE]++;
		return;
	}
	switch (req->what) {
	case E2EE_REQ_KICK:
		if (memcmp(req->ik, e2ee_identity_ik(room->identity),
			   E2EE_IK_LEN) != 0)
			e2ee_owner_remove(room, req->ik, true, false);
		break;
	case E2EE_REQ_LOCK:
		room->locked = req->lock;
		room->rekey = true;
		break;
	case E2EE_REQ_HANDOVER:
		e2ee_owner_hand_over(room, req->ik, false);
		return;
	default:
		if (e2ee_policy_from_wire(req->policy) > room->floor)
			return;
		room->policy_next = e2ee_policy_from_wire(req->policy);
		room->rekey = true;
		break;
	}
	e2ee_owner_plan(room);
}

/* A REQ or LEAVE of the roster, or a REQ join; its signature is good */
void e2ee_owner_req(struct e2ee_room *room, struct e2ee_message *msg,
		    struct peer *peer)
{
	if (msg->type == E2EE_MSG_LEAVE) {
		e2ee_idset_del(&room->lost, peer->ik);
		e2ee_owner_remove(room, peer->ik, false, false);
		return;
	}
	switch (msg->req.what) {
	case E2EE_REQ_JOIN:
		owner_join_req(room, msg, peer);
		break;
	case E2EE_REQ_RESYNC:
		e2ee_owner_resend(room);
		break;
	case E2EE_REQ_REKEY:
		room->asked = true;
		e2ee_owner_asked(room);
		break;
	default:
		owner_admin_req(room, msg, peer);
		break;
	}
}
