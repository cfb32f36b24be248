// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that come before their socket is attached, and packets of senders that
 * were caught half-way. What leaves is sealed, and as its sender wanted it; what is
 * received is held until the socket is attached.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/caught.h"
#include "lib/guarded.h"
#include "lib/objects.h"

#define HOLD		64	/* packets that a guard keeps for a socket */
#define FOREIGN_KID	6	/* no key of the fixture has it */

/* TTL, TOS and source of the first packet are the sender's choice. */
TEST_F(guard, first_packet_keeps_its_marks)
{
	int level = variant->kind == SOCK_V6 ? SOL_IPV6 : SOL_IP;
	int fd = sock_udp(variant->kind, FIRST, NULL);
	int ttl = 9, tos = 0x28, on = 1;
	uint8_t packet[100], got[300];
	char control[256] = { 0 };
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr msg = {
		.msg_name = &self->peer_addr.ss,
		.msg_namelen = self->peer_addr.len,
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	const uint8_t *got_ttl, *got_tos;

	if (variant->kind == SOCK_V6) {
		setsockopt(self->peer, level, IPV6_RECVHOPLIMIT, &on, 4);
		setsockopt(self->peer, level, IPV6_RECVTCLASS, &on, 4);
		cmsg_put(&msg, level, IPV6_HOPLIMIT, &ttl, sizeof(ttl));
		cmsg_put(&msg, level, IPV6_TCLASS, &tos, sizeof(tos));
	} else {
		setsockopt(self->peer, level, IP_RECVTTL, &on, 4);
		setsockopt(self->peer, level, IP_RECVTOS, &on, 4);
		cmsg_put(&msg, level, IP_TTL, &ttl, sizeof(ttl));
		cmsg_put(&msg, level, IP_TOS, &tos, sizeof(tos));
	}
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	ASSERT_EQ(100, sendmsg(fd, &msg, 0));
	ASSERT_NE(0, sock_poll(self->peer, POLLIN, SOCK_WAIT));
	iov = (struct iovec){ got, sizeof(got) };
	msg.msg_name = NULL;
	msg.msg_controllen = sizeof(control);
	ASSERT_LT(100, recvmsg(self->peer, &msg, 0));
	got_ttl = cmsg_find(&msg, level, variant->kind == SOCK_V6 ?
			    IPV6_HOPLIMIT : IP_TTL);
	got_tos = cmsg_find(&msg, level, variant->kind == SOCK_V6 ?
			    IPV6_TCLASS : IP_TOS);
	ASSERT_NE(NULL, got_ttl);
	ASSERT_NE(NULL, got_tos);
	EXPECT_EQ(9, *got_ttl);
	EXPECT_EQ(0x28, *got_tos);
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_TX_OK));
	close(fd);
}

/* The caught packet left sealed, once; else what is wrong */
static const char *caught_was_sealed(FIXTURE_DATA(guard) *self, int tap,
				     const struct caught *caught)
{
	static struct frame frame;
	int sealed = 0;

	while (!tap_next(tap, &frame)) {
		if (frame.len < CAUGHT_LEN)
			continue;	/* STUN that waited */
		if (rtp_open(frame.payload, frame.payload, frame.len,
			     &self->tx, NULL) != CAUGHT_LEN)
			return "clear media on the wire";
		if (memcmp(frame.payload, caught->packet, CAUGHT_LEN))
			return "altered";
		sealed++;
	}
	return sealed == 1 ? "" : "it did not leave once";
}

TEST_F(guard, caught_sender_leaks_nothing)
{
	struct caught caught;
	struct addr to;
	int fd, tap;

	ASSERT_EQ(0, caught_device(variant->kind, &to));
	/* outside the guard's range: attached by command */
	fd = caught_socket(variant->kind, 5555, &to);
	ASSERT_LE(0, fd);
	tap = tap_open("d0");
	ASSERT_LE(0, tap);
	ASSERT_TRUE(caught_start(&caught, fd, &to, 0, SSRC));
	ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, fd, NULL));
	ASSERT_EQ(0, caught_release(&caught));
	EXPECT_EQ(CAUGHT_LEN, caught.ret) {
		TH_LOG("the sender sees %s", strerror(caught.err));
	}
	EXPECT_STREQ("tx_ok+1", changes(self));
	EXPECT_STREQ("", caught_was_sealed(self, tap, &caught));
	close(tap);
	close(fd);
}

/* A sender caught inside a socket that then is attached by a packet it gets. */
static int catch_and_attach(FIXTURE_DATA(guard) *self, enum sock_kind kind,
			    struct caught *caught)
{
	struct addr to, addr;
	int fd;

	if (caught_device(kind, &to))
		return -EIO;
	fd = caught_socket(kind, FIRST, &to);
	if (fd < 0 || !caught_start(caught, fd, &to, 0, SSRC))
		return -EIO;
	addr_loopback(&addr, kind, FIRST);
	if (inject_media(self, 0, 1, false, &addr) ||
	    *expect_media(fd, 0, 1) || !is_attached(self, fd, true))
		return -EIO;
	return fd;
}

/* A guard's own: sealed like those before and after it. */
TEST_F(guard, caught_sender_of_a_guarded_socket)
{
	struct caught caught;
	int fd, tap;

	fd = catch_and_attach(self, variant->kind, &caught);
	ASSERT_LE(0, fd);
	EXPECT_STREQ("rx_ok+1 guard_held+1", changes(self));
	/* its bytes, not read yet, may look as if a key had sealed them: one
	 * that is not ours
	 */
	caught.packet[12] = 0xe0;
	caught.packet[13] = FOREIGN_KID << 4 | 1;
	tap = tap_open("d0");
	ASSERT_LE(0, tap);
	ASSERT_EQ(0, caught_release(&caught));
	EXPECT_EQ(CAUGHT_LEN, caught.ret);
	EXPECT_STREQ("tx_ok+1", changes(self));
	EXPECT_STREQ("", caught_was_sealed(self, tap, &caught));
	close(tap);
	close(fd);
}

/* The socket stays attached where its guard is gone. */
TEST_F(guard, caught_sender_of_a_deleted_guard)
{
	struct caught caught;
	int fd, tap;

	fd = catch_and_attach(self, variant->kind, &caught);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ctl_guard_del(&self->ctl, self->guard));
	EXPECT_STREQ("rx_ok+1 guard_held+1", changes(self));
	tap = tap_open("d0");
	ASSERT_LE(0, tap);
	ASSERT_EQ(0, caught_release(&caught));
	EXPECT_EQ(CAUGHT_LEN, caught.ret);
	EXPECT_STREQ("tx_ok+1", changes(self));
	EXPECT_STREQ("", caught_was_sealed(self, tap, &caught));
	close(tap);
	close(fd);
}

/*
 * More than a guard holds: they must all come before it has attached. Nothing
 * else runs on this CPU, where its work waits for its turn, while a thread that
 * is a real-time one does not sleep; unless it takes as long as the kernel
 * bears, for which there are more tries.
 */
#define TRIES	10

static int real_time(bool on)
{
	const struct sched_param param = { .sched_priority = on };

	sock_pin();
	return sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &param);
}

/* What a socket sends before it is attached has no bound. */
TEST_F(guard, sends_before_it_is_attached)
{
	unsigned int num = HOLD + 36;
	int fd, err;

	fd = sock_udp(variant->kind, FIRST, NULL);
	ASSERT_EQ(0, real_time(true));
	err = send_media(fd, 0, num, false, &self->peer_addr);
	ASSERT_EQ(0, real_time(false));
	ASSERT_EQ(0, err);
	EXPECT_STREQ("", expect_sealed(self, 0, num));
	EXPECT_TRUE(is_attached(self, fd, true));
	ASSERT_EQ(0, send_media(fd, num, 5, false, &self->peer_addr));
	EXPECT_STREQ("", expect_sealed(self, num, 5));
	EXPECT_EQ(num + 5, counted(self, E2EE_A_STAT_TX_OK));
	close(fd);
}

TEST_F(guard, receives_more_than_it_holds)
{
	unsigned int extra = 36, tries = 0;
	uint64_t held, dropped;
	struct addr addr;
	int fd, err;

	do {
		fd = sock_udp(variant->kind, (uint16_t)(FIRST + tries), &addr);
		held = counted(self, E2EE_A_STAT_GUARD_HELD);
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP);
		ASSERT_EQ(0, real_time(true));
		err = inject_media(self, tries * 100, HOLD + extra, false,
				   &addr);
		ASSERT_EQ(0, real_time(false));
		ASSERT_EQ(0, err);
		held = counted(self, E2EE_A_STAT_GUARD_HELD) - held;
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP) - dropped;
		EXPECT_STREQ("", expect_media(fd, tries * 100, dropped ? HOLD :
					      HOLD + extra));
		if (!dropped)
			close(fd);
	} while (!dropped && ++tries < TRIES);
	EXPECT_EQ(HOLD, held);
	EXPECT_EQ(extra, dropped);
	ASSERT_EQ(0, inject_media(self, 5000, 5, false, &addr));
	EXPECT_STREQ("", expect_media(fd, 5000, 5));
	close(fd);
}

/* What waits is charged to nobody: it is no more than would be otherwise. */
TEST_F(guard, holds_no_more_than_a_buffer)
{
	int fd, err, size = 10000, tries = 0;
	uint64_t held, dropped;
	struct addr addr;

	do {
		fd = sock_udp(variant->kind, (uint16_t)(FIRST + tries), &addr);
		/* the kernel doubles it; a packet takes 500 to 2,500 of it */
		ASSERT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size,
					sizeof(size)));
		held = counted(self, E2EE_A_STAT_GUARD_HELD);
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP);
		ASSERT_EQ(0, real_time(true));
		err = inject_media(self, (unsigned int)tries * HOLD, HOLD,
				   false, &addr);
		ASSERT_EQ(0, real_time(false));
		ASSERT_EQ(0, err);
		EXPECT_TRUE(objects_come_to("hold", 0));
		held = counted(self, E2EE_A_STAT_GUARD_HELD) - held;
		dropped = counted(self, E2EE_A_STAT_GUARD_DROP) - dropped;
		close(fd);
	} while (!dropped && ++tries < TRIES);
	EXPECT_EQ(HOLD, held + dropped);
	EXPECT_LE(8, held);
	EXPECT_GE(41, held);
}

struct racer {
	pthread_t thread;
	int fd;
	uint32_t ssrc;
	const struct addr *to;
	volatile bool *attached;
	volatile bool *stop;
	int failed;
};

#define SENT_AFTER	0x0af7e401	/* RTP timestamp of a later packet */

static void *race(void *arg)
{
	struct racer *racer = arg;
	uint8_t packet[200];

	for (uint16_t seq = 0; !*racer->stop; seq++) {
		rtp_plain(packet, sizeof(packet), racer->ssrc, seq);
		if (*racer->attached)
			memcpy(packet + 4, &(uint32_t){ htonl(SENT_AFTER) }, 4);
		racer->failed += sock_send(racer->fd, packet, sizeof(packet),
					   racer->to) != 200;
	}
	return NULL;
}

/* Attached in the middle of traffic: what is sent from then on is sealed. */
TEST_F(guard, attached_under_traffic)
{
	volatile bool attached, stop;
	struct racer racers[2] = { 0 };
	uint8_t got[1000], opened[1000];
	unsigned int late = 0, clear = 0;
	int round, i, fd, n;

	for (round = 0; round < 20; round++) {
		fd = sock_udp(variant->kind, (uint16_t)(5600 + round), NULL);
		ASSERT_LE(0, fd);
		attached = false;
		stop = false;
		for (i = 0; i < 2; i++) {
			racers[i] = (struct racer){
				.fd = fd, .ssrc = (uint32_t)i,
				.to = &self->peer_addr,
				.attached = &attached, .stop = &stop,
			};
			pthread_create(&racers[i].thread, NULL, race,
				       &racers[i]);
		}
		/* some in clear first */
		ASSERT_EQ(200, sock_recv(self->peer, got, sizeof(got)));
		ASSERT_EQ(0, ctl_attach(&self->ctl, self->session, fd, NULL));
		attached = true;
		/* and some that were surely sent afterwards */
		for (late = 0; late < 20; ) {
			n = sock_recv(self->peer, got, sizeof(got));
			ASSERT_LT(0, n);
			if (memcmp(got + 4, &(uint32_t){ htonl(SENT_AFTER) },
				   4)) {
				clear += n == 200;
				continue;
			}
			late++;
			ASSERT_EQ(200, rtp_open(opened, got, (size_t)n,
						&self->tx, NULL)) {
				TH_LOG("in clear, after attach returned");
			}
		}
		stop = true;
		for (i = 0; i < 2; i++) {
			pthread_join(racers[i].thread, NULL);
			EXPECT_EQ(0, racers[i].failed);
		}
		while (sock_recv_now(self->peer, got, sizeof(got)) > 0)
			;
		close(fd);
	}
	TH_LOG("%u in clear before", clear);
}

TEST_HARNESS_MAIN
