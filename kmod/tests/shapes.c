// SPDX-License-Identifier: GPL-2.0
/*
 * e2ee_shapes.ko: in which shapes UDP packets come in, for fuzzers that are to try
 * them all. It looks where the local host takes them, just before its sockets;
 * IPv6 fragments are put together behind that, by the code that does it for IPv4.
 *
 * debugfs e2ee_shapes: a count of each shape; a packet may be of several. Those
 * that are gathered are cut before a socket sees them: "gso" counts them, and of
 * them "gso_list" those that are a list of packets; the others are of the rest.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/skbuff.h>
#include <net/net_namespace.h>

static struct {
	atomic_t linear;
	atomic_t nonlinear;
	atomic_t frag_list;
	atomic_t shared_frags;	/* pages that others write to, or read */
	atomic_t cloned;
	atomic_t gso;
	atomic_t gso_list;
} e2ee_shapes;

static struct dentry *e2ee_shapes_dir;

static void e2ee_shapes_note(const struct sk_buff *skb)
{
	if (skb_is_gso(skb)) {
		atomic_inc(&e2ee_shapes.gso);
		if (skb_shinfo(skb)->gso_type & SKB_GSO_FRAGLIST)
			atomic_inc(&e2ee_shapes.gso_list);
		return;
	}
	atomic_inc(skb_is_nonlinear(skb) ? &e2ee_shapes.nonlinear :
					   &e2ee_shapes.linear);
	if (skb_has_frag_list(skb))
		atomic_inc(&e2ee_shapes.frag_list);
	if (skb_has_shared_frag(skb))
		atomic_inc(&e2ee_shapes.shared_frags);
	if (skb_cloned(skb))
		atomic_inc(&e2ee_shapes.cloned);
}

static unsigned int e2ee_shapes_look(void *unused, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	if (state->pf == NFPROTO_IPV4 ?
	    ip_hdr(skb)->protocol == IPPROTO_UDP :
	    ipv6_hdr(skb)->nexthdr == IPPROTO_UDP)
		e2ee_shapes_note(skb);
	return NF_ACCEPT;
}

static const struct nf_hook_ops e2ee_shapes_hooks[] = {
	{
		.hook = e2ee_shapes_look,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	}, {
		.hook = e2ee_shapes_look,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP6_PRI_LAST,
	},
};

static int __net_init e2ee_shapes_net_init(struct net *net)
{
	return nf_register_net_hooks(net, e2ee_shapes_hooks,
				     ARRAY_SIZE(e2ee_shapes_hooks));
}

static void __net_exit e2ee_shapes_net_exit(struct net *net)
{
	nf_unregister_net_hooks(net, e2ee_shapes_hooks,
				ARRAY_SIZE(e2ee_shapes_hooks));
}

static struct pernet_operations e2ee_shapes_net = {
	.init = e2ee_shapes_net_init,
	.exit = e2ee_shapes_net_exit,
};

static int __init e2ee_shapes_init(void)
{
	struct dentry *dir;
	int err;

	err = register_pernet_subsys(&e2ee_shapes_net);
	if (err)
		return err;
	dir = debugfs_create_dir("e2ee_shapes", NULL);
	e2ee_shapes_dir = dir;
	debugfs_create_atomic_t("linear", 0400, dir, &e2ee_shapes.linear);
	debugfs_create_atomic_t("nonlinear", 0400, dir,
				&e2ee_shapes.nonlinear);
	debugfs_create_atomic_t("frag_list", 0400, dir,
				&e2ee_shapes.frag_list);
	debugfs_create_atomic_t("shared_frags", 0400, dir,
				&e2ee_shapes.shared_frags);
	debugfs_create_atomic_t("cloned", 0400, dir, &e2ee_shapes.cloned);
	debugfs_create_atomic_t("gso", 0400, dir, &e2ee_shapes.gso);
	debugfs_create_atomic_t("gso_list", 0400, dir, &e2ee_shapes.gso_list);
	return 0;
}

static void __exit e2ee_shapes_exit(void)
{
	debugfs_remove(e2ee_shapes_dir);
	unregister_pernet_subsys(&e2ee_shapes_net);
}

module_init(e2ee_shapes_init);
module_exit(e2ee_shapes_exit);

MODULE_DESCRIPTION("Counts the shapes of UDP packets that come in");
MODULE_LICENSE("GPL");
