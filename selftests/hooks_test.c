// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks that somebody else displaces: a setsockopt() that waits for the socket's
 * lock while we attach does its work afterwards, behind our back. All run on one
 * CPU. When a sender that was caught with the lock lets go of it, the attachment,
 * which tries all the time, has a higher priority than the setsockopt() that was
 * woken. And those that would displace them and are refused: tunnels that are made
 * of a program's socket.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/syscall.h>
#include <linux/l2tp.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include "lib/caught.h"
#include "lib/harness.h"
#include "lib/objects.h"
#include "lib/scene.h"

#ifndef UDP_ENCAP_ESPINUDP
#define UDP_ENCAP_ESPINUDP	2
#endif

#define SSRC	0x400c
#define PORT	5555
#define ROUNDS	5
#define SURE	20	/* packets that show that it is so, and stays so */

FIXTURE(hooks)
{
	struct scene scene;
	struct sframe_key tx;
	struct addr to;		/* behind d0 */
	struct addr addr;	/* where the sockets listen */
	int tap;
};

FIXTURE_VARIANT(hooks)
{
	int level;
	int option;
	int value;
};

FIXTURE_VARIANT_ADD(hooks, addrform) {
	.level = SOL_IPV6, .option = IPV6_ADDRFORM, .value = AF_INET,
};

FIXTURE_VARIANT_ADD(hooks, encap) {
	.level = IPPROTO_UDP, .option = UDP_ENCAP, .value = 0,
};

FIXTURE_SETUP(hooks)
{
	ASSERT_TRUE(objects_all_gone());
	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, scene_open(&self->scene, SOCK_MAPPED, NULL));
	sframe_key_random(&self->tx, 5, 300);
	ASSERT_EQ(0, scene_key(&self->scene, E2EE_DIR_TX, &self->tx, NULL));
	ASSERT_EQ(0, caught_device(SOCK_MAPPED, &self->to));
	addr_parse(&self->addr, SOCK_MAPPED, "192.0.2.1", PORT);
	self->tap = tap_open("d0");
	ASSERT_LE(0, self->tap);
}

FIXTURE_TEARDOWN(hooks)
{
	run("tc qdisc del dev d0 root");
	close(self->tap);
	scene_close(&self->scene);
}

struct call {
	pthread_t thread;
	int fd;
	uint32_t session;	/* to attach to; 0: the option */
	int level;
	int option;
	int value;
	volatile pid_t tid;
	int ret;
};

/* Of the calling thread, and of threads that it starts; 0: an ordinary one */
static int real_time(int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	return sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER,
				  &param);
}

static void *call_thread(void *arg)
{
	int64_t end = now_ms() + SOCK_WAIT;
	struct call *call = arg;
	struct ctl ctl;

	real_time(call->session ? 1 : 0);
	call->ret = call->session ? ctl_open(&ctl) : 0;
	call->tid = (pid_t)syscall(SYS_gettid);
	if (!call->session) {
		if (setsockopt(call->fd, call->level, call->option,
			       &call->value, sizeof(call->value)))
			call->ret = -errno;
		return NULL;
	}
	/* it never waits for the lock, so it has to be quick */
	ctl.impatient = true;
	if (!call->ret) {
		do {
			call->ret = ctl_attach(&ctl, call->session, call->fd,
					       NULL);
		} while (call->ret == -EAGAIN && now_ms() < end);
	}
	ctl_close(&ctl);
	return NULL;
}

static void call_start(struct call *call)
{
	pthread_create(&call->thread, NULL, call_thread, call);
	while (!call->tid)
		poll(NULL, 0, 1);
}

/* Until @times packets in a row left sealed */
static bool comes_to_seal(FIXTURE_DATA(hooks) *self, int fd, unsigned int times)
{
	int64_t end = now_ms() + SOCK_WAIT;
	static struct frame frame;
	unsigned int in_a_row = 0;
	uint8_t packet[200];

	while (in_a_row < times && now_ms() < end) {
		rtp_plain(packet, sizeof(packet), SSRC, 1);
		if (sock_send(fd, packet, sizeof(packet), NULL) !=
		    sizeof(packet))
			return false;
		in_a_row++;
		while (!tap_next(self->tap, &frame))
			if (rtp_open(frame.payload, frame.payload, frame.len,
				     &self->tx, NULL) != sizeof(packet))
				in_a_row = 0;
	}
	return in_a_row == times;
}

/* Until @times packets in a row that came in clear were dropped */
static bool comes_to_drop(FIXTURE_DATA(hooks) *self, int fd, unsigned int times)
{
	int64_t end = now_ms() + SOCK_WAIT;
	uint8_t packet[200], marker[64];
	int peer = self->scene.peer;
	size_t len = stun_build(marker);
	unsigned int in_a_row = 0;
	int n;

	while (in_a_row < times && now_ms() < end) {
		rtp_plain(packet, sizeof(packet), SSRC, 1);
		sock_send(peer, packet, sizeof(packet), &self->addr);
		sock_send(peer, marker, len, &self->addr);
		in_a_row++;
		/* the marker may be dropped, too: as long as it is displaced */
		while ((n = sock_recv_now(fd, packet, sizeof(packet))) >= 0)
			if ((size_t)n != len)
				in_a_row = 0;
	}
	return in_a_row == times;
}

/* is it still heard of what it should hear? */
static bool comes_to_hear(FIXTURE_DATA(hooks) *self, int fd)
{
	int64_t end = now_ms() + SOCK_WAIT;
	uint8_t marker[64], got[300];
	size_t len = stun_build(marker);

	while (now_ms() < end) {
		sock_send(self->scene.peer, marker, len, &self->addr);
		if (sock_recv_now(fd, got, sizeof(got)) == (int)len)
			return true;
	}
	return false;
}

/*
 * Attached while @option waits. The one who has the lock and the one who makes it
 * let go are above the one who attaches, who would else keep them from running.
 */
static int attach_across(FIXTURE_DATA(hooks) *self, int fd, struct call *option)
{
	struct call attach = { .fd = fd, .session = self->scene.session };
	struct caught caught;

	option->fd = fd;
	if (real_time(2) || !caught_start(&caught, fd, &self->to, MSG_MORE, SSRC))
		return -EIO;
	call_start(option);
	/* or, where it needs no lock, it is over */
	thread_comes_to(option->tid, 'D');
	call_start(&attach);
	caught_interrupt(&caught);
	pthread_join(attach.thread, NULL);
	pthread_join(option->thread, NULL);
	real_time(0);
	return attach.ret;
}

TEST_F(hooks, displaced_by_a_call_under_way)
{
	struct call option = {
		.level = variant->level, .option = variant->option,
		.value = variant->value,
	};
	long sockets = objects_alive("socket");
	int fd;

	/* connected it would not send to another */
	close(self->scene.peer);
	self->scene.peer = sock_udp(SOCK_MAPPED, 0, NULL);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (i)
			ASSERT_EQ(0, run("tc qdisc add dev d0 root fq horizon 1000s"));
		fd = caught_socket(SOCK_MAPPED, PORT, &self->to);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, sock_connect(fd, &self->to));
		option.tid = 0;
		ASSERT_EQ(0, attach_across(self, fd, &option));
		EXPECT_EQ(0, option.ret);
		ASSERT_EQ(0, run("tc qdisc del dev d0 root"));
		ASSERT_TRUE(comes_to_seal(self, fd, SURE));
		ASSERT_EQ(0, sock_connect(fd, &(struct addr){
				.ss.ss_family = AF_UNSPEC,
				.len = sizeof(struct sockaddr_in),
			  }));
		ASSERT_TRUE(comes_to_hear(self, fd));
		ASSERT_TRUE(comes_to_drop(self, fd, SURE));
		close(fd);
	}
	EXPECT_TRUE(objects_come_to("socket", sockets));
}

/* A socket that is closed while it is displaced is freed like any other. */
TEST_F(hooks, closed_while_displaced)
{
	struct call option = {
		.level = variant->level, .option = variant->option,
		.value = variant->value,
	};
	long sockets = objects_alive("socket");
	int fd;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		fd = caught_socket(SOCK_MAPPED, PORT, &self->to);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, sock_connect(fd, &self->to));
		option.tid = 0;
		ASSERT_EQ(0, attach_across(self, fd, &option));
		close(fd);
		ASSERT_EQ(0, run("tc qdisc replace dev d0 root fq horizon 1000s"));
		ASSERT_EQ(0, run("tc qdisc del dev d0 root"));
		EXPECT_TRUE(objects_come_to("socket", sockets));
		ASSERT_EQ(0, run("tc qdisc add dev d0 root fq horizon 1000s"));
	}
}

/* Before UDP-Lite went, its level set the options of UDP, too. */
TEST(options_by_another_level)
{
	struct scene scene;
	int encap = UDP_ENCAP_ESPINUDP, n;
	uint8_t packet[200], got[300];
	struct sframe_key key;

	ASSERT_EQ(0, scene_open(&scene, SOCK_V4, NULL));
	sframe_key_random(&key, 5, 300);
	ASSERT_EQ(0, scene_key(&scene, E2EE_DIR_TX, &key, NULL));
	EXPECT_EQ(-1, setsockopt(scene.fd, IPPROTO_UDPLITE, UDP_ENCAP, &encap,
				 sizeof(encap)));
	EXPECT_EQ(EOPNOTSUPP, errno);
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	ASSERT_EQ(200, sock_send(scene.fd, packet, sizeof(packet), NULL));
	n = sock_recv(scene.peer, got, sizeof(got));
	ASSERT_LT(200, n);
	EXPECT_EQ(200, rtp_open(got, got, (size_t)n, &key, NULL));
	scene_close(&scene);
}

static struct nl_sock *l2tp_open(int *family)
{
	struct nl_sock *nl = nl_socket_alloc();

	*family = -1;
	if (nl && !genl_connect(nl))
		*family = genl_ctrl_resolve(nl, L2TP_GENL_NAME);
	return nl;
}

/* An L2TP tunnel over the socket @fd, as root may ask for. 0 or -NLE_*. */
static int l2tp_take(struct nl_sock *nl, int family, uint32_t id, int fd)
{
	struct nl_msg *msg = nlmsg_alloc();

	genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0,
		    NLM_F_REQUEST | NLM_F_ACK, L2TP_CMD_TUNNEL_CREATE,
		    L2TP_GENL_VERSION);
	nla_put_u32(msg, L2TP_ATTR_CONN_ID, id);
	nla_put_u32(msg, L2TP_ATTR_PEER_CONN_ID, id);
	nla_put_u8(msg, L2TP_ATTR_PROTO_VERSION, 3);
	nla_put_u16(msg, L2TP_ATTR_ENCAP_TYPE, L2TP_ENCAPTYPE_UDP);
	nla_put_u32(msg, L2TP_ATTR_FD, (uint32_t)fd);
	return nl_send_sync(nl, msg);
}

/*
 * A tunnel that is made of a program's socket would take what the socket gets
 * past the hooks. It is refused at once, and loses nothing that was its own.
 */
TEST(tunnel_over_an_attached_socket)
{
	const char *kernel = getenv("E2EE_KERNEL");
	struct scene scene;
	struct nl_sock *nl;
	uint8_t packet[200];
	int family, fd;

	ASSERT_EQ(0, scene_open(&scene, SOCK_V4, NULL));
	nl = l2tp_open(&family);
	if (family < 0 && kernel && !strcmp(kernel, "uml")) {
		/* of the lab's kernels, user-mode Linux alone has no L2TP */
		nl_socket_free(nl);
		scene_close(&scene);
		return;
	}
	ASSERT_LE(0, family);
	EXPECT_EQ(-NLE_BUSY, l2tp_take(nl, family, 1, scene.fd));
	rtp_plain(packet, sizeof(packet), SSRC, 1);
	ASSERT_EQ(200, sock_send(scene.peer, packet, sizeof(packet), NULL));
	EXPECT_EQ(0, scene_flush(scene.peer, scene.fd));
	EXPECT_STREQ("rx_other+1 rx_clear_dropped+1", scene_changes(&scene));

	fd = sock_udp(SOCK_V4, 0, NULL);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, l2tp_take(nl, family, 2, fd));
	EXPECT_EQ(-EBUSY, ctl_attach(&scene.ctl, scene.session, fd, NULL));
	close(fd);
	nl_socket_free(nl);
	scene_close(&scene);
}

TEST_HARNESS_MAIN
