// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that pass netfilter's LOCAL_OUT more than once on their way out: under a
 * VRF, and through IPsec. They are sealed the first time, and only then.
 *
 *	engine, ports 7000 to 7099, guarded ----> VRF or IPsec ----> tun0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <time.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <linux/errqueue.h>
#include <openssl/evp.h>

#include "lib/harness.h"
#include "lib/ip.h"
#include "lib/kernel.h"
#include "lib/objects.h"
#include "lib/scene.h"
#include "lib/tun.h"

#define SSRC		0x40e7e
#define FIRST		7000
#define LAST		7099
#define REMOTE_PORT	4000
#define LOCAL6		"2001:db8:9::1"
#define REMOTE6		"2001:db8:9::2"
#define MTU		1500	/* of tun0 */
#define PACKETS		3

FIXTURE(route)
{
	struct ctl ctl;
	uint32_t session;
	struct sframe_key tx;
	int tun;
	bool v6;
	const char *local;
	const char *remote;
	struct addr to;
	size_t headers;		/* of IP and UDP */
};

FIXTURE_VARIANT(route)
{
	enum sock_kind kind;
};

FIXTURE_VARIANT_ADD(route, v4) { .kind = SOCK_V4 };
FIXTURE_VARIANT_ADD(route, v6) { .kind = SOCK_V6 };

FIXTURE_SETUP(route)
{
	struct ctl_guard guard = { .first = FIRST, .last = LAST };
	struct ctl_key key = { .dir = E2EE_DIR_TX };
	uint32_t id;

	ASSERT_TRUE(objects_all_gone());
	ASSERT_EQ(0, sock_pin());
	ASSERT_EQ(0, sock_netns());
	ASSERT_EQ(0, ctl_open(&self->ctl));
	ASSERT_EQ(0, ctl_session_new(&self->ctl, "guarded", NULL,
				     &self->session));
	sframe_key_random(&self->tx, 5, 300);
	key.kid = self->tx.kid;
	key.secret = self->tx.secret;
	key.salt = self->tx.salt;
	ASSERT_EQ(0, ctl_key_new(&self->ctl, self->session, &key));
	ASSERT_EQ(0, ctl_guard_new(&self->ctl, self->session, &guard, &id));
	self->tun = tun_open();
	ASSERT_LE(0, self->tun);
	ASSERT_EQ(0, run("ip addr add " LOCAL6 "/64 dev tun0 nodad"));
	self->v6 = variant->kind == SOCK_V6;
	self->local = self->v6 ? LOCAL6 : TUN_LOCAL;
	self->remote = self->v6 ? REMOTE6 : TUN_REMOTE;
	self->headers = sizeof(struct udphdr) +
		(self->v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr));
	addr_parse(&self->to, variant->kind, self->remote, REMOTE_PORT);
}

FIXTURE_TEARDOWN(route)
{
	close(self->tun);
	ctl_close(&self->ctl);
}

/* A socket in the guard's range, of that device; -errno */
static int engine_open(FIXTURE_DATA(route) *self, enum sock_kind kind,
		       const char *device)
{
	int fd = socket(sock_family(kind), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct addr addr;

	addr_parse(&addr, kind, self->local, FIRST);
	if (fd < 0 || (device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE,
					    device, (socklen_t)strlen(device))))
		return -errno;
	return bind(fd, (void *)&addr.ss, addr.len) ? -errno : fd;
}

static uint64_t counted(FIXTURE_DATA(route) *self, enum e2ee_stat stat)
{
	uint64_t now[CTL_STATS] = { 0 };

	ctl_session_stats(&self->ctl, self->session, now);
	return now[stat];
}

static int send_media(FIXTURE_DATA(route) *self, int engine, uint16_t seq,
		      size_t len)
{
	uint8_t packet[MTU];

	rtp_plain(packet, len, SSRC, seq);
	return sock_send(engine, packet, len, &self->to);
}

/* A UDP packet as it would be on the wire by itself; "" or what is wrong */
static const char *check(FIXTURE_DATA(route) *self, uint8_t *packet, size_t len,
			 uint16_t seq)
{
	uint8_t opened[TUN_ROOM], wanted[200];

	rtp_plain(wanted, sizeof(wanted), SSRC, seq);
	if (len < self->headers || !ip_is_right(packet, len))
		return "checksum is wrong";
	len -= self->headers;
	if (rtp_open(opened, packet + self->headers, len, &self->tx, NULL) !=
	    sizeof(wanted) || memcmp(opened, wanted, sizeof(wanted)))
		return "not sealed once";
	return "";
}

/* Under a VRF what a socket sends passes LOCAL_OUT twice, vrf0 first. */
static int vrf_on(const char *local)
{
	return run("ip link add vrf0 type vrf table 100 && "
		   "ip link set vrf0 up && ip link set tun0 master vrf0 && "
		   "ip addr replace " LOCAL6 "/64 dev tun0 nodad && "
		   "until ip route show table 100 | grep -q '^local %s ' || "
		   "ip -6 route show table 100 | grep -q '^local %s '; "
		   "do sleep 0.01; done", local, local);
}

/* The first pass is the one that counts: no rule sees the packet in clear. */
TEST_F(route, virtual_routing_domain)
{
	uint8_t packet[TUN_ROOM];
	size_t len;
	int engine;

	if (kernel_is_uml())	/* alone of the lab's kernels, it has no VRF */
		return;
	ASSERT_EQ(0, vrf_on(self->local));
	ASSERT_EQ(0, run("nft -f - <<'EOF'\n"
			 "table inet t {\n"
			 " counter clear { }\n"
			 " counter sealed { }\n"
			 " chain seen {\n"
			 "  type filter hook output priority -150;\n"
			 "  udp length 208 counter name clear\n"
			 "  udp length > 208 oifname vrf0 counter name sealed\n"
			 " }\n"
			 "}\n"
			 "EOF"));
	engine = engine_open(self, variant->kind, "vrf0");
	ASSERT_LE(0, engine);
	for (uint16_t seq = 0; seq < PACKETS; seq++) {
		ASSERT_EQ(200, send_media(self, engine, seq, 200));
		len = tun_next(self->tun, IPPROTO_UDP, packet);
		EXPECT_STREQ("", check(self, packet, len, seq));
	}
	EXPECT_EQ(PACKETS, counted(self, E2EE_A_STAT_TX_OK));
	EXPECT_EQ(0, run("nft list counter inet t clear | "
			 "grep -q 'packets 0 '"));
	EXPECT_EQ(0, run("nft list counter inet t sealed | "
			 "grep -q 'packets %d '", PACKETS));
	close(engine);
}

static int vxlan_on(void)
{
	return run("ip link add vx0 type vxlan id 7 gbp dev tun0 "
		   "local " TUN_LOCAL " remote " TUN_REMOTE " dstport 4789 && "
		   "ip addr add 10.9.9.1/24 dev vx0 && "
		   "ip addr add 2001:db8:a::1/64 dev vx0 nodad && "
		   "ip link set vx0 up && "
		   "ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev vx0 && "
		   "ip neigh add 2001:db8:a::2 lladdr 02:00:00:00:00:02 dev vx0");
}

/*
 * What a tunnel sends by a VRF comes from the VRF's device, too, but is none of the
 * socket's packets, though its payload may look like RTP.
 */
TEST_F(route, tunnel_in_a_virtual_routing_domain)
{
	uint8_t packet[TUN_ROOM];
	int engine, one = 1;
	size_t len;

	if (kernel_is_uml())
		return;
	ASSERT_EQ(0, vrf_on(TUN_LOCAL));
	ASSERT_EQ(0, vxlan_on());
	self->local = self->v6 ? "::" : "0.0.0.0";
	engine = engine_open(self, variant->kind, NULL);
	ASSERT_LE(0, engine);
	/* the group in VXLAN's header, which begins with 0x88 then */
	ASSERT_EQ(0, setsockopt(engine, SOL_SOCKET, SO_MARK, &one,
				sizeof(one)));
	addr_parse(&self->to, variant->kind,
		   self->v6 ? "2001:db8:a::2" : "10.9.9.2", REMOTE_PORT);
	for (uint16_t seq = 0; seq < PACKETS; seq++) {
		ASSERT_EQ(200, send_media(self, engine, seq, 200));
		do
			len = tun_next(self->tun, IPPROTO_UDP, packet);
		while (len && len < 200);	/* those of IPv6 itself */
		ASSERT_LT(200, len);
		EXPECT_EQ(0x88, packet[sizeof(struct iphdr) +
				       sizeof(struct udphdr)]);
	}
	EXPECT_EQ(PACKETS, counted(self, E2EE_A_STAT_TX_OK));
	EXPECT_EQ(0, counted(self, E2EE_A_STAT_TX_MALFORMED));
	close(engine);
}

/* No fragments, and every refusal is to be told. */
static int forbid_fragments(int fd, bool v6)
{
	int level = v6 ? SOL_IPV6 : SOL_IP, probe = IP_PMTUDISC_DO, on = 1;

	return setsockopt(fd, level, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
			  &probe, sizeof(probe)) ||
	       (v6 && setsockopt(fd, level, IPV6_DONTFRAG, &on, sizeof(on))) ||
	       setsockopt(fd, level, v6 ? IPV6_RECVERR : IP_RECVERR, &on,
			  sizeof(on)) ? -errno : 0;
}

/* The MTU in the next refusal that is told; -errno */
static int refused_mtu(int fd, bool v6)
{
	char control[512];
	struct msghdr msg = {
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const struct sock_extended_err *err;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return -errno;
	err = cmsg_find(&msg, v6 ? SOL_IPV6 : SOL_IP,
			v6 ? IPV6_RECVERR : IP_RECVERR);
	return err && err->ee_errno == EMSGSIZE &&
	       err->ee_origin == SO_EE_ORIGIN_LOCAL ? (int)err->ee_info : -EPROTO;
}

/*
 * What sealing makes too long for the path, and must not be cut, is refused with the
 * MTU that leaves room for the seal; what then fits leaves. A VRF lets no sender know
 * by the result of the call, so it is told by the error queue alone.
 */
TEST_F(route, too_long_for_a_virtual_routing_domain)
{
	uint8_t packet[TUN_ROOM];
	int engine, mtu;
	size_t len;

	if (kernel_is_uml())
		return;
	ASSERT_EQ(0, vrf_on(self->local));
	engine = engine_open(self, variant->kind, "vrf0");
	ASSERT_LE(0, engine);
	ASSERT_EQ(0, forbid_fragments(engine, self->v6));
	len = MTU - self->headers;
	EXPECT_EQ((int)len, send_media(self, engine, 1, len));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_TX_TOO_BIG));
	EXPECT_EQ(0, tun_next(self->tun, IPPROTO_UDP, packet));
	mtu = refused_mtu(engine, self->v6);
	ASSERT_LT((int)self->headers, mtu);
	EXPECT_GT(MTU, mtu);
	len = (size_t)mtu - self->headers;
	ASSERT_EQ((int)len, send_media(self, engine, 2, len));
	EXPECT_LT(mtu, (int)tun_next(self->tun, IPPROTO_UDP, packet));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_TX_OK));
	EXPECT_EQ(1, counted(self, E2EE_A_STAT_TX_TOO_BIG));
	close(engine);
}

#define ESP_SECRET	"000102030405060708090a0b0c0d0e0f"
#define ESP_HEADER	8	/* SPI and sequence number */
#define ESP_IV		16
#define ESP_ICV		16

static int ipsec_on(FIXTURE_DATA(route) *self)
{
	return run("ip xfrm state add src %s dst %s proto esp spi 0x1234 "
		   "reqid 7 mode transport enc 'cbc(aes)' 0x" ESP_SECRET
		   " auth-trunc 'hmac(sha256)' 0x" ESP_SECRET ESP_SECRET " %d && "
		   "ip xfrm policy add src %s dst %s dir out "
		   "tmpl src %s dst %s proto esp reqid 7 mode transport",
		   self->local, self->remote, 8 * ESP_ICV,
		   self->local, self->remote, self->local, self->remote);
}

/* Turn ESP in transport mode into the packet that it protects; its length, or 0 */
static size_t decrypt(uint8_t packet[TUN_ROOM], size_t len)
{
	bool v4 = packet[0] >> 4 == 4;
	size_t ip = v4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	const uint8_t *iv = packet + ip + ESP_HEADER;
	uint8_t secret[16], inner[TUN_ROOM];
	EVP_CIPHER_CTX *context;
	int size = 0;

	if (len < ip + ESP_HEADER + ESP_IV + 16 + ESP_ICV)
		return 0;
	len -= ip + ESP_HEADER + ESP_IV + ESP_ICV;
	for (uint8_t i = 0; i < sizeof(secret); i++)
		secret[i] = i;
	context = EVP_CIPHER_CTX_new();
	EVP_DecryptInit_ex(context, EVP_aes_128_cbc(), NULL, secret, iv);
	EVP_CIPHER_CTX_set_padding(context, 0);
	EVP_DecryptUpdate(context, inner, &size, iv + ESP_IV, (int)len);
	EVP_CIPHER_CTX_free(context);
	/* padding, its length, and the protocol that is inside */
	if (size != (int)len || inner[len - 1] != IPPROTO_UDP ||
	    inner[len - 2] + 2u > len)
		return 0;
	len -= inner[len - 2] + 2u;
	memcpy(packet + ip, inner, len);
	if (v4) {	/* its own header was right for ESP */
		struct iphdr *iph = (void *)packet;

		iph->check = 0;
		iph->check = ip_folded(ip_sum(0, iph, ip));
	}
	return ip + len;
}

/* The second pass is ESP, which nobody could look into. */
TEST_F(route, ipsec)
{
	uint8_t packet[TUN_ROOM];
	size_t len;
	int engine;

	if (kernel_is_uml() && self->v6)	/* it has no ESP there */
		return;
	ASSERT_EQ(0, ipsec_on(self));
	engine = engine_open(self, variant->kind, NULL);
	ASSERT_LE(0, engine);
	for (uint16_t seq = 0; seq < PACKETS; seq++) {
		ASSERT_EQ(200, send_media(self, engine, seq, 200));
		len = tun_next(self->tun, IPPROTO_ESP, packet);
		len = decrypt(packet, len);
		EXPECT_STREQ("", check(self, packet, len, seq));
	}
	EXPECT_EQ(PACKETS, counted(self, E2EE_A_STAT_TX_OK));
	EXPECT_EQ(0, tun_next(self->tun, IPPROTO_UDP, packet));
	close(engine);
}

TEST_HARNESS_MAIN
