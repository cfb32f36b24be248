// SPDX-License-Identifier: GPL-2.0
/* Sealing and opening of a packet, with SFrame (RFC 9605). */

/**
 * DOC: a packet and its seal
 *
 * Both ways work on one piece of memory, which holds what UDP carries::
 *
 *	clear	RTP header | payload | padding
 *	sealed	RTP header | SFrame header | ciphertext | tag | padding
 *
 * Sealing needs room for the SFrame header before or behind the packet. Where
 * there is room before it, the short RTP header moves down; else the payload moves
 * up. Opening moves the RTP header up.
 *
 * A cipher may answer late. Whoever can wait for it says so (struct
 * e2ee_packet.sleeps); for others such a packet is E2EE_FOUND_LATER, and nothing
 * has happened to it.
 */
#include <linux/skbuff.h>
#include <linux/udp.h>
#include "key.h"
#include "packet.h"
#include "seal.h"
#include "session.h"
#include "stream.h"
#include "window.h"

static_assert(1 + E2EE_SFRAME_HEADER_MAX + E2EE_SFRAME_TAG_LEN ==
	      E2EE_OVERHEAD_MAX);

static u8 *e2ee_seal_payload(const struct e2ee_packet *packet)
{
	return packet->data + packet->rtp.payload;
}

/**
 * struct e2ee_crypt - what a cipher needs to know
 * @aad: additional data, and behind it the text, in place
 * @aad_len: bytes
 * @len: of the text without its tag, bytes
 * @nonce: of this packet
 */
struct e2ee_crypt {
	u8 *aad;
	u32 aad_len;
	u32 len;
	u8 nonce[E2EE_AEAD_NONCE_LEN];
};

/*
 * Where the cipher is asynchronous, the caller has a reference on the key, and
 * bottom halves are off: they are on again, and the RCU section is left, for as
 * long as the answer takes.
 */
static int e2ee_crypt(struct e2ee_key *key, const struct e2ee_crypt *crypt,
		      bool seal)
{
	int err;

	if (likely(!key->aead.async))
		return e2ee_aead_crypt(&key->aead, crypt->aad, crypt->aad_len,
				       crypt->len, seal, crypt->nonce);
	rcu_read_unlock();
	local_bh_enable();
	err = e2ee_aead_crypt_wait(&key->aead, crypt->aad, crypt->aad_len,
				   crypt->len, seal, crypt->nonce);
	local_bh_disable();
	rcu_read_lock();
	return err;
}

/* before the key's cipher is waited for; false where the key is being freed */
static bool e2ee_crypt_get(struct e2ee_key *key)
{
	return !key->aead.async || e2ee_key_get(key);
}

static void e2ee_crypt_put(struct e2ee_key *key)
{
	if (key->aead.async)
		e2ee_key_put(key);
}

/* makes room, and writes the SFrame header: all but the cipher */
static void e2ee_seal_lay_out(struct e2ee_packet *packet, struct e2ee_key *key,
			      struct e2ee_crypt *crypt)
{
	u32 front = e2ee_sframe_front_len(packet->name.kid, packet->name.ctr);
	const struct e2ee_rtp *rtp = &packet->rtp;
	u32 behind = rtp->pad_len + rtp->tail_len;
	u8 *old = packet->data, *end;
	struct e2ee_sealed sealed;

	if (packet->head >= front) {
		packet->data -= front;
		packet->head -= front;
		memmove(packet->data, old, rtp->payload);
	} else {
		memmove(old + rtp->payload + front, old + rtp->payload,
			rtp->payload_len + behind);
	}
	e2ee_sframe_front(e2ee_seal_payload(packet), packet->name.kid,
			  packet->name.ctr, &sealed);
	end = e2ee_seal_payload(packet) + front + rtp->payload_len;
	if (behind)
		memmove(end + E2EE_SFRAME_TAG_LEN, end, behind);
	e2ee_rtp_mend(packet->data, rtp, front + E2EE_SFRAME_TAG_LEN);
	packet->len += front + E2EE_SFRAME_TAG_LEN;

	crypt->aad = e2ee_seal_payload(packet) + sealed.aad;
	crypt->aad_len = sealed.aad_len;
	crypt->len = rtp->payload_len;
	e2ee_sframe_nonce(crypt->nonce, key->salt, packet->name.ctr);
}

static bool e2ee_seal_fits(const struct e2ee_packet *packet)
{
	return packet->len + E2EE_SFRAME_TAG_LEN +
	       e2ee_sframe_front_len(packet->name.kid, packet->name.ctr) <=
	       packet->max;
}

static enum e2ee_finding e2ee_seal_with(struct e2ee_packet *packet,
					struct e2ee_key *key)
{
	struct e2ee_crypt crypt;
	int err;

	e2ee_aead_prefetch(&key->aead);
	/* whether a CTR is spent must not depend on what the packet then is */
	packet->name.kid = key->id.kid;
	packet->name.ctr = atomic64_read(&key->ctr);
	if (!e2ee_seal_fits(packet))
		return E2EE_FOUND_TOO_BIG;
	err = e2ee_stream_next_ctr(key, packet->name.ssrc, &packet->name.ctr);
	if (err == -ENOKEY || (!err && !e2ee_crypt_get(key)))
		return E2EE_FOUND_NO_KEY;
	if (err)
		return E2EE_FOUND_EXPIRED;
	if (e2ee_seal_fits(packet)) {
		e2ee_seal_lay_out(packet, key, &crypt);
		err = e2ee_crypt(key, &crypt, true);
	} else {
		err = -EMSGSIZE;	/* the CTR grew by a byte */
	}
	e2ee_crypt_put(key);
	if (err == -EMSGSIZE)
		return E2EE_FOUND_TOO_BIG;
	if (err)
		return err == -ENOMEM ? E2EE_FOUND_UNSEEN : E2EE_FOUND_FAILED;
	return E2EE_FOUND_MEDIA;
}

/**
 * e2ee_seal() - seal media with its session's key
 * @packet: e2ee_packet_look() says that it is media; there is room for
 *	E2EE_OVERHEAD_MAX bytes behind @data and @len
 *
 * Context: any but hard interrupt, under rcu_read_lock(); where a cipher may be
 * waited for, process with bottom halves off.
 * Return: E2EE_FOUND_MEDIA: it is sealed, @data and @len are new;
 * E2EE_FOUND_LATER: the cipher would have to be waited for; else it is not
 * sealed, and @data is garbage where the cipher failed.
 */
enum e2ee_finding e2ee_seal(struct e2ee_packet *packet)
{
	struct e2ee_session *session = packet->session;
	enum e2ee_finding found;
	struct e2ee_key *key;

	/* the epoch may change under us, and the old one's keys be deleted then */
	do {
		packet->epoch = READ_ONCE(session->epoch);
		key = e2ee_stream_key(session, packet->epoch,
				      packet->name.ssrc);
		if (key && key->aead.async && !packet->sleeps)
			return E2EE_FOUND_LATER;
		found = key ? e2ee_seal_with(packet, key) : E2EE_FOUND_NO_KEY;
		/* pairs with the locks between a new epoch and the deletion */
		smp_rmb();
	} while (found == E2EE_FOUND_NO_KEY &&
		 packet->epoch != READ_ONCE(session->epoch));
	return found;
}

/* what opens it? The packet is not touched yet, and may be somebody else's, too. */
static enum e2ee_finding e2ee_open_find(struct e2ee_packet *packet)
{
	const u8 *payload = e2ee_seal_payload(packet);
	u32 len = packet->rtp.payload_len;
	struct e2ee_key *key;
	int err;

	if (!e2ee_sframe_is_sealed(payload, len))
		return E2EE_FOUND_CLEAR;
	if (e2ee_sframe_parse(payload, len, &packet->sealed))
		return E2EE_FOUND_MALFORMED;
	packet->name.kid = packet->sealed.kid;
	packet->name.ctr = packet->sealed.ctr;
	key = e2ee_key_for_rx(packet->session, packet->name.kid,
			      packet->name.ssrc, packet->rtx, &err);
	if (!key)
		return err == -ENOKEY ? E2EE_FOUND_NO_KEY : E2EE_FOUND_SSRC;
	if (e2ee_key_past(key)) {
		e2ee_key_note_expired(key, packet->name.ssrc);
		return E2EE_FOUND_EXPIRED;
	}
	if (key->aead.async && !packet->sleeps)
		return E2EE_FOUND_LATER;
	e2ee_aead_prefetch(&key->aead);
	packet->key = key;
	packet->window = e2ee_window_find(key, packet->socket);
	return e2ee_window_check(key, packet->window, packet->name.ctr) ?
	       E2EE_FOUND_MEDIA : E2EE_FOUND_REPLAY;
}

/* authenticated: takes the seal off, in place */
static void e2ee_open_unwrap(struct e2ee_packet *packet)
{
	u32 behind = packet->rtp.pad_len + packet->rtp.tail_len;
	u8 *start = packet->data - packet->before;
	u8 *end = packet->data + packet->len - behind;
	u32 front = packet->sealed.body;

	memmove(start + front, start, packet->before + packet->rtp.payload);
	packet->data += front;
	packet->len -= front + E2EE_SFRAME_TAG_LEN;
	if (behind)
		memmove(end - E2EE_SFRAME_TAG_LEN, end, behind);
	e2ee_rtp_mend(packet->data, &packet->rtp,
		      -(int)(front + E2EE_SFRAME_TAG_LEN));
}

static enum e2ee_finding __cold e2ee_open_failed(int err)
{
	switch (err) {
	case -EBADMSG:
		return E2EE_FOUND_FORGED;
	case -EALREADY:
		return E2EE_FOUND_REPLAY;
	case -ENOKEY:
		return E2EE_FOUND_NO_KEY;
	default:
		return E2EE_FOUND_FAILED;
	}
}

/* one piece of memory that is ours alone, with the headers that move along */
static bool e2ee_open_own(struct e2ee_packet *packet)
{
	if (skb_linearize_cow(packet->skb))
		return false;
	packet->data = packet->skb->data + sizeof(struct udphdr);
	packet->before = packet->data - skb_network_header(packet->skb);
	return true;
}

/**
 * e2ee_open() - open a received packet
 * @packet: e2ee_packet_look() says that it is media
 *
 * Context: as e2ee_seal().
 * Return: E2EE_FOUND_MEDIA: it is authentic and new, @data and @len are new, and so
 * are the headers in front of it; E2EE_FOUND_LATER: the cipher would have to be
 * waited for; else it is not opened, and @data may be garbage.
 */
enum e2ee_finding e2ee_open(struct e2ee_packet *packet)
{
	enum e2ee_finding found = e2ee_open_find(packet);
	struct e2ee_key *key = packet->key;
	struct e2ee_crypt crypt;
	int err;

	if (found != E2EE_FOUND_MEDIA)
		return found;
	/* others look at the same bytes: a tap, another multicast receiver */
	if (!e2ee_open_own(packet))
		return E2EE_FOUND_UNSEEN;
	if (!e2ee_crypt_get(key))
		return E2EE_FOUND_NO_KEY;
	crypt.aad = e2ee_seal_payload(packet) + packet->sealed.aad;
	crypt.aad_len = packet->sealed.body - packet->sealed.aad;
	crypt.len = packet->rtp.payload_len - packet->sealed.body -
		    E2EE_SFRAME_TAG_LEN;
	e2ee_sframe_nonce(crypt.nonce, key->salt, packet->name.ctr);
	err = e2ee_crypt(key, &crypt, false);
	if (key->aead.async)	/* the window was of the RCU section before */
		packet->window = NULL;
	if (!err)
		err = e2ee_window_accept(key, packet->socket, packet->session,
					 packet->window, packet->name.ctr);
	e2ee_crypt_put(key);
	if (likely(!err)) {
		e2ee_open_unwrap(packet);
		return E2EE_FOUND_MEDIA;
	}
	return e2ee_open_failed(err);
}
