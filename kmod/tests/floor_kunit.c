// SPDX-License-Identifier: GPL-2.0
/*
 * What is remembered of receiving keys, when it is forgotten, and whom others
 * can make forget.
 */
#include <kunit/test.h>
#include <linux/user_namespace.h>
#include "../floor.h"
#include "digest_small.h"

static int floor_init(struct kunit *test)
{
	return e2ee_floor_init();
}

static void floor_exit(struct kunit *test)
{
	e2ee_floor_exit();
}

/* Install @digest, have it authenticate up to @next, delete it; where it began */
static u64 receive(u64 digest, const struct user_namespace *ns, u64 next)
{
	struct e2ee_floor *floor;
	u64 began = U64_MAX;

	floor = e2ee_floor_get(digest, ns, &began);
	if (floor)
		e2ee_floor_put(floor, next);
	return began;
}

static u32 count(const struct user_namespace *ns)
{
	u64 lost;
	u32 max;

	return e2ee_floor_count(ns, &max, &lost);
}

static u64 lost(const struct user_namespace *ns)
{
	u64 lost;
	u32 max;

	e2ee_floor_count(ns, &max, &lost);
	return lost;
}

static void goes_on_where_it_was(struct kunit *test)
{
	const struct user_namespace *ns = &init_user_ns;

	KUNIT_EXPECT_EQ(test, receive(1, ns, 0), 0);
	KUNIT_EXPECT_EQ(test, count(ns), 0);
	KUNIT_EXPECT_EQ(test, receive(1, ns, 100), 0);
	KUNIT_EXPECT_EQ(test, receive(1, ns, 0), 100);
	KUNIT_EXPECT_EQ(test, receive(1, ns, 50), 100);
	KUNIT_EXPECT_EQ(test, receive(1, ns, 200), 100);
	KUNIT_EXPECT_EQ(test, receive(1, ns, 0), 200);
	KUNIT_EXPECT_EQ(test, receive(2, ns, 0), 0);
	KUNIT_EXPECT_EQ(test, count(ns), 1);
}

static void several_at_once(struct kunit *test)
{
	const struct user_namespace *ns = &init_user_ns;
	struct e2ee_floor *one, *two;
	u64 next;

	one = e2ee_floor_get(1, ns, &next);
	two = e2ee_floor_get(1, ns, &next);
	KUNIT_EXPECT_EQ(test, next, 0);
	e2ee_floor_put(one, 70);
	KUNIT_EXPECT_EQ(test, count(ns), 0);
	KUNIT_EXPECT_EQ(test, receive(1, ns, 0), 70);
	e2ee_floor_put(two, 60);
	KUNIT_EXPECT_EQ(test, count(ns), 1);
	KUNIT_EXPECT_EQ(test, receive(1, ns, 0), 70);
}

static void forgets_the_oldest(struct kunit *test)
{
	const struct user_namespace *ns = &init_user_ns;
	struct e2ee_floor *installed;
	u64 digest, next;

	installed = e2ee_floor_get(1000, ns, &next);
	for (digest = 0; digest < E2EE_FLOORS_HOST; digest++)
		receive(digest, ns, 5);
	/* used again: it is the newest now */
	KUNIT_EXPECT_EQ(test, receive(0, ns, 0), 5);
	KUNIT_EXPECT_EQ(test, count(ns), E2EE_FLOORS_HOST);
	KUNIT_EXPECT_EQ(test, lost(ns), 0);
	receive(digest, ns, 5);
	KUNIT_EXPECT_EQ(test, count(ns), E2EE_FLOORS_HOST);
	KUNIT_EXPECT_EQ(test, lost(ns), 1);
	KUNIT_EXPECT_EQ(test, receive(1, ns, 0), 0);
	KUNIT_EXPECT_EQ(test, receive(0, ns, 0), 5);
	KUNIT_EXPECT_EQ(test, receive(2, ns, 0), 5);
	/* what is installed is never forgotten */
	e2ee_floor_put(installed, 9);
	KUNIT_EXPECT_EQ(test, receive(1000, ns, 0), 9);
}

static void a_container_forgets_its_own(struct kunit *test)
{
	struct user_namespace *ns = kunit_kzalloc(test, sizeof(*ns),
						  GFP_KERNEL);
	u64 digest;

	KUNIT_ASSERT_NOT_NULL(test, ns);
	ns->parent = &init_user_ns;
	ns->owner = KUIDT_INIT(1000);
	receive(1, &init_user_ns, 5);
	for (digest = 2; digest < 200; digest++)
		receive(digest, ns, 5);
	KUNIT_EXPECT_EQ(test, count(ns), E2EE_FLOORS_PER_POOL);
	KUNIT_EXPECT_EQ(test, lost(ns), 198 - E2EE_FLOORS_PER_POOL);
	KUNIT_EXPECT_EQ(test, count(&init_user_ns), 1);
	KUNIT_EXPECT_EQ(test, receive(1, &init_user_ns, 0), 5);
	/* what one of them received, the host knows too */
	KUNIT_EXPECT_EQ(test, receive(199, &init_user_ns, 0), 5);
}

static struct kunit_case floor_cases[] = {
	KUNIT_CASE(goes_on_where_it_was),
	KUNIT_CASE(several_at_once),
	KUNIT_CASE(forgets_the_oldest),
	KUNIT_CASE(a_container_forgets_its_own),
	{ }
};

static struct kunit_suite floor_suite = {
	.name = "e2ee_floor",
	.init = floor_init,
	.exit = floor_exit,
	.test_cases = floor_cases,
};

kunit_test_suite(floor_suite);
