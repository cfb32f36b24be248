// SPDX-License-Identifier: GPL-2.0
/*
 * Transparency of what carries more than one datagram, or a large one: bursts
 * that are segmented and coalesced, many messages in one call, io_uring, files
 * and pipes, fragments.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "lib/harness.h"
#include "lib/observe.h"
#include "lib/rtp.h"

#ifndef UDP_GRO
#define UDP_GRO		104
#endif

TRANSPARENCY_FIXTURE

#define MANY	16

OBSERVE(many_at_once)
{
	static uint8_t packets[MANY][600];
	struct mmsghdr messages[MANY] = { 0 };
	struct iovec iov[MANY];
	int i;

	ends_connect(e);
	for (i = 0; i < MANY; i++) {
		next_packet(e, packets[i], 100 + 20 * (size_t)i);
		iov[i] = (struct iovec){ packets[i], 100 + 20 * (size_t)i };
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	note_call(r, "sendmmsg", sendmmsg(e->left, messages, MANY, 0));
	for (i = 0; i < MANY; i++) {
		note(r, "sent", messages[i].msg_len);
		iov[i].iov_len = 600;
		memset(packets[i], 0, 600);
		messages[i].msg_len = 0;
	}
	note_call(r, "recvmmsg", recvmmsg(e->right, messages, MANY, 0, NULL));
	for (i = 0; i < MANY; i++) {
		note(r, "received", messages[i].msg_len);
		note_bytes(r, "received", packets[i], 600);
	}
	/* an error in the middle ends it */
	iov[3].iov_base = (void *)8;
	note_call(r, "sendmmsg", sendmmsg(e->left, messages, MANY, 0));
}

/* @num packets of @size bytes in one call; what arrives, and how. */
static void observe_burst(struct ends *e, struct record *r, unsigned int num,
			  size_t size, bool option)
{
	static uint8_t burst[65536], got[65536];
	int segment = (int)size, n;
	unsigned int i;

	for (i = 0; i < num; i++)
		next_packet(e, burst + i * size, size);
	if (option) {
		note_call(r, "option", setsockopt(e->left, SOL_UDP, UDP_SEGMENT,
						  &segment, sizeof(segment)));
		note(r, "burst sent", sock_send(e->left, burst, num * size,
						&e->right_addr));
		segment = 0;
		setsockopt(e->left, SOL_UDP, UDP_SEGMENT, &segment,
			   sizeof(segment));
	} else {
		note(r, "burst sent",
		     sock_send_gso(e->left, burst, num * size, (uint16_t)size,
				   &e->right_addr));
	}
	e->sent++;
	for (i = 0; i < num * size; i += (unsigned int)n) {
		n = sock_recv(e->right, got + i, sizeof(got) - i);
		note(r, "segment", n);
		if (n <= 0)
			break;
	}
	note_bytes(r, "burst", got, num * size);
}

OBSERVE(segmented_by_option)
{
	observe_burst(e, r, 1, 500, true);
	observe_burst(e, r, 2, 500, true);
	observe_burst(e, r, 40, 1000, true);
}

OBSERVE(segmented_by_cmsg)
{
	observe_burst(e, r, 1, 500, false);
	observe_burst(e, r, 2, 500, false);
	observe_burst(e, r, 40, 1000, false);
	ends_connect(e);
	observe_burst(e, r, 30, 1200, false);
}

/* Cutting what an application asks for wrongly. */
OBSERVE(segmented_wrongly)
{
	static uint8_t burst[65536];
	char control[64] = { 0 };
	struct iovec iov = { burst, 1000 };
	struct msghdr msg = {
		.msg_name = &e->right_addr.ss,
		.msg_namelen = e->right_addr.len,
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	uint32_t wide = 500;
	int value = -1;

	next_packet(e, burst, sizeof(burst));
	note_call(r, "option -1", setsockopt(e->left, SOL_UDP, UDP_SEGMENT,
					     &value, sizeof(value)));
	value = 65536;
	note_call(r, "option 65536", setsockopt(e->left, SOL_UDP, UDP_SEGMENT,
						&value, sizeof(value)));
	note(r, "too many segments",
	     sock_send_gso(e->left, burst, 60000, 100, &e->right_addr));
	note(r, "segment of 0",
	     sock_send_gso(e->left, burst, 1000, 0, &e->right_addr));
	cmsg_put(&msg, SOL_UDP, UDP_SEGMENT, &wide, sizeof(wide));
	note_call(r, "segment of 4 bytes", sendmsg(e->left, &msg, 0));
	msg.msg_controllen = 0;
	cmsg_put(&msg, SOL_UDP, 999, &wide, sizeof(wide));
	note_call(r, "unknown cmsg", sendmsg(e->left, &msg, 0));
}

/* Coalesced for who asks for it; singly once attached. */
OBSERVE(coalesced,
	{ PERMIT_VALUES, "datagrams", 1, 20 },
	{ PERMIT_VALUES, "with a size", 1, 0 })
{
	static uint8_t burst[20 * 500], got[65536];
	char control[64];
	struct iovec iov = { got, sizeof(got) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	int on = 1, datagrams = 0, sizes = 0;
	size_t total = 0;
	ssize_t n;

	note_call(r, "set", setsockopt(e->right, SOL_UDP, UDP_GRO, &on,
				       sizeof(on)));
	for (int i = 0; i < 20; i++)
		next_packet(e, burst + i * 500, 500);
	note(r, "sent", sock_send_gso(e->left, burst, sizeof(burst), 500,
				      &e->right_addr));
	while (total < sizeof(burst)) {
		if (!sock_poll(e->right, POLLIN, SOCK_WAIT))
			break;
		iov = (struct iovec){ got + total, sizeof(got) - total };
		msg.msg_controllen = sizeof(control);
		n = recvmsg(e->right, &msg, MSG_DONTWAIT);
		if (n <= 0)
			break;
		total += (size_t)n;
		datagrams++;
		sizes += !!cmsg_find(&msg, SOL_UDP, UDP_GRO);
	}
	note(r, "datagrams", datagrams);
	note(r, "with a size", sizes);
	note(r, "bytes", (long long)total);
	note_bytes(r, "bytes", got, sizeof(burst));
	note_call(r, "off", setsockopt(e->right, SOL_UDP, UDP_GRO, &(int){ 0 },
				       sizeof(int)));
}

static void note_completion(struct io_uring *ring, struct record *r,
			    const char *name)
{
	struct io_uring_cqe *cqe;
	int err;

	io_uring_submit(ring);
	err = io_uring_wait_cqe(ring, &cqe);
	if (err) {
		note(r, name, err);
		return;
	}
	note(r, name, cqe->res);
	note(r, name, cqe->flags);
	io_uring_cqe_seen(ring, cqe);
}

OBSERVE(io_uring)
{
	uint8_t packet[300], got[400];
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr msg = {
		.msg_name = &e->right_addr.ss,
		.msg_namelen = e->right_addr.len,
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	struct msghdr in = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring ring;
	int err;

	err = io_uring_queue_init(8, &ring, 0);
	note(r, "ring", err);
	if (err)
		return;
	ends_connect(e);
	for (int i = 0; i < 3; i++) {
		next_packet(e, packet, sizeof(packet));
		iov.iov_base = packet;
		iov.iov_len = sizeof(packet);
		io_uring_prep_send(io_uring_get_sqe(&ring), e->left, packet,
				   sizeof(packet), 0);
		note_completion(&ring, r, "send");
		io_uring_prep_recv(io_uring_get_sqe(&ring), e->right, got,
				   sizeof(got), 0);
		note_completion(&ring, r, "recv");
		note_bytes(r, "received", got, sizeof(packet));
		io_uring_prep_sendmsg(io_uring_get_sqe(&ring), e->left, &msg,
				      0);
		note_completion(&ring, r, "sendmsg");
		iov.iov_base = got;
		iov.iov_len = sizeof(got);
		io_uring_prep_recvmsg(io_uring_get_sqe(&ring), e->right, &in,
				      0);
		note_completion(&ring, r, "recvmsg");
		note_bytes(r, "received", got, sizeof(packet));
	}
	/* a receiver that waits first */
	io_uring_prep_recv(io_uring_get_sqe(&ring), e->right, got, sizeof(got),
			   0);
	io_uring_submit(&ring);
	left_sends(e, 200);
	note_completion(&ring, r, "recv");
	/* copied by us, but completed as promised: result, then notification */
	io_uring_prep_send_zc(io_uring_get_sqe(&ring), e->left, packet,
			      sizeof(packet), 0, 0);
	note_completion(&ring, r, "send_zc");
	note_completion(&ring, r, "send_zc notification");
	right_notes(e, r, "received");
	io_uring_queue_exit(&ring);
}

OBSERVE(sendfile)
{
	uint8_t packet[2000], kept[2000];
	int fd = memfd_create("e2ee", MFD_CLOEXEC);
	off_t offset = 0;

	ends_connect(e);
	next_packet(e, packet, sizeof(packet));
	note_call(r, "write", write(fd, packet, sizeof(packet)));
	note_call(r, "sendfile", sendfile(e->left, fd, &offset, 2000));
	note(r, "offset", offset);
	right_notes(e, r, "received");
	note_call(r, "file", pread(fd, kept, sizeof(kept), 0));
	note(r, "file is as it was", !memcmp(packet, kept, sizeof(kept)));
	e->sent++;
	close(fd);
}

/*
 * Pages of a file spliced into the wire by someone else: opening in place must
 * not write to the file.
 */
OBSERVE(splice)
{
	uint8_t packet[1500], kept[1500];
	int pipes[2], fd = memfd_create("e2ee", MFD_CLOEXEC);
	loff_t offset = 0;

	ends_connect(e);
	next_packet(e, packet, sizeof(packet));
	note_call(r, "write", write(fd, packet, sizeof(packet)));
	note_call(r, "pipe", pipe(pipes));
	note_call(r, "splice", splice(fd, &offset, pipes[1], NULL, 1500, 0));
	note_call(r, "splice", splice(pipes[0], NULL, e->left, NULL, 1500, 0));
	right_notes(e, r, "received");
	note_call(r, "file", pread(fd, kept, sizeof(kept), 0));
	note(r, "file is as it was", !memcmp(packet, kept, sizeof(kept)));
	/* out of a socket: UDP does not */
	left_sends(e, 100);
	sock_poll(e->right, POLLIN, SOCK_WAIT);
	note_call(r, "splice out", splice(e->right, NULL, pipes[1], NULL, 100,
					  SPLICE_F_NONBLOCK));
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

OBSERVE(fragments)
{
	note(r, "mtu", run("ip link set lo mtu 1500"));
	note(r, "sent", left_sends(e, 60000));
	right_notes(e, r, "received");
	note(r, "sent", left_sends(e, 1600));
	right_notes(e, r, "received");
}

TEST_HARNESS_MAIN
