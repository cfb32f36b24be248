// SPDX-License-Identifier: GPL-2.0
/*
 * Who may fill the memory of sending keys, and how far: user namespaces of the
 * host, of its users, and below those.
 */
#include <kunit/test.h>
#include <linux/user_namespace.h>
#include "../digest.h"
#include "../key.h"
#include "../refusal.h"
#include "digest_small.h"

#define USER	1000

static u64 next_digest = 1;

static int digest_init(struct kunit *test)
{
	return e2ee_digest_init();
}

static void digest_exit(struct kunit *test)
{
	e2ee_digest_exit();
}

static struct user_namespace *made_by(struct kunit *test,
				      struct user_namespace *parent, uid_t uid,
				      unsigned int inum)
{
	struct user_namespace *ns = kunit_kzalloc(test, sizeof(*ns),
						  GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ns);
	ns->parent = parent;
	ns->owner = KUIDT_INIT(uid);
	ns->ns.inum = inum;
	return ns;
}

static struct e2ee_digest *add(const struct user_namespace *ns)
{
	static const u8 salt[E2EE_SALT_LEN];
	struct e2ee_key_param param = { .kid = 1, .salt = salt };
	struct e2ee_refusal why;

	return e2ee_digest_use(next_digest++, &param, ns, &why);
}

/* Adds until one is refused: how many there were, and why */
static u32 fill(const struct user_namespace *ns, long *err)
{
	struct e2ee_digest *kept;
	u32 num = 0;

	for (;;) {
		kept = add(ns);
		if (IS_ERR(kept))
			break;
		num++;
		cond_resched();
	}
	*err = PTR_ERR(kept);
	return num;
}

static void a_container_has_its_share(struct kunit *test)
{
	struct user_namespace *one = made_by(test, &init_user_ns, 0, 1);
	struct user_namespace *other = made_by(test, &init_user_ns, 0, 2);
	/* what is made in it is no way to another */
	struct user_namespace *below = made_by(test, one, 100000, 3);
	long err;
	u32 max;

	KUNIT_EXPECT_EQ(test, fill(one, &err), E2EE_DIGESTS_PER_SHARE);
	KUNIT_EXPECT_EQ(test, err, -EDQUOT);
	KUNIT_EXPECT_EQ(test, fill(below, &err), 0);
	KUNIT_EXPECT_EQ(test, err, -EDQUOT);
	KUNIT_EXPECT_EQ(test, e2ee_digest_count(below, &max),
			E2EE_DIGESTS_PER_SHARE);
	KUNIT_EXPECT_EQ(test, max, E2EE_DIGESTS_PER_SHARE);

	KUNIT_EXPECT_EQ(test, e2ee_digest_count(other, &max), 0);
	KUNIT_EXPECT_FALSE(test, IS_ERR(add(other)));
	KUNIT_EXPECT_EQ(test, e2ee_digest_count(other, &max), 1);
	KUNIT_EXPECT_FALSE(test, IS_ERR(add(&init_user_ns)));
	KUNIT_EXPECT_EQ(test, e2ee_digest_count(&init_user_ns, &max),
			E2EE_DIGESTS_PER_SHARE + 2);
	KUNIT_EXPECT_EQ(test, max, E2EE_DIGESTS_MAX);
}

/* however many namespaces he makes */
static void a_user_has_one_share(struct kunit *test)
{
	struct user_namespace *first = made_by(test, &init_user_ns, USER, 1);
	struct user_namespace *second = made_by(test, &init_user_ns, USER, 2);
	struct user_namespace *other = made_by(test, &init_user_ns, USER + 1,
					       3);
	long err;

	KUNIT_EXPECT_EQ(test, fill(first, &err), E2EE_DIGESTS_PER_SHARE);
	KUNIT_EXPECT_EQ(test, fill(second, &err), 0);
	KUNIT_EXPECT_EQ(test, err, -EDQUOT);
	KUNIT_EXPECT_FALSE(test, IS_ERR(add(other)));
}

static void half_is_the_hosts(struct kunit *test)
{
	unsigned int num = E2EE_DIGESTS_MAX / 2 / E2EE_DIGESTS_PER_SHARE;
	struct user_namespace *ns;
	unsigned int i;
	long err;

	for (i = 0; i < num; i++) {
		ns = made_by(test, &init_user_ns, USER + i, i);
		KUNIT_ASSERT_EQ(test, fill(ns, &err), E2EE_DIGESTS_PER_SHARE);
	}
	ns = made_by(test, &init_user_ns, USER + i, i);
	KUNIT_EXPECT_EQ(test, fill(ns, &err), 0);
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	KUNIT_EXPECT_FALSE(test, IS_ERR(add(&init_user_ns)));
}

/* a key that never sent leaves nothing, its share included */
static void what_never_sent_is_not_charged(struct kunit *test)
{
	struct user_namespace *ns = made_by(test, &init_user_ns, 0, 1);
	struct e2ee_digest *never = add(ns), *sent = add(ns);
	u32 max;

	KUNIT_ASSERT_FALSE(test, IS_ERR(never));
	KUNIT_ASSERT_FALSE(test, IS_ERR(sent));
	e2ee_digest_release(never, 0, 0);
	KUNIT_EXPECT_EQ(test, e2ee_digest_count(ns, &max), 1);
	e2ee_digest_release(sent, 0, 1);
	KUNIT_EXPECT_EQ(test, e2ee_digest_count(ns, &max), 1);
}

static struct e2ee_digest *use(u64 digest, u64 ctr)
{
	static const u8 salt[E2EE_SALT_LEN];
	struct e2ee_key_param param = {
		.given = E2EE_KEY_HAS_CTR, .kid = 1, .salt = salt, .ctr = ctr,
	};
	struct e2ee_refusal why;

	return e2ee_digest_use(digest, &param, &init_user_ns, &why);
}

/* where it may start moves with what it sends, and with nothing else */
static void the_start_moves_by_sending(struct kunit *test)
{
	struct e2ee_digest *kept = use(77, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(kept));
	e2ee_digest_release(kept, 0, 10);
	KUNIT_EXPECT_EQ(test, PTR_ERR(use(77, 9)), -EKEYREJECTED);
	kept = use(77, 1000);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kept));
	KUNIT_EXPECT_EQ(test, PTR_ERR(use(77, 1000)), -EEXIST);
	e2ee_digest_release(kept, 1000, 1000);
	KUNIT_EXPECT_EQ(test, PTR_ERR(use(77, 9)), -EKEYREJECTED);
	kept = use(77, 10);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kept));
	e2ee_digest_release(kept, 10, 11);
	KUNIT_EXPECT_EQ(test, PTR_ERR(use(77, 10)), -EKEYREJECTED);
}

static struct kunit_case digest_cases[] = {
	KUNIT_CASE(a_container_has_its_share),
	KUNIT_CASE(a_user_has_one_share),
	KUNIT_CASE(half_is_the_hosts),
	KUNIT_CASE(what_never_sent_is_not_charged),
	KUNIT_CASE(the_start_moves_by_sending),
	{ }
};

static struct kunit_suite digest_suite = {
	.name = "e2ee_digest",
	.init = digest_init,
	.exit = digest_exit,
	.test_cases = digest_cases,
};

kunit_test_suite(digest_suite);
