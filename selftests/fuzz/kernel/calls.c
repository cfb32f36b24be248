// SPDX-License-Identifier: GPL-2.0
/*
 * System calls in any order on attached sockets, from several threads that share
 * a few descriptors: send in all ways, receive, options, connect, shutdown,
 * close under the others' hands, dup, fork, io_uring, attach and detach, new
 * epochs, keys that go. Each of the sockets is under the policy required and is
 * connected to wires, plain sockets, where an observer opens what comes out:
 * it is sealed with the session's key, or nothing that needs to be.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ctl.h"
#include "dice.h"
#include "kinds.h"
#include "reading.h"
#include "rtp.h"
#include "run.h"
#include "sock.h"

#define SLOTS	8
#define WIRES	4
#define EPOCHS	2
#define MARK	"clear media of an engine"	/* at the start of each payload */
#define ROOM	4096
#define RING	8

/* newer than the oldest headers that we build with */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#define UDP_GRO		104
#endif
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY	60
#endif

static struct {
	int fds[SLOTS];
	int wires[WIRES];
	struct addr addrs[WIRES];
	uint32_t session;
	struct sframe_key keys[EPOCHS];
	struct sframe_key rx;
	uint64_t ctr;		/* the next to receive */
	int file;
	uint64_t sealed;	/* datagrams that the wires opened */
} shared;

/* Calls that did what they are for; where they may be refused, that too */
enum goal {
	SENT, SENT_MSG, SENT_GSO, SENT_ZEROCOPY, SPLICED, WROTE, SEND_REFUSED,
	RECEIVED, RECEIVED_ERROR, GOT_OPTION, SET_OPTION, OPTION_REFUSED,
	CONNECTED, BIND_REFUSED, SHUT_DOWN, CLOSED, DUPLICATED, FORKED,
	ATTACHED, ATTACH_REFUSED, DETACH_REFUSED, SWITCHED, RING_SENT,
	RING_SENT_ZEROCOPY, RING_RECEIVED, RING_POLLED, RING_REFUSED, IOCTLED,
	POLLED, OPENED, GOALS
};

static const char * const goals[GOALS] = {
	[SENT] = "send", [SENT_MSG] = "sendmsg", [SENT_GSO] = "sendmsg-gso",
	[SENT_ZEROCOPY] = "send-asked-for-zerocopy", [SPLICED] = "sendfile",
	[WROTE] = "write", [SEND_REFUSED] = "send-refused",
	[RECEIVED] = "recv", [RECEIVED_ERROR] = "recv-error-queue",
	[GOT_OPTION] = "getsockopt", [SET_OPTION] = "setsockopt",
	[OPTION_REFUSED] = "setsockopt-refused", [CONNECTED] = "connect",
	[BIND_REFUSED] = "bind-refused", [SHUT_DOWN] = "shutdown",
	[CLOSED] = "close", [DUPLICATED] = "dup", [FORKED] = "fork",
	[ATTACHED] = "attach", [ATTACH_REFUSED] = "attach-refused",
	[DETACH_REFUSED] = "detach-refused", [SWITCHED] = "epoch",
	[RING_SENT] = "io_uring-send",
	[RING_SENT_ZEROCOPY] = "io_uring-send-zc",
	[RING_RECEIVED] = "io_uring-recv", [RING_POLLED] = "io_uring-poll",
	[RING_REFUSED] = "io_uring-refused", [IOCTLED] = "ioctl",
	[POLLED] = "poll", [OPENED] = "sealed-on-the-wires",
};

static const char *goal(unsigned int nth)
{
	return nth < GOALS ? goals[nth] : NULL;
}

/* What a call returned: that it worked, or was refused */
static void met(enum goal goal, bool worked, int refused)
{
	if (worked)
		run_met(goal, 1);
	else if (refused >= 0)
		run_met((unsigned int)refused, 1);
}

static pthread_barrier_t ready;

struct calls {
	struct run_worker *worker;
	struct dice dice;
	struct ctl ctl;
	struct io_uring ring;
	uint8_t out[ROOM];
	uint8_t in[ROOM];
};

static int open_slot(struct dice *dice)
{
	int room = 1 << 20, one = 1;
	/* the wires are of IPv4: mapped sockets reach them, too */
	int fd = sock_udp(dice_one_in(dice, 2) ? SOCK_V4 : SOCK_MAPPED, 0,
			  NULL);

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	/* some hear of errors; it may be set, or not, later as well */
	if (dice_one_in(dice, 2))
		setsockopt(fd, SOL_IP, IP_RECVERR, &one, sizeof(one));
	if (dice_one_in(dice, 2))
		setsockopt(fd, SOL_IPV6, IPV6_RECVERR, &one, sizeof(one));
	return fd;
}

static int attach(struct calls *c, int fd)
{
	return ctl_attach(&c->ctl, shared.session, fd, NULL);
}

/*
 * Slots keep their numbers, and change what is behind them in one step: else
 * another thread would send on a new socket that is not attached yet.
 */
static void renew(struct calls *c, unsigned int slot)
{
	int fd = open_slot(&c->dice);

	if (fd < 0)
		return;
	/* what was behind the number is closed by it */
	if (!attach(c, fd)) {
		run_met(ATTACHED, 1);
		met(CLOSED, dup3(fd, shared.fds[slot], O_CLOEXEC) >= 0, -1);
	}
	close(fd);
}

static int any_fd(struct calls *c)
{
	return shared.fds[dice_below(&c->dice, SLOTS)];
}

/* In the form that the socket takes */
static const struct addr *any_wire(struct calls *c, int fd, struct addr *to)
{
	const struct addr *wire = &shared.addrs[dice_below(&c->dice, WIRES)];
	int family = 0;
	socklen_t len = sizeof(family);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	/* nobody is at the echo port: there, an ICMP error comes back */
	addr_loopback(to, family == AF_INET6 ? SOCK_MAPPED : SOCK_V4,
		      dice_one_in(&c->dice, 12) ? 7 : addr_port(wire));
	return to;
}

static size_t packet(struct calls *c, size_t room)
{
	size_t head, len;

	if (dice_one_in(&c->dice, 6)) {
		const struct kind *kinds = dice_one_in(&c->dice, 2) ?
					   kinds_other : kinds_disguised;
		unsigned int num = 0;
		static __thread uint8_t big[RTP_ROOM];

		while (kinds[num].name)
			num++;
		len = kinds[dice_below(&c->dice, num)].build(big);
		len = len < room ? len : room;
		memcpy(c->out, big, len);
		return len;
	}
	head = sizeof(MARK) - 1 + RTP_HEADER;
	len = head + dice_below(&c->dice, (uint32_t)(room - head));
	if (!dice_one_in(&c->dice, 8) && len > 200)
		len = head + dice_below(&c->dice, 180);
	rtp_plain(c->out, len, dice_below(&c->dice, 3), 1);
	memcpy(c->out + RTP_HEADER, MARK, sizeof(MARK) - 1);
	if (dice_one_in(&c->dice, 4))	/* header not as it should be */
		c->out[dice_below(&c->dice, 2)] ^=
			(uint8_t)(1 << dice_below(&c->dice, 8));
	return len;
}

static void do_send(struct calls *c, int fd)
{
	static const int flags[] = {
		0, 0, 0, MSG_MORE, MSG_ZEROCOPY, MSG_DONTROUTE, MSG_CONFIRM,
		MSG_OOB, 0x10 /* MSG_PROBE */,
	};
	size_t len = packet(c, ROOM);
	const struct addr *wire = NULL;
	struct addr to = { .len = 0 };
	ssize_t n;
	int flag;

	flag = flags[dice_below(&c->dice, 9)];
	if (dice_one_in(&c->dice, 2))
		wire = any_wire(c, fd, &to);
	n = sendto(fd, c->out, len, MSG_DONTWAIT | flag,
		   wire ? (void *)&wire->ss : NULL, to.len);
	met(flag == MSG_ZEROCOPY ? SENT_ZEROCOPY : SENT, n == (ssize_t)len,
	    SEND_REFUSED);
}

static void do_sendmsg(struct calls *c, int fd)
{
	size_t len = packet(c, ROOM), cut = dice_below(&c->dice, (uint32_t)len);
	char control[128] = { 0 };
	struct iovec iov[3] = {
		{ c->out, cut }, { NULL, 0 }, { c->out + cut, len - cut },
	};
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 3, .msg_control = control,
	};
	uint16_t segment = (uint16_t)dice_below(&c->dice, 300);
	bool burst = false;
	struct mmsghdr both[2];
	struct addr to;
	ssize_t n;

	if (dice_one_in(&c->dice, 2)) {
		msg.msg_name = (void *)&any_wire(c, fd, &to)->ss;
		msg.msg_namelen = to.len;
	}
	if (dice_one_in(&c->dice, 2)) {
		cmsg_put(&msg, SOL_UDP, UDP_SEGMENT, &segment, 2);
		burst = segment && len > segment;
	}
	if (dice_one_in(&c->dice, 4))
		cmsg_put(&msg, SOL_IP, IP_TTL, &(int){ 3 }, sizeof(int));
	if (dice_one_in(&c->dice, 8))	/* not mapped */
		iov[2].iov_base = (void *)16;
	both[0].msg_hdr = msg;
	both[1].msg_hdr = msg;
	n = dice_one_in(&c->dice, 3) ? sendmmsg(fd, both, 2, MSG_DONTWAIT) :
				       sendmsg(fd, &msg, MSG_DONTWAIT);
	met(burst ? SENT_GSO : SENT_MSG, n > 0, SEND_REFUSED);
}

static void do_splice(struct calls *c, int fd)
{
	off_t at = 0;
	size_t len = packet(c, ROOM);

	/* the file is everybody's: bytes of two packets may mix, as RTP */
	if (pwrite(shared.file, c->out, len, 0) == (ssize_t)len)
		met(SPLICED, sendfile(fd, shared.file, &at, len) > 0, -1);
}

static void do_write(struct calls *c, int fd)
{
	size_t len = packet(c, ROOM);

	met(WROTE, write(fd, c->out, len) == (ssize_t)len, -1);
}

static void do_recv(struct calls *c, int fd)
{
	static const int flags[] = { 0, MSG_PEEK, MSG_TRUNC, MSG_ERRQUEUE };
	char control[256];
	struct sockaddr_storage from;
	struct iovec iov = { c->in, dice_below(&c->dice, ROOM) };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int flag = flags[dice_below(&c->dice, 4)];
	ssize_t n;

	n = recvmsg(fd, &msg, MSG_DONTWAIT | flag);
	met(flag == MSG_ERRQUEUE ? RECEIVED_ERROR : RECEIVED, n >= 0, -1);
}

static void do_option(struct calls *c, int fd)
{
	static const struct {
		int level;
		int name;
	} options[] = {
		{ SOL_UDP, UDP_CORK }, { SOL_UDP, UDP_ENCAP },
		{ SOL_UDP, UDP_SEGMENT }, { SOL_UDP, UDP_GRO },
		{ SOL_UDP, 101 }, { SOL_UDP, 102 }, { SOL_IPV6, IPV6_ADDRFORM },
		{ SOL_IPV6, IPV6_V6ONLY }, { SOL_IPV6, IPV6_MTU },
		{ SOL_IPV6, IPV6_RECVERR }, { SOL_IPV6, IPV6_MTU_DISCOVER },
		{ SOL_IP, IP_MTU }, { SOL_IP, IP_RECVERR },
		{ SOL_IP, IP_MTU_DISCOVER }, { SOL_IP, IP_PKTINFO },
		{ SOL_SOCKET, SO_ZEROCOPY }, { SOL_SOCKET, SO_SNDBUF },
		{ SOL_SOCKET, SO_RCVBUF }, { SOL_SOCKET, SO_TIMESTAMP },
		{ SOL_SOCKET, SO_PEEK_OFF }, { SOL_SOCKET, SO_MARK },
		{ SOL_SOCKET, SO_BINDTODEVICE }, { SOL_SOCKET, SO_LINGER },
	};
	unsigned int nth = dice_below(&c->dice, sizeof(options) /
						sizeof(options[0]));
	uint64_t value[2] = { 0 };
	socklen_t len = dice_one_in(&c->dice, 4) ?
			dice_below(&c->dice, sizeof(value)) : sizeof(int);

	value[0] = dice_one_in(&c->dice, 4) ? dice_odd_number(&c->dice) :
		   dice_one_in(&c->dice, 2) ? AF_INET : dice_below(&c->dice, 2);
	if (dice_one_in(&c->dice, 3))
		met(GOT_OPTION, !getsockopt(fd, options[nth].level,
					    options[nth].name, value, &len),
		    -1);
	else
		met(SET_OPTION, !setsockopt(fd, options[nth].level,
					    options[nth].name, value, len),
		    OPTION_REFUSED);
}

static void do_connect(struct calls *c, int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct addr to;

	switch (dice_below(&c->dice, 8)) {
	case 0:
		connect(fd, &none, sizeof(none));
		break;
	case 1:
		met(SHUT_DOWN, !shutdown(fd, (int)dice_below(&c->dice, 3)), -1);
		break;
	case 2:
		addr_loopback(&to, SOCK_V4, 0);
		if (bind(fd, (void *)&to.ss, to.len))
			run_met(BIND_REFUSED, 1);
		break;
	default:
		any_wire(c, fd, &to);
		met(CONNECTED, !connect(fd, (void *)&to.ss, to.len), -1);
	}
}

/* Under the hands of others, who may be in the middle of a call */
static void do_close(struct calls *c, int fd)
{
	unsigned int slot = dice_below(&c->dice, SLOTS);
	int copy;

	if (dice_one_in(&c->dice, 2)) {
		renew(c, slot);
		return;
	}
	copy = dup(fd);
	if (copy >= 0) {
		run_met(DUPLICATED, 1);
		do_send(c, copy);
		close(copy);
	}
}

/* A child that has the same sockets, and may be the last to close them */
static void do_fork(struct calls *c, int fd)
{
	pid_t pid;
	int status;

	if (!dice_one_in(&c->dice, 64))
		return;
	pid = fork();
	if (!pid) {
		do_send(c, fd);
		do_recv(c, fd);
		_exit(0);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid)
		met(FORKED, !status, -1);
}

static void do_attach(struct calls *c, int fd)
{
	uint64_t id;

	if (dice_one_in(&c->dice, 3))
		/* it is attached already */
		met(ATTACH_REFUSED, attach(c, fd), -1);
	else if (!ctl_socket_get(&c->ctl, fd, &id, NULL) &&
		 dice_one_in(&c->dice, 2))
		/* not by force: that would let media out in clear */
		met(DETACH_REFUSED, ctl_detach(&c->ctl, id, false), -1);
}

static void do_keys(struct calls *c, int fd)
{
	(void)fd;
	if (!dice_one_in(&c->dice, 16))
		return;
	if (dice_one_in(&c->dice, 4))
		ctl_session_flags(&c->ctl, shared.session,
				  dice_below(&c->dice, 2));
	else
		met(SWITCHED,
		    !ctl_session_epoch(&c->ctl, shared.session,
				       1 + dice_below(&c->dice, EPOCHS), true),
		    -1);
}

static void queue_one(struct calls *c, struct io_uring_sqe *sqe, int fd)
{
	enum goal what = RING_SENT;
	size_t len;

	switch (dice_below(&c->dice, 5)) {
	case 0:
		io_uring_prep_recv(sqe, fd, c->in, ROOM, MSG_DONTWAIT);
		what = RING_RECEIVED;
		break;
	case 1:
		len = packet(c, ROOM);
		io_uring_prep_send_zc(sqe, fd, c->out, len, MSG_DONTWAIT, 0);
		what = RING_SENT_ZEROCOPY;
		break;
	case 2:
		io_uring_prep_poll_add(sqe, fd, POLLOUT);
		what = RING_POLLED;
		break;
	default:
		len = packet(c, ROOM);
		io_uring_prep_send(sqe, fd, c->out, len, MSG_DONTWAIT);
	}
	io_uring_sqe_set_data64(sqe, what);
}

/* An answer; that the pages of a packet are free again is said beside it */
static void hear_ring(struct calls *c, struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_NOTIF))
		met((enum goal)io_uring_cqe_get_data64(cqe), cqe->res >= 0,
		    RING_REFUSED);
	io_uring_cqe_seen(&c->ring, cqe);
}

static void do_ring(struct calls *c, int fd)
{
	unsigned int num = 1 + dice_below(&c->dice, RING - 1), i;
	struct __kernel_timespec wait = { .tv_sec = 1 };
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;

	for (i = 0; i < num; i++) {
		sqe = io_uring_get_sqe(&c->ring);
		if (!sqe)
			break;
		queue_one(c, sqe, fd);
		if (dice_one_in(&c->dice, 4))
			sqe->flags |= IOSQE_ASYNC;
		if (dice_one_in(&c->dice, 4))
			sqe->flags |= IOSQE_IO_LINK;
	}
	io_uring_submit(&c->ring);
	/* those of zero copy answer twice; the rest is read next time */
	for (i = 0; i < num; i++) {
		if (io_uring_wait_cqe_timeout(&c->ring, &cqe, &wait))
			break;
		hear_ring(c, cqe);
	}
	while (!io_uring_peek_cqe(&c->ring, &cqe))
		hear_ring(c, cqe);
}

static void do_ioctl(struct calls *c, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };
	int value;

	if (dice_one_in(&c->dice, 2))
		met(IOCTLED, !ioctl(fd, FIONREAD, &value), -1);
	else
		met(POLLED, poll(&pfd, 1, 0) >= 0, -1);
}

static void (*const doings[])(struct calls *c, int fd) = {
	do_send, do_send, do_sendmsg, do_sendmsg, do_splice, do_write, do_recv,
	do_option, do_connect, do_close, do_fork, do_attach, do_keys, do_ring,
	do_ioctl,
};

/* Sealed with the key of one of the epochs, whatever the epoch is now? */
static bool opens(const uint8_t *data, const struct reading *rtp)
{
	static uint8_t plain[RTP_ROOM];

	if (rtp->len < 2 || data[rtp->payload] != 0xe0)
		return false;
	for (unsigned int i = 0; i < EPOCHS; i++)
		if (sframe_open(&shared.keys[i], data + rtp->payload + 1,
				rtp->len - 1, plain, NULL) >= 0)
			return true;
	return false;
}

static void observe(struct run_worker *worker, const uint8_t *data, size_t len)
{
	struct reading rtp;
	enum reading_kind kind;

	kind = reading_of(data, len, &rtp);
	if (kind == READING_MEDIA && opens(data, &rtp)) {
		shared.sealed++;
		run_met(OPENED, 1);
		return;
	}
	/* RTP without payload passes, and so does its padding, whatever it is */
	if (kind == READING_OTHER &&
	    (rtp.payload || !memmem(data, len, MARK, sizeof(MARK) - 1)))
		return;
	run_wrong(worker, "seed %llu: a wire carried %zu bytes in clear, first %02x %02x, last %02x",
		  (unsigned long long)worker->seed, len, data[0], data[1],
		  data[len - 1]);
}

/* What came, changed or not, or a packet that can be opened */
static void answer(struct calls *c, int wire, uint8_t *data, size_t len,
		   const struct sockaddr *to, socklen_t to_len)
{
	struct rtp rtp = { .pt = 96, .ssrc = 5, .payload = MARK,
			   .len = sizeof(MARK) };

	if (dice_one_in(&c->dice, 2))
		len = rtp_seal(data, &rtp, &shared.rx, shared.ctr++);
	else if (dice_one_in(&c->dice, 2))
		data[dice_below(&c->dice, (uint32_t)len)] ^= 1;
	sendto(wire, data, len, MSG_DONTWAIT, to, to_len);
}

/* Worker 0: what the wires carry; and it answers, so that there is to receive */
static void watch(struct calls *c)
{
	static uint8_t data[RTP_ROOM];
	struct sockaddr_storage from;
	struct run_worker *worker = c->worker;
	bool idle;
	socklen_t len;
	ssize_t n;

	do {
		idle = true;
		for (unsigned int i = 0; i < WIRES; i++) {
			len = sizeof(from);
			n = recvfrom(shared.wires[i], data, sizeof(data),
				     MSG_DONTWAIT, (void *)&from, &len);
			if (n < 0)
				continue;
			idle = false;
			observe(worker, data, (size_t)n);
			if (n && dice_one_in(&c->dice, 2))
				answer(c, shared.wires[i], data, (size_t)n,
				       (void *)&from, len);
		}
		if (idle)
			poll(NULL, 0, 1);
	} while (!run_over(worker) || !idle);
	snprintf(worker->note, sizeof(worker->note),
		 "%llu datagrams on the wires, sealed",
		 (unsigned long long)shared.sealed);
	if (!shared.sealed)
		run_wrong(worker, "nothing was sealed");
}

static void work(struct run_worker *worker)
{
	struct calls *c = calloc(1, sizeof(*c));
	int err;

	c->worker = worker;
	dice_seed(&c->dice, worker->seed, worker->nth);
	err = ctl_open(&c->ctl);
	if (err)
		run_wrong(worker, "netlink: %s", strerror(-err));
	err = io_uring_queue_init(RING, &c->ring, 0);
	if (err)
		run_wrong(worker, "io_uring: %s", strerror(-err));
	pthread_barrier_wait(&ready);
	run_ready(worker);
	if (!worker->nth)
		watch(c);
	for (; worker->nth && !run_over(worker); worker->batch++) {
		for (unsigned int i = 0; i < 16; i++)
			doings[dice_below(&c->dice, sizeof(doings) /
						    sizeof(doings[0]))]
				(c, any_fd(c));
		worker->done += 16;
	}
}

static int install(struct ctl *ctl)
{
	struct sframe_key *key;
	int err = 0;

	for (unsigned int i = 0; i < EPOCHS && !err; i++) {
		key = &shared.keys[i];
		sframe_key_random(key, 5, 1 + i);
		err = ctl_key_new(ctl, shared.session, &(struct ctl_key){
			.dir = E2EE_DIR_TX, .kid = key->kid,
			.mode = E2EE_SSRC_ANY, .suite = key->suite,
			.epoch = 1 + i, .secret = key->secret,
			.salt = key->salt,
		});
	}
	sframe_key_random(&shared.rx, 5, 9);
	if (!err)
		err = ctl_key_new(ctl, shared.session, &(struct ctl_key){
			.dir = E2EE_DIR_RX, .kid = shared.rx.kid,
			.suite = shared.rx.suite, .secret = shared.rx.secret,
			.salt = shared.rx.salt,
		});
	return err ? err : ctl_session_epoch(ctl, shared.session, 1, true);
}

static int begin(unsigned int workers)
{
	int room = 64 << 20, err;
	struct calls c = { 0 };
	unsigned int i;

	err = sock_netns();
	/* what is sealed may be larger than it carries in one piece */
	if (!err && run("ip link set lo mtu 1500"))
		err = -EIO;
	if (!err)
		err = ctl_open(&c.ctl);
	if (!err)
		err = ctl_session_new(&c.ctl, "calls", NULL, &shared.session);
	if (!err)
		err = install(&c.ctl);
	if (err)
		return err;
	for (i = 0; i < WIRES; i++) {
		shared.wires[i] = sock_udp(SOCK_V4, 0, &shared.addrs[i]);
		if (setsockopt(shared.wires[i], SOL_SOCKET, SO_RCVBUFFORCE,
			       &room, sizeof(room)))
			return -errno;
	}
	for (i = 0; i < SLOTS; i++) {
		shared.fds[i] = open_slot(&c.dice);
		err = attach(&c, shared.fds[i]);
		if (err)
			return err;
	}
	shared.file = memfd_create("calls", MFD_CLOEXEC);
	if (shared.file < 0)
		return -errno;
	ctl_close(&c.ctl);
	pthread_barrier_init(&ready, NULL, workers);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct run run = {
		.name = "calls", .workers = 4, .threads = true, .begin = begin,
		.work = work, .goal = goal,
	};

	return run_main(&run, argc, argv);
}
