// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/errqueue.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "inject.h"
#include "rtp.h"
#include "wire.h"

/* newer than the oldest headers that we build with */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif
#define FILE_ROOM	(BATCH * RTP_ROOM)
#define NET		99	/* and the two after it: one of each device */
#define PIECES		17	/* MAX_SKB_FRAGS usually, but for one */

enum { TAP_PLAIN, TAP_PIECES, TAP_GRO };

static const struct {
	const char *name;
	unsigned int flags;
} taps[TAPS] = {
	[TAP_PLAIN] = { "fz0", IFF_VNET_HDR },
	[TAP_PIECES] = { "fz1", IFF_NAPI | IFF_NAPI_FRAGS },
	[TAP_GRO] = { "fz2", IFF_NAPI },
};

static const char * const names[SHAPES] = {
	[SHAPE_SEND] = "send", [SHAPE_GSO] = "gso",
	[SHAPE_ZEROCOPY] = "zerocopy", [SHAPE_SPLICE] = "splice",
	[SHAPE_TAP] = "tap", [SHAPE_TAP_PIECES] = "tap-pieces",
	[SHAPE_TAP_GRO] = "tap-gro", [SHAPE_TAP_GSO] = "tap-gso",
	[SHAPE_FRAGMENTS] = "fragments",
};

const char *shape_name(enum shape shape)
{
	return names[shape];
}

size_t shape_room(enum shape shape, bool ipv6)
{
	switch (shape) {
	case SHAPE_SEND:
	case SHAPE_FRAGMENTS:
		return ipv6 ? 65535 - 8 : 65535 - 28;
	case SHAPE_TAP_PIECES:
	case SHAPE_TAP_GRO:
		return 9000;
	case SHAPE_GSO:
	case SHAPE_TAP_GSO:
		return 1400;
	default:
		return 50000;
	}
}

bool shape_is_burst(enum shape shape)
{
	return shape == SHAPE_GSO || shape == SHAPE_TAP_GSO;
}

bool inject_takes_bursts(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname system;

	if (uname(&system) ||
	    sscanf(system.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major > 6 || (major == 6 && minor >= 2);
}

static int open_tap(struct injector *injector, unsigned int nth)
{
	struct ifreq ifr = { 0 };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	injector->tap[nth] = fd;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", taps[nth].name);
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | taps[nth].flags);
	if (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, SIOCGIFHWADDR, &ifr))
		return -errno;
	memcpy(injector->mac[nth], ifr.ifr_hwaddr.sa_data, 6);
	return run("ip addr add 10.%d.0.1/24 dev %s && "
		   "ip addr add fd%x::1/64 dev %s nodad && "
		   "ip link set %s up", NET + nth, taps[nth].name, NET + nth,
		   taps[nth].name, taps[nth].name) ? -EIO : 0;
}

/* Packets wait some time for others to be gathered with. */
static int gather(void)
{
	const char *name = taps[TAP_GRO].name;

	/* sysfs shows the devices of the namespace that mounted it */
	return run("mount --make-rprivate / && mount -t sysfs sysfs /sys && "
		   "ethtool -K %s gro on rx-gro-list on && "
		   "echo 300000 >/sys/class/net/%s/gro_flush_timeout", name,
		   name) ? -EIO : 0;
}

static int open_sender(bool ipv6, bool zero)
{
	struct in_addr lo = { .s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, room = 8 << 20;
	int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC,
			0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (zero && setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return -errno;
	if (!ipv6 && setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &lo, sizeof(lo)))
		return -errno;
	return fd;
}

int inject_open(struct injector *injector)
{
	unsigned int i;
	int err;

	memset(injector, 0, sizeof(*injector));
	for (i = 0; i < 2; i++) {
		injector->udp[i] = open_sender(i, false);
		injector->zero[i] = open_sender(i, true);
		injector->connected[i] = open_sender(i, false);
		if (injector->udp[i] < 0 || injector->zero[i] < 0 ||
		    injector->connected[i] < 0)
			return -EIO;
	}
	injector->file = memfd_create("fuzz", MFD_CLOEXEC);
	if (injector->file < 0 || ftruncate(injector->file, FILE_ROOM))
		return -errno;
	injector->mapped = mmap(NULL, FILE_ROOM, PROT_READ | PROT_WRITE,
				MAP_SHARED, injector->file, 0);
	if (injector->mapped == MAP_FAILED)
		return -errno;
	if (unshare(CLONE_NEWNS))
		return -errno;
	for (i = 0; i < TAPS; i++) {
		err = open_tap(injector, i);
		if (err)
			return err;
	}
	/* where it should, and does not, that is an error */
	if (inject_takes_bursts() &&
	    ioctl(injector->tap[TAP_PLAIN], TUNSETOFFLOAD,
		  TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6))
		return -errno;
	return gather();
}

static void loopback(struct addr *to, const struct target *target, bool ipv6)
{
	if (target->group)
		addr_parse(to, SOCK_V4, MODEL_GROUP, target->port);
	else
		addr_loopback(to, ipv6 ? SOCK_V6 : SOCK_V4,
			      target->port);
}

static int inject_send(struct injector *injector, const struct addr *to,
		       const struct batch *batch)
{
	struct mmsghdr msgs[BATCH] = { 0 };
	struct iovec iovs[BATCH];
	unsigned int i, done = 0;
	int n;

	for (i = 0; i < batch->num; i++) {
		iovs[i].iov_base = batch->wires[i];
		iovs[i].iov_len = batch->lens[i];
		msgs[i].msg_hdr.msg_name = (void *)&to->ss;
		msgs[i].msg_hdr.msg_namelen = to->len;
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	for (; done < batch->num; done += (unsigned int)n) {
		n = sendmmsg(injector->udp[batch->ipv6], msgs + done,
			     batch->num - done, 0);
		if (n < 0)
			return -errno;
	}
	return 0;
}

static size_t join(uint8_t *out, const struct batch *batch)
{
	size_t len = 0;

	for (unsigned int i = 0; i < batch->num; i++) {
		memcpy(out + len, batch->wires[i], batch->lens[i]);
		len += batch->lens[i];
	}
	return len;
}

static int inject_gso(struct injector *injector, const struct addr *to,
		      const struct batch *batch)
{
	static uint8_t all[RTP_ROOM];
	int n;

	n = sock_send_gso(injector->udp[batch->ipv6], all, join(all, batch),
			  (uint16_t)batch->lens[0], to);
	return n < 0 ? n : 0;
}

/* Where a packet lies in the file: at no round number */
static size_t place(unsigned int nth)
{
	return nth * (size_t)RTP_ROOM + nth * 37 % 300;
}

/* The kernel has let go of the pages */
static int reap(int fd, unsigned int wanted)
{
	char control[128];
	struct msghdr msg = { 0 };
	const struct sock_extended_err *err;

	while (wanted) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
			if (errno != EAGAIN)
				return -errno;
			if (!sock_poll(fd, 0, SOCK_WAIT))
				return -ETIMEDOUT;
			continue;
		}
		err = cmsg_find(&msg, SOL_IP, IP_RECVERR);
		if (!err)
			err = cmsg_find(&msg, SOL_IPV6, IPV6_RECVERR);
		if (!err || err->ee_origin != SO_EE_ORIGIN_ZEROCOPY)
			return -EPROTO;
		wanted -= err->ee_data - err->ee_info + 1;
	}
	return 0;
}

static int inject_zerocopy(struct injector *injector, const struct addr *to,
			   const struct batch *batch)
{
	int fd = injector->zero[batch->ipv6];
	struct msghdr msg = {
		.msg_name = (void *)&to->ss, .msg_namelen = to->len,
	};
	struct iovec iov[2];
	unsigned int i;

	msg.msg_iov = iov;
	msg.msg_iovlen = 2;
	for (i = 0; i < batch->num; i++) {
		iov[0].iov_base = injector->mapped + place(i);
		iov[0].iov_len = batch->lens[i] / 3;
		iov[1].iov_base = injector->mapped + place(i) + iov[0].iov_len;
		iov[1].iov_len = batch->lens[i] - iov[0].iov_len;
		if (sendmsg(fd, &msg, MSG_ZEROCOPY) < 0)
			return -errno;
	}
	return reap(fd, batch->num);
}

static int inject_splice(struct injector *injector, const struct addr *to,
			 const struct batch *batch)
{
	int fd = injector->connected[batch->ipv6];
	unsigned int i;
	off_t at;
	int err;

	err = sock_connect(fd, to);
	for (i = 0; i < batch->num && !err; i++) {
		at = (off_t)place(i);
		if (sendfile(fd, injector->file, &at, batch->lens[i]) !=
		    (ssize_t)batch->lens[i])
			err = errno ? -errno : -EIO;
	}
	return err;
}

bool inject_unharmed(struct injector *injector, const struct batch *batch)
{
	if (batch->shape != SHAPE_ZEROCOPY && batch->shape != SHAPE_SPLICE)
		return true;
	for (unsigned int i = 0; i < batch->num; i++)
		if (memcmp(injector->mapped + place(i), batch->wires[i],
			   batch->lens[i]))
			return false;
	return true;
}

static void path_to(struct injector *injector, struct dice *dice,
		    const struct target *target, const struct batch *batch,
		    unsigned int tap, struct wire_path *path)
{
	path->ipv6 = batch->ipv6;
	/* as text it is the same in IPv4 and IPv6: 10.99.0.1, fd63::1 */
	path->net = (uint8_t)(NET + tap);
	memcpy(path->mac, injector->mac[tap], 6);
	path->port = target->port;
	path->checksum = !batch->ipv6 && dice_one_in(dice, 3) ?
			 WIRE_CHECKSUM_NONE : WIRE_CHECKSUM;
}

static int put_frame(int fd, const struct iovec *iov, int num)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	while (writev(fd, iov, num) < 0) {
		if (errno != EAGAIN)
			return -errno;
		poll(&pfd, 1, 1);
	}
	return 0;
}

/* With a header of virtio's: what is behind @linear may lie in pages */
static int put_plain(struct injector *injector, const uint8_t *frame,
		     size_t len, const struct virtio_net_hdr *hdr)
{
	struct iovec iov[2] = {
		{ (void *)hdr, sizeof(*hdr) }, { (void *)frame, len },
	};

	return put_frame(injector->tap[TAP_PLAIN], iov, 2);
}

/* In pieces of up to a page */
static int put_pieces(struct injector *injector, struct dice *dice,
		      const uint8_t *frame, size_t len)
{
	struct iovec iov[PIECES];
	size_t left = len, size;
	int num = 0;

	while (left) {
		/* the device wants the Ethernet header in one */
		size = num ? 1 + dice_below(dice, 2000) :
			     14 + dice_below(dice, 200);
		/* what is left must fit those that are left */
		if (left > 4096UL * (unsigned int)(PIECES - 1 - num))
			size = 4096;
		if (size > left)
			size = left;
		if (num == PIECES)
			return -EMSGSIZE;
		iov[num].iov_base = (void *)(frame + len - left);
		iov[num++].iov_len = size;
		left -= size;
	}
	return put_frame(injector->tap[TAP_PIECES], iov, num);
}

static int inject_tap(struct injector *injector, struct dice *dice,
		      const struct target *target, const struct batch *batch)
{
	static uint8_t frame[WIRE_HEADERS + RTP_ROOM];
	struct virtio_net_hdr hdr = { 0 };
	struct wire_path path;
	size_t head, len;
	unsigned int i, tap;
	int err = 0;

	tap = batch->shape == SHAPE_TAP ? TAP_PLAIN :
	      batch->shape == SHAPE_TAP_PIECES ? TAP_PIECES : TAP_GRO;
	path_to(injector, dice, target, batch, tap, &path);
	for (i = 0; i < batch->num && !err; i++) {
		head = wire_ip(&path, frame, batch->lens[i] + 8, 0, 0, false);
		len = head + wire_udp(&path, frame + head, batch->wires[i],
				      batch->lens[i]);
		hdr.hdr_len = (uint16_t)(14 + dice_below(dice, 200));
		if (hdr.hdr_len > len)
			hdr.hdr_len = (uint16_t)len;
		if (tap == TAP_PLAIN)
			err = put_plain(injector, frame, len, &hdr);
		else if (tap == TAP_PIECES)
			err = put_pieces(injector, dice, frame, len);
		else
			err = put_frame(injector->tap[tap],
					&(struct iovec){ frame, len }, 1);
	}
	return err;
}

static int inject_tap_gso(struct injector *injector, struct dice *dice,
			  const struct target *target,
			  const struct batch *batch)
{
	static uint8_t all[RTP_ROOM], frame[WIRE_HEADERS + RTP_ROOM];
	size_t len = join(all, batch), head;
	struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.gso_size = (uint16_t)batch->lens[0],
		.csum_offset = offsetof(struct udphdr, check),
	};
	struct wire_path path;

	path_to(injector, dice, target, batch, TAP_PLAIN, &path);
	path.checksum = WIRE_CHECKSUM_PARTIAL;
	head = wire_ip(&path, frame, len + 8, 0, 0, false);
	hdr.csum_start = (uint16_t)head;
	hdr.hdr_len = (uint16_t)(head + 8 + dice_below(dice, (uint32_t)len));
	return put_plain(injector, frame,
			 head + wire_udp(&path, frame + head, all, len), &hdr);
}

/*
 * One datagram in pieces, which may come in any order. What is put together is one
 * sk_buff where bytes or pages of a piece can be moved into the first one. They
 * cannot where that one is in pages, and the others are not: then it has a list.
 */
static int put_fragments(struct injector *injector, struct dice *dice,
			 const struct wire_path *path, const uint8_t *datagram,
			 size_t len)
{
	bool listed = dice_one_in(dice, 2);
	struct wire_path first = *path;
	static uint8_t frame[WIRE_HEADERS + RTP_ROOM];
	size_t least = path->ipv6 ? 1280 : 8, size, at, head, n;
	const struct virtio_net_hdr hdr = { 0 };
	size_t starts[80], num = 0, order[80], i, j;
	int err = 0;

	size = least + dice_below(dice, dice_one_in(dice, 2) ? 64 : 3000);
	if (size < len / 64)
		size = len / 64;
	size = (size + 7) & ~(size_t)7;
	for (at = 0; at < len || !num; at += size) {
		order[num] = num;
		starts[num++] = at;
	}
	for (i = num; i > 1 && dice_one_in(dice, 2); i--) {
		j = dice_below(dice, (uint32_t)i);
		at = order[j];
		order[j] = order[i - 1];
		order[i - 1] = at;
	}
	memcpy(first.mac, injector->mac[TAP_PIECES], 6);
	injector->datagram++;
	for (i = 0; i < num && !err; i++) {
		at = starts[order[i]];
		n = len - at < size ? len - at : size;
		head = wire_ip(!at && listed ? &first : path, frame, n,
			       1 + injector->datagram % 65535, at, at + n < len);
		memcpy(frame + head, datagram + at, n);
		err = !at && listed ?
		      put_pieces(injector, dice, frame, head + n) :
		      put_plain(injector, frame, head + n, &hdr);
	}
	return err;
}

static int inject_fragments(struct injector *injector, struct dice *dice,
			    const struct target *target,
			    const struct batch *batch)
{
	static uint8_t datagram[RTP_ROOM + 8];
	struct wire_path path;
	unsigned int i;
	size_t len;
	int err = 0;

	path_to(injector, dice, target, batch, TAP_PLAIN, &path);
	for (i = 0; i < batch->num && !err; i++) {
		len = wire_udp(&path, datagram, batch->wires[i],
			       batch->lens[i]);
		err = put_fragments(injector, dice, &path, datagram, len);
	}
	return err;
}

int inject(struct injector *injector, struct dice *dice,
	   const struct target *target, const struct batch *batch)
{
	struct addr to;

	loopback(&to, target, batch->ipv6);
	if (batch->shape == SHAPE_ZEROCOPY || batch->shape == SHAPE_SPLICE)
		for (unsigned int i = 0; i < batch->num; i++)
			memcpy(injector->mapped + place(i), batch->wires[i],
			       batch->lens[i]);
	switch (batch->shape) {
	case SHAPE_SEND:
		return inject_send(injector, &to, batch);
	case SHAPE_GSO:
		return inject_gso(injector, &to, batch);
	case SHAPE_ZEROCOPY:
		return inject_zerocopy(injector, &to, batch);
	case SHAPE_SPLICE:
		return inject_splice(injector, &to, batch);
	case SHAPE_TAP_GSO:
		return inject_tap_gso(injector, dice, target, batch);
	case SHAPE_FRAGMENTS:
		return inject_fragments(injector, dice, target, batch);
	default:
		return inject_tap(injector, dice, target, batch);
	}
}
